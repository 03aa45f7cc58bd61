/**
 * Determinants, inverses, systems of equations, Cholesky's factor (https://pytorch.org/docs/stable/linalg.html): computed on the host in float64
 * (`host.ts`), with gradients of tensor operations.
 */
import { BOOL, kind, requireKind } from '../../base/arguments.ts';
import { LinAlgError, ShapeError } from '../../base/errors.ts';
import { readCall, signature } from '../../base/signature.ts';
import { sameDims, showShape } from '../../base/shape.ts';
import { TENSOR } from '../arguments.ts';
import { CustomFunction, type FunctionCtx } from '../custom-function.ts';
import { zerosLike } from '../create.ts';
import { eye } from '../ranges.ts';
import type { Tensor } from '../tensor.ts';
import { diagEmbed, diagonal, tril, triu } from '../rearrange.ts';
import { broadcastShapes } from '../queries.ts';
import { choleskyOf, luOf, solveLu, substitute, type Lu } from './elimination.ts';
import { batchOf, matricesOf, newMatrix, requireMatrices, tensorOf, type Matrix } from './host.ts';
import { named, type Named } from './named.ts';

const singular = (op: string, i: number, batch: readonly number[]): LinAlgError =>
  new LinAlgError(
    `${op}: ${batch.length === 0 ? 'the matrix' : `matrix ${i} of the batch`} is singular, so there is no inverse; use linalg.pinv or linalg.lstsq`,
  );

class InverseFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor): Tensor {
    const batch = batchOf(x);
    const parts = matricesOf(x).map((a, i) => {
      const lu = luOf(a);
      if (lu.singular) throw singular('linalg.inv', i, batch);
      const one = newMatrix(a.n, a.n);
      for (let k = 0; k < a.n; k++) one.a[k * a.n + k] = 1;
      return solveLu(lu, one).a;
    });
    const result = tensorOf(parts, x.layout.shape, x);
    ctx.saveForBackward(result);
    return result;
  }
  static backward(ctx: FunctionCtx, grad: Tensor): Tensor {
    const [inverse] = ctx.savedTensors;
    const t = inverse!.mT;
    return t.matmul(grad).matmul(t).neg();
  }
}

/**
 * The inverse of a square matrix, or of each of a batch (https://pytorch.org/docs/stable/generated/torch.linalg.inv.html).
 * @throws LinAlgError for a singular matrix
 * @example
 * import { linalg, tensor } from 'flambeau';
 * console.log(linalg.inv(tensor([[2, 0], [0, 4]])).tolist()); // [ [ 0.5, 0 ], [ 0, 0.25 ] ]
 */
export function inv(x: Tensor): Tensor {
  requireMatrices('linalg.inv', x, true);
  return InverseFunction.apply(x);
}

interface SolveCall {
  B: Tensor;
  left?: boolean;
}
const SOLVE = signature<SolveCall>('linalg.solve', { B: TENSOR, left: BOOL }, { required: 1, positional: 1 });

class SolveFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, a: Tensor, b: Tensor): Tensor {
    const batch = batchOf(a);
    const right = matricesOf(b);
    const parts = matricesOf(a).map((matrix, i) => {
      const lu = luOf(matrix);
      if (lu.singular) throw singular('linalg.solve', i, batch);
      return solveLu(lu, right[i]!).a;
    });
    const x = tensorOf(parts, b.layout.shape, b);
    ctx.saveForBackward(a, x);
    return x;
  }
  static backward(ctx: FunctionCtx, grad: Tensor): Tensor[] {
    const [a, x] = ctx.savedTensors as [Tensor, Tensor];
    const gradB = SolveFunction.apply(a.mT.contiguous(), grad.contiguous());
    return [gradB.matmul(x.mT).neg(), gradB];
  }
}

/** Two batches of matrices of one batch shape. */
function together(op: string, a: Tensor, b: Tensor): [Tensor, Tensor] {
  const batch = broadcastShapes(batchOf(a), batchOf(b));
  if (a.dtype !== b.dtype) throw new ShapeError(`${op}: expected two tensors of one dtype, but got ${a.dtype} and ${b.dtype}`);
  return [a, b].map((x) => x.expand([...batch, ...x.layout.shape.slice(-2)])) as [Tensor, Tensor];
}

