/**
 * Indexing, joining and rearranging: indexSelect, gather, scatter, cat, pad, oneHot, flip, triangles, sort and topk.
 * Indices are int64 or int32.
 *
 * Kernels check every index before they use it and end the plan with an IndexError where it lies outside (`kernels/cpu/fault.ts`): eager or
 * compiled, forward or gradient. Negative ones count from the end only where the arguments say so (`wraps`). An operation that is used in
 * place must find wrong indices before it writes: `setAt` has `ravelIndex` do so.
 */
import { requireDType, type DType } from '../../base/dtype.ts';
import { ArgumentError, DTypeError, invariant, ShapeError } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { CANNOT_JOIN, say, TOO_MANY_PADS } from '../../base/sentences.ts';
import { normalizeDim, sameDims, showShape, showSizes, type Dims } from '../../base/shape.ts';
import { dimParams, type DimParams } from '../../geometry/attrs.ts';
import { outOfRange } from '../../geometry/index-error.ts';
import {
  indexParams,
  padParams,
  shapedDimParams,
  type FlipParams,
  type IndexCheckParams,
  type IndexParams,
  type OneHotParams,
  type PadParams,
  type RavelParams,
  type ShapedDimParams,
  type SortParams,
  type TriangleParams,
} from '../../geometry/indexing.ts';
import type { Tensor } from '../tensor.ts';
import type { JoinAtAttrs } from './join-at.ts';
import type { GradientContext, OpRule, OpRules } from './rule.ts';

export interface IndexCheckAttrs {
  /** [index] → 0; refuses indices out of range, for those who must know before anything is done */
  indexCheck: IndexCheckParams;
}

/** With those of families of their own. */
export interface AllIndexingAttrs extends IndexingAttrs, IndexCheckAttrs, JoinAtAttrs {}

export interface IndexingAttrs {
  /** [x, index [n]] → x's slices along dim */
  indexSelect: IndexParams;
  /** [∂y, index] → ∂x */
  indexSelectGrad: ShapedDimParams;
  /** [x, index [n], source] → x + source's slices, in index order */
  indexAdd: IndexParams;
  /** [x, index [n], source] → x with source's slices in place of its own; the last of equal indices stays */
  indexCopy: IndexParams;
  /** [index, …], of one shape → where they point, counted in the flattened dimensions; int64, from the front */
  ravelIndex: RavelParams;
  /** [x, index (x's rank)] → x at index along dim */
  gather: IndexParams;
  /** [∂y, index] → ∂x */
  gatherGrad: ShapedDimParams;
  /** [x, index, source] → x with source's elements at index along dim; the last of equal indices stays */
  scatter: IndexParams;
  /** [x, index] → x with scalar 0 at index along dim */
  scatterValue: IndexParams;
  /** [x, index, source] → x plus source's elements at index along dim, in index order */
  scatterAdd: IndexParams;
  /** n inputs of one dtype → their concatenation along dim */
  cat: DimParams;
  /** x → padded x. Scalar 0: the value (0 in the gradient). */
  pad: PadParams;
  flip: FlipParams;
  /** x → x with zeros outside the lower or upper triangle of its last two dimensions */
  tril: TriangleParams;
  triu: TriangleParams;
  /** int64 [...] → int64 [..., classes] */
  oneHot: OneHotParams;
  /** x → [values, indices (int64)], stable; NaN counts as the largest */
  sort: SortParams;
  /** The first k of `sort`. */
  topk: SortParams;
}

const replaced = (shape: Dims, dim: number, size: number): number[] => shape.map((s, i) => (i === dim ? size : s));

const isIndex = (op: string, index: Layout): void => requireDType(op, 'index', index.dtype, ['int64', 'int32']);

/** No index can be right for a dimension without elements. */
function requireElements(caller: string, dim: number, size: number, index: Layout): void {
  if (size === 0 && index.numel > 0) throw outOfRange({ caller, dim, size, wraps: false });
}

/** Checks a 1-d index and gives the dimension from the front. */
function selectDim(op: string, x: Layout, index: Layout, { dim, caller, counted }: IndexParams): number {
  isIndex(op, index);
  if (index.shape.length !== 1) {
    throw new ShapeError(
      `${op}: expected a one-dimensional index, but got shape ${showShape(index.shape)}; use gather for more dimensions`,
    );
  }
  if (x.shape.length === 0) throw new ShapeError(`${op}: expected an input with dimensions, but got a scalar; unsqueeze it first`);
  const axis = normalizeDim(op, dim, x.shape.length);
  requireElements(caller ?? op, counted ?? axis, x.shape[axis]!, index);
  return axis;
}

