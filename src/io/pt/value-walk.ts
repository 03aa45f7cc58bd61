/** What a value from a file holds, by paths such as `model.conv1.weight`. */
import { FormatError } from '../../base/errors.ts';
import { isScalar } from '../pickle/keys.ts';
import { keyText } from './py-text.ts';
import { PyFloat, PyGlobal, PyObject, PyTuple, RawTensor } from './value.ts';
import type { PtKey, PtValue } from './value.ts';

/** A value that is no dictionary or list, and where it stands. */
export interface Leaf {
  readonly path: string;
  readonly value: PtValue;
}

/** Places looked at before a value counts as one that was made to have no end. */
const MOST_PLACES = 8e6;

interface Place {
  readonly value: PtValue;
  readonly path: string;
  readonly around: Place | undefined;
  /** Within an object of a class that means nothing here, only tensors are told of: the object tells of the rest. */
  readonly inObject: boolean;
}

/**
 * The tensors and other values in a value, in order. What is shared stands in several places; what contains itself is not entered again. Of
 * an object that means nothing here, the object itself, and the tensors that the file says it holds.
 * @throws FormatError when there is no end to it
 */
export function* leavesOf(root: PtValue): Generator<Leaf, undefined> {
  const places: Place[] = [{ value: root, path: '', around: undefined, inObject: false }];
  let count = 0;
  for (let place = places.pop(); place !== undefined; place = places.pop()) {
    if (++count > MOST_PLACES) throw new FormatError(`the value holds more than ${MOST_PLACES} values`);
    const { value, path, inObject } = place;
    if (value instanceof RawTensor) yield { path, value };
    else if (isLeaf(value)) {
      if (!inObject) yield { path, value };
    } else if (!isOpen(place)) {
      if (value instanceof PyObject && !inObject) yield { path, value };
      const inner = partsOf(value).map(([key, item]): Place => {
        const name = path === '' ? key : `${path}.${key}`;
        return { value: item, path: name, around: place, inObject: inObject || value instanceof PyObject };
      });
      for (let i = inner.length - 1; i >= 0; i--) places.push(inner[i]!);
    }
  }
}

const isLeaf = (value: PtValue): value is Exclude<PtValue, PtValue[] | Map<PtKey, PtValue> | PyTuple | PyObject> =>
  isScalar(value) || value instanceof PyFloat || value instanceof PyGlobal || value instanceof Uint8Array || value instanceof Set;

/** Whether a place is within the same value. */
function isOpen({ value, around }: Place): boolean {
  for (let outer = around; outer !== undefined; outer = outer.around) if (outer.value === value) return true;
  return false;
}

function partsOf(value: PtValue[] | Map<PtKey, PtValue> | PyTuple | PyObject): (readonly [string, PtValue])[] {
  if (value instanceof Map) return [...value].map(([key, item]) => [keyText(key), item]);
  if (!(value instanceof PyObject)) return [...value].map((item, i) => [String(i), item]);
  // A tensor of a kind that does not exist here is one thing; what it is made of is no tensor of the file.
  if (/^torch\._(utils|tensor)\._rebuild/.test(value.type.path)) return [];
  const { args, state, listItems, dictItems } = value;
  const attributes = state instanceof Map ? partsOf(state) : state === undefined ? [] : [['state', state] as const];
  const given = args.length === 0 ? [] : [['args', args] as const];
  return [
    ...given,
    ...attributes,
    ...(listItems === undefined ? [] : partsOf(listItems)),
    ...(dictItems === undefined ? [] : partsOf(dictItems)),
  ];
}

/**
 * The tensors of a value by their paths, and the paths of everything else that is no dictionary or list.
 * @throws FormatError when two tensors would have one name
 */
export function tensorsByPath(value: PtValue): { tensors: Map<string, RawTensor>; others: Map<string, PtValue> } {
  const tensors = new Map<string, RawTensor>();
  const others = new Map<string, PtValue>();
  for (const leaf of leavesOf(value)) {
    if (!(leaf.value instanceof RawTensor)) others.set(leaf.path, leaf.value);
    else if (tensors.has(leaf.path)) throw new FormatError(`two tensors would be named ${JSON.stringify(leaf.path)}`);
    else tensors.set(leaf.path, leaf.value);
  }
  return { tensors, others };
}

/** The part of a value at a path; the whole key comes before its parts, since keys may have dots in them. */
export function partAt(value: PtValue, path: string): PtValue | undefined {
  if (value instanceof Map && value.has(path)) return value.get(path);
  let item: PtValue | undefined = value;
  for (const name of path.split('.')) {
    if (typeof item !== 'object' || item === null || isLeaf(item) || item instanceof RawTensor) return undefined;
    item = partsOf(item).find(([key]) => key === name)?.[1];
  }
  return item;
}
