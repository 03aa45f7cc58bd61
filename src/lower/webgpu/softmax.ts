/** The lowerings of softmax, its logarithm, and their gradients. */
import type { DimParams } from '../../geometry/attrs.ts';
import { softmaxGradLaunch, softmaxLaunch } from '../../kernels/wgsl/lines.ts';
import type { SoftmaxAttrs, SoftmaxGradAttrs } from '../../tensor/ops/softmax.ts';
import type { Values } from '../table.ts';
import { asContiguous } from './elementwise.ts';
import { gpuDType, type GpuLowering } from './lowering.ts';
import { linesOf } from './reduce.ts';
import type { GpuLowerings } from './table.ts';

const forward = (log: boolean) => ({
  lower: (l: GpuLowering, [x]: Values, [y]: Values, { dim }: DimParams): void => {
    gpuDType('softmax', x!.layout.dtype);
    l.launch(softmaxLaunch(linesOf('softmax', x!.layout, [dim]), log), [asContiguous(l, x!), y!]);
  },
});

const gradient = (log: boolean) => ({
  lower: (l: GpuLowering, inputs: Values, [dx]: Values, { dim }: DimParams): void => {
    gpuDType('softmaxGrad', dx!.layout.dtype);
    const launch = softmaxGradLaunch(linesOf('softmax', dx!.layout, [dim]), log);
    l.launch(launch, [...inputs.map((value) => asContiguous(l, value)), dx!]);
  },
});

export const softmaxLowerings: GpuLowerings<SoftmaxAttrs & SoftmaxGradAttrs> = {
  softmax: forward(false),
  logSoftmax: forward(true),
  softmaxGrad: gradient(false),
  logSoftmaxGrad: gradient(true),
};
