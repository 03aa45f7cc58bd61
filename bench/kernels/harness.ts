/**
 * Times lowerings on the CPU device, below tensors, next to a loop of nothing but fused multiply-adds: on a machine that
 * others use too, the ratio to that loop says more than the time.
 *
 *     npx esbuild bench/kernels/conv.ts --bundle --platform=node --format=esm --outfile=/tmp/conv.mjs && node /tmp/conv.mjs
 */
import { layoutOf, type Layout } from '../../src/base/layout.ts';
import { numelOf } from '../../src/base/shape.ts';
import type { Lower } from '../../src/compiler/graph.ts';
import { elementKit, Tile } from '../../src/kernels/gemm-tile.ts';
import { load } from '../../src/kernels/ir.ts';
import { cachedKernel } from '../../src/kernels/kernel.ts';
import { hostTensor, noise } from '../../test/support/host-tensors.ts';
import { device, runLowering, type HostTensor } from '../../test/support/run-kernel.ts';

export { device, hostTensor };

/** Seconds of one call: the best and the median of many. */
export interface Timing {
  readonly best: number;
  readonly median: number;
}

/** Calls for about `seconds`, after as long a warm-up in which the engine optimises. */
export function time(run: () => void, seconds = 0.4): Timing {
  const until = (end: number, times: number[]): void => {
    do {
      const start = performance.now();
      run();
      times.push((performance.now() - start) / 1000);
    } while (performance.now() < end || times.length < 5);
  };
  until(performance.now() + seconds * 1000, []);
  const times: number[] = [];
  until(performance.now() + seconds * 1000, times);
  times.sort((a, b) => a - b);
  return { best: times[0]!, median: times[times.length >> 1]! };
}

/** GFLOP/s of a register tile that runs on registers and one cache line. */
export function peak(): number {
  const depth = 1 << 16;
  const kernel = (target: (typeof device)['target']) =>
    cachedKernel(target, 'bench/peak', { x: 'ptr' }, ({ f, p, lo, hi }) => {
      const kit = elementKit(target, 'f32');
      const tile = new Tile(f, kit, 4, 2);
      f.for('unit', lo, hi, () => {
        f.for('k', 0, depth, () => tile.outerStep(p.x, [load('f32v', p.x), load('f32v', p.x, 16)])); // prettier-ignore
      });
      tile.store([f.let('out0', p.x.add(64)), f.let('out1', p.x.add(64))], p.x.sub(p.x));
    });
  const x: HostTensor = { dtype: 'float32', shape: [64], data: new Float32Array(64) };
  const { rerun, dispose } = runLowering((l, [value]) => l.launch(kernel(l.target), { x: value! }, { size: 20, unitCost: 0 }), [x], []); // prettier-ignore
  const { best } = time(rerun, 0.1);
  dispose();
  return (20 * depth * 8 * 4 * 2) / best / 1e9;
}

/** Prints one line: time, GFLOP/s and the share of the peak measured just before. */
export function report(
  name: string,
  flops: number,
  lower: Lower,
  inputs: readonly HostTensor[],
  outputs: readonly Layout[],
): void {
  // prettier-ignore
  const { rerun, dispose } = runLowering(lower, inputs, outputs);
  const limit = peak();
  const { best, median } = time(rerun);
  dispose();
  const rate = (seconds: number): string => (flops / seconds / 1e9).toFixed(1).padStart(6);
  const us = (seconds: number): string => (seconds * 1e6).toFixed(1).padStart(10);
  const share = ((100 * flops) / best / 1e9 / limit).toFixed(0).padStart(4);
  console.log(`${name.padEnd(44)}${us(best)} µs best${us(median)} median${rate(best)} / ${rate(median)} GFLOP/s ${share} % of ${limit.toFixed(0)}`); // prettier-ignore
}

export const dense = (shape: readonly number[], salt: number): HostTensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from({ length: numelOf(shape) }, (_, i) => noise(i % 9973, salt)),
  strides: layoutOf('float32', shape).strides,
});
