/** How one of PyTorch's calls becomes one of ours: its arguments by name, in the order in which our function is written. */
import { Other, Tuple } from './container.ts';

/** PyTorch's call has something that ours has no place for; the reason is what refusals.json counts. */
export class Inexpressible extends Error {}

export interface Adapter {
  /** What it calls, as users write it: `Tensor.add`, `F.conv2d`. */
  readonly of: string;
  /** Results are random: only dtypes and shapes are compared. */
  readonly random: boolean;
  call(args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): unknown;
}

interface Parameter {
  readonly name: string;
  /** What PyTorch's argument must be, since ours has none. */
  readonly only: string | undefined;
  readonly rest: boolean;
  /** None means something else than nothing given: the call gets null. */
  readonly none: boolean;
}

function parameter(text: string): Parameter {
  const [name, only] = text.split('=');
  return {
    name: name!.replace('...', '').replace('?', ''),
    only,
    rest: name!.startsWith('...'),
    none: name!.endsWith('?'),
  };
}

/** Arguments that say where and how a result lies in memory; on one device, with one memory format, they change nothing. */
const IDLE: Readonly<Record<string, readonly string[]>> = {
  device: ['"cpu"', 'null'],
  memory_format: ['"torch.contiguous_format"', '"torch.preserve_format"'],
  layout: ['null'],
  requires_grad: ['false'],
};

const written = (value: unknown): string =>
  JSON.stringify(value instanceof Other ? value.text : value, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v));

/**
 * @param of what is called
 * @param signature PyTorch's parameters in order: `input dim=null ...sizes`. One with `=` has no counterpart: given with another value than
 * that, the call cannot be written. With `?`, None is passed on as null.
 * @param run takes the others; an argument that was not given, or None, is undefined
 */
export function op(
  of: string,
  signature: string,
  run: (...args: never[]) => unknown,
  { random = false }: { random?: boolean } = {},
): Adapter {
  const parameters = signature.split(' ').map(parameter);
  const call = (args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): unknown => {
    const given = bind(parameters, args, kwargs);
    const passed = parameters.flatMap((p) => {
      const value = given.get(p.name);
      if (p.only === undefined) return [p.none ? value : (value ?? undefined)];
      if (value !== undefined && written(value) !== p.only) throw new Inexpressible(`no argument ${p.name}`);
      return [];
    });
    if (passed.some((v) => v instanceof Other)) throw new Inexpressible('a value of a kind that JavaScript or the library lacks');
    return run(...(passed as never[]));
  };
  return { of, random, call };
}

function bind(parameters: readonly Parameter[], args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): Map<string, unknown> {
  const given = new Map<string, unknown>();
  const rest = parameters.findIndex((p) => p.rest);
  if (rest !== -1) given.set(parameters[rest]!.name, args.slice(rest));
  const single = rest === -1 ? args : args.slice(0, rest);
  if (single.length > parameters.length) throw new Inexpressible('further arguments');
  single.forEach((value, i) => given.set(parameters[i]!.name, value));
  for (const [name, value] of Object.entries(kwargs)) {
    if (parameters.some((p) => p.name === name)) given.set(name, value);
    else if (IDLE[name]?.includes(written(value)) !== true) throw new Inexpressible(`no argument ${name}`);
  }
  return given;
}

/** Options with what was given only. */
export function options<T extends object>(all: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as T;
}

/** A tuple's or list's numbers. */
export const numbers = (value: unknown): number[] => (value instanceof Tuple ? Array.from(value) : value) as number[];

export function inexpressible(reason: string): never {
  throw new Inexpressible(reason);
}
