/**
 * The lowerings of the losses. A reduced loss is sums per unit of work, then one short launch that adds them up in order.
 */
import type { NodeValues } from '../../compiler/graph.ts';
import type { Value } from '../../compiler/lowering.ts';
import type { CpuLowering, Refusal } from './lowering.ts';
import { isOutside, wrongTarget } from '../../geometry/index-error.ts';
import { classGeometry, type ClassLossParams, type NllGradParams, type PairLossParams } from '../../geometry/loss.ts';
import { floatsOf, type Floats } from '../../kernels/cpu/floats.ts';
import {
  classFinishKernel,
  classLossKernel,
  crossEntropyGradKernel,
  crossEntropyTrainingKernel,
  nllGradKernel,
  POSITIONS,
  type ClassLoss,
} from '../../kernels/cpu/loss/classes.ts';
import { BLOCK, pairFinishKernel, pairLossGradKernel, pairLossKernel } from '../../kernels/cpu/loss/pairs.ts';
import type { ClassLossAttrs, PairLossAttrs } from '../../tensor/ops/loss.ts';
import type { OpLowerings, Values } from '../table.ts';
import { asContiguous, lowerFill } from './copy.ts';
import { launchOptions, lowerSoftmaxStatistics } from './softmax.ts';

/** Nanoseconds per position, per class of one, and per element of a difference. */
const POSITION_NS = 5;
const CLASS_NS = 0.5;
const DIFFERENCE_NS = 0.5;

/** Targets that are no classes, and what is said of them. */
const refusalOf = (where: Value, op: ClassLoss, classes: number, { ignoreIndex }: ClassLossParams): Refusal => ({
  where,
  wrong: (target) => target !== BigInt(ignoreIndex) && isOutside(classes, target),
  error: (target) => wrongTarget(op === 'nll' ? 'nllLoss' : op, classes, ignoreIndex, target),
});

/** Class weights, or ones in their place. */
function weightsOf(l: CpuLowering, t: Floats, classes: number, given: Value | undefined): Value {
  if (given !== undefined) return asContiguous(l, given);
  if (t.scalar === 'f32') return l.constant('float32', new Float32Array(classes).fill(1));
  return l.constant('float64', new Float64Array(classes).fill(1));
}

interface ClassForward {
  readonly kind: ClassLoss;
  readonly x: Value;
  readonly maxima: Value;
  readonly logSums: Value;
  readonly target: Value;
  readonly weight: Value | undefined;
  readonly loss: Value;
  readonly totalWeight: Value;
}

/** The loss of every position, or their sums and then the result. */
function lowerClassLoss(l: CpuLowering, v: ClassForward, p: ClassLossParams): void {
  const t = floatsOf(l.target, v.x.layout.dtype);
  const { outer, classes, inner } = classGeometry(v.x.layout.shape);
  const positions = outer * inner;
  const units = Math.ceil(positions / POSITIONS);
  const each = p.reduction === 'none';
  const smooth = p.labelSmoothing > 0;
  const losses = each ? v.loss : l.temp('float64', [units * 2]);
  const { x, maxima, logSums } = v;
  const target = asContiguous(l, v.target);
  l.launch(
    classLossKernel(l.target, t, v.kind, each, smooth),
    {
      x,
      maxima,
      logSums,
      target,
      weight: weightsOf(l, t, classes, v.weight),
      losses,
      positions,
      classes,
      inner,
      ignore: p.ignoreIndex,
      smoothing: p.labelSmoothing,
    },
    {
      size: units,
      unitCost: POSITIONS * (POSITION_NS + (smooth ? classes * CLASS_NS : 0)),
      refusal: refusalOf(target, v.kind, classes, p),
    },
  );
  // Without a reduction this only writes a total weight of 0, which nothing reads.
  l.launch(
    classFinishKernel(l.target, t, p.reduction === 'mean'),
    {
      partials: losses,
      count: each ? 0 : units,
      loss: each ? l.temp(x.layout.dtype, []) : v.loss,
      totalWeight: v.totalWeight,
    },
    { size: 1, unitCost: 1 },
  );
}

