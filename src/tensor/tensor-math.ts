/**
 * A tensor's arithmetic: elementwise operations, comparisons, reductions, products. Each method names an operation; what
 * it computes is in `ops/`. Results broadcast and promote as in PyTorch.
 */
import { apply, apply1, applyInPlace } from './dispatch.ts';
import { dimParams } from './ops/attrs.ts';
import { powAttrs, scalarAttrs } from './ops/elementwise-attrs.ts';
import type { UnaryName } from './ops/unary.ts';
import { reduceParams, scanParams, varianceParams, type DimsArg } from './ops/reduce.ts';
import { NO_ATTRS } from './ops/rule.ts';
import type { Broadcast } from './shapes/broadcast.ts';
import type { ResultShape, Shape } from './shapes/dims.ts';
import { TensorBase } from './tensor-base.ts';
import type { Tensor } from './tensor.ts';

/** `alpha` multiplies the second operand. */
export interface AlphaOptions {
  readonly alpha?: number;
}

export interface ReduceOptions {
  /** Keep reduced dimensions, with size 1. */
  readonly keepdim?: boolean;
}

export interface VarianceOptions extends ReduceOptions {
  /** What is subtracted from the count: 1 for the sample's variance (Bessel), 0 for the population's. */
  readonly correction?: number;
}

/** Extreme values along a dimension, and where they lie. */
export interface ValuesAndIndices {
  readonly values: Tensor;
  readonly indices: Tensor;
}

/** Operations on two tensors without attributes or numbers. */
type BinaryName =
  | 'add' | 'sub' | 'mul' | 'div' | 'pow' | 'remainder' | 'floorDivide'
  | 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'logicalAnd' | 'logicalOr' | 'logicalXor'; // prettier-ignore
type ScalarName =
  | 'addScalar' | 'subScalar' | 'rsubScalar' | 'mulScalar' | 'divScalar' | 'rdivScalar' | 'remainderScalar'
  | 'floorDivideScalar' | 'eqScalar' | 'neScalar' | 'ltScalar' | 'leScalar' | 'gtScalar' | 'geScalar'; // prettier-ignore
type InPlaceName = 'add' | 'addAlpha' | 'sub' | 'subAlpha' | 'mul' | 'div' | 'neg' | 'relu' | 'sqrt' | 'exp' | 'fill';
type ReduceName = 'sum' | 'mean' | 'prod' | 'max' | 'min' | 'amax' | 'amin' | 'any' | 'all' | 'logsumexp';

type Sum<S, T extends Shape> = Tensor<ResultShape<Broadcast<S, T>>>;
type Operand<T extends Shape> = Tensor<T> | number;

export abstract class TensorMath<S extends Shape> extends TensorBase {
  // ---- two operands

  add<T extends Shape>(other: Operand<T>, options: AlphaOptions = {}): Sum<S, T> {
    const { alpha = 1 } = options;
    if (typeof other === 'number') return this.#scalar('addScalar', other * alpha);
    return alpha === 1 ? this.#binary('add', other) : apply1('addAlpha', [this.self(), other], NO_ATTRS, [alpha]);
  }

  sub<T extends Shape>(other: Operand<T>, options: AlphaOptions = {}): Sum<S, T> {
    const { alpha = 1 } = options;
    if (typeof other === 'number') return this.#scalar('subScalar', other * alpha);
    return alpha === 1 ? this.#binary('sub', other) : apply1('subAlpha', [this.self(), other], NO_ATTRS, [alpha]);
  }

  mul<T extends Shape>(other: Operand<T>): Sum<S, T> {
    return typeof other === 'number' ? this.#scalar('mulScalar', other) : this.#binary('mul', other);
  }

  /** True division: whole numbers give float32. */
  div<T extends Shape>(other: Operand<T>): Sum<S, T> {
    return typeof other === 'number' ? this.#scalar('divScalar', other) : this.#binary('div', other);
  }

  pow<T extends Shape>(exponent: Operand<T>): Sum<S, T> {
    if (typeof exponent !== 'number') return this.#binary('pow', exponent);
    return apply1('powScalar', [this.self()], powAttrs(this.layout.dtype, exponent), [exponent]);
  }

