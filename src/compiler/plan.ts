/**
 * A plan: a graph lowered to kernel launches for one device, ready to run any number of times. Running it writes addresses
 * and scalars into argument blocks, and launches. Temporaries lie in one block: a plan of one operation takes it for each
 * run, a larger one keeps it as its arena.
 */
import { invariant } from '../base/errors.ts';
import type { Device, Launch } from '../devices/device.ts';
import type { Graph } from './graph.ts';
import { Lowering, type LoweredStep, type Value } from './lowering.ts';

/** A launch and the words of its argument block that change between runs. */
export interface PlanStep {
  readonly launch: Launch;
  readonly name: string;
  /** Flat triples: address of the word, index of the buffer, byte offset within it. */
  readonly pointers: readonly number[];
  /** Flat pairs: address of the double, index of the scalar. */
  readonly scalars: readonly number[];
}

export class Plan {
  readonly device: Device;
  readonly graph: Graph;
  readonly steps: readonly PlanStep[];
  /** Addresses of all buffers; external and temporary ones are filled in at each run. */
  readonly #addresses: number[];
  readonly #tempBytes: number;
  readonly #externals: number;
  /** The buffers in the temporary block, and their places in it. */
  readonly #temps: readonly { readonly buffer: number; readonly offset: number }[];
  /** Blocks that the plan itself holds: argument blocks and constant tables. */
  readonly #held: { readonly address: number; readonly bytes: number }[] = [];

  constructor(device: Device, graph: Graph) {
    this.device = device;
    this.graph = graph;
    const lowering = new Lowering(device);
    lower(graph, lowering);
    const { offsets, bytes } = lowering.arrange();
    this.#tempBytes = offsets.length === 0 ? 0 : bytes;
    this.#externals = graph.externals.length;
    this.#addresses = lowering.buffers.map((source) => {
      if (source.kind !== 'constant') return 0;
      const address = this.#hold(source.data.byteLength);
      device.write(address, source.data);
      return address;
    });
    this.#temps = lowering.buffers.flatMap((source, buffer) =>
      source.kind === 'temp' ? [{ buffer, offset: offsets[source.temp]! }] : [],
    );
    if (graph.nodes.length > 1 && this.#tempBytes > 0) this.#place(this.#hold(this.#tempBytes));
    this.steps = lowering.steps.map((step) => this.#prepare(step));
  }

  /** Bytes of temporary memory: the arena of a plan of many operations. */
  get tempBytes(): number {
    return this.#tempBytes;
  }

  /**
   * Runs the plan. `addresses` are those of the graph's external buffers, in its order; two may be the same where the
   * operation works in place.
   */
  run(addresses: readonly number[], scalars: readonly number[]): void {
    for (let i = 0; i < this.#externals; i++) this.#addresses[i] = addresses[i]!;
    if (this.#tempBytes === 0 || this.graph.nodes.length > 1) {
      this.#launch(scalars);
      return;
    }
    const temp = this.device.allocate(this.#tempBytes);
    try {
      this.#place(temp);
      this.#launch(scalars);
    } finally {
      this.device.free(temp, this.#tempBytes);
    }
  }

  #place(block: number): void {
    for (const { buffer, offset } of this.#temps) this.#addresses[buffer] = block + offset;
  }

  #launch(scalars: readonly number[]): void {
    const { device } = this;
    const all = this.#addresses;
    for (const step of this.steps) {
      const { pointers, scalars: doubles } = step;
      for (let i = 0; i < pointers.length; i += 3) device.setWord(pointers[i]!, all[pointers[i + 1]!]! + pointers[i + 2]!); // prettier-ignore
      for (let i = 0; i < doubles.length; i += 2) device.setDouble(doubles[i]!, scalars[doubles[i + 1]!]!);
      device.run(step.launch);
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
}

/** Lowers every node in order. */
function lower(graph: Graph, lowering: Lowering): void {
  const places = graph.buffers.map((): Value | undefined => undefined);
  graph.externals.forEach((buffer, index) => {
    places[buffer] = lowering.external(graph.values.find((value) => value.buffer === buffer)!.layout, index);
  });
  const lives = lifetimes(graph);
  const valueOf = (id: number): Value => {
    const { buffer, layout, offset } = graph.values[id]!;
    const source = graph.buffers[buffer]!;
    const place = (places[buffer] ??=
      source.kind === 'constant'
        ? lowering.constant(layout.dtype, source.data)
        : lowering.local(layout, source.bytes, lives[buffer]!.first, lives[buffer]!.last));
    return lowering.view({ ...place, layout }, layout, offset);
  };
  graph.nodes.forEach((node, i) => {
    lowering.beginNode(i, node.firstScalar);
    node.lower(lowering, node.inputs.map(valueOf), node.outputs.map(valueOf));
  });
}

/** The first and the last node that mention each buffer. */
function lifetimes(graph: Graph): { first: number; last: number }[] {
  const lives = graph.buffers.map(() => ({ first: Infinity, last: -1 }));
  graph.nodes.forEach(({ inputs, outputs }, i) => {
    for (const id of [...inputs, ...outputs]) {
      const life = lives[graph.values[id]!.buffer]!;
      life.first = Math.min(life.first, i);
      life.last = i;
    }
  });
  return lives;
}
