/** The state of training through files: resumed to the same bits, exchanged with PyTorch in both directions, refused before anything is changed. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FlambeauError, StateDictError } from '../../src/base/errors.ts';
import { load, save } from '../../src/io/checkpoint-node.ts';
import { deserialize, serialize, type CheckpointInput } from '../../src/io/checkpoint.ts';
import type { CheckpointValue } from '../../src/io/checkpoint-value.ts';
import { PyTuple } from '../../src/io/pt/value.ts';
import { readPt } from '../../src/io/pt/pt.ts';
import * as nn from '../../src/nn/index.ts';
import { Parameter } from '../../src/nn/parameter.ts';
import * as optim from '../../src/optim/index.ts';
import { ones, tensor, zeros } from '../../src/tensor/create.ts';
import { arange } from '../../src/tensor/ranges.ts';
import { memoryScope } from '../../src/tensor/memory.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { pythonWithTorch, statedTorch } from '../support/python-packages.ts';
import { fixture } from './pt-support.ts';

// PyTorch 1.13 reads no floating-point numbers with weights_only.
const python = pythonWithTorch(2);
const folder = mkdtempSync(join(tmpdir(), 'flambeau-training-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Expected {
  readonly optimizer: unknown;
  readonly scheduler?: unknown;
  readonly params: readonly (readonly number[])[];
  readonly rates: readonly (readonly number[])[];
}
const expected = JSON.parse(new TextDecoder().decode(fixture('training.json'))) as Record<string, Expected>;
const names = Object.keys(expected);

type Params = readonly Parameter[];
interface Run {
  readonly params: Params;
  readonly optimizer: optim.Optimizer;
  readonly scheduler: optim.LRScheduler | undefined;
}

/** As test/fixtures/training_state.py has them. */
const OPTIMIZERS: Record<string, (p: Params) => optim.Optimizer> = {
  sgd: (p) => new optim.SGD(p, { lr: 0.1 }),
  momentum: (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, weightDecay: 1e-2, nesterov: true }),
  groups: (p) =>
    new optim.SGD(
      [
        { params: p.slice(0, 1), lr: 0.5 },
        { params: p.slice(1), momentum: 0.5 },
      ],
      { lr: 0.1 },
    ),
  adam: (p) => new optim.Adam(p, { lr: 0.1, weightDecay: 1e-2 }),
  amsgrad: (p) => new optim.Adam(p, { lr: 0.1, amsgrad: true, betas: [0.8, 0.99] }),
  adamw: (p) => new optim.AdamW(p, { lr: 0.1 }),
  steplr: (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9 }),
  onecycle: (p) => new optim.Adam(p, { lr: 0.1 }),
  onecycle3: (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9 }),
};
const SCHEDULERS: Record<string, (o: optim.Optimizer) => optim.LRScheduler> = {
  steplr: (o) => new optim.StepLR(o, { stepSize: 2, gamma: 0.5 }),
  onecycle: (o) => new optim.OneCycleLR(o, { maxLr: 1, totalSteps: 10 }),
  onecycle3: (o) => new optim.OneCycleLR(o, { maxLr: 1, epochs: 2, stepsPerEpoch: 5, threePhase: true, annealStrategy: 'linear' }),
};

function begin(name: string): Run {
  const params = [[2, 3], [2]].map(
    (shape) =>
      new Parameter(
        arange(shape.reduce((a, b) => a * b, 1))
          .div(8)
          .reshape(...shape),
      ),
  );
  const optimizer = OPTIMIZERS[name]!(params);
  return { params, optimizer, scheduler: SCHEDULERS[name]?.(optimizer) };
}

function steps({ params, optimizer, scheduler }: Run, first: number, last: number): number[][] {
  const rates: number[][] = [];
  for (let step = first; step < last; step++) {
    for (const param of params) {
      const grad = Array.from({ length: param.numel() }, (_, i) => (((7 * i + 3 * step) % 11) - 5) / 4);
      param.grad = tensor(grad).reshape(...param.shape);
    }
    optimizer.step();
    scheduler?.step();
    rates.push(optimizer.paramGroups.map(({ lr }) => lr));
  }
  return rates;
}

const packed = ({ params, optimizer, scheduler }: Run): CheckpointInput => ({
  params: params.map((param) => param.detach()),
  optimizer: optimizer.stateDict(),
  ...(scheduler === undefined ? {} : { scheduler: scheduler.stateDict() }),
});

type Checkpoint = Map<string, CheckpointValue>;

