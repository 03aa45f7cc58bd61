/** Pruning against PyTorch (test/fixtures/ops/prune.py). */
import { arange, deepcopy, manualSeed, nn, tensor, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { decode, expectClose, loadFixture, toTensor, type Encoded } from '../support/fixtures.ts';

type State = Readonly<Record<string, Encoded>>;
interface Case {
  id: string;
  before: State;
  after: State;
  removed: State;
  x: Encoded;
  output: Encoded;
  scores?: Encoded;
}
const fixture = loadFixture<{
  cases: Case[];
  globally: { method: 'L1Unstructured' | 'RandomUnstructured'; amount: number; before: State; after: State }[];
}>('prune');
const { prune } = nn.utils;
const read = (text: Encoded): Tensor => toTensor(decode(text));
const stateOf = (state: State): Map<string, Tensor> => new Map(Object.entries(state).map(([key, text]) => [key, read(text)])); // prettier-ignore
function expectState(module: nn.ModuleBase, expected: State): void {
  const state = module.stateDict();
  expect([...state.keys()]).toEqual(Object.keys(expected));
  for (const [key, text] of Object.entries(expected)) expectClose(state.get(key)!, decode(text), key);
}

type Step = (m: nn.ModuleBase, one: Case) => unknown;
const w = 'weight';
const STEPS: Record<string, readonly Step[]> = {
  identity: [(m) => prune.identity(m, w)],
  l1: [(m) => prune.l1Unstructured(m, w, 0.4)],
  'l1, count': [(m) => prune.l1Unstructured(m, 'bias', { amount: 2 })],
  'l1, scores': [(m, { scores }) => prune.l1Unstructured(m, w, 5, { importanceScores: read(scores!) })],
  'l1 twice': [(m) => prune.l1Unstructured(m, w, 0.5), (m) => prune.l1Unstructured(m, w, 0.25)],
  random: [(m) => prune.randomUnstructured(m, w, 0.3)],
  'random twice': [(m) => prune.randomUnstructured(m, w, 10), (m) => prune.randomUnstructured(m, w, 0.5)],
  ln: [(m) => prune.lnStructured(m, w, 0.5, 2, 0)],
  'ln 1, last': [(m) => prune.lnStructured(m, w, { amount: 1, n: 1, dim: -1 })],
  'ln inf': [(m) => prune.lnStructured(m, w, 2, Infinity, 0)],
  'ln twice': [(m) => prune.lnStructured(m, w, 1, 2, 0), (m) => prune.lnStructured(m, w, 0.34, 2, 0)],
  'random structured': [(m) => prune.randomStructured(m, w, 2, 0)],
  'random structured twice': [(m) => prune.randomStructured(m, w, 1, 0), (m) => prune.randomStructured(m, w, 0.5, -1)],
  custom: [(m) => prune.customFromMask(m, 'bias', tensor([0, 1, 0, 1]))],
  mixed: [
    (m) => prune.l1Unstructured(m, w, 0.5),
    (m) => prune.lnStructured(m, w, 1, 2, 0),
    (m) => prune.customFromMask(m, w, arange(72).remainder(2).reshape(4, 2, 3, 3)),
  ],
};

describe('masks, outputs and what is left after removal', () => {
  test.each(fixture.cases.map((one) => [one.id, one] as const))('%s', (id, one) => {
    const layer = new nn.Conv2d(2, 4, 3);
    const { weight } = layer;
    layer.loadStateDict(stateOf(one.before));
    expect(prune.isPruned(layer)).toBe(false);
    manualSeed(3);
    for (const step of STEPS[id]!) step(layer, one);
    expectState(layer, one.after);
    expect(prune.isPruned(new nn.Sequential(layer))).toBe(true);
    const x = read(one.x) as Tensor<[number, 2, number, number]>;
    const output = layer(x);
    expectClose(output, decode(one.output), 'output', 'sum');
    expectClose(deepcopy(layer)(x), decode(one.output), 'the copy', 'sum');
    output.sum().backward();
    const left = Object.keys(one.after).find((key) => key.endsWith('_mask'))!;
    const original = layer.getParameter(left.replace('_mask', '_orig'));
    expect((original.grad!.mul(layer.getBuffer(left).eq(0)).abs().max() as Tensor).item()).toBe(0);
    for (const name of ['weight', 'bias']) if (layer.stateDict().has(`${name}_mask`)) prune.remove(layer, name);
    expectState(layer, one.removed);
    expect([prune.isPruned(layer), layer.weight === weight]).toEqual([false, true]);
  });
});

test.each(fixture.globally.map((one) => [`${one.method} ${one.amount}`, one] as const))('together: %s', (_, one) => {
  const [a, b] = [new nn.Conv2d(2, 4, 3), new nn.Conv2d(2, 4, 3)];
  const model = new nn.ModuleList([a, b]);
  model.loadStateDict(stateOf(one.before));
  manualSeed(3);
  prune.l1Unstructured(b, w, 3);
  prune.globalUnstructured([[a, w], [b, w], [a, 'bias']], prune[one.method], { amount: one.amount }); // prettier-ignore
  expectState(model, one.after);
});

test('what is wrong is said', () => {
  const layer = new nn.Linear(3, 2);
  expect(() => prune.l1Unstructured(layer, w, 7)).toThrow(/at most 6, which there are, but got 7/);
  expect(layer.stateDict().has('weight_orig')).toBe(false);
  expect(() => prune.l1Unstructured(layer, w, 1.5)).toThrow(/amount to be a whole number, or a part between 0 and 1/);
  expect(() => prune.lnStructured(layer, 'bias', 1, 2, 0)).toThrow(/tensors of two dimensions and more/);
  expect(() => prune.randomStructured(layer, w, 1, 2)).toThrow(/expected a dimension of a tensor of 2, but got 2/);
  expect(() => prune.lnStructured(layer, w, 1, 'nuc', 0)).toThrow(/the nuclear norm is not there/);
  expect(() => prune.customFromMask(layer, w, tensor([1, 0]))).toThrow(/a mask of shape \[2, 3\], but got \[2\]/);
  expect(() => prune.remove(layer, w)).toThrow(/'weight' of Linear is not pruned/);
  expect(() => prune.identity(layer, 'nothing')).toThrow(/it has weight, bias/);
});
