/** Recurrent layers, attention and tables as PyTorch 2.15 initialises, names, prints and computes them. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { F, manualSeed, nn, randn, tensor, Tensor } from 'flambeau';

interface Row {
  readonly name: string;
  readonly args: unknown[];
  readonly options: Record<string, unknown>;
  readonly printed: string;
  readonly state: [name: string, shape: number[], values: number[]][];
  readonly inputs?: [shape: number[], values: number[]][];
  readonly outputs?: [shape: number[], values: number[]][];
  readonly grads?: number[][];
}
type Made = nn.ModuleBase & ((...inputs: Tensor[]) => unknown);
const rows = JSON.parse(readFileSync(new URL('../fixtures/ops/sequence_layers.json', import.meta.url), 'utf8')) as Row[];

const flat = (value: unknown): Tensor[] =>
  value instanceof Tensor ? [value] : Array.isArray(value) ? (value as unknown[]).flatMap(flat) : [];

function expectValues(got: Tensor | null, values: readonly number[], what: string): void {
  const scale = values.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
  const all = Array.from(got!.detach().toTypedArray(), Number);
  expect(all.length, what).toBe(values.length);
  all.forEach((v, i) => expect(Math.abs(v - values[i]!), `${what}, element ${i}`).toBeLessThan(2e-5 * scale));
}

describe.each(rows)('$name $args $options', ({ name, args, options, printed, state, inputs, outputs, grads }) => {
  const make = (): Made => {
    manualSeed(3);
    const rest = Object.keys(options).length > 0 ? [options] : [];
    return new (Reflect.get(nn, name) as new (...args: unknown[]) => Made)(...args, ...rest);
  };

  test('prints, names and draws as PyTorch does', () => {
    const layer = make();
    if (!/\d x /.test(printed)) expect(String(layer)).toBe(printed); // repeated blocks are folded elsewhere
    const own = layer.stateDict();
    expect([...own.keys()]).toEqual(state.map(([key]) => key));
    for (const [key, shape, values] of state) {
      expect(own.get(key)!.shape, key).toEqual(shape);
      expectValues(own.get(key)!, values, key);
    }
  });

  test.runIf(inputs !== undefined)('computes and differentiates as PyTorch does', () => {
    const layer = make();
    const xs = inputs!.map(([shape, values]) => tensor(values).reshape(shape).detach().requiresGrad_());
    const ys = flat(layer(...xs));
    expect(ys.length).toBe(outputs!.length);
    ys.forEach((y, i) => {
      expect(y.shape).toEqual(outputs![i]![0]);
      expectValues(y, outputs![i]![1], `output ${i}`);
    });
    const weighed = ys.map((y) =>
      y
        .reshape(-1)
        .mul(tensor(Array.from({ length: y.numel() }, (_, i) => i + 1)))
        .sum(),
    );
    weighed.reduce((a, b) => a.add(b)).backward();
    const leaves = [...xs, ...layer.parameters()];
    grads!.forEach((values, i) => expectValues(leaves[i]!.grad, values, `gradient ${i}`));
  });
});

describe('sequences of several lengths', () => {
  test.each(['RNN', 'LSTM', 'GRU'] as const)('%s of a packed batch is that of each sequence', (name) => {
    const layer = new (nn[name] as typeof nn.GRU)(3, 4, { numLayers: 2, bidirectional: true }) as unknown as Made;
    const parts = [randn(2, 3), randn(5, 3), randn(3, 3)] as Tensor[];
    const packed = nn.utils.rnn.packSequence(parts, { enforceSorted: false });
    const [output, states] = layer(packed as unknown as Tensor) as [nn.utils.rnn.PackedSequence, unknown];
    const outputs = nn.utils.rnn.unpackSequence(output);
    parts.forEach((x, i) => {
      const [own, ends] = layer(x) as [Tensor, unknown];
      expectValues(outputs[i]!, Array.from(own.toTypedArray(), Number), `sequence ${i}`);
      flat(states).forEach((state, k) =>
        expectValues(state.select(1, i), Array.from(flat(ends)[k]!.toTypedArray(), Number), `state ${k} of ${i}`),
      );
    });
  });
});

describe('attention', () => {
  test('masks of booleans, of numbers, and causal ones agree', () => {
    const [q, k, v] = [randn(2, 4, 3), randn(2, 4, 3), randn(2, 4, 3)] as [Tensor, Tensor, Tensor];
    const mask = tensor([
      [true, false, false, false],
      [true, true, false, false],
      [true, true, true, false],
      [true, true, true, true],
    ]);
    const causal = F.scaledDotProductAttention(q, k, v, { isCausal: true });
    const numbers = mask.logicalNot().to('float32').mul(-1e30);
    for (const other of [mask, numbers]) {
      expect(F.scaledDotProductAttention(q, k, v, other).sub(causal).abs().amax().item()).toBeLessThan(1e-6);
    }
  });

  test('a query that may look at nothing gets 0', () => {
    const y = F.scaledDotProductAttention(randn(2, 3), randn(4, 3), randn(4, 3), tensor([[false], [true]]));
    expect(y.at(0).abs().sum().item()).toBe(0);
    expect(Number.isFinite(y.sum().item())).toBe(true);
  });
});
