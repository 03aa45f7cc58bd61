/**
 * taskset -c 1 node bench/pairs.mjs BEFORE [--after .] [--only NAME,…] [--small] [--mode eager|compiled] [--device wasm|native] [--rounds 120] [--ms 6] [--json]
 *
 * Compares two checkouts, both built: the rows of `bench/workloads.mjs`, or with --small those of `bench/small.mjs`. Both are loaded into
 * one process and do the same number of runs in turn, for some milliseconds each; what is compared is the processor time of the turns,
 * on one thread. So other programs disturb it little: two copies of one checkout differ by less than 1 %. `ratio` is after over before, of the
 * quarter of quickest turns, of the medians, and of the sums, which also have the collections of garbage in them.
 */
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { smallRows } from './small.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    after: { type: 'string', default: fileURLToPath(new URL('..', import.meta.url)) },
    only: { type: 'string' },
    small: { type: 'boolean', default: false },
    mode: { type: 'string', default: 'eager' },
    device: { type: 'string', default: 'wasm' },
    rounds: { type: 'string', default: '120' },
    ms: { type: 'string', default: '6' },
    json: { type: 'boolean', default: false },
  },
});
process.env.FLAMBEAU_NATIVE = options.device === 'native' ? '1' : '0';
const sides = [];
for (const root of [positionals[0], options.after]) sides.push(await side(root));
const only = options.only?.split(',');
for (const { name } of sides[0].rows) if (only === undefined || only.includes(name)) report(name, await compare(name));

async function side(root) {
  const load = (path) => import(pathToFileURL(resolve(root, path)).href);
  const lib = await load('dist/index-node.js');
  lib.setNumThreads(1);
  const rows = options.small ? smallRows(lib) : (await load('bench/workloads.mjs')).ROWS;
  return { rows, nativeReady: (await load('dist/node.js')).nativeReady };
}

/** Microseconds of the processor so far. */
function processor() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function compare(name) {
  const runs = sides.map(({ rows }) => rows.find((row) => row.name === name).make(options.mode));
  if (options.device === 'native') {
    for (const run of runs) for (let i = 0; i < 8; i++) run();
    for (const { nativeReady } of sides) if (!(await nativeReady())) throw new Error('native kernels are not available here');
  }
  const turn = Number(options.ms) * 1000;
  let count = 1;
  for (const run of [...runs, ...runs]) {
    const start = processor();
    let times = 0;
    while (processor() - start < 25 * turn || times < 3) (run(), times++);
    count = Math.max(1, Math.round((times * turn) / (processor() - start)));
  }
  const times = [[], []];
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const start = processor();
      for (let k = 0; k < count; k++) runs[i]();
      times[i].push((processor() - start) / count);
    }
  }
  return times.map((list) => list.sort((a, b) => a - b));
}

function report(name, [before, after]) {
  const of = (list, share) => list[Math.floor((list.length - 1) * share)];
  const sum = (list) => list.reduce((total, value) => total + value, 0);
  const ratios = [of(after, 0.25) / of(before, 0.25), of(after, 0.5) / of(before, 0.5), sum(after) / sum(before)].map((ratio) =>
    Number(ratio.toFixed(3)),
  );
  const us = Number(of(before, 0.25).toPrecision(4));
  if (options.json) console.log(JSON.stringify({ name, mode: options.mode, device: options.device, us, ratios }));
  else console.log(`${name.padEnd(22)} ${String(us).padStart(10)} µs   ratio ${ratios.map((ratio) => ratio.toFixed(3)).join('  ')}`);
}
