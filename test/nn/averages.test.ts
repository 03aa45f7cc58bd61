/** Averages of weights against PyTorch's (test/fixtures/ops/averages.py). */
import { arange, deepcopy, nn, optim, ones, tensor, zeros, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { decode, expectClose, loadFixture, type Encoded } from '../support/fixtures.ts';

const { AveragedModel, SWALR, getEmaAvgFn, getEmaMultiAvgFn, getSwaAvgFn, getSwaMultiAvgFn, updateBn } = optim.swaUtils;
type State = Readonly<Record<string, Encoded>>;
const fixture = loadFixture<{
  averages: Record<string, State>;
  batchNorm: { state: State; training: boolean; momentum: number };
  schedules: Record<string, { rates: number[][]; state: [string, unknown][]; group: string[] }>;
}>('averages');

const wave = (shape: readonly number[], phase = 0): Tensor =>
  arange(shape.reduce((a, b) => a * b, 1), { dtype: 'float64' }).mul(0.7).add(phase).sin().reshape(...shape).to('float32'); // prettier-ignore

function fill<M extends nn.ModuleBase>(module: M, phase = 0): M {
  module.parameters().forEach((parameter, i) => parameter.data.copy_(wave(parameter.shape, phase + i)));
  return module;
}
const model = (): nn.ModuleBase & ((x: Tensor) => Tensor) => fill(new nn.Sequential(new nn.Linear(3, 2), new nn.BatchNorm1d(2))) as never;

function expectState(module: nn.ModuleBase, expected: State): void {
  const state = module.stateDict();
  expect([...state.keys()]).toEqual(Object.keys(expected));
  for (const [key, text] of Object.entries(expected)) expectClose(state.get(key)!, decode(text), key);
}

const OPTIONS: Record<string, optim.swaUtils.AveragedModelOptions> = {
  plain: {},
  swa: { avgFn: getSwaAvgFn() },
  swaMulti: { multiAvgFn: getSwaMultiAvgFn() },
  ema: { avgFn: getEmaAvgFn(0.9) },
  emaMulti: { multiAvgFn: getEmaMultiAvgFn(0.9) },
  emaNear: { multiAvgFn: getEmaMultiAvgFn(0.25), useBuffers: true },
  buffers: { useBuffers: true },
};

describe('AveragedModel', () => {
  test.each(Object.keys(fixture.averages))('%s', (name) => {
    const trained = model();
    const average = new AveragedModel(trained, OPTIONS[name]);
    for (let step = 0; step < 4; step++) {
      fill(trained, step + 1);
      trained(wave([4, 3], step));
      average.updateParameters(trained);
    }
    expectState(average, fixture.averages[name]!);
    const again = new AveragedModel(trained);
    again.loadStateDict(average.stateDict());
    expectState(again, fixture.averages[name]!);
    expect(average(zeros(2, 3)).shape).toEqual([2, 2]);
  });

  test('is called as its model, in its types, too', () => {
    const average = new AveragedModel(new nn.Linear(2, 1));
    const out: Tensor = average(ones(3, 2));
    expect(out.shape).toEqual([3, 1]);
    expect(average.module.inFeatures).toBe(2);
    expect(String(average)).toBe('AveragedModel(\n  (module): Linear(in_features=2, out_features=1, bias=True)\n)');
    expect(deepcopy(average)(ones(3, 2)).tolist()).toEqual(out.tolist());
  });

  test('positions, and what does not go together', () => {
    const layer = new nn.Linear(2, 1);
    expect(new AveragedModel(layer, 'cpu', null, getEmaMultiAvgFn(), true).useBuffers).toBe(true);
    expect(() => new AveragedModel(layer, { avgFn: getEmaAvgFn(), multiAvgFn: getEmaMultiAvgFn() })).toThrow(/leave one out/);
    expect(() => getEmaAvgFn(1.5)).toThrow(/decay to be a number between 0 and 1/);
    const average = new AveragedModel(layer);
    expect(() => average.updateParameters(new nn.Linear(3, 1))).toThrow(/its tensor 0 is \[1, 3\], the copy's \[1, 2\]/);
    expect(() => average.updateParameters(new nn.Linear(2, 1, false))).toThrow(/with 2 tensors, but got one with 1/);
    expect(average.n_averaged.item()).toBe(0);
  });
});

test('updateBn', async () => {
  const trained = model();
  trained(wave([4, 3], 9));
  const average = new AveragedModel(trained);
  average.eval();
  await updateBn(
    [0, 1, 2].map((i) => [wave([4, 3], i), null] as [Tensor, null]),
    average,
  );
  expectState(average, fixture.batchNorm.state);
  expect(average.training).toBe(fixture.batchNorm.training);
  const [, norm] = [...average.module.children()] as unknown as [unknown, nn.BatchNorm1d];
  expect(norm.momentum).toBe(fixture.batchNorm.momentum);
  await expect(updateBn([{}] as never, average)).rejects.toThrow(/expected batches that are tensors/);
  expect([norm.momentum, average.training]).toEqual([0.1, false]);
  await updateBn([{}] as never, new nn.Linear(1, 1)); // there is nothing to compute
});

describe('SWALR', () => {
  const CALLS: Record<string, readonly [number | number[], number, 'cos' | 'linear']> = {
    cos: [0.05, 4, 'cos'],
    linear: [[0.05, 0.5], 3, 'linear'],
    atOnce: [0.05, 0, 'cos'],
  };
  const optimizer = (): optim.SGD =>
    new optim.SGD([
      { params: [new nn.Parameter(tensor([1]))], lr: 1 },
      { params: [new nn.Parameter(tensor([1]))], lr: 0.3 },
    ]);

  test.each(Object.keys(CALLS))('%s', (name) => {
    const { rates, state, group } = fixture.schedules[name]!;
    const [first, second] = [optimizer(), optimizer()];
    let schedule = new SWALR(first, ...CALLS[name]!);
    const found = [schedule.getLastLr()];
    for (let step = 0; step < 6; step++) {
      if (step === 3) {
        second.loadStateDict(first.stateDict());
        const other = new SWALR(second, 7, 7);
        second.loadStateDict(first.stateDict());
        other.loadStateDict(schedule.stateDict());
        schedule = other;
      }
      schedule.step();
      found.push(schedule.getLastLr());
    }
    found.flat().forEach((rate, i) => expect(rate).toBeCloseTo(rates.flat()[i]!, 14));
    const saved = schedule.stateDict();
    expect(Object.keys(saved)).toEqual(state.map(([key]) => key));
    for (const [key, value] of state) if (!Array.isArray(value)) expect(saved[key]).toBe(value);
    expect(Object.keys(second.stateDict().param_groups[0]!)).toEqual(group);
  });

  test('wrong arguments', () => {
    expect(() => new SWALR(optimizer(), [1, 2, 3])).toThrow(/expected 2 values as swaLr, one for each group, but got 3/);
    expect(() => new SWALR(optimizer(), 1, 10, 'cosine' as never)).toThrow(/annealStrategy to be 'cos' or 'linear'/);
    expect(() => new SWALR(optimizer(), 1).loadStateDict({})).toThrow(/last_epoch is missing/);
  });
});
