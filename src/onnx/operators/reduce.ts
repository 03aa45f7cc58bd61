/** ONNX operators that reduce, normalise, multiply, sort: whatever looks along dimensions. */
import { isFloating } from '../../base/dtype.ts';
import { ArgumentError } from '../../base/errors.ts';
import { numelOf } from '../../base/shape.ts';
import { oneHotParams, sortParams } from '../../geometry/indexing.ts';
import { scanParams } from '../../geometry/reduce.ts';
import { batchNorm, dropout, linear } from '../../nn/functional.ts';
import { allowance } from '../../tensor/allowance.ts';
import { full } from '../../tensor/create.ts';
import { apply, apply1 } from '../../tensor/dispatch.ts';
import { where } from '../../tensor/functions.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { narrow } from '../../tensor/views.ts';
import { Host, type Value } from '../host.ts';
import { axesOf, axisOf, type Args, type OnnxNode, type Operator, type Run } from '../node.ts';
import { checkElements, flip, frontIndices, padConstant } from './shape.ts';

type Reduction = (x: Tensor, dims: readonly number[]) => Tensor;

/** The axes of a reduction: an attribute, or from some version on an input. */
function axesReader(node: OnnxNode): (args: Args, rank: number) => readonly number[] {
  const attribute = node.ints('axes');
  const noopIfEmpty = node.flag('noop_with_empty_axes');
  return (args, rank) => {
    const given = attribute ?? args.numbers(1) ?? [];
    if (given.length > 0) return axesOf(node, given, rank);
    return noopIfEmpty ? [] : Array.from({ length: rank }, (_, d) => d);
  };
}

function reducing(
  reduce: Reduction,
  host?: (a: number, b: number) => number,
  start = 0,
  alone: (x: Tensor) => Tensor = (x) => reduce(x.unsqueeze(0), [0]).squeeze([0]),
): Operator {
  const build = (node: OnnxNode): Run => {
    const axes = axesReader(node);
    const keep = node.flag('keepdims', true);
    return (args) => {
      const x = args.tensor(0);
      const dims = axes(args, x.ndim);
      if (dims.length === 0) return alone(x).to(x.dtype);
      const y = reduce(x, dims).to(x.dtype);
      return keep ? y : y.squeeze(dims);
    };
  };
  if (host === undefined) return { build, hostInputs: [1] };
  const onHost = (node: OnnxNode): Run => {
    const axes = axesReader(node);
    const keep = node.flag('keepdims', true);
    return (args) => {
      const x = args.host(0);
      const dims = axes(args, x.shape.length);
      if (dims.length !== x.shape.length) return build(node)(args);
      const shape = keep ? x.shape.map(() => 1) : [];
      return new Host(x.dtype, shape, [x.data.length === 0 ? start : x.data.reduce(host)]);
    };
  };
  return { build, host: onHost, hostInputs: [1] };
}

const keepdim = { keepdim: true } as const;

/** One dimension after the other. */
const productAlong: Reduction = (x, dims) => dims.reduce((y, d) => y.prod(d, keepdim), x);

function extreme(name: 'argmax' | 'argmin'): Operator {
  return {
    build: (node) => {
      const axis = node.int('axis', 0);
      const keep = node.flag('keepdims', true);
      const last = node.flag('select_last_index');
      return (args) => {
        const x = args.tensor(0);
        const at = axisOf(node, axis, x.ndim);
        const found = (last ? flip(x, [at]) : x)[name](at, { keepdim: keep });
        return last ? found.neg().add(x.layout.shape[at]! - 1) : found;
      };
    },
  };
}

// ---- softmax

/** Up to version 12 the input counts as a matrix, split before the axis. */
function softmaxLike(name: 'softmax' | 'logSoftmax'): Operator {
  return {
    build: (node) => {
      const old = node.opset < 13;
      const axis = node.int('axis', old ? 1 : -1);
      return (args) => {
        const x = args.tensor(0);
        const at = axisOf(node, axis, x.ndim);
        if (!old || at === x.ndim - 1) return x[name](at);
        const rows = numelOf(x.layout.shape.slice(0, at));
        const lines = x.reshape([rows, numelOf(x.layout.shape.slice(at))]);
        return lines[name](1).reshape([...x.layout.shape]);
      };
    },
  };
}

