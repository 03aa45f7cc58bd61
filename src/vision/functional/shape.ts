/**
 * Functions that change a picture's size or cut it, by torchvision's names (https://pytorch.org/vision/stable/transforms.html#functionals): on
 * images, tensors [..., channels, height, width], masks and boxes.
 */
import { BOOL, COUNT, kind, NUMBER, requireKind, requireOptions, wrongArgument, type OptionKinds } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { Image } from '../../io/image/image.ts';
import { roundHalfEven } from '../../io/image/round.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { INTERPOLATION, resize as resizeImage, type Interpolation } from '../resize.ts';
import { BoundingBoxes, Mask } from '../tv-tensors.ts';
import { FILL_VALUE, fillValues, heightAndWidth, imageColour, PADDING_MODE, requirePlaces, type Fill, type Size } from './arguments.ts';
import * as boxes from './boxes.ts';
import { cropped, flippedAcross, flippedDown, padded, type PaddingMode, type Sides } from './copies.ts';
import { byKind, channelsOf, requireVisual, type Visual } from './planes.ts';
import { resizedPlanes } from './resize-planes.ts';

export type { Fill, PaddingMode, Size };

/** Widths of a border: all four sides; left and right, top and bottom; or left, top, right, bottom. */
export type Padding = number | readonly [number] | readonly [number, number] | readonly [number, number, number, number];

/** What {@link Padding} says. */
export const PADDING = kind('a padding of 1, 2 or 4 whole numbers of at least 0', (value) => {
  const isWidth = (width: unknown): boolean => Number.isSafeInteger(width) && (width as number) >= 0;
  return isWidth(value) || (Array.isArray(value) && [1, 2, 4].includes(value.length) && value.every(isWidth));
});

/** Left, top, right and bottom. */
export function sidesOf(padding: Padding): Sides {
  const given = typeof padding === 'number' ? [padding] : padding;
  const [left, top, right, bottom] = given;
  return [left, top ?? left, right ?? left, bottom ?? top ?? left];
}

/**
 * Height and width of a picture or of the picture that boxes are in.
 *
 * @example
 * ```ts
 * import { functional as F, Image } from 'flambeau/vision';
 *
 * console.log(F.getSize(Image.filled(4, 3, 1))); // [ 3, 4 ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.get_size.html
 */
export function getSize(input: Visual): [height: number, width: number] {
  const visual = requireVisual('getSize', input);
  if (visual instanceof Image) return [visual.height, visual.width];
  if (visual instanceof BoundingBoxes) return [...visual.canvasSize];
  const shape = visual.shape as readonly number[];
  if (shape.length < 2) throw wrongArgument('getSize', 'the tensor', 'a picture [..., channels, height, width]', input);
  return [shape.at(-2)!, shape.at(-1)!];
}

/**
 * Channels, height and width of a picture.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.get_dimensions.html
 */
export function getDimensions(input: Image | Tensor): [channels: number, height: number, width: number] {
  return [getNumChannels(input), ...getSize(input)];
}

/** Number of channels of a picture; of a tensor [height, width] 1. */
export function getNumChannels(input: Image | Tensor): number {
  const visual = requireVisual('getNumChannels', input);
  if (visual instanceof Image) return visual.channels;
  return visual.ndim === 2 ? 1 : channelsOf('getNumChannels', visual);
}

/**
 * Left and right exchanged.
 *
 * @example
 * ```ts
 * import { tensor } from 'flambeau';
 * import { functional as F } from 'flambeau/vision';
 *
 * console.log(F.horizontalFlip(tensor([[[1, 2, 3]]])).tolist()); // [ [ [ 3, 2, 1 ] ] ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.horizontal_flip.html
 */
export function horizontalFlip<T extends Visual>(input: T): T {
  return byKind('horizontalFlip', input, { planes: flippedAcross, boxes: (b) => boxes.mirrored(b, 0) });
}

/**
 * Top and bottom exchanged.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.vertical_flip.html
 */
export function verticalFlip<T extends Visual>(input: T): T {
  return byKind('verticalFlip', input, { planes: flippedDown, boxes: (b) => boxes.mirrored(b, 1) });
}

/**
 * The stretch of `width` × `height` pixels from column `left` and row `top` on; what lies outside of the picture is black.
 *
 * @throws ArgumentError for sizes below 1 or places that are not whole
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.crop.html
 */
export function crop<T extends Visual>(input: T, top: number, left: number, height: number, width: number): T {
  requirePlaces('crop', top, left);
  for (const size of [height, width]) requireKind('crop', 'height and width', size, COUNT);
  return byKind('crop', input, {
    planes: (p) => cropped(p, top, left, height, width),
    boxes: (b) => boxes.shifted(b, -left, -top, [height, width]),
  });
}

