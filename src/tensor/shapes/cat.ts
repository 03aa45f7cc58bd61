/**
 * Shape rules of putting tensors together: cat along a dimension, stack along a new one. Types only.
 *
 * https://pytorch.org/docs/stable/generated/torch.cat.html
 */
import type { Add } from './arithmetic.ts';
import type { DimIndex, DropAt, Dynamic, InsertAt, IsDynamic, NoSuchDim, ReplaceAt, SameShape, Shape, Show, Wrong } from './dims.ts';
import type { CannotJoin } from './messages.ts';

/** Anything with a shape: what the rules need to know of a tensor. */
export interface Shaped<S = unknown> {
  readonly shape: S;
}

/** The shapes of a tuple of tensors. */
export type ShapesOf<Tensors> = { [I in keyof Tensors]: Tensors[I] extends Shaped<infer S> ? S : Dynamic };

/** `cat(tensors, dim)` for a tuple of shapes: the sizes along `dim` add up, the others agree. */
export type CatShape<Shapes, Dim = 0> =
  IsDynamic<Shapes> extends true
    ? Dynamic
    : Shapes extends readonly [infer First, ...infer Rest]
      ? IsDynamic<First> extends true
        ? Dynamic
        : [First, Rest] extends [Nothing, readonly [unknown, ...unknown[]]]
          ? CatShape<Rest, Dim>
          : DimIndex<First, Dim> extends infer I
            ? I extends '?'
              ? Dynamic
              : I extends '!'
                ? NoSuchDim<First, Dim>
                : CatAll<First, Rest, I>
            : never
      : Dynamic;

/** A tensor that is passed over. */
type Nothing = readonly [0];

type CatAll<Sum, Rest, I> = Rest extends readonly [infer Next, ...infer More]
  ? IsDynamic<Next> extends true
    ? Dynamic
    : SameButAt<Sum, Next, I> extends true
      ? CatAll<ReplaceAt<Sum, I, Add<Sum[I & keyof Sum], Next[I & keyof Next]>>, More, I>
      : Next extends Nothing
        ? CatAll<Sum, More, I>
        : Wrong<CannotJoin<'cat', Show<Sum>, Show<Next>, ` outside dimension ${I & string}`>>
  : Sum extends Shape
    ? { -readonly [J in keyof Sum]: Sum[J] }
    : never;

type SameButAt<A, B, I> = SameShape<DropAt<A, I>, DropAt<B, I>>;

/** `stack(tensors, dim)` for a tuple of shapes: all agree, and a dimension of their number is put in. */
export type StackShape<Shapes, Dim = 0> =
  IsDynamic<Shapes> extends true
    ? Dynamic
    : Shapes extends readonly [infer First, ...infer Rest]
      ? IsDynamic<First> extends true
        ? Dynamic
        : DimIndex<[...Extract<First, Shape>, 1], Dim> extends infer I
          ? I extends '?'
            ? Dynamic
            : I extends '!'
              ? NoSuchDim<First, Dim>
              : AllStack<First, Rest> extends infer Bad
                ? [Bad] extends [never]
                  ? InsertAt<First, I, Shapes['length']>
                  : Bad
                : never
          : never
      : Dynamic;

type AllStack<First, Rest> = Rest extends readonly [infer Next, ...infer More]
  ? IsDynamic<Next> extends true
    ? AllStack<First, More>
    : SameButAt<First, Next, never> extends true
      ? AllStack<First, More>
      : Wrong<CannotJoin<'stack', Show<First>, Show<Next>, ''>>
  : never;
