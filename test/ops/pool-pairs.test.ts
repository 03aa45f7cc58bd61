/** 2×2 windows side by side have kernels of their own: the same bits as those for any window, whatever the width. */
import { compile, F, manualSeed, randint, randn, type Tensor } from 'flambeau';
import { describe, expect, it } from 'vitest';

const bits = (x: Tensor | null): unknown => x!.toTypedArray();
const WIDTHS = Array.from({ length: 18 }, (_, i) => i + 2);

describe('2×2 windows', () => {
  manualSeed(1);
  it.each(WIDTHS)('of %i columns: values, winners among equals, gradients', (width) => {
    // Whole numbers from a small range, so that maxima are often reached twice.
    const x = randint(-2, 3, [3, 2, 5, width]).to('float32').requiresGrad_();
    const g = randn(3, 2, 2, width >> 1);
    const pairs = F.maxPool2d(x, 2);
    pairs.backward(g);
    const gradient = x.grad;
    x.grad = null;
    const { values } = F.maxPool2dWithIndices(x, 2);
    values.backward(g);
    expect(bits(pairs)).toEqual(bits(values));
    expect(bits(gradient)).toEqual(bits(x.grad));
  });

  it.each(WIDTHS)('of %i columns: averages are sums by strides', (width) => {
    const x = randn(3, 2, 5, width).requiresGrad_();
    const y = F.avgPool2d(x, 2);
    const at = (row: string, column: string): Tensor =>
      x
        .at(':', ':', row, column)
        .narrow(3, 0, width >> 1)
        .narrow(2, 0, 2);
    const sum = at('::2', '::2').add(at('::2', '1::2')).add(at('1::2', '::2')).add(at('1::2', '1::2'));
    expect(y.sub(sum.div(4)).abs().max().item()).toBeLessThan(1e-6);
    y.backward(y.detach());
    const covered = x.grad!.narrow(2, 0, 4).narrow(3, 0, 2 * (width >> 1));
    const spread = F.interpolate(y.detach().div(4), { scaleFactor: 2 });
    expect(bits(covered.contiguous())).toEqual(bits(spread));
    expect(x.grad!.sum().sub(covered.sum()).abs().item()).toBeLessThan(1e-5);
  });

  it.each(WIDTHS)('of %i columns: the gradient of a ReLU before it', (width) => {
    const x = randn(3, 2, 5, width);
    const g = randn(3, 2, 2, width >> 1);
    const gradient = (x: Tensor): Tensor => {
      const leaf = x.detach().requiresGrad_();
      F.maxPool2d(F.relu(leaf), 2).backward(g);
      return leaf.grad!;
    };
    const compiled = compile(gradient);
    expect(bits(compiled(x))).toEqual(bits(gradient(x)));
    expect(String(compiled)).toMatch(/reluGrad\(.*\n.* maxPool2dGrad\(/); // of the smaller tensor, before it is spread
  });
});
