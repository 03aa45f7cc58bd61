/**
 * A setup file that has every eager operation of a test run a second time, on WebGPU, from the same memory, and compares: results, and the errors of refused
 * values. So the tests of operations, with what PyTorch computed, test that device's lowerings, too.
 *
 * Operations that the device refuses are left out, such as those in float64, and whole numbers that 32 bits do not hold. Of a plan, the first two
 * runs are repeated.
 */
import { afterAll, afterEach } from 'vitest';
import { itemSize, viewAs, type TypedArray } from '../../src/base/dtype.ts';
import { DTypeError } from '../../src/base/errors.ts';
import type { Layout } from '../../src/base/layout.ts';
import type { Graph, GraphNode } from '../../src/compiler/graph.ts';
import type { Value } from '../../src/compiler/lowering.ts';
import { Plan } from '../../src/compiler/plan.ts';
import type { Buffer } from '../../src/devices/device.ts';
import type { GpuBlock, GpuProgram } from '../../src/devices/webgpu/program.ts';
import type { WebGpuDevice } from '../../src/devices/webgpu/webgpu.ts';
import { loweringsOf } from '../../src/lower/index.ts';
import { WEBGPU_LOWERINGS } from '../../src/lower/webgpu/index.ts';
import { GpuLowering } from '../../src/lower/webgpu/lowering.ts';
import { distance, testDevice } from './webgpu.ts';

type AnyLower = (l: unknown, ...rest: unknown[]) => void;
type Entry = { lower: AnyLower };

const found = await testDevice();
const device = found as WebGpuDevice;
const problems: string[] = [];
const pending: Promise<void>[] = [];
const runs = new WeakMap<Plan, number>();

/** What has run, for the word at the end. */
const counts = { compared: 0, refused: 0 };

/** Thrown for an operation that WebGPU has no lowering of, but a stated refusal. */
const REFUSED = new Error('refused');

/** The lowerings of the CPU, which give way where they are asked to lower for WebGPU. */
function divert(): void {
  const cpu = loweringsOf('cpu');
  const own = WEBGPU_LOWERINGS.operations as unknown as Record<string, Partial<Entry>>;
  for (const [name, entry] of Object.entries(cpu.operations as unknown as Record<string, Entry>)) {
    const { lower } = entry;
    const refuse = (): never => {
      throw REFUSED;
    };
    entry.lower = (l, ...rest) => (l instanceof GpuLowering ? (own[name]!.lower ?? refuse) : lower)(l, ...rest);
  }
  const elementwise = cpu.elementwise as unknown as { one: AnyLower };
  const { one } = elementwise;
  const gpuOne = WEBGPU_LOWERINGS.elementwise.one as unknown as AnyLower;
  elementwise.one = (l, ...rest) => (l instanceof GpuLowering ? gpuOne : one)(l, ...rest);
}

const MOST_BYTES = 4e6;

/** Whether the device has the numbers of these tensors. */
function isFit(graph: Graph, buffers: readonly Buffer[]): boolean {
  if (graph.nodes.length !== 1 || buffers.some(({ bytes }) => bytes > MOST_BYTES)) return false;
  return graph.values.every(({ layout }) => device.limits.dtypes.has(layout.dtype) && layout.shape.length <= 8);
}

/** Operations that give means of thousands of values of either sign: small next to what was added up, so that roundings of the sums show. */
const MEANS: ReadonlySet<string> = new Set(['batchNorm']);

/** The elements of a layout, in order, of memory that begins at `at`. */
function elementsOf(memory: ArrayBuffer, at: number, { dtype, shape, strides, numel, extent }: Layout): number[] {
  const all = viewAs(dtype, memory.slice(at, at + extent), 0, extent / itemSize(dtype));
  const list: number[] = [];
  for (let i = 0; i < numel; i++) {
    let [rest, element] = [i, 0];
    for (let d = shape.length - 1; d >= 0; d--) {
      element += (rest % shape[d]!) * strides[d]!;
      rest = Math.floor(rest / shape[d]!);
    }
    list.push(Number(all[element]));
  }
  return list;
}

