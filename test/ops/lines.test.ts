/** Lines of gather and scatter: those that lie side by side are walked together, with the same results as one by one. */
import { randint, randn, type Tensor } from 'flambeau';
import { expect, test } from 'vitest';

/** The same along the last dimension, where each line is walked by itself. */
const alongLast = (dim: number, of: (...all: Tensor[]) => Tensor, ...all: Tensor[]): Tensor =>
  of(...all.map((x) => x.movedim(dim, -1).contiguous())).movedim(-1, dim);

test.each([
  [[9, 150], 0],
  [[5, 7, 8], 0],
  [[3, 6, 131], 1],
  [[6, 7], 0],
])('shape %j along %i', (shape, dim) => {
  const [x, y] = [randn(shape), randn(shape)];
  const index = randint(0, shape[dim]!, shape);
  const same = (of: (dim: number, ...all: Tensor[]) => Tensor, ...all: Tensor[]): void =>
    expect(of(dim, ...all).tolist()).toEqual(alongLast(dim, (...moved) => of(-1, ...moved), ...all).tolist());
  same((d, a, i) => a.gather(d, i), x, index);
  same((d, a, i, b) => a.scatter(d, i, b), x, index, y);
  same((d, a, i) => a.scatter(d, i, 7), x, index);
  same((d, a, i, b) => a.scatterAdd(d, i, b), x, index, y);
  same((d, a, i, b) => a.scatterReduce(d, i, b, 'prod'), x, index, y);
  same((d, a, i, b) => a.scatterReduce(d, i, b, 'sum', { includeSelf: false }), x, index, y);
  const wide = randn(shape.map((n, i) => (i === dim ? n : n + 2)));
  same((d, a, i) => a.gather(d, i), wide, index);
  index
    .view(-1)
    .narrow(0, index.numel() - 1, 1)
    .fill_(shape[dim]!);
  expect(() => x.gather(dim, index)).toThrow(/index/);
});
