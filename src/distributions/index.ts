/**
 * `torch.distributions` (https://pytorch.org/docs/stable/distributions.html): draws, densities, entropies and divergences, for variational autoencoders and policies.
 * The same seed gives PyTorch's draws.
 */
import '../tensor/tensor.ts';

export { Exponential, Gumbel, Laplace, LogNormal, Normal, Uniform, type LocScaleArguments, type RateArguments, type UniformArguments } from './continuous.ts'; // prettier-ignore
export { Bernoulli, Categorical, Geometric, OneHotCategorical, OneHotCategoricalStraightThrough, Poisson, type ChanceArguments, type ChanceCall, type ClassArguments } from './discrete.ts'; // prettier-ignore
export { Distribution, type DistributionOptions, type Parameter, type SampleArguments } from './distribution.ts';
export { Beta, Chi2, Dirichlet, Gamma, type BetaArguments, type GammaArguments } from './gamma.ts';
export { Independent, type IndependentArguments } from './independent.ts';
export { klDivergence, registerKl } from './kl.ts';
export { MultivariateNormal, type MultivariateArguments } from './multivariate-normal.ts';
export { RelaxedBernoulli, RelaxedOneHotCategorical } from './relaxed.ts';
export type { Support } from './support.ts';
