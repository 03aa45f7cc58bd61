/** Stochastic depth: G. Huang et al., "Deep networks with stochastic depth", 2016, as torchvision has it. */
import { BOOL, oneOf, PROBABILITY, requireKind } from '../../base/arguments.ts';
import { DTypeError } from '../../base/errors.ts';
import { pythonFloat } from '../../base/python-format.ts';
import * as nn from '../../nn/index.ts';
import { requireTensor } from '../../tensor/arguments.ts';
import { drawnTensor } from '../../tensor/create.ts';
import { fillBernoulli } from '../../tensor/random/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** Whether all samples of a batch fare alike, or each for itself. */
export type StochasticDepthMode = 'batch' | 'row';

const MODE = oneOf('batch', 'row');

/**
 * In training, zeroes a residual branch's output with probability p, and divides it by 1 − p where it stays
 * (https://pytorch.org/vision/stable/generated/torchvision.ops.stochastic_depth.html).
 * @throws ArgumentError unless 0 ≤ p ≤ 1 and the mode is 'batch' or 'row', DTypeError for whole numbers
 * @example
 * import { ones } from 'flambeau';
 * import { ops } from 'flambeau/vision';
 * const sums = ops.stochasticDepth(ones(4, 2), 0.5, 'row').sum(1).toTypedArray();
 * if (![...sums].every((sum) => sum === 0 || sum === 4)) throw new Error('a row is 0 or doubled');
 */
export function stochasticDepth(x: Tensor, p: number, mode: StochasticDepthMode, training = true): Tensor {
  requireTensor('stochasticDepth', 'the input', x);
  requireKind('stochasticDepth', 'p', p, PROBABILITY);
  requireKind('stochasticDepth', 'mode', mode, MODE);
  requireKind('stochasticDepth', 'training', training, BOOL);
  if (!training || p === 0) return x;
  if (!x.isFloatingPoint())
    throw new DTypeError(`stochasticDepth: expected a floating-point input, but got ${x.dtype}; convert it with .to('float32')`);
  const shape = x.layout.shape.map((size, i) => (i === 0 && mode === 'row' ? size : 1));
  const noise = x.dtype === 'float64' ? new Float64Array(mode === 'row' ? shape[0]! : 1) : new Float32Array(mode === 'row' ? shape[0]! : 1);
  const kept = drawnTensor(shape, x.dtype, noise, () => fillBernoulli(noise, 1 - p), x.storage.device);
  return x.mul(p < 1 ? kept.div(1 - p) : kept);
}

/**
 * {@link stochasticDepth} as a layer (https://pytorch.org/vision/stable/generated/torchvision.ops.StochasticDepth.html).
 * @example
 * import { ops } from 'flambeau/vision';
 * console.log(String(new ops.StochasticDepth(0.1, 'row'))); // StochasticDepth(p=0.1, mode=row)
 */
export class StochasticDepth extends nn.Module {
  readonly p: number;
  readonly mode: StochasticDepthMode;

  constructor(p: number, mode: StochasticDepthMode) {
    super();
    requireKind('StochasticDepth', 'p', p, PROBABILITY);
    requireKind('StochasticDepth', 'mode', mode, MODE);
    this.p = p;
    this.mode = mode;
  }

  override forward(x: Tensor): Tensor {
    return stochasticDepth(x, this.p, this.mode, this.training);
  }

  override extraRepr(): string {
    return `p=${pythonFloat(this.p)}, mode=${this.mode}`;
  }
}
