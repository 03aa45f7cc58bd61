/**
 * Lowers convolutions by Winograd's F(4×4, 3×3) where that is less work than the direct sum: 3×3 kernels of stride 1 with
 * enough channels. What is chosen depends on shapes alone.
 */
import type { Value } from '../../../compiler/lowering.ts';
import type { CpuLowering } from '../lowering.ts';
import { elementKit, type ElementKit } from '../../../kernels/cpu/gemm/tile.ts';
import { winogradWeightsKernel, weightsScratch } from '../../../kernels/cpu/conv/winograd-weights.ts';
import { MAP_SCRATCH } from '../../../kernels/cpu/conv/winograd-elements.ts';
import { winogradKernel } from '../../../kernels/cpu/conv/winograd.ts';
import { outputTile } from '../../../kernels/cpu/conv/along-outputs.ts';
import { PRODUCTS, REACH, TILE } from '../../../kernels/cpu/conv/winograd-transforms.ts';
import { ceilTo, denseRows, oddLines, outputBlocksOf, resultArgs, sourceArgs } from './along-outputs.ts';
import { elementOf, multiplyAddNs, resultSize, type Correlation, type Lowered, type Operands } from './correlation.ts';

/** What tiles cost beside their products, in multiply-adds: of a channel or an output of a tile. */
const MAP_COST = 260;
/**
 * Of one weight: to map it, or, where that was done before, to read it from memory, 36 numbers for 9. The widest vectors do most else meanwhile.
 */
const weightCost = ({ vectorBytes }: ElementKit): { mapped: number; plain: number } =>
  vectorBytes > 32 ? { mapped: 700, plain: 150 } : { mapped: 400, plain: 0 };
/** What a register tile takes to begin and end, in channels. */
const TILE_COST = 8;
/** How much slower than a register tile products and direct sums are. */
const PRODUCT_COST = 1.2;
const DIRECT_COST = 1.5;

export const tilesOf = (result: Size): Size => [Math.ceil(result[0] / TILE), Math.ceil(result[1] / TILE)];

type Size = readonly [number, number];

/** Multiply-adds that the work amounts to. */
export function workOf({ batch, channels, outputs }: Correlation, result: Size, kit: ElementKit): number {
  const [down, across] = tilesOf(result);
  const maps = MAP_COST * (ceilTo(channels, kit.lanes) + ceilTo(outputs, kit.lanes));
  const tile = PRODUCT_COST * PRODUCTS * (channels + TILE_COST) * ceilTo(outputs, outputTile(kit).panel) + maps;
  return batch * down * across * tile + weightCost(kit).mapped * channels * outputs;
}

/** Whether a correlation is of stride 1 with a 3×3 kernel, and its sums are long enough to pay. */
export function worthIt(c: Correlation, result: Size, kit: ElementKit): boolean {
  const plain = [c.rows, c.columns].every(
    ({ step, outStep, segments, minDelta, maxDelta }) =>
      step === 1 && outStep === 1 && segments[0]?.taps.length === 3 && maxDelta - minDelta === 2 && minDelta <= 0 && minDelta >= -2,
  );
  if (!plain || c.groups !== 1 || result[0] * result[1] < kit.lanes) return false;
  const direct = (DIRECT_COST * 9 * c.batch * result[0] * result[1] + weightCost(kit).plain) * c.channels * c.outputs;
  return workOf(c, result, kit) < direct;
}

/** Whether mapped weights, and with them what tiles become, are more than the nearer caches hold: otherwise asking for them ahead costs a few per cent. */
export const asksAhead = ({ channels, outputs }: Correlation, { bytes, vectorBytes }: ElementKit): boolean =>
  vectorBytes > 16 && PRODUCTS * channels * outputs * bytes > CACHE_BYTES;
const CACHE_BYTES = 512 * 1024;

/** Whether the first tap of the kernel meets the last of the elements, as in a gradient of the input. */
const turned = ({ rows }: Correlation): boolean => rows.segments[0]!.taps[0]!.delta > rows.minDelta;

/** y = the correlation if this is the way to compute it. */
export function lowerWinograd(l: CpuLowering, c: Correlation, o: Operands): Lowered {
  const { x, w, y, finish } = o;
  const element = elementOf(y);
  const kit = elementKit(l.wideTarget, element);
  if (!denseRows(x) || !y.layout.contiguous || !taps(w) || y.layout.numel === 0) return undefined;
  const result = resultSize(c, o);
  if (!worthIt(c, result, kit)) return undefined;
  const pooled = finish.taps !== undefined;
  const part = finish.affine !== undefined && c.outputs % kit.lanes > 0;
  if (pooled && (element !== 'f32' || part)) return 'cannot pool';
  const { packed, product } = packWeights(l, w, c, kit);
  const [tileRows, tileColumns] = tilesOf(result);
  const { bandBytes, ...blocks } = blocksOf(c, result, kit, l.threads);
  const size = Math.ceil(c.batch / blocks.images) * blocks.rowBlocks * blocks.outputBlocks;
  l.launch(
    winogradKernel(l.wideTarget, element, finish.kind, pooled, asksAhead(c, kit)),
    {
      ...sourceArgs(x, kit.bytes),
      sourceRows: c.rows.source,
      sourceColumns: c.columns.source,
      above: -c.rows.minDelta,
      before: -c.columns.minDelta,
      packed,
      packedProduct: product,
      ...resultArgs(l, c, o, element, kit.bytes),
      batch: c.batch,
      channels: c.channels,
      outputs: c.outputs,
      tileRows,
      tileColumns,
      ...blocks,
    },
    {
      size,
      unitCost: multiplyAddNs(workOf(c, result, kit), kit) / size,
      scratch: blocks.bandAt + MAP_SCRATCH + bandBytes,
      flops: 2 * 9 * c.batch * c.outputs * result[0] * result[1] * c.channels,
    },
  );
  return 'done';
}

