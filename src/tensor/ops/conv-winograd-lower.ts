/**
 * Lowers convolutions by Winograd's F(4×4, 3×3) where that is less work than the direct sum: 3×3 kernels of stride 1 with
 * enough channels. What is chosen depends on shapes alone.
 */
import type { Lowering, Value } from '../../compiler/lowering.ts';
import { elementKit, type ElementKit } from '../../kernels/gemm-tile.ts';
import { winogradWeightsKernel, weightsScratch } from '../../kernels/conv/winograd-weights.ts';
import { MAP_SCRATCH } from '../../kernels/conv/winograd-elements.ts';
import { winogradKernel } from '../../kernels/conv/winograd.ts';
import { outputTile } from '../../kernels/conv/along-outputs.ts';
import { PRODUCTS, REACH, TILE } from '../../kernels/conv/winograd-transforms.ts';
import type { ConvGeometry } from './conv-geometry.ts';
import { finishArgs, elementOf, multiplyAddNs, PLAIN, type Finish } from './conv-correlation.ts';
import { denseVector } from './matmul-lower.ts';

/** A correlation of stride 1 with a 3×3 kernel: of the input with the weights, or of ∂y with the turned weights. */
interface Correlation3 {
  readonly batch: number;
  readonly channels: number;
  readonly outputs: number;
  /** Rows and columns of the source and of the result, and zeros before the first. */
  readonly source: readonly [number, number];
  readonly result: readonly [number, number];
  readonly before: readonly [number, number];
  readonly turned: boolean;
}

/** What tiles cost beside their products, in multiply-adds: of a channel or an output of a tile; of one weight. */
const MAP_COST = 260;
const WEIGHT_COST = 400;
/** What a register tile takes to begin and end, in channels. */
const TILE_COST = 8;
/** How much slower than a register tile products and direct sums are. */
const PRODUCT_COST = 1.2;
const DIRECT_COST = 1.5;

export const ceilTo = (n: number, step: number): number => Math.ceil(n / step) * step;
/** So many bytes or a few more, an odd number of cache lines: what lies so far apart does not share cache sets. */
export const oddLines = (bytes: number): number => ceilTo(bytes - 64, 128) + 64;
export const tilesOf = (result: readonly [number, number]): readonly [number, number] => [
  Math.ceil(result[0] / TILE),
  Math.ceil(result[1] / TILE),
];

/** Multiply-adds that the work amounts to. */
export function workOf(
  batch: number,
  channels: number,
  outputs: number,
  result: readonly [number, number],
  kit: ElementKit,
): number {
  const [down, across] = tilesOf(result);
  const maps = MAP_COST * (ceilTo(channels, kit.lanes) + ceilTo(outputs, kit.lanes));
  const tile = PRODUCT_COST * PRODUCTS * (channels + TILE_COST) * ceilTo(outputs, outputTile(kit).panel) + maps;
  return batch * down * across * tile + WEIGHT_COST * channels * outputs;
}

/** Whether a convolution's shape is one of those, and the sums are long enough to pay. */
export function worthIt(
  g: ConvGeometry,
  result: readonly [number, number],
  channels: number,
  outputs: number,
  kit: ElementKit,
): boolean {
  const plain = [g.height, g.width].every(
    ({ kernel, stride, dilation, before, after }) =>
      kernel === 3 && stride === 1 && dilation === 1 && before <= 2 && after <= 2,
  );
  if (!plain || g.groups !== 1 || result[0] * result[1] < kit.lanes) return false;
  const direct = DIRECT_COST * 9 * g.batch * channels * outputs * result[0] * result[1];
  return workOf(g.batch, channels, outputs, result, kit) < direct;
}

export const besides = (value: Value): boolean => value.layout.strides[3] === 1;

