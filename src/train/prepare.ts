/** From recognised data to the loaders that training and evaluation go through. Node only. */
import { ANYTHING, COUNT, FUNCTION, kind, PROBABILITY, requireKind, requireOptions, SIZE, type OptionKinds } from '../base/arguments.ts';
import { FormatError } from '../base/errors.ts';
import { toTensor } from '../data/collate.ts';
import type { Dataset } from '../data/dataset.ts';
import { DataLoader } from '../data/loader.ts';
import { canStartWorkers } from '../data/node-threads.ts';
import { SubsetRandomSampler } from '../data/sampler.ts';
import { processorsOfMine } from '../devices/cpu/native/processors.ts';
import { Generator } from '../tensor/random/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ImageDataset } from '../vision/datasets/index.ts';
import { channelsOf, commonSize, readImages, subset, type ImageSet, type ImageSize, type OnRead, type Sample } from './image-set.ts';
import { notAmong, stratifiedSplit } from './held-out.ts';
import type { ImageSpec, Normalization } from './models.ts';
import type { DataSource, OpenSplit, SplitName } from './open-data.ts';
import { preprocess, sizeBefore, type Augmentation } from './preprocess.ts';
import type { BatchSource } from './progress.ts';
import { partOf, placesOf, sharedBatches, SharedOrder, type Share, type Together } from './share.ts';
import type { Unreadable } from './unreadable.ts';

export interface PrepareOptions {
  readonly batchSize: number;
  /** Part of the training images to validate on, where the data has no part of its own for that. */
  readonly validSize: number;
  readonly augmentation: Augmentation | undefined;
  /**
   * Threads that make batches ahead, and that read images before: 0 for none, and as many as there are processors for reading. Default 0, but for images of 128×128 and
   * more one that makes batches ahead, where a processor is there for it. Pictures are the same whatever the number.
   */
  readonly workers?: number | undefined;
  /** Size to bring images to; default theirs if they are small and alike, else 64×64. */
  readonly size?: ImageSize | undefined;
  /** The shorter edge that images are brought to first; default the size itself. */
  readonly resize?: number | undefined;
  /** How pixels become numbers; default `'half'`. */
  readonly normalization?: Normalization | undefined;
  /** The part of a set's images that may be unreadable and are passed over, default 0.1. */
  readonly maxUnreadable?: number | undefined;
  /** Where several processes train together, which of how many this is: its loaders go through its part. `batchSize` is that of all together. */
  readonly share?: Share | undefined;
  /** The same processes, where each is to read a part of the images and give it to the others. @internal */
  readonly together?: Together | undefined;
  /** Called while images are read. */
  readonly onRead?: (split: SplitName, done: number, total: number) => void;
}

const SOURCE = kind('what openData gives', (value) => ((value ?? {}) as { splits?: unknown }).splits instanceof Map);
const OPTIONS: OptionKinds<PrepareOptions> = {
  batchSize: COUNT,
  validSize: PROBABILITY,
  augmentation: ANYTHING,
  workers: SIZE,
  size: ANYTHING,
  resize: COUNT,
  normalization: ANYTHING,
  maxUnreadable: PROBABILITY,
  share: ANYTHING,
  together: ANYTHING,
  onRead: FUNCTION,
};
const EXAMPLE = '{ batchSize: 32, validSize: 0.2, augmentation: undefined }';

/** Batches of images to measure on, and the images one by one. */
export interface EvaluationPart extends BatchSource {
  /** The class of each image, in the order of the batches. */
  readonly targets: readonly number[];
  /** The network's input for an image. */
  sample(index: number): Promise<Tensor>;
  /** What people call it: its file, or its number. */
  name(index: number): string;
}

/** Everything that training needs of the data. */
export interface PreparedData {
  readonly classes: readonly string[];
  readonly spec: ImageSpec;
  readonly counts: { readonly train: number; readonly valid: number; readonly test: number };
  /** Whether the validation images were taken from the training part. */
  readonly split: boolean;
  /** Images that cannot be read and were passed over, by parts. */
  readonly unreadable: ReadonlyMap<SplitName, readonly Unreadable[]>;
  /** Fingerprints of the images that are trained on, for an evaluation to leave them out; undefined where there are too many to read ahead. */
  readonly trained: Int32Array | undefined;
  readonly train: BatchSource;
  readonly valid: EvaluationPart;
  readonly test: EvaluationPart | undefined;
  /** The class of each image that is trained on. */
  readonly targets: readonly number[];
  /** The network's input for an image that is trained on, as it is without augmentation. */
  readonly plain: (index: number) => Promise<Tensor>;
}

/** Pixels of an image from which on a thread of its own pays for itself. */
const LARGE = 128 ** 2;

