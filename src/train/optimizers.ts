/** The optimizers that `flambeau train` offers, and which weights of a network learn at which rate. */
import type { Parameter } from '../nn/parameter.ts';
import { Adam, AdamW } from '../optim/adam.ts';
import { SGD } from '../optim/sgd.ts';
import { FastNet, SHIFTS_FASTER } from './fast-net.ts';
import type { Classifier } from './models.ts';
import { headOf } from './networks.ts';

export const OPTIMIZER_NAMES = ['sgd', 'adam', 'adamw'] as const;
export type OptimizerName = (typeof OPTIMIZER_NAMES)[number];

export interface OptimizerSettings {
  readonly optimizer: OptimizerName;
  readonly lr: number;
  /** Of sgd. */
  readonly momentum: number;
  readonly nesterov?: boolean | undefined;
  readonly weightDecay: number;
  /** How much faster the last layer learns than the others; default 1. */
  readonly headRate?: number | undefined;
}

/** The rate for those who say nothing: Adam's steps do not shrink with the gradients. */
export const usualRate = (optimizer: OptimizerName): number => (optimizer === 'sgd' ? 0.02 : 0.001);

/** An optimizer for all weights of a network that learn. */
export function makeOptimizer(model: Classifier, settings: OptimizerSettings): SGD | Adam | AdamW {
  const { optimizer, lr, momentum, nesterov = false, weightDecay } = settings;
  const groups = groupsOf(model, settings);
  const only = groups.length === 1 ? model.parameters() : undefined;
  if (optimizer === 'adam') return new Adam(only ?? groups, { lr, weightDecay });
  if (optimizer === 'adamw') return new AdamW(only ?? groups, { lr, weightDecay });
  return new SGD(only ?? groups, { lr, momentum, nesterov, weightDecay });
}

interface Group {
  readonly params: Parameter[];
  readonly lr: number;
  readonly weightDecay: number;
}

/** Weights that learn alike. The shifts of the records' network learn faster with sgd, and decay as the others do: rate times decay stays the same. */
function groupsOf(model: Classifier, { optimizer, lr, weightDecay, headRate = 1 }: OptimizerSettings): Group[] {
  const hasShifts = model instanceof FastNet && optimizer === 'sgd';
  const head = headRate === 1 ? [] : headOf(model.stateDict());
  const groups = new Map<string, Group>();
  for (const [name, parameter] of model.namedParameters()) {
    if (!parameter.requiresGrad) continue;
    const shift = hasShifts && name.includes('norm') ? SHIFTS_FASTER : 1;
    const rate = shift * (head.includes(name) ? headRate : 1);
    const group = groups.get(`${shift} ${rate}`) ?? { params: [], lr: lr * rate, weightDecay: weightDecay / shift };
    groups.set(`${shift} ${rate}`, group);
    group.params.push(parameter);
  }
  return [...groups.values()];
}
