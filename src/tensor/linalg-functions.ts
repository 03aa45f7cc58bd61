/** What `linalg` has: https://pytorch.org/docs/stable/linalg.html */
export { matrixNorm, norm, vectorNorm } from './linalg.ts';
export { cross } from './linear-algebra.ts';
export { LinAlgError } from '../base/errors.ts';
export { cond } from './matrices/cond.ts';
export { eigh, eigvalsh, lstsq, matrixRank, pinv, qr, svd, svdvals } from './matrices/factors.ts';
export { householderProduct, matrixExp, matrixPower, multiDot, tensorsolve, vecdot } from './matrices/products.ts';
export { cholesky, det, inv, slogdet, solve, solveTriangular, tensorinv } from './matrices/solving.ts';
export type { Named } from './matrices/named.ts';
