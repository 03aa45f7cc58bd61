/**
 * The rarer losses as modules (https://pytorch.org/docs/stable/nn.html#loss-functions): call them with what the functions of the same name in `F`
 * take. Arguments in PyTorch's order or by name; its deprecated `size_average` and `reduce` do not exist, so that what comes after them is by
 * name only.
 */
import { NOT_NEGATIVE, POSITIVE, type OptionKinds } from '../../base/arguments.ts';
import type { Signature } from '../../base/signature.ts';
import { requireTensor } from '../../tensor/arguments.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ctcLoss, CTC_KINDS, type CtcOptions, type Lengths } from '../functional-ctc.ts';
import { cosineEmbeddingLoss, hingeEmbeddingLoss, MARGIN_KINDS, marginRankingLoss, MULTI_MARGIN_KINDS, multilabelMarginLoss, multiMarginLoss, TRIPLET_DISTANCE_OPTIONS, TRIPLET_OPTIONS, tripletMarginLoss, tripletMarginWithDistanceLoss, type MarginOptions, type MultiMarginOptions, type TripletDistanceOptions, type TripletOptions } from '../functional-loss-margin.ts'; // prettier-ignore
import { BINARY_KINDS, binaryCrossEntropy, binaryCrossEntropyWithLogits, GAUSSIAN_KINDS, gaussianNllLoss, KL_KINDS, klDiv, LOGITS_KINDS, multilabelSoftMarginLoss, POISSON_KINDS, poissonNllLoss, softMarginLoss, type BinaryLossOptions, type GaussianNllOptions, type KlDivOptions, type LogitsLossOptions, type PoissonNllOptions } from '../functional-loss-more.ts'; // prettier-ignore
import { huberLoss, pairLossWith, REDUCTION, type HuberOptions, type LossOptions, type Reduction, type SmoothL1Options } from '../functional-loss.ts'; // prettier-ignore
import { ModuleBase } from '../module-base.ts';
import { Module } from '../module.ts';
import { PairwiseDistance } from './distance.ts';
import { optionFields, optionsOf } from './fields.ts';
import { layerOf } from '../signatures.ts';

/** The tensors of a loss, which may be a mistake of callers without types. */
function requireAll(name: string, tensors: Readonly<Record<string, unknown>>): void {
  for (const [what, value] of Object.entries(tensors)) requireTensor(name, `the ${what}`, value);
}

/** A loss whose options are its fields. */
abstract class OptionLoss<O extends object> extends Module {
  declare reduction: Reduction;

  protected constructor(of: Signature<O>, args: readonly unknown[], defaults: object = {}) {
    super();
    this.given(optionFields(this, of, args, { reduction: 'mean', ...defaults }));
  }

  protected get options(): O {
    return optionsOf(this);
  }

  /** What is to be made of the arguments beside fields. */
  protected given(_options: O): void {
    // nothing
  }
}

/** A loss of an input and a target. */
abstract class TargetLoss<O extends object> extends OptionLoss<O> {
  override forward(input: Tensor, target: Tensor): Tensor {
    requireAll(this.typeName(), { input, target });
    return this.run(input, target);
  }

  protected abstract run(input: Tensor, target: Tensor): Tensor;
}

const byName = <O>(name: string, kinds: OptionKinds<O>, positional = 0): Signature<O> => layerOf<O>(name, kinds, { positional });

const SMOOTH_L1 = byName<SmoothL1Options>('SmoothL1Loss', { reduction: REDUCTION, beta: NOT_NEGATIVE });
/** Squared below `beta`, absolute above. */
export class SmoothL1Loss extends TargetLoss<SmoothL1Options> {
  declare beta: number;

  constructor(options?: SmoothL1Options);
  constructor(...args: readonly unknown[]) {
    super(SMOOTH_L1, args, { beta: 1 });
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return pairLossWith('smoothL1Loss', 'smoothL1', input, target, this.options);
  }
}

