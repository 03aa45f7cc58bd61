/**
 * A GPU for tests of what is above devices: a second CPU device that goes by the name `gpu`, and that need not let anybody wait for it or look into its
 * memory.
 */
import type { DType, TypedArray } from '../../src/base/dtype.ts';
import type { DeviceLimits } from '../../src/devices/device.ts';
import { CpuDevice } from '../../src/devices/cpu/cpu.ts';

export class SecondDevice extends CpuDevice {
  override readonly name = 'gpu';
  override readonly limits: DeviceLimits = {
    dtypes: new Set<DType>(['float32', 'int32', 'int64', 'uint8', 'bool']),
    bytes: 2 ** 30,
  };

  constructor({ waits }: { readonly waits: boolean }) {
    super();
    Object.defineProperty(this, 'view', { value: undefined });
    if (!waits) Object.defineProperty(this, 'readNow', { value: undefined });
  }

  override async read(...where: Parameters<CpuDevice['readNow']>): Promise<TypedArray> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    const [buffer, offset, dtype, length] = where;
    return CpuDevice.prototype.readNow.call(this, buffer, offset, dtype, length);
  }
}
