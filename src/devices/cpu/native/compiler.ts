/** Finds a C compiler and what it knows of this machine, without waiting for it. */
import { C_FLAGS } from '../../../kernels/cpu/c/emit.ts';
import type { Target } from '../../../kernels/cpu/ir.ts';
import type { KernelCache } from './cache.ts';
import { CompileJob } from './job.ts';
import type { System } from './system.ts';

/** Counts up when the emitted code or the calling convention changes in ways that the sources do not show. */
const FORMAT = 2;

const FLAGS = ['-march=native', '-pipe', '-shared', '-fPIC', '-fvisibility=hidden', '-s', ...C_FLAGS];
/**
 * Kernels come vectorised and unrolled, so most of what GCC does beyond -O1 takes its time for nothing: these few passes
 * give the code the speed of -O3 (each kernel within its noise of 3 %) in half the time. -fgcse must stay out: it
 * doubles the time of convolutions.
 */
const GCC_LEVEL = ['-O1', '-fschedule-insns2', '-fexpensive-optimizations', '-ftree-slp-vectorize', '-fcaller-saves', '-fpeephole2', '-fipa-ra']; // prettier-ignore
const CLANG_LEVEL = ['-O2'];
const PROBE_FLAGS = ['-march=native', '-dM', '-E', '-x', 'c', '/dev/null', '-o', 'out'];

export interface Compiler {
  readonly path: string;
  readonly flags: readonly string[];
  /** What kernels may assume of this machine, as this compiler sees it. */
  readonly target: Target;
  /** Identifies compiler, flags and machine. */
  readonly fingerprint: string;
}

/** Asks compilers one after the other for their predefined macros; the answer is cached. */
export class CompilerSearch {
  readonly #system: System;
  readonly #cache: KernelCache;
  readonly #limit: number;
  readonly #paths: string[];
  #reason: string;
  #asked: { readonly path: string; readonly file: string; readonly job: CompileJob } | undefined;

  constructor(system: System, cache: KernelCache, limit: number) {
    const asked = system.process.env['FLAMBEAU_CC'];
    const names = asked === undefined || asked === '' ? ['cc', 'gcc', 'clang'] : [asked];
    this.#system = system;
    this.#cache = cache;
    this.#limit = limit;
    this.#paths = names.flatMap((name) => locate(system, name));
    this.#reason = `no C compiler: looked for ${names.join(', ')}${asked === undefined ? '' : ' (FLAMBEAU_CC)'}`;
  }

  /** The compiler to use; a text when there is none; undefined while one is being asked. */
  poll(): Compiler | string | undefined {
    for (;;) {
      if (this.#asked !== undefined) {
        const { path, file, job } = this.#asked;
        const result = job.poll();
        if (result === undefined) return undefined;
        this.#asked = undefined;
        const macros = 'output' in result ? new TextDecoder().decode(result.output) : '';
        if (macros.includes('__GNUC__')) {
          this.#cache.store(file, macros);
          return described(this.#system, path, macros);
        }
        const why = 'error' in result ? result.error.trim().split('\n')[0]! : '';
        this.#reason = isFull(why)
          ? fullDisk(this.#cache.directory)
          : `${path} does not compile for this machine${why === '' ? '' : ` (${why})`}`;
      }
      const path = this.#paths.shift();
      if (path === undefined) return this.#reason;
      const file = probeName(this.#system, path);
      const macros = this.#cache.text(file);
      if (macros !== undefined) return described(this.#system, path, macros);
      const command = [path, ...PROBE_FLAGS];
      const job = new CompileJob(this.#system, this.#cache.scratch(), new Map(), command, this.#limit);
      this.#asked = { path, file, job };
    }
  }
}

/** Whether a complaint is that there is no room: of the system, of a shell, a compiler or a linker. */
export const isFull = (complaint: string): boolean => /ENOSPC|EDQUOT|no space left on device|disk quota exceeded/i.test(complaint);

/** What to say then. */
export const fullDisk = (directory: string): string =>
  `the disk of ${directory} is full, so kernels cannot be compiled there; make room, or set FLAMBEAU_CACHE to a folder with room`;

/** Executable files of this name on the PATH. */
function locate({ files, process, paths }: System, name: string): string[] {
  const candidates = name.includes('/')
    ? [paths.resolve(name)]
    : (process.env['PATH'] ?? '')
        .split(':')
        .filter((part) => part.startsWith('/'))
        .map((part) => paths.join(part, name));
  const usable = (path: string): boolean => {
    try {
      files.accessSync(path, files.constants.X_OK);
      return files.statSync(path).isFile();
    } catch {
      return false;
    }
  };
  return candidates.filter(usable).slice(0, 1);
}

/** The name under which a compiler's answer is kept: another version of it, or another machine, has another. */
function probeName(system: System, path: string): string {
  const { size, mtimeMs } = system.files.statSync(path);
  const identity = [FORMAT, path, system.files.realpathSync(path), size, mtimeMs, processorFlags(system)].join('\n');
  return `${system.hash().update(identity).digest('hex').slice(0, 32)}.probe`;
}

/** How a compiler with these predefined macros makes a library of kernels. */
export const compilerFlags = (macros: string): string[] => [...(macros.includes('#define __clang__ ') ? CLANG_LEVEL : GCC_LEVEL), ...FLAGS];

/** `macros` are the compiler's predefined ones: its version, and what the processor has. */
function described(system: System, path: string, macros: string): Compiler {
  const target = targetOf(macros);
  const flags = compilerFlags(macros);
  const identity = [FORMAT, path, macros, ...flags].join('\n');
  return { path, flags, target, fingerprint: system.hash().update(identity).digest('hex') };
}

function processorFlags({ files, process, os }: System): string {
  try {
    const info = files.readFileSync('/proc/cpuinfo', 'utf8');
    return [/^model name.*$/m, /^(flags|Features)\s*:.*$/m].map((pattern) => pattern.exec(info)?.[0] ?? '').join('\n');
  } catch {
    return `${process.arch} ${os.cpus()[0]?.model ?? ''}`; // no /proc: macOS
  }
}

/** The vectors that a machine has, by its compiler's predefined macros. */
export function targetOf(macros: string): Target {
  const has = (name: string): boolean => macros.includes(`#define ${name} `);
  if (has('__AVX512F__') && has('__AVX512DQ__'))
    return { name: 'c-avx512', vectorBytes: 64, fusedMultiplyAdd: true, liveVectors: 30, halves: has('__AVX512FP16__') };
  if (has('__AVX2__') && has('__FMA__')) return { name: 'c-avx2', vectorBytes: 32, fusedMultiplyAdd: true, liveVectors: 15 };
  if (has('__aarch64__')) return { name: 'c-neon', vectorBytes: 16, fusedMultiplyAdd: true, liveVectors: 30 };
  return { name: 'c', vectorBytes: 16, fusedMultiplyAdd: false, liveVectors: 15 };
}