  /** The remainder with the divisor's sign, like Python's %. */
  remainder<T extends Shape>(other: Operand<T>): Sum<S, T> {
    return typeof other === 'number' ? this.#scalar('remainderScalar', other) : this.#binary('remainder', other);
  }

  /** Division rounded down, like Python's //. */
  floorDivide<T extends Shape>(other: Operand<T>): Sum<S, T> {
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

  eq<T extends Shape>(other: Operand<T>): Sum<S, T> {
    return typeof other === 'number' ? this.#scalar('eqScalar', other) : this.#binary('eq', other);
  }

  ne<T extends Shape>(other: Operand<T>): Sum<S, T> {
    return typeof other === 'number' ? this.#scalar('neScalar', other) : this.#binary('ne', other);
  }

  lt<T extends Shape>(other: Operand<T>): Sum<S, T> {
    return typeof other === 'number' ? this.#scalar('ltScalar', other) : this.#binary('lt', other);
  }

  le<T extends Shape>(other: Operand<T>): Sum<S, T> {
    return typeof other === 'number' ? this.#scalar('leScalar', other) : this.#binary('le', other);
  }

  gt<T extends Shape>(other: Operand<T>): Sum<S, T> {
    return typeof other === 'number' ? this.#scalar('gtScalar', other) : this.#binary('gt', other);
  }

  ge<T extends Shape>(other: Operand<T>): Sum<S, T> {
    return typeof other === 'number' ? this.#scalar('geScalar', other) : this.#binary('ge', other);
  }

  logicalAnd<T extends Shape>(other: Tensor<T>): Sum<S, T> {
    return this.#binary('logicalAnd', other);
  }

  logicalOr<T extends Shape>(other: Tensor<T>): Sum<S, T> {
    return this.#binary('logicalOr', other);
  }

  logicalXor<T extends Shape>(other: Tensor<T>): Sum<S, T> {
    return this.#binary('logicalXor', other);
  }

  #binary(name: BinaryName, other: Tensor): Tensor {
    return apply1(name, [this.self(), other], NO_ATTRS);
  }

