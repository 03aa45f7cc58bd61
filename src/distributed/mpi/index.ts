/** Gives `initProcessGroup` MPI, in Node. */
import { launchOf } from '../environment.ts';
import { provideMpi } from '../world.ts';
import { MpiGroup } from './mpi-group.ts';

export function enableMpi(): void {
  provideMpi((timeout, wanted) => {
    const launch = launchOf(process.env);
    return launch === undefined && !wanted ? undefined : new MpiGroup({ launch, timeout });
  });
}
