/** What learning-rate schedules have in common: steps, base rates, state in PyTorch's form. */
import { kind, requireKind, WHOLE, type Kind } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { signature, type Signature } from '../base/signature.ts';
import type { CheckpointValue } from '../io/checkpoint-value.ts';
import { inWords } from '../tensor/in-words.ts';
import { forbidWhileRecording } from '../tensor/recorder.ts';
import { Optimizer, type BaseHyperparameters } from './optimizer.ts';
import { count, items, loadError, members, number, rates, type MakeError } from './saved-state.ts';

export type AnyOptimizer = Pick<Optimizer, 'paramGroups'> & { readonly defaults: BaseHyperparameters };

/** As PyTorch's `state_dict()` of a schedule. */
export type SchedulerState = Readonly<Record<string, StateValue>>;
type StateValue = number | boolean | string | null | readonly (number | null)[] | readonly SchedulerState[] | ReadonlyMap<number, number>;

const OPTIMIZER = kind('an optimizer', (value) => value instanceof Optimizer);
const LAST_EPOCH = kind('a whole number ≥ -1', (value) => WHOLE.accepts(value) && (value as number) >= -1);

export interface Scheduled {
  optimizer: AnyOptimizer;
  lastEpoch?: number;
}

/** An optimizer, or an object with it and all options by name. */
export type OptimizerOrAll<O> = AnyOptimizer | (O & Scheduled);
/** What may follow the optimizer, by name. */
export type Rest<O> = Partial<O> & { lastEpoch?: number };

/** A schedule's signature: the optimizer, what is its own, and the step to go on from. */
export function schedulerSignature<O extends object>(
  name: string,
  kinds: { readonly [K in keyof O]-?: Kind },
  { required = 0, example = '' }: { required?: number; example?: string } = {},
): Signature<O & Scheduled> {
  const all = { optimizer: OPTIMIZER, ...kinds, lastEpoch: LAST_EPOCH } as unknown as Signature<O & Scheduled>['kinds'];
  return signature<O & Scheduled>(name, all, {
    required: required + 1,
    ...(example === '' ? {} : { example: `new optim.lrScheduler.${example}` }),
  });
}

/**
 * A schedule: how the learning rates follow from the number of steps. One of your own says them in `getLr`, and ends its constructor with `begin`,
 * which sets those of step 0.
 * @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LRScheduler.html
 * @example
 * import { nn, optim, tensor } from 'flambeau';
 * class WarmUp extends optim.lrScheduler.LRScheduler {
 *   total: number;
 *   constructor(optimizer: optim.Optimizer, total: number, lastEpoch = -1) {
 *     super(optimizer, lastEpoch);
 *     this.total = total;
 *     this.begin();
 *   }
 *   override getLr(): number[] {
 *     return this.baseLrs.map((lr) => (lr * (this.lastEpoch + 1)) / this.total);
 *   }
 * }
 * const optimizer = new optim.SGD([new nn.Parameter(tensor([1]))], { lr: 1 });
 * const schedule = new WarmUp(optimizer, 4);
 * schedule.step();
 * if (optimizer.paramGroups[0]!.lr !== 0.5) throw new Error('a quarter at first, then half');
 */
export abstract class LRScheduler {
  readonly optimizer: AnyOptimizer;
  /** Steps so far. */
  lastEpoch: number;
  protected baseLrs: number[];
  protected stepCount = 0;
  /** While the constructor sets the first rates. */
  protected initial = false;
  #lastLr: number[] = [];

  /**
   * @param lastEpoch the step to go on from, -1 to begin
   * @throws ArgumentError when going on with groups that no schedule has begun with
   */
  constructor(optimizer: AnyOptimizer, lastEpoch = -1) {
    requireKind(this.constructor.name, 'the optimizer', optimizer, OPTIMIZER);
    requireKind(this.constructor.name, 'lastEpoch', lastEpoch, LAST_EPOCH);
    this.optimizer = optimizer;
    this.lastEpoch = lastEpoch;
    this.baseLrs = optimizer.paramGroups.map((group, i) => {
      if (lastEpoch === -1) return (group.initialLr ??= group.lr);
      if (group.initialLr === undefined)
        throw new ArgumentError(
          `${this.constructor.name}: to go on from step ${lastEpoch}, group ${i} needs an initialLr; load the optimizer's state first`,
        );
      return group.initialLr;
    });
  }

  /** The learning rates for `lastEpoch`, one for each group: a schedule of one's own overrides it. */
  getLr(): number[] {
    return this.rates();
  }

  protected rates(): number[] {
    const { name } = this.constructor;
    throw new ArgumentError(`${name}: a schedule needs getLr(), which gives the learning rate of each group; ${name} has none`);
  }

