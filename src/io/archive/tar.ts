/**
 * A reader of the tar format: POSIX ustar and pax (IEEE Std 1003.1, "pax Interchange Format") and GNU tar's long names and
 * large sizes (https://www.gnu.org/software/tar/manual/html_node/Standard.html).
 *
 * An archive may come from a stranger. Only files and directories are accepted; links, devices and sparse files are refused,
 * and so are names that are absolute or contain `..`, two files of one name, wrong checksums, and archives that stop early.
 * Nothing is ever written to a disk.
 *
 * The parser is a generator that asks for bytes or says how many to skip, so that the same code reads a stream, where skipping
 * is reading, and a file, where it is seeking (archive.ts drives it).
 */
import { FormatError } from '../../base/errors.ts';
import { decodeFileName } from './file-names.ts';

/** What the parser wants next: `read` is answered with exactly that many bytes, `skip` with nothing. */
export type TarRequest =
  | { readonly kind: 'read'; readonly bytes: number }
  | { readonly kind: 'file'; readonly name: string; readonly bytes: number }
  | { readonly kind: 'directory'; readonly name: string; readonly bytes: number }
  | { readonly kind: 'skip'; readonly bytes: number };

const BLOCK = 512;
/** Longest pax header or GNU long name that is read. */
const MAX_EXTENSION = 1 << 20;
const MAX_NAME = 4096;

/** The header of one entry. */
interface Header {
  readonly name: string;
  readonly size: number;
  readonly type: string;
}

/** What pax and GNU extension entries say about the next entry. */
interface Overrides {
  path?: string;
  size?: number;
}

const REFUSED: Readonly<Record<string, string>> = {
  '1': 'is a hard link; pack the archive again with its files copied (tar --hard-dereference)',
  '2': 'is a symbolic link; pack the archive again with the files themselves (tar --dereference)',
  '3': 'is a character device; pack only files and directories',
  '4': 'is a block device; pack only files and directories',
  '6': 'is a named pipe; pack only files and directories',
  S: 'is a sparse file; pack the archive again without --sparse',
  D: 'belongs to an incremental backup; pack a plain archive',
  M: 'continues another volume; join the volumes first',
};

/**
 * Parses one archive. Yields what it needs; a `file` request means that `bytes` bytes of a file begin here, to be kept or
 * passed over; a `directory` request only tells its name ('' for the root). It returns after the end-of-archive mark.
 *
 * @param archive - name of the archive, for messages
 * @throws FormatError through the generator when the archive is damaged or holds what is refused
 */
export function* parseTar(archive: string): Generator<TarRequest, void, Uint8Array> {
  const names = new Map<string, 'file' | 'directory'>();
  const fail = (why: string): never => {
    throw new FormatError(`tar ${JSON.stringify(archive)}: ${why}`);
  };
  let overrides: Overrides = {};
  for (let at = 0; ;) {
    const block = yield { kind: 'read', bytes: BLOCK };
    if (isZero(block)) {
      if (!isZero(yield { kind: 'read', bytes: BLOCK })) fail(`byte ${at}: a single empty block; the file is damaged, fetch it again`);
      return;
    }
    const header = readHeader(block, at, fail);
    at += BLOCK;
    const padded = padTo(header.size);
    if (header.type === 'x' || header.type === 'L') {
      if (header.size > MAX_EXTENSION) fail(`byte ${at}: an extended header of ${header.size} bytes; the limit is ${MAX_EXTENSION}`);
      const bytes = (yield { kind: 'read', bytes: padded }).subarray(0, header.size);
      overrides = {
        ...overrides,
        ...(header.type === 'L' ? { path: decodeFileName(untilZero(bytes)) } : readPax(bytes, at, fail)),
      };
      at += padded;
    } else if (header.type === 'g' || header.type === 'K' || header.type === 'V') {
      // Global attributes, the target of a link that is refused anyway, a label: nothing that concerns the files.
      yield { kind: 'skip', bytes: padded };
      at += padded;
    } else {
      const size = overrides.size ?? header.size;
      const entry = { ...header, name: overrides.path ?? header.name, size };
      overrides = {};
      at += yield* readEntry(entry, names, fail);
    }
  }
}

/** Checks a file or directory, notes its name, and passes on the file's bytes. Returns how many bytes it takes. */
function* readEntry(
  entry: Header,
  names: Map<string, 'file' | 'directory'>,
  fail: (why: string) => never,
): Generator<TarRequest, number, Uint8Array> {
  const label = `member ${JSON.stringify(entry.name.slice(0, 120))}`;
  const refused = REFUSED[entry.type];
  if (refused !== undefined) fail(`${label} ${refused}`);
  // Before ustar, a directory was a file with a slash at its end.
  const isDirectory = entry.type === '5' || (isFileType(entry.type) && entry.name.endsWith('/'));
  if (!isDirectory && !isFileType(entry.type))
    fail(`${label} has the unknown type ${JSON.stringify(entry.type)}; pack only files and directories`);
  const name = plainName(entry.name, (why) => fail(`${label} ${why}`));
  const kind = isDirectory ? 'directory' : 'file';
  const before = names.get(name);
  if (before !== undefined && (before !== 'directory' || kind !== 'directory'))
    fail(`two members are called ${JSON.stringify(name)}; pack the archive again`);
  if (name !== '') names.set(name, kind);
  const padded = padTo(entry.size);
  if (isDirectory) {
    yield { kind: 'directory', name, bytes: padded };
  } else {
    yield { kind: 'file', name, bytes: entry.size };
    yield { kind: 'skip', bytes: padded - entry.size };
  }
  return padded;
}

