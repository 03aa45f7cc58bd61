/** The files of a published data set, wherever its folder lies: in the root, in a folder of the root, in an archive of either. */
import { oneOf, requireKind } from '../../base/arguments.ts';
import { FormatError } from '../../base/errors.ts';
import type { FileSet } from '../../io/archive/file-set.ts';
import { openFiles, type FileSource } from '../../io/archive/open-files.ts';
import { loadDecoders } from '../../io/image/decode.ts';
import { isLeftBehind } from './passed-over.ts';
import { FileImages } from './source.ts';

/** Files by their names. */
export class SetFiles {
  readonly files: FileSet;
  /** The name of the data set's class, for messages. */
  readonly op: string;
  readonly #rows: ReadonlyMap<string, number>;

  private constructor(op: string, files: FileSet) {
    this.op = op;
    this.files = files;
    this.#rows = new Map(files.names.map((name, row) => [name, row]));
  }

  /**
   * Opens a folder or an archive.
   *
   * @param wanted - which files matter; hidden ones never do
   * @throws ArgumentError when there is nothing at the path
   * @throws FormatError when an archive is damaged
   */
  static async open(op: string, root: FileSource, wanted: RegExp): Promise<SetFiles> {
    const keep = (name: string): boolean => wanted.test(name) && !name.split('/').some(isLeftBehind);
    const enter = (directory: string): boolean => !isLeftBehind(directory.slice(directory.lastIndexOf('/') + 1));
    const [{ files }] = await Promise.all([openFiles(root, { keep, enter }), loadDecoders()]);
    return new SetFiles(op, files);
  }

  get names(): readonly string[] {
    return this.files.names;
  }

  has(name: string): boolean {
    return this.#rows.has(name);
  }

  /**
   * What stands before a file's path in its name, for the least deep such file: '' or a folder with its closing slash.
   * @throws FormatError when there is none
   */
  prefix(path: string): string {
    const [found] = this.names
      .filter((name) => name === path || name.endsWith(`/${path}`))
      .sort((a, b) => a.split('/').length - b.split('/').length);
    if (found === undefined) throw this.missing(path);
    return found.slice(0, found.length - path.length);
  }

  missing(path: string): FormatError {
    return new FormatError(
      `${this.op}: there is no file ${path} in ${JSON.stringify(this.files.name)} or its folders; give the folder of the data set, or set download: true`,
    );
  }

  /** @throws FormatError when there is no such file */
  bytes(name: string): Uint8Array {
    const row = this.#rows.get(name);
    if (row === undefined) throw this.missing(name);
    return this.files.read(row);
  }

  text(name: string): string {
    return new TextDecoder().decode(this.bytes(name));
  }

  /** The lines of a text that are not empty, without blanks around them. */
  lines(name: string): string[] {
    return this.text(name)
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
  }

  /**
   * The images that names stand for.
   * @throws FormatError when one is not there
   */
  images(names: readonly string[], maxPixels?: number): FileImages {
    const rows = names.map((name) => {
      const row = this.#rows.get(name);
      if (row === undefined)
        throw new FormatError(
          `${this.op}: the image ${JSON.stringify(name)} is not in ${JSON.stringify(this.files.name)}; the data set is incomplete, fetch it again`,
        );
      return row;
    });
    return new FileImages(this.files, Int32Array.from(rows), maxPixels === undefined ? {} : { maxPixels });
  }

  damaged(name: string, why: string): FormatError {
    return new FormatError(`${this.op}: ${JSON.stringify(name)}: ${why}; it is damaged, fetch it again`);
  }
}

/** @throws ArgumentError unless an option is one of the values that there are */
export function requireChoice<T extends string>(op: string, name: string, value: T, values: readonly T[]): T {
  requireKind(op, name, value, oneOf(...values));
  return value;
}

/** The class numbers of names, and the names sorted as Python sorts them. */
export const indexOfNames = (names: readonly string[]): ReadonlyMap<string, number> => new Map(names.map((name, index) => [name, index]));
