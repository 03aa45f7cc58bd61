/**
 * Matrix product C[M,N] = init + A[M,K]·B[K,N] for floating-point matrices of any strides: panels of A and B are packed
 * into scratch (which is where strides end), and a register tile of 4 rows × 2 vectors runs over them. The loop nest is
 * that of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
 *
 * The unit of work is one block of C of one matrix of the batch, so that blocks run on any thread and a sum never leaves
 * its block. Products in which both operands lie along K and one is thin are `gemm-dot.ts`.
 */
import { elementKit, minI32, Tile, transposed, type Element, type ElementKit } from './gemm-tile.ts';
import { i32, load, type Expr, type Fn, type Local, type Target } from './ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from './kernel.ts';

/** Rows of the register tile. */
const TILE_ROWS = 4;
/** Vectors in a row of the register tile. */
const TILE_VECTORS = 2;
/** Depth of packed panels: a panel of B (8 columns) then takes 8 KB of the first-level cache. */
const BLOCK_K = 256;
/** Rows of A packed at a time. */
const BLOCK_M = 64;

export const GEMM_PARAMS = {
  a: 'ptr',
  b: 'ptr',
  c: 'ptr',
  /** What C starts from: a row of N elements, or one zero vector pair when `initStep` is 0. */
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
  /** 1: read full panels of B where they lie (needs bn of one element); pays when few rows of A use them. */
  readInPlace: 'i32',
} as const;

export type GemmKernel = Kernel<typeof GEMM_PARAMS>;

export interface GemmBlocks {
  readonly rows: number;
  readonly columns: number;
  readonly down: number;
  readonly across: number;
  readonly depth: number;
  readonly readInPlace: boolean;
  /** Bytes of scratch for a thread. */
  readonly scratch: number;
}

/** How C is cut into units of work. Columns are cut first: panels of A are cheap to pack again. */
export function gemmBlocks(
  target: Target,
  element: Element,
  m: number,
  n: number,
  k: number,
  bContiguous: boolean,
): GemmBlocks {
  const kit = elementKit(target, element);
  const width = TILE_VECTORS * kit.lanes;
  const pick = (size: number, tile: number, most: number): number => {
    const count = Math.ceil(size / most);
    return Math.max(tile, Math.ceil(Math.ceil(size / Math.max(count, 1)) / tile) * tile);
  };
  const columns = pick(n, width, 256);
  const rows = pick(m, TILE_ROWS, m * n * k > 2e8 ? 256 : 128);
  const readInPlace = bContiguous && m <= 4 * TILE_ROWS;
  const depth = Math.min(BLOCK_K, Math.max(k, 1));
  return {
    rows,
    columns,
    down: Math.ceil(m / rows),
    across: Math.ceil(n / columns),
    depth: Math.max(1, Math.ceil(k / BLOCK_K)),
    readInPlace,
    scratch: scratchB(kit) + (columns + width) * depth * kit.bytes,
  };
}

const scratchTile = (kit: ElementKit): number => BLOCK_M * BLOCK_K * kit.bytes;
const scratchB = (kit: ElementKit): number => scratchTile(kit) + TILE_ROWS * TILE_VECTORS * kit.vectorBytes;

/** Nanoseconds of one block, for sharing the work between threads. */
export const gemmCost = (kit: ElementKit, rows: number, columns: number, k: number): number =>
  200 + (rows * columns * Math.max(k, 1) * kit.bytes) / 90;

export function gemmKernel(target: Target, element: Element): GemmKernel {
  return cachedKernel(target, `gemm/${element}`, GEMM_PARAMS, (scope) => buildGemm(scope, elementKit(target, element)));
}

