/** The arguments of indexing operations; equal ones give the same object. */
import { ArgumentError } from '../../base/errors.ts';
import type { Dims } from '../../base/shape.ts';
import { remembered } from './attrs.ts';
import type { Attrs } from './rule.ts';

/** A gradient along a dimension: made by {@link shapedDimParams}. */
export interface ShapedDimParams extends Attrs {
  readonly dim: number;
  /** Shape of the input whose gradient is computed. */
  readonly shape: Dims;
}

/** Made by {@link padParams}. */
export interface PadParams extends Attrs {
  /** Elements added before and after, from the last dimension forwards, as `F.pad` takes them; negative ones cut. */
  readonly pads: Dims;
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

export function shapedDimParams(dim: number, shape: Dims): ShapedDimParams {
  return remembered('shapedDim', { key: `${dim}|${shape.join('x')}`, dim, shape });
}

/**
 * @throws ArgumentError unless `pads` holds pairs of whole numbers
 */
export function padParams(pads: Dims): PadParams {
  if (pads.length % 2 !== 0 || !pads.every(Number.isInteger)) {
    throw new ArgumentError(`pad: expected pairs of whole numbers (before, after) from the last dimension on, but got [${pads.join(', ')}]`); // prettier-ignore
  }
  return remembered('pad', { key: pads.join(), pads: [...pads] });
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
  if (!Number.isInteger(classes) || classes < 1) throw new ArgumentError(`oneHot: expected numClasses to be a positive whole number, but got ${classes}`); // prettier-ignore
  return remembered('oneHot', { key: String(classes), classes });
}

/** @throws ArgumentError for a k that is not a whole number or negative */
export function sortParams(dim: number, descending: boolean, k: number | null = null): SortParams {
  if (k !== null && (!Number.isInteger(k) || k < 0)) throw new ArgumentError(`topk: expected k to be a whole number of at least 0, but got ${k}`); // prettier-ignore
  return remembered('sort', { key: `${dim}${descending ? 'd' : 'a'}${k ?? ''}`, dim, descending, k });
}
