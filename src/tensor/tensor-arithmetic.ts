/**
 * A tensor's arithmetic with a second operand, and what works in place. Each method names an operation; what it computes is
 * in `ops/`. Results broadcast and promote as in PyTorch.
 */
import { moved } from './transfer.ts';
import { oneOf, orNull, requireKind, requireOptions } from '../base/arguments.ts';
import { promoteScalar, requireFits } from '../base/dtype.ts';
import { ShapeError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { NO_ATTRS } from '../geometry/attrs.ts';
import { powAttrs, scalarAttrs } from '../geometry/elementwise.ts';
import { alphaOf, requireTensor, TENSOR_OR_NUMBER } from './arguments.ts';
import { binary, filler, flat, inPlace, NUMBER_OR_BOOL, scalar, scalarInPlace, written } from './calls.ts';
import { full } from './create.ts';
import { apply1, applyInPlace } from './dispatch.ts';
import { isTensor } from './is-tensor.ts';
import { requireAlpha } from './ops/elementwise.ts';
import type { Broadcast } from './shapes/broadcast.ts';
import type { CheckedFor, Shape, ShapeFor } from './shapes/dims.ts';
import { TensorBase } from './tensor-base.ts';
import type { Tensor } from './tensor.ts';

/** `alpha` multiplies the second operand. */
export interface AlphaOptions {
  readonly alpha?: number;
}

export interface DivOptions {
  /** Round quotients down (`'floor'`) or towards 0 (`'trunc'`), keeping whole dtypes; null: true division. */
  readonly roundingMode?: 'floor' | 'trunc' | null;
}

/** The result of an elementwise operation on shapes A and B. */
export type Elementwise<A, B> = Tensor<ShapeFor<A, Broadcast<A, B>>>;
/** A tensor of shape B beside one of shape A, or what is wrong with that. */
export type Beside<A, B extends Shape> = CheckedFor<A, Broadcast<A, B>, Tensor<B>>;

// The methods with shape rules take the receiver's shape from `this` and not from the class's S, so that S appears in
// `shape` and in unchanged results only: then `Tensor<[32, 10]>` is a `Tensor<[number, 10]>`. With S inside conditional
// types the compiler would take the class for invariant. Implementations are dynamic, behind one typed signature.

const ROUNDING = { roundingMode: orNull(oneOf('floor', 'trunc')) };

function divided(op: string, x: Tensor, other: Tensor | number, options: DivOptions): Tensor {
  const given = requireOptions<DivOptions>(op, options, ROUNDING, "{ roundingMode: 'floor' }");
  const mode = given.roundingMode ?? null;
  if (mode === null) return x.div(other);
  const [a, b] = [x.detach(), typeof other === 'number' ? other : other.detach()];
  const whole = !x.isFloatingPoint() && (typeof b === 'number' ? Number.isInteger(b) : !b.isFloatingPoint());
  const rounded = mode === 'floor' ? a.floorDivide(b) : whole ? a.sub(a.fmod(b)).floorDivide(b) : a.div(b).trunc();
  if (!x.requiresGrad && !(isTensor(other) && other.requiresGrad)) return rounded;
  // Steps have a slope of 0, also where there is no quotient: zeros through which nothing flows.
  return rounded.add(typeof other === 'number' ? flat(x) : flat(x).add(flat(other)));
}

/** A number as a tensor without dimensions, of the dtype that it has beside `x`. */
export function asOperand(op: string, x: Tensor, other: Tensor | number): Tensor {
  requireKind(op, 'the operand', other, TENSOR_OR_NUMBER);
  if (typeof other !== 'number') return other;
  const dtype = promoteScalar(x.dtype, other);
  requireFits(op, dtype, other);
  return full([], other, { dtype, device: x.device });
}

function requireScalar(op: string, value: Tensor): Tensor {
  if (value.ndim === 0) return value;
  throw new ShapeError(
    `${op}: expected a number or a tensor without dimensions, but got shape ${showShape(value.layout.shape)}; use copy_() for the elements of a tensor`,
  );
}

/** `value`, a tensor without dimensions, where the mask holds. */
export function maskedWith(op: string, x: Tensor, mask: Tensor, value: Tensor): Tensor {
  requireTensor(op, 'the mask', mask);
  return apply1('where', [mask, requireScalar(op, value).to(x.dtype), x], NO_ATTRS);
}

export abstract class TensorArithmetic<S extends Shape> extends TensorBase {
  // ---- two operands

  add<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number, options?: AlphaOptions): Elementwise<A, B>;
  add(other: Tensor | number, options?: AlphaOptions): Tensor {
    const alpha = options === undefined ? 1 : alphaOf('add', options);
    if (alpha !== 1) requireAlpha('add', this.layout, other, alpha);
    if (typeof other === 'number') return scalar(this.self(), 'addScalar', other * alpha);
    return alpha === 1 ? binary(this.self(), 'add', other) : apply1('addAlpha', [this.self(), other], NO_ATTRS, [alpha]);
  }

  sub<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number, options?: AlphaOptions): Elementwise<A, B>;
  sub(other: Tensor | number, options?: AlphaOptions): Tensor {
    const alpha = options === undefined ? 1 : alphaOf('sub', options);
    if (alpha !== 1) requireAlpha('sub', this.layout, other, alpha);
    if (typeof other === 'number') return scalar(this.self(), 'subScalar', other * alpha);
    return alpha === 1 ? binary(this.self(), 'sub', other) : apply1('subAlpha', [this.self(), other], NO_ATTRS, [alpha]);
  }

  mul<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  mul(other: Tensor | number): Tensor {
    return typeof other === 'number' ? scalar(this.self(), 'mulScalar', other) : binary(this.self(), 'mul', other);
  }

  /** True division: whole numbers give float32; or rounded down or towards 0, with `roundingMode`. */
  div<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number, options?: DivOptions): Elementwise<A, B>;
  div(other: Tensor | number, options?: DivOptions): Tensor {
    if (options !== undefined) return divided('div', this.self(), other, options);
    return typeof other === 'number' ? scalar(this.self(), 'divScalar', other) : binary(this.self(), 'div', other);
  }

  pow<A extends Shape, B extends Shape = []>(this: Tensor<A>, exponent: Beside<A, B> | number): Elementwise<A, B>;
  pow(exponent: Tensor | number): Tensor {
    if (typeof exponent !== 'number') return binary(this.self(), 'pow', exponent);
    requireFits('pow', scalarAttrs(this.layout.dtype, exponent).dtype, exponent);
    return apply1('powScalar', [this.self()], powAttrs(this.layout.dtype, exponent), [exponent]);
  }

  /** The remainder with the divisor's sign, like Python's %. */
  remainder<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  remainder(other: Tensor | number): Tensor {
    return typeof other === 'number' ? scalar(this.self(), 'remainderScalar', other) : binary(this.self(), 'remainder', other);
  }

  /** Division rounded down, like Python's //. */
  floorDivide<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  floorDivide(other: Tensor | number): Tensor {
    return typeof other === 'number' ? scalar(this.self(), 'floorDivideScalar', other) : binary(this.self(), 'floorDivide', other);
  }

  /** `other - this` */
  rsub(other: number): Tensor<S>;
  rsub(other: Tensor): Tensor;
  rsub(other: Tensor | number): Tensor {
    return isTensor(other) ? binary(other, 'sub', this.self()) : scalar(this.self(), 'rsubScalar', other);
  }

  /** `other / this`, in PyTorch's way: the reciprocal, times the other. */
  rdiv(other: number): Tensor<S>;
  rdiv(other: Tensor): Tensor;
  rdiv(other: Tensor | number): Tensor {
    return isTensor(other) ? this.self().reciprocal().mul(other) : scalar(this.self(), 'rdivScalar', other);
  }

  eq<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  eq(other: Tensor | number): Tensor {
    return typeof other === 'number' ? scalar(this.self(), 'eqScalar', other) : binary(this.self(), 'eq', other);
  }

  ne<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  ne(other: Tensor | number): Tensor {
    return typeof other === 'number' ? scalar(this.self(), 'neScalar', other) : binary(this.self(), 'ne', other);
  }

  lt<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  lt(other: Tensor | number): Tensor {
    return typeof other === 'number' ? scalar(this.self(), 'ltScalar', other) : binary(this.self(), 'lt', other);
  }

  le<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  le(other: Tensor | number): Tensor {
    return typeof other === 'number' ? scalar(this.self(), 'leScalar', other) : binary(this.self(), 'le', other);
  }

  gt<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  gt(other: Tensor | number): Tensor {
    return typeof other === 'number' ? scalar(this.self(), 'gtScalar', other) : binary(this.self(), 'gt', other);
  }

  ge<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  ge(other: Tensor | number): Tensor {
    return typeof other === 'number' ? scalar(this.self(), 'geScalar', other) : binary(this.self(), 'ge', other);
  }

  logicalAnd<A extends Shape, B extends Shape>(this: Tensor<A>, other: Beside<A, B>): Elementwise<A, B>;
  logicalAnd(other: Tensor): Tensor {
    return binary(this.self(), 'logicalAnd', other);
  }

  logicalOr<A extends Shape, B extends Shape>(this: Tensor<A>, other: Beside<A, B>): Elementwise<A, B>;
  logicalOr(other: Tensor): Tensor {
    return binary(this.self(), 'logicalOr', other);
  }

  logicalXor<A extends Shape, B extends Shape>(this: Tensor<A>, other: Beside<A, B>): Elementwise<A, B>;
  logicalXor(other: Tensor): Tensor {
    return binary(this.self(), 'logicalXor', other);
  }

  /** The remainder with the dividend's sign, like C's fmod. */
  fmod<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  fmod(other: Tensor | number): Tensor {
    return typeof other === 'number' ? scalar(this.self(), 'fmodScalar', other) : binary(this.self(), 'fmod', other);
  }

  /** The angle of the point (other, this), in radians. */
  atan2<A extends Shape, B extends Shape>(this: Tensor<A>, other: Beside<A, B>): Elementwise<A, B>;
  atan2(other: Tensor): Tensor {
    return binary(this.self(), 'atan2', other);
  }

  /** The larger of two elements; NaN wins. */
  maximum<A extends Shape, B extends Shape>(this: Tensor<A>, other: Beside<A, B>): Elementwise<A, B>;
  maximum(other: Tensor): Tensor {
    return binary(this.self(), 'maximum', other);
  }

  /** The smaller of two elements; NaN wins. */
  minimum<A extends Shape, B extends Shape>(this: Tensor<A>, other: Beside<A, B>): Elementwise<A, B>;
  minimum(other: Tensor): Tensor {
    return binary(this.self(), 'minimum', other);
  }

  /** Bits that are set in both; of whole numbers and bools. */
  bitwiseAnd<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  bitwiseAnd(other: Tensor | number): Tensor {
    return binary(this.self(), 'bitwiseAnd', asOperand('bitwiseAnd', this.self(), other));
  }

  /** Bits that are set in either; of whole numbers and bools. */
  bitwiseOr<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  bitwiseOr(other: Tensor | number): Tensor {
    return binary(this.self(), 'bitwiseOr', asOperand('bitwiseOr', this.self(), other));
  }

  /** Bits that are set in one of both; of whole numbers and bools. */
  bitwiseXor<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  bitwiseXor(other: Tensor | number): Tensor {
    return binary(this.self(), 'bitwiseXor', asOperand('bitwiseXor', this.self(), other));
  }

  // ---- in place

  add_(other: Tensor | number, options?: AlphaOptions): this {
    const alpha = options === undefined ? 1 : alphaOf('add_', options);
    if (alpha !== 1) requireAlpha('add_', this.layout, other, alpha);
    if (typeof other === 'number') return scalarInPlace(this.self(), 'addScalar', other * alpha);
    return alpha === 1 ? inPlace(this.self(), 'add', [other], []) : inPlace(this.self(), 'addAlpha', [other], [alpha]);
  }

  sub_(other: Tensor | number, options?: AlphaOptions): this {
    const alpha = options === undefined ? 1 : alphaOf('sub_', options);
    if (alpha !== 1) requireAlpha('sub_', this.layout, other, alpha);
    if (typeof other === 'number') return scalarInPlace(this.self(), 'subScalar', other * alpha);
    return alpha === 1 ? inPlace(this.self(), 'sub', [other], []) : inPlace(this.self(), 'subAlpha', [other], [alpha]);
  }

  mul_(other: Tensor | number): this {
    return typeof other === 'number' ? scalarInPlace(this.self(), 'mulScalar', other) : inPlace(this.self(), 'mul', [other], []);
  }

  div_(other: Tensor | number, options?: DivOptions): this {
    if (options !== undefined) return written('div_', this.self(), (from) => divided('div_', from, other, options));
    return typeof other === 'number' ? scalarInPlace(this.self(), 'divScalar', other) : inPlace(this.self(), 'div', [other], []);
  }

  neg_(): this {
    return inPlace(this.self(), 'neg', []);
  }

  relu_(): this {
    return inPlace(this.self(), 'relu', []);
  }

  sqrt_(): this {
    return inPlace(this.self(), 'sqrt', []);
  }

  exp_(): this {
    return inPlace(this.self(), 'exp', []);
  }

  /** @throws ArgumentError for a number that does not fit into a whole dtype */
  fill_(value: number | boolean | Tensor): this {
    if (isTensor(value)) return this.copy_(requireScalar('fill_', value));
    requireKind('fill_', 'the value', value, NUMBER_OR_BOOL);
    requireFits('fill_', this.layout.dtype, Number(value));
    return inPlace(this.self(), 'fill', [], [Number(value)]);
  }

  zero_(): this {
    return this.fill_(0);
  }

  /** Copies the elements of `source`, which is broadcast and converted. */
  copy_(source: Tensor): this {
    const here = isTensor(source) ? moved(source, this.storage.device) : source; // else the operation says what it is
    applyInPlace('assign', [this.self(), here], NO_ATTRS);
    return this;
  }

  maskedFill_(mask: Tensor, value: number | boolean | Tensor): this {
    if (isTensor(value)) return this.copy_(maskedWith('maskedFill_', this.self(), mask, value));
    const number = filler(this.self(), 'maskedFill_', value);
    applyInPlace('maskedFill', [this.self(), mask], scalarAttrs(this.layout.dtype, number), [number]);
    return this;
  }

  pow_(exponent: Tensor | number): this {
    return written('pow_', this.self(), (from) => from.pow(exponent));
  }

  remainder_(other: Tensor | number): this {
    return typeof other === 'number' ? scalarInPlace(this.self(), 'remainderScalar', other) : inPlace(this.self(), 'remainder', [other]);
  }

  fmod_(other: Tensor | number): this {
    return typeof other === 'number' ? scalarInPlace(this.self(), 'fmodScalar', other) : inPlace(this.self(), 'fmod', [other]);
  }

  floorDivide_(other: Tensor | number): this {
    return typeof other === 'number'
      ? scalarInPlace(this.self(), 'floorDivideScalar', other)
      : inPlace(this.self(), 'floorDivide', [other]);
  }

  eq_(other: Tensor | number): this {
    return typeof other === 'number' ? scalarInPlace(this.self(), 'eqScalar', other) : inPlace(this.self(), 'eq', [other]);
  }

  ne_(other: Tensor | number): this {
    return typeof other === 'number' ? scalarInPlace(this.self(), 'neScalar', other) : inPlace(this.self(), 'ne', [other]);
  }

  lt_(other: Tensor | number): this {
    return typeof other === 'number' ? scalarInPlace(this.self(), 'ltScalar', other) : inPlace(this.self(), 'lt', [other]);
  }

  le_(other: Tensor | number): this {
    return typeof other === 'number' ? scalarInPlace(this.self(), 'leScalar', other) : inPlace(this.self(), 'le', [other]);
  }

  gt_(other: Tensor | number): this {
    return typeof other === 'number' ? scalarInPlace(this.self(), 'gtScalar', other) : inPlace(this.self(), 'gt', [other]);
  }

  ge_(other: Tensor | number): this {
    return typeof other === 'number' ? scalarInPlace(this.self(), 'geScalar', other) : inPlace(this.self(), 'ge', [other]);
  }

  logicalAnd_(other: Tensor): this {
    return inPlace(this.self(), 'logicalAnd', [other]);
  }

  logicalOr_(other: Tensor): this {
    return inPlace(this.self(), 'logicalOr', [other]);
  }

  logicalXor_(other: Tensor): this {
    return inPlace(this.self(), 'logicalXor', [other]);
  }

  atan2_(other: Tensor): this {
    return inPlace(this.self(), 'atan2', [other]);
  }
}
