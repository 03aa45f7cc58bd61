/** Batch normalisation in eval mode taken into the layer before it. */
import { BOOL, kind, NUMBER } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { readCall, signature } from '../../base/signature.ts';
import { TENSOR, TENSOR_OR_NULL } from '../../tensor/arguments.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { deepcopy } from '../deepcopy.ts';
import { ModuleBase } from '../module-base.ts';
import { Parameter } from '../parameter.ts';

type Weighted = ModuleBase & { weight: Tensor; bias: Tensor | null };
type Norm = ModuleBase & {
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
  readonly eps: number;
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
};

const field = (value: unknown, name: string): unknown => (value as Readonly<Record<string, unknown>>)[name];
const LAYER = kind('a layer with a weight', (value) => value instanceof ModuleBase && isTensor(field(value, 'weight')));
const NORM = kind(
  'a batch normalisation with running statistics',
  (value) => value instanceof ModuleBase && statisticsOf(value) !== undefined,
);

/** Fields are called as in PyTorch, or as ours. */
function statisticsOf(norm: ModuleBase): { mean: Tensor; variance: Tensor } | undefined {
  const [mean, variance] = [
    field(norm, 'running_mean') ?? field(norm, 'runningMean'),
    field(norm, 'running_var') ?? field(norm, 'runningVar'),
  ];
  return isTensor(mean) && isTensor(variance) ? { mean, variance } : undefined;
}

interface FuseConvOptions {
  conv: Weighted;
  bn: Norm;
  transpose?: boolean;
}
const CONV = signature<FuseConvOptions>(
  'fuseConvBnEval',
  { conv: LAYER, bn: NORM, transpose: BOOL },
  { required: 2, example: 'fuseConvBnEval(conv, bn)' },
);
const LINEAR = signature<{ linear: Weighted; bn: Norm }>(
  'fuseLinearBnEval',
  { linear: LAYER, bn: NORM },
  { required: 2, example: 'fuseLinearBnEval(linear, bn)' },
);

/** A copy of the layer whose outputs are scaled and shifted as the normalisation does; `dim` is the weight's one of outputs. */
function fused<L extends Weighted>(op: string, layer: L, bn: Norm, dim: number): L {
  if (layer.training || bn.training) throw new ArgumentError(`${op}: both layers have to be in eval mode; call eval()`);
  const copy = deepcopy(layer);
  const { mean, variance } = statisticsOf(bn)!;
  const [weight, bias] = fusedWeights({ weight: layer.weight, bias: layer.bias, mean, variance, eps: bn.eps, scale: bn.weight, shift: bn.bias, dim }); // prettier-ignore
  copy.weight = weight;
  copy.registerParameter('bias', bias);
  return copy;
}

interface Fusing {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly eps: number;
  readonly scale: Tensor | null;
  readonly shift: Tensor | null;
  readonly dim: number;
}

function fusedWeights({ weight, bias, mean, variance, eps, scale, shift, dim }: Fusing): [Parameter, Parameter] {
  return withGradMode(false, () => {
    const one: Tensor = variance.add(eps).rsqrt();
    const factor: Tensor = scale === null ? one : one.mul(scale);
    const shape = weight.layout.shape.map((_, i) => (i === dim ? -1 : 1));
    const shifted: Tensor = bias === null ? mean.neg() : bias.sub(mean);
    const moved: Tensor = shift === null ? shifted.mul(factor) : shifted.mul(factor).add(shift);
    return [
      new Parameter(weight.mul(factor.reshape(...shape)).to(weight.dtype), weight.requiresGrad),
      new Parameter(moved.to((bias ?? weight).dtype), bias?.requiresGrad ?? false),
    ];
  });
}

/**
 * A convolution that does what a convolution and a batch normalisation in eval mode do after each other; both stay as they are.
 *
 * @param transpose for transposed convolutions
 * @throws ArgumentError in training mode
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.fuse_conv_bn_eval.html
 */
