/** What goes wrong with a file from a server, told apart. */
import { FormatError } from '../../base/errors.ts';

/**
 * Why a file could not be had:
 *
 * - `network`: no answer; no connection, no such server, or a reason that the browser keeps to itself
 * - `cors`: the server answers, but does not allow pages of this origin to read what it sends
 * - `policy`: the page's own Content-Security-Policy forbids the request
 * - `status`: the server answers with an error; see {@link FetchError.status}
 * - `timeout`: nothing came for too long
 * - `cut-off`: the connection ended in the middle
 * - `size`: more bytes than are allowed
 * - `content`: something else than a model: an HTML page, a pointer of Git LFS, nothing
 * - `checksum`: other bytes than those that were meant
 * - `range`: not the part that was asked for, or of a file that has changed meanwhile
 */
export type FetchFailure = 'network' | 'cors' | 'policy' | 'status' | 'timeout' | 'cut-off' | 'size' | 'content' | 'checksum' | 'range';

/**
 * A file could not be fetched, or is not what was meant. Whoever catches {@link FormatError} catches it, too.
 *
 * Remedy: `reason` tells a lost connection from a wrong address, a server that does not allow the page, and a file that is something else.
 */
export class FetchError extends FormatError {
  override name = 'FetchError';
  readonly reason: FetchFailure;
  readonly url: string;
  /** What the server answered, with the reason `status`. */
  readonly status: number | undefined;

  constructor(
    message: string,
    details: {
      readonly reason: FetchFailure;
      readonly url: string;
      readonly status?: number | undefined;
      readonly cause?: unknown;
    },
  ) {
    super(message, { cause: details.cause });
    this.reason = details.reason;
    this.url = details.url;
    this.status = details.status;
  }
}
