/**
 * Fetching data sets from where torchvision fetches them: from the first mirror that answers, going on where an earlier attempt stopped,
 * compared with their checksums, and under their names only when they are whole. Node only.
 */
import { arrayOf, BOOL, FUNCTION, requireKind, TEXT } from '../../base/arguments.ts';
import { ArgumentError, FormatError } from '../../base/errors.ts';
import type { HostAbortSignal, HostFetch } from '../../base/host-types.ts';
import { extractArchive } from '../../io/archive/extract.ts';
import { reason } from '../../io/archive/file-set.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import { nodeModule } from '../../io/bytes/platform.ts';

/** How far the download of a file has come. */
export interface DownloadProgress {
  readonly file: string;
  readonly url: string;
  readonly done: number;
  /** Bytes in all; undefined where the server does not say. */
  readonly total: number | undefined;
}

/** What data sets that can be fetched take beside their own options. */
export interface DownloadOptions {
  /** Fetch what is missing in the root, which has to be a folder's path then. Default false. */
  readonly download?: boolean;
  /** Addresses of folders to fetch the files from instead of torchvision's, each ending in `/`; they are tried in turn. */
  readonly mirrors?: readonly string[];
  /** Called while files are fetched. */
  readonly onDownload?: (progress: DownloadProgress) => void;
  /** Stops fetching, with the signal's reason as error; the next attempt goes on from there. */
  readonly signal?: HostAbortSignal;
  /** Instead of the global `fetch`. */
  readonly fetch?: HostFetch;
}

/** A file to fetch. */
export interface Resource {
  readonly name: string;
  /** Its MD5 in hexadecimal digits. */
  readonly md5?: string;
  readonly urls: readonly string[];
}

/** What a data set needs. */
export interface Needed {
  /** The folder that the files go to, within the root; '' for the root. */
  readonly folder: string;
  readonly resources: readonly Resource[];
  /** Files and folders within the root with which nothing needs to be fetched. */
  readonly present: readonly string[];
  /** Whether the files are archives to be unpacked there. */
  readonly unpack?: boolean;
}

/**
 * Fetches what a data set needs, if that is asked for and it is not there.
 *
 * @throws ArgumentError when the root is no path
 * @throws FormatError when a file cannot be had from any mirror; it says where to put it
 */
export async function provide(op: string, root: FileSource, options: DownloadOptions, needed: Needed): Promise<void> {
  checkOptions(op, options);
  if (options.download !== true) return;
  if (typeof root !== 'string') throw new ArgumentError(`${op}: download needs the path of a folder as its root, but got a file`);
  const fs = nodeModule('fs', `${op}: download`, 'fetch the files yourself, and pass them as a File, a Blob or bytes');
  if (needed.present.every((name) => fs.existsSync(`${root}/${name}`))) return;
  const folder = needed.folder === '' ? root : `${root}/${needed.folder}`;
  fs.mkdirSync(folder, { recursive: true });
  for (const resource of needed.resources) {
    const path = await fetchResource(op, folder, resource, options);
    if (needed.unpack === true) await extractArchive(path, folder);
  }
}

function checkOptions(op: string, options: DownloadOptions): void {
  const { download, mirrors, onDownload } = options;
  if (download !== undefined) requireKind(op, 'download', download, BOOL);
  if (mirrors !== undefined) requireKind(op, 'mirrors', mirrors, arrayOf(TEXT, 'strings'), "write ['https://example.org/mnist/']");
  if (onDownload !== undefined) requireKind(op, 'onDownload', onDownload, FUNCTION);
}

/** The path of a file in a folder, fetched if it is not there with the right checksum. */
export async function fetchResource(op: string, folder: string, resource: Resource, options: DownloadOptions): Promise<string> {
  const fs = nodeModule('fs', op, 'fetch the file yourself');
  const path = `${folder}/${resource.name}`;
  if (fs.existsSync(path) && (resource.md5 === undefined || md5Of(path) === resource.md5)) return path;
  const urls = options.mirrors?.map((mirror) => `${mirror}${resource.name}`) ?? resource.urls;
  const failures: string[] = [];
  for (const url of urls) {
    try {
      await fetchPart(url, `${path}.part`, resource, options);
      requireChecksum(`${path}.part`, resource);
      fs.renameSync(`${path}.part`, path);
      return path;
    } catch (cause) {
      options.signal?.throwIfAborted();
      failures.push(`${url}: ${cause instanceof FormatError ? cause.message : causesOf(cause)}`);
    }
  }
  throw new FormatError(
    `${op}: ${resource.name} could not be fetched (${failures.join('; ')}); without a network, fetch it elsewhere and put it into ${JSON.stringify(folder)}, or name other places with the option mirrors`,
  );
}

/** Platforms say "fetch failed", and why in the cause. */
function causesOf(error: unknown): string {
  const inner = error instanceof Error ? error.cause : undefined;
  return inner === undefined ? reason(error) : `${reason(error)} (${reason(inner)})`;
}

/** Milliseconds that a server may send nothing. */
const PATIENCE = 60_000;

/** Fetches what is missing of a file into `part`. */
async function fetchPart(url: string, part: string, resource: Resource, options: DownloadOptions): Promise<void> {
  const fs = nodeModule('fs', 'download', 'fetch the file yourself');
  const have = fs.statSync(part, { throwIfNoEntry: false })?.size ?? 0;
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      stop.abort(new FormatError(`the server sends nothing for ${PATIENCE / 1000} s`));
    }, PATIENCE);
  };
  alive();
  try {
    const response = await (options.fetch ?? fetch)(url, { signal, ...(have > 0 ? { headers: { Range: `bytes=${have}-` } } : {}) });
    if (response.status === 416 && have > 0) {
      fs.rmSync(part); // more is there than the server has
      await fetchPart(url, part, resource, options);
      return;
    }
    if (!response.ok) throw new FormatError(`the server answers ${response.status} ${response.statusText}`);
    const from = response.status === 206 ? have : 0;
    const rest = Number(response.headers.get('content-length') ?? Number.NaN);
    const total = Number.isFinite(rest) ? from + rest : undefined;
    const descriptor = fs.openSync(part, from > 0 ? 'a' : 'w');
    try {
      let done = from;
      for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
        alive();
        fs.writeSync(descriptor, piece);
        done += piece.length;
        options.onDownload?.({ file: resource.name, url, done, total });
      }
      if (total !== undefined && done < total && response.headers.get('content-encoding') === null)
        throw new FormatError(`the server stops after ${done} of ${total} bytes`);
    } finally {
      fs.closeSync(descriptor);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** @throws FormatError unless a file has the checksum that it should have; it is removed then */
function requireChecksum(path: string, { md5 }: Resource): void {
  if (md5 === undefined) return;
  const found = md5Of(path);
  if (found === md5) return;
  nodeModule('fs', 'download', '').rmSync(path);
  throw new FormatError(`what came has the MD5 ${found}, expected ${md5}`);
}

/** The MD5 of a file, which may be large. */
function md5Of(path: string): string {
  const fs = nodeModule('fs', 'download', '');
  const hash = nodeModule('crypto', 'download', '').createHash('md5');
  const descriptor = fs.openSync(path, 'r');
  const piece = new Uint8Array(1 << 20);
  try {
    for (;;) {
      const count = fs.readSync(descriptor, piece);
      if (count === 0) return hash.digest('hex');
      hash.update(piece.subarray(0, count));
    }
  } finally {
    fs.closeSync(descriptor);
  }
}
