/** Tensors that move from one device to another, with their gradients. */
import { itemSize, viewAs, type DType, type TypedArray } from '../base/dtype.ts';
import { DTypeError } from '../base/errors.ts';
import { layoutOf } from '../base/layout.ts';
import type { Device } from '../devices/device.ts';
import { GradNode } from './autograd.ts';
import { tensorOver } from './make-tensor.ts';
import { isGradEnabled, withGradMode } from './grad-mode.ts';
import { forbidWhileRecording } from './recorder.ts';
import { allocateStorage, unusable } from './storage.ts';
import type { Tensor } from './tensor.ts';

const BEFORE = 'move it before the call, and pass it as an argument';

/** Takes the gradient back to where the tensor was. */
class Moved extends GradNode {
  readonly label = 'ToCopyBackward0';
  readonly #from: Device;

  constructor(x: Tensor) {
    super([x.gradEdge()]);
    this.#from = x.storage.device;
  }

  run([grad]: readonly (Tensor | undefined)[]): readonly (Tensor | undefined)[] {
    return [grad && moved(grad, this.#from)];
  }

  release(): void {
    // It has saved nothing.
  }
}

/** @throws DTypeError for elements that the device does not have */
export function requireElements(op: string, dtype: DType, { name, limits }: Device): void {
  if (limits.dtypes.has(dtype)) return;
  const remedy = dtype === 'float64' ? "convert it with .to('float32') first" : 'leave it on the CPU';
  throw new DTypeError(`${op}: the ${name} has no ${dtype}; ${remedy}`);
}

/** The elements in row-major order, on the host. They are the device's own memory where that can be seen: copy or use them at once. */
function elements(x: Tensor): TypedArray {
  const { storage, layout, offset } = x;
  if (storage.freed) throw unusable('to', storage);
  const start = offset * itemSize(layout.dtype);
  const { buffer, device } = storage;
  const bytes = device.view?.(buffer, start, layout.numel * itemSize(layout.dtype));
  // As numbers, not as bytes: a device may have to look at them.
  if (bytes !== undefined) return viewAs(layout.dtype, bytes.buffer, bytes.byteOffset, layout.numel);
  return storage.readNow('to', start, layout.dtype, layout.numel);
}

function placed(x: Tensor, data: TypedArray | undefined, device: Device): Tensor {
  const layout = layoutOf(x.layout.dtype, x.layout.shape);
  const result = tensorOver(allocateStorage(device, layout.extent), layout, 0);
  const source = withGradMode(false, () => x.contiguous());
  const given = data ?? elements(source);
  if (given.length > 0) device.write(result.storage.buffer, 0, given);
  if (isGradEnabled() && x.requiresGrad) result.setHistory(new Moved(x), 0);
  return result;
}

/**
 * The tensor on a device: itself, or a copy that it has a part in by its gradient.
 * @throws DTypeError for elements that the device does not have
 * @throws DeviceError where it lies on a device that nobody can wait for: `movedAsync`
 */
export function moved(x: Tensor, device: Device): Tensor {
  if (x.storage.device === device) return x;
  forbidWhileRecording('to: this moves a tensor to another device', BEFORE);
  requireElements('to', x.dtype, device);
  return placed(x, undefined, device);
}

/** As {@link moved}, from devices that nobody can wait for as well. */
export async function movedAsync(x: Tensor, device: Device): Promise<Tensor> {
  if (x.storage.device === device) return x;
  forbidWhileRecording('to: this moves a tensor to another device', BEFORE);
  requireElements('to', x.dtype, device);
  return placed(x, await x.toTypedArrayAsync(), device);
}
