/**
 * Convolutions with 1×1 kernels of stride 1, and their gradients of the input, as products of matrices: weights times pixels, with vectors along
 * pixels. Nothing is transposed: a unit copies its pixels, channel by channel, into rows of the scratch, where they are panels of B that lie in place; A are
 * the packed weights. Results gather in the scratch and go to y row by row, with what is done to them on the way.
 */
import { buildPackPanels } from '../gemm/pack.ts';
import { elementKit, forStep, intFn, minI32, panelDepth, TILE_VECTORS, tileRows, type Element, type ElementKit } from '../gemm/tile.ts';
import { buildMicros, MICRO_ARGS } from '../gemm/micro.ts';
import { constant, i32, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import type { Epilogue } from '../../formula/epilogue.ts';
import { affineBytes, askForOperands, EPILOGUE_OPERANDS, finishResults, RESULT_PARAMS } from './epilogue.ts';

/** Rows of results that are made at a time: their weights stay in the second-level cache. */
export const resultRows = (kit: ElementKit): number => (144 / tileRows(kit)) * tileRows(kit);

export const PACK_PRODUCTS_PARAMS = { w: 'ptr', packed: 'ptr', wm: 'i32', wc: 'i32', outputs: 'i32', channels: 'i32' } as const;

/** Weights as panels of A. The unit of work is a panel. */
export function packProductsKernel(target: Target, element: Element): Kernel<typeof PACK_PRODUCTS_PARAMS> {
  return cachedKernel(target, `conv-products-pack/${element}`, PACK_PRODUCTS_PARAMS, (scope) => {
    const kit = elementKit(target, element);
    const { f, p, lo, hi } = scope;
    const height = tileRows(kit);
    const pack = buildPackPanels(scope, kit, height);
    f.for('unit', lo, hi, (unit) => {
      const m = f.let('m', unit.mul(height));
      const count = minI32(f, 'count', i32(height), p.outputs.sub(m));
      const to = p.packed.add(m.mul(p.channels).mul(kit.bytes));
      f.call(pack, p.w.add(m.mul(p.wm)), p.wm, p.wc, count, p.channels, to);
    });
  });
}

/** Steps are in bytes; the pixels of an image are neighbours in x and in y. */
export const PRODUCTS_PARAMS = {
  x: 'ptr',
  xn: 'i32',
  xc: 'i32',
  packed: 'ptr',
  ...RESULT_PARAMS,
  batch: 'i32',
  channels: 'i32',
  outputs: 'i32',
  /** Pixels of an image. */
  plane: 'i32',
  /** A unit of work: some images, or a block of an image's pixels; outputs. */
  images: 'i32',
  pixelBlock: 'i32',
  pixelBlocks: 'i32',
  outputBlock: 'i32',
  outputBlocks: 'i32',
  /** Bytes of a row of copied pixels, and of results; where results lie in the scratch. */
  pitch: 'i32',
  resultPitch: 'i32',
  resultAt: 'i32',
} as const;

export type Scope = KernelScope<typeof PRODUCTS_PARAMS>;

export function productsKernel(target: Target, element: Element, epilogue: Epilogue): Kernel<typeof PRODUCTS_PARAMS> {
  const end = epilogue === 'none' ? '' : `/${epilogue}`;
  return cachedKernel(target, `conv-products/${element}${end}`, PRODUCTS_PARAMS, (scope) =>
    build(scope, elementKit(target, element), epilogue),
  );
}

function build(scope: Scope, kit: ElementKit, epilogue: Epilogue): void {
  const { f, p, lo, hi, scratch } = scope;
  const copy = buildCopy(scope, kit);
  const multiply = buildMultiply(scope, kit, epilogue);
  const write = buildWrite(scope, kit, epilogue);
  const [gate, residual] = [f.let('gateTo', p.gate.sub(p.y)), f.let('residualTo', p.residual.sub(p.y))];
  f.for('unit', lo, hi, (unit) => {
    const { m0, outputs, image, pixel, images, pixels, columns, results } = unitAt(scope, unit);
    const [nextImage, nextPixel] = pixelsAt(scope, unit.add(1));
    const xPlace = (n: Local, at: Local): Expr => p.x.add(n.mul(p.xn)).add(at.mul(kit.bytes));
    f.call(copy, xPlace(image, pixel), p.channels, p.xc, images, p.xn, pixels.mul(kit.bytes), scratch, p.pitch);
    const next = f.let('next', xPlace(nextImage, nextPixel));
    forStep(f, 'r', [0, outputs, resultRows(kit)], (r) => {
      const rows = minI32(f, 'rows', i32(resultRows(kit)), outputs.sub(r));
      const m = f.let('m', m0.add(r));
      const y = f.let('yRows', p.y.add(image.mul(p.yn)).add(m.mul(p.yc)).add(pixel.mul(kit.bytes)));
      multiply({ m, rows, columns, results, next, y, isFirst: r.eq(0), gate, residual });
      const bias = p.bias.add(m.mul(p.hasBias).mul(kit.bytes));
      const affine = p.affine.add(m.mul(affineBytes(kit)));
      f.call(write, results, p.resultPitch, rows, images, pixels, y, p.yn, p.yc, bias, p.hasBias, gate, residual, affine);
    });
  });
}

/** What a unit is of, and where its results lie in the scratch. */
export function unitAt(scope: Scope, unit: Local) {
  const { f, p, scratch } = scope;
  const m0 = f.let('m0', unit.rem(p.outputBlocks).mul(p.outputBlock));
  const outputs = minI32(f, 'unitOutputs', p.outputBlock, p.outputs.sub(m0));
  const [image, pixel] = pixelsAt(scope, unit);
  const images = minI32(f, 'unitImages', p.images, p.batch.sub(image));
  const pixels = minI32(f, 'unitPixels', p.pixelBlock, p.plane.sub(pixel));
  const columns = f.let('columns', images.mul(pixels));
  const results = f.let('results', scratch.add(p.resultAt));
  return { m0, outputs, image, pixel, images, pixels, columns, results };
}

/** The first image and the first pixel of a unit. */
function pixelsAt({ f, p }: Scope, unit: Expr): readonly [Local, Local] {
  const part = f.let('part', unit.div(p.outputBlocks));
  const image = f.let('image', part.div(p.pixelBlocks).mul(p.images));
  return [image, f.let('pixel', part.rem(p.pixelBlocks).mul(p.pixelBlock))];
}

/** Copies each channel's pixels, image after image, and some vectors of zeros behind them. */
export function buildCopy(scope: Scope, kit: ElementKit, zeros = TILE_VECTORS): Fn {
  const { vector, vectorBytes } = kit;
  const names = ['x', 'channels', 'xc', 'images', 'xn', 'bytes', 'to', 'pitch'] as const;
  return intFn(scope, 'copyPixels', names, (f, { x, channels, xc, images, xn, bytes, to, pitch }) => {
    const zero = f.let('zero', constant(vector, 0));
    f.for('c', 0, channels, () => {
      const [from, out] = [f.let('from', x), f.let('out', to)];
      f.for('n', 0, images, () => {
        forStep(f, 'v', [0, bytes, vectorBytes], (v) => f.store(vector, out.add(v), load(vector, from.add(v))));
        f.inc(from, xn);
        f.inc(out, bytes);
      });
      for (let j = 0; j < zeros; j++) f.store(vector, out, zero, j * vectorBytes);
      f.inc(x, xc);
      f.inc(to, pitch);
    });
  });
}

/** Some rows of results, which go to `y`, and the pixels of the unit that comes `next`. */
interface Rows extends Readonly<Record<'m' | 'rows' | 'columns' | 'results' | 'next' | 'y' | 'gate' | 'residual', Local>> {
  readonly isFirst: Expr;
}

/**
 * Weights from output `m` on times all copied pixels. Multiplying needs no memory beyond the caches, so meanwhile the next unit's pixels and the
 * places of results are asked for: where a unit is an image or less.
 */
function buildMultiply(scope: Scope, kit: ElementKit, epilogue: Epilogue): (what: Rows) => void {
  const { f, p, scratch } = scope;
  const width = TILE_VECTORS * kit.lanes;
  const height = tileRows(kit);
  const [whole, narrow] = [TILE_VECTORS, 1].map((vectors) => buildRows(scope, kit, vectors, epilogue)) as [Fn, Fn];
  const zeros = f.let('noResults', scratch.add(p.resultAt).sub(TILE_VECTORS * kit.vectorBytes));
  const panelBytes = f.let('panelBytes', p.channels.mul(height * kit.bytes));
  const single = f.let('single', p.images.eq(1));
  return ({ m, rows, columns, results, next, y, isFirst, gate, residual }) => {
    for (let j = 0; j < TILE_VECTORS; j++) f.store(kit.vector, zeros, constant(kit.vector, 0), j * kit.vectorBytes);
    const panels = f.let('panels', p.packed.add(m.div(height).mul(panelBytes)));
    const tiles = f.let('tiles', rows.add(height - 1).div(height));
    const isAhead = f.let('isAhead', isFirst.and(single));
    forStep(f, 'k0', [0, p.channels, panelDepth(kit)], (k0) => {
      const depth = minI32(f, 'depth', i32(panelDepth(kit)), p.channels.sub(k0));
      const first = f.let('first', k0.eq(0));
      const ahead = f.let('aheadLines', isAhead.select(depth.add(tiles).sub(1).binary('div', tiles), i32(0)));
      const placed = f.let('placed', first.and(single));
      const a = f.let('a', panels.add(k0.mul(height * kit.bytes)));
      const b = f.let('b', scratch.add(k0.mul(p.pitch)));
      const nextRows = f.let('nextRows', next.add(k0.mul(p.xc)));
      forStep(f, 'j', [0, columns, width], (j) => {
        const at = f.let('at', j.mul(kit.bytes));
        const c = f.let('c', results.add(at));
        const start = [first.select(zeros, c), first.select(i32(0), p.resultPitch)];
        const soon = [nextRows.add(at), p.xc, ahead, y.add(at), p.yc, placed, gate, residual] as const;
        const args = [a, panelBytes, rows, depth, b.add(at), p.pitch, ...start, c, p.resultPitch, ...soon] as const;
        f.if(
          columns.sub(j).le(kit.lanes),
          () => f.call(narrow, ...args),
          () => f.call(whole, ...args),
        );
      });
    });
  };
}

/** What rows are told of what is needed soon: lines of source rows before each tile, and whether to ask for the places of its results. */
const SOON_ARGS = ['next', 'nextStep', 'ahead', 'y', 'yStep', 'placed', 'gate', 'residual'] as const;

/** A panel of pixels times all rows; there is room for the rows of whole tiles. */
function buildRows(scope: Scope, kit: ElementKit, vectors: number, epilogue: Epilogue): Fn {
  const height = tileRows(kit);
  const heights = vectors === 1 ? [height] : [height, 4];
  const micros = buildMicros(scope, kit, vectors, heights);
  const names = ['a', 'panelBytes', 'rows', 'depth', 'b', 'bs', 'init', 'initRow', 'c', 'cm', ...SOON_ARGS] as const;
  return intFn(scope, `rows${vectors}`, names, (f, args) => {
    const { a, panelBytes, rows, init, initRow, c, cm, next, nextStep, ahead, y, yStep, placed } = args;
    const given = MICRO_ARGS.map((name) => args[name]);
    const call = (rows: number): void => f.call(micros.get(rows)!, ...given);
    forStep(f, 'i', [0, rows, height], (i) => {
      f.for('line', 0, ahead, () => {
        f.prefetch(next);
        f.inc(next, nextStep);
      });
      f.if(placed, () =>
        f.for('row', 0, height, () => {
          f.prefetch(y, true);
          askForOperands(f, epilogue, y, args);
          f.inc(y, yStep);
        }),
      );
      if (heights.length === 1) call(height);
      else
        f.if(
          rows.sub(i).gt(heights[1]!),
          () => call(height),
          () => call(heights[1]!),
        );
      f.inc(a, panelBytes);
      f.inc(init, initRow.mul(height));
      f.inc(c, cm.mul(height));
    });
  });
}

const WRITE_ARGS = ['from', 'pitch', 'rows', 'images', 'pixels', 'y', 'yn', 'yc', 'bias', 'hasBias', ...EPILOGUE_OPERANDS] as const;

/** Writes rows of results, each to an output of all the unit's images. */
export function buildWrite(scope: Scope, kit: ElementKit, epilogue: Epilogue): Fn {
  const { vector, element, lanes, bytes, vectorBytes } = kit;
  return intFn(scope, 'writeRows', WRITE_ARGS, (f, a) => {
    const finish = finishResults(f, kit, epilogue, { gate: a.gate, residual: a.residual, affine: a.affine });
    const bias = f.let('biasValue', constant(element, 0));
    const last = f.let('last', a.pixels.sub(lanes).mul(bytes));
    const end = f.let('end', a.pixels.mul(bytes));
    f.for('row', 0, a.rows, () => {
      f.if(a.hasBias, () => f.set(bias, load(element, a.bias)));
      const biases = f.let('biases', bias.splat());
      const [from, y] = [f.let('source', a.from), f.let('place', a.y)];
      f.for('n', 0, a.images, () => {
        const one = (type: typeof vector | typeof element, at: Local): void => {
          const place = f.let('at', y.add(at));
          const sum = load(type, from.add(at)).add(type === vector ? biases : bias);
          f.store(type, place, type === vector ? finish.vector(sum, place) : finish.element(sum, place));
        };
        f.if(
          last.ge(0),
          () => {
            forStep(f, 'v', [0, last, vectorBytes], (v) => one(vector, v));
            one(vector, last); // lies back: what it shares with the one before comes out the same
          },
          () => forStep(f, 's', [0, end, bytes], (s) => one(element, s)),
        );
        f.inc(from, end);
        f.inc(y, a.yn);
      });
      f.inc(a.from, a.pitch);
      f.inc(a.y, a.yc);
      f.inc(a.bias, a.hasBias.mul(bytes));
      f.inc(a.affine, affineBytes(kit));
    });
  });
}
