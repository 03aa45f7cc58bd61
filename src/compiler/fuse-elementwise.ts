/**
 * Joins elementwise operations that feed each other into one kernel, which reads each operand once and writes only what others
 * want. Such a group has one shape, or is dense throughout and walked as one long row.
 */
import { layoutOf, sameLayout, type Layout } from '../base/layout.ts';
import { sameDims } from '../base/shape.ts';
import type { ElementwiseOperand, ElementwiseSpec } from '../kernels/formula/elementwise.ts';
import { elementwiseProgram, MAX_STEPS, passesThrough, type ProgramStep, type Result, type Source } from '../kernels/formula/program.ts';
import type { ElementwiseLowering } from './elementwise.ts';
import type { Graph, GraphNode } from './graph.ts';
import type { Lowering, Value } from './lowering.ts';
import { NodeTable } from './rewrite.ts';

interface Member {
  readonly node: GraphNode;
  readonly spec: ElementwiseSpec;
}

/** Operations that become one kernel, in their order. */
interface Group {
  readonly members: readonly Member[];
  /** Whether every operand is dense and as long as the results, or one number. */
  readonly flat: boolean;
  /** Of how many operations, those counted that members were joined from before. */
  readonly steps: number;
  /** What the device says of its members. */
  readonly kind: string | number;
}

/** What a group computes: values to read and to write, and the formulas. */
interface Program {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly spec: ElementwiseSpec;
}

/** How many operations a spec was joined from, if more than one. */
const sizes = new WeakMap<ElementwiseSpec, number>();

/** Whether two groups, by their places, may be joined: `from` feeds `at`. */
type MayJoin = (table: NodeTable, from: number, at: number, joint: Group) => boolean;

/** The same graph with elementwise operations joined. */
export const withElementwiseJoined = (graph: Graph, device: ElementwiseLowering): Graph => withGroups(graph, device, () => true);

/**
 * The same graph where elementwise operations that make a value again are joined with those that need it next, so that it need not
 * lie in memory at all. Nothing else moves: that could make lives longer.
 */
export const withRepeatsJoined = (graph: Graph, device: ElementwiseLowering): Graph =>
  withGroups(graph, device, (table, from, at, { flat }) => {
    const { repeats, outputs } = table.nodes[from]!;
    return flat && repeats === true && outputs.every((id) => Math.min(...table.readers(table.bufferOf(id)), at) === at);
  });

function withGroups(graph: Graph, device: ElementwiseLowering, mayJoin: MayJoin): Graph {
  const table = new NodeTable(graph);
  const groups = new Map<number, Group>();
  graph.nodes.forEach((node, i) => {
    const group = groupOf(graph, node, device);
    if (group === undefined) return;
    groups.set(i, group);
    let at: number | undefined = i;
    while (at !== undefined) at = joined(table, groups, at, device, mayJoin);
  });
  for (const [at, group] of groups) {
    if (group.members.length > 1) table.replace([at], at, groupNode(graph, group, programOf(table, group, at, device)!(), device));
  }
  return table.result();
}

function groupOf(graph: Graph, node: GraphNode, { kind }: ElementwiseLowering): Group | undefined {
  const layouts = (ids: readonly number[]): Layout[] => ids.map((id) => graph.values[id]!.layout);
  const [inputs, outputs] = [layouts(node.inputs), layouts(node.outputs)];
  const spec = node.elementwise?.(inputs, outputs);
  if (spec === undefined || outputs[0]!.numel === 0) return undefined;
  const { numel } = outputs[0]!;
  const flat =
    outputs.every((layout) => layout.contiguous && layout.numel === numel) &&
    inputs.every((layout) => layout.numel === 1 || (layout.contiguous && layout.numel === numel));
  return { members: [{ node, spec }], flat, steps: sizes.get(spec) ?? 1, kind: kind(spec) };
}

/** Joins the group at a place with one that it reads from; returns where both are then. */
function joined(
  table: NodeTable,
  groups: Map<number, Group>,
  at: number,
  device: ElementwiseLowering,
  mayJoin: MayJoin,
): number | undefined {
  const group = groups.get(at)!;
  const tried = new Set<number>();
  for (const id of table.nodes[at]!.inputs) {
    const from = table.producer(table.bufferOf(id));
    const before = from === undefined || from >= at || tried.has(from) ? undefined : groups.get(from);
    if (from === undefined || before === undefined) continue;
    tried.add(from);
    if (before.kind !== group.kind || before.steps + group.steps > MAX_STEPS) continue;
    const place = table.meetingOfTwo(from, at);
    const both = place === undefined ? undefined : union(table.graph, before, group);
    if (place === undefined || both === undefined || !mayJoin(table, from, at, both)) continue;
    const nodes = [table.nodes[from]!, table.nodes[at]!] as const;
    table.replace([from, at], place, placeholder(...nodes));
    if (programOf(table, both, place, device) !== undefined) {
      groups.delete(from);
      groups.delete(at);
      groups.set(place, both);
      return place;
    }
    table.remove(place);
    table.put(from, nodes[0]);
    table.put(at, nodes[1]);
  }
  return undefined;
}

