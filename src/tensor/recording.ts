/**
 * A finished recording of a function (`recorder.ts`), and how to run it again: ask for what varies, fill in addresses, run the
 * plan, put results and gradients where the function would have put them.
 */
import { itemSize } from '../base/dtype.ts';
import type { Layout } from '../base/layout.ts';
import { needsOf } from '../compiler/needs.ts';
import { planned, type MemoryLimit } from '../compiler/planner.ts';
import { Plan } from '../compiler/plan.ts';
import type { Stamps } from '../compiler/plan-code.ts';
import { SharedArena } from '../compiler/shared-arena.ts';
import type { Device, Holding, Places } from '../devices/device.ts';
import { explained } from './op-errors.ts';
import { tensorOver } from './make-tensor.ts';
import { beginOf, elementwiseLowering } from './graph-op.ts';
import type { HostFill, Recorder } from './recorder.ts';
import { allocateStorage, storageEpoch, unusable, type Storage } from './storage.ts';
import type { Tensor } from './tensor.ts';

/** Operations that trap when whole numbers are divided by zero. */
const DIVISIONS: readonly string[] = ['floorDivide', 'remainder', 'fmod'];

/** What a node of a graph and its launches take in JavaScript, about (measured with bench/sizes.mjs). */
const NODE_BYTES = 8192;

/** A tensor that the function returns: one that exists, an argument, or made anew for each run. */
type Result = { readonly existing: Tensor } | { readonly argument: number } | ArgumentView | CapturedView | FreshResult;

/** Made anew over memory that each run gets. */
interface FreshResult extends View {
  readonly buffer: number;
}

/** Made anew over an argument's memory; the offset counts from where the argument begins. */
interface ArgumentView extends View {
  readonly argumentOf: number;
}

/** Made anew over memory that was there before. */
interface CapturedView extends View {
  readonly storage: Storage;
}

interface View {
  readonly layout: Layout;
  readonly offset: number;
}

/** What the `grad` of a leaf, or of the argument of that number, is after a run. */
interface FinalGrad {
  readonly of: Tensor | number;
  grad: Result | null;
}

/** An argument's storage as an external buffer: its address is that of the argument, `baseBytes` before it. */
interface ArgumentBuffer {
  readonly buffer: number;
  readonly argument: number;
  readonly baseBytes: number;
}

/** What the recordings of one function have in common, of which one runs at a time. */
export class SharedMemory {
  readonly device: Device;
  readonly arena: SharedArena;
  /** Where they leave the gradients of leaves that the function refers to by itself. */
  readonly grads = new WeakMap<Tensor, Storage>();

  constructor(device: Device) {
    this.device = device;
    this.arena = new SharedArena((bytes) => device.hold(bytes));
  }
}

export class Recording {
  readonly #recorder: Recorder;
  readonly #shared: SharedMemory;
  readonly #arguments: ArgumentBuffer[] = [];
  readonly #captured: { readonly buffer: number; readonly storage: Storage }[] = [];
  #stamped: readonly (Storage | number | undefined)[] = [];
  /** Storages that no argument may lie in unless that is taken care of: captured ones, and those of gradients. */
  readonly #reached: Set<Storage>;
  readonly #fills: readonly HostFill[];
  /** Each tensor once, and which of them the results are. */
  readonly #results: readonly Result[];
  readonly #places: readonly number[];
  readonly #grads: FinalGrad[] = [];
  /** Buffers that live as long as the recording: what the host fills, gradients. */
  readonly #own = new Map<number, Storage>();
  /** Buffers that each run gets anew: results. */
  readonly #fresh: readonly number[];
  /** Which of the buffers that existed before are written. */
  readonly #written: ReadonlySet<number>;
  /** By buffer, its place among the graph's external ones. */
  readonly #slots: number[] = [];
  /** Bytes that intermediates may take. */
  readonly #memoryLimit: number | undefined;
  #plan: Plan | undefined;
  #literal: Plan | undefined;
  /** Bytes that the plans hold of the device's memory by themselves. */
  #held = 0;

