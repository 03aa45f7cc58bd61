/** What a seed makes of fresh layers and of `nn.init`, against PyTorch (test/fixtures/ops/initialisation.py): every bit. */
import { manualSeed, nn, rand, zeros, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { decode, loadFixture, type Encoded } from '../support/fixtures.ts';
import { build, digest, type Spec } from '../support/networks.ts';

interface LayerCase {
  readonly id: string;
  readonly seed: number;
  readonly spec: Spec;
  /** null: too large to be stored. */
  readonly state: Readonly<Record<string, Encoded | null>>;
  readonly digest: string;
  /** The number that is drawn next. */
  readonly after: number;
}
interface InitCase {
  readonly id: string;
  readonly op: string;
  readonly args: readonly never[];
  readonly shape: readonly number[];
  readonly out: Encoded;
}

const { layers, inits } = loadFixture<{ layers: LayerCase[]; inits: InitCase[] }>('initialisation');

describe('a seed makes the layers that it makes in PyTorch', () => {
  test.each(layers)('$id', (c) => {
    manualSeed(c.seed);
    const state = build(c.spec).stateDict();
    expect([...state.keys()]).toEqual(Object.keys(c.state));
    for (const [name, text] of Object.entries(c.state)) {
      if (text !== null) expect(state.get(name)!.toTypedArray(), name).toEqual(decode(text).data);
    }
    expect(digest(state)).toBe(c.digest);
    expect(rand(1).item()).toBe(c.after);
  });
});

describe('nn.init', () => {
  const table = nn.init as unknown as Readonly<Record<string, (x: Tensor, ...args: readonly never[]) => Tensor>>;
  test.each(inits)('$id', (c) => {
    const x = zeros([...c.shape]);
    manualSeed(3);
    expect(table[c.op]!(x, ...c.args)).toBe(x);
    expect(x.toTypedArray()).toEqual(decode(c.out).data);
  });
});