/** Options of loaders: workers stay from epoch to epoch, and pictures are the same however many there are, none included. */
function workersOf(
  wanted: number | undefined,
  { height, width }: ImageSize,
): { readonly numWorkers: number; readonly seeding: 'batch'; readonly persistentWorkers: boolean } {
  const isWorth = height * width >= LARGE && processorsOfMine() > 1 && canStartWorkers();
  const numWorkers = wanted ?? (isWorth ? 1 : 0);
  return { numWorkers, seeding: 'batch', persistentWorkers: numWorkers > 0 };
}

/** The network's input for an image, read as batches are: of photographs, a part of the size may be decoded. */
async function inputAt(dataset: Dataset<Sample>, index: number): Promise<Tensor> {
  const batch = await dataset.readBatch?.([index]);
  return batch === undefined ? (await dataset.get(index))[0] : toTensor(batch[0]!).squeeze(0);
}

/** Images at a time where no gradients are computed. */
const EVALUATION_BATCH = 128;

/**
 * Reads all parts of the data and makes loaders: shuffled and augmented for training, plain for the others.
 *
 * The images to validate on are drawn from the default generator where the data has no part for that.
 * @throws FormatError when there is nothing to train on, the parts have different classes, or an image is damaged
 * @throws ArgumentError when there are too few images to split
 */
export async function prepareData(source: DataSource, options: PrepareOptions): Promise<PreparedData> {
  requireKind('prepareData', 'the data', source, SOURCE, 'use openData(path)');
  const given = requireOptions<PrepareOptions>('prepareData', options, OPTIONS, EXAMPLE);
  for (const name of ['batchSize', 'validSize'] as const) requireKind('prepareData', name, given[name], OPTIONS[name], `write ${EXAMPLE}`);
  const { splits } = source;
  const { name, first, others } = await openParts(source); // what does not fit is said before any image is decoded
  const { classes } = first;
  const spec = specOf(first, options);
  const read = (part: SplitName, images: ImageDataset): Promise<ImageSet> =>
    readImages(images, splits.get(part)!, sizeBefore(spec), {
      workers: given.workers ?? 0,
      onRead: onRead(part, options),
      most: given.maxUnreadable,
      together: given.together,
    });
  const own = await read(name, first);
  const other = async (part: 'valid' | 'test'): Promise<ImageSet | undefined> => {
    const images = others[part];
    return images === undefined ? undefined : await read(part, images);
  };
  const [validation, test] = [await other('valid'), await other('test')];
  const indices = validation === undefined ? stratifiedSplit(own.targets, options.validSize) : undefined;
  const plain = preprocess(spec);
  const order = indices?.train ?? Array.from({ length: own.length }, (_, i) => i);
  const plainImages = await own.dataset(plain);
  const train = trainingLoader(await own.dataset(preprocess(spec, options.augmentation)), order, options, spec);
  const evaluation = async (set: ImageSet, images: ImageDataset, only?: readonly number[]): Promise<EvaluationPart> =>
    evaluationPart(subset(await set.dataset(plain), only), { set, images, only }, options, spec);
  return {
    classes,
    spec,
    counts: { train: order.length, valid: indices?.valid.length ?? validation!.length, test: test?.length ?? 0 },
    split: indices !== undefined,
    unreadable: unreadableOf([
      [name, own],
      ['valid', validation],
      ['test', test],
    ]),
    trained: own.fingerprints === undefined ? undefined : Int32Array.from(order, (index) => own.fingerprints![index]!),
    train,
    targets: order.map((index) => own.targets[index]!),
    plain: (index) => inputAt(plainImages, order[index]!),
    valid: await evaluation(validation ?? own, others.valid ?? first, indices?.valid),
    test: test === undefined ? undefined : await evaluation(test, others.test!),
  };
}

/** What the network takes, as the options and the images themselves say. */
function specOf(images: ImageDataset, { size, normalization, resize }: PrepareOptions): ImageSpec {
  return {
    channels: channelsOf(images),
    ...(size ?? commonSize(images)),
    classes: images.classes.length,
    ...(normalization === undefined ? {} : { normalization }),
    ...(resize === undefined ? {} : { resize }),
  };
}

/** Batches of the images of a set, or of `only` those, in their order; of this process's part of them. */
function evaluationPart(
  dataset: Dataset<Sample>,
  { set, images, only }: { readonly set: ImageSet; readonly images: ImageDataset; readonly only: readonly number[] | undefined },
  { share, workers }: PrepareOptions,
  spec: ImageSize,
): EvaluationPart {
  const mine = share === undefined ? dataset : subset(dataset, placesOf(dataset.length, share));
  const loader = new DataLoader(mine, { batchSize: EVALUATION_BATCH, ...workersOf(workers, spec) });
  return {
    length: loader.length,
    [Symbol.asyncIterator]: () => loader[Symbol.asyncIterator](),
    targets: only === undefined ? set.targets : only.map((index) => set.targets[index]!),
    sample: (index) => inputAt(dataset, index),
    name: (index) => images.imageName(set.rows[only?.[index] ?? index]!),
  };
}