  /** `args` are what stood for the arguments in the run that was recorded, `results` its results. */
  constructor(recorder: Recorder, args: readonly Tensor[], results: readonly Tensor[], shared: SharedMemory, memoryLimit?: number) {
    this.#recorder = recorder;
    this.#shared = shared;
    this.#memoryLimit = memoryLimit;
    recorder.pinReached();
    const numbers = new Map<Storage, number>();
    args.forEach(({ storage }, i) => numbers.has(storage) || numbers.set(storage, i));
    for (const [buffer, storage] of recorder.captured) {
      const argument = numbers.get(storage);
      if (argument === undefined) this.#captured.push({ buffer, storage });
      else this.#arguments.push({ buffer, argument, baseBytes: byteOffset(args[argument]!) });
    }
    this.#reached = new Set(this.#captured.map(({ storage }) => storage));
    this.#keepGrads(args);
    const distinct = [...new Set(results)];
    this.#places = results.map((tensor) => distinct.indexOf(tensor));
    this.#results = distinct.map((tensor) => this.#result(tensor, args));
    const given = [...this.#results, ...this.#grads.map(({ grad }) => grad)];
    this.#fresh = [...new Set(given.flatMap((result) => (result !== null && 'buffer' in result ? [result.buffer] : [])))].filter(
      (buffer) => !this.#own.has(buffer),
    );
    this.#fills = recorder.hostFills();
    for (const { buffer } of this.#fills) if (!this.#fresh.includes(buffer)) this.#keep(buffer);
    recorder.release();
    this.#written = recorder.graph.written();
    recorder.graph.externals.forEach((buffer, slot) => (this.#slots[buffer] = slot));
  }

  /** Memory of a buffer for as long as the recording lives. */
  #keep(buffer: number, make = () => this.#keptStorage(this.#bytes(buffer))): Storage {
    this.#recorder.graph.publish(buffer);
    let storage = this.#own.get(buffer);
    if (storage === undefined) this.#own.set(buffer, (storage = make()));
    return storage;
  }

  /** A storage that outlives the memory scope that it is made in. */
  #keptStorage(bytes: number): Storage {
    const storage = allocateStorage(this.#shared.device, bytes);
    storage.kept = true;
    return storage;
  }

  /** Memory for a leaf's gradient: that in which other recordings leave it, if this one does not read what they left. */
  #gradMemory(leaf: Tensor, bytes: number): Storage {
    const { grads } = this.#shared;
    const known = grads.get(leaf);
    if (known?.bytes === bytes && !known.freed && !this.#reached.has(known)) return known;
    const storage = this.#keptStorage(bytes);
    grads.set(leaf, storage);
    return storage;
  }

  #keepGrads(args: readonly Tensor[]): void {
    for (const leaf of this.#recorder.assigned) {
      const { grad } = leaf;
      const of = this.#recorder.placeOf(leaf) ?? leaf;
      if (of !== leaf || grad === null || !this.#recorder.owns(grad.storage)) {
        this.#grads.push({ of, grad: grad && this.#result(grad, args) });
        continue;
      }
      const buffer = this.#recorder.bufferOf(grad.storage);
      const storage = this.#keep(buffer, () => this.#gradMemory(leaf, this.#bytes(buffer)));
      this.#grads.push({ of, grad: { existing: tensorOver(storage, grad.layout, grad.offset) } });
    }
    for (const storage of this.#own.values()) this.#reached.add(storage);
  }

  /** Leaves gradients elsewhere from now on, where an argument lies in what an earlier call has left. */
  #evade(args: readonly Tensor[]): void {
    for (const [buffer, storage] of this.#own) {
      if (!args.some((arg) => arg.storage === storage)) continue;
      const other = this.#keptStorage(storage.bytes);
      this.#own.set(buffer, other);
      this.#reached.delete(storage);
      this.#reached.add(other);
      for (const final of this.#grads) {
        if (final.grad === null || !('existing' in final.grad) || final.grad.existing.storage !== storage) continue;
        const { layout, offset } = final.grad.existing;
        final.grad = { existing: tensorOver(other, layout, offset) };
      }
    }
  }

  #result(tensor: Tensor, args: readonly Tensor[]): Result {
    const argument = args.indexOf(tensor);
    if (argument !== -1) return { argument };
    const { storage, layout, offset } = tensor;
    if (this.#recorder.owns(storage)) {
      const buffer = this.#recorder.bufferOf(storage);
      this.#recorder.graph.publish(buffer);
      return { buffer, layout, offset };
    }
    if (!this.#recorder.made(tensor)) return { existing: tensor };
    const argumentOf = args.findIndex((arg) => arg.storage === storage);
    return argumentOf === -1 ? { storage, layout, offset } : { argumentOf, layout, offset: offset - args[argumentOf]!.offset };
  }

  /** Whether a run with these arguments would do what the function does now. */
  validFor(args: readonly Tensor[]): boolean {
    return this.#recorder.guards.every(({ read, value }) => Object.is(read(args), value));
  }

  /**
   * About how many bytes it holds, in the device's memory and in that of JavaScript, beside what it has in common with others: the arena, gradients, what is
   * made of weights.
   */
  get bytes(): number {
    return this.#held + this.#recorder.graph.nodes.length * NODE_BYTES;
  }

  /** Takes memory for a plan, which is counted. */
  readonly #hold = (bytes: number): Holding => {
    const block = this.#shared.device.hold(bytes);
    this.#held += bytes;
    const free = (): void => {
      this.#held -= bytes;
      block.free();
    };
    return { buffer: block.buffer, bytes, free };
  };

