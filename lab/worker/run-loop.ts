/** The loop of a run's worker: steps until it is told to pause, and tells what has come of them some 30 times a second. */
import type { Checkpoint } from '../core/checkpoints.ts';
import { sentenceOf } from '../core/failure.ts';
import type { LayerFacts } from '../core/layer-facts.ts';
import type { EpochResult, Session, StepResult } from '../core/session.ts';
import { turn } from './turn.ts';

/** Messages that the worker posts unasked, under the key `lab`. */
export type RunEvent =
  | Progress
  /** Frozen blocks have looked at so many pictures. */
  | { readonly lab: 'preparing'; readonly done: number; readonly all: number }
  | { readonly lab: 'stopped'; readonly why: 'paused' | 'done' | 'diverged' }
  | { readonly lab: 'failed'; readonly message: string };

/** All that has come since the last message. */
export interface Progress {
  readonly lab: 'progress';
  readonly steps: readonly StepResult[];
  readonly epochs: readonly EpochResult[];
  readonly checkpoints: readonly Checkpoint[];
  readonly layers: readonly LayerFacts[] | undefined;
  /** Milliseconds spent on it. */
  readonly ms: number;
}

/** Milliseconds between two messages: about two frames. */
const POST_EVERY = 34;
/** After so many milliseconds, messages that have come are heard. */
const TURN_EVERY = 8;
/** The first epochs are all kept; of those after them, not all that are shorter than this (in milliseconds). */
const KEEP_FIRST = 50;
const KEEP_EVERY = 8;
/** Between two looks into the network. */
const LOOK_EVERY = 300;
/** Keeping and looking take a twentieth of the time at most, each. */
const SHARE = 20;

export class RunLoop {
  readonly session: Session;
  readonly #post: (event: RunEvent, transfer: ArrayBuffer[]) => void;
  #running = false;
  #loop: Promise<void> = Promise.resolve();
  #steps: StepResult[] = [];
  #epochs: EpochResult[] = [];
  #checkpoints: Checkpoint[] = [];
  #layers: readonly LayerFacts[] | undefined;
  #postedAt = 0;
  /** When it is time again. */
  #keepAt = 0;
  #lookAt = 0;
  /** How many tasks want the weights to stay. */
  #held = 0;
  /** The epoch of the newest checkpoint. */
  #keptEpoch = -1;

  constructor(session: Session, post: (event: RunEvent, transfer: ArrayBuffer[]) => void) {
    this.session = session;
    this.#post = post;
  }

  /** @param until - the epoch after which it stops; default the last */
  start(until?: number): void {
    if (this.#running) return;
    this.#running = true;
    this.#loop = this.#loop.then(() => this.#run(until));
  }

  /** Resolves when the running step is done and told. */
  async pause(): Promise<void> {
    this.#running = false;
    await this.#loop;
  }

  /** Does something in pieces, between which questions are answered but no step is made. */
  async hold<T>(task: () => Promise<T>): Promise<T> {
    this.#held += 1;
    try {
      return await task();
    } finally {
      this.#held -= 1;
    }
  }

  /** One batch. */
  async stepOnce(): Promise<void> {
    await this.pause();
    this.#postedAt = performance.now();
    const finite = await this.#one();
    this.#look();
    this.#tell();
    this.#post({ lab: 'stopped', why: this.#why(finite) }, []);
  }

  async restore(checkpoint: Checkpoint): Promise<void> {
    await this.pause();
    this.session.restore(checkpoint);
    this.#keptEpoch = checkpoint.epoch;
  }

  /** Keeps where the run stands and tells it. */
  tellStart(): void {
    this.#postedAt = performance.now();
    this.#keep();
    this.#tell();
  }

  async #run(until?: number): Promise<void> {
    const { session } = this;
    let finite = true;
    try {
      this.#postedAt = performance.now();
      let turnedAt = this.#postedAt;
      while (this.#running && finite && session.epoch < Math.min(session.training.epochs, until ?? Infinity)) {
        finite = await this.#one();
        const now = performance.now();
        if (now - this.#postedAt >= POST_EVERY) this.#tell();
        if (now - turnedAt >= TURN_EVERY) {
          await this.#letOthers();
          turnedAt = performance.now();
        }
      }
      this.#running = false;
      this.#look();
      this.#tell();
      this.#post({ lab: 'stopped', why: this.#why(finite) }, []);
    } catch (error) {
      this.#running = false;
      this.#post({ lab: 'failed', message: sentenceOf(error) }, []);
    }
  }

  async #letOthers(): Promise<void> {
    await turn();
    while (this.#held > 0 && this.#running) await turn();
  }

  #why(finite: boolean): 'paused' | 'done' | 'diverged' {
    if (!finite) return 'diverged';
    return this.session.epoch >= this.session.training.epochs ? 'done' : 'paused';
  }

  /** @returns whether the numbers are finite */
  async #one(): Promise<boolean> {
    const { session } = this;
    const { step, epoch } = await session.next();
    this.#steps.push(step);
    const finite = Number.isFinite(step.loss) && Number.isFinite(epoch?.valid?.loss ?? 0);
    if (epoch === undefined) return finite;
    this.#epochs.push(epoch);
    const now = performance.now();
    if (finite && (session.epoch <= KEEP_FIRST || now >= this.#keepAt || session.epoch >= session.training.epochs)) this.#keep();
    if (now >= this.#lookAt) this.#look();
    return finite;
  }

  #keep(): void {
    if (this.#keptEpoch === this.session.epoch) return;
    const from = performance.now();
    const checkpoint = this.session.checkpoint();
    this.#keepAt = after(from, KEEP_EVERY);
    this.#keptEpoch = this.session.epoch;
    if (checkpoint !== undefined) this.#checkpoints.push(checkpoint);
  }

  #look(): void {
    const from = performance.now();
    this.#layers = this.session.layers();
    this.#lookAt = after(from, LOOK_EVERY);
  }

  #tell(): void {
    const now = performance.now();
    const [steps, epochs, checkpoints, layers] = [this.#steps, this.#epochs, this.#checkpoints, this.#layers];
    [this.#steps, this.#epochs, this.#checkpoints, this.#layers] = [[], [], [], undefined];
    const transfer = [...new Set(checkpoints.flatMap(({ packed }) => buffersOf(packed)))];
    this.#post({ lab: 'progress', steps, epochs, checkpoints, layers, ms: now - this.#postedAt }, transfer);
    this.#postedAt = performance.now();
  }
}

/** When to do again what began then. */
function after(from: number, least: number): number {
  const now = performance.now();
  return now + Math.max(least, SHARE * (now - from));
}

/** The memory of what `packTensors` made. */
function buffersOf(packed: unknown): ArrayBuffer[] {
  if (typeof packed !== 'object' || packed === null) return [];
  if (ArrayBuffer.isView(packed)) return [packed.buffer as ArrayBuffer];
  const parts: Iterable<unknown> = packed instanceof Map ? packed.values() : Object.values(packed);
  return [...parts].flatMap(buffersOf);
}
