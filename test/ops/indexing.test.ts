/** Selecting, gathering, joining, padding and sorting, against PyTorch (test/fixtures/ops/indexing.py). */
import { cat, F, full, nonzero, randn, stack, type Index, type Tensor } from 'flambeau';
import { expect, test } from 'vitest';
import { dimParams } from '../../src/geometry/attrs.ts';
import { flipParams, sortParams, triangleParams } from '../../src/geometry/indexing.ts';
import { apply } from '../../src/tensor/dispatch.ts';
import { testFamily, type Binding } from '../support/run-fixtures.ts';

interface DimArgs {
  readonly dim: number;
}
interface IndicesArgs {
  readonly indices: readonly Index[];
}
interface SortArgs extends DimArgs {
  readonly k?: number;
  readonly descending?: boolean;
  readonly largest?: boolean;
}

/** Operations that have no method of their own. */
const scatterLike =
  (name: 'scatter' | 'scatterAdd' | 'indexAdd'): Binding =>
  ({ x, index, source }, { dim }: DimArgs) =>
    apply(name, [x, index, source], dimParams(dim));
const triangle =
  (name: 'tril' | 'triu'): Binding =>
  ({ x }, { diagonal }: { diagonal: number }) =>
    apply(name, [x], triangleParams(diagonal));

testFamily('indexing', {
  at: ({ x }, { indices }: IndicesArgs) => x.at(...indices),
  atMask: ({ x, mask }) => x.at(mask),
  setAt: ({ x, y }, { indices }: IndicesArgs) => x.clone().setAt(indices, y),
  setAtNumber: ({ x }, { indices, value }: IndicesArgs & { value: number }) => x.clone().setAt(indices, value),
  indexSelect: ({ x, index }, { dim }: DimArgs) => x.indexSelect(dim, index),
  gather: ({ x, index }, { dim }: DimArgs) => x.gather(dim, index),
  scatter: scatterLike('scatter'),
  scatterAdd: scatterLike('scatterAdd'),
  indexAdd: scatterLike('indexAdd'),
  scatterNumber: ({ x, index }, { dim, value }: DimArgs & { value: number }) => apply('scatterValue', [x, index], dimParams(dim), [value]),
  oneHot: ({ x }, { numClasses }: { numClasses: number }) => F.oneHot(x, numClasses),
  cat: ({ all }, { dim }: DimArgs) => cat(all, dim),
  stack: ({ all }, { dim }: DimArgs) => stack(all, dim),
  split: ({ x }, { size, dim }: DimArgs & { size: number }) => x.split(size, dim),
  chunk: ({ x }, { count, dim }: DimArgs & { count: number }) => x.chunk(count, dim),
  pad: ({ x }, { pads, value }: { pads: readonly number[]; value?: number }): Tensor => F.pad(x, pads, value),
  flip: ({ x }, { dims }: { dims: readonly number[] }) => apply('flip', [x], flipParams(dims)),
  tril: triangle('tril'),
  triu: triangle('triu'),
  sort: ({ x }, { dim, descending = false }: SortArgs) => apply('sort', [x], sortParams(dim, descending)),
  topk: ({ x }, { dim, k = 1, largest = true }: SortArgs) => apply('topk', [x], sortParams(dim, largest, k)),
  nonzero: ({ x }) => nonzero(x),
});

test('of large tensors only the borders are filled', () => {
  const x = randn(2, 3, 60, 50);
  const columns = cat([full([2, 3, 60, 1], 2), x, full([2, 3, 60, 3], 2)], 3);
  const [above, below] = [4, 2].map((count) => full([2, 3, count, 54], 2)) as [Tensor, Tensor];
  expect(F.pad(x, [1, 3, 0, 2], { value: 2 }).tolist()).toEqual(cat([columns, below], 2).tolist());
  expect(F.pad(x, [1, 3, 4, 2], { value: 2 }).tolist()).toEqual(cat([above, columns, below], 2).tolist());
  const cut = cat([full([2, 1, 62, 54], 2), cat([columns, below], 2)], 1);
  expect(F.pad(x, [1, 3, 0, 2, 1, 0, 1, 0], { value: 2 }).tolist()).toEqual(cat([full([1, 4, 62, 54], 2), cut], 0).tolist());
});
