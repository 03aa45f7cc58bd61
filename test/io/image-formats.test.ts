import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FormatError } from '../../src/base/errors.ts';
import { decodeImage, decodeImageSync, isDecodable, loadDecoders } from '../../src/io/image/decode.ts';
import { Image } from '../../src/io/image/image.ts';
import { kindOf, type ImageFormat } from '../../src/io/image/kind.ts';
import { turned } from '../../src/io/image/orientation.ts';
import { encodeImage } from '../../src/io/image/encode.ts';
import { openFiles } from '../../src/io/archive/open-files.ts';
import { ImageFolder } from '../../src/vision/datasets/image-folder.ts';
import { FileImages, reviveSource } from '../../src/vision/datasets/source.ts';
import { picture, sha } from '../support/picture.ts';

interface Fixture {
  readonly name: string;
  readonly size: readonly [number, number];
  readonly file: string;
  readonly sha: string;
  /** Where PIL's exif_transpose turns it. */
  readonly turned?: string;
}

interface Written {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly quality: number;
  readonly sha: string;
}

interface Draft {
  readonly name: string;
  readonly file: string;
  readonly wanted: readonly {
    readonly draft: [number, number];
    readonly size: readonly number[];
    readonly sha: string;
  }[];
}

const { files, jpegs, drafts } = JSON.parse(readFileSync(new URL('../fixtures/vision/formats.json', import.meta.url), 'utf8')) as {
  files: readonly Fixture[];
  jpegs: readonly Written[];
  drafts: readonly Draft[];
};
const bytesOf = ({ file }: Fixture): Uint8Array => new Uint8Array(Buffer.from(file, 'base64'));
const named = (name: string): Uint8Array => bytesOf(files.find((file) => file.name === name)!);
const text = (value: string): Uint8Array => Uint8Array.from(value, (char) => char.charCodeAt(0));

beforeAll(loadDecoders);

describe('files of all formats', () => {
  it('have Pillow’s pixels', () => {
    const found = files.map((file) => {
      const image = decodeImageSync(bytesOf(file), { name: file.name });
      return { name: file.name, size: [image.width, image.height], sha: sha(image.data) };
    });
    expect(found).toEqual(files.map(({ name, size, sha: pixels }) => ({ name, size, sha: pixels })));
  });

  it('are turned as Pillow turns them, if that is wished', () => {
    const found = files.map((file) => sha(decodeImageSync(bytesOf(file), { orientation: true }).data));
    expect(found).toEqual(files.map((file) => file.turned ?? file.sha));
    expect(files.filter((file) => file.turned !== undefined).length).toBeGreaterThan(9);
  });

  it('are known by their first bytes, and need their decoder only', async () => {
    for (const file of files) expect(isDecodable(bytesOf(file).subarray(0, 64)), file.name).toBe(true);
    expect(String(await decodeImage(named('WebP lossy'), { mode: 'L' }))).toBe('Image(19x13, L)');
  });
});

describe('writing JPEG', () => {
  it('gives the bytes that Pillow writes', () => {
    const found = jpegs.map((file) => {
      const image = picture(file.width, file.height, file.channels);
      return { ...file, sha: sha(encodeImage(image, { format: 'jpeg', quality: file.quality })) };
    });
    expect(found).toEqual(jpegs);
    const image = picture(20, 10, 3);
    expect(encodeImage(image, { format: 'jpeg' })).toEqual(encodeImage(image, { format: 'jpeg', quality: 75 }));
  });

  it('refuses what does not fit', () => {
    const image = picture(4, 4, 3);
    expect(() => encodeImage(image, { quality: 80 })).toThrow(/quality is for format: 'jpeg'/);
    expect(() => encodeImage(image, { format: 'jpeg', level: 8 })).toThrow(/level is for format: 'png'/);
    expect(() => encodeImage(image, { format: 'jpeg', quality: 0 })).toThrow(/a whole number from 1 to 100/);
    expect(() => encodeImage(Image.filled(65536, 1, 1), { format: 'jpeg' })).toThrow(/at most 65535 pixels/);
  });
});

