/** Distributions of real numbers with a place and a width. */
import { readCall, signature, type Signature } from '../base/signature.ts';
import type { Dims } from '../base/shape.ts';
import { finfo } from '../tensor/queries.ts';
import { TENSOR_OR_NUMBER } from '../tensor/arguments.ts';
import { rand, randn, zeros } from '../tensor/create.ts';
import { normal } from '../tensor/draws.ts';
import { isGradEnabled } from '../tensor/grad-mode.ts';
import type { Tensor } from '../tensor/tensor.ts';
import '../tensor/families/special-methods.ts';
import '../tensor/families/draws.ts';
import '../tensor/families/mathematics.ts';
import { broadcastAll, Distribution, VALIDATE, type DistributionOptions, type Parameter } from './distribution.ts';
import { between, NOT_NEGATIVE_SUPPORT, POSITIVE_SUPPORT, REAL, type Support } from './support.ts';

interface LocScale extends DistributionOptions {
  readonly loc: Parameter;
  readonly scale: Parameter;
}
export type LocScaleArguments =
  [loc: Parameter, scale: Parameter | Omit<LocScale, 'loc'>, validateArgs?: boolean | DistributionOptions] | [call: LocScale];
const locScale = (op: string): Signature<LocScale> =>
  signature<LocScale>(op, { loc: TENSOR_OR_NUMBER, scale: TENSOR_OR_NUMBER, ...VALIDATE }, { required: 2, example: `new ${op}(0, 1)` });

export const likeOf = (x: Tensor): { dtype: Tensor['dtype']; device: Tensor['device'] } => ({ dtype: x.dtype, device: x.device });

/** What those have in common that are moved by `loc` and stretched by `scale`. */
abstract class Located extends Distribution {
  readonly loc: Tensor;
  readonly scale: Tensor;
  override readonly hasRsample: boolean = true;

  constructor(table: Signature<LocScale>, args: readonly unknown[]) {
    const { loc, scale, ...options } = readCall(table, args);
    const [a, b] = broadcastAll(table.op, [loc, scale]) as [Tensor, Tensor];
    super(a.layout.shape, [], options);
    this.loc = a;
    this.scale = b;
    this.require('loc', a, REAL);
    this.require('scale', b, POSITIVE_SUPPORT);
  }
  get support(): Support {
    return REAL;
  }
  protected parameters(): Readonly<Record<string, Tensor>> {
    return { loc: this.loc, scale: this.scale };
  }
  override get mean(): Tensor {
    return this.loc;
  }
  expand(batchShape: Dims): this {
    const Own = this.constructor as new (loc: Tensor, scale: Tensor, options: DistributionOptions) => this;
    return new Own(this.loc.expand([...batchShape]), this.scale.expand([...batchShape]), { validateArgs: false });
  }
  /** How far a value lies from `loc`, in widths. */
  protected relative(value: Tensor): Tensor {
    return value.sub(this.loc).div(this.scale);
  }
}

const NORMAL = /* @__PURE__ */ locScale('Normal');

/**
 * The normal distribution N(loc, scale²) (https://pytorch.org/docs/stable/distributions.html#normal). Draws are PyTorch's for the same seed.
 * @throws ArgumentError for widths that are not above 0
 * @example
 * import { manualSeed, tensor } from 'flambeau';
 * import { klDivergence, Normal } from 'flambeau/distributions';
 * manualSeed(0);
 * const q = new Normal(tensor([0, 1]), 2);
 * console.log(q.sample()); // tensor([3.0819, 0.4131])
 * console.log(klDivergence(q, new Normal(0, 1)).shape); // [ 2 ]
 */
export class Normal extends Located {
  constructor(...args: LocScaleArguments) {
    super(NORMAL, args);
  }
  override get mode(): Tensor {
    return this.loc;
  }
  override get stddev(): Tensor {
    return this.scale;
  }
  override get variance(): Tensor {
    return this.scale.pow(2);
  }
  protected draw(sampleShape: Dims): Tensor {
    const shape = this.extended(sampleShape);
    if (!isGradEnabled()) return normal(this.loc.expand(shape), this.scale.expand(shape));
    return this.loc.add(randn(shape, likeOf(this.loc)).mul(this.scale));
  }
  protected logDensity(value: Tensor): Tensor {
    const squares = value.sub(this.loc).pow(2).neg();
    return squares
      .div(this.variance.mul(2))
      .sub(this.scale.log())
      .sub(Math.log(Math.sqrt(2 * Math.PI)));
  }
  override entropy(): Tensor {
    return this.scale.log().add(0.5 + 0.5 * Math.log(2 * Math.PI));
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue('cdf', value);
    return value.sub(this.loc).mul(this.scale.reciprocal()).div(Math.SQRT2).erf().add(1).mul(0.5);
  }
  override icdf(value: Tensor): Tensor {
    return this.loc.add(this.scale.mul(value.mul(2).sub(1).erfinv()).mul(Math.SQRT2));
  }
}

