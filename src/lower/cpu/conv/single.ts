/** Lowers convolutions of images of one pixel with wide vectors (`kernels/cpu/conv/single.ts`). */
import { tailMask } from '../../../kernels/cpu/gemm/dot.ts';
import { elementKit } from '../../../kernels/cpu/gemm/tile.ts';
import { narrowed } from '../../../kernels/cpu/ir.ts';
import { singleKernel } from '../../../kernels/cpu/conv/single.ts';
import type { CpuLowering } from '../lowering.ts';
import { isPointwise, lineResultArgs } from './along-outputs.ts';
import { elementOf, multiplyAddNs, type Correlation, type Lowered, type Operands } from './correlation.ts';

/** Images that read the weights again, which come from a cache then; of more, others make matrices. */
const MOST_IMAGES = 16;

/** y = the correlation if this is the way to compute it. */
export function lowerSingle(l: CpuLowering, c: Correlation, o: Operands): Lowered {
  const { x, w, y, finish } = o;
  if (c.rows.count * c.columns.count !== 1 || !isPointwise(c, x, y) || y.layout.numel === 0) return undefined;
  if (c.wc !== 1 || (x.layout.strides[1] !== 1 && c.channels > 1) || c.batch > MOST_IMAGES) return undefined;
  if (finish.taps !== undefined) return 'cannot pool';
  const element = elementOf(y);
  const { bytes } = elementKit(l.wideTarget, element);
  const target = narrowed(l.wideTarget, Math.max(16, 2 ** Math.floor(Math.log2(Math.min(c.channels, 16) * bytes))));
  const kit = elementKit(target, element);
  if (c.channels < kit.lanes || c.outputs < kit.lanes) return undefined;
  const products = y.layout.numel * c.channels;
  const size = Math.ceil(c.outputs / kit.lanes);
  l.launch(
    singleKernel(target, element, finish.kind),
    {
      x,
      xn: x.layout.strides[0]! * bytes,
      w,
      wm: c.wm * bytes,
      ...lineResultArgs(l, c, o, element, bytes),
      batch: c.batch,
      channels: c.channels,
      outputs: c.outputs,
      mask: l.constant('int32', tailMask(kit, c.channels)),
    },
    { size, unitCost: (4 * multiplyAddNs(products, kit)) / size, scratch: kit.vectorBytes, flops: 2 * products },
  );
  return 'done';
}
