/** The arguments of indexing operations; equal ones give the same object. */
import { kind, requireKind, STEP } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import type { Dims } from '../base/shape.ts';
import { dimParams, remembered, type Attrs, type DimParams } from './attrs.ts';

/** Made by {@link indexParams}, or by `dimParams` where the defaults do. */
export interface IndexParams extends DimParams {
  /** What errors of indices are said to be about. Default: the operation. */
  readonly caller?: string;
  /** Whether negative indices count from the end. Default false. */
  readonly wraps?: boolean;
  /** The dimension as the caller counts it, for errors. Default: `dim`. */
  readonly counted?: number;
}

/** Made by {@link joinParams}. */
export interface JoinParams extends IndexParams {
  /** How what comes to one place is joined. */
  readonly join: 'prod' | 'amax' | 'amin';
}

/** A gradient along a dimension: made by {@link shapedDimParams}. */
export interface ShapedDimParams extends IndexParams {
  /** Shape of the input whose gradient is computed. */
  readonly shape: Dims;
}

/** Made by {@link ravelParams}. */
export interface RavelParams extends Attrs {
  readonly caller: string;
  /** Sizes of what each index counts, and for its errors the dimension where that begins. */
  readonly sizes: Dims;
  readonly dims: Dims;
}

/** Made by {@link indexCheckParams}. */
export interface IndexCheckParams extends Attrs {
  readonly size: number;
  /** An index that is fine wherever it lies. */
  readonly ignore: number;
  readonly error: (index: bigint) => Error;
}

/** Made by {@link padParams}. */
export interface PadParams extends Attrs {
  /** Elements added before and after, from the last dimension forwards, as `F.pad` takes them; negative ones cut. */
  readonly pads: Dims;
  /** What is added is the input's own: only where nothing is recorded, of at most three dimensions, no more than they have (`nn/functional-pad.ts`). */
  readonly own?: OwnPads;
}

/** Mirrored without the border, the border, or from the other side. */
export type OwnPads = 'reflect' | 'replicate' | 'circular';

/** Which element of a side of `size` stands at `i`, from -`size` to 2·`size`. */
export function ownPlace(own: OwnPads, size: number, i: number): number {
  if (own === 'replicate') return Math.max(0, Math.min(i, size - 1));
  if (own === 'circular') return (i + size) % size;
  return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
}

/** Made by {@link flipParams}. */
export interface FlipParams extends Attrs {
  readonly dims: Dims;
}

/** Made by {@link triangleParams}. */
export interface TriangleParams extends Attrs {
  readonly diagonal: number;
}

/** Made by {@link oneHotParams}. */
export interface OneHotParams extends Attrs {
  readonly classes: number;
}

/** Made by {@link sortParams}. */
export interface SortParams extends Attrs {
  readonly dim: number;
  readonly descending: boolean;
  /** How many of the sorted elements are kept; null for all. */
  readonly k: number | null;
}

/** Arguments of an operation that takes indices along one dimension, on behalf of `caller`, for whom it is dimension `counted`. */
export function indexParams(dim: number, caller: string, wraps = false, counted = dim): IndexParams {
  return remembered('index', { key: `${dim}|${caller}|${counted}${wraps ? '|w' : ''}`, dim, caller, wraps, counted });
}

export function joinParams(dim: number, join: JoinParams['join'], caller: string): JoinParams {
  return remembered('join', { key: `${dim}|${join}|${caller}`, dim, join, caller });
}

/** Of the gradient of an operation along `dim`, whose input has this shape; `from` are its arguments. */
export function shapedDimParams(dim: number, shape: Dims, from: IndexParams = dimParams(dim)): ShapedDimParams {
  return remembered('shapedDim', { ...from, key: `${from.key}|${shape.join('x')}`, dim, shape });
}

export function ravelParams(caller: string, sizes: Dims, dims: Dims): RavelParams {
  return remembered('ravel', { key: `${sizes.join('x')}|${dims.join()}|${caller}`, caller, sizes, dims });
}

/** `key` distinguishes `error` from those of other operations and arguments. */
export function indexCheckParams(key: string, size: number, ignore: number, error: (index: bigint) => Error): IndexCheckParams {
  return remembered('indexCheck', { key: `${key}|${size}|${ignore}`, size, ignore, error });
}

const PADS = kind(
  'an array of pairs of whole numbers (before, after) from the last dimension on',
  (value) => Array.isArray(value) && value.length % 2 === 0 && value.every((n) => Number.isInteger(n) && Math.abs(n as number) < 2 ** 31),
);

/**
 * @throws ArgumentError unless `pads` holds pairs of whole numbers
 */
export function padParams(pads: Dims, own?: OwnPads): PadParams {
  requireKind('pad', 'pads', pads, PADS);
  const key = pads.join();
  return remembered('pad', own === undefined ? { key, pads: [...pads] } : { key: key + own, pads: [...pads], own });
}

export function flipParams(dims: Dims): FlipParams {
  return remembered('flip', { key: dims.join(), dims: [...dims] });
}

/** @throws ArgumentError for a fractional diagonal */
export function triangleParams(diagonal = 0): TriangleParams {
  if (!Number.isInteger(diagonal)) throw new ArgumentError(`tril/triu: expected a whole diagonal, but got ${diagonal}`);
  return remembered('triangle', { key: String(diagonal), diagonal });
}

/** @throws ArgumentError unless `classes` is a positive whole number */
export function oneHotParams(classes: number): OneHotParams {
  requireKind('oneHot', 'numClasses', classes, STEP);
  return remembered('oneHot', { key: String(classes), classes });
}

/** @throws ArgumentError for a k that is not a whole number or negative */
export function sortParams(dim: number, descending: boolean, k: number | null = null): SortParams {
  if (k !== null && (!Number.isInteger(k) || k < 0))
    throw new ArgumentError(`topk: expected k to be a whole number of at least 0, but got ${k}`);
  return remembered('sort', { key: `${dim}${descending ? 'd' : 'a'}${k ?? ''}`, dim, descending, k });
}
