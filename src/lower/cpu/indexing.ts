/** The lowerings of indexing, joining and rearranging. */
import { itemSize } from '../../base/dtype.ts';
import { normalizeDim, numelOf, type Dims } from '../../base/shape.ts';
import type { Stage } from '../../compiler/graph.ts';
import type { ScalarInput, Value } from '../../compiler/lowering.ts';
import type { CpuLowering, Refusal } from './lowering.ts';
import type { DimParams } from '../../geometry/attrs.ts';
import { isOutOfRange, isOutside, outOfRange, wrongClass, type IndexPlace } from '../../geometry/index-error.ts';
import {
  ownPlace,
  type FlipParams,
  type IndexCheckParams,
  type IndexParams,
  type JoinParams,
  type OneHotParams,
  type OwnPads,
  type PadParams,
  type RavelParams,
  type ShapedDimParams,
  type SortParams,
  type TriangleParams,
} from '../../geometry/indexing.ts';
import { indexCheckKernel, KEEP_BYTES, keepKernel, ravelKernel } from '../../kernels/cpu/index/check.ts';
import { lineKernel, SIDE_BY_SIDE, type LineKind } from '../../kernels/cpu/index/lines.ts';
import { flipKernel, oneHotKernel, triangleKernel } from '../../kernels/cpu/index/rows.ts';
import { padKernel } from '../../kernels/cpu/index/pad.ts';
import { keptKernel, rankScratch } from '../../kernels/cpu/index/rank.ts';
import { indexPutKernel, indexSelectKernel, LONG_SLICE, PUT_COLUMNS } from '../../kernels/cpu/index/select.ts';
import { sortKernel, sortScratch } from '../../kernels/cpu/index/sort.ts';
import type { IndexCheckAttrs, IndexingAttrs } from '../../tensor/ops/indexing.ts';
import type { JoinAtAttrs } from '../../tensor/ops/join-at.ts';
import { bordersOf, joined, OWN_STEPS, padded } from '../regions.ts';
import type { OpLowerings, Values } from '../table.ts';
import { asContiguous, lowerCopy, lowerFill } from './copy.ts';

/** Nanoseconds for one element that is moved by itself, and for a byte that streams by. */
const ELEMENT_NS = 3;
const BYTE_NS = 0.1;

/** A dense tensor around one dimension. */
function around(shape: Dims, dim: number): { outer: number; size: number; inner: number } {
  const axis = normalizeDim('index', dim, shape.length);
  return { outer: numelOf(shape.slice(0, axis)), size: shape[axis] ?? 1, inner: numelOf(shape.slice(axis + 1)) };
}

/** Indices as kernels read them: int64. */
function asInt64(l: CpuLowering, index: Value): Value {
  if (index.layout.dtype === 'int64') return index;
  const wide = l.temp('int64', index.layout.shape);
  lowerCopy(l, index, wide);
  return wide;
}

/** Dense int64. */
const asIndices = (l: CpuLowering, index: Value): Value => asContiguous(l, asInt64(l, index));

/** The dimension of `shape` that the indices of `op` are of. */
function placeOf(op: string, { caller = op, dim, wraps = false, counted }: IndexParams, shape: Dims): IndexPlace {
  const axis = normalizeDim(caller, dim, shape.length);
  return { caller, dim: counted ?? axis, size: shape[axis] ?? 1, wraps };
}

/** Indices out of range, and what is said of them. */
const refusalAt = (place: IndexPlace, where: Value): Refusal => ({
  where,
  wrong: (index) => isOutOfRange(place, index),
  error: (index) => outOfRange(place, index),
});

/**
 * Checks dense int64 indices before they are used, in a launch of its own: what operations that write in place, or that cannot check
 * in passing, do first.
 */
function lowerIndexCheck(l: CpuLowering, index: Value, { size, ignore, error }: IndexCheckParams): void {
  const wrong = (value: bigint): boolean => value !== BigInt(ignore) && isOutside(size, value);
  const options = { size: index.layout.numel, unitCost: 0.5, refusal: { where: index, wrong, error } };
  l.launch(indexCheckKernel(l.target), { index, size, ignore }, options);
}

/** [index] → 0, once all indices have been found to be in range */
function lowerCheckOnly(l: CpuLowering, [index]: Values, [out]: Values, p: IndexCheckParams): void {
  lowerIndexCheck(l, asIndices(l, index!), p);
  lowerFill(l, out!, [0]);
}

