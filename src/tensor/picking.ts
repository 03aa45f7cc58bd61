/**
 * Picking elements by tensors of indices and masks, and assigning to them: what remains of `x.at(…)`, `x.setAt(…)` once numbers,
 * slices and `null` have made a view (`indexing.ts`).
 *
 * The rules are NumPy's and PyTorch's. All index tensors are broadcast to one shape and pick element by element; a mask stands
 * for the indices of its true elements. The shape takes the place of the dimensions that are picked from where these lie side by
 * side, else it comes first.
 *
 * The dimensions that are picked from are brought together and flattened, and so are their indices (`ravelIndex`, which checks them);
 * then this is picking slices along one dimension.
 */
import { BOOL, requireOptions } from '../base/arguments.ts';
import { requireDType } from '../base/dtype.ts';
import { IndexError, ShapeError } from '../base/errors.ts';
import { broadcastShapes, normalizeDim, numelOf, sameDims, showShape, type Dims } from '../base/shape.ts';
import { dimParams } from '../geometry/attrs.ts';
import { indexParams, ravelParams } from '../geometry/indexing.ts';
import { requireTensor } from './arguments.ts';
import { full } from './create.ts';
import { apply1, applyInPlace } from './dispatch.ts';
import { finding } from './families/finding.ts';
import { indexing } from './families/indexing.ts';
import { where } from './functions.ts';
import { withoutLeadingOnes } from './indexing.ts';
import { countParams } from './ops/finding.ts';
import { placesTensor } from './places.ts';
import type { Tensor } from './tensor.ts';
import { permute, select, tryView, unsqueeze } from './views.ts';

/** An index that picks. */
export interface Pick {
  /** The first dimension of the view that it picks from, and which of the whole tensor that is, for errors. */
  readonly at: number;
  readonly dim: number;
  /** Sizes of the dimensions that it picks from: one, or as many as a mask has. */
  readonly sizes: Dims;
  /** Whether it has no dimensions, and so no say in where the shape of the indices goes. */
  readonly scalar: boolean;
  /** Indices; of a mask, in the flattened dimensions. */
  readonly index: () => Tensor;
  readonly mask?: Tensor;
}

/** A tensor with the dimensions that are picked from side by side, beginning at `place`. */
interface Arranged {
  readonly x: Tensor;
  readonly place: number;
  readonly indices: readonly Tensor[];
  /** Of the indices. */
  readonly shape: Dims;
  /** Sizes before and after what is picked from. */
  readonly before: Dims;
  readonly after: Dims;
}

function arranged(op: string, view: Tensor, picks: readonly Pick[]): Arranged {
  const from = picks.flatMap(({ at, sizes }) => sizes.map((_, i) => at + i));
  const others = view.layout.shape.map((_, dim) => dim).filter((dim) => !from.includes(dim));
  const place = placeOf(picks, others);
  const order = [...others.slice(0, place), ...from, ...others.slice(place)];
  const x = order.every((dim, i) => dim === i) ? view : permute(view, order);
  const indices = picks.map(({ index }) => index());
  const shape = indices.reduce<Dims>((all, { layout }) => broadcastIndices(op, indices, all, layout.shape), []);
  const sizes = x.layout.shape;
  return {
    x,
    place,
    indices: indices.map((index) => (sameDims(index.layout.shape, shape) ? index : index.expand(shape))),
    shape,
    before: sizes.slice(0, place),
    after: sizes.slice(place + from.length),
  };
}

/** How many of the dimensions that are not picked from come before the shape of the indices. */
function placeOf(picks: readonly Pick[], others: readonly number[]): number {
  const counted = picks.filter(({ scalar }) => !scalar);
  const before = counted.map(({ at }) => others.filter((dim) => dim < at).length);
  return before.every((n) => n === before[0]) ? (before[0] ?? 0) : 0;
}

function broadcastIndices(op: string, indices: readonly Tensor[], a: Dims, b: Dims): Dims {
  try {
    return broadcastShapes(op, a, b);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    const shapes = indices.map(({ layout }) => showShape(layout.shape)).join(', ');
    throw new IndexError(`${op}: indices of shapes ${shapes} cannot be broadcast together; sizes must be equal or 1`);
  }
}

/** Indices along the flattened dimensions, one after the other; checked, and counted from the front. */
function raveled(op: string, picks: readonly Pick[], { indices }: Arranged): Tensor {
  const sizes = picks.map((one) => numelOf(one.sizes));
  const dims = picks.map(({ dim }) => dim);
  return apply1(indexing.ravelIndex, indices, ravelParams(op, sizes, dims)).reshape([-1]);
}

/** The elements of `view` that are picked. */
export function pick(op: string, view: Tensor, picks: readonly Pick[]): Tensor {
  const all = arranged(op, view, picks);
  const { x, place, shape, before, after } = all;
  const [only, more] = [picks[0]!, picks.length > 1];
  // One list needs no other check than that which picking does in passing.
  const index = more ? raveled(op, picks, all) : all.indices[0]!.reshape([-1]);
  const flat = more || only.sizes.length !== 1 ? x.reshape(flatShape(all, picks)) : x;
  const params = indexParams(place, op, true, only.dim);
  const picked = apply1(indexing.indexSelect, [flat, index], params);
  return shape.length === 1 ? picked : picked.reshape([...before, ...shape, ...after]);
}

const flatShape = ({ before, after }: Arranged, picks: readonly Pick[]): number[] => [
  ...before,
  numelOf(picks.flatMap(({ sizes }) => sizes)),
  ...after,
];

