/** Products, and other orders and shapes of a tensor: methods of one line, what they do stands in the modules that they name. */
/* eslint-disable @typescript-eslint/unified-signatures -- of a union of positions and names, compilers infer neither's numbers */
import { ShapeError } from '../base/errors.ts';
import { showShape, type Dims } from '../base/shape.ts';
import { requireTensor } from './arguments.ts';
import { written, type Call } from './calls.ts';
import { family } from './family.ts';
import type { TensorSplitArguments } from './joining.ts';
import type { PNormArguments } from './linalg.ts';
import type { AddProductOptions, ValueOption } from './linear-algebra.ts';
import type { Named } from './matrices/named.ts';
import type { DiagArguments, DiagonalArguments, MovedimArguments, RepeatInterleaveArguments, RollArguments, Rot90Arguments, UnflattenArguments, UnfoldArguments } from './rearrange.ts'; // prettier-ignore
import type { CheckedFor, Shape, ShapeFor } from './shapes/dims.ts';
import type { MatmulShape } from './shapes/matmul.ts';
import type { FlattenShape, ResizeShape, SelectShape, SqueezeShape, TransposeShape, TShape, UnsqueezeShape } from './shapes/view.ts';
import { TensorMath } from './tensor-math.ts';
import { indexCall, narrowCall, selectCall, squeezeCall, transposeCall, unsqueezeCall } from './view-calls.ts';
import * as views from './views.ts';
import type { Tensor } from './tensor.ts';

/** How many slices an index picks. */
export type Count<I> = I extends readonly [infer N extends number] ? N : number;

// Methods that are called often have fixed parameters, and one more that tells of too many: an array of rest arguments would cost as much as a view.
export abstract class TensorShapeMethods<S extends Shape> extends TensorMath<S> {
  // ---- views

  transpose<A extends Shape, D extends number, E extends number>(
    this: Tensor<A>,
    dim0: CheckedFor<A, TransposeShape<A, D, E>, D>,
    dim1: E | { readonly dim1: E },
  ): Tensor<ShapeFor<A, TransposeShape<A, D, E>>>;
  transpose<A extends Shape, D extends number, E extends number>(
    this: Tensor<A>,
    call: { readonly dim0: D; readonly dim1: E } & CheckedFor<A, TransposeShape<A, D, E>, unknown>,
  ): Tensor<ShapeFor<A, TransposeShape<A, D, E>>>;
  transpose(first: unknown, second?: unknown, more?: unknown): Tensor {
    if (typeof first === 'number' && typeof second === 'number' && more === undefined) return views.transpose(this.self(), first, second);
    return views.transpose(this.self(), ...transposeCall([first, second, more]));
  }

  /**
   * The transpose of a matrix; a vector or a scalar stays as it is.
   * @throws ShapeError with more than two dimensions
   */
  t<A extends Shape>(this: Tensor<A>): Tensor<ShapeFor<A, TShape<A>>>;
  t(): Tensor {
    if (this.ndim > 2)
      throw new ShapeError(
        `t: expected at most 2 dimensions, but got shape ${showShape(this.layout.shape)}; use transpose(0, 1) or permute`,
      );
    return this.ndim < 2 ? this.self() : views.transpose(this.self(), 0, 1, 'TBackward0');
  }

  unsqueeze<A extends Shape, D extends number>(
    this: Tensor<A>,
    dim: CheckedFor<A, UnsqueezeShape<A, D>, D>,
  ): Tensor<ShapeFor<A, UnsqueezeShape<A, D>>>;
  unsqueeze<A extends Shape, D extends number>(
    this: Tensor<A>,
    call: { readonly dim: D } & CheckedFor<A, UnsqueezeShape<A, D>, unknown>,
  ): Tensor<ShapeFor<A, UnsqueezeShape<A, D>>>;
  unsqueeze(first: unknown, more?: unknown): Tensor {
    const dim = typeof first === 'number' && more === undefined ? first : unsqueezeCall([first, more]);
    return views.unsqueeze(this.self(), dim);
  }

  /** Without dimensions of size 1, or without those named. */
  squeeze<A extends Shape, D extends number | undefined = undefined>(
    this: Tensor<A>,
    dim?: CheckedFor<A, SqueezeShape<A, D>, D>,
  ): Tensor<ShapeFor<A, SqueezeShape<A, D>>>;
  squeeze<A extends Shape, D extends number>(
    this: Tensor<A>,
    call: { readonly dim: D } & CheckedFor<A, SqueezeShape<A, D>, unknown>,
  ): Tensor<ShapeFor<A, SqueezeShape<A, D>>>;
  squeeze(dims: readonly number[] | { readonly dim: readonly number[] }): Tensor;
  squeeze(first?: unknown, more?: unknown): Tensor {
    const dims = typeof first === 'number' && more === undefined ? [first] : squeezeCall([first, more]);
    return views.squeeze(this.self(), dims);
  }

