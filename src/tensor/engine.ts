/**
 * One backward pass: walks the graph (`autograd.ts`) from the newest node to the oldest and sums what flows into each. What users call is in
 * `differentiate.ts`.
 */
import { requireKind } from '../base/arguments.ts';
import { AutogradError } from '../base/errors.ts';
import { sameDims, showShape } from '../base/shape.ts';
import { isAnomalyCheckNanEnabled, isAnomalyEnabled } from './anomaly.ts';
import { AccumulateGrad, withEndings, type Edge, type GradNode, type Grads, type Hook } from './autograd.ts';
import { withGradMode } from './grad-mode.ts';
import { TENSOR, TENSORS_OR_NONE } from './grad-kinds.ts';
import { forbidWhileRecording } from './recorder.ts';
import { adoptIntoScope, closeScope, openScope, type Storage } from './storage.ts';
import type { Tensor } from './tensor.ts';

/** What a pass is asked for. */
export interface PassOptions {
  /** Whether saved tensors stay, so that another pass can run. Default: as `createGraph`. */
  readonly retainGraph?: boolean | undefined;
  /** Whether the pass itself is recorded. */
  readonly createGraph?: boolean | undefined;
  /** Gradients asked for at edges instead of being accumulated into leaves. */
  readonly captures?: Captures | undefined;
  /** The only nodes that anything is wanted of; leaves that are not among them collect nothing. */
  readonly targets?: ReadonlySet<GradNode> | undefined;
}

/** By node and the number of its output. */
export type Captures = ReadonlyMap<GradNode, Map<number, Tensor | undefined>>;

/** Storages that the running backward pass made, with the number of pending gradients on each. */
class Owned {
  readonly #counts = new Map<Storage, number>();

  own(storage: Storage): void {
    if (!this.#counts.has(storage)) this.#counts.set(storage, 0);
  }

  hold(storage: Storage): void {
    const count = this.#counts.get(storage);
    if (count !== undefined) this.#counts.set(storage, count + 1);
  }

  /** Frees the storage when nothing pending is on it any more. */
  drop(storage: Storage): void {
    const count = this.#counts.get(storage);
    if (count === undefined) return;
    if (count > 1) {
      this.#counts.set(storage, count - 1);
      return;
    }
    this.#counts.delete(storage);
    storage.free();
  }

  /** Whether this is the only pending gradient on a storage of ours. */
  exclusive(storage: Storage): boolean {
    return this.#counts.get(storage) === 1;
  }

  /** The storage is visible outside from now on: never freed here. */
  letGo(storage: Storage): void {
    this.#counts.delete(storage);
  }
}

/** One backward pass. */
export class Engine {
  readonly #owned = new Owned();
  readonly #pending = new Map<GradNode, (Tensor | undefined)[]>();
  readonly #createGraph: boolean;
  readonly #retain: boolean;
  readonly #captures: Captures | undefined;
  readonly #targets: ReadonlySet<GradNode> | undefined;
  /** The nodes on the way to targets, where there are any: nothing else runs. */
  #wanted: Set<GradNode> | undefined;

  constructor({ createGraph = false, retainGraph = createGraph, captures, targets }: PassOptions) {
    this.#createGraph = createGraph;
    this.#retain = retainGraph;
    this.#captures = captures;
    this.#targets = targets;
  }

  run(roots: readonly { edge: Edge; grad: Tensor }[]): void {
    const nodes = newestFirst(roots.map((root) => root.edge.node));
    if (this.#targets !== undefined) this.#wanted = leadingTo(this.#targets, nodes);
    for (const { edge, grad } of roots) this.#receive(edge, grad);
    withEndings(() =>
      withGradMode(this.#createGraph, () => {
        for (const node of nodes) this.#step(node);
      }),
    );
  }

