/**
 * Looks through all images of some data and says everything that is wrong, in one go: what would stop a training, and what is worth a look.
 * Node only.
 */
import { COUNT, FUNCTION, PROBABILITY, requireOptions, TEXT, type OptionKinds } from '../base/arguments.ts';
import { FormatError } from '../base/errors.ts';
import type { ImageDataset } from '../vision/datasets/index.ts';
import { checkImage, type CheckedImage } from './check-images.ts';
import type { SplitName } from './layout.ts';
import { openData, type DataSource } from './open-data.ts';
import { classesOf, emptyClasses } from './prepare.ts';
import { MOST_UNREADABLE } from './unreadable.ts';

/** What may be wrong. */
export type FindingKind =
  | 'structure'
  | 'classes'
  | 'unreadable'
  | 'empty-class'
  | 'contradiction'
  | 'same-in-parts'
  | 'duplicate'
  | 'blank'
  | 'tiny'
  | 'ending'
  | 'imbalance'
  | 'few'
  | 'sizes'
  | 'modes';

/** Something that is wrong. */
export interface Finding {
  readonly kind: FindingKind;
  /** Whether `flambeau train` would stop at it. */
  readonly stops: boolean;
  readonly message: string;
  /** The images, each with what else there is to say; groups of equal ones are one entry. */
  readonly items: readonly string[];
}

/** One part of the data. */
export interface CheckedPart {
  readonly name: SplitName;
  readonly images: number;
  readonly readable: number;
  /** Images of each class. */
  readonly classes: Readonly<Record<string, number>>;
}

/** Everything that was found. */
export interface DataReport {
  readonly place: string;
  readonly kind: string;
  readonly parts: readonly CheckedPart[];
  /** What was passed over, as `flambeau train` says it. */
  readonly notes: readonly string[];
  /** What stops a training comes first. */
  readonly findings: readonly Finding[];
  /** Whether `flambeau train` would stop. */
  readonly stops: boolean;
}

/** Options of {@link checkData}. */
export interface CheckOptions {
  /** The part of a set's images that may be unreadable, default 0.1, as for a training. */
  readonly maxUnreadable?: number;
  /** Images with a shorter edge than so many pixels are tiny, default 16. */
  readonly tiny?: number;
  readonly labels?: string;
  /** Most pixels of an image, as for {@link openData}. */
  readonly maxPixels?: number;
  /** Called while images are read. */
  readonly onRead?: (split: SplitName, done: number, total: number) => void;
}

const OPTIONS: OptionKinds<CheckOptions> = {
  maxUnreadable: PROBABILITY,
  tiny: COUNT,
  labels: TEXT,
  maxPixels: COUNT,
  onRead: FUNCTION,
};
/** A class with so many times as many images as another, and a class with fewer than so many. */
const [IMBALANCE, FEW] = [5, 10];
/** Milliseconds after which the event loop gets a turn. */
const TURN = 50;

/**
 * Checks data as `flambeau check` does.
 *
 * @param path - a folder, an archive or a file of the kinds that `openData` takes
 * @throws ArgumentError when there is nothing at the path
 * @example
 * import { checkData } from 'flambeau/node';
 *
 * await checkData('no/such/folder').catch((error) => console.log(error.name)); // ArgumentError
 */
export async function checkData(path: string, options: CheckOptions = {}): Promise<DataReport> {
  const given = requireOptions<CheckOptions>('checkData', options, OPTIONS, '{ maxUnreadable: 0.1 }');
  let source: DataSource;
  try {
    source = await openData(path, given.labels, given.maxPixels === undefined ? {} : { maxPixels: given.maxPixels });
  } catch (error) {
    return report(path, 'unknown', [], [], [structure(error)]);
  }
  const found: Finding[] = [];
  const parts: CheckedPart[] = [];
  const all: CheckedImage[] = [];
  let classes: readonly string[] | undefined;
  for (const [name, open] of [...source.splits].sort(([a], [b]) => ORDER.indexOf(a) - ORDER.indexOf(b))) {
    let images: ImageDataset;
    try {
      images = await open();
    } catch (error) {
      found.push(structure(error));
      continue;
    }
    found.push(...compareClasses(name, images.classes, classes));
    classes ??= images.classes;
    const empty = source.hasOwnClasses ? emptyClasses(images) : [];
    if (empty.length > 0)
      found.push({
        kind: 'empty-class',
        stops: true,
        message: `there are no images${name === 'all' ? '' : ` in the part '${name}'`} for the ${classesOf(empty)}`,
        items: empty,
      });
    const checked = await checkPart(images, name, given.onRead);
    all.push(...checked);
    parts.push(partOf(name, images.classes, checked));
    found.push(...unreadableOf(name, images.classes, checked, given.maxUnreadable ?? MOST_UNREADABLE));
  }
  return report(path, source.kind, parts, source.notes, [...found, ...oddities(all, parts, given.tiny ?? 16)]);
}

