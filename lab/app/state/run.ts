/** A run as the page sees it: a worker, and what it has told. The page keeps what the worker cannot lose: curves, and where one can go back to. */
import { signal, type ReadonlySignal, type Signal } from '@preact/signals';
import { callInWorker } from 'flambeau/train';
import { alarmsOf, type Alarm } from '../../core/alarms.ts';
import { Checkpoints, type Checkpoint } from '../../core/checkpoints.ts';
import { StepCurve } from '../../core/curves.ts';
import type { LayerFacts } from '../../core/layer-facts.ts';
import type { RunSnapshot } from '../../core/run-snapshot.ts';
import type { EpochResult, StepResult, Weights } from '../../core/session.ts';
import type { NetworkSpec, Picture, Setup, TrainingSpec } from '../../core/spec.ts';
import type { Progress, RunEvent, RunFunctions } from '../../worker/functions.ts';
import { frozenOutputsOf } from './frozen.ts';
import { Pace } from './pace.ts';
import { takeWorker } from './run-worker.ts';
import { messageOf } from '../../core/failure.ts';

export type RunStatus = 'opening' | 'ready' | 'running' | 'paused' | 'done' | 'diverged' | 'failed';

/** What was trained after the epoch that a run went back to. */
export interface Forgotten {
  readonly curve: StepCurve;
  readonly epochs: readonly EpochResult[];
}

export interface RunOptions {
  /** Default `Run 1`, `Run 2`, … */
  readonly label?: string;
  /** What to go on from; its worker is started when it is needed. */
  readonly snapshot?: RunSnapshot;
  /** What to begin with instead of what the seed gives. */
  readonly weights?: Weights | undefined;
}

/** Milliseconds between two numbers that are read. */
const TICK = 200;
/** Losses that alarms look at. */
const LOSSES = 400;

let made = 0;
/** Runs that were not given a name. */
let numbered = 0;

/** The number in the name of a run that is brought back is not given again. */
function named(label: string): string {
  numbered = Math.max(numbered, Number(/^Run (\d{1,6})$/.exec(label)?.[1] ?? 0));
  return label;
}

export class Run {
  readonly id = ++made;
  readonly label: string;
  readonly network: NetworkSpec;
  /** What it began with instead of what the seed gives. */
  readonly weights: Weights | undefined;
  readonly classes: readonly string[];
  /** What it was made of; the same again trains the same way. */
  readonly pictures: readonly Picture[];
  readonly training: Signal<TrainingSpec>;
  /** Changes in place; `version` says when. */
  curve = new StepCurve();
  readonly pace = new Pace();
  readonly #checkpoints = new Checkpoints();
  readonly #status: Signal<RunStatus> = signal('opening');
  readonly #error: Signal<string | undefined> = signal(undefined);
  readonly #version = signal(0);
  readonly #tick = signal(0);
  #tickedAt = 0;
  readonly #epochs: Signal<readonly EpochResult[]> = signal([]);
  readonly #kept: Signal<readonly number[]> = signal([]);
  readonly #layers: Signal<readonly LayerFacts[]> = signal([]);
  readonly #alarms: Signal<readonly Alarm[]> = signal([]);
  readonly #forgotten: Signal<Forgotten | undefined> = signal(undefined);
  readonly #parameters = signal(0);
  readonly #preparing: Signal<{ readonly done: number; readonly all: number } | undefined> = signal(undefined);
  #losses: number[] = [];
  #worker: Worker | undefined;
  #opened: Promise<void> | undefined;

  constructor(setup: Setup, pictures: readonly Picture[], { label, snapshot, weights }: RunOptions = {}) {
    this.label = label ?? (snapshot === undefined ? `Run ${++numbered}` : named(snapshot.label));
    this.network = setup.network;
    this.weights = weights;
    this.classes = setup.classes;
    this.pictures = pictures;
    this.training = signal(setup.training);
    if (snapshot === undefined) void this.opened;
    else this.#take(snapshot);
  }

