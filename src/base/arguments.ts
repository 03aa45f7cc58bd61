/**
 * Checks of what callers pass, for programs whose types nobody checks: JavaScript, `any`, values from files. What a parameter takes is a
 * {@link Kind}; what an options object takes is a table of kinds by name. The sentences are here, in one place: the operation, what was
 * expected, what came.
 *
 * Nothing here runs on a hot path: constructors and functions with options check once, tensor methods tell numbers from tensors
 * anyway and explain what is neither only when it fails.
 */
import { ArgumentError, FlambeauError } from './errors.ts';

/** What a parameter takes. */
export interface Kind {
  /** As in «expected stride to be …». */
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
}

export const kind = (expected: string, accepts: (value: unknown) => boolean): Kind => ({ expected, accepts });

const isNumber = (value: unknown): value is number => typeof value === 'number';
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);

export const NUMBER = kind('a number', isNumber);
export const FINITE = kind('a finite number', Number.isFinite);
export const WHOLE = kind('a whole number', isWhole);
export const COUNT = kind('a whole number ≥ 1', (value) => isWhole(value) && value >= 1);
export const SIZE = kind('a whole number ≥ 0', (value) => isWhole(value) && value >= 0);
export const NOT_NEGATIVE = kind('a number ≥ 0', (value) => isNumber(value) && value >= 0);
export const PROBABILITY = kind('a number between 0 and 1', (value) => isNumber(value) && value >= 0 && value <= 1);
/** Steps, strides and the like, which kernels take as 32-bit numbers. */
export const STEP = kind('a whole number of at least 1', (value) => isWhole(value) && value >= 1 && value < 2 ** 31);
export const WIDTH = kind('a whole number of at least 0', (value) => isWhole(value) && value >= 0 && value < 2 ** 31);
export const POSITIVE = kind('a finite number above 0', (value) => Number.isFinite(value) && (value as number) > 0);
export const BOOL = kind('true or false', (value) => typeof value === 'boolean');
export const TEXT = kind('a string', (value) => typeof value === 'string');
/** A class is a function that cannot be called: `new` was forgotten. */
export const FUNCTION = kind(
  'a function',
  (value) => typeof value === 'function' && (isArrow(value) || !/^class\b/.test(Function.prototype.toString.call(value))),
);

/** Arrow functions and methods, what most callers pass: unlike classes they have no prototype, and their text need not be read. */
function isArrow(value: { readonly prototype?: unknown }): boolean {
  try {
    return value.prototype === undefined;
  } catch {
    return false; // a proxy's trap has thrown
  }
}

export const PATH = kind('a path', (value) => typeof value === 'string' && value !== '' && !value.includes('\0'));
export const BYTES = kind('a Uint8Array', (value) => value instanceof Uint8Array);
/** Checked elsewhere, by what it is used for. */
export const ANYTHING = kind('anything', () => true);

export const oneOf = (...values: readonly string[]): Kind =>
  kind(
    listed(
      values.map((value) => `'${value}'`),
      'or',
    ),
    (value) => values.includes(value as string),
  );
export const either = (...kinds: readonly Kind[]): Kind =>
  kind(
    listed(
      kinds.map(({ expected }) => expected),
      'or',
    ),
    (value) => kinds.some(({ accepts }) => accepts(value)),
  );
export const orNull = (of: Kind): Kind =>
  either(
    of,
    kind('null', (value) => value === null),
  );
export const ARRAY = kind('an array', Array.isArray);
/** An array all of whose elements, holes included, are of a kind. */
export const arrayOf = (of: Kind, what: string): Kind =>
  kind(`an array of ${what}`, (value) => {
    if (!Array.isArray(value)) return false;
    for (let i = 0; i < value.length; i++) if (!of.accepts(value[i])) return false;
    return true;
  });
/** One of a kind for both directions, or [vertical, horizontal]. */
export const pairOf = (of: Kind): Kind =>
  kind(
    `${of.expected} or a pair of them`,
    (value) => of.accepts(value) || (Array.isArray(value) && value.length === 2 && of.accepts(value[0]) && of.accepts(value[1])),
  );
