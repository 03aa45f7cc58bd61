/**
 * The rarer losses as modules (https://pytorch.org/docs/stable/nn.html#loss-functions): call them with what the functions of the same name in `F`
 * take. Arguments in PyTorch's order or by name; its deprecated `size_average` and `reduce` do not exist, so that what comes after them is by
 * name only.
 */
import { NOT_NEGATIVE, POSITIVE, type OptionKinds } from '../../base/arguments.ts';
import { readCall, type Signature } from '../../base/signature.ts';
import { requireTensor } from '../../tensor/arguments.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ctcLoss, CTC_KINDS, type CtcOptions, type Lengths } from '../functional-ctc.ts';
import { cosineEmbeddingLoss, hingeEmbeddingLoss, MARGIN_KINDS, marginRankingLoss, MULTI_MARGIN_KINDS, multilabelMarginLoss, multiMarginLoss, TRIPLET_DISTANCE_OPTIONS, TRIPLET_OPTIONS, tripletMarginLoss, tripletMarginWithDistanceLoss, type MarginOptions, type MultiMarginOptions, type TripletDistanceOptions, type TripletOptions } from '../functional-loss-margin.ts'; // prettier-ignore
import { BINARY_KINDS, binaryCrossEntropy, binaryCrossEntropyWithLogits, GAUSSIAN_KINDS, gaussianNllLoss, KL_KINDS, klDiv, LOGITS_KINDS, multilabelSoftMarginLoss, POISSON_KINDS, poissonNllLoss, softMarginLoss, type BinaryLossOptions, type GaussianNllOptions, type KlDivOptions, type LogitsLossOptions, type PoissonNllOptions } from '../functional-loss-more.ts'; // prettier-ignore
import { huberLoss, pairLossWith, REDUCTION, type HuberOptions, type LossOptions, type Reduction, type SmoothL1Options } from '../functional-loss.ts'; // prettier-ignore
import { ModuleBase } from '../module-base.ts';
import { Module } from '../module.ts';
import { PairwiseDistance } from './distance.ts';
import { layerOf } from '../signatures.ts';

/** The tensors of a loss, which may be a mistake of callers without types. */
function requireAll(name: string, tensors: Readonly<Record<string, unknown>>): void {
  for (const [what, value] of Object.entries(tensors)) requireTensor(name, `the ${what}`, value);
}

/** A loss of an input and a target that keeps its options. */
abstract class TargetLoss<O extends object> extends Module {
  protected readonly options: O;

  protected constructor(of: Signature<O>, args: readonly unknown[]) {
    super();
    this.options = readCall(of, args);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    requireAll(this.typeName(), { input, target });
    return this.run(input, target);
  }

  protected abstract run(input: Tensor, target: Tensor): Tensor;
}

const byName = <O>(name: string, kinds: OptionKinds<O>, positional = 0): Signature<O> => layerOf<O>(name, kinds, { positional }); // prettier-ignore

const SMOOTH_L1 = byName<SmoothL1Options>('SmoothL1Loss', { reduction: REDUCTION, beta: NOT_NEGATIVE });
/** Squared below `beta`, absolute above. */
export class SmoothL1Loss extends TargetLoss<SmoothL1Options> {
  constructor(options?: SmoothL1Options);
  constructor(...args: readonly unknown[]) {
    super(SMOOTH_L1, args);
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return pairLossWith('smoothL1Loss', 'smoothL1', input, target, this.options);
  }
}

type HuberLayerOptions = Omit<HuberOptions, 'weight'>;
const HUBER = layerOf<HuberLayerOptions>('HuberLoss', { reduction: REDUCTION, delta: POSITIVE });
/** Half the square below `delta`, linear above. */
export class HuberLoss extends TargetLoss<HuberLayerOptions> {
  constructor(reduction?: Reduction | HuberLayerOptions, delta?: number | Pick<HuberLayerOptions, 'delta'>);
  constructor(...args: readonly unknown[]) {
    super(HUBER, args);
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return huberLoss(input, target, this.options);
  }
}

