/** Reductions along any dimensions (https://pytorch.org/docs/stable/torch.html#reduction-ops): shape rules and gradients. */
import { isFloating, requireDType, type DType } from '../../base/dtype.ts';
import { DTypeError, ShapeError } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { showShape } from '../../base/shape.ts';
import { isGradEnabled } from '../grad-mode.ts';
import type { Tensor } from '../tensor.ts';
import {
  reducedDims,
  reducedShape,
  reduceParams,
  scanParams,
  type NormParams,
  type ReduceParams,
  type ScanParams,
  type VarianceParams,
} from '../../geometry/reduce.ts';
import { differentiableOnce, type Gradient, type GradientContext, type OpRule, type OpRules } from './rule.ts';

export interface ReduceAttrs {
  /** Whole numbers and bools add up as int64. */
  sum: ReduceParams;
  /** Floating dtypes only, or with `dtype`. */
  mean: ReduceParams;
  amax: ReduceParams;
  amin: ReduceParams;
  /** The extremes of all elements; as `amax` and `amin`, under the name that PyTorch prints. */
  max: ReduceParams;
  min: ReduceParams;
  /** One dimension → [values, indices]; the first of equals */
  maxDim: ReduceParams;
  minDim: ReduceParams;
  /** One dimension, or all (index in the flattened tensor); the first of equals */
  argmax: ReduceParams;
  argmin: ReduceParams;
  any: ReduceParams;
  all: ReduceParams;
}

/** Of the family `gradients`. */
export interface ExtremeGradAttrs {
  /** [g, indices, x (only its shape)] → g at the indices along the dimension, else 0 */
  extremeGrad: ReduceParams;
}

/** Those that come with the family `reductions`. */
export interface ReductionAttrs {
  /** One dimension, or all. */
  prod: ReduceParams;
  var: VarianceParams;
  std: VarianceParams;
  logsumexp: ReduceParams;
  /** The sum of what is no NaN; as `sum`. */
  nansum: ReduceParams;
  /** Floats: Σ |x|, √Σ x², or Σ x² */
  norm: NormParams;
  /** One dimension: running sums; keeps the shape */
  cumsum: ScanParams;
  /** [g (of the reduced shape), x] → g · product of the other elements */
  prodGrad: ReduceParams;
}

const sumDType = (x: DType, asked: DType | undefined): DType => asked ?? (isFloating(x) ? x : 'int64');

/** The layout of a result with dtype `dtype`. */
function result(op: string, x: Layout, params: ReduceParams, dtype: DType): Layout {
  return layoutOf(dtype, reducedShape(x.shape, reducedDims(op, x.shape, params.dims), params.keepdim));
}

function requireElements(op: string, x: Layout, params: ReduceParams): void {
  const dims = reducedDims(op, x.shape, params.dims);
  if (dims.every((dim) => x.shape[dim] !== 0)) return;
  throw new ShapeError(`${op}: cannot reduce a dimension without elements, but got shape ${showShape(x.shape)}; check numel() first`);
}

function requireOneDim(op: string, x: Layout, params: ReduceParams): void {
  if (params.dims === null || params.dims.length === 1) return;
  throw new ShapeError(
    `${op}: expected one dimension or none for a tensor of shape ${showShape(x.shape)}, but got [${params.dims.join(', ')}]; reduce one after the other`,
  );
}

/** A reduced tensor brought back to the shape of the input, repeated along the reduced dimensions. */
function restore(reduced: Tensor, { inputLayouts, attrs }: GradientContext<ReduceParams>, op: string): Tensor {
  const { shape } = inputLayouts[0]!;
  let full = reduced;
  if (!attrs.keepdim) for (const dim of reducedDims(op, shape, attrs.dims)) full = full.unsqueeze(dim);
  return full.expand(...shape);
}

const reducedCount = (op: string, x: Layout, params: ReduceParams): number =>
  reducedDims(op, x.shape, params.dims).reduce((n, dim) => n * x.shape[dim]!, 1);