export function fuseConvBnEval<C extends ModuleBase>(conv: C, bn: ModuleBase, transpose?: boolean | { readonly transpose?: boolean }): C;
export function fuseConvBnEval(...args: readonly unknown[]): ModuleBase {
  const { conv, bn, transpose = false } = readCall(CONV, args);
  return fused(CONV.op, conv, bn, transpose ? 1 : 0);
}

/** As {@link fuseConvBnEval}, of a linear layer (https://pytorch.org/docs/stable/generated/torch.nn.utils.fuse_linear_bn_eval.html). */
export function fuseLinearBnEval<L extends ModuleBase>(linear: L, bn: ModuleBase): L;
export function fuseLinearBnEval(...args: readonly unknown[]): ModuleBase {
  const { linear, bn } = readCall(LINEAR, args);
  return fused(LINEAR.op, linear, bn, 0);
}

interface ConvWeights {
  readonly convW: Tensor;
  readonly convB: Tensor | null;
  readonly bnRm: Tensor;
  readonly bnRv: Tensor;
  readonly bnEps: number;
  readonly bnW: Tensor | null;
  readonly bnB: Tensor | null;
  readonly transpose?: boolean;
}
const STATISTICS = { bnRm: TENSOR, bnRv: TENSOR, bnEps: NUMBER, bnW: TENSOR_OR_NULL, bnB: TENSOR_OR_NULL };
const CONV_WEIGHTS = signature<ConvWeights>(
  'fuseConvBnWeights',
  { convW: TENSOR, convB: TENSOR_OR_NULL, ...STATISTICS, transpose: BOOL },
  { required: 7, example: 'fuseConvBnWeights(conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias)' },
);

/**
 * The weight and the bias of {@link fuseConvBnEval}, of those of both layers; null stands for none
 * (https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.fuse_conv_bn_weights.html).
 */
export function fuseConvBnWeights(convW: Tensor, convB: Tensor | null, bnRm: Tensor, bnRv: Tensor, bnEps: number, bnW: Tensor | null, bnB: Tensor | null, transpose?: boolean | { readonly transpose?: boolean }): [weight: Parameter, bias: Parameter]; // prettier-ignore
export function fuseConvBnWeights(call: ConvWeights): [weight: Parameter, bias: Parameter];
export function fuseConvBnWeights(...args: readonly unknown[]): [Parameter, Parameter] {
  const { convW: weight, convB: bias, bnRm: mean, bnRv: variance, bnEps: eps, bnW: scale, bnB: shift, transpose = false } = readCall(CONV_WEIGHTS, args); // prettier-ignore
  return fusedWeights({ weight, bias, mean, variance, eps, scale, shift, dim: transpose ? 1 : 0 });
}

interface LinearWeights extends Omit<ConvWeights, 'convW' | 'convB' | 'transpose'> {
  readonly linearW: Tensor;
  readonly linearB: Tensor | null;
  readonly bnW: Tensor;
  readonly bnB: Tensor;
}
const LINEAR_WEIGHTS = signature<LinearWeights>(
  'fuseLinearBnWeights',
  { linearW: TENSOR, linearB: TENSOR_OR_NULL, ...STATISTICS, bnW: TENSOR, bnB: TENSOR },
  { required: 7, example: 'fuseLinearBnWeights(linear.weight, linear.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias)' },
);

/** As {@link fuseConvBnWeights}, of a linear layer (https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.fuse_linear_bn_weights.html). */
export function fuseLinearBnWeights(linearW: Tensor, linearB: Tensor | null, bnRm: Tensor, bnRv: Tensor, bnEps: number, bnW: Tensor, bnB: Tensor): [weight: Parameter, bias: Parameter]; // prettier-ignore
export function fuseLinearBnWeights(call: LinearWeights): [weight: Parameter, bias: Parameter];
export function fuseLinearBnWeights(...args: readonly unknown[]): [Parameter, Parameter] {
  const { linearW: weight, linearB: bias, bnRm: mean, bnRv: variance, bnEps: eps, bnW: scale, bnB: shift } = readCall(LINEAR_WEIGHTS, args);
  return fusedWeights({ weight, bias, mean, variance, eps, scale, shift, dim: 0 });
}
