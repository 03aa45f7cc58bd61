/**
 * The range test for learning rates (L. N. Smith, Cyclical Learning Rates for Training Neural Networks, 2017, https://arxiv.org/abs/1506.01186): a short training whose
 * rate grows from step to step, by the same factor each time. Too small a rate changes nothing, a good one makes the loss fall, too large a one makes it
 * grow. The rate to train with is about where the smoothed loss falls fastest.
 */
import { COUNT, instanceOf, kind, POSITIVE, requireKind, requireOptions, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { CrossEntropyLoss } from '../nn/layers/loss.ts';
import { Optimizer } from '../optim/optimizer.ts';
import { BATCHES } from './evaluation.ts';
import { pair, Meter, type BatchSource } from './progress.ts';
import { trainStep, type Pair, type TrainStep } from './steps.ts';
import { TRAINER_OPTIONS, type TrainerOptions } from './trainer-options.ts';
import { randomStates, setRandomStates } from './trainer-state.ts';
import { TrainedState } from './trained-state.ts';

/** What the test has in common with training: it must do what training will do. */
type Shared = 'model' | 'criterion' | 'accumulate' | 'clipNorm' | 'clipValue' | 'mix' | 'freeze' | 'generators' | 'signal' | 'compile';

/** Options of {@link findLearningRate}: those of the trainer that matter here, and those of the test. */
export interface LearningRateOptions extends Pick<TrainerOptions, Shared> {
  /** The optimizer of training; its groups keep the ratio of their rates. */
  readonly optimizer: Optimizer;
  /** As that of the trainer. @internal */
  readonly processes?: TrainerOptions['processes'];
  /** The first and the last rate. Default 1e-5 and 10. */
  readonly from?: number;
  readonly to?: number;
  /** Updates from the one to the other, default 200. The batches are gone through again when there are fewer. */
  readonly steps?: number;
  /** How much of the mean of losses is kept from step to step, 0 for none of it. Default 0.9. */
  readonly smoothing?: number;
  /** The test ends when the smoothed loss is above so many times the lowest. Default 4. */
  readonly divergence?: number;
  /** Called after every update. */
  readonly onStep?: (step: LearningRateStep) => void;
}

/** One update of the test. */
export interface LearningRateStep {
  /** From 1. */
  readonly step: number;
  readonly steps: number;
  /** The first group's rate. */
  readonly lr: number;
  readonly loss: number;
  /** The exponential mean of the losses up to here, corrected for its beginning. */
  readonly smoothed: number;
}

export interface LearningRateResult {
  /** The rate to train with: where the loss falls fastest, but at most a quarter of where it is lowest. Undefined when it does not fall anywhere. */
  readonly suggestion: number | undefined;
  /** Where the smoothed loss falls fastest before it is lowest. */
  readonly steepest: number | undefined;
  /** Where it is lowest; a tenth of it is another usual choice. NaN without steps. */
  readonly lowest: number;
  /** All updates, as a plot of `smoothed` over the logarithm of `lr` needs them. */
  readonly steps: readonly LearningRateStep[];
  /** What ended it: the last rate, a loss that grew without bounds or was no number, the signal. */
  readonly ended: 'range' | 'diverged' | 'aborted';
}

const FACTOR = kind('a finite number above 1', (value) => Number.isFinite(value) && (value as number) > 1);
const SMOOTHING = kind('a number ≥ 0 and below 1', (value) => typeof value === 'number' && value >= 0 && value < 1);
const { model, criterion, accumulate, clipNorm, clipValue, mix, freeze, generators, signal, compile, processes, onProgress } =
  TRAINER_OPTIONS;
const KINDS: OptionKinds<LearningRateOptions> = {
  ...{ model, criterion, accumulate, clipNorm, clipValue, mix, freeze, generators, signal, compile, processes },
  optimizer: instanceOf("an optimizer of flambeau's, whose rates can be set", Optimizer),
  from: POSITIVE,
  to: POSITIVE,
  steps: COUNT,
  smoothing: SMOOTHING,
  divergence: FACTOR,
  onStep: onProgress,
};
const EXAMPLE = 'findLearningRate({ model, optimizer }, batches)';

/** What a mean of equal losses may change by, for its size. */
const ROUNDING = 1e-9;

/**
 * A short test sees the loss fall late, so that it may fall fastest just before it diverges, where a whole training would: networks that are slow to begin, such as the
 * tutorials', learn best with a quarter of the rate of the lowest loss, and hardly anything with that rate.
 */
const BELOW_LOWEST = 4;

/** At the beginning the mean is of few losses, and at the end the loss has begun to grow: slopes there say nothing. */
const [SKIPPED_FIRST, SKIPPED_LAST] = [10, 1];

/**
 * Finds a learning rate by Smith's range test. Model, optimizer, gradients and random states are afterwards what they were before: the training that
 * follows is the one that would have been without the test.
 *
 * Losses are smoothed with bias correction, the test ends where the loss diverges, and the rate of the steepest descent is found, as in
 * fastai's and PyTorch Lightning's finders.
 *
 * @param batches - [inputs, targets], as for `Trainer.fit`
 * @throws ArgumentError for options that are none, `from` not below `to`, or no batches
 * @see https://lightning.ai/docs/pytorch/stable/api/lightning.pytorch.tuner.tuning.Tuner.html
 * @example
 * import { nn, optim, randn, randint } from 'flambeau';
 * import { findLearningRate } from 'flambeau/train';
 *
 * const model = new nn.Sequential(new nn.Flatten(), new nn.Linear(16, 2));
 * const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
 * const batches = [[randn(8, 1, 4, 4), randint(0, 2, [8])]];
 * const loader = { length: 1, [Symbol.asyncIterator]: async function* () { yield* batches; } };
 * const { suggestion, steps } = await findLearningRate({ model, optimizer, steps: 50 }, loader);
 * console.log(suggestion ?? 'the loss does not fall', steps.length);
 * if (optimizer.paramGroups[0]?.lr !== 0.1) throw new Error('the optimizer is as it was');
 */
export async function findLearningRate(options: LearningRateOptions, batches: BatchSource): Promise<LearningRateResult> {
  const given = requireOptions<LearningRateOptions>('findLearningRate', options, KINDS, EXAMPLE);
  requireKind('findLearningRate', 'model', given.model, KINDS.model, `write ${EXAMPLE}`);
  requireKind('findLearningRate', 'optimizer', given.optimizer, KINDS.optimizer, `write ${EXAMPLE}`);
  requireKind('findLearningRate', 'the batches', batches, BATCHES, `write ${EXAMPLE}`);
  const { from = 1e-5, to = 10, generators: own = [] } = given;
  if (!(from < to)) throw new ArgumentError(`findLearningRate: expected from to be below to, but got ${from} and ${to}`);
  const random = randomStates(own);
  const before = new TrainedState(given.model, given.optimizer);
  before.putGradientsAside();
  try {
    return await new RangeTest(given, batches.length).run(batches);
  } finally {
    before.restore();
    setRandomStates(random, own);
  }
}

/** The training of the test. */
class RangeTest {
  readonly #options: LearningRateOptions;
  readonly #count: number;
  readonly #rates: readonly number[];
  readonly #curve: LossCurve;
  readonly #meter: Meter;

  constructor(options: LearningRateOptions, batches: number) {
    const { optimizer, steps = 200, smoothing = 0.9, divergence = 4 } = options;
    this.#options = options;
    this.#count = steps;
    const rates = optimizer.paramGroups.map((group) => group.lr);
    this.#rates = rates.map((rate) => (rates[0]! > 0 ? rate / rates[0]! : 1));
    this.#curve = new LossCurve(steps, smoothing, divergence);
    this.#meter = new Meter('train', batches, 1, 1, undefined);
  }

  async run(batches: BatchSource): Promise<LearningRateResult> {
    const { model, optimizer, freeze: frozen, criterion = new CrossEntropyLoss(), accumulate: size = 1, compile = true, clipNorm, clipValue, mix: mixed, processes: others } = this.#options; // prettier-ignore
    model.train();
    if (frozen !== undefined && frozen.epochs > 0) for (const parameter of frozen.parameters) parameter.requiresGrad_(false);
    const shared = others?.wrap(model);
    const hold = shared && (<T>(fn: () => T): T => shared.noSync(fn));
    const step = trainStep(shared ?? model, criterion, optimizer, { compile, clipNorm, clipValue, hold });
    let group: Pair[] = [];
    for (;;) {
      let seen = 0;
      others?.begin();
      for await (const batch of batches) {
        if (others === undefined && this.#isAborted()) return this.#curve.result('aborted');
        const [inputs, targets] = pair(batch);
        group.push(mixed?.(inputs, targets) ?? [inputs, targets]);
        if (++seen < batches.length && group.length < size) continue;
        const { loss, isAborted } = this.#step(step, this.#atRate(group), batches, seen);
        if (isAborted) return this.#curve.result('aborted');
        const ended = this.#update(loss);
        if (ended !== undefined) return ended;
        group = [];
        await this.#meter.breathe();
      }
      if (seen === 0) throw new ArgumentError('findLearningRate: the training set has no batches');
    }
  }

  readonly #isAborted = (): boolean => this.#options.signal?.aborted === true;

  /** A step of this process, or of all that train together. */
  #step(step: TrainStep, group: readonly Pair[], train: BatchSource, upTo: number): { readonly loss: number; readonly isAborted: boolean } {
    const { processes: others } = this.#options;
    if (others === undefined) return { loss: step(group), isAborted: false };
    return others.update(step, group, { train, upTo, steps: this.#curve.length, isAborted: this.#isAborted });
  }

  /** Sets the rate of the step that comes next. */
  #atRate(group: readonly Pair[]): readonly Pair[] {
    const lr = this.#rate();
    this.#options.optimizer.paramGroups.forEach((of, i) => (of.lr = lr * this.#rates[i]!));
    return group;
  }

  #rate(): number {
    const { from = 1e-5, to = 10 } = this.#options;
    return from * (to / from) ** (this.#curve.length / Math.max(this.#count - 1, 1));
  }

  /** Notes a loss; gives the result when it was the last. */
  #update(loss: number): LearningRateResult | undefined {
    const step = this.#curve.add(this.#rate(), loss);
    if (step === undefined) return this.#curve.result('diverged');
    this.#options.onStep?.(step);
    if (this.#curve.hasDiverged) return this.#curve.result('diverged');
    return this.#curve.length === this.#count ? this.#curve.result('range') : undefined;
  }
}

/** The losses by rate, smoothed. */
export class LossCurve {
  readonly #count: number;
  readonly #kept: number;
  readonly #divergence: number;
  readonly #steps: LearningRateStep[] = [];
  #mean = 0;
  #best = Infinity;

  constructor(count: number, kept: number, divergence: number) {
    [this.#count, this.#kept, this.#divergence] = [count, kept, divergence];
  }

  get length(): number {
    return this.#steps.length;
  }

  get hasDiverged(): boolean {
    return (this.#steps.at(-1)?.smoothed ?? 0) > this.#divergence * this.#best;
  }

  /** Undefined for a loss that is not finite: it has no place in a curve. */
  add(lr: number, loss: number): LearningRateStep | undefined {
    if (!Number.isFinite(loss)) return undefined;
    const step = this.#steps.length + 1;
    this.#mean = this.#kept * this.#mean + (1 - this.#kept) * loss;
    const smoothed = this.#mean / (1 - this.#kept ** step); // the mean began at 0
    const added = { step, steps: this.#count, lr, loss, smoothed };
    this.#steps.push(added);
    this.#best = Math.min(this.#best, smoothed);
    return added;
  }

  result(ended: LearningRateResult['ended']): LearningRateResult {
    const steps = [...this.#steps];
    const place = steps.findIndex(({ smoothed }) => smoothed === this.#best);
    const lowest = steps[place]?.lr ?? NaN;
    const fastest = steepest(steps, place)?.lr;
    const suggestion = fastest === undefined ? undefined : Math.min(fastest, lowest / BELOW_LOWEST);
    return { suggestion, steepest: fastest, lowest, steps, ended };
  }
}

/**
 * The step at which the loss falls fastest, which is over the logarithm of the rate; up to its lowest value, since it falls again from peaks that it has
 * reached when it has grown.
 */
function steepest(all: readonly LearningRateStep[], lowest: number): LearningRateStep | undefined {
  const steps = all.slice(SKIPPED_FIRST, all.length - SKIPPED_LAST);
  const slopes = steps.slice(0, Math.max(lowest - SKIPPED_FIRST + 1, 0)).map((_, i) => {
    const [before, after] = [Math.max(i - 1, 0), Math.min(i + 1, steps.length - 1)];
    return (steps[after]!.smoothed - steps[before]!.smoothed) / Math.max(after - before, 1);
  });
  const fastest = Math.min(...slopes);
  return fastest < -ROUNDING * Math.abs(all[0]?.smoothed ?? NaN) ? steps[slopes.indexOf(fastest)] : undefined;
}
