/**
 * The shapes that reductions give (sum, mean, max, argmax, norm, softmax's denominators …): some or all dimensions go,
 * or stay as 1 with `keepdim`. Types only.
 *
 * https://pytorch.org/docs/stable/torch.html#reduction-ops
 */
import type { DimIndex, DropAt, Dynamic, IsDynamic, NoSuchDim, ReplaceAt, Shape } from './dims.ts';

/**
 * S reduced over `Dim` (a number, a list of numbers, or `undefined` for all dimensions). `Keep` is `keepdim`.
 */
export type ReduceShape<S, Dim = undefined, Keep = false> =
  IsDynamic<S> extends true
    ? Dynamic
    : boolean extends Keep
      ? Dynamic
      : Dim extends undefined | null | readonly []
        ? Keep extends true
          ? { -readonly [I in keyof S]: 1 }
          : []
        : IndicesOf<S, Dim> extends infer I
          ? '?' extends I
            ? Dynamic
            : '!' extends I
              ? NoSuchDim<S, BadDim<S, Dim>>
              : Keep extends true
                ? ReplaceAt<S, I, 1>
                : DropAt<S, I>
          : never;

// A scalar has the dimensions 0 and -1 to reduce, as a vector of one.
type IndicesOf<S, Dim> = EachIndex<S extends readonly [] ? [1] : S, Dim extends Shape ? Dim[number] : Dim>;

type EachIndex<S, Dim> = Dim extends unknown ? DimIndex<S, Dim> : never;

// The number (of a list) to name in the message.
type BadDim<S, Dim> = EachBad<S extends readonly [] ? [1] : S, Dim extends Shape ? Dim[number] : Dim>;
type EachBad<S, Dim> = Dim extends unknown ? (DimIndex<S, Dim> extends '!' ? Dim : never) : never;

/** The type of the argument `dim` of an operation along one dimension that keeps the shape (softmax, cumsum, sort). */
export type DimArgument<S, Dim> =
  IsDynamic<S> extends true ? Dim : DimIndex<S, Dim> extends '!' ? (S extends readonly [] ? Dim : NoSuchDim<S, Dim>['wrong']) : Dim;
