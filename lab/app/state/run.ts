/** A run as the page sees it: a worker, and what it has told. */
import { signal, type ReadonlySignal, type Signal } from '@preact/signals';
import { callInWorker } from 'flambeau/train';
import { pictureSet } from '../../core/dataset.ts';
import type { EpochResult, StepResult } from '../../core/session.ts';
import type { NetworkSpec, Picture, Setup, TrainingSpec } from '../../core/spec.ts';
import type { RunEvent, RunFunctions } from '../../worker/functions.ts';
import { workerSource } from '../../worker/source.ts';

export type RunStatus = 'opening' | 'ready' | 'running' | 'paused' | 'done' | 'failed';

let made = 0;

export class Run {
  readonly id = ++made;
  readonly network: NetworkSpec;
  readonly classes: readonly string[];
  readonly training: Signal<TrainingSpec>;
  readonly #status: Signal<RunStatus> = signal('opening');
  readonly #error: Signal<string | undefined> = signal(undefined);
  readonly #steps: Signal<readonly StepResult[]> = signal([]);
  readonly #epochs: Signal<readonly EpochResult[]> = signal([]);
  readonly #parameters = signal(0);
  readonly #worker: Worker;
  readonly #url: string;
  /** Settled when the worker has the pictures and the network. */
  readonly opened: Promise<void>;

  constructor(setup: Setup, pictures: readonly Picture[]) {
    this.network = setup.network;
    this.classes = setup.classes;
    this.training = signal(setup.training);
    this.#url = URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' }));
    this.#worker = new Worker(this.#url, { name: `run ${this.id}` });
    this.#worker.addEventListener('message', (event: MessageEvent<RunEvent>) => this.#hear(event.data));
    this.#worker.addEventListener('error', (event) => this.#fail(event.message || 'the worker stopped'));
    this.opened = this.#open(setup, pictures);
  }

  get status(): ReadonlySignal<RunStatus> {
    return this.#status;
  }
  get error(): ReadonlySignal<string | undefined> {
    return this.#error;
  }
  get steps(): ReadonlySignal<readonly StepResult[]> {
    return this.#steps;
  }
  get epochs(): ReadonlySignal<readonly EpochResult[]> {
    return this.#epochs;
  }
  get parameters(): ReadonlySignal<number> {
    return this.#parameters;
  }

  async #open(setup: Setup, pictures: readonly Picture[]): Promise<void> {
    try {
      const [train, valid] = [
        pictureSet(pictures, 'train', setup.network),
        pictureSet(pictures, 'valid', setup.network),
      ];
      const opened = await this.call('open', setup.network, setup.classes.length, setup.training, train, valid);
      this.#parameters.value = opened.parameters;
      this.#status.value = 'ready';
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  /** Asks the worker; errors are those of its function. */
  call<N extends keyof RunFunctions>(
    name: N,
    ...args: Parameters<RunFunctions[N]>
  ): Promise<Awaited<ReturnType<RunFunctions[N]>>> {
    return callInWorker(this.#worker, name, args);
  }

  async start(): Promise<void> {
    await this.opened;
    if (this.#status.value === 'failed') return;
    this.#status.value = 'running';
    await this.call('start');
  }

  pause = (): Promise<void> => this.call('pause');

  async stepOnce(): Promise<void> {
    await this.opened;
    if (this.#status.value === 'running' || this.#status.value === 'failed') return;
    await this.call('stepOnce');
    this.#status.value = 'paused';
  }

  async change(values: Partial<TrainingSpec>): Promise<void> {
    this.training.value = { ...this.training.value, ...values };
    await this.call('change', values);
  }

  async rewind(epoch: number): Promise<void> {
    await this.call('rewind', epoch);
    const last = epoch === 0 ? 0 : (this.#epochs.value[epoch - 1]?.step ?? 0);
    this.#epochs.value = this.#epochs.value.slice(0, epoch);
    this.#steps.value = this.#steps.value.filter(({ step }) => step <= last);
    this.#status.value = 'paused';
  }

  /** Ends the worker. */
  close(): void {
    this.#worker.terminate();
    URL.revokeObjectURL(this.#url);
  }

  #hear(event: RunEvent): void {
    switch (event.lab) {
      case 'step':
        this.#steps.value = [...this.#steps.value, event.step];
        break;
      case 'epoch':
        this.#epochs.value = [...this.#epochs.value, event.epoch];
        break;
      case 'stopped':
        this.#status.value = event.why;
        break;
      case 'failed':
        this.#fail(event.message);
    }
  }

  #fail(message: string): void {
    this.#error.value = message;
    this.#status.value = 'failed';
  }
}
