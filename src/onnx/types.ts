/** Element types of ONNX tensors (`TensorProto.DataType`), and which of ours they become. */
import type { DType } from '../base/dtype.ts';

interface ElementType {
  readonly name: string;
  /** Undefined: there is none. */
  readonly dtype: DType | undefined;
  /** Bytes of an element in raw data; 0 where elements share bytes or have no fixed size. */
  readonly bytes: number;
}

const type = (name: string, bytes: number, dtype?: DType): ElementType => ({ name, dtype, bytes });

/** By number. Half precision is widened to float32. */
const ELEMENT_TYPES: readonly ElementType[] = [
  type('undefined', 0), type('float32', 4, 'float32'), type('uint8', 1, 'uint8'), type('int8', 1), type('uint16', 2),
  type('int16', 2), type('int32', 4, 'int32'), type('int64', 8, 'int64'), type('string', 0), type('bool', 1, 'bool'),
  type('float16', 2, 'float32'), type('float64', 8, 'float64'), type('uint32', 4), type('uint64', 8), type('complex64', 8),
  type('complex128', 16), type('bfloat16', 2, 'float32'), type('float8e4m3fn', 1), type('float8e4m3fnuz', 1),
  type('float8e5m2', 1), type('float8e5m2fnuz', 1), type('uint4', 0), type('int4', 0), type('float4e2m1', 0),
  type('float8e8m0', 1), type('uint2', 0), type('int2', 0),
]; // prettier-ignore

/** The element type with a number, `unknown` if there is none. */
export const elementType = (code: number | undefined): ElementType => ELEMENT_TYPES[code ?? 0] ?? type(`unknown type ${code}`, 0);

/** The number of the element type of a dtype, the first of those that it stands for. */
export const codeOfDType = (dtype: DType): number => ELEMENT_TYPES.findIndex((entry) => entry.dtype === dtype);

/** Attribute types by number (`AttributeProto.AttributeType`). */
export const ATTRIBUTE = {
  FLOAT: 1,
  INT: 2,
  STRING: 3,
  TENSOR: 4,
  GRAPH: 5,
  FLOATS: 6,
  INTS: 7,
  STRINGS: 8,
  SPARSE_TENSOR: 11,
} as const;
