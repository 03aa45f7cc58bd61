/**
 * A plan: a graph lowered to kernel launches for one device, ready to run any number of times. Running it writes addresses
 * and scalars into argument blocks, and launches. Temporaries lie in one block: a plan of one operation takes it for each
 * run, a larger one keeps it as its arena.
 */
import { invariant } from '../base/errors.ts';
import type { Device, Launch, Program, Runner } from '../devices/device.ts';
import type { Target } from '../kernels/ir.ts';
import type { Graph } from './graph.ts';
import type { ParamType } from '../kernels/kernel.ts';
import { aligned } from './arena.ts';
import { forget, holds, type Keeper, type Kept } from './kept.ts';
import { lowered } from './lower-graph.ts';
import { FAULT_WORDS } from '../kernels/fault.ts';
import type { FaultSource, Lowering, LoweredStep, ScalarInput, Value } from './lowering.ts';
import { bytesOf, isTable } from './needs.ts';
import { activeProfiler, type Profiler } from './profiler.ts';

/** A launch and the words of its argument block that change between runs. */
export interface PlanStep {
  readonly launch: Launch;
  readonly name: string;
  /** Of what it is part, and how much work it is: see `LaunchRecord`. */
  readonly node: number;
  readonly flops: number;
  readonly bytes: number;
  /** Flat triples: address of the word, index of the buffer, byte offset within it. */
  readonly pointers: readonly number[];
  /** Flat pairs: address of the double, index of the scalar. */
  readonly scalars: readonly number[];
}

const NO_FAULT = new BigInt64Array(FAULT_WORDS);

/** A run's external buffers, two numbers each: whose memory it is, and its version; NaN where that is not known. */
export type Stamps = readonly number[];

/** Whether temporary memory is kept between runs. */
const keepsArena = (graph: Graph): boolean => graph.nodes.length > 1;

export class Plan {
  readonly device: Device;
  readonly graph: Graph;
  /** Whether it runs on native kernels by now. */
  isNative = false;
  readonly #externals: number;
  readonly #keeps: boolean;
  /** Made when the plan first runs, unless native code is there by then. */
  #code: PlanCode | undefined;
  /** Runs left until native code is asked for; 0 means never. */
  #patience: number;
  /** The plan for native kernels, while they are being compiled. */
  #next: Lowering | undefined;

  /**
   * @param keeps whether to keep what is made of external buffers that the graph only reads, such as packed weights, until their
   * stamps change. Such a buffer must not be the same memory as one that the graph writes.
   */
  constructor(device: Device, graph: Graph, keeps = false) {
    this.device = device;
    this.graph = graph;
    this.#keeps = keeps;
    this.#externals = graph.externals.length;
    const patience = device.native?.patience ?? 0;
    this.#patience = keepsArena(graph) ? Math.min(patience, 1) : patience; // a compiled function is here to stay
  }

  /** Bytes of temporary memory: the arena of a plan of many operations. */
  get tempBytes(): number {
    return this.#loaded.tempBytes;
  }

  get steps(): readonly PlanStep[] {
    return this.#loaded.steps;
  }

  /** What is kept from run to run, and the launches that make it. */
  get kept(): readonly Kept[] {
    return this.#loaded.kept;
  }

