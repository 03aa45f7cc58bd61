/** Functions of one tensor, element by element, and bounds for elements. What an operation computes is in `ops/`. */
import { either, kind, NUMBER, requireKind, WHOLE } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { dtypeAttrs, scalarAttrs } from '../geometry/elementwise.ts';
import { TENSOR, TENSOR_OR_NUMBER } from './arguments.ts';
import { filler, inPlace, unary, written, type Call } from './calls.ts';
import { apply1 } from './dispatch.ts';
import { family } from './family.ts';
import { where } from './functions.ts';
import { isTensor } from './is-tensor.ts';
import type { Shape } from './shapes/dims.ts';
import { maskedWith, TensorArithmetic } from './tensor-arithmetic.ts';
import type { Tensor } from './tensor.ts';

/** A bound of `clamp`. */
export type Bound = number | Tensor | null;
export interface Bounds {
  readonly min?: Bound;
  readonly max?: Bound;
}

const ROUND = signature<{ decimals?: number }>('round', { decimals: WHOLE });
const BOUND = either(
  TENSOR,
  NUMBER,
  kind('null', (value) => value === null),
);
const clampCall = (op: string) => signature<Bounds>(op, { min: BOUND, max: BOUND }, { example: `${op}(0, 1)` });
const CLAMPS = { clamp: clampCall('clamp'), clamp_: clampCall('clamp_'), clampMin: clampCall('clampMin'), clampMax: clampCall('clampMax') };

function requireBound(op: string, bound: number | Tensor): number | Tensor {
  requireKind(op, 'the bound', bound, TENSOR_OR_NUMBER);
  return bound;
}

function clampWith(op: keyof typeof CLAMPS, x: Tensor, args: readonly unknown[]): Tensor {
  const { min = null, max = null } = readCall<Bounds>(CLAMPS[op], args);
  if (min === null && max === null) throw new ArgumentError(`${op}: expected a min, a max or both; write ${op}(0, 1)`);
  if (isTensor(min) || isTensor(max)) return clampBeside(op, x, min, max);
  if (min !== null && max !== null) return clampBetween(x, min, max);
  // Three operations, because a bound by itself lets gradients through where it is reached, and two do not.
  const { dtype } = scalarAttrs(x.layout.dtype, min ?? max!);
  return apply1(max === null ? 'clampMin' : 'clampMax', [x], dtypeAttrs(dtype), [min ?? max!]);
}

function clampBetween(x: Tensor, min: number, max: number): Tensor {
  // Whole tensors become float32 for bounds with fractions.
  const { dtype } = scalarAttrs(scalarAttrs(x.layout.dtype, min).dtype, max);
  return apply1('clamp', [x], dtypeAttrs(dtype), [min, max]);
}

/** With tensors: each bound takes the gradient of what it replaces. */
function clampBeside(op: string, x: Tensor, min: Bound, max: Bound): Tensor {
  for (const bound of [min, max])
    if (typeof bound === 'number')
      throw new ArgumentError(
        `${op}: expected two numbers or two tensors as bounds, but got a number beside a tensor; write tensor(${bound})`,
      );
  const low = isTensor(min) ? where(x.lt(min).logicalOr(min.isnan()), min, x) : x;
  return isTensor(max) ? where(low.gt(max).logicalOr(max.isnan()), max, low) : low;
}

export abstract class TensorPointwise<S extends Shape> extends TensorArithmetic<S> {
  // ---- one operand

  neg(): Tensor<S> {
    return unary(this.self(), 'neg');
  }

  abs(): Tensor<S> {
    return unary(this.self(), 'abs');
  }

  sign(): Tensor<S> {
    return unary(this.self(), 'sign');
  }

  exp(): Tensor<S> {
    return unary(this.self(), 'exp');
  }

  expm1(): Tensor<S> {
    return unary(this.self(), 'expm1');
  }

  log(): Tensor<S> {
    return unary(this.self(), 'log');
  }

  log1p(): Tensor<S> {
    return unary(this.self(), 'log1p');
  }

  log2(): Tensor<S> {
    return unary(this.self(), family('mathematics').log2);
  }

