/** How far one distribution is from another: the Kullback-Leibler divergence, in closed form (https://pytorch.org/docs/stable/distributions.html#module-torch.distributions.kl). */
import { FUNCTION, instanceOf, requireKind } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { softplus } from '../nn/functional.ts';
import { solveTriangular } from '../tensor/linalg-functions.ts';
import { broadcastShapes } from '../tensor/queries.ts';
import { digamma, lgamma } from '../tensor/special.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Exponential, Gumbel, Laplace, LogNormal, Normal, Uniform } from './continuous.ts';
import { Bernoulli, Categorical, Geometric, OneHotCategorical, Poisson, type Classes } from './discrete.ts';
import { Distribution, sumOfLast } from './distribution.ts';
import { Beta, Dirichlet, Gamma } from './gamma.ts';
import { Independent } from './independent.ts';
import { halfLogDet, MultivariateNormal, squaredDistance } from './multivariate-normal.ts';

/** A class of distributions, whatever its constructor takes. */
type Kind<D> = { readonly prototype: D; readonly [Symbol.hasInstance]: (value: unknown) => boolean };
type Rule<P = Distribution, Q = Distribution> = (p: P, q: Q) => Tensor;

/** Where `mask` is true, ∞. */
const infinite = (x: Tensor, mask: Tensor): Tensor => x.maskedFill(mask.expandAs(x), Infinity);

const normals: Rule<Normal, Normal> = (p, q) => {
  const ratio = p.scale.div(q.scale).pow(2);
  const apart = p.loc.sub(q.loc).div(q.scale).pow(2);
  return ratio.add(apart).sub(1).sub(ratio.log()).mul(0.5);
};

const bernoullis: Rule<Bernoulli, Bernoulli> = (p, q) => {
  const one = p.probs.mul(softplus(q.logits.neg()).sub(softplus(p.logits.neg())));
  const zero = p.probs.rsub(1).mul(softplus(q.logits).sub(softplus(p.logits)));
  const ones = infinite(one, q.probs.eq(0)).maskedFill(p.probs.eq(0).expandAs(one), 0);
  const zeros = infinite(zero, q.probs.eq(1)).maskedFill(p.probs.eq(1).expandAs(zero), 0);
  return ones.add(zeros);
};

const classes: Rule<Classes, Classes> = (p, q) => {
  const each = p.probs.mul(p.logits.sub(q.logits));
  return infinite(each, q.probs.eq(0)).maskedFill(p.probs.eq(0).expandAs(each), 0).sum(-1);
};

const uniforms: Rule<Uniform, Uniform> = (p, q) => {
  const ratio = q.high.sub(q.low).div(p.high.sub(p.low)).log();
  return infinite(ratio, q.low.gt(p.low).logicalOr(q.high.lt(p.high)));
};

const laplaces: Rule<Laplace, Laplace> = (p, q) => {
  const ratio = p.scale.div(q.scale);
  const apart = p.loc.sub(q.loc).abs();
  return ratio
    .log()
    .neg()
    .add(apart.div(q.scale))
    .add(ratio.mul(apart.neg().div(p.scale).exp()))
    .sub(1);
};

const EULER = 0.5772156649015329;
const gumbels: Rule<Gumbel, Gumbel> = (p, q) => {
  const [ratio, there, here] = [p.scale.div(q.scale), q.loc.div(q.scale), p.loc.div(q.scale)];
  const last = there
    .add(lgamma(ratio.add(1)))
    .sub(here)
    .exp();
  return ratio
    .log()
    .neg()
    .sub(there)
    .add(here)
    .add(ratio.mul(EULER))
    .add(last)
    .sub(1 + EULER);
};

const gammas: Rule<Gamma, Gamma> = (p, q) =>
  q.concentration
    .mul(p.rate.div(q.rate).log())
    .add(lgamma(q.concentration).sub(lgamma(p.concentration)))
    .add(p.concentration.sub(q.concentration).mul(digamma(p.concentration)))
    .add(q.rate.sub(p.rate).mul(p.concentration.div(p.rate)));

const betas: Rule<Beta, Beta> = (p, q) => {
  const [p1, p0, q1, q0] = [p.concentration1, p.concentration0, q.concentration1, q.concentration0];
  const [sumP, sumQ] = [p1.add(p0), q1.add(q0)];
  const t1 = lgamma(q1).add(lgamma(q0)).add(lgamma(sumP));
  const t2 = lgamma(p1).add(lgamma(p0)).add(lgamma(sumQ));
  const t3 = p1.sub(q1).mul(digamma(p1));
  const t4 = p0.sub(q0).mul(digamma(p0));
  return t1
    .sub(t2)
    .add(t3)
    .add(t4)
    .add(sumQ.sub(sumP).mul(digamma(sumP)));
};

