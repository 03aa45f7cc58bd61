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

/**
 * The methods with shape rules take the receiver's shape from `this` and not from the class's S. So S appears in `shape`
 * only (and in results that keep it), and `Tensor<[32, 10]>` is a `Tensor<[number, 10]>`; with S inside conditional types
 * the compiler would take the class for invariant.
 */
export declare class Tensor<S extends Shape = Dynamic> {
  readonly shape: S;
  size<A extends Shape, const D extends number>(this: Tensor<A>, dim: D): DimAt<A, D>;
  add<A extends Shape, B extends Shape = []>(
    this: Tensor<A>,
    other: number | Checked<Broadcast<A, B>, Tensor<B>>,
  ): Tensor<ResultShape<Broadcast<A, B>>>;
  matmul<A extends Shape, B extends Shape>(
    this: Tensor<A>,
    other: Checked<MatmulShape<A, B>, Tensor<B>>,
  ): Tensor<ResultShape<MatmulShape<A, B>>>;
  view<A extends Shape, const V extends readonly number[]>(
    this: Tensor<A>,
    ...sizes: ViewArguments<A, V>
  ): Tensor<ResultShape<ViewShape<A, V>>>;
  flatten<A extends Shape, From extends number = 0, To extends number = -1>(
    this: Tensor<A>,
    start?: Checked<FlattenShape<A, From, To>, From>,
    end?: To,
  ): Tensor<ResultShape<FlattenShape<A, From, To>>>;
  permute<A extends Shape, const D extends readonly number[]>(
    this: Tensor<A>,
    ...dims: PermuteArguments<A, D>
  ): Tensor<ResultShape<PermuteShape<A, D>>>;
  transpose<A extends Shape, D extends number, E extends number>(
    this: Tensor<A>,
    dim0: Checked<TransposeShape<A, D, E>, D>,
    dim1: E,
  ): Tensor<ResultShape<TransposeShape<A, D, E>>>;
  t<A extends Shape>(this: Tensor<A>): Tensor<ResultShape<TShape<A>>>;
  unsqueeze<A extends Shape, D extends number>(
    this: Tensor<A>,
    dim: Checked<UnsqueezeShape<A, D>, D>,
  ): Tensor<ResultShape<UnsqueezeShape<A, D>>>;
  squeeze<A extends Shape, D extends number | undefined = undefined>(
    this: Tensor<A>,
    dim?: Checked<SqueezeShape<A, D>, D>,
  ): Tensor<ResultShape<SqueezeShape<A, D>>>;
  select<A extends Shape, D extends number>(
    this: Tensor<A>,
    dim: Checked<SelectShape<A, D>, D>,
    index: number,
  ): Tensor<ResultShape<SelectShape<A, D>>>;
  sum<A extends Shape, const D extends number | readonly number[] | undefined = undefined, K extends boolean = false>(
    this: Tensor<A>,
    dim?: Checked<ReduceShape<A, D, K>, D>,
    options?: { readonly keepdim?: K },
  ): Tensor<ResultShape<ReduceShape<A, D, K>>>;
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
