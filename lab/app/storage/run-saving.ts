/** When runs are to be stored, and what of them: after epochs, not at every one, and only the checkpoints that are not there yet. */
import { packTensors } from 'flambeau/train';
import type { Checkpoint } from '../../core/checkpoints.ts';
import { checkpointsToKeep, shareOf } from '../../core/kept-checkpoints.ts';
import { pictureFacts } from '../../core/read-pictures.ts';
import type { Weights } from '../../core/session.ts';
import type { Picture } from '../../core/spec.ts';
import { newId } from '../state/ids.ts';
import { currentRun, runs, startWeights } from '../state/project.ts';
import type { Run } from '../state/run.ts';
import type { RunsChange, RunWrite } from './run-records.ts';

/** Milliseconds between two writes while it runs: of small networks, and of those whose checkpoints are large. */
const [OFTEN, SELDOM] = [1500, 10_000];
const LARGE = 2 ** 20;

/** What the storage holds of a run. */
interface Kept {
  key: string;
  revision: string | undefined;
  epochs: number;
  status: string;
  training: unknown;
  checkpoints: readonly Checkpoint[];
}

const isSame = (a: readonly unknown[], b: readonly unknown[]): boolean => a.length === b.length && a.every((one, i) => one === b[i]);

const stateOf = (run: Run) => ({ epochs: run.epochs.peek().length, status: run.status.peek(), training: run.training.peek() });

/** Names for what several runs share, by what it is. */
class Names<T extends object> {
  readonly #names = new Map<T, string>();

  of(thing: T): string {
    let name = this.#names.get(thing);
    if (name === undefined) this.#names.set(thing, (name = newId()));
    return name;
  }
  set(thing: T, name: string): T {
    this.#names.set(thing, name);
    return thing;
  }
  find(name: string): T | undefined {
    return [...this.#names].find(([, known]) => known === name)?.[0];
  }
  /** Forgets all but some. */
  keep(things: ReadonlySet<unknown>): void {
    for (const thing of this.#names.keys()) if (!things.has(thing)) this.#names.delete(thing);
  }
}

export class RunSaver {
  readonly #kept = new Map<Run, Kept>();
  readonly lists = new Names<readonly Picture[]>();
  readonly weights = new Names<Weights>();
  /** Only the newest checkpoint of each run fits. */
  isTight = false;

  /** Subscribes to the runs. @returns in how many milliseconds something is to be stored */
  look(): number | undefined {
    const all = runs.value;
    let wait = [...this.#kept.keys()].some((run) => !all.includes(run)) ? OFTEN / 3 : Infinity;
    for (const run of all) {
      const [status] = [run.status.value, run.epochs.value, run.training.value, run.kept.value];
      if (this.#due(run) === undefined) continue;
      const isLarge = run.checkpoints.length > 0 && run.checkpoints.at(-1)!.bytes > LARGE;
      wait = Math.min(wait, status !== 'running' ? OFTEN / 3 : isLarge ? SELDOM : OFTEN);
    }
    return Number.isFinite(wait) ? wait : undefined;
  }

  /** What is to be stored of a run's checkpoints; undefined where nothing has changed. Runs without an epoch hold nothing but their settings. */
  #due(run: Run): readonly Checkpoint[] | undefined {
    const kept = this.#kept.get(run);
    const { epochs, status, training } = stateOf(run);
    if (status === 'opening' || (kept === undefined && epochs === 0)) return undefined;
    const checkpoints = checkpointsToKeep(run.checkpoints, this.isTight ? 0 : shareOf(runs.peek().length));
    const isDue =
      kept?.epochs !== epochs ||
      kept.training !== training ||
      (kept.status !== status && status !== 'running') ||
      !isSame(kept.checkpoints, checkpoints);
    return isDue ? checkpoints : undefined;
  }

  #write(run: Run, checkpoints: readonly Checkpoint[]): RunWrite {
    const kept = this.#kept.get(run);
    const { checkpoints: _, weights, ...facts } = run.snapshot([]);
    return {
      known: kept?.revision,
      spare: newId(),
      checkpoints,
      fresh: checkpoints.filter((checkpoint) => !kept?.checkpoints.includes(checkpoint)),
      run: {
        version: 2,
        key: kept?.key ?? newId(),
        at: Date.now(),
        revision: newId(),
        facts,
        list: this.lists.of(run.pictures),
        weights: weights && this.weights.of(weights),
        epochs: checkpoints.map(({ epoch }) => epoch),
      },
    };
  }

  /** Pictures of all runs that are stored or to be stored. */
  get pictures(): readonly Picture[] {
    const all = runs.peek().filter((run) => run.epochs.peek().length > 0 || this.#kept.has(run));
    return [...new Set(all.map(({ pictures }) => pictures))].flat();
  }

  /** What to write, and what to do once it is written; undefined where nothing has changed. */
  change(): { readonly change: RunsChange; readonly written: (keys: readonly string[]) => void } | undefined {
    const all = runs.peek();
    const states = all.flatMap((run) => {
      const checkpoints = this.#due(run);
      return checkpoints === undefined ? [] : [{ run, write: this.#write(run, checkpoints), ...stateOf(run) }];
    });
    const removed = [...this.#kept].filter(([run]) => !all.includes(run));
    if (states.length === 0 && removed.length === 0) return undefined;
    const change: RunsChange = {
      writes: states.map(({ write }) => write),
      removed: removed.map(([, { key }]) => key),
      listOf: (id) => ({ id, pictures: (this.lists.find(id) ?? []).map(pictureFacts) }),
      weightsOf: (id) => ({ id, packed: packTensors(this.weights.find(id)).value }),
    };
    const written = (keys: readonly string[]): void => {
      for (const [run] of removed) this.#kept.delete(run);
      if (removed.length > 0) this.isTight = false;
      states.forEach(({ run, write: { run: stored, checkpoints }, ...state }, i) => {
        this.#kept.set(run, { key: keys[i]!, revision: stored.revision, checkpoints, ...state });
      });
      this.lists.keep(new Set(all.map(({ pictures }) => pictures)));
      this.weights.keep(new Set([...all.map(({ weights }) => weights), startWeights.peek()?.weights]));
      rememberCurrent(this.#kept.get(currentRun.peek()!)?.key);
    };
    return { change, written };
  }

  /** A run that came from the storage. */
  restored(run: Run, key: string, revision: string, checkpoints: readonly Checkpoint[]): void {
    this.#kept.set(run, { key, revision, checkpoints, ...stateOf(run) });
  }

  /** Another run is shown. */
  remember(run: Run | undefined): void {
    const key = run && this.#kept.get(run)?.key;
    if (key !== undefined) rememberCurrent(key);
  }
}

const CURRENT = 'flambeau-run';

/** The run that this tab shows, which a reload keeps. */
export function currentKey(): string | undefined {
  try {
    return sessionStorage.getItem(CURRENT) ?? undefined;
  } catch {
    return undefined; // the browser keeps nothing for this page
  }
}

function rememberCurrent(key: string | undefined): void {
  try {
    if (key === undefined) sessionStorage.removeItem(CURRENT);
    else sessionStorage.setItem(CURRENT, key);
  } catch {
    // as above
  }
}
