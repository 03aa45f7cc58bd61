/**
 * Calls of every operation in the rule tables whose gradients are to be checked, for gradients.test.ts. The table is total:
 * an operation without an entry does not compile.
 */
import { fromTypedArray, type Tensor } from 'flambeau';
import { NO_ATTRS, dimParams } from '../../src/geometry/attrs.ts';
import { polygammaAttrs } from '../../src/tensor/ops/special.ts';
import { convInputGradParams, convWeightGradParams } from '../../src/geometry/conv-operations.ts';
import { convParams, type ConvOptions } from '../../src/geometry/conv.ts';
import { powAttrs, scalarAttrs } from '../../src/geometry/elementwise.ts';
import {
  flipParams,
  indexParams,
  joinParams,
  padParams,
  shapedDimParams,
  sortParams,
  triangleParams,
} from '../../src/geometry/indexing.ts';
import { classLossParams, nllGradParams, pairLossParams, type PairLossKind } from '../../src/geometry/loss.ts';
import {
  adaptivePoolParams,
  avgPoolParams,
  maxPoolParams,
  poolGradParams,
  type AvgPoolOptions,
  type MaxPoolOptions,
} from '../../src/geometry/pool.ts';
import { blendGradParams } from '../../src/tensor/ops/blend.ts';
import { normParams, reduceParams, scanParams, varianceParams, type DimsArg } from '../../src/geometry/reduce.ts';
import { resampleGradParams, resampleParams, type ResampleArguments } from '../../src/geometry/resample.ts';
import { apply } from '../../src/tensor/dispatch.ts';
import { castParams } from '../../src/tensor/ops/copy.ts';
import type { OpAttrs, OpName } from '../../src/tensor/ops/index.ts';
import { awayFromZero64, distinct64, uniform64, type Differentiable } from '../support/grad-check.ts';
import { lineNorms, normalisation } from './gradient-norms.ts';

/** One call whose gradients are checked. */
export interface Check {
  readonly inputs: readonly Tensor[];
  readonly fn: Differentiable;
  /** 'once': the gradient of the gradient is refused with an AutogradError. Default: checked, too. */
  readonly second?: 'once' | 'unchecked';
}
/** Why there is nothing to check. */
export type Reason = string;

export const NO_GRADIENT: Reason = 'has no gradient';
const none = <K extends OpName>(...names: readonly K[]): Record<K, Reason> =>
  Object.fromEntries(names.map((name) => [name, NO_GRADIENT])) as Record<K, Reason>;
const X = [3, 4] as const;

/** A call of an operation with these inputs. */
function of<K extends OpName>(
  name: K,
  inputs: readonly Tensor[],
  attrs: OpAttrs[K],
  scalars: readonly number[] = [],
  second?: Check['second'],
): Check {
  const fn = (...tensors: Tensor[]): Tensor[] => apply(name, tensors, attrs, scalars);
  return second === undefined ? { inputs, fn } : { inputs, fn, second };
}

/** Operations without attributes. */
type PlainName = { [K in OpName]: typeof NO_ATTRS extends OpAttrs[K] ? K : never }[OpName];
const plain = (name: PlainName, inputs: readonly Tensor[], scalars: readonly number[] = []): Check =>
  of(name, inputs, NO_ATTRS as never, scalars);
const unary = (name: PlainName, low = -2, high = 2): Check[] => [plain(name, [uniform64(X, 1, low, high)])];
const kinked = (name: PlainName): Check[] => [plain(name, [awayFromZero64(X, 1, 2)])];

/** Two operands: of one shape, broadcast on either side, and without dimensions. */
function binary(name: PlainName, low = -2, high = 2, scalars: readonly number[] = []): Check[] {
  const shapes = [[X, X], [[3, 4], [4]], [[3, 1], [2, 1, 4]], [[], [2, 3]]] as const; // prettier-ignore
  return shapes.map(([a, b]) => plain(name, [uniform64(a, 1, low, high), uniform64(b, 2, low, high)], scalars));
}

