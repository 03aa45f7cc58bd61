/**
 * Arithmetic of two tensors, with broadcasting and type promotion
 * (https://pytorch.org/docs/stable/torch.html#pointwise-ops). Comparisons are in `binary-compare.ts`, tensor and number
 * in `binary-scalar.ts`.
 */
import { isFloating, type DType } from '../../base/dtype.ts';
import { AutogradError, DTypeError } from '../../base/errors.ts';
import type { Layout } from '../../base/layout.ts';
import type { Attrs } from '../../geometry/attrs.ts';
import { computeOf, type ElementwiseSpec } from '../../kernels/formula/elementwise.ts';
import type { Formula } from '../../kernels/formula/formula.ts';
import type { Tensor } from '../tensor.ts';
import { broadcastGradient, broadcastLayout, floatingOf, promoteLayouts } from './elementwise.ts';
import type { FormulaRule, FormulaRules, Gradient } from './rule.ts';

export interface BinaryAttrs {
  /** a + b */
  add: Attrs;
  /** a - b; not for two bool tensors */
  sub: Attrs;
  /** a + alpha·b; scalars: [alpha] */
  addAlpha: Attrs;
  /** a - alpha·b; scalars: [alpha] */
  subAlpha: Attrs;
  /** a · b */
  mul: Attrs;
  /** True division: integers give float32. */
  div: Attrs;
  /** aᵇ */
  pow: Attrs;
  /** The larger; NaN wins. */
  maximum: Attrs;
  /** The smaller; NaN wins. */
  minimum: Attrs;
  /** Python's %: the sign of b */
  remainder: Attrs;
  /** C's fmod: the sign of a */
  fmod: Attrs;
  /** Python's // */
  floorDivide: Attrs;
  atan2: Attrs;
  /** On integers and bool, as are the next two. */
  bitwiseAnd: Attrs;
  bitwiseOr: Attrs;
  bitwiseXor: Attrs;
  /** [g, a, b] → the part of g that a deserves where a is compared with b: all if larger, half if equal. */
  maximumGrad: Attrs;
  minimumGrad: Attrs;
}

/** How one operation computes: in which types, and by which formula. */
interface Arithmetic {
  /** Integers are computed as float32. */
  readonly floating?: boolean;
  readonly of: (a: Formula, b: Formula, scalars: readonly Formula[]) => Formula;
  readonly scalars?: number;
  /** Nanoseconds for one element. */
  readonly cost: number;
}

const ARITHMETIC = {
  add: { of: (a, b) => a.add(b), cost: 0.1 },
  sub: { of: (a, b) => a.sub(b), cost: 0.1 },
  addAlpha: {
    of: (a, b, [alpha]) => (a.isFloat ? b.fma(alpha!, a) : b.mul(alpha!).add(a)),
    scalars: 1,
    cost: 0.1,
  },
  subAlpha: {
    of: (a, b, [alpha]) => (a.isFloat ? b.neg().fma(alpha!, a) : a.sub(b.mul(alpha!))),
    scalars: 1,
    cost: 0.1,
  },
  mul: { of: (a, b) => a.mul(b), cost: 0.1 },
  div: { of: (a, b) => a.div(b), floating: true, cost: 0.5 },
  pow: { of: (a, b) => a.pow(b), cost: 40 },
  maximum: { of: (a, b) => a.max(b), cost: 0.3 },
  minimum: { of: (a, b) => a.min(b), cost: 0.3 },
  remainder: { of: (a, b) => a.binary('remainder', b), cost: 15 },
  fmod: { of: (a, b) => a.binary('fmod', b), cost: 15 },
  floorDivide: { of: (a, b) => a.binary('floorDivide', b), cost: 20 },
  atan2: { of: (a, b) => a.binary('atan2', b), floating: true, cost: 40 },
  bitwiseAnd: { of: (a, b) => a.and(b), cost: 0.1 },
  bitwiseOr: { of: (a, b) => a.or(b), cost: 0.1 },
  bitwiseXor: { of: (a, b) => a.xor(b), cost: 0.1 },
} satisfies { readonly [name: string]: Arithmetic };

type ArithmeticName = keyof typeof ARITHMETIC;

