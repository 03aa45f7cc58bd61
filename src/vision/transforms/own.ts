/** Transforms of the user's own: a function for a part of a sample, and what a module exports, which works in worker threads, too. */
import type { HostUrl } from '../../base/host-types.ts';
import { arrayOf, FUNCTION, kind, requireKind, TEXT, wrongArgument } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { isNode, nodeModule } from '../../io/bytes/platform.ts';
import { Image } from '../../io/image/image.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { BoundingBoxes, ImageTensor, Mask } from '../tv-tensors.ts';
import { Transform, type TransformDescription, type TransformLike } from './base.ts';
import { leavesOf, withLeaves } from './sample.ts';
import { reason } from '../../io/archive/file-set.ts';

/** Kinds of parts that {@link Lambda} may be for. */
export type PartKind = 'Image' | 'Tensor' | 'ImageTensor' | 'Mask' | 'BoundingBoxes' | 'object';

const KINDS: Readonly<Record<PartKind, (part: unknown) => boolean>> = {
  Image: (part) => part instanceof Image,
  Tensor: (part) => part instanceof Tensor,
  ImageTensor: (part) => part instanceof ImageTensor,
  Mask: (part) => part instanceof Mask,
  BoundingBoxes: (part) => part instanceof BoundingBoxes,
  object: () => true,
};
const KIND = kind(
  "'Image', 'Tensor', 'ImageTensor', 'Mask' or 'BoundingBoxes'",
  (name) => typeof name === 'string' && Object.hasOwn(KINDS, name),
);

/**
 * Runs a function of your own on the parts of a sample, on all or on those of some kinds.
 *
 * @throws {@link ArgumentError} for what is no function, or kinds that there are not
 * @example
 * ```ts
 * import { Image, Lambda } from 'flambeau/vision';
 *
 * const first = new Lambda((image: Image) => image.getPixel(0, 0)[0]);
 * console.log(first(Image.filled(2, 2, 1, [7]))); // 7
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.Lambda.html
 */
export class Lambda<In, Out> extends Transform<In, Out> {
  readonly lambd: (part: In) => Out;
  readonly types: readonly PartKind[];

  constructor(lambd: (part: In) => Out, ...types: readonly PartKind[]) {
    super(lambd, ...types);
    requireKind('Lambda', 'the function', lambd, FUNCTION);
    requireKind('Lambda', 'the kinds', types, arrayOf(KIND, 'kinds'));
    this.lambd = lambd;
    this.types = types.length === 0 ? ['object'] : types;
  }

  override forward(...inputs: readonly unknown[]): Out {
    const sample = inputs.length === 1 ? inputs[0] : inputs;
    const leaves = leavesOf('Lambda', sample);
    const changed = leaves.map((part) => (this.types.some((name) => KINDS[name](part)) ? this.lambd(part as In) : part));
    return (sample === leaves[0] ? changed[0] : withLeaves(sample, changed[Symbol.iterator]())) as Out;
  }

  protected override details(): string {
    const { name } = this.lambd;
    return `${name === '' ? '<lambda>' : name}, types=[${this.types.map((type) => `'${type}'`).join(', ')}]`;
  }
}

/**
 * Leaves everything as it is.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.Identity.html
 */
export class IdentityTransform extends Transform<Image, Image> {
  static override readonly name: string = 'Identity';

  override forward(...inputs: readonly unknown[]): Image {
    return (inputs.length === 1 ? inputs[0] : inputs) as Image;
  }

  protected override details(): string {
    return '';
  }
}

// ---- what a module exports

type Exports = Readonly<Record<string, unknown>>;

/** Modules that have been imported here. */
const loaded = new Map<string, Exports>();

/** What a transform of a module is made of. */
interface Origin {
  readonly url: string;
  readonly name: string;
  readonly args: readonly unknown[];
}

const isClass = (value: unknown): boolean => typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));

/** A transform that a module exports; see {@link fromModule}. */
export class ModuleTransform extends Transform<Image, unknown> {
  readonly url: string;
  readonly exportName: string;
  readonly #run: TransformLike;

