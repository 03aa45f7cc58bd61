/** Kernels without end: the table gives places away, and whoever holds a kernel may always launch it. */
import { describe, expect, test } from 'vitest';
import { CpuDevice } from '../../src/devices/cpu/cpu.ts';
import { CONTROL } from '../../src/devices/cpu/worker-main.ts';
import type { LoadedKernel } from '../../src/devices/cpu/kernel-table.ts';
import { i32 } from '../../src/kernels/cpu/ir.ts';
import { buildKernel, type Kernel } from '../../src/kernels/cpu/kernel.ts';

/** Writes its number to each element of its range. */
const numbered = (n: number): Kernel =>
  buildKernel(`numbered ${n}`, { out: 'ptr' }, ({ f, p, lo, hi }) => {
    f.for('i', lo, hi, (i) => {
      f.store('i32', p.out.add(i.mul(4)), i32(n));
    });
  });

const SIZE = 64;

function runOn(device: CpuDevice, kernel: LoadedKernel, out: number, args: number, grain: number): number[] {
  device.writeAt(out, new Int32Array(SIZE));
  device.setWord(args, out);
  device.run({ kernel, args, size: SIZE, grain, scratch: 0 });
  return [...new Set(device.readAt('int32', out, SIZE) as Int32Array)];
}

describe.each([1, 2])('more kernels than there are places, on %i threads', (threads) => {
  test('run, the first ones again too, and hold no more memory than fits', async () => {
    const device = new CpuDevice();
    device.threads = threads;
    await device.startThreads();
    const [out, args] = [device.allocateAt(SIZE * 4), device.allocateAt(64)];
    const count = 2 * CONTROL.MAX_KERNELS + 100;
    const handles = Array.from({ length: count }, (_, n) => {
      const handle = device.load(numbered(n));
      if (n % 97 === 0) expect(runOn(device, handle, out, args, 4)).toEqual([n]);
      return handle;
    });
    const held = device.bytesInUse;
    for (const n of [0, 1, count - 1, 97, 98, CONTROL.MAX_KERNELS, 0]) {
      for (const grain of [4, SIZE]) expect(runOn(device, handles[n]!, out, args, grain)).toEqual([n]);
    }
    expect(device.bytesInUse).toBeLessThanOrEqual(held + 1024);
    expect(held).toBeLessThan(CONTROL.MAX_KERNELS * 1024);
    expect(device.load(numbered(count - 1))).toBe(handles[count - 1]);
  });
});