/** The dtype in which an operation computes and returns. */
function resultDType(name: ArithmeticName, a: Layout, b: Layout): DType {
  const dtype = promoteLayouts(a, b);
  return (ARITHMETIC[name] as Arithmetic).floating === true ? floatingOf(dtype) : dtype;
}

/** The formula of an arithmetic operation on operands of these dtypes. */
function arithmeticSpec(name: ArithmeticName, a: DType, b: DType, compute: DType, out: DType): ElementwiseSpec {
  const rule: Arithmetic = ARITHMETIC[name];
  const as = computeOf(compute);
  return {
    name,
    inputs: [
      { dtype: a, as },
      { dtype: b, as },
    ],
    outputs: [{ dtype: out, as }],
    scalars: rule.scalars === 1 ? [as] : [],
    results: ([x, y], scalars) => [rule.of(x!, y!, scalars)],
    cost: rule.cost,
  };
}

function requireArithmetic(name: ArithmeticName, dtype: DType, a: DType, b: DType): void {
  if ((a === 'bool' || b === 'bool') && name.startsWith('sub')) throw boolDifference('sub');
  if (dtype === 'bool' && NOT_FOR_BOOL.has(name)) {
    throw new DTypeError(
      `${name}: is not defined for two bool tensors; use logicalXor() or logicalNot(), or convert one with .to('int64')`,
    );
  }
  if (isFloating(dtype) && name.startsWith('bitwise')) {
    throw new DTypeError(`${name}: expected integer or bool tensors, but got ${dtype}; compare first, or convert with .to('int64')`);
  }
}
const NOT_FOR_BOOL: ReadonlySet<ArithmeticName> = new Set(['pow', 'remainder', 'fmod', 'floorDivide'] as const);

/** PyTorch takes no differences of truth values, whatever the other operand. */
export const boolDifference = (op: string): DTypeError =>
  new DTypeError(
    `${op}: is not defined for bool tensors; use logicalXor() for masks, logicalNot() to invert one, or convert it with .to('int64')`,
  );

function arithmetic(name: ArithmeticName, gradient: Gradient<Attrs> | null): FormulaRule<Attrs> {
  return {
    shape: ([a, b]) => {
      const dtype = resultDType(name, a!, b!);
      requireArithmetic(name, dtype, a!.dtype, b!.dtype);
      return [broadcastLayout(name, dtype, a!, b!)];
    },
    elementwise: ([a, b], [out]) => arithmeticSpec(name, a!.dtype, b!.dtype, resultDType(name, a!, b!), out!.dtype),
    gradient,
  };
}

/** g where a wins against b, g/2 where they tie (PyTorch 1.13 splits the gradient evenly), else 0. */
function tieGrad(name: 'maximumGrad' | 'minimumGrad'): FormulaRule<Attrs> {
  return {
    shape: ([g]) => [broadcastLayout(name, g!.dtype, g!, g!)],
    elementwise: (inputs, [out]) => {
      const { dtype } = out!;
      const as = computeOf(dtype);
      return {
        name,
        inputs: inputs.map((input) => ({ dtype: input.dtype, as })),
        outputs: [{ dtype, as }],
        scalars: [],
        results: ([g, a, b]) => {
          const loses = name === 'maximumGrad' ? a!.lt(b!) : a!.gt(b!);
          return [loses.select(0, a!.eq(b!).select(g!.mul(0.5), g!))];
        },
        cost: 0.3,
      };
    },
    gradient: broadcastGradient(name === 'maximumGrad' ? 'MaximumBackwardBackward0' : 'MinimumBackwardBackward0', { inputs: [1, 2] }, [
      (h, { apply, input, attrs }) => apply(name, [h, input(1), input(2)], attrs)[0]!,
      null,
      null,
    ]),
  };
}

const ties = (name: 'MaximumBackward0' | 'MinimumBackward0', grad: 'maximumGrad' | 'minimumGrad'): Gradient<Attrs> =>
  broadcastGradient(name, { inputs: [0, 1] }, [
    (g, { apply, input, attrs }) => apply(grad, [g, input(0), input(1)], attrs)[0]!,
    (g, { apply, input, attrs }) => apply(grad, [g, input(1), input(0)], attrs)[0]!,
  ]);

