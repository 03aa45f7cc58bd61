/**
 * Who is told what happens on the way from a graph to its kernels, where somebody has asked (`FLAMBEAU_DEBUG`, `tensor/debug/`). As a rule nobody is: then
 * each place costs a look at a property, and none of them is where operations run.
 */
import type { Graph } from '../compiler/graph.ts';
import type { Plan } from '../compiler/plan.ts';

export interface Watchers {
  /** A pass of the planner has made `after` of `before`. */
  pass?: (name: string, before: Graph, after: Graph) => void;
  /** The plan of a compiled function is ready to run, natively or not. */
  plan?: (plan: Plan) => void;
  /** A kernel's code: a WebAssembly module, or the text of C or WGSL. */
  code?: (language: 'WebAssembly' | 'C' | 'WGSL', kernel: string, code: Uint8Array | string) => void;
}

export const watchers: Watchers = {};
