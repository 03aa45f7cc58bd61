/** NumPy's codes of element types, without the sign of their byte order. */
import type { PtDType } from '../pt/dtype.ts';

export const DTYPE_OF_CODE: ReadonlyMap<string, PtDType> = new Map([
  ['b1', 'bool'],
  ['u1', 'uint8'],
  ['u2', 'uint16'],
  ['u4', 'uint32'],
  ['u8', 'uint64'],
  ['i1', 'int8'],
  ['i2', 'int16'],
  ['i4', 'int32'],
  ['i8', 'int64'],
  ['f2', 'float16'],
  ['f4', 'float32'],
  ['f8', 'float64'],
  ['c8', 'complex64'],
  ['c16', 'complex128'],
]);

/** The code of each element type that NumPy has. */
export const CODE_OF_DTYPE: ReadonlyMap<PtDType, string> = new Map([...DTYPE_OF_CODE].map(([code, dtype]) => [dtype, code]));