/** Options of {@link pad}. */
export interface PadFunctionOptions {
  /** Colour of a constant border, default black. */
  readonly fill?: Fill;
  /** Default `'constant'`. */
  readonly paddingMode?: PaddingMode;
}

const PAD_OPTIONS: OptionKinds<PadFunctionOptions> = { fill: FILL_VALUE, paddingMode: PADDING_MODE };

/**
 * With a border.
 *
 * @throws ArgumentError for widths that are not whole, a colour of other channels, and borders of boxes that are not constant
 * @example
 * ```ts
 * import { tensor } from 'flambeau';
 * import { functional as F } from 'flambeau/vision';
 *
 * console.log(F.pad(tensor([[[1, 2, 3]]]), [1, 0], { paddingMode: 'reflect' }).tolist()); // [ [ [ 2, 1, 2, 3, 2 ] ] ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.pad.html
 */
export function pad<T extends Visual>(input: T, padding: Padding, options: PadFunctionOptions = {}): T {
  requireKind('pad', 'padding', padding, PADDING);
  const { fill, paddingMode = 'constant' } = requireOptions<PadFunctionOptions>('pad', options, PAD_OPTIONS, '{ fill: 0 }');
  const sides = sidesOf(padding);
  const [left, top, right, bottom] = sides;
  return byKind('pad', input, {
    planes: (p, like) => {
      if (like instanceof Mask && Array.isArray(fill)) throw wrongArgument('pad', 'the fill of a mask', 'one number', fill);
      const values = like instanceof Image ? imageColour('pad', fill, like) : (fillValues('pad', fill, like) ?? [0]);
      if (paddingMode !== 'constant' && values.length > 1 && !(like instanceof Image))
        throw wrongArgument('pad', 'the fill of such a border', 'one number', fill, "use paddingMode: 'constant'");
      return padded(p, sides, values, paddingMode);
    },
    boxes: (b) => {
      if (paddingMode !== 'constant')
        throw new ArgumentError(
          `pad: a border of mode '${paddingMode}' shows things again, which boxes cannot; use paddingMode: 'constant'`,
        );
      const [height, width] = b.canvasSize;
      return boxes.shifted(b, left, top, [height + top + bottom, width + left + right]);
    },
  });
}

/** Options of {@link resize}. */
export interface ResizeFunctionOptions {
  /** Default `'bilinear'`. */
  readonly interpolation?: Interpolation;
  /** Most pixels of the longer edge; only where the size is one number, or null. */
  readonly maxSize?: number | undefined;
  /** Average over what falls together when a tensor shrinks, default true. Images are always treated so. */
  readonly antialias?: boolean;
}

export const RESIZE_OPTIONS: OptionKinds<ResizeFunctionOptions> = { interpolation: INTERPOLATION, maxSize: NUMBER, antialias: BOOL };

/** One number for the shorter edge, [height, width], or null where `maxSize` says it. */
export type TargetSize = Size | null;

/**
 * Height and width that a picture is resized to.
 *
 * @throws ArgumentError for sizes that contradict each other, or that leave nothing
 */
export function resizedSize(
  op: string,
  [height, width]: readonly [number, number],
  size: TargetSize,
  maxSize?: number,
): readonly [number, number] {
  const [short, long] = width <= height ? [width, height] : [height, width];
  const inOrder = (newShort: number, newLong: number): readonly [number, number] => {
    if (newShort < 1)
      throw new ArgumentError(
        `${op}: of an image of ${width}x${height} pixels nothing would be left with a longer edge of ${newLong}; raise maxSize, or give a height and width`,
      );
    return width <= height ? [newLong, newShort] : [newShort, newLong];
  };
  if (size === null) {
    if (!COUNT.accepts(maxSize)) throw wrongArgument(op, 'maxSize', 'a whole number ≥ 1 where the size is null', maxSize);
    return inOrder(Math.trunc((maxSize! * short) / long), maxSize!);
  }
  const both = heightAndWidth(op, size);
  const isShorter = typeof size === 'number' || size.length === 1;
  if (maxSize !== undefined && (!isShorter || !Number.isInteger(maxSize) || maxSize <= both[0])) {
    throw new ArgumentError(
      `${op}: maxSize must be a whole number above a size that is one number, but got ${maxSize} with size ${JSON.stringify(size)}`,
    );
  }
  if (!isShorter) return both;
  const newLong = Math.trunc((both[0] * long) / short);
  if (maxSize === undefined || newLong <= maxSize) return inOrder(both[0], newLong);
  return inOrder(Math.trunc((maxSize * both[0]) / newLong), maxSize);
}

