/**
 * A bounded reader of zip archives (PKWARE APPNOTE 6.3.10), the container of PyTorch checkpoints and `.npz` files.
 *
 * It reads what those programs write: stored and deflated members, zip64, sizes in the local header or after the data. It is no
 * general unzip: encryption, several disks and other methods are refused. An archive may come from a stranger, so every offset
 * and size is checked against the bytes present before it is used, the local headers must agree with the central directory,
 * members may not overlap each other, two may not have one name, inflated bytes are limited, and checksums are compared.
 *
 * Names are only keys here. Whoever writes members to a disk still gets no absolute path and no `..` from this reader.
 */
import { FormatError } from '../../base/errors.ts';
import { checkedStorage, type ByteSource } from '../bytes/byte-source.ts';
import { crc32 } from '../bytes/crc32.ts';
import type { StorageSource } from '../pt/value.ts';

/** One member of an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly deflated: boolean;
  /** Bytes in the archive. */
  readonly compressedSize: number;
  /** Bytes after inflating. */
  readonly size: number;
  readonly crc32: number;
  /** Position of the local header. */
  readonly headerOffset: number;
  /** Position of the member's bytes. */
  readonly dataOffset: number;
}

/** How much an archive may ask of its reader. */
export interface ZipOptions {
  /** Most members, default 200,000. */
  readonly maxEntries?: number;
  /** Most bytes that deflated members may grow to in all, default 32 MiB + 4 times the archive. */
  readonly maxInflated?: number;
  /** Compare checksums, default true. */
  readonly checkCrc?: boolean;
  /** Take every name that does not lead out of the archive, as people's files have them, and not only those that checkpoints have. */
  readonly anyName?: boolean;
}

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const END64_LOCATOR = 0x07064b50;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const END64_BYTES = 56;
const LOCATOR_BYTES = 20;
const IN_ZIP64 = 0xffffffff;
/** Deflate grows at most so many times. */
const MAX_RATIO = 1032;

/** An opened archive, of which stored members can be read; {@link ZipReader} reads deflated ones, too. */
export class StoredZipReader {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly #source: ByteSource;
  readonly #checkCrc: boolean;
  #inflatable: number;

  /** @throws FormatError when the bytes are not a well-formed zip archive or go beyond the limits. */
  constructor(source: ByteSource, options: ZipOptions = {}) {
    this.#source = source;
    this.#checkCrc = options.checkCrc ?? true;
    this.#inflatable = options.maxInflated ?? 32 * 2 ** 20 + 4 * source.size;
    const directory = findDirectory(source);
    const maxEntries = options.maxEntries ?? 200_000;
    if (directory.count > maxEntries) {
      throw new FormatError(
        `zip: the archive has ${directory.count} members, more than the limit of ${maxEntries}; raise maxEntries if it is trusted`,
      );
    }
    this.entries = readDirectory(source, directory, options.anyName === true ? LEADS_OUT : BAD_NAME);
  }

