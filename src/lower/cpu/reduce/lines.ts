/**
 * The lowerings of reductions that are more than one reduction, or that follow a line in order: extremes with their
 * places, running sums, logsumexp, and the gradients of extremes and products.
 */
import { itemSize } from '../../../base/dtype.ts';
import { layoutOf, type Layout } from '../../../base/layout.ts';
import type { Value } from '../../../compiler/lowering.ts';
import type { CpuLowering } from '../lowering.ts';
import { reducedDims, reducedShape, type ReduceParams, type ScanParams } from '../../../geometry/reduce.ts';
import { computeOf, type ElementwiseSpec } from '../../../kernels/formula/elementwise.ts';
import { argExtremeKernel, cumsumKernel, prodGradKernel, type LineParams } from '../../../kernels/cpu/reduce/lines.ts';
import type { Kernel } from '../../../kernels/cpu/kernel.ts';
import { asContiguous, intoDense, lowerFill } from '../copy.ts';
import { lowerElementwise } from '../elementwise.ts';
import { reduceInto, reduceSpec } from './reduce.ts';

/** Nanoseconds for one element of a line. */
const NS_PER_ELEMENT = 1;

/** The lines of a shape: one dimension (or, with null, everything in order). */
export interface Lines {
  readonly count: number;
  readonly length: number;
  readonly inner: number;
}

export function linesOf(op: string, x: Layout, dims: readonly number[] | null): Lines {
  const all = dims === null || x.shape.length === 0;
  if (all) return { count: 1, length: x.numel, inner: 1 };
  const [dim] = reducedDims(op, x.shape, dims) as [number];
  const inner = x.shape.slice(dim + 1).reduce((n, size) => n * size, 1);
  const length = x.shape[dim]!;
  return { count: length === 0 ? 0 : x.numel / length, length, inner };
}

export function launchLines(l: CpuLowering, kernel: Kernel<LineParams>, lines: Lines, x: Value, out: Value, extra: Value): void {
  const { count, length, inner } = lines;
  l.launch(kernel, { x, out, extra, length, inner }, { size: count, unitCost: length * NS_PER_ELEMENT + 10 });
}

/** The largest or smallest elements and their indices; without `values`, only the latter. */
export function lowerArgExtreme(
  l: CpuLowering,
  which: 'max' | 'min',
  x: Value,
  values: Value | undefined,
  indices: Value,
  params: ReduceParams,
): void {
  const lines = linesOf(which, x.layout, params.dims);
  const kernel = argExtremeKernel(l.target, which, x.layout.dtype, values !== undefined);
  const dense = asContiguous(l, x);
  intoDense(l, indices, (places) => {
    if (values === undefined) launchLines(l, kernel, lines, dense, places, places);
    else intoDense(l, values, (numbers) => launchLines(l, kernel, lines, dense, numbers, places));
  });
}

/** Running sums. */
export function lowerCumsum(l: CpuLowering, x: Value, out: Value, { dim, reverse }: ScanParams): void {
  const kernel = cumsumKernel(l.target, x.layout.dtype, out.layout.dtype, reverse);
  const lines = linesOf('cumsum', x.layout, [dim]);
  intoDense(l, out, (dense) => launchLines(l, kernel, lines, asContiguous(l, x), dense, dense));
}

/** g · product of the others */
export function lowerProdGrad(l: CpuLowering, g: Value, x: Value, out: Value, params: ReduceParams): void {
  const kernel = prodGradKernel(l.target, x.layout.dtype);
  const lines = linesOf('prod', x.layout, params.dims);
  intoDense(l, out, (dense) => launchLines(l, kernel, lines, asContiguous(l, x), dense, asContiguous(l, g)));
}

