/**
 * What the planner's passes share: a graph with other nodes, and a table of nodes that says where each buffer is read and
 * written, so that nodes can be gathered into one without changing what anybody sees.
 */
import type { Layout } from '../base/layout.ts';
import { Graph, type GraphNode } from './graph.ts';

/** A graph of the same buffers and values with other nodes. */
export function withNodes(graph: Graph, nodes: readonly GraphNode[]): Graph {
  const result = new Graph();
  result.buffers.push(...graph.buffers);
  result.values.push(...graph.values);
  result.externals.push(...graph.externals);
  result.nodes.push(...nodes);
  return result;
}

/** Nodes in their order, some of them taken out, with the numbers of those that read and write each buffer. */
export class NodeTable {
  /** New values may be added to it; its nodes are not those of the table. */
  readonly graph: Graph;
  readonly nodes: (GraphNode | undefined)[];
  readonly #reads: Set<number>[];
  readonly #writes: Set<number>[];

  constructor(graph: Graph) {
    this.graph = withNodes(graph, []);
    this.nodes = [...graph.nodes];
    this.#reads = graph.buffers.map(() => new Set());
    this.#writes = graph.buffers.map(() => new Set());
    graph.nodes.forEach((node, i) => this.put(i, node));
  }

  bufferOf(value: number): number {
    return this.graph.values[value]!.buffer;
  }

  isLocal(buffer: number): boolean {
    return this.graph.buffers[buffer]!.kind === 'local';
  }

  readers(buffer: number): ReadonlySet<number> {
    return this.#reads[buffer]!;
  }

  /** The only node that writes a buffer, if there is just one. */
  producer(buffer: number): number | undefined {
    const writes = this.#writes[buffer]!;
    const [first] = writes;
    return writes.size === 1 ? first : undefined;
  }

  /** Whether a node other than that at a place reads or writes a buffer. */
  usedElsewhere(buffer: number, at: number): boolean {
    const others = (uses: ReadonlySet<number>): boolean => uses.size > (uses.has(at) ? 1 : 0);
    return others(this.#reads[buffer]!) || others(this.#writes[buffer]!);
  }

  /** A new local buffer, seen through a dense layout. */
  local(layout: Layout): number {
    this.#reads.push(new Set());
    this.#writes.push(new Set());
    return this.graph.value(this.graph.local(layout.extent), layout);
  }

  /** Puts a node at a free place. */
  put(at: number, node: GraphNode): void {
    this.nodes[at] = node;
    for (const id of node.inputs) this.#reads[this.bufferOf(id)]!.add(at);
    for (const id of node.outputs) this.#writes[this.bufferOf(id)]!.add(at);
  }

  remove(at: number): void {
    const { inputs, outputs } = this.nodes[at]!;
    for (const id of inputs) this.#reads[this.bufferOf(id)]!.delete(at);
    for (const id of outputs) this.#writes[this.bufferOf(id)]!.delete(at);
    this.nodes[at] = undefined;
  }

  /** Puts one node in place of several, where {@link meeting} says. */
  replace(members: Iterable<number>, at: number, node: GraphNode): void {
    for (const member of members) this.remove(member);
    this.put(at, node);
  }

  /** A place where all these nodes can run one after the other, their first or their last; undefined if there is none. */
  meeting(members: ReadonlySet<number>): number | undefined {
    const places = [Math.min(...members), Math.max(...members)];
    return places.find((at) => [...members].every((member) => this.#canMove(member, at, members)));
  }

  /** The same of two nodes. */
  meetingOfTwo(a: number, b: number): number | undefined {
    const both = { has: (place: number) => place === a || place === b };
    const [first, last] = [Math.min(a, b), Math.max(a, b)];
    return this.#canMove(last, first, both) ? first : this.#canMove(first, last, both) ? last : undefined;
  }

  /** Whether no other node between its place and `at` reads what it writes, or writes what it reads or writes. */
  #canMove(from: number, at: number, members: { has(place: number): boolean }): boolean {
    const { inputs, outputs } = this.nodes[from]!;
    const [low, high] = from < at ? [from, at] : [at, from];
    const clear = (uses: ReadonlySet<number>): boolean => {
      for (const k of uses) if (k >= low && k <= high && !members.has(k)) return false;
      return true;
    };
    return (
      inputs.every((id) => clear(this.#writes[this.bufferOf(id)]!)) &&
      outputs.every((id) => clear(this.#writes[this.bufferOf(id)]!) && clear(this.#reads[this.bufferOf(id)]!))
    );
  }

  /** The graph of the nodes that are left. */
  result(): Graph {
    return withNodes(
      this.graph,
      this.nodes.filter((node) => node !== undefined),
    );
  }
}
