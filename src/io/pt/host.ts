/**
 * What the names in a PyTorch checkpoint's pickle mean: Python's and PyTorch's containers here, the functions that rebuild tensors in
 * pt/rebuild.ts, NumPy's arrays in pickle/numpy.ts. What `torch.load(weights_only=True)` makes of a name is made here; all others stay
 * names. Nothing is run, imported or looked for.
 */
import { asKey, KeyIndex } from '../pickle/keys.ts';
import { describe, quote } from '../pickle/items.ts';
import type { MakeError, PickleHost, PickleItem } from '../pickle/items.ts';
import { arrayOfState, makeArray } from '../pickle/numpy.ts';
import { bytesOfLatin1 } from '../pickle/text.ts';
import { REBUILD, settledParameter, tensorOfState, type Rebuild } from './rebuild.ts';
import { StorageItem, dtypeOfStorage, viewOf } from './storage.ts';
import { OrderedDict, PyFrozenSet, PyGlobal, PyObject, PySize, PyTuple, RawStorage, ptItemSize, swapBytes } from './value.ts';
import type { PtDType, PtKey, PtValue, StorageSource } from './value.ts';
import { swapUnit } from './dtype.ts';

/** Where storages' bytes come from. */
export interface StorageRecords {
  /** What is there for storage `key`, which the pickle says has `bytes` bytes; undefined when there is nothing. */
  read(key: string, bytes: number, itemSize: number): Uint8Array | StorageSource | undefined;
  readonly bigEndian: boolean;
}

const CONTAINERS: ReadonlyMap<string, Rebuild> = new Map<string, Rebuild>(
  Object.entries({
    'collections.OrderedDict': makeOrderedDict,
    'collections.Counter': makeCounter,
    'collections.defaultdict': ([, items], error) => makeCounter(items === undefined ? [] : [items], error),
    'collections.deque': makeDeque,
    'torch.Size': makeSize,
    'torch.serialization._get_layout': ([name]) =>
      typeof name === 'string' && name.startsWith('torch.') ? new PyGlobal('torch', name.slice(6)) : undefined,
    'builtins.set': (args, error) => fillSet(new Set(), args, error),
    'builtins.frozenset': (args, error) => fillSet(new PyFrozenSet(), args, error),
    'builtins.bytearray': makeBytes,
    'builtins.bytes': makeBytes,
    '_codecs.encode': makeBytes,
  } satisfies Record<string, Rebuild>),
);

/** Gives a checkpoint's pickle its meaning. One host reads one file: it keeps the storages, so that sharing survives. */
export class PtHost implements PickleHost {
  readonly #records: StorageRecords;
  readonly #storages = new Map<string, StorageItem>();
  /** Parts of storages by their keys: the legacy format can name such. */
  readonly #views = new Map<string, StorageItem>();
  readonly #resolved = new Map<PyObject, PtValue>();

  constructor(records: StorageRecords) {
    this.#records = records;
  }

