/**
 * Other orders and shapes of the same elements: flips, rolls, repeats, diagonals, windows, dimensions moved, put in and taken apart
 * (https://pytorch.org/docs/stable/torch.html#indexing-slicing-joining-mutating-ops). Joining and splitting are in `joining.ts`.
 */
import { either, requireKind, show, SIZE, WHOLE, wrongArgument } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { existingDim, normalizeDim, numelOf, showShape, type Dims } from '../base/shape.ts';
import { flipParams, triangleParams } from '../geometry/indexing.ts';
import { DIM_OR_DIMS, DIMS, requireTensor, TENSOR } from './arguments.ts';
import type { Call } from './calls.ts';
import { full, hostTensor } from './create.ts';
import { apply1 } from './dispatch.ts';
import { indexing as indexingOps } from './families/indexing.ts';
import { cat } from './functions.ts';
import { isTensor } from './is-tensor.ts';
import type { Shape } from './shapes/dims.ts';
import type { Tensor } from './tensor.ts';
import { inferShape, permute, select } from './views.ts';
import { diagonalView, unfoldView } from './views-strided.ts';
import './families/picking.ts';

/** Numbers one by one, one array of them, or one array by name. */
function numbersOf(op: string, name: string, args: readonly unknown[]): number[] {
  const [first] = args;
  const rest =
    typeof first === 'object' && first !== null && !Array.isArray(first) && args.length === 1 && name in first
      ? (first as Record<string, unknown>)[name]
      : undefined;
  const list = rest ?? (Array.isArray(first) && args.length === 1 ? first : args);
  const all = typeof list === 'number' ? [list] : list;
  requireKind(op, name, all, DIMS, `write ${op}(0, 1) or ${op}([0, 1])`);
  return all as number[];
}

/** The elements in the opposite order along dimensions, as a copy. */
export function flip<A extends Shape>(x: Tensor<A>, ...dims: readonly number[] | readonly [Dims]): Tensor<A> {
  requireTensor('flip', 'the input', x);
  return apply1(indexingOps.flip, [x], flipParams(numbersOf('flip', 'dims', dims)));
}

/** Columns in the opposite order: {@link flip} of dimension 1. */
export function fliplr<A extends Shape>(x: Tensor<A>): Tensor<A> {
  requireTensor('fliplr', 'the input', x);
  if (x.ndim < 2) throw new ShapeError(`fliplr: expected at least 2 dimensions, but got shape ${showShape(x.layout.shape)}; use flip(0)`);
  return flip(x, 1);
}

/** Rows in the opposite order: {@link flip} of dimension 0. */
export function flipud<A extends Shape>(x: Tensor<A>): Tensor<A> {
  requireTensor('flipud', 'the input', x);
  if (x.ndim < 1) throw new ShapeError('flipud: expected at least 1 dimension, but got a scalar; unsqueeze(0) it first');
  return flip(x, 0);
}

interface RollCall {
  shifts: number | Dims;
  dims?: number | Dims;
}
export type RollArguments = Call<[shifts: number | Dims, dims?: number | Dims], RollCall>;
const ROLL = signature<RollCall>('roll', { shifts: DIM_OR_DIMS, dims: DIM_OR_DIMS }, { required: 1, example: 'roll(1, 0)' });

/** Elements moved along dimensions; what passes the end comes in at the start. Without `dims`, of the flattened tensor. */
export function roll<A extends Shape>(x: Tensor<A>, ...args: RollArguments): Tensor<A>;
export function roll(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('roll', 'the input', x);
  const { shifts, dims = [] } = readCall<RollCall>(ROLL, args);
  const [by, along] = [shifts, dims].map((value) => (typeof value === 'number' ? [value] : value)) as [Dims, Dims];
  if (along.length === 0) {
    if (by.length !== 1) throw new ArgumentError(`roll: expected one shift where no dims are given, but got [${by.join(', ')}]`);
    return rolled(x.reshape([-1]), by[0]!, 0).reshape(x.layout.shape);
  }
  if (by.length !== along.length)
    throw new ArgumentError(`roll: expected as many shifts as dims, but got [${by.join(', ')}] and [${along.join(', ')}]`);
  return by.reduce<Tensor>((all, shift, i) => rolled(all, shift, existingDim('roll', along[i]!, x.ndim)), x);
}

