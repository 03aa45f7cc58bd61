/** Images in one folder, with a table that says what they are: how competitions and many laboratories hand out data. */
import { ARRAY, BOOL, OPTIONS, requireKind, TEXT } from '../../base/arguments.ts';
import { FormatError } from '../../base/errors.ts';
import type { FileSet, ReadLimits } from '../../io/archive/file-set.ts';
import { openFiles, type FileSource } from '../../io/archive/open-files.ts';
import { DRAFT, loadDecoders } from '../../io/image/decode.ts';
import type { Image } from '../../io/image/image.ts';
import type { FolderSample } from './find-samples.ts';
import { byCodePoint } from './folder-tree.ts';
import { ImageDataset, type ImageDatasetOptions } from './image-dataset.ts';
import { type Labelled, type LabelRow, labelsOf, MAX_TABLE_BYTES, parseTable, tableText } from './label-table.ts';
import { IMAGE_NAME, PassingOver } from './passed-over.ts';
import { FileImages } from './source.ts';

/** Options of {@link LabelledImages.open}. */
export interface LabelledImagesOptions<O, T = number> extends ImageDatasetOptions<O, T>, ReadLimits {
  /** The table's name within the root; default: the one that names the images there. */
  readonly table?: string;
  /** The folder of the images within the root; default: all of it. */
  readonly folder?: string;
  /** Most pixels of an image, default 178,956,970. */
  readonly maxPixels?: number;
  /** Whether images are turned as the camera was held (Exif); default false, as in torchvision. */
  readonly orientation?: boolean;
  /** A width and a height that are enough: JPEG files are decoded at 1/8 to 1/2 of their size, as {@link decodeImage} says. */
  readonly draft?: readonly [width: number, height: number];
  /** As {@link ImageFolderOptions.reducedScale}. */
  readonly reducedScale?: boolean;
}

const TABLE = /\.(csv|tsv|tab)$/i;
/** Tables to be filled in: their labels mean nothing. */
const FORM = /submission/i;

/** Whether a file may be a table of labels. */
export const isTable = (name: string): boolean => TABLE.test(name) && !FORM.test(name);

/** Images whose classes a table gives. Open them with {@link LabelledImages.open}. */
export class LabelledImages<O = Image, T = number> extends ImageDataset<O, T> {
  /** Path within the root and class of each image, in the table's order. */
  readonly samples: readonly FolderSample[];
  /** The table's name. */
  readonly table: string;
  /** How many images are in no row of the table. */
  readonly unlabelled: number;
  /** What the table calls images that are not there. */
  readonly absent: readonly string[];

  private constructor(source: FileImages, found: Found, options: ImageDatasetOptions<O, T>) {
    const { samples } = Object(found) as Partial<Found>; // of whoever calls the constructor without a type check
    requireKind('LabelledImages', 'the samples', samples, ARRAY, 'open them with await LabelledImages.open(path)');
    super(
      source,
      found.samples.map(([, target]) => target),
      found.classes,
      options,
    );
    this.samples = found.samples;
    this.table = found.table;
    this.unlabelled = found.unlabelled;
    this.absent = found.absent;
  }

  /**
   * Opens a folder or an archive with images and a table (`.csv`, `.tsv`) of their labels: `name,label` with or without a header, or a
   * column of 0 and 1 for each class. Names may leave out the ending. Classes are sorted, as numbers if they are numbers.
   *
   * @param root - a path (in Node), or a `File`, `Blob` or the bytes of an archive
   * @throws ArgumentError when there is nothing at the path
   * @throws {@link FormatError} when there is no table that names the images, an image has two labels, or it cannot be told which column
   * has the labels
   * @example
   * ```ts
   * import { LabelledImages } from 'flambeau/vision';
   *
   * const missing = LabelledImages.open('no/such/folder', { table: 'labels.csv' });
   * await missing.catch((error: unknown) => console.log((error as Error).name)); // ArgumentError
   * ```
   */
  static async open<O = Image, T = number>(root: FileSource, options: LabelledImagesOptions<O, T> = {}): Promise<LabelledImages<O, T>> {
    requireKind('LabelledImages.open', 'the options', options, OPTIONS, "write { table: 'labels.csv' }");
    for (const name of ['table', 'folder'] as const)
      if (options[name] !== undefined) requireKind('LabelledImages.open', name, options[name], TEXT);
    if (options.orientation !== undefined) requireKind('LabelledImages.open', 'orientation', options.orientation, BOOL);
    if (options.reducedScale !== undefined) requireKind('LabelledImages.open', 'reducedScale', options.reducedScale, BOOL);
    if (options.draft !== undefined) requireKind('LabelledImages.open', 'draft', options.draft, DRAFT);
    const passing = new PassingOver();
    const keep = (name: string): boolean => passing.keep(name) && (IMAGE_NAME.test(name) || name === options.table || isTable(name));
    const [{ files }] = await Promise.all([openFiles(root, { ...options, keep, enter: passing.enter }), loadDecoders()]);
    const found = findLabels(files, options.table, options.folder);
    return new LabelledImages(new FileImages(files, found.rows, options), found, options);
  }
}

