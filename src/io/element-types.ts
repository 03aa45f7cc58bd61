/** How the element types of files become those of tensors. Those that tensors do not have are widened, which loses nothing. */
import { itemSize, viewAs, type DType, type TypedArray } from '../base/dtype.ts';
import { FormatError } from '../base/errors.ts';
import { ptItemSize, type PtDType, type RawTensor } from './pt/value.ts';

/** What tensors of a file's dtype become: the narrowest one that holds all of its numbers; undefined where none does. */
export function tensorDType(dtype: PtDType): DType | undefined {
  switch (dtype) {
    case 'uint32':
      return 'int64';
    case 'float8_e4m3fn':
    case 'float8_e4m3fnuz':
    case 'float8_e5m2':
    case 'float8_e5m2fnuz':
    case 'float8_e8m0fnu':
      return 'float32';
    case 'uint64':
    case 'complex32':
    case 'complex64':
    case 'complex128':
      return undefined;
    default:
      return dtype;
  }
}

/** The elements of a file's dtype as they will lie in memory. The bytes in a file need not be aligned, so they are copied. */
export function tensorData(bytes: Uint8Array, dtype: PtDType): TypedArray {
  const { buffer } = new Uint8Array(bytes);
  switch (dtype) {
    case 'float8_e4m3fn':
    case 'float8_e4m3fnuz':
    case 'float8_e5m2':
    case 'float8_e5m2fnuz':
    case 'float8_e8m0fnu':
      return Float32Array.from(new Uint8Array(buffer), (byte) => float8Value(byte, dtype));
    case 'uint32':
      return BigInt64Array.from(new Uint32Array(buffer), BigInt);
    // Python's files may hold any byte in a bool; anything but zero is true.
    case 'bool':
      return new Uint8Array(buffer).map((byte) => (byte === 0 ? 0 : 1));
    case 'uint64':
    case 'complex32':
    case 'complex64':
    case 'complex128':
      throw new FormatError(`elements of ${dtype} have no counterpart`);
    default:
      return viewAs(dtype, buffer, 0, bytes.length / itemSize(dtype));
  }
}

type Float8 = 'float8_e4m3fn' | 'float8_e4m3fnuz' | 'float8_e5m2' | 'float8_e5m2fnuz' | 'float8_e8m0fnu';

/** The value of a float of one byte (https://github.com/pytorch/pytorch/tree/main/c10/util, Float8_*.h). */
function float8Value(byte: number, dtype: Float8): number {
  // An exponent and nothing else.
  if (dtype === 'float8_e8m0fnu') return byte === 0xff ? NaN : 2 ** (byte - 127);
  const unsignedZero = dtype.endsWith('fnuz');
  // Without a negative zero, its byte is what is no number.
  if (unsignedZero && byte === 0x80) return NaN;
  const fractionBits = dtype.startsWith('float8_e4m3') ? 3 : 2;
  const bias = (fractionBits === 3 ? 7 : 15) + (unsignedZero ? 1 : 0);
  const sign = byte & 0x80 ? -1 : 1;
  const exponent = (byte & 0x7f) >>> fractionBits;
  const fraction = (byte & ((1 << fractionBits) - 1)) / (1 << fractionBits);
  if (dtype === 'float8_e4m3fn' && (byte & 0x7f) === 0x7f) return NaN;
  if (dtype === 'float8_e5m2' && exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

/** Most bytes that a tensor is written out to when it repeats what its storage holds: a few bytes can claim to be any number of elements. */
const MAX_EXPANDED = 2 ** 28;

/**
 * The elements of a strided tensor one after the other, in row-major order.
 * @param read - gives bytes [offset, offset + length) of the storage
 */
export function contiguousBytes(
  tensor: {
    readonly dtype: PtDType;
    readonly shape: readonly number[];
    readonly strides: readonly number[];
    readonly offset: number;
  },
  read: (offset: number, length: number) => Uint8Array,
): Uint8Array {
  const { dtype, shape, strides, offset } = tensor;
  const size = ptItemSize(dtype);
  const count = shape.includes(0) ? 0 : shape.reduce((a, b) => a * b, 1);
  if (count === 0) return new Uint8Array(0);
  if (isContiguous(shape, strides)) return read(offset * size, count * size);
  const last = shape.reduce((sum, n, i) => sum + (n - 1) * strides[i]!, 0);
  if (count > last + 1 && count * size > MAX_EXPANDED) {
    throw new FormatError(
      `a tensor of shape [${shape.join(', ')}] repeats ${last + 1} elements and would take ${count * size} bytes written out; expected at most ${MAX_EXPANDED}. Save it with clone() if it is meant to be that large`,
    );
  }
  const from = read(offset * size, (last + 1) * size);
  const out = new Uint8Array(count * size);
  const index = new Array<number>(shape.length).fill(0);
  for (let at = 0, element = 0; at < count; at++) {
    for (let i = 0; i < size; i++) out[at * size + i] = from[element * size + i]!;
    for (let dim = shape.length - 1; dim >= 0; dim--) {
      element += strides[dim]!;
      if (++index[dim]! < shape[dim]!) break;
      element -= strides[dim]! * shape[dim]!;
      index[dim] = 0;
    }
  }
  return out;
}

/** As {@link contiguousBytes}, of a tensor's own storage and in pieces. */
export function* contiguousChunks(tensor: RawTensor): Generator<Uint8Array> {
  const { dtype, shape, strides, offset, storage, numel } = tensor;
  const size = ptItemSize(dtype);
  if (isContiguous(shape, strides)) yield* storage.chunks(offset * size, numel * size);
  else yield contiguousBytes(tensor, (from, length) => storage.read(from, length));
}

/** Whether elements follow each other without gaps in row-major order; dimensions of size 1 do not matter. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== step) return false;
    step *= shape[i]!;
  }
  return true;
}
