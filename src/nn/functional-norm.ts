/** Normalisation, part of `F` (https://pytorch.org/docs/stable/nn.functional.html#normalization-functions). */
import { BOOL, NOT_NEGATIVE, NUMBER } from '../base/arguments.ts';
import { readCall } from '../base/signature.ts';
import { TENSOR_OR_NULL } from '../tensor/arguments.ts';
import type { Shape } from '../tensor/shapes/dims.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { batchNormWith } from './prepared.ts';
import { functionOf } from './signatures.ts';

export interface BatchNormOptions {
  readonly weight?: Tensor | null;
  readonly bias?: Tensor | null;
  /** Normalise with the batch's statistics and update the running ones. Default false. */
  readonly training?: boolean;
  /** Weight of the new statistics in the running ones. Default 0.1. */
  readonly momentum?: number;
  /** Default 1e-5. */
  readonly eps?: number;
}

interface RunningStatistics {
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
}

const BATCH_NORM = functionOf<BatchNormOptions & RunningStatistics>(
  'batchNorm',
  {
    runningMean: TENSOR_OR_NULL,
    runningVar: TENSOR_OR_NULL,
    weight: TENSOR_OR_NULL,
    bias: TENSOR_OR_NULL,
    training: BOOL,
    momentum: NUMBER,
    eps: NOT_NEGATIVE,
  },
  { required: 2 },
);

/**
 * Normalises each channel of [N, C, …]: https://pytorch.org/docs/stable/generated/torch.nn.functional.batch_norm.html
 * @throws ShapeError when a parameter does not have C elements, or in training with one value per channel
 */
export function batchNorm<S extends Shape>(
  input: Tensor<S>,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  weight?: Tensor | null | BatchNormOptions,
  bias?: Tensor | null | Omit<BatchNormOptions, 'weight'>,
  training?: boolean | Omit<BatchNormOptions, 'weight' | 'bias'>,
  momentum?: number | Pick<BatchNormOptions, 'momentum' | 'eps'>,
  eps?: number | Pick<BatchNormOptions, 'eps'>,
): Tensor<S>;
export function batchNorm(...args: readonly unknown[]): Tensor {
  const { input, runningMean, runningVar, momentum = 0.1, ...rest } = readCall(BATCH_NORM, args);
  return batchNormWith(input, runningMean, runningVar, rest, [momentum]);
}
