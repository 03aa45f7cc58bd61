/** Making tensors: from JavaScript values, filled, ranges, random. PyTorch's factory functions. */
import { arrayOf, BOOL, either, FINITE, kind, NUMBER, requireKind, requireOptions, show, SIZE, WHOLE, wrongArgument, type OptionKinds } from '../base/arguments.ts'; // prettier-ignore
import { isFloating, isHalf, itemSize, requireFits, type DType, type TypedArray } from '../base/dtype.ts';
import { ArgumentError, DTypeError, OutOfMemoryError, ShapeError } from '../base/errors.ts';
import { narrowed } from '../base/half.ts';
import { layoutOf } from '../base/layout.ts';
import { contiguousStrides, numelOf, sameDims, showShape, type Dims } from '../base/shape.ts';
import { DTYPE, GENERATOR, requireTensor } from './arguments.ts';
import type { Device } from '../devices/device.ts';
import { cpuDevice, deviceNamed, isDeviceName, type DeviceName } from './backend.ts';
import { eachElement, MAX_DIMS, nestedDType, nestedShape, type Nested } from './nested.ts';
import { fillRandint, fillRandperm, fillUniform, normalOf, type Generator } from './random/index.ts';
import { fma64 } from './random/fused.ts';
import type { Shape } from './shapes/dims.ts';
import { allocateStorage } from './storage.ts';
import { activeRecorder } from './recorder.ts';
import { isTensor } from './is-tensor.ts';
import { tensorOver } from './make-tensor.ts';
import { requireElements } from './transfer.ts';
import type { Tensor } from './tensor.ts';

export type { Nested };

const SIZES = arrayOf(NUMBER, 'sizes');
const NUMBER_OR_BOOL = either(NUMBER, BOOL);
const WHOLE_OR_BIGINT = either(
  WHOLE,
  kind('a bigint', (value) => typeof value === 'bigint'),
);

export interface TensorOptions {
  readonly dtype?: DType;
  readonly requiresGrad?: boolean;
  /** Where the tensor lives: `'cpu'` unless said otherwise. */
  readonly device?: DeviceName;
}

export interface RandomOptions extends TensorOptions {
  /** Where the numbers are drawn from: the default generator, which `manualSeed` seeds. */
  readonly generator?: Generator;
}

/** The array type that holds elements of a dtype on the host: of half types numbers, which are rounded when they are stored. */
const HOST = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int8: Int8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  float16: Float32Array,
  bfloat16: Float32Array,
} as const;

/** A host array as memory holds it. */
const stored = (dtype: DType, data: TypedArray): TypedArray =>
  isHalf(dtype) && data instanceof Float32Array ? narrowed(data, dtype) : data;

/**
 * A host array of `length` zeros.
 * @throws OutOfMemoryError where the host has no room for it
 */
export function hostArray(dtype: DType, length: number): TypedArray {
  try {
    return new HOST[dtype](length);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new OutOfMemoryError(`the host has no room for ${length} elements of ${dtype}`, { cause: error });
  }
}

/** The CPU's memory is addressed with 32 bits: what is larger is refused before anything is made for it. */
const MAX_BYTES = 2 ** 32;

function requireRoom(op: string, dtype: DType, shape: Dims): void {
  const bytes = numelOf(shape) * itemSize(dtype);
  if (bytes < MAX_BYTES) return;
  throw new OutOfMemoryError(
    `${op}: a tensor of shape ${showShape(shape)} and dtype ${dtype} takes ${(bytes / 2 ** 30).toPrecision(3)} GiB, but a tensor can have less than 4 GiB; make smaller ones`,
  );
}

const DEVICE = kind("'cpu' or 'gpu' (also called 'cuda')", isDeviceName);
const TENSOR_OPTIONS: OptionKinds<TensorOptions> = { dtype: DTYPE, requiresGrad: BOOL, device: DEVICE };
const RANDOM_OPTIONS: OptionKinds<RandomOptions> = { ...TENSOR_OPTIONS, generator: GENERATOR };
const EXAMPLE = "{ dtype: 'float64', requiresGrad: true }";

const tensorOptions = (op: string, options: unknown): TensorOptions =>
  requireOptions<TensorOptions>(op, options, TENSOR_OPTIONS, EXAMPLE);
