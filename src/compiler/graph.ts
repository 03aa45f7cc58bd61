/**
 * A graph of operations: what a plan is made from. An eager operation is a graph of one node; a compiled function is one
 * of many. Nodes are in execution order by construction.
 *
 * The graph knows operations only by what the compiler needs of them: how they lower. Their gradients and shape rules
 * stay with the operations.
 */
import type { Layout } from '../base/layout.ts';
import type { Lowering, Value } from './lowering.ts';

/** Adds an operation's kernel launches to a plan. `inputs` and `outputs` are in the operation's order. */
export type Lower = (l: Lowering, inputs: readonly Value[], outputs: readonly Value[]) => void;

export interface GraphNode {
  /** For debugging output. */
  readonly name: string;
  readonly lower: Lower;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

export class Graph {
  /** Layouts of all values: the inputs first. */
  readonly values: Layout[] = [];
  readonly inputs: number[] = [];
  readonly outputs: number[] = [];
  readonly nodes: GraphNode[] = [];

  input(layout: Layout): number {
    const id = this.values.push(layout) - 1;
    this.inputs.push(id);
    return id;
  }

  /** Adds an operation on earlier values; returns the ids of its results. */
  node(name: string, lower: Lower, inputs: readonly number[], outputs: readonly Layout[]): number[] {
    const ids = outputs.map((layout) => this.values.push(layout) - 1);
    this.nodes.push({ name, lower, inputs, outputs: ids });
    return ids;
  }

  output(id: number): void {
    this.outputs.push(id);
  }

  toString(): string {
    const show = (id: number): string => `%${id}: ${this.values[id]!.dtype}[${this.values[id]!.shape.join(', ')}]`;
    const lines = this.nodes.map(
      (node) =>
        `  ${node.outputs.map(show).join(', ')} = ${node.name}(${node.inputs.map((id) => `%${id}`).join(', ')})`,
    );
    return [`graph(${this.inputs.map(show).join(', ')}) {`, ...lines, `  return ${this.outputs.map((id) => `%${id}`).join(', ')}`, '}'].join('\n'); // prettier-ignore
  }
}
