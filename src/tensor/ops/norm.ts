/**
 * Batch normalisation (Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167; PyTorch's `F.batch_norm`): the training
 * form with batch statistics, the evaluation form with running ones, and the gradients of both. Shapes: x is [N, C] or
 * [N, C, …]; weight, bias, running mean and variance are [C].
 *
 * Instance normalisation, and others without scale and shift, are the training form on a reshaped input, `[1, rows, L]`; `norm-lines.ts` has those with them.
 */
import { requireDType } from '../../base/dtype.ts';
import { ShapeError } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { showShape } from '../../base/shape.ts';
import { batchNormInputs, type BatchNormParams } from '../../geometry/norm.ts';
import type { Tensor } from '../tensor.ts';
import { batchNormEvalTwice, batchNormTwice } from './norm-twice.ts';
import type { OpRules } from './rule.ts';

export interface NormAttrs {
  /**
   * [x, weight?, bias?, runningMean?, runningVar?] → [y, mean [C], 1/√(var + ε) [C]]. Scalar 0: the factor of the new
   * statistics (`momentum`, or 1/count for a cumulative average), read where `running`.
   *
   * Where `running`, it writes its inputs runningMean and runningVar in place, the variance unbiased, as PyTorch does.
   */
  batchNorm: BatchNormParams;
  /** [∂y, x, mean, invStd, weight?] → [∂x, ∂weight?, ∂bias?] */
  batchNormGrad: BatchNormParams;
  /** [x, weight?, bias?, runningMean, runningVar] → y */
  batchNormEval: BatchNormParams;
  /** [∂y, x, runningMean, runningVar, weight?] → [∂x, ∂weight?, ∂bias?] */
  batchNormEvalGrad: BatchNormParams;
}

/** Channels of x, after checking every input's shape and dtype. */
function checkInputs(op: string, inputs: readonly Layout[], p: BatchNormParams): number {
  const x = inputs[0]!;
  requireDType(op, 'input', x.dtype, ['float32', 'float64']);
  if (x.shape.length < 2) {
    throw new ShapeError(`${op}: expected an input of shape [N, C] or [N, C, …], but got ${showShape(x.shape)}`);
  }
  const channels = x.shape[1]!;
  const at = batchNormInputs(p);
  for (const [name, i] of [
    ['weight', at.weight],
    ['bias', at.bias],
    ['runningMean', at.mean],
    ['runningVar', at.variance],
  ] as const) {
    if (i < 0) continue;
    const { shape, dtype } = inputs[i]!;
    if (shape.length !== 1 || shape[0] !== channels) {
      throw new ShapeError(
        `${op}: expected ${name} of shape [${channels}], the channels of the input ${showShape(x.shape)}, but got ` +
          `${showShape(shape)}; make the layer with ${channels} features`,
      );
    }
    requireDType(op, name, dtype, [x.dtype]);
  }
  return channels;
}

function checkBatch(x: Layout): void {
  if (x.shape[1] !== 0 && x.numel / x.shape[1]! === 1) {
    throw new ShapeError(
      `batchNorm: expected more than 1 value per channel when training, but got an input of shape ${showShape(x.shape)}; ` +
        'use a larger batch or call .eval()',
    );
  }
}

/** Statistics that are written cannot be read from a copy. */
function checkWritten(inputs: readonly Layout[], p: BatchNormParams): void {
  const { mean, variance } = batchNormInputs(p);
  if (p.running && !(inputs[mean]!.contiguous && inputs[variance]!.contiguous)) {
    throw new ShapeError(
      'batchNorm: expected running statistics that lie densely in memory, but got a strided view; pass a contiguous() copy',
    );
  }
}

function gradientShapes(inputs: readonly Layout[], p: BatchNormParams): Layout[] {
  const x = inputs[1]!;
  const perChannel = layoutOf(x.dtype, [x.shape[1]!]);
  return [layoutOf(x.dtype, x.shape), ...(p.weight ? [perChannel] : []), ...(p.bias ? [perChannel] : [])];
}

/** The gradient kernels' results in the order of the forward inputs. */
function inInputOrder(results: readonly Tensor[], p: BatchNormParams): (Tensor | undefined)[] {
  return [...results, ...(p.running ? [undefined, undefined] : [])];
}

export const normRules: OpRules<NormAttrs> = {
  batchNorm: {
    shape: (inputs, p) => {
      const channels = checkInputs('batchNorm', inputs, p);
      const x = inputs[0]!;
      checkBatch(x);
      checkWritten(inputs, p);
      const perChannel = layoutOf(x.dtype, [channels]);
      return [layoutOf(x.dtype, x.shape), perChannel, perChannel];
    },
    writes: (p) => (p.running ? [batchNormInputs(p).mean, batchNormInputs(p).variance] : []),
    gradient: {
      name: 'NativeBatchNormBackward0',
      saves: { inputs: [0, 1], outputs: [1, 2] },
      run: ({ grads: [g], apply, input, output, attrs }) =>
        g === undefined
          ? []
          : inInputOrder(apply('batchNormGrad', [g, input(0), output(1), output(2), ...(attrs.weight ? [input(1)] : [])], attrs), attrs),
    },
  },
  batchNormGrad: { shape: gradientShapes, gradient: batchNormTwice },
  batchNormEval: {
    shape: (inputs, p) => {
      checkInputs('batchNorm', inputs, p);
      return [layoutOf(inputs[0]!.dtype, inputs[0]!.shape)];
    },
    step: 'affine',
    gradient: {
      name: 'NativeBatchNormBackward0',
      saves: { inputs: [0, 1, 2, 3, 4] },
      run: ({ grads: [g], apply, input, attrs }) => {
        if (g === undefined) return [];
        const at = batchNormInputs(attrs);
        const weight = attrs.weight ? [input(1)] : [];
        const results = apply('batchNormEvalGrad', [g, input(0), input(at.mean), input(at.variance), ...weight], attrs);
        return inInputOrder(results, attrs);
      },
    },
  },
  batchNormEvalGrad: { shape: gradientShapes, gradient: batchNormEvalTwice },
};
