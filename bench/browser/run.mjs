/**
 * npm ci --prefix bench/peers && npm run build && node bench/browser/run.mjs
 *
 * Side by side on one page of Chromium: this library, onnxruntime-web and TensorFlow.js on WebAssembly. Inference of networks at batch 1 on one and two threads, the first answer of a cold
 * page, and training steps of W2 beside TensorFlow.js and jax-js. All are open at once and take turns of --ms milliseconds, in another order each round, so that what else the machine
 * does meets all alike. Prints medians with quartiles and the quickest run, and the other's time over ours: the median of the rounds' ratios with
 * quartiles, and that of the quickest runs, which on a busy machine are the nearest to a quiet one.
 *
 * --trained tfjs,jax (beside whom W2 is trained), --rounds 12, --ms 400, --threads 1,2, --only mobilenet_v2,cold,train (parts of names), --dist folder of the built package
 */
import { createServer } from 'node:http';
import { readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { saidSpread, spread } from '../spread.mjs';
import { ISOLATION } from '../../tools/isolation.mjs';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '12' }, ms: { type: 'string', default: '400' }, threads: { type: 'string', default: '1,2' }, only: { type: 'string', default: '' }, dist: { type: 'string', default: 'dist' }, trained: { type: 'string', default: 'tfjs,jax' } } }); // prettier-ignore
const root = fileURLToPath(new URL('../../', import.meta.url));
const peers = join(root, 'bench', 'peers', 'node_modules');
const dist = join(root, values.dist);
const [rounds, ms] = [Number(values.rounds), Number(values.ms)];
const only = values.only.split(',').filter((part) => part !== '');
const isWanted = (name) => only.length === 0 || only.some((part) => name.includes(part));
const MODELS = ['mobilenet_v2', 'resnet18', 'efficientnet_b0'];
const INFERENCE = ['ours', 'onnxruntime', 'tfjs'];
const KINDS = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.html': 'text/html',
};

/** What the page loads: bundles, models, and what other libraries fetch by themselves. */
async function files() {
  const from = (path) => import(pathToFileURL(join(dist, path)).href);
  const { manualSeed, zeros } = await from('index-node.js');
  const { serialize } = await from('io/index.js');
  const { serializeOnnx } = await from('onnx/index.js');
  const { models } = await from('vision/index.js');
  const held = new Map();
  for (const name of MODELS) {
    manualSeed(0);
    const model = models[name]().eval();
    held.set(`/models/${name}.safetensors`, serialize(model.stateDict(), { format: 'safetensors' }));
    held.set(`/models/${name}.onnx`, serializeOnnx(model, zeros(1, 3, 224, 224)));
  }
  const { outputFiles } = await build({
    absWorkingDir: join(root, 'bench', 'browser'),
    entryPoints: ['page.js', 'ours.js', 'onnxruntime.js', 'tfjs.js', 'jax.js'],
    outdir: '/',
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    tsconfigRaw: {}, // the repository's names its sources by the package's names
    nodePaths: [peers],
    external: ['/ort/*'],
    alias: {
      'flambeau/core': join(dist, 'web/core.js'),
      'flambeau/nn': join(dist, 'web/nn/index.js'),
      'flambeau/optim': join(dist, 'web/optim/index.js'),
      'flambeau/files/web': join(dist, 'web/files-web.js'),
      'flambeau/vision/models': join(dist, 'web/vision/models/index.js'),
    },
    write: false,
    logLevel: 'error',
  });
  for (const { path, contents } of outputFiles) held.set(path, contents);
  held.set('/', new TextEncoder().encode('<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.js"></script>'));
  return held;
}

const FOLDERS = { '/ort/': 'onnxruntime-web/dist', '/tfjs/': '@tensorflow/tfjs-backend-wasm/dist' };

/** A server as a page in use has: compressed code, isolated pages. Notes how many bytes went out. */
async function serve(held) {
  const packed = new Map();
  const sent = { bytes: 0, models: 0 };
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://x').pathname;
    const folder = Object.keys(FOLDERS).find((prefix) => path.startsWith(prefix));
    const file = folder && join(peers, FOLDERS[folder], path.slice(folder.length));
    const plain = held.get(path) ?? (file && statSync(file, { throwIfNoEntry: false })?.isFile() ? readFileSync(file) : undefined);
    for (const [name, value] of Object.entries(ISOLATION)) response.setHeader(name, value);
    response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
    response.setHeader('Content-Type', KINDS[path === '/' ? '.html' : extname(path)] ?? 'application/octet-stream');
    if (plain === undefined) return response.writeHead(404).end();
    if (path.startsWith('/models/')) {
      sent.models += plain.length;
      return response.end(plain);
    }
    if (!packed.has(path)) packed.set(path, gzipSync(plain, { level: 9 }));
    sent.bytes += packed.get(path).length;
    response.setHeader('Content-Encoding', 'gzip');
    return response.end(packed.get(path));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, sent, close: () => server.close() };
}

