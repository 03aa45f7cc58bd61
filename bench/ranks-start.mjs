/** What benchmarks of several processes begin with: their options, a process of one thread in a group, a network and a batch, clocks. */
import { parseArgs } from 'node:util';

const text = (value) => ({ type: 'string', default: value });

/** @param defaults of options that are the benchmark's own, among them `row` and `batch` */
export async function begin(defaults) {
  const { values: options } = parseArgs({
    options: {
      ...Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, text(value)])),
      device: text('native'),
      mode: text('compiled'),
      clock: text('wall'),
      json: { type: 'boolean', default: false },
    },
  });
  process.env.FLAMBEAU_NATIVE = options.device === 'native' ? '1' : '0'; // read when the library is loaded
  const { manualSeed, randint, randn, setNumThreads } = await import('flambeau');
  const dist = await import('flambeau/distributed');
  const { w1, w2, w3 } = await import('./workloads.mjs');
  setNumThreads(1);
  dist.initProcessGroup({ timeout: 300_000 });
  manualSeed(0);
  const net = { w1, w2, resnet18: w3 }[options.row]();
  const batch = Number(options.batch);
  const [x, y] = [randn(batch, 3, 32, 32), randint(0, 10, [batch])];
  return { options, dist, net, batch, x, y, now: clockOf(options.clock) };
}

/** Milliseconds of the wall's clock, or of the process's processors. */
function clockOf(clock) {
  if (clock === 'wall') return () => performance.now();
  return () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
}

/** The edge of the quickest eighth. */
export const quick = (times) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 8)];
