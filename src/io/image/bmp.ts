/**
 * A decoder of BMP files (Microsoft's "Bitmap Storage", and OS/2's header of 12 bytes): palettes of 1, 4 and 8 bits, run lengths, 16, 24 and 32
 * bits, with masks, from the bottom or from the top. Alpha is dropped, as by PIL's `convert('RGB')`.
 */
import { FormatError } from '../../base/errors.ts';
import { Image } from './image.ts';
import { checkMemory, checkSize } from './limits.ts';

/** How pixels are packed. */
const [PLAIN, RLE8, RLE4, MASKS, JPEG, PNG, ALPHA_MASKS] = [0, 1, 2, 3, 4, 5, 6] as const;
const FILE_HEADER = 14;
/** Sizes of the headers that there are; the first is OS/2's. */
const HEADERS = [12, 40, 52, 56, 64, 108, 124];

interface Header {
  readonly width: number;
  readonly height: number;
  /** Whether the first row is the uppermost. */
  readonly fromTop: boolean;
  readonly bits: number;
  readonly packing: number;
  /** Red, green and blue, for 16 and 32 bits. */
  readonly masks: readonly number[];
  /** Three bytes for each colour. */
  readonly palette: Uint8Array;
  /** Where the pixels begin. */
  readonly at: number;
}

/** @throws {@link FormatError} when the file is truncated or damaged, of a kind that is not decoded, or has more than `maxPixels` pixels */
export function decodeBmp(bytes: Uint8Array, maxPixels: number, maxBytes: number): Image {
  const header = readHeader(bytes, maxPixels);
  const { width, height, bits, packing, palette } = header;
  const runs = packing === RLE8 || packing === RLE4;
  checkMemory(width * height * (runs ? 4 : 3), maxBytes);
  const out = new Uint8Array(width * height * 3);
  const [pixels, row] = runs ? [unpackRuns(bytes, header), width] : [bytes.subarray(header.at), Math.ceil((width * bits) / 32) * 4];
  if (pixels.length < row * height) {
    // The last row's filling bytes may be missing.
    const least = row * (height - 1) + Math.ceil((width * bits) / 8);
    if (pixels.length < least)
      throw new FormatError(`it should have ${least} bytes of pixels, but has ${pixels.length}; the file is truncated`);
  }
  for (let y = 0; y < height; y++) {
    const from = pixels.subarray((header.fromTop ? y : height - 1 - y) * row);
    const to = out.subarray(y * width * 3, (y + 1) * width * 3);
    if (bits <= 8) paletteRow(from, runs ? 8 : bits, palette, to);
    else if (bits === 24) colourRow(from, to);
    else maskedRow(from, bits >> 3, header.masks, to);
  }
  return new Image(width, height, 3, out);
}

function readHeader(bytes: Uint8Array, maxPixels: number): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytes.length < 26 ? 0 : view.getUint32(FILE_HEADER, true);
  if (size !== 0 && !HEADERS.includes(size))
    throw new FormatError(`it has a header of ${size} bytes, which BMP files do not have; the file is damaged`);
  if (size === 0 || bytes.length < FILE_HEADER + size)
    throw new FormatError(`it stops after ${bytes.length} bytes, in its header; the file is truncated`);
  const old = size === 12;
  const width = old ? view.getUint16(18, true) : view.getInt32(18, true);
  const tall = old ? view.getUint16(20, true) : view.getInt32(22, true);
  checkSize(width, Math.abs(tall), maxPixels);
  const bits = view.getUint16(old ? 24 : 28, true);
  const packing = old ? PLAIN : view.getUint32(30, true);
  requireKnown(bits, packing);
  const masked = packing === MASKS || packing === ALPHA_MASKS;
  let behind = FILE_HEADER + size;
  if (masked && bytes.length < 66) throw new FormatError('it stops within its masks; the file is truncated');
  const masks = masked ? [54, 58, 62].map((at) => view.getUint32(at, true)) : usualMasks(bits);
  if (masked && size === 40) behind += packing === MASKS ? 12 : 16;
  const colours = bits > 8 ? 0 : (old ? 0 : view.getUint32(46, true)) || 1 << bits;
  if (colours > 65536) throw new FormatError(`it has a palette of ${colours} colours; the file is damaged`);
  const step = old ? 3 : 4;
  const said = view.getUint32(10, true);
  // Some programs write that the pixels begin where the palette does.
  const at = said === 0 || (said === FILE_HEADER + size && bits <= 8) ? behind + colours * step : said;
  return {
    width,
    height: Math.abs(tall),
    fromTop: tall < 0,
    bits,
    packing,
    masks: masks.every((mask) => mask === 0) ? usualMasks(bits) : masks,
    palette: readPalette(bytes, behind, Math.min(colours, 256), step),
    at,
  };
}

