/** Turns images as PIL's `Image.rotate` does, to the pixel: the same matrix, rounded to 15 digits. */
import { arrayOf, BOOL, either, FINITE, kind, NUMBER, oneOf, requireKind, requireOptions, type Kind, type OptionKinds } from '../base/arguments.ts'; // prettier-ignore
import { ArgumentError } from '../base/errors.ts';
import { BLACK, type Image } from '../io/image/image.ts';
import { halfTurned, quarterTurned } from './functional/copies.ts';
import { imageOfPlanes, planesOfImage } from './functional/planes.ts';
import { requireImage } from './require-image.ts';
import { affineWarped, type Affine, type WarpInterpolation } from './warp.ts';

/** How pixels between pixels are made up. */
export type RotateInterpolation = WarpInterpolation;

/** Options of {@link rotate}. */
export interface RotateOptions {
  readonly interpolation?: RotateInterpolation;
  /** Make the result large enough for the whole turned image. */
  readonly expand?: boolean;
  /** Point to turn around, [x, y] from the upper left corner; default the centre. */
  readonly center?: readonly [number, number] | undefined;
  /** Colour of what lies outside, one number or one for each channel; default black. */
  readonly fill?: number | readonly number[];
}

/** A number, or one for each channel. */
const FILL: Kind = either(NUMBER, arrayOf(NUMBER, 'numbers'));
const ROTATE_OPTIONS: OptionKinds<RotateOptions> = {
  interpolation: oneOf('nearest', 'bilinear', 'bicubic'),
  expand: BOOL,
  center: kind('[x, y]', (value) => Array.isArray(value) && value.length === 2 && value.every(Number.isFinite)),
  fill: FILL,
};

/**
 * The image turned by `angle` degrees counter-clockwise.
 *
 * @throws {@link ArgumentError} if the angle is not finite or the fill does not fit the channels
 */
export function rotate(image: Image, angle: number, options: RotateOptions = {}): Image {
  requireImage('rotate', image);
  requireKind('rotate', 'the angle', angle, FINITE);
  const given = requireOptions<RotateOptions>('rotate', options, ROTATE_OPTIONS, '{ expand: true }');
  const { interpolation = 'nearest', expand = false, center } = given;
  const fill = fillColour('rotate', given.fill ?? 0, image.channels);
  const turn = pythonModulo(angle, 360);
  if (center === undefined) {
    if (turn === 0) return image;
    if (turn === 180) return imageOfPlanes(halfTurned(planesOfImage(image)));
    if ((turn === 90 || turn === 270) && (expand || image.width === image.height))
      return imageOfPlanes(quarterTurned(planesOfImage(image), turn === 90));
  }
  const { matrix, width, height } = place(image, turn, center, expand);
  return affineWarped(image, matrix, [width, height], fill, interpolation);
}

/**
 * One whole number for each channel.
 *
 * @throws {@link ArgumentError} when there are none or other numbers
 */
export function fillColour(operation: string, fill: number | readonly number[], channels: number): readonly number[] {
  requireKind(operation, 'fill', fill, FILL);
  if (fill === 0) return BLACK;
  const values = typeof fill === 'number' ? new Array<number>(channels).fill(fill) : [...fill];
  if (values.length !== channels || values.some((value) => !(value >= 0 && value < 256))) {
    throw new ArgumentError(
      `${operation}: expected a fill from 0 to 255, or ${channels} of them for an image of ${channels} channels, but got ${String(fill)}`,
    );
  }
  return values.map(Math.trunc);
}

/** The remainder with the sign of the divisor. */
function pythonModulo(value: number, divisor: number): number {
  const rest = value % divisor;
  return rest < 0 ? rest + divisor : rest + 0;
}

/** The matrix from result to image, and the result's size. */
function place(
  image: Image,
  turn: number,
  center: readonly [number, number] | undefined,
  expand: boolean,
): { matrix: Affine; width: number; height: number } {
  const { width, height } = image;
  const radians = -(turn * (Math.PI / 180));
  const cos = round15(Math.cos(radians));
  const sin = round15(Math.sin(radians));
  const minusSin = -sin;
  const [cx, cy] = center ?? [width / 2, height / 2];
  const c = cos * -cx + sin * -cy + cx;
  const f = minusSin * -cx + cos * -cy + cy;
  if (!expand) return { matrix: [cos, sin, c, minusSin, cos, f], width, height };
  const corners = [0, width].flatMap((x) => [0, height].map((y) => [x, y] as const));
  const xs = corners.map(([x, y]) => cos * x + sin * y + c);
  const ys = corners.map(([x, y]) => minusSin * x + cos * y + f);
  const wide = Math.ceil(Math.max(...xs)) - Math.floor(Math.min(...xs));
  const high = Math.ceil(Math.max(...ys)) - Math.floor(Math.min(...ys));
  const [dx, dy] = [-(wide - width) / 2, -(high - height) / 2];
  const moved: Affine = [cos, sin, cos * dx + sin * dy + c, minusSin, cos, minusSin * dx + cos * dy + f];
  return { matrix: moved, width: wide, height: high };
}

const round15 = (value: number): number => Number(value.toFixed(15));