function resume(name: string, checkpoint: Checkpoint): Run {
  const run = begin(name);
  const saved = checkpoint.get('params') as Tensor[];
  run.params.forEach((param, i) => param.detach().copy_(saved[i]!));
  run.optimizer.loadStateDict(checkpoint.get('optimizer'));
  run.scheduler?.loadStateDict(checkpoint.get('scheduler'));
  return run;
}

const bits = (tensors: readonly Tensor[]): number[][] =>
  tensors.map((x) => [...new Uint32Array(Float32Array.from(x.toTypedArray() as Float32Array).buffer)]);

/** As `structure` in the generator. */
function structure(value: unknown): unknown {
  if (value instanceof Tensor) return `torch.${value.dtype} [${value.layout.shape.join(', ')}]`;
  if (value instanceof Map) return [...(value as Map<unknown, unknown>)].map(([key, item]) => [key, structure(item)]);
  if (Array.isArray(value)) return value.map(structure);
  return value;
}

describe.each(names)('%s', (name) => {
  test('is resumed to the same bits, through bytes and a file', () => {
    const whole = begin(name);
    steps(whole, 0, 3);
    const path = join(folder, `${name}.pt`);
    save(packed(whole), path);
    const runs = [deserialize<Checkpoint>(serialize(packed(whole))), load<Checkpoint>(path)].map((checkpoint) => resume(name, checkpoint));
    const inMemory = begin(name);
    inMemory.params.forEach((param, i) => param.detach().copy_(whole.params[i]!));
    inMemory.optimizer.loadStateDict(whole.optimizer.stateDict());
    inMemory.scheduler?.loadStateDict(whole.scheduler!.stateDict());
    const rates = steps(whole, 3, 6);
    for (const run of [...runs, inMemory]) {
      expect(steps(run, 3, 6)).toEqual(rates);
      expect(bits(run.params)).toEqual(bits(whole.params));
    }
  });

  test('is saved with PyTorch’s names, in its order', () => {
    const run = begin(name);
    steps(run, 0, 3);
    const saved = deserialize<Checkpoint>(serialize(packed(run)));
    const { optimizer, scheduler } = expected[name]!;
    const close = (mine: unknown, theirs: unknown): void => {
      if (Array.isArray(theirs)) {
        expect(mine).toHaveLength(theirs.length);
        theirs.forEach((item, i) => close((mine as unknown[])[i], item));
      } else if (typeof theirs === 'number') expect(mine).toBeCloseTo(theirs, 12);
      else expect(mine).toBe(theirs);
    };
    if (name !== 'groups') close(structure(saved.get('optimizer')), optimizer);
    else {
      // What a group was made with comes first there; nothing depends on the order.
      const sorted = (state: unknown): unknown =>
        (state as [string, [string, unknown][][]][])[1]![1].map((group) => group.sort(([a], [b]) => (a < b ? -1 : 1)));
      close(sorted(structure(saved.get('optimizer'))), sorted(optimizer));
    }
    if (scheduler !== undefined) close(structure(saved.get('scheduler')), scheduler);
  });

  test('goes on from PyTorch’s own file as PyTorch does', () => {
    const run = resume(name, deserialize<Checkpoint>(fixture(`training_${name}.pt`)));
    const { params, rates } = expected[name]!;
    steps(run, 3, 6).forEach((list, i) => list.forEach((rate, at) => expect(rate).toBeCloseTo(rates[i]![at]!, 14)));
    run.params.forEach((param, i) => {
      [...param.toTypedArray()].forEach((value, at) => expect(value).toBeCloseTo(params[i]![at]!, 6));
    });
  });
});

describe.skipIf(python === undefined)(
  `PyTorch goes on from our files (${statedTorch(python, 'needs PyTorch 2: tools/python-env.sh')})`,
  () => {
    let found: readonly Pick<Expected, 'params' | 'rates'>[] = [];
    // One process for all, since importing PyTorch takes seconds.
    beforeAll(() => {
      const paths = names.map((name) => {
        const run = begin(name);
        steps(run, 0, 3);
        const path = join(folder, `${name}.pt`);
        save(packed(run), path);
        return path;
      });
      const script = fileURLToPath(new URL('../fixtures/training_state.py', import.meta.url));
      const result = spawnSync(python!, [script, 'resume', ...paths], { encoding: 'utf8' });
      if (result.status !== 0) throw new Error(result.stderr);
      found = result.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Expected);
    }, 120_000);

    test.each(names)('%s', (name) => {
      const { params, rates } = found[names.indexOf(name)]!;
      params.flat().forEach((value, i) => expect(value).toBeCloseTo(expected[name]!.params.flat()[i]!, 6));
      rates.flat().forEach((value, i) => expect(value).toBeCloseTo(expected[name]!.rates.flat()[i]!, 14));
    });
  },
);