  log10(): Tensor<S> {
    return unary(this.self(), family('mathematics').log10);
  }

  sqrt(): Tensor<S> {
    return unary(this.self(), 'sqrt');
  }

  rsqrt(): Tensor<S> {
    return unary(this.self(), 'rsqrt');
  }

  square(): Tensor<S> {
    return unary(this.self(), 'square');
  }

  reciprocal(): Tensor<S> {
    return unary(this.self(), 'reciprocal');
  }

  sin(): Tensor<S> {
    return unary(this.self(), family('mathematics').sin);
  }

  cos(): Tensor<S> {
    return unary(this.self(), family('mathematics').cos);
  }

  tan(): Tensor<S> {
    return unary(this.self(), family('mathematics').tan);
  }

  tanh(): Tensor<S> {
    return unary(this.self(), 'tanh');
  }

  sigmoid(): Tensor<S> {
    return unary(this.self(), 'sigmoid');
  }

  relu(): Tensor<S> {
    return unary(this.self(), 'relu');
  }

  floor(): Tensor<S> {
    return unary(this.self(), 'floor');
  }

  ceil(): Tensor<S> {
    return unary(this.self(), 'ceil');
  }

  /** To the nearest whole number, or to `decimals` places, halves to even. */
  round(decimals?: number | { readonly decimals?: number }): Tensor<S>;
  round(given?: unknown, more?: unknown): Tensor {
    if (given === undefined) return unary(this.self(), 'round');
    const { decimals = 0 } = readCall<{ decimals?: number }>(ROUND, [given, more]);
    const x = this.self();
    if (decimals === 0 || !x.isFloatingPoint()) return unary(x, 'round');
    const ten = 10 ** Math.abs(decimals);
    return decimals > 0 ? x.mul(ten).round().div(ten) : x.div(ten).round().mul(ten);
  }

  trunc(): Tensor<S> {
    return unary(this.self(), 'trunc');
  }

  isnan(): Tensor<S> {
    return unary(this.self(), 'isnan');
  }

  isinf(): Tensor<S> {
    return unary(this.self(), 'isinf');
  }

  logicalNot(): Tensor<S> {
    return unary(this.self(), 'logicalNot');
  }

  /** The arcsine, in radians; NaN outside [-1, 1]. */
  asin(): Tensor<S> {
    return unary(this.self(), family('mathematics').asin);
  }

  /** The arccosine, in radians; NaN outside [-1, 1]. */
  acos(): Tensor<S> {
    return unary(this.self(), family('mathematics').acos);
  }

  /** The arctangent, in radians. */
  atan(): Tensor<S> {
    return unary(this.self(), family('mathematics').atan);
  }

  sinh(): Tensor<S> {
    return unary(this.self(), family('mathematics').sinh);
  }

  cosh(): Tensor<S> {
    return unary(this.self(), family('mathematics').cosh);
  }

  /** The error function. */
  erf(): Tensor<S> {
    return unary(this.self(), family('mathematics').erf);
  }

  /** Whether elements are neither infinite nor NaN. */
  isfinite(): Tensor<S> {
    return unary(this.self(), 'isfinite');
  }

  /** All bits the other way round; of bools, the opposite. */
  bitwiseNot(): Tensor<S> {
    return unary(this.self(), 'bitwiseNot');
  }

  /**
   * Elements below `min` become `min`, those above `max` become `max`: numbers, or tensors that are broadcast. One of them may be null or
   * left out. Where `min` is above `max`, the result is `max`.
   * @throws ArgumentError for no bounds at all, or a number beside a tensor
   * @see https://pytorch.org/docs/stable/generated/torch.clamp.html
   * @example
   * import { tensor } from 'flambeau';
   * if (String(tensor([-1, 0.5, 2]).clamp(0, 1).tolist()) !== '0,0.5,1') throw new Error('between 0 and 1');
   */
  clamp(...bounds: Call<[min?: Bound, max?: Bound], Bounds>): Tensor<S>;
  clamp(min?: unknown, max?: unknown, more?: unknown): Tensor {
    const x = this.self();
    const plain = typeof min === 'number' && typeof max === 'number' && more === undefined;
    return plain ? clampBetween(x, min, max) : clampWith('clamp', x, [min, max, more]);
  }