  /** A run that was stored, with the pictures that it was made of. */
  static from(snapshot: RunSnapshot, pictures: readonly Picture[]): Run {
    const { network, classes, training, weights } = snapshot;
    return new Run({ version: 1, network, classes, training }, pictures, { snapshot, weights });
  }

  /** Settled when the worker has the pictures and the network; never rejects. A run that rests is woken by it. */
  get opened(): Promise<void> {
    return (this.#opened ??= this.#open(this.#checkpoints.last));
  }

  get status(): ReadonlySignal<RunStatus> {
    return this.#status;
  }
  /** What went wrong, of a run that has failed. */
  get error(): ReadonlySignal<string | undefined> {
    return this.#error;
  }
  /** Grows with every change of the curve, 30 times a second at most. */
  get version(): ReadonlySignal<number> {
    return this.#version;
  }
  /** Grows a few times a second while something changes: for numbers that are read. */
  get tick(): ReadonlySignal<number> {
    return this.#tick;
  }
  get epochs(): ReadonlySignal<readonly EpochResult[]> {
    return this.#epochs;
  }
  /** Epochs that one can go back to. */
  get kept(): ReadonlySignal<readonly number[]> {
    return this.#kept;
  }
  /** What goes on in each block, as of the end of some epoch. */
  get layers(): ReadonlySignal<readonly LayerFacts[]> {
    return this.#layers;
  }
  get alarms(): ReadonlySignal<readonly Alarm[]> {
    return this.#alarms;
  }
  get forgotten(): ReadonlySignal<Forgotten | undefined> {
    return this.#forgotten;
  }
  get parameters(): ReadonlySignal<number> {
    return this.#parameters;
  }
  /** While frozen blocks look at the pictures: how many they have seen. */
  get preparing(): ReadonlySignal<{ readonly done: number; readonly all: number } | undefined> {
    return this.#preparing;
  }
  get lastStep(): StepResult | undefined {
    return this.curve.last;
  }

  /** How many pictures are trained on. */
  get trained(): number {
    return this.pictures.reduce((sum, { part }) => sum + Number(part === 'train'), 0);
  }

  async #open(checkpoint: Checkpoint | undefined): Promise<void> {
    const worker = this.#startWorker();
    try {
      // A view of a large buffer would be posted with all of the buffer.
      const pictures = this.pictures.map(({ id, label, part, size, rgb }) => ({
        id,
        label,
        part,
        size,
        rgb: rgb.byteLength === rgb.buffer.byteLength ? rgb : rgb.slice(),
      }));
      const training = this.training.value;
      const known = frozenOutputsOf(this.network, this.weights, training.seed);
      const { parameters, frozen } = await this.#ask('open', this.network, this.classes.length, training, pictures, checkpoint, this.weights, known); // prettier-ignore
      for (const [id, output] of frozen ?? []) known?.set(id, output);
      if (worker !== this.#worker) return;
      this.#preparing.value = undefined;
      this.#parameters.value = parameters;
      this.#status.value = this.#standing(checkpoint);
      this.#ask('live').catch(() => this.#fail(this.#gone(), worker));
    } catch (error) {
      this.#fail(messageOf(error), worker);
    }
  }

  /** What a run is that stands at a checkpoint. */
  #standing(checkpoint: Checkpoint | undefined): RunStatus {
    if (checkpoint === undefined || checkpoint.epoch === 0) return 'ready';
    return checkpoint.epoch >= this.training.value.epochs ? 'done' : 'paused';
  }

