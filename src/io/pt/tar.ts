/**
 * The format of PyTorch before 0.1.10, read only: a tar archive of `sys_info`, `storages` (each a pickled description and its bytes),
 * `tensors` (each a pickled description and its geometry in binary) and `pickle`, the value, which refers to both by number
 * (`legacy_load` in torch/serialization.py).
 */
import { FormatError } from '../../base/errors.ts';
import { storageAt, type ByteSource } from '../bytes/byte-source.ts';
import { describe } from '../pickle/items.ts';
import type { MakeError, PickleItem } from '../pickle/items.ts';
import type { PickleOptions } from '../pickle/read.ts';
import { PickleSequence, noTensors } from './legacy.ts';
import { PtHost } from './host.ts';
import { DTYPE_OF_STORAGE } from './storage.ts';
import { PyGlobal, PyTuple, RawStorage, RawTensor, geometryProblem, ptItemSize } from './value.ts';
import type { PtDType, PtValue } from './value.ts';
import { parseTar } from '../archive/tar.ts';

type Options = Omit<PickleOptions, 'where'>;

interface Part {
  readonly from: number;
  readonly to: number;
}

/** More dimensions than any tensor has. */
const MAX_DIMENSIONS = 64;

/** @throws FormatError when the archive is damaged, hostile or none of PyTorch's */
export function readTarPt(source: ByteSource, options: Options): PtValue {
  const parts = findParts(source);
  const storages = readStorages(source, parts.storages, options);
  const tensors = readTensors(source, parts.tensors, storages, options);
  const pickle = new PickleSequence(source, parts.pickle.from, parts.pickle.to, options);
  return pickle.next('pickle', () => new TarHost(tensors));
}

const fail = (where: string, why: string): FormatError => new FormatError(`readPt, ${where}: ${why}; the file is damaged, fetch it again`);

function asCount(value: PtValue | undefined, where: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw fail(where, 'what should be a number of things is none');
}

function asTuple(value: PtValue, length: number, where: string): readonly PtValue[] {
  if (value instanceof PyTuple && value.length === length) return value.items;
  throw fail(where, `expected a tuple of ${length}`);
}

/** A signed 64-bit integer; NaN when it is beyond what any size or position can be. */
function readInt64(bytes: Uint8Array, at: number): number {
  const value = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigInt64(at, true));
  return Number.isSafeInteger(value) ? value : NaN;
}

function findParts(source: ByteSource): { storages: Part; tensors: Part; pickle: Part } {
  const parts = new Map<string, Part>();
  const parser = parseTar('PyTorch file');
  let at = 0;
  for (let step = parser.next(new Uint8Array(0)); step.done !== true;) {
    const { kind, bytes } = step.value;
    if (at + bytes > source.size) throw fail(`byte ${at}`, 'the archive stops early');
    if (kind === 'file') parts.set(step.value.name, { from: at, to: at + bytes });
    const answer = kind === 'read' ? source.read(at, bytes) : new Uint8Array(0);
    at += bytes;
    step = parser.next(answer);
  }
  const [storages, tensors, pickle] = ['storages', 'tensors', 'pickle'].map((name) => parts.get(name));
  if (storages === undefined || tensors === undefined || pickle === undefined) {
    throw new FormatError('readPt: this is a tar archive, but not one of PyTorch before 0.1.10, which hold storages, tensors and pickle');
  }
  return { storages, tensors, pickle };
}

interface StoredStorage {
  readonly storage: RawStorage;
  readonly dtype: PtDType;
  /** Where a view of another one begins, in elements, and how long it is. */
  readonly offset: number;
  readonly count: number;
}

