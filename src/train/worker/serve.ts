/** The worker's side of a training. */
import { FUNCTION, having, requireKind } from '../../base/arguments.ts';
import type { TrainableModel } from '../evaluation.ts';
import type { BatchSource, Progress } from '../progress.ts';
import { Trainer, type TrainerOptions } from '../trainer.ts';
import { packTensors, unpackTensors } from './postable.ts';
import type { Port } from '../../base/port.ts';
import { messageOf, plainError, post, sayAlive, type Request } from './protocol.ts';

/** What a worker trains: the trainer's options but for what the page hears by messages, the batches and the number of epochs. */
export interface WorkerTraining extends Omit<TrainerOptions, 'signal' | 'onProgress' | 'onEpoch' | 'onBest' | 'onState'> {
  readonly train: BatchSource;
  readonly valid?: BatchSource;
  readonly epochs: number;
}

/** Makes a training of what the page has given: plain data, and tensors. */
export type TrainingMaker<G> = (given: G) => WorkerTraining | Promise<WorkerTraining>;

/** Milliseconds between two messages of progress within a phase. */
const EVERY = 50;

const PORT = having('a port', 'postMessage', 'addEventListener');

/**
 * Makes a worker train whenever its page calls `trainInWorker`, one training after the other. The module of the worker says what is trained:
 *
 *     // training.js, a module worker
 *     import { nn, optim, data } from 'flambeau';
 *     import { serveTraining } from 'flambeau/train';
 *
 *     serveTraining(({ images, labels, lr }) => {
 *       const model = new nn.Sequential(…);
 *       const train = new data.DataLoader(new data.TensorDataset(images, labels), { batchSize: 20, shuffle: true });
 *       return { model, optimizer: new optim.SGD(model.parameters(), { lr }), train, epochs: 5 };
 *     });
 *
 * @param port - what messages come by; default the worker itself
 * @returns stops serving
 */
export function serveTraining<G>(make: TrainingMaker<G>, port?: Port): () => void {
  requireKind('serveTraining', 'the function', make, FUNCTION, 'write serveTraining((given) => ({ model, optimizer, train, epochs: 5 }))');
  const own: Port = port ?? globalThis;
  requireKind('serveTraining', 'the port', own, PORT, 'call it in a worker');
  const running = new Map<number, AbortController>();
  let last = Promise.resolve();
  const heard = (event: object): void => {
    const data = messageOf<Request>(event);
    if (data?.flambeau === 'abort') running.get(data.id)?.abort();
    if (data?.flambeau !== 'train') return;
    const controller = new AbortController();
    if (data.isAborted) controller.abort();
    running.set(data.id, controller);
    const said = sayAlive(own, { flambeau: 'reply', id: data.id }); // at once, though another training may have to end before
    last = last
      .then(() => said)
      .then(() => answer(make as TrainingMaker<unknown>, own, data, controller.signal))
      .finally(() => running.delete(data.id));
  };
  own.addEventListener('message', heard);
  own.start?.();
  return () => own.removeEventListener('message', heard);
}

type TrainRequest = Extract<Request, { flambeau: 'train' }>;

/** One training, of which the page hears. */
async function answer(make: TrainingMaker<unknown>, port: Port, request: TrainRequest, signal: AbortSignal): Promise<void> {
  const head = { flambeau: 'reply', id: request.id } as const;
  try {
    const { train, valid, epochs, ...options } = await make(unpackTensors(request.given));
    const trainer = new Trainer({
      ...options,
      signal,
      onProgress: throttled((progress) => post(port, { ...head, progress })),
      onEpoch: (epoch) => post(port, { ...head, epoch }),
      onBest: ({ model, loss: _, previousLoss: __, evaluation: ___, ...best }) => {
        const { value, transfer } = packTensors(model.stateDict());
        post(port, { ...head, best, state: value }, transfer);
      },
    });
    const done = await trainer.fit(train, valid, epochs);
    const { value, transfer } = packTensors((options.model satisfies TrainableModel).stateDict());
    post(port, { ...head, done, state: value }, transfer);
  } catch (error) {
    post(port, { ...head, error: plainError(error) });
  }
}

/** Only so often, but for the end of a phase. */
function throttled(report: (progress: Progress) => void): (progress: Progress) => void {
  let before = -Infinity;
  return (progress) => {
    const now = performance.now();
    if (now - before < EVERY && progress.batch < progress.batches) return;
    before = now;
    report(progress);
  };
}
