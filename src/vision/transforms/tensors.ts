/** From images to tensors and back, kinds of numbers, and values made alike (https://pytorch.org/vision/stable/transforms.html). */
import { instanceOf, kind, requireKind, requireOptions, wrongArgument } from '../../base/arguments.ts';
import type { DType } from '../../base/dtype.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { pythonBool } from '../../base/python-format.ts';
import { showShape } from '../../base/shape.ts';
import { Image } from '../../io/image/image.ts';
import { DTYPE } from '../../tensor/arguments.ts';
import { fromTypedArray } from '../../tensor/create.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { shapeOf, type Visual } from '../functional/planes.ts';
import * as F from '../functional/values.ts';
import { requireMode, type PixelMode } from '../image-modes.ts';
import { KERNEL_SIZE, NOISE_OPTIONS, pairOf, requireMoments, SIGMA, type GaussianNoiseOptions, type ToDtypeOptions } from '../functional/values.ts'; // prettier-ignore
import { BoundingBoxes, ImageTensor, isPureTensor, Mask, TVTensor } from '../tv-tensors.ts';
import { pythonFloat } from '../../base/python-format.ts';
import { list, requireImage, tuple } from './base.ts';
import { uniform } from './random.ts';
import { hasColours, SampleTransform } from './sample.ts';

/** The float32 values that the pixel values 0 to 255 become. */
export const UNIT_VALUES: Float32Array = Float32Array.from({ length: 256 }, (_, value) => value / 255);

/**
 * Makes a float32 tensor [channels, height, width] with values from 0 to 1 of an image.
 *
 * @throws {@link ArgumentError} if there is no image
 * @example
 * ```ts
 * import { Image, ToTensor } from 'flambeau/vision';
 *
 * const x = new ToTensor()(new Image(2, 1, 3, new Uint8Array([255, 0, 0, 0, 0, 255])));
 * console.log(x.shape); // [ 3, 1, 2 ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.ToTensor.html
 */
export class ToTensor extends SampleTransform<unknown, Image, Tensor> {
  override forward(...inputs: readonly unknown[]): Tensor {
    const [input] = inputs;
    const isSample =
      inputs.length > 1 || (typeof input === 'object' && input !== null && !(input instanceof Image) && !(input instanceof Tensor));
    return isSample ? super.forward(...inputs) : this.transform(requireImage('ToTensor', input));
  }

  protected override takes(part: unknown): part is Image {
    return part instanceof Image;
  }

  override transform(image: Image): Tensor {
    const { width, height, channels } = image;
    const out = new Float32Array(width * height * channels);
    writeChannels(image, UNIT_VALUES, out, 0);
    return fromTypedArray(out, [channels, height, width]) as Tensor;
  }

  protected override details(): string {
    return '';
  }
}

/**
 * Writes an image channel by channel, its pixel values replaced through `table`: 256 values for all channels, or 256 for each.
 */
export function writeChannels(image: Image, table: Float32Array, out: Float32Array, from: number): void {
  const { channels, data } = image;
  const pixels = image.width * image.height;
  if (channels === 1) {
    for (let i = 0; i < pixels; i++) out[from + i] = table[data[i]!]!;
    return;
  }
  const [green, blue] = table.length === 256 ? [0, 0] : [256, 512];
  for (let p = 0, i = 0, o = from; p < pixels; p++, i += 3, o++) {
    out[o] = table[data[i]!]!;
    out[o + pixels] = table[green + data[i + 1]!]!;
    out[o + 2 * pixels] = table[blue + data[i + 2]!]!;
  }
}

/**
 * Subtracts a mean from each channel of a tensor [..., channels, height, width] and divides by a standard deviation.
 *
 * @throws {@link ArgumentError} for a standard deviation of 0, or numbers that are not finite
 * @throws {@link ShapeError} when the tensor has another number of channels
 * @throws DTypeError for whole numbers
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.Normalize.html
 */
