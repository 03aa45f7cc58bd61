/**
 * What every transform is: a function with a description. `new ToTensor()` can be called like a function, prints as torchvision
 * prints it, and can be made again in another thread from its name and arguments.
 */
import { arrayOf, either, NUMBER, PROBABILITY, requireKind } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import type { Image } from '../../io/image/image.ts';
import { requireImage } from '../require-image.ts';

export { requireImage };

/** A transform's name and the arguments it was made with: plain data. */
export interface TransformDescription {
  readonly name: string;
  readonly args: readonly unknown[];
}

/** Anything that takes a sample and gives another: a transform or a function of the user's. */
export type TransformLike<In = never, Out = unknown> = (input: In) => Out;

/** A base class whose instances are functions, as those of modules are: the constructor returns one with the class's prototype. */
const Callable = function (): unknown {
  const call = (input: unknown): unknown => (call as unknown as Transform<unknown, unknown>).forward(input);
  return Object.setPrototypeOf(call, new.target.prototype as object);
} as unknown as abstract new <In, Out>() => TransformLike<In, Out>;

/** A transform; `transform(sample)` runs `transform.forward(sample)`. */
export abstract class Transform<In, Out> extends Callable<In, Out> {
  /** The arguments that make the same transform again. */
  readonly args: readonly unknown[];

  constructor(...args: readonly unknown[]) {
    super();
    this.args = args;
  }

  abstract forward(input: In): Out;

  /** What torchvision prints between the parentheses. */
  protected abstract details(): string;

  describe(): TransformDescription {
    return { name: this.constructor.name, args: this.args };
  }

  override toString(): string {
    return `${this.constructor.name}(${this.details()})`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** A transform from image to image. */
export abstract class ImageTransform extends Transform<Image, Image> {
  /** Changes an image; it has been checked to be one. */
  abstract transform(image: Image): Image;

  override forward(image: Image): Image {
    return this.transform(requireImage(this.constructor.name, image));
  }
}

const SIZE_OR_SIZES = either(NUMBER, arrayOf(NUMBER, 'numbers'));

/** `(32, 32)` */
export const tuple = (values: readonly number[]): string => `(${values.join(', ')})`;

/** `[0.5, 0.5, 0.5]` */
export const list = (values: readonly number[]): string => `[${values.join(', ')}]`;

/**
 * Height and width of a size that may be one number for both.
 *
 * @throws {@link ArgumentError} unless they are whole and at least 1
 */
export function heightAndWidth(operation: string, size: number | readonly number[]): readonly [number, number] {
  requireKind(operation, 'the size', size, SIZE_OR_SIZES);
  const sizes = typeof size === 'number' ? [size, size] : size.length === 1 ? [size[0]!, size[0]!] : [...size];
  if (sizes.length !== 2 || sizes.some((value) => !Number.isInteger(value) || value < 1)) {
    throw new ArgumentError(
      `${operation}: expected a size of at least 1 or [height, width], but got ${JSON.stringify(size)}`,
    );
  }
  return [sizes[0]!, sizes[1]!];
}

/** @throws {@link ArgumentError} unless 0 ≤ p ≤ 1. */
export function requireProbability(operation: string, p: number): number {
  requireKind(operation, 'p', p, PROBABILITY);
  return p;
}
