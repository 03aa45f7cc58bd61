/**
 * A lowered graph with its kernels loaded, WebAssembly's or native ones: argument blocks, what is written into them at each run, what is kept
 * from run to run. All of its memory comes back when it is disposed of, or when nothing refers to it.
 */
import { invariant } from '../base/errors.ts';
import type { Device, Hold, Holding, Launch, Program, Runner } from '../devices/device.ts';
import { FAULT_WORDS } from '../kernels/cpu/fault.ts';
import type { ParamType } from '../kernels/cpu/kernel.ts';
import { aligned } from './arena.ts';
import type { Graph } from './graph.ts';
import { canLetGo, type Idle } from './idle.ts';
import { forget, holds, type Keeper, type Kept } from './kept.ts';
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

/** What runs the launches, and where the memory for them comes from. */
export interface CodePlace {
  readonly device: Device;
  readonly runner: Runner;
  readonly hold: Hold;
}

export class PlanCode implements Keeper, Idle {
  readonly steps: readonly PlanStep[];
  readonly kept: readonly Kept[];
  /** Addresses of all buffers; external and temporary ones are filled in at each run. */
  readonly addresses: number[];
  readonly tempBytes: number;
  /** Whether it is running. */
  busy = false;
  readonly #place: CodePlace;
  readonly #graph: Graph;
  readonly #program: Program;
  /** Where what is kept lies, while it is held. */
  #keptBlock: Holding | undefined;
  /** Where kernels report what they refuse. */
  readonly #faults: readonly { readonly address: number; readonly error: FaultSource['error'] }[];
  /** Each launch by itself; made when first profiled. */
  readonly #singles = new Map<PlanStep, Program>();
  /** The buffers in the temporary block, and their places in it. */
  readonly #temps: readonly { readonly buffer: number; readonly offset: number }[];
  /** Where the temporary block was when it was last placed. */
  #placed = -1;
  /** Argument blocks and constant tables, and how much of it is taken. */
  readonly #fixed: Holding;
  #taken = 0;

