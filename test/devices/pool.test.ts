/** The thread pool below everything else: kernels written for the purpose, launched directly. */
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { ArgumentError, DeviceError } from '../../src/base/errors.ts';
import { CpuDevice } from '../../src/devices/cpu/cpu.ts';
import type { Launch } from '../../src/devices/cpu/cpu.ts';
import { load, type Fn, type Local } from '../../src/kernels/cpu/ir.ts';
import { buildKernel, type Kernel } from '../../src/kernels/cpu/kernel.ts';

/** Repeats a piece of a kernel's body so that a unit takes about `turns` × 1 ns. */
function spin(f: Fn, turns: number, sink: Local): void {
  f.for('spin', 0, turns, (i) => f.set(sink, sink.mul(31).add(i)));
}

/** out[unit] += 1, once for each time that a unit is run. */
const count = buildKernel('test/count', { out: 'ptr', fail: 'i32' }, ({ f, p, lo, hi }) => {
  f.for('unit', lo, hi, (unit) => {
    const at = f.let('at', p.out.add(unit.mul(4)));
    f.store('i32', at, load('i32', at).add(1));
    // A unit that is to fail stores where no memory is.
    f.if(unit.eq(p.fail), () => f.store('i32', f.let('nowhere', load('i32', p.out).mul(0).sub(16)), unit));
  });
});

/** out[unit] = the address of the scratch of the thread that ran it: which thread that was. */
const whoRan = buildKernel('test/who', { out: 'ptr' }, ({ f, p, lo, hi, scratch }) => {
  const sink = f.local('sink', 'i32');
  f.for('unit', lo, hi, (unit) => {
    spin(f, 200_000, sink);
    f.store('i32', scratch, sink);
    f.store('i32', p.out.add(unit.mul(4)), scratch);
  });
});

interface Run {
  /** The words that the kernel wrote, one for each unit. */
  words(): number[];
  launch(): void;
}

/** A kernel with its output zeroed, ready to launch over `size` units. */
function prepare(device: CpuDevice, kernel: Kernel, size: number, grain: number, fail = -1): Run {
  const out = device.allocateAt(size * 4);
  device.writeAt(out, new Int32Array(size));
  const args = device.allocateAt(16);
  device.setWord(args, out);
  device.setWord(args + 8, fail);
  const launch: Launch = { kernel: device.load(kernel), args, size, grain, scratch: 64 };
  return {
    words: () => [...(device.readAt('int32', out, size) as Int32Array)],
    launch: () => device.run(launch),
  };
}

/** Launches until as many threads as the device has have taken part. */
async function untilAllTakePart(device: CpuDevice): Promise<number[]> {
  const run = prepare(device, whoRan, 64, 1);
  for (let tries = 0; tries < 200; tries++) {
    run.launch();
    const threads = [...new Set(run.words())];
    if (threads.length === device.threads) return threads;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`not all ${device.threads} threads took part`);
}

const device = new CpuDevice();
afterEach(() => {
  device.threads = 1;
});

describe('the thread pool', () => {
  it('works at once, before any worker is up: the calling thread takes part', () => {
    device.threads = 4;
    const run = prepare(device, count, 1000, 1);
    run.launch();
    expect(run.words().every((times) => times === 1)).toBe(true);
  });

  it('lets every thread take part, each with its own scratch', async () => {
    device.threads = 3;
    const threads = await untilAllTakePart(device);
    expect(new Set(threads).size).toBe(3);
    expect(Math.min(...threads.map((a) => Math.min(...threads.filter((b) => b !== a).map((b) => Math.abs(a - b)))))).toBeGreaterThanOrEqual(
      64,
    );
  });

  it('keeps a launch of one grain on the calling thread', async () => {
    device.threads = 2;
    await untilAllTakePart(device);
    const run = prepare(device, whoRan, 8, 8);
    run.launch();
    expect(new Set(run.words()).size).toBe(1);
  });

  it('runs every unit exactly once, with threads that start, stop and are held up by others', async () => {
    const busy = [0, 1].map(() => new Worker('for (;;) Math.sqrt(Math.random());', { eval: true }));
    try {
      let launches = 0;
      for (const threads of [2, 4, 1, 3, 2]) {
        device.threads = threads;
        const run = prepare(device, count, 10_007, 13);
        for (let i = 1; i <= 40; i++, launches++) {
          run.launch();
          const words = run.words();
          expect(words.filter((times) => times !== i)).toEqual([]);
          if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1)); // workers come up meanwhile
        }
      }
      expect(launches).toBe(200);
    } finally {
      await Promise.all(busy.map((worker) => worker.terminate()));
    }
  });

  it('serves more units than it has chunk numbers', async () => {
    device.threads = 2;
    await untilAllTakePart(device);
    const run = prepare(device, count, 100_000, 1);
    run.launch();
    expect(run.words().every((times) => times === 1)).toBe(true);
  });

  it('brings a failure on any thread to the caller, and goes on working', async () => {
    device.threads = 2;
    await untilAllTakePart(device);
    const messages = new Set<string>();
    // Which thread meets the failing unit is chance; both ways must throw.
    for (let tries = 0; tries < 300 && messages.size < 2; tries++) {
      const run = prepare(device, count, 2000, 1, 1000);
      try {
        run.launch();
        throw new Error('the launch did not fail');
      } catch (error) {
        const fromWorker = error instanceof DeviceError;
        if (fromWorker) expect(error.message).toMatch(/^cpu: a worker thread failed: RuntimeError: .*out of bounds/);
        else expect(error).toBeInstanceOf(WebAssembly.RuntimeError);
        messages.add(fromWorker ? 'worker' : 'caller');
      }
    }
    expect(messages).toContain('worker');
    const fine = prepare(device, count, 2000, 1);
    fine.launch();
    expect(fine.words().every((times) => times === 1)).toBe(true);
  });

  it('can be stopped and started again', async () => {
    for (let i = 0; i < 5; i++) {
      device.threads = 2 + (i % 2);
      await untilAllTakePart(device);
      device.threads = 1;
      const run = prepare(device, count, 100, 1);
      run.launch();
      expect(run.words().every((times) => times === 1)).toBe(true);
    }
  });

  it('refuses a number of threads that makes no sense', () => {
    for (const threads of [0, -1, 1.5, Number.NaN, 65]) {
      expect(() => (device.threads = threads)).toThrow(ArgumentError);
    }
    expect(device.threads).toBe(1);
  });
});
