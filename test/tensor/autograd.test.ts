/** The engine and its bookkeeping: what PyTorch does, in the situations where it is easy to be wrong. */
import { describe, expect, it } from 'vitest';
import { AutogradError, enableGrad, grad, isGradEnabled, noGrad, ones, tensor, zeros, type Tensor } from 'flambeau';
import { liveStorages } from '../../src/tensor/storage.ts';

const leaf = (values: number[] | number[][]): Tensor => tensor(values, { requiresGrad: true, dtype: 'float64' });
const values = (t: Tensor | null): unknown => t?.tolist();

describe('backward', () => {
  it('adds up over several paths and several calls', () => {
    const x = leaf([1, 2, 3]);
    const y = x.mul(x).add(x); // 2x + 1
    y.sum().backward();
    expect(values(x.grad)).toEqual([3, 5, 7]);
    x.mul(2).sum().backward();
    expect(values(x.grad)).toEqual([5, 7, 9]);
  });

  it('flows through diamonds in the right order', () => {
    const x = leaf([2]);
    const a = x.mul(3);
    const b = a.mul(a); // 9x²
    const c = a.add(b).mul(b);
    c.sum().backward(); // d(27x³ + 81x⁴)/dx = 81x² + 324x³
    expect(values(x.grad)).toEqual([81 * 4 + 324 * 8]);
  });

  it('gives no gradient to what does not require it, and none under noGrad', () => {
    const x = leaf([1]);
    const k = tensor([5], { dtype: 'float64' });
    x.mul(k).sum().backward();
    expect(k.grad).toBeNull();
    expect(noGrad(() => x.mul(2)).requiresGrad).toBe(false);
    expect(noGrad(() => enableGrad(() => x.mul(2).requiresGrad))).toBe(true);
    {
      using _ = noGrad();
      expect(isGradEnabled()).toBe(false);
    }
    expect(isGradEnabled()).toBe(true);
  });

  it('restores the mode after an error and after an asynchronous function', async () => {
    expect(() =>
      noGrad(() => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(isGradEnabled()).toBe(true);
    await noGrad(async () => {
      await Promise.resolve();
      expect(isGradEnabled()).toBe(false);
    });
    expect(isGradEnabled()).toBe(true);
  });

  it('refuses a second pass over a freed graph and allows it with retainGraph', () => {
    const x = leaf([1, 2]);
    const y = x.mul(x).sum();
    y.backward(undefined, { retainGraph: true });
    y.backward();
    expect(values(x.grad)).toEqual([4, 8]);
    expect(() => y.backward()).toThrow(/already been differentiated.*retainGraph/s);
  });

  it('says what is wrong with a start that is none', () => {
    expect(() => tensor([1]).backward()).toThrow(AutogradError);
    expect(() => leaf([1, 2]).mul(2).backward()).toThrow(/single number.*reduce it first/s);
    expect(() => leaf([1, 2]).mul(2).backward(ones(3))).toThrow(/shape \[3\].*\[2\]/s);
  });

  it('differentiates twice with createGraph', () => {
    const x = leaf([2, 3]);
    const [first] = grad(x.mul(x).mul(x).sum(), [x], { createGraph: true });
    expect(values(first)).toEqual([12, 27]);
    const [second] = grad(first.sum(), [x]);
    expect(values(second)).toEqual([12, 18]);
    expect(x.grad).toBeNull();
  });

  it('calls hooks with the full gradient, and lets them replace it', () => {
    const x = leaf([1, 2]);
    const y = x.mul(2);
    const seen: unknown[] = [];
    y.registerHook((g) => {
      seen.push(g.tolist());
      return g.mul(10);
    });
    y.add(y).sum().backward();
    expect(seen).toEqual([[2, 2]]);
    expect(values(x.grad)).toEqual([40, 40]);
  });

  it('keeps the gradient of a result that asked for it', () => {
    const x = leaf([1, 2]);
    const y = x.mul(2);
    y.retainGrad();
    y.mul(3).sum().backward();
    expect(values(y.grad)).toEqual([3, 3]);
  });

  it('does not share the memory of one gradient between two leaves', () => {
    const [a, b] = [leaf([1]), leaf([1])];
    a.add(b).sum().backward();
    a.grad!.add_(5);
    expect(values(b.grad)).toEqual([1]);
  });
});

describe('views', () => {
  it('pass gradients back to their base', () => {
    const x = leaf([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    x.at(':', '1:').t().mul(2).sum().backward();
    expect(values(x.grad)).toEqual([
      [0, 2, 2],
      [0, 2, 2],
    ]);
    x.grad = null;
    x.at(1, -1).mul(7).backward();
    expect(values(x.grad)).toEqual([
      [0, 0, 0],
      [0, 0, 7],
    ]);
    x.grad = null;
    x.unsqueeze(0).expand(4, 2, 3).sum().backward();
    expect(values(x.grad)).toEqual([
      [4, 4, 4],
      [4, 4, 4],
    ]);
  });

  it('share storage', () => {
    const x = zeros(2, 3);
    x.view(6).at('::2').fill_(1);
    expect(x.tolist()).toEqual([
      [1, 0, 1],
      [0, 1, 0],
    ]);
  });

  it('record assignment to a part of a result (the tutorial’s corr2d)', () => {
    const w = leaf([
      [1, 2],
      [3, 4],
    ]);
    const y = zeros(2, 2, { dtype: 'float64' });
    for (let i = 0; i < 2; i++) for (let j = 0; j < 2; j++) y.setAt([i, j], w.mul(i * 2 + j).sum());
    expect(y.gradFn?.name()).toBe('CopySlices');
    y.mul(y).sum().backward(); // y = [0, S, 2S, 3S], S = 10: d/dw = 2·(0 + 1 + 4 + 9)·S
    expect(values(w.grad)).toEqual([
      [280, 280],
      [280, 280],
    ]);
  });

  it('see in-place changes of their base in the graph', () => {
    const x = leaf([1, 2, 3]);
    const y = x.mul(2);
    const view = y.at('1:');
    y.mul_(5);
    view.sum().backward();
    expect(values(x.grad)).toEqual([0, 10, 10]);
  });

  it('pass in-place changes on to their base', () => {
    const x = leaf([1, 2, 3]);
    const y = x.mul(2);
    y.at('1:').mul_(5);
    y.sum().backward();
    expect(values(x.grad)).toEqual([2, 10, 10]);
  });
});

describe('in place', () => {
  it('is recorded on results', () => {
    const x = leaf([1, 2]);
    const y = x.mul(3);
    y.add_(1).mul_(2);
    y.sum().backward();
    expect(values(x.grad)).toEqual([6, 6]);
  });

  it('multiplies by itself correctly', () => {
    const x = leaf([3]);
    const y = x.mul(1);
    y.mul_(y);
    y.sum().backward();
    expect(values(x.grad)).toEqual([6]);
  });

  it('is refused on leaves that require gradients, and their views', () => {
    const x = leaf([1, 2]);
    expect(() => x.add_(1)).toThrow(/leaf.*noGrad/s);
    expect(() => x.at('1:').add_(1)).toThrow(/view of a leaf/);
    noGrad(() => x.add_(1));
    expect(values(x)).toEqual([2, 3]);
  });

  it('finds out when a saved tensor was changed', () => {
    const x = leaf([1, 2]);
    const y = x.mul(2);
    const z = y.mul(y);
    y.add_(1);
    expect(() => z.sum().backward()).toThrow(/changed.*in place/s);
  });

  it('reads an operand that overlaps the target before writing', () => {
    const x = tensor([1, 2, 3, 4]);
    x.at('1:').copy_(x.at(':-1'));
    expect(x.tolist()).toEqual([1, 1, 2, 3]);
  });
});

describe('memory', () => {
  it('frees the gradients on the way', () => {
    const x = leaf([1, 2, 3]);
    const before = liveStorages().count;
    for (let i = 0; i < 20; i++) {
      x.grad = null;
      x.mul(2).exp().sum().backward();
    }
    expect(liveStorages().count).toBeLessThanOrEqual(before + 12);
  });
});

describe('whole numbers', () => {
  it('divided by zero are a named error', () => {
    const x = tensor([1, 2], { dtype: 'int64' });
    expect(() => x.floorDivide(0)).toThrow(/floorDivide: a whole number was divided by zero/);
    expect(x.add(1).tolist()).toEqual([2, 3]); // the device goes on
  });
});
