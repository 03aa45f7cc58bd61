/**
 * Functions of colours, by torchvision's names (https://pytorch.org/vision/stable/transforms.html#functionals): on images with Pillow's values,
 * on tensors [..., channels, height, width] with those of torchvision's tensors, whole numbers from 0 to the largest of their dtype, floats from 0 to 1.
 */
import { FINITE, kind, requireKind, requireOptions, wrongArgument, type OptionKinds } from '../../base/arguments.ts';
import { DTypeError } from '../../base/errors.ts';
import { Image } from '../../io/image/image.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { wrap } from '../tv-tensors.ts';
import { requireFactor } from './arguments.ts';
import * as images from './colour-image.ts';
import * as planes from './colour-planes.ts';
import { coloursOf, type Colours } from './colour-planes.ts';
import { byKind, channelsOf, imageOfPlanes, planesOfTensor, tensorOfNumbers, type Planes } from './planes.ts';
import { interleaved, planar } from './warps.ts';
import { planesOfImage } from './planes.ts';

/** A picture with colours. */
export type Picture = Image | Tensor;

/** What a function does with images, and with tensors; `any` of channels or of 1 and 3 only. */
interface ColourWays {
  readonly image: (image: Image) => Image;
  readonly planes: (p: Colours, x: Tensor) => Planes;
  readonly any?: boolean;
}

function coloured<T extends Picture>(op: string, input: T, { image, planes: change, any = false }: ColourWays): T {
  return byKind(op, input, {
    image,
    planes: (p, like) => {
      const x = like as Tensor;
      if (x.dtype === 'bool') throw new DTypeError(`${op}: expected numbers, but got dtype bool`);
      const channels = any && x.ndim < 3 ? 1 : channelsOf(op, x);
      if (!any && channels !== 1 && channels !== 3) throw wrongArgument(op, 'the number of channels', '1 or 3', channels);
      return change(coloursOf(p, channels, x.dtype), x);
    },
  });
}

/**
 * Darker with a factor below 1 (0 is black), brighter above.
 *
 * @throws ArgumentError for a negative factor, or channels that are neither 1 nor 3
 * @example
 * ```ts
 * import { functional as F, Image } from 'flambeau/vision';
 *
 * console.log(F.adjustBrightness(Image.filled(1, 1, 1, [100]), 1.5).data); // Uint8Array(1) [ 150 ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.adjust_brightness.html
 */
export function adjustBrightness<T extends Picture>(input: T, factor: number): T {
  requireFactor('adjustBrightness', 'the factor', factor);
  return coloured('adjustBrightness', input, {
    image: (image) => images.brightness(image, factor),
    planes: (p) => planes.brightness(p, factor),
  });
}

/**
 * Nearer to the mean grey with a factor below 1, further away from it above.
 *
 * @throws ArgumentError for a negative factor, or channels that are neither 1 nor 3
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.adjust_contrast.html
 */
export function adjustContrast<T extends Picture>(input: T, factor: number): T {
  requireFactor('adjustContrast', 'the factor', factor);
  return coloured('adjustContrast', input, {
    image: (image) => images.contrast(image, factor),
    planes: (p) => planes.contrast(p, factor),
  });
}

/**
 * Nearer to grey with a factor below 1, more colourful above.
 *
 * @throws ArgumentError for a negative factor, or channels that are neither 1 nor 3
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.adjust_saturation.html
 */
export function adjustSaturation<T extends Picture>(input: T, factor: number): T {
  requireFactor('adjustSaturation', 'the factor', factor);
  return coloured('adjustSaturation', input, {
    image: (image) => images.saturation(image, factor),
    planes: (p) => planes.saturation(p, factor),
  });
}

const HUE = kind('a number from -0.5 to 0.5', (value) => typeof value === 'number' && value >= -0.5 && value <= 0.5);

