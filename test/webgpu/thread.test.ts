/** The WebGPU device with a thread of its own: values at once, in a program that awaits nothing. */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DeviceError, InternalError } from '../../src/base/errors.ts';
import { leaveError, OP, RingReader, RingWriter, SharedAreas, textIn, waitUntil } from '../../src/devices/webgpu/ring.ts';
import { ThreadEngine } from '../../src/devices/webgpu/thread.ts';
import { startWebGpuDeviceNow, type WebGpuDevice } from '../../src/devices/webgpu/webgpu.ts';
import {
  compile, CompileError, cuda, F, IndexError, manualSeed, nn, optim, profile, randint, randn, tensor, type Tensor,
} from '../../src/index-node.ts'; // prettier-ignore
import { summary } from '../../src/inspect/index.ts';
import { wgslKernel } from '../../src/kernels/wgsl/kernel.ts';
import { WALK_GROUP } from '../../src/kernels/wgsl/walk.ts';
import { threadText } from '../../tools/thread-text.mjs';
import { wasmText } from '../../tools/wasm-text.mjs';
import { newThreadDevice, offerAsGpu, offerSoftware } from '../support/webgpu.ts';

const found = await newThreadDevice();
const device = found as WebGpuDevice;

describe('the ring', () => {
  test('hands over commands in order, over its end, and texts', () => {
    const areas = new SharedAreas();
    let woken = 0;
    const writer = new RingWriter(areas, () => woken++);
    const reader = new RingReader(areas);
    expect(reader.sleep()).toBe(true);
    const data = Uint32Array.from({ length: 300_000 }, (_, i) => i * 7);
    for (let turn = 0; turn < 9; turn++) {
      writer.send(OP.launches, [], data);
      writer.sendText(OP.kernel, [turn, 2], 'vec4 — ü');
      expect(woken).toBe(1);
      const first = reader.next()!;
      expect([first.op, first.words.length]).toEqual([OP.launches, data.length]);
      expect(first.words.every((word, i) => word === data[i])).toBe(true);
      const second = reader.next()!;
      expect([second.op, ...second.words.subarray(0, 2), textIn(second.words, 2)]).toEqual([OP.kernel, turn, 2, 'vec4 — ü']);
      expect(reader.next()).toBeUndefined();
    }
  });

  test('nobody waits for a thread that has ended, or is silent', () => {
    const areas = new SharedAreas();
    expect(() => waitUntil(areas, () => false, 1200)).toThrow(/does not answer any more \(for \d s\)/);
    areas.set('closed', 1);
    expect(() => waitUntil(areas, () => false)).toThrow(DeviceError);
    waitUntil(areas, () => true);
    leaveError(areas, new InternalError('no such page'));
    expect(() => waitUntil(areas, () => true)).toThrow(/no such page/); // an answer after a failure is none
  });
});

