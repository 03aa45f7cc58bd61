/**
 * Orthogonal factors of matrices, and what is made of them (https://pytorch.org/docs/stable/linalg.html): computed on the host in float64
 * (`rotations.ts`), with gradients of tensor operations.
 */
import { BOOL, FINITE, oneOf, orNull } from '../../base/arguments.ts';
import { ArgumentError, AutogradError, ShapeError } from '../../base/errors.ts';
import { showShape } from '../../base/shape.ts';
import { readCall, signature } from '../../base/signature.ts';
import { TENSOR, TENSOR_OR_NUMBER } from '../arguments.ts';
import type { Call } from '../calls.ts';
import { zeros } from '../create.ts';
import { CustomFunction, type FunctionCtx } from '../custom-function.ts';
import { cat, maximum } from '../functions.ts';
import { isTensor } from '../is-tensor.ts';
import { eye } from '../ranges.ts';
import { diagEmbed, tril, triu } from '../rearrange.ts';
import type { Tensor } from '../tensor.ts';
import { batchOf, matricesOf, requireMatrices, tensorOf } from './host.ts';
import { named, type Named } from './named.ts';
import { eighOf, qrOf, svdOf } from './rotations.ts';
import { solveTriangular } from './solving.ts';

// ---- QR

class QrFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor, complete: boolean): Tensor[] {
    const found = matricesOf(x).map((a) => qrOf(a, complete));
    const [m, n] = x.layout.shape.slice(-2) as [number, number];
    const k = complete ? m : Math.min(m, n);
    const q = tensorOf(
      found.map((one) => one.q.a),
      [...batchOf(x), m, k],
      x,
    );
    const r = tensorOf(
      found.map((one) => one.r.a),
      [...batchOf(x), k, n],
      x,
    );
    ctx.saveForBackward(q, r);
    ctx['complete'] = complete && m !== n;
    return [q, r];
  }
  static backward(ctx: FunctionCtx, gradQ: Tensor, gradR: Tensor): (Tensor | null)[] {
    const [q, r] = ctx.savedTensors as [Tensor, Tensor];
    const [k, n] = r.layout.shape.slice(-2) as [number, number];
    if (ctx['complete'] === true)
      throw new AutogradError("linalg.qr: with mode 'complete' there is a gradient of square matrices only; use mode 'reduced'");
    if (k === n) return [qrGradient(q, r, gradQ, gradR), null];
    // A wide matrix is [X Y]: X = Q·U is square, Y = Q·V.
    const [u, gradU] = [r, gradR].map((t) => t.narrow(-1, 0, k)) as [Tensor, Tensor];
    const gradV = gradR.narrow(-1, k, n - k);
    const y = q.matmul(r.narrow(-1, k, n - k));
    const gradX = qrGradient(q, u, gradQ.add(y.matmul(gradV.mT)), gradU);
    return [catColumns(gradX, q.matmul(gradV)), null];
  }
}

/** Two matrices side by side. */
const catColumns = (x: Tensor, y: Tensor): Tensor => cat([x, y], -1);

/** Of R·gRᵀ − gQᵀ·Q the lower triangle is taken twice, once transposed. */
function qrGradient(q: Tensor, r: Tensor, gradQ: Tensor, gradR: Tensor): Tensor {
  const m = gradR.matmul(r.mT).sub(q.mT.matmul(gradQ));
  const symmetric = triu(m).mT.add(triu(m, 1));
  const inner = gradQ.add(q.matmul(symmetric));
  return solveTriangular(r, inner.mT, { upper: true }).mT;
}

const MODE = oneOf('reduced', 'complete', 'r');
type QrMode = 'reduced' | 'complete' | 'r';
const QR = signature<{ mode?: QrMode }>('linalg.qr', { mode: MODE });
/**
 * A = Q·R with Q orthogonal and R an upper triangle (https://pytorch.org/docs/stable/generated/torch.linalg.qr.html), with the signs that
 * LAPACK gives. With mode `'r'`, Q is empty.
 * @example
 * import { linalg, randn } from 'flambeau';
 * const a = randn(4, 3);
 * const { Q, R } = linalg.qr(a);
 * if (Q.matmul(R).sub(a).abs().max().item() > 1e-5) throw new Error('the matrix');
 */