/** Shuffled batches of the images in `order`, or this process's part of them. */
function trainingLoader(
  dataset: Dataset<Sample>,
  order: readonly number[],
  { batchSize, share, workers }: PrepareOptions,
  spec: ImageSize,
): BatchSource {
  const shuffled = new SubsetRandomSampler(order);
  if (share === undefined) return new DataLoader(dataset, { batchSize, sampler: shuffled, ...workersOf(workers, spec) });
  const [part, generator] = [partOf(batchSize, share), new Generator()];
  const sampler = new SharedOrder(shuffled, part, share);
  const loader = new DataLoader(dataset, { batchSize: part, sampler, generator, ...workersOf(workers, spec) });
  return sharedBatches(loader, generator, { images: order.length, part, share });
}

function unreadableOf(sets: readonly (readonly [SplitName, ImageSet | undefined])[]): Map<SplitName, readonly Unreadable[]> {
  const found = sets.map(([name, set]) => [name, set?.unreadable ?? []] as const);
  return new Map(found.filter(([, unreadable]) => unreadable.length > 0));
}

/** The part to train on and those beside it. */
export interface OpenedParts {
  readonly name: SplitName;
  readonly first: ImageDataset;
  readonly others: { readonly valid: ImageDataset | undefined; readonly test: ImageDataset | undefined };
}

/**
 * Opens all parts that training needs.
 * @throws FormatError when there is nothing to train on, or the parts have different classes
 */
export async function openParts(source: DataSource): Promise<OpenedParts> {
  const name = source.splits.has('train') ? 'train' : 'all';
  const first = await required(source, name)();
  requireTwoClasses(source, first.classes);
  requireFilled(source, name, first);
  return { name, first, others: await openOthers(source, first.classes) };
}

/** The parts beside the one to train on, opened and with the same classes. */
async function openOthers(source: DataSource, classes: readonly string[]): Promise<OpenedParts['others']> {
  const open = async (part: SplitName): Promise<ImageDataset | undefined> => {
    const images = await source.splits.get(part)?.();
    if (images === undefined) return undefined;
    requireSameClasses(source, classes, part, images.classes);
    requireFilled(source, part, images);
    return images;
  };
  return { valid: await open('valid'), test: await open('test') };
}

/** The part of the data to evaluate on when nothing is said: one that was not trained on, if there is one. */
export function evaluationSplit(source: DataSource): SplitName {
  return (['test', 'valid', 'all', 'train'] as const).find((name) => source.splits.has(name))!;
}

/** What `prepareEvaluation` needs to know of a trained network. */
export interface EvaluatedNetwork {
  readonly spec: ImageSpec;
  readonly classes: readonly string[];
  /** Fingerprints of the images it was trained on, where they are known. */
  readonly trained?: Int32Array | undefined;
}

export interface PreparedEvaluation {
  readonly batches: BatchSource;
  /** Images in the batches. */
  readonly count: number;
  /** Images of the part that the network was trained on, left out or not. */
  readonly trainedOn: number;
  /** Images that cannot be read and are passed over. */
  readonly unreadable: readonly Unreadable[];
  /** The index in the part of each image of the batches, and what messages call it. */
  readonly indices: readonly number[];
  readonly name: (index: number) => string;
  /** The part itself, for a closer look at its images. */
  readonly images: ImageDataset;
}

/**
 * A loader over one part of the data for a trained network, with the classes numbered as the network's.
 *
 * @param options.leaveOut - leave out images that the network was trained on, if it says which these were
 * @throws FormatError when the data has classes that the network does not know, images with another number of channels, or damaged ones, or all were
 *   trained on
 */
