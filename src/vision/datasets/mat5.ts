/**
 * Numbers in MATLAB's files of level 5 (https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf), in which some data sets have their
 * labels and pictures. Arrays of numbers are read; structures, cells and text are passed over.
 */
import { FormatError } from '../../base/errors.ts';
import { inflateUpTo } from '../../io/archive/inflate.ts';

/** An array of numbers, the first size innermost. */
export interface MatArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array | Float64Array;
}

const HEADER = 128;
const [MATRIX, COMPRESSED] = [14, 15];
/** Most bytes of an array, packed ones included. */
const MOST_BYTES = 2 ** 31;
/** Kinds of arrays that hold numbers: double to uint32. */
const [FIRST_NUMERIC, LAST_NUMERIC] = [6, 13];

type Read = (view: DataView, at: number) => number;
/** Types of stored numbers: their bytes and how they are read. */
const TYPES: Readonly<Record<number, readonly [bytes: number, read: Read]>> = {
  1: [1, (view, at) => view.getInt8(at)],
  2: [1, (view, at) => view.getUint8(at)],
  3: [2, (view, at) => view.getInt16(at, true)],
  4: [2, (view, at) => view.getUint16(at, true)],
  5: [4, (view, at) => view.getInt32(at, true)],
  6: [4, (view, at) => view.getUint32(at, true)],
  7: [4, (view, at) => view.getFloat32(at, true)],
  9: [8, (view, at) => view.getFloat64(at, true)],
};
const UINT8 = 2;

interface Element {
  readonly type: number;
  readonly bytes: Uint8Array;
  readonly next: number;
}

/**
 * The arrays of numbers in a file, by their names.
 * @throws FormatError when it is no such file, or damaged
 */
export function readMat(file: Uint8Array, name: string): ReadonlyMap<string, MatArray> {
  const fail = (why: string): never => {
    throw new FormatError(`MAT ${JSON.stringify(name)}: ${why}`);
  };
  if (file.length < HEADER || !String.fromCharCode(...file.subarray(0, 10)).startsWith('MATLAB 5.0'))
    fail('it is no MATLAB file of level 5; it is of another version, or the download went wrong');
  if (file[126] !== 0x49 || file[127] !== 0x4d) fail('its numbers are big-endian, which is not read');
  const arrays = new Map<string, MatArray>();
  for (let at = HEADER; at + 8 <= file.length;) {
    const element = elementAt(file, at, fail);
    at = element.next;
    const plain = element.type === COMPRESSED ? elementAt(unpacked(element.bytes, fail), 0, fail) : element;
    if (plain.type !== MATRIX) continue;
    const read = readMatrix(plain.bytes, fail);
    if (read !== undefined) arrays.set(read.name, read.array);
  }
  return arrays;
}

function unpacked(bytes: Uint8Array, fail: (why: string) => never): Uint8Array {
  try {
    return inflateUpTo(bytes, MOST_BYTES);
  } catch (error) {
    return fail(`${(error as Error).message}; fetch it again`);
  }
}

/** The element at a position: its tag may hold up to four bytes itself. */
function elementAt(bytes: Uint8Array, at: number, fail: (why: string) => never): Element {
  if (at + 8 > bytes.length) fail(`an element at byte ${at} is cut off; fetch it again`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const first = view.getUint32(at, true);
  const small = first >>> 16;
  const [type, size, from] = small === 0 ? [first, view.getUint32(at + 4, true), at + 8] : [first & 0xffff, small, at + 4];
  if (from + size > bytes.length || (small > 4 && small !== 0))
    fail(`an element of ${size} bytes at byte ${at} is cut off; fetch it again`);
  const padded = small === 0 && type !== COMPRESSED ? Math.ceil(size / 8) * 8 : size;
  return { type, bytes: bytes.subarray(from, from + size), next: small === 0 ? from + padded : at + 8 };
}

function readMatrix(bytes: Uint8Array, fail: (why: string) => never): { name: string; array: MatArray } | undefined {
  const flags = elementAt(bytes, 0, fail);
  const kind = flags.bytes[0] ?? 0;
  const sizes = elementAt(bytes, flags.next, fail);
  const shape = [...numbersOf(sizes, fail)];
  const name = elementAt(bytes, sizes.next, fail);
  if (kind < FIRST_NUMERIC || kind > LAST_NUMERIC) return undefined;
  const values = elementAt(bytes, name.next, fail);
  const data = values.type === UINT8 ? values.bytes : numbersOf(values, fail);
  const count = shape.reduce((product, size) => product * size, 1);
  if (data.length !== count) fail(`an array of ${shape.join('x')} has ${data.length} numbers; fetch it again`);
  return { name: new TextDecoder('latin1').decode(name.bytes), array: { shape, data } };
}

function numbersOf({ type, bytes }: Element, fail: (why: string) => never): Float64Array {
  const known = TYPES[type];
  if (known === undefined) return fail(`it holds numbers of the type ${type}, which is not read`);
  const [size, read] = known;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Float64Array.from({ length: Math.floor(bytes.length / size) }, (_, i) => read(view, i * size));
}
