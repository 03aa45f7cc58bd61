/**
 * npm run -s build && node bench/import.mjs [--runs 15] [--json]
 *
 * What `import 'flambeau'` adds to a program's start: the median over fresh processes that import the built package, less
 * that of processes that do nothing, the kinds taking turns. Wall time counts; processor time, which other programs on the
 * machine disturb less, stands beside it. The budget is 60 ms.
 */
import { spawnSync } from 'node:child_process';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const BUDGET_MS = 60;
const { values: options } = parseArgs({
  options: { runs: { type: 'string', default: '15' }, json: { type: 'boolean', default: false } },
});
const root = fileURLToPath(new URL('..', import.meta.url)); // inside the package, its own name resolves to dist/
const KINDS = {
  nothing: '0',
  flambeau: "await import('flambeau')",
  'flambeau/vision': "await import('flambeau/vision')",
  'flambeau/node': "await import('flambeau/node')",
};

/** One process: its wall time here, and the processor time it says it took. */
function start(code) {
  const script = `${code}; const { user, system } = process.cpuUsage(); console.log((user + system) / 1000);`;
  const begin = performance.now();
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd: root, encoding: 'utf8' });
  const wall = performance.now() - begin;
  if (child.status !== 0) throw new Error(`${code} failed:\n${child.stderr}`);
  return { wall, cpu: Number(child.stdout) };
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

const times = new Map(Object.keys(KINDS).map((kind) => [kind, []]));
for (const code of Object.values(KINDS)) start(code); // fills the file cache
for (let run = 0; run < Number(options.runs); run++) {
  for (const [kind, code] of Object.entries(KINDS)) times.get(kind).push(start(code));
}
const of = (kind, field) => median(times.get(kind).map((time) => time[field]));
const base = { wall: of('nothing', 'wall'), cpu: of('nothing', 'cpu') };
if (!options.json) {
  console.log(`Node ${process.version}, ${options.runs} processes of each kind, load ${loadavg()[0].toFixed(1)}`);
  console.log(`an empty process: ${base.wall.toFixed(0)} ms (processor ${base.cpu.toFixed(0)} ms)`);
}
for (const kind of times.keys()) {
  if (kind === 'nothing') continue;
  const wall = of(kind, 'wall') - base.wall;
  const cpu = of(kind, 'cpu') - base.cpu;
  if (options.json) {
    console.log(JSON.stringify({ name: `import ${kind}`, ms: Number(wall.toFixed(1)), cpuMs: Number(cpu.toFixed(1)) }));
  } else {
    const budget = kind === 'flambeau' ? `  (budget ${BUDGET_MS} ms)` : '';
    console.log(`${kind.padEnd(16)} + ${wall.toFixed(0)} ms (processor ${cpu.toFixed(0)} ms)${budget}`);
  }
}
