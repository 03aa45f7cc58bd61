/**
 * The values a PyTorch checkpoint holds, as plain data: what `readPt` returns and `writePt` takes.
 *
 * Python's containers map to JavaScript's where one fits (`list` is an array, `dict` a `Map`, `set` a `Set`, `None` is null), and
 * to a small class where none does (`tuple`, `torch.Size`, `OrderedDict`, a float that happens to be whole). Dictionaries are
 * Maps, never objects, so that no key (`__proto__`, `constructor`) means anything.
 *
 * Tensors stay raw here: bytes plus geometry, no device and no autograd. The layers above turn them into `Tensor`s.
 */
import { ArgumentError } from '../../base/errors.ts';
import { PIECE, eachPiece } from '../bytes/byte-source.ts';
import { isDifferentiable, ptItemSize, type PtDType } from './dtype.ts';

export { PT_DTYPES, ptItemSize, type PtDType } from './dtype.ts';

/** The Python values that may be a dictionary key or a set element and have a counterpart that compares as they do. */
export type PtScalar = string | number | bigint | boolean | null;

/** What is a dictionary key or a set element in a checkpoint: Python compares tuples by what is in them, Maps do not. */
export type PtKey = PtScalar | PyTuple | PyFrozenSet | PyGlobal | PyObject | RawTensor | Uint8Array;

/**
 * A value read from a checkpoint. Integers beyond 2^53 are bigint, other numbers (int and float alike) are number; `bytes` and `bytearray`
 * are Uint8Array. A list or dictionary may contain itself, as in Python.
 */
export type PtValue =
  PtScalar | PyFloat | PyTuple | PtValue[] | Map<PtKey, PtValue> | Set<PtKey> | RawTensor | Uint8Array | PyGlobal | PyObject;

/** A value `writePt` accepts: what `readPt` returns, and plain objects, which are written as `dict`. */
export type PtInput =
  | PtScalar
  | PyFloat
  | PyTuple<PtInput>
  | readonly PtInput[]
  | ReadonlyMap<PtKey, PtInput>
  | ReadonlySet<PtKey>
  | RawTensor
  | Uint8Array
  | PyGlobal
  | PyObject
  | { readonly [key: string]: PtInput };

/**
 * A number that is written as a Python float even when it is whole: `new PyFloat(1)` is `1.0`. Plain numbers are written as int
 * when they are safe integers and as float otherwise.
 */
export class PyFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** A Python tuple. */
export class PyTuple<T = PtValue> implements Iterable<T> {
  readonly items: readonly T[];
  constructor(items: readonly T[]) {
    this.items = items;
  }
  get length(): number {
    return this.items.length;
  }
  [Symbol.iterator](): Iterator<T> {
    return this.items[Symbol.iterator]();
  }
}

/** A `torch.Size`: the tuple of dimensions that `tensor.shape` is in PyTorch. */
export class PySize extends PyTuple<number> {}

/** A `collections.OrderedDict`. */
export class OrderedDict<V = PtValue> extends Map<PtKey, V> {
  #attributes: Map<string, V> | undefined;

  /** Its `__dict__`, empty unless something was set: a module's state dict keeps `_metadata` there. */
  get attributes(): Map<string, V> {
    return (this.#attributes ??= new Map<string, V>());
  }

  /** True when `attributes` holds something (asking does not create it). */
  get hasAttributes(): boolean {
    return this.#attributes !== undefined && this.#attributes.size > 0;
  }
}

/** A Python frozenset. */
export class PyFrozenSet extends Set<PtKey> {}

/** A name of Python, such as `torch.float32` or `numpy.ndarray`. It is only a name: nothing is looked for behind it. */
export class PyGlobal {
  readonly module: string;
  readonly name: string;
  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }
  /** Module and name: `torch.float32`. */
  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/**
 * An object of a class that means nothing here, or what calling a function that means nothing here would have given: its name, and all
 * that the file says of it. Nothing was called to make it, and nothing can be done with it but to look.
 */
export class PyObject {
  /** The class, or the function. */
  readonly type: PyGlobal;
  readonly args: PyTuple;
  readonly kwargs: Map<PtKey, PtValue>;
  /** What would have been given to `__setstate__`, or become attributes. */
  state: PtValue | undefined;
  /** Items of a list or set of a class of its own. */
  listItems: PtValue[] | undefined;
  /** Items of a dictionary of a class of its own. */
  dictItems: Map<PtKey, PtValue> | undefined;
  constructor(type: PyGlobal, args: PyTuple = new PyTuple<PtValue>([]), kwargs: Map<PtKey, PtValue> = new Map()) {
    this.type = type;
    this.args = args;
    this.kwargs = kwargs;
  }
}

/** Where the bytes of a storage lie when they are not in memory. */
export interface StorageSource {
  readonly byteLength: number;
  /** False when the bytes are in memory all the same. */
  readonly deferred?: boolean;
  /** The bytes [offset, offset + length), which exist. The caller does not change them. */
  read(offset: number, length: number): Uint8Array;
  /** As with byte sources: hands the bytes over piece by piece, each only valid during the call. */
  pieces?(offset: number, length: number, use: (piece: Uint8Array, at: number) => void): void;
  /** Makes sure that the bytes can be read and are the ones that were written, as far as the format can tell. @throws FormatError */
  verify(): void;
}

/**
 * The memory under one or more tensors. Tensors that share a storage hold the same `RawStorage` object, when read and when
 * written. Bytes are little-endian, may be a view into the file and need not be aligned for typed arrays; do not change them.
 */
export class RawStorage {
  readonly byteLength: number;
  readonly #contents: Uint8Array | StorageSource;

