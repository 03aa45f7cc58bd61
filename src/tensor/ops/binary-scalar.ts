/**
 * Arithmetic of a tensor and a number. The number is a scalar of the call, never part of the plan, so a loop that
 * changes it reuses one plan. Fractions turn integer tensors into float32, as in PyTorch.
 */
import type { DType } from '../../base/dtype.ts';
import { AutogradError } from '../../base/errors.ts';
import { layoutOf } from '../../base/layout.ts';
import { NO_ATTRS, type Attrs } from '../../geometry/attrs.ts';
import { powAttrs, type PowAttrs, type PowClass, type ScalarAttrs } from '../../geometry/elementwise.ts';
import { computeOf } from '../../kernels/formula/elementwise.ts';
import { constantOf, type Formula } from '../../kernels/formula/formula.ts';
import type { Tensor } from '../tensor.ts';
import { boolDifference } from './binary.ts';
import { floatingOf, gradFor } from './elementwise.ts';
import type { FormulaRule, FormulaRules, Gradient, GradientContext } from './rule.ts';

/** Scalars: [s] unless stated. */
export interface ScalarOpAttrs {
  /** x + s */
  addScalar: ScalarAttrs;
  /** x - s */
  subScalar: ScalarAttrs;
  /** s - x */
  rsubScalar: ScalarAttrs;
  /** x · s */
  mulScalar: ScalarAttrs;
  /** x / s; integers give float32 */
  divScalar: ScalarAttrs;
  /** s / x; integers give float32 */
  rdivScalar: ScalarAttrs;
  /** xˢ; attributes of `powAttrs(dtype, s)` */
  powScalar: PowAttrs;
  /** sˣ */
  rpowScalar: ScalarAttrs;
  /** Python's x % s */
  remainderScalar: ScalarAttrs;
  /** C's fmod(x, s) */
  fmodScalar: ScalarAttrs;
  /** Python's x // s */
  floorDivideScalar: ScalarAttrs;
  /** max(x, s); NaN stays */
  clampMin: ScalarAttrs;
  /** min(x, s); NaN stays */
  clampMax: ScalarAttrs;
  /** Scalars: [min, max]; where min > max, max */
  clamp: ScalarAttrs;
  /** [g, x] → g where min ≤ x ≤ max, else 0; scalars: [min, max] */
  clampGrad: ScalarAttrs;
}

/** The formula of a number operation; `s` are the numbers in the compute type. */
interface ScalarRule<A extends ScalarAttrs> {
  readonly name: string;
  readonly of: (x: Formula, s: readonly Formula[], attrs: A) => Formula;
  readonly cost: number;
  readonly floating?: boolean;
  readonly notBool?: boolean;
  readonly scalars?: number;
}

const resultOf = (rule: ScalarRule<never>, dtype: DType): DType => (rule.floating === true ? floatingOf(dtype) : dtype);

function scalarRule<A extends ScalarAttrs>(rule: ScalarRule<A>, gradient: Gradient<A>): FormulaRule<A> {
  return {
    shape: ([x], { dtype }) => {
      if (x!.dtype === 'bool' && rule.notBool === true) throw boolDifference('sub');
      return [layoutOf(resultOf(rule, dtype), x!.shape)];
    },
    elementwise: ([x], [out], attrs) => {
      const as = computeOf(resultOf(rule, attrs.dtype));
      return {
        name: `${rule.name}${'exponent' in attrs ? `-${String(attrs.exponent)}` : ''}`,
        inputs: [{ dtype: x!.dtype, as }],
        outputs: [{ dtype: out!.dtype, as }],
        scalars: Array<typeof as>(rule.scalars ?? 1).fill(as),
        results: ([input], s) => [rule.of(input!, s, attrs)],
        cost: rule.cost,
      };
    },
    gradient,
  };
}

/** A gradient that is one function of the incoming one. */
function flows<A extends Attrs>(
  name: string,
  run: (g: Tensor, ctx: GradientContext<A>) => Tensor,
  saves: Gradient<A>['saves'] = {},
): Gradient<A> {
  return {
    name,
    saves,
    run: (ctx) => {
      const g = ctx.grads[0];
      return [g === undefined ? undefined : gradFor(ctx.inputLayouts[0]!, run(g, ctx))];
    },
  };
}

/** x to a power. The special exponents are computed as PyTorch computes them. */
function powerOf(x: Formula, s: Formula, kind: PowClass): Formula {
  const one = constantOf(x.type, 1);
  switch (kind) {
    case 'zero':
      return one;
    case 'one':
      return x;
    case 'square':
      return x.mul(x);
    case 'cube':
      return x.mul(x).mul(x);
    case 'sqrt':
      return x.sqrt();
    case 'rsqrt':
      return one.div(x.sqrt());
    case 'reciprocal':
      return one.div(x);
    case 'inverseSquare':
      return one.div(x.mul(x));
    case 'general':
      return x.pow(s);
  }
}

/** ∂xˢ/∂x = s·xˢ⁻¹ */
function powGrad(g: Tensor, { input, scalars, apply, attrs }: GradientContext<PowAttrs>): Tensor {
  const s = scalars[0]!;
  if (s === 0) return g.mul(0);
  if (s === 1) return g;
  const x = input(0);
  if (s === 2) return g.mul(x.mul(2));
  const slope = apply('powScalar', [x], powAttrs(attrs.dtype, s - 1), [s - 1])[0]!;
  return g.mul(slope.mul(s));
}

