/** Draws into tensors that lie otherwise than their dimensions go through memory, as PyTorch's do: numbers of test/fixtures/memory_order.py. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { arange, compile, F, manualSeed, randint, randintLike, randLike, randn, randnLike, type Tensor } from '../../src/index.ts';

interface Case {
  readonly layout: string;
  readonly memory: number[];
  readonly sizes: number[];
  readonly strides: number[];
  readonly offset: number;
  readonly draw: string;
  readonly values: number[];
}
const cases = JSON.parse(readFileSync(new URL('../fixtures/memory_order.json', import.meta.url), 'utf8')) as Case[];

const DRAWS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  uniform_: (x) => x.uniform_(-1, 2),
  normal_: (x) => x.normal_(1, 2),
  bernoulli_: (x) => x.bernoulli_(0.3),
  'bernoulli_ each': (x) =>
    x.bernoulli_(
      arange(x.numel(), { dtype: 'float32' })
        .view(...x.shape)
        .div(x.numel()),
    ),
  exponential_: (x) => x.exponential_(),
  random_: (x) => x.random_(0, 100),
  randLike: (x) => randLike(x),
  randnLike: (x) => randnLike(x),
  randintLike: (x) => randintLike(x, 10),
  dropout: (x) => F.dropout(x, 0.4, true),
  alphaDropout: (x) => F.alphaDropout(x, 0.4, true),
  featureAlphaDropout: (x) => F.featureAlphaDropout(x, 0.4, true),
};

const numbersOf = (x: Tensor): number[] => Array.from(x.contiguous().toTypedArray(), Number);

describe('draws in the order of memory', () => {
  it.each(cases)('$draw of $layout', ({ memory, sizes, strides, offset, draw, values }) => {
    manualSeed(3);
    const drawn = DRAWS[draw]!(randn(memory).asStrided(sizes, strides, offset));
    expect(drawn.shape).toEqual(sizes);
    const numbers = numbersOf(drawn);
    const worst = numbers.reduce((most, x, i) => Math.max(most, Math.abs(x - values[i]!) / Math.max(1, Math.abs(values[i]!))), 0);
    expect(worst).toBeLessThan(1e-5);
  });

  it('are the same within a compiled function, where they are drawn anew', () => {
    const x = randint(0, 9, [4, 5, 6]).to('float32').permute(2, 0, 1);
    const drop = (): Tensor => F.dropout(x, 0.5, true);
    const step = compile(drop);
    manualSeed(1);
    const eager = [drop(), drop()].map((y) => numbersOf(y));
    manualSeed(1);
    expect([numbersOf(step()), numbersOf(step())]).toEqual(eager);
  });

  it('leave leaves that want gradients', () => {
    const x = randn(2, 3, 4).permute(2, 0, 1);
    for (const y of [randnLike(x, { requiresGrad: true }), randintLike(x, 5, { requiresGrad: true })])
      expect([y.isLeaf, y.requiresGrad]).toEqual([true, true]);
  });
});
