/** Removes operations whose results nobody reads: a step's unused gradients, statistics that are thrown away. */
import type { Graph } from './graph.ts';
import { withNodes } from './rewrite.ts';

/** The same graph without them. External buffers are what the caller wants; writes to those always stay. */
export function withoutDeadCode(graph: Graph): Graph {
  const wanted = new Set(graph.externals);
  const kept: boolean[] = [];
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const { inputs, outputs } = graph.nodes[i]!;
    const buffers = outputs.map((id) => graph.values[id]!.buffer);
    kept[i] = buffers.some((buffer) => wanted.has(buffer));
    if (!kept[i]) continue;
    // What is written over whole was not wanted before, unless this node reads it.
    for (const id of outputs) {
      const { buffer } = graph.values[id]!;
      if (graph.covers(id) && graph.buffers[buffer]!.kind !== 'external') wanted.delete(buffer);
    }
    for (const id of inputs) wanted.add(graph.values[id]!.buffer);
  }
  return withNodes(
    graph,
    graph.nodes.filter((_, i) => kept[i]),
  );
}