const randomOptions = (op: string, options: unknown): RandomOptions =>
  requireOptions<RandomOptions>(op, options, RANDOM_OPTIONS, EXAMPLE);

/** The device that options name; by default the CPU, or `other`. */
const placeOf = (op: string, { device }: TensorOptions, other?: Device): Device =>
  device === undefined ? (other ?? cpuDevice()) : deviceNamed(op, device);

function empty_(op: string, dtype: DType, shape: Dims, device: Device): Tensor {
  requireElements(op, dtype, device);
  const layout = layoutOf(dtype, shape);
  return tensorOver(allocateStorage(device, layout.extent), layout, 0);
}

function finish(x: Tensor, options: TensorOptions): Tensor {
  if (options.requiresGrad === true) x.requiresGrad = true;
  return x;
}

/**
 * A tensor with the elements of a typed array, copied. The bytes of an `ImageData`, a `Uint8ClampedArray`, are taken as uint8; half types take
 * numbers in a Float32Array, which are rounded, or their bits in a Uint16Array.
 * @param shape default: one dimension
 * @throws ShapeError when the sizes do not multiply to the array's length
 * @throws DTypeError for an array that no dtype is stored in
 */
export function fromTypedArray<const S extends readonly number[] = number[]>(
  data: TypedArray | Uint8ClampedArray,
  shape?: S,
  dtype?: DType,
): Tensor<[...S]> {
  const elements = data instanceof Uint8ClampedArray ? Uint8Array.from(data) : data;
  const type = dtype === undefined ? dtypeOf(elements) : dtype;
  requireKind('fromTypedArray', 'dtype', type, DTYPE);
  if (!(elements instanceof HOST[type] || (isHalf(type) && elements instanceof Uint16Array))) {
    throw new DTypeError(`fromTypedArray: dtype ${type} takes a ${HOST[type].name}, but got ${show(data)}`);
  }
  return hostTensor(elements, (shape === undefined ? [elements.length] : shape) as unknown as S, type, cpuDevice());
}

/** A tensor on a device with the elements of an array of its dtype, copied. @internal */
export function hostTensor<const S extends readonly number[]>(
  data: TypedArray,
  shape: S,
  dtype: DType,
  device: Device,
): Tensor<[...S]> {
  checkSizes('fromTypedArray', shape);
  requireRoom('fromTypedArray', dtype, shape);
  if (numelOf(shape) !== data.length) {
    throw new ShapeError(
      `fromTypedArray: shape ${showShape(shape)} has ${numelOf(shape)} elements, but the array has ${data.length}`,
    );
  }
  const x = empty_('fromTypedArray', dtype, shape, device);
  const elements = stored(dtype, data);
  if (elements.length > 0) device.write(x.storage.buffer, 0, elements); // the buffer of an empty one may be gone
  activeRecorder()?.filled(x, elements);
  return x;
}

/** A tensor of random numbers. A compiled function draws them anew at every run. */
export function drawnTensor(
  shape: Dims,
  dtype: DType,
  data: TypedArray,
  draw: () => void,
  device: Device = cpuDevice(),
): Tensor {
  draw();
  const x = hostTensor(data, [...shape], dtype, device);
  activeRecorder()?.drawn(x, stored(dtype, data), () => {
    draw();
    return stored(dtype, data);
  });
  return x;
}

function dtypeOf(data: unknown): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof Uint8Array) return 'uint8';
  if (data instanceof Int8Array) return 'int8';
  if (data instanceof Int16Array) return 'int16';
  if (data instanceof Uint16Array) return 'uint16';
  const expected = 'an array of floats (32 or 64 bits) or of whole numbers (8 to 64 bits, Uint8Array or Uint16Array)';
  const remedy = ArrayBuffer.isView(data)
    ? 'convert it, as with Int32Array.from(array)'
    : 'for other values use tensor()';
  throw new DTypeError(`fromTypedArray: expected ${expected}, but got ${show(data)}; ${remedy}`);
}

type Element = number | bigint | boolean;

/**
 * A tensor with the given values (https://pytorch.org/docs/stable/generated/torch.tensor.html).
 *
 * JavaScript does not tell 1.0 from 1, so numbers make float32 unless `dtype` says otherwise; bigints make int64 and
 * booleans bool, where there are no numbers beside them.
 * @throws ShapeError when nested arrays have unequal lengths
 * @throws ArgumentError for an element that is no number, or that the dtype cannot hold
 * @example
 * import { tensor } from 'flambeau';
 * const x = tensor([[0, 1], [2, 3]]);
 * if (x.shape.join() !== '2,2' || x.dtype !== 'float32') throw new Error('a 2×2 matrix');
 */
