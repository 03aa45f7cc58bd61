/**
 * What a place that keeps files does, and how it is known that a file is whole. Each file lies beside its length and its checksum, and counts only where
 * they fit: a page may be closed while it writes, and a disk may lose what was written.
 */
import { crc32 } from '../bytes/crc32.ts';

/** What is known of a file. */
export interface FileInfo {
  readonly name: string;
  readonly size: number;
  readonly crc32: number;
  /** When it was written, in milliseconds since 1970. */
  readonly saved: number;
  /** What changed with the file where it was fetched (ETag or Last-Modified). */
  readonly version: string | null;
}

/** What lies in a place; neither is trusted. */
export interface Found {
  readonly info: unknown;
  readonly bytes: Uint8Array;
}

export interface Backend {
  /** As errors name it. */
  readonly label: string;
  find(name: string): Promise<Found | undefined>;
  /** Replaces a file of this name. */
  put(info: FileInfo, bytes: Uint8Array): Promise<void>;
  /** Whether there was one. */
  remove(name: string): Promise<boolean>;
  list(): Promise<unknown[]>;
}

export const infoFor = (name: string, bytes: Uint8Array, version: string | null): FileInfo => ({
  name,
  size: bytes.length,
  crc32: crc32(bytes),
  saved: Date.now(),
  version,
});

/** What was read, if it is such. */
export function checkedInfo(value: unknown): FileInfo | undefined {
  const { name, size, crc32: crc, saved, version } = (value ?? {}) as Partial<FileInfo>;
  const isWhole = (number: unknown): boolean => Number.isSafeInteger(number) && (number as number) >= 0;
  const isVersion = version === null || typeof version === 'string';
  return typeof name === 'string' && isWhole(size) && isWhole(crc) && isWhole(saved) && isVersion ? (value as FileInfo) : undefined;
}

/** What is known of a file, if it is the one of this name and whole. */
export function wholeInfo({ info, bytes }: Found, name: string): FileInfo | undefined {
  const known = checkedInfo(info);
  return known?.name === name && known.size === bytes.length && known.crc32 === crc32(bytes) ? known : undefined;
}

// ---- one file that has both: the bytes, then what is known of them as JSON, then the length of that, then a mark

const MARK = new TextEncoder().encode('flambeau');
/** Most bytes of what is known of a file. */
export const MOST_INFO = 1 << 16;
const ENDING = MARK.length + 4;

/** What follows the bytes in a file of its own. */
export function endingOf(info: FileInfo): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(info));
  const ending = new Uint8Array(text.length + ENDING);
  ending.set(text);
  new DataView(ending.buffer).setUint32(text.length, text.length, true);
  ending.set(MARK, text.length + 4);
  return ending;
}

/** What is known of a file by its last bytes, {@link MOST_INFO} of them or all, and how many of them say it; undefined where the end is missing. */
export function readEnding(tail: Uint8Array): { readonly info: unknown; readonly length: number } | undefined {
  if (tail.length < ENDING || !MARK.every((byte, i) => tail[tail.length - MARK.length + i] === byte)) return undefined;
  const at = tail.length - ENDING;
  const length = new DataView(tail.buffer, tail.byteOffset, tail.byteLength).getUint32(at, true);
  if (length > at) return undefined;
  try {
    const info: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(tail.subarray(at - length, at)));
    return { info, length: length + ENDING };
  } catch {
    return undefined;
  }
}

/** A file of its own taken apart; `info` is undefined where the end is missing. */
export function splitFile(file: Uint8Array): Found {
  const ending = readEnding(file.subarray(-MOST_INFO));
  return { info: ending?.info, bytes: file.subarray(0, file.length - (ending?.length ?? 0)) };
}

const ENDS_WITH = '.flambeau';

/** A file's name on any file system: names may be addresses. What it says is compared with what the file says of itself. */
export function fileNameOf(name: string): string {
  const plain = encodeURIComponent(name).replace(/\*/g, '%2A');
  if (plain.length <= 180) return `_${plain}${ENDS_WITH}`;
  const sum = crc32(new TextEncoder().encode(name)).toString(16).padStart(8, '0');
  return `_${plain.slice(0, 80)}~${sum}~${plain.slice(-80)}${ENDS_WITH}`;
}

export const isFileName = (name: string): boolean => name.startsWith('_') && name.endsWith(ENDS_WITH);
