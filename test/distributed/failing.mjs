// Programs in which rank 1 fails: node failing.mjs HOW. All ranks are to end, and to say why.
import { ones } from 'flambeau';
import * as dist from 'flambeau/distributed';

const [how, timeout = '1500'] = process.argv.slice(2);
const sleep = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
if (how === 'absent' && (process.env.OMPI_COMM_WORLD_RANK ?? process.env.PMI_RANK) === '1') sleep();
dist.initProcessGroup({ timeout: Number(timeout) });
dist.allReduce(ones(3));
dist.broadcast(ones(2));
const failures = {
  kill: () => process.kill(process.pid, 'SIGKILL'),
  throw: () => undefined.nothing,
  hang: sleep,
  stop: () => process.kill(process.pid, 'SIGSTOP'),
  exit: () => process.exit(0),
  dtype: () => dist.allReduce(ones(4, { dtype: 'int32' })),
  size: () => dist.allReduce(ones(5)),
  operation: () => dist.broadcast(ones(4)),
  end: () => dist.destroyProcessGroup(),
};
if (dist.getRank() === 1) failures[how]();
const bed = new Int32Array(new SharedArrayBuffer(4));
for (let i = 0; i < 1000; i++) {
  dist.allReduce(ones(4));
  Atomics.wait(bed, 0, 0, 20); // MPI carries some of what does not match out: the watch shall have it before that is long ago
}
dist.destroyProcessGroup();
