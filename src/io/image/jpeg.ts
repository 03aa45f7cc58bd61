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
}

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
      if (line.startsWith('Insufficient memory')) throw new FormatError('decoding it takes more memory than is left; free some or make the image smaller'); // prettier-ignore
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

/**
 * Decodes a JPEG file to grey or colour, whichever it is; four colours become three as Pillow converts them.
 *
 * @throws {@link FormatError} when it is truncated or damaged, of a kind that is not decoded (12 bits, hierarchical), or has more than
 * `maxPixels` pixels, or would take more than `maxBytes` bytes
 */
export function decodeJpeg(bytes: Uint8Array, maxPixels: number, maxBytes: number, atLeast?: readonly number[]): Image {
  const header = readJpegHeader(bytes, maxPixels);
  const denominator = atLeast === undefined || header.lossless ? 1 : denominatorFor(header, atLeast);
  const pixels = Math.ceil(header.width / denominator) * Math.ceil(header.height / denominator);
  checkMemory(pixels * channelsOf(header) + header.coefficients, maxBytes);
  Object.assign(input, { bytes, at: 0, warnings: [] });
  try {
    return MODULE.run((decoder) => decodeRows(decoder, header, denominator));
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

function decodeRows(decoder: Decoder, header: JpegHeader, denominator: number): Image {
  const { coefficients } = header;
  const [width, height] = [Math.ceil(header.width / denominator), Math.ceil(header.height / denominator)];
  // Beside what is counted: tables, and rows before and after their colours are converted.
  const working = 2 ** 20 + 512 * (header.width + header.height);
  const found = decoder.start(coefficients + working, denominator); // makes the memory larger, so it comes before any view of it
  const [w, h, channels, strip] = new Uint32Array(decoder.memory.buffer, found, 4);
  if (w !== width || h !== height || channels !== channelsOf(header)) throw damaged('it has two headers');
  const row = width * channels;
  const data = new Uint8Array(height * row);
  for (let at = 0, rows = decoder.rows(); rows > 0; at += rows * row, rows = decoder.rows()) {
    data.set(memoryOf(strip!, rows * row), at);
  }
  return new Image(width, height, channels, data);
}
