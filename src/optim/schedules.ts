/** Schedules by functions, factors and powers (https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate). */
import { arrayOf, COUNT, either, FINITE, FUNCTION, kind, PROBABILITY, SIZE, type Kind } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { readCall } from '../base/signature.ts';
import { LRScheduler, schedulerSignature, SettingsScheduler, type OptimizerOrAll, type Rest, type Scheduled, type SchedulerState } from './scheduler.ts'; // prettier-ignore

type Lambda = (step: number) => number;
export interface LambdaOptions {
  /** The factor for a step, for all groups or one function for each. */
  lrLambda: Lambda | readonly Lambda[];
}
const LAMBDAS = either(FUNCTION, arrayOf(FUNCTION, 'functions, one for each group'));
const LAMBDA = schedulerSignature<LambdaOptions>(
  'LambdaLR',
  { lrLambda: LAMBDAS },
  { required: 1, example: 'LambdaLR(optimizer, (epoch) => 0.95 ** epoch)' },
);
const MULTIPLICATIVE = schedulerSignature<LambdaOptions>(
  'MultiplicativeLR',
  { lrLambda: LAMBDAS },
  { required: 1, example: 'MultiplicativeLR(optimizer, () => 0.95)' },
);

abstract class ByFunction extends LRScheduler {
  protected readonly lambdas: readonly Lambda[];

  constructor({ optimizer, lrLambda, lastEpoch }: LambdaOptions & Scheduled) {
    super(optimizer, lastEpoch);
    const groups = optimizer.paramGroups;
    const given = typeof lrLambda === 'function' ? groups.map(() => lrLambda) : lrLambda;
    if (given.length !== groups.length)
      throw new ArgumentError(`${this.constructor.name}: expected ${groups.length} functions, one for each group, but got ${given.length}`);
    this.lambdas = given;
    this.begin();
  }

  /** Functions are not saved. */
  override stateDict(): SchedulerState {
    return { ...super.stateDict(), lr_lambdas: this.lambdas.map(() => null) };
  }

  protected factor(i: number): number {
    const factor: unknown = this.lambdas[i]!(this.lastEpoch);
    if (typeof factor === 'number') return factor;
    throw new ArgumentError(`${this.constructor.name}: expected the function to give a number, but got ${typeof factor}`);
  }
}

/** The first rate times a function of the step (https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LambdaLR.html). */
export class LambdaLR extends ByFunction {
  constructor(
    optimizer: OptimizerOrAll<LambdaOptions>,
    lrLambda?: Lambda | readonly Lambda[] | Rest<LambdaOptions>,
    lastEpoch?: number | Rest<LambdaOptions>,
  );
  constructor(...args: readonly unknown[]) {
    super(readCall(LAMBDA, args));
  }

  protected override rates(): number[] {
    return this.baseLrs.map((lr, i) => lr * this.factor(i));
  }
}

/** The last rate times a function of the step (https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiplicativeLR.html). */
export class MultiplicativeLR extends ByFunction {
  constructor(
    optimizer: OptimizerOrAll<LambdaOptions>,
    lrLambda?: Lambda | readonly Lambda[] | Rest<LambdaOptions>,
    lastEpoch?: number | Rest<LambdaOptions>,
  );
  constructor(...args: readonly unknown[]) {
    super(readCall(MULTIPLICATIVE, args));
  }

  protected override rates(): number[] {
    return this.initial ? this.currentRates() : this.currentRates().map((lr, i) => lr * this.factor(i));
  }
}

export interface StepLROptions {
  /** Steps between two decays. */
  readonly stepSize: number;
  /** What the rate is multiplied by. Default 0.1. */
  readonly gamma?: number;
}
const STEP = schedulerSignature<StepLROptions>(
  'StepLR',
  { stepSize: COUNT, gamma: FINITE },
  { required: 1, example: 'StepLR(optimizer, { stepSize: 30 })' },
);

/** Multiplies the learning rate by `gamma` every `stepSize` steps (https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html). */
export class StepLR extends SettingsScheduler<Required<StepLROptions>> {
  /** @throws ArgumentError unless stepSize is a whole number ≥ 1 and gamma is finite */
  constructor(
    optimizer: OptimizerOrAll<StepLROptions>,
    stepSize?: number | Rest<StepLROptions>,
    gamma?: number | Rest<StepLROptions>,
    lastEpoch?: number | Rest<StepLROptions>,
  );
  constructor(...args: readonly unknown[]) {
    const { optimizer, lastEpoch, stepSize, gamma = 0.1 } = readCall(STEP, args);
    super(optimizer, lastEpoch, { stepSize, gamma });
    this.begin();
  }