  call(callee: PyGlobal, args: readonly PickleItem[], error: MakeError): PickleItem | undefined {
    const { path } = callee;
    const rebuild = CONTAINERS.get(path) ?? REBUILD.get(path);
    if (rebuild === undefined) return makeArray(path, args.map(this.#settled), error);
    return rebuild(args.map(this.#settled), error, (inner, given) => this.call(inner, given, error));
  }

  setState(target: PickleItem, state: PickleItem, error: MakeError): boolean {
    if (!(target instanceof PyObject)) return false;
    const value = tensorOfState(target, state, error) ?? arrayOfState(target, state, error);
    if (value !== undefined) this.#resolved.set(target, value);
    return value !== undefined;
  }

  resolve(object: PyObject): PtValue {
    return this.#resolved.get(object) ?? settledParameter(object) ?? object;
  }

  readonly #settled = (item: PickleItem): PickleItem => (item instanceof PyObject ? this.resolve(item) : item);

  persistentLoad(id: PickleItem, error: MakeError): PickleItem {
    if (!(id instanceof PyTuple)) throw error(`persistent id must be a tuple, but is ${describe(id)}`);
    const [tag, type, key, location, count, view] = id.items;
    // The legacy format puts the source text of a module's class beside it; it is of no use here.
    if (tag === 'module' && id.length === 4 && type instanceof PyGlobal) return type;
    if (tag !== 'storage' || (id.length !== 5 && id.length !== 6)) {
      throw error(
        `persistent id must be ('storage', type, key, location, elements), but is a tuple of ${id.length} that begins with ${describe(tag ?? null)}`,
      );
    }
    const dtype = dtypeOfStorage(type, error);
    if (typeof key !== 'string') throw error(`storage key must be a string, but is ${describe(key ?? null)}`);
    // The device it was saved from does not matter: bytes are bytes, and the caller places them.
    if (typeof location !== 'string') throw error(`storage location must be a string, but is ${describe(location ?? null)}`);
    if (typeof count !== 'number') throw error(`storage size must be a number, but is ${describe(count ?? null)}`);
    const item = this.#load(key, dtype, count, error);
    return view === undefined || view === null ? item : this.#view(item, view, error);
  }

  /** A view that is named again is what it was at first, and one named as a storage is that. */
  #view(item: StorageItem, view: PtValue, error: MakeError): StorageItem {
    const { key, storage } = viewOf(item, view, error);
    const known = this.#views.get(key) ?? this.#storages.get(key);
    if (known !== undefined && known.dtype !== storage.dtype)
      throw error(`storage ${quote(key)} is named as ${storage.dtype}, and elsewhere as ${known.dtype}`);
    if (known === undefined) this.#views.set(key, storage);
    return known ?? storage;
  }

  #load(key: string, dtype: PtDType, count: number, error: MakeError): StorageItem {
    const size = count * ptItemSize(dtype);
    if (!Number.isSafeInteger(size) || size < 0) throw error(`storage ${quote(key)} is said to have ${count} elements`);
    // PyTorch would read the record over the part: nothing that it writes is like that.
    if (this.#views.has(key)) throw error(`storage ${quote(key)} was a part of another storage before`);
    const known = this.#storages.get(key);
    const item = known ?? new StorageItem(new RawStorage(this.#contents(key, dtype, size, error)), dtype);
    if (item.dtype !== dtype) throw error(`storage ${quote(key)} is named as ${dtype}, and elsewhere as ${item.dtype}`);
    const have = item.storage.byteLength;
    if (size !== have) {
      throw error(`storage ${quote(key)} should have ${count} ${dtype} elements, but its record has ${have} bytes instead of ${size}`);
    }
    this.#storages.set(key, item);
    return item;
  }

  #contents(key: string, dtype: PtDType, size: number, error: MakeError): Uint8Array | StorageSource {
    const contents = this.#records.read(key, size, ptItemSize(dtype));
    if (contents === undefined) throw error(`there is no record for storage ${quote(key)}; the file is incomplete, fetch it again`);
    const step = swapUnit(dtype);
    if (!this.#records.bigEndian || step === 1) return contents;
    const { byteLength } = contents;
    if (byteLength % step !== 0) throw error(`storage ${quote(key)} has ${byteLength} bytes, no multiple of ${step}`);
    if (contents instanceof Uint8Array) return swapBytes(contents, step);
    const read = (offset: number, length: number): Uint8Array => swapBytes(contents.read(offset, length), step);
    return { byteLength, read, verify: () => contents.verify() };
  }
}

/** `OrderedDict()`, whose items follow by SETITEMS, or as Python 2 has it, `OrderedDict([[key, value], …])`. */
function makeOrderedDict(args: readonly PickleItem[], error: MakeError): PickleItem {
  const [pairs] = args;
  const dict = new OrderedDict();
  if (pairs === undefined) return dict;
  if (args.length > 1 || !Array.isArray(pairs)) throw error(`OrderedDict with ${args.length} arguments; expected none or one list`);
  const keys = new KeyIndex();
  for (const pair of pairs) {
    const [key, value] = asPair(pair, error);
    dict.set(keys.of(dict, key), value);
  }
  return dict;
}

function asPair(pair: PtValue, error: MakeError): [PtKey, PtValue] {
  const items = pair instanceof PyTuple ? pair.items : pair;
  if (Array.isArray(items) && items.length === 2) return [asKey(items[0], error), items[1]!];
  throw error(`an item of an OrderedDict is ${describe(pair)}; expected a key and a value`);
}

/** `Counter({'a': 1})`, and the dictionary that a `defaultdict` begins with. */
function makeCounter(args: readonly PickleItem[], error: MakeError): PickleItem {
  const [counts] = args;
  if (counts === undefined) return new Map<PtKey, PtValue>();
  if (args.length > 1 || !(counts instanceof Map)) throw error(`a dictionary made of ${describe(counts)}`);
  return new Map(counts);
}

/** `deque()`, whose items follow, or `deque([1, 2], maxlen)`. */
function makeDeque([items]: readonly PickleItem[], error: MakeError): PickleItem {
  if (items === undefined) return [];
  const list = items instanceof PyTuple ? items.items : items;
  if (!Array.isArray(list)) throw error(`a deque made of ${describe(items)}`);
  return [...(list as readonly PtValue[])];
}

/** `torch.Size((2, 3))`. */
function makeSize(args: readonly PickleItem[], error: MakeError): PickleItem {
  const [sizes] = args;
  const items = sizes instanceof PyTuple ? sizes.items : sizes;
  if (args.length !== 1 || !Array.isArray(items)) throw error('torch.Size expects one tuple');
  const bad = (items as readonly PtValue[]).find((n) => typeof n !== 'number' || !Number.isInteger(n));
  if (bad !== undefined) throw error(`torch.Size contains ${describe(bad)}; expected ints`);
  return new PySize([...(items as readonly number[])]);
}

/** `set([1, 2])`. */
function fillSet(set: Set<PtKey>, args: readonly PickleItem[], error: MakeError): PickleItem {
  const [items] = args;
  const list = items instanceof PyTuple ? items.items : (items ?? []);
  if (args.length > 1 || !(Array.isArray(list) || list instanceof Set)) throw error('set expects one list');
  const keys = new KeyIndex();
  for (const item of list as Iterable<PtValue>) set.add(keys.of(set, asKey(item, error)));
  return set;
}

/** Bytes, which protocol 2 writes as text: `encode('\xff', 'latin1')`, `bytearray('\xff', 'latin-1')`, `bytearray(b'\xff')`, `bytes()`. */
function makeBytes(args: readonly PickleItem[]): PickleItem | undefined {
  const [content, encoding] = args;
  if (content === undefined) return new Uint8Array(0);
  if (content instanceof Uint8Array && args.length === 1) return content.slice();
  const named = typeof encoding === 'string' && /^(latin[-_]?1|iso[-_]?8859[-_]1)$/i.test(encoding);
  return typeof content === 'string' && args.length === 2 && named ? bytesOfLatin1(content) : undefined;
}