type HuberLayerOptions = Omit<HuberOptions, 'weight'>;
const HUBER = layerOf<HuberLayerOptions>('HuberLoss', { reduction: REDUCTION, delta: POSITIVE });
/** Half the square below `delta`, linear above. */
export class HuberLoss extends TargetLoss<HuberLayerOptions> {
  declare delta: number;

  constructor(reduction?: Reduction | HuberLayerOptions, delta?: number | Pick<HuberLayerOptions, 'delta'>);
  constructor(...args: readonly unknown[]) {
    super(HUBER, args, { delta: 1 });
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return huberLoss(input, target, this.options);
  }
}

const POISSON = byName<PoissonNllOptions>('PoissonNLLLoss', POISSON_KINDS, 2);
/** The negative log-likelihood of counts under Poisson distributions. */
export class PoissonNLLLoss extends TargetLoss<PoissonNllOptions> {
  declare logInput: boolean;
  declare full: boolean;
  declare eps: number;

  constructor(
    logInput?: boolean | PoissonNllOptions,
    full?: boolean | Omit<PoissonNllOptions, 'logInput'>,
    options?: Pick<PoissonNllOptions, 'eps' | 'reduction'>,
  );
  constructor(...args: readonly unknown[]) {
    super(POISSON, args, { logInput: true, full: false, eps: 1e-8 });
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return poissonNllLoss(input, target, this.options);
  }
}

const GAUSSIAN = byName<GaussianNllOptions>('GaussianNLLLoss', GAUSSIAN_KINDS);
/** The negative log-likelihood under normal distributions: call it with means, targets and variances. */
export class GaussianNLLLoss extends OptionLoss<GaussianNllOptions> {
  declare full: boolean;
  declare eps: number;

  constructor(options?: GaussianNllOptions);
  constructor(...args: readonly unknown[]) {
    super(GAUSSIAN, args, { full: false, eps: 1e-6 });
  }

  override forward(input: Tensor, target: Tensor, variance: Tensor | number): Tensor {
    requireAll('GaussianNLLLoss', { input, target });
    return gaussianNllLoss(input, target, variance, this.options);
  }
}

const KL = byName<KlDivOptions>('KLDivLoss', KL_KINDS);
/** The Kullback-Leibler divergence of log-probabilities from targets. */
export class KLDivLoss extends TargetLoss<KlDivOptions> {
  declare logTarget: boolean;

  constructor(options?: KlDivOptions);
  constructor(...args: readonly unknown[]) {
    super(KL, args, { logTarget: false });
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return klDiv(input, target, this.options);
  }
}

/** A loss with weights that belong to the state. */
abstract class WeightedLoss<O extends { readonly weight?: Tensor | null }> extends TargetLoss<O> {
  declare weight: Tensor | null;

  protected override given({ weight }: O): void {
    this.registerBuffer('weight', weight ?? null);
  }
}

const BCE = byName<BinaryLossOptions>('BCELoss', BINARY_KINDS, 1);
/** The binary cross-entropy of probabilities. */
export class BCELoss extends WeightedLoss<BinaryLossOptions> {
  constructor(weight?: Tensor | null | BinaryLossOptions, options?: LossOptions);
  constructor(...args: readonly unknown[]) {
    super(BCE, args);
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropy(input, target, this.options);
  }
}

const BCE_LOGITS = byName<LogitsLossOptions>('BCEWithLogitsLoss', LOGITS_KINDS, 1);
/** The binary cross-entropy of logits; positive examples may weigh more. */
export class BCEWithLogitsLoss extends WeightedLoss<LogitsLossOptions> {
  declare pos_weight: Tensor | null;

  constructor(weight?: Tensor | null | LogitsLossOptions, options?: Omit<LogitsLossOptions, 'weight'>);
  constructor(...args: readonly unknown[]) {
    super(BCE_LOGITS, args);
  }