const LAPLACE = /* @__PURE__ */ locScale('Laplace');

/** Laplace's distribution, two exponential ones back to back (https://pytorch.org/docs/stable/distributions.html#laplace). Draws are PyTorch's. */
export class Laplace extends Located {
  constructor(...args: LocScaleArguments) {
    super(LAPLACE, args);
  }
  override get mode(): Tensor {
    return this.loc;
  }
  override get variance(): Tensor {
    return this.scale.pow(2).mul(2);
  }
  override get stddev(): Tensor {
    return this.scale.mul(Math.SQRT2);
  }
  protected draw(sampleShape: Dims): Tensor {
    const u = zeros(this.extended(sampleShape), likeOf(this.loc)).uniform_(finfo(this.loc.dtype).eps - 1, 1);
    return this.loc.sub(this.scale.mul(u.sign()).mul(u.abs().neg().log1p()));
  }
  protected logDensity(value: Tensor): Tensor {
    return this.scale.mul(2).log().neg().sub(value.sub(this.loc).abs().div(this.scale));
  }
  override entropy(): Tensor {
    return this.scale.mul(2).log().add(1);
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue('cdf', value);
    const away = value.sub(this.loc);
    return away.sign().mul(away.abs().neg().div(this.scale).expm1()).mul(0.5).rsub(0.5);
  }
  override icdf(value: Tensor): Tensor {
    const term = value.sub(0.5);
    return this.loc.sub(this.scale.mul(term.sign()).mul(term.abs().mul(-2).log1p()));
  }
}

const GUMBEL = /* @__PURE__ */ locScale('Gumbel');
const EULER = 0.5772156649015329;

/** Gumbel's distribution, of the largest of many numbers (https://pytorch.org/docs/stable/distributions.html#gumbel). Draws are PyTorch's. */
export class Gumbel extends Located {
  constructor(...args: LocScaleArguments) {
    super(GUMBEL, args);
  }
  override get mean(): Tensor {
    return this.loc.add(this.scale.mul(EULER));
  }
  override get mode(): Tensor {
    return this.loc;
  }
  override get stddev(): Tensor {
    return this.scale.mul(Math.PI / Math.sqrt(6));
  }
  override get variance(): Tensor {
    return this.stddev.pow(2);
  }
  protected draw(sampleShape: Dims): Tensor {
    const { tiny, eps } = finfo(this.loc.dtype);
    const u = rand(this.extended(sampleShape), likeOf(this.loc))
      .mul(1 - eps - tiny)
      .add(tiny);
    return this.loc.sub(this.scale.mul(u.log().neg().log()));
  }
  protected logDensity(value: Tensor): Tensor {
    const y = this.loc.sub(value).div(this.scale);
    return y.sub(y.exp()).sub(this.scale.log());
  }
  override entropy(): Tensor {
    return this.scale.log().add(1 + EULER);
  }
}

const LOG_NORMAL = /* @__PURE__ */ locScale('LogNormal');

/** Numbers whose logarithms are from N(loc, scale²) (https://pytorch.org/docs/stable/distributions.html#lognormal). Draws are PyTorch's. */
export class LogNormal extends Located {
  constructor(...args: LocScaleArguments) {
    super(LOG_NORMAL, args);
  }
  override get support(): Support {
    return POSITIVE_SUPPORT;
  }
  protected override parameters(): Readonly<Record<string, Tensor>> {
    return {}; // as PyTorch prints it
  }
  get #base(): Normal {
    return new Normal(this.loc, this.scale, { validateArgs: false });
  }
  override get mean(): Tensor {
    return this.loc.add(this.scale.pow(2).div(2)).exp();
  }
  override get mode(): Tensor {
    return this.loc.sub(this.scale.square()).exp();
  }
  override get variance(): Tensor {
    const squares = this.scale.pow(2);
    return squares.expm1().mul(this.loc.mul(2).add(squares).exp());
  }
  protected draw(sampleShape: Dims): Tensor {
    const base = this.#base;
    return (isGradEnabled() ? base.rsample(sampleShape) : base.sample(sampleShape)).exp();
  }
  protected logDensity(value: Tensor): Tensor {
    const log = value.log();
    return this.#base.logProb(log).sub(log);
  }
  override entropy(): Tensor {
    return this.#base.entropy().add(this.loc);
  }
}

interface UniformCall extends DistributionOptions {
  readonly low: Parameter;
  readonly high: Parameter;
}
export type UniformArguments =
  [low: Parameter, high: Parameter | Omit<UniformCall, 'low'>, validateArgs?: boolean | DistributionOptions] | [call: UniformCall];