/** Checks the operands of an update of slices. */
export function putShape(op: 'indexAdd' | 'indexCopy' | 'indexReduce', [x, index, source]: readonly Layout[], p: IndexParams): Layout[] {
  const axis = selectDim(op, x!, index!, p);
  requireDType(op, 'source', source!.dtype, [x!.dtype]);
  const expected = replaced(x!.shape, axis, index!.numel);
  if (!sameDims(source!.shape, expected)) {
    throw new ShapeError(`${op}: expected a source of shape ${showShape(expected)}, but got ${showShape(source!.shape)}`);
  }
  return [layoutOf(x!.dtype, x!.shape)];
}

/** What an input of one dimension less than a line's makes of itself: a scalar is a line of one element. */
const lined = (shape: Dims): Dims => (shape.length === 0 ? [1] : shape);

/** `index` must have the rank of `x` and no larger sizes, except along `dim`. */
function checkIndexShape(op: string, what: string, xs: Dims, indices: Dims, dim: number | null): void {
  const [x, index] = [lined(xs), lined(indices)];
  if (x.length !== index.length || index.some((size, i) => i !== dim && size > x[i]!)) {
    const except = dim === null ? '' : `, except along dimension ${dim}`;
    throw new ShapeError(
      `${op}: expected an index with as many dimensions as ${what} ${showShape(x)} and no larger sizes${except}, but got ` +
        showShape(index),
    );
  }
}

export function scatterShape(op: string, [x, index, source]: readonly Layout[], { dim, caller }: IndexParams): Layout[] {
  isIndex(op, index!);
  if (source !== undefined) requireDType(op, 'source', source.dtype, [x!.dtype]);
  const axis = normalizeDim(op, dim, x!.shape.length);
  requireElements(caller ?? op, axis, lined(x!.shape)[axis]!, index!);
  if (index!.numel > 0) {
    checkIndexShape(op, 'the input', x!.shape, index!.shape, axis);
    if (source !== undefined) checkIndexShape(op, 'the source', source.shape, index!.shape, null);
  }
  return [layoutOf(x!.dtype, x!.shape)];
}

/** Whether additions of this dtype are implemented. */
function requireNumber(op: string, dtype: DType): void {
  if (dtype === 'bool') throw new DTypeError(`${op}: expected numbers, but got bool; convert with .to('int64')`);
}

function catShape(inputs: readonly Layout[], { dim }: DimParams): Layout[] {
  const first = inputs[0];
  if (first === undefined) throw new ArgumentError('cat: expected at least one tensor, but got none');
  const axis = normalizeDim('cat', dim, first.shape.length);
  if (first.shape.length === 0) throw new ShapeError('cat: scalars cannot be concatenated; use stack');
  let total = 0;
  for (const [i, { shape, dtype }] of inputs.entries()) {
    requireDType('cat', `input ${i}`, dtype, [first.dtype]);
    if (!sameDims(replaced(shape, axis, 0), replaced(first.shape, axis, 0))) {
      throw new ShapeError(
        `${say(CANNOT_JOIN, 'cat', showSizes(first.shape), showSizes(shape), ` outside dimension ${axis}`)} (input ${i})`,
      );
    }
    total += shape[axis]!;
  }
  return [layoutOf(first.dtype, replaced(first.shape, axis, total))];
}

function padShape([x]: readonly Layout[], { pads }: PadParams): Layout[] {
  const rank = x!.shape.length;
  if (pads.length > 2 * rank) {
    throw new ShapeError(say(TOO_MANY_PADS, 2 * rank, rank === 0 ? 'a scalar' : showSizes(x!.shape), pads.length));
  }
  const shape = x!.shape.map((size, i) => {
    const at = 2 * (rank - 1 - i);
    return size + (pads[at] ?? 0) + (pads[at + 1] ?? 0);
  });
  if (shape.some((size) => size < 0)) {
    throw new ShapeError(`pad: [${pads.join(', ')}] cuts more than an input of shape ${showShape(x!.shape)} has`);
  }
  return [layoutOf(x!.dtype, shape)];
}

/** The arguments of the operation that has a gradient with these. */
const unshaped = ({ caller, dim, wraps, counted }: ShapedDimParams): IndexParams =>
  caller === undefined ? dimParams(dim) : indexParams(dim, caller, wraps, counted);

/** The sizes of inputs along a dimension, as the cuts of a gradient. */
function cutAlong(dim: number, layouts: readonly Layout[]): { start: number; size: number }[] {
  let start = 0;
  return layouts.map(({ shape }) => {
    const size = shape[dim]!;
    start += size;
    return { start: start - size, size };
  });
}

