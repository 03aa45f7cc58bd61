/** The gamma distribution and what is made of it: Beta, Dirichlet, Chi2. */
import { ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import type { Dims } from '../base/shape.ts';
import { oneHot } from '../nn/functional.ts';
import { TENSOR, TENSOR_OR_NUMBER } from '../tensor/arguments.ts';
import { stack } from '../tensor/functions.ts';
import { xlogy } from '../tensor/pointwise.ts';
import { digamma, lgamma } from '../tensor/special.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { broadcastAll, Distribution, VALIDATE, type DistributionOptions, type Parameter } from './distribution.ts';
import { standardDirichlet, standardGamma } from './gamma-draws.ts';
import { NOT_NEGATIVE_SUPPORT, POSITIVE_SUPPORT, SIMPLEX, UNIT_INTERVAL, type Support } from './support.ts';

interface GammaCall extends DistributionOptions {
  readonly concentration: Parameter;
  readonly rate: Parameter;
}
export type GammaArguments =
  | [concentration: Parameter, rate: Parameter | Omit<GammaCall, 'concentration'>, validateArgs?: boolean | DistributionOptions]
  | [call: GammaCall];
const GAMMA = /* @__PURE__ */ signature<GammaCall>(
  'Gamma',
  { concentration: TENSOR_OR_NUMBER, rate: TENSOR_OR_NUMBER, ...VALIDATE },
  { required: 2, example: 'new Gamma(1, 1)' },
);

/** The gamma distribution (https://pytorch.org/docs/stable/distributions.html#gamma). Draws and their gradients are PyTorch's. */
export class Gamma extends Distribution {
  readonly concentration: Tensor;
  readonly rate: Tensor;
  override readonly hasRsample: boolean = true;

  constructor(...args: GammaArguments) {
    const { concentration, rate, ...options } = readCall(GAMMA, args);
    const [a, b] = broadcastAll('Gamma', [concentration, rate]) as [Tensor, Tensor];
    super(a.layout.shape, [], options);
    this.concentration = a;
    this.rate = b;
    this.require('concentration', a, POSITIVE_SUPPORT);
    this.require('rate', b, POSITIVE_SUPPORT);
  }
  get support(): Support {
    return NOT_NEGATIVE_SUPPORT;
  }
  protected parameters(): Readonly<Record<string, Tensor>> {
    return { concentration: this.concentration, rate: this.rate };
  }
  expand(batchShape: Dims): Gamma {
    return new Gamma(this.concentration.expand([...batchShape]), this.rate.expand([...batchShape]), { validateArgs: false });
  }
  override get mean(): Tensor {
    return this.concentration.div(this.rate);
  }
  override get mode(): Tensor {
    return this.concentration.sub(1).div(this.rate).clamp(0);
  }
  override get variance(): Tensor {
    return this.concentration.div(this.rate.pow(2));
  }
  protected draw(sampleShape: Dims): Tensor {
    return standardGamma(this.concentration.expand(this.extended(sampleShape))).div(this.rate);
  }
  protected logDensity(value: Tensor): Tensor {
    const { concentration, rate } = this;
    return xlogy(concentration, rate)
      .add(xlogy(concentration.sub(1), value))
      .sub(rate.mul(value))
      .sub(lgamma(concentration));
  }
  override entropy(): Tensor {
    const { concentration, rate } = this;
    return concentration
      .sub(rate.log())
      .add(lgamma(concentration))
      .add(concentration.rsub(1).mul(digamma(concentration)));
  }
}

interface Chi2Call extends DistributionOptions {
  readonly df: Parameter;
}
const CHI2 = /* @__PURE__ */ signature<Chi2Call>('Chi2', { df: TENSOR_OR_NUMBER, ...VALIDATE }, { required: 1, example: 'new Chi2(1)' });

/** The sum of the squares of `df` normal numbers (https://pytorch.org/docs/stable/distributions.html#chi2). */
export class Chi2 extends Gamma {
  constructor(df: Parameter | Chi2Call, validateArgs?: boolean | DistributionOptions) {
    const { df: freedom, ...options } = readCall(CHI2, [df, validateArgs]);
    super(typeof freedom === 'number' ? 0.5 * freedom : freedom.mul(0.5), 0.5, options);
  }
  get df(): Tensor {
    return this.concentration.mul(2);
  }
  protected override parameters(): Readonly<Record<string, Tensor>> {
    return {}; // as PyTorch prints it
  }
}

interface DirichletCall extends DistributionOptions {
  readonly concentration: Tensor;
}
const DIRICHLET = /* @__PURE__ */ signature<DirichletCall>(
  'Dirichlet',
  { concentration: TENSOR, ...VALIDATE },
  { required: 1, example: 'new Dirichlet(ones(3))' },
);

/** Probabilities of several classes (https://pytorch.org/docs/stable/distributions.html#dirichlet). Draws and their gradients are PyTorch's. */
export class Dirichlet extends Distribution {
  readonly concentration: Tensor;
  override readonly hasRsample: boolean = true;

  constructor(concentration: Tensor | DirichletCall, validateArgs?: boolean | DistributionOptions) {
    const { concentration: a, ...options } = readCall(DIRICHLET, [concentration, validateArgs]);
    if (a.ndim < 1) throw new ShapeError('Dirichlet: expected a concentration with at least one dimension, but got a number');
    super(a.layout.shape.slice(0, -1), a.layout.shape.slice(-1), options);
    this.concentration = a;
    this.require('concentration', a, POSITIVE_SUPPORT);
  }
  get support(): Support {
    return SIMPLEX;
  }
  protected parameters(): Readonly<Record<string, Tensor>> {
    return { concentration: this.concentration };
  }
  expand(batchShape: Dims): Dirichlet {
    return new Dirichlet(this.concentration.expand([...batchShape, ...this.eventShape]), { validateArgs: false });
  }
  override get mean(): Tensor {
    return this.concentration.div(this.concentration.sum(-1, true));
  }
  override get mode(): Tensor {
    const less = this.concentration.sub(1).clamp(0);
    const inside = less.div(less.sum(-1, true));
    const corner = oneHot(inside.argmax(-1), this.eventShape[0]!).to(inside.dtype);
    return corner.where(this.concentration.lt(1).all(-1, true), inside);
  }
  override get variance(): Tensor {
    const total = this.concentration.sum(-1, true);
    return this.concentration.mul(total.sub(this.concentration)).div(total.pow(2).mul(total.add(1)));
  }
  protected draw(sampleShape: Dims): Tensor {
    return standardDirichlet(this.concentration.expand(this.extended(sampleShape)));
  }
  protected logDensity(value: Tensor): Tensor {
    const a = this.concentration;
    return xlogy(a.sub(1), value)
      .sum(-1)
      .add(lgamma(a.sum(-1)))
      .sub(lgamma(a).sum(-1));
  }
  override entropy(): Tensor {
    const a = this.concentration;
    const total = a.sum(-1);
    const k = this.eventShape[0]!;
    return lgamma(a)
      .sum(-1)
      .sub(lgamma(total))
      .sub(total.rsub(k).mul(digamma(total)))
      .sub(a.sub(1).mul(digamma(a)).sum(-1));
  }
}

interface BetaCall extends DistributionOptions {
  readonly concentration1: Parameter;
  readonly concentration0: Parameter;
}
export type BetaArguments =
  | [concentration1: Parameter, concentration0: Parameter | Omit<BetaCall, 'concentration1'>, validateArgs?: boolean | DistributionOptions]
  | [call: BetaCall];
const BETA = /* @__PURE__ */ signature<BetaCall>(
  'Beta',
  { concentration1: TENSOR_OR_NUMBER, concentration0: TENSOR_OR_NUMBER, ...VALIDATE },
  { required: 2, example: 'new Beta(0.5, 0.5)' },
);

/**
 * A probability; what MixUp and CutMix draw their shares from (https://pytorch.org/docs/stable/distributions.html#beta). Draws and their gradients are PyTorch's.
 * @example
 * import { manualSeed } from 'flambeau';
 * import { Beta } from 'flambeau/distributions';
 * manualSeed(0);
 * const share = new Beta(0.2, 0.2).sample().item();
 * if (!(share > 0 && share < 1)) throw new Error('a share of the first image');
 */
export class Beta extends Distribution {
  readonly #dirichlet: Dirichlet;
  override readonly hasRsample: boolean = true;

  constructor(...args: BetaArguments) {
    const { concentration1, concentration0, ...options } = readCall(BETA, args);
    const both = stack(broadcastAll('Beta', [concentration1, concentration0]), -1);
    super(both.layout.shape.slice(0, -1), [], options);
    this.#dirichlet = new Dirichlet(both, options);
  }
  get concentration1(): Tensor {
    return this.#dirichlet.concentration.select(-1, 0);
  }
  get concentration0(): Tensor {
    return this.#dirichlet.concentration.select(-1, 1);
  }
  get support(): Support {
    return UNIT_INTERVAL;
  }
  protected parameters(): Readonly<Record<string, Tensor>> {
    return {}; // as PyTorch prints it
  }
  expand(batchShape: Dims): Beta {
    const [a, b] = [this.concentration1, this.concentration0].map((x) => x.expand([...batchShape])) as [Tensor, Tensor];
    return new Beta(a, b, { validateArgs: false });
  }
  override get mean(): Tensor {
    return this.concentration1.div(this.concentration1.add(this.concentration0));
  }
  override get mode(): Tensor {
    return this.#dirichlet.mode.select(-1, 0);
  }
  override get variance(): Tensor {
    return this.#dirichlet.variance.select(-1, 0);
  }
  protected draw(sampleShape: Dims): Tensor {
    return this.#dirichlet.rsample(sampleShape).select(-1, 0);
  }
  protected logDensity(value: Tensor): Tensor {
    return this.#dirichlet.logProb(stack([value, value.rsub(1)], -1));
  }
  override entropy(): Tensor {
    return this.#dirichlet.entropy();
  }
}
