/**
 * The few parts of Node that native kernels use, reached without imports of `node:` modules (see `host.ts`), and typed as
 * far as they are used.
 */
import { nodeBuiltin } from '../host.ts';

export interface FileStatus {
  readonly uid: number;
  readonly mode: number;
  readonly size: number;
  readonly mtimeMs: number;
  isFile(): boolean;
  isDirectory(): boolean;
}

interface Files {
  readonly constants: { readonly X_OK: number };
  accessSync(path: string, mode: number): void;
  existsSync(path: string): boolean;
  linkSync(from: string, to: string): void;
  lstatSync(path: string): FileStatus;
  statSync(path: string): FileStatus;
  mkdirSync(path: string, options: { recursive: true; mode: number }): void;
  mkdtempSync(prefix: string): string;
  readFileSync(path: string): Uint8Array;
  readFileSync(path: string, encoding: 'utf8'): string;
  realpathSync(path: string): string;
  renameSync(from: string, to: string): void;
  rmSync(path: string, options: { recursive?: boolean; force: true }): void;
  writeFileSync(path: string, data: string | Uint8Array, options: { mode: number; flag: string }): void;
}

interface Child {
  unref(): void;
  on(event: 'error' | 'exit', listener: () => void): void;
}

interface Processes {
  spawn(command: string, args: readonly string[], options: { stdio: 'ignore'; cwd?: string }): Child;
  spawnSync(
    command: string,
    args: readonly string[],
    options: { encoding: 'utf8'; timeout: number; input: string; maxBuffer?: number },
  ): { status: number | null; stdout: string };
}

interface Hash {
  update(data: string | Uint8Array): Hash;
  digest(): Uint8Array;
  digest(encoding: 'hex'): string;
}

interface Process {
  readonly pid: number;
  readonly platform: string;
  readonly arch: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stderr: { write(text: string): void };
  getuid?(): number;
  once(event: 'exit', listener: () => void): void;
}

export interface System {
  readonly process: Process;
  readonly files: Files;
  readonly processes: Processes;
  hash(): Hash;
  readonly home: string;
  readonly temporary: string;
  readonly processor: string;
  join(...parts: string[]): string;
  /** require() of a package, as seen from this package. */
  readonly require: (name: string) => unknown;
}

/** Node's parts; undefined elsewhere. */
export function nodeSystem(): System | undefined {
  const files = nodeBuiltin<Files>('node:fs');
  const processes = nodeBuiltin<Processes>('node:child_process');
  const crypto = nodeBuiltin<{ createHash(name: string): Hash }>('node:crypto');
  const path = nodeBuiltin<{ join(...parts: string[]): string }>('node:path');
  const os = nodeBuiltin<{ homedir(): string; tmpdir(): string; cpus(): readonly { model: string }[] }>('node:os');
  const modules = nodeBuiltin<{ createRequire(from: string): (name: string) => unknown }>('node:module');
  if (!files || !processes || !crypto || !path || !os || !modules) return undefined;
  return {
    process: (globalThis as unknown as { process: Process }).process,
    files,
    processes,
    hash: () => crypto.createHash('sha256'),
    home: os.homedir(),
    temporary: os.tmpdir(),
    processor: os.cpus()[0]?.model ?? '',
    join: (...parts) => path.join(...parts),
    require: (name) => modules.createRequire(import.meta.url)(name),
  };
}
