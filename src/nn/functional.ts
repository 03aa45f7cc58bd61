/**
 * The functional forms of layers (https://pytorch.org/docs/stable/nn.functional.html): all tensors are arguments, nothing
 * is kept. Options are named as the layers' are.
 */
import type { ConvOptions } from '../geometry/conv.ts';
import { oneHotParams } from '../geometry/indexing.ts';
import type { Reduction } from '../geometry/loss.ts';
import type { Pair } from '../geometry/pool.ts';
import { requireTensor } from '../tensor/arguments.ts';
import { apply1 } from '../tensor/dispatch.ts';
import { indexing as indexingOps } from '../tensor/families/indexing.ts';
import type { CheckedFor, Dynamic, IsDynamic, Shape, ShapeFor } from '../tensor/shapes/dims.ts';
import type { FlattenShape } from '../tensor/shapes/view.ts';
import type { Tensor } from '../tensor/tensor.ts';

export {
  elu,
  gelu,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  logSoftmax,
  relu,
  relu6,
  sigmoid,
  silu,
  softmax,
  softmin,
  softplus,
  tanh,
  type GeluOptions,
} from './functional-activation.ts';
export {
  celu,
  glu,
  hardshrink,
  logsigmoid,
  mish,
  prelu,
  rrelu,
  selu,
  softshrink,
  softsign,
  tanhshrink,
  threshold,
} from './functional-activation-more.ts';
export { alphaDropout, dropout, dropout1d, dropout2d, dropout3d, featureAlphaDropout, type DropoutOptions } from './functional-dropout.ts';
export { linear } from './functional-linear.ts';
export {
  adaptiveMaxPool1dWithIndices,
  adaptiveMaxPool2dWithIndices,
  adaptiveMaxPool3dWithIndices,
  celu_,
  elu_,
  fractionalMaxPool2dWithIndices,
  fractionalMaxPool3dWithIndices,
  gumbelSoftmax,
  hardtanh_,
  leakyRelu_,
  pdist,
  relu_,
  rrelu_,
  selu_,
  threshold_,
  upsample,
  upsampleBilinear,
  upsampleNearest,
} from './functional-more.ts';
export {
  crossEntropy,
  huberLoss,
  l1Loss,
  mseLoss,
  nllLoss,
  smoothL1Loss,
  type ClassLossOptions,
  type CrossEntropyOptions,
  type LossOptions,
  type PairLoss,
} from './functional-loss.ts';
export { scaledDotProductAttention, type AttentionOptions } from './functional-attention.ts';
export { multiHeadAttentionForward, type MultiHeadOptions } from './functional-multi-head.ts';
export { ctcLoss, type CtcOptions } from './functional-ctc.ts';
export { cosineSimilarity, pairwiseDistance } from './functional-distance.ts';
export { bilinear, embedding, embeddingBag, type EmbeddingBagOptions, type EmbeddingOptions } from './functional-embedding.ts';
export {
  cosineEmbeddingLoss,
  hingeEmbeddingLoss,
  marginRankingLoss,
  multilabelMarginLoss,
  multiMarginLoss,
  tripletMarginLoss,
  tripletMarginWithDistanceLoss,
} from './functional-loss-margin.ts';
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  gaussianNllLoss,
  klDiv,
  multilabelSoftMarginLoss,
  poissonNllLoss,
  softMarginLoss,
} from './functional-loss-more.ts';
export { batchNorm, groupNorm, instanceNorm, layerNorm, normalize, rmsNorm, type BatchNormOptions } from './functional-norm.ts';
export { conv1d, conv3d, convTranspose1d, convTranspose3d, type ConvNdOptions, type ConvTransposeNdOptions } from './functional-conv.ts';
export { channelShuffle, fold, fractionalMaxPool2d, fractionalMaxPool3d, localResponseNorm, unfold } from './functional-fold.ts';
export { interpolate, type InterpolateMode, type InterpolateOptions } from './functional-interpolate.ts';
export { pad, type PadMode } from './functional-pad.ts';
export {
  adaptiveAvgPool1d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool3d,
  avgPool1d,
  avgPool3d,
  lpPool1d,
  lpPool2d,
  lpPool3d,
  maxPool1d,
  maxPool1dWithIndices,
  maxPool3d,
  maxPool3dWithIndices,
  maxUnpool1d,
  maxUnpool2d,
  maxUnpool3d,
} from './functional-pool.ts';
export { affineGrid, gridSample, type GridSampleOptions } from './functional-sample.ts';
export { adaptiveAvgPool2d, adaptiveMaxPool2d, avgPool2d, conv2d, maxPool2d, maxPool2dWithIndices } from './functional-window.ts';
export { convTranspose2d, pixelShuffle, pixelUnshuffle, type ConvTransposeOptions } from './functional-images.ts';
export type { ConvOptions, Pair, Reduction };

// ---- other

type OneHotShape<S extends Shape, N> = IsDynamic<S> extends true ? Dynamic : [...S, N];

/** int64 class indices [...] → int64 [..., numClasses]. */
export function oneHot<S extends Shape, N extends number>(x: Tensor<S>, numClasses: N): Tensor<OneHotShape<S, N>>;
export function oneHot(x: Tensor, numClasses: number): Tensor {
  return apply1(indexingOps.oneHot, [x], oneHotParams(numClasses));
}

/** Dimensions `start` to `end` made one. */
export function flatten<S extends Shape, From extends number = 1, To extends number = -1>(
  x: Tensor<S>,
  start?: CheckedFor<S, FlattenShape<S, From, To>, From>,
  end?: To,
): Tensor<ShapeFor<S, FlattenShape<S, From, To>>>;
export function flatten(x: Tensor, start = 1, end = -1): Tensor {
  requireTensor('flatten', 'the input', x);
  return x.flatten(start, end);
}