const dirichlets: Rule<Dirichlet, Dirichlet> = (p, q) => {
  const [a, b] = [p.concentration, q.concentration];
  const [sumA, sumB] = [a.sum(-1), b.sum(-1)];
  const t4 = digamma(a).sub(digamma(sumA).unsqueeze(-1));
  return lgamma(sumA)
    .sub(lgamma(sumB))
    .sub(lgamma(a).sub(lgamma(b)).sum(-1))
    .add(a.sub(b).mul(t4).sum(-1));
};

const multivariates: Rule<MultivariateNormal, MultivariateNormal> = (p, q) => {
  if (p.eventShape.join() !== q.eventShape.join())
    throw new ShapeError(`klDivergence: expected vectors of one length, but got ${p.eventShape.join()} and ${q.eventShape.join()}`);
  const n = p.eventShape[0]!;
  const batch = broadcastShapes(q.factor.layout.shape.slice(0, -2), p.factor.layout.shape.slice(0, -2));
  const [a, b] = [p, q].map(({ factor }) => factor.expand([...batch, n, n])) as [Tensor, Tensor];
  const trace = solveTriangular(b, a, { upper: false }).pow(2).sum([-2, -1]);
  const apart = squaredDistance(q.factor, q.loc.sub(p.loc));
  return halfLogDet(q.factor).sub(halfLogDet(p.factor)).add(trace.add(apart).sub(n).mul(0.5));
};

const independents: Rule<Independent, Independent> = (p, q) => {
  if (p.reinterpretedBatchNdims !== q.reinterpretedBatchNdims)
    throw new ShapeError(
      `klDivergence: expected as many dimensions taken from both batches, but got ${p.reinterpretedBatchNdims} and ${q.reinterpretedBatchNdims}`,
    );
  return sumOfLast(klDivergence(p.baseDist, q.baseDist), p.reinterpretedBatchNdims);
};

const RULES: (readonly [Kind<Distribution>, Kind<Distribution>, Rule])[] = [];

/**
 * Says what the divergence of two kinds of distributions is; the last one said for a pair counts.
 * @see https://pytorch.org/docs/stable/distributions.html#torch.distributions.kl.register_kl
 */
export function registerKl<P extends Distribution, Q extends Distribution>(p: Kind<P>, q: Kind<Q>, rule: Rule<P, Q>): void {
  for (const [name, value] of Object.entries({ p, q, rule })) requireKind('registerKl', name, value, name === 'rule' ? FUNCTION : CLASS);
  RULES.unshift([p, q, rule as unknown as Rule]);
}
const CLASS = /* @__PURE__ */ instanceOf('a class of distributions', Function);

const same = <D extends Distribution>(kind: Kind<D>, rule: Rule<D, D>): void => registerKl(kind, kind, rule);
same(Normal, normals);
same(LogNormal, normals as unknown as Rule<LogNormal, LogNormal>);
same(Bernoulli, bernoullis);
same(Categorical, classes);
same(OneHotCategorical, classes);
same(Uniform, uniforms);
same(Laplace, laplaces);
same(Gumbel, gumbels);
same(Exponential, (p, q) => {
  const ratio = q.rate.div(p.rate);
  return ratio.log().neg().add(ratio).sub(1);
});
same(Poisson, (p, q) => p.rate.mul(p.rate.log().sub(q.rate.log())).sub(p.rate.sub(q.rate)));
same(Geometric, (p, q) => p.entropy().neg().sub(q.probs.neg().log1p().div(p.probs)).sub(q.logits));
same(Gamma, gammas);
same(Beta, betas);
same(Dirichlet, dirichlets);
same(MultivariateNormal, multivariates);
same(Independent, independents);

const DISTRIBUTION = /* @__PURE__ */ instanceOf('a distribution', Distribution);

/**
 * KL(p ‖ q), one number for each place of the batch: how much is lost when q stands for p.
 * @throws ArgumentError for a pair without a formula; {@link registerKl} adds one
 * @example
 * import { zeros } from 'flambeau';
 * import { klDivergence, Normal } from 'flambeau/distributions';
 * console.log(klDivergence(new Normal(zeros(2), 1), new Normal(1, 1)).tolist()); // [ 0.5, 0.5 ]
 */
export function klDivergence(p: Distribution, q: Distribution): Tensor {
  requireKind('klDivergence', 'p', p, DISTRIBUTION);
  requireKind('klDivergence', 'q', q, DISTRIBUTION);
  const rule = RULES.find(([a, b]) => a[Symbol.hasInstance](p) && b[Symbol.hasInstance](q))?.[2];
  if (rule === undefined)
    throw new ArgumentError(
      `klDivergence: there is no formula for ${p.constructor.name} and ${q.constructor.name}; add one with registerKl, or average p.logProb(x) - q.logProb(x) over draws of p`,
    );
  return rule(p, q);
}
