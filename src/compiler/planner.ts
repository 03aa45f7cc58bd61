/**
 * The planner: turns the graph of a compiled function into one that does the same with fewer and cheaper kernels. Each pass is a
 * file of its own.
 */
import { watchers } from '../base/watchers.ts';
import { withoutRepetition } from './common.ts';
import { withoutDeadCode } from './dead-code.ts';
import type { ElementwiseLowering } from './elementwise.ts';
import { withElementwiseJoined, withRepeatsJoined } from './fuse-elementwise.ts';
import { withUpdatesJoined } from './fuse-launches.ts';
import { withPartners, withSteps } from './fuse.ts';
import { withGatesFirst } from './gates.ts';
import type { Graph } from './graph.ts';
import type { GraphNeeds } from './needs.ts';
import { withGatesInNorms } from './norm-gates.ts';
import { withValuesMadeAgain, type Recomputed } from './recompute.ts';
import { withBuffersReused, withOwnBuffers } from './rename.ts';

/** A limit of the memory for intermediates, and how to find out what a graph takes. */
export interface MemoryLimit {
  readonly bytes: number;
  readonly needsOf: (graph: Graph) => GraphNeeds;
}

export function planned(graph: Graph, device: ElementwiseLowering, memory?: MemoryLimit): Graph {
  const fused = PASSES.reduce((before, [name, pass]) => passed(name, before, pass(before, device)), graph);
  const last = memory === undefined ? withBuffersReused(fused) : limited(fused, device, memory);
  return passed(memory === undefined ? 'reuse buffers' : 'limit memory', fused, last);
}

/** In their order; the names are for debugging output. */
const PASSES: readonly (readonly [string, (graph: Graph, device: ElementwiseLowering) => Graph])[] = [
  ['remove dead code', withoutDeadCode],
  ['give results buffers of their own', withOwnBuffers],
  ['compute repetitions once', withoutRepetition],
  ['take gates through pooling', withGatesFirst],
  ['take gates into normalisations', withGatesInNorms],
  ['fuse steps', withSteps],
  ['join losses with their gradients', withPartners],
  ['fuse elementwise operations', withElementwiseJoined],
  ['join updates', (graph, { many }) => (many === undefined ? graph : withUpdatesJoined(graph, many))],
];

function passed(name: string, before: Graph, after: Graph): Graph {
  watchers.pass?.(name, before, after);
  return after;
}

/** How often the limit is tried to be met: blocks of the arena do not fit together without gaps. */
const TRIES = 4;

/** The graph that takes least memory of some tries to stay below the limit. */
function limited(fused: Graph, device: ElementwiseLowering, { bytes: limit, needsOf }: MemoryLimit): Graph {
  let best = withBuffersReused(fused);
  let repeats: Recomputed['repeats'] = [];
  const without = needsOf(best).arena;
  let arena = without;
  const needs = arena > limit ? needsOf(fused) : undefined;
  let aim = limit;
  for (let i = 0; i < TRIES && needs !== undefined && arena > limit; i++) {
    const again = withValuesMadeAgain(fused, needs, aim);
    const graph = withBuffersReused(withRepeatsJoined(again.graph, device));
    const { arena: reached } = needsOf(graph);
    if (reached < arena) [best, arena, repeats] = [graph, reached, again.repeats];
    if (again.peak > aim) break; // nothing is left to make again
    aim -= Math.max(reached - limit, limit / 100);
  }
  const sum = (part: 'flops' | 'bytes'): number => repeats.reduce((total, needs) => total + needs[part], 0);
  best.memory = { limit, without, repeated: repeats.map(({ name }) => name), flops: sum('flops'), bytes: sum('bytes') };
  return best;
}
