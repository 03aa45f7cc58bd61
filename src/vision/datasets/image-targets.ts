/** Images with targets that are no class: boxes, captions, masks. */
import { FUNCTION, OPTIONS, requireKind } from '../../base/arguments.ts';
import { ArgumentError, FormatError } from '../../base/errors.ts';
import { requireIndex, type Dataset, type DatasetDescription } from '../../data/dataset.ts';
import { MAX_BYTES, MAX_PIXELS } from '../../io/image/limits.ts';
import { decodePngNumbers, isPng } from '../../io/image/png.ts';
import { decodeImageSync } from '../../io/image/decode.ts';
import type { Image } from '../../io/image/image.ts';
import type { DownloadOptions } from './download.ts';
import type { SetFiles } from './set-files.ts';
import type { ImageSource } from './source.ts';

/** Options of sets whose targets are no classes: from an image to `O`, from a target `G` to `T`. */
export interface ImageTargetsOptions<I, O, G, T> extends DownloadOptions {
  readonly transform?: (image: I) => O;
  readonly targetTransform?: (target: G) => T;
  /** Both at once, such as a flip of image and mask; instead of the other two. */
  readonly transforms?: (image: I, target: G) => readonly [O, T];
  /** Most pixels of an image, default 178,956,970. */
  readonly maxPixels?: number;
}

/** Images with a target each: samples `[transform(image), targetTransform(target)]`. */
export class ImageTargets<I extends Image, O, G, T> implements Dataset<readonly [O, T]> {
  readonly length: number;
  readonly #op: string;
  readonly #images: ImageSource;
  readonly #target: (index: number) => G;
  readonly #options: ImageTargetsOptions<I, O, G, T>;

  /** @param target - the target of each image */
  constructor(op: string, images: ImageSource, length: number, target: (index: number) => G, options: ImageTargetsOptions<I, O, G, T>) {
    const { name } = new.target; // of whoever calls the constructor without a type check
    requireKind(name, 'the targets', target, FUNCTION, `data sets are opened: await ${name}.open(path)`);
    requireKind(name, 'options', options, OPTIONS);
    const { transform, targetTransform, transforms } = options;
    for (const [option, value] of Object.entries({ transform, targetTransform, transforms }))
      if (value !== undefined) requireKind(op, option, value, FUNCTION);
    if (transforms !== undefined && (transform !== undefined || targetTransform !== undefined))
      throw new ArgumentError(`${op}: expected either transforms or transform and targetTransform, but got both`);
    this.#op = op;
    this.length = length;
    this.#images = images;
    this.#target = target;
    this.#options = options;
  }

  /** The image of a sample before the transform. @throws IndexError if there is no such sample */
  image(index: number): I {
    return this.#images.load(requireIndex(this.#op, index, this.length)) as I;
  }

  /** The target of a sample before the transform. @throws IndexError if there is no such sample */
  target(index: number): G {
    return this.#target(requireIndex(this.#op, index, this.length));
  }

  /** @throws ArgumentError, since functions and targets of any kind do not go to other threads */
  describe(): DatasetDescription {
    throw new ArgumentError(`DataLoader: ${this.#op} cannot be sent to a worker thread; use numWorkers: 0`);
  }

  get(index: number): readonly [O, T] {
    const { transform, targetTransform, transforms } = this.#options;
    const [image, target] = [this.image(index), this.target(index)];
    if (transforms !== undefined) return transforms(image, target);
    return [
      (transform === undefined ? image : transform(image)) as O,
      (targetTransform === undefined ? target : targetTransform(target)) as T,
    ];
  }
}

/** Masks in files: images of one channel whose values are the numbers in the file, where it has a palette the places in it. */
export function maskReader(set: SetFiles, names: readonly string[]): (index: number) => Image {
  return (index) => {
    const name = names[index]!;
    const bytes = set.bytes(name);
    if (!isPng(bytes)) return decodeImageSync(bytes, { name, mode: 'L' });
    try {
      return decodePngNumbers(bytes, MAX_PIXELS, MAX_BYTES);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw new FormatError(`${JSON.stringify(name)}: ${error.message}`, { cause: error });
    }
  };
}