  /** The plan, made when it is first asked for. */
  get plan(): Plan {
    const limit = this.#memoryLimit;
    // Where memory is scarce, nothing is kept from run to run.
    const { device, arena } = this.#shared;
    const elementwise = elementwiseLowering(device.kind);
    this.#plan ??= new Plan(device, planned(this.#recorder.graph, elementwise, memoryOf(device, limit)), {
      begin: beginOf(device.kind),
      keeps: limit === undefined,
      hold: this.#hold,
      arena,
    });
    return this.#plan;
  }

  /**
   * The plan for these arguments. Memory that the function also reaches by itself is as it were two buffers in one place, of which
   * the planner knows nothing: then every operation runs as it was recorded.
   */
  #planFor(args: readonly Tensor[]): Plan {
    if (!args.some(({ storage }) => this.#reached.has(storage))) return this.plan;
    this.#evade(args);
    if (!this.#captured.some(({ storage }) => args.some((arg) => arg.storage === storage))) return this.plan;
    this.#literal ??= new Plan(this.#shared.device, this.#recorder.graph, {
      begin: beginOf(this.#shared.device.kind),
      hold: this.#hold,
      arena: this.#shared.arena,
    });
    return this.#literal;
  }

  /**
   * Runs it on other arguments of the same layouts. The first time, right after recording, what is beside tensors has
   * happened already: checks, draws, counts.
   * @throws IndexError and the like when a check of the arguments' values fails; nothing has changed then
   */
  run(args: readonly Tensor[], first = false): Tensor[] {
    const { preconditions, effects } = this.#recorder;
    const plan = this.#planFor(args);
    const epoch = storageEpoch();
    const { places } = plan;
    this.#place(args, places);
    if (!first) {
      this.#checkValues(args);
      for (const check of preconditions) check();
      for (const effect of effects) effect();
    }
    const fresh = this.#fresh.map((buffer) => allocateStorage(this.#shared.device, this.#bytes(buffer)));
    for (const { buffer, drawn, fill } of this.#fills) {
      const data = first ? drawn : fill();
      this.#shared.device.write((this.#own.get(buffer) ?? this.#freshOf(buffer, fresh)).buffer, 0, data);
    }
    if (storageEpoch() !== epoch) this.#place(args, places);
    fresh.forEach((storage, i) => this.#placeAt(places, this.#fresh[i]!, storage, 0));
    try {
      plan.run(this.#scalars(), () => this.#stamps(args));
    } catch (error) {
      throw explained(this.#divisions(), error);
    } finally {
      this.#countVersions(args);
    }
    const made = (result: Result): Tensor => this.#made(result, args, fresh);
    for (const { of, grad } of this.#grads) {
      (typeof of === 'number' ? args[of]! : of).grad = grad && made(grad);
    }
    const results = this.#results.map(made);
    return this.#places.map((place) => results[place]!);
  }

  /** What may have divided by zero. */
  #divisions(): string {
    const names = this.#recorder.graph.nodes.map(({ name }) => name);
    return [...new Set(names.filter((name) => DIVISIONS.includes(name.replace('Scalar', ''))))].join(' or ') || 'compile';
  }

  #made(result: Result, args: readonly Tensor[], fresh: readonly Storage[]): Tensor {
    if ('existing' in result) return result.existing;
    if ('argument' in result) return args[result.argument]!;
    const { layout, offset } = result;
    if ('storage' in result) return tensorOver(result.storage, layout, offset);
    if ('argumentOf' in result) {
      const argument = args[result.argumentOf]!;
      return tensorOver(argument.storage, layout, argument.offset + offset);
    }
    const { buffer } = result;
    const own = this.#own.get(buffer);
    return own === undefined ? tensorOver(this.#freshOf(buffer, fresh), layout, offset) : tensorOver(own, layout, offset).clone();
  }

  /** A run makes few storages: to look through them costs less than a table of them. */
  #freshOf(buffer: number, fresh: readonly Storage[]): Storage {
    return fresh[this.#fresh.indexOf(buffer)]!;
  }

  #bytes(buffer: number): number {
    return this.#recorder.graph.buffers[buffer]!.bytes;
  }

  /** Tells the plan where the graph's buffers are. */
  #place(args: readonly Tensor[], places: Places): void {
    for (const { buffer, argument, baseBytes } of this.#arguments) {
      const tensor = args[argument]!;
      this.#placeAt(places, buffer, tensor.storage, byteOffset(tensor) - baseBytes);
    }
    for (const { buffer, storage } of this.#captured) this.#placeAt(places, buffer, storage, 0);
    for (const [buffer, storage] of this.#own) this.#placeAt(places, buffer, storage, 0);
  }

  #placeAt({ buffers, offsets }: Places, buffer: number, storage: Storage, offset: number): void {
    const slot = this.#slots[buffer]!;
    if (storage.freed) throw unusable('compile', storage);
    buffers[slot] = storage.buffer;
    offsets[slot] = offset;
  }

  /** Checks run on the tensors that stand now where those of the recording stood. */
  #checkValues(args: readonly Tensor[]): void {
    const { checks, graph, captured } = this.#recorder;
    for (const { value, check } of checks) {
      const { buffer, layout, offset } = graph.values[value]!;
      const place = this.#arguments.find((argument) => argument.buffer === buffer);
      if (place === undefined) {
        check(tensorOver(captured.get(buffer)!, layout, offset));
        continue;
      }
      const tensor = args[place.argument]!;
      const moved = tensor.offset - place.baseBytes / itemSize(tensor.layout.dtype);
      check(tensorOver(tensor.storage, layout, offset + moved));
    }
  }

  #scalars(): number[] {
    const all: number[] = [];
    for (const scalars of this.#recorder.scalars) all.push(...(typeof scalars === 'function' ? scalars() : scalars));
    return all;
  }

  #countVersions(args: readonly Tensor[]): void {
    for (const { buffer, argument } of this.#arguments) if (this.#written.has(buffer)) args[argument]!.storage.version++;
    for (const { buffer, storage } of this.#captured) if (this.#written.has(buffer)) storage.version++;
  }

  /** Of what is not in a tensor from outside, such as random draws, nothing is known. */
  #stamps(args: readonly Tensor[]): Stamps {
    if (this.#stamped.length !== this.#recorder.graph.externals.length) this.#stamped = this.#stampSources();
    const stamps: number[] = [];
    for (const source of this.#stamped) {
      const storage = typeof source === 'number' ? args[source]!.storage : source;
      stamps.push(storage?.serial ?? NaN, storage?.version ?? NaN);
    }
    return stamps;
  }

  /** For each external buffer whose storage it is: a captured one, that of an argument by its place, or no tensor's. */
  #stampSources(): (Storage | number | undefined)[] {
    const known = new Map<number, Storage | number>(this.#captured.map(({ buffer, storage }) => [buffer, storage]));
    for (const { buffer, argument } of this.#arguments) known.set(buffer, argument);
    return this.#recorder.graph.externals.map((buffer) => known.get(buffer));
  }

  /** Gives back the plan's memory. */
  dispose(): void {
    this.#plan?.dispose();
    this.#literal?.dispose();
    this.#plan = this.#literal = undefined;
  }
}

const memoryOf = (device: Device, bytes: number | undefined): MemoryLimit | undefined =>
  bytes === undefined ? undefined : { bytes, needsOf: (graph) => needsOf(device, graph, beginOf(device.kind)) };

const byteOffset = (tensor: Tensor): number => tensor.offset * itemSize(tensor.layout.dtype);