  constructor(graph: Graph, lowering: Lowering, place: CodePlace) {
    const { device, runner, hold } = place;
    this.#place = place;
    this.#graph = graph;
    const { offsets, bytes } = lowering.arrange();
    this.tempBytes = offsets.length === 0 ? 0 : bytes;
    this.#fixed = hold(fixedBytes(lowering));
    this.addresses = lowering.buffers.map((source) => {
      if (source.kind !== 'constant' && source.kind !== 'fault') return 0;
      const data = source.kind === 'constant' ? source.data : NO_FAULT;
      const address = this.#take(aligned(data.byteLength));
      device.write(address, data);
      return address;
    });
    this.#faults = lowering.buffers.flatMap((source, buffer) =>
      source.kind === 'fault' ? [{ address: this.addresses[buffer]!, error: source.error }] : [],
    );
    this.#temps = lowering.buffers.flatMap((source, buffer) =>
      source.kind === 'temp' ? [{ buffer, offset: offsets[source.temp]! }] : [],
    );
    this.kept = lowering.buffers.flatMap((source, buffer) => {
      if (source.kind !== 'kept') return [];
      const steps = source.steps.map((step) => this.#prepare(step));
      const program = runner.program(launchesOf(steps), hold);
      return [{ buffer, bytes: source.bytes, sources: source.sources, steps, program, madeOf: [] }];
    });
    this.steps = lowering.steps.map((step) => this.#prepare(step));
    this.#program = runner.program(launchesOf(this.steps), hold);
    if (this.kept.length > 0) canLetGo(this);
  }

  /** Says where the temporary block is. */
  place(block: number): void {
    if (block === this.#placed) return;
    this.#placed = block;
    for (const { buffer, offset } of this.#temps) this.addresses[buffer] = block + offset;
  }

  /** Makes again what was made of buffers that have changed since. */
  renew(stamps: Stamps): void {
    holds(this);
    if (this.#keptBlock === undefined) {
      this.#keptBlock = this.#place.hold(this.kept.reduce((sum, { bytes }) => sum + aligned(bytes), 0));
      let at = this.#keptBlock.address;
      for (const { buffer, bytes } of this.kept) {
        this.addresses[buffer] = at;
        at += aligned(bytes);
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
    const { device } = this.#place;
    for (const { address, error } of this.#faults) {
      const [refused, value] = device.readSync('int64', address, FAULT_WORDS) as BigInt64Array;
      if (refused === 0n) continue;
      device.write(address, NO_FAULT);
      return error(value!);
    }
    return undefined;
  }

  /** Writes what varies into the argument blocks. */
  #fill(steps: readonly PlanStep[], scalars: readonly number[]): void {
    const { device } = this.#place;
    const all = this.addresses;
    for (const { pointers, scalars: doubles } of steps) {
      for (let i = 0; i < pointers.length; i += 3) device.setWord(pointers[i]!, all[pointers[i + 1]!]! + pointers[i + 2]!); // prettier-ignore
      for (let i = 0; i < doubles.length; i += 2) device.setDouble(doubles[i]!, scalars[doubles[i + 1]!]!);
    }
  }

  /** Runs launch by launch. */
  #profile(profiler: Profiler, steps: readonly PlanStep[]): void {
    const { runner, hold } = this.#place;
    for (const step of steps) {
      let program = this.#singles.get(step);
      if (program === undefined) this.#singles.set(step, (program = runner.program([step.launch], hold)));
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
  #prepare(step: LoweredStep): PlanStep {
    const { device, runner } = this.#place;
    const { kernel } = step;
    const args = this.#take(argumentBytes(step));
    const pointers: number[] = [];
    const scalars: number[] = [];
    const put = (at: number, arg: number | Value | ScalarInput, type: ParamType): void => {
      if (typeof arg === 'object' && 'buffer' in arg) pointers.push(at, arg.buffer, arg.byteOffset);
      else if (typeof arg === 'object') scalars.push(at, arg.scalar);
      else if (type === 'f64') device.setDouble(at, arg);
      else device.setWord(at, arg);
    };
    for (const [name, type] of Object.entries(kernel.params)) {
      const at = args + kernel.slots[name]! * SLOT;
      const arg = step.args[name];
      invariant(arg !== undefined, `kernel ${kernel.key} misses argument ${name}`);
      if (isTable(arg)) {
        const table = this.#take(aligned(arg.table.length * SLOT));
        device.setWord(at, table);
        arg.table.forEach((entry, i) => put(table + i * SLOT, entry, 'i32'));
      } else put(at, arg, type);
    }
    const handle = runner.load(kernel);
    const launch = { kernel: handle, args, size: step.size, grain: step.grain, scratch: step.scratch };
    return { launch, name: kernel.key, node: step.node, flops: step.flops, bytes: bytesOf(step), pointers, scalars };
  }

  /** The next part of the fixed block. */
  #take(bytes: number): number {
    const address = this.#fixed.address + this.#taken;
    this.#taken += bytes;
    invariant(this.#taken <= this.#fixed.bytes, 'the fixed block of a plan is large enough');
    return address;
  }

  /** Gives back what is kept; the next run makes it again. */
  letGo(): boolean {
    for (const { madeOf } of this.kept) madeOf.length = 0;
    const had = this.#keptBlock !== undefined;
    this.#keptBlock?.free();
    this.#keptBlock = undefined;
    return had;
  }

  dispose(): void {
    forget(this);
    this.letGo();
    this.#fixed.free();
    this.#program.dispose();
    for (const { program } of this.kept) program.dispose();
    for (const program of this.#singles.values()) program.dispose();
  }
}

/** Bytes of one argument. */
const SLOT = 8;

const launchesOf = (steps: readonly PlanStep[]): Launch[] => steps.map(({ launch }) => launch);

/** What a step's argument block takes. */
const argumentBytes = ({ kernel }: LoweredStep): number => aligned(Object.keys(kernel.slots).length * SLOT);

/** What argument blocks, tables of arguments and constants take together. */
function fixedBytes({ buffers, steps }: Lowering): number {
  const all = [...steps, ...buffers.flatMap((source) => (source.kind === 'kept' ? source.steps : []))];
  let bytes = 0;
  for (const source of buffers) {
    if (source.kind === 'constant') bytes += aligned(source.data.byteLength);
    if (source.kind === 'fault') bytes += aligned(NO_FAULT.byteLength);
  }
  for (const step of all) {
    bytes += argumentBytes(step);
    for (const arg of Object.values(step.args)) if (isTable(arg)) bytes += aligned(arg.table.length * SLOT);
  }
  return bytes;
}