  /** `length` elements along `dim`, from `start`; a negative `start` counts from the end. */
  narrow<A extends Shape, D extends number, L extends number>(
    this: Tensor<A>,
    dim: CheckedFor<A, ResizeShape<A, D, L>, D>,
    start: number,
    length: L | { readonly length: L },
  ): Tensor<ShapeFor<A, ResizeShape<A, D, L>>>;
  narrow<A extends Shape, D extends number, L extends number>(
    this: Tensor<A>,
    dim: CheckedFor<A, ResizeShape<A, D, L>, D>,
    call: { readonly start: number; readonly length: L },
  ): Tensor<ShapeFor<A, ResizeShape<A, D, L>>>;
  narrow<A extends Shape, D extends number, L extends number>(
    this: Tensor<A>,
    call: { readonly dim: D; readonly start: number; readonly length: L } & CheckedFor<A, ResizeShape<A, D, L>, unknown>,
  ): Tensor<ShapeFor<A, ResizeShape<A, D, L>>>;
  narrow(first: unknown, second?: unknown, third?: unknown, more?: unknown): Tensor {
    const plain = typeof first === 'number' && typeof second === 'number' && typeof third === 'number';
    if (plain && more === undefined) return views.narrow(this.self(), first, second, third);
    return views.narrow(this.self(), ...narrowCall([first, second, third, more]));
  }

  /** The slice at `index` along `dim`, which is dropped. */
  select<A extends Shape, D extends number>(
    this: Tensor<A>,
    dim: CheckedFor<A, SelectShape<A, D>, D>,
    index: number | { readonly index: number },
  ): Tensor<ShapeFor<A, SelectShape<A, D>>>;
  select<A extends Shape, D extends number>(
    this: Tensor<A>,
    call: { readonly dim: D; readonly index: number } & CheckedFor<A, SelectShape<A, D>, unknown>,
  ): Tensor<ShapeFor<A, SelectShape<A, D>>>;
  select(first: unknown, second?: unknown, more?: unknown): Tensor {
    if (typeof first === 'number' && typeof second === 'number' && more === undefined) return views.select(this.self(), first, second);
    return views.select(this.self(), ...selectCall([first, second, more]));
  }

  /**
   * Slices along `dim` at the places of a one-dimensional int64 or int32 index, which are counted from the front.
   * @throws IndexError for an index out of range
   */
  indexSelect<A extends Shape, D extends number, I extends Shape>(
    this: Tensor<A>,
    dim: CheckedFor<A, ResizeShape<A, D, Count<I>>, D>,
    index: Tensor<I> | { readonly index: Tensor<I> },
  ): Tensor<ShapeFor<A, ResizeShape<A, D, Count<I>>>>;
  indexSelect<A extends Shape, D extends number, I extends Shape>(
    this: Tensor<A>,
    call: { readonly dim: D; readonly index: Tensor<I> } & CheckedFor<A, ResizeShape<A, D, Count<I>>, unknown>,
  ): Tensor<ShapeFor<A, ResizeShape<A, D, Count<I>>>>;
  indexSelect(...args: readonly unknown[]): Tensor {
    const [dim, index] = indexCall('indexSelect', args);
    return family('picking').indexSelect(this.self(), dim, index);
  }

  /**
   * Elements along `dim` at the places of an int64 or int32 index of the result's shape, which are counted from the front.
   * @throws IndexError for an index out of range
   */
  gather<I extends Shape>(dim: number, index: Tensor<I> | { readonly index: Tensor<I> }): Tensor<I>;
  gather<I extends Shape>(call: { readonly dim: number; readonly index: Tensor<I> }): Tensor<I>;
  gather(...args: readonly unknown[]): Tensor {
    const [dim, index] = indexCall('gather', args);
    return family('picking').gather(this.self(), dim, index);
  }

  // ---- products

  /** The sum of products of two vectors. */
  dot(other: Tensor): Tensor {
    return family('linear-algebra').dot(this.self(), other);
  }

  /** A matrix times a vector. */
  mv(vector: Tensor): Tensor {
    return family('linear-algebra').mv(this.self(), vector);
  }

