/** Exporters of functions that ONNX has no operator for, put together so that they keep their digits: near 0, at infinities, with signed zeros. */
import type { DType } from '../../base/dtype.ts';
import type { Context, Exporter } from './context.ts';

/** Two inputs in the dtype that they are combined in. */
export const pair = (c: Context<unknown>, dtype: DType): [string, string] => [c.as(0, dtype), c.as(1, dtype)];

/** Short names for nodes on the dtype of the result. */
function nodesOf(c: Context<unknown>): {
  readonly number: (value: number) => string;
  readonly op: (name: string, ...inputs: string[]) => string;
  readonly either: (condition: string, yes: string, no: string) => string;
  readonly negative: (x: string) => string;
} {
  const number = (value: number): string => c.scalar(c.resultDType, value);
  const op = (name: string, ...inputs: string[]): string => c.one(name, inputs);
  const either = (condition: string, yes: string, no: string): string => c.one('Where', [condition, yes, no]);
  const below = (x: string): string => op('Less', x, number(0));
  // Of zeros the sign is that of what they divide.
  const negative = (x: string): string => op('Or', below(x), op('And', op('Equal', x, number(0)), below(op('Reciprocal', x))));
  return { number, op, either, negative };
}

/** log(1 + x): the sum is rounded, and by as much as it is off, the logarithm is made up for. */
function log1pOf(c: Context<unknown>, x: string): string {
  const { number, op, either } = nodesOf(c);
  const sum = op('Add', x, number(1));
  const made = op('Div', op('Mul', op('Log', sum), x), op('Sub', sum, number(1)));
  return either(op('Or', op('Equal', sum, number(1)), op('IsInf', x)), x, made);
}

/** exp(x) - 1: as log1p, near 0; elsewhere nothing is lost. */
function expm1Of(c: Context<unknown>, x: string): string {
  const { number, op, either } = nodesOf(c);
  const power = op('Exp', x);
  const less = op('Sub', power, number(1));
  const made = op('Div', op('Mul', less, x), op('Log', power));
  return either(op('Greater', op('Abs', x), number(1)), less, either(op('Equal', power, number(1)), x, made));
}

/** log(eᵃ + eᵇ) = max + log(1 + e^-|a - b|), to some base; of equal ones, infinities among them, max + log 2. */
const logSumOfPowers =
  (base: number): Exporter<unknown> =>
  (c) => {
    const { number, op, either } = nodesOf(c);
    const [a, b] = pair(c, c.resultDType);
    const [most, scale] = [op('Max', a, b), Math.log(base)];
    const distance = op('Neg', op('Abs', op('Sub', a, b)));
    const rest = log1pOf(c, op('Exp', base === Math.E ? distance : op('Mul', distance, number(scale))));
    const log = base === Math.E ? rest : op('Mul', rest, number(1 / scale));
    return either(op('Equal', a, b), op('Add', most, number(Math.LN2 / scale)), op('Add', most, log));
  };

/** The angle of |y| and |x|, then the quadrant. */
function atan2(c: Context<unknown>): string {
  const { number, op, either, negative } = nodesOf(c);
  const [y, x] = pair(c, c.resultDType);
  const [tall, wide] = [op('Abs', y), op('Abs', x)];
  const same = either(op('Equal', tall, number(0)), number(0), number(Math.PI / 4));
  const angle = either(op('Equal', tall, wide), same, op('Atan', op('Div', tall, wide)));
  const turned = either(negative(x), op('Sub', number(Math.PI), angle), angle);
  return either(negative(y), op('Neg', turned), turned);
}

export const SPECIAL_EXPORTERS = {
  log1p: (c: Context<unknown>) => log1pOf(c, c.as(0, c.resultDType)),
  expm1: (c: Context<unknown>) => expm1Of(c, c.as(0, c.resultDType)),
  logaddexp: logSumOfPowers(Math.E),
  logaddexp2: logSumOfPowers(2),
  atan2,
  copysign: (c: Context<unknown>) => {
    const { op, either, negative } = nodesOf(c);
    const [size, sign] = pair(c, c.resultDType);
    return either(negative(sign), op('Neg', op('Abs', size)), op('Abs', size));
  },
  /** x·log y, and 0 where x is 0, unless y is NaN. */
  xlogy: (c: Context<unknown>) => {
    const { number, op, either } = nodesOf(c);
    const [x, y] = pair(c, c.resultDType);
    const none = op('And', op('Equal', x, number(0)), op('Not', op('IsNaN', y)));
    return either(none, number(0), op('Mul', x, op('Log', y)));
  },
  ldexp: (c: Context<unknown>) => {
    const { number, op } = nodesOf(c);
    const [x, count] = pair(c, c.resultDType);
    return op('Mul', x, op('Pow', number(2), count));
  },
  logit: (c: Context<unknown>) => {
    const { number, op } = nodesOf(c);
    const x = c.as(0, c.resultDType);
    return op('Log', op('Div', x, op('Sub', number(1), x)));
  },
  sinc: (c: Context<unknown>) => {
    const { number, op, either } = nodesOf(c);
    const x = c.as(0, c.resultDType);
    const angle = op('Mul', x, number(Math.PI));
    return either(op('Equal', x, number(0)), number(1), op('Div', op('Sin', angle), angle));
  },
} as const;
