/**
 * npm ci --prefix bench/peers && npm run build && taskset -c 1 node bench/inference.mjs [MODEL | FILE.onnx:1x3x224x224 …]
 *
 * Inference in WebAssembly in Node, one image: this library beside onnxruntime-web's WebAssembly build (and, with --before, another build of this library), in turn and on one thread,
 * so that processor time can be compared: other programs disturb it little. Answers are compared first, except for free sizes of files. Milliseconds: median [quartiles], quickest; the
 * other's time over ours, median of the rounds' ratios [quartiles] and of the quickest.
 *
 * --before FOLDER (dist of another build), --rounds 12, --ms 300 (of a turn), --profile (launches by operation, kernel and shape instead), --only-ours, --threads 1 (2: the clock's time)
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { saidSpread, spread } from './spread.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
    before: { type: 'string' },
    rounds: { type: 'string', default: '12' },
    ms: { type: 'string', default: '300' },
    threads: { type: 'string', default: '1' },
    profile: { type: 'boolean', default: false },
    'only-ours': { type: 'boolean', default: false },
  },
});
process.env.FLAMBEAU_NATIVE = '0';
const threads = Number(options.threads);
const MODELS = ['mobilenet_v2', 'efficientnet_b0', 'efficientnet_lite0', 'resnet18', 'squeezenet1_1'];

/** Numbers that every side gets. */
function numbers(length, seed = 1) {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

async function side(dist) {
  const from = (path) => import(pathToFileURL(join(resolve(dist), path)).href);
  const [lib, onnx, vision] = await Promise.all(['index-node.js', 'onnx/index.js', 'vision/index.js'].map(from));
  lib.setNumThreads(threads);
  return { ...lib, ...onnx, models: vision.models };
}

const ours = await side(options.dist);
const before = options.before && (await side(options.before));
const peer = !options['only-ours'] && !options.profile && (await onnxruntime());

async function onnxruntime() {
  const path = fileURLToPath(new URL('peers/node_modules/onnxruntime-web/dist/ort.node.min.mjs', import.meta.url));
  if (!existsSync(path)) throw new Error('npm ci --prefix bench/peers first');
  const ort = await import(pathToFileURL(path).href);
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = 'error';
  return ort;
}

/** A network by name, weights drawn from one seed; or a file with the shape of its input. */
function workload(given) {
  const [file, sizes] = given.split(':');
  if (file.endsWith('.onnx')) return { name: basename(file), shape: sizes.split('x').map(Number), bytes: readFileSync(file) };
  ours.manualSeed(0);
  const model = ours.models[given]().eval();
  return { name: given, shape: [1, 3, 224, 224], bytes: ours.serializeOnnx(model, ours.zeros(1, 3, 224, 224)), state: model.stateDict() };
}

/** A run of this library: gives the first answer's numbers. */
function runOf(lib, { name, shape, bytes, state }) {
  const model = state === undefined ? lib.deserializeOnnx(bytes) : lib.models[name]();
  if (state !== undefined) {
    if (lib !== ours) lib.manualSeed(0);
    model.loadStateDict(lib === ours ? state : lib.models[name]().stateDict());
  }
  model.eval();
  const x = lib.fromTypedArray(numbers(shape.reduce((a, b) => a * b, 1)), shape);
  const forward = lib.compile((image) => lib.noGrad(() => model(image)));
  const first = (y) => (Array.isArray(y) ? y[0] : y.toTypedArray === undefined ? Object.values(y)[0] : y);
  return { forward: () => forward(x), run: () => first(forward(x)).toTypedArray() };
}

async function peerRun({ shape, bytes }) {
  const session = await peer.InferenceSession.create(bytes, { executionProviders: ['wasm'], graphOptimizationLevel: 'all' });
  const feeds = { [session.inputNames[0]]: new peer.Tensor('float32', numbers(shape.reduce((a, b) => a * b, 1)), shape) };
  return async () => (await session.run(feeds))[session.outputNames[0]].data;
}

/** Milliseconds: of the processor on one thread, else the clock's. */
function now() {
  if (threads > 1) return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Milliseconds of each run of a turn, at most 200. */
async function turn(run) {
  const times = [];
  const end = performance.now() + Number(options.ms);
  do {
    const start = now();
    await run();
    times.push(now() - start);
  } while (performance.now() < end && times.length < 200);
  return times;
}

function difference(a, b) {
  const greatest = a.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0) / greatest;
}

async function compare(given) {
  const work = workload(given);
  const runs = { ours: runOf(ours, work).run };
  if (before) runs.before = runOf(before, work).run;
  if (peer) runs.onnxruntime = await peerRun(work);
  const answers = {};
  for (const [name, run] of Object.entries(runs)) answers[name] = await run();
  for (const [name, answer] of Object.entries(answers))
    if (!(difference(answers.ours, answer) < 1e-3)) console.log(`  ${name} computes something else: ${difference(answers.ours, answer)}`);
  const names = Object.keys(runs);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = -1; round < Number(options.rounds); round++)
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round + names.length) % names.length];
      const measured = await turn(runs[name]);
      if (round >= 0) times[name].push(measured); // the first warms up
    }
  const middles = Object.fromEntries(names.map((name) => [name, times[name].map((all) => spread(all)[0])]));
  const quickest = (name) => Math.min(...times[name].flat());
  const cells = names.map((name) => {
    const ratio =
      name === 'ours'
        ? ''
        : ` ×${saidSpread(middles[name].map((ms, i) => ms / middles.ours[i]))}, quickest ×${(quickest(name) / quickest('ours')).toPrecision(3)}`;
    return `${name} ${saidSpread(times[name].flat())}, ${quickest(name).toPrecision(3)} ms${ratio}`;
  });
  console.log(`${work.name}: ${cells.join(' · ')}`);
}

/** Quickest of many runs for each launch, by place in the list of launches. */
function profile(given) {
  const { forward } = runOf(ours, workload(given));
  for (let i = 0; i < 20; i++) forward();
  let best;
  for (let i = 0; i < 60; i++) {
    const { launches } = ours.profile(forward);
    best ??= launches.map((launch) => ({ ...launch }));
    launches.forEach(({ ms }, k) => (best[k].ms = Math.min(best[k].ms, ms)));
  }
  const groups = new Map();
  for (const { operation, kernel, shape, ms, flops, bytes } of best) {
    const key = `${kernel.slice(0, 44)}\t${operation.slice(0, 44)}\t${shape.slice(0, 90)}`;
    const group = groups.get(key) ?? { calls: 0, ms: 0, flops: 0, bytes: 0 };
    groups.set(key, { calls: group.calls + 1, ms: group.ms + ms, flops: group.flops + flops, bytes: group.bytes + bytes });
  }
  const total = best.reduce((sum, { ms }) => sum + ms, 0);
  console.log(`${given}: ${total.toFixed(2)} ms in ${best.length} launches`);
  for (const [key, { calls, ms, flops, bytes }] of [...groups].sort((a, b) => b[1].ms - a[1].ms))
    console.log(`  ${ms.toFixed(3)} ms ×${calls}\t${(flops / ms / 1e6).toFixed(1)} GFLOP/s\t${(bytes / ms / 1e6).toFixed(1)} GB/s\t${key}`);
}

for (const given of positionals.length === 0 ? MODELS : positionals) {
  if (options.profile) profile(given);
  else await compare(given);
}
process.exit(0);
