/** The lowerings of the CPU. */
import { invariant } from '../../base/errors.ts';
import { CpuLowering } from './lowering.ts';
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
const operations: OpLowerings<LoweredAttrs, CpuLowering> = {
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

/** Runners of the CPU say what kernels may assume. */
const begin: DeviceLowerings<CpuLowering>['begin'] = ({ threads }, { target }, steady) => {
  invariant(target !== undefined, 'a runner of the CPU has a target once it is asked for anything');
  return new CpuLowering(target, threads, steady);
};

export const CPU_LOWERINGS: DeviceLowerings<CpuLowering> = {
  begin,
  operations,
  elementwise: {
    one: lowerElementwise,
    many: launchElementwiseMany,
    kind: elementwiseLanes,
    operands: 12, // their addresses stay in registers
  },
};
