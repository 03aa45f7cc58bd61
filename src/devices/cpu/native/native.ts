/**
 * Native kernels of the CPU device: the same kernels as C, compiled in the background while WebAssembly runs, kept on
 * disk, called on the same memory.
 *
 * Nothing starts before a plan has run a few times, or a function is being compiled; then the compiler is looked for
 * (`compiler.ts`), and every kernel that plans ask for is looked up in the cache (`cache.ts`) or compiled (`builder.ts`).
 * Progress is made whenever someone asks `ready()`, since a synchronous program gives no other opportunity. Where anything
 * is missing (compiler, koffi, a directory), plans stay on WebAssembly.
 */
import { invariant } from '../../../base/errors.ts';
import type { Target } from '../../../kernels/cpu/ir.ts';
import type { CpuStep, Together } from '../../../lower/cpu/lowering.ts';
import type { Kernel } from '../../../kernels/cpu/kernel.ts';
import type { FasterCode, Hold, Holding, Program, ProgramOptions } from '../../device.ts';
import { addressOf } from '../buffer.ts';
import { CpuDevice, MOST_USUAL, type NativeHost } from '../cpu.ts';
import { cpuProgram, type Launcher } from '../program.ts';
import { Builder, symbolOf, type Unit } from './builder.ts';
import { KernelCache } from './cache.ts';
import { CompilerSearch, fullDisk, isFull, type Compiler } from './compiler.ts';
import { processorsOfMine, wantedThreads } from './processors.ts';
import { bindRuntime, hasKoffi, type Runtime } from './runtime.ts';
import { nodeSystem, type System } from './system.ts';

/** How often files of running commands are looked for. */
const POLL_MS = 2;
/** A plan that ran this often will run again. */
const PATIENCE = 3;
/** What a compiler may take, for what it knows of the machine and for kernels. */
const COMPILE_LIMIT_MS = 60_000;
/** Kernels at most: a library once loaded stays, so what is asked for beyond runs on WebAssembly. */
const MAX_KERNELS = 4096;
const JOB_WORDS = 4;
const LAUNCH_WORDS = 10;

/** What is found once: a compiler, and what has it compile. */
interface Tools {
  readonly compiler: Compiler;
  readonly builder: Builder;
}

export class NativeKernels implements FasterCode {
  readonly patience: number;
  readonly #host: NativeHost;
  readonly #system: System;
  readonly #wait: boolean;
  readonly #outspoken: boolean;
  readonly #limit: number;
  #search: { readonly cache: KernelCache; readonly compilers: CompilerSearch } | undefined;
  #tools: Tools | 'none' | undefined;
  #runtime: Runtime | undefined;
  /** Addresses of the kernels' entries, by key. */
  readonly #entries = new Map<string, bigint>();
  /** Units whose libraries could not be loaded and were made anew. */
  readonly #rebuilt = new Set<Unit>();
  #lastPoll = 0;
  #said = false;

  /** `limit` is how many milliseconds a compiler may take. */
  constructor(host: NativeHost, system: System, limit = COMPILE_LIMIT_MS) {
    const { env } = system.process;
    this.#host = host;
    this.#system = system;
    this.#limit = limit;
    this.#wait = env['FLAMBEAU_NATIVE'] === 'wait';
    this.#outspoken = ['1', 'wait'].includes(env['FLAMBEAU_NATIVE'] ?? '') || Boolean(env['FLAMBEAU_DEBUG']);
    this.patience = this.#wait ? 1 : PATIENCE;
  }

  get target(): Target | undefined {
    const tools = this.#tools;
    return tools === undefined || tools === 'none' ? undefined : tools.compiler.target;
  }

  /** Looks for what is needed. Says why there is none; undefined while a compiler is being asked. */
  #find(): Tools | 'none' | undefined {
    const system = this.#system;
    if (this.#search === undefined) {
      if (!hasKoffi(system)) return this.#without('koffi is not installed (npm install koffi)');
      const cache = new KernelCache(system);
      this.#search = { cache, compilers: new CompilerSearch(system, cache, this.#limit) };
    }
    const { cache, compilers } = this.#search;
    const compiler = compilers.poll();
    if (typeof compiler === 'string') return this.#without(compiler);
    if (compiler === undefined) return undefined;
    const failed = (unit: Unit, reason: string): void =>
      void this.#without(isFull(reason) ? fullDisk(cache.directory) : `compiling ${unit.label} failed: ${reason}`);
    return { compiler, builder: new Builder(system, compiler, cache, this.#limit, failed) };
  }

  /** Says once why native kernels are not used, to those who asked. */
  #without(reason: string): 'none' {
    if (this.#outspoken && !this.#said) {
      this.#system.process.stderr.write(`flambeau: native kernels are off, WebAssembly runs instead: ${reason.split('\n')[0]!}\n`);
    }
    this.#said = true;
    return 'none';
  }

