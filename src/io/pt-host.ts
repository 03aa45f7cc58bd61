/**
 * What the names in a PyTorch checkpoint's pickle mean: storage types, the functions that rebuild tensors and parameters,
 * `OrderedDict`, `torch.Size` and `set`. This list is all that a file can make happen.
 *
 * Everything the file says about a tensor is held against the bytes that are there: the storage's element count against its
 * record, sizes, strides and offset against the storage, one storage against itself when it is named twice.
 */
import { GlobalRef, HostItem, StrangerRef, asKey, describe, quote } from './pickle-items.ts';
import type { MakeError, PickleHost, PickleItem } from './pickle-items.ts';
import {
  OrderedDict,
  PySize,
  PyTuple,
  RawStorage,
  RawTensor,
  geometryProblem,
  ptItemSize,
  swapBytes,
} from './pt-value.ts';
import type { PtDType, PtKey, RawTensorFields, StorageSource } from './pt-value.ts';

/** Storage types by name; PyTorch's typed storages stand for dtypes. */
export const STORAGE_TYPES: { readonly [K in PtDType]: string } = {
  bool: 'BoolStorage',
  uint8: 'ByteStorage',
  int8: 'CharStorage',
  int16: 'ShortStorage',
  int32: 'IntStorage',
  int64: 'LongStorage',
  float16: 'HalfStorage',
  bfloat16: 'BFloat16Storage',
  float32: 'FloatStorage',
  float64: 'DoubleStorage',
};

/** The dtype of each storage type. */
export const DTYPE_OF_STORAGE: ReadonlyMap<string, PtDType> = new Map(
  Object.entries(STORAGE_TYPES).map(([dtype, name]) => [`torch.${name}`, dtype as PtDType]),
);

const CALLABLE = new Map<string, GlobalRef>(
  Object.entries({
    'collections.OrderedDict': makeOrderedDict,
    'torch.Size': makeSize,
    'torch._utils._rebuild_tensor': rebuildOldTensor,
    'torch._utils._rebuild_tensor_v2': rebuildTensor,
    'torch._utils._rebuild_parameter': rebuildParameter,
    'torch._utils._rebuild_parameter_with_state': rebuildParameterWithState,
    '__builtin__.set': makeSet,
    'builtins.set': makeSet,
  }).map(([name, apply]) => [name, new GlobalRef(name, apply)]),
);

const NAMED = new Map<string, GlobalRef>([...DTYPE_OF_STORAGE.keys()].map((name) => [name, new GlobalRef(name)]));

/** Where storages' bytes come from. */
export interface StorageRecords {
  /** What is there for storage `key`, which the pickle says has `bytes` bytes; undefined when there is nothing. */
  read(key: string, bytes: number): Uint8Array | StorageSource | undefined;
  readonly bigEndian: boolean;
}

/** A storage as an operand of the rebuild functions. */
class StorageItem extends HostItem {
  readonly storage: RawStorage;
  readonly dtype: PtDType;
  /** Where a view of a storage begins, in elements; the legacy format knows such views. */
  readonly offset: number;
  constructor(storage: RawStorage, dtype: PtDType, offset = 0) {
    super(`a ${dtype} storage`);
    this.storage = storage;
    this.dtype = dtype;
    this.offset = offset;
  }
}

/**
 * Modules whose names nothing in a checkpoint stands for: those that can do harm, and those whose values would need code to make sense
 * of. Other names may be classes of modules, which stay names.
 */
const NEVER =
  /^(os|posix|posixpath|nt|ntpath|sys|subprocess|builtins|__builtin__|importlib|imp|runpy|code|codeop|pty|pickle|_pickle|cPickle|copyreg|copy_reg|shutil|socket|ctypes|operator|functools|types|marshal|multiprocessing|threading|signal|tempfile|pathlib|io|_io|webbrowser|urllib|http|requests|asyncio|collections|numpy|_codecs|codecs|pip|pdb|bdb|timeit|platform|torch|eval|exec)$/;

/** Whether a name may be the class of a pickled module: two plain identifiers, of no module that has no place in a checkpoint. */
function mayBeModule(name: string): boolean {
  if (/(^|\.)__(?!main__\.)/.test(name)) return false;
  if (/^torch\.nn(\.[a-z_]\w*)+\.[A-Za-z_]\w*$/.test(name)) return true;
  return /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\.[A-Za-z_]\w*$/.test(name) && !NEVER.test(name.slice(0, name.indexOf('.')));
}

/** Gives a checkpoint's pickle its meaning. One host reads one file: it keeps the storages, so that sharing survives. */
export class PtHost implements PickleHost {
  readonly #records: StorageRecords;
  readonly #storages = new Map<string, StorageItem>();

  constructor(records: StorageRecords) {
    this.#records = records;
  }

  lookup(name: string): PickleItem | undefined {
    return CALLABLE.get(name) ?? NAMED.get(name) ?? (mayBeModule(name) ? new StrangerRef(name) : undefined);
  }

  remedy(name: string): string {
    if (/^torch\.\w+Storage$/.test(name)) {
      return `tensors of this dtype are not supported; convert them before saving, for example with .to(torch.float32)`;
    }
    if (/^torch\b/.test(name)) return 'save state_dict() instead of whole modules, and dense tensors';
    return 'a file that holds only tensors and containers has no need of it: save state_dict() instead of whole objects';
  }

