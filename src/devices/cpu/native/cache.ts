/**
 * The cache of compiled kernels on disk: files named by what they were made from, that nobody else can have written and
 * that are whole.
 *
 * Kernels are compiled together, so a library (`….so`) holds many, and a small file for each kernel (`….at`) says which
 * one. A file ends with a seal, the SHA-256 of what comes before it, so a file cut short by a full disk or a dying machine
 * is noticed before the dynamic loader sees it; loaders ignore bytes after the last section. Files are written aside and
 * renamed, so any number of processes may share the directory. What was not used for longest is removed when all
 * together grow too large, and so is what a killed process left behind.
 */
import { isGone, ownerTag } from '../../../base/owner.ts';
import { ownerHost, type System } from './system.ts';

const MAGIC = 'flambeau-sealed1';
const SEAL_BYTES = MAGIC.length + 32;
/** Write permission of group or others. */
const FOREIGN_WRITE = 0o022;
/** All files together; a kernel takes some 5 KB. */
const MAX_BYTES = 128 * 2 ** 20;
/** A compile takes a minute at most: what is older was left behind. */
const STALE_MS = 10 * 60_000;
/** Files are marked as used at most this often. */
const MARK_MS = 24 * 3600_000;

export class KernelCache {
  readonly directory: string;
  readonly #system: System;
  /** Libraries found sound by this process. */
  readonly #sound = new Map<string, string>();
  #serial = 0;
  #tag: string | undefined;
  #tidied = false;

  constructor(system: System) {
    this.#system = system;
    this.directory = usableDirectory(system) ?? temporaryDirectory(system);
  }

  /** Where a sealed file of this name lies, if there is a sound one. A damaged one is removed. */
  find(name: string): string | undefined {
    let path = this.#sound.get(name);
    if (path === undefined && this.#read(this.#path(name)) !== undefined) {
      path = this.#path(name);
      this.#sound.set(name, path);
    }
    return path;
  }

  /** The text of a sealed file. */
  text(name: string): string | undefined {
    const content = this.#read(this.#path(name));
    return content === undefined ? undefined : new TextDecoder().decode(content);
  }

