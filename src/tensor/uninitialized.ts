/**
 * Tensors whose shape is not known yet: parameters and buffers of layers that find out from their first input (`nn/layers/lazy.ts`). What they
 * are is said here, so that optimizers and state dicts can tell them from others without knowing the layers.
 */
import type { DType } from '../base/dtype.ts';
import { layoutOf } from '../base/layout.ts';
import type { Dims } from '../base/shape.ts';
import type { Device } from '../devices/device.ts';
import { Block } from './block.ts';
import { tensorOver } from './make-tensor.ts';
import { PendingStorage } from './storage.ts';
import type { Tensor } from './tensor.ts';

/** A tensor that gets its memory and shape later. */
export interface Uninitialized extends Tensor {
  /** Gives it memory for this shape, and makes it a plain parameter or buffer. Its elements are not set. */
  materialize(shape: Dims): void;
}

export const isUninitialized = (x: Tensor): x is Uninitialized => 'materialize' in x;

/** A tensor of this dtype and device without memory and shape: what an uninitialised one is made of. */
export function withoutMemory(dtype: DType, device: Device): Tensor {
  const block = new Block(device, 0, true);
  block.release();
  return tensorOver(new PendingStorage(block), layoutOf(dtype, [0]), 0);
}
