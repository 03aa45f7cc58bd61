/**
 * Finds a C compiler and runs it in the background.
 *
 * A synchronous training loop never returns to the event loop, so a finished compile is noticed by its file, not by an
 * event: the child is a shell that renames the output once the compiler has succeeded, or leaves `….bad`.
 */
import { C_FLAGS } from '../../../kernels/c/emit.ts';
import type { Target } from '../../../kernels/ir.ts';
import type { KernelCache } from './cache.ts';
import type { System } from './system.ts';

/** Counts up when the emitted code or the calling convention changes in ways that the sources do not show. */
const FORMAT = 1;
const PROBE_TIMEOUT_MS = 10_000;
const COMPILE_TIMEOUT_MS = 60_000;

const FLAGS = ['-O3', '-march=native', '-pipe', '-shared', '-fPIC', '-fvisibility=hidden', '-s', ...C_FLAGS];
/** Clang on ARM spells it otherwise; the older GCC there too. */
const PROBE_FLAGS = ['-march=native', '-dM', '-E', '-x', 'c', '-'];

export interface Compiler {
  readonly path: string;
  readonly flags: readonly string[];
  /** What kernels may assume of this machine, as this compiler sees it. */
  readonly target: Target;
  /** Identifies compiler, flags and machine. */
  readonly fingerprint: string;
}

/** The compiler to use, asked once what it knows of this machine; the answer is cached. */
export function findCompiler(system: System, cache: KernelCache): Compiler | string {
  const { env } = system.process;
  const asked = env['FLAMBEAU_CC'];
  const names = asked === undefined || asked === '' ? ['cc', 'gcc', 'clang'] : [asked];
  let reason = `no C compiler: looked for ${names.join(', ')}${asked === undefined ? '' : ' (FLAMBEAU_CC)'}`;
  for (const path of names.flatMap((name) => locate(system, name))) {
    const macros = probe(system, cache, path);
    if (macros !== undefined) {
      const target = targetOf(macros);
      const flags = target.vectorBytes === 64 ? [...FLAGS, '-mprefer-vector-width=512'] : FLAGS;
      const identity = [FORMAT, path, macros, ...flags].join('\n');
      return { path, flags, target, fingerprint: system.hash().update(identity).digest('hex') };
    }
    reason = `${path} does not compile for this machine`;
  }
  return reason;
}

/** Executable files of this name on the PATH. */
function locate(system: System, name: string): string[] {
  const { files, process } = system;
  const paths = name.includes('/')
    ? [name]
    : (process.env['PATH'] ?? '').split(':').filter((part) => part.startsWith('/')).map((part) => system.join(part, name)); // prettier-ignore
  const usable = (path: string): boolean => {
    try {
      files.accessSync(path, files.constants.X_OK);
      return files.statSync(path).isFile();
    } catch {
      return false;
    }
  };
  return paths.filter(usable).slice(0, 1);
}

/** The compiler's predefined macros: its version, and what the processor has. Undefined when it cannot be used. */
function probe(system: System, cache: KernelCache, path: string): string | undefined {
  const { size, mtimeMs } = system.files.statSync(path);
  const identity = [FORMAT, path, system.files.realpathSync(path), size, mtimeMs, processorFlags(system)].join('\n');
  const name = `${system.hash().update(identity).digest('hex').slice(0, 32)}.probe`;
  const known = cache.text(name);
  if (known !== undefined) return known;
  const { status, stdout } = system.processes.spawnSync(path, PROBE_FLAGS, { encoding: 'utf8', timeout: PROBE_TIMEOUT_MS, input: '', maxBuffer: 1 << 24 }); // prettier-ignore
  if (status !== 0 || !stdout.includes('__GNUC__')) return undefined;
  cache.store(name, new TextEncoder().encode(stdout));
  return stdout;
}

function processorFlags(system: System): string {
  try {
    const info = system.files.readFileSync('/proc/cpuinfo', 'utf8');
    return [/^model name.*$/m, /^(flags|Features)\s*:.*$/m].map((pattern) => pattern.exec(info)?.[0] ?? '').join('\n');
  } catch {
    return `${system.process.arch} ${system.processor}`; // no /proc: macOS
  }
}

function targetOf(macros: string): Target {
  const has = (name: string): boolean => macros.includes(`#define ${name} `);
  if (has('__AVX512F__') && has('__AVX512DQ__')) return { name: 'c-avx512', vectorBytes: 64, fusedMultiplyAdd: true, liveVectors: 30 }; // prettier-ignore
  if (has('__AVX2__') && has('__FMA__')) return { name: 'c-avx2', vectorBytes: 32, fusedMultiplyAdd: true, liveVectors: 15 }; // prettier-ignore
  if (has('__aarch64__')) return { name: 'c-neon', vectorBytes: 16, fusedMultiplyAdd: true, liveVectors: 30 };
  return { name: 'c', vectorBytes: 16, fusedMultiplyAdd: false, liveVectors: 15 };
}

/** A compile on its way. */
export class CompileJob {
  readonly #system: System;
  readonly #base: string;
  readonly #deadline = performance.now() + COMPILE_TIMEOUT_MS;
  #ended = false;

  constructor(system: System, compiler: Compiler, base: string, source: string) {
    this.#system = system;
    this.#base = base;
    system.files.writeFileSync(`${base}.c`, source, { mode: 0o600, flag: 'wx' });
    const script = '"$@" 2> "$0.log" && mv "$0.so" "$0.ok" || mv "$0.log" "$0.bad"';
    const command = [compiler.path, ...compiler.flags, `${base}.c`, '-o', `${base}.so`, '-lm', '-lpthread', '-ldl'];
    const child = system.processes.spawn('/bin/sh', ['-c', script, base, ...command], { stdio: 'ignore' });
    child.unref();
    child.on('error', () => (this.#ended = true));
    child.on('exit', () => (this.#ended = true));
  }

  /** The library's bytes when it is done, an error's text when it failed, undefined while it runs. */
  poll(): Uint8Array | string | undefined {
    const { files } = this.#system;
    const ended = this.#ended || performance.now() > this.#deadline; // before looking: the file may come in between
    if (files.existsSync(`${this.#base}.ok`)) return this.#finish(files.readFileSync(`${this.#base}.ok`));
    if (files.existsSync(`${this.#base}.bad`)) return this.#finish(files.readFileSync(`${this.#base}.bad`, 'utf8'));
    return ended ? this.#finish('the compiler was stopped') : undefined;
  }

  #finish<T>(result: T): T {
    for (const end of ['c', 'so', 'ok', 'log', 'bad']) this.#system.files.rmSync(`${this.#base}.${end}`, { force: true }); // prettier-ignore
    return result;
  }
}
