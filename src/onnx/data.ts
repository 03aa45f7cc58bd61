/** The numbers of a tensor in a file (`TensorProto`): in one of several lists, as raw little-endian bytes, or in another file. */
import type { DType, TypedArray } from '../base/dtype.ts';
import { FormatError } from '../base/errors.ts';
import { numelOf } from '../base/shape.ts';
import { widened } from '../base/half.ts';
import { PT_DTYPES, RawStorage, RawTensor } from '../io/pt/value.ts';
import { hostArray } from '../tensor/create.ts';
import type { Message } from './messages.ts';
import { Unsupported } from './node.ts';
import { elementType } from './types.ts';

/** Whether the name that a model has for another file stays in the model's own folder. */
export function isWithinFolder(location: string): boolean {
  const parts = location.split(/[/\\]/);
  return !/^[/\\]|^[A-Za-z]:|\0/.test(location) && !parts.includes('..') && parts.some((part) => part !== '' && part !== '.');
}

/** Reads a part of a file beside the model. */
export type ReadExternal = (location: string, offset: number, length: number | undefined) => Uint8Array;

export interface TensorData {
  readonly dtype: DType;
  readonly shape: number[];
  readonly data: TypedArray;
}

type TensorMessage = Message<'Tensor'>;

/**
 * The sizes of a tensor.
 * @throws FormatError for sizes that no tensor has
 */
export function sizesOf(tensor: TensorMessage, what: string): number[] {
  const sizes = Array.from(tensor.dims, Number);
  if (sizes.length > 16 || sizes.some((size) => !(size >= 0)) || numelOf(sizes.filter((size) => size > 0)) > 2 ** 31) {
    throw new FormatError(
      `onnx: ${what}: a tensor cannot have ${sizes.length > 16 ? `${sizes.length} dimensions` : `the sizes [${sizes.join(', ')}]`}`,
    );
  }
  return sizes;
}

/**
 * Reads a tensor. Half precision becomes float32.
 * @throws FormatError when sizes and data do not fit
 * @throws Unsupported for element types that there are not
 */
export function readTensor(tensor: TensorMessage, what: string, external: ReadExternal): TensorData {
  const shape = sizesOf(tensor, what);
  const count = numelOf(shape);
  const type = elementType(tensor.dataType);
  if (type.dtype === undefined) throw new Unsupported(`tensors of ${type.name}`);
  if (tensor.segment !== undefined) throw new Unsupported('tensors in segments');
  const raw = rawBytes(tensor, count * type.bytes, what, external);
  const data = raw === undefined ? fromLists(tensor, type.name, type.dtype, count, what) : fromRaw(raw, type.name, type.dtype, count, what);
  return { dtype: type.dtype, shape, data };
}

/**
 * Reads a tensor as it stands in the file, half precision and short integers too.
 * @throws FormatError when sizes and data do not fit
 * @throws Unsupported for element types that no checkpoint has
 */
export function readRaw(tensor: TensorMessage, what: string, external: ReadExternal): RawTensor {
  const shape = sizesOf(tensor, what);
  const { name, dtype: ours, bytes } = elementType(tensor.dataType);
  const dtype = PT_DTYPES.find((known) => known === name);
  if (dtype === undefined) throw new Unsupported(`tensors of ${name}`);
  if (tensor.segment !== undefined) throw new Unsupported('tensors in segments');
  const raw = rawBytes(tensor, numelOf(shape) * bytes, what, external);
  if (raw !== undefined) return new RawTensor({ dtype, shape, storage: new RawStorage(raw) });
  const narrow = { int8: Int8Array, int16: Int16Array, float16: Uint16Array, bfloat16: Uint16Array }[dtype as string];
  if (narrow === undefined && ours === undefined) throw new Unsupported(`tensors of ${name}`);
  const data =
    narrow === undefined
      ? fromLists(tensor, name, ours!, numelOf(shape), what)
      : narrowed(narrow.from(tensor.int32Data), tensor, name, numelOf(shape), what);
  return new RawTensor({ dtype, shape, storage: new RawStorage(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) });
}