/** [index, …] → the index in a dimension that all those dimensions have been flattened to */
function lowerRavel(l: CpuLowering, inputs: Values, [out]: Values, { caller, sizes, dims }: RavelParams): void {
  inputs.forEach((index, i) => {
    const place = { caller, dim: dims[i]!, size: sizes[i]!, wraps: true };
    launchRavel(l, asIndices(l, index), out!, place, numelOf(sizes.slice(i + 1)), i === 0);
  });
}

function launchRavel(l: CpuLowering, index: Value, out: Value, place: IndexPlace, step: number, first: boolean): void {
  const options = { size: out.layout.numel, unitCost: 1, refusal: refusalAt(place, index) };
  l.launch(ravelKernel(l.target, first), { index, out, size: place.size, step }, options);
}

/** [x, index] */
function lowerIndexSelect(l: CpuLowering, [input, list]: Values, [out]: Values, p: IndexParams): void {
  const [x, index] = [asContiguous(l, input!), asIndices(l, list!)];
  const place = placeOf('indexSelect', p, x.layout.shape);
  const bytes = itemSize(x.layout.dtype);
  const { outer, size, inner } = around(x.layout.shape, p.dim);
  const count = index.layout.numel;
  if (outer * inner === 0) checkAlong(l, index, place);
  const args = { x, index, out: out!, count, size, inner: inner * bytes };
  l.launch(indexSelectKernel(l.wideTarget, bytes, place.wraps, inner === 1), args, {
    size: inner === 0 ? 0 : outer * count,
    unitCost: ELEMENT_NS + inner * bytes * BYTE_NS,
    refusal: refusalAt(place, index),
  });
}

/** Where there is nothing to move, indices are checked all the same. */
function checkAlong(l: CpuLowering, index: Value, place: IndexPlace): void {
  const unused = l.temp('int64', index.layout.shape);
  if (place.wraps) launchRavel(l, index, unused, place, 1, true);
  else lowerIndexCheck(l, index, { key: '', size: place.size, ignore: -1, error: (wrong) => outOfRange(place, wrong) });
}

interface Put {
  readonly out: Value;
  readonly index: Value;
  readonly source: Value;
}

const PUT_OPS = {
  add: 'indexAdd',
  copy: 'indexCopy',
  gradient: 'indexSelect',
  prod: 'indexReduce',
  amax: 'indexReduce',
  amin: 'indexReduce',
} as const;

/** Adds the source's slices to `out`, or writes them there. */
function lowerPut(l: CpuLowering, what: keyof typeof PUT_OPS, v: Put, p: IndexParams): void {
  const { out } = v;
  const { dtype, shape } = out.layout;
  const place = placeOf(PUT_OPS[what], p, shape);
  const { outer, size, inner: elements } = around(shape, p.dim);
  const inner = elements * itemSize(dtype);
  const [index, source] = [asIndices(l, v.index), asContiguous(l, v.source)];
  const count = index.layout.numel;
  if (outer * inner === 0) checkAlong(l, index, place);
  const args = { out, index, source, count, size, inner };
  const blocks = Math.ceil(inner / PUT_COLUMNS);
  const unitCost = count * (ELEMENT_NS + Math.min(inner, PUT_COLUMNS) * BYTE_NS * 2);
  const kind = what === 'gradient' ? 'add' : what;
  const options = { size: outer * blocks, unitCost, refusal: refusalAt(place, index) };
  l.launch(indexPutKernel(l.wideTarget, dtype, kind, kind !== 'copy' && inner >= LONG_SLICE, place.wraps), args, options);
}

/** [∂y, index] */
function lowerIndexSelectGrad(l: CpuLowering, [g, index]: Values, [dx]: Values, p: ShapedDimParams): void {
  lowerFill(l, dx!, [0]);
  lowerPut(l, 'gradient', { out: dx!, index: index!, source: g! }, p);
}