export function qr(x: Tensor, mode?: QrMode | { readonly mode?: QrMode }): Named<['Q', 'R']>;
export function qr(x: Tensor, ...args: readonly unknown[]): Named<['Q', 'R']> {
  const { mode = 'reduced' } = readCall(QR, args);
  requireMatrices('linalg.qr', x);
  if (mode === 'r' && x.requiresGrad)
    throw new AutogradError("linalg.qr: with mode 'r' there is no gradient, which needs Q; use mode 'reduced'");
  const [q, r] = QrFunction.apply(x, mode === 'complete') as [Tensor, Tensor];
  return named(['Q', 'R'], [mode === 'r' ? x.newZeros([0]) : q, r]);
}

// ---- eigenvalues

class EighFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor, upper: boolean): Tensor[] {
    const found = matricesOf(x).map((a) => {
      const whole = { ...a, a: a.a.slice() };
      for (let i = 0; i < a.n; i++)
        for (let j = 0; j < i; j++) {
          const value = a.a[upper ? j * a.n + i : i * a.n + j]!;
          whole.a[i * a.n + j] = whole.a[j * a.n + i] = value;
        }
      return eighOf(whole);
    });
    const values = tensorOf(
      found.map((one) => one.values),
      x.layout.shape.slice(0, -1),
      x,
    );
    const vectors = tensorOf(
      found.map((one) => one.vectors.a),
      x.layout.shape,
      x,
    );
    ctx.saveForBackward(values, vectors);
    return [values, vectors];
  }
  static backward(ctx: FunctionCtx, gradValues: Tensor, gradVectors: Tensor): (Tensor | null)[] {
    const [values, v] = ctx.savedTensors as [Tensor, Tensor];
    const apart = values.unsqueeze(-2).sub(values.unsqueeze(-1));
    const turned = v.mT.matmul(gradVectors);
    // Half of it with either sign: a symmetric gradient for a symmetric matrix.
    const inner = turned.sub(turned.mT).div(2).mul(offDiagonal(apart)).add(diagEmbed(gradValues));
    return [v.matmul(inner).matmul(v.mT), null];
  }
}

/** 1/x off the diagonal, 0 on it. */
function offDiagonal(x: Tensor): Tensor {
  const one = eye(x.layout.shape.at(-1)!, { dtype: x.dtype, device: x.device }) as Tensor;
  return x.add(one).reciprocal().sub(one);
}

const UPLO = oneOf('L', 'U');
const EIGH = signature<{ UPLO?: 'L' | 'U' }>('linalg.eigh', { UPLO });
type Triangle = 'L' | 'U' | { readonly UPLO?: 'L' | 'U' };
/**
 * Eigenvalues of a symmetric matrix, rising, and eigenvectors as columns, whose signs are not determined; one triangle is looked at, the lower
 * one by default (https://pytorch.org/docs/stable/generated/torch.linalg.eigh.html).
 */
export function eigh(x: Tensor, uplo?: Triangle): Named<['eigenvalues', 'eigenvectors']>;
export function eigh(x: Tensor, ...args: readonly unknown[]): Named<['eigenvalues', 'eigenvectors']> {
  const { UPLO: triangle = 'L' } = readCall(EIGH, args);
  requireMatrices('linalg.eigh', x, true);
  return named(['eigenvalues', 'eigenvectors'], EighFunction.apply(x, triangle === 'U'));
}

/** The eigenvalues of {@link eigh} (https://pytorch.org/docs/stable/generated/torch.linalg.eigvalsh.html). */
export const eigvalsh = (x: Tensor, uplo?: Triangle): Tensor => eigh(x, uplo)[0];

// ---- singular values

class SvdFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor): Tensor[] {
    const found = matricesOf(x).map(svdOf);
    const [m, n] = x.layout.shape.slice(-2) as [number, number];
    const [batch, k] = [batchOf(x), Math.min(m, n)];
    const u = tensorOf(
      found.map((one) => one.u.a),
      [...batch, m, k],
      x,
    );
    const s = tensorOf(
      found.map((one) => one.s),
      [...batch, k],
      x,
    );
    const vh = tensorOf(
      found.map((one) => one.vh.a),
      [...batch, k, n],
      x,
    );
    ctx.saveForBackward(u, s, vh);
    ctx.setMaterializeGrads(false);
    return [u, s, vh];
  }
  static backward(ctx: FunctionCtx, gradU: Tensor | null, gradS: Tensor | null, gradVh: Tensor | null): Tensor | null {
    const [u, s, vh] = ctx.savedTensors as [Tensor, Tensor, Tensor];
    const parts: Tensor[] = [];
    const [row, column] = [s.unsqueeze(-2), s.unsqueeze(-1)];
    const [m, k, n] = [u.layout.shape.at(-2)!, s.layout.shape.at(-1)!, vh.layout.shape.at(-1)!];
    const skew = (x: Tensor): Tensor => x.sub(x.mT);
    const apart = gradU === null && gradVh === null ? undefined : offDiagonal(row.square().sub(column.square()));
    const inner: Tensor[] = [];
    if (gradS !== null) inner.push(diagEmbed(gradS));
    if (gradU !== null) inner.push(skew(u.mT.matmul(gradU)).mul(apart!).mul(row));
    if (gradVh !== null) inner.push(skew(vh.matmul(gradVh.mT)).mul(apart!).mul(column));
    if (inner.length > 0) parts.push(u.matmul(inner.reduce((a, b) => a.add(b))).matmul(vh));
    if (gradU !== null && m > k) {
      const outside = gradU.sub(u.matmul(u.mT.matmul(gradU)));
      parts.push(outside.div(row).matmul(vh));
    }
    if (gradVh !== null && n > k) {
      const outside = gradVh.sub(gradVh.matmul(vh.mT).matmul(vh));
      parts.push(u.matmul(outside.div(column)));
    }
    return parts.length === 0 ? null : parts.reduce((a, b) => a.add(b));
  }
}

const SVD = signature<{ fullMatrices?: boolean }>('linalg.svd', { fullMatrices: BOOL });
/**
 * A = U·diag(S)·Vh with singular values S, falling (https://pytorch.org/docs/stable/generated/torch.linalg.svd.html). The signs of vectors are not
 * determined. With `fullMatrices`, which PyTorch has by default, U and Vh are square; only `fullMatrices: false` has a gradient, unless the matrix is square.
 */
export function svd(x: Tensor, fullMatrices?: boolean | { readonly fullMatrices?: boolean }): Named<['U', 'S', 'Vh']>;
export function svd(x: Tensor, ...args: readonly unknown[]): Named<['U', 'S', 'Vh']> {
  const { fullMatrices = true } = readCall(SVD, args);
  requireMatrices('linalg.svd', x);
  const [m, n] = x.layout.shape.slice(-2) as [number, number];
  const [u, s, vh] = SvdFunction.apply(x) as [Tensor, Tensor, Tensor];
  if (!fullMatrices || m === n) return named(['U', 'S', 'Vh'], [u, s, vh]);
  const square = (columns: Tensor): Tensor => {
    // The further columns of QR's Q are orthogonal to the first ones.
    const k = columns.layout.shape.at(-1)!;
    const size = columns.layout.shape.at(-2)!;
    return catColumns(columns, qr(columns.detach(), 'complete')[0].narrow(-1, k, size - k));
  };
  return named(['U', 'S', 'Vh'], m > n ? [square(u), s, vh] : [u, s, square(vh.mT).mT]);
}

/** The singular values, falling (https://pytorch.org/docs/stable/generated/torch.linalg.svdvals.html). */
export function svdvals(x: Tensor): Tensor {
  requireMatrices('linalg.svdvals', x);
  return (SvdFunction.apply(x) as [Tensor, Tensor, Tensor])[1];
}

