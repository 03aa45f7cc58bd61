/** Tensors in values that are posted to another thread: as typed arrays there, and tensors again behind it. */
import { ArgumentError } from '../../base/errors.ts';
import { DTYPES, type DType, type TypedArray } from '../../base/dtype.ts';
import { show } from '../../base/arguments.ts';
import { fromTypedArray } from '../../tensor/create.ts';
import { isTensor } from '../../tensor/is-tensor.ts';

/** What a tensor is on its way. */
interface Packed {
  readonly flambeauTensor: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** How deep values may be nested. */
const MAX_DEPTH = 100;

/**
 * A value for `postMessage`, in which each tensor, in Maps, arrays and plain objects at any depth, is a copy as a typed array; everything else stays what it is. The copies' memory need
 * not be copied again: pass `transfer` to `postMessage`.
 * @throws ArgumentError for a value that contains itself
 * @example
 * import { nn } from 'flambeau';
 * import { packTensors, unpackTensors } from 'flambeau/train';
 *
 * const model = new nn.Linear(2, 1);
 * const { value, transfer } = packTensors({ weights: model.stateDict() });
 * const copy = structuredClone(value, { transfer }); // what postMessage does
 * const { weights } = unpackTensors<{ weights: ReturnType<typeof model.stateDict> }>(copy);
 * model.loadStateDict(weights);
 */
export function packTensors(value: unknown): { readonly value: unknown; readonly transfer: ArrayBuffer[] } {
  const transfer: ArrayBuffer[] = [];
  const packed = mapped('packTensors', value, 0, (tensor) => {
    if (!isTensor(tensor)) return undefined;
    const data = tensor.detach().toTypedArray();
    transfer.push(data.buffer as ArrayBuffer);
    return { flambeauTensor: tensor.dtype, shape: [...tensor.layout.shape], data } satisfies Packed;
  });
  return { value: packed, transfer };
}

/**
 * What {@link packTensors} was given, with tensors of this thread.
 * @throws ArgumentError, ShapeError or DTypeError for what claims to be a packed tensor and is none
 */
export function unpackTensors<T = unknown>(value: unknown): T {
  return mapped('unpackTensors', value, 0, (part) => {
    if (!isPacked(part)) return undefined;
    const { flambeauTensor: dtype, shape, data } = part;
    if (!DTYPES.includes(dtype) || !Array.isArray(shape) || !ArrayBuffer.isView(data))
      throw new ArgumentError('unpackTensors: expected what packTensors gave, but a tensor in it is damaged');
    return fromTypedArray(data, shape, dtype);
  }) as T;
}

const isPacked = (value: object): value is Packed => Object.hasOwn(value, 'flambeauTensor') && !isTensor(value);

/** A copy of Maps, arrays and plain objects with some parts changed. */
function mapped(op: string, value: unknown, depth: number, change: (part: object) => unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH) throw new ArgumentError(`${op}: ${show(value)} is nested more than ${MAX_DEPTH} deep, or contains itself`);
  const changed = change(value);
  if (changed !== undefined) return changed;
  const deeper = (part: unknown): unknown => mapped(op, part, depth + 1, change);
  if (Array.isArray(value)) return value.map(deeper);
  if (value instanceof Map) return new Map([...value].map(([key, part]) => [key, deeper(part)]));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return value; // typed arrays, dates, blobs
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, deeper(part)]));
}
