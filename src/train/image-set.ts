/**
 * Images ready for training: decoded once, brought to one size and kept as bytes, so that every epoch costs only the random
 * transforms. Sets too large for that are read from where they lie in each epoch.
 */
import { FormatError } from '../base/errors.ts';
import { Subset, type Dataset } from '../data/dataset.ts';
import { sharedBytes } from '../io/archive/file-set.ts';
import type { Channels, Image } from '../io/image/image.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ImageDataset } from '../vision/datasets/index.ts';
import { PixelSource } from '../vision/datasets/source.ts';
import { CenterCrop, Resize } from '../vision/transforms/index.ts';
import { fingerprint } from './held-out.ts';
import type { OpenSplit } from './open-data.ts';

/** A sample: an image as a tensor, and its class. */
export type Sample = [Tensor, number];

/** Images of one size with their classes, from which data sets with any transform are made. */
export interface ImageSet {
  readonly length: number;
  readonly classes: readonly string[];
  /** The class of each image. */
  readonly targets: readonly number[];
  /** What is in each image, as one number: see held-out.ts; undefined for sets that are read anew in each epoch. */
  readonly fingerprints: Int32Array | undefined;
  dataset(transform: (image: Image) => Tensor): Promise<Dataset<Sample>>;
}

export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/** Most bytes of pixels that are kept in memory for one set. */
const MAX_BYTES = 2 ** 30;
/** Images up to this size are trained on as they are. */
const MAX_SIDE = 96;
/** The size of others. */
const USUAL_SIDE = 64;
/** How many images are looked at to find out their size. */
const LOOKS = 32;

/** Called while images are read. */
export type OnRead = (done: number, total: number) => void;

/**
 * The size to train on: that of the images if a sample of them has one and it is small, else 64×64.
 */
export function commonSize(images: ImageDataset): ImageSize {
  const step = Math.max(1, Math.floor(images.length / LOOKS));
  const { width, height } = images.image(0);
  for (let i = step; i < images.length; i += step) {
    const other = images.image(i);
    if (other.width !== width || other.height !== height) return { height: USUAL_SIDE, width: USUAL_SIDE };
  }
  return Math.min(width, height) >= 8 && Math.max(width, height) <= MAX_SIDE
    ? { height, width }
    : { height: USUAL_SIDE, width: USUAL_SIDE };
}

/**
 * Reads a part of the data.
 *
 * @param images - the part, opened without a transform
 * @param open - opens it again, for sets that do not fit in memory
 * @throws FormatError when an image is damaged; it names the file
 */
export async function readImages(
  images: ImageDataset,
  open: OpenSplit,
  size: ImageSize,
  onRead?: OnRead,
): Promise<ImageSet> {
  if (images.length === 0) throw new FormatError('there are no images in it');
  const { channels } = images.image(0);
  const bytes = size.height * size.width * channels;
  if (bytes * images.length > MAX_BYTES) {
    const { length, classes, targets } = images;
    return { length, classes, targets, fingerprints: undefined, dataset: (transform) => open(transform) };
  }
  const { pixels, fingerprints } = await decodeAll(images, size, channels, onRead);
  const source = new PixelSource('image', { ...size, channels }, pixels);
  return {
    length: images.length,
    classes: images.classes,
    targets: images.targets,
    fingerprints,
    dataset: (transform) => Promise.resolve(new ImageDataset(source, images.targets, images.classes, { transform })),
  };
}

/** Milliseconds after which the event loop gets a turn. */
const TURN = 50;

async function decodeAll(
  images: ImageDataset,
  size: ImageSize,
  channels: Channels,
  onRead: OnRead | undefined,
): Promise<{ readonly pixels: Uint8Array; readonly fingerprints: Int32Array }> {
  const { height, width } = size;
  const fit = height === width ? [new Resize(height), new CenterCrop(height)] : [new Resize([height, width])];
  const bytes = height * width * channels;
  const pixels = sharedBytes(bytes * images.length);
  const fingerprints = new Int32Array(images.length);
  let turn = performance.now();
  for (let i = 0; i < images.length; i++) {
    const image = fit.reduce((value: Image, step) => step(value), images.image(i));
    pixels.set(image.data, i * bytes);
    fingerprints[i] = fingerprint(images, i);
    if (performance.now() - turn < TURN) continue;
    onRead?.(i + 1, images.length);
    await new Promise((resolve) => void setImmediate(resolve));
    turn = performance.now();
  }
  return { pixels, fingerprints };
}

/** Some samples of a data set. */
export const subset = (dataset: Dataset<Sample>, indices: readonly number[] | undefined): Dataset<Sample> =>
  indices === undefined ? dataset : new Subset(dataset, indices);
