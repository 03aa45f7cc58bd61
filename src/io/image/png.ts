/**
 * A decoder of PNG (W3C Recommendation, https://www.w3.org/TR/png-3/): all colour types, bit depths and interlacing, to 8-bit grey or
 * colour as PIL's `convert('RGB')` gives it. So alpha and transparency are dropped, of 16-bit colour the high byte counts, and
 * 16-bit grey is clipped at 255 (PIL reads it as integers).
 *
 * Not here: colour profiles, gamma and text, which PIL does not apply either.
 */
import { FormatError } from '../../base/errors.ts';
import { concatBytes } from '../bytes/byte-writer.ts';
import { crc32 } from '../bytes/crc32.ts';
import { inflateStart, inflateStartInPieces } from '../archive/inflate.ts';
import { Image } from './image.ts';
import { checkMemory, checkSize } from './limits.ts';

const GREY = 0;
const COLOUR = 2;
const PALETTE = 3;
const GREY_ALPHA = 4;
const COLOUR_ALPHA = 6;

/** Samples per pixel and allowed bit depths of each colour type. */
const TYPES: Readonly<Record<number, { readonly samples: number; readonly depths: readonly number[] }>> = {
  [GREY]: { samples: 1, depths: [1, 2, 4, 8, 16] },
  [COLOUR]: { samples: 3, depths: [8, 16] },
  [PALETTE]: { samples: 1, depths: [1, 2, 4, 8] },
  [GREY_ALPHA]: { samples: 2, depths: [8, 16] },
  [COLOUR_ALPHA]: { samples: 4, depths: [8, 16] },
};

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly type: number;
  readonly samples: number;
  readonly interlaced: boolean;
}

interface Parts {
  readonly header: Header;
  readonly palette: Uint8Array | undefined;
  readonly data: readonly Uint8Array[];
  /** Whether the file ends within its pixels' part. */
  readonly cut: boolean;
}

/** Whether the bytes begin as a PNG file. */
export function isPng(bytes: Uint8Array): boolean {
  return [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a].every((byte, i) => bytes[i] === byte);
}

/**
 * Decodes a PNG file to grey or colour.
 *
 * @throws {@link FormatError} when it is damaged or has more than `maxPixels` pixels, or would take more than `maxBytes` bytes
 */
export function decodePng(bytes: Uint8Array, maxPixels: number, maxBytes: number): Image {
  return decode(readChunks(bytes, maxPixels), maxBytes);
}

/**
 * Decodes a PNG file to the numbers that its pixels have, as masks mean them: the places in the palette where it has one, not their colours.
 * @throws {@link FormatError} as {@link decodePng}, and when it has colours
 */
export function decodePngNumbers(bytes: Uint8Array, maxPixels: number, maxBytes: number): Image {
  const parts = readChunks(bytes, maxPixels);
  const { header } = parts;
  if (header.type === COLOUR || header.type === COLOUR_ALPHA)
    throw new FormatError('it is in colour; expected a mask, which is grey or has a palette');
  return decode(header.type === PALETTE ? { ...parts, palette: undefined } : parts, maxBytes);
}

function decode({ header, palette, data, cut }: Parts, maxBytes: number): Image {
  const passes = header.interlaced ? adam7(header) : [{ x0: 0, y0: 0, dx: 1, dy: 1, ...header }];
  const packed = passes.reduce((sum, pass) => sum + pass.height * (1 + rowBytes(header, pass.width)), 0);
  const isNumbers = header.type === PALETTE && palette === undefined;
  const isGrey = header.type === GREY || header.type === GREY_ALPHA || isNumbers;
  const channels = isGrey ? 1 : 3;
  const pieces = packed > WHOLE;
  checkMemory(header.width * header.height * channels + (pieces ? 0 : packed), maxBytes);
  const out = new Uint8Array(header.width * header.height * channels);
  const rows = new Rows(header, passes, rowWriter(header, palette, out), channels);
  const take = (piece: Uint8Array): void => rows.take(piece);
  try {
    if (pieces) inflateStartInPieces(joined(data), packed, take);
    else take(inflateStart(joined(data), packed));
  } catch (error) {
    if (cut && error instanceof FormatError) throw new FormatError('it stops within its pixels; the file is truncated', { cause: error });
    throw error;
  }
  return new Image(header.width, header.height, channels, out);
}

/** Bytes of filtered rows up to which they are inflated at once, which is faster. */
const WHOLE = 2 ** 25;

