/** PyTorch's `torch.autograd`. */
import * as functional from './functional-gradients.ts';
import { savedTensorsHooks } from './saved.ts';

/** PyTorch's `torch.autograd.graph`. */
export const graph = { savedTensorsHooks } as const;
export { functional };
export { detectAnomaly, isAnomalyCheckNanEnabled, isAnomalyEnabled, setDetectAnomaly, type DetectAnomalyOptions } from './anomaly.ts';
export { CustomFunction as Function, onceDifferentiable, type FunctionCtx } from './custom-function.ts';
export { backwardAll as backward, grad, type BackwardAllOptions, type GradOptions } from './differentiate.ts';
export { enableGrad, inferenceMode, isGradEnabled, noGrad, setGradEnabled } from './grad-mode.ts';
export { gradcheck, gradgradcheck, type GradcheckOptions } from './gradcheck.ts';
export type { GradNode, Hook, NodeHook, NodePreHook, RemovableHandle } from './autograd.ts';
export { Variable, type VariableMaker } from './variable.ts';
