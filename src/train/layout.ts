/**
 * What the folders of a set of images are: classes, or parts (`train`, `test`) that hold classes, perhaps wrapped in a folder or two. It goes
 * by names alone, before any image is read.
 */
import { FormatError } from '../base/errors.ts';
import { joined, type FolderTree } from '../vision/datasets/folder-tree.ts';

/** The parts that data may come in; `all` where there are none. */
export type SplitName = 'train' | 'valid' | 'test' | 'all';

/** Where the images are. */
export interface Layout {
  /** The folder that holds the class folders, for each part; '' is the root. */
  readonly parts: ReadonlyMap<SplitName, string>;
  /** Where images lie without class folders, for each part: only a table of labels can say what they are. */
  readonly flat: ReadonlyMap<SplitName, string>;
  /** What was passed over, for people. */
  readonly notes: readonly string[];
}

/** Words before and after the name of a part: `seg_train`, `training_set`, `train2017`, `images-val`. */
const [BEFORE, AFTER] = [
  '(?:(?:seg|data|dataset|images?|imgs?|photos?)[ _-]?)?',
  '(?:[ _-]?(?:set|data|dataset|images?|imgs?|photos?|folder|split|\\d+))?',
];
const named = (words: string): RegExp => new RegExp(`^${BEFORE}(?:${words})${AFTER}$`, 'i');
const PARTS: readonly (readonly [Exclude<SplitName, 'all'>, RegExp])[] = [
  ['train', named('train|training|trn')],
  ['valid', named('val|valid|validation|dev')],
  ['test', named('test|testing|tst')],
];
/** Data for evaluation, whichever of the two it is. */
const EVALUATION = named('eval|evaluation');

/** The part that a folder's name means. */
export const splitOf = (folder: string): Exclude<SplitName, 'all'> | undefined =>
  PARTS.find(([, name]) => name.test(folder))?.[0] ?? (EVALUATION.test(folder) ? 'valid' : undefined);

/** Folders within folders that are gone into. */
const DEEPEST = 8;

/**
 * Finds the parts.
 *
 * @param tree - the images by their folders
 * @param label - what messages call the data
 * @throws FormatError when two folders are the same part
 */
export function layoutOf(tree: FolderTree, label: string): Layout {
  const base = unwrapped(tree, '', (child) => splitOf(child) !== undefined);
  const notes: string[] = [];
  if (base !== '') notes.push(`the images are in its folder ${JSON.stringify(base)}`);
  const children = tree.children(base);
  const withImages = filledChildren(tree, base);
  // Where there are no images at all, opening the folders says so.
  const filled = withImages.length === 0 && tree.files.get(base)!.length === 0 ? children : withImages;
  const parts = partsOf(filled, label);
  if (parts.size > 0)
    for (const name of children.filter((child) => splitOf(child) !== undefined && !filled.includes(child)))
      notes.push(`the part ${JSON.stringify(name)} has no images, so it is passed over`);
  // One folder named like a part among others is a class as any other (`bus`, `train`, `tram`).
  if (parts.size === 0 || (parts.size !== filled.length && parts.size < 2)) return wholeLayout(tree, base, filled, notes);
  const strangers = filled.filter((name) => ![...parts.values()].includes(name));
  if (strangers.length > 0)
    notes.push(
      `${listed(strangers)} ${strangers.length === 1 ? 'is' : 'are'} passed over: beside the parts ${listed([...parts.values()])}, not in them`,
    );
  return partLayout(tree, base, parts, notes);
}

/** Names of folders in a folder that have images in them or below. */
const filledChildren = (tree: FolderTree, folder: string): string[] =>
  tree.children(folder).filter((child) => tree.count(joined(folder, child)) > 0);

/** Goes into folders that hold nothing but one folder, which itself holds folders of images. */
function unwrapped(tree: FolderTree, folder: string, stop: (child: string) => boolean): string {
  let at = folder;
  for (let depth = 0; depth < DEEPEST; depth++) {
    const [only, ...more] = filledChildren(tree, at);
    if (only === undefined || more.length > 0 || tree.files.get(at)!.length > 0 || stop(only)) return at;
    if (filledChildren(tree, joined(at, only)).length === 0) return at;
    at = joined(at, only);
  }
  return at;
}

/** The folder of each part, by names. */
function partsOf(folders: readonly string[], label: string): Map<SplitName, string> {
  const parts = new Map<SplitName, string>();
  for (const folder of [...folders].sort((a, b) => Number(EVALUATION.test(a)) - Number(EVALUATION.test(b)))) {
    const meant = splitOf(folder);
    if (meant === undefined) continue;
    // What is called evaluation is what there is no other folder for.
    const split = EVALUATION.test(folder) && parts.has('valid') ? 'test' : meant;
    const other = parts.get(split);
    if (other !== undefined)
      throw new FormatError(
        `${label}: the folders ${listed([other, folder])} are both the part '${split}' by their names; join them, or give one of them`,
      );
    parts.set(split, folder);
  }
  return parts;
}

/** Data without parts: folders are classes, or there are none. */
function wholeLayout(tree: FolderTree, base: string, filled: readonly string[], notes: string[]): Layout {
  const loose = tree.files.get(base)!.length;
  if (filled.length === 0) return { parts: new Map(), flat: loose > 0 ? new Map([['all', base]]) : new Map(), notes };
  const [only] = filled;
  // One folder of images beside nothing else, or beside files: no classes, unless a table says so.
  const isFlat = filled.length === 1 && loose === 0 && filledChildren(tree, joined(base, only!)).length === 0;
  if (loose > 0) notes.push(`${imagesThat(loose)} beside the class folders ${areOrIs(loose)} passed over`);
  return {
    parts: new Map([['all', base]]),
    flat: isFlat ? new Map([['all', joined(base, only!)]]) : new Map(),
    notes,
  };
}

/** Parts: each with classes, or without. */
function partLayout(tree: FolderTree, base: string, folders: ReadonlyMap<SplitName, string>, notes: string[]): Layout {
  const parts = new Map<SplitName, string>();
  const flat = new Map<SplitName, string>();
  const classes = new Set([...tree.classes(unwrapped(tree, joined(base, folders.get('train') ?? ''), () => false)).keys()]);
  for (const [split, folder] of folders) {
    const path = joined(base, folder);
    const inner = unwrapped(tree, path, (child) => classes.has(child.normalize('NFC')));
    const names = filledChildren(tree, inner);
    const unknown = names.length === 1 && split !== 'train' && !classes.has(names[0]!.normalize('NFC'));
    if ((names.length === 0 && tree.files.get(inner)!.length > 0) || unknown) {
      flat.set(split, names.length === 0 ? inner : joined(inner, names[0]!));
      continue;
    }
    parts.set(split, inner);
    const loose = tree.files.get(inner)!.length;
    if (loose > 0) notes.push(`${imagesThat(loose)} in ${JSON.stringify(inner)} beside its class folders ${areOrIs(loose)} passed over`);
  }
  return { parts, flat, notes };
}

const imagesThat = (count: number): string => (count === 1 ? '1 image' : `${count} images`);
const areOrIs = (count: number): string => (count === 1 ? 'is' : 'are');

const listed = (names: readonly string[]): string => names.map((name) => JSON.stringify(name)).join(', ');
