/** OneCycleLR (https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html). */
import { arrayOf, BOOL, COUNT, either, NOT_NEGATIVE, oneOf, orNull, POSITIVE, PROBABILITY } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { readCall } from '../base/signature.ts';
import { inWords } from '../tensor/in-words.ts';
import { ANNEAL, packPhase, phasesOf, readPhases, setMomentum, type Annealing, type Phase } from './cycle-phases.ts';
import type { CycleRates } from './optimizer.ts';
import { count, type MakeError } from './saved-state.ts';
import { LRScheduler, schedulerSignature, type AnyOptimizer, type Scheduled, type SchedulerState } from './scheduler.ts';

export interface OneCycleLROptions {
  /** The peak, for all groups or one for each. */
  readonly maxLr: number | readonly number[];
  /** Steps in the cycle; or give `epochs` and `stepsPerEpoch`. */
  readonly totalSteps?: number | null;
  readonly epochs?: number | null;
  readonly stepsPerEpoch?: number | null;
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
const CYCLE = schedulerSignature<OneCycleLROptions>(
  'OneCycleLR',
  {
    maxLr: MAX_LR,
    totalSteps: orNull(COUNT),
    epochs: orNull(COUNT),
    stepsPerEpoch: orNull(COUNT),
    pctStart: PROBABILITY,
    annealStrategy: oneOf('cos', 'linear'),
    cycleMomentum: BOOL,
    baseMomentum: NOT_NEGATIVE,
    maxMomentum: NOT_NEGATIVE,
    divFactor: POSITIVE,
    finalDivFactor: POSITIVE,
    threePhase: BOOL,
  },
  { required: 1, example: 'OneCycleLR(optimizer, { maxLr: 0.1, totalSteps: 100 })' },
);
type Rest = Partial<OneCycleLROptions> & { lastEpoch?: number };

/**
 * One cycle up to a peak and down to almost nothing (Smith & Topin, "Super-Convergence", 2017; PyTorch's OneCycleLR).
 * @throws ArgumentError for a length that is not given or options out of range; on a step past the end
 */
export class OneCycleLR extends LRScheduler {
  #totalSteps: number;
  #phases: readonly Phase[];
  #annealing: Annealing;
  #cycleMomentum: boolean;

