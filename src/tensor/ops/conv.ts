/**
 * 2-d convolution and its two gradients (https://pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html). The
 * three are convolutions of each other, so each one's gradient is written with the other two and any order of
 * derivative exists:
 *
 *     y = x ⋆ w,  ∂x = inputGrad(∂y, w),  ∂w = weightGrad(∂y, x)
 *
 * all three are the one trilinear form Σ ∂y·(x ⋆ w) with one argument left out.
 */
import { isFloating } from '../../base/dtype.ts';
import { DTypeError, invariant, ShapeError } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { sameDims, showShape, type Dims } from '../../base/shape.ts';
import { showSteps, type FinishStep, type Lower } from '../../compiler/graph.ts';
import type { Lowering, Value } from '../../compiler/lowering.ts';
import type { Epilogue } from '../../kernels/cpu/conv/epilogue.ts';
import type { Tensor } from '../tensor.ts';
import { remembered } from '../../geometry/attrs.ts';
import { convGeometry, type ConvGeometry, type ConvParams } from '../../geometry/conv.ts';
import {
  forwardCorrelation,
  inputGradCorrelation,
  PLAIN,
  type Correlation,
  type Finish,
  type Operands,
} from '../../lower/cpu/conv/correlation.ts';
import { lowerCorrelation } from '../../lower/cpu/conv/rows.ts';
import { PAIRS } from '../../geometry/pool.ts';
import { lowerMaxPool } from '../../lower/cpu/pool.ts';
import { lowerPixels } from '../../lower/cpu/conv/pixels.ts';
import { lowerWeightGrad } from '../../lower/cpu/conv/weight-grad.ts';
import { lowerWinograd } from '../../lower/cpu/conv/winograd.ts';
import { lowerWinogradWeightGrad } from '../../lower/cpu/conv/winograd-weight-grad.ts';
import type { Attrs, GradientContext, OpRules } from './rule.ts';

/** Made by {@link convInputGradParams}. */
export interface ConvInputGradParams extends Attrs {
  readonly conv: ConvParams;
  /** Height and width of the input, which the output's size does not tell for strides above 1. */
  readonly size: readonly [number, number];
}

/** Made by {@link convWeightGradParams}. */
export interface ConvWeightGradParams extends Attrs {
  readonly conv: ConvParams;
  /** Height and width of the kernel. */
  readonly kernel: readonly [number, number];
  /** Whether the gradient of the bias is a second result. */
  readonly bias: boolean;
}

export interface ConvAttrs {
  /** [x [N, C, H, W], weight [Co, C/groups, kh, kw], bias? [Co]] → [N, Co, oH, oW] */
  conv2d: ConvParams;
  /** [∂y, weight] → ∂x */
  conv2dInputGrad: ConvInputGradParams;
  /** [∂y, x] → [∂weight, ∂bias?] */
  conv2dWeightGrad: ConvWeightGradParams;
}

export const convInputGradParams = (conv: ConvParams, size: readonly [number, number]): ConvInputGradParams =>
  remembered('convInputGrad', { key: `${conv.key}x${size.join()}`, conv, size });

export const convWeightGradParams = (
  conv: ConvParams,
  kernel: readonly [number, number],
  bias: boolean,
): ConvWeightGradParams =>
  remembered('convWeightGrad', { key: `${conv.key}k${kernel.join()}${bias ? 'b' : ''}`, conv, kernel, bias });

function checkDTypes(op: string, inputs: readonly Layout[]): void {
  const { dtype } = inputs[0]!;
  if (!isFloating(dtype)) {
    throw new DTypeError(`${op}: expected an input of dtype float32 or float64, but got ${dtype}; convert it with .to('float32')`); // prettier-ignore
  }
  for (const other of inputs) {
    if (other.dtype === dtype) continue;
    throw new DTypeError(
      `${op}: expected input, weight and bias of one dtype, but got ${inputs.map((l) => l.dtype).join(', ')}; convert them with .to('${dtype}')`,
    );
  }
}

const outputShape = (g: ConvGeometry): Dims => [g.batch, g.outChannels, g.height.output, g.width.output];

function checkGrad(op: string, grad: Dims, g: ConvGeometry): void {
  if (sameDims(grad, outputShape(g))) return;
  throw new ShapeError(
    `${op}: expected a gradient of shape ${showShape(outputShape(g))}, the output's, but got ${showShape(grad)}`,
  );
}

const spatial = (shape: Dims): readonly [number, number] => [shape[2]!, shape[3]!];

