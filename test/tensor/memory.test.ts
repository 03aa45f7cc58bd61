import {
  AutogradError,
  ArgumentError,
  F,
  manualSeed,
  memoryScope,
  nn,
  noGrad,
  ones,
  optim,
  OutOfMemoryError,
  randint,
  randn,
  tensor,
  zeros,
  type Tensor,
} from 'flambeau';
import { describe, expect, it } from 'vitest';
import { cpuDevice } from '../../src/tensor/backend.ts';
import { sizeClass } from '../../src/devices/cpu/heap.ts';
import { liveStorages } from '../../src/tensor/storage.ts';

const FREED = /: this tensor's memory has been freed, by memoryScope\(\)/;

describe('memoryScope', () => {
  it('frees what was made inside and keeps what is returned, however it is packed', () => {
    const made: Tensor[] = [];
    const keep = (x: Tensor): Tensor => {
      made.push(x.mul(2)); // forgotten
      return x.add(1);
    };
    const use = (): void => {
      const [one, { two }, map] = memoryScope(() => [
        keep(ones(100)),
        { two: [keep(ones(200))] },
        new Map([['three', keep(ones(300))]]),
      ]) as [Tensor, { two: Tensor[] }, Map<string, Tensor>];
      expect(one.sum().item()).toBe(200);
      expect(two[0]!.sum().item()).toBe(400);
      expect(map.get('three')!.sum().item()).toBe(600);
      expect(made.every((x) => x.storage.freed)).toBe(true);
    };
    use(); // plans, and the threads' scratch, stay
    const before = cpuDevice().bytesInUse;
    use();
    expect(cpuDevice().bytesInUse - before).toBeLessThan(10_000);
  });

  it('keeps the storage of a returned view', () => {
    const row = memoryScope(() => ones(4, 5).mul(3).at(2));
    expect(row.tolist()).toEqual([3, 3, 3, 3, 3]);
  });

  it('leaves tensors from outside alone', () => {
    const x = ones(3);
    memoryScope(() => {
      x.add_(1);
      x.view(3, 1).mul(2);
    });
    expect(x.tolist()).toEqual([2, 2, 2]);
  });

  it('nests: the outer scope takes what the inner one hands on', () => {
    let inner: Tensor | undefined;
    memoryScope(() => {
      inner = memoryScope(() => ones(2).add(1));
      expect(inner.tolist()).toEqual([2, 2]);
    });
    expect(() => inner!.tolist()).toThrow(FREED);
  });

  it('keeps gradients of parameters and the state of optimizers', () => {
    manualSeed(0);
    const train = (scoped: boolean): number[] => {
      manualSeed(1);
      const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 1));
      const optimizer = new optim.Adam(model.parameters(), { lr: 0.1 });
      const step = (): number => {
        optimizer.zeroGrad();
        const loss = F.mseLoss(model(ones(3, 4)), ones(3, 1));
        loss.backward();
        optimizer.step();
        return loss.item();
      };
      return Array.from({ length: 6 }, () => (scoped ? memoryScope(step) : step()));
    };
    expect(train(true)).toEqual(train(false));
  });

  it('frees a gradient that it left earlier when another takes its place', () => {
    const linear = new nn.Linear(100, 100);
    const use = (): Tensor =>
      memoryScope(() => {
        linear.zeroGrad();
        const loss = linear(ones(1, 100)).sum();
        loss.backward();
        return loss;
      });
    use();
    use(); // plans stay
    const before = cpuDevice().bytesInUse;
    for (let i = 0; i < 5; i++) expect(use().storage.freed).toBe(false);
    expect(linear.weight.grad!.sum().item()).toBe(10_000);
    expect(cpuDevice().bytesInUse - before).toBeLessThan(1000); // the losses
  });

  it('holds a loop of zeroed gradients flat, at the size of one step', () => {
    const linear = new nn.Linear(1000, 1000); // 4 MB, and as much for its gradient
    const x = ones(8, 1000);
    const step = (): void =>
      memoryScope(() => {
        linear.zeroGrad();
        linear(x).sum().backward();
      });
    step();
    step(); // plans stay
    const device = cpuDevice();
    const [inUse, reserved] = [device.bytesInUse, device.bytesReserved];
    for (let i = 0; i < 200; i++) step(); // 930 MB of gradients
    expect(device.bytesInUse - inUse).toBeLessThan(1000);
    expect(device.bytesReserved - reserved).toBeLessThan(5e6);
    expect(linear.weight.grad!.sum().item()).toBe(8e6);
  });

  it('frees gradients that are replaced within it, and those of tensors that it frees', () => {
    const weight = ones(50, { requiresGrad: true });
    const grads: Tensor[] = [];
    memoryScope(() => {
      for (let i = 0; i < 3; i++) {
        weight.grad = null;
        const input = ones(50, { requiresGrad: true });
        const product = input.mul(weight);
        product.retainGrad();
        product.pow(2).sum().backward();
        grads.push(weight.grad!, input.grad!, product.grad!);
      }
    });
    expect(grads.map((grad) => grad.storage.freed)).toEqual([true, true, true, true, true, true, false, true, true]);
    expect(weight.grad!.tolist()).toEqual(new Array(50).fill(2));
  });

  it('leaves a gradient that somebody has from outside of scopes, that two tensors share, or that is returned', () => {
    const [a, b] = [ones(3, { requiresGrad: true }), ones(3, { requiresGrad: true })];
    const step = (): void => a.mul(2).sum().backward();
    step();
    const outside = a.grad!;
    const returned = memoryScope(() => {
      a.grad = null;
      step();
      return a.grad!;
    });
    memoryScope(() => {
      a.grad = null;
      step();
      b.grad = a.grad as Tensor | null;
    });
    memoryScope(() => {
      a.grad = null;
    });
    for (const grad of [outside, returned, b.grad!]) expect(grad.tolist()).toEqual([2, 2, 2]);
    const shared = b.grad!;
    memoryScope(() => {
      b.grad = null;
    });
    expect(shared.storage.freed).toBe(true);
  });

  it('works with `using`, and ends only once', () => {
    let inside: Tensor;
    {
      using scope = memoryScope();
      inside = ones(2).mul(2);
      expect(inside.tolist()).toEqual([2, 2]);
      scope[Symbol.dispose]();
    }
    expect(() => inside.tolist()).toThrow(FREED);
    expect(ones(2).add(1).tolist()).toEqual([2, 2]);
  });

  it('ends when the function throws', () => {
    let inside: Tensor | undefined;
    expect(() =>
      memoryScope(() => {
        inside = ones(2).mul(2);
        throw new Error('mine');
      }),
    ).toThrow('mine');
    expect(inside!.storage.freed).toBe(true);
    expect(ones(2).mul(2).storage.freed).toBe(false);
  });

  it('refuses asynchronous functions', () => {
    expect(() => memoryScope(async () => Promise.resolve(ones(2)))).toThrow(ArgumentError);
    expect(ones(2).mul(2).tolist()).toEqual([2, 2]);
  });
});