describe.skipIf(found === undefined)('a WebGPU device in a thread of its own', () => {
  afterAll(() => device.destroy());

  test('gives what was written at once, however much, from every byte', async () => {
    const block = device.allocate(6 << 20);
    const data = Float32Array.from({ length: (6 << 20) / 4 }, (_, i) => i / 3);
    device.write(block, 0, data);
    const back = device.readNow!(block, 0, 'float32', data.length) as Float32Array;
    expect(back.length === data.length && back.every((value, i) => value === data[i])).toBe(true);
    expect(device.readNow!(block, 5, 'uint8', 3)).toEqual(new Uint8Array(data.buffer.slice(5, 8)));
    expect(device.readNow!(block, 0, 'float32', 0)).toEqual(new Float32Array(0));
    device.write(block, 4, BigInt64Array.of(-3n));
    const [later, now] = [device.read(block, 4, 'int64', 1), device.readNow!(block, 4, 'int64', 1)];
    expect([...now, ...(await later)]).toEqual([-3n, -3n]);
    device.free(block);
  });

  const broken = wgslKernel('test:broken in a thread', () => ({
    operands: [{ name: 'x', dtype: 'float32' }],
    params: [],
    workgroup: WALK_GROUP,
    body: 'fn run(group: u32, local: vec3u, thread: u32) { x_put(0u, nonsense); }',
  }));

  test('a kernel that does not compile is a typed error of what comes after it', async () => {
    const fresh = (await newThreadDevice())!;
    const block = fresh.allocate(4);
    const step = { kernel: broken, operands: [{ buffer: 0, byteOffset: 0 }], params: [], groups: 1 };
    fresh.program([step]).run({ buffers: [block], offsets: [0] }, []);
    const later = fresh.read(block, 0, 'float32', 1);
    const refused = expect(later).rejects.toThrow(DeviceError);
    expect(() => fresh.readNow!(block, 0, 'float32', 1)).toThrow(/does not compile.*nonsense/s);
    await refused;
    expect(() => fresh.allocate(4)).toThrow(DeviceError);
    expect(() => fresh.write(block, 0, Float32Array.of(1))).toThrow(DeviceError);
    fresh.destroy();
  });

  test('a thread that fails, or ends, refuses what is under way and what follows', async () => {
    const engine = new ThreadEngine({ software: true, packageUrl: import.meta.resolve('webgpu') });
    engine.startNow();
    engine.group(1, [99]); // a page that there is not
    expect(() => engine.readNow([])).toThrow(InternalError);
    engine.destroy();

    const threads = process.getBuiltinModule('node:worker_threads') as { Worker: typeof Worker };
    const { Worker: Original } = threads;
    let worker: Worker | undefined;
    threads.Worker = class extends Original {
      constructor(...given: ConstructorParameters<typeof Worker>) {
        super(...given);
        worker = this; // eslint-disable-line @typescript-eslint/no-this-alias -- the test ends it
      }
    };
    const fresh = startWebGpuDeviceNow({ software: true });
    threads.Worker = Original;
    const block = fresh.allocate(4);
    expect([...fresh.readNow!(block, 0, 'float32', 1)]).toHaveLength(1);
    // Nothing runs there from now on. Dawn's addon ends the process if its thread goes while a buffer is being mapped, so nothing is read before.
    const ended = worker!.terminate();
    const refused = expect(fresh.read(block, 0, 'float32', 1)).rejects.toThrow(DeviceError);
    await ended;
    await refused;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(() => fresh.readNow!(block, 0, 'float32', 1)).toThrow(/thread of the device has ended.*last checkpoint/);
    await expect(fresh.read(block, 0, 'float32', 1)).rejects.toThrow(DeviceError);
  });
});

