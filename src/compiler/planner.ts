/**
 * The planner: turns the graph of a compiled function into one that does the same with fewer and cheaper kernels. Each pass is a
 * file of its own.
 */
import { withoutRepetition } from './common.ts';
import { withoutDeadCode } from './dead-code.ts';
import { withElementwiseJoined, type LowerElementwise } from './fuse-elementwise.ts';
import { withUpdatesJoined, type LowerMany } from './fuse-launches.ts';
import { withPartners, withSteps } from './fuse.ts';
import type { Graph } from './graph.ts';
import { withBuffersReused, withOwnBuffers } from './rename.ts';

/** How elementwise expressions are launched. */
export interface ElementwiseLowering {
  readonly one: LowerElementwise;
  readonly many: LowerMany;
}

export function planned(graph: Graph, { one, many }: ElementwiseLowering): Graph {
  const tidy = withoutRepetition(withOwnBuffers(withoutDeadCode(graph)));
  return withBuffersReused(withUpdatesJoined(withElementwiseJoined(withPartners(withSteps(tidy)), one), many));
}
