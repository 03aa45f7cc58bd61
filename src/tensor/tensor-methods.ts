/** Elements at indices, more elementwise functions and random numbers: methods of one line, what they do stands in the modules that they name. */
import { written, type Call } from './calls.ts';
import * as draws from './draws.ts';
import type { DrawOptions, MultinomialArguments } from './draws.ts';
import { allclose, equal, where } from './functions.ts';
import { family } from './family.ts';
import * as pointwise from './pointwise.ts';
import type { CloseArguments, LerpArguments, NanToNumArguments } from './pointwise.ts';
import * as placing from './scatter.ts';
import type { ScatterReduction } from './scatter.ts';
import type { Shape } from './shapes/dims.ts';
import type { Tensor } from './tensor.ts';
import { TensorOrderMethods } from './tensor-order-methods.ts';

export abstract class TensorMethods<S extends Shape> extends TensorOrderMethods<S> {
  // ---- at indices

  /** The elements of `src`, or a number, at `index` along `dim`. */
  scatter(
    ...args:
      | [
          dim: number,
          index: Tensor,
          src: Tensor | number | { readonly value: number },
          options?: { readonly reduce?: 'add' | 'multiply' },
        ]
      | [options: object]
  ): Tensor<S> {
    return placing.scatter(this.self(), args);
  }

  scatter_(
    ...args:
      | [
          dim: number,
          index: Tensor,
          src: Tensor | number | { readonly value: number },
          options?: { readonly reduce?: 'add' | 'multiply' },
        ]
      | [options: object]
  ): this {
    placing.scatter(this.self(), args, true);
    return this;
  }

  /** Adds the elements of `src` at `index` along `dim`. */
  scatterAdd(...args: [dim: number, index: Tensor, src: Tensor] | [options: object]): Tensor<S> {
    return placing.scatterAdd(this.self(), args);
  }

  scatterAdd_(...args: [dim: number, index: Tensor, src: Tensor] | [options: object]): this {
    placing.scatterAdd(this.self(), args, true);
    return this;
  }

  /** Elements of `src` at `index` along `dim`, joined with what is there and with one another. */
  scatterReduce(
    ...args:
      | [
          dim: number,
          index: Tensor,
          src: Tensor,
          reduce: ScatterReduction,
          options?: { readonly includeSelf?: boolean },
        ]
      | [options: object]
  ): Tensor<S> {
    return placing.scatterReduce(this.self(), args);
  }

  scatterReduce_(
    ...args:
      | [
          dim: number,
          index: Tensor,
          src: Tensor,
          reduce: ScatterReduction,
          options?: { readonly includeSelf?: boolean },
        ]
      | [options: object]
  ): this {
    placing.scatterReduce(this.self(), args, true);
    return this;
  }

  /** Adds slices of `source`, times `alpha`, at `index` along `dim`. */
  indexAdd(
    ...args: [dim: number, index: Tensor, source: Tensor, options?: { readonly alpha?: number }] | [options: object]
  ): Tensor<S> {
    return placing.indexAdd(this.self(), args);
  }

  indexAdd_(
    ...args: [dim: number, index: Tensor, source: Tensor, options?: { readonly alpha?: number }] | [options: object]
  ): this {
    placing.indexAdd(this.self(), args, true);
    return this;
  }

  /** Slices of `source` at `index` along `dim`. */
  indexCopy(...args: [dim: number, index: Tensor, source: Tensor] | [options: object]): Tensor<S> {
    return placing.indexCopy(this.self(), args);
  }

  indexCopy_(...args: [dim: number, index: Tensor, source: Tensor] | [options: object]): this {
    placing.indexCopy(this.self(), args, true);
    return this;
  }

  /** A number in all slices at `index` along `dim`. */
  indexFill(...args: [dim: number, index: Tensor, value: Tensor | number] | [options: object]): Tensor<S> {
    return placing.indexFill(this.self(), args);
  }

  indexFill_(...args: [dim: number, index: Tensor, value: Tensor | number] | [options: object]): this {
    placing.indexFill(this.self(), args, true);
    return this;
  }

  /** Slices of `source` at `index` along `dim`, joined with what is there and with one another. */
  indexReduce(
    ...args:
      | [
          dim: number,
          index: Tensor,
          source: Tensor,
          reduce: 'prod' | 'mean' | 'amax' | 'amin',
          options?: { readonly includeSelf?: boolean },
        ]
      | [options: object]
  ): Tensor<S> {
    return placing.indexReduce(this.self(), args);
  }

