/**
 * Every operation of the tensor layer as ONNX nodes (opset 17), or the reason why there are none. The table is total, so a new
 * operation does not compile before it is here.
 */
import { isFloating, type DType } from '../../base/dtype.ts';
import type { OpAttrs } from '../../tensor/ops/index.ts';
import type { Context, Exporter } from './context.ts';
import { reduceExporters } from './operations-reduce.ts';
import { pair, SPECIAL_EXPORTERS } from './operations-special.ts';
import { windowExporters } from './operations-window.ts';

/** Why there are no nodes. */
type Refusal = string;

type Exporters = { readonly [K in keyof OpAttrs]: Exporter<OpAttrs[K]> | Refusal };

/** Arithmetic. ONNX has none of truth values. */
const binary =
  (op: string): Exporter<unknown> =>
  (c) =>
    c.one(op, pair(c, c.resultDType));

const scaled =
  (op: 'Add' | 'Sub'): Exporter<unknown> =>
  (c) => {
    const [a, b] = pair(c, c.resultDType);
    return c.one(op, [a, c.one('Mul', [b, c.scalar(c.resultDType, c.scalars[0]!)])]);
  };

/** Comparisons are of numbers; truth values count as 0 and 1. */
const comparable = (dtype: DType): DType => (dtype === 'bool' || dtype === 'uint8' ? 'int32' : dtype);

const compare =
  (op: string, negate = false): Exporter<unknown> =>
  (c) => {
    const result = c.one(op, pair(c, comparable(c.promoted(0, 1))));
    return negate ? c.one('Not', [result]) : result;
  };

const compareScalar =
  (op: string, negate = false): Exporter<{ readonly dtype: DType }> =>
  (c) => {
    const dtype = comparable(c.attrs.dtype);
    const result = c.one(op, [c.as(0, dtype), c.scalar(dtype, c.scalars[0]!)]);
    return negate ? c.one('Not', [result]) : result;
  };

const logical =
  (op: string): Exporter<unknown> =>
  (c) =>
    c.one(op, pair(c, 'bool'));

/** x ⊕ s, or s ⊕ x. */
const scalar =
  (op: string, reversed = false): Exporter<unknown> =>
  (c) => {
    const dtype = c.resultDType;
    const operands = [c.as(0, dtype), c.scalar(dtype, c.scalars[0]!)];
    return c.one(op, reversed ? operands.reverse() : operands);
  };

/** Python's %: ONNX has it for whole numbers only. */
function remainder(c: Context<unknown>, a: string, b: string): string {
  if (!isFloating(c.resultDType)) return c.one('Mod', [a, b]);
  return c.one('Sub', [a, c.one('Mul', [c.one('Floor', [c.one('Div', [a, b])]), b])]);
}

function floorDivide(c: Context<unknown>, a: string, b: string): string {
  if (isFloating(c.resultDType)) return c.one('Floor', [c.one('Div', [a, b])]);
  return c.one('Div', [c.one('Sub', [a, c.one('Mod', [a, b])]), b]);
}

const unary =
  (op: string): Exporter<unknown> =>
  (c) =>
    c.one(op, [c.as(0, c.resultDType)]);

const bounded =
  (min: boolean, max: boolean): Exporter<unknown> =>
  (c) => {
    const dtype = c.resultDType;
    const bound = (given: boolean, i: number): string => {
      const value = c.scalars[i];
      return !given || value === undefined || Math.abs(value) === Infinity ? '' : c.scalar(dtype, value);
    };
    return c.one('Clip', [c.as(0, dtype), bound(min, 0), bound(max, min ? 1 : 0)]);
  };

const logarithm =
  (base: number): Exporter<unknown> =>
  (c) =>
    c.one('Mul', [unary('Log')(c) as string, c.scalar(c.resultDType, 1 / Math.log(base))]);

const GRADIENT: Refusal = 'it is part of a gradient';
const LOSS: Refusal = 'losses are for training';
const UPDATE: Refusal = 'it is for training';