function rolled(x: Tensor, shift: number, dim: number): Tensor {
  const size = x.layout.shape[dim]!;
  if (size === 0) return x.clone();
  const by = ((shift % size) + size) % size;
  if (by === 0) return x.clone();
  return cat([x.narrow(dim, size - by, by), x.narrow(dim, 0, size - by)], dim);
}

interface Rot90Call {
  k?: number;
  dims?: Dims;
}
export type Rot90Arguments = Call<[k?: number, dims?: Dims], Rot90Call>;
const ROT90 = signature<Rot90Call>('rot90', { k: WHOLE, dims: DIMS });

/** Turned by 90 degrees, `k` times, in the plane of two dimensions, from the first towards the second. */
export function rot90(x: Tensor, ...args: Rot90Arguments): Tensor;
export function rot90(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('rot90', 'the input', x);
  const { k = 1, dims = [0, 1] } = readCall<Rot90Call>(ROT90, args);
  if (dims.length !== 2) throw new ArgumentError(`rot90: expected two dims, but got [${dims.join(', ')}]`);
  const [a, b] = dims.map((dim) => existingDim('rot90', dim, x.ndim)) as [number, number];
  if (a === b) throw new ArgumentError(`rot90: expected two different dims, but got [${dims.join(', ')}]`);
  const times = ((k % 4) + 4) % 4;
  if (times === 0) return x.clone();
  if (times === 2) return flip(x, [a, b]);
  return times === 1 ? flip(x, b).transpose(a, b) : flip(x, a).transpose(a, b);
}

/** The tensor side by side with itself: as often along each dimension as the numbers say, of which there may be more than dimensions. */
export function repeat(x: Tensor, ...repeats: readonly number[] | readonly [Dims]): Tensor {
  requireTensor('repeat', 'the input', x);
  const times = numbersOf('repeat', 'repeats', repeats);
  if (times.length < x.ndim)
    throw new ShapeError(
      `repeat: expected at least ${x.ndim} numbers for shape ${showShape(x.layout.shape)}, but got [${times.join(', ')}]; tile() takes fewer`,
    );
  for (const n of times) requireKind('repeat', 'every number', n, SIZE);
  const sizes = [...new Array<number>(times.length - x.ndim).fill(1), ...x.layout.shape];
  const spread = x.reshape(sizes.flatMap((n) => [1, n])).expand(sizes.flatMap((n, i) => [times[i]!, n]));
  const result = spread.reshape(sizes.map((n, i) => n * times[i]!));
  return result.storage === x.storage ? result.clone() : result;
}

/** As `repeat`; missing numbers in front are 1. */
export function tile(x: Tensor, ...dims: readonly number[] | readonly [Dims]): Tensor {
  requireTensor('tile', 'the input', x);
  const times = numbersOf('tile', 'dims', dims);
  return repeat(x, [...new Array<number>(Math.max(x.ndim - times.length, 0)).fill(1), ...times]);
}

interface RepeatInterleaveCall {
  repeats: number | Tensor;
  dim?: number;
  outputSize?: number;
}
export type RepeatInterleaveArguments = Call<[repeats: number | Tensor, dim?: number], RepeatInterleaveCall>;
const REPEAT_INTERLEAVE = signature<RepeatInterleaveCall>(
  'repeatInterleave',
  { repeats: either(SIZE, TENSOR), dim: WHOLE, outputSize: SIZE },
  { required: 1, positional: 2 },
);

