/** Storages in a pickle: their types, parts of them, and what a storage is that stands by itself. */
import { HostItem, describe } from '../pickle/items.ts';
import type { MakeError } from '../pickle/items.ts';
import { PyGlobal, PyTuple, RawTensor, ptItemSize } from './value.ts';
import type { PtDType, PtValue, RawStorage } from './value.ts';

/** Storage types by dtype; PyTorch's typed storages stand for dtypes. Those of newer dtypes are untyped. */
export const STORAGE_TYPES: { readonly [K in PtDType]?: string } = {
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
  complex64: 'ComplexFloatStorage',
  complex128: 'ComplexDoubleStorage',
};

/** The dtype of each storage type. Quantised ones hold whole numbers, whose meaning stands elsewhere. */
export const DTYPE_OF_STORAGE: ReadonlyMap<string, PtDType> = new Map([
  ...Object.entries(STORAGE_TYPES).map(([dtype, name]) => [`torch.${name}`, dtype as PtDType] as const),
  ['torch.QInt8Storage', 'int8'],
  ['torch.QUInt8Storage', 'uint8'],
  ['torch.QInt32Storage', 'int32'],
  ['torch.QUInt4x2Storage', 'uint8'],
  ['torch.QUInt2x4Storage', 'uint8'],
  ['torch.storage.UntypedStorage', 'uint8'],
  ['torch.UntypedStorage', 'uint8'],
  ['torch.storage._UntypedStorage', 'uint8'], // PyTorch 1.11 to 1.13
]);

/** A storage, or a part of one, as an operand of the rebuild functions. */
export class StorageItem extends HostItem {
  readonly storage: RawStorage;
  readonly dtype: PtDType;
  /** Where a part of a storage begins, in elements, and how many it has. */
  readonly offset: number;
  readonly count: number;
  #value: RawTensor | undefined;
  constructor(storage: RawStorage, dtype: PtDType, offset = 0, count = storage.byteLength / ptItemSize(dtype)) {
    super(`a ${dtype} storage`);
    this.storage = storage;
    this.dtype = dtype;
    this.offset = offset;
    this.count = count;
  }

  /** All of its elements, one after the other. */
  override value(): RawTensor {
    const { storage, dtype, offset, count } = this;
    return (this.#value ??= new RawTensor({ dtype, shape: [count], offset, storage }));
  }
}

/** The dtype that a storage type stands for. */
export function dtypeOfStorage(type: PtValue | undefined, error: MakeError): PtDType {
  const dtype = type instanceof PyGlobal ? DTYPE_OF_STORAGE.get(type.path.replace('torch.cuda.', 'torch.')) : undefined;
  if (dtype === undefined) throw error(`storage type must be one of torch's, but is ${describe(type ?? null)}`);
  return dtype;
}

/** `(key, offset, elements)`: a part of a storage, as the legacy format can name. */
export function viewOf(item: StorageItem, view: PtValue, error: MakeError): { key: string; storage: StorageItem } {
  const [key, offset, size] = view instanceof PyTuple ? view.items : [];
  if (typeof key !== 'string' || !isCount(offset) || !isCount(size) || offset + size > item.count) {
    throw error(`a view of a storage of ${item.count} elements must be (key, offset, elements) within it, but is ${describe(view)}`);
  }
  return { key, storage: new StorageItem(item.storage, item.dtype, item.offset + offset, size) };
}

const isCount = (item: PtValue | undefined): item is number => typeof item === 'number' && Number.isSafeInteger(item) && item >= 0;
