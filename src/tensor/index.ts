/** Tensors: creation, operations, automatic gradients, randomness, printing. */
export { cuda } from './cuda.ts';
export * as autograd from './autograd-public.ts';
export type { GradNode, RemovableHandle } from './autograd.ts';
export { grad, type BackwardOptions, type GradOptions } from './differentiate.ts';
export { enableGrad, inferenceMode, isGradEnabled, isInferenceModeEnabled, noGrad, setGradEnabled } from './grad-mode.ts';
export { compile, type Compiled, type CompileOptions } from './compile.ts';
export { getDefaultDevice, getNumThreads, setDefaultDevice, setNumThreads, startThreads } from './backend.ts';
export {
  asTensor,
  empty,
  fromTypedArray,
  full,
  fullLike,
  ones,
  onesLike,
  rand,
  randint,
  randLike,
  randn,
  randnLike,
  randperm,
  tensor,
  zeros,
  zerosLike,
  type RandomOptions,
  type TensorOptions,
} from './create.ts';
export { arange, eye, linspace, logspace } from './ranges.ts';
export { allclose, broadcastTensors, cat, equal, matmul, maximum, minimum, stack, where } from './functions.ts';
export * from './as-functions.ts';
export { cat as concat, cat as concatenate } from './functions.ts';
export { bernoulli, multinomial, normal, randintLike } from './draws.ts';
export { poisson } from './poisson.ts';
export { histogram, histogramdd, type HistogramddOptions, type HistogramOptions } from './histogram.ts';
export { gradient, type SlopeOptions, type Spacing } from './slopes.ts';
export {
  areDeterministicAlgorithmsEnabled,
  isDeterministicAlgorithmsWarnOnlyEnabled,
  useDeterministicAlgorithms,
  type DeterministicOptions,
} from './determinism.ts';
export {
  effectiveFloat32MatmulPrecision,
  getFloat32MatmulPrecision,
  setFloat32MatmulPrecision,
  type MatmulPrecision,
} from './float32-precision.ts';
export { asStrided, asStridedScatter } from './strided.ts';
export { einsum } from './einsum.ts';
export { columnStack, dsplit, dstack, hsplit, hstack, tensorSplit, vsplit, vstack, vstack as rowStack } from './joining.ts';
export * as linalg from './linalg-functions.ts';
export { matrixExp, matrixPower } from './matrices/products.ts';
export { pinv as pinverse, torchSvd as svd } from './matrices/factors.ts';
export { choleskyInverse, choleskySolve, det, inv as inverse, logdet, slogdet } from './matrices/solving.ts';
export * as special from './special-public.ts';
export { i0, polygamma } from './special-host.ts';
export { multigammaln as mvlgamma } from './special.ts';
export { combinations, cumulativeTrapezoid, diagflat, diagonalScatter, dist, emptyLike, narrowCopy, selectScatter, sliceScatter, trapezoid, trapezoid as trapz, unravelIndex, vander } from './placed.ts'; // prettier-ignore
export { broadcastShapes, canCast, finfo, getDefaultDtype, iinfo, isFloatingPoint, isNonzero, isSameSize, isTensor, numel, promoteTypes, resultType, setDefaultDtype, type FloatInfo, type IntInfo } from './queries.ts'; // prettier-ignore
export { frexp, nextafter } from './float-parts.ts';
export { deg2rad, digamma, erfinv, exp2, floatPower, gcd, lcm, lgamma, positive, rad2deg } from './special.ts';
export { addbmm, addcdiv, addcmul, addmm, addmv, addr, baddbmm, bmm, cdist, cross, dot, inner, kron, mv, outer, tensordot } from './linear-algebra.ts'; // prettier-ignore
export { argsort, kthvalue, median, mode, msort, nanmedian, nanquantile, quantile, sort, topk } from './order.ts';
export { acosh, asinh, atanh, bitwiseLeftShift, bitwiseRightShift, copysign, erfc, fmax, fmin, frac, heaviside, hypot, isclose, isneginf, isposinf, ldexp, lerp, logaddexp, logaddexp2, logit, nanToNum, signbit, sinc, xlogy } from './pointwise.ts'; // prettier-ignore
export { atleast1d, atleast2d, atleast3d, blockDiag, broadcastTo, cartesianProd, diag, diagEmbed, diagonal, flip, fliplr, flipud, meshgrid, movedim, repeatInterleave, roll, rot90, tile, trace, tril, trilIndices, triu, triuIndices, unbind, unflatten } from './rearrange.ts'; // prettier-ignore
export { maskedSelect, take } from './scatter.ts';
export { cummax, cummin, cumprod, logcumsumexp } from './scans.ts';
export { bincount, bucketize, histc, isin, searchsorted, unique, uniqueConsecutive } from './sets.ts';
export { aminmax, corrcoef, countNonzero, cov, diff, nanmean, nansum, renorm, stdMean, varMean } from './statistics.ts';
export { slice, type Index, type IndexList, type SetAtOptions, type Slice } from './indexing.ts';
export { memoryScope } from './memory.ts';
export { nonzero } from './picking.ts';
export { formatSize } from './print.ts';
export { printOptions, setPrintOptions } from './print-options.ts';
export { profile, Profile, type KernelTotal, type TraceEvent } from './profile.ts';
export { defaultGenerator, Generator, getRngState, initialSeed, manualSeed, seed, setRngState } from './random/index.ts';
export { bartlettWindow, blackmanWindow, hammingWindow, hannWindow, kaiserWindow } from './windows.ts';
export { memoryPressure } from './storage.ts';
export { Tensor } from './tensor.ts';
export { BFloat16Tensor, BoolTensor, ByteTensor, CharTensor, DoubleTensor, FloatTensor, HalfTensor, IntTensor, LongTensor, setDefaultTensorType, ShortTensor, type TensorType, type TypeName } from './typed.ts'; // prettier-ignore
export type { ValuesAndIndices } from './values-and-indices.ts';
export * as utils from './utils-public.ts';
