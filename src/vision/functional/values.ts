/** Functions of values, by torchvision's names: kinds of numbers, normalising, blurring, noise, erasing, and images to tensors and back. */
import { arrayOf, BOOL, either, FINITE, instanceOf, kind, NOT_NEGATIVE, NUMBER, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts'; // prettier-ignore
import { isFloating, type DType } from '../../base/dtype.ts';
import { ArgumentError, DTypeError, ShapeError } from '../../base/errors.ts';
import { showShape } from '../../base/shape.ts';
import { Image } from '../../io/image/image.ts';
import { DTYPE } from '../../tensor/arguments.ts';
import { fromTypedArray } from '../../tensor/create.ts';
import { fillNormal } from '../../tensor/random/index.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { imageOfPixels, modeOf, requireMode, type PixelMode } from '../image-modes.ts';
import { BoundingBoxes, ImageTensor, Mask, wrap } from '../tv-tensors.ts';
import { requirePlaces } from './arguments.ts';
import { blurred } from './blur.ts';
import { BITS, boundOf } from './colour-planes.ts';
import { byKind, channelsOf, imageOfPlanes, numbersOf, planesOfImage, planesOfTensor, tensorOfPlanes, type Numbers, type Planes } from './planes.ts'; // prettier-ignore
import { interleaved, planar } from './warps.ts';

const TENSOR = instanceOf('a tensor', Tensor);
const IMAGE = instanceOf('an Image', Image);
const NUMBERS = arrayOf(NUMBER, 'numbers');

/**
 * An image as a uint8 tensor [channels, height, width].
 *
 * @throws ArgumentError if it is no image
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.pil_to_tensor.html
 */
export function pilToTensor(image: Image): Tensor {
  requireKind('pilToTensor', 'the picture', image, IMAGE);
  return fromTypedArray(planar(planesOfImage(image)).data, [image.channels, image.height, image.width]) as Tensor;
}

/**
 * An image or a tensor as a tensor that is a picture: of an image uint8 [channels, height, width].
 *
 * @example
 * ```ts
 * import { functional as F, Image } from 'flambeau/vision';
 *
 * console.log(F.toImage(Image.filled(4, 2, 3)).shape); // [ 3, 2, 4 ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.to_image.html
 */
export function toImage(input: Image | Tensor): ImageTensor {
  if (input instanceof Image) return new ImageTensor(pilToTensor(input));
  requireKind('toImage', 'the picture', input, either(IMAGE, TENSOR));
  return new ImageTensor(input);
}

/**
 * A tensor [channels, height, width] as an image; floats from 0 to 1 become values to 255, cut off.
 *
 * @param mode - what the channels are, by Pillow's names, if not grey or red, green, blue: `'L'`, `'LA'`, `'RGB'`, `'YCbCr'`, `'HSV'`, `'RGBA'`, `'RGBX'` or
 *   `'CMYK'`. The image is grey or colour, with the pixels that Pillow's `convert` gives; transparency is dropped
 * @throws ShapeError for other shapes
 * @throws DTypeError for whole numbers that are not uint8
 * @throws ArgumentError for modes of more than 8 bits a channel, saying what to write instead
 * @example
 * ```ts
 * import { ones } from 'flambeau';
 * import { functional as F } from 'flambeau/vision';
 *
 * console.log(String(F.toPilImage(ones(3, 2, 4)))); // Image(4x2, RGB)
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.to_pil_image.html
 */
export function toPilImage(input: Tensor, mode?: PixelMode): Image {
  requireKind('toPilImage', 'the picture', input, TENSOR);
  requireMode('toPilImage', mode);
  const shape = input.shape as readonly number[];
  const channels = shape.length === 2 ? 1 : shape[0]!;
  if (shape.length < 2 || shape.length > 3) {
    throw new ShapeError(`toPilImage: expected [channels, height, width], but got shape ${showShape(shape)}; of a batch take one picture`);
  }
  const meaning = modeOf('toPilImage', shape, channels, mode);
  const isFloat = isFloating(input.dtype);
  if (!isFloat && input.dtype !== 'uint8')
    throw new DTypeError(`toPilImage: expected uint8 or floats, but got dtype ${input.dtype}; convert it with toDtype(x, 'uint8')`);
  const p = planesOfTensor('toPilImage', input);
  const round = p.data instanceof Float64Array ? (value: number): number => value : Math.fround;
  const data = isFloat ? Uint8Array.from(p.data as ArrayLike<number>, (value) => Math.trunc(round(value * 255))) : p.data;
  const pixels = interleaved({ ...p, data, outer: channels });
  return imageOfPixels(pixels.width, pixels.height, meaning, pixels.data);
}

/** Options of {@link toDtype}. */
export interface ToDtypeOptions {
  /** Map the range of one kind of numbers onto that of the other: 0 to 255 of uint8 is 0 to 1 of floats. Default false. */
  readonly scale?: boolean;
}

/**
 * Another dtype, with `scale` also another range. Masks and boxes are never scaled.
 *
 * @throws DTypeError where whole numbers cannot hold what floats have
 * @example
 * ```ts
 * import { tensor } from 'flambeau';
 * import { functional as F } from 'flambeau/vision';
 *
 * console.log(F.toDtype(tensor([[[0, 255]]], { dtype: 'uint8' }), 'float32', { scale: true }).tolist()); // [ [ [ 0, 1 ] ] ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.to_dtype.html
 */
export function toDtype<T extends Tensor>(input: T, dtype: DType = 'float32', options: ToDtypeOptions = {}): T {
  requireKind('toDtype', 'the picture', input, TENSOR);
  requireKind('toDtype', 'dtype', dtype, DTYPE);
  const { scale = false } = requireOptions<ToDtypeOptions>('toDtype', options, { scale: BOOL });
  if (input.dtype === dtype) return input;
  const isScaled = scale && !(input instanceof Mask || input instanceof BoundingBoxes);
  return wrap<T>(isScaled ? scaled(input, dtype) : (input as Tensor).to(dtype), input);
}

function scaled(x: Tensor, dtype: DType): Tensor {
  const [from, to] = [isFloating(x.dtype), isFloating(dtype)];
  if (from && to) return x.to(dtype);
  if (from) {
    if ((x.dtype !== 'float64' && (dtype === 'int32' || dtype === 'int64')) || dtype === 'int64')
      throw new DTypeError(`toDtype: ${x.dtype} has not enough digits for the range of ${dtype}; use scale: false, or a smaller dtype`);
    return x.mul(boundOf(dtype) + 1 - 0.001).to(dtype);
  }
  if (to) return x.to(dtype).mul(1 / boundOf(x.dtype));
  const [own, other] = [BITS[x.dtype], BITS[dtype]];
  if (own === undefined || other === undefined)
    throw new DTypeError(`toDtype: there is no range between ${x.dtype} and ${dtype}; use scale: false`);
  if (own > other) return (x.dtype === 'uint16' ? x.to('int32') : x).floorDivide(2 ** (own - other)).to(dtype);
  return x
    .to(dtype === 'uint16' ? 'int32' : dtype)
    .mul(2 ** (other - own))
    .to(dtype);
}

/** {@link toDtype} with `scale: true`. */
export function convertImageDtype<T extends Tensor>(input: T, dtype: DType = 'float32'): T {
  return toDtype(input, dtype, { scale: true });
}

/**
 * Minus a mean and divided by a standard deviation, for each channel of a float tensor [..., channels, height, width].
 *
 * @throws ArgumentError for a standard deviation of 0, or numbers that are not finite
 * @throws ShapeError when the tensor has another number of channels
 * @throws DTypeError for whole numbers
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.normalize.html
 */
export function normalize<T extends Tensor>(input: T, mean: readonly number[], std: readonly number[]): T {
  requireMoments('normalize', mean, std);
  if (!(input instanceof Tensor) || input.ndim < 3) {
    throw new ShapeError('Normalize: expected a tensor [..., channels, height, width]; put ToTensor() before it');
  }
  const shape = input.shape as readonly number[];
  if (!isFloating(input.dtype))
    throw new DTypeError(`normalize: expected floats, but got dtype ${input.dtype}; put ToDtype('float32', { scale: true }) before it`);
  requireMomentsFor('Normalize', mean, std, shape.at(-3)!, showShape(shape));
  return wrap<T>((input as Tensor).sub(perChannel(mean, input)).div(perChannel(std, input)), input);
}

const shown = (values: readonly number[]): string => `[${values.join(', ')}]`;

/** @throws {@link ArgumentError} unless they are finite, of fitting numbers, and not 0 where it is divided. */
export function requireMoments(op: string, mean: readonly number[], std: readonly number[]): void {
  for (const values of [mean, std]) requireKind(op, 'mean and std', values, NUMBERS, 'write new Normalize([0.5], [0.5])');
  const fits = mean.length > 0 && (std.length === mean.length || std.length === 1 || mean.length === 1);
  if (!fits || ![...mean, ...std].every(Number.isFinite)) {
    throw new ArgumentError(`${op}: expected one finite mean and std for each channel, but got mean=${shown(mean)} and std=${shown(std)}`);
  }
  if (std.some((value) => Math.fround(value) === 0)) {
    throw new ArgumentError(`${op}: std=${shown(std)} has a 0, by which nothing can be divided; leave a constant channel at 1`);
  }
}

/** @throws {@link ShapeError} unless pictures of so many channels can be normalised with them. */
export function requireMomentsFor(op: string, mean: readonly number[], std: readonly number[], channels: number, came: string): void {
  for (const values of [mean, std]) {
    if (values.length === 1 || values.length === channels) continue;
    throw new ShapeError(
      `${op}: mean=${shown(mean)} and std=${shown(std)} are for ${values.length} channels, but got ${came} with ${channels}`,
    );
  }
}

function perChannel(values: readonly number[], like: Tensor): Tensor {
  return (fromTypedArray(Float64Array.from(values), [values.length, 1, 1]) as Tensor).to(like.dtype);
}

const ODD = kind('an odd number', (value) => Number.isSafeInteger(value) && (value as number) > 0 && (value as number) % 2 === 1);
const ABOVE = kind('a number above 0', (value) => Number.isFinite(value) && (value as number) > 0);
const isPair =
  (of: typeof ODD) =>
  (value: unknown): boolean =>
    of.accepts(value) || (Array.isArray(value) && [1, 2].includes(value.length) && value.every(of.accepts));
export const KERNEL_SIZE = kind('an odd number or a pair of them', isPair(ODD));
export const SIGMA = kind('a number above 0 or a pair of them', isPair(ABOVE));

/** Both of what may be one for both. */
export const pairOf = (value: number | readonly number[]): readonly [number, number] =>
  typeof value === 'number' ? [value, value] : [value[0]!, value[1] ?? value[0]!];

/**
 * Blurred with Gauss's bell.
 *
 * @param kernelSize - odd numbers of pixels, [width, height] or one for both
 * @param sigma - widths of the bell, [x, y] or one for both; by default such that the kernel just holds it
 * @throws ArgumentError for even numbers, and kernels that need more pixels than there are
 * @example
 * ```ts
 * import { tensor } from 'flambeau';
 * import { functional as F } from 'flambeau/vision';
 *
 * const x = tensor([[[0, 0, 9, 0, 0]]]);
 * console.log(F.gaussianBlur(x, [3, 1], 100).round().tolist()); // [ [ [ 0, 3, 3, 3, 0 ] ] ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.gaussian_blur.html
 */
export function gaussianBlur<T extends Image | Tensor>(
  input: T,
  kernelSize: number | readonly number[],
  sigma?: number | readonly number[],
): T {
  requireKind('gaussianBlur', 'the kernel size', kernelSize, KERNEL_SIZE);
  const kernel = pairOf(kernelSize);
  if (sigma !== undefined) requireKind('gaussianBlur', 'sigma', sigma, SIGMA);
  const widths = sigma === undefined ? ([kernel[0] * 0.15 + 0.35, kernel[1] * 0.15 + 0.35] as const) : pairOf(sigma);
  return byKind('gaussianBlur', input, {
    image: (image) => imageOfPlanes(interleaved(blurred('gaussianBlur', planar(planesOfImage(image)), kernel, widths, true))),
    planes: (p, like) => blurred('gaussianBlur', p, kernel, widths, !isFloating((like as Tensor).dtype)),
  });
}

/** Options of {@link gaussianNoise}. */
export interface GaussianNoiseOptions {
  /** Default 0. */
  readonly mean?: number;
  /** Default 0.1, where the values' range is 1. */
  readonly sigma?: number;
  /** Cut off what leaves the range, default true. */
  readonly clip?: boolean;
}

export const NOISE_OPTIONS: OptionKinds<GaussianNoiseOptions> = { mean: FINITE, sigma: NOT_NEGATIVE, clip: BOOL };

/**
 * With noise of a normal distribution, drawn from the default generator.
 *
 * @throws ArgumentError for images, which torchvision does not take either
 * @throws DTypeError for dtypes that are neither uint8 nor floats
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.gaussian_noise.html
 */
export function gaussianNoise<T extends Tensor>(input: T, options: GaussianNoiseOptions = {}): T {
  if (input instanceof Image) throw new ArgumentError('gaussianNoise: does not take images, as in torchvision; put ToImage() before it');
  requireKind('gaussianNoise', 'the picture', input, TENSOR);
  const {
    mean = 0,
    sigma = 0.1,
    clip = true,
  } = requireOptions<GaussianNoiseOptions>('gaussianNoise', options, NOISE_OPTIONS, '{ sigma: 0.1 }');
  const isFloat = isFloating(input.dtype);
  if (!isFloat && input.dtype !== 'uint8') throw new DTypeError(`gaussianNoise: expected uint8 or floats, but got dtype ${input.dtype}`);
  const p = planesOfTensor('gaussianNoise', input);
  const isDouble = p.data instanceof Float64Array;
  const noise = isDouble ? new Float64Array(p.data.length) : new Float32Array(p.data.length);
  fillNormal(noise);
  const round = isDouble ? (value: number): number => value : Math.fround;
  const data = p.data.slice();
  const [top, shift, width] = isFloat ? [1, round(mean), round(sigma)] : [255, round(mean * 255), round(sigma * 255)];
  for (let i = 0; i < data.length; i++) {
    const step = round(round(noise[i]! * width) + shift);
    const value = round(data[i]! + (isFloat ? step : Math.trunc(step)));
    data[i] = clip ? Math.min(Math.max(value, 0), top) : value;
  }
  return tensorOfPlanes({ ...p, data }, input);
}

/**
 * With a rectangle painted over.
 *
 * @param values - the new values: a tensor that broadcasts to [channels, height, width]
 * @throws ArgumentError when the rectangle reaches out of the picture
 * @throws ShapeError for values of another shape
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.erase.html
 */
export function erase<T extends Image | Tensor>(input: T, top: number, left: number, height: number, width: number, values: Tensor): T {
  requirePlaces('erase', top, left, height, width);
  requireKind('erase', 'the values', values, TENSOR);
  const paint = (p: Planes, channels: number): Planes => {
    if (top < 0 || left < 0 || height < 0 || width < 0 || top + height > p.height || left + width > p.width) {
      throw new ArgumentError(
        `erase: the rectangle of ${width}x${height} at column ${left} and row ${top} reaches out of a picture of ${p.width}x${p.height}`,
      );
    }
    const colours = numbersOf(
      'erase',
      (values.ndim < 3 ? values.reshape(...[1, 1, 1].slice(values.ndim), ...(values.shape as number[])) : values).expand(
        channels,
        height,
        width,
      ),
    );
    return painted(p, channels, [top, left, height, width], colours);
  };
  return byKind('erase', input, {
    image: (image) => imageOfPlanes(interleaved(paint(planar(planesOfImage(image)), image.channels))),
    planes: (p, like) => paint(p, channelsOf('erase', like as Tensor)),
  });
}

function painted(
  p: Planes,
  channels: number,
  [top, left, height, width]: readonly [number, number, number, number],
  colours: Numbers,
): Planes {
  const data = p.data.slice();
  const isByte = data instanceof Uint8Array;
  for (let plane = 0; plane < p.outer; plane++) {
    for (let y = 0; y < height; y++) {
      const at = (plane * p.height + top + y) * p.width + left;
      const from = ((plane % channels) * height + y) * width;
      for (let x = 0; x < width; x++) data[at + x] = isByte ? Math.trunc(colours[from + x]!) & 255 : colours[from + x]!;
    }
  }
  return { ...p, data };
}
