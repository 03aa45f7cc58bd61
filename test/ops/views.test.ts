/** Views, and programs of several operations, against PyTorch (test/fixtures/ops/views.py). */
import { zeros, type Tensor } from 'flambeau';
import { testFamily, type Inputs } from '../support/run-fixtures.ts';

interface ShapeArgs {
  readonly shape: readonly number[];
}

/** The programs of views.py, line by line. */
const PROGRAMS: Readonly<Record<string, (x0: Tensor, x1: Tensor) => Tensor>> = {
  'in place on a view': (x) => {
    const y = x.mul(1);
    y.at(':', 1).mul_(3);
    return y.mul(y);
  },
  'write through the base': (x) => {
    const y = x.mul(2);
    const row = y.at(0);
    y.mul_(3);
    return row.mul(row);
  },
  'overlapping views': (x) => {
    const y = x.mul(1);
    y.at(':2').add_(y.at('1:').clone());
    return y.sum(0);
  },
  'copy into parts': (x, y) => {
    const z = zeros(3, 4);
    z.setAt([':', ':2'], x);
    z.setAt([':', '2:'], x.mul(y));
    return z.mul(z);
  },
  'strided base': (x) => {
    const z = zeros(4, 3).t().detach();
    const row = z.at(1);
    z.at(0).copy_(x);
    z.add_(x);
    return z.mul(z).sum(1).add(row.sum());
  },
  diamond: (x) => {
    const a = x.mul(2);
    const b = a.exp();
    const c = a.sin();
    return b.mul(c).add(a);
  },
  reuse: (x) => {
    let y = x;
    for (let i = 0; i < 4; i++) y = y.mul(y).add(y);
    return y;
  },
  detach: (x) => x.mul(x.detach()),
  'expanded twice': (x) => x.expand(4, 3).mul(x.expand(2, 4, 3)),
  'transposed product': (x, y) => x.t().matmul(y).t().matmul(x.t()),
  'mean of squares': (x) =>
    x
      .sub(x.mean(1, { keepdim: true }))
      .pow(2)
      .mean(),
  standardise: (x) => {
    const centred = x.sub(x.mean([0, 2], { keepdim: true }));
    return centred.div(x.var([0, 2], { keepdim: true }).add(1e-5).sqrt());
  },
  attention: (q, k) => q.matmul(k.transpose(-1, -2)).div(2).softmax(-1).matmul(k),
};

testFamily('views', {
  reshape: ({ x }, { shape }: ShapeArgs) => x.reshape(...shape),
  // Not every layout can be viewed under every shape; how it refuses is tested elsewhere.
  view: ({ x }, { shape }: ShapeArgs) => x.contiguous().view(...shape),
  flatten: ({ x }, { start, end }: { start: number; end: number }) => x.flatten(start, end),
  permute: ({ x }, { dims }: { dims: readonly number[] }) => x.permute(...dims),
  transpose: ({ x }, { dim0, dim1 }: { dim0: number; dim1: number }) => x.transpose(dim0, dim1),
  t: ({ x }) => x.t(),
  squeeze: ({ x }, { dim }: { dim?: number }) => x.squeeze(dim),
  unsqueeze: ({ x }, { dim }: { dim: number }) => x.unsqueeze(dim),
  expand: ({ x }, { shape }: ShapeArgs) => x.expand(...shape),
  narrow: ({ x }, { dim, start, length }: { dim: number; start: number; length: number }) => x.narrow(dim, start, length),
  select: ({ x }, { dim, index }: { dim: number; index: number }) => x.select(dim, index),
  contiguous: ({ x }) => x.t().contiguous(),
  clone: ({ x }) => x.clone(),
  program: ({ all }: Inputs, { name }: { name: string }) => PROGRAMS[name]!(all[0]!, all[1]!),
});
