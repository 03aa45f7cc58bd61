/**
 * Pascal VOC: photos with boxes around things, or with masks (https://pytorch.org/vision/stable/generated/torchvision.datasets.VOCDetection.html
 * and …VOCSegmentation.html).
 */
import { OPTIONS, requireKind } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import { provide, type Needed } from './download.ts';
import { ImageTargets, maskReader, type ImageTargetsOptions } from './image-targets.ts';
import { requireChoice, SetFiles } from './set-files.ts';
import type { ImageSource } from './source.ts';
import { parseXml, type XmlElement } from './xml.ts';

const YEARS = ['2007', '2008', '2009', '2010', '2011', '2012'] as const;
const SETS = ['train', 'trainval', 'val', 'test'] as const;
const SITE = 'https://thor.robots.ox.ac.uk/pascal/VOC/';

/** Archives as torchvision has them: folder of the site, name, MD5, and where it unpacks to. */
const ARCHIVES: Readonly<Record<string, readonly [string, string, string, string]>> = {
  '2012': ['voc2012', 'VOCtrainval_11-May-2012.tar', '6cd6e144f989b92b3379bac3b3de84fd', 'VOCdevkit/VOC2012'],
  '2011': ['voc2011', 'VOCtrainval_25-May-2011.tar', '6c3384ef61512963050cb5d687e5bf1e', 'TrainVal/VOCdevkit/VOC2011'],
  '2010': ['voc2010', 'VOCtrainval_03-May-2010.tar', 'da459979d0c395079b5c75ee67908abb', 'VOCdevkit/VOC2010'],
  '2009': ['voc2009', 'VOCtrainval_11-May-2009.tar', 'a3e00b113cfcfebf17e343f59da3caa1', 'VOCdevkit/VOC2009'],
  '2008': ['voc2008', 'VOCtrainval_14-Jul-2008.tar', '2629fa636546599198acfcfbfcf1904a', 'VOCdevkit/VOC2008'],
  '2007': ['voc2007', 'VOCtrainval_06-Nov-2007.tar', 'c52e279531787c972589f7e41ab4ae64', 'VOCdevkit/VOC2007'],
  '2007-test': ['voc2007', 'VOCtest_06-Nov-2007.tar', 'b6e924de25625d8de591ea690078ad9f', 'VOCdevkit/VOC2007'],
};

/** Options of {@link VOCDetection.open} and {@link VOCSegmentation.open}. */
export interface VocOptions<O, G, T> extends ImageTargetsOptions<Image, O, G, T> {
  /** Default `'2012'`. */
  readonly year?: (typeof YEARS)[number];
  /** Which list of photos, default `'train'`; `'test'` only for 2007. */
  readonly imageSet?: (typeof SETS)[number];
}

/** An annotation as torchvision gives it: elements by name; what comes several times is a list, and `object` always. */
export interface VocAnnotation {
  readonly annotation: VocNode;
}
/** What an element holds. */
export interface VocNode {
  readonly [name: string]: string | VocNode | readonly (string | VocNode)[];
}

/** Photos with what is said of the things in them. Open them with {@link VOCDetection.open}. */
export class VOCDetection<O = Image, T = VocAnnotation> extends ImageTargets<Image, O, VocAnnotation, T> {
  /**
   * Opens a folder that holds `VOCdevkit/VOC2012` (of the year), or a folder within, or an archive of one.
   *
   * @throws {@link ArgumentError} when there is nothing at the path, or an option has no such value
   * @throws {@link FormatError} when files are missing or damaged, or cannot be fetched
   */
  static async open<O = Image, T = VocAnnotation>(
    root: FileSource,
    options: VocOptions<O, VocAnnotation, T> = {},
  ): Promise<VOCDetection<O, T>> {
    const { set, images, names, prefix } = await readVoc('VOCDetection', 'Main', root, options);
    const target = (index: number): VocAnnotation => {
      const name = `${prefix}Annotations/${names[index]!}.xml`;
      return valueOf(parseXml(set.text(name), name)) as unknown as VocAnnotation;
    };
    return new VOCDetection('VOCDetection', images, names.length, target, options);
  }
}

