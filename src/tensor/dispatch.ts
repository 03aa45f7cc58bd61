/**
 * Runs operations: finds the plan for a signature (operation, attributes, layouts), allocates results, runs it, and
 * records the operation for the backward pass. Eager execution is a graph of one node.
 *
 * The rules themselves are in `ops/`; this file treats all operations alike.
 */
import { moved } from './transfer.ts';
import { wrongArgument } from '../base/arguments.ts';
import { ArgumentError, AutogradError, DeviceError, InternalError } from '../base/errors.ts';
import { itemSize } from '../base/dtype.ts';
import { sameLayout, type Layout } from '../base/layout.ts';
import { sameDims } from '../base/shape.ts';
import { Graph } from '../compiler/graph.ts';
import { Plan } from '../compiler/plan.ts';
import type { Buffer, Device } from '../devices/device.ts';
import type { Attrs } from '../geometry/attrs.ts';
import { GradNode, type Edge } from './autograd.ts';
import { cpuDevice } from './backend.ts';
import { counted, operationOf, type EagerPlan, type Operation, type Outs } from './eager-plans.ts';
import { isGradEnabled, withGradMode } from './grad-mode.ts';
import { graphOp, lowerOf, ruleOf } from './graph-op.ts';
import { RULES, type OpAttrs, type OpName } from './ops/index.ts';
import type { Gradient, GradientContext } from './ops/rule.ts';
import { activeRecorder, type Recorder, type Scalars } from './recorder.ts';
import { allocateStorage, imaginaryStorage, unusable, usedAfterFree } from './storage.ts';
import type { Storage } from './storage.ts';
import { isTensor } from './is-tensor.ts';
import type { Tensor } from './tensor.ts';

/** Makes a tensor object; `tensor.ts` supplies it, since tensors have methods that dispatch. */
type Wrap = (storage: Storage, layout: Layout, offset: number) => Tensor;
let wrap: Wrap = () => {
  throw new InternalError('tensor.ts is not loaded');
};

export function registerTensor(make: Wrap): void {
  wrap = make;
}

/** A tensor over a storage. */
export const tensorOver: Wrap = (storage, layout, offset) => wrap(storage, layout, offset);

const NO_SCALARS: readonly number[] = [];
function makePlan({ name }: Operation, inputs: readonly Tensor[], attrs: Attrs, outs: Outs, device: Device): EagerPlan {
  const results = resultLayouts(name, inputs, attrs, outs);
  const graph = new Graph();
  const ids = inputs.map(({ layout }) => graph.input(layout));
  for (const id of graph.node(name, lowerOf(name, attrs, device.kind), ids, results)) graph.output(id);
  return { plan: new Plan(device, graph, { hold: (bytes) => counted(device, bytes) }), results };
}

function resultLayouts(
  name: OpName,
  inputs: readonly Tensor[],
  attrs: Attrs,
  outs: readonly (Tensor | undefined)[],
): Layout[] {
  const layouts = inputs.map((input) => input.layout);
  return ruleOf(name)
    .shape(layouts, attrs)
    .map((layout, i) => {
      const out = outs[i]?.layout;
      if (out === undefined) return layout;
      if (out.dtype !== layout.dtype || !sameDims(out.shape, layout.shape)) throw inPlaceMismatch(name, out, layout);
      return out;
    });
}

function inPlaceMismatch(name: string, target: Layout, result: Layout): Error {
  return new AutogradError(
    `${name}: the result has dtype ${result.dtype} and shape [${result.shape.join(', ')}], which cannot be written in place ` +
      `into ${target.dtype} [${target.shape.join(', ')}]; use the form without the underscore`,
  );
}

/** Adds where a tensor lies. */
function place(name: string, { storage, offset, layout }: Tensor, buffers: Buffer[], offsets: number[]): void {
  if (storage.freed) throw unusable(name, storage);
  buffers.push(storage.buffer);
  offsets.push(offset * itemSize(layout.dtype));
}

/** Callers' types may promise too much: what is no tensor shows here, before anything is looked up or changed. */
function requireTensors(name: OpName, inputs: readonly unknown[]): void {
  for (const input of inputs) if (!isTensor(input)) throw wrongOperand(name, input);
}

/**
 * The device that all of them live on.
 * @throws DeviceError that names both where there are two
 */
function deviceOf(name: OpName, inputs: readonly Tensor[]): Device {
  const first = inputs[0]!.storage.device;
  for (const { storage } of inputs) if (storage.device !== first) throw onTwoDevices(name, first, storage.device);
  return first;
}

