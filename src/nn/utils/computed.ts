/**
 * Fields of modules that are computed: what stands in the place of a parameter that is made of others. Such a field cannot be enumerated, so that
 * it counts neither as a parameter nor, for compiled functions, as a change of the module.
 */
import '../families/hooks.ts';

import { kind, requireKind, TEXT } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import { ModuleBase } from '../module-base.ts';
import type { ForwardPreHook } from '../module-hooks.ts';
import { INTERNALS } from '../module-internals.ts';
import { Parameter } from '../parameter.ts';

export const MODULE = kind('a module, such as new nn.Linear(2, 1)', (value) => value instanceof ModuleBase);
export const NAME = TEXT;

export const fieldOf = (module: ModuleBase, name: string): unknown => (module as unknown as Record<string, unknown>)[name];

/** The tensor of a name. @throws ArgumentError where there is none */
export function tensorAt(op: string, module: ModuleBase, name: string): Tensor {
  requireKind(op, 'the module', module, MODULE);
  const value = fieldOf(module, name);
  if (isTensor(value)) return value;
  throw new ArgumentError(`${op}: ${module.typeName()} has no parameter or buffer '${name}'; it has ${known(module)}`);
}

/** The parameter of a name. @throws ArgumentError where there is none */
export function parameterAt(op: string, module: ModuleBase, name: string): Parameter {
  const value = tensorAt(op, module, name);
  if (value instanceof Parameter) return value;
  throw new ArgumentError(`${op}: '${name}' of ${module.typeName()} is no parameter; it has ${known(module)}`);
}

const known = (module: ModuleBase): string => {
  const names = [...module.namedParameters(), ...module.namedBuffers()].map(([name]) => name).filter((name) => !name.includes('.'));
  return names.length === 0 ? 'none' : names.join(', ');
};

/** Takes a parameter or buffer out of a module. */
export function takeOut(module: ModuleBase, name: string): void {
  const { parameters, buffers } = module[INTERNALS];
  const place = parameters.indexOf(name);
  if (place !== -1) parameters.splice(place, 1);
  buffers.delete(name);
  Reflect.deleteProperty(module, name);
}

/** Puts a tensor in as what it is: a parameter or a buffer. */
export function putIn(module: ModuleBase, name: string, x: Tensor): void {
  if (x instanceof Parameter) module.registerParameter(name, x);
  else module.registerBuffer(name, x);
}

/** Sets a field that is computed. */
export function setComputed(module: ModuleBase, name: string, value: Tensor): void {
  Object.defineProperty(module, name, { value, enumerable: false, writable: true, configurable: true });
}

/** A hook that computes a field before every forward, and can be found again. */
export interface Computing extends ForwardPreHook {
  readonly of: object;
}

/** Adds a hook that computes a field, and runs it once. */
export function compute(module: ModuleBase, of: object, hook: (module: ModuleBase) => void): void {
  const computing: Computing = Object.assign((of: ModuleBase): void => hook(of), { of });
  module.registerForwardPreHook(computing);
}

/** The hooks of a module that compute something. */
export const computingHooks = (module: ModuleBase): Computing[] =>
  module[INTERNALS].hooks.before.filter((hook): hook is Computing => 'of' in hook);

/** Takes such a hook away. */
export function stopComputing(module: ModuleBase, hook: Computing): void {
  const { hooks } = module[INTERNALS];
  hooks.before.splice(hooks.before.indexOf(hook), 1);
  hooks.version++;
}
