/** Which classes files go into, by the folders they lie in. */
import { LONGEST_NAME, tidyName } from './collection.ts';

export interface FoundFile<F> {
  /** With folders, such as `animals/cat/1.jpg`. */
  readonly path: string;
  readonly file: F;
}

export interface SortedFile<F> {
  readonly className: string;
  /** The file's own name. */
  readonly name: string;
  readonly file: F;
}

const partsOf = (path: string): string[] => path.split(/[\\/]/).filter((part) => part !== '' && part !== '.');
/** What systems and programs leave in folders, which nobody means to add. */
const isHidden = (parts: readonly string[]): boolean =>
  parts.some((part) => part.startsWith('.') || part === '__MACOSX' || /^(thumbs\.db|desktop\.ini)$/i.test(part));

/**
 * Sorts files into classes by the folder next to them: `cat/1.jpg` and `animals/cat/1.jpg` are of the class `cat`.
 *
 * @param into - the class that all of them go into, whatever their folders
 * @param loose - the class of files that lie in no folder
 */
export function sortFiles<F>(found: readonly FoundFile<F>[], into: string | undefined, loose = 'pictures'): readonly SortedFile<F>[] {
  return found
    .map(({ path, file }) => ({ path, key: keyOf(path), parts: partsOf(path), file }))
    .filter(({ parts }) => parts.length > 0 && !isHidden(parts))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : order.compare(a.path, b.path)))
    .map(({ parts, file }) => ({
      className: into ?? (tidyName(parts.at(-2) ?? '').slice(0, LONGEST_NAME) || loose),
      name: parts.at(-1)!,
      file,
    }));
}

/** By which thousands of files are sorted in a moment: 2.jpg before 10.jpg, letters with accents beside those without. */
const keyOf = (path: string): string =>
  path
    .normalize('NFD')
    .toLowerCase()
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/\d+/g, (digits) => digits.padStart(12, '0'));
/** For those whose keys are alike. */
const order = new Intl.Collator('en', { numeric: true });
