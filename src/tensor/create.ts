/** Making tensors: from JavaScript values, filled, ranges, random. PyTorch's factory functions. */
import { arrayOf, BOOL, either, isRecord, kind, NUMBER, requireKind, requireOptions, show, SIZE, WHOLE, wrongArgument, type OptionKinds } from '../base/arguments.ts'; // prettier-ignore
import { isFloating, isHalf, itemSize, requireFits, viewAs, type DType, type TypedArray } from '../base/dtype.ts';
import { ArgumentError, DTypeError, OutOfMemoryError, ShapeError } from '../base/errors.ts';
import { narrowed } from '../base/half.ts';
import { layoutOf } from '../base/layout.ts';
import { readCall, signature } from '../base/signature.ts';
import { contiguousStrides, numelOf, sameDims, showShape, type Dims } from '../base/shape.ts';
import { DTYPE, GENERATOR, requireTensor, TENSOR } from './arguments.ts';
import type { Device } from '../devices/device.ts';
import { cpuDevice, defaultDevice, deviceNamed, isDeviceName, type DeviceName } from './backend.ts';
import { eachElement, MAX_DIMS, nestedDType, nestedShape, type Nested } from './nested.ts';
import {
  drawnInto,
  fillNormalOneByOne,
  fillRandint,
  fillRandperm,
  fillUniform,
  normalOf,
  prepareDraws,
  type Generator,
} from './random/index.ts';
import type { Shape } from './shapes/dims.ts';
import { allocateStorage } from './storage.ts';
import { activeRecorder } from './recorder.ts';
import { isTensor } from './is-tensor.ts';
import { tensorOver } from './make-tensor.ts';
import { inMemoryOrder } from './memory-order.ts';
import { moved, requireElements } from './transfer.ts';
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

export function requireRoom(op: string, dtype: DType, shape: Dims): void {
  const bytes = numelOf(shape) * itemSize(dtype);
  if (bytes < MAX_BYTES) return;
  throw new OutOfMemoryError(
    `${op}: a tensor of shape ${showShape(shape)} and dtype ${dtype} takes ${(bytes / 2 ** 30).toPrecision(3)} GiB, but a tensor can have less than 4 GiB; make smaller ones`,
  );
}

const DEVICE = kind("'cpu' or 'gpu' (also called 'cuda')", isDeviceName);
export const TENSOR_OPTIONS: OptionKinds<TensorOptions> = { dtype: DTYPE, requiresGrad: BOOL, device: DEVICE };
const RANDOM_OPTIONS: OptionKinds<RandomOptions> = { ...TENSOR_OPTIONS, generator: GENERATOR };
/** The sizes by name, among the options. */
interface BySize {
  readonly size?: Dims;
}
const SIZED_OPTIONS: OptionKinds<TensorOptions & BySize> = { ...TENSOR_OPTIONS, size: SIZES };
const SIZED_RANDOM: OptionKinds<RandomOptions & BySize> = { ...RANDOM_OPTIONS, size: SIZES };
const EXAMPLE = "{ dtype: 'float64', requiresGrad: true }";

const tensorOptions = (op: string, options: unknown): TensorOptions => requireOptions<TensorOptions>(op, options, TENSOR_OPTIONS, EXAMPLE);

/** The device that options name; by default that of {@link setDefaultDevice}, or `other`. */
export const placeOf = (op: string, { device }: TensorOptions, other?: Device): Device =>
  device === undefined ? (other ?? defaultDevice()) : deviceNamed(op, device);

export function empty_(op: string, dtype: DType, shape: Dims, device: Device): Tensor {
  requireElements(op, dtype, device);
  const layout = layoutOf(dtype, shape);
  return tensorOver(allocateStorage(device, layout.extent), layout, 0);
}

