/** Optimizers and learning-rate schedules. */
export { Adadelta, Adagrad, RMSprop, type AdadeltaOptions, type AdagradOptions, type RMSpropOptions } from './adagrad.ts';
export { Adafactor, type AdafactorOptions } from './adafactor.ts';
export { Adam, AdamW, type AdamOptions, type AdamWOptions } from './adam.ts';
export type { HookHandle, HookOptions } from './hooks.ts';
export { LBFGS, type LBFGSOptions } from './lbfgs.ts';
export { LRScheduler, OneCycleLR, StepLR, type OneCycleLROptions, type StepLROptions } from './lr-scheduler.ts';
export { Muon, type MuonOptions } from './muon.ts';
export { Adamax, NAdam, RAdam, type AdamaxOptions, type NAdamOptions, type RAdamOptions } from './nadam.ts';
export { Optimizer, type OptimizerState, type ParamGroup, type Params, type ParamState } from './optimizer.ts';
export { ASGD, Rprop, type ASGDOptions, type RpropOptions } from './rprop.ts';
export { SGD, type SGDOptions } from './sgd.ts';
export { SparseAdam } from './sparse-adam.ts';
export * as lrScheduler from './lr-scheduler.ts';
export * as swaUtils from './swa-utils.ts';