/** Every element `repeats` times in a row, along a dimension or of the flattened tensor; a tensor says how often for each. */
export function repeatInterleave(x: Tensor, ...args: RepeatInterleaveArguments): Tensor;
export function repeatInterleave(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('repeatInterleave', 'the input', x);
  const { repeats, dim, outputSize } = readCall<RepeatInterleaveCall>(REPEAT_INTERLEAVE, args);
  const from = dim === undefined ? x.reshape([-1]) : x.ndim === 0 ? x.reshape([1]) : x;
  const axis = existingDim('repeatInterleave', dim ?? 0, from.ndim);
  const size = from.layout.shape[axis]!;
  const counts = isTensor(repeats) && repeats.layout.numel === 1 ? repeats.item() : repeats;
  if (typeof counts === 'number') {
    const shape = from.layout.shape;
    const spread = from.unsqueeze(axis + 1).expand([...shape.slice(0, axis + 1), counts, ...shape.slice(axis + 1)]);
    return spread.reshape(shape.map((n, i) => (i === axis ? n * counts : n)));
  }
  const list = Array.from(counts.toTypedArray() as ArrayLike<number | bigint>, Number);
  if (counts.ndim > 1 || list.length !== size)
    throw new ShapeError(`repeatInterleave: expected ${size} repeats, one for each slice, but got shape ${showShape(counts.layout.shape)}`);
  if (list.some((n) => n < 0)) throw new ArgumentError('repeatInterleave: expected repeats of at least 0, but got a negative one');
  const places = list.flatMap((n, i) => new Array<bigint>(n).fill(BigInt(i)));
  if (outputSize !== undefined && outputSize !== places.length)
    throw new ArgumentError(`repeatInterleave: the repeats add up to ${places.length}, not to outputSize ${outputSize}`);
  return from.indexSelect(axis, hostTensor(BigInt64Array.from(places), [places.length], 'int64', x.storage.device));
}

// ---- dimensions

/** The slices along a dimension, which is dropped, as views. */
export function unbind(x: Tensor, dim: number | { readonly dim?: number } = 0): Tensor[] {
  requireTensor('unbind', 'the input', x);
  const { dim: along = 0 } = readCall<{ dim?: number }>(UNBIND, [dim]);
  const axis = existingDim('unbind', along, x.ndim);
  return Array.from({ length: x.layout.shape[axis]! }, (_, i) => select(x, axis, i));
}
const UNBIND = signature<{ dim?: number }>('unbind', { dim: WHOLE });

interface UnfoldCall {
  dimension: number;
  size: number;
  step: number;
}
export type UnfoldArguments = Call<[dimension: number, size: number, step: number], UnfoldCall>;
const UNFOLD = signature<UnfoldCall>('unfold', { dimension: WHOLE, size: SIZE, step: WHOLE }, { required: 3 });

/** Windows of `size` along a dimension, `step` apart, as a new last dimension: a view. */
export function unfold(x: Tensor, ...args: UnfoldArguments): Tensor;
export function unfold(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('unfold', 'the input', x);
  const { dimension, size, step } = readCall<UnfoldCall>(UNFOLD, args);
  if (step < 1) throw new ArgumentError(`unfold: expected a step of at least 1, but got ${step}`);
  return unfoldView(x, dimension, size, step);
}

interface DiagonalCall {
  offset?: number;
  dim1?: number;
  dim2?: number;
}
export type DiagonalArguments = Call<[offset?: number, dim1?: number, dim2?: number], DiagonalCall>;
const PLANE = { offset: WHOLE, dim1: WHOLE, dim2: WHOLE };
const DIAGONAL = signature<DiagonalCall>('diagonal', PLANE);
const DIAG_EMBED = signature<DiagonalCall>('diagEmbed', PLANE);

/** The diagonal of two dimensions, the first two by default, as a new last dimension: a view. */
export function diagonal(x: Tensor, ...args: DiagonalArguments): Tensor;
export function diagonal(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('diagonal', 'the input', x);
  const { offset = 0, dim1 = 0, dim2 = 1 } = readCall<DiagonalCall>(DIAGONAL, args);
  return diagonalView(x, offset, dim1, dim2);
}