/**
 * The colour wheel turned: 0.5 and -0.5 give the opposite colours.
 *
 * @throws ArgumentError for a factor outside of [-0.5, 0.5], or channels that are neither 1 nor 3
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.adjust_hue.html
 */
export function adjustHue<T extends Picture>(input: T, factor: number): T {
  requireKind('adjustHue', 'the factor', factor, HUE);
  return coloured('adjustHue', input, {
    image: (image) => images.hue(image, factor),
    planes: (p) => planes.hue(p, factor),
  });
}

/**
 * Blurred with a factor below 1, sharper above.
 *
 * @throws ArgumentError for a negative factor, or channels that are neither 1 nor 3
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.adjust_sharpness.html
 */
export function adjustSharpness<T extends Picture>(input: T, factor: number): T {
  requireFactor('adjustSharpness', 'the factor', factor);
  return coloured('adjustSharpness', input, {
    image: (image) => images.sharpness(image, factor),
    planes: (p) => planes.sharpness(p, factor),
  });
}

/**
 * Powers of the values: `gain · value ** gamma`; above 1 shadows become darker, below brighter.
 *
 * @throws ArgumentError for a negative gamma
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.adjust_gamma.html
 */
export function adjustGamma<T extends Picture>(input: T, gamma: number, gain = 1): T {
  requireFactor('adjustGamma', 'gamma', gamma);
  requireKind('adjustGamma', 'the gain', gain, FINITE);
  return coloured('adjustGamma', input, {
    image: (image) => images.gamma(image, gamma, gain),
    planes: (p) => planes.gamma(p, gamma, gain),
    any: true,
  });
}

/**
 * Only so many upper bits of the values.
 *
 * @param bits - 0 to 8, of images 1 to 8
 * @throws ArgumentError for another number of bits
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.posterize.html
 */
export function posterize<T extends Picture>(input: T, bits: number): T {
  const least = input instanceof Image ? 1 : 0;
  if (!(Number.isInteger(bits) && bits >= least && bits <= 8))
    throw wrongArgument('posterize', 'the bits', `a whole number from ${least} to 8`, bits);
  return coloured('posterize', input, {
    image: (image) => images.posterized(image, bits),
    planes: (p, { dtype }) => planes.posterized(p, bits, dtype),
    any: true,
  });
}

/**
 * Values from a threshold on turned around.
 *
 * @throws ArgumentError for a threshold above the largest value of a tensor's dtype
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.solarize.html
 */
export function solarize<T extends Picture>(input: T, threshold: number): T {
  requireKind('solarize', 'the threshold', threshold, FINITE);
  return coloured('solarize', input, {
    image: (image) => images.solarized(image, threshold),
    planes: (p) => {
      if (threshold > p.bound) throw wrongArgument('solarize', 'the threshold', `at most ${p.bound}, the largest value`, threshold);
      return planes.solarized(p, threshold);
    },
    any: true,
  });
}

/**
 * Every value turned around: black becomes white.
 *
 * @example
 * ```ts
 * import { tensor } from 'flambeau';
 * import { functional as F } from 'flambeau/vision';
 *
 * console.log(F.invert(tensor([[[0, 0.25, 1]]])).tolist()); // [ [ [ 1, 0.75, 0 ] ] ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.invert.html
 */
export function invert<T extends Picture>(input: T): T {
  return coloured('invert', input, { image: images.inverted, planes: planes.inverted, any: true });
}

/**
 * From the darkest value of each channel, which becomes 0, to the brightest, which becomes the largest.
 *
 * @throws ArgumentError for channels that are neither 1 nor 3
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.autocontrast.html
 */
export function autocontrast<T extends Picture>(input: T): T {
  return coloured('autocontrast', input, { image: images.autocontrasted, planes: planes.autocontrasted });
}

/**
 * Every value of each channel about as often as any other, of 256 values.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.equalize.html
 */
export function equalize<T extends Picture>(input: T): T {
  return coloured('equalize', input, { image: images.equalized, planes: equalizedPlanes, any: true });
}