interface Shadow {
  readonly node: GraphNode;
  readonly graph: Graph;
  readonly program: GpuProgram;
  readonly blocks: Map<Buffer, GpuBlock>;
  readonly own: readonly GpuBlock[];
  /** Inputs that are so small that devices may take them for 0, by their places in order. */
  readonly tiny: ReadonlySet<number>;
}

/** Places of subnormal numbers among the inputs. */
function tinyPlaces(
  graph: Graph,
  buffers: readonly Buffer[],
  offsets: readonly number[],
  memories: ReadonlyMap<Buffer, TypedArray>,
): Set<number> {
  const places = new Set<number>();
  for (const id of graph.nodes[0]!.inputs) {
    const { buffer, layout, offset } = graph.values[id]!;
    const index = graph.externals.indexOf(buffer);
    if (layout.dtype !== 'float32' || index < 0) continue;
    const memory = memories.get(buffers[index]!)!.buffer as ArrayBuffer;
    elementsOf(memory, offsets[index]! + offset * 4, layout).forEach((v, i) => {
      if (v !== 0 && Math.abs(v) < 1.2e-38) places.add(i);
    });
  }
  return places;
}

function start(plan: Plan, buffers: readonly Buffer[], offsets: readonly number[], scalars: readonly number[]): Shadow | undefined {
  const { graph } = plan;
  const cpu = plan.device;
  const before = runs.get(plan) ?? 0;
  if (before >= 2 || !isFit(graph, buffers)) return undefined;
  runs.set(plan, before + 1);
  const l = new GpuLowering(true);
  const places = graph.buffers.map((): Value | undefined => undefined);
  graph.externals.forEach((buffer, index) => {
    const value = graph.values.find((candidate) => candidate.buffer === buffer);
    if (value !== undefined) places[buffer] = l.external(value.layout, index);
  });
  const valueOf = (id: number): Value => {
    const { buffer, layout, offset } = graph.values[id]!;
    return l.view({ ...places[buffer]!, layout }, layout, offset);
  };
  const node = graph.nodes[0]!;
  l.beginNode(0, node.firstScalar);
  try {
    (node.lower as unknown as AnyLower)(l, node.inputs.map(valueOf), node.outputs.map(valueOf));
  } catch (error) {
    if (error === REFUSED || (error instanceof DTypeError && error.message.includes('float64'))) return undefined;
    throw error;
  }
  const blocks = new Map<Buffer, GpuBlock>();
  const memories = new Map<Buffer, TypedArray>();
  for (const buffer of new Set(buffers)) {
    const memory = cpu.readNow!(buffer, 0, 'uint8', buffer.bytes).slice();
    memories.set(buffer, memory);
    const block = device.allocate(buffer.bytes);
    device.write(block, 0, memory);
    blocks.set(buffer, block);
  }
  const { offsets: temps, bytes } = l.arrange();
  const arena = device.allocate(Math.max(bytes, 4));
  const own = [arena];
  const fixed = (data: TypedArray): GpuBlock => {
    const block = device.allocate(Math.max(data.byteLength, 4));
    device.write(block, 0, data);
    own.push(block);
    return block;
  };
  const at = { buffers: [] as GpuBlock[], offsets: [] as number[] };
  const faults = l.buffers.flatMap((source, buffer) => (source.kind === 'fault' ? [{ buffer, error: source.error }] : []));
  for (const source of l.buffers) {
    at.offsets.push(source.kind === 'external' ? offsets[source.index]! : source.kind === 'temp' ? temps[source.temp]! : 0);
    if (source.kind === 'external') at.buffers.push(blocks.get(buffers[source.index]!)!);
    else if (source.kind === 'temp') at.buffers.push(arena);
    else if (source.kind === 'constant') at.buffers.push(fixed(source.data));
    else at.buffers.push(fixed(new BigInt64Array(2)));
  }
  const program = device.program(l.steps, { faults });
  program.run(at, scalars);
  return { node, graph, program, blocks, own, tiny: tinyPlaces(graph, buffers, offsets, memories) };
}

