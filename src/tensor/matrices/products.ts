/** Powers, exponentials and products of matrices (https://pytorch.org/docs/stable/linalg.html). */
import { orNull, requireKind, WHOLE } from '../../base/arguments.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { existingDim, showShape } from '../../base/shape.ts';
import { readCall, signature } from '../../base/signature.ts';
import { DIMS, requireTensor, TENSORS } from '../arguments.ts';
import { CustomFunction, type FunctionCtx } from '../custom-function.ts';
import { cat } from '../functions.ts';
import { eye } from '../ranges.ts';
import type { Tensor } from '../tensor.ts';
import { luOf, solveLu } from './elimination.ts';
import { batchOf, matricesOf, newMatrix, product, requireMatrices, tensorOf, type Matrix } from './host.ts';
import { inv, solve } from './solving.ts';

/** A square matrix times itself `n` times; its inverse for negative `n` (https://pytorch.org/docs/stable/generated/torch.linalg.matrix_power.html). */
export function matrixPower(x: Tensor, n: number | { readonly n: number }): Tensor;
export function matrixPower(x: Tensor, ...args: readonly unknown[]): Tensor {
  const { n } = readCall(POWER, args);
  requireMatrices('linalg.matrixPower', x, true);
  if (n < 0) return matrixPower(inv(x), -n);
  if (n === 0) return x.mul(0).add(eye(x.layout.shape.at(-1)!, { dtype: x.dtype, device: x.device }));
  let [result, square]: [Tensor | undefined, Tensor] = [undefined, x];
  for (let left = n; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = result === undefined ? square : result.matmul(square);
    if (left > 1) square = square.matmul(square);
  }
  return result!;
}
const POWER = signature<{ n: number }>('linalg.matrixPower', { n: WHOLE }, { required: 1 });

/** Padé's approximation of order 13 after scaling (https://doi.org/10.1137/04061101X). */
const PADE = [
  64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600, 670442572800, 33522128640,
  1323241920, 40840800, 960960, 16380, 182, 1,
];

function exponential(x: Matrix): Matrix {
  const { n } = x;
  let most = 0;
  for (let j = 0; j < n; j++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += Math.abs(x.a[i * n + j]!);
    most = Math.max(most, sum);
  }
  const halvings = Number.isFinite(most) ? Math.max(0, Math.ceil(Math.log2(most / 5.4))) : 0;
  const scaled: Matrix = { ...x, a: x.a.map((value) => value / 2 ** halvings) };
  const [even, odd] = [newMatrix(n, n), newMatrix(n, n)];
  let power = newMatrix(n, n);
  for (let i = 0; i < n; i++) power.a[i * n + i] = 1;
  PADE.forEach((factor, k) => {
    const into = k % 2 === 0 ? even : odd;
    power.a.forEach((value, i) => (into.a[i]! += factor * value));
    if (k < PADE.length - 1) power = product(power, scaled);
  });
  const denominator: Matrix = { ...x, a: even.a.map((value, i) => value - odd.a[i]!) };
  let result = solveLu(luOf(denominator), { ...x, a: even.a.map((value, i) => value + odd.a[i]!) });
  for (let i = 0; i < halvings; i++) result = product(result, result);
  return result;
}

class ExponentialFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return tensorOf(
      matricesOf(x).map((a) => exponential(a).a),
      x.layout.shape,
      x,
    );
  }
  /** The corner of the exponential of [[Aᵀ, G], [0, Aᵀ]]. */
  static backward(ctx: FunctionCtx, grad: Tensor): Tensor {
    const [x] = ctx.savedTensors as [Tensor];
    const n = x.layout.shape.at(-1)!;
    const above = cat([x.mT, grad], -1);
    const below = cat([x.mul(0), x.mT], -1);
    return ExponentialFunction.apply(cat([above, below], -2))
      .narrow(-2, 0, n)
      .narrow(-1, n, n);
  }
}

/** The exponential of a square matrix, or of each of a batch (https://pytorch.org/docs/stable/generated/torch.linalg.matrix_exp.html). */
export function matrixExp(x: Tensor): Tensor {
  requireMatrices('linalg.matrixExp', x, true);
  return ExponentialFunction.apply(x);
}

/**
 * The product of two or more matrices in the order that takes the fewest multiplications; the first and the last may be vectors
 * (https://pytorch.org/docs/stable/generated/torch.linalg.multi_dot.html).
 */
export function multiDot(tensors: readonly Tensor[]): Tensor {
  requireKind('linalg.multiDot', 'the tensors', tensors, TENSORS);
  if (tensors.length < 2) throw new ArgumentError(`linalg.multiDot: expected at least two tensors, but got ${tensors.length}`);
  const list = tensors.map((x, i) => {
    const isEnd = i === 0 || i === tensors.length - 1;
    if (x.ndim === 1 && isEnd) return x.unsqueeze(i === 0 ? 0 : 1);
    if (x.ndim !== 2)
      throw new ShapeError(
        `linalg.multiDot: expected matrices, and vectors only as the first and the last, but got shape ${showShape(x.layout.shape)} at index ${i}`,
      );
    return x;
  });
  let result = inOrder(list);
  if (tensors.at(-1)!.ndim === 1) result = result.squeeze(-1);
  return tensors[0]!.ndim === 1 ? result.squeeze(0) : result;
}

