/** Muon, momentum made orthogonal (https://pytorch.org/docs/stable/generated/torch.optim.Muon.html). */
import { arrayOf, BOOL, FINITE, kind, oneOf, orNull } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { apply, applyInto } from '../tensor/dispatch.ts';
import { optimizerUpdate as optimizerUpdateOps } from '../tensor/families/optimizer-update.ts';
import { updateParams } from '../tensor/ops/optimizer-update.ts';
import { activeRecorder } from '../tensor/recorder.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Optimizer, type BaseHyperparameters, type ParamGroup, type ParamGroupOptions, type Params, type ParamsOrAll, type ParamState } from './optimizer.ts'; // prettier-ignore
import type { StateForm } from './optimizer-state.ts';
import { AT_LEAST_0, checkGroup, optimizerSignature, readOptimizer } from './options.ts';

type Three = readonly [number, number, number];
export type AdjustLr = 'original' | 'match_rms_adamw' | 'spectral_unclamped';

export interface MuonHyperparameters extends BaseHyperparameters {
  weightDecay: number;
  momentum: number;
  nesterov: boolean;
  /** Of the Newton-Schulz iteration's polynomial. */
  nsCoefficients: Three;
  /** What norms are at least. */
  eps: number;
  /** Iterations. */
  nsSteps: number;
  /** How the rate follows from the matrix's shape; null is 'original'. */
  adjustLrFn: AdjustLr | null;
}
/** Defaults: lr 1e-3, weightDecay 0.1, momentum 0.95, nesterov true, nsCoefficients [3.4445, -4.775, 2.0315], eps 1e-7, nsSteps 5. */
export type MuonOptions = Partial<MuonHyperparameters>;

const numbers = arrayOf(FINITE, 'finite numbers');
const THREE = kind('three finite numbers', (value) => numbers.accepts(value) && (value as unknown[]).length === 3);
const STEPS = kind('a whole number from 0 to 99', (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 100);

const SIGNATURE = optimizerSignature(
  'Muon',
  {
    lr: AT_LEAST_0,
    weightDecay: AT_LEAST_0,
    momentum: AT_LEAST_0,
    nesterov: BOOL,
    nsCoefficients: THREE,
    eps: AT_LEAST_0,
    nsSteps: STEPS,
    adjustLrFn: orNull(oneOf('original', 'match_rms_adamw', 'spectral_unclamped')),
  },
  8,
  'new optim.Muon(matrices, { lr: 0.02 })',
);

const FORM: StateForm = {
  fields: ['lr', 'weight_decay', 'momentum', 'nesterov', 'ns_coefficients', 'eps', 'ns_steps', 'adjust_lr_fn'],
  fixed: {},
  tensors: ['momentum_buffer'],
  needed: () => ['momentum_buffer'],
};

const LERP = updateParams('lerp', 0);
const DESCEND = updateParams('descend', 0);
const BFLOAT16 = updateParams('bfloat16', 0);

/** A tensor's elements as bfloat16 has them, in which PyTorch iterates. */
const rounded = (x: Tensor): Tensor => apply(optimizerUpdateOps.optimizerUpdate, [x, x], BFLOAT16)[0]!;

/** A matrix's nearest orthogonal one, roughly: Newton and Schulz's iteration, with singular values that end up between 0.5 and 1.5. */
function orthogonal(grad: Tensor, { nsCoefficients: [a, b, c], nsSteps, eps }: MuonHyperparameters): Tensor {
  const [rows, columns] = grad.layout.shape as readonly [number, number];
  let x = rounded(rows > columns ? grad.t() : grad);
  const norm = rounded(x.mul(x).sum().sqrt()).clamp({ min: eps });
  x = rounded(x.div(norm));
  for (let i = 0; i < nsSteps; i++) {
    const gram = rounded(x.matmul(x.t()));
    const change = rounded(gram.mul(b).add(gram.matmul(gram).mul(c)));
    x = rounded(x.mul(a).add(change.matmul(x)));
  }
  return rows > columns ? x.t() : x;
}

/** What the rate is multiplied by for a matrix. */
function ratioOf(way: AdjustLr | null, [rows, columns]: readonly [number, number]): number {
  if (way === 'match_rms_adamw') return 0.2 * Math.sqrt(Math.max(rows, columns));
  return way === 'spectral_unclamped' ? Math.sqrt(rows / columns) : Math.sqrt(Math.max(1, rows / columns));
}

/**
 * Momentum made orthogonal by Newton-Schulz iterations, for the matrices in a network; give other parameters to another optimizer
 * (Jordan 2024). Iterations are rounded as bfloat16, as in PyTorch.
 * @see https://pytorch.org/docs/stable/generated/torch.optim.Muon.html
 */
export class Muon extends Optimizer<MuonHyperparameters> {
  /** @throws ArgumentError for hyperparameters out of range, or a parameter that is no matrix */
  constructor(
    params: ParamsOrAll<MuonHyperparameters, MuonOptions>,
    lr?: number | MuonOptions,
    weightDecay?: number | MuonOptions,
    momentum?: number | MuonOptions,
    nesterov?: boolean | MuonOptions,
    nsCoefficients?: Three | MuonOptions,
    eps?: number | MuonOptions,
    nsSteps?: number | MuonOptions,
    adjustLrFn?: AdjustLr | null | MuonOptions,
  );
  constructor(...args: readonly unknown[]) {
    const { params, given } = readOptimizer<Params<MuonHyperparameters>, MuonOptions>(SIGNATURE, args);
    const nsCoefficients = [3.4445, -4.775, 2.0315] as const;
    const defaults = {
      lr: 1e-3,
      weightDecay: 0.1,
      momentum: 0.95,
      nesterov: true,
      nsCoefficients,
      eps: 1e-7,
      nsSteps: 5,
    };
    super(params, { ...defaults, adjustLrFn: null, ...given });
  }

  override addParamGroup(options: ParamGroupOptions<MuonHyperparameters>): void {
    super.addParamGroup(options);
    const other = this.paramGroups.at(-1)!.params.find((param) => param.ndim !== 2);
    if (other === undefined) return;
    this.paramGroups.pop();
    throw new ArgumentError(
      `Muon: its parameters have to be matrices, but one has the shape ${showShape(other.layout.shape)}; give it to another optimizer`,
    );
  }

  protected override check(group: MuonHyperparameters): void {
    checkGroup(SIGNATURE, group);
  }

  protected override stateForm(): StateForm {
    return FORM;
  }

  protected override update(param: Tensor, grad: Tensor, group: ParamGroup<MuonHyperparameters>, state: ParamState): void {
    const buffer = (state['momentum_buffer'] ??= this.newState(param)) as Tensor;
    const recorder = activeRecorder();
    recorder?.guard(() => state['momentum_buffer']);
    recorder?.guard(() => `${group.nsCoefficients.join()} ${group.nsSteps} ${group.eps} ${group.nesterov}`);
    applyInto(optimizerUpdateOps.optimizerUpdate, [buffer, grad], LERP, () => [1 - group.momentum], [buffer]);
    const ahead = group.nesterov ? apply(optimizerUpdateOps.optimizerUpdate, [grad, buffer], LERP, () => [group.momentum])[0]! : buffer;
    const update = orthogonal(ahead, group);
    const shape = param.layout.shape as readonly [number, number];
    const scalars = (): number[] => [1 - group.lr * group.weightDecay, -group.lr * ratioOf(group.adjustLrFn, shape)];
    applyInto(optimizerUpdateOps.optimizerUpdate, [param, update], DESCEND, scalars, [param]);
  }
}