export function finish(x: Tensor, options: TensorOptions): Tensor {
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
export function hostTensor<const S extends readonly number[]>(data: TypedArray, shape: S, dtype: DType, device: Device): Tensor<[...S]> {
  checkSizes('fromTypedArray', shape);
  requireRoom('fromTypedArray', dtype, shape);
  if (numelOf(shape) !== data.length) {
    throw new ShapeError(`fromTypedArray: shape ${showShape(shape)} has ${numelOf(shape)} elements, but the array has ${data.length}`);
  }
  const x = empty_('fromTypedArray', dtype, shape, device);
  const elements = stored(dtype, data);
  if (elements.length > 0) device.write(x.storage.buffer, 0, elements); // the buffer of an empty one may be gone
  activeRecorder()?.filled(x, elements);
  return x;
}

/** A tensor of random numbers. A compiled function draws them anew at every run. */
export function drawnTensor(shape: Dims, dtype: DType, data: TypedArray, draw: () => void, device: Device = cpuDevice()): Tensor {
  draw();
  const x = hostTensor(data, [...shape], dtype, device);
  activeRecorder()?.drawn(x, stored(dtype, data), () => {
    draw();
    return stored(dtype, data);
  });
  return x;
}

/** The same of what `fill` draws: where the host sees the device's memory, into that itself, else into an array on the way. */
export function drawnBy(shape: Dims, dtype: DType, fill: (data: TypedArray) => void, device: Device = cpuDevice()): Tensor {
  const length = numelOf(shape);
  if (activeRecorder() !== undefined || device.view === undefined || isHalf(dtype) || length === 0) {
    const data = hostArray(dtype, length);
    return drawnTensor(shape, dtype, data, () => fill(data), device);
  }
  prepareDraws(); // must not move the memory while it is written to
  const x = empty_('fromTypedArray', dtype, [...shape], device);
  const { buffer } = x.storage;
  const bytes = device.view(buffer, 0, length * itemSize(dtype));
  const data = viewAs(dtype, bytes.buffer, bytes.byteOffset, length);
  drawnInto({ data, buffer, offset: 0 }, () => fill(data));
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
  const remedy = ArrayBuffer.isView(data) ? 'convert it, as with Int32Array.from(array)' : 'for other values use tensor()';
  throw new DTypeError(`fromTypedArray: expected ${expected}, but got ${show(data)}; ${remedy}`);
}

export type Element = number | bigint | boolean;

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
  if (isTensor(values)) throw wrongArgument('tensor', 'the values', 'numbers', values, 'to copy a tensor use x.detach().clone()');
  if (ArrayBuffer.isView(values)) {
    const x = fromTypedArray(values);
    const cast = given.dtype === undefined ? x : x.to(given.dtype);
    return finish(moved(cast, placeOf('tensor', given)), given);
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
    if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value)
      throw wrongArgument(op, 'every value', 'one that int64 can hold', value);
    if (dtype === 'int64') data[i] = typeof value === 'bigint' ? value : BigInt(Math.trunc(Number(value)));
    else data[i] = Number(value);
  };
}

/** A host array of `count` numbers. */
export function hostNumbers(op: string, dtype: DType, count: number, at: (i: number) => number): TypedArray {
  requireRoom(op, dtype, [count]);
  const data = hostArray(dtype, count);
  if (data instanceof Float32Array || data instanceof Float64Array) {
    for (let i = 0; i < count; i++) data[i] = at(i);
    return data;
  }
  const store = storer(op, dtype, data);
  for (let i = 0; i < count; i++) store(i, at(i));
  return data;
}

type SizedOptions = Required<Pick<TensorOptions, 'dtype'>> & RandomOptions;

export function checkSizes(op: string, shape: Dims): void {
  requireKind(op, 'the shape', shape, SIZES);
  for (const size of shape) {
    if (!Number.isInteger(size) || size < 0) throw new ShapeError(`${op}: sizes must be whole numbers ≥ 0, but got ${showShape(shape)}`);
  }
  if (shape.length > MAX_DIMS) throw new ShapeError(`${op}: a tensor has at most ${MAX_DIMS} dimensions, but got ${shape.length}`);
  if (numelOf(shape) > 2 ** 31) throw new ShapeError(`${op}: shape ${showShape(shape)} has more than 2³¹ elements`);
}

/**
 * How tensors of a shape are made: sizes as separate arguments or one array, then optionally options: `zeros(2, 3)`,
 * `zeros([2, 3], { dtype: 'int64' })`, `zeros({ size: [2, 3] })`. Four signatures, because compilers differ in what they find in a union of tuples.
 */
export interface SizedFactory<O> {
  <const S extends readonly number[]>(call: O & { readonly size: S }): Tensor<[...S]>;
  <const S extends readonly number[]>(...sizes: S): Tensor<[...S]>;
  <const S extends readonly number[]>(sizes: S, options?: O): Tensor<[...S]>;
  <const S extends readonly number[]>(...sizesAndOptions: readonly [...sizes: S, options: O]): Tensor<[...S]>;
}