export const instanceOf = (what: string, constructor: abstract new (...args: never[]) => unknown): Kind =>
  kind(what, (value) => value instanceof constructor);
/** Has a method of this name, as what is only used through it must. */
export const having = (what: string, ...methods: readonly string[]): Kind =>
  kind(what, (value) => isObject(value) && methods.every((name) => typeof (value as Record<string, unknown>)[name] === 'function'));
export const ITERABLE = kind(
  'an array or another iterable',
  (value) => isObject(value) && typeof (value as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function',
);

const isObject = (value: unknown): value is object => (typeof value === 'object' && value !== null) || typeof value === 'function';

const listed = (words: readonly string[], last: string): string =>
  words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)!}`;

/**
 * What an iterable gives, which may fail as it goes: a proxy of a tensor is no tensor.
 * @throws ArgumentError
 */
export function listOf<T>(op: string, name: string, value: Iterable<T>): T[] {
  requireKind(op, name, value, ITERABLE);
  try {
    return [...value];
  } catch (cause) {
    if (cause instanceof FlambeauError) throw cause;
    throw new ArgumentError(`${op}: ${name} cannot be gone through: ${cause instanceof Error ? cause.message : show(cause)}`, { cause });
  }
}

/**
 * Checks one argument.
 * @param remedy what to write instead
 * @throws ArgumentError
 */
export function requireKind(op: string, name: string, value: unknown, of: Kind, remedy = ''): void {
  if (!of.accepts(value)) throw wrongArgument(op, name, of.expected, value, remedy);
}

/** What PyTorch also calls some dtypes, which TypeScript's types know by one name. */
const DTYPE_ALIASES: Readonly<Record<string, string>> = { float: 'float32', double: 'float64', half: 'float16', long: 'int64', int: 'int32', short: 'int16' }; // prettier-ignore
export const dtypeOfAlias = (name: unknown): string | undefined =>
  typeof name === 'string' && Object.hasOwn(DTYPE_ALIASES, name) ? DTYPE_ALIASES[name] : undefined;

/** The error of an argument of the wrong kind. */
export function wrongArgument(op: string, name: string, expected: string, value: unknown, remedy = ''): ArgumentError {
  const alias = name === 'dtype' ? dtypeOfAlias(value) : undefined;
  const then = alias !== undefined ? `; write '${alias}'` : remedy === '' ? '' : `; ${remedy}`;
  return new ArgumentError(`${op}: expected ${name} to be ${expected}, but got ${show(value)}${then}`);
}

/** What each option of an options object takes. Total, so that an option added to the type is not forgotten here. */
export type OptionKinds<O> = { readonly [K in keyof O]-?: Kind };

/**
 * Checks an options object, which may be left out, and gives a copy with what was given: a getter answers once.
 * @param remedy the right call, for whoever wrote another value in the object's place
 * @throws ArgumentError for another value, an option that does not exist (with the one that was meant), or one of the wrong kind
 */
export function requireOptions<O extends object>(op: string, value: unknown, kinds: OptionKinds<O>, remedy = ''): O {
  const given: Record<string, unknown> = {};
  if (value === undefined || isEmptyLiteral(value)) return given as O;
  if (!isRecord(value)) {
    const example = remedy === '' ? exampleOf(kinds) : remedy;
    throw wrongArgument(op, 'options', 'an object', value, `write ${example}`);
  }
  for (const name of Object.keys(value)) if (!Object.hasOwn(kinds, name)) throw unknownOption(op, name, Object.keys(kinds));
  for (const name of Object.keys(kinds) as (keyof O & string)[]) {
    const option = value[name];
    if (option === undefined) continue;
    requireKind(op, name, option, kinds[name]);
    given[name] = option;
  }
  return given as O;
}

/** `{}`, the default of most calls: there is nothing to go through. */
function isEmptyLiteral(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false;
  for (const _ in value) return false;
  return true;
}

/** An options object whose options are looked at elsewhere. */
export const OPTIONS = kind('an object', (value) => isRecord(value));

/** Objects that stand for nothing but their fields: literals, instances of a caller's class with fields. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null || Object.keys(value).length > 0;
}

const exampleOf = (kinds: object): string => {
  const names = Object.keys(kinds);
  return names.length === 0 ? 'nothing' : `{ ${names[0]!}: … }; there are ${listed(names, 'and')}`;
};

function unknownOption(op: string, name: string, known: readonly string[]): ArgumentError {
  const near = nearest(name, known);
  const meant = near === undefined ? '' : `; did you mean '${near}'?`;
  const list = known.length === 0 ? 'it takes none' : `its options are ${listed(known, 'and')}`;
  return new ArgumentError(`${op}: there is no option '${clipped(name)}'; ${list}${meant}`);
}

/** The known name that a misspelt one most resembles: `weight_decay` and `wieghtDecay` are `weightDecay`. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = (text: string): string => text.replace(/[_\-\s]/g, '').toLowerCase();
  const wanted = plain(name.slice(0, 64));
  let best: string | undefined;
  let least = 3;
  for (const candidate of known) {
    const other = plain(candidate);
    const apart = editDistance(wanted, other);
    if (apart < Math.min(least, Math.max(other.length, 2) / 2)) [best, least] = [candidate, apart];
  }
  return best;
}

/** How many letters to change, add, leave out (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}

/**
 * Throws for arguments beyond those that there are. What JavaScript passes over is refused wherever PyTorch would give it a meaning: a dtype,
 * a rounding, a way of working in place, sizes one by one.
 */
export function refuseMore(op: string, more: readonly unknown[], takes: string): void {
  if (more.length > 0) throw new ArgumentError(`${op}: takes ${takes}, but got ${show(more[0])} besides`);
}

// ---- showing values

const MAX_SHOWN = 60;
const clipped = (text: string): string => (text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);

/** A value in an error message; whatever it is, this does not throw and stays short. */
export function show(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `'${clipped(value)}'`;
    case 'bigint':
      return `the bigint ${clipped(String(value))}n`;
    case 'symbol':
      return 'a symbol';
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    default:
      if (value === null) return 'null';
  }
  try {
    return typeof value === 'function' ? showFunction(value) : showObject(value as object);
  } catch {
    return 'an object that cannot be read'; // a getter or a trap has thrown
  }
}

function showFunction(value: unknown): string {
  const { name, typeName } = value as { readonly name?: unknown; readonly typeName?: unknown };
  if (typeof typeName === 'function') return `a module ${clipped(String((value as { typeName(): unknown }).typeName()))}`;
  return typeof name === 'string' && name !== '' ? `the function ${clipped(name)}` : 'a function';
}

function showObject(value: object): string {
  if (Array.isArray(value)) return showArray(value);
  const { layout } = value as { readonly layout?: { readonly shape?: unknown; readonly dtype?: unknown } };
  if (typeof layout === 'object' && Array.isArray(layout.shape) && typeof layout.dtype === 'string')
    return `a tensor of shape [${layout.shape.join(', ')}]`;
  if (value instanceof Promise) return 'a promise; await it';
  const prototype = Object.getPrototypeOf(value) as { readonly constructor?: { readonly name?: unknown } } | null;
  const name = prototype?.constructor?.name;
  if (typeof name === 'string' && name !== '' && name !== 'Object') {
    const count = ArrayBuffer.isView(value) ? ` of length ${String((value as { length?: unknown }).length)}` : '';
    return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${clipped(name)}${count}`;
  }
  const keys = Object.keys(value);
  return keys.length === 0 ? 'an empty object' : `an object { ${clipped(keys.join(', '))} }`;
}

function showArray(value: readonly unknown[]): string {
  const plain = (item: unknown): boolean => item === null || !(typeof item === 'object' || typeof item === 'function');
  if (value.length > 8 || !Array.from(value).every(plain)) return `an array of length ${value.length}`;
  return `[${Array.from(value, show).join(', ')}]`;
}
