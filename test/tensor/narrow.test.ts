/** Elements of 8 and 16 bits against PyTorch (test/fixtures/semantics/narrow.py). */
import {
  arange,
  compile,
  F,
  fromTypedArray,
  gcd,
  lcm,
  manualSeed,
  nn,
  optim,
  rand,
  randn,
  tensor,
  zeros,
  type DType,
  type Tensor,
} from 'flambeau';
import { deserialize, serialize } from 'flambeau/files';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { promote } from '../../src/base/dtype.ts';

type Stored = readonly [DType, readonly number[], readonly (number | string)[]];
interface Fixture {
  readonly promotion: Readonly<Record<string, DType | null>>;
  readonly conversions: readonly (readonly [Stored, Stored])[];
  readonly calls: readonly (readonly [string, readonly Stored[], Stored, readonly Stored[]])[];
  readonly layers: Fixture['calls'];
  readonly drawn: readonly (readonly ['rand' | 'randn', number, Stored, number])[];
  readonly filled: readonly (readonly [string, number, Stored, number])[];
  readonly scattered: readonly (readonly ['sum' | 'prod' | 'amax' | 'amin', boolean, Stored, Stored, Stored])[];
}

const fixture = JSON.parse(readFileSync(new URL('../fixtures/semantics/narrow.json', import.meta.url), 'utf8')) as Fixture;
const numbers = (values: Stored[2]): number[] => values.map((x) => (typeof x === 'string' ? Number(x.replace('inf', 'Infinity')) : x));
const made = ([dtype, shape, values]: Stored): Tensor => tensor(numbers(values), { dtype }).reshape([...shape]);
const valuesOf = (x: Tensor): number[] => Array.from(x.toTypedArray(), Number);
/** Two units in the last place: of the half types, or of what computes in float32 otherwise than PyTorch. */
const UNIT: { readonly [K in DType]?: number } = { float16: 2 ** -10, bfloat16: 2 ** -7, float32: 2 ** -22 };

function expectNear(actual: Tensor, expected: Stored, units = 2): void {
  const [dtype, shape, stored] = expected;
  expect([actual.dtype, actual.shape]).toEqual([dtype, shape]);
  const values = numbers(stored);
  const most = Math.max(...values.map(Math.abs).filter(Number.isFinite));
  valuesOf(actual).forEach((x, i) => {
    if (Object.is(x, values[i]) || x === values[i]) return;
    const allowed = units * (UNIT[dtype] ?? 0) * (Math.abs(values[i]!) + 0.05 * most);
    expect(Math.abs(x - values[i]!), `element ${i}: ${x}, expected ${values[i]!}`).toBeLessThanOrEqual(allowed);
  });
}

test.each(Object.entries(fixture.promotion))('%s combine to %s', (pair, expected) => {
  const [a, b] = pair.split(' ') as [DType, DType];
  if (expected === null) expect(() => promote(a, b)).toThrow(/uint16 does not combine/);
  else expect(promote(a, b)).toBe(expected);
});

test.each(fixture.conversions.map((row) => [row[0][0], row[1][0], row] as const))('%s to %s', (_, to, [from, expected]) => {
  expect(valuesOf(made(from).to(to))).toEqual(numbers(expected[2]));
});

