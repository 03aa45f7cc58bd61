/**
 * Writes PNG files (PNG specification, third edition, 2025): 8 bits a channel, grey or colour, each row behind the filter whose differences are
 * smallest (the specification's section 12.7). The same pixels give the same bytes on a host; those of other hosts may be packed otherwise.
 */
import { zlibSync } from 'fflate';
import type { Bytes } from '../../base/host-types.ts';
import { concatBytes } from '../bytes/byte-writer.ts';
import { crc32 } from '../bytes/crc32.ts';
import { isNode, nodeModule } from '../bytes/platform.ts';
import type { Image } from './image.ts';

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Colour types. */
const [GREY, COLOUR] = [0, 2];

/** @param level - 0 (fast) to 9 (small) */
export function encodePng(image: Image, level = 6): Bytes {
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, image.width);
  view.setUint32(4, image.height);
  head[8] = 8;
  head[9] = image.channels === 1 ? GREY : COLOUR;
  const rows = filtered(image);
  const data = isNode ? nodeModule('zlib', 'encodeImage', '').deflateSync(rows, { level }) : zlibSync(rows, { level: level as 6 });
  return concatBytes([SIGNATURE, ...chunk('IHDR', head), ...chunk('IDAT', data), ...chunk('IEND', new Uint8Array())]);
}

/** Length, type, data, checksum of type and data. */
function chunk(type: string, data: Uint8Array): Uint8Array[] {
  const name = Uint8Array.from(type, (letter) => letter.charCodeAt(0));
  return [bigEndian(data.length), name, data, bigEndian(crc32(data, crc32(name)))];
}

function bigEndian(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** Predicts a byte from the one before it, above, and above that (0 outside). */
type Filter = (before: number, above: number, corner: number) => number;

const FILTERS: readonly Filter[] = [() => 0, (before) => before, (_, above) => above, (before, above) => (before + above) >> 1, paeth];

/** The neighbour that is nearest to before + above − corner. */
function paeth(before: number, above: number, corner: number): number {
  const [a, b, c] = [Math.abs(above - corner), Math.abs(before - corner), Math.abs(before + above - 2 * corner)];
  return a <= b && a <= c ? before : b <= c ? above : corner;
}

function filtered({ width, height, channels, data }: Image): Uint8Array {
  const bytes = width * channels;
  const out = new Uint8Array(height * (bytes + 1));
  const candidates = FILTERS.map(() => new Uint8Array(bytes));
  const zeros = new Uint8Array(bytes);
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * bytes, (y + 1) * bytes);
    const above = y === 0 ? zeros : data.subarray((y - 1) * bytes, y * bytes);
    let [best, least] = [0, Infinity];
    FILTERS.forEach((filter, type) => {
      const sum = predict(filter, row, above, channels, candidates[type]!);
      if (sum < least) [best, least] = [type, sum];
    });
    out[y * (bytes + 1)] = best;
    out.set(candidates[best]!, y * (bytes + 1) + 1);
  }
  return out;
}

/** Differences from what a filter predicts; gives the sum of their sizes as signed bytes. */
function predict(filter: Filter, row: Uint8Array, above: Uint8Array, channels: number, out: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < row.length; i++) {
    const [before, corner] = i < channels ? [0, 0] : [row[i - channels]!, above[i - channels]!];
    const difference = (row[i]! - filter(before, above[i]!, corner)) & 0xff;
    out[i] = difference;
    sum += difference < 128 ? difference : 256 - difference;
  }
  return sum;
}
