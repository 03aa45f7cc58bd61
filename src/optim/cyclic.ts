/** CyclicLR (https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CyclicLR.html). */
import { arrayOf, BOOL, either, FINITE, FUNCTION, oneOf, orNull, POSITIVE } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { readCall } from '../base/signature.ts';
import { LRScheduler, schedulerSignature, type AnyOptimizer, type Scheduled, type SchedulerState } from './scheduler.ts';
import { number, rates, type MakeError } from './saved-state.ts';
import { setMomentum } from './cycle-phases.ts';

type Mode = 'triangular' | 'triangular2' | 'exp_range';
type Numbers = number | readonly number[];

export interface CyclicLROptions {
  /** The least rate, for all groups or one for each. */
  readonly baseLr: Numbers;
  /** The largest rate. */
  readonly maxLr: Numbers;
  /** Steps on the way up. Default 2000. */
  readonly stepSizeUp?: number;
  /** Steps on the way down; as many as up where it is left out. */
  readonly stepSizeDown?: number | null;
  /** Default 'triangular'. */
  readonly mode?: Mode;
  /** Of 'exp_range'. Default 1. */
  readonly gamma?: number;
  /** The height of a cycle, in place of the mode's. */
  readonly scaleFn?: ((x: number) => number) | null;
  /** What `scaleFn` is given. Default 'cycle'. */
  readonly scaleMode?: 'cycle' | 'iterations';
  /** Let the momentum fall while the rate grows. Default true. */
  readonly cycleMomentum?: boolean;
  /** Default 0.8. */
  readonly baseMomentum?: Numbers;
  /** Default 0.9. */
  readonly maxMomentum?: Numbers;
}
type Rest = Partial<CyclicLROptions> & { lastEpoch?: number };

const NUMBERS = either(FINITE, arrayOf(FINITE, 'numbers, one for each group'));
const CYCLIC = schedulerSignature<CyclicLROptions>(
  'CyclicLR',
  {
    baseLr: NUMBERS,
    maxLr: NUMBERS,
    stepSizeUp: POSITIVE,
    stepSizeDown: orNull(POSITIVE),
    mode: oneOf('triangular', 'triangular2', 'exp_range'),
    gamma: FINITE,
    scaleFn: orNull(FUNCTION),
    scaleMode: oneOf('cycle', 'iterations'),
    cycleMomentum: BOOL,
    baseMomentum: NUMBERS,
    maxMomentum: NUMBERS,
  },
  { required: 2, example: 'CyclicLR(optimizer, 0.001, 0.1)' },
);

/** One number for each group. */
function each(name: string, { paramGroups: groups }: AnyOptimizer, value: Numbers): number[] {
  if (typeof value === 'number') return groups.map(() => value);
  if (value.length === groups.length) return [...value];
  throw new ArgumentError(`CyclicLR: expected ${groups.length} values as ${name}, one for each group, but got ${value.length}`);
}

interface Settings {
  maxLrs: number[];
  totalSize: number;
  stepRatio: number;
  mode: Mode;
  gamma: number;
  scaleMode: 'cycle' | 'iterations';
  cycleMomentum: boolean;
  baseMomentums: number[];
  maxMomentums: number[];
}

/** Up and down between two rates, again and again (Smith 2017). */
export class CyclicLR extends LRScheduler {
  #settings: Settings;
  readonly #scaleFn: ((x: number) => number) | null;

