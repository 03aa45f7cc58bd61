/** Elements at indices, more elementwise functions and random numbers: methods of one line, what they do stands in the modules that they name. */
import { written, type Call } from './calls.ts';
import type { DrawOptions, MultinomialArguments } from './draws.ts';
import { allclose, equal, where } from './functions.ts';
import { family } from './family.ts';
import type { CloseArguments, LerpArguments, NanToNumArguments } from './pointwise.ts';
import type { ScatterReduction } from './scatter.ts';
import type { Shape } from './shapes/dims.ts';
import type { Tensor } from './tensor.ts';
import { TensorOrderMethods } from './tensor-order-methods.ts';

export abstract class TensorMethods<S extends Shape> extends TensorOrderMethods<S> {
  // ---- at indices

  /** The elements of `src`, or a number, at `index` along `dim`. */
  scatter(
    ...args:
      | [dim: number, index: Tensor, src: Tensor | number | { readonly value: number }, options?: { readonly reduce?: 'add' | 'multiply' }]
      | [options: object]
  ): Tensor<S> {
    return family('scatter').scatter(this.self(), args);
  }

  scatter_(
    ...args:
      | [dim: number, index: Tensor, src: Tensor | number | { readonly value: number }, options?: { readonly reduce?: 'add' | 'multiply' }]
      | [options: object]
  ): this {
    family('scatter').scatter(this.self(), args, true);
    return this;
  }

  /** Adds the elements of `src` at `index` along `dim`. */
  scatterAdd(...args: [dim: number, index: Tensor, src: Tensor] | [options: object]): Tensor<S> {
    return family('scatter').scatterAdd(this.self(), args);
  }

  scatterAdd_(...args: [dim: number, index: Tensor, src: Tensor] | [options: object]): this {
    family('scatter').scatterAdd(this.self(), args, true);
    return this;
  }

  /** Elements of `src` at `index` along `dim`, joined with what is there and with one another. */
  scatterReduce(
    ...args:
      [dim: number, index: Tensor, src: Tensor, reduce: ScatterReduction, options?: { readonly includeSelf?: boolean }] | [options: object]
  ): Tensor<S> {
    return family('scatter').scatterReduce(this.self(), args);
  }

  scatterReduce_(
    ...args:
      [dim: number, index: Tensor, src: Tensor, reduce: ScatterReduction, options?: { readonly includeSelf?: boolean }] | [options: object]
  ): this {
    family('scatter').scatterReduce(this.self(), args, true);
    return this;
  }

  /** Adds slices of `source`, times `alpha`, at `index` along `dim`. */
  indexAdd(...args: [dim: number, index: Tensor, source: Tensor, options?: { readonly alpha?: number }] | [options: object]): Tensor<S> {
    return family('scatter').indexAdd(this.self(), args);
  }

  indexAdd_(...args: [dim: number, index: Tensor, source: Tensor, options?: { readonly alpha?: number }] | [options: object]): this {
    family('scatter').indexAdd(this.self(), args, true);
    return this;
  }

  /** Slices of `source` at `index` along `dim`. */
  indexCopy(...args: [dim: number, index: Tensor, source: Tensor] | [options: object]): Tensor<S> {
    return family('scatter').indexCopy(this.self(), args);
  }

  indexCopy_(...args: [dim: number, index: Tensor, source: Tensor] | [options: object]): this {
    family('scatter').indexCopy(this.self(), args, true);
    return this;
  }

  /** A number in all slices at `index` along `dim`. */
  indexFill(...args: [dim: number, index: Tensor, value: Tensor | number] | [options: object]): Tensor<S> {
    return family('scatter').indexFill(this.self(), args);
  }

  indexFill_(...args: [dim: number, index: Tensor, value: Tensor | number] | [options: object]): this {
    family('scatter').indexFill(this.self(), args, true);
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
    return family('scatter').indexReduce(this.self(), args);
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
    family('scatter').indexReduce(this.self(), args, true);
    return this;
  }

  /** Elements of `source` at indices of the flattened tensor. */
  put(...args: [index: Tensor, source: Tensor, options?: boolean | { readonly accumulate?: boolean }] | [options: object]): Tensor<S> {
    return family('scatter').put(this.self(), args);
  }

  put_(...args: [index: Tensor, source: Tensor, options?: boolean | { readonly accumulate?: boolean }] | [options: object]): this {
    family('scatter').put(this.self(), args, true);
    return this;
  }

