/**
 * What a model does with an input, step by step: runs it once on zeros, in evaluation mode and without gradients, and notes
 * each layer call and each operation between layers (`F.relu(x)`, `x + y`, `x.flatten(1)`) in the order in which they ran, with
 * shapes and with where the inputs came from. Numbers and drawings are made of this by `explain/`.
 *
 * Tensors are told apart by their storages, so views belong to what they view; a view of another shape becomes a step where
 * it is used.
 */
import { itemSize, type DType } from '../base/dtype.ts';
import { ShapeError } from '../base/errors.ts';
import { numelOf, sameDims, type Dims } from '../base/shape.ts';
import type { Attrs } from '../geometry/attrs.ts';
import { runningModules, type ModuleBase } from '../nn/module-base.ts';
import { Parameter } from '../nn/parameter.ts';
import { zeros } from '../tensor/create.ts';
import { observing } from '../tensor/observer.ts';
import type { OpName } from '../tensor/ops/index.ts';
import type { Storage } from '../tensor/storage.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { observe, placeOf, tensorsIn, type Model } from './observe.ts';

/** An operation as it ran. */
export interface TracedOp {
  readonly name: OpName;
  readonly attrs: Attrs;
  readonly inputs: readonly Dims[];
  readonly output: Dims;
}

/** A layer call, or an operation between layers. */
export interface TracedStep {
  /** The layer's path in the model; for an operation, the path of the module whose `forward` it stands in. */
  readonly path: string;
  /** The layer; undefined for an operation. */
  readonly layer: ModuleBase | undefined;
  /** A layer's class, an operation's name; `flatten`, `view` or `slice` for views. */
  readonly type: string;
  /** What it computes that matters, if it is one operation: a layer's convolution, say. */
  readonly op: TracedOp | undefined;
  /** The steps that its inputs come from; -1 is the model's input. */
  readonly from: readonly number[];
  readonly inputs: readonly Dims[];
  readonly output: Dims;
  /** Parameters that it used, by their paths. */
  readonly parameters: readonly (readonly [string, Parameter])[];
  /** Bytes of an element of the output. */
  readonly itemSize: number;
  /** Whether the output is the input's memory, seen in another way or changed in place. */
  readonly shares: boolean;
}

export interface Trace {
  readonly steps: readonly TracedStep[];
  /** What the model threw for this input, where shapes did not fit; the steps are those before it. */
  readonly error: ShapeError | undefined;
}

/** Copies and conversions: the same values, so no step of their own. */
const SILENT: ReadonlySet<string> = new Set(['copy', 'cast', 'assign', 'fill']);

/** What a layer is about: a layer with one of these (and only one) is explained by it. */
const MAIN: ReadonlySet<string> = new Set(['conv2d', 'conv2dInputGrad', 'resample2d', 'linear', 'matmul', 'maxPool2d', 'avgPool2d', 'adaptiveAvgPool2d', 'adaptiveMaxPool2d', 'batchNorm', 'batchNormEval', 'lineNorm']); // prettier-ignore

/** Where a storage's values come from, and the shape that they had there. */
interface Origin {
  readonly step: number;
  readonly shape: Dims;
}

/** Runs the model on zeros of this shape and notes what it does. */
export function trace(model: Model, inputShape: Dims, dtype: DType): Trace {
  const tracer = new Tracer(model);
  return tracer.run(() => model(tracer.input(zeros([...inputShape], { dtype, device: placeOf(model) }))));
}

class Tracer {
  readonly #model: ModuleBase;
  readonly #steps: TracedStep[] = [];
  readonly #origins = new WeakMap<Storage, Origin[]>();
  readonly #paths: ReadonlyMap<ModuleBase, string>;
  readonly #parameters: ReadonlyMap<Tensor, string>;
  /** Operations of the layer that is running. */
  #pending: { op: TracedOp; tensors: readonly Tensor[]; result: Tensor }[] = [];

  constructor(model: ModuleBase) {
    this.#model = model;
    this.#paths = new Map([...model.namedModules()].map(([path, module]) => [module, path]));
    this.#parameters = new Map([...model.namedParameters()].map(([path, parameter]) => [parameter, path]));
  }

  input(x: Tensor): Tensor {
    this.#origins.set(x.storage, [{ step: -1, shape: x.layout.shape }]);
    return x;
  }

