/**
 * Finds out what the DATA of a command line is, and which parts it has: an image folder or an archive of one, images with a table of
 * labels, MNIST's or CIFAR-10's files, or nothing, which means the generated pictures. Only names are looked at, and tables. Node only.
 */
import { readFileSync } from 'node:fs';
import { COUNT, PATH, requireKind, requireOptions, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError, FormatError } from '../base/errors.ts';
import { reason } from '../io/archive/file-set.ts';
import { openFiles, statusOf } from '../io/archive/open-files.ts';
import { FolderTree } from '../vision/datasets/folder-tree.ts';
import { GeneratedShapes, ImageFolder, LabelledImages, MNIST, type ImageDataset } from '../vision/datasets/index.ts';
import { isTable } from '../vision/datasets/labelled-images.ts';
import { IMAGE_NAME, PassingOver } from '../vision/datasets/passed-over.ts';
import { given, knownData, type OpenSplit, type PixelLimit } from './known-data.ts';
import { knownPhotos } from './known-photos.ts';
import { layoutOf, splitOf, type Layout, type SplitName } from './layout.ts';

export type { OpenSplit, PixelLimit } from './known-data.ts';
export type { SplitName } from './layout.ts';

const LIMITS: OptionKinds<PixelLimit> = { maxPixels: COUNT };

/** Data that has been recognised, but not read yet. */
export interface DataSource {
  /** For people: `image folder`, say. */
  readonly kind: string;
  /** The path; empty for generated pictures. */
  readonly place: string;
  /** What mirror images of its classes are: the same class, or nothing (as with digits). */
  readonly mirrors: boolean;
  readonly splits: ReadonlyMap<SplitName, OpenSplit>;
  /** Whether its classes are what is in its folders or tables, and not those of a published set. */
  readonly hasOwnClasses: boolean;
  /** What was passed over, and what else people should know. */
  readonly notes: readonly string[];
}

/**
 * Recognises data.
 *
 * @param path - undefined for generated pictures
 * @param labels - the file of labels that goes with an IDX file of images; found by its name when left out
 * @param limits - how many pixels an image file may have
 * @throws ArgumentError when there is nothing at the path
 * @throws FormatError when it is nothing that can be trained on
 */
export async function openData(path: string | undefined, labels?: string, limits: PixelLimit = {}): Promise<DataSource> {
  requireOptions<PixelLimit>('openData', limits, LIMITS, '{ maxPixels: 200e6 }');
  if (path === undefined) return generated();
  requireKind('openData', 'the path', path, PATH);
  if (labels !== undefined) requireKind('openData', 'the path of the labels', labels, PATH);
  const isFile = !statusOf(path).isDirectory();
  if (isFile && (isIdxName(path) || labels !== undefined)) return idxFiles(path, labels);
  return await recognised(path, await listFiles(path), limits);
}

const generated = (): DataSource => ({
  kind: 'generated shapes',
  place: '',
  mirrors: true,
  hasOwnClasses: false,
  notes: [],
  splits: new Map<SplitName, OpenSplit>([
    ['train', (transform) => Promise.resolve(new GeneratedShapes({ train: true, ...given(transform) }))],
    ['test', (transform) => Promise.resolve(new GeneratedShapes({ train: false, ...given(transform) }))],
  ]),
});

// ---- IDX files by their names

const isIdxName = (path: string): boolean => /idx3-ubyte(\.gz)?$/.test(path);

function idxFiles(images: string, labels: string | undefined): DataSource {
  const path = labels ?? images.replace('images', 'labels').replace('idx3', 'idx1');
  if (path === images)
    throw new ArgumentError(`${JSON.stringify(images)}: the file of its labels cannot be told from its name; give --labels`);
  const all: OpenSplit = async (transform) => await MNIST.fromFiles(bytesOf(images), bytesOf(path), given(transform), images);
  return {
    kind: 'MNIST',
    place: images,
    mirrors: false,
    hasOwnClasses: false,
    notes: [],
    splits: new Map([['all', all]]),
  };
}

function bytesOf(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ArgumentError(`cannot read ${JSON.stringify(path)}: ${reason(cause)}`, { cause });
  }
}

// ---- folders and archives

/** The names of all files, but for hidden ones and what systems leave. */
interface Listing {
  readonly names: readonly string[];
  readonly directories: readonly string[];
  /** How many were hidden, and the first of them. */
  readonly hidden: number;
  readonly examples: readonly string[];
}

async function listFiles(path: string): Promise<Listing> {
  const names: string[] = [];
  const passing = new PassingOver();
  const note = (name: string): boolean => {
    if (passing.keep(name)) names.push(name);
    return false;
  };
  const { files } = await openFiles(path, { keep: note, enter: passing.enter });
  const directories = files.directories.filter(passing.enter);
  return { names, directories, ...passing.result() };
}

/** Decides by the names of files and folders. */
async function recognised(path: string, listing: Listing, limits: PixelLimit): Promise<DataSource> {
  const known = (await knownData(path, listing.names)) ?? knownPhotos(path, listing.names, limits);
  return known === undefined ? await imageFolder(path, listing, limits) : { place: path, hasOwnClasses: false, ...known };
}

