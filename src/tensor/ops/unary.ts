/**
 * Functions of one tensor, element by element (https://pytorch.org/docs/stable/torch.html#pointwise-ops), and the
 * predicates isnan, isinf, isfinite, logicalNot. Functions that are not whole on integers give float32 for them.
 * Activations, whose gradients are kernels of their own, are in `unary-activation.ts`.
 */
import { isFloating, type DType } from '../../base/dtype.ts';
import { DTypeError } from '../../base/errors.ts';
import { layoutOf } from '../../base/layout.ts';
import { absolute, hostMath, isFloat, negate, not, rounded, sign } from '../../kernels/cpu/elementwise/expr.ts';
import { computeOf, type Compute } from '../../kernels/cpu/elementwise/memory.ts';
import { constant, math, type Expr, type Fn, type MathFn } from '../../kernels/cpu/ir.ts';
import { erfF32, erfF64, expF32, expm1F32, hoisted, log1pF32, logF32 } from '../../kernels/cpu/math.ts';
import type { Tensor } from '../tensor.ts';
import { elementwiseRule, floatingOf } from './elementwise.ts';
import type { Attrs, Gradient, GradientContext, OpRule, OpRules } from './rule.ts';

export type UnaryName =
  | 'neg' | 'abs' | 'sign' | 'exp' | 'expm1' | 'log' | 'log1p' | 'log2' | 'log10' | 'sqrt' | 'rsqrt' | 'square'
  | 'reciprocal' | 'sin' | 'cos' | 'tan' | 'asin' | 'acos' | 'atan' | 'sinh' | 'cosh' | 'erf'
  | 'floor' | 'ceil' | 'round' | 'trunc'
  | 'isnan' | 'isinf' | 'isfinite' | 'logicalNot' | 'bitwiseNot'; // prettier-ignore

/** None takes attributes or scalars. */
export type UnaryAttrs = Record<UnaryName, Attrs>;

export interface UnaryExpression {
  readonly name: string;
  readonly build: (f: Fn, x: Expr, scalars: readonly Expr[]) => Expr;
  /** Integers are computed as float32. */
  readonly floating?: boolean;
  /** bool is computed as int64. */
  readonly whole?: boolean;
  /** Where the expression only exists for scalars: in double precision, or always. */
  readonly scalarOnly?: 'double' | 'always';
  readonly scalars?: number;
  /** Nanoseconds for one element. */
  readonly cost: number;
}

/** The rule of a function that keeps the dtype, up to integers becoming float32. */
export function unaryRule<A extends Attrs>(
  rule: UnaryExpression,
  gradient: Gradient<A> | null,
  check: (dtype: DType) => void = () => undefined,
): OpRule<A> {
  const resultOf = (dtype: DType): DType =>
    rule.floating === true ? floatingOf(dtype) : rule.whole === true && dtype === 'bool' ? 'int64' : dtype;
  return {
    shape: ([x]) => {
      check(x!.dtype);
      return [layoutOf(resultOf(x!.dtype), x!.shape)];
    },
    ...elementwiseRule(([x], [out]) => {
      const as = computeOf(resultOf(x!.dtype));
      return {
        name: rule.name,
        inputs: [{ dtype: x!.dtype, as }],
        outputs: [{ dtype: out!.dtype, as }],
        scalars: Array<Compute>(rule.scalars ?? 0).fill(as),
        build: (f, [input], scalars) => [rule.build(f, input!, scalars)],
        scalarOnly: rule.scalarOnly === 'always' || (rule.scalarOnly === 'double' && as === 'f64'),
        cost: rule.cost,
      };
    }),
    gradient,
  };
}

type Slope = (g: Tensor, ctx: GradientContext<Attrs>) => Tensor;

const ofInput = (name: string, run: (g: Tensor, x: Tensor) => Tensor): Gradient<Attrs> =>
  oneGradient(name, { inputs: [0] }, (g, { input }) => run(g, input(0)));

const ofOutput = (name: string, run: (g: Tensor, y: Tensor) => Tensor): Gradient<Attrs> =>
  oneGradient(name, { outputs: [0] }, (g, { output }) => run(g, output(0)));

/** For steps: their slope is 0 wherever it exists. */
const flat = (name: string): Gradient<Attrs> => oneGradient(name, {}, (g) => g.mul(0));