  constructor(
    optimizer: AnyOptimizer | (CyclicLROptions & Scheduled),
    baseLr?: Numbers | Rest,
    maxLr?: Numbers | Rest,
    stepSizeUp?: number | Rest,
    stepSizeDown?: number | null | Rest,
    mode?: Mode | Rest,
    gamma?: number | Rest,
    scaleFn?: ((x: number) => number) | null | Rest,
    scaleMode?: 'cycle' | 'iterations' | Rest,
    cycleMomentum?: boolean | Rest,
    baseMomentum?: Numbers | Rest,
    maxMomentum?: Numbers | Rest,
    lastEpoch?: number | Rest,
  );
  constructor(...args: readonly unknown[]) {
    const given = readCall(CYCLIC, args);
    const { optimizer, lastEpoch = -1, stepSizeUp = 2000, mode = 'triangular', gamma = 1, scaleFn = null } = given;
    const { cycleMomentum = true, baseMomentum = 0.8, maxMomentum = 0.9 } = given;
    const baseLrs = each('baseLr', optimizer, given.baseLr);
    const maxLrs = each('maxLr', optimizer, given.maxLr);
    const baseMomentums = cycleMomentum ? each('baseMomentum', optimizer, baseMomentum) : [];
    const maxMomentums = cycleMomentum ? each('maxMomentum', optimizer, maxMomentum) : [];
    if (cycleMomentum && !optimizer.paramGroups.every((group) => 'momentum' in group || 'betas' in group)) {
      throw new ArgumentError('CyclicLR: the optimizer has no momentum to cycle; pass { cycleMomentum: false }');
    }
    if (lastEpoch === -1) {
      optimizer.paramGroups.forEach((group, i) => {
        group.lr = baseLrs[i]!;
        if (!cycleMomentum) return;
        setMomentum(group, maxMomentums[i]!);
        Object.assign(group, { maxMomentum: maxMomentums[i], baseMomentum: baseMomentums[i] });
      });
    }
    super(optimizer, lastEpoch);
    const totalSize = stepSizeUp + (given.stepSizeDown ?? stepSizeUp);
    const own = mode === 'exp_range' ? 'iterations' : 'cycle';
    const scaleMode = scaleFn === null ? own : (given.scaleMode ?? 'cycle');
    this.#scaleFn = scaleFn;
    this.#settings = { maxLrs, totalSize, stepRatio: stepSizeUp / totalSize, mode, gamma, scaleMode, cycleMomentum, baseMomentums, maxMomentums }; // prettier-ignore
    const first = this.baseLrs;
    this.begin();
    if (first !== baseLrs) this.baseLrs = baseLrs;
  }

  #scale(x: number): number {
    if (this.#scaleFn !== null) return this.#scaleFn(x);
    const { mode, gamma } = this.#settings;
    return mode === 'triangular' ? 1 : mode === 'triangular2' ? 1 / 2 ** (x - 1) : gamma ** x;
  }

  protected override rates(): number[] {
    const { maxLrs, totalSize, stepRatio, scaleMode, cycleMomentum, baseMomentums, maxMomentums } = this.#settings;
    const cycle = Math.floor(1 + this.lastEpoch / totalSize);
    const x = 1 + this.lastEpoch / totalSize - cycle;
    const height = x <= stepRatio ? x / stepRatio : (x - 1) / (stepRatio - 1);
    const scale = (): number => this.#scale(scaleMode === 'cycle' ? cycle : this.lastEpoch);
    const lrs = this.baseLrs.map((lr, i) => lr + (maxLrs[i]! - lr) * height * scale());
    if (cycleMomentum) {
      this.optimizer.paramGroups.forEach((group, i) => {
        setMomentum(group, maxMomentums[i]! - (maxMomentums[i]! - baseMomentums[i]!) * height * scale());
      });
    }
    return lrs;
  }

  override stateDict(): SchedulerState {
    return { ...super.stateDict(), _scale_fn_custom: null };
  }

  protected override ownState(): SchedulerState {
    const { maxLrs, totalSize, stepRatio, mode, gamma, scaleMode, cycleMomentum, baseMomentums, maxMomentums } = this.#settings;
    const betas = this.optimizer.paramGroups.some((group) => 'betas' in group);
    return {
      max_lrs: [...maxLrs],
      total_size: totalSize,
      step_ratio: stepRatio,
      mode,
      gamma,
      scale_mode: scaleMode,
      cycle_momentum: cycleMomentum,
      ...(cycleMomentum ? { use_beta1: betas, base_momentums: [...baseMomentums], max_momentums: [...maxMomentums] } : {}),
    };
  }

  protected override readState(saved: ReadonlyMap<string, unknown>, error: MakeError): () => void {
    const { length } = this.optimizer.paramGroups;
    const list = (name: string): number[] => rates(saved.get(name), name, length, error);
    const cycleMomentum = saved.get('cycle_momentum');
    if (typeof cycleMomentum !== 'boolean') throw error(`cycle_momentum is ${String(cycleMomentum)}; expected true or false`);
    const [mode, scaleMode] = [saved.get('mode'), saved.get('scale_mode')];
    if (mode !== 'triangular' && mode !== 'triangular2' && mode !== 'exp_range') throw error(`mode is ${String(mode)}`);
    if (scaleMode !== 'cycle' && scaleMode !== 'iterations') throw error(`scale_mode is ${String(scaleMode)}`);
    const next: Settings = {
      maxLrs: list('max_lrs'),
      totalSize: number(saved.get('total_size'), 'total_size', error),
      stepRatio: number(saved.get('step_ratio'), 'step_ratio', error),
      mode,
      gamma: number(saved.get('gamma'), 'gamma', error),
      scaleMode,
      cycleMomentum,
      baseMomentums: cycleMomentum ? list('base_momentums') : [],
      maxMomentums: cycleMomentum ? list('max_momentums') : [],
    };
    return () => {
      this.#settings = next;
    };
  }
}
