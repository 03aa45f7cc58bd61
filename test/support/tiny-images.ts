/** Small data sets on disk for tests of training: images of two brightnesses, in every layout that is known. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** A PPM image of one brightness with a little texture. */
export function ppm(size: number, brightness: number, salt = 0): Uint8Array {
  const pixels = new Uint8Array(size * size * 3).map((_, i) => brightness + ((i * 7 + salt * 13) % 40));
  return Buffer.concat([Buffer.from(`P6 ${size} ${size} 255\n`), pixels]);
}

/** Brightness of each class. */
const CLASSES = { dark: 10, light: 200 } as const;

/** `folder/dark/0.ppm` …: `count` images of each class. */
export function writeClasses(folder: string, count: number, size = 8): void {
  for (const [name, brightness] of Object.entries(CLASSES)) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < count; i++) writeFileSync(join(folder, name, `${i}.ppm`), ppm(size, brightness, i));
  }
}

/** `folder/train/dark/0.ppm` …, `folder/test/dark/0.ppm` …. */
export function writeTrainAndTest(folder: string, count = 20, size = 8): void {
  writeClasses(join(folder, 'train'), count, size);
  writeClasses(join(folder, 'test'), Math.ceil(count / 4), size);
}

function idx(magic: number, sizes: readonly number[], data: Uint8Array): Buffer {
  const head = Buffer.alloc(4 + 4 * sizes.length);
  head.writeUInt32BE(magic, 0);
  sizes.forEach((size, i) => head.writeUInt32BE(size, 4 + 4 * i));
  return Buffer.concat([head, data]);
}

/** MNIST's two files for one part; digit d has brightness 25·d. */
export function writeMnist(folder: string, part: 'train' | 't10k', count: number, size = 8): void {
  mkdirSync(folder, { recursive: true });
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
  const pixels = new Uint8Array(count * size * size).map((_, i) => 25 * labels[Math.floor(i / (size * size))]!);
  writeFileSync(join(folder, `${part}-images-idx3-ubyte`), idx(0x803, [count, size, size], pixels));
  writeFileSync(join(folder, `${part}-labels-idx1-ubyte`), idx(0x801, [count], labels));
}

/** CIFAR-10's binary batches, a few records each. */
export function writeCifar(folder: string, names: readonly string[], count: number): void {
  mkdirSync(folder, { recursive: true });
  for (const name of names) {
    const records = Array.from({ length: count }, (_, i) => {
      const record = new Uint8Array(3073).fill(25 * (i % 10));
      record[0] = i % 10;
      return record;
    });
    writeFileSync(join(folder, name), Buffer.concat(records));
  }
}

function tarEntry(name: string, body: Uint8Array): Buffer {
  const head = Buffer.alloc(512);
  head.write(name, 0);
  head.write('0000644\0', 100);
  head.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124);
  head.write('        0ustar\x0000', 148);
  const sum = head.reduce((a, b) => a + b, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([head, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

/** A folder as a tar archive, its files under `prefix`. */
export function tarOf(folder: string, prefix = ''): Buffer {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(folder, name)).isFile());
  const entries = files.map((name) => tarEntry(`${prefix}${relative('', name)}`, readFileSync(join(folder, name))));
  return Buffer.concat([...entries, Buffer.alloc(1024)]);
}
