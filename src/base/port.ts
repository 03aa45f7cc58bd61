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
export const saidBy = (event: object): string => ('message' in event && typeof event.message === 'string' ? `: ${event.message}` : '');

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

/** Milliseconds after which a worker that has said nothing at all is given up. */
export const FIRST_WORD = 60_000;

/** Of ports that something came from: the lock that is held at the other end; undefined where there are no locks. */
const answered = new WeakMap<Port, string | undefined>();

/** The watch over one question to a worker. */
export interface Watch {
  /** The worker lives, and holds this lock for as long as it does. */
  alive(name: string | undefined): void;
  stop(): void;
}

/**
 * Sees to it that a question to a worker ends, though nobody says that a worker was ended or never listened.
 * @param within - milliseconds for the first sign of life; a worker that has given one before may take its time
 * @param gone - called when the worker has ended
 * @param silent - called when nothing has come in time
 */
export function watch(port: Port, within: number, gone: () => void, silent: () => void): Watch {
  let stop = (): void => undefined;
  const alive = (name: string | undefined): void => {
    stop();
    answered.set(port, name);
    stop = name === undefined ? () => undefined : whenReleased(name, gone);
  };
  if (answered.has(port)) alive(answered.get(port));
  else if (within < Infinity) stop = after(within, silent);
  return { alive, stop: () => stop() };
}

/** Milliseconds of a turn of {@link after}. */
const TURN = 1000;

/** Calls back after so long, counted in turns: a computer that slept meanwhile has let nobody answer. */
function after(milliseconds: number, run: () => void): () => void {
  let left = milliseconds;
  let timer: ReturnType<typeof setTimeout>;
  const turn = (): void => {
    if (left <= 0) {
      run();
      return;
    }
    const now = Math.min(TURN, left);
    left -= now;
    timer = setTimeout(turn, now);
  };
  turn();
  return () => clearTimeout(timer);
}

/** Milliseconds that a last message may take longer than the word of the worker's end. */
const LAST_MESSAGE = 200;

/** Calls `gone` when the worker that holds the lock has ended. Returns what stops waiting for that. */
function whenReleased(name: string, gone: () => void): () => void {
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
