/**
 * Lowers matrix products: views both operands as a batch of strided matrices, then picks a kernel. Transposed and
 * broadcast operands cost nothing here, since the kernels take strides and a table of matrix offsets.
 */
import { itemSize } from '../../base/dtype.ts';
import { invariant } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { broadcastStrides, numelOf, type Dims } from '../../base/shape.ts';
import type { Value } from '../../compiler/lowering.ts';
import type { CpuLowering } from './lowering.ts';
import { matmulOperands } from '../../geometry/matmul.ts';
import { gemmDotBlocks, gemmDotCost, gemmDotKernel, gemmDotScratch, tailMask } from '../../kernels/cpu/gemm/dot.ts';
import { gemmIntKernel, type IntElement } from '../../kernels/cpu/gemm/int.ts';
import { elementKit, gatherKernel, type Element } from '../../kernels/cpu/gemm/tile.ts';
import { gemmBlocks, gemmCost, gemmKernel, gemmPackKernel, gemmPacking, packsBefore } from '../../kernels/cpu/gemm/gemm.ts';
import type { MatmulAttrs } from '../../tensor/ops/matmul.ts';
import type { OpLowerings, Values } from '../table.ts';

/** C[b] = A[b]·B[b] for each matrix b of a batch. Steps are in elements; C is contiguous. */
export interface ProductShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly am: number;
  readonly ak: number;
  readonly bk: number;
  readonly bn: number;
  /** Element offsets of A and B, one pair for each matrix. */
  readonly batch: readonly (readonly [number, number])[];
}

/**
 * The product of two operands with at least two dimensions each, whose leading ones broadcast to `batch`. Leading
 * dimensions of A that lie evenly on top of its rows become rows where B is one matrix, so that a linear layer on
 * [N, T, in] is one product.
 */
function productShape(a: Layout, b: Layout, batch: Dims): ProductShape {
  const [ra, rb] = [a.shape.length, b.shape.length];
  let lead = [...batch];
  let m = a.shape[ra - 2]!;
  const am = a.strides[ra - 2]!;
  const aSteps = broadcastStrides(a.shape.slice(0, -2), a.strides.slice(0, -2), batch);
  const bSteps = broadcastStrides(b.shape.slice(0, -2), b.strides.slice(0, -2), batch);
  let step = am;
  while (lead.length > 0 && (lead.at(-1) === 1 || (bSteps.at(-1) === 0 && (aSteps.at(-1) === step * m || m === 1)))) {
    const size = lead.pop()!;
    const aStep = aSteps.pop()!;
    bSteps.pop();
    if (size === 1) continue;
    if (m === 1) step = aStep;
    m *= size;
  }
  lead = lead.length === 0 ? [1] : lead;
  const offsets: [number, number][] = [];
  const count = numelOf(lead);
  for (let i = 0; i < count; i++) {
    let [rest, aOffset, bOffset] = [i, 0, 0];
    for (let d = lead.length - 1; d >= 0; d--) {
      const at = rest % lead[d]!;
      rest = (rest - at) / lead[d]!;
      aOffset += at * (aSteps[d] ?? 0);
      bOffset += at * (bSteps[d] ?? 0);
    }
    offsets.push([aOffset, bOffset]);
  }
  return {
    m,
    n: b.shape[rb - 1]!,
    k: a.shape[ra - 1]!,
    am: step,
    ak: a.strides[ra - 1]!,
    bk: b.strides[rb - 2]!,
    bn: b.strides[rb - 1]!,
    batch: offsets,
  };
}

type LowerHalves = (l: CpuLowering, p: ProductShape, a: Value, b: Value, out: Value, bias?: Value) => boolean;
/** Products in half precision, which only machines with wide vectors have; false where they are not worth it. */
let halves: LowerHalves = () => false;
export const provideHalves = (lower: LowerHalves): void => {
  halves = lower;
};

/** out = A·B, plus the row `bias` where given. */
function lowerProduct(l: CpuLowering, p: ProductShape, a: Value, b: Value, out: Value, bias?: Value): void {
  if (p.m * p.n * p.batch.length === 0) return;
  const { dtype } = out.layout;
  const bytes = itemSize(dtype);
  const table = Int32Array.from(p.batch.flat(), (offset) => offset * bytes);
  const batch = l.constant('int32', table);
  if (dtype !== 'float32' && dtype !== 'float64') {
    invariant(bias === undefined, `integer product with a bias`);
    lowerInteger(l, p, a, b, out, batch, dtype === 'int64' ? 'i64' : dtype === 'int32' ? 'i32' : 'u8');
    return;
  }
  const element: Element = dtype === 'float32' ? 'f32' : 'f64';
  if (l.inHalves && element === 'f32' && halves(l, p, a, b, out, bias)) return;
  if (alongDepth(l, p, element)) lowerDot(l, p, a, b, out, bias, batch, element);
  else lowerPacked(l, p, a, b, out, bias, batch, element);
}

/** Thin products of operands that both lie along the summed dimension need no packing. */
function alongDepth(l: CpuLowering, p: ProductShape, element: Element): boolean {
  const { lanes } = elementKit(l.wideTarget, element);
  return p.ak === 1 && p.bk === 1 && p.k >= lanes && Math.min(p.m, p.n) <= THIN;
}
/** Up to this many rows or columns, packing the other operand costs more than the lane sums it saves. */
const THIN = 24;

