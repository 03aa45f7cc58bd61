/**
 * Exact arithmetic on number literal types: `Add<2, 3>` is the type `5`.
 *
 * A count is handled as its decimal text (`'224'`), digit by digit as on paper: carry, borrow, long multiplication, long
 * division. The sum of two digits is the length of a tuple made of two tuples, so no tables are needed but the times
 * table. Every step depends on a few digits only, and the compiler remembers every instantiation, so a whole network's
 * arithmetic soon consists of look-ups.
 *
 * Exact up to 2⁵³, for whole numbers from zero. Anything else (`number`, `any`, a union of sizes, a negative or broken
 * number) is a size that the compiler does not know: the result is `number`. Types only.
 */

type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9';
type Carry = '0' | '1';

/** A digit as a tally: a tuple of that length. */
interface Tally {
  '0': [];
  '1': [0];
  '2': [0, 0];
  '3': [0, 0, 0];
  '4': [0, 0, 0, 0];
  '5': [0, 0, 0, 0, 0];
  '6': [0, 0, 0, 0, 0, 0];
  '7': [0, 0, 0, 0, 0, 0, 0];
  '8': [0, 0, 0, 0, 0, 0, 0, 0];
  '9': [0, 0, 0, 0, 0, 0, 0, 0, 0];
}

interface TimesTable {
  '0': { [D in Digit]: '0' };
  '1': { [D in Digit]: D };
  '2': ['0', '2', '4', '6', '8', '10', '12', '14', '16', '18'];
  '3': ['0', '3', '6', '9', '12', '15', '18', '21', '24', '27'];
  '4': ['0', '4', '8', '12', '16', '20', '24', '28', '32', '36'];
  '5': ['0', '5', '10', '15', '20', '25', '30', '35', '40', '45'];
  '6': ['0', '6', '12', '18', '24', '30', '36', '42', '48', '54'];
  '7': ['0', '7', '14', '21', '28', '35', '42', '49', '56', '63'];
  '8': ['0', '8', '16', '24', '32', '40', '48', '56', '64', '72'];
  '9': ['0', '9', '18', '27', '36', '45', '54', '63', '72', '81'];
}

// ---------------------------------------------------------------------------------------------- decimal texts

type Reverse<Text extends string, Done extends string = ''> = Text extends `${infer First}${infer Rest}`
  ? Reverse<Rest, `${First}${Done}`>
  : Done;

type TrimZeros<Text extends string> = Text extends '0' ? '0' : Text extends `0${infer Rest}` ? TrimZeros<Rest> : Text;

/** The sum of two digits and a carry, as text: `'0'` to `'19'`. */
type DigitSum<A extends Digit, B extends Digit, C extends Carry> = `${[...Tally[A], ...Tally[B], ...Tally[C]]['length'] & number}`;

// Both operands come with the least significant digit first; the sum grows to the left, so it ends in reading order.
type AddReversed<
  A extends string,
  B extends string,
  C extends Carry,
  Sum extends string,
> = A extends `${infer DigitA extends Digit}${infer RestA}`
  ? B extends `${infer DigitB extends Digit}${infer RestB}`
    ? DigitSum<DigitA, DigitB, C> extends infer Column
      ? Column extends `1${infer D extends Digit}`
        ? AddReversed<RestA, RestB, '1', `${D}${Sum}`>
        : AddReversed<RestA, RestB, '0', `${Column & Digit}${Sum}`>
      : never
    : C extends '0'
      ? `${Reverse<A>}${Sum}`
      : AddReversed<A, '1', '0', Sum>
  : B extends ''
    ? C extends '0'
      ? Sum
      : `1${Sum}`
    : AddReversed<B, A, C, Sum>;

/** `a + b` on decimal texts. */
export type AddText<A extends string, B extends string> = A extends '0'
  ? B
  : B extends '0'
    ? A
    : AddReversed<Reverse<A>, Reverse<B>, '0', ''>;

/** `a - b - c` in one column: `[digit, borrow]`. */
type DigitDifference<A extends Digit, B extends Digit, C extends Carry> = Tally[A] extends [...Tally[B], ...Tally[C], ...infer Rest]
  ? [`${Rest['length'] & number}`, '0']
  : [...Tally['9'], 0, ...Tally[A]] extends [...Tally[B], ...Tally[C], ...infer Rest]
    ? [`${Rest['length'] & number}`, '1']
    : never;

type SubtractReversed<
  A extends string,
  B extends string,
  C extends Carry,
  Difference extends string,
> = A extends `${infer DigitA extends Digit}${infer RestA}`
  ? B extends `${infer DigitB extends Digit}${infer RestB}`
    ? DigitDifference<DigitA, DigitB, C> extends [infer D extends string, infer Borrow extends Carry]
      ? SubtractReversed<RestA, RestB, Borrow, `${D}${Difference}`>
      : never
    : C extends '0'
      ? TrimZeros<`${Reverse<A>}${Difference}`>
      : SubtractReversed<A, '1', '0', Difference>
  : B extends ''
    ? C extends '0'
      ? TrimZeros<Difference>
      : never
    : never;

