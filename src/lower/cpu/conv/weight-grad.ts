/**
 * Lowers the gradient of a convolution's weights and bias: cuts the pixels into blocks that fit the caches, the blocks
 * into units of work with a partial result each, and adds those. How it is cut decides in which order numbers are added,
 * so it is a function of shapes alone.
 */
import type { Value } from '../../../compiler/lowering.ts';
import type { CpuLowering } from '../lowering.ts';
import type { ConvGeometry } from '../../../geometry/conv.ts';
import { weightGradKernel } from '../../../kernels/cpu/conv/weight-grad.ts';
import { weightReduceKernel } from '../../../kernels/cpu/conv/weight-reduce.ts';
import { stepBytes, stepPixels, weightGradTiling, type Tiling } from '../../../kernels/cpu/conv/weight-tiling.ts';
import { elementKit, laneMasks, type Element, type ElementKit } from '../../../kernels/cpu/gemm/tile.ts';
import type { Target } from '../../../kernels/cpu/ir.ts';
import { elementOf, multiplyAddNs } from './correlation.ts';
import { evenParts } from './along-outputs.ts';
import { convTarget, INSIDE_NS, SOURCE_BYTES, sourceArgs, sourceBytes, sourceSizes, type Blocks, type SourceSizes } from './rows.ts';
import { forwardAxis, rowLayout, rowsReached, type RowLayout } from './tables.ts';

/**
 * Bytes of what a register tile reads again and again: ∂y of its outputs and one channel of the source. Well within the
 * first-level cache, but as much as fits, since a sum over more pixels is written back more rarely.
 */
const TILE_BYTES = 20 * 1024;
/** Fewer steps than this are not worth a sum, whatever the caches say. */
const LEAST_STEPS = 96;
/** A block of the source is read once for every four outputs, so more of the second-level cache pays. */
const BLOCK_BYTES = 1.5 * SOURCE_BYTES;
/** Work of one partial result at least, how many there are at most, and how much memory they may take. */
const PART_NS = 100_000;
const MOST_PARTS = 16;
const PART_BYTES = 16 << 20;
/** So few units are cut further where threads share them evenly then; what a unit copies, in multiply-adds. */
const FEW_UNITS = 8;
const COPIES = 8;

/** How the source's pixels are cut into blocks: of rows, or of whole small images. */
function blocksOf(g: ConvGeometry, tiling: Tiling, rowSteps: number, pitch: number, kit: ElementKit): Blocks {
  const axis = forwardAxis(g.height);
  const sourceRow = pitch * kit.bytes;
  const gradRow = rowSteps * stepBytes(tiling, kit);
  const wanted = Math.max(1, Math.floor(TILE_BYTES / (gradRow + axis.step * sourceRow)));
  const parts = Math.ceil(g.height.output / wanted);
  const rows = Math.ceil(g.height.output / parts);
  const rowBlocks = Math.ceil(g.height.output / rows);
  const rowBytes = rowsReached(axis, rows) * sourceRow;
  const fitAll = Math.floor(BLOCK_BYTES / (rowBytes * g.inPerGroup));
  const fitTile = Math.floor(TILE_BYTES / (rows * gradRow + rowBytes));
  const least = Math.ceil(LEAST_STEPS / (rowSteps * rows));
  const images = rowBlocks > 1 ? 1 : Math.max(1, Math.min(g.batch, Math.max(least, Math.min(fitAll, fitTile))));
  const fit = Math.floor(BLOCK_BYTES / (rowBytes * images));
  const { pairs } = tiling; // blocks of channels are whole tiles, but for the last
  const channels = fit >= g.inPerGroup ? g.inPerGroup : Math.min(g.inPerGroup, Math.max(pairs, fit - (fit % pairs)));
  return { channels, rows, rowBlocks, images };
}

