/**
 * A plan: a graph lowered to kernel launches for one device, ready to run any number of times. Running it allocates at
 * most one temporary block, writes addresses and scalars into argument blocks, and launches.
 */
import { invariant } from '../base/errors.ts';
import type { Layout } from '../base/layout.ts';
import type { Device, Launch, Program, Runner } from '../devices/device.ts';
import type { Target } from '../kernels/ir.ts';
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
  /** Whether it runs on native kernels by now. */
  isNative = false;
  readonly #graph: Graph;
  readonly #externals: number;
  #code: PlanCode;
  /** Runs left until native code is asked for; 0 means never. */
  #patience: number;
  /** The plan for native kernels, while they are being compiled. */
  #next: Lowering | undefined;

  /** After `patience` runs it asks for native kernels: eager operations, which may not come again, later than compiled steps. */
  constructor(device: Device, graph: Graph, patience = Infinity) {
    this.device = device;
    this.#graph = graph;
    this.outputs = graph.outputs.map((id) => graph.values[id]!);
    this.#externals = graph.inputs.length + graph.outputs.length;
    this.#code = new PlanCode(device, lowered(device, graph, device.target), device);
    this.#patience = Math.min(patience, device.native?.patience ?? 0);
  }

  /**
   * Runs the plan. `addresses` are those of the inputs, then of the outputs; an output may be an input's own memory where
   * the operation works in place.
   */
  run(addresses: readonly number[], scalars: readonly number[]): void {
    if (this.#patience > 0 && --this.#patience === 0) this.#hasten();
    const { device } = this;
    const { addresses: all, buffers, program, steps, temps, tempBytes } = this.#code;
    for (let i = 0; i < this.#externals; i++) all[i] = addresses[i]!;
    const temp = tempBytes > 0 ? device.allocate(tempBytes) : 0;
    try {
      for (const i of temps) all[i] = temp + (buffers[i] as { offset: number }).offset;
      for (const { pointers, scalars: doubles } of steps) {
        for (let i = 0; i < pointers.length; i += 3) device.setWord(pointers[i]!, all[pointers[i + 1]!]! + pointers[i + 2]!); // prettier-ignore
        for (let i = 0; i < doubles.length; i += 2) device.setDouble(doubles[i]!, scalars[doubles[i + 1]!]!);
      }
      program.run();
    } finally {
      if (temp !== 0) device.free(temp, tempBytes);
    }
  }

  /** Moves to native kernels if they are ready, else asks again at the next run. */
  #hasten(): void {
    const { native } = this.device;
    const target = native?.target;
    if (native === undefined || target === undefined) return;
    this.#next ??= lowered(this.device, this.#graph, target);
    const ready = native.ready(this.#next.steps.map((step) => step.kernel));
    if (ready === undefined) {
      this.#patience = 1;
      return;
    }
    if (ready) {
      const code = new PlanCode(this.device, this.#next, native);
      this.#code.dispose();
      this.#code = code;
      this.isNative = true;
    }
    this.#next = undefined;
  }

  /** Gives back the plan's own memory; it cannot run afterwards. */
  dispose(): void {
    this.#patience = 0;
    this.#code.dispose();
  }

  toString(): string {
    const steps = this.#code.steps.map((step) => `  ${step.name} × ${step.launch.size}`);
    return [this.#graph.toString(), `temporary memory: ${this.#code.tempBytes} bytes`, ...steps].join('\n');
  }
}

/** A lowered graph with its kernels loaded: WebAssembly's or native ones. */
class PlanCode {
  readonly steps: readonly PlanStep[];
  readonly buffers: readonly BufferSource[];
  /** Addresses of all buffers; external and temporary ones are filled in at each run. */
  readonly addresses: number[];
  readonly tempBytes: number;
  readonly temps: readonly number[];
  readonly program: Program;
  readonly #device: Device;
  /** Blocks that the plan itself holds: argument blocks and constant tables. */
  readonly #held: { readonly address: number; readonly bytes: number }[] = [];

  constructor(device: Device, lowering: Lowering, runner: Runner) {
    this.#device = device;
    this.buffers = lowering.buffers;
    this.tempBytes = lowering.tempBytes;
    this.addresses = lowering.buffers.map((source) => {
      if (source.kind !== 'constant') return 0;
      const address = this.#hold(source.data.byteLength);
      device.write(address, source.data);
      return address;
    });
    this.temps = lowering.buffers.flatMap((source, i) => (source.kind === 'temp' ? [i] : []));
    this.steps = lowering.steps.map((step) => this.#prepare(step, runner));
    this.program = runner.program(this.steps.map((step) => step.launch));
  }

  /** Writes a step's fixed arguments and notes where the others go. */
  #prepare(step: LoweredStep, runner: Runner): PlanStep {
    const device = this.#device;
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
    const handle = runner.load(kernel);
    const launch = { kernel: handle, args, size: step.size, grain: step.grain, scratch: step.scratch };
    return { launch, name: kernel.key, pointers, scalars };
  }

  #hold(bytes: number): number {
    const address = this.#device.allocate(bytes);
    this.#held.push({ address, bytes });
    return address;
  }

  dispose(): void {
    for (const { address, bytes } of this.#held.splice(0)) this.#device.free(address, bytes);
    this.program.dispose();
  }
}

/** Lowers every node in order. Inputs and outputs are external; values between nodes are temporary. */
function lowered(device: Device, graph: Graph, target: Target): Lowering {
  const lowering = new Lowering(device, target);
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
  return lowering;
}
