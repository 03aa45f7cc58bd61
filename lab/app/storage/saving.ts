/** Keeps the project in the browser: everything a moment after it changes, and back when the page is opened again. Tabs that are open together hear of one another. */
import { batch, effect, signal } from '@preact/signals';
import type { Collection } from '../../core/collection.ts';
import { readPictureFacts, readPixels, readSplitting } from '../../core/read-pictures.ts';
import { readSetup } from '../../core/read-setup.ts';
import type { Picture, Setup } from '../../core/spec.ts';
import { edit, restore } from '../state/history.ts';
import { tabName } from '../state/ids.ts';
import { say, unsay } from '../state/notices.ts';
import { classes, currentRun, network, pictures, restoreRun, setup, splitting, training } from '../state/project.ts';
import { OutOfDateError, openDatabase, type Database, type StoredPicture, type StoredProject } from './database.ts';
import { RunSaver } from './run-saving.ts';
import { messageOf } from '../../core/failure.ts';

export type SaveState = 'restoring' | 'saved' | 'unsaved' | 'failed' | 'denied';
export const saveState = signal<SaveState>('restoring');

/** Milliseconds after a change. */
const SOON = 300;

/** What a project is, apart from its runs. */
interface Work extends Collection {
  readonly network: Setup['network'];
  readonly training: Setup['training'];
  readonly splitting: typeof splitting.value;
}
const workNow = (): Work => ({
  classes: classes.value,
  pictures: pictures.value,
  network: network.value,
  training: training.value,
  splitting: splitting.value,
});
const isSame = (a: Work, b: Work): boolean => Object.keys(a).every((key) => a[key as keyof Work] === b[key as keyof Work]); // prettier-ignore

const facts = ({ id, name, label, part, origin }: Picture): StoredPicture => ({ id, name, label, part, origin });

