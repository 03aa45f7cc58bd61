/**
 * Broadcasting: the shape of an elementwise operation on two tensors, by PyTorch's rule. Sizes are compared from the
 * right; they must agree, or one of them is 1 or missing. Types only.
 *
 * https://pytorch.org/docs/stable/notes/broadcasting.html
 */
import type { Dynamic, FirstIsNumber, IsDynamic, Same, SecondIsNumber, Shape, Show, Sizes, Wrong } from './dims.ts';
import type { CannotBroadcast } from './messages.ts';

/**
 * The broadcast shape of A and B. With a generic batch size `N`, `[N, …]` goes with the same `[N, …]`, with `[number, …]`
 * and with shapes that do not reach as far left; with `[1, …]` it stays undecided: leave the leading 1 out.
 */
export type Broadcast<A, B> =
  IsDynamic<A> extends true
    ? Dynamic
    : IsDynamic<B> extends true
      ? Dynamic
      : FromTheRight<A, B> extends infer Result
        ? [Result] extends [never]
          ? Wrong<CannotBroadcast<Show<A>, Show<B>>>
          : Result
        : never;

// `never` when two sizes differ.
type FromTheRight<A, B, Done extends Shape = []> = A extends readonly [...infer RestA, infer SizeA]
  ? B extends readonly [...infer RestB, infer SizeB]
    ? ([] extends RestA | RestB ? WiderFirst<SizeA, SizeB> : Wider<SizeA, SizeB>) extends [infer Size]
      ? FromTheRight<RestA, RestB, [Size, ...Done]>
      : never
    : [...A, ...Done]
  : [...Extract<B, Shape>, ...Done];

// The size of the result in brackets, `'differ'` when A and B do. An unknown size yields to a known one, except to 1.
type Wider<A, B> = [B] extends [1]
  ? [A]
  : number extends B
    ? [A] extends [1]
      ? [B]
      : [A]
    : [A] extends [1]
      ? [B]
      : Same<A, B> extends true
        ? [B]
        : 'differ';

// The first size of either shape may be a type parameter: what can be decided about it comes first (see `Same`).
type WiderFirst<A, B> = Sizes<A, B> extends Sizes<B, A> | FirstIsNumber | SecondIsNumber ? [A | B] : Wider<A, B>;
