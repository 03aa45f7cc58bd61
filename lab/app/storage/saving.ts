/** Keeps the project in the browser: everything a moment after it changes, and back when the page is opened again. Tabs that are open together hear of one another. */
import { batch, effect } from '@preact/signals';
import { packTensors, unpackTensors } from 'flambeau/train';
import type { Collection } from '../../core/collection.ts';
import { pictureFacts, readPictureFacts, readPixels, readSplitting } from '../../core/read-pictures.ts';
import { readSetup } from '../../core/read-setup.ts';
import { readRunFacts } from '../../core/run-snapshot.ts';
import type { Weights } from '../../core/session.ts';
import { LIMITS } from '../../core/settings.ts';
import type { Picture, Setup } from '../../core/spec.ts';
import { edit, restore } from '../state/history.ts';
import { tabName } from '../state/ids.ts';
import { say, unsay } from '../state/notices.ts';
import { classes, currentRun, network, pictures, restoreRun, runs, setup, splitting, startWeights, training, type StartWeights } from '../state/project.ts'; // prettier-ignore
import { OutOfDateError, openDatabase, type Database } from './database.ts';
import type { StoredProject } from './records.ts';
import { currentKey, RunSaver } from './run-saving.ts';
import type { FoundRun } from './run-records.ts';
import type { Run } from '../state/run.ts';
import { isFull, saveState, tellDenied, tellFailure, tellNoRoomForRuns, tellTight } from './save-state.ts';
import { messageOf } from '../../core/failure.ts';

/** Milliseconds after a change, and after there was no room for runs. */
const [SOON, AGAIN] = [300, 15_000];

/** What a project is, apart from its runs. */
interface Work extends Collection {
  readonly network: Setup['network'];
  readonly training: Setup['training'];
  readonly splitting: typeof splitting.value;
  readonly start: StartWeights | undefined;
}
const workNow = (): Work => ({
  classes: classes.value,
  pictures: pictures.value,
  network: network.value,
  training: training.value,
  splitting: splitting.value,
  start: startWeights.value,
});
const isSame = (a: Work, b: Work): boolean => Object.keys(a).every((key) => a[key as keyof Work] === b[key as keyof Work]);

class Saver {
  readonly #db: Database;
  readonly #runs = new RunSaver();
  /** Runs as an earlier version kept them are in the storage still. */
  #hasOld = false;
  readonly #channel = new BroadcastChannel('flambeau-laboratory');
  /** What the storage holds, as far as this tab knows. */
  #stored = workNow();
  #revision = 0;
  /** Pixels in the storage, by the picture's id. */
  #pixels = new Map<string, Uint8Array>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = 0;
  #toldOfTabs = false;
  #writing: Promise<void> | undefined;

  constructor(db: Database) {
    this.#db = db;
  }