  /** The same without looking at the groups, where there is such a formula. */
  protected closedForm(): number[] | undefined {
    return undefined;
  }

  /** Sets the rates of step 0, or of the step to go on from; a constructor ends with it. */
  begin(): void {
    this.stepCount = 0;
    this.initial = true;
    try {
      this.step();
    } finally {
      this.initial = false;
    }
  }

  /**
   * Moves on by one and sets the groups' learning rates.
   * @param epoch the step to move to instead (deprecated in PyTorch, too)
   */
  step(epoch?: number): void {
    forbidWhileRecording('step: a schedule counts in JavaScript', 'call scheduler.step() after the compiled function');
    if (epoch !== undefined) requireKind(`${this.constructor.name}.step`, 'the epoch', epoch, WHOLE);
    this.stepCount++;
    this.moveTo(epoch);
  }

  /** @internal {@link step} without counting it. */
  moveTo(epoch?: number): void {
    const before = this.lastEpoch;
    this.lastEpoch = epoch ?? before + 1;
    const rates = (epoch === undefined ? undefined : this.closedForm()) ?? this.getLr();
    this.setRates(rates);
  }

  protected setRates(rates: readonly number[]): void {
    this.optimizer.paramGroups.forEach((group, i) => {
      group.lr = rates[i]!;
    });
    this.#lastLr = [...rates];
  }

  /** What the groups have now. */
  protected currentRates(): number[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
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
      _step_count: this.stepCount,
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
    this.prepareLoad(saved, loadError(this.constructor.name))();
  }

  /** @internal Checks a state, and returns what puts it in place. */
  prepareLoad(saved: unknown, error: MakeError): () => void {
    const state = members(saved, 'the state', error);
    const { length } = this.optimizer.paramGroups;
    const lastEpoch = count(state.get('last_epoch') ?? state.get('lastEpoch'), 'last_epoch', -1, error);
    const baseLrs = rates(state.get('base_lrs') ?? state.get('baseLrs'), 'base_lrs', length, error);
    // The first versions of PyTorch did not keep the last rates.
    const last = state.get('_last_lr') ?? state.get('lastLr');
    const lastLr = last === undefined ? undefined : rates(last, '_last_lr', length, error);
    const steps = state.get('_step_count');
    const stepCount = steps === undefined ? lastEpoch + 1 : count(steps, '_step_count', 0, error);
    // 0.1 of this library kept nothing else.
    const put = state.has('lastEpoch') ? () => undefined : this.readState(state, error);
    return () => {
      put();
      this.lastEpoch = lastEpoch;
      this.baseLrs = baseLrs;
      this.stepCount = stepCount;
      this.#lastLr = lastLr ?? this.currentRates();
    };
  }

  /** Sets what {@link getLastLr} gives. */
  protected note(rates: readonly number[]): void {
    this.#lastLr = [...rates];
  }
}

/** What is the schedule's own, saved under PyTorch's names. */
export abstract class SettingsScheduler<S extends object> extends LRScheduler {
  protected settings: S;

  constructor(optimizer: AnyOptimizer, lastEpoch: number | undefined, settings: S) {
    super(optimizer, lastEpoch);
    this.settings = settings;
  }

  /** PyTorch's names, in its order, by ours. */
  protected abstract names(): { readonly [K in keyof S & string]: string };

  protected override ownState(): SchedulerState {
    const values = this.settings as Record<string, StateValue>;
    return Object.fromEntries(Object.entries<string>(this.names()).map(([ours, theirs]) => [theirs, values[ours]!]));
  }

  protected override readState(saved: ReadonlyMap<string, unknown>, error: MakeError): () => void {
    const next = { ...this.settings } as Record<string, unknown>;
    for (const [ours, theirs] of Object.entries<string>(this.names())) next[ours] = readLike(next[ours], saved.get(theirs), theirs, error);
    return () => {
      this.settings = next as S;
    };
  }
}

/** A value of the kind that is there already. */
function readLike(own: unknown, value: unknown, name: string, error: MakeError): unknown {
  if (typeof own === 'number') {
    const read = number(value, name, error);
    if (Number.isInteger(own) ? Number.isNaN(read) : !Number.isFinite(read)) throw error(`${name} is ${read}; expected a finite number`);
    return read;
  }
  if (Array.isArray(own)) return items(value, name, error).map((item) => number(item, name, error));
  if (own instanceof Map)
    return new Map(
      [...members(value, name, error)].map(([at, times]) => [count(Number(at), name, 0, error), count(times, name, 1, error)]),
    );
  if (typeof own === typeof value) return value;
  throw error(`${name} is ${inWords(value)}; expected a ${typeof own}`);
}
