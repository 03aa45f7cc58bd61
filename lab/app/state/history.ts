/** What was done with classes and pictures, so that it can be undone: whoever changes the signals of project.ts, the state before is kept. */
import { batch, computed, effect, signal } from '@preact/signals';
import type { Collection } from '../../core/collection.ts';
import { classes, pictures } from './project.ts';

interface Past {
  readonly collection: Collection;
  /** What came after it, such as “Deleted 3 pictures”. */
  readonly what: string;
  /** Changes with the same mark are undone together. */
  readonly burst: symbol | undefined;
}

const MOST = 100;
const past = signal<readonly Past[]>([]);
const future = signal<readonly Past[]>([]);
/** What “Undo” would undo; undefined where there is nothing. */
export const undoable = computed(() => past.value.at(-1)?.what);
export const redoable = computed(() => future.value.at(-1)?.what);

const now = (): Collection => ({ classes: classes.value, pictures: pictures.value });
let current = now();
let cause: { readonly what: string; readonly burst: symbol | undefined } | 'silent' | undefined;

effect(() => {
  const before = current;
  current = now();
  if (cause === 'silent' || (before.classes === current.classes && before.pictures === current.pictures)) return;
  const { what, burst } = cause ?? { what: 'Changed the pictures', burst: undefined };
  const last = past.peek().at(-1);
  if (burst !== undefined && last?.burst === burst) past.value = [...past.peek().slice(0, -1), { ...last, what }];
  else past.value = [...past.peek(), { collection: before, what, burst }].slice(-MOST);
  future.value = [];
});

function withCause(as: typeof cause, change: () => void): void {
  cause = as;
  try {
    batch(change);
  } finally {
    cause = undefined;
  }
}

function show({ classes: names, pictures: all }: Collection): void {
  classes.value = names;
  pictures.value = all;
}

/** Changes the collection; not within a `batch`, which would hide the cause. @param what it is called where it can be undone, in the past tense */
export function edit(what: string, change: (collection: Collection) => Collection, burst?: symbol): void {
  const changed = change(now());
  withCause({ what, burst }, () => show(changed));
}

/** Changes it so that there is nothing to undo: what comes from storage. */
export function restore(collection: Collection): void {
  withCause('silent', () => show(collection));
}

const move = (from: typeof past, to: typeof past): void => {
  const last = from.value.at(-1);
  if (last === undefined) return;
  from.value = from.value.slice(0, -1);
  to.value = [...to.value, { ...last, collection: now() }];
  restore(last.collection);
};
export const undo = (): void => move(past, future);
export const redo = (): void => move(future, past);
