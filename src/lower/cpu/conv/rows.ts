/**
 * Lowers a convolution and its gradient of the input: both are a correlation (`tables.ts`), so this chooses blocks
 * that fit the caches and fills in the tables. The gradient of the weights is `weight-grad.ts`.
 */
import type { TypedArray } from '../../../base/dtype.ts';
import type { Value } from '../../../compiler/lowering.ts';
import type { CpuLowering } from '../lowering.ts';
import { correlateTile } from '../../../kernels/cpu/conv/correlate-tile.ts';
import { correlateKernel, segmentTable, type SegmentWords } from '../../../kernels/cpu/conv/correlate.ts';
import type { SOURCE_PARAMS } from '../../../kernels/cpu/conv/copy-in.ts';
import { packKernel } from '../../../kernels/cpu/conv/pack.ts';
import { elementKit, type Element, type ElementKit } from '../../../kernels/cpu/gemm/tile.ts';
import { narrowed, type Target } from '../../../kernels/cpu/ir.ts';
import { elementOf, finishArgs, multiplyAddNs, resultSize, type Correlation, type Lowered, type Operands } from './correlation.ts';
import { planeBytes, rowLayout, rowsReached, type AxisPlan, type RowLayout, type Segment } from './tables.ts';
import { denseVector } from '../matmul.ts';

/** Scratch that a block of the source may take: well within the second-level cache. */
export const SOURCE_BYTES = 160 * 1024;
/** (channel, tap) pairs added up before the accumulators are written back: what a tile reads stays in the first-level cache. */
const DEPTH = 320;
/** Launches whose estimated time is below this run as one call, and pack their weights inside. */
export const INSIDE_NS = 40_000;

/** Vectors run along rows: short rows take the narrowest that hold them, since wider ones would be half empty. */
export function convTarget(l: CpuLowering, element: Element, width: number): Target {
  let bytes = 16;
  while (bytes < width * (element === 'f32' ? 4 : 8)) bytes *= 2;
  return narrowed(l.wideTarget, bytes);
}

/** Work that is worth a unit of its own, the copy of its source included. */
const UNIT_NS = 50_000;

/** How the source is cut into blocks that are copied in at a time. */
export interface Blocks {
  readonly channels: number;
  readonly rows: number;
  readonly rowBlocks: number;
  readonly images: number;
}

function blocksOf(c: Correlation, pitch: number, bytes: number): Blocks {
  const channelParts = Math.ceil((c.channels * c.taps) / DEPTH);
  const channels = Math.ceil(c.channels / channelParts);
  const rowCost = channels * pitch * bytes;
  const reach = rowsReached(c.rows, 1);
  const most = Math.max(4, Math.floor((SOURCE_BYTES / rowCost - reach) / c.rows.step) + 1);
  const least = c.batch * c.groups < 8 ? Math.ceil(c.rows.count / Math.ceil(8 / (c.batch * c.groups))) : c.rows.count;
  const parts = Math.ceil(c.rows.count / Math.min(most, Math.max(least, 4)));
  const rows = Math.ceil(c.rows.count / parts);
  const rowBlocks = Math.ceil(c.rows.count / rows);
  const fit = Math.floor(SOURCE_BYTES / (rowCost * rowsReached(c.rows, rows)));
  const images = rowBlocks > 1 ? 1 : Math.max(1, Math.min(fit, Math.floor(c.batch / 8), 8));
  return { channels, rows, rowBlocks, images };
}

/** Bytes of the copied source: of a row, of an image's rows, of a channel. */
export interface SourceSizes {
  readonly row: number;
  readonly image: number;
  readonly plane: number;
}

export function sourceSizes(rows: AxisPlan, layout: RowLayout, b: Blocks, bytes: number): SourceSizes {
  const row = layout.pitch * bytes;
  const image = rowsReached(rows, b.rows) * row;
  return { row, image, plane: planeBytes(image * b.images) };
}

/** Vectors of short rows are read past the end of the last channel. */
export const sourceBytes = (b: Blocks, sizes: SourceSizes): number => b.channels * sizes.plane + 64;

