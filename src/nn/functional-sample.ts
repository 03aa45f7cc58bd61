/** Images and volumes sampled at places that a tensor gives, and the grids for it; part of `F`. */
import { BOOL, oneOf, kind } from '../base/arguments.ts';
import { ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { numelOf, showShape } from '../base/shape.ts';
import { DIMS, TENSOR } from '../tensor/arguments.ts';
import { where } from '../tensor/functions.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { table } from './spatial.ts';
import '../tensor/families/picking.ts';

export type GridMode = 'bilinear' | 'nearest' | 'bicubic';
export type GridPadding = 'zeros' | 'border' | 'reflection';
export interface GridSampleOptions {
  /** Default 'bilinear', which is trilinear for volumes. */
  readonly mode?: GridMode;
  /** What lies outside: zeros (the default), the border, the mirrored input. */
  readonly paddingMode?: GridPadding;
  /** Whether −1 and 1 are the centres of the corners' pixels rather than their outer edges. Default false. */
  readonly alignCorners?: boolean | null;
}
interface GridSample extends GridSampleOptions {
  readonly input: Tensor;
  readonly grid: Tensor;
}
const NULLABLE_BOOL = kind('true or false', (value) => value === null || BOOL.accepts(value));
const GRID_SAMPLE = signature<GridSample>('gridSample', { input: TENSOR, grid: TENSOR, mode: oneOf('bilinear', 'nearest', 'bicubic'), paddingMode: oneOf('zeros', 'border', 'reflection'), alignCorners: NULLABLE_BOOL }, { required: 2, example: "F.gridSample(x, grid, 'bilinear', 'zeros', false)" }); // prettier-ignore

interface Sampler {
  readonly mode: GridMode;
  readonly padding: GridPadding;
  readonly align: boolean;
}

/**
 * Samples at the places of a grid (https://pytorch.org/docs/stable/generated/torch.nn.functional.grid_sample.html): [N, C, H, W] at
 * [N, Hout, Wout, 2] → [N, C, Hout, Wout], or [N, C, D, H, W] at [N, Dout, Hout, Wout, 3]. A place is (x, y) or (x, y, z) from −1 to 1.
 * @throws ShapeError for a grid that does not fit
 * @example
 * import { F, tensor } from 'flambeau';
 * const x = tensor([[[[1, 2], [3, 4]]]]);
 * if (F.gridSample(x, tensor([[[[0, 0]]]])).item() !== 2.5) throw new Error('the middle of four');
 */
export function gridSample(input: Tensor, grid: Tensor | Omit<GridSample, 'input'>, mode?: GridMode | GridSampleOptions, paddingMode?: GridPadding | Omit<GridSampleOptions, 'mode'>, alignCorners?: boolean | null | Pick<GridSampleOptions, 'alignCorners'>): Tensor; // prettier-ignore
export function gridSample(all: GridSample): Tensor;
export function gridSample(...args: readonly unknown[]): Tensor {
  const { input, grid, mode = 'bilinear', paddingMode = 'zeros', alignCorners } = readCall(GRID_SAMPLE, args);
  const n = input.ndim - 2;
  const [x, g] = [input.layout.shape, grid.layout.shape];
  if ((n !== 2 && n !== 3) || g.length !== n + 2 || g[0] !== x[0] || g[n + 1] !== n) {
    throw new ShapeError(`gridSample: expected [N, C, H, W] with a grid [N, Hout, Wout, 2] or [N, C, D, H, W] with a grid [N, Dout, Hout, Wout, 3], but got ${showShape(x)} and ${showShape(g)}`); // prettier-ignore
  }
  if (x.slice(2).includes(0)) throw new ShapeError(`gridSample: expected sizes above 0 except for the batch and channels, but got ${showShape(x)}`); // prettier-ignore
  if (n === 3 && mode === 'bicubic') throw new ShapeError(`gridSample: mode 'bicubic' is for images [N, C, H, W], but got ${showShape(x)}`); // prettier-ignore
  const s: Sampler = { mode, padding: paddingMode, align: alignCorners ?? false };
  // The grid's last dimension has x first; sizes have it last.
  const places = x.slice(2).map((size, i) => unnormalized(grid.select(n + 1, n - 1 - i), size, s));
  return mode === 'bicubic' ? cubic(input, places, s) : corners(input, places, s);
}

function unnormalized(at: Tensor, size: number, { align }: Sampler): Tensor {
  return align
    ? at
        .add(1)
        .div(2)
        .mul(size - 1)
    : at.add(1).mul(size).sub(1).div(2);
}

/** Places brought inside, as the padding mode says. */
function inside(at: Tensor, size: number, { padding, align }: Sampler): Tensor {
  if (padding === 'zeros') return at;
  const within = padding === 'border' ? at : reflected(at, align ? 0 : -1, align ? 2 * (size - 1) : 2 * size - 1);
  // Nothing flows back through what is clipped, its bounds included; NaN is the first pixel, as in PyTorch.
  const kept = where(within.gt(0).logicalAnd(within.lt(size - 1)), 1, 0).to(at.dtype);
  const clipped = within.detach().clamp({ min: 0, max: size - 1 });
  const finite = where(clipped.isnan(), clipped.newZeros([]), clipped);
  const free = where(kept.eq(1), within, within.newZeros([]));
  return free.mul(kept).add(finite.mul(kept.neg().add(1)));
}

/** Mirrored at low/2 and high/2 until it lies between. */
function reflected(at: Tensor, twiceLow: number, twiceHigh: number): Tensor {
  if (twiceLow === twiceHigh) return at.mul(0);
  const low = twiceLow / 2;
  const span = (twiceHigh - twiceLow) / 2;
  const away = at.sub(low).abs();
  const flips = away.div(span).floor().detach();
  const extra = away.sub(flips.mul(span));
  const even = flips.remainder(2).eq(0);
  return where(even, extra.add(low), extra.neg().add(span + low));
}

/** Elements of x [N, C, …] at whole places [N, …]; zeros outside. */
function pixels(x: Tensor, places: readonly Tensor[]): Tensor {
  const [n, c, ...size] = x.layout.shape as [number, number, ...number[]];
  let valid: Tensor | undefined;
  let flat: Tensor | undefined;
  places.forEach((place, i) => {
    const fits = place.ge(0).logicalAnd(place.le(size[i]! - 1));
    valid = valid === undefined ? fits : valid.logicalAnd(fits);
    const near = where(fits, place, place.newZeros([]));
    flat = flat === undefined ? near.to('int64') : flat.mul(size[i]!).add(near.to('int64'));
  });
  const out = places[0]!.layout.shape.slice(1);
  const count = numelOf(out);
  const index = flat!.reshape([n, 1, count]).expand([n, c, count]);
  const found = x.reshape([n, c, numelOf(size)]).gather(2, index);
  const shown = where(valid!.reshape([n, 1, count]), found, x.newZeros([]));
  return shown.view([n, c, ...out]);
}

function corners(x: Tensor, places: readonly Tensor[], s: Sampler): Tensor {
  const within = places.map((place, i) => inside(place, x.layout.shape[2 + i]!, s));
  if (s.mode === 'nearest')
    return pixels(
      x,
      within.map((place) => place.detach().round()),
    );
  const low = within.map((place) => place.detach().floor());
  let y: Tensor | undefined;
  for (let corner = 0; corner < 2 ** places.length; corner++) {
    const upper = places.map((_, i) => (corner >> i) % 2 === 1);
    let weight: Tensor | undefined;
    within.forEach((place, i) => {
      const share = upper[i] === true ? place.sub(low[i]!) : low[i]!.add(1).sub(place);
      weight = weight === undefined ? share : weight.mul(share);
    });
    const part = pixels(
      x,
      low.map((place, i) => (upper[i] === true ? place.add(1) : place)),
    ).mul(weight!.unsqueeze(1));
    y = y === undefined ? part : y.add(part);
  }
  return y!;
}

/** Keys' cubic convolution, a = −3/4: weights of four neighbours at distance t from the second. */
function cubicWeights(t: Tensor): Tensor[] {
  const a = -0.75;
  const near = (x: Tensor): Tensor => x.mul(a + 2).sub(a + 3).mul(x).mul(x).add(1); // prettier-ignore
  const far = (x: Tensor): Tensor => x.mul(a).sub(5 * a).mul(x).add(8 * a).mul(x).sub(4 * a); // prettier-ignore
  const u = t.neg().add(1);
  return [far(t.add(1)), near(t), near(u), far(u.add(1))];
}

function cubic(x: Tensor, places: readonly Tensor[], s: Sampler): Tensor {
  const low = places.map((place) => place.detach().floor());
  const [rows, columns] = places.map((place, i) => cubicWeights(place.sub(low[i]!))) as [Tensor[], Tensor[]];
  const at = (i: 0 | 1, k: number): Tensor => inside(low[i]!.add(k - 1), x.layout.shape[2 + i]!, s).round();
  let y: Tensor | undefined;
  for (let i = 0; i < 4; i++) {
    for (let j = 0; j < 4; j++) {
      const part = pixels(x, [at(0, i), at(1, j)]).mul(rows[i]!.mul(columns[j]!).unsqueeze(1));
      y = y === undefined ? part : y.add(part);
    }
  }
  return y!;
}

// ---- grids

interface AffineGrid {
  readonly theta: Tensor;
  readonly size: readonly number[];
  readonly alignCorners?: boolean | null;
}
const AFFINE_GRID = signature<AffineGrid>('affineGrid', { theta: TENSOR, size: DIMS, alignCorners: NULLABLE_BOOL }, { required: 2, example: 'F.affineGrid(theta, [1, 3, 8, 8])' }); // prettier-ignore

/**
 * The grid of an affine map, for {@link gridSample} (https://pytorch.org/docs/stable/generated/torch.nn.functional.affine_grid.html): `theta`
 * [N, 2, 3] and a size [N, C, H, W] → [N, H, W, 2]; [N, 3, 4] and [N, C, D, H, W] → [N, D, H, W, 3].
 * @throws ShapeError for a theta that does not fit the size
 */
export function affineGrid(theta: Tensor, size: readonly number[], alignCorners?: boolean | null): Tensor;
export function affineGrid(all: AffineGrid): Tensor;
export function affineGrid(...args: readonly unknown[]): Tensor {
  const { theta, size, alignCorners } = readCall(AFFINE_GRID, args);
  const n = size.length - 2;
  const shape = theta.layout.shape;
  if ((n !== 2 && n !== 3) || shape.length !== 3 || shape[0] !== size[0] || shape[1] !== n || shape[2] !== n + 1) {
    throw new ShapeError(`affineGrid: expected theta [N, 2, 3] for a size [N, C, H, W] or [N, 3, 4] for [N, C, D, H, W], but got ${showShape(shape)} and ${showShape(size)}`); // prettier-ignore
  }
  if (size.some((s) => s < 1)) throw new ShapeError(`affineGrid: expected sizes above 0, but got ${showShape(size)}`);
  const sizes = size.slice(2);
  const count = numelOf(sizes);
  const float = theta.dtype === 'float64' ? 'float64' : 'float32';
  const base = table(theta, `grid${float}${sizes.join('x')}${alignCorners === true ? 'a' : ''}`, () => {
    const all = baseGrid(sizes, alignCorners ?? false);
    return { data: float === 'float64' ? Float64Array.from(all) : Float32Array.from(all), shape: [1, count, n + 1], dtype: float }; // prettier-ignore
  });
  return base.matmul(theta.transpose(1, 2)).view([size[0]!, ...sizes, n]);
}

/** (x, y, 1) or (x, y, z, 1) of each element. */
function baseGrid(sizes: readonly number[], align: boolean): number[] {
  const lines = sizes.map((size) =>
    Array.from({ length: size }, (_, i) => {
      if (size === 1) return 0;
      const at = -1 + (2 * i) / (size - 1);
      return align ? at : (at * (size - 1)) / size;
    }),
  );
  const all: number[] = [];
  const walk = (place: number[]): void => {
    if (place.length === sizes.length) all.push(...place.toReversed(), 1);
    else for (const at of lines[place.length]!) walk([...place, at]);
  };
  walk([]);
  return all;
}
