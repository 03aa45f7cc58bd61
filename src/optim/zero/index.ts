/** `optim` of `flambeau/distributed`: optimizers of several processes (https://pytorch.org/docs/stable/distributed.optim.html). */
export { ZeroRedundancyOptimizer, type OptimizerClass, type ZeroRedundancyOptions } from './zero-redundancy-optimizer.ts';