  constructor(
    optimizer: AnyOptimizer | (OneCycleLROptions & Scheduled),
    maxLr?: number | readonly number[] | Rest,
    totalSteps?: number | null | Rest,
    epochs?: number | null | Rest,
    stepsPerEpoch?: number | null | Rest,
    pctStart?: number | Rest,
    annealStrategy?: Annealing | Rest,
    cycleMomentum?: boolean | Rest,
    baseMomentum?: number | Rest,
    maxMomentum?: number | Rest,
    divFactor?: number | Rest,
    finalDivFactor?: number | Rest,
    threePhase?: boolean | Rest,
    lastEpoch?: number | Rest,
  );
  constructor(...args: readonly unknown[]) {
    const given = readCall(CYCLE, args);
    const { optimizer, lastEpoch = -1 } = given;
    super(optimizer, lastEpoch);
    this.#totalSteps = cycleLength(given);
    const { maxLr, pctStart = 0.3, annealStrategy = 'cos', divFactor = 25, finalDivFactor = 1e4 } = given;
    this.#annealing = annealStrategy;
    this.#cycleMomentum = given.cycleMomentum ?? true;
    const { baseMomentum = 0.85, maxMomentum = 0.95 } = given;
    const groups = optimizer.paramGroups;
    const peaks = typeof maxLr === 'number' ? groups.map(() => maxLr) : maxLr;
    if (peaks.length !== groups.length || !peaks.every((lr) => lr > 0)) {
      throw new ArgumentError(`OneCycleLR: expected a positive maxLr for each of the ${groups.length} groups, but got ${peaks.join(', ')}`);
    }
    this.#phases = phasesOf(this.#totalSteps, pctStart, given.threePhase === true);
    if (this.#cycleMomentum && !groups.every((group) => 'momentum' in group || 'betas' in group)) {
      throw new ArgumentError('OneCycleLR: the optimizer has no momentum to cycle; pass { cycleMomentum: false }');
    }
    if (lastEpoch === -1) {
      groups.forEach((group, i) => {
        group.maxLr = peaks[i]!;
        group.initialLr = group.maxLr / divFactor;
        group.minLr = group.initialLr / finalDivFactor;
        if (!this.#cycleMomentum) return;
        setMomentum(group, maxMomentum);
        Object.assign(group, { maxMomentum, baseMomentum });
      });
    }
    this.baseLrs = groups.map((group) => group.initialLr!);
    this.begin();
  }

  get totalSteps(): number {
    return this.#totalSteps;
  }

  protected override ownState(): SchedulerState {
    const momentum = this.optimizer.paramGroups.some((group) => 'betas' in group);
    return {
      total_steps: this.#totalSteps,
      _schedule_phases: this.#phases.map(packPhase),
      _anneal_func_type: this.#annealing,
      cycle_momentum: this.#cycleMomentum,
      ...(this.#cycleMomentum ? { use_beta1: momentum } : {}),
    };
  }

  protected override readState(saved: ReadonlyMap<string, unknown>, error: MakeError): () => void {
    const totalSteps = count(saved.get('total_steps'), 'total_steps', 1, error);
    const phases = readPhases(saved.get('_schedule_phases'), error);
    const annealing = saved.get('_anneal_func_type') ?? this.#annealing; // not kept before PyTorch 2.0
    if (annealing !== 'cos' && annealing !== 'linear')
      throw error(`_anneal_func_type is ${inWords(annealing)}; expected 'cos' or 'linear'`);
    const cycleMomentum = saved.get('cycle_momentum');
    if (typeof cycleMomentum !== 'boolean') throw error(`cycle_momentum is ${inWords(cycleMomentum)}; expected true or false`);
    const without = this.optimizer.paramGroups.some((group) => group.maxMomentum === undefined);
    if (cycleMomentum && without)
      throw error('the saved schedule cycles the momentum, this one was made without; load the optimizer first');
    return () => {
      this.#totalSteps = totalSteps;
      this.#phases = phases;
      this.#annealing = annealing;
      this.#cycleMomentum = cycleMomentum;
    };
  }

  protected override rates(): number[] {
    if (this.lastEpoch > this.#totalSteps) {
      throw new ArgumentError(
        `OneCycleLR: step ${this.lastEpoch + 1} of a cycle of ${this.#totalSteps}; make the cycle as long as the training`,
      );
    }
    const phases = this.#phases;
    const within = phases.findIndex(({ end }) => this.lastEpoch <= end);
    const index = within === -1 ? phases.length - 1 : within; // one step past the end the last phase goes on, as in PyTorch
    const phase = phases[index]!;
    const start = index === 0 ? 0 : phases[index - 1]!.end;
    const part = (this.lastEpoch - start) / (phase.end - start);
    const anneal = ANNEAL[this.#annealing];
    return this.optimizer.paramGroups.map((group) => {
      const value = ([from, to]: Phase['lr'] | Phase['momentum']): number => anneal(heldBy(group, from), heldBy(group, to), part);
      if (this.#cycleMomentum) setMomentum(group, value(phase.momentum));
      return value(phase.lr);
    });
  }
}

/** A number that the cycle put into a group when it was made. */
function heldBy(group: CycleRates & { readonly initialLr?: number }, name: Phase['lr'][0] | Phase['momentum'][0]): number {
  const value = group[name];
  if (value === undefined) throw new ArgumentError(`OneCycleLR: a group has no ${name}; make the schedule after all groups were added`);
  return value;
}

function cycleLength({ totalSteps, epochs, stepsPerEpoch }: OneCycleLROptions): number {
  const total = totalSteps ?? (epochs ?? NaN) * (stepsPerEpoch ?? NaN);
  if (!Number.isInteger(total) || total < 1) {
    throw new ArgumentError(
      `OneCycleLR: expected totalSteps, or epochs and stepsPerEpoch, as whole numbers ≥ 1, but got ${totalSteps ?? `${epochs} × ${stepsPerEpoch}`}`,
    );
  }
  return total;
}
