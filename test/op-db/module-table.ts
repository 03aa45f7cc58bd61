/** PyTorch's modules and optimizers as ours: what their constructors take. */
import { nn, optim, type Tensor } from 'flambeau';
import type { Adapter } from './call.ts';
import { inexpressible, numbers, op, options } from './call.ts';
import { Other } from './container.ts';

type Pair = number | readonly [number, number];
function pair(value: unknown): Pair | undefined {
  if (!Array.isArray(value)) return value as Pair | undefined;
  return Array.from(numbers(value)) as unknown as Pair;
}
type Reduction = 'mean' | 'sum' | 'none';

const IDLE = 'inplace=false';
const norm = (Norm: typeof nn.BatchNorm1d | typeof nn.BatchNorm2d | typeof nn.BatchNorm3d, name: string): Adapter =>
  op(
    `nn.${name}`,
    'num_features eps momentum? affine track_running_stats bias',
    (features: number, eps?: number, momentum?: number | null, affine?: boolean, trackRunningStats?: boolean, bias?: boolean) =>
      new Norm(features, options({ eps, momentum, affine, trackRunningStats, bias })),
  );
const classLoss = 'weight size_average=null ignore_index reduce=null reduction';
const pairLoss = (name: 'MSELoss' | 'L1Loss'): Adapter =>
  op(`nn.${name}`, 'size_average=null reduce=null reduction', (reduction?: Reduction) => new nn[name](options({ reduction })));

const reducedLoss = (name: 'SoftMarginLoss' | 'MultiLabelMarginLoss'): Adapter =>
  op(`nn.${name}`, 'size_average=null reduce=null reduction', (reduction?: Reduction) => new nn[name](options({ reduction })));
const marginLoss = (name: 'HingeEmbeddingLoss' | 'MarginRankingLoss' | 'CosineEmbeddingLoss'): Adapter =>
  op(
    `nn.${name}`,
    'margin size_average=null reduce=null reduction',
    (margin?: number, reduction?: Reduction) => new nn[name](margin, options({ reduction })),
  );
const instanceNorm = (name: 'InstanceNorm1d' | 'InstanceNorm2d' | 'InstanceNorm3d'): Adapter =>
  op(
    `nn.${name}`,
    'num_features eps momentum affine track_running_stats bias',
    (features: number, eps?: number, momentum?: number, affine?: boolean, track?: boolean, bias?: boolean) =>
      new nn[name](features, eps, momentum, affine, track, options({ bias })),
  );

const transformerLayer = (name: 'TransformerEncoderLayer' | 'TransformerDecoderLayer'): Adapter =>
  op(
    `nn.${name}`,
    'd_model nhead dim_feedforward dropout activation layer_norm_eps batch_first norm_first bias',
    (
      dModel: number,
      nhead: number,
      feed?: number,
      dropout?: number,
      activation?: 'gelu',
      eps?: number,
      batchFirst?: boolean,
      normFirst?: boolean,
      bias?: boolean,
    ) => new nn[name](dModel, nhead, feed, dropout, activation, eps, batchFirst, normFirst, bias),
  );

