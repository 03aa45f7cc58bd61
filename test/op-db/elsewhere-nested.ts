/**
 * The names of nested groups (`nn.utils`, `optim.lrScheduler`, `data`, …) that PyTorch's database has no samples of, by the test that exercises them.
 * That each file mentions what stands under it is tested, too.
 */
const words = (text: string): string[] => text.trim().split(/\s+/);

export const NESTED: Readonly<Record<string, readonly string[]>> = {
  'data/loader.test.ts': words(
    'data.defaultCollate data.ConcatDataset data.randomSplit data.Subset data.DataLoader data.BatchSampler data.RandomSampler data.SequentialSampler data.SubsetRandomSampler data.TensorDataset',
  ),
  'fixtures/ops/initialisation.json': words(
    'nn.init.uniform_ nn.init.normal_ nn.init.constant_ nn.init.zeros_ nn.init.ones_ nn.init.kaimingUniform_ nn.init.kaimingNormal_ nn.init.xavierUniform_ nn.init.xavierNormal_ nn.init.truncNormal_',
  ),
  'nn/init-more.test.ts': words(
    'nn.init.calculateGain nn.init.fans nn.init.defaultInit cuda.manualSeedAll autograd.isAnomalyCheckNanEnabled',
  ),
  'fixtures/ops/init_more.json': words('nn.init.eye_ nn.init.dirac_ nn.init.sparse_ nn.init.orthogonal_'),
  'nn/amp.test.ts': words('amp.GradScaler amp.autocast data.Dataset data.Sampler'),
  'distributed/program.mjs': words('nn.parallel.DistributedDataParallel'),
  'distributed/single.test.ts': words('data.DistributedSampler'),
  'browser/loading-worker.ts': words('data.serveDataset'),
  'nn/clip-grad.test.ts': words('nn.utils.clipGradNorm_ nn.utils.clipGradValue_'),
  'nn/module-tools.test.ts': words(
    'nn.utils.clipGradsWithNorm_ nn.utils.getTotalNorm nn.utils.parametersToVector nn.utils.vectorToParameters nn.utils.fuseConvBnEval nn.utils.fuseLinearBnEval nn.utils.fuseConvBnWeights nn.utils.fuseLinearBnWeights',
  ),
  'io/deferred.test.ts': words('nn.utils.consumePrefixInStateDictIfPresent'),
  'nn/sequences.test.ts': words(
    'nn.utils.rnn.PackedSequence nn.utils.rnn.invertPermutation nn.utils.rnn.packPaddedSequence nn.utils.rnn.padPackedSequence nn.utils.rnn.padSequence nn.utils.rnn.unpadSequence nn.utils.rnn.packSequence nn.utils.rnn.unpackSequence',
  ),
  'fixtures/ops/schedulers.json': words('optim.lrScheduler.OneCycleLR optim.lrScheduler.StepLR'),
  'fixtures/ops/schedulers_more.json': words(
    'optim.lrScheduler.CyclicLR optim.lrScheduler.ReduceLROnPlateau optim.lrScheduler.CosineAnnealingLR optim.lrScheduler.CosineAnnealingWarmRestarts optim.lrScheduler.ConstantLR optim.lrScheduler.ExponentialLR optim.lrScheduler.LambdaLR optim.lrScheduler.LinearLR optim.lrScheduler.MultiplicativeLR optim.lrScheduler.MultiStepLR optim.lrScheduler.PolynomialLR',
  ),
  'ops/schedulers-more.test.ts': words('optim.lrScheduler.LRScheduler optim.lrScheduler.ChainedScheduler optim.lrScheduler.SequentialLR'),
  'nn/averages.test.ts': words(
    'optim.swaUtils.AveragedModel optim.swaUtils.SWALR optim.swaUtils.getEmaAvgFn optim.swaUtils.getEmaMultiAvgFn optim.swaUtils.getSwaAvgFn optim.swaUtils.getSwaMultiAvgFn optim.swaUtils.updateBn',
  ),
  'nn/parametrizations.test.ts': words(
    'nn.utils.weightNorm nn.utils.removeWeightNorm nn.utils.spectralNorm nn.utils.removeSpectralNorm nn.utils.parametrizations.weightNorm nn.utils.parametrizations.spectralNorm nn.utils.parametrizations.orthogonal nn.utils.parametrize.registerParametrization nn.utils.parametrize.isParametrized nn.utils.parametrize.removeParametrizations nn.utils.parametrize.cached nn.utils.parametrize.typeBeforeParametrizations nn.utils.parametrize.ParametrizationList',
  ),
  'tensor/further-names.test.ts': words('nn.utils.skipInit'),
  'nn/prune.test.ts': words(
    'nn.utils.prune.BasePruningMethod nn.utils.prune.CustomFromMask nn.utils.prune.Identity nn.utils.prune.LnStructured nn.utils.prune.PruningContainer nn.utils.prune.RandomStructured nn.utils.prune.identity nn.utils.prune.l1Unstructured nn.utils.prune.randomUnstructured nn.utils.prune.lnStructured nn.utils.prune.randomStructured nn.utils.prune.customFromMask nn.utils.prune.globalUnstructured nn.utils.prune.remove nn.utils.prune.isPruned nn.utils.prune.L1Unstructured nn.utils.prune.RandomUnstructured',
  ),
  'nn/modules-more.test.ts': words('F.multiHeadAttentionForward nn.CrossMapLRN2d nn.utils.parametrize.transferParametrizationsAndParams'),
  'ops/strided.test.ts': words(
    'asStrided asStridedScatter histogram poisson Tensor.asStrided Tensor.asStridedScatter Tensor.histogram Tensor.geometric_ Tensor.cauchy_ Tensor.logNormal_',
  ),
  'ops/special-more.test.ts': words(
    'special.entr special.ndtr special.ndtri special.logNdtr special.erfcx special.i0 special.i0e special.i1 special.i1e special.xlog1py special.zeta special.gammainc special.gammaincc special.polygamma polygamma i0 Tensor.polygamma Tensor.i0',
  ),
  'tensor/typed.test.ts': words(
    'FloatTensor DoubleTensor HalfTensor BFloat16Tensor CharTensor ShortTensor IntTensor LongTensor ByteTensor BoolTensor cuda.FloatTensor cuda.DoubleTensor cuda.HalfTensor cuda.BFloat16Tensor cuda.CharTensor cuda.ShortTensor cuda.IntTensor cuda.LongTensor cuda.ByteTensor cuda.BoolTensor setDefaultTensorType setDefaultDevice getDefaultDevice autograd.Variable Tensor.type Tensor.resize_ Tensor.resizeAs_',
  ),
  'tensor/windows.test.ts': words('hannWindow hammingWindow blackmanWindow bartlettWindow kaiserWindow'),
  'data/iterable.test.ts': words('data.ChainDataset data.IterableDataset data.StackDataset data.WeightedRandomSampler'),
  'nn/func.test.ts': words('func.grad func.gradAndValue func.vjp func.jvp func.jacrev func.jacfwd func.hessian func.functionalCall'),
  'ops/matrices.test.ts': words(
    'linalg.LinAlgError linalg.cond linalg.eigh linalg.eigvalsh linalg.lstsq linalg.matrixRank linalg.pinv linalg.qr linalg.svd linalg.svdvals linalg.householderProduct linalg.matrixExp linalg.matrixPower linalg.multiDot linalg.tensorsolve linalg.vecdot linalg.cholesky linalg.det linalg.inv linalg.slogdet linalg.solve linalg.solveTriangular linalg.tensorinv det slogdet logdet inverse pinverse matrixPower matrixExp svd choleskySolve choleskyInverse Tensor.det Tensor.slogdet Tensor.logdet Tensor.inverse Tensor.pinverse Tensor.matrixPower Tensor.matrixExp Tensor.svd Tensor.choleskySolve Tensor.choleskyInverse',
  ),
  'tensor/devices.test.ts': words(
    'cuda.isAvailable cuda.deviceCount cuda.init cuda.isInitialized cuda.currentDevice cuda.setDevice cuda.getDeviceName cuda.synchronize cuda.synchronizeAsync cuda.emptyCache cuda.memoryAllocated cuda.memoryReserved cuda.maxMemoryAllocated cuda.resetPeakMemoryStats cuda.manualSeed',
  ),
  'tensor/custom-function.test.ts': words(
    'autograd.graph.savedTensorsHooks autograd.functional.jacobian autograd.functional.hessian autograd.functional.vjp autograd.functional.jvp autograd.functional.vhp autograd.functional.hvp autograd.detectAnomaly autograd.isAnomalyEnabled autograd.setDetectAnomaly autograd.Function autograd.onceDifferentiable autograd.gradcheck autograd.gradgradcheck utils.checkpoint.checkpoint utils.checkpoint.checkpointSequential',
  ),
  'tensor/autograd-calls.test.ts': words(
    'autograd.backward autograd.grad autograd.enableGrad autograd.inferenceMode autograd.isGradEnabled autograd.noGrad autograd.setGradEnabled',
  ),
};
