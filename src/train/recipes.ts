/**
 * Ways to train a classifier of images that are known to work, a row for each kind of data: networks and sizes from the best to the cheapest, and the
 * settings that go with them. Which row fits, and what there is time for, is decided in choose.ts.
 */
import type { DataFacts } from './facts.ts';
import type { ImageSize } from './image-set.ts';
import type { ModelName } from './models.ts';
import { isNetworkName, usualSide } from './networks.ts';
import { usualRate, type OptimizerName } from './optimizers.ts';
import type { ScheduleName } from './planned-lr.ts';
import { TUTORIAL_AUGMENTATION, type Augmentation } from './preprocess.ts';

/** What of a training follows from the data and the time, unless somebody says otherwise. */
export interface Recipe {
  readonly model: ModelName;
  readonly size: ImageSize;
  /** The shorter edge that images are brought to before the size is cut out of them. */
  readonly resize: number | undefined;
  readonly batchSize: number;
  readonly validSize: number;
  readonly epochs: number;
  readonly optimizer: OptimizerName;
  readonly lr: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  readonly schedule: ScheduleName;
  /** Epochs in which the rate rises. */
  readonly warmup: number | undefined;
  readonly labelSmoothing: number;
  /** Epochs at first in which only the last layer learns, and how much faster it learns than the others. */
  readonly freeze: number;
  readonly headRate: number;
  readonly augmentation: Augmentation;
}

/** What somebody has said. */
export type Wishes = { readonly [K in keyof Omit<Recipe, 'augmentation'>]?: Recipe[K] | undefined } & {
  /** Time for the whole run. */
  readonly minutes?: number | undefined;
  /** Whose weights training begins with. */
  readonly pretrained?: ModelName | undefined;
};

/** A network, and the size that it sees images in. */
export interface Candidate {
  readonly model: ModelName;
  readonly size: ImageSize;
}

export type Kind = 'plain' | 'pictures' | 'photos' | 'tuned';

export interface KindOfTraining {
  /** Why this kind, as the end of «kind: …». */
  readonly why: string;
  /** From the best to the cheapest. */
  candidates(facts: DataFacts, wishes: Wishes): readonly Candidate[];
  /** Epochs that are enough, and the fewest with which the better of two candidates is still the better one. */
  epochs(images: number, batchSize: number): { readonly wanted: number; readonly fewest: number };
  batchSize(images: number): number;
  /** All else; `batchSize` as decided. */
  settings(
    facts: DataFacts,
    candidate: Candidate,
    batchSize: number,
  ): Omit<Recipe, 'model' | 'size' | 'epochs' | 'batchSize' | 'validSize' | 'optimizer' | 'lr'> & {
    readonly optimizer: OptimizerName;
    readonly lr: number;
  };
}

const square = (side: number): ImageSize => ({ height: side, width: side });
const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
/** The power of two below a number. */
const power = (value: number): number => 2 ** Math.floor(Math.log2(Math.max(value, 1)));

/** Images up to this side are small pictures, which networks for them see as they are. */
export const SMALL_SIDE = 96;
/** Where small pictures have several sizes, and for networks that know no better. */
const USUAL = square(64);

/** Theirs if they are small and alike. */
function ownSize({ height, width, alike }: DataFacts): ImageSize {
  const isFit = alike && Math.min(height, width) >= 8 && Math.max(height, width) <= SMALL_SIDE;
  return isFit ? { height, width } : USUAL;
}

const NO_HEAD_START = { freeze: 0, headRate: 1, warmup: undefined, resize: undefined };

/** The tutorials' training: a network that learns simple pictures in seconds. */
const plain: KindOfTraining = {
  why: 'simple pictures, which a small network learns in seconds',
  candidates: (facts, { model = 'cnn' }) => [{ model, size: ownSize(facts) }],
  // A network needs so many steps to learn something; few images are gone through more often.
  epochs(images, batchSize) {
    const wanted = clamp(Math.ceil(1200 / Math.ceil(images / batchSize)), 5, 50);
    return { wanted, fewest: wanted };
  },
  batchSize: () => 20,
  settings: ({ mirrors }) => ({
    ...NO_HEAD_START,
    optimizer: 'sgd',
    lr: usualRate('sgd'),
    momentum: 0.9,
    nesterov: false,
    weightDecay: 0,
    schedule: 'onecycle',
    labelSmoothing: 0,
    augmentation: { flip: mirrors, rotation: TUTORIAL_AUGMENTATION.rotation },
  }),
};

