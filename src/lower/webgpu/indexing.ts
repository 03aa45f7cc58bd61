/** The lowerings of indexing, joining and rearranging. */
import { layoutOf, type Layout } from '../../base/layout.ts';
import { normalizeDim, numelOf, type Dims } from '../../base/shape.ts';
import type { ScalarInput, Value } from '../../compiler/lowering.ts';
import type { DimParams } from '../../geometry/attrs.ts';
import { outOfRange, wrongClass, type IndexPlace } from '../../geometry/index-error.ts';
import type { FlipParams, IndexCheckParams, IndexParams, OneHotParams, PadParams, RavelParams, ShapedDimParams, SortParams, TriangleParams } from '../../geometry/indexing.ts'; // prettier-ignore
import { gatherLaunch, indexCheckLaunch, indexPutFewLaunch,
  indexPutLaunch, indexSelectLaunch, oneHotLaunch, ravelLaunch, scatterLaunch, SORT_BLOCK, sortBlocksLaunch, sortMergeLaunch, triangleLaunch, type Put } from '../../kernels/wgsl/index.ts'; // prettier-ignore
import type { Lines } from '../../kernels/wgsl/lines.ts';
import type { AllIndexingAttrs } from '../../tensor/ops/indexing.ts';
import { joined, ownPadded, padded } from '../regions.ts';
import type { Values } from '../table.ts';
import { asContiguous, asDType, intoDense, lowerCopy, lowerFill } from './elementwise.ts';
import { gpuDType, type GpuLowering } from './lowering.ts';
import type { GpuLowerings } from './table.ts';

/** A dense tensor around one dimension. */
function around(shape: Dims, dim: number): Lines {
  const axis = normalizeDim('index', dim, shape.length);
  return { outer: numelOf(shape.slice(0, axis)), size: shape[axis] ?? 1, inner: numelOf(shape.slice(axis + 1)) };
}

/** Indices as kernels read them: dense int64. */
const asIndices = (l: GpuLowering, index: Value): Value => asContiguous(l, asDType(l, index, 'int64'));

/** The dimension of `shape` that the indices of `op` are of. */
function placeOf(op: string, { caller = op, dim, wraps = false, counted }: IndexParams, shape: Dims): IndexPlace {
  const axis = normalizeDim(caller, dim, shape.length);
  return { caller, dim: counted ?? axis, size: shape[axis] ?? 1, wraps };
}

const faultAt = (l: GpuLowering, place: IndexPlace): Value => l.fault((index) => outOfRange(place, index));

function launchCheck(l: GpuLowering, index: Value, { size, ignore, error }: IndexCheckParams): void {
  l.launch(indexCheckLaunch(index.layout.numel, size, ignore), [index, l.fault(error)]);
}

/** [index] → 0, once all indices have been looked at */
function lowerCheckOnly(l: GpuLowering, [index]: Values, [out]: Values, p: IndexCheckParams): void {
  launchCheck(l, asIndices(l, index!), p);
  lowerFill(l, out!, 0);
}

/** [index, …] → the index in a dimension that all those dimensions have been flattened to */
function lowerRavel(l: GpuLowering, inputs: Values, [out]: Values, { caller, sizes, dims }: RavelParams): void {
  inputs.forEach((index, i) => {
    const place = { caller, dim: dims[i]!, size: sizes[i]!, wraps: true };
    launchRavel(l, asIndices(l, index), out!, place, numelOf(sizes.slice(i + 1)), i === 0);
  });
}

function launchRavel(l: GpuLowering, index: Value, out: Value, place: IndexPlace, step: number, first: boolean): void {
  const launch = ravelLaunch(index.layout.numel, place.size, step, first, place.wraps);
  l.launch(launch, [index, out, faultAt(l, place)]);
}

/** Where there is nothing to move, indices are looked at all the same. */
function checkAlong(l: GpuLowering, index: Value, place: IndexPlace): void {
  launchRavel(l, index, l.temp('int64', index.layout.shape), place, 1, true);
}

/** [x, index] */
function lowerSelect(l: GpuLowering, [input, list]: Values, [out]: Values, p: IndexParams): void {
  const dtype = gpuDType('indexSelect', out!.layout.dtype);
  const [x, index] = [asContiguous(l, input!), asIndices(l, list!)];
  const place = placeOf('indexSelect', p, x.layout.shape);
  const lines = around(x.layout.shape, p.dim);
  if (lines.outer * lines.inner === 0) checkAlong(l, index, place);
  l.launch(indexSelectLaunch(dtype, lines, index.layout.numel, place.wraps), [x, index, out!, faultAt(l, place)]);
}