describe('JPEG at a part of its size', () => {
  it.each(drafts)('$name: as PIL’s draft', async ({ file, wanted }) => {
    const bytes = new Uint8Array(Buffer.from(file, 'base64'));
    for (const { draft, size, sha: pixels } of wanted) {
      const image = await decodeImage(bytes, { draft });
      expect([[image.width, image.height], sha(image.data)], String(draft)).toEqual([size, pixels]);
    }
  });

  it('takes a width and a height, and leaves other formats whole', async () => {
    await expect(decodeImage(named('JPEG turned 1'), { draft: [5] as never })).rejects.toThrow(/a width and a height/);
    await expect(decodeImage(named('JPEG turned 1'), { draft: [0, 5] })).rejects.toThrow(/a width and a height/);
    expect(String(await decodeImage(named('WebP lossy'), { draft: [1, 1] }))).toBe('Image(19x13, RGB)');
    expect(String(await decodeImage(named('JPEG turned 6'), { draft: [4, 4], orientation: true }))).toBe('Image(7x10, RGB)');
  });
});

describe('turning', () => {
  it('there and back gives the same image', () => {
    const image = decodeImageSync(named('PNM 5'), { mode: 'L' });
    const back = [1, 2, 3, 4, 5, 8, 7, 6];
    back.forEach((other, i) => expect(turned(turned(image, i + 1), other).data).toEqual(image.data));
    expect(turned(image, 9)).toBe(image);
  });
});

