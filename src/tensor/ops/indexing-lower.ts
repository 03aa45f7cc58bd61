/** The lowerings of `indexing.ts`. */
import { itemSize } from '../../base/dtype.ts';
import { layoutOf } from '../../base/layout.ts';
import { normalizeDim, numelOf, type Dims } from '../../base/shape.ts';
import type { Lowering, ScalarInput, Value } from '../../compiler/lowering.ts';
import { lineKernel, type LineKind } from '../../kernels/index-lines.ts';
import { flipKernel, oneHotKernel, triangleKernel } from '../../kernels/index-rows.ts';
import { ADD_COLUMNS, indexAddKernel, indexSelectKernel } from '../../kernels/index-select.ts';
import { sortKernel, sortScratch } from '../../kernels/index-sort.ts';
import type { DimParams } from './attrs.ts';
import { asContiguous, lowerCopy, lowerFill } from './copy.ts';
import type {
  FlipParams,
  OneHotParams,
  PadParams,
  ShapedDimParams,
  SortParams,
  TriangleParams,
} from './indexing-params.ts';

type Values = readonly Value[];

/** Nanoseconds for one element that is moved by itself, and for a byte that streams by. */
const ELEMENT_NS = 3;
const BYTE_NS = 0.1;

/** A dense tensor around one dimension. */
function around(shape: Dims, dim: number): { outer: number; size: number; inner: number } {
  const axis = normalizeDim('index', dim, shape.length);
  return { outer: numelOf(shape.slice(0, axis)), size: shape[axis] ?? 1, inner: numelOf(shape.slice(axis + 1)) };
}

/** [x, index] */
export function lowerIndexSelect(l: Lowering, inputs: Values, [out]: Values, { dim }: DimParams): void {
  const [x, index] = inputs.map((value) => asContiguous(l, value)) as [Value, Value];
  const bytes = itemSize(x.layout.dtype);
  const { outer, size, inner } = around(x.layout.shape, dim);
  const count = index.layout.numel;
  if (size === 0) {
    lowerFill(l, out!, [0]); // there is nothing that an index could point at
    return;
  }
  const options = { size: inner === 0 ? 0 : outer * count, unitCost: ELEMENT_NS * 3 + inner * bytes * BYTE_NS };
  l.launch(indexSelectKernel(l.target, bytes), { x, index, out: out!, count, size, inner: inner * bytes }, options);
}

/** Adds the source's slices to `out`. */
function lowerAdd(l: Lowering, out: Value, index: Value, source: Value, dim: number): void {
  const { dtype, shape } = out.layout;
  const { outer, size, inner: elements } = around(shape, dim);
  const inner = elements * itemSize(dtype);
  const count = index.layout.numel;
  const args = { out, index: asContiguous(l, index), source: asContiguous(l, source), count, size, inner };
  const blocks = Math.ceil(inner / ADD_COLUMNS);
  const unitCost = count * (ELEMENT_NS + Math.min(inner, ADD_COLUMNS) * BYTE_NS * 2);
  l.launch(indexAddKernel(l.target, dtype), args, { size: size === 0 ? 0 : outer * blocks, unitCost });
}

/** [∂y, index] */
export function lowerIndexSelectGrad(l: Lowering, [g, index]: Values, [dx]: Values, { dim }: ShapedDimParams): void {
  lowerFill(l, dx!, [0]);
  lowerAdd(l, dx!, index!, g!, dim);
}

/** Lowers an update of x at some places: `write` gets a dense tensor that starts as x and ends up as `out`. */
function lowerUpdate(l: Lowering, x: Value, out: Value, write: (dense: Value) => void): void {
  const dense = out.layout.contiguous ? out : l.temp(out.layout.dtype, out.layout.shape);
  lowerCopy(l, x, dense);
  write(dense);
  if (dense !== out) lowerCopy(l, dense, out);
}

/** [x, index, source] */
export function lowerIndexAdd(l: Lowering, [x, index, source]: Values, [out]: Values, { dim }: DimParams): void {
  lowerUpdate(l, x!, out!, (dense) => lowerAdd(l, dense, index!, source!, dim));
}

interface Lines {
  readonly large: Value;
  readonly index: Value;
  readonly small: Value;
  readonly dim: number;
  readonly value?: number | ScalarInput;
}

/** Walks an index tensor of any strides along a dimension, line by line. */
function lowerLines(l: Lowering, kind: LineKind, { large, index, small, dim, value }: Lines): void {
  if (index.layout.numel === 0) return;
  // A scalar is a line of one element.
  const lineUp = ({ layout: { shape, strides } }: Value): { shape: Dims; strides: Dims } =>
    shape.length === 0 ? { shape: [1], strides: [1] } : { shape, strides };
  const [whole, at, part] = [lineUp(large), lineUp(index), lineUp(small)];
  const axis = normalizeDim('gather', dim, at.shape.length);
  const others = at.shape.map((_, i) => i).filter((i) => i !== axis && at.shape[i] !== 1);
  const lines = others.reverse().flatMap((i) => [at.shape[i]!, whole.strides[i]!, at.strides[i]!, part.strides[i]!]);
  const count = at.shape[axis]!;
  l.launch(
    lineKernel(l.target, large.layout.dtype, kind),
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
    { size: index.layout.numel / count, unitCost: (count + others.length * 2) * ELEMENT_NS },
  );
}

