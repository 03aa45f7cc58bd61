/**
 * Lowers correlations as products whose rows are pixels (`kernels/cpu/conv/pixel-panels.ts`): small planes, strides, kernels of several taps where
 * nothing better is known. What is chosen depends on shapes alone.
 */
import type { CpuLowering } from '../lowering.ts';
import { packKernel } from '../../../kernels/cpu/conv/pack.ts';
import {
  outputPanel,
  packPixelsKernel,
  panelPixels,
  pixelPanelBytes,
  pixelPanelsKernel,
  runTable,
  SOURCES,
  sourceWords,
  type PanelRun,
} from '../../../kernels/cpu/conv/pixel-panels.ts';
import { packPanelsKernel, type Neighbours } from '../../../kernels/cpu/conv/pack-panels.ts';
import { elementKit, type ElementKit } from '../../../kernels/cpu/gemm/tile.ts';
import type { DType } from '../../../base/dtype.ts';
import type { Value } from '../../../compiler/lowering.ts';
import { ceilTo, gcd, isPointwise, lineResultArgs, outputBlocksOf } from './along-outputs.ts';
import { elementOf, multiplyAddNs, resultSize, type Correlation, type Lowered, type Operands } from './correlation.ts';
import type { AxisPlan } from './tables.ts';

/** Pixels of a unit: enough that weights, which are read once for each unit, come in time. */
const PIXELS = 196;

/**
 * 1×1 kernels: pixels of a plane, and depth from which such a plane comes here. Small planes do not fill vectors of pixels; weights are most of
 * what they read. Packing pixels and transposing results has to pay.
 */
const PLANES = [
  { most: 196, depth: 128 },
  { most: 784, depth: 384 },
];
/** Other kernels: depth, and outputs that share the packed pixels. */
const LEAST = { depth: 128, outputs: 64 };
/** Winograd's tiles up to which weights, of which that algorithm reads four times as many, take longer than products. */
const FEW_TILES = 8;

/** Whether this is the best way, of those for wide vectors and others. It was measured with the widest vectors only. */
export function suitsPixelPanels(l: CpuLowering, c: Correlation, { x, y }: Operands): boolean {
  const [down, across] = [c.rows, c.columns];
  const depth = c.taps * c.channels;
  if (l.wideTarget.vectorBytes < 64) return false;
  if (isPointwise(c, x, y)) return PLANES.some((plane) => down.count * across.count <= plane.most && depth >= plane.depth);
  if (depth < LEAST.depth || c.outputs < LEAST.outputs) return false;
  if (Math.max(down.step, across.step, down.outStep, across.outStep) > 1) return true;
  return c.taps === 9 && c.batch * Math.ceil(down.count / 4) * Math.ceil(across.count / 4) <= FEW_TILES;
}

/** y = the correlation if this can compute it. */
export function lowerPixelPanels(l: CpuLowering, c: Correlation, o: Operands): Lowered {
  const { x, w, y, finish } = o;
  const element = elementOf(y);
  const kit = elementKit(l.wideTarget, element);
  const { bytes } = kit;
  if (c.groups !== 1 || !y.layout.contiguous || y.layout.numel === 0) return undefined;
  if (c.channels < 8 || c.outputs < 8) return undefined;
  const grid = gridOf(c, o);
  const blocks = blocksOf(c, grid, kit, l.threads);
  if (blocks === undefined || grid.taps.length === 0) return undefined;
  if (finish.taps !== undefined) return 'cannot pool';
  const { weights } = grid;
  const plane = grid.rows * grid.columns;
  const depth = weights.length * c.channels;
  const packed = packWeights(l, w, c, kit, weights);
  const { images, pixelBlocks, outputBlock, outputBlocks } = blocks;
  const parts = Math.ceil(c.batch / images) * pixelBlocks;
  const sources = sourceArgsOf(l, c, grid, blocks, x, kit);
  const before = outputBlocks > 1 ? packedBefore(l, sources, parts, y.layout.dtype, kit) : undefined;
  const places = placesOf(grid, sources, before !== undefined, kit);
  const size = parts * outputBlocks;
  const products = (y.layout.numel * depth) / (grid.downSteps * grid.acrossSteps);
  l.launch(
    pixelPanelsKernel(l.wideTarget, element, finish.kind),
    {
      ...sources,
      packed,
      ...lineResultArgs(l, c, o, element, bytes),
      outputs: c.outputs,
      depth,
      ...runsOf(l, c, grid, images * plane, kit),
      planeResults: y.layout.shape[2]! * y.layout.shape[3]!,
      outputBlock,
      outputBlocks,
      isBefore: before === undefined ? 0 : 1,
      before: before ?? x,
      ...places,
    },
    {
      size,
      unitCost: multiplyAddNs(products, kit) / size,
      scratch: places.biasAt + ceilTo(outputBlock * bytes, 64) + 128,
      flops: 2 * products,
    },
  );
  return 'done';
}

