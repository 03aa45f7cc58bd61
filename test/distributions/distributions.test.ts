/** `flambeau/distributions` beside torch.distributions of PyTorch 2.15 (test/fixtures/distributions.py): draws of the same seed, densities, moments, divergences, gradients. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { compile, grad, manualSeed, ones, tensor, Tensor, zeros } from 'flambeau';
import * as D from 'flambeau/distributions';

type Numbers = number | string | readonly Numbers[];
type Named = Readonly<Record<string, Numbers>>;
interface Case {
  readonly name: string;
  readonly args: readonly Numbers[];
  readonly named: Named;
  readonly values: Numbers;
  readonly printed: string;
  readonly batch: readonly number[];
  readonly event: readonly number[];
  readonly samples: readonly Numbers[];
  readonly logProb: Numbers;
  readonly rsample?: Numbers;
  readonly rsampleGrads?: readonly Numbers[];
  readonly logProbGrads?: readonly (Numbers | null)[];
  readonly [moment: string]: unknown;
}
interface Fixture {
  readonly cases: readonly Case[];
  readonly kl: readonly {
    readonly name: string;
    readonly p: readonly Numbers[];
    readonly q: readonly Numbers[];
    readonly value: Numbers;
  }[];
  readonly independent: Readonly<Record<'printed', string>> & Readonly<Record<'sample' | 'logProb' | 'entropy' | 'kl', Numbers>>;
}
const { cases, kl, independent } = JSON.parse(readFileSync(new URL('../fixtures/distributions.json', import.meta.url), 'utf8')) as Fixture;

const SHAPES = [[], [2], [7, 3]];
const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const flatten = (x: Numbers): number[] =>
  Array.isArray(x) ? (x as Numbers[]).flatMap(flatten) : [Number(String(x).replace('inf', 'Infinity'))];
/** Each number within a few units of the last place. */
function expectNear(got: Tensor, expected: Numbers, tolerance = 1e-5): void {
  const [a, b] = [flatten(got.tolist() as Numbers), flatten(expected)];
  expect(a.length).toBe(b.length);
  a.forEach((x, i) => {
    const y = b[i]!;
    if (Object.is(x, y) || x === y || (Number.isNaN(x) && Number.isNaN(y))) return;
    expect(Math.abs(x - y), `${i}: ${x} beside ${y}`).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(y)));
  });
}

type Make = new (...args: unknown[]) => D.Distribution;
function made({ name, args, named }: Pick<Case, 'name' | 'args' | 'named'>, requiresGrad = false): [D.Distribution, Tensor[]] {
  const parameters: Tensor[] = [];
  const one = (value: Numbers): unknown => {
    if (typeof value === 'number') return value;
    const x = tensor(value as number[], { requiresGrad });
    parameters.push(x);
    return x;
  };
  const given: unknown[] = args.map(one);
  const byName = Object.fromEntries(Object.entries(named).map(([key, value]) => [camel(key), one(value)]));
  if (Object.keys(byName).length > 0) given.push(byName);
  return [new (Reflect.get(D, name) as Make)(...given), parameters];
}

describe.each(cases)('$name $args $named', (of) => {
  test('is of the same shapes and prints the same', () => {
    const [d] = made(of);
    expect([d.batchShape, d.eventShape, String(d)]).toEqual([of.batch, of.event, of.printed]);
  });

  test.each(SHAPES.map((shape, i) => [shape, i] as const))('draws %j', (shape, i) => {
    const [d] = made(of);
    manualSeed(7);
    const drawn = d.sample(shape);
    expect(drawn.shape).toEqual([...shape, ...of.batch, ...of.event]);
    expectNear(drawn, of.samples[i]!, 2e-6);
  });

  test.each(['mean', 'variance', 'stddev', 'mode'] as const)('%s', (what) => {
    const [d] = made(of);
    if (of[what] === null) expect(() => d[what]).toThrow(/there is no (mean|variance|mode)/);
    else expectNear(d[what], of[what] as Numbers);
  });

  test('densities, entropy, cdf and icdf', () => {
    const [d] = made(of);
    const values = tensor(of.values as number[]);
    expectNear(d.logProb(values), of.logProb);
    if (of['entropy'] === null) expect(() => d.entropy()).toThrow(/there is no entropy/);
    else expectNear(d.entropy(), of['entropy'] as Numbers);
    if (of['cdf'] !== null) expectNear(d.cdf(values), of['cdf'] as Numbers);
    const p = tensor([0.1, 0.5, 0.9]).view(3, ...of.batch.map(() => 1));
    if (of['icdf'] !== null) expectNear(d.icdf(p), of['icdf'] as Numbers);
  });

  test('gradients through draws', () => {
    const [d, parameters] = made(of, true);
    const used = of.name.startsWith('Relaxed') ? parameters.slice(-1) : parameters;
    expect(d.hasRsample).toBe(of.rsample !== undefined);
    if (of.rsample === undefined) {
      expect(() => d.rsample()).toThrow(/there is no rsample/);
      return;
    }
    manualSeed(11);
    const x = d.rsample([5]);
    expectNear(x, of.rsample, 2e-6);
    if (of.rsampleGrads === undefined) return;
    const grads = grad(x.mul(x).sum(), used);
    grads.forEach((g, i) => expectNear(g, of.rsampleGrads![i]!, 1e-4));
  });

  test('gradients of densities', () => {
    const [d, parameters] = made(of, true);
    if (of.logProbGrads === undefined) return;
    const grads = grad(d.logProb(tensor(of.values as number[])).sum(), parameters, { allowUnused: true });
    grads.forEach((g, i) => {
      const expected = of.logProbGrads![i] ?? null;
      if (expected === null) expect(g).toBeNull();
      else expectNear(g!, expected, 1e-4);
    });
  });

  test('spreads over a larger batch', () => {
    const [d] = made(of);
    const wide = d.expand([2, ...of.batch]);
    expect(wide.batchShape).toEqual([2, ...of.batch]);
    manualSeed(7);
    expectNear(wide.sample(), of['expanded'] as Numbers, 2e-6);
  });
});

