/**
 * node bench/webgpu.mjs [--launches N] [--runs N] [--no-thread]
 *
 * What it costs the program's thread to hand work to the WebGPU device: processor time of that thread (Linux only) for each run of a
 * program of one small launch and of one of many, encoding and handing over included. Kernels run on a card, or with FLAMBEAU_GPU=software on
 * other threads. Prints the median of ten rounds, and the quartiles. The device has a thread of its own, as programs in Node have it, and what one read at
 * once takes is timed as well; with --no-thread it is in the program's thread, as on a page.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import koffi from 'koffi';
import { threadText } from '../tools/thread-text.mjs';
import { softwareEnvironment } from './gpu/vulkan.mjs';

const { values: options } = parseArgs({
  allowNegative: true,
  options: {
    launches: { type: 'string', default: '50' },
    runs: { type: 'string', default: '300' },
    thread: { type: 'boolean', default: true },
  },
});
if (process.env.FLAMBEAU_GPU === 'software' && process.env.VK_DRIVER_FILES === undefined) {
  // Where the adapter and its loader lie must be known to the process from its start.
  const env = { ...process.env, VK_DRIVER_FILES: '', ...softwareEnvironment() };
  process.exit(spawnSync(process.execPath, process.argv.slice(1), { env, stdio: 'inherit' }).status ?? 1);
}
const at = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The sources in one module: they have no entry point of their own. */
async function sources() {
  const contents = `export { requestWebGpu, startWebGpuDeviceNow } from '../src/devices/webgpu/webgpu.ts';
export { elementwiseLaunch } from '../src/kernels/wgsl/elementwise.ts';`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: at('.') },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    external: ['webgpu'],
    plugins: [threadText],
  });
  const folder = mkdtempSync(join(at('../node_modules'), '.bench-'));
  try {
    writeFileSync(join(folder, 'webgpu.mjs'), outputFiles[0].text);
    return await import(pathToFileURL(join(folder, 'webgpu.mjs')).href);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Microseconds that this thread has had a processor for: the kernel's count in /proc only moves with the clock's ticks. */
const libc = koffi.load('libc.so.6');
const THREAD_TIME = 3;
const ClockTime = koffi.array('int64_t', 2);
const threadClock = libc.func('clock_gettime', 'int', ['int', koffi.out(koffi.pointer(ClockTime))]);
function threadTime() {
  const now = [[0, 0]];
  threadClock(THREAD_TIME, now);
  return Number(now[0][0]) * 1e6 + Number(now[0][1]) / 1e3;
}

const { requestWebGpu, startWebGpuDeviceNow, elementwiseLaunch } = await sources();
const device = options.thread ? startWebGpuDeviceNow() : await requestWebGpu();
const operand = { dtype: 'float32', as: 'f32' };
const spec = {
  name: 'double',
  inputs: [operand],
  outputs: [operand],
  scalars: ['f32'],
  results: ([x], [s]) => [x.mul(s)],
  cost: 1,
};
const { kernel, args, groups } = elementwiseLaunch(spec, { sizes: [1000], steps: [[1], [1]] }, [{ scalar: 0 }]);
const step = { kernel, params: args, groups, operands: [0, 1].map((buffer) => ({ buffer, byteOffset: 0 })) };
const [x, y] = [device.allocate(4000), device.allocate(4000)];

async function measure(launches, runs) {
  const program = device.program(Array.from({ length: launches }, () => step));
  const places = { buffers: [x, y], offsets: [0, 0] };
  const round = async () => {
    const start = threadTime();
    for (let i = 0; i < runs; i++) program.run(places, [2]);
    await Promise.resolve(); // what is encoded is handed over when the program pauses
    const spent = (threadTime() - start) / runs;
    await device.settled();
    return spent;
  };
  for (let i = 0; i < 3; i++) await round();
  const times = [];
  for (let i = 0; i < 10; i++) times.push(await round());
  times.sort((a, b) => a - b);
  const shown = [times[5], times[2], times[7]].map((us) => us.toFixed(1));
  console.log(
    `${launches} launch${launches > 1 ? 'es' : ''}: ${shown[0]} µs a run (${shown[1]} to ${shown[2]}), ${(times[5] / launches).toFixed(1)} a launch`,
  );
}

/** Milliseconds until a number is there. */
function measureReads() {
  const times = [];
  for (let i = 0; i < 300; i++) {
    const start = performance.now();
    device.readNow(x, 0, 'float32', 1);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const [low, middle, high] = [75, 150, 225].map((i) => times[i].toFixed(3));
  console.log(`a read at once: ${middle} ms (${low} to ${high})`);
}

console.log(device.description);
await measure(1, Number(options.runs));
await measure(Number(options.launches), Math.ceil(Number(options.runs) / 10));
if (options.thread) measureReads();
device.destroy();
