/**
 * Decodes JPEG files with libjpeg-turbo, the library and version that Pillow uses, as WebAssembly (`tools/jpeg-decoder` has its making):
 * pixels are Pillow's, bit for bit, and what a hostile file can do is bounded by its sandbox.
 *
 * The decoder is loaded when the first image is (`loadJpegDecoder`), so that importing the library stays fast. It asks for the file in
 * pieces and gives rows in strips, so that only the pixels themselves are whole. Warnings that mean invented pixels become errors.
 */
import { FormatError } from '../../base/errors.ts';
import { Image } from './image.ts';
import { readJpegHeader, type JpegHeader } from './jpeg-header.ts';
import { checkMemory } from './limits.ts';
import { WasmModule, type WasmExports } from './wasm-module.ts';

/** What the module exports. */
interface Decoder extends WasmExports {
  /**
   * Begins the file that `input` has, at 1/`denominator` of its size, with at most so much memory; where width, height, channels and the address
   * of rows stand.
   */
  start(mostBytes: number, denominator: number): number;
  /** Makes the next rows; how many, 0 when the image is complete. */
  rows(): number;
  /** Only so many columns from `left` on, and no rows before `top`. */
  crop(left: number, width: number, top: number): void;
  /** Leaves the rest of the file. */
  end(): void;
}

/** What is wanted of a picture, and who takes it. */
export interface RowTaker {
  /** At what part of its size the picture is wanted, if that can be chosen; rows and columns are then counted in the smaller picture. */
  readonly denominator?: 1 | 2 | 4 | 8;
  /** From one row or column to before another. */
  readonly rows: { readonly from: number; readonly to: number };
  readonly columns: { readonly from: number; readonly to: number };
  /** Takes the next rows, which lie `pitch` bytes apart; the first byte is that of the first column. */
  push(bytes: Uint8Array, pitch: number, rows: number): void;
}

/** Decides what is wanted of a picture of a size; undefined for the whole picture as an image. `scales` says whether a denominator can be chosen. */
export type RowChoice = (width: number, height: number, channels: 1 | 3, scales: boolean) => RowTaker | undefined;

/** Warnings after which pixels are made up. */
const INVENTING = /^Premature|^Corrupt JPEG data: (?!\d+ extraneous)/;

/** The file being decoded, how far it has been read, and what the decoder has said about it. */
const input = { bytes: new Uint8Array(0), at: 0, warnings: [] as string[] };

/** What the decoder calls; only while {@link decodeJpeg} runs. */
const IMPORTS = {
  host: {
    read(to: number, size: number): number {
      const piece = input.bytes.subarray(input.at, input.at + size);
      memoryOf(to, piece.length).set(piece);
      input.at += piece.length;
      return piece.length;
    },
    message(isError: number, text: number, parameters: number): void {
      const line = formatted(text, parameters);
      if (line.startsWith('Insufficient memory'))
        throw new FormatError('decoding it takes more memory than is left; free some or make the image smaller');
      if (isError !== 0) throw damaged([...input.warnings, line].join('; '));
      if (INVENTING.test(line)) throw damaged(line);
      if (input.warnings.length < 10) input.warnings.push(line);
    },
  },
};

const MODULE = new WasmModule<Decoder>('JPEG', () => import('./jpeg-codec.ts'), IMPORTS);

/**
 * Loads the decoder, once; {@link decodeJpeg} can be called when the promise has resolved.
 * @throws DeviceError where its code cannot be fetched, or where the page forbids WebAssembly
 */
export const loadJpegDecoder = (): Promise<void> => MODULE.load();

const damaged = (what: string, cause?: unknown): FormatError =>
  new FormatError(`it cannot be decoded: ${what}; the file is damaged`, { cause });

const memoryOf = (at: number, size?: number): Uint8Array => new Uint8Array(MODULE.memory.buffer, at, size);

/** A message of libjpeg; those that can come here have no parameters but numbers. */
function formatted(text: number, parameters: number): string {
  const bytes = memoryOf(text);
  const format = String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
  const numbers = [...new Int32Array(MODULE.memory.buffer, parameters, 8)];
  return format.replaceAll(/%(0?\d*)l?([dux])/g, (_, width: string, kind: string) => {
    const number = numbers.shift()!;
    return kind === 'x' ? number.toString(16).padStart(Number(width), '0') : String(number);
  });
}

/** Limits of a file, and the size that is enough of it. */
export interface JpegOptions {
  readonly maxPixels: number;
  readonly maxBytes: number;
  readonly atLeast?: readonly number[] | undefined;
}

