/** Neural networks: modules, layers, losses. */
export type { ConvOptions, Pair, Reduction } from './functional.ts';
export {
  ELU,
  GELU,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  LeakyReLU,
  LogSoftmax,
  ReLU,
  ReLU6,
  Sigmoid,
  SiLU,
  Softmax,
  Softmin,
  Softplus,
  Tanh,
  type HardtanhOptions,
} from './layers/activation.ts';
export {
  CELU,
  GLU,
  Hardshrink,
  LogSigmoid,
  Mish,
  PReLU,
  RReLU,
  SELU,
  Softmax2d,
  Softshrink,
  Softsign,
  Tanhshrink,
  Threshold,
} from './layers/activation-more.ts';
export { ModuleList, seal, type Sealed, Sequential } from './layers/container.ts';
export { ModuleDict, ParameterDict, ParameterList } from './layers/parameter-containers.ts';
export { Conv2d, type Conv2dOptions } from './layers/conv.ts';
export { ConvTranspose2d, type ConvTranspose2dOptions } from './layers/conv-transpose.ts';
export { Conv1d, Conv3d, ConvTranspose1d, ConvTranspose3d, type PaddingMode } from './layers/conv-nd.ts';
export {
  CircularPad1d,
  CircularPad2d,
  CircularPad3d,
  ConstantPad1d,
  ConstantPad2d,
  ConstantPad3d,
  ReflectionPad1d,
  ReflectionPad2d,
  ReflectionPad3d,
  ReplicationPad1d,
  ReplicationPad2d,
  ReplicationPad3d,
  ZeroPad1d,
  ZeroPad2d,
  ZeroPad3d,
} from './layers/pad.ts';
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool3d,
  AvgPool1d,
  AvgPool3d,
  FractionalMaxPool2d,
  FractionalMaxPool3d,
  LPPool1d,
  LPPool2d,
  LPPool3d,
  MaxPool1d,
  MaxPool3d,
  MaxUnpool1d,
  MaxUnpool2d,
  MaxUnpool3d,
} from './layers/pool-nd.ts';
export {
  LazyBatchNorm1d,
  LazyBatchNorm2d,
  LazyBatchNorm3d,
  LazyConv1d,
  LazyConv2d,
  LazyConv3d,
  LazyConvTranspose1d,
  LazyConvTranspose2d,
  LazyConvTranspose3d,
  LazyInstanceNorm1d,
  LazyInstanceNorm2d,
  LazyInstanceNorm3d,
  LazyLinear,
} from './layers/lazy.ts';
export { Layer, type AnyLayer } from './layers/layer.ts';
export { AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout } from './layers/dropout.ts';
export { Flatten, Identity, Input, Linear, type LinearOptions } from './layers/linear.ts';
export { MultiheadAttention, type AttendOptions, type MultiheadAttentionOptions } from './layers/attention.ts';
export { AdaptiveLogSoftmaxWithLoss } from './layers/adaptive-softmax.ts';
export { CosineSimilarity, PairwiseDistance } from './layers/distance.ts';
export { Bilinear, Embedding, EmbeddingBag } from './layers/embedding.ts';
export { CrossEntropyLoss, L1Loss, MSELoss, NLLLoss } from './layers/loss.ts';
export {
  BCELoss,
  BCEWithLogitsLoss,
  CosineEmbeddingLoss,
  CTCLoss,
  GaussianNLLLoss,
  HingeEmbeddingLoss,
  HuberLoss,
  KLDivLoss,
  MarginRankingLoss,
  MultiLabelMarginLoss,
  MultiLabelSoftMarginLoss,
  MultiMarginLoss,
  PoissonNLLLoss,
  SmoothL1Loss,
  SoftMarginLoss,
  TripletMarginLoss,
  TripletMarginWithDistanceLoss,
} from './layers/loss-more.ts';
export { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormLayerOptions } from './layers/norm.ts';
export { SyncBatchNorm } from './layers/sync-batch-norm.ts';
export { GroupNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, LayerNorm, RMSNorm } from './layers/norm-rows.ts';
export { GRU, LSTM, RNN, type LSTMOptions, type RecurrentOptions, type RNNOptions } from './layers/recurrent.ts';
export {
  Transformer,
  TransformerDecoder,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
  type TransformerActivation,
  type TransformerLayerOptions,
  type TransformerOptions,
} from './layers/transformer.ts';
export { GRUCell, LSTMCell, RNNCell } from './layers/recurrent-cell.ts';
export { AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d, type PoolWithIndices } from './layers/pool.ts';
export { DataParallel } from './layers/data-parallel.ts';
export * as parallel from './parallel/index.ts';
export { CrossMapLRN2d } from './layers/cross-map.ts';
export { ChannelShuffle, Fold, LocalResponseNorm, Unflatten, Unfold } from './layers/rearrange.ts';
export { PixelShuffle, PixelUnshuffle, Upsample, UpsamplingBilinear2d, UpsamplingNearest2d } from './layers/resize.ts';
export { ModuleBase, type AnyModule } from './module-base.ts';
export type {
  BackwardHookOptions,
  ForwardHook,
  ForwardHookOptions,
  ForwardPreHook,
  ForwardPreHookOptions,
  FullBackwardHook,
  FullBackwardPreHook,
  ModuleGrads,
} from './module-hooks.ts';
export {
  registerModuleForwardHook,
  registerModuleForwardPreHook,
  registerModuleFullBackwardHook,
  registerModuleFullBackwardPreHook,
} from './module-hooks-global.ts';
export { Module, type CallableModule, type ForwardFunction } from './module.ts';
export { Buffer } from './buffer.ts';
export { Parameter } from './parameter.ts';
export { UninitializedBuffer, UninitializedParameter } from './uninitialized.ts';
export type { Apply, RunLayers, ShapeFn } from './shape-types.ts';
export type { LoadOptions, LoadResult, StateDict } from './state-dict.ts';
export * as functional from './functional.ts';
export * as init from './init.ts';
export * as utils from './utils/index.ts';