/** Gradient names end in 0 for a reduction of everything and in 1 along dimensions, or the other way round. */
const named =
  (stem: string, all: 0 | 1) =>
  (params: ReduceParams): string =>
    `${stem}Backward${params.dims === null ? all : 1 - all}`;

function simple(
  name: 'sum' | 'mean' | 'prod' | 'amax' | 'amin' | 'any' | 'all' | 'nansum',
  dtypeOf: (x: DType, asked: DType | undefined) => DType,
  gradient: Gradient<ReduceParams> | null,
  check: (x: Layout, params: ReduceParams) => void = () => undefined,
): OpRule<ReduceParams> {
  return {
    shape: ([x], params) => {
      check(x!, params);
      return [result(name, x!, params, dtypeOf(x!.dtype, params.dtype))];
    },
    gradient,
  };
}

/**
 * All elements that equal the extreme share its gradient evenly. Where it is NaN, PyTorch's max() counts the NaN elements
 * as equal (`nanTies`), its amax() none, which gives NaN.
 */
function tiesGradient(op: 'amax' | 'amin', name: string, nanTies: boolean): Gradient<ReduceParams> {
  return {
    name,
    saves: { inputs: [0], outputs: [0] },
    run: (ctx) => {
      const g = ctx.grads[0];
      if (g === undefined) return [undefined];
      const x = ctx.input(0);
      const equal = x.eq(restore(ctx.output(0), ctx, op));
      const ties = nanTies ? equal.logicalOr(x.isnan()) : equal;
      const count = ties.sum(reducedDims(op, x.layout.shape, ctx.attrs.dims), { keepdim: true }).to(ctx.inputLayouts[0]!.dtype);
      return [restore(g, ctx, op).mul(ties.to(g.dtype)).div(count)];
    },
  };
}

const same = (x: DType): DType => x;
const toBool = (x: DType): DType => (x === 'uint8' ? 'uint8' : 'bool');

const extreme = (op: 'amax' | 'amin', name: string, nanTies = false): OpRule<ReduceParams> =>
  simple(op, same, tiesGradient(op, name, nanTies), (x, params) => requireElements(op, x, params));

/** A value and its index along one dimension. */
function extremeDim(op: 'maxDim' | 'minDim', name: string): OpRule<ReduceParams> {
  const shown = op.slice(0, 3);
  return {
    shape: ([x], params) => {
      requireOneDim(shown, x!, params);
      requireElements(shown, x!, params);
      return [result(shown, x!, params, x!.dtype), result(shown, x!, params, 'int64')];
    },
    gradient: {
      name,
      saves: { inputs: [0], outputs: [1] },
      run: ({ grads: [g], apply, output, input, attrs }) => [g && apply('extremeGrad', [g, output(1), input(0).detach()], attrs)[0]],
    },
  };
}

function arg(op: 'argmax' | 'argmin'): OpRule<ReduceParams> {
  return {
    shape: ([x], params) => {
      if (x!.dtype === 'bool') throw new DTypeError(`${op}: is not defined for bool tensors; convert it with .to('uint8')`);
      requireOneDim(op, x!, params);
      requireElements(op, x!, params);
      return [result(op, x!, params, 'int64')];
    },
    gradient: null,
  };
}

function requireMean(x: Layout, params: ReduceParams): void {
  if (isFloating(params.dtype ?? x.dtype)) return;
  throw new DTypeError(
    `mean: expected a floating-point tensor, but got ${x.dtype}; convert it with .to('float32') or pass { dtype: 'float32' }`,
  );
}

