import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load, preprocess, unpackClassifier } from 'flambeau/node';
import { decodeImage } from 'flambeau/vision';
import { parseGlob } from '../../src/cli/glob.ts';
import type { Prediction } from '../../src/cli/predictions.ts';
import { encodeImage } from '../../src/io/image/encode.ts';
import { Image } from '../../src/io/image/image.ts';
import { flambeau, flambeauJson } from '../support/cli.ts';
import { ppm, tarOf, writeClasses, writeTrainAndTest } from '../support/tiny-images.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-predict-'));
const at = (name: string): string => join(folder, name);
const before = process.cwd();
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

beforeAll(async () => {
  process.chdir(folder);
  writeTrainAndTest('images');
  const quick = ['--epochs', '4', '--batch-size', '8', '--lr', '0.02', '--model', 'small', '--no-report'];
  expect((await flambeau('train', 'images', ...quick, '--out', 'runs/images-7')).code).toBe(1); // there is no runs/ yet
  mkdirSync('runs');
  expect((await flambeau('train', 'images', ...quick, '--out', 'runs/images-7')).code).toBe(0);
  writeClasses('photos', 2);
  mkdirSync('photos/deep/er', { recursive: true });
  writeFileSync('photos/deep/er/10.ppm', ppm(40, 200));
  writeFileSync('photos/deep/er/9.ppm', ppm(40, 10));
  mkdirSync('photos/.thumbnails');
  writeFileSync('photos/.thumbnails/0.ppm', ppm(8, 10));
  writeFileSync('photos/notes.txt', 'no image');
});

const names = (out: string): string[] =>
  out
    .trim()
    .split('\n')
    .map((line) => line.slice(0, line.indexOf(':')));

