/**
 * A graph's nodes as a list in which a value can be made again: the node that made it runs once more, right before one that
 * needs it, so that its memory is free in between. The method is rematerialisation (Chen, Xu, Zhang and Guestrin, "Training Deep
 * Nets with Sublinear Memory Cost", 2016); what is worth it is decided in `recompute.ts`.
 *
 * A value is a result that one node writes whole. Each time it is made it gets a buffer of its own, its copy; a node reads the copy that
 * stands when it runs. A node runs again only on what it read the first time: values, and memory that nobody has written to since.
 */
import type { Graph, GraphNode, Lifetimes } from './graph.ts';
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

/** How many nodes may have to run again for one value. */
const MAX_RUNS = 40;

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
  /** The nodes that may run again. */
  readonly repeatable: ReadonlySet<GraphNode>;
  /** The steps that write to each buffer. */
  readonly writers: ReadonlyMap<number, readonly string[]>;
}

export class Schedule {
  /** Its nodes are the list. */
  readonly graph: Graph;
  readonly #steps: Step[];
  readonly #origins: Origins;
  /** The value that a buffer holds, for those in which one is made again. */
  readonly #values: Map<number, number>;
  /** Those buffers by value. */
  readonly #copies: Map<number, readonly number[]>;
  #lives: Lifetimes | undefined;
  #runsLeft = 0;
  /** Whether a copy has lost readers. */
  #mayBeUnread = false;
  /** Whether an input did not stand any more when something was made again. */
  modeMattered = false;

  private constructor(graph: Graph, origins: Origins, before?: Schedule) {
    this.graph = graph;
    this.#steps = graph.nodes as Step[];
    this.#origins = origins;
    this.#values = new Map(before === undefined ? [] : before.#values);
    this.#copies = new Map(before === undefined ? [] : before.#copies);
  }

  static of(graph: Graph): Schedule {
    const steps = graph.nodes.map((node, i) => ({ ...node, node, id: String(i) }));
    return new Schedule(withNodes(graph, steps), originsOf(graph, steps));
  }

  get steps(): readonly Step[] {
    return this.#steps;
  }

