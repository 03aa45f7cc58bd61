/**
 * Where tensors' pixels are taken from: a grid of places, and sampling there, in the arithmetic of torchvision's tensors (`grid_sample` with
 * zeros outside), which is not that of images. One sampler for affine maps, perspective and elastic displacement.
 */
import { fma32 } from '../../tensor/random/fused.ts';
import { emptyLike, type Numbers, type Planes } from './planes.ts';

/** Places for each pixel, x and y, from -1 to 1 across the picture. */
export interface Grid {
  readonly x: Float32Array | Float64Array;
  readonly y: Float32Array | Float64Array;
  readonly height: number;
  readonly width: number;
}

/** An empty grid, float64 for pictures that are. */
function emptyGrid(isDouble: boolean, height: number, width: number): Grid {
  const make = (): Float32Array | Float64Array => (isDouble ? new Float64Array(height * width) : new Float32Array(height * width));
  return { x: make(), y: make(), height, width };
}

type Round = (value: number) => number;
type Fma = (a: number, b: number, c: number) => number;
const plain: Fma = (a, b, c) => a * b + c;

/** Products of [x, y, 1] with a column of a matrix, one after the other, as a matrix product adds them up. */
const product = (round: Round, x: number, y: number, [a, b, c]: Column): number => round(round(round(x * a) + round(y * b)) + c);

type Column = readonly [number, number, number];
const itself = (value: number): number => value;

/** The grid of an affine map: of the result's pixels, seen from the centre, to the picture's. */
export function affineGrid(
  isDouble: boolean,
  matrix: readonly number[],
  from: readonly [number, number],
  to: readonly [number, number],
): Grid {
  const round = isDouble ? itself : Math.fround;
  const [height, width] = to;
  const grid = emptyGrid(isDouble, height, width);
  const column = (row: number, size: number): Column =>
    [0, 1, 2].map((i) => round(round(matrix[3 * row + i]!) / round(0.5 * size))) as unknown as Column;
  const [across, down] = [column(0, from[1]), column(1, from[0])];
  for (let v = 0, o = 0; v < height; v++) {
    const y = (1 - height) * 0.5 + v;
    for (let u = 0; u < width; u++, o++) {
      const x = (1 - width) * 0.5 + u;
      grid.x[o] = product(round, x, y, across);
      grid.y[o] = product(round, x, y, down);
    }
  }
  return grid;
}

/** The grid of a perspective's eight coefficients. */
export function perspectiveGrid(isDouble: boolean, coefficients: readonly number[], [height, width]: readonly [number, number]): Grid {
  const round = isDouble ? itself : Math.fround;
  const grid = emptyGrid(isDouble, height, width);
  const column = (row: number, size: number): Column =>
    [0, 1, 2].map((i) => round(round(coefficients[3 * row + i]!) / round(0.5 * size))) as unknown as Column;
  const [across, down] = [column(0, width), column(1, height)];
  const below: Column = [round(coefficients[6]!), round(coefficients[7]!), 1];
  for (let v = 0, o = 0; v < height; v++) {
    for (let u = 0; u < width; u++, o++) {
      const divisor = product(round, u + 0.5, v + 0.5, below);
      grid.x[o] = round(product(round, u + 0.5, v + 0.5, across) / divisor) - 1;
      grid.y[o] = round(product(round, u + 0.5, v + 0.5, down) / divisor) - 1;
    }
  }
  return grid;
}

/** `torch.linspace`, which counts from both ends to the middle. */
function linspace(round: Round, start: number, end: number, steps: number): number[] {
  const [first, last] = [round(start), round(end)];
  const step = steps > 1 ? round(round(last - first) / (steps - 1)) : 0;
  const fma = round === itself ? plain : fma32;
  const at = (i: number): number => (i < Math.floor(steps / 2) ? fma(step, i, first) : fma(-step, steps - i - 1, last));
  return Array.from({ length: steps }, (_, i) => round(at(i)));
}

