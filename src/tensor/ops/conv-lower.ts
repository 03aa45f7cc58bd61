/**
 * Lowers convolutions and their gradients to kernels: chooses blocks that fit the caches and builds the index tables.
 */
import type { Lowering, Value } from '../../compiler/lowering.ts';
import { correlateKernel, correlateTile, type SegmentWords } from '../../kernels/conv/correlate.ts';
import { packKernel } from '../../kernels/conv/pack.ts';
import { weightGradKernel, weightGradTile, weightReduceKernel } from '../../kernels/conv/weight-grad.ts';
import { elementKit, type Element, type ElementKit } from '../../kernels/gemm-tile.ts';
import type { ConvGeometry } from './conv-geometry.ts';
import {
  forwardAxis,
  inputGradAxis,
  planeBytes,
  rowLayout,
  rowsReached,
  type AxisPlan,
  type RowLayout,
} from './conv-tables.ts';
import { denseVector } from './matmul-lower.ts';

/** Scratch that a block of the source may take: well within the second-level cache. */
const SOURCE_BYTES = 160 * 1024;
/** (channel, tap) pairs added up before the accumulators are written back: a block of weights stays in the first-level cache. */
const DEPTH = 640;
/** Launches whose estimated time is below this run as one call, and pack their weights inside. */
const INSIDE_NS = 40_000;

const elementOf = (value: Value): Element => (value.layout.dtype === 'float64' ? 'f64' : 'f32');

/** A correlation: which side of the weights is summed over, and the plans along the axes. */
interface Correlation {
  readonly rows: AxisPlan;
  readonly columns: AxisPlan;
  /** Source channels and outputs of a group. */
  readonly channels: number;
  readonly outputs: number;
  /** Steps of the weight along outputs and channels, and between groups, in elements; and along the kernel. */
  readonly wm: number;
  readonly wc: number;
  readonly wg: number;
  readonly kernel: readonly [number, number];
}

export function lowerConv(l: Lowering, g: ConvGeometry, x: Value, w: Value, bias: Value | undefined, y: Value): void {
  const [wo, wi, kh, kw] = w.layout.strides as readonly [number, number, number, number];
  lowerCorrelation(l, g, x, w, bias, y, {
    rows: forwardAxis(g.height),
    columns: forwardAxis(g.width),
    channels: g.inPerGroup,
    outputs: g.outPerGroup,
    wm: wo,
    wc: wi,
    wg: g.outPerGroup * wo,
    kernel: [kh, kw],
  });
}

/** ∂x from ∂y: the correlation of ∂y with the weights, inputs and outputs exchanged. */
export function lowerInputGrad(l: Lowering, g: ConvGeometry, dy: Value, w: Value, dx: Value): void {
  const [wo, wi, kh, kw] = w.layout.strides as readonly [number, number, number, number];
  lowerCorrelation(l, g, dy, w, undefined, dx, {
    rows: inputGradAxis(g.height),
    columns: inputGradAxis(g.width),
    channels: g.outPerGroup,
    outputs: g.inPerGroup,
    wm: wi,
    wc: wo,
    wg: g.outPerGroup * wo,
    kernel: [kh, kw],
  });
}

/** How a correlation is cut into units of work. */
interface Blocks {
  readonly channels: number;
  readonly rows: number;
  readonly rowBlocks: number;
  readonly images: number;
}

function blocksOf(c: Correlation, g: ConvGeometry, pitch: number, bytes: number): Blocks {
  const taps = g.height.kernel * g.width.kernel;
  const channelParts = Math.ceil((c.channels * taps) / DEPTH);
  const channels = Math.ceil(c.channels / channelParts);
  const rowCost = channels * pitch * bytes;
  const reach = rowsReached(c.rows, 1);
  const most = Math.max(4, Math.floor((SOURCE_BYTES / rowCost - reach) / c.rows.step) + 1);
  const least = g.batch * g.groups < 8 ? Math.ceil(c.rows.count / Math.ceil(8 / (g.batch * g.groups))) : c.rows.count;
  const rowBlocks = Math.ceil(c.rows.count / Math.min(most, Math.max(least, 4)));
  const rows = Math.ceil(c.rows.count / rowBlocks);
  const fit = Math.floor(SOURCE_BYTES / (rowCost * rowsReached(c.rows, rows)));
  const images = rowBlocks > 1 ? 1 : Math.max(1, Math.min(fit, Math.floor(g.batch / 8), 8));
  return { channels, rows, rowBlocks: Math.ceil(c.rows.count / rows), images };
}

