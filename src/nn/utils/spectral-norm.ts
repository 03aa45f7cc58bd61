/**
 * Weights divided by their largest singular value (T. Miyato et al., Spectral Normalization for Generative Adversarial Networks, 2018), in
 * PyTorch's older form of a parameter, two buffers and a hook; and the power method, which the newer form shares.
 */
import { COUNT, orNull, POSITIVE, WHOLE } from '../../base/arguments.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { existingDim } from '../../base/shape.ts';
import { readCall, signature } from '../../base/signature.ts';
import { zeros } from '../../tensor/create.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { dot, mv } from '../../tensor/linear-algebra.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { normal_ } from '../init.ts';
import { ConvTransposeNdLayer } from '../layers/conv-nd.ts';
import type { ModuleBase } from '../module-base.ts';
import { Parameter } from '../parameter.ts';
import { compute, computingHooks, fieldOf, MODULE, NAME, parameterAt, setComputed, stopComputing, takeOut } from './computed.ts';

/** A vector of length 1. */
export const unit = (x: Tensor, eps: number): Tensor => x.div(x.mul(x).sum().sqrt().clamp({ min: eps }));

/** A weight as a matrix with the rows of one of its dimensions. */
export function asMatrix(weight: Tensor, dim: number): Tensor {
  const rows = weight.layout.shape[dim]!;
  if (dim === 0) return weight.reshape(rows, -1);
  const order = weight.layout.shape.map((_, i) => i).filter((i) => i !== dim);
  return weight.permute(dim, ...order).reshape(rows, -1);
}

/** A vector of random direction, as PyTorch draws it. */
export function randomUnit(length: number, like: Tensor, eps: number): Tensor {
  return unit(normal_(zeros([length], { dtype: like.dtype })), eps).to(like.device);
}

/** The dimension of the outputs, where none is given. */
export const outputDim = (module: ModuleBase): number => (module instanceof ConvTransposeNdLayer ? 1 : 0);

/** uᵀ · weight · v, with gradients for the weight alone. */
export const sigmaOf = (matrix: Tensor, u: Tensor, v: Tensor): Tensor => dot(u, mv(matrix, v));

export interface SpectralNormCall<M = ModuleBase> {
  module: M;
  name?: string;
  nPowerIterations?: number;
  eps?: number;
  dim?: number | null;
}
type Rest = Omit<SpectralNormCall, 'module'>;
export const SPECTRAL_KINDS = { module: MODULE, name: NAME, nPowerIterations: COUNT, eps: POSITIVE, dim: orNull(WHOLE) };
const SPECTRAL = signature<SpectralNormCall>('spectralNorm', SPECTRAL_KINDS, { required: 1, example: 'nn.utils.spectralNorm(layer)' });
const REMOVE = signature<{ module: ModuleBase; name?: string }>(
  'removeSpectralNorm',
  { module: MODULE, name: NAME },
  { required: 1, example: 'nn.utils.removeSpectralNorm(layer)' },
);

/** Marks the hook. */
class SpectralNormHook {
  readonly name: string;
  readonly iterations: number;
  readonly eps: number;
  readonly dim: number;
  constructor(name: string, iterations: number, eps: number, dim: number) {
    this.name = name;
    this.iterations = iterations;
    this.eps = eps;
    this.dim = dim;
  }
}

function recompute(module: ModuleBase, norm: SpectralNormHook, iterate: boolean): void {
  const { name, iterations, eps, dim } = norm;
  const [weight, u, v] = ['orig', 'u', 'v'].map((part) => fieldOf(module, `${name}_${part}`) as Tensor) as [Tensor, Tensor, Tensor];
  const matrix = asMatrix(weight, dim);
  if (iterate) {
    withGradMode(false, () => {
      for (let i = 0; i < iterations; i++) {
        v.copy_(unit(mv(matrix.t(), u), eps));
        u.copy_(unit(mv(matrix, v), eps));
      }
    });
  }
  // Copies, since the next forward writes over these while gradients of this one may still be to come.
  setComputed(module, name, weight.div(sigmaOf(matrix, u.clone(), v.clone())));
}

/**
 * Divides a weight by its largest singular value before every forward, found by steps of the power method in training
 * (https://pytorch.org/docs/stable/generated/torch.nn.utils.spectral_norm.html). State dicts have `weight_orig`, `weight_u` and `weight_v`.
 * {@link removeSpectralNorm} undoes it; the newer form is `nn.utils.parametrizations.spectralNorm`.
 * @param dim the dimension of the outputs: 0 by default, 1 of transposed convolutions
 * @throws ArgumentError where there is no such parameter, or it is normalised already
 * @example
 * import { nn } from 'flambeau';
 * const layer = nn.utils.spectralNorm(new nn.Linear(20, 40));
 * console.log([...layer.stateDict().keys()].join()); // bias,weight_orig,weight_u,weight_v
 */
export function spectralNorm<M extends ModuleBase>(
  module: M | SpectralNormCall<M>,
  name?: string | Rest,
  nPowerIterations?: number | Rest,
  eps?: number | Rest,
  dim?: number | null | Rest,
): M;
export function spectralNorm(...args: readonly unknown[]): ModuleBase {
  const { module, name = 'weight', nPowerIterations = 1, eps = 1e-12, dim } = readCall(SPECTRAL, args);
  if (found(module, name) !== undefined) throw new ArgumentError(`spectralNorm: '${name}' of ${module.typeName()} is normalised already`);
  const weight = parameterAt('spectralNorm', module, name);
  if (weight.ndim === 0) throw new ShapeError(`spectralNorm: '${name}' has no dimensions`);
  const norm = new SpectralNormHook(name, nPowerIterations, eps, existingDim('spectralNorm', dim ?? outputDim(module), weight.ndim));
  withGradMode(false, () => {
    const [rows, columns] = asMatrix(weight.detach(), norm.dim).layout.shape as [number, number];
    const u = randomUnit(rows, weight, eps);
    const v = randomUnit(columns, weight, eps);
    takeOut(module, name);
    module.registerParameter(`${name}_orig`, weight);
    setComputed(module, name, weight.detach());
    module.registerBuffer(`${name}_u`, u);
    module.registerBuffer(`${name}_v`, v);
  });
  compute(module, norm, (of) => recompute(of, norm, of.training));
  return module;
}

const found = (module: ModuleBase, name: string): ReturnType<typeof computingHooks>[number] | undefined =>
  computingHooks(module).find(({ of }) => of instanceof SpectralNormHook && of.name === name);

/**
 * Makes the weight a parameter again (https://pytorch.org/docs/stable/generated/torch.nn.utils.remove_spectral_norm.html).
 * @throws ArgumentError where it is not normalised
 */
export function removeSpectralNorm<M extends ModuleBase>(module: M | { module: M; name?: string }, name?: string | { name?: string }): M;
export function removeSpectralNorm(...args: readonly unknown[]): ModuleBase {
  const { module, name = 'weight' } = readCall(REMOVE, args);
  const hook = found(module, name);
  if (hook === undefined)
    throw new ArgumentError(`removeSpectralNorm: '${name}' of ${module.typeName()} is not normalised by spectralNorm`);
  withGradMode(false, () => recompute(module, hook.of as SpectralNormHook, false));
  const weight = fieldOf(module, name) as Tensor;
  for (const taken of ['', '_u', '_v', '_orig']) takeOut(module, name + taken);
  stopComputing(module, hook);
  module.registerParameter(name, new Parameter(weight.detach()));
  return module;
}
