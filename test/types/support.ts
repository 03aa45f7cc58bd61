/**
 * What the type tests share: exact equality of types. Everything is declared only: these files are compiled and never run.
 */

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
