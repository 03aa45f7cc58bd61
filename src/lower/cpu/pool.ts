/**
 * The lowerings of pooling: which kernel computes a pooling, and the tables that it reads.
 *
 * Maximum and average: 2×2 windows side by side in single precision, else any window. Adaptive: the mean of whole planes, else regions.
 */
import { sameDims, type Dims } from '../../base/shape.ts';
import type { Lower } from '../../compiler/graph.ts';
import type { Value } from '../../compiler/lowering.ts';
import type { CpuLowering } from './lowering.ts';
import {
  adaptiveGeometry,
  windowGeometry,
  type AdaptivePoolParams,
  type AvgPoolParams,
  type MaxPoolParams,
  type PoolGeometry,
  type PoolGradParams,
  type WindowParams,
} from '../../geometry/pool.ts';
import { floatsOf, lineTarget, type Floats } from '../../kernels/cpu/floats.ts';
import { narrowed, type Target } from '../../kernels/cpu/ir.ts';
import { avgPairsGradKernel, avgPairsKernel, maxPairsGradKernel, maxPairsKernel } from '../../kernels/cpu/pool/pairs.ts';
import type { maxValuesKernel } from '../../kernels/cpu/pool/max-values.ts';
import {
  avgPlaneGradKernel,
  avgPlaneKernel,
  avgRegionGradKernel,
  avgRegionKernel,
  maxRegionKernel,
  winnerGradKernel,
  winnerPickKernel,
} from '../../kernels/cpu/pool/region.ts';
import { avgWindowGradKernel, avgWindowKernel, maxWindowKernel, tapPattern, type TapPattern } from '../../kernels/cpu/pool/window.ts';
import type { MaxPoolAttrs, MaxPoolGradAttrs, RegionPoolAttrs } from '../../tensor/ops/pool.ts';
import type { OpLowerings, Values } from '../table.ts';
import { asContiguous } from './copy.ts';

/** Nanoseconds that one element of a plane takes when it streams by. */
const STREAM_NS = 0.3;
/** Nanoseconds that one element takes when it is visited by itself. */
const VISIT_NS = 2;

const sizesOf = ({ height, width, outHeight, outWidth }: PoolGeometry): Sizes => ({ height, width, outHeight, outWidth });
type Sizes = Pick<PoolGeometry, 'height' | 'width' | 'outHeight' | 'outWidth'>;

/** Whether windows are 2×2, side by side, and all inside. */
function inPairs(t: Floats, p: WindowParams, g: PoolGeometry): boolean {
  return (
    t.scalar === 'f32' &&
    sameDims(p.kernel, [2, 2]) &&
    sameDims(p.stride, [2, 2]) &&
    sameDims(p.dilation, [1, 1]) &&
    sameDims(p.padding, [0, 0]) &&
    g.outHeight * 2 <= g.height &&
    g.outWidth * 2 <= g.width
  );
}

/** The narrowest registers that hold a row of results, else the machine's. */
function rowTarget(l: CpuLowering, x: Value, { outWidth }: PoolGeometry): Target {
  if (x.layout.dtype !== 'float32') return l.target;
  let bytes = l.target.vectorBytes;
  while (bytes < l.wideTarget.vectorBytes && bytes < 4 * outWidth) bytes *= 2;
  return narrowed(l.wideTarget, bytes);
}

let maxValues: typeof maxValuesKernel | undefined;

/** Maxima without their places, where nobody asks for these (`wide.ts`). */
export function provideMaxValues(kernel: typeof maxValuesKernel): void {
  maxValues = kernel;
}

/** Without `indices` the maxima alone. */
export function lowerMaxPool(l: CpuLowering, [input]: Values, [y, indices]: Values, attrs: MaxPoolParams): void {
  const x = asContiguous(l, input!);
  const g = windowGeometry('maxPool2d', x.layout, attrs);
  const target = attrs.indices === 'tap' ? rowTarget(l, x, g) : lineTarget(l.target, l.wideTarget, x.layout.dtype, g.outWidth);
  const t = floatsOf(target, x.layout.dtype);
  if (attrs.indices === 'tap' && inPairs(t, attrs, g)) {
    const options = { size: g.planes, unitCost: g.height * g.width * STREAM_NS };
    l.launch(maxPairsKernel(l.target), { x, y: y!, taps: indices ?? l.temp('uint8', y!.layout.shape), ...sizesOf(g) }, options);
    return;
  }
  if (indices === undefined) {
    const { common, options } = windowArguments(l, t, attrs, g, maxRows(attrs, g));
    l.launch(maxValues!(target, t, patternOf(attrs)), { ...common, x, y: y!, columns: x }, options);
    return;
  }
  const kernel = maxWindowKernel(target, t, patternOf(attrs), attrs.indices);
  const [rowIndex, columnIndex] = attrs.indices === 'tap' ? [attrs.kernel[1], 1] : [attrs.dilation[0] * g.width, attrs.dilation[1]];
  const { common, options } = windowArguments(l, t, attrs, g, maxRows(attrs, g));
  const columns = l.constant(t.int === 'i64' ? 'int64' : 'int32', maxColumns(t, attrs, g));
  l.launch(kernel, { ...common, x, y: y!, indices, columns, rowIndex, columnIndex }, options);
}

