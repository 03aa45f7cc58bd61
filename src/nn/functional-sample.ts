/** Images and volumes sampled at places that a tensor gives, and the grids for it; part of `F`. */
import { BOOL, oneOf, kind } from '../base/arguments.ts';
import { ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { numelOf, showShape } from '../base/shape.ts';
import { DIMS, TENSOR } from '../tensor/arguments.ts';
import { NO_ATTRS } from '../geometry/attrs.ts';
import { apply1 } from '../tensor/dispatch.ts';
import { blend } from '../tensor/families/blend.ts';
import { stack, where } from '../tensor/functions.ts';
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
export function gridSample(
  input: Tensor,
  grid: Tensor | Omit<GridSample, 'input'>,
  mode?: GridMode | GridSampleOptions,
  paddingMode?: GridPadding | Omit<GridSampleOptions, 'mode'>,
  alignCorners?: boolean | null | Pick<GridSampleOptions, 'alignCorners'>,
): Tensor;
export function gridSample(all: GridSample): Tensor;
export function gridSample(...args: readonly unknown[]): Tensor {
  const { input, grid, mode = 'bilinear', paddingMode = 'zeros', alignCorners } = readCall(GRID_SAMPLE, args);
  const n = input.ndim - 2;
  const [x, g] = [input.layout.shape, grid.layout.shape];
  if ((n !== 2 && n !== 3) || g.length !== n + 2 || g[0] !== x[0] || g[n + 1] !== n) {
    throw new ShapeError(
      `gridSample: expected [N, C, H, W] with a grid [N, Hout, Wout, 2] or [N, C, D, H, W] with a grid [N, Dout, Hout, Wout, 3], but got ${showShape(x)} and ${showShape(g)}`,
    );
  }
  if (x.slice(2).includes(0))
    throw new ShapeError(`gridSample: expected sizes above 0 except for the batch and channels, but got ${showShape(x)}`);
  if (n === 3 && mode === 'bicubic') throw new ShapeError(`gridSample: mode 'bicubic' is for images [N, C, H, W], but got ${showShape(x)}`);
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

/** Whole places along one dimension and how much each counts: [N, K, …]. */
interface Along {
  readonly places: Tensor;
  readonly weights: Tensor | undefined;
}

const stacked = (parts: readonly Tensor[]): Tensor => (parts.length === 1 ? parts[0]!.unsqueeze(1) : stack(parts, 1));

/** Elements of x [N, C, …] at all combinations of the places of each dimension, by the products of their weights; zeros outside. */
function blended(x: Tensor, dims: readonly Along[]): Tensor {
  const [n, c, ...size] = x.layout.shape as [number, number, ...number[]];
  const out = dims[0]!.places.layout.shape.slice(2);
  const count = numelOf(out);
  let flat: Tensor | undefined;
  let weights: Tensor | undefined;
  dims.forEach(({ places, weights: shares }, i) => {
    const taps = places.layout.shape[1]!;
    const valid = places.ge(0).logicalAnd(places.le(size[i]! - 1));
    const at = where(valid, places, places.newFull([], -1)).to('int64').view([n, taps, count]);
    const share = shares?.view([n, taps, count]);
    flat =
      flat === undefined ? at : joined(flat, at, (a, b) => where(a.ge(0).logicalAnd(b.ge(0)), a.mul(size[i]!).add(b), b.newFull([], -1)));
    if (share !== undefined) weights = weights === undefined ? share : joined(weights, share, (a, b) => a.mul(b));
  });
  weights ??= x.newOnes([]).expand(flat!.layout.shape);
  return apply1(blend.blend, [x.reshape([n, c, numelOf(size)]), flat!, weights], NO_ATTRS).view([n, c, ...out]);
}

/** Every one of a with every one of b: [N, K, L] and [N, M, L] → [N, K·M, L]. */
function joined(a: Tensor, b: Tensor, of: (a: Tensor, b: Tensor) => Tensor): Tensor {
  const [n, k, count] = a.layout.shape as [number, number, number];
  return of(a.unsqueeze(2), b.unsqueeze(1)).view([n, k * b.layout.shape[1]!, count]);
}

function corners(x: Tensor, places: readonly Tensor[], s: Sampler): Tensor {
  const within = places.map((place, i) => inside(place, x.layout.shape[2 + i]!, s));
  if (s.mode === 'nearest') {
    return blended(
      x,
      within.map((place) => ({ places: stacked([place.detach().round()]), weights: undefined })),
    );
  }
  const dims = within.map((place): Along => {
    const low = place.detach().floor();
    return { places: stacked([low, low.add(1)]), weights: stacked([low.add(1).sub(place), place.sub(low)]) };
  });
  return blended(x, dims);
}

/** Keys' cubic convolution, a = −3/4: weights of four neighbours at distance t from the second. */
function cubicWeights(t: Tensor): Tensor[] {
  const a = -0.75;
  const near = (x: Tensor): Tensor =>
    x
      .mul(a + 2)
      .sub(a + 3)
      .mul(x)
      .mul(x)
      .add(1);
  const far = (x: Tensor): Tensor =>
    x
      .mul(a)
      .sub(5 * a)
      .mul(x)
      .add(8 * a)
      .mul(x)
      .sub(4 * a);
  const u = t.neg().add(1);
  return [far(t.add(1)), near(t), near(u), far(u.add(1))];
}

function cubic(x: Tensor, places: readonly Tensor[], s: Sampler): Tensor {
  const dims = places.map((place, i): Along => {
    const low = place.detach().floor();
    const neighbours = stacked([-1, 0, 1, 2].map((step) => low.add(step)));
    return { places: inside(neighbours, x.layout.shape[2 + i]!, s).round(), weights: stacked(cubicWeights(place.sub(low))) };
  });
  return blended(x, dims);
}

// ---- grids

interface AffineGrid {
  readonly theta: Tensor;
  readonly size: readonly number[];
  readonly alignCorners?: boolean | null;
}
const AFFINE_GRID = signature<AffineGrid>(
  'affineGrid',
  { theta: TENSOR, size: DIMS, alignCorners: NULLABLE_BOOL },
  { required: 2, example: 'F.affineGrid(theta, [1, 3, 8, 8])' },
);

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
    throw new ShapeError(
      `affineGrid: expected theta [N, 2, 3] for a size [N, C, H, W] or [N, 3, 4] for [N, C, D, H, W], but got ${showShape(shape)} and ${showShape(size)}`,
    );
  }
  if (size.some((s) => s < 1)) throw new ShapeError(`affineGrid: expected sizes above 0, but got ${showShape(size)}`);
  const sizes = size.slice(2);
  const count = numelOf(sizes);
  const float = theta.dtype === 'float64' ? 'float64' : 'float32';
  const base = table(theta, `grid${float}${sizes.join('x')}${alignCorners === true ? 'a' : ''}`, () => {
    const all = baseGrid(sizes, alignCorners ?? false);
    return { data: float === 'float64' ? Float64Array.from(all) : Float32Array.from(all), shape: [1, count, n + 1], dtype: float };
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
