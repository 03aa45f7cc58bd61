/**
 * safetensors files that are not read whole: over HTTP by range requests, from a `Blob` or `File`, or from bytes. First the header, then
 * one tensor at a time as they are asked for. Files on disk in Node are the affair of `load`.
 */
import { ANYTHING, FUNCTION, NOT_NEGATIVE, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import { bytesOf, type ByteInput } from '../../base/bytes.ts';
import type { HostBlob, HostResponse, HostUrl } from '../../base/host-types.ts';
import { ArgumentError } from '../../base/errors.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { unpackValue } from '../checkpoint-value.ts';
import { failed, rangeOf, remoteOf, requestPart, versionOf, type FetchOptions, type Remote } from '../bytes/remote.ts';
import { LENGTH_BYTES, headerLength, rawTensor, readSafetensorsHeader, type SafetensorsHeader } from './safetensors.ts';

/** Where the bytes come from. */
interface AsyncSource {
  readonly name: string;
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** What {@link openSafetensors} makes requests with. */
export interface OpenSafetensorsOptions extends FetchOptions {
  /** Most bytes of a file whose server does not know range requests, and so sends it whole; default 512 MiB. */
  readonly maxBytes?: number;
}

const OPEN_OPTIONS: OptionKinds<OpenSafetensorsOptions> = {
  maxBytes: NOT_NEGATIVE,
  timeout: ANYTHING,
  headers: ANYTHING,
  fetch: FUNCTION,
  signal: ANYTHING,
};

interface Limits extends Remote {
  readonly maxBytes: number;
}

function limitsOf({ maxBytes = 512 * 2 ** 20, ...options }: OpenSafetensorsOptions): Limits {
  return { ...remoteOf('openSafetensors', options), maxBytes };
}

/** An opened safetensors file. */
export class SafetensorsFile {
  readonly #source: AsyncSource;
  readonly #header: SafetensorsHeader;

  /** @internal */
  constructor(source: AsyncSource, header: SafetensorsHeader) {
    this.#source = source;
    this.#header = header;
  }

  /** Text beside the tensors, by name. */
  get metadata(): ReadonlyMap<string, string> {
    return this.#header.metadata;
  }

  /** What tensors there are; `dtype` is as in the file, such as `BF16`. */
  get tensors(): ReadonlyMap<string, { readonly dtype: string; readonly shape: readonly number[] }> {
    return this.#header.entries;
  }

  /**
   * Reads one tensor; half precision becomes float32.
   * @throws ArgumentError when there is none of this name
   * @throws FormatError when it cannot be read
   */
  async get(name: string): Promise<Tensor> {
    const entry = this.#header.entries.get(name);
    if (entry === undefined) throw new ArgumentError(`safetensors: ${this.#source.name} has no tensor ${JSON.stringify(name)}`);
    const bytes = await this.#source.read(this.#header.dataOffset + entry.begin, entry.end - entry.begin);
    return unpackValue(rawTensor(name, entry, bytes)) as Tensor;
  }

  /** Reads several tensors, by default all: a state dict. */
  async getAll(names: Iterable<string> = this.#header.entries.keys()): Promise<Map<string, Tensor>> {
    const state = new Map<string, Tensor>();
    for (const name of names) state.set(name, await this.get(name));
    return state;
  }
}

/**
 * Opens a safetensors file and reads its header.
 * @param source - a URL, whose server should know range requests; a `Blob` or `File`; or bytes
 * @throws FormatError when it is damaged, hostile, of another format, or cannot be fetched: a server may take `timeout` milliseconds to
 * answer and to go on, and sends no more than it is asked for
 * @example
 * import { tensor } from 'flambeau';
 * import { openSafetensors, serialize } from 'flambeau/files';
 * const bytes = serialize({ a: tensor([1, 2]), b: tensor([[3]]) }, { format: 'safetensors' });
 * const file = await openSafetensors(new Blob([bytes]));
 * console.log([...file.tensors.keys()].join(), (await file.get('b')).item()); // a,b 3
 */
export async function openSafetensors(
  source: string | HostUrl | HostBlob | ByteInput,
  options: OpenSafetensorsOptions = {},
): Promise<SafetensorsFile> {
  const from = await asSource(source, requireOptions('openSafetensors', options, OPEN_OPTIONS));
  const start = await from.read(0, Math.min(LENGTH_BYTES, from.size));
  const length = headerLength(from.size, start);
  const whole = await from.read(0, LENGTH_BYTES + length);
  return new SafetensorsFile(
    from,
    readSafetensorsHeader(from.size, (count) => whole.subarray(0, count)),
  );
}

async function asSource(source: string | HostUrl | HostBlob | ByteInput, options: OpenSafetensorsOptions): Promise<AsyncSource> {
  if (typeof source === 'string' || source instanceof URL) return RemoteSource.open(String(source), limitsOf(options));
  if (source instanceof Blob) {
    const read = async (offset: number, length: number): Promise<Uint8Array> =>
      new Uint8Array(await source.slice(offset, offset + length).arrayBuffer());
    return { name: 'name' in source ? String(source.name) : 'the file', size: source.size, read };
  }
  return inMemory('the file', bytesOf('openSafetensors', source));
}

const inMemory = (name: string, bytes: Uint8Array): AsyncSource => ({
  name,
  size: bytes.length,
  read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
});

/** Bytes asked for first: most headers are shorter. */
const FIRST = 1 << 16;

class RemoteSource implements AsyncSource {
  readonly name: string;
  readonly size: number;
  readonly #options: Limits;
  readonly #first: Uint8Array;
  /** What changes when the file does. */
  readonly #version: string | null;

  private constructor(name: string, options: Limits, first: Uint8Array, size: number, version: string | null) {
    this.name = name;
    this.#options = options;
    this.#first = first;
    this.size = size;
    this.#version = version;
  }

  static async open(url: string, options: Limits): Promise<AsyncSource> {
    const { response, bytes } = await requestPart(url, options, 0, FIRST, options.maxBytes);
    // A server that does not know ranges sends everything.
    if (response.status === 200) return inMemory(url, bytes);
    const { from, size } = requireRange(url, options, response);
    if (from !== 0 || bytes.length !== Math.min(FIRST, size))
      throw failed(options, url, 'range', 'the server sent another range than asked for');
    return new RemoteSource(url, options, bytes, size, versionOf(response));
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (offset + length <= this.#first.length) return this.#first.subarray(offset, offset + length);
    const { response, bytes } = await requestPart(this.name, this.#options, offset, length);
    const { from, size } = requireRange(this.name, this.#options, response);
    if (from !== offset || bytes.length !== length)
      throw failed(this.#options, this.name, 'range', 'the server sent another range than asked for');
    if (size !== this.size || versionOf(response) !== this.#version)
      throw failed(this.#options, this.name, 'range', 'the file changed meanwhile; open it again');
    return bytes;
  }
}

/** @throws FetchError when the server does not say which range it sends */
function requireRange(url: string, options: Limits, response: HostResponse): { readonly from: number; readonly size: number } {
  const range = rangeOf(response);
  if (range === undefined) throw failed(options, url, 'range', 'the server does not say which range it sends');
  return range;
}
