/**
 * Lowers convolutions of one source channel for each output, and their gradients: depthwise ones, with a multiplier or without.
 * Chosen from shapes alone; what is left (kernels of many elements, gradients of an input with several outputs, strides above
 * two in the gradient of the input) other algorithms take.
 */
import type { Value } from '../../../compiler/lowering.ts';
import type { ConvGeometry } from '../../../geometry/conv.ts';
import { depthwiseKernel } from '../../../kernels/cpu/conv/depthwise.ts';
import { depthwiseWeightGradKernel } from '../../../kernels/cpu/conv/depthwise-weight-grad.ts';
import { mostReach, type AxisShape } from '../../../kernels/cpu/conv/depthwise-source.ts';
import { elementKit, laneMasks, type ElementKit } from '../../../kernels/cpu/gemm/tile.ts';
import { narrowed, type Target } from '../../../kernels/cpu/ir.ts';
import { asContiguous } from '../copy.ts';
import { SCRATCH, type CpuLowering } from '../lowering.ts';
import { ceilTo, denseRows, lineResultArgs, sourceArgs } from './along-outputs.ts';
import { elementOf, multiplyAddNs, type Correlation, type Lowered, type Operands } from './correlation.ts';
import { forwardAxis, type AxisPlan } from './tables.ts';

/** Elements of a kernel that code is unrolled for. */
export const MOST_TAPS = 64;
/** Copied rows of a unit: with the results they stay in the first-level cache. */
const BLOCK_BYTES = 12 * 1024;
/** Memory that a byte takes to pass, in nanoseconds. */
export const BYTE_NS = 0.08;
/** What beginning another plane costs. */
export const PLANE_NS = 25;
export const SLACK = 256;

/** An axis as kernels are unrolled for it, and the source position of the first output. */
export interface Axis {
  readonly shape: AxisShape;
  readonly origin: number;
  /** Values of i. */
  readonly count: number;
}

/** undefined where some outputs are of no segment. */
export function axisOf(plan: AxisPlan, kernel: number): Axis | undefined {
  if (plan.segments.length !== plan.outStep) return undefined;
  const segments = plan.segments
    .map(({ first, taps, lo, hi }) => ({
      first: first + lo * plan.outStep,
      taps: taps.map(({ k, delta }) => ({ k, delta: delta + lo * plan.step })),
      count: hi - lo,
    }))
    .sort((a, b) => a.first - b.first);
  if (segments.some(({ first }, s) => first !== s)) return undefined;
  const deltas = segments.flatMap(({ taps }) => taps.map(({ delta }) => delta));
  const origin = deltas.length === 0 ? 0 : Math.min(...deltas);
  const shape = {
    kernel,
    step: plan.step,
    segments: segments.map(({ taps }) => taps.map(({ k, delta }) => ({ k, reach: delta - origin }))),
  };
  return { shape, origin, count: Math.max(...segments.map(({ count }) => count)) };
}

/** The narrowest vectors that hold a row, of at most the machine's. */
function targetFor(l: CpuLowering, kitBytes: number, width: number): Target {
  let bytes = 16;
  while (bytes < width * kitBytes) bytes *= 2;
  return narrowed(l.wideTarget, bytes);
}

/** How a row of the source lies in scratch. */
export function rowArgs(l: CpuLowering, { shape, origin, count }: Axis, source: number, kit: ElementKit) {
  const { step } = shape;
  const { bytes } = kit;
  const reach = mostReach(shape);
  const columns = ceilTo(count, kit.lanes) + Math.floor(reach / step);
  const used = new Set(shape.segments.flat().map(({ reach }) => reach % step));
  const words = Array.from({ length: step }, (_, phase) => {
    const first = phase + origin;
    const begin = Math.max(0, Math.ceil(-first / step));
    const end = Math.min(columns, Math.floor((source - 1 - first) / step) + 1);
    const elements = used.has(phase) ? Math.max(0, end - begin) : 0;
    return [(first + begin * step) * bytes, elements, (phase * columns + begin) * bytes];
  });
  return {
    phases: l.constant('int32', Int32Array.from(words.flat())),
    phaseBytes: columns * bytes,
    rowBytes: columns * step * bytes,
    masks: l.constant('int32', laneMasks(kit)),
  };
}

/** Rows of a block: what fits, whole tiles, no fewer than one. */
export function rowBlockOf(axis: Axis, rowBytes: number, tile: number): { rowBlock: number; rowBlocks: number; sourceRows: number } {
  const { step } = axis.shape;
  const fit = Math.floor((BLOCK_BYTES / rowBytes - mostReach(axis.shape)) / step);
  const parts = Math.ceil(axis.count / Math.max(tile, fit));
  const rowBlock = parts === 1 ? axis.count : ceilTo(Math.ceil(axis.count / parts), tile);
  const sourceRows = Math.max(rowBlock, tile) * step + mostReach(axis.shape) + 1;
  return { rowBlock, rowBlocks: Math.ceil(axis.count / rowBlock), sourceRows };
}

/** Whether the machine has registers for it: WebAssembly, whose compilers load all that a block reads at its start, has them for 3×3. */
export function suitsDepthwise({ wideTarget }: CpuLowering, w: Value): boolean {
  const [rows, columns] = w.layout.shape.slice(2) as [number, number];
  return wideTarget.vectorBytes > 16 || wideTarget.liveVectors > 16 || rows * columns <= 9;
}

