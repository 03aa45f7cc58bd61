/**
 * Learning-rate schedules (https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate). Call `step()` after
 * the optimizer's: once an epoch for StepLR, once a batch for OneCycleLR.
 */
import { arrayOf, BOOL, COUNT, either, FINITE, kind, NOT_NEGATIVE, oneOf, POSITIVE, PROBABILITY, requireKind, requireOptions, type OptionKinds } from '../base/arguments.ts'; // prettier-ignore
import { ArgumentError } from '../base/errors.ts';
import { forbidWhileRecording } from '../tensor/recorder.ts';
import { Optimizer, type BaseHyperparameters } from './optimizer.ts';

type AnyOptimizer = Pick<Optimizer, 'paramGroups'> & { readonly defaults: BaseHyperparameters };

/** What a checkpoint needs of a schedule. */
export type SchedulerState = Readonly<Record<string, number | readonly number[]>>;

const OPTIMIZER = kind('an optimizer', (value) => value instanceof Optimizer);

/** A schedule: how the learning rates follow from the number of steps. */
export abstract class LRScheduler {
  readonly optimizer: AnyOptimizer;
  /** Steps so far. */
  lastEpoch = -1;
  protected baseLrs: number[];
  #lastLr: number[] = [];

  constructor(optimizer: AnyOptimizer) {
    requireKind(this.constructor.name, 'the optimizer', optimizer, OPTIMIZER);
    this.optimizer = optimizer;
    this.baseLrs = optimizer.paramGroups.map((group) => (group.initialLr ??= group.lr));
  }

  /** The learning rates for `lastEpoch`, one for each group. */
  protected abstract rates(): number[];

  /** Moves on by one and sets the groups' learning rates. */
  step(): void {
    forbidWhileRecording('step: a schedule counts in JavaScript', 'call scheduler.step() after the compiled function');
    this.lastEpoch++;
    this.#lastLr = this.rates();
    this.optimizer.paramGroups.forEach((group, i) => {
      group.lr = this.#lastLr[i]!;
    });
  }