describe.skipIf(found === undefined)('programs that await nothing', () => {
  let fresh: WebGpuDevice;
  beforeAll(async () => {
    fresh = (await newThreadDevice())!;
  });
  offerAsGpu(() => fresh);

  test.each(['eagerly', 'compiled'])("run a tutorial's loop %s, with the numbers of the CPU", (mode) => {
    const run = (where: 'cpu' | 'cuda'): number[] => {
      manualSeed(0);
      const model = new nn.Sequential(new nn.Linear(12, 20), new nn.ReLU(), new nn.Linear(20, 3)).to(where);
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
      const [x, y] = [randn(16, 12).to(where), randint(0, 3, [16]).to(where)];
      const step = (x: Tensor, y: Tensor): Tensor => {
        optimizer.zeroGrad();
        const loss = F.crossEntropy(model(x), y);
        loss.backward();
        optimizer.step();
        return loss;
      };
      const fast = mode === 'compiled' ? compile(step) : step;
      let total = 0;
      const losses: number[] = [];
      for (let i = 0; i < 6; i++) {
        const loss = fast(x, y);
        total += loss.item();
        losses.push(loss.item());
      }
      const right = model(x).argmax(1).eq(y).sum().item();
      return [...losses, total, right];
    };
    const device = cuda.isAvailable() ? 'cuda' : 'cpu';
    expect(device).toBe('cuda');
    const [expected, got] = [run('cpu'), run(device)];
    got.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-4 * Math.abs(expected[i]!)));
  });

  test('print, move and list values', () => {
    const x = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { device: 'cuda' },
    );
    expect(String(x)).toBe("tensor([[1., 2.],\n        [3., 4.]], device='gpu')");
    expect(x.tolist()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(
      x
        .cpu()
        .matmul(tensor([[1], [1]]))
        .tolist(),
    ).toEqual([[3], [7]]);
  });

  test('ask the GPU what tutorials ask', async () => {
    expect([cuda.deviceCount(), cuda.currentDevice(), cuda.isInitialized()]).toEqual([1, 0, true]);
    expect(cuda.getDeviceName(0)).toBe(fresh.description);
    cuda.setDevice('cuda:0');
    const before = cuda.memoryAllocated();
    cuda.resetPeakMemoryStats();
    const x = randn(1 << 18).to('cuda');
    expect(cuda.memoryAllocated('cuda')).toBe(before + (1 << 20));
    expect(cuda.maxMemoryAllocated()).toBeGreaterThanOrEqual(before + (1 << 20));
    expect(cuda.memoryReserved()).toBeGreaterThanOrEqual(cuda.memoryAllocated());
    x.mul(2);
    cuda.synchronize();
    await cuda.synchronizeAsync();
    cuda.emptyCache();
    for (const wrong of ['cpu', 1, 'cuda:1', []] as unknown as 0[]) {
      expect(() => cuda.synchronize(wrong)).toThrow(/expected device to be a GPU/);
    }
    expect(() => compile((x: Tensor) => (cuda.synchronize(), x.mul(2)))(x)).toThrow(CompileError);
  });

  test('profile and summarise a model there', () => {
    const model = new nn.Sequential(new nn.Linear(12, 20), new nn.ReLU()).to('cuda');
    const x = randn(4, 12).to('cuda');
    const table = profile(() => model(x));
    expect(table.totals().map(({ operation }) => operation)).toContain('linear');
    expect(table.kernelMs).toBeGreaterThan(0);
    expect(summary(model, [4, 12]).totalParameters).toBe(260);
  });

  test('are told at once what is refused, with the error’s own type', () => {
    const x = randn(3, 4).to('cuda');
    const wrong = x.indexSelect(0, tensor([0n, 7n], { device: 'cuda' }));
    expect(() => wrong.tolist()).toThrow(IndexError);
    expect(x.sum().item()).toBeCloseTo(x.cpu().sum().item(), 4);
  });
});

/** What a process prints, and how it ends. */
function run(program: string, how: string): Promise<{ code: number | null; text: string; errors: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, FLAMBEAU_GPU: 'software' };
    const child = spawn(process.execPath, [program, how], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [text, errors] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('close', (code) => resolve({ code, text, errors }));
  });
}

describe.skipIf(found === undefined)('a process', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const program = join(root, 'node_modules', '.cache', `webgpu-process-${process.pid}.mjs`);
  beforeAll(async () => {
    await offerSoftware();
    mkdirSync(join(root, 'node_modules', '.cache'), { recursive: true });
    await build({
      absWorkingDir: root,
      entryPoints: ['test/webgpu/thread-process.ts'],
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      ignoreAnnotations: true,
      outfile: program,
      logLevel: 'error',
      plugins: [wasmText, threadText],
    });
  });
  afterAll(() => rmSync(program, { force: true }));

  test.each([
    ['end', 0, '3\n'],
    ['queued', 0, '3\n'],
    ['exit', 7, '3\n'],
    ['later', 0, '3\nlater 6\n'],
    ['throw', 1, '3\n'],
  ])('ends well with a GPU in use: %s', async (how, code, text) => {
    const got = await run(program, how);
    expect({ ...got, errors: how === 'throw' ? '' : got.errors }).toEqual({ code, text, errors: '' });
  });
});
