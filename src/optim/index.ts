/** Optimizers and learning-rate schedules. */
export { Adam, AdamW, type AdamOptions, type AdamWOptions } from './adam.ts';
export { LRScheduler, OneCycleLR, StepLR, type OneCycleLROptions, type StepLROptions } from './lr-scheduler.ts';
export { Optimizer, type OptimizerState, type ParamGroup } from './optimizer.ts';
export { SGD, type SGDOptions } from './sgd.ts';
export * as lrScheduler from './lr-scheduler.ts';
