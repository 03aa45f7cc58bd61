/** Transforms of transforms: one after the other, sometimes, one of them, in another order. */
import { ARRAY, arrayOf, NOT_NEGATIVE, requireKind, requireOptions, wrongArgument } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { pythonFloat } from '../../base/python-format.ts';
import type { Image } from '../../io/image/image.ts';
import { list, requireProbability, Transform, type TransformDescription, type TransformLike } from './base.ts';
import { happens, permutation, pick } from './random.ts';

/** What the first transform of a list takes. */
type FirstInput<T extends readonly TransformLike[]> = T extends readonly [TransformLike<infer In>, ...unknown[]] ? In : never;

/** What the last transform of a list gives. */
type LastOutput<T extends readonly TransformLike[]> = T extends readonly [...unknown[], TransformLike<never, infer Out>] ? Out : unknown;

/** @throws {@link ArgumentError} unless they are functions, and some */
function requireTransforms(op: string, transforms: readonly TransformLike[]): void {
  requireKind(op, 'the transforms', transforms, ARRAY, `write new ${op}([a, b])`);
  const wrong = transforms.findIndex((transform: unknown) => typeof transform !== 'function');
  if (wrong !== -1) throw new ArgumentError(`${op}: transform ${wrong} is not a transform or a function`);
  if (transforms.length === 0) throw new ArgumentError(`${op}: expected at least one transform, but got none`);
}

/** One transform after the other; several things at once go on as an array. */
function inTurn(transforms: readonly TransformLike[], inputs: readonly unknown[]): unknown {
  let value: unknown = inputs.length === 1 ? inputs[0] : inputs;
  for (const transform of transforms) value = transform(value as never);
  return value;
}

const shown = (transform: TransformLike): string => (transform instanceof Transform ? String(transform) : nameOf(transform));
const indented = (transforms: readonly TransformLike[]): string => transforms.map((transform) => `    ${shown(transform)}`).join('\n');

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
 * console.log(String(transform).split('\n')[1]); //       RandomHorizontalFlip(p=0.5)
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.Compose.html
 */
export class Compose<const T extends readonly TransformLike[]> extends Transform<FirstInput<T>, LastOutput<T>> {
  readonly transforms: T;

  constructor(transforms: T) {
    super(transforms);
    requireTransforms('Compose', transforms);
    this.transforms = transforms;
  }

  override forward(...inputs: readonly unknown[]): LastOutput<T> {
    return inTurn(this.transforms, inputs) as LastOutput<T>;
  }

  /** @throws {@link ArgumentError} if one of the transforms is a plain function */
  override describe(): TransformDescription {
    return { name: 'Compose', args: [this.transforms.map(describeTransform)] };
  }

  protected override details(): string {
    return indented(this.transforms);
  }
}

/**
 * Runs transforms one after the other with probability `p`, else none of them.
 *
 * @throws {@link ArgumentError} for something that is not a function, an empty list, and unless 0 ≤ p ≤ 1
 * @example
 * ```ts
 * import { GaussianBlur, RandomApply } from 'flambeau/vision';
 *
 * console.log(String(new RandomApply([new GaussianBlur(3)], 0.2)));
 * // RandomApply(    GaussianBlur(kernel_size=(3, 3), sigma=[0.1, 2.0]))
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomApply.html
 */
export class RandomApply extends Transform<Image, Image> {
  readonly transforms: readonly TransformLike[];
  readonly p: number;

  constructor(transforms: readonly TransformLike[], p = 0.5) {
    super(transforms, p);
    requireTransforms('RandomApply', transforms);
    this.transforms = transforms;
    this.p = requireProbability('RandomApply', p);
  }

  override forward(...inputs: readonly unknown[]): Image {
    const whole = inputs.length === 1 ? inputs[0] : inputs;
    return (happens(this.p) ? inTurn(this.transforms, inputs) : whole) as Image;
  }

  override describe(): TransformDescription {
    return { name: 'RandomApply', args: [this.transforms.map(describeTransform), this.p] };
  }

  protected override details(): string {
    return indented(this.transforms);
  }
}

/** Options of {@link RandomChoice}. */
export interface RandomChoiceOptions {
  /** How often each is drawn compared with the others; by default all alike. */
  readonly p?: readonly number[];
}

/**
 * Runs one of the transforms, drawn at random.
 *
 * @throws {@link ArgumentError} for something that is not a function, an empty list, and other numbers of probabilities than transforms
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomChoice.html
 */
export class RandomChoice extends Transform<Image, Image> {
  readonly transforms: readonly TransformLike[];
  readonly p: readonly number[];

  constructor(transforms: readonly TransformLike[], options: RandomChoiceOptions = {}) {
    super(transforms, options);
    requireTransforms('RandomChoice', transforms);
    const given = requireOptions<RandomChoiceOptions>(
      'RandomChoice',
      options,
      { p: arrayOf(NOT_NEGATIVE, 'numbers ≥ 0') },
      '{ p: [1, 2] }',
    );
    const p = given.p ?? transforms.map(() => 1);
    const total = p.reduce((sum, one) => sum + one, 0);
    if (p.length !== transforms.length || !(total > 0))
      throw wrongArgument('RandomChoice', 'p', `${transforms.length} numbers, one for each transform, not all 0`, p);
    this.transforms = transforms;
    this.p = p.map((one) => one / total);
  }

  override forward(...inputs: readonly unknown[]): Image {
    return inTurn([this.transforms[pick(this.p)]!], inputs) as Image;
  }

  override describe(): TransformDescription {
    return { name: 'RandomChoice', args: [this.transforms.map(describeTransform), { p: this.p }] };
  }

  protected override details(): string {
    return `transforms=[${this.transforms.map(shown).join(', ')}], p=${list(this.p, pythonFloat)}`;
  }
}

/**
 * Runs all transforms, in random order.
 *
 * @throws {@link ArgumentError} for something that is not a function, or an empty list
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomOrder.html
 */
export class RandomOrder extends Transform<Image, Image> {
  readonly transforms: readonly TransformLike[];

  constructor(transforms: readonly TransformLike[]) {
    super(transforms);
    requireTransforms('RandomOrder', transforms);
    this.transforms = transforms;
  }

  override forward(...inputs: readonly unknown[]): Image {
    const order = permutation(this.transforms.length);
    return inTurn(
      order.map((i) => this.transforms[i]!),
      inputs,
    ) as Image;
  }

  override describe(): TransformDescription {
    return { name: 'RandomOrder', args: [this.transforms.map(describeTransform)] };
  }

  protected override details(): string {
    return `transforms=[${this.transforms.map(shown).join(', ')}]`;
  }
}

const nameOf = (transform: TransformLike): string => `<function ${transform.name === '' ? 'anonymous' : transform.name}>`;

/**
 * A transform as plain data, for another thread.
 *
 * @throws {@link ArgumentError} for a plain function, which cannot be sent to one
 */
export function describeTransform(transform: TransformLike): TransformDescription {
  if (transform instanceof Transform) return transform.describe();
  throw new ArgumentError(
    `DataLoader: the transform ${nameOf(transform)} is a function of your own, which cannot be sent to a worker; put it into a module of its own and write ` +
      "await fromModule(url, 'name'), or use numWorkers: 0",
  );
}
