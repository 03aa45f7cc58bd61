/**
 * Functions of one tensor, element by element (https://pytorch.org/docs/stable/torch.html#pointwise-ops), and the
 * predicates isnan, isinf, isfinite, logicalNot. Functions that are not whole on integers give float32 for them.
 * Activations, whose gradients are kernels of their own, are in `unary-activation.ts`.
 */
import { isFloating, type DType } from '../../base/dtype.ts';
import { DTypeError } from '../../base/errors.ts';
import { layoutOf } from '../../base/layout.ts';
import type { Attrs } from '../../geometry/attrs.ts';
import { computeOf } from '../../kernels/formula/elementwise.ts';
import { constantOf, type Formula, type FormulaMath, type FormulaType } from '../../kernels/formula/formula.ts';
import type { Tensor } from '../tensor.ts';
import { floatingOf } from './elementwise.ts';
import type { FormulaRule, FormulaRules, Gradient, GradientContext } from './rule.ts';

export type UnaryName =
  | 'neg' | 'abs' | 'sign' | 'exp' | 'expm1' | 'log' | 'log1p' | 'sqrt' | 'rsqrt' | 'square' | 'reciprocal'
  | 'floor' | 'ceil' | 'round' | 'trunc'
  | 'isnan' | 'isinf' | 'isfinite' | 'logicalNot' | 'bitwiseNot'; // prettier-ignore

/** None takes attributes or scalars. */
export type UnaryAttrs = Record<UnaryName, Attrs>;

export interface UnaryFormula {
  readonly name: string;
  readonly of: (x: Formula, scalars: readonly Formula[]) => Formula;
  /** Integers are computed as float32. */
  readonly floating?: boolean;
  /** bool is computed as int64. */
  readonly whole?: boolean;
  readonly scalars?: number;
  /** Nanoseconds for one element. */
  readonly cost: number;
}

/** The rule of a function that keeps the dtype, up to integers becoming float32. */
export function unaryRule<A extends Attrs>(
  rule: UnaryFormula,
  gradient: Gradient<A> | null,
  check: (dtype: DType) => void = () => undefined,
): FormulaRule<A> {
  const resultOf = (dtype: DType): DType =>
    rule.floating === true ? floatingOf(dtype) : rule.whole === true && dtype === 'bool' ? 'int64' : dtype;
  return {
    shape: ([x]) => {
      check(x!.dtype);
      return [layoutOf(resultOf(x!.dtype), x!.shape)];
    },
    elementwise: ([x], [out]) => {
      const as = computeOf(resultOf(x!.dtype));
      return {
        name: rule.name,
        inputs: [{ dtype: x!.dtype, as }],
        outputs: [{ dtype: out!.dtype, as }],
        scalars: Array<FormulaType>(rule.scalars ?? 0).fill(as),
        results: ([input], scalars) => [rule.of(input!, scalars)],
        cost: rule.cost,
      };
    },
    gradient,
  };
}

export type Slope = (g: Tensor, ctx: GradientContext<Attrs>) => Tensor;

export const ofInput = (name: string, run: (g: Tensor, x: Tensor) => Tensor): Gradient<Attrs> =>
  oneGradient(name, { inputs: [0] }, (g, { input }) => run(g, input(0)));

export const ofOutput = (name: string, run: (g: Tensor, y: Tensor) => Tensor): Gradient<Attrs> =>
  oneGradient(name, { outputs: [0] }, (g, { output }) => run(g, output(0)));

/** For steps: their slope is 0 wherever it exists. */
const flat = (name: string): Gradient<Attrs> => oneGradient(name, {}, (g) => g.mul(0));

export const oneGradient = (name: string, saves: Gradient<Attrs>['saves'], slope: Slope): Gradient<Attrs> => ({
  name,
  saves,
  run: (ctx) => [ctx.grads[0] && slope(ctx.grads[0], ctx)],
});

/** A mathematical function. */
export const mathematical = (fn: FormulaMath, cost: number, gradient: Gradient<Attrs>): FormulaRule<Attrs> =>
  unaryRule({ name: fn, of: (x) => x.math(fn), floating: true, cost }, gradient);

/** What the machine computes in one or a few instructions, in all types. */
const plain = (
  name: string,
  of: (x: Formula) => Formula,
  gradient: Gradient<Attrs> | null,
  check?: (dtype: DType) => void,
): FormulaRule<Attrs> => unaryRule({ name, of, cost: 0.2 }, gradient, check);