  /**
   * The bytes of one member: a view of the source when it is stored, new bytes when it is deflated.
   * @throws FormatError when there is no such member, it cannot be inflated within the limit, or its checksum is wrong.
   */
  read(name: string): Uint8Array {
    const entry = this.#entry(name);
    const packed = this.#source.read(entry.dataOffset, entry.compressedSize);
    const bytes = entry.deflated ? this.#inflate(entry, packed) : packed;
    if (this.#checkCrc) checkSum(entry, crc32(bytes));
    return bytes;
  }

  /**
   * As {@link read}, but what is stored in a file stays there until it is asked for, and is compared with its checksum when the storage is
   * verified.
   * @throws FormatError
   */
  open(name: string): Uint8Array | StorageSource {
    const entry = this.#entry(name);
    if (entry.deflated || this.#source.deferred !== true) return this.read(name);
    const check = this.#checkCrc ? (found: number) => checkSum(entry, found) : undefined;
    return checkedStorage(this.#source, entry.dataOffset, entry.size, check);
  }

  #entry(name: string): ZipEntry {
    const entry = this.entries.get(name);
    if (entry === undefined) throw new FormatError(`zip: the archive has no member ${quote(name)}`);
    return entry;
  }

  #inflate(entry: ZipEntry, packed: Uint8Array): Uint8Array {
    if (entry.size > this.#inflatable) {
      throw memberError(
        entry.name,
        entry.dataOffset,
        `inflates to ${entry.size} bytes, over the ${this.#inflatable} that are left of the limit; raise maxInflated if the file is trusted`,
      );
    }
    if (entry.size > MAX_RATIO * entry.compressedSize) {
      throw memberError(entry.name, entry.dataOffset, `${entry.compressedSize} deflated bytes cannot become ${entry.size}`);
    }
    this.#inflatable -= entry.size;
    return this.inflated(packed, entry);
  }

  /** The bytes of a deflated member. */
  protected inflated(_packed: Uint8Array, { name, dataOffset }: ZipEntry): Uint8Array {
    throw memberError(
      name,
      dataOffset,
      "is compressed, and 'flambeau/files/pt' reads what torch.save writes, which is not; use deserialize of 'flambeau/files'",
    );
  }
}

function checkSum(entry: ZipEntry, found: number): void {
  if (found === entry.crc32) return;
  throw memberError(
    entry.name,
    entry.dataOffset,
    `checksum ${hex(found)} instead of ${hex(entry.crc32)}; the file is damaged, fetch it again (a writer that leaves checksums out needs checkCrc: false)`,
  );
}

interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

/**
 * Finds the end record, and through it the central directory. It is last but for a comment, or bytes that something else left behind the
 * archive: those are passed over, as by PyTorch.
 */
function findDirectory(source: ByteSource): Directory {
  const tailSize = Math.min(source.size, END_BYTES + 0xffff);
  const tailOffset = source.size - tailSize;
  const tail = viewOf(source.read(tailOffset, tailSize));
  // A comment may contain anything, so a record that reaches exactly to the end of the file comes before all others.
  for (const exact of [true, false]) {
    for (let at = tailSize - END_BYTES; at >= 0; at--) {
      if (tail.getUint32(at, true) !== END) continue;
      const behind = tailSize - at - END_BYTES - tail.getUint16(at + 20, true);
      if (exact ? behind === 0 : behind > 0) return readEnd(source, tailOffset + at);
    }
  }
  throw new FormatError('zip: no end-of-archive record; the file is not a zip archive or its end is missing, fetch it again');
}

function readEnd(source: ByteSource, at: number): Directory {
  const end = viewOf(source.read(at, END_BYTES));
  const narrow = { count: end.getUint16(10, true), size: end.getUint32(12, true), offset: end.getUint32(16, true) };
  const disks = [end.getUint16(4, true), end.getUint16(6, true)];
  const wide = readEnd64(source, at);
  if (wide === undefined) {
    if (disks[0] !== 0 || disks[1] !== 0) throw endError(at, 'the archive is split over several disks; join it first');
    if (end.getUint16(8, true) !== narrow.count) throw endError(at, 'two different counts of members');
    return checkDirectory(narrow, at, at);
  }
  const agrees = (a: number, b: number, sentinel: number): boolean => a === sentinel || a === b;
  if (
    !agrees(narrow.count, wide.count, 0xffff) ||
    !agrees(narrow.size, wide.size, IN_ZIP64) ||
    !agrees(narrow.offset, wide.offset, IN_ZIP64)
  ) {
    throw endError(at, 'the end record and its zip64 form disagree');
  }
  return checkDirectory(wide, wide.at, at);
}

function checkDirectory(directory: Directory, mustEndAt: number, at: number): Directory {
  const { offset, size, count } = directory;
  if (offset + size !== mustEndAt) {
    throw endError(at, `the central directory is said to lie at ${offset} to ${offset + size}, but should end at ${mustEndAt}`);
  }
  if (count * CENTRAL_BYTES > size) throw endError(at, `a central directory of ${size} bytes cannot list ${count} members`);
  return { offset, size, count };
}

/** The zip64 end record, when a locator stands before the end record. */
function readEnd64(source: ByteSource, endAt: number): (Directory & { at: number }) | undefined {
  const locatorAt = endAt - LOCATOR_BYTES;
  if (locatorAt < END64_BYTES) return undefined;
  const locator = viewOf(source.read(locatorAt, LOCATOR_BYTES));
  if (locator.getUint32(0, true) !== END64_LOCATOR) return undefined;
  const at = safeUint64(locator, 8, locatorAt);
  if (at > locatorAt - END64_BYTES) throw endError(locatorAt, `the zip64 end record is said to lie at ${at}, behind its own locator`);
  const record = viewOf(source.read(at, END64_BYTES));
  if (record.getUint32(0, true) !== END64) throw endError(at, 'no zip64 end record where the locator says');
  if (safeUint64(record, 4, at) + 12 !== locatorAt - at) throw endError(at, 'the zip64 end record does not reach to its locator');
  if (locator.getUint32(4, true) !== 0 || record.getUint32(16, true) !== 0 || record.getUint32(20, true) !== 0) {
    throw endError(at, 'the archive is split over several disks; join it first');
  }
  const count = safeUint64(record, 32, at);
  if (safeUint64(record, 24, at) !== count) throw endError(at, 'two different counts of members');
  return { at, count, size: safeUint64(record, 40, at), offset: safeUint64(record, 48, at) };
}

function readDirectory(source: ByteSource, directory: Directory, badName: RegExp): Map<string, ZipEntry> {
  const bytes = source.read(directory.offset, directory.size);
  const view = viewOf(bytes);
  const entries = new Map<string, ZipEntry>();
  const extents: Extent[] = [];
  let at = 0;
  for (let i = 0; i < directory.count; i++) {
    const position = directory.offset + at;
    if (at + CENTRAL_BYTES > bytes.length || view.getUint32(at, true) !== CENTRAL_HEADER) {
      throw endError(position, `no entry ${i + 1} of ${directory.count} in the central directory`);
    }
    const header = readCentral(bytes, view, at, position, badName);
    at += header.length;
    if (entries.has(header.name)) throw memberError(header.name, position, 'a second member with this name');
    const { entry, end } = checkLocal(source, header, directory.offset);
    entries.set(entry.name, entry);
    extents.push({ name: entry.name, from: entry.headerOffset, to: end });
  }
  if (at !== directory.size) throw endError(directory.offset + at, `${directory.size - at} bytes left over in the central directory`);
  checkOverlaps(extents);
  return entries;
}

interface CentralHeader {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly flags: number;
  readonly method: number;
  readonly crc32: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly headerOffset: number;
  /** Length of the directory entry itself. */
  readonly length: number;
}

function readCentral(bytes: Uint8Array, view: DataView, at: number, position: number, badName: RegExp): CentralHeader {
  const nameLength = view.getUint16(at + 28, true);
  const extraLength = view.getUint16(at + 30, true);
  const length = CENTRAL_BYTES + nameLength + extraLength + view.getUint16(at + 32, true);
  if (at + length > bytes.length) throw endError(position, 'a directory entry reaches over the end of the directory');
  const nameBytes = bytes.subarray(at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameLength);
  const written = decodeName(nameBytes);
  // Windows' own archivers wrote backslashes for years; a checkpoint has none.
  const name = badName === LEADS_OUT ? written.replaceAll('\\', '/') : written;
  checkName(name, position, badName);
  const extra = bytes.subarray(at + CENTRAL_BYTES + nameLength, at + CENTRAL_BYTES + nameLength + extraLength);
  const narrow = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)];
  const [size, compressedSize, headerOffset] = widen(narrow, extra, name, position) as [number, number, number];
  const header = {
    name,
    nameBytes,
    flags: view.getUint16(at + 8, true),
    method: view.getUint16(at + 10, true),
    length,
  };
  const entry = { ...header, crc32: view.getUint32(at + 16, true), size, compressedSize, headerOffset };
  checkMethod(entry, view.getUint16(at + 34, true), position);
  return entry;
}

