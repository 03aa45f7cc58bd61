/** Recognises published sets of photos by the files that only they have. */
import {
  Caltech101,
  DTD,
  FGVCAircraft,
  Flowers102,
  Food101,
  GTSRB,
  ImageNet,
  OxfordIIITPet,
  STL10,
  SVHN,
} from '../vision/datasets/index.ts';
import { given, type KnownData, type OpenSplit, type PixelLimit } from './known-data.ts';
import type { SplitName } from './layout.ts';

/** A set: a file that tells it, and its parts, each with a file without which it is not there. */
interface Published {
  readonly kind: string;
  readonly mark: RegExp;
  /** Whether mirror images are of the same class; default true. */
  readonly mirrors?: boolean;
  readonly parts: readonly (readonly [SplitName, RegExp, (path: string, limits: PixelLimit) => OpenSplit])[];
}

const ANY = /(?:)/;

const SETS: readonly Published[] = [
  {
    kind: 'SVHN',
    mark: /(^|\/)(train|test)_32x32\.mat$/,
    mirrors: false,
    parts: [
      ['train', /train_32x32\.mat$/, (path) => (transform) => SVHN.open(path, { split: 'train', ...given(transform) })],
      ['test', /test_32x32\.mat$/, (path) => (transform) => SVHN.open(path, { split: 'test', ...given(transform) })],
    ],
  },
  {
    kind: 'STL-10',
    mark: /(^|\/)stl10_binary\/\w+_X\.bin$/,
    parts: [
      ['train', /train_X\.bin$/, (path) => (transform) => STL10.open(path, { split: 'train', ...given(transform) })],
      ['test', /test_X\.bin$/, (path) => (transform) => STL10.open(path, { split: 'test', ...given(transform) })],
    ],
  },
  {
    kind: 'Flowers102',
    mark: /(^|\/)setid\.mat$/,
    parts: [
      ['train', ANY, (path, limits) => (transform) => Flowers102.open(path, { split: 'train', ...limits, ...given(transform) })],
      ['valid', ANY, (path, limits) => (transform) => Flowers102.open(path, { split: 'val', ...limits, ...given(transform) })],
      ['test', ANY, (path, limits) => (transform) => Flowers102.open(path, { split: 'test', ...limits, ...given(transform) })],
    ],
  },
  {
    kind: 'Oxford-IIIT Pet',
    mark: /(^|\/)annotations\/trainval\.txt$/,
    parts: [
      ['train', ANY, (path, limits) => (transform) => OxfordIIITPet.open(path, { split: 'trainval', ...limits, ...given(transform) })],
      [
        'test',
        /annotations\/test\.txt$/,
        (path, limits) => (transform) => OxfordIIITPet.open(path, { split: 'test', ...limits, ...given(transform) }),
      ],
    ],
  },
  {
    kind: 'Food-101',
    mark: /(^|\/)meta\/train\.json$/,
    parts: [
      ['train', ANY, (path, limits) => (transform) => Food101.open(path, { split: 'train', ...limits, ...given(transform) })],
      ['test', /meta\/test\.json$/, (path, limits) => (transform) => Food101.open(path, { split: 'test', ...limits, ...given(transform) })],
    ],
  },
  {
    kind: 'GTSRB',
    mark: /(^|\/)(GTSRB\/Training\/\d{5}\/|GT-final_test\.csv$)/,
    mirrors: false,
    parts: [
      ['train', /GTSRB\/Training\//, (path, limits) => (transform) => GTSRB.open(path, { split: 'train', ...limits, ...given(transform) })],
      ['test', /GT-final_test\.csv$/, (path, limits) => (transform) => GTSRB.open(path, { split: 'test', ...limits, ...given(transform) })],
    ],
  },
  {
    kind: 'DTD',
    mark: /(^|\/)labels\/train1\.txt$/,
    parts: [
      ['train', ANY, (path, limits) => (transform) => DTD.open(path, { split: 'train', ...limits, ...given(transform) })],
      ['valid', /labels\/val1\.txt$/, (path, limits) => (transform) => DTD.open(path, { split: 'val', ...limits, ...given(transform) })],
      ['test', /labels\/test1\.txt$/, (path, limits) => (transform) => DTD.open(path, { split: 'test', ...limits, ...given(transform) })],
    ],
  },
  {
    kind: 'FGVC-Aircraft',
    mark: /(^|\/)images_variant_trainval\.txt$/,
    parts: [
      ['train', ANY, (path, limits) => (transform) => FGVCAircraft.open(path, { split: 'trainval', ...limits, ...given(transform) })],
      [
        'test',
        /images_variant_test\.txt$/,
        (path, limits) => (transform) => FGVCAircraft.open(path, { split: 'test', ...limits, ...given(transform) }),
      ],
    ],
  },
  {
    kind: 'Caltech 101',
    mark: /(^|\/)101_ObjectCategories\/[^/]+\/image_\d+\.jpg$/,
    parts: [['all', ANY, (path, limits) => (transform) => Caltech101.open(path, { ...limits, ...given(transform) })]],
  },
  {
    kind: 'ImageNet',
    mark: /(^|\/)train\/n\d{8}\/[^/]+$/,
    parts: [
      ['train', ANY, (path, limits) => (transform) => ImageNet.open(path, { split: 'train', ...limits, ...given(transform) })],
      [
        'valid',
        /(^|\/)val\/n\d{8}\//,
        (path, limits) => (transform) => ImageNet.open(path, { split: 'val', ...limits, ...given(transform) }),
      ],
    ],
  },
];

/** The set of photos whose files are there; undefined if there is none. */
export function knownPhotos(path: string, names: readonly string[], limits: PixelLimit): KnownData | undefined {
  const has = (pattern: RegExp): boolean => names.some((name) => pattern.test(name));
  const set = SETS.find(({ mark }) => has(mark));
  if (set === undefined) return undefined;
  const parts = set.parts.filter(([, needed]) => has(needed));
  const splits = new Map(parts.map(([split, , open]) => [split, open(path, limits)] as const));
  return { kind: set.kind, mirrors: set.mirrors ?? true, splits, notes: [] };
}
