/** Weights as a length and a direction (T. Salimans and D. Kingma, Weight Normalization, 2016), in PyTorch's older form of two parameters and a hook. */
import { orNull, WHOLE } from '../../base/arguments.ts';
import { ArgumentError, IndexError } from '../../base/errors.ts';
import { readCall, signature } from '../../base/signature.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { vectorNorm } from '../../tensor/linalg.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ModuleBase } from '../module-base.ts';
import { Parameter } from '../parameter.ts';
import { compute, computingHooks, fieldOf, MODULE, NAME, parameterAt, setComputed, stopComputing, takeOut } from './computed.ts';

/** The norm over all dimensions but one, which stay with size 1; over all where the dimension is null or -1, as in PyTorch. */
export function normExceptDim(x: Tensor, dim: number | null): Tensor {
  if (dim === null || dim === -1) return vectorNorm(x);
  if (dim < 0 || dim >= x.ndim)
    throw new IndexError(`weightNorm: expected dim to be null, -1 or a dimension of a tensor of ${x.ndim}, but got ${dim}`);
  const others = x.layout.shape.map((_, i) => i).filter((i) => i !== dim);
  return others.length === 0 ? x.abs() : vectorNorm(x, 2, others, true);
}

/** The weight of a length g and a direction v. */
export const weightOf = (v: Tensor, g: Tensor, dim: number | null): Tensor => v.mul(g.div(normExceptDim(v, dim)));

export interface WeightNormCall<M = ModuleBase> {
  module: M;
  name?: string;
  dim?: number | null;
}
const WEIGHT_NORM = signature<WeightNormCall>(
  'weightNorm',
  { module: MODULE, name: NAME, dim: orNull(WHOLE) },
  { required: 1, example: 'nn.utils.weightNorm(layer)' },
);
const REMOVE = signature<{ module: ModuleBase; name?: string }>(
  'removeWeightNorm',
  { module: MODULE, name: NAME },
  { required: 1, example: 'nn.utils.removeWeightNorm(layer)' },
);

/** Marks the hook. */
class WeightNormHook {
  readonly name: string;
  readonly dim: number | null;
  constructor(name: string, dim: number | null) {
    this.name = name;
    this.dim = dim;
  }
}

function recompute(module: ModuleBase, { name, dim }: WeightNormHook): void {
  setComputed(module, name, weightOf(fieldOf(module, `${name}_v`) as Tensor, fieldOf(module, `${name}_g`) as Tensor, dim));
}

/**
 * Puts a length `weight_g` and a direction `weight_v` in a weight's place, of which it is computed before every forward
 * (https://pytorch.org/docs/stable/generated/torch.nn.utils.weight_norm.html). {@link removeWeightNorm} undoes that. The newer form is
 * `nn.utils.parametrizations.weightNorm`, which takes state dicts of this one, too.
 * @param dim the dimension that has a length for each of its places; null for one length
 * @throws ArgumentError where there is no such parameter, or it is normalised already
 * @example
 * import { nn } from 'flambeau';
 * const layer = nn.utils.weightNorm(new nn.Linear(20, 40));
 * console.log([...layer.stateDict()].map(([key, { shape }]) => `${key} ${shape.join('x')}`).join()); // bias 40,weight_g 40x1,weight_v 40x20
 */
export function weightNorm<M extends ModuleBase>(
  module: M | WeightNormCall<M>,
  name?: string | Omit<WeightNormCall, 'module'>,
  dim?: number | null | { dim?: number | null },
): M;
export function weightNorm(...args: readonly unknown[]): ModuleBase {
  const { module, name = 'weight', dim = 0 } = readCall(WEIGHT_NORM, args);
  if (found(module, name) !== undefined) throw new ArgumentError(`weightNorm: '${name}' of ${module.typeName()} is normalised already`);
  const weight = parameterAt('weightNorm', module, name);
  const length = withGradMode(false, () => normExceptDim(weight.detach(), dim));
  takeOut(module, name);
  module.registerParameter(`${name}_g`, new Parameter(length));
  module.registerParameter(`${name}_v`, new Parameter(weight.detach()));
  const norm = new WeightNormHook(name, dim);
  compute(module, norm, (of) => recompute(of, norm));
  recompute(module, norm);
  return module;
}

const found = (module: ModuleBase, name: string): ReturnType<typeof computingHooks>[number] | undefined =>
  computingHooks(module).find(({ of }) => of instanceof WeightNormHook && of.name === name);

/**
 * Makes the weight a parameter again (https://pytorch.org/docs/stable/generated/torch.nn.utils.remove_weight_norm.html).
 * @throws ArgumentError where it is not normalised
 */
export function removeWeightNorm<M extends ModuleBase>(module: M | { module: M; name?: string }, name?: string | { name?: string }): M;
export function removeWeightNorm(...args: readonly unknown[]): ModuleBase {
  const { module, name = 'weight' } = readCall(REMOVE, args);
  const hook = found(module, name);
  if (hook === undefined) throw new ArgumentError(`removeWeightNorm: '${name}' of ${module.typeName()} is not normalised by weightNorm`);
  withGradMode(false, () => recompute(module, hook.of as WeightNormHook));
  const weight = fieldOf(module, name) as Tensor;
  for (const taken of [name, `${name}_g`, `${name}_v`]) takeOut(module, taken);
  stopComputing(module, hook);
  module.registerParameter(name, new Parameter(weight.detach()));
  return module;
}
