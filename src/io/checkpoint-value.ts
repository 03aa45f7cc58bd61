/**
 * What comes out of a checkpoint: raw tensors become tensors, those that share a storage in the file share one again. Tensors that lie in a
 * file on disk stay there until they are asked for; a model can have them read straight into its own.
 */
import { itemSize } from '../base/dtype.ts';
import { layoutOf } from '../base/layout.ts';
import type { Dims } from '../base/shape.ts';
import type { DeferredState } from '../nn/state-dict.ts';
import { cpuDevice } from '../tensor/backend.ts';
import { activeRecorder } from '../tensor/recorder.ts';
import { allocateStorage, type Storage } from '../tensor/storage.ts';
import { Tensor } from '../tensor/tensor.ts';
import { isContiguous, tensorData, tensorDType } from './element-types.ts';
import { PyTuple, RawTensor, ptItemSize } from './pt-value.ts';
import type { PtDType, PtKey, PtValue, RawStorage } from './pt-value.ts';

/** What comes out of a checkpoint. Dictionaries are Maps; lists, tuples and sizes are arrays. */
export type CheckpointValue = PtKey | Tensor | CheckpointValue[] | Map<PtKey, CheckpointValue> | ReadonlySet<PtKey>;

/** Turns a value with raw tensors into one with tensors. */
export const unpackValue = (value: PtValue): CheckpointValue => new Unpacker().unpack(value);

/** Whether a value from a file is a state dict: a dictionary of tensors by name. */
export function isStateDict(value: unknown): value is Map<string, Tensor> {
  if (!(value instanceof Map)) return false;
  const deferred = value instanceof DeferredMap ? value : undefined;
  return [...value.keys()].every(
    (name) =>
      typeof name === 'string' && (deferred?.shapeInFile(name) !== undefined || value.get(name) instanceof Tensor),
  );
}

class Unpacker {
  readonly #storages = new Map<RawStorage, Map<PtDType, Storage>>();
  readonly #unpacked = new Map<object, CheckpointValue>();

  unpack(value: PtValue): CheckpointValue {
    if (typeof value !== 'object' || value === null) return value;
    const known = this.#unpacked.get(value);
    if (known !== undefined) return known;
    const result = this.#object(value);
    this.#unpacked.set(value, result);
    return result;
  }

  #object(value: Exclude<PtValue, PtKey>): CheckpointValue {
    if (value instanceof RawTensor) return this.#tensor(value);
    if (value instanceof Map) return this.#map(value);
    if (value instanceof Set) return value;
    if (value instanceof PyTuple) return value.items.map((item) => this.unpack(item));
    if (Array.isArray(value)) return value.map((item) => this.unpack(item));
    return value.value; // a float
  }

  #map(map: Map<PtKey, PtValue>): Map<PtKey, CheckpointValue> {
    const inFile = (item: PtValue): item is RawTensor => item instanceof RawTensor && item.storage.deferred;
    if (![...map.values()].some(inFile)) return new Map([...map].map(([key, item]) => [key, this.unpack(item)]));
    const result = new DeferredMap((raw) => this.unpack(raw) as Tensor);
    for (const [key, item] of map) {
      if (inFile(item)) result.defer(key, item);
      else result.set(key, this.unpack(item));
    }
    return result;
  }

  #tensor(raw: RawTensor): Tensor {
    const byDType = this.#storages.get(raw.storage) ?? new Map<PtDType, Storage>();
    this.#storages.set(raw.storage, byDType);
    const dtype = tensorDType(raw.dtype);
    let storage = byDType.get(raw.dtype);
    if (storage === undefined) {
      raw.storage.verify();
      const count = raw.storage.byteLength / ptItemSize(raw.dtype);
      storage = allocateStorage(cpuDevice(), count * itemSize(dtype));
      writePieces(raw.storage, raw.dtype, 0, count, storage.address);
      byDType.set(raw.dtype, storage);
    }
    const tensor = new Tensor(storage, layoutOf(dtype, raw.shape, raw.strides), raw.offset);
    if (raw.requiresGrad) tensor.requiresGrad = true;
    return tensor;
  }
}