function readStorages(source: ByteSource, part: Part, options: Options): Map<number, StoredStorage> {
  const pickles = new PickleSequence(source, part.from, part.to, options);
  const found = new Map<number, StoredStorage>();
  const total = asCount(pickles.next('storages', noTensors), 'storages');
  for (let i = 0; i < total; i++) {
    const [key, , type] = asTuple(pickles.next('storages', noTensors), 3, 'storages');
    // Types are only names; that of a tensor says nothing that its storage's does not.
    const dtype = type instanceof PyGlobal ? DTYPE_OF_STORAGE.get(type.path.replace('.cuda.', '.')) : undefined;
    if (typeof key !== 'number' || dtype === undefined) throw fail('storages', `storage ${i} is of no known type`);
    const at = pickles.end;
    if (at + 8 > part.to) throw fail('storages', `storage ${i} is missing`);
    const count = readInt64(source.read(at, 8), 0);
    const bytes = count * ptItemSize(dtype);
    if (!(count >= 0 && at + 8 + bytes <= part.to)) throw fail('storages', `storage ${i} of ${count} ${dtype} elements does not fit`);
    found.set(key, { storage: new RawStorage(storageAt(source, at + 8, bytes)), dtype, offset: 0, count });
    pickles.skip(8 + bytes);
  }
  const views = pickles.next('storages', noTensors);
  if (!Array.isArray(views)) throw fail('storages', 'there is no list of views');
  for (const view of views) {
    const [target, root, offset, count] = asTuple(view, 4, 'storages').map((n) => asCount(n, 'storages')) as [
      number,
      number,
      number,
      number,
    ];
    const base = found.get(root);
    if (base === undefined || offset + count > base.count) throw fail('storages', 'a view reaches outside of its storage');
    found.set(target, { ...base, offset: base.offset + offset, count });
  }
  return found;
}

function readTensors(
  source: ByteSource,
  part: Part,
  storages: ReadonlyMap<number, StoredStorage>,
  options: Options,
): Map<number, RawTensor> {
  const pickles = new PickleSequence(source, part.from, part.to, options);
  const found = new Map<number, RawTensor>();
  const total = asCount(pickles.next('tensors', noTensors), 'tensors');
  for (let i = 0; i < total; i++) {
    const [key, storageKey] = asTuple(pickles.next('tensors', noTensors), 3, 'tensors');
    const stored = typeof storageKey === 'number' ? storages.get(storageKey) : undefined;
    if (typeof key !== 'number' || stored === undefined) throw fail('tensors', `tensor ${i} refers to no storage`);
    const take = (bytes: number): Uint8Array => {
      if (pickles.end + bytes > part.to) throw fail('tensors', `tensor ${i} is cut off`);
      const taken = source.read(pickles.end, bytes);
      pickles.skip(bytes);
      return taken;
    };
    // The number of dimensions takes four of eight bytes; the others may hold anything.
    const rank = new DataView(take(8).slice().buffer).getUint32(0, true);
    if (rank > MAX_DIMENSIONS) throw fail('tensors', `tensor ${i} has ${rank} dimensions`);
    const numbers = take(8 * (2 * rank + 1));
    const values = Array.from({ length: 2 * rank + 1 }, (_, at) => readInt64(numbers, 8 * at));
    found.set(key, makeTensor(stored, values.slice(0, rank), values.slice(rank, 2 * rank), values[2 * rank]!));
  }
  return found;
}

function makeTensor({ storage, dtype, offset, count }: StoredStorage, shape: number[], strides: number[], own: number): RawTensor {
  const fields = { dtype, shape, strides, offset: offset + own, storage, requiresGrad: false, parameter: false };
  const problem = !(own >= 0) ? 'a negative offset' : geometryProblem(fields, offset + count);
  if (problem !== undefined) throw fail('tensors', problem);
  return new RawTensor(fields);
}

/** The host of the value: its persistent ids are numbers of tensors. */
class TarHost extends PtHost {
  readonly #tensors: ReadonlyMap<number, RawTensor>;

  constructor(tensors: ReadonlyMap<number, RawTensor>) {
    super({ bigEndian: false, read: () => undefined });
    this.#tensors = tensors;
  }

  override persistentLoad(id: PickleItem, error: MakeError): PickleItem {
    if (id instanceof PyTuple) return super.persistentLoad(id, error);
    const tensor = typeof id === 'number' || (typeof id === 'string' && /^\d{1,15}$/.test(id)) ? this.#tensors.get(Number(id)) : undefined;
    if (tensor === undefined) throw error(`there is no tensor for the persistent id ${describe(id)}`);
    return tensor;
  }
}
