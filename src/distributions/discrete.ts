/** Distributions of yes and no, of classes and of counts. */
import { readCall, signature, type Signature } from '../base/signature.ts';
import type { Dims } from '../base/shape.ts';
import { ShapeError } from '../base/errors.ts';
import { oneHot } from '../nn/functional.ts';
import { binaryCrossEntropyWithLogits } from '../nn/functional-loss-more.ts';
import { TENSOR, TENSOR_OR_NUMBER } from '../tensor/arguments.ts';
import { zeros } from '../tensor/create.ts';
import { bernoulli, multinomial } from '../tensor/draws.ts';
import { broadcastTensors } from '../tensor/functions.ts';
import { poisson } from '../tensor/poisson.ts';
import { finfo } from '../tensor/queries.ts';
import { arange } from '../tensor/ranges.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { xlogy } from '../tensor/pointwise.ts';
import { lgamma } from '../tensor/special.ts';
import type { Tensor } from '../tensor/tensor.ts';
import '../tensor/families/picking.ts';
import '../tensor/families/reductions.ts';
import '../tensor/families/draws.ts';
import { broadcastAll, Distribution, oneOfTwo, VALIDATE, type DistributionOptions, type Parameter } from './distribution.ts';
import { likeOf, rateTable, type RateArguments } from './continuous.ts';
import { below, COUNTS, NOT_NEGATIVE_SUPPORT, ONE_HOT, REAL, REAL_VECTOR, SIMPLEX, TRUTH, UNIT_INTERVAL, type Support } from './support.ts';

const TWO = ['probs', 'logits'] as const;

export interface ChanceCall<P = Parameter> extends DistributionOptions {
  readonly probs?: P;
  readonly logits?: P;
}
type Chance<P> = [probs?: P | ChanceCall<P>, logits?: P | Omit<ChanceCall<P>, 'probs'>, validateArgs?: boolean | DistributionOptions];
export type ChanceArguments = Chance<Parameter>;
export type ClassArguments = Chance<Tensor>;
export const chanceTable = (op: string): Signature<ChanceCall> =>
  signature<ChanceCall>(op, { probs: TENSOR_OR_NUMBER, logits: TENSOR_OR_NUMBER, ...VALIDATE }, { example: `new ${op}(0.5)` });
export const classTable = (op: string): Signature<ChanceCall<Tensor>> =>
  signature<ChanceCall<Tensor>>(op, { probs: TENSOR, logits: TENSOR, ...VALIDATE }, { example: `new ${op}({ logits })` });

/** Away from 0 and 1, so that logarithms are finite. */
export function clampedProbs(probs: Tensor): Tensor {
  const { eps } = finfo(probs.dtype);
  return probs.clamp(eps, 1 - eps);
}
const logOdds = (probs: Tensor): Tensor => {
  const clamped = clampedProbs(probs);
  return clamped.log().sub(clamped.neg().log1p());
};

/** The chance of one of two things, by `probs` or `logits`. */
export abstract class TwoSided extends Distribution {
  readonly probs: Tensor;
  readonly logits: Tensor;
  /** @internal The one that was given. */
  protected readonly given: 'probs' | 'logits';

  constructor(table: Signature<ChanceCall>, args: readonly unknown[]) {
    const { validateArgs, ...call } = readCall(table, args);
    const given = oneOfTwo(table.op, TWO, call);
    const [x] = broadcastAll(table.op, [call[given]!]) as [Tensor];
    super(x.layout.shape, [], validateArgs === undefined ? {} : { validateArgs });
    this.given = given;
    this.probs = given === 'probs' ? x : x.sigmoid();
    this.logits = given === 'probs' ? logOdds(x) : x;
    this.require(given, x, given === 'probs' ? UNIT_INTERVAL : REAL);
  }
  protected parameters(): Readonly<Record<string, Tensor>> {
    return { [this.given]: this[this.given] };
  }
  expand(batchShape: Dims): this {
    const Own = this.constructor as new (call: ChanceCall) => this;
    return new Own({ [this.given]: this[this.given].expand([...batchShape]), validateArgs: false });
  }
}

const BERNOULLI = /* @__PURE__ */ chanceTable('Bernoulli');

/**
 * One with probability `probs`, else zero (https://pytorch.org/docs/stable/distributions.html#bernoulli). Draws are PyTorch's for the same seed.
 * @throws ArgumentError for both or neither of `probs` and `logits`, and for probabilities outside of [0, 1]
 * @example
 * import { tensor } from 'flambeau';
 * import { Bernoulli } from 'flambeau/distributions';
 * console.log(new Bernoulli({ logits: tensor([0]) }).logProb(tensor([1])).exp().item()); // 0.5
 */
