/**
 * Optimizer steps, each one kernel that reads the gradient and changes parameter and state in place. The arithmetic is that
 * of PyTorch 1.13's torch.optim, operation by operation, so that rounding agrees
 * (https://pytorch.org/docs/stable/optim.html).
 *
 * Results go to existing tensors: outputs alias inputs. Numbers that vary between steps are scalars of the call, already
 * combined in double precision by {@link sgdScalars} and {@link adamScalars}.
 */
import { requireFloating } from '../../base/dtype.ts';
import { DTypeError, ShapeError } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { sameDims, showShape } from '../../base/shape.ts';
import { remembered, type Attrs } from '../../geometry/attrs.ts';
import { computeOf, type ElementwiseSpec } from '../../kernels/formula/elementwise.ts';
import type { Formula, FormulaType } from '../../kernels/formula/formula.ts';
import type { FormulaRules } from './rule.ts';

/** Made by {@link sgdParams}. */
export interface SgdParams extends Attrs {
  /** 'first': the buffer does not exist yet and becomes the gradient. */
  readonly momentum: 'none' | 'first' | 'running';
  readonly nesterov: boolean;
  readonly weightDecay: boolean;
  readonly maximize: boolean;
}

/** Made by {@link adamParams}. */
export interface AdamParams extends Attrs {
  /** 'loss': added to the gradient (Adam); 'decoupled': shrinks the parameter (AdamW). */
  readonly weightDecay: 'none' | 'loss' | 'decoupled';
  readonly amsgrad: boolean;
  readonly maximize: boolean;
}

export interface SgdAttrs {
  /**
   * Inputs [param, grad], with momentum 'running' also [buffer]; outputs [param], with momentum also [buffer].
   * Scalars: {@link sgdScalars}.
   */
  sgdStep: SgdParams;
}

export interface AdamAttrs {
  /**
   * Inputs [param, grad, average, squaredAverage], with amsgrad also [largest]; outputs the same without grad.
   * Scalars: {@link adamScalars}.
   */
  adamStep: AdamParams;
}

export interface OptimizerAttrs extends SgdAttrs, AdamAttrs {}

export function sgdParams(params: Omit<SgdParams, 'key'>): SgdParams {
  const { momentum, nesterov, weightDecay, maximize } = params;
  const key = `${momentum}${nesterov ? ' nesterov' : ''}${weightDecay ? ' decay' : ''}${maximize ? ' max' : ''}`;
  return remembered('sgd', { ...params, key });
}

/** The scalars of `sgdStep`. */
export const sgdScalars = (options: {
  readonly lr: number;
  readonly momentum: number;
  readonly dampening: number;
  readonly weightDecay: number;
}): number[] => [-options.lr, options.momentum, 1 - options.dampening, options.weightDecay];

export function adamParams(params: Omit<AdamParams, 'key'>): AdamParams {
  const { weightDecay, amsgrad, maximize } = params;
  const key = `${weightDecay}${amsgrad ? ' amsgrad' : ''}${maximize ? ' max' : ''}`;
  return remembered('adam', { ...params, key });
}

/** The scalars of `adamStep`; `step` counts from 1. */
export function adamScalars(options: {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  readonly step: number;
}): number[] {
  const { lr, beta1, beta2, eps, weightDecay, step } = options;
  const stepSize = lr / (1 - beta1 ** step);
  const root = Math.sqrt(1 - beta2 ** step);
  return [beta1, 1 - beta1, beta2, 1 - beta2, root, eps, -stepSize, weightDecay, 1 - lr * weightDecay];
}

const ADAM_SCALARS = 9;

/** The new [param, buffer?] of `sgdStep`. */
function sgd(params: SgdParams, inputs: readonly Formula[], scalars: readonly Formula[]): Formula[] {
  const [param, grad, buffer] = inputs as [Formula, Formula, Formula];
  const [minusLr, momentum, undamped, decay] = scalars as [Formula, Formula, Formula, Formula];
  const ascent = params.maximize ? grad.neg() : grad;
  const g = params.weightDecay ? param.fma(decay, ascent) : ascent;
  if (params.momentum === 'none') return [g.fma(minusLr, param)];
  const state = params.momentum === 'running' ? g.fma(undamped, buffer.mul(momentum)) : g;
  const direction = params.nesterov ? state.fma(momentum, g) : state;
  return [direction.fma(minusLr, param), state];
}

/** The new [param, average, squaredAverage, largest?] of `adamStep`. */
function adam(params: AdamParams, inputs: readonly Formula[], scalars: readonly Formula[]): Formula[] {
  const [before, grad, average, squared, largest] = inputs as [Formula, Formula, Formula, Formula, Formula];
  const [beta1, rest1, beta2, rest2, root, eps, minusStep, decay, shrink] = scalars;
  const ascent = params.maximize ? grad.neg() : grad;
  const param = params.weightDecay === 'decoupled' ? before.mul(shrink!) : before;
  const g = params.weightDecay === 'loss' ? param.fma(decay!, ascent) : ascent;
  const m = g.fma(rest1!, average.mul(beta1!));
  const v = g.mul(rest2!).fma(g, squared.mul(beta2!));
  const top = params.amsgrad ? largest.max(v) : v;
  const scale = top.sqrt().div(root!).add(eps!);
  const next = param.add(m.mul(minusStep!).div(scale));
  return params.amsgrad ? [next, m, v, top] : [next, m, v];
}

function requireMatching(op: string, inputs: readonly Layout[]): void {
  const param = inputs[0]!;
  requireFloating(op, 'parameter', param.dtype);
  for (const other of inputs.slice(1)) {
    if (other.dtype !== param.dtype) {
      throw new DTypeError(
        `${op}: the parameter has dtype ${param.dtype}, but its gradient or state has ${other.dtype}; convert it with .to('${param.dtype}')`,
      );
    }
    if (!sameDims(other.shape, param.shape)) {
      throw new ShapeError(
        `${op}: the parameter has shape ${showShape(param.shape)}, but its gradient or state has ${showShape(other.shape)}; they must be equal`,
      );
    }
  }
}

/** Formulas over tensors of one dtype. */
function stepSpec(
  name: string,
  count: number,
  inputs: readonly Layout[],
  outputs: readonly Layout[],
  results: ElementwiseSpec['results'],
): ElementwiseSpec {
  const { dtype } = inputs[0]!;
  const as = computeOf(dtype);
  return {
    name,
    inputs: inputs.map(() => ({ dtype, as })),
    outputs: outputs.map(() => ({ dtype, as })),
    scalars: Array<FormulaType>(count).fill(as),
    results,
    cost: inputs.length > 3 ? 2 : 0.2,
  };
}

export const sgdRules: FormulaRules<SgdAttrs> = {
  sgdStep: {
    shape: (inputs, { momentum }) => {
      requireMatching('sgdStep', inputs);
      const param = layoutOf(inputs[0]!.dtype, inputs[0]!.shape);
      return momentum === 'none' ? [param] : [param, param];
    },
    elementwise: (inputs, outputs, params) => stepSpec(`sgd ${params.key}`, 4, inputs, outputs, (x, scalars) => sgd(params, x, scalars)),
    gradient: null,
  },
};

export const adamRules: FormulaRules<AdamAttrs> = {
  adamStep: {
    shape: (inputs) => {
      requireMatching('adamStep', inputs);
      return inputs.slice(1).map((input) => layoutOf(input.dtype, input.shape));
    },
    elementwise: (inputs, outputs, params) =>
      stepSpec(`adam ${params.key}`, ADAM_SCALARS, inputs, outputs, (x, scalars) => adam(params, x, scalars)),
    gradient: null,
  },
};
