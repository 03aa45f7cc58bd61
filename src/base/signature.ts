/**
 * How every function, method and constructor of the library takes arguments: **in PyTorch's order, or by name**. A {@link Signature} is one table,
 * the parameters in PyTorch's order with the kind of each. Arguments are given by position; from any position on, one object may stand in
 * place of the rest, or of all:
 *
 *     new nn.Conv2d(3, 16, 3, 2, 1)
 *     new nn.Conv2d(3, 16, 3, { stride: 2, padding: 1 })
 *     new nn.Conv2d({ inChannels: 3, outChannels: 16, kernelSize: 3, stride: 2, padding: 1 })
 *
 * `undefined` is as if it had not been given. What PyTorch takes by name only (behind the `*` of its signature) has no position here either.
 * Anything else is an error that shows the right call; nothing is accepted and ignored.
 */
import { isRecord, requireKind, requireOptions, show, wrongArgument, type Kind, type OptionKinds } from './arguments.ts';
import { ArgumentError } from './errors.ts';

export interface Signature<O> {
  /** As users write it: `Conv2d`, `F.pad`, `sum`. */
  readonly op: string;
  /** In PyTorch's order. */
  readonly kinds: OptionKinds<O>;
  /** Of `kinds`, at hand: a call reads them. */
  readonly names: readonly string[];
  /** How many of them must be given. */
  readonly required: number;
  /** How many have a position; the others are by name only. */
  readonly positional: number;
  /** A right call, for errors. */
  readonly example: string;
}

/** @param example a right call; made of the names where it is left out */
export function signature<O>(
  op: string,
  kinds: OptionKinds<O>,
  { required = 0, positional, example }: { required?: number; positional?: number; example?: string } = {},
): Signature<O> {
  const names = Object.keys(kinds);
  const byName = names.slice(required);
  const rest = byName.length === 0 ? [] : [`{ ${byName.slice(0, 3).map((name) => `${name}: …`).join(', ')} }`]; // prettier-ignore
  return {
    op,
    kinds,
    names,
    required,
    positional: positional ?? names.length,
    example: example ?? `${op}(${[...names.slice(0, required), ...rest].join(', ')})`,
  };
}

/**
 * What a call gave, by name; parameters that were left out are absent.
 * @throws ArgumentError naming the parameter, what it takes and what came
 */
export function readCall<O extends object>(of: Signature<O>, args: readonly unknown[]): O {
  const names = of.names as readonly (keyof O & string)[];
  const given: Partial<Record<string, unknown>> = {};
  let count = args.length;
  while (count > 0 && args[count - 1] === undefined) count--;
  let options: unknown;
  for (let i = 0; i < count; i++) {
    const argument = args[i];
    const name = names[i];
    const kind: Kind | undefined = name === undefined ? undefined : of.kinds[name];
    if (i === count - 1 && isOptions(argument) && !(i < of.positional && kind?.accepts(argument) === true)) {
      options = argument;
    } else if (i >= of.positional || name === undefined || kind === undefined) {
      throw tooMany(of, names, argument);
    } else if (argument !== undefined) {
      requireKind(of.op, name, argument, kind, `write ${of.example}`);
      given[name] = argument;
    }
  }
  if (options !== undefined) {
    const named = requireOptions<O>(of.op, options, of.kinds, of.example);
    for (const name of Object.keys(named) as (keyof O & string)[]) {
      if (name in given) throw new ArgumentError(`${of.op}: ${name} is given twice, by position and by name`);
      given[name] = named[name];
    }
  }
  for (let i = 0; i < of.required; i++) {
    const name = names[i]!;
    if (!(name in given)) throw wrongArgument(of.op, name, of.kinds[name].expected, undefined, `write ${of.example}`);
  }
  return given as O;
}

/** A plain object, which stands for arguments by name: no tensor, module, generator. */
function isOptions(value: unknown): boolean {
  return isRecord(value) && typeof value !== 'function' && !('layout' in value);
}

function tooMany<O>(of: Signature<O>, names: readonly string[], value: unknown): ArgumentError {
  const byPosition = names.slice(0, of.positional);
  const takes = byPosition.length === 0 ? 'no arguments by position' : byPosition.join(', ');
  const named = names.slice(of.positional);
  const rest = named.length === 0 ? '' : ` (by name only: ${named.join(', ')})`;
  return new ArgumentError(`${of.op}: takes ${takes}${rest}, but got ${show(value)} besides; write ${of.example}`);
}