  async begin(): Promise<void> {
    const raw = await this.#db.project();
    try {
      if (raw !== undefined) this.#show(await this.#read(raw), restore);
    } catch (error) {
      say({
        topic: 'storage',
        level: 'error',
        text: `What this browser had kept could not be read (${messageOf(error)}), so the project begins empty. It was put aside and not deleted.`,
      });
      await this.#db.putAside(raw);
    }
    await this.#restoreRuns();
    saveState.value = 'saved';
    effect(() => {
      if (!isSame(workNow(), this.#stored)) this.#later(SOON);
    });
    effect(() => {
      const wait = this.#runs.look();
      if (wait !== undefined) this.#later(wait);
    });
    effect(() => this.#runs.remember(currentRun.value));
    this.#channel.onmessage = () => void this.#hear();
    addEventListener('visibilitychange', () => void (document.hidden ? this.save() : this.#hear()));
    addEventListener('pagehide', () => void this.save());
  }

  async #restoreRuns(): Promise<void> {
    const problems: string[] = [];
    const tried = async (restore: () => Promise<Run | undefined>): Promise<Run | undefined> => {
      try {
        return await restore();
      } catch (error) {
        problems.push(messageOf(error));
        return undefined;
      }
    };
    const pixels = lazily(() => this.#db.pixels());
    const lists = new Map<string, readonly Picture[]>();
    let shown: Run | undefined;
    for (const { tab, snapshot, pictures: of } of await this.#db.oldRuns()) {
      this.#hasOld = true;
      const run = await tried(async () =>
        restoreRun({ ...readRunFacts(snapshot), checkpoints: snapshot.checkpoints }, await this.#picturesOf(of, pixels)),
      );
      if (tab === tabName) shown = run;
    }
    for (const found of await this.#db.runs()) {
      const run = await tried(() => this.#restoreRun(found, lists, pixels));
      if (run !== undefined && (shown === undefined || found.run.key === currentKey())) shown = run;
    }
    currentRun.value = shown ?? runs.value.at(-1);
    if (problems.length > 0)
      say({
        topic: 'run',
        level: 'info',
        text: `Of the runs, ${problems.length} could not be brought back (${problems[0]}); the pictures and the network are there.`,
      });
  }

  async #restoreRun(
    { run, checkpoints }: FoundRun,
    lists: Map<string, readonly Picture[]>,
    pixels: Lazy<Map<string, unknown>>,
  ): Promise<Run> {
    const list = lists.get(run.list) ?? (await this.#picturesOf((await this.#db.list(run.list))?.pictures, pixels));
    lists.set(run.list, this.#runs.lists.set(list, run.list));
    const weights = run.weights === undefined ? undefined : await this.#weightsOf(run.weights);
    const restored = restoreRun({ ...readRunFacts(run.facts), checkpoints, weights }, list);
    this.#runs.restored(restored, run.key, run.revision, checkpoints);
    return restored;
  }

  /** The very list of the project where it is the same, so that nothing seems to have changed since the run began. */
  async #picturesOf(stored: unknown, pixels: Lazy<Map<string, unknown>>): Promise<readonly Picture[]> {
    const known = new Map(pictures.value.map((picture) => [picture.id, picture]));
    const all: Picture[] = [];
    for (const facts of readPictureFacts(stored, LIMITS.classes)) {
      const pixelsOf = known.get(facts.id) ?? readPixels((await pixels()).get(facts.id), facts.name);
      all.push({ ...facts, size: pixelsOf.size, rgb: pixelsOf.rgb });
    }
    return sameCollection({ classes: [], pictures: all }, { classes: [], pictures: pictures.value }) ? pictures.value : all;
  }

  async #weightsOf(id: string): Promise<Weights> {
    const known = this.#runs.weights.find(id);
    if (known !== undefined) return known;
    const stored = await this.#db.weights(id);
    if (stored === undefined) throw new Error('the weights that it began with are missing');
    return this.#runs.weights.set(unpackTensors<Weights>(stored.packed), id);
  }

  /** @throws SetupError for what is damaged */
  async #read(raw: unknown): Promise<Work> {
    const project = raw as Partial<StoredProject>;
    const { classes: names, network, training } = readSetup(project.setup);
    const list = readPictureFacts(project.pictures, names.length);
    const known = new Map(pictures.value.map((picture) => [picture.id, picture]));
    const pixels = await this.#db.pixels();
    this.#pixels = new Map([...pixels].map(([id, value]) => [id, (value as { rgb: Uint8Array }).rgb]));
    const all = list.map((picture): Picture => {
      const here = known.get(picture.id);
      if (here === undefined) return { ...picture, ...readPixels(pixels.get(picture.id), picture.name) };
      this.#pixels.set(picture.id, here.rgb);
      return { ...picture, size: here.size, rgb: here.rgb };
    });
    this.#revision = project.revision ?? 0;
    const start = await this.#readStart(project.start);
    return { classes: names, pictures: all, network, training, splitting: readSplitting(project.splitting), start };
  }

  async #readStart(start: StoredProject['start']): Promise<StartWeights | undefined> {
    if (start === undefined) return undefined;
    const weights = await this.#weightsOf(start.weights);
    return startWeights.value?.weights === weights ? startWeights.value : { name: start.name, weights };
  }

  #show(work: Work, show: (collection: Collection) => void): void {
    show({ classes: work.classes, pictures: work.pictures });
    batch(() => {
      network.value = work.network;
      training.value = work.training;
      splitting.value = work.splitting;
      startWeights.value = work.start;
    });
    this.#stored = work;
  }

  /** Another tab has written, perhaps: what only it changed is shown here; what both changed is its, and can be undone. */
  async #hear(): Promise<void> {
    await this.#writing;
    const raw = (await this.#db.project()) as StoredProject | undefined;
    if (raw === undefined || raw.revision === this.#revision) return;
    const theirs = await this.#read(raw);
    const [base, mine] = [this.#stored, workNow()];
    const merged = { ...theirs };
    const conflicts: (keyof Work)[] = [];
    const take = (keys: readonly (keyof Work)[], changedThere: boolean): void => {
      if (keys.every((key) => mine[key] === base[key])) return;
      if (changedThere) conflicts.push(...keys);
      else for (const key of keys) Object.assign(merged, { [key]: mine[key] });
    };
    take(['classes', 'pictures'], !sameCollection(base, theirs));
    for (const key of ['network', 'training', 'splitting'] as const) take([key], JSON.stringify(base[key]) !== JSON.stringify(theirs[key]));
    take(['start'], base.start?.weights !== theirs.start?.weights);
    this.#show(merged, (collection) => edit('Took over what another tab changed', () => collection));
    this.#stored = theirs;
    const both = conflicts.length > 0;
    if (both || !this.#toldOfTabs)
      say({
        topic: 'tabs',
        level: 'info',
        text: both
          ? 'Another tab changed the project at the same time. Its pictures are shown now; “Undo” in Pictures brings back those of this tab.'
          : 'The laboratory is open in another tab, too. Both show the same project: what changes there has been taken over here.',
      });
    this.#toldOfTabs = true;
    if (!isSame(workNow(), theirs)) this.#later(SOON);
  }

  #later(wait: number): void {
    if (saveState.value !== 'failed') saveState.value = 'unsaved';
    const due = performance.now() + wait;
    if (this.#timer !== undefined && this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => void this.save(), wait);
  }

  /** Writes what has changed, now. */
  async save(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#writing;
    const work = workNow();
    const changed = !isSame(work, this.#stored);
    const change = this.#runs.change();
    if (!changed && change === undefined) {
      if (saveState.value !== 'saved') unsay('storage');
      saveState.value = 'saved';
      return;
    }
    this.#writing = this.#write(work, changed).finally(() => (this.#writing = undefined));
    await this.#writing;
  }

  async #write(work: Work, changed: boolean): Promise<void> {
    try {
      await this.#writeProject(work, changed);
    } catch (error) {
      if (error instanceof OutOfDateError) queueMicrotask(() => void this.#hear());
      else tellFailure(error);
      return;
    }
    try {
      await this.#writeRuns();
    } catch (error) {
      if (isFull(error)) tellNoRoomForRuns();
      else tellFailure(error);
      this.#later(AGAIN); // what was deleted gives its room back after a while
      return;
    }
    if (this.#runs.isTight) tellTight();
    else unsay('storage');
    if (work.pictures.some(({ origin }) => origin !== 'sample')) askToStay();
    saveState.value = isSame(workNow(), work) ? 'saved' : 'unsaved';
  }

  async #writeProject(work: Work, changed: boolean): Promise<void> {
    const needed = new Map(work.pictures.map((picture) => [picture.id, picture]));
    for (const picture of this.#runs.pictures) if (!needed.has(picture.id)) needed.set(picture.id, picture);
    const pixels = [...needed.values()].filter(({ id, rgb }) => this.#pixels.get(id) !== rgb);
    const gone = [...this.#pixels.keys()].filter((id) => !needed.has(id));
    if (!changed && pixels.length === 0 && gone.length === 0) return;
    const revision = this.#revision + 1;
    const start = work.start && { name: work.start.name, weights: this.#runs.weights.of(work.start.weights) };
    const project: StoredProject = {
      version: 1,
      revision,
      setup: { ...setup.value, classes: work.classes, network: work.network, training: work.training },
      splitting: work.splitting,
      pictures: work.pictures.map(pictureFacts),
      start,
    };
    const isNewStart = work.start !== undefined && work.start.weights !== this.#stored.start?.weights;
    await this.#withRoom(() =>
      this.#db.write({
        known: this.#revision,
        ...(changed ? { project } : {}),
        weights: isNewStart ? [{ id: start!.weights, packed: packTensors(work.start.weights).value }] : [],
        pixels: pixels.map((picture) => [picture.id, picture] as const),
        gone,
      }),
    );
    for (const { id, rgb } of pixels) this.#pixels.set(id, rgb);
    for (const id of gone) this.#pixels.delete(id);
    if (gone.length > 0) this.#runs.isTight = false;
    if (!changed) return;
    this.#stored = work;
    this.#revision = revision;
    this.#channel.postMessage(revision);
  }

  async #writeRuns(): Promise<void> {
    await this.#withRoom(async () => {
      const runs = this.#runs.change();
      if (runs !== undefined) runs.written(await this.#db.writeRuns(runs.change));
    });
    if (!this.#hasOld) return;
    await this.#db.forgetOldRuns();
    this.#hasOld = false;
  }

  /** Where there is no room, runs keep their newest epoch only, and it is tried again. */
  async #withRoom(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#runs.isTight = true;
      await this.#db.thinRuns();
      await write();
    }
  }
}

type Lazy<T> = () => Promise<T>;
function lazily<T>(make: Lazy<T>): Lazy<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

function sameCollection(a: Collection, b: Collection): boolean {
  return (
    a.classes.join('\n') === b.classes.join('\n') &&
    a.pictures.length === b.pictures.length &&
    a.pictures.every((picture, i) => JSON.stringify(pictureFacts(picture)) === JSON.stringify(pictureFacts(b.pictures[i]!)))
  );
}

let asked = false;
/** Asks the browser once not to clear what it keeps when the disk becomes full; it may say no. */
function askToStay(): void {
  if (asked) return;
  asked = true;
  // Pages without a secure connection have no such thing, whatever types say.
  const storage = navigator.storage as StorageManager | undefined;
  void storage?.persist().catch(() => false);
}

/** Shows what was kept, and keeps what changes from then on. Until it has been shown (`saveState`), no view is, and what comes from links waits for it. */
export async function beginKeeping(): Promise<void> {
  addEventListener('beforeunload', (event) => {
    const unkept =
      saveState.value === 'failed' || (saveState.value === 'denied' && pictures.value.some(({ origin }) => origin !== 'sample'));
    if (unkept) event.preventDefault();
  });
  try {
    await new Saver(await openDatabase()).begin();
  } catch (error) {
    tellDenied(error);
  }
}