function buildGemm(scope: KernelScope<typeof GEMM_PARAMS>, kit: ElementKit): void {
  const { f, p, lo, hi, scratch } = scope;
  const packA = packPanels(scope, kit, TILE_ROWS);
  const packB = packPanels(scope, kit, TILE_VECTORS * kit.lanes);
  const panel = buildPanel(scope, kit);
  const width = TILE_VECTORS * kit.lanes;
  const bPack = f.let('bPack', scratch.add(scratchB(kit)));
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
    const b = f.let('bBlock', p.b.add(load('i32', offsets, 4)).add(j0.mul(p.bn)));
    const c = f.let('cBlock', p.c.add(matrix.mul(p.cBatch)).add(i0.mul(p.cm)).add(j0.mul(kit.bytes)));
    f.for('kb', 0, p.depthBlocks, (kb) => {
      const k0 = f.let('k0', kb.mul(BLOCK_K));
      const depth = minI32(f, 'depth', i32(BLOCK_K), p.k.sub(k0));
      const bPart = f.let('bPart', b.add(k0.mul(p.bk)));
      const packFrom = f.let('packFrom', p.readInPlace.select(columns.sub(columns.rem(width)), 0));
      f.call(packB, bPart.add(packFrom.mul(p.bn)), p.bn, p.bk, columns.sub(packFrom), depth, bPack.add(packFrom.mul(depth).mul(kit.bytes))); // prettier-ignore
      // After the first depth block, C continues from itself.
      const first = f.let('first', kb.eq(0));
      const initStep = f.let('initStep', first.select(p.initStep, i32(1)));
      const initRow = f.let('initRow', first.select(i32(0), p.cm));
      f.for(
        'ic',
        0,
        rows,
        (ic) => {
          const height = minI32(f, 'height', i32(BLOCK_M), rows.sub(ic));
          f.call(packA, a.add(ic.mul(p.am)).add(k0.mul(p.ak)), p.am, p.ak, height, depth, scratch);
          const cRows = f.let('cRows', c.add(ic.mul(p.cm)));
          const init = f.let('init', first.select(p.init.add(j0.mul(p.initStep).mul(kit.bytes)), cRows)); // prettier-ignore
          f.for(
            'j',
            0,
            columns,
            (j) => {
              const wide = minI32(f, 'wide', i32(width), columns.sub(j));
              const inPlace = f.let('inPlace', p.readInPlace.and(wide.eq(width)));
              const bp = f.let(
                'bp',
                inPlace.select(bPart.add(j.mul(kit.bytes)), bPack.add(j.mul(depth).mul(kit.bytes))),
              );
              const bs = f.let('bs', inPlace.select(p.bk, width * kit.bytes));
              const init0 = f.let('init0', init.add(j.mul(initStep).mul(kit.bytes)));
              f.call(panel, scratch, height, depth, bp, bs, init0, initRow, cRows.add(j.mul(kit.bytes)), p.cm, wide);
            },
            width,
          );
        },
        BLOCK_M,
      );
    });
  });
}

/** One panel of columns: every tile of rows of the packed A against it. */
function buildPanel(scope: KernelScope<typeof GEMM_PARAMS>, kit: ElementKit): Fn {
  const micro = buildMicro(scope, kit);
  const edge = buildEdge(scope, kit, micro);
  const names = ['a', 'height', 'depth', 'b', 'bs', 'init', 'initRow', 'c', 'cm', 'wide'];
  return scope.fn(
    'panel',
    names.map((name) => [name, 'i32'] as const),
    (f, args) => {
      // prettier-ignore
      const [a, height, depth, b, bs, init, initRow, c, cm, wide] = args as Local10;
      const tileScratch = f.let('tileScratch', a.add(scratchTile(kit)));
      f.for(
        'i',
        0,
        height,
        (i) => {
          const aTile = f.let('aTile', a.add(i.mul(depth).mul(kit.bytes)));
          const from = f.let('from', init.add(i.mul(initRow)));
          const to = f.let('to', c.add(i.mul(cm)));
          const tall = f.let('tall', height.sub(i));
          f.if(
            tall.ge(TILE_ROWS).and(wide.eq(TILE_VECTORS * kit.lanes)),
            () => f.call(micro, depth, aTile, b, bs, from, initRow, to, cm),
            () => {
              const rows = minI32(f, 'rows', tall, i32(TILE_ROWS));
              f.call(edge, depth, aTile, b, bs, from, initRow, to, cm, rows, wide, tileScratch);
            },
          );
        },
        TILE_ROWS,
      );
    },
  );
}

type Local10 = [Local, Local, Local, Local, Local, Local, Local, Local, Local, Local];

/** The register tile: C = init + Σ_k a[k]·b[k]. */
function buildMicro(scope: KernelScope<typeof GEMM_PARAMS>, kit: ElementKit): Fn {
  const names = ['depth', 'a', 'b', 'bs', 'init', 'initRow', 'c', 'cm'];
  return scope.fn(
    'micro',
    names.map((name) => [name, 'i32'] as const),
    (f, args) => {
      // prettier-ignore
      const [depth, a, b, bs, init, initRow, c, cm] = args as unknown as Local10;
      const tile = new Tile(f, kit, TILE_ROWS, TILE_VECTORS);
      tile.load(columns(f, 'init', init, kit), initRow);
      f.for('k', 0, depth, () => {
        tile.outerStep(a, [0, 1].map((j) => load(kit.vector, b, j * kit.vectorBytes))); // prettier-ignore
        f.inc(a, TILE_ROWS * kit.bytes);
        f.inc(b, bs);
      });
      tile.store(columns(f, 'c', c, kit), cm);
    },
  );
}

const columns = (f: Fn, name: string, from: Expr, kit: ElementKit): Local[] =>
  Array.from({ length: TILE_VECTORS }, (_, j) => f.let(`${name}${j}`, from.add(j * kit.vectorBytes)));

