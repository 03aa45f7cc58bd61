/**
 * Records what a function would do to tensors, as a graph that can run: the first half of `compile.ts`. Nothing is computed
 * meanwhile.
 *
 * Operations report to the active recorder (`dispatch.ts`), and so does everything else that a later run must repeat or that
 * must not have changed since: numbers that vary (learning rates), random draws, gradients that leaves end up with, modules'
 * settings. What a run could not repeat, such as a value read into JavaScript, is an error here.
 */
import type { TypedArray } from '../base/dtype.ts';
import { CompileError, DeviceError } from '../base/errors.ts';
import type { Device } from '../devices/device.ts';
import { Graph, type GraphOp } from '../compiler/graph.ts';
import type { Storage } from './storage.ts';
import { nextStorageSerial } from './storage.ts';
import type { Tensor } from './tensor.ts';

/** Scalars of an operation: fixed, or asked for anew at every run. */
export type Scalars = readonly number[] | (() => readonly number[]);

/** A value that must be what it was when the recording was made; compared with `===`. It may depend on a call's arguments. */
export interface Guard {
  readonly read: (args: readonly Tensor[]) => unknown;
  readonly value: unknown;
}

/** A check of a tensor's values, repeated before every run. */
export interface ValueCheck {
  readonly value: number;
  readonly check: (tensor: Tensor) => void;
}

/** A buffer that the host fills before every run. */
export interface HostFill {
  readonly buffer: number;
  /** What it was filled with while recording, until `fill` is next called. */
  readonly drawn: TypedArray;
  readonly fill: () => TypedArray;
}

let active: Recorder | undefined;

/** The recorder of the running `compile`d function, if one is being recorded. */
export const activeRecorder = (): Recorder | undefined => active;

function recordedBy<T>(recorder: Recorder | undefined, fn: () => T): T {
  const before = active;
  active = recorder;
  try {
    return fn();
  } finally {
    active = before;
  }
}

/** Runs `fn` without recording it. */
export const unrecorded = <T>(fn: () => T): T => recordedBy(undefined, fn);

/** Throws while a function is being recorded. `what` reads on: `item: …`. */
export function forbidWhileRecording(what: string, remedy: string): void {
  if (active === undefined) return;
  throw new CompileError(`${what}, which a compiled function cannot do: only its tensor operations run again; ${remedy}`);
}

/** Different for different numbers, -0 and 0 included. */
const numbersKey = (numbers: readonly number[]): string => numbers.map((x) => (Object.is(x, -0) ? '-0' : String(x))).join();

/** How often a tensor has got other memory than it had: what was recorded before knows it where it was. */
let moves = 0;
export const countMove = (): void => {
  moves++;
};

export class Recorder {
  readonly graph = new Graph();
  /** Storages that existed before, by buffer: parameters, state, data that the function refers to. */
  readonly captured = new Map<number, Storage>();
  readonly guards: Guard[] = [];
  readonly checks: ValueCheck[] = [];
  readonly preconditions: (() => void)[] = [];
  readonly effects: (() => void)[] = [];
  readonly scalars: Scalars[] = [];
  /** How many scalars the operations so far take. */
  scalarCount = 0;
  /** Leaves whose `grad` the function has assigned: arguments themselves, not what stands for them. */
  readonly assigned = new Set<Tensor>();
  readonly #fills = new Map<number, Omit<HostFill, 'buffer'>>();
  readonly #adopted = new Set<Storage>();
  readonly #redrawn = new Set<number>();
  readonly #buffers = new Map<Storage, number>();
  readonly #modules = new Set<object>();
  readonly #gradsRead = new Set<Tensor>();
  readonly #asked = new Set<Tensor>();
  /** Tensors that the function itself has made, views of what was there before among them. */
  readonly #made = new Set<Tensor>();
  /** The arguments by what stands for them. */
  readonly #arguments = new Map<Tensor, Tensor>();
  /** The places of arguments that the function also reaches by itself: later calls must bring the same ones. */
  readonly #places = new Map<Tensor, number>();
  readonly #pinned = new Set<Tensor>();
  /** Storages from this serial number on are the function's own. */
  readonly #since = nextStorageSerial();

  /** Where all of it runs; undefined until something does. */
  device: Device | undefined;

  constructor() {
    this.guard(() => moves);
  }

  /**
   * Something runs on a device.
   * @throws DeviceError where other things run on another
   */
  on(device: Device): void {
    this.device ??= device;
    if (this.device !== device)
      throw new DeviceError(
        `compile: the function works on the ${this.device.name} and on the ${device.name}, but one recording runs on one device; compile a function for each`,
      );
  }

  /** Records what `fn` does. */
  record<T>(fn: () => T): T {
    return recordedBy(this, fn);
  }

  /**
   * `standIn` is what the function gets for its argument number `place`. So the recording can tell an argument from the same
   * tensor when the function refers to it by itself: at the next call, these may be two.
   */
  argument(argument: Tensor, standIn: Tensor, place: number): void {
    this.adopt(standIn);
    this.#arguments.set(standIn, argument);
    this.#places.set(argument, place);
  }

  /** Which argument a leaf is, if any. */
  placeOf(leaf: Tensor): number | undefined {
    return this.#pinned.has(leaf) ? undefined : this.#places.get(leaf);
  }

  /** A tensor is being made. */
  makes(tensor: Tensor): void {
    this.#made.add(tensor);
  }

  /** Whether the function itself made this tensor, if perhaps over memory that was there before. */
  made(tensor: Tensor): boolean {
    return this.#made.has(tensor);
  }

  /** Whether the function itself made this storage. */
  owns(storage: Storage): boolean {
    return storage.serial >= this.#since && !this.#adopted.has(storage);
  }

