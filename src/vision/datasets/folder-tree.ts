/** A set of files as a tree of folders, sorted as Python sorts. Nothing here knows how the files are read. */

/** The files that matter, by the folder they lie in. */
export class FolderTree {
  /** Indices into the names, for each folder; folders without any are here too. '' is the root. */
  readonly files = new Map<string, number[]>([['', []]]);
  readonly #children = new Map<string, Set<string>>();

  /** @param wanted - which names count; the others leave only their folders */
  constructor(names: readonly string[], directories: readonly string[], wanted: (name: string) => boolean) {
    for (const directory of directories) this.#add(directory);
    names.forEach((name, index) => {
      if (wanted(name)) this.#add(parentOf(name)).push(index);
    });
  }

  /** Names of the folders in a folder, sorted. */
  children(folder: string): string[] {
    return [...(this.#children.get(folder) ?? [])].sort(byCodePoint);
  }

  /** A folder and all below it. */
  below(folder: string): string[] {
    return [folder, ...this.children(folder).flatMap((child) => this.below(joined(folder, child)))];
  }

  /** How many files lie in a folder and all below it. */
  count(folder: string): number {
    return this.below(folder).reduce((sum, each) => sum + this.files.get(each)!.length, 0);
  }

  /**
   * The folders in a folder as classes. Names that look the same are one class: `é` is one character on some systems and two on others, and
   * archives that went from one to the other may hold both.
   */
  classes(folder: string): ReadonlyMap<string, readonly string[]> {
    const found = new Map<string, string[]>();
    for (const child of this.children(folder)) {
      const name = child.normalize('NFC');
      found.set(name, [...(found.get(name) ?? []), joined(folder, child)]);
    }
    return new Map([...found].sort(([a], [b]) => byCodePoint(a, b)));
  }

  #add(folder: string): number[] {
    const known = this.files.get(folder);
    if (known !== undefined) return known;
    const files: number[] = [];
    this.files.set(folder, files);
    const parent = parentOf(folder);
    this.#add(parent);
    const siblings = this.#children.get(parent) ?? new Set();
    this.#children.set(parent, siblings.add(folder.slice(folder.lastIndexOf('/') + 1)));
    return files;
  }
}

const parentOf = (name: string): string => name.slice(0, Math.max(name.lastIndexOf('/'), 0));

/** The path of something in a folder. */
export const joined = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`);

/** As Python sorts strings: by code points, where JavaScript goes by UTF-16 units. */
export function byCodePoint(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return weight(x, a, i) - weight(y, b, i);
  }
  return a.length - b.length;
}

/** Halves of a character stand for code points above all that are one unit; a second half alone is one itself. */
function weight(unit: number, text: string, at: number): number {
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  const before = at === 0 ? 0 : text.charCodeAt(at - 1);
  return unit >= 0xdc00 && (before < 0xd800 || before >= 0xdc00) ? unit : unit + 0x10000;
}
