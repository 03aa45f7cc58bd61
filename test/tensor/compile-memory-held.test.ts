/** What compiled functions hold comes back: when nothing refers to them any more, when asked, and when memory is short. */
import {
  compile,
  F,
  memoryScope,
  noGrad,
  nn,
  ones,
  optim,
  OutOfMemoryError,
  randint,
  randn,
  tensor,
  zeros,
  type Compiled,
  type Tensor,
} from 'flambeau';
import { describe, expect, test } from 'vitest';
import { Trainer } from 'flambeau/node';
import { models } from 'flambeau/vision';
import { cpuDevice } from '../../src/tensor/backend.ts';
import { liveStorages } from '../../src/tensor/storage.ts';

/** Bytes in use once everything that nothing refers to has been given back. */
function inUse(): number {
  liveStorages();
  return cpuDevice().bytesInUse;
}

const network = (): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(3, 16, 3, { padding: 1 }),
    new nn.BatchNorm2d(16),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(16, 32, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.AdaptiveAvgPool2d(4),
    new nn.Flatten(),
    new nn.Linear(512, 10),
  );

function trainer(model = network()): Compiled<[Tensor, Tensor], Tensor> {
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  return compile((x: Tensor, y: Tensor) => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
}

const batch = (size: number): [Tensor, Tensor] => [randn(8, 3, size, size), randint(0, 10, [8])];

/** A model, an optimizer and a compiled step, called twice and forgotten. */
function trainAndForget(): void {
  const step = trainer();
  const [x, y] = batch(32);
  step(x, y);
  step(x, y);
}

describe('functions that nobody refers to any more', () => {
  test('give back all they held: models, optimizers and steps made in a loop', () => {
    trainAndForget();
    const before = inUse();
    for (let i = 0; i < 40; i++) trainAndForget();
    expect(inUse() - before).toBeLessThan(2e6); // less than one of them: a step holds 4 MB
  });

  test('give back what they keep of weights', () => {
    const infer = (): void => {
      const model = new nn.Conv2d(64, 64, 3).eval();
      const step = compile((x: Tensor) => noGrad(() => model(x)));
      step(randn(1, 64, 12, 12));
    };
    infer();
    const before = inUse();
    for (let i = 0; i < 20; i++) infer();
    expect(inUse() - before).toBeLessThan(0.2e6);
  });

  test.runIf(process.env['FLAMBEAU_SLOW'] === '1')(
    'give back what trainers of a ResNet-18 held',
    async () => {
      const train = async (): Promise<void> => {
        const model = models.resnet18({ numClasses: 10 });
        const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
        const batches: [Tensor, Tensor][] = [[randn(4, 3, 64, 64), randint(0, 10, [4])]];
        const given = async function* (): AsyncGenerator<[Tensor, Tensor]> {
          await Promise.resolve();
          yield* batches;
        };
        const loader = { length: 1, [Symbol.asyncIterator]: given };
        await new Trainer({ model, optimizer }).fit(loader, loader, 2);
      };
      await train();
      const before = inUse();
      for (let i = 0; i < 12; i++) await train();
      expect(inUse() - before).toBeLessThan(50e6); // less than one of them
    },
    600_000,
  );
});

describe('dispose', () => {
  test('gives back the recordings at once, and the next call records anew', () => {
    const step = trainer();
    const [x, y] = batch(32);
    const first = step(x, y);
    liveStorages();
    const held = cpuDevice().bytesInUse;
    step.dispose();
    expect(held - cpuDevice().bytesInUse).toBeGreaterThan(1e6);
    expect(step.recordings).toBe(0);
    expect(Number.isFinite(first.item())).toBe(true);
    expect(step(x, y).item()).not.toBe(first.item());
    expect(step.recordings).toBe(1);
  });

  test('is what `using` calls; results and gradients stay', () => {
    const w = ones(4, { requiresGrad: true });
    const make = (): Tensor => {
      using step = compile(() => {
        w.grad = null;
        const loss = w.mul(3).sum();
        loss.backward();
        return loss;
      });
      return step();
    };
    expect(make().item()).toBe(12);
    expect(w.grad!.tolist()).toEqual([3, 3, 3, 3]);
  });
});

describe('one function of many shapes', () => {
  test('holds one arena, as large as the largest needs, and one copy of the gradients', () => {
    const model = network();
    const step = trainer(model);
    const largest = batch(96);
    step(...largest);
    const alone = inUse();
    for (let i = 0; i < 30; i++) step(...batch(36 + 2 * i));
    expect(inUse() - alone).toBeLessThan(0.3 * alone);
    const results = [step(...largest).item(), step(...batch(40)).item(), step(...largest).item()];
    expect(results.every(Number.isFinite)).toBe(true);
  });

  test('gives the bits that it gives eagerly, whichever shape comes next', () => {
    const follow = (compiled: boolean): number[] => {
      const w = tensor([0.5, -0.25, 2], { requiresGrad: true });
      const eager = (x: Tensor): Tensor => {
        w.grad = null;
        const h = x.unsqueeze(1).mul(w).tanh();
        const loss = h.mul(h.sum()).exp().sum();
        loss.backward();
        noGrad(() => void w.sub_(w.grad!.mul(0.01)));
        return loss;
      };
      const fn = compiled ? compile(eager) : eager;
      return [3, 50, 7, 500, 3, 50, 1000, 7].flatMap((n) => [fn(ones(n).div(n)).item(), w.at(0).item(), w.at(2).item()]);
    };
    expect(follow(true)).toEqual(follow(false));
  });

  test('lets nobody see the gradients of one shape in those of another, nor in an argument', () => {
    const w = ones(3, { requiresGrad: true });
    const step = compile((x: Tensor) => {
      w.grad = null;
      w.mul(x).sum().backward();
      return x.mul(2);
    });
    step(tensor([1, 2, 3]));
    const grad = w.grad!;
    expect(step(grad).tolist()).toEqual([2, 4, 6]); // what an earlier call has left, as an argument
    expect([grad.tolist(), w.grad!.tolist()]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    expect(step(w.grad!.view(3)).tolist()).toEqual([2, 4, 6]);
    step(zeros(2, 3));
    expect(w.grad!.tolist()).toEqual([0, 0, 0]);
  });
});

describe('when memory is short', () => {
  test('what plans hold between runs goes before anything is refused', () => {
    const device = cpuDevice();
    const x = randn(8, 16, 128, 128);
    const [step, other] = [0, 1].map(() => compile((x: Tensor) => x.exp().view(8, -1).softmax(1).view(8, 16, 128, 128).sum(1).tanh()));
    const wanted = step!(x).toTypedArray();
    other!(x);
    liveStorages();
    const blocks: { address: number; bytes: number }[] = [];
    try {
      // Fill the memory. Blocks are never touched, so no page of them becomes real.
      const { reclaim } = device;
      device.reclaim = undefined;
      for (let bytes = 2 ** 30; bytes >= 2 ** 20;) {
        try {
          blocks.push({ address: device.allocateAt(bytes), bytes });
        } catch (error) {
          expect(error).toBeInstanceOf(OutOfMemoryError);
          bytes /= 2;
        }
      }
      device.reclaim = reclaim;
      const taken = zeros(2 ** 20); // 4 MB: the arenas' memory
      expect(taken.sum().item()).toBe(0);
      for (const { address, bytes } of blocks.splice(0)) device.freeAt(address, bytes);
      expect(step!(x).toTypedArray()).toEqual(wanted);
      expect(other!(x).toTypedArray()).toEqual(wanted);
    } finally {
      for (const { address, bytes } of blocks) device.freeAt(address, bytes);
    }
  });

  test('a scope frees nothing that a function made inside it holds', () => {
    const step = memoryScope(() => {
      const compiled = compile((x: Tensor) => x.mul(2).add(1).softmax(0).cumsum(0));
      compiled(ones(100));
      return { compiled };
    }).compiled;
    zeros(1000).fill_(7);
    expect(step(ones(100)).at(99).item()).toBeCloseTo(1, 5);
    expect(step.recordings).toBe(1);
  });
});