/** Sizes and options, checked; float32 by default. */
function sizes<O extends RandomOptions & BySize>(
  op: string,
  args: readonly unknown[],
  kinds: OptionKinds<O>,
): { shape: number[]; options: O & SizedOptions } {
  const last = args.at(-1);
  const hasOptions = args.length > 0 && typeof last !== 'number' && !Array.isArray(last);
  const rest = hasOptions ? args.slice(0, -1) : args;
  const options = requireOptions<O>(op, hasOptions ? last : undefined, kinds, `${op}([2, 3], ${EXAMPLE})`);
  const { size } = options;
  if (size !== undefined && rest.length > 0) throw new ArgumentError(`${op}: size is given twice, by position and by name`);
  const shape = (size ?? (rest.length === 1 && Array.isArray(rest[0]) ? rest[0] : rest)) as number[];
  checkSizes(op, shape);
  const dtype = options.dtype ?? 'float32';
  requireRoom(op, dtype, shape);
  return { shape, options: { ...options, dtype } };
}

/** Zeros of a shape. */
export const zeros: SizedFactory<TensorOptions> = (...args: readonly unknown[]) => {
  const { shape, options } = sizes('zeros', args, SIZED_OPTIONS);
  return filled('zeros', shape, 0, options);
};

/** Ones of a shape. */
export const ones: SizedFactory<TensorOptions> = (...args: readonly unknown[]) => {
  const { shape, options } = sizes('ones', args, SIZED_OPTIONS);
  return filled('ones', shape, 1, options);
};

/** Memory of a shape with whatever it holds. */
export const empty: SizedFactory<TensorOptions> = (...args: readonly unknown[]) => {
  const { shape, options } = sizes('empty', args, SIZED_OPTIONS);
  return finish(empty_('empty', options.dtype, shape, placeOf('empty', options)), options);
};

const filled = (op: string, shape: Dims, value: number, options: SizedOptions): Tensor =>
  finish(empty_(op, options.dtype, shape, placeOf(op, options)).fill_(value), options);

interface FullCall<S = Dims> extends TensorOptions {
  readonly size: S;
  readonly fillValue: number | boolean;
}
const FULL = signature<FullCall>(
  'full',
  { size: SIZES, fillValue: NUMBER_OR_BOOL, ...TENSOR_OPTIONS },
  { required: 2, positional: 2, example: 'full([2, 3], 1)' },
);

/** A tensor filled with one value; booleans make bool. */
export function full<const S extends readonly number[]>(
  size: S,
  fillValue: number | boolean | (TensorOptions & { readonly fillValue: number | boolean }),
  options?: TensorOptions,
): Tensor<[...S]>;
export function full<const S extends readonly number[]>(call: FullCall<S>): Tensor<[...S]>;
export function full(...args: readonly unknown[]): Tensor {
  const [first, second] = args;
  const plain = args.length === 2 && (typeof second === 'number' || typeof second === 'boolean');
  const { size, fillValue, ...given }: FullCall = plain ? { size: first as Dims, fillValue: second } : readCall<FullCall>(FULL, args);
  checkSizes('full', size);
  const dtype = given.dtype ?? (typeof fillValue === 'boolean' ? 'bool' : 'float32');
  requireRoom('full', dtype, size);
  return filled('full', size, Number(fillValue), { ...given, dtype });
}

/**
 * Values as a tensor: a tensor itself, in the dtype and on the device that are given, or one made of numbers.
 * @see https://pytorch.org/docs/stable/generated/torch.as_tensor.html
 */
export function asTensor(data: Tensor | Nested<Element> | TypedArray, dtype?: DType | TensorOptions, device?: DeviceName): Tensor {
  const options = tensorOptions('asTensor', typeof dtype === 'object' ? dtype : { dtype, device });
  if (!isTensor(data)) return tensor(data, options);
  const cast = options.dtype === undefined ? data : data.to(options.dtype);
  return options.device === undefined ? cast : cast.to(options.device);
}

type Floats = Float32Array | Float64Array;

function requireFloats(op: string, dtype: DType): void {
  if (!isFloating(dtype)) throw new DTypeError(`${op}: expected a floating-point dtype, but got ${dtype}; use float32 or float64`);
}

