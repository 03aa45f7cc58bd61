/**
 * softmax, logSoftmax and their gradients along dense rows. The maximum is subtracted first, so nothing overflows.
 *
 * The last elements of a row that do not fill a register are taken by one that ends with the row and overlaps the one
 * before; rows shorter than a register are staged in the scratch. Every element thus goes through the same instructions.
 *
 * A unit of work is one row.
 */
import { elements, expOf, fromLanes, logOf, maxLanes, rowWalk, sumLanes, walkRow, type Floats } from '../floats.ts';
import { constant, i32, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';

const FORWARD_PARAMS = { x: 'ptr', y: 'ptr', size: 'i32' } as const;
export const STATISTICS_PARAMS = { ...FORWARD_PARAMS, maxima: 'ptr', logSums: 'ptr' } as const;
const BACKWARD_PARAMS = { g: 'ptr', y: 'ptr', dx: 'ptr', size: 'i32' } as const;

/** Bytes of scratch that {@link stage} uses. */
export const rowScratch = (t: Floats): number => 3 * t.width;

/** A row's addresses: of the tensors themselves, or of staged copies where a row is shorter than a register. */
interface Staged {
  readonly sources: readonly Local[];
  readonly target: Local;
  /** Writes a staged result back. */
  readonly finish: () => void;
}

interface Stager {
  /** Bytes that a row is walked with. */
  readonly bytes: Local;
  readonly row: (unit: Expr) => Staged;
}

/** `pads` fill the lanes past a short row's end, per source. */
function stager(f: Fn, t: Floats, scratch: Local, size: Local, sources: readonly Local[], target: Local, pads: readonly number[]): Stager {
  const rowBytes = f.let('dense', elements(t, size));
  const short = f.let('short', size.lt(t.lanes));
  const bytes = f.let('bytes', short.select(i32(t.width), rowBytes));
  const places = sources.map((_, i) => scratch.add(i * t.width));
  const result = scratch.add(sources.length * t.width);
  f.if(short, () => places.forEach((place, i) => f.store(t.vector, place, constant(t.vector, pads[i]!))));
  return {
    bytes,
    row(unit) {
      const start = f.let('start', unit.mul(rowBytes));
      const rows = sources.map((source) => f.let('source', source.add(start)));
      const out = f.let('target', target.add(start));
      const dense = f.let('result', out);
      f.if(short, () => {
        rows.forEach((row, i) => {
          f.for('at', 0, rowBytes, (at) => f.store(t.scalar, places[i]!.add(at), load(t.scalar, row.add(at))), t.bytes);
          f.set(row, places[i]!);
        });
        f.set(out, result);
      });
      const finish = (): void =>
        f.if(short, () => f.for('at', 0, rowBytes, (at) => f.store(t.scalar, dense.add(at), load(t.scalar, out.add(at))), t.bytes));
      return { sources: rows, target: out, finish };
    },
  };
}

/**
 * Walks a row as `walkRow` does, with the body built once: `fresh` masks the lanes that the last turn has not seen before. For long
 * bodies.
 */
function turns(f: Fn, t: Floats, bytes: Local, index: Local, body: (at: Local, fresh: Local) => void): void {
  const last = f.let('last', bytes.sub(t.width));
  f.for(
    'from',
    0,
    bytes,
    (from) => {
      const at = f.let('at', from.lt(last).select(from, last));
      const seen = from.sub(at).binary('shrU', t.shift);
      const fresh = f.let('fresh', index.ge((t.int === 'i64' ? seen.cast('i64') : seen).splat()));
      body(at, fresh);
    },
    t.width,
  );
}

/** 0, 1, 2, … */
const laneNumbers = (f: Fn, t: Floats): Local => f.let('lanes', fromLanes(Array.from({ length: t.lanes }, (_, i) => constant(t.int, i))));

const keep = (mask: Local, value: Expr): Expr => value.and(mask.bits(value.type));

/** The row's maximum and Σ exp(x − maximum), as vectors of equal lanes; exponentials are stored where `to` is given. */
function exponentials(f: Fn, t: Floats, bytes: Local, index: Local, from: Local, to?: Local): [Local, Local] {
  const high = f.let('high', constant(t.vector, -Infinity));
  turns(f, t, bytes, index, (at) => f.set(high, high.binary('pmax', load(t.vector, from.add(at)))));
  const max = f.let('max', maxLanes(f, t, high).splat());
  const sum = f.let('sum', constant(t.vector, 0));
  turns(f, t, bytes, index, (at, fresh) => {
    const e = f.let('e', expOf(f, t, load(t.vector, from.add(at)).sub(max)));
    if (to !== undefined) f.store(t.vector, to.add(at), e);
    f.inc(sum, keep(fresh, e));
  });
  return [max, f.let('total', sumLanes(f, t, sum).splat())];
}

type Forward = Pick<KernelScope<typeof FORWARD_PARAMS>, 'f' | 'lo' | 'hi' | 'scratch'> & {
  readonly p: { readonly [K in keyof typeof FORWARD_PARAMS]: Local };
};

function softmaxRows({ f, p, lo, hi, scratch }: Forward, t: Floats, statistics?: (unit: Local, max: Local, sum: Local) => void): void {
  const index = laneNumbers(f, t);
  const staging = stager(f, t, scratch, p.size, [p.x], p.y, [-Infinity]);
  const walk = rowWalk(f, t, staging.bytes);
  f.for('unit', lo, hi, (unit) => {
    const { sources, target, finish } = staging.row(unit);
    const [max, sum] = exponentials(f, t, staging.bytes, index, sources[0]!, target);
    const scale = f.let('scale', constant(t.vector, 1).div(sum));
    walkRow(f, t, walk, (at, fresh) => {
      const e = f.let('e', load(t.vector, target.add(at)));
      const scaled = e.mul(scale);
      f.store(t.vector, target.add(at), fresh === undefined ? scaled : fresh.select(scaled, e));
    });
    statistics?.(unit, max, sum);
    finish();
  });
}

/** y = softmax(x) */
export const softmaxRowsKernel = (target: Target, t: Floats): Kernel<typeof FORWARD_PARAMS> =>
  cachedKernel(target, `softmax/rows-${t.scalar}`, FORWARD_PARAMS, (scope) => softmaxRows(scope, t));

/** y = softmax(x), maxima = the rows' maxima, logSums = ln Σ exp(x − maximum): what a loss needs besides. */
export const softmaxStatisticsRowsKernel = (target: Target, t: Floats): Kernel<typeof STATISTICS_PARAMS> =>
  cachedKernel(target, `softmax/rows-statistics-${t.scalar}`, STATISTICS_PARAMS, (scope) => softmaxStatistics(scope, t));

/** The body of that. */
export function softmaxStatistics(
  scope: Forward & { readonly p: { readonly [K in keyof typeof STATISTICS_PARAMS]: Local } },
  t: Floats,
): void {
  const { f, p } = scope;
  softmaxRows(scope, t, (unit, max, sum) => {
    f.store(t.scalar, p.maxima.add(elements(t, unit)), max.lane(0));
    f.store(t.scalar, p.logSums.add(elements(t, unit)), logOf(f, t, sum).lane(0));
  });
}

/** y = x − max − ln Σ exp(x − max) */
export const logSoftmaxRowsKernel = (target: Target, t: Floats): Kernel<typeof FORWARD_PARAMS> =>
  cachedKernel(target, `softmax/log-rows-${t.scalar}`, FORWARD_PARAMS, ({ f, p, lo, hi, scratch }) => {
    const index = laneNumbers(f, t);
    const staging = stager(f, t, scratch, p.size, [p.x], p.y, [-Infinity]);
    const walk = rowWalk(f, t, staging.bytes);
    f.for('unit', lo, hi, (unit) => {
      const { sources, target, finish } = staging.row(unit);
      const [max, sum] = exponentials(f, t, staging.bytes, index, sources[0]!);
      const log = f.let('log', logOf(f, t, sum));
      walkRow(f, t, walk, (at) => {
        f.store(t.vector, target.add(at), load(t.vector, sources[0]!.add(at)).sub(max).sub(log));
      });
      finish();
    });
  });

/** dx = y·(g − Σ g·y), or for logSoftmax dx = g − exp(y)·Σ g */
export const softmaxRowsGradKernel = (target: Target, t: Floats, log: boolean): Kernel<typeof BACKWARD_PARAMS> =>
  cachedKernel(target, `softmax/${log ? 'log-' : ''}rows-grad-${t.scalar}`, BACKWARD_PARAMS, ({ f, p, lo, hi, scratch }) => {
    const index = laneNumbers(f, t);
    const staging = stager(f, t, scratch, p.size, [p.g, p.y], p.dx, [0, 0]);
    const walk = rowWalk(f, t, staging.bytes);
    f.for('unit', lo, hi, (unit) => {
      const { sources, target, finish } = staging.row(unit);
      const [g, y] = sources as [Local, Local];
      const sum = f.let('sum', constant(t.vector, 0));
      walkRow(f, t, walk, (at, fresh) => {
        const part = log ? load(t.vector, g.add(at)) : load(t.vector, g.add(at)).mul(load(t.vector, y.add(at)));
        f.inc(sum, fresh === undefined ? part : keep(fresh, part));
      });
      const total = f.let('total', sumLanes(f, t, sum).splat());
      turns(f, t, staging.bytes, index, (at) => {
        const [gHere, yHere] = [load(t.vector, g.add(at)), load(t.vector, y.add(at))];
        const dx = log ? gHere.sub(expOf(f, t, yHere).mul(total)) : yHere.mul(gHere.sub(total));
        f.store(t.vector, target.add(at), dx);
      });
      finish();
    });
  });