export const EXPORTERS: Exporters = {
  ...windowExporters,
  ...reduceExporters,
  ...SPECIAL_EXPORTERS,
  hostCall: 'it is a call of the program',
  places: 'how many there are depends on the values',
  runs: 'how many there are depends on the values',
  histogram: 'ONNX cannot count in parts of a range',
  longestRun: 'ONNX has no most frequent element',
  add: binary('Add'),
  sub: binary('Sub'),
  addAlpha: scaled('Add'),
  subAlpha: scaled('Sub'),
  mul: binary('Mul'),
  div: binary('Div'),
  pow: binary('Pow'),
  maximum: binary('Max'),
  minimum: binary('Min'),
  remainder: (c) => remainder(c, ...pair(c, c.resultDType)),
  fmod: (c) => c.one('Mod', pair(c, c.resultDType), { fmod: 1 }),
  floorDivide: (c) => floorDivide(c, ...pair(c, c.resultDType)),
  erfc: (c) => c.one('Sub', [c.scalar(c.dtype(), 1), c.one('Erf', [c.name(0)])]),
  erfcx: 'ONNX has no such operator',
  erfinv: 'ONNX has no such operator',
  lgamma: 'ONNX has no such operator',
  digamma: 'ONNX has no such operator',
  polygamma: 'ONNX has no such operator',
  asinh: unary('Asinh'),
  acosh: unary('Acosh'),
  atanh: unary('Atanh'),
  bitwiseAnd: (c) => (c.resultDType === 'bool' ? logical('And')(c) : c.refuse('of whole numbers it needs opset 18')),
  bitwiseOr: (c) => (c.resultDType === 'bool' ? logical('Or')(c) : c.refuse('of whole numbers it needs opset 18')),
  bitwiseXor: (c) => (c.resultDType === 'bool' ? logical('Xor')(c) : c.refuse('of whole numbers it needs opset 18')),
  maximumGrad: GRADIENT,
  minimumGrad: GRADIENT,
  eq: compare('Equal'),
  ne: compare('Equal', true),
  lt: compare('Less'),
  le: compare('LessOrEqual'),
  gt: compare('Greater'),
  ge: compare('GreaterOrEqual'),
  eqScalar: compareScalar('Equal'),
  neScalar: compareScalar('Equal', true),
  ltScalar: compareScalar('Less'),
  leScalar: compareScalar('LessOrEqual'),
  gtScalar: compareScalar('Greater'),
  geScalar: compareScalar('GreaterOrEqual'),
  logicalAnd: logical('And'),
  logicalOr: logical('Or'),
  logicalXor: logical('Xor'),
  addScalar: scalar('Add'),
  subScalar: scalar('Sub'),
  rsubScalar: scalar('Sub', true),
  mulScalar: scalar('Mul'),
  divScalar: scalar('Div'),
  rdivScalar: scalar('Div', true),
  powScalar: scalar('Pow'),
  rpowScalar: scalar('Pow', true),
  remainderScalar: (c) => remainder(c, c.as(0, c.resultDType), c.scalar(c.resultDType, c.scalars[0]!)),
  fmodScalar: (c) => c.one('Mod', [c.as(0, c.resultDType), c.scalar(c.resultDType, c.scalars[0]!)], { fmod: 1 }),
  floorDivideScalar: (c) => floorDivide(c, c.as(0, c.resultDType), c.scalar(c.resultDType, c.scalars[0]!)),
  clampMin: bounded(true, false),
  clampMax: bounded(false, true),
  clamp: bounded(true, true),
  clampGrad: GRADIENT,
  where: (c) => c.one('Where', [c.as(0, 'bool'), c.as(1, c.resultDType), c.as(2, c.resultDType)]),
  maskedFill: (c) => c.one('Where', [c.as(1, 'bool'), c.scalar(c.resultDType, c.scalars[0]!), c.name(0)]),
  lerp: (c) => c.one('Add', [c.name(0), c.one('Mul', [c.one('Sub', [c.name(1), c.name(0)]), c.scalar(c.resultDType, c.scalars[0]!)])]),
  neg: unary('Neg'),
  abs: unary('Abs'),
  sign: unary('Sign'),
  exp: unary('Exp'),
  log: unary('Log'),
  log2: logarithm(2),
  log10: logarithm(10),
  sqrt: unary('Sqrt'),
  rsqrt: (c) => c.one('Reciprocal', [unary('Sqrt')(c) as string]),
  square: (c) => c.one('Mul', [c.name(0), c.name(0)]),
  reciprocal: unary('Reciprocal'),
  sin: unary('Sin'),
  cos: unary('Cos'),
  tan: unary('Tan'),
  asin: unary('Asin'),
  acos: unary('Acos'),
  atan: unary('Atan'),
  sinh: unary('Sinh'),
  cosh: unary('Cosh'),
  erf: unary('Erf'),
  floor: (c) => (isFloating(c.dtype()) ? c.one('Floor', [c.name(0)]) : c.name(0)),
  ceil: (c) => (isFloating(c.dtype()) ? c.one('Ceil', [c.name(0)]) : c.name(0)),
  round: (c) => (isFloating(c.dtype()) ? c.one('Round', [c.name(0)]) : c.name(0)),
  trunc: (c) =>
    isFloating(c.dtype()) ? c.one('Mul', [c.one('Sign', [c.name(0)]), c.one('Floor', [c.one('Abs', [c.name(0)])])]) : c.name(0),
  isnan: (c) => c.one('IsNaN', [c.as(0, c.floating())]),
  isinf: (c) => c.one('IsInf', [c.as(0, c.floating())]),
  isfinite: (c) => c.one('Not', [c.one('Or', [c.one('IsInf', [c.as(0, c.floating())]), c.one('IsNaN', [c.as(0, c.floating())])])]),
  logicalNot: (c) => c.one('Not', [c.as(0, 'bool')]),
  bitwiseLeftShift: 'nodes shift unsigned numbers only',
  nextafter: 'there are no nodes for the bits of floats',
  bitwiseRightShift: 'nodes shift unsigned numbers only',
  bitwiseNot: (c) => (c.resultDType === 'bool' ? c.one('Not', [c.name(0)]) : c.refuse('of whole numbers it needs opset 18')),
  relu: unary('Relu'),
  sigmoid: unary('Sigmoid'),
  tanh: unary('Tanh'),
  leakyRelu: (c) => c.one('LeakyRelu', [c.name(0)], { alpha: { float: c.scalars[0]! } }),
  gelu: (c) => {
    const share = c.one('Add', [c.one('Erf', [c.one('Mul', [c.name(0), c.scalar(c.dtype(), Math.SQRT1_2)])]), c.scalar(c.dtype(), 1)]);
    return c.one('Mul', [c.one('Mul', [c.name(0), share]), c.scalar(c.dtype(), 0.5)]);
  },
  silu: (c) => c.one('Mul', [c.name(0), c.one('Sigmoid', [c.name(0)])]),
  softplus: (c) => {
    const [beta, threshold] = c.scalars as readonly [number, number];
    const times = c.scalar(c.dtype(), beta);
    const scaled = beta === 1 ? c.name(0) : c.one('Mul', [c.name(0), times]);
    const soft = c.one('Softplus', [scaled]);
    const y = beta === 1 ? soft : c.one('Div', [soft, times]);
    // Above the threshold, x itself: 20 and more differ by less than single precision can tell.
    if (threshold >= 20) return y;
    return c.one('Where', [c.one('Greater', [scaled, c.scalar(c.dtype(), threshold)]), c.name(0), y]);
  },
  hardtanh: bounded(true, true),
  hardswish: (c) => c.one('HardSwish', [c.name(0)]),
  elu: (c) => {
    const [alpha, scale, inputScale] = c.scalars as [number, number, number];
    if (scale !== 1) return c.one('Selu', [c.name(0)], { alpha: { float: alpha }, gamma: { float: scale } });
    return c.one(inputScale === 1 ? 'Elu' : 'Celu', [c.name(0)], { alpha: { float: alpha } });
  },
  reluGrad: GRADIENT,
  sigmoidGrad: GRADIENT,
  tanhGrad: GRADIENT,
  leakyReluGrad: GRADIENT,
  geluGrad: GRADIENT,
  siluGrad: GRADIENT,
  softplusGrad: GRADIENT,
  hardtanhGrad: GRADIENT,
  hardswishGrad: GRADIENT,
  eluGrad: GRADIENT,
  // The same elements; how they lie in memory is not the file's business.
  copy: (c) => c.name(0),
  cast: (c) => c.as(0, c.attrs.dtype),
  assign: (c) => c.one('Expand', [c.as(1, c.resultDType), c.graph.sizes(c.resultSizes)]),
  fill: (c) => c.one('Expand', [c.scalar(c.resultDType, c.scalars[0]!), c.graph.sizes(c.resultSizes)]),
  nllLoss: LOSS,
  nllLossGrad: GRADIENT,
  crossEntropy: LOSS,
  crossEntropyGrad: GRADIENT,
  mseLoss: LOSS,
  l1Loss: LOSS,
  smoothL1Loss: LOSS,
  huberLoss: LOSS,
  binaryCrossEntropy: LOSS,
  bceWithLogits: LOSS,
  pairLossGrad: GRADIENT,
  sgdStep: UPDATE,
  adamStep: UPDATE,
  optimizerUpdate: UPDATE,
};