  constructor(contents: Uint8Array | StorageSource) {
    this.#contents = contents;
    this.byteLength = contents.byteLength;
  }

  /** Whether the bytes still lie in a file. */
  get deferred(): boolean {
    return !(this.#contents instanceof Uint8Array) && this.#contents.deferred !== false;
  }

  /** All bytes; read anew each time when they lie in a file. */
  get bytes(): Uint8Array {
    return this.#contents instanceof Uint8Array ? this.#contents : this.#contents.read(0, this.byteLength);
  }

  /** The bytes [offset, offset + length). */
  read(offset: number, length: number): Uint8Array {
    return this.#contents instanceof Uint8Array ? this.#contents.subarray(offset, offset + length) : this.#contents.read(offset, length);
  }

  /** Uses the bytes [offset, offset + length) piece by piece, each only valid during the call. */
  pieces(offset: number, length: number, use: (piece: Uint8Array, at: number) => void): void {
    if (this.#contents instanceof Uint8Array) use(this.read(offset, length), 0);
    else eachPiece(this.#contents, offset, length, use);
  }

  /** The bytes [offset, offset + length) in pieces: those in memory as they are, those in a file a little at a time. */
  *chunks(offset = 0, length = this.byteLength): Generator<Uint8Array> {
    const step = this.deferred ? PIECE : length;
    for (let at = 0; at < length; at += step) yield this.read(offset + at, Math.min(step, length - at));
  }

  /** Compares checksums where the file has some and that was not done yet. @throws FormatError */
  verify(): void {
    if (!(this.#contents instanceof Uint8Array)) this.#contents.verify();
  }
}

/** What a {@link RawTensor} is made of; strides default to contiguous, the offset to 0. Strides and offset count elements. */
export interface RawTensorFields {
  readonly dtype: PtDType;
  readonly shape: readonly number[];
  readonly storage: RawStorage;
  readonly strides?: readonly number[];
  readonly offset?: number;
  readonly requiresGrad?: boolean;
  /** True for a `torch.nn.Parameter`. */
  readonly parameter?: boolean;
}

/** A strided view of a storage: a tensor as it stands in a file. Every element it can address lies inside its storage. */
export class RawTensor {
  readonly dtype: PtDType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  readonly storage: RawStorage;
  readonly requiresGrad: boolean;
  readonly parameter: boolean;

  /**
   * @throws ArgumentError when the geometry is not one of non-negative integers, reaches outside the storage, or gradients are
   * asked for integers.
   */
  constructor(fields: RawTensorFields) {
    this.dtype = fields.dtype;
    this.shape = fields.shape;
    this.strides = fields.strides ?? contiguousStrides(fields.shape);
    this.offset = fields.offset ?? 0;
    this.storage = fields.storage;
    this.requiresGrad = fields.requiresGrad ?? false;
    this.parameter = fields.parameter ?? false;
    const problem = geometryProblem(this);
    if (problem !== undefined) throw new ArgumentError(`RawTensor: ${problem}`);
  }

  /** Number of elements. */
  get numel(): number {
    return product(this.shape);
  }
}

/** More dimensions than any tensor has; bounds the work that a hostile shape can ask for. */
const MAX_DIMENSIONS = 64;

/** Strides of a row-major tensor; as in PyTorch a dimension of size 0 counts as 1. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= Math.max(1, shape[i]!);
  }
  return strides;
}

/**
 * What is wrong with a tensor's geometry over its storage, or undefined when every element lies inside.
 * @param limit - where a part of a storage ends, in elements, when the tensor must lie in one
 */
export function geometryProblem(fields: Required<RawTensorFields>, limit = Infinity): string | undefined {
  const { dtype, shape, strides, offset, storage, requiresGrad } = fields;
  if (requiresGrad && !isDifferentiable(dtype)) return `a ${dtype} tensor that requires gradients; only floating ones can`;
  if (shape.length > MAX_DIMENSIONS) return `${shape.length} dimensions, at most ${MAX_DIMENSIONS} are supported`;
  if (strides.length !== shape.length) return `shape [${shape.join(', ')}] with ${strides.length} strides; expected one per dimension`;
  const bad = [...shape, ...strides, offset].find((n) => !Number.isSafeInteger(n) || n < 0);
  if (bad !== undefined) {
    return `shape [${shape.join(', ')}], strides [${strides.join(', ')}], offset ${offset}: ${bad} is not a non-negative integer`;
  }
  const size = ptItemSize(dtype);
  if (storage.byteLength % size !== 0) {
    return `a ${dtype} storage of ${storage.byteLength} bytes; expected a multiple of ${size}`;
  }
  const count = product(shape);
  if (count > Number.MAX_SAFE_INTEGER) return `shape [${shape.join(', ')}] has more elements than 2^53`;
  if (count === 0) return undefined;
  const last = shape.reduce((sum, n, i) => sum + (n - 1) * strides[i]!, offset);
  const have = Math.min(storage.byteLength / size, limit);
  if (last < have) return undefined;
  return `shape [${shape.join(', ')}], strides [${strides.join(', ')}], offset ${offset} reach element ${last} of a storage of ${have} ${dtype} elements`;
}

/** Product of the dimensions; 0 as soon as one is 0, so that huge ones beside it cannot overflow. */
function product(shape: readonly number[]): number {
  return shape.includes(0) ? 0 : shape.reduce((a, b) => a * b, 1);
}

/** The same elements in the other byte order. */
export function swapBytes(bytes: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let from = 0; from < bytes.length; from += size) {
    for (let i = 0; i < size; i++) out[from + i] = bytes[from + size - 1 - i]!;
  }
  return out;
}
