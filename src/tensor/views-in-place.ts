/** Views in place (https://pytorch.org/docs/stable/generated/torch.Tensor.unsqueeze_.html): the tensor itself takes the shape of a view of it. */
import { AutogradError } from '../base/errors.ts';
import { isGradEnabled } from './grad-mode.ts';
import { forbidWhileRecording } from './recorder.ts';
import { become } from './tensor-base.ts';
import type { Tensor } from './tensor.ts';

/**
 * Makes of a tensor what a view of it shows; memory and other views stay as they are.
 * @throws AutogradError for a leaf that requires gradients, CompileError while a compiled function is recorded
 */
export function viewedInPlace(op: string, x: Tensor, view: (x: Tensor) => Tensor): Tensor {
  forbidWhileRecording(`${op}: this changes the shape of a tensor that is there`, `use ${op.slice(0, -1)}(), whose result is a view`);
  const shown = view(x);
  if (shown === x) return x;
  if (x.requiresGrad) {
    if (!isGradEnabled() && !x.isLeaf)
      throw new AutogradError(
        `${op}: outside of gradients a tensor that has them would have another shape than they; use ${op.slice(0, -1)}()`,
      );
    if (isGradEnabled()) x.requireInPlace(op);
    if (!x.isLeaf) x.withHistoryOf(shown);
  }
  become(x, shown);
  return x;
}
