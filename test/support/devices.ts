/** Everything that computes, so that one test body covers all: threads on the CPU; a further device is a further line. */
import { getNumThreads, setNumThreads } from 'flambeau';
import { afterAll, beforeAll, describe } from 'vitest';

/** The test project `native` runs everything on native kernels: vitest.config.ts. */
const cpu = process.env['FLAMBEAU_NATIVE'] === 'wait' ? 'native' : 'cpu';
const DEVICES = [
  { name: `${cpu}, 1 thread`, threads: 1 },
  { name: `${cpu}, 2 threads`, threads: 2 },
];

/** Declares the tests of `body` once for each device. */
export function onEachDevice(body: () => void): void {
  describe.each(DEVICES)('$name', ({ threads }) => {
    let before = 0;
    beforeAll(() => {
      before = getNumThreads();
      setNumThreads(threads);
    });
    afterAll(() => setNumThreads(before));
    body();
  });
}
