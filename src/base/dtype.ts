/**
 * Element types of tensors: their sizes, the typed arrays that view them, and PyTorch's promotion rules
 * (https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc).
 */
import { ArgumentError, DTypeError } from './errors.ts';

/** The element types, named as in PyTorch (`torch.float32` is `'float32'`). */
export type DType = 'float32' | 'float64' | 'int32' | 'int64' | 'uint8' | 'bool' | 'float16' | 'bfloat16' | 'int8' | 'int16' | 'uint16';

/** A typed array that can hold elements of a tensor. bool and uint8 share `Uint8Array`; the bits of 16-bit floats lie in `Uint16Array`. */
export type TypedArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | Int8Array | Int16Array | Uint16Array;

interface DTypeInfo {
  readonly bytes: number;
  readonly floating: boolean;
  /** Position in the promotion order. */
  readonly rank: number;
  readonly view: (buffer: ArrayBufferLike, byteOffset: number, length: number) => TypedArray;
}

const INFO: { readonly [K in DType]: DTypeInfo } = {
  bool: { bytes: 1, floating: false, rank: 0, view: (b, o, n) => new Uint8Array(b, o, n) },
  uint8: { bytes: 1, floating: false, rank: 1, view: (b, o, n) => new Uint8Array(b, o, n) },
  int8: { bytes: 1, floating: false, rank: 1, view: (b, o, n) => new Int8Array(b, o, n) },
  int16: { bytes: 2, floating: false, rank: 2, view: (b, o, n) => new Int16Array(b, o, n) },
  uint16: { bytes: 2, floating: false, rank: 2, view: (b, o, n) => new Uint16Array(b, o, n) },
  int32: { bytes: 4, floating: false, rank: 3, view: (b, o, n) => new Int32Array(b, o, n) },
  int64: { bytes: 8, floating: false, rank: 4, view: (b, o, n) => new BigInt64Array(b, o, n) },
  float16: { bytes: 2, floating: true, rank: 5, view: (b, o, n) => new Uint16Array(b, o, n) },
  bfloat16: { bytes: 2, floating: true, rank: 5, view: (b, o, n) => new Uint16Array(b, o, n) },
  float32: { bytes: 4, floating: true, rank: 6, view: (b, o, n) => new Float32Array(b, o, n) },
  float64: { bytes: 8, floating: true, rank: 7, view: (b, o, n) => new Float64Array(b, o, n) },
};

/** All dtypes, in promotion order. */
export const DTYPES = Object.keys(INFO) as readonly DType[];

/** Bytes of one element. */
export const itemSize = (dtype: DType): number => INFO[dtype].bytes;

export const isFloating = (dtype: DType): boolean => INFO[dtype].floating;

/** Views `length` elements of `buffer` from `byteOffset` (a multiple of the item size). */
export function viewAs(dtype: DType, buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray {
  return INFO[dtype].view(buffer, byteOffset, length);
}

/** A typed array of `length` zeros. */
export const zerosOf = (dtype: DType, length: number): TypedArray => viewAs(dtype, new ArrayBuffer(length * itemSize(dtype)), 0, length);

/** What lies between two of one rank. */
const ABOVE: { readonly [K in DType]?: DType } = { uint8: 'int16', int8: 'int16', float16: 'float32', bfloat16: 'float32' };

/**
 * The dtype that two tensors with dimensions compute in.
 * @throws DTypeError for uint16 beside another whole dtype, as in PyTorch
 */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a;
  if (a === 'uint16' || b === 'uint16') {
    const other = a === 'uint16' ? b : a;
    if (isFloating(other)) return other;
    throw new DTypeError(`uint16 does not combine with ${other}; convert one of them first, such as with .to('int32')`);
  }
  const [x, y] = [INFO[a].rank, INFO[b].rank];
  return x === y ? ABOVE[a]! : x > y ? a : b;
}

/** Floats of 16 bits, which compute in float32 and are rounded when they are stored. */
export const isHalf = (dtype: DType): dtype is 'float16' | 'bfloat16' => dtype === 'float16' || dtype === 'bfloat16';

/**
 * The dtype of tensor ⊕ JavaScript number: a number never widens within its category, but a fractional number
 * (or any, when `floatScalar`) turns an integer tensor into the default float32.
 */
export function promoteScalar(tensor: DType, value: number): DType {
  if (isFloating(tensor)) return tensor;
  if (!Number.isInteger(value)) return 'float32';
  return tensor === 'bool' ? 'int64' : tensor;
}

/** A number as an element of a whole dtype beside a tensor of it: narrow ones wrap around, as in PyTorch. */
export function wrapped(dtype: DType, value: number): number {
  switch (dtype) {
    case 'uint8':
      return value & 0xff;
    case 'uint16':
      return value & 0xffff;
    case 'int8':
      return (value << 24) >> 24;
    case 'int16':
      return (value << 16) >> 16;
    case 'int32':
      return value | 0;
    default:
      return value;
  }
}

/** The largest number of each dtype that does not hold all. */
const LARGEST: { readonly [K in DType]?: number } = {
  uint8: 0xff,
  uint16: 0xffff,
  int8: 0x7f,
  int16: 0x7fff,
  int32: 2 ** 31 - 1,
  int64: 2 ** 63,
};

/**
 * Throws unless a tensor of `dtype` can be filled with `value`: fractions are cut off, negative numbers wrap around in uint8 and uint16, as in PyTorch.
 * @throws ArgumentError for what is too large, and for NaN and infinity in a whole dtype
 */
export function requireFits(op: string, dtype: DType, value: number): void {
  const most = LARGEST[dtype];
  if (most === undefined) return;
  if (value <= most && value >= (dtype.startsWith('u') ? -most : -most - 1)) return;
  throw new ArgumentError(
    `${op}: ${value} does not fit into ${dtype}; use ${Number.isFinite(value) ? 'a wider dtype' : 'a floating-point dtype'}`,
  );
}

/** Whether results of dtype `from` may be written into a tensor of dtype `to`: bool into all, whole numbers not into bool, floating ones only into floating. */
export function canCast(from: DType, to: DType): boolean {
  if (isFloating(from)) return isFloating(to);
  return from === 'bool' || to !== 'bool';
}

/** Throws unless `dtype` is one of `allowed`. */
export function requireDType(op: string, what: string, dtype: DType, allowed: readonly DType[]): void {
  if (allowed.includes(dtype)) return;
  throw new DTypeError(`${op}: expected ${what} of dtype ${allowed.join(' or ')}, but got ${dtype}; convert it with .to('${allowed[0]!}')`);
}

/** Throws unless `dtype` is a floating-point one. */
export function requireFloating(op: string, what: string, dtype: DType): void {
  if (isFloating(dtype)) return;
  throw new DTypeError(`${op}: expected ${what} of a floating-point dtype, but got ${dtype}; convert it with .to('float32')`);
}
