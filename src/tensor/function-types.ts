/**
 * Types of tensor methods as functions (`as-functions.ts`): the shapes of results, and a message in place of an argument that does not fit, as the
 * methods have them. A type cannot be made of a generic method's, so each kind is written down once more.
 */
/* eslint-disable @typescript-eslint/unified-signatures -- of a union of positions and names, compilers infer neither's numbers */
import type { DType } from '../base/dtype.ts';
import type { DimsArg } from '../geometry/reduce.ts';
import type { CheckedFor, Shape, ShapeFor, ShapeOnceKnown } from './shapes/dims.ts';
import type { MatmulShape } from './shapes/matmul.ts';
import type { DimArgument, ReduceShape } from './shapes/reduce.ts';
import type { FlattenShape, PermuteShape, ResizeShape, SelectShape, SqueezeShape, TransposeShape, TShape, UnsqueezeShape, ViewShape } from './shapes/view.ts'; // prettier-ignore
import type { Beside, DTypeOption, Elementwise, Named, ReduceOptions, VarianceOptions } from './tensor-math.ts';
import type { Count } from './tensor-shape-methods.ts';
import type { Tensor } from './tensor.ts';
import type { ValuesAndIndices } from './values-and-indices.ts';

type Along<A, D, K> = CheckedFor<A, ReduceShape<A, D, K>, D>;
type Reduced<A, D, K> = Tensor<ShapeFor<A, ReduceShape<A, D, K>>>;

/** Where the shape stays. */
export type Pointwise = <T extends Tensor>(x: T) => T;

/** Where the shape stays, with the arguments of a method that has one signature. */
export type Kept<K extends 'clamp' | 'clampMax' | 'clampMin' | 'maskedFill' | 'round'> = <A extends Shape>(
  x: Tensor<A>,
  ...args: Parameters<Tensor[K]>
) => Tensor<A>;

/** Of two operands that broadcast, or a tensor and a number. `More` is what may follow. */
export interface OfTwo<More extends readonly unknown[] = []> {
  <A extends Shape, B extends Shape = []>(x: Tensor<A>, other: Beside<A, B> | number, ...more: More): Elementwise<A, B>;
}

/** `OfTwo`, with a number in front of a tensor, too. */
export interface NumberFirst<More extends readonly unknown[] = []> extends OfTwo<More> {
  <S extends Shape>(x: number, other: Tensor<S>, ...more: More): Tensor<S>;
}

/** Of two tensors that broadcast. */
export interface OfTensors {
  <A extends Shape, B extends Shape>(x: Tensor<A>, other: Beside<A, B>): Elementwise<A, B>;
}

/** Over some dimensions, or all. `More` are the options beside `keepdim`. */
export interface Reduction<More = unknown> {
  <A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    x: Tensor<A>,
    dim?: Along<A, D, K>,
    keepdim?: K | (ReduceOptions<K> & More),
    options?: ReduceOptions<K> & More,
  ): Reduced<A, D, K>;
  <A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    x: Tensor<A>,
    options: Named<ReduceOptions<K> & More, D>,
  ): Reduced<A, D, K>;
}

/** `var` and `std`. */
export interface Variance {
  <A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    x: Tensor<A>,
    dim?: Along<A, D, K>,
    options?: VarianceOptions<K>,
  ): Reduced<A, D, K>;
  <A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    x: Tensor<A>,
    dim: Along<A, D, K>,
    unbiased: boolean,
    keepdim?: K,
  ): Reduced<A, D, K>;
  <A extends Shape, const D extends DimsArg | undefined = undefined, K extends boolean = false>(
    x: Tensor<A>,
    options: Named<VarianceOptions<K>, D> | boolean,
  ): Reduced<A, D, K>;
}