  #gone(): string {
    const epoch = this.#checkpoints.last?.epoch ?? 0;
    return `The browser has ended this training, perhaps because it needed the memory. Everything up to epoch ${epoch} is kept: go on from there.`;
  }

  #startWorker(): Worker {
    this.#endWorker();
    const worker = takeWorker();
    worker.addEventListener('message', (event: MessageEvent<RunEvent>) => {
      if (worker === this.#worker) this.#hear(event.data);
    });
    worker.addEventListener('error', (event) => this.#fail(event.message || 'the training stopped', worker));
    this.#worker = worker;
    return worker;
  }

  #endWorker(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  /** Asks the worker once it is there; errors are those of its function. */
  async call<N extends keyof RunFunctions>(name: N, ...args: Parameters<RunFunctions[N]>): Promise<Awaited<ReturnType<RunFunctions[N]>>> {
    await this.opened;
    return this.#ask(name, ...args);
  }

  #ask<N extends keyof RunFunctions>(name: N, ...args: Parameters<RunFunctions[N]>): Promise<Awaited<ReturnType<RunFunctions[N]>>> {
    if (this.#worker === undefined) return Promise.reject(new Error('the run has been closed'));
    return callInWorker(this.#worker, name, args);
  }

  /** Asks the worker once it is there; a failure is shown as that of the run. */
  async #command<N extends keyof RunFunctions>(name: N, ...args: Parameters<RunFunctions[N]>): Promise<boolean> {
    await this.opened;
    const worker = this.#worker;
    if (this.#status.value === 'failed' || worker === undefined) return false;
    try {
      await this.#ask(name, ...args);
      return true;
    } catch (error) {
      this.#fail(messageOf(error), worker);
      return false;
    }
  }

  /** @param until - the epoch after which it pauses; default the last */
  async start(until?: number): Promise<void> {
    await this.opened;
    if (!['ready', 'paused'].includes(this.#status.value)) return;
    this.#status.value = 'running';
    this.pace.begin();
    await this.#command('start', until);
  }

  /** Goes on to the end of the epoch that has begun. */
  finishEpoch = (): Promise<void> => this.start((this.#epochs.value.at(-1)?.epoch ?? 0) + 1);

  async pause(): Promise<void> {
    if (this.#status.value === 'running') await this.#command('pause');
  }

  async stepOnce(): Promise<void> {
    await this.opened;
    if (!['ready', 'paused'].includes(this.#status.value)) return;
    await this.#command('stepOnce');
  }

  /** The learning rate and the number of epochs at once, the batch size with the next epoch. */
  async change(values: Partial<Pick<TrainingSpec, 'lr' | 'batchSize' | 'epochs'>>): Promise<void> {
    this.training.value = { ...this.training.value, ...values };
    const done = this.#epochs.value.length;
    if (this.#status.value === 'done' && this.training.value.epochs > done) this.#status.value = 'paused';
    await this.#command('change', values);
  }

  /** Back to the end of an epoch, or the last one before it that is `kept`; 0 is the beginning. The run then waits. */
  async rewind(epoch: number): Promise<void> {
    await this.opened;
    const checkpoint = this.#checkpoints.at(epoch);
    if (checkpoint === undefined) return;
    if (this.#status.value === 'failed') {
      this.#status.value = 'opening';
      this.#error.value = undefined;
      this.#goBack(checkpoint);
      await (this.#opened = this.#open(checkpoint));
      return;
    }
    if (!(await this.#command('restore', checkpoint))) return;
    this.#goBack(checkpoint);
    this.#status.value = this.#standing(checkpoint);
  }

  /** After a failure: a new worker, from the last epoch that is kept. */
  restart = (): Promise<void> => {
    const last = this.#checkpoints.last;
    if (last !== undefined) return this.rewind(last.epoch);
    this.#status.value = 'opening';
    this.#error.value = undefined;
    return (this.#opened = this.#open(undefined));
  };

  #goBack({ epoch, step }: Checkpoint): void {
    const before = StepCurve.from(this.curve.snapshot());
    this.#forgotten.value = before.length > 0 && before.steps.at(-1)! > step ? { curve: before, epochs: this.#epochs.value } : undefined;
    this.curve.truncate(step);
    this.#losses = this.curve.loss.slice(-LOSSES);
    this.#epochs.value = this.#epochs.value.filter((result) => result.epoch <= epoch);
    this.#checkpoints.forgetAfter(epoch);
    this.#kept.value = this.#checkpoints.epochs;
    this.pace.begin();
    this.#look();
    this.#version.value += 1;
    this.#now(true);
  }

  /** Where one can go back to, oldest first. */
  get checkpoints(): readonly Checkpoint[] {
    return this.#checkpoints.all;
  }

  /** What to store, to go on from the end of the last epoch that is kept another day: `Run.from`. @param checkpoints those that go along */
  snapshot(checkpoints: readonly Checkpoint[] = this.checkpoints): RunSnapshot {
    const { label, network, classes, weights } = this;
    const { epoch = 0, step = 0 } = this.#checkpoints.last ?? {};
    const curve = StepCurve.from(this.curve.snapshot());
    curve.truncate(step);
    const epochs = this.#epochs.value.filter((result) => result.epoch <= epoch);
    return { label, network, classes, training: this.training.value, epochs, curve: curve.snapshot(), seconds: this.pace.seconds, checkpoints, weights }; // prettier-ignore
  }

  #take(snapshot: RunSnapshot): void {
    this.curve = StepCurve.from(snapshot.curve);
    this.#epochs.value = snapshot.epochs;
    this.pace.seconds = snapshot.seconds;
    for (const checkpoint of snapshot.checkpoints) this.#checkpoints.add(checkpoint);
    this.#kept.value = this.#checkpoints.epochs;
    this.#losses = this.curve.loss.slice(-LOSSES);
    this.#status.value = this.#standing(this.#checkpoints.last);
    this.#look();
  }

  /** Ends the worker, and keeps what is needed to go on from the last epoch that is kept: it wakes when it is asked for something. */
  rest(): void {
    const last = this.#checkpoints.last;
    this.#endWorker();
    this.#opened = undefined;
    this.#error.value = undefined;
    if (last === undefined) return;
    this.#goBack(last);
    this.#status.value = this.#standing(last);
  }

  /** Ends the worker for good. */
  close(): void {
    this.#endWorker();
    this.#opened ??= Promise.resolve();
    this.#status.value = 'failed';
  }

  #hear(event: RunEvent): void {
    switch (event.lab) {
      case 'progress':
        this.#progress(event);
        break;
      case 'preparing':
        this.#preparing.value = { done: event.done, all: event.all };
        break;
      case 'stopped':
        this.#status.value = event.why;
        this.#look();
        this.#now(true);
        break;
      case 'failed':
        this.#fail(event.message, this.#worker);
    }
  }

  #progress({ steps, epochs, checkpoints, layers, ms }: Progress): void {
    for (const step of steps) {
      this.curve.add(step);
      this.#losses.push(step.loss);
    }
    if (this.#losses.length > 2 * LOSSES) this.#losses = this.#losses.slice(-LOSSES);
    this.pace.add(steps, ms);
    // Of a worker that has begun again, the beginning comes again.
    const newer = checkpoints.filter(({ epoch }) => epoch > (this.#checkpoints.last?.epoch ?? -1));
    for (const checkpoint of newer) this.#checkpoints.add(checkpoint);
    if (newer.length > 0) this.#kept.value = this.#checkpoints.epochs;
    if (layers !== undefined) this.#layers.value = layers;
    if (epochs.length > 0) {
      this.#epochs.value = [...this.#epochs.value, ...epochs];
      this.#look();
    }
    if (steps.length > 0) this.#version.value += 1;
    this.#now(performance.now() - this.#tickedAt >= TICK);
  }

  /** Lets numbers be shown, if it is time. */
  #now(isTime: boolean): void {
    if (!isTime) return;
    this.#tickedAt = performance.now();
    this.#tick.value += 1;
  }

  #look(): void {
    const { network, classes, curve } = this;
    this.#alarms.value = alarmsOf({
      network,
      training: this.training.value,
      classes: classes.length,
      epochs: this.#epochs.value,
      losses: this.#losses,
      step: curve.steps.at(-1) ?? 0,
      stepsInEpoch: curve.last?.stepsInEpoch ?? 1,
      layers: this.#layers.value,
    });
  }

  #fail(message: string, worker: Worker | undefined): void {
    if (worker === undefined || worker !== this.#worker || this.#status.value === 'failed') return;
    this.#error.value = message;
    this.#status.value = 'failed';
  }
}