/**
 * Decodes a JPEG file to grey or colour, whichever it is; four colours become three as Pillow converts them.
 *
 * @param choose - takes the rows instead, or some of them; what it does not want is not decoded, so damage there is not noticed
 * @returns the image; undefined if the rows were taken
 * @throws {@link FormatError} when it is truncated or damaged, of a kind that is not decoded (12 bits, hierarchical), or has more than
 * `maxPixels` pixels, or would take more than `maxBytes` bytes
 */
export function decodeJpeg(bytes: Uint8Array, options: JpegOptions): Image;
export function decodeJpeg(bytes: Uint8Array, options: JpegOptions, choose: RowChoice): Image | undefined;
export function decodeJpeg(bytes: Uint8Array, { maxPixels, maxBytes, atLeast }: JpegOptions, choose?: RowChoice): Image | undefined {
  const header = readJpegHeader(bytes, maxPixels);
  const denominator = atLeast === undefined || header.lossless ? 1 : denominatorFor(header, atLeast);
  const size = sizeAt(header, denominator);
  checkMemory(size.width * size.height * channelsOf(header) + header.coefficients, maxBytes);
  const scales = denominator === 1 && !header.lossless;
  const taker = choose?.(size.width, size.height, channelsOf(header), scales);
  Object.assign(input, { bytes, at: 0, warnings: [] });
  try {
    return MODULE.run((decoder) => {
      const part = scales ? (taker?.denominator ?? 1) : denominator;
      const strip = begin(decoder, header, part);
      if (taker === undefined) return wholeImage(decoder, header, strip);
      takeRows(decoder, header, strip, taker);
      return undefined;
    });
  } finally {
    input.bytes = new Uint8Array(0);
  }
}

const channelsOf = ({ components }: JpegHeader): 1 | 3 => (components === 1 ? 1 : 3);

/** The smallest size whose sides are as long as wished: 1/8, 1/4, 1/2 of the whole, or that. */
function denominatorFor({ width, height }: JpegHeader, [w, h]: readonly number[]): number {
  const most = Math.min(Math.floor(width / w!), Math.floor(height / h!));
  return [8, 4, 2].find((denominator) => denominator <= most) ?? 1;
}

const sizeAt = ({ width, height }: JpegHeader, denominator: number): { readonly width: number; readonly height: number } => ({
  width: Math.ceil(width / denominator),
  height: Math.ceil(height / denominator),
});

/** Where the decoder says what it has begun. */
interface Strip {
  readonly found: number;
  readonly width: number;
  readonly height: number;
  /** Its rows. */
  readonly at: number;
}

function begin(decoder: Decoder, header: JpegHeader, denominator: number): Strip {
  const { coefficients } = header;
  const { width, height } = sizeAt(header, denominator);
  // Beside what is counted: tables, and rows before and after their colours are converted.
  const working = 2 ** 20 + 512 * (header.width + header.height);
  const found = decoder.start(coefficients + working, denominator); // makes the memory larger, so it comes before any view of it
  const [w, h, channels, at] = new Uint32Array(decoder.memory.buffer, found, 4);
  if (w !== width || h !== height || channels !== channelsOf(header)) throw damaged('it has two headers');
  return { found, width, height, at: at! };
}

function wholeImage(decoder: Decoder, header: JpegHeader, { width, height, at: strip }: Strip): Image {
  const channels = channelsOf(header);
  const row = width * channels;
  const data = new Uint8Array(height * row);
  for (let at = 0, rows = decoder.rows(); rows > 0; at += rows * row, rows = decoder.rows()) {
    data.set(memoryOf(strip, rows * row), at);
  }
  return new Image(width, height, channels, data);
}

/** Colours are smoothed over this many pixels beside them. */
const BESIDE = 2;

function takeRows(decoder: Decoder, header: JpegHeader, { found, width, at }: Strip, taker: RowTaker): void {
  const channels = channelsOf(header);
  const { rows, columns } = taker;
  // Where coefficients are kept, those that never came are made up from blocks further away.
  const isCut = !header.lossless && header.coefficients === 0;
  const skipped = isCut ? Math.max(rows.from - BESIDE, 0) : 0;
  if (isCut) {
    const left = Math.max(columns.from - BESIDE, 0);
    decoder.crop(left, Math.min(columns.to + BESIDE, width) - left, skipped);
  }
  const state = new Uint32Array(decoder.memory.buffer, found, 5);
  const pitch = state[0]! * channels;
  const first = (columns.from - state[4]!) * channels;
  for (let row = skipped; row < rows.to;) {
    const made = decoder.rows();
    const from = Math.max(row, rows.from);
    const to = Math.min(row + made, rows.to);
    if (from < to) taker.push(memoryOf(at + (from - row) * pitch + first, (to - from) * pitch - first), pitch, to - from);
    row += made;
  }
  if (!header.lossless) decoder.end();
  else while (decoder.rows() > 0); // it cannot be left before its end
}