/** ∂source of a scatter: ∂y at the indices; elements of the source past the index's size took no part. */
function sourceGradient(g: Tensor, { apply, input, attrs, inputLayouts }: GradientContext<IndexParams>): Tensor {
  const [taken, whole] = [inputLayouts[1]!.shape, inputLayouts[2]!.shape];
  const picked = apply('gather', [g, input(1)], attrs)[0]!;
  if (sameDims(taken, whole)) return picked;
  const pads = whole.flatMap((size, i) => [0, size - taken[i]!]);
  const fromLast = whole.flatMap((_, i) => pads.slice(2 * (whole.length - 1 - i), 2 * (whole.length - i)));
  return apply('pad', [picked], padParams(fromLast), [0])[0]!;
}

const triangle = (op: 'tril' | 'triu', name: string): OpRule<TriangleParams> => ({
  shape: ([x]) => {
    if (x!.shape.length < 2) throw new ShapeError(`${op}: expected at least 2 dimensions, but got ${showShape(x!.shape)}`);
    return [layoutOf(x!.dtype, x!.shape)];
  },
  gradient: { name, saves: {}, run: ({ grads: [g], apply, attrs }) => [g && apply(op, [g], attrs)[0]] },
});

const sorted = (op: string, name: string): OpRule<SortParams> => ({
  shape: ([x], { dim, k }) => {
    const axis = normalizeDim(op, dim, x!.shape.length);
    const size = x!.shape[axis] ?? 1;
    if (k !== null && k > size)
      throw new ArgumentError(`${op}: expected k of at most ${size}, the size of dimension ${axis}, but got ${k}`);
    const shape = replaced(x!.shape, axis, k ?? size);
    return [layoutOf(x!.dtype, shape), layoutOf('int64', shape)];
  },
  gradient: {
    name,
    saves: { outputs: [1] },
    run: ({ grads: [g], apply, output, attrs, inputLayouts }) => [
      g && apply('gatherGrad', [g, output(1)], shapedDimParams(attrs.dim, inputLayouts[0]!.shape))[0],
    ],
  },
});

