/**
 * A plan: a graph lowered to kernel launches for one device, ready to run any number of times. Running it allocates at
 * most one temporary block, writes addresses and scalars into argument blocks, and launches.
 */
import { invariant } from '../base/errors.ts';
import type { Layout } from '../base/layout.ts';
import type { Device, Launch } from '../devices/device.ts';
import type { Graph } from './graph.ts';
import { Lowering, type BufferSource, type LoweredStep, type Value } from './lowering.ts';

/** A launch and the words of its argument block that change between runs. */
interface PlanStep {
  readonly launch: Launch;
  readonly name: string;
  /** Flat triples: address of the word, index of the buffer, byte offset within it. */
  readonly pointers: readonly number[];
  /** Flat pairs: address of the double, index of the scalar. */
  readonly scalars: readonly number[];
}

export class Plan {
  readonly device: Device;
  /** Layouts of the results, in the graph's output order. */
  readonly outputs: readonly Layout[];
  readonly #graph: Graph;
  readonly #steps: readonly PlanStep[];
  readonly #buffers: readonly BufferSource[];
  /** Addresses of all buffers; external and temporary ones are filled in at each run. */
  readonly #addresses: number[];
  readonly #tempBytes: number;
  readonly #externals: number;
  readonly #temps: readonly number[];
  /** Blocks that the plan itself holds: argument blocks and constant tables. */
  readonly #held: { readonly address: number; readonly bytes: number }[] = [];

  constructor(device: Device, graph: Graph) {
    this.device = device;
    this.#graph = graph;
    this.outputs = graph.outputs.map((id) => graph.values[id]!);
    const lowering = new Lowering(device);
    lower(graph, lowering);
    this.#buffers = lowering.buffers;
    this.#tempBytes = lowering.tempBytes;
    this.#externals = graph.inputs.length + graph.outputs.length;
    this.#addresses = lowering.buffers.map((source) => {
      if (source.kind !== 'constant') return 0;
      const address = this.#hold(source.data.byteLength);
      device.write(address, source.data);
      return address;
    });
    this.#temps = lowering.buffers.flatMap((source, i) => (source.kind === 'temp' ? [i] : []));
    this.#steps = lowering.steps.map((step) => this.#prepare(step));
  }

  /**
   * Runs the plan. `addresses` are those of the inputs, then of the outputs; an output may be an input's own memory where
   * the operation works in place.
   */
  run(addresses: readonly number[], scalars: readonly number[]): void {
    const { device } = this;
    const all = this.#addresses;
    for (let i = 0; i < this.#externals; i++) all[i] = addresses[i]!;
    const temp = this.#tempBytes > 0 ? device.allocate(this.#tempBytes) : 0;
    try {
      for (const i of this.#temps) all[i] = temp + (this.#buffers[i] as { offset: number }).offset;
      for (const step of this.#steps) {
        const { pointers, scalars: doubles } = step;
        for (let i = 0; i < pointers.length; i += 3) device.setWord(pointers[i]!, all[pointers[i + 1]!]! + pointers[i + 2]!); // prettier-ignore
        for (let i = 0; i < doubles.length; i += 2) device.setDouble(doubles[i]!, scalars[doubles[i + 1]!]!);
        device.run(step.launch);
      }
    } finally {
      if (temp !== 0) device.free(temp, this.#tempBytes);
    }
  }

  /** Writes a step's fixed arguments and notes where the others go. */
  #prepare(step: LoweredStep): PlanStep {
    const { device } = this;
    const { kernel } = step;
    const args = this.#hold(Math.max(Object.keys(kernel.slots).length, 1) * 8);
    const pointers: number[] = [];
    const scalars: number[] = [];
    for (const [name, type] of Object.entries(kernel.params)) {
      const at = args + kernel.slots[name]! * 8;
      const arg = step.args[name];
      invariant(arg !== undefined, `kernel ${kernel.key} misses argument ${name}`);
      if (typeof arg === 'object' && 'buffer' in arg) pointers.push(at, arg.buffer, arg.byteOffset);
      else if (typeof arg === 'object') scalars.push(at, arg.scalar);
      else if (type === 'f64') device.setDouble(at, arg);
      else device.setWord(at, arg);
    }
    const handle = device.load(kernel);
    const launch = { kernel: handle, args, size: step.size, grain: step.grain, scratch: step.scratch };
    return { launch, name: kernel.key, pointers, scalars };
  }

  #hold(bytes: number): number {
    const address = this.device.allocate(bytes);
    this.#held.push({ address, bytes });
    return address;
  }

  /** Gives back the plan's own memory; it cannot run afterwards. */
  dispose(): void {
    for (const { address, bytes } of this.#held.splice(0)) this.device.free(address, bytes);
  }

  toString(): string {
    const steps = this.#steps.map((step) => `  ${step.name} × ${step.launch.size}`);
    return [this.#graph.toString(), `temporary memory: ${this.#tempBytes} bytes`, ...steps].join('\n');
  }
}

/** Lowers every node in order. Inputs and outputs are external; values between nodes are temporary. */
function lower(graph: Graph, lowering: Lowering): void {
  const values = new Map<number, Value>();
  [...graph.inputs, ...graph.outputs].forEach((id, index) => {
    values.set(id, lowering.external(graph.values[id]!, index));
  });
  const valueOf = (id: number): Value => {
    let value = values.get(id);
    if (value === undefined) {
      const layout = graph.values[id]!;
      value = lowering.temp(layout.dtype, layout.shape);
      values.set(id, value);
    }
    return value;
  };
  for (const node of graph.nodes) node.lower(lowering, node.inputs.map(valueOf), node.outputs.map(valueOf));
}
