/** Turns for others while something long runs: signals and timers are heard, a page is drawn and answers. */

/** The part of a host that is asked. */
interface Host {
  readonly document?: unknown;
  readonly scheduler?: { readonly yield?: () => Promise<void> };
  readonly MessageChannel?: new () => { readonly port1: Port; readonly port2: Port };
}

interface Port {
  onmessage: (() => void) | null;
  postMessage(value: unknown): void;
  close(): void;
}

const host = globalThis as unknown as Host;

/** Milliseconds after which others get a turn: on a page less than a frame. */
export const TURN = host.document === undefined ? 50 : 12;

/**
 * Goes on when others have had their turn. Timers would make a page wait for 4 ms each time, and in a tab that is not looked at for a second: where there is no
 * `scheduler.yield`, a message is sent.
 */
export function othersTurn(): Promise<void> {
  if (typeof setImmediate === 'function') return new Promise((resolve) => setImmediate(resolve));
  if (typeof host.scheduler?.yield === 'function') return host.scheduler.yield();
  const { MessageChannel: Channel } = host;
  if (Channel === undefined) return new Promise((resolve) => setTimeout(resolve, 0));
  return new Promise((resolve) => {
    const { port1, port2 } = new Channel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