interface Tables {
  readonly offsets: Int32Array;
  readonly vectors: Int32Array;
  readonly segments: Int32Array;
  readonly segmentCount: number;
  readonly taps: number;
  /** Byte offsets into the weights, in packed order. */
  readonly sources: Int32Array;
  readonly scatter: boolean;
}

/** Bytes of y between images, channels and rows. */
interface OutSteps {
  readonly n: number;
  readonly h: number;
}

function tablesOf(
  c: Correlation,
  kit: ElementKit,
  b: Blocks,
  row: RowLayout,
  plane: number,
  image: number,
  out: OutSteps,
): Tables {
  // prettier-ignore
  const { bytes, lanes } = kit;
  const offsets: number[] = [];
  const vectors: number[] = [];
  const words: SegmentWords[] = [];
  const tapOffsets: number[][] = [];
  let taps = 0;
  let scatter = c.columns.outStep > 1;
  const whole = b.rowBlocks === 1;
  for (const down of c.rows.segments) {
    for (const across of c.columns.segments) {
      const pairs = down.taps.flatMap((v) => across.taps.map((h) => [v, h] as const));
      const valid = Math.min(lanes, across.hi - across.lo);
      if (valid < lanes) scatter = true;
      const rowVectors = Math.ceil((across.hi - across.lo) / lanes);
      const [lo, hi] = whole ? [0, down.hi - down.lo] : [down.lo, down.hi];
      words.push([pairs.length, taps, offsets.length * 4, vectors.length / 2, rowVectors, lo, hi, valid]);
      for (let channel = 0; channel < b.channels; channel++) {
        for (const [v, h] of pairs) {
          offsets.push(channel * plane + ((v.delta - c.rows.minDelta) * row.pitch + row.tapColumn(h.delta)) * bytes);
        }
      }
      tapOffsets.push(pairs.map(([v, h]) => (v.k * c.kernel[0] + h.k * c.kernel[1]) * bytes));
      taps += pairs.length;
      const [begin, end] = whole ? [down.lo, down.hi] : [0, b.rows];
      for (let n = 0; n < b.images; n++) {
        for (let i = begin; i < end; i++) {
          for (let v = 0; v < rowVectors; v++) {
            // The last vector of a row lies back so that it is full; what it shares with the one before is the same.
            const at = Math.max(across.lo, Math.min(across.lo + v * lanes, across.hi - lanes));
            vectors.push(
              n * image + (i * c.rows.step * row.pitch + at) * bytes,
              n * out.n + (down.first + i * c.rows.outStep) * out.h + (across.first + at * c.columns.outStep) * bytes,
            );
          }
        }
      }
    }
  }
  return {
    offsets: Int32Array.from(offsets),
    vectors: Int32Array.from(vectors),
    segments: Int32Array.from(words.flat()),
    segmentCount: words.length,
    taps,
    sources: packSources(c, b, tapOffsets, bytes),
    scatter,
  };
}

/** Weights in the order in which the kernel reads them: block of channels, segment, channel, tap. */
function packSources(c: Correlation, b: Blocks, tapOffsets: readonly number[][], bytes: number): Int32Array {
  const sources: number[] = [];
  for (let c0 = 0; c0 < c.channels; c0 += b.channels) {
    for (const taps of tapOffsets) {
      for (let channel = c0; channel < Math.min(c0 + b.channels, c.channels); channel++) {
        for (const tap of taps) sources.push(channel * c.wc * bytes + tap);
      }
    }
  }
  return Int32Array.from(sources);
}