/** What kernels that pack pixels are told of them. */
function sourceArgsOf(l: CpuLowering, c: Correlation, grid: Grid, blocks: Blocks, x: Value, kit: ElementKit) {
  const { images, pixelBlock, pixelBlocks } = blocks;
  const plane = grid.rows * grid.columns;
  const height = panelPixels(kit);
  const [xn, xc] = x.layout.strides as [number, number];
  return {
    ...{ x, xn: xn * kit.bytes, xc: xc * kit.bytes },
    ...{ batch: c.batch, channels: c.channels, taps: grid.taps.length, plane, images, pixelBlock, pixelBlocks },
    sources: l.constant('int32', sourcesOf(c, grid, x, images * plane, kit)),
    panels: Math.ceil((images * plane) / height),
    unitPanels: Math.ceil((images * pixelBlock) / height),
  };
}

type Sources = ReturnType<typeof sourceArgsOf>;

/** Where units share pixels, these are packed once, before. */
function packedBefore(l: CpuLowering, sources: Sources, parts: number, dtype: DType, kit: ElementKit): Value {
  const depth = sources.taps * sources.channels;
  const panels = parts * sources.unitPanels;
  const before = l.temp(dtype, [(panels * pixelPanelBytes(kit, depth)) / kit.bytes]);
  l.launch(packPixelsKernel(l.wideTarget, kit.element), { ...sources, to: before }, { size: panels, unitCost: depth * 4 });
  return before;
}

/** What lies where in the scratch, behind a unit's packed pixels: results, a row for those that nobody wants, biases. */
function placesOf(grid: Grid, { taps, channels, unitPanels }: Sources, isBefore: boolean, kit: ElementKit) {
  const resultAt = isBefore ? 0 : ceilTo(unitPanels * pixelPanelBytes(kit, taps * channels), 64);
  const panelRow = outputPanel(kit) * kit.bytes;
  const results = grid.downSteps * grid.acrossSteps * unitPanels * panelPixels(kit); // of the unit, or more
  const nowhereAt = resultAt + results * panelRow;
  return { resultAt, nowhereAt, biasAt: nowhereAt + panelRow };
}

/** [panel of outputs][tap][channel][output], of taps in this order. */
function packWeights(l: CpuLowering, w: Value, c: Correlation, kit: ElementKit, weights: readonly number[]): Value {
  const { element, bytes } = kit;
  const width = outputPanel(kit);
  const panels = Math.ceil(c.outputs / width);
  const depth = weights.length * c.channels;
  const packed = l.derived(w.layout.dtype, [panels * depth * width], [w]);
  const neighbours = neighboursOf(w, c, kit, weights);
  if (neighbours === undefined) {
    const runs = Int32Array.from(weights.flatMap((tap) => Array.from({ length: c.channels }, (_, i) => (i * c.wc + tap) * bytes)));
    l.launch(
      packKernel(l.target, element, width),
      { w, packed, runs: l.constant('int32', runs), runCount: runs.length, runLength: 1, wm: c.wm * bytes, wg: 0, outputs: c.outputs },
      { size: panels, unitCost: depth * 4, makes: packed },
    );
    return packed;
  }
  const places = Int32Array.from({ length: kit.lanes * c.taps }, (_, i) => {
    const channel = Math.floor(i / c.taps);
    return (weights.indexOf(i % c.taps) * c.channels + channel) * width * bytes;
  });
  l.launch(
    packPanelsKernel(l.wideTarget, element, neighbours),
    {
      ...{ w, packed, wm: c.wm * bytes, wc: c.wc * bytes, outputs: c.outputs, channels: c.channels },
      ...{ taps: c.taps, places: l.constant('int32', places), panelBytes: depth * width * bytes },
    },
    { size: panels, unitCost: depth * 4, makes: packed },
  );
  return packed;
}

