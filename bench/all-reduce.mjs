/**
 * npm run -s build && mpirun -n 2 node bench/all-reduce.mjs [--bytes 45000000,2100000,1000,64] [--rounds 15] [--json]
 *
 * Milliseconds of an all-reduce of float32 between these processes: the quickest, and the median. FLAMBEAU_MPI_MEMORY=0 has MPI carry it out, which ranks of
 * one machine otherwise do themselves through memory that all of them see. bench/peers/all_reduce.py measures the same with PyTorch's gloo.
 */
import { parseArgs } from 'node:util';
import { ones, setNumThreads } from 'flambeau';
import * as dist from 'flambeau/distributed';

const { values: options } = parseArgs({
  options: {
    bytes: { type: 'string', default: '45000000,2100000,100000,64' },
    rounds: { type: 'string', default: '15' },
    json: { type: 'boolean', default: false },
  },
});
setNumThreads(1);
dist.initProcessGroup({ timeout: 120_000 });
const found = {};
for (const bytes of options.bytes.split(',').map(Number)) {
  const x = ones(Math.ceil(bytes / 4));
  const rounds = Number(options.rounds) * (bytes > 1e6 ? 1 : 10);
  const times = [];
  for (let i = 0; i < rounds + 3; i++) {
    x.fill_(1 / dist.getWorldSize());
    dist.barrier();
    const start = performance.now();
    dist.allReduce(x);
    if (i >= 3) times.push(performance.now() - start);
  }
  if (Math.abs(x.at(-1).item() - 1) > 1e-6) throw new Error(`a sum of ${x.at(-1).item()}`);
  times.sort((a, b) => a - b);
  found[bytes] = [times[0], times[times.length >> 1]];
}
if (dist.getRank() === 0) {
  const show = ([bytes, [best, median]]) => `${bytes} bytes ${best.toFixed(3)} (median ${median.toFixed(3)}) ms`;
  console.log(options.json ? JSON.stringify(found) : Object.entries(found).map(show).join('; '));
}
dist.destroyProcessGroup();
