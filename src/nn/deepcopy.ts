/** Deep copies: of modules with all below them, of tensors, state dicts and what they lie in (Python: `copy.deepcopy`). */
import { ArgumentError } from '../base/errors.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { INTERNALS, type Internals } from './module-internals.ts';
import { ModuleBase } from './module-base.ts';
import { isUninitialized } from '../tensor/uninitialized.ts';
import { Parameter } from './parameter.ts';

/** A module of a class without fields: what every module's constructor makes before the class's own runs. */
const construct = ModuleBase as unknown as new () => ModuleBase; // the class is abstract
const blank = (of: ModuleBase): ModuleBase => Reflect.construct(construct, [], of.constructor);

/** What has been copied already, by what it is a copy of, and how deep the walk is. */
class Memo extends Map<object, unknown> {
  depth = 0;
}
const MAX_DEPTH = 1000;

/**
 * A copy that shares no memory with what it is a copy of: modules with all parameters, buffers and hooks, tensors, arrays, Maps, Sets, plain
 * objects. What appears twice is one in the copy, too. Functions and objects of other classes are shared. Gradients of parameters are not
 * copied, as in PyTorch; those of other tensors are.
 * @throws ArgumentError for a tensor that is no leaf, for optimizers (make a new one and load the state of the old), and for modules whose class
 * has `#private` fields or methods, which no copy can have: TypeScript's `private` does as well
 * @example
 * import { deepcopy, nn } from 'flambeau';
 * const model = new nn.Linear(2, 1);
 * const copy = deepcopy(model);
 * copy.weight.data.zero_();
 * console.log(String(copy)); // Linear(in_features=2, out_features=1, bias=True)
 */
export function deepcopy<T>(value: T): T {
  return withGradMode(false, () => copyOf(value, new Memo()) as T);
}

function copyOf(value: unknown, memo: Memo): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return value;
  if (memo.has(value)) return memo.get(value);
  if (memo.depth >= MAX_DEPTH) throw new ArgumentError(`deepcopy: values are nested more than ${MAX_DEPTH} deep`);
  memo.depth++;
  try {
    return copyOfObject(value, memo);
  } finally {
    memo.depth--;
  }
}

function copyOfObject(value: object, memo: Memo): unknown {
  if (isTensor(value)) return noted(value, copyTensor(value, memo), memo);
  if (INTERNALS in value) return copyModule(value as ModuleBase, memo);
  if (typeof value === 'function') return value;
  if (ArrayBuffer.isView(value)) return value instanceof DataView ? value : noted(value, (value as Uint8Array).slice(), memo);
  if (Array.isArray(value))
    return fill(noted(value, [] as unknown[], memo), (copy) => value.forEach((item, i) => (copy[i] = copyOf(item, memo))));
  if (value instanceof Map)
    return fill(noted(value, new Map<unknown, unknown>(), memo), (copy) =>
      value.forEach((item, key) => copy.set(copyOf(key, memo), copyOf(item, memo))),
    );
  if (value instanceof Set)
    return fill(noted(value, new Set<unknown>(), memo), (copy) => value.forEach((item) => copy.add(copyOf(item, memo))));
  if ('paramGroups' in value)
    throw new ArgumentError(
      'deepcopy: optimizers belong to their parameters; make one of the copied parameters, and load the state of the old one',
    );
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Object.isFrozen(value) || (prototype !== null && prototype !== Object.prototype)) return value;
  return fill(noted(value, Object.create(prototype) as Record<string, unknown>, memo), (copy) => {
    for (const [key, item] of Object.entries(value)) copy[key] = copyOf(item, memo);
  });
}

function noted<C>(value: object, copy: C, memo: Memo): C {
  memo.set(value, copy);
  return copy;
}

function fill<C>(copy: C, into: (copy: C) => void): C {
  into(copy);
  return copy;
}

function copyTensor(x: Tensor, memo: Memo): Tensor {
  if (isUninitialized(x)) return x.clone();
  if (!x.isLeaf)
    throw new ArgumentError(
      'deepcopy: only leaf tensors can be copied, not results of operations that require gradients; use detach() or clone()',
    );
  const data: Tensor = x.detach().clone();
  if (x instanceof Parameter) return new Parameter(data, x.requiresGrad);
  if (x.requiresGrad) data.requiresGrad = true;
  if (x.grad !== null) data.grad = copyOf(x.grad, memo) as Tensor;
  return data;
}

/** Classes whose text uses `#private` names, as far as it can be read. */
const secretive = new WeakMap<object, boolean>();

/** Throws for a class with `#private` fields or methods: they belong to objects that its constructor made. */
function refuseSecrets(module: ModuleBase): void {
  for (
    let { constructor } = module;
    constructor !== Function.prototype;
    constructor = Object.getPrototypeOf(constructor) as typeof constructor
  ) {
    let has = secretive.get(constructor);
    if (has === undefined) secretive.set(constructor, (has = /\bthis\.#\w/.test(Function.prototype.toString.call(constructor))));
    if (has)
      throw new ArgumentError(
        `deepcopy: ${constructor.name} has #private fields or methods, which a copy cannot have; write 'private' (TypeScript) or _names instead`,
      );
  }
}

function copyModule(module: ModuleBase, memo: Memo): ModuleBase {
  refuseSecrets(module);
  const copy = noted(module, blank(module), memo);
  const [from, to] = [module[INTERNALS], copy[INTERNALS]];
  copy.training = module.training;
  copyInternals(from, to);
  for (const key of Reflect.ownKeys(module)) {
    if (key === INTERNALS || key === 'training' || key === 'prototype') continue;
    const property = Object.getOwnPropertyDescriptor(module, key)!;
    // What is computed, such as a normalised weight, will be again.
    const computed = property.enumerable === false && isTensor(property.value) && !property.value.isLeaf;
    if ('value' in property) property.value = copyOf(computed ? (property.value as Tensor).detach() : property.value, memo);
    Object.defineProperty(copy, key, property);
  }
  return copy;
}

function copyInternals(from: Internals, to: Internals): void {
  for (const name of from.added) to.added.add(name);
  to.parameters.push(...from.parameters);
  to.seen = from.seen;
  for (const [name, persistent] of from.buffers) to.buffers.set(name, persistent);
  for (const list of ['before', 'after', 'backwardBefore', 'backwardAfter'] as const)
    (to.hooks[list] as unknown[]).push(...from.hooks[list]);
  to.hooks.version = from.hooks.version;
  if (from.stateHooks !== undefined) {
    const { before, after, beforeLoad, afterLoad } = from.stateHooks;
    to.stateHooks = { before: [...before], after: [...after], beforeLoad: [...beforeLoad], afterLoad: [...afterLoad] };
  }
  to.settle = from.settle;
  to.folds = from.folds;
}