/** The labels of images, as a data set has them. */
interface Found {
  readonly samples: readonly FolderSample[];
  readonly rows: Int32Array;
  readonly classes: readonly string[];
  readonly table: string;
  readonly unlabelled: number;
  readonly absent: readonly string[];
}

function findLabels(files: FileSet, table: string | undefined, folder: string | undefined): Found {
  const images = new ImageNames(files.names, folder);
  const label = JSON.stringify(files.name);
  const candidates = table === undefined ? files.names.filter(isTable) : [table];
  const read = candidates.flatMap((name) => {
    const rows = readTable(files, name, images);
    return rows === undefined ? [] : [{ name, ...rows }];
  });
  const [best] = read.sort((a, b) => b.rows.length - a.rows.length);
  if (best === undefined || best.rows.length === 0) {
    const tables = candidates.length === 0 ? 'no .csv or .tsv file' : `none of the images in ${candidates.join(', ')}`;
    throw new FormatError(
      `LabelledImages: ${label} has ${images.count} images${folder === undefined ? '' : ` in ${JSON.stringify(folder)}`}, but ${tables}; add a table with the columns name,label`,
    );
  }
  return { ...numbered(best.rows, images, best.name), table: best.name, absent: best.absent };
}

/** The labelled images of a table; undefined if it is about something else. */
function readTable(files: FileSet, name: string, images: ImageNames): Labelled | undefined {
  const at = files.names.indexOf(name);
  if (at === -1) throw new FormatError(`LabelledImages: ${JSON.stringify(files.name)} has no table ${JSON.stringify(name)}`);
  const bytes = files.read(at);
  if (bytes.length > MAX_TABLE_BYTES)
    throw new FormatError(`LabelledImages: ${JSON.stringify(name)} has ${bytes.length} bytes; the limit is ${MAX_TABLE_BYTES}`);
  const labelled = labelsOf(parseTable(tableText(bytes)), name, (cell) => images.find(cell) !== undefined);
  if (labelled === undefined || labelled.absent.length === 0) return labelled;
  const anywhere = new ImageNames(files.names, undefined); // a table may be of several parts
  return { ...labelled, absent: labelled.absent.filter((image) => anywhere.find(image) === undefined) };
}

function numbered(rows: readonly LabelRow[], images: ImageNames, table: string): Omit<Found, 'table' | 'absent'> {
  const labels = new Map<number, string>();
  for (const { image, label } of rows) {
    const row = images.find(image)!;
    const before = labels.get(row);
    if (before !== undefined && before !== label)
      throw new FormatError(
        `${JSON.stringify(table)}: the image ${JSON.stringify(image)} has two labels, ${JSON.stringify(before)} and ${JSON.stringify(label)}`,
      );
    labels.set(row, label);
  }
  const distinct = [...new Set(labels.values())];
  const numeric = distinct.every((label) => /^\d+$/.test(label));
  const classes = distinct.sort(numeric ? (a, b) => Number(a) - Number(b) : byCodePoint);
  const index = new Map(classes.map((name, i) => [name, i]));
  return {
    samples: [...labels].map(([row, label]) => [images.names[row]!, index.get(label)!] as const),
    rows: Int32Array.from(labels.keys()),
    classes,
    unlabelled: images.count - labels.size,
  };
}

/** Finds images by what tables call them: the path within the root or within a folder, or the name alone, with or without its ending. */
class ImageNames {
  readonly names: readonly string[];
  readonly count: number;
  readonly #byName = new Map<string, number>();

  constructor(names: readonly string[], folder?: string) {
    this.names = names;
    const inside = folder === undefined || folder === '' ? '' : `${folder}/`;
    let count = 0;
    names.forEach((name, row) => {
      if (!IMAGE_NAME.test(name) || !name.startsWith(inside)) return;
      count++;
      const parts = name.split('/');
      for (let i = parts.length - 1; i >= 0; i--) this.#note(parts.slice(i).join('/'), row);
    });
    this.count = count;
  }

  /** The row of an image; undefined if there is none, or there are two. */
  find(cell: string): number | undefined {
    const row = this.#byName.get(cell.replaceAll('\\', '/').replace(/^(\.?\/)+/, ''));
    return row === -1 ? undefined : row;
  }

  #note(name: string, row: number): void {
    for (const key of [name, name.replace(/\.[^./]*$/, '')]) {
      const before = this.#byName.get(key);
      this.#byName.set(key, before === undefined || before === row ? row : -1);
    }
  }
}
