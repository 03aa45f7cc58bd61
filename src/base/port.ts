/** What threads of a browser are talked to through, and how it is known that one has ended. */

/** The part of a worker, a worker's global object or a message port that is used. */
export interface Port {
  postMessage(message: unknown, transfer?: unknown): void;
  addEventListener(kind: string, listener: (event: object) => void): void;
  removeEventListener(kind: string, listener: (event: object) => void): void;
  /** Ports deliver nothing before. */
  start?(): void;
}

/** What an error event of a worker says, behind a colon; nothing where it says nothing. */
export const saidBy = (event: object): string =>
  'message' in event && typeof event.message === 'string' ? `: ${event.message}` : '';

/** Why a worker has ended that nobody has heard of. */
export const WHY_ENDED = 'somebody called terminate, or the browser needed its memory';

interface Locks {
  request(name: string, run: () => Promise<void>): Promise<void>;
  request(name: string, options: { readonly signal: AbortSignal }, run: () => Promise<void>): Promise<void>;
}

const locks = (): Locks | undefined => (globalThis as { navigator?: { locks?: Locks } }).navigator?.locks;

let held: Promise<string | undefined> | undefined;

/**
 * A name under which this worker holds a lock for as long as it lives. Nobody says that a worker was ended (`terminate`, or the browser when memory is short), but its locks are
 * given back. Undefined where there are no locks: on pages without a secure connection.
 */
export function heldLock(): Promise<string | undefined> {
  const manager = locks();
  held ??= new Promise((resolve) => {
    if (manager === undefined) {
      resolve(undefined);
      return;
    }
    const name = `flambeau-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
    const forever = (): Promise<void> => {
      resolve(name);
      return new Promise(() => undefined);
    };
    manager.request(name, forever).catch(() => resolve(undefined));
  });
  return held;
}

/** Milliseconds that a last message may take longer than the word of the worker's end. */
const LAST_MESSAGE = 200;

/** Calls `gone` when the worker that holds the lock has ended. Returns what stops waiting for that. */
export function whenReleased(name: string, gone: () => void): () => void {
  const stop = new AbortController();
  const released = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, LAST_MESSAGE));
    if (!stop.signal.aborted) gone();
  };
  locks()
    ?.request(name, { signal: stop.signal }, released)
    .catch(() => undefined); // stopped
  return () => stop.abort();
}