  #step(node: GradNode): void {
    const grads = this.#pending.get(node);
    this.#pending.delete(node);
    if (grads === undefined) return;
    this.#runHooks(node, grads);
    const captured = this.#captures?.get(node);
    if (captured !== undefined) {
      for (const index of captured.keys()) {
        const grad = grads[index];
        if (grad !== undefined) this.#owned.letGo(grad.storage);
        captured.set(index, grad);
      }
    }
    if (node instanceof AccumulateGrad) {
      if (this.#captures === undefined) this.#accumulate(node, grads[0]!);
      return;
    }
    const wanted = this.#wanted;
    const wants = wanted === undefined ? undefined : (i: number): boolean => isIn(wanted, node.edges[i]);
    if (wants !== undefined && !node.edges.some((_, i) => wants(i))) return;
    const results = this.#runNode(node, grads, wants);
    const several = results.length > 1 ? results : []; // one gradient may flow along more than one edge
    for (const grad of several) if (grad !== undefined) this.#owned.hold(grad.storage);
    for (let i = 0; i < node.edges.length; i++) {
      const edge = node.edges[i];
      const grad = results[i];
      if (edge !== undefined && grad !== undefined && (wants === undefined || wants(i))) this.#receive(edge, grad);
    }
    for (const grad of several) if (grad !== undefined) this.#owned.drop(grad.storage);
    for (const grad of grads) if (grad !== undefined) this.#owned.drop(grad.storage);
    if (!this.#retain) node.release();
  }

  #runNode(node: GradNode, grads: Grads, wants: ((i: number) => boolean) | undefined): Grads {
    let results: Grads = [];
    if (node.foreign) {
      this.#show(grads);
      results = located(node, () => node.run(grads, this.#createGraph, wants));
    } else {
      openScope();
      try {
        results =
          node.calledAt === undefined
            ? node.run(grads, this.#createGraph, wants)
            : located(node, () => node.run(grads, this.#createGraph, wants));
      } finally {
        this.#settle(closeScope(), results);
      }
    }
    if (isAnomalyEnabled() && isAnomalyCheckNanEnabled()) requireNumbers(node, results);
    for (const hook of [...(node.postHooks ?? [])]) {
      this.#show(grads);
      this.#show(results);
      results = replaced('registerHook', hook(results, grads), results);
    }
    return results;
  }

  /** User's code gets these, which may keep them. */
  #show(grads: Grads): void {
    for (const grad of grads) if (grad !== undefined) this.#owned.letGo(grad.storage);
  }

  /** What a node made: results stay, its temporaries go at once. With a graph being created, everything stays. */
  #settle(made: readonly Storage[], results: readonly (Tensor | undefined)[]): void {
    if (this.#createGraph) {
      adoptIntoScope(made);
      return;
    }
    const survivors: Storage[] = [];
    for (const storage of made) {
      if (isOf(storage, results)) {
        this.#owned.own(storage);
        survivors.push(storage);
      } else if (!storage.wanted) storage.free();
    }
    adoptIntoScope(survivors);
  }

  /** Adds a gradient to what waits for a node. */
  #receive(edge: Edge, grad: Tensor): void {
    if (this.#wanted?.has(edge.node) === false) return;
    let waiting = this.#pending.get(edge.node);
    if (waiting === undefined) {
      waiting = [];
      this.#pending.set(edge.node, waiting);
    }
    const before = waiting[edge.index];
    if (before === undefined) {
      waiting[edge.index] = grad;
      this.#owned.hold(grad.storage);
      return;
    }
    if (!this.#createGraph && this.#owned.exclusive(before.storage) && before.storage !== grad.storage && before.layout.contiguous) {
      before.add_(grad);
      this.#owned.hold(grad.storage); // balanced at once: frees it if nobody else waits for it
      this.#owned.drop(grad.storage);
      return;
    }
    openScope();
    const sum = before.add(grad);
    const made = closeScope();
    adoptIntoScope(made);
    if (!this.#createGraph) made.forEach((storage) => this.#owned.own(storage));
    this.#owned.hold(sum.storage);
    this.#owned.hold(grad.storage);
    this.#owned.drop(grad.storage);
    this.#owned.drop(before.storage);
    waiting[edge.index] = sum;
  }

  /** A leaf may keep a gradient that nobody else can see; any other is copied, as PyTorch does. */
  #accumulate(node: AccumulateGrad, grad: Tensor): void {
    const mine = this.#owned.exclusive(grad.storage) && grad.layout.contiguous && grad.offset === 0;
    if (this.#createGraph || node.hasGrad()) {
      node.run([grad], this.#createGraph);
      if (!this.#createGraph) this.#owned.drop(grad.storage);
      return;
    }
    if (mine) this.#owned.letGo(grad.storage);
    node.run([mine ? grad : grad.clone()], false);
    if (!mine) this.#owned.drop(grad.storage);
  }

  #runHooks(node: GradNode, grads: (Tensor | undefined)[]): void {
    for (const [index, list] of node.hooks ?? []) {
      for (const hook of [...list]) {
        const grad = grads[index];
        if (grad !== undefined) this.#runHook(hook, grads, index, grad);
      }
    }
    for (const [index, keep] of node.retains ?? []) {
      const grad = grads[index];
      if (grad !== undefined) keep(grad);
    }
    for (const hook of [...(node.preHooks ?? [])]) {
      this.#show(grads);
      const given = replaced('registerPrehook', hook([...grads]), grads);
      grads.length = 0;
      grads.push(...given);
    }
  }

  #runHook(hook: Hook, grads: (Tensor | undefined)[], index: number, grad: Tensor): void {
    this.#owned.letGo(grad.storage); // the hook may keep it
    const given: unknown = hook(grad);
    if (given === undefined || given === null) return;
    requireKind('registerHook', 'what the hook returns', given, TENSOR);
    const other = given as Tensor;
    if (!sameDims(other.layout.shape, grad.layout.shape))
      throw new AutogradError(
        `registerHook: the hook has changed the gradient's shape from ${showShape(grad.layout.shape)} to ${showShape(other.layout.shape)}; return a gradient of the same shape`,
      );
    grads[index] = other;
  }
}

/** What a hook of a node gave instead, if anything. */
function replaced(op: string, given: unknown, grads: Grads): Grads {
  if (given === undefined || given === null) return grads;
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  requireKind(op, 'what the hook returns', list, TENSORS_OR_NONE);
  if (list.length !== grads.length)
    throw new AutogradError(`${op}: the hook has returned ${list.length} gradients instead of ${grads.length}; return one for each`);
  return list.map((grad) => (grad as Tensor | null | undefined) ?? undefined);
}

/** Where an error comes from, as far as anomaly mode has noted it. */
function located<T>(node: GradNode, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof AutogradError && node.calledAt !== undefined)
      error.message += `; ${node.label} was recorded here:\n${node.calledAt}`;
    throw error;
  }
}

/** @throws AutogradError where a gradient that a node has computed is not a number */
function requireNumbers(node: GradNode, results: Grads): void {
  forbidWhileRecording('anomaly mode: this reads gradients into JavaScript', 'look for the mistake without compile()');
  results.forEach((grad, i) => {
    if (grad === undefined || !hasNaN(grad)) return;
    const where =
      node.calledAt === undefined
        ? '; switch anomaly mode on before the forward pass to see where it was called'
        : `; it was called here:\n${node.calledAt}`;
    throw new AutogradError(`backward: function '${node.label}' returned nan values in its ${i}th output${where}`);
  });
}

function hasNaN(grad: Tensor): boolean {
  if (!grad.isFloatingPoint()) return false;
  for (const value of grad.detach().toTypedArray()) if (Number.isNaN(Number(value))) return true;
  return false;
}

/** The nodes from which edges lead to targets, and these. */
function leadingTo(targets: ReadonlySet<GradNode>, newest: readonly GradNode[]): Set<GradNode> {
  const found = new Set<GradNode>();
  for (let i = newest.length - 1; i >= 0; i--) {
    const node = newest[i]!;
    if (targets.has(node) || node.edges.some((edge) => isIn(found, edge))) found.add(node);
  }
  return found;
}

const isIn = (nodes: ReadonlySet<GradNode>, edge: Edge | undefined): boolean => edge !== undefined && nodes.has(edge.node);

/** Whether a storage is one of the tensors'. */
function isOf(storage: Storage, tensors: readonly (Tensor | undefined)[]): boolean {
  for (const tensor of tensors) if (tensor?.storage === storage) return true;
  return false;
}

/** All nodes reachable from the roots, newest first. */
function newestFirst(roots: readonly GradNode[]): GradNode[] {
  const seen = new Set<GradNode>(roots);
  const stack = [...seen];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    for (const edge of node.edges) {
      if (edge === undefined || seen.has(edge.node)) continue;
      seen.add(edge.node);
      stack.push(edge.node);
    }
  }
  return leavesEarly([...seen].sort((a, b) => b.sequence - a.sequence));
}

/** A leaf's node right behind the last one that leads to it, as in PyTorch: hooks on gradients begin while the pass goes on. */
function leavesEarly(nodes: readonly GradNode[]): GradNode[] {
  const placed = new Set<GradNode>();
  const oldestFirst: GradNode[] = [];
  for (const node of nodes.toReversed()) {
    if (placed.has(node) || node instanceof AccumulateGrad) continue;
    for (const edge of node.edges.toReversed()) {
      if (edge === undefined || !(edge.node instanceof AccumulateGrad) || placed.has(edge.node)) continue;
      placed.add(edge.node);
      oldestFirst.push(edge.node);
    }
    oldestFirst.push(node);
  }
  const alone = nodes.filter((node) => node instanceof AccumulateGrad && !placed.has(node)); // roots themselves
  return [...alone, ...oldestFirst.toReversed()];
}
