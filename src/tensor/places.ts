/** Places and counts that the host has worked out, as int64 tensors: written as halves, since making a bigint of each costs more than finding it. */
import type { Device } from '../devices/device.ts';
import { hostTensor } from './create.ts';
import type { Tensor } from './tensor.ts';

/** An int64 tensor of whole numbers from 0 to 2³¹ - 1. The machines that this runs on have the low half first. */
export function placesTensor(values: ArrayLike<number>, shape: readonly number[], device: Device): Tensor {
  const halves = new Int32Array(2 * values.length);
  for (let i = 0; i < values.length; i++) halves[2 * i] = values[i]!;
  return hostTensor(new BigInt64Array(halves.buffer), shape, 'int64', device);
}
