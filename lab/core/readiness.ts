/** What is to be said of pictures before one trains on them. */
import type { Collection } from './collection.ts';
import { countsOf } from './dataset.ts';
import { listed } from './words.ts';

export interface Advice {
  /** `stop`: training cannot work like this; `warn`: it can, but will be worse than it need be. */
  readonly level: 'stop' | 'warn';
  readonly text: string;
}

const FEW = 10;
const UNEVEN = 3;

/** The worst first; empty where all is well. */
export function adviceOn({ classes, pictures }: Collection): readonly Advice[] {
  if (pictures.length === 0) return [stop('There are no pictures yet: take a set of samples, or add pictures of your own.')];
  if (classes.length === 1)
    return [stop(`There is only the class “${classes[0]}”: a network learns to tell classes apart, so add a second one.`)];
  const all = countsOf(pictures, classes.length);
  const train = countsOf(pictures, classes.length, 'train');
  const valid = countsOf(pictures, classes.length, 'valid');
  const having = (fits: (label: number) => boolean): string[] => classes.filter((_, label) => fits(label));
  const empty = having((label) => all[label] === 0);
  const filled = having((label) => all[label]! > 0);
  if (filled.length === 1)
    return [stop(`Only the class ${listed(filled)} has pictures: add some to ${listed(empty)}, so that there is something to tell apart.`)];
  if (train.every((count) => count === 0))
    return [stop('All pictures are kept aside, so there are none to train on: move some to training.')];
  const found: Advice[] = [];
  if (empty.length > 0)
    found.push(
      warn(`${listed(empty)} ${have(empty)} no pictures, so the network cannot learn ${it(empty)}: add some, or remove ${it(empty)}.`),
    );
  const untrained = having((label) => all[label]! > 0 && train[label] === 0);
  if (untrained.length > 0)
    found.push(
      warn(`All pictures of ${listed(untrained)} are kept aside, so the network never sees ${it(untrained)}: move some to training.`),
    );
  const few = having((label) => train[label]! > 0 && train[label]! < FEW);
  if (pictures.length < 2 * FEW)
    found.push(
      warn(`${pictures.length} pictures in all are very few: a network learns these by heart. Take ${FEW} or more of each class.`),
    );
  else if (few.length > 0)
    found.push(warn(`${listed(few)} ${have(few)} fewer than ${FEW} pictures to train on: more of ${it(few)} would help.`));
  const unmeasured = having((label) => train[label]! > 0 && valid[label] === 0);
  if (valid.every((count) => count === 0))
    found.push(
      warn('No pictures are kept aside, so nothing shows how well the network does on pictures it never saw: move “Kept aside” up.'),
    );
  else if (unmeasured.length > 0)
    found.push(warn(`No picture of ${listed(unmeasured)} is kept aside, so how well it is told apart is not measured.`));
  const uneven = unevenness(classes, train);
  if (uneven !== undefined) found.push(uneven);
  return found;
}

function unevenness(classes: readonly string[], train: readonly number[]): Advice | undefined {
  const present = train.map((count, label) => ({ count, label })).filter(({ count }) => count > 0);
  const most = present.reduce((a, b) => (b.count > a.count ? b : a));
  const least = present.reduce((a, b) => (b.count < a.count ? b : a));
  if (most.count < UNEVEN * least.count) return undefined;
  const times = Math.round(most.count / least.count);
  return warn(
    `“${classes[most.label]}” has ${times} times as many pictures as “${classes[least.label]}”: the network will prefer it. Add to the small class, or delete from the large one.`,
  );
}

const stop = (text: string): Advice => ({ level: 'stop', text });
const warn = (text: string): Advice => ({ level: 'warn', text });
const have = (names: readonly string[]): string => (names.length === 1 ? 'has' : 'have');
const it = (names: readonly string[]): string => (names.length === 1 ? 'it' : 'them');