/** Stands for a group in the table until it is complete, and says what it reads and writes. */
const placeholder = (a: GraphNode, b: GraphNode): GraphNode => ({
  ...a,
  repeats: a.repeats === true && b.repeats === true,
  inputs: [...new Set([...a.inputs, ...b.inputs])],
  outputs: [...a.outputs, ...b.outputs],
});

/** Both as one, if they walk the same elements. */
function union(graph: Graph, a: Group, b: Group): Group | undefined {
  const layoutOfMember = ({ node }: Member): Layout => graph.values[node.outputs[0]!]!.layout;
  const first = layoutOfMember(a.members[0]!);
  const flat = a.flat && b.flat && first.numel === layoutOfMember(b.members[0]!).numel; // all members of a flat group are as long
  const members = [...a.members, ...b.members];
  if (!flat && !members.every((member) => sameDims(layoutOfMember(member).shape, first.shape))) return undefined;
  return { members, flat, steps: a.steps + b.steps, kind: a.kind };
}

/** Whether two values are the same elements in the order in which the group walks. */
function samePlace(graph: Graph, { flat }: Group, a: number, b: number): boolean {
  const [x, y] = [graph.values[a]!, graph.values[b]!];
  if (x.buffer !== y.buffer || x.offset !== y.offset) return false;
  return sameLayout(x.layout, y.layout) || (flat && x.layout.dtype === y.layout.dtype && x.layout.numel === y.layout.numel);
}

/** What makes the program of the group at a place; undefined where values in memory stand in the way. */
function programOf(table: NodeTable, group: Group, at: number, { operands }: ElementwiseLowering): (() => Program) | undefined {
  const { graph } = table;
  const inputs: { readonly id: number; readonly operand: ElementwiseOperand }[] = [];
  const made = new Map<number, Result & { readonly id: number; readonly operand: ElementwiseOperand }>();
  const sourceOf = (id: number, operand: ElementwiseOperand): Source | undefined => {
    const result = made.get(table.bufferOf(id));
    if (result !== undefined) {
      const passes = samePlace(graph, group, id, result.id) && passesThrough(result.operand, operand);
      return passes ? { step: result.step, output: result.output } : undefined;
    }
    const known = inputs.findIndex((input) => samePlace(graph, group, input.id, id) && sameOperand(input.operand, operand));
    return { input: known >= 0 ? known : inputs.push({ id, operand }) - 1 };
  };
  const steps: ProgramStep[] = [];
  for (const { node, spec } of group.members) {
    const sources = spec.inputs.map((operand, k) => sourceOf(node.inputs[k]!, operand));
    if (!sources.every((source) => source !== undefined)) return undefined;
    for (const [output, id] of node.outputs.entries()) {
      const buffer = table.bufferOf(id);
      // What is read from a buffer that is written must be the very elements that are written.
      const apart = inputs.some((input) => table.bufferOf(input.id) === buffer && !samePlace(graph, group, input.id, id));
      if (made.has(buffer) || apart) return undefined;
      made.set(buffer, { step: steps.length, output, id, operand: spec.outputs[output]! });
    }
    steps.push({ spec, inputs: sources });
  }
  const wanted = [...made.entries()].filter(([buffer]) => !table.isLocal(buffer) || table.usedElsewhere(buffer, at));
  if (wanted.length === 0 || inputs.length + wanted.length > operands) return undefined;
  const results = wanted.map(([, result]) => result);
  return () => ({
    inputs: inputs.map(({ id }) => id),
    outputs: results.map(({ id }) => id),
    spec: elementwiseProgram(
      inputs.map(({ operand }) => operand),
      steps,
      results,
    ),
  });
}

const sameOperand = (a: ElementwiseOperand, b: ElementwiseOperand): boolean => a.dtype === b.dtype && a.as === b.as;

function groupNode(graph: Graph, { members, flat, steps }: Group, program: Program, { one }: ElementwiseLowering): GraphNode {
  const { inputs, outputs, spec } = program;
  sizes.set(spec, steps);
  const { numel } = graph.values[outputs[0]!]!.layout;
  const row =
    (l: Lowering) =>
    (value: Value): Value =>
      flat ? l.view(value, layoutOf(value.layout.dtype, value.layout.numel === numel ? [numel] : [])) : value;
  const scalars = members.flatMap(({ node, spec: own }) => own.scalars.map((_, k) => node.scalars?.[k] ?? node.firstScalar + k));
  return {
    name: members.map(({ node }) => node.name).join('+'),
    elementwise: () => spec,
    lower: (l, ins, outs) =>
      one(
        l,
        spec,
        ins.map(row(l)),
        outs.map(row(l)),
        scalars.map((scalar) => ({ scalar })),
      ),
    inputs,
    outputs,
    firstScalar: 0,
    scalars,
  };
}
