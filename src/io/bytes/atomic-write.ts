/**
 * Writes a file whole or not at all, in Node: into a new file beside it, flushed to the disk, then renamed over the old one.
 * POSIX makes the rename atomic (https://pubs.opengroup.org/onlinepubs/9799919799/functions/rename.html), so whoever opens the
 * name, at any time and after any crash, finds the complete old file or the complete new one.
 *
 * When writing fails, the new file is removed again. A process killed in the middle cannot clean up: it leaves a file named
 * `.flambeau-<process id>-<12 digits>.tmp` beside the target, which the next save in that folder removes.
 *
 * A file that cannot be replaced, because it is mounted by itself (as containers do) or its folder is read-only, is written in place,
 * with a warning: that is not safe from crashes.
 */
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { FlambeauError } from '../../base/errors.ts';
import { isGone, ownerTag, type OwnerHost } from '../../base/owner.ts';

/**
 * Replaces the contents of `file` by `data`, or leaves it as it was.
 *
 * As with an ordinary write, a symbolic link keeps pointing where it did and the file behind it changes, an existing file keeps
 * its permissions (and its owner, where the system allows to give that away), and a file or a link's target that does not exist is
 * created. Devices and pipes are written to directly, since they cannot be replaced. Other hard links to the file keep the old
 * contents. A file that cannot be replaced is written in place, with a warning.
 * @param data - the bytes, or pieces of them in order; pieces may be made while writing.
 * @throws FlambeauError when the file cannot be written, with the system's error as `cause`; errors thrown by `data` pass through.
 */
export function writeFileAtomic(file: string, data: Uint8Array | Iterable<Uint8Array>): void {
  const chunks = data instanceof Uint8Array ? [data] : data;
  const step: Step = (run) => explained(file, 'nothing was changed', run);
  const target = step(() => followLinks(file));
  const old = step(() => fs.statSync(target, { throwIfNoEntry: false }));
  if (old === undefined || old.isFile()) replace(file, target, old, chunks);
  else writeDirectly(file, target, chunks);
}

/** Runs one call of the system, and explains its failure. */
type Step = <T>(run: () => T) => T;

/** Where a path finally leads, even when there is no file there yet. */
function followLinks(file: string): string {
  let target = path.resolve(file);
  for (let hops = 0; hops < 40; hops++) {
    const found = fs.lstatSync(target, { throwIfNoEntry: false });
    if (found?.isSymbolicLink() !== true) return target;
    target = path.resolve(path.dirname(target), fs.readlinkSync(target));
  }
  throw new Error('too many levels of symbolic links');
}

function replace(file: string, target: string, old: fs.Stats | undefined, chunks: Iterable<Uint8Array>): void {
  const step: Step = (run) => explained(file, 'nothing was changed', run);
  // Renaming needs no right to write the old file; a file that its owner made read-only shall stay as it is all the same.
  if (old !== undefined) step(() => fs.accessSync(target, fs.constants.W_OK));
  const folder = path.dirname(target);
  tidy(folder);
  const temporary = path.join(folder, `.flambeau-${process.pid}-${ownerTag(HOST)}${randomBytes(2).toString('hex')}.tmp`);
  let descriptor: number;
  try {
    descriptor = fs.openSync(temporary, 'wx', 0o666);
  } catch (error) {
    if (old === undefined || !READ_ONLY.includes(codeOf(error) ?? '')) {
      return step(() => {
        throw error;
      });
    }
    writeInPlace(file, target, chunks, 'its folder is read-only');
    return;
  }
  try {
    try {
      if (old !== undefined) step(() => keepOwnerAndMode(descriptor, old));
      for (const chunk of chunks) step(() => writeAll(descriptor, chunk));
      step(() => fs.fsyncSync(descriptor));
    } finally {
      fs.closeSync(descriptor);
    }
    renameOrCopy(file, temporary, target, old !== undefined);
  } catch (error) {
    explained(file, `the unfinished ${temporary} is left over`, () => fs.rmSync(temporary, { force: true }));
    throw error;
  }
  explained(file, 'the file is written, but might not survive a power cut', () => syncFolder(folder));
}

const READ_ONLY = ['EACCES', 'EPERM', 'EROFS'];

/** Puts the new file in the place of the old one. One that is a mount cannot be replaced: it gets the contents. */
function renameOrCopy(file: string, temporary: string, target: string, exists: boolean): void {
  try {
    fs.renameSync(temporary, target);
  } catch (error) {
    const mounted = exists && ['EBUSY', 'EXDEV'].includes(codeOf(error) ?? '');
    if (!mounted)
      explained(file, 'nothing was changed', () => {
        throw error;
      });
    writeInPlace(file, target, readPieces(temporary), 'it is mounted by itself');
    fs.rmSync(temporary, { force: true });
  }
}

