/**
 * PyTorch's linear algebra and special functions. Where vectors are determined but for their signs, both sides are compared without them, and without the
 * columns that complete a basis (`INVARIANT` in tools/op-db/operations.py does the same).
 */
import * as flambeau from 'flambeau';
import { Tensor } from 'flambeau';
import { inexpressible, numbers, op, options, type Adapter } from './call.ts';
import { same } from './composed-table.ts';

type Table = Readonly<Record<string, Adapter>>;
const { linalg } = flambeau;

const columns = (x: Tensor, k: number): Tensor => x.narrow(-1, 0, k).abs();
const rows = (x: Tensor, k: number): Tensor => x.narrow(-2, 0, k).abs();

export const MATRICES: Table = {
  'linalg.det': same('linalg.det', 'A'),
  det: same('det', 'input'),
  'linalg.slogdet': same('linalg.slogdet', 'A'),
  slogdet: same('slogdet', 'input'),
  logdet: same('logdet', 'input'),
  'linalg.inv': same('linalg.inv', 'A'),
  pinverse: same('pinverse', 'input rcond'),
  'linalg.solve': same('linalg.solve', 'A B left', { named: 1 }),
  'linalg.solve_triangular': op(
    'linalg.solveTriangular',
    'A B upper left unitriangular',
    (A: Tensor, B: Tensor, upper: boolean, left?: boolean, unitriangular?: boolean) =>
      linalg.solveTriangular(A, B, { upper, ...options({ left, unitriangular }) }),
  ),
  'linalg.cholesky': same('linalg.cholesky', 'A upper', { named: 1 }),
  cholesky: same('linalg.cholesky', 'A upper', { named: 1 }),
  cholesky_solve: op('choleskySolve', 'B L upper', (B: Tensor, L: Tensor, upper = false) =>
    flambeau.choleskySolve(B, upper ? L.triu() : L.tril(), upper),
  ),
  cholesky_inverse: op('choleskyInverse', 'L upper', (L: Tensor, upper = false) =>
    flambeau.choleskyInverse(upper ? L.triu() : L.tril(), upper),
  ),
  'linalg.qr': op('linalg.qr', 'A mode', (A: Tensor, mode?: 'reduced' | 'complete' | 'r') => {
    const { Q, R } = linalg.qr(A, options({ mode }));
    const k = Math.min(...A.layout.shape.slice(-2));
    return mode === 'r' ? [rows(R, k)] : [columns(Q, k), rows(R, k)];
  }),
  'linalg.eigh': op('linalg.eigh', 'A UPLO', (A: Tensor, UPLO?: 'L' | 'U') => {
    const { eigenvalues, eigenvectors } = linalg.eigh(A, UPLO);
    return [eigenvalues, eigenvectors.abs()];
  }),
  'linalg.eigvalsh': same('linalg.eigvalsh', 'A UPLO'),
  'linalg.svd': op('linalg.svd', 'A full_matrices', (A: Tensor, fullMatrices?: boolean) => {
    const { U, S, Vh } = linalg.svd(A, options({ fullMatrices }));
    const k = Math.min(...A.layout.shape.slice(-2));
    return [columns(U, k), S, rows(Vh, k)];
  }),
  svd: op('svd', 'input some compute_uv', (x: Tensor, some?: boolean, computeUv?: boolean) => {
    const { U, S, V } = flambeau.svd(x, options({ some, computeUv }));
    const k = Math.min(...x.layout.shape.slice(-2));
    return [columns(U, k), S, columns(V, k)];
  }),
  'linalg.svdvals': same('linalg.svdvals', 'A'),
  'linalg.matrix_rank': op(
    'linalg.matrixRank',
    'A tol atol rtol hermitian',
    (A: Tensor, tol?: number, atol?: number, rtol?: number, hermitian?: boolean) =>
      tol === undefined ? linalg.matrixRank(A, options({ atol, rtol, hermitian })) : linalg.matrixRank(A, tol),
  ),
  'linalg.pinv': op('linalg.pinv', 'A rcond atol rtol hermitian', (A: Tensor, rcond?: number | Tensor, atol?: number, rtol?: number, hermitian?: boolean) => {
    // Its variant «singular» multiplies two matrices first.
    if (rcond instanceof Tensor && rcond.ndim === A.ndim) return linalg.pinv(A.matmul(rcond.mT));
    return rcond === undefined ? linalg.pinv(hermitian === true ? A.add(A.mT) : A, options({ atol, rtol, hermitian })) : linalg.pinv(A, rcond);
  }), // prettier-ignore
  'linalg.lstsq': op('linalg.lstsq', 'A B rcond driver', (A: Tensor, B: Tensor, rcond?: number, driver?: 'gels') => {
    const found = linalg.lstsq(A, B, options({ rcond, driver }));
    return [found.solution];
  }),
  'linalg.matrix_power': same('linalg.matrixPower', 'A n'),
  matrix_power: same('matrixPower', 'input n'),
  'linalg.matrix_exp': same('linalg.matrixExp', 'A'),
  matrix_exp: same('matrixExp', 'input'),
  'linalg.multi_dot': same('linalg.multiDot', 'tensors'),
  'linalg.vecdot': same('linalg.vecdot', 'x y dim', { named: 1 }),
  'linalg.tensorinv': same('linalg.tensorinv', 'A ind'),
  'linalg.tensorsolve': op('linalg.tensorsolve', 'A B dims', (A: Tensor, B: Tensor, dims?: number[]) =>
    linalg.tensorsolve(A, B, dims === undefined ? undefined : numbers(dims)),
  ),
  'linalg.householder_product': same('linalg.householderProduct', 'A tau'),
  'linalg.cond': same('linalg.cond', 'A p'),
};

const plain = ['i0', 'i0e', 'i1', 'i1e', 'entr', 'ndtr', 'ndtri', 'erfcx'];
const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

export const SPECIAL_MORE: Table = {
  ...Object.fromEntries(plain.map((name) => [`special.${name}`, same(`special.${camel(name)}`, 'input')])),
  i0: same('i0', 'input'),
  'special.log_ndtr': op('special.logNdtr', 'input', (x: Tensor) => {
    if (x.requiresGrad && (x.dtype !== 'float64' || x.abs().gt(10).any().item()))
      inexpressible("a gradient in float32 or far from 0, where PyTorch's is not accurate");
    return flambeau.special.logNdtr(x);
  }),
  polygamma: op('polygamma', 'input n', (x: Tensor, n: number) => flambeau.polygamma(n, x)),
  'special.polygamma': op('special.polygamma', 'input n', (x: Tensor, n: number) => flambeau.special.polygamma(n, x)),
  'special.xlog1py': same('special.xlog1py', 'input other'),
  'special.zeta': same('special.zeta', 'input other'),
  igamma: same('special.gammainc', 'input other'),
  igammac: same('special.gammaincc', 'input other'),
};
