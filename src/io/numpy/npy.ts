/**
 * NumPy's formats, read and written: `.npy`, one array behind a header, and `.npz`, a zip archive of such
 * (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). Versions 1 to 3, both byte orders, C and Fortran order.
 * Arrays of objects, which are pickles, structured ones, text and dates are refused by name; in an archive, each by itself.
 */
import { ArgumentError, FormatError } from '../../base/errors.ts';
import { widened } from '../../base/half.ts';
import { bytesSource, storageAt, type ByteSource } from '../bytes/byte-source.ts';
import { contiguousChunks, tensorDType, tensorData } from '../element-types.ts';
import { CODE_OF_DTYPE, DTYPE_OF_CODE } from './dtypes.ts';
import { quote } from '../pickle/items.ts';
import { swapUnit } from '../pt/dtype.ts';
import { PyGlobal, PyObject, PyTuple, RawStorage, RawTensor, contiguousStrides, ptItemSize, swapBytes } from '../pt/value.ts';
import type { PtDType, PtKey, PtValue, StorageSource } from '../pt/value.ts';
import { ZipReader, type ZipOptions } from '../archive/zip.ts';
import { zipChunks } from '../archive/zip-write.ts';

/** What the header of an array says. */
export interface NpyHeader {
  /** NumPy's code, such as `<f4`. */
  readonly descr: string;
  readonly shape: readonly number[];
  readonly fortran: boolean;
  /** Where the data begin. */
  readonly dataOffset: number;
  readonly version: number;
}

const MAGIC = '\x93NUMPY';
/** NumPy itself refuses headers of more than 10,000 bytes unless told to trust them. */
const MAX_HEADER = 1 << 16;
const MAX_DIMENSIONS = 64;

/** Kinds of arrays by their letter, for refusals. */
const KINDS: Readonly<Record<string, string>> = {
  O: 'Python objects, which only running code could read',
  S: 'bytes',
  a: 'bytes',
  U: 'text',
  V: 'structures',
  M: 'dates',
  m: 'times',
  c: 'complex numbers of another size',
  f: 'floating numbers of another size',
  u: 'unsigned integers of another size',
};

const damaged = (where: string, why: string): FormatError => new FormatError(`${where}: ${why}; the file is damaged, fetch it again`);

/** Reads the header. `where` is what messages call the array. @throws FormatError */
function readNpyHeader(source: ByteSource, where = 'npy'): NpyHeader {
  if (source.size < 12) throw damaged(where, `${source.size} bytes are too few for an array`);
  const start = source.read(0, 12);
  if (String.fromCharCode(...start.subarray(0, 6)) !== MAGIC) throw damaged(where, 'it does not begin as an array of NumPy does');
  const version = start[6]!;
  if (version < 1 || version > 3 || start[7] !== 0) {
    throw new FormatError(`${where}: format version ${version}.${start[7]}; expected 1.0, 2.0 or 3.0. Save it again with numpy.save`);
  }
  const view = new DataView(start.buffer, start.byteOffset, 12);
  const from = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER) throw damaged(where, `a header of ${length} bytes, more than ${MAX_HEADER}`);
  if (from + length > source.size) throw damaged(where, `a header of ${length} bytes in a file of ${source.size}`);
  let text: string;
  try {
    text = new TextDecoder(version === 3 ? 'utf-8' : 'latin1', { fatal: true }).decode(source.read(from, length));
  } catch {
    throw damaged(where, 'the header is not UTF-8');
  }
  return { ...parseHeader(text, where), dataOffset: from + length, version };
}

/** One member of the header, which is a dictionary of Python with exactly three, in any order. */
const MEMBER = /\s*(['"])(descr|fortran_order|shape)\1\s*:\s*(?:(['"])([^'"\\\s]{1,40})\3|(True|False)|\(([\s\d,L]*)\))\s*(?:,|$)/y;