/**
 * At another size: [height, width], or so that the shorter edge has `size` pixels, or, with null, the longer one `maxSize`.
 *
 * @throws ArgumentError for sizes that contradict each other, leave nothing, or for a way that tensors do not have
 * @example
 * ```ts
 * import { rand } from 'flambeau';
 * import { functional as F } from 'flambeau/vision';
 *
 * console.log(F.resize(rand(2, 3, 40, 60), 20).shape); // [ 2, 3, 20, 30 ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.resize.html
 */
export function resize<T extends Visual>(input: T, size: TargetSize, options: ResizeFunctionOptions = {}): T {
  const {
    interpolation = 'bilinear',
    maxSize,
    antialias = true,
  } = requireOptions<ResizeFunctionOptions>('resize', options, RESIZE_OPTIONS, "{ interpolation: 'bicubic' }");
  const [height, width] = resizedSize('resize', getSize(input), size, maxSize);
  return byKind('resize', input, {
    image: (image) => resizeImage(image, width, height, interpolation),
    planes: (p, like) => {
      const isNearest = interpolation.startsWith('nearest');
      return resizedPlanes(p, height, width, like instanceof Mask && !isNearest ? 'nearest' : interpolation, antialias);
    },
    boxes: (b) => boxes.rescaled(b, [height, width]),
  });
}

/**
 * A stretch at another size: {@link crop} and {@link resize}.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.resized_crop.html
 */
export function resizedCrop<T extends Visual>(
  input: T,
  top: number,
  left: number,
  height: number,
  width: number,
  size: Size,
  options: Omit<ResizeFunctionOptions, 'maxSize'> = {},
): T {
  const stretch = crop(input, top, left, height, width);
  return resize(stretch, size, stretch instanceof Mask ? {} : options);
}

/**
 * The middle; a picture that is smaller gets a black border first.
 *
 * @throws ArgumentError for sizes below 1
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.center_crop.html
 */
export function centerCrop<T extends Visual>(input: T, size: Size): T {
  const [height, width] = heightAndWidth('centerCrop', size);
  const [oldHeight, oldWidth] = getSize(input);
  const anchor = (old: number, now: number): number => roundHalfEven((old - now) / 2);
  if (input instanceof BoundingBoxes) return crop(input, anchor(oldHeight, height), anchor(oldWidth, width), height, width);
  const [wider, taller] = [Math.max(width - oldWidth, 0), Math.max(height - oldHeight, 0)];
  const sides = [Math.floor(wider / 2), Math.floor(taller / 2), Math.ceil(wider / 2), Math.ceil(taller / 2)] as const;
  const large = wider > 0 || taller > 0 ? pad(input, sides) : input;
  return crop(large, anchor(oldHeight + taller, height), anchor(oldWidth + wider, width), height, width);
}

/** Five of the same kind: upper left, upper right, lower left, lower right, middle. */
export type FiveOf<T> = [T, T, T, T, T];

/**
 * The four corners and the middle.
 *
 * @throws ArgumentError when the picture is smaller
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.five_crop.html
 */
export function fiveCrop<T extends Image | Tensor>(input: T, size: Size): FiveOf<T> {
  const [height, width] = heightAndWidth('fiveCrop', size);
  const [oldHeight, oldWidth] = getSize(input);
  if (width > oldWidth || height > oldHeight)
    throw new ArgumentError(`fiveCrop: cannot cut ${height}x${width} out of a picture of ${oldHeight}x${oldWidth} (height x width)`);
  const [down, right] = [oldHeight - height, oldWidth - width];
  const at = (top: number, left: number): T => crop(input, top, left, height, width);
  return [at(0, 0), at(0, right), at(down, 0), at(down, right), centerCrop(input, [height, width])];
}

/**
 * {@link fiveCrop} of the picture and of its mirror image.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.ten_crop.html
 */
export function tenCrop<T extends Image | Tensor>(
  input: T,
  size: Size,
  options: { readonly verticalFlip?: boolean } = {},
): [...FiveOf<T>, ...FiveOf<T>] {
  const given = requireOptions<{ verticalFlip?: boolean }>('tenCrop', options, { verticalFlip: BOOL });
  const mirror = given.verticalFlip === true ? verticalFlip(input) : horizontalFlip(input);
  return [...fiveCrop(input, size), ...fiveCrop(mirror, size)];
}
