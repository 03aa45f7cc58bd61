/** The lowerings of the CPU: of the operations that every program has; families (`tensor/families`) add theirs. */
import { invariant } from '../../base/errors.ts';
import { CpuLowering } from './lowering.ts';
import type { CoreOp, LoweredAttrs } from '../../tensor/ops/index.ts';
import type { DeviceLowerings, OpLowerings } from '../table.ts';
import { elementwiseLanes } from '../../kernels/cpu/elementwise/lanes.ts';
import { copyLowerings } from './copy.ts';
import { launchElementwiseMany } from './elementwise-launch.ts';
import { lowerElementwise } from './elementwise.ts';
import { matmulLowerings } from './matmul.ts';
import { reduceLowerings } from './reduce/index.ts';
import { softmaxLowerings } from './softmax.ts';

/** It refuses none. */
const core: OpLowerings<Pick<LoweredAttrs, CoreOp>, CpuLowering> = {
  ...copyLowerings,
  ...reduceLowerings,
  ...matmulLowerings,
  ...softmaxLowerings,
};

const operations = core as OpLowerings<LoweredAttrs, CpuLowering>;

/** Adds a family's lowerings. */
export const addCpuLowerings = (lowerings: Partial<OpLowerings<LoweredAttrs, CpuLowering>>): void => {
  Object.assign(operations, lowerings);
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