/** Compares what the shadow has written with what the CPU has, once it is there. */
function compare(plan: Plan, shadow: Shadow, buffers: readonly Buffer[], offsets: readonly number[], failure: Error | undefined): void {
  const { node, graph, program, blocks, own, tiny } = shadow;
  const cpu = plan.device;
  const expected = new Map([...blocks.keys()].map((buffer) => [buffer, cpu.readNow!(buffer, 0, 'uint8', buffer.bytes).slice().buffer]));
  const read = [...blocks].map(async ([buffer, block]) => [buffer, (await device.read(block, 0, 'uint8', buffer.bytes)).buffer] as const);
  const shown = `${node.name}(${node.inputs.map((id) => describe(graph.values[id]!.layout)).join(', ')}; ${node.key ?? ''})`;
  const check = async (): Promise<void> => {
    let got: Map<Buffer, ArrayBufferLike>;
    try {
      const settled = await Promise.allSettled(read);
      got = new Map(
        settled.map((result) => {
          if (result.status === 'rejected') throw result.reason;
          return result.value;
        }),
      );
    } catch (error) {
      const same = error instanceof Error && error.message === failure?.message;
      counts.refused++;
      if (!same) problems.push(`${shown}: webgpu says ${String(error)}, the CPU ${String(failure)}`);
      return;
    } finally {
      program.dispose();
      for (const block of [...blocks.values(), ...own]) device.free(block);
    }
    if (failure !== undefined) {
      if (!/divided by zero|by zero/.test(String(failure))) problems.push(`${shown}: the CPU says ${String(failure)}, webgpu nothing`);
      return;
    }
    counts.compared++;
    for (const id of node.outputs) {
      const { buffer, layout, offset } = graph.values[id]!;
      const index = graph.externals.indexOf(buffer);
      if (index < 0) continue;
      const from = offsets[index]! + offset * itemSize(layout.dtype);
      const [want, have] = [expected, got].map((memory) => elementsOf(memory.get(buffers[index]!) as ArrayBuffer, from, layout));
      if (want!.some((v) => layout.dtype === 'int64' && v !== (v | 0))) continue;
      const keep = (list: readonly number[]): number[] => list.filter((_, i) => !tiny.has(i));
      const off = distance(keep(have!), keep(want!));
      if (off > (layout.dtype === 'float32' ? (MEANS.has(node.name) ? 1e-4 : 2e-5) : 0))
        problems.push(`${shown} → ${describe(layout)}: off by ${off}, ${have!.slice(0, 12).join()} and not ${want!.slice(0, 12).join()}`);
    }
  };
  pending.push(check());
}

const describe = ({ dtype, shape, strides }: Layout): string => `${dtype}[${shape.join()}]/${strides.join()}`;

if (found !== undefined) divert();
const { run } = Plan.prototype;
Plan.prototype.run = function (this: Plan, scalars, stamps): void {
  const count = this.graph.externals.length;
  const buffers = this.places.buffers.slice(0, count) as Buffer[];
  const offsets = this.places.offsets.slice(0, count);
  const shadow = found && start(this, buffers, offsets, scalars);
  let failure: Error | undefined;
  try {
    run.call(this, scalars, stamps);
  } catch (error) {
    failure = error as Error;
  }
  if (shadow !== undefined) compare(this, shadow, buffers, offsets, failure);
  if (failure !== undefined) throw failure;
};

afterEach(async () => {
  await Promise.all(pending.splice(0));
  const found = problems.splice(0);
  if (found.length > 0) throw new Error(`on webgpu, ${found.length} differ:\n  ${found.slice(0, 20).join('\n  ')}`);
}, 120_000);

afterAll(() => {
  if (found === undefined) return;
  console.info(`webgpu: ${counts.compared} operations compared, ${counts.refused} refused alike, ${device.kernelCount} kernels`);
});
