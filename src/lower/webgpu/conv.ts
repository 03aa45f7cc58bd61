/**
 * The lowerings of convolution and its gradients.
 *
 * A convolution does not take the maxima of 2×2 windows over, as on the CPU. There, its results are pooled within a cache; here it would save one write and
 * one read of them, which beside the 2·9·channels operations of each result is a few hundredths of the time from 32 channels on. But four neighbours would have
 * to meet in one thread, so its neighbours would read every other pixel, and the tap numbers (bytes) would be written by atomics.
 */
import type { Value } from '../../compiler/lowering.ts';
import {
  forwardGeometry,
  inputGradGeometry,
  weightGradGeometry,
  type ConvInputGradParams,
  type ConvWeightGradParams,
} from '../../geometry/conv-operations.ts';
import type { ConvGeometry, ConvParams } from '../../geometry/conv.ts';
import { convInputGradLaunches, convLaunches, convWeightGradLaunches } from '../../kernels/wgsl/conv.ts';
import { biasGradSpec, channelWalk } from '../../kernels/wgsl/norm.ts';
import type { AllConvAttrs } from '../../tensor/ops/conv.ts';
import type { Values } from '../table.ts';
import { asContiguous, lowerFill } from './elementwise.ts';
import { gpuDType, type GpuLowering } from './lowering.ts';
import { finishing, launchProduct, PLAIN } from './product.ts';
import { launchReduction } from './reduce.ts';
import type { GpuLowerings } from './table.ts';

const layoutsOf = (values: Values) => values.map(({ layout }) => layout);
const isEmpty = (g: ConvGeometry): boolean => g.batch * g.inPerGroup === 0;

function lowerForward(l: GpuLowering, inputs: Values, [y]: Values, p: ConvParams, { kind, operands } = PLAIN): void {
  gpuDType('conv2d', y!.layout.dtype);
  const g = forwardGeometry(layoutsOf(inputs), p);
  const [x, w, ...bias] = inputs.map((value) => asContiguous(l, value)) as [Value, Value, Value?];
  launchProduct(l, convLaunches(g, bias.length > 0, l.small, kind), [x, w], [...(bias as Value[]), ...operands, y!]);
}

function lowerInputGrad(l: GpuLowering, inputs: Values, [dx]: Values, p: ConvInputGradParams, { kind, operands } = PLAIN): void {
  gpuDType('conv2dInputGrad', dx!.layout.dtype);
  const g = inputGradGeometry(layoutsOf(inputs), p);
  const own = inputs.map((value) => asContiguous(l, value));
  launchProduct(l, convInputGradLaunches(g, l.small, kind), own, [...operands, dx!]);
}

function lowerWeightGrad(l: GpuLowering, inputs: Values, outputs: Values, p: ConvWeightGradParams): void {
  gpuDType('conv2dWeightGrad', outputs[0]!.layout.dtype);
  const g = weightGradGeometry(layoutsOf(inputs), p);
  const [grad, x] = inputs.map((value) => asContiguous(l, value)) as [Value, Value];
  const [dw, db] = outputs as [Value, Value?];
  if (isEmpty(g)) lowerFill(l, dw, 0);
  else launchProduct(l, convWeightGradLaunches(g, l.small), [grad, x], [dw]);
  if (db === undefined) return;
  const sizes = { batch: g.batch, channels: g.outChannels, size: g.height.output * g.width.output };
  launchReduction(l, biasGradSpec, channelWalk(sizes, [true]), [grad], db);
}

export const convLowerings: GpuLowerings<AllConvAttrs> = {
  conv2d: {
    lower: lowerForward,
    finish: finishing(lowerForward, ['relu', 'add', 'add+relu', 'affine', 'affine+relu', 'affine+add', 'affine+add+relu']),
  },
  conv2dInputGrad: {
    lower: lowerInputGrad,
    finish: finishing(lowerInputGrad, ['gate', 'add', 'add+gate']),
  },
  conv2dWeightGrad: { lower: lowerWeightGrad },
};
