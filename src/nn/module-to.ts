/** Where `to` of modules goes, and what it takes there. */
import { kind, oneOf, show, type OptionKinds } from '../base/arguments.ts';
import { DTYPES, isFloating, type DType } from '../base/dtype.ts';
import { DeviceError, DTypeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { deviceNamed, isDeviceName, type DeviceName } from '../tensor/backend.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ModuleBase } from './module-base.ts';

/** Where to, and as what. */
export interface Destination {
  readonly device?: DeviceName;
  readonly dtype?: DType;
}
const BY_NAME: OptionKinds<Destination> = {
  device: kind("'cpu', 'gpu' or 'cuda'", isDeviceName),
  dtype: oneOf(...DTYPES),
};
const AT = signature<Destination>('to', BY_NAME, { example: "to('gpu'), to('float16') or to('gpu', 'float16')" });

/** What `to` was given: a dtype, a device, or a device and a dtype, in the order in which they are gone to. */
export function destinations(op: string, args: readonly unknown[]): (DType | DeviceName)[] {
  const [first] = args;
  if (args.length < 2 && typeof first !== 'object') return [first as DType | DeviceName];
  const { device, dtype } = readCall<Destination>({ ...AT, op }, args);
  // Whatever is fewer bytes to move; a device need not have the dtype that a tensor had.
  return [...(dtype === undefined ? [] : [dtype]), ...(device === undefined ? [] : [device])];
}

/** The tensors that are converted or moved, gradients among them. */
export function toMove(module: ModuleBase, op: string, target: DType | DeviceName): Tensor[] {
  const toDevice = isDeviceName(target);
  if (toDevice) deviceNamed(op, target);
  else if (!DTYPES.includes(target))
    throw new DeviceError(`${op}: expected a device ('cpu', 'gpu', 'cuda') or a floating-point dtype, but got ${show(target)}`);
  else if (!isFloating(target)) throw new DTypeError(`${op}: modules compute in float32 or float64, but got ${target}`);
  const all = new Set([...module.parameters(), ...module.buffers()]);
  for (const { grad } of all) if (grad !== null) all.add(grad);
  return [...all].filter((x) => toDevice || isFloating(x.dtype));
}
