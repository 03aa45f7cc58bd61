/** Orthogonal factors on the host: QR by Householder's reflections, eigen- and singular values by Jacobi's rotations. */
import { newMatrix, transposed, type Matrix } from './host.ts';

/** Q (m × k) and R (k × n) of A = Q·R, with the signs that LAPACK gives; k is m with `complete`, else the smaller of m and n. */
export function qrOf({ m, n, a: from }: Matrix, complete: boolean): { q: Matrix; r: Matrix } {
  const a = from.slice();
  const steps = Math.min(m, n);
  const k = complete ? m : steps;
  const reflections: { v: Float64Array; tau: number }[] = [];
  for (let p = 0; p < steps; p++) {
    const v = new Float64Array(m);
    let below = 0;
    for (let i = p + 1; i < m; i++) below = Math.hypot(below, (v[i] = a[i * n + p]!));
    const alpha = a[p * n + p]!;
    let tau = 0;
    if (below !== 0) {
      const beta = alpha >= 0 ? -Math.hypot(alpha, below) : Math.hypot(alpha, below);
      tau = (beta - alpha) / beta;
      for (let i = p + 1; i < m; i++) v[i]! /= alpha - beta;
    }
    v[p] = 1;
    reflections.push({ v, tau });
    reflect(a, n, v, tau, p, p);
  }
  const q = newMatrix(m, k);
  for (let i = 0; i < k; i++) q.a[i * k + i] = 1;
  for (let p = steps - 1; p >= 0; p--) reflect(q.a, k, reflections[p]!.v, reflections[p]!.tau, p, 0);
  const r = newMatrix(k, n);
  for (let i = 0; i < k; i++) for (let j = i; j < n; j++) r.a[i * n + j] = a[i * n + j]!;
  return { q, r };
}

/** a − tau·v·(vᵀa), of columns from `first` on; v is 0 above row `p`. */
function reflect(a: Float64Array, n: number, v: Float64Array, tau: number, p: number, first: number): void {
  if (tau === 0) return;
  for (let j = first; j < n; j++) {
    let dot = 0;
    for (let i = p; i < v.length; i++) dot += v[i]! * a[i * n + j]!;
    for (let i = p; i < v.length; i++) a[i * n + j]! -= tau * dot * v[i]!;
  }
}

/** Sweeps after which a matrix that still changes has no numbers in it; a handful do. */
const MAX_SWEEPS = 60;

/** Eigenvalues of a symmetric matrix, rising, and eigenvectors as columns, by cyclic rotations. */
export function eighOf({ n, a: from }: Matrix): { values: Float64Array; vectors: Matrix } {
  const a = from.slice();
  const v = newMatrix(n, n).a;
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let off = 0;
    let all = 0;
    for (let i = 0; i < n * n; i++) {
      const square = a[i]! ** 2;
      all += square;
      if (i % (n + 1) !== 0) off += square;
    }
    if (!(off > all * 1e-36)) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotateSymmetric(a, v, n, p, q);
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[i * n + i]! - a[j * n + j]!);
  const vectors = newMatrix(n, n);
  order.forEach((from_, to) => {
    for (let i = 0; i < n; i++) vectors.a[i * n + to] = v[i * n + from_]!;
  });
  return { values: Float64Array.from(order, (i) => a[i * n + i]!), vectors };
}

/** The tangent of the angle that makes an element 0 between two of the diagonal. */
function tangent(app: number, aqq: number, apq: number): number {
  const theta = (aqq - app) / (2 * apq);
  return (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
}

function rotateSymmetric(a: Float64Array, v: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q]!;
  if (apq === 0) return;
  const t = tangent(a[p * n + p]!, a[q * n + q]!, apq);
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (let k = 0; k < n; k++) turn(a, k * n + p, k * n + q, c, s);
  for (let k = 0; k < n; k++) turn(a, p * n + k, q * n + k, c, s);
  for (let k = 0; k < n; k++) turn(v, k * n + p, k * n + q, c, s);
}

function turn(a: Float64Array, i: number, j: number, c: number, s: number): void {
  const [x, y] = [a[i]!, a[j]!];
  a[i] = c * x - s * y;
  a[j] = s * x + c * y;
}

export interface Svd {
  /** m × k, k the smaller of m and n. */
  readonly u: Matrix;
  readonly s: Float64Array;
  /** k × n */
  readonly vh: Matrix;
}

/** Singular values, falling, and vectors, by one-sided rotations, which are accurate for small values as well. */
export function svdOf(x: Matrix): Svd {
  if (x.m < x.n) {
    const { u, s, vh } = svdOf(transposed(x));
    return { u: transposed(vh), s, vh: transposed(u) };
  }
  const { m, n } = x;
  const w = transposed(x).a; // rows are the matrix's columns
  const v = newMatrix(n, n).a; // rows are columns of V
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  for (let sweep = 0, turned = true; turned && sweep < MAX_SWEEPS; sweep++) {
    turned = false;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) turned = rotateRows(w, v, m, n, p, q) || turned;
  }
  const norms = Float64Array.from({ length: n }, (_, i) => Math.hypot(...w.subarray(i * m, (i + 1) * m)));
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => norms[j]! - norms[i]!);
  const [u, vh] = [newMatrix(m, n), newMatrix(n, n)];
  order.forEach((from, to) => {
    for (let i = 0; i < m; i++) u.a[i * n + to] = norms[from] === 0 ? 0 : w[from * m + i]! / norms[from]!;
    vh.a.set(v.subarray(from * n, (from + 1) * n), to * n);
  });
  const s = Float64Array.from(order, (i) => norms[i]!);
  completeColumns(u, s);
  return { u, s, vh };
}

function rotateRows(w: Float64Array, v: Float64Array, m: number, n: number, p: number, q: number): boolean {
  let [pp, qq, pq] = [0, 0, 0];
  for (let i = 0; i < m; i++) {
    const [x, y] = [w[p * m + i]!, w[q * m + i]!];
    pp += x * x;
    qq += y * y;
    pq += x * y;
  }
  if (!(Math.abs(pq) > 1e-16 * Math.sqrt(pp * qq)) || pq === 0) return false;
  const t = tangent(pp, qq, pq);
  const c = 1 / Math.hypot(t, 1);
  for (let i = 0; i < m; i++) turn(w, p * m + i, q * m + i, c, t * c);
  for (let i = 0; i < n; i++) turn(v, p * n + i, q * n + i, c, t * c);
  return true;
}

/** Columns of U for singular values of 0, or as good as 0: any that are orthogonal to the others. */
function completeColumns(u: Matrix, s: Float64Array): void {
  const { m, n, a } = u;
  for (let j = 0; j < n; j++) {
    if (s[j]! > s[0]! * 1e-300 && s[j] !== 0) continue;
    for (let unit = 0; unit < m; unit++) {
      const column = new Float64Array(m);
      column[unit] = 1;
      for (let twice = 0; twice < 2; twice++) {
        for (let k = 0; k < n; k++) {
          if (k >= j && !(s[k]! > 0)) continue;
          let dot = 0;
          for (let i = 0; i < m; i++) dot += column[i]! * a[i * n + k]!;
          for (let i = 0; i < m; i++) column[i]! -= dot * a[i * n + k]!;
        }
      }
      const norm = Math.hypot(...column);
      if (norm < 0.5 / Math.sqrt(m)) continue;
      for (let i = 0; i < m; i++) a[i * n + j] = column[i]! / norm;
      break;
    }
  }
}
