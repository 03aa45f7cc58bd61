/**
 * Depthwise convolutions and their gradients of the input: every output is the sum of few products with one channel of the source.
 *
 * Such a sum does little for what it reads, so everything around it counts. Rows of one channel are copied into the first-level
 * cache with zeros around them (`depthwise-source.ts`); a register tile is one vector of columns by some rows, unrolled for the
 * kernel's size and stride, so that a loaded vector serves all rows and columns that need it and weights stay in registers.
 *
 * A unit of work is a block of rows of one channel of one image; all of a channel follow each other where other kernels do the same
 * channel next. Its results go to scratch at first, row behind row as in the
 * tensor, and from there in one go, finished: memory is written as fast as it can be when one line follows the other, and not when
 * a tile's rows do. Rows are computed from the first to the last (where they have two residues, from their ends to their
 * beginnings), so what vectors write past the end of a row is overwritten by what belongs there.
 */
import type { Epilogue } from '../../formula/epilogue.ts';
import { elementKit, forStep, intFn, maxI32, minI32, type Element, type ElementKit } from '../gemm/tile.ts';
import { constant, load, loadSplat, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope, type ParamSpec } from '../kernel.ts';
import { buildCopyPlane, mostReach, PLANE_PARAMS, placeOf, shapeKey, type AxisShape, type Change } from './depthwise-source.ts';
import { affineBytes, EPILOGUE_OPERANDS, finishResults, RESULT_PARAMS } from './epilogue.ts';

export const DEPTHWISE_PARAMS = {
  ...PLANE_PARAMS,
  ...RESULT_PARAMS,
  /** [channels, kernel rows, kernel columns] */
  w: 'ptr',
  channels: 'i32',
  /** Where units go by channels: how many planes of one follow each other; else 0. */
  images: 'i32',
  /** Channels of y that share one of the source. */
  multiplier: 'i32',
  /** Rows of y, and bytes of one. */
  rows: 'i32',
  rowSize: 'i32',
  /** Values of i down the rows in all and of a unit, and units of a channel; the source row of i = 0. */
  rowCount: 'i32',
  rowBlock: 'i32',
  rowBlocks: 'i32',
  rowOrigin: 'i32',
  /** Where the last vector of a row starts, as a value of i. */
  lastColumn: 'i32',
  /** Where in scratch the results of a unit go at first. */
  resultsAt: 'i32',
} as const;

export interface DepthwiseVariant {
  readonly element: Element;
  readonly rows: AxisShape;
  readonly columns: AxisShape;
  readonly epilogue: Epilogue;
  /** Values of i of a register tile. */
  readonly tile: number;
}

type Scope = KernelScope<typeof DEPTHWISE_PARAMS>;

export const depthwiseKernel = (target: Target, v: DepthwiseVariant): Kernel<typeof DEPTHWISE_PARAMS> =>
  cachedKernel(
    target,
    `conv-depthwise/${v.element}/${shapeKey(v.rows)}x${shapeKey(v.columns)}/${v.tile}${v.epilogue === 'none' ? '' : `/${v.epilogue}`}`,
    DEPTHWISE_PARAMS,
    (scope) => build(scope, target, v),
  );

function build(scope: Scope, target: Target, v: DepthwiseVariant): void {
  const { f, p, lo, hi } = scope;
  const kit = elementKit(target, v.element);
  const sumBlock = buildBlock(scope, target, kit, v);
  const inOne = f.let('inOne', p.images.select(p.images, p.channels));
  f.for('unit', lo, hi, (unit) => {
    const plane = f.let('plane', unit.div(p.rowBlocks));
    const begin = f.let('begin', unit.rem(p.rowBlocks).mul(p.rowBlock));
    const outer = f.let('outer', plane.div(inOne));
    const inner = f.let('inner', plane.sub(outer.mul(inOne)));
    const image = f.let('image', p.images.select(inner, outer));
    const channel = f.let('channel', p.images.select(outer, inner));
    const x = p.x.add(image.mul(p.xn)).add(channel.div(p.multiplier).mul(p.xc));
    sumBlock({ x, image, channel, begin, end: p.rowCount });
  });
}

/** A block of rows of y, from value `begin` of i on, of a channel whose source rows begin at `x`. */
export interface Block {
  readonly x: Expr;
  readonly image: Local;
  readonly channel: Local;
  readonly begin: Local;
  /** Where values of i end. */
  readonly end: Expr;
  /** What a change of the source's elements is given. */
  readonly others?: readonly Expr[];
}

