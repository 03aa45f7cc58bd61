/** Kinds of arguments that functions of pictures share, and how they are read. */
import { arrayOf, COUNT, either, FINITE, kind, NUMBER, oneOf, orNull, requireKind, WHOLE, wrongArgument, type Kind } from '../../base/arguments.ts'; // prettier-ignore
import { ArgumentError } from '../../base/errors.ts';
import { Image } from '../../io/image/image.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { channelsOf, type Visual } from './planes.ts';

/** Colour of what lies outside: one value, or one for each channel; `null` for 0 without a sharp edge in tensors. */
export type Fill = number | readonly number[] | null;

export const FILL_VALUE: Kind = orNull(either(NUMBER, arrayOf(NUMBER, 'numbers')));
export const PADDING_MODE: Kind = oneOf('constant', 'edge', 'reflect', 'symmetric');
export const CENTER: Kind = kind('[x, y]', (value) => Array.isArray(value) && value.length === 2 && value.every(FINITE.accepts));
export const WARP: Kind = oneOf('nearest', 'bilinear', 'bicubic');
const PLACE = WHOLE;

/** Height and width of a size that may be one number for both. */
export type Size = number | readonly number[];

const SIZE_OR_SIZES = either(NUMBER, arrayOf(NUMBER, 'numbers'));

/**
 * Height and width of a size that may be one number for both.
 *
 * @throws {@link ArgumentError} unless they are whole and at least 1
 */
export function heightAndWidth(operation: string, size: Size): readonly [number, number] {
  requireKind(operation, 'the size', size, SIZE_OR_SIZES);
  const sizes = typeof size === 'number' ? [size, size] : size.length === 1 ? [size[0]!, size[0]!] : [...size];
  if (sizes.length !== 2 || !sizes.every(COUNT.accepts)) {
    throw new ArgumentError(`${operation}: expected a size of at least 1 or [height, width], but got ${JSON.stringify(size)}`);
  }
  return [sizes[0]!, sizes[1]!];
}

/** @throws {@link ArgumentError} unless all are whole numbers. */
export function requirePlaces(op: string, ...places: readonly number[]): void {
  for (const place of places) requireKind(op, 'top and left', place, PLACE);
}

/** @throws {@link ArgumentError} unless it is a number of at least 0. */
export function requireFactor(op: string, name: string, factor: number): void {
  if (!(typeof factor === 'number' && factor >= 0 && Number.isFinite(factor)))
    throw wrongArgument(op, name, 'a number of at least 0', factor);
}

/**
 * The values of a colour for a picture: a value, or one for each channel; null where there is none.
 * @throws {@link ArgumentError} for another number of them
 */
export function fillValues(op: string, fill: Fill | undefined, picture: Visual): readonly number[] | null {
  if (fill === undefined || fill === null) return null;
  requireKind(op, 'fill', fill, FILL_VALUE);
  if (typeof fill === 'number') return [fill];
  const channels = picture instanceof Image ? picture.channels : fill.length === 1 ? 1 : channelsOf(op, picture as Tensor);
  if (fill.length === 1 || fill.length === channels) return fill;
  throw new ArgumentError(`${op}: expected one fill, or ${channels} of them for a picture of ${channels} channels, but got ${fill.length}`);
}

/**
 * The colour of an image, one whole number for each channel.
 * @throws {@link ArgumentError} for numbers that no pixel has
 */
export function imageColour(op: string, fill: Fill | undefined, image: Image): readonly number[] {
  const values = fillValues(op, fill, image) ?? [0];
  if (values.some((value) => !(value >= 0 && value < 256)))
    throw new ArgumentError(`${op}: expected a fill from 0 to 255 for an image, but got ${String(fill)}`);
  return Array.from({ length: image.channels }, (_, channel) => Math.trunc(values[channel % values.length]!));
}
