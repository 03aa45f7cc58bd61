/** Matrix products and linear layers, against PyTorch (test/fixtures/ops/matmul.py). */
import { F } from 'flambeau';
import { testFamily } from '../support/run-fixtures.ts';

testFamily('matmul', {
  matmul: ({ x, y }) => x.matmul(y),
  mm: ({ x, y }, { transposed }: { transposed?: number }) => (transposed === 0 ? x.t() : x).mm(transposed === 1 ? y.t() : y),
  linear: ({ x, w, b }) => F.linear(x, w, b),
});
