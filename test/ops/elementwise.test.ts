/** Functions of one tensor, against PyTorch (test/fixtures/ops/elementwise.py). */
import { F, type Tensor } from 'flambeau';
import { NO_ATTRS } from '../../src/geometry/attrs.ts';
import { apply } from '../../src/tensor/dispatch.ts';
import { testFamily, type Binding, type Bindings } from '../support/run-fixtures.ts';

type MethodName =
  | 'neg' | 'abs' | 'sign' | 'exp' | 'expm1' | 'log' | 'log2' | 'log10' | 'log1p' | 'sqrt' | 'rsqrt' | 'square' | 'reciprocal'
  | 'sin' | 'cos' | 'tan' | 'tanh' | 'sigmoid' | 'relu' | 'floor' | 'ceil' | 'round' | 'trunc' | 'isnan' | 'isinf' | 'logicalNot'; // prettier-ignore
type OpOnlyName = 'asin' | 'acos' | 'atan' | 'sinh' | 'cosh' | 'erf' | 'gelu' | 'silu' | 'isfinite';

const method =
  (name: MethodName): Binding =>
  ({ x }) =>
    x[name]();
/** Operations that have no method of their own. */
const operation =
  (name: OpOnlyName): Binding =>
  ({ x }) =>
    apply(name, [x], NO_ATTRS);

const bindings: Bindings = {
  neg: method('neg'),
  abs: method('abs'),
  sign: method('sign'),
  exp: method('exp'),
  expm1: method('expm1'),
  log: method('log'),
  log2: method('log2'),
  log10: method('log10'),
  log1p: method('log1p'),
  sqrt: method('sqrt'),
  rsqrt: method('rsqrt'),
  square: method('square'),
  reciprocal: method('reciprocal'),
  sin: method('sin'),
  cos: method('cos'),
  tan: method('tan'),
  tanh: method('tanh'),
  sigmoid: method('sigmoid'),
  relu: method('relu'),
  floor: method('floor'),
  ceil: method('ceil'),
  round: method('round'),
  trunc: method('trunc'),
  isnan: method('isnan'),
  isinf: method('isinf'),
  isfinite: operation('isfinite'),
  logicalNot: method('logicalNot'),
  asin: operation('asin'),
  acos: operation('acos'),
  atan: operation('atan'),
  sinh: operation('sinh'),
  cosh: operation('cosh'),
  erf: operation('erf'),
  gelu: operation('gelu'),
  silu: operation('silu'),
  clamp: ({ x }, bounds: { min?: number; max?: number }) => x.clamp(bounds),
  leakyRelu: ({ x }, args: { negativeSlope: number }) => F.leakyRelu(x, args.negativeSlope),
  hardtanh: ({ x }, args: { min: number; max: number }) => F.hardtanh(x, args.min, args.max),
  elu: ({ x }, args: { alpha: number }) => F.elu(x, args.alpha),
  hardswish: ({ x }) => F.hardswish(x),
  hardsigmoid: ({ x }) => F.hardsigmoid(x),
  geluTanh: ({ x }) => F.gelu(x, { approximate: 'tanh' }),
  softplus: ({ x }, args: { beta?: number; threshold?: number }): readonly Tensor[] =>
    apply('softplus', [x], NO_ATTRS, [args.beta ?? 1, args.threshold ?? 20]),
};

testFamily('elementwise', bindings);