type SourceArgs = { readonly [K in keyof typeof SOURCE_PARAMS]: K extends 'x' | 'runs' ? Value : number };

/** Arguments of copying the source in, and of walking over its rows. */
export function sourceArgs(
  l: CpuLowering,
  x: Value,
  rows: AxisPlan,
  columns: AxisPlan,
  layout: RowLayout,
  sizes: SourceSizes,
  bytes: number,
): SourceArgs & Record<'rowOrigin' | 'rowStep' | 'rowReach', number> {
  const [xn, xc, xh, xw] = x.layout.strides.map((step) => step * bytes) as [number, number, number, number];
  return {
    x,
    xn,
    xc,
    xh,
    xStep: columns.step * xw,
    sourceRows: rows.source,
    runs: l.constant('int32', Int32Array.from(layout.runs.flatMap((r) => [r.from * xw, r.count, r.to * bytes]))),
    runCount: layout.runs.length,
    rowBytes: sizes.row,
    imageBytes: sizes.image,
    planeBytes: sizes.plane,
    rowOrigin: rows.minDelta,
    rowStep: rows.step,
    rowReach: rowsReached(rows, 1),
  };
}

/** Elements between images and rows of results. */
type ResultSteps = readonly [number, number];

interface Tables {
  readonly offsets: Int32Array;
  readonly vectors: Int32Array;
  /** Slots of accumulators that one output needs. */
  readonly slots: number;
  readonly segments: readonly SegmentWords[];
  readonly taps: number;
  /** Byte offsets into the weights, in packed order. */
  readonly sources: Int32Array;
  /** Whether neighbours in a vector are not neighbours in y. */
  readonly scatter: boolean;
}

/**
 * How a row of `size` outputs is cut into tiles of neighbouring vectors and, where less than half a tile is left, single
 * vectors. The last of each lies back so that it is full: what it shares with the one before comes out the same.
 */
function cutRow(size: number, tile: number, lanes: number): { tiles: number[]; singles: number[] } {
  const whole = Math.floor(size / tile);
  const rest = size % tile;
  const tiles = Array.from({ length: whole }, (_, i) => i * tile);
  if (rest > tile / 2 && whole > 0) return { tiles: [...tiles, size - tile], singles: [] };
  const singles = Array.from({ length: Math.ceil(rest / lanes) }, (_, i) => Math.max(0, Math.min(whole * tile + i * lanes, size - lanes)));
  return { tiles, singles };
}

function tablesOf(c: Correlation, kit: ElementKit, b: Blocks, layout: RowLayout, sizes: SourceSizes, steps: ResultSteps): Tables {
  const { bytes, lanes } = kit;
  const tileVectors = correlateTile(c.outputs, kit).vectors;
  const offsets: number[] = [];
  const vectors: number[] = [];
  const segments: SegmentWords[] = [];
  const tapOffsets: number[][] = [];
  let [taps, slots] = [0, 0];
  let scatter = c.columns.outStep > 1;
  const whole = b.rowBlocks === 1;
  for (const down of c.rows.segments) {
    for (const across of c.columns.segments) {
      const pairs = down.taps.flatMap((v) => across.taps.map((h) => [v, h] as const));
      const size = across.hi - across.lo;
      if (size < lanes) scatter = true;
      const { tiles, singles } = cutRow(size, tileVectors * lanes, lanes);
      const [begin, end] = whole ? [down.lo, down.hi] : [0, b.rows];
      const rows = b.images * (end - begin);
      const firstTile = vectors.length / 2;
      const singleSlot = slots + rows * tiles.length * tileVectors;
      segments.push({
        taps: pairs.length,
        tapsBefore: taps,
        offsets: offsets.length * 4,
        lo: whole ? 0 : down.lo,
        hi: whole ? down.hi - down.lo : down.hi,
        lanes: Math.min(lanes, size),
        rowTiles: tiles.length,
        firstTile,
        tileSlot: slots,
        rowSingles: singles.length,
        firstSingle: firstTile + rows * tiles.length,
        singleSlot,
        pairing: 0,
        partner: 0,
      });
      slots = singleSlot + rows * singles.length;
      taps += pairs.length;
      tapOffsets.push(pairs.map(([v, h]) => (v.k * c.kernel[0] + h.k * c.kernel[1]) * bytes));
      for (let channel = 0; channel < b.channels; channel++) {
        for (const [v, h] of pairs) {
          const row = (v.delta - c.rows.minDelta) * sizes.row;
          offsets.push(channel * sizes.plane + row + layout.tapColumn(h.delta) * bytes);
        }
      }
      for (const starts of [tiles, singles])
        for (const place of placesOf(starts, [begin, end], down, across, { c, b, sizes, steps, bytes })) vectors.push(place);
    }
  }
  if (canInterleave(c.columns, lanes)) pairUp(c.columns, segments);
  return {
    offsets: Int32Array.from(offsets),
    vectors: Int32Array.from(vectors),
    slots,
    segments,
    taps,
    sources: packSources(c, b, tapOffsets, bytes),
    scatter,
  };
}

