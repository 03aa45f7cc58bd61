/**
 * Images ready for training: decoded once, brought to one size and kept as bytes, so that every epoch costs only the random
 * transforms. Sets too large for that are read from where they lie in each epoch.
 */
import { FormatError } from '../base/errors.ts';
import { Subset, type Dataset } from '../data/dataset.ts';
import { canStartWorkers } from '../data/node-threads.ts';
import { processorsOfMine } from '../devices/cpu/native/processors.ts';
import { sharedBytes } from '../io/archive/file-set.ts';
import type { Channels, Image } from '../io/image/image.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ImageDataset } from '../vision/datasets/index.ts';
import { PixelSource } from '../vision/datasets/source.ts';
import type { OpenSplit } from './open-data.ts';
import { readAll, type ImageShape } from './read-images.ts';
import { stretchOf, type Together } from './share.ts';
import { isUnreadable, MOST_UNREADABLE, requireFew, someOf, tryImage, wrongKind, type Unreadable } from './unreadable.ts';

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
  /** The index in the part of each image: those that cannot be read are left out. */
  readonly rows: readonly number[];
  readonly unreadable: readonly Unreadable[];
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

/** Threads that read images, at most, when nothing is said. */
const MOST_WORKERS = 16;

/** Called while images are read. */
export type OnRead = (done: number, total: number) => void;

/** How images are read. */
export interface ReadOptions {
  /** Threads that read them; 0 for as many as there are processors. */
  readonly workers: number;
  readonly onRead?: OnRead | undefined;
  /** The part of all that may be unreadable, default a tenth. */
  readonly most?: number | undefined;
  /** Processes that read a part each. */
  readonly together?: Together | undefined;
}

/**
 * The size to train on: that of the images if a sample of them has one and it is small, else 64×64.
 */
export function commonSize(images: ImageDataset): ImageSize {
  const usual = { height: USUAL_SIDE, width: USUAL_SIDE };
  const [size, ...others] = sizesOf(images);
  if (others.some(({ width, height }) => width !== size!.width || height !== size!.height)) return usual;
  const isSmall = size !== undefined && Math.min(size.width, size.height) >= 8 && Math.max(size.width, size.height) <= MAX_SIDE;
  return isSmall ? size : usual;
}

/** The sizes of a sample of the images, those that can be read. */
export function sizesOf(images: ImageDataset): ImageSize[] {
  const sizes: ImageSize[] = [];
  const step = Math.max(1, Math.floor(images.length / LOOKS));
  for (let i = 0; i < images.length; i += step) {
    const image = tryImage(images, i);
    if (!isUnreadable(image)) sizes.push({ height: image.height, width: image.width });
  }
  return sizes;
}

/**
 * How many channels the images have.
 * @throws FormatError when none can be read
 */
export function channelsOf(images: ImageDataset): Channels {
  const failed: Unreadable[] = [];
  for (let i = 0; i < images.length; i++) {
    const image = tryImage(images, i);
    if (!isUnreadable(image)) return image.channels;
    failed.push(image);
  }
  throw new FormatError(
    images.length === 0 ? 'there are no images in it' : `none of the ${images.length} images can be read: ${someOf(failed)}`,
  );
}

/**
 * Reads a part of the data. Images that cannot be read are passed over, up to a part of all. Where the set is too large to be kept in
 * memory, only the kinds of the files are looked at, and a damaged one stops the training when its turn comes.
 *
 * @param images - the part, opened without a transform
 * @param open - opens it again, for sets that do not fit in memory
 * @throws FormatError when more images cannot be read, or none of a class; it names files
 */
export async function readImages(
  images: ImageDataset,
  open: OpenSplit,
  size: ImageSize,
  { workers, onRead, most = MOST_UNREADABLE, together }: ReadOptions,
): Promise<ImageSet> {
  const channels = channelsOf(images);
  const { classes } = images;
  const isLarge = size.height * size.width * channels * images.length > MAX_BYTES;
  const found: Found = isLarge ? lookAtAll(images) : await decodeAll(images, { ...size, channels }, { onRead, workers, together });
  const { unreadable, rows, kept } = found;
  const targets = rows.map((row) => images.targets[row]!);
  requireFew(unreadable, images.length, most, targets, classes);
  const set = { length: rows.length, classes, targets, rows, unreadable, fingerprints: kept?.fingerprints };
  if (kept !== undefined) {
    const source = new PixelSource('image', { ...size, channels }, kept.pixels);
    return {
      ...set,
      dataset: (transform) => Promise.resolve(new ImageDataset(source, targets, classes, { transform })),
    };
  }
  const isWhole = rows.length === images.length;
  return { ...set, dataset: async (transform) => subset(await open(transform), isWhole ? undefined : rows) };
}