export function tensor(values: Nested<Element> | TypedArray | Uint8ClampedArray, options: TensorOptions = {}): Tensor {
  const given = tensorOptions('tensor', options);
  if (isTensor(values)) throw wrongArgument('tensor', 'the values', 'numbers', values, 'to copy a tensor use x.detach().clone()'); // prettier-ignore
  if (ArrayBuffer.isView(values)) {
    const x = fromTypedArray(values);
    const cast = given.dtype === undefined ? x : x.to(given.dtype);
    return finish(given.device === undefined ? cast : cast.to(given.device), given);
  }
  const shape = nestedShape(values);
  checkSizes('tensor', shape);
  const dtype = given.dtype ?? nestedDType(values, shape);
  requireRoom('tensor', dtype, shape);
  const data = hostArray(dtype, numelOf(shape));
  const store = storer('tensor', dtype, data);
  eachElement(values, shape, (element, i) => store(i, element as Element));
  return finish(hostTensor(data, shape, dtype, placeOf('tensor', given)), given);
}

/** Puts values into an array, converted as PyTorch converts them. */
function storer(op: string, dtype: DType, data: TypedArray): (i: number, value: Element) => void {
  if (isFloating(dtype)) return (i, value) => (data[i] = Number(value));
  if (dtype === 'bool') return (i, value) => (data[i] = Number(Boolean(value) || Number.isNaN(value)));
  return (i, value) => {
    requireFits(op, dtype, Number(value));
    if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value) throw wrongArgument(op, 'every value', 'one that int64 can hold', value); // prettier-ignore
    if (dtype === 'int64') data[i] = typeof value === 'bigint' ? value : BigInt(Math.trunc(Number(value)));
    else data[i] = Number(value);
  };
}

/** A host array of `count` numbers. */
function hostNumbers(op: string, dtype: DType, count: number, at: (i: number) => number): TypedArray {
  requireRoom(op, dtype, [count]);
  const data = hostArray(dtype, count);
  const store = storer(op, dtype, data);
  for (let i = 0; i < count; i++) store(i, at(i));
  return data;
}

type SizedOptions = Required<Pick<TensorOptions, 'dtype'>> & RandomOptions;

