/**
 * Weighted sums of elements at given places (`tensor/ops/blend.ts`), of contiguous tensors: planes [n, c, p], samples [n, c, l], places and
 * weights [n, k, l]. Places below 0 are nothing.
 */
import { elements, type Floats } from '../floats.ts';
import { constant, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';

const PARAMS = {
  planes: 'ptr', samples: 'ptr', places: 'ptr', weights: 'ptr',
  channels: 'i32', groups: 'i32', size: 'i32', taps: 'i32', count: 'i32',
} as const; // prettier-ignore
export type BlendParams = typeof PARAMS;

/** Channels that share the reading of places and weights. */
export const CHANNELS = 8;

/** Addresses of the first of a few channels' planes and samples, and of the batch's places and weights. */
interface Group {
  readonly plane: Local;
  readonly sample: Local;
  readonly place: Local;
  readonly weight: Local;
}

type Scope = KernelScope<BlendParams>;

/** Calls `follow` for every unit, a group of {@link CHANNELS} channels of one of the batch: for all at once, or for what is left one by one. */
function eachGroup({ f, p, lo, hi }: Scope, t: Floats, follow: (group: Group, channels: number) => void): void {
  const [planeBytes, sampleBytes] = [f.let('planeBytes', elements(t, p.size)), f.let('sampleBytes', elements(t, p.count))];
  const all = f.let('all', p.taps.mul(p.count));
  f.for('unit', lo, hi, (unit) => {
    const n = f.let('n', unit.div(p.groups));
    const first = f.let('first', unit.rem(p.groups).mul(CHANNELS));
    const channel = f.let('channel', n.mul(p.channels).add(first));
    const group: Group = {
      plane: f.let('plane', p.planes.add(channel.mul(planeBytes))),
      sample: f.let('sample', p.samples.add(channel.mul(sampleBytes))),
      place: f.let('place', p.places.add(n.mul(all).mul(8))),
      weight: f.let('weight', p.weights.add(elements(t, n.mul(all)))),
    };
    const left = f.let('left', p.channels.sub(first));
    f.if(
      left.ge(CHANNELS),
      () => follow(group, CHANNELS),
      () => {
        f.while(left.gt(0), () => {
          follow(group, 1);
          f.inc(group.plane, planeBytes);
          f.inc(group.sample, sampleBytes);
          f.set(left, left.sub(1));
        });
      },
    );
  });
}

/** Addresses of one element in each of some channels. */
const apart = (f: Fn, start: Local, step: Expr, channels: number): Local[] =>
  Array.from({ length: channels }, (_, i) => f.let(`at${i}`, i === 0 ? start : start.add(step.mul(i))));

/** samples = Σ weights · planes at places */
export const blendKernel = (target: Target, t: Floats): Kernel<BlendParams> =>
  cachedKernel(target, `index/blend-${t.scalar}`, PARAMS, (scope) => {
    const { f, p } = scope;
    eachGroup(scope, t, (group, channels) => {
      const planes = apart(f, group.plane, elements(t, p.size), channels);
      const samples = apart(f, group.sample, elements(t, p.count), channels);
      f.for('i', 0, p.count, (i) => {
        const sums = planes.map(() => f.let('sum', constant(t.scalar, 0)));
        const place = f.let('placeAt', group.place.add(i.mul(8)));
        const weight = f.let('weightAt', group.weight.add(elements(t, i)));
        f.for('k', 0, p.taps, () => {
          const at = f.let('at', load('i32', place));
          f.if(at.ge(0), () => {
            const w = f.let('w', load(t.scalar, weight));
            planes.forEach((plane, c) => f.inc(sums[c]!, load(t.scalar, plane.add(elements(t, at))).mul(w)));
          });
          f.inc(place, p.count.mul(8));
          f.inc(weight, elements(t, p.count));
        });
        samples.forEach((sample, c) => f.store(t.scalar, sample.add(elements(t, i)), sums[c]!));
      });
    });
  });

/** planes += weights · samples at places */
export const blendGradKernel = (target: Target, t: Floats): Kernel<BlendParams> =>
  cachedKernel(target, `index/blend-grad-${t.scalar}`, PARAMS, (scope) => {
    const { f, p } = scope;
    eachGroup(scope, t, (group, channels) => {
      const planes = apart(f, group.plane, elements(t, p.size), channels);
      const samples = apart(f, group.sample, elements(t, p.count), channels);
      f.for('i', 0, p.count, (i) => {
        const parts = samples.map((sample) => f.let('part', load(t.scalar, sample.add(elements(t, i)))));
        const place = f.let('placeAt', group.place.add(i.mul(8)));
        const weight = f.let('weightAt', group.weight.add(elements(t, i)));
        f.for('k', 0, p.taps, () => {
          const at = f.let('at', load('i32', place));
          f.if(at.ge(0), () => {
            const w = f.let('w', load(t.scalar, weight));
            planes.forEach((plane, c) => {
              const to = f.let('to', plane.add(elements(t, at)));
              f.store(t.scalar, to, load(t.scalar, to).add(parts[c]!.mul(w)));
            });
          });
          f.inc(place, p.count.mul(8));
          f.inc(weight, elements(t, p.count));
        });
      });
    });
  });

/** weights += Σ over channels of samples · planes at places. A unit is one tap of one of the batch. */
export const blendDotKernel = (target: Target, t: Floats): Kernel<BlendParams> =>
  cachedKernel(target, `index/blend-dot-${t.scalar}`, PARAMS, ({ f, p, lo, hi }) => {
    f.for('unit', lo, hi, (unit) => {
      const channel = f.let('channel', unit.div(p.taps).mul(p.channels));
      const plane = f.let('plane', p.planes.add(elements(t, channel.mul(p.size))));
      const sample = f.let('sample', p.samples.add(elements(t, channel.mul(p.count))));
      f.for('c', 0, p.channels, () => {
        const place = f.let('placeAt', p.places.add(unit.mul(p.count).mul(8)));
        const weight = f.let('weightAt', p.weights.add(elements(t, unit.mul(p.count))));
        f.for('i', 0, p.count, (i) => {
          const at = f.let('at', load('i32', place));
          f.if(at.ge(0), () => {
            const product = load(t.scalar, plane.add(elements(t, at))).mul(load(t.scalar, sample.add(elements(t, i))));
            f.store(t.scalar, weight, load(t.scalar, weight).add(product));
          });
          f.inc(place, 8);
          f.inc(weight, t.bytes);
        });
        f.inc(plane, elements(t, p.size));
        f.inc(sample, elements(t, p.count));
      });
    });
  });
