/**
 * npm run -s build && node bench/neighbour.mjs [--only w2-train-128] [--device native|wasm] [--rounds 9] [--neighbours 1] [--json]
 *
 * How much a compiled step slows down while other processes keep processors busy. Half a second alone and half a second
 * with neighbours take turns, on as many threads as there are processors and on one. Where T threads and N neighbours share
 * C processors fairly, each has C/(T+N) of one, so the step may take (T+N)/C of its time alone; that is the bound printed
 * beside. Means, since what the machine takes away comes in slices longer than a step. Only a quiet machine tells the truth.
 */
import { spawn } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'w2-train-20,w2-train-128' },
    device: { type: 'string', default: 'native' },
    rounds: { type: 'string', default: '9' },
    neighbours: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
process.env.FLAMBEAU_NATIVE = options.device === 'native' ? '1' : '0';
const { setNumThreads } = await import('flambeau');
const { nativeReady } = await import('flambeau/node');
const { ROWS } = await import('./workloads.mjs');
const processors = availableParallelism();
const busy = Number(options.neighbours);

/** Mean milliseconds of a run, over half a second. */
function time(run) {
  const start = performance.now();
  for (let runs = 1; ; runs++) {
    run();
    const passed = performance.now() - start;
    if (passed > 500) return passed / runs;
  }
}

/** Runs `fn` while so many processes do nothing but count. */
async function beside(fn) {
  const code = 'process.stdout.write("x"); for (;;);';
  const children = Array.from({ length: busy }, () => spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'ignore'] }));
  try {
    await Promise.all(children.map((child) => new Promise((resolve) => child.stdout.once('data', resolve))));
    return fn();
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

const before = loadavg()[0];
if (!options.json)
  console.log(
    `Node ${process.version}, ${options.device}, ${processors} processors, ${busy} neighbour(s), load before ${before.toFixed(1)}`,
  );
for (const row of ROWS.filter(({ name }) => options.only.split(',').includes(name))) {
  for (const threads of new Set([processors, 1])) {
    setNumThreads(threads);
    const run = row.make('compiled');
    for (let i = 0; i < 5; i++) run();
    if (options.device === 'native' && !(await nativeReady())) throw new Error('no native kernels here');
    time(run);
    const rounds = [];
    for (let i = 0; i < Number(options.rounds); i++) rounds.push({ alone: time(run), beside: await beside(() => time(run)) });
    const slowdown = median(rounds.map((round) => round.beside / round.alone));
    const bound = Math.max(1, (threads + busy) / processors);
    const alone = median(rounds.map((round) => round.alone));
    if (options.json) {
      console.log(
        JSON.stringify({ name: `neighbour ${row.name}`, device: options.device, threads, ms: alone, slowdown, bound, load: before }),
      );
    } else {
      console.log(
        `${row.name.padEnd(14)} ${threads} thread(s): ${alone.toFixed(2)} ms alone, ${slowdown.toFixed(2)} times that beside; fair share ${bound.toFixed(2)}`,
      );
    }
  }
}
