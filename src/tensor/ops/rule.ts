/**
 * What an operation is: its shape rule, its gradient, its formula, side by side. Each family of operations (one file in
 * this folder) exports an interface of its operations' attributes and a total table of their rules; `index.ts` joins them. How a
 * device computes what is not a formula stands in the device's table (`src/lower`).
 *
 * Rules are pure: they know layouts and the methods of tensors they are given, but neither the dispatcher nor a device. That is
 * what lets one table serve eager execution and compiled graphs, everywhere.
 */
import { AutogradError } from '../../base/errors.ts';
import type { Layout } from '../../base/layout.ts';
import type { AffineStep, FinishStep } from '../../compiler/graph.ts';
import type { Attrs } from '../../geometry/attrs.ts';
import type { ElementwiseSpec } from '../../kernels/formula/elementwise.ts';
import type { Activation } from '../../kernels/formula/epilogue.ts';
import type { Tensor } from '../tensor.ts';
import type { OpAttrs, OpName } from './index.ts';

/** Runs an operation on tensors, recording it for further gradients when those are wanted. */
export type Apply = <K extends OpName>(name: K, inputs: readonly Tensor[], attrs: OpAttrs[K], scalars?: readonly number[]) => Tensor[];

/** What a gradient is computed from. */
export interface GradientContext<A> {
  /** ∂loss/∂output for each output; undefined where nothing flows back. */
  readonly grads: readonly (Tensor | undefined)[];
  /** Saved inputs and outputs; reading one that was not declared in `saves` fails. */
  readonly input: (i: number) => Tensor;
  readonly output: (i: number) => Tensor;
  /** Layouts of all inputs and outputs are known without saving anything. */
  readonly inputLayouts: readonly Layout[];
  readonly outputLayouts: readonly Layout[];
  readonly attrs: A;
  readonly scalars: readonly number[];
  /** Whether input `i` needs a gradient; skip the work where it does not. */
  readonly needs: (i: number) => boolean;
  readonly apply: Apply;
}

export interface Gradient<A> {
  /** Which tensors stay alive for the backward pass. */
  readonly saves: { readonly inputs?: readonly number[]; readonly outputs?: readonly number[] };
  /** ∂loss/∂input for each input, in the input's shape and dtype; undefined where it needs none. */
  readonly run: (ctx: GradientContext<A>) => readonly (Tensor | undefined)[];
  /** The name that PyTorch prints as `grad_fn=<…>`, e.g. `ConvolutionBackward0`; it may depend on the attributes. */
  readonly name: string | ((attrs: A) => string);
  /** Another one for the operation in place, which has its result already and would have to copy its input. */
  readonly inPlace?: Gradient<A>;
}

/** For gradients that are not differentiable themselves: they say so, rather than passing for constants. */
export function differentiableOnce<A>(op: string, remedy: string): Gradient<A> {
  return {
    name: 'NotDifferentiableBackward0',
    saves: {},
    run: () => {
      throw new AutogradError(`${op}: the gradient of its gradient is not available; ${remedy}`);
    },
  };
}

/**
 * What an operation is to the one before it: see `FinishStep`. `affine`: the device's table has the scale and the shift; `activation`: its own
 * formula, of one input and of numbers that are known when it is recorded.
 */
export type StepName = Exclude<FinishStep, AffineStep | Activation> | 'affine' | 'activation';

export interface OpRule<A extends Attrs> {
  /** Inputs that it writes to, besides its results. */
  readonly writes?: (attrs: A) => readonly number[];
  /** For the planner: see `GraphOp`. */
  readonly step?: StepName | ((attrs: A) => StepName | undefined);
  readonly choice?: 'picks' | 'puts';
  /** Whether it is the gradient of an activation, [∂y, input or result] → ∂x: its formula is a gate. */
  readonly gates?: boolean;
  /** The formula of an operation that works element by element: how it is computed, and what the planner joins with others. */
  readonly elementwise?: (inputs: readonly Layout[], outputs: readonly Layout[], attrs: A) => ElementwiseSpec;
  /**
   * Layouts of the results, contiguous unless there is a reason.
   * @throws ShapeError, DTypeError with the operation, what was expected, what came, and the remedy
   */
  readonly shape: (inputs: readonly Layout[], attrs: A) => readonly Layout[];
  /** null: the result never requires a gradient (comparisons, argmax, …). */
  readonly gradient: Gradient<A> | null;
}

/** The rule of an operation that is a formula and nothing else: devices need no lowering for it. */
export interface FormulaRule<A extends Attrs> extends OpRule<A> {
  readonly elementwise: NonNullable<OpRule<A>['elementwise']>;
}

/** A family's rules: total over its operations, so that the compiler finds a missing one. */
export type OpRules<M> = { readonly [K in keyof M]: M[K] extends Attrs ? OpRule<M[K]> : never };
export type FormulaRules<M> = { readonly [K in keyof M]: M[K] extends Attrs ? FormulaRule<M[K]> : never };
