/**
 * Functions that turn, shear and bend pictures, by torchvision's names: on images with Pillow's pixels, on tensors and masks with
 * `grid_sample`'s, on boxes by where their corners go.
 */
import { arrayOf, BOOL, FINITE, instanceOf, kind, requireKind, requireOptions, wrongArgument, type OptionKinds } from '../../base/arguments.ts'; // prettier-ignore
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { showShape } from '../../base/shape.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { rotate as rotateImage } from '../rotate.ts';
import { Mask } from '../tv-tensors.ts';
import { affineWarped, perspectiveWarped, type Affine, type Perspective, type WarpInterpolation } from '../warp.ts';
import { CENTER, FILL_VALUE, fillValues, imageColour, WARP, type Fill } from './arguments.ts';
import * as boxes from './boxes.ts';
import { halfTurned, quarterTurned } from './copies.ts';
import { affineGrid, elasticGrid, perspectiveGrid, sampled, type Grid } from './grid.ts';
import { affineMatrix, expandedSize, perspectiveCoefficients, type AffineArguments, type Point } from './matrices.ts';
import { byKind, imageOfPlanes, numbersOf, planesOfImage, type Planes, type Visual } from './planes.ts';

/** Options of functions that look for pixels between pixels. */
export interface WarpOptions {
  /** `'nearest'` or `'bilinear'`, of images also `'bicubic'`. Masks always take the nearest pixel. */
  readonly interpolation?: WarpInterpolation;
  /** Colour of what lies outside, default black (null: of tensors, without mixing it in at the edge). */
  readonly fill?: Fill;
}

/** Options of {@link affine}. */
export interface AffineOptions extends WarpOptions {
  /** The point that stays where it is, [x, y] from the upper left corner; default the centre. */
  readonly center?: readonly [number, number] | undefined;
}

/** Options of the function `rotate`. */
export interface RotateFunctionOptions extends AffineOptions {
  /** Make the result large enough for the whole turned picture. */
  readonly expand?: boolean;
}

const WARP_OPTIONS: OptionKinds<WarpOptions> = { interpolation: WARP, fill: FILL_VALUE };
const AFFINE_OPTIONS: OptionKinds<AffineOptions> = { ...WARP_OPTIONS, center: CENTER };
const ROTATE_OPTIONS: OptionKinds<RotateFunctionOptions> = { ...AFFINE_OPTIONS, expand: BOOL };
const PAIR = kind('two numbers', (value) => Array.isArray(value) && value.length === 2 && value.every(FINITE.accepts));

const isDouble = ({ data }: Planes): boolean => data instanceof Float64Array;

/** Planes at a grid's places; int64 masks are float64 here, and are treated as the whole numbers that they are. */
function gridSampled(op: string, p: Planes, like: Visual, grid: Grid, { interpolation = 'nearest', fill }: WarpOptions): Planes {
  const way = like instanceof Mask ? 'nearest' : interpolation;
  if (way === 'bicubic') throw new ArgumentError(`${op}: tensors have 'nearest' and 'bilinear' only, but got 'bicubic'`);
  const isWhole = like instanceof Tensor && like.dtype === 'int64';
  const values = fillValues(op, fill, like);
  const out = sampled(p, grid, way, values);
  if (!isWhole) return out;
  return { ...out, data: (out.data as Float64Array).map((value) => Math.round(value)) };
}

/** Whether coordinates are float64: for float64 pictures, not for int64 ones. */
const isDoublePicture = (like: Visual, p: Planes): boolean => isDouble(p) && (like as Tensor).dtype === 'float64';

function requireAffine(op: string, { angle, translate, scale, shear }: AffineArguments): void {
  requireKind(op, 'the angle', angle, FINITE);
  requireKind(op, 'translate', translate, PAIR);
  requireKind(op, 'shear', shear, PAIR);
  if (!(Number.isFinite(scale) && scale > 0)) throw wrongArgument(op, 'the scale', 'a number above 0', scale);
}

/**
 * Turned, moved, scaled and sheared around the centre.
 *
 * @param angle - degrees, clockwise
 * @param translate - pixels to the right and down
 * @param shear - degrees along x and y
 * @throws ArgumentError for numbers that are none, a scale of 0, a way or a colour that the picture does not take
 * @example
 * ```ts
 * import { tensor } from 'flambeau';
 * import { functional as F } from 'flambeau/vision';
 *
 * console.log(F.affine(tensor([[[1, 2, 3]]]), 0, [1, 0], 1, [0, 0]).tolist()); // [ [ [ 0, 1, 2 ] ] ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.affine.html
 */