export async function prepareEvaluation(
  source: DataSource,
  split: SplitName,
  network: EvaluatedNetwork,
  options: Pick<PrepareOptions, 'workers' | 'onRead' | 'maxUnreadable'> & { readonly leaveOut?: boolean },
): Promise<PreparedEvaluation> {
  const open = required(source, split);
  const images = await open();
  const { channels } = network.spec;
  const came = channelsOf(images);
  if (came !== channels) throw new FormatError(`${place(source)} has images of ${came} channels, but the network takes ${channels}`);
  const labels = labelMap(source, images.classes, network.classes);
  const set = await readImages(images, open, sizeBefore(network.spec), {
    workers: options.workers ?? 0,
    onRead: onRead(split, options),
    most: options.maxUnreadable,
  });
  const all = Array.from({ length: set.length }, (_, index) => index);
  const { fingerprints } = set;
  const isKnown = network.trained !== undefined && fingerprints !== undefined;
  const fresh = isKnown ? notAmong(fingerprints, network.trained) : all;
  const indices = options.leaveOut === true ? fresh : all;
  if (indices.length === 0) {
    throw new FormatError(
      `${place(source)}: the network was trained on all ${set.length} images of it, so they do not say how good it is on others; take other images, or --split train to measure on them all the same`,
    );
  }
  const dataset = subset(await set.dataset(preprocess(network.spec)), indices);
  const loader = new DataLoader<Sample>(dataset, {
    batchSize: EVALUATION_BATCH,
    ...workersOf(options.workers, network.spec),
  });
  return {
    batches: renumbered(loader, labels),
    count: indices.length,
    trainedOn: set.length - fresh.length,
    indices: indices.map((index) => set.rows[index]!),
    unreadable: set.unreadable,
    name: (index) => images.imageName(index),
    images,
  };
}

function onRead(split: SplitName, { onRead: report }: Pick<PrepareOptions, 'onRead'>): OnRead | undefined {
  return report === undefined ? undefined : (done, total) => report(split, done, total);
}

function required(source: DataSource, split: SplitName): OpenSplit {
  const open = source.splits.get(split);
  if (open !== undefined) return open;
  const there = [...source.splits.keys()].join(', ');
  const wanted = split === 'all' ? 'train' : split;
  throw new FormatError(`${place(source)} has no part '${wanted}'; it has ${there}`);
}

const place = (source: DataSource): string => (source.place === '' ? 'the data' : JSON.stringify(source.place));

function requireTwoClasses(source: DataSource, classes: readonly string[]): void {
  if (classes.length > 1) return;
  throw new FormatError(
    `${place(source)} has only one class, ${listed(classes)}, so there is nothing to tell apart; put the images of each class into a folder of their own`,
  );
}

/** Names of the classes that have no images. */
export function emptyClasses({ classes, targets }: ImageDataset): string[] {
  const there = new Set(targets);
  return classes.filter((_, index) => !there.has(index));
}

function requireFilled(source: DataSource, part: SplitName, images: ImageDataset): void {
  const empty = emptyClasses(images);
  // The classes of published sets are given, whether a piece of one has images of all or not.
  if (empty.length === 0 || !source.hasOwnClasses) return;
  const where = part === 'all' ? '' : `, part '${part}'`;
  throw new FormatError(
    `${place(source)}${where}: no images for the ${classesOf(empty)}; add images, or remove the ${empty.length === 1 ? 'folder' : 'folders'}`,
  );
}

function requireSameClasses(source: DataSource, train: readonly string[], part: SplitName, classes: readonly string[]): void {
  if (classes.length === train.length && classes.every((name, i) => name === train[i])) return;
  throw new FormatError(
    `${place(source)}: the part '${part}' has the classes ${listed(classes)}, but 'train' has ${listed(train)}; make the folders alike`,
  );
}

/** The network's index of each class of the data. Networks without names number their classes, and so must the data then. */
function labelMap(source: DataSource, data: readonly string[], network: readonly string[]): readonly bigint[] {
  const nameless = network.every((name, i) => name === String(i));
  if (nameless && data.length === network.length) return data.map((_, i) => BigInt(i));
  const map = data.map((name) => network.indexOf(name));
  const unknown = data.filter((_, i) => map[i] === -1);
  if (unknown.length === 0) return map.map(BigInt);
  throw new FormatError(`${place(source)} has classes that the network does not know: ${listed(unknown)}; it knows ${listed(network)}`);
}

/** Names may be of several words. */
export const classesOf = (names: readonly string[]): string =>
  `${names.length === 1 ? 'class' : 'classes'} ${listed(names.map((name) => JSON.stringify(name)))}`;

const listed = (names: readonly string[]): string =>
  names.length <= 12 ? names.join(', ') : `${names.slice(0, 12).join(', ')} and ${names.length - 12} more`;

function renumbered(loader: BatchSource, map: readonly bigint[]): BatchSource {
  if (map.every((label, i) => label === BigInt(i))) return loader;
  return {
    length: loader.length,
    async *[Symbol.asyncIterator](): AsyncGenerator<readonly Tensor[]> {
      for await (const batch of loader) {
        const [images, labels] = batch as readonly [Tensor, Tensor];
        labels.setData((labels.toTypedArray() as BigInt64Array).map((label) => map[Number(label)]!));
        yield [images, labels];
      }
    },
  };
}
