/** Other sizes for a tensor that is there (https://pytorch.org/docs/stable/generated/torch.Tensor.resize_.html). */
import { itemSize } from '../base/dtype.ts';
import { AutogradError } from '../base/errors.ts';
import { layoutOf } from '../base/layout.ts';
import { numelOf, type Dims } from '../base/shape.ts';
import { requireTensor } from './arguments.ts';
import { checkSizes, empty_, requireRoom } from './create.ts';
import { tensorOver } from './make-tensor.ts';
import { forbidWhileRecording } from './recorder.ts';
import { become } from './tensor-base.ts';
import type { Tensor } from './tensor.ts';

/**
 * Gives a tensor other sizes, in place: its memory in the order of rows, from where the tensor begins. Where that is too small, the tensor moves to new
 * memory, in which what is behind the old elements is not said; other views stay on the old.
 * @throws AutogradError for a tensor that requires gradients, CompileError while a compiled function is recorded
 */
export function resize_<T extends Tensor>(op: string, x: T, shape: Dims): T {
  checkSizes(op, shape);
  requireRoom(op, x.dtype, shape);
  forbidWhileRecording(`${op}: this changes the shape of a tensor that is there`, 'make a new tensor instead');
  if (x.requiresGrad) throw new AutogradError(`${op}: cannot resize a tensor that requires gradients; resize x.detach(), or use reshape()`);
  const layout = layoutOf(x.dtype, [...shape]);
  const there = Math.floor(x.storage.bytes / itemSize(x.dtype)) - x.offset;
  if (numelOf(shape) <= there) {
    become(x, tensorOver(x.storage, layout, x.offset));
    return x;
  }
  const grown = empty_(op, x.dtype, shape, x.storage.device);
  const row = (of: Tensor, offset: number): Tensor => tensorOver(of.storage, layoutOf(x.dtype, [there]), offset);
  if (there > 0) row(grown, 0).copy_(row(x, x.offset));
  become(x, grown);
  return x;
}

/** The sizes of another tensor. */
export function resizeAs_<T extends Tensor>(x: T, other: Tensor): T {
  requireTensor('resizeAs_', 'the tensor', other);
  return resize_('resizeAs_', x, other.layout.shape);
}
