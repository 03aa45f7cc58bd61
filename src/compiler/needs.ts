/**
 * What the nodes of a graph take: memory beside their operands, arithmetic, traffic. Known only from their lowering, so this lowers
 * the graph for whatever the device may run it on.
 */
import { itemSize } from '../base/dtype.ts';
import type { Device, Runner } from '../devices/device.ts';
import { aligned } from './arena.ts';
import type { Graph } from './graph.ts';
import type { Lowering, LoweredStep } from './lowering.ts';
import { lowered } from './lower-graph.ts';

/** What one node takes. */
export interface NodeNeeds {
  /** Bytes of temporary memory while it runs. */
  readonly workspace: number;
  /** Floating-point operations, and bytes of the operands of its launches. */
  readonly flops: number;
  readonly bytes: number;
}

export interface GraphNeeds {
  /** Bytes of the arena. */
  readonly arena: number;
  readonly nodes: readonly NodeNeeds[];
}

/** An empty lowering for a way that a device has to run launches. `steady` are external buffers of which what is made is kept. */
export type BeginLowering<L extends Lowering = Lowering> = (device: Device, runner: Runner, steady?: ReadonlySet<number>) => L;

/** The larger of what it takes by the device's first way and, where that is known to be there, by its faster one. */
export function needsOf(device: Device, graph: Graph, begin: BeginLowering): GraphNeeds {
  const { faster } = device;
  const runners = [device, ...(faster?.target === undefined ? [] : [faster])];
  const all = runners.map((runner) => needsOn(lowered(graph, begin(device, runner)), graph.nodes.length));
  return all.reduce((a, b) => ({
    arena: Math.max(a.arena, b.arena),
    nodes: a.nodes.map((node, i) => ({ ...node, workspace: Math.max(node.workspace, b.nodes[i]!.workspace) })),
  }));
}

function needsOn(lowering: Lowering, count: number): GraphNeeds {
  const nodes = Array.from({ length: count }, () => ({ workspace: 0, flops: 0, bytes: 0 }));
  for (const { node, bytes } of lowering.workspaces) nodes[node]!.workspace += aligned(bytes);
  for (const step of lowering.steps) {
    const needs = nodes[step.node]!;
    needs.flops += step.flops;
    needs.bytes += bytesOf(step);
  }
  return { arena: lowering.arrange().bytes, nodes };
}

/** Bytes of the buffers that a launch is given, as their layouts say. */
export const bytesOf = ({ operands }: LoweredStep): number =>
  operands.reduce((sum, { layout: { numel, dtype } }) => sum + numel * itemSize(dtype), 0);
