/**
 * NumPy's arrays and numbers in pickles: arrays of numbers become tensors, numbers become numbers. Arrays of text, dates, structures or Python
 * objects have no counterpart and stay objects that hold what the file says.
 */
import type { MakeError, PickleItem } from './items.ts';
import { describe } from './items.ts';
import { asFloat, asInt } from './text.ts';
import { widened } from '../../base/half.ts';
import { DTYPE_OF_CODE } from '../numpy/dtypes.ts';
import { PyObject, PyTuple, RawStorage, RawTensor, contiguousStrides, ptItemSize, swapBytes } from '../pt/value.ts';
import type { PtDType, PtValue } from '../pt/value.ts';
import { swapUnit } from '../pt/dtype.ts';

/** The functions of NumPy 1 and 2. */
const FUNCTION = /^numpy\.(?:_core|core)\.(?:multiarray|_multiarray_umath|numeric)\.(scalar|_frombuffer)$/;
const RECONSTRUCT = /^numpy\.(?:_core|core)\.(?:multiarray|_multiarray_umath)\._reconstruct$/;

interface ElementType {
  readonly dtype: PtDType;
  readonly swap: boolean;
}

/** The result of one of NumPy's functions; undefined when it is none, or has no counterpart. */
export function makeArray(path: string, args: readonly PickleItem[], error: MakeError): PickleItem | undefined {
  const name = FUNCTION.exec(path)?.[1];
  if (name === 'scalar') {
    const [type, data] = args;
    const element = elementType(type);
    const bytes = asBytes(data);
    return element === undefined || bytes === undefined ? undefined : makeNumber(element, bytes, error);
  }
  if (name !== '_frombuffer') return undefined;
  const [data, type, shape, order] = args;
  return tensorOf({ data, type, shape, fortran: order === 'F' }, error);
}

/** What `_reconstruct(numpy.ndarray, (0,), b'b')` becomes by its state, `(version, shape, dtype, is_fortran, data)`. */
export function arrayOfState(object: PyObject, state: PickleItem, error: MakeError): RawTensor | undefined {
  if (!RECONSTRUCT.test(object.type.path) || !(state instanceof PyTuple)) return undefined;
  // The first versions of the format left the version out.
  const [shape, type, fortran, data] = state.length === 5 ? state.items.slice(1) : state.items;
  return tensorOf({ data, type, shape, fortran: fortran === true || fortran === 1 }, error);
}

interface Parts {
  readonly data: PickleItem | undefined;
  readonly type: PickleItem | undefined;
  readonly shape: PickleItem | undefined;
  readonly fortran: boolean;
}

function tensorOf({ data, type, shape, fortran }: Parts, error: MakeError): RawTensor | undefined {
  const element = elementType(type);
  const bytes = asBytes(data);
  if (element === undefined || bytes === undefined || !(shape instanceof PyTuple)) return undefined;
  const sizes = shape.items;
  if (!sizes.every((n): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0) || sizes.length > 64)
    throw error(`an array's shape is ${describe(shape)} that holds other things than sizes`);
  const numbers = sizes;
  const size = ptItemSize(element.dtype);
  const want = numbers.includes(0) ? 0 : numbers.reduce((a, b) => a * b, size);
  if (want !== bytes.length) throw error(`an array of shape [${numbers.join(', ')}] takes ${want} bytes, but has ${bytes.length}`);
  const strides = fortran ? contiguousStrides([...numbers].reverse()).reverse() : contiguousStrides(numbers);
  const contents = element.swap ? swapBytes(bytes, swapUnit(element.dtype)) : bytes;
  return new RawTensor({ dtype: element.dtype, shape: numbers, strides, storage: new RawStorage(contents) });
}

/** `dtype('f4', False, True)` with its state `(3, '<', None, …)`: what the elements are, if they are numbers. */
function elementType(type: PickleItem | undefined): ElementType | undefined {
  if (!(type instanceof PyObject) || type.type.path !== 'numpy.dtype') return undefined;
  const code = type.args.items[0];
  const order = type.state instanceof PyTuple ? type.state.items[1] : undefined;
  const [, sign, kind] = typeof code === 'string' ? (/^([<>|=]?)(\w+)$/.exec(code) ?? []) : [];
  const dtype = DTYPE_OF_CODE.get(kind ?? '');
  if (dtype === undefined) return undefined;
  const bigEndian = textOf(order) === '>' || sign === '>';
  return { dtype, swap: bigEndian && swapUnit(dtype) > 1 };
}

const textOf = (item: PtValue | undefined): string | undefined =>
  item instanceof Uint8Array ? String.fromCharCode(...item.subarray(0, 8)) : typeof item === 'string' ? item : undefined;

/** Bytes, which are text where Python 2 wrote them and they happened to be UTF-8. */
function asBytes(data: PickleItem | undefined): Uint8Array | undefined {
  if (data instanceof Uint8Array) return data;
  return typeof data === 'string' ? new TextEncoder().encode(data) : undefined;
}

function makeNumber({ dtype, swap }: ElementType, bytes: Uint8Array, error: MakeError): PickleItem | undefined {
  const size = ptItemSize(dtype);
  if (bytes.length !== size) throw error(`a number of ${dtype} in ${bytes.length} bytes; expected ${size}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  const little = !swap;
  switch (dtype) {
    case 'bool':
      return view.getUint8(0) !== 0;
    case 'int8':
      return view.getInt8(0);
    case 'uint8':
      return view.getUint8(0);
    case 'int16':
      return view.getInt16(0, little);
    case 'uint16':
      return view.getUint16(0, little);
    case 'int32':
      return view.getInt32(0, little);
    case 'uint32':
      return view.getUint32(0, little);
    case 'int64':
      return asInt(view.getBigInt64(0, little));
    case 'uint64':
      return asInt(view.getBigUint64(0, little));
    case 'float16':
      return asFloat(widened(Uint16Array.of(view.getUint16(0, little)), 'float16')[0]!);
    case 'float32':
      return asFloat(view.getFloat32(0, little));
    case 'float64':
      return asFloat(view.getFloat64(0, little));
    default:
      return undefined;
  }
}
