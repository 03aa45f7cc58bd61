/**
 * Folders of files of any kind, one for each class
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.DatasetFolder.html).
 */
import { ARRAY, BOOL, either, FUNCTION, OPTIONS, requireKind, TEXT, arrayOf } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { requireIndex, type Dataset, type MaybePromise } from '../../data/dataset.ts';
import { statusOf, type FileSource } from '../../io/archive/open-files.ts';
import type { FileSet } from '../../io/archive/file-set.ts';
import { findSamples, type FolderPlace, type FolderSample, type FolderSamples } from './find-samples.ts';
import type { PassedOver } from './passed-over.ts';

/**
 * Makes a sample of a file.
 *
 * @param path - the path on disk; within an archive, the file's name there
 * @param read - gives the file's bytes, wherever it lies
 */
export type FileLoader<S> = (path: string, read: () => Uint8Array) => S;

/** Which files are samples: by the endings of their names, or by a function of the path; one of the two. */
export interface FileChoice {
  /** Endings such as `'.npy'`, in lower case; names in upper case match too. */
  readonly extensions?: string | readonly string[];
  /** Whether the file at a path is a sample. */
  readonly isValidFile?: (path: string) => boolean;
}

/** Options of {@link DatasetFolder.open}. */
export interface DatasetFolderOptions<S, O, T> extends FolderPlace, FileChoice {
  readonly loader: FileLoader<S | Promise<S>>;
  /** From what the loader gives to the sample, default none. */
  readonly transform?: (sample: S) => O;
  /** From the class to the target, default none. */
  readonly targetTransform?: (target: number) => T;
}

/** From a name to the path that loaders and `isValidFile` get: that on disk for a folder, the name for an archive. */
export const pathsOf = (root: FileSource): ((name: string) => string) =>
  typeof root === 'string' && statusOf(root).isDirectory() ? (name) => `${root}/${name}` : (name) => name;

/**
 * A function that says whether a name is wanted.
 * @throws ArgumentError unless just one of the two ways is given
 */
export function choiceOf(operation: string, root: FileSource, choice: FileChoice): (name: string) => boolean {
  const { extensions, isValidFile } = choice;
  if ((extensions === undefined) === (isValidFile === undefined)) {
    throw new ArgumentError(
      `${operation}: expected either extensions or isValidFile, but got ${extensions === undefined ? 'neither' : 'both'}; write { extensions: ['.npy'] }`,
    );
  }
  if (isValidFile !== undefined) {
    requireKind(operation, 'isValidFile', isValidFile, FUNCTION);
    const pathOf = pathsOf(root);
    return (name) => isValidFile(pathOf(name));
  }
  requireKind(operation, 'extensions', extensions, either(TEXT, arrayOf(TEXT, 'strings')), "write ['.npy']");
  const endings = typeof extensions === 'string' ? [extensions] : extensions!;
  return (name) => endings.some((ending) => name.toLowerCase().endsWith(ending.toLowerCase()));
}

/**
 * Files in one folder for each class, read by a function of yours. Open one with {@link DatasetFolder.open}; samples are
 * `[transform(loader(path)), targetTransform(class)]`.
 */
export class DatasetFolder<S = unknown, O = S, T = number> implements Dataset<readonly [O, T]> {
  /** Names of the classes; a sample's class is an index into them. */
  readonly classes: readonly string[];
  /** Path within the root and class of each sample. */
  readonly samples: readonly FolderSample[];
  /** The class of each sample. */
  readonly targets: readonly number[];
  /** What was no sample. */
  readonly passedOver: PassedOver;
  readonly #files: FileSet;
  readonly #rows: Int32Array;
  readonly #pathOf: (name: string) => string;
  readonly #options: DatasetFolderOptions<S, O, T>;

  private constructor(root: FileSource, found: FolderSamples, options: DatasetFolderOptions<S, O, T>) {
    const { samples } = Object(found) as Partial<FolderSamples>; // of whoever calls the constructor without a type check
    requireKind('DatasetFolder', 'the samples', samples, ARRAY, 'open them with await DatasetFolder.open(path, …)');
    this.classes = found.classes;
    this.samples = found.samples;
    this.targets = found.samples.map(([, target]) => target);
    this.passedOver = found.passedOver;
    this.#files = found.files;
    this.#rows = found.rows;
    this.#pathOf = pathsOf(root);
    this.#options = options;
  }

  /**
   * Opens a folder, or an archive of one. Hidden files and folders are passed over.
   *
   * @param root - a path (in Node), or a `File`, `Blob` or the bytes of an archive
   * @throws ArgumentError when there is nothing at the path, or not just one of `extensions` and `isValidFile`
   * @throws FormatError when there are no classes, a class has no samples and `allowEmpty` is not set, or an archive is damaged
   * @example
   * ```ts
   * import { DatasetFolder } from 'flambeau/vision';
   *
   * const missing = DatasetFolder.open('no/such/folder', { extensions: '.txt', loader: (_path, read) => read().length });
   * await missing.catch((error: unknown) => console.log((error as Error).name)); // ArgumentError
   * ```
   */
  static async open<S, O = S, T = number>(root: FileSource, options: DatasetFolderOptions<S, O, T>): Promise<DatasetFolder<S, O, T>> {
    const op = 'DatasetFolder.open';
    requireKind(op, 'the options', options, OPTIONS, "write { loader: (path, read) => read(), extensions: ['.bin'] }");
    requireKind(op, 'loader', options.loader, FUNCTION, 'write loader: (path, read) => read()');
    for (const name of ['transform', 'targetTransform'] as const)
      if (options[name] !== undefined) requireKind(op, name, options[name], FUNCTION);
    if (options.allowEmpty !== undefined) requireKind(op, 'allowEmpty', options.allowEmpty, BOOL);
    const words = { operation: 'DatasetFolder', samples: 'files', remedy: 'add files' };
    return new DatasetFolder(root, await findSamples(root, options, choiceOf(op, root, options), words), options);
  }

  get length(): number {
    return this.samples.length;
  }

  /** The index of each class by its name. */
  get classToIdx(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.classes.map((name, index) => [name, index]));
  }

  /** @throws IndexError if there is no such sample; what the loader throws */
  get(index: number): MaybePromise<readonly [O, T]> {
    const row = this.#rows[requireIndex('DatasetFolder', index, this.length)]!;
    const { loader, transform, targetTransform } = this.#options;
    const [name, label] = this.samples[index]!;
    const target = (targetTransform === undefined ? label : targetTransform(label)) as T;
    const finish = (sample: S): readonly [O, T] => [(transform === undefined ? sample : transform(sample)) as O, target];
    const sample = loader(this.#pathOf(name), () => this.#files.read(row));
    return sample instanceof Promise ? sample.then(finish) : finish(sample);
  }
}
