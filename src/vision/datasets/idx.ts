/**
 * IDX files, in which MNIST and its relatives come: a magic number, big-endian sizes, and unsigned bytes or 32-bit integers
 * (http://yann.lecun.com/exdb/mnist/ describes it). They may be compressed with gzip.
 */
import { FormatError } from '../../base/errors.ts';
import { gunzip } from '../../io/archive/gunzip.ts';

/** Numbers from 0 to 255 with their sizes. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Numbers of 32 bits with their sizes. */
export interface IdxIntegers {
  readonly shape: readonly number[];
  readonly data: Int32Array;
}

const UNSIGNED_BYTE = 8;
const INTEGER = 12;

/**
 * Reads an IDX file of bytes.
 *
 * @param rank - how many sizes it must have
 * @throws {@link FormatError} when it has another kind of numbers, other sizes than bytes, or is damaged
 */
export function readIdx(file: Uint8Array, name: string, rank: number): Promise<IdxArray> {
  return readNumbers(file, name, rank, UNSIGNED_BYTE);
}

/** As {@link readIdx}, of integers. */
export async function readIdxIntegers(file: Uint8Array, name: string, rank: number): Promise<IdxIntegers> {
  const { shape, data } = await readNumbers(file, name, rank, INTEGER);
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  return { shape, data: Int32Array.from({ length: data.length / 4 }, (_, i) => view.getInt32(4 * i)) };
}

async function readNumbers(file: Uint8Array, name: string, rank: number, wanted: number): Promise<IdxArray> {
  const bytes = file[0] === 0x1f && file[1] === 0x8b ? await gunzip(file, name) : file;
  const fail = (why: string): never => {
    throw new FormatError(`IDX ${JSON.stringify(name)}: ${why}`);
  };
  if (bytes.length < 4) fail(`it has only ${bytes.length} bytes; it is not an IDX file, or truncated`);
  const [zero, alsoZero, type, found] = bytes;
  if (zero !== 0 || alsoZero !== 0) fail('it does not begin with two zero bytes, so it is not an IDX file');
  if (type !== wanted) {
    const expected = wanted === INTEGER ? 'integers (0x0c)' : 'unsigned bytes (0x08)';
    fail(`it holds numbers of type 0x${type!.toString(16).padStart(2, '0')}, expected ${expected}`);
  }
  if (found !== rank) fail(`it has ${found!} dimensions, expected ${rank}`);
  const start = 4 + 4 * rank;
  if (bytes.length < start) fail(`it has only ${bytes.length} bytes; it is truncated`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const size = shape.reduce((product, n) => product * n, wanted === INTEGER ? 4 : 1);
  if (bytes.length - start !== size) {
    fail(`its sizes ${shape.join('x')} make ${size} bytes, but it has ${bytes.length - start}; it is damaged, fetch it again`);
  }
  return { shape, data: bytes.subarray(start) };
}
