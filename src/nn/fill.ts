/** What first values have in common: they are computed on the host and written into the parameter. */
import { requireFloatTensor, requireTensor } from '../tensor/arguments.ts';
import { drawnInto, normalOf, prepareDraws } from '../tensor/random/index.ts';
import type { Tensor } from '../tensor/tensor.ts';

export type FloatArray = Float32Array | Float64Array;
/** How normal numbers of a tensor's dtype are drawn. */
export type NormalFill = ReturnType<typeof normalOf>;

let left = false;
/** Runs `fn`, in which parameters stay as they are where they would be given first values. */
export function leavingFirst<T>(fn: () => T): T {
  const before = left;
  left = true;
  try {
    return fn();
  } finally {
    left = before;
  }
}

/** Fills a floating-point tensor. @throws DTypeError for another */
export function fillWith(op: string, x: Tensor, fill: (data: FloatArray, normal: NormalFill) => void): Tensor {
  requireTensor(op, 'the tensor', x);
  requireFloatTensor(op, x);
  if (left) return x;
  prepareDraws(); // must not move the memory while it is written to
  x.overwrite((data) => {
    const { device, buffer } = x.storage;
    const run = (): void => fill(data as FloatArray, normalOf(x.dtype));
    // Half types are written from numbers beside, and so are devices whose memory the host does not see.
    if (x.dtype === 'float32' && device.view !== undefined) drawnInto({ data, buffer, offset: 4 * x.offset }, run);
    else run();
  });
  return x;
}
