/**
 * Boxes by their numbers: from one format to another, cut off at the picture's edges, moved with the picture. The arithmetic is that of
 * torchvision's tensors: float32 unless the boxes are float64, and whole numbers cut off at the end.
 */
import { ArgumentError } from '../../base/errors.ts';
import { isFloating } from '../../base/dtype.ts';
import { fma32 } from '../../tensor/random/fused.ts';
import { BoundingBoxes, type BoundingBoxFormat, type ClampingMode } from '../tv-tensors.ts';
import type { Grid } from './grid.ts';
import { numbersOf, tensorOfNumbers } from './planes.ts';

type Round = (value: number) => number;
const itself: Round = (value) => value;

/** Four numbers for each box, in their format. */
interface Boxes {
  readonly values: Float64Array;
  readonly format: BoundingBoxFormat;
  /** How results are rounded: to the dtype, of whole ones to float32. */
  readonly round: Round;
  readonly isWhole: boolean;
}

function boxesOf(op: string, boxes: BoundingBoxes): Boxes {
  const values = Float64Array.from(numbersOf(op, boxes));
  return { values, format: boxes.format, round: boxes.dtype === 'float64' ? itself : Math.fround, isWhole: !isFloating(boxes.dtype) };
}

/** Boxes of the same dtype in a picture of perhaps another size. */
function boxesLike(like: BoundingBoxes, values: Float64Array, canvasSize: readonly [number, number], format = like.format): BoundingBoxes {
  const { dtype, clampingMode } = like;
  const shape = [values.length / 4, 4];
  const numbers = isFloating(dtype) ? (dtype === 'float64' ? values : Float32Array.from(values)) : values.map(Math.trunc);
  const data =
    dtype === 'int64' || isFloating(dtype)
      ? tensorOfNumbers(numbers, shape, dtype)
      : tensorOfNumbers(Float32Array.from(numbers), shape, 'float32').to(dtype);
  return new BoundingBoxes(data, { format, canvasSize, clampingMode });
}

// ---- formats

type Row = [number, number, number, number];
type Convert = (box: Row, round: Round, isWhole: boolean) => Row;

/** Half of a size; whole numbers are rounded down. */
const half = (size: number, round: Round, isWhole: boolean): number => (isWhole ? Math.floor(size / 2) : round(size / 2));

/** To corners and back, and the two ways that do not go by them. */
const CONVERT: Readonly<Record<string, Convert>> = {
  'XYWH XYXY': ([x, y, w, h], round) => [x, y, round(x + w), round(y + h)],
  'XYXY XYWH': ([x1, y1, x2, y2], round) => [x1, y1, round(x2 - x1), round(y2 - y1)],
  'CXCYWH XYXY': ([cx, cy, w, h], round, isWhole) => {
    const [x, y] = [round(cx - round(w / 2)), round(cy - round(h / 2))];
    const box: Row = [x, y, round(w + x), round(h + y)];
    return isWhole ? (box.map(Math.trunc) as Row) : box;
  },
  'XYXY CXCYWH': ([x1, y1, x2, y2], round, isWhole) => {
    const [w, h] = [round(x2 - x1), round(y2 - y1)];
    return [half(round(2 * x1 + w), round, isWhole), half(round(2 * y1 + h), round, isWhole), w, h];
  },
  'XYWH CXCYWH': ([x, y, w, h], round, isWhole) => [round(x + half(w, round, isWhole)), round(y + half(h, round, isWhole)), w, h],
  'CXCYWH XYWH': ([cx, cy, w, h], round, isWhole) => {
    const [x, y] = [round(cx - round(w / 2)), round(cy - round(h / 2))];
    if (!isWhole) return [x, y, w, h];
    const [left, top] = [Math.trunc(x), Math.trunc(y)];
    return [left, top, Math.trunc(x + w) - left, Math.trunc(y + h) - top];
  },
};