/** Lowers an update of x at some places: `write` gets a dense tensor that starts as x and ends up as `out`. */
function lowerUpdate(l: CpuLowering, x: Value, out: Value, write: (dense: Value) => void): void {
  if (out.layout.contiguous && x.layout === out.layout) {
    const bytes = out.layout.numel * itemSize(out.layout.dtype);
    const options = { size: Math.ceil(bytes / KEEP_BYTES), unitCost: KEEP_BYTES * BYTE_NS };
    l.launch(keepKernel(l.wideTarget), { from: x, to: out, bytes }, options);
    write(out);
    return;
  }
  const dense = l.temp(out.layout.dtype, out.layout.shape);
  lowerCopy(l, x, dense);
  write(dense);
  lowerCopy(l, dense, out);
}

const lowerPutAs =
  (kind: 'add' | 'copy') =>
  (l: CpuLowering, [x, index, source]: Values, [out]: Values, p: IndexParams): void => {
    lowerUpdate(l, x!, out!, (dense) => lowerPut(l, kind, { out: dense, index: index!, source: source! }, p));
  };

/** [x, index, source] */
const lowerIndexAdd = lowerPutAs('add');

/** [x, index, source] */
const lowerIndexCopy = lowerPutAs('copy');

/** [x, index, source] */
const lowerIndexReduce = (l: CpuLowering, [x, index, source]: Values, [out]: Values, p: JoinParams): void =>
  lowerUpdate(l, x!, out!, (dense) => lowerPut(l, p.join, { out: dense, index: index!, source: source! }, p));

interface Lines {
  readonly large: Value;
  readonly index: Value;
  readonly small: Value;
  readonly op: string;
  readonly value?: number | ScalarInput;
}

/** From so many lines side by side on they are walked together. */
const FEW_LINES = 8;

/** Walks an index tensor of any strides along a dimension, line by line. */
function lowerLines(l: CpuLowering, kind: LineKind, { large, index, small, op, value }: Lines, p: IndexParams): void {
  if (index.layout.numel === 0) return;
  // A scalar is a line of one element.
  const lineUp = ({ layout: { shape, strides } }: Value): { shape: Dims; strides: Dims } =>
    shape.length === 0 ? { shape: [1], strides: [1] } : { shape, strides };
  const [whole, at, part] = [lineUp(large), lineUp(index), lineUp(small)];
  const place = placeOf(op, p, whole.shape);
  const axis = normalizeDim(op, p.dim, at.shape.length);
  const others = at.shape.map((_, i) => i).filter((i) => i !== axis && at.shape[i] !== 1);
  const lines = others.reverse().flatMap((i) => [at.shape[i]!, whole.strides[i]!, at.strides[i]!, part.strides[i]!]);
  const count = at.shape[axis]!;
  // Lines of which each element lies in another cache line, side by side.
  const width = others.length > 0 && at.strides[axis]! > 1 && lines[2] === 1 && count > 1 ? lines[0]! : 1;
  const beside = width >= FEW_LINES;
  const units = beside ? Math.ceil(width / SIDE_BY_SIDE) / width : 1;
  l.launch(
    lineKernel(l.target, large.layout.dtype, kind, place.wraps, beside),
    {
      large,
      index,
      small,
      lines: l.constant('int32', Int32Array.from(lines)),
      dims: others.length,
      count,
      size: whole.shape[axis]!,
      largeStep: whole.strides[axis]!,
      indexStep: at.strides[axis]!,
      smallStep: part.strides[axis]!,
      value: value ?? 0,
    },
    {
      size: Math.round((index.layout.numel / count) * units),
      unitCost: ((count + others.length * 2) * ELEMENT_NS) / units,
      refusal: refusalAt(place, index),
    },
  );
}

/** [x, index] */
function lowerGather(l: CpuLowering, [x, index]: Values, [out]: Values, p: IndexParams): void {
  lowerLines(l, 'gather', { large: x!, index: asInt64(l, index!), small: out!, op: 'gather' }, p);
}

/** [∂y, index] */
function lowerGatherGrad(l: CpuLowering, [g, index]: Values, [dx]: Values, p: ShapedDimParams): void {
  lowerFill(l, dx!, [0]);
  lowerLines(l, 'add', { large: dx!, index: asInt64(l, index!), small: g!, op: 'gather' }, p);
}

const lowerScatterAs =
  (kind: 'scatter' | 'add') =>
  (l: CpuLowering, [x, index, source]: Values, [out]: Values, p: IndexParams): void => {
    const places = asInt64(l, index!);
    const op = kind === 'add' ? 'scatterAdd' : kind;
    lowerUpdate(l, x!, out!, (large) => lowerLines(l, kind, { large, index: places, small: source!, op }, p));
  };

