/**
 * Takes the gradient of a ReLU through that of a maximum behind it. What a maximum picks is positive where its result is, so
 * for the same numbers
 *
 *     gate(put(g, choice), relu(x))  =  put(gate(g, pooled), choice)
 *
 * whose gate is smaller by the size of the windows, can be the end of what makes g, and no longer needs the ReLU's result: where
 * nobody else does, nothing has to keep it.
 */
import { layoutOf, type Layout } from '../base/layout.ts';
import { sameDims } from '../base/shape.ts';
import type { Graph, GraphNode } from './graph.ts';
import { NodeTable } from './rewrite.ts';

/** The same graph with gates before what puts back elements, where they stood behind it. */
export function withGatesFirst(graph: Graph): Graph {
  const table = new NodeTable(graph);
  graph.nodes.forEach((gate, at) => {
    if (gate.step !== 'gate') return;
    const [input, relu] = gate.inputs as [number, number];
    const putAt = onlyProducer(table, input);
    const put = putAt === undefined ? undefined : table.nodes[putAt];
    const buffer = table.bufferOf(input);
    if (put?.choice !== 'puts' || !table.isLocal(buffer) || table.readers(buffer).size !== 1) return;
    const pooled = pooledOf(table, put.inputs[1]!, relu);
    if (pooled === undefined || !alike(table.graph, [put.inputs[0]!, pooled]) || !alike(table.graph, [input, gate.outputs[0]!])) return;
    const { dtype, shape } = table.graph.values[pooled]!.layout;
    const gated = table.local(layoutOf(dtype, shape));
    table.remove(putAt!);
    table.remove(at);
    table.put(putAt!, { ...gate, inputs: [put.inputs[0]!, pooled], outputs: [gated] });
    table.put(at, { ...put, inputs: [gated, ...put.inputs.slice(1)], outputs: gate.outputs });
  });
  return table.result();
}

/** What made a whole value, if it alone writes to its buffer. */
export function onlyProducer(table: NodeTable, value: number): number | undefined {
  return table.graph.covers(value) ? table.producer(table.bufferOf(value)) : undefined;
}

/** The result of the maximum of `relu` that made `choice`. */
function pooledOf(table: NodeTable, choice: number, relu: number): number | undefined {
  const at = onlyProducer(table, choice);
  const pool: GraphNode | undefined = at === undefined ? undefined : table.nodes[at];
  if (pool?.choice !== 'picks' || table.bufferOf(pool.outputs[1]!) !== table.bufferOf(choice)) return undefined;
  const [from, pooled] = [pool.inputs[0]!, pool.outputs[0]!];
  const same = table.bufferOf(from) === table.bufferOf(relu) && alike(table.graph, [from, relu]);
  // Both must hold at the gate what they held at the pooling.
  return same && [relu, pooled].every((value) => onlyProducer(table, value) !== undefined) ? pooled : undefined;
}

/** Whether two values are dense, from the start of their buffers, of one dtype and shape. */
export function alike(graph: Graph, pair: readonly [number, number]): boolean {
  const [a, b] = pair.map((id) => graph.values[id]!.layout) as [Layout, Layout];
  return pair.every((id) => graph.covers(id)) && a.dtype === b.dtype && sameDims(a.shape, b.shape);
}
