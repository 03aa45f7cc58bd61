/** Schedules made of schedules: one after the other, or all at once. */
import { arrayOf, kind, SIZE, instanceOf } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { forbidWhileRecording } from '../tensor/recorder.ts';
import { ReduceLROnPlateau } from './reduce-on-plateau.ts';
import { LRScheduler, schedulerSignature, type AnyOptimizer, type Scheduled, type SchedulerState } from './scheduler.ts';
import { count, items, members, rates, type MakeError } from './saved-state.ts';

const SCHEDULERS = arrayOf(instanceOf('a schedule', LRScheduler), 'schedules');

/** @throws ArgumentError for none, for one of another optimizer, or one whose step asks for a metric */
function requireSchedulers(op: string, optimizer: AnyOptimizer | undefined, list: readonly LRScheduler[]): AnyOptimizer {
  const [first] = list;
  if (first === undefined) throw new ArgumentError(`${op}: expected at least one schedule, but got none`);
  const owner = optimizer ?? first.optimizer;
  list.forEach((scheduler, i) => {
    if (scheduler instanceof ReduceLROnPlateau)
      throw new ArgumentError(`${op}: ReduceLROnPlateau (number ${i}) needs a metric at every step; call its step() yourself`);
    if (scheduler.optimizer !== owner) throw new ArgumentError(`${op}: schedule ${i} belongs to another optimizer`);
  });
  return owner;
}

/** Their states, checked together before any is put in place. */
function prepareAll(list: readonly LRScheduler[], saved: ReadonlyMap<string, unknown>, error: MakeError): () => void {
  const states = items(saved.get('_schedulers'), '_schedulers', error);
  if (states.length !== list.length) throw error(`_schedulers has ${states.length} states for ${list.length} schedules`);
  const puts = list.map((scheduler, i) => scheduler.prepareLoad(states[i], error));
  return () => {
    for (const put of puts) put();
  };
}

export interface SequentialLROptions {
  readonly schedulers: readonly LRScheduler[];
  /** The steps at which the next schedule begins, one fewer than schedules. */
  readonly milestones: readonly number[];
}
const SEQUENTIAL = schedulerSignature<SequentialLROptions>(
  'SequentialLR',
  { schedulers: SCHEDULERS, milestones: arrayOf(SIZE, 'whole numbers') },
  { required: 2, example: 'SequentialLR(optimizer, [warmup, decay], [5])' },
);
type RestOfSequential = Partial<SequentialLROptions> & { lastEpoch?: number };

/** One schedule after the other (https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html). */
export class SequentialLR extends LRScheduler {
  /** @internal */
  readonly schedulers: readonly LRScheduler[];
  #milestones: readonly number[];
  /** Whether another schedule has begun with this one, which PyTorch notes in the state. */
  #inner = false;

  constructor(
    optimizer: AnyOptimizer | (SequentialLROptions & Scheduled),
    schedulers?: readonly LRScheduler[] | RestOfSequential,
    milestones?: readonly number[] | RestOfSequential,
    lastEpoch?: number | RestOfSequential,
  );
  constructor(...args: readonly unknown[]) {
    const { optimizer, schedulers, milestones, lastEpoch = -1 } = readCall(SEQUENTIAL, args);
    requireSchedulers('SequentialLR', optimizer, schedulers);
    if (milestones.length !== schedulers.length - 1)
      throw new ArgumentError(
        `SequentialLR: expected ${schedulers.length - 1} milestones for ${schedulers.length} schedules, but got ${milestones.length}`,
      );
    super(optimizer);
    this.schedulers = schedulers;
    this.#milestones = milestones;
    this.lastEpoch = lastEpoch + 1;
    for (const group of optimizer.paramGroups) group.lr = group.initialLr!;
    undo(schedulers);
    const first = schedulers[this.#place(0)]!;
    first.begin();
    this.note(first.getLastLr());
  }

  /** Which schedule a step belongs to. */
  #place(step: number): number {
    return this.#milestones.filter((milestone) => milestone <= step).length;
  }

  protected override rates(): number[] {
    return this.currentRates();
  }

