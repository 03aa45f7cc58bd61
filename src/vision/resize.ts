/**
 * Resizes images as PIL's `Image.resize` does, to the pixel: a filter stretched over the pixels that fall together, so that shrinking
 * does not alias, applied to rows and then to columns or the other way round, with weights in 22-bit fixed point and 8-bit values in between.
 */
import { oneOf, requireKind, show, STEP, type Kind } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { Image } from '../io/image/image.ts';
import { imageOfPlanes, planesOfImage } from './functional/planes.ts';
import { resampledBytes, type BytePlan, type Pass, type Span } from './functional/resample-bytes.ts';
import { FILTERS, inBits, smoothWeights, type Filter, type FilterName } from './functional/resample.ts';
import { requireImage } from './require-image.ts';
import { scaled } from './warp.ts';

/** How new pixels are made from old ones, by torchvision's names of PIL's ways. */
export type Interpolation = 'nearest' | 'nearest-exact' | 'bilinear' | 'bicubic' | 'box' | 'hamming' | 'lanczos';

/** More bytes than this no array has everywhere. */
const MAX_BYTES = 2 ** 31 - 1;
export const INTERPOLATION: Kind = oneOf('nearest', 'nearest-exact', 'bilinear', 'bicubic', 'box', 'hamming', 'lanczos');

/** Pillow's bits behind the point. */
const BITS = 22;

/**
 * The image at another size.
 *
 * @throws {@link ArgumentError} if a size is not a positive whole number
 */
export function resize(image: Image, width: number, height: number, interpolation: Interpolation = 'bilinear'): Image {
  requireImage('resize', image);
  for (const size of [width, height]) {
    if (!STEP.accepts(size))
      throw new ArgumentError(`resize: expected a width and height of at least 1, but got ${show(width)}x${show(height)}`);
  }
  requireKind('resize', 'interpolation', interpolation, INTERPOLATION);
  if (width * height * image.channels > MAX_BYTES) {
    throw new ArgumentError(
      `resize: ${width}x${height} pixels of ${image.channels} bytes are more than an image can have; choose a smaller size`,
    );
  }
  if (width === image.width && height === image.height) return image;
  if (interpolation === 'nearest' || interpolation === 'nearest-exact') {
    const out = Image.filled(width, height, image.channels);
    scaled(image, out, [image.width / width, 0, 0, 0, image.height / height, 0]);
    return out;
  }
  const whole = { left: 0, top: 0, width: image.width, height: image.height };
  return resizedAs(image, { box: whole, width, height, interpolation });
}

/** A stretch of a picture; its sides need not be whole numbers. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** What is to be made of a picture. */
export interface Resizing {
  /** The stretch that is resized, as if it had been cut out before. */
  readonly box: Box;
  /** The size that it gets. */
  readonly width: number;
  readonly height: number;
  /** The stretch of that which is wanted, by default all. */
  readonly window?: Box;
  /** A way with a filter. */
  readonly interpolation: FilterName;
  /** Whether it may be made of a smaller picture that its file gives faster; pixels are then a little other ones. */
  readonly reduced?: boolean;
}

/** The largest part 1/8, 1/4 or 1/2 of a picture whose stretch is still no smaller than what is to be made of it, or 1. */
export function denominatorFor({ box, width, height }: Resizing): 1 | 2 | 4 | 8 {
  return ([8, 4, 2] as const).find((part) => box.width >= part * width && box.height >= part * height) ?? 1;
}

/** The same of a picture of 1/2, 1/4 or 1/8 of the size; the stretch may begin and end between its pixels. */
export function ofReduced(resizing: Resizing, denominator: number): Resizing {
  if (denominator === 1) return resizing;
  const { left, top, width, height } = resizing.box;
  return {
    ...resizing,
    box: { left: left / denominator, top: top / denominator, width: width / denominator, height: height / denominator },
  };
}

/** The image resized so. */
export const resizedAs = (image: Image, resizing: Resizing): Image =>
  imageOfPlanes(resampledBytes(planesOfImage(image), resizePlan(image.channels, resizing)));

/** The passes of a resizing, for so many channels. */
export function resizePlan(channels: number, { box, width, height, window, interpolation }: Resizing): BytePlan {
  const wanted = window ?? { left: 0, top: 0, width, height };
  const filter = FILTERS[interpolation];
  const across = passOf({ from: box.left, length: box.width }, width, { from: wanted.left, length: wanted.width }, filter);
  const down = passOf({ from: box.top, length: box.height }, height, { from: wanted.top, length: wanted.height }, filter);
  return {
    inner: channels,
    columns: across.span,
    rows: down.span,
    across: across.pass,
    down: down.pass,
    columnsFirst: startsWithColumns(box, width, height),
    width: wanted.width,
    height: wanted.height,
  };
}

interface Side {
  readonly from: number;
  readonly length: number;
}

/** One direction: what of the old picture is needed, and the weights of it. */
function passOf(old: Side, to: number, wanted: Side, filter: Filter): { readonly span: Span; readonly pass: Pass | undefined } {
  const first = Math.floor(old.from);
  const from = Math.ceil(old.from + old.length) - first;
  if (from === to && old.length === to) {
    const begin = first + wanted.from;
    return { span: { from: begin, to: begin + wanted.length }, pass: undefined };
  }
  const weights = smoothWeights(from, to, filter, {
    begin: wanted.from,
    end: wanted.from + wanted.length,
    start: old.from - first,
    span: old.length,
  });
  const low = weights.first[0]!;
  const last = wanted.length - 1;
  const high = weights.first[last]! + weights.count[last]!;
  const moved = { ...inBits(weights, BITS), first: weights.first.map((place) => place - low) };
  return { span: { from: first + low, to: first + high }, pass: { weights: moved, bits: BITS } };
}

/** Whether columns come first, which rounds otherwise: found by trying Pillow 13 with thousands of sizes, none of which says otherwise. */
function startsWithColumns(old: { readonly width: number; readonly height: number }, width: number, height: number): boolean {
  return height < old.height && old.height - height > 2 * (old.width - width);
}
