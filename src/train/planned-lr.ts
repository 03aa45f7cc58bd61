/**
 * The learning rate of a training whose end is planned: a shape over all steps, which can be drawn together when time runs short, so that it always
 * ends where training ends. Undisturbed, `onecycle` gives the rates of OneCycleLR, `cosine` those of CosineAnnealingLR by steps.
 */
import { LRScheduler, type SchedulerState } from '../optim/scheduler.ts';
import { number, type MakeError } from '../optim/saved-state.ts';
import type { Optimizer } from '../optim/optimizer.ts';

export const SCHEDULE_NAMES = ['onecycle', 'cosine', 'triangle', 'none'] as const;
export type ScheduleName = (typeof SCHEDULE_NAMES)[number];

export interface PlannedLROptions {
  readonly shape: ScheduleName;
  /** Steps in all. */
  readonly totalSteps: number;
  /** Steps in which the rate rises; default 30 % of all for onecycle, 23 % for triangle, none for the others. */
  readonly warmupSteps?: number | undefined;
}

/** What the rate begins and ends with, as parts of its peak: OneCycleLR's, and those of the CIFAR-10 records (arXiv:2404.00498). */
const CYCLE = { begin: 1 / 25, end: 1 / 25 / 1e4, rise: 0.3 };
const TRIANGLE = { begin: 0.2, end: 0.07, rise: 0.23 };
/** The first step of a warm-up is no standstill. */
const WARMUP_BEGIN = 0.01;

const cosine = (from: number, to: number, part: number): number => to + ((from - to) / 2) * (Math.cos(Math.PI * part) + 1);
const linear = (from: number, to: number, part: number): number => from + (to - from) * part;

/** The part of the peak rate at a step of a shape of `total` steps, both whole or not. */
export function rateAt(step: number, { shape, totalSteps, warmupSteps }: PlannedLROptions): number {
  const end = totalSteps - 1;
  const at = Math.min(step, end);
  if (shape === 'onecycle' || shape === 'triangle') {
    const { begin, end: last, rise } = shape === 'onecycle' ? CYCLE : TRIANGLE;
    const between = shape === 'onecycle' ? cosine : linear;
    const top = (warmupSteps ?? rise * totalSteps) - 1;
    return at <= top && top > 0 ? between(begin, 1, at / top) : between(1, last, (at - top) / (end - top));
  }
  const warmup = Math.min(warmupSteps ?? 0, totalSteps);
  if (at < warmup) return linear(WARMUP_BEGIN, 1, at / warmup);
  return shape === 'none' ? 1 : cosine(1, 0, (at - warmup) / (totalSteps - warmup));
}

/** Rates for every step; {@link endAfter} changes how many there will be. */
export class PlannedLR extends LRScheduler {
  readonly #options: PlannedLROptions;
  readonly #peaks: readonly number[];
  /** Where the present pace began: the step, and the step of the shape there. */
  #from = { step: 0, shape: 0 };
  /** Steps of the shape in a step of training. */
  #pace = 1;

  constructor(optimizer: Optimizer, options: PlannedLROptions) {
    super(optimizer);
    this.#options = options;
    this.#peaks = optimizer.paramGroups.map((group) => group.lr);
    this.begin();
  }

  #shapeStep(): number {
    return this.#from.shape + (this.lastEpoch - this.#from.step) * this.#pace;
  }

  /** Goes through what is left of the shape in so many further steps. */
  endAfter(steps: number): void {
    const shape = this.#shapeStep();
    this.#pace = Math.max(this.#options.totalSteps - shape, 0) / Math.max(steps, 1);
    this.#from = { step: this.lastEpoch, shape };
  }

  protected override rates(): number[] {
    const part = rateAt(this.#shapeStep(), this.#options);
    return this.#peaks.map((peak) => peak * part);
  }

  protected override ownState(): SchedulerState {
    return { from_step: this.#from.step, from_shape: this.#from.shape, pace: this.#pace };
  }

  /** Runs of before have the state of OneCycleLR, which counts its steps alike. */
  protected override readState(saved: ReadonlyMap<string, unknown>, error: MakeError): () => void {
    const step = number(saved.get('from_step') ?? 0, 'from_step', error);
    const shape = number(saved.get('from_shape') ?? 0, 'from_shape', error);
    const pace = number(saved.get('pace') ?? 1, 'pace', error);
    return () => {
      this.#from = { step, shape };
      this.#pace = pace;
    };
  }
}
