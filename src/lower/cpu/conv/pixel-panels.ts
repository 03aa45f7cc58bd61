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
  SOURCES,
  sourceWords,
} from '../../../kernels/cpu/conv/pixel-panels.ts';
import { elementKit, type ElementKit } from '../../../kernels/cpu/gemm/tile.ts';
import type { Value } from '../../../compiler/lowering.ts';
import { ceilTo, isPointwise, lineResultArgs, outputBlocksOf } from './along-outputs.ts';
import { elementOf, multiplyAddNs, type Correlation, type Lowered, type Operands } from './correlation.ts';

/** Pixels of a unit: enough that weights, which are read once for each unit, come in time. */
const PIXELS = 196;

/**
 * 1×1 kernels: pixels of a plane, and depth from which such a plane comes here. Small planes do not fill vectors of pixels; weights are most of
 * what they read. Packing pixels and transposing results has to pay.
 */
const PLANES = [{ most: 196, depth: 128 }, { most: 784, depth: 384 }]; // prettier-ignore
/** Other kernels: depth, and outputs that share the packed pixels. */
const LEAST = { depth: 128, outputs: 64 };
/** Winograd's tiles up to which weights, of which that algorithm reads four times as many, take longer than products. */
const FEW_TILES = 8;

/** Whether this is the best way, of those for wide vectors and others. It was measured with the widest vectors only. */
export function suitsPixelPanels(l: CpuLowering, c: Correlation, { x, y }: Operands): boolean {
  const [down, across] = [c.rows, c.columns];
  const depth = c.taps * c.channels;
  if (l.wideTarget.vectorBytes < 64) return false;
  if (isPointwise(c, x, y)) return PLANES.some((plane) => down.count * across.count <= plane.most && depth >= plane.depth); // prettier-ignore
  if (depth < LEAST.depth || c.outputs < LEAST.outputs) return false;
  if (down.step > 1 || across.step > 1) return true;
  return c.taps === 9 && c.batch * Math.ceil(down.count / 4) * Math.ceil(across.count / 4) <= FEW_TILES;
}

/** y = the correlation if this can compute it. */
export function lowerPixelPanels(l: CpuLowering, c: Correlation, o: Operands): Lowered {
  const { x, w, y, finish } = o;
  const element = elementOf(y);
  const kit = elementKit(l.wideTarget, element);
  const { bytes } = kit;
  const plane = c.rows.count * c.columns.count;
  if (c.groups !== 1 || !isForward(c) || !y.layout.contiguous || y.layout.numel === 0) return undefined;
  if (c.channels < 8 || c.outputs < 8) return undefined;
  if (finish.taps !== undefined) return 'cannot pool';
  const taps = tapsOf(c);
  const depth = taps.length * c.channels;
  const panels = Math.ceil(c.outputs / outputPanel(kit));
  const packed = l.derived(w.layout.dtype, [panels * depth * outputPanel(kit)], [w]);
  const runs = Int32Array.from(taps.flatMap((tap) => Array.from({ length: c.channels }, (_, i) => (i * c.wc + tap.weight) * bytes))); // prettier-ignore
  l.launch(
    packKernel(l.target, element, outputPanel(kit)),
    { w, packed, runs: l.constant('int32', runs), runCount: runs.length, runLength: 1, wm: c.wm * bytes, wg: 0, outputs: c.outputs }, // prettier-ignore
    { size: panels, unitCost: runs.length * 4, makes: packed },
  );
  const { images, pixelBlock, pixelBlocks, outputBlock, outputBlocks } = blocksOf(c, plane, kit, l.threads);
  const [xn, xc] = x.layout.strides as [number, number];
  const height = panelPixels(kit);
  const unitPanels = Math.ceil((images * pixelBlock) / height);
  const sources = {
    x,
    xn: xn * bytes,
    xc: xc * bytes,
    batch: c.batch,
    channels: c.channels,
    taps: taps.length,
    plane,
    images,
    pixelBlock,
    pixelBlocks,
    sources: l.constant('int32', sourcesOf(c, taps, x, images * plane, kit)),
    panels: Math.ceil((images * plane) / height),
    unitPanels,
  };
  const parts = Math.ceil(c.batch / images) * pixelBlocks;
  const panelBytes = pixelPanelBytes(kit, depth);
  // Where units share pixels, these are packed once, before.
  let before: Value | undefined;
  if (outputBlocks > 1) {
    before = l.temp(y.layout.dtype, [(parts * unitPanels * panelBytes) / bytes]);
    l.launch(packPixelsKernel(l.wideTarget, element), { ...sources, to: before }, { size: parts * unitPanels, unitCost: depth * 4 }); // prettier-ignore
  }
  const resultAt = before === undefined ? ceilTo(unitPanels * panelBytes, 64) : 0;
  const biasAt = resultAt + unitPanels * height * outputPanel(kit) * bytes;
  const size = parts * outputBlocks;
  const products = y.layout.numel * depth;
  l.launch(
    pixelPanelsKernel(l.wideTarget, element, finish.kind),
    {
      ...sources,
      packed,
      ...lineResultArgs(l, c, o, element, bytes),
      outputs: c.outputs,
      outputBlock,
      outputBlocks,
      isBefore: before === undefined ? 0 : 1,
      before: before ?? x,
      resultAt,
      biasAt,
    },
    {
      size,
      unitCost: multiplyAddNs(products, kit) / size,
      scratch: biasAt + ceilTo(outputBlock * bytes, 64) + 128,
      flops: 2 * products,
    },
  );
  return 'done';
}

/** Whether every result is a sum over all taps, and results are neighbours. */
const isForward = ({ rows, columns }: Correlation): boolean =>
  [rows, columns].every(({ outStep, segments, count }) => outStep === 1 && segments.length === 1 && segments[0]!.lo === 0 && segments[0]!.hi === count && segments[0]!.first === 0); // prettier-ignore

/** A tap: where it is in the weights, and the distance from a result's first source. */
interface Tap {
  readonly weight: number;
  readonly row: number;
  readonly column: number;
}

const tapsOf = ({ rows, columns, kernel }: Correlation): Tap[] =>
  rows.segments[0]!.taps.flatMap((v) =>
    columns.segments[0]!.taps.map((h) => ({
      weight: v.k * kernel[0] + h.k * kernel[1],
      row: v.delta,
      column: h.delta,
    })),
  );

/** Blocks of pixels are whole panels, unless they are a whole plane. */
function blocksOf(c: Correlation, plane: number, kit: ElementKit, threads: number) {
  const height = panelPixels(kit);
  const most = Math.max(1, Math.min(c.batch, Math.floor(PIXELS / plane)));
  const images = Math.ceil(c.batch / Math.ceil(c.batch / most));
  const pixelBlock = plane <= PIXELS ? plane : Math.min(plane, ceilTo(plane / Math.ceil(plane / PIXELS), height));
  const pixelBlocks = Math.ceil(plane / pixelBlock);
  const parts = Math.ceil(c.batch / images) * pixelBlocks;
  return { images, pixelBlock, pixelBlocks, ...outputBlocksOf(c.outputs, outputPanel(kit), parts, threads) };
}

/** What kernels know of sources: see their parameters. */
function sourcesOf(c: Correlation, taps: readonly Tap[], x: Value, pixels: number, kit: ElementKit): Int32Array {
  const height = panelPixels(kit);
  const panels = Math.ceil(pixels / height);
  const plane = c.rows.count * c.columns.count;
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
        const row = Math.floor(i / c.columns.count) * c.rows.step + tap.row;
        const column = (i % c.columns.count) * c.columns.step + tap.column;
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
