/**
 * Lowers convolutions with 1×1 kernels of stride 1, and their gradients of the input, on large planes with the widest vectors
 * (`kernels/cpu/conv/strips.ts`). What is chosen depends on shapes alone.
 */
import type { CpuLowering } from '../lowering.ts';
import { stripPanelBytes, stripsKernel } from '../../../kernels/cpu/conv/strips.ts';
import { elementKit, TILE_VECTORS, tileRows } from '../../../kernels/cpu/gemm/tile.ts';
import { ceilTo, isPointwise, lineResultArgs, outputBlocksOf } from './along-outputs.ts';
import { elementOf, multiplyAddNs, type Correlation, type Lowered, type Operands } from './correlation.ts';
import { packedWeights } from './products.ts';

/** Copied pixels of a unit: half of the second-level cache. */
const COPY_BYTES = 1 << 20;
/** Channels up to which a panel of pixels and one of weights are read from the nearer caches while a tile is summed. */
const CHANNELS = { least: 32, most: 256 };
/** Outputs from which it pays to copy so many pixels before the first is summed (32 → 16 channels on 112²: 0.24 ms in shorter blocks, 0.36 here). */
const OUTPUTS = 24;
/** Pixels of a plane at least: smaller ones gain nothing by long lines. */
const PLANE = 512;
/** Bytes of y that are not in a cache when they are read. */
const STREAMED = 8 << 20;

export const suitsStrips = (l: CpuLowering, c: Correlation, { x, y }: Operands): boolean =>
  l.wideTarget.vectorBytes === 64 &&
  c.channels >= CHANNELS.least &&
  c.channels <= CHANNELS.most &&
  c.outputs >= OUTPUTS &&
  c.rows.count * c.columns.count >= PLANE &&
  isPointwise(c, x, y);

/** y = the correlation if this can compute it. */
export function lowerStrips(l: CpuLowering, c: Correlation, o: Operands): Lowered {
  const { x, w, y, finish } = o;
  const kit = elementKit(l.wideTarget, 'f32');
  const { bytes } = kit;
  const plane = c.rows.count * c.columns.count;
  if (elementOf(y) !== 'f32' || !isPointwise(c, x, y) || y.layout.numel === 0) return undefined;
  if (c.outputs < 4 || plane < kit.lanes) return undefined;
  if (finish.taps !== undefined) return 'cannot pool';
  const height = tileRows(kit);
  const packed = packedWeights(l, c, w, kit);
  const width = TILE_VECTORS * kit.lanes;
  const parts = Math.ceil(plane / Math.max(width, Math.floor(COPY_BYTES / (c.channels * bytes))));
  const pixelBlock = Math.min(plane, ceilTo(Math.ceil(plane / parts), width));
  const pixelBlocks = Math.ceil(plane / pixelBlock);
  const { outputBlock, outputBlocks } = outputBlocksOf(c.outputs, height, c.batch * pixelBlocks, l.threads);
  const size = c.batch * pixelBlocks * outputBlocks;
  const biasAt = ceilTo(Math.ceil(pixelBlock / width) * stripPanelBytes(kit, c.channels), 64);
  const products = y.layout.numel * c.channels;
  const [xn, xc] = x.layout.strides as [number, number];
  l.launch(
    stripsKernel(l.wideTarget, finish.kind),
    {
      ...{ x, xn: xn * bytes, xc: xc * bytes, packed, ...lineResultArgs(l, c, o, 'f32', bytes) },
      ...{ channels: c.channels, outputs: c.outputs, plane },
      ...{ pixelBlock, pixelBlocks, outputBlock, outputBlocks, units: size },
      streams: y.layout.numel * bytes >= STREAMED && plane % kit.lanes === 0 ? 1 : 0,
      biasAt,
    },
    {
      size,
      unitCost: multiplyAddNs(products, kit) / size,
      scratch: biasAt + ceilTo(outputBlock, height) * bytes + 128,
      flops: 2 * products,
    },
  );
  return 'done';
}