  /** `values` at tensors of indices, which are broadcast together and pick element by element. */
  indexPut(
    ...args:
      [indices: readonly Tensor[], values: Tensor | number, options?: boolean | { readonly accumulate?: boolean }] | [options: object]
  ): Tensor<S> {
    return family('scatter').indexPut(this.self(), args);
  }

  indexPut_(
    ...args:
      [indices: readonly Tensor[], values: Tensor | number, options?: boolean | { readonly accumulate?: boolean }] | [options: object]
  ): this {
    family('scatter').indexPut(this.self(), args, true);
    return this;
  }

  /** Elements along `dim` at indices that broadcast with the input; without `dim`, of the flattened tensor. */
  takeAlongDim(...args: Call<[indices: Tensor, dim?: number], { indices: Tensor; dim: number }>): Tensor {
    return family('scatter').takeAlongDim(this.self(), args);
  }

  /** Elements of the flattened tensor at indices. */
  take(index: Tensor): Tensor {
    return family('scatter').take(this.self(), index);
  }

  /** The elements where a mask is true: a vector. */
  maskedSelect(mask: Tensor): Tensor<[number]> {
    return family('scatter').maskedSelect(this.self(), mask);
  }

  /** The elements of `source`, one after the other, where a mask is true. */
  maskedScatter(mask: Tensor, source: Tensor): Tensor {
    return family('scatter').maskedScatter(this.self(), mask, source);
  }

  maskedScatter_(mask: Tensor, source: Tensor): this {
    return written('maskedScatter_', this.self(), (from) => family('scatter').maskedScatter(from, mask, source));
  }

  // ---- elementwise

  /** The inverse of sinh. */
  asinh(): Tensor<S> {
    return family('pointwise').asinh(this.self());
  }

  /** The inverse of cosh. */
  acosh(): Tensor<S> {
    return family('pointwise').acosh(this.self());
  }

  /** The inverse of tanh. */
  atanh(): Tensor<S> {
    return family('pointwise').atanh(this.self());
  }

  /** 1 - erf(x) */
  erfc(): Tensor<S> {
    return family('pointwise').erfc(this.self());
  }

  /** What is behind the point. */
  frac(): Tensor<S> {
    return family('pointwise').frac(this.self());
  }

  /** sin(πx)/(πx) */
  sinc(): Tensor<S> {
    return family('pointwise').sinc(this.self());
  }

  /** Whether the sign bit is set. */
  signbit(): Tensor<S> {
    return family('pointwise').signbit(this.self());
  }

  /** Whether elements are ∞. */
  isposinf(): Tensor<S> {
    return family('pointwise').isposinf(this.self());
  }

  /** Whether elements are -∞. */
  isneginf(): Tensor<S> {
    return family('pointwise').isneginf(this.self());
  }

  asinh_(): this {
    return written('asinh_', this.self(), (from) => family('pointwise').asinh(from));
  }

  acosh_(): this {
    return written('acosh_', this.self(), (from) => family('pointwise').acosh(from));
  }

  atanh_(): this {
    return written('atanh_', this.self(), (from) => family('pointwise').atanh(from));
  }

  erfc_(): this {
    return written('erfc_', this.self(), (from) => family('pointwise').erfc(from));
  }

  frac_(): this {
    return written('frac_', this.self(), (from) => family('pointwise').frac(from));
  }

  sinc_(): this {
    return written('sinc_', this.self(), (from) => family('pointwise').sinc(from));
  }

  /** As {@link sign}. */
  sgn(): Tensor<S> {
    return this.self().sign();
  }

  /** The logarithm of the odds. */
  logit(...eps: Call<[eps?: number | null], { eps: number | null }>): Tensor<S> {
    return family('pointwise').logit(this.self(), ...eps);
  }

  /** NaN as 0, infinities as the largest and the smallest number, or as what is given. */
  nanToNum(...args: NanToNumArguments): Tensor<S> {
    return family('pointwise').nanToNum(this.self(), ...args);
  }

  nanToNum_(...args: NanToNumArguments): this {
    return written('nanToNum_', this.self(), (from) => family('pointwise').nanToNum(from, ...args));
  }

  /** The magnitude of this with the sign of another. */
  copysign(other: Tensor | number): Tensor {
    return family('pointwise').copysign(this.self(), other);
  }

  /** √(x² + y²) */
  hypot(other: Tensor): Tensor {
    return family('pointwise').hypot(this.self(), other);
  }