  /** The learning rates last set, one for each group. */
  getLastLr(): number[] {
    return [...this.#lastLr];
  }

  stateDict(): SchedulerState {
    return { lastEpoch: this.lastEpoch, baseLrs: [...this.baseLrs], lastLr: [...this.#lastLr] };
  }

  loadStateDict(state: SchedulerState): void {
    this.lastEpoch = state['lastEpoch'] as number;
    this.baseLrs = [...(state['baseLrs'] as readonly number[])];
    this.#lastLr = [...(state['lastLr'] as readonly number[])];
  }
}

export interface StepLROptions {
  /** Steps between two decays. */
  readonly stepSize: number;
  /** What the rate is multiplied by. Default 0.1. */
  readonly gamma?: number;
}

const STEP_OPTIONS: OptionKinds<StepLROptions> = { stepSize: COUNT, gamma: FINITE };

/** Multiplies the learning rate by `gamma` every `stepSize` steps. */
export class StepLR extends LRScheduler {
  readonly stepSize: number;
  readonly gamma: number;

  /** @throws ArgumentError unless stepSize is a whole number ≥ 1 and gamma is finite */
  constructor(optimizer: AnyOptimizer, options: StepLROptions) {
    const { stepSize, gamma = 0.1 } = requireOptions<StepLROptions>('StepLR', options, STEP_OPTIONS, 'new optim.StepLR(optimizer, { stepSize: 30 })'); // prettier-ignore
    requireKind('StepLR', 'stepSize', stepSize, COUNT);
    super(optimizer);
    this.stepSize = stepSize;
    this.gamma = gamma;
    this.step();
  }

  /** From the current rates, so that changes made by hand stay, as in PyTorch. */
  protected override rates(): number[] {
    const decay = this.lastEpoch > 0 && this.lastEpoch % this.stepSize === 0 ? this.gamma : 1;
    return this.optimizer.paramGroups.map((group) => group.lr * decay);
  }
}

export interface OneCycleLROptions {
  /** The peak, for all groups or one for each. */
  readonly maxLr: number | readonly number[];
  /** Steps in the cycle; or give `epochs` and `stepsPerEpoch`. */
  readonly totalSteps?: number;
  readonly epochs?: number;
  readonly stepsPerEpoch?: number;
  /** Part of the cycle in which the rate grows. Default 0.3. */
  readonly pctStart?: number;
  /** Default 'cos'. */
  readonly annealStrategy?: 'cos' | 'linear';
  /** Let the momentum fall while the rate grows. Default true. */
  readonly cycleMomentum?: boolean;
  /** Default 0.85. */
  readonly baseMomentum?: number;
  /** Default 0.95. */
  readonly maxMomentum?: number;
  /** The first rate is maxLr / divFactor. Default 25. */
  readonly divFactor?: number;
  /** The last rate is the first / finalDivFactor. Default 1e4. */
  readonly finalDivFactor?: number;
  /** A third phase down to the first rate, mirroring the rise. Default false. */
  readonly threePhase?: boolean;
}

const MAX_LR = either(POSITIVE, arrayOf(POSITIVE, 'one for each group'));
const CYCLE_OPTIONS: OptionKinds<OneCycleLROptions> = {
  maxLr: MAX_LR,
  totalSteps: COUNT,
  epochs: COUNT,
  stepsPerEpoch: COUNT,
  pctStart: PROBABILITY,
  annealStrategy: oneOf('cos', 'linear'),
  cycleMomentum: BOOL,
  baseMomentum: NOT_NEGATIVE,
  maxMomentum: NOT_NEGATIVE,
  divFactor: POSITIVE,
  finalDivFactor: POSITIVE,
  threePhase: BOOL,
};

interface Phase {
  readonly end: number;
  readonly lr: readonly [number, number];
  readonly momentum: readonly [number, number];
}

const cosine = (start: number, end: number, part: number): number =>
  end + ((start - end) / 2) * (Math.cos(Math.PI * part) + 1);
const straight = (start: number, end: number, part: number): number => (end - start) * part + start;

/**
 * One cycle up to a peak and down to almost nothing (Smith & Topin, "Super-Convergence", 2017; PyTorch's OneCycleLR).
 * @throws ArgumentError for a length that is not given or options out of range; on a step past the end
 */
export class OneCycleLR extends LRScheduler {
  readonly totalSteps: number;
  readonly #phases: readonly (readonly Phase[])[];
  readonly #anneal: (start: number, end: number, part: number) => number;
  readonly #cycleMomentum: boolean;

  constructor(optimizer: AnyOptimizer, options: OneCycleLROptions) {
    const given = requireOptions<OneCycleLROptions>('OneCycleLR', options, CYCLE_OPTIONS, 'new optim.OneCycleLR(optimizer, { maxLr: 0.1, totalSteps: 100 })'); // prettier-ignore
    requireKind('OneCycleLR', 'maxLr', given.maxLr, MAX_LR);
    super(optimizer);
    this.totalSteps = cycleLength(given);
    const { maxLr, pctStart = 0.3, annealStrategy = 'cos', divFactor = 25, finalDivFactor = 1e4 } = given;
    this.#anneal = annealStrategy === 'cos' ? cosine : straight;
    this.#cycleMomentum = given.cycleMomentum ?? true;
    const { baseMomentum = 0.85, maxMomentum = 0.95 } = given;
    const groups = optimizer.paramGroups;
    const peaks = typeof maxLr === 'number' ? groups.map(() => maxLr) : maxLr;
    if (peaks.length !== groups.length || !peaks.every((lr) => lr > 0)) {
      throw new ArgumentError(
        `OneCycleLR: expected a positive maxLr for each of the ${groups.length} groups, but got ${peaks.join(', ')}`,
      );
    }
    this.#phases = peaks.map((max) => {
      const [first, last] = [max / divFactor, max / divFactor / finalDivFactor];
      const [high, low] = [maxMomentum, baseMomentum];
      const top = pctStart * this.totalSteps - 1;
      const end = this.totalSteps - 1;
      const rise: Phase = { end: top, lr: [first, max], momentum: [high, low] };
      if (given.threePhase !== true) return [rise, { end, lr: [max, last], momentum: [low, high] }];
      const mirrored: Phase = { end: 2 * pctStart * this.totalSteps - 2, lr: [max, first], momentum: [low, high] };
      return [rise, mirrored, { end, lr: [first, last], momentum: [high, high] }];
    });
    groups.forEach((group, i) => {
      group.initialLr = peaks[i]! / divFactor;
    });
    this.baseLrs = groups.map((group) => group.initialLr!);
    if (this.#cycleMomentum && !groups.every((group) => 'momentum' in group || 'betas' in group)) {
      throw new ArgumentError('OneCycleLR: the optimizer has no momentum to cycle; pass { cycleMomentum: false }');
    }
    this.step();
  }

  protected override rates(): number[] {
    if (this.lastEpoch > this.totalSteps) {
      throw new ArgumentError(
        `OneCycleLR: step ${this.lastEpoch + 1} of a cycle of ${this.totalSteps}; make the cycle as long as the training`,
      );
    }
    return this.optimizer.paramGroups.map((group, i) => {
      const phases = this.#phases[i]!;
      const index = phases.findIndex((phase) => this.lastEpoch <= phase.end);
      const phase = phases[index === -1 ? phases.length - 1 : index]!;
      const start = index <= 0 ? 0 : phases[index - 1]!.end;
      const part = (this.lastEpoch - start) / (phase.end - start);
      if (this.#cycleMomentum) setMomentum(group, this.#anneal(...phase.momentum, part));
      return this.#anneal(...phase.lr, part);
    });
  }
}

function setMomentum(group: object, momentum: number): void {
  const target = group as { momentum?: number; betas?: readonly [number, number] };
  if (target.betas === undefined) target.momentum = momentum;
  else target.betas = [momentum, target.betas[1]];
}

function cycleLength({ totalSteps, epochs, stepsPerEpoch }: OneCycleLROptions): number {
  const total = totalSteps ?? (epochs ?? NaN) * (stepsPerEpoch ?? NaN);
  if (!Number.isInteger(total) || total < 1) {
    throw new ArgumentError(`OneCycleLR: expected totalSteps, or epochs and stepsPerEpoch, as whole numbers ≥ 1, but got ${totalSteps ?? `${epochs} × ${stepsPerEpoch}`}`); // prettier-ignore
  }
  return total;
}