/** The constructors; a sample's call is then a call of the module. */
export const MODULES: Readonly<Record<string, Adapter>> = {
  'nn.Linear': op('nn.Linear', 'in out bias', (a: number, b: number, bias?: boolean) => new nn.Linear(a, b, options({ bias }))),
  'nn.Conv2d': op(
    'nn.Conv2d',
    'in out kernel stride padding dilation groups bias padding_mode="zeros"',
    (a: number, b: number, kernel: unknown, stride: unknown, padding: unknown, dilation: unknown, groups?: number, bias?: boolean) =>
      new nn.Conv2d(a, b, pair(kernel)!, options({ stride: pair(stride), padding: pair(padding), dilation: pair(dilation), groups, bias })),
  ),
  'nn.ConvTranspose2d': op('nn.ConvTranspose2d', 'in out kernel stride padding output_padding groups bias dilation', (a: number, b: number, kernel: unknown, stride: unknown, padding: unknown, outputPadding: unknown, groups?: number, bias?: boolean, dilation?: unknown) =>
    new nn.ConvTranspose2d(a, b, pair(kernel)!, options({ stride: pair(stride), padding: pair(padding), outputPadding: pair(outputPadding), groups, bias, dilation: pair(dilation) }))), // prettier-ignore
  'nn.BatchNorm1d': norm(nn.BatchNorm1d, 'BatchNorm1d'),
  'nn.BatchNorm2d': norm(nn.BatchNorm2d, 'BatchNorm2d'),
  'nn.BatchNorm3d': norm(nn.BatchNorm3d, 'BatchNorm3d'),
  'nn.MaxPool2d': op(
    'nn.MaxPool2d',
    'kernel stride padding dilation return_indices=false ceil_mode',
    (kernel: unknown, stride: unknown, padding: unknown, dilation: unknown, ceilMode?: boolean) =>
      new nn.MaxPool2d(pair(kernel)!, pair(stride), options({ padding: pair(padding), dilation: pair(dilation), ceilMode })),
  ),
  'nn.AvgPool2d': op(
    'nn.AvgPool2d',
    'kernel stride padding ceil_mode count_include_pad divisor_override',
    (kernel: unknown, stride: unknown, padding: unknown, ceilMode?: boolean, countIncludePad?: boolean, divisorOverride?: number) =>
      new nn.AvgPool2d(pair(kernel)!, pair(stride), options({ padding: pair(padding), ceilMode, countIncludePad, divisorOverride })),
  ),
  'nn.AdaptiveAvgPool2d': op('nn.AdaptiveAvgPool2d', 'size', (size: unknown) => new nn.AdaptiveAvgPool2d(pair(size)!)),
  'nn.AdaptiveMaxPool2d': op('nn.AdaptiveMaxPool2d', 'size return_indices=false', (size: unknown) => new nn.AdaptiveMaxPool2d(pair(size)!)),
  'nn.ReLU': op('nn.ReLU', 'inplace', (inplace?: boolean) => new nn.ReLU(inplace)),
  'nn.ReLU6': op('nn.ReLU6', 'inplace', (inplace?: boolean) => new nn.ReLU6(inplace)),
  'nn.SiLU': op('nn.SiLU', 'inplace', (inplace?: boolean) => new nn.SiLU(inplace)),
  'nn.Hardswish': op('nn.Hardswish', 'inplace', (inplace?: boolean) => new nn.Hardswish(inplace)),
  'nn.Hardsigmoid': op('nn.Hardsigmoid', 'inplace', (inplace?: boolean) => new nn.Hardsigmoid(inplace)),
  'nn.Sigmoid': op('nn.Sigmoid', IDLE, () => new nn.Sigmoid()),
  'nn.Tanh': op('nn.Tanh', IDLE, () => new nn.Tanh()),
  'nn.LeakyReLU': op('nn.LeakyReLU', 'negative_slope inplace', (slope?: number, inplace?: boolean) => new nn.LeakyReLU(slope, inplace)),
  'nn.SELU': op('nn.SELU', 'inplace', (inplace?: boolean) => new nn.SELU(inplace)),
  'nn.Mish': op('nn.Mish', 'inplace', (inplace?: boolean) => new nn.Mish(inplace)),
  'nn.CELU': op('nn.CELU', 'alpha inplace', (alpha?: number, inplace?: boolean) => new nn.CELU(alpha, inplace)),
  'nn.Hardshrink': op('nn.Hardshrink', 'lambd', (lambd?: number) => new nn.Hardshrink(lambd)),
  'nn.Softshrink': op('nn.Softshrink', 'lambd', (lambd?: number) => new nn.Softshrink(lambd)),
  'nn.Tanhshrink': op('nn.Tanhshrink', IDLE, () => new nn.Tanhshrink()),
  'nn.Softsign': op('nn.Softsign', IDLE, () => new nn.Softsign()),
  'nn.LogSigmoid': op('nn.LogSigmoid', IDLE, () => new nn.LogSigmoid()),
  'nn.Threshold': op(
    'nn.Threshold',
    'threshold value inplace',
    (threshold: number, value: number, inplace?: boolean) => new nn.Threshold(threshold, value, inplace),
  ),
  'nn.PReLU': op('nn.PReLU', 'num_parameters init', (n?: number, init?: number) => new nn.PReLU(n, init)),
  'nn.RReLU': {
    ...op('nn.RReLU', 'lower upper inplace', (lower?: number, upper?: number, inplace?: boolean) => new nn.RReLU(lower, upper, inplace)),
    random: true,
  },
  'nn.GLU': op('nn.GLU', 'dim', (dim?: number) => new nn.GLU(dim)),
  'nn.Softmin': op('nn.Softmin', 'dim', (dim?: number) => new nn.Softmin(dim)),
  'nn.Softmax2d': op('nn.Softmax2d', IDLE, () => new nn.Softmax2d()),
  'nn.ELU': op('nn.ELU', 'alpha inplace', (alpha?: number, inplace?: boolean) => new nn.ELU(alpha, inplace)),
  'nn.GELU': op('nn.GELU', 'approximate', (approximate?: 'none') => new nn.GELU(approximate)),
  'nn.Softplus': op('nn.Softplus', 'beta threshold', (beta?: number, threshold?: number) => new nn.Softplus(beta, threshold)),
  'nn.Hardtanh': op(
    'nn.Hardtanh',
    'min_val max_val inplace',
    (min?: number, max?: number, inplace?: boolean) => new nn.Hardtanh(min, max, inplace),
  ),
  'nn.Softmax': op('nn.Softmax', 'dim', (dim: number) => new nn.Softmax(dim)),
  'nn.LogSoftmax': op('nn.LogSoftmax', 'dim', (dim: number) => new nn.LogSoftmax(dim)),
  'nn.CrossEntropyLoss': op(
    'nn.CrossEntropyLoss',
    `${classLoss} label_smoothing`,
    (weight?: Tensor, ignoreIndex?: number, reduction?: Reduction, labelSmoothing?: number) =>
      new nn.CrossEntropyLoss(options({ weight, ignoreIndex, reduction, labelSmoothing })),
  ),
  'nn.NLLLoss': op(
    'nn.NLLLoss',
    classLoss,
    (weight?: Tensor, ignoreIndex?: number, reduction?: Reduction) => new nn.NLLLoss(options({ weight, ignoreIndex, reduction })),
  ),
  'nn.SmoothL1Loss': op(
    'nn.SmoothL1Loss',
    'size_average=null reduce=null reduction beta',
    (reduction?: Reduction, beta?: number) => new nn.SmoothL1Loss(options({ reduction, beta })),
  ),
  'nn.HuberLoss': op('nn.HuberLoss', 'reduction delta', (reduction?: Reduction, delta?: number) => new nn.HuberLoss(reduction, delta)),
  'nn.PoissonNLLLoss': op(
    'nn.PoissonNLLLoss',
    'log_input full size_average=null eps reduce=null reduction',
    (log?: boolean, full?: boolean, eps?: number, reduction?: Reduction) => new nn.PoissonNLLLoss(log, full, options({ eps, reduction })),
  ),
  'nn.GaussianNLLLoss': op(
    'nn.GaussianNLLLoss',
    'full eps reduction',
    (full?: boolean, eps?: number, reduction?: Reduction) => new nn.GaussianNLLLoss(options({ full, eps, reduction })),
  ),
  'nn.KLDivLoss': op(
    'nn.KLDivLoss',
    'size_average=null reduce=null reduction log_target',
    (reduction?: 'batchmean', logTarget?: boolean) => new nn.KLDivLoss(options({ reduction, logTarget })),
  ),
  'nn.BCELoss': op(
    'nn.BCELoss',
    'weight size_average=null reduce=null reduction',
    (weight?: Tensor, reduction?: Reduction) => new nn.BCELoss(weight, options({ reduction })),
  ),
  'nn.BCEWithLogitsLoss': op(
    'nn.BCEWithLogitsLoss',
    'weight size_average=null reduce=null reduction pos_weight',
    (weight?: Tensor, reduction?: Reduction, posWeight?: Tensor) => new nn.BCEWithLogitsLoss(weight, options({ reduction, posWeight })),
  ),
  'nn.SoftMarginLoss': reducedLoss('SoftMarginLoss'),
  'nn.MultiLabelMarginLoss': reducedLoss('MultiLabelMarginLoss'),
  'nn.MultiLabelSoftMarginLoss': op(
    'nn.MultiLabelSoftMarginLoss',
    'weight size_average=null reduce=null reduction',
    (weight?: Tensor, reduction?: Reduction) => new nn.MultiLabelSoftMarginLoss(weight, options({ reduction })),
  ),
  'nn.MultiMarginLoss': op(
    'nn.MultiMarginLoss',
    'p margin weight size_average=null reduce=null reduction',
    (p?: number, margin?: number, weight?: Tensor, reduction?: Reduction) =>
      new nn.MultiMarginLoss(p, margin, weight, options({ reduction })),
  ),
  'nn.HingeEmbeddingLoss': marginLoss('HingeEmbeddingLoss'),
  'nn.MarginRankingLoss': marginLoss('MarginRankingLoss'),
  'nn.CosineEmbeddingLoss': marginLoss('CosineEmbeddingLoss'),
  'nn.TripletMarginLoss': op(
    'nn.TripletMarginLoss',
    'margin p eps swap size_average=null reduce=null reduction',
    (margin?: number, p?: number, eps?: number, swap?: boolean, reduction?: Reduction) =>
      new nn.TripletMarginLoss(margin, p, eps, swap, options({ reduction })),
  ),
  'nn.TripletMarginWithDistanceLoss': op(
    'nn.TripletMarginWithDistanceLoss',
    'distance_function=null margin swap reduction',
    (margin?: number, swap?: boolean, reduction?: Reduction) => new nn.TripletMarginWithDistanceLoss(options({ margin, swap, reduction })),
  ),
  'nn.CTCLoss': op(
    'nn.CTCLoss',
    'blank reduction zero_infinity',
    (blank?: number, reduction?: Reduction, zero?: boolean) => new nn.CTCLoss(blank, reduction, zero),
  ),
  'nn.PairwiseDistance': op(
    'nn.PairwiseDistance',
    'p eps keepdim',
    (p?: number, eps?: number, keepdim?: boolean) => new nn.PairwiseDistance(p, eps, keepdim),
  ),
  'nn.CosineSimilarity': op('nn.CosineSimilarity', 'dim eps', (dim?: number, eps?: number) => new nn.CosineSimilarity(dim, eps)),
  'nn.LayerNorm': op(
    'nn.LayerNorm',
    'normalized_shape eps elementwise_affine bias',
    (shape: unknown, eps?: number, affine?: boolean, bias?: boolean) =>
      new nn.LayerNorm(Array.isArray(shape) ? numbers(shape) : (shape as number), eps, affine, bias),
  ),
  'nn.RMSNorm': op(
    'nn.RMSNorm',
    'normalized_shape eps elementwise_affine',
    (shape: unknown, eps?: number, affine?: boolean) =>
      new nn.RMSNorm(Array.isArray(shape) ? numbers(shape) : (shape as number), eps, affine),
  ),
  'nn.GroupNorm': op(
    'nn.GroupNorm',
    'num_groups num_channels eps affine bias',
    (groups: number, channels: number, eps?: number, affine?: boolean, bias?: boolean) =>
      new nn.GroupNorm(groups, channels, eps, affine, options({ bias })),
  ),
  'nn.InstanceNorm1d': instanceNorm('InstanceNorm1d'),
  'nn.InstanceNorm2d': instanceNorm('InstanceNorm2d'),
  'nn.InstanceNorm3d': instanceNorm('InstanceNorm3d'),
  'nn.Embedding': op(
    'nn.Embedding',
    'num_embeddings embedding_dim padding_idx max_norm norm_type scale_grad_by_freq sparse',
    (rows: number, size: number, padding?: number, maxNorm?: number, normType?: number, scale?: boolean, sparse?: boolean) =>
      new nn.Embedding(rows, size, padding, maxNorm, normType, scale, sparse),
  ),
  'nn.EmbeddingBag': op('nn.EmbeddingBag', 'num_embeddings embedding_dim max_norm norm_type scale_grad_by_freq mode sparse _weight=null include_last_offset padding_idx', (rows: number, size: number, maxNorm?: number, normType?: number, scale?: boolean, mode?: 'sum', sparse?: boolean, includeLastOffset?: boolean, paddingIdx?: number) => new nn.EmbeddingBag(rows, size, maxNorm, normType, scale, mode, sparse, options({ includeLastOffset, paddingIdx }))), // prettier-ignore
  'nn.Bilinear': op(
    'nn.Bilinear',
    'in1_features in2_features out_features bias',
    (a: number, b: number, out: number, bias?: boolean) => new nn.Bilinear(a, b, out, bias),
  ),
  'nn.RNNCell': op(
    'nn.RNNCell',
    'input_size hidden_size bias nonlinearity',
    (a: number, b: number, bias?: boolean, nonlinearity?: 'relu') => new nn.RNNCell(a, b, bias, nonlinearity),
  ),
  'nn.LSTMCell': op('nn.LSTMCell', 'input_size hidden_size bias', (a: number, b: number, bias?: boolean) => new nn.LSTMCell(a, b, bias)),
  'nn.GRUCell': op('nn.GRUCell', 'input_size hidden_size bias', (a: number, b: number, bias?: boolean) => new nn.GRUCell(a, b, bias)),
  'nn.RNN': op('nn.RNN', 'input_size hidden_size num_layers nonlinearity bias batch_first dropout bidirectional', (a: number, b: number, layers?: number, nonlinearity?: 'relu', bias?: boolean, batchFirst?: boolean, dropout?: number, bidirectional?: boolean) => new nn.RNN(a, b, layers, nonlinearity, bias, batchFirst, dropout, bidirectional)), // prettier-ignore
  'nn.LSTM': op('nn.LSTM', 'input_size hidden_size num_layers bias batch_first dropout bidirectional proj_size', (a: number, b: number, layers?: number, bias?: boolean, batchFirst?: boolean, dropout?: number, bidirectional?: boolean, projSize?: number) => new nn.LSTM(a, b, layers, bias, batchFirst, dropout, bidirectional, projSize)), // prettier-ignore
  'nn.GRU': op(
    'nn.GRU',
    'input_size hidden_size num_layers bias batch_first dropout bidirectional',
    (a: number, b: number, layers?: number, bias?: boolean, batchFirst?: boolean, dropout?: number, bidirectional?: boolean) =>
      new nn.GRU(a, b, layers, bias, batchFirst, dropout, bidirectional),
  ),
  'nn.MultiheadAttention': op('nn.MultiheadAttention', 'embed_dim num_heads dropout bias add_bias_kv add_zero_attn kdim vdim batch_first', (embed: number, heads: number, dropout?: number, bias?: boolean, addBiasKv?: boolean, addZeroAttn?: boolean, kdim?: number, vdim?: number, batchFirst?: boolean) => new nn.MultiheadAttention(embed, heads, dropout, bias, addBiasKv, addZeroAttn, kdim, vdim, batchFirst)), // prettier-ignore
  'nn.TransformerEncoderLayer': transformerLayer('TransformerEncoderLayer'),
  'nn.TransformerDecoderLayer': transformerLayer('TransformerDecoderLayer'),
  'nn.AdaptiveLogSoftmaxWithLoss': op(
    'nn.AdaptiveLogSoftmaxWithLoss',
    'in_features n_classes cutoffs div_value head_bias',
    (a: number, classes: number, cutoffs: unknown, divValue?: number, headBias?: boolean) =>
      new nn.AdaptiveLogSoftmaxWithLoss(a, classes, numbers(cutoffs), divValue, headBias),
  ),
  'nn.MSELoss': pairLoss('MSELoss'),
  'nn.L1Loss': pairLoss('L1Loss'),
};

