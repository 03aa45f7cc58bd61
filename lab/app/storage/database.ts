/** The project in the browser's storage (IndexedDB): one record of what it is, one of each picture's pixels, and the last runs. A write happens wholly or not at all. */
import type { Splitting } from '../../core/collection.ts';
import type { Picture, Setup } from '../../core/spec.ts';
import type { RunSnapshot } from '../state/run.ts';

export type StoredPicture = Omit<Picture, 'rgb' | 'size'>;
export type Pixels = Pick<Picture, 'rgb' | 'size'>;

export interface StoredProject {
  readonly version: 1;
  /** Grows with every write, so that tabs notice one another. */
  readonly revision: number;
  readonly setup: Setup;
  readonly splitting: Splitting;
  readonly pictures: readonly StoredPicture[];
}

export interface StoredRun {
  /** The tab that it was made in. */
  readonly tab: string;
  readonly at: number;
  readonly snapshot: RunSnapshot;
}
/** Apart, since it is read whenever pixels are deleted. */
export interface StoredRunPictures {
  readonly tab: string;
  readonly at: number;
  readonly pictures: readonly StoredPicture[];
}

export interface Change {
  /** The revision that this tab knows; 0 where there is none. */
  readonly known: number;
  readonly project?: StoredProject;
  readonly run?: { readonly run: StoredRun; readonly pictures: StoredRunPictures } | { readonly closed: string };
  readonly pixels: readonly (readonly [id: string, pixels: Pixels])[];
  /** Pictures that this tab no longer needs; those of runs stay. */
  readonly gone: readonly string[];
}

/** Another tab has written since. */
export class OutOfDateError extends Error {
  override readonly name = 'OutOfDateError';
}

const NAME = 'flambeau-laboratory';
const [PROJECTS, PIXELS, RUNS, RUN_PICTURES] = ['projects', 'pixels', 'runs', 'run-pictures'] as const;
const ALL = [PROJECTS, PIXELS, RUNS, RUN_PICTURES];
const NOW = 'now';
/** Runs of as many tabs are kept. */
const MOST_RUNS = 3;
/** Pictures that are handed over before the page may draw again. */
const TOGETHER = 60;

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the request failed'));
  });

const finished = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error('the transaction was aborted'));
  });

/** @throws what the browser says, where it keeps nothing for this page */
export async function openDatabase(): Promise<Database> {
  const opening = indexedDB.open(NAME, 1);
  opening.onupgradeneeded = () => {
    const db = opening.result;
    db.createObjectStore(PROJECTS);
    db.createObjectStore(PIXELS);
    db.createObjectStore(RUNS, { keyPath: 'tab' });
    db.createObjectStore(RUN_PICTURES, { keyPath: 'tab' });
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
  project = (): Promise<unknown> => done<unknown>(this.#reading(PROJECTS).get(NOW));

  async pixels(): Promise<Map<string, unknown>> {
    const store = this.#reading(PIXELS);
    const [keys, values] = await Promise.all([done(store.getAllKeys()), done<unknown[]>(store.getAll())]);
    return new Map(keys.map((key, i) => [key as string, values[i]]));
  }

  /** The run of this tab, or the newest. */
  async run(tab: string): Promise<{ readonly run: StoredRun; readonly pictures: StoredRunPictures } | undefined> {
    const all = (await done<unknown[]>(this.#reading(RUN_PICTURES).getAll())) as StoredRunPictures[];
    const pictures = all.find((entry) => entry.tab === tab) ?? all.sort((a, b) => b.at - a.at)[0];
    if (pictures === undefined) return undefined;
    const run = (await done<unknown>(this.#reading(RUNS).get(pictures.tab))) as StoredRun | undefined;
    return run === undefined ? undefined : { run, pictures };
  }

  /** Keeps what could not be read, beside what comes now. */
  async putAside(value: unknown): Promise<void> {
    const transaction = this.#db.transaction(PROJECTS, 'readwrite');
    transaction.objectStore(PROJECTS).put(value, 'could not be read');
    transaction.objectStore(PROJECTS).delete(NOW);
    await finished(transaction);
  }

  /**
   * All of it or nothing.
   * @throws OutOfDateError when another tab has written since; what the browser says, where there is no room
   */
  async write(change: Change): Promise<void> {
    const transaction = this.#db.transaction(ALL, 'readwrite');
    const end = finished(transaction);
    let outOfDate = false;
    const work = async (): Promise<void> => {
      const projects = transaction.objectStore(PROJECTS);
      const stored = (await done<unknown>(projects.get(NOW))) as StoredProject | undefined;
      if ((stored?.revision ?? 0) !== change.known) {
        outOfDate = true;
        transaction.abort();
        return;
      }
      if (change.project !== undefined) projects.put(change.project, NOW);
      await writeRun(transaction, change.run);
      await writePixels(transaction, change);
    };
    // Where a request fails, the transaction says why.
    await Promise.all([work().catch(() => undefined), end]).catch((error: unknown) => {
      throw outOfDate ? new OutOfDateError('another tab has written since') : error;
    });
  }
}

async function writeRun(transaction: IDBTransaction, run: Change['run']): Promise<void> {
  if (run === undefined) return;
  const [runs, runPictures] = [transaction.objectStore(RUNS), transaction.objectStore(RUN_PICTURES)];
  if ('closed' in run) {
    runs.delete(run.closed);
    runPictures.delete(run.closed);
    return;
  }
  runs.put(run.run);
  runPictures.put(run.pictures);
  const all = (await done<unknown[]>(runPictures.getAll())) as StoredRunPictures[];
  for (const { tab } of all.sort((a, b) => b.at - a.at).slice(MOST_RUNS)) {
    runs.delete(tab);
    runPictures.delete(tab);
  }
}

async function writePixels(transaction: IDBTransaction, { pixels, gone }: Change): Promise<void> {
  const store = transaction.objectStore(PIXELS);
  for (let i = 0; i < pixels.length; i += TOGETHER) {
    const puts = pixels.slice(i, i + TOGETHER).map(([id, { size, rgb }]) => {
      // Of a view, all of its buffer would be stored.
      const own = rgb.byteLength === rgb.buffer.byteLength ? rgb : rgb.slice();
      return store.put({ size, rgb: own }, id);
    });
    await done(puts.at(-1)!);
  }
  if (gone.length === 0) return;
  const runs = (await done<unknown[]>(transaction.objectStore(RUN_PICTURES).getAll())) as StoredRunPictures[];
  const needed = new Set(runs.flatMap(({ pictures }) => pictures.map(({ id }) => id)));
  for (const id of gone) if (!needed.has(id)) store.delete(id);
}