/** Matrices whose diagonals are the last dimension, zeros elsewhere; their dimensions are `dim1` and `dim2` of the result. */
export function diagEmbed(x: Tensor, ...args: DiagonalArguments): Tensor;
export function diagEmbed(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('diagEmbed', 'the input', x);
  const { offset = 0, dim1 = -2, dim2 = -1 } = readCall<DiagonalCall>(DIAG_EMBED, args);
  if (x.ndim === 0) throw new ShapeError('diagEmbed: expected at least 1 dimension, but got a scalar; unsqueeze(0) it first');
  const rank = x.ndim + 1;
  const [a, b] = [existingDim('diagEmbed', dim1, rank), existingDim('diagEmbed', dim2, rank)];
  if (a === b) throw new ArgumentError(`diagEmbed: expected two different dimensions, but got ${dim1} and ${dim2}`);
  const size = x.layout.shape.at(-1)! + Math.abs(offset);
  const shape = [...x.layout.shape.slice(0, -1)];
  for (const dim of [Math.min(a, b), Math.max(a, b)]) shape.splice(dim, 0, size);
  const result = x.newZeros(shape);
  diagonalView(result, offset, a, b).copy_(x);
  return result;
}

const DIAG = signature<{ diagonal?: number }>('diag', { diagonal: WHOLE });
export type DiagArguments = Call<[diagonal?: number], { diagonal: number }>;

/** Of a vector the matrix with it on a diagonal, of a matrix a diagonal, as a copy. */
export function diag(x: Tensor, ...args: DiagArguments): Tensor;
export function diag(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('diag', 'the input', x);
  const { diagonal: offset = 0 } = readCall<{ diagonal?: number }>(DIAG, args);
  if (x.ndim === 1) return diagEmbed(x, offset);
  if (x.ndim === 2) return diagonalView(x, offset, 0, 1).clone();
  throw new ShapeError(`diag: expected a vector or a matrix, but got shape ${showShape(x.layout.shape)}; use diagonal() or diagEmbed()`);
}

/** The sum of a matrix's diagonal. */
export function trace(x: Tensor): Tensor {
  requireTensor('trace', 'the input', x);
  if (x.ndim !== 2) throw new ShapeError(`trace: expected a matrix, but got shape ${showShape(x.layout.shape)}`);
  return diagonalView(x, 0, 0, 1).sum();
}

/** The elements on and below a diagonal of matrices, zeros elsewhere. */
export function tril<A extends Shape>(x: Tensor<A>, ...args: DiagArguments): Tensor<A>;
export function tril(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('tril', 'the input', x);
  return apply1(indexingOps.tril, [x], triangleParams(readCall<{ diagonal?: number }>({ ...DIAG, op: 'tril' }, args).diagonal));
}

/** The elements on and above a diagonal of matrices, zeros elsewhere. */
export function triu<A extends Shape>(x: Tensor<A>, ...args: DiagArguments): Tensor<A>;
export function triu(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('triu', 'the input', x);
  return apply1(indexingOps.triu, [x], triangleParams(readCall<{ diagonal?: number }>({ ...DIAG, op: 'triu' }, args).diagonal));
}

interface MovedimCall {
  source: number | Dims;
  destination: number | Dims;
}
export type MovedimArguments = Call<[source: number | Dims, destination: number | Dims], MovedimCall>;
const MOVEDIM = signature<MovedimCall>('movedim', { source: DIM_OR_DIMS, destination: DIM_OR_DIMS }, { required: 2 });

/** Dimensions at other places, the others in their order. */
export function movedim(x: Tensor, ...args: MovedimArguments): Tensor;
export function movedim(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('movedim', 'the input', x);
  const call = readCall<MovedimCall>(MOVEDIM, args);
  const [from, to] = [call.source, call.destination].map((value) =>
    (typeof value === 'number' ? [value] : value).map((dim) => normalizeDim('movedim', dim, x.ndim)),
  ) as [number[], number[]];
  if (from.length !== to.length || new Set(from).size < from.length || new Set(to).size < to.length)
    throw new ArgumentError(
      `movedim: expected as many places as dimensions, each once, but got ${show(call.source)} and ${show(call.destination)}`,
    );
  if (x.ndim === 0) return x;
  const rest = x.layout.shape.map((_, i) => i).filter((i) => !from.includes(i));
  const order = x.layout.shape.map((_, i) => (to.includes(i) ? from[to.indexOf(i)]! : rest.shift()!));
  return permute(x, order);
}

