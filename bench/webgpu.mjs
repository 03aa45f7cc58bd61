/**
 * node bench/webgpu.mjs [--launches N] [--runs N]
 *
 * What it costs the program's thread to hand work to the WebGPU device: processor time of that thread (Linux only) for each run of a
 * program of one small launch and of one of many, encoding and handing over included. Kernels run on a card, or with FLAMBEAU_GPU=software on
 * other threads. Prints the median of ten rounds, and the quartiles.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const { values: options } = parseArgs({
  options: { launches: { type: 'string', default: '50' }, runs: { type: 'string', default: '300' } },
});
const at = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The sources in one module: they have no entry point of their own. */
async function sources() {
  const contents = `export { requestWebGpu } from '../src/devices/webgpu/webgpu.ts';
export { elementwiseLaunch } from '../src/kernels/wgsl/elementwise.ts';`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: at('.') },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    external: ['webgpu'],
  });
  const folder = mkdtempSync(join(at('../node_modules'), '.bench-'));
  try {
    writeFileSync(join(folder, 'webgpu.mjs'), outputFiles[0].text);
    return await import(pathToFileURL(join(folder, 'webgpu.mjs')).href);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Microseconds that this thread has had a processor for. */
const threadTime = () => Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e3;

const { requestWebGpu, elementwiseLaunch } = await sources();
const device = await requestWebGpu();
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

console.log(device.description);
await measure(1, Number(options.runs));
await measure(Number(options.launches), Math.ceil(Number(options.runs) / 10));
device.destroy();
