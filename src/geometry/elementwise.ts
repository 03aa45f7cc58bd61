/**
 * Attributes of elementwise operations, one object per meaning, so that plans are found by identity and key without
 * building anything per call.
 */
import { DTYPES, isFloating, promoteScalar, type DType } from '../base/dtype.ts';
import { ArgumentError } from '../base/errors.ts';
import type { Attrs } from './attrs.ts';

/** Of operations of a tensor and a number. */
export interface ScalarAttrs extends Attrs {
  /** In which tensor and number are combined. The number itself is a scalar of the call. */
  readonly dtype: DType;
}

const byDType = new Map<DType, ScalarAttrs>(DTYPES.map((dtype) => [dtype, Object.freeze({ key: dtype, dtype })]));

/** The attributes for combining a tensor of `dtype` with `value`: a fraction turns integers into float32. */
export function scalarAttrs(dtype: DType, value: number): ScalarAttrs {
  return byDType.get(promoteScalar(dtype, value))!;
}

/** The attributes of a given dtype, whatever the number: for `cast`, and where the result's dtype is settled. */
export function dtypeAttrs(dtype: DType): ScalarAttrs {
  return byDType.get(dtype)!;
}

/** Exponents that PyTorch computes without a power function, and so exactly. */
export type PowClass = 'general' | 'zero' | 'one' | 'square' | 'cube' | 'sqrt' | 'rsqrt' | 'reciprocal' | 'inverseSquare';

export interface PowAttrs extends ScalarAttrs {
  readonly exponent: PowClass;
}

const CLASSES = new Map<number, PowClass>([
  [0, 'zero'],
  [1, 'one'],
  [2, 'square'],
  [3, 'cube'],
  [0.5, 'sqrt'],
  [-0.5, 'rsqrt'],
  [-1, 'reciprocal'],
  [-2, 'inverseSquare'],
]);
const powers = new Map<string, PowAttrs>();

/**
 * The attributes of `powScalar` on a tensor of `dtype`.
 * @throws ArgumentError for integers to negative whole powers, which are not whole
 */
export function powAttrs(dtype: DType, exponent: number): PowAttrs {
  const result = promoteScalar(dtype, exponent);
  if (!isFloating(result) && exponent < 0) {
    throw new ArgumentError(`pow: ${dtype} cannot be raised to the negative power ${exponent}; convert it with .to('float32') first`);
  }
  const kind = CLASSES.get(exponent) ?? 'general';
  const key = `${result} ${kind}`;
  let attrs = powers.get(key);
  if (attrs === undefined) powers.set(key, (attrs = Object.freeze({ key, dtype: result, exponent: kind })));
  return attrs;
}
