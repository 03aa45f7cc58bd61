/** The phases of OneCycleLR. Their ends are named, and the groups hold the numbers, so that a saved schedule goes on with the groups' own. */
import { inWords } from '../tensor/in-words.ts';
import { count, items, members, number, type MakeError } from './saved-state.ts';

/** Learning rates and momentums that a group holds for the cycle. */
type RateName = 'initialLr' | 'maxLr' | 'minLr';
type MomentumName = 'maxMomentum' | 'baseMomentum';

/** A stretch of steps in which rate and momentum go from one value to another. */
export interface Phase {
  /** The last step. */
  readonly end: number;
  readonly lr: readonly [RateName, RateName];
  readonly momentum: readonly [MomentumName, MomentumName];
}

const NAMES: { readonly [K in RateName | MomentumName]: string } = {
  initialLr: 'initial_lr',
  maxLr: 'max_lr',
  minLr: 'min_lr',
  maxMomentum: 'max_momentum',
  baseMomentum: 'base_momentum',
};
const RATES = ['initialLr', 'maxLr', 'minLr'] as const;
const MOMENTUMS = ['maxMomentum', 'baseMomentum'] as const;

export type Annealing = 'cos' | 'linear';

/** From one value to another, by the part of the way. */
export const ANNEAL: { readonly [K in Annealing]: (start: number, end: number, part: number) => number } = {
  cos: (start, end, part) => end + ((start - end) / 2) * (Math.cos(Math.PI * part) + 1),
  linear: (start, end, part) => (end - start) * part + start,
};

/** Up and down, in two phases, or in three of which the second mirrors the first. */
export function phasesOf(totalSteps: number, pctStart: number, three: boolean): Phase[] {
  const rise: Phase = { end: pctStart * totalSteps - 1, lr: ['initialLr', 'maxLr'], momentum: ['maxMomentum', 'baseMomentum'] };
  const end = totalSteps - 1;
  if (!three) return [rise, { end, lr: ['maxLr', 'minLr'], momentum: ['baseMomentum', 'maxMomentum'] }];
  const fall: Phase = { end: 2 * pctStart * totalSteps - 2, lr: ['maxLr', 'initialLr'], momentum: ['baseMomentum', 'maxMomentum'] };
  return [rise, fall, { end, lr: ['initialLr', 'minLr'], momentum: ['maxMomentum', 'maxMomentum'] }];
}

/** A phase as PyTorch keeps it. */
export const packPhase = ({ end, lr, momentum }: Phase): Record<string, number | string> => ({
  end_step: end,
  start_lr: NAMES[lr[0]],
  end_lr: NAMES[lr[1]],
  start_momentum: NAMES[momentum[0]],
  end_momentum: NAMES[momentum[1]],
});

/** Phases as {@link packPhase} gave them. */
export function readPhases(saved: unknown, error: MakeError): Phase[] {
  const list = items(saved, '_schedule_phases', error);
  count(list.length, 'the number of _schedule_phases', 1, error);
  return list.map((item, i) => {
    const where = `_schedule_phases[${i}]`;
    const phase = members(item, where, error);
    const end = number(phase.get('end_step'), `${where}.end_step`, error);
    if (!Number.isFinite(end)) throw error(`${where}.end_step is ${end}; expected a finite number`);
    const name = <T extends RateName | MomentumName>(key: string, known: readonly T[]): T => {
      const found = known.find((ours) => NAMES[ours] === phase.get(key));
      if (found !== undefined) return found;
      throw error(`${where}.${key} is ${inWords(phase.get(key))}; expected one of ${known.map((ours) => NAMES[ours]).join(', ')}`);
    };
    return {
      end,
      lr: [name('start_lr', RATES), name('end_lr', RATES)],
      momentum: [name('start_momentum', MOMENTUMS), name('end_momentum', MOMENTUMS)],
    };
  });
}

/** Sets a group's momentum, which Adam and its relatives have as their first beta. */
export function setMomentum(group: object, momentum: number): void {
  const target = group as { momentum?: number; betas?: readonly [number, number] };
  if (target.betas === undefined) target.momentum = momentum;
  else target.betas = [momentum, target.betas[1]];
}