function checkSizes(op: string, shape: Dims): void {
  requireKind(op, 'the shape', shape, SIZES);
  for (const size of shape) {
    if (!Number.isInteger(size) || size < 0)
      throw new ShapeError(`${op}: sizes must be whole numbers ≥ 0, but got ${showShape(shape)}`);
  }
  if (shape.length > MAX_DIMS) throw new ShapeError(`${op}: a tensor has at most ${MAX_DIMS} dimensions, but got ${shape.length}`); // prettier-ignore
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

/** Sizes and options, checked; float32 by default. */
function sizes<O extends RandomOptions>(
  op: string,
  args: readonly unknown[],
  kinds: OptionKinds<O>,
): { shape: number[]; options: O & SizedOptions } {
  const last = args.at(-1);
  const hasOptions = args.length > 0 && typeof last !== 'number' && !Array.isArray(last);
  const rest = hasOptions ? args.slice(0, -1) : args;
  const options = requireOptions<O>(op, hasOptions ? last : undefined, kinds, `${op}([2, 3], ${EXAMPLE})`);
  const shape = (rest.length === 1 && Array.isArray(rest[0]) ? rest[0] : rest) as number[];
  checkSizes(op, shape);
  const dtype = options.dtype ?? 'float32';
  requireRoom(op, dtype, shape);
  return { shape, options: { ...options, dtype } };
}

/** Zeros of a shape. */
export const zeros: SizedFactory<TensorOptions> = (...args: readonly unknown[]) => {
  const { shape, options } = sizes('zeros', args, TENSOR_OPTIONS);
  return filled('zeros', shape, 0, options);
};

/** Ones of a shape. */
export const ones: SizedFactory<TensorOptions> = (...args: readonly unknown[]) => {
  const { shape, options } = sizes('ones', args, TENSOR_OPTIONS);
  return filled('ones', shape, 1, options);
};

/** Memory of a shape with whatever it holds. */
export const empty: SizedFactory<TensorOptions> = (...args: readonly unknown[]) => {
  const { shape, options } = sizes('empty', args, TENSOR_OPTIONS);
  return finish(empty_('empty', options.dtype, shape, placeOf('empty', options)), options);
};

const filled = (op: string, shape: Dims, value: number, options: SizedOptions): Tensor =>
  finish(empty_(op, options.dtype, shape, placeOf(op, options)).fill_(value), options);

/** A tensor filled with one value; booleans make bool. */
export function full<const S extends readonly number[]>(
  shape: S,
  value: number | boolean,
  options: TensorOptions = {},
): Tensor<[...S]> {
  requireKind('full', 'the shape', shape, SIZES, 'write full([2, 3], 1)');
  checkSizes('full', shape);
  requireKind('full', 'value', value, NUMBER_OR_BOOL);
  const given = tensorOptions('full', options);
  const dtype = given.dtype ?? (typeof value === 'boolean' ? 'bool' : 'float32');
  requireRoom('full', dtype, shape);
  return filled('full', shape, Number(value), { ...given, dtype });
}

/** A square (or `n`×`m`) matrix with ones on the diagonal. */
export function eye(n: number, m?: number | TensorOptions, options?: TensorOptions): Tensor;
export function eye(n: number, columns: number | TensorOptions = n, more: TensorOptions = {}): Tensor {
  const [m, options] = typeof columns === 'object' ? [n, columns] : [columns, more];
  for (const size of [n, m]) requireKind('eye', 'a size', size, SIZE, "write eye(3) or eye(3, 3, { dtype: 'int64' })");
  checkSizes('eye', [n, m]);
  const given = tensorOptions('eye', options);
  const dtype = given.dtype ?? 'float32';
  requireRoom('eye', dtype, [n, m]);
  const values = hostArray(dtype, n * m);
  const one = dtype === 'int64' ? 1n : 1;
  for (let i = 0; i < Math.min(n, m); i++) values[i * m + i] = one;
  return finish(hostTensor(values, [n, m], dtype, placeOf('eye', given)), given);
}

/**
 * Numbers from `start` (default 0) to before `end`, `step` apart. Whole arguments make int64, as in PyTorch.
 * @throws ArgumentError when `step` does not lead from `start` to `end`
 * @throws OutOfMemoryError for more numbers than memory could hold
 */
export function arange(
  start: number,
  end?: number | TensorOptions,
  step?: number | TensorOptions,
  options?: TensorOptions,
): Tensor;
export function arange(start: number, ...args: readonly unknown[]): Tensor {
  // options may stand in place of what is left out
  const at = args.findIndex((value) => typeof value === 'object' && value !== null && !Array.isArray(value));
  const rest = at === -1 ? args : args.slice(0, at);
  const [end, step = 1] = rest as [number | undefined, number | undefined];
  const options = at === -1 ? rest[2] : args[at];
  const [from, to] = end === undefined ? [0, start] : [start, end];
  const given = tensorOptions('arange', options);
  for (const value of [from, to, step]) requireKind('arange', 'bounds and step', value, FINITE, "write arange(0, 10, 1, { dtype: 'float32' })"); // prettier-ignore
  if (step === 0 || (to - from) / step < 0) {
    throw new ArgumentError(
      `arange: expected finite bounds and a step that leads from start to end, but got (${from}, ${to}, ${step})`,
    );
  }
  const count = Math.ceil((to - from) / step);
  const dtype = given.dtype ?? ([from, to, step].every(Number.isInteger) ? 'int64' : 'float32');
  // Of a whole dtype, start and step are made whole first, as in PyTorch; how many there are follows from what was given.
  const [first, by] = isFloating(dtype) ? [from, step] : [Math.trunc(from), Math.trunc(step)];
  return finish(
    hostTensor(
      hostNumbers('arange', dtype, count, (i) => first + i * by),
      [count],
      dtype,
      placeOf('arange', given),
    ),
    given,
  );
}

/**
 * `steps` numbers from `start` to `end`, both included.
 * @throws OutOfMemoryError for more numbers than memory could hold
 */
export function linspace(start: number, end: number, steps: number, options: TensorOptions = {}): Tensor {
  requireKind('linspace', 'steps', steps, SIZE);
  for (const bound of [start, end]) requireKind('linspace', 'start and end', bound, NUMBER);
  const given = tensorOptions('linspace', options);
  const dtype = given.dtype ?? 'float32';
  // Bounds in the dtype itself, the step of whole numbers in double precision, as PyTorch has them.
  const toSingle = dtype === 'float32' ? Math.fround : (x: number) => x;
  const [from, to] = isFloating(dtype) ? [toSingle(start), toSingle(end)] : [Math.trunc(start), Math.trunc(end)];
  const step = steps > 1 ? toSingle(toSingle(to - from) / (steps - 1)) : 0;
  // From both ends towards the middle, each element rounded once, as PyTorch does, so that the last is exactly `end`.
  const halfway = Math.max(Math.floor(steps / 2), 1);
  const at = (i: number): number => (i < halfway ? fma64(i, step, from) : fma64(i - (steps - 1), step, to));
  const data = hostNumbers('linspace', dtype, steps, at);
  return finish(hostTensor(data, [steps], dtype, placeOf('linspace', given)), given);
}

/**
 * `steps` numbers from `base`^start to `base`^end, evenly spaced in their logarithms.
 * @see https://pytorch.org/docs/stable/generated/torch.logspace.html
 */
export function logspace(
  start: number,
  end: number,
  steps: number,
  base: number | TensorOptions = 10,
  more: TensorOptions = {},
): Tensor {
  // prettier-ignore
  const [by, options] = typeof base === 'object' ? [10, base] : [base, more];
  requireKind('logspace', 'steps', steps, SIZE);
  for (const number of [start, end, by]) requireKind('logspace', 'start, end and base', number, NUMBER);
  const given = tensorOptions('logspace', options);
  const dtype = given.dtype ?? 'float32';
  const [from, to] = isFloating(dtype) ? [start, end] : [Math.trunc(start), Math.trunc(end)]; // as PyTorch has them
  const step = steps > 1 ? (to - from) / (steps - 1) : 0;
  const halfway = Math.max(Math.floor(steps / 2), 1);
  const at = (i: number): number => by ** (i < halfway ? from + i * step : to - (steps - 1 - i) * step);
  const data = hostNumbers('logspace', dtype, steps, at);
  return finish(hostTensor(data, [steps], dtype, placeOf('logspace', given)), given);
}

/**
 * Values as a tensor: a tensor itself, in the dtype and on the device that are given, or one made of numbers.
 * @see https://pytorch.org/docs/stable/generated/torch.as_tensor.html
 */
export function asTensor(
  data: Tensor | Nested<Element> | TypedArray,
  dtype?: DType | TensorOptions,
  device?: DeviceName,
): Tensor {
  const options = tensorOptions('asTensor', typeof dtype === 'object' ? dtype : { dtype, device });
  if (!isTensor(data)) return tensor(data, options);
  const cast = options.dtype === undefined ? data : data.to(options.dtype);
  return options.device === undefined ? cast : cast.to(options.device);
}

function floatArray(op: string, dtype: DType, length: number): Float32Array | Float64Array {
  if (!isFloating(dtype))
    throw new DTypeError(`${op}: expected a floating-point dtype, but got ${dtype}; use float32 or float64`);
  return hostArray(dtype, length) as Float32Array | Float64Array;
}

/** Uniform random numbers in [0, 1). */
export const rand: SizedFactory<RandomOptions> = (...args: readonly unknown[]) => {
  const { shape, options } = sizes('rand', args, RANDOM_OPTIONS);
  const data = floatArray('rand', options.dtype, numelOf(shape));
  const draw = (): void => fillUniform(data, 0, 1, options.generator);
  return finish(drawnTensor(shape, options.dtype, data, draw, placeOf('rand', options)), options);
};

/** Random numbers from the standard normal distribution. */
export const randn: SizedFactory<RandomOptions> = (...args: readonly unknown[]) => {
  const { shape, options } = sizes('randn', args, RANDOM_OPTIONS);
  const data = floatArray('randn', options.dtype, numelOf(shape));
  const draw = (): void => normalOf(options.dtype)(data, 0, 1, options.generator);
  return finish(drawnTensor(shape, options.dtype, data, draw, placeOf('randn', options)), options);
};

/** Random whole numbers in [low, high), or [0, high) where only that is given, int64 by default. */
export function randint<const S extends readonly number[]>(
  low: number | bigint,
  high: number | bigint,
  shape: S,
  options?: RandomOptions,
): Tensor<[...S]>;
export function randint<const S extends readonly number[]>(
  high: number | bigint,
  shape: S,
  options?: RandomOptions,
): Tensor<[...S]>;
export function randint(...args: readonly unknown[]): Tensor {
  const [low, high, shape, options = {}] = (Array.isArray(args[1]) ? [0, ...args] : args) as [number, number, number[], RandomOptions?]; // prettier-ignore
  for (const bound of [low, high])
    requireKind('randint', 'low and high', bound, WHOLE_OR_BIGINT, 'write randint(0, 10, [2, 3])');
  requireKind('randint', 'the shape', shape, SIZES, 'write randint(0, 10, [2, 3])');
  checkSizes('randint', shape);
  const given = randomOptions('randint', options);
  const dtype = given.dtype ?? 'int64';
  requireRoom('randint', dtype, shape);
  const data = hostArray(dtype, numelOf(shape));
  const draw = (): void => fillRandint(data, low, high, given.generator, dtype);
  return finish(drawnTensor(shape, dtype, data, draw, placeOf('randint', given)), given);
}

/** The whole numbers below `n` in random order, int64 by default. */
export function randperm(n: number, options: RandomOptions = {}): Tensor<[number]> {
  requireKind('randperm', 'n', n, SIZE);
  checkSizes('randperm', [n]);
  const given = randomOptions('randperm', options);
  const dtype = given.dtype ?? 'int64';
  requireRoom('randperm', dtype, [n]);
  const data = hostArray(dtype, n);
  const draw = (): void => fillRandperm(data, given.generator);
  return finish(drawnTensor([n], dtype, data, draw, placeOf('randperm', given)), given);
}

type Like = Tensor<Shape>;

function shapeLike(op: string, x: Like): number[] {
  requireTensor(op, 'the input', x);
  return [...x.layout.shape];
}

/** Options with the dtype and the device of `x` unless they name others. */
function like<O extends TensorOptions>(op: string, x: Like, options: unknown, kinds: OptionKinds<O>): O {
  requireTensor(op, 'the input', x);
  const given = requireOptions<O>(op, options, kinds, EXAMPLE);
  if (given.dtype !== undefined && given.device !== undefined) return given;
  return { ...given, dtype: given.dtype ?? x.dtype, device: given.device ?? x.device };
}

export const zerosLike = <S extends Shape>(x: Tensor<S>, options: TensorOptions = {}): Tensor<S> => fullAs('zerosLike', x, 0, options); // prettier-ignore
export const onesLike = <S extends Shape>(x: Tensor<S>, options: TensorOptions = {}): Tensor<S> => fullAs('onesLike', x, 1, options); // prettier-ignore
export const fullLike = <S extends Shape>(x: Tensor<S>, value: number, options: TensorOptions = {}): Tensor<S> => fullAs('fullLike', x, value, options); // prettier-ignore
export const randLike = <S extends Shape>(x: Tensor<S>, options: RandomOptions = {}): Tensor<S> => rand(shapeLike('randLike', x), like('randLike', x, options, RANDOM_OPTIONS)) as unknown as Tensor<S>; // prettier-ignore
export const randnLike = <S extends Shape>(x: Tensor<S>, options: RandomOptions = {}): Tensor<S> => randn(shapeLike('randnLike', x), like('randnLike', x, options, RANDOM_OPTIONS)) as unknown as Tensor<S>; // prettier-ignore

function fullAs<S extends Shape>(op: string, x: Tensor<S>, value: number, options: TensorOptions): Tensor<S> {
  const given = like(op, x, options, TENSOR_OPTIONS);
  const { layout } = x;
  const dense = given.dtype === layout.dtype && sameDims(layout.strides, contiguousStrides(layout.shape));
  if (!dense || typeof value !== 'number') return full(layout.shape, value, given) as unknown as Tensor<S>;
  const made = tensorOver(allocateStorage(placeOf(op, given), layout.extent), layout, 0); // as there is one like it, all else fits
  return finish(made.fill_(value), given) as Tensor<S>;
}
