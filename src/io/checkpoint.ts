/**
 * Checkpoints: tensors and what stands around them, as the bytes of a PyTorch file and back. Runs in browsers; files on disk
 * are in checkpoint-node.ts, the format itself in pt.ts.
 *
 * Tensors that share memory share it in the file, as with `torch.save`. A view that nothing else in the value shares memory with is
 * written without the rest of its storage, so that saving one row does not write the table.
 */
import type { Bytes } from '../base/host-types.ts';
import { bytesOf, type ByteInput } from '../base/bytes.ts';
import { itemSize } from '../base/dtype.ts';
import { kind, oneOf, requireOptions, TEXT, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { unusable, type Storage } from '../tensor/storage.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import type { DeviceName } from '../tensor/backend.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { FILE_KINDS, readAny, writeAny, type FileKind } from './any-file.ts';
import { bytesSource } from './bytes/byte-source.ts';
import { unpackValue, type Checkpoint } from './checkpoint-value.ts';
import type { ReadPtOptions } from './pt/pt.ts';
import { Placeholder } from './pt/placeholder.ts';
import { PyTuple, RawStorage, RawTensor } from './pt/value.ts';
import type { PtInput, PtKey, PtScalar, StorageSource } from './pt/value.ts';
import { concatBytes } from './bytes/byte-writer.ts';

/** A key of a dictionary in a checkpoint; arrays become tuples. */
export type CheckpointInputKey = PtScalar | Uint8Array | readonly CheckpointInputKey[];

/** What a checkpoint can hold: a state dict, or tensors in dictionaries (Maps or plain objects), lists and sets. */
export type CheckpointInput =
  | PtScalar
  | Tensor
  | Uint8Array
  | readonly CheckpointInput[]
  | ReadonlyMap<CheckpointInputKey, CheckpointInput>
  | ReadonlySet<CheckpointInputKey>
  | { readonly [key: string]: CheckpointInput };

/** How deep values may be nested. */
const MAX_DEPTH = 1000;

/** Options of {@link serialize}. */
export interface SerializeOptions {
  /** Default `'pt'`, PyTorch's. */
  readonly format?: FileKind;
  /** The folder inside a `.pt` archive, default `'archive'`. */
  readonly name?: string;
  /** Text beside the tensors, by name; only safetensors files have it. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * The bytes of a file that `torch.load` opens, with `weights_only=True` too; with `format`, those of a safetensors file or of NumPy's
 * `.npz` and `.npy`, which hold tensors only.
 *
 * PyTorch 1.13 refuses fractional numbers under `weights_only=True` (later versions do not): leave them out, or write them as text.
 * @param value - a state dict, or tensors in Maps, plain objects, arrays and sets, with numbers, strings, booleans and null
 * @throws ArgumentError for a value that has no counterpart there, naming its place
 * @see https://pytorch.org/docs/stable/generated/torch.save.html
 * @example
 * import { nn } from 'flambeau';
 * import { deserialize, serialize } from 'flambeau/files';
 *
 * const model = new nn.Linear(4, 2);
 * const bytes = serialize(model.stateDict(), { format: 'safetensors', metadata: { trained: 'no' } });
 * new nn.Linear(4, 2).loadStateDict(deserialize(bytes));
 */
export function serialize(value: CheckpointInput, options: SerializeOptions = {}): Bytes {
  return concatBytes(serializeChunks(value, options));
}

const SERIALIZE_OPTIONS: OptionKinds<SerializeOptions> = {
  format: oneOf(...FILE_KINDS),
  name: TEXT,
  metadata: kind(
    'an object of strings',
    (value) => typeof value === 'object' && value !== null && Object.values(value).every(TEXT.accepts),
  ),
};

/** As {@link serialize}, in pieces to be written one after the other. */
export function serializeChunks(value: CheckpointInput, options: SerializeOptions = {}): Iterable<Uint8Array> {
  const given = requireOptions<SerializeOptions>('serialize', options, SERIALIZE_OPTIONS, "{ format: 'safetensors' }");
  const { format = 'pt', metadata, ...rest } = given;
  const write = { ...rest, ...(metadata === undefined ? {} : { metadata: new Map(Object.entries(metadata)) }) };
  return writeAny(format, new Packer(value).pack(value, []), write);
}

/** Options of `load` and {@link deserialize}. */
export interface LoadOptions extends Omit<ReadPtOptions, 'keepFloats'> {
  /** The device that tensors come to lie on, whichever they were saved from: the CPU by default. */
  readonly mapLocation?: DeviceName;
}

/**
 * Reads the bytes of a file that `torch.save` (or {@link serialize}) wrote, of any version of PyTorch, running nothing in it; or those of
 * a safetensors file, or NumPy's `.npz` or `.npy`. The contents say which. Floats of 8 bits become float32 and uint32
 * int64, which hold all of their numbers; whatever device tensors were saved from, they are on that of `mapLocation` now.
 *
 * The type parameter says what the file is expected to hold; `loadStateDict` checks that it fits the model.
 * @throws FormatError when the file is damaged, hostile or of another format, or holds other things than plain values and tensors
 * @throws DeviceError for a `mapLocation` that is not there
 * @see https://pytorch.org/docs/stable/generated/torch.load.html
 */
export function deserialize<T = Checkpoint>(bytes: ByteInput, options: LoadOptions = {}): T {
  return unpackValue(readAny(bytesSource(bytesOf('deserialize', bytes)), options).value, options) as T;
}

/** Turns tensors into raw ones, which know nothing of devices. */
class Packer {
  /** How many different tensors lie in a storage. */
  readonly #users = new Map<Storage, Set<Tensor>>();
  readonly #storages = new Map<Storage, RawStorage>();
  readonly #packed = new Map<object, PtInput>();
  readonly #open = new Set<object>();

  constructor(value: CheckpointInput) {
    this.#count(value, new Set());
  }

  #count(value: CheckpointInput, seen: Set<unknown>): void {
    if (seen.has(value) || (typeof value !== 'object' && typeof value !== 'function')) return;
    seen.add(value);
    if (isTensor(value)) {
      const users = this.#users.get(value.storage) ?? new Set<Tensor>();
      this.#users.set(value.storage, users.add(value));
    } else if (isContainer(value)) {
      for (const [, item] of entriesOf(value)) this.#count(item, seen);
    }
  }

  pack(value: CheckpointInput, path: readonly CheckpointInputKey[]): PtInput {
    if (typeof value === 'function') throw new ArgumentError(`save: ${place(path)} is a module or function; pass model.stateDict()`);
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
    let packed = this.#packed.get(value);
    if (packed === undefined) {
      if (this.#open.has(value)) throw new ArgumentError(`save: ${place(path)} contains itself`);
      if (path.length > MAX_DEPTH) throw new ArgumentError(`save: values are nested more than ${MAX_DEPTH} deep`);
      this.#open.add(value);
      packed = this.#object(value, path);
      this.#open.delete(value);
      this.#packed.set(value, packed);
    }
    return packed;
  }

  #object(value: Exclude<CheckpointInput, PtScalar | Uint8Array>, path: readonly CheckpointInputKey[]): PtInput {
    if (isTensor(value)) return this.#tensor(value, path);
    if (value instanceof Placeholder) throw new ArgumentError(value.refusal(`save: ${place(path)}`).message);
    if (value instanceof Set) return new Set([...(value as ReadonlySet<CheckpointInputKey>)].map(asTuple));
    if (!isContainer(value)) {
      throw new ArgumentError(
        `save: ${place(path)} is a ${value.constructor.name}, which has no counterpart in a checkpoint; use tensors, Maps, plain objects, arrays, numbers, strings`,
      );
    }
    const items = [...entriesOf(value)].map(([key, item]) => [key, this.pack(item, [...path, key])] as const);
    if (Array.isArray(value)) return items.map(([, item]) => item);
    return new Map(items.map(([key, item]) => [asTuple(key), item]));
  }

  #tensor(tensor: Tensor, path: readonly CheckpointInputKey[]): RawTensor {
    const { storage, dtype, layout } = tensor;
    if (storage.freed) throw unusable(`save: ${place(path)}`, storage);
    const { shape } = layout;
    const { requiresGrad } = tensor;
    const bytes = layout.numel * itemSize(dtype);
    if (bytes < storage.bytes && this.#users.get(storage)!.size === 1) {
      const part = layout.contiguous ? inMemory(storage, tensor.offset * itemSize(dtype), bytes) : bytesOf('save', tensor.toTypedArray());
      return new RawTensor({ dtype, shape, requiresGrad, storage: new RawStorage(part) });
    }
    let raw = this.#storages.get(storage);
    if (raw === undefined) {
      this.#storages.set(storage, (raw = new RawStorage(inMemory(storage, 0, storage.bytes))));
    }
    return new RawTensor({
      dtype,
      shape,
      strides: layout.strides,
      offset: tensor.offset,
      requiresGrad,
      storage: raw,
    });
  }
}