/** Uniform random numbers in [0, 1). */
export const rand: SizedFactory<RandomOptions> = (...args: readonly unknown[]) => {
  const { shape, options } = sizes('rand', args, SIZED_RANDOM);
  requireFloats('rand', options.dtype);
  const draw = (data: TypedArray): void => fillUniform(data as Floats, 0, 1, options.generator);
  return finish(drawnBy(shape, options.dtype, draw, placeOf('rand', options)), options);
};

/** Random numbers from the standard normal distribution. */
export const randn: SizedFactory<RandomOptions> = (...args: readonly unknown[]) => {
  const { shape, options } = sizes('randn', args, SIZED_RANDOM);
  requireFloats('randn', options.dtype);
  const draw = (data: TypedArray): void => normalOf(options.dtype)(data as Floats, 0, 1, options.generator);
  return finish(drawnBy(shape, options.dtype, draw, placeOf('randn', options)), options);
};

interface RandintCall<S = Dims> extends RandomOptions {
  readonly low?: number | bigint;
  readonly high: number | bigint;
  readonly size: S;
}
const RANDINT = signature<RandintCall>(
  'randint',
  { low: WHOLE_OR_BIGINT, high: WHOLE_OR_BIGINT, size: SIZES, ...RANDOM_OPTIONS },
  { positional: 3, example: 'randint(0, 10, [2, 3])' },
);

/** Random whole numbers in [low, high), or [0, high) where only that is given, int64 by default. */
export function randint<const S extends readonly number[]>(
  low: number | bigint,
  high: number | bigint,
  size: S,
  options?: RandomOptions,
): Tensor<[...S]>;
export function randint<const S extends readonly number[]>(high: number | bigint, size: S, options?: RandomOptions): Tensor<[...S]>;
export function randint<const S extends readonly number[]>(call: RandintCall<S>): Tensor<[...S]>;
export function randint<const S extends readonly number[]>(low: number | bigint, call: Omit<RandintCall<S>, 'low'>): Tensor<[...S]>;
export function randint(...args: readonly unknown[]): Tensor {
  const call: Partial<RandintCall> = readCall<RandintCall>(RANDINT, Array.isArray(args[1]) ? [0, ...args] : args);
  const { low = 0, high, size, ...given } = call as RandintCall;
  for (const name of ['high', 'size'] as const)
    if (call[name] === undefined) throw wrongArgument('randint', name, RANDINT.kinds[name].expected, undefined, `write ${RANDINT.example}`);
  checkSizes('randint', size);
  const dtype = given.dtype ?? 'int64';
  requireRoom('randint', dtype, size);
  const draw = (data: TypedArray): void => fillRandint(data, low, high, given.generator, dtype);
  return finish(drawnBy(size, dtype, draw, placeOf('randint', given)), given);
}

interface RandpermCall<N = number> extends RandomOptions {
  readonly n: N;
}
const RANDPERM = signature<RandpermCall>(
  'randperm',
  { n: SIZE, ...RANDOM_OPTIONS },
  { required: 1, positional: 1, example: 'randperm(10)' },
);

/** The whole numbers below `n` in random order, int64 by default. */
export function randperm<N extends number>(n: N, options?: RandomOptions): Tensor<[N]>;
export function randperm<N extends number>(call: RandpermCall<N>): Tensor<[N]>;
export function randperm(...args: readonly unknown[]): Tensor {
  const { n, ...given } = readCall<RandpermCall>(RANDPERM, args);
  checkSizes('randperm', [n]);
  const dtype = given.dtype ?? 'int64';
  requireRoom('randperm', dtype, [n]);
  const draw = (data: TypedArray): void => fillRandperm(data, given.generator);
  return finish(drawnBy([n], dtype, draw, placeOf('randperm', given)), given);
}

type Like = Tensor<Shape>;

/** Options with the dtype and the device of `x` unless they name others. */
function like<O extends TensorOptions>(op: string, x: Like, options: unknown, kinds: OptionKinds<O>): O {
  requireTensor(op, 'the input', x);
  const given = requireOptions<O>(op, options, kinds, EXAMPLE);
  if (given.dtype !== undefined && given.device !== undefined) return given;
  return { ...given, dtype: given.dtype ?? x.dtype, device: given.device ?? x.device };
}

