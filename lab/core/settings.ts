/** What can be chosen besides the blocks, with its bounds and what it means: the forms show it, and what comes from links and files is checked by it. */
import type { NumberField } from './layers.ts';
import type { NetworkSpec, OptimizerName, TrainingSpec } from './spec.ts';

type NumberOf<T> = { [K in keyof T]: T[K] extends number ? K : never }[keyof T];

/** A number of the training settings, with what one types it in. */
export interface SettingField extends NumberField {
  /** Optimizers that use it; undefined for all. */
  readonly of?: readonly OptimizerName[];
}

/** Total: a setting without a field does not compile. */
export const TRAINING_FIELDS: { readonly [K in NumberOf<TrainingSpec>]: SettingField } = {
  lr: {
    type: 'number',
    label: 'Learning rate',
    min: 0.000001,
    max: 10,
    step: 0.001,
    help: 'How far each step moves the weights. Too small learns slowly, too large jumps over the goal.',
  },
  momentum: {
    type: 'number',
    label: 'Momentum',
    min: 0,
    max: 0.999,
    step: 0.01,
    help: 'How much of the last step is kept in the next one, like a ball that rolls on.',
    of: ['sgd'],
  },
  weightDecay: {
    type: 'number',
    label: 'Weight decay',
    min: 0,
    max: 1,
    step: 0.0001,
    help: 'Pulls all weights a little towards 0, so that the network does not learn pictures by heart.',
  },
  batchSize: {
    type: 'number',
    label: 'Batch size',
    min: 1,
    max: 1024,
    step: 1,
    help: 'How many pictures are looked at before the weights move.',
  },
  epochs: {
    type: 'number',
    label: 'Epochs',
    min: 1,
    max: 10_000,
    step: 1,
    help: 'How often the network sees every training picture.',
  },
  seed: {
    type: 'number',
    label: 'Seed',
    min: 0,
    max: 2 ** 32 - 1,
    step: 1,
    help: 'Where random numbers begin: the same seed gives the same training again.',
  },
};

export const OPTIMIZERS: { readonly [O in OptimizerName]: { readonly title: string; readonly help: string } } = {
  sgd: { title: 'SGD', help: 'Goes against the gradient: simple, and with momentum hard to beat.' },
  adam: { title: 'Adam', help: 'Gives every weight a step length of its own; try a learning rate of 0.001.' },
  adamw: { title: 'AdamW', help: 'Adam with weight decay done apart from the gradient; try a learning rate of 0.001.' },
};

/** Height and width of pictures. */
export const SIZE_FIELD: NumberField = {
  type: 'number',
  label: 'Picture size',
  min: 8,
  max: 256,
  step: 1,
  help: 'Pictures are resized to this height and width before the network sees them.',
};

export const CHANNELS: Readonly<Record<NetworkSpec['channels'], string>> = { 1: 'Grey', 3: 'Colour' };

/** More than anybody needs, and few enough to show. */
export const LIMITS = { classes: 200, nameLength: 80, layers: 120, layersWithin: 40 } as const;