  /** Products of the matrices of two batches. */
  bmm<A extends Shape, B extends Shape>(
    this: Tensor<A>,
    other: CheckedFor<A, MatmulShape<A, B>, Tensor<B>>,
  ): Tensor<ShapeFor<A, MatmulShape<A, B>>>;
  bmm(other: Tensor): Tensor {
    return family('linear-algebra').bmm(this.self(), other);
  }

  /** All products of elements of two vectors. */
  outer(other: Tensor): Tensor {
    return family('linear-algebra').outer(this.self(), other);
  }

  /** Sums of products along the last dimensions. */
  inner(other: Tensor): Tensor {
    return family('linear-algebra').inner(this.self(), other);
  }

  /** The Kronecker product. */
  kron(other: Tensor): Tensor {
    return family('linear-algebra').kron(this.self(), other);
  }

  /** beta·this + alpha·(a @ b), of matrices. */
  addmm(a: Tensor, b: Tensor, options?: AddProductOptions): Tensor {
    return family('linear-algebra').addmm(this.self(), a, b, options);
  }

  addmm_(a: Tensor, b: Tensor, options?: AddProductOptions): this {
    return written('addmm_', this.self(), (from) => family('linear-algebra').addmm(from, a, b, options));
  }

  /** beta·this + alpha·(a @ b), of a matrix and a vector. */
  addmv(a: Tensor, b: Tensor, options?: AddProductOptions): Tensor {
    return family('linear-algebra').addmv(this.self(), a, b, options);
  }

  addmv_(a: Tensor, b: Tensor, options?: AddProductOptions): this {
    return written('addmv_', this.self(), (from) => family('linear-algebra').addmv(from, a, b, options));
  }

  /** beta·this + alpha·(a ⊗ b), of vectors. */
  addr(a: Tensor, b: Tensor, options?: AddProductOptions): Tensor {
    return family('linear-algebra').addr(this.self(), a, b, options);
  }

  addr_(a: Tensor, b: Tensor, options?: AddProductOptions): this {
    return written('addr_', this.self(), (from) => family('linear-algebra').addr(from, a, b, options));
  }

  /** beta·this + alpha·bmm(a, b) */
  baddbmm(a: Tensor, b: Tensor, options?: AddProductOptions): Tensor {
    return family('linear-algebra').baddbmm(this.self(), a, b, options);
  }

  baddbmm_(a: Tensor, b: Tensor, options?: AddProductOptions): this {
    return written('baddbmm_', this.self(), (from) => family('linear-algebra').baddbmm(from, a, b, options));
  }

  /** beta·this + alpha·(the sum of the products of two batches) */
  addbmm(a: Tensor, b: Tensor, options?: AddProductOptions): Tensor {
    return family('linear-algebra').addbmm(this.self(), a, b, options);
  }

  addbmm_(a: Tensor, b: Tensor, options?: AddProductOptions): this {
    return written('addbmm_', this.self(), (from) => family('linear-algebra').addbmm(from, a, b, options));
  }

  /** this + value·a·b */
  addcmul(a: Tensor, b: Tensor, options?: ValueOption): Tensor {
    return family('linear-algebra').addcmul(this.self(), a, b, options);
  }

  addcmul_(a: Tensor, b: Tensor, options?: ValueOption): this {
    return written('addcmul_', this.self(), (from) => family('linear-algebra').addcmul(from, a, b, options));
  }

  /** this + value·a/b */
  addcdiv(a: Tensor, b: Tensor, options?: ValueOption): Tensor {
    return family('linear-algebra').addcdiv(this.self(), a, b, options);
  }

  addcdiv_(a: Tensor, b: Tensor, options?: ValueOption): this {
    return written('addcdiv_', this.self(), (from) => family('linear-algebra').addcdiv(from, a, b, options));
  }

  /** The vector product along a dimension of size 3. */
  cross(other: Tensor, ...dim: Call<[dim?: number], { dim: number }>): Tensor {
    return family('linear-algebra').cross(this.self(), other, ...dim);
  }

  /** The p-norm of all elements as one vector, or along dimensions: `x.norm()`, `x.norm(1)`, `x.norm(2, 1, true)`, `x.norm('fro')`. */
  norm(...args: PNormArguments): Tensor {
    return family('linear-algebra').pNorm(this.self(), ...args);
  }

  // ---- matrices

  /** The determinant. */
  det(): Tensor {
    return family('matrices').det(this.self());
  }

  /** The logarithm of the determinant. */
  logdet(): Tensor {
    return family('matrices').logdet(this.self());
  }

