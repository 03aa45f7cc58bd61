/**
 * Lowers convolutions with 1×1 kernels of stride 1, and their gradients of the input (`kernels/cpu/conv/pointwise.ts`): those that `products.ts`,
 * which only Node loads, has left. What is chosen depends on shapes alone.
 */
import type { CpuLowering } from '../lowering.ts';
import { packKernel } from '../../../kernels/cpu/conv/pack.ts';
import { POINT_TILE, pointwiseKernel } from '../../../kernels/cpu/conv/pointwise.ts';
import { elementKit } from '../../../kernels/cpu/gemm/tile.ts';
import { ceilTo, isPointwise, lineResultArgs } from './along-outputs.ts';
import { elementOf, multiplyAddNs, type Correlation, type Lowered, type Operands } from './correlation.ts';

/** Pixels that are copied at a time: within the second-level cache (12 to 96 KB make no difference). */
const STRIP_BYTES = 48 * 1024;
/** Units that threads can share evenly, and pixels and outputs of one at least. */
const UNITS = 8;
const LEAST = { pixels: 64, outputs: 48 };

/** y = the correlation if this is the way to compute it. */
export function lowerPointwise(l: CpuLowering, c: Correlation, o: Operands): Lowered {
  const { x, w, y, finish } = o;
  const kit = elementKit(l.wideTarget, 'f32');
  const { bytes, lanes } = kit;
  const width = POINT_TILE.vectors * lanes;
  const plane = c.rows.count * c.columns.count;
  if (elementOf(y) !== 'f32' || !isPointwise(c, x, y)) return undefined;
  if (c.channels < 8 || c.outputs < 8 || ceilTo(plane, width) > 1.13 * plane || y.layout.numel === 0) return undefined;
  if (finish.taps !== undefined) return 'cannot pool';
  const { channels, outputs } = c;
  const [xn, xc] = x.layout.strides as [number, number];
  const blocks = Math.ceil(outputs / POINT_TILE.outputs);
  const packed = l.derived(w.layout.dtype, [blocks * channels * POINT_TILE.outputs], [w]);
  const [runCount, runLength] = c.wc === 1 ? [1, channels] : [channels, 1];
  const runs = Int32Array.from({ length: runCount }, (_, i) => i * c.wc * bytes);
  l.launch(
    packKernel(l.target, 'f32', POINT_TILE.outputs),
    { w, packed, runs: l.constant('int32', runs), runCount, runLength, wm: c.wm * bytes, wg: 0, outputs },
    { size: blocks, unitCost: channels * 3, makes: packed },
  );
  const pixelBlock = ceilTo(Math.ceil(plane / Math.ceil(plane / LEAST.pixels)), width);
  const pixelBlocks = Math.ceil(plane / pixelBlock);
  const parts = Math.min(Math.ceil(UNITS / (c.batch * pixelBlocks)), Math.ceil(outputs / LEAST.outputs));
  const outputBlock = ceilTo(Math.ceil(outputs / parts), POINT_TILE.outputs);
  const outputBlocks = Math.ceil(outputs / outputBlock);
  const strip = Math.min(pixelBlock, Math.max(width, ceilTo(STRIP_BYTES / (channels * bytes) - width + 1, width)));
  const biasAt = strip * channels * bytes;
  const size = c.batch * pixelBlocks * outputBlocks;
  const products = y.layout.numel * channels;
  l.launch(
    pointwiseKernel(l.wideTarget, finish.kind),
    { x, xn: xn * bytes, xc: xc * bytes, packed, ...lineResultArgs(l, c, o, 'f32', bytes), channels, outputs, plane, pixelBlock, pixelBlocks, outputBlock, outputBlocks, strip, biasAt }, // prettier-ignore
    { size, unitCost: multiplyAddNs(products, kit) / size, scratch: biasAt + outputBlock * bytes + 64, flops: 2 * products },
  );
  return 'done';
}