const onTwoDevices = (name: OpName, a: Device, b: Device): DeviceError =>
  new DeviceError(`${publicName(name)}: expected all tensors on one device, but got some on the ${a.name} and some on the ${b.name}; move them with .to('${a.name}') or .to('${b.name}')`); // prettier-ignore

/** Numbers as tensors without dimensions may come from the CPU, as in PyTorch; where all is on one device, nothing is done. */
function together(inputs: readonly Tensor[]): readonly Tensor[] {
  const given: readonly (Partial<Tensor> | undefined | null)[] = inputs; // callers' types may promise too much
  const first = given[0]?.storage?.device;
  for (let i = 1; i < given.length; i++) if (given[i]?.storage?.device !== first) return aligned(inputs);
  return inputs;
}

function aligned(inputs: readonly Tensor[]): readonly Tensor[] {
  const other = inputs.find((input) => isTensor(input) && input.storage.device !== cpuDevice())?.storage.device;
  if (other === undefined) return inputs;
  return inputs.map((input) => (isTensor(input) && input.layout.shape.length === 0 ? moved(input, other) : input));
}

function requireNumbers(name: OpName, scalars: readonly unknown[]): void {
  for (const scalar of scalars)
    if (typeof scalar !== 'number') throw wrongArgument(publicName(name), 'the operand', 'a number', scalar);
}

/** As callers know an operation. */
const publicName = (name: OpName): string => name.replace(/(?:Scalar|Alpha)$/, '').replace('assign', 'copy_');

function wrongOperand(name: OpName, operand: unknown): ArgumentError {
  const known = publicName(name);
  const expected = `${known}Scalar` in RULES ? 'a tensor or a number' : 'a tensor';
  return wrongArgument(known, 'the operand', expected, operand);
}

/** Notes an operation instead of running it: its results are tensors without memory. */
function record(
  recorder: Recorder,
  name: OpName,
  inputs: readonly Tensor[],
  attrs: Attrs,
  given: Scalars,
  outs: readonly (Tensor | undefined)[],
): Tensor[] {
  const device = deviceOf(name, inputs);
  recorder.on(device);
  const layouts = resultLayouts(name, inputs, attrs, outs);
  const results = layouts.map((layout, i) => outs[i] ?? wrap(imaginaryStorage(device, layout.extent), layout, 0));
  for (const { storage } of [...inputs, ...results]) if (storage.freed && !recorder.owns(storage)) throw unusable(name, storage); // prettier-ignore
  const scalars = typeof given === 'function' ? given() : given;
  requireNumbers(name, scalars);
  const written = (ruleOf(name).writes?.(attrs) ?? []).map((i) => inputs[i]!);
  recorder.operation(graphOp(name, attrs, device.kind), inputs, [...results, ...written], given, scalars.length);
  observer?.ran(name, inputs, attrs, results, scalars);
  return results;
}

/** Runs the plan of an operation; results go to new tensors, or to `outs` where given. */
function execute(operation: Operation, inputs: readonly Tensor[], attrs: Attrs, given: Scalars, outs: Outs): Tensor[] {
  const { name } = operation;
  requireTensors(name, inputs);
  const recorder = activeRecorder();
  if (recorder !== undefined) return record(recorder, name, inputs, attrs, given, outs);
  const { plan, results: layouts } = operation.planFor(inputs, attrs, outs, deviceOf(name, inputs), makePlan);
  const scalars = typeof given === 'function' ? given() : given;
  requireNumbers(name, scalars);
  const results: Tensor[] = [];
  for (const layout of layouts)
    results.push(outs[results.length] ?? wrap(allocateStorage(plan.device, layout.extent), layout, 0));
  const buffers: Buffer[] = [];
  const offsets: number[] = [];
  for (const input of inputs) place(name, input, buffers, offsets);
  for (const result of results) place(name, result, buffers, offsets);
  try {
    plan.run(buffers, offsets, scalars);
  } catch (error) {
    throw explained(name, error);
  }
  // Running may reclaim memory; mentioned here, the inputs are still referred to then, whatever the engine optimises.
  for (const input of inputs) if (input.storage.freed) throw usedAfterFree(name);
  observer?.ran(name, inputs, attrs, results, scalars);
  return results;
}

/**
 * A kernel's trap as an error that says what it means. Engines word it each in their way (`divide by zero`, `remainder by zero`, `integer
 * divide by zero`), and one on another thread comes as a DeviceError with those words.
 */
export function explained(name: string, error: unknown): unknown {
  const trapped = error instanceof WebAssembly.RuntimeError;
  if (!trapped && !(error instanceof DeviceError)) return error;
  if (/\bby zero\b/i.test(error.message)) {
    return new ArgumentError(
      `${name.replaceAll('Scalar', '')}: a whole number was divided by zero; convert to float32, where that gives inf or nan`,
    );
  }
  return trapped ? new InternalError(`${name}: a kernel failed: ${error.message}`) : error;
}