  /** Treats a tensor that has just been made, outside the recording, as one that was there before: new state of an optimizer. */
  adopt({ storage }: Tensor): void {
    this.#adopted.add(storage);
  }

  /** The buffer of a storage. */
  bufferOf(storage: Storage): number {
    let buffer = this.#buffers.get(storage);
    if (buffer === undefined) {
      const own = this.owns(storage);
      buffer = own ? this.graph.local(storage.bytes) : this.graph.external(storage.bytes);
      if (!own) this.captured.set(buffer, storage);
      this.#buffers.set(storage, buffer);
    }
    return buffer;
  }

  valueOf(tensor: Tensor): number {
    return this.graph.value(this.bufferOf(tensor.storage), tensor.layout, tensor.offset);
  }

  operation(op: GraphOp, inputs: readonly Tensor[], outputs: readonly Tensor[], scalars: Scalars, count: number): void {
    const ids = inputs.map((tensor) => this.valueOf(tensor));
    const fixed = typeof scalars !== 'function' || count === 0;
    const key = fixed && op.key !== undefined ? `${op.key}|${count === 0 ? '' : numbersKey(scalars as readonly number[])}` : undefined;
    this.graph.nodeInto(
      { ...op, key },
      ids,
      outputs.map((tensor) => this.valueOf(tensor)),
      this.scalarCount,
    );
    this.scalars.push(scalars);
    this.scalarCount += count;
  }

  /** A new tensor was filled from the host: its values are constants. */
  filled(tensor: Tensor, data: TypedArray): void {
    const copy = data.slice();
    this.#fills.set(this.bufferOf(tensor.storage), { drawn: copy, fill: () => copy });
  }

  /** A new tensor was filled with values that the host draws anew, into the same array, for every run. */
  drawn(tensor: Tensor, drawn: TypedArray, fill: () => TypedArray): void {
    this.#fills.set(this.bufferOf(tensor.storage), { drawn, fill });
    this.#redrawn.add(this.bufferOf(tensor.storage));
  }

  /** A check beside tensors that comes before every run. */
  precondition(check: () => void): void {
    this.preconditions.push(check);
  }

  /** Something beside tensors that every run repeats; it runs now, too. */
  effect(run: () => void): void {
    run();
    this.effects.push(run);
  }

  /** Something that must not have changed for a later run to be right. */
  guard(read: () => unknown): void {
    this.guards.push({ read, value: read() });
  }

  /**
   * A check of a tensor's values, now and before every run, so that nothing has changed yet when it fails. Values that the function computes
   * are left to the kernels that use them.
   */
  check(tensor: Tensor, check: (tensor: Tensor) => void): void {
    if (this.owns(tensor.storage)) return;
    unrecorded(() => check(tensor));
    this.checks.push({ value: this.valueOf(tensor), check });
  }

  /** A module is called: its settings, parameters and mode must stay as they are. `train()` and `eval()` make another recording. */
  module(module: object, watch: () => () => boolean): void {
    if (this.#modules.has(module)) return;
    this.#modules.add(module);
    this.guard(watch());
  }

  /** It has been asked whether a tensor is a leaf with a gradient, which `read` tells, with the number of hooks on it: that must stay so. */
  learns(leaf: Tensor, read: () => unknown): void {
    if (this.#asked.has(leaf) || this.#arguments.has(leaf) || this.made(leaf)) return;
    this.#asked.add(leaf);
    this.guard(read);
  }

  gradRead(leaf: Tensor, grad: Tensor | null): void {
    const itself = this.#itself(leaf);
    if (this.assigned.has(itself) || this.#gradsRead.has(itself) || this.made(leaf)) return;
    this.#gradsRead.add(itself);
    const place = this.#places.get(itself);
    this.guards.push({ read: (args) => (place === undefined ? itself : args[place]!).grad, value: grad });
  }

  gradAssigned(leaf: Tensor): void {
    if (!this.made(leaf)) this.assigned.add(this.#itself(leaf));
  }

  /** The argument that `leaf` stands for; an argument that is reached without its stand-in must be the same in later calls. */
  #itself(leaf: Tensor): Tensor {
    const argument = this.#arguments.get(leaf);
    if (argument === undefined && this.#places.has(leaf)) this.#pin(leaf);
    return argument ?? leaf;
  }

  #pin(argument: Tensor): void {
    if (this.#pinned.has(argument)) return;
    this.#pinned.add(argument);
    const place = this.#places.get(argument)!;
    this.guards.push({ read: (args) => args[place], value: argument });
  }

  /** Pins the arguments with gradients whose memory the function has reached by itself: it may know their `grad`, too. */
  pinReached(): void {
    for (const argument of this.#places.keys()) {
      if (argument.requiresGrad && this.#buffers.has(argument.storage)) this.#pin(argument);
    }
  }

  /** Lets go of the storages that the function made. */
  release(): void {
    this.#buffers.clear();
    this.#fills.clear();
    this.#modules.clear();
    this.#gradsRead.clear();
    this.#asked.clear();
    this.#made.clear();
    this.#arguments.clear();
    this.#places.clear();
  }

  /**
   * Ends the recording: host-filled buffers that no operation writes, that stay the same and that nobody is given become constants;
   * the others are returned, to be filled before every run.
   */
  hostFills(): HostFill[] {
    const written = this.graph.written();
    const fills: HostFill[] = [];
    for (const [buffer, { drawn, fill }] of this.#fills) {
      if (this.#redrawn.has(buffer) || written.has(buffer) || this.graph.buffers[buffer]!.kind === 'external') {
        this.graph.publish(buffer);
        fills.push({ buffer, drawn, fill });
      } else {
        this.graph.buffers[buffer] = { kind: 'constant', bytes: drawn.byteLength, data: drawn };
      }
    }
    return fills;
  }
}
