/**
 * Shape rules of the operations that only look at the elements in another way: view and reshape (with -1), flatten,
 * permute, transpose, unsqueeze, squeeze, expand, select, narrow. Types only.
 *
 * https://pytorch.org/docs/stable/tensor_view.html
 */
import type { Divide, Multiply, Product, Remainder, TextOf } from './arithmetic.ts';
import type {
  CheckedEachFor,
  DimIndex,
  DropAt,
  Dynamic,
  InsertAt,
  IsDynamic,
  Mutable,
  NoSuchDim,
  ReplaceAt,
  Same,
  Shape,
  Show,
  Sizes,
  Wrong,
} from './dims.ts';
import type { CannotExpand, CannotView, NotAPermutation, StartAfterEnd } from './messages.ts';

// ---------------------------------------------------------------------------------------------- view, reshape

/**
 * `x.view(…sizes)` and `reshape`: S read as the sizes V, of which one may be -1. A generic batch size `N` gets through
 * `view(-1, 400)` where 400 is the size of a sample, and through `view(x.size(0), -1)`. (There `number` is taken to be
 * the same batch on both sides, too.)
 */
export type ViewShape<S, V> =
  IsDynamic<V> extends true
    ? Dynamic
    : IsDynamic<S> extends true
      ? FillIn<V, number>
      : [S, V] extends [readonly [infer S0, ...infer RestS], readonly [infer V0, ...infer RestV]]
        ? HasHole<RestV> extends true
          ? Sizes<V0, S0> extends Sizes<S0, V0>
            ? ViewSample<S0, RestS, RestV, S, V>
            : ViewAll<S, V>
          : KnownEqual<Product<RestV>, Product<RestS>> extends true
            ? readonly [V0] extends One<S0 | -1>
              ? [S0, ...RestV]
              : ViewAll<S, V>
            : readonly [V0] extends One<-1>
              ? ViewMerged<S0, RestS, RestV, S, V>
              : ViewAll<S, V>
        : ViewAll<S, V>;

/** The type of the arguments of `view`: V, or the message in the place of each. */
export type ViewArguments<S, V> = CheckedEachFor<S, ViewShape<S, V>, V>;

// An object type, because a condition on a bare type parameter would wait for it.
type One<T> = readonly [T];

type KnownEqual<A, B> = TextOf<A> extends '?' ? false : TextOf<A> extends TextOf<B> ? true : false;

type HasHole<V> = V extends readonly [infer First, ...infer Rest] ? (First extends -1 ? true : HasHole<Rest>) : false;

type FillIn<V, Size> = { -readonly [I in keyof V]: V[I] extends -1 ? Size : V[I] };

type KnownOf<V, Done extends Shape = []> = V extends readonly [infer First, ...infer Rest]
  ? KnownOf<Rest, First extends -1 ? Done : [...Done, First]>
  : Done;

type NoView<S, V> = Wrong<CannotView<Show<S>, TextOf<Product<S>>, ShowTarget<V>>>;

type ShowTarget<V, Done extends string = ''> = V extends readonly [infer First, ...infer Rest]
  ? ShowTarget<Rest, `${Done}${Done extends '' ? '' : '×'}${First extends -1 ? '-1' : TextOf<First>}`>
  : Done extends ''
    ? 'a scalar'
    : Done;

// The first size stays, and the -1 is among the others.
type ViewSample<S0, RestS, RestV, S, V> =
  Hole<Product<RestS>, KnownOf<RestV>> extends infer Size
    ? [Size] extends [never]
      ? NoView<S, V>
      : [S0, ...Extract<FillIn<RestV, Size>, Shape>]
    : never;

// What -1 stands for when the other sizes are Known; `never` when they do not divide the count.
type Hole<Count, Known> =
  Product<Known> extends infer Rest
    ? Remainder<Count, Rest> extends infer Left
      ? Same<Left, 0> extends true
        ? Divide<Count, Rest>
        : never
      : never
    : never;

