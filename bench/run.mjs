/**
 * npm run -s bench -- [--only NAME,…] [--mode eager|compiled] [--device wasm|native] [--threads N] [--peers] [--peer NAME,…] [--json]
 *   [--seconds S] [--rounds N] [--clock wall|processor]
 *
 * Times every workload, with --peers in turn with the peers that are installed (`npm run bench:peers`), and prints a table or one JSON object a line.
 * `ms` is the median of all runs after warm-up; `spread` the distance between the quartiles; a ratio is the peer's median over ours, round by round,
 * of which the median and the quartiles are shown. A peer that has several settings (PyTorch: eager, channels last, compiled) goes on with
 * the quickest one or two of them (peers/serve.py), and the best of all rounds is what we are compared with; its name stands beside.
 * Rounds are --seconds long for each side, or one run, whatever is longer. On a busy machine, --clock processor counts each side's processor
 * time, which other programs disturb less. The first run of a PyTorch row tries all settings and may compile for minutes.
 */
import { parseArgs } from 'node:util';
import { peersBeside, startPeers } from './peers/peers.mjs';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    mode: { type: 'string', default: 'eager' },
    device: { type: 'string', default: 'wasm' },
    threads: { type: 'string', default: '1' },
    peers: { type: 'boolean', default: false },
    peer: { type: 'string' },
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '0.5' },
    rounds: { type: 'string', default: '5' },
    clock: { type: 'string', default: 'wall' },
  },
});
if (!['eager', 'compiled'].includes(options.mode)) fail(`--mode takes eager or compiled, not ${options.mode}`);
if (!['wasm', 'native'].includes(options.device)) fail(`--device takes wasm or native, not ${options.device}`);
if (!['wall', 'processor'].includes(options.clock)) fail(`--clock takes wall or processor, not ${options.clock}`);
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
const wanted = options.peer?.split(',') ?? (options.peers ? peersBeside(options.device) : []);
const peers = await startPeers(wanted, { threads, clock: options.clock }).catch((error) => fail(error.message));
for (const name of wanted)
  if (!peers.some((peer) => peer.name === name))
    console.error(`bench: ${name} cannot be had here (npm run bench:peers; FLAMBEAU_BENCH_VERBOSE=1 says more)`);
if (!options.json) {
  console.log(
    [
      `Node ${process.version}, ${options.mode}, ${options.device}, ${threads} thread(s)`,
      ...peers.map(({ name, version }) => `${name} ${version}`),
    ].join(', '),
  );
  console.log(
    [
      'row'.padEnd(20),
      'ms'.padStart(10),
      'spread'.padStart(8),
      'GFLOP/s'.padStart(9),
      ...peers.map(({ name }) => `${name}/ours`.padEnd(40)),
    ].join(' '),
  );
}
for (const row of ROWS) if (only === undefined || only.includes(row.name)) report(row, await measure(row));
for (const peer of peers) peer.stop();

async function measure(row) {
  const run = row.make(options.mode);
  if (options.device === 'native') await becomeNative(run);
  warmUp(run);
  const rows = [];
  for (let round = 0; round < rounds; round++) {
    const ours = await time(run);
    const theirs = {};
    for (const peer of peers) theirs[peer.name] = await peer.time(row.name, seconds);
    rows.push({ ours, theirs });
  }
  const sorted = rows.flatMap(({ ours }) => ours).sort((a, b) => a - b);
  const spread = quantile(sorted, 0.75) - quantile(sorted, 0.25);
  return { ms: quantile(sorted, 0.5), spread, against: Object.fromEntries(peers.map(({ name }) => [name, against(name, rows)])) };
}

/** How we stand against a peer's best setting: the median of the rounds' ratios, their quartiles, the setting and its milliseconds. */
function against(name, rows) {
  const settings = Object.keys(rows[0].theirs[name]);
  const msOf = (setting) => median(rows.flatMap(({ theirs }) => theirs[name][setting]));
  const best = settings.toSorted((a, b) => msOf(a) - msOf(b))[0];
  if (best === undefined) return undefined;
  const ratios = rows.map(({ ours, theirs }) => median(theirs[name][best]) / median(ours)).sort((a, b) => a - b);
  return { ratio: quantile(ratios, 0.5), quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)], setting: best, ms: msOf(best) };
}

/** Runs until every operation has asked for its native kernels, and waits for them. */
async function becomeNative(run) {
  const end = performance.now() + 5000;
  for (let i = 0; i < 5 && (i < 2 || performance.now() < end); i++) run();
  if (!(await nativeReady())) fail('native kernels are not available here');
}

/** Until the engine has optimised the code: at least 40 runs or a second and a half. */
function warmUp(run) {
  const end = performance.now() + 1500;
  for (let i = 0; (i < 40 || performance.now() < end - 1000) && performance.now() < end; i++) run();
}

/** Milliseconds of the chosen clock. */
function now() {
  if (options.clock === 'wall') return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Two runs at least, or one that takes longer than a round. Yields between runs now and then, as a real loop would. */
async function time(run) {
  const times = [];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end || times.length < (times[0] > seconds * 1000 ? 1 : 2)) {
    const start = now();
    run();
    times.push(now() - start);
    if (times.length % 16 === 0) await new Promise(setImmediate);
  }
  return times;
}

function report(row, { ms, spread, against }) {
  const gflops = row.flops === 0 ? null : row.flops / ms / 1e6;
  const known = Object.entries(against).filter(([, found]) => found !== undefined);
  if (options.json) {
    const round = (value) => Number(value.toPrecision(4));
    const { mode, device } = options;
    const speed = gflops === null ? null : round(gflops);
    const each = (read) => Object.fromEntries(known.map(([name, found]) => [name, read(found)]));
    const ratio = each((found) => round(found.ratio));
    const quartiles = each((found) => found.quartiles.map(round));
    const peers = each((found) => ({ setting: found.setting, ms: round(found.ms) }));
    console.log(JSON.stringify({ name: row.name, mode, device, threads, ms: round(ms), spread: round(spread), gflops: speed, ratio, quartiles, peers })); // prettier-ignore
    return;
  }
  const shown = ({ ratio, quartiles: [low, high], setting }) => `${ratio.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)}) ${setting}`;
  const cells = [
    row.name.padEnd(20),
    ms.toFixed(3).padStart(10),
    spread.toFixed(3).padStart(8),
    (gflops?.toFixed(1) ?? '').padStart(9),
    ...Object.values(against).map((found) => (found === undefined ? '' : shown(found)).padEnd(40)),
  ];
  console.log(cells.join(' ').trimEnd());
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
