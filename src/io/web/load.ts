/** Checkpoints by their address: what `load` of `flambeau/node` is for files on a disk. */
import { ANYTHING, BOOL, FUNCTION, OPTIONS, requireOptions, show, type OptionKinds } from '../../base/arguments.ts';
import { ArgumentError, FormatError } from '../../base/errors.ts';
import type { Bytes, HostBlob, HostUrl } from '../../base/host-types.ts';
import { readAny, type RawFile } from '../any-file.ts';
import { bytesSource } from '../bytes/byte-source.ts';
import { formatOf } from '../file-format.ts';
import { unpackValue, type Checkpoint } from '../checkpoint-value.ts';
import type { LoadOptions } from '../checkpoint.ts';
import type { PtKey, PtValue } from '../pt/value.ts';
import { mayBeIndex, readIndex } from '../safetensors/index-file.ts';
import { readSafetensors } from '../safetensors/safetensors.ts';
import { addressOf, besides, fetchFile, fetchingOf, type FetchFileOptions } from './fetch-file.ts';
import { STORE, storeOf, type FileStore, type StoreKind } from './store.ts';

/** Options of {@link loadFile}. */
export interface LoadFileOptions extends FetchFileOptions {
  /** The store in which a file of this name is, in place of an address. */
  readonly from?: StoreKind | FileStore;
}

/** Options of {@link load}. */
export interface LoadUrlOptions extends LoadFileOptions, LoadOptions {}

export const FILE_KINDS: OptionKinds<LoadFileOptions> = {
  fetch: FUNCTION,
  headers: ANYTHING,
  timeout: ANYTHING,
  signal: ANYTHING,
  onProgress: FUNCTION,
  cache: ANYTHING,
  revalidate: BOOL,
  onCacheError: FUNCTION,
  sha256: ANYTHING,
  maxFileBytes: ANYTHING,
  from: STORE,
};

const KINDS: OptionKinds<LoadUrlOptions> = {
  ...FILE_KINDS,
  mapLocation: ANYTHING,
  limits: OPTIONS,
  onModule: FUNCTION,
  maxEntries: ANYTHING,
  maxInflated: ANYTHING,
  checkCrc: BOOL,
  anyName: BOOL,
};

/**
 * Loads what `torch.save` or `serialize` wrote, of any version of PyTorch, a safetensors file or the index of several, or NumPy's `.npz` or `.npy`, from an address, from a `Blob`
 * or `File`, or with the option `from` by its name in a store. The contents say which format it is, and nothing in them is run.
 *
 * A download whose connection breaks goes on where it was, if the server knows ranges. With `cache` the file is fetched once; what is kept has a checksum, and is fetched anew if it
 * does not fit. `signal` stops it with the signal's reason.
 * @throws FetchError when it cannot be had, with the {@link FetchError.reason}: no network, CORS, a status, an HTML page in place of the file, …
 * @throws FormatError when it is damaged, hostile or of another format
 * @throws StorageError with `from`, when there is no such file or it is damaged
 * @throws DeviceError where this host does not have the store that is named
 * @example
 * import { nn } from 'flambeau';
 * import { serialize } from 'flambeau/files';
 * import { load } from 'flambeau/files/web';
 *
 * const model = new nn.Linear(4, 2);
 * const url = URL.createObjectURL(new Blob([serialize(model.stateDict())])); // or 'https://example.org/model.pt'
 * model.loadStateDict(await load(url, { onProgress: ({ done, total }) => console.error(done, total) }));
 */
export async function load<T = Checkpoint>(source: string | HostUrl | HostBlob, options: LoadUrlOptions = {}): Promise<T> {
  const given = requireOptions<LoadUrlOptions>('load', options, KINDS, "{ cache: 'opfs' }");
  const bytes = bytesSource(await bytesFrom('load', source, given));
  const isIndex = formatOf(bytes) === undefined && mayBeIndex(bytes);
  const whole = !isIndex ? () => readAny(bytes, given) : await shardsOf(source, readIndex(bytes), given);
  return unpackValue(whole().value, given) as T;
}

/**
 * The bytes of a file, as {@link load} gets them: for `deserializeOnnx`, labels, pictures.
 * @throws FetchError when it cannot be had
 * @throws StorageError with `from`, when there is no such file or it is damaged
 * @example
 * import { loadFile } from 'flambeau/files/web';
 *
 * const bytes = await loadFile('data:application/octet-stream;base64,AQID');
 * console.log(bytes.join()); // 1,2,3
 */
export async function loadFile(source: string | HostUrl | HostBlob, options: LoadFileOptions = {}): Promise<Bytes> {
  const given = requireOptions<LoadFileOptions>('loadFile', options, FILE_KINDS, "{ cache: 'opfs' }");
  return (await bytesFrom('loadFile', source, given)) as Bytes;
}

async function bytesFrom(op: string, source: string | HostUrl | HostBlob, options: LoadFileOptions): Promise<Uint8Array> {
  if (options.from !== undefined) {
    if (typeof source !== 'string')
      throw new ArgumentError(`${op}: with the option from, the file is the name of one in that store, but this is none`);
    return (await storeOf(op, options.from)).read(source);
  }
  if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  if (typeof source !== 'string' && !(source instanceof URL))
    throw new ArgumentError(
      `${op}: expected an address, a Blob or a File, but got ${show(source)}; bytes are read by deserialize of 'flambeau/files'`,
    );
  return fetchFile(addressOf(op, source), fetchingOf(op, options));
}

/** A model in several files, which lie beside their index. */
async function shardsOf(
  source: string | HostUrl | HostBlob,
  index: Map<string, string[]>,
  options: LoadFileOptions,
): Promise<() => Pick<RawFile, 'value'>> {
  if (source instanceof Blob || options.from !== undefined || /^(data|blob):/.test(String(source)))
    throw new ArgumentError('load: this is the index of a model in several files, and only of an address it is known where these are');
  const value = new Map<PtKey, PtValue>();
  const url = addressOf('load', source);
  const fetching = besides(fetchingOf('load', options));
  for (const [file, names] of index) {
    const shard = readSafetensors(bytesSource(await fetchFile(new URL(encodeURIComponent(file), url).href, fetching)));
    for (const name of names) {
      const tensor = shard.tensors.get(name);
      if (tensor === undefined)
        throw new FormatError(`load: the index says that ${JSON.stringify(file)} holds ${JSON.stringify(name)}, but it does not`);
      value.set(name, tensor);
    }
  }
  return () => ({ value });
}
