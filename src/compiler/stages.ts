/** Joins operations whose result one other alone reads with that one, where the device has a way to compute both at once (`Stage`); leaves results out that nobody reads (`alone`). */
import { sameLayout } from '../base/layout.ts';
import type { Graph, GraphNode, NodeLayouts } from './graph.ts';
import { NodeTable } from './rewrite.ts';

/** The same graph with such operations as one. */
export function withStagesJoined(graph: Graph): Graph {
  const table = new NodeTable(graph);
  // From the end, so that what two have become can be joined with what is before them.
  for (let at = graph.nodes.length - 1; at >= 0; at--) {
    leaveOthers(table, at);
    joinNext(table, at);
  }
  return table.result();
}

/** Has an operation make its first result only, where nobody reads the others. */
function leaveOthers(table: NodeTable, at: number): void {
  const node = table.nodes[at];
  const [first, ...others] = node?.outputs ?? [];
  if (node?.alone === undefined || first === undefined || others.length === 0) return;
  const isUnread = (id: number): boolean => table.isLocal(table.bufferOf(id)) && table.readers(table.bufferOf(id)).size === 0;
  if (others.every(isUnread)) table.replace([at], at, { ...node, lower: node.alone, outputs: [first], alone: undefined });
}

function joinNext(table: NodeTable, at: number): void {
  const first = table.nodes[at];
  const stage = first?.stage?.([]);
  const [out, ...others] = first?.outputs ?? [];
  if (first === undefined || stage === undefined || out === undefined || others.length > 0) return;
  const buffer = table.bufferOf(out);
  const [reader, ...more] = table.readers(buffer);
  if (reader === undefined || more.length > 0 || !table.isLocal(buffer) || table.producer(buffer) !== at) return;
  const second = table.nodes[reader]!;
  const next = second.stage?.([]);
  const [read, ...rest] = second.inputs as [number, ...number[]];
  const { graph } = table;
  const same = table.bufferOf(read) === buffer && sameLayout(graph.values[read]!.layout, graph.values[out]!.layout);
  if (next === undefined || !same || !graph.covers(out) || rest.some((id) => table.bufferOf(id) === buffer)) return;
  const joined = stage.before(next, layoutsOf(graph, first), layoutsOf(graph, second));
  const place = joined && table.meeting(new Set([at, reader]));
  if (joined === undefined || place === undefined) return;
  table.replace([at, reader], place, {
    name: `${first.name} ${second.name}`,
    lower: joined.lower,
    stage: joined.stage && (() => joined.stage),
    inputs: [...first.inputs, ...rest],
    outputs: second.outputs,
    firstScalar: first.firstScalar,
  });
}

const layoutsOf = (graph: Graph, { inputs, outputs }: GraphNode): NodeLayouts => {
  const layouts = (ids: readonly number[]) => ids.map((id) => graph.values[id]!.layout);
  return { inputs: layouts(inputs), outputs: layouts(outputs) };
};