/** Copies `count` elements of a storage, from element `from` on, to an address, piece by piece. */
function writePieces(storage: RawStorage, dtype: PtDType, from: number, count: number, address: number): void {
  const size = ptItemSize(dtype);
  const scale = itemSize(tensorDType(dtype)) / size;
  // Bytes that already are what tensors hold need neither alignment nor a copy.
  const asIs = dtype !== 'bool' && tensorDType(dtype) === dtype;
  storage.pieces(from * size, count * size, (piece, at) => {
    cpuDevice().write(address + at * scale, asIs ? piece : tensorData(piece, dtype));
  });
}

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/**
 * A dictionary from a file on disk. To its users it is a Map of tensors and other values; each tensor is read when it is first asked
 * for. `loadStateDict` has them read into the model's memory instead.
 */
class DeferredMap extends Map<PtKey, CheckpointValue> implements Omit<DeferredState, keyof Map<string, Tensor>> {
  readonly #unpack: (raw: RawTensor) => Tensor;
  readonly #inFile = new Map<PtKey, RawTensor>();

  constructor(unpack: (raw: RawTensor) => Tensor) {
    super();
    this.#unpack = unpack;
  }

  /** Adds a tensor that is to stay in the file for now. */
  defer(key: PtKey, raw: RawTensor): void {
    super.set(key, null); // keeps its place
    this.#inFile.set(key, raw);
  }

  shapeInFile(key: PtKey): Dims | undefined {
    return this.#inFile.get(key)?.shape;
  }

  verify(keys: Iterable<PtKey>): void {
    for (const key of keys) this.#inFile.get(key)?.storage.verify();
  }

  readInto(key: PtKey, target: Tensor): boolean {
    const raw = this.#inFile.get(key);
    const { storage, layout, dtype } = target;
    if (raw === undefined || storage.freed || activeRecorder() !== undefined) return false;
    if (dtype !== tensorDType(raw.dtype) || !layout.contiguous || !isContiguous(raw.shape, raw.strides)) return false;
    storage.version++; // also if reading fails half-way
    writePieces(raw.storage, raw.dtype, raw.offset, raw.numel, storage.address + target.offset * itemSize(dtype));
    return true;
  }

  rename(key: PtKey, to: PtKey): void {
    const raw = this.#inFile.get(key);
    const value = super.get(key)!;
    this.delete(key);
    if (raw === undefined) this.set(to, value);
    else this.defer(to, raw);
  }

  override get(key: PtKey): CheckpointValue | undefined {
    const raw = this.#inFile.get(key);
    if (raw !== undefined) this.set(key, this.#unpack(raw));
    return super.get(key);
  }

  override set(key: PtKey, value: CheckpointValue): this {
    this.#inFile.delete(key);
    return super.set(key, value);
  }

  override delete(key: PtKey): boolean {
    this.#inFile.delete(key);
    return super.delete(key);
  }

  override clear(): void {
    this.#inFile.clear();
    super.clear();
  }

  override *entries(): Generator<[PtKey, CheckpointValue], undefined> {
    for (const key of super.keys()) yield [key, this.get(key)!];
  }

  override *values(): Generator<CheckpointValue, undefined> {
    for (const key of super.keys()) yield this.get(key)!;
  }

  override [Symbol.iterator](): Generator<[PtKey, CheckpointValue], undefined> {
    return this.entries();
  }

  override forEach(
    use: (value: CheckpointValue, key: PtKey, map: Map<PtKey, CheckpointValue>) => void,
    self?: unknown,
  ): void {
    for (const [key, value] of this.entries()) use.call(self, value, key, this);
  }

  /** Node's hook for `console.log`. */
  [INSPECT](): Map<PtKey, CheckpointValue> {
    return new Map(this.entries());
  }
}
