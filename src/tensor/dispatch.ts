/**
 * Runs operations: finds the plan for a signature (operation, attributes, layouts), allocates results, runs it, and
 * records the operation for the backward pass. Eager execution is a graph of one node.
 *
 * The rules themselves are in `ops/`, their lowerings in `src/lower`; this file treats all operations alike.
 */
import { itemSize } from '../base/dtype.ts';
import { AutogradError } from '../base/errors.ts';
import { sameLayout } from '../base/layout.ts';
import type { Places } from '../devices/device.ts';
import type { Attrs } from '../geometry/attrs.ts';
import { operationOf, resultLayouts, type Operation, type Outs } from './eager-plans.ts';
import { isGradEnabled, isInferenceModeEnabled, withGradMode } from './grad-mode.ts';
import { graphOp, ruleOf } from './graph-op.ts';
import { tensorOver } from './make-tensor.ts';
import { activeObserver } from './observer.ts';
import { explained, requireDistinctElements, requireNumbers, requireTensors } from './op-errors.ts';
import { anyNarrow, widely } from './narrow.ts';
import { OpNode, registerApply } from './op-node.ts';
import type { OpAttrs, OpName } from './ops/index.ts';
import { deviceOf, together } from './placement.ts';
import { activeRecorder, type Recorder, type Scalars } from './recorder.ts';
import { allocateStorage, imaginaryStorage, unusable, usedAfterFree } from './storage.ts';
import type { Tensor } from './tensor.ts';

const NO_SCALARS: readonly number[] = [];
const NO_OUTS: Outs = [];

/** Says where a tensor lies that is a plan's external buffer number `i`. */
function place(name: string, { storage, offset, layout }: Tensor, { buffers, offsets }: Places, i: number): void {
  if (storage.freed) throw unusable(name, storage);
  buffers[i] = storage.buffer;
  offsets[i] = offset * itemSize(layout.dtype);
}

/** Notes an operation instead of running it: its results are tensors without memory. */
function record(recorder: Recorder, name: OpName, inputs: readonly Tensor[], attrs: Attrs, given: Scalars, outs: Outs): Tensor[] {
  const device = deviceOf(name, inputs);
  recorder.on(device);
  const layouts = resultLayouts(name, inputs, attrs, outs);
  const results = layouts.map((layout, i) => outs[i] ?? tensorOver(imaginaryStorage(device, layout.extent), layout, 0));
  for (const { storage } of [...inputs, ...results]) if (storage.freed && !recorder.owns(storage)) throw unusable(name, storage);
  const scalars = typeof given === 'function' ? given() : given;
  requireNumbers(name, scalars);
  const written = (ruleOf(name).writes?.(attrs) ?? []).map((i) => inputs[i]!);
  recorder.operation(
    graphOp(name, attrs, device.kind, typeof given === 'function' ? undefined : given),
    inputs,
    [...results, ...written],
    given,
    scalars.length,
  );
  activeObserver()?.ran(name, inputs, attrs, results, scalars);
  return results;
}

/** Runs the plan of an operation; results go to new tensors, or to `outs` where given. */
function execute(operation: Operation, inputs: readonly Tensor[], attrs: Attrs, given: Scalars, outs: Outs): Tensor[] {
  const { name } = operation;
  requireTensors(name, inputs);
  const recorder = activeRecorder();
  if (recorder !== undefined) return record(recorder, name, inputs, attrs, given, outs);
  const { plan, results: layouts } = operation.planFor(inputs, attrs, outs, deviceOf(name, inputs));
  const scalars = typeof given === 'function' ? given() : given;
  requireNumbers(name, scalars);
  const results: Tensor[] = [];
  for (const layout of layouts) results.push(outs[results.length] ?? tensorOver(allocateStorage(plan.device, layout.extent), layout, 0));
  const { places } = plan;
  const count = inputs.length;
  for (let i = 0; i < count; i++) place(name, inputs[i]!, places, i);
  for (let i = 0; i < results.length; i++) place(name, results[i]!, places, count + i);
  try {
    plan.run(scalars);
  } catch (error) {
    throw explained(name, error);
  }
  // Running may reclaim memory; mentioned here, the inputs are still referred to then, whatever the engine optimises.
  for (const input of inputs) if (input.storage.freed) throw usedAfterFree(name);
  activeObserver()?.ran(name, inputs, attrs, results, scalars);
  return results;
}

function anyRequiresGrad(inputs: readonly Tensor[]): boolean {
  for (const input of inputs) if (input.requiresGrad) return true;
  return false;
}

/** Runs an operation and records it when an input requires gradients. Gradients do not see scalars that are asked for anew at every run. */
export function apply<K extends OpName>(name: K, given: readonly Tensor[], attrs: OpAttrs[K], scalars: Scalars = NO_SCALARS): Tensor[] {
  const inputs = together(given);
  const operation = operationOf(name);
  if (operation.wide && anyNarrow(inputs)) {
    requireTensors(name, inputs);
    return widely(inputs, operation.rule.writes?.(attrs) ?? [], (wide) => apply(name, wide, attrs, scalars));
  }
  const results = execute(operation, inputs, attrs, scalars, NO_OUTS);
  const { gradient, elementwise } = operation.rule;
  // What a later layer says of a wrong size: dropout, an activation or a norm in between does not change how it came about.
  const x = inputs[0];
  if (
    x?.flattenedFrom !== undefined &&
    results[0]!.layout === x.layout &&
    (elementwise !== undefined || name === 'batchNorm' || name === 'batchNormEval' || name === 'lineNorm')
  ) {
    results[0]!.flattenedFrom = x.flattenedFrom;
  }
  if (gradient !== null && isGradEnabled() && anyRequiresGrad(inputs)) {
    const node = new OpNode(name, gradient, inputs, results, attrs, typeof scalars === 'function' ? NO_SCALARS : scalars);
    for (let i = 0; i < results.length; i++) {
      const result = results[i]!;
      if (result.isFloatingPoint()) result.setHistory(node, i); // indices have no gradient
    }
  }
  return results;
}

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
export function applyInto<K extends OpName>(name: K, inputs: readonly Tensor[], attrs: OpAttrs[K], scalars: Scalars, outs: Outs): Tensor[] {
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
  if (target.storage.inference && !isInferenceModeEnabled())
    throw new AutogradError(`${name}: a tensor made in inferenceMode() cannot be changed in place outside of it; clone() it first`);
  if (operationOf(name).wide && anyNarrow(inputs)) {
    return target.copy_(widely(inputs, [], (wide) => apply(name, wide, attrs, scalars))[0]!);
  }
  requireDistinctElements(name, target);
  const safe = apart(inputs, target);
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
  const self = gradient.saves.inputs?.includes(0) === true ? withGradMode(false, () => target.clone()).withHistoryOf(target) : target;
  const saved = [self, ...others];
  const node = new OpNode(name, gradient, saved, [target], attrs, scalars, () => {
    applyInto(name, safe, attrs, scalars, [target]);
  });
  target.rebaseHistory(node);
  return target;
}

/** What an operation reads beside its target: copies of what the target's new elements would run into. */
function apart(inputs: readonly Tensor[], target: Tensor): readonly Tensor[] {
  for (let i = 1; i < inputs.length; i++) {
    if (!partlyOverlaps(inputs[i]!, target)) continue;
    return inputs.map((input, k) => (k > 0 && partlyOverlaps(input, target) ? input.clone() : input));
  }
  return inputs;
}

function partlyOverlaps(input: Tensor, target: Tensor): boolean {
  return input.storage === target.storage && (!sameLayout(input.layout, target.layout) || input.offset !== target.offset);
}

registerApply(apply);
