/** Lowers a graph: every node in order, its buffers where they come from, those that live within a run for as long as they do. */
import type { Graph } from './graph.ts';
import type { Lowering, Value } from './lowering.ts';

/** Into `lowering`, which is empty; returns it. */
export function lowered(graph: Graph, lowering: Lowering): Lowering {
  const places = graph.buffers.map((): Value | undefined => undefined);
  graph.externals.forEach((buffer, index) => {
    const value = graph.values.find((candidate) => candidate.buffer === buffer);
    if (value !== undefined) places[buffer] = lowering.external(value.layout, index); // else no operation is concerned with it
  });
  const { first, last } = graph.lifetimes();
  const valueOf = (id: number): Value => {
    const { buffer, layout, offset } = graph.values[id]!;
    const source = graph.buffers[buffer]!;
    const place = (places[buffer] ??=
      source.kind === 'constant'
        ? lowering.constant(layout.dtype, source.data)
        : lowering.local(layout, source.bytes, first[buffer]!, last[buffer]!));
    return lowering.view({ ...place, layout }, layout, offset);
  };
  graph.nodes.forEach((node, i) => {
    lowering.beginNode(i, node.firstScalar);
    node.lower(lowering, node.inputs.map(valueOf), node.outputs.map(valueOf));
  });
  return lowering;
}
