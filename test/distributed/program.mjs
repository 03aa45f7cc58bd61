// What the tests start in several processes: node program.mjs NAME. Rank 0 prints its result as JSON.
import { compile, deepcopy, F, fromTypedArray, manualSeed, nn, ones, optim, randint, randn, setNumThreads, tensor, zeros } from 'flambeau';
import * as dist from 'flambeau/distributed';
import { scaling } from './scaling.mjs';

const { Conv2d, Flatten, Linear, ReLU, Sequential } = nn;
const [name, ...rest] = process.argv.slice(2);
setNumThreads(1);
dist.initProcessGroup({ timeout: 60_000 });
const [rank, size] = [dist.getRank(), dist.getWorldSize()];
const print = (value) => rank === 0 && console.log(`result: ${JSON.stringify(value)}`);

const tutorial = () =>
  new Sequential(
    new Conv2d(3, 16, 3, { stride: 2, padding: 1 }),
    new ReLU(),
    new Conv2d(16, 32, 3, { stride: 2, padding: 1 }),
    new ReLU(),
    new Flatten(),
    new Linear(512, 10),
  );
const normed = () =>
  new Sequential(new Conv2d(3, 8, 3, { padding: 1 }), new nn.BatchNorm2d(8), new ReLU(), new Flatten(), new Linear(8 * 256, 10));

/** A layer that is used twice, one that only even steps use, and one that is frozen. */
class Shared extends nn.Module {
  first = new Linear(768, 24);
  twice = new Linear(24, 24);
  sometimes = new Linear(24, 24);
  last = new Linear(24, 10);
  step = 0;

  constructor() {
    super();
    this.first.bias.requiresGrad_(false);
  }

  forward(x) {
    let y = this.twice(F.relu(this.twice(F.relu(this.first(x.flatten(1))))));
    this.step++;
    if (this.step % 2 === 0) y = this.sometimes(y);
    return this.last(F.relu(y));
  }
}

const ddp = (net, options) => new nn.parallel.DistributedDataParallel(net, options);
const small = { bucketCapMb: 0.01 };

/** The trainings of test/fixtures/distributed.py: the losses, averaged over processes. */
function train(make, wrap, { accumulate = false, compiled = false } = {}) {
  manualSeed(0);
  const model = wrap(make());
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
  const [images, labels] = [randn(128, 3, 16, 16), randint(0, 10, [128])];
  const each = 32 / size;
  const body = (x, y) => {
    optimizer.zeroGrad();
    let loss;
    if (accumulate) {
      const half = each / 2;
      model.noSync(() =>
        F.crossEntropy(model(x.narrow(0, 0, half)), y.narrow(0, 0, half))
          .div(2)
          .backward(),
      );
      loss = F.crossEntropy(model(x.narrow(0, half, half)), y.narrow(0, half, half));
      loss.div(2).backward();
    } else {
      loss = F.crossEntropy(model(x), y);
      loss.backward();
    }
    optimizer.step();
    return loss;
  };
  const step = compiled ? compile(body) : body;
  const losses = [];
  for (let i = 0; i < 20; i++) {
    const at = (i % 4) * 32 + rank * each;
    const loss = step(images.narrow(0, at, each).contiguous(), labels.narrow(0, at, each).contiguous())
      .detach()
      .clone();
    dist.allReduce(loss, { op: 'avg' });
    losses.push(loss.item());
  }
  return losses;
}

const sgd = (model) => new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });

/** The tutorial's training with something beside, as cared_for in test/fixtures/distributed.py. */
function cared(care, options = small) {
  manualSeed(0);
  const [model, optimizer, act] = care(ddp(tutorial(), options));
  const [images, labels] = [randn(128, 3, 16, 16), randint(0, 10, [128])];
  const each = 32 / size;
  const losses = [];
  for (let i = 0; i < 20; i++) {
    const at = (i % 4) * 32 + rank * each;
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(images.narrow(0, at, each)), labels.narrow(0, at, each));
    act(loss, i);
    const total = loss.detach().clone();
    dist.allReduce(total, { op: 'avg' });
    losses.push(total.item());
  }
  return losses;
}

