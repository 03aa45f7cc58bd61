/** How the element types of files become those of tensors. Narrower ones are widened, which loses nothing. */
import { itemSize, viewAs, type DType, type TypedArray } from '../base/dtype.ts';
import { FormatError } from '../base/errors.ts';
import { ptItemSize, type PtDType, type RawTensor } from './pt-value.ts';

/** What tensors of a file's dtype become: half precision float32, short integers int32. */
export function tensorDType(dtype: PtDType): DType {
  if (dtype === 'float16' || dtype === 'bfloat16') return 'float32';
  return dtype === 'int8' || dtype === 'int16' ? 'int32' : dtype;
}

/** The elements of a file's dtype as they will lie in memory. The bytes in a file need not be aligned, so they are copied. */
export function tensorData(bytes: Uint8Array, dtype: PtDType): TypedArray {
  const { buffer } = new Uint8Array(bytes);
  if (dtype === 'float16' || dtype === 'bfloat16') return widened(new Uint16Array(buffer), dtype);
  if (dtype === 'int8') return Int32Array.from(new Int8Array(buffer));
  if (dtype === 'int16') return Int32Array.from(new Int16Array(buffer));
  // Python's files may hold any byte in a bool; anything but zero is true.
  if (dtype === 'bool') return new Uint8Array(buffer).map((byte) => (byte === 0 ? 0 : 1));
  return viewAs(dtype, buffer, 0, bytes.length / itemSize(dtype));
}

/** Numbers of half precision, given as their bits. */
export function widened(bits: Uint16Array, dtype: 'float16' | 'bfloat16'): Float32Array {
  if (dtype === 'float16') return Float32Array.from(bits, halfValue);
  return new Float32Array(Uint32Array.from(bits, (half) => half << 16).buffer); // the upper half of a float32
}

/** The value of an IEEE 754 binary16: 1 sign bit, 5 of exponent, 10 of fraction. */
function halfValue(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Most bytes that a tensor with gaps or repetitions is copied to: a few bytes in a file can claim to be any number of elements. */
const MAX_EXPANDED = 2 ** 31;

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
  if (count * size > MAX_EXPANDED) {
    throw new FormatError(
      `a tensor of shape [${shape.join(', ')}] that repeats its elements would take ${count * size} bytes`,
    );
  }
  const last = shape.reduce((sum, n, i) => sum + (n - 1) * strides[i]!, 0);
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