  /** The sign and the logarithm of the magnitude of the determinant. */
  slogdet(): Named<['sign', 'logabsdet']> {
    return family('matrices').slogdet(this.self());
  }

  /** The inverse of a square matrix. @throws LinAlgError where there is none */
  inverse(): Tensor {
    return family('matrices').inv(this.self());
  }

  /** The pseudoinverse. */
  pinverse(rcond?: number): Tensor {
    return family('matrices').pinv(this.self(), rcond);
  }

  /** A square matrix times itself. */
  matrixPower(n: number): Tensor {
    return family('matrices').matrixPower(this.self(), n);
  }

  /** The exponential of a square matrix. */
  matrixExp(): Tensor {
    return family('matrices').matrixExp(this.self());
  }

  /** Singular values and vectors: U, S, V. */
  svd(...args: Call<[some?: boolean, computeUv?: boolean], { some: boolean; computeUv: boolean }>): Named<['U', 'S', 'V']> {
    return family('matrices').torchSvd(this.self(), ...args);
  }

  /** This solved by Cholesky's factor of a matrix. */
  choleskySolve(L: Tensor, upper?: boolean | { readonly upper?: boolean }): Tensor {
    return family('matrices').choleskySolve(this.self(), L, upper);
  }

  /** The inverse of the matrix that this is Cholesky's factor of. */
  choleskyInverse(upper?: boolean | { readonly upper?: boolean }): Tensor {
    return family('matrices').choleskyInverse(this.self(), upper);
  }

  // ---- functions that are computed on the host

  /** The n-th derivative of the digamma function. */
  polygamma(n: number): Tensor {
    return family('special-host').polygamma(n, this.self());
  }

  /** Bessel's modified function of order 0. */
  i0(): Tensor {
    return family('special-host').i0(this.self());
  }

  // ---- other orders and shapes

  /** The elements in the opposite order along dimensions, as a copy. */
  flip(...dims: readonly number[] | readonly [Dims]): Tensor<S> {
    return family('rearrange').flip(this.self(), ...(dims as number[]));
  }

  /** Columns in the opposite order. */
  fliplr(): Tensor<S> {
    return family('rearrange').fliplr(this.self());
  }

  /** Rows in the opposite order. */
  flipud(): Tensor<S> {
    return family('rearrange').flipud(this.self());
  }

  /** Elements moved along dimensions; what passes the end comes in at the start. */
  roll(...args: RollArguments): Tensor<S> {
    return family('rearrange').roll(this.self(), ...args);
  }

  /** Turned by 90 degrees, `k` times, in the plane of two dimensions. */
  rot90(...args: Rot90Arguments): Tensor {
    return family('rearrange').rot90(this.self(), ...args);
  }

  /** The tensor side by side with itself, as often along each dimension as the numbers say. */
  repeat(...repeats: readonly number[] | readonly [Dims]): Tensor {
    return family('rearrange').repeat(this.self(), ...(repeats as number[]));
  }

  /** As `repeat`; missing numbers in front are 1. */
  tile(...dims: readonly number[] | readonly [Dims]): Tensor {
    return family('rearrange').tile(this.self(), ...(dims as number[]));
  }

  /** Every element or slice several times in a row. */
  repeatInterleave(...args: RepeatInterleaveArguments): Tensor {
    return family('rearrange').repeatInterleave(this.self(), ...args);
  }

  /** The slices along a dimension, which is dropped, as views. */
  unbind(dim?: number | { readonly dim?: number }): Tensor[] {
    return family('rearrange').unbind(this.self(), dim);
  }

  /** Windows of `size` along a dimension, `step` apart, as a new last dimension: a view. */
  unfold(...args: UnfoldArguments): Tensor {
    return family('rearrange').unfold(this.self(), ...args);
  }

  /** The diagonal of two dimensions as a new last dimension: a view. */
  diagonal(...args: DiagonalArguments): Tensor {
    return family('rearrange').diagonal(this.self(), ...args);
  }

  /** Matrices whose diagonals are the last dimension. */
  diagEmbed(...args: DiagonalArguments): Tensor {
    return family('rearrange').diagEmbed(this.self(), ...args);
  }

  /** Of a vector the matrix with it on a diagonal, of a matrix a diagonal. */
  diag(...args: DiagArguments): Tensor {
    return family('rearrange').diag(this.self(), ...args);
  }

  /** The sum of a matrix's diagonal. */
  trace(): Tensor<[]> {
    return family('rearrange').trace(this.self());
  }

  /** The elements on and below a diagonal, zeros elsewhere. */
  tril(...args: DiagArguments): Tensor<S> {
    return family('rearrange').tril(this.self(), ...args);
  }

