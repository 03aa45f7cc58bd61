/**
 * The lowerings of normalisation: [N, C, …] by channels, [N, C] by registers of channels with the rest by channels.
 */
import { itemSize } from '../../base/dtype.ts';
import type { Layout } from '../../base/layout.ts';
import { isActivation, showSteps } from '../../compiler/graph.ts';
import type { ScalarInput, Value } from '../../compiler/lowering.ts';
import { SCRATCH, type CpuLowering } from './lowering.ts';
import { batchNormInputs, type BatchNormParams } from '../../geometry/norm.ts';
import { inVectors } from '../../kernels/cpu/elementwise/lanes.ts';
import type { Gate } from '../../kernels/formula/epilogue.ts';
import { floatsOf, type Floats } from '../../kernels/cpu/floats.ts';
import { lanes, type Target } from '../../kernels/cpu/ir.ts';
import { normAffineKernel, normPlanesGradKernel, normPlanesKernel, type NormFinish, type NormMode } from '../../kernels/cpu/norm/planes.ts';
import { normRowsGradKernel, normRowsKernel } from '../../kernels/cpu/norm/rows.ts';
import type { NormAttrs } from '../../tensor/ops/norm.ts';
import type { OpLowering, OpLowerings, Values } from '../table.ts';
import { asContiguous, lowerFill } from './copy.ts';

/** Nanoseconds for an element in all passes, from the second-level cache or beyond. */
export const ELEMENT_NS = 0.8;
/** What walking one more plane costs. */
export const PLANE_NS = 20;

interface Sizes {
  readonly batch: number;
  readonly channels: number;
  readonly size: number;
}

export function sizesOf({ shape }: Layout): Sizes {
  const [batch, channels, ...rest] = shape as [number, number, ...number[]];
  return { batch, channels, size: rest.reduce((n, size) => n * size, 1) };
}

/** A table of one number per channel, in place of an absent input. */
function filled(l: CpuLowering, t: Floats, channels: number, value: number): Value {
  if (t.scalar === 'f32') return l.constant('float32', new Float32Array(channels).fill(value));
  return l.constant('float64', new Float64Array(channels).fill(value));
}

/** Launches by registers of channels and by single channels: `rows` takes the first, `planes` the others. */
function split(
  t: Floats,
  { batch, channels, size }: Sizes,
  launches: {
    rows: (options: { size: number; unitCost: number }) => void;
    planes: (first: number, options: { size: number; unitCost: number; channels?: number }) => void;
  },
): void {
  const cost = batch * (size * ELEMENT_NS + (size > 1 ? PLANE_NS : 0));
  const byRegister = size === 1 ? Math.floor(channels / t.lanes) : 0;
  if (byRegister > 0) launches.rows({ size: byRegister, unitCost: cost * t.lanes });
  const first = byRegister * t.lanes;
  if (first < channels) launches.planes(first, { size: channels - first, unitCost: cost, ...(first === 0 && { channels }) });
}

/** Planes are walked in the machine's width where they have a register of it. */
export function planesTarget(l: CpuLowering, x: Value, size: number): [Target, Floats] {
  const { dtype } = x.layout;
  const target = dtype === 'float32' && size >= lanes(l.wideTarget, 'f32') ? l.wideTarget : l.target;
  return [target, floatsOf(target, dtype)];
}

/** Bytes from image to image and from channel to channel. */
export function stepsOf<K extends string>(name: K, { layout }: Value): { readonly [P in `${K}n` | `${K}c`]: number } {
  const [n, c] = layout.strides.map((step) => step * itemSize(layout.dtype));
  return { [`${name}n`]: n, [`${name}c`]: c } as { readonly [P in `${K}n` | `${K}c`]: number };
}

/** Bytes from which on results are not in a cache when they are read. */
const STREAMED = 8 * 1024 * 1024;
export const streamed = (l: CpuLowering, y: Value): number => (4 * y.layout.numel >= STREAMED && l.soon?.has(y.buffer) !== true ? 1 : 0);