type Parameters = Iterable<Tensor>;
/** Ways to run that do not change what is computed. */
const WAYS = ['foreach', 'fused', 'capturable', 'differentiable'];
type OptimizerName =
  'SGD' | 'Adam' | 'AdamW' | 'NAdam' | 'RAdam' | 'Adamax' | 'Adagrad' | 'Adadelta' | 'RMSprop' | 'Rprop' | 'ASGD' | 'Adafactor' | 'Muon';
const optimizer = (name: OptimizerName, names: Readonly<Record<string, string>>): Adapter => ({
  of: `optim.${name}`,
  random: false,
  call: ([params], kwargs) => {
    if (params instanceof Other) inexpressible('a set of parameters');
    const given: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(kwargs)) {
      if (WAYS.includes(key) && (value === false || value === null || key === 'foreach')) continue;
      const ours = names[key] ?? inexpressible(`no argument ${key}`);
      given[ours] = value;
    }
    const Optimizer: new (params: Parameters, options: never) => unknown = optim[name];
    return new Optimizer(params as Parameters, given as never);
  },
});
const SHARED = { lr: 'lr', weight_decay: 'weightDecay', maximize: 'maximize' };
const ADAM = { ...SHARED, betas: 'betas', eps: 'eps', amsgrad: 'amsgrad' };

