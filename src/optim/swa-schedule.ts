/** SWALR (https://pytorch.org/docs/stable/generated/torch.optim.swa_utils.SWALR.html). */
import { arrayOf, either, FINITE, oneOf, SIZE } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { readCall } from '../base/signature.ts';
import { count, type MakeError } from './saved-state.ts';
import { LRScheduler, schedulerSignature, type AnyOptimizer, type Scheduled, type SchedulerState } from './scheduler.ts';

type Strategy = 'cos' | 'linear';
type Numbers = number | readonly number[];

export interface SWALROptions {
  /** The rate to end at, for all groups or one for each. */
  readonly swaLr: Numbers;
  /** Steps on the way there. Default 10. */
  readonly annealEpochs?: number;
  /** Along half a cosine (default) or a line. */
  readonly annealStrategy?: Strategy;
}
type Rest = Partial<SWALROptions> & { lastEpoch?: number };

const NUMBERS = either(FINITE, arrayOf(FINITE, 'numbers, one for each group'));
const KINDS = { swaLr: NUMBERS, annealEpochs: SIZE, annealStrategy: oneOf('cos', 'linear') };
const SIGNATURE = schedulerSignature<SWALROptions>('SWALR', KINDS, { required: 1 });
const SWALR_CALL = { ...SIGNATURE, example: 'new optim.swaUtils.SWALR(optimizer, 0.05)' };

const ANNEAL: Readonly<Record<Strategy, (t: number) => number>> = {
  cos: (t) => (1 - Math.cos(Math.PI * t)) / 2,
  linear: (t) => t,
};

type SwaGroup = AnyOptimizer['paramGroups'][number] & { swaLr?: number };

/**
 * From the groups' rates to a constant one, for the part of a training whose weights are averaged. The target is kept in the groups, as in
 * PyTorch (`swaLr`, saved as `swa_lr`).
 * @throws ArgumentError unless there is one target for all groups or one for each
 * @example
 * import { nn, optim } from 'flambeau';
 * const optimizer = new optim.SGD(new nn.Linear(2, 1).parameters(), 1);
 * const schedule = new optim.swaUtils.SWALR(optimizer, 0.5, 2, 'linear');
 * optimizer.step();
 * schedule.step();
 * console.log(schedule.getLastLr()); // [ 0.75 ]
 */
export class SWALR extends LRScheduler {
  #epochs: number;
  #strategy: Strategy;

  constructor(
    optimizer: AnyOptimizer | (SWALROptions & Scheduled),
    swaLr?: Numbers | Rest,
    annealEpochs?: number | Rest,
    annealStrategy?: Strategy | Rest,
    lastEpoch?: number | Rest,
  );
  constructor(...args: readonly unknown[]) {
    const { optimizer, swaLr, annealEpochs = 10, annealStrategy = 'cos', lastEpoch } = readCall(SWALR_CALL, args);
    const groups: SwaGroup[] = optimizer.paramGroups;
    const targets = typeof swaLr === 'number' ? groups.map(() => swaLr) : swaLr;
    if (targets.length !== groups.length)
      throw new ArgumentError(`SWALR: expected ${groups.length} values as swaLr, one for each group, but got ${targets.length}`);
    groups.forEach((group, i) => (group.swaLr = targets[i]!));
    super(optimizer, lastEpoch);
    this.#epochs = annealEpochs;
    this.#strategy = annealStrategy;
    this.begin();
  }

  protected override rates(): number[] {
    const groups: SwaGroup[] = this.optimizer.paramGroups;
    const anneal = ANNEAL[this.#strategy];
    const share = (step: number): number => anneal(Math.max(0, Math.min(1, step / Math.max(1, this.#epochs))));
    const step = this.#epochs === 0 ? Math.max(1, this.stepCount - 1) : this.stepCount - 1;
    const [before, now] = [share(step - 1), share(step)];
    return groups.map(({ lr, swaLr = lr }) => {
      const first = before === 1 ? swaLr : (lr - before * swaLr) / (1 - before);
      return swaLr * now + first * (1 - now);
    });
  }

  protected override ownState(): SchedulerState {
    return { _anneal_strategy: this.#strategy, anneal_epochs: this.#epochs };
  }

  protected override readState(saved: ReadonlyMap<string, unknown>, error: MakeError): () => void {
    const strategy = saved.get('_anneal_strategy');
    if (strategy !== 'cos' && strategy !== 'linear') throw error(`_anneal_strategy is ${String(strategy)}; expected 'cos' or 'linear'`);
    const epochs = count(saved.get('anneal_epochs'), 'anneal_epochs', 0, error);
    return () => {
      this.#epochs = epochs;
      this.#strategy = strategy;
    };
  }
}