type Container = readonly CheckpointInput[] | ReadonlyMap<CheckpointInputKey, CheckpointInput> | Record<string, CheckpointInput>;

/** A key as a file has it. */
const asTuple = (key: CheckpointInputKey): PtKey => (Array.isArray(key) ? new PyTuple(key.map(asTuple)) : (key as PtScalar | Uint8Array));

function isContainer(value: unknown): value is Container {
  if (Array.isArray(value) || value instanceof Map) return true;
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function entriesOf(value: Container): Iterable<readonly [CheckpointInputKey, CheckpointInput]> {
  if (value instanceof Map) return value as ReadonlyMap<CheckpointInputKey, CheckpointInput>;
  return Array.isArray(value) ? (value as CheckpointInput[]).entries() : Object.entries(value);
}

const place = (path: readonly CheckpointInputKey[]): string => (path.length === 0 ? 'the value' : `the value at ${path.join('.')}`);

/** Device memory, read where it lies when it is written to a file: a model is not held twice. */
function inMemory(storage: Storage, start: number, byteLength: number): StorageSource {
  return {
    byteLength,
    deferred: false,
    read: (offset, length) => {
      if (storage.freed) throw unusable('save', storage);
      const at = start + offset;
      return storage.spilled?.subarray(at, at + length) ?? bytesAt(storage, at, length);
    },
    verify: () => undefined,
  };
}

/** Bytes of a storage where they lie, if that is memory of the host, else a copy. */
function bytesAt(storage: Storage, at: number, length: number): Uint8Array {
  const { buffer, device } = storage;
  return device.view?.(buffer, at, length) ?? (storage.readNow('save', at, 'uint8', length) as Uint8Array);
}
