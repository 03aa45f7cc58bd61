/**
 * One sample of every operation, module and optimizer of PyTorch's database (test/op-db), forward and backward: with test/support/webgpu-shadow.ts
 * every operation that it takes is repeated on WebGPU.
 */
import { describe, expect, test } from 'vitest';
import { Container, type Case } from '../../op-db/container.ts';
import { judge } from '../../op-db/judge.ts';

const groups = Container.read(new URL('../../fixtures/op-db.bin.gz', import.meta.url));

/** In float32, of the samples whose gradients are known if there are such: the first, of the least remarkable arguments. */
function sampleOf(cases: readonly Case[]): Case | undefined {
  const fit = cases.filter(({ dtype, error, kind }) => dtype === 'float32' && error === undefined && kind !== 'error');
  return fit.find(({ grads, parameters }) => grads !== undefined || parameters !== undefined) ?? fit[0];
}

const samples = groups.flatMap(({ name, cases, box }) => {
  const sample = sampleOf(cases);
  return sample === undefined || name.endsWith('_') ? [] : [{ name, cases, box, sample }];
});

describe("PyTorch's database", () => {
  test.each(samples)('$name', ({ sample, ...group }) => {
    const { outcome, what } = judge(group, sample, 'eager');
    expect([outcome === 'refused' ? 'right' : outcome, what]).toEqual(['right', outcome === 'refused' ? what : '']);
  });
});
