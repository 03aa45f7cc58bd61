/**
 * Writes values as the pickle that `torch.save` makes of them: protocol 2, every string and container remembered, so that what is
 * shared stays shared, tensors as calls of `_rebuild_tensor_v2` on persistent ids of their storages
 * (https://docs.python.org/3/library/pickle.html, https://pytorch.org/docs/stable/notes/serialization.html).
 * Only opcodes and names that `torch.load(weights_only=True)` accepts are used.
 */
import { ArgumentError } from '../../base/errors.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { quote } from './items.ts';
import { OP } from './opcodes.ts';
import { STORAGE_TYPES } from '../pt/storage.ts';
import { isScalar } from './keys.ts';
import { latin1 } from './text.ts';
import { dtypeNamed } from '../pt/rebuild.ts';
import { keyText } from '../pt/py-text.ts';
import { OrderedDict, PyFloat, PyFrozenSet, PyGlobal, PyObject, PySize, PyTuple, RawTensor, ptItemSize } from '../pt/value.ts';
import type { PtDType, PtInput, PtKey, PtScalar, RawStorage } from '../pt/value.ts';

/** A pickle and the storages it refers to by position: `data/0` is the first. */
export interface WrittenPickle {
  readonly pickle: Uint8Array;
  readonly storages: readonly RawStorage[];
}

/**
 * @throws ArgumentError when a value has no counterpart in a checkpoint, contains itself, is nested deeper than 200, or a storage is
 * used with two dtypes; the message says where it stands.
 */
export function writePickle(value: PtInput): WrittenPickle {
  const writer = new PickleWriter();
  writer.out.byte(OP.PROTO).byte(2);
  writer.value(value);
  writer.out.byte(OP.STOP);
  return { pickle: writer.out.finish(), storages: [...writer.storages.keys()] };
}

/** Deeper values would overflow the stack, here or in Python. */
const MAX_DEPTH = 1000;
/** Python's pickler adds at most this many items with one opcode. */
const BATCH = 1000;

const ORDERED_DICT = 'collections OrderedDict';

class PickleWriter {
  readonly out = new ByteWriter();
  readonly storages = new Map<RawStorage, { readonly key: string; readonly dtype: PtDType }>();
  /** Numbers of the values written, by identity for objects and by content for strings. */
  readonly #memo = new Map<object | string, number>();
  readonly #globals = new Map<string, number>();
  #numbers = 0;
  /** Containers that are being written. */
  readonly #open = new Set<object>();
  readonly #path: PtKey[] = [];

