/**
 * A decoder of the first frame of GIF files (GIF89a Specification, 1990), as PIL's `Image.open` gives it: on a screen of its colour 0, or of the
 * frame's transparent colour where it has one.
 */
import { FormatError } from '../../base/errors.ts';
import { Image } from './image.ts';
import { checkMemory, checkSize } from './limits.ts';

const [EXTENSION, FRAME, END] = [0x21, 0x2c, 0x3b] as const;
const CONTROL = 0xf9;
const MOST_CODES = 4096;

interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly interlaced: boolean;
  readonly palette: Uint8Array | undefined;
  readonly transparent: number | undefined;
  /** Where its pixels begin. */
  readonly at: number;
}

/** @throws {@link FormatError} when the file is truncated or damaged, or has more than `maxPixels` pixels */
export function decodeGif(bytes: Uint8Array, maxPixels: number, maxBytes: number): Image {
  if (bytes.length < 13) throw truncated(bytes);
  const flags = bytes[10]!;
  const colours = flags & 0x80 ? 2 << (flags & 7) : 0;
  const global = colours === 0 ? undefined : paletteAt(bytes, 13, colours);
  const frame = findFrame(bytes, 13 + 3 * colours, global);
  // A frame that is larger than its screen makes that larger.
  const width = Math.max(short(bytes, 6), frame.left + frame.width);
  const height = Math.max(short(bytes, 8), frame.top + frame.height);
  checkSize(frame.width, frame.height, maxPixels);
  checkSize(width, height, maxPixels);
  const channels = frame.palette === undefined ? 1 : 3;
  checkMemory(width * height * channels + frame.width * frame.height + 8 * MOST_CODES, maxBytes);
  const indices = unpack(bytes, frame);
  const out = new Uint8Array(width * height * channels);
  const put = painter(out, frame.palette);
  if (frame.transparent !== undefined || frame.palette !== undefined)
    for (let i = 0; i < width * height; i++) put(i, frame.transparent ?? 0);
  rowsOf(frame).forEach((y, row) => {
    const to = (frame.top + y) * width + frame.left;
    for (let x = 0; x < frame.width; x++) put(to + x, indices[row * frame.width + x]!);
  });
  return new Image(width, height, channels, out);
}

const short = (bytes: Uint8Array, at: number): number => bytes[at]! + bytes[at + 1]! * 256;

const truncated = (bytes: Uint8Array): FormatError =>
  new FormatError(`it stops after ${bytes.length} bytes, before its end; the file is truncated`);

/** Colours that the file lacks are black. */
function paletteAt(bytes: Uint8Array, at: number, colours: number): Uint8Array {
  if (at + 3 * colours > bytes.length) throw truncated(bytes);
  const palette = new Uint8Array(3 * 256);
  palette.set(bytes.subarray(at, at + 3 * colours));
  return palette;
}

/** Writes a pixel by its number; without a palette the number is the grey. */
function painter(out: Uint8Array, palette: Uint8Array | undefined): (pixel: number, index: number) => void {
  if (palette === undefined)
    return (pixel, index) => {
      out[pixel] = index;
    };
  return (pixel, index) => {
    out[3 * pixel] = palette[3 * index]!;
    out[3 * pixel + 1] = palette[3 * index + 1]!;
    out[3 * pixel + 2] = palette[3 * index + 2]!;
  };
}

/** Passes over what stands before the first frame, and reads that one's head. */
function findFrame(bytes: Uint8Array, from: number, global: Uint8Array | undefined): Frame {
  let transparent: number | undefined;
  for (let at = from; ;) {
    const mark = bytes[at];
    if (mark === undefined) throw truncated(bytes);
    if (mark === END) throw new FormatError('it has no pixels; the file is damaged');
    if (mark === FRAME) return readFrame(bytes, at + 1, global, transparent);
    if (mark !== EXTENSION) {
      at++; // Pillow passes over filling bytes, too
      continue;
    }
    if (bytes[at + 1] === CONTROL && bytes[at + 2] === 4 && bytes[at + 3]! & 1) transparent = bytes[at + 6];
    at = endOfBlocks(bytes, at + 2);
  }
}

