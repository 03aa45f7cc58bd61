/**
 * Memory where the engine cannot be asked for a collection, as in browsers: blocks spill into array buffers (`src/tensor/spill.ts`). Here in Node,
 * with budgets of our choice; test/browser/memory.test.ts sees to the real thing.
 */
import { compile, F, manualSeed, memoryScope, nn, noGrad, ones, optim, randint, randn, tensor, type Tensor } from 'flambeau';
import { deserialize, serialize } from 'flambeau/files';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cpuDevice } from '../../src/tensor/backend.ts';
import { findCollector } from '../../src/tensor/collector.ts';
import { findBunCollector, Spiller } from '../../src/tensor/spill.ts';
import { reclaimWith, type Storage } from '../../src/tensor/storage.ts';
import { Sweeper } from '../../src/tensor/sweep.ts';

/** Spills everything that is not in use whenever a tensor is made, as if memory were always full. */
class Relentless extends Spiller {
  spills = 0;

  override growth(): number {
    return Infinity;
  }

  override relieve(addressesInUse: boolean): void {
    if (!addressesInUse && this.reclaimAll()) this.spills++;
  }
}

const away = ({ storage }: { storage: Storage }): boolean => storage.spilled !== undefined;

/** A network with each kind of layer that keeps something, and what a few steps of training it give. */
function train(compiled: boolean): number[] {
  manualSeed(3);
  const model = new nn.Sequential(
    new nn.Conv2d(2, 4, 3, { padding: 1 }),
    new nn.BatchNorm2d(4),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Dropout(0.2),
    new nn.Flatten(),
    new nn.Linear(64, 5),
  );
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
  const step = (x: Tensor, y: Tensor): Tensor => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  };
  const run = compiled ? compile(step) : step;
  const losses = Array.from({ length: 6 }, () => run(randn(3, 2, 8, 8) as Tensor, randint(0, 5, [3]) as Tensor).item());
  const weights = model.parameters().map((parameter) => parameter.abs().sum().item());
  return [
    ...losses,
    ...weights,
    noGrad(() =>
      model
        .eval()(ones(1, 2, 8, 8))
        .sum()
        .item(),
    ),
  ];
}

