/** The normal distribution of vectors whose elements go together (https://pytorch.org/docs/stable/distributions.html#multivariatenormal). */
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import type { Dims } from '../base/shape.ts';
import { TENSOR } from '../tensor/arguments.ts';
import { randn } from '../tensor/create.ts';
import { eye } from '../tensor/ranges.ts';
import { broadcastShapes } from '../tensor/queries.ts';
import { flip } from '../tensor/rearrange.ts';
import { cholesky, solveTriangular } from '../tensor/linalg-functions.ts';
import type { Tensor } from '../tensor/tensor.ts';
import '../tensor/families/rearrange.ts';
import { Distribution, VALIDATE, type DistributionOptions } from './distribution.ts';
import { likeOf } from './continuous.ts';
import { LOWER_CHOLESKY, REAL_VECTOR, type Support } from './support.ts';

interface MultivariateCall extends DistributionOptions {
  readonly loc: Tensor;
  readonly covarianceMatrix?: Tensor;
  readonly precisionMatrix?: Tensor;
  /** The lower triangular factor of the covariances. */
  readonly scaleTril?: Tensor;
}
type Rest<K extends keyof MultivariateCall> = Omit<MultivariateCall, K>;
export type MultivariateArguments =
  [loc: Tensor, covarianceMatrix: Tensor | Rest<'loc'>, rest?: DistributionOptions] | [call: MultivariateCall];
const MULTIVARIATE = /* @__PURE__ */ signature<MultivariateCall>(
  'MultivariateNormal',
  { loc: TENSOR, covarianceMatrix: TENSOR, precisionMatrix: TENSOR, scaleTril: TENSOR, ...VALIDATE },
  { required: 1, example: 'new MultivariateNormal(zeros(2), eye(2))' },
);
const MATRICES = ['covarianceMatrix', 'precisionMatrix', 'scaleTril'] as const;

/** The triangular factor of the inverse of a matrix. */
function factorOfInverse(precision: Tensor): Tensor {
  const turned = flip(cholesky(flip(precision, [-2, -1])), [-2, -1]).transpose(-2, -1);
  return solveTriangular(turned, eye(precision.layout.shape.at(-1)!, likeOf(precision)), { upper: false });
}

/** ‖L⁻¹x‖² of each vector. */
export const squaredDistance = (factor: Tensor, x: Tensor): Tensor => {
  const batch = broadcastShapes(factor.layout.shape.slice(0, -2), x.layout.shape.slice(0, -1));
  const n = x.layout.shape.at(-1)!;
  return solveTriangular(factor.expand([...batch, n, n]), x.expand([...batch, n]).unsqueeze(-1), { upper: false })
    .pow(2)
    .sum(-2)
    .squeeze(-1);
};
/** Half the logarithm of the covariances' determinant. */
export const halfLogDet = (factor: Tensor): Tensor => factor.diagonal(0, -2, -1).log().sum(-1);

/**
 * Normal vectors around `loc`, with one of `covarianceMatrix`, `precisionMatrix` and `scaleTril`. Draws are PyTorch's.
 * @throws ArgumentError unless exactly one of the matrices is given
 * @throws ShapeError for a `loc` without dimensions, a matrix with fewer than two
 * @example
 * import { eye, zeros } from 'flambeau';
 * import { MultivariateNormal } from 'flambeau/distributions';
 * console.log(new MultivariateNormal(zeros(2), eye(2)).logProb(zeros(3, 2)).shape); // [ 3 ]
 */
export class MultivariateNormal extends Distribution {
  readonly loc: Tensor;
  /** @internal As it was given or found, before batches are spread. */
  readonly factor: Tensor;
  override readonly hasRsample: boolean = true;
  readonly #given: Readonly<Record<string, Tensor>>;

