/**
 * What the names in a PyTorch checkpoint's pickle mean: storage types, the functions that rebuild tensors and parameters,
 * `OrderedDict`, `torch.Size` and `set`. This list is all that a file can make happen.
 *
 * Everything the file says about a tensor is held against the bytes that are there: the storage's element count against its
 * record, sizes, strides and offset against the storage, one storage against itself when it is named twice.
 */
import { GlobalRef, HostItem, asKey, describe, quote } from './pickle-items.ts';
import type { MakeError, PickleHost, PickleItem } from './pickle-items.ts';
import { OrderedDict, PySize, PyTuple, RawStorage, RawTensor, geometryProblem, ptItemSize } from './pt-value.ts';
import type { PtDType, RawTensorFields } from './pt-value.ts';

/** Storage types by name; PyTorch's typed storages stand for dtypes. */
export const STORAGE_TYPES: { readonly [K in PtDType]: string } = {
  bool: 'BoolStorage',
  uint8: 'ByteStorage',
  int32: 'IntStorage',
  int64: 'LongStorage',
  float16: 'HalfStorage',
  bfloat16: 'BFloat16Storage',
  float32: 'FloatStorage',
  float64: 'DoubleStorage',
};

const DTYPE_OF_STORAGE = new Map(
  Object.entries(STORAGE_TYPES).map(([dtype, name]) => [`torch.${name}`, dtype as PtDType]),
);

const CALLABLE = new Map<string, GlobalRef>(
  Object.entries({
    'collections.OrderedDict': makeOrderedDict,
    'torch.Size': makeSize,
    'torch._utils._rebuild_tensor_v2': rebuildTensor,
    'torch._utils._rebuild_parameter': rebuildParameter,
    '__builtin__.set': makeSet,
    'builtins.set': makeSet,
  }).map(([name, apply]) => [name, new GlobalRef(name, apply)]),
);

const NAMED = new Map<string, GlobalRef>([...DTYPE_OF_STORAGE.keys()].map((name) => [name, new GlobalRef(name)]));

/** Where storages' bytes come from. */
export interface StorageRecords {
  /** The record `data/<key>` of the archive, or undefined when there is none. */
  read(key: string): Uint8Array | undefined;
  readonly bigEndian: boolean;
}

/** A storage as an operand of the rebuild functions. */
class StorageItem extends HostItem {
  readonly storage: RawStorage;
  readonly dtype: PtDType;
  constructor(storage: RawStorage, dtype: PtDType) {
    super(`a ${dtype} storage`);
    this.storage = storage;
    this.dtype = dtype;
  }
}

/** Gives a checkpoint's pickle its meaning. One host reads one file: it keeps the storages, so that sharing survives. */
export class PtHost implements PickleHost {
  readonly #records: StorageRecords;
  readonly #storages = new Map<string, StorageItem>();

  constructor(records: StorageRecords) {
    this.#records = records;
  }

  lookup(name: string): GlobalRef | undefined {
    return CALLABLE.get(name) ?? NAMED.get(name);
  }

  remedy(name: string): string {
    if (/^torch\.\w+Storage$/.test(name)) {
      return `tensors of this dtype are not supported; convert them before saving, for example with .to(torch.float32)`;
    }
    if (/^torch\b/.test(name)) return 'save state_dict() instead of whole modules, and dense tensors';
    return 'a file that holds only tensors and containers has no need of it: save state_dict() instead of whole objects';
  }

  persistentLoad(id: PyTuple<PickleItem>, error: MakeError): PickleItem {
    const [tag, type, key, location, count] = id.items;
    if (id.length !== 5 || tag !== 'storage') {
      throw error(
        `persistent id must be ('storage', type, key, location, elements), but is a tuple of ${id.length} that begins with ${describe(tag ?? null)}`,
      );
    }
    const dtype = type instanceof GlobalRef ? DTYPE_OF_STORAGE.get(type.name) : undefined;
    if (dtype === undefined) throw error(`storage type must be one of torch's, but is ${describe(type ?? null)}`);
    if (typeof key !== 'string') throw error(`storage key must be a string, but is ${describe(key ?? null)}`);
    // The device it was saved from does not matter: bytes are bytes, and the caller places them.
    if (typeof location !== 'string')
      throw error(`storage location must be a string, but is ${describe(location ?? null)}`);
    if (typeof count !== 'number') throw error(`storage size must be a number, but is ${describe(count ?? null)}`);
    return this.#load(key, dtype, count, error);
  }

