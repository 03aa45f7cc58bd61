/** Functions that run in a worker and are awaited on the page: predictions that leave the page as it is. */
import { FUNCTION, kind, requireKind, requireOptions, TEXT, type OptionKinds } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import type { HostAbortSignal } from '../../base/host-types.ts';
import type { Port } from '../../base/port.ts';
import { SIGNAL } from '../evaluation.ts';
import { START_TIMEOUT, WORKER, type TrainingPort } from './call.ts';
import { converse } from './converse.ts';
import { packTensors, unpackTensors } from './postable.ts';
import { messageOf, plainError, post, sayAlive, type Request } from './protocol.ts';

/** What a worker offers: functions by name, of values that can be posted and tensors in them. */
export type WorkerFunctions = Readonly<Record<string, (...args: never[]) => unknown>>;

export interface CallInWorkerOptions {
  /** Stops waiting, with the signal's reason. What the worker computes is not interrupted. */
  readonly signal?: HostAbortSignal;
  /** Milliseconds within which a worker that has not said anything yet must; default 60,000. */
  readonly startTimeout?: number;
}

const FUNCTIONS = kind(
  'an object of functions',
  (value) => typeof value === 'object' && value !== null && Object.values(value).every(FUNCTION.accepts),
);
const OPTIONS: OptionKinds<CallInWorkerOptions> = { signal: SIGNAL, startTimeout: START_TIMEOUT };

/**
 * Lets a page call functions of this worker with `callInWorker`. Tensors in arguments and results, in arrays, Maps and plain objects, are copied from thread to thread.
 *
 *     // predict.js, a module worker
 *     import { noGrad } from 'flambeau';
 *     import { serveFunctions } from 'flambeau/train';
 *
 *     const model = …;
 *     serveFunctions({ predict: (images) => noGrad(() => model(images).softmax(1)) });
 *
 * @param port - what messages come by; default the worker itself
 * @returns stops serving
 */
export function serveFunctions(functions: WorkerFunctions, port?: Port): () => void {
  requireKind('serveFunctions', 'the functions', functions, FUNCTIONS, 'write serveFunctions({ predict: (x) => model(x) })');
  const own: Port = port ?? globalThis;
  requireKind('serveFunctions', 'the port', own, WORKER, 'call it in a worker');
  const heard = (event: object): void => {
    const data = messageOf<Request>(event);
    if (data?.flambeau === 'call') void answer(functions, own, data);
  };
  own.addEventListener('message', heard);
  own.start?.();
  return () => own.removeEventListener('message', heard);
}

async function answer(functions: WorkerFunctions, port: Port, { id, name, args }: Extract<Request, { flambeau: 'call' }>): Promise<void> {
  const head = { flambeau: 'reply', id } as const;
  try {
    await sayAlive(port, head);
    if (!Object.hasOwn(functions, name))
      throw new ArgumentError(
        `callInWorker: the worker has no function ${JSON.stringify(name)}; it has ${Object.keys(functions).join(', ')}`,
      );
    const result = await functions[name]!(...unpackTensors<never[]>(args));
    const { value, transfer } = packTensors(result);
    post(port, { ...head, result: value }, transfer);
  } catch (error) {
    post(port, { ...head, error: plainError(error) });
  }
}

/**
 * Calls a function that a worker offers with `serveFunctions`, and gives what it gives.
 *
 *     const worker = new Worker(new URL('./predict.js', import.meta.url), { type: 'module' });
 *     const scores = await callInWorker(worker, 'predict', [fromPixels(video, { dtype: 'float32' }).unsqueeze(0)]);
 *
 * @param args - what can be posted, and tensors in it, which are copied
 * @throws what the function throws, errors of the library as what they are; the signal's reason
 * @throws ArgumentError for a function that the worker does not have
 * @throws DeviceError when the worker cannot be started, fails otherwise, or is ended in the middle (which is noticed on pages with a secure connection), or says nothing for `startTimeout`
 */
export async function callInWorker<T = unknown>(
  worker: TrainingPort,
  name: string,
  args: readonly unknown[] = [],
  options: CallInWorkerOptions = {},
): Promise<T> {
  requireKind('callInWorker', 'the worker', worker, WORKER, "write new Worker(url, { type: 'module' })");
  requireKind('callInWorker', 'the name', name, TEXT);
  requireKind('callInWorker', 'the arguments', args, kind('an array', Array.isArray), `write callInWorker(worker, '${name}', [x])`);
  const { signal, startTimeout } = requireOptions<CallInWorkerOptions>('callInWorker', options, OPTIONS, '{ signal }');
  signal?.throwIfAborted();
  const { value, transfer } = packTensors(args);
  return converse<T>({
    op: 'callInWorker',
    worker,
    ask: (id) => ({ flambeau: 'call', id, name, args: value }),
    transfer,
    remedy: 'look at its module, which must call serveFunctions',
    signal,
    startTimeout,
    endsAtOnce: true,
    hear: (reply, end) => {
      if ('result' in reply) end(unpackTensors<T>(reply.result));
    },
  });
}
