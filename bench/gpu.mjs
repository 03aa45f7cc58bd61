/**
 * node bench/gpu.mjs [--mode compiled|eager] [--only NAME,…] [--minutes M] [--seconds S] [--rounds N] [--peak TFLOPS] [--python COMMAND]
 *                    [--no-peer] [--no-checks] [--json] [--tiny] [--device gpu|cpu]
 *
 * Checks that a GPU computes what the CPU does, then times the workloads there: a step's milliseconds (median, and the distance between the quartiles), how
 * many times as long the machine's PyTorch takes on the same card, and the share of the card's float32 peak, which is the fastest product of PyTorch's
 * unless --peak says it. Runs the built package, needs the package `webgpu`, and ends within --minutes (7.5): rows that there is no time for are
 * named. A step is queued many times before one result is read, on both sides; `read-1` is what one read costs.
 *
 * `PyTorch` is its better setting of two without TF32, step by step or as a CUDA graph (g); `TF32` with products rounded for the tensor cores.
 * --tiny runs everything on next to nothing with an adapter that computes on the processor; --device cpu times this library's CPU device in the GPU's
 * place. Ends with 1 when a check has failed.
 */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Child } from './gpu/children.mjs';
import { ROWS, TINY } from './gpu/rows.mjs';
import { columns, line, median, quantile, rounded } from './gpu/show.mjs';
import { environments, report, softwareEnvironment } from './gpu/vulkan.mjs';

const { values: options } = parseArgs({
  allowNegative: true,
  options: {
    mode: { type: 'string', default: 'compiled' },
    only: { type: 'string' },
    minutes: { type: 'string', default: '7.5' },
    seconds: { type: 'string', default: '0.3' },
    rounds: { type: 'string', default: '3' },
    peak: { type: 'string' },
    python: { type: 'string', default: process.env.PYTHON ?? 'python3' },
    peer: { type: 'boolean', default: true },
    checks: { type: 'boolean', default: true },
    json: { type: 'boolean', default: false },
    tiny: { type: 'boolean', default: false },
    device: { type: 'string', default: 'gpu' },
  },
});
/** A command, by its path where it is one: children may run elsewhere. */
const python = options.python.includes('/') ? resolve(options.python) : options.python;
const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const { mode, device, tiny } = options;
if (!['eager', 'compiled'].includes(mode)) fail(`--mode takes eager or compiled, not ${mode}`);
if (!['gpu', 'cpu'].includes(device)) fail(`--device takes gpu or cpu, not ${device}`);
const number = (name) => {
  const value = Number(options[name]);
  return value > 0 ? value : fail(`--${name} takes a number above 0, not ${options[name]}`);
};
const seconds = tiny ? 0.05 : number('seconds');
const rounds = tiny ? 1 : number('rounds');
const known = tiny ? TINY : ROWS;
const only = options.only?.split(',') ?? known.map(({ name }) => name);
const unknown = only.find((name) => !known.some((row) => row.name === name));
if (unknown !== undefined) fail(`no row ${unknown}; rows: ${known.map(({ name }) => name).join(', ')}`);
if (!existsSync(at('../dist/index-node.js'))) fail('there is no dist/; npm run build first');

const began = performance.now();
const deadline = began + number('minutes') * 60_000;
const secondsLeft = () => (deadline - performance.now()) / 1000;
/** The most that one check or one timing of a row may take: a driver that hangs costs that much. */
const PATIENCE = tiny ? 60 : 45;
const patience = () => Math.min(PATIENCE, secondsLeft());
const say = (text) => {
  if (!options.json) console.log(text);
};
const record = (object) => {
  if (options.json) console.log(JSON.stringify(object));
};
let failures = 0;
/** What PyTorch could not do, by its words: the names of the rows. */
const problems = new Map();

const ours = await openOurs();
const peer = options.peer ? await openPeer() : undefined;
if (options.checks) await check();
const peak = options.peak === undefined ? (await peer?.child.ask({ peak: 2 * seconds }, patience()))?.tflops : number('peak');
await time();
ours.child.close();
peer?.child.close();
if (failures > 0) fail(`${failures} of the checks failed: what was timed is not right`, 1);

/** The child that runs ours, in the first environment in which it finds the device. */
async function openOurs() {
  const args = [at('./gpu/serve.mjs'), device, ...(tiny ? ['tiny'] : [])];
  const tried = device === 'cpu' ? [{ why: 'cpu', env: {} }] : tiny ? [{ why: 'software', env: softwareEnvironment() }] : environments();
  const problems = [];
  for (const { why, env } of tried) {
    const child = new Child({ command: process.execPath, args, env: { FLAMBEAU_NATIVE: '0', ...env } }, 2);
    const hello = await child.open(60);
    if (hello.error === undefined) {
      say(`flambeau ${hello.version}, Node ${process.version}, ${mode}: ${hello.device} (with ${why})`);
      record({ ours: hello.version, node: process.version, mode, device: hello.device, with: why });
      return { child, checks: hello.checks };
    }
    problems.push(`with ${why}: ${hello.error}`, ...hello.complaints.map((text) => `  ${text}`));
  }
  fail(`no GPU.\n${[...problems, ...report()].map((text) => `  ${text}`).join('\n')}`);
}

