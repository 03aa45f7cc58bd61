/**
 * npm run bench:peers && npm run -s build && npm run bench:figures [-- --all] [--clock wall|processor] [--write PERFORMANCE.md] [--core 1]
 *
 * Measures the table of PERFORMANCE.md anew: the most important rows (MAIN in titles.mjs), compiled, on one thread, natively and those of WASM
 * in WebAssembly, in turns with all peers; with --all also parts of networks and the models from strangers. One row after the other is a
 * process of its own on one core; what it says goes into node_modules/.cache/bench/figures.jsonl at once, and at last the table is printed or
 * written. About a quarter of an hour on a quiet machine, when PyTorch's compiled code is there from a first time, which takes an hour.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CACHE } from './peers/cache.mjs';
import { FURTHER, MAIN, WASM } from './titles.mjs';

const { values: options } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    clock: { type: 'string', default: 'wall' },
    write: { type: 'string' },
    core: { type: 'string' },
  },
});
const at = (name) => fileURLToPath(new URL(name, import.meta.url));
const file = join(CACHE, 'figures.jsonl');
const isInferred = (name) => name.endsWith('-infer');
const further = options.all ? Object.keys(FURTHER) : [];
const jobs = [
  ...[...Object.keys(MAIN), ...further].map((name) => ({ name, device: 'native' })),
  ...[...WASM, ...further.filter(isInferred)].map((name) => ({ name, device: 'wasm' })),
];

mkdirSync(CACHE, { recursive: true });
writeFileSync(file, '');
const start = performance.now();
for (const { name, device } of jobs) {
  const args = [at('./run.mjs'), '--only', name, '--device', device, '--mode', 'compiled', '--peers', '--json', '--clock', options.clock];
  const [command, ...rest] =
    options.core === undefined ? [process.execPath, ...args] : ['taskset', '-c', options.core, process.execPath, ...args];
  const { status, stdout } = spawnSync(command, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (status !== 0) console.error(`bench: ${name} (${device}) failed and is left out`);
  appendFileSync(file, stdout);
  console.error(`${((performance.now() - start) / 1000).toFixed(0).padStart(5)} s  ${stdout.trim()}`);
}
const table = spawnSync(process.execPath, [at('./table.mjs'), file, ...(options.write === undefined ? [] : ['--write', options.write])], {
  stdio: 'inherit',
});
process.exit(table.status ?? 1);
