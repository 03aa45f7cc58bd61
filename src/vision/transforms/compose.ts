/** One transform after the other. */
import { ARRAY, requireKind } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { Transform, type TransformDescription, type TransformLike } from './base.ts';

/** What the first transform of a list takes. */
type FirstInput<T extends readonly TransformLike[]> = T extends readonly [TransformLike<infer In>, ...unknown[]]
  ? In
  : never;

/** What the last transform of a list gives. */
type LastOutput<T extends readonly TransformLike[]> = T extends readonly [...unknown[], TransformLike<never, infer Out>]
  ? Out
  : unknown;

/**
 * Runs transforms one after the other. They may be functions of your own, from image to image or on.
 *
 * @throws {@link ArgumentError} for something that is not a function, or an empty list
 * @example
 * ```ts
 * import { Compose, Normalize, RandomHorizontalFlip, RandomRotation, ToTensor } from 'flambeau/vision';
 *
 * const transform = new Compose([
 *   new RandomHorizontalFlip(),
 *   new RandomRotation(10),
 *   new ToTensor(),
 *   new Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
 * ]);
 * console.log(String(transform).split('\n')[1]); //     RandomHorizontalFlip(p=0.5)
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.Compose.html
 */
export class Compose<const T extends readonly TransformLike[]> extends Transform<FirstInput<T>, LastOutput<T>> {
  readonly transforms: T;

  constructor(transforms: T) {
    super(transforms);
    requireKind('Compose', 'the transforms', transforms, ARRAY, 'write new Compose([a, b])');
    const wrong = transforms.findIndex((transform: unknown) => typeof transform !== 'function');
    if (wrong !== -1) throw new ArgumentError(`Compose: transform ${wrong} is not a transform or a function`);
    if (transforms.length === 0) throw new ArgumentError('Compose: expected at least one transform, but got none');
    this.transforms = transforms;
  }

  override forward(input: FirstInput<T>): LastOutput<T> {
    let value: unknown = input;
    for (const transform of this.transforms) value = transform(value as never);
    return value as LastOutput<T>;
  }

  /** @throws {@link ArgumentError} if one of the transforms is a plain function */
  override describe(): TransformDescription {
    return { name: 'Compose', args: [this.transforms.map(describeTransform)] };
  }

  protected override details(): string {
    return this.transforms.map((transform) => `\n    ${transform instanceof Transform ? String(transform) : nameOf(transform)}`).join('') + '\n'; // prettier-ignore
  }
}

const nameOf = (transform: TransformLike): string =>
  `<function ${transform.name === '' ? 'anonymous' : transform.name}>`;

/**
 * A transform as plain data, for another thread.
 *
 * @throws {@link ArgumentError} for a plain function, which cannot be sent to one
 */
export function describeTransform(transform: TransformLike): TransformDescription {
  if (transform instanceof Transform) return transform.describe();
  throw new ArgumentError(
    `DataLoader: the transform ${nameOf(transform)} is a function of your own, which cannot be sent to a worker; use numWorkers: 0`,
  );
}