/** The training of the CIFAR-10 speed records (Jordan, arXiv:2404.00498), for batches of any size: rates for a sum over images are the same for all. */
const pictures: KindOfTraining = {
  why: 'small pictures: the network of the CIFAR-10 speed records learns most in few passes',
  candidates: (facts, { model = 'fast' }) =>
    Math.max(facts.height, facts.width) <= SMALL_SIDE
      ? [{ model, size: ownSize(facts) }]
      : [96, 64].map((side) => ({ model, size: square(side) })),
  epochs: (images) => ({ wanted: clamp(Math.ceil(900_000 / images), 20, 80), fewest: 5 }),
  batchSize: (images) => clamp(power(images / 40), 16, 512),
  settings: ({ mirrors }, { size }, batchSize) => ({
    ...NO_HEAD_START,
    optimizer: 'sgd',
    lr: (0.75 * batchSize) / 512,
    momentum: 0.85,
    nesterov: true,
    weightDecay: 0.00133,
    schedule: 'triangle',
    labelSmoothing: 0.2,
    augmentation: {
      flip: mirrors,
      rotation: 0,
      shift: Math.max(2, Math.round(Math.min(size.height, size.width) / 16)),
    },
  }),
};

/** So many photographs are enough for a large network to learn more from them than a small one. */
const MANY_PHOTOS = 5000;

/** From nothing on photographs: stretches of them at several scales and in other colours, at the largest size for which there is time. */
const photos: KindOfTraining = {
  why: 'photographs',
  candidates({ images, height, width }, { model }) {
    const of = (name: ModelName, ...sides: number[]) => sides.map((side) => ({ model: name, size: square(side) }));
    // Pictures are enlarged to twice their size at most: there is nothing more to see.
    const large = of(model ?? 'resnet18', 224, 192, 160, 128, 96).filter(({ size }) => size.height <= 2 * Math.max(height, width));
    if (model !== undefined) return large.length > 0 ? large : of(model, 64);
    return images < MANY_PHOTOS ? of('fast', 128, 96, 64) : [...large, ...of('fast', 96, 64)];
  },
  epochs: (images) => ({ wanted: clamp(Math.ceil(24_000 / images), 30, 80), fewest: clamp(Math.ceil(15_000 / images), 10, 60) }),
  batchSize: (images) => clamp(power(images / 15), 8, 64),
  settings(facts, candidate, batchSize) {
    const { size, model } = candidate;
    const resize = Math.round((Math.min(size.height, size.width) * 8) / 7);
    const augmentation = { flip: facts.mirrors, rotation: 0, crop: 0.35, policy: 'trivial-augment' } as const;
    if (model === 'fast') return { ...pictures.settings(facts, candidate, batchSize), resize, augmentation };
    return {
      ...NO_HEAD_START,
      resize,
      optimizer: 'sgd',
      lr: (0.05 * batchSize) / 32,
      momentum: 0.9,
      nesterov: true,
      weightDecay: 5e-4,
      schedule: 'onecycle',
      labelSmoothing: 0.1,
      augmentation,
    };
  },
};

/** On from weights that others have trained: first the new last layer, then all with care. */
const tuned: KindOfTraining = {
  why: 'a network that others have trained',
  candidates(facts, { model, pretrained }) {
    const name = model ?? pretrained ?? 'resnet18';
    if (!isNetworkName(name)) return [{ model: name, size: ownSize(facts) }];
    return [1, 0.75, 0.5].map((part) => ({
      model: name,
      size: square(Math.round((usualSide(name) * part) / 32) * 32),
    }));
  },
  epochs: (images) => ({ wanted: clamp(Math.ceil(6000 / images), 5, 20), fewest: 3 }),
  batchSize: (images) => clamp(power(images / 15), 8, 32),
  settings: ({ mirrors }, { size, model }) => ({
    ...NO_HEAD_START,
    resize: isNetworkName(model) ? Math.round((Math.min(size.height, size.width) * 8) / 7) : undefined,
    freeze: 1,
    headRate: 10,
    optimizer: 'adamw',
    lr: 1e-4,
    momentum: 0.9,
    nesterov: false,
    weightDecay: 0.01,
    schedule: 'cosine',
    labelSmoothing: 0.1,
    augmentation: { flip: mirrors, rotation: 0, crop: 0.35 },
  }),
};

export const KINDS: { readonly [K in Kind]: KindOfTraining } = { plain, pictures, photos, tuned };
