/** What buttons of this view do: edits with the words under which they can be undone. */
import { signal } from '@preact/signals';
import {
  freeName,
  moved,
  nameProblem,
  renamed,
  split,
  withClass,
  withNamed,
  without,
  withoutClass,
  withPart,
} from '../../../core/collection.ts';
import { SAMPLES, SAMPLES_PER_CLASS } from '../../../core/samples.ts';
import type { Origin, Part } from '../../../core/spec.ts';
import { counted } from '../../../core/words.ts';
import { edit } from '../../state/history.ts';
import { newId } from '../../state/ids.ts';
import { classes, pictures, splitting } from '../../state/project.ts';

/** What was done last, for the message with “Undo”. */
export const said = signal<string | undefined>(undefined);

function act(what: string, change: Parameters<typeof edit>[1], burst?: symbol): void {
  edit(what, change, burst);
  said.value = what;
}

export function takeSamples(name: keyof typeof SAMPLES): void {
  const set = SAMPLES[name];
  const replaced = pictures.value.length > 0;
  act(`${replaced ? 'Replaced the pictures by' : 'Took'} the samples “${set.title}”`, () => ({
    classes: set.classes,
    pictures: set.make(SAMPLES_PER_CLASS, 1),
  }));
}

/** @returns the sentence of what is wrong with the name */
export function addClass(wish: string): string | undefined {
  const name = wish.trim() === '' ? freeName(classes.value, `Class ${classes.value.length + 1}`) : wish;
  const problem = nameProblem(classes.value, name);
  if (problem === undefined) act(`Added the class “${name.trim()}”`, (collection) => withClass(collection, name));
  return problem;
}

/** @returns the sentence of what is wrong with the name */
export function renameClass(label: number, name: string): string | undefined {
  const problem = nameProblem(classes.value, name, label);
  if (problem === undefined && name !== classes.value[label])
    act(`Renamed “${classes.value[label]}” to “${name.trim()}”`, (collection) => renamed(collection, label, name));
  return problem;
}

export function removeClass(label: number): void {
  const count = pictures.value.filter((picture) => picture.label === label).length;
  const and = count === 0 ? '' : ` and ${counted(count)}`;
  act(`Removed the class “${classes.value[label]}”${and}`, (collection) => withoutClass(collection, label));
}

export function removePictures(ids: ReadonlySet<string>): void {
  act(`Deleted ${counted(ids.size)}`, (collection) => without(collection, ids));
}

export function movePictures(ids: ReadonlySet<string>, label: number): void {
  act(`Moved ${counted(ids.size)} to “${classes.value[label]}”`, (collection) => moved(collection, ids, label));
}

export function putPictures(ids: ReadonlySet<string>, part: Part): void {
  const where = part === 'train' ? 'Moved to training' : 'Kept aside';
  act(`${where}: ${counted(ids.size)}`, (collection) => withPart(collection, ids, part));
}

/** Chooses anew which pictures are kept aside. */
export function splitAnew(share: number, seed: number, burst?: symbol): void {
  splitting.value = { share, seed };
  edit(`Kept ${Math.round(share * 100)} % of each class aside`, (collection) => split(collection, share, seed), burst);
}

/** One picture that was made on this page. @throws RangeError where no more fit */
export function addMade(className: string, origin: Origin, name: string, size: number, rgb: Uint8Array, burst?: symbol): void {
  const picture = { id: newId(), name, origin, size, rgb };
  edit(`Added pictures to “${className}”`, (collection) => withNamed(collection, [[className, picture]], splitting.value.share), burst);
}
