/** Making tensors: from JavaScript values, filled, ranges, random. PyTorch's factory functions. */
import { isFloating, type DType, type TypedArray } from '../base/dtype.ts';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.ts';
import { layoutOf } from '../base/layout.ts';
import { numelOf, showShape, type Dims } from '../base/shape.ts';
import { cpuDevice } from './backend.ts';
import { fillNormal, fillRandint, fillRandperm, fillUniform, type Generator } from './random/index.ts';
import { fma64 } from './random/fused.ts';
import type { Shape } from './shapes/dims.ts';
import { allocateStorage } from './storage.ts';
import { activeRecorder } from './recorder.ts';
import { Tensor } from './tensor.ts';

/** Nested arrays of one kind of element, as deep as the tensor has dimensions. */
export type Nested<T> = T | readonly Nested<T>[];

export interface TensorOptions {
  readonly dtype?: DType;
  readonly requiresGrad?: boolean;
}

export interface RandomOptions extends TensorOptions {
  /** Where the numbers are drawn from: the default generator, which `manualSeed` seeds. */
  readonly generator?: Generator;
}

/** The array type that holds elements of a dtype on the host. */
const HOST = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/** A host array of `length` zeros. */
export const hostArray = (dtype: DType, length: number): TypedArray => new HOST[dtype](length);

function empty_(dtype: DType, shape: Dims): Tensor {
  const layout = layoutOf(dtype, shape);
  return new Tensor(allocateStorage(cpuDevice(), layout.extent), layout, 0);
}

function finish(x: Tensor, options: TensorOptions): Tensor {
  if (options.requiresGrad === true) x.requiresGrad = true;
  return x;
}

/**
 * A tensor with the elements of a typed array, copied. The bytes of an `ImageData`, a `Uint8ClampedArray`, are taken as uint8.
 * @param shape default: one dimension
 * @throws ShapeError when the sizes do not multiply to the array's length
 */
export function fromTypedArray<const S extends readonly number[] = number[]>(
  data: TypedArray | Uint8ClampedArray,
  shape: S = [data.length] as unknown as S,
  dtype?: DType,
): Tensor<[...S]> {
  return fromHost(
    data instanceof Uint8ClampedArray ? new Uint8Array(data.buffer, data.byteOffset, data.length) : data,
    shape,
    dtype,
  );
}

function fromHost<const S extends readonly number[]>(
  data: TypedArray,
  shape: S,
  dtype: DType = dtypeOf(data),
): Tensor<[...S]> {
  checkSizes('fromTypedArray', shape);
  if (numelOf(shape) !== data.length) {
    throw new ShapeError(
      `fromTypedArray: shape ${showShape(shape)} has ${numelOf(shape)} elements, but the array has ${data.length}`,
    );
  }
  if (!(data instanceof HOST[dtype])) {
    throw new DTypeError(
      `fromTypedArray: dtype ${dtype} takes a ${HOST[dtype].name}, but got a ${data.constructor.name}`,
    );
  }
  const x = empty_(dtype, shape);
  cpuDevice().write(x.storage.address, data);
  activeRecorder()?.filled(x, data);
  return x;
}

/** A tensor of random numbers. A compiled function draws them anew at every run. */
export function drawnTensor(shape: Dims, dtype: DType, data: TypedArray, draw: () => void): Tensor {
  draw();
  const x = fromTypedArray(data, [...shape], dtype);
  activeRecorder()?.drawn(x, data, () => {
    draw();
    return data;
  });
  return x;
}

function dtypeOf(data: TypedArray): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof BigInt64Array) return 'int64';
  return 'uint8';
}

type Element = number | bigint | boolean;

/**
 * A tensor with the given values (https://pytorch.org/docs/stable/generated/torch.tensor.html).
 *
 * JavaScript does not tell 1.0 from 1, so numbers make float32 unless `dtype` says otherwise; bigints make int64 and
 * booleans bool.
 * @throws ShapeError when nested arrays have unequal lengths
 * @example
 * import { tensor } from 'flambeau';
 * const x = tensor([[0, 1], [2, 3]]);
 * if (x.shape.join() !== '2,2' || x.dtype !== 'float32') throw new Error('a 2×2 matrix');
 */
export function tensor(values: Nested<Element> | TypedArray | Uint8ClampedArray, options: TensorOptions = {}): Tensor {
  if (ArrayBuffer.isView(values)) {
    const x = fromTypedArray(values);
    return finish(options.dtype === undefined ? x : x.to(options.dtype), options);
  }
  const shape: number[] = [];
  for (let level: Nested<Element> = values; Array.isArray(level); level = (level as readonly Nested<Element>[])[0]!) {
    shape.push(level.length);
    if (level.length === 0) break;
  }
  const flat: Element[] = [];
  flatten(values, shape, 0, flat);
  const first = flat[0];
  const dtype =
    options.dtype ?? (typeof first === 'bigint' ? 'int64' : typeof first === 'boolean' ? 'bool' : 'float32');
  return finish(fromTypedArray(hostValues(flat, dtype), shape, dtype), options);
}