/** Where weights are dense, what lies behind the elements of a kernel. */
function neighboursOf(w: Value, c: Correlation, kit: ElementKit, weights: readonly number[]): Neighbours | undefined {
  const [, , height, width] = w.layout.shape as [number, number, number, number];
  const dense = (width === 1 || c.kernel[1] === 1) && (height === 1 || c.kernel[0] === width);
  if (!dense || weights.length !== c.taps) return undefined;
  if (c.wc === c.taps && c.channels >= kit.lanes) return 'channels';
  return c.wm === c.taps && c.taps <= kit.lanes ? { taps: c.taps } : undefined;
}

/** A tap: its place in the weights, and the distance from a pixel to its source. */
interface Tap {
  readonly weight: number;
  readonly row: number;
  readonly column: number;
}

/** Results of a segment: those of its pixel in row i and column j lie at (first[0] + i·downSteps, first[1] + j·acrossSteps). */
interface Segment {
  readonly first: readonly [number, number];
  readonly taps: readonly Tap[];
}

/** What pixels kernels walk over: as many as the largest segment has results. */
interface Grid {
  readonly rows: number;
  readonly columns: number;
  readonly downSteps: number;
  readonly acrossSteps: number;
  readonly segments: readonly Segment[];
  /** Different sources of a pixel, as packed. */
  readonly taps: readonly Pick<Tap, 'row' | 'column'>[];
  /** Places of all segments' taps in the weights, in the order of their sources. */
  readonly weights: readonly number[];
  /** Rows and columns of results. */
  readonly results: readonly [number, number];
}

/** Segments' taps at distances from their first result, which lies in the first period of the stride. */
function axisSegments({ segments, step, outStep }: AxisPlan) {
  return segments.map(({ first, lo, taps }) => ({
    first: first + lo * outStep,
    taps: taps.map(({ k, delta }) => ({ k, delta: delta + lo * step })),
  }));
}

function gridOf(c: Correlation, o: Operands): Grid {
  const [down, across] = [axisSegments(c.rows), axisSegments(c.columns)];
  const segments = down.flatMap((v) =>
    across.map((h) => {
      const taps = v.taps.flatMap((a) =>
        h.taps.map((b) => ({ weight: a.k * c.kernel[0] + b.k * c.kernel[1], row: a.delta, column: b.delta })),
      );
      return { first: [v.first, h.first] as const, taps: taps.sort(inOrder) };
    }),
  );
  const taps: Tap[] = [];
  for (const tap of segments.flatMap(({ taps }) => taps).sort(inOrder)) {
    if (taps.length === 0 || inOrder(tap, taps.at(-1)!) !== 0) taps.push(tap);
  }
  const results = resultSize(c, o);
  const [downSteps, acrossSteps] = [c.rows.outStep, c.columns.outStep];
  return {
    rows: Math.ceil(results[0] / downSteps),
    columns: Math.ceil(results[1] / acrossSteps),
    downSteps,
    acrossSteps,
    segments,
    taps,
    weights: segments.flatMap(({ taps }) => taps.map(({ weight }) => weight)),
    results,
  };
}

const inOrder = (a: Tap, b: Tap): number => a.row - b.row || a.column - b.column;

/** Runs of a segment's taps whose sources are packed one after the other, and where its results go. */
function runsOf(l: CpuLowering, c: Correlation, grid: Grid, pixels: number, kit: ElementKit) {
  const height = panelPixels(kit);
  const all = ceilTo(pixels, height);
  const [resultRows, resultColumns] = grid.results;
  const plane = grid.rows * grid.columns;
  const runs: PanelRun[] = [];
  const places: number[] = [];
  for (const { first, taps } of grid.segments) {
    const numbers = taps.map((tap) => grid.taps.findIndex((other) => inOrder(tap, { ...other, weight: 0 }) === 0));
    let i = 0;
    while (i < numbers.length) {
      let end = i + 1;
      while (end < numbers.length && numbers[end] === numbers[end - 1]! + 1) end++;
      runs.push({
        from: numbers[i]! * c.channels * height * kit.bytes,
        depth: (end - i) * c.channels,
        first: i === 0 ? 1 : 0,
        places: places.length * 4,
      });
      i = end;
    }
    if (taps.length === 0) continue;
    for (let pixel = 0; pixel < all; pixel++) {
      const [n, at] = [Math.floor(pixel / plane), pixel % plane];
      const row = first[0] + Math.floor(at / grid.columns) * grid.downSteps;
      const column = first[1] + (at % grid.columns) * grid.acrossSteps;
      const isThere = pixel < pixels && row < resultRows && column < resultColumns;
      places.push(isThere ? ((n * resultRows + row) * resultColumns + column) * outputPanel(kit) * kit.bytes : -1);
    }
  }
  const isOne = grid.downSteps * grid.acrossSteps === 1;
  const missing = grid.segments.length < grid.downSteps * grid.acrossSteps || grid.segments.some(({ taps }) => taps.length === 0);
  return {
    runs: l.constant('int32', runTable(runs)),
    runCount: runs.length,
    places: l.constant('int32', Int32Array.from(places)),
    rowPixels: isOne ? 1 : grid.columns,
    rowResults: isOne ? 1 : grid.downSteps * resultColumns,
    clears: missing ? 1 : 0,
  };
}

