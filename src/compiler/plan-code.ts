/**
 * A lowered graph made ready on a device, by its first way to run launches or a faster one: where its buffers lie, what is kept
 * from run to run, its programs. All of its memory comes back when it is disposed of, or when nothing refers to it.
 */
import type { Device, Fault, Hold, Holding, Places, Program, Runner } from '../devices/device.ts';
import { aligned, partBytes } from './arena.ts';
import type { Graph } from './graph.ts';
import { programOf } from './calls.ts';
import { canLetGo, type Idle } from './idle.ts';
import { forget, isMade, keepWithinBound, leaveBlock, noteRun, takeBlock, type Keeper, type Kept } from './kept.ts';
import { recipeOf } from './kept-recipe.ts';
import { FAULT_WORDS, type BufferSource, type Lowering, type LoweredStep } from './lowering.ts';
import { bytesOf } from './needs.ts';
import { activeProfiler, type LaunchRecord, type Profiler } from './profiler.ts';

const NO_FAULT = new BigInt64Array(FAULT_WORDS);

/** A run's external buffers, two numbers each: whose memory it is, and its version; NaN where that is not known. */
export type Stamps = readonly number[];

/** What runs the launches, and where the memory for them comes from. */
export interface CodePlace {
  /** Of all buffers; those of external ones are the plan's affair. */
  readonly places: Places;
  readonly device: Device;
  readonly runner: Runner;
  readonly hold: Hold;
}

const NO_SCALARS: readonly number[] = [];

export class PlanCode implements Keeper, Idle {
  readonly steps: readonly LoweredStep[];
  readonly kept: readonly Kept[];
  /** Where all buffers are; external and temporary ones are filled in at each run. */
  readonly #places: Places;
  readonly tempBytes: number;
  /** The most bytes of a piece that they can lie in. */
  readonly tempPart: number;
  /** Whether it is running. */
  busy = false;
  readonly #place: CodePlace;
  readonly graph: Graph;
  readonly #program: Program;
  readonly #faults: readonly Fault[];
  /** Each launch by itself; made when first profiled. */
  readonly #singles = new Map<LoweredStep, Program>();
  /** The buffers in the temporary block. */
  readonly #temps: readonly number[];
  /** In which part of the temporary memory each of them lies, if that is in parts. */
  #parts: Map<number, number> | undefined;
  /** Where the temporary block was when it was last placed. */
  #placed: Places['buffers'][number];
  /** Constant tables, and where kernels report what they refuse. */
  readonly #fixed: Holding | undefined;

  constructor(graph: Graph, lowering: Lowering, place: CodePlace) {
    const { runner, hold } = place;
    const { buffers, steps } = lowering;
    this.#place = place;
    this.graph = graph;
    const most = partBytes(place.device.limits.bytes);
    const whole = lowering.arrange();
    const { offsets, bytes, part } = whole.bytes <= most ? whole : lowering.arrange(most);
    this.tempPart = part;
    this.tempBytes = offsets.length === 0 ? 0 : bytes;
    this.#places = place.places;
    for (let i = this.#places.buffers.length; i < buffers.length; i++) {
      this.#places.buffers.push(undefined);
      this.#places.offsets.push(0);
    }
    this.#fixed = this.#fix(buffers);
    this.#temps = numbersOf(buffers, 'temp');
    for (const i of this.#temps) {
      const source = buffers[i]!;
      if (source.kind !== 'temp') continue;
      const offset = offsets[source.temp]!;
      this.#places.offsets[i] = offset % part;
      if (bytes > part) (this.#parts ??= new Map()).set(i, Math.floor(offset / part));
    }
    this.kept = buffers.flatMap((source, buffer) => {
      if (source.kind !== 'kept') return [];
      const program = runner.program(source.steps, { hold });
      const recipe = recipeOf(buffer, source, buffers);
      const { bytes, sources, steps } = source;
      return [{ buffer, bytes, sources, steps, program, recipe, madeOf: [], block: undefined }];
    });
    this.steps = steps;
    this.#faults = buffers.flatMap((source, buffer) => (source.kind === 'fault' ? [{ buffer, error: source.error }] : []));
    this.#program = programOf(place.device, runner, steps, { hold, faults: this.#faults });
    if (this.kept.length > 0) canLetGo(this);
  }

  /** Writes what never changes. */
  #fix(sources: readonly BufferSource[]): Holding | undefined {
    const { device, hold } = this.#place;
    const fixed = sources.flatMap((source, buffer) => {
      if (source.kind === 'constant') return [{ buffer, data: source.data }];
      return source.kind === 'fault' ? [{ buffer, data: NO_FAULT }] : [];
    });
    if (fixed.length === 0) return undefined;
    const block = hold(fixed.reduce((sum, { data }) => sum + aligned(data.byteLength), 0));
    let at = 0;
    for (const { buffer, data } of fixed) {
      this.#places.buffers[buffer] = block.buffer;
      this.#places.offsets[buffer] = at;
      device.write(block.buffer, at, data);
      at += aligned(data.byteLength);
    }
    return block;
  }