/** ∂sˣ/∂x = sˣ·ln s; where s is 0, only negative x have a slope. */
function rpowGrad(g: Tensor, { input, output, scalars }: GradientContext<ScalarAttrs>): Tensor {
  const s = scalars[0]!;
  const slope = g.mul(output(0).mul(Math.log(s)));
  return s === 0 ? slope.maskedFill(input(0).ge(0), 0) : slope;
}

const clampGrad = (g: Tensor, { apply, input, attrs }: GradientContext<ScalarAttrs>, min: number, max: number): Tensor =>
  apply('clampGrad', [g, input(0)], attrs, [min, max])[0]!;

export const scalarRules: FormulaRules<ScalarOpAttrs> = {
  addScalar: scalarRule(
    { name: 'addScalar', of: (x, [s]) => x.add(s!), cost: 0.1 },
    flows('AddBackward0', (g) => g),
  ),
  subScalar: scalarRule(
    { name: 'subScalar', of: (x, [s]) => x.sub(s!), notBool: true, cost: 0.1 },
    flows('SubBackward0', (g) => g),
  ),
  rsubScalar: scalarRule(
    { name: 'rsubScalar', of: (x, [s]) => s!.sub(x), notBool: true, cost: 0.1 },
    flows('RsubBackward1', (g) => g.neg()),
  ),
  mulScalar: scalarRule(
    { name: 'mulScalar', of: (x, [s]) => x.mul(s!), cost: 0.1 },
    flows('MulBackward0', (g, { scalars }) => g.mul(scalars[0]!)),
  ),
  divScalar: scalarRule(
    { name: 'divScalar', of: (x, [s]) => x.div(s!), floating: true, cost: 0.5 },
    flows('DivBackward0', (g, { scalars }) => g.div(scalars[0]!)),
  ),
  rdivScalar: scalarRule(
    // PyTorch takes the reciprocal first, and so rounds twice
    { name: 'rdivScalar', of: (x, [s]) => constantOf(x.type, 1).div(x).mul(s!), floating: true, cost: 0.5 },
    flows('MulBackward0', (g, { input, output }) => g.neg().mul(output(0).div(input(0))), {
      inputs: [0],
      outputs: [0],
    }),
  ),
  powScalar: scalarRule<PowAttrs>(
    {
      name: 'powScalar',
      of: (x, [s], { exponent }) => powerOf(x, s!, exponent),
      cost: 1,
    },
    flows('PowBackward0', powGrad, { inputs: [0] }),
  ),
  rpowScalar: scalarRule(
    { name: 'rpowScalar', of: (x, [s]) => s!.pow(x), cost: 40 },
    flows('PowBackward1', rpowGrad, { inputs: [0], outputs: [0] }),
  ),
  remainderScalar: scalarRule(
    { name: 'remainderScalar', of: (x, [s]) => x.binary('remainder', s!), cost: 15 },
    flows('RemainderBackward0', (g) => g),
  ),
  fmodScalar: scalarRule(
    {
      name: 'fmodScalar',
      of: (x, [s]) => x.binary('fmod', s!),
      cost: 15,
    },
    flows('FmodBackward0', (g) => g),
  ),
  floorDivideScalar: scalarRule(
    { name: 'floorDivideScalar', of: (x, [s]) => x.binary('floorDivide', s!), cost: 20 },
    flows('NotImplemented', () => {
      throw new AutogradError(
        'floorDivide: has no gradient; use div().floor() if a gradient of zero is what you want, or detach() its operand',
      );
    }),
  ),
  clampMin: scalarRule(
    { name: 'clampMin', of: (x, [s]) => x.max(s!), cost: 0.3 },
    flows('ClampBackward1', (g, ctx) => clampGrad(g, ctx, ctx.scalars[0]!, Infinity), { inputs: [0] }),
  ),
  clampMax: scalarRule(
    { name: 'clampMax', of: (x, [s]) => x.min(s!), cost: 0.3 },
    flows('ClampBackward1', (g, ctx) => clampGrad(g, ctx, -Infinity, ctx.scalars[0]!), { inputs: [0] }),
  ),
  clamp: scalarRule(
    {
      name: 'clamp',
      of: (x, [min, max]) => x.max(min!).min(max!),
      scalars: 2,
      cost: 0.5,
    },
    // Between two bounds as `hardtanh`: nothing flows where one is reached.
    flows('ClampBackward1', (g, { apply, input, scalars }) => apply('hardtanhGrad', [g, input(0)], NO_ATTRS, scalars)[0]!, { inputs: [0] }),
  ),
  clampGrad: {
    shape: ([g]) => [layoutOf(g!.dtype, g!.shape)],
    elementwise: (inputs, [out]) => {
      const { dtype } = out!;
      const as = computeOf(dtype);
      return {
        name: 'clampGrad',
        inputs: inputs.map((input) => ({ dtype: input.dtype, as })),
        outputs: [{ dtype, as }],
        scalars: [as, as],
        results: ([g, x], [min, max]) => [x!.ge(min!).and(x!.le(max!)).select(g!, 0)],
        cost: 0.3,
      };
    },
    gradient: {
      name: 'ClampBackwardBackward0',
      saves: { inputs: [1] },
      run: ({ grads: [h], apply, input, attrs, scalars }) => [h && apply('clampGrad', [h, input(1)], attrs, scalars)[0], undefined],
    },
  },
};
