/**
 * Losses of class indices: what each position costs, sums in a fixed order, and the gradients.
 *
 * A tensor is [outer, classes, inner]; a position is one of outer · inner, with the classes `inner` elements apart. Targets
 * are checked before they index anything: one that equals `ignore` costs nothing and weighs nothing; any other outside
 * [0, classes) traps (`fault.ts`).
 */
import { trapUnless } from '../fault.ts';
import { elements, type Floats } from '../floats.ts';
import { constant, i32, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope, type ParamSpec } from '../kernel.ts';
import { softmaxStatistics, STATISTICS_PARAMS } from '../softmax/rows.ts';

/** Positions whose losses are summed as one: a unit of work. */
export const POSITIONS = 512;

const LOSS_PARAMS = {
  /** Log-probabilities, or logits. */
  x: 'ptr',
  /** Logits only: per position, the maximum and ln Σ exp(x − maximum). */
  maxima: 'ptr',
  logSums: 'ptr',
  target: 'ptr',
  /** One per class; 1 everywhere where there are none. */
  weight: 'ptr',
  /** Per position, or per unit of work the sums of losses and weights in double precision. */
  losses: 'ptr',
  positions: 'i32',
  classes: 'i32',
  inner: 'i32',
  ignore: 'f64',
  smoothing: 'f64',
} as const;

const FINISH_PARAMS = { partials: 'ptr', count: 'i32', loss: 'ptr', totalWeight: 'ptr' } as const;

const GRAD_PARAMS = {
  /** ∂loss: one number, or one per position. */
  g: 'ptr',
  probabilities: 'ptr',
  target: 'ptr',
  weight: 'ptr',
  totalWeight: 'ptr',
  dx: 'ptr',
  classes: 'i32',
  inner: 'i32',
  ignore: 'f64',
  smoothing: 'f64',
} as const;

export type ClassLoss = 'nll' | 'crossEntropy';
export type LossReduction = 'none' | 'mean' | 'sum';

/** What is known of a position's target. */
interface Checked {
  /** Else it is ignored. */
  readonly counts: Local;
  /** Only meaningful where it counts. */
  readonly index: Local;
}

function checkTarget(f: Fn, ptr: Expr, p: { classes: Local }, ignore: Local): Checked {
  const value = f.let('target', load('i64', ptr));
  const counts = f.let('counts', value.ne(ignore));
  const inside = value.compare('ltU', p.classes.cast('i64')); // unsigned: negative numbers are large
  trapUnless(f, inside.or(counts.unary('eqz')));
  return { counts, index: f.let('index', value.cast('i32')) };
}

/** Byte offset of a position's first class. */
function positionOffset(f: Fn, t: Floats, position: Local, classes: Local, inner: Local): Expr {
  const outer = f.let('outer', position.div(inner));
  return elements(
    t,
    outer
      .mul(classes)
      .mul(inner)
      .add(position.sub(outer.mul(inner))),
  );
}

/** The loss of each position (`none`), or sums of losses and weights of each unit. */
export const classLossKernel = (
  target: Target,
  t: Floats,
  kind: ClassLoss,
  perPosition: boolean,
  smooth: boolean,
): Kernel<typeof LOSS_PARAMS> =>
  cachedKernel(target, `loss/${kind}-${t.scalar}${perPosition ? '-each' : ''}${smooth ? '-smooth' : ''}`, LOSS_PARAMS, (scope) =>
    classLoss(scope, t, kind, perPosition, smooth),
  );

type Scope<P extends ParamSpec> = Pick<KernelScope<P>, 'f' | 'p' | 'lo' | 'hi'>;

function classLoss({ f, p, lo, hi }: Scope<typeof LOSS_PARAMS>, t: Floats, kind: ClassLoss, perPosition: boolean, smooth: boolean): void {
  const ignore = f.let('ignored64', p.ignore.cast('i64'));
  const step = f.let('step', elements(t, p.inner));
  const keep = f.let('keep', constant('f64', 1).sub(p.smoothing).cast(t.scalar));
  const spread = f.let('spread', p.smoothing.div(p.classes.cast('f64')).cast(t.scalar));
  f.for('unit', lo, hi, (unit) => {
    const first = f.let('first', unit.mul(POSITIONS));
    const after = f.let('after', first.add(POSITIONS));
    const end = f.let('end', after.lt(p.positions).select(after, p.positions));
    const [total, totalWeight] = [f.let('total', constant('f64', 0)), f.let('totalWeight', constant('f64', 0))];
    f.for('position', first, end, (position) => {
      const { counts, index } = checkTarget(f, p.target.add(position.mul(8)), p, ignore);
      const loss = f.let('loss', constant(t.scalar, 0));
      const weight = f.let('weight', constant(t.scalar, 0));
      f.if(counts, () => {
        const row = f.let('row', p.x.add(positionOffset(f, t, position, p.classes, p.inner)));
        const at = elements(t, position);
        const max = f.let('max', kind === 'nll' ? constant(t.scalar, 0) : load(t.scalar, p.maxima.add(at)));
        const log = f.let('log', kind === 'nll' ? constant(t.scalar, 0) : load(t.scalar, p.logSums.add(at)));
        const cost = (x: Expr): Expr => (kind === 'nll' ? x.unary('neg') : log.sub(x.sub(max)));
        f.set(weight, load(t.scalar, p.weight.add(elements(t, index))));
        f.set(loss, cost(load(t.scalar, row.add(index.mul(step)))).mul(weight));
        if (smooth) f.set(loss, loss.mul(keep).add(smoothed(f, t, p, row, step, cost).mul(spread)));
      });
      if (perPosition) f.store(t.scalar, p.losses.add(elements(t, position)), loss);
      else {
        f.inc(total, loss.cast('f64'));
        f.inc(totalWeight, weight.cast('f64'));
      }
    });
    if (perPosition) return;
    const at = f.let('at', p.losses.add(unit.mul(16)));
    f.store('f64', at, total);
    f.store('f64', at, totalWeight, 8);
  });
}