/** Whether kernels are written for such shapes, and can read and write such memory. */
function fits(c: Correlation, { x, w, y, finish }: Operands): boolean {
  if (c.channels !== 1 || c.outputs > 4 || (c.groups === 1 && c.outputs > 1)) return false;
  if (c.taps > MOST_TAPS || !denseRows(x) || y.layout.numel === 0 || w.layout.numel === 0) return false;
  if ([finish.gate, finish.residual].some((operand) => operand?.layout.contiguous === false)) return false; // the epilogue sees them as it sees y
  return y.layout.contiguous || (y.buffer === SCRATCH && finish.kind === 'none');
}

/** y = the correlation if this is the way to compute it. */
export function lowerDepthwise(l: CpuLowering, c: Correlation, o: Operands): Lowered {
  const { x, w, y, finish } = o;
  if (!fits(c, o)) return undefined;
  const [rows, columns] = [axisOf(c.rows, w.layout.shape[2]!), axisOf(c.columns, w.layout.shape[3]!)];
  if (rows === undefined || columns === undefined || rows.shape.segments.length > 4 || c.columns.outStep > 2) return undefined;
  if (finish.taps !== undefined) return 'cannot pool';
  const element = elementOf(y);
  const target = targetFor(l, element === 'f32' ? 4 : 8, columns.count);
  const kit = elementKit(target, element);
  const { bytes, lanes } = kit;
  const [down, across] = [rows.shape.segments.length, columns.shape.segments.length];
  const tile = Math.max(1, Math.min(Math.floor(4 / down), rows.count));
  const source = rowArgs(l, columns, c.columns.source, kit);
  const { sourceRows, ...blocks } = rowBlockOf(rows, source.rowBytes, tile);
  const [height, width] = y.layout.shape.slice(2) as [number, number];
  const resultsAt = ceilTo(sourceRows * source.rowBytes + SLACK, 64);
  const channels = c.groups * c.outputs;
  const products = (y.layout.numel * c.taps) / (down * across);
  const size = c.batch * channels * blocks.rowBlocks;
  const byChannels = l.soon !== undefined && c.outputs === 1;
  l.launch(
    depthwiseKernel(target, { element, rows: rows.shape, columns: columns.shape, epilogue: finish.kind, tile }),
    {
      ...source,
      ...sourceArgs(x, bytes),
      sourceRows: c.rows.source,
      w: asContiguous(l, w),
      ...lineResultArgs(l, c, o, element, bytes),
      channels,
      images: byChannels ? c.batch : 0,
      multiplier: c.outputs,
      rows: height,
      rowSize: width * bytes,
      rowCount: rows.count,
      ...blocks,
      rowOrigin: rows.origin,
      lastColumn: Math.max(0, Math.ceil((width - lanes * across) / across)),
      resultsAt,
    },
    {
      size,
      unitCost: (multiplyAddNs(2 * products, kit) + (x.layout.numel + y.layout.numel) * bytes * BYTE_NS) / size + PLANE_NS,
      scratch: resultsAt + Math.max(blocks.rowBlock, tile) * down * width * bytes + SLACK,
      flops: 2 * products,
      ...(byChannels && { channels }),
    },
  );
  return 'done';
}

/** ∂w, and ∂b where asked for, from ∂y and x, if this is the way to compute it; says whether it did. */
export function lowerDepthwiseWeightGrad(l: CpuLowering, g: ConvGeometry, dy: Value, x: Value, dw: Value, db: Value | undefined): boolean {
  const kernel = [g.height.kernel, g.width.kernel] as const;
  // One channel alone is summed along rows as ever: what loops such as a tutorial's print of it keeps its last digits.
  if (g.inPerGroup !== 1 || g.outPerGroup > 4 || g.groups === 1) return false;
  if (kernel[0] * kernel[1] > MOST_TAPS || !denseRows(x) || !denseRows(dy) || !dw.layout.contiguous) return false;
  const [rows, columns] = [axisOf(forwardAxis(g.height), kernel[0])!, axisOf(forwardAxis(g.width), kernel[1])!];
  const element = elementOf(dw);
  const target = targetFor(l, element === 'f32' ? 4 : 8, g.width.output);
  const kit = elementKit(target, element);
  const { bytes, vectorBytes } = kit;
  const source = rowArgs(l, columns, g.width.input, kit);
  const b = rowBlockOf(rows, source.rowBytes, 1);
  const sumsAt = ceilTo(b.sourceRows * source.rowBytes + SLACK, 64);
  const [dyn, dyc, dyh] = dy.layout.strides.map((step) => step * bytes) as [number, number, number];
  const products = dy.layout.numel * kernel[0] * kernel[1];
  l.launch(
    depthwiseWeightGradKernel(target, element, rows.shape, columns.shape, db !== undefined),
    {
      ...source,
      ...sourceArgs(x, bytes),
      sourceRows: g.height.input,
      dy,
      dyn,
      dyc,
      dyh,
      dw,
      db: db ?? dw,
      batch: g.batch,
      multiplier: g.outPerGroup,
      rows: g.height.output,
      rowBlock: b.rowBlock,
      rowOrigin: rows.origin,
      columns: g.width.output,
      sumsAt,
    },
    {
      size: g.outChannels,
      unitCost:
        (multiplyAddNs(2 * products, kit) + (x.layout.numel + dy.layout.numel) * bytes * BYTE_NS) / g.outChannels + g.batch * PLANE_NS,
      scratch: sumsAt + (kernel[0] * kernel[1] + 1) * vectorBytes + SLACK,
      flops: 2 * products,
      ...(g.outPerGroup === 1 && { channels: g.outChannels }),
    },
  );
  return true;
}