  protected override given(options: LogitsLossOptions): void {
    super.given(options);
    this.registerBuffer('pos_weight', options.posWeight ?? null);
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropyWithLogits(input, target, { ...this.options, posWeight: this.pos_weight });
  }
}

const MULTI_SOFT = byName<BinaryLossOptions>('MultiLabelSoftMarginLoss', BINARY_KINDS, 1);
/** The mean over classes of the binary cross-entropy of each. */
export class MultiLabelSoftMarginLoss extends WeightedLoss<BinaryLossOptions> {
  constructor(weight?: Tensor | null | BinaryLossOptions, options?: LossOptions);
  constructor(...args: readonly unknown[]) {
    super(MULTI_SOFT, args);
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return multilabelSoftMarginLoss(input, target, this.options);
  }
}

const MULTI_MARGIN = byName<MultiMarginOptions>('MultiMarginLoss', MULTI_MARGIN_KINDS, 3);
/** A margin between a class's score and all others'. */
export class MultiMarginLoss extends WeightedLoss<MultiMarginOptions> {
  declare p: number;
  declare margin: number;

  constructor(
    p?: number | MultiMarginOptions,
    margin?: number | Omit<MultiMarginOptions, 'p'>,
    weight?: Tensor | null | Pick<MultiMarginOptions, 'weight' | 'reduction'>,
    options?: LossOptions,
  );
  constructor(...args: readonly unknown[]) {
    super(MULTI_MARGIN, args, { p: 1, margin: 1 });
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return multiMarginLoss(input, target, this.options);
  }
}

const SOFT_MARGIN = byName<LossOptions>('SoftMarginLoss', { reduction: REDUCTION });
/** ln(1 + exp(−target·input)), for targets 1 and −1. */
export class SoftMarginLoss extends TargetLoss<LossOptions> {
  constructor(options?: LossOptions);
  constructor(...args: readonly unknown[]) {
    super(SOFT_MARGIN, args);
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return softMarginLoss(input, target, this.options);
  }
}

const MULTILABEL = byName<LossOptions>('MultiLabelMarginLoss', { reduction: REDUCTION });
/** A margin between the scores of a sample's labels and all others. */
export class MultiLabelMarginLoss extends TargetLoss<LossOptions> {
  constructor(options?: LossOptions);
  constructor(...args: readonly unknown[]) {
    super(MULTILABEL, args);
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return multilabelMarginLoss(input, target, this.options);
  }
}

const HINGE = byName<MarginOptions>('HingeEmbeddingLoss', MARGIN_KINDS, 1);
/** The input where the target is 1, max(0, margin − input) where it is −1. */
export class HingeEmbeddingLoss extends TargetLoss<MarginOptions> {
  declare margin: number;

  constructor(margin?: number | MarginOptions, options?: LossOptions);
  constructor(...args: readonly unknown[]) {
    super(HINGE, args, { margin: 1 });
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return hingeEmbeddingLoss(input, target, this.options);
  }
}

abstract class PairTargetLoss extends OptionLoss<MarginOptions> {
  declare margin: number;

  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    requireAll(this.typeName(), { 'first input': input1, 'second input': input2, target });
    return this.run(input1, input2, target);
  }

  protected abstract run(input1: Tensor, input2: Tensor, target: Tensor): Tensor;
}

const RANKING = byName<MarginOptions>('MarginRankingLoss', MARGIN_KINDS, 1);
/** max(0, −target·(input1 − input2) + margin), for targets 1 and −1. */
export class MarginRankingLoss extends PairTargetLoss {
  constructor(margin?: number | MarginOptions, options?: LossOptions);
  constructor(...args: readonly unknown[]) {
    super(RANKING, args, { margin: 0 });
  }

  protected override run(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return marginRankingLoss(input1, input2, target, this.options);
  }
}