const oneGradient = (name: string, saves: Gradient<Attrs>['saves'], slope: Slope): Gradient<Attrs> => ({
  name,
  saves,
  run: (ctx) => [ctx.grads[0] && slope(ctx.grads[0], ctx)],
});

/** A function of the host for both precisions. */
const host = (fn: MathFn, gradient: Gradient<Attrs>): OpRule<Attrs> =>
  unaryRule({ name: fn, build: (_, x) => hostMath(fn, x), floating: true, scalarOnly: 'always', cost: 15 }, gradient);

/** A logarithm of another base: for float32, a multiple of the natural one, which hosts compute several times faster. */
const logarithm = (fn: 'log2' | 'log10', scale: number, gradient: Gradient<Attrs>): OpRule<Attrs> => {
  const natural = (x: Expr): Expr => math('log', x.cast('f64')).mul(scale).cast('f32');
  const build = (_: Fn, x: Expr): Expr => (x.type === 'f32' ? natural(x) : hostMath(fn, x));
  return unaryRule({ name: fn, build, floating: true, scalarOnly: 'always', cost: 15 }, gradient);
};

/** A vector function in single precision, the host's in double. */
const single = (
  name: MathFn,
  build: (f: Fn, x: Expr) => Expr,
  cost: number,
  gradient: Gradient<Attrs>,
): OpRule<Attrs> =>
  unaryRule(
    {
      name,
      build: (f, x) => (x.type === 'f64' ? hostMath(name, x) : build(f, x)),
      floating: true,
      scalarOnly: 'double',
      cost,
    },
    gradient,
  );

/** What the machine computes in one or a few instructions, in all types. */
const plain = (
  name: string,
  build: (f: Fn, x: Expr) => Expr,
  gradient: Gradient<Attrs> | null,
  check?: (dtype: DType) => void,
): OpRule<Attrs> => unaryRule({ name, build, cost: 0.2 }, gradient, check);

const division = (name: string, build: (f: Fn, x: Expr) => Expr, gradient: Gradient<Attrs>): OpRule<Attrs> =>
  unaryRule({ name, build, floating: true, cost: 1 }, gradient);

/** A check for operations that PyTorch refuses on bool. */
export const notBool =
  (op: string, remedy: string) =>
  (dtype: DType): void => {
    if (dtype === 'bool') throw new DTypeError(`${op}: is not defined for bool tensors; ${remedy}`);
  };

/** A question about every element; false for integers where it is about special numbers. */
function predicate(name: string, as: (dtype: DType) => Compute, build: (f: Fn, x: Expr) => Expr): OpRule<Attrs> {
  return {
    shape: ([x]) => [layoutOf('bool', x!.shape)],
    ...elementwiseRule(([x]) => ({
      name,
      inputs: [{ dtype: x!.dtype, as: as(x!.dtype) }],
      outputs: [{ dtype: 'bool', as: 'bool' }],
      scalars: [],
      build: (f, [input]) => [build(f, input!)],
      cost: 0.3,
    })),
    gradient: null,
  };
}

const WHOLE = 'its elements are whole already';
const one = (f: Fn, x: Expr): Expr => hoisted(f, x.type, 1);
const never = (x: Expr): Expr => x.ne(x);

/** ∂asin/∂x and -∂acos/∂x */
const arcSlope = (g: Tensor, x: Tensor): Tensor => g.mul(x.square().neg().add(1).rsqrt());

const throughHost =
  (op: 'sinh' | 'cosh'): Slope =>
  (g, { apply, input, attrs }) =>
    g.mul(apply(op, [input(0)], attrs)[0]!);