function lowerCorrelation(
  l: Lowering,
  g: ConvGeometry,
  x: Value,
  w: Value,
  bias: Value | undefined,
  y: Value,
  c: Correlation,
): void {
  // prettier-ignore
  if (y.layout.numel === 0) return;
  const element = elementOf(y);
  const kit = elementKit(l.target, element);
  const { bytes, vectorBytes } = kit;
  const row = rowLayout(c.columns, c.columns.count);
  const b = blocksOf(c, g, row.pitch, bytes);
  const rowBytes = row.pitch * bytes;
  const imageBytes = rowsReached(c.rows, b.rows) * rowBytes;
  const plane = planeBytes(imageBytes * b.images);
  const [yn, yc, yh] = y.layout.strides.map((step) => step * bytes) as [number, number, number, number];
  const t = tablesOf(c, kit, b, row, plane, imageBytes, { n: yn, h: yh });
  const tile = correlateTile(c.outputs);
  const [xn, xc, xh, xw] = x.layout.strides.map((step) => step * bytes) as [number, number, number, number];

  const images = Math.ceil(g.batch / b.images);
  const size = images * g.groups * b.rowBlocks;
  const work = (y.layout.numel * c.channels * t.taps) / (c.rows.segments.length * c.columns.segments.length);
  const packInside = work / 20 + w.layout.numel < INSIDE_NS;
  const depth = c.channels * t.taps;
  const packedBlocks = Math.ceil(c.outputs / tile.height) * g.groups;
  const packedElements = packedBlocks * depth * tile.height;
  const sources = l.constant('int32', t.sources);
  const wSteps = { wm: c.wm * bytes, wg: c.wg * bytes, sources };
  let packed = w;
  if (!packInside) {
    packed = l.temp(y.layout.dtype, [packedElements]);
    l.launch(
      packKernel(l.target, element, tile.height),
      { w, packed, sourceCount: depth, outputs: c.outputs, ...wSteps },
      { size: packedBlocks, unitCost: depth * 3 },
    );
  }
  const vectorCount = t.vectors.length / 2;
  const slack = 64; // vectors of narrow rows are read past the end of the last channel
  const accAt = Math.ceil((b.channels * plane + slack) / 64) * 64;
  const needsAcc = t.scatter || b.channels < c.channels;
  const biasAt = accAt + (needsAcc ? vectorCount * c.outputs * vectorBytes : 0);
  const packedAt = biasAt + c.outputs * vectorBytes;
  const lastHeight = ((c.outputs - 1) % tile.height) + 1;
  l.launch(
    correlateKernel(l.target, { element, height: tile.height, vectors: tile.vectors, lastHeight, packInside }),
    {
      x,
      xn,
      xc,
      xh,
      xStep: c.columns.step * xw,
      sourceRows: c.rows.source,
      runs: l.constant('int32', Int32Array.from(row.runs.flatMap((r) => [r.from * xw, r.count, r.to * bytes]))),
      runCount: row.runs.length,
      rowBytes,
      imageBytes,
      planeBytes: plane,
      w: packed,
      bias: bias === undefined ? l.constant(y.layout.dtype, zeros(element)) : denseVector(l, bias, element),
      hasBias: bias === undefined ? 0 : 1,
      y,
      yn,
      yc,
      yh: c.rows.outStep * yh,
      yStep: c.columns.outStep * bytes,
      batch: g.batch,
      groups: g.groups,
      channels: c.channels,
      outputs: c.outputs,
      channelBlock: b.channels,
      taps: t.taps,
      rowCount: c.rows.count,
      rowBlock: b.rows,
      rowBlocks: b.rowBlocks,
      images: b.images,
      rowOrigin: c.rows.minDelta,
      rowStep: c.rows.step,
      rowReach: rowsReached(c.rows, 1),
      offsets: l.constant('int32', t.offsets),
      vectors: l.constant('int32', t.vectors),
      vectorCount,
      segments: l.constant('int32', t.segments),
      segmentCount: t.segmentCount,
      scatter: t.scatter ? 1 : 0,
      accAt,
      biasAt,
      packedAt,
      ...wSteps,
    },
    {
      size,
      unitCost: packInside ? 0 : work / 20 / size,
      scratch: packedAt + (packInside ? packedElements * bytes : 0),
    },
  );
}

