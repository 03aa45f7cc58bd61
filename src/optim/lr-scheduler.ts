/**
 * Learning-rate schedules (https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate). Call `step()` after
 * the optimizer's: once an epoch for StepLR, once a batch for OneCycleLR.
 */
import { arrayOf, BOOL, COUNT, either, FINITE, kind, NOT_NEGATIVE, oneOf, POSITIVE, PROBABILITY, requireKind, requireOptions, type OptionKinds } from '../base/arguments.ts'; // prettier-ignore
import { ArgumentError } from '../base/errors.ts';
import type { CheckpointValue } from '../io/checkpoint-value.ts';
import { inWords } from '../tensor/in-words.ts';
import { forbidWhileRecording } from '../tensor/recorder.ts';
import { ANNEAL, packPhase, phasesOf, readPhases, type Annealing, type Phase } from './cycle-phases.ts';
import { Optimizer, type BaseHyperparameters, type CycleRates } from './optimizer.ts';
import { count, loadError, members, number, rates, type MakeError } from './saved-state.ts';

type AnyOptimizer = Pick<Optimizer, 'paramGroups'> & { readonly defaults: BaseHyperparameters };

/** As PyTorch's `state_dict()` of a schedule. */
export type SchedulerState = Readonly<Record<string, StateValue>>;
type StateValue = number | boolean | string | readonly number[] | readonly Readonly<Record<string, number | string>>[];

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

  /** What a schedule keeps beside the steps, by PyTorch's names. */
  protected ownState(): SchedulerState {
    return {};
  }

  /** Reads what {@link ownState} gave, and returns what puts it in place. */
  protected readState(_saved: ReadonlyMap<string, unknown>, _error: MakeError): () => void {
    return () => undefined;
  }

  /**
   * The state in PyTorch's form and with its names; saved to a `.pt` file, it is what `load_state_dict` of the same schedule takes there.
   * @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LRScheduler.html
   */
  stateDict(): SchedulerState {
    return {
      ...this.ownState(),
      base_lrs: [...this.baseLrs],
      last_epoch: this.lastEpoch,
      _step_count: this.lastEpoch + 1,
      _is_initial: false,
      _get_lr_called_within_step: false,
      _last_lr: [...this.#lastLr],
    };
  }

  /**
   * Goes on from a state; the rates themselves are in the optimizer's.
   * @param saved - what {@link stateDict} gave, or PyTorch's `state_dict()`, as objects or as Maps from a file
   * @throws StateDictError when something does not fit; nothing is changed then
   */
  loadStateDict(saved: SchedulerState | CheckpointValue | undefined): void {
    const error = loadError(this.constructor.name);
    const state = members(saved, 'the state', error);
    const { length } = this.optimizer.paramGroups;
    const lastEpoch = count(state.get('last_epoch') ?? state.get('lastEpoch'), 'last_epoch', -1, error);
    const baseLrs = rates(state.get('base_lrs') ?? state.get('baseLrs'), 'base_lrs', length, error);
    // The first versions of PyTorch did not keep the last rates.
    const last = state.get('_last_lr') ?? state.get('lastLr');
    const lastLr = last === undefined ? undefined : rates(last, '_last_lr', length, error);
    // 0.1 of this library kept nothing else.
    const put = state.has('lastEpoch') ? () => undefined : this.readState(state, error);
    put();
    this.lastEpoch = lastEpoch;
    this.baseLrs = baseLrs;
    this.#lastLr = lastLr ?? this.optimizer.paramGroups.map((group) => group.lr);
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
  #stepSize: number;
  #gamma: number;

  /** @throws ArgumentError unless stepSize is a whole number ≥ 1 and gamma is finite */
  constructor(optimizer: AnyOptimizer, options: StepLROptions) {
    const { stepSize, gamma = 0.1 } = requireOptions<StepLROptions>('StepLR', options, STEP_OPTIONS, 'new optim.StepLR(optimizer, { stepSize: 30 })'); // prettier-ignore
    requireKind('StepLR', 'stepSize', stepSize, COUNT);
    super(optimizer);
    this.#stepSize = stepSize;
    this.#gamma = gamma;
    this.step();
  }

  get stepSize(): number {
    return this.#stepSize;
  }

  get gamma(): number {
    return this.#gamma;
  }

  protected override ownState(): SchedulerState {
    return { step_size: this.#stepSize, gamma: this.#gamma };
  }

  protected override readState(saved: ReadonlyMap<string, unknown>, error: MakeError): () => void {
    const stepSize = count(saved.get('step_size'), 'step_size', 1, error);
    const gamma = number(saved.get('gamma'), 'gamma', error);
    if (!Number.isFinite(gamma)) throw error(`gamma is ${gamma}; expected a finite number`);
    return () => {
      this.#stepSize = stepSize;
      this.#gamma = gamma;
    };
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

/**
 * One cycle up to a peak and down to almost nothing (Smith & Topin, "Super-Convergence", 2017; PyTorch's OneCycleLR).
 * @throws ArgumentError for a length that is not given or options out of range; on a step past the end
 */
export class OneCycleLR extends LRScheduler {
  #totalSteps: number;
  #phases: readonly Phase[];
  #annealing: Annealing;
  #cycleMomentum: boolean;

  constructor(optimizer: AnyOptimizer, options: OneCycleLROptions) {
    const given = requireOptions<OneCycleLROptions>('OneCycleLR', options, CYCLE_OPTIONS, 'new optim.OneCycleLR(optimizer, { maxLr: 0.1, totalSteps: 100 })'); // prettier-ignore
    requireKind('OneCycleLR', 'maxLr', given.maxLr, MAX_LR);
    super(optimizer);
    this.#totalSteps = cycleLength(given);
    const { maxLr, pctStart = 0.3, annealStrategy = 'cos', divFactor = 25, finalDivFactor = 1e4 } = given;
    this.#annealing = annealStrategy;
    this.#cycleMomentum = given.cycleMomentum ?? true;
    const { baseMomentum = 0.85, maxMomentum = 0.95 } = given;
    const groups = optimizer.paramGroups;
    const peaks = typeof maxLr === 'number' ? groups.map(() => maxLr) : maxLr;
    if (peaks.length !== groups.length || !peaks.every((lr) => lr > 0)) {
      throw new ArgumentError(
        `OneCycleLR: expected a positive maxLr for each of the ${groups.length} groups, but got ${peaks.join(', ')}`,
      );
    }
    this.#phases = phasesOf(this.#totalSteps, pctStart, given.threePhase === true);
    if (this.#cycleMomentum && !groups.every((group) => 'momentum' in group || 'betas' in group)) {
      throw new ArgumentError('OneCycleLR: the optimizer has no momentum to cycle; pass { cycleMomentum: false }');
    }
    groups.forEach((group, i) => {
      group.maxLr = peaks[i]!;
      group.initialLr = group.maxLr / divFactor;
      group.minLr = group.initialLr / finalDivFactor;
      if (this.#cycleMomentum) Object.assign(group, { maxMomentum, baseMomentum });
    });
    this.baseLrs = groups.map((group) => group.initialLr!);
    this.step();
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
    if (typeof cycleMomentum !== 'boolean')
      throw error(`cycle_momentum is ${inWords(cycleMomentum)}; expected true or false`);
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
    const index = phases.findIndex(({ end }) => this.lastEpoch <= end);
    const phase = phases[index === -1 ? phases.length - 1 : index]!;
    const start = index <= 0 ? 0 : phases[index - 1]!.end;
    const part = (this.lastEpoch - start) / (phase.end - start);
    const anneal = ANNEAL[this.#annealing];
    return this.optimizer.paramGroups.map((group) => {
      const value = ([from, to]: Phase['lr'] | Phase['momentum']): number => anneal(heldBy(group, from), heldBy(group, to), part); // prettier-ignore
      if (this.#cycleMomentum) setMomentum(group, value(phase.momentum));
      return value(phase.lr);
    });
  }
}

/** A number that the cycle put into a group when it was made. */
function heldBy(
  group: CycleRates & { readonly initialLr?: number },
  name: Phase['lr'][0] | Phase['momentum'][0],
): number {
  const value = group[name];
  if (value === undefined)
    throw new ArgumentError(`OneCycleLR: a group has no ${name}; make the schedule after all groups were added`);
  return value;
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