const POISSON = byName<PoissonNllOptions>('PoissonNLLLoss', POISSON_KINDS, 2);
/** The negative log-likelihood of counts under Poisson distributions. */
export class PoissonNLLLoss extends TargetLoss<PoissonNllOptions> {
  constructor(
    logInput?: boolean | PoissonNllOptions,
    full?: boolean | Omit<PoissonNllOptions, 'logInput'>,
    options?: Pick<PoissonNllOptions, 'eps' | 'reduction'>,
  );
  constructor(...args: readonly unknown[]) {
    super(POISSON, args);
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return poissonNllLoss(input, target, this.options);
  }
}

const GAUSSIAN = byName<GaussianNllOptions>('GaussianNLLLoss', GAUSSIAN_KINDS);
/** The negative log-likelihood under normal distributions: call it with means, targets and variances. */
export class GaussianNLLLoss extends Module {
  private readonly _options: GaussianNllOptions;

  constructor(options?: GaussianNllOptions);
  constructor(...args: readonly unknown[]) {
    super();
    this._options = readCall(GAUSSIAN, args);
  }

  override forward(input: Tensor, target: Tensor, variance: Tensor | number): Tensor {
    requireAll('GaussianNLLLoss', { input, target });
    return gaussianNllLoss(input, target, variance, this._options);
  }
}

const KL = byName<KlDivOptions>('KLDivLoss', KL_KINDS);
/** The Kullback-Leibler divergence of log-probabilities from targets. */
export class KLDivLoss extends TargetLoss<KlDivOptions> {
  constructor(options?: KlDivOptions);
  constructor(...args: readonly unknown[]) {
    super(KL, args);
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return klDiv(input, target, this.options);
  }
}

/** A loss with weights that belong to the state. */
abstract class WeightedLoss<O extends { readonly weight?: Tensor | null }> extends TargetLoss<Omit<O, 'weight'>> {
  declare weight: Tensor | null;

  protected constructor(of: Signature<O>, args: readonly unknown[]) {
    super(of, args);
    this.registerBuffer('weight', (this.options as O).weight ?? null);
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
    return binaryCrossEntropy(input, target, { ...this.options, weight: this.weight });
  }
}

const BCE_LOGITS = byName<LogitsLossOptions>('BCEWithLogitsLoss', LOGITS_KINDS, 1);
/** The binary cross-entropy of logits; positive examples may weigh more. */
export class BCEWithLogitsLoss extends WeightedLoss<LogitsLossOptions> {
  declare pos_weight: Tensor | null;

  constructor(weight?: Tensor | null | LogitsLossOptions, options?: Omit<LogitsLossOptions, 'weight'>);
  constructor(...args: readonly unknown[]) {
    super(BCE_LOGITS, args);
    this.registerBuffer('pos_weight', this.options.posWeight ?? null);
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    const { reduction } = this.options;
    return binaryCrossEntropyWithLogits(input, target, { weight: this.weight, posWeight: this.pos_weight, ...(reduction && { reduction }) }); // prettier-ignore
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
    return multilabelSoftMarginLoss(input, target, { ...this.options, weight: this.weight });
  }
}

const MULTI_MARGIN = byName<MultiMarginOptions>('MultiMarginLoss', MULTI_MARGIN_KINDS, 3);
/** A margin between a class's score and all others'. */
export class MultiMarginLoss extends WeightedLoss<MultiMarginOptions> {
  constructor(
    p?: number | MultiMarginOptions,
    margin?: number | Omit<MultiMarginOptions, 'p'>,
    weight?: Tensor | null | Pick<MultiMarginOptions, 'weight' | 'reduction'>,
    options?: LossOptions,
  );
  constructor(...args: readonly unknown[]) {
    super(MULTI_MARGIN, args);
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return multiMarginLoss(input, target, { ...this.options, weight: this.weight });
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
  constructor(margin?: number | MarginOptions, options?: LossOptions);
  constructor(...args: readonly unknown[]) {
    super(HINGE, args);
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return hingeEmbeddingLoss(input, target, this.options);
  }
}

abstract class PairTargetLoss extends Module {
  protected readonly options: MarginOptions;

