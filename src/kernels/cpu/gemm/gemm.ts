/**
 * Matrix product C[M,N] = init + A[M,K]·B[K,N] for floating-point matrices of any strides: panels of A and B are packed
 * into scratch (`gemm/pack.ts`, where strides end), and a register tile of some rows × 2 vectors runs over them. The loop
 * nest is that of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
 *
 * The unit of work is one block of C of one matrix of the batch, so that blocks run on any thread and a sum never leaves
 * its block. Products in which both operands lie along K and one is thin are `gemm/dot.ts`.
 */
import { buildPackPanels } from './pack.ts';
import { elementKit, forStep, intFn, minI32, panelDepth, TILE_VECTORS, tileRows, type Element, type ElementKit } from './tile.ts';
import { AHEAD_ARGS, buildMicros, partialTile } from './micro.ts';
import { i32, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';

/** Rows of A packed at a time: with the widest vectors 144 take half of a second-level cache of 512 KB. */
const blockHeight = (kit: ElementKit): number => (kit.vectorBytes > 16 ? 144 : 64);
/** Columns of a panel of B. */
const panelWidth = (kit: ElementKit): number => TILE_VECTORS * kit.lanes;

export const GEMM_PARAMS = {
  a: 'ptr',
  b: 'ptr',
  c: 'ptr',
  /** What C starts from: a row of N elements, or a few zero vectors when `initStep` is 0. */
  init: 'ptr',
  initStep: 'i32',
  /** Pairs of byte offsets of A and B, one for each matrix of the batch. */
  batch: 'ptr',
  m: 'i32',
  n: 'i32',
  k: 'i32',
  /** Steps in bytes along rows and columns of A and B. */
  am: 'i32',
  ak: 'i32',
  bk: 'i32',
  bn: 'i32',
  /** Bytes from one row of C to the next, and from one matrix to the next. */
  cm: 'i32',
  cBatch: 'i32',
  /** Size of a block of C and how many blocks there are each way. */
  blockRows: 'i32',
  blockColumns: 'i32',
  blocksDown: 'i32',
  blocksAcross: 'i32',
  /** Number of depth blocks; at least 1, so that an empty sum still writes `init`. */
  depthBlocks: 'i32',
  /** Where panels of B are, see {@link PANELS_OF_B}. */
  panelsOfB: 'i32',
} as const;

/** `packed`: packed here, for each unit. `inPlace`: whole panels are read where B is. `before`: `b` is packed already. */
const PANELS_OF_B = { packed: 0, inPlace: 1, before: 2 } as const;

type Scope = KernelScope<typeof GEMM_PARAMS>;

export interface GemmBlocks {
  readonly blockRows: number;
  readonly blockColumns: number;
  readonly blocksDown: number;
  readonly blocksAcross: number;
  readonly depthBlocks: number;
  readonly panelsOfB: number;
  /** Bytes of scratch for a thread. */
  readonly scratch: number;
}

/** Multiply-adds from which on B is packed beforehand, by a launch of its own. */
const PACK_BEFORE = 4e6;
/** Rows of A up to which packing B costs more than it saves. */
const FEW_ROWS = 8;

/**
 * How C is cut into units of work; what a sum adds in which order does not depend on it. Small products are blocks that
 * pack their part of B themselves; large `single` ones are strips of rows, or parts of a few strips, that share a B packed before.
 */
export function gemmBlocks(kit: ElementKit, m: number, n: number, k: number, bContiguous: boolean, single: boolean): GemmBlocks {
  const width = panelWidth(kit);
  const cut = (size: number, tile: number, most: number): number =>
    Math.max(tile, Math.ceil(Math.ceil(size / Math.max(1, Math.ceil(size / most))) / tile) * tile);
  const inPlace = bContiguous && m <= FEW_ROWS;
  const before = single && !inPlace && m * n * k >= PACK_BEFORE;
  const blockRows = cut(m, tileRows(kit), before ? Math.min(blockHeight(kit), Math.max(32, m / 8)) : 128);
  const strips = Math.ceil(m / blockRows);
  const blockColumns = cut(n, width, before ? Math.max(128, strips < 4 ? (n * strips) / 8 : n) : 256);
  const depth = Math.min(panelDepth(kit), Math.max(k, 1));
  return {
    blockRows,
    blockColumns,
    blocksDown: Math.ceil(m / blockRows),
    blocksAcross: Math.ceil(n / blockColumns),
    depthBlocks: Math.max(1, Math.ceil(k / panelDepth(kit))),
    panelsOfB: inPlace ? PANELS_OF_B.inPlace : before ? PANELS_OF_B.before : PANELS_OF_B.packed,
    scratch: scratchB(kit) + (before ? 0 : (blockColumns + width) * depth * kit.bytes),
  };
}

export const packsBefore = (blocks: { readonly panelsOfB: number }): boolean => blocks.panelsOfB === PANELS_OF_B.before;

export const GEMM_PACK_PARAMS = {
  b: 'ptr',
  packed: 'ptr',
  n: 'i32',
  k: 'i32',
  bk: 'i32',
  bn: 'i32',
  strips: 'i32',
} as const;

/** Columns of a unit of packing: whole panels. */
const packColumns = (width: number): number => Math.ceil(64 / width) * width;

/** Size of a packed B in elements, and the units of packing it. */
export function gemmPacking(kit: ElementKit, n: number, k: number): { elements: number; strips: number; units: number } {
  const width = panelWidth(kit);
  const strips = Math.ceil(n / packColumns(width));
  return { elements: Math.ceil(n / width) * width * k, strips, units: strips * Math.ceil(k / panelDepth(kit)) };
}

/** The columns of whole panels that hold `n`. */
const wholePanels = (f: Fn, n: Expr, width: number): Local =>
  f.let(
    'padded',
    n
      .add(width - 1)
      .div(width)
      .mul(width),
  );

/** Packs all of B: depth block by depth block, in panels. The unit of work is a strip of columns of one depth block. */
export function gemmPackKernel(target: Target, element: Element): Kernel<typeof GEMM_PACK_PARAMS> {
  return cachedKernel(target, `gemm-pack/${element}`, GEMM_PACK_PARAMS, (scope) => {
    const { f, p, lo, hi } = scope;
    const kit = elementKit(target, element);
    const width = panelWidth(kit);
    const pack = buildPackPanels(scope, kit, width);
    const padded = wholePanels(f, p.n, width);
    f.for('unit', lo, hi, (unit) => {
      const j0 = f.let('j0', unit.rem(p.strips).mul(packColumns(width)));
      const k0 = f.let('k0', unit.div(p.strips).mul(panelDepth(kit)));
      const depth = minI32(f, 'depth', i32(panelDepth(kit)), p.k.sub(k0));
      const columns = minI32(f, 'columns', i32(packColumns(width)), p.n.sub(j0));
      const to = p.packed.add(k0.mul(padded).add(j0.mul(depth)).mul(kit.bytes));
      f.call(pack, p.b.add(k0.mul(p.bk)).add(j0.mul(p.bn)), p.bn, p.bk, columns, depth, to);
    });
  });
}

/** The scratch holds the packed A, a tile for the edges of C, and the packed B. */
const scratchTile = (kit: ElementKit): number => blockHeight(kit) * panelDepth(kit) * kit.bytes + 64;
const scratchB = (kit: ElementKit): number => scratchTile(kit) + tileRows(kit) * TILE_VECTORS * kit.vectorBytes;

/** Nanoseconds of one block, for sharing the work between threads. */
export const gemmCost = (kit: ElementKit, rows: number, columns: number, k: number): number =>
  200 + (rows * columns * Math.max(k, 1) * kit.bytes) / 90;

export function gemmKernel(target: Target, element: Element): Kernel<typeof GEMM_PARAMS> {
  return cachedKernel(target, `gemm/${element}`, GEMM_PARAMS, (scope) => build(scope, elementKit(target, element)));
}

function build(scope: Scope, kit: ElementKit): void {
  const { f, p, lo, hi, scratch } = scope;
  const panelsOfB = buildPanelsOfB(scope, kit);
  const addRows = buildAddRows(scope, kit);
  const perMatrix = f.let('perMatrix', p.blocksDown.mul(p.blocksAcross));
  f.for('unit', lo, hi, (unit) => {
    const matrix = f.let('matrix', unit.div(perMatrix));
    const block = f.let('block', unit.rem(perMatrix));
    const i0 = f.let('i0', block.rem(p.blocksDown).mul(p.blockRows));
    const j0 = f.let('j0', block.div(p.blocksDown).mul(p.blockColumns));
    const rows = minI32(f, 'rows', p.blockRows, p.m.sub(i0));
    const columns = minI32(f, 'columns', p.blockColumns, p.n.sub(j0));
    const offsets = f.let('offsets', p.batch.add(matrix.mul(8)));
    const a = f.let('aBlock', p.a.add(load('i32', offsets)).add(i0.mul(p.am)));
    const b = f.let('bMatrix', p.b.add(load('i32', offsets, 4)));
    const c = f.let('cBlock', p.c.add(matrix.mul(p.cBatch)).add(i0.mul(p.cm)).add(j0.mul(kit.bytes)));
    const bias = f.let('biasBlock', p.init.add(j0.mul(p.initStep).mul(kit.bytes)));
    f.for('kb', 0, p.depthBlocks, (kb) => {
      const k0 = f.let('k0', kb.mul(panelDepth(kit)));
      const depth = minI32(f, 'depth', i32(panelDepth(kit)), p.k.sub(k0));
      const panels = panelsOfB(b, j0, columns, k0, depth);
      const aPart = f.let('aPart', a.add(k0.mul(p.ak)));
      addRows({ a: aPart, ...panels, c, bias, first: kb.eq(0), rows, columns, depth, scratch });
    });
  });
}

/** Where a depth block's columns of B are: `bPart` unpacked, `bPack` packed. */
type Panels = Readonly<Record<'bPart' | 'bPack', Local>>;

function buildPanelsOfB(scope: Scope, kit: ElementKit): (b: Local, j0: Local, columns: Local, k0: Local, depth: Local) => Panels {
  const { f, p, scratch } = scope;
  const width = panelWidth(kit);
  const pack = buildPackPanels(scope, kit, width);
  const padded = wholePanels(f, p.n, width);
  const before = f.let('before', p.panelsOfB.eq(PANELS_OF_B.before));
  return (b, j0, columns, k0, depth) => {
    const bPart = f.let('bPart', b.add(k0.mul(p.bk)).add(j0.mul(p.bn)));
    const packedBefore = b.add(k0.mul(padded).add(j0.mul(depth)).mul(kit.bytes));
    const bPack = f.let('bPack', before.select(packedBefore, scratch.add(scratchB(kit))));
    f.if(before.eq(0), () => {
      // In place, only the panel at the edge is packed: whole vectors could not be read there.
      const whole = columns.sub(columns.rem(width));
      const first = f.let('packFrom', p.panelsOfB.eq(PANELS_OF_B.inPlace).select(whole, 0));
      const to = bPack.add(first.mul(depth).mul(kit.bytes));
      f.call(pack, bPart.add(first.mul(p.bn)), p.bn, p.bk, columns.sub(first), depth, to);
    });
    return { bPart, bPack };
  };
}

/** One depth block of one block of C. */
interface Product extends Panels, Readonly<Record<'a' | 'c' | 'bias' | 'rows' | 'columns' | 'depth' | 'scratch', Local>> {
  /** Whether it is the first depth block: later ones continue from C itself. */
  readonly first: Expr;
}

/** Packs A in turn and runs every panel of B against it. */
function buildAddRows(scope: Scope, kit: ElementKit): (product: Product) => void {
  const { f, p } = scope;
  const packA = buildPackPanels(scope, kit, tileRows(kit));
  const blockRows = blockHeight(kit);
  const panel = buildPanel(scope, kit);
  const width = panelWidth(kit);
  return ({ a, bPart, bPack, c, bias, first: isFirst, rows, columns, depth, scratch }) => {
    const first = f.let('first', isFirst);
    const initStep = f.let('initStep', first.select(p.initStep, i32(1)));
    const initRow = f.let('initRow', first.select(i32(0), p.cm));
    forStep(f, 'ic', [0, rows, blockRows], (ic) => {
      const height = minI32(f, 'height', i32(blockRows), rows.sub(ic));
      f.call(packA, a.add(ic.mul(p.am)), p.am, p.ak, height, depth, scratch);
      const cRows = f.let('cRows', c.add(ic.mul(p.cm)));
      const init = f.let('init', first.select(bias, cRows));
      forStep(f, 'j', [0, columns, width], (j) => {
        const wide = minI32(f, 'wide', i32(width), columns.sub(j));
        const inPlace = f.let('inPlace', p.panelsOfB.eq(PANELS_OF_B.inPlace).and(wide.eq(width)));
        const bPanel = inPlace.select(bPart.add(j.mul(kit.bytes)), bPack.add(j.mul(depth).mul(kit.bytes)));
        const bStep = inPlace.select(p.bk, width * kit.bytes);
        const from = [init.add(j.mul(initStep).mul(kit.bytes)), initRow];
        f.call(panel, scratch, height, depth, bPanel, bStep, ...from, cRows.add(j.mul(kit.bytes)), p.cm, wide);
      });
    });
  };
}

/** One panel of columns: every tile of rows of the packed A against it. The first two ask for a half each of the next packed panel. */
function buildPanel(scope: Scope, kit: ElementKit): Fn {
  const micros = buildMicros(scope, kit, TILE_VECTORS, undefined, true);
  const tallest = tileRows(kit);
  const narrow = buildMicros(scope, kit, 1, [tallest], true).get(tallest)!;
  const edge = buildEdge(scope, kit, micros.get(tallest)!, narrow);
  const names = ['a', 'height', 'depth', 'b', 'bs', 'init', 'initRow', 'c', 'cm', 'wide'] as const;
  return intFn(scope, 'panel', names, (f, { a, height, depth, b, bs, init, initRow, c, cm, wide }) => {
    const tileScratch = f.let('tileScratch', a.add(scratchTile(kit)));
    const whole = f.let('whole', wide.eq(panelWidth(kit)));
    const next = f.let('next', b.add(depth.mul(bs)));
    const soon = f.let('soon', next);
    forStep(f, 'i', [0, height, tallest], (i) => {
      const aTile = f.let('aTile', a.add(i.mul(depth).mul(kit.bytes)));
      const from = f.let('from', init.add(i.mul(initRow)));
      const to = f.let('to', c.add(i.mul(cm)));
      const tall = f.let('tall', height.sub(i));
      f.if(
        whole,
        () => partialTile(f, kit, micros, tall, { depth, a: aTile, b, bs, init: from, initRow, c: to, cm, soon }),
        () => f.call(edge, depth, aTile, b, bs, from, initRow, to, cm, soon, minI32(f, 'rows', tall, i32(tallest)), wide, tileScratch),
      );
      f.set(soon, i.eq(0).select(next.add(depth.mul(kit.vectorBytes)), b));
    });
  });
}

/** A tile that reaches over the right edge of C: computed in scratch, of which the valid part is copied. */
function buildEdge(scope: Scope, kit: ElementKit, micro: Fn, narrow: Fn): Fn {
  const row = TILE_VECTORS * kit.vectorBytes;
  const names = ['from', 'fromRow', 'to', 'toRow', 'rows', 'columns'] as const;
  const copy = intFn(scope, 'copyBlock', names, (f, { from, fromRow, to, toRow, rows, columns }) => {
    const end = f.let('end', columns.mul(kit.bytes));
    const whole = f.let('wholeBytes', columns.sub(columns.rem(kit.lanes)).mul(kit.bytes));
    f.for('i', 0, rows, () => {
      forStep(f, 'v', [0, whole, kit.vectorBytes], (at) => f.store(kit.vector, to.add(at), load(kit.vector, from.add(at))));
      forStep(f, 'j', [whole, end, kit.bytes], (at) => f.store(kit.element, to.add(at), load(kit.element, from.add(at))));
      f.inc(from, fromRow);
      f.inc(to, toRow);
    });
  });
  return intFn(scope, 'edge', [...AHEAD_ARGS, 'rows', 'columns', 'tile'], (f, args) => {
    const { depth, a, b, bs, init, initRow, c, cm, soon, rows, columns, tile } = args;
    f.call(copy, init, initRow, tile, row, rows, columns);
    const all = [depth, a, b, bs, tile, row, tile, row, soon];
    f.if(
      columns.le(kit.lanes),
      () => f.call(narrow, ...all),
      () => f.call(micro, ...all),
    );
    f.call(copy, tile, row, c, cm, rows, columns);
  });
}