/** PyTorch, or a word why there is none. */
async function openPeer() {
  const args = [at('./peers/gpu.py'), ...(tiny || device === 'cpu' ? ['cpu'] : [])];
  const child = new Child({ command: python, args, cwd: dirname(at('./peers/gpu.py')) });
  const hello = await child.open(60);
  if (hello.error === undefined) {
    say(`PyTorch ${hello.version}: ${hello.device}`);
    record({ peer: hello.version, device: hello.device });
    return { child, settings: tiny || device === 'cpu' ? ['float32'] : ['float32', 'graph', 'tf32'] };
  }
  say(`no column for PyTorch: ${hello.error} (${options.python})`);
  return undefined;
}

async function check() {
  let worst = { distance: 0, name: 'none' };
  let done = 0;
  for (const name of ours.checks) {
    if (secondsLeft() < 5) {
      say(`checks left out, time is up: from ${name} on`);
      break;
    }
    const answer = await ours.child.ask({ check: name }, patience());
    const distance = Number(answer.distance);
    done++;
    record({ check: name, distance: answer.distance, outputs: answer.outputs, error: answer.error });
    if (answer.error === undefined && distance <= 1e-4) {
      if (distance >= worst.distance) worst = { distance, name };
      continue;
    }
    failures++;
    say(
      `WRONG  ${name}: ${answer.error ?? `off by ${answer.outputs.map((d) => Number(d).toExponential(1)).join(', ')} of the largest number`}`,
    );
  }
  say(`checks: ${done - failures} of ${done} right, the furthest ${worst.name} with ${worst.distance.toExponential(1)} (1e-4 may be)\n`);
}

async function time() {
  if (peak === undefined) say('no share of the peak: neither PyTorch nor --peak says what it is');
  else
    say(`peak: ${peak.toFixed(peak < 1 ? 3 : 1)} TFLOP/s in float32, ${options.peak === undefined ? 'a product of PyTorch' : 'as given'}`);
  record({ peak });
  const shape = columns({ peak: peak !== undefined, peer: peer !== undefined });
  say(line(shape, Object.fromEntries(shape.map(({ key, title }) => [key, title]))));
  for (const row of known) {
    if (!only.includes(row.name)) continue;
    if (secondsLeft() < 3) say(`${row.name.padEnd(24)} skipped: time is up`);
    else await timeRow(row, shape);
  }
  for (const [problem, names] of problems) say(`PyTorch, ${problem} (${names.join(', ')})`);
  say(`${Math.round((performance.now() - began) / 1000)} s in all`);
}

/** One row: ours and the peer's settings in turn. */
async function timeRow(row, shape) {
  const mine = { times: [] };
  const theirs = Object.fromEntries((peer?.settings ?? []).map((setting) => [setting, { times: [] }]));
  for (let round = 0; round < rounds && secondsLeft() > 1; round++) {
    if (mine.error === undefined) await take(mine, ours.child, { row, mode, seconds });
    for (const [setting, result] of Object.entries(theirs)) {
      if (result.error === undefined && secondsLeft() > 1) await take(result, peer.child, { row, setting, seconds: seconds / 2 });
    }
    if (mine.times.length > 0 && median(mine.times) > 3000) break; // so slow that one round is enough
  }
  if (mine.error !== undefined) say(`${row.name.padEnd(24)} ${mine.error}`);
  const settings = ['float32', 'graph'].filter((setting) => theirs[setting]?.times.length > 0);
  const best = settings.toSorted((a, b) => median(theirs[a].times) - median(theirs[b].times))[0];
  const of = (result) => (result?.times.length > 0 ? median(result.times) : undefined);
  const ms = of(mine);
  const cells = {
    name: row.name,
    ms,
    spread: ms && quantile(mine.times, 0.75) - quantile(mine.times, 0.25),
    first: mine.first,
    tflops: ms && row.flops > 0 ? row.flops / ms / 1e9 : undefined,
    share: ms && peak && row.flops > 0 ? row.flops / ms / 1e9 / peak : undefined,
    theirs: of(theirs[best]),
    setting: best,
    ratio: ms && best && of(theirs[best]) / ms,
    tf32: of(theirs.tf32),
  };
  if (ms !== undefined) say(line(shape, cells));
  else if (best !== undefined) say(`${''.padEnd(24)} (PyTorch: ${rounded(cells.theirs)} ms)`);
  record({
    ...cells,
    error: mine.error,
    problems: Object.fromEntries(Object.entries(theirs).map(([setting, { error }]) => [setting, error])),
  });
}

/** Adds a child's times to a result, or the word why there are none. */
async function take(result, child, request) {
  const answer = await child.ask(request, patience());
  if (answer.error === undefined) {
    result.times.push(...answer.times);
    result.first ??= answer.first;
    return;
  }
  result.error = answer.error;
  if (request.setting === undefined) return;
  const problem = `${request.setting}: ${answer.error}`;
  problems.set(problem, [...(problems.get(problem) ?? []), request.row.name]);
  if (/CUDA error/.test(answer.error)) child.close(); // nothing works after some of them: the next row gets another process
}

function fail(message, status = 2) {
  console.error(`bench: ${message}`);
  process.exit(status);
}
