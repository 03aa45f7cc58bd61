/** Undoes how strips and tiles of TIFF files are packed: not at all, runs of bytes, Lempel, Ziv and Welch's codes, deflate. */
import { FormatError } from '../../base/errors.ts';
import { inflateStart } from '../archive/inflate.ts';

/** Numbers of the ways of packing that are undone. */
const [NONE, LZW, ADOBE_DEFLATE, DEFLATE, PACK_BITS] = [1, 5, 8, 32946, 32773] as const;

const OTHERS: Readonly<Record<number, string>> = {
  2: 'as fax (CCITT)',
  3: 'as fax (CCITT group 3)',
  4: 'as fax (CCITT group 4)',
  6: 'as JPEG of an old kind',
  7: 'as JPEG',
  33003: 'as JPEG 2000',
  33005: 'as JPEG 2000',
  34712: 'as JPEG 2000',
  34925: 'with LZMA',
  50000: 'with Zstandard',
  50001: 'as WebP',
  50002: 'as JPEG XL',
};

/** @throws FormatError for a way that is not undone, by its name */
export function requireKnownPacking(packing: number): void {
  if ([NONE, LZW, ADOBE_DEFLATE, DEFLATE, PACK_BITS].includes(packing as 1)) return;
  throw new FormatError(`it is a TIFF image packed ${OTHERS[packing] ?? `in way ${packing}`}; save it uncompressed or with LZW or deflate`);
}

/** The `size` bytes that `packed` stands for; it may be its own memory. What follows them is passed over. */
export function unpack(packed: Uint8Array, packing: number, size: number): Uint8Array {
  if (packing === PACK_BITS) return unpackRuns(packed, size);
  if (packing === LZW) return unpackCodes(packed, size);
  if (packing !== NONE) return inflateStart(packed, size);
  if (packed.length < size) throw short(packed.length, size);
  return packed.slice(0, size);
}

const short = (has: number, size: number): FormatError =>
  new FormatError(`a part of its pixels should have ${size} bytes, but has ${has}; the file is truncated`);

function unpackRuns(packed: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  let o = 0;
  for (let at = 0; o < size;) {
    const count = packed[at++];
    if (count === undefined || at >= packed.length) throw short(o, size);
    if (count === 128) continue;
    if (count > 128) {
      out.fill(packed[at++]!, o, o + 257 - count);
      o += 257 - count;
    } else {
      const run = packed.subarray(at, Math.min(at + count + 1, at + size - o));
      out.set(run, o);
      o += run.length;
      at += count + 1;
      if (at > packed.length) throw short(o, size);
    }
  }
  return out;
}

const [CLEAR, END, FIRST, MOST_CODES] = [256, 257, 258, 4096] as const;

/** Codes of 9 to 12 bits, the highest first; they grow one code earlier than they need to. */
function unpackCodes(packed: Uint8Array, size: number): Uint8Array {
  if (packed[0] === 0 && (packed[1]! & 1) !== 0) throw new FormatError('it is packed with LZW of an old kind; save it again');
  const out = new Uint8Array(size);
  /** Where the bytes of each code stand in what came out already, and how many there are. */
  const places = new Uint32Array(MOST_CODES);
  const lengths = new Uint16Array(MOST_CODES);
  let [o, at, bits, held, width, next, previous] = [0, 0, 0, 0, 9, FIRST as number, -1];
  while (o < size) {
    while (held < width) {
      if (at >= packed.length) throw short(o, size);
      bits = ((bits << 8) | packed[at++]!) & 0xffffff;
      held += 8;
    }
    held -= width;
    const code = (bits >> held) & ((1 << width) - 1);
    if (code === END) throw short(o, size);
    if (code === CLEAR) {
      [width, next, previous] = [9, FIRST, -1];
      continue;
    }
    if (code > next || (code >= FIRST && previous === -1) || (code === next && next >= MOST_CODES))
      throw new FormatError('its pixels have a code that cannot be; the file is damaged');
    const start = o;
    // A new code is the one before and the first byte of this one: what stands before this one, and one byte more.
    const before = previous === -1 ? 0 : previous < CLEAR ? 1 : lengths[previous]!;
    if (previous !== -1 && next < MOST_CODES) {
      places[next] = start - before;
      lengths[next] = before + 1;
    }
    if (code < CLEAR) out[o++] = code;
    else {
      const end = Math.min(size, o + lengths[code]!);
      for (let from = places[code]!; o < end; from++, o++) out[o] = out[from]!;
    }
    if (previous !== -1 && next < MOST_CODES) next++;
    if (next >= (1 << width) - 1 && width < 12) width++;
    previous = code;
  }
  return out;
}
