// What long.test.ts starts in several processes: node long.mjs NETWORK STEPS BATCH DTYPE. Rank 0 prints the losses as JSON.
import { compile, F, manualSeed, nn, optim, randint, randn, setNumThreads } from 'flambeau';
import * as dist from 'flambeau/distributed';
import { w1, w2, w3 } from '../../bench/workloads.mjs';

const [name, steps, batch, dtype] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4]), process.argv[5]];
setNumThreads(1);
dist.initProcessGroup({ timeout: 300_000 });
const [rank, size] = [dist.getRank(), dist.getWorldSize()];
manualSeed(0);
const net = { w1, w2, resnet18: w3 }[name]();
const [images, labels] = [randn(4 * batch, 3, 32, 32).to(dtype), randint(0, 10, [4 * batch])];
net.to(dtype);
const model = new nn.parallel.DistributedDataParallel(nn.SyncBatchNorm.convertSyncBatchNorm(net));
const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
const step = compile((x, y) => {
  optimizer.zeroGrad();
  const loss = F.crossEntropy(model(x), y);
  loss.backward();
  optimizer.step();
  return loss;
});
const each = batch / size;
const losses = [];
for (let i = 0; i < steps; i++) {
  const at = (i % 4) * batch + rank * each;
  const loss = step(images.narrow(0, at, each).contiguous(), labels.narrow(0, at, each).contiguous())
    .detach()
    .clone();
  dist.allReduce(loss, { op: 'avg' });
  losses.push(loss.item());
}
if (rank === 0) console.log(`result: ${JSON.stringify(losses)}`);
dist.destroyProcessGroup();
