/**
 * What the pickle machine works on: the things on its stack, what its host provides, and its limits.
 */
import type { FormatError } from '../base/errors.ts';
import { OrderedDict, PyFloat, PySize, PyTuple, RawTensor } from './pt-value.ts';
import type { PtKey } from './pt-value.ts';

/** Anything that can lie on the machine's stack: values, and things that may only be operands. */
export type PickleItem =
  | PtKey
  | PyFloat
  | PyTuple<PickleItem>
  | PickleItem[]
  | Map<PtKey, PickleItem>
  | Set<PtKey>
  | RawTensor
  | GlobalRef
  | HostItem;

/** Makes the error for a problem at the current opcode. */
export type MakeError = (problem: string) => FormatError;

/** A listed global. Without `apply` it may be an operand (a storage type) but not be called. */
export class GlobalRef {
  readonly name: string;
  readonly apply: ((args: readonly PickleItem[], error: MakeError) => PickleItem) | undefined;
  constructor(name: string, apply?: GlobalRef['apply']) {
    this.name = name;
    this.apply = apply;
  }
}

/** What a host loads for a persistent id when it is no value itself: an operand for the host's own functions. */
export class HostItem {
  readonly description: string;
  constructor(description: string) {
    this.description = description;
  }
}

/**
 * The name of a class that is not on the list, of which a pickled module may be an object. Nothing stands behind it: no class is looked
 * for, and to call it is refused.
 */
export class StrangerRef extends HostItem {
  readonly name: string;
  constructor(name: string) {
    super(`the global ${quote(name)}`);
    this.name = name;
  }
}

/** An object of a class that is not on the list: a name and the attributes that it was saved with. */
export class ObjectItem extends HostItem {
  readonly className: string;
  attributes: Map<PtKey, PickleItem> | undefined;
  /** What takes its place, once that is known. */
  resolved: PickleItem | undefined;
  constructor(className: string) {
    super(`an object of class ${quote(className)}`);
    this.className = className;
  }
}

/** What gives names and persistent ids their meaning. */
export interface PickleHost {
  /** The global called `module.name`, if it is on the list, or a {@link StrangerRef} for what may be a module's class. */
  lookup(name: string): PickleItem | undefined;
  /** For a name that is not on the list: what the user can do. */
  remedy(name: string): string;
  persistentLoad(id: PickleItem, error: MakeError): PickleItem;
}

/** How much a pickle may ask of its reader. */
export interface PickleLimits {
  /** Opcodes executed, default 1 million. */
  readonly operations: number;
  /** Values that wait to become parts of a container, default 200,000; Python writes lists and dictionaries a thousand items at a time. */
  readonly stack: number;
  /** Containers and objects made, default 100,000. */
  readonly containers: number;
  /** Containers inside one another, default 200, never more than 1000. */
  readonly depth: number;
  /** Values when every shared part is counted wherever it appears, default 4 million. */
  readonly expanded: number;
}

/** Within these, whatever a pickle says, it takes less than 64 MB beyond its own bytes. */
export const PICKLE_LIMITS: PickleLimits = {
  operations: 1e6,
  stack: 200_000,
  containers: 100_000,
  depth: 200,
  expanded: 4e6,
};

/** A dictionary key or set element, or the error that it is none. */
export function asKey(item: PickleItem, error: MakeError): PtKey {
  if (item instanceof PyFloat) return item.value;
  if (item === null || typeof item !== 'object') return item;
  throw error(`a key is ${describe(item)}; expected a string, number, bool or None`);
}

/** An item in words, for messages. */
export function describe(item: PickleItem): string {
  if (item === null) return 'None';
  if (typeof item === 'string') return `the string ${quote(item)}`;
  if (typeof item === 'boolean') return item ? 'True' : 'False';
  if (typeof item === 'number' || typeof item === 'bigint') return `the number ${item}`;
  if (item instanceof PyFloat) return `the float ${item.value}`;
  if (item instanceof PySize) return 'a torch.Size';
  if (item instanceof PyTuple) return `a tuple of ${item.length}`;
  if (Array.isArray(item)) return `a list of ${item.length}`;
  if (item instanceof OrderedDict) return 'an OrderedDict';
  if (item instanceof Map) return 'a dict';
  if (item instanceof Set) return 'a set';
  if (item instanceof RawTensor) return 'a tensor';
  if (item instanceof GlobalRef) return `the global ${quote(item.name)}`;
  return item.description;
}

/** Text from the file for a message: quoted, escaped, not longer than a line. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
