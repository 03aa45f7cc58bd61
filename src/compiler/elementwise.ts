/** What the planner must know of how a device computes formulas. */
import type { ElementwiseSpec } from '../kernels/formula/elementwise.ts';
import type { Lowering, ScalarInput, Value } from './lowering.ts';

/** Adds the launches that compute formulas for every element of the outputs. */
export type LowerElementwise<L extends Lowering = Lowering> = (
  l: L,
  spec: ElementwiseSpec,
  inputs: readonly Value[],
  outputs: readonly Value[],
  scalars: readonly ScalarInput[],
) => void;

/** How an operand of a flat walk lies: an element for each place, or one for all. */
export type FlatSpacing = 'dense' | 'same';

/** Adds one launch that computes formulas for several sets of flat operands, outputs after inputs. */
export type LowerMany<L extends Lowering = Lowering> = (
  l: L,
  spec: ElementwiseSpec,
  spacing: readonly FlatSpacing[],
  sets: readonly { readonly operands: readonly Value[]; readonly scalars: readonly ScalarInput[] }[],
) => void;

export interface ElementwiseLowering<L extends Lowering = Lowering> {
  readonly one: LowerElementwise<L>;
  /** Undefined where a launch for each is as good. */
  readonly many: LowerMany<L> | undefined;
  /** Only operations of one kind are joined into one kernel; joined, they would slow each other down. */
  readonly kind: (spec: ElementwiseSpec) => string | number;
  /** Inputs and outputs that a kernel may have. */
  readonly operands: number;
}