type Call = (...args: Tensor[]) => Tensor;
const CALLS: Readonly<Record<string, Call>> = {
  add: (x, y) => x.add(y),
  mul: (x, y) => x.mul(y),
  div: (x, y) => x.div(y),
  neg: (x) => x.neg(),
  abs: (x) => x.abs(),
  exp: (x) => x.exp(),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
  gelu: (x) => F.gelu(x),
  silu: (x) => F.silu(x),
  sum: (x) => x.sum(),
  mean: (x) => x.mean(),
  amax: (x) => x.amax(),
  cumsum: (x) => x.cumsum(-1),
  softmax: (x) => x.softmax(1),
  linear: (x, w) => F.linear(x, w, null),
  matmul: (x, y) => x.matmul(y.t()),
  conv2d: (x, w) => F.conv2d(x, w, null),
  maxPool2d: (x) => F.maxPool2d(x, 2),
  crossEntropy: (x, y) => F.crossEntropy(x, y),
  groupNorm: (x, scale, shift) => F.groupNorm(x, 2, scale, shift),
  layerNorm: (x, scale) => F.layerNorm(x, [4, 3, 3], scale),
  instanceNorm: (x, weight, bias) => F.instanceNorm(x, { weight: weight, bias: bias }),
  rmsNorm: (x) => F.rmsNorm(x, [3]),
  normalize: (x) => F.normalize(x),
  cosineSimilarity: (x, y) => F.cosineSimilarity(x, y),
  bceWithLogits: (x, y) => F.binaryCrossEntropyWithLogits(x, y),
  attention: (q, k, v) => F.scaledDotProductAttention(q, k, v),
  norm: (x) => x.norm(6),
  pow: (x) => x.pow(-2),
  hardsigmoid: (x) => F.hardsigmoid(x),
  logit: (x) => x.logit(),
  nanToNum: (x) => x.nanToNum(),
  gcd: (x, y) => gcd(x, y),
  lcm: (x, y) => lcm(x, y),
};

describe.each(['eager', 'compiled'])('%s', (mode) => {
  const run = (call: Call): Call => (mode === 'eager' ? call : compile(call));
  test.each(fixture.calls.map((row) => [row[0], row[1][0]![0], row] as const))('%s of %s', (op, dtype, row) => {
    const [, args, expected, grads] = row;
    const inputs = args.map(made);
    if (grads.length > 0) for (const input of inputs) input.requiresGrad_();
    const out = run(CALLS[op]!)(...inputs);
    expectNear(out, expected, 1);
    if (grads.length === 0 || mode === 'compiled') return;
    out.to('float32').square().sum().backward();
    inputs.forEach((input, i) => expectNear(input.grad!, grads[i]!, dtype === 'bfloat16' ? 6 : 4));
  });
});

test.each(fixture.layers.map((row) => [row[0], row[1][0]![0], row] as const))('%s of %s computes in float32', (op, _, row) => {
  const [, args, expected, grads] = row;
  const inputs = args.map(made);
  if (grads.length > 0) for (const input of inputs) input.requiresGrad_();
  const out = CALLS[op]!(...inputs);
  expectNear(out, expected, 4); // PyTorch rounds some of them at every step
  if (grads.length === 0) return;
  const weights = arange(0, out.numel()).mul(5).remainder(7).sub(3).reshape(out.shape);
  out.to('float32').mul(weights).sum().backward();
  inputs.forEach((input, i) => expectNear(input.grad!, grads[i]!, 10));
});

test.each(fixture.drawn)('%s(%i) draws as PyTorch', (op, n, expected, next) => {
  manualSeed(n);
  const x = (op === 'rand' ? rand : randn)([n], { dtype: expected[0] });
  expect(valuesOf(x)).toEqual(numbers(expected[2]));
  expect(rand(1).item()).toBe(next);
});

const FILLS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  uniform_: (x) => x.uniform_(-2, 3),
  normal_: (x) => x.normal_(1, 2),
  exponential_: (x) => x.exponential_(1.5),
  random_: (x) => x.random_(0, 10),
  bernoulli_: (x) => x.bernoulli_(0.3),
  'init.normal_': (x) => nn.init.normal_(x, 1, 2),
  'init.truncNormal_': (x) => nn.init.truncNormal_(x),
  'init.kaimingUniform_': (x) => nn.init.kaimingUniform_(x.view(1, -1)),
  'init.xavierNormal_': (x) => nn.init.xavierNormal_(x.view(1, -1)),
};

test.each(fixture.filled)('%s fills %i elements as PyTorch', (op, n, expected, next) => {
  manualSeed(n);
  const x = zeros([n], { dtype: expected[0] });
  FILLS[op]!(x);
  expect(valuesOf(x)).toEqual(numbers(expected[2]));
  expect(rand(1).item()).toBe(next);
});