/** By way of uint8, as torchvision does. */
function equalizedPlanes(p: Colours, { dtype }: Tensor): Planes {
  if (dtype === 'uint8') return planes.equalized(p as Planes as Planes<Uint8Array>);
  const bits = planes.BITS[dtype];
  const shift = bits === undefined ? 0 : 2 ** (bits - 8);
  const byte = (value: number): number => (p.isWhole ? Math.floor(value / shift) : Math.trunc(Math.fround(value * Math.fround(255.999))));
  const bytes = planes.equalized({ ...p, data: Uint8Array.from(p.data as ArrayLike<number>, byte) });
  const back = (value: number): number => (p.isWhole ? Math.floor(value * shift) : value * Math.fround(1 / 255));
  const data = p.data.slice();
  for (let i = 0; i < data.length; i++) data[i] = back(bytes.data[i]!);
  return { ...p, data };
}

const GREY_OPTIONS: OptionKinds<{ numOutputChannels?: 1 | 3 }> = {
  numOutputChannels: kind('1 or 3', (value) => value === 1 || value === 3),
};

/**
 * Grey, with one channel or three equal ones.
 *
 * @throws ArgumentError for another number of channels
 * @example
 * ```ts
 * import { functional as F, Image } from 'flambeau/vision';
 *
 * console.log(F.rgbToGrayscale(Image.filled(1, 1, 3, [255, 0, 0])).data); // Uint8Array(1) [ 76 ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.rgb_to_grayscale.html
 */
export function rgbToGrayscale<T extends Picture>(input: T, options: { readonly numOutputChannels?: 1 | 3 } = {}): T {
  const { numOutputChannels = 1 } = requireOptions<{ numOutputChannels?: 1 | 3 }>('rgbToGrayscale', options, GREY_OPTIONS);
  if (!(input instanceof Tensor)) {
    return coloured('rgbToGrayscale', input, {
      image: (image) => (numOutputChannels === 3 ? image.convert('L').convert('RGB') : image.convert('L')),
      planes: (p) => p,
    });
  }
  const channels = channelsOf('rgbToGrayscale', input);
  if (channels !== 1 && channels !== 3) throw wrongArgument('rgbToGrayscale', 'the number of channels', '1 or 3', channels);
  const p = coloursOf(planesOfTensor('rgbToGrayscale', input), channels, input.dtype);
  const shape = [...(input.shape as number[])];
  shape[shape.length - 3] = numOutputChannels;
  return wrap(tensorOfNumbers(planes.grey(p, numOutputChannels).data, shape, input.dtype), input) as T;
}

/** Three equal channels of a grey picture; colours stay as they are. */
export function grayscaleToRgb<T extends Picture>(input: T): T {
  if (input instanceof Image) return input.convert('RGB') as T;
  const channels = input instanceof Tensor ? channelsOf('grayscaleToRgb', input) : 1;
  return channels >= 3 ? input : rgbToGrayscale(input, { numOutputChannels: 3 });
}

/**
 * The channels in another order.
 *
 * @throws ArgumentError unless each channel is there once
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.permute_channels.html
 */
export function permuteChannels<T extends Picture>(input: T, permutation: readonly number[]): T {
  const check = (channels: number): void => {
    const isOrder =
      Array.isArray(permutation) && [...(permutation as readonly number[])].sort((a, b) => a - b).every((channel, i) => channel === i);
    if (!isOrder || permutation.length !== channels)
      throw wrongArgument('permuteChannels', 'the permutation', `the numbers 0 to ${channels - 1} in some order`, permutation);
  };
  return coloured('permuteChannels', input, {
    image: (image) => {
      check(image.channels);
      return imageOfPlanes(interleaved(planes.permuted(planar(planesOfImage(image)), image.channels, permutation)));
    },
    planes: (p) => {
      check(p.channels);
      return planes.permuted(p, p.channels, permutation);
    },
    any: true,
  });
}
