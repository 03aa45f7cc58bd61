/** Files over HTTP, from servers that are not trusted: what they send and how long they take is bounded, and every failure is typed. */
import { ArgumentError, FormatError } from '../../base/errors.ts';
import type { HostFetch, HostResponse } from '../../base/host-types.ts';
import { concatBytes } from './byte-writer.ts';
import { reason } from '../archive/file-set.ts';

/** How requests are made. */
export interface FetchOptions {
  /** Instead of the global `fetch`. */
  readonly fetch?: HostFetch;
  /** Further headers, for example `Authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds that a server may take to answer, and to go on where it stops in the middle; default 30,000. `Infinity`: any time. */
  readonly timeout?: number;
}

/** The same, checked; `op` begins messages. */
export interface Remote extends FetchOptions {
  readonly op: string;
  readonly timeout: number;
}

/** @throws ArgumentError for a timeout that is none */
export function remoteOf(op: string, options: FetchOptions): Remote {
  const { timeout = 30_000 } = options;
  if (!(timeout > 0)) throw new ArgumentError(`${op}: expected a timeout above 0 milliseconds, but got ${String(timeout)}`); // prettier-ignore
  return { ...options, op, timeout };
}

const failed = (remote: Remote, url: string, why: string, cause?: unknown): FormatError =>
  new FormatError(`${remote.op}: ${url}: ${why}`, { cause });

interface Answer {
  readonly response: HostResponse;
  readonly bytes: Uint8Array;
}

/** How many bytes are read of an answer, and what to say if there are more. */
type Limit = (response: HostResponse) => { readonly most: number; readonly beyond: string };

/**
 * A part of a file; the whole file where the server does not know parts, if it has at most `whole` bytes.
 * @throws FormatError when it cannot be had, or more comes than was asked for
 */
export function requestPart(
  url: string,
  remote: Remote,
  offset: number,
  length: number,
  whole?: number,
): Promise<Answer> {
  return request(url, remote, { Range: `bytes=${offset}-${offset + length - 1}` }, ({ status }) => {
    if (status === 206) return { most: length, beyond: `the server sends more than the ${length} bytes asked for` };
    if (whole === undefined) throw failed(remote, url, 'the server no longer sends ranges');
    return { most: whole, beyond: `the server does not know range requests, and the file has more than ${whole} bytes; raise the option maxBytes, or load it from elsewhere` }; // prettier-ignore
  });
}

/**
 * A file of at most so many bytes.
 * @throws FormatError when it cannot be had, or is larger
 */
export async function requestWhole(url: string, remote: Remote, most: number): Promise<Uint8Array> {
  const { bytes } = await request(url, remote, {}, () => ({ most, beyond: `it has more than ${most} bytes` }));
  return bytes;
}

async function request(
  url: string,
  remote: Remote,
  more: Readonly<Record<string, string>>,
  limit: Limit,
): Promise<Answer> {
  const { timeout } = remote;
  const stop = new AbortController();
  const patient = <T>(step: Promise<T>): Promise<T> => orTimeout(step, timeout, () => failed(remote, url, `the server sends nothing for ${timeout} ms; try again, or raise the option timeout`)); // prettier-ignore
  try {
    const response = await patient((remote.fetch ?? fetch)(url, { headers: { ...remote.headers, ...more }, signal: stop.signal })); // prettier-ignore
    if (!response.ok) throw failed(remote, url, `the server answers ${response.status} ${response.statusText}`);
    const { most, beyond } = limit(response);
    return { response, bytes: await bodyOf(response, most, patient, () => failed(remote, url, beyond)) };
  } catch (cause) {
    stop.abort(); // whatever is still on its way
    if (cause instanceof FormatError) throw cause;
    throw failed(remote, url, `it cannot be fetched: ${causeOf(cause)}`, cause);
  }
}

/** Platforms say "fetch failed" or "terminated", and why in the cause. */
function causeOf(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
  return inner === undefined || inner.message === '' ? reason(error) : `${reason(error)} (${inner.message})`;
}

/** Reads a body piece by piece. */
async function bodyOf(
  response: HostResponse,
  limit: number,
  patient: <T>(step: Promise<T>) => Promise<T>,
  tooMuch: () => FormatError,
): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = (await patient(reader?.read() ?? Promise.resolve({ done: true, value: undefined }))) as { done: boolean; value?: Uint8Array }; // prettier-ignore
    if (done || value === undefined) return concatBytes(pieces);
    size += value.length;
    if (size > limit) throw tooMuch();
    pieces.push(value);
  }
}

/** What a step gives, unless it takes too long. */
async function orTimeout<T>(step: Promise<T>, timeout: number, late: () => FormatError): Promise<T> {
  if (timeout >= 2 ** 31) return await step; // no timer waits for longer
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(late());
    }, timeout);
  });
  try {
    return await Promise.race([step, end]);
  } finally {
    clearTimeout(timer);
  }
}
