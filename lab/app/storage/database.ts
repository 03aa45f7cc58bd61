/** The project in the browser's storage (IndexedDB): one record of what it is, one of each picture's pixels, and all runs. A write happens wholly or not at all. */
import { done, finished, STORES, type Pixels, type StoredProject } from './records.ts';
import { readRuns, thinRuns, writeRuns, type FoundRun, type OldRun, type RunsChange, type StoredList, type StoredWeights } from './run-records.ts'; // prettier-ignore

export interface Change {
  /** The revision that this tab knows; 0 where there is none. */
  readonly known: number;
  readonly project?: StoredProject;
  readonly weights: readonly StoredWeights[];
  readonly pixels: readonly (readonly [id: string, pixels: Pixels])[];
  /** Pictures that this tab no longer needs; those of runs stay. */
  readonly gone: readonly string[];
}

/** Another tab has written since. */
export class OutOfDateError extends Error {
  override readonly name = 'OutOfDateError';
}

const NAME = 'flambeau-laboratory';
/** 1 had one run of each tab, in `runs` and `run-pictures`, which are read and then emptied. */
const VERSION = 2;
const OLD = ['runs', 'run-pictures'] as const;
const NOW = 'now';
/** Pictures that are handed over before the page may draw again. */
const TOGETHER = 60;

/** @throws what the browser says, where it keeps nothing for this page */
export async function openDatabase(): Promise<Database> {
  const opening = indexedDB.open(NAME, VERSION);
  opening.onupgradeneeded = ({ oldVersion }) => {
    const db = opening.result;
    if (oldVersion < 1) {
      db.createObjectStore(STORES.projects);
      db.createObjectStore(STORES.pixels);
      for (const name of OLD) db.createObjectStore(name, { keyPath: 'tab' });
    }
    db.createObjectStore(STORES.runs, { keyPath: 'key' });
    db.createObjectStore(STORES.checkpoints);
    db.createObjectStore(STORES.lists, { keyPath: 'id' });
    db.createObjectStore(STORES.weights, { keyPath: 'id' });
  };
  const db = await done(opening);
  db.onversionchange = () => db.close(); // a later version of the laboratory opens it
  return new Database(db);
}

export class Database {
  readonly #db: IDBDatabase;

  constructor(db: IDBDatabase) {
    this.#db = db;
  }

  #reading(store: string): IDBObjectStore {
    return this.#db.transaction(store, 'readonly').objectStore(store);
  }

  /** What is stored, whatever it is. */
  project = (): Promise<unknown> => done<unknown>(this.#reading(STORES.projects).get(NOW));

  async pixels(): Promise<Map<string, unknown>> {
    const store = this.#reading(STORES.pixels);
    const [keys, values] = await Promise.all([done(store.getAllKeys()), done<unknown[]>(store.getAll())]);
    return new Map(keys.map((key, i) => [key as string, values[i]]));
  }

  runs = (): Promise<readonly FoundRun[]> => readRuns(this.#db.transaction([STORES.runs, STORES.checkpoints], 'readonly'));

  list = async (id: string): Promise<StoredList | undefined> =>
    (await done<unknown>(this.#reading(STORES.lists).get(id))) as StoredList | undefined;

  weights = async (id: string): Promise<StoredWeights | undefined> =>
    (await done<unknown>(this.#reading(STORES.weights).get(id))) as StoredWeights | undefined;

  /** Runs as version 1 kept them. */
  async oldRuns(): Promise<readonly OldRun[]> {
    const runs = (await done<unknown[]>(this.#reading(OLD[0]).getAll())) as Omit<OldRun, 'pictures'>[];
    const lists = (await done<unknown[]>(this.#reading(OLD[1]).getAll())) as Pick<OldRun, 'tab' | 'pictures'>[];
    return runs.flatMap((run) => {
      const pictures = lists.find(({ tab }) => tab === run.tab)?.pictures;
      return pictures === undefined ? [] : [{ ...run, pictures }];
    });
  }

  /** Once they are kept as this version keeps them. */
  async forgetOldRuns(): Promise<void> {
    const transaction = this.#db.transaction(OLD, 'readwrite');
    for (const name of OLD) transaction.objectStore(name).clear();
    await finished(transaction);
  }

  /** Keeps what could not be read, beside what comes now. */
  async putAside(value: unknown): Promise<void> {
    const transaction = this.#db.transaction(STORES.projects, 'readwrite');
    transaction.objectStore(STORES.projects).put(value, 'could not be read');
    transaction.objectStore(STORES.projects).delete(NOW);
    await finished(transaction);
  }

  /**
   * The project and pictures: all of it or nothing.
   * @throws OutOfDateError when another tab has written since; what the browser says, where there is no room
   */
  async write(change: Change): Promise<void> {
    const transaction = this.#db.transaction(Object.values(STORES), 'readwrite');
    let outOfDate = false;
    const work = async (): Promise<void> => {
      const projects = transaction.objectStore(STORES.projects);
      const stored = (await done<unknown>(projects.get(NOW))) as StoredProject | undefined;
      if ((stored?.revision ?? 0) !== change.known) {
        outOfDate = true;
        transaction.abort();
        return;
      }
      if (change.project !== undefined) projects.put(change.project, NOW);
      for (const weights of change.weights) transaction.objectStore(STORES.weights).put(weights);
      await writePixels(transaction, change);
    };
    await whole(transaction, work).catch((error: unknown) => {
      throw outOfDate ? new OutOfDateError('another tab has written since') : error;
    });
  }

  /**
   * Runs: all of it or nothing.
   * @returns the key of each run that was written
   * @throws what the browser says, where there is no room
   */
  async writeRuns(change: RunsChange): Promise<readonly string[]> {
    const transaction = this.#db.transaction(Object.values(STORES), 'readwrite');
    return (await whole(transaction, () => writeRuns(transaction, change))) ?? [];
  }

  /** Of every run, all but the newest checkpoint is deleted. */
  async thinRuns(): Promise<void> {
    const transaction = this.#db.transaction([STORES.runs, STORES.checkpoints], 'readwrite');
    await whole(transaction, () => thinRuns(transaction));
  }
}

/** Waits for both; where something fails, nothing is written, and the transaction knows best why. */
async function whole<T>(transaction: IDBTransaction, work: () => Promise<T>): Promise<T | undefined> {
  const end = finished(transaction);
  let own: unknown;
  const result = work().catch((error: unknown) => {
    own = error;
    try {
      transaction.abort();
    } catch {
      // it has ended already
    }
    return undefined;
  });
  await end.catch((error: unknown) => {
    throw transaction.error ?? own ?? error;
  });
  return result;
}

async function writePixels(transaction: IDBTransaction, { pixels, gone }: Change): Promise<void> {
  const store = transaction.objectStore(STORES.pixels);
  for (let i = 0; i < pixels.length; i += TOGETHER) {
    const puts = pixels.slice(i, i + TOGETHER).map(([id, { size, rgb }]) => {
      // Of a view, all of its buffer would be stored.
      const own = rgb.byteLength === rgb.buffer.byteLength ? rgb : rgb.slice();
      return store.put({ size, rgb: own }, id);
    });
    await done(puts.at(-1)!);
  }
  if (gone.length === 0) return;
  const lists = (await done<unknown[]>(transaction.objectStore(STORES.lists).getAll())) as StoredList[];
  const needed = new Set(lists.flatMap(({ pictures }) => pictures.map(({ id }) => id)));
  for (const id of gone) if (!needed.has(id)) store.delete(id);
}
