/** The matrices of torchvision's affine maps and perspectives, from what people say of them: angles, shears, points. */
import { ArgumentError } from '../../base/errors.ts';

/** An affine map as torchvision's functions say it. */
export interface AffineArguments {
  /** Degrees, clockwise. */
  readonly angle: number;
  /** Pixels to the right and down. */
  readonly translate: readonly [number, number];
  readonly scale: number;
  /** Degrees along x and along y. */
  readonly shear: readonly [number, number];
}

const radians = (degrees: number): number => degrees * (Math.PI / 180);

/** The map from the result to the picture around a centre, or the other way. */
export function affineMatrix(
  center: readonly [number, number],
  { angle, translate, scale, shear }: AffineArguments,
  isInverted = true,
): readonly number[] {
  const [rotation, sx, sy] = [radians(angle), radians(shear[0]), radians(shear[1])];
  const [cx, cy] = center;
  const [tx, ty] = [cx + translate[0], cy + translate[1]];
  const a = Math.cos(rotation - sy) / Math.cos(sy);
  const b = -(a * Math.tan(sx) + Math.sin(rotation));
  const c = Math.sin(rotation - sy) / Math.cos(sy);
  const d = Math.cos(rotation) - c * Math.tan(sx);
  if (isInverted) {
    const [p, q, r, s] = [d / scale, -b / scale, -c / scale, a / scale];
    return [p, q, cx - p * tx - q * ty, r, s, cy - r * tx - s * ty];
  }
  const [p, q, r, s] = [a * scale, b * scale, c * scale, d * scale];
  return [p, q, tx - p * cx - q * cy, r, s, ty - r * cx - s * cy];
}

/** Width and height of what holds the whole picture under a matrix around its centre, in torchvision's float32. */
export function expandedSize(matrix: readonly number[], width: number, height: number): readonly [width: number, height: number] {
  const f = Math.fround;
  const [hw, hh] = [0.5 * width, 0.5 * height];
  const corners = [
    [-hw, -hh],
    [-hw, hh],
    [hw, hh],
    [hw, -hh],
  ] as const;
  const size = (row: number, half: number): number => {
    const [a, b, c] = [f(matrix[row]!), f(matrix[row + 1]!), f(matrix[row + 2]!)];
    const places = corners.map(([x, y]) => f(f(f(f(x * a) + f(y * b)) + c) + half));
    const settled = (value: number): number => f(Math.trunc(f(value * f(1 / 0.0001))) * f(0.0001));
    return Math.ceil(settled(Math.max(...places))) - Math.floor(settled(Math.min(...places)));
  };
  return [size(0, hw), size(3, hh)];
}

/** A corner of a picture, [x, y]. */
export type Point = readonly [number, number];

/**
 * The eight coefficients of the perspective that takes four points to four others: the solution of eight equations, in float64, rounded to
 * float32 as torchvision rounds them.
 * @throws ArgumentError when three of the points lie on a line
 */
export function perspectiveCoefficients(from: readonly Point[], to: readonly Point[]): readonly number[] {
  const rows: number[][] = [];
  to.forEach(([x, y], i) => {
    const [u, v] = from[i]!;
    rows.push([x, y, 1, 0, 0, 0, -u * x, -u * y, u], [0, 0, 0, x, y, 1, -v * x, -v * y, v]);
  });
  return solved(rows).map(Math.fround);
}

/** Gauss's elimination with the largest pivot; the right-hand side is the last column. */
function solved(rows: number[][]): number[] {
  const n = rows.length;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(rows[i]![k]!) > Math.abs(rows[pivot]![k]!)) pivot = i;
    [rows[k], rows[pivot]] = [rows[pivot]!, rows[k]!];
    const row = rows[k]!;
    if (Math.abs(row[k]!) < 1e-12)
      throw new ArgumentError('perspective: three of the four points lie on a line, so there is no such perspective');
    for (let i = k + 1; i < n; i++) {
      const share = rows[i]![k]! / row[k]!;
      if (share !== 0) for (let j = k; j <= n; j++) rows[i]![j]! -= share * row[j]!;
    }
  }
  const out = new Array<number>(n).fill(0);
  for (let k = n - 1; k >= 0; k--) {
    let rest = rows[k]![n]!;
    for (let j = k + 1; j < n; j++) rest -= rows[k]![j]! * out[j]!;
    out[k] = rest / rows[k]![k]!;
  }
  return out;
}
