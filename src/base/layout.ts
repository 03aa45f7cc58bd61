/**
 * A layout says how a tensor lies in its storage: dtype, shape, strides. Layouts are interned: equal layouts are the
 * same object with one id, so that a plan's signature is a handful of small integers.
 *
 * The offset into the storage is not part of it: it varies between slices that run the same plan.
 */
import { itemSize, type DType } from './dtype.ts';
import { contiguousStrides, isContiguous, numelOf, type Dims } from './shape.ts';

export interface Layout {
  readonly id: number;
  readonly dtype: DType;
  readonly shape: Dims;
  /** In elements; never negative. */
  readonly strides: Dims;
  readonly numel: number;
  readonly contiguous: boolean;
  /** Bytes from the first to past the last element. */
  readonly extent: number;
}

const interned = new Map<string, Layout>();

/** The layout with these properties; strides default to contiguous. */
export function layoutOf(dtype: DType, shape: Dims, strides?: Dims): Layout {
  const steps = strides ?? contiguousStrides(shape);
  const key = `${dtype}|${shape.join()}|${steps.join()}`;
  let layout = interned.get(key);
  if (layout === undefined) {
    const numel = numelOf(shape);
    const last = numel === 0 ? -1 : shape.reduce((sum, size, i) => sum + (size - 1) * steps[i]!, 0);
    layout = Object.freeze({
      id: interned.size,
      dtype,
      shape: Object.freeze([...shape]),
      strides: Object.freeze([...steps]),
      numel,
      contiguous: isContiguous(shape, steps),
      extent: (last + 1) * itemSize(dtype),
    });
    interned.set(key, layout);
  }
  return layout;
}
