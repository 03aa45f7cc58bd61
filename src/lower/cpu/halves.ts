/** Products in half precision, where the program allows it and the machine has the arithmetic: `setFloat32MatmulPrecision('medium')`. */
import type { Value } from '../../compiler/lowering.ts';
import {
  gemmHalvesKernel,
  gemmHalvesPackKernel,
  halfBlockRows,
  halfCost,
  halfPacking,
  halfPackScratch,
  halfScratch,
} from '../../kernels/cpu/gemm/halves.ts';
import type { CpuLowering } from './lowering.ts';
import { start, type ProductShape } from './matmul.ts';

/** Multiply-adds from which on it is worth packing both operands, and sizes below which tiles would be mostly empty. */
const LEAST = { work: 4e6, m: 24, n: 48, k: 48 } as const;

/** out = A·B, plus the row `bias` where given; false where it is not worth it. Of float32. */
export function lowerHalves(l: CpuLowering, p: ProductShape, a: Value, b: Value, out: Value, bias?: Value): boolean {
  const { m, n, k } = p;
  if (p.batch.length > 1 || m * n * k < LEAST.work || m < LEAST.m || n < LEAST.n || k < LEAST.k) return false;
  const [[aOffset, bOffset]] = p.batch as readonly [readonly [number, number]];
  const from = (value: Value, offset: number): Value => ({ ...value, byteOffset: value.byteOffset + offset * 4 });
  const target = l.wideTarget;
  const { bytes, panels, units } = halfPacking(target, n, k);
  const packed = l.derived('float32', [Math.ceil(bytes / 4)], [b]);
  l.launch(
    gemmHalvesPackKernel(target),
    { b: from(b, bOffset), packed, n, k, bk: p.bk * 4, bn: p.bn * 4, panels },
    { size: units, unitCost: (n * k) / units, scratch: halfPackScratch(target), makes: packed },
  );
  const blockRows = halfBlockRows(m);
  l.launch(
    gemmHalvesKernel(target),
    { a: from(a, aOffset), b: packed, c: out, ...start(l, bias, 'f32'), m, n, k, am: p.am * 4, ak: p.ak * 4, cm: n * 4, blockRows, panels },
    {
      size: Math.ceil(m / blockRows),
      unitCost: halfCost(Math.min(m, blockRows), n, k),
      scratch: halfScratch(target),
      flops: 2 * m * n * k,
    },
  );
  return true;
}