export class Bernoulli extends TwoSided {
  constructor(...args: ChanceArguments) {
    super(BERNOULLI, args);
  }
  get support(): Support {
    return TRUTH;
  }
  override get mean(): Tensor {
    return this.probs;
  }
  override get mode(): Tensor {
    return this.probs.ge(0.5).to(this.probs.dtype).maskedFill(this.probs.eq(0.5), NaN);
  }
  override get variance(): Tensor {
    return this.probs.mul(this.probs.rsub(1));
  }
  protected draw(sampleShape: Dims): Tensor {
    return bernoulli(this.probs.expand(this.extended(sampleShape)));
  }
  protected logDensity(value: Tensor): Tensor {
    const [logits, target] = broadcastTensors(this.logits, value) as [Tensor, Tensor];
    return binaryCrossEntropyWithLogits(logits, target, { reduction: 'none' }).neg();
  }
  override entropy(): Tensor {
    return binaryCrossEntropyWithLogits(this.logits, this.probs, { reduction: 'none' });
  }
  override enumerateSupport(expand = true): Tensor {
    return listed(arange(2, likeOf(this.probs)), this.batchShape, expand);
  }
}

/** Values in a dimension in front of a batch's. */
const listed = (values: Tensor, batch: Dims, expand: boolean): Tensor => {
  const column = values.view(-1, ...batch.map(() => 1));
  return expand ? column.expand([values.layout.numel, ...batch]) : column;
};

const GEOMETRIC = /* @__PURE__ */ chanceTable('Geometric');

/** How often a trial fails before the first success (https://pytorch.org/docs/stable/distributions.html#geometric). Draws are PyTorch's. */
export class Geometric extends TwoSided {
  constructor(...args: ChanceArguments) {
    super(GEOMETRIC, args);
  }
  get support(): Support {
    return COUNTS;
  }
  override get mean(): Tensor {
    return this.probs.reciprocal().sub(1);
  }
  override get mode(): Tensor {
    return this.probs.mul(0);
  }
  override get variance(): Tensor {
    return this.probs.reciprocal().sub(1).div(this.probs);
  }
  protected draw(sampleShape: Dims): Tensor {
    return withGradMode(false, () => {
      const u = zeros(this.extended(sampleShape), likeOf(this.probs)).uniform_(finfo(this.probs.dtype).tiny, 1);
      return u.log().div(this.probs.neg().log1p()).floor();
    });
  }
  protected logDensity(value: Tensor): Tensor {
    const [x, probs] = broadcastTensors(value, this.probs) as [Tensor, Tensor];
    const chance = probs.maskedFill(probs.eq(1).logicalAnd(x.eq(0)), 0);
    return x.mul(chance.neg().log1p()).add(this.probs.log());
  }
  override entropy(): Tensor {
    return binaryCrossEntropyWithLogits(this.logits, this.probs, { reduction: 'none' }).div(this.probs);
  }
}

/** Chances of several classes along the last dimension. */
export abstract class Classes extends Distribution {
  readonly probs: Tensor;
  readonly logits: Tensor;
  /** How many classes there are. */
  readonly numEvents: number;
  /** @internal The one that was given. */
  protected readonly given: 'probs' | 'logits';

  /** @param event whether a value has a number for each class */
  constructor(table: Signature<ChanceCall<Tensor>>, args: readonly unknown[], event: boolean) {
    const { validateArgs, ...call } = readCall(table, args);
    const given = oneOfTwo(table.op, TWO, call);
    const x = call[given]!;
    if (x.ndim < 1) throw new ShapeError(`${table.op}: expected ${given} with at least one dimension, but got a number`);
    const { shape } = x.layout;
    super(shape.slice(0, -1), event ? shape.slice(-1) : [], validateArgs === undefined ? {} : { validateArgs });
    this.given = given;
    this.numEvents = shape.at(-1)!;
    if (given === 'probs') {
      this.probs = x.div(x.sum(-1, true));
      this.require('probs', this.probs, SIMPLEX);
      this.logits = clampedProbs(this.probs).log();
    } else {
      this.require('logits', x, REAL_VECTOR);
      this.logits = x.sub(x.logsumexp(-1, true));
      this.probs = this.logits.softmax(-1);
    }
  }
  protected parameters(): Readonly<Record<string, Tensor>> {
    return { [this.given]: this[this.given] };
  }
  expand(batchShape: Dims): this {
    const Own = this.constructor as new (call: ChanceCall<Tensor>) => this;
    return new Own({ [this.given]: this[this.given].expand([...batchShape, this.numEvents]), validateArgs: false });
  }
  override entropy(): Tensor {
    const logits = this.logits.clamp(finfo(this.logits.dtype).min);
    return logits.mul(this.probs).sum(-1).neg();
  }
  /** @internal Drawn classes. */
  protected drawn(sampleShape: Dims): Tensor {
    const rows = this.probs.detach().reshape(-1, this.numEvents);
    const count = sampleShape.reduce((n, size) => n * size, 1);
    if (count === 0) return zeros([...sampleShape, ...this.batchShape], { dtype: 'int64', device: this.probs.device });
    return multinomial(rows, count, true)
      .t()
      .reshape([...sampleShape, ...this.batchShape]);
  }
}

const CATEGORICAL = /* @__PURE__ */ classTable('Categorical');

