/**
 * Special functions (https://pytorch.org/docs/stable/special.html): the complementary error function, its scaled form and the error function's inverse,
 * the logarithm of the gamma function and its derivatives. All branches of a formula are computed, so none may fail.
 */
import { remembered, type Attrs } from '../../geometry/attrs.ts';
import { ERF_NEAR } from '../../kernels/formula/coefficients.ts';
import { constantOf, type Formula } from '../../kernels/formula/formula.ts';
import type { Tensor } from '../tensor.ts';
import type { FormulaRule, FormulaRules, Gradient, GradientContext } from './rule.ts';
import { unaryRule } from './unary.ts';

export interface PolygammaAttrs extends Attrs {
  /** Which derivative of digamma: at least 1. */
  readonly order: number;
}
export const polygammaAttrs = (order: number): PolygammaAttrs => remembered('polygamma', { key: String(order), order });

export interface SpecialAttrs {
  /** 1 - erf(x) */
  erfc: Attrs;
  /** exp(x²)·erfc(x) */
  erfcx: Attrs;
  erfinv: Attrs;
  /** log|Γ(x)| */
  lgamma: Attrs;
  /** The derivative of lgamma. */
  digamma: Attrs;
  polygamma: PolygammaAttrs;
}

const horner = (x: Formula, coefficients: readonly number[]): Formula =>
  coefficients.slice(0, -1).reduceRight((sum, c) => sum.mul(x).add(c), constantOf(x.type, coefficients.at(-1)!));

/** log((1 + z/2)·exp(z²)·erfc(z)) as a polynomial of 4/(2 + z) - 1, for z ≥ 0: fitted at Chebyshev's points. */
const ERFCX_DOUBLE = [
  -0.6717940840566926, 0.6726432239776505, 0.04734330684191529, -0.046895610230756356, -0.009872689366979838, 0.00882493854536681,
  0.0017589335679077214, -0.0023458123308915915, -0.0001462469356412155, 0.0006736773264865198, -9.373484731442505e-5,
  -0.00017429484206149477, 7.140153176094125e-5, 3.17155650526346e-5, -3.0193114293443583e-5, 2.1114985837491573e-7, 8.580181739446852e-6,
  -3.0728602530930105e-6, -1.3056797323646384e-6, 1.3951923946121894e-6, -1.294369230440035e-7, -3.62417622258765e-7, 1.2538687431990976e-7,
  5.7178126905599616e-8, -2.7922287138467287e-8, -4.511029879681631e-9, 2.1073424255447036e-9,
];
const ERFCX_SINGLE = [
  -0.6717940916807761, 0.6726431547745451, 0.04734388761298502, -0.0468936405600034, -0.009880019324018786, 0.008808825369642592,
  0.0017940662497665369, -0.0022887652392356715, -0.00022791096605896262, 0.0005737663726943508, 8.000738195014825e-6, -8.72838104821877e-5,
];

/** exp(z²)·erfc(z), z ≥ 0 */
function scaled(z: Formula): Formula {
  const t = constantOf(z.type, 2).div(z.add(2));
  return horner(t.mul(2).sub(1), z.type === 'f32' ? ERFCX_SINGLE : ERFCX_DOUBLE)
    .exp()
    .mul(t);
}

/** exp(-z²) in double precision, of a square in two parts, since an exponential makes a relative error of an absolute one. */
function gauss(z: Formula): Formula {
  const high = z
    .mul(2 ** 20)
    .rounded('trunc')
    .mul(2 ** -20);
  return high
    .mul(high)
    .neg()
    .exp()
    .mul(z.sub(high).mul(z.add(high)).neg().exp());
}

/** (1 + 2z)·exp(z²)·erfc(z) as a polynomial of (z - 2)/(z + 2), for z from 0.5 to 10.2: fitted at Chebyshev's points. */
const ERFC_SINGLE = [
  1.2769783776804144, -0.09276357931871976, -0.16603010127198498, 0.16404256398721329, -0.05422212184475669, -0.007949111617371865,
  0.008710086768026879, 0.0009520703806036433, -0.0013389066133072751,
];

