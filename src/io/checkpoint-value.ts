/**
 * What comes out of a checkpoint: raw tensors become tensors, those that share a storage in the file share one again. Tensors that lie in a
 * file on disk stay there until they are asked for; a model can have them read straight into its own.
 */
import { itemSize } from '../base/dtype.ts';
import { layoutOf } from '../base/layout.ts';
import type { Dims } from '../base/shape.ts';
import type { DeferredState } from '../nn/state-dict.ts';
import type { Device } from '../devices/device.ts';
import { deviceNamed, type DeviceName } from '../tensor/backend.ts';
import { requireElements } from '../tensor/transfer.ts';
import { activeRecorder } from '../tensor/recorder.ts';
import { allocateStorage, type Storage } from '../tensor/storage.ts';
import { Tensor } from '../tensor/tensor.ts';
import { isContiguous, tensorData, tensorDType } from './element-types.ts';
import { Placeholder } from './pt/placeholder.ts';
import { PARTS_OF_COMPLEX } from './pt/dtype.ts';
import { dtypeNamed } from './pt/rebuild.ts';
import { pyText } from './pt/py-text.ts';
import { PyFloat, PyGlobal, PyObject, PyTuple, RawTensor, ptItemSize } from './pt/value.ts';
import type { PtDType, PtKey, PtScalar, PtValue, RawStorage } from './pt/value.ts';

/** Keys of dictionaries in a checkpoint. Tuples are arrays; they are only found by looking through the keys. */
export type CheckpointKey = PtScalar | readonly CheckpointValue[] | Uint8Array | Tensor | Placeholder | ReadonlySet<CheckpointKey>;

/**
 * What comes out of a checkpoint. Dictionaries are Maps; lists, tuples and sizes are arrays; `bytes` are Uint8Arrays; dtypes and devices are
 * their names, such as `'float32'` and `'cuda:0'`; what has no counterpart is a {@link Placeholder}.
 */
export type CheckpointValue =
  PtScalar | Tensor | CheckpointValue[] | Map<CheckpointKey, CheckpointValue> | ReadonlySet<CheckpointKey> | Uint8Array | Placeholder;

/** A dictionary from a file, whose values nobody knows before it is read: see {@link CheckpointValue} for what they may be. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- indexed without a cast, as in Python
export type Checkpoint = Map<string, any>;

/** Turns a value with raw tensors into one with tensors. */
/** Tensors come to lie on the device that `options` name, the CPU by default. @throws DeviceError for one that is not there */
export const unpackValue = (value: PtValue, { mapLocation = 'cpu' }: { readonly mapLocation?: DeviceName } = {}): CheckpointValue =>
  new Unpacker(deviceNamed('load', mapLocation)).unpack(value);

/** Whether a value from a file is a state dict: a dictionary of tensors by name. */
export function isStateDict(value: unknown): value is Map<string, Tensor> {
  if (!(value instanceof Map)) return false;
  const deferred = value instanceof DeferredMap ? value : undefined;
  return [...value.keys()].every(
    (name) => typeof name === 'string' && (deferred?.shapeInFile(name) !== undefined || value.get(name) instanceof Tensor),
  );
}

class Unpacker {
  readonly #storages = new Map<RawStorage, Map<PtDType, Storage>>();
  readonly #unpacked = new Map<object, CheckpointValue>();
  /** Containers that are still empty, and what fills them: values may be nested deeper than the stack, and contain themselves. */
  readonly #toFill: (() => void)[] = [];
  readonly #device: Device;

  constructor(device: Device) {
    this.#device = device;
  }

  unpack(value: PtValue): CheckpointValue {
    const result = this.#convert(value);
    for (let fill = this.#toFill.pop(); fill !== undefined; fill = this.#toFill.pop()) fill();
    return result;
  }

  #convert(value: PtValue): CheckpointValue {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
    if (value instanceof PyFloat) return value.value;
    const known = this.#unpacked.get(value);
    if (known !== undefined) return known;
    const result = this.#object(value);
    this.#unpacked.set(value, result);
    return result;
  }

  readonly #key = (key: PtKey): CheckpointKey => this.#convert(key) as CheckpointKey;

