/**
 * Lowers the gradient of a convolution's weights by Winograd's F(4×4, 3×3), where that is less work. How tiles are cut into
 * blocks and partial results decides in which order numbers are added, so it is a function of shapes alone.
 */
import type { Value } from '../../../compiler/lowering.ts';
import type { CpuLowering, KernelArgs } from '../lowering.ts';
import type { ConvGeometry } from '../../../geometry/conv.ts';
import { elementKit, type ElementKit } from '../../../kernels/cpu/gemm/tile.ts';
import { MAP_SCRATCH } from '../../../kernels/cpu/conv/winograd-elements.ts';
import { PRODUCTS, TAPS } from '../../../kernels/cpu/conv/winograd-transforms.ts';
import { gradTileRows, winogradWeightGradKernel, type WriteWeights } from '../../../kernels/cpu/conv/winograd-weight-grad.ts';
import { reduceScratch, winogradReduceKernel, type WINOGRAD_REDUCE_PARAMS } from '../../../kernels/cpu/conv/winograd-weight-reduce.ts';
import { outputTile } from '../../../kernels/cpu/conv/along-outputs.ts';
import { ceilTo, denseRows, oddLines, sourceArgs } from './along-outputs.ts';
import { elementOf, forwardCorrelation, multiplyAddNs } from './correlation.ts';
import { asksAhead, bandBytesOf, tileBlocksOf, tilesOf, workOf, worthIt } from './winograd.ts';

/** Tiles of a block: sums are read and written once for each. */
const TILES = 48;
/** Units that there should be, so that threads share them evenly; the least outputs of one; memory for partial results. */
const UNITS = 8;
const LEAST_OUTPUTS = 64;
const PART_BYTES = 8 << 20;
/** Channels of a unit of the reduction. */
const CHANNEL_BLOCK = 16;

let writeWeights: WriteWeights | undefined;

/** How units that have all tiles write ∂w, with vectors that have a lane for each tap (`../wide.ts`). */
export function provideWriteWeights(write: WriteWeights): void {
  writeWeights = write;
}

/** ∂w, and ∂b where asked for, from ∂y and x, if this is the way to compute it; says whether it did. */
export function lowerWinogradWeightGrad(l: CpuLowering, g: ConvGeometry, dy: Value, x: Value, dw: Value, db: Value | undefined): boolean {
  const element = elementOf(dw);
  const kit = elementKit(l.wideTarget, element);
  const result = [g.height.output, g.width.output] as const;
  if (!denseRows(x) || !denseRows(dy) || !dw.layout.contiguous || dy.layout.numel === 0) return false;
  const c = forwardCorrelation(g, dw);
  if (!worthIt(c, result, kit)) return false;
  const { bytes } = kit;
  const b = blocksOf(g, result, kit);
  const { whole, blocks } = b;
  const [tileRows, tileColumns] = tilesOf(result);
  const [dyn, dyc, dyh] = dy.layout.strides.map((step) => step * bytes) as [number, number, number];
  const sums = {
    ...{ partial: whole ? dw : l.temp(dw.layout.dtype, [(b.parts * b.partBytes) / bytes]), partBytes: b.partBytes },
    ...{ dw, db: db ?? dw, hasBias: db === undefined ? 0 : 1, biasAt: PRODUCTS * b.sums.sumProduct },
    ...{ ...b.sums, channels: g.inChannels, outputs: g.outChannels },
  };
  const places = placesOf(b, kit);
  const size = b.parts * blocks.outputBlocks * blocks.channelBlocks;
  l.launch(
    winogradWeightGradKernel(l.wideTarget, element, { asks: asksAhead(c, kit), write: whole ? writeWeights : undefined }),
    {
      ...sums,
      ...places,
      biasAt: whole ? places.biasAt : sums.biasAt,
      ...sourceArgs(x, bytes),
      sourceRows: g.height.input,
      sourceColumns: g.width.input,
      above: g.height.before,
      before: g.width.before,
      tileColumns,
      ...{ dy, dyn, dyc, dyh, rows: result[0], columns: result[1] },
      batch: g.batch,
      tileRows,
      ...blocks,
      ...b.tiles,
      rowPitch: b.rowPitch,
    },
    {
      size,
      unitCost: multiplyAddNs(workOf(c, result, kit), kit) / size,
      scratch: whole ? places.biasAt + ceilTo(blocks.outputBlock * bytes, 64) : places.rowsAt,
      flops: 2 * 9 * dy.layout.numel * g.inChannels,
    },
  );
  if (!whole) reduceParts(l, g, sums, b.parts, kit);
  return true;
}

