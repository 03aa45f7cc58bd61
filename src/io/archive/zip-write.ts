/**
 * Writes zip archives the way PyTorch does (PKWARE APPNOTE 6.3.10): every member stored, its data at a multiple of 64 bytes so
 * that a reader can map the file and use it in place, the gap filled by an extra field. zip64 records where sizes need them.
 *
 * Nothing is compressed (weights hardly compress) and nothing depends on the clock: the same members give the same bytes.
 */
import { ArgumentError } from '../../base/errors.ts';
import { crc32 } from '../bytes/crc32.ts';

/** A member to be written, with its contents, or with what makes them in pieces: that is called twice and must make the same bytes. */
export type ZipMember = { readonly name: string } & (
  { readonly data: Uint8Array } | { readonly size: number; readonly pieces: () => Iterable<Uint8Array> }
);

/** How {@link zipChunks} lays the archive out. */
export interface ZipWriteOptions {
  /** Data begin at multiples of this, default 64. */
  readonly align?: number;
  /** Sizes and positions from here on go into zip64 fields; default where 32 bits end. Smaller only makes the archive larger. */
  readonly zip64From?: number;
}

const MAX_UINT16 = 0xffff;
const MAX_UINT32 = 0xffffffff;
const UTF8_NAME = 0x0800;
/** 1 January 1980, the first date the format knows. */
const DATE = 0x0021;
/** "FB", the tag of PyTorch's padding field. */
const PADDING_TAG = 0x4246;
const PADDING_BYTE = 0x5a;

interface Placed {
  readonly name: Uint8Array;
  readonly size: number;
  readonly crc: number;
  readonly offset: number;
}

/**
 * The archive as pieces to be written one after the other, made as they are asked for; members' pieces are among them as they are, not copied.
 * @throws ArgumentError when two members have one name, or a name is empty or too long.
 */
export function* zipChunks(members: Iterable<ZipMember>, options: ZipWriteOptions = {}): Generator<Uint8Array> {
  const align = options.align ?? 64;
  const zip64From = options.zip64From ?? MAX_UINT32;
  const placed: Placed[] = [];
  const seen = new Set<string>();
  let offset = 0;
  for (const member of members) {
    const { name } = member;
    const pieces = 'data' in member ? () => [member.data] : member.pieces;
    const size = 'data' in member ? member.data.length : member.size;
    if (seen.has(name)) throw new ArgumentError(`zip: two members named ${JSON.stringify(name)}; names must differ`);
    seen.add(name);
    // The checksum stands before the contents.
    let crc = 0;
    for (const piece of pieces()) crc = crc32(piece, crc);
    const entry = { name: encodeName(name), size, crc, offset };
    const header = localHeader(entry, align, zip64From);
    placed.push(entry);
    yield header;
    yield* pieces();
    offset += header.length + size;
  }
  const directory = placed.map((entry) => centralHeader(entry, zip64From));
  const size = directory.reduce((sum, entry) => sum + entry.length, 0);
  yield* directory;
  yield endRecords(placed.length, size, offset, zip64From);
}

function encodeName(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length === 0 || bytes.length > MAX_UINT16) {
    throw new ArgumentError(`zip: a member name of ${bytes.length} bytes; expected 1 to ${MAX_UINT16}`);
  }
  return bytes;
}

function localHeader(entry: Placed, align: number, zip64From: number): Uint8Array {
  const wide = entry.size >= zip64From;
  const extra = wide ? 20 : 0;
  const unpadded = 30 + entry.name.length + extra + 4;
  const padding = (align - ((entry.offset + unpadded) % align)) % align;
  const out = new Uint8Array(unpadded + padding);
  const view = new DataView(out.buffer);
  view.setUint32(0, 0x04034b50, true);
  view.setUint16(4, wide ? 45 : 20, true);
  setCommon(view, 6, entry, wide ? MAX_UINT32 : entry.size);
  view.setUint16(28, extra + 4 + padding, true);
  out.set(entry.name, 30);
  let at = 30 + entry.name.length;
  if (wide) at = setZip64(view, at, [entry.size, entry.size]);
  view.setUint16(at, PADDING_TAG, true);
  view.setUint16(at + 2, padding, true);
  out.fill(PADDING_BYTE, at + 4);
  return out;
}

function centralHeader(entry: Placed, zip64From: number): Uint8Array {
  const wideSize = entry.size >= zip64From;
  const wideOffset = entry.offset >= zip64From;
  const fields = [...(wideSize ? [entry.size, entry.size] : []), ...(wideOffset ? [entry.offset] : [])];
  const extra = fields.length === 0 ? 0 : 4 + 8 * fields.length;
  const out = new Uint8Array(46 + entry.name.length + extra);
  const view = new DataView(out.buffer);
  view.setUint32(0, 0x02014b50, true);
  view.setUint16(4, 45, true);
  view.setUint16(6, extra > 0 ? 45 : 20, true);
  setCommon(view, 8, entry, wideSize ? MAX_UINT32 : entry.size);
  view.setUint16(30, extra, true);
  view.setUint32(42, wideOffset ? MAX_UINT32 : entry.offset, true);
  out.set(entry.name, 46);
  if (extra > 0) setZip64(view, 46 + entry.name.length, fields);
  return out;
}

/** What local and central headers share, from the flags to the length of the name. Method 0 (stored) and time 0 stay zero. */
function setCommon(view: DataView, at: number, entry: Placed, size: number): void {
  view.setUint16(at, UTF8_NAME, true);
  view.setUint16(at + 6, DATE, true);
  view.setUint32(at + 8, entry.crc, true);
  view.setUint32(at + 12, size, true);
  view.setUint32(at + 16, size, true);
  view.setUint16(at + 20, entry.name.length, true);
}

function setZip64(view: DataView, at: number, fields: readonly number[]): number {
  view.setUint16(at, 1, true);
  view.setUint16(at + 2, 8 * fields.length, true);
  fields.forEach((value, i) => view.setBigUint64(at + 4 + 8 * i, BigInt(value), true));
  return at + 4 + 8 * fields.length;
}

function endRecords(count: number, size: number, offset: number, zip64From: number): Uint8Array {
  const wide = count >= MAX_UINT16 || size >= zip64From || offset >= zip64From;
  const out = new Uint8Array((wide ? 76 : 0) + 22);
  const view = new DataView(out.buffer);
  if (wide) setEnd64(view, count, size, offset);
  const at = wide ? 76 : 0;
  view.setUint32(at, 0x06054b50, true);
  view.setUint16(at + 8, wide ? MAX_UINT16 : count, true);
  view.setUint16(at + 10, wide ? MAX_UINT16 : count, true);
  view.setUint32(at + 12, wide ? MAX_UINT32 : size, true);
  view.setUint32(at + 16, wide ? MAX_UINT32 : offset, true);
  return out;
}

/** The zip64 end record (56 bytes) and its locator (20 bytes). */
function setEnd64(view: DataView, count: number, size: number, offset: number): void {
  view.setUint32(0, 0x06064b50, true);
  view.setBigUint64(4, 44n, true);
  view.setUint16(12, 45, true);
  view.setUint16(14, 45, true);
  view.setBigUint64(24, BigInt(count), true);
  view.setBigUint64(32, BigInt(count), true);
  view.setBigUint64(40, BigInt(size), true);
  view.setBigUint64(48, BigInt(offset), true);
  view.setUint32(56, 0x07064b50, true);
  view.setBigUint64(64, BigInt(offset + size), true);
  view.setUint32(72, 1, true);
}