const COSINE_EMBEDDING = byName<MarginOptions>('CosineEmbeddingLoss', MARGIN_KINDS, 1);
/** 1 − cos where the target is 1, max(0, cos − margin) where it is −1. */
export class CosineEmbeddingLoss extends PairTargetLoss {
  constructor(margin?: number | MarginOptions, options?: LossOptions);
  constructor(...args: readonly unknown[]) {
    super(COSINE_EMBEDDING, args, { margin: 0 });
  }

  protected override run(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return cosineEmbeddingLoss(input1, input2, target, this.options);
  }
}

abstract class TripletLoss<O extends object> extends OptionLoss<O> {
  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    requireAll(this.typeName(), { anchor, positive, negative });
    return this.run(anchor, positive, negative);
  }

  protected abstract run(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor;
}

const TRIPLET = byName<TripletOptions>('TripletMarginLoss', TRIPLET_OPTIONS, 4);
/** max(0, d(anchor, positive) − d(anchor, negative) + margin), distances by the p-norm. */
export class TripletMarginLoss extends TripletLoss<TripletOptions> {
  declare margin: number;
  declare p: number;
  declare eps: number;
  declare swap: boolean;

  constructor(
    margin?: number | TripletOptions,
    p?: number | Omit<TripletOptions, 'margin'>,
    eps?: number | Pick<TripletOptions, 'eps' | 'swap' | 'reduction'>,
    swap?: boolean | Pick<TripletOptions, 'swap' | 'reduction'>,
    options?: LossOptions,
  );
  constructor(...args: readonly unknown[]) {
    super(TRIPLET, args, { margin: 1, p: 2, eps: 1e-6, swap: false });
  }

  protected override run(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginLoss(anchor, positive, negative, this.options);
  }
}

const TRIPLET_DISTANCE = byName<TripletDistanceOptions>('TripletMarginWithDistanceLoss', TRIPLET_DISTANCE_OPTIONS);
/** As TripletMarginLoss, with a distance of one's own. */
export class TripletMarginWithDistanceLoss extends TripletLoss<TripletDistanceOptions> {
  declare margin: number;
  declare swap: boolean;

  /** The distance where it is a module: `nn.PairwiseDistance` unless another is given. */
  declare distance_function: ModuleBase | null;
  declare private _distance: TripletDistanceOptions['distanceFunction'] | null;

  constructor(options?: TripletDistanceOptions);
  constructor(...args: readonly unknown[]) {
    super(TRIPLET_DISTANCE, args, { margin: 1, swap: false });
  }

  protected override given({ distanceFunction }: TripletDistanceOptions): void {
    this._distance = distanceFunction ?? null;
    this.distance_function = asModule(distanceFunction ?? new PairwiseDistance());
  }

  protected override run(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginWithDistanceLoss(anchor, positive, negative, {
      ...this.options,
      ...(this._distance === null ? {} : { distanceFunction: this._distance! }),
    });
  }
}

const CTC = layerOf<CtcOptions>('CTCLoss', CTC_KINDS);
/** The CTC loss: call it with log-probabilities, targets and the lengths of both. */
export class CTCLoss extends OptionLoss<CtcOptions> {
  declare blank: number;
  declare zeroInfinity: boolean;

  constructor(
    blank?: number | CtcOptions,
    reduction?: Reduction | Omit<CtcOptions, 'blank'>,
    zeroInfinity?: boolean | Pick<CtcOptions, 'zeroInfinity'>,
  );
  constructor(...args: readonly unknown[]) {
    super(CTC, args, { blank: 0, zeroInfinity: false });
  }

  override forward(logProbs: Tensor, targets: Tensor, inputLengths: Lengths, targetLengths: Lengths): Tensor {
    requireAll('CTCLoss', { 'log-probabilities': logProbs, targets });
    return ctcLoss(logProbs, targets, inputLengths, targetLengths, this.options);
  }
}

/** A distance may be any function; modules are callable, too. */
const asModule = (distance: unknown): ModuleBase | null => (distance instanceof ModuleBase ? distance : null);
