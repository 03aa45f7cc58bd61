/** Where the images of a data set come from: files to decode, or pixels in memory. */
import { show } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { reviveFileSet, sharedBytes, type FileSet, type FileSetDescription } from '../../io/archive/file-set.ts';
import { decodeImageSync, loadDecoders, type DecodeOptions } from '../../io/image/decode.ts';
import { KIND_BYTES } from '../../io/image/kind.ts';
import { Image, type Channels } from '../../io/image/image.ts';
import { resizedFileSync, type ResizingOf } from '../resized-file.ts';

/** Images by index. */
export interface ImageSource {
  /** What printing a data set says about its place, if it has one. */
  readonly place: string | undefined;
  load(index: number): Image;
  /** A stretch of an image, resized: what `choose` says of an image of its size, and it is asked once. `file` are its bytes, if they are known. Left out where it is no faster than all of it. */
  resized?(index: number, choose: ResizingOf, file?: Uint8Array): Image;
  /** What messages call an image. */
  name(index: number): string;
  /** The bytes of an image's file, where there are files. */
  file?(index: number): Uint8Array;
  /** The first bytes of an image's file, where there are files. */
  head?(index: number): Uint8Array;
  describe(): SourceDescription;
}

/** A source as plain data, what is large in shared memory. */
export type SourceDescription =
  | {
      readonly kind: 'files';
      readonly files: FileSetDescription;
      readonly rows: Int32Array;
      readonly options: FileOptions;
    }
  | { readonly kind: 'pixels'; readonly label: string; readonly shape: ImageShape; readonly pixels: Uint8Array };

export interface ImageShape {
  readonly width: number;
  readonly height: number;
  readonly channels: Channels;
}

/** How image files are decoded. */
export interface FileOptions extends Pick<DecodeOptions, 'maxPixels' | 'orientation' | 'draft'> {
  readonly reducedScale?: boolean;
}

/** Makes a source from its description. */
export async function reviveSource(description: SourceDescription): Promise<ImageSource> {
  if (description.kind === 'pixels') return new PixelSource(description.label, description.shape, description.pixels);
  await loadDecoders();
  return new FileImages(reviveFileSet(description.files), description.rows, description.options);
}

/** Image files, decoded when they are asked for. The decoders have to be loaded. */
export class FileImages implements ImageSource {
  readonly place: string;
  readonly #files: FileSet;
  /** The file of each image. */
  readonly #rows: Int32Array;
  readonly #options: DecodeOptions;
  readonly #reducedScale: boolean;

  constructor(files: FileSet, rows: Int32Array, { maxPixels, orientation, draft, reducedScale }: FileOptions = {}) {
    this.place = files.name;
    this.#files = files;
    this.#rows = rows;
    this.#reducedScale = reducedScale ?? false;
    this.#options = {
      ...(maxPixels === undefined ? {} : { maxPixels }),
      ...(orientation === undefined ? {} : { orientation }),
      ...(draft === undefined ? {} : { draft }),
    };
  }

  file(index: number): Uint8Array {
    return this.#files.read(this.#rows[index]!);
  }

  head(index: number): Uint8Array {
    return this.#files.head(this.#rows[index]!, KIND_BYTES);
  }

  load(index: number): Image {
    return decodeImageSync(this.file(index), { name: this.name(index), ...this.#options });
  }

  resized(index: number, choose: ResizingOf, file: Uint8Array = this.file(index)): Image {
    return resizedFileSync(file, { name: this.name(index), ...this.#options }, choose, this.#reducedScale);
  }

  name(index: number): string {
    return this.#files.names[this.#rows[index]!]!;
  }

  describe(): SourceDescription {
    return {
      kind: 'files',
      files: this.#files.describe(),
      rows: this.#rows,
      options: { ...this.#options, reducedScale: this.#reducedScale },
    };
  }
}

/** Image files that a function of the user's decodes. */
export class LoadedSource implements ImageSource {
  readonly place: string;
  readonly #files: FileImages;
  readonly #load: (index: number, read: () => Uint8Array) => Image;

  /** @param load - makes the image of a file */
  constructor(files: FileImages, load: (index: number, read: () => Uint8Array) => Image) {
    this.place = files.place;
    this.#files = files;
    this.#load = load;
  }

  load(index: number): Image {
    const image: unknown = this.#load(index, () => this.file(index));
    if (image instanceof Image) return image;
    throw new ArgumentError(`loader: expected an Image, but got ${show(image)}; DatasetFolder takes samples of any kind`);
  }

  name(index: number): string {
    return this.#files.name(index);
  }

  file(index: number): Uint8Array {
    return this.#files.file(index);
  }

  describe(): never {
    throw new ArgumentError('DataLoader: a loader of your own cannot be sent to a worker thread; use numWorkers: 0');
  }
}

/** Images of one size whose pixels lie one after the other in memory. */
export class PixelSource implements ImageSource {
  readonly place: string | undefined;
  readonly #label: string;
  readonly #shape: ImageShape;
  readonly #pixels: Uint8Array;

  constructor(label: string, shape: ImageShape, pixels: Uint8Array, place?: string) {
    this.place = place;
    this.#label = label;
    this.#shape = shape;
    this.#pixels = pixels;
  }

  /** Some of the images, from one number to another. */
  slice(from: number, to: number): PixelSource {
    const { width, height, channels } = this.#shape;
    const size = width * height * channels;
    return new PixelSource(this.#label, this.#shape, this.#pixels.subarray(from * size, to * size), this.place);
  }

  load(index: number): Image {
    const { width, height, channels } = this.#shape;
    const size = width * height * channels;
    return new Image(width, height, channels, this.#pixels.subarray(index * size, (index + 1) * size));
  }

  name(index: number): string {
    return `${this.#label} ${index}`;
  }

  describe(): SourceDescription {
    return { kind: 'pixels', label: this.#label, shape: this.#shape, pixels: this.#pixels };
  }
}

/** A copy that worker threads see without another copy. */
export function shared(bytes: Uint8Array): Uint8Array {
  const copy = sharedBytes(bytes.length);
  copy.set(bytes);
  return copy;
}