/** [x, index] */
export function lowerGather(l: Lowering, [x, index]: Values, [out]: Values, { dim }: DimParams): void {
  if (x!.layout.numel === 0)
    lowerFill(l, out!, [0]); // there is nothing that an index could point at
  else lowerLines(l, 'gather', { large: x!, index: index!, small: out!, dim });
}

/** [∂y, index] */
export function lowerGatherGrad(l: Lowering, [g, index]: Values, [dx]: Values, { dim }: ShapedDimParams): void {
  lowerFill(l, dx!, [0]);
  lowerLines(l, 'add', { large: dx!, index: index!, small: g!, dim });
}

const lowerScatterAs =
  (kind: 'scatter' | 'add') =>
  (l: Lowering, [x, index, source]: Values, [out]: Values, { dim }: DimParams): void => {
    lowerUpdate(l, x!, out!, (large) => lowerLines(l, kind, { large, index: index!, small: source!, dim }));
  };

/** [x, index, source] */
export const lowerScatter = lowerScatterAs('scatter');

/** [x, index, source] */
export const lowerScatterAdd = lowerScatterAs('add');

/** [x, index]; scalar 0: the value */
export function lowerScatterValue(l: Lowering, [x, index]: Values, [out]: Values, { dim }: DimParams): void {
  lowerUpdate(l, x!, out!, (large) =>
    lowerLines(l, 'value', { large, index: index!, small: index!, dim, value: l.scalar(0) }),
  );
}

export function lowerCat(l: Lowering, inputs: Values, [out]: Values, { dim }: DimParams): void {
  const { dtype, shape, strides } = out!.layout;
  const axis = normalizeDim('cat', dim, shape.length);
  let start = 0;
  for (const input of inputs) {
    const part = l.view(out!, layoutOf(dtype, input.layout.shape, strides), start * strides[axis]!);
    lowerCopy(l, input, part);
    start += input.layout.shape[axis]!;
  }
}

/** Scalar 0: the value around. */
export function lowerPad(l: Lowering, [x]: Values, [out]: Values, { pads }: PadParams): void {
  const from = x!.layout;
  const to = out!.layout;
  const rank = from.shape.length;
  const before = from.shape.map((_, i) => pads[2 * (rank - 1 - i)] ?? 0);
  const after = from.shape.map((_, i) => pads[2 * (rank - 1 - i) + 1] ?? 0);
  const inside = from.shape.map((size, i) => Math.max(0, size + Math.min(before[i]!, 0) + Math.min(after[i]!, 0)));
  if (pads.some((n) => n > 0)) lowerFill(l, out!, [l.scalar(0)]);
  const skipped = (strides: Dims, sign: 1 | -1): number =>
    strides.reduce((sum, stride, i) => sum + stride * Math.max(0, sign * before[i]!), 0);
  const source = l.view(x!, layoutOf(from.dtype, inside, from.strides), skipped(from.strides, -1));
  lowerCopy(l, source, l.view(out!, layoutOf(to.dtype, inside, to.strides), skipped(to.strides, 1)));
}

export function lowerFlip(l: Lowering, [x]: Values, [out]: Values, { dims }: FlipParams): void {
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
  const args = {
    x: x!,
    out: out!,
    dims: l.constant('int32', Int32Array.from(outer.flatMap((i) => [shape[i]!, signed[i]!]))),
    rank: outer.length,
    origin,
    size,
    step: signed.at(-1) ?? 1,
  };
  l.launch(flipKernel(l.target, bytes), args, {
    size: numel === 0 ? 0 : numel / size,
    unitCost: (size + 4) * ELEMENT_NS,
  });
}

export const lowerTriangle =
  (op: 'tril' | 'triu') =>
  (l: Lowering, [input]: Values, [out]: Values, { diagonal }: TriangleParams): void => {
    const x = asContiguous(l, input!);
    const [rows, columns] = x.layout.shape.slice(-2) as [number, number];
    const limit = rows + columns; // beyond which everything or nothing is kept
    const args = { x, out: out!, rows, columns, diagonal: Math.max(-limit, Math.min(limit, diagonal)) };
    const options = { size: columns === 0 ? 0 : x.layout.numel / columns, unitCost: columns };
    l.launch(triangleKernel(l.target, itemSize(x.layout.dtype), op === 'triu'), args, options);
  };

export function lowerOneHot(l: Lowering, [input]: Values, [out]: Values, { classes }: OneHotParams): void {
  const x = asContiguous(l, input!);
  l.launch(oneHotKernel(l.target), { x, out: out!, classes }, { size: x.layout.numel, unitCost: classes });
}

/** → [values, indices] */
export function lowerSort(l: Lowering, [input]: Values, [values, indices]: Values, p: SortParams): void {
  const x = asContiguous(l, input!);
  const { outer, size, inner } = around(x.layout.shape, p.dim);
  const args = { x, values: values!, indices: indices!, size, inner, kept: p.k ?? size };
  l.launch(sortKernel(l.target, x.layout.dtype, p.descending), args, {
    size: size === 0 ? 0 : outer * inner,
    unitCost: size * (1 + Math.log2(Math.max(size, 1))) * ELEMENT_NS,
    scratch: sortScratch(x.layout.dtype, size),
  });
}