/** What lies where in a unit's scratch, behind the mapped elements: mapped ∂y, a band of rows; where it is alone with its sums, rows of ∂w, the sums and ∂b. */
function placesOf({ tiles, sums, whole, bandBytes, rowPitch }: Blocks, { lanes }: ElementKit) {
  const gradAt = PRODUCTS * tiles.elementProduct;
  const bandAt = gradAt + PRODUCTS * tiles.gradProduct;
  const rowsAt = ceilTo(bandAt + MAP_SCRATCH + bandBytes, 64);
  const sumsAt = rowsAt + (whole ? lanes * rowPitch : 0);
  return { gradAt, bandAt, rowsAt, sumsAt, biasAt: sumsAt + PRODUCTS * sums.sumProduct };
}

type SumArgs = Omit<KernelArgs<typeof WINOGRAD_REDUCE_PARAMS>, 'parts' | 'channelBlock' | 'channelBlocks'>;

/** Adds partial results. */
function reduceParts(l: CpuLowering, g: ConvGeometry, sums: SumArgs, parts: number, kit: ElementKit): void {
  const { panel } = outputTile(kit);
  const channelBlocks = Math.ceil(g.inChannels / CHANNEL_BLOCK);
  l.launch(
    winogradReduceKernel(l.wideTarget, kit.element, panel),
    { ...sums, parts, channelBlock: CHANNEL_BLOCK, channelBlocks },
    {
      size: Math.ceil(g.outChannels / panel) * channelBlocks,
      unitCost: multiplyAddNs((300 + 40 * parts) * CHANNEL_BLOCK * panel, kit),
      scratch: reduceScratch,
    },
  );
}

/**
 * Channels and outputs of a unit. With the widest vectors its 36 sums of each pair stay in the second-level cache beside a block of mapped tiles; what
 * maps cost more, since other units map the same tiles, is less than reading and writing sums in memory.
 */
function pairsOf(g: ConvGeometry, kit: ElementKit, all: number) {
  if (kit.vectorBytes <= 32) return { channelBlock: g.inChannels, most: all };
  return { channelBlock: Math.min(g.inChannels, SUM_PAIRS), most: SUM_PAIRS };
}
const SUM_PAIRS = 64;

function blocksOf(g: ConvGeometry, result: readonly [number, number], kit: ElementKit) {
  const { panel } = outputTile(kit);
  const height = gradTileRows(kit);
  const { bytes, lanes } = kit;
  const [down, across] = tilesOf(result);
  const block = tileBlocksOf(g.batch, [down, across], TILES);
  const { images, rowBlock, rowBlocks } = block;
  const blocks = Math.ceil(g.batch / images) * rowBlocks;
  const all = ceilTo(g.outChannels, panel);
  const { channelBlock, most } = pairsOf(g, kit, all);
  const channelBlocks = Math.ceil(g.inChannels / channelBlock);
  const sharing = channelBlocks * Math.ceil(all / most);
  // Of one partial result; a unit that is alone with its sums has them in the scratch.
  const sumsOf = (channels: number, outputs: number) => {
    const sumPanel = ceilTo(channels, height) * panel * bytes;
    return { sumPanel, sumProduct: oddLines((outputs / panel) * sumPanel) };
  };
  const shared = sumsOf(g.inChannels, all);
  const partBytes = PRODUCTS * shared.sumProduct + ceilTo(all * bytes, 64);
  const wanted = Math.max(1, Math.min(blocks, Math.ceil(UNITS / sharing), Math.floor(PART_BYTES / partBytes)));
  const unitBlocks = Math.ceil(blocks / wanted);
  const parts = Math.ceil(blocks / unitBlocks);
  const shares = Math.max(Math.ceil(all / most), Math.min(Math.ceil(UNITS / parts / channelBlocks), Math.floor(all / LEAST_OUTPUTS)));
  const outputBlock = ceilTo(Math.ceil(all / shares), panel);
  const whole = writeWeights !== undefined && parts === 1 && lanes >= TAPS;
  const elementTile = oddLines(ceilTo(channelBlock, Math.max(height, lanes)) * bytes);
  const gradTile = oddLines(outputBlock * bytes);
  const tiles = images * rowBlock * across;
  return {
    whole,
    parts,
    partBytes,
    /** How units share images, rows of tiles, outputs and channels. */
    blocks: {
      ...{ ...block, blocks, unitBlocks },
      ...{ outputBlock, outputBlocks: Math.ceil(g.outChannels / outputBlock) },
      ...{ channelBlock, channelBlocks },
    },
    sums: whole ? sumsOf(channelBlock, outputBlock) : shared,
    /** Bytes of mapped tiles, and from product to product. */
    tiles: { elementTile, elementProduct: oddLines(tiles * elementTile), gradTile, gradProduct: oddLines(tiles * gradTile) },
    bandBytes: bandBytesOf(rowBlock, across, kit),
    rowPitch: oddLines(channelBlock * TAPS * bytes + kit.vectorBytes),
  };
}

type Blocks = ReturnType<typeof blocksOf>;
