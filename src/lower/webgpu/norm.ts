/** The lowerings of batch normalisation: statistics by reductions, then a walk. */
import type { Layout } from '../../base/layout.ts';
import type { Value } from '../../compiler/lowering.ts';
import { batchNormInputs, type BatchNormParams } from '../../geometry/norm.ts';
import type { Epilogue } from '../../kernels/formula/epilogue.ts';
import { affineLaunch, biasGradSpec, channelWalk, normalizeLaunch, normGradLaunch, statisticsLaunch, weightGradSpec, type NormSizes } from '../../kernels/wgsl/norm.ts'; // prettier-ignore
import { reduceSpec, varianceSpec } from '../../kernels/wgsl/reduce.ts';
import type { NormAttrs } from '../../tensor/ops/norm.ts';
import type { Values } from '../table.ts';
import { asContiguous, lowerFill } from './elementwise.ts';
import { gpuDType, type GpuLowering } from './lowering.ts';
import { finishing, PLAIN } from './product.ts';
import { launchReduction } from './reduce.ts';
import type { GpuLowerings } from './table.ts';

function sizesOf({ shape }: Layout): NormSizes {
  const [batch, channels, ...rest] = shape as [number, number, ...number[]];
  return { batch, channels, size: rest.reduce((n, size) => n * size, 1) };
}

const present = (...values: readonly (Value | undefined)[]): Value[] => values.filter((value) => value !== undefined);

/** Running statistics stay as they are unless `moves`. */
function lowerTraining(l: GpuLowering, inputs: Values, outputs: Values, p: BatchNormParams, finish = PLAIN, moves = p.running): void {
  const [y, mean, invStd] = outputs as [Value, Value, Value];
  gpuDType('batchNorm', y.layout.dtype);
  const x = asContiguous(l, inputs[0]!);
  const sizes = sizesOf(x.layout);
  const at = batchNormInputs(p);
  const n = sizes.batch * sizes.size;
  launchReduction(l, reduceSpec('mean', 'float32', 'float32', n), channelWalk(sizes, [true]), [x], mean);
  const variance = l.temp('float32', [sizes.channels]);
  launchReduction(l, varianceSpec(n, false), channelWalk(sizes, [true, false]), [x, mean], variance);
  // A batch without elements has no statistics: the running ones stay as they are, as in PyTorch.
  const running = moves && n > 0;
  const statistics = running ? [inputs[at.mean]!, inputs[at.variance]!] : [];
  l.launch(statisticsLaunch(sizes, p.eps, running, running ? l.scalar(0) : 0), [variance, mean, invStd, ...statistics]);
  const dense = (i: number): Value | undefined => (i < 0 ? undefined : asContiguous(l, inputs[i]!));
  const launch = normalizeLaunch(sizes, { weight: p.weight, bias: p.bias, variance: false }, p.eps, finish.kind);
  l.launch(launch, present(x, mean, invStd, dense(at.weight), dense(at.bias), ...finish.operands, y));
}

function lowerEval(l: GpuLowering, inputs: Values, [y]: Values, p: BatchNormParams, finish = PLAIN): void {
  gpuDType('batchNorm', y!.layout.dtype);
  const x = asContiguous(l, inputs[0]!);
  const at = batchNormInputs(p);
  const dense = (i: number): Value | undefined => (i < 0 ? undefined : asContiguous(l, inputs[i]!));
  const launch = normalizeLaunch(sizesOf(x.layout), { weight: p.weight, bias: p.bias, variance: true }, p.eps, finish.kind);
  l.launch(launch, present(x, dense(at.mean), dense(at.variance), dense(at.weight), dense(at.bias), ...finish.operands, y));
}

/** [weight?, bias?, runningMean, runningVar] → scale and shift of each channel, [channels, 2] */
function lowerAffine(l: GpuLowering, inputs: Values, p: BatchNormParams): Value {
  const { numel: channels } = inputs[0]!.layout;
  const at = batchNormInputs(p);
  const given = (i: number): Value | undefined => (i < 0 ? undefined : asContiguous(l, inputs[i - 1]!));
  const sources = present(given(at.mean), given(at.variance), given(at.weight), given(at.bias));
  const table = l.derived('float32', [channels, 2], sources);
  l.launch(affineLaunch(channels, p, p.eps), [...sources, table], table);
  return table;
}

/** [∂y, x, mean, spread, weight?] → [∂x, ∂weight?, ∂bias?]; the spread is 1/√(variance + ε), or with fixed statistics the variance. */
function lowerGrad(l: GpuLowering, inputs: Values, outputs: Values, p: BatchNormParams, fixed: boolean): void {
  gpuDType('batchNormGrad', outputs[0]!.layout.dtype);
  const [g, x, mean, spread, weight] = inputs.map((value) => asContiguous(l, value)) as [Value, Value, Value, Value, Value?];
  const sizes = sizesOf(x.layout);
  if (sizes.batch * sizes.size === 0) {
    for (const out of outputs.slice(1)) lowerFill(l, out, 0); // the statistics of nothing are NaN, but nothing flows through them
    return;
  }
  const dWeight = p.weight ? outputs[1]! : l.temp('float32', [sizes.channels]);
  const dBias = p.bias ? outputs.at(-1)! : l.temp('float32', [sizes.channels]);
  if (p.bias || !fixed) launchReduction(l, biasGradSpec, channelWalk(sizes, [true]), [g], dBias);
  if (p.weight || !fixed) {
    launchReduction(l, weightGradSpec(fixed, p.eps), channelWalk(sizes, [true, true, false, false]), [g, x, mean, spread], dWeight);
  }
  const launch = normGradLaunch(sizes, { weight: p.weight, bias: false, variance: fixed }, p.eps);
  const operands = fixed ? [g, spread] : [g, x, mean, spread, dBias, dWeight];
  l.launch(launch, present(...operands, weight, outputs[0]));
}

const FINISHES: readonly Epilogue[] = ['none', 'relu', 'add', 'add+relu'];

export const normLowerings: GpuLowerings<NormAttrs> = {
  batchNorm: {
    lower: lowerTraining,
    finish: finishing(lowerTraining, FINISHES),
    again: finishing((l, x, y, p, finish) => lowerTraining(l, x, y, p, finish, false), FINISHES),
  },
  batchNormEval: {
    lower: lowerEval,
    finish: finishing(lowerEval, FINISHES),
    affine: (p) => ({ inputs: Number(p.weight) + Number(p.bias) + 2, table: (l, inputs) => lowerAffine(l, inputs, p) }),
  },
  batchNormGrad: { lower: (l, inputs, outputs, p) => lowerGrad(l, inputs, outputs, p, false) },
  batchNormEvalGrad: { lower: (l, inputs, outputs, p) => lowerGrad(l, inputs, outputs, p, true) },
};
