/** The classes and pictures of a project and what is done with them. Every function gives a new collection; pictures that stay the same are shared, so that keeping old ones (undo) is cheap. */
import { randomOf, shuffle } from './random.ts';
import type { Part, Picture } from './spec.ts';

export interface Collection {
  readonly classes: readonly string[];
  readonly pictures: readonly Picture[];
}

const MOST_CLASSES = 100;
export const MOST_PICTURES = 10_000;
export const LONGEST_NAME = 60;
/** Pixels on a side that pictures are kept at, at most. */
export const LARGEST_SIDE = 96;

export interface Splitting {
  /** Of each class, between 0 and 1. */
  readonly share: number;
  readonly seed: number;
}
export const DEFAULT_SPLITTING: Splitting = { share: 0.2, seed: 1 };

/** Why a class cannot be called so; undefined where it can. @param own the class itself, when it is renamed */
export function nameProblem(classes: readonly string[], name: string, own?: number): string | undefined {
  const tidy = tidyName(name);
  if (tidy === '') return 'A class needs a name.';
  if (tidy.length > LONGEST_NAME) return `This name has ${tidy.length} letters; ${LONGEST_NAME} are the most.`;
  const other = classes.findIndex((known) => known.toLowerCase() === tidy.toLowerCase());
  if (other !== -1 && other !== own) return `There is a class “${classes[other]}” already: choose another name.`;
  if (own === undefined && classes.length >= MOST_CLASSES) return `There are ${MOST_CLASSES} classes, which is the most: remove one first.`;
  return undefined;
}

export const tidyName = (name: string): string => name.replace(/\s+/g, ' ').trim();

/** A name that no class has: the wish itself, or with a number behind it. */
export function freeName(classes: readonly string[], wish: string): string {
  const base = tidyName(wish).slice(0, LONGEST_NAME - 4) || 'class';
  for (let i = 1; ; i++) {
    const name = i === 1 ? base : `${base} ${i}`;
    if (nameProblem(classes, name, -1) === undefined) return name;
  }
}

/** @throws RangeError with the sentence of {@link nameProblem} */
export function withClass({ classes, pictures }: Collection, name: string): Collection {
  refuse(nameProblem(classes, name));
  return { classes: [...classes, tidyName(name)], pictures };
}

/** @throws RangeError with the sentence of {@link nameProblem} */
export function renamed({ classes, pictures }: Collection, label: number, name: string): Collection {
  refuse(nameProblem(classes, name, label));
  return { classes: classes.map((old, i) => (i === label ? tidyName(name) : old)), pictures };
}

/** Without a class and its pictures. */
export function withoutClass({ classes, pictures }: Collection, label: number): Collection {
  return {
    classes: classes.filter((_, i) => i !== label),
    pictures: pictures
      .filter((picture) => picture.label !== label)
      .map((picture) => (picture.label > label ? { ...picture, label: picture.label - 1 } : picture)),
  };
}

type Ids = ReadonlySet<string>;

function changed(collection: Collection, ids: Ids, values: Partial<Picture>): Collection {
  const { classes, pictures } = collection;
  return { classes, pictures: pictures.map((picture) => (ids.has(picture.id) ? { ...picture, ...values } : picture)) };
}

export const moved = (collection: Collection, ids: Ids, label: number): Collection => changed(collection, ids, { label });
export const withPart = (collection: Collection, ids: Ids, part: Part): Collection => changed(collection, ids, { part });
export const without = ({ classes, pictures }: Collection, ids: Ids): Collection => ({
  classes,
  pictures: pictures.filter((picture) => !ids.has(picture.id)),
});

/** How many of so many pictures of a class are kept aside: the share, but one at least is left to train on, and one is kept where there are two. */
export function keptOf(count: number, share: number): number {
  if (share <= 0 || count < 2) return 0;
  return Math.min(count - 1, Math.max(1, Math.round(count * share)));
}

/** Which pictures are kept aside, drawn anew: of each class the same share, so that none is missing from either part. */
export function split({ classes, pictures }: Collection, share: number, seed: number): Collection {
  const kept = new Set<string>();
  classes.forEach((_, label) => {
    const random = randomOf(seed * 1009 + label);
    const ids = pictures.filter((picture) => picture.label === label).map(({ id }) => id);
    for (const id of shuffle(ids, random).slice(0, keptOf(ids.length, share))) kept.add(id);
  });
  const partOf = ({ id }: Picture): Part => (kept.has(id) ? 'valid' : 'train');
  return {
    classes,
    pictures: pictures.map((picture) => (picture.part === partOf(picture) ? picture : { ...picture, part: partOf(picture) })),
  };
}

/** What a new picture is before it has its part. */
export type NewPicture = Omit<Picture, 'part'>;

/** With more pictures, each of which goes where its class is short of the share. @throws RangeError beyond the most pictures */
export function withPictures({ classes, pictures }: Collection, more: readonly NewPicture[], share: number): Collection {
  if (pictures.length + more.length > MOST_PICTURES)
    throw new RangeError(
      `${pictures.length} pictures and ${more.length} more are beyond ${MOST_PICTURES}, the most that fit: delete some first.`,
    );
  const counts = classes.map(() => ({ all: 0, kept: 0 }));
  for (const { label, part } of pictures) {
    const count = counts[label];
    if (count === undefined) continue;
    count.all += 1;
    if (part === 'valid') count.kept += 1;
  }
  const added = more.map((picture): Picture => {
    const count = (counts[picture.label] ??= { all: 0, kept: 0 });
    count.all += 1;
    const part = count.kept < keptOf(count.all, share) ? 'valid' : 'train';
    if (part === 'valid') count.kept += 1;
    return { ...picture, part };
  });
  return { classes, pictures: [...pictures, ...added] };
}

/** With pictures of classes by name, which are made where there are none yet (whatever the case of letters). @throws RangeError beyond the most pictures or classes */
export function withNamed(
  collection: Collection,
  more: readonly (readonly [className: string, picture: Omit<NewPicture, 'label'>])[],
  share: number,
): Collection {
  const classes = [...collection.classes];
  const labels = new Map(classes.map((name, label) => [name.toLowerCase(), label]));
  const labelOf = (name: string): number => {
    const known = labels.get(name.toLowerCase());
    if (known !== undefined) return known;
    refuse(nameProblem(classes, name));
    labels.set(name.toLowerCase(), classes.length);
    return classes.push(tidyName(name)) - 1;
  };
  const pictures = more.map(([name, picture]) => ({ ...picture, label: labelOf(name) }));
  return withPictures({ classes, pictures: collection.pictures }, pictures, share);
}

function refuse(problem: string | undefined): void {
  if (problem !== undefined) throw new RangeError(problem);
}
