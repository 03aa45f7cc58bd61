/**
 * Panels of float32 matrices as halves, for products in half precision (`halves.ts`).
 *
 * A panel is scaled by a power of two so that its largest finite element lies just below 2⁵: then gradients of 1e-6 do not become zeros, and a chain of
 * 32 products stays below 2¹⁵, where halves end at 65504. Infinities and NaN stay what they are. In front of a panel stands a head with the
 * exponent that was taken out.
 */
import { forStep, intFn, type ElementKit } from './tile.ts';
import { constant, i32, load, type Expr, type Fn, type Local } from '../ir.ts';
import type { KernelScope, ParamSpec } from '../kernel.ts';

/** Bytes in front of a panel. */
export const HEAD = 64;
/** Scaled elements are below 2 to this. */
const BELOW = 5;
const BIAS = 127;
/** The least exponent (biased) that a panel is taken to have, so that its scale is a number. */
const LEAST = BELOW;

/**
 * How halves lie: `single` one after the other, `twice` each in both parts of a word, so that one word splatted is a half in every lane (there is no
 * cheap splat of 16 bits).
 */
export type HalfOrder = 'single' | 'twice';

const HALF_BYTES: Record<HalfOrder, number> = { single: 2, twice: 4 };

/**
 * A function that makes a panel of `count` lines of `vectors` vectors of singles, `step` bytes from one to the next. What is beyond the last line is
 * not read.
 */
export function buildHalfPanel(scope: KernelScope<ParamSpec>, kit: ElementKit, order: HalfOrder, vectors: number): Fn {
  const most = buildExponent(scope, kit, vectors);
  return intFn(scope, `halves-${order}`, ['from', 'step', 'count', 'to'], (f, { from, step, count, to }) => {
    f.call(most, from, step, count, to);
    const scale = f.let(
      'scale',
      i32(2 * BIAS + BELOW - 1)
        .sub(load('i32', to))
        .binary('shl', 23)
        .bits('f32')
        .splat(),
    );
    f.inc(to, HEAD);
    f.for('line', 0, count, () => {
      for (let v = 0; v < vectors; v++) {
        const scaled = f.let('scaled', load('f32v', from, v * kit.vectorBytes).mul(scale));
        f.store('f16h', to, scaled);
        if (order === 'twice') {
          const half = f.let('half', load('u16h', to));
          f.store('i32v', to, half.or(half.binary('shl', 16)));
        }
        f.inc(to, kit.lanes * HALF_BYTES[order]);
      }
      f.inc(from, step);
    });
  });
}

/** Writes the exponent, biased, of the largest finite element to `to`, whose head is used meanwhile. */
function buildExponent(scope: KernelScope<ParamSpec>, kit: ElementKit, vectors: number): Fn {
  return intFn(scope, 'exponent', ['from', 'step', 'count', 'to'], (f, { from, step, count, to }) => {
    const most = Array.from({ length: vectors }, (_, v) => f.local(`most${v}`, 'i32v'));
    f.for('line', 0, count, () => {
      most.forEach((sofar, v) => {
        const size = f.let('size', load('i32v', from, v * kit.vectorBytes).and(constant('i32v', 0x7fffffff)));
        f.set(sofar, sofar.binary('max', size.and(size.lt(constant('i32v', 0x7f800000)))));
      });
      f.inc(from, step);
    });
    f.store(
      'i32v',
      to,
      most.reduce<Expr>((a, b) => a.binary('max', b), most[0]!),
    );
    const all = f.let('all', i32(LEAST << 23));
    forStep(f, 'lane', [0, kit.vectorBytes, 4], (lane) => {
      const value = f.let('value', load('i32', to.add(lane)));
      f.set(all, value.gt(all).select(value, all));
    });
    f.store('i32', to, all.binary('shrU', 23));
  });
}

/** Two powers of two whose product takes a panel of each operand back to its size; one alone might not be a number. */
export function unscaled(f: Fn, a: Expr, b: Expr): readonly [Local, Local] {
  const both = f.let(
    'both',
    load('i32', a)
      .add(load('i32', b))
      .sub(2 * (BIAS + BELOW - 1)),
  );
  const one = f.let('one', both.binary('shr', 1));
  const power = (name: string, exponent: Expr): Local => f.let(name, exponent.add(BIAS).binary('shl', 23).bits('f32').splat());
  return [power('unscale', one), power('unscaleMore', both.sub(one))];
}