describe('files that are not read', () => {
  const refused = (bytes: Uint8Array, message: RegExp, options: { maxPixels?: number; maxBytes?: number } = {}): void => {
    expect(() => decodeImageSync(bytes, options)).toThrow(FormatError);
    expect(() => decodeImageSync(bytes, options)).toThrow(message);
  };

  it('are named by what they are', () => {
    const tga = new Uint8Array(40);
    tga.set([0, 0, 2], 0);
    tga.set([5, 0, 5, 0, 24, 32], 12);
    const kinds: [Uint8Array, RegExp][] = [
      [tga, /a TGA image; expected a JPEG, PNG, WebP/],
      [text('\0\0\0\x0cJXL \r\n'), /a JPEG XL image/],
      [text('\0\0\0\x0cjP  \r\n'), /a JPEG 2000 image/],
      [text('\0\0\x01\0\x01\0\x10\x10'), /an icon/],
      [text('P7\nWIDTH 3'), /a PAM image/],
      [text('BMxx'), /truncated|damaged/],
    ];
    for (const [bytes, message] of kinds) refused(bytes, message);
    const apple = named("PNG named as Apple's");
    const at = Buffer.from(apple).indexOf('IDAT');
    apple[at + 4] = 0x63;
    refused(apple, /Apple's own kind \(CgBI\)/);
  });

  it('for their size, before memory is taken', () => {
    for (const name of ['BMP RGB', 'GIF', 'PNM 6, 16 bits', 'TIFF RGB plain', 'WebP lossy', 'WebP of frames', 'PNM 1']) {
      refused(named(name), /more than the limit of 1;/, { maxPixels: 1 });
      refused(named(name), /raise maxBytes/, { maxBytes: 1 });
    }
    const large = named('TIFF of packed tiles');
    const at = Buffer.from(large).indexOf(Buffer.from([1, 66, 0, 4])); // the width of its tiles
    large.set([0x7f, 0xff, 0xff, 0xff], at + 8);
    refused(large, /2147483647x16 pixels are more than the limit/);
  });

  it('because they are truncated anywhere', () => {
    const whole = /^(JPEG|PNG|BMP of OS|TIFF|WebP of .*frames|WebP turned|GIF of frames|PNM [123])/; // what is behind the pixels may be missing
    for (const file of files.filter(({ name }) => !whole.test(name))) {
      const bytes = bytesOf(file);
      const behind = file.name.startsWith('GIF') ? 20 : 4;
      for (let length = 3; length < bytes.length - behind; length += 1 + (length >> 5))
        expect(() => decodeImageSync(bytes.subarray(0, length)), `${file.name} ${length}`).toThrow(FormatError);
    }
  });

  it('because TIFF has more than is decoded', () => {
    const tiff = (tag: number, value: number): Uint8Array => {
      const bytes = named('TIFF < 3 samples of 8 bits, meaning 2');
      bytes[Buffer.from(bytes).indexOf(Buffer.from([tag & 255, tag >> 8, 4, 0])) + 8] = value;
      return bytes;
    };
    refused(tiff(259, 7), /TIFF image packed as JPEG; save it uncompressed/);
    refused(tiff(259, 4), /fax/);
    refused(tiff(262, 8), /CIE Lab; save it as RGB/);
    refused(tiff(277, 2), /2 samples a pixel/);
    refused(tiff(257, 60), /3 parts of its pixels are, expected 12/);
  });
});

describe('damaged files', () => {
  const runs = process.env['FLAMBEAU_SLOW'] === '1' ? 20_000 : 300;
  const formats: readonly ImageFormat[] = ['jpeg', 'png', 'gif', 'webp', 'tiff', 'bmp', 'pnm'];

  it.each(formats)('%s: throw nothing but FormatError', (format) => {
    const some = files.filter((file) => kindOf(bytesOf(file))!.format === format);
    const change = fc.oneof(
      fc.record({ at: fc.nat(), value: fc.nat(255) }),
      fc.record({ at: fc.nat(120), value: fc.constantFrom(0, 1, 127, 128, 255) }),
    );
    const arbitrary = fc.record({
      file: fc.constantFrom(...some),
      changes: fc.array(change, { minLength: 1, maxLength: 6 }),
      cut: fc.option(fc.nat(), { freq: 4 }),
    });
    fc.assert(
      fc.property(arbitrary, ({ file, changes, cut }) => {
        let bytes = bytesOf(file);
        for (const { at, value } of changes) bytes[at % bytes.length] = value;
        if (cut !== null) bytes = bytes.slice(0, cut % bytes.length);
        try {
          expect(
            decodeImageSync(bytes, {
              maxPixels: 1e6,
              maxBytes: 2 ** 26,
              orientation: true,
              draft: [cut === null ? 4 : 99, 4],
            }),
          ).toBeInstanceOf(Image);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: runs },
    );
  });
});

describe('a folder of images', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-formats-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('may have all formats, under any name, and is turned and reduced if that is wished, in threads too', async () => {
    mkdirSync(join(folder, 'a'));
    const kept = ['JPEG turned 6', 'PNG turned', 'TIFF turned 6', 'WebP turned', 'GIF interlaced', 'BMP RLE8', 'PNM 6'];
    kept.forEach((name, i) => writeFileSync(join(folder, 'a', `${i}.jpg`), named(name)));
    const plain = await ImageFolder.open(folder);
    expect(Array.from(kept, (_, i) => plain.image(i).width)).toEqual([19, 19, 13, 19, 19, 19, 2]);
    const set = await ImageFolder.open(folder, { orientation: true, draft: [4, 4] });
    expect(Array.from(kept, (_, i) => set.image(i).width)).toEqual([7, 13, 13, 13, 19, 19, 2]);
    await expect(ImageFolder.open(folder, { draft: [4] as never })).rejects.toThrow(/a width and a height/);
    const opened = await openFiles(folder);
    const revived = await reviveSource(new FileImages(opened.files, Int32Array.of(0), { orientation: true, draft: [4, 4] }).describe());
    expect(String(revived.load(0))).toBe('Image(7x10, RGB)');
  });
});
