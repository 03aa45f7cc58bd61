/** Where the program of a thread lies: beside this module in the built package, from the sources in `dist`. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DistributedError } from '../base/errors.ts';

export function threadUrl(path: 'mpi/thread' | 'watch/thread'): URL {
  const own = import.meta.url;
  const base = own.endsWith('.ts') ? own.replace(/\/src\/distributed\/[^/]*$/, '/dist/distributed/here.js') : own;
  const url = new URL(`${path}.js`, base);
  if (existsSync(fileURLToPath(url))) return url;
  throw new DistributedError(
    'initProcessGroup: the library has to lie in files of its own (let bundlers leave flambeau out), or, from its sources, to be built',
  );
}
