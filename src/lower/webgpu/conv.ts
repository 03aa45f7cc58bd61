/** The lowerings of convolution and its gradients. */
import type { Value } from '../../compiler/lowering.ts';
import { geometryOf, type ConvInputGradParams, type ConvWeightGradParams } from '../../geometry/conv-operations.ts';
import type { ConvGeometry, ConvParams } from '../../geometry/conv.ts';
import { convInputGradLaunch, convLaunch, convWeightGradLaunch } from '../../kernels/wgsl/conv.ts';
import { biasGradSpec, channelWalk } from '../../kernels/wgsl/norm.ts';
import type { ConvAttrs } from '../../tensor/ops/conv.ts';
import type { Values } from '../table.ts';
import { asContiguous, lowerFill } from './elementwise.ts';
import { gpuDType, type GpuLowering } from './lowering.ts';
import { addParts } from './matmul.ts';
import { launchReduction } from './reduce.ts';
import type { GpuLowerings } from './table.ts';

const layoutsOf = (values: Values) => values.map(({ layout }) => layout);
const isEmpty = (g: ConvGeometry): boolean => g.batch * g.inPerGroup === 0;

function lowerForward(l: GpuLowering, inputs: Values, [y]: Values, p: ConvParams): void {
  gpuDType('conv2d', y!.layout.dtype);
  const g = geometryOf.conv2d(layoutsOf(inputs), p);
  const operands = inputs.map((value) => asContiguous(l, value));
  l.launch(convLaunch(g, inputs.length > 2, l.small), [...operands, y!]);
}

function lowerInputGrad(l: GpuLowering, inputs: Values, [dx]: Values, p: ConvInputGradParams): void {
  gpuDType('conv2dInputGrad', dx!.layout.dtype);
  const g = geometryOf.inputGrad(layoutsOf(inputs), p);
  l.launch(convInputGradLaunch(g, l.small), [...inputs.map((value) => asContiguous(l, value)), dx!]);
}

function lowerWeightGrad(l: GpuLowering, inputs: Values, outputs: Values, p: ConvWeightGradParams): void {
  gpuDType('conv2dWeightGrad', outputs[0]!.layout.dtype);
  const g = geometryOf.weightGrad(layoutsOf(inputs), p);
  const [grad, x] = inputs.map((value) => asContiguous(l, value)) as [Value, Value];
  const [dw, db] = outputs as [Value, Value?];
  if (isEmpty(g)) lowerFill(l, dw, 0);
  else {
    const { launch, parts } = convWeightGradLaunch(g, l.small);
    const to = parts === 1 ? dw : l.temp('float32', [parts, dw.layout.numel]);
    l.launch(launch, [grad, x, to]);
    if (parts > 1) addParts(l, to, parts, dw);
  }
  if (db === undefined) return;
  const sizes = { batch: g.batch, channels: g.outChannels, size: g.height.output * g.width.output };
  launchReduction(l, biasGradSpec, channelWalk(sizes, [true]), [grad], db);
}

export const convLowerings: GpuLowerings<ConvAttrs> = {
  conv2d: { lower: lowerForward },
  conv2dInputGrad: { lower: lowerInputGrad },
  conv2dWeightGrad: { lower: lowerWeightGrad },
};
