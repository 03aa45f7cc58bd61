/** `flambeau/distributed` for Node: MPI where a program was started by it. */
import { enableMpi } from './distributed/mpi/index.ts';

enableMpi();

export * from './distributed/index.ts';
export * as optim from './optim/zero/index.ts';
