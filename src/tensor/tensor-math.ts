/**
 * A tensor's reductions, running sums and softmax. Each method names an operation; what it computes is in `ops/`. Arguments are
 * PyTorch's, by position or by name.
 */
import { BOOL, kind, NUMBER, orNull, refuseMore, requireKind, WHOLE, type OptionKinds } from '../base/arguments.ts';
import type { DType } from '../base/dtype.ts';
import { ArgumentError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { NO_ATTRS, dimParams } from '../geometry/attrs.ts';
import { reduceParams, scanParams, varianceParams, type DimsArg } from '../geometry/reduce.ts';
import { DIM_OR_DIMS, DTYPE } from './arguments.ts';
import { apply, apply1 } from './dispatch.ts';
import { isTensor } from './is-tensor.ts';
import type { CheckedFor, Shape, ShapeFor } from './shapes/dims.ts';
import type { DimArgument, ReduceShape } from './shapes/reduce.ts';
import type { Elementwise } from './tensor-arithmetic.ts';
import { TensorPointwise } from './tensor-pointwise.ts';
import type { Tensor } from './tensor.ts';
import { valuesAndIndices, type ValuesAndIndices } from './values-and-indices.ts';

export type { AlphaOptions, Beside, DivOptions, Elementwise } from './tensor-arithmetic.ts';
export type { Bound, Bounds } from './tensor-pointwise.ts';

export interface ReduceOptions<K extends boolean = boolean> {
  /** Keep reduced dimensions, with size 1. */
  readonly keepdim?: K;
}

export interface DTypeOption {
  /** Convert to this dtype first. */
  readonly dtype?: DType;
}

export interface SumOptions<K extends boolean = boolean> extends ReduceOptions<K>, DTypeOption {}

export interface VarianceOptions<K extends boolean = boolean> extends ReduceOptions<K> {
  /** What is subtracted from the count: 1 for the sample's variance (Bessel), 0 for the population's. */
  readonly correction?: number;
  /** PyTorch's older name: true is a correction of 1, false of 0. In place of `correction`. */
  readonly unbiased?: boolean;
}

/** Options of a reduction with the dimensions among them. */
export type Named<O, D> = O & { readonly dim?: D };

type ReduceName = 'sum' | 'mean' | 'prod' | 'amax' | 'amin' | 'any' | 'all' | 'argmax' | 'argmin' | 'logsumexp';

/** The dimensions of a reduction, or what is wrong with them. */
type Along<A, D, K> = CheckedFor<A, ReduceShape<A, D, K>, D>;
type Reduced<A, D, K> = Tensor<ShapeFor<A, ReduceShape<A, D, K>>>;

interface ReduceCall {
  dim?: DimsArg | null;
  keepdim?: boolean;
  dtype?: DType;
}

const ALL = reduceParams(undefined, false);
const DIM = { dim: orNull(DIM_OR_DIMS), keepdim: BOOL };
const ONE = { dim: orNull(WHOLE), keepdim: BOOL };
const reduction = (op: string, kinds: Partial<OptionKinds<ReduceCall>> = DIM, positional = 2) =>
  signature<ReduceCall>(op, kinds as OptionKinds<ReduceCall>, { positional, example: `${op}(1, true)` });
const REDUCTIONS = {
  sum: reduction('sum', { ...DIM, dtype: DTYPE }),
  mean: reduction('mean', { ...DIM, dtype: DTYPE }),
  prod: reduction('prod', { ...DIM, dtype: DTYPE }),
  amax: reduction('amax'),
  amin: reduction('amin'),
  any: reduction('any'),
  all: reduction('all'),
  logsumexp: reduction('logsumexp'),
  argmax: reduction('argmax', ONE),
  argmin: reduction('argmin', ONE),
};

const extreme = (op: 'max' | 'min') =>
  signature<{ dim: number; keepdim?: boolean }>(
    op,
    { dim: WHOLE, keepdim: BOOL },
    { required: 1, example: `${op}(1, true) for a dimension, ${op}(other) for two tensors` },
  );
const MAX = extreme('max');
const MIN = extreme('min');

const along = (op: string, positional: number) =>
  signature<{ dim: number; dtype?: DType }>(op, { dim: WHOLE, dtype: DTYPE }, { required: 1, positional });
const ALONG = { cumsum: along('cumsum', 1), softmax: along('softmax', 2), logSoftmax: along('logSoftmax', 2) };

interface VarianceCall {
  dim?: DimsArg | null;
  correction?: number;
  keepdim?: boolean;
  unbiased?: boolean;
}
const VARIANCE = { dim: orNull(DIM_OR_DIMS), correction: NUMBER, keepdim: BOOL, unbiased: BOOL };
const NOT_BOTH = kind('true or false, as unbiased', (value) => typeof value === 'boolean');

/** The call of `var` or `std`: (dim, { correction, keepdim }), or in PyTorch's older order (dim, unbiased, keepdim), (unbiased). */
export function varianceCall(
  op: string,
  args: readonly unknown[],
): { readonly dim: DimsArg | undefined; readonly keepdim: boolean; readonly correction: number } {
  const [first, second, third, more] = args;
  const older = typeof first === 'boolean' || typeof second === 'boolean';
  if (older && typeof first === 'boolean')
    refuseMore(
      op,
      args.slice(1).filter((value) => value !== undefined),
      'unbiased by itself, or behind the dimensions',
    );
  if (!older) {
    const table = signature<VarianceCall>(op, VARIANCE, { positional: 1, example: `${op}(0, { correction: 0 })` });
    const { dim, keepdim = false, unbiased, correction } = readCall<VarianceCall>(table, args);
    if (unbiased !== undefined && correction !== undefined)
      throw new ArgumentError(`${op}: unbiased and correction say the same; give one of them`);
    return { dim: dim ?? undefined, keepdim, correction: correction ?? Number(unbiased ?? true) };
  }
  if (typeof first === 'boolean') return { dim: undefined, keepdim: false, correction: Number(first) };
  const table = signature<{ dim?: DimsArg | null; unbiased?: boolean; keepdim?: boolean }>(op, {
    dim: orNull(DIM_OR_DIMS),
    unbiased: NOT_BOTH,
    keepdim: BOOL,
  });
  const {
    dim,
    unbiased,
    keepdim = false,
  } = readCall<{ dim?: DimsArg | null; unbiased?: boolean; keepdim?: boolean }>(table, [first, second, third, more]);
  return { dim: dim ?? undefined, keepdim, correction: Number(unbiased) };
}

export abstract class TensorMath<S extends Shape> extends TensorPointwise<S> {
  /** The sum of all elements, or along dimensions. Whole numbers and bools add up as int64; `dtype` converts first. */
  sum<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    keepdim?: K | SumOptions<K>,
    options?: SumOptions<K>,
  ): Reduced<A, D, K>;
  sum<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    options: Named<SumOptions<K>, D>,
  ): Reduced<A, D, K>;
  sum(dim?: unknown, keepdim?: unknown, more?: unknown): Tensor {
    return this.#reduce('sum', dim, keepdim, more);
  }

  /** The mean of all elements, or along dimensions; of whole numbers only with a `dtype`, which converts first. */
  mean<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    keepdim?: K | SumOptions<K>,
    options?: SumOptions<K>,
  ): Reduced<A, D, K>;
  mean<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    options: Named<SumOptions<K>, D>,
  ): Reduced<A, D, K>;
  mean(dim?: unknown, keepdim?: unknown, more?: unknown): Tensor {
    return this.#reduce('mean', dim, keepdim, more);
  }

  /** The product of all elements, or along a dimension. Whole numbers and bools multiply as int64; `dtype` converts first. */
  prod<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    keepdim?: K | SumOptions<K>,
    options?: SumOptions<K>,
  ): Reduced<A, D, K>;
  prod<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    options: Named<SumOptions<K>, D>,
  ): Reduced<A, D, K>;
  prod(dim?: unknown, keepdim?: unknown, more?: unknown): Tensor {
    return this.#reduce('prod', dim, keepdim, more);
  }

  /** The largest elements; equal ones share the gradient. */
  amax<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    keepdim?: K | ReduceOptions<K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  amax<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    options: Named<ReduceOptions<K>, D>,
  ): Reduced<A, D, K>;
  amax(dim?: unknown, keepdim?: unknown, more?: unknown): Tensor {
    return this.#reduce('amax', dim, keepdim, more);
  }

  /** The smallest elements; equal ones share the gradient. */
  amin<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    keepdim?: K | ReduceOptions<K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  amin<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    options: Named<ReduceOptions<K>, D>,
  ): Reduced<A, D, K>;
  amin(dim?: unknown, keepdim?: unknown, more?: unknown): Tensor {
    return this.#reduce('amin', dim, keepdim, more);
  }

  /** Whether any element is true. */
  any<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    keepdim?: K | ReduceOptions<K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  any<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    options: Named<ReduceOptions<K>, D>,
  ): Reduced<A, D, K>;
  any(dim?: unknown, keepdim?: unknown, more?: unknown): Tensor {
    return this.#reduce('any', dim, keepdim, more);
  }

  /** Whether all elements are true. */
  all<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    keepdim?: K | ReduceOptions<K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  all<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    options: Named<ReduceOptions<K>, D>,
  ): Reduced<A, D, K>;
  all(dim?: unknown, keepdim?: unknown, more?: unknown): Tensor {
    return this.#reduce('all', dim, keepdim, more);
  }

  /** The logarithm of the sum of exponentials, which does not overflow. */
  logsumexp<A extends Shape, const D extends DimsArg, K extends boolean = false>(
    this: Tensor<A>,
    dim: Along<A, D, K>,
    keepdim?: K | ReduceOptions<K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  logsumexp<A extends Shape, const D extends DimsArg, K extends boolean = false>(
    this: Tensor<A>,
    options: Named<ReduceOptions<K>, D>,
  ): Reduced<A, D, K>;
  logsumexp(dim?: unknown, keepdim?: unknown, more?: unknown): Tensor {
    return this.#reduce('logsumexp', dim, keepdim, more);
  }

  /** The variance, unbiased unless `correction` is 0. As in PyTorch's older signature, a boolean by position stands for `unbiased`. */
  var<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    options?: VarianceOptions<K>,
  ): Reduced<A, D, K>;
  var<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim: Along<A, D, K>,
    unbiased: boolean,
    keepdim?: K,
  ): Reduced<A, D, K>;
  var<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    options: Named<VarianceOptions<K>, D> | boolean,
  ): Reduced<A, D, K>;
  var(...args: readonly unknown[]): Tensor {
    const { dim, keepdim, correction } = varianceCall('var', args);
    return apply1('var', [this.self()], varianceParams(dim, keepdim, correction));
  }

  /** The standard deviation, from the unbiased variance unless `correction` is 0. As in PyTorch's older signature, a boolean by position stands for `unbiased`. */
  std<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    options?: VarianceOptions<K>,
  ): Reduced<A, D, K>;
  std<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim: Along<A, D, K>,
    unbiased: boolean,
    keepdim?: K,
  ): Reduced<A, D, K>;
  std<A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    options: Named<VarianceOptions<K>, D> | boolean,
  ): Reduced<A, D, K>;
  std(...args: readonly unknown[]): Tensor {
    const { dim, keepdim, correction } = varianceCall('std', args);
    return apply1('std', [this.self()], varianceParams(dim, keepdim, correction));
  }

  /** The largest element; along a dimension, with its index (the first of equals); or, beside a tensor, the larger of two. */
  max(): Tensor<[]>;
  max<A extends Shape, B extends Shape>(this: Tensor<A>, other: Tensor<B>): Elementwise<A, B>;
  max<A extends Shape, D extends number, K extends boolean = false>(
    this: Tensor<A>,
    dim: Along<A, D, K>,
    keepdim?: K | ReduceOptions<K>,
  ): ValuesAndIndices<ShapeFor<A, ReduceShape<A, D, K>>>;
  max<A extends Shape, D extends number, K extends boolean = false>(
    this: Tensor<A>,
    options: Required<Pick<Named<ReduceOptions<K>, D>, 'dim'>> & ReduceOptions<K>,
  ): ValuesAndIndices<ShapeFor<A, ReduceShape<A, D, K>>>;
  max(dim?: unknown, keepdim?: unknown, more?: unknown): Tensor | ValuesAndIndices {
    if (isTensor(dim)) {
      if (keepdim !== undefined) refuseMore('max', [keepdim], 'another tensor, or a dimension and keepdim');
      return apply1('maximum', [this.self(), dim], NO_ATTRS);
    }
    return dim === undefined && keepdim === undefined ? apply1('max', [this.self()], ALL) : this.#extreme('max', [dim, keepdim, more]);
  }

  /** The smallest element; along a dimension, with its index (the first of equals); or, beside a tensor, the smaller of two. */
  min(): Tensor<[]>;
  min<A extends Shape, B extends Shape>(this: Tensor<A>, other: Tensor<B>): Elementwise<A, B>;
  min<A extends Shape, D extends number, K extends boolean = false>(
    this: Tensor<A>,
    dim: Along<A, D, K>,
    keepdim?: K | ReduceOptions<K>,
  ): ValuesAndIndices<ShapeFor<A, ReduceShape<A, D, K>>>;
  min<A extends Shape, D extends number, K extends boolean = false>(
    this: Tensor<A>,
    options: Required<Pick<Named<ReduceOptions<K>, D>, 'dim'>> & ReduceOptions<K>,
  ): ValuesAndIndices<ShapeFor<A, ReduceShape<A, D, K>>>;
  min(dim?: unknown, keepdim?: unknown, more?: unknown): Tensor | ValuesAndIndices {
    if (isTensor(dim)) {
      if (keepdim !== undefined) refuseMore('min', [keepdim], 'another tensor, or a dimension and keepdim');
      return apply1('minimum', [this.self(), dim], NO_ATTRS);
    }
    return dim === undefined && keepdim === undefined ? apply1('min', [this.self()], ALL) : this.#extreme('min', [dim, keepdim, more]);
  }

  #extreme(op: 'max' | 'min', args: readonly unknown[]): ValuesAndIndices {
    const { dim, keepdim = false } = readCall<{ dim: number; keepdim?: boolean }>(op === 'max' ? MAX : MIN, args);
    const [values, indices] = apply(`${op}Dim`, [this.self()], reduceParams(dim, keepdim));
    return valuesAndIndices(op, values!, indices!);
  }

  /** The index of the largest element, of the flattened tensor or along a dimension. */
  argmax<A extends Shape, D extends number | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    keepdim?: K | ReduceOptions<K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  argmax<A extends Shape, D extends number | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    options: Named<ReduceOptions<K>, D>,
  ): Reduced<A, D, K>;
  argmax(dim?: unknown, keepdim?: unknown, more?: unknown): Tensor {
    return this.#reduce('argmax', dim, keepdim, more);
  }

  /** The index of the smallest element, of the flattened tensor or along a dimension. */
  argmin<A extends Shape, D extends number | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Along<A, D, K>,
    keepdim?: K | ReduceOptions<K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  argmin<A extends Shape, D extends number | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    options: Named<ReduceOptions<K>, D>,
  ): Reduced<A, D, K>;
  argmin(dim?: unknown, keepdim?: unknown, more?: unknown): Tensor {
    return this.#reduce('argmin', dim, keepdim, more);
  }

  /** Running sums along a dimension; `dtype` converts first. */
  cumsum<A extends Shape, D extends number>(this: Tensor<A>, dim: DimArgument<A, D>, options?: DTypeOption): Tensor<A>;
  cumsum(options: { readonly dim: number } & DTypeOption): Tensor<S>;
  cumsum(...args: readonly unknown[]): Tensor {
    const [x, dim, dtype] = this.#along('cumsum', args);
    const sums = apply1('cumsum', [x], scanParams(dim));
    return dtype === undefined ? sums : sums.to(dtype);
  }

  softmax<A extends Shape, D extends number>(this: Tensor<A>, dim: DimArgument<A, D>, dtype?: DType | DTypeOption): Tensor<A>;
  softmax(options: { readonly dim: number } & DTypeOption): Tensor<S>;
  softmax(...args: readonly unknown[]): Tensor {
    const [x, dim] = this.#along('softmax', args);
    return apply1('softmax', [x], dimParams(dim, 'softmax'));
  }

  logSoftmax<A extends Shape, D extends number>(this: Tensor<A>, dim: DimArgument<A, D>, dtype?: DType | DTypeOption): Tensor<A>;
  logSoftmax(options: { readonly dim: number } & DTypeOption): Tensor<S>;
  logSoftmax(...args: readonly unknown[]): Tensor {
    const [x, dim] = this.#along('logSoftmax', args);
    return apply1('logSoftmax', [x], dimParams(dim, 'logSoftmax'));
  }

  /** The tensor, in the dtype that was asked for, and the dimension. */
  #along(op: keyof typeof ALONG, args: readonly unknown[]): [x: Tensor, dim: number, dtype?: DType] {
    const [first] = args;
    if (args.length === 1 && typeof first === 'number') {
      if (!Number.isInteger(first)) requireKind(op, 'dim', first, WHOLE);
      return [this.self(), first];
    }
    const { dim, dtype } = readCall<{ dim: number; dtype?: DType }>(ALONG[op], args);
    return dtype === undefined ? [this.self(), dim] : [this.self().to(dtype), dim, dtype];
  }

  #reduce(name: ReduceName, dim: unknown, keepdim: unknown, more: unknown): Tensor {
    // By position, without a dtype, is what loops do: nothing is read for that.
    if (
      (typeof dim === 'number' || (dim === undefined && name !== 'logsumexp')) &&
      (keepdim === undefined || typeof keepdim === 'boolean') &&
      more === undefined
    ) {
      return this.#reduced(name, dim, keepdim ?? false);
    }
    const given = readCall<ReduceCall>(REDUCTIONS[name], [dim ?? undefined, keepdim, more]);
    if (name === 'logsumexp') requireKind(name, 'dim', given.dim, DIM_OR_DIMS);
    const x = given.dtype === undefined ? this : this.self().to(given.dtype);
    const result = x.#reduced(name, given.dim ?? undefined, given.keepdim ?? false);
    return given.dtype === undefined ? result : result.to(given.dtype);
  }

  #reduced(name: ReduceName, dim: DimsArg | undefined, keepdim: boolean): Tensor {
    if (typeof dim === 'number' && !Number.isInteger(dim)) requireKind(name, 'dim', dim, WHOLE);
    const x = name === 'logsumexp' && !this.isFloatingPoint() ? this.self().to('float32') : this.self();
    return apply1(name, [x], reduceParams(dim, keepdim));
  }
}
