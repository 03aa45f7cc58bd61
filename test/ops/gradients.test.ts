/**
 * The gradient of every operation in the rule tables, of views and of in-place changes against differences, and the
 * gradient of the gradient where it exists.
 */
import { AutogradError, zeros, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { RULES, type OpName } from '../../src/tensor/ops/index.ts';
import { gradCheck, gradGradCheck, uniform64 } from '../support/grad-check.ts';
import { CHECKS, NO_GRADIENT } from './gradient-table.ts';

const names = Object.keys(CHECKS) as OpName[];
const checked = names.flatMap((name) => {
  const entry = CHECKS[name];
  return typeof entry === 'string' ? [] : [{ name, checks: entry }];
});

describe('gradients against differences', () => {
  test('every operation with a gradient is checked, or says why not', () => {
    expect(names.sort()).toEqual(Object.keys(RULES).sort());
    for (const name of names) {
      const entry = CHECKS[name];
      if (RULES[name].gradient === null) expect(entry, name).toBe(NO_GRADIENT);
      else if (typeof entry === 'string') expect(entry, name).not.toBe(NO_GRADIENT);
      else expect(entry.length, name).toBeGreaterThan(0);
    }
  });

  test.each(checked)('$name', ({ checks }) => {
    for (const { inputs, fn } of checks) gradCheck(fn, inputs);
  });

  test.each(checked)('of the gradient of $name', ({ checks }) => {
    for (const { inputs, fn, second } of checks) {
      if (second === 'once') expect(() => gradGradCheck(fn, inputs)).toThrow(AutogradError);
      else if (second === undefined) gradGradCheck(fn, inputs);
    }
  });

  test('floorDivide refuses, as in PyTorch', () => {
    for (const divide of [(x: Tensor) => x.floorDivide(2), (x: Tensor) => x.floorDivide(x)]) {
      expect(() => gradCheck((x) => divide(x), [uniform64([3, 4], 1, 1, 2)])).toThrow(AutogradError);
    }
  });

  /** Views are not operations of the table: they record themselves. */
  const views: [string, (x: Tensor) => Tensor][] = [
    ['view', (x) => x.view(6, 4)],
    ['reshape of a transposed', (x) => x.transpose(0, 2).reshape(4, 6)],
    ['flatten', (x) => x.flatten(1)],
    ['permute', (x) => x.permute(2, 0, 1)],
    ['unsqueeze, expand', (x) => x.unsqueeze(1).expand(2, 2, 3, 4)],
    ['sum, squeeze', (x) => x.sum(1, { keepdim: true }).squeeze(1)],
    ['narrow', (x) => x.narrow(2, 1, 2)],
    ['select', (x) => x.select(1, -1)],
    ['at with steps', (x) => x.at(':', '1:', '::2')],
    ['at with a list', (x) => x.at(':', [2, 0, 2])],
    ['a split', (x) => x.split(2, 2)[1]!],
    ['contiguous', (x) => x.transpose(0, 1).contiguous()],
  ];
  test.each(views)('through a view: %s', (_, view) => {
    const fn = (x?: Tensor): Tensor => view(x!).mul(view(x!));
    gradCheck(fn, [uniform64([2, 3, 4], 1)]);
    gradGradCheck(fn, [uniform64([2, 3, 4], 1)]);
  });

  const changes: [string, (x: Tensor, y: Tensor) => Tensor][] = [
    ['a row', (x, y) => x.mul(1).setAt([0], y)],
    ['a column, broadcast', (x, y) => x.mul(1).setAt([':', 1], y.at(0))],
    ['through a view', (x, y) => changed(x.mul(1), (z) => z.at('1:', '::2').mul_(y.at(':2')))],
    ['through a transposed view', (x, y) => changed(x.mul(1), (z) => z.t().add_(y.unsqueeze(1)))],
    ['twice', (x, y) => changed(x.mul(1), (z) => z.at(0).add_(y).mul_(z.at(1)))],
    ['a base under its view', (x, y) => viewOfChanged(x.mul(1), y)],
    ['in a strided base', (x, y) => changed(zeros([4, 3], { dtype: 'float64' }).t().detach(), (z) => z.at(0).copy_(x.at(0).mul(y)))],
  ];
  test.each(changes)('in place: %s', (_, change) => {
    const fn = (x?: Tensor, y?: Tensor): Tensor => {
      const z = change(x!, y!);
      return z.mul(z);
    };
    const inputs = [uniform64([3, 4], 1), uniform64([4], 2)];
    gradCheck(fn, inputs);
    gradGradCheck(fn, inputs);
  });
});

function changed(z: Tensor, change: (z: Tensor) => unknown): Tensor {
  change(z);
  return z;
}

function viewOfChanged(z: Tensor, y: Tensor): Tensor {
  const row = z.at(1);
  z.mul_(y);
  return row;
}
