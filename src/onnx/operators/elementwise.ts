/** ONNX operators that work element by element (https://onnx.ai/onnx/operators/), in terms of tensor operations. */
import { isFloating, type DType } from '../../base/dtype.ts';
import { numelOf } from '../../base/shape.ts';
import { full } from '../../tensor/create.ts';
import { apply1 } from '../../tensor/dispatch.ts';
import { maximum, minimum, where } from '../../tensor/functions.ts';
import { NO_ATTRS } from '../../geometry/attrs.ts';
import type { MathematicsName } from '../../tensor/ops/mathematics.ts';
import type { UnaryName } from '../../tensor/ops/unary.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { Host, hostDivide, hostMap, hostModulo } from '../host.ts';
import type { Args, OnnxNode, Operator, Run } from '../node.ts';

/** An operation without attributes or numbers. */
const call = (name: UnaryName | MathematicsName | BinaryOp, ...inputs: Tensor[]): Tensor => apply1(name, inputs, NO_ATTRS);

type BinaryOp = 'fmod' | 'remainder' | 'floorDivide' | 'gelu' | 'logicalXor' | 'bitwiseAnd' | 'bitwiseOr' | 'bitwiseXor';

const hosts = (args: Args): Host[] => args.values.map((_, i) => args.host(i));

/** A function of one tensor; on the host, of a number. */
function unary(run: (x: Tensor) => Tensor, host?: (x: number) => number, result?: DType): Operator {
  const operator = { build: () => (args: Args) => run(args.tensor(0)) };
  if (host === undefined) return operator;
  return { ...operator, host: () => (args) => hostMap(result ?? args.host(0).dtype, [args.host(0)], host) };
}

const fn = (name: UnaryName | MathematicsName, host?: (x: number) => number, result?: DType): Operator =>
  unary((x) => call(name, x), host, result);

/** A function of one tensor and of attributes. */
const withAttributes = (build: (node: OnnxNode) => (x: Tensor) => Tensor): Operator => ({
  build: (node) => {
    const run = build(node);
    return (args) => run(args.tensor(0));
  },
});

/** Before version 7, shapes fitted by attributes. */
function noOldBroadcast(node: OnnxNode): void {
  if (node.has('broadcast') || node.has('axis')) node.refuse('the broadcasting of opset 6');
  node.ignore('consumed_inputs');
}

function binary(run: (a: Tensor, b: Tensor) => Tensor, host: (a: number, b: number, dtype: DType) => number, result?: DType): Operator {
  return {
    build: (node) => {
      noOldBroadcast(node);
      return (args) => run(args.tensor(0), args.tensor(1));
    },
    host: () => (args) => {
      const { dtype } = args.host(0);
      return hostMap(result ?? dtype, [args.host(0), args.host(1)], (a, b) => host(a, b, dtype));
    },
  };
}

/** Arithmetic of which one side is often one number: that becomes a scalar of the operation. */
function arithmetic(name: 'add' | 'sub' | 'mul' | 'div', host: (a: number, b: number, dtype: DType) => number): Operator {
  const both = binary((a, b) => (name === 'div' ? divide(a, b) : a[name](b)), host);
  return {
    ...both,
    build: (node) => {
      const run = both.build(node);
      return (args) => {
        const [a, b] = [args.value(0), args.value(1)];
        if (!(b instanceof Host) || a instanceof Host || numelOf(b.shape) !== 1 || b.shape.length > a.ndim) return run(args);
        if (!isFloating(a.dtype)) return run(args);
        return a[name](b.data[0]!);
      };
    },
  };
}

/** Whole numbers round towards zero. */
function divide(a: Tensor, b: Tensor): Tensor {
  if (isFloating(a.dtype)) return a.div(b);
  return call('floorDivide', a.sub(call('fmod', a, b)), b).to(a.dtype);
}

const truth = (x: boolean): number => Number(x);