const ORDER: readonly SplitName[] = ['train', 'all', 'valid', 'test'];

function report(
  place: string,
  kind: string,
  parts: readonly CheckedPart[],
  notes: readonly string[],
  found: readonly Finding[],
): DataReport {
  const findings = [...found].sort((a, b) => Number(b.stops) - Number(a.stops));
  return { place, kind, parts, notes, findings, stops: findings.some(({ stops }) => stops) };
}

/** What opening said; what is not about the data passes. */
function structure(error: unknown): Finding {
  if (!(error instanceof FormatError)) throw error;
  return { kind: 'structure', stops: true, message: error.message, items: [] };
}

function compareClasses(part: SplitName, classes: readonly string[], train: readonly string[] | undefined): Finding[] {
  if (train === undefined) {
    const message = `there is only one class, ${classes.join(', ')}, so there is nothing to tell apart`;
    return classes.length > 1 ? [] : [{ kind: 'classes', stops: true, message, items: [] }];
  }
  const differing = (what: string, names: readonly string[]): Finding[] =>
    names.length === 0 ? [] : [{ kind: 'classes', stops: true, message: `the part '${part}' ${what} ${names.length === 1 ? 'the class' : 'the classes'} ${names.join(', ')}`, items: names }]; // prettier-ignore
  return [
    ...differing(
      'lacks',
      train.filter((name) => !classes.includes(name)),
    ),
    ...differing(
      'alone has',
      classes.filter((name) => !train.includes(name)),
    ),
  ];
}

async function checkPart(images: ImageDataset, part: SplitName, onRead: CheckOptions['onRead']): Promise<CheckedImage[]> {
  const checked: CheckedImage[] = [];
  let turn = performance.now();
  for (let i = 0; i < images.length; i++) {
    checked.push(checkImage(images, i, part));
    if (performance.now() - turn < TURN) continue;
    onRead?.(part, i + 1, images.length);
    await new Promise((resolve) => void setImmediate(resolve));
    turn = performance.now();
  }
  return checked;
}

function partOf(name: SplitName, classes: readonly string[], images: readonly CheckedImage[]): CheckedPart {
  const counts = new Map(classes.map((label) => [label, 0]));
  for (const { label } of images) counts.set(label, (counts.get(label) ?? 0) + 1);
  const readable = images.filter(({ why }) => why === undefined).length;
  return { name, images: images.length, readable, classes: Object.fromEntries(counts) };
}

function unreadableOf(part: SplitName, classes: readonly string[], images: readonly CheckedImage[], most: number): Finding[] {
  const bad = images.filter(({ why }) => why !== undefined);
  if (bad.length === 0) return [];
  const share = bad.length / images.length;
  const where = part === 'all' ? '' : ` of the part '${part}'`;
  const items = bad.map(({ name, why }) => `${name}: ${why!}`);
  const message = `${bad.length} of ${images.length} images${where} cannot be read (${percent(share)}; training passes over up to ${percent(most)})`;
  const left = new Set(images.filter(({ why }) => why === undefined).map(({ label }) => label));
  const gone = classes.filter((label) => !left.has(label) && bad.some((image) => image.label === label));
  const empty: Finding = { kind: 'empty-class', stops: true, message: `no image of ${gone.join(', ')}${where} can be read`, items: gone };
  return [{ kind: 'unreadable', stops: share > most, message, items }, ...(gone.length > 0 ? [empty] : [])];
}

const percent = (part: number): string => `${Number((100 * part).toFixed(1))} %`;

const images = (n: number): string => (n === 1 ? '1 image is' : `${n} images are`);

