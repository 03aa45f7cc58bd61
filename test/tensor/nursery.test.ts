/** Memory of tensors that live for a few operations only. */
import { noGrad, ones, randn, type Tensor } from 'flambeau';
import { afterEach, describe, expect, it } from 'vitest';
import { cpuDevice } from '../../src/tensor/backend.ts';
import { findYoungCollector } from '../../src/tensor/collector.ts';
import { liveStorages } from '../../src/tensor/storage.ts';

const KB = 32_768; // elements of a result: 128 KB

describe('results that are dropped at once', () => {
  it('lie in the same megabytes, in the middle of a job', () => {
    liveStorages();
    const x = ones(KB);
    const before = cpuDevice().bytesInUse;
    let most = 0;
    for (let i = 0; i < 400; i++) {
      x.add(1).relu(); // 100 MB altogether
      most = Math.max(most, cpuDevice().bytesInUse - before);
    }
    expect(most).toBeLessThan(26e6);
  });

  it('leave alone what can be seen: by a variable, a list, a view, a closure, a graph', () => {
    const of = (i: number): Tensor => ones(KB).mul(i);
    const list = [of(1), of(2)];
    const view = of(3).view(2, -1).at(1);
    const late = (
      (x: Tensor) => () =>
        x.narrow(0, 7, 1)
    )(of(4));
    const leaf = of(5).requiresGrad_();
    const loss = leaf.mul(of(6)).mul(leaf).sum(); // products and factors are seen by the graph alone
    const churn = (): void => {
      for (let i = 0; i < 200; i++) of(100 + i).add(1);
    };
    churn();
    list.push(of(7)); // one is younger than the others
    churn();
    loss.backward();
    churn();
    const heads = [...list, view, late(), leaf, leaf.grad!].map((x) => x.view(-1).at(0).item());
    expect(heads).toEqual([1, 2, 7, 3, 4, 5, 60]);
    expect(list[0]!.sub(1).abs().max().item() + view.sub(3).abs().max().item()).toBe(0);
    expect(leaf.grad!.sub(60).abs().max().item()).toBe(0);
  });

  it('that are all kept, or freed by their makers, cost few collections', () => {
    const kept = noGrad(() => Array.from({ length: 200 }, (_, i) => ones(KB).add(i)));
    expect(kept.every((x, i) => x.at(KB - 1).item() === i + 1)).toBe(true);
    const { count } = liveStorages();
    for (let i = 0; i < 10_000; i++) ones(KB / 8).storage.free(); // counted, but not held
    expect(liveStorages().count).toBeLessThanOrEqual(count);
  });
});

describe('the collector of young objects', () => {
  const process_ = process as { getBuiltinModule: (name: string) => unknown };
  const { getBuiltinModule } = process_;
  afterEach(() => {
    process_.getBuiltinModule = getBuiltinModule;
  });

  it('is found in Node', () => {
    expect(findYoungCollector()).toBeDefined();
    expect(randn(4).storage[Symbol.for('nodejs.util.inspect.custom') as never]).toBeInstanceOf(Function);
  });

  it('is not relied on where it is missing, refuses, clears no sets, or shows nobody', () => {
    const real = (name: string): unknown => getBuiltinModule.call(process, name);
    const without = (modules: Record<string, unknown>): void => {
      process_.getBuiltinModule = (name) => (name in modules ? modules[name] : real(name));
      expect(findYoungCollector()).toBeUndefined();
    };
    const nothing = (): undefined => undefined;
    const refuse = (): never => {
      throw new ReferenceError('gc is not defined');
    };
    without({ 'node:util': undefined });
    without({ 'node:vm': { runInNewContext: refuse } });
    without({ 'node:vm': { runInNewContext: () => nothing } });
    without({ 'node:util': { inspect: () => 'WeakSet { <items unknown> }' } });
  });
});
