/**
 * Native kernels of the CPU device: the same kernels as C, compiled in the background while WebAssembly runs, kept on
 * disk, called on the same memory.
 *
 * Nothing starts before a plan has run a few times; then the compiler is looked for (`compiler.ts`), and every kernel that
 * plans ask for is looked up in the cache (`cache.ts`) or put in the queue. Progress is made whenever someone asks
 * `ready()`, since a synchronous program gives no other opportunity. Where anything is missing (compiler, koffi, a
 * directory), plans stay on WebAssembly.
 */
import { invariant } from '../../../base/errors.ts';
import { emitC } from '../../../kernels/c/emit.ts';
import type { Target } from '../../../kernels/ir.ts';
import type { Kernel } from '../../../kernels/kernel.ts';
import type { KernelHandle, Launch, NativeCode, Program } from '../../device.ts';
import { CpuDevice, type NativeHost } from '../cpu.ts';
import { KernelCache } from './cache.ts';
import { CompileJob, findCompiler, type Compiler } from './compiler.ts';
import { RUNTIME_SOURCE } from './runtime-source.ts';
import { bindRuntime, loadKoffi, type Koffi, type Runtime } from './runtime.ts';
import { nodeSystem, type System } from './system.ts';

const MAX_JOBS = 2;
/** How often files of running compiles are looked for. */
const POLL_MS = 2;
/** A plan that ran this often will run again. */
const PATIENCE = 3;
const JOB_WORDS = 4;
const LAUNCH_WORDS = 6;

/** Something that is compiled: a kernel, or the runtime. */
interface Unit {
  readonly label: string;
  readonly file: string;
  readonly source: string;
  state: 'queued' | 'running' | 'built' | 'failed';
  path: string;
}

/** What was found once: a compiler, a way to call what it makes, a place to keep it. */
interface Tools {
  readonly compiler: Compiler;
  readonly koffi: Koffi;
  readonly cache: KernelCache;
}

export class NativeKernels implements NativeCode {
  readonly patience: number;
  readonly #host: NativeHost;
  readonly #system: System;
  readonly #wait: boolean;
  readonly #outspoken: boolean;
  #tools: Tools | 'none' | undefined;
  #runtime: Runtime | undefined;
  #runtimeUnit: Unit | undefined;
  readonly #units = new Map<string, Unit>();
  readonly #queue: Unit[] = [];
  readonly #running: { readonly unit: Unit; readonly job: CompileJob }[] = [];
  readonly #handles = new Map<string, KernelHandle>();
  readonly #entries: bigint[] = [];
  #lastPoll = 0;
  #said = false;

  constructor(host: NativeHost, system: System) {
    const { env } = system.process;
    this.#host = host;
    this.#system = system;
    this.#wait = env['FLAMBEAU_NATIVE'] === 'wait';
    this.#outspoken = ['1', 'wait'].includes(env['FLAMBEAU_NATIVE'] ?? '') || Boolean(env['FLAMBEAU_DEBUG']);
    this.patience = this.#wait ? 1 : PATIENCE;
  }

  get target(): Target | undefined {
    this.#tools ??= this.#findTools();
    return this.#tools === 'none' ? undefined : this.#tools.compiler.target;
  }