  #object(value: Exclude<PtValue, PtScalar | PyFloat | Uint8Array>): CheckpointValue {
    if (value instanceof RawTensor) return tensorDType(value.dtype) === undefined ? this.#foreignTensor(value) : this.#tensor(value);
    if (value instanceof Map) return this.#map(value);
    if (value instanceof Set) return this.#set(value);
    if (value instanceof PyTuple) return this.#list(value.items);
    if (Array.isArray(value)) return this.#list(value);
    if (value instanceof PyGlobal) return dtypeNamed(value) === undefined ? nameOnly(value) : value.name;
    return savedDevice(value) ?? this.#placeholder(value);
  }

  #list(items: readonly PtValue[]): CheckpointValue[] {
    const list: CheckpointValue[] = [];
    this.#toFill.push(() => {
      for (const item of items) list.push(this.#convert(item));
    });
    return list;
  }

  #set(items: ReadonlySet<PtKey>): ReadonlySet<CheckpointKey> {
    const set = new Set<CheckpointKey>();
    this.#toFill.push(() => {
      for (const item of items) set.add(this.#key(item));
    });
    return set;
  }

  #map(map: ReadonlyMap<PtKey, PtValue>): Map<CheckpointKey, CheckpointValue> {
    const inFile = (item: PtValue): item is RawTensor =>
      item instanceof RawTensor && item.storage.deferred && tensorDType(item.dtype) !== undefined;
    if (![...map.values()].some(inFile)) {
      const result = new Map<CheckpointKey, CheckpointValue>();
      this.#toFill.push(() => {
        for (const [key, item] of map) result.set(this.#key(key), this.#convert(item));
      });
      return result;
    }
    const result = new DeferredMap((raw) => this.unpack(raw) as Tensor);
    this.#toFill.push(() => {
      for (const [key, item] of map) {
        if (inFile(item)) result.defer(this.#key(key), item);
        else result.set(this.#key(key), this.#convert(item));
      }
    });
    return result;
  }

  #placeholder(object: PyObject): Placeholder {
    const { type, args, kwargs, state, listItems, dictItems } = object;
    const result = new Placeholder({ module: type.module, name: type.name, text: () => pyText(object) });
    Object.assign(result, {
      args: this.#convert(args),
      kwargs: this.#convert(kwargs),
      ...(listItems === undefined ? {} : { listItems: this.#convert(listItems) }),
      ...(dictItems === undefined ? {} : { dictItems: this.#convert(dictItems) }),
    });
    if (state !== undefined) this.#toFill.push(() => Object.assign(result, { state: this.#convert(state) }));
    return result;
  }

  /** A tensor of a dtype that does not exist here; as the numbers that it consists of, it can be had. */
  #foreignTensor(raw: RawTensor): Placeholder {
    const { dtype, shape } = raw;
    const parts: [string, PtValue][] = [['dtype', dtype], ['shape', [...shape]], ...viewsOf(raw)];
    const result = new Placeholder({ module: 'torch', name: 'Tensor', text: () => pyText(raw) });
    return Object.assign(result, { state: this.#convert(new Map<PtKey, PtValue>(parts)) });
  }

  #tensor(raw: RawTensor): Tensor {
    const byDType = this.#storages.get(raw.storage) ?? new Map<PtDType, Storage>();
    this.#storages.set(raw.storage, byDType);
    const dtype = tensorDType(raw.dtype)!;
    let storage = byDType.get(raw.dtype);
    if (storage === undefined) {
      const count = Math.floor(raw.storage.byteLength / ptItemSize(raw.dtype));
      // Whether there is room is known at once, and whether the file is sound only when all of it was read.
      requireElements('load', dtype, this.#device);
      storage = allocateStorage(this.#device, count * itemSize(dtype));
      raw.storage.verify();
      writePieces(raw.storage, raw.dtype, 0, count, storage, 0);
      byDType.set(raw.dtype, storage);
    }
    const tensor = new Tensor(storage, layoutOf(dtype, raw.shape, raw.strides), raw.offset);
    if (raw.requiresGrad) tensor.requiresGrad = true;
    return tensor;
  }
}

/** A class or function that is only named. */
const nameOnly = (name: PyGlobal): Placeholder =>
  Object.assign(new Placeholder({ module: name.module, name: name.name, text: () => pyText(name) }), {
    isObject: false,
  });

/** `torch.device('cuda', 0)` is `'cuda:0'`. */
function savedDevice({ type, args }: PyObject): string | undefined {
  const [kind, index] = args.items;
  if (type.path !== 'torch.device' || typeof kind !== 'string') return undefined;
  return typeof index === 'number' ? `${kind}:${index}` : kind;
}

/** The tensors of another dtype over the same bytes, as PyTorch's `view_as_real` and `view(torch.int64)` give them. */
function viewsOf({ dtype, shape, strides, offset, storage }: RawTensor): [string, PtValue][] {
  if (dtype === 'uint64') return [['view(int64)', new RawTensor({ dtype: 'int64', shape, strides, offset, storage })]];
  const part = PARTS_OF_COMPLEX[dtype]!;
  const view = {
    dtype: part,
    shape: [...shape, 2],
    strides: [...strides.map((n) => 2 * n), 1],
    offset: 2 * offset,
    storage,
  };
  return [['view_as_real', new RawTensor(view)]];
}

/** Copies `count` elements of a storage in a file, from element `from` on, to byte `start` of one in memory, piece by piece. */
function writePieces(storage: RawStorage, dtype: PtDType, from: number, count: number, to: Storage, start: number): void {
  const size = ptItemSize(dtype);
  const scale = itemSize(tensorDType(dtype)!) / size;
  // Bytes that already are what tensors hold need neither alignment nor a copy where memory is the host's; other devices may have to look at the numbers.
  const asIs = dtype !== 'bool' && tensorDType(dtype) === dtype && to.device.view !== undefined;
  storage.pieces(from * size, count * size, (piece, at) => {
    to.device.write(to.buffer, start + at * scale, asIs ? piece : tensorData(piece, dtype));
  });
}

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/**
 * A dictionary from a file on disk. To its users it is a Map of tensors and other values; each tensor is read when it is first asked
 * for. `loadStateDict` has them read into the model's memory instead.
 */
class DeferredMap extends Map<CheckpointKey, CheckpointValue> implements Omit<DeferredState, keyof Map<string, Tensor>> {
  readonly #unpack: (raw: RawTensor) => Tensor;
  readonly #inFile = new Map<CheckpointKey, RawTensor>();

  constructor(unpack: (raw: RawTensor) => Tensor) {
    super();
    this.#unpack = unpack;
  }

  /** Adds a tensor that is to stay in the file for now. */
  defer(key: CheckpointKey, raw: RawTensor): void {
    super.set(key, null); // keeps its place
    this.#inFile.set(key, raw);
  }

  shapeInFile(key: CheckpointKey): Dims | undefined {
    return this.#inFile.get(key)?.shape;
  }

  verify(keys: Iterable<CheckpointKey>): void {
    for (const key of keys) this.#inFile.get(key)?.storage.verify();
  }

  fits(key: CheckpointKey, { storage, layout, dtype }: Tensor): boolean {
    const raw = this.#inFile.get(key);
    if (raw === undefined || storage.freed || activeRecorder() !== undefined) return false;
    return dtype === tensorDType(raw.dtype) && layout.contiguous && isContiguous(raw.shape, raw.strides);
  }

  readInto(key: CheckpointKey, { storage, offset, dtype }: Tensor): void {
    const raw = this.#inFile.get(key)!;
    storage.version++; // also if reading fails half-way
    writePieces(raw.storage, raw.dtype, raw.offset, raw.numel, storage, offset * itemSize(dtype));
  }

  rename(key: CheckpointKey, to: CheckpointKey): void {
    const raw = this.#inFile.get(key);
    const value = super.get(key)!;
    this.delete(key);
    if (raw === undefined) this.set(to, value);
    else this.defer(to, raw);
  }

  override get(key: CheckpointKey): CheckpointValue | undefined {
    const raw = this.#inFile.get(key);
    if (raw !== undefined) this.set(key, this.#unpack(raw));
    return super.get(key);
  }

  override set(key: CheckpointKey, value: CheckpointValue): this {
    this.#inFile.delete(key);
    return super.set(key, value);
  }

  override delete(key: CheckpointKey): boolean {
    this.#inFile.delete(key);
    return super.delete(key);
  }

  override clear(): void {
    this.#inFile.clear();
    super.clear();
  }

  override *entries(): Generator<[CheckpointKey, CheckpointValue], undefined> {
    for (const key of super.keys()) yield [key, this.get(key)!];
  }

  override *values(): Generator<CheckpointValue, undefined> {
    for (const key of super.keys()) yield this.get(key)!;
  }

  override [Symbol.iterator](): Generator<[CheckpointKey, CheckpointValue], undefined> {
    return this.entries();
  }

  override forEach(
    use: (value: CheckpointValue, key: CheckpointKey, map: Map<CheckpointKey, CheckpointValue>) => void,
    self?: unknown,
  ): void {
    for (const [key, value] of this.entries()) use.call(self, value, key, this);
  }

  /** Node's hook for `console.log`. */
  [INSPECT](): Map<CheckpointKey, CheckpointValue> {
    return new Map(this.entries());
  }
}
