/** What WebGPU makes of operations: see `lower/table.ts`. */
import type { OpLowering, Refusal } from '../table.ts';
import type { GpuLowering } from './lowering.ts';

/** A family's lowerings. */
export type GpuLowerings<M> = { readonly [K in keyof M]: OpLowering<M[K], GpuLowering> | Refusal };