// The first size is -1, and the others are another division of a sample: 8×4×16 as -1×32.
type ViewMerged<S0, RestS extends Shape, RestV extends Shape, S, V> =
  Remainder<Product<RestS>, Product<RestV>> extends 0 ? [Multiply<S0, Divide<Product<RestS>, Product<RestV>>>, ...RestV] : ViewAll<S, V>;

type ViewAll<S, V> =
  HasHole<V> extends true
    ? Hole<Product<S>, KnownOf<V>> extends infer Size
      ? [Size] extends [never]
        ? NoView<S, V>
        : FillIn<V, Size>
      : never
    : [Product<S>, Product<V>] extends [infer Count, infer Wanted]
      ? Same<Count, Wanted> extends true
        ? Mutable<V>
        : NoView<S, V>
      : never;

// ---------------------------------------------------------------------------------------------- flatten

/** `x.flatten(start, end)`: the dimensions from Start to End become one. The layer `Flatten` has Start 1. */
export type FlattenShape<S, Start = 0, End = -1> =
  IsDynamic<S> extends true
    ? Dynamic
    : S extends readonly []
      ? [1]
      : [DimIndex<S, Start>, DimIndex<S, End>] extends [infer A, infer B]
        ? '?' extends A | B
          ? Dynamic
          : '!' extends A
            ? NoSuchDim<S, Start>
            : '!' extends B
              ? NoSuchDim<S, End>
              : FlattenFrom<S, A, B>
        : never;

type FlattenFrom<S, Start, End, Before extends Shape = []> = S extends readonly [infer First, ...infer Rest]
  ? `${Before['length']}` extends Start
    ? FlattenTo<S, End, Before>
    : FlattenFrom<Rest, Start, End, [...Before, First]>
  : never;

type FlattenTo<S, End, Before extends Shape, Middle extends Shape = []> = S extends readonly [infer First, ...infer Rest]
  ? `${[...Before, ...Middle]['length'] & number}` extends End
    ? [...Before, Product<[...Middle, First]>, ...Rest]
    : FlattenTo<Rest, End, Before, [...Middle, First]>
  : Wrong<StartAfterEnd>;

// ---------------------------------------------------------------------------------------------- order of dimensions

/** `x.permute(…dims)` */
export type PermuteShape<S, Dims extends readonly number[]> =
  IsDynamic<S> extends true
    ? Dynamic
    : IsDynamic<Dims> extends true
      ? Dynamic
      : { [I in keyof Dims]: DimIndex<S, Dims[I]> } extends infer Indices extends readonly string[]
        ? '?' extends Indices[number]
          ? Dynamic
          : '!' extends Indices[number]
            ? NoSuchDim<S, FirstBad<S, Dims>>
            : Dims['length'] extends (S & Shape)['length']
              ? [Exclude<IndexOf<S>, Indices[number]>] extends [never]
                ? { -readonly [I in keyof Dims]: S[DimIndex<S, Dims[I]> & keyof S] }
                : Wrong<NotAPermutation<ShowDims<Dims>, (S & Shape)['length']>>
              : Wrong<NotAPermutation<ShowDims<Dims>, (S & Shape)['length']>>
        : never;

/** The type of the arguments of `permute`. */
export type PermuteArguments<S, Dims extends readonly number[]> = CheckedEachFor<S, PermuteShape<S, Dims>, Dims>;

type FirstBad<S, Dims> = Dims extends readonly [infer First, ...infer Rest]
  ? DimIndex<S, First> extends '!'
    ? First
    : FirstBad<S, Rest>
  : never;

type IndexOf<S> = Extract<keyof S, `${number}`>;

type ShowDims<Dims, Done extends string = ''> = Dims extends readonly [infer First extends number, ...infer Rest]
  ? ShowDims<Rest, `${Done}${Done extends '' ? '' : ', '}${First}`>
  : Done;

/** `x.transpose(a, b)` */
export type TransposeShape<S, A, B> =
  IsDynamic<S> extends true
    ? Dynamic
    : [DimIndex<S, A>, DimIndex<S, B>] extends [infer I, infer J]
      ? '?' extends I | J
        ? Dynamic
        : '!' extends I
          ? NoSuchDim<S, A>
          : '!' extends J
            ? NoSuchDim<S, B>
            : { -readonly [K in keyof S]: K extends I ? S[J & keyof S] : K extends J ? S[I & keyof S] : S[K] }
      : never;

