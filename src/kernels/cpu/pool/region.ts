/**
 * Pooling by regions given in tables (adaptive pooling), the scattering of gradients to the winners of a maximum, and the
 * average of whole planes. These run element by element: they are short, or wait for memory anyway.
 *
 * A unit of work is one plane. Indices are checked against the plane before every access.
 */
import { elements, sumLanes, type Floats } from '../floats.ts';
import { constant, i32, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';

const REGION_PARAMS = {
  x: 'ptr',
  y: 'ptr',
  height: 'i32',
  width: 'i32',
  outHeight: 'i32',
  outWidth: 'i32',
  /** int32 pairs per output row: first input row, past the last one; then the same per output column. */
  rows: 'ptr',
  columns: 'ptr',
} as const;
const REGION_MAX_PARAMS = { ...REGION_PARAMS, indices: 'ptr' } as const;

interface RegionScope {
  readonly f: Fn;
  readonly p: { readonly [K in keyof typeof REGION_PARAMS]: Local };
  readonly lo: Local;
  readonly hi: Local;
}

interface Region {
  /** Address of the plane of x, index of the output element. */
  readonly plane: Local;
  readonly out: Local;
  readonly rows: readonly [Local, Local];
  readonly columns: readonly [Local, Local];
}

function eachRegion({ f, p, lo, hi }: RegionScope, t: Floats, body: (region: Region) => void): void {
  const out = f.let('out', lo.mul(p.outHeight).mul(p.outWidth));
  f.for('n', lo, hi, (n) => {
    const plane = f.let('plane', p.x.add(elements(t, n.mul(p.height).mul(p.width))));
    f.for('y', 0, p.outHeight, (y) => {
      const rowAt = p.rows.add(y.mul(8));
      const rows = [f.let('top', load('i32', rowAt)), f.let('bottom', load('i32', rowAt, 4))] as const;
      f.for('column', 0, p.outWidth, (column) => {
        const columnAt = p.columns.add(column.mul(8));
        const columns = [f.let('left', load('i32', columnAt)), f.let('right', load('i32', columnAt, 4))] as const;
        body({ plane, out, rows, columns });
        f.inc(out, 1);
      });
    });
  });
}

/** Visits a region's elements in memory order. */
function eachInside({ f, p }: RegionScope, t: Floats, r: Region, body: (ptr: Expr, index: Local) => void): void {
  f.for('inY', r.rows[0], r.rows[1], (y) => {
    const index = f.let('index', y.mul(p.width).add(r.columns[0]));
    f.for('inX', r.columns[0], r.columns[1], () => {
      body(r.plane.add(elements(t, index)), index);
      f.inc(index, 1);
    });
  });
}

const regionArea = ({ rows, columns }: Region): Expr => rows[1].sub(rows[0]).mul(columns[1].sub(columns[0]));

/** y = mean of each region */
export const avgRegionKernel = (target: Target, t: Floats): Kernel<typeof REGION_PARAMS> =>
  cachedKernel(target, `pool/avg-region-${t.scalar}`, REGION_PARAMS, (scope) => {
    const { f, p } = scope;
    eachRegion(scope, t, (region) => {
      const sum = f.let('sum', constant(t.scalar, 0));
      eachInside(scope, t, region, (ptr) => f.set(sum, sum.add(load(t.scalar, ptr))));
      f.store(t.scalar, p.y.add(elements(t, region.out)), sum.div(regionArea(region).cast(t.scalar)));
    });
  });

/** x += y / area for each element of each region: the gradient of {@link avgRegionKernel}; x is zeroed before. */
export const avgRegionGradKernel = (target: Target, t: Floats): Kernel<typeof REGION_PARAMS> =>
  cachedKernel(target, `pool/avg-region-grad-${t.scalar}`, REGION_PARAMS, (scope) => {
    const { f, p, lo, hi } = scope;
    const planeBytes = elements(t, p.height.mul(p.width));
    zero(f, t, p.x.add(lo.mul(planeBytes)), hi.sub(lo).mul(planeBytes));
    eachRegion(scope, t, (region) => {
      const g = load(t.scalar, p.y.add(elements(t, region.out)));
      const share = f.let('share', g.div(regionArea(region).cast(t.scalar)));
      eachInside(scope, t, region, (ptr) => f.store(t.scalar, ptr, load(t.scalar, ptr).add(share)));
    });
  });

/** y, indices (int64, in the plane) = maximum of each region; NaN wins, the first of equals too. */
export const maxRegionKernel = (target: Target, t: Floats): Kernel<typeof REGION_MAX_PARAMS> =>
  cachedKernel(target, `pool/max-region-${t.scalar}`, REGION_MAX_PARAMS, (scope) => {
    const { f, p } = scope;
    eachRegion(scope, t, (region) => {
      const best = f.let('best', constant(t.scalar, -Infinity));
      const at = f.let('bestAt', region.rows[0].mul(p.width).add(region.columns[0]));
      eachInside(scope, t, region, (ptr, index) => {
        const value = f.let('value', load(t.scalar, ptr));
        f.if(value.gt(best).or(value.ne(value)), () => {
          f.set(best, value);
          f.set(at, index);
        });
      });
      f.store(t.scalar, p.y.add(elements(t, region.out)), best);
      f.store('i64', p.indices.add(region.out.mul(8)), at.cast('i64'));
    });
  });

/** Sets `bytes` bytes from `to` on to zero. */
function zero(f: Fn, t: Floats, to: Expr, bytes: Expr): void {
  const from = f.let('zeroFrom', to);
  const size = f.let('zeroBytes', bytes);
  const whole = f.let('zeroWhole', size.and(-t.width));
  const zeros = constant(t.vector, 0);
  f.for('z', 0, whole, (z) => f.store(t.vector, from.add(z), zeros), t.width);
  f.for('z', whole, size, (z) => f.store(t.scalar, from.add(z), constant(t.scalar, 0)), t.bytes);
}

const WINNER_PARAMS = {
  /** The large tensor, planes of height × width. */
  large: 'ptr',
  /** The small one, planes of outHeight × outWidth, and the winners' indices in the same places. */
  small: 'ptr',
  indices: 'ptr',
  height: 'i32',
  width: 'i32',
  outHeight: 'i32',
  outWidth: 'i32',
  /** Tap numbers only: 256 int32 pairs, a tap's row and column from the window's corner; then the windows. */
  taps: 'ptr',
  strideHeight: 'i32',
  strideWidth: 'i32',
  top: 'i32',
  left: 'i32',
} as const;

type WinnerKernel = Kernel<typeof WINNER_PARAMS>;

/** Visits every output whose winner lies inside the plane. `outside` runs for the others. */
function winnerKernel(
  target: Target,
  t: Floats,
  name: string,
  indices: 'tap' | 'int64',
  build: (f: Fn, small: Expr, large: Expr) => void,
  prepare: (f: Fn, t: Floats, large: Expr, bytes: Expr) => void,
  outside: (f: Fn, small: Expr) => void,
): WinnerKernel {
  return cachedKernel(target, `pool/${name}-${t.scalar}-${indices}`, WINNER_PARAMS, ({ f, p, lo, hi }) => {
    const planeBytes = f.let('planeBytes', elements(t, p.height.mul(p.width)));
    const out = f.let('out', lo.mul(p.outHeight).mul(p.outWidth));
    f.for('plane', lo, hi, (plane) => {
      const base = f.let('base', p.large.add(plane.mul(planeBytes)));
      prepare(f, t, base, planeBytes);
      const y0 = f.let('y0', p.top.mul(-1));
      f.for('row', 0, p.outHeight, () => {
        const x0 = f.let('x0', p.left.mul(-1));
        f.for('column', 0, p.outWidth, () => {
          const [inside, index] = indices === 'tap' ? byTap(f, p, out, y0, x0) : byIndex(f, p, out);
          const small = f.let('small', p.small.add(elements(t, out)));
          f.if(
            inside,
            () => build(f, small, f.let('winner', base.add(elements(t, index)))),
            () => outside(f, small),
          );
          f.inc(out, 1);
          f.inc(x0, p.strideWidth);
        });
        f.inc(y0, p.strideHeight);
      });
    });
  });
}

type WinnerLocals = { readonly [K in keyof typeof WINNER_PARAMS]: Local };

/** Whether the winner is inside, and its index in the plane. Unsigned comparison refuses negative numbers too. */
function byTap(f: Fn, p: WinnerLocals, out: Local, y0: Local, x0: Local): [Expr, Expr] {
  const entry = f.let('entry', p.taps.add(load('u8', p.indices.add(out)).mul(8)));
  const y = f.let('y', y0.add(load('i32', entry)));
  const x = f.let('x', x0.add(load('i32', entry, 4)));
  return [y.compare('ltU', p.height).and(x.compare('ltU', p.width)), y.mul(p.width).add(x)];
}

function byIndex(f: Fn, p: WinnerLocals, out: Local): [Expr, Expr] {
  const index = f.let('index', load('i64', p.indices.add(out.mul(8))));
  return [index.compare('ltU', p.height.mul(p.width).cast('i64')), index.cast('i32')];
}

/** large = 0, then += small at the winners. */
export const winnerGradKernel = (target: Target, t: Floats, indices: 'tap' | 'int64'): WinnerKernel =>
  winnerKernel(
    target,
    t,
    'winner-grad',
    indices,
    (f, small, large) => f.store(t.scalar, large, load(t.scalar, large).add(load(t.scalar, small))),
    zero,
    () => undefined,
  );

/** small = large at the winners, 0 where there is none. */
export const winnerPickKernel = (target: Target, t: Floats, indices: 'tap' | 'int64'): WinnerKernel =>
  winnerKernel(
    target,
    t,
    'winner-pick',
    indices,
    (f, small, large) => f.store(t.scalar, small, load(t.scalar, large)),
    () => undefined,
    (f, small) => f.store(t.scalar, small, constant(t.scalar, 0)),
  );

const PLANE_PARAMS = { x: 'ptr', y: 'ptr', size: 'i32' } as const;

/** Elements summed before the partial sum goes to double precision. */
const SUM_BLOCK = 1024;

/** y = mean of each plane of `size` elements. */
export const avgPlaneKernel = (target: Target, t: Floats): Kernel<typeof PLANE_PARAMS> =>
  cachedKernel(target, `pool/avg-plane-${t.scalar}`, PLANE_PARAMS, ({ f, p, lo, hi }) => {
    const bytes = f.let('bytes', elements(t, p.size));
    const step = 4 * t.width;
    f.for('plane', lo, hi, (plane) => {
      const from = f.let('from', p.x.add(plane.mul(bytes)));
      const at = f.let('at', i32(0));
      const total = f.let('total', constant('f64', 0));
      f.while(at.lt(bytes), () => {
        const left = f.let('left', bytes.sub(at));
        const size = f.let('size', left.lt(SUM_BLOCK * t.bytes).select(left, SUM_BLOCK * t.bytes));
        const sums = [0, 1, 2, 3].map((i) => f.let(`sum${i}`, constant(t.vector, 0)));
        const whole = f.let('whole', size.and(-step));
        const add = (v: Expr): void => sums.forEach((sum, i) => f.inc(sum, load(t.vector, from.add(v), i * t.width)));
        f.for('v', 0, whole, add, step);
        const tail = f.let('tail', constant(t.scalar, 0));
        f.for('s', whole, size, (s) => f.inc(tail, load(t.scalar, from.add(s))), t.bytes);
        const sum = sumLanes(f, t, sums[0]!.add(sums[1]!).add(sums[2]!.add(sums[3]!)));
        f.inc(total, sum.add(tail).cast('f64'));
        f.inc(at, size);
        f.inc(from, size);
      });
      const mean = total.div(p.size.cast('f64'));
      f.store(t.scalar, p.y.add(elements(t, plane)), mean.cast(t.scalar));
    });
  });

/** x = y / size over each plane: the gradient of {@link avgPlaneKernel}. */
export const avgPlaneGradKernel = (target: Target, t: Floats): Kernel<typeof PLANE_PARAMS> =>
  cachedKernel(target, `pool/avg-plane-grad-${t.scalar}`, PLANE_PARAMS, ({ f, p, lo, hi }) => {
    const bytes = f.let('bytes', elements(t, p.size));
    const whole = f.let('whole', bytes.and(-t.width));
    f.for('plane', lo, hi, (plane) => {
      const share = f.let('share', load(t.scalar, p.y.add(elements(t, plane))).div(p.size.cast(t.scalar)));
      const shares = f.let('shares', share.splat());
      const to = f.let('to', p.x.add(plane.mul(bytes)));
      f.for('v', 0, whole, (v) => f.store(t.vector, to.add(v), shares), t.width);
      f.for('s', whole, bytes, (s) => f.store(t.scalar, to.add(s), share), t.bytes);
    });
  });