  persistentLoad(id: PickleItem, error: MakeError): PickleItem {
    if (!(id instanceof PyTuple)) throw error(`persistent id must be a tuple, but is ${describe(id)}`);
    const [tag, type, key, location, count, view] = id.items;
    // The legacy format puts the source text of a module's class beside it; it is of no use here.
    if (tag === 'module' && id.length === 4 && type instanceof StrangerRef) return type;
    if (tag !== 'storage' || (id.length !== 5 && id.length !== 6)) {
      throw error(
        `persistent id must be ('storage', type, key, location, elements), but is a tuple of ${id.length} that begins with ${describe(tag ?? null)}`,
      );
    }
    const dtype = storageDType(type, error);
    if (typeof key !== 'string') throw error(`storage key must be a string, but is ${describe(key ?? null)}`);
    // The device it was saved from does not matter: bytes are bytes, and the caller places them.
    if (typeof location !== 'string')
      throw error(`storage location must be a string, but is ${describe(location ?? null)}`);
    if (typeof count !== 'number') throw error(`storage size must be a number, but is ${describe(count ?? null)}`);
    const item = this.#load(key, dtype, count, error);
    return view === undefined || view === null ? item : viewOf(item, view, count, error);
  }

  #load(key: string, dtype: PtDType, count: number, error: MakeError): StorageItem {
    const size = count * ptItemSize(dtype);
    if (!Number.isSafeInteger(size) || size < 0) throw error(`storage ${quote(key)} is said to have ${count} elements`);
    const known = this.#storages.get(key);
    const item = known ?? new StorageItem(new RawStorage(this.#contents(key, dtype, size, error)), dtype);
    if (item.dtype !== dtype) throw error(`storage ${quote(key)} is named as ${dtype}, and elsewhere as ${item.dtype}`);
    const have = item.storage.byteLength;
    if (size !== have) {
      throw error(
        `storage ${quote(key)} should have ${count} ${dtype} elements, but its record has ${have} bytes instead of ${size}`,
      );
    }
    this.#storages.set(key, item);
    return item;
  }

  #contents(key: string, dtype: PtDType, size: number, error: MakeError): Uint8Array | StorageSource {
    const contents = this.#records.read(key, size);
    if (contents === undefined)
      throw error(`there is no record for storage ${quote(key)}; the file is incomplete, fetch it again`);
    const step = ptItemSize(dtype);
    if (!this.#records.bigEndian || step === 1) return contents;
    const { byteLength } = contents;
    if (byteLength % step !== 0) throw error(`storage ${quote(key)} has ${byteLength} bytes, no multiple of ${step}`);
    if (contents instanceof Uint8Array) return swapBytes(contents, step);
    const read = (offset: number, length: number): Uint8Array => swapBytes(contents.read(offset, length), step);
    return { byteLength, read, verify: () => contents.verify() };
  }
}

/** The dtype that a storage type stands for. */
function storageDType(type: PickleItem | undefined, error: MakeError): PtDType {
  const dtype = type instanceof GlobalRef ? DTYPE_OF_STORAGE.get(type.name) : undefined;
  if (dtype === undefined) throw error(`storage type must be one of torch's, but is ${describe(type ?? null)}`);
  return dtype;
}

/** `(key, offset, elements)`: a part of a storage, as the legacy format can name. */
function viewOf(item: StorageItem, view: PickleItem, count: number, error: MakeError): StorageItem {
  const [key, offset, size] = view instanceof PyTuple ? view.items : [];
  if (typeof key !== 'string' || !isCount(offset) || !isCount(size) || offset + size > count) {
    throw error(
      `a view of a storage of ${count} elements must be (key, offset, elements) within it, but is ${describe(view)}`,
    );
  }
  return new StorageItem(item.storage, item.dtype, offset);
}

const isCount = (item: PickleItem | undefined): item is number =>
  typeof item === 'number' && Number.isSafeInteger(item) && item >= 0;

/** `OrderedDict()`, whose items follow by SETITEMS, or as Python 2 has it, `OrderedDict([[key, value], …])`. */
function makeOrderedDict(args: readonly PickleItem[], error: MakeError): PickleItem {
  const [pairs] = args;
  if (pairs === undefined) return new OrderedDict<PickleItem>();
  if (args.length > 1 || !Array.isArray(pairs))
    throw error(`OrderedDict with ${args.length} arguments; expected none or one list`);
  return new OrderedDict<PickleItem>(pairs.map((pair) => asPair(pair, error)));
}

function asPair(pair: PickleItem, error: MakeError): [PtKey, PickleItem] {
  const items = pair instanceof PyTuple ? pair.items : pair;
  if (Array.isArray(items) && items.length === 2) return [asKey(items[0], error), items[1]!];
  throw error(`an item of an OrderedDict is ${describe(pair)}; expected a key and a value`);
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
    offset: offset + item.offset,
    storage: item.storage,
    requiresGrad,
    parameter: false,
  };
  const problem = geometryProblem(fields);
  if (problem !== undefined) throw error(`${problem}; the file is damaged or made to mislead`);
  return new RawTensor(fields);
}

/** `_rebuild_tensor(storage, offset, size, stride)`, as before PyTorch 0.4. */
function rebuildOldTensor(args: readonly PickleItem[], error: MakeError): PickleItem {
  if (args.length !== 4) throw error(`a tensor made of ${args.length} parts; expected 4`);
  return rebuildTensor([...args, false, new Map()], error);
}

/** `_rebuild_parameter_with_state(data, requires_grad, backward_hooks, state)`; state is attributes that Python code had given it. */
function rebuildParameterWithState(args: readonly PickleItem[], error: MakeError): PickleItem {
  if (args.length !== 4) throw error(`a parameter made of ${args.length} parts; expected 4`);
  return rebuildParameter(args.slice(0, 3), error);
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