/** The geometry of each operation from its inputs' shapes, everything checked. */
const geometry = {
  conv2d: (inputs: readonly Layout[], p: ConvParams): ConvGeometry => {
    const [x, w, bias] = inputs as [Layout, Layout, Layout | undefined];
    checkDTypes('conv2d', inputs);
    const g = convGeometry('conv2d', x.shape, w.shape, p);
    if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== g.outChannels)) {
      throw new ShapeError(
        `conv2d: expected a bias of shape [${g.outChannels}], one number for each output channel, but got ${showShape(bias.shape)}`,
      );
    }
    return g;
  },
  inputGrad: (inputs: readonly Layout[], p: ConvInputGradParams): ConvGeometry => {
    const [grad, w] = inputs as [Layout, Layout];
    checkDTypes('conv2dInputGrad', inputs);
    const x = [grad.shape[0]!, w.shape[1]! * p.conv.groups, ...p.size];
    const g = convGeometry('conv2dInputGrad', x, w.shape, p.conv);
    checkGrad('conv2dInputGrad', grad.shape, g);
    return g;
  },
  weightGrad: (inputs: readonly Layout[], p: ConvWeightGradParams): ConvGeometry => {
    const [grad, x] = inputs as [Layout, Layout];
    checkDTypes('conv2dWeightGrad', inputs);
    const w = [grad.shape[1]!, x.shape[1]! / p.conv.groups, ...p.kernel];
    const g = convGeometry('conv2dWeightGrad', x.shape, w, p.conv);
    checkGrad('conv2dWeightGrad', grad.shape, g);
    return g;
  },
};

function convGradient({
  grads,
  input,
  inputLayouts,
  attrs,
  needs,
  apply,
}: GradientContext<ConvParams>): (Tensor | undefined)[] {
  const g = grads[0];
  if (g === undefined) return [];
  const [x, w, bias] = inputLayouts as [Layout, Layout, Layout | undefined];
  const wantsBias = bias !== undefined && needs(2);
  const dx = needs(0)
    ? apply('conv2dInputGrad', [g, input(1)], convInputGradParams(attrs, spatial(x.shape)))[0]
    : undefined;
  if (!needs(1)) return [dx, undefined, wantsBias ? g.sum([0, 2, 3]) : undefined];
  const [dw, db] = apply('conv2dWeightGrad', [g, input(0)], convWeightGradParams(attrs, spatial(w.shape), wantsBias));
  return [dx, dw, db];
}

/** ∂x is linear in ∂y and in w: for a gradient v of ∂x, that of ∂y is v ⋆ w and that of w is weightGrad(∂y, v). */
function inputGradGradient({
  grads,
  input,
  inputLayouts,
  attrs,
  needs,
  apply,
}: GradientContext<ConvInputGradParams>): (Tensor | undefined)[] {
  const v = grads[0];
  if (v === undefined) return [];
  const kernel = spatial(inputLayouts[1]!.shape);
  return [
    needs(0) ? apply('conv2d', [v, input(1)], attrs.conv)[0] : undefined,
    needs(1) ? apply('conv2dWeightGrad', [input(0), v], convWeightGradParams(attrs.conv, kernel, false))[0] : undefined,
  ];
}

/**
 * ∂w and ∂b are linear in ∂y, and ∂w in x: for gradients v of ∂w and u of ∂b, that of ∂y is x ⋆ v + u, and that of x is
 * inputGrad(∂y, v).
 */
function weightGradGradient({
  grads,
  input,
  inputLayouts,
  attrs,
  needs,
  apply,
}: GradientContext<ConvWeightGradParams>): (Tensor | undefined)[] {
  const [v, u] = grads;
  const [grad, x] = inputLayouts as [Layout, Layout];
  let dGrad: Tensor | undefined;
  if (needs(0)) {
    if (v !== undefined) dGrad = apply('conv2d', u === undefined ? [input(1), v] : [input(1), v, u], attrs.conv)[0];
    else dGrad = u?.view([1, -1, 1, 1]).expand(grad.shape);
  }
  const dx =
    needs(1) && v !== undefined
      ? apply('conv2dInputGrad', [input(0), v], convInputGradParams(attrs.conv, spatial(x.shape)))[0]
      : undefined;
  return [dGrad, dx];
}

type Values = readonly Value[];

/** The first algorithm that takes the shape: fewest multiplications, vectors along outputs, anything else. */
function lowerAny(l: Lowering, c: Correlation, operands: Operands): void {
  const lowered = lowerWinograd(l, c, operands) ?? lowerPixels(l, c, operands) ?? lowerCorrelation(l, c, operands);
  if (lowered === 'cannot pool') lowerPoolApart(l, c, operands);
}

