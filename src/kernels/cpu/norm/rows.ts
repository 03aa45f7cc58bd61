/**
 * Batch normalisation of [N, C]: channels lie side by side, so each lane of a register is a channel of its own. The method is
 * that of `norm/planes.ts`, which also takes the last channels where they do not fill a register; sums are kept short
 * by adding up runs of rows.
 *
 * A unit of work is one register of channels.
 */
import { elements, type Floats } from '../floats.ts';
import { constant, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';
import { finished, finishSuffix, type NormFinish, type NormMode } from './planes.ts';

const FORWARD_PARAMS = {
  x: 'ptr',
  y: 'ptr',
  residual: 'ptr',
  weight: 'ptr',
  bias: 'ptr',
  mean: 'ptr',
  invStd: 'ptr',
  runningMean: 'ptr',
  runningVar: 'ptr',
  eps: 'f64',
  momentum: 'f64',
  batch: 'i32',
  channels: 'i32',
} as const;

const BACKWARD_PARAMS = {
  g: 'ptr',
  x: 'ptr',
  mean: 'ptr',
  /** Train: 1/√(var + ε). Eval: the variance. */
  spread: 'ptr',
  weight: 'ptr',
  dx: 'ptr',
  dWeight: 'ptr',
  dBias: 'ptr',
  eps: 'f64',
  batch: 'i32',
  channels: 'i32',
} as const;

/** Rows whose sum is added as one. */
const RUN = 64;

interface Rows {
  readonly batch: Local;
  /** Bytes from row to row. */
  readonly step: Local;
}

/** Sums over rows. `add` adds one row's registers to the sums of the run. */
function rowSums(
  f: Fn,
  t: Floats,
  rows: Rows,
  bases: readonly Expr[],
  count: number,
  add: (values: readonly Local[], sums: readonly Local[]) => void,
): Local[] {
  const ptrs = bases.map((base) => f.let('ptr', base));
  const totals = Array.from({ length: count }, () => f.let('total', constant(t.vector, 0)));
  f.for(
    'run',
    0,
    rows.batch,
    (run) => {
      const left = f.let('left', rows.batch.sub(run));
      const size = f.let('size', left.lt(RUN).select(left, RUN));
      const sums = totals.map(() => f.let('sum', constant(t.vector, 0)));
      f.for('row', 0, size, () => {
        add(
          ptrs.map((ptr) => f.let('value', load(t.vector, ptr))),
          sums,
        );
        for (const ptr of ptrs) f.inc(ptr, rows.step);
      });
      totals.forEach((total, k) => f.inc(total, sums[k]!));
    },
    RUN,
  );
  return totals;
}

/** Writes every row's register. */
function mapRows(f: Fn, t: Floats, rows: Rows, bases: readonly Expr[], to: Expr, value: (values: readonly Expr[]) => Expr): void {
  const ptrs = bases.map((base) => f.let('ptr', base));
  const out = f.let('out', to);
  f.for('row', 0, rows.batch, () => {
    f.store(t.vector, out, value(ptrs.map((ptr) => load(t.vector, ptr))));
    for (const ptr of [...ptrs, out]) f.inc(ptr, rows.step);
  });
}

/** 1/√(variance + ε), each lane in double precision being more than it needs: one rounding apart from it. */
const inverseRoot = (t: Floats, variance: Expr, eps: Expr): Expr =>
  constant(t.vector, 1).div(variance.add(eps.cast(t.scalar).splat()).unary('sqrt'));

/** y = (x − mean) · (invStd · weight) + bias */
export const normRowsKernel = (target: Target, t: Floats, mode: NormMode, finish: NormFinish = ''): Kernel<typeof FORWARD_PARAMS> =>
  cachedKernel(target, `norm/rows-${mode}-${t.scalar}${finishSuffix(finish)}`, FORWARD_PARAMS, ({ f, p, lo, hi }) => {
    const rows = { batch: p.batch, step: f.let('step', elements(t, p.channels)) };
    const count = f.let('count', p.batch.cast(t.scalar).splat());
    f.for('unit', lo, hi, (unit) => {
      const at = f.let('at', unit.mul(t.width));
      const x = f.let('x', p.x.add(at));
      const center = f.local('center', t.vector);
      const off = f.let('off', constant(t.vector, 0));
      const invStd = f.local('invStd', t.vector);
      if (mode === 'eval') {
        f.set(center, load(t.vector, p.runningMean.add(at)));
        f.set(invStd, inverseRoot(t, load(t.vector, p.runningVar.add(at)), p.eps));
      } else {
        const [sum] = rowSums(f, t, rows, [x], 1, ([value], [total]) => f.inc(total!, value!)) as [Local];
        f.set(center, sum.div(count));
        const [differences, squares] = rowSums(f, t, rows, [x], 2, ([value], [d, d2]) => {
          const difference = f.let('difference', value!.sub(center));
          f.inc(d!, difference);
          f.set(d2!, difference.fma(difference, d2!));
        }) as [Local, Local];
        f.set(off, differences.div(count));
        const mean = f.let('mean', center.add(off));
        const variance = f.let('variance', squares.sub(off.mul(differences)).div(count).binary('max', 0));
        f.set(invStd, inverseRoot(t, variance, p.eps));
        f.store(t.vector, p.mean.add(at), mean);
        f.store(t.vector, p.invStd.add(at), invStd);
        if (mode === 'running') {
          const unbiased = variance.mul(count.div(count.sub(1)));
          blend(f, t, p.runningMean.add(at), mean, p.momentum);
          blend(f, t, p.runningVar.add(at), unbiased, p.momentum);
        }
      }
      const scale = f.let('scale', invStd.mul(load(t.vector, p.weight.add(at))));
      const bias = f.let('bias', load(t.vector, p.bias.add(at)).sub(off.mul(scale)));
      const sources = finish.startsWith('add') ? [x, p.residual.add(at)] : [x];
      mapRows(f, t, rows, sources, p.y.add(at), (values) => finished(f, t, finish, values[0]!.sub(center).fma(scale, bias), values));
    });
  });

/** momentum · fresh + (1 − momentum) · old */
function blend(f: Fn, t: Floats, at: Expr, fresh: Expr, momentum: Local): void {
  const [gain, rest] = [momentum, constant('f64', 1).sub(momentum)].map((part) => part.cast(t.scalar).splat());
  f.store(t.vector, at, gain!.mul(fresh).add(rest!.mul(load(t.vector, at))));
}

/** The gradients of `norm/planes.ts` with a channel per lane. */
export const normRowsGradKernel = (target: Target, t: Floats, mode: 'train' | 'eval'): Kernel<typeof BACKWARD_PARAMS> =>
  cachedKernel(target, `norm/rows-grad-${mode}-${t.scalar}`, BACKWARD_PARAMS, ({ f, p, lo, hi }) => {
    const rows = { batch: p.batch, step: f.let('step', elements(t, p.channels)) };
    const count = f.let('count', p.batch.cast(t.scalar).splat());
    f.for('unit', lo, hi, (unit) => {
      const at = f.let('at', unit.mul(t.width));
      const bases = [f.let('g', p.g.add(at)), f.let('x', p.x.add(at))];
      const mean = f.let('mean', load(t.vector, p.mean.add(at)));
      const spread = load(t.vector, p.spread.add(at));
      const invStd = f.let('invStd', mode === 'eval' ? inverseRoot(t, spread, p.eps) : spread);
      const [sum, product] = rowSums(f, t, rows, bases, 2, ([g, x], [total, products]) => {
        f.inc(total!, g!);
        f.set(products!, g!.fma(x!.sub(mean), products!));
      }) as [Local, Local];
      const dWeight = f.let('dWeight', product.mul(invStd));
      f.store(t.vector, p.dBias.add(at), sum);
      f.store(t.vector, p.dWeight.add(at), dWeight);
      const scale = f.let('scale', invStd.mul(load(t.vector, p.weight.add(at))));
      const dx = p.dx.add(at);
      if (mode === 'eval') {
        mapRows(f, t, rows, bases.slice(0, 1), dx, ([g]) => g!.mul(scale));
        return;
      }
      const level = f.let('level', sum.div(count));
      const slope = f.let('slope', dWeight.mul(invStd).div(count));
      mapRows(f, t, rows, bases, dx, ([g, x]) => g!.sub(level).sub(x!.sub(mean).mul(slope)).mul(scale));
    });
  });