describe('older forms', () => {
  test('what 0.1 of this library saved', () => {
    const run = begin('onecycle');
    steps(run, 0, 3);
    const state = new Map(
      run.params.map((_, i) => [i, { step: 3, exp_avg: zeros(...run.params[i]!.shape), exp_avg_sq: zeros(...run.params[i]!.shape) }]),
    );
    const paramGroups = [
      { lr: 0.25, betas: [0.9, 0.99], eps: 1e-8, weightDecay: 0.5, amsgrad: false, maximize: false, initialLr: 0.04, params: [0, 1] },
    ];
    run.optimizer.loadStateDict({ state, paramGroups } as never);
    expect(run.optimizer.paramGroups[0]).toMatchObject({ lr: 0.25, betas: [0.9, 0.99], weightDecay: 0.5, initialLr: 0.04 });
    run.scheduler!.loadStateDict({ lastEpoch: 7, baseLrs: [0.04], lastLr: [0.25] });
    expect([run.scheduler!.lastEpoch, run.scheduler!.getLastLr()]).toEqual([7, [0.25]]);
  });

  test('PyTorch’s before 1.5, with numbers of its own for parameters, and before 1.12, with counts that are no tensors', () => {
    const run = begin('adam');
    const value = (x: number, shape: readonly number[]): Tensor => zeros(...shape).fill_(x);
    const state = new Map(
      [140234, 140999].map((id, i) => [
        id,
        { step: 4, exp_avg: value(i, run.params[i]!.shape), exp_avg_sq: value(i + 2, run.params[i]!.shape) },
      ]),
    );
    const groups = [
      { lr: 0.5, betas: new PyTuple([0.9, 0.999]).items, eps: 1e-8, weight_decay: 0, amsgrad: false, params: [140234, 140999] },
    ];
    run.optimizer.loadStateDict({ state, param_groups: groups } as never);
    const saved = run.optimizer.stateDict();
    expect(saved.state.get(1)!['exp_avg_sq']!.tolist()).toEqual([3, 3]);
    expect(saved.state.get(0)!['step']!.item()).toBe(4);
    expect(run.optimizer.paramGroups[0]!.lr).toBe(0.5);
  });

  test('a momentum of nothing, and ways to compute, are passed over', () => {
    const run = begin('sgd');
    const [saved] = run.optimizer.stateDict().param_groups;
    run.optimizer.loadStateDict({
      state: new Map([[0, { momentum_buffer: null }]]),
      param_groups: [{ ...saved, foreach: true, fused: false, name: 'all' }],
    } as never);
    expect(run.optimizer.stateDict().state.size).toBe(0);
    expect(run.optimizer.paramGroups[0]).not.toHaveProperty('foreach');
    expect(run.optimizer.stateDict().param_groups[0]).toMatchObject({ name: 'all', foreach: null });
  });
});

// As PyTorch 2.15: a parameter of ones, gradients of ones, a step at rate 0.1 and decay 0.5 in the first optimizer, then one of the second on
// another parameter of ones. The way to decay comes with the state, but AdamW stays AdamW.
test.each([
  ['Adam', 'Adam', 0.8999999761581421, false],
  ['Adam', 'AdamW', 0.8529647588729858, true],
  ['AdamW', 'Adam', 0.8499999642372131, true],
  ['AdamW', 'AdamW', 0.8499999642372131, true],
] as const)('the state of %s in %s', (from, to, value, decoupled) => {
  const [first, second] = [new Parameter(ones(2)), new Parameter(ones(2))];
  const step = (optimizer: optim.Optimizer, param: Parameter): void => {
    param.grad = ones(2);
    optimizer.step();
  };
  const begun = new optim[from]([first], { lr: 0.1, weightDecay: 0.5 });
  step(begun, first);
  const resumed = new optim[to]([second]);
  resumed.loadStateDict(begun.stateDict());
  step(resumed, second);
  expect(second.at(0).item()).toBeCloseTo(value, 6);
  expect(resumed.stateDict().param_groups[0]!['decoupled_weight_decay']).toBe(decoupled);
});

