/** Transforms of colours and values, and from images to tensors (https://pytorch.org/vision/stable/transforms.html). */
import { arrayOf, NUMBER, requireKind, wrongArgument } from '../../base/arguments.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { showShape } from '../../base/shape.ts';
import type { Image } from '../../io/image/image.ts';
import { fromTypedArray } from '../../tensor/create.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { ImageTransform, list, requireImage, Transform } from './base.ts';

/**
 * Turns an image into grey, with one channel or with three equal ones.
 *
 * @throws {@link ArgumentError} for another number of channels
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.Grayscale.html
 */
export class Grayscale extends ImageTransform {
  readonly numOutputChannels: 1 | 3;

  constructor(numOutputChannels: 1 | 3 = 1) {
    super(numOutputChannels);
    if (![1, 3].includes(numOutputChannels)) throw wrongArgument('Grayscale', 'the number of output channels', '1 or 3', numOutputChannels); // prettier-ignore
    this.numOutputChannels = numOutputChannels;
  }

  override transform(image: Image): Image {
    const grey = image.convert('L');
    return this.numOutputChannels === 3 ? grey.convert('RGB') : grey;
  }

  protected override details(): string {
    return `num_output_channels=${this.numOutputChannels}`;
  }
}

const NUMBERS = arrayOf(NUMBER, 'numbers');

/** The float32 values that the pixel values 0 to 255 become. */
export const UNIT_VALUES: Float32Array = Float32Array.from({ length: 256 }, (_, value) => value / 255);

/**
 * Makes a float32 tensor [channels, height, width] with values from 0 to 1 of an image.
 *
 * @throws {@link ArgumentError} if it is no image
 * @example
 * ```ts
 * import { Image, ToTensor } from 'flambeau/vision';
 *
 * const x = new ToTensor()(new Image(2, 1, 3, new Uint8Array([255, 0, 0, 0, 0, 255])));
 * console.log(x.shape); // [ 3, 1, 2 ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.ToTensor.html
 */
export class ToTensor extends Transform<Image, Tensor> {
  override forward(input: Image): Tensor {
    const image = requireImage('ToTensor', input);
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
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.Normalize.html
 */
export class Normalize extends Transform<Tensor, Tensor> {
  readonly mean: readonly number[];
  readonly std: readonly number[];

  constructor(mean: readonly number[], std: readonly number[]) {
    super(mean, std);
    for (const values of [mean, std])
      requireKind('Normalize', 'mean and std', values, NUMBERS, 'write new Normalize([0.5], [0.5])');
    this.mean = [...mean];
    this.std = [...std];
    const numbers = [...mean, ...std];
    const fits = mean.length > 0 && (std.length === mean.length || std.length === 1 || mean.length === 1);
    if (!fits || !numbers.every(Number.isFinite)) {
      throw new ArgumentError(
        `Normalize: expected one finite mean and std for each channel, but got mean=${list(mean)} and std=${list(std)}`,
      );
    }
    if (std.some((value) => Math.fround(value) === 0)) {
      throw new ArgumentError(
        `Normalize: std=${list(std)} has a 0, by which nothing can be divided; leave a constant channel at 1`,
      );
    }
  }

  override forward(input: Tensor): Tensor {
    if (!(input instanceof Tensor) || input.ndim < 3) {
      throw new ShapeError('Normalize: expected a tensor [..., channels, height, width]; put ToTensor() before it');
    }
    const shape = input.shape as readonly number[];
    this.requireChannels(shape.at(-3)!, showShape(shape));
    return input.sub(perChannel(this.mean, input)).div(perChannel(this.std, input));
  }

  /** @throws {@link ShapeError} unless images with so many channels can be normalised. */
  requireChannels(channels: number, came: string): void {
    for (const values of [this.mean, this.std]) {
      if (values.length !== 1 && values.length !== channels) {
        throw new ShapeError(
          `Normalize: mean=${list(this.mean)} and std=${list(this.std)} are for ${values.length} channels, but got ${came} with ${channels}`,
        );
      }
    }
  }

  protected override details(): string {
    return `mean=${list(this.mean)}, std=${list(this.std)}`;
  }
}

function perChannel(values: readonly number[], like: Tensor): Tensor {
  return (fromTypedArray(Float64Array.from(values), [values.length, 1, 1]) as Tensor).to(like.dtype);
}
