/**
 * What the pickle machine works on: the things on its stack, what its host provides, and its limits.
 */
import type { FormatError } from '../../base/errors.ts';
import { OrderedDict, PyFloat, PyGlobal, PyObject, PySize, PyTuple, RawTensor } from '../pt/value.ts';
import type { PtValue } from '../pt/value.ts';

/** Anything that can lie on the machine's stack: values, and things that become values at the end. */
export type PickleItem = PtValue | HostItem;

/** Makes the error for a problem at the current opcode. */
export type MakeError = (problem: string) => FormatError;

/** What a host loads for a persistent id when it is no value itself: an operand for the host's own functions. */
export abstract class HostItem {
  readonly description: string;
  constructor(description: string) {
    this.description = description;
  }
  /** The value that it is where it stands by itself. */
  abstract value(): PtValue;
}

/** What gives names and persistent ids their meaning. */
export interface PickleHost {
  /** The result of a function or class that has a meaning here; undefined for all others, which become placeholders. */
  call(callee: PyGlobal, args: readonly PickleItem[], error: MakeError): PickleItem | undefined;
  /** Sets the state of an object that {@link call} made or let be made; false when it has no meaning here. */
  setState(target: PickleItem, state: PickleItem, error: MakeError): boolean;
  persistentLoad(id: PickleItem, error: MakeError): PickleItem;
  /** The value that takes an object's place at the end. */
  resolve(object: PyObject): PtValue;
}

/** How much a pickle may ask of its reader. */
export interface PickleLimits {
  /** Opcodes executed. */
  readonly operations: number;
  /** Values that wait to become parts of a container. */
  readonly stack: number;
  /** Containers and objects made. */
  readonly containers: number;
  /** Containers inside one another. */
  readonly depth: number;
  /** Values when every shared part is counted wherever it appears. */
  readonly expanded: number;
}

/** What every pickle may ask for. Within these, whatever it says, it takes less than 64 MB beyond its own bytes. */
const PICKLE_LIMITS: PickleLimits = {
  operations: 1e6,
  stack: 200_000,
  containers: 100_000,
  depth: 100_000,
  expanded: 4e6,
};

/** Containers beyond which a pickle is refused unless more are allowed: they take some two gigabytes. */
const MOST_CONTAINERS = 8e6;

/**
 * The limits for a pickle of so many bytes, which are {@link PICKLE_LIMITS} until it is larger than what they are meant for. Python takes six
 * bytes or more for each container in a long pickle, so that what it wrote stays within them.
 */
export function limitsFor(bytes: number): PickleLimits {
  return {
    operations: Math.max(PICKLE_LIMITS.operations, bytes),
    stack: Math.max(PICKLE_LIMITS.stack, Math.min(bytes, 2 ** 26)),
    containers: Math.max(PICKLE_LIMITS.containers, Math.min(Math.ceil(bytes / 6), MOST_CONTAINERS)),
    depth: PICKLE_LIMITS.depth,
    expanded: Math.max(PICKLE_LIMITS.expanded, 4 * bytes),
  };
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
  if (item instanceof Uint8Array) return `${item.length} bytes`;
  if (item instanceof OrderedDict) return 'an OrderedDict';
  if (item instanceof Map) return 'a dict';
  if (item instanceof Set) return 'a set';
  if (item instanceof RawTensor) return 'a tensor';
  if (item instanceof PyGlobal) return `the name ${quote(item.path)}`;
  if (item instanceof PyObject) return `an object of ${quote(item.type.path)}`;
  return item.description;
}

/** Text from the file for a message: quoted, escaped, not longer than a line. */
export function quote(text: string): string {
  return escaped(JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text));
}

/** Text without what would move a terminal's cursor, change its colours or hide itself. */
export const escaped = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (char) => {
    const code = char.codePointAt(0)!.toString(16).padStart(4, '0');
    return code.length > 4 ? `\\u{${code}}` : `\\u${code}`;
  });
