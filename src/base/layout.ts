/**
 * A layout says how a tensor lies in its storage: dtype, shape, strides. Layouts are interned: equal layouts are, as a rule, the
 * same object with one id, so that a plan's signature is a handful of small integers. As a rule, since there is no end to the sizes that a
 * program may use: a layout that was not asked for while thousands of others were is made anew, under another id, which costs
 * another plan. No id ever means two layouts; whether two are equal is for {@link sameLayout} to say.
 *
 * The offset into the storage is not part of it: it varies between slices that run the same plan.
 */
import { ShapeError } from './errors.ts';
import { itemSize, type DType } from './dtype.ts';
import { Recent } from './recent.ts';
import { contiguousStrides, isContiguous, numelOf, sameDims, type Dims } from './shape.ts';

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

const interned = new Recent<string, Layout>(8192);
let nextId = 0;

/** Whether tensors of these lie alike. */
export const sameLayout = (a: Layout, b: Layout): boolean =>
  a === b || (a.dtype === b.dtype && sameDims(a.shape, b.shape) && sameDims(a.strides, b.strides));

/** As in PyTorch. */
const MOST_DIMS = 64;

/** A power of two. */
const PLACES = 1024;
/** What was asked for lately: a loop asks for the same few over and over, and to compare sizes is quicker than to write them as a key. */
const lately = new Array<{ layout: Layout; generation: number } | undefined>(PLACES).fill(undefined);

/** The layout with these properties; strides default to contiguous. */
export function layoutOf(dtype: DType, shape: Dims, strides?: Dims): Layout {
  const steps = strides ?? contiguousStrides(shape);
  const place = placeOf(shape, steps);
  const known = lately[place];
  if (known?.generation === interned.generation) {
    const { layout } = known;
    if (layout.dtype === dtype && sameDims(layout.shape, shape) && sameDims(layout.strides, steps)) return layout;
  }
  const layout = lookedUp(dtype, shape, steps);
  lately[place] = { layout, generation: interned.generation };
  return layout;
}

function placeOf(shape: Dims, strides: Dims): number {
  let sum = shape.length;
  for (const size of shape) sum = Math.imul(sum, 31) + size;
  for (const stride of strides) sum = Math.imul(sum, 31) + stride;
  return (sum ^ (sum >>> 10)) & (PLACES - 1);
}

function lookedUp(dtype: DType, shape: Dims, steps: Dims): Layout {
  const key = `${dtype}|${shape.join()}|${steps.join()}`;
  let layout = interned.get(key);
  if (layout === undefined) {
    if (shape.length > MOST_DIMS)
      throw new ShapeError(`a tensor has at most ${MOST_DIMS} dimensions, but this one would have ${shape.length}`);
    const numel = numelOf(shape);
    const last = numel === 0 ? -1 : shape.reduce((sum, size, i) => sum + (size - 1) * steps[i]!, 0);
    layout = Object.freeze({
      id: nextId++,
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