const PUT_OPS = {
  add: 'indexAdd',
  copy: 'indexCopy',
  gradient: 'indexSelect',
  prod: 'indexReduce',
  amax: 'indexReduce',
  amin: 'indexReduce',
} as const;

/** [x (not for gradients), index, source] → x with slices put */
const put =
  (what: Put) =>
  (l: GpuLowering, inputs: Values, [out]: Values, p: IndexParams): void => {
    const dtype = gpuDType(PUT_OPS[what], out!.layout.dtype);
    const isGradient = what === 'gradient';
    const [list, from] = isGradient ? [inputs[1]!, inputs[0]!] : [inputs[1]!, inputs[2]!];
    const [index, source] = [asIndices(l, list), asContiguous(l, from)];
    const { shape } = out!.layout;
    const place = placeOf(PUT_OPS[what], p, shape);
    const lines = around(shape, p.dim);
    if (lines.outer * lines.inner === 0) checkAlong(l, index, place);
    const count = index.layout.numel;
    const fault = faultAt(l, place);
    intoDense(l, out!, (dense) => {
      if (count >= lines.size) {
        const own = isGradient ? [] : [asContiguous(l, inputs[0]!)];
        l.launch(indexPutLaunch(dtype, lines, count, what, place.wraps), [...own, index, source, dense, fault]);
        return;
      }
      if (isGradient) lowerFill(l, dense, 0);
      else lowerCopy(l, inputs[0]!, dense);
      l.launch(indexPutFewLaunch(dtype, lines, count, what, place.wraps), [index, source, dense, fault]);
    });
  };

/** A scalar is a line of one element. */
const lineUp = ({ shape, strides }: Layout): { shape: Dims; strides: Dims } =>
  shape.length === 0 ? { shape: [1], strides: [1] } : { shape, strides };

/** [x, index] */
function lowerGather(l: GpuLowering, [x, list]: Values, [out]: Values, p: IndexParams): void {
  const dtype = gpuDType('gather', out!.layout.dtype);
  const index = asDType(l, list!, 'int64');
  const [whole, at, part] = [lineUp(x!.layout), lineUp(index.layout), lineUp(out!.layout)];
  const place = placeOf('gather', p, whole.shape);
  const axis = normalizeDim('gather', p.dim, at.shape.length);
  const own = whole.strides.map((step, d) => (d === axis ? 0 : step));
  const walk = { sizes: at.shape, steps: [own, at.strides, part.strides] };
  const launch = gatherLaunch(dtype, walk, whole.shape[axis]!, whole.strides[axis]!, place.wraps);
  l.launch(launch, [x!, index, out!, faultAt(l, place)]);
}

/** The most dimensions that parameters of a launch have room for. */
const SCATTER_RANK = 16;

interface Scatter {
  readonly what: Put;
  readonly op: string;
  readonly x: Value | undefined;
  readonly index: Value;
  readonly source: Value | undefined;
  readonly number?: ScalarInput;
}

function lowerScatter(l: GpuLowering, { what, op, x, index: list, source, number }: Scatter, out: Value, p: IndexParams): void {
  const dtype = gpuDType(op, out.layout.dtype);
  const index = asDType(l, list, 'int64');
  const [whole, at] = [lineUp(out.layout), lineUp(index.layout)];
  const part = source === undefined ? at : lineUp(source.layout);
  const place = placeOf(op, p, whole.shape);
  if (whole.shape.length > SCATTER_RANK) throw new RangeError(`${op}: more than ${SCATTER_RANK} dimensions`);
  const axis = normalizeDim(op, p.dim, whole.shape.length);
  const walk = { shape: whole.shape, indexShape: at.shape, indexSteps: at.strides, sourceSteps: part.strides, axis };
  const launch = scatterLaunch(dtype, walk, what, place.wraps, number);
  const fault = faultAt(l, place);
  intoDense(l, out, (dense) => {
    const operands = [...(x === undefined ? [] : [asContiguous(l, x)]), index, ...(source === undefined ? [] : [source]), dense, fault];
    l.launch(launch, operands);
  });
}

const lowerCat = (l: GpuLowering, inputs: Values, [out]: Values, { dim }: DimParams): void => joined(l, inputs, out!, dim, lowerCopy);

/** Scalar 0: the value around. */
function lowerPad(l: GpuLowering, [x]: Values, [out]: Values, { pads, own }: PadParams): void {
  if (own !== undefined) {
    ownPadded(l, x!, out!, { pads, own }, lowerCopy);
    return;
  }
  if (pads.some((n) => n > 0)) lowerFill(l, out!, l.scalar(0));
  padded(l, x!, out!, pads, lowerCopy);
}

