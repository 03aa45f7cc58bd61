/** Reads the head of a TIFF file (TIFF 6.0, 1992, and BigTIFF): the numbers that it says about its first image. */
import { FormatError } from '../../base/errors.ts';

/** TiffNumbers of the fields that decoding needs. */
export const TAG = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  meaning: 262,
  bitOrder: 266,
  offsets: 273,
  orientation: 274,
  samples: 277,
  rowsPerStrip: 278,
  sizes: 279,
  planes: 284,
  predictor: 317,
  palette: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileSizes: 325,
  extra: 338,
  numberKind: 339,
} as const;

/** Fields by their number. */
export type Tags = ReadonlyMap<number, readonly number[]>;

/** Bytes of a number by the number of its kind; those of other kinds are not read. */
const BYTES: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4, 13: 4, 16: 8 };
const MOST_FIELDS = 4096;
/** Most numbers of one field: a strip or tile each. */
const MOST_NUMBERS = 2 ** 22;

const WANTED: readonly number[] = Object.values(TAG);

/** Whether the bytes begin as a TIFF file. */
export const isTiff = (bytes: Uint8Array): boolean =>
  ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(String.fromCharCode(...bytes.subarray(0, 4)));

export const isLittle = (bytes: Uint8Array): boolean => bytes[0] === 0x49;

/** @throws {@link FormatError} when it is truncated or damaged */
export function readTags(bytes: Uint8Array): Tags {
  const file = new TiffNumbers(bytes);
  const big = bytes[2] === 43 || bytes[3] === 43;
  const [wide, entry, inline] = big ? [8, 20, 8] : [4, 12, 4];
  const start = file.at(big ? 8 : 4, wide);
  const count = file.at(start, big ? 8 : 2);
  if (count > MOST_FIELDS) throw new FormatError(`its head has ${count} fields; the file is damaged`);
  const tags = new Map<number, readonly number[]>();
  for (let i = 0; i < count; i++) {
    const at = start + (big ? 8 : 2) + i * entry;
    const tag = file.at(at, 2);
    const size = BYTES[file.at(at + 2, 2)];
    if (size === undefined || !WANTED.includes(tag) || tags.has(tag)) continue;
    const length = file.at(at + 4, wide);
    if (length > MOST_NUMBERS) throw new FormatError(`its field ${tag} has ${length} numbers; the file is damaged`);
    const from = length * size <= inline ? at + 4 + wide : file.at(at + 4 + wide, wide);
    file.require(from, length * size);
    tags.set(
      tag,
      Array.from({ length }, (_, n) => file.at(from + n * size, size)),
    );
  }
  return tags;
}

/** Whole numbers of a file in its own order of bytes. */
class TiffNumbers {
  readonly #view: DataView;
  readonly #little: boolean;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = isLittle(bytes);
  }

  at(at: number, size: number): number {
    this.require(at, size);
    if (size === 1) return this.#view.getUint8(at);
    if (size === 2) return this.#view.getUint16(at, this.#little);
    if (size === 4) return this.#view.getUint32(at, this.#little);
    return Number(this.#view.getBigUint64(at, this.#little));
  }

  require(at: number, size: number): void {
    const { byteLength } = this.#view;
    if (at + size > byteLength) throw new FormatError(`it has ${byteLength} bytes, but ${at + size} are expected; the file is truncated`);
  }
}
