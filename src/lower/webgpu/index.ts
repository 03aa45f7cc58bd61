/** The lowerings of WebGPU. Of float64 there is none: what meets it says so. */
import type { LoweredAttrs } from '../../tensor/ops/index.ts';
import { blendLowerings } from './blend.ts';
import { convLowerings } from './conv.ts';
import { copyLowerings, lowerElementwise, lowerElementwiseMany } from './elementwise.ts';
import { findingLowerings } from './finding.ts';
import { hostCallLowerings } from './host-call.ts';
import { indexingLowerings } from './indexing.ts';
import { lossLowerings } from './loss.ts';
import { matmulLowerings } from './matmul.ts';
import { lineNormLowerings } from './norm-lines.ts';
import { normLowerings } from './norm.ts';
import { poolLowerings } from './pool.ts';
import { reduceLowerings } from './reduce.ts';
import { resampleLowerings } from './resample.ts';
import { scanLowerings } from './scans.ts';
import { softmaxLowerings } from './softmax.ts';
import type { WebGpuDevice } from '../../devices/webgpu/webgpu.ts';
import type { DeviceLowerings } from '../table.ts';
import { GpuLowering } from './lowering.ts';
import type { GpuLowerings } from './table.ts';

const operations: GpuLowerings<LoweredAttrs> = {
  ...copyLowerings,
  ...reduceLowerings,
  ...matmulLowerings,
  ...convLowerings,
  ...poolLowerings,
  ...resampleLowerings,
  ...blendLowerings,
  ...normLowerings,
  ...lineNormLowerings,
  ...softmaxLowerings,
  ...lossLowerings,
  ...indexingLowerings,
  ...scanLowerings,
  ...findingLowerings,
  ...hostCallLowerings,
};

/** Inputs and outputs of a joined formula: their places are parameters of the launch, which are few. */
const MAX_OPERANDS = 12;

export const WEBGPU_LOWERINGS: DeviceLowerings<GpuLowering> = {
  begin: (device, _, steady) => new GpuLowering((device as WebGpuDevice).software, steady),
  operations,
  elementwise: { one: lowerElementwise, many: lowerElementwiseMany, kind: () => 'formula', operands: MAX_OPERANDS },
};
