/**
 * Lets operations do what follows them as they write their result, so that no kernel reads and writes it once more: sums and
 * ReLUs behind convolutions and normalisations; behind a gradient, what else flows there, and the gradient of a ReLU.
 */
import type { chainFrom } from './chains.ts';
import type { FinishStep, Graph, GraphNode } from './graph.ts';
import { NodeTable } from './rewrite.ts';
import type { withStagesJoined } from './stages.ts';

let chainOf: typeof chainFrom | undefined;
let joinStages: typeof withStagesJoined | undefined;
/** Where chains of operations become activations, and operations stages of one: only Node loads that. */
export const provideChains = (of: typeof chainFrom): void => void (chainOf = of);
export const provideStageJoining = (of: typeof withStagesJoined): void => void (joinStages = of);

/** What an operation has taken over. */
interface Taken {
  readonly op: GraphNode;
  readonly steps: readonly FinishStep[];
}

/** The same graph with steps inside the operations before them, where those can take them over. */
export function withSteps(graph: Graph): Graph {
  const table = new NodeTable(graph);
  const taken = new Map<GraphNode, Taken>();
  for (let i = 0; i < graph.nodes.length; i++) {
    const node = table.nodes[i];
    if (node === undefined || takeStep(table, taken, node, i)) continue;
    takeChain(table, taken, i);
  }
  return joinStages?.(table.result()) ?? table.result();
}

/** Puts a step into the operation before it, if that takes it. */
function takeStep(table: NodeTable, taken: Map<GraphNode, Taken>, node: GraphNode, i: number): boolean {
  const { step } = node;
  if (step === undefined) return false;
  const sides = step === 'add' ? [0, 1] : [0];
  const candidates = sides.flatMap((side) => {
    const at = resultOf(table, i, side);
    return at === undefined ? [] : [{ side, at }];
  });
  candidates.sort((a, b) => b.at - a.at); // the later one: the other is ready by then
  return candidates.some(({ side, at }) => join(table, taken, at, { step, node, side, members: [i] }));
}

/** The same of a chain of operations that are one activation. */
function takeChain(table: NodeTable, taken: Map<GraphNode, Taken>, i: number): void {
  const { fixed, inputs } = table.nodes[i]!;
  if (fixed === undefined || inputs.length === 0) return;
  const source = inputs[0]!;
  const at = table.producer(table.bufferOf(source));
  const before = at === undefined || at >= i ? undefined : table.nodes[at];
  if (at === undefined || (before?.finish === undefined && (before === undefined || !taken.has(before)))) return;
  const first = table.graph.values[before.outputs[0]!]!;
  if (first.buffer !== table.bufferOf(source) || !table.graph.covers(before.outputs[0]!)) return;
  const chain = chainOf?.(table, i);
  if (chain === undefined) return;
  const { activation: step, last, members } = chain;
  const name = members.map((member) => table.nodes[member]!.name).join('+');
  join(table, taken, at, { step, node: { ...last, name, step, inputs: [source] }, side: 0, members });
}

/** A step, as one node or more. */
interface Joining {
  readonly step: FinishStep;
  readonly node: GraphNode;
  readonly side: number;
  readonly members: readonly number[];
}

/** Whether the operation at a place takes it. */
function join(table: NodeTable, taken: Map<GraphNode, Taken>, at: number, { step, node, side, members }: Joining): boolean {
  const before = table.nodes[at]!;
  const { op, steps } = taken.get(before) ?? { op: before, steps: [] };
  const more = [...steps, step];
  const lower = op.finish?.(more);
  const place = lower === undefined ? undefined : table.meeting(new Set([at, ...members]));
  if (lower === undefined || place === undefined) return false;
  const again = op.again && (() => op.again!(more));
  const stage = op.stage && (() => op.stage!(more));
  const remade = op.remade && (() => op.remade!(more));
  const fused = { ...merged(table.graph, before, node, side, lower), again, stage, remade };
  taken.set(fused, { op, steps: more });
  table.replace([at, ...members], place, fused);
  return true;
}

/** The same graph with operations joined with their partners. */
export function withPartners(graph: Graph): Graph {
  const table = new NodeTable(graph);
  graph.nodes.forEach((node, i) => {
    const { partner, inputs, outputs } = node;
    if (partner === undefined) return;
    const made = outputs.slice(1).map((id) => table.bufferOf(id));
    const own = made.every((buffer) => table.producer(buffer) === i);
    const reads = (second: GraphNode): boolean => made.every((buffer) => second.inputs.some((id) => table.bufferOf(id) === buffer));
    const at = table.nodes.findIndex((second, k) => k > i && second?.name === partner.name && reads(second));
    const place = own && at > 0 ? table.meeting(new Set([i, at])) : undefined;
    if (place === undefined) return;
    const second = graph.nodes[at]!;
    const [ins, outs] = [inputs.length, outputs.length];
    table.replace([i, at], place, {
      name: `${node.name}+${second.name}`,
      lower: (l, x, y) =>
        partner.lower(l, { inputs: x.slice(0, ins), outputs: y.slice(0, outs) }, { inputs: x.slice(ins), outputs: y.slice(outs) }),
      inputs: [...inputs, ...second.inputs],
      outputs: [...outputs, ...second.outputs],
      firstScalar: node.firstScalar,
    });
  });
  return table.result();
}

function merged(graph: Graph, before: GraphNode, node: GraphNode, side: number, lower: GraphNode['lower']): GraphNode {
  const [out] = node.outputs as [number];
  const [first, ...others] = before.outputs as [number, ...number[]];
  // The buffer of the step's result, seen as the operation sees its own.
  const { buffer, offset } = graph.values[out]!;
  const seen = (): number => graph.value(buffer, graph.values[first]!.layout, offset);
  return {
    name: `${before.name}+${node.name}`,
    lower,
    inputs: [...before.inputs, ...node.inputs.filter((_, k) => k !== side)],
    outputs: node.step === 'pool' ? [...node.outputs, ...others] : [seen(), ...others],
    firstScalar: before.firstScalar,
    byChannels: before.byChannels,
  };
}

/** The node whose first result is input `side` of the step `i`, if nobody else reads it and all lie alike in memory. */
function resultOf(table: NodeTable, i: number, side: number): number | undefined {
  const { graph } = table;
  const node = table.nodes[i]!;
  const input = node.inputs[side]!;
  const buffer = table.bufferOf(input);
  const at = table.producer(buffer);
  if (at === undefined || at >= i || !table.isLocal(buffer) || table.readers(buffer).size !== 1) return undefined;
  const [first] = table.nodes[at]!.outputs as [number];
  if (graph.values[first]!.buffer !== buffer || !graph.covers(first) || !graph.covers(input)) return undefined;
  const rest = node.inputs.filter((_, k) => k !== side);
  // An operation may write results more than once, so what it adds or is gated by must lie elsewhere.
  if (rest.some((id) => node.outputs.some((out) => table.bufferOf(out) === table.bufferOf(id)))) return undefined;
  const large = typeof node.step === 'string' ? rest : [];
  const results = node.step === 'pool' ? [] : node.outputs;
  const alike = [...large, ...results].every((id) => table.bufferOf(id) !== buffer && plain(graph, id, input));
  return alike ? at : undefined;
}

/** Whether a value lies in memory as `like` does: dense, of the same dtype and number of elements. */
function plain(graph: Graph, id: number, like: number): boolean {
  const [a, b] = [graph.values[id]!.layout, graph.values[like]!.layout];
  return a.contiguous && a.dtype === b.dtype && a.numel === b.numel;
}