/** Σ weight · cost over all classes of a position. */
function smoothed(f: Fn, t: Floats, p: { classes: Local; weight: Local }, row: Local, step: Local, cost: (x: Expr) => Expr): Local {
  const sum = f.let('smoothed', constant(t.scalar, 0));
  const x = f.let('x', row);
  f.for('class', 0, p.classes, (c) => {
    f.inc(sum, cost(load(t.scalar, x)).mul(load(t.scalar, p.weight.add(elements(t, c)))));
    f.inc(x, step);
  });
  return sum;
}

/** Adds up the units' sums: loss = Σ losses, for `mean` divided by Σ weights. One unit of work. */
export const classFinishKernel = (target: Target, t: Floats, mean: boolean): Kernel<typeof FINISH_PARAMS> =>
  cachedKernel(target, `loss/finish-${t.scalar}${mean ? '-mean' : ''}`, FINISH_PARAMS, (scope) => classFinish(scope, t, mean));

function classFinish({ f, p }: Pick<Scope<typeof FINISH_PARAMS>, 'f' | 'p'>, t: Floats, mean: boolean): void {
  const [loss, weight] = [f.let('sum', constant('f64', 0)), f.let('weights', constant('f64', 0))];
  f.for('i', 0, p.count, (i) => {
    const at = f.let('at', p.partials.add(i.mul(16)));
    f.inc(loss, load('f64', at));
    f.inc(weight, load('f64', at, 8));
  });
  f.store(t.scalar, p.loss, (mean ? loss.div(weight) : loss).cast(t.scalar));
  f.store(t.scalar, p.totalWeight, weight.cast(t.scalar));
}

/** ∂loss of a position before its weight: its own number, or the common one, for `mean` divided by the weights' sum. */
function upstream(f: Fn, t: Floats, p: { g: Local; totalWeight: Local }, reduction: LossReduction): (position: Local) => Expr {
  if (reduction === 'none') return (position) => load(t.scalar, p.g.add(elements(t, position)));
  const one = load(t.scalar, p.g);
  const common = f.let('common', reduction === 'mean' ? one.div(load(t.scalar, p.totalWeight)) : one);
  return () => common;
}

/** dx = −weight·g at the target; elsewhere 0 is there already. A unit of work is one position. */
export const nllGradKernel = (target: Target, t: Floats, reduction: LossReduction): Kernel<typeof GRAD_PARAMS> =>
  cachedKernel(target, `loss/nll-grad-${t.scalar}-${reduction}`, GRAD_PARAMS, ({ f, p, lo, hi }) => {
    const ignore = f.let('ignored64', p.ignore.cast('i64'));
    const step = f.let('step', elements(t, p.inner));
    const gOf = upstream(f, t, p, reduction);
    f.for('position', lo, hi, (position) => {
      const { counts, index } = checkTarget(f, p.target.add(position.mul(8)), p, ignore);
      const row = f.let('row', p.dx.add(positionOffset(f, t, position, p.classes, p.inner)));
      f.if(counts, () => {
        const weight = load(t.scalar, p.weight.add(elements(t, index)));
        f.store(t.scalar, row.add(index.mul(step)), gOf(position).mul(weight).unary('neg'));
      });
    });
  });

/**
 * The gradient of the cross-entropy with respect to the logits. With u = (1 − ε)·weight(target), v = ε/C and W = Σ weights, the loss is
 * −u·ln p(target) − v·Σ weight(c)·ln p(c), so dx(c) = g·(p(c)·(u + v·W) − v·weight(c) − u·[c = target]).
 *
 * A unit of work is one position.
 *
 * @param dense whether inner = 1
 */
export const crossEntropyGradKernel = (
  target: Target,
  t: Floats,
  reduction: LossReduction,
  { dense, smooth }: { readonly dense: boolean; readonly smooth: boolean },
): Kernel<typeof GRAD_PARAMS> => {
  const key = `loss/ce-grad-${t.scalar}-${reduction}${dense ? '-dense' : ''}${smooth ? '-smooth' : ''}`;
  return cachedKernel(target, key, GRAD_PARAMS, (scope) => crossEntropyGrad(scope, t, reduction, dense, smooth));
};