/** The cheapest way to multiply from `from` to `to`, by all ways to split. */
function inOrder(list: readonly Tensor[]): Tensor {
  const rows = (i: number): number => list[i]!.layout.shape[0]!;
  const columns = (i: number): number => list[i]!.layout.shape[1]!;
  const cost: number[][] = list.map(() => []);
  const cut: number[][] = list.map(() => []);
  for (let length = 0; length < list.length; length++) {
    for (let i = 0; i + length < list.length; i++) {
      const j = i + length;
      cost[i]![j] = length === 0 ? 0 : Infinity;
      for (let k = i; k < j; k++) {
        const total = cost[i]![k]! + cost[k + 1]![j]! + rows(i) * columns(k) * columns(j);
        if (total < cost[i]![j]!) [cost[i]![j], cut[i]![j]] = [total, k];
      }
    }
  }
  const multiply = (i: number, j: number): Tensor => {
    if (i === j) return list[i]!;
    const k = cut[i]![j] ?? i;
    return multiply(i, k).matmul(multiply(k + 1, j));
  };
  return multiply(0, list.length - 1);
}

const VECDOT = signature<{ dim?: number }>('linalg.vecdot', { dim: WHOLE }, { positional: 0 });
/** Sums of products along a dimension, the last by default (https://pytorch.org/docs/stable/generated/torch.linalg.vecdot.html). */
export function vecdot(x: Tensor, y: Tensor, options?: { readonly dim?: number }): Tensor;
export function vecdot(x: Tensor, y: Tensor, ...args: readonly unknown[]): Tensor {
  for (const operand of [x, y]) requireTensor('linalg.vecdot', 'every operand', operand);
  const { dim = -1 } = readCall(VECDOT, args);
  return x.mul(y).sum(dim);
}

const SOLVE = signature<{ dims?: readonly number[] | null }>('linalg.tensorsolve', { dims: orNull(DIMS) });
/** X of A·X = B where A is a tensor whose last dimensions are those of X (https://pytorch.org/docs/stable/generated/torch.linalg.tensorsolve.html). */
export function tensorsolve(A: Tensor, B: Tensor, dims?: readonly number[] | null | { readonly dims?: readonly number[] | null }): Tensor;
export function tensorsolve(A: Tensor, B: Tensor, ...args: readonly unknown[]): Tensor {
  const { dims } = readCall(SOLVE, args);
  for (const operand of [A, B]) requireTensor('linalg.tensorsolve', 'every operand', operand);
  const last = (dims ?? []).map((d) => existingDim('linalg.tensorsolve', d, A.ndim));
  const all = A.layout.shape.map((_, i) => i);
  const a = last.length === 0 ? A : A.permute([...all.filter((i) => !last.includes(i)), ...last]);
  const shape = a.layout.shape.slice(B.ndim);
  const size = B.layout.numel;
  if (shape.reduce((n, d) => n * d, 1) !== size)
    throw new ShapeError(
      `linalg.tensorsolve: expected A's last dimensions to have as many elements as B, ${size}, but got shapes ${showShape(a.layout.shape)} and ${showShape(B.layout.shape)}`,
    );
  return solve(a.reshape([size, size]), B.reshape([size])).reshape(shape);
}

/** How many columns a batch of reflections makes orthogonal (https://pytorch.org/docs/stable/generated/torch.linalg.householder_product.html). */
export function householderProduct(x: Tensor, tau: Tensor): Tensor {
  requireMatrices('linalg.householderProduct', x);
  requireTensor('linalg.householderProduct', 'tau', tau);
  const [m, n] = x.layout.shape.slice(-2) as [number, number];
  const one = eye(m, { dtype: x.dtype, device: x.device }) as Tensor;
  let q: Tensor = one.narrow(1, 0, n).expand([...batchOf(x), m, n]);
  for (let p = tau.layout.shape.at(-1)! - 1; p >= 0; p--) {
    // The reflection's vector: ones on the diagonal, what stands below it, zeros above.
    const column = x.select(-1, p).unsqueeze(-1);
    const below = one
      .narrow(1, 0, p + 1)
      .sum(1)
      .eq(0)
      .to(x.dtype)
      .unsqueeze(-1);
    const v = column.mul(below).add(one.select(1, p).unsqueeze(-1));
    q = q.sub(v.mul(tau.select(-1, p).unsqueeze(-1).unsqueeze(-1)).matmul(v.mT.matmul(q)));
  }
  return tau.layout.shape.at(-1) === 0 && x.requiresGrad ? q.add(x.mul(0)) : q; // no reflections: a gradient of zeros
}
