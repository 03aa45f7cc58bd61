/** The work: pictures, classes, network, training, and the runs made of them. Views read these signals and change them by the functions here. */
import { batch, computed, effect, signal } from '@preact/signals';
import { DEFAULT_SPLITTING, type Splitting } from '../../core/collection.ts';
import { adviceOn } from '../../core/readiness.ts';
import { check } from '../../core/shapes.ts';
import { DEFAULT_TRAINING, type NetworkSpec, type Picture, type Setup, type TrainingSpec } from '../../core/spec.ts';
import { TEMPLATES } from '../../core/templates.ts';
import type { Change } from '../../core/remedies.ts';
import type { RunSnapshot } from '../../core/run-snapshot.ts';
import type { Weights } from '../../core/session.ts';
import { fitOf } from '../../core/state-shapes.ts';
import { Run } from './run.ts';

export const classes = signal<readonly string[]>([]);
export const pictures = signal<readonly Picture[]>([]);
export const network = signal<NetworkSpec>(TEMPLATES[0]!.network);
export const training = signal<TrainingSpec>(DEFAULT_TRAINING);
/** How pictures are put into parts: the share of each class that is kept aside, and the seed that chose which. */
export const splitting = signal<Splitting>(DEFAULT_SPLITTING);
/** The newest last. */
export const runs = signal<readonly Run[]>([]);
/** The run that the views show; undefined before the first. */
export const currentRun = signal<Run | undefined>(undefined);

export const setup = computed<Setup>(() => ({
  version: 1,
  classes: classes.value,
  network: network.value,
  training: training.value,
}));
/** The network's blocks with their shapes, or the sentence of what is wrong. */
export const built = computed(() => check(network.value, Math.max(1, classes.value.length)));

/** What is to be said of the pictures before one trains; with a `stop` among it, training cannot work. */
export const pictureAdvice = computed(() => adviceOn({ classes: classes.value, pictures: pictures.value }));

/** Weights of a file that runs are to begin with, where they fit the blocks. */
export interface StartWeights {
  readonly name: string;
  readonly weights: Weights;
}
export const startWeights = signal<StartWeights | undefined>(undefined);
/** Those that fit the blocks as they stand; undefined where runs begin with what the seed gives. */
export const fittingWeights = computed<Weights | undefined>(() => {
  const weights = startWeights.value?.weights;
  if (weights === undefined) return undefined;
  const shapes = new Map([...weights].map(([name, tensor]) => [name, tensor.shape as readonly number[]]));
  const { usable } = fitOf(shapes, network.value, Math.max(1, classes.value.length));
  return usable?.length === weights.size ? weights : usable && new Map(usable.map((name) => [name, weights.get(name)!]));
});

/** Puts other pictures in the place of all. */
export function replacePictures(names: readonly string[], all: readonly Picture[]): void {
  batch(() => {
    classes.value = names;
    pictures.value = all;
  });
}

/** A new run of what stands now; it becomes the current one. */
export function newRun(): Run {
  const run = added(new Run(setup.value, pictures.value, { weights: fittingWeights.value }));
  currentRun.value = run;
  return run;
}

/** A run of the same pictures from the same seed with something else; the current run stays. */
export function whatIf(run: Run, change: Change): Run {
  const { classes } = run;
  const network = change.network ?? run.network;
  return added(
    new Run({ version: 1, classes, network, training: { ...run.training.value, ...change.training } }, run.pictures, {
      weights: change.network === undefined ? run.weights : undefined,
    }),
  );
}

/** A run that was stored; it rests until it is shown or started. */
export const restoreRun = (snapshot: RunSnapshot, of: readonly Picture[]): Run => added(Run.from(snapshot, of));

// The run that is shown is soon asked for something.
effect(() => void currentRun.value?.opened);

function added(run: Run): Run {
  runs.value = [...runs.value, run];
  return run;
}

/** Takes runs out of the project. They can be put back as long as somebody holds them. */
export function removeRuns(gone: readonly Run[]): void {
  for (const run of gone) run.rest();
  batch(() => {
    runs.value = runs.value.filter((run) => !gone.includes(run));
    if (currentRun.value !== undefined && gone.includes(currentRun.value)) currentRun.value = runs.value.at(-1);
  });
}

/** Puts runs back that were removed, the last one shown. */
export function putBackRuns(back: readonly Run[]): void {
  batch(() => {
    runs.value = [...runs.value, ...back].sort((a, b) => a.id - b.id);
    currentRun.value = back.at(-1) ?? currentRun.value;
  });
}