  get stepSize(): number {
    return this.settings.stepSize;
  }

  get gamma(): number {
    return this.settings.gamma;
  }

  protected override names(): { stepSize: string; gamma: string } {
    return { stepSize: 'step_size', gamma: 'gamma' };
  }

  /** From the current rates, so that changes made by hand stay, as in PyTorch. */
  protected override rates(): number[] {
    const decay = this.lastEpoch > 0 && this.lastEpoch % this.stepSize === 0 ? this.gamma : 1;
    return this.currentRates().map((lr) => lr * decay);
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * this.gamma ** Math.floor(this.lastEpoch / this.stepSize));
  }
}

export interface MultiStepLROptions {
  /** The steps at which the rate falls. */
  readonly milestones: readonly number[];
  /** What the rate is multiplied by. Default 0.1. */
  readonly gamma?: number;
}
const MULTI_STEP = schedulerSignature<MultiStepLROptions>(
  'MultiStepLR',
  { milestones: arrayOf(SIZE, 'whole numbers'), gamma: FINITE },
  { required: 1, example: 'MultiStepLR(optimizer, [30, 80], 0.1)' },
);

/** Multiplies the learning rate by `gamma` at given steps (https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiStepLR.html). */
export class MultiStepLR extends SettingsScheduler<{ milestones: ReadonlyMap<number, number>; gamma: number }> {
  constructor(
    optimizer: OptimizerOrAll<MultiStepLROptions>,
    milestones?: readonly number[] | Rest<MultiStepLROptions>,
    gamma?: number | Rest<MultiStepLROptions>,
    lastEpoch?: number | Rest<MultiStepLROptions>,
  );
  constructor(...args: readonly unknown[]) {
    const { optimizer, lastEpoch, milestones, gamma = 0.1 } = readCall(MULTI_STEP, args);
    const counts = new Map<number, number>();
    for (const milestone of milestones) counts.set(milestone, (counts.get(milestone) ?? 0) + 1);
    super(optimizer, lastEpoch, { milestones: counts, gamma });
    this.begin();
  }

  protected override names(): { milestones: string; gamma: string } {
    return { milestones: 'milestones', gamma: 'gamma' };
  }

  protected override rates(): number[] {
    const decay = this.settings.gamma ** (this.settings.milestones.get(this.lastEpoch) ?? 0);
    return this.currentRates().map((lr) => lr * decay);
  }

  protected override closedForm(): number[] {
    let passed = 0;
    for (const [milestone, times] of this.settings.milestones) if (milestone <= this.lastEpoch) passed += times;
    return this.baseLrs.map((lr) => lr * this.settings.gamma ** passed);
  }
}

const ABOVE_0_TO_1: Kind = kind('a number above 0 and at most 1', (value) => typeof value === 'number' && value > 0 && value <= 1);

export interface ConstantLROptions {
  /** Default 1/3. */
  readonly factor?: number;
  /** Steps until the rate is whole. Default 5. */
  readonly totalIters?: number;
}
const CONSTANT = schedulerSignature<ConstantLROptions>('ConstantLR', { factor: PROBABILITY, totalIters: SIZE });

/** A part of the rate until a step (https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html). */
export class ConstantLR extends SettingsScheduler<Required<ConstantLROptions>> {
  constructor(
    optimizer: OptimizerOrAll<ConstantLROptions>,
    factor?: number | Rest<ConstantLROptions>,
    totalIters?: number | Rest<ConstantLROptions>,
    lastEpoch?: number | Rest<ConstantLROptions>,
  );
  constructor(...args: readonly unknown[]) {
    const { optimizer, lastEpoch, factor = 1 / 3, totalIters = 5 } = readCall(CONSTANT, args);
    super(optimizer, lastEpoch, { factor, totalIters });
    this.begin();
  }

  protected override names(): { factor: string; totalIters: string } {
    return { factor: 'factor', totalIters: 'total_iters' };
  }

  protected override rates(): number[] {
    const { factor, totalIters } = this.settings;
    if (this.lastEpoch === 0) return this.currentRates().map((lr) => lr * factor);
    return this.lastEpoch === totalIters ? this.currentRates().map((lr) => lr * (1 / factor)) : this.currentRates();
  }

  protected override closedForm(): number[] {
    const { factor, totalIters } = this.settings;
    return this.baseLrs.map((lr) => lr * (factor + Number(this.lastEpoch >= totalIters) * (1 - factor)));
  }
}

export interface LinearLROptions {
  /** Default 1/3. */
  readonly startFactor?: number;
  /** Default 1. */
  readonly endFactor?: number;
  /** Default 5. */
  readonly totalIters?: number;
}
const LINEAR = schedulerSignature<LinearLROptions>('LinearLR', { startFactor: ABOVE_0_TO_1, endFactor: PROBABILITY, totalIters: COUNT });

