/** Optimizers that scale each element by the squares of its gradients: Adagrad, Adadelta, RMSprop (https://pytorch.org/docs/stable/optim.html#algorithms). */
import { BOOL, PROBABILITY } from '../base/arguments.ts';
import { WAY } from '../tensor/ops/optimizer-update.ts';
import type { BaseHyperparameters, Params, ParamsOrAll } from './optimizer.ts';
import { AT_LEAST_0, optimizerSignature, readOptimizer, wayKinds, type WayOptions } from './options.ts';
import { UpdateOptimizer, type UpdateSpec } from './update-optimizer.ts';

interface Scaling extends BaseHyperparameters {
  /** Added to the denominator. */
  eps: number;
  weightDecay: number;
  maximize: boolean;
}

export interface AdagradHyperparameters extends Scaling {
  /** How fast the learning rate falls. */
  lrDecay: number;
  /** What the sums of squares begin with. */
  initialAccumulatorValue: number;
}
/** Defaults: lr 1e-2, lrDecay 0, weightDecay 0, initialAccumulatorValue 0, eps 1e-10. */
export type AdagradOptions = Partial<AdagradHyperparameters> & Omit<WayOptions, 'capturable'>;

const ADAGRAD: UpdateSpec<AdagradHyperparameters> = {
  signature: optimizerSignature('Adagrad', { lr: AT_LEAST_0, lrDecay: AT_LEAST_0, weightDecay: AT_LEAST_0, initialAccumulatorValue: AT_LEAST_0, eps: AT_LEAST_0, ...wayKinds('foreach'), maximize: BOOL, ...wayKinds('differentiable', 'fused') }, 6),
  form: {
    fields: ['lr', 'lr_decay', 'eps', 'weight_decay', 'initial_accumulator_value', 'foreach', 'maximize', 'differentiable', 'fused'],
    fixed: { foreach: null, differentiable: false, fused: null },
    tensors: ['sum'],
    needed: () => ['step', 'sum'],
  },
  algorithm: 'adagrad',
  tensors: () => ['sum'],
  startOf: (_, group) => group.initialAccumulatorValue,
  scalars: ({ lr, lrDecay, weightDecay, eps }, state) => [
    weightDecay, -lr / (1 + ((state['step'] as number) - 1) * lrDecay), eps,
  ],
}; // prettier-ignore

/** Scales by the sum of all squares so far (Duchi et al. 2011; https://pytorch.org/docs/stable/generated/torch.optim.Adagrad.html). */
export class Adagrad extends UpdateOptimizer<AdagradHyperparameters> {
  /** @throws ArgumentError for hyperparameters out of range */
  constructor(
    params: ParamsOrAll<AdagradHyperparameters, AdagradOptions>,
    lr?: number | AdagradOptions,
    lrDecay?: number | AdagradOptions,
    weightDecay?: number | AdagradOptions,
    initialAccumulatorValue?: number | AdagradOptions,
    eps?: number | AdagradOptions,
    foreach?: boolean | null | AdagradOptions,
  );
  constructor(...args: readonly unknown[]) {
    const { params, given, ways } = readOptimizer<Params<AdagradHyperparameters>, AdagradOptions>(ADAGRAD.signature, args);
    const defaults = { lr: 1e-2, lrDecay: 0, eps: 1e-10, weightDecay: 0, initialAccumulatorValue: 0, maximize: false };
    super(params, { ...defaults, ...given }, ways);
    // As in PyTorch, the sums are there from the start, and are saved.
    for (const group of this.paramGroups) for (const param of group.params) this.prepare(param, group, this.stateOf(param));
  }

  protected override spec(): UpdateSpec<AdagradHyperparameters> {
    return ADAGRAD;
  }
}

export interface AdadeltaHyperparameters extends Scaling {
  /** Decay of both averages. */
  rho: number;
}
/** Defaults: lr 1, rho 0.9, eps 1e-6, weightDecay 0. */
export type AdadeltaOptions = Partial<AdadeltaHyperparameters> & Omit<WayOptions, 'fused'>;

const ADADELTA: UpdateSpec<AdadeltaHyperparameters> = {
  signature: optimizerSignature('Adadelta', { lr: AT_LEAST_0, rho: PROBABILITY, eps: AT_LEAST_0, weightDecay: AT_LEAST_0, ...wayKinds('foreach', 'capturable'), maximize: BOOL, ...wayKinds('differentiable') }, 5),
  form: {
    fields: ['lr', 'rho', 'eps', 'weight_decay', 'maximize', 'capturable', 'foreach', 'differentiable'],
    fixed: { capturable: false, foreach: null, differentiable: false },
    floats: { lr: 1 },
    tensors: ['square_avg', 'acc_delta'],
    needed: () => ['step', 'square_avg', 'acc_delta'],
  },
  algorithm: 'adadelta',
  tensors: () => ['square_avg', 'acc_delta'],
  scalars: ({ lr, rho, eps, weightDecay }) => [weightDecay, rho, 1 - rho, eps, -lr],
}; // prettier-ignore

