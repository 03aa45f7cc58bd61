/** Every schedule against PyTorch (test/fixtures/ops/schedulers_more.py): rates, momenta, state dicts, closed forms, going on from a step. */
import { optim, zeros } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { loadFixture } from '../support/fixtures.ts';

type Rows = readonly (readonly (readonly [number, number])[])[];
interface ScheduleCase {
  readonly id: string;
  readonly op: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly optimizer: 'SGD' | 'Adam';
  readonly rows: Rows;
  /** The state dict after the seventh step. */
  readonly state: unknown;
  readonly last: readonly number[];
}
interface Later {
  readonly id: string;
  readonly op: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly rows: Rows;
}
interface Closed extends Omit<Later, 'rows'> {
  readonly rows: readonly (readonly [number, Rows[number]])[];
}
const fixture = loadFixture<{ metrics: number[]; cases: ScheduleCase[]; closed: Closed[]; resumed: Later[] }>('schedulers_more');

const S = optim.lrScheduler;
const LAMBDAS: Readonly<Record<string, (step: number) => number>> = {
  decay: (step) => 0.95 ** step,
  half: (step) => (step % 3 === 0 ? 0.5 : 1),
};
const lambdas = (value: unknown): unknown =>
  Array.isArray(value) ? value.map((name) => LAMBDAS[name as string]) : LAMBDAS[value as string];

type Make = new (optimizer: unknown, options: unknown) => optim.LRScheduler;
function build(op: string, args: Readonly<Record<string, unknown>>, o: optim.Optimizer): optim.LRScheduler {
  switch (op) {
    case 'Sequential':
      return new S.SequentialLR(o, [new S.ConstantLR(o, 0.1, 3), new S.ExponentialLR(o, 0.9), new S.CosineAnnealingLR(o, 5)], [3, 8]);
    case 'Chained':
      return new S.ChainedScheduler([new S.ConstantLR(o, 0.1, 3), new S.ExponentialLR(o, 0.9)], o);
    case 'Nested': {
      const inner = new S.SequentialLR(o, [new S.LinearLR(o, 0.5, 1, 3), new S.StepLR(o, 2, 0.5)], [3]);
      return new S.SequentialLR(o, [inner, new S.ExponentialLR(o, 0.9)], { milestones: [9] });
    }
    case 'Restarted':
      return new S.SequentialLR(o, [new S.LinearLR(o, 0.1, 1, 4), new S.CosineAnnealingWarmRestarts(o, 3)], [4]);
    default: {
      const given = 'lrLambda' in args ? { ...args, lrLambda: lambdas(args['lrLambda']) } : args;
      return new (S as unknown as Record<string, Make>)[op]!(o, given);
    }
  }
}

function optimizerOf(kind: 'SGD' | 'Adam' = 'SGD'): optim.Optimizer {
  const given = [0.5, 0.25].map((lr) => ({ params: [zeros(1, { requiresGrad: true })], lr }));
  return kind === 'SGD' ? new optim.SGD(given, 0.5, 0.9) : new optim.Adam(given, { lr: 0.5 });
}

const near = (got: number, expected: number, what: string): void =>
  expect(Math.abs(got - expected), `${what}: got ${got}, expected ${expected}`).toBeLessThanOrEqual(
    1e-12 * Math.max(Math.abs(expected), 1e-3),
  );

function compareRow(o: optim.Optimizer, row: Rows[number], step: number): void {
  row.forEach(([lr, momentum], i) => {
    const group = o.paramGroups[i]! as { lr: number; momentum?: number; betas?: readonly number[] };
    near(group.lr, lr, `learning rate of group ${i} at step ${step}`);
    near((group.betas?.[0] ?? group.momentum)!, momentum, `momentum of group ${i} at step ${step}`);
  });
}

function move(scheduler: optim.LRScheduler, i: number): void {
  if (scheduler instanceof S.ReduceLROnPlateau) scheduler.step(fixture.metrics[i]);
  else scheduler.step();
}

