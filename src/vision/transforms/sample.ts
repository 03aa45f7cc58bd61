/**
 * Transforms of samples: a picture, or arrays and objects that hold pictures, masks and boxes, all of which are changed alike. What is drawn at
 * random is drawn once for the whole sample, as torchvision does (https://pytorch.org/vision/stable/auto_examples/transforms/plot_custom_transforms.html).
 */
import { kind, show } from '../../base/arguments.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { Image } from '../../io/image/image.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { FILL_VALUE, type Fill } from '../functional/arguments.ts';
import type { Visual } from '../functional/planes.ts';
import { getDimensions, getSize } from '../functional/shape.ts';
import { BoundingBoxes, ImageTensor, isPureTensor, Mask } from '../tv-tensors.ts';
import { requireProbability, Transform } from './base.ts';
import { happens } from './random.ts';

/** How deep a sample may be nested. */
const MAX_DEPTH = 100;

const isContainer = (value: unknown): value is object =>
  Array.isArray(value) ||
  (typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value) as null));

/** What a sample holds, in order: what is in arrays and objects by itself. */
export function leavesOf(op: string, sample: unknown, into: unknown[] = [], depth = 0): unknown[] {
  if (depth > MAX_DEPTH) throw new ArgumentError(`${op}: a sample is nested more than ${MAX_DEPTH} deep, or contains itself`);
  if (!isContainer(sample)) into.push(sample);
  else for (const part of Object.values(sample)) leavesOf(op, part, into, depth + 1);
  return into;
}

/** The sample with other leaves. */
export function withLeaves(sample: unknown, leaves: Iterator<unknown>): unknown {
  if (!isContainer(sample)) return leaves.next().value;
  if (Array.isArray(sample)) return sample.map((part) => withLeaves(part, leaves));
  return Object.fromEntries(Object.entries(sample).map(([name, part]) => [name, withLeaves(part, leaves)]));
}

/** Whether it is a picture: an image, or a tensor that is not something else. */
export const isPicture = (value: unknown): value is Image | Tensor =>
  value instanceof Image || value instanceof ImageTensor || isPureTensor(value);

/**
 * Which of the leaves are to be changed. Of plain tensors, which may be anything, only the first one is a picture, and none where the sample
 * has a picture that says so.
 */
export function chosen(leaves: readonly unknown[], takes: (leaf: unknown) => boolean): boolean[] {
  let mayTakePure = !leaves.some((leaf) => leaf instanceof Image || leaf instanceof ImageTensor);
  return leaves.map((leaf) => {
    if (!takes(leaf)) return false;
    if (!isPureTensor(leaf)) return true;
    const isTaken = mayTakePure;
    mayTakePure = false;
    return isTaken;
  });
}

/**
 * A transform of samples. Yours says in `transform` what becomes of each part, and in `makeParams` what is drawn once for all of them.
 *
 * @example
 * ```ts
 * import { functional as F, Image, SampleTransform } from 'flambeau/vision';
 *
 * class Darken extends SampleTransform {
 *   transform(picture: Image) {
 *     return F.adjustBrightness(picture, 0.5);
 *   }
 *   details() {
 *     return '';
 *   }
 * }
 * const [dark, label] = new Darken()(Image.filled(1, 1, 1, [100]), 7);
 * console.log(dark.data, label); // Uint8Array(1) [ 50 ] 7
 * ```
 */
export abstract class SampleTransform<P = unknown, In = Image, Out = Image> extends Transform<In, Out> {
  /** What becomes of a part that {@link SampleTransform.takes}; it is an image, a tensor, a mask or boxes. */
  abstract transform(input: Visual, params: P): unknown;

  /** What is drawn once for a sample, from those of its parts that are changed. */
  makeParams(_parts: readonly Visual[]): P {
    return undefined as P;
  }

  /** Whether a part is changed; pictures, masks and boxes are, by default. */
  protected takes(part: unknown): part is Visual {
    return part instanceof Image || part instanceof Tensor;
  }

  /** What a sample must have. */
  protected check(_leaves: readonly unknown[]): void {
    // Most transforms take what comes.
  }

  /** Whether the sample is left as it is; drawn before anything else is. */
  protected passes(): boolean {
    return false;
  }