/** ∂(aᵇ)/∂a = b·aᵇ⁻¹, and 0 where b is 0 */
const powBase = (g: Tensor, a: Tensor, b: Tensor): Tensor => g.mul(b.mul(a.pow(b.sub(1)))).maskedFill(b.eq(0), 0);
/** ∂(aᵇ)/∂b = aᵇ·ln a, and 0 where a is 0 and b is not negative */
const powExponent = (g: Tensor, a: Tensor, b: Tensor, result: Tensor): Tensor =>
  g.mul(result.mul(a.log())).maskedFill(a.eq(0).logicalAnd(b.ge(0)), 0);

/** The quotient is a constant: its own gradient is zero. */
const quotientGrad =
  (rounding: 'floorDivide' | 'trunc') =>
  (g: Tensor, a: Tensor, b: Tensor): Tensor =>
    g.neg().mul(rounding === 'floorDivide' ? a.detach().floorDivide(b.detach()) : a.div(b).trunc());

/** 1/(a² + b²), and 0 in the origin, where an angle has no slope. */
const inverseNorm = (a: Tensor, b: Tensor): Tensor => {
  const square = a.square().add(b.square());
  return square.reciprocal().maskedFill(square.eq(0), 0);
};

const undifferentiable = (op: string): Gradient<Attrs> => ({
  name: 'NotImplemented',
  saves: {},
  run: () => {
    throw new AutogradError(`${op}: has no gradient; use div().floor() if a gradient of zero is what you want, or detach() its operands`);
  },
});

export const binaryRules: FormulaRules<BinaryAttrs> = {
  add: { step: 'add', ...arithmetic('add', broadcastGradient('AddBackward0', {}, [(g) => g, (g) => g])) },
  sub: arithmetic('sub', broadcastGradient('SubBackward0', {}, [(g) => g, (g) => g.neg()])),
  addAlpha: arithmetic('addAlpha', broadcastGradient('AddBackward0', {}, [(g) => g, (g, { scalars }) => g.mul(scalars[0]!)])),
  subAlpha: arithmetic('subAlpha', broadcastGradient('SubBackward0', {}, [(g) => g, (g, { scalars }) => g.mul(-scalars[0]!)])),
  mul: arithmetic(
    'mul',
    broadcastGradient('MulBackward0', { inputs: [0, 1] }, [(g, { input }) => g.mul(input(1)), (g, { input }) => g.mul(input(0))]),
  ),
  div: arithmetic(
    'div',
    broadcastGradient('DivBackward0', { inputs: [0, 1] }, [
      (g, { input }) => g.div(input(1)),
      (g, { input }) => g.neg().mul(input(0).div(input(1)).div(input(1))),
    ]),
  ),
  pow: arithmetic(
    'pow',
    broadcastGradient('PowBackward1', { inputs: [0, 1], outputs: [0] }, [
      (g, { input }) => powBase(g, input(0), input(1)),
      (g, { input, output }) => powExponent(g, input(0), input(1), output(0)),
    ]),
  ),
  maximum: arithmetic('maximum', ties('MaximumBackward0', 'maximumGrad')),
  minimum: arithmetic('minimum', ties('MinimumBackward0', 'minimumGrad')),
  remainder: arithmetic(
    'remainder',
    broadcastGradient('RemainderBackward1', { inputs: [0, 1] }, [
      (g) => g,
      (g, { input }) => quotientGrad('floorDivide')(g, input(0), input(1)),
    ]),
  ),
  fmod: arithmetic(
    'fmod',
    broadcastGradient('FmodBackward1', { inputs: [0, 1] }, [(g) => g, (g, { input }) => quotientGrad('trunc')(g, input(0), input(1))]),
  ),
  floorDivide: arithmetic('floorDivide', undifferentiable('floorDivide')),
  atan2: arithmetic(
    'atan2',
    broadcastGradient('Atan2Backward0', { inputs: [0, 1] }, [
      (g, { input }) => g.mul(input(1).mul(inverseNorm(input(0), input(1)))),
      (g, { input }) =>
        g.mul(
          input(0)
            .neg()
            .mul(inverseNorm(input(0), input(1))),
        ),
    ]),
  ),
  bitwiseAnd: arithmetic('bitwiseAnd', null),
  bitwiseOr: arithmetic('bitwiseOr', null),
  bitwiseXor: arithmetic('bitwiseXor', null),
  maximumGrad: tieGrad('maximumGrad'),
  minimumGrad: tieGrad('minimumGrad'),
};