/** ∂var/∂x = 2·(x - mean)/(n - correction) */
function varianceSlope(g: Tensor, ctx: GradientContext<VarianceParams>): Tensor {
  const x = ctx.input(0);
  const dims = reducedDims('var', x.layout.shape, ctx.attrs.dims);
  const n = reducedCount('var', x.layout, ctx.attrs);
  const centred = x.sub(dims.length === 0 ? x : x.mean(dims, { keepdim: true }));
  return restore(g, ctx, 'var')
    .mul(2 / (n - ctx.attrs.correction))
    .mul(centred);
}

const variance = (op: 'var' | 'std', gradient: Gradient<VarianceParams>): OpRule<VarianceParams> => ({
  shape: ([x], params) => {
    requireDType(op, 'input', x!.dtype, ['float32', 'float64']);
    return [result(op, x!, params, x!.dtype)];
  },
  gradient,
});

/** For each element the product of the others, in operations that can be differentiated: takes the square of the room, but no division by zero. */
function productOfOthers(x: Tensor, { dims }: ReduceParams): Tensor {
  const shape = x.layout.shape;
  if (x.numel() === 0) return x;
  if (dims === null || dims.length === 0) return productOfOthers(x.reshape([-1]), reduceParams(0, false)).reshape(shape);
  const dim = dims[0]! < 0 ? dims[0]! + shape.length : dims[0]!;
  if (shape.length === 0) return productOfOthers(x.reshape([1]), reduceParams(0, false)).reshape([]);
  const n = shape[dim]!;
  const itself = x.newZeros([n, n]);
  itself.stridedAs(layoutOf(itself.dtype, [n], [n + 1]), itself.offset).fill_(1); // the diagonal
  const last = x.transpose(dim, -1).unsqueeze(-2);
  const sizes = [...last.layout.shape.slice(0, -2), n, n];
  const others = last.expand(sizes).maskedFill(itself.ne(0), 1).prod(-1);
  return others.transpose(dim, -1);
}

export const reduceRules: OpRules<ReduceAttrs> = {
  sum: simple('sum', sumDType, {
    name: named('Sum', 0),
    saves: {},
    run: (ctx) => {
      const g = ctx.grads[0];
      return [g && restore(g, ctx, 'sum').to(ctx.inputLayouts[0]!.dtype)];
    },
  }),
  mean: simple(
    'mean',
    (x, asked) => asked ?? x,
    {
      name: named('Mean', 0),
      saves: {},
      run: (ctx) => {
        const g = ctx.grads[0];
        const n = reducedCount('mean', ctx.inputLayouts[0]!, ctx.attrs);
        return [g && restore(g.div(n), ctx, 'mean').to(ctx.inputLayouts[0]!.dtype)];
      },
    },
    requireMean,
  ),
  amax: extreme('amax', 'AmaxBackward0'),
  amin: extreme('amin', 'AminBackward0'),
  max: extreme('amax', 'MaxBackward1', true),
  min: extreme('amin', 'MinBackward1', true),
  maxDim: extremeDim('maxDim', 'MaxBackward0'),
  minDim: extremeDim('minDim', 'MinBackward0'),
  argmax: arg('argmax'),
  argmin: arg('argmin'),
  any: simple('any', toBool, null),
  all: simple('all', toBool, null),
};

export const extremeGradRules: OpRules<ExtremeGradAttrs> = {
  extremeGrad: {
    shape: ([g, , x]) => [layoutOf(g!.dtype, x!.shape)],
    gradient: {
      name: 'ValueSelectingReductionBackwardBackward0',
      saves: { inputs: [1, 2] },
      // the chosen elements of h: the others are multiplied by 0
      run: (ctx) => {
        const h = ctx.grads[0];
        if (h === undefined) return [undefined];
        const { apply, input, attrs } = ctx;
        const indices = input(1);
        const ones = indices.to(h.dtype).mul(0).add(1);
        const chosen = apply('extremeGrad', [ones, indices, input(2)], attrs)[0]!;
        const dims = reducedDims('max', input(2).layout.shape, attrs.dims);
        return [h.mul(chosen).sum(dims, { keepdim: attrs.keepdim })];
      },
    },
  },
};

