/** Rates over a whole training, drawn together when its end comes sooner. */
import { describe, expect, it } from 'vitest';
import { StateDictError } from '../../src/base/errors.ts';
import '../../src/optim/families/optimizer-states.ts';
import { CosineAnnealingLR, OneCycleLR, type LRScheduler } from '../../src/optim/lr-scheduler.ts';
import { SGD } from '../../src/optim/sgd.ts';
import { zeros } from '../../src/tensor/create.ts';
import { PlannedLR, rateAt, type PlannedLROptions } from '../../src/train/planned-lr.ts';

const optimizer = (lr = 0.5): SGD =>
  new SGD([{ params: [zeros([1], { requiresGrad: true })] }, { params: [zeros([1], { requiresGrad: true })], lr: 64 * lr }], { lr });

/** The rate of the first group at so many steps. */
function rates(sgd: SGD, schedule: LRScheduler, steps: number): number[] {
  return Array.from({ length: steps }, () => {
    const { lr } = sgd.paramGroups[0]!;
    schedule.step();
    return lr;
  });
}
const planned = (options: PlannedLROptions, steps = options.totalSteps): number[] => {
  const sgd = optimizer();
  return rates(sgd, new PlannedLR(sgd, options), steps);
};
const expectClose = (came: readonly number[], expected: readonly number[]): void => {
  expect(came).toHaveLength(expected.length);
  came.forEach((rate, i) => expect(rate).toBeCloseTo(expected[i]!, 12));
};

describe('PlannedLR', () => {
  it.each([1, 2, 3, 7, 100])('is OneCycleLR over %i steps', (totalSteps) => {
    const sgd = optimizer();
    const cycle = new OneCycleLR(sgd, { maxLr: 0.5, totalSteps, cycleMomentum: false });
    expectClose(planned({ shape: 'onecycle', totalSteps }), rates(sgd, cycle, totalSteps));
  });

  it('is CosineAnnealingLR by steps, after a warm-up if there is one', () => {
    const sgd = optimizer();
    const expected = rates(sgd, new CosineAnnealingLR(sgd, 40), 40);
    expectClose(planned({ shape: 'cosine', totalSteps: 40 }), expected);
    const warm = planned({ shape: 'cosine', totalSteps: 50, warmupSteps: 10 });
    expectClose(warm.slice(10), expected);
    expect(warm[0]).toBeCloseTo(0.005);
    expect(warm.slice(0, 11)).toEqual([...warm.slice(0, 11)].sort((a, b) => a - b));
    expectClose(planned({ shape: 'none', totalSteps: 4, warmupSteps: 2 }), [0.005, 0.2525, 0.5, 0.5]);
  });

  it('goes up and down on straight lines', () => {
    const all = planned({ shape: 'triangle', totalSteps: 101, warmupSteps: 21 });
    expect([all[0], all[10], all[20], all[60], all[100]].map((rate) => Number(rate!.toFixed(6)))).toEqual([0.1, 0.3, 0.5, 0.2675, 0.035]);
    expect(rateAt(5, { shape: 'onecycle', totalSteps: 10, warmupSteps: 1 })).toBeLessThan(1);
    expect(rateAt(0, { shape: 'onecycle', totalSteps: 10, warmupSteps: 1 })).toBe(1);
  });

  it('gives every group its own rate', () => {
    const sgd = optimizer();
    const schedule = new PlannedLR(sgd, { shape: 'triangle', totalSteps: 20 });
    for (let i = 0; i < 15; i++) {
      expect(sgd.paramGroups[1]!.lr / sgd.paramGroups[0]!.lr).toBeCloseTo(64);
      schedule.step();
    }
  });

  it('ends where training ends, sooner or later', () => {
    for (const steps of [5, 20, 100]) {
      const sgd = optimizer();
      const schedule = new PlannedLR(sgd, { shape: 'cosine', totalSteps: 60 });
      const before = rates(sgd, schedule, 30).at(-1)!;
      schedule.endAfter(steps);
      const after = rates(sgd, schedule, steps);
      expect(after[0]).toBeLessThan(before);
      expect(after).toEqual([...after].sort((a, b) => b - a)); // on from where it was
      expect(after.at(-1)).toBeLessThan(0.06);
      expect(sgd.paramGroups[0]!.lr).toBeLessThan(1e-3);
    }
  });

  it('goes on from its state', () => {
    const make = () => {
      const sgd = optimizer();
      return { sgd, schedule: new PlannedLR(sgd, { shape: 'triangle', totalSteps: 60 }) };
    };
    const whole = make();
    rates(whole.sgd, whole.schedule, 25);
    whole.schedule.endAfter(10);
    rates(whole.sgd, whole.schedule, 3);
    const resumed = make();
    resumed.sgd.loadStateDict(whole.sgd.stateDict());
    resumed.schedule.loadStateDict(whole.schedule.stateDict());
    expect(rates(resumed.sgd, resumed.schedule, 7)).toEqual(rates(whole.sgd, whole.schedule, 7));
    const wrong = { ...whole.schedule.stateDict(), pace: 'slow' };
    expect(() => resumed.schedule.loadStateDict(wrong)).toThrow(StateDictError);
  });

  it('goes on from the state that runs of before have', () => {
    const old = optimizer();
    const cycle = new OneCycleLR(old, { maxLr: [0.5, 32], totalSteps: 40, cycleMomentum: false });
    rates(old, cycle, 17);
    const now = optimizer();
    const schedule = new PlannedLR(now, { shape: 'onecycle', totalSteps: 40 });
    now.loadStateDict(old.stateDict());
    schedule.loadStateDict(cycle.stateDict());
    expectClose(rates(now, schedule, 23), rates(old, cycle, 23));
  });
});
