/**
 * The double-precision functions that kernels import: the host's Math.
 * Pool threads build the same table; see `worker-main.ts`.
 */

export const MATH_IMPORTS: Record<string, (...args: number[]) => number> = {
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  log2: Math.log2,
  log10: Math.log10,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  tanh: Math.tanh,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  pow: Math.pow,
  atan2: Math.atan2,
};
