/** Data sets, samplers and the loader: what is in `torch.utils.data`. */
import '../tensor/tensor.ts'; // registers the class

export { defaultCollate, type Collated } from './collate.ts';
export { ConcatDataset, Dataset, randomSplit, Subset, type DatasetDescription, type MaybePromise, type SampleOf } from './dataset.ts';
export { ChainDataset, IterableDataset, StackDataset, type Stacked } from './iterable.ts';
export { DistributedSampler, type DistributedSamplerOptions } from './distributed-sampler.ts';
export { DataLoader, type DataLoaderOptions } from './loader.ts';
export {
  BatchSampler,
  RandomSampler,
  Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
  type RandomSamplerOptions,
  type Sized,
} from './sampler.ts';
export type { LoaderWorker } from './page-threads.ts';
export { serveDataset } from './serve.ts';
export type { PlainTensor } from './raw.ts';
export { TensorDataset } from './tensor-dataset.ts';