/** One exponential, of a square whose rounding is made good afterwards; within 3.6 units in the last place. */
function erfcSingle(x: Formula): Formula {
  const z = x.abs().binary('pmin', constantOf('f32', 30));
  const high = z.bits('i32').and(-4096).bits('f32');
  const low = z.sub(high);
  const square = z.mul(z);
  const lost = high.mul(high).sub(square).add(high.mul(low).mul(2)).add(low.mul(low));
  const e = square.neg().exp();
  const tail = e
    .sub(e.mul(lost))
    .mul(horner(z.sub(2).div(z.add(2)), ERFC_SINGLE))
    .div(z.add(z).add(1));
  const near = x
    .mul(horner(square, [...ERF_NEAR].reverse()))
    .neg()
    .add(1);
  return x.unary('isnan').select(x, z.lt(0.5).select(near, x.lt(0).select(tail.neg().add(2), tail)));
}

function erfc(x: Formula): Formula {
  if (x.type === 'f32') return erfcSingle(x);
  const z = x.abs();
  const near = z.min(30); // beyond, all is 0
  const tail = gauss(near).mul(scaled(near));
  return x.unary('isnan').select(x, z.lt(0.5).select(x.math('erf').neg().add(1), x.lt(0).select(tail.neg().add(2), tail)));
}

function erfcx(x: Formula): Formula {
  const z = x.abs();
  const right = z.unary('isinf').select(0, scaled(z));
  return x.lt(0).select(x.mul(x).exp().mul(2).sub(right), right);
}

/** Rational approximations, then twice Newton's step, as PyTorch computes it. */
function erfinv(y: Formula): Formula {
  const a = y.abs();
  const inner = y.mul(y).min(0.49);
  const central = y
    .mul(horner(inner, [0.886226899, -1.645349621, 0.914624893, -0.140543331]))
    .div(horner(inner, [1, -2.118377725, 1.442710462, -0.329097515, 0.012229801]));
  const outer = constantOf(y.type, 1).sub(a).mul(0.5).max(1e-300).log().neg().max(0).sqrt();
  const far = horner(outer, [-1.970840454, -1.624906493, 3.429567803, 1.641345311])
    .div(horner(outer, [1, 3.5438892, 1.6370678]))
    .binary('copysign', y);
  const step = (x: Formula): Formula => x.sub(x.math('erf').sub(y).div(x.mul(x).neg().exp().mul(2 / Math.sqrt(Math.PI)))); // prettier-ignore
  const found = step(step(a.le(0.7).select(central, far)));
  const edge = constantOf(y.type, Infinity).binary('copysign', y);
  return a.gt(1).select(NaN, a.eq(1).select(edge, found));
}

/** Steps by which arguments are moved up before an asymptotic series is good. */
const STEPS = 10;

/** x - its nearest whole number: sin(πx) and tan(πx) up to the sign. */
const offWhole = (x: Formula): Formula => x.sub(x.rounded('nearest')).mul(Math.PI);

function lgamma(x: Formula): Formula {
  const negative = x.lt(0);
  const a = negative.select(x.neg().add(1), x);
  const small = a.lt(STEPS);
  const from = small.select(a, 1);
  let product = from;
  for (let k = 1; k < STEPS; k++) product = product.mul(from.add(k));
  const y = small.select(a.add(STEPS), a);
  const u = constantOf(x.type, 1).div(y);
  const series = horner(u.mul(u), [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156]).mul(u);
  const stirling = y
    .sub(0.5)
    .mul(y.log().sub(1))
    .add(0.5 * Math.log(2 * Math.PI) - 0.5)
    .add(series);
  const right = stirling.sub(small.select(product, 1).log());
  const reflected = constantOf(x.type, Math.PI).div(offWhole(x).math('sin').abs()).log().sub(right);
  const exact = x.eq(1).or(x.eq(2)).select(0, right);
  return x.unary('isinf').select(Infinity, negative.select(reflected, exact));
}

function digamma(x: Formula): Formula {
  const negative = x.lt(0);
  const a = negative.select(x.neg().add(1), x);
  const small = a.lt(STEPS);
  let before = constantOf(x.type, 0);
  for (let k = 0; k < STEPS; k++) before = before.add(constantOf(x.type, 1).div(a.add(k)));
  const y = small.select(a.add(STEPS), a);
  const u = constantOf(x.type, 1).div(y);
  const v = u.mul(u);
  const series = horner(v, [1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12]).mul(v);
  const right = y.log().sub(u.mul(0.5)).sub(series).sub(small.select(before, 0));
  const poles = x.eq(x.rounded('trunc'));
  const reflected = poles.select(NaN, right.sub(constantOf(x.type, Math.PI).div(offWhole(x).math('tan'))));
  const origin = constantOf(x.type, -Infinity).binary('copysign', x.neg());
  const infinite = y.unary('isinf').select(y, right);
  return x.eq(0).select(origin, negative.select(reflected, infinite));
}

