/** All of PyTorch's names that we have, and our names that its database does not exercise. */
import type { Adapter } from './call.ts';
import { DRAWS, ORDER, PLACES, POINTWISE, PRODUCTS, SHAPES, SPECIAL } from './composed-table.ts';
import { MATRICES, SPECIAL_MORE } from './matrix-table.ts';
import { FACTORIES } from './make-table.ts';
import { MODULES as OTHER_MODULES, OPTIMIZERS } from './module-table.ts';
import { ACTIVATIONS, LAYERS, LOSSES } from './nn-table.ts';
import { SPATIAL, SPATIAL_MODULES } from './spatial-table.ts';
import { ARITHMETIC, COPIES, REDUCTIONS, VIEWS } from './tensor-table.ts';

export { OPTIMIZERS };

export const MODULES: Readonly<Record<string, Adapter>> = { ...OTHER_MODULES, ...SPATIAL_MODULES };

/** By PyTorch's name, for all variants of it. */
export const OPERATIONS: ReadonlyMap<string, Adapter> = new Map(
  [
    PRODUCTS,
    SHAPES,
    ORDER,
    PLACES,
    POINTWISE,
    DRAWS,
    SPECIAL,
    MATRICES,
    SPECIAL_MORE,
    ARITHMETIC,
    REDUCTIONS,
    VIEWS,
    COPIES,
    FACTORIES,
    ACTIVATIONS,
    LAYERS,
    LOSSES,
    SPATIAL,
  ].flatMap((table) => Object.entries(table)),
);

