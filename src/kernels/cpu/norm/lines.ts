/**
 * Normalisation along lines that lie densely one after the other, with scale and shift in the same walk: layer normalisation has a scale
 * for each place of a line (`elements`), group normalisation one for some elements side by side (`channels`). Statistics and precision
 * are those of `segments.ts`; a line usually stays in the caches between its passes.
 *
 * A unit of work is one line; of the gradients of scales and shifts, a channel or a register's places.
 */
import { elements, type Floats } from '../floats.ts';
import { constant, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import { inverseRoot } from './planes.ts';
import { channelSums, mapChannel, moments, segments, type Segments } from './segments.ts';

export type ScaleKind = 'elements' | 'channels';

/** Elements of a line, lines until the scales repeat, and elements that share one. */
const SIZES = { length: 'i32', groups: 'i32', each: 'i32' } as const;

const FORWARD_PARAMS = { x: 'ptr', y: 'ptr', weight: 'ptr', bias: 'ptr', mean: 'ptr', invStd: 'ptr', eps: 'f64', ...SIZES } as const;
const BACKWARD_PARAMS = { g: 'ptr', x: 'ptr', mean: 'ptr', invStd: 'ptr', weight: 'ptr', dx: 'ptr', ...SIZES } as const;
const SCALE_PARAMS = { g: 'ptr', x: 'ptr', mean: 'ptr', invStd: 'ptr', dWeight: 'ptr', dBias: 'ptr', lines: 'i32', ...SIZES } as const;

type SizeLocals = { readonly [K in keyof typeof SIZES]: Local };

const one = (f: Fn, t: Floats, bytes: Local): Segments => segments(f, t, constant('i32', 1), bytes, bytes);

/** Where a line begins, in bytes, and the first scale of it. */
function lineAt(f: Fn, t: Floats, p: SizeLocals, line: Local, kind: ScaleKind): { start: Local; scales: Local } {
  const per = kind === 'elements' ? p.length : f.let('per', p.length.div(p.each));
  return {
    start: f.let('start', elements(t, line.mul(p.length))),
    scales: f.let('scales', elements(t, line.rem(p.groups).mul(per))),
  };
}

/** Calls `body` for the parts of a line that share a scale, with where each begins and where its scale lies: bytes of the line and of the scales. */
function eachPart(f: Fn, t: Floats, p: SizeLocals, bytes: Local, body: (at: Local, scale: Local) => void): void {
  const at = f.let('part', constant('i32', 0));
  const scale = f.let('scale', constant('i32', 0));
  const step = f.let('step', elements(t, p.each));
  f.while(at.lt(bytes), () => {
    body(at, scale);
    f.inc(at, step);
    f.inc(scale, t.bytes);
  });
}

const wide = (t: Floats, at: Expr): Expr => load(t.scalar, at).cast('f64');

/** y = (x − mean) · invStd · weight + bias */
export const lineNormKernel = (target: Target, t: Floats, kind: ScaleKind): Kernel<typeof FORWARD_PARAMS> =>
  cachedKernel(target, `norm/lines-${kind}-${t.scalar}`, FORWARD_PARAMS, ({ f, p, lo, hi }) => {
    const bytes = f.let('bytes', elements(t, p.length));
    const count = f.let('count', p.length.cast('f64'));
    const whole = one(f, t, bytes);
    const part = kind === 'elements' ? whole : one(f, t, f.let('partBytes', elements(t, p.each)));
    f.for('line', lo, hi, (line) => {
      const { start, scales } = lineAt(f, t, p, line, kind);
      const [x, y] = [f.let('x', p.x.add(start)), f.let('y', p.y.add(start))];
      const [mean, variance] = moments(f, t, whole, x, count);
      const invStd = f.let('invStd', inverseRoot(variance, p.eps));
      const at = f.let('at', elements(t, line));
      f.store(t.scalar, p.mean.add(at), mean.cast(t.scalar));
      f.store(t.scalar, p.invStd.add(at), invStd.cast(t.scalar));
      const center = f.let('center', mean.cast(t.scalar));
      const lost = f.let('lost', mean.sub(center.cast('f64')).mul(invStd)); // by rounding the mean
      const [weight, bias] = [f.let('weights', p.weight.add(scales)), f.let('biases', p.bias.add(scales))];
      if (kind === 'elements') {
        const constants = [center, f.let('inv', invStd.cast(t.scalar)), f.let('off', lost.unary('neg').cast(t.scalar))];
        mapChannel(f, t, whole, [x, weight, bias], y, constants, ([v, w, b], [m, k, off]) => v!.sub(m!).fma(k!, off!).fma(w!, b!));
        return;
      }
      eachPart(f, t, p, bytes, (from, of) => {
        const w = f.let('w', wide(t, weight.add(of)));
        const scale = f.let('k', invStd.mul(w).cast(t.scalar));
        const shift = f.let('b', wide(t, bias.add(of)).sub(lost.mul(w)).cast(t.scalar));
        mapChannel(f, t, part, [x.add(from)], y.add(from), [center, scale, shift], ([v], [m, k, b]) => v!.sub(m!).fma(k!, b!));
      });
    });
  });

/** dx = (h − Σ h / n − x̂·Σ h·x̂ / n)·invStd with h = g·weight, x̂ = (x − mean)·invStd, sums over a line. */
export const lineNormGradKernel = (target: Target, t: Floats, kind: ScaleKind): Kernel<typeof BACKWARD_PARAMS> =>
  cachedKernel(target, `norm/lines-grad-${kind}-${t.scalar}`, BACKWARD_PARAMS, ({ f, p, lo, hi }) => {
    const bytes = f.let('bytes', elements(t, p.length));
    const count = f.let('count', p.length.cast('f64'));
    const whole = one(f, t, bytes);
    const part = kind === 'elements' ? whole : one(f, t, f.let('partBytes', elements(t, p.each)));
    f.for('line', lo, hi, (line) => {
      const { start, scales } = lineAt(f, t, p, line, kind);
      const [g, x, dx] = [p.g, p.x, p.dx].map((from) => f.let('from', from.add(start))) as [Local, Local, Local];
      const weight = f.let('weights', p.weight.add(scales));
      const at = f.let('at', elements(t, line));
      const mean = f.let('mean', load(t.scalar, p.mean.add(at)));
      const means = f.let('means', mean.splat());
      const invStd = f.let('invStd', wide(t, p.invStd.add(at)));
      const [sum, product] = [f.local('sum', 'f64'), f.local('product', 'f64')];
      const centered = (v: Expr): Expr => v.sub(v.type === t.vector ? means : mean);
      /** Of elements with a scale each: the sums; of others: those of g alone. */
      const sums = (segments: Segments, bases: readonly Expr[]): Local[] =>
        channelSums(f, t, segments, bases, 2, 2, ([v, input, w], [total, products]) => {
          const h = w === undefined ? v! : f.let('h', v!.mul(w));
          f.inc(total!, h);
          f.set(products!, h.fma(centered(input!), products!));
        });
      if (kind === 'elements') {
        const [a, b] = sums(whole, [g, x, weight]) as [Local, Local];
        f.set(sum, a);
        f.set(product, b);
      } else {
        f.set(sum, 0);
        f.set(product, 0);
        eachPart(f, t, p, bytes, (from, of) => {
          const [a, b] = sums(part, [g.add(from), x.add(from)]) as [Local, Local];
          const w = f.let('w', wide(t, weight.add(of)));
          f.inc(sum, a.mul(w));
          f.inc(product, b.mul(w));
        });
      }
      const level = f.let('level', sum.div(count).cast(t.scalar));
      const slope = f.let('slope', product.mul(invStd).mul(invStd).div(count).cast(t.scalar));
      const constants = [mean, level, slope, f.let('inv', invStd.cast(t.scalar))];
      const value = (h: Expr, v: Expr, [m, l, s, k]: readonly Expr[]): Expr => h.sub(l!).sub(v.sub(m!).mul(s!)).mul(k!);
      if (kind === 'elements') {
        mapChannel(f, t, whole, [g, x, weight], dx, constants, ([v, input, w], c) => value(v!.mul(w!), input!, c));
        return;
      }
      eachPart(f, t, p, bytes, (from, of) => {
        const w = f.let('w', load(t.scalar, weight.add(of)));
        mapChannel(f, t, part, [g.add(from), x.add(from)], dx.add(from), [...constants, w], ([v, input], c) =>
          value(v!.mul(c[4]!), input!, c),
        );
      });
    });
  });

/** dWeight = Σ g·x̂, dBias = Σ g of the elements that share a scale: a unit is one of those scales. */
export const lineNormChannelKernel = (target: Target, t: Floats): Kernel<typeof SCALE_PARAMS> =>
  cachedKernel(target, `norm/lines-channel-${t.scalar}`, SCALE_PARAMS, ({ f, p, lo, hi }) => {
    const per = f.let('per', p.length.div(p.each));
    const part = one(f, t, f.let('partBytes', elements(t, p.each)));
    const step = f.let('step', elements(t, p.length.mul(p.groups)));
    f.for('scale', lo, hi, (scale) => {
      const line = f.let('line', scale.div(per));
      const start = f.let('start', elements(t, line.mul(p.length).add(scale.rem(per).mul(p.each))));
      const [dWeight, dBias] = [f.let('dWeight', constant('f64', 0)), f.let('dBias', constant('f64', 0))];
      f.while(line.lt(p.lines), () => {
        const at = f.let('at', elements(t, line));
        const mean = f.let('mean', load(t.scalar, p.mean.add(at)));
        const means = f.let('means', mean.splat());
        const [sum, product] = channelSums(f, t, part, [p.g.add(start), p.x.add(start)], 2, 2, ([g, x], [total, products]) => {
          f.inc(total!, g!);
          f.set(products!, g!.fma(x!.sub(x!.type === t.vector ? means : mean), products!));
        }) as [Local, Local];
        f.inc(dBias, sum);
        f.inc(dWeight, product.mul(wide(t, p.invStd.add(at))));
        f.inc(line, p.groups);
        f.inc(start, step);
      });
      const to = f.let('to', elements(t, scale));
      f.store(t.scalar, p.dWeight.add(to), dWeight.cast(t.scalar));
      f.store(t.scalar, p.dBias.add(to), dBias.cast(t.scalar));
    });
  });

/** Registers side by side of a unit of {@link lineNormPlaceKernel}. */
const BLOCK = 4;
/** Elements of such a unit: lines must have as many. */
export const placesAtOnce = (t: Floats): number => BLOCK * t.lanes;

/** Lines whose sum is added as one. */
const RUN = 64;

/** The same for lines that all have their own scale at each place: a unit is some places, the last one ends with the line. */
export const lineNormPlaceKernel = (target: Target, t: Floats): Kernel<typeof SCALE_PARAMS> =>
  cachedKernel(target, `norm/lines-place-${t.scalar}`, SCALE_PARAMS, (scope) => {
    const { f, p, lo, hi } = scope;
    const step = f.let('step', elements(t, p.length));
    f.for('unit', lo, hi, (unit) => {
      const last = f.let('last', p.length.sub(placesAtOnce(t)));
      const begin = f.let('begin', unit.mul(placesAtOnce(t)));
      const at = f.let('at', elements(t, begin.gt(last).select(last, begin)));
      const totals = placeSums(scope, t, at, step);
      totals.forEach(([dWeight, dBias], i) => {
        f.store(t.vector, p.dWeight.add(at), dWeight, i * t.width);
        f.store(t.vector, p.dBias.add(at), dBias, i * t.width);
      });
    });
  });

/** Σ g·x̂ and Σ g of registers side by side, over all lines. */
function placeSums({ f, p }: KernelScope<typeof SCALE_PARAMS>, t: Floats, at: Local, step: Local): [Local, Local][] {
  const zeros = (): [Local, Local][] =>
    Array.from({ length: BLOCK }, () => [f.let('sum', constant(t.vector, 0)), f.let('sum', constant(t.vector, 0))]);
  const totals = zeros();
  const [g, x] = [f.let('g', p.g.add(at)), f.let('x', p.x.add(at))];
  const line = f.let('line', constant('i32', 0));
  f.while(line.lt(p.lines), () => {
    const sums = zeros();
    const end = f.let('end', line.add(RUN).lt(p.lines).select(line.add(RUN), p.lines));
    f.while(line.lt(end), () => {
      const of = f.let('of', elements(t, line));
      const mean = f.let('mean', load(t.scalar, p.mean.add(of)).splat());
      const invStd = f.let('invStd', load(t.scalar, p.invStd.add(of)).splat());
      sums.forEach(([dWeight, dBias], i) => {
        const value = f.let('value', load(t.vector, g, i * t.width));
        f.inc(dBias, value);
        f.set(
          dWeight,
          value.fma(
            load(t.vector, x, i * t.width)
              .sub(mean)
              .mul(invStd),
            dWeight,
          ),
        );
      });
      for (const ptr of [g, x]) f.inc(ptr, step);
      f.inc(line, 1);
    });
    totals.forEach((total, i) => total.forEach((sum, k) => f.inc(sum, sums[i]![k]!)));
  });
  return totals;
}