  get #loaded(): PlanCode {
    const { device, graph } = this;
    this.#code ??= new PlanCode(device, graph, this.#lowered(device.target), device);
    return this.#code;
  }

  #lowered(target: Target): Lowering {
    return lowered(this.device, this.graph, target, this.#keeps ? steadyOf(this.graph) : new Set());
  }

  /**
   * Runs the plan. `addresses` are those of the graph's external buffers, in its order; two may be the same where the
   * operation works in place. `stamps` tell whether what is kept is still right.
   */
  run(addresses: readonly number[], scalars: readonly number[], stamps?: () => Stamps): void {
    if (this.#patience > 0 && --this.#patience === 0) this.#hasten();
    const code = this.#loaded;
    for (let i = 0; i < this.#externals; i++) code.addresses[i] = addresses[i]!;
    if (code.kept.length > 0) code.renew(stamps?.() ?? []);
    if (code.tempBytes === 0 || keepsArena(this.graph)) {
      code.run(scalars);
      return;
    }
    const temp = this.device.allocate(code.tempBytes);
    try {
      code.place(temp);
      code.run(scalars);
    } finally {
      this.device.free(temp, code.tempBytes);
    }
  }

  /** Moves to native kernels if they are ready, else asks again at the next run. */
  #hasten(): void {
    const { native } = this.device;
    if (native === undefined) return;
    if (native.target === undefined && native.ready([]) === false) return;
    if (native.target !== undefined) this.#next ??= this.#lowered(native.target);
    const ready = this.#next && native.ready(this.#next.kernels());
    if (ready === undefined) {
      this.#patience = 1;
      return;
    }
    if (ready) {
      const code = new PlanCode(this.device, this.graph, this.#next!, native);
      this.#code?.dispose();
      this.#code = code;
      this.isNative = true;
    }
    this.#next = undefined;
  }

  /** Gives back the plan's own memory; it cannot run afterwards. */
  dispose(): void {
    this.#patience = 0;
    this.#code?.dispose();
  }
}

/** A lowered graph with its kernels loaded: WebAssembly's or native ones. */
class PlanCode implements Keeper {
  readonly steps: readonly PlanStep[];
  readonly kept: readonly Kept[];
  /** Addresses of all buffers; external and temporary ones are filled in at each run. */
  readonly addresses: number[];
  readonly tempBytes: number;
  readonly #device: Device;
  readonly #graph: Graph;
  readonly #runner: Runner;
  readonly #program: Program;
  /** Where what is kept lies, while it is held. */
  #keptBlock: { readonly address: number; readonly bytes: number } | undefined;
  /** Where kernels report what they refuse. */
  readonly #faults: readonly { readonly address: number; readonly error: FaultSource['error'] }[];
  /** Each launch by itself; made when first profiled. */
  readonly #singles = new Map<PlanStep, Program>();
  /** The buffers in the temporary block, and their places in it. */
  readonly #temps: readonly { readonly buffer: number; readonly offset: number }[];
  /** Blocks that the plan itself holds: argument blocks, constant tables, the arena. */
  readonly #held: { readonly address: number; readonly bytes: number }[] = [];

  constructor(device: Device, graph: Graph, lowering: Lowering, runner: Runner) {
    this.#device = device;
    this.#graph = graph;
    this.#runner = runner;
    const { offsets, bytes } = lowering.arrange();
    this.tempBytes = offsets.length === 0 ? 0 : bytes;
    this.addresses = lowering.buffers.map((source) => {
      if (source.kind !== 'constant' && source.kind !== 'fault') return 0;
      const data = source.kind === 'constant' ? source.data : NO_FAULT;
      const address = this.#hold(data.byteLength);
      device.write(address, data);
      return address;
    });
    this.#faults = lowering.buffers.flatMap((source, buffer) =>
      source.kind === 'fault' ? [{ address: this.addresses[buffer]!, error: source.error }] : [],
    );
    this.#temps = lowering.buffers.flatMap((source, buffer) =>
      source.kind === 'temp' ? [{ buffer, offset: offsets[source.temp]! }] : [],
    );
    if (keepsArena(graph) && this.tempBytes > 0) this.place(this.#hold(this.tempBytes));
    this.kept = lowering.buffers.flatMap((source, buffer) => {
      if (source.kind !== 'kept') return [];
      const steps = source.steps.map((step) => this.#prepare(step, runner));
      const program = runner.program(steps.map(({ launch }) => launch));
      return [{ buffer, bytes: source.bytes, sources: source.sources, steps, program, madeOf: [] }];
    });
    this.steps = lowering.steps.map((step) => this.#prepare(step, runner));
    this.#program = runner.program(this.steps.map((step) => step.launch));
  }

  /** Says where the temporary block is. */
  place(block: number): void {
    for (const { buffer, offset } of this.#temps) this.addresses[buffer] = block + offset;
  }

  /** Makes again what was made of buffers that have changed since. */
  renew(stamps: Stamps): void {
    holds(this);
    if (this.#keptBlock === undefined) {
      const bytes = this.kept.reduce((sum, { bytes }) => sum + aligned(bytes), 0);
      let at = this.#device.allocate(bytes);
      this.#keptBlock = { address: at, bytes };
      for (const { buffer, bytes: own } of this.kept) {
        this.addresses[buffer] = at;
        at += aligned(own);
      }
    }
    for (const { sources, steps, program, madeOf } of this.kept) {
      const now = sources.flatMap((at) => [this.addresses[at]!, stamps[2 * at] ?? NaN, stamps[2 * at + 1] ?? NaN]);
      if (madeOf.length > 0 && now.every((value, i) => value === madeOf[i])) continue;
      madeOf.length = 0; // until it is whole
      this.#fill(steps, []);
      const profiler = activeProfiler();
      if (profiler === undefined) program.run();
      else this.#profile(profiler, steps);
      madeOf.push(...now);
    }
  }

  run(scalars: readonly number[]): void {
    this.#fill(this.steps, scalars);
    const profiler = activeProfiler();
    try {
      if (profiler === undefined) this.#program.run();
      else this.#profile(profiler, this.steps);
    } catch (error) {
      throw this.#reported() ?? error;
    }
  }

  /** The error of a value that a kernel has refused, if that is why it trapped. */
  #reported(): Error | undefined {
    for (const { address, error } of this.#faults) {
      const [refused, value] = this.#device.readSync('int64', address, FAULT_WORDS) as BigInt64Array;
      if (refused === 0n) continue;
      this.#device.write(address, NO_FAULT);
      return error(value!);
    }
    return undefined;
  }

  /** Writes what varies into the argument blocks. */
  #fill(steps: readonly PlanStep[], scalars: readonly number[]): void {
    const device = this.#device;
    const all = this.addresses;
    for (const { pointers, scalars: doubles } of steps) {
      for (let i = 0; i < pointers.length; i += 3) device.setWord(pointers[i]!, all[pointers[i + 1]!]! + pointers[i + 2]!); // prettier-ignore
      for (let i = 0; i < doubles.length; i += 2) device.setDouble(doubles[i]!, scalars[doubles[i + 1]!]!);
    }
  }

  /** Runs launch by launch. */
  #profile(profiler: Profiler, steps: readonly PlanStep[]): void {
    for (const step of steps) {
      let program = this.#singles.get(step);
      if (program === undefined) this.#singles.set(step, (program = this.#runner.program([step.launch])));
      const { name, node, flops, bytes } = step;
      const { name: operation, outputs } = this.#graph.nodes[node]!;
      const start = performance.now();
      program.run();
      const ms = performance.now() - start;
      const [target, kernel] = [name.slice(0, name.indexOf(':')), name.slice(name.indexOf(':') + 1)];
      const shapes = outputs.slice(0, 3).map((id) => this.#graph.values[id]!.layout.shape.join('×'));
      const shape = `${shapes.join(', ')}${outputs.length > 3 ? ', …' : ''}`;
      profiler.record({ operation, kernel, target, shape, start, ms, flops, bytes });
    }
  }

  /** Writes a step's fixed arguments and notes where the others go. */
  #prepare(step: LoweredStep, runner: Runner): PlanStep {
    const device = this.#device;
    const { kernel } = step;
    const args = this.#hold(Math.max(Object.keys(kernel.slots).length, 1) * 8);
    const pointers: number[] = [];
    const scalars: number[] = [];
    const put = (at: number, arg: number | Value | ScalarInput, type: ParamType): void => {
      if (typeof arg === 'object' && 'buffer' in arg) pointers.push(at, arg.buffer, arg.byteOffset);
      else if (typeof arg === 'object') scalars.push(at, arg.scalar);
      else if (type === 'f64') device.setDouble(at, arg);
      else device.setWord(at, arg);
    };
    for (const [name, type] of Object.entries(kernel.params)) {
      const at = args + kernel.slots[name]! * 8;
      const arg = step.args[name];
      invariant(arg !== undefined, `kernel ${kernel.key} misses argument ${name}`);
      if (isTable(arg)) {
        const table = this.#hold(Math.max(arg.table.length, 1) * 8);
        device.setWord(at, table);
        arg.table.forEach((entry, i) => put(table + i * 8, entry, 'i32'));
      } else put(at, arg, type);
    }
    const handle = runner.load(kernel);
    const launch = { kernel: handle, args, size: step.size, grain: step.grain, scratch: step.scratch };
    return { launch, name: kernel.key, node: step.node, flops: step.flops, bytes: bytesOf(step), pointers, scalars };
  }

  #hold(bytes: number): number {
    const address = this.#device.allocate(bytes);
    this.#held.push({ address, bytes });
    return address;
  }

  /** Gives back what is kept; the next run makes it again. */
  letGo(): void {
    for (const { madeOf } of this.kept) madeOf.length = 0;
    if (this.#keptBlock !== undefined) this.#device.free(this.#keptBlock.address, this.#keptBlock.bytes);
    this.#keptBlock = undefined;
  }

  dispose(): void {
    forget(this);
    this.letGo();
    for (const { address, bytes } of this.#held.splice(0)) this.#device.free(address, bytes);
    this.#program.dispose();
    for (const { program } of this.kept) program.dispose();
    for (const program of this.#singles.values()) program.dispose();
  }
}

/** The places among the external buffers of those that no node writes. */
function steadyOf(graph: Graph): Set<number> {
  const written = graph.written();
  return new Set(graph.externals.flatMap((buffer, place) => (written.has(buffer) ? [] : [place])));
}