/** Scales by averages of squares of gradients and of changes (Zeiler 2012; https://pytorch.org/docs/stable/generated/torch.optim.Adadelta.html). */
export class Adadelta extends UpdateOptimizer<AdadeltaHyperparameters> {
  /** @throws ArgumentError for hyperparameters out of range */
  constructor(
    params: ParamsOrAll<AdadeltaHyperparameters, AdadeltaOptions>,
    lr?: number | AdadeltaOptions,
    rho?: number | AdadeltaOptions,
    eps?: number | AdadeltaOptions,
    weightDecay?: number | AdadeltaOptions,
    foreach?: boolean | null | AdadeltaOptions,
  );
  constructor(...args: readonly unknown[]) {
    const { params, given, ways } = readOptimizer<Params<AdadeltaHyperparameters>, AdadeltaOptions>(ADADELTA.signature, args);
    super(params, { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false, ...given }, ways);
  }

  protected override spec(): UpdateSpec<AdadeltaHyperparameters> {
    return ADADELTA;
  }
}

export interface RMSpropHyperparameters extends Scaling {
  momentum: number;
  /** Decay of the average of squares. */
  alpha: number;
  /** Scale by an estimate of the variance: the mean is taken off. */
  centered: boolean;
}
/** Defaults: lr 1e-2, alpha 0.99, eps 1e-8, weightDecay 0, momentum 0, centered false. */
export type RMSpropOptions = Partial<RMSpropHyperparameters> & Omit<WayOptions, 'fused'>;

const rmspropTensors = ({ momentum, centered }: RMSpropHyperparameters): string[] => [
  'square_avg',
  ...(momentum > 0 ? ['momentum_buffer'] : []),
  ...(centered ? ['grad_avg'] : []),
];

const RMSPROP: UpdateSpec<RMSpropHyperparameters> = {
  signature: optimizerSignature('RMSprop', { lr: AT_LEAST_0, alpha: AT_LEAST_0, eps: AT_LEAST_0, weightDecay: AT_LEAST_0, momentum: AT_LEAST_0, centered: BOOL, ...wayKinds('capturable', 'foreach'), maximize: BOOL, ...wayKinds('differentiable') }, 10),
  form: {
    fields: ['lr', 'momentum', 'alpha', 'eps', 'centered', 'weight_decay', 'capturable', 'foreach', 'maximize', 'differentiable'],
    fixed: { capturable: false, foreach: null, differentiable: false },
    tensors: ['square_avg', 'momentum_buffer', 'grad_avg'],
    needed: (group) => ['step', ...rmspropTensors(group as RMSpropHyperparameters)],
  },
  algorithm: 'rmsprop',
  tensors: rmspropTensors,
  ways: ({ momentum, centered }) => (momentum > 0 ? WAY.momentum : 0) | (centered ? WAY.centered : 0),
  scalars: ({ lr, alpha, eps, weightDecay, momentum }) => [weightDecay, alpha, 1 - alpha, eps, -lr, momentum],
}; // prettier-ignore

/** Scales by an average of squares (Hinton 2012; https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html). */
export class RMSprop extends UpdateOptimizer<RMSpropHyperparameters> {
  /** @throws ArgumentError for hyperparameters out of range */
  constructor(
    params: ParamsOrAll<RMSpropHyperparameters, RMSpropOptions>,
    lr?: number | RMSpropOptions,
    alpha?: number | RMSpropOptions,
    eps?: number | RMSpropOptions,
    weightDecay?: number | RMSpropOptions,
    momentum?: number | RMSpropOptions,
    centered?: boolean | RMSpropOptions,
    capturable?: false | RMSpropOptions,
    foreach?: boolean | null | RMSpropOptions,
    maximize?: boolean | RMSpropOptions,
    differentiable?: false | RMSpropOptions,
  );
  constructor(...args: readonly unknown[]) {
    const { params, given, ways } = readOptimizer<Params<RMSpropHyperparameters>, RMSpropOptions>(RMSPROP.signature, args);
    const defaults = {
      lr: 1e-2,
      momentum: 0,
      alpha: 0.99,
      eps: 1e-8,
      centered: false,
      weightDecay: 0,
      maximize: false,
    };
    super(params, { ...defaults, ...given }, ways);
  }

  protected override spec(): UpdateSpec<RMSpropHyperparameters> {
    return RMSPROP;
  }
}
