/** Batch normalisation in eval mode taken into the layer before it. */
import { BOOL, kind } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { readCall, signature } from '../../base/signature.ts';
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
const NORM = kind('a batch normalisation with running statistics', (value) => value instanceof ModuleBase && statisticsOf(value) !== undefined); // prettier-ignore

/** Fields are called as in PyTorch, or as ours. */
function statisticsOf(norm: ModuleBase): { mean: Tensor; variance: Tensor } | undefined {
  const [mean, variance] = [field(norm, 'running_mean') ?? field(norm, 'runningMean'), field(norm, 'running_var') ?? field(norm, 'runningVar')]; // prettier-ignore
  return isTensor(mean) && isTensor(variance) ? { mean, variance } : undefined;
}

interface FuseConvOptions {
  conv: Weighted;
  bn: Norm;
  transpose?: boolean;
}
const CONV = signature<FuseConvOptions>('fuseConvBnEval', { conv: LAYER, bn: NORM, transpose: BOOL }, { required: 2, example: 'fuseConvBnEval(conv, bn)' }); // prettier-ignore
const LINEAR = signature<{ linear: Weighted; bn: Norm }>('fuseLinearBnEval', { linear: LAYER, bn: NORM }, { required: 2, example: 'fuseLinearBnEval(linear, bn)' }); // prettier-ignore

/** A copy of the layer whose outputs are scaled and shifted as the normalisation does; `dim` is the weight's one of outputs. */
function fused<L extends Weighted>(op: string, layer: L, bn: Norm, dim: number): L {
  if (layer.training || bn.training) throw new ArgumentError(`${op}: both layers have to be in eval mode; call eval()`);
  const copy = deepcopy(layer);
  const { mean, variance } = statisticsOf(bn)!;
  withGradMode(false, () => {
    const scale: Tensor = variance.add(bn.eps).rsqrt();
    const weighted: Tensor = bn.weight === null ? scale : scale.mul(bn.weight);
    const shape = layer.weight.layout.shape.map((_, i) => (i === dim ? -1 : 1));
    const shifted: Tensor = layer.bias === null ? mean.neg() : layer.bias.sub(mean);
    const bias: Tensor = bn.bias === null ? shifted.mul(weighted) : shifted.mul(weighted).add(bn.bias);
    const learns = layer.bias?.requiresGrad ?? false;
    copy.weight = new Parameter(layer.weight.mul(weighted.reshape(...shape)) as Tensor, layer.weight.requiresGrad);
    copy.registerParameter('bias', new Parameter(bias, learns));
  });
  return copy;
}

/**
 * A convolution that does what a convolution and a batch normalisation in eval mode do after each other; both stay as they are.
 *
 * @param transpose for transposed convolutions
 * @throws ArgumentError in training mode
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.fuse_conv_bn_eval.html
 */
export function fuseConvBnEval<C extends ModuleBase>(conv: C, bn: ModuleBase, transpose?: boolean | { readonly transpose?: boolean }): C; // prettier-ignore
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
