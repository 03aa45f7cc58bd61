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
  alone: { t: Encoded; scores: Encoded; mask: Encoded; methods: Record<string, Encoded[]> };
}>('prune');
const { prune } = nn.utils;
const read = (text: Encoded): Tensor => toTensor(decode(text));
const stateOf = (state: State): Map<string, Tensor> => new Map(Object.entries(state).map(([key, text]) => [key, read(text)]));
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

class EveryOther extends prune.BasePruningMethod {
  readonly pruningType = 'unstructured';
  computeMask(t: Tensor, mask: Tensor): Tensor {
    return mask.mul(arange(t.numel()).remainder(2).reshape(t.shape));
  }
}
class FirstChannels extends prune.BasePruningMethod {
  readonly pruningType = 'structured';
  override readonly dim: number;
  readonly count: number;
  constructor(count: number, dim: number) {
    super();
    this.dim = dim;
    this.count = count;
  }
  computeMask(_: Tensor, mask: Tensor): Tensor {
    const changed: Tensor = mask.clone();
    changed.narrow(this.dim, 0, this.count).zero_();
    return changed;
  }
}
Object.assign(STEPS, {
  own: [(m: nn.ModuleBase) => EveryOther.apply(m, w)],
  'own twice': [(m: nn.ModuleBase) => EveryOther.apply(m, w), (m: nn.ModuleBase) => EveryOther.apply(m, w)],
  'own, channels': [
    (m: nn.ModuleBase) => prune.L1Unstructured.apply(m, w, 0.5),
    (m: nn.ModuleBase) => FirstChannels.apply(m, w, 1, 0),
    (m: nn.ModuleBase) => FirstChannels.apply(m, w, 1, 0),
  ],
});
/** The same steps by the classes. */
const BY_CLASS: Record<string, readonly Step[]> = {
  identity: [(m) => prune.Identity.apply(m, w)],
  'l1, scores': [(m, { scores }) => prune.L1Unstructured.apply(m, w, { amount: 5, importanceScores: read(scores!) })],
  'random twice': [(m) => prune.RandomUnstructured.apply(m, w, 10), (m) => prune.RandomUnstructured.apply(m, w, 0.5)],
  'ln 1, last': [(m) => prune.LnStructured.apply(m, w, 1, 1)],
  'random structured twice': [(m) => prune.RandomStructured.apply(m, w, 1, 0), (m) => prune.RandomStructured.apply(m, w, 0.5)],
  custom: [(m) => prune.CustomFromMask.apply(m, 'bias', tensor([0, 1, 0, 1]))],
};

test.each(Object.keys(BY_CLASS))('by classes: %s', (id) => {
  const one = fixture.cases.find((other) => other.id === id)!;
  const layer = new nn.Conv2d(2, 4, 3);
  layer.loadStateDict(stateOf(one.before));
  manualSeed(3);
  for (const step of BY_CLASS[id]!) step(layer, one);
  expectState(layer, one.after);
});

test('methods of one parameter are in a container, which ends with them', () => {
  const layer = new nn.Linear(4, 2);
  const first = prune.L1Unstructured.apply(layer, w, 2);
  expect([first.tensorName, first.constructor]).toEqual([w, prune.L1Unstructured]);
  const both = EveryOther.apply(layer, w) as nn.utils.prune.PruningContainer;
  expect([both.length, both.at(0) === first, [...both].length]).toEqual([2, true, 2]);
  expect(prune.Identity.apply(layer, w)).toBe(both);
  expect(both.length).toBe(3);
  both.remove(layer);
  expect(prune.isPruned(layer)).toBe(false);
  expect(() => both.remove(layer)).toThrow(/'weight' of Linear is not pruned/);
  expect(() => new prune.L1Unstructured(1).applyMask(layer)).toThrow(/apply the method first/);
  expect(() => both.addPruningMethod(new EveryOther())).toThrow(/a method of 'weight', but got one of 'undefined'/);
  expect(() => new prune.LnStructured(1, 'two' as never)).toThrow(/LnStructured: expected n to be/);
  expect(() => prune.globalUnstructured([[layer, w]], prune.CustomFromMask as never, { amount: 1 })).toThrow();
});

const { alone } = fixture;
const makers: Record<string, () => nn.utils.prune.BasePruningMethod> = {
  Identity: () => new prune.Identity(),
  L1Unstructured: () => new prune.L1Unstructured({ amount: 4 }),
  LnStructured: () => new prune.LnStructured(1, { n: 2 }),
  CustomFromMask: () => new prune.CustomFromMask(arange(12).remainder(2).reshape(4, 3)),
  EveryOther: () => new EveryOther(),
};
test.each(Object.entries(alone.methods))('a tensor alone: %s', (name, results) => {
  const [t, scores, mask] = [alone.t, alone.scores, alone.mask].map(read) as [Tensor, Tensor, Tensor];
  const method = makers[name]!();
  const found = [method.prune(t), method.prune(t, mask), method.prune(t, null, scores)];
  found.forEach((result, i) => expectClose(result, decode(results[i]!), `call ${i}`));
  expect(() => method.prune(t, null, t.flatten())).toThrow(/importanceScores of the shape \[4, 3\], but got \[12\]/);
});

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
  prune.globalUnstructured(
    [
      [a, w],
      [b, w],
      [a, 'bias'],
    ],
    prune[one.method],
    { amount: one.amount },
  );
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
