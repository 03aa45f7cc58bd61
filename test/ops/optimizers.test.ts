/** Optimizers over eight steps with given gradients, against PyTorch (test/fixtures/ops/optimizers.py). */
import { optim } from 'flambeau';
import { describe, test } from 'vitest';
import { onEachDevice } from '../support/devices.ts';
import { decode, expectClose, loadFixture, toTensor, type Encoded } from '../support/fixtures.ts';

interface OptimizerCase {
  readonly id: string;
  readonly op: 'SGD' | 'Adam' | 'AdamW';
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

const { cases } = loadFixture<{ cases: OptimizerCase[] }>('optimizers');

describe('optimizers as in PyTorch', () => {
  onEachDevice(() => {
    test.each(cases)('$id', (c) => {
      const params = Object.values(c.in).map((text) => toTensor(decode(text)).requiresGrad_());
      const given = c.groups?.map((group, i) => ({ params: [params[i]!], ...group })) ?? params;
      const optimizer = new optim[c.op](given as never, c.args as never) as optim.Optimizer;
      c.gradients.forEach((row, i) => {
        row.forEach((text, p) => (params[p]!.grad = text === null ? null : toTensor(decode(text))));
        const rate = c.rates?.[i];
        if (rate !== undefined) for (const group of optimizer.paramGroups) group.lr = rate;
        optimizer.step();
        c.after[String(i + 1)]?.forEach((text, p) => {
          expectClose(params[p]!, decode(text), `parameter ${p} after step ${i + 1}`, 'sum');
        });
      });
    });
  });
});