/** How blocks of pixels and outputs make units of work. */
interface Units {
  /** Blocks of pixels in all, and of a partial result. */
  readonly blocks: number;
  readonly unitBlocks: number;
  readonly parts: number;
  readonly outputBlock: number;
  readonly outputBlocks: number;
}

function unitsOf(g: ConvGeometry, b: Blocks, height: number, work: number, weightBytes: number, threads: number): Units {
  const blocks = Math.ceil(g.batch / b.images) * b.rowBlocks;
  const most = Math.min(blocks, MOST_PARTS, Math.ceil(PART_BYTES / weightBytes), Math.ceil(work / g.groups / PART_NS));
  const unitBlocks = Math.max(1, Math.ceil(blocks / Math.max(1, most)));
  const parts = Math.max(1, Math.ceil(blocks / unitBlocks));
  // Where partial results would be too large or blocks are few, outputs are shared out too.
  const tileRows = Math.ceil(g.outPerGroup / height);
  const few = Math.ceil(Math.min(work / PART_NS, MOST_PARTS) / (parts * g.groups));
  const copies = COPIES / (g.outPerGroup * g.height.kernel * g.width.kernel);
  const wanted = Math.max(few, parts * g.groups < FEW_UNITS ? evenParts(parts * g.groups, threads, tileRows, copies) : 1);
  const outputBlock = Math.ceil(tileRows / Math.max(1, Math.min(tileRows, wanted))) * height;
  return { blocks, unitBlocks, parts, outputBlock, outputBlocks: Math.ceil(g.outPerGroup / outputBlock) };
}

/** Vectors along outputs may be as wide as they come; those along pixels are narrower where rows are short. */
function targetOf(l: CpuLowering, g: ConvGeometry, element: Element): Target {
  const { form } = weightGradTiling(g.outPerGroup, g.width.output, elementKit(l.wideTarget, element));
  return form === 'outer' ? l.wideTarget : convTarget(l, element, g.width.output);
}

/** ∂y and its steps in bytes. */
function gradArgs(dy: Value, bytes: number) {
  const [dyn, dyc, dyh, dyw] = dy.layout.strides.map((step) => step * bytes) as [number, number, number, number];
  return { dy, dyn, dyc, dyh, dyw };
}

/** ∂w, and ∂b where asked for, from ∂y and x. */
export function lowerWeightGrad(l: CpuLowering, g: ConvGeometry, dy: Value, x: Value, dw: Value, db: Value | undefined): void {
  const target = targetOf(l, g, elementOf(dw));
  const kit = elementKit(target, elementOf(dw));
  const { bytes, element } = kit;
  const [rows, columns] = [forwardAxis(g.height), forwardAxis(g.width)];
  const tiling = weightGradTiling(g.outPerGroup, g.width.output, kit);
  const rowSteps = Math.ceil(g.width.output / stepPixels(tiling, kit));
  const layout = rowLayout(columns, rowSteps * stepPixels(tiling, kit)); // zeros behind short rows, where ∂y is padded with zeros too
  const b = blocksOf(g, tiling, rowSteps, layout.pitch, kit);
  const sizes = sourceSizes(rows, layout, b, bytes);
  const taps = g.height.kernel * g.width.kernel;
  const depth = g.inPerGroup * taps;
  const products = dy.layout.numel * depth;
  const work = multiplyAddNs(products, kit);
  const whole = work + depth * g.outChannels < INSIDE_NS;
  const u = unitsOf(g, b, tiling.height, work, g.outChannels * depth * bytes, whole ? 1 : l.threads);
  const { reduce, sumBytes } = partialResults(l, g, kit, tiling, u.parts, dw, db);
  const gradAt = Math.ceil(sourceBytes(b, sizes) / 64) * 64;
  const gradSteps = b.images * b.rows * rowSteps + kit.lanes; // copying writes a few past the end
  const gradBytes = (u.outputBlock / tiling.height) * gradSteps * stepBytes(tiling, kit);
  const size = u.parts * u.outputBlocks * g.groups;
  l.launch(
    weightGradKernel(target, { ...tiling, element, whole }),
    {
      ...reduce,
      ...sourceArgs(l, x, rows, columns, layout, sizes, bytes),
      ...gradArgs(dy, bytes),
      width: g.width.output,
      batch: g.batch,
      channels: g.inPerGroup,
      channelBlock: b.channels,
      taps,
      outputBlock: u.outputBlock,
      outputBlocks: u.outputBlocks,
      rowCount: g.height.output,
      rowBlock: b.rows,
      rowBlocks: b.rowBlocks,
      images: b.images,
      blocks: u.blocks,
      unitBlocks: u.unitBlocks,
      ...positionTables(l, g, b, tiling, layout, sizes, kit),
      rowSteps,
      masks: l.constant('int32', laneMasks(kit)),
      gradAt,
    },
    {
      size,
      unitCost: whole ? 0 : work / size,
      scratch: Math.max(gradAt + gradBytes, whole ? sumBytes : 0),
      flops: 2 * products,
    },
  );
  if (whole) return;
  l.launch(weightReduceKernel(target, element, tiling.height), reduce, {
    size: Math.ceil(g.outPerGroup / tiling.height) * g.groups,
    unitCost: depth * tiling.height * (u.parts / 4 + 2),
    scratch: sumBytes,
  });
}

