/** What the data is, as far as the choice of a training depends on it. Nothing but a few images is decoded. Node only. */
import type { Image } from '../io/image/image.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ImageDataset } from '../vision/datasets/index.ts';
import { channelsOf, sizesOf } from './image-set.ts';
import type { DataSource, OpenSplit } from './open-data.ts';
import { openParts } from './prepare.ts';

export interface DataFacts {
  /** Images of the part that is trained on, those included that will be split off for validation. */
  readonly images: number;
  /** Images of the parts for validation and testing; 0 where there is none. */
  readonly valid: number;
  readonly test: number;
  readonly classes: number;
  readonly channels: number;
  /** The size of most images: the middle one of a sample. */
  readonly height: number;
  readonly width: number;
  /** Whether all of the sample have it. */
  readonly alike: boolean;
  /** Whether mirror images are of the same class. */
  readonly mirrors: boolean;
  /** Images of the largest class for one of the smallest. */
  readonly imbalance: number;
  /** The pictures that are made where nobody gives any. */
  readonly isExample: boolean;
}

/** The same data, of which every part is opened once only for those who want its images as they are. */
export function openedOnce(source: DataSource): DataSource {
  const once = (open: OpenSplit): OpenSplit => {
    let plain: Promise<ImageDataset> | undefined;
    return ((transform?: (image: Image) => Tensor) => (transform === undefined ? (plain ??= open()) : open(transform))) as OpenSplit;
  };
  return { ...source, splits: new Map([...source.splits].map(([name, open]) => [name, once(open)])) };
}

/** @throws what prepareData throws for data that cannot be trained on */
export async function factsOf(source: DataSource): Promise<DataFacts> {
  const { first, others } = await openParts(source);
  const sizes = sizesOf(first);
  const middle = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
  const [height, width] = [middle(sizes.map((size) => size.height)), middle(sizes.map((size) => size.width))];
  const counts = new Map<number, number>();
  for (const target of first.targets) counts.set(target, (counts.get(target) ?? 0) + 1);
  return {
    images: first.length,
    valid: others.valid?.length ?? 0,
    test: others.test?.length ?? 0,
    classes: first.classes.length,
    channels: channelsOf(first),
    height,
    width,
    alike: sizes.every((size) => size.height === height && size.width === width),
    mirrors: source.mirrors,
    imbalance: Math.max(...counts.values()) / Math.min(...counts.values()),
    isExample: source.place === '',
  };
}
