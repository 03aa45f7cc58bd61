/** Fetching from a server of the test's own. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeImage } from '../../src/io/image/encode.ts';
import { Image } from '../../src/io/image/image.ts';
import { PUBLISHED, PUBLISHED_NAMES } from '../../src/train/published.ts';
import * as datasets from '../../src/vision/datasets/index.ts';
import { flambeau, flambeauJson } from '../support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-datasets-'));
const at = (name: string): string => join(folder, name);
let answer: RequestListener = (_, response) => void response.writeHead(404).end();
const server = createServer((request, response) => {
  answer(request, response);
});
let mirror = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}/some`;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

describe('datasets', () => {
  it('lists what can be fetched, by torchvision’s names', async () => {
    const { code, out } = await flambeau('datasets');
    expect([code, out.split('\n')[0]]).toEqual([0, 'Name            Images  Classes  Download  Pixels              What']);
    expect(out).toMatch(/^CIFAR10 +60,000 +10 +170 MB {2}32×32 +animals and vehicles$/m);
    const all = await flambeauJson<{ name: string; licence?: string }[]>('datasets');
    expect(all.map(({ name }) => name)).toEqual(PUBLISHED_NAMES);
    for (const { name } of all) expect(name in datasets, name).toBe(true);
  });

  it('says more about one, in whatever letters it is asked for', async () => {
    const { out } = await flambeau('datasets', 'oxford-iiit-pet');
    expect(out).toMatch(/^OxfordIIITPet: breeds of cats and dogs\n {2}3,680 for training, 3,669 for testing; 37 classes/);
    expect(out).toMatch(/Licence: CC BY-SA 4\.0\n {2}To fetch it, about 811 MB: flambeau datasets OxfordIIITPet --root data\n$/);
    expect((await flambeau('datasets', 'CIFAR-10')).out).toMatch(/Licence: not stated there/);
    expect(await flambeau('datasets', 'CIFAR11')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/there is no 'CIFAR11'; did you mean CIFAR10\?/) as string,
    });
    expect((await flambeau('datasets', '--root', 'data')).code).toBe(2);
    expect((await flambeau('datasets', 'MNIST', '--mirror', 'http://x/')).code).toBe(2);
  });

  it('compares checksums, and says what to do without a network', async () => {
    answer = (_, response) => void response.end('something else');
    const wrong = await flambeau('datasets', 'EuroSAT', '--root', at('data'), '--mirror', mirror);
    expect([wrong.code, wrong.out]).toEqual([1, '']);
    expect(wrong.err).toMatch(
      /EuroSAT\.zip could not be fetched \(http:.*some\/EuroSAT\.zip: what came has the MD5 [0-9a-f]{32}, expected c8fa014336c82ac7804f0398fcb19387\)/,
    );
    expect(existsSync(at('data/EuroSAT/eurosat/EuroSAT.zip'))).toBe(false);
    const offline = await flambeau('datasets', 'MNIST', '--root', at('data'), '--mirror', 'http://127.0.0.1:1023/');
    expect(offline.err).toMatch(
      /^flambeau: MNIST: train-images-idx3-ubyte\.gz could not be fetched .*ECONNREFUSED.*; without a network, fetch it elsewhere and put it into ".*data\/MNIST\/MNIST\/raw", or name another place with --mirror\n$/,
    );
    writeFileSync(at('file'), '');
    expect((await flambeau('datasets', 'MNIST', '--root', at('file'))).err).toMatch(/--root: cannot make the folder/);
  });

  it('takes what lies there already, and training takes the folder', async () => {
    const photo = (shade: number): Uint8Array => encodeImage(Image.filled(64, 64, 3, [shade, shade, shade]), { format: 'jpeg' });
    for (const [name, shade] of [['River', 20], ['Forest', 200]] as const) {
      mkdirSync(at(`there/EuroSAT/eurosat/2750/${name}`), { recursive: true });
      for (let i = 0; i < 6; i++) writeFileSync(at(`there/EuroSAT/eurosat/2750/${name}/${name}_${i}.jpg`), photo(shade + i));
    } // prettier-ignore
    writeFileSync(at('there/EuroSAT/eurosat/EuroSAT.zip'), zipSync({}));
    const { out } = await flambeau('datasets', 'eurosat', '--root', at('there'));
    expect(out).toBe(`EuroSAT: 12 images of 10 classes in ${at('there/EuroSAT')}\nTo train on it: flambeau train ${at('there/EuroSAT')}\n`);
    expect(await flambeauJson('datasets', 'eurosat', '--root', at('there'))).toEqual({
      name: 'EuroSAT',
      folder: at('there/EuroSAT'),
      images: [12],
    });
    const args = ['--epochs', '1', '--model', 'small', '--size', '16', '--no-report', '--out', at('run')];
    expect(await flambeauJson('train', at('there/EuroSAT'), ...args)).toMatchObject({ classes: ['Forest', 'River'] });
  });

  it('stops at Ctrl-C and goes on from there', async () => {
    const asked: (string | undefined)[] = [];
    answer = (request, response) => {
      asked.push(request.headers.range);
      if (asked.length === 2) return void response.writeHead(500, 'gone').end();
      response.writeHead(200, { 'content-length': 1e6 });
      return void response.write(Buffer.alloc(1000), () => setTimeout(() => process.emit('SIGINT', 'SIGINT'), 100));
    };
    const args = ['datasets', 'KMNIST', '--root', at('stopped'), '--mirror', mirror];
    const stopped = await flambeau(...args);
    expect([stopped.code, stopped.err]).toEqual([130, 'Stopping; the same command goes on from here.\n']);
    expect((await flambeau(...args)).err).toMatch(/train-images-idx3-ubyte\.gz could not be fetched/);
    expect(asked).toEqual([undefined, 'bytes=1000-']);
  });

  it('has a part for each opening', () => {
    for (const name of PUBLISHED_NAMES) expect(PUBLISHED[name].open, name).toHaveLength(Object.keys(PUBLISHED[name].images).length);
  });
});
