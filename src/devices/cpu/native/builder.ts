/**
 * Has kernels compiled, many at a time: a compiler's start takes as long as a small kernel, and kernels have functions in
 * common. What is asked for together becomes as many libraries as compilers may run.
 */
import { watchers } from '../../../base/watchers.ts';
import { emitKernel, emitUnit, identityOf, type EmittedKernel } from '../../../kernels/cpu/c/emit.ts';
import type { Kernel } from '../../../kernels/cpu/kernel.ts';
import type { KernelCache } from './cache.ts';
import { isFull, type Compiler } from './compiler.ts';
import { CompileJob, type JobResult } from './job.ts';
import { RUNTIME_SOURCE } from './runtime-source.ts';
import type { System } from './system.ts';

const MAX_JOBS = 2;
/** Characters of C that are worth a compiler of their own. */
const WORTH_A_JOB = 20_000;
/** Characters of C for one compiler at most: about two seconds. */
const MAX_JOB = 400_000;
/** After so many kernels that could not be compiled the compiler is taken to be at fault. */
const MAX_FAILURES = 3;

/** Something that is compiled: a kernel, or the runtime. */
export interface Unit {
  readonly label: string;
  /** Names what it is made from; in its library it is called so, with a letter before. */
  readonly digest: string;
  readonly code: EmittedKernel | string;
  state: 'queued' | 'running' | 'built' | 'failed';
  /** The library that it is in. */
  path: string;
  /** It was compiled with others in vain: perhaps not for its own fault. */
  alone: boolean;
}

export const symbolOf = ({ digest }: Unit): string => `k${digest}`;

const lengthOf = ({ code }: Unit): number =>
  typeof code === 'string' ? code.length : code.functions.reduce((sum, { rest }) => sum + rest.length, 0);

export class Builder {
  readonly runtime: Unit;
  readonly #system: System;
  readonly #compiler: Compiler;
  readonly #cache: KernelCache;
  readonly #limit: number;
  readonly #failed: (unit: Unit, reason: string) => void;
  readonly #units = new Map<string, Unit>();
  readonly #running: { readonly units: readonly Unit[]; readonly job: CompileJob }[] = [];
  #queue: Unit[] = [];
  #failures = 0;

  /** `failed` is told of units that cannot be compiled. */
  constructor(system: System, compiler: Compiler, cache: KernelCache, limit: number, failed: (unit: Unit, reason: string) => void) {
    this.#system = system;
    this.#compiler = compiler;
    this.#cache = cache;
    this.#limit = limit;
    this.#failed = failed;
    this.runtime = this.#unit('runtime', RUNTIME_SOURCE, RUNTIME_SOURCE);
  }

  get busy(): boolean {
    return this.#queue.length + this.#running.length > 0;
  }

