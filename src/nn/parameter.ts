/** Parameters: the tensors that a module learns. */
import { BOOL, requireOptions } from '../base/arguments.ts';
import { requireTensor } from '../tensor/arguments.ts';
import { Tensor } from '../tensor/tensor.ts';

/**
 * A tensor that belongs to a module and requires gradients (https://pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html).
 * It shares the memory of the tensor it is made from.
 * @example
 * import { nn, tensor } from 'flambeau';
 * const conv = new nn.Conv2d(1, 1, 2, { bias: false });
 * conv.weight = new nn.Parameter(tensor([[[[0, 1], [2, 3]]]]));
 */
export class Parameter extends Tensor {
  constructor(data: Tensor, requiresGrad: boolean | { readonly requiresGrad?: boolean } = true) {
    requireTensor('Parameter', 'data', data);
    const requires = typeof requiresGrad === 'boolean' ? requiresGrad : requireOptions<{ requiresGrad?: boolean }>('Parameter', requiresGrad, { requiresGrad: BOOL }, 'new nn.Parameter(data, { requiresGrad: false })').requiresGrad ?? true; // prettier-ignore
    super(data.storage, data.layout, data.offset);
    this.requiresGrad = requires;
  }

  override toString(): string {
    return `Parameter containing:\n${super.toString()}`;
  }
}