/** The window's geometry as the kernels take it. */
function windowArguments(l: CpuLowering, t: Floats, p: WindowParams, g: PoolGeometry, rows: Int32Array) {
  const left = p.padding[1];
  const columns = columnsOf(t, g);
  const reach = Math.max((columns - 1) * p.stride[1] + (p.kernel[1] - 1) * p.dilation[1] + 1, left + g.width);
  const pitch = Math.ceil((reach * t.bytes) / t.width) * t.width;
  const taps = g.outHeight * g.outWidth * p.kernel[0] * p.kernel[1];
  return {
    common: {
      ...sizesOf(g),
      kernelWidth: p.kernel[1],
      strideWidth: p.stride[1],
      left,
      pitch,
      rowStep: pitch * p.dilation[0],
      columnStep: p.dilation[1] * t.bytes,
      rows: l.constant('int32', rows),
    },
    options: {
      size: g.planes,
      unitCost: (g.height * g.width + taps) * STREAM_NS,
      scratch: pitch * g.height + t.width, // stride 2 reads pairs of registers
    },
  };
}

const patternOf = (p: WindowParams): TapPattern => tapPattern(p.kernel[1], p.stride[1], p.dilation[1]);

/** Output columns rounded up to whole registers. */
const columnsOf = (t: Floats, g: PoolGeometry): number => Math.ceil(g.outWidth / t.lanes) * t.lanes;

/** Which of the kernel's taps along one axis lie inside, for the window that starts at `start`. */
function validTaps(start: number, kernel: number, dilation: number, size: number): { first: number; count: number } {
  const first = Math.max(0, Math.ceil(-start / dilation));
  const end = Math.min(kernel, Math.ceil((size - start) / dilation));
  return { first: Math.min(first, kernel - 1), count: Math.max(0, end - first) };
}

/** Per output row: first valid input row, number of valid kernel rows, index of the first. */
function maxRows(p: MaxPoolParams, g: PoolGeometry): Int32Array {
  return rowTable(p, g, (first, row) => (p.indices === 'tap' ? first * p.kernel[1] : row * g.width));
}

function rowTable(p: WindowParams, g: PoolGeometry, numberOf: (first: number, row: number, start: number) => number): Int32Array {
  const table = new Int32Array(g.outHeight * 3);
  for (let y = 0; y < g.outHeight; y++) {
    const start = y * p.stride[0] - p.padding[0];
    const { first, count } = validTaps(start, p.kernel[0], p.dilation[0], g.height);
    const row = Math.min(Math.max(start + first * p.dilation[0], 0), g.height - 1);
    table.set([row, count, numberOf(first, row, start)], y * 3);
  }
  return table;
}

/** Per output column what its first tap adds to the index; then the same for its first valid tap. */
function maxColumns(t: Floats, p: MaxPoolParams, g: PoolGeometry): Int32Array | BigInt64Array {
  const columns = columnsOf(t, g);
  const table = Array.from({ length: 2 * columns }, (_, i) => {
    const start = (i % columns) * p.stride[1] - p.padding[1];
    const tap = i < columns ? 0 : validTaps(start, p.kernel[1], p.dilation[1], g.width).first;
    return p.indices === 'tap' ? tap : start + tap * p.dilation[1];
  });
  return t.int === 'i64' ? BigInt64Array.from(table, BigInt) : Int32Array.from(table);
}

function lowerAvgPool(l: CpuLowering, [input]: Values, [y]: Values, attrs: AvgPoolParams): void {
  const x = asContiguous(l, input!);
  const t = floatsOf(l.target, x.layout.dtype);
  const g = windowGeometry('avgPool2d', x.layout, attrs);
  if (inPairs(t, attrs, g)) {
    const options = { size: g.planes, unitCost: g.height * g.width * STREAM_NS };
    l.launch(avgPairsKernel(l.target), { x, y: y!, ...sizesOf(g), divisor: attrs.divisorOverride ?? 4 }, options);
    return;
  }
  const { common, options } = windowArguments(l, t, attrs, g, avgRows(attrs, g));
  const columns = avgColumns(l, t, attrs, g);
  l.launch(avgWindowKernel(l.target, t, patternOf(attrs)), { ...common, x, y: y!, columns }, options);
}