  /** The unit of a kernel: found in the cache, or queued. */
  request(kernel: Kernel): Unit {
    let unit = this.#units.get(kernel.key);
    if (unit === undefined) {
      const code = emitKernel(kernel, kernel.target ?? this.#compiler.target);
      unit = this.#unit(kernel.key, code, identityOf(code));
      this.#units.set(kernel.key, unit);
      watchers.code?.('C', kernel.key, emitUnit(new Map([[symbolOf(unit), code]])));
    }
    return unit;
  }

  /** Its code is not needed any more. */
  forget(unit: Unit): void {
    this.#units.delete(unit.label);
  }

  /** Its library was sound and could not be loaded all the same: made on another machine, or removed meanwhile. */
  rebuild(unit: Unit): void {
    this.#cache.remove(unit.path);
    unit.state = 'queued';
    unit.path = '';
    this.#queue.push(unit);
  }

  /** Ends what runs. */
  stop(): void {
    for (const { job } of this.#running.splice(0)) job.stop();
    this.#queue = [];
  }

  #unit(label: string, code: EmittedKernel | string, identity: string): Unit {
    const digest = this.#system.hash().update(this.#compiler.fingerprint).update(identity).digest('hex').slice(0, 40);
    const path = this.#cache.library(digest);
    const unit: Unit = { label, digest, code, state: path === undefined ? 'queued' : 'built', path: path ?? '', alone: false };
    if (path === undefined) this.#queue.push(unit);
    return unit;
  }

  /** Takes what is finished, starts what waits. */
  poll(): void {
    for (const entry of [...this.#running]) {
      const result = entry.job.poll();
      if (result === undefined) continue;
      this.#running.splice(this.#running.indexOf(entry), 1);
      this.#take(entry.units, result);
    }
    // The runtime is small, and nothing runs without it: it has a compiler of its own.
    if (this.runtime.state === 'queued') {
      this.#queue = this.#queue.filter((unit) => unit !== this.runtime);
      this.#start([this.runtime]);
    }
    const slots = MAX_JOBS - this.#running.filter(({ units }) => units[0] !== this.runtime).length;
    if (this.#queue.length === 0 || slots <= 0) return;
    const waiting = this.#queue;
    this.#queue = [];
    const batches = batchesOf(waiting, slots);
    for (const batch of batches.splice(0, slots)) this.#start(batch);
    this.#queue.push(...batches.flat());
  }

  #start(units: readonly Unit[]): void {
    const texts = sourcesOf(units);
    const { path, flags } = this.#compiler;
    const command = [path, ...flags, ...texts.keys(), '-o', 'out', '-lm', '-lpthread', '-ldl'];
    for (const unit of units) unit.state = 'running';
    this.#running.push({
      units,
      job: new CompileJob(this.#system, this.#cache.scratch(), texts, command, this.#limit),
    });
  }

  #take(units: readonly Unit[], result: JobResult): void {
    if ('output' in result) {
      const path = this.#cache.storeLibrary(
        units.map(({ digest }) => digest),
        result.output,
      );
      for (const unit of units) Object.assign(unit, { state: 'built', path });
      return;
    }
    if (units.length > 1 && this.#failures < MAX_FAILURES) {
      for (const unit of units) Object.assign(unit, { state: 'queued', alone: true });
      this.#queue.push(...units);
      return;
    }
    const lines = result.error.split('\n');
    this.#failures++;
    for (const unit of units) {
      unit.state = 'failed';
      this.#failed(unit, lines.find(isFull) ?? lines.find((line) => line.includes('error')) ?? lines[0] ?? '');
    }
    if (this.#failures < MAX_FAILURES) return;
    for (const unit of this.#queue.splice(0)) unit.state = 'failed';
  }
}

/** Splits what waits into batches of similar length, as many as there are slots, if they are worth it. Kin stay together. */
function batchesOf(waiting: readonly Unit[], slots: number): Unit[][] {
  const batches = waiting.filter(({ alone }) => alone).map((unit) => [unit]);
  const others = waiting.filter(({ alone }) => !alone).sort((a, b) => (a.label < b.label ? -1 : 1));
  const total = others.reduce((sum, unit) => sum + lengthOf(unit), 0);
  const size = Math.min(Math.max(total / slots, WORTH_A_JOB), MAX_JOB);
  let [batch, length]: [Unit[], number] = [[], Infinity];
  for (const unit of others) {
    if (length + lengthOf(unit) / 2 > size) {
      batches.push((batch = []));
      length = 0;
    }
    batch.push(unit);
    length += lengthOf(unit);
  }
  return batches;
}

/** The files of a library: kernels of one vector width share one. */
function sourcesOf(units: readonly Unit[]): Map<string, string> {
  const groups = new Map<string, Map<string, EmittedKernel>>();
  const texts = new Map<string, string>();
  for (const unit of units) {
    if (typeof unit.code === 'string') {
      texts.set('runtime.c', unit.code);
      continue;
    }
    const { target } = unit.code;
    const name = `kernels${target.vectorBytes}${target.fusedMultiplyAdd ? 'f' : ''}.c`;
    if (!groups.has(name)) groups.set(name, new Map());
    groups.get(name)!.set(symbolOf(unit), unit.code);
  }
  for (const [name, kernels] of groups) texts.set(name, emitUnit(kernels));
  return texts;
}
