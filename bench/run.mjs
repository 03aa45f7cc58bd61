/**
 * npm run -s bench -- [--only NAME,…] [--mode eager|compiled] [--device wasm|native] [--threads N] [--peers] [--json] [--seconds S] [--rounds N]
 *
 * Times every workload, with --peers in turn with PyTorch in the same run, and prints a table or one JSON object a line.
 * `ms` is the median of all runs after warm-up; `spread` the distance between the quartiles; a ratio is the peer's
 * median over ours, round by round, of which the median is shown.
 */
import { parseArgs } from 'node:util';
import { startPyTorch } from './peers/peers.mjs';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    mode: { type: 'string', default: 'eager' },
    device: { type: 'string', default: 'wasm' },
    threads: { type: 'string', default: '1' },
    peers: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '0.5' },
    rounds: { type: 'string', default: '5' },
  },
});
if (!['eager', 'compiled'].includes(options.mode)) fail(`--mode takes eager or compiled, not ${options.mode}`);
if (!['wasm', 'native'].includes(options.device)) fail(`--device takes wasm or native, not ${options.device}`);
process.env.FLAMBEAU_NATIVE = options.device === 'native' ? '1' : '0';
const { setNumThreads } = await import('flambeau');
const { nativeReady } = await import('flambeau/node');
const { ROWS } = await import('./workloads.mjs');
const only = options.only?.split(',');
const unknown = only?.find((name) => !ROWS.some((row) => row.name === name));
if (unknown !== undefined) fail(`no row ${unknown}; rows: ${ROWS.map((row) => row.name).join(', ')}`);

const threads = Number(options.threads);
const seconds = Number(options.seconds);
const rounds = Number(options.rounds);
setNumThreads(threads);
const peer = options.peers ? await startPyTorch(threads) : undefined;
if (options.peers && peer === undefined)
  console.error('bench: no PyTorch for /usr/bin/python3 here; only our own times follow');
if (!options.json) {
  console.log(`Node ${process.version}, ${threads} thread(s)${peer === undefined ? '' : `, PyTorch ${peer.version}`}`);
  console.log(
    [
      'row'.padEnd(20),
      'ms'.padStart(10),
      'spread'.padStart(8),
      'GFLOP/s'.padStart(9),
      'PyTorch/ours'.padStart(13),
    ].join(' '),
  );
}
for (const row of ROWS) if (only === undefined || only.includes(row.name)) report(row, await measure(row));
peer?.stop();

async function measure(row) {
  const run = row.make(options.mode);
  if (options.device === 'native') await becomeNative(run);
  warmUp(run);
  const times = [];
  const ratios = [];
  for (let round = 0; round < rounds; round++) {
    const ours = await time(run);
    times.push(...ours);
    if (peer !== undefined) ratios.push(median(await peer.time(row.name, seconds)) / median(ours));
  }
  const sorted = times.sort((a, b) => a - b);
  const spread = quantile(sorted, 0.75) - quantile(sorted, 0.25);
  return { ms: quantile(sorted, 0.5), spread, ratio: ratios.length > 0 ? median(ratios) : undefined };
}

/** Runs until every operation has asked for its native kernels, and waits for them. */
async function becomeNative(run) {
  for (let i = 0; i < 5; i++) run();
  if (!(await nativeReady())) fail('native kernels are not available here');
}

/** Until the engine has optimised the code: at least 40 runs or a second and a half. */
function warmUp(run) {
  const end = performance.now() + 1500;
  for (let i = 0; (i < 40 || performance.now() < end - 1000) && performance.now() < end; i++) run();
}

/** Yields between runs now and then, as a real loop would. */
async function time(run) {
  const times = [];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end || times.length < 2) {
    const start = performance.now();
    run();
    times.push(performance.now() - start);
    if (times.length % 16 === 0) await new Promise(setImmediate);
  }
  return times;
}

function report(row, { ms, spread, ratio }) {
  const gflops = row.flops === 0 ? null : row.flops / ms / 1e6;
  if (options.json) {
    const round = (value) => Number(value.toPrecision(4));
    const entry = {
      name: row.name,
      mode: options.mode,
      device: options.device,
      threads,
      ms: round(ms),
      spread: round(spread),
    };
    console.log(
      JSON.stringify({
        ...entry,
        gflops: gflops === null ? null : round(gflops),
        ratio: ratio === undefined ? {} : { pytorch: round(ratio) },
      }),
    );
    return;
  }
  const cells = [
    row.name.padEnd(20),
    ms.toFixed(3).padStart(10),
    spread.toFixed(3).padStart(8),
    (gflops?.toFixed(1) ?? '').padStart(9),
  ];
  console.log([...cells, (ratio?.toFixed(2) ?? '').padStart(13)].join(' '));
  if (row.name === 'w5') console.log(`${''.padEnd(20)} ${Math.round(1000 / ms)} steps/s`);
}

function median(values) {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

function quantile(sorted, q) {
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  return sorted[low] + (sorted[Math.ceil(at)] - sorted[low]) * (at - low);
}

function fail(message) {
  console.error(`bench: ${message}`);
  process.exit(2);
}