  copy(): Schedule {
    return new Schedule(withNodes(this.graph, this.#steps), this.#origins, this);
  }

  /** The value that a buffer holds; undefined for what nothing can make again. */
  valueIn(buffer: number): number | undefined {
    const value = this.#values.get(buffer) ?? buffer;
    const maker = this.#origins.makers.get(value);
    return maker !== undefined && this.#origins.repeatable.has(maker.node) ? value : undefined;
  }

  /** Makes a value again right before a step, for that and all later ones; false, and a list of no use, where that cannot be. */
  makeAgain(value: number, before: string, mode: Mode): boolean {
    this.#runsLeft = MAX_RUNS;
    if (this.#make(value, before, mode) === undefined) return false;
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
      this.#readInstead(at + 1, new Map([[buffer, before.at(-1)!.buffer]]));
    }
    this.#removeUnread();
  }

  /** Runs a value's node again; gives the buffer of the new copy. */
  #make(value: number, before: string, mode: Mode): number | undefined {
    const { graph } = this;
    const maker = this.#origins.makers.get(value)!;
    if (this.#runsLeft-- === 0 || !this.#origins.repeatable.has(maker.node)) return undefined;
    const { node } = maker;
    const written = writtenInputs(graph, node);
    const inputs: number[] = [];
    for (const id of node.inputs) {
      const input = written.has(bufferOf(graph, id)) ? id : this.#input(id, maker, before, mode);
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
    this.#lives = undefined;
    const values = results.map((id) => bufferOf(graph, id));
    const instead = new Map<number, number>();
    values.forEach((result, i) => {
      for (const { buffer, made, last } of this.#copiesOf(result)) if (made < at && last > at) instead.set(buffer, copies[i]!);
    });
    values.forEach((result, i) => {
      this.#values.set(copies[i]!, result);
      this.#copies.set(result, [...(this.#copies.get(result) ?? []), copies[i]!]);
    });
    this.#readInstead(at + 1, instead);
    return copies[values.indexOf(value)];
  }

  /** What a node reads when it runs again instead of what it read the first time. */
  #input(id: number, maker: Step, before: string, mode: Mode): number | undefined {
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
    const copy = this.#make(value, before, mode);
    if (copy === undefined) return undefined;
    const later = copies.find(({ made }) => made >= at);
    if (mode === 'earlier' && later !== undefined) this.#readInstead(at, new Map([[later.buffer, copy]]));
    return this.#seenIn(id, copy);
  }

  /** Whether nobody but the maker writes to a buffer from where that stands to another place. */
  #isUntouched(buffer: number, maker: Step, before: string): boolean {
    const others = (this.#origins.writers.get(buffer) ?? []).filter((id) => id !== maker.id);
    if (others.length === 0) return true;
    const [from, to] = [this.#placeOf(maker.id), this.#placeOf(before)];
    return others.map((id) => this.#placeOf(id)).every((at) => at < from || at >= to);
  }

  #placeOf(id: string): number {
    return this.#steps.findIndex((step) => step.id === id);
  }

  /** A value of the graph through another buffer. */
  #seenIn(id: number, buffer: number): number {
    const { buffer: own, layout, offset } = this.graph.values[id]!;
    return own === buffer ? id : this.graph.value(buffer, layout, offset);
  }

  /** The copies of a value, in the order in which they are made. */
  #copiesOf(value: number): Copy[] {
    const { first, last } = (this.#lives ??= this.graph.lifetimes());
    const buffers = [value, ...(this.#copies.get(value) ?? [])].filter((buffer) => first[buffer]! >= 0);
    const copies = buffers.map((buffer) => ({ buffer, made: first[buffer]!, last: last[buffer]! }));
    return copies.sort((a, b) => a.made - b.made);
  }

  /** From a place on, reads other buffers instead of some. */
  #readInstead(from: number, instead: ReadonlyMap<number, number>): void {
    const { values } = this.graph;
    if (instead.size === 0) return;
    this.#lives = undefined;
    this.#mayBeUnread ||= [...instead.keys()].some((buffer) => this.#values.has(buffer));
    for (let i = from; i < this.#steps.length; i++) {
      const step = this.#steps[i]!;
      if (!step.inputs.some((id) => instead.has(values[id]!.buffer))) continue;
      this.#steps[i] = {
        ...step,
        inputs: step.inputs.map((id) => this.#seenIn(id, instead.get(values[id]!.buffer) ?? values[id]!.buffer)),
      };
    }
  }

  /** Takes out what is made again for nobody. */
  #removeUnread(): void {
    if (!this.#mayBeUnread) return;
    this.#lives = undefined;
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
  const writers = new Map<number, string[]>();
  for (const { outputs, id } of steps) {
    for (const buffer of new Set(outputs.map((output) => bufferOf(graph, output)))) {
      const others = writers.get(buffer);
      if (others === undefined) writers.set(buffer, [id]);
      else others.push(id);
    }
  }
  const isValue = (id: number): boolean => {
    const buffer = bufferOf(graph, id);
    return graph.buffers[buffer]!.kind === 'local' && graph.covers(id) && writers.get(buffer)!.length === 1;
  };
  const makers = new Map<number, Step>();
  const repeatable = new Set<GraphNode>();
  for (const step of steps) {
    const written = writtenInputs(graph, step);
    const results = step.outputs.filter((id) => !written.has(bufferOf(graph, id)));
    const values = results.filter(isValue);
    for (const id of values) makers.set(bufferOf(graph, id), step);
    const harmless = written.size === 0 || step.again?.([]) !== undefined;
    if (harmless && values.length === results.length) repeatable.add(step.node);
  }
  return { makers, repeatable, writers };
}
