/** Gives `initProcessGroup` MPI, in Node. */
import { deserialize, serialize } from 'node:v8';
import { launchOf } from '../environment.ts';
import { provideMpi } from '../world.ts';
import { MpiGroup } from './mpi-group.ts';

export function enableMpi(): void {
  const make = (timeout: number, wanted: boolean): MpiGroup | undefined => {
    const launch = launchOf(process.env);
    return launch === undefined && !wanted ? undefined : new MpiGroup({ launch, timeout });
  };
  provideMpi(make, { pack: serialize, unpack: deserialize });
}
