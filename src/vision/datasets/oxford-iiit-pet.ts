/**
 * Oxford-IIIT Pet: 7,349 photos of cats and dogs by breed
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.OxfordIIITPet.html).
 */
import { OPTIONS, requireKind } from '../../base/arguments.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import { provide, type Needed, type Resource } from './download.ts';
import { ImageDataset } from './image-dataset.ts';
import { ImageTargets, maskReader, type ImageTargetsOptions } from './image-targets.ts';
import type { SetOptions } from './labelled-set.ts';
import { requireChoice, SetFiles } from './set-files.ts';

const SPLITS = ['trainval', 'test'] as const;
const TYPES = ['category', 'binary-category'] as const;
const BINARY = ['Cat', 'Dog'];
const FOLDER = 'oxford-iiit-pet';
const SITE = 'https://www.robots.ox.ac.uk/~vgg/data/pets/data/';
const resource = (name: string, md5: string): Resource => ({ name, md5, urls: [`${SITE}${name}`] });
const NEEDED: Needed = {
  folder: FOLDER,
  resources: [
    resource('images.tar.gz', '5c4f3ee8e5d25df40f4fd59a7f44e54c'),
    resource('annotations.tar.gz', '95a8c909bbe2e81eed6a22bccdf3f68f'),
  ],
  present: [`${FOLDER}/images`, `${FOLDER}/annotations`],
  unpack: true,
};

/** Options of {@link OxfordIIITPet.open}. */
export interface OxfordPetOptions<O, T = number> extends SetOptions<O, T> {
  /** Which part, default `'trainval'`. */
  readonly split?: (typeof SPLITS)[number];
  /** Whether the classes are the 37 breeds (default), or cats and dogs. */
  readonly targetType?: (typeof TYPES)[number];
}

/** Options of {@link OxfordIIITPet.openSegmentation}. */
export interface PetMaskOptions<O, M> extends ImageTargetsOptions<Image, O, Image, M> {
  /** Which part, default `'trainval'`. */
  readonly split?: (typeof SPLITS)[number];
}

/** Photos of cats and dogs. Open them with {@link OxfordIIITPet.open}, or with masks by {@link OxfordIIITPet.openSegmentation}. */
export class OxfordIIITPet<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens a folder that holds `oxford-iiit-pet/images` and `oxford-iiit-pet/annotations`, or that folder itself, or an archive of either.
   *
   * @throws {@link ArgumentError} when there is nothing at the path, or an option has no such value
   * @throws {@link FormatError} when files are missing or damaged, or cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: OxfordPetOptions<O, T> = {}): Promise<OxfordIIITPet<O, T>> {
    requireKind('OxfordIIITPet.open', 'options', options, OPTIONS);
    const type = requireChoice('OxfordIIITPet.open', 'targetType', options.targetType ?? 'category', TYPES);
    const { set, prefix, pets } = await readPets(root, options);
    const images = set.images(
      pets.map(({ name }) => `${prefix}images/${name}.jpg`),
      options.maxPixels,
    );
    const isBreed = type === 'category';
    return new OxfordIIITPet(
      images,
      pets.map((pet) => (isBreed ? pet.breed : pet.kind)),
      isBreed ? breedNames(pets) : BINARY,
      options,
    );
  }

  /**
   * The photos with masks instead of classes: images of one channel with 1 for the animal, 2 for what is around it and 3 for its edge.
   *
   * @throws {@link ArgumentError} as {@link OxfordIIITPet.open}
   * @throws {@link FormatError} as {@link OxfordIIITPet.open}
   */
  static async openSegmentation<O = Image, M = Image>(
    root: FileSource,
    options: PetMaskOptions<O, M> = {},
  ): Promise<ImageTargets<Image, O, Image, M>> {
    requireKind('OxfordIIITPet.openSegmentation', 'options', options, OPTIONS);
    const { set, prefix, pets } = await readPets(root, options);
    const images = set.images(
      pets.map(({ name }) => `${prefix}images/${name}.jpg`),
      options.maxPixels,
    );
    const mask = maskReader(
      set,
      pets.map(({ name }) => `${prefix}annotations/trimaps/${name}.png`),
    );
    return new ImageTargets('OxfordIIITPet', images, pets.length, mask, options);
  }
}

interface Pet {
  readonly name: string;
  readonly breed: number;
  /** 0 for a cat, 1 for a dog. */
  readonly kind: number;
}

async function readPets(
  root: FileSource,
  options: Pick<OxfordPetOptions<unknown, unknown>, 'split' | 'download' | 'mirrors' | 'onDownload' | 'signal' | 'fetch'>,
): Promise<{ set: SetFiles; prefix: string; pets: Pet[] }> {
  const split = requireChoice('OxfordIIITPet', 'split', options.split ?? 'trainval', SPLITS);
  await provide('OxfordIIITPet', root, options, NEEDED);
  const set = await SetFiles.open(
    'OxfordIIITPet',
    root,
    /(^|\/)(annotations\/(trainval|test)\.txt|annotations\/trimaps\/.*\.png|images\/.*\.jpg)$/,
  );
  const file = `annotations/${split}.txt`;
  const prefix = set.prefix(file);
  const pets = set.lines(prefix + file).map((line) => {
    const [name = '', breed, kind] = line.split(/\s+/);
    const pet = { name, breed: Number(breed) - 1, kind: Number(kind) - 1 };
    if (!(pet.breed >= 0 && pet.kind >= 0 && pet.kind < 2)) throw set.damaged(file, `the line ${JSON.stringify(line)}`);
    return pet;
  });
  return { set, prefix, pets };
}

/** `american_pit_bull_terrier` is in the photos' names; breeds are numbered. */
function breedNames(pets: readonly Pet[]): string[] {
  const names: string[] = [];
  for (const { name, breed } of pets) {
    const words = name.slice(0, name.lastIndexOf('_')).split('_');
    names[breed] = words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase()).join(' ');
  }
  return Array.from(names, (name: string | undefined, breed) => name ?? `Breed ${breed + 1}`);
}
