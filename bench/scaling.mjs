/**
 * npm run -s build && node bench/scaling.mjs [--mode eager|compiled] [--device wasm|native] [--threads 2] [--rounds 9] [--only NAME,…]
 *
 * How much faster several threads are than one: both are timed in turn, half a second each, so that what else runs on the
 * machine touches both alike. Printed is the median of the rounds' ratios, its quartiles, and the least
 * milliseconds of both. The first row, a long chain of arithmetic on few bytes, is what two threads can give on this machine at
 * this moment: processors that are halves of one core, or lent by the hour, do not double.
 */
import { parseArgs } from 'node:util';
const { values: options } = parseArgs({
  options: {
    mode: { type: 'string', default: 'compiled' },
    device: { type: 'string', default: 'native' },
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
process.env.FLAMBEAU_NATIVE = options.device === 'native' ? '1' : '0';
const { compile, noGrad, rand, setNumThreads } = await import('flambeau');
const { nativeReady } = await import('flambeau/node');
const { ROWS } = await import('./workloads.mjs');

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

/** Runs until native kernels are there, where they are wanted. */
async function ready(run) {
  for (let i = 0; i < 5; i++) run();
  if (options.device === 'native' && !(await nativeReady())) throw new Error('native kernels are not available here');
}

console.log(`Node ${process.version}, ${options.mode}, ${options.device}, ${threads} threads against one`);
const arithmetic = {
  name: 'arithmetic alone',
  make(mode) {
    const x = rand(1 << 18);
    const chain = () => noGrad(() => Array.from({ length: 48 }).reduce((y) => y.mul(0.75).add(0.125), x));
    return mode === 'compiled' ? compile(chain) : chain;
  },
};
for (const row of [arithmetic, ...ROWS.filter(({ name }) => names.includes(name))]) {
  const run = row.make(options.mode);
  await ready(run);
  for (let i = 0; i < 4; i++) time(run, i % 2 === 0 ? 1 : threads);
  const rounds = Array.from({ length: Number(options.rounds) }, () => [time(run, 1), time(run, threads)]);
  const of = (read) => [0.25, 0.5, 0.75].map((q) => quantile(rounds.map(read), q).toFixed(2));
  const [low, middle, high] = of(([one, more]) => one / more);
  const best = [0, 1].map((i) => Math.min(...rounds.map((pair) => pair[i])).toFixed(2));
  console.log(`${row.name.padEnd(20)} ${middle}×  (${low} to ${high}); at best ${best[0]} and ${best[1]} ms`);
}
