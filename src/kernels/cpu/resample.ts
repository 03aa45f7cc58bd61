/**
 * Planes sampled at places between their elements (resizing of images), and the transposed operation, its gradient. Where
 * to sample and with what weights stands in tables, so that one kernel serves all modes: `taps` elements along each axis
 * make one, 1 for the nearest, 2 for linear, 4 for cubic interpolation.
 *
 * A unit of work is one plane. A row of the output is made of whole rows of the input first (a scratch row, vectors), then
 * of that row's elements.
 */
import type { Taps } from '../../geometry/resample.ts';
import { elements, type Floats } from './floats.ts';
import { constant, i32, load, type Expr, type Fn, type Local, type Target } from './ir.ts';
import { cachedKernel, type Kernel } from './kernel.ts';

const RESAMPLE_PARAMS = {
  /** The plane that is sampled, height × width; in the gradient its gradient. */
  x: 'ptr',
  /** The samples, outHeight × outWidth. */
  y: 'ptr',
  height: 'i32',
  width: 'i32',
  outHeight: 'i32',
  outWidth: 'i32',
  /** For each output row `taps` byte distances of input rows (int32), and as many weights. */
  rows: 'ptr',
  rowWeights: 'ptr',
  /** For each output column `taps` byte distances in a row (int32), and as many weights. */
  columns: 'ptr',
  columnWeights: 'ptr',
} as const;

type ResampleKernel = Kernel<typeof RESAMPLE_PARAMS>;
type Params = { readonly [K in keyof typeof RESAMPLE_PARAMS]: Local };

/** The entries of a table for one output row or column. */
interface Entry {
  readonly distances: readonly Local[];
  readonly weights: readonly Local[];
}

function entry(f: Fn, t: Floats, taps: Taps, distances: Expr, weights: Expr): Entry {
  const each = <T>(of: (i: number) => T): T[] => Array.from({ length: taps }, (_, i) => of(i));
  return {
    distances: each((i) => f.let(`distance${i}`, load('i32', distances, i * 4))),
    weights: taps === 1 ? [] : each((i) => f.let(`weight${i}`, load(t.scalar, weights, i * t.bytes))),
  };
}

/** Walks a row of the input in vectors, then element by element. */
function walk(f: Fn, t: Floats, bytes: Local, body: (at: Expr, type: 'f32' | 'f64' | 'f32v' | 'f64v') => void): void {
  const whole = f.let('whole', bytes.and(-t.width));
  f.for('v', 0, whole, (v) => body(v, t.vector), t.width);
  f.for('s', whole, bytes, (s) => body(s, t.scalar), t.bytes);
}

/** Visits output rows with their table entries, and the address of each row's first output. */
function eachRow(
  f: Fn,
  t: Floats,
  taps: Taps,
  p: Params,
  lo: Local,
  hi: Local,
  body: (plane: Local, row: Entry, out: Local) => void,
): void {
  const planeBytes = f.let('planeBytes', elements(t, p.height.mul(p.width)));
  const outBytes = f.let('outBytes', elements(t, p.outWidth));
  const plane = f.let('plane', p.x.add(lo.mul(planeBytes)));
  const out = f.let('out', p.y.add(lo.mul(p.outHeight).mul(outBytes)));
  f.for('n', lo, hi, () => {
    f.for('row', 0, p.outHeight, (row) => {
      const table = row.mul(taps);
      body(plane, entry(f, t, taps, p.rows.add(table.mul(4)), p.rowWeights.add(elements(t, table))), out);
      f.inc(out, outBytes);
    });
    f.inc(plane, planeBytes);
  });
}

/** Visits the columns of one output row with their table entries. */
function eachColumn(f: Fn, t: Floats, taps: Taps, p: Params, out: Local, body: (column: Entry, at: Expr) => void): void {
  f.for('column', 0, p.outWidth, (column) => {
    const table = column.mul(taps);
    const found = entry(f, t, taps, p.columns.add(table.mul(4)), p.columnWeights.add(elements(t, table)));
    body(found, out.add(elements(t, column)));
  });
}

