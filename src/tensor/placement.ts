/** On which device an operation runs: the one that its tensors live on. */
import { DeviceError } from '../base/errors.ts';
import type { Device } from '../devices/device.ts';
import { cpuDevice } from './backend.ts';
import { isTensor } from './is-tensor.ts';
import { publicName } from './op-errors.ts';
import type { OpName } from './ops/index.ts';
import type { Tensor } from './tensor.ts';
import { moved } from './transfer.ts';

/**
 * The device that all of them live on.
 * @throws DeviceError that names both where there are two
 */
export function deviceOf(name: OpName, inputs: readonly Tensor[]): Device {
  const first = inputs[0]!.storage.device;
  for (const { storage } of inputs) if (storage.device !== first) throw onTwoDevices(name, first, storage.device);
  return first;
}

const onTwoDevices = (name: OpName, a: Device, b: Device): DeviceError =>
  new DeviceError(
    `${publicName(name)}: expected all tensors on one device, but got some on the ${a.name} and some on the ${b.name}; move them with .to('${a.name}') or .to('${b.name}')`,
  );

/** Numbers as tensors without dimensions may come from the CPU, as in PyTorch; where all is on one device, nothing is done. */
export function together(inputs: readonly Tensor[]): readonly Tensor[] {
  const given: readonly (Partial<Tensor> | undefined | null)[] = inputs; // callers' types may promise too much
  const first = given[0]?.storage?.device;
  for (let i = 1; i < given.length; i++) if (given[i]?.storage?.device !== first) return aligned(inputs);
  return inputs;
}

function aligned(inputs: readonly Tensor[]): readonly Tensor[] {
  const other = inputs.find((input) => isTensor(input) && input.storage.device !== cpuDevice())?.storage.device;
  if (other === undefined) return inputs;
  return inputs.map((input) => (isTensor(input) && input.layout.shape.length === 0 ? moved(input, other) : input));
}
