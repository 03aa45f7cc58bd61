/** The lowerings of the losses. */
import type { NodeValues } from '../../compiler/graph.ts';
import type { Value } from '../../compiler/lowering.ts';
import { wrongTarget } from '../../geometry/index-error.ts';
import { classGeometry, type ClassLossParams, type NllGradParams, type PairLossParams } from '../../geometry/loss.ts';
import { softmaxStatisticsLaunch } from '../../kernels/wgsl/lines.ts';
import { classFinishLaunch, classGradLaunch, classLossLaunch, crossEntropyTrainingLaunch, pairGradLaunch, pairLossLaunch, pairLossSpec, trainsAtOnce, type ClassLossSpec } from '../../kernels/wgsl/loss.ts'; // prettier-ignore
import { reduceSpec } from '../../kernels/wgsl/reduce.ts';
import type { LossAttrs } from '../../tensor/ops/loss.ts';
import type { Values } from '../table.ts';
import { asContiguous, lowerFill } from './elementwise.ts';
import { gpuDType, type GpuLowering } from './lowering.ts';
import { launchReduction } from './reduce.ts';
import type { GpuLowerings } from './table.ts';

type Kind = ClassLossSpec['kind'];
const NAMES = { nll: 'nllLoss', crossEntropy: 'crossEntropy' } as const;

const specOf = (kind: Kind, p: ClassLossParams): ClassLossSpec => ({
  kind,
  weight: p.weight,
  ignore: p.ignoreIndex,
  smoothing: p.labelSmoothing,
});

const present = (...values: readonly (Value | undefined)[]): Value[] => values.filter((value) => value !== undefined);

interface Forward {
  readonly x: Value;
  readonly logs?: Value;
  readonly target: Value;
  readonly weight: Value | undefined;
  readonly loss: Value;
  readonly total: Value;
}

/** The loss of every position, or the sums of losses and weights and what they come to. */
function lowerClassLoss(l: GpuLowering, kind: Kind, v: Forward, p: ClassLossParams): void {
  const sizes = classGeometry(v.x.layout.shape);
  const positions = sizes.outer * sizes.inner;
  const each = p.reduction === 'none';
  const fault = l.fault((target) => wrongTarget(NAMES[kind], sizes.classes, p.ignoreIndex, target));
  const losses = each ? v.loss : l.temp('float32', [positions]);
  const weights = l.temp('float32', [positions]);
  const operands = present(v.x, v.logs, asContiguous(l, v.target), v.weight && asContiguous(l, v.weight), losses, weights, fault);
  l.launch(classLossLaunch(sizes, specOf(kind, p)), operands);
  if (each)
    lowerFill(l, v.total, 0); // nothing reads it
  else l.launch(classFinishLaunch(positions, p.reduction === 'mean'), [losses, weights, v.loss, v.total]);
}

/** [logProbabilities, target, weight?] → [loss, totalWeight] */
function lowerNll(l: GpuLowering, inputs: Values, [loss, total]: Values, p: ClassLossParams): void {
  const [input, target, weight] = inputs as [Value, Value, Value?];
  gpuDType('nllLoss', input.layout.dtype);
  lowerClassLoss(l, 'nll', { x: asContiguous(l, input), target, weight, loss: loss!, total: total! }, p);
}

/** [logits, target, weight?] → [loss, probabilities, totalWeight] */
function lowerCrossEntropy(l: GpuLowering, inputs: Values, outputs: Values, p: ClassLossParams): void {
  const [input, target, weight] = inputs as [Value, Value, Value?];
  const [loss, y, total] = outputs as [Value, Value, Value];
  gpuDType('crossEntropy', input.layout.dtype);
  const x = asContiguous(l, input);
  const { outer, classes, inner } = classGeometry(x.layout.shape);
  const logs = l.temp('float32', [outer * inner]);
  l.launch(softmaxStatisticsLaunch({ outer, size: classes, inner }), [x, y, logs]);
  lowerClassLoss(l, 'crossEntropy', { x, logs, target, weight, loss, total }, p);
}

