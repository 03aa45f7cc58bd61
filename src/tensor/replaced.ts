/** `x.data = y`: other memory for a tensor that is there, outside of the graph (https://pytorch.org/docs/stable/notes/autograd.html). */
import { isFloating } from '../base/dtype.ts';
import { DTypeError } from '../base/errors.ts';
import { requireTensor } from './arguments.ts';
import { forbidWhileRecording } from './recorder.ts';
import { become } from './tensor-base.ts';
import type { Tensor } from './tensor.ts';

/**
 * Has a tensor show the memory of another, whatever its shape, dtype and device; the tensor stays what it is to modules, optimizers and the graph.
 * @throws DTypeError for whole numbers where gradients are asked for
 * @throws CompileError while a compiled function is recorded
 */
export function replaceData(x: Tensor, value: Tensor): void {
  requireTensor('data', 'the data', value);
  forbidWhileRecording('data: this gives a tensor other memory', 'write x.copy_(value) within noGrad() instead');
  if (x.requiresGrad && !isFloating(value.dtype))
    throw new DTypeError(
      `data: a tensor that requires gradients is of a floating-point dtype, but got ${value.dtype}; convert it with .to('float32')`,
    );
  value.storage.kept = true; // as long as the tensor, which memory scopes need not know
  become(x, value);
}