type ScalarName =
  | 'addScalar' | 'subScalar' | 'rsubScalar' | 'mulScalar' | 'divScalar' | 'rdivScalar' | 'rpowScalar' | 'remainderScalar'
  | 'fmodScalar' | 'clampMin' | 'clampMax' | 'clamp'; // prettier-ignore
const scalar = (name: ScalarName, scalars: readonly number[], low = -2, high = 2): Check[] => [
  of(name, [uniform64(X, 1, low, high)], scalarAttrs('float64', 0.5), scalars),
];
const power = (exponent: number, low = 0.3): Check => of('powScalar', [uniform64(X, 1, low, 2)], powAttrs('float64', exponent), [exponent]);

type ReduceName = 'sum' | 'mean' | 'amax' | 'amin' | 'logsumexp' | 'nansum';
const reduce = (name: ReduceName): Check[] =>
  ([undefined, 0, [-1], [0, 2]] as (DimsArg | undefined)[]).flatMap((dim) =>
    [false, true].map((keepdim) => of(name, [distinct64([2, 3, 2])], reduceParams(dim, keepdim))),
  );
const alongOne = (name: 'maxDim' | 'minDim'): Check[] =>
  [0, -1].flatMap((dim) => [false, true].map((keepdim) => of(name, [distinct64([2, 3, 2])], reduceParams(dim, keepdim))));
const variance = (name: 'var' | 'std'): Check[] =>
  ([undefined, 1, [0, 2]] as (DimsArg | undefined)[]).flatMap((dim) =>
    [0, 1].map((correction) => of(name, [uniform64([2, 3, 2], 1)], varianceParams(dim, correction === 0, correction))),
  );

const CONVOLUTIONS: readonly (readonly [x: readonly number[], w: readonly number[], ConvOptions])[] = [
  [[2, 2, 4, 3], [3, 2, 2, 3], { padding: 1 }],
  [[1, 2, 5, 5], [2, 1, 2, 2], { stride: 2, padding: [1, 0], dilation: [1, 2], groups: 2 }],
];

const indices = (shape: readonly number[], ...values: number[]): Tensor => fromTypedArray(BigInt64Array.from(values, BigInt), shape);
const PLACES = indices([2, 2, 3], 0, 3, -1, 2, 2, 1, 3, 0, 0, -1, 1, 2);
const mask = (shape: readonly number[]): Tensor =>
  fromTypedArray(
    Uint8Array.from({ length: shape.reduce((n, s) => n * s, 1) }, (_, i) => (i % 3 === 0 ? 1 : 0)),
    shape,
    'bool',
  );

const IMAGE = [1, 2, 5, 4] as const;
const WINDOWS: readonly (readonly [kernel: number, MaxPoolOptions & Pick<AvgPoolOptions, 'ceilMode'>])[] = [
  [2, {}],
  [3, { stride: 2, padding: 1 }],
  [2, { stride: 1, ceilMode: true }],
];
/** The indices that a max pooling chose. */
const tapsOf = (kernel: number, options: MaxPoolOptions): Tensor =>
  apply('maxPool2d', [distinct64(IMAGE)], maxPoolParams(kernel, options))[1]!;
const pooledShape = (kernel: number, options: MaxPoolOptions): readonly number[] => tapsOf(kernel, options).layout.shape;

const RESAMPLINGS: readonly ResampleArguments[] = [
  { size: [6, 5], taps: 1, coordinates: 'asymmetric' },
  { size: [7, 2], taps: 2, coordinates: 'halfPixel' },
  { size: [5, 6], taps: 2, coordinates: 'alignCorners' },
  { size: [6, 2], taps: 4, coordinates: 'halfPixel', scale: [1.5, 0.7] },
];

/** Every reduction, with and without weights and an ignored target. */
function classLoss(name: 'nllLoss' | 'crossEntropy'): Check[] {
  return (['none', 'mean', 'sum'] as const).flatMap((reduction) =>
    [false, true].map((weight) => {
      const smoothing = name === 'crossEntropy' && weight ? { labelSmoothing: 0.2 } : {};
      const params = classLossParams(name, { reduction, weight, ignoreIndex: 2, ...smoothing });
      // The weights are constants: PyTorch has no gradient for them either.
      const weights = weight ? [uniform64([3], 4, 0.5, 2)] : [];
      return {
        inputs: [uniform64([4, 3], 1)],
        fn: (x: Tensor) => apply(name, [x, indices([4], 1, 0, 2, 1), ...weights], params)[0]!,
      };
    }),
  );
}

