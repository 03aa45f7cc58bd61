/**
 * Lowers correlations with vectors along outputs (`kernels/cpu/conv/pixels.ts`): convolutions and their gradients of the input
 * whose rows are short or strided. What is chosen depends on shapes alone.
 */
import type { Value } from '../../../compiler/lowering.ts';
import type { CpuLowering } from '../lowering.ts';
import { packKernel } from '../../../kernels/cpu/conv/pack.ts';
import { pixelSegmentTable, pixelsKernel, type PixelSegment } from '../../../kernels/cpu/conv/pixels.ts';
import { outputTile } from '../../../kernels/cpu/conv/along-outputs.ts';
import { elementKit, type ElementKit } from '../../../kernels/cpu/gemm/tile.ts';
import { ceilTo, denseRows, oddLines, outputBlocksOf, resultArgs, sourceArgs } from './along-outputs.ts';
import { elementOf, multiplyAddNs, resultSize, type Correlation, type Lowered, type Operands } from './correlation.ts';
import { rowsReached } from './tables.ts';

/** The copied source and the results of a unit: within the second-level cache. */
const UNIT_BYTES = 256 * 1024;
/** Pixels of a unit at least and at most: weights are read once for each. */
const PIXELS = { least: 48, most: 192 };
/** Pixels of a result: several images make a unit, so it may be smaller than a vector. */
const LEAST_RESULT = 4;
/** Channels and taps that are summed before results are written back: their weights stay in the first-level cache. */
const DEPTH = 288;

/** y = the correlation if this is the way to compute it. */
export function lowerPixels(l: CpuLowering, c: Correlation, o: Operands): Lowered {
  const { x, w, y, finish } = o;
  const element = elementOf(y);
  const kit = elementKit(l.wideTarget, element);
  const [rows, columns] = resultSize(c, o);
  if (!denseRows(x) || !y.layout.contiguous || c.groups !== 1) return undefined;
  if (c.channels < 8 || c.outputs <= kit.lanes || rows * columns < LEAST_RESULT) return undefined;
  if (finish.taps !== undefined) return 'cannot pool';
  const { bytes } = kit;
  const b = blocksOf(c, rows, columns, kit, l.threads);
  const t = tablesOf(c, b, columns);
  const packed = packWeights(l, w, c, kit, t.kernelTaps);
  const size = Math.ceil(c.batch / b.images) * b.rowBlocks * b.outputBlocks;
  const products = (y.layout.numel * c.channels * t.offsets.length) / t.segments.length;
  l.launch(
    pixelsKernel(l.wideTarget, element, finish.kind),
    {
      ...sourceArgs(x, bytes),
      sourceRows: c.rows.source,
      sourceColumns: c.columns.source,
      before: b.before,
      pitch: b.pitch,
      rowOrigin: c.rows.minDelta,
      rowStep: c.rows.step,
      rowReach: rowsReached(c.rows, 1),
      packed,
      ...resultArgs(l, c, o, element, bytes),
      batch: c.batch,
      channels: c.channels,
      outputs: c.outputs,
      taps: t.offsets.length,
      images: b.images,
      rowCount: c.rows.count,
      rowBlock: b.rowBlock,
      rowBlocks: b.rowBlocks,
      outputBlock: b.outputBlock,
      outputBlocks: b.outputBlocks,
      outStep: c.rows.outStep,
      firstRow: firstRowOf(c),
      tapBlock: Math.max(1, Math.floor(DEPTH / c.channels)),
      sourcePixel: b.sourcePixel,
      sourceImage: b.sourceImage,
      resultPixel: b.resultPixel,
      positions: l.constant('int32', Int32Array.from(t.positions)),
      offsets: l.constant('int32', Int32Array.from(t.offsets)),
      segments: l.constant('int32', pixelSegmentTable(t.segments)),
      segmentCount: t.segments.length,
      resultAt: b.resultAt,
      biasAt: b.biasAt,
    },
    { size, unitCost: multiplyAddNs(1.3 * products, kit) / size, scratch: b.bytes, flops: 2 * products },
  );
  return 'done';
}

/** [panel of outputs][tap][channel][output], of taps in this order. */
function packWeights(l: CpuLowering, w: Value, c: Correlation, kit: ElementKit, taps: readonly number[]): Value {
  const { element, bytes } = kit;
  const { panel } = outputTile(kit);
  const panels = Math.ceil(c.outputs / panel);
  const runs = Int32Array.from(taps.flatMap((tap) => Array.from({ length: c.channels }, (_, i) => (i * c.wc + tap) * bytes)));
  const packed = l.derived(w.layout.dtype, [panels * runs.length * panel], [w]);
  l.launch(
    packKernel(l.target, element, panel),
    { w, packed, runs: l.constant('int32', runs), runCount: runs.length, runLength: 1, wm: c.wm * bytes, wg: 0, outputs: c.outputs },
    { size: panels, unitCost: runs.length * panel, makes: packed },
  );
  return packed;
}