export const OPTIMIZERS: Readonly<Record<string, Adapter>> = {
  'optim.SGD': optimizer('SGD', { ...SHARED, momentum: 'momentum', dampening: 'dampening', nesterov: 'nesterov' }),
  'optim.Adam': optimizer('Adam', ADAM),
  'optim.AdamW': optimizer('AdamW', ADAM),
  'optim.NAdam': optimizer('NAdam', {
    ...ADAM,
    momentum_decay: 'momentumDecay',
    decoupled_weight_decay: 'decoupledWeightDecay',
  }),
  'optim.RAdam': optimizer('RAdam', { ...ADAM, decoupled_weight_decay: 'decoupledWeightDecay' }),
  'optim.Adamax': optimizer('Adamax', ADAM),
  'optim.Adagrad': optimizer('Adagrad', {
    ...SHARED,
    lr_decay: 'lrDecay',
    initial_accumulator_value: 'initialAccumulatorValue',
    eps: 'eps',
  }),
  'optim.Adadelta': optimizer('Adadelta', { ...SHARED, rho: 'rho', eps: 'eps' }),
  'optim.RMSprop': optimizer('RMSprop', { ...SHARED, alpha: 'alpha', eps: 'eps', momentum: 'momentum', centered: 'centered' }),
  'optim.Rprop': optimizer('Rprop', { lr: 'lr', maximize: 'maximize', etas: 'etas', step_sizes: 'stepSizes' }),
  'optim.ASGD': optimizer('ASGD', { ...SHARED, lambd: 'lambd', alpha: 'alpha', t0: 't0' }),
  'optim.Adafactor': optimizer('Adafactor', { ...SHARED, beta2_decay: 'beta2Decay', eps: 'eps', d: 'd' }),
  'optim.Muon': optimizer('Muon', {
    ...SHARED,
    momentum: 'momentum',
    nesterov: 'nesterov',
    ns_coefficients: 'nsCoefficients',
    eps: 'eps',
    ns_steps: 'nsSteps',
    adjust_lr_fn: 'adjustLrFn',
  }),
};
