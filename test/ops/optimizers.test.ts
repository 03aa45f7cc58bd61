/** Optimizers over steps with given gradients, against PyTorch (test/fixtures/ops/optimizers.py, optimizers_more.py). */
import { arange, compile, optim, zeros, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { onEachDevice } from '../support/devices.ts';
import { decode, expectClose, loadFixture, toTensor, type Encoded } from '../support/fixtures.ts';

type Name = Exclude<keyof typeof optim, 'LRScheduler' | 'OneCycleLR' | 'Optimizer' | 'StepLR' | 'lrScheduler' | 'LBFGS'>;
type Make = new (params: never, options: never) => optim.Optimizer;
const make = (name: Name | 'LBFGS', params: unknown, args: object): optim.Optimizer =>
  new (optim[name] as unknown as Make)(params as never, args as never);

interface OptimizerCase {
  readonly id: string;
  readonly op: Name;
  /** What it prints at the beginning. */
  readonly text?: string;
  readonly args: object;
  /** Options of a group for each parameter. */
  readonly groups?: readonly object[];
  /** The learning rate before each step. */
  readonly rates?: readonly number[];
  readonly in: Readonly<Record<string, Encoded>>;
  /** For each step and parameter; null where there is none. */
  readonly gradients: readonly (readonly (Encoded | null)[])[];
  /** The parameters after some steps. */
  readonly after: Readonly<Record<string, readonly Encoded[]>>;
}

interface SolvedCase {
  readonly id: string;
  readonly function: keyof typeof FUNCTIONS;
  readonly args: object;
  readonly sign: number;
  readonly text: string;
  readonly in: readonly Encoded[];
  readonly rows: readonly {
    readonly loss: number;
    readonly calls: number;
    readonly iterations: number;
    readonly params: readonly Encoded[];
  }[];
}

const { cases } = loadFixture<{ cases: OptimizerCase[] }>('optimizers');
const more = loadFixture<{ cases: OptimizerCase[]; texts: { op: Name; args: object; text: string }[]; lbfgs: SolvedCase[] }>(
  'optimizers_more',
);

/** Muon's iterations are rounded to eight bits: an element may be one of them off. */
function close(op: Name, got: Tensor, expected: Encoded, what: string): void {
  if (op !== 'Muon') {
    expectClose(got, decode(expected), what, 'sum');
    return;
  }
  const apart = got
    .detach()
    .sub(toTensor(decode(expected)))
    .abs()
    .max()
    .item();
  expect(apart, what).toBeLessThan(2e-3);
}

function run(c: OptimizerCase, compiled: boolean): void {
  const params = Object.values(c.in).map((text) => toTensor(decode(text)).requiresGrad_());
  const given = c.groups?.map((group, i) => ({ params: [params[i]!], ...group })) ?? params;
  const optimizer = make(c.op, given, c.args);
  if (c.text !== undefined) expect(String(optimizer)).toBe(c.text);
  const step = (grads: Tensor[]): void => {
    grads.forEach((grad, i) => (params[i]!.grad = grad));
    optimizer.step();
  };
  const stepping = compiled ? compile(step as never as (grads: Tensor[]) => Tensor[]) : step;
  c.gradients.forEach((row, i) => {
    if (compiled) stepping(row.map((text) => toTensor(decode(text!))));
    else {
      row.forEach((text, p) => (params[p]!.grad = text === null ? null : toTensor(decode(text))));
      const rate = c.rates?.[i];
      if (rate !== undefined) for (const group of optimizer.paramGroups) group.lr = rate;
      optimizer.step();
    }
    c.after[String(i + 1)]?.forEach((text, p) => close(c.op, params[p]!, text, `parameter ${p} after step ${i + 1}`));
  });
}

/** Kernels are made for each: some of every optimizer. */
const compiledCases = more.cases.filter(
  ({ op, id, gradients }, i) => !gradients.flat().includes(null) && (more.cases[i - 5]?.op !== op || id.endsWith('float64')),
);

const FUNCTIONS = {
  rosenbrock: ([x, y]: readonly [Tensor, Tensor]) =>
    x
      .rsub(1)
      .square()
      .sum()
      .add(y.sub(x.mul(x)).square().sum().mul(100)),
  bowl: ([x, y]: readonly [Tensor, Tensor]) => {
    const scale = arange(1, x.numel() + 1, 1, { dtype: 'float64' });
    return scale.mul(x).mul(x).sum().add(x.sum().sub(y.sum()).square()).add(y.mul(y).mul(y).mul(y).sum());
  },
};

describe('optimizers as in PyTorch', () => {
  onEachDevice(() => {
    test.each(cases)('$id', (c) => run(c, false));
    test.each(more.cases)('$id', (c) => run(c, false));
    test.each(compiledCases)('$id, compiled', (c) => run(c, true));
  });
});

test.each(more.lbfgs)('$id', (c) => {
  const params = c.in.map((text) => toTensor(decode(text)).requiresGrad_()) as [Tensor, Tensor];
  const optimizer = make('LBFGS', params, c.args);
  expect(String(optimizer)).toBe(c.text);
  let calls = 0;
  for (const [round, row] of c.rows.entries()) {
    const loss = optimizer.step(() => {
      calls++;
      optimizer.zeroGrad();
      const value = FUNCTIONS[c.function](params).mul(c.sign);
      value.backward();
      return value;
    });
    expect(calls).toBe(row.calls);
    expect(Math.abs(loss!.item() - row.loss)).toBeLessThan((round === 0 ? 1e-8 : 1e-5) * Math.max(1, Math.abs(row.loss)));
    const [state] = [...optimizer.stateDict().state.values()] as unknown as { n_iter: number }[];
    expect(state!.n_iter).toBe(row.iterations);
    row.params.forEach((text, i) => {
      const apart = params[i]!.detach()
        .sub(toTensor(decode(text)))
        .abs()
        .max()
        .item();
      expect(apart, `parameter ${i}`).toBeLessThan(round === 0 ? 1e-8 : 2e-5); // each step multiplies what rounding made different
    });
  }
});

test.each(more.texts)('$op $args prints as in PyTorch', ({ op, args, text }) => {
  expect(String(make(op, [zeros(2, { requiresGrad: true })], args))).toBe(text);
});