/** [logProbabilities, target, weight?] → [loss, totalWeight] */
function lowerNll(l: CpuLowering, inputs: Values, outputs: Values, p: ClassLossParams): void {
  const [input, target, weight] = inputs as [Value, Value, Value?];
  const [loss, totalWeight] = outputs as [Value, Value];
  const x = asContiguous(l, input);
  lowerClassLoss(l, { kind: 'nll', x, maxima: x, logSums: x, target, weight, loss, totalWeight }, p);
}

/** [logits, target, weight?] → [loss, probabilities, totalWeight] */
function lowerCrossEntropy(l: CpuLowering, inputs: Values, outputs: Values, p: ClassLossParams): void {
  const [input, target, weight] = inputs as [Value, Value, Value?];
  const [loss, y, totalWeight] = outputs as [Value, Value, Value];
  const x = asContiguous(l, input);
  const { outer, classes, inner } = classGeometry(x.layout.shape);
  const maxima = l.temp(x.layout.dtype, [outer * inner]);
  const logSums = l.temp(x.layout.dtype, [outer * inner]);
  lowerSoftmaxStatistics(l, x, { outer, size: classes, inner }, { y, maxima, logSums });
  lowerClassLoss(l, { kind: 'crossEntropy', x, maxima, logSums, target, weight, loss, totalWeight }, p);
}

/** [∂loss, target, totalWeight, weight?] → ∂logProbabilities */
function lowerNllGrad(l: CpuLowering, inputs: Values, [dx]: Values, { loss }: NllGradParams): void {
  const [g, target, totalWeight, weight] = inputs.map((value) => asContiguous(l, value)) as [Value, Value, Value, Value?];
  const t = floatsOf(l.target, g.layout.dtype);
  const { outer, classes, inner } = classGeometry(dx!.layout.shape);
  const args = {
    g,
    probabilities: g,
    target,
    weight: weightsOf(l, t, classes, weight),
    totalWeight,
    dx: dx!,
    classes,
    inner,
    ignore: loss.ignoreIndex,
    smoothing: 0,
  };
  const refusal = refusalOf(target, 'nll', classes, loss);
  const options = { size: outer * inner, unitCost: POSITION_NS, refusal };
  lowerFill(l, dx!, [0]);
  l.launch(nllGradKernel(l.target, t, loss.reduction), args, options);
}

/** [∂loss, probabilities, target, totalWeight, weight?] → ∂logits */
function lowerCrossEntropyGrad(l: CpuLowering, inputs: Values, [dx]: Values, p: ClassLossParams): void {
  const [g, probabilities, target, totalWeight, weight] = inputs.map((value) => asContiguous(l, value)) as [
    Value,
    Value,
    Value,
    Value,
    Value?,
  ];
  const t = floatsOf(l.target, g.layout.dtype);
  const { outer, classes, inner } = classGeometry(probabilities.layout.shape);
  const args = {
    g,
    probabilities,
    target,
    weight: weightsOf(l, t, classes, weight),
    totalWeight,
    dx: dx!,
    classes,
    inner,
    ignore: p.ignoreIndex,
    smoothing: p.labelSmoothing,
  };
  const shape = { dense: inner === 1, smooth: p.labelSmoothing > 0 };
  const refusal = refusalOf(target, 'crossEntropy', classes, p);
  const options = { size: outer * inner, unitCost: POSITION_NS + classes * CLASS_NS, refusal };
  l.launch(crossEntropyGradKernel(l.target, t, p.reduction, shape), args, options);
}

/** Logits whose loss and gradient take less than this, in nanoseconds, are one launch on one thread. */
const TRAINING_NS = 50_000;

