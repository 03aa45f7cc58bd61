/**
 * What the type tests share: exact equality of types, and a stand-in for the tensor whose methods have the signatures that
 * the shape rules are made for. Everything is declared only: these files are compiled and never run.
 */
import type {
  Broadcast,
  CatShape,
  Checked,
  DimAt,
  Dynamic,
  FlattenShape,
  LinearShape,
  MatmulShape,
  PermuteArguments,
  PermuteShape,
  ReduceShape,
  ResultShape,
  SelectShape,
  Shape,
  ShapesOf,
  SqueezeShape,
  StackShape,
  TransposeShape,
  TShape,
  UnsqueezeShape,
  ViewArguments,
  ViewShape,
} from '../../src/tensor/shapes/index.ts';

/** True only if A and B are the same type: `any` equals nothing else, `readonly` and optional count. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** `is<A, B>()` compiles only if A and B are the same type. */
export declare function is<A, B>(...same: Equal<A, B> extends true ? [] : [expected: B, butIs: A]): void;

/** The shape of a value's type. */
export type ShapeOf<T> = T extends { readonly shape: infer S } ? S : never;

/** `has(x).shape<[8, 3]>()` compiles only if x is a tensor of exactly that shape. */
export declare function has<T>(value: T): {
  shape<S>(...same: Equal<ShapeOf<T>, S> extends true ? [] : [expected: S, butIs: ShapeOf<T>]): void;
};

export declare class Tensor<S extends Shape = Dynamic> {
  readonly shape: S;
  size<const D extends number>(dim: D): DimAt<S, D>;
  add<T extends Shape = []>(other: number | Checked<Broadcast<S, T>, Tensor<T>>): Tensor<ResultShape<Broadcast<S, T>>>;
  matmul<T extends Shape>(other: Checked<MatmulShape<S, T>, Tensor<T>>): Tensor<ResultShape<MatmulShape<S, T>>>;
  view<const V extends readonly number[]>(...sizes: ViewArguments<S, V>): Tensor<ResultShape<ViewShape<S, V>>>;
  flatten<A extends number = 0, B extends number = -1>(
    start?: Checked<FlattenShape<S, A, B>, A>,
    end?: B,
  ): Tensor<ResultShape<FlattenShape<S, A, B>>>;
  permute<const D extends readonly number[]>(...dims: PermuteArguments<S, D>): Tensor<ResultShape<PermuteShape<S, D>>>;
  transpose<A extends number, B extends number>(
    a: Checked<TransposeShape<S, A, B>, A>,
    b: B,
  ): Tensor<ResultShape<TransposeShape<S, A, B>>>;
  t(): Tensor<TShape<S>>;
  unsqueeze<D extends number>(dim: Checked<UnsqueezeShape<S, D>, D>): Tensor<ResultShape<UnsqueezeShape<S, D>>>;
  squeeze<D extends number | undefined = undefined>(
    dim?: Checked<SqueezeShape<S, D>, D>,
  ): Tensor<ResultShape<SqueezeShape<S, D>>>;
  select<D extends number>(dim: Checked<SelectShape<S, D>, D>, index: number): Tensor<ResultShape<SelectShape<S, D>>>;
  sum<const D extends number | readonly number[] | undefined = undefined, K extends boolean = false>(
    dim?: Checked<ReduceShape<S, D, K>, D>,
    options?: { readonly keepdim?: K },
  ): Tensor<ResultShape<ReduceShape<S, D, K>>>;
  relu(): Tensor<S>;
}

export declare function randn<const S extends number[]>(...sizes: S): Tensor<S>;
export declare function relu<S extends Shape>(x: Tensor<S>): Tensor<S>;
export declare function linear<S extends Shape, O extends number, I extends number>(
  x: Checked<LinearShape<S, I, O, 'linear'>, Tensor<S>>,
  weight: Tensor<[O, I]>,
): Tensor<ResultShape<LinearShape<S, I, O, 'linear'>>>;
export declare function cat<const T extends readonly Tensor[], const D extends number = 0>(
  tensors: Checked<CatShape<ShapesOf<T>, D>, T>,
  dim?: D,
): Tensor<ResultShape<CatShape<ShapesOf<T>, D>>>;
export declare function stack<const T extends readonly Tensor[], const D extends number = 0>(
  tensors: Checked<StackShape<ShapesOf<T>, D>, T>,
  dim?: D,
): Tensor<ResultShape<StackShape<ShapesOf<T>, D>>>;
