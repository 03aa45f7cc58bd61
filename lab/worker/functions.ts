/** What a run's worker can be asked for, and what it tells by itself. One worker holds one run. */
import type { Checkpoint } from '../core/checkpoints.ts';
import { pictureSets, type Trainable } from '../core/dataset.ts';
import { sentenceOf } from '../core/failure.ts';
import { Session, type FrozenOutputs, type Measured, type Weights } from '../core/session.ts';
import type { NetworkSpec, TrainingSpec } from '../core/spec.ts';
import { lookFunctions } from './look-functions.ts';
import { decodePictures } from './picture-functions.ts';
import { buildFunctions } from './build-functions.ts';
import { projectFunctions } from './project-functions.ts';
import { RunLoop, type RunEvent } from './run-loop.ts';
import { learnFunctions } from './learn-functions.ts';
import { takeFunctions } from './take-functions.ts';
import { turn } from './turn.ts';

export interface OpenedRun {
  readonly stepsInEpoch: number;
  readonly parameters: number;
  /** What frozen blocks make of pictures, where the network has some. */
  readonly frozen: FrozenOutputs | undefined;
}

/** Functions of a run's worker; called with `callInWorker`. Tensors in arguments and results are copied. */
export function runFunctions(post: (event: RunEvent, transfer: ArrayBuffer[]) => void) {
  let loop: RunLoop | undefined;

  const current = (): RunLoop => {
    if (loop === undefined) throw new Error('the run has not been opened');
    return loop;
  };

  return {
    decodePictures,
    ...projectFunctions,
    ...lookFunctions(
      () => current().session,
      (task) => current().hold(task),
    ),
    /**
     * @param checkpoint - where to go on from; default the beginning
     * @param weights - what to begin with instead of what the seed gives
     * @param known - what frozen blocks made of pictures before
     */
    async open(
      spec: NetworkSpec,
      classes: number,
      training: TrainingSpec,
      pictures: readonly Trainable[],
      checkpoint?: Checkpoint,
      weights?: Weights,
      known?: FrozenOutputs,
    ): Promise<OpenedRun> {
      try {
        const { train, valid } = pictureSets(pictures, spec);
        const session = new Session(spec, classes, training, train, valid, weights);
        const frozen = known === undefined ? undefined : new Map(known);
        await session.prepare(frozen, async (done, all) => {
          post({ lab: 'preparing', done, all }, []);
          await turn();
        });
        loop = new RunLoop(session, post);
        loop.tellStart();
        if (checkpoint !== undefined) await loop.restore(checkpoint);
        const parameters = [...session.network.parameters()].reduce((sum, parameter) => sum + parameter.numel(), 0);
        return { stepsInEpoch: session.stepsInEpoch, parameters, frozen };
      } catch (error) {
        throw new Error(sentenceOf(error), { cause: error });
      }
    },
    start(until?: number): void {
      current().start(until);
    },
    pause: () => current().pause(),
    stepOnce: () => current().stepOnce(),
    change(values: Partial<Pick<TrainingSpec, 'lr' | 'batchSize' | 'epochs'>>): void {
      current().session.change(values);
    },
    restore: (checkpoint: Checkpoint) => current().restore(checkpoint),
    measure: (part: 'train' | 'valid'): Measured => current().session.measure(part),
    ...learnFunctions,
    ...takeFunctions(() => loop?.session),
    ...buildFunctions,
    /** Name → tensor, as in a file of PyTorch. */
    state: () => new Map(current().session.network.stateDict()),
    /** Never answers: whoever waits for it hears when the worker ends. */
    live: (): Promise<never> => new Promise(() => undefined),
  };
}

export type RunFunctions = ReturnType<typeof runFunctions>;
export type { Progress, RunEvent } from './run-loop.ts';
