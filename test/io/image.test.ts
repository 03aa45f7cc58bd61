import { readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { FormatError } from '../../src/base/errors.ts';
import { crc32 } from '../../src/io/bytes/crc32.ts';
import { decodeImage, decodeImageSync, loadDecoders } from '../../src/io/image/decode.ts';
import { Image } from '../../src/io/image/image.ts';
import { sha } from '../support/picture.ts';
import { inflateAnywhere, inflateZlib } from '../../src/io/archive/inflate.ts';

interface Fixture {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly file: string;
  readonly rgb: string;
  readonly grey: string;
}

const { files } = JSON.parse(readFileSync(new URL('../fixtures/vision/images.json', import.meta.url), 'utf8')) as {
  files: readonly Fixture[];
};
const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));
const fileNamed = (name: string): Uint8Array => bytesOf(files.find((file) => file.name === name)!.file);

/** Changes 32 bits, or other bytes, of a copy. */
function patched(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + body.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, body.length);
  out.set(Buffer.from(type), 4);
  out.set(body, 8);
  view.setUint32(8 + body.length, crc32(out.subarray(4, 8 + body.length)));
  return out;
}

function pngOf(header: readonly number[], ...chunks: Uint8Array[]): Uint8Array {
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, header[0]!);
  view.setUint32(4, header[1]!);
  head.set(header.slice(2), 8);
  const signature = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', head), ...chunks, chunk('IEND', new Uint8Array(0))]);
}

beforeAll(loadDecoders);

describe('decoding', () => {
  it.each(files)('$name has the pixels that PIL gives', async ({ name, width, height, file, rgb, grey }) => {
    const image = await decodeImage(bytesOf(file), { name });
    expect([image.width, image.height, image.channels]).toEqual([width, height, 3]);
    expect(Buffer.from(image.data).equals(Buffer.from(rgb, 'base64'))).toBe(true);
    expect(sha((await decodeImage(bytesOf(file), { mode: 'L' })).data)).toBe(grey);
  });

  it('reads from shared memory and from the middle of a buffer', () => {
    const file = fileNamed('17x9 RGB baseline 2.jpg');
    const shared = new Uint8Array(new SharedArrayBuffer(file.length + 7)).subarray(7);
    shared.set(file);
    expect(decodeImageSync(shared).data).toEqual(decodeImageSync(file).data);
  });

  it('leaves the globals as they were', () => {
    decodeImageSync(fileNamed('8x8 RGB baseline 0.jpg'));
    expect('ImageData' in globalThis).toBe(false);
  });

  it('goes on with the next image after a damaged one, as often as it takes', () => {
    const file = fileNamed('33x20 RGB baseline 0.jpg');
    const broken = file.slice();
    const tables = Buffer.from(file).indexOf(Buffer.from([0xff, 0xc4]));
    broken.fill(255, tables + 4, tables + 20); // code lengths that cannot be
    for (let i = 0; i < 200; i++) expect(() => decodeImageSync(broken)).toThrow(FormatError);
    expect(decodeImageSync(file).width).toBe(33);
  });
});

interface Sampled {
  readonly name: string;
  readonly file: string;
  readonly sha: string;
}
const { files: sampled } = JSON.parse(readFileSync(new URL('../fixtures/vision/samplings.json', import.meta.url), 'utf8')) as {
  files: readonly Sampled[];
};
const sampledNamed = (name: string): Uint8Array => bytesOf(sampled.find((file) => file.name === name)!.file);

describe('JPEG files of every sampling and coding', () => {
  it('have Pillow’s pixels', () => {
    const others = sampled.filter(({ file, sha: expected }) => sha(decodeImageSync(bytesOf(file)).convert('RGB').data) !== expected);
    expect(others.map(({ name }) => name)).toEqual([]);
  });
});

/** Changes the last byte, of the sum. */
const damagedSum = (bytes: Uint8Array): Uint8Array => patched(bytes, bytes.length - 1, bytes.at(-1)! ^ 1);

