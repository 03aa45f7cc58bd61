/**
 * What the nodes of a graph take: memory beside their operands, arithmetic, traffic. Known only from their lowering, so this lowers
 * the graph for whatever the device may run it on.
 */
import { itemSize } from '../base/dtype.ts';
import type { Device } from '../devices/device.ts';
import { aligned } from './arena.ts';
import type { Graph } from './graph.ts';
import type { KernelArg, Lowering, LoweredStep, TableArg } from './lowering.ts';
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

/** The larger of what it takes on WebAssembly and, where that is known to be there, on native code. */
export function needsOf(device: Device, graph: Graph): GraphNeeds {
  const targets = [device.target, device.faster?.target].filter((target) => target !== undefined);
  const all = targets.map((target) => needsOn(lowered(device, graph, target), graph.nodes.length));
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

const isTable = (arg: KernelArg): arg is TableArg => typeof arg === 'object' && 'table' in arg;

/** Bytes of the buffers that a launch is given, as their layouts say. */
export function bytesOf({ args }: LoweredStep): number {
  let bytes = 0;
  for (const arg of Object.values(args).flatMap((given) => (isTable(given) ? given.table : [given]))) {
    if (typeof arg === 'object' && 'layout' in arg) bytes += arg.layout.numel * itemSize(arg.layout.dtype);
  }
  return bytes;
}
