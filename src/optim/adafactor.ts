/** Adafactor, Adam with a factored second moment (https://pytorch.org/docs/stable/generated/torch.optim.Adafactor.html). */
import { BOOL, kind } from '../base/arguments.ts';
import type { Dims } from '../base/shape.ts';
import { applyInto } from '../tensor/dispatch.ts';
import { optimizerUpdate as optimizerUpdateOps } from '../tensor/families/optimizer-update.ts';
import { updateParams } from '../tensor/ops/optimizer-update.ts';
import { activeRecorder } from '../tensor/recorder.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Optimizer, type BaseHyperparameters, type ParamGroup, type Params, type ParamsOrAll, type ParamState } from './optimizer.ts';
import type { StateForm } from './optimizer-state.ts';
import { AT_LEAST_0, AT_LEAST_1, AT_MOST_0, checkGroup, optimizerSignature, readOptimizer, wayKinds, type WayOptions } from './options.ts';

type Eps = readonly [number | null, number];

export interface AdafactorHyperparameters extends BaseHyperparameters {
  /** Power by which the average's weight of new squares falls. */
  beta2Decay: number;
  /** What squares (null: the dtype's own eps) and parameters' sizes are at least. */
  eps: Eps;
  /** Updates larger than this are scaled down. */
  d: number;
  weightDecay: number;
  maximize: boolean;
}
/** Defaults: lr 1e-2, beta2Decay -0.8, eps [null, 1e-3], d 1, weightDecay 0. */
export type AdafactorOptions = Partial<AdafactorHyperparameters> & Pick<WayOptions, 'foreach'>;

const isEps = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && (value[0] === null || AT_LEAST_0.accepts(value[0])) && AT_LEAST_0.accepts(value[1]);
const EPS = kind('two finite numbers ≥ 0, the first perhaps null', isEps);

const SIGNATURE = optimizerSignature(
  'Adafactor',
  { lr: AT_LEAST_0, beta2Decay: AT_MOST_0, eps: EPS, d: AT_LEAST_1, weightDecay: AT_LEAST_0, ...wayKinds('foreach'), maximize: BOOL },
  5,
);

const FORM: StateForm = {
  fields: ['lr', 'beta2_decay', 'eps', 'd', 'weight_decay', 'foreach', 'maximize'],
  fixed: { foreach: null },
  floats: { d: 1, weight_decay: 0 },
  tensors: ['row_var', 'col_var', 'variance'],
  shapeOf: (name, shape) => factorShape(name, shape),
};

/** Of the mean squares along the last or the last but one dimension; others are like the parameter. */
const factorShape = (name: string, shape: Dims): Dims => {
  const one = name === 'row_var' ? shape.length - 1 : name === 'col_var' ? shape.length - 2 : -1;
  return shape.map((size, i) => (i === one ? 1 : size));
};

/** The dtype's distance from 1 to the next number. */
const EPSILON = { float32: 2 ** -23, float64: 2 ** -52 };
const LERP = updateParams('lerp', 0);
const DESCEND = updateParams('descend', 0);

/**
 * Adam whose second moment of a matrix is kept as one number for each row and column (Shazeer & Stern 2018).
 * @see https://pytorch.org/docs/stable/generated/torch.optim.Adafactor.html
 */
export class Adafactor extends Optimizer<AdafactorHyperparameters> {
  /** @throws ArgumentError for hyperparameters out of range */
  constructor(
    params: ParamsOrAll<AdafactorHyperparameters, AdafactorOptions>,
    lr?: number | AdafactorOptions,
    beta2Decay?: number | AdafactorOptions,
    eps?: Eps | AdafactorOptions,
    d?: number | AdafactorOptions,
    weightDecay?: number | AdafactorOptions,
  );
  constructor(...args: readonly unknown[]) {
    const { params, given, ways } = readOptimizer<Params<AdafactorHyperparameters>, AdafactorOptions>(SIGNATURE, args);
    super(params, { lr: 1e-2, beta2Decay: -0.8, eps: [null, 1e-3], d: 1, weightDecay: 0, maximize: false, ...given }, ways);
  }

  protected override check(group: AdafactorHyperparameters): void {
    checkGroup(SIGNATURE, group);
  }

  protected override stateForm(): StateForm {
    return FORM;
  }

  protected override update(param: Tensor, given: Tensor, group: ParamGroup<AdafactorHyperparameters>, state: ParamState): void {
    const recorder = activeRecorder();
    recorder?.guard(() => `${group.eps.join()} ${group.d} ${group.maximize}`);
    state['step'] ??= 0;
    const names = param.ndim > 1 ? ['row_var', 'col_var'] : ['variance'];
    const kept = names.map((name) => (state[name] ??= this.newState(param, 0, factorShape(name, param.layout.shape))) as Tensor);
    for (const name of names) recorder?.guard(() => state[name]);
    const count = (): void => {
      state['step'] = (state['step'] as number) + 1;
    };
    if (recorder === undefined) count();
    else recorder.effect(count);
    const grad = group.maximize ? given.neg() : given;
    const size = param.mul(param).sum().sqrt().div(Math.sqrt(param.numel())); // before it decays
    const eps = group.eps[0] ?? EPSILON[param.dtype as keyof typeof EPSILON];
    const weight = (): number[] => [(state['step'] as number) ** group.beta2Decay];
    const squares = grad.mul(grad);
    kept.forEach((average, i) => {
      const mean = kept.length === 1 ? squares : squares.mean(i === 0 ? -1 : -2, { keepdim: true });
      applyInto(optimizerUpdateOps.optimizerUpdate, [average, mean], LERP, weight, [average]);
    });
    const [rows, columns] = kept as [Tensor, Tensor];
    const variance = kept.length === 1 ? rows : rows.mul(columns).div(rows.mean(-2, { keepdim: true }).clamp({ min: eps }));
    const update = variance
      .clamp({ min: eps * eps })
      .rsqrt()
      .mul(grad);
    const excess = update
      .mul(update)
      .sum()
      .sqrt()
      .div(Math.sqrt(update.numel()) * group.d);
    const scaled = update.mul(size.clamp({ min: group.eps[1] }).div(excess.clamp({ min: 1 })));
    const scalars = (): number[] => [
      group.weightDecay === 0 ? 1 : 1 - group.lr * group.weightDecay,
      -Math.min(group.lr, 1 / (state['step'] as number) ** 0.5),
    ];
    applyInto(optimizerUpdateOps.optimizerUpdate, [param, scaled], DESCEND, scalars, [param]);
  }
}