const usualMasks = (bits: number): number[] => (bits === 16 ? [0x7c00, 0x3e0, 0x1f] : [0xff0000, 0xff00, 0xff]);

function requireKnown(bits: number, packing: number): void {
  if (packing === JPEG || packing === PNG)
    throw new FormatError(`it is a ${packing === JPEG ? 'JPEG' : 'PNG'} image within a BMP file, as printers take; save it as that`);
  const depths = { [PLAIN]: [1, 4, 8, 16, 24, 32], [RLE8]: [8], [RLE4]: [4], [MASKS]: [16, 24, 32], [ALPHA_MASKS]: [16, 32] }[packing];
  if (depths?.includes(bits) !== true)
    throw new FormatError(`it has ${bits} bits a pixel packed in way ${packing}, which is not known; save it with 24`);
}

/** Colours that the file lacks are black. */
function readPalette(bytes: Uint8Array, from: number, colours: number, step: number): Uint8Array {
  const palette = new Uint8Array(256 * 3);
  for (let i = 0; i < colours; i++) {
    for (let c = 0; c < 3; c++) palette[3 * i + c] = bytes[from + i * step + 2 - c] ?? 0;
  }
  return palette;
}

function paletteRow(from: Uint8Array, bits: number, palette: Uint8Array, to: Uint8Array): void {
  const mask = (1 << bits) - 1;
  for (let x = 0, o = 0; o < to.length; x++, o += 3) {
    const bit = x * bits;
    const colour = 3 * ((from[bit >> 3]! >> (8 - bits - (bit & 7))) & mask);
    to[o] = palette[colour]!;
    to[o + 1] = palette[colour + 1]!;
    to[o + 2] = palette[colour + 2]!;
  }
}

function colourRow(from: Uint8Array, to: Uint8Array): void {
  for (let o = 0; o < to.length; o += 3) {
    to[o] = from[o + 2]!;
    to[o + 1] = from[o + 1]!;
    to[o + 2] = from[o]!;
  }
}

/** Samples of any number of bits, spread over 0 to 255 as Pillow does: rounded down. */
function maskedRow(from: Uint8Array, step: number, masks: readonly number[], to: Uint8Array): void {
  const fields = masks.map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
    return { shift, largest: mask >>> shift };
  });
  for (let x = 0, o = 0; o < to.length; x += step, o += 3) {
    let pixel = from[x]! + from[x + 1]! * 256;
    if (step === 4) pixel = (pixel + from[x + 2]! * 65536 + from[x + 3]! * 16777216) >>> 0;
    for (let c = 0; c < 3; c++) {
      const { shift, largest } = fields[c]!;
      const value = ((pixel >>> shift) & largest) >>> 0;
      to[o + c] = largest === 0 ? 0 : largest === 255 ? value : Math.floor((value * 255) / largest);
    }
  }
}

/** Undoes run lengths: one byte a pixel. Pixels that are jumped over, and those behind the end of the bitmap, have colour 0. */
function unpackRuns(bytes: Uint8Array, { width, height, packing, at: from }: Header): Uint8Array {
  const out = new Uint8Array(width * height);
  const nibbles = packing === RLE4;
  let [x, o] = [0, 0];
  for (let at = from; o < out.length;) {
    const [count, value] = [bytes[at], bytes[at + 1]];
    at += 2;
    if (value === undefined) throw new FormatError(`it stops after ${o} of ${out.length} pixels; the file is truncated`);
    if (count! > 0) {
      const run = Math.min(count!, width - x, out.length - o);
      for (let i = 0; i < run; i++) out[o + i] = !nibbles ? value : i % 2 === 0 ? value >> 4 : value & 15;
      o += Math.max(run, 0);
      x += Math.max(run, 0);
    } else if (value === 0) {
      o = Math.ceil(o / width) * width;
      x = 0;
    } else if (value === 1) {
      break;
    } else if (value === 2) {
      o += (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * width;
      x = o % width;
      at += 2;
    } else {
      const pixels = Math.min(value, out.length - o);
      const size = nibbles ? (pixels + 1) >> 1 : pixels;
      if (at + size > bytes.length) throw new FormatError(`it stops after ${o} of ${out.length} pixels; the file is truncated`);
      for (let i = 0; i < pixels; i++)
        out[o + i] = !nibbles ? bytes[at + i]! : i % 2 === 0 ? bytes[at + (i >> 1)]! >> 4 : bytes[at + (i >> 1)]! & 15;
      o += pixels;
      x += value;
      at += size;
      at += at % 2; // runs begin at even places of the file
    }
  }
  return out;
}
