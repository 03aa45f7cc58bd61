/** Reading state that was saved: Maps as they come out of files, plain objects as programs write them, and errors that say what is wrong. */
import { StateDictError } from '../base/errors.ts';
import { inWords } from '../tensor/in-words.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Makes the error for a problem. */
export type MakeError = (problem: string) => StateDictError;

export const loadError =
  (what: string): MakeError =>
  (problem) =>
    new StateDictError(`${what}.loadStateDict: ${problem}; nothing was loaded`);

/** The members of a dictionary by name. */
export function members(value: unknown, what: string, error: MakeError): Map<string, unknown> {
  if (value instanceof Map) return new Map([...(value as Map<unknown, unknown>)].map(([key, item]) => [keyText(key, what, error), item]));
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Tensor || !isPlain(value))
    throw error(`${what} is ${inWords(value)}; expected a Map or an object`);
  return new Map(Object.entries(value));
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function keyText(key: unknown, what: string, error: MakeError): string {
  if (typeof key === 'string') return key;
  if (typeof key === 'number' || typeof key === 'bigint') return String(key);
  throw error(`${what} has the key ${inWords(key)}; expected names and numbers`);
}

/** The items of a list. */
export function items(value: unknown, what: string, error: MakeError): readonly unknown[] {
  if (Array.isArray(value)) return value as readonly unknown[];
  throw error(`${what} is ${inWords(value)}; expected a list`);
}

/** A number, which PyTorch may keep as a tensor of one element. */
export function number(value: unknown, what: string, error: MakeError): number {
  const plain: unknown = value instanceof Tensor && value.layout.numel === 1 ? value.item() : value;
  if (typeof plain === 'number') return plain;
  if (typeof plain === 'bigint') return Number(plain);
  throw error(`${what} is ${inWords(value)}; expected a number`);
}

/** A whole number of at least `low`. */
export function count(value: unknown, what: string, low: number, error: MakeError): number {
  const plain = number(value, what, error);
  if (Number.isInteger(plain) && plain >= low) return plain;
  throw error(`${what} is ${plain}; expected a whole number ≥ ${low}`);
}

/** Finite numbers, one for each of `length` groups. */
export function rates(value: unknown, what: string, length: number, error: MakeError): number[] {
  const list = items(value, what, error).map((item) => number(item, what, error));
  if (list.length !== length) throw error(`${what} has ${list.length} numbers for ${length} groups`);
  if (!list.every(Number.isFinite)) throw error(`${what} is [${list.join(', ')}]; expected finite numbers`);
  return list;
}
