/** When the current run is to be stored: after epochs, not at every one, since a snapshot takes time to copy. */
import type { Picture } from '../../core/spec.ts';
import { currentRun } from '../state/project.ts';
import type { Run } from '../state/run.ts';
import { tabName } from '../state/ids.ts';
import type { Change } from './database.ts';

/** Milliseconds between two snapshots while it runs: of small networks, and of those whose snapshots are large. */
const [OFTEN, SELDOM] = [1500, 10_000];
const LARGE = 2 ** 20;

export class RunSaver {
  #stored: { readonly run: Run; readonly epochs: number; readonly status: string } | undefined;
  #isLarge = false;

  /** Subscribes to the run. @returns in how many milliseconds it is to be stored */
  look(): number | undefined {
    const run = currentRun.value;
    const [epochs, status] = [run?.epochs.value.length ?? 0, run?.status.value ?? ''];
    if (!this.#isDue(run, epochs, status)) return undefined;
    if (status !== 'running') return OFTEN / 3;
    return this.#isLarge ? SELDOM : OFTEN;
  }

  #isDue(run: Run | undefined, epochs: number, status: string): boolean {
    if (run === undefined) return this.#stored !== undefined;
    if (status === 'opening' || status === 'failed') return false;
    if (this.#stored?.run !== run) return epochs > 0;
    return this.#stored.epochs !== epochs || (this.#stored.status !== status && status !== 'running');
  }

  /** Of the run that is stored or to be stored. */
  get pictures(): readonly Picture[] {
    const run = currentRun.peek();
    return run !== undefined && (run.epochs.peek().length > 0 || this.#stored?.run === run) ? run.pictures : [];
  }

  /** What to write, where something has changed. */
  change(): Change['run'] {
    const run = currentRun.peek();
    const [epochs, status] = [run?.epochs.peek().length ?? 0, run?.status.peek() ?? ''];
    if (!this.#isDue(run, epochs, status)) return undefined;
    if (run === undefined) {
      this.#stored = undefined;
      return { closed: tabName };
    }
    this.#stored = { run, epochs, status };
    const snapshot = run.snapshot();
    this.#isLarge = snapshot.checkpoints.reduce((sum, { bytes }) => sum + bytes, 0) > LARGE;
    const head = { tab: tabName, at: Date.now() };
    const pictures = run.pictures.map(({ id, name, label, part, origin }) => ({ id, name, label, part, origin }));
    return { run: { ...head, snapshot }, pictures: { ...head, pictures } };
  }

  restored(run: Run): void {
    this.#stored = { run, epochs: run.epochs.peek().length, status: 'paused' };
  }

  /** It could not be written, so it is tried again with the next change. */
  failed(): void {
    this.#stored = undefined;
  }
}