function comparison(name: 'eq' | 'lt' | 'le' | 'gt' | 'ge', host: (a: number, b: number) => boolean): Operator {
  return binary(
    (a, b) => a[name](b),
    (a, b) => truth(host(a, b)),
    'bool',
  );
}

function logical(name: 'logicalAnd' | 'logicalOr' | 'logicalXor', host: (a: boolean, b: boolean) => boolean): Operator {
  return binary(
    (a, b) => a[name](b),
    (a, b) => truth(host(a !== 0, b !== 0)),
    'bool',
  );
}

/** Any number of inputs. */
function variadic(join: (a: Tensor, b: Tensor) => Tensor, host: (a: number, b: number) => number, mean = false): Operator {
  return {
    build: (node) => {
      if (node.inputs.length === 0) node.fail('it has no input');
      return (args) => {
        const all = args.values.map((_, i) => args.tensor(i));
        const result = all.reduce(join);
        return mean ? result.div(all.length) : result;
      };
    },
    host: () => (args) => {
      const all = hosts(args);
      return hostMap(all[0]!.dtype, all, (...numbers) => numbers.reduce(host) / (mean ? numbers.length : 1));
    },
  };
}

function power(a: Tensor, b: Tensor): Tensor {
  if (isFloating(a.dtype)) return a.pow(b.to(a.dtype));
  return a.to('float64').pow(b.to('float64')).to(a.dtype);
}

/** The bounds of what a dtype holds; a number that is missing, or NaN, is no bound of its own. */
function boundsOf(dtype: DType, min: number | undefined, max: number | undefined): { min: number; max: number } {
  const largest = dtype === 'float64' ? Number.MAX_VALUE : LARGEST_SINGLE;
  const known = (bound: number | undefined, otherwise: number): number => (bound === undefined || Number.isNaN(bound) ? otherwise : bound);
  return { min: known(min, -largest), max: known(max, largest) };
}

const LARGEST_SINGLE = (2 - 2 ** -23) * 2 ** 127;

const clipped: Operator = {
  hostInputs: [1, 2],
  build: (node) => {
    const given = node.opset < 11 ? { min: node.float('min', NaN), max: node.float('max', NaN) } : undefined;
    return (args) => {
      const x = args.tensor(0);
      const min = given?.min ?? args.number(1);
      const max = given?.max ?? args.number(2);
      if (isFloating(x.dtype)) return x.clamp(boundsOf(x.dtype, min, max));
      const bound = (value: number): Tensor => full([], value, { dtype: x.dtype });
      const low = min === undefined || !Number.isFinite(min) ? x : maximum(x, bound(min));
      return max === undefined || !Number.isFinite(max) ? low : minimum(low, bound(max));
    };
  },
};

const elu = (x: Tensor, alpha: number, slope = 1): Tensor =>
  where(
    x.gt(0),
    x.mul(slope),
    x
      .clamp({ max: 0 })
      .expm1()
      .mul(alpha * slope),
  );

const softplus = (x: Tensor): Tensor => x.relu().add(x.abs().neg().exp().log1p());

/** Nothing of `x`, whatever it holds. */
const zero = (x: Tensor): Tensor => full([], 0, { dtype: x.dtype });

// Inverse hyperbolic functions: beyond BIG, where squares would overflow, they are logarithms.
const BIG = 1e9;

/** What the logarithm of a number beyond BIG adds to that of BIG. */
const beyond = (x: Tensor): Tensor => x.clamp({ min: BIG }).div(BIG).log();

function asinh(x: Tensor): Tensor {
  const size = x.abs();
  const part = size.clamp({ max: BIG });
  const square = part.square();
  const inside = part.add(square.div(square.add(1).sqrt().add(1))).log1p();
  return x.sign().mul(inside.add(beyond(size)));
}

function acosh(x: Tensor): Tensor {
  const above = x.clamp({ max: BIG }).sub(1);
  const inside = above.add(above.sqrt().mul(above.add(2).sqrt())).log1p();
  return inside.add(beyond(x));
}