describe('a freed tensor', () => {
  const freed = (): Tensor => {
    let gone: Tensor | undefined;
    memoryScope(() => {
      gone = ones(1).mul(5);
    });
    return gone!;
  };

  it.each<[string, (x: Tensor) => unknown]>([
    ['add', (x) => x.add(1)],
    ['add', (x) => ones(1).add_(x)],
    ['mul', (x) => x.mul_(2)],
    ['item', (x) => x.item()],
    ['toTypedArray', (x) => x.tolist()],
    ['toTypedArray', (x) => x.toString()],
    ['toTypedArray', (x) => x.view(1, 1).toTypedArray()],
    ['setData', (x) => x.setData(Float32Array.of(1))],
  ])('throws a named error from %s', (op, use) => {
    const x = freed();
    expect(() => use(x)).toThrow(AutogradError);
    expect(() => use(x)).toThrow(FREED);
    expect(() => use(x)).toThrow(new RegExp(`^${op}`));
  });

  it('is found by the backward pass too', () => {
    const w = ones(3, { requiresGrad: true });
    let loss: Tensor | undefined;
    memoryScope(() => {
      loss = w.mul(2).pow(2).sum();
      return undefined;
    });
    expect(() => loss!.backward()).toThrow(FREED);
    expect(w.grad).toBeNull();
  });

  it('can be freed again without harm', () => {
    const x = ones(1000);
    const before = cpuDevice().bytesInUse;
    x.storage.free();
    x.storage.free();
    expect(before - cpuDevice().bytesInUse).toBe(sizeClass(4000));
    const [a, b] = [zeros(1000), ones(1000)]; // were it free twice, both would be the same memory
    expect(a.add(b).sum().item()).toBe(1000);
  });
});