describe('files that are refused', () => {
  const refused = (bytes: Uint8Array, message: RegExp, options: { maxPixels?: number } = {}): void => {
    expect(() => decodeImageSync(bytes, { name: 'cat.jpg', ...options })).toThrow(FormatError);
    expect(() => decodeImageSync(bytes, { name: 'cat.jpg', ...options })).toThrow(message);
  };
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);

  it('names the file and what it is', () => {
    refused(new Uint8Array(0), /"cat\.jpg": it is an empty file; expected a JPEG/);
    refused(text('hello'), /it is not an image/);
    refused(text('GIF89a....'), /truncated/);
    refused(text('RIFF\x01\x02\x03\x04WEBPVP8 '), /truncated/);
    refused(text('....ftypcrx '), /it is a Canon raw image/);
    refused(text('\n<!DOCTYPE html>'), /it is a web page/);
  });

  it('JPEG: truncated anywhere', () => {
    for (const name of ['17x9 RGB baseline 2.jpg', '17x9 RGB progressive 2.jpg']) {
      const file = fileNamed(name);
      for (let length = 3; length < file.length; length++) {
        expect(() => decodeImageSync(file.subarray(0, length))).toThrow(/truncated|damaged/);
      }
    }
  });

  it('JPEG: pixels cut out, two colours, 12 bits, hierarchical, too large, no scan, too many scans', () => {
    const file = fileNamed('33x20 RGB baseline 0.jpg');
    const frame = Buffer.from(file).indexOf(Buffer.from([0xff, 0xc0]));
    const scan = Buffer.from(file).indexOf(Buffer.from([0xff, 0xda]));
    refused(Buffer.concat([file.subarray(0, scan + 40), file.subarray(-2)]), /damaged/);
    refused(patched(file, frame + 9, 2), /2 colour channels, expected 1, 3 or 4/);
    refused(patched(file, frame + 4, 12), /12 bits/);
    refused(patched(file, frame + 1, 0xc5), /hierarchical/);
    refused(patched(file, frame + 5, 255, 255, 255, 255), /65535x65535 pixels are more than the limit/);
    refused(patched(file, frame + 5, 0, 0), /no pixels/);
    refused(patched(file, frame + 5, 5, 0, 255, 255), /bytes of pixels are too few for 65535x1280/);
    refused(file, /limit of 600/, { maxPixels: 600 });
    refused(Buffer.concat([file.subarray(0, scan), file.subarray(-2)]), /no pixels/);
    const scans = Array.from({ length: 501 }, () => file.subarray(scan, -2));
    refused(Buffer.concat([file.subarray(0, scan), ...scans, file.subarray(-2)]), /more than 500 scans/);
  });

  it('PNG: truncated anywhere', () => {
    const file = fileNamed('type 2 depth 8.png');
    // The last part, and the sums before it, are in no pixel.
    for (let length = 8; length < file.length - 20; length++) {
      expect(() => decodeImageSync(file.subarray(0, length))).toThrow(/truncated/);
    }
  });

  it('PNG: wrong checksum, header, palette, filter and amount of data', () => {
    const file = fileNamed('type 2 depth 8.png');
    refused(patched(file, 20, 9), /checksum/);
    const idat = (...bytes: number[]): Uint8Array => chunk('IDAT', deflateSync(new Uint8Array(bytes)));
    expect(decodeImageSync(pngOf([1, 1, 8, 0, 0, 0, 0], idat(0, 7))).data).toEqual(new Uint8Array([7, 7, 7]));
    refused(pngOf([1, 1, 3, 0, 0, 0, 0], idat(0, 7)), /header is not valid/);
    refused(pngOf([1, 1, 8, 5, 0, 0, 0], idat(0, 7)), /header is not valid/);
    refused(pngOf([1, 1, 8, 0, 0, 0, 2], idat(0, 7)), /header is not valid/);
    refused(pngOf([0, 1, 8, 0, 0, 0, 0], idat(0, 7)), /no pixels/);
    refused(pngOf([4e9, 4e9, 8, 0, 0, 0, 0], idat(0, 7)), /more than the limit/);
    refused(pngOf([9000, 9000, 8, 2, 0, 0, 0], idat(0, 7)), /should hold 243009000 bytes, but hold fewer/);
    refused(pngOf([1, 1, 8, 0, 0, 0, 0]), /no pixels/);
    refused(pngOf([1, 1, 8, 0, 0, 0, 0], idat(5, 7)), /filter 5/);
    refused(pngOf([1, 1, 8, 0, 0, 0, 0], idat(0)), /only 1/);
    refused(pngOf([1, 1, 8, 0, 0, 0, 0], chunk('IDAT', new Uint8Array([1, 2, 3]))), /compressed data are damaged/);
    const inflated = chunk('IDAT', damagedSum(deflateSync(new Uint8Array([0, 7]))));
    refused(pngOf([1, 1, 8, 0, 0, 0, 0], inflated), /damaged/);
    refused(pngOf([1, 1, 8, 3, 0, 0, 0], idat(0, 7)), /palette/);
  });

  it('PGM: header and size', () => {
    refused(text('P5 a b'), /byte 3 is 97, expected a number/);
    refused(text('P6 2 2 255\nabc'), /truncated/);
    refused(text('P5 2 2 65536\nabcdefgh'), /largest value is 65536/);
    refused(text('P2 2 1 9\n3 10'), /a value is 10, more than its largest, 9/);
  });

  it('throws nothing but FormatError, whatever bytes are changed', () => {
    const arbitrary = fc.record({
      file: fc.constantFrom(...[...files, ...sampled.slice(-40)].map((file) => file.file)),
      changes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(arbitrary, ({ file, changes }) => {
        const bytes = bytesOf(file);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        try {
          expect(decodeImageSync(bytes, { maxPixels: 1e6 })).toBeInstanceOf(Image);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('Image', () => {
  it('checks what it is made of and prints itself', () => {
    expect(String(new Image(2, 1, 3, new Uint8Array(6)))).toBe('Image(2x1, RGB)');
    expect(() => new Image(2, 2, 3, new Uint8Array(6))).toThrow(/are 12 bytes, but got 6/);
    expect(() => new Image(0, 2, 3, new Uint8Array(0))).toThrow(/at least 1/);
    expect(() => new Image(1, 1, 2 as 3, new Uint8Array(2))).toThrow(/channels to be 1 or 3/);
    expect(Image.filled(2, 1, 3, [1, 2, 3]).getPixel(1, 0)).toEqual([1, 2, 3]);
  });
});

describe('memory', () => {
  it('of a large PNG is that of its pixels: rows are inflated in pieces', () => {
    const [width, height] = [2100, 2000];
    const rows = new Uint8Array(height * (1 + 8 * width));
    for (let y = 0; y < height; y++) {
      const at = y * (1 + 8 * width);
      rows[at] = y % 5;
      for (let i = 0; i < 64; i++) rows[at + 1 + i * 281] = y * 7 + i;
    }
    const file = (type: number): Uint8Array => pngOf([width, height, 16, type, 0, 0, 0], chunk('IDAT', deflateSync(rows, { level: 1 })));
    const image = decodeImageSync(file(6), { maxBytes: width * height * 3 });
    const small = pngOf([width, 200, 16, 6, 0, 0, 0], chunk('IDAT', deflateSync(rows.subarray(0, 200 * (1 + 8 * width)))));
    expect(Buffer.compare(image.data.subarray(0, width * 200 * 3), decodeImageSync(small).data)).toBe(0);
    expect(() => decodeImageSync(file(6), { maxBytes: width * height * 3 - 1 })).toThrow(
      /12600000 bytes of memory, more than the limit of 12599999; raise maxBytes/,
    );
    expect(() => decodeImageSync(small, { maxBytes: 3_000_000 })).toThrow(/maxBytes/);
  });

  it('of a JPEG is known before it is decoded, coefficients that are kept counted', () => {
    const needs = (file: Uint8Array, bytes: number): void => {
      expect(() => decodeImageSync(file, { maxBytes: bytes })).not.toThrow();
      expect(() => decodeImageSync(file, { maxBytes: bytes - 1 })).toThrow(
        `take ${bytes} bytes of memory, more than the limit of ${bytes - 1}`,
      );
    };
    needs(fileNamed('33x20 RGB baseline 0.jpg'), 33 * 20 * 3);
    needs(fileNamed('33x20 RGB progressive 0.jpg'), 33 * 20 * (3 + 2 * 3));
    needs(sampledNamed('a scan for each colour'), 19 * 14 * (3 + 2 * 1.5));
  });
});

describe('inflate', () => {
  it.each([inflateZlib, inflateAnywhere])('%o gives the bytes of the right size only', (inflate) => {
    const data = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) >> 3);
    const packed = deflateSync(data);
    expect(inflate(packed, data.length)).toEqual(inflate === inflateZlib ? Buffer.from(data) : data);
    expect(() => inflate(packed, data.length - 1)).toThrow(/hold more/);
    expect(() => inflate(packed, data.length + 1)).toThrow(/only 100000/);
    expect(() => inflate(packed.subarray(0, -20), data.length)).toThrow(FormatError);
  });
});
