/**
 * A graph's nodes as a list in which a value can be made again: the node that made it runs once more, right before one that
 * needs it, so that its memory is free in between. The method is rematerialisation (Chen, Xu, Zhang and Guestrin, "Training Deep
 * Nets with Sublinear Memory Cost", 2016); what is worth it is decided in `recompute.ts`.
 *
 * A value is a result that one node writes whole. Each time it is made it gets a buffer of its own, its copy; a node reads the copy that
 * stands when it runs. A node runs again only on what it read the first time: values, and memory that nobody has written to since.
 */
import type { Graph, GraphNode } from './graph.ts';
import { withNodes } from './rewrite.ts';

/** A node at its place, or once more at a later one. */
export interface Step extends GraphNode {
  /** Of the graph as it was. */
  readonly node: GraphNode;
  /** Stays the same while the list changes. */
  readonly id: string;
}

/**
 * What to do about an input that does not stand any more where a node is to run again: keep it until then, make it again only for this,
 * or make it again for this and for what needs it later.
 */
export type Mode = 'keep' | 'again' | 'earlier';

/** How many nodes deep making one value again may go. */
const MAX_DEPTH = 12;

/** Where a copy of a value is made and where it is read last, as places in the list. */
interface Copy {
  readonly buffer: number;
  readonly made: number;
  readonly last: number;
}

/** What stays the same while the list changes. */
interface Origins {
  /** The node that makes a value first, by the buffer in which it does. */
  readonly makers: ReadonlyMap<number, Step>;
  /** Whether a node may run again. */
  readonly repeatable: ReadonlySet<GraphNode>;
}

export class Schedule {
  /** Its nodes are the list. */
  readonly graph: Graph;
  readonly #steps: Step[];
  readonly #origins: Origins;
  /** The value that a buffer holds, for those in which one is made again. */
  readonly #values: Map<number, number>;
  /** Whether an input did not stand any more when something was made again. */
  modeMattered = false;

  private constructor(graph: Graph, steps: readonly Step[], origins: Origins, values: ReadonlyMap<number, number>) {
    this.graph = withNodes(graph, steps);
    this.#steps = this.graph.nodes as Step[];
    this.#origins = origins;
    this.#values = new Map(values);
  }

  static of(graph: Graph): Schedule {
    const steps = graph.nodes.map((node, i) => ({ ...node, node, id: String(i) }));
    return new Schedule(graph, steps, originsOf(graph, steps), new Map());
  }

  get steps(): readonly Step[] {
    return this.#steps;
  }

  copy(): Schedule {
    return new Schedule(this.graph, this.#steps, this.#origins, this.#values);
  }

  /** The value that a buffer holds; undefined for what nothing can make again. */
  valueIn(buffer: number): number | undefined {
    const value = this.#values.get(buffer) ?? buffer;
    const maker = this.#origins.makers.get(value);
    return maker !== undefined && this.#origins.repeatable.has(maker.node) ? value : undefined;
  }

  /** Makes a value again right before a step, for that and all later ones; false, and a list of no use, where that cannot be. */
  makeAgain(value: number, before: string, mode: Mode): boolean {
    if (this.#make(value, before, mode, 0) === undefined) return false;
    this.#removeUnread();
    return true;
  }

  /** Takes out a step that makes values again; what reads them reads the copies before them. */
  undo(id: string): void {
    const at = this.#placeOf(id);
    if (at < 0) return; // taken out with another that alone read its results
    for (const output of this.#steps[at]!.outputs) {
      const buffer = bufferOf(this.graph, output);
      const before = this.#copiesOf(this.#values.get(buffer)!).filter(({ made }) => made < at);
      this.#readInstead(at + 1, new Set([buffer]), before.at(-1)!.buffer);
    }
    this.#removeUnread();
  }

  /** Runs a value's node again; gives the buffer of the new copy. */
  #make(value: number, before: string, mode: Mode, depth: number): number | undefined {
    const { graph } = this;
    const maker = this.#origins.makers.get(value)!;
    if (depth > MAX_DEPTH || !this.#origins.repeatable.has(maker.node)) return undefined;
    const { node } = maker;
    const written = writtenInputs(graph, node);
    const inputs: number[] = [];
    for (const id of node.inputs) {
      const input = written.has(bufferOf(graph, id)) ? id : this.#input(id, maker, before, mode, depth);
      if (input === undefined) return undefined;
      inputs.push(input);
    }
    const results = node.outputs.filter((id) => !written.has(bufferOf(graph, id)));
    const copies = results.map((id) => graph.local(graph.buffers[bufferOf(graph, id)]!.bytes));
    const outputs = results.map((id, i) => this.#seenIn(id, copies[i]!));
    const at = this.#placeOf(before);
    const { name, lower, again, elementwise, firstScalar, scalars } = node;
    this.#steps.splice(at, 0, {
      name: `${name} again`,
      lower: again?.([]) ?? lower,
      elementwise,
      inputs,
      outputs,
      firstScalar,
      scalars,
      repeats: true,
      node,
      id: `${maker.id}@${before}.${copies[0]!}`,
    });
    results.forEach((id, i) => {
      const result = bufferOf(graph, id);
      const standing = this.#copiesOf(result).filter(({ made, last }) => made < at && last > at);
      this.#values.set(copies[i]!, result);
      this.#readInstead(at + 1, new Set(standing.map(({ buffer }) => buffer)), copies[i]!);
    });
    return copies[results.findIndex((id) => bufferOf(graph, id) === value)];
  }

  /** What a node reads when it runs again instead of what it read the first time. */
  #input(id: number, maker: Step, before: string, mode: Mode, depth: number): number | undefined {
    const buffer = bufferOf(this.graph, id);
    const value = this.#values.get(buffer) ?? buffer;
    const origin = this.#origins.makers.get(value);
    if (origin === undefined) return this.#isUntouched(buffer, maker, before) ? id : undefined;
    const at = this.#placeOf(before);
    const copies = this.#copiesOf(value);
    const standing = copies.find(({ made, last }) => made < at && last >= at);
    if (standing !== undefined) return this.#seenIn(id, standing.buffer);
    this.modeMattered = true;
    if (mode === 'keep' || !this.#origins.repeatable.has(origin.node)) {
      const kept = copies.filter(({ made }) => made < at).sort((a, b) => b.last - a.last)[0];
      return kept && this.#seenIn(id, kept.buffer);
    }
    const copy = this.#make(value, before, mode, depth + 1);
    if (copy === undefined) return undefined;
    const later = copies.filter(({ made }) => made >= at).sort((a, b) => a.made - b.made)[0];
    if (mode === 'earlier' && later !== undefined) this.#readInstead(0, new Set([later.buffer]), copy);
    return this.#seenIn(id, copy);
  }

