/**
 * Uniform numbers into normal ones, in place and block by block, bit for bit as PyTorch's vector code does it on processors
 * with fused multiply-adds: G. E. P. Box and M. E. Muller's transform with the single-precision logarithm, sine and cosine of the
 * Cephes library (S. L. Moshier): argument reduction with a constant split in parts, then minimax polynomials.
 *
 * On machines whose vectors do not fuse, element by element: the product of two floats is exact in double precision, so that a fused
 * multiply-add of floats is a product and a sum there, rounded to a float. That rounds twice, and goes wrong only where the first
 * rounding hits a tie of the second; for the 2²⁴ arguments that there can be (1 - k/2²⁴ and 2π·k/2²⁴) it never does.
 */
import type { Expr, Fn, Target } from '../ir.ts';
import { load } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';
import { hoisted } from '../math.ts';

/** Numbers that one block turns from uniform to normal: the first half gives radii, the second angles. */
export const NORMAL_BLOCK = 16;

const PARAMS = { data: 'ptr', blocks: 'f64', std: 'f64', mean: 'f64' } as const;

/** What the arithmetic is written with: vectors that fuse, or floats one by one. */
interface Arithmetic {
  readonly f: Fn;
  readonly float: 'f32v' | 'f32';
  readonly int: 'i32v' | 'i32';
  /** a·b + c, rounded once. */
  readonly fma: (a: Expr, b: Expr | number, c: Expr | number) => Expr;
  readonly c: (value: number) => Expr;
}

/**
 * One unit, of so many blocks of {@link NORMAL_BLOCK} numbers of [0, 1), which become normal of that mean and standard deviation. `vectors`: the target's
 * vectors fuse. Without, the mean must be 0.
 */
export function normalKernel(target: Target, vectors: boolean): Kernel<typeof PARAMS> {
  return cachedKernel(target, `normal/${vectors ? 'v' : 's'}`, PARAMS, ({ f, p }) => {
    const math = vectors ? vectorArithmetic(f) : scalarArithmetic(f);
    const half = NORMAL_BLOCK * 2; // bytes
    const bytes = vectors ? 16 : 4;
    const spread = (x: Expr): Expr => f.let('to', vectors ? x.cast('f32').splat() : x.cast('f32'));
    const [std, mean] = [spread(p.std), spread(p.mean)];
    f.for('block', 0, f.let('blocks', p.blocks.cast('i32')), (block) => {
      f.for('at', 0, half, (at) => {
        const place = f.let('place', p.data.add(block.mul(2 * half)).add(at));
        const radius = f.let('radius', radiusOf(math, load(math.float, place)));
        const { sine, cosine } = sinCos(math, load(math.float, place, half).mul(math.c(2 * Math.PI)));
        f.store(math.float, place, math.fma(radius.mul(cosine), std, mean));
        f.store(math.float, place, math.fma(radius.mul(sine), std, mean), half);
      }, bytes); // prettier-ignore
    });
  });
}

function vectorArithmetic(f: Fn): Arithmetic {
  const c = (value: number): Expr => hoisted(f, 'f32v', value);
  const fma: Arithmetic['fma'] = (a, b, sum) => a.fma(typeof b === 'number' ? c(b) : b, typeof sum === 'number' ? c(sum) : sum);
  return { f, float: 'f32v', int: 'i32v', fma, c };
}

function scalarArithmetic(f: Fn): Arithmetic {
  const wide = (x: Expr | number): Expr | number => (typeof x === 'number' ? Math.fround(x) : x.cast('f64'));
  const fma: Arithmetic['fma'] = (a, b, sum) => a.cast('f64').binary('mul', wide(b)).binary('add', wide(sum)).cast('f32');
  return { f, float: 'f32', int: 'i32', fma, c: (value) => hoisted(f, 'f32', value) };
}

const LOG = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1,
  3.3333331174e-1,
];

/** √(-2·ln(1 - u)), for u of [0, 1). */
function radiusOf({ f, float, int, fma, c }: Arithmetic, u: Expr): Expr {
  const whole = (value: number): Expr => hoisted(f, int, value);
  const bits = f.let('bits', c(1).sub(u).bits(int));
  const mantissa = f.let('mantissa', bits.and(whole(0x7fffff)).or(whole(0x3f000000)).bits(float)); // of [½, 1)
  const low = f.let('low', mantissa.lt(c(Math.SQRT1_2)));
  const exponent = bits.binary('shrU', 23).sub(whole(126));
  const e = f.let('e', low.select(exponent.sub(whole(1)), exponent).cast(float));
  const x = f.let('x', low.select(mantissa, c(0)).add(mantissa.sub(c(1)))); // both sums are exact
  const z = f.let('z', x.mul(x));
  const y = f.let('y', horner(f, x, LOG, { fma, c }));
  f.set(y, fma(y.mul(x), z, e.mul(c(-2.1219444e-4))));
  f.set(y, fma(z, -0.5, y));
  return fma(e, 0.693359375, x.add(y)).mul(c(-2)).unary('sqrt');
}

function horner(f: Fn, x: Expr, coefficients: readonly number[], { fma, c }: Pick<Arithmetic, 'fma' | 'c'>): Expr {
  const sum = f.let('sum', c(coefficients[0]!));
  for (const next of coefficients.slice(1)) f.set(sum, fma(sum, x, next));
  return sum;
}

/** π/4 in three parts, negated. */
const QUARTER = [-0.78515625, -2.4187564849853516e-4, -3.774894977445941e-8] as const;
const COSINE = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2];
const SINE = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];

/** For an angle of [0, 2π]. */
function sinCos(math: Arithmetic, angle: Expr): { sine: Expr; cosine: Expr } {
  const { f, float, int, fma, c } = math;
  const whole = (value: number): Expr => hoisted(f, int, value);
  const a = f.let('angle', angle);
  const eighths = a.mul(c(1.27323954473516)).cast(int);
  const octant = f.let('octant', eighths.add(whole(1)).and(whole(-2))); // the nearest even multiple of π/4
  const count = f.let('count', octant.cast(float));
  const x = f.let('x', a);
  for (const part of QUARTER) f.set(x, fma(count, part, x)); // of [-π/4, π/4]
  const z = f.let('z', x.mul(x));
  const cos = f.let('cos', horner(f, z, COSINE, math).mul(z));
  f.set(cos, fma(cos, z, z.mul(c(-0.5))).add(c(1)));
  const sin = f.let('sin', horner(f, z, SINE, math).mul(z));
  f.set(sin, fma(sin, x, x));
  const swap = f.let('swap', octant.and(whole(2)).ne(whole(0)));
  const signed = (value: Expr, sign: Expr): Expr => value.bits(int).binary('xor', sign.binary('shl', 29)).bits(float);
  return {
    sine: signed(swap.select(cos, sin), octant.and(whole(4))),
    cosine: signed(swap.select(sin, cos), octant.sub(whole(2)).and(whole(4)).binary('xor', whole(4))),
  };
}