const pairLoss = (
  name: 'mseLoss' | 'l1Loss' | 'smoothL1Loss' | 'huberLoss' | 'binaryCrossEntropy' | 'bceWithLogits',
  kind: PairLossKind,
): Check[] =>
  (['none', 'mean', 'sum'] as const).map((reduction) =>
    of(name, [kind === 'bce' ? uniform64(X, 1, 0.1, 0.9) : uniform64(X, 1), uniform64(X, 2, 0, 1)], pairLossParams(kind, reduction, 0.7)),
  );

/** In place, on a copy that needs gradients itself. */
const inPlace = (change: (z: Tensor, y: Tensor) => Tensor): Check => ({
  inputs: [uniform64(X, 1), uniform64([4], 2)],
  fn: (x, y) => change(x.clone(), y),
});

const G = uniform64(X, 9);

export const CHECKS: { readonly [K in OpName]: readonly Check[] | Reason } = {
  add: binary('add'),
  sub: binary('sub'),
  mul: binary('mul'),
  div: binary('div', 0.5, 2),
  addAlpha: binary('addAlpha', -2, 2, [0.3]),
  subAlpha: binary('subAlpha', -2, 2, [-1.5]),
  pow: binary('pow', 0.3, 2),
  maximum: binary('maximum'),
  minimum: binary('minimum'),
  remainder: [plain('remainder', [uniform64(X, 1, 2.1, 2.9), uniform64(X, 2, 0.9, 1)])],
  fmod: [plain('fmod', [uniform64(X, 1, -2.9, -2.1), uniform64(X, 2, 0.9, 1)])],
  floorDivide: 'refuses gradients, as PyTorch does (tested below)',
  floorDivideScalar: 'refuses gradients, as PyTorch does (tested below)',
  atan2: binary('atan2', 0.3, 2),
  copysign: binary('copysign', 0.3, 2),
  xlogy: binary('xlogy', 0.3, 2),
  logaddexp: binary('logaddexp'),
  logaddexp2: binary('logaddexp2'),
  erfc: unary('erfc'),
  erfcx: unary('erfcx', -1, 2),
  erfinv: unary('erfinv', -0.9, 0.9),
  lgamma: unary('lgamma', 0.3, 4),
  digamma: unary('digamma', 0.5, 4),
  polygamma: [1, 2, 3].map((order) => of('polygamma', [uniform64(X, 1, 0.5, 4)], polygammaAttrs(order))),
  asinh: unary('asinh'),
  acosh: unary('acosh', 1.2, 3),
  atanh: unary('atanh', -0.8, 0.8),
  sinc: unary('sinc', 0.2, 2),
  logit: unary('logit', 0.1, 0.9),
  nextafter: binary('nextafter'),
  ldexp: [{ inputs: [uniform64(X, 1)], fn: (x) => apply('ldexp', [x, indices([4], 2, -1, 0, 3)], NO_ATTRS) }],
  maximumGrad: [plain('maximumGrad', [G, distinct64(X, 1), distinct64(X, 2).add(0.05)])],
  minimumGrad: [plain('minimumGrad', [G, distinct64(X, 1), distinct64(X, 2).add(0.05)])],

  addScalar: scalar('addScalar', [0.7]),
  subScalar: scalar('subScalar', [0.7]),
  rsubScalar: scalar('rsubScalar', [0.7]),
  mulScalar: scalar('mulScalar', [-1.7]),
  divScalar: scalar('divScalar', [-1.7]),
  rdivScalar: scalar('rdivScalar', [1.7], 0.5, 2),
  powScalar: [...[0, 1, 2, 3, 0.5, -0.5, -1, -2, 2.7, -1.3].map((exponent) => power(exponent)), power(2, -2), power(3, -2)],
  rpowScalar: scalar('rpowScalar', [1.7]),
  remainderScalar: scalar('remainderScalar', [1], 2.1, 2.9),
  fmodScalar: scalar('fmodScalar', [1], -2.9, -2.1),
  clampMin: scalar('clampMin', [0.123]),
  clampMax: scalar('clampMax', [0.123]),
  clamp: scalar('clamp', [-0.5, 0.7]),
  clampGrad: [of('clampGrad', [G, uniform64(X, 1)], scalarAttrs('float64', 0), [-0.5, 0.4])],

  where: [
    { inputs: [uniform64(X, 1), uniform64(X, 2)], fn: (a, b) => apply('where', [mask(X), a, b], NO_ATTRS) },
    { inputs: [uniform64([3, 1], 1), uniform64([], 2)], fn: (a, b) => apply('where', [mask([4]), a, b], NO_ATTRS) },
  ],
  maskedFill: [{ inputs: [uniform64(X, 1)], fn: (x) => apply('maskedFill', [x, mask([4])], scalarAttrs('float64', 2), [2]) }],
  lerp: binary('lerp', -2, 2, [0.3]),

  neg: unary('neg'),
  abs: kinked('abs'),
  sign: kinked('sign'),
  exp: unary('exp'),
  expm1: unary('expm1'),
  log: unary('log', 0.3, 3),
  log1p: unary('log1p', -0.6, 3),
  log2: unary('log2', 0.3, 3),
  log10: unary('log10', 0.3, 3),
  sqrt: unary('sqrt', 0.3, 3),
  rsqrt: unary('rsqrt', 0.3, 3),
  square: unary('square'),
  reciprocal: unary('reciprocal', 0.4, 3),
  sin: unary('sin'),
  cos: unary('cos'),
  tan: unary('tan', -1, 1),
  asin: unary('asin', -0.8, 0.8),
  acos: unary('acos', -0.8, 0.8),
  atan: unary('atan'),
  sinh: unary('sinh'),
  cosh: unary('cosh'),
  erf: unary('erf'),
  floor: unary('floor', 1.1, 1.9),
  ceil: unary('ceil', 1.1, 1.9),
  round: unary('round', 1.6, 2.4),
  trunc: unary('trunc', 1.1, 1.9),
  relu: kinked('relu'),
  sigmoid: unary('sigmoid'),
  tanh: unary('tanh'),
  leakyRelu: [plain('leakyRelu', [awayFromZero64(X, 1, 2)], [0.2])],
  gelu: unary('gelu'),
  silu: unary('silu'),
  softplus: [plain('softplus', [uniform64(X, 1)], [1, 20]), plain('softplus', [uniform64(X, 1)], [2, 1.3])],
  reluGrad: [plain('reluGrad', [G, awayFromZero64(X, 1)])],
  sigmoidGrad: [plain('sigmoidGrad', [G, uniform64(X, 1, 0, 1)])],
  tanhGrad: [plain('tanhGrad', [G, uniform64(X, 1, -1, 1)])],
  leakyReluGrad: [plain('leakyReluGrad', [G, awayFromZero64(X, 1)], [0.2])],
  geluGrad: [plain('geluGrad', [G, uniform64(X, 1)])],
  siluGrad: [plain('siluGrad', [G, uniform64(X, 1)])],
  softplusGrad: [plain('softplusGrad', [G, uniform64(X, 1)], [1, 20])],

  hardtanh: [plain('hardtanh', [uniform64(X, 1, -2, 2)], [-0.6, 0.8])],
  hardswish: [plain('hardswish', [uniform64(X, 1, -2.9, 2.9)]), plain('hardswish', [uniform64(X, 1, 3.1, 5)])],
  elu: [plain('elu', [awayFromZero64(X, 1, 2)], [0.7, 1, 1]), plain('elu', [awayFromZero64(X, 1, 2)], [0.7, 1.5, 1])],
  hardtanhGrad: [plain('hardtanhGrad', [G, uniform64(X, 1)], [-0.6, 0.8])],
  hardswishGrad: [plain('hardswishGrad', [G, uniform64(X, 1, -2.9, 2.9)])],
  eluGrad: [plain('eluGrad', [G, awayFromZero64(X, 1, 2)], [0.7, 1.5, 0.8])],

  copy: [plain('copy', [uniform64(X, 1)]), { inputs: [uniform64(X, 1)], fn: (x) => x.t().clone() }],
  cast: [
    of('cast', [uniform64(X, 1)], castParams('float64')),
    // Through whole multiples of 2⁻¹², which float32 holds exactly, and a step that it resolves.
    {
      inputs: [uniform64(X, 1).mul(4096).round().div(4096)],
      fn: (x) => x.mul(1e5).to('float32').to('float64'),
      second: 'unchecked',
    },
  ],
  assign: [
    inPlace((z, y) => z.copy_(y)),
    { inputs: [uniform64(X, 1), uniform64([4], 2)], fn: (x, y) => x.mul(1).setAt([1], y.mul(2)).mul(x) },
  ],
  fill: [inPlace((z, y) => z.fill_(2).add(y)), { inputs: [uniform64(X, 1)], fn: (x) => x.mul(1).setAt([1], 0.5).mul(x) }],
  sum: reduce('sum'),
  mean: reduce('mean'),
  prod: [undefined, 0, -1].map((dim) => of('prod', [awayFromZero64([3, 2], 1, 2)], reduceParams(dim, dim === 0))),
  amax: reduce('amax'),
  amin: reduce('amin'),
  max: [of('max', [distinct64(X)], reduceParams(undefined, false))],
  min: [of('min', [distinct64(X)], reduceParams(undefined, false))],
  maxDim: alongOne('maxDim'),
  minDim: alongOne('minDim'),
  var: variance('var'),
  std: variance('std'),
  logsumexp: reduce('logsumexp'),
  nansum: reduce('nansum'),
  norm: ([1, 2] as const).flatMap((p) =>
    [undefined, 0, [0, 2]].map((dim) => of('norm', [awayFromZero64([2, 3, 2], 1, 2)], normParams(p, dim, dim === 0, dim !== undefined))),
  ),
  cumsum: [0, 1, -1].flatMap((dim) => [false, true].map((back) => of('cumsum', [uniform64([2, 3, 2], 1)], scanParams(dim, back)))),
  extremeGrad: [
    {
      inputs: [uniform64([3], 1)],
      fn: (g) => apply('extremeGrad', [g, indices([3], 1, 0, 3), distinct64(X)], reduceParams(1, false)),
    },
  ],
  prodGrad: 'checked as the gradient of prod, which does without it where its gradient is recorded',
  matmul: (
    [
      [
        [3, 4],
        [4, 2],
      ],
      [[4], [4]],
      [[3, 4], [4]],
      [[4], [4, 2]],
      [
        [2, 3, 4],
        [4, 2],
      ],
      [
        [2, 1, 3, 2],
        [3, 2, 2],
      ],
      [[2], [3, 2, 2]],
    ] as const
  ).map(([a, b]) => plain('matmul', [uniform64(a, 1), uniform64(b, 2)])),
  linear: [
    plain('linear', [uniform64([3, 4], 1), uniform64([2, 4], 2), uniform64([2], 3)]),
    plain('linear', [uniform64([2, 2, 3], 1), uniform64([2, 3], 2)]),
    plain('linear', [uniform64([3], 1), uniform64([2, 3], 2), uniform64([2], 3)]),
  ],
  conv2d: CONVOLUTIONS.flatMap(([x, w, options]) => [
    of('conv2d', [uniform64(x, 1), uniform64(w, 2)], convParams(options)),
    of('conv2d', [uniform64(x, 1), uniform64(w, 2), uniform64([w[0]!], 3)], convParams(options)),
  ]),
  conv2dInputGrad: CONVOLUTIONS.map(([x, w, options]) => {
    const y = apply('conv2d', [uniform64(x, 1), uniform64(w, 2)], convParams(options))[0]!;
    return of('conv2dInputGrad', [uniform64(y.layout.shape, 3), uniform64(w, 2)], convInputGradParams(convParams(options), [x[2]!, x[3]!]));
  }),
  conv2dWeightGrad: CONVOLUTIONS.flatMap(([x, w, options]) => {
    const y = apply('conv2d', [uniform64(x, 1), uniform64(w, 2)], convParams(options))[0]!;
    return [false, true].map((bias) =>
      of(
        'conv2dWeightGrad',
        [uniform64(y.layout.shape, 3), uniform64(x, 1)],
        convWeightGradParams(convParams(options), [w[2]!, w[3]!], bias),
      ),
    );
  }),

  maxPool2d: WINDOWS.map(([kernel, options]) => of('maxPool2d', [distinct64(IMAGE)], maxPoolParams(kernel, options))),
  maxPool2dGrad: WINDOWS.map(([kernel, options]) => ({
    inputs: [uniform64(pooledShape(kernel, options), 1)],
    fn: (g) => apply('maxPool2dGrad', [g, tapsOf(kernel, options)], poolGradParams(maxPoolParams(kernel, options), IMAGE)),
  })),
  maxPool2dPick: WINDOWS.map(([kernel, options]) => ({
    inputs: [uniform64(IMAGE, 1)],
    fn: (g) => apply('maxPool2dPick', [g, tapsOf(kernel, options)], poolGradParams(maxPoolParams(kernel, options), IMAGE)),
  })),
  avgPool2d: WINDOWS.flatMap(([kernel, { returnIndices: _, dilation: __, ...options }]) =>
    [true, false].map((countIncludePad) => of('avgPool2d', [uniform64(IMAGE, 1)], avgPoolParams(kernel, { ...options, countIncludePad }))),
  ),
  avgPool2dGrad: WINDOWS.map(([kernel, { returnIndices: _, dilation: __, ...options }]) =>
    of('avgPool2dGrad', [uniform64(pooledShape(kernel, options), 1)], poolGradParams(avgPoolParams(kernel, options), IMAGE)),
  ),
  adaptiveAvgPool2d: ([1, [3, 2], [7, 3]] as const).map((size) => of('adaptiveAvgPool2d', [uniform64(IMAGE, 1)], adaptivePoolParams(size))),
  adaptiveAvgPool2dGrad: [of('adaptiveAvgPool2dGrad', [uniform64([1, 2, 3, 2], 1)], poolGradParams(adaptivePoolParams([3, 2]), IMAGE))],
  adaptiveMaxPool2d: ([1, [3, 2]] as const).map((size) => of('adaptiveMaxPool2d', [distinct64(IMAGE)], adaptivePoolParams(size))),

  blend: [{ inputs: [uniform64([2, 5, 4], 1), uniform64([2, 2, 3], 2)], fn: (x, w) => apply('blend', [x, PLACES, w], NO_ATTRS) }],
  blendGrad: [
    { inputs: [uniform64([2, 5, 3], 1), uniform64([2, 2, 3], 2)], fn: (g, w) => apply('blendGrad', [g, PLACES, w], blendGradParams(4)) },
  ],
  blendDot: [{ inputs: [uniform64([2, 5, 3], 1), uniform64([2, 5, 4], 2)], fn: (g, x) => apply('blendDot', [g, x, PLACES], NO_ATTRS) }],
  resample2d: RESAMPLINGS.map((p) => of('resample2d', [uniform64([1, 2, 4, 3], 1)], resampleParams(p))),
  resample2dGrad: RESAMPLINGS.map((p) =>
    of('resample2dGrad', [uniform64([1, 2, ...p.size], 1)], resampleGradParams(resampleParams(p), [1, 2, 4, 3])),
  ),

  batchNorm: normalisation('batchNorm'),
  batchNormGrad: 'checked as the gradient of batchNorm; refuses further gradients (tested there)',
  batchNormEval: normalisation('batchNormEval'),
  batchNormEvalGrad: 'checked as the gradient of batchNormEval; refuses further gradients (tested there)',

  lineNorm: lineNorms(),
  lineNormGrad: 'checked as the gradient of lineNorm, as its own gradient is',
  lineNormScaleGrad: 'checked as the gradient of lineNorm, as its own gradient is',

  softmax: [0, 1, -1].map((dim) => of('softmax', [uniform64([2, 3, 2], 1)], dimParams(dim))),
  softmaxGrad: [of('softmaxGrad', [G, uniform64(X, 1, 0, 1)], dimParams(1))],
  logSoftmax: [0, 1, -1].map((dim) => of('logSoftmax', [uniform64([2, 3, 2], 1)], dimParams(dim))),
  logSoftmaxGrad: [of('logSoftmaxGrad', [G, uniform64(X, 1, -2, 0)], dimParams(1))],
  nllLoss: classLoss('nllLoss'),
  nllLossGrad: (['none', 'mean', 'sum'] as const).map((reduction) => {
    const params = nllGradParams(classLossParams('nllLoss', { reduction }), [4, 3]);
    const weight = fromTypedArray(Float64Array.of(4), []);
    return {
      inputs: [uniform64(reduction === 'none' ? [4] : [], 1)],
      fn: (g: Tensor) => apply('nllLossGrad', [g, indices([4], 1, 0, 2, 1), weight], params),
    };
  }),
  crossEntropy: classLoss('crossEntropy'),
  crossEntropyGrad: 'checked as the gradient of crossEntropy, twice',
  mseLoss: pairLoss('mseLoss', 'mse'),
  l1Loss: pairLoss('l1Loss', 'l1'),
  smoothL1Loss: pairLoss('smoothL1Loss', 'smoothL1'),
  huberLoss: pairLoss('huberLoss', 'huber'),
  binaryCrossEntropy: pairLoss('binaryCrossEntropy', 'bce'),
  bceWithLogits: pairLoss('bceWithLogits', 'bceWithLogits'),
  pairLossGrad: (['mse', 'l1', 'smoothL1', 'huber', 'bceWithLogits'] as const).flatMap((kind) =>
    (['none', 'mean', 'sum'] as const).map((reduction) =>
      of(
        'pairLossGrad',
        [uniform64(reduction === 'none' ? X : [], 1), uniform64(X, 2), uniform64(X, 3, 0, 1)],
        pairLossParams(kind, reduction, 0.7),
      ),
    ),
  ),

  indexSelect: [
    {
      inputs: [uniform64(X, 1)],
      fn: (x) => apply('indexSelect', [x, indices([4], 2, 0, 2, -1)], indexParams(0, 'at', true)),
    },
  ],
  indexSelectGrad: [
    {
      inputs: [uniform64([3, 2], 1)],
      fn: (g) => apply('indexSelectGrad', [g, indices([2], 3, 0)], shapedDimParams(1, X)),
    },
  ],
  indexAdd: [
    {
      inputs: [uniform64(X, 1), uniform64([3, 3], 2)],
      fn: (x, s) => apply('indexAdd', [x, indices([3], 1, 3, 1), s], dimParams(1)),
    },
  ],
  indexCopy: [
    {
      inputs: [uniform64(X, 1), uniform64([3, 3], 2)],
      fn: (x, s) => apply('indexCopy', [x, indices([3], 1, 3, 0), s], dimParams(1)),
    },
  ],
  ravelIndex: NO_GRADIENT,
  indexCheck: NO_GRADIENT,
  gather: [{ inputs: [uniform64(X, 1)], fn: (x) => apply('gather', [x, indices([2, 3], 1, 1, 0, 3, 2, 3)], dimParams(1)) }],
  gatherGrad: [
    {
      inputs: [uniform64([2, 3], 1)],
      fn: (g) => apply('gatherGrad', [g, indices([2, 3], 1, 1, 0, 3, 2, 3)], shapedDimParams(1, X)),
    },
  ],
  scatter: [
    {
      inputs: [uniform64(X, 1), uniform64([3, 3], 2)],
      fn: (x, s) => apply('scatter', [x, indices([2, 3], 1, 2, 0, 3, 2, 1), s], dimParams(1)),
    },
  ],
  scatterValue: [
    {
      inputs: [uniform64(X, 1)],
      fn: (x) => apply('scatterValue', [x, indices([2, 2], 1, 2, 0, 3)], dimParams(1), [2]),
    },
  ],
  scatterAdd: [
    {
      inputs: [uniform64(X, 1), uniform64([3, 3], 2)],
      fn: (x, s) => apply('scatterAdd', [x, indices([2, 3], 1, 1, 0, 3, 2, 3), s], dimParams(1)),
    },
  ],
  scatterReduce: (['prod', 'amax', 'amin'] as const).map((join) => ({
    inputs: [uniform64(X, 1), uniform64([2, 3], 2)],
    fn: (x, s) => apply('scatterReduce', [x, indices([2, 3], 1, 1, 0, 3, 2, 3), s], joinParams(1, join, 'scatterReduce')),
  })),
  indexReduce: (['prod', 'amax', 'amin'] as const).map((join) => ({
    inputs: [uniform64(X, 1), uniform64([4, 4], 2)],
    fn: (x, s) => apply('indexReduce', [x, indices([4], 1, 1, 0, 1), s], joinParams(0, join, 'indexReduce')),
  })),
  cat: [
    of('cat', [uniform64([2, 3], 1), uniform64([1, 3], 2), uniform64([2, 3], 3)], dimParams(0)),
    of('cat', [uniform64([2, 3], 1), uniform64([2, 1], 2)], dimParams(-1)),
  ],
  pad: [of('pad', [uniform64(X, 1)], padParams([1, 2, 0, 1]), [0.5]), of('pad', [uniform64(X, 1)], padParams([-1, 2, 1, -1]), [0])],
  flip: [of('flip', [uniform64([2, 3, 2], 1)], flipParams([0, -1]))],
  tril: [of('tril', [uniform64(X, 1)], triangleParams(0)), of('tril', [uniform64(X, 1)], triangleParams(1))],
  triu: [of('triu', [uniform64(X, 1)], triangleParams(-1))],
  hostCall: NO_GRADIENT,
  places: NO_GRADIENT,
  runs: NO_GRADIENT,
  histogram: NO_GRADIENT,
  longestRun: NO_GRADIENT,
  cumprod: [0, 1].map((dim) => of('cumprod', [distinct64(X)], scanParams(dim))),
  recurrence: [0, 1].flatMap((dim) =>
    [false, true].map((back) => of('recurrence', [uniform64(X, 1), uniform64(X, 2)], scanParams(dim, back))),
  ),
  cummax: [0, 1].map((dim) => of('cummax', [distinct64(X)], scanParams(dim))),
  cummin: [0, 1].map((dim) => of('cummin', [distinct64(X)], scanParams(dim))),
  kth: [
    {
      inputs: [distinct64([3, 4])],
      fn: (x) => apply('kth', [x, indices([3, 1], 1, 0, 3)], dimParams(1, 'kth'))[0]!,
    },
  ],
  sort: [0, 1].map((dim) => of('sort', [distinct64(X)], sortParams(dim, dim === 0))),
  topk: [0, 1].map((dim) => of('topk', [distinct64(X)], sortParams(dim, true, 2))),

  eq: NO_GRADIENT,
  ne: NO_GRADIENT,
  lt: NO_GRADIENT,
  le: NO_GRADIENT,
  gt: NO_GRADIENT,
  ge: NO_GRADIENT,
  eqScalar: NO_GRADIENT,
  neScalar: NO_GRADIENT,
  ltScalar: NO_GRADIENT,
  leScalar: NO_GRADIENT,
  gtScalar: NO_GRADIENT,
  geScalar: NO_GRADIENT,
  logicalAnd: NO_GRADIENT,
  logicalOr: NO_GRADIENT,
  logicalXor: NO_GRADIENT,
  logicalNot: NO_GRADIENT,
  ...none('bitwiseAnd', 'bitwiseOr', 'bitwiseXor', 'bitwiseNot', 'bitwiseLeftShift', 'bitwiseRightShift'),
  isnan: NO_GRADIENT,
  isinf: NO_GRADIENT,
  isfinite: NO_GRADIENT,
  argmax: NO_GRADIENT,
  argmin: NO_GRADIENT,
  any: NO_GRADIENT,
  all: NO_GRADIENT,
  oneHot: NO_GRADIENT,
  sgdStep: NO_GRADIENT,
  adamStep: NO_GRADIENT,
  optimizerUpdate: NO_GRADIENT,
};
