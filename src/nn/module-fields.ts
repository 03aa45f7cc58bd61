/** Modules' fields: which of them are parameters and buffers, and that nothing else has taken a place of theirs. */
import { ArgumentError } from '../base/errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import { Buffer } from './buffer.ts';
import type { ModuleBase } from './module-base.ts';
import { INTERNALS } from './module-internals.ts';
import { Parameter } from './parameter.ts';

export const fieldsOf = (module: ModuleBase): Readonly<Record<string, unknown>> => module as unknown as Readonly<Record<string, unknown>>;

/** A module's own parameters with their names, not the children's. */
export function ownParameters(module: ModuleBase): [string, Parameter][] {
  const internals = module[INTERNALS];
  requireParameters(module, internals);
  const found: [string, Parameter][] = [];
  for (const name of Object.keys(module)) {
    const value = fieldsOf(module)[name];
    if (!(value instanceof Parameter)) continue;
    found.push([name, value]);
    if (!internals.parameters.includes(name)) internals.parameters.push(name);
  }
  internals.seen = true;
  return found;
}

/**
 * Throws where something else has taken a parameter's place: an optimizer, a file and `to()` would pass over it without a word.
 * @throws ArgumentError
 */
export function requireParameters(module: ModuleBase, { parameters } = module[INTERNALS]): void {
  const fields = fieldsOf(module);
  for (const name of parameters) {
    const value = fields[name];
    if (value instanceof Parameter || value === null || value === undefined) continue;
    throw new ArgumentError(
      `${module.typeName()}: cannot assign ${described(value)} as parameter '${name}': expected a Parameter or null; use new nn.Parameter(tensor), or copy_ into the one that is there under noGrad()`,
    );
  }
}

const described = (value: unknown): string =>
  value instanceof Tensor ? 'a tensor' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;

/** @internal */
export const notAModule = (owner: ModuleBase, name: string, value: unknown): ArgumentError =>
  new ArgumentError(`${owner.typeName()}: cannot assign ${described(value)} as child module '${name}'; expected a module or null`);

/** @throws ArgumentError where something that is no tensor has taken a buffer's place */
export function ownBuffers(module: ModuleBase): [string, Tensor][] {
  const properties = fieldsOf(module);
  const { buffers } = module[INTERNALS];
  for (const name of Object.keys(module)) {
    const value = properties[name];
    if (value instanceof Buffer && !buffers.has(name)) buffers.set(name, value.persistent);
  }
  return [...buffers.keys()].flatMap((name): [string, Tensor][] => {
    const value = properties[name];
    if (value === null || value === undefined) return [];
    if (value instanceof Tensor) return [[name, value]];
    throw new ArgumentError(`${module.typeName()}: cannot assign ${described(value)} as buffer '${name}'; expected a tensor or null`);
  });
}

/** What a class of modules has itself (`forward`, `__proto__`) is no name for a tensor; PyTorch: "attribute already exists". */
export function refuseMethod(module: ModuleBase, op: string, name: string): void {
  if (!(name in (Object.getPrototypeOf(module) as object))) return;
  throw new ArgumentError(`${op}: '${name}' is already an attribute of ${module.typeName()}; choose another name`);
}
