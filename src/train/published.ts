/** The published data sets that can be fetched and trained on, by torchvision's names: what they are, and how each part is fetched. */
import * as sets from '../vision/datasets/index.ts';
import type { DownloadOptions, ImageDataset } from '../vision/datasets/index.ts';
import type { SplitName } from './layout.ts';

export interface PublishedSet {
  /** One line: what is in the pictures. */
  readonly what: string;
  readonly classes: number;
  /** Pictures by parts. */
  readonly images: { readonly [K in SplitName]?: number };
  /** Pixels, such as `28×28 grey`. */
  readonly pixels: string;
  /** What is fetched, about, in megabytes. */
  readonly megabytes: number;
  /** Where it is described. */
  readonly page: string;
  /** As its makers state it; undefined where they do not. */
  readonly licence: string | undefined;
  /** Fetches what is missing below a root, and opens each part. */
  readonly open: readonly ((root: string, options: DownloadOptions) => Promise<ImageDataset>)[];
}

type Fetch = DownloadOptions;
const BOTH = [true, false] as const;
const [TRAIN_TEST, ALL_THREE] = [
  ['train', 'test'],
  ['train', 'val', 'test'],
] as const;

/** By the name of torchvision's class. */
export const PUBLISHED = {
  MNIST: {
    what: 'handwritten digits', classes: 10, images: { train: 60_000, test: 10_000 }, pixels: '28×28 grey', megabytes: 12,
    page: 'http://yann.lecun.com/exdb/mnist/', licence: 'CC BY-SA 3.0',
    open: BOTH.map((train) => (root: string, more: Fetch) => sets.MNIST.open(root, { train, ...more })),
  },
  FashionMNIST: {
    what: 'clothes, shoes and bags', classes: 10, images: { train: 60_000, test: 10_000 }, pixels: '28×28 grey', megabytes: 31,
    page: 'https://github.com/zalandoresearch/fashion-mnist', licence: 'MIT',
    open: BOTH.map((train) => (root: string, more: Fetch) => sets.FashionMNIST.open(root, { train, ...more })),
  },
  KMNIST: {
    what: 'cursive Japanese characters', classes: 10, images: { train: 60_000, test: 10_000 }, pixels: '28×28 grey', megabytes: 21,
    page: 'http://codh.rois.ac.jp/kmnist/', licence: 'CC BY-SA 4.0',
    open: BOTH.map((train) => (root: string, more: Fetch) => sets.KMNIST.open(root, { train, ...more })),
  },
  EMNIST: {
    what: 'handwritten letters and digits, in six splits; the one by class is trained on', classes: 62, images: { train: 697_932, test: 116_323 }, pixels: '28×28 grey', megabytes: 562,
    page: 'https://www.nist.gov/itl/products-and-services/emnist-dataset', licence: undefined,
    open: BOTH.map((train) => (root: string, more: Fetch) => sets.EMNIST.open(root, { split: 'byclass', train, ...more })),
  },
  QMNIST: {
    what: "handwritten digits, with all 60,000 for testing of MNIST's makers", classes: 10, images: { train: 60_000, test: 60_000 }, pixels: '28×28 grey', megabytes: 20,
    page: 'https://github.com/facebookresearch/qmnist', licence: undefined,
    open: BOTH.map((train) => (root: string, more: Fetch) => sets.QMNIST.open(root, { train, ...more })),
  },
  CIFAR10: {
    what: 'animals and vehicles', classes: 10, images: { train: 50_000, test: 10_000 }, pixels: '32×32', megabytes: 170,
    page: 'https://www.cs.toronto.edu/~kriz/cifar.html', licence: undefined,
    open: BOTH.map((train) => (root: string, more: Fetch) => sets.CIFAR10.open(root, { train, ...more })),
  },
  CIFAR100: {
    what: 'animals, plants, things, people and places', classes: 100, images: { train: 50_000, test: 10_000 }, pixels: '32×32', megabytes: 169,
    page: 'https://www.cs.toronto.edu/~kriz/cifar.html', licence: undefined,
    open: BOTH.map((train) => (root: string, more: Fetch) => sets.CIFAR100.open(root, { train, ...more })),
  },
  SVHN: {
    what: 'digits of house numbers in street photos', classes: 10, images: { train: 73_257, test: 26_032 }, pixels: '32×32', megabytes: 246,
    page: 'http://ufldl.stanford.edu/housenumbers/', licence: 'for non-commercial use only',
    open: TRAIN_TEST.map((split) => (root: string, more: Fetch) => sets.SVHN.open(root, { split, ...more })),
  },
  STL10: {
    what: 'animals and vehicles, few with labels', classes: 10, images: { train: 5000, test: 8000 }, pixels: '96×96', megabytes: 2640,
    page: 'https://cs.stanford.edu/~acoates/stl10/', licence: undefined,
    open: TRAIN_TEST.map((split) => (root: string, more: Fetch) => sets.STL10.open(root, { split, ...more })),
  },
  Flowers102: {
    what: 'flowers that grow in Britain', classes: 102, images: { train: 1020, valid: 1020, test: 6149 }, pixels: 'about 600×500', megabytes: 345,
    page: 'https://www.robots.ox.ac.uk/~vgg/data/flowers/102/', licence: undefined,
    open: ALL_THREE.map((split) => (root: string, more: Fetch) => sets.Flowers102.open(root, { split, ...more })),
  },
  OxfordIIITPet: {
    what: 'breeds of cats and dogs', classes: 37, images: { train: 3680, test: 3669 }, pixels: 'about 400×400', megabytes: 811,
    page: 'https://www.robots.ox.ac.uk/~vgg/data/pets/', licence: 'CC BY-SA 4.0',
    open: (['trainval', 'test'] as const).map((split) => (root: string, more: Fetch) => sets.OxfordIIITPet.open(root, { split, ...more })),
  },
  Food101: {
    what: 'dishes', classes: 101, images: { train: 75_750, test: 25_250 }, pixels: 'up to 512×512', megabytes: 4996,
    page: 'https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/', licence: undefined,
    open: TRAIN_TEST.map((split) => (root: string, more: Fetch) => sets.Food101.open(root, { split, ...more })),
  },
  GTSRB: {
    what: 'German traffic signs', classes: 43, images: { train: 26_640, test: 12_630 }, pixels: '15×15 to 250×250', megabytes: 276,
    page: 'https://benchmark.ini.rub.de/gtsrb_news.html', licence: undefined,
    open: TRAIN_TEST.map((split) => (root: string, more: Fetch) => sets.GTSRB.open(root, { split, ...more })),
  },
  DTD: {
    what: 'textures', classes: 47, images: { train: 1880, valid: 1880, test: 1880 }, pixels: '300×300 to 640×640', megabytes: 625,
    page: 'https://www.robots.ox.ac.uk/~vgg/data/dtd/', licence: 'for research only',
    open: ALL_THREE.map((split) => (root: string, more: Fetch) => sets.DTD.open(root, { split, ...more })),
  },
  Caltech101: {
    what: 'objects and animals', classes: 101, images: { all: 8677 }, pixels: 'about 300×200', megabytes: 137,
    page: 'https://data.caltech.edu/records/mzrjq-6wc02', licence: 'CC BY 4.0',
    open: [(root: string, more: Fetch) => sets.Caltech101.open(root, more)],
  },
  EuroSAT: {
    what: 'uses of land from satellites', classes: 10, images: { all: 27_000 }, pixels: '64×64', megabytes: 94,
    page: 'https://github.com/phelber/EuroSAT', licence: 'MIT',
    open: [(root: string, more: Fetch) => sets.EuroSAT.open(root, more)],
  },
  FGVCAircraft: {
    what: 'variants of aircraft', classes: 100, images: { train: 6667, test: 3333 }, pixels: 'about 1000×700', megabytes: 2754,
    page: 'https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/', licence: 'for non-commercial research only',
    open: (['trainval', 'test'] as const).map((split) => (root: string, more: Fetch) => sets.FGVCAircraft.open(root, { split, ...more })),
  },
  Country211: {
    what: 'photos by the country that they were taken in', classes: 211, images: { train: 31_650, valid: 10_550, test: 21_100 }, pixels: 'various', megabytes: 11_000,
    page: 'https://github.com/openai/CLIP/blob/main/data/country211.md', licence: "that of each photo (YFCC100M's Creative Commons)",
    open: (['train', 'valid', 'test'] as const).map((split) => (root: string, more: Fetch) => sets.Country211.open(root, { split, ...more })),
  },
} as const satisfies Record<string, PublishedSet>; // prettier-ignore

export type PublishedName = keyof typeof PUBLISHED;
export const PUBLISHED_NAMES = Object.keys(PUBLISHED) as readonly PublishedName[];