/** From one part of the rate to another in equal steps (https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html). */
export class LinearLR extends SettingsScheduler<Required<LinearLROptions>> {
  constructor(
    optimizer: OptimizerOrAll<LinearLROptions>,
    startFactor?: number | Rest<LinearLROptions>,
    endFactor?: number | Rest<LinearLROptions>,
    totalIters?: number | Rest<LinearLROptions>,
    lastEpoch?: number | Rest<LinearLROptions>,
  );
  constructor(...args: readonly unknown[]) {
    const { optimizer, lastEpoch, startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = readCall(LINEAR, args);
    super(optimizer, lastEpoch, { startFactor, endFactor, totalIters });
    this.begin();
  }

  protected override names(): { startFactor: string; endFactor: string; totalIters: string } {
    return { startFactor: 'start_factor', endFactor: 'end_factor', totalIters: 'total_iters' };
  }

  protected override rates(): number[] {
    const { startFactor, endFactor, totalIters } = this.settings;
    if (this.lastEpoch === 0) return this.currentRates().map((lr) => lr * startFactor);
    if (this.initial || this.lastEpoch > totalIters) return this.currentRates();
    const change = endFactor - startFactor;
    const factor = 1 + change / (totalIters * startFactor + (this.lastEpoch - 1) * change);
    return this.currentRates().map((lr) => lr * factor);
  }

  protected override closedForm(): number[] {
    const { startFactor, endFactor, totalIters } = this.settings;
    const factor = startFactor + ((endFactor - startFactor) * Math.min(totalIters, this.lastEpoch)) / totalIters;
    return this.baseLrs.map((lr) => lr * factor);
  }
}

export interface ExponentialLROptions {
  readonly gamma: number;
}
const EXPONENTIAL = schedulerSignature<ExponentialLROptions>(
  'ExponentialLR',
  { gamma: FINITE },
  { required: 1, example: 'ExponentialLR(optimizer, 0.9)' },
);

/** Multiplies the rate by `gamma` at every step (https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html). */
export class ExponentialLR extends SettingsScheduler<ExponentialLROptions> {
  constructor(
    optimizer: OptimizerOrAll<ExponentialLROptions>,
    gamma?: number | Rest<ExponentialLROptions>,
    lastEpoch?: number | Rest<ExponentialLROptions>,
  );
  constructor(...args: readonly unknown[]) {
    const { optimizer, lastEpoch, gamma } = readCall(EXPONENTIAL, args);
    super(optimizer, lastEpoch, { gamma });
    this.begin();
  }

  protected override names(): { gamma: string } {
    return { gamma: 'gamma' };
  }

  protected override rates(): number[] {
    return this.initial ? this.currentRates() : this.currentRates().map((lr) => lr * this.settings.gamma);
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * this.settings.gamma ** this.lastEpoch);
  }
}

export interface PolynomialLROptions {
  /** Default 5. */
  readonly totalIters?: number;
  /** Default 1. */
  readonly power?: number;
}
const POLYNOMIAL = schedulerSignature<PolynomialLROptions>('PolynomialLR', { totalIters: COUNT, power: FINITE });

/** Down to 0 along a power of what is left (https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.PolynomialLR.html). */
export class PolynomialLR extends SettingsScheduler<Required<PolynomialLROptions>> {
  constructor(
    optimizer: OptimizerOrAll<PolynomialLROptions>,
    totalIters?: number | Rest<PolynomialLROptions>,
    power?: number | Rest<PolynomialLROptions>,
    lastEpoch?: number | Rest<PolynomialLROptions>,
  );
  constructor(...args: readonly unknown[]) {
    const { optimizer, lastEpoch, totalIters = 5, power = 1 } = readCall(POLYNOMIAL, args);
    super(optimizer, lastEpoch, { totalIters, power });
    this.begin();
  }

  protected override names(): { totalIters: string; power: string } {
    return { totalIters: 'total_iters', power: 'power' };
  }

  protected override rates(): number[] {
    const { totalIters, power } = this.settings;
    if (this.initial || this.lastEpoch > totalIters) return this.currentRates();
    const decay = ((1 - this.lastEpoch / totalIters) / (1 - (this.lastEpoch - 1) / totalIters)) ** power;
    return this.currentRates().map((lr) => lr * decay);
  }

  protected override closedForm(): number[] {
    const { totalIters, power } = this.settings;
    return this.baseLrs.map((lr) => lr * (1 - Math.min(totalIters, this.lastEpoch) / totalIters) ** power);
  }
}
