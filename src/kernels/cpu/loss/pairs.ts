/**
 * Losses of two tensors, element by element (`formula/pairs.ts`). Sums are taken per block of elements in a fixed order.
 *
 * A unit of work is one block of {@link BLOCK} elements.
 */
import type { PairLossKind } from '../../../geometry/loss.ts';
import { inputOf } from '../../formula/formula.ts';
import { pairLoss, pairSlope } from '../../formula/pairs.ts';
import { expand } from '../elementwise/expand.ts';
import { elements, sumLanes, type Floats } from '../floats.ts';
import { constant, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';

/** Elements of a unit of work. */
export const BLOCK = 4096;
/** Elements summed before the partial sum goes to double precision. */
const RUN = 512;

const FORWARD_PARAMS = { a: 'ptr', b: 'ptr', out: 'ptr', size: 'i32', beta: 'f64' } as const;
const FINISH_PARAMS = { partials: 'ptr', count: 'i32', loss: 'ptr', divisor: 'f64' } as const;
const BACKWARD_PARAMS = { g: 'ptr', a: 'ptr', b: 'ptr', da: 'ptr', size: 'i32', beta: 'f64', scale: 'f64' } as const;

/** The loss of one pair; vector or scalar. */
function lossOf(f: Fn, t: Floats, kind: PairLossKind, inputs: Operands): Expr {
  const pair = { a: inputOf(t.scalar, 0), b: inputOf(t.scalar, 1), beta: inputOf(t.scalar, 2) };
  return expand(f, [pairLoss(kind, pair)], { inputs }, lanesOf(t, inputs))[0]!;
}

/** Its slope along a times the fourth operand. */
function slopeOf(f: Fn, t: Floats, kind: PairLossKind, inputs: Operands): Expr {
  const pair = { a: inputOf(t.scalar, 0), b: inputOf(t.scalar, 1), beta: inputOf(t.scalar, 2) };
  return expand(f, [pairSlope(kind, pair, inputOf(t.scalar, 3))], { inputs }, lanesOf(t, inputs))[0]!;
}

/** a, b, beta and what else there is: all scalars or all vectors. */
type Operands = readonly [Expr, Expr, Expr, ...Expr[]];
const lanesOf = (t: Floats, [a]: Operands): number => (a.type === t.vector ? t.lanes : 1);

/** Bytes of a unit: from its first element to its last. */
function blockRange(f: Fn, t: Floats, unit: Local, size: Local): { start: Local; bytes: Local } {
  const first = f.let('first', unit.mul(BLOCK));
  const left = f.let('left', size.sub(first));
  return {
    start: f.let('start', elements(t, first)),
    bytes: f.let('bytes', elements(t, left.lt(BLOCK).select(left, BLOCK))),
  };
}

/** out = the losses, or per unit their sum in double precision. */
export const pairLossKernel = (target: Target, t: Floats, kind: PairLossKind, each: boolean): Kernel<typeof FORWARD_PARAMS> =>
  cachedKernel(target, `loss/${kind}-${t.scalar}${each ? '-each' : ''}`, FORWARD_PARAMS, ({ f, p, lo, hi }) => {
    const beta = f.let('beta1', p.beta.cast(t.scalar));
    const betas = f.let('betas', beta.splat());
    f.for('unit', lo, hi, (unit) => {
      const { start, bytes } = blockRange(f, t, unit, p.size);
      const loss = (type: 'f32' | 'f64' | 'f32v' | 'f64v', at: Expr): Expr =>
        lossOf(f, t, kind, [load(type, p.a.add(at)), load(type, p.b.add(at)), type === t.vector ? betas : beta]);
      const whole = f.let('whole', bytes.and(-t.width));
      if (each) {
        const out = f.let('to', p.out.add(start));
        f.for('v', 0, whole, (v) => f.store(t.vector, out.add(v), loss(t.vector, start.add(v))), t.width);
        f.for('s', whole, bytes, (s) => f.store(t.scalar, out.add(s), loss(t.scalar, start.add(s))), t.bytes);
        return;
      }
      const total = f.let('total', constant('f64', 0));
      f.for(
        'run',
        0,
        whole,
        (run) => {
          const end = f.let('end', run.add(RUN * t.bytes));
          const stop = f.let('stop', end.lt(whole).select(end, whole));
          const sum = f.let('sum', constant(t.vector, 0));
          f.for('v', run, stop, (v) => f.inc(sum, loss(t.vector, start.add(v))), t.width);
          f.inc(total, sumLanes(f, t, sum).cast('f64'));
        },
        RUN * t.bytes,
      );
      f.for('s', whole, bytes, (s) => f.inc(total, loss(t.scalar, start.add(s)).cast('f64')), t.bytes);
      f.store('f64', p.out.add(unit.mul(8)), total);
    });
  });

/** loss = Σ partials / divisor. One unit of work. */
export const pairFinishKernel = (target: Target, t: Floats): Kernel<typeof FINISH_PARAMS> =>
  cachedKernel(target, `loss/pair-finish-${t.scalar}`, FINISH_PARAMS, ({ f, p }) => {
    const sum = f.let('sum', constant('f64', 0));
    f.for('i', 0, p.count, (i) => f.inc(sum, load('f64', p.partials.add(i.mul(8)))));
    f.store(t.scalar, p.loss, sum.div(p.divisor).cast(t.scalar));
  });

/** da = ∂loss/∂a · g · scale, g being one number or one per element. */
export const pairLossGradKernel = (target: Target, t: Floats, kind: PairLossKind, each: boolean): Kernel<typeof BACKWARD_PARAMS> =>
  cachedKernel(target, `loss/${kind}-grad-${t.scalar}${each ? '-each' : ''}`, BACKWARD_PARAMS, ({ f, p, lo, hi }) => {
    const beta = f.let('beta1', p.beta.cast(t.scalar));
    const scale = f.let('scale1', p.scale.cast(t.scalar));
    if (!each) f.set(scale, scale.mul(load(t.scalar, p.g)));
    const [betas, scales] = [f.let('betas', beta.splat()), f.let('scales', scale.splat())];
    f.for('unit', lo, hi, (unit) => {
      const { start, bytes } = blockRange(f, t, unit, p.size);
      const whole = f.let('whole', bytes.and(-t.width));
      const slope = (type: 'f32' | 'f64' | 'f32v' | 'f64v', at: Expr): Expr => {
        const factor = type === t.vector ? scales : scale;
        const g = each ? f.let('g', load(type, p.g.add(at)).mul(factor)) : factor;
        const [a, b] = [load(type, p.a.add(at)), load(type, p.b.add(at))];
        return slopeOf(f, t, kind, [a, b, type === t.vector ? betas : beta, g]);
      };
      const out = f.let('to', p.da.add(start));
      f.for('v', 0, whole, (v) => f.store(t.vector, out.add(v), slope(t.vector, start.add(v))), t.width);
      f.for('s', whole, bytes, (s) => f.store(t.scalar, out.add(s), slope(t.scalar, start.add(s))), t.bytes);
    });
  });
