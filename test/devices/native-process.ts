/** A whole program for `native.test.ts`: a small training step, natively, here and in a worker thread. */
import { isMainThread, Worker } from 'node:worker_threads';
import { F, manualSeed, nn, optim, randn, randint, setNumThreads } from '../../src/index-node.ts';
import { nativeReady } from '../../src/node.ts';

async function train(): Promise<string> {
  setNumThreads(2);
  manualSeed(3);
  const model = new nn.Sequential(new nn.Conv2d(3, 16, 3, { padding: 1 }), new nn.ReLU(), new nn.Flatten(), new nn.Linear(16 * 256, 10));
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
  const [x, y] = [randn(32, 3, 16, 16), randint(0, 10, [32])];
  let last = 0;
  for (let step = 0; step < 6; step++) {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(x), y);
    loss.backward();
    optimizer.step();
    last = loss.item();
  }
  return `native ${await nativeReady()} sum ${last.toFixed(6)}`;
}

console.log(await train());
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  worker.on('error', (error) => {
    console.error(error);
    process.exitCode = 1;
  });
}
