/** Finds the samples of a folder, one folder of files for each class: what DatasetFolder and ImageFolder have in common. */
import { FormatError } from '../../base/errors.ts';
import type { FileSet, ReadLimits } from '../../io/archive/file-set.ts';
import { openFiles, type FileSource } from '../../io/archive/open-files.ts';
import { byCodePoint, FolderTree, joined } from './folder-tree.ts';
import { PassingOver, type PassedOver } from './passed-over.ts';

/** Where a file lies and its class. */
export type FolderSample = readonly [path: string, target: number];

/** Where samples are looked for. */
export interface FolderPlace extends ReadLimits {
  /** Folder of the root that holds the classes, such as `'train'` or `'data/test'`; default: the root holds them. */
  readonly split?: string;
  /** Whether a class may have no samples; otherwise that is an error. Default false. */
  readonly allowEmpty?: boolean;
}

/** What was found. */
export interface FolderSamples {
  readonly files: FileSet;
  readonly samples: readonly FolderSample[];
  /** The file of each sample. */
  readonly rows: Int32Array;
  readonly classes: readonly string[];
  readonly passedOver: PassedOver;
}

/** What messages say. */
export interface SampleWords {
  /** The class that was asked for it. */
  readonly operation: string;
  /** What samples are, such as `images`. */
  readonly samples: string;
  /** What to do about a class without any. */
  readonly remedy: string;
}

/**
 * Opens a folder or an archive and lists its samples, sorted as in torchvision. An archive's single outermost folder is passed over.
 *
 * @param wanted - whether a file is a sample, by its name within the root
 * @throws ArgumentError when there is nothing at the path
 * @throws FormatError when there are no classes, one has no samples, or there is no such split
 */
export async function findSamples(
  root: FileSource,
  place: FolderPlace,
  wanted: (name: string) => boolean,
  words: SampleWords,
): Promise<FolderSamples> {
  const { split, allowEmpty = false } = place;
  const passing = new PassingOver();
  const keep = (name: string): boolean => {
    if (split !== undefined && !`/${name}`.includes(`/${split}/`)) return false;
    if (!passing.keep(name)) return false;
    const isWanted = wanted(name);
    if (!isWanted) passing.other(name);
    return isWanted;
  };
  const { files, isArchive } = await openFiles(root, { ...place, keep, enter: passing.enter });
  const tree = new FolderTree(files.names, files.directories.filter(new PassingOver().enter), () => true);
  const label = JSON.stringify(files.name);
  const base = findBase(tree, split, isArchive, words.operation, label);
  const where = base === '' ? label : `${label}, folder ${JSON.stringify(base)}`;
  return { files, ...collect(tree, files.names, base, allowEmpty, where, words), passedOver: passing.result() };
}

/** The folder that holds the classes. */
function findBase(tree: FolderTree, split: string | undefined, isArchive: boolean, op: string, label: string): string {
  const has = (folder: string): boolean => tree.files.has(folder);
  let base = '';
  const only = tree.children('');
  // An archive is often packed with the folder around it.
  const isWrapper = isArchive && only.length === 1 && tree.files.get('')!.length === 0 && tree.files.get(only[0]!)!.length === 0;
  if (isWrapper && (split === undefined || !has(split)) && tree.children(only[0]!).length > 0) base = only[0]!;
  if (split === undefined) return base;
  if (has(joined(base, split))) return joined(base, split);
  const there = tree.children(base).join(', ');
  throw new FormatError(`${op}: ${label} has no folder ${JSON.stringify(split)}; it has ${there || 'none at all'}`);
}

function collect(
  tree: FolderTree,
  names: readonly string[],
  base: string,
  allowEmpty: boolean,
  where: string,
  words: SampleWords,
): Pick<FolderSamples, 'samples' | 'rows' | 'classes'> {
  const classes = tree.classes(base);
  if (classes.size === 0) {
    throw new FormatError(
      `${words.operation}: there are no class folders in ${where}; expected one folder of ${words.samples} for each class`,
    );
  }
  const samples: FolderSample[] = [];
  const rows: number[] = [];
  const empty: string[] = [];
  [...classes].forEach(([name, folders], target) => {
    const before = rows.length;
    for (const folder of folders.flatMap((each) => tree.below(each)).sort(byCodePoint)) {
      const sorted = tree.files.get(folder)!.map((index) => [names[index]!, index] as const);
      sorted.sort(([a], [b]) => byCodePoint(a, b));
      for (const [path, index] of sorted) {
        samples.push([path, target]);
        rows.push(index);
      }
    }
    if (rows.length === before) empty.push(name);
  });
  if (empty.length > 0 && !allowEmpty) {
    throw new FormatError(
      `${words.operation}: no ${words.samples} for the classes ${empty.join(', ')} in ${where}; ${words.remedy}, remove the folders, or set allowEmpty`,
    );
  }
  return { samples, rows: Int32Array.from(rows), classes: [...classes.keys()] };
}
