/**
 * Learning-rate schedules (https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate). Call `step()` after
 * the optimizer's: once an epoch, or once a batch for OneCycleLR and CyclicLR.
 */
export { CyclicLR, type CyclicLROptions } from './cyclic.ts';
export { OneCycleLR, type OneCycleLROptions } from './one-cycle.ts';
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from './reduce-on-plateau.ts';
export { LRScheduler, type SchedulerState } from './scheduler.ts';
export {
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  type CosineAnnealingLROptions,
  type WarmRestartsOptions,
} from './schedules-cosine.ts';
export { ChainedScheduler, SequentialLR, type SequentialLROptions } from './schedules-joined.ts';
export {
  ConstantLR,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  MultiplicativeLR,
  MultiStepLR,
  PolynomialLR,
  StepLR,
  type ConstantLROptions,
  type ExponentialLROptions,
  type LambdaOptions,
  type LinearLROptions,
  type MultiStepLROptions,
  type PolynomialLROptions,
  type StepLROptions,
} from './schedules.ts';
