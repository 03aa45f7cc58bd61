/** The WebGPU device below all operations: memory, order, copies, what goes wrong. */
import { afterAll, describe, expect, test } from 'vitest';
import { DeviceError, DTypeError, OutOfMemoryError } from '../../src/base/errors.ts';
import { wgslKernel } from '../../src/kernels/wgsl/kernel.ts';
import { result, WALK_GROUP, walkGroups, walkText } from '../../src/kernels/wgsl/walk.ts';
import type { GpuStep } from '../../src/devices/webgpu/program.ts';
import type { WebGpuDevice } from '../../src/devices/webgpu/webgpu.ts';
import { acquire } from '../../src/devices/webgpu/adapter.ts';
import { LocalEngine } from '../../src/devices/webgpu/engine.ts';
import { WebGpuDevice as Device } from '../../src/devices/webgpu/webgpu.ts';
import { newTestDevice, testDevice } from '../support/webgpu.ts';

const found = await testDevice();
const device = found as WebGpuDevice;
afterAll(() => found?.destroy());

/** y = x·factor + 1 on `n` elements from buffer 0 to buffer 1; the factor is scalar 0. */
function scaleStep(n: number, from = 0, to = 1, byteOffset = 0): GpuStep {
  const operands = [{ name: 'x', dtype: 'float32' }, result('y', 'float32')] as const;
  const kernel = wgslKernel('test:scale', () => ({
    operands,
    params: [
      { name: 'n', type: 'u32' },
      { name: 'factor', type: 'f32' },
    ],
    workgroup: WALK_GROUP,
    body: `fn element(i: u32) { y_put(i, x_at(i) * p.factor + 1f); } ${walkText(operands)}`,
  }));
  return {
    kernel,
    operands: [
      { buffer: from, byteOffset },
      { buffer: to, byteOffset },
    ],
    params: [n, { scalar: 0 }],
    groups: walkGroups(operands, n),
  };
}

const floats = (...values: number[]): Float32Array => Float32Array.from(values);

