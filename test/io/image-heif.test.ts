// The packages that decode AVIF and HEIC are not installed with this one; others of their names and calls stand in for them here, so that what is
// around them is tested: finding them, waiting for them, sizes and failures.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FormatError } from '../../src/base/errors.ts';
import { decodeImage, decodeImageSync, isDecodable, loadDecoders } from '../../src/io/image/decode.ts';

/** A file of a brand that says a size, and then some bytes. */
function file(brand: string, width: number, height: number, ...rest: number[]): Uint8Array {
  const head = Buffer.alloc(36);
  head.write(`\0\0\0\x10ftyp${brand}\0\0\0\0`, 0, 'latin1');
  head.write('\0\0\0\x14ispe\0\0\0\0', 16, 'latin1');
  head.writeUInt32BE(width, 28);
  head.writeUInt32BE(height, 32);
  return new Uint8Array(Buffer.concat([head, Buffer.from(rest)]));
}

const PACKAGES = {
  'sharp/index.js': `
    module.exports = (file, options) => ({
      toColourspace() { return this; }, removeAlpha() { return this; }, raw() { return this; },
      async toBuffer() {
        console.error('not to be seen');
        if (file[36] === 9) throw new Error('no such luck\\nat all');
        if (file[36] === 8) return { data: Buffer.alloc(3), info: { width: 1, height: 1e6 } };
        return { data: Buffer.from([file[36], 2, options.limitInputPixels, 4, 5, 6]), info: { width: 2, height: 1 } };
      },
    });`,
  'libheif-js/wasm-bundle.js': `
    exports.HeifDecoder = class {
      decode(file) {
        if (file[36] === 9) return [];
        const show = (to, then) => { to.data.set([1, 2, 3, 255, file[36], 5, 6, 255]); setTimeout(() => then(file[36] === 7 ? null : to), 1); };
        return [{ get_width: () => 1, get_height: () => 2, display: show }];
      }
    };`,
  'libheif-js/index.js': '',
};

const folder = mkdtempSync(join(tmpdir(), 'flambeau-heif-'));
const program = process.argv[1]!;
beforeAll(loadDecoders);
afterAll(() => {
  process.argv[1] = program;
  rmSync(folder, { recursive: true });
});

describe('AVIF and HEIC', () => {
  it('name the package that they need', async () => {
    const avif = file('avif', 2, 1, 7);
    await expect(decodeImage(avif)).rejects.toThrow(/an AVIF image, which needs the package sharp: npm install sharp/);
    expect(() => decodeImageSync(file('heic', 2, 1))).toThrow(/needs the package libheif-js/);
    expect([isDecodable(avif), isDecodable(file('mif1', 2, 1))]).toEqual([false, false]);
  });

  it('are decoded by it, without promises too', async () => {
    for (const [name, code] of Object.entries(PACKAGES)) {
      const path = join(folder, 'node_modules', name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, code);
    }
    process.argv[1] = join(folder, 'program.js');
    expect(isDecodable(file('avif', 2, 1))).toBe(true);
    expect(decodeImageSync(file('avif', 2, 1, 77), { maxPixels: 50 }).data).toEqual(Uint8Array.of(77, 2, 50, 4, 5, 6));
    expect((await decodeImage(file('heic', 1, 2, 44))).data).toEqual(Uint8Array.of(1, 2, 3, 44, 5, 6));
  });

  it('give FormatErrors when it fails, and for their size before it is asked', () => {
    const refused = (bytes: Uint8Array, message: RegExp, options = {}): void => {
      expect(() => decodeImageSync(bytes, options)).toThrow(FormatError);
      expect(() => decodeImageSync(bytes, options)).toThrow(message);
    };
    refused(file('avif', 2, 1, 9), /cannot be decoded by sharp: no such luck; the file is damaged/);
    refused(file('avif', 2, 1, 8), /its size is another than it says/);
    refused(file('heic', 2, 1, 9), /libheif-js: there is no image in it/);
    refused(file('heic', 2, 1, 7), /libheif-js: its pixels cannot be decoded/);
    refused(file('avif', 2 ** 31, 2 ** 31), /more than the limit/);
    refused(file('avif', 100, 100), /raise maxBytes/, { maxBytes: 1000 });
    refused(file('avif', 2, 1).subarray(0, 20), /says no size/);
    expect(decodeImageSync(file('avif', 2, 1, 3)).getPixel(0, 0)[0]).toBe(3);
  });
});
