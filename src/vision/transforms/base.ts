/**
 * What every transform is: a function with a description. `new ToTensor()` can be called like a function, prints as torchvision
 * prints it, and can be made again in another thread from its name and arguments.
 */
import { PROBABILITY, requireKind } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { pythonFloat } from '../../base/python-format.ts';
import type { Image } from '../../io/image/image.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { requireImage } from '../require-image.ts';
import type { TVTensor } from '../tv-tensors.ts';

export { requireImage };

/** A transform's name and the arguments it was made with: plain data. */
export interface TransformDescription {
  readonly name: string;
  readonly args: readonly unknown[];
}

/** Anything that takes a sample and gives another: a transform or a function of the user's. */
export type TransformLike<In = never, Out = unknown> = (input: In) => Out;

/** What becomes of a sample: what the transform takes changes wherever it stands in arrays and objects, the rest stays as it is. */
export type Transformed<T, In, Out> = T extends TVTensor
  ? T
  : T extends In
    ? Out
    : T extends Image | Tensor
      ? T
      : T extends readonly unknown[]
        ? { -readonly [K in keyof T]: Transformed<T[K], In, Out> }
        : T extends Readonly<Record<string, unknown>>
          ? { -readonly [K in keyof T]: Transformed<T[K], In, Out> }
          : T;

/** How transforms are called: with a picture, a sample that holds some, or several things at once, which come back as an array. */
export interface Call<In, Out> {
  <const T>(sample: T): Transformed<T, In, Out>;
  <const T extends readonly [unknown, unknown, ...unknown[]]>(...samples: T): Transformed<T, In, Out>;
  (input: In): Out;
}

/** A base class whose instances are functions, as those of modules are: the constructor returns one with the class's prototype. */
const Callable = function (): unknown {
  const call = (input: unknown, ...more: readonly unknown[]): unknown =>
    (call as unknown as Transform<unknown, unknown>).forward(input, ...more);
  return Object.setPrototypeOf(call, new.target.prototype as object);
} as unknown as abstract new <In, Out>() => Call<In, Out>;

/** A transform; `transform(sample)` runs `transform.forward(sample)`. */
export abstract class Transform<In, Out> extends Callable<In, Out> {
  /** The arguments that make the same transform again. */
  readonly args: readonly unknown[];

  constructor(...args: readonly unknown[]) {
    super();
    this.args = args;
  }

  abstract forward(input: In, ...more: readonly unknown[]): Out;

  /** What torchvision prints between the parentheses. */
  protected abstract details(): string;

  /** @throws {@link ArgumentError} when a function is among the arguments */
  describe(): TransformDescription {
    const { name } = this.constructor;
    if (this.args.some(holdsFunction))
      throw new ArgumentError(
        `DataLoader: ${name} has a function of your own, which cannot be sent to a worker; put the transform into a module and write await fromModule(url, name), or use numWorkers: 0`,
      );
    return { name, args: this.args };
  }

  override toString(): string {
    const lines = this.details().split('\n');
    const details = lines.length === 1 ? lines[0]! : `\n${lines.map((line) => `  ${line}\n`).join('')}`;
    return `${this.constructor.name}(${details})`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

const holdsFunction = (value: unknown): boolean =>
  typeof value === 'function' ||
  (typeof value === 'object' &&
    value !== null &&
    !ArrayBuffer.isView(value) &&
    Object.values(value).some((part) => typeof part === 'function'));

/** A transform from image to image. */
export abstract class ImageTransform extends Transform<Image, Image> {
  /** Changes an image; it has been checked to be one. */
  abstract transform(image: Image): Image;

  override forward(image: Image): Image {
    return this.transform(requireImage(this.constructor.name, image));
  }
}

/** As Python prints a number: whole ones as integers. */
const number = (value: number): string => (Number.isInteger(value) ? String(value) : pythonFloat(value));

/** `(32, 32)` */
export const tuple = (values: readonly number[], print = number): string => `(${values.map(print).join(', ')})`;

/** `[0.5, 0.5, 0.5]` */
export const list = (values: readonly number[], print = number): string => `[${values.map(print).join(', ')}]`;

/** `fill=0`, `fill=[1, 2, 3]`; what is null is not printed. */
export const shownFill = (fill: unknown): string => {
  if (typeof fill === 'number') return `, fill=${number(fill)}`;
  return Array.isArray(fill) ? `, fill=${list(fill as readonly number[])}` : '';
};

/** @throws {@link ArgumentError} unless 0 ≤ p ≤ 1. */
export function requireProbability(operation: string, p: number): number {
  requireKind(operation, 'p', p, PROBABILITY);
  return p;
}