/** A tile that reaches over the edge of C: computed in scratch, of which the valid part is copied. */
function buildEdge(scope: KernelScope<typeof GEMM_PARAMS>, kit: ElementKit, micro: Fn): Fn {
  const row = TILE_VECTORS * kit.vectorBytes;
  const copy = scope.fn(
    'copyBlock',
    (['from', 'fromRow', 'to', 'toRow', 'rows', 'columns'] as const).map((name) => [name, 'i32'] as const),
    (f, args) => {
      const [from, fromRow, to, toRow, rows, wide] = args as unknown as Local10;
      f.for('i', 0, rows, (i) => {
        const source = f.let('source', from.add(i.mul(fromRow)));
        const target = f.let('target', to.add(i.mul(toRow)));
        f.for('j', 0, wide, (j) => {
          const at = f.let('at', j.mul(kit.bytes));
          f.store(kit.element, target.add(at), load(kit.element, source.add(at)));
        });
      });
    },
  );
  const names = ['depth', 'a', 'b', 'bs', 'init', 'initRow', 'c', 'cm', 'rows', 'columns', 'tile'];
  return scope.fn(
    'edge',
    names.map((name) => [name, 'i32'] as const),
    (f, args) => {
      // prettier-ignore
      const [depth, a, b, bs, init, initRow, c, cm, rows, wide] = args as Local10;
      const tile = args[10]!;
      f.call(copy, init, initRow, tile, row, rows, wide);
      f.call(micro, depth, a, b, bs, tile, row, tile, row);
      f.call(copy, tile, row, c, cm, rows, wide);
    },
  );
}

/**
 * Packs `count` rows into panels of `width` rows, depth-major within a panel. The last panel is filled up with copies of
 * the last row, whose products nobody reads.
 */
function packPanels(scope: KernelScope<typeof GEMM_PARAMS>, kit: ElementKit, width: number): Fn {
  const names = ['src', 'rowStep', 'depthStep', 'count', 'depth', 'dst'];
  return scope.fn(
    `pack${width}`,
    names.map((name) => [name, 'i32'] as const),
    (f, args) => {
      // prettier-ignore
      const [src, rowStep, depthStep, count, depth, dst] = args as unknown as Local10;
      const step = width * kit.bytes;
      f.for(
        'row',
        0,
        count,
        (row) => {
          const from = f.let('from', src.add(row.mul(rowStep)));
          const to = f.let('to', dst.add(row.mul(depth).mul(kit.bytes)));
          const done = f.let('done', i32(0));
          f.if(row.add(width).le(count), () => {
            f.if(rowStep.eq(kit.bytes), () => {
              const at = f.let('at', from);
              const out = f.let('out', to);
              f.for('k', 0, depth, () => {
                for (let v = 0; v < width; v += kit.lanes)
                  f.store(kit.vector, out, load(kit.vector, at, v * kit.bytes), v * kit.bytes);
                f.inc(at, depthStep);
                f.inc(out, step);
              });
              f.set(done, depth);
            });
            f.if(depthStep.eq(kit.bytes).and(rowStep.ne(kit.bytes)), () => {
              f.set(done, depth.sub(depth.rem(kit.lanes)));
              for (let v = 0; v < width; v += kit.lanes) transposeStrip(f, kit, from.add(rowStep.mul(v)), rowStep, done, to.add(v * kit.bytes), step); // prettier-ignore
            });
          });
          f.for('q', 0, width, (q) => {
            const wanted = f.let('wanted', row.add(q));
            const line = f.let('line', wanted.lt(count).select(wanted, count.sub(1)));
            const at = f.let('atScalar', src.add(line.mul(rowStep)).add(done.mul(depthStep)));
            const out = f.let('outScalar', to.add(q.mul(kit.bytes)).add(done.mul(step)));
            f.for('kScalar', done, depth, () => {
              f.store(kit.element, out, load(kit.element, at));
              f.inc(at, depthStep);
              f.inc(out, step);
            });
          });
        },
        width,
      );
    },
  );
}

/** Transposes as many rows as a vector has lanes: rows lie along the depth, the panel across it. */
function transposeStrip(f: Fn, kit: ElementKit, from: Expr, rowStep: Expr, depth: Local, to: Expr, step: number): void {
  const rows = Array.from({ length: kit.lanes }, (_, i) => f.let(`strip${i}`, from.add(rowStep.mul(i))));
  const out = f.let('stripOut', to);
  f.for(
    'kStrip',
    0,
    depth,
    () => {
      const turned = transposed(f, rows.map((row) => load(kit.vector, row))); // prettier-ignore
      turned.forEach((value, i) => f.store(kit.vector, out, value, i * step));
      for (const row of rows) f.inc(row, kit.vectorBytes);
      f.inc(out, kit.lanes * step);
    },
    kit.lanes,
  );
}