interface PixelBlocks {
  readonly images: number;
  readonly rowBlock: number;
  readonly rowBlocks: number;
  readonly outputBlock: number;
  readonly outputBlocks: number;
  /** Zeros before a source row, and pixels of a copied row. */
  readonly before: number;
  readonly pitch: number;
  readonly sourcePixel: number;
  readonly sourceImage: number;
  readonly resultPixel: number;
  readonly resultAt: number;
  readonly biasAt: number;
  readonly bytes: number;
}

function blocksOf(c: Correlation, rows: number, columns: number, kit: ElementKit, threads: number): PixelBlocks {
  const { panel } = outputTile(kit);
  const { bytes, lanes } = kit;
  const before = Math.max(0, -c.columns.minDelta);
  const pitch = (c.columns.count - 1) * c.columns.step + c.columns.maxDelta + before + 1;
  const sourcePixel = oddLines(ceilTo(c.channels, lanes) * bytes);
  const resultBytes = oddLines(ceilTo(c.outputs, panel) * bytes);
  const rowPixels = columns * c.rows.outStep;
  const bytesOf = (count: number): number => rowsReached(c.rows, count) * pitch * sourcePixel + count * rowPixels * resultBytes;
  let rowBlock = c.rows.count;
  while (rowBlock > 1 && bytesOf(rowBlock) > UNIT_BYTES && (rowBlock - 1) * rowPixels >= PIXELS.least) rowBlock--;
  const rowBlocks = Math.ceil(c.rows.count / rowBlock);
  rowBlock = Math.ceil(c.rows.count / rowBlocks);
  const fit = Math.floor(UNIT_BYTES / bytesOf(rowBlock));
  const wanted = Math.min(Math.max(fit, Math.ceil(PIXELS.least / (rows * columns))), Math.floor(PIXELS.most / (rows * columns)));
  const images = rowBlocks > 1 ? 1 : Math.max(1, Math.min(c.batch, wanted));
  const { outputBlock, outputBlocks } = outputBlocksOf(c.outputs, panel, Math.ceil(c.batch / images) * rowBlocks, threads);
  const resultPixel = oddLines(outputBlock * bytes);
  const sourceImage = rowsReached(c.rows, rowBlock) * pitch * sourcePixel;
  const slack = (c.columns.source + lanes) * sourcePixel;
  const resultAt = ceilTo(images * sourceImage + slack, 64);
  const biasAt = resultAt + images * rowBlock * rowPixels * resultPixel;
  return {
    images,
    rowBlock,
    rowBlocks,
    outputBlock,
    outputBlocks,
    before,
    pitch,
    sourcePixel,
    sourceImage,
    resultPixel,
    resultAt,
    biasAt,
    bytes: biasAt + outputBlock * bytes + 128,
  };
}

/** The row of y of i = 0, which may lie before y. */
const firstRowOf = ({ rows }: Correlation): number => Math.min(...rows.segments.map(({ first }) => first));

interface PixelTables {
  /** Pairs of byte offsets: of a pixel's first source and of its result. */
  readonly positions: readonly number[];
  /** Byte offset of each tap, segment by segment; and where it is in the weights, in elements. */
  readonly offsets: readonly number[];
  readonly kernelTaps: readonly number[];
  readonly segments: readonly PixelSegment[];
}

function tablesOf(c: Correlation, b: PixelBlocks, columns: number): PixelTables {
  const positions: number[] = [];
  const offsets: number[] = [];
  const kernelTaps: number[] = [];
  const segments: PixelSegment[] = [];
  const firstRow = firstRowOf(c);
  const whole = b.rowBlocks === 1;
  for (const down of c.rows.segments) {
    for (const across of c.columns.segments) {
      const [begin, end] = whole ? [down.lo, down.hi] : [0, b.rowBlock];
      const taps = down.taps.flatMap((v) => across.taps.map((h) => [v, h] as const));
      segments.push({
        taps: taps.length,
        tapsBefore: offsets.length,
        lo: whole ? 0 : down.lo,
        hi: whole ? down.hi - down.lo : down.hi,
        pixels: across.hi - across.lo,
        positions: positions.length * 4,
      });
      for (const [v, h] of taps) {
        offsets.push(((v.delta - c.rows.minDelta) * b.pitch + h.delta + b.before) * b.sourcePixel);
        kernelTaps.push(v.k * c.kernel[0] + h.k * c.kernel[1]);
      }
      for (let n = 0; n < b.images; n++) {
        for (let i = begin; i < end; i++) {
          for (let j = across.lo; j < across.hi; j++) {
            const row = down.first - firstRow + i * c.rows.outStep;
            const column = across.first + j * c.columns.outStep;
            const image = n * b.rowBlock * c.rows.outStep * columns;
            positions.push(n * b.sourceImage + (i * c.rows.step * b.pitch + j * c.columns.step) * b.sourcePixel);
            positions.push((image + row * columns + column) * b.resultPixel);
          }
        }
      }
    }
  }
  return { positions, offsets, kernelTaps, segments };
}
