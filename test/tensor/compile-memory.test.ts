/** A limit of the memory for intermediates: values are made again, to the same bits, and the arena really is smaller. */
import { ArgumentError, compile, F, manualSeed, nn, noGrad, optim, randint, randn, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';

const bits = (x: Tensor): unknown => x.detach().toTypedArray();

class Block extends nn.Module {
  readonly c1: nn.Conv2d;
  readonly b1: nn.BatchNorm2d;
  readonly c2: nn.Conv2d;
  readonly b2: nn.BatchNorm2d;
  readonly drop = new nn.Dropout(0.3);
  constructor(channels: number) {
    super();
    this.c1 = new nn.Conv2d(channels, channels, 3, { padding: 1, bias: false });
    this.b1 = new nn.BatchNorm2d(channels);
    this.c2 = new nn.Conv2d(channels, channels, 3, { padding: 1, bias: false });
    this.b2 = new nn.BatchNorm2d(channels);
  }
  override forward(x: Tensor): Tensor {
    return F.relu(this.b2(this.c2(this.drop(F.relu(this.b1(this.c1(x)))))).add(x));
  }
}

const stage = (from: number, to: number): nn.Module[] => [
  new nn.Conv2d(from, to, 3, { padding: 1 }),
  new nn.ReLU(),
  new nn.Conv2d(to, to, 3, { padding: 1 }),
  new nn.ReLU(),
  new nn.MaxPool2d(2),
];

const NETWORKS: readonly [string, () => nn.Sequential][] = [
  [
    'convolutions, ReLUs, pooling, linear layers',
    () => new nn.Sequential(...stage(3, 8), ...stage(8, 12), ...stage(12, 16), new nn.Flatten(), new nn.Linear(64, 30), new nn.ReLU(), new nn.Linear(30, 10)),
  ],
  [
    'residual blocks with batch normalisation and dropout',
    () => new nn.Sequential(new nn.Conv2d(3, 8, 3, { padding: 1 }), ...Array.from({ length: 4 }, () => new Block(8)), new nn.AvgPool2d(4), new nn.Flatten(), new nn.Linear(200, 10)),
  ],
  [
    'other activations',
    () => new nn.Sequential(new nn.Conv2d(3, 8, 3), new nn.SiLU(), new nn.Conv2d(8, 8, 3), new nn.GELU(), new nn.Conv2d(8, 8, 3), new nn.Sigmoid(), new nn.Flatten(), new nn.Linear(1568, 10)),
  ],
]; // prettier-ignore

interface Outcome {
  readonly values: unknown[];
  readonly arena: number;
  readonly plan: string;
}

/** Trains for a few steps, and gives everything that there is to see. */
function trained(make: () => nn.Sequential, memoryLimit?: number | 'eager'): Outcome {
  manualSeed(3);
  const model = make();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
  const batches = Array.from({ length: 3 }, () => [randn(8, 3, 20, 20), randint(0, 10, [8])] as const);
  const fn = (x: Tensor, y: Tensor): Tensor => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  };
  const compiled = memoryLimit === 'eager' ? undefined : compile(fn, { memoryLimit });
  const values: unknown[] = [];
  for (const [x, y] of batches) {
    values.push(bits((compiled ?? fn)(x, y)), ...[...model.stateDict().values()].map(bits));
  }
  const plan = String(compiled);
  return { values, plan, arena: Number(/^arena: (\d+) bytes/m.exec(plan)?.[1]) };
}

describe.each(NETWORKS)('training %s', (_, make) => {
  const free = trained(make);

  test('gives the same bits under any limit, in an arena that fits', () => {
    expect(free.values).toEqual(trained(make, 'eager').values);
    for (const part of [0.85, 0.6]) {
      const limit = Math.floor(free.arena * part);
      const { values, arena, plan } = trained(make, limit);
      expect(values).toEqual(free.values);
      expect(arena).toBeLessThan(free.arena * 0.9);
      expect(arena <= limit).toBe(!plan.includes('the limit is not met'));
      expect(plan).toContain(`arena: ${arena} bytes, ${free.arena} without the limit of ${limit}`);
    }
  });

  test('goes as low as it can, and says so, where a limit cannot be met', () => {
    const { values, arena, plan } = trained(make, 1);
    expect(values).toEqual(free.values);
    expect(arena).toBeLessThan(free.arena * 0.8);
    expect(plan).toMatch(/limit of 1; warning: the limit is not met.*\nmade again: .*which costs .*FLOP and .*B more at every run/);
  });

  test('is planned as ever where the limit is no less than what it takes', () => {
    const { arena, plan } = trained(make, free.arena);
    expect(arena).toBe(free.arena);
    expect(plan).not.toContain(' again(');
  });
});

