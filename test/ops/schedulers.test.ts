/** Learning rates and momenta of schedules, against PyTorch (test/fixtures/ops/schedulers.py). */
import { optim, zeros } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { loadFixture } from '../support/fixtures.ts';

interface ScheduleCase {
  readonly id: string;
  readonly op: 'StepLR' | 'OneCycleLR';
  readonly args: object;
  readonly optimizer: 'SGD' | 'Adam';
  readonly groups: number;
  /** For each step and group: learning rate, momentum (Adam: the first beta). */
  readonly rows: readonly (readonly (readonly [number, number])[])[];
}

const { cases } = loadFixture<{ cases: ScheduleCase[] }>('schedulers');

describe('schedules as in PyTorch', () => {
  test.each(cases)('$id', (c) => {
    const given = Array.from({ length: c.groups }, (_, i) => ({
      params: [zeros(1, { requiresGrad: true })],
      lr: 0.5 / (i + 1),
    }));
    const optimizer = c.optimizer === 'SGD' ? new optim.SGD(given, { lr: 0.5, momentum: 0.9 }) : new optim.Adam(given, { lr: 0.5 });
    const scheduler = new optim.lrScheduler[c.op](optimizer, c.args);
    const close = (got: number | undefined, expected: number, what: string): void => {
      expect(Math.abs(got! - expected), `${what}: got ${got}, expected ${expected}`).toBeLessThanOrEqual(1e-13 * Math.abs(expected));
    };
    c.rows.forEach((row, step) => {
      row.forEach(([lr, momentum], i) => {
        const group = optimizer.paramGroups[i]! as { lr: number; momentum?: number; betas?: readonly number[] };
        close(group.lr, lr, `learning rate of group ${i} at step ${step}`);
        close(group.betas?.[0] ?? group.momentum, momentum, `momentum of group ${i} at step ${step}`);
        if (c.op === 'StepLR') close(scheduler.getLastLr()[i], lr, `last rate of group ${i} at step ${step}`);
      });
      if (step === c.rows.length - 1) return; // past a cycle's end a rate may be negative, which step refuses
      optimizer.step();
      scheduler.step();
    });
  });
});
