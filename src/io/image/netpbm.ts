/**
 * A decoder of PBM, PGM and PPM files (`P1` to `P6`, https://netpbm.sourceforge.net/doc/pnm.html), as digits and binary, of 1 to 16 bits.
 * As in Pillow, colours of more than 8 bits are scaled to 8, and greys of more than 8 bits are read as whole numbers of 16, of which
 * those above 255 are white.
 */
import { FormatError } from '../../base/errors.ts';
import { Image, type Channels } from './image.ts';
import { checkMemory, checkSize } from './limits.ts';
import { roundHalfEven } from './round.ts';

const BLANKS = [9, 10, 11, 12, 13, 32];
const [DIGIT_0, DIGIT_9, HASH, LINE] = [0x30, 0x39, 0x23, 0x0a] as const;

const isBlank = (byte: number | undefined): boolean => byte !== undefined && BLANKS.includes(byte);

/** @throws {@link FormatError} when the file is truncated or damaged, or has more than `maxPixels` pixels */
export function decodeNetpbm(bytes: Uint8Array, maxPixels: number, maxBytes: number): Image {
  const kind = bytes[1]! - DIGIT_0;
  const bits = kind === 1 || kind === 4;
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const numbers = new PnmNumbers(bytes, 2);
  const width = numbers.next();
  const height = numbers.next();
  const largest = bits ? 1 : numbers.next();
  if (largest < 1 || largest > 65535) throw new FormatError(`its largest value is ${largest}, expected 1 to 65535; the file is damaged`);
  checkSize(width, height, maxPixels);
  checkMemory(width * height * channels + 65536, maxBytes);
  const out = new Uint8Array(width * height * channels);
  if (kind === 1) readDigits(numbers, out);
  else if (kind < 4) readNumbers(numbers, out, scaleOf(largest, channels), largest);
  else {
    const pixels = bytes.subarray(numbers.at + 1); // one blank stands between the last number and the pixels
    if (bits) readBits(pixels, width, out);
    else readBinary(pixels, out, scaleOf(largest, channels), largest);
  }
  return new Image(width, height, channels, out);
}

/** The 8-bit value of each sample, as Pillow has it; undefined where they are the same. */
function scaleOf(largest: number, channels: Channels): Uint8Array | undefined {
  if (largest === 255) return undefined;
  const full = channels === 1 && largest > 255 ? 65535 : 255;
  return Uint8Array.from({ length: largest + 1 }, (_, value) => Math.min(255, roundHalfEven((value / largest) * full)));
}

function readBinary(pixels: Uint8Array, out: Uint8Array, scale: Uint8Array | undefined, largest: number): void {
  const size = out.length * (largest > 255 ? 2 : 1);
  requirePixels(pixels, size);
  if (scale === undefined) {
    out.set(pixels.subarray(0, size));
    return;
  }
  const last = scale[largest]!;
  for (let i = 0; i < out.length; i++) {
    const value = largest > 255 ? pixels[2 * i]! * 256 + pixels[2 * i + 1]! : pixels[i]!;
    out[i] = scale[value] ?? last;
  }
}

/** Of bits, 1 is black, and every row begins with a byte. */
function readBits(pixels: Uint8Array, width: number, out: Uint8Array): void {
  const row = Math.ceil(width / 8);
  requirePixels(pixels, (row * out.length) / width);
  for (let i = 0, at = 0; i < out.length; at += row) {
    for (let x = 0; x < width; x++, i++) out[i] = (pixels[at + (x >> 3)]! >> (7 - (x & 7))) & 1 ? 0 : 255;
  }
}

function requirePixels(pixels: Uint8Array, size: number): void {
  if (pixels.length < size)
    throw new FormatError(`it should have ${size} bytes of pixels, but has ${pixels.length}; the file is truncated`);
}

function readNumbers(numbers: PnmNumbers, out: Uint8Array, scale: Uint8Array | undefined, largest: number): void {
  for (let i = 0; i < out.length; i++) {
    const value = numbers.next();
    if (value > largest) throw new FormatError(`a value is ${value}, more than its largest, ${largest}; the file is damaged`);
    out[i] = scale === undefined ? value : scale[value]!;
  }
}

/** Digits 0 and 1 need nothing between them. */
function readDigits(numbers: PnmNumbers, out: Uint8Array): void {
  for (let i = 0; i < out.length; i++) {
    const digit = numbers.digit();
    if (digit > 1) throw new FormatError(`a value is ${digit}, expected 0 or 1; the file is damaged`);
    out[i] = digit === 1 ? 0 : 255;
  }
}

/** Whole numbers apart by blanks, lines and comments (`# …`, to the end of the line). */
class PnmNumbers {
  readonly #bytes: Uint8Array;
  /** Of the byte behind the last number. */
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  next(): number {
    let value = this.digit();
    for (let digits = 1; ; digits++) {
      const byte = this.#bytes[this.at];
      if (byte === undefined || byte < DIGIT_0 || byte > DIGIT_9) break;
      if (digits === 9) throw new FormatError('it has a number of ten digits; the file is damaged');
      value = value * 10 + byte - DIGIT_0;
      this.at++;
    }
    const behind = this.#bytes[this.at];
    if (behind !== undefined && !isBlank(behind) && behind !== HASH) throw this.#invalid();
    return value;
  }

  /** The next digit, behind blanks and comments. */
  digit(): number {
    for (let byte = this.#bytes[this.at]; byte === HASH || isBlank(byte); byte = this.#bytes[this.at]) {
      const end = byte === HASH ? this.#bytes.indexOf(LINE, this.at) : this.at;
      this.at = end === -1 ? this.#bytes.length : end + 1;
    }
    const byte = this.#bytes[this.at];
    if (byte === undefined) throw new FormatError(`it stops after ${this.#bytes.length} bytes; the file is truncated`);
    if (byte < DIGIT_0 || byte > DIGIT_9) throw this.#invalid();
    this.at++;
    return byte - DIGIT_0;
  }

  #invalid(): FormatError {
    return new FormatError(`byte ${this.at} is ${this.#bytes[this.at]!}, expected a number; the file is damaged`);
  }
}
