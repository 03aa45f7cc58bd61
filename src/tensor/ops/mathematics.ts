/** Trigonometric functions and their inverses, logarithms of other bases, the error function. */
import type { Attrs } from '../../geometry/attrs.ts';
import type { Tensor } from '../tensor.ts';
import type { FormulaRules } from './rule.ts';
import { mathematical, ofInput, ofOutput, oneGradient, type Slope } from './unary.ts';

export type MathematicsName = 'log2' | 'log10' | 'sin' | 'cos' | 'tan' | 'asin' | 'acos' | 'atan' | 'sinh' | 'cosh' | 'erf';

/** None takes attributes or scalars. */
export type MathematicsAttrs = Record<MathematicsName, Attrs>;

/** ∂asin/∂x and -∂acos/∂x */
const arcSlope = (g: Tensor, x: Tensor): Tensor => g.mul(x.square().neg().add(1).rsqrt());

const throughHost =
  (op: 'sinh' | 'cosh'): Slope =>
  (g, { apply, input, attrs }) =>
    g.mul(apply(op, [input(0)], attrs)[0]!);

export const mathematicsRules: FormulaRules<MathematicsAttrs> = {
  log2: mathematical(
    'log2',
    15,
    ofInput('Log2Backward0', (g, x) => g.div(x.mul(Math.LN2))),
  ),
  log10: mathematical(
    'log10',
    15,
    ofInput('Log10Backward0', (g, x) => g.div(x.mul(Math.LN10))),
  ),
  sin: mathematical(
    'sin',
    15,
    ofInput('SinBackward0', (g, x) => g.mul(x.cos())),
  ),
  cos: mathematical(
    'cos',
    15,
    ofInput('CosBackward0', (g, x) => g.mul(x.sin().neg())),
  ),
  tan: mathematical(
    'tan',
    15,
    ofOutput('TanBackward0', (g, y) => g.mul(y.square().add(1))),
  ),
  asin: mathematical('asin', 15, ofInput('AsinBackward0', arcSlope)),
  acos: mathematical(
    'acos',
    15,
    ofInput('AcosBackward0', (g, x) => arcSlope(g, x).neg()),
  ),
  atan: mathematical(
    'atan',
    15,
    ofInput('AtanBackward0', (g, x) => g.div(x.square().add(1))),
  ),
  sinh: mathematical('sinh', 15, oneGradient('SinhBackward0', { inputs: [0] }, throughHost('cosh'))),
  cosh: mathematical('cosh', 15, oneGradient('CoshBackward0', { inputs: [0] }, throughHost('sinh'))),
  erf: mathematical(
    'erf',
    3,
    ofInput('ErfBackward0', (g, x) =>
      g.mul(
        x
          .square()
          .neg()
          .exp()
          .mul(2 / Math.sqrt(Math.PI)),
      ),
    ),
  ),
};