export function affine<T extends Visual>(
  input: T,
  angle: number,
  translate: readonly [number, number],
  scale: number,
  shear: readonly [number, number],
  options: AffineOptions = {},
): T {
  const map: AffineArguments = { angle, translate, scale, shear };
  requireAffine('affine', map);
  const given = requireOptions<AffineOptions>('affine', options, AFFINE_OPTIONS, "{ interpolation: 'bilinear' }");
  const { center, interpolation = 'nearest' } = given;
  return byKind('affine', input, {
    image: (image) => {
      const matrix = affineMatrix(center ?? [image.width * 0.5, image.height * 0.5], map) as unknown as Affine;
      return affineWarped(image, matrix, [image.width, image.height], imageColour('affine', given.fill, image), interpolation);
    },
    planes: (p, like) => {
      const around = center === undefined ? ([0, 0] as const) : ([center[0] - p.width * 0.5, center[1] - p.height * 0.5] as const);
      const size = [p.height, p.width] as const;
      return gridSampled('affine', p, like, affineGrid(isDoublePicture(like, p), affineMatrix(around, map), size, size), given);
    },
    boxes: (b) => {
      const [height, width] = b.canvasSize;
      return boxes.moved('affine', b, boxes.affineMap(affineMatrix(center ?? [width * 0.5, height * 0.5], map, false)));
    },
  });
}

/** The remainder with the sign of the divisor. */
const modulo = (value: number, by: number): number => ((value % by) + by) % by;

/**
 * Turned by `angle` degrees counter-clockwise.
 *
 * @throws ArgumentError for an angle that is not finite, a way or a colour that the picture does not take
 * @example
 * ```ts
 * import { tensor } from 'flambeau';
 * import { functional as F } from 'flambeau/vision';
 *
 * console.log(F.rotate(tensor([[[1, 2], [3, 4]]]), 90).tolist()); // [ [ [ 2, 4 ], [ 1, 3 ] ] ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.rotate.html
 */
export function rotate<T extends Visual>(input: T, angle: number, options: RotateFunctionOptions = {}): T {
  requireKind('rotate', 'the angle', angle, FINITE);
  const given = requireOptions<RotateFunctionOptions>('rotate', options, ROTATE_OPTIONS, '{ expand: true }');
  const { center, expand = false, interpolation = 'nearest' } = given;
  const turn: AffineArguments = { angle: -angle, translate: [0, 0], scale: 1, shear: [0, 0] };
  return byKind('rotate', input, {
    image: (image) => rotateImage(image, angle, { interpolation, expand, center, fill: imageColour('rotate', given.fill, image) }),
    planes: (p, like) => turnedPlanes(p, like, modulo(angle, 360), given),
    boxes: (b) => {
      const [height, width] = b.canvasSize;
      const around = center ?? ([width * 0.5, height * 0.5] as const);
      const map = boxes.affineMap(affineMatrix(around, turn, false));
      if (!expand) return boxes.moved('rotate', b, map);
      const corners = [map(0, 0, Math.fround), map(0, height, Math.fround), map(width, height, Math.fround), map(width, 0, Math.fround)];
      const shift = [Math.min(...corners.map(([x]) => x)), Math.min(...corners.map(([, y]) => y))] as const;
      const [wide, high] = expandedSize(affineMatrix(around, turn), width, height);
      return boxes.moved('rotate', b, map, [high, wide], shift);
    },
  });
}

function turnedPlanes(p: Planes, like: Visual, angle: number, options: RotateFunctionOptions): Planes {
  const { center, expand = false } = options;
  if (center === undefined) {
    if (angle === 0) return p;
    if (angle === 180) return halfTurned(p);
    if ((angle === 90 || angle === 270) && (expand || p.height === p.width)) return quarterTurned(p, angle === 90);
  }
  const around = center === undefined ? ([0, 0] as const) : ([center[0] - p.width * 0.5, center[1] - p.height * 0.5] as const);
  const matrix = affineMatrix(around, { angle: -angle, translate: [0, 0], scale: 1, shear: [0, 0] });
  const [width, height] = expand ? expandedSize(matrix, p.width, p.height) : [p.width, p.height];
  const grid = affineGrid(isDoublePicture(like, p), matrix, [p.height, p.width], [height, width]);
  return gridSampled('rotate', p, like, grid, options);
}

/** Where a perspective takes four points, or its eight coefficients. */
export interface PerspectivePoints {
  readonly startpoints?: readonly Point[] | null;
  readonly endpoints?: readonly Point[] | null;
  readonly coefficients?: readonly number[];
}

