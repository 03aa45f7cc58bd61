/**
 * A tensor's arithmetic: elementwise operations, comparisons, reductions, products. Each method names an operation; what
 * it computes is in `ops/`. Results broadcast and promote as in PyTorch.
 */
import { moved } from './transfer.ts';
import { BOOL, NUMBER, refuseMore, requireKind, requireOptions, WHOLE, wrongArgument } from '../base/arguments.ts';
import { canCast, requireFits, wrapped } from '../base/dtype.ts';
import { ArgumentError } from '../base/errors.ts';
import { NO_ATTRS, dimParams } from '../geometry/attrs.ts';
import { dtypeAttrs, powAttrs, scalarAttrs } from '../geometry/elementwise.ts';
import { reduceParams, scanParams, varianceParams, type DimsArg } from '../geometry/reduce.ts';
import { alphaOf, DIM_OR_DIMS, keepdimOf, ONE_DIM, requireReduction } from './arguments.ts';
import { apply, apply1, applyInPlace } from './dispatch.ts';
import { floatingOf, promoteLayouts, requireAlpha } from './ops/elementwise.ts';
import type { UnaryName } from './ops/unary.ts';
import type { Broadcast } from './shapes/broadcast.ts';
import type { CheckedFor, Shape, ShapeFor } from './shapes/dims.ts';
import type { DimArgument, ReduceShape } from './shapes/reduce.ts';
import { isTensor } from './is-tensor.ts';
import { TensorBase } from './tensor-base.ts';
import type { Tensor } from './tensor.ts';

/** `alpha` multiplies the second operand. */
export interface AlphaOptions {
  readonly alpha?: number;
}

export interface ReduceOptions<K extends boolean = boolean> {
  /** Keep reduced dimensions, with size 1. */
  readonly keepdim?: K;
}

export interface VarianceOptions<K extends boolean = boolean> extends ReduceOptions<K> {
  /** What is subtracted from the count: 1 for the sample's variance (Bessel), 0 for the population's. */
  readonly correction?: number;
}

/** Extreme values along a dimension, and where they lie. */
export interface ValuesAndIndices<S extends Shape = any> {
  readonly values: Tensor<S>;
  readonly indices: Tensor<S>;
}

/** Operations on two tensors without attributes or numbers. */
type BinaryName =
  | 'add' | 'sub' | 'mul' | 'div' | 'pow' | 'remainder' | 'floorDivide'
  | 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'logicalAnd' | 'logicalOr' | 'logicalXor'; // prettier-ignore
type ScalarName =
  | 'addScalar' | 'subScalar' | 'rsubScalar' | 'mulScalar' | 'divScalar' | 'rdivScalar' | 'remainderScalar'
  | 'floorDivideScalar' | 'eqScalar' | 'neScalar' | 'ltScalar' | 'leScalar' | 'gtScalar' | 'geScalar'; // prettier-ignore
type InPlaceName = 'add' | 'addAlpha' | 'sub' | 'subAlpha' | 'mul' | 'div' | 'neg' | 'relu' | 'sqrt' | 'exp' | 'fill';
type ReduceName = 'sum' | 'mean' | 'prod' | 'max' | 'min' | 'amax' | 'amin' | 'any' | 'all' | 'argmax' | 'argmin';

/** The result of an elementwise operation on shapes A and B. */
export type Elementwise<A, B> = Tensor<ShapeFor<A, Broadcast<A, B>>>;
/** A tensor of shape B beside one of shape A, or what is wrong with that. */
export type Beside<A, B extends Shape> = CheckedFor<A, Broadcast<A, B>, Tensor<B>>;
/** The dimensions of a reduction, or what is wrong with them. */
type Along<A, D, K> = CheckedFor<A, ReduceShape<A, D, K>, D>;
type Reduced<A, D, K> = Tensor<ShapeFor<A, ReduceShape<A, D, K>>>;

