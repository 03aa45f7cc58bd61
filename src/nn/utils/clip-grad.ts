/**
 * Gradients kept within bounds before an optimizer's step (R. Pascanu et al., On the difficulty of training recurrent neural
 * networks, 2013).
 */
import { ITERABLE, kind, listOf, requireKind } from '../../base/arguments.ts';
import { requireTensor } from '../../tensor/arguments.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { zeros } from '../../tensor/create.ts';
import { stack } from '../../tensor/functions.ts';
import type { Tensor } from '../../tensor/tensor.ts';

const ABOVE_ZERO = kind('a positive number', (value) => typeof value === 'number' && value > 0);
const NORM = kind('2 or Infinity', (value) => value === 2 || value === Infinity);

/** The parameters, checked: one tensor, or several as `model.parameters()` gives them. */
function parametersOf(op: string, parameters: unknown): Tensor[] {
  requireKind(op, 'the parameters', parameters, ITERABLE, 'pass model.parameters()');
  const list = listOf(op, 'the parameters', parameters as Iterable<unknown>);
  for (const parameter of list) requireTensor(op, 'every parameter', parameter, 'pass model.parameters()');
  return list as Tensor[];
}

const gradsOf = (parameters: readonly Tensor[]): Tensor[] =>
  parameters.map((parameter) => parameter.grad).filter((grad) => grad !== null);

/**
 * Scales the gradients of all parameters in place so that the norm of all their elements together is at most `maxNorm`, and
 * returns the norm that it was, a scalar tensor. Parameters without a gradient are left alone. What is returned is not read, so this
 * works inside a compiled function. https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
 *
 * @param normType 2 (default), or `Infinity` for the largest absolute element
 * @throws ArgumentError for a maximum that is not a positive number, or another norm
 * @example
 * import { nn, tensor } from 'flambeau';
 * const w = new nn.Parameter(tensor([3, 4]));
 * w.mul(tensor([3, 4])).sum().backward(); // the gradient is [3, 4]
 * const norm = nn.utils.clipGradNorm_([w], 1);
 * console.log(norm.item()); // 5
 * console.log(Math.hypot(...w.grad!.tolist() as number[]) < 1.000001); // true
 */
export function clipGradNorm_(parameters: Iterable<Tensor>, maxNorm: number, normType = 2): Tensor {
  const list = parametersOf('clipGradNorm_', parameters);
  requireKind('clipGradNorm_', 'maxNorm', maxNorm, ABOVE_ZERO);
  requireKind('clipGradNorm_', 'normType', normType, NORM);
  return withGradMode(false, () => {
    const grads = gradsOf(list);
    if (grads.length === 0) return zeros([]);
    const norms = grads.map((grad) => (normType === 2 ? grad.mul(grad).sum() : grad.abs().max()));
    const all = stack(norms);
    const norm = normType === 2 ? all.sum().sqrt() : all.max();
    const scale = norm.add(1e-6).reciprocal().mul(maxNorm).clamp({ max: 1 });
    for (const grad of grads) grad.mul_(scale);
    return norm;
  });
}

/**
 * Clamps every element of the gradients to [-clipValue, clipValue], in place.
 * https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html
 *
 * @throws ArgumentError for a value that is not a positive number
 * @example
 * import { nn, tensor } from 'flambeau';
 * const w = new nn.Parameter(tensor([3, -4]));
 * w.mul(tensor([3, -0.5])).sum().backward();
 * nn.utils.clipGradValue_([w], 1);
 * console.log(w.grad!.tolist()); // [ 1, -0.5 ]
 */
export function clipGradValue_(parameters: Iterable<Tensor>, clipValue: number): void {
  const list = parametersOf('clipGradValue_', parameters);
  requireKind('clipGradValue_', 'clipValue', clipValue, ABOVE_ZERO);
  withGradMode(false, () => {
    for (const grad of gradsOf(list)) grad.copy_(grad.clamp({ min: -clipValue, max: clipValue }));
  });
}
