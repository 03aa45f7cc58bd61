/**
 * The lowerings of reductions: which walk serves which layout, and how an operation is put together from reductions.
 *
 * A tensor is seen as kept and reduced dimensions, neighbours merged. Elements that lie side by side are reduced either
 * along themselves (runs) or in columns; any other layout is first copied into one where the reduced elements of a
 * result lie side by side.
 */
import { isFloating, isHalf, itemSize, type DType } from '../../../base/dtype.ts';
import { numelOf } from '../../../base/shape.ts';
import { layoutOf, type Layout } from '../../../base/layout.ts';
import type { Value } from '../../../compiler/lowering.ts';
import type { CpuLowering } from '../lowering.ts';
import { reducedDims, type NormParams, type ReduceParams, type VarianceParams } from '../../../geometry/reduce.ts';
import { computeOf } from '../../../kernels/formula/elementwise.ts';
import type { NumberType } from '../../../kernels/formula/formula.ts';
import { REDUCTIONS, type Reduction } from '../../../kernels/formula/reduction.ts';
import {
  COLUMN_TILE,
  columnsKernel,
  combiningSpec,
  FLUSH,
  GROUP_ROWS,
  partialDType,
  runsKernel,
  type ReduceSpec,
} from '../../../kernels/cpu/reduce/reduce.ts';
import { asContiguous, intoDense, lowerCopy } from '../copy.ts';

export type ReduceName = 'sum' | 'mean' | 'prod' | 'amax' | 'amin' | 'any' | 'all' | 'nansum';

/** Nanoseconds for one byte of input. */
const NS_PER_BYTE = 0.04;
/** Nanoseconds to set up and finish one unit. */
const NS_PER_UNIT = 15;
/** An output of more elements than this is reduced in groups, unless there are outputs enough to share. */
const GROUP_ELEMENTS = 16384;
const MANY_OUTPUTS = 64;

interface Dim {
  size: number;
  stride: number;
}

/** Merges neighbours of which the inner one fills the step of the outer. */
function merged(dims: readonly Dim[]): Dim[] {
  const result: Dim[] = [];
  for (const { size, stride } of dims) {
    if (size === 1) continue;
    const last = result.at(-1);
    if (last !== undefined && last.stride === stride * size) {
      last.size *= size;
      last.stride = stride;
    } else result.push({ size, stride });
  }
  return result;
}

function split(x: Layout, dims: readonly number[]): { kept: Dim[]; reduced: Dim[] } {
  if (x.numel === 0) {
    // Strides mean nothing here: every output is the reduction of no elements.
    const outputs = numelOf(x.shape.filter((_, i) => !dims.includes(i)));
    return { kept: [{ size: outputs, stride: 0 }], reduced: [{ size: 0, stride: 1 }] };
  }
  const all = x.shape.map((size, i) => ({ size, stride: x.strides[i]!, reduced: dims.includes(i) }));
  return {
    kept: merged(all.filter((d) => !d.reduced)),
    reduced: merged(all.filter((d) => d.reduced).sort((a, b) => b.stride - a.stride)), // their order is free
  };
}

/** What every launch of one reduction needs; `out` is contiguous, in the order of the kept dimensions. */
interface Launch {
  readonly spec: ReduceSpec;
  readonly x: Value;
  readonly out: Value;
  readonly other: Value;
  /** What the result is divided by, where the spec divides. */
  readonly n: number;
}

