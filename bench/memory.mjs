/**
 * npm run -s build && node bench/memory.mjs [--steps 3000] [--batch 20] [--only LOOP,…] [--threads N] [--json]
 *
 * Shows that eager loops without any memory calls hold the process's memory flat: W2 is trained in a plain synchronous loop,
 * in an asynchronous one, in one that keeps its losses in an array, and run without gradients. Each loop has a process of its
 * own. Printed are the resident memory and the WebAssembly memory in MB as the loop goes, and the share of the time that
 * garbage collection took, the collections that the library asks for among it.
 */
import { spawnSync } from 'node:child_process';
import { loadavg } from 'node:os';
import { PerformanceObserver } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { watchMemory } from './watch-memory.mjs';

const { values: options } = parseArgs({
  options: {
    steps: { type: 'string', default: '3000' },
    batch: { type: 'string', default: '20' },
    only: { type: 'string', default: 'sync,async,losses,inference' },
    threads: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    child: { type: 'string' },
  },
});
const steps = Number(options.steps);

function runChild(loop) {
  const args = ['--steps', options.steps, '--batch', options.batch, '--threads', options.threads, '--child', loop];
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...args], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(`the ${loop} loop failed:\n${child.stderr}`);
  return JSON.parse(child.stdout);
}

function report(loop, result) {
  if (options.json) {
    console.log(JSON.stringify({ name: `memory-${loop}`, ...result }));
    return;
  }
  console.log(`${loop}, ${steps} steps of batch ${options.batch}, load ${loadavg()[0].toFixed(1)}`);
  for (const { step, rss, wasm, heap } of result.samples) {
    console.log(`  step ${String(step).padStart(6)}: resident ${rss} MB, WebAssembly ${wasm} MB, JavaScript ${heap} MB`);
  }
  console.log(
    `  ${result.msPerStep.toFixed(2)} ms a step; ${result.majors} full collections, ${result.gcPercent.toFixed(1)} % of the time`,
  );
}

/** One loop in this process. */
async function measure(loop) {
  const held = watchMemory();
  const { setNumThreads } = await import('flambeau');
  setNumThreads(Number(options.threads));
  const collections = watchCollections();
  const samples = [];
  const sample = (step) => samples.push({ step, ...held() });
  const start = performance.now();
  await LOOPS[loop](await workload(loop), sample);
  const elapsed = performance.now() - start;
  const { ms, majors } = await collections();
  return { samples, msPerStep: elapsed / steps, gcPercent: (100 * ms) / elapsed, majors };
}

async function workload(loop) {
  const { nn, noGrad, optim, randint, randn } = await import('flambeau');
  const { w2 } = await import('./workloads.mjs');
  const model = w2();
  const batch = Number(options.batch);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.001, momentum: 0.9 });
  const criterion = new nn.CrossEntropyLoss();
  const draw = () => [randn(batch, 3, 32, 32), randint(0, 10, [batch])];
  if (loop === 'inference') return () => noGrad(() => model(draw()[0]));
  return () => {
    const [x, y] = draw();
    optimizer.zeroGrad();
    const loss = criterion(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  };
}

const every = Math.max(1, Math.round(steps / 6));

function synchronous(step, sample) {
  for (let i = 1; i <= steps; i++) {
    step();
    if (i % every === 0) sample(i);
  }
}

const LOOPS = {
  sync: synchronous,
  inference: synchronous,
  losses(step, sample) {
    const losses = [];
    for (let i = 1; i <= steps; i++) {
      losses.push(step()); // the tensors, with their history
      if (i % every === 0) sample(i);
    }
    if (!losses.every((loss) => Number.isFinite(loss.item()))) throw new Error('a loss is not finite');
  },
  async async(step, sample) {
    for (let i = 1; i <= steps; i++) {
      step();
      await new Promise(setImmediate);
      if (i % every === 0) sample(i);
    }
  },
};

/** Starts to count; the function it gives waits for the last records. */
function watchCollections() {
  let ms = 0;
  let majors = 0;
  const count = (list) => {
    for (const entry of list.getEntries()) {
      ms += entry.duration;
      if (entry.detail.kind === 4) majors++; // perf_hooks.constants.NODE_PERFORMANCE_GC_MAJOR
    }
  };
  const observer = new PerformanceObserver(count);
  observer.observe({ entryTypes: ['gc'] });
  return async () => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    count({ getEntries: () => observer.takeRecords() });
    observer.disconnect();
    return { ms, majors };
  };
}

if (options.child === undefined) {
  for (const loop of options.only.split(',')) report(loop, runChild(loop));
} else {
  console.log(JSON.stringify(await measure(options.child)));
}