function lowerFlip(l: GpuLowering, [x]: Values, [out]: Values, { dims }: FlipParams): void {
  const { dtype, shape, strides } = x!.layout;
  if (x!.layout.numel === 0) return;
  const flipped = new Set(dims.map((dim) => normalizeDim('flip', dim, shape.length)));
  const signed = strides.map((stride, i) => (flipped.has(i) ? -stride : stride));
  const origin = shape.reduce((sum, size, i) => sum + (flipped.has(i) ? (size - 1) * strides[i]! : 0), 0);
  lowerCopy(l, l.view(x!, layoutOf(dtype, shape, signed), origin), out!);
}

const triangle = (upper: boolean) => ({
  lower: (l: GpuLowering, [x]: Values, [out]: Values, { diagonal }: TriangleParams): void => {
    const { shape, numel, dtype } = x!.layout;
    const [rows, columns] = shape.slice(-2) as [number, number];
    const limit = rows + columns; // beyond which everything or nothing is kept
    const bounded = Math.max(-limit, Math.min(limit, diagonal));
    const launch = triangleLaunch(gpuDType('tril', dtype), numel, rows, columns, bounded, upper);
    l.launch(launch, [asContiguous(l, x!), out!]);
  },
});

function lowerOneHot(l: GpuLowering, [input]: Values, [out]: Values, { classes }: OneHotParams): void {
  const x = asIndices(l, input!);
  launchCheck(l, x, { key: '', size: classes, ignore: -(2 ** 31), error: (label) => wrongClass(classes, label) });
  l.launch(oneHotLaunch(x.layout.numel, classes), [x, out!]);
}

/** → [values, indices]: blocks, then merges of two runs each, until a line is one. */
function lowerSort(l: GpuLowering, [given]: Values, [values, indices]: Values, p: SortParams): void {
  const dtype = gpuDType('sort', given!.layout.dtype);
  const lines = around(given!.layout.shape, p.dim);
  const kept = p.k ?? lines.size;
  const x = asContiguous(l, given!);
  const isOne = lines.size <= SORT_BLOCK;
  const temps = (): [Value, Value] => [l.temp(dtype, [x.layout.numel]), l.temp('int64', [x.layout.numel])];
  let sorted: readonly [Value, Value] = isOne ? [values!, indices!] : temps();
  l.launch(sortBlocksLaunch(dtype, lines, isOne ? kept : lines.size, p.descending), [x, ...sorted]);
  let spare: readonly [Value, Value] | undefined;
  for (let run = SORT_BLOCK; run < lines.size; run *= 2) {
    const isLast = 2 * run >= lines.size;
    const to: readonly [Value, Value] = isLast ? [values!, indices!] : (spare ?? temps());
    l.launch(sortMergeLaunch(dtype, lines, run, isLast ? kept : lines.size, p.descending), [...sorted, ...to]);
    [sorted, spare] = [to, sorted];
  }
}

export const indexingLowerings: GpuLowerings<AllIndexingAttrs> = {
  indexSelect: { lower: lowerSelect },
  indexSelectGrad: { lower: (l, inputs, outputs, p: ShapedDimParams) => put('gradient')(l, inputs, outputs, p) },
  indexAdd: { lower: put('add') },
  indexCopy: { lower: put('copy') },
  ravelIndex: { lower: lowerRavel },
  indexCheck: { lower: lowerCheckOnly },
  gather: { lower: lowerGather },
  gatherGrad: {
    lower: (l, [g, index], [dx], p) => lowerScatter(l, { what: 'gradient', op: 'gather', x: undefined, index: index!, source: g }, dx!, p),
  },
  scatter: {
    lower: (l, [x, index, source], [out], p) => lowerScatter(l, { what: 'copy', op: 'scatter', x, index: index!, source }, out!, p),
  },
  scatterValue: {
    lower: (l, [x, index], [out], p) =>
      lowerScatter(l, { what: 'copy', op: 'scatter', x, index: index!, source: undefined, number: l.scalar(0) }, out!, p),
  },
  scatterAdd: {
    lower: (l, [x, index, source], [out], p) => lowerScatter(l, { what: 'add', op: 'scatterAdd', x, index: index!, source }, out!, p),
  },
  scatterReduce: {
    lower: (l, [x, index, source], [out], p) => lowerScatter(l, { what: p.join, op: 'scatterReduce', x, index: index!, source }, out!, p),
  },
  indexReduce: { lower: (l, inputs, outputs, p) => put(p.join)(l, inputs, outputs, p) },
  cat: { lower: lowerCat },
  pad: { lower: lowerPad },
  flip: { lower: lowerFlip },
  tril: triangle(false),
  triu: triangle(true),
  oneHot: { lower: lowerOneHot },
  sort: { lower: lowerSort },
  topk: { lower: lowerSort },
};