/** The same vector, one element after the other. */
export function denseVector(l: CpuLowering, x: Value, element: Element): Value {
  const { dtype, shape, contiguous } = x.layout;
  if (contiguous) return x;
  const y = l.temp(dtype, shape);
  const step = x.layout.strides[0]! * itemSize(dtype);
  l.launch(gatherKernel(l.target, element), { x, y, step }, { size: shape[0]!, unitCost: 1 });
  return y;
}

/** What a product starts from: the bias row, or a zero. */
export function start(l: CpuLowering, bias: Value | undefined, element: Element): { init: Value; initStep: number } {
  if (bias !== undefined) return { init: denseVector(l, bias, element), initStep: 1 };
  const zeros = element === 'f32' ? new Float32Array(64) : new Float64Array(64);
  return { init: l.constant(element === 'f32' ? 'float32' : 'float64', zeros), initStep: 0 };
}

function lowerPacked(
  l: CpuLowering,
  p: ProductShape,
  a: Value,
  b: Value,
  out: Value,
  bias: Value | undefined,
  batch: Value,
  element: Element,
): void {
  const kit = elementKit(l.wideTarget, element);
  const { bytes } = kit;
  const { m, n, k } = p;
  const { scratch, ...blocks } = gemmBlocks(kit, m, n, k, p.bn === 1, p.batch.length === 1);
  const steps = { am: p.am * bytes, ak: p.ak * bytes, bk: p.bk * bytes, bn: p.bn * bytes };
  let source = b;
  if (packsBefore(blocks)) {
    const packing = gemmPacking(kit, n, k);
    source = l.derived(out.layout.dtype, [packing.elements], [b]);
    const args = { b, packed: source, n, k, bk: steps.bk, bn: steps.bn, strips: packing.strips };
    l.launch(gemmPackKernel(l.wideTarget, element), args, {
      size: packing.units,
      unitCost: packing.elements / packing.units,
      makes: source,
    });
  }
  const { blocksDown, blocksAcross, blockRows, blockColumns } = blocks;
  l.launch(
    gemmKernel(l.wideTarget, element),
    { a, b: source, c: out, ...start(l, bias, element), batch, m, n, k, ...steps, ...blocks, cm: n * bytes, cBatch: m * n * bytes },
    {
      size: blocksDown * blocksAcross * p.batch.length,
      unitCost: gemmCost(kit, Math.min(m, blockRows), Math.min(n, blockColumns), k),
      scratch,
      flops: 2 * m * n * k * p.batch.length,
    },
  );
}

function lowerDot(
  l: CpuLowering,
  p: ProductShape,
  a: Value,
  b: Value,
  out: Value,
  bias: Value | undefined,
  batch: Value,
  element: Element,
): void {
  const kit = elementKit(l.wideTarget, element);
  const { bytes } = kit;
  const { m, n, k } = p;
  const blocks = gemmDotBlocks(m, n);
  l.launch(
    gemmDotKernel(l.wideTarget, element),
    {
      a,
      b,
      c: out,
      ...start(l, bias, element),
      mask: l.constant('int32', tailMask(kit, k)),
      batch,
      m,
      n,
      k,
      am: p.am * bytes,
      bn: p.bn * bytes,
      cm: n * bytes,
      cBatch: m * n * bytes,
      blocksDown: blocks.down,
      blocksAcross: blocks.across,
    },
    {
      size: blocks.down * blocks.across * p.batch.length,
      unitCost: gemmDotCost(kit, m, n, k),
      flops: 2 * m * n * k * p.batch.length,
      scratch: gemmDotScratch(kit),
    },
  );
}

function lowerInteger(l: CpuLowering, p: ProductShape, a: Value, b: Value, out: Value, batch: Value, element: IntElement): void {
  const bytes = itemSize(out.layout.dtype);
  const { m, n, k } = p;
  const steps = { am: p.am * bytes, ak: p.ak * bytes, bk: p.bk * bytes, bn: p.bn * bytes };
  l.launch(
    gemmIntKernel(l.target, element),
    { a, b, c: out, batch, m, n, k, ...steps },
    { size: m * p.batch.length, unitCost: 20 + 2 * n * k },
  );
}

function lowerMatmul(l: CpuLowering, inputs: Values, outputs: Values): void {
  const [a, b] = inputs as [Value, Value];
  const o = matmulOperands(a.layout, b.layout);
  lowerProduct(l, productShape(o.a, o.b, o.batch), a, b, outputs[0]!);
}

function lowerLinear(l: CpuLowering, inputs: Values, outputs: Values): void {
  const [x, weight, bias] = inputs as [Value, Value, Value | undefined];
  const { shape, strides } = x.layout;
  const rows = shape.length === 1 ? layoutOf(x.layout.dtype, [1, shape[0]!], [0, strides[0]!]) : x.layout;
  const [wo, wi] = weight.layout.strides as [number, number];
  const turned = layoutOf(x.layout.dtype, [weight.layout.shape[1]!, weight.layout.shape[0]!], [wi, wo]);
  lowerProduct(l, productShape(rows, turned, rows.shape.slice(0, -2)), x, weight, outputs[0]!, bias);
}

export const matmulLowerings: OpLowerings<MatmulAttrs, CpuLowering> = {
  matmul: { lower: lowerMatmul },
  linear: { lower: lowerLinear },
};
