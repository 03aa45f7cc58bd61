/** Elimination on the host: LU with pivots, Cholesky's factor, triangular systems. */
import { newMatrix, type Matrix } from './host.ts';

export interface Lu {
  /** L below the diagonal, whose own diagonal is ones, and U on and above it. */
  readonly lu: Matrix;
  /** Row i of the product is row `order[i]` of the matrix. */
  readonly order: Int32Array;
  /** 1 or -1: the sign of the order. */
  readonly sign: number;
  /** Whether a pivot is 0. */
  readonly singular: boolean;
}

/** LU with the largest pivot of each column, as LAPACK has it. */
export function luOf({ m, n, a: from }: Matrix): Lu {
  const a = from.slice();
  const order = Int32Array.from({ length: m }, (_, i) => i);
  let sign = 1;
  let singular = false;
  for (let k = 0; k < Math.min(m, n); k++) {
    let p = k;
    for (let i = k + 1; i < m; i++) if (Math.abs(a[i * n + k]!) > Math.abs(a[p * n + k]!)) p = i;
    if (p !== k) {
      for (let j = 0; j < n; j++) [a[k * n + j], a[p * n + j]] = [a[p * n + j]!, a[k * n + j]!];
      [order[k], order[p]] = [order[p]!, order[k]!];
      sign = -sign;
    }
    const pivot = a[k * n + k]!;
    if (pivot === 0) {
      singular = true;
      continue;
    }
    for (let i = k + 1; i < m; i++) {
      const factor = (a[i * n + k]! /= pivot);
      if (factor !== 0) for (let j = k + 1; j < n; j++) a[i * n + j]! -= factor * a[k * n + j]!;
    }
  }
  return { lu: { m, n, a }, order, sign, singular };
}

/** X of A·X = B, by A's LU. */
export function solveLu({ lu, order }: Lu, b: Matrix): Matrix {
  const x = newMatrix(b.m, b.n);
  for (let i = 0; i < b.m; i++) for (let j = 0; j < b.n; j++) x.a[i * b.n + j] = b.a[order[i]! * b.n + j]!;
  substitute(lu, x, false, true);
  substitute(lu, x, true, false);
  return x;
}

/** X of T·X = B in place of B: of T's upper or lower triangle, with its diagonal or ones. */
export function substitute(t: Matrix, x: Matrix, upper: boolean, unit: boolean): void {
  const { n } = t;
  const columns = x.n;
  for (let step = 0; step < n; step++) {
    const i = upper ? n - 1 - step : step;
    for (let k = upper ? i + 1 : 0; k < (upper ? n : i); k++) {
      const factor = t.a[i * n + k]!;
      if (factor !== 0) for (let j = 0; j < columns; j++) x.a[i * columns + j]! -= factor * x.a[k * columns + j]!;
    }
    if (!unit) for (let j = 0; j < columns; j++) x.a[i * columns + j]! /= t.a[i * n + i]!;
  }
}

/** The lower triangle L with L·Lᵀ = A, of A's lower triangle; or the order of the minor that is not positive. */
export function choleskyOf({ n, a }: Matrix): Matrix | number {
  const out = newMatrix(n, n);
  const l = out.a;
  for (let j = 0; j < n; j++) {
    let rest = a[j * n + j]!;
    for (let k = 0; k < j; k++) rest -= l[j * n + k]! ** 2;
    if (!(rest > 0)) return j + 1;
    const root = (l[j * n + j] = Math.sqrt(rest));
    for (let i = j + 1; i < n; i++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= l[i * n + k]! * l[j * n + k]!;
      l[i * n + j] = sum / root;
    }
  }
  return out;
}
