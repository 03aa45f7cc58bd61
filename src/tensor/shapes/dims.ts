/**
 * What a shape is in the types, and the helpers that every shape rule uses: is it known, do two sizes agree, how is it
 * written, which dimension does an index mean. Types only.
 *
 * Three kinds of sizes occur. A literal (`32`) is checked. `number`, `any` or a union is a size the compiler does not
 * know: it agrees with everything. A type parameter (a batch size `N extends number`) gets through wherever a rule only
 * passes it on or meets it twice; a condition on it alone stays undecided, so rules look at whole tuples, or at the
 * other operand, before they look at a first dimension. A shape that is `any` (a bare `Tensor`) or of unknown length
 * (`number[]`) is *dynamic*: no rule complains about it, and results are dynamic too.
 *
 * A rule's result is a shape or a `Wrong<message>`. `Checked` turns it into a parameter's type, so that the message
 * is what the editor shows; `ResultShape` turns it into the shape of the result.
 */
import type { TextOf } from './arithmetic.ts';
import type { DimOutOfRange } from './messages.ts';

/** A tensor's sizes, as a tuple. The elements are unconstrained so that a generic batch size does not block a rule. */
export type Shape = readonly unknown[];

/** The shape of a bare `Tensor`: it goes with everything, which no other type does. */
export type Dynamic = any;

/** What a rule gives instead of a shape: the sentence for the editor. */
export interface Wrong<Message> {
  readonly wrong: Message;
}

/** True for a shape about which nothing is known: `any`, `unknown`, or an array type without a length. */
export type IsDynamic<S> = unknown extends S ? true : S extends Shape ? (number extends S['length'] ? true : false) : true;

/** The type of a parameter: `Good`, or the message when the rule's result is one. */
export type Checked<Result, Good> = unknown extends Result ? Good : Result extends Wrong<infer Message> ? Message : Good;

/** The type of a list of arguments: `Good`, or the message in the place of each. */
export type CheckedEach<Result, Good> = unknown extends Result
  ? Good
  : Result extends Wrong<infer Message>
    ? { [I in keyof Good]: Message }
    : Good;

/** The shape of what an operation gives. After a message it is `any`, so that one mistake is reported once. */
// Naming `Result` itself in the first branch would have the compiler compare undecided rules with `Shape`.
export type ResultShape<Result> = Result extends infer S extends Shape ? S : Dynamic;

// While a call's type parameters are being inferred, the compiler looks for what it can conclude from a rule that cannot be
// decided yet, and works out all its branches. So rules stand behind a key that is not known before S is: `Known` has the
// constraint PropertyKey until then, of which `Later` says nothing. (`never` stands for S while an argument's own call is looked at.)
export type Known<S> = keyof ([S] extends [never] ? never : { readonly result: 0 });
interface Later<Result> {
  readonly result: Result;
  readonly [key: PropertyKey]: unknown;
}

/** As `Checked` for a rule about the shape S; users who write no shapes (S is `any`) are let through at once. */
export type CheckedFor<S, Result, Good> = 0 extends 1 & S ? Good : Checked<Later<Result>[Known<S>], Good>;

/** As `CheckedEach` for a rule about the shape S. */
export type CheckedEachFor<S, Result, Good> = 0 extends 1 & S ? Good : CheckedEach<Later<Result>[Known<S>], Good>;

/** As `ResultShape` for a rule about the shape S. */
export type ShapeFor<S, Result> = 0 extends 1 & S ? Dynamic : ShapeOnceKnown<S, Result>;

/** As `ShapeFor`, for a rule that knows something of the result even if S is `any`. */
export type ShapeOnceKnown<S, Result> = ResultShape<Later<Result>[Known<S>]>;

/**
 * Whether two sizes agree. Of the questions one can ask about a type parameter only few are decided before it is known,
 * so they are put in one and come first: are the two the same, or is one of them `number`?
 */
export type Same<A, B> = Sizes<A, B> extends Sizes<B, A> | FirstIsNumber | SecondIsNumber ? true : [A & B] extends [never] ? false : true;