class Saver {
  readonly #db: Database;
  readonly #run = new RunSaver();
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
      say({ topic: 'storage', level: 'error', text: `What this browser had kept could not be read (${messageOf(error)}), so the project begins empty. It was put aside and not deleted.` }); // prettier-ignore
      await this.#db.putAside(raw);
    }
    await this.#restoreRun();
    saveState.value = 'saved';
    effect(() => {
      if (!isSame(workNow(), this.#stored)) this.#later(SOON);
    });
    effect(() => {
      const wait = this.#run.look();
      if (wait !== undefined) this.#later(wait);
    });
    this.#channel.onmessage = () => void this.#hear();
    addEventListener('visibilitychange', () => void (document.hidden ? this.save() : this.#hear()));
    addEventListener('pagehide', () => void this.save());
  }

  async #restoreRun(): Promise<void> {
    try {
      const found = await this.#db.run(tabName);
      if (found === undefined || currentRun.value !== undefined) return;
      const known = new Map(pictures.value.map((picture) => [picture.id, picture]));
      const missing = found.pictures.pictures.some(({ id }) => !known.has(id));
      const pixels = missing ? await this.#db.pixels() : undefined;
      const of = found.pictures.pictures.map((picture) => ({ ...(known.get(picture.id) ?? readPixels(pixels?.get(picture.id), picture.name)), ...picture })); // prettier-ignore
      // The very same list where it is the same, so that nothing seems to have changed since the run began.
      const same = sameCollection({ classes: [], pictures: of }, { classes: [], pictures: pictures.value });
      this.#run.restored(restoreRun(found.run.snapshot, same ? pictures.value : of));
    } catch (error) {
      say({ topic: 'run', level: 'info', text: `The last run could not be brought back (${messageOf(error)}); the pictures and the network are there.` }); // prettier-ignore
    }
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
    return { classes: names, pictures: all, network, training, splitting: readSplitting(project.splitting) };
  }

  #show(work: Work, show: (collection: Collection) => void): void {
    show({ classes: work.classes, pictures: work.pictures });
    batch(() => {
      network.value = work.network;
      training.value = work.training;
      splitting.value = work.splitting;
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
    for (const key of ['network', 'training', 'splitting'] as const)
      take([key], JSON.stringify(base[key]) !== JSON.stringify(theirs[key]));
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
    const run = this.#run.change();
    if (!changed && run === undefined) {
      if (saveState.value === 'unsaved') saveState.value = 'saved';
      return;
    }
    this.#writing = this.#write(work, changed, run).finally(() => (this.#writing = undefined));
    await this.#writing;
  }

  async #write(work: Work, changed: boolean, run: ReturnType<RunSaver['change']>): Promise<void> {
    const needed = new Map(work.pictures.map((picture) => [picture.id, picture]));
    for (const picture of this.#run.pictures) if (!needed.has(picture.id)) needed.set(picture.id, picture);
    const pixels = [...needed.values()].filter(({ id, rgb }) => this.#pixels.get(id) !== rgb);
    const gone = [...this.#pixels.keys()].filter((id) => !needed.has(id));
    const revision = this.#revision + 1;
    const project: StoredProject = { version: 1, revision, setup: { ...setup.value, classes: work.classes, network: work.network, training: work.training }, splitting: work.splitting, pictures: work.pictures.map(facts) }; // prettier-ignore
    try {
      await this.#db.write({
        known: this.#revision,
        ...(changed ? { project } : {}),
        ...(run === undefined ? {} : { run }),
        pixels: pixels.map((picture) => [picture.id, picture] as const),
        gone,
      });
    } catch (error) {
      if (run !== undefined) this.#run.failed();
      if (error instanceof OutOfDateError) queueMicrotask(() => void this.#hear());
      else tellFailure(error);
      return;
    }
    for (const { id, rgb } of pixels) this.#pixels.set(id, rgb);
    for (const id of gone) this.#pixels.delete(id);
    if (changed) {
      this.#stored = work;
      this.#revision = revision;
      this.#channel.postMessage(revision);
    }
    unsay('storage');
    if (work.pictures.some(({ origin }) => origin !== 'sample')) askToStay();
    saveState.value = isSame(workNow(), work) ? 'saved' : 'unsaved';
  }
}

function sameCollection(a: Collection, b: Collection): boolean {
  return a.classes.join('\n') === b.classes.join('\n') && a.pictures.length === b.pictures.length &&
    a.pictures.every((picture, i) => JSON.stringify(facts(picture)) === JSON.stringify(facts(b.pictures[i]!))); // prettier-ignore
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

function tellFailure(error: unknown): void {
  saveState.value = 'failed';
  const full = error instanceof DOMException && error.name === 'QuotaExceededError';
  say({
    topic: 'storage',
    level: 'error',
    text: full
      ? 'The browser has no more room for this project, so the last changes are not kept. Nothing is lost while this tab is open: save the project as a file (Project → Save as a file), or delete pictures.'
      : `The browser could not keep the last changes (${messageOf(error)}). Nothing is lost while this tab is open: save the project as a file (Project → Save as a file).`,
  });
}

let saver: Saver | undefined;

async function begin(): Promise<void> {
  try {
    const opened = new Saver(await openDatabase());
    await opened.begin();
    saver = opened;
  } catch (error) {
    saveState.value = 'denied';
    say({
      topic: 'storage',
      level: 'info',
      text: `This browser keeps nothing for this page (a private window, or a setting: ${messageOf(error)}). Everything works, but before you close the tab, save the project as a file (Project → Save as a file).`,
    });
  }
}

/** Settled when what was kept is shown. Until then no view is shown, and what comes from links must wait for it. */
export const restored = begin();

/** Writes what has changed now rather than in a moment. */
export const saveNow = async (): Promise<void> => saver?.save();

addEventListener('beforeunload', (event) => {
  const unkept = saveState.value === 'failed' || (saveState.value === 'denied' && pictures.value.some(({ origin }) => origin !== 'sample')); // prettier-ignore
  if (unkept) event.preventDefault();
});
