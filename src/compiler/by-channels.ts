/**
 * Gathers operations that follow each other channel by channel, such as normalisation, depthwise convolution and normalisation: a device
 * may then compute some channels through all of them before it begins with others, so that what one has written is in the caches
 * when the next reads it, and what only they read need not lie in memory at all. What the gradient of a normalisation is about to read is there
 * too, so a normalisation's result that is needed beside it is made once more instead of kept. No bit changes.
 */
import { sameLayout, type Layout } from '../base/layout.ts';
import type { Graph, GraphNode } from './graph.ts';
import type { Lowering, Value } from './lowering.ts';
import { NodeTable } from './rewrite.ts';

/** An operation that a node consists of, with others. */
export interface NodePart {
  readonly lower: (l: Lowering, inputs: readonly Value[], outputs: readonly Value[]) => void;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly firstScalar: number;
}

/** Lowers parts of a node that make the same channels, with tensors of the given layouts between them that nobody else sees. */
export type LowerTogether = (
  l: Lowering,
  channels: number,
  between: readonly Layout[],
  partsOf: (between: readonly Value[]) => readonly NodePart[],
) => void;

/** The same graph with nodes of several operations in place of those. */
export function withChannelsTogether(graph: Graph, lower: LowerTogether): Graph {
  const table = new NodeTable(graph);
  const groups = new Map<number, Group>();
  const makers = new Map(
    graph.nodes.flatMap((node) => (node.remade === undefined ? [] : [[graph.values[node.outputs[0]!]!.buffer, node]])),
  );
  for (let at = 0; at < graph.nodes.length; at++) {
    const channels = channelsOf(table, at);
    const members = channels === 0 || groups.has(at) ? [] : groupFrom(table, at, channels);
    if (members.length < 2 || channelBytes(table, members, channels) > MOST_BYTES) continue;
    const place = table.meeting(new Set(members))!;
    const nodes = withRemade(
      table,
      makers,
      members.map((member) => table.nodes[member]!),
    );
    groups.set(place, { nodes, channels });
    table.replace(members, place, jointNode(nodes));
  }
  for (const [at, group] of groups) {
    const between = ownBuffers(table, at);
    table.replace([at], at, withLowering(table, jointNode(group.nodes), group, between, lower));
  }
  return table.result();
}

/** Operations of a node, and bytes of a channel of all their images: these must nearly fit into a cache. */
const MOST = 16;
const MOST_BYTES = 4 * 1024 * 1024;

interface Group {
  readonly nodes: readonly GraphNode[];
  readonly channels: number;
}

const layoutsOf = ({ values }: Graph, ids: readonly number[]): Layout[] => ids.map((id) => values[id]!.layout);

function channelsOf({ graph, nodes }: NodeTable, at: number): number {
  const node = nodes[at];
  return node?.byChannels?.(layoutsOf(graph, node.inputs), layoutsOf(graph, node.outputs)) ?? 0;
}

/** A node and those behind it that read what they have made, and can run there. */
function groupFrom(table: NodeTable, first: number, channels: number): number[] {
  const group = [first];
  const tried = new Set(group);
  for (;;) {
    const made = group.flatMap((member) => table.nodes[member]!.outputs.map((id) => table.bufferOf(id)));
    const readers = made.flatMap((buffer) => [...table.readers(buffer)]).filter((at) => at > first && !tried.has(at));
    if (readers.length === 0 || group.length === MOST) return group.sort((a, b) => a - b);
    const at = Math.min(...readers);
    tried.add(at);
    if (channelsOf(table, at) !== channels) continue;
    if (seenAlike(table, [...group, at]) && table.meeting(new Set([...group, at])) !== undefined) group.push(at);
  }
}

function channelBytes({ graph, nodes }: NodeTable, group: readonly number[], channels: number): number {
  const values = group.flatMap((at) => [...nodes[at]!.inputs, ...nodes[at]!.outputs]).map((id) => graph.values[id]!);
  const images = new Map(values.filter(({ layout }) => layout.shape.length > 2).map(({ buffer, layout }) => [buffer, layout.extent]));
  return [...images.values()].reduce((sum, bytes) => sum + bytes, 0) / channels;
}

/** Whether all see what one of them writes through the same layout, so that channels are the same places to all. */
function seenAlike({ graph, nodes }: NodeTable, group: readonly number[]): boolean {
  const members = group.map((at) => nodes[at]!);
  const written = new Map(members.flatMap(({ outputs }) => outputs).map((id) => [graph.values[id]!.buffer, graph.values[id]!]));
  return members.every(({ inputs, outputs }) =>
    [...inputs, ...outputs].every((id) => {
      const { buffer, layout, offset } = graph.values[id]!;
      const other = written.get(buffer);
      return other === undefined || (other.offset === offset && sameLayout(other.layout, layout));
    }),
  );
}