/** How many elements of the window that starts at `start` count: inside, or inside the input with its padding. */
function counted(p: AvgPoolParams, axis: 0 | 1, start: number, size: number): number {
  if (p.countIncludePad) return Math.min(start + p.kernel[axis], size + p.padding[axis]) - start;
  return Math.min(start + p.kernel[axis], size) - Math.max(start, 0);
}

const avgRows = (p: AvgPoolParams, g: PoolGeometry): Int32Array =>
  rowTable(p, g, (_, __, start) => (p.divisorOverride === null ? counted(p, 0, start, g.height) : 1));

/** Per output column, how many columns count; with a fixed divisor that divisor. */
function avgColumns(l: CpuLowering, t: Floats, p: AvgPoolParams, g: PoolGeometry): Value {
  const table = Array.from({ length: columnsOf(t, g) }, (_, i) => {
    if (p.divisorOverride !== null) return p.divisorOverride;
    return i < g.outWidth ? counted(p, 1, i * p.stride[1] - p.padding[1], g.width) : 1;
  });
  if (t.scalar === 'f32') return l.constant('float32', Float32Array.from(table));
  return l.constant('float64', Float64Array.from(table));
}

function lowerAvgPoolGrad(l: CpuLowering, [grad]: Values, [dx]: Values, attrs: PoolGradParams<AvgPoolParams>): void {
  const p = attrs.pool;
  const y = asContiguous(l, grad!);
  const t = floatsOf(l.target, y.layout.dtype);
  const g = windowGeometry('avgPool2d', dx!.layout, p);
  if (inPairs(t, p, g)) {
    const options = { size: g.planes, unitCost: g.height * g.width * STREAM_NS };
    l.launch(avgPairsGradKernel(l.target), { g: y, dx: dx!, ...sizesOf(g), divisor: p.divisorOverride ?? 4 }, options);
    return;
  }
  const { common, options } = windowArguments(l, t, p, g, avgRows(p, g));
  const unitCost = options.unitCost + g.outHeight * g.outWidth * p.kernel[0] * p.kernel[1] * VISIT_NS;
  l.launch(
    avgWindowGradKernel(l.target, t, patternOf(p)),
    { ...common, x: dx!, y, columns: avgColumns(l, t, p, g) },
    { ...options, unitCost },
  );
}

type EitherMax = MaxPoolParams | AdaptivePoolParams;

/** Where the winners of a maximum are: the arguments of the winner kernels. */
function winnerArguments(l: CpuLowering, pool: EitherMax, shape: Dims, out: Dims) {
  const [height, width] = shape.slice(-2) as [number, number];
  const [outHeight, outWidth] = out.slice(-2) as [number, number];
  const taps = new Int32Array(512).fill(-0x40000000); // a number that is no tap lies outside every plane
  let window = { strideHeight: 0, strideWidth: 0, top: 0, left: 0 };
  if ('kernel' in pool) {
    const { kernel, stride, padding, dilation } = pool;
    window = { strideHeight: stride[0], strideWidth: stride[1], top: padding[0], left: padding[1] };
    for (let i = 0; i < Math.min(kernel[0] * kernel[1], 256); i++) {
      taps.set([Math.floor(i / kernel[1]) * dilation[0], (i % kernel[1]) * dilation[1]], i * 2);
    }
  }
  const planes = shape.slice(0, -2).reduce((n, size) => n * size, 1);
  return {
    common: { height, width, outHeight, outWidth, taps: l.constant('int32', taps), ...window },
    options: { size: planes, unitCost: height * width * STREAM_NS + outHeight * outWidth * VISIT_NS },
  };
}

const indexKind = (pool: EitherMax): 'tap' | 'int64' => ('indices' in pool ? pool.indices : 'int64');

function lowerMaxPoolGrad(l: CpuLowering, inputs: Values, [dx]: Values, attrs: PoolGradParams<EitherMax>): void {
  const [small, indices] = inputs.map((value) => asContiguous(l, value)) as [Value, Value];
  const t = floatsOf(l.target, small.layout.dtype);
  const { pool } = attrs;
  if ('kernel' in pool && pool.indices === 'tap') {
    const g = windowGeometry('maxPool2d', dx!.layout, pool);
    if (inPairs(t, pool, g)) {
      const options = { size: g.planes, unitCost: g.height * g.width * STREAM_NS };
      l.launch(maxPairsGradKernel(l.target), { g: small, taps: indices, dx: dx!, ...sizesOf(g) }, options);
      return;
    }
  }
  const { common, options } = winnerArguments(l, pool, dx!.layout.shape, small.layout.shape);
  l.launch(winnerGradKernel(l.target, t, indexKind(pool)), { ...common, large: dx!, small, indices }, options);
}