  /** Seals and stores; returns where. */
  store(name: string, content: Uint8Array | string): string {
    const { files } = this.#system;
    const path = this.#path(name);
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    const beside = this.#path(`${name}.${this.#ownName()}`);
    const sealed = new Uint8Array(bytes.length + SEAL_BYTES);
    sealed.set(bytes);
    sealed.set(new TextEncoder().encode(MAGIC), bytes.length);
    sealed.set(this.#system.hash().update(bytes).digest(), bytes.length + MAGIC.length);
    files.writeFileSync(beside, sealed, { mode: 0o600, flag: 'wx' });
    files.renameSync(beside, path);
    this.#sound.set(name, path);
    return path;
  }

  /** The library that a kernel is in, if it was ever compiled and is sound. */
  library(kernel: string): string | undefined {
    const name = this.text(`${kernel}.at`);
    return name !== undefined && /^[0-9a-f]+\.so$/.test(name) ? this.find(name) : undefined;
  }

  /** Stores a library, and that these kernels are in it. */
  storeLibrary(kernels: readonly string[], content: Uint8Array): string {
    const name = `${this.#system.hash().update(kernels.join()).digest('hex').slice(0, 40)}.so`;
    const path = this.store(name, content);
    for (const kernel of kernels) this.store(`${kernel}.at`, name);
    if (!this.#tidied) this.tidy();
    return path;
  }

  /** Forgets a library that could not be loaded. */
  remove(path: string): void {
    for (const [name, known] of this.#sound) if (known === path) this.#sound.delete(name);
    this.#system.files.rmSync(path, { force: true });
  }

  /** A new directory for files of this process alone, inside the cache's. */
  scratch(): string {
    const path = this.#path(`tmp.${this.#ownName()}`);
    this.#system.files.mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  }

  /** Removes what was left behind by processes that are gone, and the files not used for longest beyond `maxBytes`. */
  tidy(maxBytes = MAX_BYTES): void {
    this.#tidied = true;
    const { files } = this.#system;
    const kept: { readonly path: string; readonly size: number; readonly mtimeMs: number }[] = [];
    for (const name of files.readdirSync(this.directory)) {
      const path = this.#path(name);
      try {
        const { size, mtimeMs } = files.lstatSync(path);
        if (/^\w+\.(so|at|probe)$/.test(name)) kept.push({ path, size, mtimeMs });
        else if (Date.now() - mtimeMs > STALE_MS || this.#isLeft(name, mtimeMs)) files.rmSync(path, { recursive: true, force: true });
      } catch {
        // Another process was faster.
      }
    }
    let bytes = kept.reduce((sum, { size }) => sum + size, 0);
    kept.sort((a, b) => a.mtimeMs - b.mtimeMs);
    for (const { path, size } of kept) {
      if (bytes <= maxBytes) break;
      this.remove(path);
      bytes -= size;
    }
  }

  /** Whether it is a process's that is gone. */
  #isLeft(name: string, mtimeMs: number): boolean {
    const [, pid, tag] = /^tmp\.(\d{1,10})-([0-9a-f]{8})-/.exec(name) ?? [];
    return pid !== undefined && tag !== undefined && isGone(ownerHost(this.#system), Number(pid), tag, Date.now() - mtimeMs);
  }

  /** Unlike any other process's and any earlier one of this process. */
  #ownName(): string {
    this.#tag ??= ownerTag(ownerHost(this.#system));
    return `${this.#system.process.pid}-${this.#tag}-${(Date.now() % 1e9).toString(36)}-${this.#serial++}`;
  }

  #path(name: string): string {
    return this.#system.paths.join(this.directory, name);
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
        new TextDecoder().decode(seal.subarray(0, MAGIC.length)) === MAGIC && digest.every((byte, i) => byte === seal[MAGIC.length + i]);
      if (!whole) {
        files.rmSync(path, { force: true });
        return undefined;
      }
      const now = Date.now();
      if (now - status.mtimeMs > MARK_MS) files.utimesSync(path, now / 1000, now / 1000);
      return content;
    } catch {
      return undefined; // not there, or not readable: as good as not there
    }
  }
}

const isOurs = ({ process }: System, { uid, mode }: { uid: number; mode: number }): boolean =>
  uid === process.getuid?.() && (mode & FOREIGN_WRITE) === 0;

/** FLAMBEAU_CACHE, or flambeau in the user's cache directory; undefined unless it is ours alone to write. */
function usableDirectory(system: System): string | undefined {
  const { env } = system.process;
  const base = env['XDG_CACHE_HOME'];
  const { join } = system.paths;
  try {
    const directory = env['FLAMBEAU_CACHE'] || join(base?.startsWith('/') ? base : join(system.os.homedir(), '.cache'), 'flambeau');
    system.files.mkdirSync(directory, { recursive: true, mode: 0o700 });
    const status = system.files.lstatSync(directory);
    if (!status.isDirectory() || !isOurs(system, status)) return undefined;
    system.files.accessSync(directory, 2 /* writable */);
    return system.paths.resolve(directory);
  } catch {
    return undefined; // a read-only home, a file in the way
  }
}

/** Lives as long as the process. What killed ones left is removed. */
function temporaryDirectory(system: System): string {
  const { files, paths, process } = system;
  const place = system.os.tmpdir();
  const host = ownerHost(system);
  for (const name of files.readdirSync(place)) {
    const [, pid, tag] = /^flambeau-(\d{1,10})-([0-9a-f]{8})-\w{6}$/.exec(name) ?? [];
    if (pid === undefined || tag === undefined) continue;
    try {
      const left = paths.join(place, name);
      const { uid, mtimeMs } = files.lstatSync(left);
      if (uid === process.getuid?.() && isGone(host, Number(pid), tag, Date.now() - mtimeMs))
        files.rmSync(left, { recursive: true, force: true });
    } catch {
      // Another process was faster.
    }
  }
  const directory = files.mkdtempSync(paths.join(place, `flambeau-${process.pid}-${ownerTag(host)}-`));
  system.process.once('exit', () => system.files.rmSync(directory, { recursive: true, force: true }));
  return directory;
}
