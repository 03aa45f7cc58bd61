/**
 * Batch normalisation of [N, C, L] with L elements of a channel side by side (images), forward and backward.
 *
 * Mean and variance by the corrected two-pass algorithm (Chan, Golub and LeVeque 1983, "Algorithms for computing the sample
 * variance", eq. 1.7): sums of x − m and (x − m)² around a first mean m, each corrected by what m is off. Short runs are summed
 * in the tensor's precision, the runs in double precision. A channel's data usually stays in the second-level cache
 * between the passes, so that main memory is read once.
 *
 * A unit of work is one channel, so no sum is shared between threads.
 */
import { activationIn, type Gate } from '../../formula/epilogue.ts';
import { inputOf } from '../../formula/formula.ts';
import { expand } from '../elementwise/expand.ts';
import { variable } from '../elementwise/nodes.ts';
import { elements, sumLanes, type Floats } from '../floats.ts';
import { constant, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';

/** All tensors are dense; per-channel ones are [C]. Absent weights and biases are passed as tables of 1 and 0. */
const SHAPE_PARAMS = { batch: 'i32', channels: 'i32', size: 'i32' } as const;

const FORWARD_PARAMS = {
  x: 'ptr',
  y: 'ptr',
  /** What is added to the result, where the finish has an `add`; else not used. */
  residual: 'ptr',
  weight: 'ptr',
  bias: 'ptr',
  /** Train: written. Eval: not used. */
  mean: 'ptr',
  invStd: 'ptr',
  /** Train: updated where `running`. Eval: read. */
  runningMean: 'ptr',
  runningVar: 'ptr',
  /** Where `keeps`: [2, channels], the scales and the shifts of (x − mean), as they are applied. */
  coefficients: 'ptr',
  keeps: 'i32',
  eps: 'f64',
  momentum: 'f64',
  ...SHAPE_PARAMS,
  /** Number of the first channel: unit 0. */
  first: 'i32',
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
  /** Of a gate: what the forward kernel has left there. */
  coefficients: 'ptr',
  eps: 'f64',
  ...SHAPE_PARAMS,
  first: 'i32',
} as const;

/** `train` uses the batch's statistics, `running` updates running ones too, `eval` uses only those. */
export type NormMode = 'train' | 'running' | 'eval';

/** What is done to the results before they are written: by the arithmetic of the operations `add`, `relu` and other activations. */
export type NormFinish = '' | 'add' | 'relu' | 'add+relu' | `${'' | 'add+'}act ${string}`;

/** A result after those. `values` are x and, with an `add`, the residual. */
export function finished(f: Fn, t: Floats, finish: NormFinish, result: Expr, values: readonly Expr[]): Expr {
  const sum = finish.startsWith('add') ? result.add(values[1]!) : result;
  const activation = activationIn(finish);
  if (activation !== undefined) {
    return expand(f, [activation.of(inputOf(t.scalar, 0))], { inputs: [variable(f, sum)] }, lanesOf(t, sum))[0]!;
  }
  return finish.endsWith('relu') ? sum.binary('pmax', constant(sum.type, 0)) : sum;
}

const lanesOf = (t: Floats, value: Expr): number => (value.type === t.vector ? t.lanes : 1);

export const finishSuffix = (finish: NormFinish): string => (finish === '' ? '' : `-${finish}`);

type Sizes = { readonly [K in keyof typeof SHAPE_PARAMS]: Local };

/** Bytes summed in the tensor's own precision before the sum goes to double precision. */
const RUN = 4096;

/** Byte distances of a channel's segments. */
export interface Segments {
  readonly batch: Local;
  /** Bytes of one segment and from one image's to the next. */
  readonly bytes: Local;
  readonly step: Local;
}

function segments(f: Fn, t: Floats, p: Sizes): Segments {
  const bytes = f.let('segment', elements(t, p.size));
  return { batch: p.batch, bytes, step: f.let('imageStep', bytes.mul(p.channels)) };
}

/** Adds one element of each tensor, or one register, to the accumulators. */
export type AddTerms = (values: readonly Local[], sums: readonly Local[]) => void;

/**
 * Sums over a channel in double precision. `bases` are the addresses of the channel's first segment in each tensor;
 * `unroll` registers are summed side by side.
 */
export function channelSums(
  f: Fn,
  t: Floats,
  s: Segments,
  bases: readonly Expr[],
  count: number,
  unroll: number,
  add: AddTerms,
): Local[] {
  const totals = Array.from({ length: count }, () => f.let('total', constant('f64', 0)));
  const starts = bases.map((base) => f.let('start', base));
  const zeros = (type: 'f32' | 'f64' | 'f32v' | 'f64v'): Local[] => totals.map(() => f.let('sum', constant(type, 0)));
  f.for('image', 0, s.batch, () => {
    f.for(
      'run',
      0,
      s.bytes,
      (run) => {
        const left = f.let('left', s.bytes.sub(run));
        const size = f.let('size', left.lt(RUN).select(left, RUN));
        const ptrs = starts.map((start) => f.let('ptr', start.add(run)));
        const sums = Array.from({ length: unroll }, () => zeros(t.vector));
        const rest = zeros(t.scalar);
        const wide = f.let('wide', size.and(-t.width * unroll));
        const whole = f.let('whole', size.and(-t.width));
        const loads = (type: Floats['scalar'] | Floats['vector'], at: Expr, offset = 0): Local[] =>
          ptrs.map((ptr) => f.let('value', load(type, ptr.add(at), offset)));
        f.for('at', 0, wide, (at) => sums.forEach((sum, i) => add(loads(t.vector, at, i * t.width), sum)), t.width * unroll); // prettier-ignore
        f.for('at', wide, whole, (at) => add(loads(t.vector, at), sums[0]!), t.width);
        f.for('at', whole, size, (at) => add(loads(t.scalar, at), rest), t.bytes);
        totals.forEach((total, k) => {
          const whole = sums.slice(1).reduce<Expr>((sum, more) => sum.add(more[k]!), sums[0]![k]!);
          f.inc(total, sumLanes(f, t, whole).add(rest[k]!).cast('f64'));
        });
      },
      RUN,
    );
    for (const start of starts) f.inc(start, s.step);
  });
  return totals;
}

/** Writes every element of a channel: `value` gets the loaded elements and the constants, all vectors or all scalars. */
export function mapChannel(
  f: Fn,
  t: Floats,
  s: Segments,
  bases: readonly Expr[],
  to: Expr,
  constants: readonly Local[],
  value: (values: readonly Expr[], constants: readonly Expr[]) => Expr,
): void {
  const starts = bases.map((base) => f.let('start', base));
  const out = f.let('out', to);
  const whole = f.let('whole', s.bytes.and(-t.width));
  const wide = constants.map((scalar) => f.let('splat', scalar.splat()));
  f.for('image', 0, s.batch, () => {
    const loads = (type: Floats['scalar'] | Floats['vector'], at: Expr): Expr[] =>
      starts.map((start) => load(type, start.add(at)));
    f.for('at', 0, whole, (at) => f.store(t.vector, out.add(at), value(loads(t.vector, at), wide)), t.width);
    f.for('at', whole, s.bytes, (at) => f.store(t.scalar, out.add(at), value(loads(t.scalar, at), constants)), t.bytes);
    for (const start of [...starts, out]) f.inc(start, s.step);
  });
}

/** Mean and biased variance of a channel, in double precision. */
export function moments(f: Fn, t: Floats, s: Segments, x: Expr, count: Local): [Local, Local] {
  const [sum] = channelSums(f, t, s, [x], 1, 8, ([value], [total]) => f.inc(total!, value!)) as [Local];
  const near = f.let('near', sum.div(count).cast(t.scalar));
  const nears = f.let('nears', near.splat());
  const [off, squares] = channelSums(f, t, s, [x], 2, 4, ([value], [d, d2]) => {
    const difference = f.let('difference', value!.sub(value!.type === t.vector ? nears : near));
    f.inc(d!, difference);
    f.set(d2!, difference.fma(difference, d2!));
  }) as [Local, Local];
  const mean = f.let('mean', near.cast('f64').add(off.div(count)));
  const variance = squares.sub(off.mul(off).div(count)).div(count);
  return [mean, f.let('variance', variance.binary('max', 0))]; // rounding must not make it negative; NaN stays
}

/** old + momentum · (fresh − old), as PyTorch weighs it */
function blend(f: Fn, t: Floats, at: Expr, fresh: Expr, momentum: Local): void {
  const old = load(t.scalar, at).cast('f64');
  f.store(t.scalar, at, momentum.mul(fresh).add(constant('f64', 1).sub(momentum).mul(old)).cast(t.scalar));
}

export const inverseRoot = (variance: Expr, eps: Expr): Expr => constant('f64', 1).div(variance.add(eps).unary('sqrt'));

/** y = (x − mean) · (invStd · weight) + bias */
export const normPlanesKernel = (
  target: Target,
  t: Floats,
  mode: NormMode,
  finish: NormFinish = '',
): Kernel<typeof FORWARD_PARAMS> =>
  cachedKernel(target, `norm/planes-${mode}-${t.scalar}${finishSuffix(finish)}`, FORWARD_PARAMS, ({ f, p, lo, hi }) => {
    const s = segments(f, t, p);
    const count = f.let('count', p.batch.cast('f64').mul(p.size.cast('f64')));
    f.for('unit', lo, hi, (unit) => {
      const c = f.let('c', unit.add(p.first));
      const at = f.let('at', elements(t, c));
      const x = f.let('x', p.x.add(c.mul(s.bytes)));
      const mean = f.local('mean', 'f64');
      const invStd = f.local('invStd', 'f64');
      if (mode === 'eval') {
        f.set(mean, load(t.scalar, p.runningMean.add(at)).cast('f64'));
        f.set(invStd, inverseRoot(load(t.scalar, p.runningVar.add(at)).cast('f64'), p.eps));
      } else {
        const [batchMean, variance] = moments(f, t, s, x, count);
        f.set(mean, batchMean);
        f.set(invStd, inverseRoot(variance, p.eps));
        f.store(t.scalar, p.mean.add(at), mean.cast(t.scalar));
        f.store(t.scalar, p.invStd.add(at), invStd.cast(t.scalar));
        if (mode === 'running') {
          blend(f, t, p.runningMean.add(at), mean, p.momentum);
          blend(f, t, p.runningVar.add(at), variance.mul(count.div(count.sub(1))), p.momentum);
        }
      }
      const center = f.let('center', mean.cast(t.scalar));
      const scale = f.let('scale', invStd.mul(load(t.scalar, p.weight.add(at)).cast('f64')).cast(t.scalar));
      // What rounding the mean lost goes into the bias, for channels whose mean is large against their spread.
      const lost = mean.sub(center.cast('f64')).mul(scale.cast('f64'));
      const bias = f.let('bias', load(t.scalar, p.bias.add(at)).cast('f64').sub(lost).cast(t.scalar));
      f.if(p.keeps, () => {
        const place = f.let('place', p.coefficients.add(at));
        f.store(t.scalar, place, scale);
        f.store(t.scalar, place.add(elements(t, p.channels)), bias);
      });
      const y = p.y.add(c.mul(s.bytes));
      const sources = finish.startsWith('add') ? [x, p.residual.add(c.mul(s.bytes))] : [x];
      mapChannel(f, t, s, sources, y, [center, scale, bias], (values, [m, k, b]) =>
        finished(f, t, finish, values[0]!.sub(m!).fma(k!, b!), values),
      );
    });
  });

const AFFINE_PARAMS = {
  weight: 'ptr',
  bias: 'ptr',
  mean: 'ptr',
  variance: 'ptr',
  /** [channels, 2] */
  table: 'ptr',
  eps: 'f64',
} as const;

/** The evaluation form as x·scale + shift, for whoever can do that to its results. A unit of work is one channel. */
export const normAffineKernel = (target: Target, t: Floats): Kernel<typeof AFFINE_PARAMS> =>
  cachedKernel(target, `norm/affine-${t.scalar}`, AFFINE_PARAMS, ({ f, p, lo, hi }) => {
    f.for('c', lo, hi, (c) => {
      const at = f.let('at', elements(t, c));
      const read = (from: Local): Expr => load(t.scalar, from.add(at)).cast('f64');
      const scale = f.let('scale', inverseRoot(read(p.variance), p.eps).mul(read(p.weight)).cast(t.scalar));
      const to = f.let('to', p.table.add(at).add(at));
      f.store(t.scalar, to, scale);
      f.store(
        t.scalar,
        to,
        read(p.bias)
          .sub(read(p.mean).mul(scale.cast('f64')))
          .cast(t.scalar),
        t.bytes,
      );
    });
  });

/**
 * dBias = Σ g; dWeight = Σ g·x̂ with x̂ = (x − mean)·invStd. Through fixed statistics dx = g·weight·invStd; through those of the
 * batch dx = (g − Σ g / n − x̂·Σ g·x̂ / n)·weight·invStd, as mean and variance depend on every x.
 *
 * With a gate (of training), g is what it makes of the gradient of an activation's result; what the activation was given is made again
 * by the arithmetic of the forward kernel, to the last bit, so that neither has to be kept.
 */
export const normPlanesGradKernel = (
  target: Target,
  t: Floats,
  mode: 'train' | 'eval',
  gate?: Gate,
): Kernel<typeof BACKWARD_PARAMS> =>
  cachedKernel(
    target,
    `norm/planes-grad-${mode}-${t.scalar}${gate === undefined ? '' : `-${gate.name}`}`,
    BACKWARD_PARAMS,
    ({ f, p, lo, hi }) => {
      const s = segments(f, t, p);
      const count = f.let('count', p.batch.cast('f64').mul(p.size.cast('f64')));
      f.for('unit', lo, hi, (unit) => {
        const c = f.let('c', unit.add(p.first));
        const at = f.let('at', elements(t, c));
        const offset = f.let('offset', c.mul(s.bytes));
        const bases = [f.let('g', p.g.add(offset)), f.let('x', p.x.add(offset))];
        const mean = f.let('mean', load(t.scalar, p.mean.add(at)));
        const means = f.let('means', mean.splat());
        const spread = load(t.scalar, p.spread.add(at)).cast('f64');
        const invStd = f.let('invStd', mode === 'eval' ? inverseRoot(spread, p.eps) : spread);
        const gated = gate && buildGate(f, t, gate, p.coefficients.add(at), elements(t, p.channels));
        const [sum, product] = channelSums(f, t, s, bases, 2, 2, ([given, x], [total, products]) => {
          const difference = f.let('difference', x!.sub(x!.type === t.vector ? means : mean));
          const g = gated === undefined ? given! : f.let('gated', gated(given!, difference));
          f.inc(total!, g);
          f.set(products!, g.fma(difference, products!));
        }) as [Local, Local];
        f.store(t.scalar, p.dBias.add(at), sum.cast(t.scalar));
        f.store(t.scalar, p.dWeight.add(at), product.mul(invStd).cast(t.scalar));
        const scale = f.let('scale', invStd.mul(load(t.scalar, p.weight.add(at)).cast('f64')).cast(t.scalar));
        const dx = p.dx.add(offset);
        if (mode === 'eval') {
          mapChannel(f, t, s, bases.slice(0, 1), dx, [scale], ([g], [k]) => g!.mul(k!));
          return;
        }
        const level = f.let('level', sum.div(count).cast(t.scalar));
        const slope = f.let('slope', product.mul(invStd).mul(invStd).div(count).cast(t.scalar));
        const constants = [mean, level, slope, scale];
        mapChannel(f, t, s, bases, dx, constants, ([given, x], [m, l, b, k]) => {
          const difference = f.let('difference', x!.sub(m!));
          const g = gated === undefined ? given! : gated(given!, difference);
          return g.sub(l!).sub(difference.mul(b!)).mul(k!);
        });
      });
    },
  );

/** What a gate makes of a gradient, from x − mean. */
function buildGate(f: Fn, t: Floats, gate: Gate, at: Expr, shiftAt: Expr): (given: Expr, difference: Expr) => Expr {
  const place = f.let('coefficient', at);
  const scalars = [f.let('gateScale', load(t.scalar, place)), f.let('gateShift', load(t.scalar, place.add(shiftAt)))];
  const vectors = scalars.map((value) => f.let('gateSplat', value.splat()));
  const result = gate.of(inputOf(t.scalar, 0), inputOf(t.scalar, 1));
  return (given, difference) => {
    const [scale, shift] = difference.type === t.vector ? vectors : scalars;
    const saved = f.let('saved', difference.fma(scale!, shift!));
    return expand(f, [result], { inputs: [variable(f, given), saved] }, lanesOf(t, difference))[0]!;
  };
}
