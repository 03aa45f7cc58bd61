/** What a run's worker can be asked for, and what it tells by itself. One worker holds one run. */
import type { PictureSet } from '../core/dataset.ts';
import { Session, type EpochResult, type Measured, type StepResult } from '../core/session.ts';
import type { NetworkSpec, TrainingSpec } from '../core/spec.ts';

export interface OpenedRun {
  readonly stepsInEpoch: number;
  readonly parameters: number;
}

/** Messages that the worker posts unasked, under the key `lab`. */
export type RunEvent =
  | { readonly lab: 'step'; readonly step: StepResult }
  | { readonly lab: 'epoch'; readonly epoch: EpochResult }
  | { readonly lab: 'stopped'; readonly why: 'paused' | 'done' }
  | { readonly lab: 'failed'; readonly message: string };

/** Functions of a run's worker; called with `callInWorker`. Tensors in arguments and results are copied. */
export function runFunctions(post: (event: RunEvent) => void) {
  let session: Session | undefined;
  let running = false;

  const current = (): Session => {
    if (session === undefined) throw new Error('the run has not been opened');
    return session;
  };

  /** Steps until it is told to pause, letting messages in between two of them. */
  const loop = async (): Promise<void> => {
    const own = current();
    try {
      while (running && own.epoch < own.training.epochs) {
        await one(own);
        await turn();
      }
      const why = own.epoch >= own.training.epochs ? 'done' : 'paused';
      running = false;
      post({ lab: 'stopped', why });
    } catch (error) {
      running = false;
      post({ lab: 'failed', message: error instanceof Error ? error.message : String(error) });
    }
  };

  const one = async (own: Session): Promise<void> => {
    const { step, epoch } = await own.next();
    post({ lab: 'step', step });
    if (epoch !== undefined) post({ lab: 'epoch', epoch });
  };

  return {
    open(spec: NetworkSpec, classes: number, training: TrainingSpec, train: PictureSet, valid: PictureSet): OpenedRun {
      session = new Session(spec, classes, training, train, valid);
      const parameters = [...session.network.parameters()].reduce((sum, parameter) => sum + parameter.numel(), 0);
      return { stepsInEpoch: session.stepsInEpoch, parameters };
    },
    start(): void {
      if (running) return;
      running = true;
      void loop();
    },
    pause(): void {
      running = false;
    },
    async stepOnce(): Promise<void> {
      if (!running) await one(current());
    },
    change(values: Partial<Pick<TrainingSpec, 'lr' | 'batchSize' | 'epochs'>>): void {
      current().change(values);
    },
    rewind(epoch: number): void {
      running = false;
      current().rewind(epoch);
    },
    measure(part: 'train' | 'valid'): Measured {
      return current().measure(part);
    },
    /** Name → tensor, as in a file of PyTorch. */
    state: () => new Map(current().network.stateDict()),
  };
}

export type RunFunctions = ReturnType<typeof runFunctions>;

const channel = new MessageChannel();
/** Lets messages that have come be heard. Timers would be slowed down in the background; messages are not. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    channel.port1.onmessage = () => resolve();
    channel.port2.postMessage(null);
  });
}