/** `x.t()`: a matrix transposed; vectors and scalars stay. */
export type TShape<S> = S extends readonly [infer Rows, infer Columns] ? [Columns, Rows] : S;

// ---------------------------------------------------------------------------------------------- sizes of one

/** `x.unsqueeze(dim)`: a size of 1 put in; `dim` may be the number of dimensions. */
export type UnsqueezeShape<S, Dim> =
  IsDynamic<S> extends true
    ? Dynamic
    : DimIndex<[...Extract<S, Shape>, 1], Dim> extends infer I
      ? I extends '?'
        ? Dynamic
        : I extends '!'
          ? NoSuchDim<S, Dim>
          : InsertAt<S, I, 1>
      : never;

/** `x.squeeze(dim)`: dimension `dim` taken out if its size is 1; without `dim`, all of them. */
export type SqueezeShape<S, Dim = undefined> =
  IsDynamic<S> extends true
    ? Dynamic
    : Dim extends undefined
      ? SqueezeAll<S>
      : DimIndex<S, Dim> extends infer I
        ? I extends '?'
          ? Dynamic
          : I extends '!'
            ? S extends readonly []
              ? []
              : NoSuchDim<S, Dim>
            : S[I & keyof S] extends 1
              ? DropAt<S, I>
              : number extends S[I & keyof S]
                ? Dynamic
                : Mutable<S>
        : never;

type SqueezeAll<S, Kept extends Shape = []> = S extends readonly [infer First, ...infer Rest]
  ? First extends 1
    ? SqueezeAll<Rest, Kept>
    : number extends First
      ? Dynamic
      : SqueezeAll<Rest, [...Kept, First]>
  : Kept;

/** `x.expand(…sizes)`: sizes of 1 become V's, -1 leaves a size alone, new dimensions come in front. */
export type ExpandShape<S, V> =
  IsDynamic<V> extends true
    ? Dynamic
    : IsDynamic<S> extends true
      ? FillIn<V, number>
      : ExpandFromTheRight<S, V> extends infer Result
        ? [Result] extends [never]
          ? Wrong<CannotExpand<Show<S>, ShowTarget<V>>>
          : Result
        : never;

/** The type of the arguments of `expand`. */
export type ExpandArguments<S, V> = CheckedEachFor<S, ExpandShape<S, V>, V>;

type ExpandFromTheRight<S, V, Done extends Shape = []> = S extends readonly [...infer RestS, infer SizeS]
  ? V extends readonly [...infer RestV, infer SizeV]
    ? SizeV extends -1
      ? ExpandFromTheRight<RestS, RestV, [SizeS, ...Done]>
      : SizeS extends 1
        ? ExpandFromTheRight<RestS, RestV, [SizeV, ...Done]>
        : Same<SizeS, SizeV> extends true
          ? ExpandFromTheRight<RestS, RestV, [SizeV, ...Done]>
          : never
    : never
  : HasHole<V> extends true
    ? never
    : [...Extract<V, Shape>, ...Done];

// ---------------------------------------------------------------------------------------------- parts

/** `x.select(dim, index)`: the dimension is gone. */
export type SelectShape<S, Dim> = AtDim<S, Dim> extends infer I ? (I extends string ? DropAt<S, I> : I) : never;

/** `x.narrow(dim, start, length)`, `indexSelect`: the dimension has another size. */
export type ResizeShape<S, Dim, Size> = AtDim<S, Dim> extends infer I ? (I extends string ? ReplaceAt<S, I, Size> : I) : never;

type AtDim<S, Dim> =
  IsDynamic<S> extends true
    ? Dynamic
    : DimIndex<S, Dim> extends infer I
      ? I extends '?'
        ? Dynamic
        : I extends '!'
          ? NoSuchDim<S, Dim>
          : I
      : never;