/** `a - b` on decimal texts; `never` when it would be negative. */
export type SubtractText<A extends string, B extends string> = B extends '0'
  ? A
  : A extends B
    ? '0'
    : SubtractReversed<Reverse<A>, Reverse<B>, '0', ''>;

type DigitProduct<A extends Digit, B extends Digit> = TimesTable[A][B] & string;

// A (least significant digit first) times one digit; Over is what the column to the right carried over.
type MultiplyByDigit<
  A extends string,
  B extends Digit,
  Over extends string,
  Product extends string,
> = A extends `${infer DigitA extends Digit}${infer RestA}`
  ? AddText<DigitProduct<DigitA, B>, Over> extends infer Column
    ? Column extends `${infer D extends Digit}${infer Low extends Digit}`
      ? MultiplyByDigit<RestA, B, D, `${Low}${Product}`>
      : MultiplyByDigit<RestA, B, '0', `${Column & Digit}${Product}`>
    : never
  : Over extends '0'
    ? Product
    : `${Over}${Product}`;

// Horner: the digits of B from the left, each time ten times what there is plus A times the digit.
type MultiplyDigits<
  ReversedA extends string,
  B extends string,
  Product extends string,
> = B extends `${infer DigitB extends Digit}${infer RestB}`
  ? AddText<
      Product extends '0' ? '0' : `${Product}0`,
      DigitB extends '0' ? '0' : MultiplyByDigit<ReversedA, DigitB, '0', ''>
    > extends infer Next extends string
    ? MultiplyDigits<ReversedA, RestB, Next>
    : never
  : Product;

/** `a * b` on decimal texts. */
export type MultiplyText<A extends string, B extends string> = A extends '0'
  ? '0'
  : B extends '0'
    ? '0'
    : A extends '1'
      ? B
      : B extends '1'
        ? A
        : MultiplyDigits<Reverse<A>, B, '0'>;

// One column of the long division: how often B fits into A (at most nine times), and what remains.
type DivideColumn<A extends string, B extends string, Times extends 0[] = []> = [SubtractText<A, B>] extends [never]
  ? [`${Times['length']}`, A]
  : DivideColumn<SubtractText<A, B>, B, [...Times, 0]>;

type DivideDigits<
  A extends string,
  B extends string,
  Quotient extends string,
  Remainder extends string,
> = A extends `${infer DigitA}${infer RestA}`
  ? DivideColumn<Remainder extends '0' ? DigitA : `${Remainder}${DigitA}`, B> extends [infer D extends string, infer Next extends string]
    ? DivideDigits<RestA, B, `${Quotient}${D}`, Next>
    : never
  : [TrimZeros<Quotient>, Remainder];

/** `[floor(a / b), a mod b]` on decimal texts; `never` for a division by zero. */
export type DivideText<A extends string, B extends string> = B extends '0' ? never : B extends '1' ? [A, '0'] : DivideDigits<A, B, '', '0'>;

// ---------------------------------------------------------------------------------------------- numbers

type IsUnion<T, All = T> = T extends unknown ? ([All] extends [T] ? false : true) : never;

/** The decimal text of a count; `'?'` when the compiler does not know it (see the head of this file). */
export type TextOf<N> = number extends N
  ? '?'
  : IsUnion<N> extends false
    ? `${N & number}` extends infer Text extends string
      ? Text extends `-${string}` | `${string}.${string}` | `${string}e${string}`
        ? '?'
        : Text
      : never
    : '?';

/** The number that a decimal text stands for. */
export type NumberOf<Text> = Text extends `${infer N extends number}` ? N : never;

/** `a + b` */
export type Add<A, B> = '?' extends TextOf<A> | TextOf<B> ? number : NumberOf<AddText<TextOf<A>, TextOf<B>>>;

/** `a - b`; `never` when it would be negative. */
export type Subtract<A, B> = '?' extends TextOf<A> | TextOf<B> ? number : NumberOf<SubtractText<TextOf<A>, TextOf<B>>>;

/** `a * b` */
export type Multiply<A, B> = '?' extends TextOf<A> | TextOf<B> ? number : NumberOf<MultiplyText<TextOf<A>, TextOf<B>>>;

/** `floor(a / b)`; `never` for a division by zero. */
export type Divide<A, B> = '?' extends TextOf<A> | TextOf<B>
  ? number
  : DivideText<TextOf<A>, TextOf<B>> extends [infer Quotient, unknown]
    ? NumberOf<Quotient>
    : never;

/** `a mod b`; `never` for a division by zero. */
export type Remainder<A, B> = '?' extends TextOf<A> | TextOf<B>
  ? number
  : DivideText<TextOf<A>, TextOf<B>> extends [unknown, infer Rest]
    ? NumberOf<Rest>
    : never;

/** The product of a tuple's elements; 1 for the empty tuple. */
export type Product<Factors, Text extends string = '1'> = Factors extends readonly [infer First, ...infer Rest]
  ? TextOf<First> extends '?'
    ? number
    : MultiplyText<Text, TextOf<First>> extends infer Next extends string
      ? Product<Rest, Next>
      : never
  : Factors extends readonly []
    ? NumberOf<Text>
    : number;