  run(fn: () => unknown): Trace {
    const leaves = [...this.#paths.keys()].filter(isLeaf);
    const hook = (layer: ModuleBase, args: readonly unknown[], output: unknown): void => this.#called(layer, args, output);
    let error: ShapeError | undefined;
    try {
      const output = observing({ ran: (name, inputs, attrs, results) => this.#ran(name, inputs, attrs, results) }, () =>
        observe(this.#model, leaves, hook, fn),
      );
      for (const tensor of tensorsIn(output)) this.#origin(tensor, this.#model);
    } catch (thrown) {
      if (!(thrown instanceof ShapeError)) throw thrown;
      error = thrown;
    }
    return { steps: this.#steps, error };
  }

  #ran(name: OpName, tensors: readonly Tensor[], attrs: Attrs, results: readonly Tensor[]): void {
    const result = results[0];
    const inner = runningModules().findLast((module) => this.#paths.has(module)) ?? this.#model;
    if (result === undefined) return;
    const op = { name, attrs, inputs: tensors.map((t) => t.layout.shape), output: result.layout.shape };
    if (isLeaf(inner)) this.#pending.push({ op, tensors, result });
    else this.#operation(op, tensors, result, inner);
  }

  /** An operation between layers, or inside a layer that does several things. */
  #operation(op: TracedOp, tensors: readonly Tensor[], result: Tensor, place: ModuleBase): void {
    const sources = this.#sources(tensors, place);
    if (SILENT.has(op.name)) {
      const origin = sources.at(-1);
      if (origin !== undefined) this.#origins.set(result.storage, [{ step: origin.step, shape: op.output }]);
      return;
    }
    if (sources.length === 0) return; // computed from constants only
    this.#add({ path: this.#pathOf(place), layer: undefined, type: op.name, op }, sources, tensors, result);
  }

  /** A layer has run. */
  #called(layer: ModuleBase, args: readonly unknown[], output: unknown): void {
    const ops = this.#pending;
    this.#pending = [];
    const main = ops.filter(({ op }) => MAIN.has(op.name));
    const result = tensorsIn(output)[0];
    if (result === undefined) return;
    if (main.length > 1) {
      for (const { op, tensors, result: part } of ops) this.#operation(op, tensors, part, layer);
      return;
    }
    const given = args.flatMap(tensorsIn);
    const used = [...ops.flatMap(({ tensors }) => tensors), ...layer.parameters()];
    const head = { path: this.#pathOf(layer), layer, type: layer.typeName(), op: main[0]?.op };
    this.#add(head, this.#sources(given, layer), used, result);
  }

  #add(
    head: Pick<TracedStep, 'path' | 'layer' | 'type' | 'op'>,
    sources: readonly Origin[],
    used: readonly Tensor[],
    result: Tensor,
  ): void {
    const step = this.#steps.length;
    const output = result.layout.shape;
    const parameters = [...new Set(used)].flatMap((tensor): [string, Parameter][] => {
      const path = this.#parameters.get(tensor);
      return path === undefined || !(tensor instanceof Parameter) ? [] : [[path, tensor]];
    });
    const [from, inputs] = [sources.map((source) => source.step), sources.map((source) => source.shape)];
    const shares = this.#origins.has(result.storage);
    this.#steps.push({ ...head, from, inputs, output, parameters, itemSize: itemSize(result.dtype), shares });
    this.#origins.set(result.storage, [{ step, shape: output }]);
  }

  /** Where tensors come from, those that are neither parameters nor constants. */
  #sources(tensors: readonly Tensor[], place: ModuleBase): Origin[] {
    return tensors.flatMap((tensor) => this.#origin(tensor, place) ?? []);
  }

  /** Where a tensor comes from; if it is seen in another shape than it was made in, that view becomes a step. */
  #origin(tensor: Tensor, place: ModuleBase): Origin | undefined {
    const origins = this.#origins.get(tensor.storage);
    const shape = tensor.layout.shape;
    const made = origins?.findLast((origin) => sameSample(origin.shape, shape));
    if (made !== undefined) return { step: made.step, shape };
    const base = origins?.[0];
    if (origins === undefined || base === undefined) return undefined;
    const step = this.#steps.length;
    const path = this.#pathOf(place === this.#model || !isLeaf(place) ? place : this.#outer(place));
    const head = { path, layer: undefined, type: viewName(base.shape, shape), op: undefined, parameters: [] };
    const [from, inputs] = [[base.step], [base.shape]];
    this.#steps.push({ ...head, from, inputs, output: shape, itemSize: itemSize(tensor.dtype), shares: true });
    origins.push({ step, shape });
    return { step, shape };
  }

  /** The module in whose forward a layer is called. */
  #outer(layer: ModuleBase): ModuleBase {
    const path = this.#pathOf(layer).split('.').slice(0, -1).join('.');
    return [...this.#paths].find(([, other]) => other === path)?.[0] ?? this.#model;
  }

  #pathOf(module: ModuleBase): string {
    return this.#paths.get(module) ?? '';
  }
}

/** Layers are what has no modules in it. */
const isLeaf = (module: ModuleBase): boolean => module.namedChildren().next().done === true;

/** Equal but for a batch dimension of one image. */
const sameSample = (a: Dims, b: Dims): boolean => sameDims(a, b) || sameDims([1, ...a], b) || sameDims(a, [1, ...b]);

function viewName(from: Dims, to: Dims): string {
  if (numelOf(from) !== numelOf(to)) return 'slice';
  return to.length < from.length ? 'flatten' : 'view';
}
