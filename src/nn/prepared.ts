/**
 * Functions whose arguments were checked and made into parameters before, as layers do once and for all: what `F` and the layers call.
 * They are no part of `F`.
 */
import { ArgumentError } from '../base/errors.ts';
import type { ConvParams } from '../geometry/conv.ts';
import { batchNormParams } from '../geometry/norm.ts';
import type { AdaptivePoolParams, AvgPoolParams, MaxPoolParams } from '../geometry/pool.ts';
import { apply, apply1 } from '../tensor/dispatch.ts';
import { conv } from '../tensor/families/conv.ts';
import { maxPool } from '../tensor/families/max-pool.ts';
import { norm } from '../tensor/families/norm.ts';
import { regionPool } from '../tensor/families/region-pool.ts';
import type { Scalars } from '../tensor/recorder.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { BatchNormOptions } from './functional-norm.ts';

/**
 * Runs an image operation on [N, C, H, W]; a single image [C, H, W] gets a batch dimension for the time.
 */
function batched(x: Tensor, run: (x: Tensor) => Tensor): Tensor {
  return x.ndim === 3 ? run(x.unsqueeze(0)).squeeze(0) : run(x);
}

export function conv2dWith(x: Tensor, weight: Tensor, bias: Tensor | null, params: ConvParams): Tensor {
  return batched(x, (images) => apply1(conv.conv2d, bias === null ? [images, weight] : [images, weight, bias], params));
}

export const maxPool2dWith = (x: Tensor, params: MaxPoolParams): Tensor => apply(maxPool.maxPool2d, [x], params)[0]!;
export const avgPool2dWith = (x: Tensor, params: AvgPoolParams): Tensor => apply1(regionPool.avgPool2d, [x], params);
export const adaptiveAvgPool2dWith = (x: Tensor, params: AdaptivePoolParams): Tensor => apply1(regionPool.adaptiveAvgPool2d, [x], params);

/** batchNorm whose weight of the new statistics may be asked for at every run of a compiled function. */
export function batchNormWith(
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options: Omit<BatchNormOptions, 'momentum'>,
  momentum: Scalars,
): Tensor {
  const { weight = null, bias = null, training = false, eps = 1e-5 } = options;
  const running = runningMean !== null && runningVar !== null;
  if (!training && !running) throw new ArgumentError('batchNorm: evaluation needs running statistics; pass them, or { training: true }');
  const params = batchNormParams({ weight: weight !== null, bias: bias !== null, running, eps });
  const inputs = [x, weight, bias, running ? runningMean : null, running ? runningVar : null].filter((t) => t !== null);
  if (!training) return apply1(norm.batchNormEval, inputs, params);
  const [y] = apply(norm.batchNorm, inputs, params, momentum);
  if (running) {
    runningMean.storage.version++; // the kernel has written them
    runningVar.storage.version++;
  }
  return y!;
}
