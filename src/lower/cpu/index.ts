/** The lowerings of the CPU. */
import type { LoweredAttrs } from '../../tensor/ops/index.ts';
import type { DeviceLowerings, OpLowerings } from '../table.ts';
import { convLowerings } from './conv/index.ts';
import { elementwiseLanes } from '../../kernels/cpu/elementwise/lanes.ts';
import { copyLowerings } from './copy.ts';
import { launchElementwiseMany } from './elementwise-launch.ts';
import { lowerElementwise } from './elementwise.ts';
import { indexingLowerings } from './indexing.ts';
import { lossLowerings } from './loss.ts';
import { matmulLowerings } from './matmul.ts';
import { normLowerings } from './norm.ts';
import { poolLowerings } from './pool.ts';
import { reduceLowerings } from './reduce/index.ts';
import { resampleLowerings } from './resample.ts';
import { softmaxLowerings } from './softmax.ts';

/** It refuses none. */
const operations: OpLowerings<LoweredAttrs> = {
  ...copyLowerings,
  ...reduceLowerings,
  ...matmulLowerings,
  ...convLowerings,
  ...poolLowerings,
  ...resampleLowerings,
  ...normLowerings,
  ...softmaxLowerings,
  ...lossLowerings,
  ...indexingLowerings,
};

export const CPU_LOWERINGS: DeviceLowerings = {
  operations,
  elementwise: {
    one: lowerElementwise,
    many: launchElementwiseMany,
    kind: elementwiseLanes,
    operands: 12, // their addresses stay in registers
  },
};
