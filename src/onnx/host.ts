/**
 * Small arrays on the host: shapes, axes, paddings, and what models compute of them (Shape → Gather → Concat → Reshape). Such
 * chains run on plain numbers, so that no kernel runs for four of them and no tensor has to be read back; that is also what
 * lets imported models be compiled. Larger arrays, and all that depends on the input's values, are tensors.
 */
import { isFloating, type DType, type TypedArray } from '../base/dtype.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { broadcastShapes, contiguousStrides, numelOf, showShape, type Dims } from '../base/shape.ts';
import { fromTypedArray, hostArray } from '../tensor/create.ts';
import { allowance } from '../tensor/allowance.ts';
import { activeRecorder, unrecorded } from '../tensor/recorder.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Elements that an array of the host may have that is read of a tensor or a file. */
export const MAX_HOST_ELEMENTS = 65_536;
/** Elements that one may have that is computed; what makes more is none of shapes, and computed with tensors. */
const MAX_MADE_ELEMENTS = 4096;
/** What an element that is computed counts of the allowance of a call, in bytes: it takes as long as so many of a tensor. */
const MADE_BYTES = 1024;

/** An array of the host would have more elements than are computed there: the node is run on tensors instead. */
export class TooLarge extends Error {
  override name = 'TooLarge';
}

/** What flows between the nodes of a graph. */
export type Value = Tensor | Host;

/** An array of numbers; truth values are 0 and 1. */
export class Host {
  readonly dtype: DType;
  readonly shape: Dims;
  readonly data: readonly number[];
  /** Constants are turned into tensors once. */
  #kept: Tensor | undefined;
  readonly #exact: TypedArray | undefined;

  /** `exact` holds whole numbers that doubles do not. */
  constructor(dtype: DType, shape: Dims, data: readonly number[], exact?: TypedArray) {
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
    this.#exact = exact;
  }

  /** A constant of a file. */
  static constant(dtype: DType, shape: Dims, values: TypedArray): Host {
    return new Host(dtype, shape, Array.from(values as ArrayLike<number | bigint>, Number), values);
  }

  /** A list of whole numbers. */
  static ints(data: readonly number[]): Host {
    return new Host('int64', [data.length], data);
  }

  static scalar(dtype: DType, value: number): Host {
    return new Host(dtype, [], [value]);
  }

