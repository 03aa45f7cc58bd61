/** The dtypes of results, against PyTorch (test/fixtures/ops/promotion.py). */
import { maximum, type DType } from 'flambeau';
import { testFamily } from '../support/run-fixtures.ts';

testFamily('promotion', {
  add: ({ x, y }) => x.add(y),
  sub: ({ x, y }) => x.sub(y),
  mul: ({ x, y }) => x.mul(y),
  div: ({ x, y }) => x.div(y),
  maximum: ({ x, y }) => maximum(x, y),
  lt: ({ x, y }) => x.lt(y),
  to: ({ x }, { dtype }: { dtype: DType }) => x.to(dtype),
});
