/**
 * Writes baseline JPEG files (ITU-T T.81) as libjpeg-turbo does and with its numbers: whole-number colours and cosine transform, its tables, and
 * colour at half the size. So the same pixels give the bytes that PIL's `save(quality=…)` writes.
 */
import type { Bytes } from '../../base/host-types.ts';
import { concatBytes } from '../bytes/byte-writer.ts';
import type { Image } from './image.ts';
import { MEAN_CODES, OTHER_CODES, STEPS, type HuffmanTable } from './jpeg-tables.ts';

/** Where the coefficients stand in a block, from coarse to fine. */
const ZIGZAG = zigzag();

function zigzag(): Uint8Array {
  const places = Array.from({ length: 64 }, (_, i) => ({ i, diagonal: (i >> 3) + (i & 7) }));
  // Diagonals go up and down in turn.
  places.sort((a, b) => a.diagonal - b.diagonal || (a.diagonal % 2 === 0 ? b.i - a.i : a.i - b.i));
  return Uint8Array.from(places, ({ i }) => i);
}

/** One colour: its samples, filled up to whole blocks. */
interface Plane {
  readonly data: Uint8Array;
  /** Of the samples that are kept, in blocks. */
  readonly columns: number;
  readonly rows: number;
  /** Blocks that stand together, in each direction. */
  readonly size: number;
  /** Which tables it takes. */
  readonly table: number;
}

/** @param quality - 1 (small) to 100 (good) */
export function encodeJpeg(image: Image, quality: number): Bytes {
  const planes = image.channels === 1 ? [greyPlane(image)] : colourPlanes(image);
  const scale = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  const steps = STEPS.map((table) => table.map((step) => Math.min(255, Math.max(1, Math.floor((step * scale + 50) / 100)))));
  const tables = image.channels === 1 ? [0] : [0, 1];
  return concatBytes([
    Uint8Array.of(0xff, 0xd8),
    segment(0xe0, [0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0]),
    ...tables.map((table) => segment(0xdb, [table, ...steps[table]!])),
    segment(0xc0, [
      8,
      ...short(image.height),
      ...short(image.width),
      planes.length,
      ...planes.flatMap(({ size, table }, i) => [i + 1, size * 17, table]),
    ]),
    ...tables.flatMap((table) => [huffman(table, MEAN_CODES[table]!), huffman(16 + table, OTHER_CODES[table]!)]),
    segment(0xda, [planes.length, ...planes.flatMap(({ table }, i) => [i + 1, table * 17]), 0, 63, 0]),
    scan(planes, steps),
    Uint8Array.of(0xff, 0xd9),
  ]);
}

const short = (value: number): number[] => [value >> 8, value & 255];

const segment = (marker: number, body: readonly number[]): Uint8Array => Uint8Array.of(0xff, marker, ...short(body.length + 2), ...body);

const huffman = (place: number, { counts, values }: HuffmanTable): Uint8Array => segment(0xc4, [place, ...counts, ...values]);

function greyPlane({ width, height, data }: Image): Plane {
  const [columns, rows] = [Math.ceil(width / 8), Math.ceil(height / 8)];
  return { data: filledUp(data, width, height, columns * 8, rows * 8), columns, rows, size: 1, table: 0 };
}

/** Repeats the last column and row. */
function filledUp(data: Uint8Array, width: number, height: number, toWidth: number, toHeight: number): Uint8Array {
  const out = new Uint8Array(toWidth * toHeight);
  for (let y = 0; y < toHeight; y++) {
    const from = Math.min(y, height - 1) * width;
    out.set(data.subarray(from, from + width), y * toWidth);
    out.fill(data[from + width - 1]!, y * toWidth + width, (y + 1) * toWidth);
  }
  return out;
}

/** Brightness, and blue and red beside it at half the size (ITU-T T.871, with 16 bits behind the point). */
function colourPlanes({ width, height, data }: Image): Plane[] {
  const pixels = width * height;
  const [y, cb, cr] = [new Uint8Array(pixels), new Uint8Array(pixels), new Uint8Array(pixels)];
  for (let i = 0, at = 0; i < pixels; i++, at += 3) {
    const [r, g, b] = [data[at]!, data[at + 1]!, data[at + 2]!];
    y[i] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
    cb[i] = (-11059 * r - 21709 * g + 32768 * b + 8421375) >> 16;
    cr[i] = (32768 * r - 27439 * g - 5329 * b + 8421375) >> 16;
  }
  const [columns, rows] = [Math.ceil(width / 8), Math.ceil(height / 8)];
  const brightness = { data: filledUp(y, width, height, columns * 8, rows * 8), columns, rows, size: 2, table: 0 };
  return [brightness, ...[cb, cr].map((plane) => halved(plane, width, height))];
}

