/** The type-level shape rules: one file per family of operations. See `dims.ts` for the vocabulary. Types only. */
export type * from './arithmetic.ts';
export type * from './broadcast.ts';
export type * from './cat.ts';
export type * from './dims.ts';
export type * from './loss.ts';
export type * from './matmul.ts';
export type * from './messages.ts';
export type * from './reduce.ts';
export type * from './resize.ts';
export type * from './view.ts';
export type * from './window.ts';
