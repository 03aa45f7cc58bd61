/** `nn.parallel`: a module in several processes. */
export { DistributedDataParallel, type DistributedDataParallelOptions, type JoinOptions } from './distributed-data-parallel.ts';
