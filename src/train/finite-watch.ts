/**
 * Which layer it is whose output, or whose gradient, is the first that is not finite. A batch runs eagerly once more, every operation is looked at as it
 * runs, and so is every node of the backward pass.
 */
import { runningModules, type ModuleBase } from '../nn/module-base.ts';
import type { GradNode } from '../tensor/autograd.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { observing } from '../tensor/observer.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Criterion, TrainableModel } from './evaluation.ts';
import { pair, type BatchSource } from './progress.ts';
import type { Pair } from './steps.ts';

/** Where values that are not finite come from. */
export interface NonFinite {
  /** What is not finite first: the batch, a layer's weights, its output (of finite weights and inputs), or a gradient that it passes on. */
  readonly what: 'input' | 'weights' | 'output' | 'gradient';
  /** The layer's path in the model, `''` for the model itself; undefined for a batch and for the loss function. */
  readonly path: string | undefined;
  /** The layer's class, or that of the loss function. */
  readonly type: string | undefined;
  /** The operation in it, such as `log`, or the node of the backward pass, such as `SqrtBackward0`. */
  readonly operation: string | undefined;
  /** The update, from 1, in which it was first. */
  readonly step: number;
  /** The process in which it was, where several train together. */
  readonly rank?: number;
}

/** Operations that write infinities where they are told to, as masks are made. */
const FILLS: ReadonlySet<string> = new Set(['maskedFill', 'where', 'fill', 'assign', 'copy', 'cast', 'pad']);

type Place = Pick<NonFinite, 'path' | 'type'>;

/** Looks at one update's forward and backward passes. */
export class FiniteWatch {
  readonly #paths: ReadonlyMap<ModuleBase, string>;
  readonly #parameters: ReadonlySet<Tensor>;
  readonly #step: number;
  /** Nodes whose module is known. */
  readonly #seen = new WeakSet<GradNode>();
  #last: { readonly results: readonly Tensor[]; readonly place: Place } | undefined;
  #found: NonFinite | undefined;
  /** The first result that is not finite, where it did not begin with an operation. */
  #fallback: NonFinite | undefined;

  constructor(model: ModuleBase, step: number) {
    this.#paths = new Map([...model.namedModules()].map(([path, module]) => [module, path]));
    this.#parameters = new Set<Tensor>([...model.parameters(), ...model.buffers()]);
    this.#step = step;
  }

  found(): NonFinite | undefined {
    return this.#found ?? this.#fallback;
  }

  /** The loss of a batch, its operations looked at. */
  forward(model: TrainableModel, criterion: Criterion, [inputs, targets]: Pair): Tensor {
    for (const given of [inputs, targets]) if (!isFinite(given)) this.#find('input', NOWHERE);
    const loss = observing({ ran: (name, from, _, results) => this.#ran(name, from, results) }, () => criterion(model(inputs), targets));
    this.#settle();
    return loss;
  }

  /** What the gradients of the leaves are, when all have been added up. */
  leaves(model: ModuleBase): void {
    for (const [path, { grad }] of model.namedParameters()) {
      if (grad === null || isFinite(grad)) continue;
      const owner = path.split('.').slice(0, -1).join('.');
      const module = [...this.#paths].find(([, other]) => other === owner)?.[0];
      this.#find('gradient', { path: owner, type: module?.typeName() });
    }
  }

  #ran(name: string, inputs: readonly Tensor[], results: readonly Tensor[]): void {
    this.#settle();
    const place = this.#place();
    this.#last = { results, place };
    if (this.#found !== undefined) return;
    const bad = results.find((result) => !isFinite(result));
    if (bad === undefined) return;
    const others = inputs.filter((input) => !results.some((result) => result.storage === input.storage)); // in place
    if (others.some((input) => this.#parameters.has(input) && !isFinite(input))) this.#find('weights', place, name);
    else if (hasNaN(bad) ? !others.some(hasNaN) : !FILLS.has(name) && others.every(isFinite)) this.#find('output', place, name);
    this.#fallback ??= { what: 'output', ...place, operation: name, step: this.#step };
  }

  /** Watches the nodes of the operation before: an operation is recorded when it has run. */
  #settle(): void {
    const { results = [], place } = this.#last ?? {};
    this.#last = undefined;
    for (const result of results) {
      const node = result.gradFn;
      if (node === null || place === undefined || this.#seen.has(node)) continue;
      this.#seen.add(node);
      node.registerHook((gradInputs) => {
        if (gradInputs.some((grad) => grad && !isFinite(grad))) this.#find('gradient', place, node.name());
      });
    }
  }

  #place(): Place {
    const running = runningModules();
    const module = running.findLast((one) => this.#paths.has(one));
    return module === undefined
      ? { path: undefined, type: running.at(-1)?.typeName() }
      : { path: this.#paths.get(module), type: module.typeName() };
  }

  #find(what: NonFinite['what'], place: Place, operation?: string): void {
    this.#found ??= { what, ...place, operation, step: this.#step };
  }
}

/** What a network makes of batches that is not finite first, in evaluation mode and without gradients. */
export async function watchBatches(
  model: TrainableModel,
  criterion: Criterion,
  source: BatchSource,
  step: number,
): Promise<NonFinite | undefined> {
  model.eval();
  for await (const batch of source) {
    const watch = new FiniteWatch(model, step);
    withGradMode(false, () => watch.forward(model, criterion, pair(batch)));
    if (watch.found() !== undefined) return watch.found();
  }
  return undefined;
}

const NOWHERE: Place = { path: undefined, type: undefined };

const valuesOf = (tensor: Tensor): ArrayLike<number | bigint> => (tensor.isFloatingPoint() ? tensor.detach().toTypedArray() : []);

function isFinite(tensor: Tensor): boolean {
  const values = valuesOf(tensor);
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(Number(values[i]))) return false;
  return true;
}

function hasNaN(tensor: Tensor): boolean {
  const values = valuesOf(tensor);
  for (let i = 0; i < values.length; i++) if (Number.isNaN(Number(values[i]))) return true;
  return false;
}

/** In words, as the end of a sentence. */
export function nonFiniteText(found: NonFinite): string {
  return found.rank === undefined ? textOf(found) : `on rank ${found.rank}, ${textOf(found)}`;
}

function textOf({ what, path, type, operation }: NonFinite): string {
  if (what === 'input') return 'the batch itself has values that are not finite';
  const layer =
    path === undefined
      ? `the loss function${type === undefined ? '' : ` (${type})`}`
      : path === ''
        ? `the model itself (${type ?? ''})`
        : `'${path}' (${type ?? ''})`;
  const at = operation === undefined ? '' : `, in ${operation}`;
  if (what === 'weights') return `the first layer with values that are not finite is ${layer}, whose weights are not`;
  return what === 'output'
    ? `the first output that is not finite is that of ${layer}${at}`
    : `the first gradient that is not finite is computed by ${layer}${at}`;
}
