// Says who it is and with what it was started, and ends with its first argument as code.
import * as dist from 'flambeau/distributed';

dist.initProcessGroup({ timeout: 60_000 });
console.log(`rank ${dist.getRank()} of ${dist.getWorldSize()}: ${process.argv.slice(2).join(' ')}`);
dist.destroyProcessGroup();
process.exitCode = Number(process.argv[2]);
