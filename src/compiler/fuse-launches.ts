/**
 * Joins updates of many tensors by the same formulas into one launch: an optimizer's steps, counters of batches. Taken are dense
 * elementwise operations whose results are all wanted outside; intermediate results live shorter where they are.
 */
import { elementwiseKey, type ElementwiseSpec } from '../kernels/formula/elementwise.ts';
import type { FlatSpacing, LowerMany } from './elementwise.ts';
import type { Graph, GraphNode } from './graph.ts';
import { NodeTable } from './rewrite.ts';

/** An operation that may be one of many. */
interface Update {
  readonly at: number;
  readonly node: GraphNode;
  readonly spec: ElementwiseSpec;
  readonly spacing: readonly FlatSpacing[];
}

/** The same graph with updates joined. */
export function withUpdatesJoined(graph: Graph, lower: LowerMany): Graph {
  const table = new NodeTable(graph);
  const families = new Map<string, Update[]>();
  graph.nodes.forEach((node, at) => {
    const update = updateOf(graph, node, at);
    if (update === undefined) return;
    const key = `${elementwiseKey(update.spec)}|${update.spacing.join()}`;
    const family = families.get(key);
    if (family === undefined) families.set(key, [update]);
    else family.push(update);
  });
  for (const family of families.values()) {
    const together = gathered(table, family);
    if (together.length < 2) continue;
    const members = new Set(together.map(({ at }) => at));
    table.replace(members, table.meeting(members)!, manyNode(together, lower));
  }
  return table.result();
}

function updateOf(graph: Graph, node: GraphNode, at: number): Update | undefined {
  const layouts = [...node.inputs, ...node.outputs].map((id) => graph.values[id]!.layout);
  const outside = node.outputs.every((id) => graph.buffers[graph.values[id]!.buffer]!.kind === 'external');
  if (!outside || node.elementwise === undefined) return undefined;
  const { numel } = layouts.at(-1)!;
  const count = node.inputs.length;
  const spacing = layouts.map((layout, i): FlatSpacing | undefined => {
    if (layout.contiguous && layout.numel === numel) return 'dense';
    return i < count && layout.numel === 1 ? 'same' : undefined;
  });
  if (numel === 0 || !spacing.every((s) => s !== undefined)) return undefined;
  return { at, node, spec: node.elementwise(layouts.slice(0, count), layouts.slice(count)), spacing };
}

/** Of a family, the first and those that can run beside it at once, none touching what another writes. */
function gathered(table: NodeTable, family: readonly Update[]): Update[] {
  const taken: Update[] = [];
  const reads = new Set<number>();
  const writes = new Set<number>();
  for (const update of family) {
    const inputs = update.node.inputs.map((id) => table.bufferOf(id));
    const outputs = update.node.outputs.map((id) => table.bufferOf(id));
    if (outputs.some((buffer) => reads.has(buffer) || writes.has(buffer)) || inputs.some((buffer) => writes.has(buffer))) continue;
    const members = new Set([...taken, update].map(({ at }) => at));
    if (taken.length > 0 && table.meeting(members) === undefined) continue;
    taken.push(update);
    for (const buffer of inputs) reads.add(buffer);
    for (const buffer of outputs) writes.add(buffer);
  }
  return taken;
}

function manyNode(updates: readonly Update[], lower: LowerMany): GraphNode {
  const [{ node: first, spec, spacing }] = updates as readonly [Update];
  const inputs = updates.flatMap(({ node }) => node.inputs);
  const outputs = updates.flatMap(({ node }) => node.outputs);
  const [ins, outs] = [first.inputs.length, first.outputs.length];
  const scalars = updates.map(({ node }) => spec.scalars.map((_, k) => ({ scalar: node.scalars?.[k] ?? node.firstScalar + k })));
  return {
    name: `${updates.length} × ${first.name}`,
    lower: (l, x, y) =>
      lower(
        l,
        spec,
        spacing,
        updates.map((_, i) => ({
          operands: [...x.slice(i * ins, (i + 1) * ins), ...y.slice(i * outs, (i + 1) * outs)],
          scalars: scalars[i]!,
        })),
      ),
    inputs,
    outputs,
    firstScalar: 0,
  };
}