/** Pools in a kernel of its own what the algorithm for the shape does not pool itself. */
function lowerPoolApart(l: Lowering, c: Correlation, { y, finish, ...operands }: Operands): void {
  const { taps, ...others } = finish;
  invariant(taps !== undefined, 'a correlation without pooling is lowered');
  const results = l.temp(y.layout.dtype, [c.batch, y.layout.shape[1]!, c.rows.count, c.columns.count]);
  lowerAny(l, c, { ...operands, y: results, finish: others });
  lowerMaxPool(l, [results], [y, taps], PAIRS);
}

function lowerForward(l: Lowering, inputs: Values, outputs: Values, p: ConvParams, finish = PLAIN): void {
  const g = geometry.conv2d(inputs.map((value) => value.layout), p); // prettier-ignore
  const [x, w, bias] = inputs as [Value, Value, Value | undefined];
  const [y, taps] = outputs as [Value, Value | undefined];
  lowerAny(l, forwardCorrelation(g, w), { x, w, bias, y, finish: { ...finish, taps } });
}

function lowerBackward(l: Lowering, inputs: Values, outputs: Values, p: ConvInputGradParams, finish = PLAIN): void {
  const g = geometry.inputGrad(inputs.map((value) => value.layout), p); // prettier-ignore
  const [dy, w] = inputs as [Value, Value];
  lowerAny(l, inputGradCorrelation(g, w), { x: dy, w, y: outputs[0]!, finish });
}

/** A lowering together with steps that follow, if they make one of these epilogues: their inputs come after its own. */
const finishing =
  <P>(
    lower: (l: Lowering, inputs: Values, outputs: Values, p: P, finish: Finish) => void,
    kinds: readonly Epilogue[],
    pooled: readonly Epilogue[] = [],
  ) =>
  (steps: readonly FinishStep[], p: P): Lower | undefined => {
    const pools = steps.at(-1) === 'pool';
    const before = (pools ? showSteps(steps.slice(0, -1)) : showSteps(steps)) || 'none';
    const kind = (pools ? pooled : kinds).find((name) => name === before);
    if (kind === undefined) return undefined;
    return (l, inputs, outputs) => {
      const operands: { [K in 'gate' | 'residual' | 'affine']?: Value } = {};
      let left = inputs;
      for (const step of steps.toReversed()) {
        const count = step === 'relu' || step === 'pool' ? 0 : typeof step === 'string' ? 1 : step.inputs;
        const own = left.slice(left.length - count);
        left = left.slice(0, left.length - count);
        if (typeof step !== 'string') operands.affine = step.table(l, own);
        else if (count > 0) operands[step === 'add' ? 'residual' : 'gate'] = own[0]!;
      }
      lower(l, left, outputs, p, { kind, ...operands });
    };
  };

export const convRules: OpRules<ConvAttrs> = {
  conv2d: {
    shape: (inputs, p) => [layoutOf(inputs[0]!.dtype, outputShape(geometry.conv2d(inputs, p)))],
    lower: (l, inputs, outputs, p) => lowerForward(l, inputs, outputs, p),
    finish: finishing(
      lowerForward,
      ['relu', 'add', 'add+relu', 'affine', 'affine+relu', 'affine+add', 'affine+add+relu'],
      ['none', 'relu', 'affine', 'affine+relu'],
    ),
    gradient: { name: 'ConvolutionBackward0', saves: { inputs: [0, 1] }, run: convGradient },
  },
  conv2dInputGrad: {
    shape: (inputs, p) => {
      const g = geometry.inputGrad(inputs, p);
      return [layoutOf(inputs[0]!.dtype, [g.batch, g.inChannels, ...p.size])];
    },
    lower: (l, inputs, outputs, p) => lowerBackward(l, inputs, outputs, p),
    finish: finishing(lowerBackward, ['gate', 'add', 'add+gate']),
    gradient: { name: 'ConvolutionBackwardBackward0', saves: { inputs: [0, 1] }, run: inputGradGradient },
  },
  conv2dWeightGrad: {
    shape: (inputs, p) => {
      const g = geometry.weightGrad(inputs, p);
      const { dtype } = inputs[0]!;
      const dw = layoutOf(dtype, [g.outChannels, g.inPerGroup, ...p.kernel]);
      return p.bias ? [dw, layoutOf(dtype, [g.outChannels])] : [dw];
    },
    lower: (l, inputs, outputs, p) => {
      const g = geometry.weightGrad(inputs.map((value) => value.layout), p); // prettier-ignore
      const [dy, x] = inputs as [Value, Value];
      const [dw, db] = outputs as [Value, Value | undefined];
      if (!lowerWinogradWeightGrad(l, g, dy, x, dw, db)) lowerWeightGrad(l, g, dy, x, dw, db);
    },
    gradient: { name: 'ConvolutionBackwardBackward0', saves: { inputs: [0, 1] }, run: weightGradGradient },
  },
};