  /** Says where the temporary block is. */
  place(block: Places['buffers'][number]): void {
    if (block === this.#placed) return;
    this.#placed = block;
    for (const buffer of this.#temps) this.#places.buffers[buffer] = block;
  }

  /** Says where the parts of the temporary memory are. */
  placeParts(parts: readonly Places['buffers'][number][]): void {
    for (const buffer of this.#temps) this.#places.buffers[buffer] = parts[this.#parts!.get(buffer)!];
  }

  /** Makes again what was made of buffers that have changed since, or takes what another plan has made of them as they are now. */
  renew(stamps: Stamps): void {
    noteRun(this);
    const { buffers, offsets } = this.#places;
    let grown = false;
    for (const kept of this.kept) {
      const { buffer, sources, steps, program, madeOf, recipe } = kept;
      if (kept.block !== undefined && madeOf.length > 0 && isMadeOf(kept, offsets, stamps)) continue;
      const now = sources.flatMap((at) => [offsets[at]!, stamps[2 * at] ?? NaN, stamps[2 * at + 1] ?? NaN]);
      madeOf.length = 0; // until it is whole
      const key = recipe === undefined || now.some(Number.isNaN) ? undefined : `${recipe} ${now.join(' ')}`;
      const found = takeBlock(kept, key, (bytes) => this.#place.device.hold(bytes));
      buffers[buffer] = kept.block!.holding.buffer;
      offsets[buffer] = 0;
      if (found === 'new') grown = true;
      if (found !== 'made') {
        this.#launch(program, steps, NO_SCALARS);
        isMade(kept.block!, key);
      }
      madeOf.push(...now);
    }
    if (grown) keepWithinBound();
  }

  run(scalars: readonly number[]): void {
    this.#launch(this.#program, this.steps, scalars);
  }

  #launch(program: Program, steps: readonly LoweredStep[], scalars: readonly number[]): void {
    const profiler = activeProfiler();
    if (profiler === undefined) program.run(this.#places, scalars);
    else this.#profile(profiler, steps, scalars);
  }

  /** Runs launch by launch; launches that run together are one. */
  #profile(profiler: Profiler, steps: readonly LoweredStep[], scalars: readonly number[]): void {
    const { runner, hold, device } = this.#place;
    for (let i = 0; i < steps.length;) {
      const step = steps[i]!;
      const all = steps.slice(i, i + (step.together?.count ?? 1));
      i += all.length;
      let program = this.#singles.get(step);
      if (program === undefined) {
        program = programOf(device, runner, all, { hold, faults: this.#faults });
        this.#singles.set(step, program);
      }
      runner.settle?.('profile'); // what was queued before is not this launch's
      const start = performance.now();
      program.run(this.#places, scalars);
      runner.settle?.('profile');
      profiler.record({ ...this.#described(all), start, ms: performance.now() - start });
    }
  }

  #described(steps: readonly LoweredStep[]): Omit<LaunchRecord, 'start' | 'ms'> {
    const { name: operation, outputs } = this.graph.nodes[steps[0]!.node]!;
    const targets = steps.map(({ name }) => name.slice(0, name.indexOf(':')));
    const kernels = steps.map(({ name }) => name.slice(name.indexOf(':') + 1));
    const shapes = outputs.slice(0, 3).map((id) => this.graph.values[id]!.layout.shape.join('×'));
    const shape = `${shapes.join(', ')}${outputs.length > 3 ? ', …' : ''}`;
    const flops = steps.reduce((sum, step) => sum + step.flops, 0);
    const bytes = steps.reduce((sum, step) => sum + bytesOf(step), 0);
    return { operation, kernel: kernels.join(' + '), target: targets[0]!, shape, flops, bytes };
  }

  /** Gives back what is kept; the next run makes it again. */
  letGo(): boolean {
    const had = this.kept.some(({ block }) => block !== undefined);
    for (const kept of this.kept) leaveBlock(kept);
    return had;
  }

  dispose(): void {
    forget(this);
    this.letGo();
    this.#fixed?.free();
    this.#program.dispose();
    for (const { program } of this.kept) program.dispose();
    for (const program of this.#singles.values()) program.dispose();
  }
}

/** Whether what is kept was made of what its sources hold now; of NaN nothing is known. Without allocations: it is asked at every run. */
function isMadeOf({ sources, madeOf }: Kept, offsets: ArrayLike<number>, stamps: Stamps): boolean {
  for (let i = 0; i < sources.length; i++) {
    const at = sources[i]!;
    if (offsets[at] !== madeOf[3 * i] || stamps[2 * at] !== madeOf[3 * i + 1] || stamps[2 * at + 1] !== madeOf[3 * i + 2]) return false;
  }
  return true;
}

/** The numbers of the buffers that come from there. */
const numbersOf = (sources: readonly BufferSource[], kind: BufferSource['kind']): number[] =>
  sources.flatMap((source, buffer) => (source.kind === kind ? [buffer] : []));