/** The loss and its gradient at once: inputs and outputs of {@link lowerCrossEntropy} and {@link lowerCrossEntropyGrad}. */
function lowerCrossEntropyTraining(l: CpuLowering, loss: NodeValues, grad: NodeValues, p: ClassLossParams): void {
  const [input, target, weight] = loss.inputs as [Value, Value, Value?];
  const t = floatsOf(l.target, input.layout.dtype);
  const { outer: positions, classes, inner } = classGeometry(input.layout.shape);
  const work = launchOptions(t, { outer: positions, size: classes, inner }, 1);
  const cost = work.size * work.unitCost + positions * (2 * POSITION_NS + classes * CLASS_NS);
  const { reduction } = p;
  if (inner !== 1 || reduction === 'none' || classes === 0 || positions === 0 || cost > TRAINING_NS) {
    lowerCrossEntropy(l, loss.inputs, loss.outputs, p);
    lowerCrossEntropyGrad(l, grad.inputs, grad.outputs, p);
    return;
  }
  const units = Math.ceil(positions / POSITIONS);
  const [x, labels] = [asContiguous(l, input), asContiguous(l, target)];
  const sums = l.temp('float64', [units * 2]);
  const [out, y, totalWeight] = loss.outputs as [Value, Value, Value];
  const smooth = p.labelSmoothing > 0;
  l.launch(
    crossEntropyTrainingKernel(l.target, t, reduction, smooth),
    {
      x,
      y,
      probabilities: y,
      maxima: l.temp(x.layout.dtype, [positions]),
      logSums: l.temp(x.layout.dtype, [positions]),
      target: labels,
      weight: weightsOf(l, t, classes, weight),
      losses: sums,
      partials: sums,
      loss: out,
      totalWeight,
      g: asContiguous(l, grad.inputs[0]!),
      dx: grad.outputs[0]!,
      positions,
      count: units,
      size: classes,
      classes,
      inner,
      ignore: p.ignoreIndex,
      smoothing: p.labelSmoothing,
    },
    { size: 1, unitCost: cost, scratch: work.scratch, refusal: refusalOf(labels, 'crossEntropy', classes, p) },
  );
}

const blocksOf = ({ layout }: Value) => ({ size: Math.ceil(layout.numel / BLOCK), unitCost: BLOCK * DIFFERENCE_NS });

/** [input, target] → loss */
function lowerPairLoss(l: CpuLowering, inputs: Values, [out]: Values, p: PairLossParams): void {
  const [a, b] = inputs.map((value) => asContiguous(l, value)) as [Value, Value];
  const t = floatsOf(l.target, a.layout.dtype);
  const size = a.layout.numel;
  const options = blocksOf(a);
  const each = p.reduction === 'none';
  const partials = each ? out! : l.temp('float64', [options.size]);
  l.launch(pairLossKernel(l.target, t, p.kind, each), { a, b, out: partials, size, beta: p.beta }, options);
  if (each) return;
  const divisor = p.reduction === 'mean' ? size : 1;
  l.launch(pairFinishKernel(l.target, t), { partials, count: options.size, loss: out!, divisor }, { size: 1, unitCost: 1 });
}

/** [∂loss, input, target] → ∂input */
function lowerPairLossGrad(l: CpuLowering, inputs: Values, [da]: Values, p: PairLossParams): void {
  const [g, a, b] = inputs.map((value) => asContiguous(l, value)) as [Value, Value, Value];
  const t = floatsOf(l.target, a.layout.dtype);
  const size = a.layout.numel;
  const scale = (p.kind === 'mse' ? 2 : 1) / (p.reduction === 'mean' ? Math.max(size, 1) : 1);
  const kernel = pairLossGradKernel(l.target, t, p.kind, p.reduction === 'none');
  l.launch(kernel, { g, a, b, da: da!, size, beta: p.beta, scale }, blocksOf(a));
}

export const classLossLowerings: OpLowerings<ClassLossAttrs, CpuLowering> = {
  nllLoss: { lower: lowerNll },
  nllLossGrad: { lower: lowerNllGrad },
  crossEntropy: {
    lower: lowerCrossEntropy,
    partner: (p) => ({
      name: 'crossEntropyGrad',
      lower: (l, loss, grad) => lowerCrossEntropyTraining(l, loss, grad, p),
    }),
  },
  crossEntropyGrad: { lower: lowerCrossEntropyGrad },
};

export const pairLossLowerings: OpLowerings<PairLossAttrs, CpuLowering> = {
  mseLoss: { lower: lowerPairLoss },
  l1Loss: { lower: lowerPairLoss },
  smoothL1Loss: { lower: lowerPairLoss },
  huberLoss: { lower: lowerPairLoss },
  binaryCrossEntropy: { lower: lowerPairLoss },
  bceWithLogits: { lower: lowerPairLoss },
  pairLossGrad: { lower: lowerPairLossGrad },
};
