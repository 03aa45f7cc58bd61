/**
 * PyTorch's format before 1.6 (`_use_new_zipfile_serialization=False` since), read only: one pickle after another, a magic number, the
 * protocol version 1001, what machine it was, the value, the keys of its storages, and then the storages themselves, each the number
 * of its elements and the elements.
 *
 * Whatever machine wrote it, PyTorch stores elements with the lowest byte first here, and so the file's word on byte order is not asked
 * (`_legacy_load` in torch/serialization.py).
 */
import { FormatError } from '../../base/errors.ts';
import { storageAt, type ByteSource } from '../bytes/byte-source.ts';
import { describe, quote } from '../pickle/items.ts';
import type { PickleHost } from '../pickle/items.ts';
import { PickleCutOff, readPickleAt, type PickleOptions } from '../pickle/read.ts';
import { PtHost } from './host.ts';
import { RawStorage, type PtValue, type StorageSource } from './value.ts';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const VERSION = 1001;
/** Bytes of a file looked at first for a pickle of unknown length, and most: a structure without its tensors is not that long. */
const FIRST_WINDOW = 1 << 18;
const LAST_WINDOW = 1 << 28;

type Options = Omit<PickleOptions, 'where'>;

/** @throws FormatError when the file is damaged or hostile */
export function readLegacyPt(source: ByteSource, options: Options): PtValue {
  const pickles = new PickleSequence(source, 0, source.size, options);
  if (pickles.next('the magic number', noTensors) !== MAGIC) throw new FormatError('readPt: the magic number is another one');
  const version = pickles.next('the protocol version', noTensors);
  if (version !== VERSION) {
    throw new FormatError(
      `readPt: legacy protocol version is ${describe(version)}; expected ${VERSION}. Save the file again with a PyTorch of today`,
    );
  }
  pickles.next('the system information', noTensors);
  // Storages follow the value that refers to them, so they are promises first.
  const wanted = new Map<string, LaterStorage>();
  const value = pickles.next('the value', () => {
    wanted.clear();
    return new PtHost({ bigEndian: false, read: (key, bytes, itemSize) => promised(wanted, key, bytes, itemSize) });
  });
  const keys = pickles.next('the keys of the storages', noTensors);
  if (!Array.isArray(keys)) throw new FormatError('readPt: the keys of the storages are no list; the file is damaged, fetch it again');
  placeStorages(source, pickles.end, keys, wanted);
  return value;
}

/** Pickles one after the other within [from, to) of a source. */
export class PickleSequence {
  readonly #source: ByteSource;
  readonly #to: number;
  readonly #options: Options;
  #at: number;

  constructor(source: ByteSource, from: number, to: number, options: Options) {
    this.#source = source;
    this.#at = from;
    this.#to = to;
    this.#options = options;
  }

  /** Where the next one begins. */
  get end(): number {
    return this.#at;
  }

  /** Leaves out bytes that are no pickle. */
  skip(bytes: number): void {
    this.#at += bytes;
  }

  /** The next value. `host` may be called again when the pickle turns out to be longer than what was read of it. */
  next(where: string, host: () => PickleHost): PtValue {
    const left = this.#to - this.#at;
    for (let length = Math.min(left, this.#source.deferred === true ? FIRST_WINDOW : left); ; length = Math.min(left, 8 * length)) {
      const bytes = this.#source.read(this.#at, length);
      try {
        const { value, end } = readPickleAt(bytes, 0, host(), { where, ...this.#options });
        this.#at += end;
        return value;
      } catch (error) {
        if (!(error instanceof PickleCutOff) || length === left || length > LAST_WINDOW) throw error;
      }
    }
  }
}

/** For pickles in which no tensor may be. */
export const noTensors = (): PickleHost => new PtHost({ bigEndian: false, read: () => undefined });

/** A storage whose place in the file is not known yet. */
class LaterStorage implements StorageSource {
  readonly byteLength: number;
  readonly itemSize: number;
  #place: RawStorage | undefined;

  constructor(byteLength: number, itemSize: number) {
    this.byteLength = byteLength;
    this.itemSize = itemSize;
  }

  get placed(): boolean {
    return this.#place !== undefined;
  }

  get deferred(): boolean {
    return this.#place?.deferred ?? true;
  }

  placeAt(place: Uint8Array | StorageSource): void {
    this.#place = new RawStorage(place);
  }

  read(offset: number, length: number): Uint8Array {
    return this.#placed.read(offset, length);
  }

  pieces(offset: number, length: number, use: (piece: Uint8Array, at: number) => void): void {
    this.#placed.pieces(offset, length, use);
  }

  get #placed(): RawStorage {
    return this.#place!;
  }

  verify(): void {
    // The format has no checksums.
  }
}

function promised(wanted: Map<string, LaterStorage>, key: string, bytes: number, itemSize: number): LaterStorage {
  const storage = new LaterStorage(bytes, itemSize);
  wanted.set(key, storage);
  return storage;
}

function placeStorages(source: ByteSource, from: number, keys: readonly PtValue[], wanted: ReadonlyMap<string, LaterStorage>): void {
  let at = from;
  for (const key of keys) {
    const storage = typeof key === 'string' ? wanted.get(key) : undefined;
    const fail = (why: string): FormatError =>
      new FormatError(
        `readPt, byte ${at}: storage ${typeof key === 'string' ? quote(key) : describe(key)} ${why}; the file is damaged, fetch it again`,
      );
    if (storage === undefined) throw fail('is one that no tensor refers to');
    if (storage.placed) throw fail('is listed twice');
    if (at + 8 > source.size) throw fail('is missing at the end');
    const header = source.read(at, 8);
    const count = new DataView(header.buffer, header.byteOffset, 8).getBigUint64(0, true);
    // The number counts elements, whose size is that of the storage's type, which the pickle told.
    const { byteLength, itemSize } = storage;
    if (count * BigInt(itemSize) !== BigInt(byteLength)) {
      throw fail(`has ${count} elements of ${itemSize} bytes, but should have ${byteLength} bytes`);
    }
    if (at + 8 + byteLength > source.size) throw fail(`should have ${byteLength} bytes, but the file ends before`);
    storage.placeAt(storageAt(source, at + 8, byteLength));
    at += 8 + byteLength;
  }
  const lost = [...wanted].find(([, storage]) => !storage.placed);
  if (lost !== undefined) throw new FormatError(`readPt: storage ${quote(lost[0])} is missing; the file is incomplete, fetch it again`);
  // What follows is no part of the file, as for PyTorch.
}
