/**
 * Matrices on the host: decompositions run there, in float64 whatever the dtype, one matrix of a batch after the other. Their gradients are
 * tensor operations on what they gave (`solving.ts`, `factors.ts`), so they run where the tensors are and can be differentiated again.
 */
import { DTypeError, ShapeError } from '../../base/errors.ts';
import { numelOf, showShape, type Dims } from '../../base/shape.ts';
import { requireTensor } from '../arguments.ts';
import { hostArray, hostTensor } from '../create.ts';
import type { Tensor } from '../tensor.ts';

/** A matrix of m rows and n columns, row by row. */
export interface Matrix {
  readonly m: number;
  readonly n: number;
  readonly a: Float64Array;
}

export const newMatrix = (m: number, n: number): Matrix => ({ m, n, a: new Float64Array(m * n) });

/** @throws ShapeError unless the tensor is a matrix or a batch of them; DTypeError unless it is of float32 or float64 */
export function requireMatrices(op: string, x: Tensor, square = false): void {
  requireTensor(op, 'the input', x);
  const { shape, dtype } = x.layout;
  if (dtype !== 'float32' && dtype !== 'float64')
    throw new DTypeError(`${op}: expected float32 or float64, but got ${dtype}; convert it with .to('float32')`);
  if (shape.length < 2) throw new ShapeError(`${op}: expected a matrix or a batch of matrices, but got shape ${showShape(shape)}`);
  if (square && shape.at(-1) !== shape.at(-2)) throw new ShapeError(`${op}: expected square matrices, but got shape ${showShape(shape)}`);
}

/** The elements as numbers, without history. */
function numbersOf(x: Tensor): Float64Array {
  const data = x.detach().contiguous().toTypedArray();
  return data instanceof Float64Array ? data : Float64Array.from(data as Float32Array);
}

/** The matrices of a batch. */
export function matricesOf(x: Tensor): Matrix[] {
  const { shape } = x.layout;
  const [m, n] = [shape.at(-2)!, shape.at(-1)!];
  const all = numbersOf(x);
  return Array.from({ length: numelOf(shape.slice(0, -2)) }, (_, i) => ({ m, n, a: all.slice(i * m * n, (i + 1) * m * n) }));
}

/** A tensor of a shape with the numbers of all parts one after the other, of the dtype and on the device of `like`. */
export function tensorOf(parts: readonly ArrayLike<number>[], shape: Dims, like: Tensor): Tensor {
  const data = hostArray(like.dtype, numelOf(shape)) as Float64Array;
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return hostTensor(data, [...shape], like.dtype, like.storage.device);
}

/** What comes before the last two dimensions. */
export const batchOf = (x: Tensor): number[] => x.layout.shape.slice(0, -2);

/** A × B */
export function product(x: Matrix, y: Matrix): Matrix {
  const out = newMatrix(x.m, y.n);
  for (let i = 0; i < x.m; i++) {
    for (let k = 0; k < x.n; k++) {
      const factor = x.a[i * x.n + k]!;
      for (let j = 0; j < y.n; j++) out.a[i * y.n + j]! += factor * y.a[k * y.n + j]!;
    }
  }
  return out;
}

export function transposed({ m, n, a }: Matrix): Matrix {
  const out = newMatrix(n, m);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) out.a[j * m + i] = a[i * n + j]!;
  return out;
}