  /** Whether nobody but the maker writes to a buffer from where that stands to another place. */
  #isUntouched(buffer: number, maker: Step, before: string): boolean {
    const { graph } = this;
    const between = this.#steps.slice(this.#placeOf(maker.id) + 1, this.#placeOf(before));
    return !between.some(({ outputs }) => outputs.some((id) => bufferOf(graph, id) === buffer));
  }

  #placeOf(id: string): number {
    return this.#steps.findIndex((step) => step.id === id);
  }

  /** A value of the graph through another buffer. */
  #seenIn(id: number, buffer: number): number {
    const { buffer: own, layout, offset } = this.graph.values[id]!;
    return own === buffer ? id : this.graph.value(buffer, layout, offset);
  }

  #copiesOf(value: number): Copy[] {
    const { graph } = this;
    const copies = new Map<number, { buffer: number; made: number; last: number }>();
    this.#steps.forEach(({ inputs, outputs }, at) => {
      for (const id of outputs) {
        const buffer = bufferOf(graph, id);
        if ((this.#values.get(buffer) ?? buffer) === value) copies.set(buffer, { buffer, made: at, last: at });
      }
      for (const id of inputs) {
        const copy = copies.get(bufferOf(graph, id));
        if (copy !== undefined) copy.last = at;
      }
    });
    return [...copies.values()];
  }

  /** From a place on, reads one buffer instead of others. */
  #readInstead(from: number, others: ReadonlySet<number>, buffer: number): void {
    if (others.size === 0) return;
    for (let i = from; i < this.#steps.length; i++) {
      const step = this.#steps[i]!;
      if (!step.inputs.some((id) => others.has(bufferOf(this.graph, id)))) continue;
      const inputs = step.inputs.map((id) => (others.has(bufferOf(this.graph, id)) ? this.#seenIn(id, buffer) : id));
      this.#steps[i] = { ...step, inputs };
    }
  }

  /** Takes out what is made again for nobody. */
  #removeUnread(): void {
    const read = new Set<number>();
    for (let i = this.#steps.length - 1; i >= 0; i--) {
      const { inputs, outputs, repeats } = this.#steps[i]!;
      if (repeats === true && !outputs.some((id) => read.has(bufferOf(this.graph, id)))) this.#steps.splice(i, 1);
      else for (const id of inputs) read.add(bufferOf(this.graph, id));
    }
  }
}

const bufferOf = (graph: Graph, id: number): number => graph.values[id]!.buffer;

/** The buffers that a node reads and writes. */
function writtenInputs(graph: Graph, { inputs, outputs }: GraphNode): Set<number> {
  const written = new Set(outputs.map((id) => bufferOf(graph, id)));
  return new Set(inputs.map((id) => bufferOf(graph, id)).filter((buffer) => written.has(buffer)));
}

function originsOf(graph: Graph, steps: readonly Step[]): Origins {
  const writers = new Map<number, number>();
  for (const { outputs } of steps) for (const id of outputs) writers.set(bufferOf(graph, id), (writers.get(bufferOf(graph, id)) ?? 0) + 1); // prettier-ignore
  const makers = new Map<number, Step>();
  const repeatable = new Set<GraphNode>();
  for (const step of steps) {
    const written = writtenInputs(graph, step);
    const results = step.outputs.filter((id) => !written.has(bufferOf(graph, id)));
    const values = results.filter((id) => graph.buffers[bufferOf(graph, id)]!.kind === 'local' && graph.covers(id) && writers.get(bufferOf(graph, id)) === 1); // prettier-ignore
    for (const id of values) makers.set(bufferOf(graph, id), step);
    const harmless = written.size === 0 || step.again?.([]) !== undefined;
    if (harmless && values.length === results.length) repeatable.add(step.node);
  }
  return { makers, repeatable };
}