function flatten(values: Nested<Element>, shape: Dims, depth: number, out: Element[]): void {
  const expected = shape[depth];
  if (!Array.isArray(values)) {
    if (expected !== undefined) throw ragged(depth, expected, 'a single value');
    out.push(values as Element);
    return;
  }
  const list = values as readonly Nested<Element>[];
  if (expected === undefined) throw ragged(depth, 0, 'an array');
  if (list.length !== expected) throw ragged(depth, expected, `length ${list.length}`);
  for (const value of list) flatten(value, shape, depth + 1, out);
}

function ragged(depth: number, expected: number, came: string): ShapeError {
  return new ShapeError(
    `tensor: arrays at depth ${depth} must all have length ${expected} (as the first one), but got ${came}`,
  );
}

function hostValues(values: readonly Element[], dtype: DType): TypedArray {
  if (dtype === 'int64')
    return BigInt64Array.from(values, (v) => (typeof v === 'bigint' ? v : BigInt(Math.trunc(Number(v)))));
  if (dtype === 'bool') return Uint8Array.from(values, (v) => (v ? 1 : 0));
  const out = hostArray(dtype, values.length) as Float32Array;
  for (let i = 0; i < values.length; i++) out[i] = Number(values[i]);
  return out;
}

function checkSizes(op: string, shape: Dims): void {
  for (const size of shape) {
    if (!Number.isInteger(size) || size < 0)
      throw new ShapeError(`${op}: sizes must be whole numbers ≥ 0, but got ${showShape(shape)}`);
  }
  if (numelOf(shape) > 2 ** 31) throw new ShapeError(`${op}: shape ${showShape(shape)} has more than 2³¹ elements`);
}

/**
 * How tensors of a shape are made: sizes as separate arguments or one array, then optionally options: `zeros(2, 3)`,
 * `zeros([2, 3], { dtype: 'int64' })`. Three signatures, because compilers differ in what they find in a union of tuples.
 */
export interface SizedFactory<O> {
  <const S extends readonly number[]>(...sizes: S): Tensor<[...S]>;
  <const S extends readonly number[]>(sizes: S, options?: O): Tensor<[...S]>;
  <const S extends readonly number[]>(...sizesAndOptions: readonly [...S, O]): Tensor<[...S]>;
}

function sizes<O extends object>(op: string, args: readonly unknown[]): { shape: number[]; options: O } {
  const last = args.at(-1);
  const hasOptions = typeof last === 'object' && last !== null && !Array.isArray(last);
  const rest = hasOptions ? args.slice(0, -1) : args;
  const shape = (rest.length === 1 && Array.isArray(rest[0]) ? rest[0] : rest) as number[];
  checkSizes(op, shape);
  return { shape, options: (hasOptions ? last : {}) as O };
}

/** Zeros of a shape. */
export const zeros: SizedFactory<TensorOptions> = (...args: readonly unknown[]) => {
  const { shape, options } = sizes<TensorOptions>('zeros', args);
  return full(shape, 0, options);
};

/** Ones of a shape. */
export const ones: SizedFactory<TensorOptions> = (...args: readonly unknown[]) => {
  const { shape, options } = sizes<TensorOptions>('ones', args);
  return full(shape, 1, options);
};

/** Memory of a shape with whatever it holds. */
export const empty: SizedFactory<TensorOptions> = (...args: readonly unknown[]) => {
  const { shape, options } = sizes<TensorOptions>('empty', args);
  return finish(empty_(options.dtype ?? 'float32', shape), options);
};

/** A tensor filled with one value; booleans make bool. */
export function full<const S extends readonly number[]>(
  shape: S,
  value: number | boolean,
  options: TensorOptions = {},
): Tensor<[...S]> {
  checkSizes('full', shape);
  const dtype = options.dtype ?? (typeof value === 'boolean' ? 'bool' : 'float32');
  return finish(empty_(dtype, shape).fill_(Number(value)), options);
}

/** A square (or `n`×`m`) matrix with ones on the diagonal. */
export function eye(n: number, m: number = n, options: TensorOptions = {}): Tensor {
  checkSizes('eye', [n, m]);
  const values = new Float32Array(n * m);
  for (let i = 0; i < Math.min(n, m); i++) values[i * m + i] = 1;
  return finish(fromTypedArray(values, [n, m]).to(options.dtype ?? 'float32'), options);
}

/**
 * Numbers from `start` (default 0) to before `end`, `step` apart. Whole arguments make int64, as in PyTorch.
 * @throws ArgumentError when `step` does not lead from `start` to `end`
 */
export function arange(start: number, end?: number, step = 1, options: TensorOptions = {}): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  if (![from, to, step].every(Number.isFinite) || step === 0 || (to - from) / step < 0) {
    throw new ArgumentError(
      `arange: expected finite bounds and a step that leads from start to end, but got (${from}, ${to}, ${step})`,
    );
  }
  const count = Math.ceil((to - from) / step);
  const dtype = options.dtype ?? ([from, to, step].every(Number.isInteger) ? 'int64' : 'float32');
  // Of a whole dtype, start and step are made whole first, as in PyTorch; how many there are follows from what was given.
  const [first, by] = isFloating(dtype) ? [from, step] : [Math.trunc(from), Math.trunc(step)];
  const values = Array.from({ length: count }, (_, i) => first + i * by);
  return finish(fromTypedArray(hostValues(values, dtype), [count], dtype), options);
}