  #load(key: string, dtype: PtDType, count: number, error: MakeError): StorageItem {
    const known = this.#storages.get(key);
    const item = known ?? new StorageItem(new RawStorage(this.#bytes(key, dtype, error)), dtype);
    if (item.dtype !== dtype) throw error(`storage ${quote(key)} is named as ${dtype}, and elsewhere as ${item.dtype}`);
    const have = item.storage.bytes.length;
    if (count * ptItemSize(dtype) !== have) {
      throw error(
        `storage ${quote(key)} should have ${count} ${dtype} elements, but its record has ${have} bytes instead of ${count * ptItemSize(dtype)}`,
      );
    }
    this.#storages.set(key, item);
    return item;
  }

  #bytes(key: string, dtype: PtDType, error: MakeError): Uint8Array {
    const bytes = this.#records.read(key);
    if (bytes === undefined)
      throw error(`there is no record for storage ${quote(key)}; the file is incomplete, fetch it again`);
    if (!this.#records.bigEndian) return bytes;
    const size = ptItemSize(dtype);
    if (bytes.length % size !== 0)
      throw error(`storage ${quote(key)} has ${bytes.length} bytes, no multiple of ${size}`);
    return swapBytes(bytes, size);
  }
}

/** The same elements in the other byte order. */
function swapBytes(bytes: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let from = 0; from < bytes.length; from += size) {
    for (let i = 0; i < size; i++) out[from + i] = bytes[from + size - 1 - i]!;
  }
  return out;
}

/** `OrderedDict()`; its items follow by SETITEMS. */
function makeOrderedDict(args: readonly PickleItem[], error: MakeError): PickleItem {
  if (args.length > 0) throw error(`OrderedDict with ${args.length} arguments; expected none`);
  return new OrderedDict<PickleItem>();
}

/** `torch.Size((2, 3))`. */
function makeSize(args: readonly PickleItem[], error: MakeError): PickleItem {
  if (args.length !== 1) throw error(`torch.Size with ${args.length} arguments; expected one tuple`);
  return new PySize(integers('torch.Size', args[0], error));
}

/** `set([1, 2])`. */
function makeSet(args: readonly PickleItem[], error: MakeError): PickleItem {
  const list = args[0];
  if (args.length !== 1 || !Array.isArray(list)) throw error('set expects one list');
  return new Set(list.map((item) => asKey(item, error)));
}

/** `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks, metadata=None)`. */
function rebuildTensor(args: readonly PickleItem[], error: MakeError): PickleItem {
  if (args.length !== 6 && args.length !== 7) throw error(`a tensor made of ${args.length} parts; expected 6 or 7`);
  const [item, offset, shape, strides, requiresGrad, hooks, metadata] = args;
  if (!(item instanceof StorageItem)) throw error(`a tensor's storage is ${describe(item ?? null)}`);
  if (typeof offset !== 'number') throw error(`a tensor's offset is ${describe(offset ?? null)}; expected an int`);
  if (typeof requiresGrad !== 'boolean')
    throw error(`a tensor's requires_grad is ${describe(requiresGrad ?? null)}; expected a bool`);
  requireEmpty('backward hooks', hooks, error);
  // Metadata says that the bytes stand for their negative or complex conjugate; saved real tensors have none.
  if (metadata !== undefined && metadata !== null) requireEmpty('metadata', metadata, error);
  const fields: Required<RawTensorFields> = {
    dtype: item.dtype,
    shape: integers("a tensor's size", shape, error),
    strides: integers("a tensor's stride", strides, error),
    offset,
    storage: item.storage,
    requiresGrad,
    parameter: false,
  };
  const problem = geometryProblem(fields);
  if (problem !== undefined) throw error(`${problem}; the file is damaged or made to mislead`);
  return new RawTensor(fields);
}

/** `_rebuild_parameter(data, requires_grad, backward_hooks)`. */
function rebuildParameter(args: readonly PickleItem[], error: MakeError): PickleItem {
  const [data, requiresGrad, hooks] = args;
  if (args.length !== 3) throw error(`a parameter made of ${args.length} parts; expected 3`);
  if (!(data instanceof RawTensor)) throw error(`a parameter's data is ${describe(data ?? null)}; expected a tensor`);
  if (typeof requiresGrad !== 'boolean')
    throw error(`a parameter's requires_grad is ${describe(requiresGrad ?? null)}; expected a bool`);
  requireEmpty('backward hooks', hooks, error);
  const { dtype, shape, strides, offset, storage } = data;
  const fields = { dtype, shape, strides, offset, storage, requiresGrad, parameter: true };
  const problem = geometryProblem(fields);
  if (problem !== undefined) throw error(problem);
  return new RawTensor(fields);
}

function integers(what: string, item: PickleItem | undefined, error: MakeError): readonly number[] {
  if (!(item instanceof PyTuple)) throw error(`${what} is ${describe(item ?? null)}; expected a tuple of ints`);
  for (const n of item.items) {
    if (typeof n !== 'number' || n < 0) throw error(`${what} contains ${describe(n)}; expected non-negative ints`);
  }
  return item.items as readonly number[];
}

function requireEmpty(what: string, item: PickleItem | undefined, error: MakeError): void {
  if (!(item instanceof Map) || item.size > 0)
    throw error(`a tensor's ${what} must be an empty dict; remove them before saving`);
}
