/** `flambeau check`, and what it goes by: everything that is wrong, in one go. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ArgumentError } from '../../src/base/errors.ts';
import { checkData, type DataReport, type Finding, type FindingKind } from '../../src/train/check-data.ts';
import { flambeau } from '../support/cli.ts';
import { ppm } from '../support/tiny-images.ts';

const scratch = mkdtempSync(join(tmpdir(), 'flambeau-check-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A picture that is no other's, of noise from a seed. */
function picture(seed: number, side = 20, channels: 1 | 3 = 3): Uint8Array {
  const head = new TextEncoder().encode(`P${channels === 3 ? 6 : 5} ${side} ${side} 255 `);
  const pixels = Array.from({ length: side * side * channels }, (_, i) => ((i + 7) * (seed + 3) * 2654435761) >>> 24);
  return new Uint8Array([...head, ...pixels]);
}
const blank = new Uint8Array([...new TextEncoder().encode('P5 20 20 255 '), ...new Array<number>(400).fill(99)]);
const JXL = new TextEncoder().encode('\0\0\0\x0cJXL ');

let counter = 0;
function tree(files: Readonly<Record<string, Uint8Array>>): string {
  const root = join(scratch, String(counter++));
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), bytes);
  }
  return root;
}

let seed = 0;
const many = (folder: string, count: number): Record<string, Uint8Array> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${folder}/${i}.ppm`, picture(seed++)]));
const kinds = ({ findings }: DataReport): FindingKind[] => findings.map(({ kind }) => kind);
const only = (report: DataReport, kind: FindingKind): Finding => report.findings.find((each) => each.kind === kind)!;

describe('check', () => {
  const same = picture(9_000);
  const messy = tree({
    ...many('train/cats', 12),
    ...many('train/dogs', 12),
    ...many('train/rare', 2),
    ...many('val/cats', 3),
    ...many('val/dogs', 3),
    ...many('val/rare', 1),
    'train/cats/a.jxl': JXL,
    'train/cats/b.jpg': same,
    'val/cats/b.ppm': same,
    'train/dogs/one.ppm': picture(9_001),
    'train/dogs/two.ppm': picture(9_001),
    'train/dogs/both.ppm': picture(9_002),
    'train/cats/both.ppm': picture(9_002),
    'train/cats/grey.ppm': blank,
    'train/cats/small.ppm': picture(9_003, 5),
    'train/.DS_Store': JXL,
  });

  it('finds everything in one go', async () => {
    const report = await checkData(messy);
    expect(report.stops).toBe(false);
    expect(report.parts.map(({ name, images, readable, classes }) => [name, images, readable, classes])).toEqual([
      ['train', 34, 33, { cats: 17, dogs: 15, rare: 2 }],
      ['valid', 8, 8, { cats: 4, dogs: 3, rare: 1 }],
    ]);
    expect(new Set(kinds(report))).toEqual(new Set(['unreadable', 'contradiction', 'same-in-parts', 'duplicate', 'blank', 'tiny', 'ending', 'imbalance', 'few', 'sizes', 'modes'])); // prettier-ignore
    expect(only(report, 'unreadable').items).toEqual([expect.stringMatching(/^train\/cats\/a.jxl: it is a JPEG XL image/)]);
    expect(only(report, 'contradiction').items).toEqual(['train/cats/both.ppm = train/dogs/both.ppm']);
    expect(only(report, 'same-in-parts').items).toEqual(['train/cats/b.jpg = val/cats/b.ppm']);
    expect(only(report, 'duplicate').items).toEqual(['train/dogs/one.ppm = train/dogs/two.ppm']);
    expect(only(report, 'blank').items).toEqual(['train/cats/grey.ppm']);
    expect(only(report, 'tiny').items).toEqual(['train/cats/small.ppm: 5x5']);
    expect(only(report, 'ending').items).toEqual(['train/cats/b.jpg: a PNM image']);
    expect(only(report, 'imbalance').message).toBe("cats has 17 images in the part 'train', rare only 2");
    expect(only(report, 'few').items).toEqual(['rare: 2']);
    expect(only(report, 'sizes').items).toEqual(['20x20: 40', '5x5: 1']);
    expect(only(report, 'modes').items).toEqual(['colour: 40', 'grey: 1']);
    expect(report.notes).toEqual(['1 hidden file or folder is passed over ("train/.DS_Store")']);
  });

  it('prints a table, or JSON, and says with its exit code whether training would stop', async () => {
    const { code, out } = await flambeau('check', messy, '--most', '1');
    expect(code).toBe(0);
    expect(out).toMatch(/class +train +valid\ncats +17 +4\ndogs +15 +3\nrare +2 +1\nin all +34 +8\n/);
    expect(out).toMatch(
      /Worth a look:\n {2}1 of 34 images of the part 'train' cannot be read \(2.9 %; training passes over up to 10 %\)\n {6}train\/cats\/a.jxl: it is a JPEG XL image/,
    );
    expect(out).toMatch(/ {6}20x20: 40\n {6}… 1 more\n/);
    expect(out).toMatch(/Training on this works\.\n$/);
    const strict = await flambeau('check', messy, '--max-unreadable', '0', '--json');
    expect(strict.code).toBe(1);
    expect(JSON.parse(strict.out)).toMatchObject({
      stops: true,
      findings: [{ kind: 'unreadable', stops: true }, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}],
    });
    const fine = await flambeau('check', tree({ ...many('a', 10), ...many('b', 10) }));
    expect([fine.code, fine.out.split('\n').at(-2)]).toEqual([0, 'Training on this works; nothing is wrong with it.']);
  });

  it('names a link to nothing, and what to do with images that are called after their classes', async () => {
    const links = tree({ ...many('a', 12), ...many('b', 12) });
    symlinkSync(join(scratch, 'nowhere'), join(links, 'a/gone.ppm'));
    expect(only(await checkData(links), 'unreadable').items.join()).toMatch(/gone\.ppm.*ENOENT/);
    expect((await flambeau('check', links)).code).toBe(0);
    const flat = tree(Object.fromEntries(['cat.0', 'cat.1', 'dog.0', 'dog.1', 'dog 2'].map((name) => [`${name}.ppm`, picture(seed++)])));
    expect((await flambeau('check', flat)).out).toMatch(/\(their names begin with "cat", "dog": if those are the classes, move/);
    const photos = tree(Object.fromEntries(['IMG_1', 'IMG_2', 'DSC3'].map((name) => [`${name}.ppm`, picture(seed++)])));
    expect((await flambeau('check', photos)).out).toMatch(/which class they are; expected/);
  });

  it('says all that stops a training, and goes on', async () => {
    const lacking = await checkData(
      tree({ ...many('train/a', 2), ...many('train/b', 2), ...many('val/a', 1), ...many('val/c', 1), 'train/b/x.jpg': JXL }),
    );
    expect(lacking.findings.filter(({ stops }) => stops).map(({ message }) => message)).toEqual([
      "1 of 5 images of the part 'train' cannot be read (20 %; training passes over up to 10 %)",
      "the part 'valid' lacks the class b",
      "the part 'valid' alone has the class c",
    ]);
    const gone = await checkData(tree({ ...many('a', 12), 'b/1.jpg': JXL }));
    expect(gone.findings[0]).toMatchObject({ kind: 'empty-class', stops: true, message: 'no image of b can be read' });
    const hollow = tree({ ...many('a', 12), ...many('c', 12), 'b/notes.txt': JXL });
    const empty = await checkData(hollow);
    expect(empty.findings).toEqual([{ kind: 'empty-class', stops: true, message: 'there are no images for the class "b"', items: ['b'] }]);
    expect(empty.parts[0]!.classes).toEqual({ a: 12, b: 0, c: 12 });
    const alone = await checkData(tree(many('a', 3)));
    expect(alone.findings[0]).toMatchObject({ kind: 'classes', stops: true });
    const flat = await flambeau('check', tree({ '1.jpg': JXL, '2.jpg': JXL }));
    expect([flat.code, flat.out]).toEqual([1, expect.stringMatching(/What stops a training:\n {2}.*nothing says which class they are/)]);
    await expect(checkData(join(scratch, 'nowhere'))).rejects.toThrow(ArgumentError);
    expect((await flambeau('check', join(scratch, 'nowhere'))).code).toBe(1);
  });

  it('takes the pictures of published sets, and shows names harmlessly', async () => {
    const odd = tree({ ...many('a', 3), ...many('b', 3), 'a/\u001b[31mred.jpg': JXL });
    const { out } = await flambeau('check', odd);
    expect(out).toContain('a/\\u001b[31mred.jpg: it is a JPEG XL image');
    expect(out).not.toContain('\u001b');
  });
});

describe('--max-pixels', () => {
  it('lets larger images in everywhere, and is named where one is refused', async () => {
    const place = join(scratch, 'large');
    for (const [name, shade] of [['dark', 10], ['light', 200]] as const) {
      mkdirSync(join(place, 'photos', name), { recursive: true });
      for (let i = 0; i < 10; i++) writeFileSync(join(place, 'photos', name, `${i}.ppm`), ppm(i === 9 ? 12 : 8, shade, i));
    } // prettier-ignore
    const photos = join(place, 'photos');
    const limit = ['--max-pixels', '100'];
    const quick = ['--epochs', '1', '--model', 'small', '--size', '8', '--no-report'];
    const told = await flambeau('check', photos, ...limit);
    expect(told.out).toMatch(/dark\/9\.ppm: its 12x12 pixels are more than the limit of 100; raise it with --max-pixels if it is trusted/);
    const run = join(place, 'run');
    const trained = await flambeau('train', photos, ...quick, ...limit, '--out', run);
    expect([trained.code, trained.out]).toEqual([
      0,
      expect.stringMatching(/2 images cannot be read and are passed over:\n {4}".*raise it with --max-pixels/),
    ]);
    const evaluated = await flambeau('evaluate', run, photos, ...limit, '--split', 'train', '--max-unreadable', '0');
    expect([evaluated.code, evaluated.err]).toEqual([
      1,
      expect.stringMatching(/2 of 20 images cannot be read.*raise it with --max-pixels/),
    ]);
    expect((await flambeau('evaluate', run, photos, '--max-pixels', '144', '--split', 'train')).out).toMatch(/on 20 images/);
    expect((await flambeau('check', photos, '--max-pixels', '0')).code).toBe(2);
  });
});
