/** Rprop and averaged SGD (https://pytorch.org/docs/stable/optim.html#algorithms). */
import { BOOL, FINITE, kind } from '../base/arguments.ts';
import type { BaseHyperparameters, Params, ParamsOrAll, ParamState } from './optimizer.ts';
import { AT_LEAST_0, optimizerSignature, readOptimizer, wayKinds, type WayOptions } from './options.ts';
import { UpdateOptimizer, type UpdateSpec } from './update-optimizer.ts';

type Two = readonly [number, number];

export interface RpropHyperparameters extends BaseHyperparameters {
  /** What a step is multiplied by when the gradient's sign changes, and when it stays. */
  etas: Two;
  /** The least and the largest step. */
  stepSizes: Two;
  maximize: boolean;
}
/** Defaults: lr 1e-2, etas [0.5, 1.2], stepSizes [1e-6, 50]. */
export type RpropOptions = Partial<RpropHyperparameters> & Omit<WayOptions, 'fused'>;

const isTwo = (value: unknown): value is Two => Array.isArray(value) && value.length === 2 && value.every(Number.isFinite);
const ETAS = kind('two numbers around 1, the first above 0', (value) => isTwo(value) && 0 < value[0] && value[0] < 1 && 1 < value[1]);
const SIZES = kind('two finite numbers', isTwo);

const RPROP: UpdateSpec<RpropHyperparameters> = {
  signature: optimizerSignature(
    'Rprop',
    { lr: AT_LEAST_0, etas: ETAS, stepSizes: SIZES, ...wayKinds('capturable', 'foreach'), maximize: BOOL, ...wayKinds('differentiable') },
    3,
  ),
  form: {
    fields: ['lr', 'etas', 'step_sizes', 'foreach', 'maximize', 'differentiable', 'capturable'],
    fixed: { foreach: null, differentiable: false, capturable: false },
    tensors: ['prev', 'step_size'],
    needed: () => ['step', 'prev', 'step_size'],
  },
  algorithm: 'rprop',
  tensors: () => ['prev', 'step_size'],
  startOf: (name, group) => (name === 'step_size' ? group.lr : 0),
  scalars: ({ etas: [shrink, grow], stepSizes: [least, most] }) => [shrink, grow, least, most],
};

/** Steps by signs alone, for full batches (Riedmiller & Braun 1993; https://pytorch.org/docs/stable/generated/torch.optim.Rprop.html). */
export class Rprop extends UpdateOptimizer<RpropHyperparameters> {
  /** @throws ArgumentError for hyperparameters out of range */
  constructor(
    params: ParamsOrAll<RpropHyperparameters, RpropOptions>,
    lr?: number | RpropOptions,
    etas?: Two | RpropOptions,
    stepSizes?: Two | RpropOptions,
  );
  constructor(...args: readonly unknown[]) {
    const { params, given, ways } = readOptimizer<Params<RpropHyperparameters>, RpropOptions>(RPROP.signature, args);
    super(params, { lr: 1e-2, etas: [0.5, 1.2], stepSizes: [1e-6, 50], maximize: false, ...given }, ways);
  }

  protected override spec(): UpdateSpec<RpropHyperparameters> {
    return RPROP;
  }
}

export interface ASGDHyperparameters extends BaseHyperparameters {
  /** Decay of the parameters. */
  lambd: number;
  /** Power by which the rate falls. */
  alpha: number;
  /** The step from which averages are taken. */
  t0: number;
  weightDecay: number;
  maximize: boolean;
}
/** Defaults: lr 1e-2, lambd 1e-4, alpha 0.75, t0 1e6, weightDecay 0. */
export type ASGDOptions = Partial<ASGDHyperparameters> & Omit<WayOptions, 'fused'>;

/** The rate and weight of the running step; what is saved are the next step's. */
const running = new WeakMap<ParamState, { readonly eta: number; readonly mu: number }>();

const ASGD_SPEC: UpdateSpec<ASGDHyperparameters> = {
  signature: optimizerSignature(
    'ASGD',
    {
      lr: AT_LEAST_0,
      lambd: AT_LEAST_0,
      alpha: AT_LEAST_0,
      t0: FINITE,
      weightDecay: AT_LEAST_0,
      ...wayKinds('foreach'),
      maximize: BOOL,
      ...wayKinds('differentiable', 'capturable'),
    },
    9,
  ),
  form: {
    fields: ['lr', 'lambd', 'alpha', 't0', 'weight_decay', 'foreach', 'maximize', 'differentiable', 'capturable'],
    fixed: { foreach: null, differentiable: false, capturable: false },
    floats: { t0: 1e6 },
    numbers: ['eta', 'mu'],
    tensors: ['ax'],
    needed: () => ['step', 'eta', 'mu', 'ax'],
  },
  algorithm: 'asgd',
  tensors: () => ['ax'],
  begin: (state, group) => {
    state['eta'] = Math.fround(group.lr);
    state['mu'] = 1;
  },
  advance: (state, { lr, lambd, alpha, t0 }) => {
    running.set(state, { eta: state['eta'] as number, mu: state['mu'] as number });
    const step = state['step'] as number;
    // PyTorch keeps both as float32.
    state['eta'] = Math.fround(lr / (1 + lambd * lr * step) ** alpha);
    state['mu'] = Math.fround(1 / Math.max(1, step - t0));
  },
  scalars: ({ lambd, weightDecay }, state) => {
    const { eta, mu } = running.get(state)!;
    return [weightDecay, 1 - lambd * eta, -eta, mu];
  },
};

/**
 * SGD that also keeps the average of its parameters, `ax` of the state (Polyak & Juditsky 1992;
 * https://pytorch.org/docs/stable/generated/torch.optim.ASGD.html).
 */
export class ASGD extends UpdateOptimizer<ASGDHyperparameters> {
  /** @throws ArgumentError for hyperparameters out of range */
  constructor(
    params: ParamsOrAll<ASGDHyperparameters, ASGDOptions>,
    lr?: number | ASGDOptions,
    lambd?: number | ASGDOptions,
    alpha?: number | ASGDOptions,
    t0?: number | ASGDOptions,
    weightDecay?: number | ASGDOptions,
    foreach?: boolean | null | ASGDOptions,
    maximize?: boolean | ASGDOptions,
    differentiable?: false | ASGDOptions,
    capturable?: false | ASGDOptions,
  );
  constructor(...args: readonly unknown[]) {
    const { params, given, ways } = readOptimizer<Params<ASGDHyperparameters>, ASGDOptions>(ASGD_SPEC.signature, args);
    const defaults = { lr: 1e-2, lambd: 1e-4, alpha: 0.75, t0: 1e6, weightDecay: 0, maximize: false };
    super(params, { ...defaults, ...given }, ways);
  }

  protected override spec(): UpdateSpec<ASGDHyperparameters> {
    return ASGD_SPEC;
  }
}
