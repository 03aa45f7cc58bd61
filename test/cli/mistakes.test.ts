import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeImage } from '../../src/io/image/encode.ts';
import { Image } from '../../src/io/image/image.ts';
import { flambeau, flambeauJson } from '../support/cli.ts';
import { ppm, writeClasses, writeMnist } from '../support/tiny-images.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-mistakes-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const QUICK = ['--epochs', '4', '--batch-size', '8', '--lr', '0.02', '--model', 'small', '--no-report'];
const filesIn = (path: string): string[] =>
  readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('.'))
    .map((name) => name.replaceAll('\\', '/'))
    .sort();

beforeAll(async () => {
  writeClasses(at('images'), 20);
  expect((await flambeau('train', at('images'), ...QUICK, '--out', at('run'))).code).toBe(0);
  // Three that lie in the wrong folder: one of a format that browsers do not show, two of one name.
  writeClasses(at('new'), 3, 10);
  writeFileSync(at('new/light/odd % "name".ppm'), ppm(30, 10));
  for (const part of ['a', 'b']) {
    mkdirSync(at(`new/dark/${part}`), { recursive: true });
    writeFileSync(at(`new/dark/${part}/x.png`), encodeImage(Image.filled(8, 8, 3, [250, 250, 250])));
  }
});

describe('evaluate --mistakes', () => {
  it('copies what is mistaken, with a page and a table', async () => {
    const before = filesIn(at('new'));
    const { code, out } = await flambeau('evaluate', at('run'), at('new'), '--mistakes', at('wrong'));
    expect(code).toBe(0);
    expect(out).toMatch(/Test Accuracy \(Overall\): 66\.67% \(6\/9\)/);
    expect(out).toMatch(/The mistakes: .*wrong\/index\.html\n$/);
    expect(filesIn(at('new'))).toEqual(before);
    expect(filesIn(at('wrong'))).toEqual([
      expect.stringMatching(/^dark_as_light\/0\.\d{4}-x-2\.png$/),
      expect.stringMatching(/^dark_as_light\/0\.\d{4}-x\.png$/),
      'index.html',
      expect.stringMatching(/^light_as_dark\/0\.\d{4}-odd-name\.ppm$/),
      'mistakes.csv',
    ]);
    const rows = readFileSync(at('wrong/mistakes.csv'), 'utf8').trim().split('\n').slice(1);
    const probabilities = rows.map((row) => Number(/,(0\.\d+),/.exec(row)![1]));
    expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a));
    const odd = rows.find((row) => row.includes('odd'))!;
    expect(odd).toMatch(/^"light\/odd % ""name""\.ppm",light,dark,0\.\d+,light_as_dark\/0\.\d+-odd-name\.ppm$/);
    const copy = odd.slice(odd.lastIndexOf(',') + 1);
    expect(readFileSync(at(`wrong/${copy}`))).toEqual(readFileSync(at('new/light/odd % "name".ppm')));
    const page = readFileSync(at('wrong/index.html'), 'utf8');
    expect(page.match(/<figure>/g)).toHaveLength(3);
    expect(page).toContain('<img src="data:image/png;base64,'); // the PPM file's picture
    const address = /<img src="(dark_as_light[^"]+)"/.exec(page)![1]!;
    expect(existsSync(at(`wrong/${decodeURIComponent(address)}`))).toBe(true);
    expect(page).toContain('light/odd % &#34;name&#34;.ppm');
    expect(page).toMatch(/<tr><th scope="row">dark<\/th><td>light<\/td><td>2<\/td>/);
  });

  it('leaves what is there alone, and with --force replaces its own only', async () => {
    const args = ['evaluate', at('run'), at('new'), '--mistakes', at('wrong')];
    expect((await flambeau(...args)).err).toMatch(/--mistakes: the folder ".*wrong" is not empty; .* with --force/);
    mkdirSync(at('mine'));
    writeFileSync(at('mine/precious.txt'), 'precious');
    expect((await flambeau(...args.slice(0, -1), at('mine'), '--force')).err).toMatch(/holds something else than the mistakes/);
    expect((await flambeau(...args.slice(0, -1), at('mine/precious.txt'))).err).toMatch(/expected a folder, but .* is a file/);
    expect((await flambeau(...args.slice(0, -1), at('no/where'))).err).toMatch(/--mistakes: cannot write to the folder/);
    const once = filesIn(at('wrong'));
    writeFileSync(at('wrong/dark_as_light/note.txt'), 'mine');
    cpSync(at('images/dark/0.ppm'), at('wrong/light_as_dark/0.1234-gone.ppm'));
    expect((await flambeau(...args, '--force')).code).toBe(0);
    expect(filesIn(at('wrong'))).toEqual([...once, 'dark_as_light/note.txt'].sort());
    expect(readFileSync(at('mine/precious.txt'), 'utf8')).toBe('precious');
  });

  it('measures a run on its own held-out images when no data is named, and writes a page without mistakes too', async () => {
    const result = await flambeauJson('evaluate', at('run'), '--mistakes', at('none'));
    expect(result).toMatchObject({ total: 8, accuracy: 1, heldOut: true, mistakes: at('none') });
    expect(filesIn(at('none'))).toEqual(['index.html', 'mistakes.csv']);
    expect(readFileSync(at('none/index.html'), 'utf8')).toContain('There are no mistakes.');
    expect((await flambeau('evaluate', at('run/best.pt'))).out).toContain(`on 8 held-out images of ${at('images')}`);
  });

  it('writes pictures of sets that have no files of their own', async () => {
    writeMnist(at('digits'), 'train', 60);
    const args = ['train', at('digits'), '--epochs', '1', '--lr', '1e-9', '--model', 'small', '--no-report'];
    expect((await flambeau(...args, '--out', at('digits-run'))).code).toBe(0);
    await flambeau('evaluate', at('digits-run'), at('digits'), '--mistakes', at('digits-wrong'), '--split', 'train');
    const copies = filesIn(at('digits-wrong')).filter((name) => name.endsWith('.png'));
    expect(copies.length).toBeGreaterThan(5);
    expect(copies[0]).toMatch(/^\d[^/]*_as_\d[^/]*\/0\.\d{4}-.*\d\.png$/);
  });
});