interface Forward {
  readonly mode: NormMode;
  readonly y: Value;
  /** Written when training. */
  readonly mean?: Value;
  readonly invStd?: Value;
  readonly momentum: number | ScalarInput;
  readonly finish: NormFinish;
  /** Written where wanted: see `GraphOp.coefficients`. */
  readonly coefficients?: Value | undefined;
}

function lowerForward(l: CpuLowering, inputs: Values, p: BatchNormParams, out: Forward): void {
  const x = asContiguous(l, inputs[0]!);
  const t = floatsOf(l.target, x.layout.dtype);
  const sizes = sizesOf(x.layout);
  const at = batchNormInputs(p);
  const given = (i: number, otherwise: number): Value => (i < 0 ? filled(l, t, sizes.channels, otherwise) : inputs[i]!);
  const dense = (i: number, otherwise: number): Value => asContiguous(l, given(i, otherwise));
  // Running statistics are written, so they must be dense themselves: the shape rule sees to it.
  const running = out.mode === 'eval' ? dense : given;
  const args = {
    x,
    y: out.y,
    residual: out.finish.startsWith('add') ? inputs.at(-1)! : x,
    weight: dense(at.weight, 1),
    bias: dense(at.bias, 0),
    mean: out.mean ?? out.y,
    invStd: out.invStd ?? out.y,
    runningMean: running(at.mean, 0),
    runningVar: running(at.variance, 1),
    eps: p.eps,
    momentum: out.momentum,
  };
  const kept = { coefficients: out.coefficients ?? out.y, keeps: out.coefficients === undefined ? 0 : 1 };
  const { batch, channels, size } = sizes;
  split(t, sizes, {
    rows: (options) => l.launch(normRowsKernel(l.target, t, out.mode, out.finish), { ...args, batch, channels }, options),
    planes: (first, options) => {
      const [target, own] = planesTarget(l, x, size);
      l.launch(
        normPlanesKernel(target, own, out.mode, out.finish),
        {
          ...args,
          ...kept,
          ...stepsOf('y', out.y),
          ...stepsOf('r', args.residual),
          batch,
          channels,
          size,
          first,
          streams: streamed(l, out.y),
        },
        options,
      );
    },
  });
}

/** With a finish that adds, what is added is the last input. Running statistics stay as they are unless `running`. */
function lowerBatchNorm(
  l: CpuLowering,
  inputs: Values,
  [y, mean, invStd, ...others]: Values,
  p: BatchNormParams,
  finish: NormFinish = '',
  running = p.running,
): void {
  const coefficients = others.find(({ layout }) => layout.shape.length === 2); // beside running statistics
  // A batch without elements has no statistics: the running ones stay as they are, as in PyTorch.
  const [mode, momentum] = running && y!.layout.numel > 0 ? (['running', l.scalar(0)] as const) : (['train', 0] as const);
  lowerForward(l, inputs, p, { mode, y: y!, mean: mean!, invStd: invStd!, momentum, finish, coefficients });
}

function lowerBatchNormEval(l: CpuLowering, inputs: Values, [y]: Values, p: BatchNormParams, finish: NormFinish = ''): void {
  lowerForward(l, inputs, p, { mode: 'eval', y: y!, momentum: 0, finish });
}

/** [weight?, bias?, runningMean, runningVar] → scale and shift of each channel, [channels, 2] */
function lowerAffine(l: CpuLowering, inputs: Values, p: BatchNormParams): Value {
  const { dtype, numel: channels } = inputs[0]!.layout;
  const t = floatsOf(l.target, dtype);
  const at = batchNormInputs(p);
  const given = (i: number, otherwise: number): Value => (i < 0 ? filled(l, t, channels, otherwise) : asContiguous(l, inputs[i - 1]!));
  const [weight, bias, mean, variance] = [given(at.weight, 1), given(at.bias, 0), given(at.mean, 0), given(at.variance, 1)];
  const table = l.derived(dtype, [channels, 2], [weight, bias, mean, variance]);
  l.launch(
    normAffineKernel(l.target, t),
    { weight, bias, mean, variance, table, eps: p.eps },
    { size: channels, unitCost: 10, makes: table },
  );
  return table;
}

