/**
 * Tensors kept for the backward pass: with the version that they had, so that a change in place is found out; or, inside `savedTensorsHooks`, as
 * whatever the hooks make of them (checkpointing keeps nothing and computes them again).
 */
import { FUNCTION, requireKind } from '../base/arguments.ts';
import { AutogradError } from '../base/errors.ts';
import { until } from './anomaly.ts';
import type { Edge } from './autograd.ts';
import { withGradMode } from './grad-mode.ts';
import { isTensor } from './is-tensor.ts';
import { tensorOver } from './make-tensor.ts';
import { outsideScope } from './storage.ts';
import type { Tensor } from './tensor.ts';

/** What becomes of a tensor that is saved, and how it is had again. */
export interface SavedHooks {
  readonly pack: (tensor: Tensor) => unknown;
  readonly unpack: (packed: never) => Tensor;
}

/** The error for going through a node whose saved tensors are gone. */
export const alreadyReleased = (op: string): AutogradError =>
  new AutogradError(
    `backward: trying to go through the graph a second time: ${op} has already been differentiated and its saved tensors were freed; pass { retainGraph: true } to the first backward() to run it twice`,
  );

const active: SavedHooks[] = [];

/** A tensor that was saved. */
export class SavedTensor {
  readonly #tensor: Tensor | undefined;
  readonly #version: number;
  readonly #packed: { readonly value: unknown; readonly hooks: SavedHooks; readonly edge: Edge | undefined } | undefined;

  /** `edge`: where its gradient flows, if it does not know that yet. */
  constructor(tensor: Tensor, edge?: Edge) {
    if (tensor.storage.inference) throw inferenceSaved();
    this.#version = tensor.storage.version;
    const hooks = active.at(-1);
    if (hooks === undefined) this.#tensor = tensor;
    else
      this.#packed = {
        value: withGradMode(false, () => hooks.pack(tensor.detach())),
        hooks,
        edge: edge ?? tensor.gradEdge(),
      };
  }

  /** The tensor as it was. `what` says in an error what it is: `mul needs its input 0`. */
  get(what: () => string): Tensor {
    const tensor = this.#tensor;
    if (tensor === undefined) return this.#unpacked();
    if (tensor.storage.version === this.#version) return tensor;
    throw new AutogradError(
      `backward: ${what()}, a tensor of shape [${tensor.layout.shape.join(', ')}], as it was, but it has been changed ` +
        `in place since (version ${tensor.storage.version}, expected ${this.#version}); use the operation without the underscore there, or clone() first`,
    );
  }

  /** Belongs to the place in the graph that the tensor had. */
  #unpacked(): Tensor {
    const { value, hooks, edge } = this.#packed!;
    const tensor: unknown = outsideScope(() => hooks.unpack(value as never));
    if (!isTensor(tensor)) throw new AutogradError('savedTensorsHooks: unpack must return a tensor');
    const result = tensorOver(tensor.storage, tensor.layout, tensor.offset);
    if (edge !== undefined) result.setHistory(edge.node, edge.index);
    return result;
  }
}

const inferenceSaved = (): AutogradError =>
  new AutogradError(
    'a tensor made in inferenceMode() cannot be saved for the backward pass; clone() it first, or use noGrad() instead of inferenceMode()',
  );

/**
 * What operations save for the backward pass goes through `pack`, and comes back through `unpack` (https://pytorch.org/docs/stable/autograd.html#torch.autograd.graph.saved_tensors_hooks):
 * to keep it elsewhere, or in fewer bytes. For `fn`, an asynchronous one until its promise settles, or as a guard for `using`.
 * @example
 * import { autograd, tensor } from 'flambeau';
 * const x = tensor([1, 2], { requiresGrad: true });
 * let saved = 0;
 * const y = autograd.graph.savedTensorsHooks((t) => (saved++, t), (t) => t, () => x.mul(x).sum());
 * y.backward();
 * console.log(saved, x.grad?.tolist()); // 2 [ 2, 4 ]
 */
export function savedTensorsHooks<P>(pack: (tensor: Tensor) => P, unpack: (packed: P) => Tensor): Disposable;
export function savedTensorsHooks<P, T>(pack: (tensor: Tensor) => P, unpack: (packed: P) => Tensor, fn: () => T): T;
export function savedTensorsHooks<P, T>(pack: (tensor: Tensor) => P, unpack: (packed: P) => Tensor, fn?: () => T): T | Disposable {
  requireKind('savedTensorsHooks', 'pack', pack, FUNCTION);
  requireKind('savedTensorsHooks', 'unpack', unpack, FUNCTION);
  const hooks: SavedHooks = { pack, unpack };
  if (fn !== undefined) requireKind('savedTensorsHooks', 'the function', fn, FUNCTION);
  active.push(hooks);
  const end = (): void => {
    const place = active.lastIndexOf(hooks);
    if (place !== -1) active.splice(place, 1);
  };
  if (fn === undefined) return { [Symbol.dispose]: end };
  return until(end, fn);
}