// The methods with shape rules take the receiver's shape from `this` and not from the class's S, so that S appears in
// `shape` and in unchanged results only: then `Tensor<[32, 10]>` is a `Tensor<[number, 10]>`. With S inside conditional
// types the compiler would take the class for invariant. Implementations are dynamic, behind one typed signature.

const VARIANCE = { keepdim: BOOL, correction: NUMBER };
const BOUNDS = { min: NUMBER, max: NUMBER };
const REMEDY_MAX = 'for two tensors use maximum(a, b)';
const REMEDY_MIN = 'for two tensors use minimum(a, b)';

/** The bounds of `clamp`: one at least. */
function boundsOf(bounds: unknown): { readonly min?: number; readonly max?: number } {
  if (bounds === undefined) throw wrongArgument('clamp', 'the bounds', 'an object', bounds, 'write { min: 0, max: 1 }');
  const given = requireOptions<{ min?: number; max?: number }>('clamp', bounds, BOUNDS, '{ min: 0, max: 1 }');
  if (given.min === undefined && given.max === undefined) throw new ArgumentError('clamp: expected a min, a max or both; write { min: 0, max: 1 }'); // prettier-ignore
  return given;
}

export abstract class TensorMath<S extends Shape> extends TensorBase {
  // ---- two operands

  add<A extends Shape, B extends Shape = []>(
    this: Tensor<A>,
    other: Beside<A, B> | number,
    options?: AlphaOptions,
  ): Elementwise<A, B>;
  add(other: Tensor | number, options?: AlphaOptions): Tensor {
    const alpha = options === undefined ? 1 : alphaOf('add', options);
    if (alpha !== 1) requireAlpha('add', this.layout, other, alpha);
    if (typeof other === 'number') return this.#scalar('addScalar', other * alpha);
    return alpha === 1 ? this.#binary('add', other) : apply1('addAlpha', [this.self(), other], NO_ATTRS, [alpha]);
  }

  sub<A extends Shape, B extends Shape = []>(
    this: Tensor<A>,
    other: Beside<A, B> | number,
    options?: AlphaOptions,
  ): Elementwise<A, B>;
  sub(other: Tensor | number, options?: AlphaOptions): Tensor {
    const alpha = options === undefined ? 1 : alphaOf('sub', options);
    if (alpha !== 1) requireAlpha('sub', this.layout, other, alpha);
    if (typeof other === 'number') return this.#scalar('subScalar', other * alpha);
    return alpha === 1 ? this.#binary('sub', other) : apply1('subAlpha', [this.self(), other], NO_ATTRS, [alpha]);
  }

  mul<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  mul(other: Tensor | number): Tensor {
    return typeof other === 'number' ? this.#scalar('mulScalar', other) : this.#binary('mul', other);
  }

  /** True division: whole numbers give float32. */
  div<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  div(other: Tensor | number, more?: unknown): Tensor {
    if (more !== undefined) refuseMore('div', [more], 'one operand, and divides exactly; floorDivide rounds down');
    return typeof other === 'number' ? this.#scalar('divScalar', other) : this.#binary('div', other);
  }

  pow<A extends Shape, B extends Shape = []>(this: Tensor<A>, exponent: Beside<A, B> | number): Elementwise<A, B>;
  pow(exponent: Tensor | number): Tensor {
    if (typeof exponent !== 'number') return this.#binary('pow', exponent);
    requireFits('pow', scalarAttrs(this.layout.dtype, exponent).dtype, exponent);
    return apply1('powScalar', [this.self()], powAttrs(this.layout.dtype, exponent), [exponent]);
  }

  /** The remainder with the divisor's sign, like Python's %. */
  remainder<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  remainder(other: Tensor | number): Tensor {
    return typeof other === 'number' ? this.#scalar('remainderScalar', other) : this.#binary('remainder', other);
  }

  /** Division rounded down, like Python's //. */
  floorDivide<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  floorDivide(other: Tensor | number): Tensor {
    return typeof other === 'number' ? this.#scalar('floorDivideScalar', other) : this.#binary('floorDivide', other);
  }

