/**
 * Reads images once for training: decoded, at one size, with a number for what is in their files, here or in worker threads. Every file is read once, and of a
 * photograph that is much larger than what becomes of it a smaller one is decoded.
 */
import { ArgumentError, FormatError } from '../base/errors.ts';
import type { Dataset, DatasetDescription } from '../data/dataset.ts';
import { rawArray, type PlainTensor } from '../data/raw.ts';
import { workerUrl } from '../data/worker-protocol.ts';
import type { Channels, Image } from '../io/image/image.ts';
import { ImageDataset } from '../vision/datasets/index.ts';
import { reviveSource, type SourceDescription } from '../vision/datasets/source.ts';
import { fittedResizing } from './preprocess.ts';
import { whyUnreadable, type Unreadable } from './unreadable.ts';
import { fingerprintOf } from './held-out.ts';

/** What images are brought to. */
export interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: Channels;
}

/** Images as they come from {@link readAll}, some at a time, in order. */
export interface ReadImages {
  /** The index of each image that could be read, its pixels one after the other, and its fingerprint. */
  readonly rows: readonly number[];
  readonly pixels: Uint8Array;
  readonly fingerprints: Int32Array;
  readonly unreadable: readonly Unreadable[];
}

/** Images in a task of a worker. */
const TOGETHER = 32;

/** Batches of images at one size: pixels, fingerprints, and what could not be read as text. */
class SizedImages implements Dataset {
  readonly length: number;
  readonly #images: ImageDataset;
  readonly #shape: ImageShape;

  constructor(images: ImageDataset, shape: ImageShape) {
    this.#images = images;
    this.#shape = shape;
    this.length = images.length;
  }

  get(): never {
    throw new ArgumentError('SizedImages: there are batches only');
  }

  readBatch(indices: readonly number[]): readonly PlainTensor[] {
    const { height, width, channels } = this.#shape;
    const size = height * width * channels;
    const pixels = rawArray('uint8', indices.length * size) as Uint8Array;
    const fingerprints = new Int32Array(indices.length);
    const failed: [position: number, failure: Unreadable][] = [];
    for (const [position, index] of indices.entries()) {
      try {
        const { image, fingerprint } = this.#read(index);
        pixels.set(image.data, position * size);
        fingerprints[position] = fingerprint;
      } catch (error) {
        failed.push([position, whyUnreadable(error, this.#images.imageName(index))]);
      }
    }
    const text = new TextEncoder().encode(JSON.stringify(failed));
    return [
      { dtype: 'uint8', shape: [indices.length, height, width, channels], data: pixels },
      { dtype: 'int32', shape: [indices.length], data: fingerprints },
      { dtype: 'uint8', shape: [text.length], data: text },
    ];
  }

  #read(index: number): { readonly image: Image; readonly fingerprint: number } {
    const images = this.#images;
    const file = images.imageFile(index);
    const image = images.resizedImage(index, fittedResizing(this.#shape), file);
    const { channels } = this.#shape;
    if (image.channels !== channels) throw new FormatError(`it has ${image.channels} channels and not ${channels}`);
    return { image, fingerprint: fingerprintOf(file ?? images.image(index).data) };
  }

  describe(): DatasetDescription {
    const data: Described = { source: this.#images.describeImages(), length: this.length, shape: this.#shape };
    return { module: workerUrl(import.meta.url), data };
  }
}

interface Described {
  readonly source: SourceDescription;
  readonly length: number;
  readonly shape: ImageShape;
}

/** In a worker thread. */
export async function reviveDataset({ source, length, shape }: Described): Promise<Dataset> {
  const targets = new Array<number>(length).fill(0);
  return new SizedImages(new ImageDataset(await reviveSource(source), targets, []), shape);
}

/**
 * Reads images, in order: all of them, or those from one on up to another.
 * @param workers - threads that read; 0 for this one alone
 */
export async function* readAll(
  images: ImageDataset,
  shape: ImageShape,
  workers: number,
  [from, to]: readonly [from: number, to: number] = [0, images.length],
): AsyncGenerator<ReadImages> {
  const sized = new SizedImages(images, shape);
  const tasks = function* (): Generator<readonly number[], undefined> {
    for (let i = from; i < to; i += TOGETHER) yield Array.from({ length: Math.min(TOGETHER, to - i) }, (_, k) => i + k);
  };
  let first = from;
  for await (const batch of workers > 0 ? inWorkers(sized, tasks(), workers) : here(sized, tasks())) {
    yield unpacked(batch, first, shape);
    first += batch[1]!.shape[0]!;
  }
}

async function* here(sized: SizedImages, tasks: Generator<readonly number[]>): AsyncGenerator<readonly PlainTensor[]> {
  for (const indices of tasks) yield await Promise.resolve(sized.readBatch(indices));
}

async function* inWorkers(
  sized: SizedImages,
  tasks: Generator<readonly number[]>,
  workers: number,
): AsyncGenerator<readonly PlainTensor[]> {
  const [{ WorkerPool }, { nodeThreads }] = await Promise.all([import('../data/worker-pool.ts'), import('../data/node-threads.ts')]);
  const pool = new WorkerPool(nodeThreads(sized.describe()), workers, 2);
  try {
    yield* pool.batches(tasks, { seed: 0n, seeding: 'worker' });
  } finally {
    await pool.stop();
  }
}

function unpacked(
  [pixels, fingerprints, text]: readonly PlainTensor[],
  first: number,
  { height, width, channels }: ImageShape,
): ReadImages {
  const size = height * width * channels;
  const failed = new Map(JSON.parse(new TextDecoder().decode(text!.data)) as [number, Unreadable][]);
  const bytes = pixels!.data as Uint8Array;
  const numbers = fingerprints!.data as Int32Array;
  const positions = Array.from(numbers.keys()).filter((position) => !failed.has(position));
  if (failed.size > 0) positions.forEach((position, i) => bytes.copyWithin(i * size, position * size, (position + 1) * size));
  return {
    rows: positions.map((position) => first + position),
    pixels: bytes.subarray(0, positions.length * size),
    fingerprints: Int32Array.from(positions, (position) => numbers[position]!),
    unreadable: [...failed.values()],
  };
}