/**
 * X of A·X = B for a square A, or of X·A = B with `left: false`; a vector B, or a batch of them beside a batch of matrices, gives vectors
 * (https://pytorch.org/docs/stable/generated/torch.linalg.solve.html).
 * @throws LinAlgError for a singular matrix
 */
export function solve(A: Tensor, B: Tensor | SolveCall, options?: Omit<SolveCall, 'B'>): Tensor;
export function solve(A: Tensor, ...args: readonly unknown[]): Tensor {
  const op = 'linalg.solve';
  const { B, left = true } = readCall<SolveCall>(SOLVE, args);
  requireMatrices(op, A, true);
  const isVector = B.ndim === 1 || (B.ndim === A.ndim - 1 && sameDims(B.layout.shape, A.layout.shape.slice(0, -1)));
  if (!isVector) requireMatrices(op, B);
  const columns = isVector ? B.unsqueeze(-1) : left ? B : B.mT;
  const size = A.layout.shape.at(-1)!;
  if (columns.layout.shape.at(-2) !== size)
    throw new ShapeError(
      `${op}: expected ${left ? 'rows' : 'columns'} of B as many as those of A, ${size}, but got shapes ${showShape(A.layout.shape)} and ${showShape(B.layout.shape)}`,
    );
  const [a, b] = together(op, left || isVector ? A : A.mT, columns);
  const x = SolveFunction.apply(a, b);
  return isVector ? x.squeeze(-1) : left ? x : x.mT;
}

interface TriangularCall {
  upper: boolean;
  left?: boolean;
  unitriangular?: boolean;
}
const TRIANGULAR = signature<TriangularCall>(
  'linalg.solveTriangular',
  { upper: BOOL, left: BOOL, unitriangular: BOOL },
  { required: 1, positional: 0, example: 'linalg.solveTriangular(A, B, { upper: true })' },
);

class TriangularFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, a: Tensor, b: Tensor, upper: boolean, unit: boolean): Tensor {
    const right = matricesOf(b);
    const parts = matricesOf(a).map((matrix, i) => {
      substitute(matrix, right[i]!, upper, unit);
      return right[i]!.a;
    });
    const x = tensorOf(parts, b.layout.shape, b);
    ctx.saveForBackward(a, x);
    ctx['upper'] = upper;
    ctx['unit'] = unit;
    return x;
  }
  static backward(ctx: FunctionCtx, grad: Tensor): (Tensor | null)[] {
    const [a, x] = ctx.savedTensors as [Tensor, Tensor];
    const [upper, unit] = [ctx['upper'] as boolean, ctx['unit'] as boolean];
    const gradB = TriangularFunction.apply(a.mT, grad, !upper, unit);
    const full = gradB.matmul(x.mT).neg();
    return [upper ? triu(full, unit ? 1 : 0) : tril(full, unit ? -1 : 0), gradB, null, null];
  }
}

/**
 * X of A·X = B for a triangular A, of which only one triangle is looked at; X·A = B with `left: false`
 * (https://pytorch.org/docs/stable/generated/torch.linalg.solve_triangular.html).
 */
export function solveTriangular(A: Tensor, B: Tensor, options: TriangularCall): Tensor {
  const op = 'linalg.solveTriangular';
  const { upper, left = true, unitriangular = false } = readCall<TriangularCall>(TRIANGULAR, [options]);
  requireMatrices(op, A, true);
  requireMatrices(op, B);
  const size = A.layout.shape.at(-1)!;
  if (B.layout.shape.at(left ? -2 : -1) !== size)
    throw new ShapeError(
      `${op}: expected ${left ? 'rows' : 'columns'} of B as many as those of A, ${size}, but got shapes ${showShape(A.layout.shape)} and ${showShape(B.layout.shape)}`,
    );
  const [a, b] = together(op, left ? A : A.mT, left ? B : B.mT);
  const x = TriangularFunction.apply(a, b, left ? upper : !upper, unitriangular);
  return left ? x : x.mT;
}

class CholeskyFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor): Tensor {
    const parts = matricesOf(x).map((a, i) => {
      const found = choleskyOf(a);
      if (typeof found !== 'number') return found.a;
      throw new LinAlgError(
        `linalg.cholesky: ${x.ndim === 2 ? 'the matrix' : `matrix ${i} of the batch`} is not positive-definite: its leading minor of order ${found} is not`,
      );
    });
    const result = tensorOf(parts, x.layout.shape, x);
    ctx.saveForBackward(result);
    return result;
  }
  static backward(ctx: FunctionCtx, grad: Tensor): Tensor {
    const [l] = ctx.savedTensors as [Tensor];
    const inner = tril(l.mT.matmul(grad));
    const phi = inner.sub(diagEmbed(diagonal(inner, 0, -2, -1)).mul(0.5));
    const symmetric = phi.add(phi.mT).mul(0.5);
    const half = TriangularFunction.apply(l.mT, symmetric, true, false); // L⁻ᵀ·S
    return TriangularFunction.apply(l.mT, half.mT.contiguous(), true, false).mT;
  }
}

const CHOLESKY = signature<{ upper?: boolean }>('linalg.cholesky', { upper: BOOL }, { positional: 0 });
/**
 * The lower triangle L with L·Lᵀ = A of a symmetric positive-definite A, whose lower triangle is looked at; the upper one with `upper`
 * (https://pytorch.org/docs/stable/generated/torch.linalg.cholesky.html).
 * @throws LinAlgError for a matrix that is not positive-definite
 */
export function cholesky(x: Tensor, options?: { readonly upper?: boolean }): Tensor;
export function cholesky(x: Tensor, ...args: readonly unknown[]): Tensor {
  const { upper = false } = readCall(CHOLESKY, args);
  requireMatrices('linalg.cholesky', x, true);
  return upper ? CholeskyFunction.apply(x.mT).mT : CholeskyFunction.apply(x);
}

const signAndLog = ({ lu, sign, singular: zero }: Lu): { sign: number; log: number; det: number } => {
  let [det, log, signs] = [sign, 0, sign];
  for (let i = 0; i < lu.n; i++) {
    const pivot = lu.a[i * lu.n + i]!;
    det *= pivot;
    log += Math.log(Math.abs(pivot));
    signs *= Math.sign(pivot);
  }
  return { sign: zero ? 0 : signs, log: zero ? -Infinity : log, det };
};

/** What a determinant's gradient is made of: the matrix of cofactors, transposed where the matrix is regular from its inverse. */
function cofactors(x: Tensor, det: Tensor): Tensor {
  if (det.detach().eq(0).any().item() === 0) return inv(x).mT.mul(det.unsqueeze(-1).unsqueeze(-1));
  return tensorOf(matricesOf(x).map(cofactorsOf), x.layout.shape, x);
}

/** Cofactors of a matrix that may be singular, each the determinant of a minor. */
function cofactorsOf({ n, a }: Matrix): Float64Array {
  const out = new Float64Array(n * n);
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < n; column++) {
      const minor = newMatrix(n - 1, n - 1);
      let at = 0;
      for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) if (i !== row && j !== column) minor.a[at++] = a[i * n + j]!;
      out[row * n + column] = ((row + column) % 2 === 0 ? 1 : -1) * signAndLog(luOf(minor)).det;
    }
  }
  return out;
}

class DetFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor): Tensor {
    const det = tensorOf(
      matricesOf(x).map((a) => [signAndLog(luOf(a)).det]),
      batchOf(x),
      x,
    );
    ctx.saveForBackward(x, det);
    return det;
  }
  static backward(ctx: FunctionCtx, grad: Tensor): Tensor {
    const [x, det] = ctx.savedTensors as [Tensor, Tensor];
    return cofactors(x, det).mul(grad.unsqueeze(-1).unsqueeze(-1));
  }
}

