/**
 * Inverse hyperbolic functions, sinc, logit, and of two tensors copysign, x·log(y) and the logarithms of sums of exponentials
 * (https://pytorch.org/docs/stable/torch.html#pointwise-ops).
 */
import { layoutOf, type Layout } from '../../base/layout.ts';
import type { DType } from '../../base/dtype.ts';
import { broadcastShapes } from '../../base/shape.ts';
import type { Attrs } from '../../geometry/attrs.ts';
import { computeOf } from '../../kernels/formula/elementwise.ts';
import { constantOf, type Formula } from '../../kernels/formula/formula.ts';
import type { Tensor } from '../tensor.ts';
import { broadcastGradient, floatingOf, promoteLayouts } from './elementwise.ts';
import type { FormulaRule, FormulaRules, Gradient } from './rule.ts';
import { unaryRule } from './unary.ts';

export interface HyperbolicAttrs {
  asinh: Attrs;
  acosh: Attrs;
  atanh: Attrs;
  /** sin(πx)/(πx), and 1 at 0 */
  sinc: Attrs;
  /** log(x/(1 - x)) */
  logit: Attrs;
  /** |a| with the sign of b */
  copysign: Attrs;
  /** a·log(b), and 0 where a is 0 and b no NaN */
  xlogy: Attrs;
  /** log(eᵃ + eᵇ) */
  logaddexp: Attrs;
  /** log₂(2ᵃ + 2ᵇ) */
  logaddexp2: Attrs;
}

/** Beyond this, the square of a number says nothing of 1 that is added to it. */
const FAR = 1e8;
/** log(2x), where it is what the inverse functions come to. */
const far = (x: Formula): Formula => x.max(1).log().add(Math.LN2);

/** sign·log1p(a + a²/(1 + √(a² + 1))), of the magnitude a */
function asinh(x: Formula): Formula {
  const a = x.abs();
  const near = a.min(FAR);
  const square = near.mul(near);
  const close = square.div(square.add(1).sqrt().add(1)).add(near).math('log1p');
  return a.gt(FAR).select(far(a), close).binary('copysign', x);
}

/** log1p(t + √(t·(t + 2))), t = x - 1 */
function acosh(x: Formula): Formula {
  const t = x.min(FAR).sub(1);
  const close = t.mul(t.add(2)).sqrt().add(t).math('log1p');
  return x.lt(1).select(NaN, x.gt(FAR).select(far(x), close));
}

/** sign·½·log1p(2a/(1 - a)), of the magnitude a */
function atanh(x: Formula): Formula {
  const a = x.abs();
  return a.add(a).div(constantOf(x.type, 1).sub(a)).math('log1p').mul(0.5).binary('copysign', x);
}

function sinc(x: Formula): Formula {
  const angle = x.mul(Math.PI);
  return x.eq(0).select(1, angle.math('sin').div(angle));
}

const logit = (x: Formula): Formula => x.div(constantOf(x.type, 1).sub(x)).log();

/** max(a, b) + log1p(e^-|a - b|), in units of `ln` */
const logAdded = (ln: number) => (a: Formula, b: Formula): Formula => {
  const more = a.sub(b).abs().mul(-ln).exp().math('log1p').mul(1 / ln);
  return a.eq(b).and(a.unary('isinf')).select(a, a.max(b).add(more));
}; // prettier-ignore

const slope = (name: string, of: (g: Tensor, x: Tensor) => Tensor): Gradient<Attrs> => ({
  name,
  saves: { inputs: [0] },
  run: ({ grads: [g], input }) => [g && of(g, input(0))],
});

const unary = (name: string, of: (x: Formula) => Formula, gradient: Gradient<Attrs>): FormulaRule<Attrs> =>
  unaryRule({ name, of: (x) => of(x), floating: true, cost: 20 }, gradient);

function binary(name: string, of: (a: Formula, b: Formula) => Formula, gradient: Gradient<Attrs>): FormulaRule<Attrs> {
  const dtypeOf = (a: Layout, b: Layout): DType => floatingOf(promoteLayouts(a, b));
  return {
    shape: ([a, b]) => [layoutOf(dtypeOf(a!, b!), broadcastShapes(name, a!.shape, b!.shape))],
    elementwise: ([a, b], [out]) => {
      const as = computeOf(dtypeOf(a!, b!));
      return {
        name,
        inputs: [
          { dtype: a!.dtype, as },
          { dtype: b!.dtype, as },
        ],
        outputs: [{ dtype: out!.dtype, as }],
        scalars: [],
        results: ([x, y]) => [of(x!, y!)],
        cost: 20,
      };
    },
    gradient,
  };
}

const sumGradient = (name: string, ln: number): Gradient<Attrs> =>
  broadcastGradient(name, { inputs: [0, 1] }, [
    // Exponentials that overflow would make NaN of second derivatives.
    (g, { input }) => g.mul(input(0).sub(input(1)).mul(ln).sigmoid()),
    (g, { input }) => g.mul(input(1).sub(input(0)).mul(ln).sigmoid()),
  ]);

export const hyperbolicRules: FormulaRules<HyperbolicAttrs> = {
  asinh: unary(
    'asinh',
    asinh,
    slope('AsinhBackward0', (g, x) => g.mul(x.square().add(1).rsqrt())),
  ),
  acosh: unary(
    'acosh',
    acosh,
    slope('AcoshBackward0', (g, x) => g.mul(x.square().sub(1).rsqrt())),
  ),
  atanh: unary(
    'atanh',
    atanh,
    slope('AtanhBackward0', (g, x) => g.div(x.square().rsub(1))),
  ),
  sinc: unary(
    'sinc',
    sinc,
    slope('SincBackward0', (g, x) => {
      const isZero = x.eq(0);
      const safe = x.maskedFill(isZero, 1);
      const angle = safe.mul(Math.PI);
      const part = angle.mul(angle.cos()).sub(angle.sin()).div(angle.mul(safe)).maskedFill(isZero, 0);
      // At 0 the first term of the series, for what is differentiated twice.
      return g.mul(part.add(x.maskedFill(x.ne(0), 0).mul(-(Math.PI ** 2) / 3)));
    }),
  ),
  logit: unary(
    'logit',
    logit,
    // As one quotient: at 0 and 1 the parts of a composed one are infinite and 0.
    slope('LogitBackward0', (g, x) => g.div(x.mul(x.rsub(1))).maskedFill(x.lt(0).logicalOr(x.gt(1)), NaN)),
  ),
  copysign: binary(
    'copysign',
    (a, b) => a.binary('copysign', b),
    broadcastGradient('CopysignBackward0', { inputs: [0], outputs: [0] }, [
      (g, { input, output }) => g.mul(output(0).div(input(0)).maskedFill(input(0).eq(0), 0)),
      (g) => g.mul(0),
    ]),
  ),
  xlogy: binary(
    'xlogy',
    (a, b) => a.eq(0).and(b.unary('isnan').not()).select(0, a.mul(b.log())),
    broadcastGradient('XlogyBackward0', { inputs: [0, 1] }, [
      (g, { input }) =>
        g.mul(
          input(1)
            .log()
            .maskedFill(input(0).eq(0).logicalAnd(input(1).le(0)), 0),
        ),
      (g, { input }) => g.mul(input(0).div(input(1))),
    ]),
  ),
  logaddexp: binary('logaddexp', logAdded(1), sumGradient('LogaddexpBackward0', 1)),
  logaddexp2: binary('logaddexp2', logAdded(Math.LN2), sumGradient('Logaddexp2Backward0', Math.LN2)),
};