/** y = samples of x, each the mean of `taps`² elements by their weights. */
export const resampleKernel = (target: Target, t: Floats, taps: Exclude<Taps, 1>): ResampleKernel =>
  cachedKernel(target, `resample/${taps}-${t.scalar}`, RESAMPLE_PARAMS, ({ f, p, lo, hi, scratch }) => {
    const rowBytes = f.let('rowBytes', elements(t, p.width));
    eachRow(f, t, taps, p, lo, hi, (plane, row, out) => {
      walk(f, t, rowBytes, (at, type) => {
        const parts = row.distances.map((distance, i) => {
          const weight = row.weights[i]!;
          return load(type, plane.add(distance).add(at)).mul(type === t.vector ? weight.splat() : weight);
        });
        f.store(
          type,
          scratch.add(at),
          parts.reduce((sum, part) => sum.add(part)),
        );
      });
      eachColumn(f, t, taps, p, out, ({ distances, weights }, at) => {
        const parts = distances.map((distance, i) => load(t.scalar, scratch.add(distance)).mul(weights[i]!));
        f.store(
          t.scalar,
          at,
          parts.reduce((sum, part) => sum.add(part)),
        );
      });
    });
  });

/**
 * y = the nearest elements of x. Rows of the output that come from one row are made once and then copied.
 * @param times each element of a row so many times, in vectors; undefined: by the table of columns
 */
export const resampleNearestKernel = (target: Target, t: Floats, times: number | undefined): ResampleKernel =>
  cachedKernel(target, `resample/1${times === undefined ? '' : `x${times}`}-${t.scalar}`, RESAMPLE_PARAMS, (scope) => {
    const { f, p, lo, hi } = scope;
    const rowBytes = f.let('rowBytes', elements(t, p.width));
    const outBytes = f.let('copied', elements(t, p.outWidth));
    const last = f.let('last', i32(0));
    eachRow(f, t, 1, p, lo, hi, (plane, row, out) => {
      const from = f.let('from', plane.add(row.distances[0]!));
      f.if(
        from.eq(last),
        () => {
          const before = f.let('before', out.sub(outBytes));
          walk(f, t, outBytes, (at, type) => f.store(type, out.add(at), load(type, before.add(at))));
        },
        () => {
          if (times !== undefined) repeatEach(f, t, times, from, rowBytes, out);
          else {
            eachColumn(f, t, 1, p, out, ({ distances }, at) => f.store(t.scalar, at, load(t.scalar, from.add(distances[0]!))));
          }
        },
      );
      f.set(last, from);
    });
  });

/** Each element of a row several times. */
function repeatEach(f: Fn, t: Floats, times: number, from: Local, bytes: Local, out: Local): void {
  walk(f, t, bytes, (at, type) => {
    const x = f.let('x', load(type, from.add(at)));
    const to = f.let('to', out.add(at.mul(times)));
    for (let k = 0; k < times; k++) {
      const picked = Array.from({ length: t.lanes }, (_, lane) => Math.floor((k * t.lanes + lane) / times));
      const value = type === t.vector ? x.shuffle(x, picked) : x;
      f.store(type, to, value, k * (type === t.vector ? t.width : t.bytes));
    }
  });
}

/** x = 0, then += each y times its weight at each place that it was sampled from. */
export const resampleGradKernel = (target: Target, t: Floats, taps: Taps): ResampleKernel =>
  cachedKernel(target, `resample/grad-${taps}-${t.scalar}`, RESAMPLE_PARAMS, ({ f, p, lo, hi, scratch }) => {
    const rowBytes = f.let('rowBytes', elements(t, p.width));
    const clear = (from: Expr, bytes: Local): void => walk(f, t, bytes, (at, type) => f.store(type, from.add(at), constant(type, 0)));
    const planeBytes = elements(t, p.height.mul(p.width));
    clear(f.let('first', p.x.add(lo.mul(planeBytes))), f.let('allBytes', hi.sub(lo).mul(planeBytes)));
    eachRow(f, t, taps, p, lo, hi, (plane, row, out) => {
      const to = taps === 1 ? f.let('to', plane.add(row.distances[0]!)) : scratch;
      if (taps > 1) clear(scratch, rowBytes);
      eachColumn(f, t, taps, p, out, ({ distances, weights }, at) => {
        const g = f.let('g', load(t.scalar, at));
        distances.forEach((distance, i) => {
          const ptr = f.let('ptr', to.add(distance));
          f.store(t.scalar, ptr, load(t.scalar, ptr).add(taps === 1 ? g : g.mul(weights[i]!)));
        });
      });
      if (taps === 1) return;
      row.distances.forEach((distance, i) => {
        const target = f.let('target', plane.add(distance));
        const weight = row.weights[i]!;
        walk(f, t, rowBytes, (at, type) => {
          const part = load(type, scratch.add(at)).mul(type === t.vector ? weight.splat() : weight);
          f.store(type, target.add(at), load(type, target.add(at)).add(part));
        });
      });
    });
  });
