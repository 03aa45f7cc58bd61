/**
 * Parameters and buffers that have no shape and memory yet: those of lazy layers before their first call
 * (https://pytorch.org/docs/stable/generated/torch.nn.parameter.UninitializedParameter.html). Whatever would need their elements is an
 * ArgumentError; dtype and device may be changed.
 */
import { BOOL, having, requireKind } from '../base/arguments.ts';
import { isFloating, type DType } from '../base/dtype.ts';
import { DTypeError } from '../base/errors.ts';
import type { Dims } from '../base/shape.ts';
import type { Device } from '../devices/device.ts';
import { DTYPE } from '../tensor/arguments.ts';
import { defaultDevice, deviceNamed, isDeviceName, type DeviceName } from '../tensor/backend.ts';
import { empty } from '../tensor/create.ts';
import { notThereYet } from '../tensor/storage.ts';
import { become } from '../tensor/tensor-base.ts';
import { Tensor } from '../tensor/tensor.ts';
import { withoutMemory, type Uninitialized } from '../tensor/uninitialized.ts';
import { Parameter } from './parameter.ts';

const DEVICE = having('a device', 'allocate', 'free');
function requirePlace(name: string, dtype: DType, device: Device): void {
  requireKind(name, 'dtype', dtype, DTYPE);
  requireKind(name, 'device', device, DEVICE);
}

/** What cannot be said or done before it has a shape. */
function refuse(prototype: object): void {
  Object.defineProperty(prototype, 'shape', {
    configurable: true,
    get: () => {
      throw notThereYet('shape');
    },
  });
  for (const method of ['size', 'numel', 'stride', 'item', 'tolist', 'toTypedArray', 'setData']) {
    Object.defineProperty(prototype, method, {
      configurable: true,
      writable: true,
      value: () => {
        throw notThereYet(method);
      },
    });
  }
}

function materialize(x: Tensor, shape: Dims, plain: object): void {
  const memory = empty([...shape], { dtype: x.dtype, device: x.device });
  become(x, memory);
  Object.setPrototypeOf(x, plain);
}

/** Where and of what dtype a copy is to be. */
function target(x: Tensor, to: DType | DeviceName): [DType, Device] {
  if (isDeviceName(to)) return [x.dtype, deviceNamed('to', to)];
  if (!isFloating(to)) throw new DTypeError(`to: expected a floating-point dtype, but got ${to}`);
  return [to, x.storage.device];
}

/**
 * A parameter of a lazy layer before its first call. In state dicts it stands for itself; loading a tensor into it gives it its shape.
 * @example
 * import { nn } from 'flambeau';
 * console.log(String(new nn.LazyLinear(3).weight)); // <UninitializedParameter>
 */
export class UninitializedParameter extends Parameter implements Uninitialized {
  static {
    refuse(this.prototype);
  }

  constructor(requiresGrad = true, dtype: DType = 'float32', device: Device = defaultDevice()) {
    requireKind('UninitializedParameter', 'requiresGrad', requiresGrad, BOOL);
    requirePlace('UninitializedParameter', dtype, device);
    super(withoutMemory(dtype, device), requiresGrad);
  }

  materialize(shape: Dims): void {
    materialize(this, shape, Parameter.prototype);
  }

  override detach(): this {
    return this;
  }

  override clone(): this {
    return new UninitializedParameter(this.requiresGrad, this.dtype, this.storage.device) as this;
  }

  override to(to: DType | DeviceName): this {
    return new UninitializedParameter(this.requiresGrad, ...target(this, to)) as this;
  }

  override toAsync(to: DType | DeviceName): Promise<this> {
    return Promise.resolve(this.to(to));
  }

  override toString(): string {
    return '<UninitializedParameter>';
  }
}

/** A buffer of a lazy layer before its first call. */
export class UninitializedBuffer extends Tensor implements Uninitialized {
  static {
    refuse(this.prototype);
  }

  constructor(dtype: DType = 'float32', device: Device = defaultDevice()) {
    requirePlace('UninitializedBuffer', dtype, device);
    const { storage, layout, offset } = withoutMemory(dtype, device);
    super(storage, layout, offset);
  }

  materialize(shape: Dims): void {
    materialize(this, shape, Tensor.prototype);
  }

  override detach(): this {
    return this;
  }

  override clone(): this {
    return new UninitializedBuffer(this.dtype, this.storage.device) as this;
  }

  override to(to: DType | DeviceName): this {
    return new UninitializedBuffer(...target(this, to)) as this;
  }

  override toAsync(to: DType | DeviceName): Promise<this> {
    return Promise.resolve(this.to(to));
  }

  override toString(): string {
    return '<UninitializedBuffer>';
  }
}
