// What a module that several processes train does at its edges, as in test/fixtures/distributed_edges.py. Rank 0 prints the numbers of every process.
import { F, manualSeed, nn, noGrad, optim, randint, randn, arange, setNumThreads } from 'flambeau';
import * as dist from 'flambeau/distributed';

const { Linear, ReLU, Sequential } = nn;
const DDP = nn.parallel.DistributedDataParallel;
setNumThreads(1);
dist.initProcessGroup({ timeout: 60_000 });
const [rank, size] = [dist.getRank(), dist.getWorldSize()];

class Branches extends nn.Module {
  a = new Linear(6, 3);
  b = new Linear(6, 3);
  never = new Linear(2, 2);

  forward(x, which) {
    return which === 0 ? this.a(x) : which === 1 ? this.b(x) : this.a(x).add(this.b(x));
  }
}

class Heads extends nn.Module {
  trunk = new Linear(6, 5);
  a = new Linear(5, 3);
  b = new Linear(5, 3);

  forward(x) {
    const h = F.relu(this.trunk(x));
    return [this.a(h), this.b(h)];
  }
}

const branches = () => new Branches();
const plain = () => new Sequential(new Linear(6, 8), new ReLU(), new Linear(8, 3));
const normed = () => new Sequential(new Linear(6, 5), new nn.BatchNorm1d(5), new ReLU(), new Linear(5, 3));

const make = (net, options = {}) => {
  manualSeed(1);
  return new DDP(net(), options);
};
const weighted = (x) =>
  x
    .detach()
    .to('float64')
    .flatten()
    .mul(arange(1, x.numel() + 1, { dtype: 'float64' }))
    .sum()
    .item();
const sums = (tensors) => [...tensors].map((x) => (x === null ? -1 : weighted(x)));
const grads = (model) => sums([...model.parameters()].map((p) => p.grad));

manualSeed(5);
const [x, y] = [randn(6 * size, 6), randint(0, 3, [6 * size])].map((all) => all.narrow(0, 6 * rank, 6));
const loss = (output) => F.crossEntropy(output, y);
const back = (output) => loss(output).backward();
const found = { unused: [], heads: [], static: [], own: [] };

let model = make(branches, { findUnusedParameters: true });
for (const which of [2, 0, (rank + 1) % 3, 1]) {
  model(x, 0); // leads to no backward pass
  back(model(x, which));
  found.unused.push(...grads(model));
}
model = make(branches, { findUnusedParameters: true });
loss(model(x, 2))
  .add(model(x.div(2), 2).square().mean())
  .backward();
found.twice = grads(model);
model = make(() => new Heads(), { findUnusedParameters: true });
for (const head of [0, 1]) {
  model.zeroGrad();
  back(model(x)[head]);
  found.heads.push(...grads(model));
}
model = make(branches, { staticGraph: true });
for (const factor of [1, 2]) {
  model.zeroGrad();
  back(model(x.mul(factor), 0));
  found.static.push(...grads(model));
}
model = make(plain);
back(model.module(x));
found.own.push(...grads(model));
model.zeroGrad();
model.noSync(() => loss(model(x))).backward();
found.own.push(...grads(model));
const whole = loss(model(x));
model.noSync(() => whole.backward());
found.own.push(...grads(model));
const held = model.module[0].weight.grad;
model.zeroGrad();
model.module[2].weight.registerPostAccumulateGradHook((p) => void p.grad.mul_(3));
back(model(x.mul(3)));
found.own.push(...sums([held]), ...grads(model));
model = make(() => new Sequential(new DDP(new Linear(6, 8)), new ReLU(), new Linear(8, 3)));
back(model(x));
found.nested = grads(model);
for (const [name, net, options] of [
  ['joined', normed, {}],
  ['joinedUnused', plain, { findUnusedParameters: true }],
]) {
  model = make(net, options);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const step = (input) => {
    optimizer.zeroGrad();
    back(model(input));
    optimizer.step();
  };
  model.join(() => {
    for (let i = 0; i < 2 + 2 * rank; i++) step(x.add(i));
  });
  model.eval();
  found[name] = sums([...model.parameters(), model(x)]);
  for (let i = 0; i < 2; i++) step(x); // in evaluation mode gradients are exchanged as well
  found[name].push(...sums(model.parameters()));
}
model = make(normed);
for (let i = 0; i < 2; i++) back(model(x.mul(rank + 1)));
model.eval();
found.evaluated = noGrad(() => sums([model(x)]));

const every = [];
dist.allGatherObject(every, found);
if (rank === 0) {
  const byName = Object.fromEntries(Object.keys(found).map((name) => [name, every.map((each) => each[name])]));
  console.log(`result: ${JSON.stringify(byName)}`);
}
dist.destroyProcessGroup();