/** Odd, so that numbers near -1 are as exact as those near 1. */
function atanh(x: Tensor): Tensor {
  const size = x.abs();
  return x.sign().mul(size.mul(2).div(size.neg().add(1)).log1p().mul(0.5));
}

/** As the dtype of single precision has it: what an attribute of ONNX holds. */
const single = Math.fround;

const leaky = (x: Tensor, slope: number): Tensor => apply1('leakyRelu', [x], NO_ATTRS, [slope]);

const relu = (x: Tensor): Tensor => (isFloating(x.dtype) ? x.relu() : maximum(x, full([], 0, { dtype: x.dtype })));

function geluOf(node: OnnxNode): (x: Tensor) => Tensor {
  if (node.oneOf('approximate', ['none', 'tanh'], 'none') === 'none') return (x) => call('gelu', x);
  const inner = (x: Tensor): Tensor => x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
  return (x) => x.mul(0.5).mul(inner(x).tanh().add(1));
}

const castTo =
  (dtype: DType): Run =>
  (args) => {
    const value = args.value(0);
    return value instanceof Host ? hostMap(dtype, [value], (x) => x) : value.to(dtype);
  };

const cast: Operator = {
  build: (node) => {
    node.ignore('saturate', 'round_mode');
    return castTo(node.dtype('to', 0));
  },
  host: (node) => castTo(node.dtype('to', 0)),
};

const infinities: Operator = withAttributes((node) => {
  const [low, high] = [node.flag('detect_negative', true), node.flag('detect_positive', true)];
  return (x) => {
    if (low && high) return x.isinf();
    if (!low && !high) return full([...x.layout.shape], false);
    return x.eq(low ? -Infinity : Infinity);
  };
});

const modulo: Operator = {
  build: (node) => {
    const c = node.flag('fmod');
    return (args) => call(c ? 'fmod' : 'remainder', args.tensor(0), args.tensor(1));
  },
  host: (node) => {
    const c = node.flag('fmod');
    return (args) => hostMap(args.host(0).dtype, [args.host(0), args.host(1)], (a, b) => hostModulo(args.host(0).dtype, a, b, c));
  },
};

const choice: Operator = {
  build: () => (args) => where(args.tensor(0), args.tensor(1), args.tensor(2)),
  host: () => (args) => hostMap(args.host(1).dtype, hosts(args), (condition, a, b) => (condition !== 0 ? a : b)),
};