/** Numbers of one format as those of another. */
function reformatted(values: Float64Array, from: BoundingBoxFormat, to: BoundingBoxFormat, round: Round, isWhole: boolean): Float64Array {
  if (from === to) return values;
  const convert = CONVERT[`${from} ${to}`]!;
  const out = new Float64Array(values.length);
  for (let i = 0; i < values.length; i += 4) out.set(convert([...values.subarray(i, i + 4)] as Row, round, isWhole), i);
  return out;
}

/** The boxes in another format. */
export function withFormat(boxes: BoundingBoxes, format: BoundingBoxFormat): BoundingBoxes {
  const { values, round, isWhole } = boxesOf('convertBoundingBoxFormat', boxes);
  return boxesLike(boxes, reformatted(values, boxes.format, format, round, isWhole), boxes.canvasSize, format);
}

/** Corners of boxes, four numbers each, as numbers of their dtype. */
export function cornersOf(op: string, boxes: BoundingBoxes): Float64Array {
  const { values, format, round, isWhole } = boxesOf(op, boxes);
  return reformatted(values, format, 'XYXY', round, isWhole);
}

// ---- the picture's edges

/** Cut off at the edges of the picture, unless the mode says otherwise. */
export function clamped(boxes: BoundingBoxes, mode: ClampingMode): BoundingBoxes {
  if (mode === null) return boxes;
  const { values, format, round } = boxesOf('clampBoundingBoxes', boxes);
  const corners = reformatted(values, format, 'XYXY', round, false);
  return boxesLike(boxes, reformatted(cut(corners, boxes.canvasSize), 'XYXY', format, round, false), boxes.canvasSize);
}

function cut(corners: Float64Array, [height, width]: readonly [number, number]): Float64Array {
  return corners.map((value, i) => Math.min(Math.max(value, 0), i % 2 === 0 ? width : height));
}

// ---- moving

/** Mirrored in the picture, left and right or top and bottom: `axis` 0 or 1. */
export function mirrored(boxes: BoundingBoxes, axis: 0 | 1): BoundingBoxes {
  const { values, format, round } = boxesOf('flip', boxes);
  const size = boxes.canvasSize[1 - axis]!;
  const out = values.slice();
  for (let i = axis; i < out.length; i += 4) {
    const [near, far] = [values[i]!, values[i + 2]!];
    if (format === 'XYXY') [out[i], out[i + 2]] = [round(size - far), round(size - near)];
    else out[i] = round(size - (format === 'XYWH' ? round(near + far) : near));
  }
  return boxesLike(boxes, out, boxes.canvasSize);
}

/** Moved by whole pixels into a picture of another size, and cut off there. */
export function shifted(boxes: BoundingBoxes, right: number, down: number, canvas: readonly [number, number]): BoundingBoxes {
  const { values, format, round } = boxesOf('crop', boxes);
  const corners = format === 'XYXY' ? 4 : 2;
  const out = values.map((value, i) => (i % 4 < corners ? round(value + (i % 2 === 0 ? right : down)) : value));
  return clamped(boxesLike(boxes, out, canvas), boxes.clampingMode);
}

/** As large as the picture's new size says. */
export function rescaled(boxes: BoundingBoxes, [height, width]: readonly [number, number]): BoundingBoxes {
  const [oldHeight, oldWidth] = boxes.canvasSize;
  if (height === oldHeight && width === oldWidth) return boxes;
  const { values, round } = boxesOf('resize', boxes);
  const ratios = [round(width / oldWidth), round(height / oldHeight)];
  return boxesLike(
    boxes,
    values.map((value, i) => round(value * ratios[i % 2]!)),
    [height, width],
  );
}

/** Where a point goes, in the rounding of the boxes. */
export type PointMap = (x: number, y: number, round: Round) => readonly [number, number];