  override forward(...inputs: readonly unknown[]): Out {
    const sample = inputs.length === 1 ? inputs[0] : inputs;
    const { name } = this.constructor;
    const leaves = leavesOf(name, sample);
    if (!leaves.some((leaf) => leaf instanceof Image || leaf instanceof Tensor)) {
      throw new ArgumentError(`${name}: expected an Image, a tensor, or a sample with one, but got ${show(inputs[0])}`);
    }
    this.check(leaves);
    if (this.passes()) return sample as Out;
    const isChosen = chosen(leaves, (leaf) => this.takes(leaf));
    const params = this.makeParams(leaves.filter((_, i) => isChosen[i]) as Visual[]);
    const changed = leaves.map((leaf, i) => (isChosen[i] === true ? this.transform(leaf as Visual, params) : leaf));
    return (isContainer(sample) ? withLeaves(sample, changed[Symbol.iterator]()) : changed[0]) as Out;
  }
}

/** A transform that changes a sample with probability `p`. */
export abstract class RandomTransform<P = unknown> extends SampleTransform<P> {
  readonly p: number;

  constructor(p: number, ...args: readonly unknown[]) {
    super(...args);
    this.p = requireProbability(this.constructor.name, p);
  }

  protected override passes(): boolean {
    return !happens(this.p);
  }
}

/** Whether it has colours: masks and boxes have none. */
export const hasColours = (part: unknown): part is Visual => isPicture(part);

/**
 * Height and width of the pictures, masks and boxes of a sample.
 * @throws ShapeError when they differ, or there are none
 */
export function sizeOfSample(op: string, parts: readonly unknown[]): readonly [height: number, width: number] {
  const sizes = parts.filter((part) => isPicture(part) || part instanceof Mask || part instanceof BoundingBoxes).map(getSize);
  const [first] = sizes;
  if (first === undefined) throw new ArgumentError(`${op}: there is no picture in the sample`);
  const other = sizes.find((size) => size[0] !== first[0] || size[1] !== first[1]);
  if (other !== undefined)
    throw new ShapeError(
      `${op}: the parts of the sample are of ${first.join('x')} and of ${other.join('x')} (height x width), so they cannot be changed alike`,
    );
  return first;
}

/**
 * Channels, height and width of the pictures of a sample.
 * @throws ShapeError when they differ, or there are none
 */
export function dimensionsOfSample(op: string, parts: readonly unknown[]): readonly [channels: number, height: number, width: number] {
  const all = parts.filter(isPicture).map(getDimensions);
  const [first] = all;
  if (first === undefined) throw new ArgumentError(`${op}: there is no picture in the sample`);
  const other = all.find((dimensions) => dimensions.some((size, i) => size !== first[i]));
  if (other !== undefined)
    throw new ShapeError(
      `${op}: the pictures of the sample are of ${first.join('x')} and of ${other.join('x')} (channels x height x width), so they cannot be changed alike`,
    );
  return first;
}

/** A colour for everything, or one for each kind: torchvision's `fill={tv_tensors.Image: 127, tv_tensors.Mask: 0}`. */
export type FillByKind = Fill | FillTable;

/** Colours by kind; `others` for what is not named. */
export interface FillTable {
  readonly Image?: Fill;
  readonly Tensor?: Fill;
  readonly Mask?: Fill;
  readonly others?: Fill;
}

const isTable = (value: unknown): value is FillTable => typeof value === 'object' && value !== null && !Array.isArray(value);
const FILL_TABLE = kind('a number, an array of numbers, null, or { Image, Tensor, Mask, others } of such', (value) => {
  if (!isTable(value)) return FILL_VALUE.accepts(value);
  return Object.entries(value).every(([name, fill]) => ['Image', 'Tensor', 'Mask', 'others'].includes(name) && FILL_VALUE.accepts(fill));
});

export { FILL_TABLE as FILL };

/** The colour for a part. */
export function fillFor(part: Visual, fill: FillByKind): Fill {
  if (!isTable(fill)) return fill;
  const kindName = part instanceof Mask ? 'Mask' : part instanceof Image || part instanceof ImageTensor ? 'Image' : 'Tensor';
  return fill[kindName] ?? fill.others ?? null;
}