/** Makes pixels of filtered rows, which come in pieces of any length. */
class Rows {
  readonly #header: Header;
  readonly #passes: readonly Pass[];
  readonly #write: RowWriter;
  readonly #channels: number;
  #pass = 0;
  #y = 0;
  #above = new Uint8Array(0);
  /** The beginning of a row whose end is in the next piece, behind the number of its filter. */
  #begun = new Uint8Array(0);
  #filled = 0;

  constructor(header: Header, passes: readonly Pass[], write: RowWriter, channels: number) {
    this.#header = header;
    this.#passes = passes;
    this.#write = write;
    this.#channels = channels;
  }

  take(piece: Uint8Array): void {
    for (let at = 0; at < piece.length;) {
      const length = 1 + rowBytes(this.#header, this.#passes[this.#pass]!.width);
      if (this.#filled === 0 && piece.length - at >= length) {
        this.#row(piece.subarray(at, at + length));
        at += length;
        continue;
      }
      if (this.#filled === 0) this.#begun = new Uint8Array(length);
      const part = piece.subarray(at, at + length - this.#filled);
      this.#begun.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled < length) return;
      this.#filled = 0;
      this.#row(this.#begun);
    }
  }

  #row(filtered: Uint8Array): void {
    const { width, depth, samples } = this.#header;
    const pass = this.#passes[this.#pass]!;
    const row = filtered.subarray(1);
    if (this.#y === 0) this.#above = new Uint8Array(row.length);
    unfilter(filtered[0]!, row, this.#above, Math.max(1, (depth * samples) >> 3));
    const at = ((pass.y0 + this.#y * pass.dy) * width + pass.x0) * this.#channels;
    this.#write(row, pass.width, at, pass.dx * this.#channels);
    this.#above = row as Uint8Array<ArrayBuffer>;
    if (++this.#y < pass.height) return;
    this.#y = 0;
    this.#pass++;
  }
}

/**
 * Reads the parts up to the pixels' last. Like Pillow it takes no notice of what follows them, nor of their checksums: what is missing there is
 * missing in no pixel.
 */
function readChunks(bytes: Uint8Array, maxPixels: number): Parts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Header | undefined;
  let palette: Uint8Array | undefined;
  let apple = false;
  let cut = false;
  const data: Uint8Array[] = [];
  for (let at = 8; ;) {
    const length = at + 8 > bytes.length ? 0 : view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (type !== 'IDAT' && data.length > 0) break;
    if (at + 12 > bytes.length && type !== 'IDAT')
      throw new FormatError(`it stops after ${bytes.length} bytes, before its end; the file is truncated`);
    const end = at + 12 + length;
    cut = end > bytes.length;
    if (cut && type !== 'IDAT')
      throw new FormatError(
        `its part ${JSON.stringify(type)} of ${length} bytes stops after ${bytes.length - at - 8}; the file is truncated`,
      );
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (type === 'CgBI' && header === undefined) apple = true;
    else if (header === undefined && type !== 'IHDR') throw new FormatError('it does not begin with a header');
    if (type === 'IDAT') {
      data.push(body);
    } else if (type.charCodeAt(0) < 0x60 && crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(end - 4)) {
      // An upper-case first letter marks the parts that matter for the pixels.
      throw new FormatError(`the checksum of its part ${JSON.stringify(type)} is wrong; the file is damaged`);
    } else if (type === 'IHDR') {
      if (header !== undefined) throw new FormatError('it has two headers');
      header = readHeader(body, maxPixels);
    } else if (type === 'PLTE') {
      palette = body.subarray(0, body.length - (body.length % 3));
    } else if (type === 'IEND') {
      break;
    }
    if (cut) break;
    at = end;
  }
  if (header === undefined) throw new FormatError('it has no header');
  if (data.length === 0) throw new FormatError('it has no pixels');
  if (apple && !beginsAsZlib(data[0]!))
    throw new FormatError(
      "it is a PNG image of Apple's own kind (CgBI), as iPhone apps hold them; convert it back with Xcode's pngcrush -revert-iphone-optimizations",
    );
  if (header.type === PALETTE && palette === undefined) throw new FormatError('it has no palette');
  return { header, palette, data, cut };
}

const beginsAsZlib = (data: Uint8Array): boolean => (data[0]! & 15) === 8 && (data[0]! * 256 + data[1]!) % 31 === 0;

function readHeader(body: Uint8Array, maxPixels: number): Header {
  if (body.length !== 13) throw new FormatError(`its header has ${body.length} bytes instead of 13`);
  const view = new DataView(body.buffer, body.byteOffset, 13);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, type, compression, filter, interlace] = [...body.subarray(8)] as [number, number, number, number, number];
  const known = TYPES[type];
  if (known?.depths.includes(depth) !== true || compression !== 0 || filter !== 0 || interlace > 1) {
    throw new FormatError(`its header is not valid: colour type ${type}, ${depth} bits, interlacing ${interlace}`);
  }
  checkSize(width, height, maxPixels);
  return { width, height, depth, type, samples: known.samples, interlaced: interlace === 1 };
}

interface Pass {
  readonly x0: number;
  readonly y0: number;
  readonly dx: number;
  readonly dy: number;
  readonly width: number;
  readonly height: number;
}

/** The seven reduced images of an interlaced one; those without pixels are left out, as in the file. */
function adam7({ width, height }: Header): Pass[] {
  const grids = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
  ] as const;
  const passes = grids.map(([x0, y0, dx, dy]) => {
    return { x0, y0, dx, dy, width: Math.ceil((width - x0) / dx), height: Math.ceil((height - y0) / dy) };
  });
  return passes.filter((pass) => pass.width > 0 && pass.height > 0);
}

const rowBytes = (header: Header, width: number): number => Math.ceil((width * header.depth * header.samples) / 8);

const joined = (pieces: readonly Uint8Array[]): Uint8Array => (pieces.length === 1 ? pieces[0]! : concatBytes(pieces));

/** Undoes the filter of one row in place; `step` is the distance to the pixel on the left. */
function unfilter(filter: number, row: Uint8Array, above: Uint8Array, step: number): void {
  const n = row.length;
  if (filter === 0) return;
  if (filter === 1) {
    for (let i = step; i < n; i++) row[i] = row[i]! + row[i - step]!;
  } else if (filter === 2) {
    for (let i = 0; i < n; i++) row[i] = row[i]! + above[i]!;
  } else if (filter === 3) {
    for (let i = 0; i < n; i++) row[i] = row[i]! + (((i < step ? 0 : row[i - step]!) + above[i]!) >> 1);
  } else if (filter === 4) {
    for (let i = 0; i < n; i++) {
      const left = i < step ? 0 : row[i - step]!;
      row[i] = row[i]! + paeth(left, above[i]!, i < step ? 0 : above[i - step]!);
    }
  } else {
    throw new FormatError(`a row has the unknown filter ${filter}; the file is damaged`);
  }
}

/** Of left, above and above-left the one nearest to `left + above - corner`. */
function paeth(left: number, above: number, corner: number): number {
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

type RowWriter = (row: Uint8Array, width: number, at: number, step: number) => void;

/** Writes one row of samples as 8-bit pixels into `out`, from `at` on, `step` bytes from pixel to pixel. */
function rowWriter(header: Header, palette: Uint8Array | undefined, out: Uint8Array): RowWriter {
  const { depth, type, samples } = header;
  if (type === PALETTE && palette === undefined) {
    return (row, width, at, step) => {
      for (let x = 0, o = at; x < width; x++, o += step) out[o] = bitsAt(row, x, depth);
    };
  }
  if (type === PALETTE) return paletteWriter(depth, palette!, out);
  if (depth < 8) {
    // 1, 2 or 4 bits are spread over 0 to 255.
    const scale = 255 / ((1 << depth) - 1);
    return (row, width, at, step) => {
      for (let x = 0, o = at; x < width; x++, o += step) out[o] = bitsAt(row, x, depth) * scale;
    };
  }
  if (type === GREY && depth === 16) {
    return (row, width, at, step) => {
      for (let x = 0, o = at; x < width; x++, o += step) out[o] = row[2 * x] === 0 ? row[2 * x + 1]! : 255;
    };
  }
  const bytes = depth >> 3;
  const colours = samples >= 3 ? 3 : 1;
  return (row, width, at, step) => {
    for (let x = 0, o = at; x < width; x++, o += step) {
      for (let c = 0; c < colours; c++) out[o + c] = row[(x * samples + c) * bytes]!;
    }
  };
}

function paletteWriter(depth: number, palette: Uint8Array, out: Uint8Array): RowWriter {
  return (row, width, at, step) => {
    for (let x = 0, o = at; x < width; x++, o += step) {
      const from = 3 * bitsAt(row, x, depth);
      // Colours that the palette lacks are black.
      out[o] = palette[from] ?? 0;
      out[o + 1] = palette[from + 1] ?? 0;
      out[o + 2] = palette[from + 2] ?? 0;
    }
  };
}

function bitsAt(row: Uint8Array, x: number, depth: number): number {
  if (depth === 8) return row[x]!;
  const bit = x * depth;
  return (row[bit >> 3]! >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}