/** Two sizes as an object type, which a condition does not wait for as it does for a bare type parameter. */
export type Sizes<A, B> = readonly [A, B, Takes<A>, Takes<B>];
export type FirstIsNumber = readonly [unknown, unknown, Takes<number>, unknown];
export type SecondIsNumber = readonly [unknown, unknown, unknown, Takes<number>];
type Takes<A> = <T>() => T extends A ? 1 : 2; // assignable to each other only for the same A

/** Whether two shapes of known length agree. */
export type SameShape<A, B> = A extends readonly [infer A0, ...infer RestA]
  ? B extends readonly [infer B0, ...infer RestB]
    ? Same<A0, B0> extends true
      ? SameShape<RestA, RestB>
      : false
    : false
  : B extends readonly []
    ? true
    : false;

/** The same tuple without `readonly`. */
export type Mutable<S> = { -readonly [I in keyof S]: S[I] };

// ---------------------------------------------------------------------------------------------- shapes in messages

/** Sizes as they are written in messages, `3×32×32`; those that are not known as `?`. */
export type ShowSizes<S, Done extends string = ''> = S extends readonly [infer First, ...infer Rest]
  ? ShowSizes<Rest, Done extends '' ? `${TextOf<First>}` : `${Done}×${TextOf<First>}`>
  : Done;

/** A shape as it is written in messages. Its first size may be a type parameter, and then shows as such. */
export type Show<S> =
  IsDynamic<S> extends true ? '?' : S extends readonly [infer First, ...infer Rest] ? ShowSizes<Rest, `${First & number}`> : 'a scalar';

/** A shape in a message without its first dimension, the batch. */
export type ShowSample<S> = S extends readonly [unknown, ...infer Sample] ? ShowSizes<Sample> : '?';

// ---------------------------------------------------------------------------------------------- dimensions by number

/** Message for a dimension number that is not there. */
export type NoSuchDim<S, D> = Wrong<DimOutOfRange<D & number, (S & Shape)['length']>>;

// The index that counts Back from the end: the length left after that many have been taken off.
type FromEnd<S, Back extends string, Taken extends 0[] = [0]> = S extends readonly [...infer Init, unknown]
  ? `${Taken['length']}` extends Back
    ? `${Init['length'] & number}`
    : FromEnd<Init, Back, [...Taken, 0]>
  : '!';

/**
 * Which dimension of S the number D means, as text: negative numbers count from the end. `'?'` when D is not known,
 * `'!'` when S has no such dimension.
 */
export type DimIndex<S, D> = number extends D
  ? '?'
  : `${D & number}` extends infer Text extends string
    ? Text extends `-${infer Back}`
      ? FromEnd<S, Back>
      : Text extends keyof S
        ? Text
        : '!'
    : never;

/** The size of dimension D: what `x.size(d)` returns. */
export type DimAt<S, D> =
  IsDynamic<S> extends true
    ? number
    : DimIndex<S, D> extends infer I
      ? I extends '?' | '!'
        ? number
        : I extends keyof S
          ? S[I] & number
          : number
      : never;

/** S with dimension I (a text) replaced. */
export type ReplaceAt<S, I, Size> = { -readonly [J in keyof S]: J extends I ? Size : S[J] };

/** S without the dimensions in the union I (texts). */
export type DropAt<S, I, Kept extends Shape = [], Seen extends 0[] = []> = S extends readonly [infer First, ...infer Rest]
  ? `${Seen['length']}` extends I
    ? DropAt<Rest, I, Kept, [...Seen, 0]>
    : DropAt<Rest, I, [...Kept, First], [...Seen, 0]>
  : Kept;

/** S with a dimension put in before position I (a text); I may be the length. */
export type InsertAt<S, I, Size, Done extends Shape = []> = `${Done['length']}` extends I
  ? [...Done, Size, ...Extract<S, Shape>]
  : S extends readonly [infer First, ...infer Rest]
    ? InsertAt<Rest, I, Size, [...Done, First]>
    : [...Done, Size];