/** [∂loss, target, totalWeight, weight?] → ∂logProbabilities */
function lowerNllGrad(l: GpuLowering, inputs: Values, [dx]: Values, { loss }: NllGradParams): void {
  gpuDType('nllLossGrad', dx!.layout.dtype);
  const [g, target, total, weight] = inputs.map((value) => asContiguous(l, value)) as [Value, Value, Value, Value?];
  const launch = classGradLaunch(classGeometry(dx!.layout.shape), { ...specOf('nll', loss), smoothing: 0 }, loss.reduction);
  l.launch(launch, present(g, target, total, weight, dx));
}

/** [∂loss, probabilities, target, totalWeight, weight?] → ∂logits */
function lowerCrossEntropyGrad(l: GpuLowering, inputs: Values, [dx]: Values, p: ClassLossParams): void {
  gpuDType('crossEntropyGrad', dx!.layout.dtype);
  const [g, y, target, total, weight] = inputs.map((value) => asContiguous(l, value)) as [Value, Value, Value, Value, Value?];
  const sizes = classGeometry(y.layout.shape);
  let sum: Value | undefined;
  if (weight !== undefined && p.labelSmoothing > 0) {
    sum = l.temp('float32', []);
    const walk = { kept: [], reduced: [{ size: sizes.classes, steps: [1] }] };
    launchReduction(l, reduceSpec('sum', 'float32', 'float32', sizes.classes), walk, [weight], sum);
  }
  const launch = classGradLaunch(sizes, specOf('crossEntropy', p), p.reduction);
  l.launch(launch, present(g, y, target, total, weight, sum, dx));
}

/** The loss and its gradient at once: inputs and outputs of {@link lowerCrossEntropy} and {@link lowerCrossEntropyGrad}. */
function lowerCrossEntropyTraining(l: GpuLowering, loss: NodeValues, grad: NodeValues, p: ClassLossParams): void {
  const [input, target, weight] = loss.inputs as [Value, Value, Value?];
  const sizes = classGeometry(input.layout.shape);
  const spec = specOf('crossEntropy', p);
  if (!trainsAtOnce(sizes, spec, p.reduction)) {
    lowerCrossEntropy(l, loss.inputs, loss.outputs, p);
    lowerCrossEntropyGrad(l, grad.inputs, grad.outputs, p);
    return;
  }
  gpuDType('crossEntropy', input.layout.dtype);
  const fault = l.fault((target) => wrongTarget(NAMES.crossEntropy, sizes.classes, p.ignoreIndex, target));
  const [x, labels, w] = [input, target, weight].map((value) => value && asContiguous(l, value));
  const launch = crossEntropyTrainingLaunch(sizes, spec, p.reduction);
  l.launch(launch, present(x, labels, w, asContiguous(l, grad.inputs[0]!), ...loss.outputs, grad.outputs[0], fault));
}

/** [input, target] → loss */
function lowerPairLoss(l: GpuLowering, inputs: Values, [out]: Values, p: PairLossParams): void {
  gpuDType(`${p.kind}Loss`, out!.layout.dtype);
  const [a, b] = inputs.map((value) => asContiguous(l, value)) as [Value, Value];
  const n = a.layout.numel;
  if (p.reduction === 'none') {
    l.launch(pairLossLaunch(p.kind, n, p.beta), [a, b, out!]);
    return;
  }
  const walk = { kept: [], reduced: [{ size: n, steps: [1, 1] }] };
  launchReduction(l, pairLossSpec(p.kind, p.beta, p.reduction === 'mean' ? n : 1), walk, [a, b], out!);
}

/** [∂loss, input, target] → ∂input */
function lowerPairGrad(l: GpuLowering, inputs: Values, [da]: Values, p: PairLossParams): void {
  gpuDType('pairLossGrad', da!.layout.dtype);
  const n = da!.layout.numel;
  const scale = (p.kind === 'mse' ? 2 : 1) / (p.reduction === 'mean' ? Math.max(n, 1) : 1);
  const launch = pairGradLaunch(p.kind, n, p.beta, scale, p.reduction === 'none');
  l.launch(launch, [...inputs.map((value) => asContiguous(l, value)), da!]);
}

const pairs = { lower: lowerPairLoss };

export const lossLowerings: GpuLowerings<LossAttrs> = {
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
  mseLoss: pairs,
  l1Loss: pairs,
  smoothL1Loss: pairs,
  huberLoss: pairs,
  binaryCrossEntropy: pairs,
  bceWithLogits: pairs,
  pairLossGrad: { lower: lowerPairGrad },
};
