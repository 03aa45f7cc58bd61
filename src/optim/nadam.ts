/** Adam's relatives: NAdam, RAdam, Adamax (https://pytorch.org/docs/stable/optim.html#algorithms). */
import { BOOL } from '../base/arguments.ts';
import { WAY } from '../tensor/ops/optimizer-update.ts';
import type { BaseHyperparameters, Params, ParamsOrAll } from './optimizer.ts';
import { AT_LEAST_0, BETAS, optimizerSignature, readOptimizer, wayKinds, type WayOptions } from './options.ts';
import { UpdateOptimizer, type UpdateSpec } from './update-optimizer.ts';

type Betas = readonly [number, number];

interface Adaptive extends BaseHyperparameters {
  /** Decay of the averages of gradient and its size. */
  betas: Betas;
  /** Added to the denominator. */
  eps: number;
  weightDecay: number;
  maximize: boolean;
}

export interface RAdamHyperparameters extends Adaptive {
  /** Whether weight decay shrinks the parameter itself rather than being added to the gradient. */
  decoupledWeightDecay: boolean;
}
export interface NAdamHyperparameters extends RAdamHyperparameters {
  momentumDecay: number;
}
export type AdamaxHyperparameters = Adaptive;

/** Defaults: lr 2e-3, betas [0.9, 0.999], eps 1e-8, weightDecay 0, momentumDecay 4e-3. */
export type NAdamOptions = Partial<NAdamHyperparameters> & Omit<WayOptions, 'fused'>;
/** Defaults: lr 1e-3, betas [0.9, 0.999], eps 1e-8, weightDecay 0. */
export type RAdamOptions = Partial<RAdamHyperparameters> & Omit<WayOptions, 'fused'>;
/** Defaults: lr 2e-3, betas [0.9, 0.999], eps 1e-8, weightDecay 0. */
export type AdamaxOptions = Partial<AdamaxHyperparameters> & Omit<WayOptions, 'fused'>;

const SHARED = { lr: AT_LEAST_0, betas: BETAS, eps: AT_LEAST_0, weightDecay: AT_LEAST_0 };
const WAYS = { foreach: null, capturable: false, differentiable: false };

/** Of weight decay that may be decoupled: the bit, and both scalars. */
const decoupled = (group: RAdamHyperparameters): number => (group.decoupledWeightDecay ? WAY.decoupled : 0);
const decays = ({ lr, weightDecay, decoupledWeightDecay: apart }: RAdamHyperparameters): [number, number] => [
  weightDecay,
  apart && weightDecay !== 0 ? 1 - lr * weightDecay : 1,
];

const NADAM: UpdateSpec<NAdamHyperparameters> = {
  signature: optimizerSignature('NAdam', { ...SHARED, momentumDecay: AT_LEAST_0, decoupledWeightDecay: BOOL, ...wayKinds('foreach'), maximize: BOOL, ...wayKinds('capturable', 'differentiable') }, 6),
  form: {
    fields: ['lr', 'betas', 'eps', 'weight_decay', 'momentum_decay', 'decoupled_weight_decay', 'maximize', 'foreach', 'capturable', 'differentiable'],
    fixed: WAYS,
    numbers: ['mu_product'],
    tensors: ['exp_avg', 'exp_avg_sq'],
    needed: () => ['step', 'mu_product', 'exp_avg', 'exp_avg_sq'],
  },
  algorithm: 'nadam',
  tensors: () => ['exp_avg', 'exp_avg_sq'],
  ways: decoupled,
  begin: (state) => {
    state['mu_product'] = 1;
  },
  advance: (state, group) => {
    // PyTorch keeps the product as a float32.
    state['mu_product'] = Math.fround((state['mu_product'] as number) * Math.fround(muOf(group, state['step'] as number)));
  },
  scalars: (group, state) => {
    const { lr, betas: [beta1, beta2], eps } = group;
    const [step, product] = [state['step'] as number, state['mu_product'] as number];
    const [mu, next] = [muOf(group, step), muOf(group, step + 1)];
    const bias2 = 1 - beta2 ** step;
    return [...decays(group), 1 - beta1, beta2, 1 - beta2, bias2, eps, (-lr * (1 - mu)) / (1 - product), (-lr * next) / (1 - product * next)]; // prettier-ignore
  },
}; // prettier-ignore

/** The momentum of a step. */
function muOf({ betas: [beta1], momentumDecay }: NAdamHyperparameters, step: number): number {
  return beta1 * (1 - 0.5 * 0.96 ** (step * momentumDecay));
}

/** Adam with Nesterov's momentum (Dozat 2016; https://pytorch.org/docs/stable/generated/torch.optim.NAdam.html). */
export class NAdam extends UpdateOptimizer<NAdamHyperparameters> {
  /** @throws ArgumentError for hyperparameters out of range */
  constructor(
    params: ParamsOrAll<NAdamHyperparameters, NAdamOptions>,
    lr?: number | NAdamOptions,
    betas?: Betas | NAdamOptions,
    eps?: number | NAdamOptions,
    weightDecay?: number | NAdamOptions,
    momentumDecay?: number | NAdamOptions,
    decoupledWeightDecay?: boolean | NAdamOptions,
  );
  constructor(...args: readonly unknown[]) {
    const { params, given, ways } = readOptimizer<Params<NAdamHyperparameters>, NAdamOptions>(NADAM.signature, args);
    const defaults = { lr: 2e-3, betas: [0.9, 0.999] as const, eps: 1e-8, weightDecay: 0, momentumDecay: 4e-3 };
    super(params, { ...defaults, decoupledWeightDecay: false, maximize: false, ...given }, ways);
  }

