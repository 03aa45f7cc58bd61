/** What WebGPU makes of operations: see `lower/table.ts`. */
import type { Refusal, Values } from '../table.ts';
import type { GpuLowering } from './lowering.ts';

/** How an operation with attributes `A` is computed. */
export interface GpuOpLowering<A> {
  /** Adds the launches. Inputs may have any strides. */
  readonly lower: (l: GpuLowering, inputs: Values, outputs: Values, attrs: A) => void;
}

/** A family's lowerings. */
export type GpuLowerings<M> = { readonly [K in keyof M]: GpuOpLowering<M[K]> | Refusal };
