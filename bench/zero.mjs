/**
 * npm run -s build && mpirun -n 2 node bench/zero.mjs [--row resnet18|w2|w1] [--batch 16] [--steps 6] [--device native|wasm] [--mode compiled|eager] [--clock wall|processor] [--json]
 *
 * What ZeroRedundancyOptimizer saves and costs with Adam under DistributedDataParallel: megabytes of state in each rank, and milliseconds of a step
 * in turn in the same processes with
 *   plain      Adam in every rank,
 *   divided    each rank's share, parameters sent as they lie,
 *   bucketed   the same with parametersAsBucketView,
 * and of the optimizer's step alone, with gradients that are there. The quickest eighth's edge, of the slowest rank. On a busy machine --clock processor
 * counts the processes' processor time, without their waits.
 */
import { begin, quick } from './ranks-start.mjs';

const { options, dist, net, x, y, now } = await begin({ row: 'resnet18', batch: '16', steps: '6', rounds: '4' });
const { compile, deepcopy, F, nn, optim, tensor } = await import('flambeau');
const { nativeReady } = await import('flambeau/node');

const zero = (params, given) => new dist.optim.ZeroRedundancyOptimizer(params, optim.Adam, { lr: 1e-4, ...given });
const KINDS = {
  plain: (params) => new optim.Adam(params, { lr: 1e-4 }),
  divided: (params) => zero(params),
  bucketed: (params) => zero(params, { parametersAsBucketView: true }),
};
const made = options.mode === 'compiled' ? compile : (fn) => fn;

const kinds = Object.entries(KINDS).map(([name, optimizerOf]) => {
  const model = new nn.parallel.DistributedDataParallel(deepcopy(net));
  const optimizer = optimizerOf([...model.parameters()]);
  const step = made((images, labels) => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(images), labels);
    loss.backward();
    optimizer.step();
    return loss;
  });
  const update = made((unused) => {
    optimizer.step();
    return unused.add(1);
  });
  const one = tensor([0]);
  return { name, optimizer, step: () => step(x, y).item(), update: () => update(one).item(), steps: [], updates: [] };
});

function timed(run, times) {
  for (let i = 0; i < Number(options.steps); i++) {
    dist.barrier();
    const start = now();
    run();
    times.push(now() - start);
  }
}

for (const { step, update } of kinds) for (let i = 0; i < 3; i++) (step(), update());
if (options.device === 'native') await nativeReady();
for (const { step, update } of kinds) for (let i = 0; i < 3; i++) (step(), update());
for (let round = 0; round < Number(options.rounds); round++) {
  for (const { step, steps } of kinds) timed(step, steps);
  for (const { update, updates } of kinds) timed(update, updates);
}

const stateBytes = ({ state }) =>
  [...state.values()]
    .flatMap((each) => Object.values(each))
    .reduce((sum, value) => sum + (typeof value === 'number' ? 0 : 4 * value.numel()), 0);
const found = {};
for (const { name, optimizer, steps, updates } of kinds) {
  const all = [];
  dist.allGatherObject(all, { step: quick(steps), update: quick(updates), megabytes: stateBytes(optimizer) / 1e6 });
  const most = (what) => Math.max(...all.map((each) => each[what]));
  found[name] = { step: most('step'), update: most('update'), megabytes: all.map(({ megabytes }) => megabytes) };
}
if (dist.getRank() === 0) {
  if (options.json) console.log(JSON.stringify(found));
  else
    for (const [name, { step, update, megabytes }] of Object.entries(found))
      console.log(
        `${name.padEnd(9)} step ${step.toFixed(1)} ms, optimizer ${update.toFixed(1)} ms, state ${megabytes.map((each) => each.toFixed(1)).join(' and ')} MB`,
      );
}
dist.destroyProcessGroup();