test.each(kl)('divergence of $name $p from $q', ({ name, p, q, value }) => {
  const [a, b] = [p, q].map((args) => made({ name, args, named: {} })[0]) as [D.Distribution, D.Distribution];
  expectNear(D.klDivergence(a, b), value);
});

test('dimensions of the batch become part of the event', () => {
  const base = cases[1]!.args[0]! as number[];
  const d = new D.Independent(new D.Normal(tensor(base), 1.5), 1);
  expect(String(d)).toBe(independent.printed);
  manualSeed(3);
  expectNear(d.sample([2]), independent.sample, 2e-6);
  expectNear(d.logProb(zeros(4)), independent.logProb);
  expectNear(d.entropy(), independent.entropy);
  expectNear(D.klDivergence(d, new D.Independent(new D.Normal(zeros(3, 4), 1), 1)), independent.kl);
  expect(new D.Independent(new D.Bernoulli(ones(2, 3)), 2).support.contains(ones(2, 3)).shape).toEqual([]);
});

describe('what is refused', () => {
  it.each([
    ['a width of 0', () => new D.Normal(0, 0), /Normal: expected scale to be positive/],
    ['both parameters', () => new D.Bernoulli({ probs: 0.5, logits: 0 }), /expected either probs or logits, but got both/],
    ['neither', () => new D.Categorical(), /expected either probs or logits, but got neither/],
    ['an empty interval', () => new D.Uniform(1, 1), /expected high - low to be positive/],
    ['a grey value', () => new D.Bernoulli(0.5).logProb(tensor([0.5])), /Bernoulli.logProb: expected the value to be boolean/],
    ['a class that is none', () => new D.Categorical(ones(3)).logProb(tensor([3])), /expected the value to be integer from 0 to 2/],
    ['a value of another shape', () => new D.Normal(zeros(3), 1).logProb(zeros(2)), /expected a value that fits \[3\]/],
    [
      'two matrices',
      () => new D.MultivariateNormal({ loc: zeros(2), covarianceMatrix: ones(2, 2), scaleTril: ones(2, 2) }),
      /but got covarianceMatrix and scaleTril/,
    ],
    ['more dimensions than there are', () => new D.Independent(new D.Normal(0, 1), 1), /expected at most 0 dimensions/],
    ['a pair without a formula', () => D.klDivergence(new D.Normal(0, 1), new D.Gamma(1, 1)), /no formula for Normal and Gamma/],
    ['an unknown option', () => new D.Normal(0, 1, { validate: true } as never), /there is no option 'validate'/],
  ])('%s', (_, call, message) => expect(call).toThrow(message));

  it('is let pass where the program says so', () => {
    const d = new D.Bernoulli(0.5, { validateArgs: false });
    expect(d.logProb(tensor([0.5])).item()).toBeCloseTo(Math.log(0.5), 6);
  });
});

test('a pair of one’s own', () => {
  D.registerKl(D.Normal, D.Laplace, (p, q) => p.loc.sub(q.loc).abs());
  expect(D.klDivergence(new D.Normal(3, 1), new D.Laplace(1, 1)).item()).toBe(2);
});

test('compiled functions draw anew at every run', () => {
  const step = compile((x: Tensor) => new D.Normal(x, 1).rsample());
  const eager = (x: Tensor): Tensor => new D.Normal(x, 1).rsample();
  manualSeed(5);
  const compiled = [step(zeros(4)).tolist(), step(zeros(4)).tolist()];
  manualSeed(5);
  expect(compiled).toEqual([eager(zeros(4)).tolist(), eager(zeros(4)).tolist()]);
});

test('draws are listed', () => {
  expect(new D.Bernoulli(zeros(2)).enumerateSupport().tolist()).toEqual([
    [0, 0],
    [1, 1],
  ]);
  expect(new D.Categorical(ones(2, 3)).enumerateSupport(false).tolist()).toEqual([[0], [1], [2]]);
  expect(new D.Categorical(ones(3)).perplexity().item()).toBeCloseTo(3, 5);
});
