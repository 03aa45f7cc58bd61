/**
 * Convolutions with 1×1 kernels of stride 1, and their gradients of the input, in half precision: `products.ts` with the products of `gemm/halves.ts`.
 * A unit copies some channels of its pixels at a time, makes panels of halves of them and multiplies the packed weights by those; results gather in the
 * scratch.
 */
import { buildHalfPanel, HEAD } from '../gemm/half-panels.ts';
import { buildColumn, buildPackRows, HALF_DEPTH, HALF_ROWS, halfColumns, halfRowsBytes, halfRowsStep, halfTileBytes, singlesBytes } from '../gemm/halves.ts'; // prettier-ignore
import { elementKit, forStep, minI32, type ElementKit } from '../gemm/tile.ts';
import { constant, i32, type Expr, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';
import type { Epilogue } from '../../formula/epilogue.ts';
import { affineBytes } from './epilogue.ts';
import { buildCopy, buildWrite, PACK_PRODUCTS_PARAMS, PRODUCTS_PARAMS, unitAt, type Scope } from './products.ts';

/** Rows of results that are made at a time: their weights take 110 KB of the second-level cache. */
export const RESULT_ROWS = 12 * HALF_ROWS;

/** Bytes of the packed weights. */
export const halfWeightBytes = (outputs: number, channels: number): number =>
  Math.ceil(outputs / HALF_ROWS) * (Math.floor(channels / HALF_DEPTH) * halfRowsBytes(HALF_DEPTH) + halfRowsBytes(channels % HALF_DEPTH));

/** Where a depth block of the packed weights begins, and in it the panel of row m. */
const blockAt = (panels: Expr, k0: Expr): Expr => panels.mul(k0.div(HALF_DEPTH)).mul(halfRowsBytes(HALF_DEPTH));
const panelAt = (m: Expr, depth: Expr): Expr => m.div(HALF_ROWS).mul(halfRowsStep(depth));

export const halfWeightScratch = singlesBytes;

/** Weights as panels of A. The unit of work is a panel of one depth block. */
export function packHalfProductsKernel(target: Target): Kernel<typeof PACK_PRODUCTS_PARAMS> {
  return cachedKernel(target, 'conv-half-products-pack', PACK_PRODUCTS_PARAMS, (scope) => {
    const { f, p, lo, hi, scratch } = scope;
    const pack = buildPackRows(scope, elementKit(target, 'f32'));
    const panels = f.let('panels', p.outputs.add(HALF_ROWS - 1).div(HALF_ROWS));
    f.for('unit', lo, hi, (unit) => {
      const m = f.let('m', unit.rem(panels).mul(HALF_ROWS));
      const k0 = f.let('k0', unit.div(panels).mul(HALF_DEPTH));
      const depth = minI32(f, 'depth', i32(HALF_DEPTH), p.channels.sub(k0));
      const rows = minI32(f, 'rows', i32(HALF_ROWS), p.outputs.sub(m));
      const to = p.packed.add(blockAt(panels, k0)).add(panelAt(m, depth));
      f.call(pack, p.w.add(m.mul(p.wm)).add(k0.mul(p.wc)), p.wm, p.wc, rows, depth, scratch, to);
    });
  });
}

/** Bytes before a unit's results: copied pixels of a depth block, halves of all channels, a tile's sums, zeros. */
export function halfScratchBefore(target: Target, channels: number, columns: number, pitch: number): number {
  const width = halfColumns(target);
  const panels = Math.ceil(columns / width);
  const halves = panels * (channels * width * 2 + Math.ceil(channels / HALF_DEPTH) * HEAD);
  return HALF_DEPTH * pitch + halves + halfTileBytes(elementKit(target, 'f32')) + width * 4;
}

export function halfProductsKernel(target: Target, epilogue: Epilogue): Kernel<typeof PRODUCTS_PARAMS> {
  const end = epilogue === 'none' ? '' : `/${epilogue}`;
  return cachedKernel(target, `conv-half-products${end}`, PRODUCTS_PARAMS, (scope) =>
    build(scope, target, elementKit(target, 'f32'), epilogue),
  );
}

function build(scope: Scope, target: Target, kit: ElementKit, epilogue: Epilogue): void {
  const { f, p, lo, hi } = scope;
  const pixelHalves = buildPixelHalves(scope, target, kit);
  const multiply = buildMultiply(scope, target, kit);
  const write = buildWrite(scope, kit, epilogue);
  const [gate, residual] = [f.let('gateTo', p.gate.sub(p.y)), f.let('residualTo', p.residual.sub(p.y))];
  f.for('unit', lo, hi, (unit) => {
    const { m0, outputs, image, pixel, images, pixels, columns, results } = unitAt(scope, unit);
    pixelHalves(p.x.add(image.mul(p.xn)).add(pixel.mul(kit.bytes)), images, pixels, columns);
    forStep(f, 'r', [0, outputs, RESULT_ROWS], (r) => {
      const rows = minI32(f, 'rows', i32(RESULT_ROWS), outputs.sub(r));
      const m = f.let('m', m0.add(r));
      multiply(m, rows, columns, results);
      const y = p.y.add(image.mul(p.yn)).add(m.mul(p.yc)).add(pixel.mul(kit.bytes));
      const bias = p.bias.add(m.mul(p.hasBias).mul(kit.bytes));
      f.call(write, results, p.resultPitch, rows, images, pixels, y, p.yn, p.yc, bias, p.hasBias, gate, residual, p.affine.add(m.mul(affineBytes(kit)))); // prettier-ignore
    });
  });
}

/** Where the panels of a depth block are among those of a unit's pixels. */
const pixelsOf = (panels: Expr, k0: Expr, width: number): Expr => panels.mul(k0.mul(width * 2).add(k0.div(HALF_DEPTH).mul(HEAD)));

/** Copies a unit's pixels from `x` on, and makes halves of them. */
function buildPixelHalves(scope: Scope, target: Target, kit: ElementKit): (x: Expr, images: Local, pixels: Local, columns: Local) => void {
  const { f, p, scratch } = scope;
  const width = halfColumns(target);
  const copy = buildCopy(scope, kit, width / kit.lanes);
  const panel = buildHalfPanel(scope, kit, 'single', width / kit.lanes);
  return (x, images, pixels, columns) => {
    const from = f.let('from', x);
    const to = f.let('to', scratch.add(p.pitch.mul(HALF_DEPTH)));
    forStep(f, 'c', [0, p.channels, HALF_DEPTH], (c) => {
      const depth = minI32(f, 'depth', i32(HALF_DEPTH), p.channels.sub(c));
      f.call(copy, from.add(c.mul(p.xc)), depth, p.xc, images, p.xn, pixels.mul(kit.bytes), scratch, p.pitch);
      forStep(f, 'j', [0, columns, width], (j) => {
        f.call(panel, scratch.add(j.mul(kit.bytes)), p.pitch, depth, to);
        f.inc(to, depth.mul(width * 2).add(HEAD));
      });
    });
  };
}

/** Weights from output `m` on times the pixels of a unit. */
function buildMultiply(scope: Scope, target: Target, kit: ElementKit): (m: Local, rows: Local, columns: Local, results: Local) => void {
  const { f, p, scratch } = scope;
  const width = halfColumns(target);
  const column = buildColumn(scope, kit);
  const weights = f.let('weights', p.outputs.add(HALF_ROWS - 1).div(HALF_ROWS));
  return (m, rows, columns, results) => {
    const zeros = f.let('zeros', results.sub(width * kit.bytes));
    for (let v = 0; v < width; v += kit.lanes) f.store(kit.vector, zeros, constant(kit.vector, 0), v * kit.bytes);
    const sums = f.let('sums', zeros.sub(halfTileBytes(kit)));
    const panels = f.let('panels', columns.add(width - 1).div(width));
    forStep(f, 'k0', [0, p.channels, HALF_DEPTH], (k0) => {
      const depth = minI32(f, 'depth', i32(HALF_DEPTH), p.channels.sub(k0));
      const a = f.let('a', p.packed.add(blockAt(weights, k0)).add(panelAt(m, depth)));
      const b = f.let('b', scratch.add(p.pitch.mul(HALF_DEPTH)).add(pixelsOf(panels, k0, width)));
      const first = f.let('first', k0.eq(0));
      const initRow = f.let('initRow', first.select(i32(0), p.resultPitch));
      forStep(f, 'j', [0, columns, width], (j) => {
        const c = f.let('c', results.add(j.mul(kit.bytes)));
        f.call(column, a, rows, depth, b, first.select(zeros, c), initRow, c, p.resultPitch, minI32(f, 'wide', i32(width), columns.sub(j)), sums); // prettier-ignore
        f.inc(b, depth.mul(width * 2).add(HEAD));
      });
    });
  };
}
