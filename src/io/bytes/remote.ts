/** Files over HTTP, from servers that are not trusted: what they send and how long they take is bounded, and every failure is typed. */
import { ArgumentError, FormatError } from '../../base/errors.ts';
import type { HostAbortSignal, HostFetch, HostResponse } from '../../base/host-types.ts';
import { FetchError, type FetchFailure } from './fetch-error.ts';
import { reason } from './reason.ts';
import { whyUnreachable, watchPolicy } from './unreachable.ts';
import { concatBytes } from './byte-writer.ts';

/** How requests are made. */
export interface FetchOptions {
  /** Instead of the global `fetch`. */
  readonly fetch?: HostFetch;
  /** Further headers, for example `Authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds that a server may take to answer, and to go on where it stops in the middle; default 30,000. `Infinity`: any time. */
  readonly timeout?: number;
  /** Stops fetching, with the signal's reason as error. */
  readonly signal?: HostAbortSignal;
}

/** The same, checked; `op` begins messages. */
export interface Remote extends FetchOptions {
  readonly op: string;
  readonly timeout: number;
}

/** @throws ArgumentError for a timeout or signal that is none */
export function remoteOf(op: string, options: FetchOptions): Remote {
  const { timeout = 30_000, signal } = options;
  if (!(timeout > 0)) throw new ArgumentError(`${op}: expected a timeout above 0 milliseconds, but got ${String(timeout)}`);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new ArgumentError(`${op}: expected signal to be an AbortSignal, but got ${String(signal)}`);
  return { ...options, op, timeout };
}

/** The error of a file that could not be had. */
export function failed(
  { op }: Pick<Remote, 'op'>,
  url: string,
  kind: FetchFailure,
  why: string,
  more: { readonly cause?: unknown; readonly status?: number } = {},
): FetchError {
  return new FetchError(`${op}: ${shortened(url)}: ${why}`, { reason: kind, url, ...more });
}

/** Addresses can be files themselves (`data:`). */
const shortened = (url: string): string => (url.length > 300 ? `${url.slice(0, 300)}…` : url);

interface Answer {
  readonly response: HostResponse;
  readonly bytes: Uint8Array;
}

/** How many bytes are read of an answer, what to say if there are more, and what hears of each piece. */
interface Reading {
  readonly most: number;
  readonly beyond: string;
  readonly use?: (piece: Uint8Array) => void;
}

/**
 * A part of a file; the whole file where the server does not know parts, if it has at most `whole` bytes.
 * @throws FetchError when it cannot be had, or more comes than was asked for
 */
export async function requestPart(url: string, remote: Remote, offset: number, length: number, whole?: number): Promise<Answer> {
  const pieces: Uint8Array[] = [];
  const use = (piece: Uint8Array): void => void pieces.push(piece);
  const response = await request(url, remote, { Range: `bytes=${offset}-${offset + length - 1}` }, ({ status }) => {
    if (status === 206) return { most: length, beyond: `the server sends more than the ${length} bytes asked for`, use };
    if (whole === undefined) throw failed(remote, url, 'range', 'the server no longer sends ranges');
    return {
      most: whole,
      beyond: `the server does not know range requests, and the file has more than ${whole} bytes; raise the option maxBytes, or load it from elsewhere`,
      use,
    };
  });
  return { response, bytes: concatBytes(pieces) };
}

/** What changes when a file does, as far as the server says and lets this program see. */
export const versionOf = (response: HostResponse): string | null => response.headers.get('etag') ?? response.headers.get('last-modified');

/** `Content-Range: bytes 0-99/1234`; undefined where the server does not say. */
export function rangeOf(response: HostResponse): { readonly from: number; readonly size: number } | undefined {
  const [, from, size] = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/i.exec(response.headers.get('content-range') ?? '') ?? [];
  return from === undefined || size === undefined ? undefined : { from: Number(from), size: Number(size) };
}

/**
 * One request, whose body goes to `use` piece by piece.
 * @param accepted - statuses that are no failures beside the successful ones
 * @throws FetchError; what was used of a body that is cut off has been used
 */
export async function request(
  url: string,
  remote: Remote,
  more: Readonly<Record<string, string>>,
  readingOf: (response: HostResponse) => Reading,
  { accepted = [], method = 'GET' }: { readonly accepted?: readonly number[]; readonly method?: string } = {},
): Promise<HostResponse> {
  const { timeout, signal } = remote;
  signal?.throwIfAborted();
  const stop = new AbortController();
  const late = (): FetchError =>
    failed(remote, url, 'timeout', `the server sends nothing for ${timeout} ms; try again, or raise the option timeout`);
  const patient = <T>(step: Promise<T>): Promise<T> => orTimeout(step, timeout, late, signal);
  const policy = watchPolicy(url);
  let response: HostResponse | undefined;
  try {
    response = await patient((remote.fetch ?? fetch)(url, { method, headers: { ...remote.headers, ...more }, signal: stop.signal }));
    if (!response.ok && !accepted.includes(response.status))
      throw failed(remote, url, 'status', `the server answers ${response.status} ${response.statusText}${hintOf(response.status)}`, {
        status: response.status,
      });
    const { most, beyond, use } = readingOf(response);
    await readBody(response, most, patient, () => failed(remote, url, 'size', beyond), use);
    return response;
  } catch (cause) {
    stop.abort(); // whatever is still on its way
    signal?.throwIfAborted();
    if (cause instanceof FormatError) throw cause;
    if (response !== undefined)
      throw failed(remote, url, 'cut-off', `it cannot be fetched: the connection ended in the middle: ${causeOf(cause)}`, { cause });
    const { kind, why } = await whyUnreachable(url, remote, await policy.violated());
    throw failed(remote, url, kind, `it cannot be fetched: ${causeOf(cause)}${why}`, { cause });
  } finally {
    policy.end();
  }
}

const hintOf = (status: number): string =>
  status === 404 ? '; there is no such file' : status === 401 || status === 403 ? '; it may need the option headers' : '';

/** Platforms say "fetch failed" or "terminated", and why in the cause. */
function causeOf(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
  return inner === undefined || inner.message === '' ? reason(error) : `${reason(error)} (${inner.message})`;
}

/** Reads a body piece by piece. */
async function readBody(
  response: HostResponse,
  limit: number,
  patient: <T>(step: Promise<T>) => Promise<T>,
  tooMuch: () => FetchError,
  use: (piece: Uint8Array) => void = () => undefined,
): Promise<void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  let size = 0;
  for (;;) {
    const { done, value } = (await patient(reader.read())) as { done: boolean; value?: Uint8Array };
    if (done || value === undefined) return;
    size += value.length;
    if (size > limit) throw tooMuch();
    use(value);
  }
}

/** What a step gives, unless it takes too long or is aborted. */
async function orTimeout<T>(step: Promise<T>, timeout: number, late: () => FetchError, signal: HostAbortSignal | undefined): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let abort: () => void = () => undefined;
  const end = new Promise<never>((_, reject) => {
    abort = () => reject(signal!.reason as Error);
    signal?.addEventListener('abort', abort);
    if (signal?.aborted === true) abort(); // between two steps
    // no timer waits for longer
    if (timeout < 2 ** 31) timer = setTimeout(() => reject(late()), timeout);
  });
  try {
    return await Promise.race([step, end]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