  /** x·log(y), and 0 where x is 0. */
  xlogy(other: Tensor | number): Tensor {
    return family('pointwise').xlogy(this.self(), other);
  }

  /** log(eˣ + eʸ) */
  logaddexp(other: Tensor): Tensor {
    return family('pointwise').logaddexp(this.self(), other);
  }

  /** log₂(2ˣ + 2ʸ) */
  logaddexp2(other: Tensor): Tensor {
    return family('pointwise').logaddexp2(this.self(), other);
  }

  /** 0 for negative numbers, 1 for positive ones, the other for 0. */
  heaviside(other: Tensor): Tensor {
    return family('pointwise').heaviside(this.self(), other);
  }

  /** x·2ʸ */
  ldexp(other: Tensor): Tensor {
    return family('pointwise').ldexp(this.self(), other);
  }

  /** The larger of two elements; of a number and NaN the number. */
  fmax(other: Tensor): Tensor {
    return family('pointwise').fmax(this.self(), other);
  }

  /** The smaller of two elements; of a number and NaN the number. */
  fmin(other: Tensor): Tensor {
    return family('pointwise').fmin(this.self(), other);
  }

  /** All bits moved up. */
  bitwiseLeftShift(other: Tensor | number): Tensor {
    return family('pointwise').bitwiseLeftShift(this.self(), other);
  }

  /** All bits moved down, keeping the sign. */
  bitwiseRightShift(other: Tensor | number): Tensor {
    return family('pointwise').bitwiseRightShift(this.self(), other);
  }

  /** this + weight·(end - this) */
  lerp(...args: LerpArguments): Tensor {
    return family('pointwise').lerp(this.self(), ...args);
  }

  lerp_(...args: LerpArguments): this {
    return written('lerp_', this.self(), (from) => family('pointwise').lerp(from, ...args));
  }

  /** Whether elements are within `atol + rtol·|other|` of each other. */
  isclose(other: Tensor, ...args: CloseArguments): Tensor {
    return family('pointwise').isclose(this.self(), other, ...args);
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
  nonzero(options: { readonly asTuple: true }): Tensor[];
  nonzero(): Tensor;
  nonzero(options?: { readonly asTuple: true }): Tensor | Tensor[] {
    return options === undefined ? family('picking').nonzero(this.self()) : family('picking').nonzero(this.self(), options);
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
    return family('draws').uniform_(this.self(), args);
  }

  /** Filled with numbers from N(mean, std²). */
  normal_(...args: Call<[mean?: number, std?: number], DrawOptions & { mean: number; std: number }>): this {
    return family('draws').normal_(this.self(), args);
  }

  /** Filled with numbers from the exponential distribution. */
  exponential_(...args: Call<[lambd?: number], DrawOptions & { lambd: number }>): this {
    return family('draws').exponential_(this.self(), args);
  }

  /** Filled with how many trials with the chance `p` it took until one succeeded. */
  geometric_(...args: Call<[p: number], DrawOptions & { p: number }>): this {
    return family('draws').geometric_(this.self(), args);
  }

  /** Filled with numbers from Cauchy's distribution, around `median` (0), as wide as `sigma` (1). */
  cauchy_(...args: Call<[median?: number, sigma?: number], DrawOptions & { median: number; sigma: number }>): this {
    return family('draws').cauchy_(this.self(), args);
  }

  /** Filled with numbers whose logarithms are from N(mean, std²), 1 and 2 by default. */
  logNormal_(...args: Call<[mean?: number, std?: number], DrawOptions & { mean: number; std: number }>): this {
    return family('draws').logNormal_(this.self(), args);
  }

  /** Filled with whole numbers from [from, to). */
  random_(
    ...args: Call<[from?: number | bigint, to?: number | bigint], DrawOptions & { from: number | bigint; to: number | bigint }>
  ): this {
    return family('draws').random_(this.self(), args);
  }

  /** Filled with ones with probability `p`, else zeros. */
  bernoulli_(...args: Call<[p?: number | Tensor], DrawOptions & { p: number | Tensor }>): this {
    return family('draws').bernoulli_(this.self(), args);
  }

  /** Ones where a draw is below the element, a probability. */
  bernoulli(...args: Call<[p?: number], DrawOptions & { p: number }>): Tensor<S> {
    return family('draws').bernoulli(this.self(), ...args);
  }

  /** Indices drawn with probabilities proportional to the elements. */
  multinomial(...args: MultinomialArguments): Tensor {
    return family('draws').multinomial(this.self(), ...args);
  }
}