  #findTools(): Tools | 'none' {
    const koffi = loadKoffi(this.#system);
    if (koffi === undefined) return this.#without('koffi is not installed (npm install koffi)');
    try {
      const cache = new KernelCache(this.#system);
      const compiler = findCompiler(this.#system, cache);
      if (typeof compiler === 'string') return this.#without(compiler);
      this.#runtimeUnit = this.#unit('runtime', RUNTIME_SOURCE, { compiler, koffi, cache });
      return { compiler, koffi, cache };
    } catch (error) {
      return this.#without(String(error)); // a disk that is full, a directory that cannot be made
    }
  }

  /** Says once why native kernels are not used, to those who asked. */
  #without(reason: string): 'none' {
    if (this.#outspoken && !this.#said) {
      this.#system.process.stderr.write(`flambeau: native kernels are off, WebAssembly runs instead: ${reason}\n`);
    }
    this.#said = true;
    return 'none';
  }

  ready(kernels: readonly Kernel[]): boolean | undefined {
    for (;;) {
      if (this.target === undefined) return false;
      let known: boolean | undefined;
      try {
        known = this.#advance(kernels);
      } catch (error) {
        // The disk is full, the cache's file system does not allow programs: not the caller's concern.
        this.#tools = this.#without(error instanceof Error ? error.message : String(error));
        return false;
      }
      if (known !== undefined || !this.#wait) return known;
      sleep(POLL_MS);
    }
  }

  #advance(kernels: readonly Kernel[]): boolean | undefined {
    const units = kernels.filter((kernel) => !this.#handles.has(kernel.key)).map((kernel) => this.#unitOf(kernel));
    this.#poll();
    if (this.#runtimeUnit?.state === 'failed') return false;
    if (units.some(({ state }) => state === 'failed')) return false;
    if (this.#runtime === undefined || units.some(({ state }) => state !== 'built')) return undefined;
    return units.every((unit) => this.#open(unit, this.#runtime!));
  }

  /** Loads what was compiled. */
  #open(unit: Unit, runtime: Runtime): boolean {
    if (this.#handles.has(unit.label)) return true; // asked for twice at once
    const entry = runtime.open(unit.path, 'entry');
    if (entry === 0n) {
      this.#fail(unit, `${unit.path} cannot be loaded`);
      return false;
    }
    this.#handles.set(unit.label, this.#entries.push(entry) - 1);
    this.#units.delete(unit.label); // its source is not needed any more
    return true;
  }

  async settled(): Promise<boolean> {
    for (;;) {
      const ready = this.ready([]);
      if (ready === false || (ready === true && this.#queue.length + this.#running.length === 0)) return ready;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  #unitOf(kernel: Kernel): Unit {
    let unit = this.#units.get(kernel.key);
    if (unit === undefined) {
      const tools = this.#tools as Tools;
      unit = this.#unit(kernel.key, emitC(kernel, kernel.target ?? tools.compiler.target), tools);
      this.#units.set(kernel.key, unit);
    }
    return unit;
  }

  /** Finds a unit in the cache or queues its compile. */
  #unit(label: string, source: string, { compiler, cache }: Tools): Unit {
    const digest = this.#system.hash().update(compiler.fingerprint).update(source).digest('hex').slice(0, 40);
    const file = `${digest}.so`;
    const path = cache.find(file);
    const unit: Unit = { label, file, source, state: path === undefined ? 'queued' : 'built', path: path ?? '' };
    if (path === undefined) this.#queue.push(unit);
    return unit;
  }

  /** Takes what is finished, starts what waits. */
  #poll(): void {
    const now = performance.now();
    if (this.#running.length > 0 && now - this.#lastPoll < POLL_MS) return;
    this.#lastPoll = now;
    const { cache, compiler, koffi } = this.#tools as Tools;
    for (const entry of [...this.#running]) {
      const result = entry.job.poll();
      if (result === undefined) continue;
      this.#running.splice(this.#running.indexOf(entry), 1);
      this.#finish(entry.unit, result, cache);
    }
    while (this.#running.length < MAX_JOBS && this.#queue.length > 0) {
      const unit = this.#queue.shift()!;
      unit.state = 'running';
      const job = new CompileJob(this.#system, compiler, cache.scratchPath(unit.file), unit.source);
      this.#running.push({ unit, job });
    }
    const runtime = this.#runtimeUnit!;
    if (this.#runtime === undefined && runtime.state === 'built') {
      this.#runtime = bindRuntime(koffi, runtime.path, this.#host.memory);
    }
  }

  #finish(unit: Unit, result: Uint8Array | string, cache: KernelCache): void {
    if (typeof result !== 'string') {
      unit.path = cache.store(unit.file, result);
      unit.state = 'built';
      return;
    }
    const lines = result.split('\n');
    this.#fail(unit, lines.find((line) => line.includes('error')) ?? lines[0] ?? '');
  }

  #fail(unit: Unit, reason: string): void {
    unit.state = 'failed';
    this.#without(`compiling ${unit.label} failed: ${reason}`);
  }

  load(kernel: Kernel): KernelHandle {
    const handle = this.#handles.get(kernel.key);
    invariant(handle !== undefined, `kernel ${kernel.key} is not ready`);
    return handle;
  }

  program(launches: readonly Launch[]): Program {
    return new NativeProgram(this.#host, this.#runtime!, launches, (launch) => this.#entries[launch.kernel]!);
  }
}

/** A job block in memory; see `runtime-source.ts`. */
class NativeProgram implements Program {
  readonly #host: NativeHost;
  readonly #runtime: Runtime;
  readonly #block: number;
  readonly #bytes: number;
  readonly #scratch: number;

  constructor(host: NativeHost, runtime: Runtime, launches: readonly Launch[], entryOf: (launch: Launch) => bigint) {
    this.#host = host;
    this.#runtime = runtime;
    this.#scratch = Math.max(0, ...launches.map((launch) => launch.scratch));
    this.#bytes = (JOB_WORDS + launches.length * LAUNCH_WORDS) * 4;
    this.#block = host.allocate(this.#bytes);
    host.setWord(this.#block, launches.length);
    launches.forEach((launch, i) => {
      const entry = entryOf(launch);
      const words = [Number(entry & 0xffffffffn), Number(entry >> 32n), launch.args, launch.size, launch.grain, 0];
      words.forEach((word, w) => host.setWord(this.#block + (JOB_WORDS + i * LAUNCH_WORDS + w) * 4, word));
    });
  }

  run(): void {
    const host = this.#host;
    const block = this.#block;
    host.provideScratch(this.#scratch);
    host.setWord(block + 4, host.scratch);
    host.setWord(block + 8, host.scratchStride);
    host.setWord(block + 12, host.threads);
    const trap = this.#runtime.run(block);
    // What WebAssembly would have thrown.
    if (trap !== 0) throw new WebAssembly.RuntimeError(trap === 1 ? 'divide by zero' : 'divide result unrepresentable');
  }

  dispose(): void {
    this.#host.free(this.#block, this.#bytes);
  }
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Undefined where native kernels cannot be, or were switched off with FLAMBEAU_NATIVE=0. */
function startNative(host: NativeHost): NativeCode | undefined {
  const system = nodeSystem();
  if (system === undefined || !['linux', 'darwin'].includes(system.process.platform)) return undefined;
  return system.process.env['FLAMBEAU_NATIVE'] === '0' ? undefined : new NativeKernels(host, system);
}

/** Gives CPU devices native kernels. The entry points for Node call it, so that browsers do not download this. */
export function enableNative(): void {
  CpuDevice.startNative = startNative;
}
