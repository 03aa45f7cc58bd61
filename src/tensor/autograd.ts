/**
 * Reverse-mode automatic differentiation.
 *
 * Every operation on tensors that require gradients leaves a {@link GradNode}: it knows which nodes made its inputs and
 * how to turn the gradient of its outputs into those of its inputs. `backward` walks the nodes from the newest to the
 * oldest, which is a valid order because an operation is always newer than what made its inputs, and sums what flows
 * into each (Griewank & Walther, "Evaluating Derivatives", ch. 3; the bookkeeping follows PyTorch's engine).
 *
 * This file does not know any operation; their gradients stand beside them in `ops/`.
 */
import { arrayOf, BOOL, kind, requireKind, requireOptions, type OptionKinds } from '../base/arguments.ts'; // prettier-ignore
import { AutogradError, ShapeError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { withGradMode } from './grad-mode.ts';
import { closeScope, openScope, type Storage, adoptIntoScope } from './storage.ts';
import { isTensor } from './is-tensor.ts';
import type { Tensor } from './tensor.ts';

/** Where a gradient flows: into output `index` of what `node` recorded. */
export interface Edge {
  readonly node: GradNode;
  readonly index: number;
}

export type Hook = (grad: Tensor) => Tensor | undefined;

let nextSequence = 0;

/** A recorded operation, or a leaf that collects a gradient. */
export abstract class GradNode {
  /** Newer than that of everything the edges lead to. */
  readonly sequence: number;
  /** One for each input; undefined where the input needs no gradient. */
  readonly edges: readonly (Edge | undefined)[];
  /** As PyTorch prints it: `AddBackward0`. */
  abstract readonly name: string;
  /** By output index; called with the full gradient before the node runs. */
  hooks: Map<number, Hook[]> | undefined;

  /** Takes the edges first: finding them may make nodes, which then are older. */
  constructor(edges: readonly (Edge | undefined)[]) {
    this.edges = edges;
    this.sequence = nextSequence++;
  }

  /** The gradients of the inputs, from those of the outputs. */
  abstract run(grads: readonly (Tensor | undefined)[], createGraph: boolean): readonly (Tensor | undefined)[];

  /** Lets go of saved tensors; the node cannot run again. */
  abstract release(): void;
}

/** The end of every path: adds what arrives to a leaf's `grad`. */
export class AccumulateGrad extends GradNode {
  readonly name = 'AccumulateGrad';
  readonly #leaf: Tensor;

  constructor(leaf: Tensor) {
    super([]);
    this.#leaf = leaf;
  }

  hasGrad(): boolean {
    return this.#leaf.grad !== null;
  }

  run(grads: readonly (Tensor | undefined)[], createGraph: boolean): readonly (Tensor | undefined)[] {
    const grad = grads[0]!;
    const leaf = this.#leaf;
    if (leaf.grad === null) leaf.grad = grad;
    else if (createGraph) leaf.grad = leaf.grad.add(grad);
    else leaf.grad.add_(grad);
    return [];
  }

  release(): void {
    // A leaf has nothing saved: it collects again in the next backward pass.
  }
}

export interface BackwardOptions {
  /** Keep saved tensors, so that backward can run again. Default: as `createGraph`. */
  readonly retainGraph?: boolean;
  /** Record the backward pass itself, for higher derivatives. */
  readonly createGraph?: boolean;
}

interface GradOptions extends BackwardOptions {
  /** The gradients of the outputs; 1 where an output is a single number. */
  readonly gradOutputs?: readonly Tensor[];
}

const TENSOR = kind('a tensor', (value) => isTensor(value));
const TENSORS = arrayOf(TENSOR, 'tensors');
const BACKWARD: OptionKinds<BackwardOptions> = { retainGraph: BOOL, createGraph: BOOL };
const GRAD: OptionKinds<GradOptions> = { ...BACKWARD, gradOutputs: TENSORS };

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
class Engine {
  readonly #owned = new Owned();
  readonly #pending = new Map<GradNode, (Tensor | undefined)[]>();
  readonly #createGraph: boolean;
  readonly #retain: boolean;
  /** Gradients asked for at edges instead of being accumulated into leaves. */
  readonly #captures: Map<GradNode, Map<number, Tensor | undefined>> | undefined;

  constructor(options: BackwardOptions, captures?: Map<GradNode, Map<number, Tensor | undefined>>) {
    this.#createGraph = options.createGraph ?? false;
    this.#retain = options.retainGraph ?? this.#createGraph;
    this.#captures = captures;
  }

  run(roots: readonly { edge: Edge; grad: Tensor }[]): void {
    for (const { edge, grad } of roots) this.#receive(edge, grad);
    withGradMode(this.#createGraph, () => {
      for (const node of newestFirst(roots.map((root) => root.edge.node))) this.#step(node);
    });
  }

  #step(node: GradNode): void {
    const grads = this.#pending.get(node);
    this.#pending.delete(node);
    if (grads === undefined) return;
    if (node.hooks !== undefined) this.#runHooks(node.hooks, grads);
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
    openScope();
    let results: readonly (Tensor | undefined)[] = [];
    try {
      results = node.run(grads, this.#createGraph);
    } finally {
      this.#settle(closeScope(), results);
    }
    for (let i = 0; i < node.edges.length; i++) {
      const edge = node.edges[i];
      const grad = results[i];
      if (edge !== undefined && grad !== undefined) this.#receive(edge, grad);
    }
    for (const grad of grads) if (grad !== undefined) this.#owned.drop(grad.storage);
    if (!this.#retain) node.release();
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
    if (
      !this.#createGraph &&
      this.#owned.exclusive(before.storage) &&
      before.storage !== grad.storage &&
      before.layout.contiguous
    ) {
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

  #runHooks(hooks: ReadonlyMap<number, readonly Hook[]>, grads: (Tensor | undefined)[]): void {
    for (const [index, list] of hooks) {
      for (const hook of list) {
        const grad = grads[index];
        if (grad === undefined) continue;
        this.#owned.letGo(grad.storage); // the hook may keep it
        const replaced: unknown = hook(grad);
        if (replaced !== undefined && replaced !== null)
          requireKind('registerHook', 'what the hook returns', replaced, TENSOR);
        grads[index] = (replaced as Tensor | undefined) ?? grad;
      }
    }
  }
}

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
  return [...seen].sort((a, b) => b.sequence - a.sequence);
}

/** Checks or makes the gradient that a backward pass starts with. */
function rootGradient(op: string, output: Tensor, gradient: Tensor | undefined): { edge: Edge; grad: Tensor } {
  const edge = output.gradEdge();
  if (edge === undefined) {
    throw new AutogradError(
      `${op}: this tensor does not require gradients and nothing that made it does; set requiresGrad on a leaf before ` +
        'computing, and compute outside noGrad()',
    );
  }
  if (gradient !== undefined) {
    if (!sameShape(gradient, output)) {
      throw new ShapeError(`${op}: the gradient has shape ${showShape(gradient.shape)}, but the tensor has ${showShape(output.shape)}; they must be equal`); // prettier-ignore
    }
    return { edge, grad: gradient };
  }
  if (output.numel() !== 1) {
    throw new AutogradError(
      `${op}: a gradient can be made by itself only for a single number, but this tensor has shape ${showShape(output.shape)}; ` +
        'reduce it first (.sum(), .mean()) or pass the gradient',
    );
  }
  return { edge, grad: output.detach().onesLike() };
}

const sameShape = (a: Tensor, b: Tensor): boolean => a.layout.shape.join() === b.layout.shape.join();

/** Computes gradients of `output` and adds them to the leaves' `grad`. See `Tensor.backward`. */
export function backward(output: Tensor, gradient: Tensor | undefined, options: BackwardOptions): void {
  const given = requireOptions<BackwardOptions>(
    'backward',
    options,
    BACKWARD,
    'backward(gradient, { retainGraph: true })',
  );
  const root = rootGradient('backward', output, gradient);
  new Engine(given).run([root]);
}

/**
 * Gradients of `outputs` with respect to `inputs`, returned instead of accumulated (PyTorch: `torch.autograd.grad`).
 * @returns one gradient for each input; undefined where the input does not take part
 * @throws AutogradError when an input does not require gradients
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions = {},
): (Tensor | undefined)[] {
  const given = requireOptions<GradOptions>('grad', options, GRAD, 'grad(outputs, inputs, { createGraph: true })');
  const list = Array.isArray(outputs) ? (outputs as readonly Tensor[]) : [outputs as Tensor];
  requireKind('grad', 'outputs', list, TENSORS);
  requireKind('grad', 'inputs', inputs, TENSORS);
  const roots = list.map((output, i) => rootGradient('grad', output, given.gradOutputs?.[i]));
  const captures = new Map<GradNode, Map<number, Tensor | undefined>>();
  const edges = inputs.map((input, i) => {
    const edge = input.gradEdge();
    if (edge === undefined) throw new AutogradError(`grad: input ${i} does not require gradients; set requiresGrad before computing with it`); // prettier-ignore
    const wanted = captures.get(edge.node) ?? new Map<number, Tensor | undefined>();
    captures.set(edge.node, wanted.set(edge.index, undefined));
    return edge;
  });
  new Engine(given, captures).run(roots);
  return edges.map((edge) => captures.get(edge.node)?.get(edge.index));
}
