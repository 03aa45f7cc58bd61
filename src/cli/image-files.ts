/** The images that a command line names: files, folders, archives and patterns, in the order in which they were given. */
import { readFileSync, statSync } from 'node:fs';
import { ArgumentError, FlambeauError } from '../base/errors.ts';
import { reason, type FileSet } from '../io/archive/file-set.ts';
import { systemPath } from '../io/archive/file-names.ts';
import { openFolder } from '../io/archive/folder.ts';
import { openArchive } from '../io/archive/archive.ts';
import { IMAGE_NAME, PassingOver } from '../vision/datasets/passed-over.ts';
import { isPattern, parseGlob } from './glob.ts';

/** An image file, not read yet. */
export interface ImageFile {
  /** What people call it. */
  readonly name: string;
  /** @throws FlambeauError when it cannot be read, or there is none: then the name is what was asked for */
  readonly read: () => Uint8Array;
}

const ARCHIVE_NAME = /\.(zip|tar|tgz|tbz2?|tzst|tar\.\w{2,4})$/i;

/** Finds all images. What is not there becomes an entry that says so when it is read, so that the others have their turn. */
export async function imageFiles(names: readonly string[]): Promise<ImageFile[]> {
  const found: ImageFile[] = [];
  for (const name of names) {
    try {
      found.push(...(await namedBy(name)));
    } catch (error) {
      if (!(error instanceof FlambeauError)) throw error;
      found.push({ name, read: () => fail(error) });
    }
  }
  return found;
}

function fail(error: unknown): never {
  throw error;
}

async function namedBy(name: string): Promise<readonly ImageFile[]> {
  const path = name.length > 1 ? name.replace(/\/+$/, '') : name;
  const there = statSync(systemPath(path), { throwIfNoEntry: false });
  if (there?.isDirectory() === true) return inFolder(path);
  if (there !== undefined) return ARCHIVE_NAME.test(path) ? await inArchive(path) : [{ name, read: () => bytesOf(path) }];
  return isPattern(name) ? byPattern(name) : [{ name, read: () => bytesOf(path) }];
}

function inFolder(path: string): ImageFile[] {
  const passing = new PassingOver();
  const keep = (name: string): boolean => IMAGE_NAME.test(name) && passing.keep(name);
  return requireSome(listed(openFolder(path, { keep, enter: passing.enter }), path), 'this folder holds no images');
}

async function inArchive(path: string): Promise<ImageFile[]> {
  const passing = new PassingOver();
  const keep = (name: string): boolean => IMAGE_NAME.test(name) && passing.keep(name);
  return requireSome(listed(await openArchive(path, { keep }), path), 'this archive holds no images');
}

function byPattern(pattern: string): ImageFile[] {
  const { root, depth, fits } = parseGlob(pattern);
  const passing = new PassingOver();
  const keep = (name: string): boolean => fits(name) && passing.keep(name);
  if (statSync(systemPath(root), { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new ArgumentError(`nothing fits this pattern: there is no folder ${JSON.stringify(root)}`);
  const files = listed(openFolder(root, { keep, enter: passing.enter, maxDepth: depth }), pattern.startsWith(root) ? root : '');
  const images = files.filter(({ name }) => IMAGE_NAME.test(name));
  return requireSome(images.length > 0 ? images : files, 'nothing fits this pattern');
}

const requireSome = (files: ImageFile[], otherwise: string): ImageFile[] => (files.length > 0 ? files : fail(new ArgumentError(otherwise)));

/** In the order of their names, in which 10 comes after 9. */
function listed(files: FileSet, prefix: string): ImageFile[] {
  const order = new Intl.Collator('en', { numeric: true });
  const path = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  return files.names
    .map((name, index) => ({ name: `${path}${name}`, read: () => files.read(index) }))
    .sort((a, b) => order.compare(a.name, b.name));
}

function bytesOf(path: string): Uint8Array {
  try {
    return readFileSync(systemPath(path));
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new ArgumentError(missing ? 'there is no such file' : reason(cause), { cause });
  }
}
