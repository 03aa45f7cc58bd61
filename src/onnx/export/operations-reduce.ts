/** Exporters of what looks along dimensions: reductions, softmax, products, indexing, padding, order. */
import { numelOf } from '../../base/shape.ts';
import type { IndexParams, RavelParams } from '../../geometry/indexing.ts';
import { reducedDims, type ReduceParams, type VarianceParams } from '../../geometry/reduce.ts';
import type { AllIndexingAttrs } from '../../tensor/ops/indexing.ts';
import type { MatmulAttrs } from '../../tensor/ops/matmul.ts';
import type { ExtremeGradAttrs, ReduceAttrs, ReductionAttrs } from '../../tensor/ops/reduce.ts';
import type { ScanAttrs } from '../../tensor/ops/scans.ts';
import type { SoftmaxAttrs, SoftmaxGradAttrs } from '../../tensor/ops/softmax.ts';
import type { Context, Exporter } from './context.ts';
import { sameSize, TO_END } from './graph.ts';
import { runningExtremes, runningProducts } from './running.ts';

type Family = ScanAttrs &
  ReduceAttrs &
  ReductionAttrs &
  ExtremeGradAttrs &
  SoftmaxAttrs &
  SoftmaxGradAttrs &
  MatmulAttrs &
  AllIndexingAttrs;

const GRADIENT = 'it is part of a gradient';
const EXTREMES = 'of extremes it needs opset 18';

/** The reduced dimensions from the front. */
const dimsOf = (c: Context<ReduceParams>): number[] =>
  reducedDims(
    'exportOnnx',
    c.sizes().map(() => 1),
    c.attrs.dims,
  );

/** A reduction by ONNX's operator, of the input in some dtype. Sums take the axes as an input, the others as an attribute. */
function reduced(c: Context<ReduceParams>, op: string, input: string, keepdims = c.attrs.keepdim): string {
  const axes = dimsOf(c);
  if (axes.length === 0) return input;
  if (op === 'ReduceSum') return c.one(op, [input, c.graph.ints(axes)], { keepdims: Number(keepdims) });
  return c.one(op, [input], { axes, keepdims: Number(keepdims) });
}

const reduction =
  (op: string): Exporter<ReduceParams> =>
  (c) =>
    reduced(c, op, c.as(0, c.resultDType));

/** Largest and smallest; truth values and bytes as numbers. */
const extreme =
  (op: string): Exporter<ReduceParams> =>
  (c) => {
    const dtype = c.dtype() === 'bool' ? 'int32' : c.dtype();
    return c.cast(reduced(c, op, c.as(0, dtype)), dtype, c.resultDType);
  };

const truth =
  (op: string): Exporter<ReduceParams> =>
  (c) =>
    c.cast(reduced(c, op, c.cast(c.as(0, 'bool'), 'bool', 'int32')), 'int32', 'bool');

/** Where the extreme is; over all dimensions, in the flattened tensor. */
function place(c: Context<ReduceParams>, op: string): string {
  const keepdims = Number(c.attrs.keepdim);
  if (c.attrs.dims !== null && c.rank() > 0) return c.one(op, [c.name(0)], { axis: dimsOf(c)[0]!, keepdims });
  const flat = c.one('Reshape', [c.name(0), c.graph.ints([-1])]);
  const index = c.one(op, [flat], { axis: 0, keepdims: 0 });
  return c.attrs.keepdim ? c.one('Reshape', [index, c.graph.ints(c.sizes().map(() => 1))]) : index;
}

const extremeAndPlace =
  (op: string, arg: string): Exporter<ReduceParams> =>
  (c) => [reduced(c, op, c.name(0)), place(c, arg)];

function variance(c: Context<VarianceParams>): string {
  const count = dimsOf(c).reduce((n, dim) => n * c.size(0, dim), 1);
  const mean = reduced(c, 'ReduceMean', c.name(0), true);
  const centred = c.one('Sub', [c.name(0), mean]);
  const sum = reduced(c, 'ReduceSum', c.one('Mul', [centred, centred]));
  return c.one('Div', [sum, c.scalar(c.dtype(), count - c.attrs.correction)]);
}