  /** `number - this` */
  rsub(other: number): Tensor<S> {
    return this.#scalar('rsubScalar', other);
  }

  /** `number / this` */
  rdiv(other: number): Tensor<S> {
    return this.#scalar('rdivScalar', other);
  }

  eq<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  eq(other: Tensor | number): Tensor {
    return typeof other === 'number' ? this.#scalar('eqScalar', other) : this.#binary('eq', other);
  }

  ne<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  ne(other: Tensor | number): Tensor {
    return typeof other === 'number' ? this.#scalar('neScalar', other) : this.#binary('ne', other);
  }

  lt<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  lt(other: Tensor | number): Tensor {
    return typeof other === 'number' ? this.#scalar('ltScalar', other) : this.#binary('lt', other);
  }

  le<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  le(other: Tensor | number): Tensor {
    return typeof other === 'number' ? this.#scalar('leScalar', other) : this.#binary('le', other);
  }

  gt<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  gt(other: Tensor | number): Tensor {
    return typeof other === 'number' ? this.#scalar('gtScalar', other) : this.#binary('gt', other);
  }

  ge<A extends Shape, B extends Shape = []>(this: Tensor<A>, other: Beside<A, B> | number): Elementwise<A, B>;
  ge(other: Tensor | number): Tensor {
    return typeof other === 'number' ? this.#scalar('geScalar', other) : this.#binary('ge', other);
  }

  logicalAnd<A extends Shape, B extends Shape>(this: Tensor<A>, other: Beside<A, B>): Elementwise<A, B>;
  logicalAnd(other: Tensor): Tensor {
    return this.#binary('logicalAnd', other);
  }

  logicalOr<A extends Shape, B extends Shape>(this: Tensor<A>, other: Beside<A, B>): Elementwise<A, B>;
  logicalOr(other: Tensor): Tensor {
    return this.#binary('logicalOr', other);
  }

  logicalXor<A extends Shape, B extends Shape>(this: Tensor<A>, other: Beside<A, B>): Elementwise<A, B>;
  logicalXor(other: Tensor): Tensor {
    return this.#binary('logicalXor', other);
  }

