/**
 * Times lowerings on the CPU device, below tensors, next to a loop of nothing but fused multiply-adds, which tells what the
 * machine can do at that moment.
 *
 *     npx esbuild bench/kernels/conv.ts --bundle --platform=node --format=esm --outfile=/tmp/conv.mjs && node /tmp/conv.mjs
 *
 * With FLAMBEAU_NATIVE=wait the kernels are native ones.
 */
import '../../src/tensor/families/index.ts';
import { layoutOf, type Layout } from '../../src/base/layout.ts';
import { numelOf } from '../../src/base/shape.ts';
import type { Lower } from '../../src/compiler/graph.ts';
import { elementKit, Tile, tileVectors } from '../../src/kernels/cpu/gemm/tile.ts';
import { i32, load } from '../../src/kernels/cpu/ir.ts';
import { cachedKernel } from '../../src/kernels/cpu/kernel.ts';
import { hostTensor, noise } from '../../test/support/host-tensors.ts';
import { device, runLowering, type HostTensor } from '../../test/support/run-kernel.ts';

export { device, hostTensor };

/** Processor seconds of this process: what others take from the machine does not count. For one thread only. */
const processor = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const wall = (): number => performance.now() / 1000;

/** Seconds of a call, over `calls` calls: processor time on one thread, the clock's on several. */
function sample(run: () => void, calls: number): number {
  const clock = device.threads === 1 ? processor : wall;
  const start = clock();
  for (let i = 0; i < calls; i++) run();
  return (clock() - start) / calls;
}

/** Calls for `seconds`, until the engine has optimised; returns how many calls make a sample of 5 ms. */
function warmUp(run: () => void, seconds: number): number {
  let calls = 1;
  const end = wall() + seconds;
  while (wall() < end) calls = Math.min(Math.max(1, Math.ceil(0.005 / sample(run, calls))), calls * 4);
  return calls;
}

/** Multiply-adds of one call of {@link yardstick}'s loop. */
const STEPS = 1 << 16;

/** A register tile that runs on registers and one cache line, for about a millisecond; and its operations. */
function yardstick(): { run: () => void; flops: number } {
  const x: HostTensor = { dtype: 'float32', shape: [1024], data: new Float32Array(1024) };
  let flops = 0;
  const { rerun } = runLowering(
    (l, [value]) => {
      const target = l.wideTarget;
      const kit = elementKit(target, 'f32');
      const columns = Array.from({ length: tileVectors(kit) }, (_, j) => j * kit.vectorBytes);
      flops = 16 * STEPS * 4 * columns.length * kit.lanes * 2;
      const kernel = cachedKernel(target, 'bench/peak', { x: 'ptr' }, ({ f, p, lo, hi }) => {
        const tile = new Tile(f, kit, 4, columns.length);
        f.for('unit', lo, hi, () => {
          f.for('k', 0, STEPS, (k) => {
            const x = f.let('at', p.x.add(k.and(1).mul(128))); // not always the same, or compilers load it once
            tile.outerStep(
              x,
              columns.map((at) => load('f32v', x, at)),
            );
          });
        });
        tile.store(
          columns.map((at) => f.let('out', p.x.add(512 + at))),
          i32(columns.length * kit.vectorBytes),
        );
      });
      l.launch(kernel, { x: value! }, { size: 16, unitCost: 0 });
    },
    [x],
    [],
  );
  warmUp(rerun, 0.2);
  return { run: rerun, flops };
}
let peakLoop: ReturnType<typeof yardstick> | undefined;

/**
 * Prints one line: best and median time, GFLOP/s, and the median share of what the multiply-add loop reached right before
 * each sample.
 */
export function report(name: string, flops: number, lower: Lower, inputs: readonly HostTensor[], outputs: readonly Layout[]): void {
  const { rerun, dispose } = runLowering(lower, inputs, outputs);
  peakLoop ??= yardstick();
  const calls = warmUp(rerun, 0.4);
  const times: number[] = [];
  const shares: number[] = [];
  let limit = 0;
  for (let left = Number(process.env['SECONDS'] ?? 0.6); left > 0 || times.length < 9; left -= times.at(-1)! * calls) {
    const peak = peakLoop.flops / sample(peakLoop.run, 2);
    const seconds = sample(rerun, calls);
    times.push(seconds);
    shares.push(flops / seconds / peak);
    limit = Math.max(limit, peak);
  }
  dispose();
  const sorted = (values: number[]): number[] => values.sort((a, b) => a - b);
  const [best, median] = [sorted(times)[0]!, times[times.length >> 1]!];
  const share = (100 * sorted(shares)[shares.length >> 1]!).toFixed(0).padStart(4);
  const rate = (seconds: number): string => (flops / seconds / 1e9).toFixed(1).padStart(6);
  const us = (seconds: number): string => (seconds * 1e6).toFixed(1).padStart(10);
  console.log(
    `${name.padEnd(36)}${us(best)} µs best${us(median)} median${rate(best)} / ${rate(median)} GFLOP/s ${share} % of multiply-add ${(limit / 1e9).toFixed(0)}`,
  );
}

export const dense = (shape: readonly number[], salt: number): HostTensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from({ length: numelOf(shape) }, (_, i) => noise(i % 9973, salt)),
  strides: layoutOf('float32', shape).strides,
});