/** The place of an extreme: over one dimension, or all. */
export interface Place {
  <A extends Shape, D extends number | undefined = undefined, K extends boolean = false>(
    x: Tensor<A>,
    dim?: Along<A, D, K>,
    keepdim?: K | ReduceOptions<K>,
    options?: ReduceOptions<K>,
  ): Reduced<A, D, K>;
  <A extends Shape, D extends number | undefined = undefined, K extends boolean = false>(
    x: Tensor<A>,
    options: Named<ReduceOptions<K>, D>,
  ): Reduced<A, D, K>;
}

/** `max` and `min`. */
export interface Extreme {
  (x: Tensor): Tensor<[]>;
  <A extends Shape, B extends Shape>(x: Tensor<A>, other: Tensor<B>): Elementwise<A, B>;
  <A extends Shape, D extends number, K extends boolean = false>(
    x: Tensor<A>,
    dim: Along<A, D, K>,
    keepdim?: K | ReduceOptions<K>,
  ): ValuesAndIndices<ShapeFor<A, ReduceShape<A, D, K>>>;
  <A extends Shape, D extends number, K extends boolean = false>(
    x: Tensor<A>,
    options: Required<Pick<Named<ReduceOptions<K>, D>, 'dim'>> & ReduceOptions<K>,
  ): ValuesAndIndices<ShapeFor<A, ReduceShape<A, D, K>>>;
}

/** Along a dimension; the shape stays. */
export interface AlongOne<Last = DType | DTypeOption> {
  <A extends Shape, D extends number>(x: Tensor<A>, dim: DimArgument<A, D>, dtype?: Last): Tensor<A>;
  <A extends Shape>(x: Tensor<A>, options: { readonly dim: number } & DTypeOption): Tensor<A>;
}

export interface MatrixProduct {
  <A extends Shape, B extends Shape>(
    x: Tensor<A>,
    other: CheckedFor<A, MatmulShape<A, B>, Tensor<B>>,
  ): Tensor<ShapeFor<A, MatmulShape<A, B>>>;
}

export interface Flatten {
  <A extends Shape, From extends number = 0, To extends number = -1>(
    x: Tensor<A>,
    startDim?: CheckedFor<A, FlattenShape<A, From, To>, From>,
    endDim?: To,
  ): Tensor<ShapeFor<A, FlattenShape<A, From, To>>>;
  <A extends Shape, From extends number = 0, To extends number = -1>(
    x: Tensor<A>,
    options: { readonly startDim?: From; readonly endDim?: To },
  ): Tensor<ShapeFor<A, FlattenShape<A, From, To>>>;
}

/** `ravel`. */
export type Raveled = <A extends Shape>(x: Tensor<A>) => Tensor<ShapeFor<A, FlattenShape<A>>>;

export interface Reshape {
  <A extends Shape, const V extends readonly number[]>(
    x: Tensor<A>,
    shape: CheckedFor<A, ViewShape<A, V>, V>,
  ): Tensor<ShapeOnceKnown<A, ViewShape<A, V>>>;
  <A extends Shape, const V extends readonly number[]>(
    x: Tensor<A>,
    call: { readonly shape: V } & CheckedFor<A, ViewShape<A, V>, unknown>,
  ): Tensor<ShapeOnceKnown<A, ViewShape<A, V>>>;
}

export interface Permute {
  <A extends Shape, const D extends readonly number[]>(
    x: Tensor<A>,
    dims: CheckedFor<A, PermuteShape<A, D>, D>,
  ): Tensor<ShapeFor<A, PermuteShape<A, D>>>;
  <A extends Shape, const D extends readonly number[]>(
    x: Tensor<A>,
    call: { readonly dims: D } & CheckedFor<A, PermuteShape<A, D>, unknown>,
  ): Tensor<ShapeFor<A, PermuteShape<A, D>>>;
}

export interface Transpose {
  <A extends Shape, D extends number, E extends number>(
    x: Tensor<A>,
    dim0: CheckedFor<A, TransposeShape<A, D, E>, D>,
    dim1: E | { readonly dim1: E },
  ): Tensor<ShapeFor<A, TransposeShape<A, D, E>>>;
  <A extends Shape, D extends number, E extends number>(
    x: Tensor<A>,
    call: { readonly dim0: D; readonly dim1: E } & CheckedFor<A, TransposeShape<A, D, E>, unknown>,
  ): Tensor<ShapeFor<A, TransposeShape<A, D, E>>>;
}

