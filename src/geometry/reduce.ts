/** Attributes of reductions, and the shapes that reducing leaves. */
import { ShapeError } from '../base/errors.ts';
import type { DType } from '../base/dtype.ts';
import { normalizeDim, showShape, type Dims } from '../base/shape.ts';
import { remembered, type Attrs } from './attrs.ts';

/** One dimension, several, or (undefined or none) all. */
export type DimsArg = number | readonly number[];

/** Made by {@link reduceParams}. */
export interface ReduceParams extends Attrs {
  /** Negative ones count from the end; null: all. */
  readonly dims: readonly number[] | null;
  readonly keepdim: boolean;
  /** The result's dtype, where it was asked for. */
  readonly dtype: DType | undefined;
}

/** Made by {@link varianceParams}. */
export interface VarianceParams extends ReduceParams {
  /** Subtracted from the count. */
  readonly correction: number;
}

/** Made by {@link normParams}. */
export interface NormParams extends ReduceParams {
  /** Σ |x|, or √Σ x². */
  readonly p: 1 | 2;
  /** With p = 2: false for Σ x². */
  readonly root: boolean;
}

/** Made by {@link scanParams}. */
export interface ScanParams extends Attrs {
  readonly dim: number;
  /** From the last element to the first. */
  readonly reverse: boolean;
}

const listed = (dim: DimsArg | undefined): readonly number[] | null => {
  if (dim === undefined) return null;
  if (typeof dim === 'number') return [dim];
  return dim.length === 0 ? null : [...dim];
};

/** Arguments of a reduction. */
export function reduceParams(dim: DimsArg | undefined, keepdim: boolean, dtype?: DType): ReduceParams {
  const key = `${dim === undefined ? '' : String(dim)}${keepdim ? 'k' : ''}${dtype ?? ''}`;
  return remembered('reduce', { key, dims: listed(dim), keepdim, dtype });
}

/** Arguments of `var` and `std`. */
export function varianceParams(dim: DimsArg | undefined, keepdim: boolean, correction: number): VarianceParams {
  const key = `${dim === undefined ? '' : String(dim)}${keepdim ? 'k' : ''}~${correction}`;
  return remembered('variance', { key, dims: listed(dim), keepdim, dtype: undefined, correction });
}

/** Arguments of `norm`. */
export function normParams(p: 1 | 2, dim: DimsArg | undefined, keepdim: boolean, root = true): NormParams {
  const key = `${dim === undefined ? '' : String(dim)}${keepdim ? 'k' : ''}^${p}${root ? '' : 's'}`;
  return remembered('norm', { key, dims: listed(dim), keepdim, dtype: undefined, p, root });
}

/** Arguments of `cumsum`. */
export const scanParams = (dim: number, reverse = false): ScanParams =>
  remembered('scan', { key: `${dim}${reverse ? 'r' : ''}`, dim, reverse });

/**
 * The reduced dimensions, counted from the front, in order.
 * @throws IndexError outside the rank, ShapeError for one that is named twice
 */
export function reducedDims(op: string, shape: Dims, dims: readonly number[] | null): number[] {
  if (dims === null) return shape.map((_, i) => i);
  const all = dims.map((dim) => normalizeDim(op, dim, shape.length));
  const distinct = [...new Set(all)].sort((a, b) => a - b);
  if (distinct.length < all.length) {
    throw new ShapeError(`${op}: dimensions [${dims.join(', ')}] name one of ${showShape(shape)} twice; name each once`);
  }
  return distinct.filter((dim) => dim < shape.length); // a tensor without dimensions accepts 0 and -1
}

/** What is left of `shape`. */
export function reducedShape(shape: Dims, dims: readonly number[], keepdim: boolean): number[] {
  if (keepdim) return shape.map((size, i) => (dims.includes(i) ? 1 : size));
  return shape.filter((_, i) => !dims.includes(i));
}