function checkMethod(header: CentralHeader, disk: number, position: number): void {
  const { name, flags, method, size, compressedSize } = header;
  if ((flags & 1) !== 0) throw memberError(name, position, 'is encrypted; decrypt the archive first');
  if (disk !== 0) throw memberError(name, position, 'lies on another disk; join the archive first');
  if (method !== 0 && method !== 8) {
    throw memberError(name, position, `compression method ${method}, expected stored (0) or deflate (8); pack the archive again`);
  }
  if (method === 0 && size !== compressedSize) throw memberError(name, position, `is stored, but has sizes ${compressedSize} and ${size}`);
}

/** Replaces the fields that hold the zip64 mark by those of the zip64 extra field, which lists only these, in order. */
function widen(fields: readonly number[], extra: Uint8Array, name: string, position: number): number[] {
  if (!fields.includes(IN_ZIP64)) return [...fields];
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length;) {
    const size = view.getUint16(at + 2, true);
    const end = at + 4 + size;
    if (end > extra.length) break;
    if (view.getUint16(at, true) === 1) {
      let from = at + 4;
      return fields.map((value) => {
        if (value !== IN_ZIP64) return value;
        if (from + 8 > end) throw memberError(name, position, 'its zip64 field is too short');
        from += 8;
        return safeUint64(view, from - 8, position);
      });
    }
    at = end;
  }
  throw memberError(name, position, 'a size or position is marked as zip64, but there is no zip64 field');
}

