/**
 * The planner: turns the graph of a compiled function into one that does the same with fewer and cheaper kernels. Each pass is a
 * file of its own.
 */
import { withoutRepetition } from './common.ts';
import { withoutDeadCode } from './dead-code.ts';
import { withElementwiseJoined, type LowerElementwise } from './fuse-elementwise.ts';
import { withSteps } from './fuse.ts';
import type { Graph } from './graph.ts';
import { withBuffersReused, withOwnBuffers } from './rename.ts';

/** `lower` launches an elementwise expression. */
export function planned(graph: Graph, lower: LowerElementwise): Graph {
  const tidy = withoutRepetition(withOwnBuffers(withoutDeadCode(graph)));
  return withBuffersReused(withElementwiseJoined(withSteps(tidy), lower));
}