describe.skipIf(found === undefined)('webgpu device', () => {
  test('what is written is read, in every dtype and from every byte', async () => {
    const block = device.allocate(64);
    for (const data of [floats(1.5, NaN, -Infinity, 1e-40), Int32Array.of(1, -2, 2 ** 31 - 1), BigInt64Array.of(-5n, 2n ** 31n - 1n)]) {
      device.write(block, 8, data);
      const dtype = data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'int64';
      expect(await device.read(block, 8, dtype, data.length)).toEqual(data);
    }
    device.write(block, 0, new Uint8Array(16).fill(9));
    device.write(block, 3, Uint8Array.of(1, 2, 3, 4, 5));
    device.write(block, 9, Uint8Array.of(7));
    expect(await device.read(block, 1, 'uint8', 11)).toEqual(Uint8Array.of(9, 9, 1, 2, 3, 4, 5, 9, 7, 9, 9));
    expect(await device.read(block, 0, 'float32', 0)).toEqual(floats());
    device.write(block, 0, new Float32Array(new SharedArrayBuffer(16)).fill(3));
    expect(await device.read(block, 0, 'float32', 4)).toEqual(floats(3, 3, 3, 3));
    device.free(block);
  });

  test('copies words and bytes within a page', async () => {
    const [a, b] = [device.allocate(64), device.allocate(64)];
    device.write(a, 0, floats(1, 2, 3, 4));
    device.copy(a, 4, b, 8, 8);
    expect(await device.read(b, 8, 'float32', 2)).toEqual(floats(2, 3));
    device.write(a, 0, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    device.write(b, 0, new Uint8Array(8));
    device.copy(a, 1, b, 2, 5);
    expect(await device.read(b, 0, 'uint8', 8)).toEqual(Uint8Array.of(0, 0, 2, 3, 4, 5, 6, 0));
    device.free(a);
    device.free(b);
  });

  test('keeps the order of writes, launches and reads, though pipelines come later', async () => {
    const fresh = (await newTestDevice())!;
    const [a, b] = [fresh.allocate(256), fresh.allocate(256)];
    const program = fresh.program([scaleStep(3)]);
    const read: Promise<unknown>[] = [];
    for (const factor of [2, 3]) {
      fresh.write(a, 0, floats(1, 2, 3));
      program.run({ buffers: [a, b], offsets: [0, 0] }, [factor]);
      fresh.write(a, 0, floats(0, 0, 0));
      read.push(fresh.read(b, 0, 'float32', 3), fresh.read(a, 0, 'float32', 1));
    }
    expect(await Promise.all(read)).toEqual([floats(3, 5, 7), floats(0), floats(4, 7, 10), floats(0)]);
    fresh.destroy();
  });

  test('works in place, and on several pages at once', async () => {
    const small = (await newTestDevice({ pageBytes: 1024 }))!;
    const a = small.allocate(1024);
    const b = small.allocate(1024);
    expect(a.page).not.toBe(b.page);
    small.write(a, 256, floats(1, 2));
    small.program([scaleStep(2, 0, 1, 256), scaleStep(2, 1, 1, 256)]).run({ buffers: [a, b], offsets: [0, 0] }, [2]);
    expect(await small.read(b, 256, 'float32', 2)).toEqual(floats(7, 11));
    small.free(a);
    small.free(b);
    expect(small.bytesInUse).toBe(0);
    small.destroy();
  });

  test('many launches share a submission, and more than fit into the parameters are right, too', async () => {
    const block = device.allocate(4);
    device.write(block, 0, floats(0));
    const program = device.program(Array.from({ length: 10 }, () => scaleStep(1, 0, 0)));
    for (let i = 0; i < 500; i++) program.run({ buffers: [block], offsets: [0] }, [1]);
    expect(await device.read(block, 0, 'float32', 1)).toEqual(floats(5000));
    device.free(block);
  });

  test('more workgroups than one dimension of a launch takes', async () => {
    const n = 65536 * 64 + 5;
    const big = (await newTestDevice({ pageBytes: 1 << 20 }))!;
    const a = big.allocate(n * 4);
    big.program([scaleStep(n, 0, 0)]).run({ buffers: [a], offsets: [0] }, [0]);
    const data = (await big.read(a, 0, 'float32', n)) as Float32Array;
    expect(data.every((v) => v === 1)).toBe(true);
    big.destroy();
  });

  test('refused values reach the next read, once', async () => {
    const operands = [
      { name: 'x', dtype: 'int32' },
      { name: 'fault', dtype: 'int64' },
    ] as const;
    const kernel = wgslKernel('test:fault', () => ({
      operands,
      params: [{ name: 'n', type: 'u32' }],
      workgroup: WALK_GROUP,
      body: `fn element(i: u32) { if (x_at(i) < 0) { fault_put(1u, x_at(i)); fault_put(0u, 1); } } ${walkText(operands)}`,
    }));
    const at = [0, 1].map((buffer) => ({ buffer, byteOffset: 0 }));
    const step: GpuStep = { kernel, operands: at, params: [2], groups: 1 };
    const error = (value: bigint): Error => new RangeError(`refused ${value}`);
    const program = device.program([step], { faults: [{ buffer: 1, error }] });
    const [x, fault] = [device.allocate(8), device.allocate(16)];
    device.write(fault, 0, new BigInt64Array(2));
    const run = (): void => program.run({ buffers: [x, fault], offsets: [0, 0] }, []);
    device.write(x, 0, Int32Array.of(4, -7));
    run();
    await expect(device.read(x, 0, 'int32', 2)).rejects.toThrow('refused -7');
    expect(await device.read(x, 0, 'int32', 2)).toEqual(Int32Array.of(4, -7));
    device.write(x, 0, Int32Array.of(4, 7));
    run();
    expect(await device.read(x, 0, 'int32', 2)).toEqual(Int32Array.of(4, 7));
    program.dispose();
    device.free(x);
    device.free(fault);
  });

  test('refuses dtypes that GPUs do not have, and int64 beyond 32 bits', () => {
    const block = device.allocate(16);
    expect(() => device.write(block, 0, Float64Array.of(1))).toThrow(DTypeError);
    expect(() => device.write(block, 0, BigInt64Array.of(2n ** 31n))).toThrow(/2147483648 needs more/);
    device.free(block);
  });

  test('a kernel that does not compile is an error of the reads behind it, with the compiler’s words', async () => {
    const fresh = (await newTestDevice())!;
    const kernel = wgslKernel('test:broken', () => ({
      operands: [{ name: 'x', dtype: 'float32' }],
      params: [],
      workgroup: WALK_GROUP,
      body: 'fn run(group: u32, local: vec3u, thread: u32) { x_put(0u, nonsense); }',
    }));
    const block = fresh.allocate(4);
    const program = fresh.program([{ kernel, operands: [{ buffer: 0, byteOffset: 0 }], params: [], groups: 1 }]);
    program.run({ buffers: [block], offsets: [0] }, []);
    await expect(fresh.read(block, 0, 'float32', 1)).rejects.toThrow(/test:broken@0 does not compile.*nonsense/s);
    expect(() => fresh.allocate(4)).toThrow(DeviceError);
    fresh.destroy();
  });

  test('what is too large, and memory that is full, are typed errors', async () => {
    expect(() => device.allocate(device.limits.bytes + 1)).toThrow(OutOfMemoryError);
    const full = (await newTestDevice({ pageBytes: 1 << 16, maxBytes: 1 << 20 }))!;
    const blocks = Array.from({ length: 16 }, () => full.allocate(1 << 16));
    expect(() => full.allocate(1)).toThrow(/1 MB are held/);
    for (const block of blocks) full.free(block);
    expect(full.allocate(1 << 20).bytes).toBe(1 << 20);
    full.destroy();
  });

  test('reads that are under way are refused when the device is given up', async () => {
    const fresh = (await newTestDevice())!;
    const block = fresh.allocate(4);
    const reading = fresh.read(block, 0, 'float32', 1);
    fresh.destroy();
    await expect(reading).rejects.toThrow(DeviceError);
    await expect(fresh.read(block, 0, 'float32', 1)).rejects.toThrow(/destroyed/);
  });

  /** A device of which some properties are others. */
  async function changed(properties: Record<string, unknown>): Promise<WebGpuDevice> {
    const acquired = await acquire({ software: true });
    const fake = new Proxy(acquired.device, {
      get(target, name) {
        if (name in properties) return properties[name as string];
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
      set: (target, name, value) => Reflect.set(target, name, value, target),
    });
    return new Device(new LocalEngine({ ...acquired, device: fake }), { pageBytes: 1 << 16 });
  }

  test('a lost device refuses what is under way and what follows, and says what to do', async () => {
    let lose: (info: unknown) => void = () => undefined;
    const lost = new Promise((resolve) => (lose = resolve));
    const fresh = await changed({ lost });
    const block = fresh.allocate(16);
    const program = fresh.program([scaleStep(1, 0, 0)]);
    const reading = fresh.read(block, 0, 'float32', 1);
    lose({ reason: 'unknown', message: 'the driver restarted' });
    await lost;
    await expect(reading).rejects.toThrow(/the device was lost \(the driver restarted\).*load the last checkpoint/);
    expect(() => fresh.allocate(4)).toThrow(DeviceError);
    expect(() => fresh.write(block, 0, floats(1))).toThrow(DeviceError);
    expect(() => program.run({ buffers: [block], offsets: [0] }, [1])).toThrow(DeviceError);
    await expect(fresh.read(block, 0, 'float32', 1)).rejects.toThrow(DeviceError);
    fresh.destroy();
  });

  test('memory that only the device knows to be full is an error of the next read', async () => {
    const error = { message: 'out of device memory' };
    const fresh = await changed({ popErrorScope: () => Promise.resolve(error) });
    const block = fresh.allocate(16);
    await expect(fresh.read(block, 0, 'float32', 1)).rejects.toThrow(OutOfMemoryError);
    fresh.destroy();
  });

  test('when memory is out, somebody may free some', async () => {
    const full = (await newTestDevice({ pageBytes: 1 << 16, maxBytes: 1 << 16 }))!;
    const held = full.hold(1 << 16);
    const attempts: number[] = [];
    full.reclaim = (attempt) => {
      attempts.push(attempt);
      if (attempt === 1) held.free();
      return attempt < 2;
    };
    expect(full.allocate(1 << 16).bytes).toBe(1 << 16);
    expect(() => full.allocate(1)).toThrow(OutOfMemoryError);
    expect(attempts).toEqual([0, 1, 0, 1, 2]);
    full.destroy();
  });
});