function crossEntropyGrad(
  { f, p, lo, hi }: Scope<typeof GRAD_PARAMS>,
  t: Floats,
  reduction: LossReduction,
  dense: boolean,
  smooth: boolean,
): void {
  const ignore = f.let('ignored64', p.ignore.cast('i64'));
  const step = f.let('step', elements(t, p.inner));
  const bytes = f.let('bytes', elements(t, p.classes));
  const whole = dense ? f.let('whole', bytes.and(-t.width)) : constant('i32', 0);
  const gOf = upstream(f, t, p, reduction);
  const parts = smooth ? smoothingShare(f, t, p, bytes) : undefined;
  f.for('position', lo, hi, (position) => {
    const { counts, index } = checkTarget(f, p.target.add(position.mul(8)), p, ignore);
    const offset = f.let('offset', positionOffset(f, t, position, p.classes, p.inner));
    const [own, scale, level] = ['own', 'scale', 'level'].map((name) => f.let(name, constant(t.scalar, 0))) as [Local, Local, Local];
    f.if(counts, () => {
      const g = f.let('g', gOf(position));
      const u = load(t.scalar, p.weight.add(elements(t, index)));
      f.set(own, g.mul(parts === undefined ? u : u.mul(parts.keep)));
      f.set(scale, parts === undefined ? own : own.add(g.mul(parts.total)));
      if (parts !== undefined) f.set(level, g.mul(parts.each));
    });
    const from = f.let('from', p.probabilities.add(offset));
    const to = f.let('to', p.dx.add(offset));
    const value = (type: 'f32' | 'f64' | 'f32v' | 'f64v', ptr: Expr, weightAt: Expr): Expr => {
      const wide = (local: Local): Expr => (type === t.vector ? local.splat() : local);
      const share = load(type, ptr).mul(wide(scale));
      return smooth ? share.sub(load(type, p.weight.add(weightAt)).mul(wide(level))) : share;
    };
    f.for('at', 0, whole, (at) => f.store(t.vector, to.add(at), value(t.vector, from.add(at), at)), t.width);
    f.for(
      'at',
      whole,
      bytes,
      (at) => {
        const far = dense ? at : f.let('far', at.mul(p.inner));
        f.store(t.scalar, to.add(far), value(t.scalar, from.add(far), at));
      },
      t.bytes,
    );
    f.if(counts, () => {
      const at = f.let('at', to.add(index.mul(step)));
      f.store(t.scalar, at, load(t.scalar, at).sub(own));
    });
  });
}

const TRAINING_PARAMS = { ...STATISTICS_PARAMS, ...LOSS_PARAMS, ...FINISH_PARAMS, ...GRAD_PARAMS } as const;

/**
 * softmax, loss and gradient in one, for logits of a few dense rows: the work of `softmaxStatisticsRowsKernel`,
 * {@link classLossKernel}, {@link classFinishKernel} and {@link crossEntropyGradKernel} one after the other. `probabilities` is
 * `y`, `size` is `classes`, `partials` is `losses`. One unit of work.
 */
export const crossEntropyTrainingKernel = (
  target: Target,
  t: Floats,
  reduction: 'mean' | 'sum',
  smooth: boolean,
): Kernel<typeof TRAINING_PARAMS> => {
  const key = `loss/ce-training-${t.scalar}-${reduction}${smooth ? '-smooth' : ''}`;
  return cachedKernel(target, key, TRAINING_PARAMS, (scope) => {
    const { f, p } = scope;
    const range = (hi: Expr): Pick<Scope<ParamSpec>, 'lo' | 'hi'> => ({ lo: f.let('lo', i32(0)), hi: f.let('hi', hi) });
    softmaxStatistics({ ...scope, ...range(p.positions) }, t);
    classLoss({ f, p, ...range(p.count) }, t, 'crossEntropy', false, smooth);
    classFinish({ f, p }, t, reduction === 'mean');
    crossEntropyGrad({ f, p, ...range(p.positions) }, t, reduction, true, smooth);
  });
};

/** 1 − ε, v = ε/C, and v·W. */
function smoothingShare(f: Fn, t: Floats, p: { smoothing: Local; classes: Local; weight: Local }, bytes: Local) {
  const each = f.let('each', p.smoothing.div(p.classes.cast('f64')));
  const sum = f.let('weights', constant('f64', 0));
  f.for('at', 0, bytes, (at) => f.inc(sum, load(t.scalar, p.weight.add(at)).cast('f64')), t.bytes);
  return {
    keep: f.let('keep', constant('f64', 1).sub(p.smoothing).cast(t.scalar)),
    each: f.let('each1', each.cast(t.scalar)),
    total: f.let('total', each.mul(sum).cast(t.scalar)),
  };
}
