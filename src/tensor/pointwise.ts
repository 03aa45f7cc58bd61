/**
 * Elementwise functions composed of others (https://pytorch.org/docs/stable/torch.html#pointwise-ops). In compiled functions their steps become one
 * kernel.
 */
import { BOOL, NOT_NEGATIVE, NUMBER, orNull, requireKind } from '../base/arguments.ts';
import { isFloating, isHalf } from '../base/dtype.ts';
import { DTypeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { NO_ATTRS } from '../geometry/attrs.ts';
import { floatInput, requireTensor, TENSOR, TENSOR_OR_NUMBER } from './arguments.ts';
import type { Call } from './calls.ts';
import { full } from './create.ts';
import { apply1 } from './dispatch.ts';
import { hyperbolic } from './families/hyperbolic.ts';
import { shifts } from './families/shifts.ts';
import { special } from './families/special.ts';
import { fused } from './fused.ts';
import { where } from './functions.ts';
import { isTensor } from './is-tensor.ts';
import { promoteLayouts } from './ops/elementwise.ts';
import { asOperand } from './tensor-arithmetic.ts';
import type { Tensor } from './tensor.ts';

type Operand = Tensor | number;

/** Two tensors of one floating dtype. */
function bothFloats(op: string, a: Tensor, b: Operand): [Tensor, Tensor] {
  requireTensor(op, 'the input', a);
  requireKind(op, 'the other operand', b, TENSOR_OR_NUMBER);
  const other = asOperand(op, a, b);
  const dtype = promoteLayouts(a.layout, other.layout);
  const floating = isFloating(dtype) ? dtype : 'float32';
  return [a.to(floating), other.to(floating)];
}

/** Whether the sign bit is set, of -0 as well. */
const negative = (x: Tensor): Tensor => x.lt(0).logicalOr(x.detach().eq(0).logicalAnd(x.detach().reciprocal().lt(0)));

const NEGATIVE = fused('NotImplemented', ([x]) => negative(x!));

const unary = (name: 'asinh' | 'acosh' | 'atanh' | 'sinc', x: Tensor): Tensor => {
  requireTensor(name, 'the input', x);
  return apply1(hyperbolic[name], [x], NO_ATTRS);
};
/** The inverse of sinh. */
export const asinh = (x: Tensor): Tensor => unary('asinh', x);
/** The inverse of cosh, of numbers of at least 1. */
export const acosh = (x: Tensor): Tensor => unary('acosh', x);
/** The inverse of tanh, of numbers between -1 and 1. */
export const atanh = (x: Tensor): Tensor => unary('atanh', x);
/** sin(πx)/(πx), and 1 at 0. */
export const sinc = (x: Tensor): Tensor => unary('sinc', x);

/** 1 - erf(x), accurate where that is next to nothing, too. */
export function erfc(x: Tensor): Tensor {
  requireTensor('erfc', 'the input', x);
  return apply1(special.erfc, [x], NO_ATTRS);
}

/** What is behind the point, with the sign of `x`. */
export function frac(x: Tensor): Tensor {
  requireTensor('frac', 'the input', x);
  return FRAC([x]);
}
const FRAC = fused('FracBackward0', ([x]) => x!.sub(x!.trunc()));

/** The logarithm of the odds: log(x / (1 - x)), of numbers that `eps` keeps away from 0 and 1. */
export function logit(x: Tensor, ...args: Call<[eps?: number | null], { eps: number | null }>): Tensor;
export function logit(x: Tensor, ...args: readonly unknown[]): Tensor {
  const { eps = null } = readCall<{ eps?: number | null }>(LOGIT, args);
  const from = floatInput('logit', x);
  return eps === null ? odds(from) : ODDS_BETWEEN([from], eps);
}
const odds = (x: Tensor): Tensor => apply1(hyperbolic.logit, [x], NO_ATTRS);
const ODDS_BETWEEN = fused<[number]>('LogitBackward0', ([x], eps) => odds(between(x!, eps)));

/** Below `eps` it, above 1 - eps that; the lower bound counts where they cross. */
function between(x: Tensor, eps: number): Tensor {
  const bound = (value: number): Tensor => full([], value, { dtype: x.dtype, device: x.device });
  return where(x.lt(eps), bound(eps), where(x.gt(1 - eps), bound(1 - eps), x));
}

const LOGIT = signature<{ eps?: number | null }>('logit', { eps: orNull(NUMBER) });

interface NanToNumCall {
  nan?: number | null;
  posinf?: number | null;
  neginf?: number | null;
}
export type NanToNumArguments = Call<[nan?: number | null, posinf?: number | null, neginf?: number | null], NanToNumCall>;
const NAN_TO_NUM = signature<NanToNumCall>('nanToNum', { nan: orNull(NUMBER), posinf: orNull(NUMBER), neginf: orNull(NUMBER) });
const LARGEST = {
  float32: (2 - 2 ** -23) * 2 ** 127,
  float64: Number.MAX_VALUE,
  float16: 65504,
  bfloat16: (2 - 2 ** -7) * 2 ** 127,
} as Readonly<Record<string, number>>;

/** NaN becomes `nan` (0), ∞ `posinf` and -∞ `neginf` (the largest and the smallest number of the dtype). */
export function nanToNum(x: Tensor, ...args: NanToNumArguments): Tensor;
export function nanToNum(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('nanToNum', 'the input', x);
  const { nan, posinf, neginf } = readCall<NanToNumCall>(NAN_TO_NUM, args);
  if (!x.isFloatingPoint()) return x.clone();
  const most = LARGEST[x.dtype]!;
  return NUMBERS([x], nan ?? 0, posinf ?? most, neginf ?? -most);
}
const NUMBERS = fused<[number, number, number]>('NanToNumBackward0', ([x], nan, posinf, neginf) =>
  x!.maskedFill(x!.isnan(), nan).maskedFill(x!.eq(Infinity), posinf).maskedFill(x!.eq(-Infinity), neginf),
);

/** Whether the sign bit is set. */
export function signbit(x: Tensor): Tensor {
  requireTensor('signbit', 'the input', x);
  return x.dtype === 'bool' ? x.logicalXor(x) : x.isFloatingPoint() ? NEGATIVE([x]) : x.lt(0);
}

export function isposinf(x: Tensor): Tensor {
  requireTensor('isposinf', 'the input', x);
  return x.isFloatingPoint() ? x.eq(Infinity) : x.ne(x);
}

export function isneginf(x: Tensor): Tensor {
  requireTensor('isneginf', 'the input', x);
  return x.isFloatingPoint() ? x.eq(-Infinity) : x.ne(x);
}

// ---- two operands

/** The magnitude of `x` with the sign of `other`. */
export function copysign(x: Tensor, other: Operand): Tensor {
  requireTensor('copysign', 'the input', x);
  requireKind('copysign', 'the other operand', other, TENSOR_OR_NUMBER);
  // a number does not widen, and -0 has its sign
  const sign = isTensor(other) ? other : full([], other, { dtype: x.isFloatingPoint() ? x.dtype : 'float32', device: x.device });
  return apply1(hyperbolic.copysign, [x, sign], NO_ATTRS);
}

/** √(x² + y²), which does not overflow. */
export function hypot(x: Tensor, other: Tensor): Tensor {
  requireTensor('hypot', 'the other operand', other);
  const both = bothFloats('hypot', x, other);
  const { dtype } = both[0];
  // Of halves PyTorch computes in float32, and rounds once.
  return isHalf(dtype) ? HYPOT(both.map((one) => one.to('float32'))).to(dtype) : HYPOT(both);
}
const HYPOT = fused('HypotBackward0', ([a, b]) => hypotenuse(a!, b!));
function hypotenuse(a: Tensor, b: Tensor): Tensor {
  const [p, q] = [a.abs(), b.abs()];
  const scale = p.detach().maximum(q.detach());
  const plain = scale.eq(0).logicalOr(scale.isinf()).logicalOr(scale.isnan());
  const by = scale.maskedFill(plain, 1);
  const root = p.div(by).square().add(q.div(by).square()).sqrt().mul(by);
  return root.maskedFill(a.isinf().logicalOr(b.isinf()), Infinity);
}

/** x·log(y), and 0 where x is 0 and y no NaN. */
export function xlogy(x: Operand, other: Operand): Tensor {
  for (const operand of [x, other]) requireKind('xlogy', 'every operand', operand, TENSOR_OR_NUMBER);
  const beside = isTensor(x) ? x : other;
  requireTensor('xlogy', 'one of the operands', beside);
  return apply1(hyperbolic.xlogy, [asOperand('xlogy', beside, x), asOperand('xlogy', beside, other)], NO_ATTRS);
}

function logAdded(op: 'logaddexp' | 'logaddexp2', x: Tensor, other: Tensor): Tensor {
  for (const operand of [x, other]) requireTensor(op, 'every operand', operand);
  if (!x.isFloatingPoint() && !other.isFloatingPoint())
    throw new DTypeError(`${op}: expected floating-point tensors, but got ${x.dtype}; convert one with .to('float32')`);
  return apply1(hyperbolic[op], [x, other], NO_ATTRS);
}
/** log(eˣ + eʸ), which does not overflow. */
export const logaddexp = (x: Tensor, other: Tensor): Tensor => logAdded('logaddexp', x, other);
/** log₂(2ˣ + 2ʸ), which does not overflow. */
export const logaddexp2 = (x: Tensor, other: Tensor): Tensor => logAdded('logaddexp2', x, other);

/** 0 for negative numbers, 1 for positive ones, `values` for 0. */
export function heaviside(x: Tensor, values: Tensor): Tensor {
  for (const of of [x, values]) requireTensor('heaviside', 'every operand', of);
  if (x.dtype !== values.dtype)
    throw new DTypeError(`heaviside: expected tensors of one dtype, but got ${x.dtype} and ${values.dtype}; convert one of them`);
  return STEP([x.detach(), values.detach()]);
}
const STEP = fused('NotImplemented', ([x, values]) => where(x!.eq(0), values!, x!.gt(0).to(x!.dtype)));

/** x·2ʸ; of floats with whole numbers y also where 2ʸ alone is beyond the dtype. */
export function ldexp(x: Tensor, other: Tensor): Tensor {
  requireTensor('ldexp', 'the input', x);
  requireTensor('ldexp', 'the other operand', other);
  const exact = x.isFloatingPoint() && !other.isFloatingPoint() && other.dtype !== 'bool';
  if (exact) return apply1(shifts.ldexp, [x, other], NO_ATTRS);
  return LDEXP(bothFloats('ldexp', x, other));
}
const LDEXP = fused('MulBackward0', ([a, b]) => a!.mul(full([], 2, { dtype: a!.dtype, device: a!.device }).pow(b!)));

function withoutNaN(op: string, x: Tensor, other: Tensor, of: 'maximum' | 'minimum'): Tensor {
  for (const operand of [x, other]) requireTensor(op, 'every operand', operand);
  if (!x.isFloatingPoint() && !other.isFloatingPoint()) return x[of](other);
  const dtype = promoteLayouts(x.layout, other.layout);
  return BUT_NAN([x.to(dtype), other.to(dtype)], of);
}
const BUT_NAN = fused<['maximum' | 'minimum']>('FmaxBackward0', ([a, b], of) => where(b!.isnan(), a!, where(a!.isnan(), b!, a![of](b!))));

/** The larger of two elements; of a number and NaN the number. */
export const fmax = (x: Tensor, other: Tensor): Tensor => withoutNaN('fmax', x, other, 'maximum');
/** The smaller of two elements; of a number and NaN the number. */
export const fmin = (x: Tensor, other: Tensor): Tensor => withoutNaN('fmin', x, other, 'minimum');

interface LerpCall {
  end: Tensor;
  weight: Operand;
}
export type LerpArguments = Call<[end: Tensor, weight: Operand], LerpCall>;
const LERP = signature<LerpCall>('lerp', { end: TENSOR, weight: TENSOR_OR_NUMBER }, { required: 2 });

/** start + weight·(end - start), from the nearer end. */
export function lerp(x: Tensor, ...args: LerpArguments): Tensor;
export function lerp(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('lerp', 'the start', x);
  const { end, weight } = readCall<LerpCall>(LERP, args);
  if (!isTensor(weight)) return apply1('lerp', [x, end], NO_ATTRS, [weight]);
  if (x.dtype !== end.dtype || x.dtype !== weight.dtype)
    throw new DTypeError(`lerp: expected tensors of one dtype, but got ${x.dtype}, ${end.dtype} and ${weight.dtype}; convert them`);
  return LERP_EACH([x, end, weight]);
}
const LERP_EACH = fused('LerpBackward1', ([x, end, weight]) => {
  const gap = end!.sub(x!);
  return where(weight!.abs().lt(0.5), x!.add(weight!.mul(gap)), end!.sub(gap.mul(weight!.rsub(1))));
});

function requireWhole(op: string, x: Tensor): void {
  if (x.isFloatingPoint() || x.dtype === 'bool')
    throw new DTypeError(`${op}: expected whole numbers, but got ${x.dtype}; convert them with .to('int64')`);
}

/** All bits moved up: x·2ⁿ, wrapping around; 0 for more bits than there are. */
export function bitwiseLeftShift(x: Tensor, other: Operand): Tensor {
  requireTensor('bitwiseLeftShift', 'the input', x);
  const by = asOperand('bitwiseLeftShift', x, other);
  for (const operand of [x, by]) requireWhole('bitwiseLeftShift', operand);
  return apply1(shifts.bitwiseLeftShift, [x, by], NO_ATTRS);
}

/** All bits moved down: x / 2ⁿ, rounded down. */
export function bitwiseRightShift(x: Tensor, other: Operand): Tensor {
  requireTensor('bitwiseRightShift', 'the input', x);
  const by = asOperand('bitwiseRightShift', x, other);
  for (const operand of [x, by]) requireWhole('bitwiseRightShift', operand);
  return apply1(shifts.bitwiseRightShift, [x, by], NO_ATTRS);
}

// ---- questions

interface CloseCall {
  rtol?: number;
  atol?: number;
  equalNan?: boolean;
}
export type CloseArguments = Call<[rtol?: number, atol?: number, equalNan?: boolean], CloseCall>;
const ISCLOSE = signature<CloseCall>('isclose', { rtol: NOT_NEGATIVE, atol: NOT_NEGATIVE, equalNan: BOOL });

/** Whether elements are within `atol + rtol·|other|` of each other. */
export function isclose(x: Tensor, other: Tensor, ...args: CloseArguments): Tensor;
export function isclose(x: Tensor, other: Tensor, ...args: readonly unknown[]): Tensor {
  for (const operand of [x, other]) requireTensor('isclose', 'every operand', operand);
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = readCall<CloseCall>(ISCLOSE, args);
  if (x.dtype !== other.dtype)
    throw new DTypeError(`isclose: expected tensors of one dtype, but got ${x.dtype} and ${other.dtype}; convert one of them`);
  return CLOSE([x.detach(), other.detach()], rtol, atol, equalNan);
}
const CLOSE = fused<[number, number, boolean]>('NotImplemented', ([x, other], ...given) => closeness(x!, other!, ...given));
function closeness(a: Tensor, b: Tensor, rtol: number, atol: number, equalNan: boolean): Tensor {
  const [p, q] = a.isFloatingPoint() ? [a, b] : [a.to('float64'), b.to('float64')];
  const allowed = q.abs().mul(rtol).add(atol);
  const close = p.sub(q).abs().le(allowed).logicalAnd(q.isfinite());
  const same = a.eq(b).logicalOr(close);
  return equalNan ? same.logicalOr(a.isnan().logicalAnd(b.isnan())) : same;
}