/** y = x ⋆ w (+ bias) if this is the way to compute it; says whether it did. */
export function lowerWinogradConv(
  l: Lowering,
  g: ConvGeometry,
  x: Value,
  w: Value,
  bias: Value | undefined,
  y: Value,
  finish: Finish = PLAIN,
): boolean {
  return lower(l, g, x, w, bias, y, finish, {
    batch: g.batch,
    channels: g.inChannels,
    outputs: g.outChannels,
    source: [g.height.input, g.width.input],
    result: [g.height.output, g.width.output],
    before: [g.height.before, g.width.before],
    turned: false,
  });
}

/** ∂x from ∂y and w, likewise. */
export function lowerWinogradInputGrad(
  l: Lowering,
  g: ConvGeometry,
  dy: Value,
  w: Value,
  dx: Value,
  finish: Finish = PLAIN,
): boolean {
  return lower(l, g, dy, w, undefined, dx, finish, {
    batch: g.batch,
    channels: g.outChannels,
    outputs: g.inChannels,
    source: [g.height.output, g.width.output],
    result: [g.height.input, g.width.input],
    before: [REACH - TILE - g.height.before, REACH - TILE - g.width.before],
    turned: true,
  });
}

function lower(
  l: Lowering,
  g: ConvGeometry,
  x: Value,
  w: Value,
  bias: Value | undefined,
  y: Value,
  finish: Finish,
  c: Correlation3,
): boolean {
  const element = elementOf(y);
  const kit = elementKit(l.wideTarget, element);
  if (!besides(x) || !y.layout.contiguous || !taps(w) || y.layout.numel === 0) return false;
  if (!worthIt(g, c.result, c.channels, c.outputs, kit)) return false;
  const { packed, product } = packWeights(l, w, c, kit);
  const [tileRows, tileColumns] = tilesOf(c.result);
  const b = blocksOf(c, kit);
  const { bytes } = kit;
  const [xn, xc, xh] = x.layout.strides.map((step) => step * bytes) as [number, number, number];
  const [yn, yc] = y.layout.strides.map((step) => step * bytes) as [number, number];
  const size = Math.ceil(c.batch / b.images) * b.rowBlocks * b.outputBlocks;
  const work = workOf(c.batch, c.channels, c.outputs, c.result, kit);
  l.launch(
    winogradKernel(l.wideTarget, element, finish.kind),
    {
      x,
      xn,
      xc,
      xh,
      sourceRows: c.source[0],
      sourceColumns: c.source[1],
      above: c.before[0],
      before: c.before[1],
      packed,
      packedProduct: product,
      bias: bias === undefined ? y : denseVector(l, bias, element),
      hasBias: bias === undefined ? 0 : 1,
      y,
      ...finishArgs(finish, y),
      yn,
      yc,
      rows: c.result[0],
      columns: c.result[1],
      batch: c.batch,
      channels: c.channels,
      outputs: c.outputs,
      tileRows,
      tileColumns,
      images: b.images,
      rowBlock: b.rowBlock,
      rowBlocks: b.rowBlocks,
      outputBlock: b.outputBlock,
      outputBlocks: b.outputBlocks,
      elementTile: b.elementTile,
      elementProduct: b.elementProduct,
      outputTile: b.resultTile,
      outputProduct: b.outputProduct,
      outputAt: PRODUCTS * b.elementProduct,
      biasAt: PRODUCTS * (b.elementProduct + b.outputProduct),
      bandAt: b.bandAt,
    },
    {
      size,
      unitCost: multiplyAddNs(work, kit) / size,
      scratch: b.bandAt + MAP_SCRATCH + b.bandBytes,
      flops: 2 * 9 * y.layout.numel * c.channels,
    },
  );
  return true;
}

/** Whether the nine taps of a kernel are neighbours. */
const taps = (w: Value): boolean => w.layout.strides[3] === 1 && w.layout.strides[2] === 3;

/** Channels of a unit of packing. */
const WEIGHT_BLOCK = 32;