/** Lowers `spec` over dimensions of `x` into the contiguous `out`. */
export function reduceInto(l: CpuLowering, spec: ReduceSpec, x: Value, dims: readonly number[], out: Value, n: number, other = out): void {
  const { kept, reduced } = split(x.layout, dims);
  const reduction = { spec, x, out, other, n };
  const inner = reduced.at(-1);
  if (kept.length <= 1 && reduced.length <= 2 && (inner === undefined || inner.stride === 1)) {
    const [outer] = reduced.length === 2 ? reduced : [{ size: 1, stride: 0 }];
    lowerRuns(l, reduction, kept[0] ?? { size: 1, stride: 0 }, outer!, inner?.size ?? 1);
    return;
  }
  if (kept.length >= 1 && kept.length <= 2 && kept.at(-1)!.stride === 1 && reduced.length === 1) {
    const outer = kept.length === 2 ? kept[0]! : { size: 1, stride: 0 };
    lowerColumns(l, reduction, outer, reduced[0]!, kept.at(-1)!.size);
    return;
  }
  const order = [...x.layout.shape.keys()].sort((a, b) => Number(dims.includes(a)) - Number(dims.includes(b)) || a - b);
  const pick = (list: readonly number[]): number[] => order.map((i) => list[i]!);
  const { dtype, shape, strides } = x.layout;
  const dense = asContiguous(l, l.view(x, layoutOf(dtype, pick(shape), pick(strides))));
  const keptCount = shape.length - dims.length;
  reduceInto(
    l,
    spec,
    dense,
    order.map((_, i) => i).filter((i) => i >= keptCount),
    out,
    n,
    other,
  );
}

/** Runs of neighbouring elements; long outputs in groups of runs. */
function lowerRuns(l: CpuLowering, { spec, x, out, other, n }: Launch, kept: Dim, outer: Dim, inner: number): void {
  const bytes = itemSize(x.layout.dtype);
  const elements = outer.size * inner;
  // One long run is cut into runs of a group each.
  const cut = outer.size === 1 && inner > GROUP_ELEMENTS;
  const length = cut ? GROUP_ELEMENTS : inner;
  const runs = cut ? Math.ceil(inner / length) : outer.size;
  const runStep = (cut ? length : outer.stride) * bytes;
  const grouped = elements > 2 * GROUP_ELEMENTS && kept.size < MANY_OUTPUTS && runs > 1;
  const perGroup = grouped ? Math.max(1, Math.floor(GROUP_ELEMENTS / length)) : runs;
  const groups = grouped ? Math.ceil(runs / perGroup) : 1;
  const target = groups > 1 ? l.temp(partialDType(spec), [kept.size, groups]) : out;
  const args = {
    x, out: target, other, groups, runs, perGroup, length, runStep, n,
    perFlush: Math.max(1, Math.floor(FLUSH / Math.max(length, 1))),
    lastLength: cut ? inner - (runs - 1) * length : length,
    outStep: kept.stride * bytes,
  }; // prettier-ignore
  const unitCost = Math.min(perGroup, runs) * length * bytes * NS_PER_BYTE + NS_PER_UNIT;
  l.launch(runsKernel(l.target, spec, groups === 1), args, { size: kept.size * groups, unitCost });
  if (groups > 1)
    lowerRuns(
      l,
      { spec: combiningSpec(spec), x: target, out, other: out, n },
      { size: kept.size, stride: groups },
      { size: 1, stride: 0 },
      groups,
    );
}

/** Columns; many rows in groups, then the groups' results likewise. */
function lowerColumns(l: CpuLowering, { spec, x, out, other, n }: Launch, outer: Dim, rows: Dim, columns: number): void {
  const bytes = itemSize(x.layout.dtype);
  const grouped = rows.size > 1.5 * GROUP_ROWS;
  const groups = grouped ? Math.ceil(rows.size / GROUP_ROWS) : 1;
  const target = grouped ? l.temp(partialDType(spec), [outer.size, groups, columns]) : out;
  const tiles = Math.ceil(columns / COLUMN_TILE);
  const args = {
    x, out: target, other, groups, tiles, columns, n,
    rows: rows.size,
    rowStep: rows.stride * bytes,
    outerStep: outer.stride * bytes,
  }; // prettier-ignore
  const elements = Math.min(rows.size, GROUP_ROWS) * Math.min(columns, COLUMN_TILE);
  const options = { size: outer.size * groups * tiles, unitCost: elements * bytes * NS_PER_BYTE + NS_PER_UNIT };
  l.launch(columnsKernel(l.target, spec, !grouped), args, options);
  if (!grouped) return;
  const combine = { spec: combiningSpec(spec), x: target, out, other: out, n };
  lowerColumns(l, combine, { size: outer.size, stride: groups * columns }, { size: groups, stride: columns }, columns);
}

