// What zero.test.ts starts in several processes: node zero.mjs NAME. Rank 0 prints its result as JSON. The trainings are those of test/fixtures/distributed_zero.py.
import { compile, deepcopy, F, manualSeed, nn, optim, randint, randn, setNumThreads } from 'flambeau';
import * as dist from 'flambeau/distributed';
import { deserialize, serialize } from 'flambeau/files';
import { readFileSync } from 'node:fs';
import { scaling } from './scaling.mjs';

const { ZeroRedundancyOptimizer } = dist.optim;
const [STEPS, BATCH] = [20, 24];
setNumThreads(1);
dist.initProcessGroup({ timeout: 60_000 });
const [rank, size] = [dist.getRank(), dist.getWorldSize()];
const print = (value) => rank === 0 && console.log(`result: ${JSON.stringify(value)}`);

function make() {
  manualSeed(0);
  return new nn.Sequential(new nn.Linear(12, 24), new nn.ReLU(), new nn.Linear(24, 24), new nn.ReLU(), new nn.Linear(24, 10));
}
const zero = (made, options) => (model) => new ZeroRedundancyOptimizer(model.parameters(), made, options);
const adam = zero(optim.Adam, { lr: 0.01 });
const sgd = zero(optim.SGD, { lr: 0.05, momentum: 0.9 });
const plain = (model, optimizer) => (loss) => {
  loss.backward();
  optimizer.step();
};

/** `resume` gets model and optimizer before step `from`. */
function train(optimizerOf, { care = plain, seen, from = 0, resume, compiled = false } = {}) {
  const net = make();
  const [x, y] = [randn(2 * BATCH, 12), randint(0, 10, [2 * BATCH])];
  resume?.(net);
  const model = new nn.parallel.DistributedDataParallel(net);
  const optimizer = optimizerOf(model);
  resume?.(net, optimizer);
  const act = care(model, optimizer);
  const each = BATCH / size;
  const body = (images, labels, i) => {
    model.zeroGrad();
    const loss = F.crossEntropy(model(images), labels);
    act(loss, i);
    return loss;
  };
  const recorded = compile((images, labels) => body(images, labels));
  const losses = [];
  for (let i = from; i < STEPS; i++) {
    const at = (i % 2) * BATCH + rank * each;
    const batch = [x.narrow(0, at, each).contiguous(), y.narrow(0, at, each).contiguous()];
    const total = (compiled ? recorded(...batch) : body(...batch, i)).detach().clone();
    dist.allReduce(total, { op: 'avg' });
    losses.push(total.item());
    seen?.(model, optimizer, i);
  }
  return losses;
}

function grouped(model) {
  const [first, , second, , last] = model.module;
  const groups = [{ params: [...first.parameters(), ...second.parameters()] }, { params: last.parameters(), lr: 0.001, weightDecay: 0.1 }];
  return new ZeroRedundancyOptimizer({ params: groups, optimizerClass: optim.Adam, lr: 0.01 });
}
const scheduled = (model, optimizer) => {
  const schedule = new optim.lrScheduler.OneCycleLR(optimizer, 0.1, { totalSteps: STEPS });
  return (loss) => {
    loss.backward();
    optimizer.step();
    schedule.step();
  };
};
const scaled = (model, optimizer) => scaling(model, optimizer, rank);
/** The last layer learns from step 10 on. */
const firstLayers = (model) => {
  const [first, , second] = model.module;
  return new ZeroRedundancyOptimizer([...first.parameters(), ...second.parameters()], optim.SGD, { lr: 0.05, momentum: 0.9 });
};
const added = (model, optimizer) => (loss, i) => {
  loss.backward();
  optimizer.step();
  if (i === 9) optimizer.addParamGroup({ params: model.module[4].parameters(), lr: 0.01 });
};

