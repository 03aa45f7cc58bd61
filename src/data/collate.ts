/**
 * Collation: many samples become one batch, by PyTorch's rules (https://pytorch.org/docs/stable/data.html#torch.utils.data.default_collate).
 */
import { ARRAY, requireKind, show } from '../base/arguments.ts';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.ts';
import { numelOf, sameDims, showShape } from '../base/shape.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { stack } from '../tensor/functions.ts';
import { Tensor } from '../tensor/tensor.ts';
import { copyInto, rawArray, type PlainTensor } from './raw.ts';

/** What a batch of samples `T` is: tensors of numbers, tuples and records of batches, lists of strings. */
export type Collated<T> = T extends Tensor | number | bigint | boolean
  ? Tensor
  : T extends string
    ? string[]
    : T extends readonly unknown[]
      ? { -readonly [K in keyof T]: Collated<T[K]> }
      : T extends object
        ? { [K in keyof T]: Collated<T[K]> }
        : never;

/**
 * Makes one batch of samples that are alike: tensors are stacked, numbers become an int64 tensor if all are whole and a float32 one
 * otherwise, bigints int64, booleans bool; tuples and plain objects are collated part by part; strings make a list.
 *
 * @throws {@link ShapeError} when tensors have different shapes or tuples different lengths
 * @throws {@link ArgumentError} for anything else, such as images, null or a mixture
 * @example
 * ```ts
 * import { data, tensor } from 'flambeau';
 *
 * const [x, y] = data.defaultCollate([[tensor([1, 2]), 0], [tensor([3, 4]), 1]] as const);
 * console.log(x.shape, y.dtype); // [ 2, 2 ] int64
 * ```
 */
export function defaultCollate<T>(samples: readonly T[]): Collated<T> {
  requireKind('defaultCollate', 'the samples', samples, ARRAY);
  if (samples.length === 0) throw new ArgumentError('defaultCollate: expected at least one sample, but got none');
  return collate(samples, 'sample') as Collated<T>;
}

/** A sample within a sample within …, or one that contains itself. */
const MAX_DEPTH = 100;

function collate(values: readonly unknown[], path: string, depth = 0): unknown {
  if (depth > MAX_DEPTH) throw new ArgumentError(`defaultCollate: a sample is nested more than ${MAX_DEPTH} deep, or contains itself`);
  const first = values[0];
  const alike = (test: (value: unknown) => boolean): boolean => requireAlike(values, test, path);
  if (first instanceof Tensor && alike((value) => value instanceof Tensor)) return stackTensors(values as readonly Tensor[], path);
  if (typeof first === 'number' && alike((value) => typeof value === 'number')) return numbers(values as readonly number[]);
  if (typeof first === 'bigint' && alike((value) => typeof value === 'bigint')) {
    return fromTypedArray(BigInt64Array.from(values as readonly bigint[]));
  }
  if (typeof first === 'boolean' && alike((value) => typeof value === 'boolean')) {
    return fromTypedArray(Uint8Array.from(values as readonly boolean[], Number), [values.length], 'bool');
  }
  if (typeof first === 'string' && alike((value) => typeof value === 'string')) return [...values];
  if (Array.isArray(first) && alike(Array.isArray)) return tuples(values as readonly (readonly unknown[])[], path, depth + 1);
  if (isRecord(first) && alike(isRecord)) return records(values as readonly Record<string, unknown>[], path, depth + 1);
  throw new ArgumentError(`defaultCollate: the ${path} is ${nameOf(first)}, which cannot be put into a batch; ${remedyFor(first)}`);
}

function remedyFor(value: unknown): string {
  const isImage = show(value) === 'an Image';
  return isImage ? 'end the transform with ToTensor()' : 'give the loader a collateFn';
}

function requireAlike(values: readonly unknown[], test: (value: unknown) => boolean, path: string): true {
  const other = values.findIndex((value) => !test(value));
  if (other === -1) return true;
  throw new ArgumentError(
    `defaultCollate: the ${path} is ${nameOf(values[0])} in one sample and ${nameOf(values[other])} in another; make them alike`,
  );
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? show(value) : `a ${typeof value}`;
}

const isRecord = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value) as null);

function stackTensors(tensors: readonly Tensor[], path: string): Tensor {
  const shape = tensors[0]!.shape as readonly number[];
  const mixed = tensors.find((tensor) => tensor.dtype !== tensors[0]!.dtype);
  if (mixed !== undefined) {
    throw new DTypeError(
      `defaultCollate: the ${path} is ${tensors[0]!.dtype} in one sample and ${mixed.dtype} in another; make them alike`,
    );
  }
  const other = tensors.find((tensor) => !sameDims(tensor.shape as readonly number[], shape));
  if (other !== undefined) {
    throw new ShapeError(
      `defaultCollate: the ${path} has shape ${showShape(shape)} in one sample and ${showShape(other.shape as readonly number[])} ` +
        'in another, so they cannot be stacked; make the sizes equal, with Resize or CenterCrop for images',
    );
  }
  // Gradients flow through a stack; without them it is quicker to put the elements together here.
  return tensors.some((tensor) => tensor.requiresGrad) ? stack(tensors) : toTensor(rawStack(tensors));
}

function rawStack(tensors: readonly Tensor[]): PlainTensor {
  const { dtype } = tensors[0]!;
  const shape = tensors[0]!.shape as readonly number[];
  const data = rawArray(dtype, numelOf(shape) * tensors.length);
  tensors.forEach((tensor, i) => copyInto(data, i * numelOf(shape), tensor.toTypedArray()));
  return { dtype, shape: [tensors.length, ...shape], data };
}

function numbers(values: readonly number[]): Tensor {
  if (values.every(Number.isSafeInteger)) return fromTypedArray(BigInt64Array.from(values, BigInt)) as Tensor;
  return fromTypedArray(Float32Array.from(values)) as Tensor;
}

function tuples(values: readonly (readonly unknown[])[], path: string, depth: number): unknown[] {
  const { length } = values[0]!;
  const other = values.find((value) => value.length !== length);
  if (other !== undefined) {
    throw new ShapeError(`defaultCollate: the ${path} has ${length} parts in one sample and ${other.length} in another`);
  }
  return values[0]!.map((_, part) =>
    collate(
      values.map((value) => value[part]),
      `${path}'s part ${part}`,
      depth,
    ),
  );
}

function records(values: readonly Record<string, unknown>[], path: string, depth: number): Record<string, unknown> {
  const keys = Object.keys(values[0]!);
  const other = values.find((value) => !keys.every((key) => Object.hasOwn(value, key)));
  if (other !== undefined)
    throw new ArgumentError(
      `defaultCollate: the ${path} has ${keys.join(', ')} in one sample and ${Object.keys(other).join(', ')} in another; make them alike`,
    );
  const entries = keys.map((key) => [
    key,
    collate(
      values.map((value) => value[key]),
      `${path}'s ${JSON.stringify(key)}`,
      depth,
    ),
  ]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}

/** A tensor of plain memory. */
export const toTensor = (raw: PlainTensor): Tensor => fromTypedArray(raw.data, raw.shape, raw.dtype) as Tensor;