const TORCH_SVD = signature<{ some?: boolean; computeUv?: boolean }>('svd', { some: BOOL, computeUv: BOOL });
type SvdArguments = Call<[some?: boolean, computeUv?: boolean], { some: boolean; computeUv: boolean }>;
/** A = U·diag(S)·Vᵀ, with V itself, as the older `torch.svd` gives it (https://pytorch.org/docs/stable/generated/torch.svd.html); {@link svd} gives Vᵀ. */
export function torchSvd(x: Tensor, ...args: SvdArguments): Named<['U', 'S', 'V']>;
export function torchSvd(x: Tensor, ...args: readonly unknown[]): Named<['U', 'S', 'V']> {
  const { some = true, computeUv = true } = readCall(TORCH_SVD, args);
  const [u, s, vh] = svd(x, !some);
  const [m, n] = x.layout.shape.slice(-2) as [number, number];
  const nothing = (size: number): Tensor => x.newZeros([...batchOf(x), size, size]);
  return named(['U', 'S', 'V'], computeUv ? [u, s, vh.mT] : [nothing(m), s, nothing(n)]);
}

interface Tolerances {
  atol?: number | Tensor | null;
  rtol?: number | Tensor | null;
  hermitian?: boolean;
}
const TOLERANCES = { atol: orNull(TENSOR_OR_NUMBER), rtol: orNull(TENSOR_OR_NUMBER), hermitian: BOOL };
const EPS = { float32: 2 ** -23, float64: 2 ** -52 };

/** What a singular value has to exceed to count as one: the larger of `atol` and `rtol` times the largest. */
function threshold(x: Tensor, largest: Tensor, { atol, rtol }: Tolerances): Tensor {
  const column = (value: number | Tensor): number | Tensor => (isTensor(value) ? value.unsqueeze(-1) : value);
  const absolute = atol ?? 0;
  const none = atol === undefined || atol === null;
  const relative =
    rtol ?? (none || (!isTensor(absolute) && absolute === 0) ? EPS[x.dtype as 'float32'] * Math.max(...x.layout.shape.slice(-2)) : 0);
  return maximum(largest.mul(column(relative)), largest.mul(0).add(column(absolute)));
}

/** Magnitudes of singular values, of symmetric matrices those of eigenvalues. */
const magnitudes = (x: Tensor, hermitian: boolean): Tensor => (hermitian ? eigvalsh(x).abs() : svdvals(x));

const RANK = signature<Tolerances & { tol?: number | Tensor | null }>(
  'linalg.matrixRank',
  { tol: orNull(TENSOR_OR_NUMBER), ...TOLERANCES },
  { positional: 1 },
);
/** How many singular values exceed a threshold (https://pytorch.org/docs/stable/generated/torch.linalg.matrix_rank.html). */
export function matrixRank(x: Tensor, options?: Tolerances | number | Tensor): Tensor;
export function matrixRank(x: Tensor, ...args: readonly unknown[]): Tensor {
  const { tol, hermitian = false, ...given } = readCall(RANK, args);
  requireMatrices('linalg.matrixRank', x);
  if (Math.min(...x.layout.shape.slice(-2)) === 0) return zeros(batchOf(x), { dtype: 'int64' });
  const s = magnitudes(x.detach(), hermitian);
  const limits = tol === undefined || tol === null ? given : { atol: tol, rtol: 0 };
  return s.gt(threshold(x, s.amax(-1, true), limits)).sum(-1);
}

class PinvFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor, given: Tolerances): Tensor {
    const [u, s, vh] = SvdFunction.apply(x) as [Tensor, Tensor, Tensor];
    const kept = s.gt(threshold(x, s.amax(-1, true), given));
    const inverse = s.maskedFill(kept.logicalNot(), 1).reciprocal().mul(kept.to(s.dtype));
    const result = vh.mT.mul(inverse.unsqueeze(-2)).matmul(u.mT);
    ctx.saveForBackward(x, result);
    return result;
  }
  /** Of constant rank (https://www.jstor.org/stable/2156365). */
  static backward(ctx: FunctionCtx, grad: Tensor): (Tensor | null)[] {
    const [a, p] = ctx.savedTensors as [Tensor, Tensor];
    const [pt, g] = [p.mT, grad.mT];
    // −Pᵀ·G·Pᵀ and the parts outside the row and column spaces
    const direct = pt.matmul(grad).matmul(pt).neg();
    const left = g.sub(a.matmul(p).matmul(g)).matmul(p).matmul(pt);
    const right = pt.matmul(p).matmul(g.sub(g.matmul(p).matmul(a)));
    return [direct.add(left).add(right), null];
  }
}

