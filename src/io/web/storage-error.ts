/** What goes wrong with files that a browser keeps. */
import { FlambeauError } from '../../base/errors.ts';
import { reason as messageOf } from '../bytes/reason.ts';

/**
 * Why a store did not do what was asked:
 *
 * - `full`: there is no room
 * - `refused`: the browser does not let the page keep anything, as in some private windows, or the file system says no
 * - `damaged`: what lies there is not what was written
 * - `missing`: there is no such file
 */
export type StorageFailure = 'full' | 'refused' | 'damaged' | 'missing';

/**
 * A store of files is full, refuses, or has lost something.
 *
 * Remedy: `reason` says which; delete what is not needed any more, or ask for `await navigator.storage.persist()`.
 */
export class StorageError extends FlambeauError {
  override name = 'StorageError';
  readonly reason: StorageFailure;

  constructor(message: string, reason: StorageFailure, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

/** How browsers and file systems say that there is no room. */
const FULL = /^(QuotaExceededError|NS_ERROR_DOM_QUOTA_REACHED|NS_ERROR_FILE_NO_DEVICE_SPACE|ENOSPC|EDQUOT)$/;

/** The error of what a store has thrown. */
export function storageError(op: string, where: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const { name = '', code = '' } = (cause ?? {}) as { readonly name?: string; readonly code?: unknown };
  if (FULL.test(name) || FULL.test(String(code)))
    return new StorageError(
      `${op}: ${where} is full; delete what is not needed any more (openStore(…).delete), or keep less`,
      'full',
      cause,
    );
  return new StorageError(`${op}: ${where} refuses: ${messageOf(cause)}`, 'refused', cause);
}