/** Images that are left, and those that cannot be read. */
interface Found {
  readonly rows: readonly number[];
  readonly unreadable: readonly Unreadable[];
  /** Pixels and fingerprints of the images that are left, where they are kept in memory. */
  readonly kept?: { readonly pixels: Uint8Array; readonly fingerprints: Int32Array };
}

/** What the first bytes of all files say. */
function lookAtAll(images: ImageDataset): Found {
  const unreadable: Unreadable[] = [];
  const rows: number[] = [];
  for (let i = 0; i < images.length; i++) {
    const wrong = wrongKind(images, i);
    if (wrong === undefined) rows.push(i);
    else unreadable.push(wrong);
  }
  return { rows, unreadable };
}

/** Milliseconds after which the event loop gets a turn. */
const TURN = 50;

async function decodeAll(
  images: ImageDataset,
  shape: ImageShape,
  { onRead, workers, together }: Pick<ReadOptions, 'onRead' | 'workers' | 'together'>,
): Promise<Found> {
  if (together === undefined) return await decode(images, shape, [0, images.length], { onRead, workers });
  together.same('images', images.length);
  const own = await together.each(() => decode(images, shape, stretchOf(images.length, together), { onRead, workers }));
  return joined(own, shape, together);
}

/** What all processes have read, in each. */
function joined(own: Found, { height, width, channels }: ImageShape, together: Together): Found {
  const size = height * width * channels;
  const [all, unreadable] = [together.lists(own.rows), together.lists(own.unreadable).flat()];
  const rows = all.flat();
  const pixels = sharedBytes(size * rows.length);
  together.join(
    own.kept!.pixels,
    pixels,
    all.map(({ length }) => size * length),
  );
  const fingerprints = new Int32Array(rows.length);
  const bytes = new Uint8Array(own.kept!.fingerprints.slice().buffer);
  together.join(
    bytes,
    new Uint8Array(fingerprints.buffer),
    all.map(({ length }) => 4 * length),
  );
  return { rows, unreadable, kept: { pixels, fingerprints } };
}

/** Some images, one after the other. */
async function decode(
  images: ImageDataset,
  shape: ImageShape,
  [from, to]: readonly [from: number, to: number],
  { onRead, workers }: Pick<ReadOptions, 'onRead' | 'workers'>,
): Promise<Found> {
  const size = shape.height * shape.width * shape.channels;
  const [pixels, fingerprints] = [sharedBytes(size * (to - from)), new Int32Array(to - from)];
  const unreadable: Unreadable[] = [];
  const rows: number[] = [];
  let turn = performance.now();
  for await (const part of readAll(images, shape, workersFor(to - from, images, workers), [from, to])) {
    pixels.set(part.pixels, rows.length * size);
    fingerprints.set(part.fingerprints, rows.length);
    rows.push(...part.rows);
    unreadable.push(...part.unreadable);
    if (performance.now() - turn < TURN) continue;
    onRead?.(rows.length + unreadable.length, to - from);
    await new Promise((resolve) => void setImmediate(resolve));
    turn = performance.now();
  }
  const kept = { pixels: pixels.subarray(0, rows.length * size), fingerprints: fingerprints.subarray(0, rows.length) };
  return { rows, unreadable, kept };
}

/** Fewer images than this are read sooner than threads start. */
const FEW = 200;

/**
 * How many threads read images: as many as there are processors, unless it is said; none for images that have no files, which need no decoding, and, when nothing
 * is said, in a program that has the library inside of its own file, where none can start.
 */
function workersFor(count: number, images: ImageDataset, wanted: number): number {
  if (count < FEW || images.imageHead(0) === undefined) return 0;
  if (wanted === 0 && !canStartWorkers()) return 0;
  const threads = wanted === 0 ? Math.min(processorsOfMine(), MOST_WORKERS) : wanted;
  return threads === 1 ? 0 : threads;
}

/** Some samples of a data set. */
export const subset = (dataset: Dataset<Sample>, indices: readonly number[] | undefined): Dataset<Sample> =>
  indices === undefined ? dataset : new Subset(dataset, indices);
