/** Runs in the browser's storage: for each a record of its facts, one of each checkpoint, and what several of them share (pictures, weights of files) once. */
import type { Checkpoint } from '../../core/checkpoints.ts';
import type { RunFacts } from '../../core/run-snapshot.ts';
import { done, STORES, type StoredPicture } from './records.ts';

/** What a run is, without its checkpoints. */
export interface StoredRun {
  readonly version: 2;
  readonly key: string;
  readonly at: number;
  /** Changes with every write, so that tabs notice one another. */
  readonly revision: string;
  readonly facts: RunFacts;
  /** Which list of pictures, and which weights it began with. */
  readonly list: string;
  readonly weights: string | undefined;
  readonly epochs: readonly number[];
}
/** Pictures that runs were made of. */
export interface StoredList {
  readonly id: string;
  readonly pictures: readonly StoredPicture[];
}
/** Weights of a file, as `packTensors` gives them. */
export interface StoredWeights {
  readonly id: string;
  readonly packed: unknown;
}

export interface RunWrite {
  readonly run: StoredRun;
  /** The revision that this tab knows; undefined where it has not stored it yet. */
  readonly known: string | undefined;
  /** The key that it gets where another tab has gone on with the same run, so that both are kept. */
  readonly spare: string;
  /** All that are to be stored, and those of them that are not yet. */
  readonly checkpoints: readonly Checkpoint[];
  readonly fresh: readonly Checkpoint[];
}
export interface RunsChange {
  readonly writes: readonly RunWrite[];
  readonly removed: readonly string[];
  /** Of what runs name: made where it is not there yet. */
  readonly listOf: (id: string) => StoredList | undefined;
  readonly weightsOf: (id: string) => StoredWeights | undefined;
}

export interface FoundRun {
  readonly run: StoredRun;
  readonly checkpoints: readonly Checkpoint[];
}

/** As versions of the laboratory until 2026 kept them: one run of each tab. */
export interface OldRun {
  readonly tab: string;
  readonly snapshot: RunFacts & { readonly checkpoints: readonly Checkpoint[] };
  readonly pictures: readonly StoredPicture[];
}

const everything = (key: string): IDBKeyRange => IDBKeyRange.bound([key], [key, []]);

/** @returns the key of each run that was written */
export async function writeRuns(transaction: IDBTransaction, change: RunsChange): Promise<readonly string[]> {
  const store = (name: keyof typeof STORES): IDBObjectStore => transaction.objectStore(STORES[name]);
  const ensure = async (name: 'lists' | 'weights', id: string | undefined, make: (id: string) => unknown) => {
    if (id === undefined || (await done(store(name).count(id))) > 0) return;
    const made = make(id);
    if (made !== undefined) store(name).put(made);
  };
  for (const key of change.removed) {
    store('runs').delete(key);
    store('checkpoints').delete(everything(key));
  }
  const keys: string[] = [];
  for (const { run, known, spare, checkpoints, fresh } of change.writes) {
    await ensure('lists', run.list, change.listOf);
    await ensure('weights', run.weights, change.weightsOf);
    const stored = (await done<unknown>(store('runs').get(run.key))) as StoredRun | undefined;
    const isOurs = stored?.revision === known;
    const key = stored === undefined || isOurs ? run.key : spare;
    if (isOurs && stored !== undefined) {
      const kept = new Set(checkpoints.map(({ epoch }) => epoch));
      for (const epoch of stored.epochs) if (!kept.has(epoch)) store('checkpoints').delete([key, epoch]);
    }
    for (const checkpoint of isOurs ? fresh : checkpoints) store('checkpoints').put(checkpoint, [key, checkpoint.epoch]);
    store('runs').put({ ...run, key });
    keys.push(key);
  }
  await forgetUnused(transaction);
  return keys;
}

/** Lists and weights that no run has any more. */
async function forgetUnused(transaction: IDBTransaction): Promise<void> {
  const [runs, lists, weights] = (['runs', 'lists', 'weights'] as const).map((name) => transaction.objectStore(STORES[name]));
  const all = (await done<unknown[]>(runs!.getAll())) as StoredRun[];
  const project = (await done<unknown>(transaction.objectStore(STORES.projects).get('now'))) as { start?: { weights: string } } | undefined;
  const used = new Set([...all.flatMap(({ list, weights: of }) => [list, of]), project?.start?.weights]);
  for (const store of [lists!, weights!]) for (const key of await done(store.getAllKeys())) if (!used.has(key as string)) store.delete(key);
}

/** Leaves the newest checkpoint of each run. */
export async function thinRuns(transaction: IDBTransaction): Promise<void> {
  const [runs, checkpoints] = [transaction.objectStore(STORES.runs), transaction.objectStore(STORES.checkpoints)];
  for (const run of (await done<unknown[]>(runs.getAll())) as StoredRun[]) {
    for (const epoch of run.epochs.slice(0, -1)) checkpoints.delete([run.key, epoch]);
    runs.put({ ...run, epochs: run.epochs.slice(-1) });
  }
}

/** All runs, the one that was written last at the end. */
export async function readRuns(transaction: IDBTransaction): Promise<readonly FoundRun[]> {
  const [runs, checkpoints] = [transaction.objectStore(STORES.runs), transaction.objectStore(STORES.checkpoints)];
  const all = (await done<unknown[]>(runs.getAll())) as StoredRun[];
  const found: FoundRun[] = [];
  for (const run of all.sort((a, b) => a.at - b.at)) {
    const own = (await done<unknown[]>(checkpoints.getAll(everything(run.key)))) as Checkpoint[];
    found.push({ run, checkpoints: own.sort((a, b) => a.epoch - b.epoch) });
  }
  return found;
}
