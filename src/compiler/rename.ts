/**
 * Gives every result a buffer of its own, so that the other passes need not think of operations in place; and afterwards
 * lets elementwise operations write where they read again, so that this takes no more memory.
 */
import { sameLayout } from '../base/layout.ts';
import type { Graph, GraphNode, Lifetimes } from './graph.ts';
import { withNodes } from './rewrite.ts';

/** The same graph where an operation that overwrites a whole local buffer writes to a new one instead. */
export function withOwnBuffers(graph: Graph): Graph {
  const result = withNodes(graph, []);
  const known = new Set<number>();
  const current = new Map<number, number>();
  const renamed = (id: number): number => {
    const value = graph.values[id]!;
    const buffer = current.get(value.buffer);
    return buffer === undefined ? id : result.value(buffer, value.layout, value.offset);
  };
  for (const node of graph.nodes) {
    const inputs = node.inputs.map(renamed);
    for (const id of node.inputs) known.add(graph.values[id]!.buffer);
    const outputs = node.outputs.map((id) => {
      const { buffer } = graph.values[id]!;
      const { kind, bytes } = graph.buffers[buffer]!;
      if (kind === 'local' && known.has(buffer) && graph.covers(id)) current.set(buffer, result.local(bytes));
      known.add(buffer);
      return renamed(id);
    });
    result.nodes.push({ ...node, inputs, outputs });
  }
  return result;
}

/** The same graph where elementwise operations write over an input that nobody reads any more. */
export function withBuffersReused(graph: Graph): Graph {
  const taken = overwritten(graph, graph.lifetimes());
  const placeOf = (buffer: number): number => {
    const before = taken.get(buffer);
    return before === undefined ? buffer : placeOf(before);
  };
  return withBuffers(graph, new Map([...taken.keys()].map((buffer) => [buffer, placeOf(buffer)])), graph.nodes);
}

/** The buffers of elementwise results that can take the place of another, and of which: an input that nobody reads afterwards. */
export function overwritten(graph: Graph, { first, last }: Lifetimes): Map<number, number> {
  const place = new Map<number, number>();
  graph.nodes.forEach((node, i) => {
    if (node.elementwise === undefined) return;
    const free = node.inputs.filter(
      (id) =>
        whole(graph, id) &&
        last[graph.values[id]!.buffer] === i &&
        node.inputs.every((other) => graph.values[other]!.buffer !== graph.values[id]!.buffer || sameView(graph, other, id)),
    );
    for (const id of node.outputs) {
      const { buffer, layout } = graph.values[id]!;
      if (!whole(graph, id) || first[buffer] !== i) continue;
      const at = free.findIndex((other) => sameLayout(graph.values[other]!.layout, layout));
      if (at < 0) continue;
      const { buffer: taken } = graph.values[free[at]!]!;
      place.set(buffer, taken);
      for (let k = free.length - 1; k >= 0; k--) if (graph.values[free[k]!]!.buffer === taken) free.splice(k, 1);
    }
  });
  return place;
}

const sameView = (graph: Graph, a: number, b: number): boolean =>
  sameLayout(graph.values[a]!.layout, graph.values[b]!.layout) && graph.values[a]!.offset === graph.values[b]!.offset;

const whole = (graph: Graph, id: number): boolean => graph.buffers[graph.values[id]!.buffer]!.kind === 'local' && graph.covers(id);

/** The same graph with other buffers in place of some. */
export function withBuffers(graph: Graph, instead: ReadonlyMap<number, number>, nodes: readonly GraphNode[]): Graph {
  const result = withNodes(graph, nodes);
  result.values.splice(0);
  for (const value of graph.values) result.values.push({ ...value, buffer: instead.get(value.buffer) ?? value.buffer });
  return result;
}
