/**
 * Products of vectors and matrices and sums with them (https://pytorch.org/docs/stable/torch.html#blas-and-lapack-operations), composed of
 * `matmul`. Norms are in `linalg.ts`, sums of products by index in `einsum.ts`.
 */
import { fused } from './fused.ts';
import { NUMBER, requireOptions } from '../base/arguments.ts';
import { promote } from '../base/dtype.ts';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { arrayOf, either, SIZE, WHOLE } from '../base/arguments.ts';
import { existingDim, numelOf, sameDims, showShape } from '../base/shape.ts';
import { requireTensor } from './arguments.ts';
import { flat, type Call } from './calls.ts';
import { onesLike } from './create.ts';
import { cat } from './functions.ts';
import { isGradEnabled } from './grad-mode.ts';
import { vectorNorm } from './linalg.ts';
import { promoteLayouts } from './ops/elementwise.ts';
import type { CheckedFor, Shape, ShapeFor } from './shapes/dims.ts';
import type { MatmulShape } from './shapes/matmul.ts';
import type { Tensor } from './tensor.ts';

/** @throws ShapeError unless each operand has the dimensions that are said of it */
function requireRanks(op: string, operands: readonly (readonly [Tensor, number])[]): void {
  for (const [x, rank] of operands) {
    requireTensor(op, 'every operand', x);
    if (x.ndim === rank) continue;
    const expected = rank === 1 ? 'a vector' : rank === 2 ? 'a matrix' : 'a batch of matrices';
    throw new ShapeError(
      `${op}: expected ${expected}, but got shape ${showShape(x.layout.shape)}; matmul() takes vectors, matrices and batches`,
    );
  }
}

/** The sum of products of two vectors of one length. */
export function dot(a: Tensor, b: Tensor): Tensor {
  requireRanks('dot', [
    [a, 1],
    [b, 1],
  ]);
  return a.matmul(b);
}

/** A matrix times a vector. */
export function mv(matrix: Tensor, vector: Tensor): Tensor {
  requireRanks('mv', [
    [matrix, 2],
    [vector, 1],
  ]);
  return matrix.matmul(vector);
}

/** Products of the matrices of two batches [n, …]. */
export function bmm<A extends Shape, B extends Shape>(
  a: Tensor<A>,
  b: CheckedFor<A, MatmulShape<A, B>, Tensor<B>>,
): Tensor<ShapeFor<A, MatmulShape<A, B>>>;
export function bmm(a: Tensor, b: Tensor): Tensor {
  requireRanks('bmm', [
    [a, 3],
    [b, 3],
  ]);
  if (a.layout.shape[0] !== b.layout.shape[0])
    throw new ShapeError(`bmm: expected batches of one size, but got shapes ${showShape(a.layout.shape)} and ${showShape(b.layout.shape)}`);
  return a.matmul(b);
}

/** `beta` multiplies the input, `alpha` the product. */
export interface AddProductOptions {
  readonly beta?: number;
  readonly alpha?: number;
}
const ADD_PRODUCT = { beta: NUMBER, alpha: NUMBER };

/** beta·input + alpha·product, the input broadcast; with beta 0 the input is not looked at, as in PyTorch. */
function sumWith(op: string, input: Tensor, product: Tensor, options: unknown): Tensor {
  requireTensor(op, 'the input', input);
  const { beta = 1, alpha = 1 } = requireOptions<AddProductOptions>(op, options, ADD_PRODUCT, '{ beta: 1, alpha: 1 }');
  if (input.dtype !== product.dtype)
    throw new DTypeError(
      `${op}: expected operands of one dtype, but got ${input.dtype} and ${product.dtype}; convert one with .to('${product.dtype}')`,
    );
  if (!product.isFloatingPoint() && !(Number.isInteger(beta) && Number.isInteger(alpha)))
    throw new ArgumentError(`${op}: expected whole numbers as beta and alpha for tensors of whole numbers, but got ${beta} and ${alpha}`);
  const whole = input.expand(product.layout.shape);
  if (product.dtype === 'bool') return (alpha === 0 ? flat(product) : product).logicalOr(beta === 0 ? flat(product) : whole);
  const scaled = alpha === 1 ? product : product.mul(alpha);
  if (beta !== 0) return scaled.add(whole, { alpha: beta });
  return whole.requiresGrad ? scaled.add(flat(whole)) : scaled;
}