export class Normalize extends SampleTransform<unknown, Tensor, Tensor> {
  readonly mean: readonly number[];
  readonly std: readonly number[];

  constructor(mean: readonly number[], std: readonly number[]) {
    super(mean, std);
    requireMoments('Normalize', mean, std);
    this.mean = [...mean];
    this.std = [...std];
  }

  protected override takes(part: unknown): part is Visual {
    return hasColours(part);
  }

  override transform(input: Tensor): Tensor {
    return F.normalize(input, this.mean, this.std);
  }

  /** @throws {@link ShapeError} unless images with so many channels can be normalised. */
  requireChannels(channels: number, came: string): void {
    F.requireMomentsFor('Normalize', this.mean, this.std, channels, came);
  }

  protected override details(): string {
    return `mean=${list(this.mean)}, std=${list(this.std)}, inplace=False`;
  }
}

/**
 * Makes a uint8 tensor [channels, height, width] of an image.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.PILToTensor.html
 */
export class PILToTensor extends SampleTransform<unknown, Image, Tensor> {
  protected override takes(part: unknown): part is Image {
    return part instanceof Image;
  }

  override transform(input: Image): Tensor {
    return F.pilToTensor(input);
  }

  protected override details(): string {
    return '';
  }
}

/**
 * Makes a tensor that knows that it is a picture, of an image (uint8) or of a plain tensor.
 *
 * @example
 * ```ts
 * import { Compose, Image, ToDtype, ToImage } from 'flambeau/vision';
 *
 * const toTensor = new Compose([new ToImage(), new ToDtype('float32', { scale: true })]);
 * console.log(toTensor(Image.filled(2, 1, 1, [255])).tolist()); // [ [ [ 1, 1 ] ] ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.ToImage.html
 */
export class ToImage extends SampleTransform<unknown, Image, ImageTensor> {
  protected override takes(part: unknown): part is Visual {
    return part instanceof Image || isPureTensor(part);
  }

  override transform(input: Image | Tensor): ImageTensor {
    return F.toImage(input);
  }

  protected override details(): string {
    return '';
  }
}

/**
 * Makes an image of a tensor [channels, height, width].
 *
 * @param mode - what the channels are, by Pillow's names, if not grey or red, green, blue: see `functional.toPilImage`
 * @throws {@link ShapeError} for other shapes, ArgumentError for a mode of more than 8 bits a channel
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.ToPILImage.html
 */
export class ToPILImage extends SampleTransform<unknown, Tensor> {
  readonly mode: PixelMode | undefined;

  constructor(mode?: PixelMode) {
    super(mode);
    requireMode('ToPILImage', mode);
    this.mode = mode;
  }

  protected override takes(part: unknown): part is Tensor {
    return part instanceof ImageTensor || isPureTensor(part);
  }

  override transform(input: Tensor): Image {
    return F.toPilImage(input, this.mode);
  }

  protected override details(): string {
    return this.mode === undefined ? '' : `mode=${this.mode}`;
  }
}

/**
 * Makes plain tensors of pictures, masks and boxes.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.ToPureTensor.html
 */
export class ToPureTensor extends SampleTransform<unknown, TVTensor, Tensor> {
  protected override takes(part: unknown): part is TVTensor {
    return part instanceof TVTensor;
  }

  override transform(input: TVTensor): Tensor {
    return input.pure();
  }

  protected override details(): string {
    return '';
  }
}

/** A dtype for each kind; `others` for what is not named, null for none. */
export interface DTypeTable {
  readonly Image?: DType | null;
  readonly Tensor?: DType | null;
  readonly Mask?: DType | null;
  readonly BoundingBoxes?: DType | null;
  readonly others?: DType | null;
}