interface UnflattenCall {
  dim: number;
  sizes: Dims;
}
export type UnflattenArguments = Call<[dim: number, sizes: Dims], UnflattenCall>;
const UNFLATTEN = signature<UnflattenCall>('unflatten', { dim: WHOLE, sizes: DIMS }, { required: 2 });

/** One dimension as several, of which one may be -1: a view. */
export function unflatten(x: Tensor, ...args: UnflattenArguments): Tensor;
export function unflatten(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('unflatten', 'the input', x);
  const { dim, sizes } = readCall<UnflattenCall>(UNFLATTEN, args);
  const axis = existingDim('unflatten', dim, x.ndim);
  const { shape } = x.layout;
  if (sizes.length === 0) throw new ArgumentError('unflatten: expected at least one size, but got none');
  const parts = inferShape('unflatten', [shape[axis]!], sizes);
  return x.view([...shape.slice(0, axis), ...parts, ...shape.slice(axis + 1)]);
}

const withDims = (op: string, least: number, shaped: (x: Tensor) => Tensor) => {
  return (...tensors: readonly Tensor[] | readonly [readonly Tensor[]]): Tensor | Tensor[] => {
    const list = (tensors.length === 1 && Array.isArray(tensors[0]) ? tensors[0] : tensors) as readonly unknown[];
    for (const x of list) requireTensor(op, 'every argument', x);
    const made = (list as readonly Tensor[]).map((x) => (x.ndim >= least ? x : shaped(x)));
    return tensors.length === 1 && isTensor(tensors[0]) ? made[0]! : made;
  };
};

type AtLeast = { (x: Tensor): Tensor; (...tensors: readonly Tensor[] | readonly [readonly Tensor[]]): Tensor[] };
/** Tensors with at least one dimension: a scalar becomes [1]. */
export const atleast1d = withDims('atleast1d', 1, (x) => x.reshape([1])) as AtLeast;
/** Tensors with at least two dimensions: a vector becomes [1, n]. */
export const atleast2d = withDims('atleast2d', 2, (x) => (x.ndim === 0 ? x.reshape([1, 1]) : x.unsqueeze(0))) as AtLeast;
/** Tensors with at least three dimensions: a vector becomes [1, n, 1], a matrix [n, m, 1]. */
export const atleast3d = withDims('atleast3d', 3, (x) =>
  x.ndim === 0 ? x.reshape([1, 1, 1]) : x.ndim === 1 ? x.reshape([1, -1, 1]) : x.unsqueeze(-1),
) as AtLeast;

// ---- grids

interface MeshgridOptions {
  readonly indexing?: 'ij' | 'xy';
}

/**
 * Coordinates of a grid: of n vectors, n tensors of n dimensions. With `indexing: 'xy'` the first two dimensions change places.
 * @see https://pytorch.org/docs/stable/generated/torch.meshgrid.html
 */
export function meshgrid(...tensors: readonly (Tensor | readonly Tensor[] | MeshgridOptions)[]): Tensor[] {
  const last = tensors.at(-1);
  const options = tensors.length > 0 && !isTensor(last) && !Array.isArray(last) ? (last as MeshgridOptions) : undefined;
  const given = options === undefined ? tensors : tensors.slice(0, -1);
  const list = (given.length === 1 && Array.isArray(given[0]) ? given[0] : given) as readonly Tensor[];
  const { indexing = 'ij' } = readCall<MeshgridOptions>(MESHGRID, [options]);
  if (list.length === 0) throw new ArgumentError('meshgrid: expected at least one tensor, but got none');
  for (const x of list) {
    requireTensor('meshgrid', 'every argument', x);
    if (x.ndim > 1) throw new ShapeError(`meshgrid: expected vectors or scalars, but got shape ${showShape(x.layout.shape)}`);
    if (x.dtype !== list[0]!.dtype) throw wrongArgument('meshgrid', 'every tensor', `of dtype ${list[0]!.dtype}`, x);
  }
  const swap = indexing === 'xy' && list.length > 1;
  const order = swap ? [list[1]!, list[0]!, ...list.slice(2)] : list;
  const shape = order.map((x) => x.layout.numel);
  const grids = order.map((x, i) => x.reshape(shape.map((n, j) => (i === j ? n : 1))).expand(shape));
  return swap ? [grids[1]!, grids[0]!, ...grids.slice(2)] : grids;
}
const MESHGRID = signature<MeshgridOptions>(
  'meshgrid',
  { indexing: { expected: "'ij' or 'xy'", accepts: (value) => value === 'ij' || value === 'xy' } },
  { positional: 0 },
);