function roundHalfEven(x: number): number {
  const down = Math.floor(x);
  if (x - down !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
}

export const elementwiseOperators = {
  Abs: fn('abs', Math.abs),
  Acos: fn('acos'),
  Acosh: unary(acosh),
  Add: arithmetic('add', (a, b) => a + b),
  And: logical('logicalAnd', (a, b) => a && b),
  Asin: fn('asin'),
  Asinh: unary(asinh),
  Atan: fn('atan'),
  Atanh: unary(atanh),
  BitwiseAnd: binary(
    (a, b) => call('bitwiseAnd', a, b),
    (a, b) => a & b,
  ),
  BitwiseNot: fn('bitwiseNot'),
  BitwiseOr: binary(
    (a, b) => call('bitwiseOr', a, b),
    (a, b) => a | b,
  ),
  BitwiseXor: binary(
    (a, b) => call('bitwiseXor', a, b),
    (a, b) => a ^ b,
  ),
  Cast: cast,
  CastLike: {
    build: (node) => (node.ignore('saturate', 'round_mode'), (args) => args.tensor(0).to(args.tensor(1).dtype)),
  },
  Ceil: fn('ceil', Math.ceil),
  Celu: withAttributes((node) => {
    const alpha = node.float('alpha', 1);
    return (x) => x.relu().add(x.div(alpha).clamp({ max: 0 }).expm1().mul(alpha));
  }),
  Clip: clipped,
  Cos: fn('cos'),
  Cosh: fn('cosh'),
  Div: arithmetic('div', (a, b, dtype) => hostDivide(dtype, a, b)),
  Elu: withAttributes((node) => {
    const alpha = node.float('alpha', 1);
    return (x) => elu(x, alpha);
  }),
  Equal: comparison('eq', (a, b) => a === b),
  Erf: fn('erf'),
  Exp: fn('exp', Math.exp),
  Floor: fn('floor', Math.floor),
  Gelu: withAttributes(geluOf),
  Greater: comparison('gt', (a, b) => a > b),
  GreaterOrEqual: comparison('ge', (a, b) => a >= b),
  HardSigmoid: withAttributes((node) => {
    const [alpha, beta] = [node.float('alpha', single(0.2)), node.float('beta', 0.5)];
    return (x) => x.mul(alpha).add(beta).clamp({ min: 0, max: 1 });
  }),
  HardSwish: unary((x) => x.mul(x.div(6).add(0.5).clamp({ min: 0, max: 1 }))),
  Identity: { build: () => (args) => args.value(0), host: () => (args) => args.value(0) },
  IsInf: infinities,
  IsNaN: fn('isnan'),
  LeakyRelu: withAttributes((node) => {
    const slope = node.float('alpha', single(0.01));
    return (x) => leaky(x, slope);
  }),
  Less: comparison('lt', (a, b) => a < b),
  LessOrEqual: comparison('le', (a, b) => a <= b),
  Log: fn('log', Math.log),
  Max: variadic(maximum, Math.max),
  Mean: variadic(
    (a, b) => a.add(b),
    (a, b) => a + b,
    true,
  ),
  Min: variadic(minimum, Math.min),
  Mish: unary((x) => x.mul(softplus(x).tanh())),
  Mod: modulo,
  Mul: arithmetic('mul', (a, b) => a * b),
  Neg: fn('neg', (x) => -x),
  Not: fn('logicalNot', (x) => truth(x === 0)),
  Or: logical('logicalOr', (a, b) => a || b),
  Pow: binary(power, (a, b) => a ** b),
  PRelu: { build: () => (args) => where(args.tensor(0).lt(0), args.tensor(0).mul(args.tensor(1)), args.tensor(0)) },
  Reciprocal: fn('reciprocal', (x) => 1 / x),
  Relu: unary(relu, (x) => Math.max(x, 0)),
  Round: fn('round', roundHalfEven),
  Selu: withAttributes((node) => {
    const [alpha, gamma] = [node.float('alpha', single(1.6732632423543772)), node.float('gamma', single(1.0507009873554805))];
    return (x) => elu(x, alpha, gamma);
  }),
  Shrink: withAttributes((node) => {
    const [lambda, bias] = [node.float('lambd', 0.5), node.float('bias', 0)];
    return (x) => where(x.gt(lambda), x.sub(bias), where(x.lt(-lambda), x.add(bias), zero(x))).to(x.dtype);
  }),
  Sigmoid: unary((x) => x.sigmoid()),
  // NaN stays so, unlike PyTorch's.
  Sign: unary((x) => (isFloating(x.dtype) ? where(x.ne(x), x, x.sign()) : x.sign()), Math.sign),
  Sin: fn('sin'),
  Sinh: fn('sinh'),
  Softplus: unary(softplus),
  Softsign: unary((x) => x.div(x.abs().add(1))),
  Sqrt: fn('sqrt', Math.sqrt),
  Sub: arithmetic('sub', (a, b) => a - b),
  Sum: variadic(
    (a, b) => a.add(b),
    (a, b) => a + b,
  ),
  Swish: withAttributes((node) => {
    const alpha = node.float('alpha', 1);
    return (x) => x.mul(x.mul(alpha).sigmoid());
  }),
  Tan: fn('tan'),
  Tanh: unary((x) => x.tanh()),
  ThresholdedRelu: withAttributes((node) => {
    const alpha = node.float('alpha', 1);
    return (x) => where(x.gt(alpha), x, zero(x));
  }),
  Where: choice,
  Xor: logical('logicalXor', (a, b) => a !== b),
} as const satisfies Record<string, Operator>;