/** The nodes, those that read a normalisation's result with a node before them that makes it again, where its gradient is among them. */
function withRemade(table: NodeTable, makers: ReadonlyMap<number, GraphNode>, nodes: readonly GraphNode[]): GraphNode[] {
  const { graph } = table;
  const read = new Set(nodes.flatMap(({ inputs }) => inputs.map((id) => table.bufferOf(id))));
  return nodes.flatMap((node) => {
    const again: GraphNode[] = [];
    const inputs = node.inputs.map((id) => {
      const buffer = table.bufferOf(id);
      const norm = makers.get(buffer);
      const lower = norm === undefined || nodes.includes(norm) ? undefined : norm.remade!([]);
      if (lower === undefined || !graph.covers(id) || table.producer(buffer) === undefined) return id;
      const [x, [, mean, ...others]] = [norm!.inputs[0]!, norm!.outputs as [number, number, ...number[]]];
      const coefficients = others.find((output) => graph.values[output]!.layout.shape.length === 2);
      if (coefficients === undefined) return id;
      const needed = [x, mean, coefficients];
      if (!needed.every((value) => read.has(table.bufferOf(value)))) return id;
      const made = table.local(graph.values[id]!.layout);
      again.push({ name: `${norm!.name} again`, lower, inputs: needed, outputs: [made], firstScalar: 0 });
      return made;
    });
    return [...again, again.length === 0 ? node : { ...node, inputs }];
  });
}

/** One node of several, whose operands are all of theirs. */
function jointNode(nodes: readonly GraphNode[]): GraphNode {
  const unique = (ids: readonly number[]): number[] => [...new Set(ids)];
  return {
    name: nodes.map(({ name }) => name).join(' & '),
    lower: () => undefined, // follows
    inputs: unique(nodes.flatMap(({ inputs }) => inputs)),
    outputs: unique(nodes.flatMap(({ outputs }) => outputs)),
    firstScalar: nodes[0]!.firstScalar,
  };
}

/** Buffers of images that nobody but the node reads or writes. */
function ownBuffers(table: NodeTable, at: number): number[] {
  const { graph } = table;
  const { inputs, outputs } = table.nodes[at]!;
  const read = new Set(inputs.map((id) => table.bufferOf(id)));
  const own = outputs.filter((id) => {
    const buffer = table.bufferOf(id);
    const isImage = graph.values[id]!.layout.shape.length === 4 && graph.covers(id);
    return isImage && table.isLocal(buffer) && read.has(buffer) && !table.usedElsewhere(buffer, at);
  });
  return [...new Set(own.map((id) => table.bufferOf(id)))];
}

function withLowering(
  table: NodeTable,
  joint: GraphNode,
  { nodes, channels }: Group,
  between: readonly number[],
  together: LowerTogether,
): GraphNode {
  const { graph } = table;
  const places = new Map(between.map((buffer, i) => [buffer, i]));
  const outside = (id: number): boolean => !places.has(table.bufferOf(id));
  const inputs = joint.inputs.filter(outside);
  const outputs = joint.outputs.filter(outside);
  const layouts = between.map((buffer) => graph.values[joint.outputs.find((id) => table.bufferOf(id) === buffer)!]!.layout);
  // Numbers instead of nodes: a plan keeps its graph's lowerings.
  const parts = nodes.map((node) => ({
    lower: node.lower,
    firstScalar: node.firstScalar,
    inputs: node.inputs.map((id) => ({ own: places.get(table.bufferOf(id)), at: inputs.indexOf(id) })),
    outputs: node.outputs.map((id) => ({ own: places.get(table.bufferOf(id)), at: outputs.indexOf(id) })),
  }));
  return {
    ...joint,
    inputs,
    outputs,
    lower: (l, x, y) => {
      type Operand = { readonly own: number | undefined; readonly at: number };
      const pick = (operands: readonly Operand[], from: readonly Value[], own: readonly Value[]): Value[] =>
        operands.map(({ own: place, at }) => (place === undefined ? from[at]! : own[place]!));
      const partsOf = (own: readonly Value[]): NodePart[] =>
        parts.map((part) => ({ ...part, inputs: pick(part.inputs, x, own), outputs: pick(part.outputs, y, own) }));
      together(l, channels, layouts, partsOf);
    },
  };
}
