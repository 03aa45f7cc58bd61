/**
 * softmax, logSoftmax and their gradients along a dimension that is not the last: [outer, size, inner] with inner > 1, so that
 * each lane of a register is a column of its own.
 *
 * A unit of work is one register of columns: outer · ⌈inner / lanes⌉ of them.
 */
import { elements, expOf, logOf, type Floats } from '../floats.ts';
import { constant, i32, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';

const FORWARD_PARAMS = { x: 'ptr', y: 'ptr', size: 'i32', inner: 'i32' } as const;
const STATISTICS_PARAMS = { ...FORWARD_PARAMS, maxima: 'ptr', logSums: 'ptr' } as const;
const BACKWARD_PARAMS = { g: 'ptr', y: 'ptr', dx: 'ptr', size: 'i32', inner: 'i32' } as const;

/** Bytes of scratch that a kernel with this many inputs needs. */
export const columnScratch = (t: Floats, inputs: number, size: number): number => (inputs + 1) * size * t.width;

/** A register of columns, staged: rows lie one register apart. */
interface Group {
  readonly sources: readonly Local[];
  readonly target: Local;
  /** Columns in the group. */
  readonly count: Local;
  /** Index of the group's first column among all columns. */
  readonly column: Local;
}

interface Scope {
  readonly f: Fn;
  readonly lo: Local;
  readonly hi: Local;
  readonly scratch: Local;
  readonly p: { readonly size: Local; readonly inner: Local };
}

/** Copies a group between its tensor and its stage, `count` elements per row. */
function copyGroup({ f, p }: Scope, t: Floats, count: Local, from: Expr, fromStep: Expr, to: Expr, toStep: Expr): void {
  const [a, b] = [f.let('from', from), f.let('to', to)];
  const rows = (copy: () => void): void =>
    f.for('row', 0, p.size, () => {
      copy();
      f.inc(a, fromStep);
      f.inc(b, toStep);
    });
  f.if(
    count.eq(t.lanes),
    () => rows(() => f.store(t.vector, b, load(t.vector, a))),
    () =>
      rows(() => {
        const bytes = f.let('bytes', elements(t, count));
        f.for('at', 0, bytes, (at) => f.store(t.scalar, b.add(at), load(t.scalar, a.add(at))), t.bytes);
      }),
  );
}

/**
 * Runs `body` for every group. Rows of a tensor are often a power of two apart, where few of them fit into the cache
 * together; so each is read and written once, and the passes run on the stage.
 */
function eachGroup(scope: Scope, t: Floats, sources: readonly Local[], target: Local, body: (group: Group) => void): void {
  const { f, p, lo, hi, scratch } = scope;
  const groups = f.let('groups', p.inner.add(t.lanes - 1).div(t.lanes));
  const rowBytes = f.let('rowBytes', elements(t, p.inner));
  const width = i32(t.width);
  const staged = f.let('staged', p.size.mul(t.width));
  const places = sources.map((_, i) => f.let('place', scratch.add(staged.mul(i))));
  const result = f.let('result', scratch.add(staged.mul(sources.length)));
  f.for('unit', lo, hi, (unit) => {
    const outer = f.let('outer', unit.div(groups));
    const first = f.let('first', unit.sub(outer.mul(groups)).mul(t.lanes));
    const left = f.let('left', p.inner.sub(first));
    const count = f.let('count', left.lt(t.lanes).select(left, t.lanes));
    const offset = f.let('offset', elements(t, outer.mul(p.size).mul(p.inner).add(first)));
    sources.forEach((source, i) => copyGroup(scope, t, count, source.add(offset), rowBytes, places[i]!, width));
    body({ sources: places, target: result, count, column: f.let('column', outer.mul(p.inner).add(first)) });
    copyGroup(scope, t, count, result, width, target.add(offset), rowBytes);
  });
}

/** Runs `body` for every row of a group, with the addresses of its registers. */
function eachRow({ f, p }: Scope, t: Floats, starts: readonly Local[], body: (at: readonly Local[]) => void): void {
  const ptrs = starts.map((start) => f.let('ptr', start));
  f.for('row', 0, p.size, () => {
    body(ptrs);
    for (const ptr of ptrs) f.inc(ptr, t.width);
  });
}

/** Maximum and Σ exp(x − maximum) of each column; exponentials are stored where `to` is given. */
function exponentials(scope: Scope, t: Floats, from: Local, to?: Local): [Local, Local] {
  const { f } = scope;
  const max = f.let('max', constant(t.vector, -Infinity));
  const sum = f.let('sum', constant(t.vector, 0));
  eachRow(scope, t, [from], ([x]) => f.set(max, max.binary('pmax', load(t.vector, x!))));
  eachRow(scope, t, to === undefined ? [from] : [from, to], ([x, y]) => {
    const e = f.let('e', expOf(f, t, load(t.vector, x!).sub(max)));
    if (y !== undefined) f.store(t.vector, y, e);
    f.inc(sum, e);
  });
  return [max, sum];
}

function softmaxColumns(
  scope: Scope & { p: { x: Local; y: Local } },
  t: Floats,
  statistics?: (group: Group, max: Local, sum: Local) => void,
): void {
  const { f, p } = scope;
  eachGroup(scope, t, [p.x], p.y, (group) => {
    const { sources, target } = group;
    const [max, sum] = exponentials(scope, t, sources[0]!, target);
    const scale = f.let('scale', constant(t.vector, 1).div(sum));
    eachRow(scope, t, [target], ([y]) => f.store(t.vector, y!, load(t.vector, y!).mul(scale)));
    statistics?.(group, max, sum);
  });
}

/** y = softmax(x) */
export const softmaxColumnsKernel = (target: Target, t: Floats): Kernel<typeof FORWARD_PARAMS> =>
  cachedKernel(target, `softmax/columns-${t.scalar}`, FORWARD_PARAMS, (scope) => softmaxColumns(scope, t));

/** y = softmax(x), maxima = the columns' maxima, logSums = ln Σ exp(x − maximum): what a loss needs besides. */
export const softmaxStatisticsColumnsKernel = (target: Target, t: Floats): Kernel<typeof STATISTICS_PARAMS> =>
  cachedKernel(target, `softmax/columns-statistics-${t.scalar}`, STATISTICS_PARAMS, (scope) => {
    const { f, p } = scope;
    softmaxColumns(scope, t, ({ count, column }, max, sum) => {
      const log = f.let('log', logOf(f, t, sum));
      const at = f.let('columnAt', elements(t, column));
      for (let lane = 0; lane < t.lanes; lane++) {
        f.if(count.gt(lane), () => {
          f.store(t.scalar, p.maxima.add(at), max.lane(lane), lane * t.bytes);
          f.store(t.scalar, p.logSums.add(at), log.lane(lane), lane * t.bytes);
        });
      }
    });
  });

/** y = x − max − ln Σ exp(x − max) */
export const logSoftmaxColumnsKernel = (target: Target, t: Floats): Kernel<typeof FORWARD_PARAMS> =>
  cachedKernel(target, `softmax/log-columns-${t.scalar}`, FORWARD_PARAMS, (scope) => {
    const { f, p } = scope;
    eachGroup(scope, t, [p.x], p.y, ({ sources, target }) => {
      const [max, sum] = exponentials(scope, t, sources[0]!);
      const log = f.let('log', logOf(f, t, sum));
      eachRow(scope, t, [sources[0]!, target], ([x, y]) => f.store(t.vector, y!, load(t.vector, x!).sub(max).sub(log)));
    });
  });

/** dx = y·(g − Σ g·y), or for logSoftmax dx = g − exp(y)·Σ g */
export const softmaxColumnsGradKernel = (target: Target, t: Floats, log: boolean): Kernel<typeof BACKWARD_PARAMS> =>
  cachedKernel(target, `softmax/${log ? 'log-' : ''}columns-grad-${t.scalar}`, BACKWARD_PARAMS, (scope) => {
    const { f, p } = scope;
    eachGroup(scope, t, [p.g, p.y], p.dx, ({ sources, target }) => {
      const sum = f.let('sum', constant(t.vector, 0));
      eachRow(scope, t, sources, ([g, y]) => {
        const part = load(t.vector, g!);
        f.inc(sum, log ? part : part.mul(load(t.vector, y!)));
      });
      eachRow(scope, t, [...sources, target], ([g, y, dx]) => {
        const [gHere, yHere] = [load(t.vector, g!), load(t.vector, y!)];
        f.store(t.vector, dx!, log ? gHere.sub(expOf(f, t, yHere).mul(sum)) : yHere.mul(gHere.sub(sum)));
      });
    });
  });