function parseHeader(text: string, where: string): Pick<NpyHeader, 'descr' | 'shape' | 'fortran'> {
  const bad = (): FormatError => damaged(where, `the header ${quote(text.trimEnd())} is not what NumPy writes`);
  const body = text.trim();
  if (/['"]descr['"]\s*:\s*\[/.test(body)) throw refusedKind(where, 'V', 'a list of fields');
  if (!body.startsWith('{') || !body.endsWith('}')) throw bad();
  const members = body.slice(1, -1).trimEnd();
  const found = new Map<string, RegExpExecArray>();
  MEMBER.lastIndex = 0;
  while (MEMBER.lastIndex < members.length) {
    const member = MEMBER.exec(members);
    if (member === null || found.has(member[2]!)) throw bad();
    found.set(member[2]!, member);
  }
  const descr = found.get('descr')?.[4];
  const fortran = found.get('fortran_order')?.[5];
  const shape = parseShape(found.get('shape')?.[6]);
  if (descr === undefined || fortran === undefined || shape === undefined) throw bad();
  return { descr, fortran: fortran === 'True', shape };
}

/** `()`, `(3,)`, `(3, 4)`; Python 2 writes `(3L,)`. */
function parseShape(text: string | undefined): readonly number[] | undefined {
  if (text === undefined) return undefined;
  const parts =
    text.trim() === ''
      ? []
      : text
          .trim()
          .replace(/,$/, '')
          .split(',')
          .map((part) => part.trim().replace(/L$/, ''));
  const sizes = parts.map((part) => (/^\d{1,16}$/.test(part) ? Number(part) : NaN));
  return sizes.length <= MAX_DIMENSIONS && sizes.every(Number.isSafeInteger) ? sizes : undefined;
}

function refusedKind(where: string, letter: string, descr: string): FormatError {
  const what = KINDS[letter] ?? 'elements of another kind';
  return new UnknownKind(
    `${where}: the array is of ${what} (${quote(descr)}), which is not supported; convert it in Python, for example with .astype('float32')`,
    descr,
  );
}

/** The array in a `.npy` file; its bytes stay there if it is on disk. @throws FormatError */
export function readNpy(source: ByteSource, where = 'npy'): RawTensor {
  const { descr, shape, fortran, dataOffset } = readNpyHeader(source, where);
  const [, order, code] = /^([<>|=]?)(\w.*)$/.exec(descr) ?? [];
  const dtype = DTYPE_OF_CODE.get(code ?? '');
  if (dtype === undefined) throw refusedKind(where, code?.[0] ?? '', descr);
  const size = ptItemSize(dtype);
  const numel = shape.includes(0) ? 0 : shape.reduce((a, b) => a * b, 1);
  const bytes = numel * size;
  const have = source.size - dataOffset;
  if (bytes < have && !shape.includes(0)) {
    throw new FormatError(
      `${where}: ${have - bytes} bytes follow an array of ${descr} and shape (${shape.join(', ')}); several arrays are saved with numpy.savez`,
    );
  }
  if (bytes !== have)
    throw damaged(where, `an array of ${descr} and shape (${shape.join(', ')}) takes ${bytes} bytes, but the file holds ${have}`);
  const contents = storageAt(source, dataOffset, bytes);
  const strides = fortran ? contiguousStrides([...shape].reverse()).reverse() : contiguousStrides(shape);
  return new RawTensor({
    dtype,
    shape,
    strides,
    storage: new RawStorage(order === '>' ? swapped(contents, swapUnit(dtype)) : contents),
  });
}

function swapped(contents: Uint8Array | StorageSource, size: number): Uint8Array | StorageSource {
  if (size === 1) return contents;
  if (contents instanceof Uint8Array) return swapBytes(contents, size);
  const read = (offset: number, length: number): Uint8Array => swapBytes(contents.read(offset, length), size);
  return { byteLength: contents.byteLength, read, verify: () => contents.verify() };
}

/** Whether an archive is one of NumPy: only arrays in it. */
export const isNpz = (zip: ZipReader): boolean => [...zip.entries.keys()].every((name) => name.endsWith('.npy'));

/**
 * The arrays in a `.npz` file by name. One of a kind that has no counterpart is only named: the others are there all the same.
 * @throws FormatError
 */
export function readNpz(source: ByteSource, options: ZipOptions = {}): Map<string, RawTensor | PyObject> {
  const zip = new ZipReader(source, options);
  const arrays = new Map<string, RawTensor | PyObject>();
  for (const member of zip.entries.keys()) {
    if (!member.endsWith('.npy')) throw new FormatError(`npz: the archive has a member ${quote(member)}, which is no array (.npy)`);
    arrays.set(member.slice(0, -'.npy'.length), readMember(sourceOf(zip.open(member)), `npz, member ${quote(member)}`));
  }
  return arrays;
}

function readMember(source: ByteSource, where: string): RawTensor | PyObject {
  try {
    return readNpy(source, where);
  } catch (error) {
    if (!(error instanceof UnknownKind)) throw error;
    const parts: [string, PtValue][] = [
      ['dtype', error.descr],
      ['why', error.message],
    ];
    return new PyObject(new PyGlobal('numpy', 'ndarray'), new PyTuple<PtValue>([]), new Map<PtKey, PtValue>(parts));
  }
}

/** An array that is sound, of elements that no tensor has. */
class UnknownKind extends FormatError {
  readonly descr: string;
  constructor(message: string, descr: string) {
    super(message);
    this.descr = descr;
  }
}

function sourceOf(contents: Uint8Array | StorageSource): ByteSource {
  if (contents instanceof Uint8Array) return bytesSource(contents);
  return { ...contents, size: contents.byteLength, deferred: true };
}

/** What NumPy has for a dtype: bfloat16 and floats of one byte become float32. @throws ArgumentError where it has nothing */
function npyDType(dtype: PtDType): PtDType {
  if (CODE_OF_DTYPE.has(dtype)) return dtype;
  const wide = dtype === 'bfloat16' ? 'float32' : tensorDType(dtype);
  if (wide === undefined) throw new ArgumentError(`npy: NumPy has no ${dtype}; convert the tensor before saving`);
  return wide;
}

/** Whether NumPy has no such dtype, so that elements are widened. */
export const isWidened = (dtype: PtDType): boolean => !CODE_OF_DTYPE.has(dtype);

/** A `.npy` file in pieces. */
export function* npyChunks(tensor: RawTensor): Generator<Uint8Array> {
  yield npyHead(tensor);
  const wide = npyDType(tensor.dtype) !== tensor.dtype;
  for (const piece of contiguousChunks(tensor)) {
    if (!wide) yield piece;
    else {
      const elements = tensorData(piece, tensor.dtype);
      const data = tensor.dtype === 'bfloat16' ? widened(elements as Uint16Array, 'bfloat16') : elements;
      yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    }
  }
}

function npyHead(tensor: RawTensor): Uint8Array {
  const dtype = npyDType(tensor.dtype);
  const code = CODE_OF_DTYPE.get(dtype)!;
  const order = ptItemSize(dtype) === 1 ? '|' : '<';
  const shape = tensor.shape.length === 1 ? `(${tensor.shape[0]!},)` : `(${tensor.shape.join(', ')})`;
  const text = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': ${shape}, }`;
  const total = Math.ceil((10 + text.length + 1) / 64) * 64;
  const head = new Uint8Array(total).fill(0x20);
  head.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, (total - 10) & 255, (total - 10) >>> 8]);
  head.set(new TextEncoder().encode(text), 10);
  head[total - 1] = 0x0a;
  return head;
}

/** A `.npz` file in pieces. @throws ArgumentError for names that make no member of an archive */
export function npzChunks(arrays: ReadonlyMap<string, RawTensor>): Iterable<Uint8Array> {
  const members = [...arrays].map(([name, tensor]) => {
    if (name === '' || /[\p{Cc}\\]|^\/|^[A-Za-z]:|(^|\/)\.\.(\/|$)/u.test(name)) {
      throw new ArgumentError(`npz: the name ${quote(name)} cannot stand in an archive; expected a plain relative path`);
    }
    const size = npyHead(tensor).length + tensor.numel * ptItemSize(npyDType(tensor.dtype));
    return { name: `${name}.npy`, size, pieces: () => npyChunks(tensor) };
  });
  return zipChunks(members);
}