const division = (name: string, of: (x: Formula) => Formula, gradient: Gradient<Attrs>): FormulaRule<Attrs> =>
  unaryRule({ name, of, floating: true, cost: 1 }, gradient);

/** A check for operations that PyTorch refuses on bool. */
export const notBool =
  (op: string, remedy: string) =>
  (dtype: DType): void => {
    if (dtype === 'bool') throw new DTypeError(`${op}: is not defined for bool tensors; ${remedy}`);
  };

/** A question about every element; false for integers where it is about special numbers. */
function predicate(name: string, as: (dtype: DType) => FormulaType, of: (x: Formula) => Formula): FormulaRule<Attrs> {
  return {
    shape: ([x]) => [layoutOf('bool', x!.shape)],
    elementwise: ([x]) => ({
      name,
      inputs: [{ dtype: x!.dtype, as: as(x!.dtype) }],
      outputs: [{ dtype: 'bool', as: 'bool' }],
      scalars: [],
      results: ([input]) => [of(input!)],
      cost: 0.3,
    }),
    gradient: null,
  };
}

const WHOLE = 'its elements are whole already';
/** 1/x */
const inverse = (x: Formula): Formula => constantOf(x.type, 1).div(x);

export const unaryRules: FormulaRules<UnaryAttrs> = {
  neg: plain('neg', (x) => x.neg(), oneGradient('NegBackward0', {}, (g) => g.neg()), notBool('neg', 'use logicalNot()')),
  abs: plain('abs', (x) => x.abs(), ofInput('AbsBackward0', (g, x) => g.mul(x.sign())), notBool('abs', 'its elements are 0 or 1 already')),
  sign: plain('sign', (x) => x.unary('sign'), flat('SignBackward0')),
  exp: mathematical('exp', 1, ofOutput('ExpBackward0', (g, y) => g.mul(y))),
  expm1: mathematical('expm1', 1.5, ofOutput('Expm1Backward0', (g, y) => g.mul(y.add(1)))),
  log: mathematical('log', 1.2, ofInput('LogBackward0', (g, x) => g.div(x))),
  log1p: mathematical('log1p', 1.8, ofInput('Log1PBackward0', (g, x) => g.div(x.add(1)))),
  sqrt: division('sqrt', (x) => x.sqrt(), ofOutput('SqrtBackward0', (g, y) => g.div(y.mul(2)))),
  rsqrt: division(
    'rsqrt',
    (x) => inverse(x.sqrt()),
    ofOutput('RsqrtBackward0', (g, y) => g.mul(-0.5).mul(y.pow(3))),
  ),
  square: unaryRule(
    { name: 'square', of: (x) => x.mul(x), whole: true, cost: 0.2 },
    ofInput('PowBackward0', (g, x) => g.mul(x.mul(2))),
  ),
  reciprocal: division(
    'reciprocal',
    inverse,
    ofOutput('ReciprocalBackward0', (g, y) => g.neg().mul(y.mul(y))),
  ),
  floor: plain('floor', (x) => x.rounded('floor'), flat('FloorBackward0'), notBool('floor', WHOLE)),
  ceil: plain('ceil', (x) => x.rounded('ceil'), flat('CeilBackward0'), notBool('ceil', WHOLE)),
  round: plain('round', (x) => x.rounded('nearest'), flat('RoundBackward0'), notBool('round', WHOLE)),
  trunc: plain('trunc', (x) => x.rounded('trunc'), flat('TruncBackward0'), notBool('trunc', WHOLE)),
  isnan: predicate('isnan', computeOf, (x) => x.unary('isnan')),
  isinf: predicate('isinf', computeOf, (x) => x.unary('isinf')),
  isfinite: predicate('isfinite', computeOf, (x) => x.unary('isfinite')),
  logicalNot: predicate('logicalNot', () => 'bool', (x) => x.not()),
  bitwiseNot: {
    shape: ([x]) => {
      if (isFloating(x!.dtype)) {
        throw new DTypeError(`bitwiseNot: expected an integer or bool tensor, but got ${x!.dtype}; use logicalNot()`);
      }
      return [layoutOf(x!.dtype, x!.shape)];
    },
    elementwise: (inputs, outputs, attrs) =>
      (inputs[0]!.dtype === 'bool' ? unaryRules.logicalNot : complement).elementwise(inputs, outputs, attrs),
    gradient: null,
  },
}; // prettier-ignore

const complement = plain('bitwiseNot', (x) => x.not(), null);
