/** Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019), as torch.optim.Adam and torch.optim.AdamW. */
import { BOOL, kind, NUMBER, requireKind } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { applyInto } from '../tensor/dispatch.ts';
import { adam } from '../tensor/families/adam.ts';
import { adamParams, adamScalars, type AdamParams } from '../tensor/ops/optimizer.ts';
import { activeRecorder } from '../tensor/recorder.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { atLeast, belowOne, Optimizer, type BaseHyperparameters, type ParamGroup, type Params, type ParamsOrAll, type ParamState } from './optimizer.ts'; // prettier-ignore
import type { StateForm } from './optimizer-state.ts';
import { optimizerSignature, readOptimizer, wayKinds, type WayOptions } from './options.ts';

export interface AdamHyperparameters extends BaseHyperparameters {
  weightDecay: number;
  maximize: boolean;
  /** Decay of the averages of gradient and squared gradient. */
  betas: readonly [number, number];
  /** Added to the denominator. */
  eps: number;
  /** Use the largest squared average so far (Reddi et al. 2018). */
  amsgrad: boolean;
  /** Whether weight decay shrinks the parameter itself rather than being added to the gradient: always in AdamW. */
  decoupledWeightDecay: boolean;
}

/** Defaults: lr 1e-3, betas [0.9, 0.999], eps 1e-8, weightDecay 0, the decay added to the gradient. */
export type AdamOptions = Partial<AdamHyperparameters> & WayOptions;
/** Defaults as Adam's, but weightDecay 0.01. */
export type AdamWOptions = Omit<AdamOptions, 'decoupledWeightDecay'>;

const DEFAULTS: AdamHyperparameters = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  amsgrad: false,
  maximize: false,
  decoupledWeightDecay: false,
};

const BETAS = kind('two numbers', (value) => Array.isArray(value) && value.length === 2);
/** Their ranges are checked for every group. */
const POSITIONAL = { lr: NUMBER, betas: BETAS, eps: NUMBER, weightDecay: NUMBER, amsgrad: BOOL };
const NAMED = { ...wayKinds('foreach'), maximize: BOOL, ...wayKinds('capturable', 'differentiable', 'fused') };
const ADAM = optimizerSignature('Adam', { ...POSITIONAL, ...NAMED, decoupledWeightDecay: BOOL }, 5);
const ADAMW = optimizerSignature('AdamW', { ...POSITIONAL, ...NAMED }, 5);

const FORM: StateForm = {
  fields: ['lr', 'betas', 'eps', 'weight_decay', 'amsgrad', 'maximize', 'foreach', 'capturable', 'differentiable', 'fused', 'decoupled_weight_decay'],
  fixed: { foreach: null, capturable: false, differentiable: false, fused: null },
  tensors: ['exp_avg', 'exp_avg_sq', 'max_exp_avg_sq'],
  needed: (group) => ['step', 'exp_avg', 'exp_avg_sq', ...((group as AdamHyperparameters).amsgrad ? ['max_exp_avg_sq'] : [])],
}; // prettier-ignore

abstract class AdamBase extends Optimizer<AdamHyperparameters> {
  protected override check(group: AdamHyperparameters): void {
    const name = this.constructor.name;
    atLeast(name, 'lr', group.lr, 0);
    atLeast(name, 'eps', group.eps, 0);
    atLeast(name, 'weightDecay', group.weightDecay, 0);
    requireKind(name, 'betas', group.betas, BETAS);
    requireKind(name, 'amsgrad', group.amsgrad, BOOL);
    requireKind(name, 'maximize', group.maximize, BOOL);
    requireKind(name, 'decoupledWeightDecay', group.decoupledWeightDecay, BOOL);
    belowOne(name, 'betas[0]', group.betas[0]);
    belowOne(name, 'betas[1]', group.betas[1]);
  }

  protected override stateForm(): StateForm {
    return FORM;
  }

  protected override update(param: Tensor, grad: Tensor, group: ParamGroup<AdamHyperparameters>, state: ParamState): void {
    const names = group.amsgrad ? ['exp_avg', 'exp_avg_sq', 'max_exp_avg_sq'] : ['exp_avg', 'exp_avg_sq'];
    const averages = names.map((name) => (state[name] ??= this.newState(param)) as Tensor);
    for (const name of names) activeRecorder()?.guard(() => state[name]);
    const count = (): void => {
      state['step'] = ((state['step'] as number | undefined) ?? 0) + 1;
    };
    const recorder = activeRecorder();
    recorder?.guard(
      () => (group.weightDecay === 0 ? 0 : 1) + (group.amsgrad ? 2 : 0) + (group.maximize ? 4 : 0) + (group.decoupledWeightDecay ? 8 : 0),
    );
    if (recorder === undefined) count();
    else recorder.effect(count);
    const attrs = adamParamsOf(group);
    const scalars = (): number[] => {
      const [beta1, beta2] = group.betas;
      const { lr, eps, weightDecay } = group;
      return adamScalars({ lr, beta1, beta2, eps, weightDecay, step: state['step'] as number });
    };
    applyInto(adam.adamStep, [param, grad, ...averages], attrs, scalars, [param, ...averages]);
  }
}

/** What the kernel depends on. */
function adamParamsOf({ weightDecay, decoupledWeightDecay, amsgrad, maximize }: AdamHyperparameters): AdamParams {
  const decay = decoupledWeightDecay ? 'decoupled' : 'loss';
  return adamParams({ weightDecay: weightDecay === 0 ? 'none' : decay, amsgrad, maximize });
}

/** Adaptive moments; weight decay is added to the gradient (https://pytorch.org/docs/stable/generated/torch.optim.Adam.html). */
export class Adam extends AdamBase {
  /** @throws ArgumentError for hyperparameters out of range */
  constructor(
    params: ParamsOrAll<AdamHyperparameters, AdamOptions>,
    lr?: number | AdamOptions,
    betas?: readonly [number, number] | AdamOptions,
    eps?: number | AdamOptions,
    weightDecay?: number | AdamOptions,
    amsgrad?: boolean | AdamOptions,
  );
  constructor(...args: readonly unknown[]) {
    const { params, given, ways } = readOptimizer<Params<AdamHyperparameters>, AdamOptions>(ADAM, args);
    super(params, { ...DEFAULTS, ...given }, ways);
  }
}

/** Adam with weight decay apart from the gradient (https://pytorch.org/docs/stable/generated/torch.optim.AdamW.html). */
export class AdamW extends AdamBase {
  /** @throws ArgumentError for hyperparameters out of range */
  constructor(
    params: ParamsOrAll<Omit<AdamHyperparameters, 'decoupledWeightDecay'>, AdamWOptions>,
    lr?: number | AdamWOptions,
    betas?: readonly [number, number] | AdamWOptions,
    eps?: number | AdamWOptions,
    weightDecay?: number | AdamWOptions,
    amsgrad?: boolean | AdamWOptions,
  );
  constructor(...args: readonly unknown[]) {
    const { params, given, ways } = readOptimizer<Params<AdamHyperparameters>, AdamWOptions>(ADAMW, args);
    super(params, { ...DEFAULTS, weightDecay: 0.01, decoupledWeightDecay: true, ...given }, ways);
  }

  protected override check(group: AdamHyperparameters): void {
    super.check(group);
    if (!group.decoupledWeightDecay)
      throw new ArgumentError('AdamW: its weight decay is always decoupled; use Adam, or leave decoupledWeightDecay out');
  }

  /** As in PyTorch, AdamW stays AdamW, whatever state it is given. */
  protected override stateForm(): StateForm {
    return { ...FORM, always: new Set(['decoupled_weight_decay']) };
  }
}