/** The partial results' buffer, and what adding them needs: bytes of one block of outputs, for scratch. */
export function partialResults(
  l: CpuLowering,
  g: ConvGeometry,
  kit: ElementKit,
  { height, pairs }: Pick<Tiling, 'height' | 'pairs'>,
  parts: number,
  dw: Value,
  db: Value | undefined,
) {
  const depth = g.inPerGroup * g.height.kernel * g.width.kernel;
  const depthPadded = Math.ceil(depth / pairs) * pairs;
  const tileRows = Math.ceil(g.outPerGroup / height) * g.groups;
  const sumBytes = depthPadded * height * kit.bytes;
  const biasAt = tileRows * sumBytes;
  const partBytes = Math.ceil((biasAt + tileRows * height * kit.bytes) / 64) * 64;
  const reduce = {
    partial: l.temp(dw.layout.dtype, [(partBytes * parts) / kit.bytes]),
    parts,
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
  return { reduce, sumBytes };
}

/** Where each (channel, tap), and each row or step of a block's pixels, lies in the copied source. */
function positionTables(
  l: CpuLowering,
  g: ConvGeometry,
  b: Blocks,
  tiling: Tiling,
  layout: RowLayout,
  sizes: SourceSizes,
  kit: ElementKit,
): { offsets: Value; positions: Value } {
  const [rows, columns] = [forwardAxis(g.height), forwardAxis(g.width)];
  const pixels = stepPixels(tiling, kit);
  const rowSteps = tiling.byRow ? 1 : Math.ceil(g.width.output / pixels);
  const offsets: number[] = [];
  for (let channel = 0; channel < b.channels; channel++) {
    for (const v of rows.segments[0]!.taps) {
      const row = channel * sizes.plane + (v.delta - rows.minDelta) * sizes.row;
      for (const h of columns.segments[0]!.taps) offsets.push(row + layout.tapColumn(h.delta) * kit.bytes);
    }
  }
  while (offsets.length % tiling.pairs !== 0) offsets.push(offsets.at(-1)!); // its sums are left behind
  const positions: number[] = [];
  for (let n = 0; n < b.images; n++) {
    for (let i = 0; i < b.rows; i++) {
      const row = n * sizes.image + i * rows.step * sizes.row;
      for (let step = 0; step < rowSteps; step++) positions.push(row + step * pixels * kit.bytes);
    }
  }
  return {
    offsets: l.constant('int32', Int32Array.from(offsets)),
    positions: l.constant('int32', Int32Array.from(positions)),
  };
}