const zeros = (element: Element): Float32Array | Float64Array =>
  element === 'f32' ? new Float32Array(4) : new Float64Array(2);

/** Pixels of a block of the weight gradient, in vectors: a register tile's ∂y stays in the first-level cache. */
const PIXEL_VECTORS = 128;
/** Work of one partial result at least, and how many partial results at most (each is as large as ∂w). */
const PART_NS = 100_000;
const MOST_PARTS = 16;
const PART_BYTES = 16 << 20;

/** How the weight gradient is cut: blocks of pixels, and units of work. A function of shapes alone, as the bits are. */
interface GradBlocks extends Blocks {
  readonly blocks: number;
  readonly unitBlocks: number;
  readonly parts: number;
  readonly outputBlock: number;
  readonly outputBlocks: number;
}

function gradBlocksOf(g: ConvGeometry, rows: AxisPlan, kit: ElementKit, pitch: number, work: number): GradBlocks {
  const { height, pairs } = weightGradTile(g.outPerGroup);
  const rowVectors = Math.ceil(g.width.output / kit.lanes);
  const wanted = Math.min(g.height.output, Math.max(1, Math.floor(PIXEL_VECTORS / rowVectors)));
  const rowBlocks = Math.ceil(g.height.output / wanted);
  const rowBlock = Math.ceil(g.height.output / rowBlocks);
  const channelBytes = rowsReached(rows, rowBlock) * pitch * kit.bytes;
  const channelsFit = Math.max(1, Math.floor((1.5 * SOURCE_BYTES) / channelBytes));
  const channels = channelsFit >= g.inPerGroup ? g.inPerGroup : Math.max(pairs, channelsFit - (channelsFit % pairs));
  const imagesFit = Math.floor((1.5 * SOURCE_BYTES) / (channels * channelBytes));
  const imagesWanted = Math.ceil(PIXEL_VECTORS / (rowVectors * rowBlock));
  const images = rowBlocks > 1 ? 1 : Math.max(1, Math.min(imagesFit, imagesWanted, g.batch));
  const blocks = Math.ceil(g.batch / images) * rowBlocks;
  const weightBytes = g.outChannels * g.inPerGroup * g.height.kernel * g.width.kernel * kit.bytes;
  const most = Math.min(blocks, MOST_PARTS, Math.ceil(PART_BYTES / weightBytes), Math.ceil(work / g.groups / PART_NS));
  const unitBlocks = Math.max(1, Math.ceil(blocks / Math.max(1, most)));
  const parts = Math.max(1, Math.ceil(blocks / unitBlocks));
  const tileRows = Math.ceil(g.outPerGroup / height);
  const splits = Math.max(1, Math.min(tileRows, Math.ceil(work / PART_NS / (parts * g.groups)), Math.ceil(MOST_PARTS / (parts * g.groups)))); // prettier-ignore
  const outputBlock = Math.ceil(tileRows / splits) * height;
  const outputBlocks = Math.ceil(g.outPerGroup / outputBlock);
  return { channels, rows: rowBlock, rowBlocks, images, blocks, unitBlocks, parts, outputBlock, outputBlocks };
}