test.each(fixture.scattered)('scatterReduce by %s, with the input: %s', (reduce, includeSelf, x, src, expected) => {
  const index = tensor([0, 0, 1, 3], { dtype: 'int64' });
  const result = made(x).scatterReduce(0, index, made(src), reduce, { includeSelf });
  expect([result.dtype, valuesOf(result)]).toEqual([expected[0], numbers(expected[2])]);
});

test('numbers go in as they come out', () => {
  const numbersIn = Float32Array.of(1.5, -2, 70000, NaN);
  for (const dtype of ['float16', 'bfloat16'] as const) {
    const x = fromTypedArray(numbersIn, [4], dtype);
    const y = zeros([4], { dtype });
    y.setData(x.toTypedArray());
    expect(valuesOf(y)).toEqual(valuesOf(x));
    expect(valuesOf(x)).toEqual(valuesOf(fromTypedArray(numbersIn).to(dtype)));
  }
});

test('state of optimizers in half types begins with what it is to', () => {
  const w = new nn.Parameter(tensor([1, 2], { dtype: 'bfloat16' }));
  const optimizer = new optim.Adagrad([w], { lr: 0.1, initialAccumulatorValue: 4 });
  w.grad = tensor([1, 1], { dtype: 'bfloat16' });
  optimizer.step();
  expect(valuesOf(w)).toEqual(
    valuesOf(
      tensor([1, 2])
        .sub(0.1 / Math.sqrt(5))
        .to('bfloat16'),
    ),
  );
});

test('a chain of operations rounds after each of them, joined in one kernel or not', () => {
  manualSeed(0);
  const x = randn(1000).to('float16');
  const chain = (t: Tensor): Tensor => t.mul(3.1).add(0.7).div(1.3).sub(t);
  const stepwise = x.to('float32').mul(3.1).to('float16').to('float32').add(0.7).to('float16').to('float32').div(1.3).to('float16').to('float32').sub(x.to('float32')).to('float16'); // prettier-ignore
  expect(valuesOf(chain(x))).toEqual(valuesOf(stepwise));
  expect(valuesOf(compile(chain)(x))).toEqual(valuesOf(stepwise));
});

test('a network in bfloat16 learns, and its state survives a file', () => {
  manualSeed(0);
  const net = new nn.Sequential(new nn.Conv2d(1, 4, 3), new nn.BatchNorm2d(4), new nn.ReLU(), new nn.Flatten(), new nn.Linear(64, 2));
  net.to('bfloat16');
  const [x, y] = [randn(8, 1, 6, 6).to('bfloat16'), tensor([0, 1, 0, 1, 0, 1, 0, 1], { dtype: 'int64' })];
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 });
  const losses = Array.from({ length: 15 }, () => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(net(x), y);
    loss.backward();
    optimizer.step();
    return loss.item();
  });
  expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2);
  for (const format of ['pt', 'safetensors'] as const) {
    const state = deserialize<Map<string, Tensor>>(serialize(net.stateDict(), { format }));
    for (const [name, value] of net.stateDict()) {
      expect(state.get(name)!.dtype).toBe(value.dtype);
      expect(valuesOf(state.get(name)!)).toEqual(valuesOf(value));
    }
  }
});

test('views, writes in place and printing', () => {
  const x = tensor(
    [
      [1.5, -2, 3],
      [4, 5.25, 6],
    ],
    { dtype: 'float16' },
  );
  expect(x.t().contiguous().tolist()).toEqual([
    [1.5, 4],
    [-2, 5.25],
    [3, 6],
  ]);
  x.at(0).add_(1);
  expect(x.at(0).tolist()).toEqual([2.5, -1, 4]);
  expect(String(x)).toBe('tensor([[ 2.5000, -1.0000,  4.0000],\n        [ 4.0000,  5.2500,  6.0000]], dtype=torch.float16)');
  expect(x.at(1, 1).item()).toBe(5.25);
  expect(() => tensor([300], { dtype: 'int8' })).toThrow(/300 does not fit into int8/);
  expect(tensor([127], { dtype: 'int8' }).add(1).item()).toBe(-128);
});
