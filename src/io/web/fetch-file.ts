/** A file by its address: from the server, or from what was kept of an earlier time. */
import { show } from '../../base/arguments.ts';
import { ArgumentError, DeviceError, FlambeauError } from '../../base/errors.ts';
import type { HostUrl } from '../../base/host-types.ts';
import { download, type LoadProgress } from '../bytes/download.ts';
import { failed, remoteOf, request, versionOf, type FetchOptions, type Remote } from '../bytes/remote.ts';
import type { StorageError } from './storage-error.ts';
import type { FileStore, StoreKind } from './store.ts';

/** How files are fetched and kept. */
export interface FetchFileOptions extends FetchOptions {
  /** Called as bytes come. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /**
   * Where the file is kept, so that it is fetched once: `'cache'`, `'opfs'` or `'indexed-db'` in browsers, or a store of `openStore`. Kept files are used without a word to the
   * server, offline too, unless `revalidate` is set.
   */
  readonly cache?: StoreKind | FileStore;
  /** Asks the server first whether a kept file is still the present one, and takes it where there is no answer. Default false. */
  readonly revalidate?: boolean;
  /** Called when a file could not be kept, because there is no room or the browser refuses: it is given all the same. Without this it goes to the console. */
  readonly onCacheError?: (error: StorageError) => void;
  /** The file's SHA-256 in hexadecimal digits, or its beginning, at least 8 of them: other bytes are refused, wherever they come from. */
  readonly sha256?: string;
  /** Most bytes of the file; default 2 GiB. */
  readonly maxFileBytes?: number;
}

/** The same, checked. */
export interface Fetching {
  readonly remote: Remote;
  readonly most: number;
  readonly options: FetchFileOptions;
}

/** @throws ArgumentError for options that are none */
export function fetchingOf(op: string, options: FetchFileOptions): Fetching {
  const { maxFileBytes = 2 ** 31, sha256, revalidate, cache, onProgress, onCacheError } = options;
  const expected = (what: string, got: unknown): ArgumentError => new ArgumentError(`${op}: expected ${what}, but got ${String(got)}`);
  if (!(maxFileBytes >= 0)) throw expected('maxFileBytes of at least 0', maxFileBytes);
  if (sha256 !== undefined && !(typeof sha256 === 'string' && /^[0-9a-f]{8,64}$/i.test(sha256)))
    throw expected('sha256 to be 8 to 64 hexadecimal digits', sha256);
  if (revalidate !== undefined && typeof revalidate !== 'boolean') throw expected('revalidate to be true or false', revalidate);
  if (revalidate === true && cache === undefined)
    throw new ArgumentError(`${op}: revalidate asks whether a kept file is still right; name where it is kept with the option cache`);
  for (const [name, fn] of Object.entries({ onProgress, onCacheError })) {
    if (fn !== undefined && typeof fn !== 'function') throw expected(`${name} to be a function`, fn);
  }
  return { remote: remoteOf(op, options), most: maxFileBytes, options };
}

/** The same for files beside that one: the checksum is its own. */
export function besides({ options: { sha256: _, ...options }, ...rest }: Fetching): Fetching {
  return { ...rest, options };
}

/** The whole address of a file; on a page, addresses may begin where the page is. */
export function addressOf(op: string, url: string | HostUrl): string {
  const base = (globalThis as { location?: { href?: string } }).location?.href;
  try {
    return new URL(String(url), base).href;
  } catch (cause) {
    throw new ArgumentError(
      `${op}: ${JSON.stringify(String(url).slice(0, 200))} is no address; expected one such as 'https://example.org/model.pt'; for paths write load of 'flambeau/node'`,
      { cause },
    );
  }
}

/**
 * The bytes of a file.
 * @throws FetchError when it cannot be had or is not what was meant
 * @throws DeviceError where this host does not have the store that is named
 */
export async function fetchFile(url: string, { remote, most, options }: Fetching): Promise<Uint8Array> {
  const { cache, onProgress } = options;
  remote.signal?.throwIfAborted();
  const kept = cache === undefined ? undefined : await Kept.open(url, remote, cache, options);
  const found = await kept?.find(most);
  remote.signal?.throwIfAborted();
  if (found !== undefined) {
    onProgress?.({ url, done: found.length, total: found.length, from: 'cache' });
    return found;
  }
  const { bytes, version } = await download(url, remote, most, onProgress);
  const sum = await checkSum(remote, options.sha256, bytes);
  if (sum !== undefined) throw failed(remote, url, 'checksum', `its SHA-256 is ${sum}, expected ${options.sha256!.toLowerCase()}`);
  await kept?.keep(bytes, version);
  remote.signal?.throwIfAborted();
  return bytes;
}