  override step(): void {
    forbidWhileRecording('step: a schedule counts in JavaScript', 'call scheduler.step() after the compiled function');
    this.moveTo();
  }

  /** @internal */
  override moveTo(): void {
    this.lastEpoch++;
    const place = this.#place(this.lastEpoch);
    const scheduler = this.schedulers[place]!;
    if (place > 0 && this.#milestones[place - 1] === this.lastEpoch) scheduler.moveTo(0);
    else scheduler.step();
    this.note(scheduler.getLastLr());
  }

  /** @internal */
  override begin(): void {
    this.#inner = true;
    this.step();
  }

  override stateDict(): SchedulerState {
    return {
      _milestones: [...this.#milestones],
      last_epoch: this.lastEpoch,
      _last_lr: this.getLastLr(),
      ...(this.#inner ? { _step_count: 0, _is_initial: false } : {}),
      _schedulers: this.schedulers.map((scheduler) => scheduler.stateDict()),
    };
  }

  /** @internal */
  override prepareLoad(saved: unknown, error: MakeError): () => void {
    const state = members(saved, 'the state', error);
    const milestones = items(state.get('_milestones'), '_milestones', error).map((item) => count(item, '_milestones', 0, error));
    if (milestones.length !== this.#milestones.length)
      throw error(`_milestones has ${milestones.length} steps; expected ${this.#milestones.length}`);
    const lastEpoch = count(state.get('last_epoch'), 'last_epoch', -1, error);
    const last = rates(state.get('_last_lr'), '_last_lr', this.optimizer.paramGroups.length, error);
    const put = prepareAll(this.schedulers, state, error);
    return () => {
      put();
      this.#milestones = milestones;
      this.lastEpoch = lastEpoch;
      this.note(last);
    };
  }
}

/** Takes back the step that the schedules' constructors made. */
function undo(list: readonly LRScheduler[]): void {
  for (const scheduler of list) {
    if (scheduler instanceof SequentialLR || scheduler instanceof ChainedScheduler) undo(scheduler.schedulers);
    else scheduler.lastEpoch--;
  }
}

interface ChainedOptions {
  readonly schedulers: readonly LRScheduler[];
  readonly optimizer?: AnyOptimizer | null;
}
const OWNER = kind('an optimizer or null', (value) => value === null || (typeof value === 'object' && 'paramGroups' in value));
const CHAINED = signature<ChainedOptions>(
  'ChainedScheduler',
  { schedulers: SCHEDULERS, optimizer: OWNER },
  { required: 1, example: 'new optim.lrScheduler.ChainedScheduler([warmup, decay])' },
);

/** Schedules that all step together (https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ChainedScheduler.html). */
export class ChainedScheduler extends LRScheduler {
  /** @internal */
  readonly schedulers: readonly LRScheduler[];

  constructor(schedulers: readonly LRScheduler[] | ChainedOptions, optimizer?: AnyOptimizer | null | Partial<ChainedOptions>);
  constructor(...args: readonly unknown[]) {
    const { schedulers, optimizer } = readCall(CHAINED, args);
    super(requireSchedulers('ChainedScheduler', optimizer ?? undefined, schedulers));
    this.schedulers = schedulers;
    this.note(this.currentRates());
  }

  protected override rates(): number[] {
    return this.currentRates();
  }

  override step(): void {
    for (const scheduler of this.schedulers) scheduler.step();
    this.note(this.currentRates());
  }

  /** @internal */
  override moveTo(): void {
    this.step();
  }

  /** @internal */
  override begin(): void {
    this.step();
  }

  override stateDict(): SchedulerState {
    return { _last_lr: this.getLastLr(), _schedulers: this.schedulers.map((scheduler) => scheduler.stateDict()) };
  }

  /** @internal */
  override prepareLoad(saved: unknown, error: MakeError): () => void {
    const state = members(saved, 'the state', error);
    const last = rates(state.get('_last_lr'), '_last_lr', this.optimizer.paramGroups.length, error);
    const put = prepareAll(this.schedulers, state, error);
    return () => {
      put();
      this.note(last);
    };
  }
}
