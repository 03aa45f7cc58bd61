/**
 * npm run -s build && mpirun -n 2 node bench/ranks.mjs [--row w2|resnet18|w1] [--batch 64] [--rounds 8] [--seconds 0.6] [--device native|wasm] [--mode compiled|eager] [--clock wall|processor] [--json]
 *
 * What several processes of one thread each gain over one: training steps in turn, in the same processes,
 *   alone      rank 0 by itself, without anything of flambeau/distributed, while the others sleep,
 *   beside     all ranks at once, each for itself: what the machine can give (memory's bandwidth, halves of one core),
 *   together   all ranks with DistributedDataParallel,
 *   exchange   its all-reduces alone, without a backward pass.
 * On a busy machine --clock processor counts the processes' processor time, without their waits.
 * Times are the quickest quarter's median. `speedup` is images a second together against alone, `ceiling` beside against alone, and `hidden` the share of the
 * exchange's time that does not lengthen a step: 1 − (together − beside) / exchange.
 */
import { begin, quick } from './ranks-start.mjs';

const { options, dist, net, batch, x, y, now } = await begin({ row: 'w2', batch: '64', rounds: '8', seconds: '0.6' });
const { compile, deepcopy, F, nn, optim, tensor, zeros } = await import('flambeau');
const { nativeReady } = await import('flambeau/node');

const [rank, size] = [dist.getRank(), dist.getWorldSize()];
const plain = deepcopy(net);
const model = new nn.parallel.DistributedDataParallel(net);

function stepOf(module) {
  const optimizer = new optim.SGD(module.parameters(), { lr: 0.001, momentum: 0.9 });
  const step = (images, labels) => {
    const loss = F.crossEntropy(module(images), labels);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss;
  };
  const made = options.mode === 'compiled' ? compile(step) : step;
  return () => made(x, y).item();
}

/** At which part of an eager step each bucket has all of its gradients. */
function readyTimes() {
  const copy = deepcopy(plain);
  const step = () => F.crossEntropy(copy(x), y).backward();
  for (let i = 0; i < 3; i++) step();
  const parameters = [...copy.parameters()].toReversed();
  const times = [];
  for (const parameter of parameters) parameter.registerPostAccumulateGradHook(() => void times.push(performance.now()));
  const start = performance.now();
  step();
  const end = performance.now();
  const order = times.toSorted((a, b) => a - b);
  let [seen, bytes] = [0, 0];
  return model.bucketSizes.map((elements) => {
    let count = 0;
    while (count < elements) count += parameters[seen++].numel();
    bytes = 4 * elements;
    return { bytes, ready: (order[seen - 1] - start) / (end - start) };
  });
}

const flats = model.bucketSizes.map((elements) => zeros(elements));
const exchange = () => {
  const works = flats.map((flat) => dist.allReduce(flat, { asyncOp: true }));
  for (const work of works) work?.wait();
};
const [single, joint] = [stepOf(plain), stepOf(model)];

function timed(run, count) {
  const times = [];
  for (let i = 0; i < count; i++) {
    const start = now();
    run();
    times.push(now() - start);
  }
  return times;
}

/** Waits for the others without a processor. */
async function meet() {
  const work = dist.barrier({ asyncOp: true });
  while (!work.isCompleted()) await new Promise((resolve) => setTimeout(resolve, 5));
  work.wait();
}

for (let i = 0; i < 5; i++) {
  single();
  joint();
}
if (options.device === 'native') await nativeReady();
const once = 2 + Math.max(...timed(joint, 3));
const agreed = tensor([Math.max(4, Math.round((Number(options.seconds) * 1000) / once))], { dtype: 'int32' });
dist.broadcast(agreed, 0);
const count = agreed.item();
const all = { alone: [], beside: [], together: [], exchange: [] };
for (let i = 0; i < Number(options.rounds); i++) {
  await meet();
  if (rank === 0) all.alone.push(...timed(single, count));
  await meet();
  all.beside.push(...timed(single, count));
  await meet();
  all.together.push(...timed(joint, count));
  await meet();
  all.exchange.push(...timed(exchange, count));
}
const buckets = readyTimes();
const own = Object.fromEntries(Object.entries(all).map(([name, times]) => [name, times.length === 0 ? 0 : quick(times)]));
const slowest = tensor([own.beside, own.together, own.exchange]);
dist.allReduce(slowest, { op: 'max' });
if (rank === 0) {
  const [beside, together, exchanged] = slowest.tolist();
  const { alone } = own;
  const found = {
    row: options.row,
    ranks: size,
    batch,
    backend: process.env.FLAMBEAU_MPI_MEMORY === '0' ? 'messages' : 'common memory',
    alone,
    beside,
    together,
    exchange: exchanged,
    speedup: (size * alone) / together,
    ceiling: (size * alone) / beside,
    hidden: size === 1 ? 0 : 1 - (together - beside) / exchanged,
    buckets,
  };
  const show = (value) =>
    Array.isArray(value)
      ? value.map(({ bytes, ready }) => `${(bytes / 1e6).toFixed(2)} MB at ${(100 * ready).toFixed(0)} %`).join(' · ')
      : typeof value === 'number' && !Number.isInteger(value)
        ? value.toFixed(2)
        : String(value);
  console.log(
    options.json
      ? JSON.stringify(found)
      : Object.entries(found)
          .map(([name, value]) => `${name} ${show(value)}`)
          .join(', '),
  );
}
dist.destroyProcessGroup();
