/** Stochastic gradient descent (https://pytorch.org/docs/stable/generated/torch.optim.SGD.html). */
import { BOOL, FINITE, NUMBER, requireKind } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { applyInto } from '../tensor/dispatch.ts';
import { sgd } from '../tensor/families/sgd.ts';
import { sgdParams, sgdScalars, type SgdParams } from '../tensor/ops/optimizer.ts';
import { activeRecorder } from '../tensor/recorder.ts';
import type { Tensor } from '../tensor/tensor.ts';
import {
  atLeast,
  Optimizer,
  type BaseHyperparameters,
  type ParamGroup,
  type Params,
  type ParamsOrAll,
  type ParamState,
} from './optimizer.ts';
import type { StateForm } from './optimizer-state.ts';
import { optimizerSignature, readOptimizer, wayKinds, type WayOptions } from './options.ts';

export interface SGDHyperparameters extends BaseHyperparameters {
  weightDecay: number;
  maximize: boolean;
  momentum: number;
  /** How much of a new gradient the momentum leaves out. */
  dampening: number;
  nesterov: boolean;
}

/** Defaults: lr 1e-3, no momentum, no weight decay. */
export type SGDOptions = Partial<SGDHyperparameters> & Omit<WayOptions, 'capturable'>;

/** Their ranges are checked for every group. */
const SIGNATURE = optimizerSignature('SGD', { lr: NUMBER, momentum: NUMBER, dampening: NUMBER, weightDecay: NUMBER, nesterov: BOOL, maximize: BOOL, ...wayKinds('foreach', 'differentiable', 'fused') }, 5, 'new optim.SGD(model.parameters(), { lr: 0.01 })'); // prettier-ignore

const FORM: StateForm = {
  fields: ['lr', 'momentum', 'dampening', 'weight_decay', 'nesterov', 'maximize', 'foreach', 'differentiable', 'fused'],
  fixed: { foreach: null, differentiable: false, fused: null },
  tensors: ['momentum_buffer'],
};

/**
 * Steps against the gradient, with optional momentum in PyTorch's form: v ← μ·v + (1 − τ)·g, p ← p − lr·v.
 * @example
 * import { nn, optim } from 'flambeau';
 * const model = new nn.Linear(2, 1);
 * const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
 */
export class SGD extends Optimizer<SGDHyperparameters> {
  /** @throws ArgumentError for hyperparameters out of range (negative or NaN), or Nesterov without plain momentum */
  constructor(
    params: ParamsOrAll<SGDHyperparameters, SGDOptions>,
    lr?: number | SGDOptions,
    momentum?: number | SGDOptions,
    dampening?: number | SGDOptions,
    weightDecay?: number | SGDOptions,
    nesterov?: boolean | SGDOptions,
  );
  constructor(...args: readonly unknown[]) {
    const { params, given, ways } = readOptimizer<Params<SGDHyperparameters>, SGDOptions>(SIGNATURE, args);
    const defaults = { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false };
    super(params, { ...defaults, ...given }, ways);
  }

  protected override check(group: SGDHyperparameters): void {
    atLeast('SGD', 'lr', group.lr, 0);
    atLeast('SGD', 'momentum', group.momentum, 0);
    atLeast('SGD', 'weightDecay', group.weightDecay, 0);
    requireKind('SGD', 'dampening', group.dampening, FINITE);
    requireKind('SGD', 'nesterov', group.nesterov, BOOL);
    requireKind('SGD', 'maximize', group.maximize, BOOL);
    if (group.nesterov && (group.momentum <= 0 || group.dampening !== 0)) {
      throw new ArgumentError('SGD: Nesterov momentum needs a momentum above 0 and no dampening');
    }
  }

  protected override stateForm(): StateForm {
    return FORM;
  }

  protected override update(param: Tensor, grad: Tensor, group: ParamGroup<SGDHyperparameters>, state: ParamState): void {
    // A recording should serve from the first step on. The first momentum is the gradient, and so is μ·(-0) + g, to the bit.
    if (activeRecorder() !== undefined && group.momentum !== 0 && group.dampening === 0) {
      state['momentum_buffer'] ??= this.newState(param, -0);
    }
    const buffer = state['momentum_buffer'] as Tensor | undefined;
    const attrs = paramsOf(group, buffer);
    const { momentum } = attrs;
    activeRecorder()?.guard(() => variantOf(group, state['momentum_buffer']));
    const inputs = momentum === 'running' ? [param, grad, buffer!] : [param, grad];
    const velocity = momentum === 'first' ? (state['momentum_buffer'] = this.newState(param)) : buffer;
    applyInto(sgd.sgdStep, inputs, attrs, () => sgdScalars(group), momentum === 'none' ? [param] : [param, velocity]);
  }
}

function paramsOf(group: SGDHyperparameters, buffer: unknown): SgdParams {
  const momentum = group.momentum === 0 ? 'none' : buffer === undefined ? 'first' : 'running';
  const { nesterov, maximize } = group;
  return sgdParams({ momentum, nesterov, weightDecay: group.weightDecay !== 0, maximize });
}

/** A number for each way to step, as {@link paramsOf} tells them apart; it is compared before every compiled step. */
function variantOf({ momentum, nesterov, maximize, weightDecay }: SGDHyperparameters, buffer: unknown): number {
  const kind = momentum === 0 ? 0 : buffer === undefined ? 1 : 2;
  return kind * 8 + (nesterov ? 4 : 0) + (maximize ? 2 : 0) + (weightDecay !== 0 ? 1 : 0);
}