const KINDS = ['Image', 'Tensor', 'Mask', 'BoundingBoxes', 'others'];
const DTYPE_TABLE = kind('a dtype, or { Image, Tensor, Mask, BoundingBoxes, others } of dtypes or null', (value) => {
  if (typeof value !== 'object' || value === null) return DTYPE.accepts(value);
  return Object.entries(value).every(([name, dtype]) => KINDS.includes(name) && (dtype === null || DTYPE.accepts(dtype)));
});

/**
 * Another dtype, with `scale` also another range: 0 to 255 of uint8 is 0 to 1 of floats. Images, masks and boxes stay as they are, unless a table
 * names their kind.
 *
 * @throws {@link ArgumentError} for what is no dtype, and a part that the table does not name
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.ToDtype.html
 */
export class ToDtype extends SampleTransform<unknown, Tensor, Tensor> {
  readonly dtype: DType | DTypeTable;
  readonly scale: boolean;

  constructor(dtype: DType | DTypeTable, options: ToDtypeOptions = {}) {
    super(dtype, options);
    requireKind('ToDtype', 'dtype', dtype, DTYPE_TABLE);
    this.dtype = dtype;
    this.scale = requireOptions<ToDtypeOptions>('ToDtype', options, { scale: SCALE }).scale ?? false;
  }

  protected override takes(part: unknown): part is Tensor {
    return part instanceof Tensor && (typeof this.dtype === 'object' || hasColours(part));
  }

  override transform(input: Tensor): Tensor {
    const dtype = typeof this.dtype === 'string' ? this.dtype : this.#named(input, this.dtype);
    return dtype === null ? input : F.toDtype(input, dtype, { scale: this.scale });
  }

  #named(input: Tensor, table: DTypeTable): DType | null {
    const name =
      input instanceof Mask ? 'Mask' : input instanceof BoundingBoxes ? 'BoundingBoxes' : input instanceof ImageTensor ? 'Image' : 'Tensor';
    const dtype = table[name] === undefined ? table.others : table[name];
    if (dtype === undefined) throw new ArgumentError(`ToDtype: there is no dtype for ${name}; name it, or write others: null`);
    return dtype;
  }

  protected override details(): string {
    return `scale=${pythonBool(this.scale)}`;
  }
}

const SCALE = kind('true or false', (value) => typeof value === 'boolean');

/**
 * Another dtype and its range: {@link ToDtype} with `scale: true`.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.ConvertImageDtype.html
 */
export class ConvertImageDtype extends SampleTransform<unknown, Tensor, Tensor> {
  readonly dtype: DType;

  constructor(dtype: DType = 'float32') {
    super(dtype);
    requireKind('ConvertImageDtype', 'dtype', dtype, DTYPE);
    this.dtype = dtype;
  }

  protected override takes(part: unknown): part is Tensor {
    return part instanceof Tensor && hasColours(part);
  }

  override transform(input: Tensor): Tensor {
    return F.convertImageDtype(input, this.dtype);
  }

  protected override details(): string {
    return '';
  }
}

const TENSOR = instanceOf('a tensor', Tensor);

/**
 * Flattens each picture of a tensor, subtracts a mean and multiplies by a matrix: whitening.
 *
 * @param transformationMatrix - [channels · height · width, the same]
 * @param meanVector - [channels · height · width]
 * @throws {@link ShapeError} when they do not fit each other, or the picture
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.LinearTransformation.html
 */
export class LinearTransformation extends SampleTransform<unknown, Tensor, Tensor> {
  readonly transformationMatrix: Tensor;
  readonly meanVector: Tensor;

  constructor(transformationMatrix: Tensor, meanVector: Tensor) {
    super(transformationMatrix, meanVector);
    for (const part of [transformationMatrix, meanVector]) requireKind('LinearTransformation', 'the matrix and the mean', part, TENSOR);
    const [rows, columns] = transformationMatrix.shape as number[];
    if (transformationMatrix.ndim !== 2 || rows !== columns || meanVector.ndim !== 1 || shapeOf(meanVector)[0] !== rows) {
      throw new ShapeError(
        `LinearTransformation: expected a matrix [n, n] and a mean [n], but got shapes ${showShape(transformationMatrix.shape as number[])} and ${showShape(meanVector.shape as number[])}`,
      );
    }
    this.transformationMatrix = transformationMatrix;
    this.meanVector = meanVector;
  }

