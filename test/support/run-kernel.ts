/** Runs lowerings directly on the CPU device, below tensors: for tests and kernel benchmarks. */
import type { DType, TypedArray } from '../../src/base/dtype.ts';
import { layoutOf, type Layout } from '../../src/base/layout.ts';
import { Graph, type Lower } from '../../src/compiler/graph.ts';
import { Plan } from '../../src/compiler/plan.ts';
import { CpuDevice } from '../../src/devices/cpu/cpu.ts';
import { loweringsOf } from '../../src/lower/index.ts';
import type { CpuLowering } from '../../src/lower/cpu/lowering.ts';
import { enableWide } from '../../src/lower/cpu/wide.ts';
import { enableNative } from '../../src/devices/cpu/native/native.ts';

enableWide();
enableNative(); // FLAMBEAU_NATIVE=wait runs everything natively

export const device = new CpuDevice();

/** Makes lowerings for the device. */
export const { begin } = loweringsOf('cpu');

/** A lowering of the CPU in a graph that is only run there. */
export const forGraph = (lower: Lower<CpuLowering>): Lower => lower as unknown as Lower;

export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
  /** Strides of `data` as stored; contiguous when left out. */
  readonly strides?: readonly number[];
}

/** Lowers and runs one operation on host data; returns the outputs. `repeat` reruns the same plan (for timing). */
export function runLowering(
  lower: Lower<CpuLowering>,
  inputs: readonly HostTensor[],
  outputs: readonly Layout[],
  scalars: readonly number[] = [],
): { results: TypedArray[]; input: (i: number) => TypedArray; rerun: () => void; dispose: () => void } {
  const graph = new Graph();
  const ids = inputs.map((t) => graph.input(layoutOf(t.dtype, t.shape, t.strides)));
  for (const id of graph.node('test', forGraph(lower), ids, outputs)) graph.output(id);
  const plan = new Plan(device, graph, { begin });
  const blocks = [...inputs.map((t) => t.data.byteLength), ...outputs.map((l) => l.extent)];
  const buffers = blocks.map((bytes) => device.allocate(Math.max(bytes, 1)));
  inputs.forEach((t, i) => device.write(buffers[i]!, 0, t.data));
  buffers.forEach((buffer, i) => {
    plan.places.buffers[i] = buffer;
    plan.places.offsets[i] = 0;
  });
  const rerun = (): void => plan.run(scalars);
  rerun();
  return {
    results: outputs.map((l, i) => device.readNow(buffers[inputs.length + i]!, 0, l.dtype, l.numel)),
    /** An input as it is now: some operations write theirs. */
    input: (i) => device.readNow(buffers[i]!, 0, inputs[i]!.dtype, inputs[i]!.data.length),
    rerun,
    dispose: () => buffers.forEach((buffer) => device.free(buffer)),
  };
}
