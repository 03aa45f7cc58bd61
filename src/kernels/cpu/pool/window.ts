/**
 * Sliding windows of any size, stride, padding and dilation: maximum with its index, and average. A plane is copied into a
 * scratch with padded columns, so that the vector loop over neighbouring outputs never looks at the border; padded rows
 * are left out by a table of valid rows. Tables come from the lowering, where the geometry is known.
 *
 * A unit of work is one plane.
 */
import { constant, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { elements, fromLanes, type Floats } from '../floats.ts';
import { packBytes } from '../elementwise/memory.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';

/** How the taps of neighbouring outputs lie in a row; part of a kernel's code. */
export interface TapPattern {
  /** From one output's to the next one's: dense, every second element, or further apart. */
  readonly stride: 1 | 2 | 'any';
  /** Kernel columns that are written out: 2 or 3 without dilation, the commonest; 0 loops over any number. */
  readonly columns: 2 | 3 | 0;
}

export const tapPattern = (columns: number, stride: number, dilation: number): TapPattern => ({
  stride: stride === 1 || stride === 2 ? stride : 'any',
  columns: (columns === 2 || columns === 3) && dilation === 1 ? columns : 0,
});

export const patternKey = ({ stride, columns }: TapPattern): string => `${stride}x${columns}`;

/** Sizes are in elements unless they say bytes. */
export const WINDOW_PARAMS = {
  x: 'ptr',
  y: 'ptr',
  height: 'i32',
  width: 'i32',
  outHeight: 'i32',
  outWidth: 'i32',
  kernelWidth: 'i32',
  strideWidth: 'i32',
  /** Columns of padding before a row in the scratch. */
  left: 'i32',
  /** Bytes of a row in the scratch. */
  pitch: 'i32',
  /** Bytes between kernel rows and kernel columns in the scratch. */
  rowStep: 'i32',
  columnStep: 'i32',
  /** int32 × 3 per output row: first valid input row, how many kernel rows are valid, and a number of the pooling. */
  rows: 'ptr',
  /** One lane per output column, padded to whole registers: a number of the pooling. */
  columns: 'ptr',
} as const;

/** Bytes of one row's entry in `rows`. */
const ROW_ENTRY = 12;

const MAX_PARAMS = {
  ...WINDOW_PARAMS,
  indices: 'ptr',
  /** What a kernel row and column add to the index. */
  rowIndex: 'i32',
  columnIndex: 'i32',
} as const;

type WindowLocals = { readonly [K in keyof typeof WINDOW_PARAMS]: Local };

interface WindowScope {
  readonly f: Fn;
  readonly p: WindowLocals;
  readonly lo: Local;
  readonly hi: Local;
  readonly scratch: Local;
}

/** Fills the scratch with `pad`; copies into it keep to the inside. */
function fillScratch({ f, p, scratch }: WindowScope, t: Floats, pad: number): void {
  const size = f.let('size', p.pitch.mul(p.height));
  const value = f.let('pad', constant(t.vector, pad));
  f.for('at', 0, size, (at) => f.store(t.vector, scratch.add(at), value), t.width);
}

/** Copies rows of the plane's width from one place to another; the last register of a row ends with it. */
function copyRows({ f, p }: WindowScope, t: Floats, from: Local, fromStep: Expr, to: Local, toStep: Expr): void {
  const rowBytes = f.let('rowBytes', elements(t, p.width));
  const last = f.let('last', rowBytes.sub(t.width));
  const copy = (type: Floats['scalar'] | Floats['vector'], at: Expr): void => f.store(type, to.add(at), load(type, from.add(at)));
  f.for('row', 0, p.height, () => {
    f.if(
      last.ge(0),
      () => {
        f.for('at', 0, last, (at) => copy(t.vector, at), t.width);
        copy(t.vector, last);
      },
      () => f.for('at', 0, rowBytes, (at) => copy(t.scalar, at), t.bytes),
    );
    f.inc(from, fromStep);
    f.inc(to, toStep);
  });
}

/** The values under one tap, of `lanes` neighbouring outputs. */
export function loadTap(t: Floats, { stride }: TapPattern, ptr: Expr, offset: number, strideBytes: Expr): Expr {
  if (stride === 1) return load(t.vector, ptr, offset);
  if (stride === 2) {
    const every = Array.from({ length: t.lanes }, (_, i) => 2 * i);
    return load(t.vector, ptr, offset).shuffle(load(t.vector, ptr, offset + t.width), every);
  }
  return fromLanes(Array.from({ length: t.lanes }, (_, i) => load(t.scalar, i === 0 ? ptr : ptr.add(strideBytes.mul(i)), offset)));
}

/** One register of outputs of one row. */
interface Block {
  /** First output column. */
  readonly column: Local;
  /** Index of the first output, and of the first one behind the plane. */
  readonly out: Local;
  readonly planeEnd: Local;
  /** Address of the first output's first valid tap in the scratch. */
  readonly taps: Local;
  /** How many kernel rows are valid, and the pooling's number of this row. */
  readonly rowCount: Local;
  readonly rowNumber: Local;
}

/** Runs `body` for every register of outputs. */
export function eachBlock(scope: WindowScope, t: Floats, pad: number, body: (block: Block) => void): void {
  const { f, p, lo, hi, scratch } = scope;
  const rowBytes = f.let('rowBytes', elements(t, p.width));
  const planeBytes = f.let('planeBytes', rowBytes.mul(p.height));
  const blockStep = f.let('blockStep', p.strideWidth.mul(t.width));
  fillScratch(scope, t, pad);
  f.for('plane', lo, hi, (plane) => {
    const from = f.let('from', p.x.add(plane.mul(planeBytes)));
    const inside = f.let('inside', scratch.add(elements(t, p.left)));
    copyRows(scope, t, from, rowBytes, inside, p.pitch);
    const planeEnd = f.let('planeEnd', plane.add(1).mul(p.outHeight).mul(p.outWidth));
    f.for('y', 0, p.outHeight, (y) => {
      const entry = f.let('entry', p.rows.add(y.mul(ROW_ENTRY)));
      const rowCount = f.let('rowCount', load('i32', entry, 4));
      const rowNumber = f.let('rowNumber', load('i32', entry, 8));
      const taps = f.let('taps', scratch.add(load('i32', entry).mul(p.pitch)));
      const out = f.let('out', plane.mul(p.outHeight).add(y).mul(p.outWidth));
      const step = (column: Local): void => {
        body({ column, out, planeEnd, taps, rowCount, rowNumber });
        f.inc(taps, blockStep);
        f.inc(out, t.lanes);
      };
      f.for('column', 0, p.outWidth, step, t.lanes);
    });
  });
}

/**
 * Stores a register of outputs, of which only the columns inside the row are wanted, and what `lane` stores for each; `whole` does so for a
 * whole register. What of that lies in the next rows is written again by them; only the plane's last outputs are stored one by one.
 */
export function storeBlock(
  scope: WindowScope,
  t: Floats,
  block: Block,
  value: Local,
  lane?: (lane: number) => void,
  whole?: () => void,
): void {
  const { f, p } = scope;
  const { column, out, planeEnd } = block;
  const to = f.let('yAt', p.y.add(elements(t, out)));
  const all = Array.from({ length: t.lanes }, (_, i) => i);
  f.if(
    out.add(t.lanes).le(planeEnd),
    () => {
      f.store(t.vector, to, value);
      if (whole !== undefined) whole();
      else if (lane !== undefined) all.forEach(lane);
    },
    () => {
      for (const i of all) {
        f.if(column.add(i).lt(p.outWidth), () => {
          f.store(t.scalar, to, value.lane(i), i * t.bytes);
          lane?.(i);
        });
      }
    },
  );
}

/** Walks the kernel's elements: `body` gets the place of the first output's value under the tap. */
export function eachTap(
  { f, p }: WindowScope,
  t: Floats,
  { columns }: TapPattern,
  block: Pick<Block, 'taps' | 'rowCount'>,
  body: (ptr: Local, offset: number) => void,
  rowEnd?: () => void,
): void {
  const start = f.let('start', block.taps);
  f.for('ky', 0, block.rowCount, () => {
    if (columns > 0) for (let kx = 0; kx < columns; kx++) body(start, kx * t.bytes);
    else {
      const ptr = f.let('tap', start);
      f.for('kx', 0, p.kernelWidth, () => {
        body(ptr, 0);
        f.inc(ptr, p.columnStep);
      });
    }
    f.inc(start, p.rowStep);
    rowEnd?.();
  });
}

/**
 * y, indices = windowed maximum. Row numbers are the index of the row's first valid tap; column numbers (lane integers)
 * what the first tap adds; past them lies the same again for the first valid tap, where the search starts, so that a window
 * of nothing but -∞ has an index inside.
 *
 * @param indices `tap` stores bytes, `int64` stores 64-bit integers
 */
export const maxWindowKernel = (target: Target, t: Floats, taps: TapPattern, indices: 'tap' | 'int64'): Kernel<typeof MAX_PARAMS> =>
  cachedKernel(target, `pool/max-${t.scalar}-${patternKey(taps)}-${indices}`, MAX_PARAMS, (scope) => {
    const { f, p } = scope;
    const strideBytes = f.let('strideBytes', elements(t, p.strideWidth));
    const rowIndex = f.let('rowIndexes', lanesOf(t, p.rowIndex));
    const columnIndex = f.let('columnIndexes', lanesOf(t, p.columnIndex));
    const columnBytes = f.let(
      'columnBytes',
      p.outWidth
        .add(t.lanes - 1)
        .and(-t.lanes)
        .binary('shl', t.shift),
    );
    eachBlock(scope, t, -Infinity, (block) => {
      const { column, out, rowNumber } = block;
      const columnAt = f.let('columnAt', p.columns.add(elements(t, column)));
      const row = f.let('row', lanesOf(t, rowNumber));
      const best = f.let('best', constant(t.vector, -Infinity));
      const index = f.let('index', row.add(load(t.mask, columnAt.add(columnBytes))));
      f.set(row, row.add(load(t.mask, columnAt)));
      const here = f.let('here', row);
      eachTap(
        scope,
        t,
        taps,
        block,
        (ptr, offset) => {
          const value = f.let('value', loadTap(t, taps, ptr, offset, strideBytes));
          const won = f.let('won', value.gt(best).or(value.ne(value)));
          f.set(best, won.select(value, best));
          f.set(index, won.select(here, index));
          f.set(here, here.add(columnIndex));
        },
        () => {
          f.set(row, row.add(rowIndex));
          f.set(here, row);
        },
      );
      const indexAt = f.let('indexAt', p.indices.add(indices === 'tap' ? out : out.mul(8)));
      const packed = indices === 'tap' && t.mask === 'i32v';
      storeBlock(
        scope,
        t,
        block,
        best,
        (lane) => {
          const value = index.lane(lane);
          if (indices === 'tap') f.store('u8', indexAt, value.cast('i32'), lane);
          else f.store('i64', indexAt, value.cast('i64'), lane * 8);
        },
        packed ? () => storeBytes(f, t, indexAt, index) : undefined,
      );
    });
  });

/** Lanes of 0…255 as bytes side by side. */
function storeBytes(f: Fn, t: Floats, to: Local, value: Local): void {
  if (t.lanes === 4) {
    f.store('i32', to, packBytes(f, value));
    return;
  }
  const from = (a: Expr, by: number): Expr =>
    a.shuffle(
      a,
      Array.from({ length: t.lanes }, (_, i) => (i + by) % t.lanes),
    );
  const pairs = f.let('pairs', value.or(from(value, 1).binary('shl', 8)));
  const fours = f.let('fours', pairs.or(from(pairs, 2).binary('shl', 16)));
  for (let lane = 0; lane < t.lanes; lane += 4) f.store('i32', to, fours.lane(lane), lane);
}

/** An i32 in every lane. */
const lanesOf = (t: Floats, value: Expr): Expr => (t.int === 'i64' ? value.cast('i64') : value).splat();

/** y = windowed sum / (row number · column number): the divisor is the product of how many rows and columns count. */
export const avgWindowKernel = (target: Target, t: Floats, taps: TapPattern): Kernel<typeof WINDOW_PARAMS> =>
  cachedKernel(target, `pool/avg-${t.scalar}-${patternKey(taps)}`, WINDOW_PARAMS, (scope) => {
    const { f, p } = scope;
    const strideBytes = f.let('strideBytes', elements(t, p.strideWidth));
    eachBlock(scope, t, 0, (block) => {
      const sum = f.let('sum', constant(t.vector, 0));
      eachTap(scope, t, taps, block, (ptr, offset) => {
        f.set(sum, sum.add(loadTap(t, taps, ptr, offset, strideBytes)));
      });
      const counts = load(t.vector, p.columns.add(elements(t, block.column)));
      f.set(sum, sum.div(counts.mul(block.rowNumber.cast(t.scalar).splat())));
      storeBlock(scope, t, block, sum);
    });
  });

/**
 * The gradient of the windowed average, x and y changing roles: each output's share is added to its taps in the scratch,
 * whose inside is then copied out. Outputs are visited in order, so sums do not depend on anything else.
 */
export const avgWindowGradKernel = (target: Target, t: Floats, taps: TapPattern): Kernel<typeof WINDOW_PARAMS> =>
  cachedKernel(target, `pool/avg-grad-${t.scalar}-${patternKey(taps)}`, WINDOW_PARAMS, (scope) => {
    const { f, p, lo, hi, scratch } = scope;
    const rowBytes = f.let('rowBytes', elements(t, p.width));
    const strideBytes = f.let('strideBytes', elements(t, p.strideWidth));
    f.for('plane', lo, hi, (plane) => {
      fillScratch(scope, t, 0);
      const g = f.let('g', p.y.add(elements(t, plane.mul(p.outHeight).mul(p.outWidth))));
      f.for('y', 0, p.outHeight, (y) => {
        const entry = f.let('entry', p.rows.add(y.mul(ROW_ENTRY)));
        const rowCount = f.let('rowCount', load('i32', entry, 4));
        const divisor = f.let('divisor', load('i32', entry, 8).cast(t.scalar));
        const first = f.let('taps', scratch.add(load('i32', entry).mul(p.pitch)));
        f.for('column', 0, p.outWidth, (column) => {
          const count = load(t.scalar, p.columns.add(elements(t, column)));
          const share = f.let('share', load(t.scalar, g).div(count.mul(divisor)));
          eachTap(scope, t, taps, { taps: first, rowCount }, (ptr, offset) => {
            f.store(t.scalar, ptr, load(t.scalar, ptr, offset).add(share), offset);
          });
          f.inc(first, strideBytes);
          f.inc(g, t.bytes);
        });
      });
      const inside = f.let('inside', scratch.add(elements(t, p.left)));
      const to = f.let('to', p.x.add(plane.mul(p.height).mul(rowBytes)));
      copyRows(scope, t, inside, p.pitch, to, rowBytes);
    });
  });
