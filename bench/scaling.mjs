/**
 * npm run -s build && node bench/scaling.mjs [--threads 2] [--rounds 9] [--only NAME,…]
 *
 * How much faster several threads are than one: both are timed in turn, half a second each, so that what else runs on the
 * machine touches both alike. Printed is the median of the rounds' ratios, and its quartiles.
 */
import { parseArgs } from 'node:util';
import { setNumThreads } from 'flambeau';
import { ROWS } from './workloads.mjs';

const { values: options } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '9' },
    only: {
      type: 'string',
      default: 'w1-train-128,w2-train-128,w4-conv-fwd,w4-conv-bwd-input,w4-conv-bwd-weight,matmul-1024',
    },
  },
});
const threads = Number(options.threads);
const names = options.only.split(',');

/** Milliseconds of a run: the median of half a second. */
function time(run, count) {
  setNumThreads(count);
  run();
  const times = [];
  const end = performance.now() + 500;
  while (performance.now() < end || times.length < 3) {
    const start = performance.now();
    run();
    times.push(performance.now() - start);
  }
  return quantile(times, 0.5);
}

function quantile(values, q) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round((sorted.length - 1) * q)];
}

console.log(`Node ${process.version}, ${threads} threads against one`);
for (const row of ROWS.filter(({ name }) => names.includes(name))) {
  const run = row.make('eager');
  time(run, 1);
  time(run, threads);
  const ratios = Array.from({ length: Number(options.rounds) }, () => time(run, 1) / time(run, threads));
  const [low, middle, high] = [0.25, 0.5, 0.75].map((q) => quantile(ratios, q).toFixed(2));
  console.log(`${row.name.padEnd(20)} ${middle}×  (${low} to ${high})`);
}