/** ∂w, and ∂b where asked for, from ∂y and x. */
export function lowerWeightGrad(
  l: Lowering,
  g: ConvGeometry,
  dy: Value,
  x: Value,
  dw: Value,
  db: Value | undefined,
): void {
  const element = elementOf(dw);
  const kit = elementKit(l.target, element);
  const { bytes, lanes, vectorBytes } = kit;
  const { height, pairs } = weightGradTile(g.outPerGroup);
  const rows = forwardAxis(g.height);
  const columns = forwardAxis(g.width);
  const rowVectors = Math.ceil(g.width.output / lanes);
  const row = rowLayout(columns, rowVectors * lanes); // zeros behind short rows, where ∂y is padded with zeros too
  const taps = g.height.kernel * g.width.kernel;
  const depth = g.inPerGroup * taps;
  const work = (g.batch * g.outChannels * g.height.output * g.width.output * depth) / 20;
  const b = gradBlocksOf(g, rows, kit, row.pitch, work);
  const rowBytes = row.pitch * bytes;
  const imageBytes = rowsReached(rows, b.rows) * rowBytes;
  const plane = planeBytes(imageBytes * b.images);

  const offsets: number[] = [];
  for (let channel = 0; channel < b.channels; channel++)
    for (const v of rows.segments[0]!.taps)
      for (const h of columns.segments[0]!.taps)
        offsets.push(channel * plane + ((v.delta - rows.minDelta) * row.pitch + row.tapColumn(h.delta)) * bytes);
  while (offsets.length % pairs !== 0) offsets.push(offsets.at(-1)!);
  const positions: number[] = [];
  for (let n = 0; n < b.images; n++)
    for (let i = 0; i < b.rows; i++)
      for (let v = 0; v < rowVectors; v++) positions.push(n * imageBytes + i * rows.step * rowBytes + v * vectorBytes);

  const tileRows = Math.ceil(g.outPerGroup / height) * g.groups;
  const depthPadded = Math.ceil(depth / pairs) * pairs;
  const biasAt = tileRows * depthPadded * height * bytes;
  const partBytes = Math.ceil((biasAt + tileRows * height * bytes) / 64) * 64;
  const partial = l.temp(dw.layout.dtype, [(partBytes * b.parts) / bytes]);
  const whole = work + depth * g.outChannels < INSIDE_NS;
  const [xn, xc, xh, xw] = x.layout.strides.map((step) => step * bytes) as [number, number, number, number];
  const [dyn, dyc, dyh, dyw] = dy.layout.strides.map((step) => step * bytes) as [number, number, number, number];
  const reduce = {
    partial,
    parts: b.parts,
    partBytes,
    biasAt,
    dw,
    db: db ?? dw,
    hasBias: db === undefined ? 0 : 1,
    groups: g.groups,
    outputs: g.outPerGroup,
    depth,
    depthPadded,
  };
  const reduceScratch = depthPadded * height * bytes;
  const gradAt = Math.ceil((b.channels * plane + 64) / 64) * 64;
  const gradBytes = Math.ceil(b.outputBlock / height) * height * positions.length * vectorBytes;
  const size = b.parts * b.outputBlocks * g.groups;
  l.launch(
    weightGradKernel(l.target, element, g.outPerGroup, whole),
    {
      ...reduce,
      x,
      xn,
      xc,
      xh,
      xStep: columns.step * xw,
      sourceRows: g.height.input,
      runs: l.constant('int32', Int32Array.from(row.runs.flatMap((r) => [r.from * xw, r.count, r.to * bytes]))),
      runCount: row.runs.length,
      rowBytes,
      imageBytes,
      planeBytes: plane,
      dy,
      dyn,
      dyc,
      dyh,
      dyw,
      width: g.width.output,
      batch: g.batch,
      channels: g.inPerGroup,
      channelBlock: b.channels,
      taps,
      outputBlock: b.outputBlock,
      outputBlocks: b.outputBlocks,
      rowCount: g.height.output,
      rowBlock: b.rows,
      rowBlocks: b.rowBlocks,
      images: b.images,
      rowOrigin: rows.minDelta,
      rowStep: rows.step,
      rowReach: rowsReached(rows, 1),
      blocks: b.blocks,
      unitBlocks: b.unitBlocks,
      offsets: l.constant('int32', Int32Array.from(offsets)),
      positions: l.constant('int32', Int32Array.from(positions)),
      rowVectors,
      gradAt,
    },
    { size, unitCost: whole ? 0 : work / size, scratch: Math.max(gradAt + gradBytes, whole ? reduceScratch : 0) },
  );
  if (whole) return;
  l.launch(weightReduceKernel(l.target, element, height), reduce, {
    size: tileRows,
    unitCost: depth * height * (b.parts / 4 + 2),
    scratch: reduceScratch,
  });
}