/** What is kept of one address. */
class Kept {
  readonly #url: string;
  readonly #remote: Remote;
  readonly #options: FetchFileOptions;
  /** Undefined where the browser refuses it. */
  readonly #store: FileStore | undefined;

  private constructor(url: string, remote: Remote, options: FetchFileOptions, store: FileStore | undefined) {
    this.#url = url;
    this.#remote = remote;
    this.#options = options;
    this.#store = store;
  }

  static async open(url: string, remote: Remote, cache: StoreKind | FileStore, options: FetchFileOptions): Promise<Kept> {
    const { op } = remote;
    if (!/^https?:/.test(url))
      throw new ArgumentError(`${op}: only files of http and https addresses are kept; leave out the option cache for ${url.slice(0, 40)}`);
    const { STORE, storeOf } = await import('./store.ts'); // only now: most programs keep nothing
    if (!STORE.accepts(cache)) throw new ArgumentError(`${op}: expected cache to be ${STORE.expected}, but got ${show(cache)}`);
    try {
      return new Kept(url, remote, options, await storeOf(op, cache));
    } catch (error) {
      report(options, error);
      return new Kept(url, remote, options, undefined);
    }
  }

  /** The kept bytes, if they are whole, right, and still those of the server where that is asked for. */
  async find(most: number): Promise<Uint8Array | undefined> {
    let found: Awaited<ReturnType<FileStore['find']>>;
    try {
      found = await this.#store?.find(this.#remote.op, this.#url);
    } catch (error) {
      if ((error as Partial<StorageError>).reason !== 'damaged') report(this.#options, error); // damaged: it is fetched anew
      return undefined;
    }
    if (found === undefined || found.bytes.length > most) return undefined;
    if ((await checkSum(this.#remote, this.#options.sha256, found.bytes)) !== undefined) return undefined;
    if (this.#options.revalidate === true && !(await this.#isPresent(found.info.version))) return undefined;
    return found.bytes;
  }

  async #isPresent(version: string | null): Promise<boolean> {
    try {
      const response = await request(this.#url, this.#remote, {}, () => ({ most: 0, beyond: 'an answer to HEAD has a body' }), {
        method: 'HEAD',
      });
      return version !== null && versionOf(response) === version;
    } catch (error) {
      this.#remote.signal?.throwIfAborted();
      const { reason } = error as { readonly reason?: string };
      return reason === 'network' || reason === 'timeout'; // what there is, is better than nothing
    }
  }

  async keep(bytes: Uint8Array, version: string | null): Promise<void> {
    try {
      await this.#store?.put(this.#remote.op, this.#url, bytes, version);
    } catch (error) {
      report(this.#options, error);
    }
  }
}

/** Says that a file could not be kept. What this host does not have at all is the program's mistake. */
function report({ onCacheError }: FetchFileOptions, error: unknown): void {
  if (error instanceof DeviceError || !(error instanceof FlambeauError)) throw error;
  if (onCacheError !== undefined) onCacheError(error as StorageError);
  else console.warn(`flambeau: the file is not kept: ${error.message}`);
}

interface Host {
  readonly crypto?: { readonly subtle?: { digest(name: string, bytes: Uint8Array): Promise<ArrayBuffer> } };
}

/** The SHA-256 of bytes that have another than they should; undefined where all is well. */
async function checkSum({ op }: Remote, expected: string | undefined, bytes: Uint8Array): Promise<string | undefined> {
  if (expected === undefined) return undefined;
  const subtle = (globalThis as unknown as Host).crypto?.subtle;
  if (subtle === undefined)
    throw new DeviceError(
      `${op}: this page cannot compute SHA-256; browsers have it (crypto.subtle) on pages that came by https or from localhost. Leave out the option sha256`,
    );
  const digest = new Uint8Array(await subtle.digest('SHA-256', bytes));
  const sum = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return sum.startsWith(expected.toLowerCase()) ? undefined : sum;
}
