/**
 * What a model does with its input, as a list of operations and views: the first half of an export. The model is recorded as
 * `compile` does it, so nothing is computed, and code that depends on a tensor's values is an error rather than half of a model.
 *
 * Values are told apart by storage, layout and offset. An operation in place makes a new value of its storage; what the old one
 * was seen as is forgotten with it.
 */
import '../../nn/families/state-dicts.ts';

import { itemSize, type DType } from '../../base/dtype.ts';
import { ArgumentError, CompileError } from '../../base/errors.ts';
import type { Layout } from '../../base/layout.ts';
import { showShape } from '../../base/shape.ts';
import type { Attrs } from '../../geometry/attrs.ts';
import { runningModules, type ModuleBase } from '../../nn/module-base.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { observing } from '../../tensor/observer.ts';
import type { OpName } from '../../tensor/ops/index.ts';
import { Recorder, unrecorded } from '../../tensor/recorder.ts';
import type { Storage } from '../../tensor/storage.ts';
import { Tensor } from '../../tensor/tensor.ts';

export interface TracedValue {
  readonly dtype: DType;
  readonly layout: Layout;
  /** A tensor that the model did not compute: from its state dict, with the name that it has there, or of its own making. */
  readonly constant: { readonly key: string | undefined; readonly tensor: Tensor } | undefined;
}

