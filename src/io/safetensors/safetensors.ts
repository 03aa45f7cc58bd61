/**
 * The safetensors format, read and written: the length of a header, the header in JSON, and the tensors' bytes one after the other
 * (https://github.com/huggingface/safetensors#format). There is nothing in it that could be run.
 *
 * A file may come from a stranger: the header is read by a parser that builds nothing but what is kept, every size is what dtype and shape
 * say, and the tensors cover the data without overlaps or holes.
 */
import { ArgumentError, FormatError } from '../../base/errors.ts';
import { storageAt, type ByteSource } from '../bytes/byte-source.ts';
import { contiguousChunks } from '../element-types.ts';
import { JsonScanner } from './json-scanner.ts';
import { quote } from '../pickle/items.ts';
import { PyGlobal, PyObject, PyTuple, RawStorage, RawTensor, ptItemSize, type PtDType, type PtValue } from '../pt/value.ts';

/** Text about the file, by name. */
export type Metadata = ReadonlyMap<string, string>;

/** One tensor as the header tells of it. */
export interface SafetensorsEntry {
  /** As it stands there: `F32`, `BF16`, … */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Where its bytes begin in the data, and where they end. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly metadata: Metadata;
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  /** Where the data begin in the file. */
  readonly dataOffset: number;
}

/** Longest header, as in the reference implementation. */
const MAX_HEADER = 100_000_000;
/** The length of the header takes so many bytes. */
export const LENGTH_BYTES = 8;

const NAMES: { readonly [K in PtDType]?: string } = {
  bool: 'BOOL',
  uint8: 'U8',
  int8: 'I8',
  int16: 'I16',
  int32: 'I32',
  int64: 'I64',
  float16: 'F16',
  bfloat16: 'BF16',
  float32: 'F32',
  float64: 'F64',
  uint16: 'U16',
  uint32: 'U32',
  uint64: 'U64',
  float8_e4m3fn: 'F8_E4M3',
  float8_e4m3fnuz: 'F8_E4M3FNUZ',
  float8_e5m2: 'F8_E5M2',
  float8_e5m2fnuz: 'F8_E5M2FNUZ',
  float8_e8m0fnu: 'F8_E8M0',
  complex64: 'C64',
};
const DTYPES = new Map(Object.entries(NAMES).map(([dtype, name]) => [name, dtype as PtDType]));
/** Bits of an element, of the dtypes that are only listed, too. */
const BITS: ReadonlyMap<string, number> = new Map([
  ...Object.entries(NAMES).map(([dtype, name]) => [name, 8 * ptItemSize(dtype as PtDType)] as const),
  ['F4', 4],
  ['F6_E2M3', 6],
  ['F6_E3M2', 6],
]);

const damaged = (why: string): FormatError => new FormatError(`safetensors: ${why}; the file is damaged, fetch it again`);

/**
 * Reads the header of a file of `size` bytes, of which `read` gives the first ones.
 * @throws FormatError when it is damaged, hostile or of another format
 */
export function readSafetensorsHeader(size: number, read: (length: number) => Uint8Array): SafetensorsHeader {
  const length = headerLength(size, size < LENGTH_BYTES ? new Uint8Array(0) : read(LENGTH_BYTES));
  const bytes = read(LENGTH_BYTES + length).subarray(LENGTH_BYTES);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw damaged('the header is not UTF-8');
  }
  const header = parseHeader(text);
  checkCover(header.entries, size - LENGTH_BYTES - length);
  return { ...header, dataOffset: LENGTH_BYTES + length };
}

/** The length of the header, which is in the first 8 bytes. @throws FormatError */
export function headerLength(size: number, start: Uint8Array): number {
  if (start.length < LENGTH_BYTES) throw damaged(`${size} bytes are too few`);
  const length = new DataView(start.buffer, start.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER)) throw damaged(`a header of ${length} bytes, more than ${MAX_HEADER}`);
  if (LENGTH_BYTES + Number(length) > size) throw damaged(`a header of ${length} bytes in a file of ${size}`);
  return Number(length);
}

/** What the reference implementation takes, this takes: a name that comes twice is what it is at last, unknown members are passed over. */
function parseHeader(text: string): Pick<SafetensorsHeader, 'metadata' | 'entries'> {
  const scanner = new JsonScanner(text, (why, at) => damaged(`header, character ${at}: ${why}`));
  if (text.startsWith('\ufeff')) throw scanner.error('a byte order mark, which JSON must not have');
  const entries = new Map<string, SafetensorsEntry>();
  let metadata: Map<string, string> | undefined;
  scanner.object((name) => {
    if (name === '__metadata__') {
      if (metadata !== undefined) throw scanner.error('a second __metadata__');
      metadata = scanner.isNull() ? new Map() : readMetadata(scanner);
    } else entries.set(name, readEntry(scanner, name));
  });
  scanner.end();
  return { metadata: metadata ?? new Map(), entries };
}

function readMetadata(scanner: JsonScanner): Map<string, string> {
  const metadata = new Map<string, string>();
  scanner.object((key) => void metadata.set(key, scanner.string()));
  return metadata;
}

