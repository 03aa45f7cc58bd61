/**
 * Walks the marker segments of a JPEG file (ITU-T T.81, Annex B) without decoding any pixel: how large the image is, of what kind,
 * whether it is complete. So a file is refused before memory is taken for it, and a truncated one is noticed, for which the
 * decoder would make up the missing part.
 */
import { FormatError } from '../../base/errors.ts';
import { checkSize } from './limits.ts';

/** What a file says about its image. */
export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  readonly components: number;
  /** Of all colours, fewer than `width * height * components` where a colour is sampled more coarsely. */
  readonly samples: number;
  /** Bytes of coefficients that are kept until the end, for an image that is refined from scan to scan. */
  readonly coefficients: number;
  /** Whether it has its pixels themselves and no waves, so that it has one size. */
  readonly lossless: boolean;
  /** Whether its codes are arithmetic ones and not Huffman's. */
  readonly arithmetic: boolean;
}

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
/** Markers without a segment. */
const TEM = 0x01;
const RST_FIRST = 0xd0;
const RST_LAST = 0xd7;
/** Frames, some of which are not decoded. */
const SOF_FIRST = 0xc0;
const SOF_LAST = 0xcf;
const NOT_FRAMES = [0xc4, 0xc8, 0xcc];
/** Baseline, extended, progressive and lossless with Huffman codes, extended and progressive with arithmetic ones. */
const KNOWN_FRAMES = [0xc0, 0xc1, 0xc2, 0xc3, 0xc9, 0xca];
const LOSSLESS = 0xc3;
const ARITHMETIC_FIRST = 0xc9;
const PROGRESSIVE = [0xc2, 0xca];
/** A progressive file has about ten scans; each costs time for the whole image, so thousands are an attack. */
const MAX_SCANS = 500;

/** Whether the bytes begin as a JPEG file. */
export const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === SOI && bytes[2] === 0xff;

/**
 * Reads the header of a JPEG file and finds its end.
 *
 * @throws {@link FormatError} when it is truncated, damaged, larger than `maxPixels`, or of a kind that is not decoded
 */
export function readJpegHeader(bytes: Uint8Array, maxPixels: number): JpegHeader {
  let header: JpegHeader | undefined;
  let scans = 0;
  let scanBytes = 0;
  for (let at = 2; ;) {
    const marker = bytes[at + 1];
    if (marker === undefined) throw truncated(bytes);
    if (bytes[at] !== 0xff || marker === 0xff) {
      at++; // filling bytes; others than those are passed over, too, as Pillow and libjpeg do
      continue;
    }
    if (marker === 0 || marker === TEM || (marker >= RST_FIRST && marker <= RST_LAST)) {
      at += 2;
      continue;
    }
    if (marker === EOI) break;
    const length = bytes[at + 3] === undefined ? undefined : bytes[at + 2]! * 256 + bytes[at + 3]!;
    if (length === undefined || at + 2 + length > bytes.length) throw truncated(bytes);
    if (length < 2) throw new FormatError(`byte ${at}: a segment of ${length} bytes; the file is damaged`);
    if (marker >= SOF_FIRST && marker <= SOF_LAST && !NOT_FRAMES.includes(marker)) {
      if (header !== undefined) throw new FormatError(`byte ${at}: a second frame; the file is damaged`);
      header = readFrame(bytes.subarray(at + 4, at + 2 + length), marker, maxPixels);
    }
    at += 2 + length;
    if (marker === SOS) {
      // A decoder keeps all coefficients if its first scan has not all colours.
      if (header !== undefined && scans === 0 && bytes[at - length + 2]! < header.components)
        header = { ...header, coefficients: header.samples * 2 };
      if (++scans > MAX_SCANS) throw new FormatError(`it has more than ${MAX_SCANS} scans; save it again as a usual JPEG file`);
      const end = endOfScan(bytes, at);
      scanBytes += end - at;
      at = end;
    }
  }
  if (header === undefined || scans === 0) throw new FormatError('it has no pixels; the file is damaged');
  // With Huffman codes every block of 8×8 pixels takes at least a bit, so a small file cannot ask for much memory.
  const blocks = Math.ceil(header.width / 8) * Math.ceil(header.height / 8);
  if (!header.arithmetic && blocks > 8 * scanBytes) {
    throw new FormatError(`its ${scanBytes} bytes of pixels are too few for ${header.width}x${header.height}; the file is damaged`);
  }
  return header;
}

function readFrame(body: Uint8Array, marker: number, maxPixels: number): JpegHeader {
  const [precision, h1, h0, w1, w0, components] = body;
  if (components === undefined) throw new FormatError('its frame header is too short; the file is damaged');
  if (!KNOWN_FRAMES.includes(marker))
    throw new FormatError('it is a hierarchical JPEG, or a lossless one with arithmetic coding; save it as a baseline or progressive one');
  if (precision !== 8) throw new FormatError(`it has ${precision!} bits per sample, expected 8; save it with 8`);
  if (components !== 1 && components !== 3 && components !== 4)
    throw new FormatError(`it has ${components} colour channels, expected 1, 3 or 4`);
  const [width, height] = [w1! * 256 + w0!, h1! * 256 + h0!];
  checkSize(width, height, maxPixels);
  if (body.length < 6 + 3 * components) throw new FormatError('its frame header is too short; the file is damaged');
  const factors = Array.from({ length: components }, (_, c) => body[7 + 3 * c]!);
  const largest = Math.max(...factors.map((h) => h >> 4)) * Math.max(...factors.map((h) => h & 15));
  const share = factors.reduce((sum, h) => sum + ((h >> 4) * (h & 15)) / Math.max(largest, 1), 0);
  const samples = Math.ceil(share * width * height);
  const coefficients = PROGRESSIVE.includes(marker) ? 2 * samples : 0;
  return { width, height, components, samples, coefficients, arithmetic: marker >= ARITHMETIC_FIRST, lossless: marker === LOSSLESS };
}

/** The position of the marker that ends the scan whose data begin at `from`: within data, 0xff is followed by 0 or a restart. */
function endOfScan(bytes: Uint8Array, from: number): number {
  for (let at = from; ; at += 2) {
    at = bytes.indexOf(0xff, at);
    const next = at === -1 ? undefined : bytes[at + 1];
    if (next === undefined) throw truncated(bytes);
    if (next === 0xff) at--;
    else if (next !== 0 && !(next >= RST_FIRST && next <= RST_LAST)) return at;
  }
}

const truncated = (bytes: Uint8Array): FormatError =>
  new FormatError(`it stops after ${bytes.length} bytes, before its end; the file is truncated`);