/** beta·input + alpha·(a @ b), of matrices. */
export function addmm(input: Tensor, a: Tensor, b: Tensor, options?: AddProductOptions): Tensor {
  requireRanks('addmm', [
    [a, 2],
    [b, 2],
  ]);
  return sumWith('addmm', input, a.matmul(b), options);
}

/** beta·input + alpha·(matrix @ vector) */
export function addmv(input: Tensor, matrix: Tensor, vector: Tensor, options?: AddProductOptions): Tensor {
  requireRanks('addmv', [
    [matrix, 2],
    [vector, 1],
  ]);
  return sumWith('addmv', input, matrix.matmul(vector), options);
}

/** beta·input + alpha·(a ⊗ b), of vectors. */
export function addr(input: Tensor, a: Tensor, b: Tensor, options?: AddProductOptions): Tensor {
  requireTensor('addr', 'the input', input);
  requireRanks('addr', [
    [a, 1],
    [b, 1],
  ]);
  const oneDType = input.dtype === a.dtype && a.dtype === b.dtype && a.isFloatingPoint();
  if (!oneDType || options?.beta !== undefined) return sumWith('addr', input, outer(a, b), options);
  const { alpha = 1 } = requireOptions<AddProductOptions>('addr', options, ADD_PRODUCT, '{ beta: 1, alpha: 1 }');
  const whole = input.expand([a.layout.numel, b.layout.numel]);
  return OUTER_ADDED([whole, a.unsqueeze(1), b.unsqueeze(0)], alpha);
}

/** beta·input + alpha·bmm(a, b) */
export const baddbmm = (input: Tensor, a: Tensor, b: Tensor, options?: AddProductOptions): Tensor =>
  sumWith('baddbmm', input, bmm(a, b), options);

/** beta·input + alpha·(the sum of the products of two batches' matrices) */
export const addbmm = (input: Tensor, a: Tensor, b: Tensor, options?: AddProductOptions): Tensor =>
  sumWith('addbmm', input, bmm(a, b).sum(0).to(a.dtype), options); // sums of whole numbers are int64

/** `value` multiplies the product or the quotient. */
export interface ValueOption {
  readonly value?: number;
}

/** The factors in the dtype that all three compute in. */
function inOneDType(input: Tensor, a: Tensor, b: Tensor): [Tensor, Tensor] {
  const dtype = promote(promoteLayouts(a.layout, b.layout), input.dtype);
  return [a.to(dtype), b.to(dtype)];
}

const valueOf = (op: string, options: unknown): number =>
  requireOptions<ValueOption>(op, options, { value: NUMBER }, '{ value: 0.5 }').value ?? 1;
const PRODUCT_ADDED = fused<[number]>('AddcmulBackward0', ([input, x, y], value) => input!.add(x!.mul(y!), { alpha: value }));
const OUTER_ADDED = fused<[number]>('AddrBackward0', ([input, x, y], alpha) => input!.add(x!.mul(y!), { alpha }));
const QUOTIENT_ADDED = fused<[number]>('AddcdivBackward0', ([input, x, y], value) => input!.add(x!.div(y!), { alpha: value }));

/** input + value·a·b, elementwise. */
export function addcmul(input: Tensor, a: Tensor, b: Tensor, options?: ValueOption): Tensor {
  for (const x of [input, a, b]) requireTensor('addcmul', 'every operand', x);
  return PRODUCT_ADDED([input, ...inOneDType(input, a, b)], valueOf('addcmul', options));
}

/** input + value·a/b, elementwise, of floating-point tensors. */
export function addcdiv(input: Tensor, a: Tensor, b: Tensor, options?: ValueOption): Tensor {
  for (const x of [input, a, b]) requireTensor('addcdiv', 'every operand', x);
  if (!a.isFloatingPoint() && !b.isFloatingPoint())
    throw new DTypeError(
      `addcdiv: expected floating-point tensors to divide, but got ${a.dtype} and ${b.dtype}; convert one with .to('float32')`,
    );
  return QUOTIENT_ADDED([input, ...inOneDType(input, a, b)], valueOf('addcdiv', options));
}

type Outer<A, B> = A extends readonly [infer N extends number]
  ? B extends readonly [infer M extends number]
    ? Tensor<[N, M]>
    : Tensor
  : Tensor;