/** All combinations of the elements of vectors, a row for each. */
export function cartesianProd(...tensors: readonly Tensor[]): Tensor {
  for (const x of tensors) {
    requireTensor('cartesianProd', 'every argument', x);
    if (x.ndim !== 1) throw new ShapeError(`cartesianProd: expected vectors, but got shape ${showShape(x.layout.shape)}`);
  }
  if (tensors.length === 0) throw new ArgumentError('cartesianProd: expected at least one tensor, but got none');
  if (tensors.length === 1) return tensors[0]!;
  const columns = meshgrid(...tensors).map((x) => x.reshape([-1, 1]));
  return cat(columns, 1);
}

/** The tensor as `shape` broadcasts it: a view. */
export function broadcastTo(x: Tensor, shape: Dims): Tensor {
  requireTensor('broadcastTo', 'the input', x);
  requireKind('broadcastTo', 'the shape', shape, DIMS);
  return x.expand(shape);
}

/** Matrices side by side along a diagonal, zeros elsewhere. */
export function blockDiag(...tensors: readonly Tensor[]): Tensor {
  for (const x of tensors) requireTensor('blockDiag', 'every argument', x);
  if (tensors.length === 0) throw new ArgumentError('blockDiag: expected at least one tensor, but got none');
  const blocks = tensors.map((x) => (x.ndim === 2 ? x : x.ndim < 2 ? x.reshape([1, -1]) : undefined));
  if (blocks.includes(undefined)) throw new ShapeError('blockDiag: expected tensors of at most 2 dimensions');
  const all = blocks as Tensor[];
  const columns = all.reduce((n, x) => n + x.layout.shape[1]!, 0);
  let before = 0;
  const rows = all.map((x) => {
    const [n, m] = x.layout.shape as [number, number];
    before += m;
    const zeros = (width: number): Tensor => full([n, width], 0, { dtype: x.dtype, device: x.device });
    return cat([zeros(before - m), x, zeros(columns - before)], 1);
  });
  return cat(rows, 0);
}

const OFFSETS = { row: SIZE, col: SIZE, offset: WHOLE };
type Triangle = { row: number; col: number; offset?: number };
const triangleIndices = (op: string, inside: (i: number, j: number, offset: number) => boolean) => {
  const table = signature<Triangle>(op, OFFSETS, { required: 2 });
  return (...args: Call<[row: number, col: number, offset?: number], Triangle>): Tensor => {
    const { row, col, offset = 0 } = readCall<Triangle>(table, args);
    if (row * col > 2 ** 26) throw new ShapeError(`${op}: a matrix of ${row}×${col} is too large`);
    const places: [bigint, bigint][] = [];
    for (let i = 0; i < row; i++) for (let j = 0; j < col; j++) if (inside(i, j, offset)) places.push([BigInt(i), BigInt(j)]);
    const data = BigInt64Array.from([...places.map(([i]) => i), ...places.map(([, j]) => j)]);
    const indices = full([2, places.length], 0, { dtype: 'int64' });
    return numelOf(indices.layout.shape) === 0 ? indices : hostTensor(data, [2, places.length], 'int64', indices.storage.device);
  };
};
/** Rows and columns [2, n] of the elements on and below a diagonal of a matrix. */
export const trilIndices = triangleIndices('trilIndices', (i, j, offset) => j - i <= offset);
/** Rows and columns [2, n] of the elements on and above a diagonal of a matrix. */
export const triuIndices = triangleIndices('triuIndices', (i, j, offset) => j - i >= offset);
