/**
 * Classes and truths as numbers between, through which gradients flow: the lower the temperature, the nearer to the corners (C. J. Maddison, A. Mnih, Y. W. Teh,
 * The concrete distribution, 2017, https://arxiv.org/abs/1611.00712).
 */
import { readCall, signature } from '../base/signature.ts';
import type { Dims } from '../base/shape.ts';
import { TENSOR, TENSOR_OR_NUMBER } from '../tensor/arguments.ts';
import { fullLike, rand, tensor } from '../tensor/create.ts';
import { broadcastTensors } from '../tensor/functions.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import { lgamma } from '../tensor/special.ts';
import type { Tensor } from '../tensor/tensor.ts';
import '../tensor/families/reductions.ts';
import { likeOf } from './continuous.ts';
import { Classes, classTable, chanceTable, clampedProbs, TwoSided, type ChanceCall } from './discrete.ts';
import { notThere, VALIDATE, type DistributionOptions, type Parameter } from './distribution.ts';
import { SIMPLEX, UNIT_INTERVAL, type Support } from './support.ts';

interface Relaxed<P> extends ChanceCall<P> {
  readonly temperature: Parameter;
}
type RelaxedArguments<P> =
  | [temperature: Parameter, probs?: P | ChanceCall<P>, logits?: P | Omit<ChanceCall<P>, 'probs'>, validateArgs?: boolean | DistributionOptions]
  | [call: Relaxed<P>]; // prettier-ignore

/** The temperature and the rest of a call. */
function split<P>(op: string, kind: typeof TENSOR, args: readonly unknown[]): [temperature: Tensor, rest: ChanceCall<P>] {
  const table = signature<Relaxed<P>>(
    op,
    { temperature: TENSOR_OR_NUMBER, probs: kind, logits: kind, ...VALIDATE },
    { required: 1, example: `new ${op}(0.5, { logits })` },
  );
  const { temperature, ...rest } = readCall(table, args);
  return [isTensor(temperature) ? temperature : tensor(temperature), rest];
}

const BERNOULLI = /* @__PURE__ */ chanceTable('RelaxedBernoulli');

/** A number between 0 and 1 near a Bernoulli draw (https://pytorch.org/docs/stable/distributions.html#relaxedbernoulli). Draws are PyTorch's. */
export class RelaxedBernoulli extends TwoSided {
  readonly temperature: Tensor;
  override readonly hasRsample: boolean = true;

  constructor(...args: RelaxedArguments<Parameter>) {
    const [temperature, rest] = split<Parameter>('RelaxedBernoulli', TENSOR_OR_NUMBER, args);
    super(BERNOULLI, [rest]);
    this.temperature = temperature;
  }
  get support(): Support {
    return UNIT_INTERVAL;
  }
  protected override parameters(): Readonly<Record<string, Tensor>> {
    return {}; // as PyTorch prints it
  }
  override expand(batchShape: Dims): this {
    const Own = this.constructor as new (call: Relaxed<Tensor>) => this;
    return new Own({ temperature: this.temperature, [this.given]: this[this.given].expand([...batchShape]), validateArgs: false });
  }
  protected draw(sampleShape: Dims): Tensor {
    const shape = this.extended(sampleShape);
    const probs = clampedProbs(this.probs.expand(shape));
    const u = clampedProbs(rand(shape, likeOf(probs)));
    const odds = (x: Tensor): Tensor => x.log().sub(x.neg().log1p());
    return odds(u).add(probs.log()).sub(probs.neg().log1p()).div(this.temperature).sigmoid();
  }
  protected logDensity(value: Tensor): Tensor {
    const [logits, x] = broadcastTensors(this.logits, clampedProbs(value)) as [Tensor, Tensor];
    const y = x.log().sub(x.neg().log1p());
    const away = logits.sub(y.mul(this.temperature));
    const density = this.temperature.log().add(away).sub(away.exp().log1p().mul(2));
    return density.add(softplus(y.neg())).add(softplus(y));
  }
}
const softplus = (x: Tensor): Tensor => x.clamp(0).add(x.abs().neg().exp().log1p());

const ONE_HOTS = /* @__PURE__ */ classTable('RelaxedOneHotCategorical');

/**
 * Probabilities near the one-hot vector of a drawn class: Gumbel-softmax (https://pytorch.org/docs/stable/distributions.html#relaxedonehotcategorical).
 * Draws are PyTorch's.
 */
export class RelaxedOneHotCategorical extends Classes {
  readonly temperature: Tensor;
  override readonly hasRsample: boolean = true;

  constructor(...args: RelaxedArguments<Tensor>) {
    const [temperature, rest] = split<Tensor>('RelaxedOneHotCategorical', TENSOR, args);
    super(ONE_HOTS, [rest], true);
    this.temperature = temperature;
  }
  get support(): Support {
    return SIMPLEX;
  }
  protected override parameters(): Readonly<Record<string, Tensor>> {
    return {}; // as PyTorch prints it
  }
  override expand(batchShape: Dims): this {
    const Own = this.constructor as new (call: Relaxed<Tensor>) => this;
    return new Own({
      temperature: this.temperature,
      [this.given]: this[this.given].expand([...batchShape, this.numEvents]),
      validateArgs: false,
    });
  }
  override entropy(): Tensor {
    throw notThere(this, 'entropy in closed form');
  }
  protected draw(sampleShape: Dims): Tensor {
    const u = clampedProbs(rand(this.extended(sampleShape), likeOf(this.logits)));
    const scores = this.logits.add(u.log().neg().log().neg()).div(this.temperature);
    return scores.sub(scores.logsumexp(-1, true)).exp();
  }
  protected logDensity(value: Tensor): Tensor {
    const count = this.numEvents;
    const [logits, x] = broadcastTensors(this.logits, value.log()) as [Tensor, Tensor];
    const scale = lgamma(fullLike(this.temperature, count)).sub(this.temperature.log().mul(-(count - 1)));
    const score = logits.sub(x.mul(this.temperature));
    return score.sub(score.logsumexp(-1, true)).sum(-1).add(scale).sub(x.sum(-1));
  }
}