interface PlacesOptions {
  readonly c: Correlation;
  readonly b: Blocks;
  readonly sizes: SourceSizes;
  readonly steps: ResultSteps;
  readonly bytes: number;
}

/** Where the vectors that begin at `starts` in rows of a segment lie, in bytes: each in the copied source, and in the results. */
function placesOf(
  starts: readonly number[],
  rows: readonly [number, number],
  down: Segment,
  across: Segment,
  options: PlacesOptions,
): number[] {
  const { c, b, sizes, bytes } = options;
  const [yn, yh] = options.steps;
  const places: number[] = [];
  for (let n = 0; n < b.images; n++) {
    for (let i = rows[0]; i < rows[1]; i++) {
      for (const start of starts) {
        const at = across.lo + start;
        const out = n * yn + (down.first + i * c.rows.outStep) * yh + across.first + at * c.columns.outStep;
        places.push(n * sizes.image + i * c.rows.step * sizes.row + at * bytes, out * bytes);
      }
    }
  }
  return places;
}

/** Whether the outputs of the two segments of a row alternate from first to last, in whole vectors. */
function canInterleave({ outStep, segments }: AxisPlan, lanes: number): boolean {
  const [a, b] = segments;
  return outStep === 2 && a !== undefined && b !== undefined && a.hi - a.lo === b.hi - b.lo && a.hi - a.lo >= lanes;
}

