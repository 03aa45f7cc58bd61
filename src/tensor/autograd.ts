/**
 * The graph that reverse-mode automatic differentiation walks.
 *
 * Every operation on tensors that require gradients leaves a {@link GradNode}: it knows which nodes made its inputs and
 * how to turn the gradient of its outputs into those of its inputs. `engine.ts` walks the nodes from the newest to the
 * oldest, which is a valid order because an operation is always newer than what made its inputs, and sums what flows
 * into each (Griewank & Walther, "Evaluating Derivatives", ch. 3; the bookkeeping follows PyTorch's engine).
 *
 * This file does not know any operation; their gradients stand beside them in `ops/`.
 */
import { FUNCTION, requireKind } from '../base/arguments.ts';
import type { Nothing } from '../base/nothing.ts';
import { callSite, isAnomalyEnabled } from './anomaly.ts';
import type { Tensor } from './tensor.ts';

/** Where a gradient flows: into output `index` of what `node` recorded. */
export interface Edge {
  readonly node: GradNode;
  readonly index: number;
}

/** What a hook of a tensor gives instead of the gradient, or nothing. */
export type Hook = (grad: Tensor) => Tensor | Nothing;

/** Gradients by number of the output (or input); undefined where nothing flows. */
export type Grads = readonly (Tensor | undefined)[];

/** Called with the gradients of a node's outputs before it runs; may give others. */
export type NodePreHook = (gradOutputs: Grads) => Grads | Tensor | Nothing;
/** Called with the gradients of a node's inputs and outputs after it has run; may give others for the inputs. */
export type NodeHook = (gradInputs: Grads, gradOutputs: Grads) => Grads | Tensor | Nothing;

/** Takes something away again. */
export interface RemovableHandle extends Disposable {
  remove(): void;
}

/** A handle that takes `hook` out of a list of hooks. `changed` is told of it. */
export function handleOf<H>(list: Set<H> | H[], hook: H, changed?: () => void): RemovableHandle {
  const remove = (): void => {
    if (Array.isArray(list)) {
      const place = list.indexOf(hook);
      if (place !== -1) list.splice(place, 1);
    } else list.delete(hook);
    changed?.();
  };
  return { remove, [Symbol.dispose]: remove };
}

const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never;

let nextSequence = 0;

/** A recorded operation, or a leaf that collects a gradient. */
export abstract class GradNode {
  /** Newer than that of everything the edges lead to. */
  readonly sequence: number;
  /** @internal One for each input; undefined where the input needs no gradient. */
  readonly edges: readonly (Edge | undefined)[];
  /** @internal As PyTorch prints it: `AddBackward0`. */
  abstract readonly label: string;
  /** @internal By output index; called with the full gradient before the node runs. */
  hooks: Map<number, Hook[]> | undefined;
  /** @internal As `hooks`, after all of these: they keep the gradient of a tensor that is no leaf. */
  retains: Map<number, (grad: Tensor) => void> | undefined;
  /** @internal */
  preHooks: NodePreHook[] | undefined;
  /** @internal */
  postHooks: NodeHook[] | undefined;
  /** @internal Where the operation was called, in anomaly mode. */
  readonly calledAt: string | undefined;
  /** @internal Whether it runs user's code, which may keep the gradients that it sees and what it makes. */
  readonly foreign: boolean = false;
  #metadata: Record<string, unknown> | undefined;

  /** Takes the edges first: finding them may make nodes, which then are older. */
  constructor(edges: readonly (Edge | undefined)[]) {
    this.edges = edges;
    this.sequence = nextSequence++;
    this.calledAt = isAnomalyEnabled() ? callSite() : undefined;
  }

  /** As PyTorch calls what was recorded: `MulBackward0`. */
  name(): string {
    return this.label;
  }

  /** What made the inputs, each with the number of its output; null for an input without gradients (PyTorch: `next_functions`). */
  get nextFunctions(): readonly (readonly [GradNode | null, number])[] {
    return this.edges.map((edge) => (edge === undefined ? [null, 0] : [edge.node, edge.index]));
  }

  /** Whatever a program wants to note of this node. */
  get metadata(): Record<string, unknown> {
    return (this.#metadata ??= {});
  }

  /** Calls `hook` with the gradients of the inputs and of the outputs whenever this has run; what it gives replaces the former. */
  registerHook(hook: NodeHook): RemovableHandle {
    requireKind('registerHook', 'hook', hook, FUNCTION);
    const hooks = (this.postHooks ??= []);
    hooks.push(hook);
    return handleOf(hooks, hook);
  }

  /** Calls `hook` with the gradients of the outputs before this runs; what it gives replaces them. */
  registerPrehook(hook: NodePreHook): RemovableHandle {
    requireKind('registerPrehook', 'hook', hook, FUNCTION);
    const hooks = (this.preHooks ??= []);
    hooks.push(hook);
    return handleOf(hooks, hook);
  }

  toString(): string {
    return `<${this.label} object>`;
  }

  [INSPECT](): string {
    return this.toString();
  }

  /**
   * @internal The gradients of the inputs, from those of the outputs.
   * @param wanted which of them anybody asks for; all that there are where it is left out
   */
  abstract run(grads: Grads, createGraph: boolean, wanted?: (input: number) => boolean): Grads;

  /** @internal Lets go of saved tensors; the node cannot run again. */
  abstract release(): void;
}

/** The end of every path: adds what arrives to a leaf's `grad`. */
export class AccumulateGrad extends GradNode {
  readonly label = 'AccumulateGrad';
  /** Called with the leaf when its `grad` is complete. */
  readonly afterwards: ((leaf: Tensor) => void)[] = [];
  /** The same, behind all of these: users' hooks may change the gradient that others are to get. */
  readonly finally: ((leaf: Tensor) => void)[] = [];
  readonly #leaf: Tensor;

  constructor(leaf: Tensor) {
    super([]);
    this.#leaf = leaf;
  }

  /** The leaf (PyTorch: `AccumulateGrad.variable`). */
  get variable(): Tensor {
    return this.#leaf;
  }

  hasGrad(): boolean {
    return this.#leaf.grad !== null;
  }

  run(grads: Grads, createGraph: boolean): Grads {
    const grad = grads[0]!;
    const leaf = this.#leaf;
    if (leaf.grad === null) leaf.grad = grad;
    else if (createGraph) leaf.grad = leaf.grad.add(grad);
    else leaf.grad.add_(grad);
    for (const hook of [...this.afterwards, ...this.finally]) hook(leaf);
    return [];
  }

  /** How many hooks there are, for compiled functions: another number is another recording. */
  get hookCount(): number {
    let count = this.afterwards.length + this.finally.length;
    for (const list of this.hooks?.values() ?? []) count += list.length;
    return count;
  }

  release(): void {
    // A leaf has nothing saved: it collects again in the next backward pass.
  }
}

/** What is left to do when the backward pass that runs has ended. */
let endings: (() => void)[] | undefined;

/** Has `fn` called when the backward pass that runs has ended, if it does (PyTorch: `queue_callback`); without one at once. */
export function afterPass(fn: () => void): void {
  if (endings === undefined) fn();
  else endings.push(fn);
}

/** Runs a backward pass, and what was asked for meanwhile. */
export function withEndings(pass: () => void): void {
  const [before, own] = [endings, [] as (() => void)[]];
  endings = own;
  try {
    pass();
    for (const ending of own) ending();
  } finally {
    endings = before;
  }
}
