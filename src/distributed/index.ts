/** `flambeau/distributed`: programs of several processes, with the names of torch.distributed. */
export {
  allGather,
  allGatherIntoTensor,
  allReduce,
  barrier,
  broadcast,
  reduce,
  reduceScatter,
  reduceScatterTensor,
  Work,
  type AsyncOptions,
  type ReduceOptions,
} from './collectives.ts';
export { gather, scatter } from './rooted.ts';
export { allGatherObject, broadcastObjectList } from './objects.ts';
export { type Collective, type Pending, type ProcessGroup, type ReduceOp } from './process-group.ts';
export {
  destroyProcessGroup,
  getBackend,
  getNodeLocalRank,
  getRank,
  getWorldSize,
  initProcessGroup,
  isInitialized,
  isMpiAvailable,
  type ProcessGroupOptions,
} from './world.ts';