/** Reads the local header, compares it with the directory's, and finds where the data begin. */
function checkLocal(source: ByteSource, header: CentralHeader, directoryOffset: number): { entry: ZipEntry; end: number } {
  const { name, headerOffset } = header;
  const fail = (why: string): FormatError => memberError(name, headerOffset, why);
  if (headerOffset + LOCAL_BYTES > directoryOffset) throw fail('its local header lies outside the data part of the archive');
  const view = viewOf(source.read(headerOffset, LOCAL_BYTES));
  if (view.getUint32(0, true) !== LOCAL_HEADER) throw fail('there is no local header where the directory says');
  const nameLength = view.getUint16(26, true);
  const extraLength = view.getUint16(28, true);
  const dataOffset = headerOffset + LOCAL_BYTES + nameLength + extraLength;
  const end = dataOffset + header.compressedSize;
  if (end > directoryOffset) {
    throw fail(`its ${header.compressedSize} bytes at ${dataOffset} reach into the central directory at ${directoryOffset}`);
  }
  const variable = source.read(headerOffset + LOCAL_BYTES, nameLength + extraLength);
  if (!sameBytes(variable.subarray(0, nameLength), header.nameBytes)) throw fail('its local header gives another name');
  const flags = view.getUint16(6, true);
  if (view.getUint16(8, true) !== header.method || ((flags ^ header.flags) & 9) !== 0) {
    throw fail('its local header gives another method or other flags');
  }
  // Flag 8: sizes and checksum were not known yet and stand after the data; the directory's are used.
  if ((flags & 8) === 0) {
    const narrow = [view.getUint32(22, true), view.getUint32(18, true)];
    const [size, compressedSize] = widen(narrow, variable.subarray(nameLength), name, headerOffset);
    if (size !== header.size || compressedSize !== header.compressedSize || view.getUint32(14, true) !== header.crc32) {
      throw fail('its local header gives other sizes or another checksum');
    }
  }
  const { compressedSize, size } = header;
  const deflated = header.method === 8;
  return { entry: { name, deflated, compressedSize, size, crc32: header.crc32, headerOffset, dataOffset }, end };
}

interface Extent {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** Members that share bytes make an archive of kilobytes unpack to petabytes, so none may. */
function checkOverlaps(extents: Extent[]): void {
  extents.sort((a, b) => a.from - b.from);
  for (let i = 1; i < extents.length; i++) {
    const [before, after] = [extents[i - 1]!, extents[i]!];
    if (after.from < before.to)
      throw memberError(after.name, after.from, `overlaps member ${quote(before.name)}, which ends at ${before.to}`);
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeName(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    // Older archivers wrote names in the code page of their machine: keep the bytes, one character each.
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  }
}

/** Control characters, backslashes, an absolute path or a drive, an empty name. */
const BAD_NAME = /[\p{Cc}\\]|^\/|^[A-Za-z]:|^$/u;
/** What no archive may have: a zero byte, a backslash, an absolute path or a drive, an empty name. */
const LEADS_OUT = /[\0\\]|^\/|^[A-Za-z]:|^$/;

function checkName(name: string, position: number, bad: RegExp): void {
  if (!bad.test(name) && !(name.includes('..') && name.split('/').includes('..'))) return;
  throw memberError(name, position, 'is not a plain relative path; pack the archive again with plain names');
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function safeUint64(view: DataView, at: number, position: number): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw endError(position, `a size or position of ${value} bytes`);
  return Number(value);
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const hex = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;

/** A name for a message: quoted, control characters escaped, not longer than a line. */
function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}

const endError = (position: number, why: string): FormatError =>
  new FormatError(`zip, byte ${position}: ${why}; the file is damaged, fetch it again`);
export const memberError = (name: string, position: number, why: string): FormatError =>
  new FormatError(`zip, byte ${position}, member ${quote(name)}: ${why}`);
