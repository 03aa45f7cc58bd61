/** Parameters as one vector, and back. */
import { ITERABLE, listOf, requireKind } from '../../base/arguments.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { showSizes } from '../../base/shape.ts';
import { requireTensor } from '../../tensor/arguments.ts';
import { cat } from '../../tensor/functions.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import type { Tensor } from '../../tensor/tensor.ts';

function parametersOf(op: string, parameters: Iterable<Tensor>): Tensor[] {
  requireKind(op, 'the parameters', parameters, ITERABLE, 'pass model.parameters()');
  const list = listOf(op, 'the parameters', parameters);
  for (const parameter of list) requireTensor(op, 'every parameter', parameter, 'pass model.parameters()');
  if (list.length === 0) throw new ArgumentError(`${op}: got no parameters; pass model.parameters()`);
  return list;
}

/**
 * All parameters as one vector; gradients flow back to them.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.parameters_to_vector.html
 * @example
 * import { nn } from 'flambeau';
 * const model = new nn.Linear(2, 1);
 * const vector = nn.utils.parametersToVector(model.parameters());
 * nn.utils.vectorToParameters(vector.detach().mul(2), model.parameters());
 * console.log(vector.shape); // [ 3 ]
 */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  return cat(parametersOf('parametersToVector', parameters).map((parameter) => parameter.reshape(-1) as Tensor));
}

/**
 * Copies the parts of a vector into the parameters; what is left over is passed over, as in PyTorch.
 * @throws ShapeError where the vector is too short
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.vector_to_parameters.html
 */
export function vectorToParameters(vec: Tensor, parameters: Iterable<Tensor>): void {
  requireTensor('vectorToParameters', 'the vector', vec);
  const list = parametersOf('vectorToParameters', parameters);
  const needed = list.reduce((sum, { layout }) => sum + layout.numel, 0);
  if (vec.ndim !== 1 || vec.layout.numel < needed)
    throw new ShapeError(`vectorToParameters: expected a vector of ${needed} elements, but got ${showSizes(vec.layout.shape)}`);
  withGradMode(false, () => {
    let at = 0;
    for (const parameter of list) {
      const { numel, shape } = parameter.layout;
      parameter.copy_(vec.narrow(0, at, numel).reshape(...shape));
      at += numel;
    }
  });
}
