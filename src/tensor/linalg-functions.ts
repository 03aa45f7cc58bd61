/** What `linalg` has: https://pytorch.org/docs/stable/linalg.html */
export { matrixNorm, norm, vectorNorm } from './linalg.ts';
export { cross } from './linear-algebra.ts';