function halved(plane: Uint8Array, width: number, height: number): Plane {
  const [columns, rows] = [Math.ceil(width / 16), Math.ceil(height / 16)];
  const [w, h] = [columns * 8, Math.ceil(height / 2)];
  const whole = filledUp(plane, width, height, 2 * w, 2 * h);
  const half = new Uint8Array(w * h);
  for (let y = 0, o = 0; y < h; y++) {
    for (let x = 0, at = 4 * y * w; x < w; x++, o++, at += 2) {
      // Halves are rounded down and up in turn.
      half[o] = (whole[at]! + whole[at + 1]! + whole[at + 2 * w]! + whole[at + 2 * w + 1]! + 1 + (x & 1)) >> 2;
    }
  }
  return { data: filledUp(half, w, h, w, rows * 8), columns, rows, size: 1, table: 1 };
}

/** All blocks, as bits. */
function scan(planes: readonly Plane[], steps: readonly Uint8Array[]): Uint8Array {
  const bits = new BitWriter();
  const codes = [0, 1].map((table) => ({ mean: codesOf(MEAN_CODES[table]!), other: codesOf(OTHER_CODES[table]!) }));
  const lasts = planes.map(() => 0);
  const { size, columns, rows } = planes[0]!;
  const block = new Int32Array(64);
  for (let y = 0; y < Math.ceil(rows / size); y++) {
    for (let x = 0; x < Math.ceil(columns / size); x++) {
      planes.forEach((plane, p) => {
        for (let i = 0; i < plane.size ** 2; i++) {
          const [column, row] = [x * plane.size + (i % plane.size), y * plane.size + Math.floor(i / plane.size)];
          // Blocks beyond the image have the mean of the one before, and nothing else.
          if (column < plane.columns && row < plane.rows) transform(plane, column, row, steps[plane.table]!, block);
          else block.fill(0).fill(lasts[p]!, 0, 1);
          writeBlock(bits, block, lasts[p]!, codes[plane.table]!);
          lasts[p] = block[0]!;
        }
      });
    }
  }
  return bits.finish();
}

const F = {
  a298: 2446,
  a390: 3196,
  a541: 4433,
  a765: 6270,
  a899: 7373,
  b175: 9633,
  b501: 12299,
  b847: 15137,
  b961: 16069,
  c053: 16819,
  c562: 20995,
  d072: 25172,
} as const;

/** The cosine transform of a block (Loeffler, Ligtenberg and Moschytz's, as in libjpeg's jfdctint.c), divided by the steps, in the file's order. */
function transform({ data, columns }: Plane, column: number, row: number, steps: Uint8Array, out: Int32Array): void {
  const width = columns * 8;
  for (let y = 0; y < 8; y++) {
    const at = (row * 8 + y) * width + column * 8;
    for (let x = 0; x < 8; x++) WORK[y * 8 + x] = data[at + x]! - 128;
    pass(WORK, y * 8, 1, -2, 11);
  }
  for (let x = 0; x < 8; x++) pass(WORK, x, 8, 2, 15);
  for (let i = 0; i < 64; i++) {
    const [value, step] = [WORK[ZIGZAG[i]!]!, steps[i]! * 8];
    const size = Math.floor((Math.abs(value) + (step >> 1)) / step);
    out[i] = value < 0 ? -size : size;
  }
}

const WORK = new Int32Array(64);