  constructor(margin?: number | MarginOptions, options?: LossOptions);
  constructor(...args: readonly unknown[]) {
    super();
    this.options = readCall(byName<MarginOptions>(this.typeName(), MARGIN_KINDS, 1), args);
  }

  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    requireAll(this.typeName(), { 'first input': input1, 'second input': input2, target });
    return this.run(input1, input2, target);
  }

  protected abstract run(input1: Tensor, input2: Tensor, target: Tensor): Tensor;
}

/** max(0, −target·(input1 − input2) + margin), for targets 1 and −1. */
export class MarginRankingLoss extends PairTargetLoss {
  protected override run(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return marginRankingLoss(input1, input2, target, this.options);
  }
}

/** 1 − cos where the target is 1, max(0, cos − margin) where it is −1. */
export class CosineEmbeddingLoss extends PairTargetLoss {
  protected override run(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return cosineEmbeddingLoss(input1, input2, target, this.options);
  }
}

abstract class TripletLoss<O extends object> extends Module {
  protected readonly options: O;

  protected constructor(of: Signature<O>, args: readonly unknown[]) {
    super();
    this.options = readCall(of, args);
  }

  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    requireAll(this.typeName(), { anchor, positive, negative });
    return this.run(anchor, positive, negative);
  }

  protected abstract run(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor;
}

const TRIPLET = byName<TripletOptions>('TripletMarginLoss', TRIPLET_OPTIONS, 4);
/** max(0, d(anchor, positive) − d(anchor, negative) + margin), distances by the p-norm. */
export class TripletMarginLoss extends TripletLoss<TripletOptions> {
  constructor(
    margin?: number | TripletOptions,
    p?: number | Omit<TripletOptions, 'margin'>,
    eps?: number | Pick<TripletOptions, 'eps' | 'swap' | 'reduction'>,
    swap?: boolean | Pick<TripletOptions, 'swap' | 'reduction'>,
    options?: LossOptions,
  );
  constructor(...args: readonly unknown[]) {
    super(TRIPLET, args);
  }

  protected override run(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginLoss(anchor, positive, negative, this.options);
  }
}

const TRIPLET_DISTANCE = byName<TripletDistanceOptions>('TripletMarginWithDistanceLoss', TRIPLET_DISTANCE_OPTIONS);
/** As TripletMarginLoss, with a distance of one's own. */
export class TripletMarginWithDistanceLoss extends TripletLoss<TripletDistanceOptions> {
  /** The distance where it is a module: `nn.PairwiseDistance` unless another is given. */
  readonly distance_function: ModuleBase | null;

  constructor(options?: TripletDistanceOptions);
  constructor(...args: readonly unknown[]) {
    super(TRIPLET_DISTANCE, args);
    const { distanceFunction: given } = this.options;
    this.distance_function = asModule(given ?? new PairwiseDistance()); // prettier-ignore
  }

  protected override run(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginWithDistanceLoss(anchor, positive, negative, this.options);
  }
}

const CTC = layerOf<CtcOptions>('CTCLoss', CTC_KINDS);
/** The CTC loss: call it with log-probabilities, targets and the lengths of both. */
export class CTCLoss extends Module {
  private readonly _options: CtcOptions;

  constructor(
    blank?: number | CtcOptions,
    reduction?: Reduction | Omit<CtcOptions, 'blank'>,
    zeroInfinity?: boolean | Pick<CtcOptions, 'zeroInfinity'>,
  );
  constructor(...args: readonly unknown[]) {
    super();
    this._options = readCall(CTC, args);
  }

  override forward(logProbs: Tensor, targets: Tensor, inputLengths: Lengths, targetLengths: Lengths): Tensor {
    requireAll('CTCLoss', { 'log-probabilities': logProbs, targets });
    return ctcLoss(logProbs, targets, inputLengths, targetLengths, this._options);
  }
}

/** A distance may be any function; modules are callable, too. */
const asModule = (distance: unknown): ModuleBase | null => (distance instanceof ModuleBase ? distance : null);
