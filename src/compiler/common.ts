/**
 * Computes once what several operations compute alike: same operation, attributes and numbers, of the same values that
 * nobody has written to in between.
 */
import type { Graph, GraphNode } from './graph.ts';
import { withBuffers } from './rename.ts';

/** The same graph without operations that repeat an earlier one. */
export function withoutRepetition(graph: Graph): Graph {
  const writers = new Map<number, number>();
  for (const { outputs } of graph.nodes) {
    for (const id of outputs) {
      const { buffer } = graph.values[id]!;
      writers.set(buffer, (writers.get(buffer) ?? 0) + 1);
    }
  }
  /** Local buffers that repeat another. */
  const instead = new Map<number, number>();
  /** How often each buffer has been written so far. */
  const versions = new Map<number, number>();
  const earlier = new Map<string, GraphNode>();
  const nodes = graph.nodes.filter((node) => {
    const own = node.outputs.every((id) => graph.covers(id) && writers.get(graph.values[id]!.buffer) === 1);
    const key = own ? keyOf(graph, node, versions, instead) : undefined;
    for (const id of node.outputs) {
      const { buffer } = graph.values[id]!;
      versions.set(buffer, (versions.get(buffer) ?? 0) + 1);
    }
    if (key === undefined) return true;
    const same = earlier.get(key);
    const local = node.outputs.every((id) => graph.buffers[graph.values[id]!.buffer]!.kind === 'local');
    if (same === undefined || !local) {
      earlier.set(key, same ?? node);
      return true;
    }
    node.outputs.forEach((id, i) => {
      const { buffer } = graph.values[same.outputs[i]!]!;
      instead.set(graph.values[id]!.buffer, instead.get(buffer) ?? buffer);
    });
    return false;
  });
  return instead.size === 0 ? graph : withBuffers(graph, instead, nodes);
}

/** What a node computes, as text: equal texts mean equal results. */
function keyOf(
  graph: Graph,
  node: GraphNode,
  versions: ReadonlyMap<number, number>,
  instead: ReadonlyMap<number, number>,
): string | undefined {
  if (node.key === undefined) return undefined;
  const inputs = node.inputs.map((id) => {
    const { buffer, layout, offset } = graph.values[id]!;
    return `${instead.get(buffer) ?? buffer}.${versions.get(buffer) ?? 0}:${layout.id}+${offset}`;
  });
  const outputs = node.outputs.map((id) => graph.values[id]!.layout.id);
  return `${node.name}|${node.key}|${inputs.join(' ')}>${outputs.join(' ')}`;
}