/** [product][panel of outputs][channel][output] */
function packWeights(l: Lowering, w: Value, c: Correlation3, kit: ElementKit): { packed: Value; product: number } {
  const { panel } = outputTile(kit);
  const panels = Math.ceil(c.outputs / panel);
  const product = oddLines(panels * c.channels * panel * kit.bytes);
  const packed = l.temp(w.layout.dtype, [PRODUCTS * (product / kit.bytes)]);
  const [wo, wi] = w.layout.strides.map((step) => step * kit.bytes) as [number, number];
  const channelBlocks = Math.ceil(c.channels / WEIGHT_BLOCK);
  l.launch(
    winogradWeightsKernel(l.wideTarget, kit.element, panel),
    {
      w,
      packed,
      product,
      wm: c.turned ? wi : wo,
      wc: c.turned ? wo : wi,
      turned: c.turned ? 1 : 0,
      channels: c.channels,
      outputs: c.outputs,
      channelBlock: WEIGHT_BLOCK,
      channelBlocks,
    },
    {
      size: panels * channelBlocks,
      unitCost: multiplyAddNs(WEIGHT_COST * WEIGHT_BLOCK * panel, kit),
      scratch: weightsScratch,
    },
  );
  return { packed, product };
}

/** Mapped elements and products of a unit: within the second-level cache, but enough tiles to make good use of the weights. */
const UNIT_BYTES = 384 * 1024;
const TILES = { least: 24, most: 48 };
/** Units that there should be, so that threads share them evenly. */
const UNITS = 16;

export interface WinogradBlocks {
  readonly images: number;
  readonly rowBlock: number;
  readonly rowBlocks: number;
  readonly outputBlock: number;
  readonly outputBlocks: number;
  /** Tiles of a unit at most, rounded up to whole register tiles. */
  readonly tiles: number;
  /** Bytes of a tile's channels and outputs, and of one product's. */
  readonly elementTile: number;
  readonly resultTile: number;
  readonly elementProduct: number;
  readonly outputProduct: number;
  readonly bandAt: number;
  readonly bandBytes: number;
}

function blocksOf(c: Correlation3, kit: ElementKit): WinogradBlocks {
  const { rows: height, panel } = outputTile(kit);
  const { bytes, lanes, vectorBytes } = kit;
  const [down, across] = tilesOf(c.result);
  const elementTile = oddLines(ceilTo(c.channels, lanes) * bytes);
  const all = ceilTo(c.outputs, panel);
  const fit = UNIT_BYTES / (PRODUCTS * (elementTile + all * bytes + 64));
  const wanted = Math.max(TILES.least, Math.min(TILES.most, fit));
  const rowParts = Math.ceil(down / Math.max(1, Math.floor(wanted / across)));
  const rowBlock = Math.ceil(down / rowParts);
  const rowBlocks = Math.ceil(down / rowBlock);
  const images = rowBlocks > 1 ? 1 : Math.max(1, Math.min(c.batch, Math.floor(wanted / (down * across))));
  const pixelUnits = Math.ceil(c.batch / images) * rowBlocks;
  const parts = Math.min(Math.ceil(UNITS / pixelUnits), Math.ceil(all / 128));
  const outputBlock = ceilTo(Math.ceil(all / parts), panel);
  const resultTile = oddLines(outputBlock * bytes);
  const tiles = ceilTo(images * rowBlock * across, height);
  const rowVectors = across * TILE + REACH - TILE;
  const [elementProduct, outputProduct] = [oddLines(tiles * elementTile), oddLines(tiles * resultTile)];
  const bandAt = PRODUCTS * (elementProduct + outputProduct) + outputBlock * bytes + 128;
  const bandBytes = ((rowBlock * TILE + REACH - TILE) * rowVectors + 2 * lanes + TILE) * vectorBytes;
  return { images, rowBlock, rowBlocks, outputBlock, outputBlocks: Math.ceil(c.outputs / outputBlock), tiles, elementTile, resultTile, elementProduct, outputProduct, bandAt, bandBytes }; // prettier-ignore
}