  indexReduce_(
    ...args:
      | [
          dim: number,
          index: Tensor,
          source: Tensor,
          reduce: 'prod' | 'mean' | 'amax' | 'amin',
          options?: { readonly includeSelf?: boolean },
        ]
      | [options: object]
  ): this {
    placing.indexReduce(this.self(), args, true);
    return this;
  }

  /** Elements of `source` at indices of the flattened tensor. */
  put(
    ...args: [index: Tensor, source: Tensor, options?: boolean | { readonly accumulate?: boolean }] | [options: object]
  ): Tensor<S> {
    return placing.put(this.self(), args);
  }

  put_(
    ...args: [index: Tensor, source: Tensor, options?: boolean | { readonly accumulate?: boolean }] | [options: object]
  ): this {
    placing.put(this.self(), args, true);
    return this;
  }

  /** `values` at tensors of indices, which are broadcast together and pick element by element. */
  indexPut(
    ...args:
      | [indices: readonly Tensor[], values: Tensor | number, options?: boolean | { readonly accumulate?: boolean }]
      | [options: object]
  ): Tensor<S> {
    return placing.indexPut(this.self(), args);
  }

  indexPut_(
    ...args:
      | [indices: readonly Tensor[], values: Tensor | number, options?: boolean | { readonly accumulate?: boolean }]
      | [options: object]
  ): this {
    placing.indexPut(this.self(), args, true);
    return this;
  }

  /** Elements along `dim` at indices that broadcast with the input; without `dim`, of the flattened tensor. */
  takeAlongDim(...args: Call<[indices: Tensor, dim?: number], { indices: Tensor; dim: number }>): Tensor {
    return placing.takeAlongDim(this.self(), args);
  }

  /** Elements of the flattened tensor at indices. */
  take(index: Tensor): Tensor {
    return placing.take(this.self(), index);
  }

  /** The elements where a mask is true: a vector. */
  maskedSelect(mask: Tensor): Tensor<[number]> {
    return placing.maskedSelect(this.self(), mask);
  }

  /** The elements of `source`, one after the other, where a mask is true. */
  maskedScatter(mask: Tensor, source: Tensor): Tensor {
    return placing.maskedScatter(this.self(), mask, source);
  }

  maskedScatter_(mask: Tensor, source: Tensor): this {
    return written('maskedScatter_', this.self(), (from) => placing.maskedScatter(from, mask, source));
  }

  // ---- elementwise

  /** The inverse of sinh. */
  asinh(): Tensor<S> {
    return pointwise.asinh(this.self());
  }

  /** The inverse of cosh. */
  acosh(): Tensor<S> {
    return pointwise.acosh(this.self());
  }

  /** The inverse of tanh. */
  atanh(): Tensor<S> {
    return pointwise.atanh(this.self());
  }

  /** 1 - erf(x) */
  erfc(): Tensor<S> {
    return pointwise.erfc(this.self());
  }

  /** What is behind the point. */
  frac(): Tensor<S> {
    return pointwise.frac(this.self());
  }

  /** sin(πx)/(πx) */
  sinc(): Tensor<S> {
    return pointwise.sinc(this.self());
  }

  /** Whether the sign bit is set. */
  signbit(): Tensor<S> {
    return pointwise.signbit(this.self());
  }

  /** Whether elements are ∞. */
  isposinf(): Tensor<S> {
    return pointwise.isposinf(this.self());
  }

  /** Whether elements are -∞. */
  isneginf(): Tensor<S> {
    return pointwise.isneginf(this.self());
  }

  asinh_(): this {
    return written('asinh_', this.self(), (from) => pointwise.asinh(from));
  }

  acosh_(): this {
    return written('acosh_', this.self(), (from) => pointwise.acosh(from));
  }

  atanh_(): this {
    return written('atanh_', this.self(), (from) => pointwise.atanh(from));
  }

  erfc_(): this {
    return written('erfc_', this.self(), (from) => pointwise.erfc(from));
  }

  frac_(): this {
    return written('frac_', this.self(), (from) => pointwise.frac(from));
  }

  sinc_(): this {
    return written('sinc_', this.self(), (from) => pointwise.sinc(from));
  }

  /** As {@link sign}. */
  sgn(): Tensor<S> {
    return this.self().sign();
  }

  /** The logarithm of the odds. */
  logit(...eps: Call<[eps?: number | null], { eps: number | null }>): Tensor<S> {
    return pointwise.logit(this.self(), ...eps);
  }

  /** NaN as 0, infinities as the largest and the smallest number, or as what is given. */
  nanToNum(...args: NanToNumArguments): Tensor<S> {
    return pointwise.nanToNum(this.self(), ...args);
  }

  nanToNum_(...args: NanToNumArguments): this {
    return written('nanToNum_', this.self(), (from) => pointwise.nanToNum(from, ...args));
  }