export const indexingRules: OpRules<IndexingAttrs> = {
  indexSelect: {
    shape: ([x, index], p) => {
      const axis = selectDim('indexSelect', x!, index!, p);
      return [layoutOf(x!.dtype, replaced(x!.shape, axis, index!.numel))];
    },
    gradient: {
      name: 'IndexSelectBackward0',
      saves: { inputs: [1] },
      run: ({ grads: [g], apply, input, attrs, inputLayouts }) => [
        g && apply('indexSelectGrad', [g, input(1)], shapedDimParams(attrs.dim, inputLayouts[0]!.shape, attrs))[0],
        undefined,
      ],
    },
  },
  indexSelectGrad: {
    shape: ([g], { shape }) => [layoutOf(g!.dtype, shape)],
    gradient: {
      name: 'IndexSelectBackwardBackward0',
      saves: { inputs: [1] },
      run: ({ grads: [g], apply, input, attrs }) => [g && apply('indexSelect', [g, input(1)], unshaped(attrs))[0], undefined],
    },
  },
  indexAdd: {
    shape: (inputs, p) => {
      requireNumber('indexAdd', inputs[0]!.dtype);
      return putShape('indexAdd', inputs, p);
    },
    gradient: {
      name: 'IndexAddBackward0',
      saves: { inputs: [1] },
      run: ({ grads: [g], apply, input, attrs, needs }) => [
        g,
        undefined,
        g && needs(2) ? apply('indexSelect', [g, input(1)], attrs)[0] : undefined,
      ],
    },
  },
  indexCopy: {
    shape: (inputs, p) => putShape('indexCopy', inputs, p),
    gradient: {
      name: 'IndexCopyBackward0',
      saves: { inputs: [1] },
      run: ({ grads: [g], apply, input, attrs, needs, inputLayouts }) => {
        if (g === undefined) return [];
        const zeros = (): Tensor => g.newZeros(inputLayouts[2]!.shape);
        return [
          needs(0) ? apply('indexCopy', [g, input(1), zeros()], attrs)[0] : undefined,
          undefined,
          needs(2) ? apply('indexSelect', [g, input(1)], attrs)[0] : undefined,
        ];
      },
    },
  },
  ravelIndex: {
    shape: (indices, { caller, sizes, dims }) => {
      const shape = indices[0]!.shape;
      indices.forEach((index, i) => {
        isIndex(caller, index);
        invariant(sameDims(index.shape, shape), 'indices are expanded to one shape');
        requireElements(caller, dims[i]!, sizes[i]!, index);
      });
      return [layoutOf('int64', shape)];
    },
    gradient: null,
  },
  gather: {
    shape: ([x, index], { dim, caller }) => {
      isIndex('gather', index!);
      const axis = normalizeDim('gather', dim, x!.shape.length);
      requireElements(caller ?? 'gather', axis, lined(x!.shape)[axis]!, index!);
      if (index!.numel > 0) checkIndexShape('gather', 'the input', x!.shape, index!.shape, axis);
      return [layoutOf(x!.dtype, index!.shape)];
    },
    gradient: {
      name: 'GatherBackward0',
      saves: { inputs: [1] },
      run: ({ grads: [g], apply, input, attrs, inputLayouts }) => [
        g && apply('gatherGrad', [g, input(1)], shapedDimParams(attrs.dim, inputLayouts[0]!.shape, attrs))[0],
        undefined,
      ],
    },
  },
  gatherGrad: {
    shape: ([g], { shape }) => [layoutOf(g!.dtype, shape)],
    gradient: {
      name: 'GatherBackwardBackward0',
      saves: { inputs: [1] },
      run: ({ grads: [g], apply, input, attrs }) => [g && apply('gather', [g, input(1)], unshaped(attrs))[0], undefined],
    },
  },
  scatter: {
    shape: (inputs, attrs) => scatterShape('scatter', inputs, attrs),
    gradient: {
      name: 'ScatterBackward0',
      saves: { inputs: [1] },
      run: (ctx) => {
        const {
          grads: [g],
          apply,
          input,
          attrs,
          needs,
        } = ctx;
        if (g === undefined) return [];
        const ofX = needs(0) ? apply('scatterValue', [g, input(1)], attrs, [0])[0] : undefined;
        return [ofX, undefined, needs(2) ? sourceGradient(g, ctx) : undefined];
      },
    },
  },
  scatterValue: {
    shape: (inputs, attrs) => scatterShape('scatter', inputs, attrs),
    gradient: {
      name: 'ScatterBackward1',
      saves: { inputs: [1] },
      run: ({ grads: [g], apply, input, attrs }) => [g && apply('scatterValue', [g, input(1)], attrs, [0])[0], undefined],
    },
  },
  scatterAdd: {
    shape: (inputs, attrs) => {
      requireNumber('scatterAdd', inputs[0]!.dtype);
      return scatterShape('scatterAdd', inputs, attrs);
    },
    gradient: {
      name: 'ScatterAddBackward0',
      saves: { inputs: [1] },
      run: (ctx) => {
        const g = ctx.grads[0];
        return [g, undefined, g !== undefined && ctx.needs(2) ? sourceGradient(g, ctx) : undefined];
      },
    },
  },
  cat: {
    shape: catShape,
    gradient: {
      name: 'CatBackward0',
      saves: {},
      run: ({ grads: [g], attrs, inputLayouts, needs }) => {
        const axis = normalizeDim('cat', attrs.dim, inputLayouts[0]!.shape.length);
        return cutAlong(axis, inputLayouts).map(({ start, size }, i) =>
          g !== undefined && needs(i) ? g.narrow(axis, start, size) : undefined,
        );
      },
    },
  },
  pad: {
    shape: padShape,
    gradient: {
      name: 'ConstantPadNdBackward0',
      saves: {},
      run: ({ grads: [g], apply, attrs }) => {
        invariant(attrs.own === undefined, 'pad: recorded');
        return [g && apply('pad', [g], padParams(attrs.pads.map((n) => -n)), [0])[0]];
      },
    },
  },
  flip: {
    shape: ([x], { dims }) => {
      const axes = dims.map((dim) => normalizeDim('flip', dim, x!.shape.length));
      if (new Set(axes).size < axes.length) throw new ArgumentError(`flip: expected each dimension once, but got [${dims.join(', ')}]`);
      return [layoutOf(x!.dtype, x!.shape)];
    },
    gradient: {
      name: 'FlipBackward0',
      saves: {},
      run: ({ grads: [g], apply, attrs }) => [g && apply('flip', [g], attrs)[0]],
    },
  },
  tril: triangle('tril', 'TrilBackward0'),
  triu: triangle('triu', 'TriuBackward0'),
  oneHot: {
    shape: ([x], { classes }) => {
      requireDType('oneHot', 'input', x!.dtype, ['int64']);
      return [layoutOf('int64', [...x!.shape, classes])];
    },
    gradient: null,
  },
  sort: sorted('sort', 'SortBackward0'),
  topk: sorted('topk', 'TopkBackward0'),
};

export const indexCheckRules: OpRules<IndexCheckAttrs> = {
  indexCheck: {
    shape: ([index]) => {
      isIndex('indexCheck', index!);
      return [layoutOf('int64', [])];
    },
    gradient: null,
  },
};
