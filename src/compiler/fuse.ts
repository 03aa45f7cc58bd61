/**
 * Lets operations do the activation that follows them, so that no kernel reads and writes their result once more: ReLU after
 * a convolution; behind a gradient that flows into a ReLU, the ReLU's own gradient.
 */
import { withNodes } from './dead-code.ts';
import type { Graph, GraphNode } from './graph.ts';

/** Where a buffer is read and written: numbers of nodes, ascending. */
interface Uses {
  readonly reads: number[];
  readonly writes: number[];
}

/** The same graph with activations inside the operations before them, where those can. */
export function withFusedActivations(graph: Graph): Graph {
  const uses = usesOf(graph);
  const nodes: (GraphNode | undefined)[] = [...graph.nodes];
  const result = withNodes(graph, []); // values are added to it
  graph.nodes.forEach((node, i) => {
    const at = producer(graph, uses, i);
    const before = at === undefined ? undefined : nodes[at];
    if (at === undefined || before === undefined) return;
    const lower = before.fused?.[node.activation!];
    if (lower === undefined) return;
    const [out] = node.outputs as [number];
    const [first, ...others] = before.outputs as [number, ...number[]];
    // The buffer of the activation, seen as the operation sees its result.
    const { buffer, offset } = graph.values[out]!;
    const target = result.value(buffer, graph.values[first]!.layout, offset);
    nodes[at] = {
      name: `${before.name}+${node.name}`,
      lower,
      inputs: [...before.inputs, ...node.inputs.slice(1)],
      outputs: [target, ...others],
      firstScalar: before.firstScalar,
    };
    nodes[i] = undefined;
  });
  result.nodes.push(...nodes.filter((node) => node !== undefined));
  return result;
}

/** The node whose first result only the activation `i` reads, if nothing stands in the way of making one of the two. */
function producer(graph: Graph, uses: readonly Uses[], i: number): number | undefined {
  const node = graph.nodes[i]!;
  if (node.activation === undefined) return undefined;
  const [input, ...gates] = node.inputs as [number, ...number[]];
  const [out] = node.outputs as [number];
  const place = graph.values[input]!;
  if (graph.buffers[place.buffer]!.kind !== 'local') return undefined;
  const { reads, writes } = uses[place.buffer]!;
  const [at] = writes as [number | undefined];
  if (writes.length !== 1 || reads.length !== 1 || at === undefined || at >= i) return undefined;
  const [first] = graph.nodes[at]!.outputs as [number];
  const same = graph.values[first]!.buffer === place.buffer && graph.covers(first) && graph.covers(input);
  if (!same || !plainLayout(graph, out, input) || gates.some((gate) => !plainLayout(graph, gate, input)))
    return undefined;
  // From there to here nobody may touch the result's buffer, nor write the gate's.
  const between = (k: number): boolean => k >= at && k < i;
  const target = uses[graph.values[out]!.buffer]!;
  if ([...target.reads, ...target.writes].some(between)) return undefined;
  if (gates.some((gate) => uses[graph.values[gate]!.buffer]!.writes.some(between))) return undefined;
  return at;
}

/** Whether a value lies in memory as `like` does: dense, of the same dtype and number of elements. */
function plainLayout(graph: Graph, id: number, like: number): boolean {
  const [a, b] = [graph.values[id]!.layout, graph.values[like]!.layout];
  return a.contiguous && a.dtype === b.dtype && a.numel === b.numel;
}

function usesOf(graph: Graph): Uses[] {
  const uses = graph.buffers.map((): Uses => ({ reads: [], writes: [] }));
  graph.nodes.forEach(({ inputs, outputs }, i) => {
    for (const id of inputs) uses[graph.values[id]!.buffer]!.reads.push(i);
    for (const id of outputs) uses[graph.values[id]!.buffer]!.writes.push(i);
  });
  return uses;
}