const clipped = (model) => {
  const optimizer = sgd(model);
  const act = (loss) => {
    loss.backward();
    nn.utils.clipGradNorm_(model.parameters(), 0.5);
    optimizer.step();
  };
  return [model, optimizer, act];
};
const scaled = (model) => {
  const optimizer = sgd(model);
  return [model, optimizer, scaling(model, optimizer, rank)];
};
const frozen = (model) => {
  const optimizer = sgd(model);
  const act = (loss, i) => {
    loss.backward();
    optimizer.step();
    if (i === 9) model.module[0].requiresGrad_(false);
  };
  return [model, optimizer, act];
};
const copied = (model) => {
  const copy = deepcopy(model);
  const optimizer = sgd(copy);
  const act = (loss) => {
    loss.backward();
    optimizer.step();
  };
  return [copy, optimizer, act];
};
/** In the middle, another model goes on with the state of the first, which rank 0 alone has. */
const saved = (first) => {
  let [model, optimizer] = [first, sgd(first)];
  const names = Object.keys(model.stateDict());
  if (!names.every((name) => name.startsWith('module.'))) throw new Error(names.join());
  const act = (loss, i) => {
    loss.backward();
    optimizer.step();
    if (i !== 9) return;
    const [state, momenta] = [deepcopy(model.stateDict()), optimizer.stateDict()];
    const net = tutorial();
    if (rank === 0) net.loadStateDict(deepcopy(model.module.stateDict()));
    model = ddp(net, small); // gives what rank 0 has to all
    model.loadStateDict(state);
    optimizer = sgd(model);
    optimizer.loadStateDict(momenta);
  };
  const call = (x) => model(x);
  return [call, { zeroGrad: () => optimizer.zeroGrad() }, act];
};

/** A discriminator and a generator that learns through it. */
function gan() {
  manualSeed(0);
  const g = ddp(new Sequential(new Linear(8, 32), new ReLU(), new Linear(32, 12)));
  const d = ddp(new Sequential(new Linear(12, 16), new ReLU(), new Linear(16, 1)));
  const [toD, toG] = [sgd(d), sgd(g)];
  const each = 16 / size;
  const [real, noise] = [randn(16, 12), randn(16, 8)].map((x) => x.narrow(0, rank * each, each));
  const [one, zero] = [ones(each, 1), zeros(each, 1)];
  const losses = [];
  for (let i = 0; i < 20; i++) {
    toD.zeroGrad();
    const ofReal = F.binaryCrossEntropyWithLogits(d(real), one);
    ofReal.backward();
    const fake = g(noise);
    const ofFake = F.binaryCrossEntropyWithLogits(d(fake.detach()), zero);
    ofFake.backward();
    toD.step();
    toG.zeroGrad();
    const ofG = F.binaryCrossEntropyWithLogits(d(fake), one);
    ofG.backward();
    toG.step();
    for (const loss of [ofReal.add(ofFake), ofG]) {
      const total = loss.detach().clone();
      dist.allReduce(total, { op: 'avg' });
      losses.push(total.item());
    }
  }
  return losses;
}

/** noSync around a compiled step: it exchanges nothing, though the same step has. */
function unsynced() {
  manualSeed(0);
  const model = ddp(new Linear(2, 1));
  const step = compile((x) => {
    model.zeroGrad();
    model(x).sum().backward();
    return model.module.weight.grad;
  });
  const x = ones(1, 2).mul(rank + 1);
  const grads = [];
  for (const run of [() => step(x), () => model.noSync(() => step(x)), () => step(x)]) grads.push(run().tolist()[0][0]);
  return grads;
}

