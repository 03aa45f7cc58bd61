/** What the See view looks at: a run, a picture, a number. Asks the run's worker, one question at a time. */
import { batch, computed, effect, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Predictions } from '../../../core/look/confusion.ts';
import { strongest } from '../../../core/look/sum.ts';
import type { Part, Picture } from '../../../core/spec.ts';
import type { Looked, NumberExplained, Pixels } from '../../../worker/look-functions.ts';
import { built, currentRun, pictures, setup } from '../../state/project.ts';
import { Run } from '../../state/run.ts';
import { messageOf } from '../../../core/failure.ts';

export const TABS = { inside: 'Inside', filters: 'Filters', why: 'Why', dream: 'Dream', mistakes: 'Mistakes' } as const;
export type Tab = keyof typeof TABS;
export const tab = signal<Tab>('inside');

/** The run that is looked into: the current one, or one of our own with the initial weights. */
export const looking = signal<Run | undefined>(undefined);

export interface Chosen {
  readonly pixels: Pixels;
  readonly name: string;
  /** The class it is said to be; undefined of what came from the camera or was drawn. */
  readonly label: number | undefined;
  /** Of a picture of the project. */
  readonly id: string | undefined;
}
export const chosen = signal<Chosen | undefined>(undefined);
export const looked = signal<Looked | undefined>(undefined);
/** Why there is nothing to see. */
export const problem = signal<string | undefined>(undefined);

export interface Selected {
  readonly stage: number;
  /** Counted through the stage. */
  readonly at: number;
}
export const selected = signal<Selected | undefined>(undefined);
export interface Explained extends NumberExplained, Selected {}
export const explained = signal<Explained | undefined>(undefined);
/** What maps show. */
export const showing = signal<'values' | 'gradient'>('values');
/** Which patch of the forward sum is written out; undefined until it is known which counts most. */
export const patchShown = signal<number | undefined>(undefined);

export const isLive = signal(false);

const partWished = signal<Part>('valid');
/** How many pictures of the run are in a part. */
export const countOf = (part: Part): number =>
  (looking.value?.pictures ?? []).reduce((sum, picture) => sum + Number(picture.part === part), 0);
/** Whose pictures are shown: those kept aside, where there are some. */
export const part = computed<Part>(() => (countOf(partWished.value) > 0 ? partWished.value : 'train'));
export function showPart(wished: Part): void {
  partWished.value = wished;
  void askPredictions();
}

/** What the network says of the pictures of the part; asked for again when epochs have passed. */
export const predictions = signal<(Predictions & { readonly part: Part }) | undefined>(undefined);

export const choosePicture = (picture: Picture): void => {
  const known = picture.label < (looking.value?.classes.length ?? 0);
  choose({ pixels: picture, name: picture.name, label: known ? picture.label : undefined, id: picture.id });
};
export function choose(next: Chosen): void {
  chosen.value = next;
  void refresh();
}

/** Runs a task again as often as it was asked for in the meantime, but never twice at a time. */
function oneAtATime(task: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let again = false;
  const run = async (): Promise<void> => {
    try {
      do {
        again = false;
        await task();
      } while (again as boolean);
    } finally {
      running = undefined;
    }
  };
  return () => {
    if (running !== undefined) {
      again = true;
      return running;
    }
    return (running = run());
  };
}

/** The picture goes through the network as it stands. */
export const refresh = oneAtATime(async () => {
  const [run, picture] = [looking.value, chosen.value];
  if (run === undefined || picture === undefined) return;
  try {
    await run.opened;
    if (run.status.value === 'failed') throw new Error(run.error.value ?? 'the run has ended');
    const quick = isLive.value && selected.value === undefined;
    const result = quick ? await run.call('glance', picture.pixels) : await run.call('look', picture.pixels, picture.label);
    if (run !== looking.value) return;
    batch(() => {
      looked.value = result;
      problem.value = undefined;
      const stage = selected.value === undefined ? undefined : result.stages[selected.value.stage];
      if (selected.value !== undefined && (stage === undefined || selected.value.at >= stage.values.length)) selected.value = undefined;
    });
    void explain();
  } catch (error) {
    if (run === looking.value) problem.value = messageOf(error);
  }
});