function lowerPickMax(l: CpuLowering, inputs: Values, [out]: Values, attrs: PoolGradParams<EitherMax>): void {
  const [large, indices] = inputs.map((value) => asContiguous(l, value)) as [Value, Value];
  const t = floatsOf(l.target, large.layout.dtype);
  const { common, options } = winnerArguments(l, attrs.pool, large.layout.shape, out!.layout.shape);
  l.launch(winnerPickKernel(l.target, t, indexKind(attrs.pool)), { ...common, large, small: out!, indices }, options);
}

/** Start and end of each adaptive region along one axis: ⌊i·size/out⌋ and ⌈(i + 1)·size/out⌉. */
function regions(size: number, out: number): Int32Array {
  const table = new Int32Array(out * 2);
  for (let i = 0; i < out; i++) table.set([Math.floor((i * size) / out), Math.ceil(((i + 1) * size) / out)], i * 2);
  return table;
}

function regionArguments(l: CpuLowering, g: PoolGeometry) {
  const area = Math.ceil(g.height / Math.max(g.outHeight, 1)) * Math.ceil(g.width / Math.max(g.outWidth, 1));
  return {
    common: {
      ...sizesOf(g),
      rows: l.constant('int32', regions(g.height, g.outHeight)),
      columns: l.constant('int32', regions(g.width, g.outWidth)),
    },
    options: {
      size: g.outHeight * g.outWidth === 0 ? 0 : g.planes,
      unitCost: g.outHeight * g.outWidth * area * VISIT_NS,
    },
  };
}

const isWhole = (g: PoolGeometry): boolean => g.outHeight === 1 && g.outWidth === 1;
const planeOptions = (g: PoolGeometry) => ({ size: g.planes, unitCost: g.height * g.width * STREAM_NS });

function lowerAdaptiveAvg(l: CpuLowering, [input]: Values, [y]: Values, attrs: AdaptivePoolParams): void {
  const x = asContiguous(l, input!);
  const t = floatsOf(l.target, x.layout.dtype);
  const g = adaptiveGeometry('adaptiveAvgPool2d', x.layout, attrs);
  if (isWhole(g)) {
    l.launch(avgPlaneKernel(l.target, t), { x, y: y!, size: g.height * g.width }, planeOptions(g));
    return;
  }
  const { common, options } = regionArguments(l, g);
  l.launch(avgRegionKernel(l.target, t), { ...common, x, y: y! }, options);
}

function lowerAdaptiveAvgGrad(l: CpuLowering, [grad]: Values, [dx]: Values, attrs: PoolGradParams<AdaptivePoolParams>): void {
  const y = asContiguous(l, grad!);
  const t = floatsOf(l.target, y.layout.dtype);
  const g = adaptiveGeometry('adaptiveAvgPool2d', dx!.layout, attrs.pool);
  if (isWhole(g)) {
    l.launch(avgPlaneGradKernel(l.target, t), { x: dx!, y, size: g.height * g.width }, planeOptions(g));
    return;
  }
  const { common, options } = regionArguments(l, g);
  l.launch(avgRegionGradKernel(l.target, t), { ...common, x: dx!, y }, { ...options, size: g.planes });
}

function lowerAdaptiveMax(l: CpuLowering, [input]: Values, [y, indices]: Values, attrs: AdaptivePoolParams): void {
  const x = asContiguous(l, input!);
  const t = floatsOf(l.target, x.layout.dtype);
  const g = adaptiveGeometry('adaptiveMaxPool2d', x.layout, attrs);
  const { common, options } = regionArguments(l, g);
  l.launch(maxRegionKernel(l.target, t), { ...common, x, y: y!, indices: indices! }, options);
}

const maxAlone = (attrs: MaxPoolParams): Lower<CpuLowering> | undefined =>
  maxValues && ((l, inputs, [y]) => lowerMaxPool(l, inputs, [y!], attrs));

export const maxPoolLowerings: OpLowerings<MaxPoolAttrs, CpuLowering> = {
  maxPool2d: { lower: lowerMaxPool, alone: maxAlone },
};

export const maxPoolGradLowerings: OpLowerings<MaxPoolGradAttrs, CpuLowering> = {
  maxPool2dGrad: { lower: lowerMaxPoolGrad },
  maxPool2dPick: { lower: lowerPickMax },
};

export const regionPoolLowerings: OpLowerings<RegionPoolAttrs, CpuLowering> = {
  avgPool2d: { lower: lowerAvgPool },
  avgPool2dGrad: { lower: lowerAvgPoolGrad },
  adaptiveAvgPool2d: { lower: lowerAdaptiveAvg },
  adaptiveAvgPool2dGrad: { lower: lowerAdaptiveAvgGrad },
  adaptiveMaxPool2d: { lower: lowerAdaptiveMax },
};
