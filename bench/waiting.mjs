/**
 * npm run -s build && node bench/waiting.mjs FOLDER [--model resnet18] [--size 224] [--batch 16] [--steps 8] [--threads N] [--workers N]
 *
 * How long a training on a folder of photographs waits for its batches, as `flambeau train` makes them (kept at 8/7 of the size, stretches, flips, TrivialAugment), beside the
 * steps of the network with native kernels. Times of the clock, and of the processors: of these a worker's are counted where the clock was. Without --workers, what
 * `flambeau train` takes.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { compile, F, manualSeed, optim, setNumThreads } from 'flambeau';
import { createModel, nativeReady, openData, prepareData } from 'flambeau/node';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: 'resnet18' },
    size: { type: 'string', default: '224' },
    batch: { type: 'string', default: '16' },
    steps: { type: 'string', default: '8' },
    threads: { type: 'string' },
    workers: { type: 'string' },
  },
});
const [side, batchSize, steps] = [options.size, options.batch, options.steps].map(Number);
if (options.threads !== undefined) setNumThreads(Number(options.threads));
manualSeed(0);
const { train, spec } = await prepareData(await openData(positionals[0]), {
  batchSize,
  validSize: 0.2,
  size: { height: side, width: side },
  resize: Math.round((side * 8) / 7),
  normalization: 'imagenet',
  augmentation: { flip: true, rotation: 0, crop: 0.35, policy: 'trivial-augment' },
  ...(options.workers === undefined ? {} : { workers: Number(options.workers) }),
});
const model = createModel(options.model, spec);
const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
const step = compile((x, y) => {
  optimizer.zeroGrad();
  const loss = F.crossEntropy(model(x), y);
  loss.backward();
  optimizer.step();
  return loss;
});

/** Milliseconds of the clock and of the processors. */
const now = () => {
  const { user, system } = process.cpuUsage();
  return [performance.now(), (user + system) / 1000];
};
const between = (from, to) => to.map((value, i) => value - from[i]);
const sum = (rows, i) => rows.reduce((all, row) => all + row[i], 0);
const [waits, works] = [[], []];
const WARM = 2;
for (let done = 0, from = now(); done < steps + WARM;) {
  for await (const [x, y] of train) {
    if (x.size(0) < batchSize) continue;
    const came = now();
    step(x, y).item();
    const end = now();
    if (done >= WARM) {
      waits.push(between(from, came));
      works.push(between(came, end));
    }
    if (done === WARM - 1) {
      await nativeReady();
      step(x, y).item();
    }
    from = now();
    if (++done === steps + WARM) break;
  }
}
for (const [i, what] of ['clock', 'processors'].entries()) {
  const [wait, work] = [sum(waits, i), sum(works, i)];
  console.log(
    `${what}: ${(wait / steps).toFixed(0)} ms waiting and ${(work / steps).toFixed(0)} ms working a batch, ${((100 * wait) / (wait + work)).toFixed(1)} % waiting`,
  );
}
console.log(`load ${loadavg()[0].toFixed(1)}`);
process.exit(0);