/** Every name that the exporter is asked for. */
export const NAMES: readonly string[] = [...OPERATIONS.keys(), ...Object.keys(MODULES), ...Object.keys(OPTIMIZERS)];

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Our names that the database has no samples of, by where they are tested instead. */
export const ELSEWHERE: readonly string[] = [
  // The same functions under another name.
  ...words(
    'F.sigmoid F.tanh F.softmax F.logSoftmax F.flatten F.maxPool2dWithIndices F.maxPool1dWithIndices F.maxPool3dWithIndices Tensor.relu nn.Identity nn.Flatten',
  ),
  ...words('Tensor.onesLike Tensor.newZeros mvlgamma'),
  ...words('nn.PixelShuffle nn.PixelUnshuffle nn.Upsample'), // test/nn, test/ops/resize.test.ts
  ...words('nn.Buffer'), // test/nn/module-state.test.ts
  ...words('nn.SyncBatchNorm'), // as BatchNorm: test/nn/norm.test.ts
  ...words('nn.Transformer nn.TransformerEncoder nn.TransformerDecoder'), // test/nn/sequence-layers.test.ts
  ...words('nn.Dropout nn.Dropout1d nn.Dropout2d nn.Dropout3d nn.AlphaDropout nn.FeatureAlphaDropout F.dropout1d'), // test/nn/dropout.test.ts
  // What a tensor is and holds: test/tensor, test/ops/views.test.ts, test/tensor/print.test.ts.
  ...words('Tensor.constructor Tensor.self Tensor.shape Tensor.size Tensor.dim Tensor.ndim Tensor.numel Tensor.dtype Tensor.device'),
  ...words('Tensor.elementSize Tensor.stride Tensor.storageOffset Tensor.isContiguous Tensor.isFloatingPoint Tensor.version'),
  ...words(
    'Tensor.toTypedArray Tensor.tolist Tensor.toString Tensor.copy_ Tensor.cpu Tensor.cuda Tensor.stridedAs Tensor.overwrite Tensor.toTypedArrayAsync Tensor.itemAsync Tensor.toAsync',
  ),
  ...words('Tensor.__v_skip tensor fromTypedArray slice randperm formatSize printOptions setPrintOptions Tensor'),
  // In place: test/ops/in-place.test.ts
  ...words(
    'Tensor.abs_ Tensor.sign_ Tensor.expm1_ Tensor.log_ Tensor.log1p_ Tensor.log2_ Tensor.log10_ Tensor.rsqrt_ Tensor.square_ Tensor.reciprocal_ Tensor.sin_ Tensor.cos_ Tensor.tan_ Tensor.tanh_ Tensor.sigmoid_ Tensor.asin_ Tensor.acos_ Tensor.atan_ Tensor.sinh_ Tensor.cosh_ Tensor.erf_ Tensor.floor_ Tensor.ceil_ Tensor.trunc_ Tensor.round_ Tensor.logicalNot_ Tensor.bitwiseNot_ Tensor.clamp_ Tensor.clampMin_ Tensor.clampMax_ Tensor.pow_ Tensor.remainder_ Tensor.fmod_ Tensor.floorDivide_ Tensor.eq_ Tensor.ne_ Tensor.lt_ Tensor.le_ Tensor.gt_ Tensor.ge_ Tensor.logicalAnd_ Tensor.logicalOr_ Tensor.logicalXor_ Tensor.atan2_ Tensor.maximum Tensor.minimum',
  ),
  // In place: test/ops/in-place.test.ts, test/ops/composed.test.ts
  ...words(
    'Tensor.scatter_ Tensor.scatterAdd_ Tensor.scatterReduce_ Tensor.indexAdd_ Tensor.indexCopy_ Tensor.indexFill_ Tensor.indexReduce_ Tensor.put_ Tensor.indexPut_ Tensor.maskedScatter_ Tensor.asinh_ Tensor.acosh_ Tensor.atanh_ Tensor.erfc_ Tensor.frac_ Tensor.sinc_ Tensor.nanToNum_ Tensor.lerp_ Tensor.normal_ Tensor.random_ Tensor.bernoulli_ Tensor.addmm_ Tensor.addmv_ Tensor.addr_ Tensor.baddbmm_ Tensor.addbmm_ Tensor.addcmul_ Tensor.addcdiv_ Tensor.tril_ Tensor.triu_',
  ),
  ...words('Tensor.newTensor Tensor.indexPut Tensor.allclose Tensor.equal Tensor.nonzero Tensor.argwhere Tensor.where'),
  // The functions of methods above: test/ops/as-functions.test.ts. The rest: test/ops/composed.test.ts
  ...words(
    'abs acos acosh add addbmm addcdiv addcmul addmm addmv addr all amax amin aminmax any argmax argmin argsort argwhere asin asinh atan atan2 atanh baddbmm bernoulli bincount bitwiseAnd bitwiseLeftShift bitwiseNot bitwiseOr bitwiseRightShift bitwiseXor bmm broadcastTo ceil chunk clamp clampMax clampMin clone copysign corrcoef cos cosh countNonzero cov cross cumsum detach diag diagEmbed diagonal diff div dot dsplit eq erf erfc exp expit expm1 flatten flip fliplr flipud floor floorDivide fmax fmin fmod frac gather ge gt heaviside histc hsplit hypot indexAdd indexCopy indexFill indexPut indexReduce indexSelect inner isclose isfinite isin isinf isnan isneginf isposinf kron kthvalue ldexp le lerp log log10 log1p log2 logSoftmax logaddexp logaddexp2 logicalAnd logicalNot logicalOr logicalXor logit logsumexp lt maskedFill maskedSelect max mean median min mm mode moveaxis movedim msort mul multinomial mv nanToNum nanmean nanmedian nanquantile nansum narrow ne neg norm outer permute pow prod quantile ravel reciprocal relu remainder renorm repeatInterleave reshape roll rot90 round rsqrt rsub scatter scatterAdd scatterReduce select sgn sigmoid sign signbit sin sinc sinh softmax sort split sqrt square squeeze std sub sum swapaxes swapdims t take takeAlongDim tan tanh tensorSplit tile topk trace transpose tril triu trueDivide trunc unbind unflatten unique uniqueConsecutive unsqueeze var vsplit xlogy',
  ),
  ...words(
    'asTensor normal concat linalg Tensor.int Tensor.corrcoef Tensor.cumsum_ Tensor.cumprod_ cummax cummin cumprod logcumsumexp func',
  ),
  ...words('F.lpPool1d F.lpPool2d F.lpPool3d nn.UpsamplingNearest2d nn.UpsamplingBilinear2d nn.FractionalMaxPool2d nn.FractionalMaxPool3d'), // test/nn/spatial-more.test.ts
  // PyTorch's further names, questions: test/ops/aliases.test.ts
  ...words(
    'Tensor.absolute Tensor.absolute_ Tensor.arccos Tensor.arccos_ Tensor.arccosh Tensor.arccosh_ Tensor.arcsin Tensor.arcsin_ Tensor.arcsinh Tensor.arcsinh_ Tensor.arctan Tensor.arctan2 Tensor.arctan2_ Tensor.arctan_ Tensor.arctanh Tensor.arctanh_ Tensor.bitwiseLeftShift_ Tensor.bitwiseRightShift_ Tensor.clip Tensor.clip_ Tensor.copysign_ Tensor.deg2rad_ Tensor.digamma_ Tensor.divide Tensor.divide_ Tensor.erfinv_ Tensor.exp2_ Tensor.fillDiagonal_ Tensor.fix Tensor.fix_ Tensor.floatPower_ Tensor.gcd_ Tensor.ger Tensor.getDevice Tensor.greater Tensor.greaterEqual Tensor.greaterEqual_ Tensor.greater_ Tensor.heaviside_ Tensor.hypot_ Tensor.isCpu Tensor.isCuda Tensor.isNonzero Tensor.isSameSize Tensor.itemsize Tensor.lcm_ Tensor.ldexp_ Tensor.less Tensor.lessEqual Tensor.lessEqual_ Tensor.less_ Tensor.lgamma_ Tensor.logit_ Tensor.moveaxis Tensor.multiply Tensor.multiply_ Tensor.narrowCopy Tensor.nbytes Tensor.ndimension Tensor.negative Tensor.negative_ Tensor.nelement Tensor.notEqual Tensor.notEqual_ Tensor.rad2deg_ Tensor.renorm_ Tensor.sgn_ Tensor.sumToSize Tensor.subtract Tensor.subtract_ Tensor.trueDivide Tensor.trueDivide_ Tensor.xlogy_ absolute arccos arccosh arcsin arcsinh arctan arctan2 arctanh broadcastShapes canCast clip concatenate deg2rad diagflat diagonalScatter digamma dist divide erfinv exp2 finfo fix floatPower gcd ger getDefaultDtype greater greaterEqual iinfo isFloatingPoint isNonzero isSameSize isTensor lcm less lessEqual lgamma multiply narrowCopy negative notEqual numel positive promoteTypes rad2deg resultType rowStack selectScatter setDefaultDtype sliceScatter special special.digamma special.erf special.erfc special.erfinv special.exp2 special.expit special.expm1 special.gammaln special.log1p special.logSoftmax special.logit special.logsumexp special.psi special.round special.sinc special.softmax special.xlogy subtract vander',
  ),
  // test/tensor/further-names.test.ts
  ...words(
    'nextafter frexp Tensor.nextafter_ Tensor.frexp Tensor.nextafter histogramdd gradient trapz Tensor.squeeze_ Tensor.swapaxes_ Tensor.swapdims_ Tensor.t_ Tensor.transpose_ Tensor.unsqueeze_ Tensor.bitwiseAnd_ Tensor.bitwiseOr_ Tensor.bitwiseXor_ useDeterministicAlgorithms areDeterministicAlgorithmsEnabled isDeterministicAlgorithmsWarnOnlyEnabled setFloat32MatmulPrecision getFloat32MatmulPrecision effectiveFloat32MatmulPrecision nn.DataParallel',
  ),
  // Gradients: test/tensor/autograd.test.ts, test/ops/gradients.test.ts.
  ...words('Tensor.backward Tensor.grad Tensor.gradFn Tensor.gradEdge Tensor.isLeaf Tensor.requiresGrad Tensor.requiresGrad_'),
  ...words('Tensor.retainGrad Tensor.registerHook Tensor.detach Tensor.data Tensor.setData Tensor.setHistory Tensor.setViewOf'),
  ...words('Tensor.rebaseHistory Tensor.requireInPlace Tensor.standFor Tensor.viewBase Tensor.withHistoryOf'),
  ...words(
    'grad noGrad enableGrad isGradEnabled setGradEnabled inferenceMode isInferenceModeEnabled Tensor.isInference Tensor.registerPostAccumulateGradHook Tensor.detach_ Tensor.retainsGrad Tensor.protect',
  ),
  // Random numbers: test/tensor/random.test.ts. Compiling, memory, threads: test/tensor, test/devices.
  ...words('Generator defaultGenerator manualSeed initialSeed seed getRngState setRngState'),
  ...words('compile profile Profile memoryScope memoryPressure getNumThreads setNumThreads startThreads cuda'),
  ...words(
    'nn.registerModuleForwardHook nn.registerModuleForwardPreHook nn.registerModuleFullBackwardHook nn.registerModuleFullBackwardPreHook',
  ), // test/nn/hooks.test.ts
  // Building networks, schedules: test/nn, test/ops/schedulers.test.ts.
  ...words(
    'nn.Input nn.Layer nn.Module nn.ModuleBase nn.ModuleList nn.ModuleDict nn.ParameterDict nn.ParameterList nn.Parameter nn.Sequential nn.init nn.seal nn.utils',
  ),
  ...words(
    'nn.LazyBatchNorm1d nn.LazyBatchNorm2d nn.LazyBatchNorm3d nn.LazyConv1d nn.LazyConv2d nn.LazyConv3d nn.LazyConvTranspose1d nn.LazyConvTranspose2d nn.LazyConvTranspose3d nn.LazyInstanceNorm1d nn.LazyInstanceNorm2d nn.LazyInstanceNorm3d nn.LazyLinear nn.UninitializedBuffer nn.UninitializedParameter',
  ), // test/nn/lazy.test.ts
  ...words(
    'F.gumbelSoftmax F.upsample F.relu_ F.selu_ F.elu_ F.celu_ F.leakyRelu_ F.hardtanh_ F.threshold_ F.rrelu_ F.adaptiveMaxPool1dWithIndices F.adaptiveMaxPool2dWithIndices F.adaptiveMaxPool3dWithIndices F.fractionalMaxPool2dWithIndices F.fractionalMaxPool3dWithIndices nn.Unflatten',
  ), // test/nn/functional-more.test.ts
  ...words('optim.LBFGS optim.SparseAdam'), // test/ops/optimizers.test.ts
  ...words('optim.LRScheduler optim.OneCycleLR optim.Optimizer optim.StepLR optim.lrScheduler'),
  // Groups of names, and errors.
  ...words('deepcopy F data nn optim autograd utils'),
  ...words(
    'ArgumentError AutogradError CompileError DistributedError DTypeError DeviceError FlambeauError FormatError IndexError InternalError',
  ),
  ...words('LinAlgError OutOfMemoryError ShapeError StateDictError'),
];