/** Makes scratch ready, and what computes a block there. `change`: what becomes of the source's elements. */
export function buildBlock(scope: Scope, target: Target, kit: ElementKit, v: DepthwiseVariant, change?: Change): (block: Block) => void {
  const { f, p, scratch } = scope;
  const { bytes } = kit;
  const copy = buildCopyPlane(scope, kit, v.columns, change);
  const tiles = buildTiles(scope, target, kit, v);
  const out = buildCopyOut(scope, kit, v.epilogue);
  const down = v.rows.segments.length;
  const taps = v.rows.kernel * v.columns.kernel;
  // Zeros around the copied rows, which copying never writes anything else to.
  const most = maxI32(f, 'most', p.rowBlock, constant('i32', v.tile));
  const sourceBytes = most
    .mul(v.rows.step)
    .add(mostReach(v.rows) + 1)
    .mul(p.rowBytes);
  forStep(f, 'z', [0, f.let('cleared', sourceBytes), kit.vectorBytes], (z) => f.store(kit.vector, scratch.add(z), constant(kit.vector, 0)));
  return ({ x, image, channel, begin, end, others = [] }) => {
    const count = minI32(f, 'count', p.rowBlock, end.sub(begin));
    const first = begin.mul(v.rows.step).add(p.rowOrigin);
    const reached = count
      .sub(1)
      .mul(v.rows.step)
      .add(mostReach(v.rows) + 1);
    copy(x, scratch, first, f.let('reached', reached), ...others);
    const row = f.let('row', begin.mul(down));
    const left = minI32(f, 'left', count.mul(down), p.rows.sub(row));
    const y = f.let('to', p.y.add(image.mul(p.yn)).add(channel.mul(p.yc)).add(row.mul(p.rowSize)));
    const results = f.let('results', scratch.add(p.resultsAt));
    f.call(tiles, scratch, results, count, p.w.add(channel.mul(taps * bytes)), p.bias.add(channel.mul(bytes)), p.hasBias, p.rowBytes, p.phaseBytes, p.rowSize, p.lastColumn); // prettier-ignore
    f.call(out, results, y, left.mul(p.rowSize), p.gate.sub(p.y), p.residual.sub(p.y), p.affine.add(channel.mul(affineBytes(kit))));
  };
}

const TILE_ARGS = ['source', 'results', 'count', 'w', 'bias', 'hasBias', 'rowBytes', 'phaseBytes', 'rowSize', 'lastColumn'] as const;

/** One product of a tile: which sum it belongs to, its weight, and where its source lies from the tile's on. */
interface Product {
  readonly sum: number;
  readonly weight: number;
  readonly row: number;
  readonly phase: number;
  readonly offset: number;
}

function productsOf({ rows, columns, tile }: DepthwiseVariant, bytes: number): Product[] {
  const [down, across] = [rows.segments, columns.segments];
  const all: Product[] = [];
  for (let r = 0; r < tile; r++) {
    down.forEach((vertical, s) => {
      across.forEach((horizontal, t) => {
        for (const v of vertical) {
          for (const h of horizontal) {
            const sum = (r * down.length + s) * across.length + t;
            const weight = v.k * columns.kernel + h.k;
            all.push({ sum, weight, row: r * rows.step + v.reach, ...placeOf(columns, h.reach, bytes) });
          }
        }
      });
    });
  }
  return all;
}

/** All tiles of a block of rows. */
function buildTiles(scope: Scope, target: Target, kit: ElementKit, v: DepthwiseVariant): Fn {
  const [down, across] = [v.rows.segments.length, v.columns.segments.length];
  const { vector, bytes } = kit;
  const weights = v.rows.kernel * v.columns.kernel;
  const products = productsOf(v, bytes);
  const sums = v.tile * down * across;
  const kept = weights + sums + 1 <= target.liveVectors;
  return intFn(scope, 'tiles', TILE_ARGS, (f, a) => {
    const bias = f.let('start', constant(vector, 0));
    f.if(a.hasBias, () => f.set(bias, loadSplat(vector, a.bias)));
    const w = kept ? Array.from({ length: weights }, (_, i) => f.let(`w${i}`, loadSplat(vector, a.w, i * bytes))) : [];
    const rowAt = multiples(f, 'rowAt', a.rowBytes, 1 + Math.max(0, ...products.map(({ row }) => row)));
    const outAt = multiples(f, 'outAt', a.rowSize, v.tile * down);
    const lastStart = maxI32(f, 'lastStart', a.count.sub(v.tile), constant('i32', 0));
    const columnEnd = f.let('columnEnd', a.lastColumn.add(kit.lanes));
    const i = f.let('i', constant('i32', 0));
    f.while(i.lt(a.count), () => {
      const start = minI32(f, 'tileStart', i, lastStart);
      const to = f.let('tileTo', a.results.add(start.mul(a.rowSize).mul(down)));
      const base = f.let('base', a.source.add(start.mul(v.rows.step).mul(a.rowBytes)));
      const tileAt = (column: Expr): void => {
        const at = f.let('at', base.add(column.mul(bytes)));
        const out = f.let('out', to.add(column.mul(across * bytes)));
        const acc = Array.from({ length: sums }, (_, j) => f.let(`acc${j}`, bias));
        multiply(f, { at, rowAt, phaseBytes: a.phaseBytes, w: a.w }, kit, products, acc, w);
        outAt.forEach((row, r) => {
          const line = f.let('line', row === undefined ? out : out.add(row));
          const values = interleaved(acc.slice(r * across, (r + 1) * across), kit);
          values.forEach((value, j) => f.store(vector, line, value, j * kit.vectorBytes));
        });
      };
      if (across === 1) {
        // A row shorter than a vector is one, so no vector of this order is written over another that belongs there.
        forStep(f, 'column', [0, columnEnd, kit.lanes], (column) => tileAt(minI32(f, 'columnAt', column, a.lastColumn)));
      } else {
        const column = f.let('column', a.lastColumn.add(0));
        f.while(column.ge(0), () => {
          tileAt(column);
          f.set(column, column.sub(1).and(-kit.lanes));
        });
      }
      f.inc(i, v.tile);
    });
  });
}