/** A sum of a dtype: floats move on to double precision (halves as single), whole numbers are added as int64. */
function sumSpec(of: Reduction, input: DType, output: DType): ReduceSpec {
  const shared = { ...of, input, output };
  if ((input === 'float32' || isHalf(input)) && isFloating(output)) return { ...shared, load: 'f32', acc: 'f32', partial: 'f64' };
  if (isFloating(output)) return { ...shared, load: 'f64', acc: 'f64', partial: 'f64' };
  if (itemSize(input) <= 2) return { ...shared, load: 'i32', acc: 'i32', partial: 'i64' }; // 2048 of them fit
  return { ...shared, load: 'i64', acc: 'i64', partial: 'i64' };
}

export function reduceSpec(name: ReduceName, input: DType, output: DType): ReduceSpec {
  const of = REDUCTIONS[name];
  const inType = (as: NumberType): ReduceSpec => ({ ...of, input, output, load: as, acc: as, partial: as });
  switch (name) {
    case 'sum':
    case 'mean':
    case 'nansum':
      return sumSpec(of, input, output);
    case 'prod':
      return output === 'float64' || !isFloating(output)
        ? inType(isFloating(output) ? 'f64' : 'i64')
        : { ...inType('f32'), partial: 'f64' };
    case 'amax':
    case 'amin':
      return inType(computeOf(input));
    case 'any':
    case 'all':
      return { ...inType('i32'), load: 'bool' };
  }
}

/** sum, mean, prod, amax, amin, any, all */
export function lowerReduce(l: CpuLowering, name: ReduceName, x: Value, out: Value, params: ReduceParams): void {
  const dims = reducedDims(name, x.layout.shape, params.dims);
  const n = dims.reduce((count, dim) => count * x.layout.shape[dim]!, 1);
  if (n === 1 && name !== 'nansum') {
    // nothing to combine: what any, all and the others give is the element itself, as the result's dtype sees it
    const truth = name === 'any' || name === 'all';
    if (!truth || out.layout.dtype === 'bool') {
      lowerCopy(l, l.view(x, layoutOf(x.layout.dtype, out.layout.shape, keptStrides(x.layout, dims, params.keepdim))), out);
      return;
    }
  }
  intoDense(l, out, (dense) => reduceInto(l, reduceSpec(name, x.layout.dtype, out.layout.dtype), x, dims, dense, n));
}

const keptStrides = (x: Layout, dims: readonly number[], keepdim: boolean): number[] =>
  x.strides.filter((_, i) => keepdim || !dims.includes(i));

/** Of float32 and halves in single precision first, as sums. */
export function lowerNorm(l: CpuLowering, x: Value, out: Value, params: NormParams): void {
  const dims = reducedDims('norm', x.layout.shape, params.dims);
  const of = REDUCTIONS[params.p === 1 ? 'norm1' : params.root ? 'norm2' : 'squares'];
  intoDense(l, out, (dense) => reduceInto(l, sumSpec(of, x.layout.dtype, dense.layout.dtype), x, dims, dense, 1));
}

/** The mean, then the mean squared distance from it; `n` counts the elements of one result. */
export function lowerVariance(l: CpuLowering, x: Value, out: Value, params: VarianceParams, root: boolean): void {
  const { dtype, shape } = x.layout;
  const dims = reducedDims('var', shape, params.dims);
  const n = dims.reduce((count, dim) => count * shape[dim]!, 1);
  intoDense(l, out, (dense) => {
    const mean = l.temp(dtype, out.layout.shape);
    reduceInto(l, reduceSpec('mean', dtype, dtype), x, dims, mean, n);
    const spec = { ...sumSpec(REDUCTIONS[root ? 'std' : 'var'], dtype, dtype), other: dtype };
    reduceInto(l, spec, x, dims, dense, n - params.correction, mean);
  });
}
