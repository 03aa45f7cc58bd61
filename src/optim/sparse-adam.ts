/** SparseAdam, which there is no use for: tensors here are dense. */
import { ArgumentError } from '../base/errors.ts';

/**
 * Refused: there are no sparse gradients here.
 * @see https://pytorch.org/docs/stable/generated/torch.optim.SparseAdam.html
 */
// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- `new optim.SparseAdam(…)` says why it is not there
export class SparseAdam {
  /** @throws ArgumentError always */
  constructor(..._args: readonly unknown[]) {
    throw new ArgumentError('SparseAdam: there are no sparse tensors here, so gradients are dense; use optim.Adam');
  }
}