/** One row or column; the sums are shifted right by `even` bits (to the left if it is negative), the products by `odd`. */
function pass(d: Int32Array, at: number, s: number, even: number, odd: number): void {
  const [d0, d1, d2, d3] = [d[at]!, d[at + s]!, d[at + 2 * s]!, d[at + 3 * s]!];
  const [d4, d5, d6, d7] = [d[at + 4 * s]!, d[at + 5 * s]!, d[at + 6 * s]!, d[at + 7 * s]!];
  const [t0, t1, t2, t3] = [d0 + d7, d1 + d6, d2 + d5, d3 + d4];
  const [t7, t6, t5, t4] = [d0 - d7, d1 - d6, d2 - d5, d3 - d4];
  const half = 1 << (odd - 1);
  const shift = (sum: number): number => (even < 0 ? sum << -even : (sum + (1 << (even - 1))) >> even);
  const [t10, t13, t11, t12] = [t0 + t3, t0 - t3, t1 + t2, t1 - t2];
  d[at] = shift(t10 + t11);
  d[at + 4 * s] = shift(t10 - t11);
  const turn = (t12 + t13) * F.a541;
  d[at + 2 * s] = (turn + t13 * F.a765 + half) >> odd;
  d[at + 6 * s] = (turn - t12 * F.b847 + half) >> odd;
  const z5 = (t4 + t6 + t5 + t7) * F.b175;
  const [z1, z2] = [-(t4 + t7) * F.a899, -(t5 + t6) * F.c562];
  const [z3, z4] = [z5 - (t4 + t6) * F.b961, z5 - (t5 + t7) * F.a390];
  d[at + 7 * s] = (t4 * F.a298 + z1 + z3 + half) >> odd;
  d[at + 5 * s] = (t5 * F.c053 + z2 + z4 + half) >> odd;
  d[at + 3 * s] = (t6 * F.d072 + z2 + z3 + half) >> odd;
  d[at + s] = (t7 * F.b501 + z1 + z4 + half) >> odd;
}

/** The code of each value, and its length. */
interface Codes {
  readonly code: Uint16Array;
  readonly length: Uint8Array;
}

function codesOf({ counts, values }: HuffmanTable): Codes {
  const codes = { code: new Uint16Array(256), length: new Uint8Array(256) };
  let [next, index] = [0, 0];
  counts.forEach((count, i) => {
    for (let n = 0; n < count; n++, next++, index++) {
      codes.code[values[index]!] = next;
      codes.length[values[index]!] = i + 1;
    }
    next <<= 1;
  });
  return codes;
}

/** Bits of a number without its sign. */
const bitsOf = (value: number): number => 32 - Math.clz32(Math.abs(value));

function writeBlock(bits: BitWriter, block: Int32Array, last: number, { mean, other }: { mean: Codes; other: Codes }): void {
  const difference = block[0]! - last;
  writeNumber(bits, mean, 0, difference);
  let zeros = 0;
  for (let i = 1; i < 64; i++) {
    const value = block[i]!;
    if (value === 0) {
      zeros++;
      continue;
    }
    for (; zeros > 15; zeros -= 16) bits.write(other.code[0xf0]!, other.length[0xf0]!);
    writeNumber(bits, other, zeros << 4, value);
    zeros = 0;
  }
  if (zeros > 0) bits.write(other.code[0]!, other.length[0]!);
}

/** A code for how many bits follow, and the bits: of a negative number those of one less. */
function writeNumber(bits: BitWriter, { code, length }: Codes, run: number, value: number): void {
  const size = bitsOf(value);
  bits.write(code[run + size]!, length[run + size]!);
  if (size > 0) bits.write((value < 0 ? value - 1 : value) & ((1 << size) - 1), size);
}

class BitWriter {
  #bytes = new Uint8Array(65536);
  #at = 0;
  #held = 0;
  #count = 0;

  write(value: number, length: number): void {
    this.#held = (this.#held << length) | value;
    this.#count += length;
    while (this.#count >= 8) {
      this.#count -= 8;
      this.#put((this.#held >> this.#count) & 255);
    }
    this.#held &= (1 << this.#count) - 1;
  }

  /** The last byte is filled up with ones. */
  finish(): Uint8Array {
    if (this.#count > 0) this.write((1 << (8 - this.#count)) - 1, 8 - this.#count);
    return this.#bytes.subarray(0, this.#at);
  }

  /** A byte of ones is followed by one of zeros, so that it is no marker. */
  #put(byte: number): void {
    if (this.#at + 2 > this.#bytes.length) {
      const more = new Uint8Array(2 * this.#bytes.length);
      more.set(this.#bytes);
      this.#bytes = more;
    }
    this.#bytes[this.#at++] = byte;
    if (byte === 255) this.#bytes[this.#at++] = 0;
  }
}