// ---- normalisation

const batchNormalization: Operator = {
  buffers: [3, 4],
  build: (node) => {
    const eps = node.float('epsilon', Math.fround(1e-5));
    const momentum = node.float('momentum', Math.fround(0.9));
    if (node.opset < 9 && node.int('spatial', 1) !== 1) node.refuse('spatial 0');
    node.ignore('is_test', 'consumed_inputs');
    if (node.flag('training_mode')) return (args) => trainingNorm(args, momentum, eps);
    if (node.outputs.slice(1).some((name) => name !== '')) node.refuse('its statistics as outputs');
    return (args) => {
      const x = args.tensor(0);
      const [n, c] = x.layout.shape as readonly [number, number | undefined];
      const shaped = x.ndim <= 4 && x.ndim >= 2 ? x : x.reshape([n, c ?? 1, -1]);
      const y = batchNorm(shaped, args.tensor(3), args.tensor(4), {
        weight: args.tensor(1),
        bias: args.tensor(2),
        training: args.training,
        momentum: 1 - momentum,
        eps,
      });
      return y.reshape([...x.layout.shape]);
    };
  },
};

/** By the batch's own statistics, whatever the mode; those that the running ones become are results, too. */
function trainingNorm(args: Args, momentum: number, eps: number): Tensor[] {
  const x = args.tensor(0);
  const dims = [0, ...spatial(x.ndim)];
  const [y, mean, , variance] = standardised(x, dims, eps);
  const moved = (running: Tensor, now: Tensor): Tensor => running.mul(momentum).add(now.mul(1 - momentum));
  const scaled = y.mul(perChannel(args.tensor(1), x.ndim)).add(perChannel(args.tensor(2), x.ndim));
  return [scaled, moved(args.tensor(3), mean.flatten()), moved(args.tensor(4), variance.flatten())];
}

/** (x - mean) / √(variance + ε) along dimensions, with the mean, 1/√(variance + ε) and the variance. */
function standardised(x: Tensor, dims: readonly number[], eps: number): readonly [Tensor, Tensor, Tensor, Tensor] {
  const mean = x.mean(dims, keepdim);
  const centred = x.sub(mean);
  const variance = centred.square().mean(dims, keepdim);
  const scale = variance.add(eps).sqrt().reciprocal();
  return [centred.mul(scale), mean, scale, variance];
}

/** A scale for each channel, to be multiplied with [N, C, …]. */
const perChannel = (scale: Tensor, rank: number): Tensor => scale.reshape([-1, ...new Array<number>(rank - 2).fill(1)]);

const spatial = (rank: number): number[] => Array.from({ length: rank - 2 }, (_, i) => i + 2);

const instanceNormalization: Operator = {
  build: (node) => {
    const eps = node.float('epsilon', Math.fround(1e-5));
    return (args) => {
      const x = args.tensor(0);
      const [y] = standardised(x, spatial(x.ndim), eps);
      return y.mul(perChannel(args.tensor(1), x.ndim)).add(perChannel(args.tensor(2), x.ndim));
    };
  },
};

const groupNormalization: Operator = {
  build: (node) => {
    const eps = node.float('epsilon', Math.fround(1e-5));
    const groups = node.int('num_groups') ?? node.fail('num_groups is missing');
    node.ignore('stash_type');
    return (args) => {
      const x = args.tensor(0);
      const [n, c] = x.layout.shape as readonly [number, number];
      if (!(groups >= 1) || c % groups !== 0) node.fail(`${groups} groups do not divide ${c} channels`);
      const grouped = x.reshape([n, groups, -1]);
      const [y] = standardised(grouped, [2], eps);
      // Up to version 20, scale and bias are those of groups.
      const spread = (t: Tensor): Tensor =>
        t.numel() === c
          ? t
          : t
              .reshape([-1, 1])
              .expand([groups, c / groups])
              .reshape([c]);
      const whole = y.reshape([...x.layout.shape]);
      return whole.mul(perChannel(spread(args.tensor(1)), x.ndim)).add(perChannel(spread(args.tensor(2)), x.ndim));
    };
  },
};