/** Images in folders by class, perhaps in parts, or with tables of labels. */
async function imageFolder(path: string, listing: Listing, limits: PixelLimit): Promise<DataSource> {
  const { names, directories } = listing;
  const label = JSON.stringify(path);
  const layout = layoutOf(new FolderTree(names, directories, (name) => IMAGE_NAME.test(name)), label);
  const splits = new Map<SplitName, OpenSplit>();
  for (const [split, folder] of layout.parts)
    splits.set(split, (transform) => ImageFolder.open(path, { allowEmpty: true, orientation: true, reducedScale: true, ...limits, ...(folder === '' ? {} : { split: folder }), ...given(transform) })); // prettier-ignore
  const tables = await tableSplits(path, layout, names.filter(isTable), limits);
  for (const [split, open] of tables.splits) splits.set(split, open);
  // Folders of one class each beside a table are no classes.
  if (tables.splits.size > 0 && !tables.splits.has('all')) splits.delete('all');
  if (splits.size === 0 || (splits.size > 0 && !splits.has('train') && !splits.has('all') && layout.flat.has('train')))
    throw nothingThere(label, layout, names);
  const unlabelled = [...layout.flat.keys()].filter((split) => split !== 'all' && !splits.has(split));
  const notes = [
    ...layout.notes,
    ...unlabelled.map((split) => `the part ${JSON.stringify(layout.flat.get(split)!)} has images but no classes, so it is passed over`),
    ...hiddenNote(listing),
    ...tables.notes,
  ];
  return {
    kind: tables.splits.size > 0 ? 'images with a table of labels' : 'image folder',
    place: path,
    mirrors: true,
    hasOwnClasses: true,
    splits,
    notes,
  };
}

function hiddenNote({ hidden, examples }: Listing): string[] {
  if (hidden === 0) return [];
  const some = examples.map((name) => JSON.stringify(name)).join(', ');
  return [
    `${hidden} hidden ${hidden === 1 ? 'file or folder is' : 'files and folders are'} passed over (${some}${hidden > examples.length ? ', …' : ''})`,
  ];
}

function nothingThere(label: string, layout: Layout, names: readonly string[]): FormatError {
  const flat = [...layout.flat.values()][0];
  const images = names.filter((name) => IMAGE_NAME.test(name)).length;
  const found =
    flat === undefined
      ? `${label} holds no data that is known`
      : `${label} has ${images} images${flat === '' ? '' : ` in ${JSON.stringify(flat)}`}, but nothing says which class they are`;
  return new FormatError(
    `${found}${classesInNames(names)}; expected one folder of images for each class (or train/ and test/ with those), images with a table of labels (name,label in a .csv), MNIST's IDX files, or CIFAR-10's batches`,
  );
}

/** What to do where images are called after their classes: cat.0.jpg, dog.0.jpg. */
function classesInNames(names: readonly string[]): string {
  const images = names.filter((name) => IMAGE_NAME.test(name)).map((name) => name.slice(name.lastIndexOf('/') + 1));
  const counts = new Map<string, number>();
  for (const name of images) {
    const begin = /^(\p{L}[\p{L} _-]*?)[ ._-]*\(?\d/u.exec(name)?.[1];
    if (begin !== undefined) counts.set(begin, (counts.get(begin) ?? 0) + 1);
  }
  const classes = [...counts].filter(([, count]) => count > 1).map(([begin]) => begin);
  const named = classes.reduce((sum, begin) => sum + counts.get(begin)!, 0);
  if (classes.length < 2 || classes.length > 100 || named < 0.9 * images.length) return '';
  const some = `${classes
    .slice(0, 3)
    .map((begin) => JSON.stringify(begin))
    .join(', ')}${classes.length > 3 ? ', …' : ''}`;
  return ` (their names begin with ${some}: if those are the classes, move the images of each into a folder of that name)`;
}

/** Parts whose classes tables give: where images lie without class folders. */
async function tableSplits(
  path: string,
  layout: Layout,
  tables: readonly string[],
  limits: PixelLimit,
): Promise<{ splits: Map<SplitName, OpenSplit>; notes: string[] }> {
  const splits = new Map<SplitName, OpenSplit>();
  const notes: string[] = [];
  if (tables.length === 0) return { splits, notes };
  for (const [part, folder] of layout.flat) {
    const usable: { table: string; images: LabelledImages }[] = [];
    for (const table of tables) {
      const images = await LabelledImages.open(path, { table, folder }).catch((error: unknown) => {
        if (error instanceof FormatError && !error.message.startsWith('LabelledImages:')) throw error;
        return undefined;
      });
      if (images !== undefined) usable.push({ table, images });
    }
    for (const [split, { table, images }] of chosen(part, usable)) {
      splits.set(split, (transform) =>
        LabelledImages.open(path, {
          table,
          folder,
          orientation: true,
          reducedScale: true,
          ...limits,
          ...given(transform),
        }),
      );
      if (images.absent.length > 0) notes.push(absentNote(table, images.absent));
      if (images.unlabelled > 0) notes.push(`${images.unlabelled} images are in no row of ${JSON.stringify(table)}`);
    }
  }
  return { splits, notes };
}

function absentNote(table: string, absent: readonly string[]): string {
  const what = absent.length === 1 ? '1 row' : `${absent.length} rows`;
  const names = absent
    .slice(0, 3)
    .map((name) => JSON.stringify(name))
    .join(', ');
  return `${what} of ${JSON.stringify(table)} ${absent.length === 1 ? 'names an image that is' : 'name images that are'} not there: ${names}${absent.length > 3 ? ', …' : ''}`;
}

/** Which table is for which part: those named like parts where there are several, else the one that names most images. */
function chosen<T extends { readonly table: string; readonly images: ImageDataset }>(
  part: SplitName,
  usable: readonly T[],
): Map<SplitName, T> {
  const byName = new Map<SplitName, T>();
  for (const each of usable) {
    const split = splitOf(each.table.slice(each.table.lastIndexOf('/') + 1).replace(/\.[^.]*$/, ''));
    if (split !== undefined) byName.set(split, each);
  }
  if (part === 'all' && byName.size > 1 && byName.has('train')) return byName;
  const [best] = [...usable].sort((a, b) => b.images.length - a.images.length);
  return best === undefined ? new Map() : new Map([[part, best]]);
}