/** Writes over the old contents, and says so: whoever reads meanwhile, or after a crash, finds a part. */
function writeInPlace(file: string, target: string, chunks: Iterable<Uint8Array>, why: string): void {
  console.warn(
    `flambeau: ${JSON.stringify(file)} cannot be replaced, since ${why}; it is written in place, and a crash meanwhile leaves a part`,
  );
  writeDirectly(file, target, chunks);
}

function* readPieces(file: string): Generator<Uint8Array> {
  const descriptor = fs.openSync(file, 'r');
  try {
    const piece = new Uint8Array(2 ** 22);
    for (;;) {
      const length = fs.readSync(descriptor, piece);
      if (length === 0) return;
      yield piece.subarray(0, length);
    }
  } finally {
    fs.closeSync(descriptor);
  }
}

const HOST: OwnerHost = {
  pid: process.pid,
  hostname: os.hostname(),
  read: (file) => fs.readFileSync(file, 'utf8'),
  readLink: (file) => fs.readlinkSync(file),
  probe: (pid) => void process.kill(pid, 0),
  digest: (text) => createHash('sha256').update(text).digest('hex'),
};

/** Folders that this process has tidied: once is enough. */
const tidied = new Set<string>();

/** Removes what killed processes left in a folder. */
function tidy(folder: string): void {
  if (tidied.has(folder)) return;
  if (tidied.size > 1000) tidied.clear();
  tidied.add(folder);
  for (const name of entriesOf(folder)) {
    const [, pid, tag] = /^\.flambeau-(\d{1,10})-([0-9a-f]{8})[0-9a-f]{4}\.tmp$/.exec(name) ?? [];
    if (pid === undefined || tag === undefined) continue;
    try {
      const left = path.join(folder, name);
      const found = fs.lstatSync(left);
      const ours = process.getuid === undefined || found.uid === process.getuid();
      if (ours && found.isFile() && isGone(HOST, Number(pid), tag, Date.now() - found.mtimeMs)) fs.rmSync(left, { force: true });
    } catch {
      // Another process was faster, or it may not be removed: it is in nobody's way.
    }
  }
}

function entriesOf(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    return []; // it cannot be listed; whether it can be written to is found out next
  }
}

function keepOwnerAndMode(descriptor: number, old: fs.Stats): void {
  if (process.platform === 'win32') return;
  const own = fs.fstatSync(descriptor);
  if (own.uid !== old.uid || own.gid !== old.gid) {
    try {
      fs.fchownSync(descriptor, old.uid, old.gid);
    } catch (error) {
      // Only the superuser may give a file away; for others the new file is theirs, as with any editor that renames.
      if (codeOf(error) !== 'EPERM') throw error;
    }
  }
  // After the change of owner, which clears special bits.
  fs.fchmodSync(descriptor, old.mode & 0o7777);
}

function writeAll(descriptor: number, chunk: Uint8Array): void {
  // The system takes at most 2 GB at once, and may take less.
  for (let at = 0; at < chunk.length;) at += fs.writeSync(descriptor, chunk, at, Math.min(chunk.length - at, 2 ** 30));
}

/** Flushes the new name too; without it a power cut could bring the old file back. */
function syncFolder(folder: string): void {
  // Windows can neither open folders nor needs it.
  if (process.platform === 'win32') return;
  const descriptor = fs.openSync(folder, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

function writeDirectly(file: string, target: string, chunks: Iterable<Uint8Array>): void {
  const step: Step = (run) => explained(file, 'a part may have been written', run);
  const descriptor = explained(file, 'nothing was changed', () => fs.openSync(target, 'w'));
  try {
    for (const chunk of chunks) step(() => writeAll(descriptor, chunk));
    if (fs.fstatSync(descriptor).isFile()) step(() => fs.fsyncSync(descriptor));
  } finally {
    fs.closeSync(descriptor);
  }
}

const REMEDY: Readonly<Record<string, string>> = {
  ENOENT: 'the folder does not exist, create it first',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'this is a folder, give the name of a file',
  EACCES: 'this is not permitted, choose another place or change the permissions',
  EPERM: 'this is not permitted, choose another place or change the permissions',
  EROFS: 'the disk is read-only, choose another place',
  ENOSPC: 'the disk is full, make room',
  EDQUOT: 'the disk quota is used up, make room',
};

/** Runs a step and says what its failure means and what it leaves. */
function explained<T>(file: string, outcome: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    const why = REMEDY[codeOf(cause) ?? ''] ?? (cause instanceof Error ? cause.message : String(cause));
    throw new FlambeauError(`writing ${file}: ${why}; ${outcome}`, { cause });
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