const layerNormalization: Operator = {
  build: (node) => {
    const eps = node.float('epsilon', Math.fround(1e-5));
    const axis = node.int('axis', -1);
    node.ignore('stash_type');
    return (args) => {
      const x = args.tensor(0);
      const from = axisOf(node, axis, x.ndim);
      const dims = x.layout.shape.map((_, d) => d).slice(from);
      const [y, mean, scale] = standardised(x, dims, eps);
      const scaled = y.mul(args.tensor(1));
      const bias = args.maybe(2);
      return [bias === null ? scaled : scaled.add(bias), mean, scale];
    };
  },
};

const rmsNormalization: Operator = {
  build: (node) => {
    const eps = node.float('epsilon', Math.fround(1e-5));
    const axis = node.int('axis', -1);
    node.ignore('stash_type');
    return (args) => {
      const x = args.tensor(0);
      const dims = x.layout.shape.map((_, d) => d).slice(axisOf(node, axis, x.ndim));
      return x.mul(x.square().mean(dims, keepdim).add(eps).sqrt().reciprocal()).mul(args.tensor(1));
    };
  },
};

const meanVariance: Operator = {
  build: (node) => {
    const axes = node.ints('axes') ?? [0, 2, 3];
    return (args) => {
      const x = args.tensor(0);
      const dims = axesOf(node, axes, x.ndim);
      const mean = x.mean(dims, keepdim);
      const deviation = x.square().mean(dims, keepdim).sub(mean.square()).sqrt();
      return x.sub(mean).div(deviation.add(1e-9));
    };
  },
};

const lpNormalization: Operator = {
  build: (node) => {
    const axis = node.int('axis', -1);
    const p = node.int('p', 2);
    if (p !== 1 && p !== 2) node.refuse(`p ${p}`);
    return (args) => {
      const x = args.tensor(0);
      const dims = [axisOf(node, axis, x.ndim)];
      const norm = p === 1 ? x.abs().sum(dims, keepdim) : x.square().sum(dims, keepdim).sqrt();
      return where(norm.eq(0), full([], 0, { dtype: x.dtype }), x.div(norm));
    };
  },
};

const dropping: Operator = {
  hostInputs: [1, 2],
  build: (node) => {
    const attribute = node.opset < 12 ? node.float('ratio', 0.5) : undefined;
    node.ignore('seed', 'is_test');
    const mask = node.hasOutput(1);
    return (args): readonly Value[] => {
      const x = args.tensor(0);
      if ((args.number(2) ?? 0) !== 0 && !args.training) {
        throw new ArgumentError(
          `onnx: ${node.place}: the file was exported in training mode; call train(), or export it in evaluation mode`,
        );
      }
      if (args.training && mask) node.fail('the mask of a dropout in training mode is not available');
      const y = args.training ? dropout(x, { p: attribute ?? args.number(1) ?? 0.5, training: true }) : x;
      return mask ? [y, full([...x.layout.shape], true)] : [y];
    };
  },
};

// ---- products

/** A matrix product, if it is not more than the call may multiply. */
function matrixProduct(a: Tensor, b: Tensor): Tensor {
  const [left, right] = [a.layout.shape, b.layout.shape];
  const batch = Math.max(numelOf(left.slice(0, -2)), 1) * Math.max(numelOf(right.slice(0, -2)), 1);
  allowance?.work(batch * (left.at(-2) ?? 1) * (left.at(-1) ?? 1) * (right.length > 1 ? right.at(-1)! : 1));
  return a.matmul(b);
}

const gemm: Operator = {
  build: (node) => {
    const [alpha, beta] = [node.float('alpha', 1), node.float('beta', 1)];
    const [turnA, turnB] = [node.flag('transA'), node.flag('transB')];
    return (args) => {
      const a = turnA ? args.tensor(0).t() : args.tensor(0);
      const c = args.maybe(2);
      if (alpha === 1 && beta === 1 && turnB && c !== null && c.ndim === 1 && c.numel() === args.tensor(1).layout.shape[0]) {
        return linear(a, args.tensor(1), c);
      }
      const product = matrixProduct(a, turnB ? args.tensor(1).t() : args.tensor(1));
      const scaled = alpha === 1 ? product : product.mul(alpha);
      // A factor of 0 takes C away, whatever it holds.
      return c === null || beta === 0 ? scaled : scaled.add(beta === 1 ? c : c.mul(beta));
    };
  },
};

// ---- order