describe('blocks that spill', () => {
  let expected: number[][];
  let spiller: Relentless;

  beforeAll(() => {
    expected = [train(false), train(true)];
  });

  beforeEach(() => {
    spiller = new Relentless();
    reclaimWith(spiller);
  });

  it.each([0, 1])('come back with every value, at every operation of a training (compiled: %i)', (compiled) => {
    expect(train(compiled === 1)).toEqual(expected[compiled]);
    expect(spiller.spills).toBeGreaterThan(20);
  });

  it('come back when they are read, written, saved and viewed', () => {
    const x = tensor([1, 2, 3, 4]);
    const view = x.view(2, 2);
    const after = ones(1);
    expect(away(x)).toBe(true);
    expect(away(view)).toBe(true); // it is the same storage
    expect(away(after)).toBe(false);
    const { version } = x.storage;
    expect(view.tolist()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(away(x)).toBe(false);
    expect(x.storage.version).toBe(version);

    ones(1);
    x.setData(Float32Array.of(5, 6, 7, 8));
    ones(1);
    expect(away(x)).toBe(true);
    const copy = deserialize<Map<string, Tensor>>(serialize({ x, view, row: view.at(1) }));
    expect(away(x)).toBe(true); // saved from where it was
    expect(copy.get('x')!.tolist()).toEqual([5, 6, 7, 8]);
    expect(copy.get('row')!.tolist()).toEqual([7, 8]);
    expect(x.add_(view.reshape(4)).tolist()).toEqual([10, 12, 14, 16]);
  });

  it('hold no memory of the device meanwhile, and none at all when they are freed', () => {
    ones(1);
    const before = cpuDevice().bytesInUse;
    const x = ones(1e6);
    expect(cpuDevice().bytesInUse - before).toBeGreaterThan(3.9e6);
    ones(1);
    expect(cpuDevice().bytesInUse - before).toBeLessThan(1000);
    x.storage.free();
    expect(away(x)).toBe(false);
    expect(() => x.tolist()).toThrow(/^toTypedArray: this tensor's memory has been freed/);
    expect(cpuDevice().bytesInUse - before).toBeLessThan(1000);
  });

  it('go with a memory scope all the same', () => {
    const made: Tensor[] = [];
    const result = memoryScope(() => {
      for (let i = 0; i < 5; i++) made.push(ones(10).mul(i));
      return made[2]!;
    });
    expect(made.map((x) => x.storage.freed)).toEqual([true, true, false, true, true]);
    expect(result.tolist()).toEqual(new Array(10).fill(2));
  });
});

describe('a loop without a word about memory', () => {
  it('holds the device memory flat in one job, whatever stays in use', () => {
    const spiller = new Spiller();
    spiller.budget = 1e6; // adapts from here on
    reclaimWith(spiller);
    const kept = Array.from({ length: 20 }, (_, i) => ones(100_000).mul(i));
    const start = cpuDevice().bytesReserved;
    for (let i = 0; i < 1000; i++) ones(100_000).add(1); // 0.8 GB
    expect((cpuDevice().bytesReserved - start) / 1e6).toBeLessThan(200);
    expect(kept.map((x) => x.at(99_999).item())).toEqual(Array.from(kept, (_, i) => i));
  });

  it('widens its budget for a step that uses much at once', () => {
    const spiller = new Spiller();
    reclaimWith(spiller);
    const before = spiller.budget;
    const parts = Array.from({ length: 20 }, () => ones(2e6)); // 160 MB, all of it used in turn
    for (let i = 0; i < 4; i++) for (const part of parts) part.add(1).sum();
    expect(spiller.budget).toBeGreaterThan(before);
  });

  it('is what happens when a host refuses to collect', () => {
    let asked = 0;
    const spiller = new Spiller();
    const sweeper = new Sweeper(() => {
      asked++;
      reclaimWith(spiller);
      return false;
    });
    reclaimWith(sweeper);
    const kept = ones(5).mul(3);
    for (let i = 0; i < 200; i++) ones(500_000); // 0.4 GB
    expect(asked).toBe(1);
    expect(spiller.live().count).toBeGreaterThan(0);
    expect(kept.tolist()).toEqual([3, 3, 3, 3, 3]);
  });
});

describe('the collector of a host', () => {
  const process_ = process as { getBuiltinModule: (name: string) => unknown };
  const { getBuiltinModule } = process_;
  const pretend = (modules: Record<string, unknown>): void => {
    process_.getBuiltinModule = (name) => modules[name];
  };
  afterEach(() => {
    process_.getBuiltinModule = getBuiltinModule;
    Reflect.deleteProperty(globalThis, 'Bun');
  });

  it('is found in Node, and collects', () => {
    expect(findCollector()!()).toBe(true);
  });

  it('is not relied on where it is missing, refuses, or collects nothing', () => {
    pretend({});
    expect(findCollector()).toBeUndefined();
    const v8 = { setFlagsFromString: () => undefined };
    const refuse = (): never => {
      throw new ReferenceError('gc is not defined'); // as Bun does
    };
    pretend({ 'node:v8': v8, 'node:vm': { runInNewContext: refuse } });
    expect(findCollector()!()).toBe(false);
    const nothing = (): undefined => undefined;
    const Script = class {
      readonly runInContext = nothing;
    };
    const idle = { runInNewContext: () => nothing, createContext: nothing, Script };
    pretend({ 'node:v8': v8, 'node:vm': idle });
    const collect = findCollector()!;
    expect([collect(), collect()]).toEqual([false, false]);
  });

  it('is asked after a spill in Bun', () => {
    expect(findBunCollector()).toBeUndefined();
    const asked: boolean[] = [];
    Object.assign(globalThis, { Bun: { gc: (now: boolean) => asked.push(now) } });
    const spiller = new Spiller(findBunCollector());
    spiller.budget = 1e6;
    reclaimWith(spiller);
    for (let i = 0; i < 600; i++) ones(100_000); // 240 MB
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.every((now) => now)).toBe(true);
  });
});
