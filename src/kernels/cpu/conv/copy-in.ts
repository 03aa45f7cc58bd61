/**
 * Copies a block of a convolution's source into scratch, with zeros where the padding is: the one place where a source's
 * strides matter. Columns that are a stride apart become neighbours, so that all later loads are plain vector loads.
 * The tables come from `lower/cpu/conv/tables.ts`.
 */
import { forStep, intFn, maxI32, minI32, type ElementKit } from '../gemm/tile.ts';
import { constant, i32, load, type Expr, type Fn } from '../ir.ts';
import type { KernelScope, ParamSpec } from '../kernel.ts';

/** Parameters of every kernel that copies a source in. Steps are in bytes. */
export const SOURCE_PARAMS = {
  x: 'ptr',
  xn: 'i32',
  xc: 'i32',
  xh: 'i32',
  /** Between the elements of a run. */
  xStep: 'i32',
  sourceRows: 'i32',
  /** Triples: byte offset in the source row, number of elements, byte offset in the scratch row. */
  runs: 'ptr',
  runCount: 'i32',
  /** Bytes of a scratch row, of one image's rows, and of a channel. */
  rowBytes: 'i32',
  imageBytes: 'i32',
  planeBytes: 'i32',
} as const;

type Scope = KernelScope<ParamSpec & typeof SOURCE_PARAMS>;

export interface CopyIn {
  /** Zeroes the scratch; once for each call of the kernel, since copies only ever write the same columns. */
  readonly clear: (to: Expr, bytes: Expr) => void;
  /** Copies `rows` rows from source row `first` on (which may lie outside), of some channels and images. */
  readonly copy: (from: Expr, to: Expr, images: Expr, channels: Expr, first: Expr, rows: Expr) => void;
}

export function buildCopyIn(scope: Scope, kit: ElementKit, zero = buildZero(scope, kit)): CopyIn {
  const { f, p } = scope;
  const copyRows = buildCopyRows(scope, kit);
  const names = ['from', 'to', 'images', 'channels', 'first', 'rows', 'xn', 'xc', 'xh', 'xStep', 'sourceRows', 'runs', 'runCount', 'rowBytes', 'imageBytes', 'planeBytes'] as const; // prettier-ignore
  const copy = intFn(scope, 'copyIn', names, (g, a) => {
    // Scratch rows [above, below) lie inside the source; the others are zero.
    const above = minI32(g, 'above', maxI32(g, 'aboveLeast', i32(0).sub(a.first), i32(0)), a.rows);
    const below = maxI32(g, 'below', minI32(g, 'belowMost', a.sourceRows.sub(a.first), a.rows), above);
    const skipped = g.let('skipped', a.first.add(above).mul(a.xh));
    const head = g.let('head', above.mul(a.rowBytes));
    const body = g.let('body', below.mul(a.rowBytes));
    const tail = g.let('tail', a.rows.mul(a.rowBytes).sub(body));
    g.for('c', 0, a.channels, (c) => {
      g.for('image', 0, a.images, (image) => {
        const source = g.let('source', a.from.add(c.mul(a.xc)).add(image.mul(a.xn)).add(skipped));
        const target = g.let('target', a.to.add(c.mul(a.planeBytes)).add(image.mul(a.imageBytes)));
        g.if(head, () => g.call(zero, target, head));
        g.if(tail, () => g.call(zero, target.add(body), tail));
        g.call(copyRows, source, target.add(head), below.sub(above), a.xh, a.rowBytes, a.xStep, a.runs, a.runCount);
      });
    });
  });
  return {
    clear: (to, bytes) => f.call(zero, to, bytes),
    copy: (from, to, images, channels, first, rows) => {
      const steps = [p.xn, p.xc, p.xh, p.xStep];
      const shape = [p.sourceRows, p.runs, p.runCount, p.rowBytes, p.imageBytes, p.planeBytes];
      f.call(copy, from, to, images, channels, first, rows, ...steps, ...shape);
    },
  };
}

/** Zeroes a whole number of elements. */
export function buildZero(scope: KernelScope<ParamSpec>, kit: ElementKit): Fn {
  return intFn(scope, 'zero', ['to', 'bytes'], (f, { to, bytes }) => {
    const whole = f.let('whole', bytes.sub(bytes.rem(kit.vectorBytes)));
    forStep(f, 'v', [0, whole, kit.vectorBytes], (v) => f.store(kit.vector, to.add(v), constant(kit.vector, 0)));
    forStep(f, 'e', [whole, bytes, kit.bytes], (e) => f.store(kit.element, to.add(e), constant(kit.element, 0)));
  });
}

/**
 * Copies rows run by run. Runs of one or two elements' step go by whole vectors, of which the last lies back so that
 * nothing is written past the run; with step two its load may reach one element past it, which a device allows.
 */
function buildCopyRows(scope: Scope, kit: ElementKit): Fn {
  const { lanes, vector, vectorBytes, bytes } = kit;
  const even = Array.from({ length: lanes }, (_, i) => 2 * i);
  const names = ['source', 'target', 'rows', 'xh', 'rowBytes', 'step', 'runs', 'runCount'] as const;
  return intFn(scope, 'copyRows', names, (f, { source, target, rows, xh, rowBytes, step, runs, runCount }) => {
    f.for('r', 0, runCount, () => {
      const from = f.let('from', source.add(load('i32', runs)));
      const count = f.let('count', load('i32', runs, 4));
      const to = f.let('to', target.add(load('i32', runs, 8)));
      const length = f.let('length', count.mul(bytes));
      const last = f.let('last', length.sub(vectorBytes)); // where the last whole vector goes
      const eachRow = (name: string, body: () => void): void =>
        f.for(name, 0, rows, () => {
          body();
          f.inc(from, xh);
          f.inc(to, rowBytes);
        });
      const byVectors = (name: string, loaded: (at: Expr) => Expr): void =>
        eachRow(name, () => {
          forStep(f, `${name}V`, [0, last, vectorBytes], (v) => f.store(vector, to.add(v), loaded(v)));
          f.store(vector, to.add(last), loaded(last));
        });
      const whole = f.let('whole', count.ge(lanes));
      f.if(whole.and(step.eq(bytes)), () => byVectors('one', (at) => load(vector, from.add(at))));
      f.if(whole.and(step.eq(2 * bytes)), () =>
        byVectors('two', (at) => {
          const pair = f.let('pair', from.add(at).add(at));
          const low = f.let('low', load(vector, pair));
          return low.shuffle(load(vector, pair, vectorBytes), even);
        }),
      );
      f.if(whole.eq(0).or(step.ne(bytes).and(step.ne(2 * bytes))), () =>
        eachRow('any', () => {
          const at = f.let('at', from);
          forStep(f, 'e', [0, length, bytes], (e) => {
            f.store(kit.element, to.add(e), load(kit.element, at));
            f.inc(at, step);
          });
        }),
      );
      f.inc(runs, 12);
    });
  });
}