/** Bernoulli's numbers B₂, B₄, … over (2j)!. */
const BERNOULLI = [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000];

/** x to a whole power. */
function raised(x: Formula, n: number): Formula {
  let power = x;
  for (let i = 1; i < n; i++) power = power.mul(x);
  return power;
}

/** The coefficients of the n-th derivative of cot as a polynomial of cot. */
function cotangent(n: number): number[] {
  let p = [0, 1];
  for (let i = 0; i < n; i++) {
    const slope = p.slice(1).map((c, k) => -c * (k + 1));
    p = [...slope, 0, 0].map((c, k) => c + (slope[k - 2] ?? 0));
  }
  return p;
}

/** ±n!·Σ (x + k)^-(n + 1): the first terms one by one, the rest by Euler's and Maclaurin's formula. */
function polygamma(x: Formula, n: number): Formula {
  const negative = x.lt(0);
  const a = negative.select(x.neg().add(1), x);
  const one = constantOf(x.type, 1);
  let sum = constantOf(x.type, 0);
  for (let k = 0; k < STEPS; k++) sum = sum.add(raised(one.div(a.add(k)), n + 1));
  const u = one.div(a.add(STEPS));
  let rising = n + 1;
  const terms = BERNOULLI.map((b, j) => {
    const term = b * rising;
    rising *= (n + 2 * j + 2) * (n + 2 * j + 3);
    return term;
  });
  const tail = horner(u.mul(u), terms)
    .mul(u)
    .add(0.5)
    .mul(u)
    .add(1 / n)
    .mul(raised(u, n));
  let factorial = 1;
  for (let i = 2; i <= n; i++) factorial *= i;
  const right = sum.add(tail).mul((n % 2 === 0 ? -1 : 1) * factorial);
  const cot = one.div(offWhole(x).math('tan'));
  const reflected = horner(cot, cotangent(n)).mul(-(Math.PI ** (n + 1)));
  return negative.select(n % 2 === 0 ? reflected.add(right) : reflected.sub(right), right);
}

const slope = <A extends Attrs>(name: string, of: (g: Tensor, x: Tensor, ctx: GradientContext<A>) => Tensor): Gradient<A> => ({
  name,
  saves: { inputs: [0] },
  run: (ctx) => [ctx.grads[0] && of(ctx.grads[0], ctx.input(0), ctx)],
});

const unary = (name: string, of: (x: Formula) => Formula, gradient: Gradient<Attrs>): FormulaRule<Attrs> =>
  unaryRule({ name, of: (x) => of(x), floating: true, cost: 40 }, gradient);

const polygammaRule: FormulaRule<PolygammaAttrs> = {
  shape: (inputs, attrs) => ofOrder(attrs.order).shape(inputs, attrs),
  elementwise: (inputs, outputs, attrs) => ofOrder(attrs.order).elementwise(inputs, outputs, attrs),
  gradient: slope('PolygammaBackward0', (g, x, { apply, attrs }) => g.mul(apply('polygamma', [x], polygammaAttrs(attrs.order + 1))[0]!)),
};
const ofOrder = (order: number): FormulaRule<PolygammaAttrs> =>
  unaryRule<PolygammaAttrs>({ name: `polygamma${order}`, of: (x) => polygamma(x, order), floating: true, cost: 60 }, null);

const ROOT = 2 / Math.sqrt(Math.PI);
export const specialRules: FormulaRules<SpecialAttrs> = {
  erfc: unary(
    'erfc',
    erfc,
    slope('ErfcBackward0', (g, x) => g.mul(x.square().neg().exp().mul(-ROOT))),
  ),
  erfcx: unary(
    'erfcx',
    erfcx,
    slope('SpecialErfcxBackward0', (g, x, { apply, attrs }) => g.mul(apply('erfcx', [x], attrs)[0]!.mul(x).mul(2).sub(ROOT))),
  ),
  erfinv: unary('erfinv', erfinv, slope('ErfinvBackward0', (g, x, { apply, attrs }) => g.mul(apply('erfinv', [x], attrs)[0]!.square().exp().mul(1 / ROOT)))), // prettier-ignore
  lgamma: unary(
    'lgamma',
    lgamma,
    slope('LgammaBackward0', (g, x, { apply, attrs }) => g.mul(apply('digamma', [x], attrs)[0]!)),
  ),
  digamma: unary(
    'digamma',
    digamma,
    slope('DigammaBackward0', (g, x, { apply }) => g.mul(apply('polygamma', [x], polygammaAttrs(1))[0]!)),
  ),
  polygamma: polygammaRule,
};