/** g where the place along the dimension is the index, else 0: an elementwise kernel with the places as an operand. */
export function lowerExtremeGrad(l: CpuLowering, g: Value, indices: Value, x: Layout, out: Value, params: ReduceParams): void {
  const { dtype } = out.layout;
  const [dim] = reducedDims('max', x.shape, params.dims);
  if (dim === undefined) {
    lowerElementwise(l, identity(dtype), [g], [out]); // no dimensions: the only element is the extreme
    return;
  }
  const as = computeOf(dtype);
  const place = itemSize(dtype) === 4 ? 'i32' : 'i64'; // as wide as the gradient, so that vectors match
  const length = x.shape[dim]!;
  const places = place === 'i32' ? Int32Array.from({ length }, (_, i) => i) : BigInt64Array.from({ length }, (_, i) => BigInt(i));
  const placeDType = place === 'i32' ? 'int32' : 'int64';
  const spec: ElementwiseSpec = {
    name: 'extremeGrad',
    inputs: [
      { dtype, as },
      { dtype: 'int64', as: place },
      { dtype: placeDType, as: place },
    ],
    outputs: [{ dtype, as }],
    scalars: [],
    results: ([value, index, here]) => [index!.eq(here!).select(value!, 0)],
    cost: 0.4,
  };
  const alongDim = layoutOf(placeDType, [length, ...x.shape.slice(dim + 1).map(() => 1)]);
  const table = l.view(l.constant(placeDType, places), alongDim);
  lowerElementwise(l, spec, [withDim(l, g, dim, params), withDim(l, indices, dim, params), table], [out]);
}

const identity = (dtype: Layout['dtype']): ElementwiseSpec => {
  const operand = { dtype, as: computeOf(dtype) };
  return { name: 'copy', inputs: [operand], outputs: [operand], scalars: [], results: ([x]) => [x!], cost: 0.1 };
};

/** A reduced value with the reduced dimension put back, of size 1. */
function withDim(l: CpuLowering, value: Value, dim: number, { keepdim }: ReduceParams): Value {
  if (keepdim) return value;
  const { dtype, shape, strides } = value.layout;
  const insert = (list: readonly number[], item: number): number[] => [...list.slice(0, dim), item, ...list.slice(dim)];
  return l.view(value, layoutOf(dtype, insert(shape, 1), insert(strides, 0)));
}

/** m + ln Σ e^(x - m), m the largest element, or 0 where that is infinite. */
export function lowerLogSumExp(l: CpuLowering, x: Value, out: Value, params: ReduceParams): void {
  const { dtype, shape, numel } = x.layout;
  const dims = reducedDims('logsumexp', shape, params.dims);
  if (numel === 0) {
    lowerFill(l, out, [-Infinity]);
    return;
  }
  const as = computeOf(dtype);
  const operand = { dtype, as };
  const keptShape = reducedShape(shape, dims, true);
  const largest = l.temp(dtype, keptShape);
  reduceInto(l, reduceSpec('amax', dtype, dtype), x, dims, largest, 1);
  const shift = l.temp(dtype, keptShape);
  const finite: ElementwiseSpec = {
    name: 'finite-or-0',
    inputs: [operand],
    outputs: [operand],
    scalars: [],
    results: ([m]) => [m!.unary('isfinite').select(m!, 0)],
    cost: 0.2,
  };
  lowerElementwise(l, finite, [largest], [shift]);
  const powers = l.temp(dtype, shape);
  const exponential: ElementwiseSpec = {
    name: 'exp-of-difference',
    inputs: [operand, operand],
    outputs: [operand],
    scalars: [],
    results: ([value, m]) => [value!.sub(m!).exp()],
    cost: as === 'f64' ? 15 : 1,
  };
  lowerElementwise(l, exponential, [x, shift], [powers]);
  const total = l.temp(dtype, keptShape);
  reduceInto(l, reduceSpec('sum', dtype, dtype), powers, dims, total, 1);
  const log: ElementwiseSpec = {
    name: 'log-plus',
    inputs: [operand, operand],
    outputs: [operand],
    scalars: [],
    results: ([sum, m]) => [sum!.cast('f64').log().cast(as).add(m!)],
    cost: 20,
  };
  const flat = (value: Value): Value => l.view(value, layoutOf(dtype, out.layout.shape));
  lowerElementwise(l, log, [flat(total), flat(shift)], [out]);
}