  protected override takes(part: unknown): part is Tensor {
    return part instanceof Tensor && hasColours(part);
  }

  override transform(input: Tensor): Tensor {
    const shape = input.shape as readonly number[];
    const n = shape.slice(-3).reduce((size, next) => size * next, 1);
    if (shape.length < 3 || n !== this.meanVector.numel())
      throw new ShapeError(
        `LinearTransformation: the matrix is for ${this.meanVector.numel()} values, but got a picture of shape ${showShape(shape)}`,
      );
    const flat = input.reshape(-1, n).sub(this.meanVector);
    return flat.matmul(this.transformationMatrix.to(flat.dtype)).reshape(shape);
  }

  protected override details(): string {
    return '';
  }
}

/**
 * Blurs with Gauss's bell of a random width.
 *
 * @param kernelSize - odd numbers of pixels, [width, height] or one for both
 * @param sigma - the width, or a range of widths, default [0.1, 2]
 * @throws {@link ArgumentError} for even sizes and widths that are not above 0
 * @example
 * ```ts
 * import { GaussianBlur } from 'flambeau/vision';
 *
 * console.log(String(new GaussianBlur(5))); // GaussianBlur(kernel_size=(5, 5), sigma=[0.1, 2.0])
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.GaussianBlur.html
 */
export class GaussianBlur extends SampleTransform<number> {
  readonly kernelSize: readonly [number, number];
  readonly sigma: readonly [number, number];

  constructor(kernelSize: number | readonly number[], sigma: number | readonly number[] = [0.1, 2]) {
    super(kernelSize, sigma);
    requireKind('GaussianBlur', 'the kernel size', kernelSize, KERNEL_SIZE);
    requireKind('GaussianBlur', 'sigma', sigma, SIGMA);
    this.kernelSize = pairOf(kernelSize);
    this.sigma = pairOf(sigma);
    if (this.sigma[0] > this.sigma[1]) throw wrongArgument('GaussianBlur', 'sigma', 'a range [from, to]', sigma);
  }

  protected override takes(part: unknown): part is Visual {
    return hasColours(part);
  }

  override makeParams(): number {
    return uniform(...this.sigma);
  }

  override transform(input: Image | Tensor, sigma: number): Image | Tensor {
    return F.gaussianBlur(input, this.kernelSize, sigma);
  }

  protected override details(): string {
    return `kernel_size=${tuple(this.kernelSize)}, sigma=${list(this.sigma, pythonFloat)}`;
  }
}

/**
 * Adds noise of a normal distribution to tensors.
 *
 * @throws {@link ArgumentError} for a negative sigma, and for images, which torchvision does not take either
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.GaussianNoise.html
 */
export class GaussianNoise extends SampleTransform<unknown, Tensor, Tensor> {
  readonly options: Required<GaussianNoiseOptions>;

  constructor(options: GaussianNoiseOptions = {}) {
    super(options);
    const given = requireOptions<GaussianNoiseOptions>('GaussianNoise', options, NOISE_OPTIONS, '{ sigma: 0.1 }');
    this.options = { mean: 0, sigma: 0.1, clip: true, ...given };
  }

  protected override takes(part: unknown): part is Visual {
    return hasColours(part);
  }

  override transform(input: Tensor): Tensor {
    return F.gaussianNoise(input, this.options);
  }

  protected override details(): string {
    const { mean, sigma, clip } = this.options;
    return `mean=${pythonFloat(mean)}, sigma=${pythonFloat(sigma)}, clip=${pythonBool(clip)}`;
  }
}