  #scalar(name: ScalarName, value: number): Tensor {
    return apply1(name, [this.self()], scalarAttrs(this.layout.dtype, value), [value]);
  }

  // ---- in place

  add_(other: Tensor | number, options: AlphaOptions = {}): this {
    const { alpha = 1 } = options;
    if (typeof other === 'number') return this.#scalarInPlace('addScalar', other * alpha);
    return alpha === 1 ? this.#inPlace('add', [other], []) : this.#inPlace('addAlpha', [other], [alpha]);
  }

  sub_(other: Tensor | number, options: AlphaOptions = {}): this {
    const { alpha = 1 } = options;
    if (typeof other === 'number') return this.#scalarInPlace('subScalar', other * alpha);
    return alpha === 1 ? this.#inPlace('sub', [other], []) : this.#inPlace('subAlpha', [other], [alpha]);
  }

  mul_(other: Tensor | number): this {
    return typeof other === 'number' ? this.#scalarInPlace('mulScalar', other) : this.#inPlace('mul', [other], []);
  }

  div_(other: Tensor | number): this {
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

  fill_(value: number): this {
    return this.#inPlace('fill', [], [value]);
  }

  zero_(): this {
    return this.fill_(0);
  }

  /** Copies the elements of `source`, which is broadcast and converted. */
  copy_(source: Tensor): this {
    applyInPlace('assign', [this.self(), source], NO_ATTRS);
    return this;
  }

  maskedFill_(mask: Tensor, value: number): this {
    applyInPlace('maskedFill', [this.self(), mask], scalarAttrs(this.layout.dtype, value), [value]);
    return this;
  }

  #inPlace(name: InPlaceName, others: readonly Tensor[], scalars: readonly number[]): this {
    applyInPlace(name, [this.self(), ...others], NO_ATTRS, scalars);
    return this;
  }

  #scalarInPlace(name: ScalarName, value: number): this {
    applyInPlace(name, [this.self()], scalarAttrs(this.layout.dtype, value), [value]);
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
  round(): Tensor<S> {
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
    const { min = -Infinity, max = Infinity } = bounds;
    return apply1('clamp', [this.self()], scalarAttrs(this.layout.dtype, 0), [min, max]);
  }

  /** `value` where the bool `mask` is set. */
  maskedFill(mask: Tensor, value: number): Tensor<S> {
    return apply1('maskedFill', [this.self(), mask], scalarAttrs(this.layout.dtype, value), [value]);
  }

  // ---- reductions

  /** The sum of all elements, or along dimensions. Whole numbers and bools add up as int64. */
  sum(dim?: DimsArg, options: ReduceOptions = {}): Tensor {
    return this.#reduce('sum', dim, options);
  }

  mean(dim?: DimsArg, options: ReduceOptions = {}): Tensor {
    return this.#reduce('mean', dim, options);
  }

  prod(dim?: DimsArg, options: ReduceOptions = {}): Tensor {
    return this.#reduce('prod', dim, options);
  }

  amax(dim?: DimsArg, options: ReduceOptions = {}): Tensor {
    return this.#reduce('amax', dim, options);
  }

  amin(dim?: DimsArg, options: ReduceOptions = {}): Tensor {
    return this.#reduce('amin', dim, options);
  }

  any(dim?: DimsArg, options: ReduceOptions = {}): Tensor {
    return this.#reduce('any', dim, options);
  }

  all(dim?: DimsArg, options: ReduceOptions = {}): Tensor {
    return this.#reduce('all', dim, options);
  }

  logsumexp(dim: DimsArg, options: ReduceOptions = {}): Tensor {
    return this.#reduce('logsumexp', dim, options);
  }

  /** The variance, unbiased unless `correction` is 0. */
  var(dim?: DimsArg, options: VarianceOptions = {}): Tensor {
    return apply1('var', [this.self()], varianceParams(dim, options.keepdim ?? false, options.correction ?? 1));
  }

  /** The standard deviation, from the unbiased variance unless `correction` is 0. */
  std(dim?: DimsArg, options: VarianceOptions = {}): Tensor {
    return apply1('std', [this.self()], varianceParams(dim, options.keepdim ?? false, options.correction ?? 1));
  }

  /** Running sums along a dimension. */
  cumsum(dim: number): Tensor<S> {
    return apply1('cumsum', [this.self()], scanParams(dim));
  }

  #reduce(name: ReduceName, dim: DimsArg | undefined, options: ReduceOptions): Tensor {
    return apply1(name, [this.self()], reduceParams(dim, options.keepdim ?? false));
  }

  /** The largest element; along a dimension, with its index (the first of equals). */
  max(): Tensor<[]>;
  max(dim: number, options?: ReduceOptions): ValuesAndIndices;
  max(dim?: number, options: ReduceOptions = {}): Tensor | ValuesAndIndices {
    return dim === undefined ? this.#reduce('max', undefined, options) : this.#extreme('maxDim', dim, options);
  }

  /** The smallest element; along a dimension, with its index (the first of equals). */
  min(): Tensor<[]>;
  min(dim: number, options?: ReduceOptions): ValuesAndIndices;
  min(dim?: number, options: ReduceOptions = {}): Tensor | ValuesAndIndices {
    return dim === undefined ? this.#reduce('min', undefined, options) : this.#extreme('minDim', dim, options);
  }

  #extreme(name: 'maxDim' | 'minDim', dim: number, options: ReduceOptions): ValuesAndIndices {
    const [values, indices] = apply(name, [this.self()], reduceParams(dim, options.keepdim ?? false));
    return { values: values!, indices: indices! };
  }

  /** The index of the largest element, of the flattened tensor or along a dimension. */
  argmax(dim?: number, options: ReduceOptions = {}): Tensor {
    return apply1('argmax', [this.self()], reduceParams(dim, options.keepdim ?? false));
  }

  argmin(dim?: number, options: ReduceOptions = {}): Tensor {
    return apply1('argmin', [this.self()], reduceParams(dim, options.keepdim ?? false));
  }

  softmax(dim: number): Tensor<S> {
    return apply1('softmax', [this.self()], dimParams(dim));
  }

  logSoftmax(dim: number): Tensor<S> {
    return apply1('logSoftmax', [this.self()], dimParams(dim));
  }
}
