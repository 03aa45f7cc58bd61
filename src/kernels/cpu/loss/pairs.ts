/**
 * Losses of two tensors a and b, element by element: of the difference d = a − b the square, the size, and the two that
 * are quadratic near 0 (https://pytorch.org/docs/stable/generated/torch.nn.SmoothL1Loss.html, HuberLoss); and the binary
 * cross-entropy of the logit a and the probability b. Sums are taken per block of elements in a fixed order.
 *
 * A unit of work is one block of {@link BLOCK} elements.
 */
import { elements, expOf, log1pOf, sumLanes, type Floats } from '../floats.ts';
import { constant, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';

/** Elements of a unit of work. */
export const BLOCK = 4096;
/** Elements summed before the partial sum goes to double precision. */
const RUN = 512;

export type PairKind = 'mse' | 'l1' | 'smoothL1' | 'huber' | 'bceWithLogits';

const FORWARD_PARAMS = { a: 'ptr', b: 'ptr', out: 'ptr', size: 'i32', beta: 'f64' } as const;
const FINISH_PARAMS = { partials: 'ptr', count: 'i32', loss: 'ptr', divisor: 'f64' } as const;
const BACKWARD_PARAMS = { g: 'ptr', a: 'ptr', b: 'ptr', da: 'ptr', size: 'i32', beta: 'f64', scale: 'f64' } as const;

/** The two elements, or registers of elements, and what goes with them in the same type. */
interface Pair {
  readonly a: Expr;
  readonly b: Expr;
  readonly beta: Expr;
}

/** Applies a function of vectors to a vector, or to a scalar by way of one. */
function asVector(t: Floats, x: Expr, fn: (x: Expr) => Expr): Expr {
  return x.type === t.vector ? fn(x) : fn(x.splat()).lane(0);
}

/** The loss of one pair; vector or scalar. */
function lossOf(f: Fn, t: Floats, kind: PairKind, { a, b, beta }: Pair): Expr {
  if (kind === 'bceWithLogits') {
    // −b·ln σ(a) − (1 − b)·ln(1 − σ(a)) = max(a, 0) − a·b + ln(1 + exp(−|a|)), where nothing overflows
    const logit = f.let('logit', a);
    const rest = asVector(t, logit.unary('abs').unary('neg'), (x) => log1pOf(f, t, expOf(f, t, x)));
    return logit.binary('max', 0).sub(logit.mul(b)).add(rest);
  }
  const difference = f.let('d', a.sub(b));
  if (kind === 'mse') return difference.mul(difference);
  const size = f.let('size', difference.unary('abs'));
  if (kind === 'l1') return size;
  const square = size.mul(size).mul(0.5);
  const linear = size.sub(beta.mul(0.5));
  return kind === 'smoothL1'
    ? size.lt(beta).select(square.div(beta), linear)
    : size.lt(beta).select(square, linear.mul(beta));
}

/** ∂loss/∂a times g. */
function slopeOf(f: Fn, t: Floats, kind: PairKind, { a, b, beta }: Pair, g: Expr): Expr {
  if (kind === 'bceWithLogits') return sigmoid(f, t, a).sub(b).mul(g);
  const difference = f.let('d', a.sub(b));
  if (kind === 'mse') return difference.mul(g); // the factor 2 is part of the scale
  const zero = constant(difference.type, 0);
  const inner = kind === 'l1' ? zero : kind === 'smoothL1' ? difference.mul(g).div(beta) : difference.mul(g);
  const outer = kind === 'huber' ? g.mul(beta) : g;
  const edge = kind === 'l1' ? zero : beta;
  const above = kind === 'l1' ? difference.gt(zero) : difference.ge(edge);
  const below = kind === 'l1' ? difference.lt(zero) : difference.le(edge.unary('neg'));
  return above.select(outer, below.select(outer.unary('neg'), inner));
}

function sigmoid(f: Fn, t: Floats, x: Expr): Expr {
  const e = f.let(
    'e',
    asVector(t, x.unary('neg'), (v) => expOf(f, t, v)),
  );
  return constant(x.type, 1).div(e.add(1));
}

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
export const pairLossKernel = (
  target: Target,
  t: Floats,
  kind: PairKind,
  each: boolean,
): Kernel<typeof FORWARD_PARAMS> =>
  cachedKernel(target, `loss/${kind}-${t.scalar}${each ? '-each' : ''}`, FORWARD_PARAMS, ({ f, p, lo, hi }) => {
    const beta = f.let('beta1', p.beta.cast(t.scalar));
    const betas = f.let('betas', beta.splat());
    f.for('unit', lo, hi, (unit) => {
      const { start, bytes } = blockRange(f, t, unit, p.size);
      const loss = (type: 'f32' | 'f64' | 'f32v' | 'f64v', at: Expr): Expr =>
        lossOf(f, t, kind, {
          a: load(type, p.a.add(at)),
          b: load(type, p.b.add(at)),
          beta: type === t.vector ? betas : beta,
        });
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
export const pairLossGradKernel = (
  target: Target,
  t: Floats,
  kind: PairKind,
  each: boolean,
): Kernel<typeof BACKWARD_PARAMS> =>
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
        return slopeOf(f, t, kind, { a, b, beta: type === t.vector ? betas : beta }, g);
      };
      const out = f.let('to', p.da.add(start));
      f.for('v', 0, whole, (v) => f.store(t.vector, out.add(v), slope(t.vector, start.add(v))), t.width);
      f.for('s', whole, bytes, (s) => f.store(t.scalar, out.add(s), slope(t.scalar, start.add(s))), t.bytes);
    });
  });
