/**
 * Optimizers whose state is divided among processes, over Open MPI and MPICH where they are installed: losses, shares and states are those of PyTorch's
 * ZeroRedundancyOptimizer (test/fixtures/distributed_zero.py). Programs of several processes run the built package.
 */
import { ArgumentError, DistributedError, manualSeed, nn, optim, randn } from 'flambeau';
import * as dist from 'flambeau/distributed';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fixture, MPIS, near, resultOf, starts, type InstalledMpi } from '../support/ranks.ts';

const { ZeroRedundancyOptimizer } = dist.optim;
type Losses = Readonly<Record<string, number[]>>;
const expected = fixture('distributed_zero') as Readonly<Record<2 | 3, { readonly losses: Losses; readonly shares: number[][] }>>;

/** One after the other: what a program computes does not depend on whose messages they are. */
const installed = MPIS.filter((mpi) => starts(mpi));
const mpiOf = (i: number): InstalledMpi => installed[i % installed.length]!;

describe.skipIf(installed.length === 0)('several processes', () => {
  it.each([2, 3] as const)("losses and shares are PyTorch's, of %i processes", (ranks) => {
    const found = resultOf(mpiOf(ranks), ranks, 'trainings', {}, 'zero.mjs');
    const { losses, compiled, shares } = found as { losses: Losses; compiled: Losses; shares: number[][] };
    for (const [name, each] of Object.entries(losses)) near(each, expected[ranks].losses[name]!);
    for (const [name, each] of Object.entries(compiled)) near(each, expected[ranks].losses[name]!);
    expect(shares).toEqual(expected[ranks].shares);
  });

  it('goes on from a state of two processes with three, and from that as one optimizer', () => {
    const { losses, again, plain } = resultOf(mpiOf(0), 3, 'resumed', {}, 'zero.mjs') as Losses;
    const adam = expected[2].losses['adam']!;
    near(losses!, adam.slice(10));
    near(again!, adam.slice(15));
    near(plain!, adam.slice(15));
  });

  it('takes large parameters and uneven shares, to the bit what the optimizer itself does', () => {
    expect(resultOf(mpiOf(0), 3, 'large', {}, 'zero.mjs')).toEqual([[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]); // prettier-ignore
  });

  it('says what a rank lacks, and what ranks have different', () => {
    const lacks =
      'DistributedError: ZeroRedundancyOptimizer.stateDict: rank 0 has the state of its own share only; call consolidateStateDict(0) in all ranks before, and stateDict() in rank 0';
    expect(resultOf(mpiOf(1), 2, 'refused', {}, 'zero.mjs')).toEqual([
      lacks,
      lacks,
      'ArgumentError: ZeroRedundancyOptimizer.consolidateStateDict: expected to to be a rank below 2, but got 2',
      expect.stringContaining(
        'DistributedError: ZeroRedundancyOptimizer.step: inside of model.join() ranks that are done take no part in it',
      ),
      "DistributedError: ZeroRedundancyOptimizer: the processes' parameters differ: parameter 0 of group 0 is float32 [2, 2] in rank 0, float32 [2, 3] in rank 1; " +
        'give the same ones in all ranks, in the same order',
    ]);
  });
});

describe('one process alone', () => {
  beforeEach(() => dist.initProcessGroup());
  afterEach(() => {
    if (dist.isInitialized()) dist.destroyProcessGroup();
  });

  const step = (model: nn.Linear, optimizer: optim.Optimizer): void => {
    optimizer.zeroGrad();
    model(randn(8, 4)).square().sum().backward();
    optimizer.step();
  };
  const trained = (optimizerOf: (model: nn.Linear) => optim.Optimizer): [nn.Linear, optim.Optimizer] => {
    manualSeed(0);
    const model = new nn.Linear(4, 2);
    const optimizer = optimizerOf(model);
    for (let i = 0; i < 3; i++) step(model, optimizer);
    return [model, optimizer];
  };

  it('is the optimizer itself', () => {
    const [plain, one] = trained((model) => new optim.Adam(model.parameters(), { lr: 0.1 }));
    const [divided, zero] = trained((model) => new ZeroRedundancyOptimizer(model.parameters(), optim.Adam, { lr: 0.1 }));
    expect(divided.weight.tolist()).toEqual(plain.weight.tolist());
    expect(zero.stateDict().param_groups).toEqual(one.stateDict().param_groups);
    expect(zero.stateDict().state.get(0)!['exp_avg']!.tolist()).toEqual(one.stateDict().state.get(0)!['exp_avg']!.tolist());
    expect(zero.toString()).toBe(one.toString().replace('Adam', 'ZeroRedundancyOptimizer'));
    const [, again] = trained((model) => new ZeroRedundancyOptimizer(model.parameters(), optim.Adam));
    again.loadStateDict(one.stateDict());
    expect(again.paramGroups[0]!.lr).toBe(0.1);
    expect([...again.state.values()].map((state) => state['step'])).toEqual([3, 3]);
  });

  it('runs hooks, and gives what a closure returns', () => {
    const model = new nn.Linear(4, 2);
    const optimizer = new ZeroRedundancyOptimizer(model.parameters(), optim.SGD, { lr: 0.1 });
    const calls: string[] = [];
    optimizer.registerStepPreHook(() => void calls.push('before'));
    optimizer.registerStepPostHook(() => void calls.push('after'));
    const loss = optimizer.step(() => {
      const now = model(randn(8, 4)).square().sum();
      now.backward();
      calls.push('closure');
      return now.item();
    });
    expect(typeof loss).toBe('number');
    expect(calls).toEqual(['before', 'closure', 'after']);
  });

  it('takes optimizers of your own, with hyperparameters by name', () => {
    class Signs extends optim.Optimizer<{ lr: number }> {
      constructor(params: optim.Params<{ lr: number }>, { lr = 1 }: { lr?: number } = {}) {
        super(params, { lr });
      }
      protected override update(param: import('flambeau').Tensor, grad: import('flambeau').Tensor, { lr }: { lr: number }): void {
        param.sub_(grad.sign().mul(lr));
      }
    }
    class Positional extends Signs {
      constructor(params: optim.Params<{ lr: number }>, lr = 1) {
        super(params, { lr });
      }
    }
    const model = new nn.Linear(4, 2, { bias: false });
    const before = model.weight.clone();
    const optimizer = new ZeroRedundancyOptimizer(model.parameters(), Signs, { lr: 0.25 });
    step(model, optimizer);
    expect(model.weight.sub(before).abs().max().item()).toBeCloseTo(0.25, 5);
    expect(() => new ZeroRedundancyOptimizer(model.parameters(), Positional, { lr: 0.25 })).toThrow(
      'ZeroRedundancyOptimizer: Positional has not taken lr; write its constructor as constructor(params, { lr, … })',
    );
  });

  it('refuses what it does not do', () => {
    const { weight } = new nn.Linear(4, 2);
    const make =
      (...args: readonly unknown[]) =>
      () =>
        Reflect.construct(ZeroRedundancyOptimizer, args) as unknown;
    expect(make([weight], optim.Adam, { overlapWithDdp: true })).toThrow('overlapWithDdp to be false: steps do not begin before');
    expect(make([weight], optim.Adam, { processGroup: {} })).toThrow('processGroup to be null: there are no groups of some processes yet');
    expect(make([weight], optim.LBFGS)).toThrow('LBFGS moves all parameters together');
    expect(make([weight], nn.Linear)).toThrow('expected optimizerClass to be a class of optimizers, such as optim.Adam');
    expect(make([weight])).toThrow(ArgumentError);
    expect(make([weight], optim.Adam, { lr: -1 })).toThrow('Adam: expected lr to be a finite number ≥ 0');
    expect(make([weight], optim.Adam, { momentum: 0.9 })).toThrow('momentum');
    expect(make([weight, weight], optim.Adam)).toThrow('Adam: a parameter appears twice');
    dist.destroyProcessGroup();
    expect(make([weight], optim.Adam)).toThrow(DistributedError);
  });
});