  #binary(name: BinaryName, other: Tensor): Tensor {
    return apply1(name, [this.self(), other], NO_ATTRS);
  }

  #scalar(name: ScalarName, value: number): Tensor {
    const attrs = scalarAttrs(this.layout.dtype, value);
    const scalar = name === 'divScalar' || name === 'rdivScalar' ? value : wrapped(attrs.dtype, value);
    return apply1(name, [this.self()], attrs, [scalar]);
  }

  // ---- in place

  add_(other: Tensor | number, options?: AlphaOptions): this {
    const alpha = options === undefined ? 1 : alphaOf('add_', options);
    if (alpha !== 1) requireAlpha('add_', this.layout, other, alpha);
    if (typeof other === 'number') return this.#scalarInPlace('addScalar', other * alpha);
    return alpha === 1 ? this.#inPlace('add', [other], []) : this.#inPlace('addAlpha', [other], [alpha]);
  }

  sub_(other: Tensor | number, options?: AlphaOptions): this {
    const alpha = options === undefined ? 1 : alphaOf('sub_', options);
    if (alpha !== 1) requireAlpha('sub_', this.layout, other, alpha);
    if (typeof other === 'number') return this.#scalarInPlace('subScalar', other * alpha);
    return alpha === 1 ? this.#inPlace('sub', [other], []) : this.#inPlace('subAlpha', [other], [alpha]);
  }

  mul_(other: Tensor | number): this {
    return typeof other === 'number' ? this.#scalarInPlace('mulScalar', other) : this.#inPlace('mul', [other], []);
  }

  div_(other: Tensor | number): this;
  div_(other: Tensor | number, more?: unknown): this {
    if (more !== undefined) refuseMore('div_', [more], 'one operand, and divides exactly; floorDivide rounds down');
    return typeof other === 'number' ? this.#scalarInPlace('divScalar', other) : this.#inPlace('div', [other], []);
  }

  neg_(): this {
    return this.#inPlace('neg', [], []);
  }

  relu_(): this {
    return this.#inPlace('relu', [], []);
  }

  sqrt_(): this {
    return this.#inPlace('sqrt', [], []);
  }

  exp_(): this {
    return this.#inPlace('exp', [], []);
  }

  /** @throws ArgumentError for a number that does not fit into a whole dtype */
  fill_(value: number): this {
    requireKind('fill_', 'the value', value, NUMBER);
    requireFits('fill_', this.layout.dtype, value);
    return this.#inPlace('fill', [], [value]);
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

  maskedFill_(mask: Tensor, value: number): this {
    applyInPlace('maskedFill', [this.self(), mask], scalarAttrs(this.layout.dtype, value), [this.#fill('maskedFill_', value)]); // prettier-ignore
    return this;
  }

  /** What an element becomes that is filled with a number: of bool, whether it is not 0. */
  #fill(op: string, value: number): number {
    if (typeof value !== 'number') throw wrongArgument(op, 'the value', 'a number', value, 'take it out of a tensor with item()'); // prettier-ignore
    requireFits(op, this.layout.dtype, value);
    return this.layout.dtype === 'bool' ? Number(value !== 0) : value;
  }

  #inPlace(name: InPlaceName, others: readonly Tensor[], scalars: readonly number[]): this {
    const { dtype } = this.layout;
    const [other] = others;
    if (isTensor(other) && other.layout.dtype !== dtype) {
      // In a wider dtype, and rounded to this one, as in PyTorch; what cannot be written here is refused below.
      const both = promoteLayouts(this.layout, other.layout);
      const wide = name === 'div' ? floatingOf(both) : both;
      if (wide !== dtype && canCast(wide, dtype)) return this.copy_(apply1(name, [this.self(), other], NO_ATTRS, scalars)); // prettier-ignore
    }
    applyInPlace(name, [this.self(), ...others], NO_ATTRS, scalars);
    return this;
  }

  #scalarInPlace(name: ScalarName, value: number): this {
    const attrs = scalarAttrs(this.layout.dtype, value);
    applyInPlace(name, [this.self()], attrs, [name === 'divScalar' ? value : wrapped(attrs.dtype, value)]);
    return this;
  }

  // ---- one operand

  neg(): Tensor<S> {
    return this.#unary('neg');
  }

  abs(): Tensor<S> {
    return this.#unary('abs');
  }

  sign(): Tensor<S> {
    return this.#unary('sign');
  }

  exp(): Tensor<S> {
    return this.#unary('exp');
  }

  expm1(): Tensor<S> {
    return this.#unary('expm1');
  }

  log(): Tensor<S> {
    return this.#unary('log');
  }

  log1p(): Tensor<S> {
    return this.#unary('log1p');
  }

  log2(): Tensor<S> {
    return this.#unary('log2');
  }

  log10(): Tensor<S> {
    return this.#unary('log10');
  }

  sqrt(): Tensor<S> {
    return this.#unary('sqrt');
  }

  rsqrt(): Tensor<S> {
    return this.#unary('rsqrt');
  }

  square(): Tensor<S> {
    return this.#unary('square');
  }

  reciprocal(): Tensor<S> {
    return this.#unary('reciprocal');
  }

  sin(): Tensor<S> {
    return this.#unary('sin');
  }

  cos(): Tensor<S> {
    return this.#unary('cos');
  }

  tan(): Tensor<S> {
    return this.#unary('tan');
  }

  tanh(): Tensor<S> {
    return this.#unary('tanh');
  }

  sigmoid(): Tensor<S> {
    return this.#unary('sigmoid');
  }

  relu(): Tensor<S> {
    return this.#unary('relu');
  }

  floor(): Tensor<S> {
    return this.#unary('floor');
  }

  ceil(): Tensor<S> {
    return this.#unary('ceil');
  }

  /** To the nearest whole number, halves to even. */
  round(): Tensor<S>;
  round(more?: unknown): Tensor<S> {
    if (more !== undefined) refuseMore('round', [more], 'nothing: it rounds to whole numbers; x.mul(100).round().div(100) keeps two decimals'); // prettier-ignore
    return this.#unary('round');
  }

  trunc(): Tensor<S> {
    return this.#unary('trunc');
  }

  isnan(): Tensor<S> {
    return this.#unary('isnan');
  }

  isinf(): Tensor<S> {
    return this.#unary('isinf');
  }

  logicalNot(): Tensor<S> {
    return this.#unary('logicalNot');
  }

  #unary(name: UnaryName | 'relu' | 'sigmoid' | 'tanh'): Tensor {
    return apply1(name, [this.self()], NO_ATTRS);
  }

  /** Elements below `min` become `min`, those above `max` become `max`. */
  clamp(bounds: { readonly min?: number; readonly max?: number }): Tensor<S> {
    const { min, max } = boundsOf(bounds);
    // Whole tensors become float32 for bounds with fractions.
    const { dtype } = scalarAttrs(scalarAttrs(this.layout.dtype, min ?? 0).dtype, max ?? 0);
    // Three operations, because a bound by itself lets gradients through where it is reached, and two do not.
    if (max === undefined) return apply1('clampMin', [this.self()], dtypeAttrs(dtype), [min!]);
    if (min === undefined) return apply1('clampMax', [this.self()], dtypeAttrs(dtype), [max]);
    return apply1('clamp', [this.self()], dtypeAttrs(dtype), [min, max]);
  }

  /** `value` where the bool `mask` is set. */
  maskedFill(mask: Tensor, value: number): Tensor<S> {
    return apply1('maskedFill', [this.self(), mask], scalarAttrs(this.layout.dtype, value), [this.#fill('maskedFill', value)]); // prettier-ignore
  }

  // ---- reductions

  /** The sum of all elements, or along dimensions. Whole numbers and bools add up as int64. */
  sum<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  sum(dim?: DimsArg, options?: ReduceOptions): Tensor {
    return this.#reduce('sum', dim, options);
  }

  mean<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  mean(dim?: DimsArg, options?: ReduceOptions): Tensor {
    return this.#reduce('mean', dim, options);
  }

  prod<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  prod(dim?: DimsArg, options?: ReduceOptions): Tensor {
    return this.#reduce('prod', dim, options);
  }

  amax<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  amax(dim?: DimsArg, options?: ReduceOptions): Tensor {
    return this.#reduce('amax', dim, options);
  }

  amin<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  amin(dim?: DimsArg, options?: ReduceOptions): Tensor {
    return this.#reduce('amin', dim, options);
  }

  any<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  any(dim?: DimsArg, options?: ReduceOptions): Tensor {
    return this.#reduce('any', dim, options);
  }

  all<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  all(dim?: DimsArg, options?: ReduceOptions): Tensor {
    return this.#reduce('all', dim, options);
  }

  logsumexp<A extends Shape, const D extends DimsArg, K extends boolean = false>(
    this: Tensor<A>,
    dim: Along<A, D, K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  logsumexp(dim: DimsArg, options?: ReduceOptions): Tensor {
    requireKind('logsumexp', 'dim', dim, DIM_OR_DIMS);
    const x = this.isFloatingPoint() ? this.self() : this.self().to('float32');
    return apply1('logsumexp', [x], reduceParams(dim, keepdimOf('logsumexp', options)));
  }

  /** The variance, unbiased unless `correction` is 0. */
  var<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    options?: VarianceOptions<K>,
  ): Reduced<A, D, K>;
  var(dim?: DimsArg, options?: VarianceOptions): Tensor {
    return this.#variance('var', dim, options);
  }

  /** The standard deviation, from the unbiased variance unless `correction` is 0. */
  std<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    options?: VarianceOptions<K>,
  ): Reduced<A, D, K>;
  std(dim?: DimsArg, options?: VarianceOptions): Tensor {
    return this.#variance('std', dim, options);
  }

  /** Running sums along a dimension. */
  cumsum<A extends Shape, D extends number>(this: Tensor<A>, dim: DimArgument<A, D>): Tensor<A>;
  cumsum(dim: number, more?: unknown): Tensor {
    if (more !== undefined) refuseMore('cumsum', [more], ONE_DIM);
    requireKind('cumsum', 'dim', dim, WHOLE);
    return apply1('cumsum', [this.self()], scanParams(dim));
  }

  #reduce(name: ReduceName, dim: DimsArg | undefined, options: ReduceOptions | undefined): Tensor {
    if (typeof dim !== 'number') requireReduction(name, dim);
    return apply1(name, [this.self()], reduceParams(dim, keepdimOf(name, options)));
  }

  #variance(name: 'var' | 'std', dim: DimsArg | undefined, options: VarianceOptions | undefined): Tensor {
    requireReduction(name, dim);
    const { keepdim = false, correction = 1 } = requireOptions<VarianceOptions>(name, options, VARIANCE, '{ correction: 0 }'); // prettier-ignore
    return apply1(name, [this.self()], varianceParams(dim, keepdim, correction));
  }

  /** The largest element; along a dimension, with its index (the first of equals). */
  max(): Tensor<[]>;
  max<A extends Shape, D extends number, K extends boolean = false>(
    this: Tensor<A>,
    dim: Along<A, D, K>,
    options?: ReduceOptions<K>,
  ): ValuesAndIndices<ShapeFor<A, ReduceShape<A, D, K>>>;
  max(dim?: number, options?: ReduceOptions): Tensor | ValuesAndIndices {
    return dim === undefined ? this.#reduce('max', undefined, options) : this.#extreme('maxDim', dim, options);
  }

  /** The smallest element; along a dimension, with its index (the first of equals). */
  min(): Tensor<[]>;
  min<A extends Shape, D extends number, K extends boolean = false>(
    this: Tensor<A>,
    dim: Along<A, D, K>,
    options?: ReduceOptions<K>,
  ): ValuesAndIndices<ShapeFor<A, ReduceShape<A, D, K>>>;
  min(dim?: number, options?: ReduceOptions): Tensor | ValuesAndIndices {
    return dim === undefined ? this.#reduce('min', undefined, options) : this.#extreme('minDim', dim, options);
  }

  #extreme(name: 'maxDim' | 'minDim', dim: number, options: ReduceOptions | undefined): ValuesAndIndices {
    const op = name.slice(0, 3);
    requireKind(op, 'dim', dim, WHOLE, op === 'max' ? REMEDY_MAX : REMEDY_MIN);
    const [values, indices] = apply(name, [this.self()], reduceParams(dim, keepdimOf(op, options)));
    return { values: values!, indices: indices! };
  }

  /** The index of the largest element, of the flattened tensor or along a dimension. */
  argmax<A extends Shape, D extends number | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  argmax(dim?: number, options?: ReduceOptions): Tensor {
    return this.#reduce('argmax', dim, options);
  }

  argmin<A extends Shape, D extends number | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  argmin(dim?: number, options?: ReduceOptions): Tensor {
    return this.#reduce('argmin', dim, options);
  }

  softmax<A extends Shape, D extends number>(this: Tensor<A>, dim: DimArgument<A, D>): Tensor<A>;
  softmax(dim: number, more?: unknown): Tensor {
    if (more !== undefined) refuseMore('softmax', [more], ONE_DIM);
    return apply1('softmax', [this.self()], dimParams(dim, 'softmax'));
  }

  logSoftmax<A extends Shape, D extends number>(this: Tensor<A>, dim: DimArgument<A, D>): Tensor<A>;
  logSoftmax(dim: number, more?: unknown): Tensor {
    if (more !== undefined) refuseMore('logSoftmax', [more], ONE_DIM);
    return apply1('logSoftmax', [this.self()], dimParams(dim, 'logSoftmax'));
  }
}
