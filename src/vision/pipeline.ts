/**
 * The fast way from images to a batch: transforms of images one by one, then `ToTensor` and `Normalize` fused into one table of 256
 * floats for each channel, written straight into the batch. The floats are those of the separate steps, bit for bit.
 */
import { show } from '../base/arguments.ts';
import { isHalf, type TypedArray } from '../base/dtype.ts';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.ts';
import { sameDims, showShape, type Dims } from '../base/shape.ts';
import { copyInto, rawArray, type PlainTensor } from '../data/raw.ts';
import type { Image } from '../io/image/image.ts';
import { roundHalfEven } from '../io/image/round.ts';
import { Tensor } from '../tensor/tensor.ts';
import { requireImage, type TransformLike } from './transforms/base.ts';
import type { ResizingOf } from './resized-file.ts';
import { FILTERS, type FilterName } from './functional/resample.ts';
import type { Resizing } from './resize.ts';
import { CenterCrop, RandomResizedCrop, Resize } from './transforms/geometry.ts';
import { Normalize, ToTensor, UNIT_VALUES, writeChannels } from './transforms/tensors.ts';
import { Compose } from './transforms/compose.ts';

/** Images by position in a batch, and what messages call them. */
export interface BatchImages {
  readonly length: number;
  load(position: number): Image;
  /** The image resized: see {@link ImageSource.resized}. */
  resized(position: number, choose: ResizingOf): Image;
  name(position: number): string;
}

/** A transform that ends in `ToTensor` and any number of `Normalize`. */
export class ImagePipeline {
  readonly #steps: readonly TransformLike[];
  readonly #normalize: readonly Normalize[];
  /** By number of channels. */
  readonly #tables = new Map<number, Float32Array>();

  private constructor(steps: readonly TransformLike[], normalize: readonly Normalize[]) {
    this.#steps = steps;
    this.#normalize = normalize;
  }

  /** The pipeline of a transform; undefined if it has another form. */
  static of(transform: TransformLike | undefined): ImagePipeline | undefined {
    const steps = flatten(transform);
    const last = steps.findIndex((step) => step instanceof ToTensor);
    const after = steps.slice(last + 1);
    if (last === -1 || !after.every((step) => step instanceof Normalize)) return undefined;
    return new ImagePipeline(steps.slice(0, last), after);
  }

  /**
   * The images of a batch, transformed, as [n, channels, height, width] of float32.
   *
   * @throws {@link ShapeError} when they come out with different sizes
   */
  batch(images: BatchImages): PlainTensor {
    let out = new Float32Array(0);
    let first: Image | undefined;
    for (let i = 0; i < images.length; i++) {
      const image = this.#transform(images, i);
      if (first === undefined) {
        first = image;
        out = new Float32Array(images.length * image.data.length);
      }
      if (image.width !== first.width || image.height !== first.height || image.channels !== first.channels) {
        throw new ShapeError(
          `DataLoader: ${JSON.stringify(images.name(0))} is ${sizeOf(first)} and ${JSON.stringify(images.name(i))} is ${sizeOf(image)} ` +
            '(channels x height x width), so they cannot be one batch; put Resize([height, width]) or Resize and CenterCrop into the transform',
        );
      }
      writeChannels(image, this.#table(image.channels), out, i * image.data.length);
    }
    const { channels = 0, height = 0, width = 0 } = first ?? {};
    return { dtype: 'float32', shape: [images.length, channels, height, width], data: out };
  }

  #transform(images: BatchImages, position: number): Image {
    const steps = this.#steps;
    let done = 0;
    const choose = firstResizing(steps, (count) => (done = count));
    let value: unknown = choose === undefined ? images.load(position) : images.resized(position, choose);
    for (const step of steps.slice(done)) value = step(value as never);
    return requireImage('ToTensor', value);
  }

  #table(channels: number): Float32Array {
    const known = this.#tables.get(channels);
    if (known !== undefined) return known;
    const table = new Float32Array(256 * channels);
    for (let channel = 0; channel < channels; channel++) table.set(UNIT_VALUES, 256 * channel);
    for (const { mean, std } of this.#normalize) {
      for (let i = 0; i < table.length; i++) {
        const channel = i >> 8;
        const centred = Math.fround(table[i]! - Math.fround(mean[channel % mean.length]!));
        table[i] = centred / Math.fround(std[channel % std.length]!);
      }
    }
    for (const step of this.#normalize) step.requireChannels(channels, `images`);
    this.#tables.set(channels, table);
    return table;
  }
}