function readEntry(scanner: JsonScanner, name: string): SafetensorsEntry {
  let dtype: string | undefined;
  let shape: readonly number[] | undefined;
  let offsets: readonly number[] | undefined;
  const once = (known: unknown, key: string): void => {
    if (known !== undefined) throw scanner.error(`tensor ${quote(name)} has a second ${quote(key)}`);
  };
  scanner.object((key) => {
    if (key === 'dtype') {
      once(dtype, key);
      dtype = scanner.string();
    } else if (key === 'shape') {
      once(shape, key);
      shape = scanner.integers(MAX_DIMENSIONS);
    } else if (key === 'data_offsets') {
      once(offsets, key);
      offsets = scanner.integers(2);
    } else scanner.skipValue();
  });
  const [begin, end] = offsets ?? [];
  if (dtype === undefined || shape === undefined || begin === undefined || end === undefined) {
    throw scanner.error(`tensor ${quote(name)} lacks its dtype, shape or data_offsets`);
  }
  const bits = BITS.get(dtype);
  if (bits === undefined) throw scanner.error(`tensor ${quote(name)} has the unknown dtype ${quote(dtype)}`);
  const bytes = (shape.includes(0) ? 0 : shape.reduce((a, b) => a * b, bits)) / 8;
  if (!Number.isSafeInteger(bytes) || end - begin !== bytes) {
    throw scanner.error(
      `tensor ${quote(name)} of dtype ${dtype} and shape [${shape.join(', ')}] takes ${bytes} bytes, but has those from ${begin} to ${end}`,
    );
  }
  return { dtype, shape, begin, end };
}

const MAX_DIMENSIONS = 64;

function checkCover(entries: ReadonlyMap<string, SafetensorsEntry>, size: number): void {
  const sorted = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const [name, { begin, end }] of sorted) {
    if (begin !== at) {
      const what = begin < at ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw damaged(`tensor ${quote(name)}, bytes ${begin} to ${end} of the data, ${what}, which ends at ${at}`);
    }
    at = end;
  }
  if (at !== size) throw damaged(`the tensors take ${at} bytes, but the file holds ${size}`);
}

/**
 * The tensors of a file, whose bytes stay in it if it is on disk, and its metadata. Those of dtypes that have no counterpart are only named.
 * @throws FormatError
 */
export function readSafetensors(source: ByteSource): {
  tensors: Map<string, RawTensor | PyObject>;
  metadata: Metadata;
} {
  const header = readSafetensorsHeader(source.size, (length) => source.read(0, length));
  const tensors = new Map<string, RawTensor | PyObject>();
  for (const [name, entry] of header.entries) {
    const { dtype, shape, begin, end } = entry;
    const known = DTYPES.has(dtype);
    tensors.set(
      name,
      known
        ? rawTensor(name, entry, storageAt(source, header.dataOffset + begin, end - begin))
        : new PyObject(new PyGlobal('safetensors', dtype), new PyTuple<PtValue>(shape)),
    );
  }
  return { tensors, metadata: header.metadata };
}

/** A tensor from its entry and bytes. @throws FormatError for dtypes that have no counterpart */
export function rawTensor(name: string, entry: SafetensorsEntry, bytes: ConstructorParameters<typeof RawStorage>[0]): RawTensor {
  const dtype = DTYPES.get(entry.dtype);
  if (dtype === undefined) {
    throw new FormatError(
      `safetensors: tensor ${quote(name)} has dtype ${entry.dtype}, which is not supported; convert it before saving, for example to F32`,
    );
  }
  return new RawTensor({ dtype, shape: entry.shape, storage: new RawStorage(bytes) });
}

/**
 * A file in pieces, to be written one after the other. Tensors are gathered as they come; memory that they share is written for each.
 * @throws ArgumentError when a name or text is not well-formed
 */
export function* safetensorsChunks(tensors: ReadonlyMap<string, RawTensor>, metadata?: Metadata): Generator<Uint8Array> {
  const size = (tensor: RawTensor): number => tensor.numel * ptItemSize(tensor.dtype);
  // Large elements first, so that all are aligned; the header keeps the order in which they came.
  const placed = [...tensors].sort(([, a], [, b]) => ptItemSize(b.dtype) - ptItemSize(a.dtype));
  const begins = new Map<string, number>();
  let at = 0;
  for (const [name, tensor] of placed) {
    begins.set(name, at);
    at += size(tensor);
  }
  const members = [...tensors].map(([name, tensor]) => {
    if (name === '__metadata__') throw new ArgumentError(`safetensors: a tensor cannot be named __metadata__`);
    if (NAMES[tensor.dtype] === undefined)
      throw new ArgumentError(`safetensors: tensor ${quote(name)} is of ${tensor.dtype}, which the format does not have`);
    const begin = begins.get(name)!;
    const entry = { dtype: NAMES[tensor.dtype], shape: tensor.shape, data_offsets: [begin, begin + size(tensor)] };
    return `${json(name)}:${JSON.stringify(entry)}`;
  });
  if (metadata !== undefined && metadata.size > 0) {
    members.unshift(`"__metadata__":{${[...metadata].map(([key, value]) => `${json(key)}:${json(value)}`).join()}}`);
  }
  const text = new TextEncoder().encode(`{${members.join()}}`);
  const length = Math.ceil(text.length / 8) * 8;
  if (length > MAX_HEADER) throw new ArgumentError(`safetensors: a header of ${length} bytes; expected at most ${MAX_HEADER}`);
  const head = new Uint8Array(LENGTH_BYTES + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(text, LENGTH_BYTES);
  yield head;
  for (const [, tensor] of placed) yield* contiguousChunks(tensor);
}

function json(text: unknown): string {
  if (typeof text !== 'string') throw new ArgumentError(`safetensors: metadata must be text, but got ${typeof text}; use String(value)`);
  if (/[\ud800-\udfff]/u.test(text)) throw new ArgumentError(`safetensors: ${quote(text)} is not well-formed Unicode`);
  return JSON.stringify(text);
}