/** This rank's parameters by their numbers, of which there is state. */
const shareOf = (model, optimizer) => [...model.parameters()].flatMap((param, i) => (optimizer.state.has(param) ? [i] : []));
const said = (fn) => {
  try {
    fn();
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
  return undefined;
};

/** The state at rank `size - 1` as bytes of a file, then at all ranks. */
function consolidatedBytes(optimizer) {
  optimizer.consolidateStateDict(size - 1);
  const mine = rank === size - 1 ? [...serialize(optimizer.stateDict())] : null;
  const all = [];
  dist.allGatherObject(all, mine);
  return Uint8Array.from(all.at(-1));
}

const programs = {
  trainings() {
    const shares = [];
    const seen = (model, optimizer, i) => i === 0 && dist.allGatherObject(shares, shareOf(model, optimizer));
    const losses = {
      sgd: train(sgd),
      adam: train(adam),
      adamw: train(zero(optim.AdamW, { lr: 0.01, weightDecay: 0.1 }), { seen }),
      bucketed: train(zero(optim.Adam, { lr: 0.01, parametersAsBucketView: true })),
      grouped: train(grouped),
      scheduled: train(sgd, { care: scheduled }),
      scaled: train(adam, { care: scaled }),
      added: train(firstLayers, { care: added }),
    };
    const compiled = {
      sgd: train(sgd, { compiled: true }),
      adam: train(adam, { compiled: true }),
      bucketed: train(zero(optim.Adam, { lr: 0.01, parametersAsBucketView: true }), { compiled: true }),
    };
    print({ losses, compiled, shares });
  },
  /** With PyTorch's state of two ranks, in the middle; and once more with what comes out, after five steps. */
  resumed() {
    const saved = deserialize(new Uint8Array(readFileSync(new URL('../fixtures/distributed_zero.pt', import.meta.url))));
    const resume = (net, optimizer) =>
      optimizer === undefined ? net.loadStateDict(saved.get('model')) : optimizer.loadStateDict(saved.get('optimizer'));
    const losses = train(adam, { from: 10, resume });
    const states = [];
    train(adam, {
      from: 10,
      resume,
      seen: (model, optimizer, i) => {
        if (i !== 14) return;
        states.push(deepcopy(model.module.stateDict()), deserialize(consolidatedBytes(optimizer)));
      },
    });
    const second = (net, optimizer) => (optimizer === undefined ? net.loadStateDict(states[0]) : optimizer.loadStateDict(states[1]));
    const plainAdam = (model) => new optim.Adam(model.parameters(), { lr: 0.5 });
    print({ losses, again: train(adam, { from: 15, resume: second }), plain: train(plainAdam, { from: 15, resume: second }) });
  },
  /** Parameters that travel as they lie, and shares of which one is far larger: to the bit what the optimizer itself does. */
  large() {
    const trained = (optimizerOf, made) => {
      manualSeed(0);
      const model = new nn.parallel.DistributedDataParallel(
        new nn.Sequential(new nn.Linear(200, 100), new nn.Tanh(), new nn.Linear(100, 3)),
      );
      const optimizer = optimizerOf(model);
      const step = made((x) => {
        optimizer.zeroGrad();
        model(x).square().mean().backward();
        optimizer.step();
        return x.add(1);
      });
      for (let i = 0; i < 4; i++) step(randn(4, 200).add(rank));
      return nn.utils.parametersToVector(model.parameters());
    };
    const differences = [(fn) => fn, compile].flatMap((made) => {
      const plainly = trained((model) => new optim.Adam(model.parameters(), { lr: 0.01 }), made);
      return [adam, zero(optim.Adam, { lr: 0.01, parametersAsBucketView: true })].map((divided) =>
        trained(divided, made).sub(plainly).abs().max().item(),
      );
    });
    const all = [];
    dist.allGatherObject(all, differences);
    print(all);
  },
  refused() {
    const model = new nn.parallel.DistributedDataParallel(make());
    const optimizer = adam(model);
    const found = [said(() => optimizer.stateDict())];
    optimizer.consolidateStateDict(1);
    found.push(said(() => optimizer.stateDict()));
    found.push(said(() => optimizer.consolidateStateDict(size)));
    found.push(said(() => model.join(() => optimizer.step())));
    const other = new nn.Linear(rank === 1 ? 3 : 2, 2);
    found.push(said(() => new ZeroRedundancyOptimizer(other.parameters(), optim.SGD)));
    print(found);
  },
};

await programs[process.argv[2]]();
dist.destroyProcessGroup();