const stage = (from: number, to: number): nn.Module[] => [new nn.Conv2d(from, to, 3, { padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2)];

/** The classic CIFAR network and a step of training it, as the memory benchmark has it. */
function trainer(): { model: (x: Tensor) => Tensor; step: () => Tensor } {
  manualSeed(0);
  const model = new nn.Sequential(
    ...stage(3, 16),
    ...stage(16, 32),
    ...stage(32, 64),
    new nn.Flatten(),
    new nn.Linear(1024, 500),
    new nn.ReLU(),
    new nn.Linear(500, 10),
  );
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.001, momentum: 0.9 });
  const criterion = new nn.CrossEntropyLoss();
  const forward = (x: Tensor): Tensor => model(x);
  const step = (): Tensor => {
    optimizer.zeroGrad();
    const loss = criterion(forward(randn(20, 3, 32, 32) as Tensor), randint(0, 10, [20]) as Tensor);
    loss.backward();
    optimizer.step();
    return loss;
  };
  return { model: forward, step };
}

/** Memory after a loop: what the device reserves for at most 256 MB of garbage, and the process with it. */
function expectFlat(residentBefore: number): void {
  expect(cpuDevice().bytesReserved / 1e6).toBeLessThan(500);
  expect((process.memoryUsage.rss() - residentBefore) / 1e6).toBeLessThan(550);
  expect(liveStorages().bytes / 1e6).toBeLessThan(20);
}

describe('loops without memory calls', () => {
  const STEPS = 300; // makes 1.6 GB of tensors
  const resident = process.memoryUsage.rss();

  it('hold memory flat when synchronous', () => {
    const { step } = trainer();
    for (let i = 0; i < STEPS; i++) step();
    expectFlat(resident);
  }, 180_000);

  it('hold memory flat when asynchronous', async () => {
    const { step } = trainer();
    for (let i = 0; i < STEPS / 2; i++) {
      await Promise.resolve();
      step();
    }
    expectFlat(resident);
  }, 180_000);

  it('hold memory flat while the losses stay in an array', () => {
    const { step } = trainer();
    const losses = Array.from({ length: STEPS / 2 }, () => step());
    expectFlat(resident);
    expect(losses.every((loss) => Number.isFinite(loss.item()))).toBe(true);
  }, 180_000);

  it('hold memory flat without gradients', () => {
    const { model } = trainer();
    for (let i = 0; i < STEPS / 2; i++) noGrad(() => model(randn(20, 3, 32, 32) as Tensor));
    expectFlat(resident);
  }, 180_000);

  it('hold memory flat when they only make tensors, large or tiny', () => {
    for (let i = 0; i < 4000; i++) zeros(100_000);
    for (let i = 0; i < 100_000; i++) tensor(i);
    expectFlat(resident);
  }, 60_000);
});

describe('a training that is over', () => {
  it('leaves nothing behind: no plan, cache or graph refers to its tensors', () => {
    const train = (): void => {
      const { model, step } = trainer();
      for (let i = 0; i < 3; i++) step();
      noGrad(() => model(zeros(2, 3, 32, 32)));
    };
    const before = liveStorages();
    train();
    expect(liveStorages()).toEqual(before);
  });
});

describe('a full memory', () => {
  it('is swept before it is said to be full', () => {
    const device = cpuDevice();
    const room = 12 * 2 ** 20; // elements: 48 MiB
    const gap = device.allocateAt(room * 4);
    for (let bytes = 2 ** 31; bytes >= 2 ** 22;) {
      try {
        device.allocateAt(bytes); // never touched, so no page of it becomes real
      } catch (error) {
        expect(error).toBeInstanceOf(OutOfMemoryError);
        bytes /= 2;
      }
    }
    expect(() => device.allocateAt(room * 4)).toThrow(OutOfMemoryError);
    device.freeAt(gap, room * 4); // now there is room for one
    // A function of its own: the stack frame of a loop may refer to the last one still.
    const makeGarbage = (): void => void zeros(room);
    for (let i = 0; i < 5; i++) makeGarbage();
    expect(() => [zeros(room), zeros(room)].map((x) => x.sum())).toThrow(OutOfMemoryError);
    expect(ones(1000).sum().item()).toBe(1000);
  });
});