  /** Elements below `min`, a number or a tensor, become `min`. */
  clampMin(min: number | Tensor): Tensor<S> {
    return isTensor(min) ? this.self().maximum(min) : clampWith('clampMin', this.self(), [requireBound('clampMin', min)]);
  }

  /** Elements above `max`, a number or a tensor, become `max`. */
  clampMax(max: number | Tensor): Tensor<S> {
    return isTensor(max) ? this.self().minimum(max) : clampWith('clampMax', this.self(), [undefined, requireBound('clampMax', max)]);
  }

  clamp_(...bounds: Call<[min?: Bound, max?: Bound], Bounds>): this;
  clamp_(min?: unknown, max?: unknown, more?: unknown): this {
    return written('clamp_', this.self(), (from) => clampWith('clamp_', from, [min, max, more]));
  }

  clampMin_(min: number | Tensor): this {
    return written('clampMin_', this.self(), (from) => from.clampMin(min));
  }

  clampMax_(max: number | Tensor): this {
    return written('clampMax_', this.self(), (from) => from.clampMax(max));
  }

  /** `value`, a number or a tensor without dimensions, where the bool `mask` is set. */
  maskedFill(mask: Tensor, value: number | boolean | Tensor): Tensor<S> {
    if (isTensor(value)) return maskedWith('maskedFill', this.self(), mask, value);
    const number = filler(this.self(), 'maskedFill', value);
    return apply1('maskedFill', [this.self(), mask], scalarAttrs(this.layout.dtype, number), [number]);
  }

  // ---- one operand, in place

  abs_(): this {
    return inPlace(this.self(), 'abs', []);
  }

  sign_(): this {
    return inPlace(this.self(), 'sign', []);
  }

  expm1_(): this {
    return inPlace(this.self(), 'expm1', []);
  }

  log_(): this {
    return inPlace(this.self(), 'log', []);
  }

  log1p_(): this {
    return inPlace(this.self(), 'log1p', []);
  }

  log2_(): this {
    return inPlace(this.self(), family('mathematics').log2, []);
  }

  log10_(): this {
    return inPlace(this.self(), family('mathematics').log10, []);
  }

  rsqrt_(): this {
    return inPlace(this.self(), 'rsqrt', []);
  }

  square_(): this {
    return inPlace(this.self(), 'square', []);
  }

  reciprocal_(): this {
    return inPlace(this.self(), 'reciprocal', []);
  }

  sin_(): this {
    return inPlace(this.self(), family('mathematics').sin, []);
  }

  cos_(): this {
    return inPlace(this.self(), family('mathematics').cos, []);
  }

  tan_(): this {
    return inPlace(this.self(), family('mathematics').tan, []);
  }

  tanh_(): this {
    return inPlace(this.self(), 'tanh', []);
  }

  sigmoid_(): this {
    return inPlace(this.self(), 'sigmoid', []);
  }

  asin_(): this {
    return inPlace(this.self(), family('mathematics').asin, []);
  }

  acos_(): this {
    return inPlace(this.self(), family('mathematics').acos, []);
  }

  atan_(): this {
    return inPlace(this.self(), family('mathematics').atan, []);
  }

  sinh_(): this {
    return inPlace(this.self(), family('mathematics').sinh, []);
  }

  cosh_(): this {
    return inPlace(this.self(), family('mathematics').cosh, []);
  }

  erf_(): this {
    return inPlace(this.self(), family('mathematics').erf, []);
  }

  floor_(): this {
    return inPlace(this.self(), 'floor', []);
  }

  ceil_(): this {
    return inPlace(this.self(), 'ceil', []);
  }

  trunc_(): this {
    return inPlace(this.self(), 'trunc', []);
  }

  logicalNot_(): this {
    return inPlace(this.self(), 'logicalNot', []);
  }

  bitwiseNot_(): this {
    return inPlace(this.self(), 'bitwiseNot', []);
  }

  round_(decimals?: number | { readonly decimals?: number }): this {
    return decimals === undefined ? inPlace(this.self(), 'round', []) : written('round_', this.self(), (from) => from.round(decimals));
  }
}