export interface TracedOp {
  readonly kind: 'op';
  readonly path: string;
  readonly name: OpName;
  readonly attrs: Attrs;
  readonly scalars: readonly number[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** Another layout over the same elements, or some of them. */
export interface TracedView {
  readonly kind: 'view';
  readonly path: string;
  readonly input: number;
  readonly output: number;
  /** Elements from the first of the source to the first of the view. */
  readonly offset: number;
}

export type TracedStep = TracedOp | TracedView;

export interface Trace {
  readonly values: readonly TracedValue[];
  readonly steps: readonly TracedStep[];
  readonly inputs: readonly number[];
  readonly outputs: readonly { readonly name: string; readonly value: number }[];
}

/**
 * Records the model on these inputs, in evaluation mode; its mode is as before afterwards.
 * @throws ArgumentError for what cannot be exported
 */
export function traceModel(model: ModuleBase, inputs: readonly Tensor[]): Trace {
  const modes = [...model.modules()].map((module) => [module, module.training] as const);
  model.eval();
  try {
    return new Tracer(model).run(inputs);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    const what = error.message.split(', which a compiled function')[0]!;
    throw new ArgumentError(
      `exportOnnx: ${what}, so the model depends on values, which a graph of operations cannot; use where() instead of branching`,
      { cause: error },
    );
  } finally {
    for (const [module, training] of modes) module.training = training;
  }
}

const keyOf = (tensor: Tensor): string => `${tensor.layout.id}@${tensor.offset}`;

class Tracer {
  readonly #model: ModuleBase;
  readonly #paths: ReadonlyMap<ModuleBase, string>;
  readonly #state = new Map<Storage, { readonly key: string; readonly tensor: Tensor }[]>();
  readonly #values: TracedValue[] = [];
  readonly #steps: TracedStep[] = [];
  /** The current values of each storage, by layout and offset. */
  readonly #known = new Map<Storage, Map<string, number>>();
  /** Set while something runs that is not the model's. */
  #quiet = false;

  constructor(model: ModuleBase) {
    this.#model = model;
    this.#paths = new Map([...model.namedModules()].map(([path, module]) => [module, path]));
    for (const [key, tensor] of model.stateDict()) {
      const list = this.#state.get(tensor.storage) ?? [];
      this.#state.set(tensor.storage, list);
      list.push({ key, tensor });
    }
  }

  run(given: readonly Tensor[]): Trace {
    const inputs = given.map((tensor) => this.#bind(tensor));
    const recorder = new Recorder();
    const observer = {
      ran: (...seen: Parameters<Tracer['ran']>) => this.ran(...seen),
      viewed: (source: Tensor, view: Tensor) => this.#viewed(source, view),
    };
    const call = this.#model as unknown as (...inputs: readonly Tensor[]) => unknown;
    const result = withGradMode(false, () => recorder.record(() => observing(observer, () => call(...given))));
    const outputs = namedTensors(result).map(([name, tensor]) => ({ name, value: this.#find(tensor, 'its output') }));
    recorder.release();
    return { values: this.#values, steps: this.#steps, inputs, outputs };
  }

  get #path(): string {
    const inner = runningModules().findLast((module) => this.#paths.has(module));
    return inner === undefined ? '' : this.#paths.get(inner)!;
  }

  #value(tensor: Tensor, constant?: TracedValue['constant']): number {
    return this.#values.push({ dtype: tensor.dtype, layout: tensor.layout, constant }) - 1;
  }

  /** A new value of its storage. */
  #bind(tensor: Tensor, constant?: TracedValue['constant']): number {
    const id = this.#value(tensor, constant);
    const known = this.#known.get(tensor.storage) ?? new Map<string, number>();
    this.#known.set(tensor.storage, known.set(keyOf(tensor), id));
    return id;
  }

  #find(tensor: Tensor, what: string): number {
    const known = this.#known.get(tensor.storage);
    if (known === undefined) return this.#constant(tensor, what);
    const id = known.get(keyOf(tensor));
    if (id !== undefined) return id;
    // A change in place made the whole storage anew, and this is another view of it.
    for (const other of known.values()) {
      const { layout } = this.#values[other]!;
      if (layout.contiguous && tensor.layout.contiguous && layout.numel === tensor.numel() && tensor.offset === 0) {
        return this.#addView(other, tensor, 0);
      }
    }
    throw new ArgumentError(
      `exportOnnx: ${what} is a part of a tensor that was changed in place (in ${this.#path || 'the model'}); use the operations without the underscore`,
    );
  }

  #constant(tensor: Tensor, what: string): number {
    const named = this.#state.get(tensor.storage)?.find((entry) => keyOf(entry.tensor) === keyOf(tensor));
    if (named !== undefined) return this.#bind(tensor, named);
    if (tensor.storage.freed)
      throw new ArgumentError(`exportOnnx: ${what} was computed in a way that cannot be exported (in ${this.#path || 'the model'})`);
    // Its elements as they are now: they may be overwritten later.
    this.#quiet = true;
    const copy = unrecorded(() => tensor.detach().clone());
    this.#quiet = false;
    return this.#bind(tensor, { key: undefined, tensor: copy });
  }

  #addView(input: number, view: Tensor, offset: number): number {
    const output = this.#bind(view);
    this.#steps.push({ kind: 'view', path: this.#path, input, output, offset });
    return output;
  }

  #viewed(source: Tensor, view: Tensor): void {
    if (source.storage.freed && !this.#known.has(source.storage)) return; // of something that is written first
    const input = this.#find(source, 'what is viewed');
    if (this.#known.get(view.storage)!.has(keyOf(view))) return;
    this.#addView(input, view, view.offset - source.offset);
  }

  /** An operation was recorded. */
  ran(name: OpName, tensors: readonly Tensor[], attrs: Attrs, results: readonly Tensor[], scalars: readonly number[]): void {
    if (this.#quiet) return;
    const target = results[0];
    // Of filling and assigning, the target is not read; it may have no elements yet.
    const writes = name === 'fill' || name === 'assign';
    const inputs = tensors.map((tensor, i) => (writes && i === 0 ? -1 : this.#find(tensor, `an input of ${name}`)));
    if (target !== undefined && this.#changesInPlace(tensors, target)) this.#forget(name, target);
    const outputs = results.map((result) => this.#bind(result));
    this.#steps.push({ kind: 'op', path: this.#path, name, attrs, scalars: [...scalars], inputs, outputs });
  }

  #changesInPlace(tensors: readonly Tensor[], target: Tensor): boolean {
    return this.#known.has(target.storage) || tensors.some(({ storage }) => storage === target.storage);
  }

  /** A storage is overwritten: nothing that is known of it holds any more. */
  #forget(name: string, target: Tensor): void {
    const place = this.#path === '' ? 'the model' : this.#path;
    if (this.#state.has(target.storage)) {
      throw new ArgumentError(
        `exportOnnx: ${name} changes a parameter or buffer of the model in forward (in ${place}), which a graph cannot keep`,
      );
    }
    const whole = target.layout.contiguous && target.numel() * itemSize(target.dtype) === target.storage.bytes;
    if (!whole) {
      throw new ArgumentError(
        `exportOnnx: ${name} changes a part of a tensor in place, ${showShape(target.layout.shape)} of it (in ${place}); put the parts together with cat or where`,
      );
    }
    this.#known.delete(target.storage);
  }
}

/** The tensors of a result, with names for the graph. */
function namedTensors(result: unknown): [string, Tensor][] {
  if (result instanceof Tensor) return [['output', result]];
  if (typeof result !== 'object' || result === null) {
    throw new ArgumentError(`exportOnnx: expected the model to give tensors, but it gives ${result === null ? 'null' : typeof result}`);
  }
  const entries = Object.entries(result).filter(([, value]) => value !== null && value !== undefined);
  const list = entries.flatMap(([name, value]): [string, Tensor][] => {
    if (value instanceof Tensor) return [[Array.isArray(result) ? `output_${name}` : name, value]];
    throw new ArgumentError(`exportOnnx: expected the model to give tensors, or an array or object of them, but ${name} is none`);
  });
  if (list.length === 0) throw new ArgumentError('exportOnnx: the model gives no tensor');
  return list;
}