/** All products of an element of one vector and one of another: [n] and [m] give [n, m]. */
export function outer<A extends Shape, B extends Shape>(a: Tensor<A>, b: Tensor<B>): Outer<A, B>;
export function outer(a: Tensor, b: Tensor): Tensor {
  requireRanks('outer', [
    [a, 1],
    [b, 1],
  ]);
  return a.unsqueeze(1).mul(b);
}

/** Sums of products along the last dimensions of two tensors; with a scalar, the product. */
export function inner(a: Tensor, b: Tensor): Tensor {
  for (const x of [a, b]) requireTensor('inner', 'every operand', x);
  if (a.ndim === 0 || b.ndim === 0) return a.mul(b);
  return contracted('inner', a, b, [a.ndim - 1], [b.ndim - 1]);
}

function contracted(op: string, a: Tensor, b: Tensor, overA: readonly number[], overB: readonly number[]): Tensor {
  const sizes = (x: Tensor, dims: readonly number[]): number[] => dims.map((dim) => x.layout.shape[dim]!);
  // A size of 1 is summed up with whatever it meets, as in PyTorch.
  const summed = (x: Tensor, dims: readonly number[], beside: readonly number[]): Tensor => {
    const narrow = dims.filter((dim, i) => x.layout.shape[dim] !== 1 && beside[i] === 1);
    return narrow.length === 0 ? x : x.sum(narrow, true).to(x.dtype);
  };
  const [left, right] = [summed(a, overA, sizes(b, overB)), summed(b, overB, sizes(a, overA))];
  const shared = sizes(left, overA);
  if (!sameDims(shared, sizes(right, overB)))
    throw new ShapeError(
      `${op}: expected the same sizes along the dimensions that are summed, but got ${showShape(sizes(a, overA))} and ${showShape(sizes(b, overB))}`,
    );
  const free = (x: Tensor, dims: readonly number[]): number[] => x.layout.shape.map((_, i) => i).filter((i) => !dims.includes(i));
  const [freeA, freeB] = [free(left, overA), free(right, overB)];
  const [sizesA, sizesB] = [sizes(left, freeA), sizes(right, freeB)];
  const n = numelOf(shared);
  const rows = left.permute([...freeA, ...overA]).reshape([numelOf(sizesA), n]);
  const columns = right.permute([...overB, ...freeB]).reshape([n, numelOf(sizesB)]);
  return rows.matmul(columns).reshape([...sizesA, ...sizesB]);
}

type Pairs = readonly [readonly number[], readonly number[]];
const TENSORDOT = signature<{ dims?: number | Pairs }>('tensordot', {
  dims: either(SIZE, arrayOf(either(WHOLE, arrayOf(WHOLE, 'whole numbers')), 'lists of dimensions')),
});

/**
 * Products of two tensors, summed along dimensions: the last of one with the first of the other, as many as `dims` says, or those in two lists.
 * @see https://pytorch.org/docs/stable/generated/torch.tensordot.html
 */
export function tensordot(a: Tensor, b: Tensor, ...args: Call<[dims?: number | Pairs], { dims: number | Pairs }>): Tensor;
export function tensordot(a: Tensor, b: Tensor, ...args: readonly unknown[]): Tensor {
  for (const x of [a, b]) requireTensor('tensordot', 'every operand', x);
  const { dims = 2 } = readCall<{ dims?: number | Pairs }>(TENSORDOT, args);
  if (typeof dims === 'number') {
    if (dims > Math.min(a.ndim, b.ndim))
      throw new ArgumentError(
        `tensordot: expected at most ${Math.min(a.ndim, b.ndim)} dims for shapes ${showShape(a.layout.shape)} and ${showShape(b.layout.shape)}, but got ${dims}`,
      );
    const places = Array.from({ length: dims }, (_, i) => i);
    return contracted(
      'tensordot',
      a,
      b,
      places.map((i) => a.ndim - dims + i),
      places,
    );
  }
  const lists = dims.map((list) => (typeof list === 'number' ? [list] : list));
  if (lists.length !== 2 || lists[0]!.length !== lists[1]!.length)
    throw new ArgumentError('tensordot: expected dims to be two lists of one length; write [[1, 2], [0, 1]]');
  const [overA, overB] = [a, b].map((x, i) => lists[i]!.map((dim) => existingDim('tensordot', dim, x.ndim)));
  for (const list of [overA!, overB!])
    if (new Set(list).size < list.length) throw new ArgumentError(`tensordot: dims name a dimension twice: [${list.join(', ')}]`);
  return contracted('tensordot', a, b, overA!, overB!);
}