/**
 * The images of a batch, each by a transform that gives a tensor, one after the other: any transform at all, for worker threads.
 *
 * @throws {@link ArgumentError} when it gives something else
 * @throws {@link ShapeError} when the tensors have different shapes
 */
export function tensorBatch(transform: (image: Image) => unknown, images: BatchImages): PlainTensor {
  let first: Tensor | undefined;
  let out: TypedArray = new Uint8Array(0);
  for (let i = 0; i < images.length; i++) {
    const x = transform(images.load(i));
    if (!(x instanceof Tensor))
      throw new ArgumentError(
        `DataLoader: in a worker thread the transform has to give tensors, but it gives ${show(x)}; end it with ToTensor(), or use numWorkers: 0`,
      );
    if (isHalf(x.dtype))
      throw new DTypeError(
        `DataLoader: in a worker thread tensors of dtype ${x.dtype} cannot be stacked; convert batches behind the loader`,
      );
    if (first === undefined) {
      first = x;
      out = rawArray(x.dtype, images.length * x.numel());
    }
    if (x.dtype !== first.dtype || !sameDims(x.shape as Dims, first.shape as Dims)) {
      throw new ShapeError(
        `DataLoader: ${JSON.stringify(images.name(0))} is ${showShape(first.shape as Dims)} of ${first.dtype} and ${JSON.stringify(images.name(i))} is ${showShape(x.shape as Dims)} of ${x.dtype}, so they cannot be one batch; make the sizes equal, with Resize or CenterCrop`,
      );
    }
    copyInto(out, i * x.numel(), x.toTypedArray());
  }
  return { dtype: first?.dtype ?? 'float32', shape: [images.length, ...((first?.shape ?? []) as Dims)], data: out };
}

/**
 * What the first steps make of an image, if they resize it: so that only what they need is decoded and computed.
 * @param took - is told how many steps that are, when the image's size is known
 */
function firstResizing(steps: readonly TransformLike[], took: (count: number) => void): ResizingOf | undefined {
  const [first, second] = steps;
  if (isJust(first, RandomResizedCrop) && hasFilter(first.interpolation)) {
    const { size, interpolation } = first;
    return (width, height) => {
      took(1);
      return { box: first.stretchOf(height, width), height: size[0], width: size[1], interpolation };
    };
  }
  if (!isJust(first, Resize) || !hasFilter(first.interpolation)) return undefined;
  const { interpolation } = first;
  return (width, height) => {
    const [newHeight, newWidth] = first.outputSize({ width, height });
    const window = isJust(second, CenterCrop) ? middleOf(newHeight, newWidth, second.size) : undefined;
    took(window === undefined ? 1 : 2);
    const resizing: Resizing = { box: { left: 0, top: 0, width, height }, height: newHeight, width: newWidth, interpolation };
    return window === undefined ? resizing : { ...resizing, window };
  };
}

/** Whether a step is of just this class, and not of one derived from it, which may do something else. */
const isJust = <T extends object>(
  step: TransformLike | undefined,
  Class: abstract new (...args: never[]) => T,
): step is T & TransformLike => step?.constructor === Class;

const hasFilter = (interpolation: string): interpolation is FilterName => Object.hasOwn(FILTERS, interpolation);

/** What CenterCrop cuts out; undefined where it adds a border. */
function middleOf(height: number, width: number, [h, w]: readonly [number, number]): Resizing['window'] {
  if (h > height || w > width) return undefined;
  return { top: roundHalfEven((height - h) / 2), left: roundHalfEven((width - w) / 2), height: h, width: w };
}

function flatten(transform: TransformLike | undefined): TransformLike[] {
  if (transform === undefined) return [];
  const isPlain = transform instanceof Compose && transform.constructor === Compose;
  return isPlain ? (transform.transforms as readonly TransformLike[]).flatMap(flatten) : [transform];
}

const sizeOf = ({ channels, height, width }: Image): string => `${channels}x${height}x${width}`;