/** [x, index, source] */
const lowerScatter = lowerScatterAs('scatter');

/** [x, index, source] */
const lowerScatterAdd = lowerScatterAs('add');

/** [x, index, source] */
function lowerScatterReduce(l: CpuLowering, [x, list, source]: Values, [out]: Values, p: JoinParams): void {
  const index = asInt64(l, list!);
  lowerUpdate(l, x!, out!, (large) => lowerLines(l, p.join, { large, index, small: source!, op: 'scatterReduce' }, p));
}

/** [x, index]; scalar 0: the value */
function lowerScatterValue(l: CpuLowering, [x, list]: Values, [out]: Values, p: IndexParams): void {
  const index = asInt64(l, list!);
  lowerUpdate(l, x!, out!, (large) => lowerLines(l, 'value', { large, index, small: index, op: 'scatter', value: l.scalar(0) }, p));
}

const lowerCat = (l: CpuLowering, inputs: Values, [out]: Values, { dim }: DimParams): void => joined(l, inputs, out!, dim, lowerCopy);

/** Elements that are filled whole sooner than their borders, each by a launch. */
const SMALL_PADDED = 16384;

/** Scalar 0: the value around. */
let padStage: ((pads: Dims) => Stage<CpuLowering>) | undefined;

/** Zeros around what another operation reads, which adds them itself (`wide.ts`). */
export function providePadStage(of: (pads: Dims) => Stage<CpuLowering>): void {
  padStage = of;
}

function lowerPad(l: CpuLowering, [x]: Values, [out]: Values, { pads, own }: PadParams): void {
  if (own !== undefined) {
    lowerOwnPad(l, asContiguous(l, x!), out!, pads, own);
    return;
  }
  const parts = out!.layout.numel < SMALL_PADDED && pads.some((n) => n > 0) ? [out!] : bordersOf(l, out!, pads);
  for (const part of parts) lowerFill(l, part, [l.scalar(0)]);
  padded(l, x!, out!, pads, lowerCopy);
}

/** Pads of the last one to three dimensions with elements of x: see `padKernel`. */
function lowerOwnPad(l: CpuLowering, x: Value, out: Value, pads: Dims, own: OwnPads): void {
  const { dtype, shape } = x.layout;
  const bytes = itemSize(dtype);
  const size = shape.at(-1)!;
  const [before, after] = pads as [number, number];
  let rows = [0];
  let fromRows = 1;
  // From the outermost dimension that is padded to the last but one.
  for (let i = pads.length / 2 - 1; i > 0; i--) {
    const length = shape.at(-1 - i)!;
    const places = Array.from({ length: length + pads[2 * i]! + pads[2 * i + 1]! }, (_, k) => ownPlace(own, length, k - pads[2 * i]!));
    rows = rows.flatMap((row) => places.map((place) => row * length + place));
    fromRows *= length;
  }
  const args = {
    x,
    out,
    rows: l.constant('int32', Int32Array.from(rows)),
    planeRows: rows.length,
    fromRows,
    size,
    before,
    beforeStart: ownPlace(own, size, -before),
    after,
    afterStart: ownPlace(own, size, size),
    step: OWN_STEPS[own],
  };
  const length = size + before + after;
  const unitCost = ELEMENT_NS + length * bytes * BYTE_NS;
  l.launch(padKernel(l.wideTarget, bytes), args, { size: out.layout.numel / length, unitCost });
}

function lowerFlip(l: CpuLowering, [x]: Values, [out]: Values, { dims }: FlipParams): void {
  const { dtype, shape, strides, numel } = x!.layout;
  const bytes = itemSize(dtype);
  const flipped = new Set(dims.map((dim) => normalizeDim('flip', dim, shape.length)));
  const signed = strides.map((stride, i) => (flipped.has(i) ? -stride : stride));
  const origin = shape.reduce((sum, size, i) => sum + (flipped.has(i) ? (size - 1) * strides[i]! : 0), 0);
  const outer = shape
    .map((_, i) => i)
    .slice(0, -1)
    .reverse();
  const size = shape.at(-1) ?? 1;
  const step = signed.at(-1) ?? 1;
  const way = step === 1 ? 'forward' : step === -1 ? 'backward' : 'apart';
  const args = {
    x: x!,
    out: out!,
    dims: l.constant('int32', Int32Array.from(outer.flatMap((i) => [shape[i]!, signed[i]!]))),
    rank: outer.length,
    origin,
    size,
    step,
  };
  l.launch(flipKernel(way === 'forward' ? l.wideTarget : l.target, bytes, way), args, {
    size: numel === 0 ? 0 : numel / size,
    unitCost: (size + 4) * ELEMENT_NS * (way === 'apart' ? 1 : 0.3),
  });
}

