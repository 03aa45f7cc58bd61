/** Classes, parts, and what is said of them before training. */
import { describe, expect, it } from 'vitest';
import {
  freeName,
  keptOf,
  moved,
  MOST_PICTURES,
  nameProblem,
  renamed,
  split,
  withClass,
  withNamed,
  without,
  withoutClass,
  withPart,
  withPictures,
  type Collection,
  type NewPicture,
} from '../../lab/core/collection.ts';
import { countsOf } from '../../lab/core/dataset.ts';
import { sortFiles } from '../../lab/core/folders.ts';
import { adviceOn } from '../../lab/core/readiness.ts';
import { SAMPLES } from '../../lab/core/samples.ts';

const picture = (label: number, i: number): NewPicture => ({
  id: `${label}-${i}`,
  name: `${i}.png`,
  label,
  origin: 'file',
  size: 1,
  rgb: new Uint8Array(3),
});
const some = (...counts: readonly number[]): Collection =>
  withPictures(
    { classes: counts.map((_, label) => `c${label}`), pictures: [] },
    counts.flatMap((count, label) => Array.from({ length: count }, (_, i) => picture(label, i))),
    0.2,
  );
const says = (collection: Collection): string =>
  adviceOn(collection)
    .map(({ level, text }) => `${level}: ${text}`)
    .join('\n');

describe('classes', () => {
  it('have names that differ, whatever the case of letters', () => {
    expect(withClass(some(1), ' big  dog ').classes).toEqual(['c0', 'big dog']);
    expect(nameProblem(['Cat'], 'cat')).toContain('already');
    expect(nameProblem(['Cat'], 'cat', 0)).toBeUndefined();
    expect(nameProblem([], '  ')).toContain('needs a name');
    expect(() => renamed(some(1, 1), 1, 'C0')).toThrow('choose another name');
    expect(freeName(['a', 'A 2'], 'a')).toBe('a 3');
  });

  it('take their pictures with them, and the labels behind move up', () => {
    const left = withoutClass(some(2, 3, 4), 1);
    expect(left.classes).toEqual(['c0', 'c2']);
    expect(countsOf(left.pictures, 2)).toEqual([2, 4]);
    expect(left.pictures.every(({ id, label }) => id.startsWith(label === 0 ? '0' : '2'))).toBe(true);
  });
});

describe('pictures', () => {
  it('are moved, put into parts and deleted, and the others stay the very same', () => {
    const before = some(3, 3);
    const after = withPart(moved(before, new Set(['0-1']), 1), new Set(['0-1']), 'valid');
    expect(after.pictures[1]).toMatchObject({ id: '0-1', label: 1, part: 'valid' });
    expect(after.pictures[0]).toBe(before.pictures[0]);
    expect(without(after, new Set(['0-0', '0-1'])).pictures).toHaveLength(4);
  });

  it('are split by a seed with the same share of each class, of which something is left on either side', () => {
    const all = { classes: SAMPLES.shapes.classes, pictures: SAMPLES.shapes.make(30, 1) };
    const one = split(all, 0.3, 5);
    expect(countsOf(one.pictures, 4, 'valid')).toEqual([9, 9, 9, 9]);
    expect(split(all, 0.3, 5).pictures.map(({ part }) => part)).toEqual(one.pictures.map(({ part }) => part));
    expect(split(all, 0.3, 6).pictures.map(({ part }) => part)).not.toEqual(one.pictures.map(({ part }) => part));
    expect(split(all, 0, 5).pictures.every(({ part }) => part === 'train')).toBe(true);
    expect([keptOf(1, 0.5), keptOf(2, 0.05), keptOf(2, 0.9), keptOf(10, 0.2)]).toEqual([0, 1, 1, 2]);
  });

  it('that come one after the other keep the share', () => {
    expect(countsOf(some(10, 1, 2, 25).pictures, 4, 'valid')).toEqual([2, 0, 1, 5]);
  });

  it('make classes of the names they come with, up to a bound', () => {
    const { label: _, ...file } = picture(0, 9);
    const more = withNamed(
      some(1),
      [
        ['C0', file],
        ['cat', { ...file, id: 'x' }],
        ['Cat', { ...file, id: 'y' }],
      ],
      0,
    );
    expect(more.classes).toEqual(['c0', 'cat']);
    expect(countsOf(more.pictures, 2)).toEqual([2, 2]);
    const many = Array.from({ length: MOST_PICTURES + 1 }, (_, i) => picture(0, i));
    expect(() => withPictures(some(0), many, 0)).toThrow('delete some first');
  });
});

it('files go into the class of the folder next to them', () => {
  const paths = ['pets/cat/10.jpg', 'pets/cat/2.jpg', '/dog/a.png', 'loose.png', 'pets/cat/.DS_Store', '__MACOSX/cat/2.jpg', 'dog\\b.png'];
  const found = paths.map((path) => ({ path, file: path }));
  const sorted = sortFiles(found, undefined).map(({ className, name }) => `${className}: ${name}`);
  expect(sorted.sort()).toEqual(['cat: 10.jpg', 'cat: 2.jpg', 'dog: a.png', 'dog: b.png', 'pictures: loose.png']);
  const cats = sortFiles(found, 'here').filter(({ file }) => file.includes('cat'));
  expect(cats.map(({ className, name }) => [className, name])).toEqual([
    ['here', '2.jpg'],
    ['here', '10.jpg'],
  ]);
});

describe('before training', () => {
  it('what makes it impossible is said', () => {
    expect(says(some())).toContain('stop: There are no pictures yet');
    expect(says(some(20))).toContain('stop: There is only the class “c0”');
    expect(says(some(20, 0))).toContain('stop: Only the class “c0” has pictures');
    const aside = some(20, 20);
    expect(says(withPart(aside, new Set(aside.pictures.map(({ id }) => id)), 'valid'))).toContain('stop: All pictures are kept aside');
  });

  it('what makes it worse is said', () => {
    expect(says(some(20, 20))).toBe('');
    expect(says(some(20, 20, 0))).toContain('warn: “c2” has no pictures');
    expect(says(some(1, 1))).toContain('warn: 2 pictures in all are very few');
    expect(says(some(60, 15))).toContain('“c0” has 4 times as many pictures as “c1”');
    expect(says(split(some(20, 20), 0, 1))).toContain('No pictures are kept aside');
  });
});