const POINTS = kind(
  'four points [x, y], or null',
  (value) => value === null || (Array.isArray(value) && value.length === 4 && value.every(PAIR.accepts)),
);
const COEFFICIENTS = kind(
  'eight numbers',
  (value) => arrayOf(FINITE, 'numbers').accepts(value) && (value as readonly number[]).length === 8,
);
const PERSPECTIVE_OPTIONS: OptionKinds<WarpOptions & Pick<PerspectivePoints, 'coefficients'>> = {
  ...WARP_OPTIONS,
  coefficients: COEFFICIENTS,
};

/**
 * In perspective: so that four points come to lie on four others.
 *
 * @param startpoints - four corners [x, y] of the picture; null where `coefficients` say it
 * @param endpoints - where they go; null where `coefficients` say it
 * @throws ArgumentError for points that are none or lie on a line, both points and coefficients, or neither
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.perspective.html
 */
export function perspective<T extends Visual>(
  input: T,
  startpoints: readonly Point[] | null,
  endpoints: readonly Point[] | null,
  options: WarpOptions & Pick<PerspectivePoints, 'coefficients'> = {},
): T {
  requireKind('perspective', 'startpoints', startpoints, POINTS);
  requireKind('perspective', 'endpoints', endpoints, POINTS);
  const { interpolation = 'bilinear', ...given } = requireOptions<WarpOptions & Pick<PerspectivePoints, 'coefficients'>>(
    'perspective',
    options,
    PERSPECTIVE_OPTIONS,
    '{ fill: 0 }',
  );
  const hasPoints = startpoints !== null && endpoints !== null;
  if (hasPoints === (given.coefficients !== undefined))
    throw new ArgumentError('perspective: expected four start and four end points, or eight coefficients and null for the points');
  const coefficients = given.coefficients ?? perspectiveCoefficients(startpoints!, endpoints!);
  return byKind('perspective', input, {
    image: (image) =>
      perspectiveWarped(image, coefficients as unknown as Perspective, imageColour('perspective', given.fill, image), interpolation),
    planes: (p, like) => {
      const grid = perspectiveGrid(isDoublePicture(like, p), coefficients, [p.height, p.width]);
      return gridSampled('perspective', p, like, grid, { ...given, interpolation });
    },
    boxes: (b) => boxes.moved('perspective', b, boxes.perspectiveMap(coefficients)),
  });
}

const TENSOR = instanceOf('a tensor', Tensor);

/**
 * Bent: every pixel is taken from a place that is moved a little.
 *
 * @param displacement - [1, height, width, 2]: by how much, x and y, where the picture's width and height are 2
 * @throws ShapeError for another shape
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.elastic.html
 */
export function elastic<T extends Visual>(input: T, displacement: Tensor, options: WarpOptions = {}): T {
  requireKind('elastic', 'the displacement', displacement, TENSOR);
  const { interpolation = 'bilinear', fill } = requireOptions<WarpOptions>('elastic', options, WARP_OPTIONS, '{ fill: 0 }');
  const shape = displacement.shape as readonly number[];
  const gridFor = (isDoubled: boolean, height: number, width: number, sign: 1 | -1): Grid => {
    if (shape.length !== 4 || shape[0] !== 1 || shape[1] !== height || shape[2] !== width || shape[3] !== 2) {
      throw new ShapeError(`elastic: expected a displacement of shape [1, ${height}, ${width}, 2], but got ${showShape(shape)}`);
    }
    const moves = numbersOf('elastic', displacement);
    return elasticGrid(isDoubled, sign === 1 ? moves : moves.map((value) => -value), [height, width]);
  };
  const planes = (p: Planes, like: Visual): Planes =>
    gridSampled('elastic', p, like, gridFor(isDoublePicture(like, p), p.height, p.width, 1), { interpolation, fill: fill ?? null });
  return byKind('elastic', input, {
    image: (image) => imageOfPlanes(interleaved(planes(planar(planesOfImage(image)), image))),
    planes,
    boxes: (b) => boxes.moved('elastic', b, boxes.gridMap(gridFor(b.dtype === 'float64', ...b.canvasSize, -1))),
  });
}

/** An image's channels one after the other, as tensors have them. */
export function planar({ data, height, width, inner }: Planes): Planes<Uint8Array> {
  const out = new Uint8Array(data.length);
  const size = height * width;
  for (let c = 0; c < inner; c++) for (let i = 0; i < size; i++) out[c * size + i] = data[i * inner + c]!;
  return { data: out, outer: inner, height, width, inner: 1 };
}

/** Channels pixel by pixel, as images have them. */
export function interleaved({ data, height, width, outer }: Planes): Planes<Uint8Array> {
  const out = new Uint8Array(data.length);
  const size = height * width;
  for (let c = 0; c < outer; c++) for (let i = 0; i < size; i++) out[i * outer + c] = data[c * size + i]!;
  return { data: out, outer: 1, height, width, inner: outer };
}
