/** Programs whose sizes never repeat: what is remembered of each has an end, and what is forgotten is made again. */
import { F, manualSeed, ones, randn, tensor, zeros } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { layoutOf, sameLayout } from '../../src/base/layout.ts';
import { Recent } from '../../src/base/recent.ts';
import { remembered } from '../../src/geometry/attrs.ts';
import { cpuDevice } from '../../src/tensor/backend.ts';
import { planCount, PLANS } from '../../src/tensor/eager-plans.ts';
import { liveStorages } from '../../src/tensor/storage.ts';

describe('a map that forgets', () => {
  test('keeps what is asked for and what is new; says what goes', () => {
    const gone: number[] = [];
    const map = new Recent<number, { n: number }>(10, ({ n }) => gone.push(n));
    for (let n = 0; n < 1000; n++) {
      map.set(n, { n });
      expect(map.get(0)).toEqual({ n: 0 });
      expect(map.get(Math.max(n - 4, 0))).toEqual({ n: Math.max(n - 4, 0) });
      expect(map.size).toBeLessThanOrEqual(20);
    }
    expect(map.get(500)).toBeUndefined();
    expect(gone.length).toBe(1000 - map.size);
    expect(new Set(gone).size).toBe(gone.length);
    expect(gone).not.toContain(0);
  });
});

describe('layouts', () => {
  test('that were forgotten are equal to those that are made again, under ids of their own', () => {
    const before = layoutOf('float32', [3, 1234567]);
    const ids = new Set([before.id]);
    for (let i = 0; i < 20_000; i++) ids.add(layoutOf('float32', [i, 7654321]).id);
    expect(ids.size).toBe(20_001);
    const again = layoutOf('float32', [3, 1234567]);
    expect(again).not.toBe(before);
    expect(ids.has(again.id)).toBe(false);
    expect(sameLayout(again, before)).toBe(true);
    expect(sameLayout(layoutOf('float32', [3, 2], [1, 3]), layoutOf('float32', [3, 2]))).toBe(false);
    expect(sameLayout(layoutOf('int32', [3]), layoutOf('float32', [3]))).toBe(false);
  });

  test('of living tensors may be forgotten without harm', () => {
    const x = randn(3, 5);
    const wanted = x.mul(2).add(x).tolist();
    for (let i = 0; i < 20_000; i++) layoutOf('float32', [i, 7654322]);
    expect(zeros(3, 5).add_(x).mul(2).add(x).tolist()).toEqual(wanted);
    const y = randn(3, 5); // a layout of the same form under another id
    expect(x.clone().add_(y).tolist()).toEqual(x.add(y).tolist());
    const doubled = y.mul(2).tolist();
    expect(y.add_(y.view(3, 5)).tolist()).toEqual(doubled);
  });
});

describe('attributes', () => {
  test('have an end', () => {
    const first = remembered('test', { key: 'first' });
    for (let i = 0; i < 10_000; i++) remembered('test', { key: String(i) });
    expect(remembered('test', { key: 'first' })).not.toBe(first);
    const second = remembered('test', { key: 'second' });
    expect(remembered('test', { key: 'second' })).toBe(second);
  });
});

describe('plans', () => {
  test('of ever-new shapes stay within their number, and memory within a bound', () => {
    const x = ones(30_000);
    const often = (): number => x.narrow(0, 0, 10).mul(2).sum().item();
    expect(often()).toBe(20);
    const sizes = 10_000;
    let before = 0;
    for (let i = 1; i <= sizes; i++) {
      const y = x.narrow(0, 0, i).view(1, i).mul(2);
      if (i % 1000 === 0) expect([y.sum().item(), often()]).toEqual([2 * i, 20]);
      if (i === sizes / 2) {
        liveStorages();
        before = cpuDevice().bytesInUse;
      }
    }
    liveStorages();
    expect(planCount()).toBeLessThanOrEqual(8192);
    expect(cpuDevice().bytesInUse - before).toBeLessThan(16e6);
  });

  test('that hold much go early, and are made again', () => {
    const usual = PLANS.most;
    PLANS.most = 1e6;
    try {
      manualSeed(0);
      const image = randn(1, 1, 16, 16);
      const resized = (size: number): unknown => F.interpolate(image, { size: [size, size], mode: 'bicubic' }).tolist();
      const first = resized(150);
      for (let size = 100; size < 200; size++) resized(size);
      expect(PLANS.held).toBeLessThan(2.5e6);
      expect(resized(150)).toEqual(first);
    } finally {
      PLANS.most = usual;
    }
  });

  test('of an operation whose inputs lie alike under different ids give the same', () => {
    const w = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { requiresGrad: true },
    );
    for (let i = 0; i < 20_000; i++) layoutOf('float32', [i, 7654323]);
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    w.mul(x).sum().backward();
    expect(w.grad!.tolist()).toEqual(x.tolist());
    expect(F.conv2d(randn(1, 1, 4, 4), w.view(1, 1, 2, 2)).shape).toEqual([1, 1, 3, 3]);
  });
});