/** Is told of what runs on its own, after it, and of what is recorded. */
export interface Observer {
  /** An operation. */
  readonly ran: (
    name: OpName,
    inputs: readonly Tensor[],
    attrs: Attrs,
    results: readonly Tensor[],
    scalars: readonly number[],
  ) => void;
  /** A view. */
  readonly viewed?: (source: Tensor, view: Tensor) => void;
}
let observer: Observer | undefined;

/** Who watches, if anyone does. */
export const activeObserver = (): Observer | undefined => observer;

/** Runs `fn` and tells `watch` of its operations: how `inspect` and `onnx` see what a model does between its layers. */
export function observing<T>(watch: Observer, fn: () => T): T {
  const before = observer;
  observer = watch;
  try {
    return fn();
  } finally {
    observer = before;
  }
}

function anyRequiresGrad(inputs: readonly Tensor[]): boolean {
  for (const input of inputs) if (input.requiresGrad) return true;
  return false;
}

/** Runs an operation and records it when an input requires gradients. Gradients do not see scalars that are asked for anew at every run. */
export function apply<K extends OpName>(
  name: K,
  given: readonly Tensor[],
  attrs: OpAttrs[K],
  scalars: Scalars = NO_SCALARS,
): Tensor[] {
  const inputs = together(given);
  const operation = operationOf(name);
  const results = execute(operation, inputs, attrs, scalars, NO_OUTS);
  const { gradient, elementwise } = operation.rule;
  // What a later layer says of a wrong size: dropout, an activation or a norm in between does not change how it came about.
  const x = inputs[0];
  if (
    x?.flattenedFrom !== undefined &&
    results[0]!.layout === x.layout &&
    (elementwise !== undefined || name === 'batchNorm' || name === 'batchNormEval')
  ) {
    results[0]!.flattenedFrom = x.flattenedFrom;
  }
  if (gradient !== null && isGradEnabled() && anyRequiresGrad(inputs)) {
    const node = new OpNode(
      name,
      gradient,
      inputs,
      results,
      attrs,
      typeof scalars === 'function' ? NO_SCALARS : scalars,
    );
    for (let i = 0; i < results.length; i++) {
      const result = results[i]!;
      if (result.isFloatingPoint()) result.setHistory(node, i); // indices have no gradient
    }
  }
  return results;
}

const NO_OUTS: readonly (Tensor | undefined)[] = [];

/** {@link apply} for operations with one result. */
export function apply1<K extends OpName>(
  name: K,
  inputs: readonly Tensor[],
  attrs: OpAttrs[K],
  scalars: readonly number[] = NO_SCALARS,
): Tensor {
  return apply(name, inputs, attrs, scalars)[0]!;
}

/**
 * Runs an operation whose results go into existing tensors, outside the recorded graph: optimizer steps, running
 * statistics. The changed tensors' versions count up.
 */
export function applyInto<K extends OpName>(
  name: K,
  inputs: readonly Tensor[],
  attrs: OpAttrs[K],
  scalars: Scalars,
  outs: readonly (Tensor | undefined)[],
): Tensor[] {
  const results = execute(operationOf(name), inputs, attrs, scalars, outs);
  for (const out of outs) if (out !== undefined) out.storage.version++;
  return results;
}

/**
 * Runs an operation in place: its first input is also where the result goes.
 * @throws AutogradError when the target is a leaf that requires gradients, unless under noGrad()
 */
export function applyInPlace<K extends OpName>(
  name: K,
  given: readonly Tensor[],
  attrs: OpAttrs[K],
  scalars: readonly number[] = NO_SCALARS,
): Tensor {
  const inputs = together(given);
  requireTensors(name, inputs);
  const target = inputs[0]!;
  requireDistinctElements(name, target);
  const safe = inputs.map((input, i) => (i > 0 && partlyOverlaps(input, target) ? input.clone() : input));
  const { rule } = operationOf(name);
  const gradient = rule.gradient?.inPlace ?? rule.gradient;
  const record = gradient !== null && isGradEnabled() && anyRequiresGrad(inputs);
  if (!record) {
    applyInto(name, safe, attrs, scalars, [target]);
    return target;
  }
  target.requireInPlace(name);
  // The overwritten value may be needed by the gradients.
  const others = safe.slice(1).map((input) => (input.storage === target.storage ? input.clone() : input));
  const self =
    gradient.saves.inputs?.includes(0) === true
      ? withGradMode(false, () => target.clone()).withHistoryOf(target)
      : target;
  const saved = [self, ...others];
  const node = new OpNode(name, gradient, saved, [target], attrs, scalars, () => {
    applyInto(name, safe, attrs, scalars, [target]);
  });
  target.rebaseHistory(node);
  return target;
}