/**
 * A class with the probabilities `probs`, or those of `logits`, along the last dimension (https://pytorch.org/docs/stable/distributions.html#categorical).
 * Draws are PyTorch's for the same seed.
 * @throws ArgumentError for both or neither of `probs` and `logits`
 * @example
 * // A policy's loss: the more an action was worth, the more likely it shall be.
 * import { nn, ones } from 'flambeau';
 * import { Categorical } from 'flambeau/distributions';
 * const policy = new nn.Linear(4, 2);
 * const chances = new Categorical({ logits: policy(ones(3, 4)) });
 * const action = chances.sample();
 * chances.logProb(action).mul(ones(3)).neg().mean().backward();
 * console.log(action.shape); // [ 3 ]
 */
export class Categorical extends Classes {
  constructor(...args: ClassArguments) {
    super(CATEGORICAL, args, false);
  }
  get support(): Support {
    return below(this.numEvents);
  }
  override get mean(): Tensor {
    return this.#nowhere();
  }
  override get variance(): Tensor {
    return this.#nowhere();
  }
  override get mode(): Tensor {
    return this.probs.argmax(-1);
  }
  #nowhere(): Tensor {
    return zeros(this.batchShape, likeOf(this.probs)).fill_(NaN);
  }
  protected draw(sampleShape: Dims): Tensor {
    return this.drawn(sampleShape);
  }
  protected logDensity(value: Tensor): Tensor {
    const [at, logits] = broadcastTensors(value.long().unsqueeze(-1), this.logits) as [Tensor, Tensor];
    return logits.gather(-1, at.narrow(-1, 0, 1)).squeeze(-1);
  }
  override enumerateSupport(expand = true): Tensor {
    return listed(arange(this.numEvents, { device: this.probs.device }), this.batchShape, expand);
  }
}

const ONE_HOTS = /* @__PURE__ */ classTable('OneHotCategorical');

/** A vector with a one at the class that was drawn (https://pytorch.org/docs/stable/distributions.html#onehotcategorical). Draws are PyTorch's. */
export class OneHotCategorical extends Classes {
  constructor(...args: ClassArguments) {
    super(ONE_HOTS, args, true);
  }
  protected override parameters(): Readonly<Record<string, Tensor>> {
    return {}; // as PyTorch prints it
  }
  get support(): Support {
    return ONE_HOT;
  }
  override get mean(): Tensor {
    return this.probs;
  }
  override get mode(): Tensor {
    return oneHot(this.probs.argmax(-1), this.numEvents).to(this.probs.dtype);
  }
  override get variance(): Tensor {
    return this.probs.mul(this.probs.rsub(1));
  }
  protected draw(sampleShape: Dims): Tensor {
    return oneHot(this.drawn(sampleShape), this.numEvents).to(this.probs.dtype);
  }
  protected logDensity(value: Tensor): Tensor {
    const [x, logits] = broadcastTensors(value, this.logits) as [Tensor, Tensor];
    return logits.gather(-1, x.max(-1)[1].unsqueeze(-1)).squeeze(-1);
  }
}

/**
 * The same with gradients: those of the draw are taken for those of the probabilities
 * (https://pytorch.org/docs/stable/distributions.html#torch.distributions.one_hot_categorical.OneHotCategoricalStraightThrough).
 */
export class OneHotCategoricalStraightThrough extends OneHotCategorical {
  override readonly hasRsample: boolean = true;

  protected override draw(sampleShape: Dims): Tensor {
    const one = withGradMode(false, () => super.draw(sampleShape));
    return one.add(this.probs.sub(this.probs.detach()));
  }
}

const POISSON = /* @__PURE__ */ rateTable('Poisson');

/** How many events come in a unit in which `rate` come on average (https://pytorch.org/docs/stable/distributions.html#poisson). Draws are PyTorch's. */
export class Poisson extends Distribution {
  readonly rate: Tensor;

  constructor(...args: RateArguments) {
    const { rate, ...options } = readCall(POISSON, args);
    const [a] = broadcastAll('Poisson', [rate]) as [Tensor];
    super(a.layout.shape, [], options);
    this.rate = a;
    this.require('rate', a, NOT_NEGATIVE_SUPPORT);
  }
  get support(): Support {
    return COUNTS;
  }
  protected parameters(): Readonly<Record<string, Tensor>> {
    return { rate: this.rate };
  }
  expand(batchShape: Dims): Poisson {
    return new Poisson(this.rate.expand([...batchShape]), { validateArgs: false });
  }
  override get mean(): Tensor {
    return this.rate;
  }
  override get mode(): Tensor {
    return this.rate.floor();
  }
  override get variance(): Tensor {
    return this.rate;
  }
  protected draw(sampleShape: Dims): Tensor {
    return poisson(this.rate.expand(this.extended(sampleShape)).detach());
  }
  protected logDensity(value: Tensor): Tensor {
    const [rate, x] = broadcastTensors(this.rate, value) as [Tensor, Tensor];
    return xlogy(x, rate)
      .sub(rate)
      .sub(lgamma(x.add(1)));
  }
}