const UNIFORM = /* @__PURE__ */ signature<UniformCall>(
  'Uniform',
  { low: TENSOR_OR_NUMBER, high: TENSOR_OR_NUMBER, ...VALIDATE },
  { required: 2, example: 'new Uniform(0, 1)' },
);

/**
 * Numbers of [low, high), each as likely as any other (https://pytorch.org/docs/stable/distributions.html#uniform). Draws are PyTorch's.
 * @throws ArgumentError unless low < high
 */
export class Uniform extends Distribution {
  readonly low: Tensor;
  readonly high: Tensor;
  override readonly hasRsample: boolean = true;

  constructor(...args: UniformArguments) {
    const { low, high, ...options } = readCall(UNIFORM, args);
    const [a, b] = broadcastAll('Uniform', [low, high]) as [Tensor, Tensor];
    super(a.layout.shape, [], options);
    this.low = a;
    this.high = b;
    this.require('high - low', b.sub(a), POSITIVE_SUPPORT);
  }
  get support(): Support {
    return between(this.low, this.high);
  }
  protected parameters(): Readonly<Record<string, Tensor>> {
    return { low: this.low, high: this.high };
  }
  expand(batchShape: Dims): Uniform {
    return new Uniform(this.low.expand([...batchShape]), this.high.expand([...batchShape]), { validateArgs: false });
  }
  override get mean(): Tensor {
    return this.high.add(this.low).div(2);
  }
  override get mode(): Tensor {
    return this.high.mul(NaN);
  }
  override get stddev(): Tensor {
    return this.high.sub(this.low).div(12 ** 0.5);
  }
  override get variance(): Tensor {
    return this.high.sub(this.low).pow(2).div(12);
  }
  protected draw(sampleShape: Dims): Tensor {
    return this.low.add(rand(this.extended(sampleShape), likeOf(this.low)).mul(this.high.sub(this.low)));
  }
  protected logDensity(value: Tensor): Tensor {
    const inside = this.low.le(value).logicalAnd(this.high.gt(value)).to(this.low.dtype);
    return inside.log().sub(this.high.sub(this.low).log());
  }
  override entropy(): Tensor {
    return this.high.sub(this.low).log();
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue('cdf', value);
    return value.sub(this.low).div(this.high.sub(this.low)).clamp(0, 1);
  }
  override icdf(value: Tensor): Tensor {
    return value.mul(this.high.sub(this.low)).add(this.low);
  }
}

interface RateCall extends DistributionOptions {
  readonly rate: Parameter;
}
export type RateArguments = [rate: Parameter | RateCall, validateArgs?: boolean | DistributionOptions];
export const rateTable = (op: string): Signature<RateCall> =>
  signature<RateCall>(op, { rate: TENSOR_OR_NUMBER, ...VALIDATE }, { required: 1, example: `new ${op}(1)` });
const EXPONENTIAL = /* @__PURE__ */ rateTable('Exponential');

/** Waiting times of events that come `rate` times in a unit (https://pytorch.org/docs/stable/distributions.html#exponential). Draws are PyTorch's. */
export class Exponential extends Distribution {
  readonly rate: Tensor;
  override readonly hasRsample: boolean = true;

  constructor(...args: RateArguments) {
    const { rate, ...options } = readCall(EXPONENTIAL, args);
    const [a] = broadcastAll('Exponential', [rate]) as [Tensor];
    super(a.layout.shape, [], options);
    this.rate = a;
    this.require('rate', a, POSITIVE_SUPPORT);
  }
  get support(): Support {
    return NOT_NEGATIVE_SUPPORT;
  }
  protected parameters(): Readonly<Record<string, Tensor>> {
    return { rate: this.rate };
  }
  expand(batchShape: Dims): Exponential {
    return new Exponential(this.rate.expand([...batchShape]), { validateArgs: false });
  }
  override get mean(): Tensor {
    return this.rate.reciprocal();
  }
  override get mode(): Tensor {
    return this.rate.mul(0);
  }
  override get stddev(): Tensor {
    return this.rate.reciprocal();
  }
  override get variance(): Tensor {
    return this.rate.pow(-2);
  }
  protected draw(sampleShape: Dims): Tensor {
    return zeros(this.extended(sampleShape), likeOf(this.rate)).exponential_().div(this.rate);
  }
  protected logDensity(value: Tensor): Tensor {
    return this.rate.log().sub(this.rate.mul(value));
  }
  override entropy(): Tensor {
    return this.rate.log().rsub(1);
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue('cdf', value);
    return this.rate.neg().mul(value).exp().rsub(1);
  }
  override icdf(value: Tensor): Tensor {
    return value.neg().log1p().neg().div(this.rate);
  }
}