/** Elements of two bytes or fewer, which stand in a list of int32. */
function narrowed<T extends Int8Array | Int16Array | Uint16Array>(
  data: T,
  tensor: TensorMessage,
  name: string,
  count: number,
  what: string,
): T {
  const { int32Data: list } = tensor;
  if (list.length !== count)
    throw new FormatError(`onnx: ${what}: ${count} elements are expected for [${tensor.dims.join(', ')}], but there are ${list.length}`);
  if (list.some((x, i) => x !== data[i])) throw new FormatError(`onnx: ${what}: an element does not fit ${name}`);
  return data;
}

function rawBytes(tensor: TensorMessage, size: number, what: string, external: ReadExternal): Uint8Array | undefined {
  const raw = tensor.dataLocation === 1 ? externalBytes(tensor, size, what, external) : tensor.rawData;
  if (raw !== undefined && raw.length !== size) {
    throw new FormatError(`onnx: ${what}: ${size} bytes of data are expected for [${tensor.dims.join(', ')}], but there are ${raw.length}`);
  }
  return raw;
}

function externalBytes(tensor: TensorMessage, size: number, what: string, external: ReadExternal): Uint8Array {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key ?? '', value ?? '']));
  const location = entries.get('location');
  if (location === undefined) throw new FormatError(`onnx: ${what}: its data is in another file, but none is named`);
  const whole = (key: string): number | undefined => {
    const text = entries.get(key);
    if (text === undefined || text === '') return undefined;
    if (!/^\d{1,15}$/.test(text)) throw new FormatError(`onnx: ${what}: ${key} ${JSON.stringify(text)} is no number of bytes`);
    return Number(text);
  };
  const length = whole('length') ?? size;
  if (length !== size)
    throw new FormatError(`onnx: ${what}: ${size} bytes are expected, but ${length} are announced in ${JSON.stringify(location)}`);
  return external(location, whole('offset') ?? 0, length);
}

function fromRaw(raw: Uint8Array, name: string, dtype: DType, count: number, what: string): TypedArray {
  if (name === 'float16' || name === 'bfloat16') return widened(new Uint16Array(new Uint8Array(raw).buffer), name);
  const data = hostArray(dtype, count);
  // The bytes are little-endian, as are all machines that run WebAssembly's host today; see pt.ts.
  new Uint8Array(data.buffer).set(raw);
  if (dtype === 'bool') checkBools(data as Uint8Array, what);
  return data;
}

function checkBools(data: Uint8Array, what: string): void {
  if (data.some((x) => x > 1)) throw new FormatError(`onnx: ${what}: a truth value is neither 0 nor 1`);
}

const LIST: { readonly [K in DType]?: 'floatData' | 'doubleData' | 'int64Data' } = {
  float32: 'floatData',
  float64: 'doubleData',
  int64: 'int64Data',
};

function fromLists(tensor: TensorMessage, name: string, dtype: DType, count: number, what: string): TypedArray {
  const half = name === 'float16' || name === 'bfloat16' ? name : undefined;
  const list = half === undefined ? tensor[LIST[dtype] ?? 'int32Data'] : tensor.int32Data;
  if (list.length !== count) {
    throw new FormatError(`onnx: ${what}: ${count} elements are expected for [${tensor.dims.join(', ')}], but there are ${list.length}`);
  }
  if (half !== undefined) return widened(Uint16Array.from(tensor.int32Data), half);
  const data = hostArray(dtype, count);
  if (list instanceof Int32Array && list.constructor !== data.constructor && list.some((x) => x < 0 || x > 255)) {
    throw new FormatError(`onnx: ${what}: an element does not fit ${name}`);
  }
  (data as Float64Array).set(list as unknown as Float64Array);
  if (dtype === 'bool') checkBools(data as Uint8Array, what);
  return data;
}
