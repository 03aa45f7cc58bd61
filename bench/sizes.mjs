/**
 * npm run -s build && node bench/sizes.mjs [--calls 300] [--only LOOP,…] [--device wasm|native] [--json]
 *
 * Memory of programs whose inputs have another size at every call: a network of convolutions and W2's kind of training step on images of
 * ever-new heights and widths (eager and compiled), compiled elementwise arithmetic on ever-new lengths, and a ResNet-18 at a few sizes that
 * come round and round. Each loop is a process of its own. Printed are resident memory, the WebAssembly memory, what of it is in use and the heap of JavaScript after
 * a collection, in MB, as the loop goes on, and how many recordings there are. What counts is that they stop growing, and where.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { watchMemory } from './watch-memory.mjs';

const { values: options } = parseArgs({
  options: {
    calls: { type: 'string', default: '300' },
    only: { type: 'string', default: 'eager,infer,train,arithmetic,resnet' },
    device: { type: 'string', default: 'wasm' },
    json: { type: 'boolean', default: false },
    child: { type: 'string' },
  },
});
const calls = Number(options.calls);

function shown({ name, call, rss, wasm, heap, recordings, ms }) {
  return `${name.padEnd(12)} call ${String(call).padStart(5)}: resident ${rss} MB, WebAssembly ${wasm} MB, JavaScript ${heap} MB; ${recordings ?? 0} recordings; ${ms} ms a call`;
}

async function measure(name) {
  const held = watchMemory();
  const { setNumThreads } = await import('flambeau');
  setNumThreads(1);
  const { step, compiled } = await LOOPS[name]();
  let last = performance.now();
  const every = Math.max(1, Math.floor(calls / 6));
  for (let call = 1; call <= calls; call++) {
    step(call);
    if (call % 8 === 0) await new Promise(setImmediate);
    if (call !== 1 && call % every !== 0) continue;
    const ms = Math.round((performance.now() - last) / (call === 1 ? 1 : every));
    globalThis.gc();
    console.log(JSON.stringify({ name, call, ...held(), recordings: compiled?.recordings, ms }));
    last = performance.now();
  }
}

/** A size that has not been there before. */
const side = (call, from) => from + 2 * (call % 97);

const LOOPS = {
  async eager() {
    const { noGrad, randn } = await import('flambeau');
    const model = await body();
    return {
      step: (call) =>
        noGrad(() => model(randn(2, 3, side(call, 32), side(3 * call, 40))))
          .sum()
          .item(),
    };
  },
  async infer() {
    const { compile, noGrad, randn } = await import('flambeau');
    const model = await body();
    model.eval();
    const compiled = compile((x) => noGrad(() => model(x)));
    return {
      compiled,
      step: (call) =>
        compiled(randn(2, 3, side(call, 32), side(3 * call, 40)))
          .sum()
          .item(),
    };
  },
  async train() {
    const { compile, F, optim, randint, randn } = await import('flambeau');
    const model = await body();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.001, momentum: 0.9 });
    const compiled = compile((x, y) => {
      optimizer.zeroGrad();
      const loss = F.crossEntropy(model(x), y);
      loss.backward();
      optimizer.step();
      return loss;
    });
    return { compiled, step: (call) => compiled(randn(2, 3, side(call, 32), side(3 * call, 40)), randint(0, 10, [2])).item() };
  },
  async arithmetic() {
    const { compile, randn } = await import('flambeau');
    const compiled = compile((x) => x.mul(2).add(1).relu().sum());
    return { compiled, step: (call) => compiled(randn(1000 + call)).item() };
  },
  async resnet() {
    const { compile, noGrad, randn } = await import('flambeau');
    const { models } = await import('flambeau/vision');
    const model = models.resnet18({ numClasses: 10 }).eval();
    const compiled = compile((x) => noGrad(() => model(x)));
    return {
      compiled,
      step: (call) =>
        compiled(randn(1, 3, 64 + 8 * (call % 40), 64))
          .sum()
          .item(),
    };
  },
};

/** A network for images of any size. */
async function body() {
  const { nn } = await import('flambeau');
  const stage = (from, to) => [new nn.Conv2d(from, to, 3, { padding: 1, bias: false }), new nn.BatchNorm2d(to), new nn.ReLU()];
  return new nn.Sequential(
    ...stage(3, 32),
    ...stage(32, 64),
    new nn.MaxPool2d(2),
    ...stage(64, 128),
    ...stage(128, 128),
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
    new nn.Linear(128, 10),
  );
}

if (options.child === undefined) {
  for (const loop of options.only.split(',')) {
    const args = ['--expose-gc', fileURLToPath(import.meta.url), '--calls', options.calls, '--child', loop];
    const env = { ...process.env, FLAMBEAU_NATIVE: options.device === 'native' ? '1' : '0' };
    const child = spawnSync(process.execPath, args, { encoding: 'utf8', env });
    if (child.status !== 0) throw new Error(`the ${loop} loop failed:\n${child.stderr}`);
    for (const line of child.stdout.trim().split('\n')) console.log(options.json ? line : shown(JSON.parse(line)));
  }
} else await measure(options.child);
