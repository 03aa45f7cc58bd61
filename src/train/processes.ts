/**
 * What processes that train one model do together (`flambeau train --processes`): they see to it that all begin with the same weights, take the same steps by averaged
 * gradients, know the loss of the whole batch, and stop at the same one. Every process calls the same functions in the same order.
 */
import { FlambeauError } from '../base/errors.ts';
import { allGatherIntoTensor, allReduce, broadcast } from '../distributed/collectives.ts';
import { gathered } from '../distributed/objects.ts';
import type { ProcessGroup } from '../distributed/process-group.ts';
import { timeWaits } from '../distributed/waits.ts';
import type { ModuleBase } from '../nn/module-base.ts';
import { broadcastAll } from '../nn/parallel/buffers.ts';
import { DistributedDataParallel } from '../nn/parallel/distributed-data-parallel.ts';
import { fromTypedArray, zeros } from '../tensor/create.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { defaultGenerator } from '../tensor/random/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ClassCounts, type Evaluation } from './class-counts.ts';
import { countBatches, type EvaluateOptions, type TrainableModel } from './evaluation.ts';
import type { NonFinite } from './finite-watch.ts';
import type { BatchSource } from './progress.ts';
import type { Together } from './share.ts';
import { StepTimes } from './step-times.ts';
import type { Pair, TrainStep } from './steps.ts';

/** An update of all processes. */
export interface SharedUpdate {
  /** The mean over the whole batch, and its images. */
  readonly loss: number;
  readonly images: number;
  /** Whether a process wants to stop. */
  readonly isAborted: boolean;
  /** Whether the first process wants to keep a copy of the state. */
  readonly isDue: boolean;
}

/** Which update it is, of which batches. */
export interface UpdateOptions {
  readonly train: BatchSource;
  /** How many batches have come in this epoch with these. */
  readonly upTo: number;
  /** Updates before. */
  readonly steps: number;
  readonly isAborted?: () => boolean;
  readonly isDue?: () => boolean;
}

/** An error that every process has been told. */
export class SharedError extends FlambeauError {
  override name = 'SharedError';
}

/** Where values that are not finite are seen first. */
const ORDER: readonly NonFinite['what'][] = ['input', 'weights', 'output', 'gradient'];

/** Bytes that travel at a time. */
const PIECE = 1 << 24;

/** What a process has come to, as others are told. */
interface Outcome {
  readonly value?: unknown;
  readonly error?: string;
}

export class TrainingProcesses implements Together {
  readonly rank: number;
  readonly size: number;
  readonly times: StepTimes;
  /** Whether all have failed, so that they can end together. */
  hasFailed = false;
  /** That of the run. */
  seed: number;
  readonly #waited: () => number;
  #model: DistributedDataParallel<TrainableModel> | undefined;
  /** Whether statistics of batch normalisations differ between processes. */
  #isApart = false;
  /** When the last update ended, and what had been waited for until then. */
  #last: { readonly time: number; readonly waited: number } | undefined;

  /** @param place - this process's machine and its threads; seed: that of the run */
  constructor(group: ProcessGroup, seed: number, place: { readonly host: string; readonly threads: number }) {
    this.rank = group.rank;
    this.size = group.size;
    this.seed = seed;
    this.#waited = timeWaits(group);
    this.times = new StepTimes(gathered('flambeau train', place) as (typeof place)[]);
  }

  /** Whether this is the one that speaks and writes. */
  get isFirst(): boolean {
    return this.rank === 0;
  }

  /**
   * Runs what may fail in some processes and not in others; the value of the first process.
   * @throws what `fn` throws, in the first process; SharedError in all others, and in the first where another has failed
   */
  async first<T>(fn: () => T | Promise<T>): Promise<T> {
    const { thrown, ...own } = await this.#outcome(fn);
    const all = gathered('flambeau train', own) as Outcome[];
    const failed = all.flatMap(({ error }, rank) => (error === undefined ? [] : [{ error, rank }]));
    if (failed.length === 0) return all[0]!.value as T;
    this.hasFailed = true;
    if (this.isFirst && thrown !== undefined) throw thrown;
    const texts = failed.slice(0, 3).map(({ error, rank }) => `rank ${rank}: ${error}`);
    throw new SharedError(texts.join('\n'), { cause: thrown });
  }