/** 0, step, 2·step, …; undefined for the first. */
const multiples = (f: Fn, name: string, step: Local, count: number): (Local | undefined)[] =>
  Array.from({ length: count }, (_, i) => (i === 0 ? undefined : f.let(name, step.mul(i))));

interface Places {
  readonly at: Local;
  readonly rowAt: readonly (Local | undefined)[];
  readonly phaseBytes: Local;
  readonly w: Local;
}

/** Adds all products to the sums: with weights in registers, each source once; else each weight once. */
function multiply(
  f: Fn,
  { at, rowAt, phaseBytes, w }: Places,
  { vector, bytes }: ElementKit,
  products: readonly Product[],
  acc: readonly Local[],
  kept: readonly Local[],
): void {
  const lines = new Map<string, Local>();
  const line = ({ row, phase }: Product): Local => {
    const key = `${row} ${phase}`;
    let known = lines.get(key);
    if (known === undefined) {
      const first = rowAt[row] === undefined ? at : at.add(rowAt[row]);
      known = f.let('row', phase === 0 ? first : first.add(phaseBytes.mul(phase)));
      lines.set(key, known);
    }
    return known;
  };
  const read = (product: Product): Expr => load(vector, line(product), product.offset);
  const groups = new Map<string, Product[]>();
  for (const product of products) {
    const key = kept.length > 0 ? `${product.row} ${product.phase} ${product.offset}` : String(product.weight);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [product]);
    else group.push(product);
  }
  const ordered = kept.length > 0 ? [...groups.values()].sort((a, b) => a[0]!.row - b[0]!.row) : [...groups.values()];
  for (const group of ordered) {
    if (kept.length > 0) {
      const x = group.length > 1 ? f.let('x', read(group[0]!)) : read(group[0]!);
      for (const { sum, weight } of group) f.set(acc[sum]!, kept[weight]!.fma(x, acc[sum]!));
    } else {
      for (const product of group) line(product);
      const weight = f.let('weight', loadSplat(vector, w, group[0]!.weight * bytes));
      for (const product of group) f.set(acc[product.sum]!, weight.fma(read(product), acc[product.sum]!));
    }
  }
}

/** The columns of one or two sums as they lie in a row. */
export function interleaved(sums: readonly Local[], { lanes }: ElementKit): Expr[] {
  const [a, b] = sums;
  if (b === undefined) return [a!];
  const zip = (from: number): number[] => Array.from({ length: lanes }, (_, i) => from + (i >> 1) + (i % 2) * lanes);
  return [0, lanes / 2].map((from) => a!.shuffle(b, zip(from)));
}

/** Writes finished results, `size` bytes of neighbours, from scratch to y. */
export function buildCopyOut(scope: KernelScope<ParamSpec>, kit: ElementKit, epilogue: Epilogue): Fn {
  return intFn(scope, 'copyOut', ['from', 'y', 'size', ...EPILOGUE_OPERANDS], (f, { from, y, size, ...operands }) => {
    const finish = finishResults(f, kit, epilogue, operands);
    const whole = f.let('whole', size.sub(size.rem(kit.vectorBytes)));
    forStep(f, 'v', [0, whole, kit.vectorBytes], (v) => {
      const to = f.let('to', y.add(v));
      f.store(kit.vector, to, finish.vector(load(kit.vector, from.add(v)), to));
    });
    forStep(f, 'e', [whole, size, kit.bytes], (e) => {
      const to = f.let('to', y.add(e));
      f.store(kit.element, to, finish.element(load(kit.element, from.add(e)), to));
    });
  });
}