  constructor(...args: MultivariateArguments) {
    const { validateArgs, loc, ...matrices } = readCall(MULTIVARIATE, args);
    const given = MATRICES.filter((name) => matrices[name] !== undefined);
    if (given.length !== 1)
      throw new ArgumentError(
        `MultivariateNormal: expected one of covarianceMatrix, precisionMatrix and scaleTril, but got ${given.length === 0 ? 'none' : given.join(' and ')}`,
      );
    const [name] = given as [(typeof MATRICES)[number]];
    const matrix = matrices[name]!;
    if (loc.ndim < 1) throw new ShapeError('MultivariateNormal: expected loc with at least one dimension, but got a number');
    if (matrix.ndim < 2) throw new ShapeError(`MultivariateNormal: expected ${name} with at least two dimensions, but got ${matrix.ndim}`);
    const batch = broadcastShapes(matrix.layout.shape.slice(0, -2), loc.layout.shape.slice(0, -1));
    const event = loc.layout.shape.slice(-1);
    super(batch, event, validateArgs === undefined ? {} : { validateArgs });
    this.loc = loc.expand([...batch, ...event]);
    this.require('loc', loc, REAL_VECTOR);
    if (name === 'scaleTril') this.require('scaleTril', matrix, LOWER_CHOLESKY);
    this.factor = name === 'scaleTril' ? matrix : name === 'covarianceMatrix' ? cholesky(matrix) : factorOfInverse(matrix);
    this.#given = { [PRINTED[name]]: matrix.expand([...batch, ...event, ...event]) };
  }
  get support(): Support {
    return REAL_VECTOR;
  }
  protected parameters(): Readonly<Record<string, Tensor>> {
    return { loc: this.loc, ...this.#given };
  }
  #spread(matrix: Tensor): Tensor {
    return matrix.expand([...this.batchShape, ...this.eventShape, ...this.eventShape]);
  }
  get scaleTril(): Tensor {
    return this.#given['scale_tril'] ?? this.#spread(this.factor);
  }
  get covarianceMatrix(): Tensor {
    return this.#given['covariance_matrix'] ?? this.#spread(this.factor.matmul(this.factor.transpose(-2, -1)));
  }
  get precisionMatrix(): Tensor {
    const found = this.#given['precision_matrix'];
    if (found !== undefined) return found;
    const inverse = solveTriangular(this.factor, eye(this.eventShape[0]!, likeOf(this.factor)), { upper: false });
    return this.#spread(inverse.transpose(-2, -1).matmul(inverse));
  }
  expand(batchShape: Dims): MultivariateNormal {
    const loc = this.loc.expand([...batchShape, ...this.eventShape]);
    return new MultivariateNormal({ loc, scaleTril: this.factor, validateArgs: false });
  }
  override get mean(): Tensor {
    return this.loc;
  }
  override get mode(): Tensor {
    return this.loc;
  }
  override get variance(): Tensor {
    return this.factor
      .pow(2)
      .sum(-1)
      .expand([...this.batchShape, ...this.eventShape]);
  }
  protected draw(sampleShape: Dims): Tensor {
    const eps = randn(this.extended(sampleShape), likeOf(this.loc));
    return this.loc.add(this.factor.matmul(eps.unsqueeze(-1)).squeeze(-1));
  }
  protected logDensity(value: Tensor): Tensor {
    const squares = squaredDistance(this.factor, value.sub(this.loc));
    return squares
      .add(this.eventShape[0]! * Math.log(2 * Math.PI))
      .mul(-0.5)
      .sub(halfLogDet(this.factor));
  }
  override entropy(): Tensor {
    const all = halfLogDet(this.factor).add(0.5 * this.eventShape[0]! * (1 + Math.log(2 * Math.PI)));
    return this.batchShape.length === 0 ? all : all.expand([...this.batchShape]);
  }
}
const PRINTED = { covarianceMatrix: 'covariance_matrix', precisionMatrix: 'precision_matrix', scaleTril: 'scale_tril' } as const;
