/** Lowers convolutions with 1×1 kernels of stride 1, and their gradients of the input, in half precision where the program allows it. */
import type { CpuLowering } from '../lowering.ts';
import {
  halfProductsKernel,
  halfScratchBefore,
  halfWeightBytes,
  halfWeightScratch,
  packHalfProductsKernel,
  RESULT_ROWS,
} from '../../../kernels/cpu/conv/half-products.ts';
import { HALF_DEPTH, HALF_ROWS, halfColumns } from '../../../kernels/cpu/gemm/halves.ts';
import { ceilTo, isPointwise, lineResultArgs, oddLines, outputBlocksOf } from './along-outputs.ts';
import type { Correlation, Lowered, Operands } from './correlation.ts';

/** Channels and outputs from which on products pay for the conversion; multiply-adds too. */
const LEAST = { channels: 48, outputs: 24, work: 4e6 } as const;
/** Pixels of a unit at most, and the share of a unit's products that may be in vain. */
const PIXELS = 512;
const VAIN = 1 / 3;

/** y = the correlation if this is the way to compute it. */
export function lowerHalfProducts(l: CpuLowering, c: Correlation, o: Operands): Lowered {
  const { x, w, y, finish } = o;
  const target = l.wideTarget;
  const plane = c.rows.count * c.columns.count;
  if (!l.inHalves || y.layout.dtype !== 'float32' || !isPointwise(c, x, y)) return undefined;
  const products = y.layout.numel * c.channels;
  if (c.channels < LEAST.channels || c.outputs < LEAST.outputs || products < LEAST.work || plane < 16) return undefined;
  const blocks = blocksOf(l, c, plane, halfColumns(target));
  if (blocks === undefined) return undefined;
  if (finish.taps !== undefined) return 'cannot pool';
  const [xn, xc] = x.layout.strides as [number, number];
  const { outputs, channels, batch } = c;
  const packed = l.derived('float32', [halfWeightBytes(outputs, channels) / 4], [w]);
  const panels = Math.ceil(outputs / HALF_ROWS) * Math.ceil(channels / HALF_DEPTH);
  l.launch(
    packHalfProductsKernel(target),
    { w, packed, wm: c.wm * 4, wc: c.wc * 4, outputs, channels },
    { size: panels, unitCost: (outputs * channels) / panels, scratch: halfWeightScratch, makes: packed },
  );
  const { images, pixelBlock, pixelBlocks } = blocks;
  const parts = Math.ceil(batch / images) * pixelBlocks;
  const share = outputBlocksOf(outputs, HALF_ROWS, parts, l.threads);
  const columns = ceilTo(images * pixelBlock, halfColumns(target));
  const pitch = oddLines((columns + halfColumns(target)) * 4);
  const resultPitch = oddLines(columns * 4);
  const resultAt = ceilTo(halfScratchBefore(target, channels, columns, pitch), 64);
  const size = parts * share.outputBlocks;
  l.launch(
    halfProductsKernel(target, finish.kind),
    { x, xn: xn * 4, xc: xc * 4, packed, ...lineResultArgs(l, c, o, 'f32', 4), batch, channels, outputs, plane, ...blocks, ...share, pitch, resultPitch, resultAt }, // prettier-ignore
    { size, unitCost: products / 90 / size, scratch: resultAt + RESULT_ROWS * resultPitch + 64, flops: 2 * products },
  );
  return 'done';
}

/** Images or pixels of a unit, so that whole panels are filled as well as can be; undefined where they cannot be. */
function blocksOf(l: CpuLowering, c: Correlation, plane: number, width: number) {
  const vain = (columns: number): number => ceilTo(columns, width) / columns - 1;
  if (plane >= PIXELS) {
    const pixelBlock = ceilTo(plane / Math.ceil(plane / PIXELS), width);
    return { images: 1, pixelBlock, pixelBlocks: Math.ceil(plane / pixelBlock) };
  }
  const most = Math.max(1, Math.min(Math.floor(PIXELS / plane), Math.ceil(c.batch / l.threads)));
  let images = 1;
  for (let n = 2; n <= most; n++) if (vain(n * plane) <= vain(images * plane)) images = n;
  return vain(images * plane) > VAIN ? undefined : { images, pixelBlock: plane, pixelBlocks: 1 };
}