/** Assigns to the elements of `view` that are picked, or adds to them. Wrong indices are found before anything is written. */
export function assignPicked(view: Tensor, picks: readonly Pick[], value: Tensor | number, accumulate: boolean): void {
  const [{ mask, at }] = picks as [Pick];
  const single = typeof value === 'number' || value.layout.numel === 1;
  if (mask !== undefined && picks.length === 1 && single && !accumulate) {
    const rest = new Array<number>(view.ndim - at - mask.ndim).fill(1);
    fillMasked(view, (mask.dtype === 'bool' ? mask : mask.ne(0)).reshape([...mask.layout.shape, ...rest]), value);
    return;
  }
  const all = arranged('setAt', view, picks);
  const { x, place, shape, before, after } = all;
  const source = sourceOf(view, [...before, ...shape, ...after], value);
  const index = raveled('setAt', picks, all);
  const flat = flatShape(all, picks);
  const slices = source.reshape([...before, numelOf(shape), ...after]);
  const params = indexParams(place, 'setAt');
  const op = accumulate ? indexing.indexAdd : indexing.indexCopy;
  const target = sameDims(flat, x.layout.shape) ? x : tryView(x, flat);
  if (target !== undefined) applyInPlace(op, [target, index, slices], params);
  else x.copy_(apply1(op, [x.reshape(flat), index, slices], params).reshape(x.layout.shape));
}

function fillMasked(view: Tensor, mask: Tensor, value: Tensor | number): void {
  if (typeof value === 'number') view.maskedFill_(mask, value);
  else view.copy_(where(mask, value.reshape([]).to(view.dtype), view));
}

/** The value, broadcast to the shape of what is assigned to. */
function sourceOf(view: Tensor, shape: Dims, value: Tensor | number): Tensor {
  if (typeof value === 'number') return full([], value, { dtype: view.dtype, device: view.device }).expand([...shape]);
  requireDType('setAt', 'the value', value.dtype, [view.dtype]);
  const apart = value.storage === view.storage ? value.clone() : value; // what is read must not change meanwhile
  const given = withoutLeadingOnes(apart, shape.length);
  const sizes = given.layout.shape;
  const shift = shape.length - sizes.length;
  if (shift < 0 || !sizes.every((size, i) => size === 1 || size === shape[i + shift])) {
    throw new ShapeError(
      `setAt: a value of shape ${showShape(value.layout.shape)} cannot be broadcast to the indexed part, of shape ${showShape(shape)}`,
    );
  }
  return given.expand([...shape]);
}

/** Where a tensor is true, or not zero, counted through all its dimensions. */
export const trueIndices = (x: Tensor): Tensor => truePlaces(x.reshape([-1])).reshape([-1]);

/** Where a tensor is true, or not zero: a row of indices for each place. */
function truePlaces(x: Tensor): Tensor {
  const mask = x.dtype === 'bool' ? x.detach() : x.detach().ne(0);
  if (x.storage.device.name === 'gpu') return placesByHost(mask);
  const count = Number(mask.sum().toTypedArray()[0]!);
  return apply1(finding.places, [mask], countParams(count));
}

function placesByHost(mask: Tensor): Tensor {
  const truth = mask.toTypedArray() as Uint8Array;
  const { shape } = mask.layout;
  const rows: number[] = [];
  truth.forEach((one, flat) => {
    if (one === 0) return;
    let rest = flat;
    const row = shape.map(() => 0);
    for (let d = shape.length - 1; d >= 0; d--) {
      row[d] = rest % shape[d]!;
      rest = Math.floor(rest / shape[d]!);
    }
    rows.push(...row);
  });
  return placesTensor(rows, [truth.reduce((n, one) => n + one, 0), shape.length], mask.storage.device);
}

const AS_TUPLE = { asTuple: BOOL };

/**
 * Where a bool or numeric tensor is not zero: one row of indices for each such element, or with `asTuple` a vector of indices for each dimension. Of a scalar, rows have no indices.
 * @example
 * import { nonzero, tensor } from 'flambeau';
 * if (String(nonzero(tensor([[0, 1], [1, 0]])).tolist()) !== '0,1,1,0') throw new Error('row and column of each');
 */
export function nonzero(x: Tensor, options: { readonly asTuple: true }): Tensor[];
export function nonzero(x: Tensor): Tensor;
export function nonzero(x: Tensor, more?: unknown): Tensor | Tensor[] {
  // `tensors.map(nonzero)` passes the place in the array, which means nothing.
  const options = typeof more === 'number' ? undefined : more;
  const { asTuple = false } = requireOptions<{ asTuple?: boolean }>('nonzero', options, AS_TUPLE, '{ asTuple: true }');
  if (asTuple) {
    const rows = nonzero(x.ndim === 0 ? unsqueeze(x, 0) : x);
    return Array.from({ length: Math.max(x.ndim, 1) }, (_, i) => select(rows, 1, i));
  }
  requireTensor('nonzero', 'the argument', x);
  return truePlaces(x);
}

/** Slices along a dimension; a scalar is a dimension of one element. */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  const list = index.ndim === 0 ? unsqueeze(index, 0) : index;
  if (x.ndim > 0) return apply1(indexing.indexSelect, [x, list], dimParams(dim));
  normalizeDim('indexSelect', dim, 0);
  if (list.layout.numel !== 1) {
    throw new ShapeError(`indexSelect: expected one index for a scalar, but got ${list.layout.numel}; reshape it to [1] first`);
  }
  return apply1(indexing.indexSelect, [unsqueeze(x, 0), list], dimParams(0)).reshape([]);
}

/** PyTorch's `gather`. */
export const gather = (x: Tensor, dim: number, index: Tensor): Tensor => apply1(indexing.gather, [x, index], dimParams(dim, 'gather'));