/** Data come in blocks of at most 255 bytes behind their length; one of none is the last. */
function endOfBlocks(bytes: Uint8Array, from: number): number {
  for (let at = from; ;) {
    const length = bytes[at];
    if (length === undefined) throw truncated(bytes);
    at += 1 + length;
    if (length === 0) return at;
  }
}

function readFrame(bytes: Uint8Array, at: number, global: Uint8Array | undefined, transparent: number | undefined): Frame {
  if (at + 10 > bytes.length) throw truncated(bytes);
  const flags = bytes[at + 8]!;
  const colours = flags & 0x80 ? 2 << (flags & 7) : 0;
  return {
    left: short(bytes, at),
    top: short(bytes, at + 2),
    width: short(bytes, at + 4),
    height: short(bytes, at + 6),
    interlaced: (flags & 0x40) !== 0,
    palette: colours === 0 ? global : paletteAt(bytes, at + 9, colours),
    transparent,
    at: at + 9 + 3 * colours,
  };
}

/** Where each row of the file stands in the image. */
function rowsOf({ height, interlaced }: Frame): number[] {
  const rows = Array.from({ length: height }, (_, y) => y);
  if (!interlaced) return rows;
  const every = (step: number, from: number): number[] => rows.filter((y) => y % step === from);
  return [...every(8, 0), ...every(8, 4), ...every(4, 2), ...every(2, 1)];
}

/** Undoes the compression (Lempel, Ziv and Welch's, with codes that grow from bit to bit, the lowest bits first). */
function unpack(bytes: Uint8Array, { width, height, at: from }: Frame): Uint8Array {
  const start = bytes[from];
  if (start === undefined) throw truncated(bytes);
  if (start < 1 || start > 11) throw new FormatError(`its codes begin with ${start} bits; the file is damaged`);
  const out = new Uint8Array(width * height);
  const clear = 1 << start;
  const before = new Uint16Array(MOST_CODES);
  const firsts = new Uint8Array(MOST_CODES).map((_, code) => code);
  const lasts = firsts.slice();
  const lengths = new Uint16Array(MOST_CODES).fill(1);
  let [size, next, previous, o] = [start + 1, clear + 2, -1, 0];
  const codes = new BlockBits(bytes, from + 1);
  while (o < out.length) {
    const code = codes.take(size);
    if (code === clear) {
      [size, next, previous] = [start + 1, clear + 2, -1];
      continue;
    }
    if (code === clear + 1) break;
    if (code > next || (code === next && previous === -1) || (previous === -1 && code >= clear))
      throw new FormatError('its pixels have a code that cannot be; the file is damaged');
    if (previous !== -1 && next < MOST_CODES) {
      before[next] = previous;
      lengths[next] = lengths[previous]! + 1;
      firsts[next] = firsts[previous]!;
      lasts[next] = firsts[code === next ? previous : code]!;
      next++;
      if (next === 1 << size && size < 12) size++;
    } else if (code >= next) {
      throw new FormatError('its pixels have a code that cannot be; the file is damaged');
    }
    const length = lengths[code]!;
    for (let i = length - 1, c = code; i >= 0; i--, c = before[c]!) if (o + i < out.length) out[o + i] = lasts[c]!;
    o += length;
    previous = code;
  }
  if (o < out.length) throw new FormatError(`it ends after ${o} of ${out.length} pixels; the file is truncated`);
  return out;
}

/** Bits of data that come in blocks. */
class BlockBits {
  readonly #bytes: Uint8Array;
  #at: number;
  /** Bytes left in the block. */
  #left = 0;
  #bits = 0;
  #count = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  take(size: number): number {
    while (this.#count < size) {
      if (this.#left === 0) this.#left = this.#bytes[this.#at++] ?? 0;
      const byte = this.#bytes[this.#at];
      if (this.#left === 0 || byte === undefined) throw truncated(this.#bytes);
      this.#bits |= byte << this.#count;
      this.#count += 8;
      this.#left--;
      this.#at++;
    }
    const value = this.#bits & ((1 << size) - 1);
    this.#bits >>>= size;
    this.#count -= size;
    return value;
  }
}