/** Each library's times by rounds, as lines of a table. */
function report(name, times) {
  const ours = times.ours.map((round) => spread(round)[0]);
  const cells = Object.entries(times).map(([library, all]) => {
    const ratio = all.map((round, i) => spread(round)[0] / ours[i]);
    const quickest = Math.min(...all.flat());
    return `${library} ${saidSpread(all.flat())}, quickest ${quickest.toPrecision(3)} ms${library === 'ours' ? '' : `, ×${saidSpread(ratio, 2)}, quickest ×${(quickest / Math.min(...times.ours.flat())).toPrecision(2)}`}`;
  });
  console.log(`${name}: ${cells.join(' · ')}`);
}

async function newPage(browser, url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.on('pageerror', (error) => console.error(String(error)));
  await page.goto(url);
  await page.waitForFunction('document.title === "ready"', undefined, { timeout: 120_000 });
  return page;
}

/** Greatest difference of answers, as a part of their greatest number. */
function difference(a, b) {
  const greatest = Math.max(...a.map(Math.abs));
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]))) / greatest;
}

async function sideBySide(browser, origin, workload, libraries, threads, isSame) {
  const page = await newPage(browser, `${origin}/`);
  const answers = {};
  for (const library of libraries) {
    answers[library] = await page.evaluate((given) => globalThis.bench.open(...given), [library, library, workload, threads]);
    if (isSame && !(difference(answers.ours, answers[library]) < 1e-3))
      throw new Error(`${library} computes something else: ${answers[library].slice(0, 4)} and ${answers.ours.slice(0, 4)}`);
  }
  const times = Object.fromEntries(libraries.map((library) => [library, []]));
  for (let round = isSame ? -1 : 0; round < (isSame ? rounds : Math.min(rounds, 3)); round++)
    for (let i = 0; i < libraries.length; i++) {
      const library = libraries[(i + round + libraries.length) % libraries.length];
      const measured = await page.evaluate(([key, ms]) => globalThis.bench.time(key, ms), [library, ms]);
      if (round >= 0) times[library].push(measured); // the first warms up; a step of others' training takes seconds
    }
  await page.context().close();
  report(`${workload}, ${threads} thread${threads === 1 ? '' : 's'}`, times);
}

async function cold(browser, { origin, sent }, workload, threads) {
  const times = Object.fromEntries(INFERENCE.map((library) => [library, []]));
  const sizes = {};
  for (let round = 0; round < rounds; round++)
    for (const library of INFERENCE) {
      sent.bytes = 0;
      const page = await newPage(browser, `${origin}/#${library},${workload},${threads}`);
      times[library].push([await page.evaluate('globalThis.cold')]);
      sizes[library] = Math.round(sent.bytes / 1000);
      await page.context().close();
    }
  report(`cold page to first answer, ${workload}, ${threads} thread${threads === 1 ? '' : 's'}`, times);
  console.log(
    `  code, KB compressed: ${Object.entries(sizes)
      .map(([library, size]) => `${library} ${size}`)
      .join(', ')}`,
  );
}

const versions = ['onnxruntime-web', '@tensorflow/tfjs-core', '@jax-js/jax'].map(
  (name) => `${name} ${JSON.parse(readFileSync(join(peers, name, 'package.json'), 'utf8')).version}`,
);
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
console.log(`Chromium ${browser.version()}, ${versions.join(', ')}; rounds ${rounds}, turns of ${ms} ms`);
const server = await serve(await files());
for (const threads of values.threads.split(',').map(Number)) {
  for (const model of MODELS) if (isWanted(model)) await sideBySide(browser, server.origin, model, INFERENCE, threads, true);
  if (isWanted('train'))
    for (const batch of [20])
      await sideBySide(browser, server.origin, `w2-train-${batch}`, ['ours', ...values.trained.split(',')], threads, false);
  if (isWanted('cold')) await cold(browser, server, 'mobilenet_v2', threads);
}
await browser.close();
server.close();