  /** @internal The module has been imported. */
  constructor(origin: Origin) {
    super(origin);
    this.url = origin.url;
    this.exportName = origin.name;
    this.#run = transformOf(origin);
  }

  override forward(...inputs: readonly unknown[]): unknown {
    return (this.#run as (...parts: readonly unknown[]) => unknown)(...inputs);
  }

  override describe(): TransformDescription {
    return { name: 'ModuleTransform', args: this.args };
  }

  protected override details(): string {
    return `${this.url.split('/').at(-1)!}, ${this.exportName}`;
  }
}

function transformOf({ url, name, args }: Origin): TransformLike {
  const exported = loaded.get(url)?.[name];
  if (typeof exported !== 'function') {
    const known = Object.keys(loaded.get(url) ?? {});
    throw new ArgumentError(
      `fromModule: ${url} exports no function '${name}'; it exports ${known.length === 0 ? 'nothing' : known.join(', ')}`,
    );
  }
  if (!isClass(exported) && args.length === 0) return exported as TransformLike;
  const make = exported as (new (...given: readonly unknown[]) => unknown) & ((...given: readonly unknown[]) => unknown);
  const made = isClass(exported) ? new make(...args) : make(...args);
  if (typeof made === 'function') return made as TransformLike;
  throw wrongArgument('fromModule', `what '${name}' makes of its arguments`, 'a transform or a function', made);
}

async function load(url: string): Promise<void> {
  if (loaded.has(url)) return;
  try {
    loaded.set(url, (await import(/* webpackIgnore: true */ /* @vite-ignore */ url)) as Exports);
  } catch (cause) {
    throw new ArgumentError(`fromModule: ${url} cannot be imported: ${reason(cause)}`, { cause });
  }
}

const PLACE = kind(
  "a URL (new URL('./own.js', the URL of your module)) or a path",
  (value) => value instanceof URL || (typeof value === 'string' && value !== ''),
);

/**
 * A transform of your own that also runs in the worker threads of a `DataLoader`, which import the module by themselves. What the module exports
 * under the name is the transform itself, a function from image to image or on; with arguments it is a function that makes one of
 * them, or a class.
 *
 * @param module - `new URL('./own.js', import.meta.url)`, or a path, which counts from the working directory
 * @param exportName - default `'default'`
 * @param args - plain data, which workers get as well
 * @throws {@link ArgumentError} for a module that cannot be imported or does not export that
 * @example
 * ```ts
 * import { fromModule, Image } from 'flambeau/vision';
 *
 * // The module would be a file: new URL('./own.js', import.meta.url)
 * const module = new URL('data:text/javascript,export const first = (image) => image.data[0];');
 * const first = await fromModule(module, 'first');
 * console.log(first(Image.filled(1, 1, 1, [9]))); // 9
 * ```
 */
export async function fromModule(module: string | HostUrl, exportName = 'default', ...args: readonly unknown[]): Promise<ModuleTransform> {
  requireKind('fromModule', 'the module', module, PLACE);
  requireKind('fromModule', 'the name', exportName, TEXT);
  const url = urlOf(module);
  await load(url);
  return new ModuleTransform({ url, name: exportName, args });
}

function urlOf(module: string | HostUrl): string {
  if (typeof module !== 'string') return module.href;
  if (/^[a-z]{2,}:/i.test(module) || !isNode) return module;
  return nodeModule('url', 'fromModule', '').pathToFileURL(module).href;
}

/** Imports the modules that a description names, before it is made again. */
export async function loadModules({ name, args }: TransformDescription): Promise<void> {
  if (name === 'ModuleTransform') await load((args[0] as Origin).url);
  const within = args.flatMap((arg) => (Array.isArray(arg) ? (arg as readonly unknown[]) : []));
  for (const part of within) {
    if (typeof part === 'object' && part !== null && 'name' in part && 'args' in part) await loadModules(part as TransformDescription);
  }
}
