/**
 * Types of calls whose arguments come in order or by name (`signature.ts`) and whose result's type depends on them. One construct or call
 * signature serves both forms, since errors of overloads bury the sentence of the wrong argument:
 *
 *     new <const S extends Pair | LeftOut = LeftOut>(stride?: S | { readonly stride?: S; readonly bias?: boolean }): Layer<Given<S, 1>>
 *
 * An object that says nothing of the stride makes TypeScript try it as S itself and fall back to the constraint; and a class that extends the
 * constructor has the default. Both contain `LeftOut`, by which `Given` knows them from what a caller wrote.
 */
declare const leftOut: unique symbol;

/** Stands for an argument that was not given. No value is one. */
export interface LeftOut {
  readonly [leftOut]: never;
}

/** The type of an argument, or the default where it was left out. */
export type Given<T, Default> = 0 extends 1 & T ? T : LeftOut extends T ? Default : T;

/** What a class that extends a generic constructor may pass, whose type parameters have their defaults: anything of type Wide. */
export type Any<T, Wide> = [T] extends [LeftOut] ? Wide : never;
