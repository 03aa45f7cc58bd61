/**
 * Decodes WebP files with libwebp, the library that Pillow uses, as WebAssembly (`tools/webp-decoder` has its making): pixels are Pillow's, bit for
 * bit, without their alpha. Of an animation it is the first frame, on a black screen.
 */
import { FormatError } from '../../base/errors.ts';
import { Image } from './image.ts';
import { checkMemory, checkSize } from './limits.ts';
import { WasmModule, type WasmExports } from './wasm-module.ts';
import { webpChunks, type WebpChunk } from './webp-chunks.ts';

/** What the module exports. */
interface Decoder extends WasmExports {
  /** Begins a file of `size` bytes, with at most `most` bytes of memory: where it is to be put, 0 if there is no room. */
  start(most: number, size: number): number;
  /** Decodes it; 0, or libwebp's number of the error. */
  decode(size: number, width: number, height: number): number;
  /** Where width, height and the address of the pixels stand. */
  result(): number;
}

const MODULE = new WasmModule<Decoder>('WebP', () => import('./webp-codec.ts'));

/**
 * Loads the decoder, once; {@link decodeWebp} can be called when the promise has resolved.
 * @throws DeviceError where its code cannot be fetched, or where the page forbids WebAssembly
 */
export const loadWebpDecoder = (): Promise<void> => MODULE.load();

/** Numbers of errors. */
const [NO_MEMORY, UNKNOWN_KIND, CUT, TOO_SHORT] = [1, 4, 5, 7] as const;

/** Where an image stands. */
interface Picture {
  readonly width: number;
  readonly height: number;
  readonly lossless: boolean;
  /** Of its first part; those that belong to it follow. */
  readonly file: Uint8Array;
}

/**
 * Decodes a WebP file to colour.
 *
 * @throws {@link FormatError} when it is truncated or damaged, has more than `maxPixels` pixels, or would take more than `maxBytes` bytes
 */
export function decodeWebp(bytes: Uint8Array, maxPixels: number, maxBytes: number): Image {
  const chunks = webpChunks(bytes);
  const head = chunks.find(({ name }) => name === 'VP8X')?.body;
  const frame = chunks.find(({ name }) => name === 'ANMF');
  if (frame === undefined || head === undefined || head.length < 10) {
    const picture = findPicture(bytes, chunks);
    const pixels = decodePicture(picture, maxPixels, maxBytes);
    return new Image(picture.width, picture.height, 3, pixels);
  }
  const [width, height] = [three(head, 4) + 1, three(head, 7) + 1];
  checkSize(width, height, maxPixels);
  if (frame.body.length < 16) throw truncated();
  const [left, top] = [2 * three(frame.body, 0), 2 * three(frame.body, 3)];
  const picture = findPicture(frame.body, webpChunks(frame.body, 16));
  if (left + picture.width > width || top + picture.height > height)
    throw new FormatError('its first frame reaches beyond its screen; the file is damaged');
  const pixels = decodePicture(picture, maxPixels, maxBytes, width * height * 3);
  return onScreen(pixels, picture, new Image(width, height, 3, new Uint8Array(width * height * 3)), left, top);
}

const truncated = (): FormatError => new FormatError('it stops before its end; the file is truncated');

/** A number of three bytes, the lowest first. */
const three = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);

/** The first picture among parts, and its size, which stands in its own head. */
function findPicture(bytes: Uint8Array, chunks: readonly WebpChunk[]): Picture {
  const pixels = chunks.find(({ name }) => name === 'VP8 ' || name === 'VP8L');
  if (pixels === undefined)
    throw chunks.length === 0 || chunks.at(-1)!.cut ? truncated() : new FormatError('it has no pixels; the file is damaged');
  const alpha = chunks.find(({ name, at }) => name === 'ALPH' && at < pixels.at);
  const { body, name } = pixels;
  const lossless = name === 'VP8L';
  if (body.length < 10) throw truncated();
  const file = bytes.subarray((alpha ?? pixels).at, pixels.at + 8 + body.length);
  if (!lossless) {
    const [width, height] = [(body[6]! | (body[7]! << 8)) & 0x3fff, (body[8]! | (body[9]! << 8)) & 0x3fff];
    return { width, height, lossless, file };
  }
  const [width, height] = [body[1]! | ((body[2]! & 0x3f) << 8), (body[2]! >> 6) | (body[3]! << 2) | ((body[4]! & 15) << 10)];
  return { width: width + 1, height: height + 1, lossless, file };
}

/** @param beside - bytes that the caller takes */
function decodePicture({ width, height, lossless, file }: Picture, maxPixels: number, maxBytes: number, beside = 0): Uint8Array {
  checkSize(width, height, maxPixels);
  // The pixels here and there; without loss those before they are changed, too; tables, a few rows, and alpha and its undoing.
  const inside = file.length + width * height * (3 + (lossless ? 4 : 3)) + 300 * width + 2 ** 21;
  checkMemory(width * height * 3 + beside + inside, maxBytes);
  return MODULE.run((decoder) => {
    const to = decoder.start(inside, file.length);
    if (to === 0) throw noMemory();
    new Uint8Array(decoder.memory.buffer).set(file, to);
    const status = decoder.decode(file.length, width, height);
    if (status === NO_MEMORY) throw noMemory();
    if (status === CUT || status === TOO_SHORT) throw truncated();
    if (status !== 0)
      throw new FormatError(
        status === UNKNOWN_KIND
          ? 'it is a WebP image of a kind that is not decoded; save it again'
          : 'its pixels cannot be decoded; the file is damaged',
      );
    const [, , pixels] = new Uint32Array(decoder.memory.buffer, decoder.result(), 3);
    return new Uint8Array(decoder.memory.buffer).slice(pixels, pixels! + width * height * 3);
  });
}

const noMemory = (): FormatError => new FormatError('decoding it takes more memory than is left; free some or make the image smaller');

function onScreen(pixels: Uint8Array, { width, height }: Picture, screen: Image, left: number, top: number): Image {
  for (let y = 0; y < height; y++)
    screen.data.set(pixels.subarray(y * width * 3, (y + 1) * width * 3), ((top + y) * screen.width + left) * 3);
  return screen;
}
