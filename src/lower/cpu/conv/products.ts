/**
 * Lowers convolutions with 1×1 kernels of stride 1, and their gradients of the input, as products of matrices (`kernels/cpu/conv/products.ts`). What is chosen depends on shapes alone.
 */
import type { Value } from '../../../compiler/lowering.ts';
import type { CpuLowering } from '../lowering.ts';
import { packProductsKernel, productsKernel, resultRows } from '../../../kernels/cpu/conv/products.ts';
import { elementKit, TILE_VECTORS, tileRows, type ElementKit } from '../../../kernels/cpu/gemm/tile.ts';
import { ceilTo, evenParts, isPointwise, lineResultArgs, oddLines, outputBlocksOf } from './along-outputs.ts';
import { elementOf, multiplyAddNs, type Correlation, type Lowered, type Operands } from './correlation.ts';

/** Copied pixels of a unit: each panel of them is read once for every block of rows, so they may lie in the third-level cache. */
const COPY_BYTES = 1 << 20;
/** Pixels of a unit: enough to make good use of the weights. */
const PIXELS = { least: 112, most: 256 };
/** Fewer units are cut further where threads share them; what reading the weights once more is of a unit's work. */
const UNITS = 8;
const WEIGHTS_AGAIN = 0.02;

/** y = the correlation if this is the way to compute it. */
export function lowerProducts(l: CpuLowering, c: Correlation, o: Operands): Lowered {
  const { x, w, y, finish } = o;
  const element = elementOf(y);
  const kit = elementKit(l.wideTarget, element);
  const { bytes } = kit;
  const plane = c.rows.count * c.columns.count;
  if (!isPointwise(c, x, y)) return undefined;
  if (c.channels < 8 || c.outputs < 8 || plane < kit.lanes || y.layout.numel === 0) return undefined;
  const [xn, xc] = x.layout.strides as [number, number];
  if (finish.taps !== undefined) return 'cannot pool';
  const packed = packedWeights(l, c, w, kit);
  const { scratch, ...blocks } = blocksOf(c, plane, kit, l.threads);
  const size = Math.ceil(c.batch / blocks.images) * blocks.pixelBlocks * blocks.outputBlocks;
  const products = y.layout.numel * c.channels;
  l.launch(
    productsKernel(l.wideTarget, element, finish.kind),
    {
      x,
      xn: xn * bytes,
      xc: xc * bytes,
      packed,
      ...lineResultArgs(l, c, o, element, bytes),
      batch: c.batch,
      channels: c.channels,
      outputs: c.outputs,
      plane,
      ...blocks,
    },
    { size, unitCost: multiplyAddNs(products, kit) / size, scratch, flops: 2 * products },
  );
  return 'done';
}

/** Weights as panels of A of as many outputs as a register tile has. */
export function packedWeights(l: CpuLowering, c: Correlation, w: Value, kit: ElementKit): Value {
  const { bytes } = kit;
  const height = tileRows(kit);
  const panels = Math.ceil(c.outputs / height);
  const packed = l.derived(w.layout.dtype, [panels * height * c.channels], [w]);
  l.launch(
    packProductsKernel(l.wideTarget, kit.element),
    { w, packed, wm: c.wm * bytes, wc: c.wc * bytes, outputs: c.outputs, channels: c.channels },
    { size: panels, unitCost: height * c.channels, makes: packed },
  );
  return packed;
}

function blocksOf(c: Correlation, plane: number, kit: ElementKit, threads: number) {
  const { bytes } = kit;
  const width = TILE_VECTORS * kit.lanes;
  const wanted = Math.max(PIXELS.least, Math.min(PIXELS.most, Math.floor(COPY_BYTES / (c.channels * bytes))));
  const most = Math.max(1, Math.min(c.batch, Math.floor(wanted / plane)));
  const images = Math.ceil(c.batch / Math.ceil(c.batch / most));
  const few = Math.ceil(plane / wanted);
  const units = Math.ceil(c.batch / images) * few;
  const parts = few * evenParts(units, units < UNITS ? threads : 1, Math.ceil(plane / few / width), WEIGHTS_AGAIN);
  const pixelBlock = parts === 1 ? plane : Math.min(plane, ceilTo(plane / parts, width));
  const pixelBlocks = Math.ceil(plane / pixelBlock);
  const { outputBlock, outputBlocks } = outputBlocksOf(c.outputs, tileRows(kit), Math.ceil(c.batch / images) * pixelBlocks, threads);
  const columns = ceilTo(images * pixelBlock, width);
  const pitch = oddLines((columns + width) * bytes);
  const resultPitch = oddLines(columns * bytes);
  // Before the results lie two vectors of zeros; rows are those of whole tiles.
  const resultAt = ceilTo(c.channels * pitch + TILE_VECTORS * kit.vectorBytes, 64);
  const rows = ceilTo(Math.min(resultRows(kit), outputBlock), tileRows(kit));
  return { images, pixelBlock, pixelBlocks, outputBlock, outputBlocks, pitch, resultPitch, resultAt, scratch: resultAt + rows * resultPitch + 64 }; // prettier-ignore
}
