/**
 * Dictionary keys as Python compares them: `True`, `1` and `1.0` are one key, and so are two tuples of equal items. JavaScript's Maps compare
 * numbers apart from booleans and everything else by identity, so the first of equal keys is looked for here and stands for all of them.
 */
import type { MakeError, PickleItem } from './items.ts';
import { describe } from './items.ts';
import { PyFloat, PyFrozenSet, PyGlobal, PyObject, PyTuple, RawTensor } from '../pt/value.ts';
import type { PtKey, PtScalar } from '../pt/value.ts';

/** Characters of a tuple written out to be compared; beyond, it is only equal to itself. */
const MAX_TEXT = 4096;

/** A dictionary key or set element, or the error that it is none. */
export function asKey(item: PickleItem, error: MakeError): PtKey {
  if (item instanceof PyFloat) return item.value;
  if (isScalar(item)) return item;
  if (isComposite(item)) return item;
  throw error(`a key is ${describe(item)}; Python's keys are strings, numbers and other things that do not change`);
}

export const isScalar = (item: unknown): item is PtScalar => item === null || typeof item !== 'object';

const isComposite = (item: PickleItem): item is Exclude<PtKey, PtScalar> =>
  item instanceof PyTuple ||
  item instanceof PyFrozenSet ||
  item instanceof PyGlobal ||
  item instanceof PyObject ||
  item instanceof RawTensor ||
  item instanceof Uint8Array;

/** The keys of the dictionaries and sets of one pickle. */
export class KeyIndex {
  /** Composite keys by their text, for each container that has some. */
  readonly #texts = new WeakMap<object, Map<string, PtKey>>();
  readonly #numbers = new WeakMap<object, number>();
  #count = 0;

  /** The key that stands for `key` in a container: an equal one that is there, or itself. */
  of(container: Map<PtKey, unknown> | Set<PtKey>, key: PtKey): PtKey {
    if (typeof key === 'string' || key === null) return key;
    if (typeof key === 'boolean') return container.has(Number(key)) ? Number(key) : key;
    if (typeof key === 'bigint') return container.has(Number(key)) && BigInt(Number(key)) === key ? Number(key) : key;
    if (typeof key === 'number') return equalNumber(container, key);
    const text = this.#text(key, MAX_TEXT);
    if (text === undefined) return key;
    let texts = this.#texts.get(container);
    if (texts === undefined) this.#texts.set(container, (texts = new Map()));
    const known = texts.get(text);
    if (known === undefined) texts.set(text, key);
    return known ?? key;
  }

  /** A text that equal keys share; undefined when it would be longer than `most`. */
  #text(item: unknown, most: number): string | undefined {
    if (typeof item === 'string') return item.length > most ? undefined : JSON.stringify(item);
    if (item === null) return 'None';
    if (item instanceof PyFloat) return this.#text(item.value, most);
    if (typeof item === 'number' && Number.isInteger(item)) return String(BigInt(item));
    if (typeof item !== 'object') return String(Number(item));
    if (item instanceof Uint8Array) return item.length > most ? undefined : `b${item.join()}`;
    if (item instanceof PyTuple) return this.#list(item.items, '()', most);
    if (item instanceof PyFrozenSet) return this.#list([...item], '{}', most);
    let number = this.#numbers.get(item);
    if (number === undefined) this.#numbers.set(item, (number = this.#count++));
    return `@${number}`;
  }

  #list(items: readonly unknown[], around: string, most: number): string | undefined {
    let left = most - items.length;
    const parts: string[] = [];
    for (const item of items) {
      const part = left <= 0 ? undefined : this.#text(item, left);
      if (part === undefined) return undefined;
      left -= part.length + 1;
      parts.push(part);
    }
    if (around === '{}') parts.sort();
    return `${around[0]}${parts.join()}${around[1]}`;
  }
}

function equalNumber(container: Map<PtKey, unknown> | Set<PtKey>, key: number): PtKey {
  if ((key === 0 || key === 1) && container.has(key === 1)) return key === 1;
  const large = Number.isInteger(key) && !Number.isSafeInteger(key) ? BigInt(key) : undefined;
  return large !== undefined && container.has(large) ? large : key;
}