const lowerGrad =
  (mode: 'train' | 'eval', gate?: Gate) =>
  (l: CpuLowering, inputs: Values, outputs: Values, p: BatchNormParams): void => {
    const [g, x, mean, spread, scale] = inputs.map((value, i) =>
      i === 0 && value.buffer === SCRATCH ? value : asContiguous(l, value),
    ) as [Value, Value, Value, Value, Value?];
    const weight = p.weight ? scale : undefined; // else it may be the gate's coefficients
    const t = floatsOf(l.target, x.layout.dtype);
    const sizes = sizesOf(x.layout);
    const unwanted = (): Value => l.temp(x.layout.dtype, [sizes.channels]);
    const args = {
      g,
      x,
      mean,
      spread,
      weight: weight ?? filled(l, t, sizes.channels, 1),
      dx: outputs[0]!,
      dWeight: p.weight ? outputs[1]! : unwanted(),
      dBias: p.bias ? outputs.at(-1)! : unwanted(),
      coefficients: inputs.at(-1)!,
      eps: p.eps,
    };
    const { batch, channels, size } = sizes;
    if (batch * size === 0) {
      for (const out of outputs.slice(1)) lowerFill(l, out, [0]); // the statistics of nothing are NaN, but nothing flows through them
      return;
    }
    split(t, sizes, {
      rows: (options) => l.launch(normRowsGradKernel(l.target, t, mode), { ...args, batch, channels }, options), // without a gate
      planes: (first, options) => {
        const [target, own] = planesTarget(l, x, size);
        l.launch(
          normPlanesGradKernel(target, own, mode, gate),
          {
            ...args,
            ...stepsOf('g', g),
            ...stepsOf('d', args.dx),
            batch,
            channels,
            size,
            first,
            streams: streamed(l, args.dx),
          },
          options,
        );
      },
    });
  };

/** [∂y, x, mean, invStd, weight?] */
const lowerBatchNormGrad = lowerGrad('train');

/** [∂y, x, runningMean, runningVar, weight?] */
const lowerBatchNormEvalGrad = lowerGrad('eval');

const FINISHES: readonly string[] = ['', 'add', 'relu', 'add+relu'];

/** The lowerings together with a sum and a ReLU that follow. */
const finishing =
  (lower: typeof lowerBatchNorm): NonNullable<OpLowering<BatchNormParams, CpuLowering>['finish']> =>
  (steps, p) => {
    const like = showSteps(steps.map((step, i) => (isActivation(step) && i === steps.length - 1 ? 'relu' : step)));
    const finish = showSteps(steps) as NormFinish;
    if (!steps.every((step) => !isActivation(step) || inVectors(step.of))) return undefined;
    return FINISHES.includes(like) ? (l, inputs, outputs) => lower(l, inputs, outputs, p, finish) : undefined;
  };

export const normLowerings: OpLowerings<NormAttrs, CpuLowering> = {
  batchNorm: {
    lower: lowerBatchNorm,
    finish: finishing(lowerBatchNorm),
    again: finishing((l, x, y, p, finish) => lowerBatchNorm(l, x, y, p, finish, false)),
    coefficients: true,
  },
  batchNormGrad: {
    lower: lowerBatchNormGrad,
    gated: (p, gate) => (l, inputs, outputs) => lowerGrad('train', gate)(l, inputs, outputs, p),
  },
  batchNormEval: {
    lower: lowerBatchNormEval,
    finish: finishing(lowerBatchNormEval),
    affine: (p) => ({ inputs: Number(p.weight) + Number(p.bias) + 2, table: (l, inputs) => lowerAffine(l, inputs, p) }),
  },
  batchNormEvalGrad: { lower: lowerBatchNormEvalGrad },
};