  /** The magnitude of this with the sign of another. */
  copysign(other: Tensor | number): Tensor {
    return pointwise.copysign(this.self(), other);
  }

  /** √(x² + y²) */
  hypot(other: Tensor): Tensor {
    return pointwise.hypot(this.self(), other);
  }

  /** x·log(y), and 0 where x is 0. */
  xlogy(other: Tensor | number): Tensor {
    return pointwise.xlogy(this.self(), other);
  }

  /** log(eˣ + eʸ) */
  logaddexp(other: Tensor): Tensor {
    return pointwise.logaddexp(this.self(), other);
  }

  /** log₂(2ˣ + 2ʸ) */
  logaddexp2(other: Tensor): Tensor {
    return pointwise.logaddexp2(this.self(), other);
  }

  /** 0 for negative numbers, 1 for positive ones, the other for 0. */
  heaviside(other: Tensor): Tensor {
    return pointwise.heaviside(this.self(), other);
  }

  /** x·2ʸ */
  ldexp(other: Tensor): Tensor {
    return pointwise.ldexp(this.self(), other);
  }

  /** The larger of two elements; of a number and NaN the number. */
  fmax(other: Tensor): Tensor {
    return pointwise.fmax(this.self(), other);
  }

  /** The smaller of two elements; of a number and NaN the number. */
  fmin(other: Tensor): Tensor {
    return pointwise.fmin(this.self(), other);
  }

  /** All bits moved up. */
  bitwiseLeftShift(other: Tensor | number): Tensor {
    return pointwise.bitwiseLeftShift(this.self(), other);
  }

  /** All bits moved down, keeping the sign. */
  bitwiseRightShift(other: Tensor | number): Tensor {
    return pointwise.bitwiseRightShift(this.self(), other);
  }

  /** this + weight·(end - this) */
  lerp(...args: LerpArguments): Tensor {
    return pointwise.lerp(this.self(), ...args);
  }

  lerp_(...args: LerpArguments): this {
    return written('lerp_', this.self(), (from) => pointwise.lerp(from, ...args));
  }

  /** Whether elements are within `atol + rtol·|other|` of each other. */
  isclose(other: Tensor, ...args: CloseArguments): Tensor {
    return pointwise.isclose(this.self(), other, ...args);
  }

  /** Whether all elements are within `atol + rtol·|other|` of each other. */
  allclose(other: Tensor, options?: { readonly rtol?: number; readonly atol?: number }): boolean {
    return allclose(this.self(), other, options);
  }

  /** Whether two tensors have the same shape and elements. */
  equal(other: Tensor): boolean {
    return equal(this.self(), other);
  }

  /** Where elements are not 0: a row of indices for each. */
  nonzero(): Tensor {
    return family('picking').nonzero(this.self());
  }

  /** As {@link nonzero}. */
  argwhere(): Tensor {
    return family('picking').nonzero(this.self());
  }

  /** These elements where a condition holds, others elsewhere. */
  where(condition: Tensor, other: Tensor | number): Tensor {
    return where(condition, this.self(), other);
  }

  // ---- random numbers

  /** Filled with numbers from [from, to). */
  uniform_(...args: Call<[from?: number, to?: number], DrawOptions & { from: number; to: number }>): this {
    return draws.uniform_(this.self(), args);
  }

  /** Filled with numbers from N(mean, std²). */
  normal_(...args: Call<[mean?: number, std?: number], DrawOptions & { mean: number; std: number }>): this {
    return draws.normal_(this.self(), args);
  }

  /** Filled with numbers from the exponential distribution. */
  exponential_(...args: Call<[lambd?: number], DrawOptions & { lambd: number }>): this {
    return draws.exponential_(this.self(), args);
  }

  /** Filled with whole numbers from [from, to). */
  random_(
    ...args: Call<
      [from?: number | bigint, to?: number | bigint],
      DrawOptions & { from: number | bigint; to: number | bigint }
    >
  ): this {
    return draws.random_(this.self(), args);
  }

  /** Filled with ones with probability `p`, else zeros. */
  bernoulli_(...args: Call<[p?: number | Tensor], DrawOptions & { p: number | Tensor }>): this {
    return draws.bernoulli_(this.self(), args);
  }

  /** Ones where a draw is below the element, a probability. */
  bernoulli(...args: Call<[p?: number], DrawOptions & { p: number }>): Tensor<S> {
    return draws.bernoulli(this.self(), ...args);
  }

  /** Indices drawn with probabilities proportional to the elements. */
  multinomial(...args: MultinomialArguments): Tensor {
    return draws.multinomial(this.self(), ...args);
  }
}
