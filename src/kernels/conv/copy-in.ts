/**
 * Copies a block of a convolution's source into scratch, with zeros where the padding is: the one place where a source's
 * strides matter. Columns that are a stride apart become neighbours, so that all later loads are plain vector loads.
 * The tables come from `tensor/ops/conv-tables.ts`.
 */
import { forStep, intFn, type ElementKit } from '../gemm-tile.ts';
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
  const copyRow = buildCopyRow(scope, kit, zero);
  const names = ['from', 'to', 'images', 'channels', 'first', 'rows', 'xn', 'xc', 'xh', 'xStep', 'sourceRows', 'runs', 'runCount', 'rowBytes', 'imageBytes', 'planeBytes'] as const; // prettier-ignore
  const copy = intFn(scope, 'copyIn', names, (g, a) => {
    g.for('c', 0, a.channels, (c) => {
      g.for('image', 0, a.images, (image) => {
        const source = g.let('source', a.from.add(c.mul(a.xc)).add(image.mul(a.xn)).add(a.first.mul(a.xh)));
        const target = g.let('target', a.to.add(c.mul(a.planeBytes)).add(image.mul(a.imageBytes)));
        g.for('row', 0, a.rows, (row) => {
          const inside = row.add(a.first).compare('ltU', a.sourceRows);
          g.call(copyRow, source, target, a.xStep, a.runs, inside.select(a.runCount, 0), a.rowBytes);
          g.inc(source, a.xh);
          g.inc(target, a.rowBytes);
        });
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

/** Gathers the runs of one row; a row without runs lies outside the source and becomes zeros. */
function buildCopyRow(scope: Scope, kit: ElementKit, zero: Fn): Fn {
  const { lanes, vector, vectorBytes, bytes } = kit;
  const names = ['source', 'target', 'step', 'runs', 'runCount', 'rowBytes'] as const;
  return intFn(scope, 'copyRow', names, (f, { source, target, step, runs, runCount, rowBytes }) => {
    f.if(runCount.eq(0), () => f.call(zero, target, rowBytes));
    f.for('r', 0, runCount, () => {
      const from = f.let('from', source.add(load('i32', runs)));
      const count = f.let('count', load('i32', runs, 4));
      const to = f.let('to', target.add(load('i32', runs, 8)));
      const done = f.let('done', i32(0));
      f.if(step.eq(bytes), () => {
        f.set(done, count.sub(count.rem(lanes)));
        const end = f.let('end', done.mul(bytes));
        forStep(f, 'v', [0, end, vectorBytes], (v) => f.store(vector, to.add(v), load(vector, from.add(v))));
      });
      f.if(step.eq(2 * bytes), () => {
        // The last pair of vectors may reach an element past the run: the scalar loop takes its place.
        f.set(done, count.sub(1).div(lanes).mul(lanes));
        const end = f.let('end2', done.mul(bytes));
        const even = Array.from({ length: lanes }, (_, i) => 2 * i);
        forStep(f, 'v2', [0, end, vectorBytes], (v) => {
          const at = f.let('at', from.add(v).add(v));
          const low = f.let('low', load(vector, at));
          f.store(vector, to.add(v), low.shuffle(load(vector, at, vectorBytes), even));
        });
      });
      const at = f.let('atScalar', from.add(done.mul(step)));
      f.for('e', done, count, (e) => {
        f.store(kit.element, to.add(e.mul(bytes)), load(kit.element, at));
        f.inc(at, step);
      });
      f.inc(runs, 12);
    });
  });
}
