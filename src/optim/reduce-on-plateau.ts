/** The schedule that looks at how training goes (https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html). */
import { arrayOf, either, kind, NOT_NEGATIVE, NUMBER, oneOf, requireKind, show, SIZE } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import { forbidWhileRecording } from '../tensor/recorder.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { LRScheduler, schedulerSignature, type AnyOptimizer, type SchedulerState } from './scheduler.ts';
import { count, members, number, rates, type MakeError } from './saved-state.ts';

type Mode = 'min' | 'max';
type ThresholdMode = 'rel' | 'abs';

export interface ReduceLROnPlateauOptions {
  /** Whether the metric should fall or grow. Default 'min'. */
  readonly mode?: Mode;
  /** What the rate is multiplied by. Default 0.1. */
  readonly factor?: number;
  /** Steps without progress that are borne. Default 10. */
  readonly patience?: number;
  /** What counts as progress. Default 1e-4. */
  readonly threshold?: number;
  /** Whether the threshold is a part of the best metric, or a difference. Default 'rel'. */
  readonly thresholdMode?: ThresholdMode;
  /** Steps after a reduction in which nothing counts. Default 0. */
  readonly cooldown?: number;
  /** The least rate, for all groups or one for each. Default 0. */
  readonly minLr?: number | readonly number[];
  /** Smaller changes of the rate are left out. Default 1e-8. */
  readonly eps?: number;
}

const BELOW_1 = kind('a number below 1', (value) => typeof value === 'number' && value < 1);
const { op, kinds } = schedulerSignature<ReduceLROnPlateauOptions>('ReduceLROnPlateau', {
  mode: oneOf('min', 'max'),
  factor: BELOW_1,
  patience: SIZE,
  threshold: NUMBER,
  thresholdMode: oneOf('rel', 'abs'),
  cooldown: SIZE,
  minLr: either(NOT_NEGATIVE, arrayOf(NOT_NEGATIVE, 'numbers, one for each group')),
  eps: NOT_NEGATIVE,
});
const { lastEpoch: _, ...OWN } = kinds;
type All = ReduceLROnPlateauOptions & { optimizer: AnyOptimizer };
const SIGNATURE = signature<All>(op, OWN, { required: 1, example: "new optim.lrScheduler.ReduceLROnPlateau(optimizer, 'min')" });
const METRIC = kind(
  'a number or a tensor of one element',
  (value) => typeof value === 'number' || (isTensor(value) && value.layout.numel === 1),
);

/** Reduces the rates when a metric has stopped getting better; `step(metric)` after each epoch. */
export class ReduceLROnPlateau extends LRScheduler {
  #settings: Required<Omit<ReduceLROnPlateauOptions, 'minLr'>>;
  #defaultMinLr: number | null;
  #minLrs: readonly number[];
  #best: number;
  #cooldownCounter = 0;
  #badEpochs = 0;

  constructor(
    optimizer: AnyOptimizer | All,
    mode?: Mode | ReduceLROnPlateauOptions,
    factor?: number | ReduceLROnPlateauOptions,
    patience?: number | ReduceLROnPlateauOptions,
    threshold?: number | ReduceLROnPlateauOptions,
    thresholdMode?: ThresholdMode | ReduceLROnPlateauOptions,
    cooldown?: number | ReduceLROnPlateauOptions,
    minLr?: number | readonly number[] | ReduceLROnPlateauOptions,
    eps?: number | ReduceLROnPlateauOptions,
  );
  constructor(...args: readonly unknown[]) {
    const { optimizer, minLr = 0, ...given } = readCall(SIGNATURE, args);
    super(optimizer);
    const groups = optimizer.paramGroups;
    if (typeof minLr !== 'number' && minLr.length !== groups.length)
      throw new ArgumentError(`${op}: expected ${groups.length} rates as minLr, one for each group, but got ${minLr.length}`);
    this.#settings = { mode: 'min', factor: 0.1, patience: 10, threshold: 1e-4, thresholdMode: 'rel', cooldown: 0, eps: 1e-8, ...given };
    this.#defaultMinLr = typeof minLr === 'number' ? minLr : null;
    this.#minLrs = typeof minLr === 'number' ? groups.map(() => minLr) : [...minLr];
    this.#best = this.#worst();
    this.lastEpoch = 0;
    this.note(this.currentRates());
  }