/** Photos with masks: images of one channel with the number of the class, 255 at edges. Open them with {@link VOCSegmentation.open}. */
export class VOCSegmentation<O = Image, T = Image> extends ImageTargets<Image, O, Image, T> {
  /**
   * Opens a folder that holds `VOCdevkit/VOC2012` (of the year), or a folder within, or an archive of one.
   *
   * @throws {@link ArgumentError} when there is nothing at the path, or an option has no such value
   * @throws {@link FormatError} when files are missing or damaged, or cannot be fetched
   */
  static async open<O = Image, T = Image>(root: FileSource, options: VocOptions<O, Image, T> = {}): Promise<VOCSegmentation<O, T>> {
    const { set, images, names, prefix } = await readVoc('VOCSegmentation', 'Segmentation', root, options);
    const mask = maskReader(
      set,
      names.map((name) => `${prefix}SegmentationClass/${name}.png`),
    );
    return new VOCSegmentation('VOCSegmentation', images, names.length, mask, options);
  }
}

interface Voc {
  readonly set: SetFiles;
  readonly images: ImageSource;
  readonly names: readonly string[];
  readonly prefix: string;
}

async function readVoc<O, G, T>(op: string, lists: 'Main' | 'Segmentation', root: FileSource, options: VocOptions<O, G, T>): Promise<Voc> {
  requireKind(`${op}.open`, 'options', options, OPTIONS);
  const year = requireChoice(`${op}.open`, 'year', options.year ?? '2012', YEARS);
  const imageSet = requireChoice(`${op}.open`, 'imageSet', options.imageSet ?? 'train', SETS);
  if (imageSet === 'test' && year !== '2007') throw new ArgumentError(`${op}.open: only 2007 has the imageSet 'test', not ${year}`);
  await provide(op, root, options, neededFor(year, imageSet));
  const targets = lists === 'Main' ? 'Annotations/.*\\.xml' : 'SegmentationClass/.*\\.png';
  const set = await SetFiles.open(op, root, new RegExp(`(^|/)(ImageSets/${lists}/${imageSet}\\.txt|JPEGImages/.*\\.jpg|${targets})$`));
  const file = `ImageSets/${lists}/${imageSet}.txt`;
  const of = set.names.some((name) => name.includes(`VOC${year}/`)) ? `VOC${year}/` : '';
  const prefix = set.prefix(of + file) + of;
  const names = set.lines(prefix + file);
  return { set, images: set.images(names.map((name) => `${prefix}JPEGImages/${name}.jpg`), options.maxPixels), names, prefix }; // prettier-ignore
}

function neededFor(year: string, imageSet: string): Needed {
  const [folder, name, md5, place] = ARCHIVES[imageSet === 'test' ? `${year}-test` : year]!;
  const resources = [{ name, md5, urls: [`${SITE}${folder}/${name}`] }];
  return { folder: '', resources, present: [`${place}/ImageSets/Main/${imageSet}.txt`], unpack: true };
}

/** An element as torchvision's `parse_voc_xml` gives it. */
function valueOf({ tag, children, text }: XmlElement): VocNode {
  if (children.length === 0) return { [tag]: text.trim() };
  const found = new Map<string, (string | VocNode)[]>();
  for (const child of children) {
    const value = valueOf(child)[child.tag] as string | VocNode;
    found.set(child.tag, [...(found.get(child.tag) ?? []), value]);
  }
  const isList = (name: string, values: readonly unknown[]): boolean => values.length > 1 || (tag === 'annotation' && name === 'object');
  const inner = Object.fromEntries([...found].map(([name, values]) => [name, isList(name, values) ? values : values[0]!]));
  return { [tag]: tag === 'annotation' && !found.has('object') ? { ...inner, object: [] } : inner };
}
