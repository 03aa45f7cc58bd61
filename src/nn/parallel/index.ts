/** `nn.parallel`: a module in several processes. */
export { DistributedDataParallel, type DistributedDataParallelOptions } from './distributed-data-parallel.ts';