/** `t`. */
export type Transposed = <A extends Shape>(x: Tensor<A>) => Tensor<ShapeFor<A, TShape<A>>>;

export interface Unsqueeze {
  <A extends Shape, D extends number>(x: Tensor<A>, dim: CheckedFor<A, UnsqueezeShape<A, D>, D>): Tensor<ShapeFor<A, UnsqueezeShape<A, D>>>;
  <A extends Shape, D extends number>(
    x: Tensor<A>,
    call: { readonly dim: D } & CheckedFor<A, UnsqueezeShape<A, D>, unknown>,
  ): Tensor<ShapeFor<A, UnsqueezeShape<A, D>>>;
}

export interface Squeeze {
  <A extends Shape, D extends number | undefined = undefined>(
    x: Tensor<A>,
    dim?: CheckedFor<A, SqueezeShape<A, D>, D>,
  ): Tensor<ShapeFor<A, SqueezeShape<A, D>>>;
  <A extends Shape, D extends number>(
    x: Tensor<A>,
    call: { readonly dim: D } & CheckedFor<A, SqueezeShape<A, D>, unknown>,
  ): Tensor<ShapeFor<A, SqueezeShape<A, D>>>;
  (x: Tensor, dims: readonly number[] | { readonly dim: readonly number[] }): Tensor;
}

export interface Narrow {
  <A extends Shape, D extends number, L extends number>(
    x: Tensor<A>,
    dim: CheckedFor<A, ResizeShape<A, D, L>, D>,
    start: number,
    length: L | { readonly length: L },
  ): Tensor<ShapeFor<A, ResizeShape<A, D, L>>>;
  <A extends Shape, D extends number, L extends number>(
    x: Tensor<A>,
    dim: CheckedFor<A, ResizeShape<A, D, L>, D>,
    call: { readonly start: number; readonly length: L },
  ): Tensor<ShapeFor<A, ResizeShape<A, D, L>>>;
  <A extends Shape, D extends number, L extends number>(
    x: Tensor<A>,
    call: { readonly dim: D; readonly start: number; readonly length: L } & CheckedFor<A, ResizeShape<A, D, L>, unknown>,
  ): Tensor<ShapeFor<A, ResizeShape<A, D, L>>>;
}

export interface Select {
  <A extends Shape, D extends number>(
    x: Tensor<A>,
    dim: CheckedFor<A, SelectShape<A, D>, D>,
    index: number | { readonly index: number },
  ): Tensor<ShapeFor<A, SelectShape<A, D>>>;
  <A extends Shape, D extends number>(
    x: Tensor<A>,
    call: { readonly dim: D; readonly index: number } & CheckedFor<A, SelectShape<A, D>, unknown>,
  ): Tensor<ShapeFor<A, SelectShape<A, D>>>;
}

export interface IndexSelect {
  <A extends Shape, D extends number, I extends Shape>(
    x: Tensor<A>,
    dim: CheckedFor<A, ResizeShape<A, D, Count<I>>, D>,
    index: Tensor<I> | { readonly index: Tensor<I> },
  ): Tensor<ShapeFor<A, ResizeShape<A, D, Count<I>>>>;
  <A extends Shape, D extends number, I extends Shape>(
    x: Tensor<A>,
    call: { readonly dim: D; readonly index: Tensor<I> } & CheckedFor<A, ResizeShape<A, D, Count<I>>, unknown>,
  ): Tensor<ShapeFor<A, ResizeShape<A, D, Count<I>>>>;
}

export interface Gather {
  <I extends Shape>(x: Tensor, dim: number, index: Tensor<I> | { readonly index: Tensor<I> }): Tensor<I>;
  <I extends Shape>(x: Tensor, call: { readonly dim: number; readonly index: Tensor<I> }): Tensor<I>;
}
