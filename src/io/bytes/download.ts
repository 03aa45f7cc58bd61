/**
 * Whole files over HTTP: with word of how far they have come, and going on where a connection broke if the server knows ranges and says that
 * the file is still the same. What is no model at all is told by its first bytes.
 */
import type { HostResponse } from '../../base/host-types.ts';
import { concatBytes } from './byte-writer.ts';
import { FetchError } from './fetch-error.ts';
import { failed, rangeOf, request, versionOf, type Remote } from './remote.ts';

/** How far a file has come. */
export interface LoadProgress {
  readonly url: string;
  /** Bytes that are there. */
  readonly done: number;
  /** Bytes in all; undefined where the server does not say. */
  readonly total: number | undefined;
  /** Where they come from: the server, or what was kept of an earlier time. */
  readonly from: 'network' | 'cache';
}

export interface DownloadedFile {
  readonly bytes: Uint8Array;
  /** What changes when the file does (ETag, else Last-Modified); null where the server does not say. */
  readonly version: string | null;
}

/** How often a download whose connection breaks goes on. */
const MOST_BREAKS = 5;

/**
 * A file of at most `most` bytes.
 * @throws FetchError when it cannot be had, is larger, or is no model
 */
export async function download(
  url: string,
  remote: Remote,
  most: number,
  onProgress?: (progress: LoadProgress) => void,
): Promise<DownloadedFile> {
  const part = new Part(url, remote, most, onProgress);
  for (let breaks = 0; ; breaks++) {
    const before = part.done;
    try {
      await part.fetchRest();
      break;
    } catch (error) {
      const isBroken = error instanceof FetchError && error.reason === 'cut-off';
      if (!isBroken || !part.isResumable || breaks >= MOST_BREAKS || part.done === before) throw error;
    }
  }
  const bytes = concatBytes(part.pieces);
  refuseOthers(url, remote, bytes);
  return { bytes, version: part.version };
}

/** What is there of a file. */
class Part {
  pieces: Uint8Array[] = [];
  done = 0;
  version: string | null = null;
  #total: number | undefined;
  /** Whether the end of the file must be where the server says: not if the length may be that of packed bytes. */
  #isExact = false;
  /** Whether the server would go on from here. */
  isResumable = false;
  readonly #url: string;
  readonly #remote: Remote;
  readonly #most: number;
  readonly #onProgress: ((progress: LoadProgress) => void) | undefined;

  constructor(url: string, remote: Remote, most: number, onProgress: ((progress: LoadProgress) => void) | undefined) {
    this.#url = url;
    this.#remote = remote;
    this.#most = most;
    this.#onProgress = onProgress;
  }

  async fetchRest(): Promise<void> {
    if (!this.isResumable) this.#startAgain();
    const range: Record<string, string> = this.done > 0 ? { Range: `bytes=${this.done}-` } : {};
    const use = (piece: Uint8Array): void => {
      this.pieces.push(piece);
      this.done += piece.length;
      if (this.#total !== undefined && this.done > this.#total) this.#total = undefined; // it was that of packed bytes
      this.#onProgress?.({ url: this.#url, done: this.done, total: this.#total, from: 'network' });
    };
    await request(this.#url, this.#remote, range, (response) => {
      if (!this.#goesOn(response)) this.#begin(response);
      return { most: this.#most - this.done, beyond: `it has more than ${this.#most} bytes`, use };
    });
    if (this.#isExact && this.#total !== undefined && this.done < this.#total)
      throw failed(this.#remote, this.#url, 'cut-off', `the server stops after ${this.done} of ${this.#total} bytes`);
  }

  #startAgain(): void {
    this.pieces = [];
    this.done = 0;
    this.#total = undefined;
  }

  /** Whether an answer is the rest of the same file. */
  #goesOn(response: HostResponse): boolean {
    if (this.done === 0 || response.status !== 206) return false;
    const range = rangeOf(response);
    if (range?.from === this.done && range.size === this.#total && versionOf(response) === this.version) return true;
    throw failed(this.#remote, this.#url, 'range', 'the connection broke, and the file has changed since; load it again');
  }

  #begin(response: HostResponse): void {
    this.#startAgain();
    const { headers, type } = response;
    const length = Number(headers.get('content-length') ?? Number.NaN);
    const isPacked = headers.get('content-encoding') !== null;
    // Pages may not see whether another origin has packed the file.
    this.#isExact = !isPacked && type !== 'cors';
    this.#total = Number.isFinite(length) && !isPacked ? length : undefined;
    this.version = versionOf(response);
    const isStrong = this.version !== null && !this.version.startsWith('W/');
    this.isResumable = this.#isExact && isStrong && this.#total !== undefined && headers.get('accept-ranges') === 'bytes';
    if (this.#isExact && this.#total !== undefined && this.#total > this.#most)
      throw failed(this.#remote, this.#url, 'size', `it has ${this.#total} bytes, more than ${this.#most}`);
  }
}

/** @throws FetchError for what servers send in place of files */
function refuseOthers(url: string, remote: Remote, bytes: Uint8Array): void {
  const refuse = (why: string): never => {
    throw failed(remote, url, 'content', why);
  };
  if (bytes.length === 0) refuse('the server sends an empty file');
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 1024)).replace(/^\xef\xbb\xbf/, '');
  if (/^\s*(<!--[^]*?-->\s*)*<(!doctype\s+html|html|head|body|title)\b/i.test(start))
    refuse(
      'the server sends a web page (HTML) in place of the file; look at the address: many servers answer with their start page what they do not know',
    );
  if (start.startsWith('version https://git-lfs.github.com/spec/'))
    refuse('this is a pointer of Git LFS and not the file itself; fetch it with git lfs pull, or take the address of its contents');
}
