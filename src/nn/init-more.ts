/** Further first values of parameters: identities, orthogonal and sparse matrices (https://pytorch.org/docs/stable/nn.init.html). */
import { COUNT, FINITE, NUMBER, orNull, PROBABILITY } from '../base/arguments.ts';
import { ShapeError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { readCall, signature } from '../base/signature.ts';
import { GENERATOR, TENSOR } from '../tensor/arguments.ts';
import { fillRandperm, type Generator } from '../tensor/random/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { fillWith } from './fill.ts';

const EYE = signature<{ tensor: Tensor }>('eye_', { tensor: TENSOR }, { required: 1, example: 'nn.init.eye_(weight)' });
/** Ones on the diagonal of a matrix, zeros elsewhere. @throws ShapeError unless it has two dimensions */
export function eye_(tensor: Tensor): Tensor;
export function eye_(...args: readonly unknown[]): Tensor {
  const { tensor: x } = readCall(EYE, args);
  const [rows, columns] = matrixOf('eye_', x);
  return fillWith('eye_', x, (data) => {
    data.fill(0);
    for (let i = 0; i < Math.min(rows, columns); i++) data[i * columns + i] = 1;
  });
}

function matrixOf(op: string, x: Tensor): [number, number] {
  if (x.ndim !== 2) throw new ShapeError(`${op}: expected a matrix, but got shape ${showShape(x.layout.shape)}`);
  return x.layout.shape as [number, number];
}

const DIRAC = signature<{ tensor: Tensor; groups?: number }>(
  'dirac_',
  { tensor: TENSOR, groups: COUNT },
  { required: 1, example: 'nn.init.dirac_(weight, 2)' },
);
/**
 * Filters of a convolution that leave as many channels as they can as they are.
 * @throws ShapeError unless the weight has three to five dimensions, of which groups divides the first
 */
export function dirac_(tensor: Tensor, groups?: number | { readonly groups?: number }): Tensor;
export function dirac_(...args: readonly unknown[]): Tensor {
  const { tensor: x, groups = 1 } = readCall(DIRAC, args);
  const { shape } = x.layout;
  if (shape.length < 3 || shape.length > 5)
    throw new ShapeError(`dirac_: expected a weight of three to five dimensions, but got shape ${showShape(shape)}`);
  const [out, inputs, ...sizes] = shape as [number, number, ...number[]];
  if (out % groups !== 0) throw new ShapeError(`dirac_: expected the first dimension to be a multiple of groups ${groups}, but got ${out}`);
  const field = sizes.reduce((n, size) => n * size, 1);
  const centre = sizes.reduce((at, size) => at * size + Math.floor(size / 2), 0);
  return fillWith('dirac_', x, (data) => {
    data.fill(0);
    const per = out / groups;
    for (let g = 0; g < groups; g++) {
      for (let d = 0; d < Math.min(per, inputs); d++) data[((g * per + d) * inputs + d) * field + centre] = 1;
    }
  });
}

const SPARSE = signature<{ tensor: Tensor; sparsity: number; std?: number; generator?: Generator | null }>(
  'sparse_',
  { tensor: TENSOR, sparsity: PROBABILITY, std: FINITE, generator: orNull(GENERATOR) },
  { required: 2, example: 'nn.init.sparse_(weight, 0.1)' },
);
/** Numbers from N(0, std²) in a matrix, with a share `sparsity` of each column zeros. @throws ShapeError unless it has two dimensions */
export function sparse_(
  tensor: Tensor,
  sparsity: number | { readonly sparsity: number; readonly std?: number; readonly generator?: Generator | null },
  std?: number,
  generator?: Generator | null,
): Tensor;
export function sparse_(...args: readonly unknown[]): Tensor {
  const { tensor: x, sparsity, std = 0.01, generator } = readCall(SPARSE, args);
  const [rows, columns] = matrixOf('sparse_', x);
  const zeros = Math.ceil(sparsity * rows);
  return fillWith('sparse_', x, (data, normal) => {
    normal(data, 0, std, generator ?? undefined);
    const order = new BigInt64Array(rows);
    for (let column = 0; column < columns; column++) {
      fillRandperm(order, generator ?? undefined);
      for (let i = 0; i < zeros; i++) data[Number(order[i]) * columns + column] = 0;
    }
  });
}

const ORTHOGONAL = signature<{ tensor: Tensor; gain?: number; generator?: Generator | null }>(
  'orthogonal_',
  { tensor: TENSOR, gain: NUMBER, generator: orNull(GENERATOR) },
  { required: 1, example: 'nn.init.orthogonal_(weight, Math.SQRT2)' },
);
/**
 * An orthogonal matrix (https://arxiv.org/abs/1312.6120), of all dimensions after the first taken as one, times `gain`: of random numbers drawn as
 * PyTorch draws them, by reflections in float64, so that numbers differ from PyTorch's by the rounding of its float32.
 * @throws ShapeError for a tensor of fewer than two dimensions
 */
export function orthogonal_(
  tensor: Tensor,
  gain?: number | { readonly gain?: number; readonly generator?: Generator | null },
  generator?: Generator | null,
): Tensor;
export function orthogonal_(...args: readonly unknown[]): Tensor {
  const { tensor: x, gain = 1, generator } = readCall(ORTHOGONAL, args);
  if (x.ndim < 2) throw new ShapeError(`orthogonal_: expected at least two dimensions, but got shape ${showShape(x.layout.shape)}`);
  if (x.layout.numel === 0) return x;
  const rows = x.layout.shape[0]!;
  const columns = x.layout.numel / rows;
  return fillWith('orthogonal_', x, (data, normal) => {
    normal(data, 0, 1, generator ?? undefined);
    const tall = rows >= columns;
    const [m, n] = tall ? [rows, columns] : [columns, rows];
    const a = new Float64Array(m * n);
    for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) a[i * n + j] = data[tall ? i * columns + j : j * columns + i]!;
    const q = orthogonal(a, m, n);
    for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) data[tall ? i * columns + j : j * columns + i] = gain * q[i * n + j]!;
  });
}

