/**
 * What a device makes of operations: each device has a table with an entry for every operation that is not a formula, and one way
 * to launch formulas. Each family of operations (a file or folder in the device's folder) exports a total table of its own, and the
 * folder's `index.ts` joins them, so that the compiler finds a missing entry.
 *
 * Lowerings know layouts, sizes and kernels, but no tensors: how an operation is differentiated, and what shape it gives, is in its rule
 * (`tensor/ops`).
 */
import type { Layout } from '../base/layout.ts';
import type { Gate } from '../kernels/formula/epilogue.ts';
import type { AffineStep, FinishStep, Lower, Partner, Stage } from '../compiler/graph.ts';
import type { Lowering, Value } from '../compiler/lowering.ts';
import type { ElementwiseLowering } from '../compiler/elementwise.ts';
import type { BeginLowering } from '../compiler/needs.ts';
import type { LoweredAttrs } from '../tensor/ops/index.ts';

export type Values = readonly Value[];

/** How a device computes an operation with attributes `A`. */
export interface OpLowering<A, L extends Lowering = Lowering> {
  /** Adds the kernels. Inputs may have any strides. */
  readonly lower: (l: L, inputs: Values, outputs: Values, attrs: A) => void;
  /** For the planner: see `GraphOp`. */
  readonly finish?: (steps: readonly FinishStep<L>[], attrs: A) => Lower<L> | undefined;
  readonly again?: (steps: readonly FinishStep<L>[], attrs: A) => Lower<L> | undefined;
  readonly alone?: (attrs: A) => Lower<L> | undefined;
  /** `scalars`: its numbers, where they are the same at every run. */
  readonly stage?: (steps: readonly FinishStep<L>[], attrs: A, scalars?: readonly number[]) => Stage<L> | undefined;
  readonly remade?: (steps: readonly FinishStep<L>[]) => Lower<L> | undefined;
  readonly partner?: (attrs: A) => Partner<L>;
  /** Of an operation whose rule says that it is an `affine` step. */
  readonly affine?: (attrs: A) => AffineStep<L>;
  readonly gated?: (attrs: A, gate: Gate) => Lower<L>;
  readonly coefficients?: boolean;
  readonly byChannels?: (inputs: readonly Layout[], outputs: readonly Layout[], attrs: A) => number;
}

/** Why a device has no lowering of an operation, and what to do instead: the end of a sentence that the operation begins. */
export interface Refusal {
  readonly refusal: string;
}

/** A family's lowerings. */
export type OpLowerings<M, L extends Lowering = Lowering> = { readonly [K in keyof M]: OpLowering<M[K], L> };

/** `L` is what its lowerings write to, and what `begin` makes. */
export interface DeviceLowerings<L extends Lowering = Lowering> {
  readonly begin: BeginLowering<L>;
  readonly operations: { readonly [K in keyof LoweredAttrs]: OpLowering<LoweredAttrs[K], L> | Refusal };
  /** Formulas: operations that are one, and what the planner joins of several. */
  readonly elementwise: ElementwiseLowering<L>;
}