  value(value: PtInput): void {
    if (value === null) this.out.byte(OP.NONE);
    else if (typeof value === 'string') this.#string(value);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'boolean') this.out.byte(value ? OP.NEWTRUE : OP.NEWFALSE);
    else if (typeof value === 'bigint') this.#integer(value);
    else if (typeof value !== 'object') throw this.#error(`a ${typeof value} has no counterpart in a checkpoint`);
    else if (value instanceof PyFloat) this.#float(value.value);
    else if (this.#open.has(value)) throw this.#error('the value contains itself; checkpoints cannot hold cycles');
    else if (!this.#recall(value)) this.#object(value);
  }

  #object(value: Exclude<PtInput, PtScalar | PyFloat>): void {
    if (this.#open.size >= MAX_DEPTH) throw this.#error(`more than ${MAX_DEPTH} containers inside one another`);
    this.#open.add(value);
    if (value instanceof RawTensor) this.#tensor(value);
    else if (value instanceof Uint8Array) this.#bytes(value);
    else if (value instanceof PyGlobal) this.#name(value);
    else if (value instanceof PyObject) this.#made(value);
    else if (value instanceof PySize) this.#call('torch Size', value, () => this.#tuple(new PyTuple([new PyTuple<PtInput>(value.items)])));
    else if (value instanceof PyTuple) this.#tuple(value);
    else if (Array.isArray(value)) this.#list(value as readonly PtInput[]);
    else if (value instanceof OrderedDict) this.#orderedDict(value as OrderedDict<PtInput>);
    else if (value instanceof Map) this.#dict(value, value as ReadonlyMap<PtKey, PtInput>);
    else if (value instanceof Set) this.#set(value as ReadonlySet<PtKey>);
    else if (isPlain(value)) this.#dict(value, Object.entries(value));
    else {
      const { name } = value.constructor;
      throw this.#error(`a ${name} has no counterpart in a checkpoint; use a Map, array, number, string or RawTensor`);
    }
    this.#open.delete(value);
  }

  // Scalars.

  #string(value: string): void {
    if (this.#recall(value)) return;
    const bytes = new TextEncoder().encode(value);
    // The encoder puts U+FFFD for half a surrogate pair: that would be another string.
    if (/[\ud800-\udfff]/u.test(value)) throw this.#error(`the string ${JSON.stringify(value.slice(0, 80))} is not well-formed Unicode`);
    this.out.byte(OP.BINUNICODE).uint32(bytes.length).bytes(bytes);
    this.#remember(value);
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) this.#float(value);
    else if (value < -0x80000000 || value > 0x7fffffff) this.#integer(BigInt(value));
    else if (value < 0 || value > 0xffff) this.out.byte(OP.BININT).uint32(value);
    else if (value > 0xff)
      this.out
        .byte(OP.BININT2)
        .byte(value & 255)
        .byte(value >>> 8);
    else this.out.byte(OP.BININT1).byte(value);
  }

  #float(value: number): void {
    this.out.byte(OP.BINFLOAT).float64BE(value);
  }

