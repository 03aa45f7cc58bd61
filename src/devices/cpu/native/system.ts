/**
 * The few parts of Node that native kernels use, reached without imports of `node:` modules (see `host.ts`), and typed as
 * far as they are used. Each is loaded when it is first used: a program that never gets as far pays for none.
 */
import type { OwnerHost } from '../../../base/owner.ts';
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
  lstatSync(path: string): FileStatus;
  statSync(path: string): FileStatus;
  mkdirSync(path: string, options: { recursive: true; mode: number }): void;
  mkdtempSync(prefix: string): string;
  readdirSync(path: string): string[];
  readFileSync(path: string): Uint8Array;
  readlinkSync(path: string): string;
  readFileSync(path: string, encoding: 'utf8'): string;
  realpathSync(path: string): string;
  renameSync(from: string, to: string): void;
  rmSync(path: string, options: { recursive?: boolean; force: true }): void;
  utimesSync(path: string, accessed: number, modified: number): void;
  writeFileSync(path: string, data: string | Uint8Array, options: { mode: number; flag: string }): void;
}

interface Child {
  readonly pid?: number | undefined;
  unref(): void;
  on(event: 'error' | 'exit', listener: () => void): void;
}

interface SpawnOptions {
  readonly stdio: 'ignore';
  readonly cwd: string;
  /** In a process group of its own, which can be killed as a whole. */
  readonly detached: true;
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface Processes {
  spawn(command: string, args: readonly string[], options: SpawnOptions): Child;
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
  kill(pid: number, signal: 'SIGKILL' | 0): void;
  once(event: 'exit', listener: () => void): void;
}

interface Paths {
  join(...parts: string[]): string;
  resolve(...parts: string[]): string;
}

interface OperatingSystem {
  homedir(): string;
  hostname(): string;
  tmpdir(): string;
  cpus(): readonly { readonly model: string }[];
}

export interface System {
  readonly process: Process;
  readonly files: Files;
  readonly processes: Processes;
  readonly paths: Paths;
  readonly os: OperatingSystem;
  /** SHA-256. */
  hash(): Hash;
  /** require() of a package, as seen from this package. */
  require(name: string): unknown;
  /** Where such a package is. @throws when it is not installed */
  resolve(name: string): string;
}

interface Require {
  (name: string): unknown;
  resolve(name: string): string;
}

const packages = (): Require => builtin<{ createRequire(from: string): Require }>('module').createRequire(import.meta.url);

/** What is asked about who made a temporary file. */
export const ownerHost = ({ files, process, os, hash }: System): OwnerHost => ({
  pid: process.pid,
  hostname: os.hostname(),
  read: (path) => files.readFileSync(path, 'utf8'),
  readLink: (path) => files.readlinkSync(path),
  probe: (pid) => {
    process.kill(pid, 0);
  },
  digest: (text) => hash().update(text).digest('hex'),
});

/** A built-in module that Node is known to have. */
const builtin = <T>(name: string): T => nodeBuiltin<T>(`node:${name}`)!;

/** Node's parts; undefined elsewhere, and in a Node that does not hand them out. */
export function nodeSystem(): System | undefined {
  if (nodeBuiltin('node:fs') === undefined) return undefined;
  return {
    process: (globalThis as unknown as { process: Process }).process,
    files: builtin<Files>('fs'),
    get processes() {
      return builtin<Processes>('child_process');
    },
    get paths() {
      return builtin<Paths>('path');
    },
    get os() {
      return builtin<OperatingSystem>('os');
    },
    hash: () => builtin<{ createHash(name: string): Hash }>('crypto').createHash('sha256'),
    require: (name) => packages()(name),
    resolve: (name) => packages().resolve(name),
  };
}
