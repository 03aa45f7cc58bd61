/**
 * Chains of elementwise operations that are a function of one value alone, such as a GELU or a Hardswish that a file spells out: to the
 * operation before them they are one activation.
 */
import { known, type Activation } from '../kernels/formula/epilogue.ts';
import type { Formula } from '../kernels/formula/formula.ts';
import type { GraphNode } from './graph.ts';
import type { NodeTable } from './rewrite.ts';

export interface Chain {
  /** Places of its nodes, in their order. */
  readonly members: readonly number[];
  readonly activation: Activation;
  /** The node that makes its result. */
  readonly last: GraphNode;
}

/** Nodes of a chain: a kernel that ends in more arithmetic is no cheaper than two. */
const MOST = 8;

/** The longest chain that begins with the node at `start` and takes its value from the one buffer that this reads. */
export function chainFrom(table: NodeTable, start: number): Chain | undefined {
  const source = table.nodes[start]!.inputs[0]!;
  const names = new Map<number, string>([[table.bufferOf(source), 'x']]);
  const members: number[] = [];
  let whole = 0;
  for (let at: number | undefined = start; at !== undefined && members.length < MOST;) {
    const node: GraphNode = table.nodes[at]!;
    if (!fits(table, node, source, names)) break;
    members.push(at);
    const out = table.bufferOf(node.outputs[0]!);
    names.set(out, nameOf(table, node, names));
    if (closed(table, names, members, out)) whole = members.length;
    at = nextOf(table, names, members);
  }
  const chosen = members.slice(0, whole);
  const last = chosen.at(-1);
  if (last === undefined) return undefined;
  const end = table.nodes[last]!;
  const text = names.get(table.bufferOf(end.outputs[0]!))!;
  // Names of steps are put together with a plus.
  if (text.includes('+')) return undefined;
  const activation = known({ name: `act ${text}`, of: formulaOf(table, chosen, source) });
  return { members: chosen, activation, last: end };
}

/** Whether a node computes each element of the chain's values alone. */
function fits(table: NodeTable, node: GraphNode, source: number, names: ReadonlyMap<number, string>): boolean {
  const { graph } = table;
  const { layout } = graph.values[source]!;
  if (node.fixed === undefined || node.outputs.length !== 1 || !layout.dtype.startsWith('float')) return false;
  if (!node.inputs.every((id) => names.has(table.bufferOf(id)))) return false;
  const alike = [...node.inputs, ...node.outputs].every((id) => {
    const own = graph.values[id]!.layout;
    return graph.covers(id) && own.dtype === layout.dtype && own.numel === layout.numel;
  });
  return alike && !names.has(table.bufferOf(node.outputs[0]!)) && table.producer(table.bufferOf(node.outputs[0]!)) !== undefined;
}

const nameOf = (table: NodeTable, { fixed, inputs }: GraphNode, names: ReadonlyMap<number, string>): string =>
  `${fixed!.name}(${inputs.map((id) => names.get(table.bufferOf(id))).join()})`;

/** Whether nobody else wants any value but the last. */
const closed = (table: NodeTable, names: ReadonlyMap<number, string>, members: readonly number[], out: number): boolean =>
  [...names.keys()].every(
    (buffer) => buffer === out || (table.isLocal(buffer) && [...table.readers(buffer)].every((reader) => members.includes(reader))),
  );

/** The first node that reads a value of the chain and is not in it. */
function nextOf(table: NodeTable, names: ReadonlyMap<number, string>, members: readonly number[]): number | undefined {
  const readers = [...names.keys()].flatMap((buffer) => [...table.readers(buffer)]);
  const left = readers.filter((reader) => !members.includes(reader));
  return left.length === 0 ? undefined : Math.min(...left);
}

/** The chain's result as a formula of its source. */
function formulaOf(table: NodeTable, members: readonly number[], source: number): (x: Formula) => Formula {
  const from = table.bufferOf(source);
  const steps = members.map((at) => {
    const { fixed, inputs, outputs } = table.nodes[at]!;
    return { fixed: fixed!, inputs: inputs.map((id) => table.bufferOf(id)), out: table.bufferOf(outputs[0]!) };
  });
  return (x) => {
    const values = new Map<number, Formula>([[from, x]]);
    let result = x;
    for (const { fixed, inputs, out } of steps) {
      result = fixed.of(inputs.map((buffer) => values.get(buffer)!));
      values.set(out, result);
    }
    return result;
  };
}
