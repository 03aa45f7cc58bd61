/**
 * The cache of compiled kernels on disk: files named by what they were made from, that nobody else can have written and
 * that are whole.
 *
 * A file ends with a seal, the SHA-256 of what comes before it, so a file cut short by a full disk or a dying machine is
 * noticed before the dynamic loader sees it; loaders ignore bytes after the last section. Files are written beside and
 * renamed, so any number of processes may share the directory.
 */
import type { System } from './system.ts';

const MAGIC = 'flambeau-sealed1';
const SEAL_BYTES = MAGIC.length + 32;
/** Write permission of group or others. */
const FOREIGN_WRITE = 0o022;

export class KernelCache {
  readonly directory: string;
  readonly #system: System;
  #serial = 0;

  constructor(system: System) {
    this.#system = system;
    this.directory = usableDirectory(system) ?? temporaryDirectory(system);
  }

  /** Where a sealed file of this name lies, if there is a sound one. A damaged one is removed. */
  find(name: string): string | undefined {
    const path = this.#path(name);
    return this.#read(path) === undefined ? undefined : path;
  }

  /** The text of a sealed file. */
  text(name: string): string | undefined {
    const content = this.#read(this.#path(name));
    return content === undefined ? undefined : new TextDecoder().decode(content);
  }

  /** Seals and stores; returns where. */
  store(name: string, content: Uint8Array): string {
    const { files } = this.#system;
    const path = this.#path(name);
    const beside = this.scratchPath(name);
    const sealed = new Uint8Array(content.length + SEAL_BYTES);
    sealed.set(content);
    sealed.set(new TextEncoder().encode(MAGIC), content.length);
    sealed.set(this.#system.hash().update(content).digest(), content.length + MAGIC.length);
    files.writeFileSync(beside, sealed, { mode: 0o600, flag: 'wx' });
    files.renameSync(beside, path);
    return path;
  }

  /** A path for a file of this process alone. */
  scratchPath(name: string): string {
    const { process } = this.#system;
    return this.#path(`${name}.${process.pid}-${(Date.now() % 1e9).toString(36)}-${this.#serial++}`);
  }

  #path(name: string): string {
    return this.#system.join(this.directory, name);
  }

  #read(path: string): Uint8Array | undefined {
    const { files } = this.#system;
    try {
      const status = files.lstatSync(path);
      if (!status.isFile() || !isOurs(this.#system, status)) return undefined;
      const bytes = files.readFileSync(path);
      const content = bytes.subarray(0, Math.max(0, bytes.length - SEAL_BYTES));
      const seal = bytes.subarray(content.length);
      const digest = this.#system.hash().update(content).digest();
      const whole =
        new TextDecoder().decode(seal.subarray(0, MAGIC.length)) === MAGIC &&
        digest.every((byte, i) => byte === seal[MAGIC.length + i]);
      if (whole) return content;
      files.rmSync(path, { force: true });
    } catch {
      // Not there, or not readable: as good as not there.
    }
    return undefined;
  }
}

const isOurs = ({ process }: System, { uid, mode }: { uid: number; mode: number }): boolean =>
  uid === process.getuid?.() && (mode & FOREIGN_WRITE) === 0;

/** FLAMBEAU_CACHE, or flambeau in the user's cache directory; undefined unless it is ours alone to write. */
function usableDirectory(system: System): string | undefined {
  const { env } = system.process;
  const base = env['XDG_CACHE_HOME'];
  const directory = env['FLAMBEAU_CACHE'] || system.join(base?.startsWith('/') ? base : system.join(system.home, '.cache'), 'flambeau'); // prettier-ignore
  try {
    system.files.mkdirSync(directory, { recursive: true, mode: 0o700 });
    const status = system.files.lstatSync(directory);
    if (!status.isDirectory() || !isOurs(system, status)) return undefined;
    system.files.accessSync(directory, 2 /* writable */);
    return directory;
  } catch {
    return undefined; // a read-only home, a file in the way
  }
}

/** Lives as long as the process. */
function temporaryDirectory(system: System): string {
  const directory = system.files.mkdtempSync(system.join(system.temporary, 'flambeau-'));
  system.process.once('exit', () => system.files.rmSync(directory, { recursive: true, force: true }));
  return directory;
}
