/** The page's side of everything that a worker is asked: one question, then answers until the last. */
import { ArgumentError, DeviceError, FlambeauError } from '../../base/errors.ts';
import type { HostAbortSignal } from '../../base/host-types.ts';
import { FIRST_WORD, saidBy, watch, WHY_ENDED, type Port } from '../../base/port.ts';
import { reason } from '../../io/bytes/reason.ts';
import { errorOf, messageOf, post, type Reply, type Request } from './protocol.ts';

/** What is asked, and what becomes of the answers. */
export interface Question<T> {
  readonly op: string;
  readonly worker: Port;
  readonly ask: (id: number) => Request;
  readonly transfer: ArrayBuffer[];
  /** What to look at when the worker fails. */
  readonly remedy: string;
  readonly signal: HostAbortSignal | undefined;
  /** Milliseconds within which a worker that has said nothing yet must give a sign of life. */
  readonly startTimeout: number | undefined;
  /** Whether the signal ends the question here, with its reason; else the worker's answer to it is waited for. */
  readonly endsAtOnce?: boolean;
  /** Hears of each answer but errors; calls `end` with the last. */
  readonly hear: (reply: Reply, end: (result: T) => void) => void;
}

let questions = 0;

/**
 * What comes of a question.
 * @throws ArgumentError for what cannot be posted
 * @throws DeviceError when the worker fails, is ended before it has answered, or never says anything
 */
export async function converse<T>(question: Question<T>): Promise<T> {
  const { op, worker } = question;
  const id = questions++;
  let hearNoMore = (): void => undefined;
  const outcome = new Promise<T>((resolve, reject) => {
    hearNoMore = listen(question, id, resolve, reject);
  });
  worker.start?.();
  try {
    post(worker, question.ask(id), question.transfer);
  } catch (cause) {
    hearNoMore();
    throw new ArgumentError(
      `${op}: this cannot be posted to a worker: ${reason(cause)}; pass plain data and tensors, of a model its stateDict()`,
      { cause },
    );
  }
  return await outcome;
}

/** Hears what the worker says to the question, and that it is gone or silent, until one of them settles it. @returns what ends the hearing */
function listen<T>(question: Question<T>, id: number, resolve: (result: T) => void, reject: (why: Error) => void): () => void {
  const { op, worker, signal, remedy } = question;
  const fail = (why: string): void => settle(() => reject(new DeviceError(`${op}: the worker has ${why}`)));
  const failed = (event: object): void => fail(`failed${saidBy(event)}; ${remedy}`);
  const gone = (): void => fail(`ended before it was done: ${WHY_ENDED}; start another one`);
  const within = question.startTimeout ?? FIRST_WORD;
  const silent = (): void =>
    fail(
      `said nothing for ${within} ms: it was ended before it could, or does not listen; ${remedy} before it waits for anything (startTimeout: Infinity waits for it without end)`,
    );
  const abort = (): void => {
    post(worker, { flambeau: 'abort', id });
    if (question.endsAtOnce === true) settle(() => reject(signal!.reason as Error));
  };
  const heard = (event: object): void => {
    const reply = messageOf<Reply>(event);
    if (reply?.flambeau !== 'reply' || reply.id !== id) return;
    if ('error' in reply) settle(() => reject(errorOf(reply.error)));
    else if ('alive' in reply) watching.alive(reply.alive);
    else {
      try {
        question.hear(reply, (result) => settle(() => resolve(result)));
      } catch (error) {
        post(worker, { flambeau: 'abort', id }); // a callback has failed
        settle(() => reject(error instanceof Error ? error : new FlambeauError(String(error))));
      }
    }
  };
  const listeners = [
    ['message', heard],
    ['error', failed],
    ['messageerror', failed],
    ['close', gone],
  ] as const;
  const hearNoMore = (): void => {
    for (const [kind, listener] of listeners) worker.removeEventListener(kind, listener);
    signal?.removeEventListener('abort', abort);
    watching.stop();
  };
  const settle = (end: () => void): void => {
    hearNoMore();
    end();
  };
  for (const [kind, listener] of listeners) worker.addEventListener(kind, listener);
  signal?.addEventListener('abort', abort);
  const watching = watch(worker, within, gone, silent);
  return hearNoMore;
}
