/**
 * Batch normalisation of [N, C, L] with L elements of a channel side by side (images), forward and backward.
 *
 * Statistics and sums are those of `segments.ts`. A channel's data usually stays in the second-level cache between the passes, so that
 * main memory is read once.
 *
 * A unit of work is one channel, so no sum is shared between threads.
 */
import { activationIn, type Gate } from '../../formula/epilogue.ts';
import { inputOf } from '../../formula/formula.ts';
import { expand } from '../elementwise/expand.ts';
import { variable } from '../elementwise/nodes.ts';
import { elements, type Floats } from '../floats.ts';
import { constant, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';
import { channelSums, mapChannel, moments, segments, type Segments } from './segments.ts';

/** Tensors are dense but for those whose steps are given; per-channel ones are [C]. Absent weights and biases are passed as tables of 1 and 0. */
const SHAPE_PARAMS = { batch: 'i32', channels: 'i32', size: 'i32' } as const;

const FORWARD_PARAMS = {
  x: 'ptr',
  y: 'ptr',
  /** Bytes from image to image, and from channel to channel. */
  yn: 'i32',
  yc: 'i32',
  /** What is added to the result, where the finish has an `add`; else not used. */
  residual: 'ptr',
  rn: 'i32',
  rc: 'i32',
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
  /** Whether results are larger than caches. */
  streams: 'i32',
} as const;

const BACKWARD_PARAMS = {
  g: 'ptr',
  /** Bytes from image to image, and from channel to channel. */
  gn: 'i32',
  gc: 'i32',
  x: 'ptr',
  mean: 'ptr',
  /** Train: 1/√(var + ε). Eval: the variance. */
  spread: 'ptr',
  weight: 'ptr',
  dx: 'ptr',
  dn: 'i32',
  dc: 'i32',
  dWeight: 'ptr',
  dBias: 'ptr',
  /** Of a gate: what the forward kernel has left there. */
  coefficients: 'ptr',
  eps: 'f64',
  ...SHAPE_PARAMS,
  first: 'i32',
  streams: 'i32',
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

export function channelSegments(f: Fn, t: Floats, p: Sizes): Segments {
  const bytes = f.let('segment', elements(t, p.size));
  return segments(f, t, p.batch, bytes, f.let('imageStep', bytes.mul(p.channels)));
}

/** old + momentum · (fresh − old), as PyTorch weighs it */
function blend(f: Fn, t: Floats, at: Expr, fresh: Expr, momentum: Local): void {
  const old = load(t.scalar, at).cast('f64');
  f.store(t.scalar, at, momentum.mul(fresh).add(constant('f64', 1).sub(momentum).mul(old)).cast(t.scalar));
}

export const inverseRoot = (variance: Expr, eps: Expr): Expr => constant('f64', 1).div(variance.add(eps).unary('sqrt'));

/** y = (x − mean) · (invStd · weight) + bias */
export const normPlanesKernel = (target: Target, t: Floats, mode: NormMode, finish: NormFinish = ''): Kernel<typeof FORWARD_PARAMS> =>
  cachedKernel(target, `norm/planes-${mode}-${t.scalar}${finishSuffix(finish)}`, FORWARD_PARAMS, ({ f, p, lo, hi }) => {
    const s = channelSegments(f, t, p);
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
      const y = p.y.add(c.mul(p.yc));
      const sources = finish.startsWith('add') ? [x, p.residual.add(c.mul(p.rc))] : [x];
      const result = (values: readonly Expr[], [m, k, b]: readonly Expr[]): Expr =>
        finished(f, t, finish, values[0]!.sub(m!).fma(k!, b!), values);
      mapChannel(f, t, s, sources, y, [center, scale, bias], result, p.streams, [s.step, p.rn], p.yn);
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
export const normPlanesGradKernel = (target: Target, t: Floats, mode: 'train' | 'eval', gate?: Gate): Kernel<typeof BACKWARD_PARAMS> =>
  cachedKernel(
    target,
    `norm/planes-grad-${mode}-${t.scalar}${gate === undefined ? '' : `-${gate.name}`}`,
    BACKWARD_PARAMS,
    ({ f, p, lo, hi }) => {
      const s = channelSegments(f, t, p);
      const count = f.let('count', p.batch.cast('f64').mul(p.size.cast('f64')));
      f.for('unit', lo, hi, (unit) => {
        const c = f.let('c', unit.add(p.first));
        const at = f.let('at', elements(t, c));
        const offset = f.let('offset', c.mul(s.bytes));
        const bases = [f.let('g', p.g.add(c.mul(p.gc))), f.let('x', p.x.add(offset))];
        const steps = [p.gn, s.step];
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
        }, steps) as [Local, Local]; // prettier-ignore
        f.store(t.scalar, p.dBias.add(at), sum.cast(t.scalar));
        f.store(t.scalar, p.dWeight.add(at), product.mul(invStd).cast(t.scalar));
        const scale = f.let('scale', invStd.mul(load(t.scalar, p.weight.add(at)).cast('f64')).cast(t.scalar));
        const dx = p.dx.add(c.mul(p.dc));
        if (mode === 'eval') {
          mapChannel(f, t, s, bases.slice(0, 1), dx, [scale], ([g], [k]) => g!.mul(k!), undefined, steps, p.dn);
          return;
        }
        const level = f.let('level', sum.div(count).cast(t.scalar));
        const slope = f.let('slope', product.mul(invStd).mul(invStd).div(count).cast(t.scalar));
        const constants = [mean, level, slope, scale];
        const result = ([given, x]: readonly Expr[], [m, l, b, k]: readonly Expr[]): Expr => {
          const difference = f.let('difference', x!.sub(m!));
          const g = gated === undefined ? given! : gated(given!, difference);
          return g.sub(l!).sub(difference.mul(b!)).mul(k!);
        };
        mapChannel(f, t, s, bases, dx, constants, result, p.streams, steps, p.dn);
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
