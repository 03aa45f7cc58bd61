/** Operations that make each channel of a result of the same channel of their operands, and how a normalisation is made again where others of its channels are. */
import type { Layout } from '../../base/layout.ts';
import { isActivation, showSteps, type FinishStep, type Lower } from '../../compiler/graph.ts';
import { normAgainKernel } from '../../kernels/cpu/norm/again.ts';
import type { NormFinish } from '../../kernels/cpu/norm/planes.ts';
import type { OpLowering, Values } from '../table.ts';
import { convLowerings, convWeightGradLowerings } from './conv/index.ts';
import type { CpuLowering } from './lowering.ts';
import { ELEMENT_NS, normLowerings, PLANE_NS, planesTarget, sizesOf, stepsOf, streamed } from './norm.ts';

/** Of images; channels of vectors are done some at once. */
function normalised([x]: readonly Layout[]): number {
  const { channels, size } = sizesOf(x!);
  return size > 1 && x!.numel > 0 ? channels : 0;
}

/** Of [N, C, …] where each is convolved by itself with its part of weights [C, 1, …]. */
const convolved = (x: Layout, w: Layout): number => (w.shape[1] === 1 && w.shape[0] === x.shape[1] && x.numel > 0 ? w.shape[0]! : 0);

/** [x, mean, coefficients] → y as it was */
function lowerAgain(l: CpuLowering, [x, mean, coefficients]: Values, [y]: Values, finish: NormFinish): void {
  const sizes = sizesOf(x!.layout);
  const { batch, channels, size } = sizes;
  const [target, t] = planesTarget(l, x!, size);
  l.launch(
    normAgainKernel(target, t, finish),
    {
      x: x!,
      ...stepsOf('x', x!),
      y: y!,
      ...stepsOf('y', y!),
      mean: mean!,
      coefficients: coefficients!,
      batch,
      channels,
      size,
      streams: streamed(l, y!),
    },
    { size: channels, unitCost: batch * (size * ELEMENT_NS + PLANE_NS), channels },
  );
}

/** Of a normalisation with an activation behind it or none. */
function remade(steps: readonly FinishStep<CpuLowering>[]): Lower<CpuLowering> | undefined {
  const finish = showSteps(steps) as NormFinish;
  if (steps.length > 1 || (steps.length === 1 && steps[0] !== 'relu' && !isActivation(steps[0]))) return undefined;
  return (l, inputs, outputs) => lowerAgain(l, inputs, outputs, finish);
}

/** Adds to the tables what native code with wide vectors makes use of. */
export function enableByChannels(): void {
  const add = <A>(entry: OpLowering<A, CpuLowering>, more: Pick<OpLowering<A, CpuLowering>, 'byChannels' | 'remade'>): void =>
    void Object.assign(entry, more);
  add(normLowerings.batchNorm, { byChannels: normalised, remade });
  add(normLowerings.batchNormGrad, { byChannels: normalised });
  add(convLowerings.conv2d, { byChannels: ([x, w]) => convolved(x!, w!) });
  add(convLowerings.conv2dInputGrad, { byChannels: ([, w], [dx]) => convolved(dx!, w!) });
  add(convWeightGradLowerings.conv2dWeightGrad, { byChannels: ([, x], [dw]) => convolved(x!, dw!) });
}
