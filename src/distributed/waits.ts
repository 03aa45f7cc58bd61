/** How long a program waits for others. */
import type { ProcessGroup } from './process-group.ts';

/** From now on adds up the milliseconds for which the program stands still until a collective is done; the function says how many there are. */
export function timeWaits(group: ProcessGroup): () => number {
  const start = group.start.bind(group);
  let waited = 0;
  group.start = (collective) => {
    const pending = start(collective);
    return {
      get isDone() {
        return pending.isDone;
      },
      wait() {
        const before = performance.now();
        try {
          pending.wait();
        } finally {
          waited += performance.now() - before;
        }
      },
      get promise() {
        return pending.promise;
      },
    };
  };
  return () => waited;
}
