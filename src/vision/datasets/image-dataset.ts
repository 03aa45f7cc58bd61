/**
 * What the image data sets have in common: images from somewhere, a class for each, a transform; single samples, and batches by the
 * fast way.
 */
import { ARRAY, FUNCTION, requireKind } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { requireIndex, type Dataset, type DatasetDescription } from '../../data/dataset.ts';
import { rawLabels, type PlainTensor } from '../../data/raw.ts';
import { workerUrl } from '../../data/worker-protocol.ts';
import type { Image } from '../../io/image/image.ts';
import { ImagePipeline, tensorBatch, type BatchImages } from '../pipeline.ts';
import type { TransformDescription } from '../transforms/base.ts';
import { describeTransform } from '../transforms/compose.ts';
import { loadModules } from '../transforms/own.ts';
import { reviveTransform } from '../transforms/revive.ts';
import { resizedAs } from '../resize.ts';
import type { ResizingOf } from '../resized-file.ts';
import { reviveSource, type ImageSource, type SourceDescription } from './source.ts';

/** Options of every image data set. */
export interface ImageDatasetOptions<O, T = number> {
  /** From image to sample, default none: samples are images. */
  readonly transform?: (image: Image) => O;
  /** From the class to the target, default none. The same class has to give the same target. */
  readonly targetTransform?: (target: number) => T;
}

/** Images with a class each: samples `[transform(image), targetTransform(class)]`. */
export class ImageDataset<O = Image, T = number> implements Dataset<[O, T]> {
  /** Names of the classes; a sample's class is an index into them. */
  readonly classes: readonly string[];
  /** The class of each sample, before `targetTransform`. */
  readonly targets: readonly number[];
  readonly transform: ((image: Image) => O) | undefined;
  readonly targetTransform: ((target: number) => T) | undefined;
  readonly #source: ImageSource;
  readonly #pipeline: ImagePipeline | undefined;

  constructor(source: ImageSource, targets: readonly number[], classes: readonly string[], options: ImageDatasetOptions<O, T> = {}) {
    if (options.transform !== undefined && typeof options.transform !== 'function') {
      throw new ArgumentError(`${new.target.name}: expected a transform or a function, but got ${typeof options.transform}`);
    }
    if (options.targetTransform !== undefined) requireKind(this.constructor.name, 'targetTransform', options.targetTransform, FUNCTION);
    requireKind(this.constructor.name, 'the classes of the samples', targets, ARRAY, 'data sets are opened: await ImageFolder.open(path)');
    this.#source = source;
    this.targets = targets;
    this.classes = classes;
    this.transform = options.transform;
    this.targetTransform = options.targetTransform;
    this.#pipeline = ImagePipeline.of(options.transform);
  }

  get length(): number {
    return this.targets.length;
  }

  /** The index of each class by its name. */
  get classToIdx(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.classes.map((name, index) => [name, index]));
  }

  /**
   * The image of a sample before the transform.
   *
   * @throws IndexError if there is no such sample
   * @throws FormatError if the file is damaged; it names the file
   */
  image(index: number): Image {
    return this.#source.load(requireIndex(this.constructor.name, index, this.length));
  }

  /**
   * A stretch of an image, resized: faster than all of it.
   * @param choose - says what to make of an image of its size
   * @param file - its bytes, if they are known
   * @internal
   */
  resizedImage(index: number, choose: ResizingOf, file?: Uint8Array): Image {
    const at = requireIndex(this.constructor.name, index, this.length);
    if (this.#source.resized !== undefined) return this.#source.resized(at, choose, file);
    const image = this.#source.load(at);
    return resizedAs(image, choose(image.width, image.height));
  }

  /** The images alone, to be made again in a worker thread. @throws ArgumentError if they cannot @internal */
  describeImages(): SourceDescription {
    return this.#source.describe();
  }

  /** What messages call the image of a sample: its file, or its number. */
  imageName(index: number): string {
    return this.#source.name(requireIndex(this.constructor.name, index, this.length));
  }

  /** The bytes of a sample's file; undefined for pictures that have no files. */
  imageFile(index: number): Uint8Array | undefined {
    return this.#source.file?.(requireIndex(this.constructor.name, index, this.length));
  }

  /** The first bytes of a sample's file; undefined for pictures that have no files, or are decoded by a function of the user's. */
  imageHead(index: number): Uint8Array | undefined {
    return this.#source.head?.(requireIndex(this.constructor.name, index, this.length));
  }

  get(index: number): [O, T] {
    const image = this.image(index);
    const { transform } = this;
    return [transform === undefined ? (image as O) : transform(image), this.#target(index)];
  }

  #target(index: number): T {
    const label = this.targets[index]!;
    return this.targetTransform === undefined ? (label as T) : this.targetTransform(label);
  }

  readBatch(indices: readonly number[]): readonly PlainTensor[] | undefined {
    return this.#pipeline === undefined ? undefined : this.#batch(indices, (images) => this.#pipeline!.batch(images));
  }

  /** As {@link readBatch}, with any transform that gives tensors. @internal */
  readTensors(indices: readonly number[]): readonly PlainTensor[] | undefined {
    return this.readBatch(indices) ?? this.#batch(indices, (images) => tensorBatch(this.transform!, images));
  }

  #batch(indices: readonly number[], read: (images: BatchImages) => PlainTensor): readonly PlainTensor[] | undefined {
    const targets = indices.map((index) => this.#target(index));
    if (!targets.every(Number.isInteger)) return undefined; // they become tensors of another kind
    const images = read({
      length: indices.length,
      load: (position) => this.image(indices[position]!),
      resized: (position, choose) => this.resizedImage(indices[position]!, choose),
      name: (position) => this.#source.name(indices[position]!),
    });
    return [images, rawLabels(targets as number[])];
  }

  describe(): DatasetDescription {
    if (this.transform === undefined) {
      throw new ArgumentError(
        'DataLoader: in workers there has to be a transform that ends with ToTensor() or another that gives tensors; use numWorkers: 0',
      );
    }
    const transform = describeTransform(this.transform);
    reviveTransform(transform); // says now what would fail in the worker
    const targets = this.targets.map((_, index) => this.#target(index));
    if (!targets.every(Number.isInteger)) {
      throw new ArgumentError('DataLoader: in workers targetTransform has to give whole numbers; use numWorkers: 0');
    }
    const data: DescribedImages = {
      source: this.#source.describe(),
      targets: Int32Array.from(targets as number[]),
      transform,
    };
    return { module: workerUrl(import.meta.url), data };
  }

  toString(): string {
    const lines = [`Dataset ${this.constructor.name}`, `    Number of datapoints: ${this.length}`];
    if (this.#source.place !== undefined) lines.push(`    Root location: ${this.#source.place}`);
    const indented = String(this.transform).replaceAll('\n', '\n           ');
    if (this.transform !== undefined) lines.push('    StandardTransform', `Transform: ${indented}`);
    return lines.join('\n');
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

interface DescribedImages {
  readonly source: SourceDescription;
  readonly targets: Int32Array;
  readonly transform: TransformDescription;
}

/** Makes a data set again in a worker thread. */
export async function reviveDataset({ source, targets, transform }: DescribedImages): Promise<Dataset> {
  await loadModules(transform);
  const made = reviveTransform(transform) as (image: Image) => unknown;
  const dataset = new ImageDataset(await reviveSource(source), [...targets], [], { transform: made });
  return {
    length: dataset.length,
    get: (index) => dataset.get(index),
    readBatch: (indices) => dataset.readTensors(indices),
  };
}