function partlyOverlaps(input: Tensor, target: Tensor): boolean {
  return (
    input.storage === target.storage && (!sameLayout(input.layout, target.layout) || input.offset !== target.offset)
  );
}

function requireDistinctElements(name: string, target: Tensor): void {
  if (!target.layout.strides.some((stride, i) => stride === 0 && target.layout.shape[i]! > 1)) return;
  throw new AutogradError(`${name}: several elements of the expanded target share one place in memory, so it cannot be changed in place; clone() it first`); // prettier-ignore
}

/** A tensor kept for the backward pass, with the version it had. */
interface Saved {
  readonly tensor: Tensor;
  readonly version: number;
}

const NOTHING: (Saved | undefined)[] = [];

/** The tensors at some places, each in its place. */
function savedAt(places: readonly number[] | undefined, tensors: readonly Tensor[]): (Saved | undefined)[] {
  if (places === undefined || places.length === 0) return NOTHING;
  const saved: (Saved | undefined)[] = [];
  for (let i = 0; i < tensors.length; i++) {
    const tensor = tensors[i]!;
    saved.push(places.includes(i) ? { tensor, version: tensor.storage.version } : undefined);
  }
  return saved;
}

/** The record of an operation from the rule tables. */
export class OpNode extends GradNode {
  readonly name: string;
  readonly #op: OpName;
  readonly #gradient: Gradient<Attrs>;
  readonly #attrs: Attrs;
  readonly #scalars: readonly number[];
  readonly #inputLayouts: readonly Layout[];
  readonly #outputLayouts: readonly Layout[];
  /** By their places; undefined once they are let go of. */
  #savedInputs: (Saved | undefined)[] | undefined = [];
  #savedOutputs: (Saved | undefined)[] = NOTHING;

  constructor(
    op: OpName,
    gradient: Gradient<Attrs>,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    attrs: Attrs,
    scalars: readonly number[],
    /** For in-place operations: runs between saving the inputs' history and saving the outputs. */
    execute?: () => void,
  ) {
    const edges: (Edge | undefined)[] = [];
    const layouts: Layout[] = [];
    for (const input of inputs) {
      edges.push(input.gradEdge());
      layouts.push(input.layout);
    }
    super(edges);
    this.name = typeof gradient.name === 'string' ? gradient.name : gradient.name(attrs);
    this.#op = op;
    this.#gradient = gradient;
    this.#attrs = attrs;
    this.#scalars = scalars;
    this.#inputLayouts = layouts;
    execute?.();
    this.#outputLayouts = outputs.map((output) => output.layout);
    this.#savedInputs = savedAt(gradient.saves.inputs, inputs);
    this.#savedOutputs = savedAt(gradient.saves.outputs, outputs);
  }

  run(grads: readonly (Tensor | undefined)[]): readonly (Tensor | undefined)[] {
    const [savedInputs, savedOutputs] = [this.#savedInputs, this.#savedOutputs];
    if (savedInputs === undefined) {
      throw new AutogradError(
        `backward: ${this.#op} has already been differentiated and its saved tensors were freed; ` +
          'pass { retainGraph: true } to the first backward() to run it twice',
      );
    }
    const context: GradientContext<Attrs> = {
      grads,
      input: (i) => this.#unpack(savedInputs[i], 'input', i),
      output: (i) => this.#unpack(savedOutputs[i], 'output', i),
      inputLayouts: this.#inputLayouts,
      outputLayouts: this.#outputLayouts,
      attrs: this.#attrs,
      scalars: this.#scalars,
      needs: (i) => this.edges[i] !== undefined,
      apply,
    };
    return this.#gradient.run(context);
  }

  #unpack(entry: Saved | undefined, role: string, i: number): Tensor {
    if (entry === undefined)
      throw new InternalError(`the gradient of ${this.#op} uses ${role} ${i}, which it does not save`);
    if (entry.tensor.storage.version !== entry.version) {
      throw new AutogradError(
        `backward: ${this.#op} needs its ${role} ${i}, a tensor of shape [${entry.tensor.layout.shape.join(', ')}], as it was, but it has been changed ` +
          `in place since (version ${entry.tensor.storage.version}, expected ${entry.version}); use the operation without the underscore there, or clone() first`,
      );
    }
    return entry.tensor;
  }

  release(): void {
    this.#savedInputs = undefined;
    this.#savedOutputs = NOTHING;
  }
}
