/** Dropout draws as PyTorch 2.15 does, in all its forms; channels go as a whole. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { F, manualSeed, nn, ones, ShapeError, tensor, type Tensor } from 'flambeau';

interface Row {
  readonly name: 'dropout' | 'dropout1d' | 'dropout2d' | 'dropout3d' | 'alphaDropout' | 'featureAlphaDropout';
  readonly shape: number[];
  readonly p: number;
  readonly dtype: 'float32' | 'float64' | 'float16' | 'bfloat16';
  readonly y: number[];
}
const rows = JSON.parse(readFileSync(new URL('../fixtures/ops/dropout.json', import.meta.url), 'utf8')) as Row[];

test.each(rows)('$name of $shape with $p, $dtype', ({ name, shape, p, dtype, y }) => {
  manualSeed(7);
  const x = ones(shape, { dtype }) as Tensor;
  const got = F[name](x, p, true);
  const tolerance = { float32: 6, float64: 13, float16: 12, bfloat16: 12 }[dtype]; // of half types to the last bit
  expect(got.shape).toEqual(shape);
  got.toTypedArray().forEach((v: number | bigint, i: number) => expect(v as number).toBeCloseTo(y[i]!, tolerance));
  manualSeed(7);
  const layer = new nn[(name[0]!.toUpperCase() + name.slice(1)) as 'Dropout'](p, true);
  expect(layer(x)).toBe(x); // in place
  expect(x.tolist()).toEqual(got.tolist());
  expect(layer.eval()(x)).toBe(x);
});

describe('channels', () => {
  test('of too few dimensions are refused', () => {
    expect(() => F.dropout1d(ones(3), 0.5)).toThrow(ShapeError);
    expect(() => F.dropout3d(ones(3, 2, 2), 0.5)).toThrow(/4 or 5 dimensions/);
  });
  test('gradients flow through what stays', () => {
    const x = tensor([[1, 2, 3, 4]]).requiresGrad_();
    manualSeed(1);
    const y = F.dropout(x.mul(1), { p: 0.5, inplace: true });
    y.sum().backward();
    expect(x.grad!.tolist()).toEqual(y.div(x.detach()).tolist());
  });
});