test('what is cheap is made again before convolutions', () => {
  const [, make] = NETWORKS[1]!;
  const { plan } = trained(make, Math.floor(trained(make).arena * 0.8));
  expect(plan).toMatch(/made again: .*batchNorm\+relu/);
  expect(plan).not.toMatch(/made again: .*conv2d/);
});

test('running statistics are updated once', () => {
  const norm = new nn.BatchNorm2d(4);
  const w = randn(1, 4, 16, 16).requiresGrad_();
  const step = compile(
    (x: Tensor) => {
      w.grad = null;
      const hidden = norm(x.mul(w));
      hidden.softmax(0).softmax(1).softmax(2).mul(hidden).sum().backward();
      return w.grad!;
    },
    { memoryLimit: 1 },
  );
  const x = randn(3, 4, 16, 16);
  for (let i = 0; i < 2; i++) step(x);
  expect(String(step)).toContain('batchNorm again(');
  expect(norm.stateDict().get('num_batches_tracked')!.item()).toBe(2);
  const other = new nn.BatchNorm2d(4);
  for (let i = 0; i < 2; i++) other(x.mul(w));
  expect(bits(norm.running_mean!)).toEqual(bits(other.running_mean!));
  expect(bits(norm.running_var!)).toEqual(bits(other.running_var!));
});

describe('a value is made again', () => {
  /** Much memory is needed while `first` lies there, and `first` is needed afterwards. */
  const withBusyTime = (first: Tensor, meanwhile: () => void = () => undefined): Tensor => {
    const half = first.sum(1);
    meanwhile();
    const wide = half
      .view([64, 1])
      .matmul(half.view([1, 64]))
      .softmax(1)
      .matmul(randn(64, 64))
      .softmax(0);
    return first.add(wide.sum());
  };

  const compared = (fn: (x: Tensor) => Tensor, reset: () => void): string => {
    const x = randn(64, 64);
    const run = (step: (x: Tensor) => Tensor): unknown[] => {
      manualSeed(4);
      reset();
      return [0, 1, 2].map(() => bits(noGrad(() => step(x))));
    };
    const step = compile(fn, { memoryLimit: 1 });
    expect(run(step)).toEqual(run(fn));
    return String(step);
  };

  test('from what is still there', () => {
    const state = randn(64, 64);
    const plan = compared(
      (x) => withBusyTime(x.matmul(state)),
      () => undefined,
    );
    expect(plan).toContain('matmul again($');
  });

  test('not from what has been written to since', () => {
    const state = randn(64, 64);
    const start = state.clone();
    const plan = compared(
      (x) => withBusyTime(x.matmul(state), () => state.mul_(0.5)),
      () => state.copy_(start),
    );
    expect(plan).not.toContain(' again(');
  });

  test('not from a local value of which a part has been written to since', () => {
    const plan = compared(
      (x) => {
        const state = x.matmul(x);
        const change = (): void => void state.at('3:5').mul_(0.5);
        return withBusyTime(state.matmul(x), change).add(state.sum());
      },
      () => undefined,
    );
    expect(plan).toContain('matmul(');
  });

  test('from the same random draw', () => {
    const plan = compared(
      (x) => withBusyTime(F.dropout(x.softmax(0), { p: 0.4 }).softmax(1)),
      () => undefined,
    );
    expect(plan).toContain('again');
  });
});

test('an elementwise operation is made again within the one that needs it', () => {
  const step = compile(
    (x: Tensor) =>
      noGrad(() => {
        const hidden = x.exp();
        const other = hidden.softmax(0).softmax(1);
        return other.mul(hidden);
      }),
    { memoryLimit: 1 },
  );
  const x = randn(32, 32);
  expect(bits(step(x))).toEqual(bits(x.exp().softmax(0).softmax(1).mul(x.exp())));
  expect(String(step)).toContain(' exp again+mul(');
});

test.each([0, -5, NaN, '100' as unknown as number, null as unknown as number])('no limit: %s', (memoryLimit) => {
  expect(() => compile(() => randn(1), { memoryLimit })).toThrow(ArgumentError);
  expect(() => compile(() => randn(1), { memoryLimit })).toThrow(/compile: expected memoryLimit to be a number of bytes above 0/);
});
