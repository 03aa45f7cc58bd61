/** Normalisation across maps, attention with all weights as arguments, parametrizations given to another module, against PyTorch (test/fixtures/ops/modules_more.py). */
import { F, manualSeed, nn, Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { decode, expectClose, loadFixture, toTensor, type Encoded } from '../support/fixtures.ts';

type Tensors = Readonly<Record<string, Encoded>>;
interface CrossMap {
  readonly size: number;
  readonly channels: number;
  readonly x: Encoded;
  readonly out: Encoded;
  readonly up: Encoded;
  readonly grad: Encoded;
}
interface HeadsCase {
  readonly id: string;
  readonly same: boolean;
  readonly plain: Readonly<Record<string, unknown>>;
  readonly tensors: Tensors;
  readonly masks: Tensors;
  readonly out: Encoded;
  readonly up: Encoded;
  readonly weights?: Encoded;
  readonly weightsUp?: Encoded;
  readonly grads: Tensors;
}
const fixture = loadFixture<{
  crossMaps: CrossMap[];
  heads: HeadsCase[];
  transferred: { keys: string[]; shared: boolean; printed: string };
}>('modules_more');
const read = (text: Encoded): Tensor => toTensor(decode(text));

test.each(fixture.crossMaps)('across maps: size $size, $channels channels', ({ size, x: input, out, up, grad }) => {
  const x = read(input).requiresGrad_();
  const y = new nn.CrossMapLRN2d(size, 0.5, { k: 2 })(x as Tensor<[number, number, number, number]>);
  expectClose(y, decode(out), 'result');
  y.backward(read(up));
  expectClose(x.grad!, decode(grad), 'gradient');
});

test('across maps, size 1, which PyTorch cannot differentiate, and what is no image', () => {
  const x = read(fixture.crossMaps[0]!.x).requiresGrad_();
  new nn.CrossMapLRN2d(1, 0.5, 0.75, 2)(x as Tensor<[number, number, number, number]>)
    .sum()
    .backward();
  const other = read(fixture.crossMaps[0]!.x).requiresGrad_();
  other.mul(other.mul(other).mul(0.5).add(2).pow(-0.75)).sum().backward();
  expect(x.grad!.sub(other.grad!).abs().max().item()).toBeLessThan(1e-12);
  expect(() => new nn.CrossMapLRN2d(3)(x.flatten() as never)).toThrow(/CrossMapLRN2d/);
});

/** All arguments of a case by name, its leaves with gradients. */
function argumentsOf({ same, plain, tensors, masks }: HeadsCase): { call: Record<string, unknown>; leaves: Record<string, Tensor> } {
  const leaves = Object.fromEntries(Object.entries(tensors).map(([name, text]) => [name, read(text).requiresGrad_()]));
  const none = { inProjWeight: null, inProjBias: null, biasK: null, biasV: null, outProjBias: null };
  const call: Record<string, unknown> = { ...none, ...plain, ...leaves };
  if (same) call['key'] = call['value'] = leaves['query'];
  for (const [name, text] of Object.entries(masks)) call[name] = read(text);
  return { call, leaves };
}

describe('attention with all weights as arguments', () => {
  test.each(fixture.heads)('$id', (one) => {
    const { call, leaves } = argumentsOf(one);
    const [y, weights] = F.multiHeadAttentionForward(call as unknown as Parameters<typeof F.multiHeadAttentionForward>[0] as never);
    expectClose(y, decode(one.out), 'output', 'sum');
    expect(weights === null).toBe(one.weights === undefined);
    let loss: Tensor = y.mul(read(one.up)).sum();
    if (weights !== null) {
      expectClose(weights, decode(one.weights!), 'weights', 'sum');
      loss = loss.add(weights.mul(read(one.weightsUp!)).sum());
    }
    loss.backward();
    for (const [name, text] of Object.entries(one.grads)) expectClose(leaves[name]!.grad!, decode(text), `gradient of ${name}`, 'long');
  });

  const wrong: readonly [string, Record<string, unknown>, RegExp][] = [
    ['another size', { embedDimToCheck: 6 }, /queries of size 6/],
    ['heads that do not divide', { numHeads: 3 }, /numHeads to divide the size 4, but got 3/],
    ['one bias', { biasK: read(fixture.heads[0]!.tensors['outProjWeight']!) }, /belong together/],
    ['no weight', { inProjWeight: null }, /expected inProjWeight/],
    ['weights of each that are missing', { useSeparateProjWeight: true }, /pass all three/],
    ['a hint without a mask', { isCausal: true }, /pass the mask as well/],
    ['static keys of another shape', { staticK: read(fixture.heads[0]!.tensors['query']!) }, /staticK of shape \[4, S, 2\]/],
    ['an option that is none', { needWeight: true }, /no option 'needWeight'/],
  ];
  test.each(wrong)('%s is said', (_, more, message) => {
    const { call } = argumentsOf(fixture.heads[0]!);
    expect(() => F.multiHeadAttentionForward({ ...call, ...more } as never)).toThrow(message);
  });
});

test('parametrizations go to another module, with what they compute of', () => {
  manualSeed(3);
  const [a, b] = [new nn.Linear(3, 3), new nn.Linear(3, 3)];
  const { parametrize, parametrizations } = nn.utils;
  expect(parametrize.transferParametrizationsAndParams(a, b)).toBe(b);
  expect(parametrize.isParametrized(b)).toBe(false);
  parametrizations.orthogonal(a, 'weight');
  parametrize.transferParametrizationsAndParams(a, b);
  const { keys, shared, printed } = fixture.transferred;
  expect([...b.stateDict().keys()]).toEqual(keys);
  expect(a.getParameter('parametrizations.weight.original') === b.getParameter('parametrizations.weight.original')).toBe(shared);
  expect(b.weight.tolist()).toEqual(a.weight.tolist());
  expect(String(b)).toBe(printed);
  expect(() => parametrize.transferParametrizationsAndParams(a, b, 'bias')).toThrow(/'bias' of ParametrizedLinear has no parametrizations/);
});