const topK: Operator = {
  hostInputs: [1],
  build: (node) => {
    const axis = node.int('axis', -1);
    const largest = node.flag('largest', true);
    node.ignore('sorted');
    const attribute = node.opset < 10 ? node.int('k') : undefined;
    return (args) => {
      const k = attribute ?? args.number(1) ?? node.fail('k is missing');
      const x = args.tensor(0);
      return apply('topk', [x], sortParams(axisOf(node, axis, x.ndim), largest, k));
    };
  },
};

const cumulative: Operator = {
  hostInputs: [1],
  build: (node) => {
    const [exclusive, reverse] = [node.flag('exclusive'), node.flag('reverse')];
    return (args) => {
      const x = args.tensor(0);
      const at = axisOf(node, args.number(1) ?? 0, x.ndim);
      const sums = (part: Tensor): Tensor => apply1('cumsum', [part], scanParams(at, reverse)).to(x.dtype);
      const length = x.layout.shape[at]!;
      if (!exclusive || length === 0) return sums(x);
      // All but the last element (the first one in reverse), behind a zero.
      const ends = (n: number): number[] => x.layout.shape.map((_, d) => (d === at ? n : 0));
      return padConstant(sums(narrow(x, at, reverse ? 1 : 0, length - 1)), ends(reverse ? 0 : 1), ends(reverse ? 1 : 0), 0);
    };
  },
};

const oneHot: Operator = {
  hostInputs: [1],
  build: (node) => {
    const axis = node.int('axis', -1);
    return (args) => {
      const depth = args.number(1) ?? node.fail('depth is missing');
      const index = args.tensor(0);
      const at = axisOf(node, axis, index.ndim + 1);
      checkElements('OneHot', [...index.layout.shape, depth]);
      // An index beyond the depth gives a row without a one.
      const front = frontIndices(index, depth);
      const inside = front.ge(0).logicalAnd(front.lt(depth));
      const hot = apply1('oneHot', [where(inside, front, front.mul(0))], oneHotParams(depth)).bool();
      const [off, on] = [args.tensor(2).select(0, 0), args.tensor(2).select(0, 1)];
      const marked = where(hot.logicalAnd(inside.unsqueeze(-1)), on, off);
      const order = index.layout.shape.map((_, d) => d);
      return marked.permute([...order.slice(0, at), index.ndim, ...order.slice(at)]);
    };
  },
};

const sum: Reduction = (x, dims) => x.sum(dims, keepdim);
const same = (x: Tensor): Tensor => x;

export const reduceOperators = {
  ArgMax: extreme('argmax'),
  ArgMin: extreme('argmin'),
  BatchNormalization: batchNormalization,
  CumSum: cumulative,
  Dropout: dropping,
  Gemm: gemm,
  GroupNormalization: groupNormalization,
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization,
  LogSoftmax: softmaxLike('logSoftmax'),
  LpNormalization: lpNormalization,
  MatMul: { build: () => (args) => matrixProduct(args.tensor(0), args.tensor(1)) },
  MeanVarianceNormalization: meanVariance,
  OneHot: oneHot,
  ReduceL1: reducing((x, dims) => sum(x.abs(), dims)),
  ReduceL2: reducing((x, dims) => sum((isFloating(x.dtype) ? x : x.to('float64')).square(), dims).sqrt()),
  ReduceLogSum: reducing((x, dims) => sum(x, dims).log()),
  ReduceLogSumExp: reducing((x, dims) => (isFloating(x.dtype) ? x : x.to('float32')).logsumexp(dims, keepdim)),
  ReduceMax: reducing((x, dims) => x.amax(dims, keepdim), Math.max, 0, same),
  ReduceMean: reducing((x, dims) => (isFloating(x.dtype) ? x : x.to('float64')).mean(dims, keepdim), undefined, 0, same),
  ReduceMin: reducing((x, dims) => x.amin(dims, keepdim), Math.min, 0, same),
  ReduceProd: reducing(productAlong, (a, b) => a * b, 1, same),
  ReduceSum: reducing(sum, (a, b) => a + b, 0, same),
  ReduceSumSquare: reducing((x, dims) => sum(x.square(), dims)),
  RMSNormalization: rmsNormalization,
  Softmax: softmaxLike('softmax'),
  TopK: topK,
} as const satisfies Record<string, Operator>;
