/**
 * Lets the gradient of a normalisation do the gradient of the activation behind it. The activation's argument is the normalisation's
 * result, which a scale and a shift make of what the gradient of the normalisation reads anyway, so
 *
 *     normGrad(gate(g, norm(x)), x)
 *
 * reads g and x, where both by themselves read five tensors and write one more. Nothing else needs the normalisation's result then, and
 * the activation can follow inside. The same arithmetic makes the result again, to the last bit; the normalisation leaves its
 * coefficients for it.
 */
import { layoutOf } from '../base/layout.ts';
import type { Gate } from '../kernels/formula/epilogue.ts';
import { constantOf, type Formula } from '../kernels/formula/formula.ts';
import { isActivation, type GraphNode } from './graph.ts';
import type { Graph } from './graph.ts';
import { alike, onlyProducer } from './gates.ts';
import { NodeTable } from './rewrite.ts';

/** The same graph with gates inside gradients of normalisations, where those read what they gate by. */
export function withGatesInNorms(graph: Graph): Graph {
  const table = new NodeTable(graph);
  for (let at = 0; at < graph.nodes.length; at++) {
    const node = table.nodes[at];
    if (node?.gated !== undefined) joinGate(table, at, node, node.gated);
  }
  return table.result();
}

function joinGate(table: NodeTable, at: number, node: GraphNode, gated: NonNullable<GraphNode['gated']>): void {
  const { graph } = table;
  const [g, x, mean, spread] = node.inputs as [number, number, number, number];
  const { shape, dtype } = graph.values[x]!.layout;
  if (shape.length < 3 || shape.slice(2).every((size) => size === 1)) return; // kernels of their own
  const gateAt = onlyProducer(table, g);
  const gate = gateAt === undefined ? undefined : table.nodes[gateAt];
  if (gate?.gate === undefined || !table.isLocal(table.bufferOf(g)) || table.readers(table.bufferOf(g)).size !== 1) return;
  const normAt = onlyProducer(table, mean);
  const norm = normAt === undefined ? undefined : table.nodes[normAt];
  if (norm?.coefficients !== true || !sameSource(table, norm.inputs[0]!, x)) return;
  const [result, ownMean, ownSpread] = norm.outputs as [number, number, number];
  const same = (a: number, b: number): boolean => table.bufferOf(a) === table.bufferOf(b);
  if (!same(ownMean, mean) || !same(ownSpread, spread) || onlyProducer(table, result) !== normAt) return;
  const [grad, saved] = gate.inputs as [number, number];
  const through = throughOf(table, saved, result);
  if (through === undefined || !alike(graph, [result, saved]) || !alike(graph, [g, saved]) || !graph.values[grad]!.layout.contiguous)
    return;
  if (table.meeting(new Set([gateAt!, at])) === undefined || !staysUntil(table, grad, gateAt!, at)) return;
  const coefficients = table.local(layoutOf(dtype, [2, shape[1]!]));
  const joint: Gate = { name: `${gate.gate.name}${through.name}`, of: (a, b) => gate.gate!.of(a, through.of(b)) };
  table.replace([normAt!], normAt!, { ...norm, outputs: [...norm.outputs, coefficients], coefficients: false });
  table.replace([gateAt!, at], at, {
    name: `${gate.name}+${node.name}`,
    lower: gated(joint),
    inputs: [grad, ...node.inputs.slice(1), coefficients],
    outputs: node.outputs,
    firstScalar: node.firstScalar,
    byChannels: node.byChannels,
  });
}

/** Whether a normalisation and its gradient read the same, which nobody writes in between. */
function sameSource(table: NodeTable, a: number, b: number): boolean {
  const [one, other] = [table.graph.values[a]!, table.graph.values[b]!];
  const once = table.isLocal(one.buffer) ? table.producer(one.buffer) !== undefined : !table.graph.written().has(one.buffer);
  return one.buffer === other.buffer && one.offset === other.offset && one.layout === other.layout && once;
}

/** Whether nobody writes a value between two nodes. */
function staysUntil(table: NodeTable, value: number, from: number, to: number): boolean {
  const buffer = table.bufferOf(value);
  return table.nodes.slice(from + 1, to).every((node) => node?.outputs.every((id) => table.bufferOf(id) !== buffer) ?? true);
}

/** How what a gate reads follows from the normalisation's result: it is that, or the activation of it. */
function throughOf(
  table: NodeTable,
  saved: number,
  result: number,
): { readonly name: string; readonly of: (x: Formula) => Formula } | undefined {
  if (table.bufferOf(saved) === table.bufferOf(result)) return { name: '', of: (x) => x };
  const at = onlyProducer(table, saved);
  const activation = at === undefined ? undefined : table.nodes[at]!;
  if (
    activation === undefined ||
    !table.graph.covers(activation.inputs[0]!) ||
    table.bufferOf(activation.inputs[0]!) !== table.bufferOf(result)
  )
    return undefined;
  const { step } = activation;
  if (step === 'relu') return { name: ' of relu', of: (x) => x.binary('pmax', constantOf(x.type, 0)) };
  return isActivation(step) ? { name: ` of ${step.name}`, of: step.of } : undefined;
}
