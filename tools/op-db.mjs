/**
 * npm run op-db -- [NAME…] [--small] [--device wasm|native] [--mode eager|compiled|both] [--narrow] [--second] [--update] [--export] [--json FILE]
 *
 * Runs PyTorch's own test database (op_db, module_db, optim_db) against the library, for all names that it has or for those given (PyTorch's
 * names), and compares results, gradients and errors. The samples are exported once, in two minutes, by the Python of .venv
 * (tools/python-env.sh) into node_modules/.cache/op-db; --export makes them anew, with names only those. What is refused is counted by reason in
 * test/op-db/refusals.json; --update writes it. --small does all of this with the selection that the test suite runs:
 * test/fixtures/op-db.bin.gz, refusals-small.json. --narrow runs operations on elements of 8 and 16 bits instead;
 * --second compares second derivatives of the samples in float64 with differences (test/op-db/second.ts); what is refused is in refusals-second.json.
 */
import { fork, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { wasmText } from './wasm-text.mjs';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: 'string', default: 'wasm' },
    mode: { type: 'string', default: 'both' },
    json: { type: 'string' },
    update: { type: 'boolean', default: false },
    export: { type: 'boolean', default: false },
    small: { type: 'boolean', default: false },
    narrow: { type: 'boolean', default: false },
    second: { type: 'boolean', default: false },
  },
});
if (!['wasm', 'native'].includes(options.device)) fail(`--device takes wasm or native, not ${options.device}`);
if (!['eager', 'compiled', 'both'].includes(options.mode)) fail(`--mode takes eager, compiled or both, not ${options.mode}`);

const CACHE = at(`node_modules/.cache/op-db${options.narrow ? '-narrow' : ''}`);
const BUNDLE = at(`node_modules/.cache/op-db-${process.pid}`);
const SMALL = at('test/fixtures/op-db.bin.gz');
const REFUSALS = at(`test/op-db/refusals${options.second ? '-second' : ''}${options.small ? '-small' : ''}.json`);
process.once('exit', () => rmSync(BUNDLE, { recursive: true, force: true }));
await build({
  entryPoints: { main: at('test/op-db/main.ts'), tally: at('test/op-db/tally.ts') },
  outdir: BUNDLE,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  alias: { flambeau: at('src/index-node.ts') },
  external: ['koffi'],
  logLevel: 'error',
  plugins: [wasmText],
});
const { addTally, newTally, refusalChanges, showFault, sorted } = await import(pathToFileURL(`${BUNDLE}/tally.mjs`).href);

const files = await samples();
if (files.length === 0) fail(`nothing in ${CACHE} is called ${wanted.join(', ')}`);
const started = performance.now();
const total = newTally();
const queue = batches(files);
await Promise.all(Array.from({ length: Math.min(availableParallelism(), queue.length) }, () => work()));
const seconds = ((performance.now() - started) / 1000).toFixed(0);

const refused = Object.values(total.refusals)
  .flatMap((reasons) => Object.values(reasons))
  .reduce((a, b) => a + b, 0);
for (const fault of total.faults.slice(0, 60)) console.log(showFault(fault));
if (total.faults.length > 60) console.log(`… and ${total.faults.length - 60} more faults`);
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(total));
console.log(
  `op-db: ${options.device}, ${options.second ? 'second derivatives' : options.mode}: ${total.samples} runs in ${seconds} s: ${total.right} right, ${refused} refused, ${options.second ? `${total.undecided} undecided, ` : ''}${total.faults.length} faults`,
);
let changes = [];
if (wanted.length === 0 && options.mode === 'both' && !options.narrow) {
  if (options.update) writeFileSync(REFUSALS, `${JSON.stringify(sorted(total.refusals), undefined, 2)}\n`);
  changes = refusalChanges(existsSync(REFUSALS) ? JSON.parse(readFileSync(REFUSALS, 'utf8')) : {}, total.refusals);
  for (const change of changes) console.log(`refusals differ: ${change}`);
  if (changes.length > 0) console.log('npm run op-db -- --update writes them to test/op-db/refusals.json');
}
process.exitCode = total.faults.length + changes.length > 0 ? 1 : 0;

/** The files to run, the largest first. */
async function samples() {
  if (options.small) {
    if (options.export) await exported(['--small', SMALL]);
    return [SMALL];
  }
  if (options.export || !existsSync(CACHE)) {
    if (wanted.length === 0) rmSync(CACHE, { recursive: true, force: true });
    await exported([...(options.narrow ? ['--narrow'] : []), CACHE], wanted);
  }
  const names = wanted.map((name) => name.replaceAll(':', '-'));
  return readdirSync(CACHE)
    .filter((file) => names.length === 0 || names.some((name) => file === `${name}.bin.gz` || file.startsWith(`${name}-`)))
    .map((file) => `${CACHE}/${file}`)
    .sort((a, b) => statSync(b).size - statSync(a).size);
}

/** One process after the other, each for a few files: what the library caches by shape ends with it. */
async function work() {
  for (let next = queue.shift(); next !== undefined; next = queue.shift())
    addTally(total, await told({ files: next, mode: options.second ? 'second' : options.mode, names: wanted }));
}

/** Files together in a process, up to a size: starting one takes half a second. */
function batches(paths) {
  const list = [[]];
  let bytes = 0;
  for (const path of paths) {
    bytes += statSync(path).size;
    if (bytes > 500_000 && list.at(-1).length > 0) {
      list.push([]);
      bytes = statSync(path).size;
    }
    list.at(-1).push(path);
  }
  return list;
}

/** A new process's answer to one order. */
function told(order) {
  const env = { ...process.env, FLAMBEAU_NATIVE: options.device === 'native' ? 'wait' : '0' };
  return new Promise((resolve, reject) => {
    const child = fork(`${BUNDLE}/main.mjs`, [], { env, serialization: 'json' });
    child.on('message', (message) => {
      if (message === 'ready') return child.send(order);
      resolve(message);
      child.kill();
    });
    child.on('exit', (code, signal) => reject(new Error(`op-db: a process ended with ${code ?? signal} in ${JSON.stringify(order)}`)));
  });
}

/** @param some only these names, if any */
async function exported(args, some = []) {
  const python = at('.venv/bin/python');
  if (!existsSync(python)) fail('no .venv here; tools/python-env.sh makes it');
  const names = JSON.stringify(some.length > 0 ? some : await told('names'));
  const { status } = spawnSync(python, [at('tools/op-db/export.py'), ...args], {
    input: names,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  if (status !== 0) fail('the export failed');
}

function fail(message) {
  console.error(`op-db: ${message}`);
  process.exit(2);
}