/** What does not stop a training, but makes it worse, or its figures wrong. */
function oddities(all: readonly CheckedImage[], parts: readonly CheckedPart[], tiny: number): Finding[] {
  const readable = all.filter(({ why }) => why === undefined);
  const listed = (
    kind: FindingKind,
    odd: readonly CheckedImage[],
    message: (n: number) => string,
    item: (image: CheckedImage) => string = ({ name }) => name,
  ): Finding[] => (odd.length === 0 ? [] : [{ kind, stops: false, message: message(odd.length), items: odd.map(item) }]);
  const size = ({ name, width, height }: CheckedImage): string => `${name}: ${width}x${height}`;
  return [
    ...sameImages(readable),
    ...listed(
      'blank',
      readable.filter(({ isBlank }) => isBlank),
      (n) => `${images(n)} of one colour, or nearly so`,
    ),
    ...listed(
      'tiny',
      readable.filter(({ width, height }) => Math.min(width, height) < tiny),
      (n) => `${images(n)} smaller than ${tiny} pixels`,
      size,
    ),
    ...listed(
      'ending',
      readable.filter(({ isReally }) => isReally !== undefined),
      (n) => `${images(n)} of another format than the ending says (which does no harm)`,
      ({ name, isReally }) => `${name}: ${isReally!}`,
    ),
    ...parts.flatMap(balanceOf),
    ...varieties(
      'sizes',
      readable.map(({ width, height }) => `${width}x${height}`),
    ),
    ...varieties(
      'modes',
      readable.map(({ mode }) => mode),
    ),
  ];
}

/** Images that are there more than once, by what that means: in several classes, in several parts, or only twice. */
function sameImages(images: readonly CheckedImage[]): Finding[] {
  const groups = new Map<string, CheckedImage[]>();
  for (const image of images) {
    if (image.isBlank) continue; // blank ones are alike without being the same
    const group = groups.get(image.pixels);
    if (group === undefined) groups.set(image.pixels, [image]);
    else group.push(image);
  }
  const kinds: [FindingKind, string, string[]][] = [
    ['contradiction', 'in several classes', []],
    ['same-in-parts', 'in several parts, so that what is measured there was trained on', []],
    ['duplicate', 'there several times', []],
  ];
  for (const group of groups.values()) {
    if (group.length === 1) continue;
    const several = (of: (image: CheckedImage) => string): boolean => new Set(group.map(of)).size > 1;
    const kind = several(({ label }) => label) ? 0 : several(({ part }) => part) ? 1 : 2;
    kinds[kind]![2].push(group.map(({ name }) => name).join(' = '));
  }
  return kinds.flatMap(([kind, what, items]) =>
    items.length === 0
      ? []
      : [
          {
            kind,
            stops: false,
            message: `${items.length === 1 ? '1 picture is' : `${items.length} pictures are`} ${what}`,
            items,
          },
        ],
  );
}

function balanceOf({ name, classes }: CheckedPart): Finding[] {
  // Classes without any images are another finding.
  const counts = Object.entries(classes)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => a - b);
  const [least, most] = [counts[0], counts.at(-1)];
  if (least === undefined || most === undefined || counts.length < 2) return [];
  const where = name === 'all' ? '' : ` in the part '${name}'`;
  const found: Finding[] = [];
  if (most[1] >= IMBALANCE * least[1])
    found.push({
      kind: 'imbalance',
      stops: false,
      message: `${most[0]} has ${most[1]} images${where}, ${least[0]} only ${least[1]}`,
      items: counts.map(([label, count]) => `${label}: ${count}`),
    });
  const few = counts.filter(([, count]) => count < FEW);
  if (few.length > 0 && (name === 'train' || name === 'all'))
    found.push({
      kind: 'few',
      stops: false,
      message: `${few.length === 1 ? '1 class has' : `${few.length} classes have`} fewer than ${FEW} images${where}`,
      items: few.map(([label, count]) => `${label}: ${count}`),
    });
  return found;
}

/** That images differ in something, with the commonest. */
function varieties(kind: 'sizes' | 'modes', values: readonly string[]): Finding[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  if (counts.size < 2) return [];
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const what = kind === 'sizes' ? 'sizes (training brings them to one)' : 'kinds of pixels (all are read as colour)';
  return [{ kind, stops: false, message: `there are ${counts.size} ${what}`, items: sorted.map(([value, count]) => `${value}: ${count}`) }];
}