  protected override spec(): UpdateSpec<NAdamHyperparameters> {
    return NADAM;
  }
}

const RADAM: UpdateSpec<RAdamHyperparameters> = {
  signature: optimizerSignature(
    'RAdam',
    { ...SHARED, decoupledWeightDecay: BOOL, ...wayKinds('foreach'), maximize: BOOL, ...wayKinds('capturable', 'differentiable') },
    5,
  ),
  form: {
    fields: ['lr', 'betas', 'eps', 'weight_decay', 'maximize', 'foreach', 'capturable', 'decoupled_weight_decay', 'differentiable'],
    fixed: WAYS,
    tensors: ['exp_avg', 'exp_avg_sq'],
    needed: () => ['step', 'exp_avg', 'exp_avg_sq'],
  },
  algorithm: 'radam',
  tensors: () => ['exp_avg', 'exp_avg_sq'],
  ways: decoupled,
  scalars: (group, state) => {
    const {
      lr,
      betas: [beta1, beta2],
      eps,
    } = group;
    const step = state['step'] as number;
    const [bias1, bias2] = [1 - beta1 ** step, 1 - beta2 ** step];
    const most = 2 / (1 - beta2) - 1;
    const length = most - (2 * step * beta2 ** step) / bias2;
    const adaptive = length > 5;
    const rectified = adaptive ? (((length - 4) * (length - 2) * most) / ((most - 4) * (most - 2) * length)) ** 0.5 : 1;
    return [...decays(group), 1 - beta1, beta2, 1 - beta2, bias1, lr, Number(adaptive), bias2 ** 0.5, eps, rectified];
  },
};

/** Adam that waits with adapting until its variance is known (Liu et al. 2020; https://pytorch.org/docs/stable/generated/torch.optim.RAdam.html). */
export class RAdam extends UpdateOptimizer<RAdamHyperparameters> {
  /** @throws ArgumentError for hyperparameters out of range */
  constructor(
    params: ParamsOrAll<RAdamHyperparameters, RAdamOptions>,
    lr?: number | RAdamOptions,
    betas?: Betas | RAdamOptions,
    eps?: number | RAdamOptions,
    weightDecay?: number | RAdamOptions,
    decoupledWeightDecay?: boolean | RAdamOptions,
  );
  constructor(...args: readonly unknown[]) {
    const { params, given, ways } = readOptimizer<Params<RAdamHyperparameters>, RAdamOptions>(RADAM.signature, args);
    const defaults = { lr: 1e-3, betas: [0.9, 0.999] as const, eps: 1e-8, weightDecay: 0 };
    super(params, { ...defaults, decoupledWeightDecay: false, maximize: false, ...given }, ways);
  }

  protected override spec(): UpdateSpec<RAdamHyperparameters> {
    return RADAM;
  }
}

const ADAMAX: UpdateSpec<AdamaxHyperparameters> = {
  signature: optimizerSignature(
    'Adamax',
    { ...SHARED, ...wayKinds('foreach'), maximize: BOOL, ...wayKinds('differentiable', 'capturable') },
    5,
  ),
  form: {
    fields: ['lr', 'betas', 'eps', 'weight_decay', 'foreach', 'maximize', 'differentiable', 'capturable'],
    fixed: WAYS,
    tensors: ['exp_avg', 'exp_inf'],
    needed: () => ['step', 'exp_avg', 'exp_inf'],
  },
  algorithm: 'adamax',
  tensors: () => ['exp_avg', 'exp_inf'],
  scalars: ({ lr, betas: [beta1, beta2], eps, weightDecay }, state) => [
    weightDecay,
    1 - beta1,
    beta2,
    eps,
    -lr / (1 - beta1 ** (state['step'] as number)),
  ],
};

/** Adam with the largest gradient in place of the mean square (Kingma & Ba 2015; https://pytorch.org/docs/stable/generated/torch.optim.Adamax.html). */
export class Adamax extends UpdateOptimizer<AdamaxHyperparameters> {
  /** @throws ArgumentError for hyperparameters out of range */
  constructor(
    params: ParamsOrAll<AdamaxHyperparameters, AdamaxOptions>,
    lr?: number | AdamaxOptions,
    betas?: Betas | AdamaxOptions,
    eps?: number | AdamaxOptions,
    weightDecay?: number | AdamaxOptions,
    foreach?: boolean | null | AdamaxOptions,
  );
  constructor(...args: readonly unknown[]) {
    const { params, given, ways } = readOptimizer<Params<AdamaxHyperparameters>, AdamaxOptions>(ADAMAX.signature, args);
    const defaults = { lr: 2e-3, betas: [0.9, 0.999] as const, eps: 1e-8, weightDecay: 0 };
    super(params, { ...defaults, maximize: false, ...given }, ways);
  }

  protected override spec(): UpdateSpec<AdamaxHyperparameters> {
    return ADAMAX;
  }
}
