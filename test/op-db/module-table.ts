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
const norm = (Norm: typeof nn.BatchNorm1d | typeof nn.BatchNorm2d, name: string): Adapter =>
  op(`nn.${name}`, 'features eps momentum? affine track_running_stats bias=true', (features: number, eps?: number, momentum?: number | null, affine?: boolean, trackRunningStats?: boolean) =>
    new Norm(features, options({ eps, momentum, affine, trackRunningStats }))); // prettier-ignore
const classLoss = 'weight size_average=null ignore_index reduce=null reduction';
const pairLoss = (name: 'MSELoss' | 'L1Loss'): Adapter =>
  op(`nn.${name}`, 'size_average=null reduce=null reduction', (reduction?: Reduction) => new nn[name](options({ reduction }))); // prettier-ignore

/** The constructors; a sample's call is then a call of the module. */
export const MODULES: Readonly<Record<string, Adapter>> = {
  'nn.Linear': op('nn.Linear', 'in out bias', (a: number, b: number, bias?: boolean) => new nn.Linear(a, b, options({ bias }))), // prettier-ignore
  'nn.Conv2d': op('nn.Conv2d', 'in out kernel stride padding dilation groups bias padding_mode="zeros"', (a: number, b: number, kernel: unknown, stride: unknown, padding: unknown, dilation: unknown, groups?: number, bias?: boolean) =>
    new nn.Conv2d(a, b, pair(kernel)!, options({ stride: pair(stride), padding: pair(padding), dilation: pair(dilation), groups, bias }) as never)), // prettier-ignore
  'nn.ConvTranspose2d': op('nn.ConvTranspose2d', 'in out kernel stride padding output_padding groups bias dilation', (a: number, b: number, kernel: unknown, stride: unknown, padding: unknown, outputPadding: unknown, groups?: number, bias?: boolean, dilation?: unknown) =>
    new nn.ConvTranspose2d(a, b, pair(kernel)!, options({ stride: pair(stride), padding: pair(padding), outputPadding: pair(outputPadding), groups, bias, dilation: pair(dilation) }) as never)), // prettier-ignore
  'nn.BatchNorm1d': norm(nn.BatchNorm1d, 'BatchNorm1d'),
  'nn.BatchNorm2d': norm(nn.BatchNorm2d, 'BatchNorm2d'),
  'nn.MaxPool2d': op('nn.MaxPool2d', 'kernel stride padding dilation return_indices=false ceil_mode', (kernel: unknown, stride: unknown, padding: unknown, dilation: unknown, ceilMode?: boolean) =>
    new nn.MaxPool2d(pair(kernel)!, pair(stride), options({ padding: pair(padding), dilation: pair(dilation), ceilMode }))), // prettier-ignore
  'nn.AvgPool2d': op('nn.AvgPool2d', 'kernel stride padding ceil_mode count_include_pad divisor_override', (kernel: unknown, stride: unknown, padding: unknown, ceilMode?: boolean, countIncludePad?: boolean, divisorOverride?: number) =>
    new nn.AvgPool2d(pair(kernel)!, pair(stride), options({ padding: pair(padding), ceilMode, countIncludePad, divisorOverride }))), // prettier-ignore
  'nn.AdaptiveAvgPool2d': op('nn.AdaptiveAvgPool2d', 'size', (size: unknown) => new nn.AdaptiveAvgPool2d(pair(size)!)),
  'nn.AdaptiveMaxPool2d': op(
    'nn.AdaptiveMaxPool2d',
    'size return_indices=false',
    (size: unknown) => new nn.AdaptiveMaxPool2d(pair(size)!),
  ),
  'nn.ReLU': op('nn.ReLU', 'inplace', (inplace?: boolean) => new nn.ReLU(inplace)),
  'nn.ReLU6': op('nn.ReLU6', 'inplace', (inplace?: boolean) => new nn.ReLU6(inplace)),
  'nn.SiLU': op('nn.SiLU', 'inplace', (inplace?: boolean) => new nn.SiLU(inplace)),
  'nn.Hardswish': op('nn.Hardswish', 'inplace', (inplace?: boolean) => new nn.Hardswish(inplace)),
  'nn.Hardsigmoid': op('nn.Hardsigmoid', 'inplace', (inplace?: boolean) => new nn.Hardsigmoid(inplace)),
  'nn.Sigmoid': op('nn.Sigmoid', IDLE, () => new nn.Sigmoid()),
  'nn.Tanh': op('nn.Tanh', IDLE, () => new nn.Tanh()),
  'nn.LeakyReLU': op('nn.LeakyReLU', 'negative_slope inplace', (slope?: number, inplace?: boolean) => new nn.LeakyReLU(slope, inplace)), // prettier-ignore
  'nn.SELU': op('nn.SELU', 'inplace', (inplace?: boolean) => new nn.SELU(inplace)),
  'nn.Mish': op('nn.Mish', 'inplace', (inplace?: boolean) => new nn.Mish(inplace)),
  'nn.CELU': op('nn.CELU', 'alpha inplace', (alpha?: number, inplace?: boolean) => new nn.CELU(alpha, inplace)),
  'nn.Hardshrink': op('nn.Hardshrink', 'lambd', (lambd?: number) => new nn.Hardshrink(lambd)),
  'nn.Softshrink': op('nn.Softshrink', 'lambd', (lambd?: number) => new nn.Softshrink(lambd)),
  'nn.Tanhshrink': op('nn.Tanhshrink', IDLE, () => new nn.Tanhshrink()),
  'nn.Softsign': op('nn.Softsign', IDLE, () => new nn.Softsign()),
  'nn.LogSigmoid': op('nn.LogSigmoid', IDLE, () => new nn.LogSigmoid()),
  'nn.Threshold': op('nn.Threshold', 'threshold value inplace', (threshold: number, value: number, inplace?: boolean) => new nn.Threshold(threshold, value, inplace)), // prettier-ignore
  'nn.PReLU': op('nn.PReLU', 'num_parameters init', (n?: number, init?: number) => new nn.PReLU(n, init)),
  'nn.RReLU': { ...op('nn.RReLU', 'lower upper inplace', (lower?: number, upper?: number, inplace?: boolean) => new nn.RReLU(lower, upper, inplace)), random: true }, // prettier-ignore
  'nn.GLU': op('nn.GLU', 'dim', (dim?: number) => new nn.GLU(dim)),
  'nn.Softmin': op('nn.Softmin', 'dim', (dim?: number) => new nn.Softmin(dim)),
  'nn.Softmax2d': op('nn.Softmax2d', IDLE, () => new nn.Softmax2d()),
  'nn.ELU': op('nn.ELU', 'alpha inplace', (alpha?: number, inplace?: boolean) => new nn.ELU(alpha, inplace)),
  'nn.GELU': op('nn.GELU', 'approximate', (approximate?: 'none') => new nn.GELU(approximate)),
  'nn.Softplus': op('nn.Softplus', 'beta threshold', (beta?: number, threshold?: number) => new nn.Softplus(beta, threshold)), // prettier-ignore
  'nn.Hardtanh': op(
    'nn.Hardtanh',
    'min_val max_val inplace',
    (min?: number, max?: number, inplace?: boolean) => new nn.Hardtanh(min, max, inplace),
  ),
  'nn.Softmax': op('nn.Softmax', 'dim', (dim: number) => new nn.Softmax(dim)),
  'nn.LogSoftmax': op('nn.LogSoftmax', 'dim', (dim: number) => new nn.LogSoftmax(dim)),
  'nn.CrossEntropyLoss': op('nn.CrossEntropyLoss', `${classLoss} label_smoothing`, (weight?: Tensor, ignoreIndex?: number, reduction?: Reduction, labelSmoothing?: number) =>
    new nn.CrossEntropyLoss(options({ weight, ignoreIndex, reduction, labelSmoothing }))), // prettier-ignore
  'nn.NLLLoss': op(
    'nn.NLLLoss',
    classLoss,
    (weight?: Tensor, ignoreIndex?: number, reduction?: Reduction) =>
      new nn.NLLLoss(options({ weight, ignoreIndex, reduction })),
  ),
  'nn.MSELoss': pairLoss('MSELoss'),
  'nn.L1Loss': pairLoss('L1Loss'),
};

type Parameters = Iterable<Tensor>;
/** Ways to run that do not change what is computed. */
const WAYS = ['foreach', 'fused', 'capturable', 'differentiable'];
type OptimizerName = 'SGD' | 'Adam' | 'AdamW' | 'NAdam' | 'RAdam' | 'Adamax' | 'Adagrad' | 'Adadelta' | 'RMSprop' | 'Rprop' | 'ASGD' | 'Adafactor' | 'Muon'; // prettier-ignore
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
  'optim.RMSprop': optimizer('RMSprop', { ...SHARED, alpha: 'alpha', eps: 'eps', momentum: 'momentum', centered: 'centered' }), // prettier-ignore
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