test('decoupled decay is a hyperparameter of Adam, and none of AdamW', () => {
  const param = (): Parameter[] => [new Parameter(ones(2))];
  const [ours, theirs] = [param(), param()];
  for (const [p, optimizer] of [
    [ours[0]!, new optim.Adam(ours, { lr: 0.1, weightDecay: 0.5, decoupledWeightDecay: true })],
    [theirs[0]!, new optim.AdamW(theirs, { lr: 0.1, weightDecay: 0.5 })],
  ] as const) {
    p.grad = tensor([1, -3]);
    optimizer.step();
  }
  expect(ours[0]!.tolist()).toEqual(theirs[0]!.tolist());
  expect(() => new optim.AdamW(param(), { decoupledWeightDecay: false } as never)).toThrow(/no option 'decoupledWeightDecay'/);
  expect(() => new optim.AdamW([{ params: param(), decoupledWeightDecay: false } as never])).toThrow(/always decoupled/);
});

describe('what does not fit changes nothing', () => {
  const good = (): Run => {
    const run = begin('onecycle');
    steps(run, 0, 3);
    return run;
  };
  /** The state as plain objects that can be changed. */
  const plain = (run: Run): { state: Record<string, Record<string, unknown>>; param_groups: Record<string, unknown>[] } => {
    const { state, param_groups: groups } = run.optimizer.stateDict();
    const entries = [...state].map(([i, values]) => [i, { ...values }] as const);
    return { state: Object.fromEntries(entries), param_groups: groups.map((group) => ({ ...group })) };
  };
  type Change = (saved: ReturnType<typeof plain>) => unknown;
  const cases: [string, Change, RegExp][] = [
    ['nothing', () => undefined, /the state is missing; expected a Map or an object/],
    ['a list', () => [], /the state is a list of 0/],
    ['a tensor', () => zeros(2), /the state is a tensor of float32/],
    ['another class', () => new Date(), /the state is an object of another kind/],
    ['no groups', () => ({ state: {} }), /param_groups is missing; expected a list/],
    ['no state', (saved) => ({ param_groups: saved.param_groups }), /state is missing/],
    ['another number of groups', (saved) => void saved.param_groups.push({ lr: 1, params: [2] }), /saved groups have \[2, 1\] parameters, the optimizer's \[2\]/],
    ['another number of parameters', (saved) => { saved.param_groups[0]!['params'] = [0]; }, /saved groups have \[1\]/],
    ['a parameter twice', (saved) => { saved.param_groups[0]!['params'] = [0, 0]; }, /name parameter 0 twice/],
    ['parameters that are no numbers', (saved) => { saved.param_groups[0]!['params'] = ['a', 'b']; }, /holds "a"; expected numbers/],
    ['state for a parameter that is not there', (saved) => { saved.state['7'] = saved.state['0']!; }, /state for parameter 7, but the groups have 2 with the numbers 0, 1/],
    ['a buffer of another shape', (saved) => { saved.state['1']!['exp_avg'] = zeros(3); }, /state\[1\]\.exp_avg is a tensor of float32 and shape \[3\]; expected one of float32 and shape \[2\]/],
    ['a buffer of whole numbers', (saved) => { saved.state['1']!['exp_avg'] = zeros(2, { dtype: 'int64' }); }, /exp_avg is a tensor of int64/],
    ['a buffer that is a number', (saved) => { saved.state['1']!['exp_avg'] = 3; }, /exp_avg is 3; expected/],
    ['a buffer that is missing', (saved) => { delete saved.state['1']!['exp_avg_sq']; }, /state\[1\] has no exp_avg_sq/],
    ['a buffer of another optimizer', (saved) => { saved.state['1']!['momentum_buffer'] = zeros(2); }, /has "momentum_buffer", which this optimizer does not know/],
    ['no largest average for AMSGrad', (saved) => { saved.param_groups[0]!['amsgrad'] = true; }, /has no max_exp_avg_sq/],
    ['a count that is none', (saved) => { saved.state['1']!['step'] = tensor(1.5); }, /step is 1.5; expected a whole number/],
    ['a count of several', (saved) => { saved.state['1']!['step'] = zeros(2); }, /step is a tensor/],
    ['no learning rate', (saved) => { delete saved.param_groups[0]!['lr']; }, /param_groups\[0\] has no lr/],
    ['a learning rate out of range', (saved) => { saved.param_groups[0]!['lr'] = -1; }, /lr to be a finite number/],
    ['a learning rate that is text', (saved) => { saved.param_groups[0]!['lr'] = '1'; }, /lr is "1"; expected a number/],
    ['betas out of range', (saved) => { saved.param_groups[0]!['betas'] = [0.9, 1]; }, /betas\[1\] to be in \[0, 1\)/],
    ['three betas', (saved) => { saved.param_groups[0]!['betas'] = [0.9, 0.9, 0.9]; }, /betas has 3 numbers/],
    ['a switch that is a number', (saved) => { saved.param_groups[0]!['maximize'] = 1; }, /maximize is 1; expected true or false/],
    ['a way to decay that is no switch', (saved) => { saved.param_groups[0]!['decoupled_weight_decay'] = 'yes'; }, /decoupled_weight_decay is "yes"; expected true or false/],
  ]; // prettier-ignore
  test.each(cases)('%s', (_, change, message) => {
    const run = good();
    const saved = plain(run);
    const before = serialize(packed(run));
    const result = change(saved);
    const changed = change.length === 0 ? result : (result ?? saved);
    const attempt = (): void => run.optimizer.loadStateDict(changed as never);
    expect(attempt).toThrow(StateDictError);
    expect(attempt).toThrow(message);
    expect(serialize(packed(run))).toEqual(before);
  });

  const schedules: [string, object, RegExp][] = [
    ['nothing', {}, /last_epoch is missing/],
    ['a fraction of a step', { last_epoch: 1.5 }, /last_epoch is 1.5; expected a whole number/],
    ['rates of other groups', { base_lrs: [1, 2] }, /base_lrs has 2 numbers for 1 groups/],
    ['rates that are no numbers', { _last_lr: [NaN] }, /_last_lr is \[NaN\]/],
    ['no length', { total_steps: 0 }, /total_steps is 0/],
    ['no phases', { _schedule_phases: [] }, /number of _schedule_phases is 0/],
    [
      'phases of other names',
      { _schedule_phases: [{ end_step: 1, start_lr: 'lr' }] },
      /start_lr is "lr"; expected one of initial_lr, max_lr, min_lr/,
    ],
    ['another curve', { _anneal_func_type: 'sin' }, /_anneal_func_type is "sin"/],
    ['no word on momentum', { cycle_momentum: null }, /cycle_momentum is null/],
  ];
  test.each(schedules)('a schedule with %s', (_, change, message) => {
    const run = good();
    const before = serialize(packed(run));
    const saved = Object.keys(change).length === 0 ? {} : { ...run.scheduler!.stateDict(), ...change };
    expect(() => run.scheduler!.loadStateDict(saved)).toThrow(StateDictError);
    expect(() => run.scheduler!.loadStateDict(saved)).toThrow(message);
    expect(serialize(packed(run))).toEqual(before);
  });

  test('a schedule of another kind', () => {
    const [step, cycle] = [begin('steplr').scheduler!, begin('onecycle').scheduler!];
    expect(() => step.loadStateDict(cycle.stateDict())).toThrow(/step_size is missing/);
    expect(() => cycle.loadStateDict(step.stateDict())).toThrow(/total_steps is missing/);
  });

  test('a module: other things than state dicts, and tensors whose memory is gone', () => {
    const model = new nn.Linear(2, 2);
    const before = bits(model.parameters());
    const weight = zeros(2, 2);
    let bias = zeros(2);
    memoryScope(() => {
      bias = zeros(2);
    });
    const wrong: [unknown, RegExp][] = [
      [undefined, /expected a state dict, tensors by name, but got missing/],
      [[weight], /got a list of 1/],
      [weight, /got a tensor of float32 and shape \[2, 2\]/],
      [new Map([[1, weight]]), /a Map with the key 1, which is no name/],
      [new Map<string, unknown>([['weight', weight], ['bias', 'text']]), /bias: the file has no tensor, the model \[2\]/],
      [new Map<string, unknown>([['weight', weight], ['bias', bias]]), /loadStateDict: bias/],
    ]; // prettier-ignore
    for (const [state, message] of wrong) {
      expect(() => model.loadStateDict(state as never)).toThrow(FlambeauError);
      expect(() => model.loadStateDict(state as never)).toThrow(message);
      expect(bits(model.parameters())).toEqual(before);
    }
    model.loadStateDict({ weight, bias: tensor([1, 2]) } as never);
    expect(model.bias!.tolist()).toEqual([1, 2]);
  });
});

test('PyTorch’s state dicts in files are read whole', () => {
  const raw = readPt(fixture('training_adam.pt')) as Map<string, unknown>;
  expect([...raw.keys()]).toEqual(['params', 'optimizer']);
});
