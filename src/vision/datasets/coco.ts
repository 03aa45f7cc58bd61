/**
 * COCO: photos with boxes and masks, or with captions, in JSON
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.CocoDetection.html and …CocoCaptions.html).
 */
import { BYTES, either, isRecord, kind, OPTIONS, PATH, requireKind } from '../../base/arguments.ts';
import { FormatError } from '../../base/errors.ts';
import { reason } from '../../io/archive/file-set.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import { nodeModule } from '../../io/bytes/platform.ts';
import { readingPath } from '../../io/bytes/read-path.ts';
import type { Image } from '../../io/image/image.ts';
import { ImageTargets, type ImageTargetsOptions } from './image-targets.ts';
import { IMAGE_NAME } from './passed-over.ts';
import { SetFiles } from './set-files.ts';
import type { ImageSource } from './source.ts';

/** What is said of one thing in a photo. */
export interface CocoAnnotation {
  readonly id: number;
  readonly imageId: number;
  readonly categoryId: number;
  /** Left, top, width and height. */
  readonly bbox: readonly [number, number, number, number];
  readonly area: number;
  readonly iscrowd: number;
  /** Polygons as lists of x and y, or a mask by the lengths of its runs. */
  readonly segmentation: readonly (readonly number[])[] | { readonly counts: string | readonly number[]; readonly size: readonly number[] };
}

/** What `annFile` is: the JSON's path (in Node), its bytes, or what it says, parsed. */
export type CocoFile = string | Uint8Array | Readonly<Record<string, unknown>>;

/** Options of {@link CocoDetection.open} and {@link CocoCaptions.open}. */
export type CocoOptions<O, G, T> = Omit<ImageTargetsOptions<Image, O, G, T>, 'download' | 'mirrors' | 'onDownload' | 'signal' | 'fetch'>;

/** Photos with what is said of the things in them. Open them with {@link CocoDetection.open}. */
export class CocoDetection<O = Image, T = readonly CocoAnnotation[]> extends ImageTargets<Image, O, readonly CocoAnnotation[], T> {
  /** The number of each image in the file, in order. */
  readonly ids: readonly number[];
  /** The names of the categories, by their numbers. */
  readonly categories: ReadonlyMap<number, string>;

  private constructor(coco: Coco, options: CocoOptions<O, readonly CocoAnnotation[], T>) {
    requireKind('CocoDetection', 'what was found', coco, FOUND, 'open it with await CocoDetection.open(path, annFile)');
    super('CocoDetection', coco.images, coco.ids.length, (index) => coco.of(index).map(thing), options);
    this.ids = coco.ids;
    this.categories = coco.categories;
  }

  /**
   * Opens a folder or an archive of photos and what is said of them.
   *
   * @throws {@link ArgumentError} when there is nothing at a path
   * @throws {@link FormatError} when the file is no such JSON, or a photo is missing
   */
  static async open<O = Image, T = readonly CocoAnnotation[]>(
    root: FileSource,
    annFile: CocoFile,
    options: CocoOptions<O, readonly CocoAnnotation[], T> = {},
  ): Promise<CocoDetection<O, T>> {
    return new CocoDetection(await readCoco('CocoDetection', root, annFile, options), options);
  }
}

/** Photos with sentences about them. Open them with {@link CocoCaptions.open}. */
export class CocoCaptions<O = Image, T = readonly string[]> extends ImageTargets<Image, O, readonly string[], T> {
  /** The number of each image in the file, in order. */
  readonly ids: readonly number[];

  private constructor(coco: Coco, options: CocoOptions<O, readonly string[], T>) {
    requireKind('CocoCaptions', 'what was found', coco, FOUND, 'open it with await CocoCaptions.open(path, annFile)');
    super('CocoCaptions', coco.images, coco.ids.length, (index) => coco.of(index).map(({ caption }) => String(caption)), options);
    this.ids = coco.ids;
  }

  /**
   * Opens a folder or an archive of photos and the captions.
   *
   * @throws {@link ArgumentError} when there is nothing at a path
   * @throws {@link FormatError} when the file is no such JSON, or a photo is missing
   */
  static async open<O = Image, T = readonly string[]>(
    root: FileSource,
    annFile: CocoFile,
    options: CocoOptions<O, readonly string[], T> = {},
  ): Promise<CocoCaptions<O, T>> {
    return new CocoCaptions(await readCoco('CocoCaptions', root, annFile, options), options);
  }
}

type Json = Readonly<Record<string, unknown>>;

interface Coco {
  readonly images: ImageSource;
  readonly ids: readonly number[];
  readonly categories: ReadonlyMap<number, string>;
  of(index: number): readonly Json[];
}

const FOUND = kind('what open has read', (value) => isRecord(value) && Array.isArray(value['ids']));
const FILE = either(PATH, BYTES, kind('an object', isRecord));

async function readCoco(op: string, root: FileSource, file: CocoFile, options: CocoOptions<unknown, never, unknown>): Promise<Coco> {
  requireKind(`${op}.open`, 'options', options, OPTIONS);
  const what = parsed(op, file);
  const list = (name: string): readonly Json[] => {
    const value = what[name];
    if (Array.isArray(value) && value.every(isRecord)) return value;
    throw new FormatError(`${op}: the annotations have no list ${name}; they are of another kind, or damaged`);
  };
  const photos = [...list('images')].sort((a, b) => Number(a['id']) - Number(b['id']));
  const ids = photos.map(({ id }) => Number(id));
  const byImage = new Map<number, Json[]>(ids.map((id) => [id, []]));
  for (const annotation of list('annotations')) byImage.get(Number(annotation['image_id']))?.push(annotation);
  const categories = 'categories' in what ? list('categories') : [];
  const set = await SetFiles.open(op, root, IMAGE_NAME);
  const images = set.images(
    photos.map((photo) => String(photo['file_name'])),
    options.maxPixels,
  );
  return {
    images,
    ids,
    categories: new Map(categories.map(({ id, name }) => [Number(id), String(name)])),
    of: (index) => byImage.get(ids[index]!)!,
  };
}

function parsed(op: string, file: CocoFile): Json {
  requireKind(op, 'annFile', file, FILE, 'pass a path, the bytes of a file, or what is in it');
  if (isRecord(file) && !(file instanceof Uint8Array)) return file;
  let text: string;
  if (typeof file === 'string') {
    text = readingPath(op, file, () => nodeModule('fs', op, 'pass the bytes of the annotations').readFileSync(file, 'utf8'));
  } else {
    text = new TextDecoder().decode(file);
  }
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch (cause) {
    throw new FormatError(`${op}: the annotations are no JSON: ${reason(cause)}`, { cause });
  }
  throw new FormatError(`${op}: the annotations are no JSON object`);
}

/** Names as this library writes them. */
const thing = (json: Json): CocoAnnotation =>
  Object.fromEntries(
    Object.entries(json).map(([name, value]) => [name === 'image_id' ? 'imageId' : name === 'category_id' ? 'categoryId' : name, value]),
  ) as unknown as CocoAnnotation;