const programs = {
  collectives() {
    const found = {};
    const list = (x) => x.tolist();
    for (const dtype of ['float32', 'float64', 'int32', 'int64', 'int8', 'int16', 'uint8', 'uint16', 'float16', 'bfloat16']) {
      const sum = tensor([rank + 1, 2], { dtype });
      dist.allReduce(sum);
      found[dtype] = list(sum);
    }
    const small = zeros(2 * size, { dtype: 'bfloat16' });
    dist.allGatherIntoTensor(small, tensor([1, rank + 2], { dtype: 'bfloat16' }).sub(tensor([0, rank], { dtype: 'bfloat16' })));
    found.small = list(small);
    const alias = zeros(size, 2);
    alias.select(0, 2).add_(tensor([rank + 1, rank + 2])); // what goes out lies where what comes in is to be
    dist.allGatherIntoTensor(alias, alias.select(0, 2));
    found.alias = alias.mul(2).flatten().tolist();
    for (const op of ['product', 'min', 'max']) {
      const x = tensor([rank + 2, -rank]);
      dist.allReduce(x, { op });
      found[op] = list(x);
    }
    for (const op of ['band', 'bor', 'bxor']) {
      const x = tensor([5 + rank, 3], { dtype: 'int32' });
      dist.allReduce(x, { op });
      found[op] = list(x);
    }
    const any = tensor([rank === 1, false]);
    dist.allReduce(any, { op: 'max' });
    found.any = list(any);
    const strided = fromTypedArray(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3])
      .mul(rank + 1)
      .t(); // through a copy
    dist.allReduce(strided, { op: 'avg' });
    found.strided = list(strided);
    const part = zeros(3, 4).at(1, '1:3'); // memory from the middle
    part.add_(rank + 1);
    dist.allReduce(part);
    found.part = list(part);
    const from = tensor([rank, 10 * rank]);
    dist.broadcast(from, size - 1);
    found.broadcast = list(from);
    const reduced = tensor([rank + 1]);
    dist.reduce(reduced, 0);
    found.reduce = list(reduced);
    const into = zeros(size, 2);
    dist.allGatherIntoTensor(into, tensor([rank, -rank]));
    found.allGatherIntoTensor = list(into);
    const outputs = Array.from({ length: size }, () => zeros(2, 1));
    dist.allGather(outputs, tensor([[rank], [7]]));
    found.allGather = outputs.map(list);
    const scattered = zeros(2);
    dist.reduceScatterTensor(scattered, ones(size, 2).mul(rank + 1), { op: 'avg' });
    found.reduceScatterTensor = list(scattered);
    const own = zeros(2);
    dist.reduceScatter(
      own,
      Array.from({ length: size }, (_, i) => tensor([i, rank])),
    );
    found.reduceScatter = list(own);
    const gathered = rank === 1 ? Array.from({ length: size }, () => zeros(2)) : null;
    dist.gather(tensor([rank, 7]), gathered, 1);
    if (gathered !== null) dist.scatter(zeros(2), gathered, 1);
    else {
      const mine = zeros(2);
      dist.scatter(mine, null, 1);
      found.scattered = list(mine);
    }
    const toAll = zeros(2, 2).t();
    dist.scatter(toAll, rank === 2 ? Array.from({ length: size }, (_, i) => tensor([[i, 1], [2, 3]])) : null, 2); // prettier-ignore
    const back = rank === 0 ? Array.from({ length: size }, () => zeros(2, 2)) : null;
    dist.gather(toAll, back);
    found.gathered = back?.map(list);
    const empty = zeros(0);
    dist.allReduce(empty);
    found.empty = list(empty);
    const objects = [];
    dist.allGatherObject(objects, { rank, text: 'ä'.repeat(rank) });
    const rich = [];
    dist.allGatherObject(rich, { map: new Map([[rank, NaN]]), at: Float32Array.of(rank) });
    found.rich = rich.map(({ map, at }) => [map.get(at[0])].map(String).join());
    found.objects = objects;
    const told = rank === 0 ? ['from', { zero: true }] : [];
    dist.broadcastObjectList(told);
    found.told = told;
    const at = { backend: dist.getBackend(), size, local: dist.getNodeLocalRank() };
    dist.barrier();
    print({ ...found, ...at });
  },
  async asynchronous() {
    const tensors = Array.from({ length: 8 }, (_, i) => ones(1000 + i).mul(rank + i));
    const works = tensors.map((x) => dist.allReduce(x, { asyncOp: true }));
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    for (const work of works) await work.done();
    await new Promise((resolve) => setTimeout(resolve, 5));
    clearInterval(timer);
    print({
      sums: tensors.map((x) => x.at(0).item()),
      done: works.every((work) => work.isCompleted()),
      turned: turns > 0,
    });
  },
  trainings() {
    print({
      tutorial: train(tutorial, (net) => ddp(net)),
      buckets: train(tutorial, (net) => ddp(net, { ...small, gradientAsBucketView: true })),
      compiled: train(tutorial, (net) => ddp(net, small), { compiled: true }),
      accumulated: train(tutorial, (net) => ddp(net, small), { accumulate: true }),
      accumulatedCompiled: train(tutorial, (net) => ddp(net, small), { accumulate: true, compiled: true }),
      shared: train(
        () => new Shared(),
        (net) => ddp(net, { ...small, findUnusedParameters: true }),
      ),
      normed: train(normed, (net) => ddp(nn.SyncBatchNorm.convertSyncBatchNorm(net), small)),
      normedCompiled: train(normed, (net) => ddp(nn.SyncBatchNorm.convertSyncBatchNorm(net), small), {
        compiled: true,
      }),
    });
  },
  cared() {
    print({
      clipped: cared(clipped),
      scaled: cared(scaled),
      frozen: cared(frozen, { ...small, findUnusedParameters: true }),
      copied: cared(copied),
      saved: cared(saved),
      gan: gan(),
      unsynced: unsynced(),
    });
  },
  large() {
    // more than a slot holds, of sizes that no number of processes divides
    const count = 700_001;
    const x = tensor(Float32Array.from({ length: count }, (_, i) => (i % 97) + rank));
    const sum = x.clone();
    dist.allReduce(sum);
    const each = (size * (size - 1)) / 2;
    const worst = (y, want) => y.sub(want).abs().max().item();
    const plain = tensor(Float32Array.from({ length: count }, (_, i) => i % 97));
    const from = rank === size - 1 ? plain.clone() : zeros(count);
    dist.broadcast(from, size - 1);
    const all = zeros(size, count);
    dist.allGatherIntoTensor(all, x);
    const again = zeros(size, count); // this process's part lies in it
    again.select(0, rank).copy_(x);
    dist.allGatherIntoTensor(again, again.select(0, rank));
    const part = zeros(count);
    dist.reduceScatterTensor(part, all);
    const reduced = x.clone();
    dist.reduce(reduced, 1);
    const there = rank === 1 ? Array.from({ length: size }, () => zeros(count)) : null;
    dist.gather(x, there, 1);
    const back = zeros(count);
    dist.scatter(back, there, 1);
    const wrong = tensor([
      worst(sum, plain.mul(size).add(each)),
      worst(from, plain),
      Math.max(...Array.from({ length: size }, (_, i) => worst(all.select(0, i), plain.add(i)))),
      worst(part, plain.add(rank).mul(size)),
      rank === 1 ? worst(reduced, plain.mul(size).add(each)) : worst(reduced, x),
      worst(again, all),
      worst(back, x),
    ]);
    dist.allReduce(wrong, { op: 'max' });
    print(wrong.tolist());
  },
  bits() {
    print(train(tutorial, (net) => ddp(net, small)));
  },
  join() {
    manualSeed(0);
    const model = ddp(new Sequential(new Linear(4, 3), new nn.BatchNorm1d(3)));
    const optimizer = new optim.SGD(model.parameters(), 0.1);
    let steps = 0;
    model.join(() => {
      for (let i = 0; i < 2 + 2 * rank; i++, steps++) {
        optimizer.zeroGrad();
        model(
          ones(2, 4)
            .mul(i + 1)
            .add(randn(2, 4)),
        )
          .square()
          .sum()
          .backward();
        optimizer.step();
      }
    });
    const weight = model.module[0].weight.detach();
    const most = weight.clone();
    dist.allReduce(steps === 0 ? most : tensor([steps]), { op: 'max' });
    print({ steps, finite: Number.isFinite(weight.sum().item()) });
  },
  different() {
    manualSeed(0);
    try {
      ddp(new Sequential(new Linear(4, rank === 1 ? 5 : 3)));
    } catch (error) {
      print(error.message);
    }
  },
  unused() {
    const model = ddp(new Shared());
    const step = () =>
      model(randn(2, 3, 16, 16))
        .sum()
        .backward();
    try {
      step();
      step();
    } catch (error) {
      print(error.message);
    }
  },
};

await programs[name](...rest);
dist.destroyProcessGroup();