/** The boxes around where the corners go; `shift` says by how much the picture that holds everything is moved. */
export function moved(
  op: string,
  boxes: BoundingBoxes,
  map: PointMap,
  canvas = boxes.canvasSize,
  shift: readonly [number, number] = [0, 0],
): BoundingBoxes {
  const { values, format, round } = boxesOf(op, boxes);
  const corners = reformatted(values, format, 'XYXY', round, false);
  const out = new Float64Array(corners.length);
  for (let i = 0; i < corners.length; i += 4) {
    const [x1, y1, x2, y2] = [...corners.subarray(i, i + 4)] as Row;
    const points = [map(x1, y1, round), map(x2, y1, round), map(x2, y2, round), map(x1, y2, round)];
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    out[i] = round(Math.min(...xs) - shift[0]);
    out[i + 1] = round(Math.min(...ys) - shift[1]);
    out[i + 2] = round(Math.max(...xs) - shift[0]);
    out[i + 3] = round(Math.max(...ys) - shift[1]);
  }
  const held = boxes.clampingMode === null ? out : cut(out, canvas);
  return boxesLike(boxes, reformatted(held, 'XYXY', format, round, false), canvas);
}

/** The map of an affine matrix. */
export const affineMap =
  ([a, b, c, d, e, f]: readonly number[]): PointMap =>
  (x, y, round) => {
    const sum = (p: number, q: number, r: number): number =>
      round === itself ? p * x + q * y + r : Math.fround(fma32(y, Math.fround(q), Math.fround(x * Math.fround(p))) + Math.fround(r));
    return [sum(a!, b!, c!), sum(d!, e!, f!)];
  };

/**
 * The map of a perspective, the other way round than its coefficients say, which are those from the result to the picture.
 * @throws ArgumentError when they cannot be inverted
 */
export function perspectiveMap(k: readonly number[]): PointMap {
  const [a, b, c, d, e, f, g, h] = k as [number, number, number, number, number, number, number, number];
  const determinant = a * e - b * d;
  if (determinant === 0)
    throw new ArgumentError('perspective: these coefficients cannot be inverted, which boxes need; choose other points');
  const across = [(e - f * h) / determinant, (c * h - b) / determinant, (b * f - c * e) / determinant] as const;
  const down = [(f * g - d) / determinant, (a - c * g) / determinant, (c * d - a * f) / determinant] as const;
  const below = [(d * h - e * g) / determinant, (b * g - a * h) / determinant, 1] as const;
  return (x, y, round) => {
    const sum = ([p, q, r]: readonly [number, number, number]): number =>
      round(round(round(round(p) * x) + round(round(q) * y)) + round(r));
    const divisor = sum(below);
    return [round(sum(across) / divisor), round(sum(down) / divisor)];
  };
}

/** The map of an elastic displacement: corners go the other way than pixels are taken from. */
export function gridMap({ x: gx, y: gy, height, width }: Grid): PointMap {
  return (x, y, round) => {
    const column = Math.min(Math.max(Math.ceil(x), 0), width - 1);
    const row = Math.min(Math.max(Math.ceil(y), 0), height - 1);
    const at = row * width + column;
    const place = (value: number, size: number): number => round(round(round(value + 1) * round(0.5 * size)) - 0.5);
    return [place(gx[at]!, width), place(gy[at]!, height)];
  };
}

/** Which boxes have a size and lie within the picture. */
export function sane(boxes: BoundingBoxes, minSize: number, minArea: number): Uint8Array {
  const corners = cornersOf('sanitizeBoundingBoxes', boxes);
  const { round } = boxesOf('sanitizeBoundingBoxes', boxes);
  const [height, width] = boxes.canvasSize;
  return Uint8Array.from({ length: corners.length / 4 }, (_, i) => {
    const [x1, y1, x2, y2] = [...corners.subarray(4 * i, 4 * i + 4)] as Row;
    const [w, h] = [round(x2 - x1), round(y2 - y1)];
    const isLarge = w >= minSize && h >= minSize && round(w * h) >= minArea;
    const isInside = Math.min(x1, y1, x2, y2) >= 0 && Math.max(x1, x2) <= width && Math.max(y1, y2) <= height;
    return Number(isLarge && isInside);
  });
}
