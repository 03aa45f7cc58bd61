/** PyTorch's `torch.special`, as far as it is here. */
export { digamma, digamma as psi, erfinv, exp2, lgamma as gammaln, multigammaln } from './special.ts';
export { erf, expit, expm1, log1p, logSoftmax, logsumexp, round, softmax } from './as-functions.ts';
export { erfc, logit, sinc, xlogy } from './pointwise.ts';
export { entr, erfcx, logNdtr, ndtr, ndtri, xlog1py } from './special-normal.ts';
export { gammainc, gammaincc } from './special-gamma.ts';
export { i0, i0e, i1, i1e, polygamma, zeta } from './special-host.ts';
