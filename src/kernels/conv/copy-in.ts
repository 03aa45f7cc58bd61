/**
 * Copies a block of a convolution's source into scratch, with zeros where the padding is: the one place where a source's
 * strides matter. Columns that are a stride apart become neighbours, so that all later loads are plain vector loads.
 * The tables come from `tensor/ops/conv-tables.ts`.
 */
import type { ElementKit } from '../gemm-tile.ts';
import { constant, i32, load, type Expr, type Fn, type Local } from '../ir.ts';
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

export interface CopyIn {
  /** Zeroes the scratch; once for each call of the kernel, since copies only ever write the same columns. */
  readonly clear: (to: Expr, bytes: Expr) => void;
  /** Copies `rows` rows from source row `first` on (which may lie outside), of some channels and images. */
  readonly copy: (from: Expr, to: Expr, images: Expr, channels: Expr, first: Expr, rows: Expr) => void;
}

export function buildCopyIn(scope: KernelScope<ParamSpec & typeof SOURCE_PARAMS>, kit: ElementKit): CopyIn {
  const { f, p } = scope;
  const zero = buildZero(scope, kit);
  const run = buildRun(scope, kit);
  const names = ['from', 'to', 'images', 'channels', 'first', 'rows', 'xn', 'xc', 'xh', 'xStep', 'sourceRows', 'runs', 'runCount', 'rowBytes', 'imageBytes', 'planeBytes']; // prettier-ignore
  const copy = scope.fn(
    'copyIn',
    names.map((name) => [name, 'i32'] as const),
    (g, args) => {
      // prettier-ignore
      const [from, to, images, channels, first, rows, xn, xc, xh, xStep, sourceRows, runs, runCount, rowBytes, imageBytes, planeBytes] = args as unknown as Named; // prettier-ignore
      g.for('c', 0, channels, (c) => {
        g.for('image', 0, images, (image) => {
          const source = g.let('source', from.add(c.mul(xc)).add(image.mul(xn)).add(first.mul(xh)));
          const target = g.let('target', to.add(c.mul(planeBytes)).add(image.mul(imageBytes)));
          g.for('row', 0, rows, (row) => {
            g.if(
              row.add(first).compare('ltU', sourceRows),
              () => {
                g.for('r', 0, runCount, (r) => {
                  const entry = g.let('entry', runs.add(r.mul(12)));
                  g.call(run, source.add(load('i32', entry)), xStep, load('i32', entry, 4), target.add(load('i32', entry, 8))); // prettier-ignore
                });
              },
              () => g.call(zero, target, rowBytes),
            );
            g.inc(source, xh);
            g.inc(target, rowBytes);
          });
        });
      });
    },
  );
  return {
    clear: (to, bytes) => f.call(zero, to, bytes),
    copy: (from, to, images, channels, first, rows) =>
      f.call(copy, from, to, images, channels, first, rows, p.xn, p.xc, p.xh, p.xStep, p.sourceRows, p.runs, p.runCount, p.rowBytes, p.imageBytes, p.planeBytes), // prettier-ignore
  };
}

type Sixteen<T> = [T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T];
type Named = Sixteen<Local>;

/** Zeroes a whole number of elements. */
export function buildZero(scope: KernelScope<ParamSpec>, kit: ElementKit): Fn {
  return scope.fn(
    'zero',
    [
      ['to', 'i32'],
      ['bytes', 'i32'],
    ],
    (f, [to, bytes]) => {
      // prettier-ignore
      const whole = f.let('whole', bytes!.sub(bytes!.rem(kit.vectorBytes)));
      f.for('v', 0, whole, (v) => f.store(kit.vector, to!.add(v), constant(kit.vector, 0)), kit.vectorBytes);
      f.for('e', whole, bytes!, (e) => f.store(kit.element, to!.add(e), constant(kit.element, 0)), kit.bytes);
    },
  );
}

/** Gathers `count` elements, `step` bytes apart, into a row. Steps of one and two elements go by whole vectors. */
function buildRun(scope: KernelScope<ParamSpec>, kit: ElementKit): Fn {
  const names = ['from', 'step', 'count', 'to'];
  return scope.fn(
    'copyRun',
    names.map((name) => [name, 'i32'] as const),
    (f, args) => {
      // prettier-ignore
      const [from, step, count, to] = args as [Local, Local, Local, Local];
      const { lanes, vector, vectorBytes, bytes } = kit;
      const done = f.let('done', i32(0));
      f.if(step.eq(bytes), () => {
        f.set(done, count.sub(count.rem(lanes)));
        const end = f.let('end', done.mul(bytes));
        f.for('v', 0, end, (v) => f.store(vector, to.add(v), load(vector, from.add(v))), vectorBytes);
      });
      f.if(step.eq(2 * bytes), () => {
        // The second vector of the last pair would reach an element past the run: leave that pair to the scalar loop.
        const pairs = f.let('pairs', count.sub(1).div(lanes));
        f.set(done, pairs.mul(lanes));
        const end = f.let('end2', done.mul(bytes));
        const even = Array.from({ length: lanes }, (_, i) => 2 * i);
        f.for('v2', 0, end, (v) => {
        const at = f.let('at', from.add(v).add(v));
        const low = f.let('low', load(vector, at));
        f.store(vector, to.add(v), low.shuffle(load(vector, at, vectorBytes), even));
      }, vectorBytes); // prettier-ignore
      });
      const at = f.let('atScalar', from.add(done.mul(step)));
      f.for('e', done, count, (e) => {
        f.store(kit.element, to.add(e.mul(bytes)), load(kit.element, at));
        f.inc(at, step);
      });
    },
  );
}
