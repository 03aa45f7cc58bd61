/**
 * The tutorial's network (W1) and the classic CIFAR network (W2) of batch 20: 20 steps on WebGPU follow the CPU's losses. W2 on a software adapter takes
 * a minute, so it waits for FLAMBEAU_SLOW=1.
 */
import { describe, expect, test } from 'vitest';
import { compile, F, manualSeed, nn, optim, randint, randn, type Tensor } from '../../src/index-node.ts';
import { offerAsGpu, testDevice } from '../support/webgpu.ts';

const device = await testDevice();
const slow = process.env['FLAMBEAU_SLOW'] === '1';

const w1 = (): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(3, 16, 3, { stride: 2, padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(16, 32, 3, { stride: 2, padding: 1 }),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(2048, 10),
  );

const w2 = (): nn.Sequential =>
  new nn.Sequential(
    ...[3, 16, 32].flatMap((channels, i) => [new nn.Conv2d(channels, 16 << i, 3, { padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2)]),
    new nn.Flatten(),
    new nn.Linear(1024, 500),
    new nn.ReLU(),
    new nn.Linear(500, 10),
  );

async function losses(make: () => nn.Module, where: 'cpu' | 'gpu', steps: number): Promise<number[]> {
  manualSeed(0);
  const model = make().to(where) as nn.Module & ((x: Tensor) => Tensor);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const x = randn(20, 3, 32, 32).to(where);
  const y = randint(0, 10, [20]).to(where);
  const step = compile((x: Tensor, y: Tensor) => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
  const list: number[] = [];
  for (let i = 0; i < steps; i++) list.push(await step(x, y).itemAsync());
  return list;
}

describe.skipIf(device === undefined)('on WebGPU', () => {
  offerAsGpu(device!);

  test.each([['W1', w1, slow ? 20 : 5], ...(slow ? [['W2', w2, 20] as const] : [])] as const)(
    '%s follows the losses of the CPU',
    async (_, make, steps) => {
      const [expected, got] = [await losses(make, 'cpu', steps), await losses(make, 'gpu', steps)];
      const off = got.map((loss, i) => Math.abs(loss - expected[i]!) / expected[i]!);
      expect(Math.max(...off)).toBeLessThan(1e-4);
      expect(expected.at(-1)).toBeLessThan(expected[0]!);
    },
    300_000,
  );
});