/** Whether the nine taps of a kernel are neighbours. */
const taps = (w: Value): boolean => w.layout.strides[3] === 1 && w.layout.strides[2] === 3;

/** Channels of a unit of packing. */
const WEIGHT_BLOCK = 32;

/** [product][panel of outputs][channel][output] */
function packWeights(l: CpuLowering, w: Value, c: Correlation, kit: ElementKit): { packed: Value; product: number } {
  const { panel } = outputTile(kit);
  const panels = Math.ceil(c.outputs / panel);
  const product = oddLines(panels * c.channels * panel * kit.bytes);
  const packed = l.derived(w.layout.dtype, [PRODUCTS * (product / kit.bytes)], [w]);
  const channelBlocks = Math.ceil(c.channels / WEIGHT_BLOCK);
  l.launch(
    winogradWeightsKernel(l.wideTarget, kit.element, panel),
    {
      w,
      packed,
      product,
      wm: c.wm * kit.bytes,
      wc: c.wc * kit.bytes,
      turned: turned(c) ? 1 : 0,
      channels: c.channels,
      outputs: c.outputs,
      channelBlock: WEIGHT_BLOCK,
      channelBlocks,
    },
    {
      size: panels * channelBlocks,
      unitCost: multiplyAddNs(weightCost(kit).mapped * WEIGHT_BLOCK * panel, kit),
      scratch: weightsScratch,
      makes: packed,
    },
  );
  return { packed, product };
}

/** Mapped elements and products of a unit: within the second-level cache, but enough tiles to make good use of the weights, more for faster vectors. */
const UNIT_BYTES = 384 * 1024;
const MOST_TILES = 48;
const leastTiles = ({ vectorBytes }: ElementKit): number => (vectorBytes > 32 ? 32 : 24);

/** How tiles are cut into blocks: rows of tiles of an image, or some whole images; about `wanted` tiles. */
export function tileBlocksOf(batch: number, [down, across]: Size, wanted: number) {
  const rowParts = Math.ceil(down / Math.max(1, Math.floor(wanted / across)));
  const rowBlock = Math.ceil(down / rowParts);
  const rowBlocks = Math.ceil(down / rowBlock);
  const most = Math.max(1, Math.min(batch, Math.floor(wanted / (down * across))));
  const images = rowBlocks > 1 ? 1 : Math.ceil(batch / Math.ceil(batch / most));
  return { images, rowBlock, rowBlocks };
}

/** Bytes of a copied block of `rows` rows of tiles, with what copies and maps write past its end. */
export const bandBytesOf = (rows: number, across: number, { lanes, vectorBytes }: ElementKit): number =>
  ((rows * TILE + REACH - TILE) * (across * TILE + REACH - TILE) + 2 * lanes + TILE) * vectorBytes;

/** The kernel's arguments about a unit of work; of bytes, those of a tile and of all tiles of one product. */
function blocksOf(c: Correlation, result: Size, kit: ElementKit, threads: number) {
  const { rows: height, panel } = outputTile(kit);
  const { bytes, lanes } = kit;
  const tiles = tilesOf(result);
  const elementTile = oddLines(ceilTo(c.channels, lanes) * bytes);
  const fit = UNIT_BYTES / (PRODUCTS * (elementTile + ceilTo(c.outputs, panel) * bytes + 64));
  const cut = (wanted: number) => {
    const block = tileBlocksOf(c.batch, tiles, wanted);
    const units = Math.ceil(c.batch / block.images) * block.rowBlocks;
    return { block, units, shares: outputBlocksOf(c.outputs, panel, units, threads) };
  };
  const usual = cut(Math.max(leastTiles(kit), Math.min(MOST_TILES, fit)));
  const idle = usual.units * usual.shares.outputBlocks < threads;
  const { block, shares } = idle ? cut(Math.max(height, Math.ceil((c.batch * tiles[0] * tiles[1]) / threads))) : usual;
  const { images, rowBlock } = block;
  const resultTile = oddLines(shares.outputBlock * bytes);
  const count = ceilTo(images * rowBlock * tiles[1], height);
  const [elementProduct, outputProduct] = [oddLines(count * elementTile), oddLines(count * resultTile)];
  const outputAt = PRODUCTS * elementProduct;
  const biasAt = outputAt + PRODUCTS * outputProduct;
  const bandAt = biasAt + shares.outputBlock * bytes + 128;
  const bandBytes = bandBytesOf(rowBlock, tiles[1], kit);
  return { ...block, ...shares, elementTile, elementProduct, outputTile: resultTile, outputProduct, outputAt, biasAt, bandAt, bandBytes };
}
