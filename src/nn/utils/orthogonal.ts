/** Weights that stay orthogonal (PyTorch: `torch.nn.utils.parametrizations.orthogonal`). */
import { BOOL, oneOf, orNull } from '../../base/arguments.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { sameDims, showShape } from '../../base/shape.ts';
import { readCall, signature } from '../../base/signature.ts';
import { randn } from '../../tensor/create.ts';
import { cat } from '../../tensor/functions.ts';
import { qr } from '../../tensor/matrices/factors.ts';
import { householderProduct, matrixExp } from '../../tensor/matrices/products.ts';
import { solve } from '../../tensor/matrices/solving.ts';
import { eye } from '../../tensor/ranges.ts';
import { diagonal, tril } from '../../tensor/rearrange.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ModuleBase } from '../module-base.ts';
import { Module } from '../module.ts';
import { MODULE, NAME, tensorAt } from './computed.ts';
import { registerParametrization, type Parametrized } from './parametrize.ts';

type OrthogonalMap = 'matrixExp' | 'cayley' | 'householder';

const sizesOf = (x: Tensor): [n: number, k: number] => x.layout.shape.slice(-2) as [number, number];

/** Q of QR, with the signs that make R's diagonal positive. */
function madeOrthogonal(x: Tensor): Tensor {
  const { Q, R } = qr(x);
  return Q.mul(diagonal(R, 0, -2, -1).sgn().unsqueeze(-2));
}

/** Whether the columns are orthogonal, as far as the dtype tells. */
function isOrthogonal(q: Tensor): boolean {
  const [n, k] = sizesOf(q);
  const one = eye(k, { dtype: q.dtype, device: q.device }) as Tensor;
  const tolerance = 10 * n * (q.dtype === 'float64' ? 2 ** -52 : 2 ** -23);
  return q.mT.matmul(q).sub(one).abs().le(tolerance).all().item() !== 0;
}

class OrthogonalFunction extends Module<(x: Tensor) => Tensor> {
  private readonly _map: OrthogonalMap;
  private readonly _shape: readonly number[];
  private readonly _based: boolean;
  /** What the free matrix is multiplied by, so that it begins near the identity. */
  declare base: Tensor | null;

  constructor(weight: Tensor, map: OrthogonalMap, useTrivialization: boolean) {
    super();
    this._map = map;
    this._shape = weight.layout.shape;
    this._based = useTrivialization;
    if (useTrivialization) this.registerBuffer('base', null);
  }

  override typeName(): string {
    return '_Orthogonal';
  }

  override forward(given: Tensor): Tensor {
    const wide = sizesOf(given)[0] < sizesOf(given)[1];
    const x = wide ? given.mT : given;
    let q = this._map === 'householder' ? reflected(x) : rotated(x, this._map);
    if (this._based && this.base !== null) q = this.base.matmul(q);
    return wide ? q.mT : q;
  }

  /** The base becomes the given matrix, made orthogonal, and the free matrix −1: its diagonal is what reflections are multiplied by. */
  rightInverse(value: Tensor): Tensor {
    if (!sameDims(value.layout.shape, this._shape))
      throw new ShapeError(`orthogonal: expected a tensor of shape ${showShape(this._shape)}, but got ${showShape(value.layout.shape)}`);
    const wide = sizesOf(value)[0] < sizesOf(value)[1];
    const q = wide ? value.mT : value;
    const [n, k] = sizesOf(q);
    if (!this._based)
      throw new ArgumentError('orthogonal: with useTrivialization false, nothing can be assigned to the weight; change its original');
    const batch = q.layout.shape.slice(0, -2);
    if (n === k) this.base = isOrthogonal(q) ? q.clone() : madeOrthogonal(q);
    else this.base = madeOrthogonal(cat([q, randn([...batch, n, n - k], { dtype: q.dtype }).to(q.device)], -1));
    const [rows, columns] = sizesOf(value);
    return value.newZeros(this._shape).sub(eye(rows, columns, { dtype: value.dtype, device: value.device }));
  }
}

/** The exponential of a skew-symmetric matrix, or Cayley's map of it. */
function rotated(given: Tensor, map: 'matrixExp' | 'cayley'): Tensor {
  const [n, k] = sizesOf(given);
  const lower = tril(given);
  const x = n === k ? lower : cat([lower, given.newZeros([...given.layout.shape.slice(0, -2), n, n - k])], -1);
  const a = x.sub(x.mT);
  const one = eye(n, { dtype: a.dtype, device: a.device }) as Tensor;
  const q = map === 'matrixExp' ? matrixExp(a) : solve(one.sub(a.mul(0.5)), one.add(a.mul(0.5)));
  return n === k ? q : q.narrow(-1, 0, k);
}

/** A product of reflections. */
function reflected(x: Tensor): Tensor {
  const a = tril(x, -1);
  const tau = a.square().sum(-2).add(1).reciprocal().mul(2);
  return householderProduct(a, tau).mul(diagonal(x, 0, -2, -1).trunc().unsqueeze(-2));
}

interface OrthogonalCall<M = ModuleBase> {
  module: M;
  name?: string;
  orthogonalMap?: OrthogonalMap | null;
  useTrivialization?: boolean;
}
type OrthogonalRest = Omit<OrthogonalCall, 'module'>;
const ORTHOGONAL = signature<OrthogonalCall>(
  'orthogonal',
  { module: MODULE, name: NAME, orthogonalMap: orNull(oneOf('matrixExp', 'cayley', 'householder')), useTrivialization: BOOL },
  { required: 1, positional: 3, example: 'nn.utils.parametrizations.orthogonal(layer)' },
);

/**
 * A weight whose columns, or rows where there are fewer, stay orthogonal, whatever an optimizer does to its original
 * (https://pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.orthogonal.html).
 * @param orthogonalMap `'matrixExp'` (of square weights the default), `'cayley'` or `'householder'`
 * @throws ShapeError for a weight of fewer than two dimensions
 * @example
 * import { eye, nn } from 'flambeau';
 * const layer = nn.utils.parametrizations.orthogonal(new nn.Linear(3, 3));
 * const away = layer.weight.matmul(layer.weight.t()).sub(eye(3)).abs().max().item();
 * if (away > 1e-5) throw new Error('an orthogonal weight');
 */
export function orthogonal<M extends ModuleBase>(
  module: M | OrthogonalCall<M>,
  name?: string | OrthogonalRest,
  orthogonalMap?: OrthogonalMap | null | OrthogonalRest,
  options?: OrthogonalRest,
): M & Parametrized;
export function orthogonal(...args: readonly unknown[]): ModuleBase {
  const { module, name = 'weight', orthogonalMap, useTrivialization = true } = readCall(ORTHOGONAL, args);
  const weight = tensorAt('orthogonal', module, name);
  if (weight.ndim < 2)
    throw new ShapeError(`orthogonal: expected a weight of at least two dimensions, but got shape ${showShape(weight.layout.shape)}`);
  const [n, k] = sizesOf(weight);
  const map = orthogonalMap ?? (n === k ? 'matrixExp' : 'householder');
  if (!useTrivialization && map === 'householder')
    throw new ArgumentError("orthogonal: expected useTrivialization for the map 'householder'; leave it out, or use 'matrixExp'");
  const made = new OrthogonalFunction(weight, map, useTrivialization);
  // Without a base the original is the weight as it is, of which nothing is asked.
  if (!useTrivialization) Object.defineProperty(made, 'rightInverse', { value: undefined });
  return registerParametrization(module, name, made, { unsafe: true });
}