/** x·weightᵀ + bias. */
function linear(c: Context<unknown>): string {
  if (c.rank() === 2) return c.one('Gemm', c.inputs, { transB: 1 });
  const product = c.one('MatMul', [c.name(0), c.one('Transpose', [c.name(1)], { perm: [1, 0] })]);
  return c.inputs.length > 2 ? c.one('Add', [product, c.name(2)]) : product;
}

const ordered = (c: Context<{ readonly dim: number; readonly descending: boolean; readonly k: number | null }>): string[] => {
  const { dim, descending, k } = c.attrs;
  const count = c.graph.ints([k ?? c.size(0, dim)]);
  return c.graph.node('TopK', [c.name(0), count], { axis: dim, largest: Number(descending), sorted: 1 }, 2);
};

const asInt = (c: Context<unknown>, i: number): string => c.as(i, 'int64');

type Reduction = 'none' | 'add' | 'mul';

/** Elements put, or added, at indices along a dimension. Of equal indices runtimes let the last one stay, as PyTorch does. */
function scattered(c: Context<IndexParams>, index: string, source: string, reduction: Reduction = 'none'): string {
  return c.one('ScatterElements', [c.name(0), index, source], {
    axis: c.attrs.dim,
    reduction: reduction === 'none' ? undefined : reduction,
  });
}

/** The part of the source that has indices. */
function sourceFor(c: Context<unknown>): string {
  const [index, source] = [c.sizes(1), c.sizes(2)];
  const axes = index.flatMap((size, d) => (sameSize(size, source[d]!) ? [] : [d]));
  if (axes.length === 0) return c.name(2);
  return c.one('Slice', [c.name(2), c.graph.ints(axes.map(() => 0)), c.graph.sizes(axes.map((d) => index[d]!)), c.graph.ints(axes)]);
}

/** Whole slices put, or added, at indices: every element of a slice has its index. */
function slicesAt(c: Context<IndexParams>, reduction: Reduction): string {
  const { dim } = c.attrs;
  const line = c.sizes().map((_, d) => (d === dim ? -1 : 1));
  const index = c.one('Expand', [c.one('Reshape', [asInt(c, 1), c.graph.ints(line)]), c.graph.sizes(c.sizes(2))]);
  return scattered(c, index, c.name(2), reduction);
}

/** Zeros outside a triangle. */
const triangle =
  (upper: number): Exporter<{ readonly diagonal: number }> =>
  (c) =>
    c.one('Trilu', [c.name(0), c.scalar('int64', c.attrs.diagonal)], { upper });

/** Σ (index mod size) · step: the remainder with the divisor's sign counts negative indices from the front. */
function raveled(c: Context<RavelParams>): string {
  const { sizes } = c.attrs;
  const parts = sizes.map((size, i) => {
    const front = c.graph.one('Mod', [asInt(c, i), c.scalar('int64', size)]);
    return c.graph.one('Mul', [front, c.scalar('int64', numelOf(sizes.slice(i + 1)))]);
  });
  return parts.reduce((sum, part) => c.graph.one('Add', [sum, part]));
}