/** `steps` numbers from `start` to `end`, both included. */
export function linspace(start: number, end: number, steps: number, options: TensorOptions = {}): Tensor {
  if (!Number.isInteger(steps) || steps < 0)
    throw new ArgumentError(`linspace: expected a whole number of steps ≥ 0, but got ${steps}`);
  const dtype = options.dtype ?? 'float32';
  // Bounds in the dtype itself, the step of whole numbers in double precision, as PyTorch has them.
  const single = dtype === 'float32' ? Math.fround : (x: number) => x;
  const [from, to] = isFloating(dtype) ? [single(start), single(end)] : [Math.trunc(start), Math.trunc(end)];
  const step = steps > 1 ? single(single(to - from) / (steps - 1)) : 0;
  // From both ends towards the middle, each element rounded once, as PyTorch does, so that the last is exactly `end`.
  const halfway = Math.max(Math.floor(steps / 2), 1);
  const values = Array.from({ length: steps }, (_, i) =>
    i < halfway ? fma64(i, step, from) : fma64(i - (steps - 1), step, to),
  );
  return finish(fromTypedArray(hostValues(values, dtype), [steps], dtype), options);
}

function floatArray(op: string, dtype: DType, length: number): Float32Array | Float64Array {
  if (!isFloating(dtype))
    throw new DTypeError(`${op}: expected a floating-point dtype, but got ${dtype}; use float32 or float64`);
  return hostArray(dtype, length) as Float32Array | Float64Array;
}

/** Uniform random numbers in [0, 1). */
export const rand: SizedFactory<RandomOptions> = (...args: readonly unknown[]) => {
  const { shape, options } = sizes<RandomOptions>('rand', args);
  const data = floatArray('rand', options.dtype ?? 'float32', numelOf(shape));
  const draw = (): void => fillUniform(data, 0, 1, options.generator);
  return finish(drawnTensor(shape, options.dtype ?? 'float32', data, draw), options);
};

/** Random numbers from the standard normal distribution. */
export const randn: SizedFactory<RandomOptions> = (...args: readonly unknown[]) => {
  const { shape, options } = sizes<RandomOptions>('randn', args);
  const data = floatArray('randn', options.dtype ?? 'float32', numelOf(shape));
  const draw = (): void => fillNormal(data, 0, 1, options.generator);
  return finish(drawnTensor(shape, options.dtype ?? 'float32', data, draw), options);
};

/** Random whole numbers in [low, high), int64 by default. */
export function randint<const S extends readonly number[]>(
  low: number,
  high: number,
  shape: S,
  options: RandomOptions = {},
): Tensor<[...S]> {
  checkSizes('randint', shape);
  const dtype = options.dtype ?? 'int64';
  const data = hostArray(dtype, numelOf(shape));
  const draw = (): void => fillRandint(data, low, high, options.generator, dtype);
  return finish(drawnTensor(shape, dtype, data, draw), options);
}

/** The whole numbers below `n` in random order, int64 by default. */
export function randperm(n: number, options: RandomOptions = {}): Tensor<[number]> {
  checkSizes('randperm', [n]);
  const dtype = options.dtype ?? 'int64';
  const data = hostArray(dtype, n);
  const draw = (): void => fillRandperm(data, options.generator);
  return finish(drawnTensor([n], dtype, data, draw), options);
}

type Like = Tensor<Shape>;
const like = (x: Like, options: TensorOptions): TensorOptions => ({ dtype: x.dtype, ...options });

export const zerosLike = <S extends Shape>(x: Tensor<S>, options: TensorOptions = {}): Tensor<S> => full(x.layout.shape, 0, like(x, options)) as unknown as Tensor<S>; // prettier-ignore
export const onesLike = <S extends Shape>(x: Tensor<S>, options: TensorOptions = {}): Tensor<S> => full(x.layout.shape, 1, like(x, options)) as unknown as Tensor<S>; // prettier-ignore
export const fullLike = <S extends Shape>(x: Tensor<S>, value: number, options: TensorOptions = {}): Tensor<S> => full(x.layout.shape, value, like(x, options)) as unknown as Tensor<S>; // prettier-ignore
export const randLike = <S extends Shape>(x: Tensor<S>, options: RandomOptions = {}): Tensor<S> => rand([...x.layout.shape], { ...options, ...like(x, options) }) as unknown as Tensor<S>; // prettier-ignore
export const randnLike = <S extends Shape>(x: Tensor<S>, options: RandomOptions = {}): Tensor<S> => randn([...x.layout.shape], { ...options, ...like(x, options) }) as unknown as Tensor<S>; // prettier-ignore