/** The selected number is worked out. */
const explain = oneAtATime(async () => {
  const [run, number, of] = [looking.value, selected.value, looked.value];
  if (run === undefined || number === undefined || of?.stages[0]?.gradient === undefined) {
    explained.value = undefined;
    return;
  }
  try {
    const result = await run.call('explainNumber', number.stage, number.at);
    if (selected.value !== number || run !== looking.value) return;
    batch(() => {
      explained.value = { ...result, ...number };
      patchShown.value ??= strongest(result.forward);
    });
  } catch (error) {
    problem.value = messageOf(error);
  }
});

export async function select(number: Selected | undefined): Promise<void> {
  if (number?.stage !== selected.value?.stage) patchShown.value = undefined;
  selected.value = number;
  // A glance has no gradients.
  if (number !== undefined && looked.value?.stages[0]?.gradient === undefined) await refresh();
  await explain();
}

const askPredictions = oneAtATime(async () => {
  const run = looking.value;
  if (run === undefined) return;
  await run.opened;
  if (run.status.value === 'failed') return;
  const of = part.value;
  const found = await run.call('predictions', of).catch(() => undefined);
  if (run === looking.value && found !== undefined) predictions.value = { ...found, part: of };
});

let own: Run | undefined;
let ownOf: readonly [unknown, unknown] | undefined;

/** Follows the current run; without one, opens a run that only has its initial weights. */
function follow(): void {
  const [run, now, all] = [currentRun.value, setup.value, pictures.value];
  if (run !== undefined) {
    own?.close();
    own = ownOf = undefined;
    lookInto(run);
    return;
  }
  if (ownOf?.[0] === now && ownOf[1] === all && own !== undefined) {
    lookInto(own);
    return;
  }
  own?.close();
  own = ownOf = undefined;
  const ready = built.value.error === undefined && now.classes.length > 0 && all.some(({ part }) => part === 'train');
  if (ready) {
    own = new Run(now, all, { label: 'Not trained yet' });
    ownOf = [now, all];
  }
  lookInto(own);
}

function lookInto(run: Run | undefined): void {
  if (looking.peek() === run) return;
  batch(() => {
    looking.value = run;
    looked.value = explained.value = selected.value = problem.value = undefined;
    predictions.value = undefined;
  });
}

/** Milliseconds between two looks while training. */
const EVERY = 250;
/** Measuring all pictures takes longer, so it is done less often. */
const MEASURE_EVERY = 1500;

/** Calls at once, then at most every so many milliseconds, the last call included. */
function paced(every: number, call: () => void): { readonly ask: () => void; readonly stop: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = -Infinity;
  const ask = (): void => {
    if (timer !== undefined) return;
    const wait = Math.max(0, last + every - performance.now());
    timer = setTimeout(() => {
      timer = undefined;
      last = performance.now();
      call();
    }, wait);
  };
  return { ask, stop: () => clearTimeout(timer) };
}

/** Keeps the view's state up to date while it is shown. */
export function useFollowing(): void {
  useEffect(() => {
    const looks = paced(EVERY, () => void refresh());
    const measures = paced(MEASURE_EVERY, () => void askPredictions());
    const stopFollowing = effect(follow);
    const stopLooking = effect(() => {
      const run = looking.value;
      if (run === undefined) return;
      const [epochs, status] = [run.epochs.value, run.status.value];
      if (status === 'opening' && epochs.length === 0) return;
      looks.ask();
      measures.ask();
    });
    return () => {
      stopFollowing();
      stopLooking();
      looks.stop();
      measures.stop();
    };
  }, []);
}

/** Pictures by their ids. */
export const pictureOf = computed(() => {
  const all = new Map((looking.value?.pictures ?? []).map((picture) => [picture.id, picture]));
  return (id: string): Picture | undefined => all.get(id);
});