const isFileType = (type: string): boolean => type === '0' || type === '\0' || type === '7';
const padTo = (size: number): number => Math.ceil(size / BLOCK) * BLOCK;

function isZero(block: Uint8Array): boolean {
  for (const byte of block) if (byte !== 0) return false;
  return true;
}

/** The name without `./` and doubled or closing slashes; '' for the archive's root. */
function plainName(name: string, fail: (why: string) => never): string {
  if (name.length > MAX_NAME) fail(`has a name of ${name.length} characters; the limit is ${MAX_NAME}`);
  if (name.startsWith('/') || /^[A-Za-z]:/.test(name)) fail('has an absolute name; pack the archive again with relative names');
  if (name.includes('\0') || name.includes('\\')) fail('has a zero byte or a backslash in its name; rename the file and pack again');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) fail('leads out of the archive with ".."; pack the archive again with plain names');
  return parts.join('/');
}

function readHeader(block: Uint8Array, at: number, fail: (why: string) => never): Header {
  const broken = (what: string): never => fail(`byte ${at}: ${what}; it is not a tar file, or it is damaged: fetch it again`);
  const stored = readNumber(block, 148, 8);
  let sum = 8 * 32;
  let signed = sum;
  for (let i = 0; i < BLOCK; i++) {
    if (i >= 148 && i < 156) continue;
    sum += block[i]!;
    signed += (block[i]! << 24) >> 24;
  }
  // Some old programs added the bytes as signed numbers.
  if (stored !== sum && stored !== signed) broken('the checksum of a header is wrong');
  const type = String.fromCharCode(block[156]!);
  const size = readNumber(block, 124, 12);
  if (size === undefined || !Number.isSafeInteger(size)) return broken('a header gives no valid size');
  let name = decodeFileName(untilZero(block.subarray(0, 100)));
  // GNU tar uses the place of the prefix for other things and has "ustar " with a blank instead of a zero.
  const isPosix = block[257] === 0x75 && block[261] === 0x72 && block[262] === 0;
  const prefix = isPosix ? decodeFileName(untilZero(block.subarray(345, 500))) : '';
  if (prefix !== '') name = `${prefix}/${name}`;
  // A directory or a refused entry may carry a size without any bytes following.
  return { name, type, size: type === '5' || (type >= '1' && type <= '6') ? 0 : size };
}

/** A number in octal digits or, with the top bit set, in base 256. */
function readNumber(block: Uint8Array, at: number, length: number): number | undefined {
  const first = block[at]!;
  if (first === 0x80) {
    let value = 0;
    for (let i = 1; i < length; i++) value = value * 256 + block[at + i]!;
    return value;
  }
  let value = 0;
  let from = at;
  let end = at + length;
  while (from < end && block[from] === 0x20) from++;
  while (end > from && (block[end - 1] === 0x20 || block[end - 1] === 0)) end--;
  for (let i = from; i < end; i++) {
    const digit = block[i]! - 0x30;
    if (digit < 0 || digit > 7) return undefined;
    value = value * 8 + digit;
  }
  return value;
}

function untilZero(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
}

/** The records `LENGTH KEY=VALUE\n` of a pax extended header. */
function readPax(bytes: Uint8Array, at: number, fail: (why: string) => never): Overrides {
  const overrides: Overrides = {};
  const broken = (): never => fail(`byte ${at}: a broken extended header; the file is damaged, fetch it again`);
  for (let from = 0; from < bytes.length;) {
    const blank = bytes.indexOf(0x20, from);
    const digits = blank === -1 ? '' : String.fromCharCode(...bytes.subarray(from, Math.min(blank, from + 16)));
    const end = from + Number(digits);
    if (!/^[1-9][0-9]*$/.test(digits) || end > bytes.length || end <= blank + 1 || bytes[end - 1] !== 0x0a) broken();
    const record = decodeFileName(bytes.subarray(blank + 1, end - 1));
    const equals = record.indexOf('=');
    if (equals === -1) broken();
    const key = record.slice(0, equals);
    const value = record.slice(equals + 1);
    if (key.startsWith('GNU.sparse.')) fail(`byte ${at}: a sparse file; pack the archive again without --sparse`);
    if (key === 'path') overrides.path = value;
    if (key === 'size') {
      if (!/^[0-9]{1,15}$/.test(value)) broken();
      overrides.size = Number(value);
    }
    from = end;
  }
  return overrides;
}
