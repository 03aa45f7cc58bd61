/**
 * npm run -s build && node bench/startup.mjs [--only w2-train-20,w3-train-32] [--runs 5] [--threads N] [--json]
 *
 * How a compiled training step starts, in fresh processes. `wasm`, without native kernels: what the first call takes beyond
 * a later one (recording, planning, WebAssembly). `cold`, with an empty cache of kernels: when the first native call has
 * ended, counted from the first call, in a loop that never pauses; how many calls there were before, and how long the longest
 * but the first was. `warm`: once more, with the cache that this has filled. Medians; main-thread processor time, which
 * other programs on the machine disturb less, stands beside.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'w2-train-20,w3-train-32' },
    runs: { type: 'string', default: '5' },
    threads: { type: 'string' },
    child: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const LIMIT_MS = 120_000;

if (options.child === undefined) parent();
else await child(options.child);

/** Milliseconds of processor time of this thread, where Linux tells. */
function processorTime() {
  const path = `/proc/self/task/${process.pid}/schedstat`;
  return existsSync(path) ? Number(readFileSync(path, 'utf8').split(' ')[0]) / 1e6 : NaN;
}

async function child(name) {
  const { setNumThreads } = await import('flambeau');
  const { ROWS } = await import('./workloads.mjs');
  if (options.threads !== undefined) setNumThreads(Number(options.threads));
  const run = ROWS.find((row) => row.name === name).make('compiled');
  const calls = [];
  const start = performance.now();
  let native;
  const more = () => (process.env.FLAMBEAU_NATIVE === '0' ? calls.length < 4 : native === undefined);
  while (more() && performance.now() - start < LIMIT_MS) {
    const [begin, cpu] = [performance.now(), processorTime()];
    run();
    const end = performance.now();
    calls.push({ ms: end - begin, cpu: processorTime() - cpu });
    if (/: c[-/\w]*:/.test(String(run.compiled))) native = end - start;
  }
  const before = calls.slice(0, -1); // the last one is native
  const least = (field) => Math.min(...calls.slice(1).map((call) => call[field]));
  const first = { ms: calls[0].ms - least('ms'), cpu: calls[0].cpu - least('cpu') };
  const longest = Math.max(0, ...before.slice(1).map(({ ms }) => ms));
  console.log(JSON.stringify({ first, native, steps: before.length, longest, load: loadavg()[0] }));
}

function parent() {
  const self = fileURLToPath(import.meta.url);
  const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
  for (const name of options.only.split(',')) {
    const results = { wasm: [], cold: [], warm: [] };
    for (let run = 0; run < Number(options.runs); run++) {
      const FLAMBEAU_CACHE = mkdtempSync(join(tmpdir(), 'flambeau-startup-'));
      for (const kind of Object.keys(results)) {
        const threads = options.threads === undefined ? [] : ['--threads', options.threads];
        const env = { ...process.env, FLAMBEAU_NATIVE: kind === 'wasm' ? '0' : '1', FLAMBEAU_CACHE };
        const { status, stdout, stderr } = spawnSync(process.execPath, [self, '--child', name, ...threads], { env, encoding: 'utf8' });
        if (status !== 0) throw new Error(stderr);
        results[kind].push(JSON.parse(stdout));
      }
      rmSync(FLAMBEAU_CACHE, { recursive: true });
    }
    for (const [kind, runs] of Object.entries(results)) {
      const of = (read) => Math.round(median(runs.map(read)));
      const figures =
        kind === 'wasm'
          ? { firstMs: of(({ first }) => first.ms), firstProcessorMs: of(({ first }) => first.cpu) }
          : { nativeMs: of(({ native }) => native), calls: of(({ steps }) => steps), longestMs: of(({ longest }) => longest) };
      const row = { name: `start ${name} ${kind}`, ...figures, load: Number(median(runs.map(({ load }) => load)).toFixed(1)) };
      if (options.json) console.log(JSON.stringify(row));
      else if (kind === 'wasm')
        console.log(`${row.name.padEnd(24)} first call + ${row.firstMs} ms (processor ${row.firstProcessorMs}); load ${row.load}`);
      else
        console.log(
          `${row.name.padEnd(24)} native after ${row.nativeMs} ms and ${row.calls} calls, the longest ${row.longestMs} ms; load ${row.load}`,
        );
    }
  }
}
