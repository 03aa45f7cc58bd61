/**
 * Lowers a 1×1 convolution together with the depthwise one of its results (`kernels/cpu/conv/expanded.ts`). What is chosen depends on shapes and the
 * vectors' width alone.
 */
import type { Layout } from '../../../base/layout.ts';
import { expandedKernel } from '../../../kernels/cpu/conv/expanded.ts';
import { mostReach } from '../../../kernels/cpu/conv/depthwise-source.ts';
import { elementKit, panelDepth, TILE_VECTORS, tileRows, type ElementKit } from '../../../kernels/cpu/gemm/tile.ts';
import { hasStep } from '../../../kernels/formula/epilogue.ts';
import { asContiguous } from '../copy.ts';
import type { CpuLowering } from '../lowering.ts';
import { denseVector } from '../matmul.ts';
import { ceilTo, isPointwise, lineResultArgs, oddLines, sourceArgs } from './along-outputs.ts';
import { elementOf, multiplyAddNs, type Correlation, type Operands } from './correlation.ts';
import { axisOf, BYTE_NS, MOST_TAPS, PLANE_NS, rowArgs, rowBlockOf, SLACK, type Axis } from './depthwise.ts';
import { packedWeights } from './products.ts';

/** Bytes of a plane between from which it pays. */
const LEAST_PLANE = 14 * 14 * 4;

/** Whether this is the best way. It was measured with the widest vectors only. */
export function suitsExpanded(l: CpuLowering, first: Correlation, second: Correlation): boolean {
  const plane = first.rows.count * first.columns.count * 4;
  return l.wideTarget.vectorBytes === 64 && !l.inHalves && plane >= LEAST_PLANE && second.columns.count > 8;
}

/** A unit's channels between, and their bytes: beside the source, in the second-level cache. */
const CHANNELS = 24;
const BETWEEN_BYTES = 384 * 1024;

type First = Omit<Operands, 'y'> & { readonly c: Correlation };
type Second = Omit<Operands, 'x'> & { readonly c: Correlation };

/** Whether kernels are written for such shapes and ends, and can read and write such memory. */
function fits({ c, x, finish }: First, between: Layout, second: Second, kit: ElementKit): boolean {
  const { layout } = second.y;
  if (!isPointwise(c, x, { layout: between }) || c.channels > panelDepth(kit)) return false;
  if (second.c.channels !== 1 || second.c.outputs !== 1 || second.c.groups !== c.outputs) return false;
  if (!layout.contiguous || layout.numel === 0 || second.c.taps > MOST_TAPS || second.c.columns.step > 2) return false;
  return finish.taps === undefined && second.finish.taps === undefined && !hasStep(finish.kind, 'add') && !hasStep(finish.kind, 'gate');
}

/** y = the second of the first, if this can compute it; `between` is how the first one's results would lie. */
export function lowerExpanded(l: CpuLowering, first: First, between: Layout, second: Second): boolean {
  const { c, x, w, bias } = first;
  const { y, finish } = second;
  const element = elementOf(y);
  const kit = elementKit(l.wideTarget, element);
  const { bytes } = kit;
  if (!fits(first, between, second, kit)) return false;
  const [kernelRows, kernelColumns] = second.w.layout.shape.slice(2) as [number, number];
  const [rows, columns] = [axisOf(second.c.rows, kernelRows)!, axisOf(second.c.columns, kernelColumns)!];
  const tile = Math.min(4, rows.count);
  const source = rowArgs(l, columns, c.columns.count, kit);
  const { sourceRows, ...blocks } = rowBlockOf(rows, source.rowBytes, tile);
  const units = unitsOf(c, rows, kit);
  if (leastPixels(rows, units.partRows, c) < TILE_VECTORS * kit.lanes) return false;
  const packed = packedWeights(l, c, w, kit);
  const [yRows, yColumns] = y.layout.shape.slice(2) as [number, number];
  const resultsAt = ceilTo(sourceRows * source.rowBytes + SLACK, 64);
  const resultBytes = Math.max(blocks.rowBlock, tile) * yColumns * bytes + SLACK;
  const betweenAt = ceilTo(resultsAt + resultBytes + TILE_VECTORS * kit.vectorBytes, 64);
  const products = between.numel * c.channels + y.layout.numel * second.c.taps;
  const moved = (x.layout.numel + y.layout.numel) * bytes;
  const size = c.batch * units.parts * units.channelBlocks;
  const ends = { element, first: first.finish.kind, epilogue: finish.kind };
  l.launch(
    expandedKernel(l.wideTarget, { ...ends, rows: rows.shape, columns: columns.shape, tile }),
    {
      ...source,
      ...sourceArgs(x, bytes),
      xh: c.columns.count * bytes,
      sourceRows: c.rows.count,
      depth: c.channels,
      packed,
      firstBias: bias === undefined ? y : denseVector(l, bias, element),
      hasFirstBias: bias === undefined ? 0 : 1,
      firstAffine: first.finish.affine ?? y,
      w: asContiguous(l, second.w),
      ...lineResultArgs(l, second.c, { x, ...second }, element, bytes),
      channels: c.outputs,
      images: 0,
      multiplier: 1,
      rows: yRows,
      rowSize: yColumns * bytes,
      rowCount: rows.count,
      ...blocks,
      rowOrigin: rows.origin,
      lastColumn: Math.max(0, yColumns - kit.lanes),
      resultsAt,
      ...units,
      betweenAt,
    },
    {
      size,
      unitCost: (multiplyAddNs(2 * products, kit) + moved * BYTE_NS) / size + units.channelBlock * PLANE_NS,
      scratch: betweenAt + ceilTo(units.channelBlock, tileRows(kit)) * units.pitch + 64,
      flops: 2 * products,
    },
  );
  return true;
}

/** How work is cut: whole panels of channels, and blocks of rows whose channels between fit. */
function unitsOf(c: Correlation, rows: Axis, kit: ElementKit) {
  const height = tileRows(kit);
  const channelBlock = Math.min(Math.ceil(CHANNELS / height), Math.ceil(c.outputs / height)) * height;
  const rowBytes = c.columns.count * kit.bytes;
  const { step } = rows.shape;
  const fit = Math.floor((BETWEEN_BYTES / channelBlock / rowBytes - mostReach(rows.shape)) / step);
  const parts = fit * step >= c.rows.count ? 1 : Math.ceil(rows.count / Math.max(fit, 4));
  const partRows = Math.ceil(rows.count / parts);
  const most = Math.min(c.rows.count, partRows * step + mostReach(rows.shape));
  return {
    channelBlock,
    channelBlocks: Math.ceil(c.outputs / channelBlock),
    partRows,
    parts: Math.ceil(rows.count / partRows),
    pitch: oddLines(most * rowBytes),
  };
}

/** The pixels of the smallest of the parts. */
function leastPixels({ shape, origin, count }: Axis, partRows: number, c: Correlation): number {
  let least = Infinity;
  for (let i = 0; i < count; i += partRows) {
    const first = Math.max(0, i * shape.step + origin);
    const last = Math.min(c.rows.count, (Math.min(count, i + partRows) - 1) * shape.step + mostReach(shape) + 1 + origin);
    least = Math.min(least, (last - first) * c.columns.count);
  }
  return least;
}
