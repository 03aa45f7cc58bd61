/** What stands in a loaded checkpoint for a value that only running code could make. */
import { FormatError } from '../../base/errors.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { CheckpointKey, CheckpointValue } from '../checkpoint-value.ts';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** What a {@link Placeholder} is made with. */
export interface PlaceholderParts {
  readonly module: string;
  readonly name: string;
  readonly text: () => string;
}

/**
 * A value of a checkpoint that has no counterpart here: an object of a class of Python, a function or class by its name, a tensor of a kind that
 * Flambeau does not have. What the file says of it is there to be looked at; nothing of it was run, imported or looked for.
 *
 * It is no Map, no array and no tensor, and says so: to use it as one throws a FormatError that names it.
 * @example
 * import { deserialize, serialize, Placeholder } from 'flambeau/files';
 * const checkpoint = deserialize<Map<string, unknown>>(serialize({ epoch: 3 }));
 * const args = checkpoint.get('args'); // say, an argparse.Namespace
 * if (args instanceof Placeholder) console.log(args.className, args.state);
 */
export class Placeholder {
  /** Module of the class or function, such as `argparse`. */
  readonly module: string;
  /** Its name within the module, such as `Namespace`. */
  readonly name: string;
  /** False when it is the class or function itself, and not an object of it. */
  readonly isObject: boolean = true;
  /** What the class or function would have been called with. */
  readonly args: readonly CheckpointValue[] = [];
  /** The same, by name. */
  readonly kwargs: ReadonlyMap<CheckpointKey, CheckpointValue> = new Map();
  /** What the object would have been given as its state: most often a Map of its attributes. */
  readonly state: CheckpointValue | undefined = undefined;
  /** Items of a list of a class of its own. */
  readonly listItems: readonly CheckpointValue[] | undefined = undefined;
  /** Items of a dictionary of a class of its own. */
  readonly dictItems: ReadonlyMap<CheckpointKey, CheckpointValue> | undefined = undefined;
  readonly #text: () => string;

  /** @internal */
  constructor({ module, name, text }: PlaceholderParts) {
    this.module = module;
    this.name = name;
    this.#text = text;
  }

  /** Module and name: `argparse.Namespace`. */
  get className(): string {
    return `${this.module}.${this.name}`;
  }

  /** What it is, on one line. */
  toString(): string {
    return this.#text();
  }

  [Symbol.toPrimitive](hint: 'string' | 'number' | 'default'): string {
    if (hint === 'number') throw this.refusal('arithmetic');
    return this.toString();
  }

  /** What to say to who uses it as something else. */
  refusal(operation: string): FormatError {
    const { state, listItems, dictItems } = this;
    const places = Object.entries({ args: this.args.length > 0 || undefined, state, listItems, dictItems });
    const held = places.filter(([, part]) => part !== undefined).map(([name]) => `.${name}`);
    const where = held.length === 0 ? '' : `; what the file says of it is in ${held.join(', ')}`;
    return new FormatError(
      `${operation}: this value of the checkpoint is a placeholder for ${this.toString()}, which only running Python could make${where}`,
    );
  }

  [INSPECT](): string {
    return `Placeholder { ${this.toString()} }`;
  }
}

/**
 * Whatever Maps, arrays and tensors can do is there and refuses, so that nobody goes on with `undefined`, or meets a TypeError that does not
 * say what the value is.
 */
for (const { prototype } of [Map, Array, Tensor] as readonly { prototype: object }[]) {
  for (const name of Reflect.ownKeys(prototype)) {
    if (name in Placeholder.prototype || name === Symbol.toStringTag || name === Symbol.unscopables) continue;
    Object.defineProperty(Placeholder.prototype, name, {
      configurable: true,
      get(this: Placeholder) {
        // Node and test runners look at prototypes themselves.
        if (this === Placeholder.prototype) return undefined;
        throw this.refusal(String(name));
      },
    });
  }
}