/** As `plain` in the generator. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return [...(value as Map<unknown, unknown>)].map(([key, item]) => [String(key), plain(item)]);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) return Object.entries(value).map(([key, item]) => [key, plain(item)]);
  return typeof value === 'number' && !Number.isFinite(value) ? (value > 0 ? 'inf' : '-inf') : value;
}

function same(got: unknown, expected: unknown, what: string): void {
  if (Array.isArray(expected)) {
    expect(got, what).toHaveLength(expected.length);
    expected.forEach((item, i) => same((got as unknown[])[i], item, `${what}.${i}`));
  } else if (typeof expected === 'number') near(got as number, expected, what);
  else expect(got, what).toBe(expected);
}

describe('schedules as in PyTorch', () => {
  test.each(fixture.cases)('$id', (c) => {
    const o = optimizerOf(c.optimizer);
    const scheduler = build(c.op, c.args, o);
    compareRow(o, c.rows[0]!, 0);
    let saved: unknown;
    let groups: object[] = [];
    for (let i = 0; i < c.rows.length - 1; i++) {
      o.step();
      move(scheduler, i);
      compareRow(o, c.rows[i + 1]!, i + 1);
      if (i !== 6) continue;
      saved = scheduler.stateDict();
      same(plain(saved), c.state, 'state');
      groups = o.paramGroups.map(({ params: _, ...rest }) => ({ ...rest }));
    }
    scheduler.getLastLr().forEach((lr, i) => near(lr, c.last[i]!, `last rate ${i}`));
    // Another one, of the same kind, goes on from the state.
    const later = optimizerOf(c.optimizer);
    const again = build(c.op, c.args, later);
    groups.forEach((group, i) => Object.assign(later.paramGroups[i]!, group));
    again.loadStateDict(saved as optim.lrScheduler.SchedulerState);
    for (let i = 7; i < c.rows.length - 1; i++) {
      move(again, i);
      compareRow(later, c.rows[i + 1]!, i + 1);
    }
    expect(() => again.loadStateDict({})).toThrow(/nothing was loaded/);
  });

  test.each(fixture.closed)('$id to steps by number', (c) => {
    const o = optimizerOf();
    const scheduler = build(c.op, c.args, o);
    for (const [epoch, row] of c.rows) {
      scheduler.step(epoch);
      compareRow(o, row, epoch);
    }
  });

  test.each(fixture.resumed)('$id from step 3', (c) => {
    const o = optimizerOf();
    for (const group of o.paramGroups) group.initialLr = group.lr * 2;
    const scheduler = build(c.op, { ...c.args, lastEpoch: 3 }, o);
    c.rows.forEach((row, i) => {
      if (i > 0) scheduler.step();
      compareRow(o, row, i);
    });
  });
});

test.each<[string, (o: optim.Optimizer) => unknown, RegExp]>([
  ['too few functions', (o) => new S.LambdaLR(o, [(x) => x]), /expected 2 functions/],
  ['a function that gives nothing', (o) => new S.LambdaLR(o, (() => undefined) as never), /to give a number/],
  ['a factor above 1', (o) => new S.ConstantLR(o, 2), /factor to be a number between 0 and 1/],
  ['going on without a beginning', (o) => new S.ExponentialLR(o, 0.9, 3), /needs an initialLr/],
  ['too few milestones', (o) => new S.SequentialLR(o, [new S.ConstantLR(o)], [3]), /expected 0 milestones/],
  [
    'schedules of two optimizers',
    (o) => new S.ChainedScheduler([new S.ConstantLR(o), new S.ConstantLR(optimizerOf())]),
    /belongs to another optimizer/,
  ],
  ['a plateau among others', (o) => new S.ChainedScheduler([new S.ReduceLROnPlateau(o)]), /needs a metric/],
  ['a plateau without a metric', (o) => new S.ReduceLROnPlateau(o).step(undefined as never), /the metric to be a number/],
  ['rates of other groups', (o) => new S.CyclicLR(o, [0.1], 1), /expected 2 values as baseLr/],
  ['no optimizer', () => new S.StepLR({} as never, 3), /expected optimizer to be an optimizer/],
])('%s is refused', (_, call, message) => {
  expect(() => call(optimizerOf())).toThrow(message);
});