const lowerTriangle =
  (op: 'tril' | 'triu') =>
  (l: CpuLowering, [input]: Values, [out]: Values, { diagonal }: TriangleParams): void => {
    const x = asContiguous(l, input!);
    const [rows, columns] = x.layout.shape.slice(-2) as [number, number];
    const limit = rows + columns; // beyond which everything or nothing is kept
    const args = { x, out: out!, rows, columns, diagonal: Math.max(-limit, Math.min(limit, diagonal)) };
    const options = { size: columns === 0 ? 0 : x.layout.numel / columns, unitCost: columns };
    l.launch(triangleKernel(l.target, itemSize(x.layout.dtype), op === 'triu'), args, options);
  };

function lowerOneHot(l: CpuLowering, [input]: Values, [out]: Values, { classes }: OneHotParams): void {
  const x = asContiguous(l, input!);
  const wrong = (label: bigint): boolean => isOutside(classes, label);
  const refusal = { where: x, wrong, error: (label: bigint) => wrongClass(classes, label) };
  lowerFill(l, out!, [0]);
  l.launch(oneHotKernel(l.target), { x, out: out!, classes }, { size: x.layout.numel, unitCost: ELEMENT_NS, refusal });
}

/** → [values, indices] */
/** Up to this share of a line, its first elements are selected before they are put in order. */
const SELECTED = 0.5;

function lowerSort(l: CpuLowering, [input]: Values, [values, indices]: Values, p: SortParams): void {
  const x = asContiguous(l, input!);
  const { outer, size, inner } = around(x.layout.shape, p.dim);
  const kept = p.k ?? size;
  const args = { x, values: values!, indices: indices!, size, inner, kept };
  if (kept > 0 && kept <= size * SELECTED) {
    const unitCost = size * 3 * ELEMENT_NS + kept * Math.log2(kept + 1) * ELEMENT_NS;
    const options = { size: outer * inner, unitCost, scratch: rankScratch(x.layout.dtype, size, kept) };
    l.launch(keptKernel(l.target, x.layout.dtype, p.descending), args, options);
    return;
  }
  l.launch(sortKernel(l.target, x.layout.dtype, p.descending), args, {
    size: size === 0 ? 0 : outer * inner,
    unitCost: size * (1 + Math.log2(Math.max(size, 1))) * ELEMENT_NS,
    scratch: sortScratch(x.layout.dtype, size),
  });
}

export const indexCheckLowerings: OpLowerings<IndexCheckAttrs, CpuLowering> = { indexCheck: { lower: lowerCheckOnly } };

export const joinAtLowerings: OpLowerings<JoinAtAttrs, CpuLowering> = {
  scatterReduce: { lower: lowerScatterReduce },
  indexReduce: { lower: lowerIndexReduce },
};

export const indexingLowerings: OpLowerings<IndexingAttrs, CpuLowering> = {
  indexSelect: { lower: lowerIndexSelect },
  indexSelectGrad: { lower: lowerIndexSelectGrad },
  indexAdd: { lower: lowerIndexAdd },
  indexCopy: { lower: lowerIndexCopy },
  ravelIndex: { lower: lowerRavel },
  gather: { lower: lowerGather },
  gatherGrad: { lower: lowerGatherGrad },
  scatter: { lower: lowerScatter },
  scatterValue: { lower: lowerScatterValue },
  scatterAdd: { lower: lowerScatterAdd },
  cat: { lower: lowerCat },
  pad: { lower: lowerPad, stage: (_, { pads, own }, scalars) => (own === undefined && scalars?.[0] === 0 ? padStage?.(pads) : undefined) },
  flip: { lower: lowerFlip },
  oneHot: { lower: lowerOneHot },
  tril: { lower: lowerTriangle('tril') },
  triu: { lower: lowerTriangle('triu') },
  sort: { lower: lowerSort },
  topk: { lower: lowerSort },
};
