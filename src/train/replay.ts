/**
 * A way back to before the update that made training fail. A step is one compiled function with its update in it, and the loss is known when it is over: the
 * weights are of no use then. So the state is kept now and then, and the updates since are made once more, up to the one that failed, which is
 * looked at instead of made.
 */
import '../nn/families/state-dicts.ts';
import '../optim/families/optimizer-states.ts';
import '../tensor/families/training.ts';

import { clipGradNorm_, clipGradValue_ } from '../nn/utils/clip-grad.ts';
import { OneCycleLR } from '../optim/lr-scheduler.ts';
import { Optimizer } from '../optim/optimizer.ts';
import type { Criterion } from './evaluation.ts';
import { FiniteWatch, type NonFinite } from './finite-watch.ts';
import { groupsOf } from './groups.ts';
import { kept } from './load-together.ts';
import type { UpdateOptions } from './processes.ts';
import type { BatchSource } from './progress.ts';
import type { Pair, TrainStep } from './steps.ts';
import { TrainedState } from './trained-state.ts';
import type { TrainerOptions } from './trainer-options.ts';
import { randomStates, setRandomStates, type RandomStates } from './trainer-state.ts';

/** At least so many milliseconds pass between two copies, and so many times what a copy takes. */
const [EVERY, SHARE] = [20_000, 1000];

/** So many updates before the failing one are looked at, too: a gradient that is not finite shows in the loss of the next. */
const LOOKED_AT = 1;

interface Kept {
  readonly batch: number;
  readonly update: number;
  readonly random: RandomStates;
  readonly state: TrainedState;
  readonly schedule: unknown;
  readonly time: number;
  readonly cost: number;
}

/** The update that failed. */
export interface Failed {
  readonly batches: readonly Pair[];
  /** Batches of the epoch with these. */
  readonly seen: number;
  /** Updates before it. */
  readonly updates: number;
}

export class Replay {
  readonly #options: TrainerOptions;
  readonly #criterion: Criterion;
  #kept: Kept | undefined;

  constructor(options: TrainerOptions, criterion: Criterion) {
    this.#options = options;
    this.#criterion = criterion;
  }

  /** Keeps the state as it is. @param batch batches done in this epoch; update: updates in all; random: the generators' states */
  keep(batch: number, update: number, random?: RandomStates): void {
    const { model, optimizer, scheduler, generators = [] } = this.#options;
    if (!(optimizer instanceof Optimizer)) return; // nobody knows its state
    const start = performance.now();
    this.#kept = undefined;
    const state = new TrainedState(model, optimizer as Optimizer);
    const schedule = kept(scheduler?.stateDict());
    const time = performance.now();
    this.#kept = {
      batch,
      update,
      random: random ?? randomStates(generators),
      state,
      schedule,
      time,
      cost: time - start,
    };
  }

  /** Whether that was long ago. */
  readonly isDue = (): boolean => {
    const before = this.#kept;
    return before !== undefined && performance.now() - before.time > Math.max(EVERY, SHARE * before.cost);
  };

  /** Lets go of what was kept. */
  forget(): void {
    this.#kept = undefined;
  }

  /**
   * Goes back and makes the updates again. Model, optimizer, schedule and generators are afterwards as they were before the update that spoils them. Processes that train together
   * do so in step.
   * @param began - random states at the beginning of the epoch
   * @returns undefined where it does not fail again
   */
  async find(train: BatchSource, began: RandomStates, failed: Failed, step: TrainStep): Promise<NonFinite | undefined> {
    const { scheduler, generators = [], accumulate: size = 1, mix, signal, model, processes } = this.#options;
    const start = this.#kept;
    this.#kept = undefined;
    model.train();
    if (start === undefined) return this.#look(failed.batches, { train, upTo: failed.seen, steps: failed.updates }, true);
    start.state.restore();
    if (scheduler !== undefined) scheduler.loadStateDict(start.schedule as never);
    setRandomStates(start.batch === 0 ? start.random : began, generators);
    const onSkipped = (): void => setRandomStates(start.random, generators);
    let steps = start.update;
    for await (const { batches, seen } of groupsOf(train, { size, skip: start.batch, onSkipped, mix })) {
      const isAborted = signal?.aborted === true;
      if (processes?.any(isAborted) ?? isAborted) return undefined;
      const update = { train, upTo: seen, steps };
      const isLast = steps === failed.updates;
      if (steps >= failed.updates - LOOKED_AT) {
        const random = randomStates(generators);
        const found = this.#look(batches, update, isLast);
        if (found !== undefined || isLast) {
          setRandomStates(random, generators);
          return found;
        }
      }
      if (processes !== undefined) processes.update(step, batches, update);
      else if (steps >= failed.updates - LOOKED_AT) this.#apply();
      else step(batches);
      steps++;
      if (this.#isPerBatch) scheduler?.step();
    }
    return undefined;
  }

  get #isPerBatch(): boolean {
    const { scheduler, schedulerSteps } = this.#options;
    return (schedulerSteps ?? (scheduler instanceof OneCycleLR ? 'batch' : 'epoch')) === 'batch';
  }

  /** Forward and backward of an update, looked at; what they change besides gradients is undone where it is not to be made, or is made by all processes. */
  #look(batches: readonly Pair[], update: UpdateOptions, isLast: boolean): NonFinite | undefined {
    const { model, optimizer, processes } = this.#options;
    const before = new TrainedState(model, optimizer instanceof Optimizer ? (optimizer as Optimizer) : undefined);
    optimizer.zeroGrad();
    const watch = new FiniteWatch(model, update.steps + 1);
    if (processes === undefined) this.#gradients(batches, watch, undefined);
    else processes.look(batches, update, (factors) => this.#gradients(batches, watch, factors));
    const found = processes === undefined ? watch.found() : processes.earliest(watch.found());
    if (found === undefined && !isLast && processes === undefined) return undefined;
    before.restore();
    return found;
  }

  /** Whether one of the processes has found something: then all stop, since normalisations may need all of them. */
  #isOver(watch: FiniteWatch): boolean {
    const isFound = watch.found() !== undefined;
    return this.#options.processes?.any(isFound) ?? isFound;
  }

  #gradients(batches: readonly Pair[], watch: FiniteWatch, factors: readonly number[] | undefined): void {
    const { model } = this.#options;
    const samples = batches.reduce((sum, [inputs]) => sum + inputs.size(0), 0);
    for (const [i, batch] of batches.entries()) {
      const mean = watch.forward(model, this.#criterion, batch);
      if (this.#isOver(watch)) return;
      const factor = factors?.[i] ?? batch[0].size(0) / samples;
      (factor === 1 ? mean : mean.mul(factor)).backward();
      if (this.#isOver(watch)) return;
    }
    watch.leaves(model);
  }

  /** What a step does when its gradients are there. */
  #apply(): void {
    const { model, optimizer, clipNorm, clipValue } = this.#options;
    if (clipNorm !== undefined) clipGradNorm_(model.parameters(), clipNorm);
    if (clipValue !== undefined) clipGradValue_(model.parameters(), clipValue);
    optimizer.step();
  }
}