/** p = 1: the sign; p = 2: x over the norm, and nothing where that is 0. */
const norm: OpRule<NormParams> = {
  shape: ([x], params) => [result('norm', x!, params, x!.dtype)],
  gradient: {
    name: 'LinalgVectorNormBackward0',
    saves: { inputs: [0], outputs: [0] },
    run: (ctx) => {
      const g = ctx.grads[0];
      if (g === undefined) return [undefined];
      const x = ctx.input(0);
      if (ctx.attrs.p === 1) return [x.sgn().mul(restore(g, ctx, 'norm'))];
      if (!ctx.attrs.root) return [x.mul(restore(g.mul(2), ctx, 'norm'))];
      const y = ctx.output(0);
      const none = y.eq(0);
      return [x.mul(restore(g.div(y.maskedFill(none, 1)).maskedFill(none, 0), ctx, 'norm'))];
    },
  },
};

export const reductionRules: OpRules<ReductionAttrs> = {
  prod: simple(
    'prod',
    sumDType,
    {
      name: named('Prod', 0),
      saves: { inputs: [0] },
      run: (ctx) => {
        const {
          grads: [g],
          apply,
          input,
          attrs,
        } = ctx;
        if (g === undefined) return [undefined];
        return [
          isGradEnabled() ? restore(g, ctx, 'prod').mul(productOfOthers(input(0), attrs)) : apply('prodGrad', [g, input(0)], attrs)[0],
        ];
      },
    },
    (x, params) => requireOneDim('prod', x, params),
  ),
  var: variance('var', {
    name: 'VarBackward0',
    saves: { inputs: [0] },
    run: (ctx) => [ctx.grads[0] && varianceSlope(ctx.grads[0], ctx)],
  }),
  std: variance('std', {
    name: 'StdBackward0',
    saves: { inputs: [0], outputs: [0] },
    run: (ctx) => {
      const g = ctx.grads[0];
      if (g === undefined) return [undefined];
      const y = ctx.output(0);
      return [varianceSlope(g.div(y.mul(2)).maskedFill(y.eq(0), 0), ctx)];
    },
  }),
  logsumexp: {
    shape: ([x], params) => {
      requireDType('logsumexp', 'input', x!.dtype, ['float32', 'float64']);
      return [result('logsumexp', x!, params, x!.dtype)];
    },
    gradient: {
      name: 'LogsumexpBackward0',
      saves: { inputs: [0], outputs: [0] },
      run: (ctx) => {
        const g = ctx.grads[0];
        if (g === undefined) return [undefined];
        const share = ctx
          .input(0)
          .sub(restore(ctx.output(0), ctx, 'logsumexp'))
          .exp();
        return [restore(g, ctx, 'logsumexp').mul(share)];
      },
    },
  },
  nansum: simple('nansum', sumDType, {
    name: 'NansumBackward0',
    saves: { inputs: [0] },
    run: (ctx) => {
      const g = ctx.grads[0];
      if (g === undefined) return [undefined];
      const x = ctx.input(0);
      return [restore(g, ctx, 'nansum').to(x.dtype).maskedFill(x.isnan(), 0)];
    },
  }),
  norm,
  cumsum: {
    shape: ([x], { dim }) => {
      reducedDims('cumsum', x!.shape, [dim]);
      return [layoutOf(sumDType(x!.dtype, undefined), x!.shape)];
    },
    // an element is part of every later sum
    gradient: {
      name: 'CumsumBackward0',
      saves: {},
      run: ({ grads: [g], apply, attrs }) => [g && apply('cumsum', [g], scanParams(attrs.dim, !attrs.reverse))[0]],
    },
  },
  prodGrad: {
    shape: ([, x]) => [layoutOf(x!.dtype, x!.shape)],
    gradient: differentiableOnce('prodGrad', 'differentiate prod itself'), // prod does without it where its gradient is recorded
  },
};