/** The Kronecker product: each element of `a` times all of `b`. */
export function kron(a: Tensor, b: Tensor): Tensor {
  for (const x of [a, b]) requireTensor('kron', 'every operand', x);
  const rank = Math.max(a.ndim, b.ndim);
  const padded = (x: Tensor): number[] => [...new Array<number>(rank - x.ndim).fill(1), ...x.layout.shape];
  const [sa, sb] = [padded(a), padded(b)];
  const spread = a.reshape(sa.flatMap((n) => [n, 1])).mul(b.reshape(sb.flatMap((n) => [1, n])));
  return spread.reshape(sa.map((n, i) => n * sb[i]!));
}

const CROSS = signature<{ dim?: number }>('cross', { dim: WHOLE });

/** The vector product of 3-vectors along `dim`; by default the first dimension of size 3. */
export function cross(a: Tensor, b: Tensor, ...args: Call<[dim?: number], { dim: number }>): Tensor;
export function cross(a: Tensor, b: Tensor, ...args: readonly unknown[]): Tensor {
  for (const x of [a, b]) requireTensor('cross', 'every operand', x);
  const { dim } = readCall<{ dim?: number }>(CROSS, args);
  if (a.ndim !== b.ndim)
    throw new ShapeError(
      `cross: expected tensors of as many dimensions, but got shapes ${showShape(a.layout.shape)} and ${showShape(b.layout.shape)}`,
    );
  const found = dim ?? a.layout.shape.indexOf(3);
  const axis = found === -1 && dim === undefined ? a.ndim : existingDim('cross', found, a.ndim);
  if (a.layout.shape[axis] !== 3 || b.layout.shape[axis] !== 3)
    throw new ShapeError(
      `cross: expected a dimension of size 3, but got shapes ${showShape(a.layout.shape)} and ${showShape(b.layout.shape)}`,
    );
  const turned = (x: Tensor, by: number): Tensor => cat([x.narrow(axis, by, 3 - by), x.narrow(axis, 0, by)], axis);
  return turned(a, 1)
    .mul(turned(b, 2))
    .sub(turned(a, 2).mul(turned(b, 1)));
}

const CDIST = signature<{ p?: number }>('cdist', { p: NUMBER });

/** From so many rows on Euclidean distances come from one product, as PyTorch's do: |a - b|² = |a|² - 2ab + |b|². */
const PRODUCT_ROWS = 25;

/** Not where gradients are wanted: the root of a rounded zero has none. */
function byProduct(a: Tensor, b: Tensor): Tensor {
  const [squares, others] = [a.square().sum(-1, true), b.square().sum(-1, true)] as [Tensor, Tensor];
  const left = cat([a.mul(-2), squares, onesLike(squares)], -1);
  const right = cat([b, onesLike(others), others], -1);
  return left.matmul(right.transpose(-2, -1)).clampMin(0).sqrt();
}

/** Distances between all rows of `a` [… n, m] and all of `b` [… k, m] in the p-norm: [… n, k]. */
export function cdist(a: Tensor, b: Tensor, ...args: Call<[p?: number], { p: number }>): Tensor;
export function cdist(a: Tensor, b: Tensor, ...args: readonly unknown[]): Tensor {
  for (const x of [a, b]) {
    requireTensor('cdist', 'every operand', x);
    if (x.ndim < 2)
      throw new ShapeError(`cdist: expected at least 2 dimensions, but got shape ${showShape(x.layout.shape)}; unsqueeze(0) a single row`);
  }
  const { p = 2 } = readCall<{ p?: number }>(CDIST, args);
  if (!(p >= 0)) throw new ArgumentError(`cdist: expected p to be at least 0, but got ${p}`);
  const [rows, others, width] = [a.layout.shape.at(-2)!, b.layout.shape.at(-2)!, a.layout.shape.at(-1)!];
  const recorded = isGradEnabled() && (a.requiresGrad || b.requiresGrad);
  const alike = width > 0 && width === b.layout.shape.at(-1) && a.dtype === b.dtype && !recorded;
  if (p === 2 && Math.max(rows, others) > PRODUCT_ROWS && alike) return byProduct(a, b);
  const between = a.unsqueeze(-2).sub(b.unsqueeze(-3));
  return between.layout.shape.at(-1) === 0 ? between.sum(-1) : vectorNorm(between, p, -1);
}