  ready(steps: readonly CpuStep[]): boolean | undefined {
    const kernels = steps.map(({ kernel }) => kernel);
    for (;;) {
      let known: boolean | undefined;
      try {
        known = this.#advance(kernels);
      } catch (error) {
        // The disk is full, the cache's file system does not allow programs: not the caller's concern.
        const why = error instanceof Error ? error.message : String(error);
        const { cache } = this.#search ?? {};
        return this.#stop(isFull(why) && cache !== undefined ? fullDisk(cache.directory) : why);
      }
      if (known !== undefined || !this.#wait) return known;
      sleep(POLL_MS);
    }
  }

  /** There will be no native kernels. */
  #stop(reason: string): false {
    if (typeof this.#tools === 'object') this.#tools.builder.stop();
    this.#tools = this.#without(reason);
    return false;
  }

  #advance(kernels: readonly Kernel[]): boolean | undefined {
    this.#tools ??= this.#find();
    const tools = this.#tools;
    if (tools === undefined) return undefined;
    if (tools === 'none') return false;
    const { builder } = tools;
    const missing = kernels.filter((kernel) => !this.#entries.has(kernel.key));
    if (missing.length > 0 && this.#entries.size + missing.length > MAX_KERNELS) return false;
    const units = missing.map((kernel) => builder.request(kernel));
    this.#poll(tools);
    if (builder.runtime.state === 'failed') return this.#stop('');
    if (units.some(({ state }) => state === 'failed')) return false;
    if (this.#runtime === undefined || units.some(({ state }) => state !== 'built')) return undefined;
    const opened = units.map((unit) => this.#open(unit, this.#runtime!, builder));
    return opened.includes(false) ? false : opened.includes(undefined) ? undefined : true;
  }

  /** Loads what was compiled; undefined when that failed and it is compiled anew. */
  #open(unit: Unit, runtime: Runtime, builder: Builder): boolean | undefined {
    if (this.#entries.has(unit.label)) return true; // asked for twice at once
    if (unit.state === 'queued') return undefined;
    const entry = runtime.open(unit.path, symbolOf(unit));
    if (entry !== 0n) {
      this.#entries.set(unit.label, entry);
      builder.forget(unit);
      return true;
    }
    if (!this.#rebuilt.has(unit)) {
      this.#rebuilt.add(unit);
      builder.rebuild(unit);
      return undefined;
    }
    unit.state = 'failed';
    this.#without(`${unit.path} cannot be loaded`);
    return false;
  }

  async settled(): Promise<boolean> {
    for (;;) {
      const ready = this.ready([]);
      const busy = typeof this.#tools === 'object' && this.#tools.builder.busy;
      if (ready === false || (ready === true && !busy)) return ready;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  #poll({ builder }: Tools): void {
    const now = performance.now();
    if (builder.busy && now - this.#lastPoll < POLL_MS) return;
    this.#lastPoll = now;
    builder.poll();
    const { runtime } = builder;
    if (this.#runtime !== undefined || runtime.state !== 'built') return;
    try {
      this.#runtime = bindRuntime(this.#system, runtime.path, this.#host.memory);
    } catch (error) {
      if (this.#rebuilt.has(runtime)) throw error;
      this.#rebuilt.add(runtime);
      builder.rebuild(runtime);
    }
  }

  #entryOf(kernel: Kernel): bigint {
    const entry = this.#entries.get(kernel.key);
    invariant(entry !== undefined, `kernel ${kernel.key} is not ready`);
    return entry;
  }

  program(steps: readonly CpuStep[], options: ProgramOptions = {}): Program {
    return cpuProgram(this.#host, steps, options, (blocks, hold) => {
      const launches = steps.map(({ kernel, size, grain, scratch, together }, i) => {
        return {
          entry: this.#entryOf(kernel),
          args: blocks[i]!,
          slots: Object.keys(kernel.slots).length,
          size,
          grain,
          scratch,
          together,
        };
      });
      return new NativeLauncher(this.#host, this.#runtime!, launches, hold);
    });
  }
}

/** By what a kernel returns: see `emitUnit`. */
const TRAPS: Readonly<Record<number, string>> = {
  1: 'divide by zero',
  2: 'divide result unrepresentable',
  3: 'unreachable',
};

interface NativeLaunch {
  readonly entry: bigint;
  readonly args: number;
  readonly slots: number;
  readonly size: number;
  readonly grain: number;
  readonly scratch: number;
  readonly together: Together | undefined;
}

/** All words of a launch but the last. */
function launchWords({ entry, args, slots, size, grain: own, together }: NativeLaunch): number[] {
  const { count, channels, span, grain } = together ?? { count: 1, channels: 1, span: 1, grain: own };
  return [Number(entry & 0xffffffffn), Number(entry >> 32n), args, size, grain, count, channels, span, slots];
}

function patchWords({ patches, argumentsAt }: Partial<Together> = {}): number[] {
  if (patches === undefined) return [];
  return [patches.length, argumentsAt!, ...patches.flatMap(({ launch, slot, at, step }) => [launch, slot, at, step])];
}

/** A job block in memory; see `runtime-source.ts`. */
class NativeLauncher implements Launcher {
  at = -1;
  readonly #host: NativeHost;
  readonly #runtime: Runtime;
  readonly #block: Holding;
  readonly #scratch: number;

  constructor(host: NativeHost, runtime: Runtime, launches: readonly NativeLaunch[], hold: Hold) {
    this.#host = host;
    this.#runtime = runtime;
    this.#scratch = Math.max(0, ...launches.map((launch) => launch.scratch));
    const patches = launches.map(({ together }) => patchWords(together));
    this.#block = hold(4 * (JOB_WORDS + launches.length * LAUNCH_WORDS + patches.flat().length));
    const address = addressOf(this.#block.buffer);
    const write = (from: number, words: readonly number[]): number => {
      words.forEach((word, w) => host.setWord(from + 4 * w, word));
      return from + 4 * words.length;
    };
    host.setWord(address, launches.length);
    let [at, patchesAt] = [address + 4 * JOB_WORDS, address + 4 * (JOB_WORDS + launches.length * LAUNCH_WORDS)];
    launches.forEach((launch, i) => {
      at = write(at, [...launchWords(launch), patches[i]!.length === 0 ? 0 : patchesAt]);
      patchesAt = write(patchesAt, patches[i]!);
    });
  }

  run(): void {
    this.at = -1;
    const host = this.#host;
    const block = addressOf(this.#block.buffer);
    host.provideScratch(this.#scratch);
    host.setWord(block + 4, host.scratch);
    host.setWord(block + 8, host.scratchStride);
    host.setWord(block + 12, host.threads);
    const failure = this.#runtime.run(block);
    if (failure === 0) return;
    this.at = failure >> 2;
    throw new WebAssembly.RuntimeError(TRAPS[failure & 3]); // what WebAssembly would have thrown
  }

  dispose(): void {
    this.#block.free();
  }
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Undefined where native kernels cannot be, or were switched off with FLAMBEAU_NATIVE=0. */
function startNative(host: NativeHost): FasterCode | undefined {
  const system = nodeSystem();
  if (system === undefined || !['linux', 'darwin'].includes(system.process.platform)) return undefined;
  return isWanted(system) ? new NativeKernels(host, system) : undefined;
}

/** What native kernels look for in the environment. */
const VARIABLES = ['FLAMBEAU_NATIVE', 'FLAMBEAU_DEBUG', 'FLAMBEAU_CC', 'FLAMBEAU_CACHE', 'XDG_CACHE_HOME', 'PATH', 'HOME', 'TMPDIR'];

/** A host that keeps the environment from programs (Deno, unless permitted) would not run a compiler for them either. */
function isWanted({ process }: System): boolean {
  try {
    return VARIABLES.map((name) => process.env[name])[0] !== '0';
  } catch {
    return false;
  }
}

/** Gives CPU devices native kernels, and threads by what a launcher says. The entry points for Node call it, so that browsers do not download this. */
export function enableNative(): void {
  CpuDevice.startNative = startNative;
  CpuDevice.usualThreads = () => wantedThreads() ?? Math.min(processorsOfMine(), MOST_USUAL);
}