export const unaryRules: OpRules<UnaryAttrs> = {
  neg: plain('neg', (_, x) => negate(x), oneGradient('NegBackward0', {}, (g) => g.neg()), notBool('neg', 'use logicalNot()')),
  abs: plain('abs', absolute, ofInput('AbsBackward0', (g, x) => g.mul(x.sign())), notBool('abs', 'its elements are 0 or 1 already')),
  sign: plain('sign', sign, flat('SignBackward0')),
  exp: single('exp', expF32, 1, ofOutput('ExpBackward0', (g, y) => g.mul(y))),
  expm1: single('expm1', expm1F32, 1.5, ofOutput('Expm1Backward0', (g, y) => g.mul(y.add(1)))),
  log: single('log', logF32, 1.2, ofInput('LogBackward0', (g, x) => g.div(x))),
  log1p: single('log1p', log1pF32, 1.8, ofInput('Log1PBackward0', (g, x) => g.div(x.add(1)))),
  log2: logarithm('log2', Math.LOG2E, ofInput('Log2Backward0', (g, x) => g.div(x.mul(Math.LN2)))),
  log10: logarithm('log10', Math.LOG10E, ofInput('Log10Backward0', (g, x) => g.div(x.mul(Math.LN10)))),
  sqrt: division('sqrt', (_, x) => x.unary('sqrt'), ofOutput('SqrtBackward0', (g, y) => g.div(y.mul(2)))),
  rsqrt: division(
    'rsqrt',
    (f, x) => one(f, x).div(x.unary('sqrt')),
    ofOutput('RsqrtBackward0', (g, y) => g.mul(-0.5).mul(y.pow(3))),
  ),
  square: unaryRule(
    { name: 'square', build: (_, x) => x.mul(x), whole: true, cost: 0.2 },
    ofInput('PowBackward0', (g, x) => g.mul(x.mul(2))),
  ),
  reciprocal: division(
    'reciprocal',
    (f, x) => one(f, x).div(x),
    ofOutput('ReciprocalBackward0', (g, y) => g.neg().mul(y.mul(y))),
  ),
  sin: host('sin', ofInput('SinBackward0', (g, x) => g.mul(x.cos()))),
  cos: host('cos', ofInput('CosBackward0', (g, x) => g.mul(x.sin().neg()))),
  tan: host('tan', ofOutput('TanBackward0', (g, y) => g.mul(y.square().add(1)))),
  asin: host('asin', ofInput('AsinBackward0', arcSlope)),
  acos: host('acos', ofInput('AcosBackward0', (g, x) => arcSlope(g, x).neg())),
  atan: host('atan', ofInput('AtanBackward0', (g, x) => g.div(x.square().add(1)))),
  sinh: host('sinh', oneGradient('SinhBackward0', { inputs: [0] }, throughHost('cosh'))),
  cosh: host('cosh', oneGradient('CoshBackward0', { inputs: [0] }, throughHost('sinh'))),
  erf: unaryRule(
    {
      name: 'erf',
      build: (f, x) => (x.type === 'f64' ? erfF64(f, x) : erfF32(f, x)),
      floating: true,
      scalarOnly: 'double',
      cost: 3,
    },
    ofInput('ErfBackward0', (g, x) => g.mul(x.square().neg().exp().mul(2 / Math.sqrt(Math.PI)))),
  ),
  floor: plain('floor', (_, x) => rounded(x, 'floor'), flat('FloorBackward0'), notBool('floor', WHOLE)),
  ceil: plain('ceil', (_, x) => rounded(x, 'ceil'), flat('CeilBackward0'), notBool('ceil', WHOLE)),
  round: plain('round', (_, x) => rounded(x, 'nearest'), flat('RoundBackward0'), notBool('round', WHOLE)),
  trunc: plain('trunc', (_, x) => rounded(x, 'trunc'), flat('TruncBackward0'), notBool('trunc', WHOLE)),
  isnan: predicate('isnan', computeOf, (_, x) => never(x)),
  isinf: predicate('isinf', computeOf, (f, x) =>
    isFloat(x) ? x.unary('abs').eq(hoisted(f, x.type, Infinity)) : never(x),
  ),
  isfinite: predicate('isfinite', computeOf, (f, x) =>
    isFloat(x) ? x.unary('abs').lt(hoisted(f, x.type, Infinity)) : x.eq(x),
  ),
  logicalNot: predicate('logicalNot', () => 'bool', (_, x) => not(x)),
  bitwiseNot: {
    shape: ([x]) => {
      if (isFloating(x!.dtype)) {
        throw new DTypeError(`bitwiseNot: expected an integer or bool tensor, but got ${x!.dtype}; use logicalNot()`);
      }
      return [layoutOf(x!.dtype, x!.shape)];
    },
    lower: (l, inputs, outputs, attrs) => {
      const rule = inputs[0]!.layout.dtype === 'bool' ? unaryRules.logicalNot : complement;
      rule.lower(l, inputs, outputs, attrs);
    },
    gradient: null,
  },
}; // prettier-ignore

const complement = plain('bitwiseNot', (_, x) => x.binary('xor', constant(x.type, -1)), null);