/** Blocks of pixels are whole panels, and whole rows where segments' results lie between one another, unless they are a whole plane; undefined where that makes them too large. */
function blocksOf(c: Correlation, grid: Grid, kit: ElementKit, threads: number) {
  const height = panelPixels(kit);
  const plane = grid.rows * grid.columns;
  const most = Math.max(1, Math.min(c.batch, Math.floor(PIXELS / plane)));
  const images = Math.ceil(c.batch / Math.ceil(c.batch / most));
  const step = grid.downSteps * grid.acrossSteps === 1 ? height : (height * grid.columns) / gcd(height, grid.columns);
  const pixelBlock = plane <= PIXELS ? plane : Math.min(plane, ceilTo(plane / Math.ceil(plane / PIXELS), step));
  if (pixelBlock > 2 * PIXELS) return undefined;
  const pixelBlocks = Math.ceil(plane / pixelBlock);
  const parts = Math.ceil(c.batch / images) * pixelBlocks;
  // One thread packs a unit's pixels where it needs them, while the next unit's come.
  const alone = { outputBlock: ceilTo(c.outputs, outputPanel(kit)), outputBlocks: 1 };
  const shared = threads === 1 ? alone : outputBlocksOf(c.outputs, outputPanel(kit), parts, threads);
  return { images, pixelBlock, pixelBlocks, ...shared };
}

type Blocks = NonNullable<ReturnType<typeof blocksOf>>;

/** What kernels know of sources: see their parameters. */
function sourcesOf(c: Correlation, { taps, columns, rows }: Grid, x: Value, pixels: number, kit: ElementKit): Int32Array {
  const height = panelPixels(kit);
  const panels = Math.ceil(pixels / height);
  const plane = rows * columns;
  const [xn, , xh, xw] = x.layout.strides as [number, number, number, number];
  const images = pixels / plane;
  const end = (images - 1) * xn + (c.rows.source - 1) * xh + (c.columns.source - 1) * xw;
  const table = new Int32Array(taps.length * panels * sourceWords(kit));
  let at = 0;
  for (const tap of taps) {
    for (let panel = 0; panel < panels; panel++) {
      const places = Array.from({ length: height }, (_, q) => {
        const pixel = Math.min(panel * height + q, pixels - 1);
        const [n, i] = [Math.floor(pixel / plane), pixel % plane];
        const row = Math.floor(i / columns) * c.rows.step + tap.row;
        const column = (i % columns) * c.columns.step + tap.column;
        const isInside = row >= 0 && row < c.rows.source && column >= 0 && column < c.columns.source;
        return isInside ? n * xn + row * xh + column * xw : -1;
      });
      table.set(entryOf(places, end, kit), at);
      at += sourceWords(kit);
    }
  }
  return table;
}

/** A panel's words of the table, of the places of its pixels in elements. Vectors must not read before the first place, and little after the last. */
function entryOf(places: readonly number[], end: number, kit: ElementKit): number[] {
  const { bytes, lanes } = kit;
  const offsets = places.map((place) => (place < 0 ? -1 : place * bytes));
  for (const [kind, step] of [
    [SOURCES.line, 1],
    [SOURCES.pairs, 2],
  ] as const) {
    const q = places.findIndex((place) => place >= 0);
    const first = q < 0 ? -1 : places[q]! - q * step;
    const isEvery = places.every((place, i) => place === first + i * step || (place < 0 && bytes === 4));
    const reach = first + step * ceilTo(places.length, lanes) - end;
    if (first >= 0 && isEvery && reach <= lanes) return [kind, first * bytes, ...offsets];
  }
  return [SOURCES.anywhere, 0, ...offsets];
}
