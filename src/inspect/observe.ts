/** Watching a model run: in evaluation mode, without gradients, and leaving everything as it was. */
import '../nn/families/hooks.ts';

import { ARRAY, requireKind, wrongArgument } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { showShape, type Dims } from '../base/shape.ts';
import { ModuleBase } from '../nn/module-base.ts';
import type { ForwardHook } from '../nn/module-hooks.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { Tensor } from '../tensor/tensor.ts';

/** A model that takes one tensor. */
export type Model = ModuleBase & ((input: Tensor) => unknown);

/** @throws ArgumentError for what is no module */
export function requireModel(op: string, model: unknown): void {
  if (model instanceof ModuleBase) return;
  throw wrongArgument(op, 'the model', 'a module', model, 'pass the model itself, such as new nn.Sequential(…)');
}

/** Runs `fn` in evaluation mode without gradients; `hook` is called after each of the modules has run. */
export function observe<T>(model: ModuleBase, modules: readonly ModuleBase[], hook: ForwardHook, fn: () => T): T {
  const all = [...model.modules()];
  const modes = all.map((module) => module.training);
  const hooks = modules.map((module) => module.registerForwardHook(hook));
  try {
    model.eval();
    return withGradMode(false, fn);
  } finally {
    for (const registered of hooks) registered.remove();
    all.forEach((module, i) => (module.training = modes[i]!));
  }
}

/** The tensors in a value: itself, or those in an array or object. */
export function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(tensorsIn);
}

/** @throws ArgumentError for a shape that is none */
export function checkInputShape(name: string, shape: Dims): void {
  requireKind(name, "the input's sizes", shape, ARRAY, 'write [1, 3, 32, 32]');
  if (shape.length > 0 && shape.every((size) => Number.isInteger(size) && size > 0)) return;
  throw new ArgumentError(`${name}: expected the input's sizes, the batch included, such as [1, 3, 32, 32], but got ${showShape(shape)}`);
}

/** Where a model's input belongs: where its parameters are. */
export const placeOf = (model: ModuleBase): 'cpu' | 'gpu' => [...model.parameters()][0]?.device ?? 'cpu';