  /** Python's int of any size: two's complement in as few bytes as hold its sign. */
  #integer(value: bigint): void {
    if (BigInt.asIntN(32, value) === value) {
      this.#number(Number(value));
      return;
    }
    let length = 5;
    while (length < 256 && BigInt.asIntN(8 * length, value) !== value) length++;
    if (length > 255) throw this.#error('an integer of more than 255 bytes');
    this.out.byte(OP.LONG1).byte(length);
    for (let i = 0; i < length; i++) this.out.byte(Number(BigInt.asUintN(8, value >> BigInt(8 * i))));
  }

  // Containers.

  #tuple(tuple: PyTuple<PtInput>): void {
    const { items } = tuple;
    if (items.length === 0) {
      this.out.byte(OP.EMPTY_TUPLE);
      return;
    }
    if (items.length > 3) this.out.byte(OP.MARK);
    items.forEach((item, i) => this.#at(i, item));
    this.out.byte([OP.TUPLE, OP.TUPLE1, OP.TUPLE2, OP.TUPLE3][items.length] ?? OP.TUPLE);
    this.#remember(tuple);
  }

  #list(list: readonly PtInput[]): void {
    this.out.byte(OP.EMPTY_LIST);
    this.#remember(list);
    this.#batches(list, OP.APPEND, OP.APPENDS, (item, i) => this.#at(i, item));
  }

  #dict(identity: object, entries: Iterable<readonly [PtKey, PtInput]>): void {
    this.out.byte(OP.EMPTY_DICT);
    this.#remember(identity);
    this.#items(entries);
  }

  #orderedDict(dict: OrderedDict<PtInput>): void {
    this.#call(ORDERED_DICT, dict, () => this.out.byte(OP.EMPTY_TUPLE));
    this.#items(dict);
    if (!dict.hasAttributes) return;
    this.#dict(dict.attributes, dict.attributes);
    this.out.byte(OP.BUILD);
  }

  #items(entries: Iterable<readonly [PtKey, PtInput]>): void {
    const pairs = [...entries];
    this.#requireDistinct(pairs.map(([key]) => key));
    this.#batches(pairs, OP.SETITEM, OP.SETITEMS, ([key, value]) => {
      this.#key(key);
      this.#at(key, value);
    });
  }

  #set(set: ReadonlySet<PtKey>): void {
    this.#requireDistinct([...set]);
    const argument = new PyTuple<PtInput>([[...set]]);
    set.forEach((item) => this.#checkKey(item));
    const type = set instanceof PyFrozenSet ? 'frozenset' : 'set';
    this.#call(`__builtin__ ${type}`, set, () => this.#tuple(argument));
  }

  /** As Python writes `bytes` in protocol 2: as text of which each character is a byte. */
  #bytes(bytes: Uint8Array): void {
    this.#call('_codecs encode', bytes, () => this.#tuple(new PyTuple<PtInput>([latin1(bytes), 'latin1'])));
  }

  /** Names of dtypes are values for `torch.load`; all others would have it import something. */
  #name(name: PyGlobal): void {
    if (dtypeNamed(name) === undefined) throw this.#error(`the name ${quote(name.path)}, which is only written for dtypes`);
    this.#global(`torch ${name.name}`);
  }

  /** The few objects that `torch.load` makes of numbers and text. What others would do, this library does not know and does not write. */
  #made(object: PyObject): void {
    const { path } = object.type;
    const written = WRITTEN.get(path);
    if (written === undefined || object.state !== undefined || object.kwargs.size > 0) {
      throw this.#error(`an object of ${quote(path)}, which only running code could make again; leave it out, or write what it holds`);
    }
    this.#call(written, object, () => this.#tuple(object.args));
  }

  /** A named function applied to a tuple of arguments. */
  #call(name: string, identity: object, writeArguments: () => void): void {
    this.#global(name);
    writeArguments();
    this.out.byte(OP.REDUCE);
    this.#remember(identity);
  }

  #global(name: string): void {
    const number = this.#globals.get(name);
    if (number !== undefined) {
      this.#get(number);
      return;
    }
    this.out.byte(OP.GLOBAL).bytes(new TextEncoder().encode(`${name.replace(' ', '\n')}\n`));
    this.#globals.set(name, this.#put());
  }

  #batches<T>(items: readonly T[], one: number, many: number, write: (item: T, index: number) => void): void {
    for (let from = 0; from < items.length; from += BATCH) {
      const to = Math.min(from + BATCH, items.length);
      const single = to - from === 1;
      if (!single) this.out.byte(OP.MARK);
      for (let i = from; i < to; i++) write(items[i]!, i);
      this.out.byte(single ? one : many);
    }
  }

  #key(key: PtKey): void {
    this.#checkKey(key);
    this.value(key);
  }

  #checkKey(key: PtKey): void {
    if (isScalar(key) ? ['string', 'number', 'bigint', 'boolean', 'object'].includes(typeof key) : isHashable(key)) return;
    throw this.#error(`a key of type ${typeof key}; expected string, number, bigint, boolean or null`);
  }

  /** For Python True is 1 and 1n is 1: keys that differ here and not there would lose an entry. */
  #requireDistinct(keys: readonly PtKey[]): void {
    const numeric = keys.filter((key) => typeof key === 'boolean' || typeof key === 'bigint');
    if (numeric.length === 0) return;
    const all = keys.filter((key) => ['boolean', 'bigint', 'number'].includes(typeof key));
    const distinct = new Set(all.map((key) => (Number.isInteger(Number(key)) ? BigInt(key as number) : key)));
    if (distinct.size < all.length) throw this.#error('keys that are equal in Python, such as true and 1');
  }

  // Tensors.

  #tensor(tensor: RawTensor): void {
    if (tensor.parameter) this.#call('torch._utils _rebuild_parameter', tensor, () => this.#parameterArguments(tensor));
    else this.#call(rebuildOf(tensor), tensor, () => this.#tensorArguments(tensor, tensor.requiresGrad));
  }

  #parameterArguments(tensor: RawTensor): void {
    this.#global(rebuildOf(tensor));
    this.#tensorArguments(tensor, false);
    this.out.byte(OP.REDUCE);
    this.#put();
    this.value(tensor.requiresGrad);
    this.#noHooks();
    this.out.byte(OP.TUPLE3);
    this.#put();
  }

  #tensorArguments(tensor: RawTensor, requiresGrad: boolean): void {
    this.out.byte(OP.MARK);
    this.#storage(tensor.storage, tensor.dtype);
    this.value(tensor.offset);
    this.#tuple(new PyTuple(tensor.shape));
    this.#tuple(new PyTuple(tensor.strides));
    this.value(requiresGrad);
    this.#noHooks();
    if (STORAGE_TYPES[tensor.dtype] === undefined) this.#global(`torch ${tensor.dtype}`);
    this.out.byte(OP.TUPLE);
    this.#put();
  }

  /** The hooks that every tensor is rebuilt with: an empty OrderedDict. */
  #noHooks(): void {
    this.#global(ORDERED_DICT);
    this.out.byte(OP.EMPTY_TUPLE).byte(OP.REDUCE);
    this.#put();
  }

  #storage(storage: RawStorage, dtype: PtDType): void {
    const type = STORAGE_TYPES[dtype];
    const known = this.storages.get(storage) ?? { key: String(this.storages.size), dtype };
    if (known.dtype !== dtype && (type ?? STORAGE_TYPES[known.dtype]) !== undefined) {
      throw this.#error(
        `one storage as ${known.dtype} and as ${dtype}; PyTorch's files know one dtype per storage, copy one of the tensors`,
      );
    }
    this.storages.set(storage, known);
    this.out.byte(OP.MARK);
    this.value('storage');
    this.#global(type === undefined ? 'torch.storage UntypedStorage' : `torch ${type}`);
    this.value(known.key);
    this.value('cpu');
    this.value(storage.byteLength / (type === undefined ? 1 : ptItemSize(dtype)));
    this.out.byte(OP.TUPLE);
    this.#put();
    this.out.byte(OP.BINPERSID);
  }

  // Memo and place.

  #remember(identity: object | string): void {
    this.#memo.set(identity, this.#put());
  }

  /** Writes the value from the memo if it is there. */
  #recall(identity: object | string): boolean {
    const number = this.#memo.get(identity);
    if (number === undefined) return false;
    this.#get(number);
    return true;
  }

  #put(): number {
    const number = this.#numbers++;
    if (number < 256) this.out.byte(OP.BINPUT).byte(number);
    else this.out.byte(OP.LONG_BINPUT).uint32(number);
    return number;
  }

  #get(number: number): void {
    if (number < 256) this.out.byte(OP.BINGET).byte(number);
    else this.out.byte(OP.LONG_BINGET).uint32(number);
  }

  #at(key: PtKey, value: PtInput): void {
    this.#path.push(key);
    this.value(value);
    this.#path.pop();
  }

  #error(problem: string): ArgumentError {
    const place = this.#path.map((key) => `[${typeof key === 'string' ? quote(key) : keyText(key)}]`).join('');
    return new ArgumentError(`writePt: value${place.slice(0, 300)}: ${problem}`);
  }
}

/** The function that rebuilds a tensor: newer dtypes have no storages of their own. */
const rebuildOf = ({ dtype }: RawTensor): string =>
  STORAGE_TYPES[dtype] === undefined ? 'torch._utils _rebuild_tensor_v3' : 'torch._utils _rebuild_tensor_v2';

/** Objects that `torch.load(weights_only=True)` makes. */
const WRITTEN: ReadonlyMap<string, string> = new Map([
  ['torch.device', 'torch device'],
  ['builtins.complex', '__builtin__ complex'],
]);

/** Whether a value that is no container can be written: names and objects of Python only where they mean nothing but themselves. */
export function isWritable(value: PtInput): boolean {
  if (value instanceof PyGlobal) return dtypeNamed(value) !== undefined;
  return !(value instanceof PyObject) || (WRITTEN.has(value.type.path) && value.state === undefined);
}

const isHashable = (key: object): boolean =>
  key instanceof PyTuple || key instanceof PyFrozenSet || key instanceof Uint8Array || key instanceof RawTensor;

/** A plain object, from this realm or another: one whose prototype is the root of its chain. */
function isPlain(value: object): value is Readonly<Record<string, PtInput>> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