/** Lets each such two segments be scattered together. They follow each other in the list, one pair for each row segment. */
function pairUp({ segments: across }: AxisPlan, segments: SegmentWords[]): void {
  const start = (at: number): number => across[at]!.first + 2 * across[at]!.lo;
  const ahead = start(0) < start(1) ? 0 : 1;
  for (let i = 0; i < segments.length; i += 2) {
    const [front, back] = [segments[i + ahead]!, segments[i + 1 - ahead]!];
    segments[i + ahead] = { ...front, pairing: 1, partner: back.tileSlot - front.tileSlot };
    segments[i + 1 - ahead] = { ...back, pairing: -1 };
  }
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

/** Packed weights: made by a launch of their own, or by the kernel itself where that is too short. */
interface Packing {
  readonly w: Value;
  readonly inside: boolean;
  /** Scratch for packing inside. */
  readonly bytes: number;
  readonly args: Record<'weightRunCount' | 'weightRunLength' | 'wm' | 'wg', number> & { readonly weightRuns: Value };
}

/** What packing needs to know beyond the correlation. */
interface PackingOptions {
  readonly tables: Tables;
  readonly inside: boolean;
}

function packing(l: CpuLowering, w: Value, c: Correlation, kit: ElementKit, options: PackingOptions): Packing {
  const { tables, inside } = options;
  const { height } = correlateTile(c.outputs, kit);
  const { runs, ...args } = weightRuns(l, c, kit, tables.sources);
  const own = {
    weightRuns: runs,
    weightRunCount: args.runCount,
    weightRunLength: args.runLength,
    wm: args.wm,
    wg: args.wg,
  };
  if (!inside) return { w: packedWeights(l, w, c, kit, height, tables.sources), inside, bytes: 0, args: own };
  return { w, inside, bytes: packedSize(c, height, tables.sources) * kit.bytes, args: own };
}

/** Where the weights of one output lie, as runs of neighbours, and the steps between outputs and groups. */
function weightRuns(l: CpuLowering, c: Correlation, kit: ElementKit, sources: Int32Array) {
  const runLength = runLengthOf(sources, kit.bytes);
  const starts = sources.filter((_, i) => i % runLength === 0);
  const runs = l.constant('int32', starts);
  return { runs, runCount: starts.length, runLength, wm: c.wm * kit.bytes, wg: c.wg * kit.bytes };
}

const packedSize = (c: Correlation, height: number, sources: Int32Array): number =>
  Math.ceil(c.outputs / height) * c.groups * sources.length * height;

/** Weights packed in blocks of `height` outputs (`pack.ts`), each output's as its `sources` say, byte offsets from its first weight on. */
export function packedWeights(l: CpuLowering, w: Value, c: Correlation, kit: ElementKit, height: number, sources: Int32Array): Value {
  const packed = l.derived(w.layout.dtype, [packedSize(c, height, sources)], [w]);
  const runs = weightRuns(l, c, kit, sources);
  l.launch(
    packKernel(l.target, kit.element, height),
    { w, packed, ...runs, outputs: c.outputs },
    {
      size: Math.ceil(c.outputs / height) * c.groups,
      unitCost: sources.length * height,
      makes: packed,
    },
  );
  return packed;
}

/** The length of the runs of neighbours that the offsets consist of, if they all have one length; else 1. */
function runLengthOf(offsets: Int32Array, bytes: number): number {
  const first = offsets.findIndex((offset, i) => i > 0 && offset !== offsets[i - 1]! + bytes);
  if (first < 0) return Math.max(1, offsets.length);
  const regular = offsets.every((offset, i) => i % first === 0 || offset === offsets[i - 1]! + bytes);
  return regular && offsets.length % first === 0 ? first : 1;
}

/** Units of work have all outputs, unless the pixels alone make too few units for their work. */
function unitsOf(c: Correlation, b: Blocks, height: number, work: number) {
  const pixelUnits = Math.ceil(c.batch / b.images) * c.groups * b.rowBlocks;
  const wanted = Math.min(8, work / UNIT_NS);
  const tiles = Math.ceil(c.outputs / height);
  const outputBlock = Math.ceil(tiles / Math.max(1, Math.min(tiles, Math.ceil(wanted / pixelUnits)))) * height;
  const outputBlocks = Math.ceil(c.outputs / outputBlock);
  return { outputBlock, outputBlocks, size: pixelUnits * outputBlocks };
}

/** Results of a unit that are pooled before they leave the scratch: within the second-level cache, beside the source. */
const RESULT_BYTES = 128 * 1024;

/** Blocks whose results can be pooled: of an even number of rows, unless they have all; undefined where that leaves too few. */
function pooledBlocks(c: Correlation, b: Blocks, kit: ElementKit): Blocks | undefined {
  if (kit.element !== 'f32' || c.columns.count >> 1 < kit.lanes) return undefined;
  const rowBytes = c.outputs * c.columns.count * kit.bytes;
  const fit = Math.floor(RESULT_BYTES / rowBytes);
  if (fit >= b.rows && b.rowBlocks === 1) return { ...b, images: Math.min(b.images, Math.floor(fit / b.rows)) };
  const rows = Math.min(b.rows, fit) & ~1;
  return rows < 4 ? undefined : { ...b, rows, rowBlocks: Math.ceil(c.rows.count / rows), images: 1 };
}

/** Multiply-adds of a correlation. */
function productsOf(c: Correlation, size: readonly [number, number]): number {
  const taps = [c.rows, c.columns].map(({ segments }) => segments.reduce((n, { taps }) => n + taps.length, 0) / segments.length);
  return c.batch * c.groups * c.outputs * size[0] * size[1] * c.channels * taps[0]! * taps[1]!;
}

/** The correlation for any shape. */
export function lowerCorrelation(l: CpuLowering, c: Correlation, o: Operands): Lowered {
  const { x, w, bias, y, finish } = o;
  if (y.layout.numel === 0) return 'done';
  const { dtype, strides } = y.layout;
  const widest = Math.max(...c.columns.segments.map(({ lo, hi }) => hi - lo));
  const target = convTarget(l, elementOf(y), widest);
  const kit = elementKit(target, elementOf(y));
  const { bytes, element } = kit;
  const layout = rowLayout(c.columns, c.columns.count);
  const pooled = finish.taps !== undefined;
  const whole = blocksOf(c, layout.pitch, bytes);
  const b = pooled ? pooledBlocks(c, whole, kit) : whole;
  if (b === undefined) return 'cannot pool';
  const sizes = sourceSizes(c.rows, layout, b, bytes);
  const tile = correlateTile(c.outputs, kit);
  const products = productsOf(c, resultSize(c, o));
  const work = multiplyAddNs(products, kit);
  const inside = work + 2 * w.layout.numel < INSIDE_NS && !l.steady([w]);
  const units = unitsOf(c, b, tile.height, work);
  const columns = c.columns.count;
  const plane = b.rows * columns;
  const t = tablesOf(c, kit, b, layout, sizes, pooled ? [units.outputBlock * plane, columns] : [strides[0]!, strides[2]!]);
  const pack = packing(l, w, c, kit, { tables: t, inside });
  const places = placesIn(c, b, sizes, t, pack, kit);
  l.launch(
    correlateKernel(target, { ...tile, element, packInside: pack.inside, epilogue: finish.kind, pooled }),
    {
      ...sourceArgs(l, x, c.rows, c.columns, layout, sizes, bytes),
      w: pack.w,
      ...pack.args,
      bias: bias === undefined ? l.constant(dtype, oneZero(element)) : denseVector(l, bias, element),
      hasBias: bias === undefined ? 0 : 1,
      y,
      ...finishArgs(finish, y),
      yn: strides[0]! * bytes,
      yc: strides[1]! * bytes,
      yh: pooled ? columns * bytes : c.rows.outStep * strides[2]! * bytes,
      yStep: c.columns.outStep * bytes,
      ...{ batch: c.batch, groups: c.groups, channels: c.channels, outputs: c.outputs },
      ...{ outputBlock: units.outputBlock, outputBlocks: units.outputBlocks, channelBlock: b.channels },
      ...{ rowCount: c.rows.count, rowBlock: b.rows, rowBlocks: b.rowBlocks, images: b.images },
      ...tableArgs(l, t),
      plane: plane * bytes,
      pooledColumns: columns >> 1,
      ...places,
    },
    {
      size: units.size,
      unitCost: pack.inside ? 0 : work / units.size,
      scratch: places.resultsAt + (pooled ? b.images * units.outputBlock * plane * bytes : 0),
      flops: 2 * products,
    },
  );
  return 'done';
}

const oneZero = (element: Element): TypedArray => (element === 'f32' ? new Float32Array(1) : new Float64Array(1));

const tableArgs = (l: CpuLowering, { offsets, vectors, segments, slots, taps, scatter }: Tables) => ({
  offsets: l.constant('int32', offsets),
  vectors: l.constant('int32', vectors),
  segments: l.constant('int32', segmentTable(segments)),
  ...{ slots, taps, segmentCount: segments.length, scatter: scatter ? 1 : 0 },
});

/** What lies where in the scratch, behind the copied source: accumulators, biases, packed weights, results that are pooled. */
function placesIn(c: Correlation, b: Blocks, sizes: SourceSizes, t: Tables, pack: Packing, kit: ElementKit) {
  const { vectorBytes } = kit;
  const accAt = Math.ceil(sourceBytes(b, sizes) / 64) * 64;
  const needsAcc = t.scatter || b.channels < c.channels;
  const biasAt = accAt + (needsAcc ? t.slots * c.outputs * vectorBytes : 0);
  const packedAt = biasAt + c.outputs * correlateTile(c.outputs, kit).vectors * vectorBytes;
  return { accAt, biasAt, packedAt, resultsAt: Math.ceil((packedAt + pack.bytes) / 64) * 64 };
}