  async #outcome(fn: () => unknown): Promise<Outcome & { readonly thrown?: Error }> {
    try {
      const value = await fn();
      return this.isFirst ? { value } : {};
    } catch (error) {
      if (error instanceof SharedError) throw error; // all are on their way out
      const thrown = error instanceof Error ? error : new Error(String(error));
      return { error: thrown.message, thrown };
    }
  }

  /** Runs what each process has to do for itself, and goes on when all have. @throws as {@link first} */
  async each<T>(fn: () => T | Promise<T>): Promise<T> {
    let value: [T] | undefined;
    await this.first(async () => {
      value = [await fn()];
      return null;
    });
    return value![0];
  }

  /** The largest of all processes' numbers. */
  most(own: number): number {
    return Math.max(...this.#gather([own]).map(([one]) => one!));
  }

  /** The first process's bytes for all; the others need not have them. */
  bytes(own: Uint8Array | undefined): Uint8Array {
    const all = new Uint8Array(this.most(own?.length ?? 0));
    if (own !== undefined) all.set(own);
    broadcastBytes(all, 0);
    return all;
  }

  same(name: string, own: number): void {
    const all = this.lists([own]).flat();
    if (all.every((one) => one === own)) return;
    this.hasFailed = true;
    throw new SharedError(
      `the processes do not have the same ${name}, but ${all.join(', ')}; every machine needs the same files at the same place`,
    );
  }

  lists<T>(own: readonly T[]): T[][] {
    return gathered('flambeau train', own) as T[][];
  }

  join(own: Uint8Array, into: Uint8Array, lengths: readonly number[]): void {
    let at = 0;
    for (const [rank, length] of lengths.entries()) {
      const part = into.subarray(at, at + length);
      if (rank === this.rank) part.set(own);
      broadcastBytes(part, rank);
      at += length;
    }
  }

  /** The first process's weights for all. */
  alike(model: ModuleBase): void {
    broadcastAll([...model.parameters(), ...model.buffers()]);
  }

  /** The first process's random numbers for all, from here on. */
  begin(): void {
    const state = fromTypedArray(defaultGenerator.getState() as Uint8Array<ArrayBuffer>, [defaultGenerator.getState().length]);
    broadcast(state);
    defaultGenerator.setState(state.toTypedArray() as Uint8Array);
    this.#last = undefined;
  }

  /** The model as a step calls it, whose gradients are averaged; parameters that rest now are left out. */
  wrap(model: TrainableModel): DistributedDataParallel<TrainableModel> & TrainableModel {
    if (this.#model !== undefined) this.#model.requireBackwardGradSync = false; // its hooks stay on the parameters
    this.#model = new DistributedDataParallel(model, { broadcastBuffers: false, gradientAsBucketView: true });
    return this.#model as DistributedDataParallel<TrainableModel> & TrainableModel;
  }

  /** Whether any process says so. */
  any(own: boolean): boolean {
    return this.most(own ? 1 : 0) === 1;
  }

  /** What any process has found, with its rank: the earliest in a step, of the first that has it. */
  earliest(own: NonFinite | undefined): NonFinite | undefined {
    const all = this.lists(own === undefined ? [] : [{ ...own, rank: this.rank }]).flat();
    return all.sort((a, b) => a.step - b.step || ORDER.indexOf(a.what) - ORDER.indexOf(b.what) || a.rank - b.rank)[0];
  }

  /** Factors of the means of this process's batches, whose sum over all batches and processes is the number of processes; the images of all. */
  #sharesOf(batches: readonly Pair[], { train, upTo }: UpdateOptions): { readonly factors: number[] | undefined; readonly images: number } {
    const parts = batches.map(
      ([inputs], i) => train.partOf?.(upTo - batches.length + i) ?? { own: inputs.size(0), all: inputs.size(0) * this.size },
    );
    const images = parts.reduce((sum, { all }) => sum + all, 0);
    const isEven = parts.every(({ own, all }) => own * this.size === all);
    return { factors: isEven ? undefined : parts.map(({ own }) => (own * this.size) / images), images };
  }

  /** One update. */
  update(step: TrainStep, batches: readonly Pair[], options: UpdateOptions): SharedUpdate {
    const { factors, images } = this.#sharesOf(batches, options);
    const weights = factors && fromTypedArray(Float32Array.from(factors), [factors.length]);
    const loss = this.#withOwnNumbers(options.steps, () => step(batches, weights));
    this.#isApart = true;
    const flags = [options.isAborted, options.isDue].map((isSo) => (isSo?.() === true ? 1 : 0));
    const all = this.#gather([loss, ...flags, ...this.#timesOfStep()]);
    this.times.add(all.map((one) => [one[3]!, one[4]!]));
    const sum = all.reduce((total, [one]) => total + one!, 0);
    return { loss: sum / this.size, images, isAborted: all.some((one) => one[1] === 1), isDue: all[0]![2] === 1 };
  }

  /** Runs what looks at an update as {@link update} makes it in this process; `fn` gets the factors of the batches' means. */
  look<T>(batches: readonly Pair[], options: UpdateOptions, fn: (factors: readonly number[] | undefined) => T): T {
    return this.#withOwnNumbers(options.steps, () => fn(this.#sharesOf(batches, options).factors));
  }

  /** Work and waiting since the update before; of the first nothing is known. */
  #timesOfStep(): [work: number, waiting: number] {
    const [last, now] = [this.#last, { time: performance.now(), waited: this.#waited() }];
    if (last === undefined) return [NaN, NaN];
    const waiting = now.waited - last.waited;
    return [now.time - last.time - waiting, waiting];
  }

  /** Dropout is another in each process, and the numbers that all draw alike stay as they are. */
  #withOwnNumbers<T>(steps: number, fn: () => T): T {
    const shared = defaultGenerator.getState();
    const mixed = Math.imul(this.rank + 1, 0x9e37_79b1) ^ Math.imul(steps + 1, 0x85eb_ca6b);
    defaultGenerator.manualSeed((this.seed + mixed) >>> 0);
    try {
      return fn();
    } finally {
      defaultGenerator.setState(shared);
    }
  }

  /** The same count of numbers of each process. */
  #gather(own: readonly number[]): Float64Array[] {
    const all = zeros(this.size * own.length, { dtype: 'float64' });
    allGatherIntoTensor(all, fromTypedArray(Float64Array.from(own), [own.length]));
    const numbers = all.toTypedArray() as Float64Array;
    this.#last = { time: performance.now(), waited: this.#waited() };
    return Array.from({ length: this.size }, (_, rank) => numbers.slice(rank * own.length, (rank + 1) * own.length));
  }

  /** Makes statistics of batch normalisations, of which each process has those of its images, the mean of all. */
  settle(models: readonly (ModuleBase | undefined)[]): void {
    if (!this.#isApart) return;
    this.#isApart = false;
    for (const model of models) {
      for (const [name, buffer] of model?.namedBuffers() ?? []) if (/\brunning_(mean|var)$/.test(name)) mean(buffer);
    }
  }

  /** {@link evaluate} on all processes' batches; undefined where one of them was told to stop. */
  async evaluate(model: TrainableModel, batches: BatchSource, options: EvaluateOptions): Promise<Evaluation | undefined> {
    const { signal } = options;
    let own: Float64Array | undefined;
    try {
      own = (await countBatches(model, batches, options)).pack();
    } catch (error) {
      if (signal?.aborted !== true || error !== signal.reason) throw error;
    }
    const lengths = this.#gather([own?.length ?? 0]).map(([length]) => length!);
    if (lengths.includes(0)) return undefined;
    const padded = new Float64Array(Math.max(...lengths));
    padded.set(own!);
    this.#last = undefined; // the next step is measured from its beginning
    return ClassCounts.merged(this.#gather([...padded]).map((all, rank) => all.subarray(0, lengths[rank]))).result();
  }
}

/** In pieces, so that little memory is taken for it. */
function broadcastBytes(all: Uint8Array, source: number): void {
  for (let at = 0; at < all.length; at += PIECE) {
    const piece = fromTypedArray(all.slice(at, at + PIECE), [Math.min(PIECE, all.length - at)]);
    broadcast(piece, source);
    all.set(piece.toTypedArray() as Uint8Array, at);
  }
}

const mean = (buffer: Tensor): void => withGradMode(false, () => void allReduce(buffer, { op: 'avg' }));