describe('predict', () => {
  it('takes folders, archives, patterns and files, in the order of their names', async () => {
    const all = [
      'photos/dark/0.ppm',
      'photos/dark/1.ppm',
      'photos/deep/er/9.ppm',
      'photos/deep/er/10.ppm',
      'photos/light/0.ppm',
      'photos/light/1.ppm',
    ];
    const { code, out, err } = await flambeau('predict', 'photos/');
    expect([code, err, names(out)]).toEqual([0, '', all]);
    expect(names((await flambeau('predict', 'photos/light', 'photos/dark/1.ppm')).out)).toEqual([all[4], all[5], all[1]]);
    expect(names((await flambeau('predict', 'photos/**/*.ppm')).out)).toEqual(all);
    expect(names((await flambeau('predict', at('photos/{dark,light}/[!1].p?m'))).out)).toEqual([at(all[0]!), at(all[4]!)]);
    writeFileSync('photos.tar', tarOf('photos'));
    expect(names((await flambeau('predict', 'photos.tar')).out)).toEqual(all.map((name) => name.replace('photos/', 'photos.tar/')));
    const classes = out.match(/: (dark|light) /g);
    expect(classes).toEqual([': dark ', ': dark ', ': dark ', ': light ', ': light ', ': light ']);
  });

  it('takes the network in front of the images, as evaluate, explain and export do', async () => {
    const { out } = await flambeau('predict', 'photos/dark');
    for (const network of ['images-7', 'runs/images-7', 'runs/images-7/best.pt']) {
      expect(await flambeau('predict', network, 'photos/dark')).toEqual({ code: 0, out, err: '' });
    }
    mkdirSync('elsewhere');
    process.chdir('elsewhere');
    expect((await flambeau('predict', '../runs/images-7', '../photos/dark')).code).toBe(0);
    process.chdir(folder);
    const stranger = await flambeau('predict', 'images-8', 'photos/dark');
    expect([stranger.code, stranger.err]).toEqual([1, expect.stringContaining('images-8')]);
  });

  it('names what is no image at all, first of all files', async () => {
    mkdirSync('odd');
    for (const [name, body] of [
      ['0.jpg', ''],
      ['1.jpg', 'GIF8'],
      ['2.png', '<html>'],
    ] as const)
      writeFileSync(join('odd', name), body);
    const { code, err } = await flambeau('predict', 'odd/0.jpg', 'odd/1.jpg', 'odd/2.png', 'photos/dark/0.ppm');
    expect(code).toBe(1);
    expect(err).toMatch(/odd\/0.jpg: it is an empty file; expected a JPEG/);
    expect(err).not.toContain('internal');
    expect(err).toContain('3 images of 4 could not be read');
  });

  it('gives the same for images in a batch as for each alone, whatever the number of them', async () => {
    const many = at('many');
    writeClasses(many, 40);
    const all = await flambeauJson<Extract<Prediction, { guesses: unknown }>[]>('predict', many);
    expect(all).toHaveLength(80);
    const file = join(many, 'light/33.ppm');
    const [alone] = await flambeauJson<typeof all>('predict', file, '--no-compile');
    const together = all.find(({ image }) => image === file)!;
    for (const [i, guess] of alone!.guesses.entries()) {
      expect(together.guesses[i]!.class).toBe(guess.class);
      expect(together.guesses[i]!.probability).toBeCloseTo(guess.probability, 6);
    }
  });

  it('says of photographs what evaluate and explain say, which are decoded at a part of their size', async () => {
    const noise = (seed: number): Image =>
      new Image(
        90,
        71,
        3,
        Uint8Array.from({ length: 90 * 71 * 3 }, (_, i) => ((i * 7919 * (seed + 3)) >> 4) & 255),
      );
    for (const [c, name] of ['dark', 'light'].entries()) {
      mkdirSync(join('noise', name), { recursive: true });
      for (let i = 0; i < 2; i++) writeFileSync(join('noise', name, `${i}.jpg`), encodeImage(noise(2 * c + i), { format: 'jpeg' }));
    }
    const all = await flambeauJson<Extract<Prediction, { guesses: unknown }>[]>('predict', 'noise');
    const losses = all.map(({ image, guesses }) => -Math.log(guesses.find((guess) => image.includes(guess.class))!.probability));
    const { loss } = await flambeauJson<{ loss: number }>('evaluate', 'runs/images-7', 'noise');
    expect(loss).toBeCloseTo(losses.reduce((a, b) => a + b, 0) / losses.length, 6);
    const { pictures } = await flambeauJson<{ pictures: typeof all }>('explain', 'runs/images-7', 'noise');
    for (const [i, { guesses }] of pictures.entries()) expect(guesses[0]!.probability).toBeCloseTo(all[i]!.guesses[0]!.probability, 6);
    const { network, spec } = unpackClassifier(load('runs/images-7/best.pt'), 'best.pt');
    const whole = preprocess(spec)(await decodeImage(readFileSync('noise/dark/0.jpg'))).unsqueeze(0);
    const [p] = network(whole).softmax(1).toTypedArray() as Float32Array;
    expect(Math.abs(Number(p) - Math.exp(-losses[0]!))).toBeGreaterThan(1e-5); // so that the comparison tells something
  });

  it('goes on after what cannot be read, and ends with exit code 1', async () => {
    mkdirSync('mixed');
    writeFileSync('mixed/a.ppm', ppm(8, 10));
    writeFileSync('mixed/b.png', 'hello');
    writeFileSync('mixed/c.ppm', ppm(30, 200));
    const { code, out, err } = await flambeau('predict', 'mixed', 'missing.png', 'nothing/*.png', 'runs', 'mixed/*.gif');
    expect([code, names(out)]).toEqual([1, ['mixed/a.ppm', 'mixed/c.ppm']]);
    expect(err.split('\n')).toEqual([
      'mixed/b.png: it is not an image; expected a JPEG, PNG, WebP, GIF, BMP, TIFF, PNM, AVIF or HEIC image',
      'missing.png: there is no such file',
      'nothing/*.png: nothing fits this pattern: there is no folder "nothing"',
      'runs: this folder holds no images',
      'mixed/*.gif: nothing fits this pattern',
      '5 images of 7 could not be read',
      '',
    ]);
    const json = await flambeau('predict', 'mixed', '--json', '--top', '1');
    expect([json.code, JSON.parse(json.out)]).toEqual([
      1,
      [
        { image: 'mixed/a.ppm', guesses: [{ class: 'dark', probability: expect.any(Number) as number }] },
        { image: 'mixed/b.png', error: expect.stringMatching(/^it is not an image/) as string },
        { image: 'mixed/c.ppm', guesses: [{ class: 'light', probability: expect.any(Number) as number }] },
      ],
    ]);
    const lines = (await flambeau('predict', 'mixed', '--json-lines', '--top', '1')).out.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(JSON.parse(json.out));
    const large = await flambeau('predict', 'mixed/c.ppm', '--max-pixels', '100');
    expect([large.code, large.err]).toEqual([
      1,
      expect.stringMatching(
        /^mixed\/c\.ppm: its 30x30 pixels are more than the limit of 100; raise it with --max-pixels if it is trusted\n/,
      ),
    ]);
  });

  it('writes a table, and not over another', async () => {
    const args = ['predict', 'mixed', '--csv', 'guesses.csv'];
    expect(await flambeau(...args)).toMatchObject({ code: 1, out: 'Wrote guesses.csv: 3 images\n' });
    const rows = readFileSync('guesses.csv', 'utf8')
      .trim()
      .split('\n')
      .map((row) => row.replace(/\d\.\d+(e-\d+)?/g, 'P'));
    expect(rows).toEqual([
      'image,class,probability,class_2,probability_2,error',
      'mixed/a.ppm,dark,P,light,P,',
      'mixed/b.png,,,,,"it is not an image; expected a JPEG, PNG, WebP, GIF, BMP, TIFF, PNM, AVIF or HEIC image"',
      'mixed/c.ppm,light,P,dark,P,',
    ]);
    expect((await flambeau(...args)).err).toMatch(
      /--csv: "guesses\.csv" is there already; choose another name, or write over it with --force/,
    );
    expect((await flambeau(...args, '--force', '--top', '1')).code).toBe(1);
    expect(readFileSync('guesses.csv', 'utf8')).toMatch(/^image,class,probability,error\n/);
    expect((await flambeau('predict', 'mixed', '--csv', 'no/such.csv')).err).toMatch(/--csv: cannot write to the folder/);
    expect((await flambeau(...args, '--json')).code).toBe(2);
    expect(readdirSync('.').filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('finds the network in a run, by its folder or its name, and says what is none', async () => {
    const guess = async (network: string): Promise<string> => {
      const { out, err } = await flambeau('predict', 'photos/light/0.ppm', '--checkpoint', network);
      return out + err;
    };
    const expected = await guess('runs/images-7/best.pt');
    expect(expected).toMatch(/0\.ppm: light/);
    expect(await guess('runs/images-7')).toBe(expected);
    expect(await guess('images-7')).toBe(expected);
    expect(await guess('runs/images-7/last.pt')).toMatch(
      /last\.pt" is what a run goes on from, with flambeau train --resume; its network is ".*best\.pt"/,
    );
    expect(await guess('photos')).toMatch(/"photos" is a folder without a best\.pt/);
    expect(await guess('images-8')).toMatch(/"images-8": there is no such file, and no run of this name in runs\/, which has images-7\n/);
    writeFileSync('net.onnx', '');
    expect(await guess('net.onnx')).toMatch(/"net\.onnx" is an ONNX model; expected a checkpoint/);
    for (const command of [
      ['summary', 'images-7'],
      ['evaluate', 'images-7', 'images'],
      ['explain', 'images-7'],
    ])
      expect((await flambeau(...command)).code).toBe(0);
  });
});

describe('patterns', () => {
  it.each([
    ['a/*.jpg', 'a', 0, ['x.jpg', '.jpg'], ['x.jpeg', 'b/x.jpg']],
    ['/data/**/*.{jpg,png}', '/data', Infinity, ['x.png', 'b/c/x.jpg'], ['x.gif', 'b/xjpg']],
    ['*/IMG_[0-9]?.png', '.', 1, ['b/IMG_12.png'], ['IMG_12.png', 'b/IMG_a1.png', 'b/c/IMG_12.png']],
    ['a/[!x]*', 'a', 0, ['y'], ['x', 'xy']],
    ['a/[z-a].png', 'a', 0, ['[z-a].png'], ['z.png']],
    ['a/b+(c)[.png', 'a', 0, ['b+(c)[.png'], ['bb(c)[.png']],
  ])('%s', (pattern, root, depth, fitting, others) => {
    const glob = parseGlob(pattern);
    expect([glob.root, glob.depth]).toEqual([root, depth]);
    expect(fitting.filter((name) => !glob.fits(name))).toEqual([]);
    expect(others.filter((name) => glob.fits(name))).toEqual([]);
  });
});