const PINV = signature<Tolerances & { rcond?: number | Tensor | null }>(
  'linalg.pinv',
  { rcond: orNull(TENSOR_OR_NUMBER), ...TOLERANCES },
  { positional: 1 },
);
/** The pseudoinverse of Moore and Penrose (https://pytorch.org/docs/stable/generated/torch.linalg.pinv.html). */
export function pinv(x: Tensor, options?: Tolerances | number | Tensor): Tensor;
export function pinv(x: Tensor, ...args: readonly unknown[]): Tensor {
  const { rcond, hermitian = false, ...given } = readCall(PINV, args);
  requireMatrices('linalg.pinv', x);
  if (x.layout.numel === 0) return x.mT;
  const whole = hermitian ? tril(x).add(tril(x, -1).mT) : x; // of a symmetric matrix the lower triangle is looked at
  return PinvFunction.apply(whole, rcond === undefined || rcond === null ? given : { rtol: rcond });
}

interface LstsqCall {
  rcond?: number | null;
  driver?: 'gelsy' | 'gelsd' | 'gelss' | 'gels' | null;
}
const LSTSQ = signature<LstsqCall>(
  'linalg.lstsq',
  { rcond: orNull(FINITE), driver: orNull(oneOf('gelsy', 'gelsd', 'gelss', 'gels')) },
  { positional: 1 },
);
/**
 * The X with the least ‖A·X − B‖, the smallest of several, by the pseudoinverse (https://pytorch.org/docs/stable/generated/torch.linalg.lstsq.html).
 * As in PyTorch, `residuals` are empty unless A is tall and of full rank and the driver is not `gelsy`, the default; `singularValues` come with
 * `gelsd` and `gelss`, the rank with all but `gels`.
 */
export function lstsq(
  A: Tensor,
  B: Tensor,
  ...args: Call<[rcond?: LstsqCall['rcond']], LstsqCall>
): Named<['solution', 'residuals', 'rank', 'singularValues']> {
  const { rcond, driver } = readCall<LstsqCall>(LSTSQ, args);
  const op = 'linalg.lstsq';
  requireMatrices(op, A);
  if (!TENSOR.accepts(B)) throw new ArgumentError(`${op}: expected B to be a tensor`);
  const isVector = B.ndim === A.ndim - 1;
  const columns = isVector ? B.unsqueeze(-1) : B;
  requireMatrices(op, columns);
  const [m, n] = A.layout.shape.slice(-2) as [number, number];
  if (columns.layout.shape.at(-2) !== m)
    throw new ShapeError(
      `${op}: expected B of as many rows as A, but got shapes ${showShape(A.layout.shape)} and ${showShape(B.layout.shape)}`,
    );
  const tolerance = rcond ?? EPS[A.dtype as 'float32'] * Math.max(m, n);
  const solution = pinv(A, { rtol: tolerance }).matmul(columns);
  const rank = matrixRank(A, { rtol: tolerance });
  const full = (driver ?? 'gelsy') !== 'gelsy' && m > n && rank.eq(n).all().item() !== 0;
  const residuals = full ? A.matmul(solution).sub(columns).square().sum(-2) : A.newZeros([0]);
  const values = driver === 'gelsd' || driver === 'gelss' ? svdvals(A.detach()) : A.newZeros([0]);
  return named(
    ['solution', 'residuals', 'rank', 'singularValues'],
    [isVector ? solution.squeeze(-1) : solution, residuals, driver === 'gels' ? zeros([0], { dtype: 'int64' }) : rank, values],
  );
}