/** How tensors like another are made: `zerosLike(x)`, `zerosLike(x, { dtype: 'int64' })`, `zerosLike({ input: x })`. */
export interface LikeFactory<O> {
  <S extends Shape>(input: Tensor<S>, options?: O): Tensor<S>;
  <S extends Shape>(call: O & { readonly input: Tensor<S> }): Tensor<S>;
}

/** The tensor and the options of either form. */
function likeCall<O>(input: unknown, options: O | undefined): [x: Tensor, options: O] {
  if (isTensor(input) || !isRecord(input) || options !== undefined) return [input as Tensor, options ?? ({} as O)];
  const { input: x, ...rest } = input;
  return [x as Tensor, rest as O];
}

const filledLike = (op: string, value: number): LikeFactory<TensorOptions> =>
  ((input: unknown, options?: TensorOptions) => {
    const [x, given] = likeCall(input, options);
    return fullAs(op, x, value, given);
  }) as LikeFactory<TensorOptions>;
const drawnLike =
  (
    op: string,
    fill: (data: Floats, dtype: DType, generator: Generator | undefined, isPlain: boolean) => void,
  ): LikeFactory<RandomOptions> =>
  (input: unknown, options?: RandomOptions) => {
    const [x, given] = likeCall(input, options);
    const made = like(op, x, given, RANDOM_OPTIONS);
    const { dtype = x.dtype, generator } = made;
    requireFloats(op, dtype);
    requireRoom(op, dtype, x.layout.shape);
    const place = placeOf(op, made);
    const drawn = inMemoryOrder(x.layout, (shape, isPlain) =>
      drawnBy(shape, dtype, (data) => fill(data as Floats, dtype, generator, isPlain), place),
    );
    return finish(drawn, made) as never;
  };

/** Zeros in the shape of a tensor, of its dtype unless said otherwise. */
export const zerosLike = /* @__PURE__ */ filledLike('zerosLike', 0);
/** Ones in the shape of a tensor, of its dtype unless said otherwise. */
export const onesLike = /* @__PURE__ */ filledLike('onesLike', 1);
/** Uniform random numbers in [0, 1) in the shape of a tensor. */
export const randLike = /* @__PURE__ */ drawnLike('randLike', (data, _, generator) => fillUniform(data, 0, 1, generator));
/** Normal random numbers in the shape of a tensor. */
export const randnLike = /* @__PURE__ */ drawnLike('randnLike', (data, dtype, generator, isPlain) =>
  (isPlain ? normalOf(dtype) : fillNormalOneByOne)(data, 0, 1, generator),
);

/** One value everywhere in the shape of a tensor, of its dtype unless said otherwise. */
export function fullLike<S extends Shape>(input: Tensor<S>, fillValue: number | boolean, options?: TensorOptions): Tensor<S>;
export function fullLike<S extends Shape>(input: Tensor<S>, call: TensorOptions & { readonly fillValue: number | boolean }): Tensor<S>;
export function fullLike<S extends Shape>(
  call: TensorOptions & { readonly input: Tensor<S>; readonly fillValue: number | boolean },
): Tensor<S>;
export function fullLike(...args: readonly unknown[]): Tensor {
  const { input, fillValue, ...options } = readCall<FullLikeCall>(FULL_LIKE, args);
  return fullAs('fullLike', input, fillValue, options);
}
interface FullLikeCall extends TensorOptions {
  readonly input: Tensor;
  readonly fillValue: number | boolean;
}
const FULL_LIKE = signature<FullLikeCall>(
  'fullLike',
  { input: TENSOR, fillValue: NUMBER_OR_BOOL, ...TENSOR_OPTIONS },
  { required: 2, positional: 2 },
);

function fullAs<S extends Shape>(op: string, x: Tensor<S>, value: number | boolean, options: TensorOptions): Tensor<S> {
  const given = like(op, x, options, TENSOR_OPTIONS);
  const { layout } = x;
  const dense = given.dtype === layout.dtype && sameDims(layout.strides, contiguousStrides(layout.shape));
  if (!dense || typeof value !== 'number') return full(layout.shape, value, given) as unknown as Tensor<S>;
  const made = tensorOver(allocateStorage(placeOf(op, given), layout.extent), layout, 0); // as there is one like it, all else fits
  return finish(made.fill_(value), given) as Tensor<S>;
}
