/** The result of a batch normalisation of images once more, from the mean and the coefficients that it has left (`planes.ts`): the same arithmetic. */
import { elements, type Floats } from '../floats.ts';
import { load, type Expr, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';
import { channelSegments, finished, finishSuffix, type NormFinish } from './planes.ts';
import { mapChannel } from './segments.ts';

const PARAMS = {
  x: 'ptr',
  /** Bytes from image to image, and from channel to channel. */
  xn: 'i32',
  xc: 'i32',
  y: 'ptr',
  yn: 'i32',
  yc: 'i32',
  mean: 'ptr',
  /** [2, channels]: scales and shifts of (x − mean) */
  coefficients: 'ptr',
  batch: 'i32',
  channels: 'i32',
  size: 'i32',
  streams: 'i32',
} as const;

/** The finish adds nothing. A unit of work is one channel. */
export const normAgainKernel = (target: Target, t: Floats, finish: NormFinish): Kernel<typeof PARAMS> =>
  cachedKernel(target, `norm/planes-again-${t.scalar}${finishSuffix(finish)}`, PARAMS, ({ f, p, lo, hi }) => {
    const s = channelSegments(f, t, p);
    const shiftAt = f.let('shiftAt', elements(t, p.channels));
    f.for('c', lo, hi, (c) => {
      const at = f.let('at', elements(t, c));
      const scaleAt = f.let('scaleAt', p.coefficients.add(at));
      const constants = [p.mean.add(at), scaleAt, scaleAt.add(shiftAt)].map((from) => f.let('kept', load(t.scalar, from)));
      const result = ([x]: readonly Expr[], [m, k, b]: readonly Expr[]): Expr => finished(f, t, finish, x!.sub(m!).fma(k!, b!), [x!]);
      const y = p.y.add(c.mul(p.yc));
      mapChannel(f, t, s, [p.x.add(c.mul(p.xc))], y, constants, result, p.streams, [p.xn], p.yn);
    });
  });
