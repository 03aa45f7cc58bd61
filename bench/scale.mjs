/**
 * npm run -s build && node bench/scale.mjs [--row resnet18|w2] [--batch 32] [--mpirun mpirun.openmpi] [--ranks 1,2,4 | 0] [--rounds 4]
 *
 * How long a data-parallel step takes with more processes, by a model whose numbers are measured here, beside what is measured; and what the model
 * says (with --ranks 0 only that) of ResNet-50 on 16, 64 and 256 hosts. The model (docs/processes.md):
 *   compute   a step of one process, times what processes beside it cost (they share memory);
 *   exchange  buckets of b bytes, of which each is ready at a part of the step, one after the other, each in
 *             α + b/β (one host: fitted to all-reduces) or 2(P−1)·latency + 2(P−1)/P·b/bandwidth (a ring of hosts);
 *   a step    on one host compute + exchanges, since both are work for the same processors; between hosts the later of compute and the last exchange.
 */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    row: { type: 'string', default: 'resnet18' },
    batch: { type: 'string', default: '32' },
    mpirun: { type: 'string', default: 'mpirun.openmpi' },
    ranks: { type: 'string', default: '1,2,4' },
    rounds: { type: 'string', default: '4' },
  },
});
const env = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1', OMPI_MCA_rmaps_base_oversubscribe: '1' };
const processors = cpus().length;

function under(ranks, script, ...args) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { stdout, stderr, status } = spawnSync(options.mpirun, ['-n', String(ranks), process.execPath, path, ...args, '--json'], {
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${script} in ${ranks} processes: ${stderr}`);
  return JSON.parse(stdout.slice(stdout.indexOf('{')));
}

/** α and 1/β of milliseconds over bytes: the line through the smallest and the largest. */
function fitted(times) {
  const points = Object.entries(times).map(([bytes, [best]]) => [Number(bytes), best]);
  const [[smallBytes, small], [largeBytes, large]] = [points[0], points.at(-1)];
  const perByte = (large - small) / (largeBytes - smallBytes);
  return { alpha: small - perByte * smallBytes, perByte };
}

/** When buckets are through that are ready at `ready` and take `take`, one after the other. */
const through = (ready, take) => ready.reduce((end, at, i) => Math.max(end, at) + take[i], 0);

function compare(counts) {
  const shared = ['--row', options.row, '--batch', options.batch, '--rounds', options.rounds];
  const one = under(1, 'ranks.mjs', ...shared);
  console.log(
    `${options.row}, batch ${options.batch} a process, ${processors} processors; buckets of ${one.buckets.map(({ bytes }) => (bytes / 1e6).toFixed(2)).join(', ')} MB`,
  );
  console.log(
    `ready at ${one.buckets.map(({ ready }) => `${(100 * ready).toFixed(0)} %`).join(', ')} of a step; a step of one process ${one.alone.toFixed(2)} ms`,
  );
  for (const ranks of counts.filter((count) => count > 1)) {
    const measured = under(ranks, 'ranks.mjs', ...shared);
    const { alpha, perByte } = fitted(under(ranks, 'all-reduce.mjs', '--bytes', '64,100000,2100000,45000000'));
    const exchange = measured.buckets.reduce((sum, { bytes }) => sum + alpha + perByte * bytes, 0);
    const model = measured.beside + exchange;
    console.log(
      `${ranks} processes: α ${(1000 * alpha).toFixed(0)} µs, β ${(1e-6 / perByte).toFixed(1)} GB/s; beside one another ${measured.beside.toFixed(2)} ms + exchange ${exchange.toFixed(2)} ms = ` +
        `${model.toFixed(2)} ms; measured ${measured.together.toFixed(2)} ms (${((100 * model) / measured.together - 100).toFixed(0)} %), speed-up ${measured.speedup.toFixed(2)}`,
    );
  }
}

/** ResNet-50 on hosts: 25.6 million parameters, in buckets of 25 MB of which the first is small, ready as the backward pass goes (the last third of a step is left for none). */
const PARAMETERS = 25_557_032;
const MB = 1 << 20;
function resnet50() {
  const total = 4 * PARAMETERS;
  const sizes = [8.2 * MB]; // the classifier's weight, which fills the first bucket
  for (let left = total - sizes[0]; left > 0; left -= 25 * MB) sizes.push(Math.min(left, 25 * MB));
  const backward = [1 / 3, 1]; // parts of a step without the update
  let done = 0;
  return sizes.map((bytes) => {
    done += bytes;
    // Parameters lie at the end of the network, where the backward pass begins: half of them are ready after its first eighth.
    return { bytes, ready: backward[0] + (backward[1] - backward[0]) * (done / total) ** 3 };
  });
}

const counts = options.ranks.split(',').map(Number);
if (counts[0] > 0) compare(counts);

const LATENCY_MS = 0.02;
console.log(`\nResNet-50, 32 images of 224² a host, ring all-reduce, ${1000 * LATENCY_MS} µs a message, 90 % of the line's rate`);
console.log('| host (ms a step) | line | 16 hosts | 64 hosts | 256 hosts |\n| --- | --- | --- | --- | --- |');
for (const compute of [400, 150, 50]) {
  for (const gigabits of [25, 100]) {
    const cells = [16, 64, 256].map((hosts) => {
      const buckets = resnet50();
      const perByte = 1000 / ((0.9 * gigabits * 1e9) / 8);
      const take = buckets.map(({ bytes }) => 2 * (hosts - 1) * LATENCY_MS + ((2 * (hosts - 1)) / hosts) * bytes * perByte);
      const step = Math.max(
        compute,
        through(
          buckets.map(({ ready }) => ready * compute),
          take,
        ),
      );
      const all = take.reduce((a, b) => a + b);
      return `${step.toFixed(0)} ms, efficiency ${((100 * compute) / step).toFixed(0)} %, exchange ${all.toFixed(0)} ms, hidden ${(100 * (1 - (step - compute) / all)).toFixed(0)} %`;
    });
    console.log(`| ${compute} | ${gigabits} Gbit/s | ${cells.join(' | ')} |`);
  }
}