  /** The same numbers as a tensor. */
  tensor(): Tensor {
    if (this.#exact === undefined) return fromTypedArray(typed(this.dtype, this.data), [...this.shape], this.dtype);
    if (this.#kept === undefined) {
      const exact = this.#exact;
      this.#kept = unrecorded(() => fromTypedArray(exact, [...this.shape], this.dtype));
      this.#kept.storage.kept = true;
      activeRecorder()?.adopt(this.#kept); // filled once, here: a recording must not take it for something that it computes
    }
    return this.#kept;
  }
}

const LARGEST = 2n ** 63n - 1n;

function typed(dtype: DType, data: readonly number[]): TypedArray {
  if (dtype === 'int64') {
    return BigInt64Array.from(data, (x) => {
      const whole = BigInt(Math.trunc(Number.isNaN(x) ? 0 : Math.min(Math.max(x, -(2 ** 63)), 2 ** 63)));
      return whole > LARGEST ? LARGEST : whole;
    });
  }
  const array = hostArray(dtype, data.length) as Float64Array;
  for (let i = 0; i < data.length; i++) array[i] = data[i]!;
  return array;
}

/** A tensor's elements, which must be few. It reads the tensor, which compiled functions cannot. */
export function toHost(value: Value): Host {
  if (value instanceof Host) return value;
  checkSize(value.shape as Dims);
  return new Host(value.dtype, value.layout.shape, Array.from(value.detach().toTypedArray() as ArrayLike<number | bigint>, Number));
}

export const toTensor = (value: Value): Tensor => (value instanceof Host ? value.tensor() : value);

export const shapeOf = (value: Value): Dims => (value instanceof Host ? value.shape : value.layout.shape);

/** @throws TooLarge, or OutOfMemoryError when the call has made enough */
export function countMade(elements: number): void {
  if (elements > MAX_MADE_ELEMENTS) throw new TooLarge();
  allowance?.spend(elements * MADE_BYTES);
}

/** @throws ShapeError for more elements than shape computations have */
export function checkSize(shape: Dims): void {
  if (numelOf(shape) <= MAX_HOST_ELEMENTS) return;
  throw new ShapeError(`onnx: expected at most ${MAX_HOST_ELEMENTS} numbers of a shape computation, but got ${showShape(shape)}`);
}

/** A number as the dtype holds it. */
function rounded(dtype: DType, x: number): number {
  if (dtype === 'float32') return Math.fround(x);
  if (dtype === 'float64') return x;
  if (dtype === 'bool') return x !== 0 ? 1 : 0;
  return Number.isNaN(x) ? 0 : Math.trunc(x);
}

/** Element by element, broadcast. */
export function hostMap(dtype: DType, inputs: readonly Host[], fn: (...numbers: number[]) => number): Host {
  const shape = inputs.reduce<Dims>((all, { shape: own }) => broadcastShapes('onnx', all, own), []);
  countMade(numelOf(shape));
  const readers = inputs.map((input) => reader(input, shape));
  const [first, second] = readers as [Reader, Reader];
  const at: Reader =
    readers.length === 1
      ? (i) => fn(first(i))
      : readers.length === 2
        ? (i) => fn(first(i), second(i))
        : (i) => fn(...readers.map((read) => read(i)));
  const data = Array.from({ length: numelOf(shape) }, (_, i) => rounded(dtype, at(i)));
  return new Host(dtype, shape, data);
}

type Reader = (i: number) => number;

/** Reads an array as if it had a larger shape. */
function reader({ shape, data }: Host, to: Dims): Reader {
  if (numelOf(shape) === 1) return () => data[0]!;
  if (shape.length === to.length && shape.every((size, d) => size === to[d])) return (i) => data[i]!;
  const shift = to.length - shape.length;
  const own = contiguousStrides(shape);
  const strides = contiguousStrides(to);
  return (i) => {
    let at = 0;
    for (let d = shift; d < to.length; d++) {
      const index = Math.floor(i / strides[d]!) % to[d]!;
      if (shape[d - shift] !== 1) at += index * own[d - shift]!;
    }
    return data[at]!;
  };
}

/** Elements picked by their coordinates: what slices, transposes, gathers and tiles of arrays are. */
export function hostPick(input: Host, shape: Dims, from: (at: readonly number[]) => readonly number[]): Host {
  countMade(numelOf(shape));
  const own = contiguousStrides(input.shape);
  const strides = contiguousStrides(shape);
  const data = Array.from({ length: numelOf(shape) }, (_, i) => {
    const at = shape.map((size, d) => Math.floor(i / strides[d]!) % size);
    return input.data[from(at).reduce((sum, index, d) => sum + index * own[d]!, 0)]!;
  });
  return new Host(input.dtype, shape, data);
}

/** The same numbers under another shape. */
export const hostReshape = (input: Host, shape: Dims): Host => new Host(input.dtype, shape, input.data);

/** A division as ONNX has it: whole numbers round towards zero. */
export function hostDivide(dtype: DType, a: number, b: number): number {
  if (isFloating(dtype)) return a / b;
  if (b === 0) throw new ArgumentError('onnx: Div: a whole number is divided by zero');
  return Math.trunc(a / b);
}

/** A remainder with the sign of the dividend (`c`, as in C) or of the divisor. */
export function hostModulo(dtype: DType, a: number, b: number, c: boolean): number {
  if (b === 0 && !isFloating(dtype)) throw new ArgumentError('onnx: Mod: a whole number is divided by zero');
  return c ? a % b : a - Math.floor(a / b) * b;
}