/** Q of A = QR for an m × n matrix, m ≥ n, with signs such that R's diagonal is positive: Householder's reflections. */
function orthogonal(a: Float64Array, m: number, n: number): Float64Array {
  const reflections: Float64Array[] = [];
  const signs = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    const v = new Float64Array(m);
    let square = 0;
    for (let i = k; i < m; i++) square += (v[i] = a[i * n + k]!) ** 2;
    const norm = Math.sqrt(square);
    const alpha = v[k]! >= 0 ? -norm : norm;
    if (m - k === 1) {
      signs[k] = Math.sign(v[k]!); // nothing to reflect: R's last element is A's own
      reflections.push(new Float64Array(m));
      continue;
    }
    signs[k] = Math.sign(alpha);
    v[k]! -= alpha;
    reflect(a, v, k, m, n, k);
    reflections.push(v);
  }
  const q = new Float64Array(m * n);
  for (let i = 0; i < n; i++) q[i * n + i] = 1;
  for (let k = n - 1; k >= 0; k--) reflect(q, reflections[k]!, k, m, n, 0);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) q[i * n + j]! *= signs[j]!;
  return q;
}

/** a − 2·v·(vᵀa)/(vᵀv), from column `from` on. */
function reflect(a: Float64Array, v: Float64Array, k: number, m: number, n: number, from: number): void {
  let square = 0;
  for (let i = k; i < m; i++) square += v[i]! ** 2;
  if (square === 0) return;
  for (let j = from; j < n; j++) {
    let dot = 0;
    for (let i = k; i < m; i++) dot += v[i]! * a[i * n + j]!;
    const scale = (2 * dot) / square;
    for (let i = k; i < m; i++) a[i * n + j]! -= scale * v[i]!;
  }
}
