/** The adaptive softmax, for many classes of which few are frequent (Grave et al. 2017). */
import { arrayOf, BOOL, COUNT, POSITIVE } from '../../base/arguments.ts';
import { requireDType } from '../../base/dtype.ts';
import { ArgumentError, IndexError, ShapeError } from '../../base/errors.ts';
import { sameDims, showShape } from '../../base/shape.ts';
import { readCall } from '../../base/signature.ts';
import { requireTensor } from '../../tensor/arguments.ts';
import { cat } from '../../tensor/functions.ts';
import { activeRecorder } from '../../tensor/recorder.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { Module } from '../module.ts';
import { layerOf } from '../signatures.ts';
import { ModuleList, Sequential } from './container.ts';
import { Linear } from './linear.ts';
import '../../tensor/families/picking.ts';

export interface AdaptiveSoftmaxOptions {
  /** By how much each cluster's size is smaller than that before it. Default 4. */
  readonly divValue?: number;
  /** Whether the head has a bias. Default false. */
  readonly headBias?: boolean;
}
interface AdaptiveSoftmaxArguments extends AdaptiveSoftmaxOptions {
  readonly inFeatures: number;
  readonly nClasses: number;
  readonly cutoffs: readonly number[];
}
const LAYER = layerOf<AdaptiveSoftmaxArguments>(
  'AdaptiveLogSoftmaxWithLoss',
  { inFeatures: COUNT, nClasses: COUNT, cutoffs: arrayOf(COUNT, 'whole numbers ≥ 1'), divValue: POSITIVE, headBias: BOOL },
  { required: 3 },
);

/** What the layer gives: the log-probability of each target, and the mean of their negatives. */
export interface AdaptiveSoftmaxResult {
  readonly output: Tensor;
  readonly loss: Tensor;
}

/**
 * A softmax whose rarer classes are in clusters with fewer features
 * (https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveLogSoftmaxWithLoss.html). Classes are ordered by frequency, the most frequent first.
 */
export class AdaptiveLogSoftmaxWithLoss extends Module {
  readonly inFeatures: number;
  readonly nClasses: number;
  readonly cutoffs: readonly number[];
  readonly divValue: number;
  readonly headBias: boolean;
  readonly shortlistSize: number;
  readonly nClusters: number;
  head: Linear;
  tail: ModuleList;

  /** @throws ArgumentError unless cutoffs rise and stay below the number of classes */
  constructor(
    inFeatures: number,
    nClasses: number,
    cutoffs: readonly number[],
    divValue?: number | AdaptiveSoftmaxOptions,
    headBias?: boolean | Pick<AdaptiveSoftmaxOptions, 'headBias'>,
  );
  constructor(options: AdaptiveSoftmaxArguments);
  constructor(...args: readonly unknown[]) {
    super();
    const { inFeatures, nClasses, cutoffs, divValue = 4, headBias = false } = readCall(LAYER, args);
    const rising = cutoffs.every((cutoff, i) => i === 0 || cutoff > cutoffs[i - 1]!);
    if (cutoffs.length === 0 || !rising || cutoffs.at(-1)! > nClasses - 1) {
      throw new ArgumentError(
        `AdaptiveLogSoftmaxWithLoss: expected cutoffs that rise and stay below ${nClasses}, the classes, but got [${cutoffs.join(', ')}]`,
      );
    }
    this.inFeatures = inFeatures;
    this.nClasses = nClasses;
    this.cutoffs = [...cutoffs, nClasses];
    this.divValue = divValue;
    this.headBias = headBias;
    this.shortlistSize = cutoffs[0]!;
    this.nClusters = this.cutoffs.length - 1;
    this.head = new Linear(inFeatures, this.shortlistSize + this.nClusters, headBias);
    this.tail = new ModuleList();
    for (let i = 0; i < this.nClusters; i++) {
      const size = Math.floor(inFeatures / divValue ** (i + 1));
      const classes = this.cutoffs[i + 1]! - this.cutoffs[i]!;
      this.tail.append(new Sequential(new Linear(inFeatures, size, false), new Linear(size, classes, false)));
    }
  }

  /**
   * @param input [N, inFeatures] or [inFeatures]
   * @param target [N] or [], int64
   */
  override forward(input: Tensor, target: Tensor): AdaptiveSoftmaxResult {
    const name = 'AdaptiveLogSoftmaxWithLoss';
    requireTensor(name, 'the input', input);
    requireTensor(name, 'the target', target);
    requireDType(name, 'target', target.dtype, ['int64']);
    const single = input.ndim === 1;
    const expected = single ? [] : [input.layout.shape[0]!];
    if (input.ndim > 2 || !sameDims(target.layout.shape, expected))
      throw new ShapeError(
        `${name}: expected an input [N, ${this.inFeatures}] and a target [N], but got ${showShape(input.layout.shape)} and ${showShape(target.layout.shape)}`,
      );
    this._requireClasses(target);
    const all = this._logProbabilities(single ? input.unsqueeze(0) : input);
    const picked = all.gather(1, target.reshape([-1, 1])).squeeze(1);
    const output = single ? picked.squeeze(0) : picked;
    return { output, loss: output.neg().mean() };
  }

  private _requireClasses(target: Tensor): void {
    if (target.numel() === 0 || target.device !== 'cpu' || activeRecorder() !== undefined) return;
    const [least, most] = [target.amin().item(), target.amax().item()];
    if (least < 0 || most >= this.nClasses)
      throw new IndexError(
        `AdaptiveLogSoftmaxWithLoss: expected classes from 0 to ${this.nClasses - 1}, but got some from ${least} to ${most}`,
      );
  }

  /** Logarithms of the probabilities of all classes, [N, nClasses]. */
  logProb(input: Tensor): Tensor {
    requireTensor('logProb', 'the input', input);
    return this._logProbabilities(input);
  }

  private _logProbabilities(input: Tensor): Tensor {
    const head = this.head(input).logSoftmax(1);
    const clusters = [...this.tail.children()].map((cluster, i) => {
      const within = (cluster as unknown as (x: Tensor) => Tensor)(input).logSoftmax(1);
      return within.add(head.narrow(1, this.shortlistSize + i, 1)) as Tensor;
    });
    return cat([head.narrow(1, 0, this.shortlistSize), ...clusters] as Tensor[], 1);
  }

  /** The most probable class of each sample. */
  predict(input: Tensor): Tensor {
    requireTensor('predict', 'the input', input);
    return this._logProbabilities(input).argmax(1) as Tensor;
  }
}
