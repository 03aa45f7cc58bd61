/** How the averages of weights are kept: equal parts, or more of the newer ones (PyTorch: `torch.optim.swa_utils.get_…_avg_fn`). */
import { PROBABILITY, requireKind } from '../base/arguments.ts';
import { isFloating } from '../base/dtype.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { lerp } from '../tensor/pointwise.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** The next average of one tensor, of the last one, the model's value and the number of models in it. */
export type AvgFn = (averaged: Tensor, current: Tensor, numAveraged: Tensor) => Tensor;
/** Brings averages up to date in place; all tensors are of one dtype and on one device. */
export type MultiAvgFn = (averaged: readonly Tensor[], current: readonly Tensor[], numAveraged: Tensor) => void;

const DECAY = PROBABILITY;

/** Moves tensors towards others. */
function approach(averaged: readonly Tensor[], current: readonly Tensor[], share: number): void {
  withGradMode(false, () => {
    averaged.forEach((x, i) => {
      if (isFloating(x.dtype)) x.copy_(lerp(x, current[i]!, share));
      else x.copy_(between(x.to('float64'), current[i]!.to('float64'), share));
    });
  });
}

/** Whole numbers are averaged as numbers and cut off afterwards. */
const between = (x: Tensor, y: Tensor, share: number): Tensor => x.add(y.sub(x).mul(share));

/**
 * An exponential moving average for `multiAvgFn` of AveragedModel: decay · average + (1 - decay) · model.
 * @param decay from 0 to 1; default 0.999
 * @throws ArgumentError for another decay
 * @example
 * import { nn, optim } from 'flambeau';
 * const model = new nn.Linear(2, 1);
 * const ema = new optim.swaUtils.AveragedModel(model, { multiAvgFn: optim.swaUtils.getEmaMultiAvgFn(0.99) });
 * ema.updateParameters(model);
 * console.log([...ema.stateDict().keys()].join()); // n_averaged,module.weight,module.bias
 */
export function getEmaMultiAvgFn(decay = 0.999): MultiAvgFn {
  requireKind('getEmaMultiAvgFn', 'decay', decay, DECAY);
  return (averaged, current) => approach(averaged, current, 1 - decay);
}

/** The plain average for `multiAvgFn` of AveragedModel, which it also has by itself. */
export function getSwaMultiAvgFn(): MultiAvgFn {
  return (averaged, current, numAveraged) => approach(averaged, current, 1 / (numAveraged.item() + 1));
}

/** As {@link getEmaMultiAvgFn}, tensor by tensor: for `avgFn`. */
export function getEmaAvgFn(decay = 0.999): AvgFn {
  requireKind('getEmaAvgFn', 'decay', decay, DECAY);
  return (averaged, current) => withGradMode(false, () => averaged.mul(decay).add(current.mul(1 - decay)));
}

/** As {@link getSwaMultiAvgFn}, tensor by tensor: for `avgFn`. */
export function getSwaAvgFn(): AvgFn {
  return (averaged, current, numAveraged) => withGradMode(false, () => averaged.add(current.sub(averaged).div(numAveraged.item() + 1)));
}
