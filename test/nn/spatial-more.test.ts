/** Spatial layers that PyTorch's database has no samples of, against PyTorch (test/fixtures/ops/spatial_more.py), gradients included. */
import { F, fromTypedArray, manualSeed, nn, type Tensor } from 'flambeau';
import { expect, test } from 'vitest';
import { decode, loadFixture, type Encoded } from '../support/fixtures.ts';

interface Case {
  readonly id: string;
  readonly op: string;
  readonly args: readonly unknown[];
  readonly x: Encoded;
  readonly out: Encoded;
  readonly up: Encoded;
  readonly grad: Encoded;
}
type Any = (...args: readonly unknown[]) => Tensor;

function run({ op, args }: Case, x: Tensor): Tensor {
  const [group, name] = op.split('.') as [string, string];
  if (group === 'F') return (F as unknown as Readonly<Record<string, Any>>)[name]!(x, ...args);
  const Layer = (nn as unknown as Readonly<Record<string, new (...args: readonly unknown[]) => (x: Tensor) => Tensor>>)[name]!;
  return new Layer(...args)(x);
}

function of(encoded: Encoded): Tensor {
  const { data, shape } = decode(encoded);
  return fromTypedArray(data, shape as number[]);
}

function close(actual: Tensor, encoded: Encoded, what: string): void {
  const expected = decode(encoded);
  expect(actual.shape, what).toEqual(expected.shape);
  actual.toTypedArray().forEach((value, i) => {
    const other = Number(expected.data[i]);
    if (Number.isNaN(other)) {
      expect(value, `${what}: element ${i}`).toBeNaN();
      return;
    }
    expect(Math.abs(Number(value) - other), `${what}: element ${i}`).toBeLessThanOrEqual(2e-6 + 1e-5 * Math.abs(other));
  });
}

test.each(loadFixture<{ cases: Case[] }>('spatial_more').cases)('$id', (c) => {
  const x = of(c.x).requiresGrad_();
  manualSeed(9);
  const y = run(c, x);
  close(y, c.out, 'result');
  y.backward(of(c.up));
  close(x.grad!, c.grad, 'gradient');
});