/** The determinant of a square matrix, or of each of a batch (https://pytorch.org/docs/stable/generated/torch.linalg.det.html). */
export function det(x: Tensor): Tensor {
  requireMatrices('linalg.det', x, true);
  return DetFunction.apply(x);
}

class SlogdetFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor): Tensor[] {
    const found = matricesOf(x).map((a) => signAndLog(luOf(a)));
    const sign = tensorOf(
      found.map((one) => [one.sign]),
      batchOf(x),
      x,
    );
    ctx.saveForBackward(x);
    return [
      sign,
      tensorOf(
        found.map(({ log }) => [log]),
        batchOf(x),
        x,
      ),
    ];
  }
  static backward(ctx: FunctionCtx, _sign: Tensor, grad: Tensor): Tensor {
    const [x] = ctx.savedTensors as [Tensor];
    return inv(x).mT.mul(grad.unsqueeze(-1).unsqueeze(-1));
  }
}

/** The sign of a determinant and the logarithm of its magnitude (https://pytorch.org/docs/stable/generated/torch.linalg.slogdet.html). */
export function slogdet(x: Tensor): Named<['sign', 'logabsdet']> {
  requireMatrices('linalg.slogdet', x, true);
  return named(['sign', 'logabsdet'], SlogdetFunction.apply(x));
}

/** The logarithm of the determinant: NaN where that is negative (https://pytorch.org/docs/stable/generated/torch.logdet.html). */
export function logdet(x: Tensor): Tensor {
  requireMatrices('logdet', x, true);
  const [sign, log] = SlogdetFunction.apply(x) as [Tensor, Tensor];
  return log.maskedFill(sign.lt(0), NaN);
}

const UPPER = signature<{ upper?: boolean }>('choleskySolve', { upper: BOOL });
/** X of A·X = B by Cholesky's factor of A (https://pytorch.org/docs/stable/generated/torch.cholesky_solve.html). */
export function choleskySolve(B: Tensor, L: Tensor, ...args: readonly [upper?: boolean | { readonly upper?: boolean }]): Tensor {
  requireMatrices('choleskySolve', B, false);
  requireMatrices('choleskySolve', L, true);
  const { upper = false } = readCall(UPPER, args);
  const lower = upper ? L.mT : L;
  return solveTriangular(lower.mT, solveTriangular(lower, B, { upper: false }), { upper: true });
}

const UPPER_INVERSE = signature<{ upper?: boolean }>('choleskyInverse', { upper: BOOL });
/** The inverse of a matrix by Cholesky's factor of it (https://pytorch.org/docs/stable/generated/torch.cholesky_inverse.html). */
export function choleskyInverse(L: Tensor, ...args: readonly [upper?: boolean | { readonly upper?: boolean }]): Tensor {
  const { upper = false } = readCall(UPPER_INVERSE, args);
  requireMatrices('choleskyInverse', L, true);
  const one = zerosLike(L)
    .detach()
    .add(eye(L.layout.shape.at(-1)!, { dtype: L.dtype, device: L.device }));
  return choleskySolve(one, L, upper);
}

const COUNT = kind('a whole number above 0', (value) => Number.isSafeInteger(value) && (value as number) > 0);
/** The inverse of a tensor seen as a matrix of its first `ind` dimensions and the others (https://pytorch.org/docs/stable/generated/torch.linalg.tensorinv.html). */
export function tensorinv(x: Tensor, ind = 2): Tensor {
  requireKind('linalg.tensorinv', 'the input', x, TENSOR);
  requireKind('linalg.tensorinv', 'ind', ind, COUNT);
  const { shape } = x.layout;
  const [first, last] = [shape.slice(0, ind), shape.slice(ind)];
  const size = (dims: readonly number[]): number => dims.reduce((n, d) => n * d, 1);
  if (size(first) !== size(last))
    throw new ShapeError(
      `linalg.tensorinv: expected the first ${ind} dimensions to have as many elements as the others, but got shape ${showShape(shape)}`,
    );
  return inv(x.reshape([size(first), size(last)])).reshape([...last, ...first]);
}
