/** Window functions beside PyTorch 2.15 (test/fixtures/windows.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import * as fl from 'flambeau';

type Window = (...args: readonly unknown[]) => fl.Tensor;
const { calls } = JSON.parse(readFileSync(new URL('../fixtures/windows.json', import.meta.url), 'utf8')) as {
  calls: [
    name: 'hannWindow' | 'hammingWindow' | 'blackmanWindow' | 'bartlettWindow' | 'kaiserWindow',
    args: readonly unknown[],
    dtype: fl.DType,
    values: readonly number[],
  ][];
};

test.each(calls)('%s%j of %s', (name, args, dtype, values) => {
  const made = (fl[name] as Window)(...args, { dtype });
  expect([made.dtype, made.shape, made.isContiguous()]).toEqual([dtype, [values.length], true]);
  (made.tolist() as number[]).forEach((x, i) => expect(Math.abs(x - values[i]!)).toBeLessThan(dtype === 'float32' ? 5e-7 : 2e-15));
});

describe('their arguments', () => {
  it('come by name, too', () => {
    const window = fl.hammingWindow({ windowLength: 4, periodic: false, alpha: 0.5, beta: 0.5, requiresGrad: true });
    expect([window.tolist(), window.requiresGrad]).toEqual([fl.hannWindow(4, false).tolist(), true]);
    expect(fl.kaiserWindow(4, { beta: 12 }).tolist()).toEqual(fl.kaiserWindow(4).tolist());
  });

  it('are refused where they fit nothing', () => {
    expect(() => fl.hannWindow(-1)).toThrow(/expected windowLength to be a whole number ≥ 0/);
    expect(() => fl.hannWindow(4, { dtype: 'int64' })).toThrow(/expected a floating-point dtype/);
    expect(() => fl.hannWindow(4, { alpha: 1 } as never)).toThrow(/there is no option 'alpha'/);
  });
});