export const reduceExporters: { readonly [K in keyof Family]: Exporter<Family[K]> | string } = {
  sum: reduction('ReduceSum'),
  mean: reduction('ReduceMean'),
  prod: reduction('ReduceProd'),
  amax: extreme('ReduceMax'),
  amin: extreme('ReduceMin'),
  max: extreme('ReduceMax'),
  min: extreme('ReduceMin'),
  maxDim: extremeAndPlace('ReduceMax', 'ArgMax'),
  minDim: extremeAndPlace('ReduceMin', 'ArgMin'),
  argmax: (c) => place(c, 'ArgMax'),
  argmin: (c) => place(c, 'ArgMin'),
  any: truth('ReduceMax'),
  all: truth('ReduceMin'),
  var: variance,
  std: (c) => c.one('Sqrt', [variance(c)]),
  logsumexp: reduction('ReduceLogSumExp'),
  nansum: 'ONNX has no sum that leaves NaN out',
  norm: (c) => reduced(c, c.attrs.p === 1 ? 'ReduceL1' : c.attrs.root ? 'ReduceL2' : 'ReduceSumSquare', c.name(0)),
  cumsum: (c) => c.one('CumSum', [c.as(0, c.resultDType), c.scalar('int64', c.attrs.dim)], { reverse: Number(c.attrs.reverse) }),
  extremeGrad: GRADIENT,
  prodGrad: GRADIENT,
  softmax: (c) => c.one('Softmax', [c.as(0, c.resultDType)], { axis: c.attrs.dim }),
  softmaxGrad: GRADIENT,
  logSoftmax: (c) => c.one('LogSoftmax', [c.as(0, c.resultDType)], { axis: c.attrs.dim }),
  logSoftmaxGrad: GRADIENT,
  matmul: (c) => c.one('MatMul', c.inputs),
  linear,
  indexSelect: (c) => c.one('Gather', [c.name(0), asInt(c, 1)], { axis: c.attrs.dim }),
  indexSelectGrad: GRADIENT,
  indexAdd: (c) => slicesAt(c, 'add'),
  indexCopy: (c) => slicesAt(c, 'none'),
  ravelIndex: raveled,
  indexCheck: 'a check of indices is no part of a model',
  gather: (c) => c.one('GatherElements', [c.name(0), asInt(c, 1)], { axis: c.attrs.dim }),
  gatherGrad: GRADIENT,
  scatter: (c) => scattered(c, asInt(c, 1), sourceFor(c)),
  scatterValue: (c) => scattered(c, asInt(c, 1), c.one('Expand', [c.scalar(c.dtype(), c.scalars[0]!), c.graph.sizes(c.sizes(1))])),
  scatterAdd: (c) => scattered(c, asInt(c, 1), sourceFor(c), 'add'),
  scatterReduce: (c) => (c.attrs.join === 'prod' ? scattered(c, asInt(c, 1), sourceFor(c), 'mul') : c.refuse(EXTREMES)),
  indexReduce: (c) => (c.attrs.join === 'prod' ? slicesAt(c, 'mul') : c.refuse(EXTREMES)),
  cat: (c) => c.one('Concat', c.inputs, { axis: c.attrs.dim }),
  pad: (c) => {
    const rank = c.rank();
    const { pads } = c.attrs;
    const side = (dim: number, after: 0 | 1): number => pads[2 * (rank - 1 - dim) + after] ?? 0;
    const all = [0, 1].flatMap((after) => Array.from({ length: rank }, (_, dim) => side(dim, after as 0 | 1)));
    return c.one('Pad', [c.name(0), c.graph.ints(all), c.scalar(c.dtype(), c.scalars[0] ?? 0)], { mode: 'constant' });
  },
  flip: (c) => {
    const axes = c.attrs.dims.map((dim) => (dim < 0 ? dim + c.rank() : dim));
    const each = (value: number | bigint): string => c.graph.ints(axes.map(() => value));
    return axes.length === 0 ? c.name(0) : c.one('Slice', [c.name(0), each(-1), each(-TO_END), c.graph.ints(axes), each(-1)]);
  },
  tril: triangle(0),
  triu: triangle(1),
  oneHot: (c) => c.one('OneHot', [asInt(c, 0), c.scalar('int64', c.attrs.classes), c.graph.ints([0, 1])], { axis: -1 }),
  sort: (c) => ordered(c),
  topk: (c) => ordered(c),
  cumprod: runningProducts,
  recurrence: GRADIENT,
  cummax: runningExtremes('GreaterOrEqual'),
  cummin: runningExtremes('LessOrEqual'),
  kth: (c) => {
    const { dim } = c.attrs;
    const whole = c.graph.ints([c.size(0, dim)]);
    const sorted = c.graph.node('TopK', [c.name(0), whole], { axis: dim, largest: 0, sorted: 1 }, 2);
    return sorted.map((of) => c.one('GatherElements', [of, asInt(c, 1)], { axis: dim }));
  },
};
