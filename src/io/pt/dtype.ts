/** The element types that a checkpoint can hold. Tensors have some of them; element-types.ts says what becomes of the others. */
import type { DType } from '../../base/dtype.ts';

/** Element types a checkpoint can hold, by PyTorch's names: Flambeau's own, narrower and wider ones, and complex numbers. */
export type PtDType =
  | DType
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'float16'
  | 'bfloat16'
  | 'float8_e4m3fn'
  | 'float8_e4m3fnuz'
  | 'float8_e5m2'
  | 'float8_e5m2fnuz'
  | 'float8_e8m0fnu'
  | 'complex32'
  | 'complex64'
  | 'complex128';

const ITEM_SIZE: { readonly [K in PtDType]: number } = {
  bool: 1,
  uint8: 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  float8_e4m3fn: 1,
  float8_e4m3fnuz: 1,
  float8_e5m2: 1,
  float8_e5m2fnuz: 1,
  float8_e8m0fnu: 1,
  float16: 2,
  bfloat16: 2,
  float32: 4,
  float64: 8,
  complex32: 4,
  complex64: 8,
  complex128: 16,
};

/** All element types a checkpoint can hold. */
export const PT_DTYPES = Object.keys(ITEM_SIZE) as readonly PtDType[];

/** Bytes of one element. */
export const ptItemSize = (dtype: PtDType): number => ITEM_SIZE[dtype];

/** Whether tensors of it may require gradients. */
export const isDifferentiable = (dtype: PtDType): boolean => /float|complex/.test(dtype);

/** Bytes whose order a machine turns at once: of a complex number, those of one of its two parts. */
export const swapUnit = (dtype: PtDType): number => (dtype.startsWith('complex') ? ITEM_SIZE[dtype] / 2 : ITEM_SIZE[dtype]);

/** The floating type of a complex one's two parts. */
export const PARTS_OF_COMPLEX: Readonly<Partial<Record<PtDType, PtDType>>> = {
  complex32: 'float16',
  complex64: 'float32',
  complex128: 'float64',
};