  /** The elements on and above a diagonal, zeros elsewhere. */
  triu(...args: DiagArguments): Tensor<S> {
    return family('rearrange').triu(this.self(), ...args);
  }

  tril_(...args: DiagArguments): this {
    return written('tril_', this.self(), (from) => family('rearrange').tril(from, ...args));
  }

  triu_(...args: DiagArguments): this {
    return written('triu_', this.self(), (from) => family('rearrange').triu(from, ...args));
  }

  /** Dimensions at other places, the others in their order. */
  movedim(...args: MovedimArguments): Tensor {
    return family('rearrange').movedim(this.self(), ...args);
  }

  /** One dimension as several, of which one may be -1: a view. */
  unflatten(...args: UnflattenArguments): Tensor {
    return family('rearrange').unflatten(this.self(), ...args);
  }

  /** The tensor as a shape broadcasts it: a view. */
  broadcastTo(shape: Dims): Tensor {
    return family('rearrange').broadcastTo(this.self(), shape);
  }

  /** Pieces of nearly one size, or cut at indices. */
  tensorSplit(...args: TensorSplitArguments): Tensor[] {
    return family('joining').tensorSplit(this.self(), ...args);
  }

  /** Equal pieces, or pieces cut at indices, along the second dimension. */
  hsplit(indicesOrSections: number | Dims): Tensor[] {
    return family('joining').hsplit(this.self(), indicesOrSections);
  }

  /** Equal pieces, or pieces cut at indices, along the first dimension. */
  vsplit(indicesOrSections: number | Dims): Tensor[] {
    return family('joining').vsplit(this.self(), indicesOrSections);
  }

  /** Equal pieces, or pieces cut at indices, along the third dimension. */
  dsplit(indicesOrSections: number | Dims): Tensor[] {
    return family('joining').dsplit(this.self(), indicesOrSections);
  }

  /** A view of the shape of another tensor. */
  viewAs<B extends Shape>(other: Tensor<B>): Tensor<B> {
    requireTensor('viewAs', 'other', other);
    return views.view(this.self(), other.layout.shape);
  }

  /** The elements in the shape of another tensor. */
  reshapeAs<B extends Shape>(other: Tensor<B>): Tensor<B> {
    requireTensor('reshapeAs', 'other', other);
    return this.self().reshape(other.layout.shape);
  }

  /** Converted to the dtype of another tensor. */
  typeAs(other: Tensor): Tensor<S> {
    requireTensor('typeAs', 'other', other);
    return this.self().to(other.dtype);
  }

  /** All elements in one dimension. */
  ravel<A extends Shape>(this: Tensor<A>): Tensor<ShapeFor<A, FlattenShape<A>>>;
  ravel(): Tensor {
    return (this.self() as Tensor).reshape([-1]);
  }

  /** As {@link transpose}. */
  swapaxes<A extends Shape, D extends number, E extends number>(
    this: Tensor<A>,
    axis0: CheckedFor<A, TransposeShape<A, D, E>, D>,
    axis1: E,
  ): Tensor<ShapeFor<A, TransposeShape<A, D, E>>>;
  swapaxes(axis0: number, axis1: number): Tensor {
    return views.transpose(this.self(), axis0, axis1);
  }

  /** As {@link transpose}. */
  swapdims<A extends Shape, D extends number, E extends number>(
    this: Tensor<A>,
    dim0: CheckedFor<A, TransposeShape<A, D, E>, D>,
    dim1: E,
  ): Tensor<ShapeFor<A, TransposeShape<A, D, E>>>;
  swapdims(dim0: number, dim1: number): Tensor {
    return views.transpose(this.self(), dim0, dim1);
  }

  /** The dimensions in the opposite order: of a matrix the transpose. */
  get T(): Tensor {
    return views.permute(
      this.self(),
      this.layout.shape.map((_, i) => this.ndim - 1 - i),
    );
  }

  /** Matrices transposed: the last two dimensions swapped. */
  get mT(): Tensor {
    if (this.ndim < 2) throw new ShapeError(`mT: expected at least 2 dimensions, but got shape ${showShape(this.layout.shape)}`);
    return views.transpose(this.self(), -2, -1);
  }

  /** A matrix transposed; numbers are real, so there is nothing to conjugate. */
  get H(): Tensor {
    if (this.ndim !== 0 && this.ndim !== 2)
      throw new ShapeError(`H: expected a matrix, but got shape ${showShape(this.layout.shape)}; mT takes batches`);
    return this.T;
  }
}