/** The places of the pixels themselves, moved by a displacement [height, width, 2]. */
export function elasticGrid(isDouble: boolean, displacement: ArrayLike<number>, [height, width]: readonly [number, number]): Grid {
  const round = isDouble ? itself : Math.fround;
  const grid = emptyGrid(isDouble, height, width);
  const across = linspace(round, (1 - width) / width, (width - 1) / width, width);
  const down = linspace(round, (1 - height) / height, (height - 1) / height, height);
  for (let v = 0, o = 0; v < height; v++) {
    for (let u = 0; u < width; u++, o++) {
      grid.x[o] = across[u]! + displacement[2 * o]!;
      grid.y[o] = down[v]! + displacement[2 * o + 1]!;
    }
  }
  return grid;
}

/** How pixels between pixels of tensors are made up. */
export type GridInterpolation = 'nearest' | 'bilinear';

/**
 * The planes at the places of a grid. What lies outside is 0, or `fill`, a value for each channel, of which pixels at the edge get their share.
 */
export function sampled(p: Planes, grid: Grid, interpolation: GridInterpolation, fill: readonly number[] | null): Planes {
  const out = emptyLike(p, grid.height, grid.width);
  const isDouble = grid.x instanceof Float64Array;
  if (interpolation === 'nearest') nearest(p, out, grid, isDouble ? itself : Math.fround, fill);
  else bilinear(p, out, grid, isDouble ? itself : Math.fround, fill);
  return out;
}

/** Rounds to the nearest whole number, a half to the even one. */
function rounded(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** A place between -1 and 1 as a position in pixels. */
const position = (round: Round, place: number, size: number): number =>
  round === itself ? (place + 1) * (size / 2) - 0.5 : fma32(Math.fround(place + 1), size / 2, -0.5);

function nearest(p: Planes, out: Planes, grid: Grid, round: Round, fill: readonly number[] | null): void {
  const size = p.height * p.width;
  const step = grid.height * grid.width;
  for (let o = 0; o < step; o++) {
    const x = rounded(position(round, grid.x[o]!, p.width));
    const y = rounded(position(round, grid.y[o]!, p.height));
    const isInside = x >= 0 && x < p.width && y >= 0 && y < p.height;
    if (!isInside && fill === null) continue;
    const at = y * p.width + x;
    for (let plane = 0; plane < p.outer; plane++) {
      out.data[plane * step + o] = isInside ? p.data[plane * size + at]! : fill![plane % fill!.length]!;
    }
  }
}

/** The four neighbours of a place: where they are, and their shares; those outside have none. */
interface Corners {
  readonly at: Int32Array;
  readonly share: Float64Array;
}

function findCorners({ at, share }: Corners, p: Planes, x: number, y: number, round: Round): void {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [west, north] = [round(x - left), round(y - top)];
  const [east, south] = [round(1 - west), round(1 - north)];
  const shares = [east * south, west * south, east * north, west * north];
  for (let k = 0; k < 4; k++) {
    const [cx, cy] = [left + (k & 1), top + (k >> 1)];
    const isInside = cx >= 0 && cx < p.width && cy >= 0 && cy < p.height;
    at[k] = isInside ? cy * p.width + cx : -1;
    share[k] = round(shares[k]!);
  }
}

function bilinear(p: Planes, out: Planes, grid: Grid, round: Round, fill: readonly number[] | null): void {
  const isWhole = !(p.data instanceof Float32Array || p.data instanceof Float64Array);
  const fma = round === itself ? plain : fma32;
  const size = p.height * p.width;
  const step = grid.height * grid.width;
  const corners: Corners = { at: new Int32Array(4), share: new Float64Array(4) };
  for (let o = 0; o < step; o++) {
    findCorners(corners, p, position(round, grid.x[o]!, p.width), position(round, grid.y[o]!, p.height), round);
    const covered = fill === null ? 1 : weighted(corners, undefined, 0, fma);
    for (let plane = 0; plane < p.outer; plane++) {
      let value = weighted(corners, p.data, plane * size, fma);
      if (fill !== null) {
        const colour = round(fill[plane % fill.length]!);
        value = round(round(round(value - colour) * covered) + colour);
      }
      out.data[plane * step + o] = isWhole ? rounded(value) : value;
    }
  }
}

/** The sum of four values, each with its share; of ones if there are no values. */
function weighted({ at, share }: Corners, data: Numbers | undefined, base: number, fma: Fma): number {
  let sum = 0;
  for (let k = 0; k < 4; k++) {
    const value = at[k]! < 0 ? 0 : data === undefined ? 1 : data[base + at[k]!]!;
    sum = fma(value, share[k]!, sum);
  }
  return sum;
}
