/** Special functions of tensors (https://pytorch.org/docs/stable/special.html), powers and angles. What an operation computes is in `ops/special.ts`. */
import { FINITE, requireKind, SIZE } from '../base/arguments.ts';
import { itemSize } from '../base/dtype.ts';
import { DTypeError } from '../base/errors.ts';
import { NO_ATTRS } from '../geometry/attrs.ts';
import { floatInput, requireTensor, TENSOR_OR_NUMBER } from './arguments.ts';
import { full } from './create.ts';
import { apply1 } from './dispatch.ts';
import { special } from './families/special.ts';
import { broadcastTensors } from './functions.ts';
import { hostTensor, hostArray } from './create.ts';
import { isTensor } from './is-tensor.ts';
import { promoteLayouts } from './ops/elementwise.ts';
import type { Tensor } from './tensor.ts';

type Unary = 'erfinv' | 'lgamma' | 'digamma';
function unary(name: Unary, x: Tensor): Tensor {
  requireTensor(name, 'the input', x);
  return apply1(special[name], [x], NO_ATTRS);
}

/** The inverse of erf, of numbers between -1 and 1. */
export const erfinv = (x: Tensor): Tensor => unary('erfinv', x);
/** The logarithm of the gamma function's magnitude. */
export const lgamma = (x: Tensor): Tensor => unary('lgamma', x);
/** The derivative of {@link lgamma}. */
export const digamma = (x: Tensor): Tensor => unary('digamma', x);

/** 2ˣ */
export function exp2(x: Tensor): Tensor {
  const from = floatInput('exp2', x);
  return full([], 2, { dtype: from.dtype, device: from.device }).pow(from);
}

/** Degrees in radians. */
export const deg2rad = (x: Tensor): Tensor => floatInput('deg2rad', x).mul(Math.PI / 180);
/** Radians in degrees. */
export const rad2deg = (x: Tensor): Tensor => floatInput('rad2deg', x).mul(180 / Math.PI);

/** The tensor itself. @throws DTypeError for bool, as PyTorch */
export function positive(x: Tensor): Tensor {
  requireTensor('positive', 'the input', x);
  if (x.dtype === 'bool') throw new DTypeError('positive: is not defined for bool tensors; use the tensor itself');
  return x;
}

/** Powers in float64. */
export function floatPower(x: Tensor | number, exponent: Tensor | number): Tensor {
  for (const operand of [x, exponent]) requireKind('floatPower', 'every operand', operand, TENSOR_OR_NUMBER);
  const double = (value: Tensor | number): Tensor => (isTensor(value) ? value.to('float64') : full([], value, { dtype: 'float64' }));
  return isTensor(x) && !isTensor(exponent) ? double(x).pow(exponent) : double(x).pow(double(exponent));
}

/** Euclid's algorithm for the elements of two whole tensors; they are read on the host. */
function divisors(op: 'gcd' | 'lcm', x: Tensor, other: Tensor): Tensor {
  for (const operand of [x, other]) requireTensor(op, 'every operand', operand);
  for (const { dtype } of [x, other]) {
    if (dtype === 'bool' || dtype.includes('float'))
      throw new DTypeError(`${op}: expected whole numbers, but got ${dtype}; convert them with .to('int64')`);
  }
  const dtype = promoteLayouts(x.layout, other.layout);
  const [a, b] = broadcastTensors(x, other).map((t) => t.to('int64').contiguous());
  const [left, right] = [a!.toTypedArray() as BigInt64Array, b!.toTypedArray() as BigInt64Array];
  const data = hostArray('int64', left.length) as BigInt64Array;
  const bits = dtype.startsWith('u') ? 64 : 8 * itemSize(dtype);
  for (let i = 0; i < left.length; i++) {
    const divisor = commonDivisor(left[i]!, right[i]!, bits);
    data[i] = op === 'gcd' ? divisor : divisor === 0n ? 0n : multiple(left[i]! / divisor, right[i]!, bits);
  }
  return hostTensor(data, [...a!.layout.shape], 'int64', x.storage.device).to(dtype);
}

/** The least number of a dtype has no magnitude in it: it stays negative, and Euclid's algorithm goes on with it as PyTorch's does. */
const magnitude = (n: bigint, bits: number): bigint => BigInt.asIntN(bits, n < 0n ? -n : n);

function commonDivisor(a: bigint, b: bigint, bits: number): bigint {
  let [u, v] = [magnitude(a, bits), magnitude(b, bits)];
  while (u !== 0n) [u, v] = [v % u, u];
  return v;
}

/** The magnitude of a product in at least 32 bits, as C computes it. */
const multiple = (a: bigint, b: bigint, bits: number): bigint => magnitude(BigInt.asIntN(Math.max(bits, 32), a * b), Math.max(bits, 32));

/** The greatest common divisor of each two elements; they are read on the host. */
export const gcd = (x: Tensor, other: Tensor): Tensor => divisors('gcd', x, other);
/** The least common multiple of each two elements; they are read on the host. */
export const lcm = (x: Tensor, other: Tensor): Tensor => divisors('lcm', x, other);

/** log Γ_p(x), the logarithm of the multivariate gamma function: of elements above (p - 1)/2. */
export function multigammaln(x: Tensor, p: number): Tensor {
  requireKind('multigammaln', 'p', p, FINITE);
  requireKind('multigammaln', 'p', p, SIZE);
  const from = floatInput('multigammaln', x);
  let sum = lgamma(from);
  for (let i = 1; i < p; i++) sum = sum.add(lgamma(from.sub(i / 2)));
  return sum.add((p * (p - 1) * Math.log(Math.PI)) / 4);
}
