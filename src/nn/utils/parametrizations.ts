/** Parametrizations that are there already (PyTorch: `torch.nn.utils.parametrizations`). */
import '../families/state-dicts.ts';

import { orNull, WHOLE } from '../../base/arguments.ts';
import { existingDim } from '../../base/shape.ts';
import { readCall, signature } from '../../base/signature.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { mv } from '../../tensor/linear-algebra.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ModuleBase } from '../module-base.ts';
import { Module } from '../module.ts';
import { MODULE, NAME, tensorAt } from './computed.ts';
import { registerParametrization, type Parametrized } from './parametrize.ts';
import { asMatrix, outputDim, randomUnit, sigmaOf, SPECTRAL_KINDS, unit, type SpectralNormCall } from './spectral-norm.ts';
import { normExceptDim, weightOf, type WeightNormCall } from './weight-norm.ts';

class WeightNormFunction extends Module {
  readonly dim: number | null;

  constructor(dim: number | null) {
    super();
    this.dim = dim;
  }

  override typeName(): string {
    return '_WeightNorm';
  }

  forward(length: Tensor, direction: Tensor): Tensor {
    return weightOf(direction, length, this.dim);
  }

  rightInverse(weight: Tensor): Tensor[] {
    return [normExceptDim(weight, this.dim), weight];
  }
}

const WEIGHT_NORM = signature<WeightNormCall>(
  'weightNorm',
  { module: MODULE, name: NAME, dim: orNull(WHOLE) },
  { required: 1, example: 'nn.utils.parametrizations.weightNorm(layer)' },
);

/**
 * A weight as a length and a direction (https://pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.weight_norm.html), saved as
 * `parametrizations.weight.original0` and `original1`. State dicts of the older form, with `weight_g` and `weight_v`, can be loaded.
 * @param dim the dimension that has a length for each of its places; null for one length
 * @throws ArgumentError where there is no such parameter
 * @example
 * import { nn } from 'flambeau';
 * const layer = nn.utils.parametrizations.weightNorm(new nn.Linear(20, 40));
 * console.log(layer.parametrizations['weight']!.original0.shape); // [ 40, 1 ]
 */
export function weightNorm<M extends ModuleBase>(
  module: M | WeightNormCall<M>,
  name?: string | Omit<WeightNormCall, 'module'>,
  dim?: number | null | { dim?: number | null },
): M & Parametrized;
export function weightNorm(...args: readonly unknown[]): ModuleBase {
  const { module, name = 'weight', dim = 0 } = readCall(WEIGHT_NORM, args);
  tensorAt('weightNorm', module, name);
  registerParametrization(module, name, new WeightNormFunction(dim), { unsafe: true });
  module.registerLoadStateDictPreHook((_module, state, prefix) => {
    const [length, direction] = [state.get(`${prefix}${name}_g`), state.get(`${prefix}${name}_v`)];
    if (length === undefined || direction === undefined) return;
    state.delete(`${prefix}${name}_g`);
    state.delete(`${prefix}${name}_v`);
    state.set(`${prefix}parametrizations.${name}.original0`, length);
    state.set(`${prefix}parametrizations.${name}.original1`, direction);
  });
  return module;
}

class SpectralNormFunction extends Module {
  readonly dim: number;
  readonly iterations: number;
  readonly eps: number;
  declare _u: Tensor;
  declare _v: Tensor;

  constructor(weight: Tensor, iterations: number, dim: number, eps: number) {
    super();
    this.dim = existingDim('spectralNorm', dim, weight.ndim);
    this.iterations = iterations;
    this.eps = eps;
    if (weight.ndim === 1) return; // a vector's only singular value is its length
    withGradMode(false, () => {
      const matrix = asMatrix(weight.detach(), this.dim);
      const [rows, columns] = matrix.layout.shape as [number, number];
      this.registerBuffer('_u', randomUnit(rows, weight, eps));
      this.registerBuffer('_v', randomUnit(columns, weight, eps));
      iterate(this, matrix, 15);
    });
  }

  override typeName(): string {
    return '_SpectralNorm';
  }

  forward(weight: Tensor): Tensor {
    if (weight.ndim === 1) return unit(weight, this.eps);
    const matrix = asMatrix(weight, this.dim);
    if (this.training) iterate(this, matrix, this.iterations);
    return weight.div(sigmaOf(matrix, this._u.clone(), this._v.clone()));
  }

  rightInverse(value: Tensor): Tensor {
    return value;
  }
}

/** Steps of the power method. */
function iterate({ _u: u, _v: v, eps }: SpectralNormFunction, matrix: Tensor, steps: number): void {
  withGradMode(false, () => {
    for (let i = 0; i < steps; i++) {
      u.copy_(unit(mv(matrix, v), eps));
      v.copy_(unit(mv(matrix.t(), u), eps));
    }
  });
}

type SpectralRest = Omit<SpectralNormCall, 'module'>;
const SPECTRAL = signature<SpectralNormCall>('spectralNorm', SPECTRAL_KINDS, {
  required: 1,
  example: 'nn.utils.parametrizations.spectralNorm(layer)',
});

/**
 * A weight divided by its largest singular value (https://pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.spectral_norm.html), which
 * the power method follows: at every use of the weight in training.
 * @param dim the dimension of the outputs: 0 by default, 1 of transposed convolutions
 * @throws ArgumentError where there is no such parameter
 * @example
 * import { nn } from 'flambeau';
 * const layer = nn.utils.parametrizations.spectralNorm(new nn.Linear(20, 40));
 * console.log([...layer.stateDict().keys()].join()); // bias,parametrizations.weight.original,parametrizations.weight.0._u,parametrizations.weight.0._v
 */
export function spectralNorm<M extends ModuleBase>(
  module: M | SpectralNormCall<M>,
  name?: string | SpectralRest,
  nPowerIterations?: number | SpectralRest,
  eps?: number | SpectralRest,
  dim?: number | null | SpectralRest,
): M & Parametrized;
export function spectralNorm(...args: readonly unknown[]): ModuleBase {
  const { module, name = 'weight', nPowerIterations = 1, eps = 1e-12, dim } = readCall(SPECTRAL, args);
  const weight = tensorAt('spectralNorm', module, name);
  const norm = new SpectralNormFunction(weight, nPowerIterations, dim ?? outputDim(module), eps);
  return registerParametrization(module, name, norm);
}

export { orthogonal } from './orthogonal.ts';