  #worst(): number {
    return this.#settings.mode === 'min' ? Infinity : -Infinity;
  }

  protected override rates(): number[] {
    return this.currentRates();
  }

  /** @param metrics what is watched: a number, or a tensor of one element */
  override step(metrics?: number | Tensor, epoch?: number): void {
    requireKind(`${op}.step`, 'the metric', metrics, METRIC, 'write scheduler.step(validationLoss)');
    forbidWhileRecording('step: a schedule counts in JavaScript', 'call scheduler.step() after the compiled function');
    const current = isTensor(metrics) ? metrics.item() : metrics!;
    this.lastEpoch = epoch ?? this.lastEpoch + 1;
    if (this.#isBetter(current)) {
      this.#best = current;
      this.#badEpochs = 0;
    } else this.#badEpochs++;
    if (this.#cooldownCounter > 0) {
      this.#cooldownCounter--;
      this.#badEpochs = 0;
    }
    if (this.#badEpochs > this.#settings.patience) {
      this.#reduce();
      this.#cooldownCounter = this.#settings.cooldown;
      this.#badEpochs = 0;
    }
    this.note(this.currentRates());
  }

  #isBetter(current: number): boolean {
    const { mode, threshold, thresholdMode } = this.#settings;
    const best = this.#best;
    if (mode === 'min') return current < (thresholdMode === 'rel' ? best * (1 - threshold) : best - threshold);
    return current > (thresholdMode === 'rel' ? best * (threshold + 1) : best + threshold);
  }

  #reduce(): void {
    const { factor, eps } = this.#settings;
    const groups = this.optimizer.paramGroups;
    if (groups.length !== this.#minLrs.length) {
      if (this.#defaultMinLr === null)
        throw new ArgumentError(
          `${op}: the optimizer has ${groups.length} groups by now, and minLr ${this.#minLrs.length} rates; make the schedule after all groups were added`,
        );
      this.#minLrs = groups.map(() => this.#defaultMinLr!);
    }
    groups.forEach((group, i) => {
      const next = Math.max(group.lr * factor, this.#minLrs[i]!);
      if (group.lr - next > eps) group.lr = next;
    });
  }

  override stateDict(): SchedulerState {
    const { factor, patience, cooldown, eps, mode, threshold, thresholdMode } = this.#settings;
    return {
      factor,
      default_min_lr: this.#defaultMinLr,
      min_lrs: [...this.#minLrs],
      patience,
      cooldown,
      eps,
      last_epoch: this.lastEpoch,
      _last_lr: this.getLastLr(),
      mode_worse: this.#worst(),
      mode,
      threshold,
      threshold_mode: thresholdMode,
      best: this.#best,
      cooldown_counter: this.#cooldownCounter,
      num_bad_epochs: this.#badEpochs,
    };
  }

  /** @internal */
  override prepareLoad(saved: unknown, error: MakeError): () => void {
    const state = members(saved, 'the state', error);
    const { length } = this.optimizer.paramGroups;
    const named = (name: string): number => number(state.get(name), name, error);
    const whole = (name: string): number => count(state.get(name), name, 0, error);
    const word = <W extends string>(name: string, ...words: readonly W[]): W => {
      const value = state.get(name) as W;
      if (words.includes(value)) return value;
      throw error(`${name} is ${show(value)}; expected one of ${words.join(', ')}`);
    };
    const settings = {
      mode: word<Mode>('mode', 'min', 'max'),
      factor: named('factor'),
      patience: whole('patience'),
      threshold: named('threshold'),
      thresholdMode: word<ThresholdMode>('threshold_mode', 'rel', 'abs'),
      cooldown: whole('cooldown'),
      eps: named('eps'),
    };
    const minLrs = rates(state.get('min_lrs'), 'min_lrs', length, error);
    const lowest = state.get('default_min_lr');
    const [best, cooldownCounter, badEpochs] = [named('best'), whole('cooldown_counter'), whole('num_bad_epochs')];
    const lastEpoch = whole('last_epoch');
    const last = state.get('_last_lr');
    const lastLr = last === undefined ? this.currentRates() : rates(last, '_last_lr', length, error);
    const defaultMinLr = typeof lowest === 'number' ? lowest : null;
    return () => {
      this.#settings = settings;
      this.#minLrs = minLrs;
      this.#defaultMinLr = defaultMinLr;
      [this.#best, this.#cooldownCounter, this.#badEpochs] = [best, cooldownCounter, badEpochs];
      this.lastEpoch = lastEpoch;
      this.note(lastLr);
    };
  }
}
