/**
 * Gradients kept within bounds before an optimizer's step (R. Pascanu et al., On the difficulty of training recurrent neural
 * networks, 2013).
 */
import { ArgumentError } from '../base/errors.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { zeros } from '../tensor/create.ts';
import { stack } from '../tensor/functions.ts';
import type { Tensor } from '../tensor/tensor.ts';

const gradsOf = (parameters: Iterable<Tensor>): Tensor[] =>
  [...parameters].map((parameter) => parameter.grad).filter((grad) => grad !== null);

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
  if (!(maxNorm > 0))
    throw new ArgumentError(`clipGradNorm_: expected maxNorm to be a positive number, but got ${maxNorm}`);
  if (normType !== 2 && normType !== Infinity) {
    throw new ArgumentError(`clipGradNorm_: expected normType to be 2 or Infinity, but got ${String(normType)}`);
  }
  return withGradMode(false, () => {
    const grads = gradsOf(parameters);
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
  if (!(clipValue > 0)) throw new ArgumentError(`clipGradValue_: expected a positive number, but got ${clipValue}`);
  withGradMode(false, () => {
    for (const grad of gradsOf(parameters)) grad.copy_(grad.clamp({ min: -clipValue, max: clipValue }));
  });
}
