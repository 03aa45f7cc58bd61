/** Buffers: tensors that belong to a module's state and are not learned. */
import { BOOL, requireOptions } from '../base/arguments.ts';
import { requireTensor } from '../tensor/arguments.ts';
import { Tensor } from '../tensor/tensor.ts';

/**
 * A tensor that becomes a buffer of the module to whose field it is assigned, as with `registerBuffer`: it is in the state dict, unless
 * `persistent` is false, and moves with the module, but optimizers do not get it
 * (https://pytorch.org/docs/stable/generated/torch.nn.parameter.Buffer.html). It shares the memory of the tensor it is made from.
 * @example
 * import { nn, zeros, type Tensor } from 'flambeau';
 * class Centred extends nn.Module {
 *   mean = new nn.Buffer(zeros(3));
 *   forward(x: Tensor): Tensor {
 *     return x.sub(this.mean);
 *   }
 * }
 * if ([...new Centred().stateDict().keys()].join() !== 'mean') throw new Error('one buffer');
 */
export class Buffer extends Tensor {
  /** Whether it is in the state dict. */
  readonly persistent: boolean;

  constructor(data: Tensor, options: { readonly persistent?: boolean } = {}) {
    requireTensor('Buffer', 'data', data);
    const { persistent = true } = requireOptions<{ persistent?: boolean }>(
      'Buffer',
      options,
      { persistent: BOOL },
      'new nn.Buffer(data, { persistent: false })',
    );
    super(data.storage, data.layout, data.offset);
    this.persistent = persistent;
    if (data.requiresGrad) this.requiresGrad = true;
  }
}
