/**
 * What the image data sets have in common: images from somewhere, a class for each, a transform; single samples, and batches by the
 * fast way.
 */
import { ARRAY, requireKind } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { requireIndex, type Dataset, type DatasetDescription } from '../../data/dataset.ts';
import { rawLabels, type RawTensor } from '../../data/raw.ts';
import { workerUrl } from '../../data/worker-protocol.ts';
import type { Image } from '../../io/image/image.ts';
import { ImagePipeline } from '../pipeline.ts';
import type { TransformDescription, TransformLike } from '../transforms/base.ts';
import { describeTransform } from '../transforms/compose.ts';
import { reviveTransform } from '../transforms/index.ts';
import { reviveSource, type ImageSource, type SourceDescription } from './source.ts';

/** Options of every image data set. */
export interface ImageDatasetOptions<O> {
  /** From image to sample, default none: samples are images. */
  readonly transform?: (image: Image) => O;
}

/** Images with a class each: samples `[transform(image), class]`. */
export class ImageDataset<O = Image> implements Dataset<[O, number]> {
  /** Names of the classes; a sample's class is an index into them. */
  readonly classes: readonly string[];
  /** The class of each sample. */
  readonly targets: readonly number[];
  readonly transform: ((image: Image) => O) | undefined;
  readonly #source: ImageSource;
  readonly #pipeline: ImagePipeline | undefined;

  constructor(
    source: ImageSource,
    targets: readonly number[],
    classes: readonly string[],
    options: ImageDatasetOptions<O> = {},
  ) {
    if (options.transform !== undefined && typeof options.transform !== 'function') {
      throw new ArgumentError(
        `${new.target.name}: expected a transform or a function, but got ${typeof options.transform}`,
      );
    }
    requireKind(
      this.constructor.name,
      'the classes of the samples',
      targets,
      ARRAY,
      'data sets are opened: await ImageFolder.open(path)',
    );
    this.#source = source;
    this.targets = targets;
    this.classes = classes;
    this.transform = options.transform;
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

  get(index: number): [O, number] {
    const image = this.image(index);
    const { transform } = this;
    return [transform === undefined ? (image as O) : transform(image), this.targets[index]!];
  }

  readBatch(indices: readonly number[]): readonly RawTensor[] | undefined {
    if (this.#pipeline === undefined) return undefined;
    const images = this.#pipeline.batch({
      length: indices.length,
      load: (position) => this.image(indices[position]!),
      name: (position) => this.#source.name(indices[position]!),
    });
    return [images, rawLabels(indices.map((index) => this.targets[index]!))];
  }

  describe(): DatasetDescription {
    if (this.#pipeline === undefined) {
      throw new ArgumentError(
        'DataLoader: in workers the transform has to end with ToTensor() or Normalize(...); use numWorkers: 0',
      );
    }
    const transform = describeTransform(this.transform as TransformLike);
    reviveTransform(transform); // says now what would fail in the worker
    const data: DescribedImages = {
      source: this.#source.describe(),
      targets: Int32Array.from(this.targets),
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
  const made = reviveTransform(transform) as (image: Image) => unknown;
  return new ImageDataset(await reviveSource(source), [...targets], [], { transform: made });
}
