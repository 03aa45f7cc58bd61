/** By what runs differ, in words. */
import { OPTIMIZERS, TRAINING_FIELDS } from './settings.ts';
import type { NetworkSpec, TrainingSpec } from './spec.ts';
import { counted } from './words.ts';

export interface Compared {
  readonly network: NetworkSpec;
  readonly training: TrainingSpec;
  /** The same list where they are the same. */
  readonly pictures?: readonly unknown[];
}

const KEYS = ['lr', 'momentum', 'weightDecay', 'batchSize', 'seed'] as const;

/** For each run its settings that are not the same in all of them. */
export function differences(runs: readonly Compared[]): string[][] {
  const varies = (read: (run: Compared) => unknown): boolean => new Set(runs.map(read)).size > 1;
  const optimizer = varies(({ training }) => training.optimizer);
  const keys = KEYS.filter((key) => varies(({ training }) => training[key]));
  const network = varies(({ network: { layers, channels, size } }) => JSON.stringify([layers, channels, size]));
  const pictures = varies((run) => run.pictures);
  return runs.map(({ network: { name }, training, pictures: of = [] }) => [
    ...(network ? [name] : []),
    ...(pictures ? [counted(of.length)] : []),
    ...(optimizer ? [OPTIMIZERS[training.optimizer].title] : []),
    ...keys
      .filter((key) => key !== 'momentum' || training.optimizer === 'sgd')
      .map((key) => `${TRAINING_FIELDS[key].label.toLowerCase()} ${training[key]}`),
  ]);
}
