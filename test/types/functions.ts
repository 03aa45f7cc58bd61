/** Calls of tensors' functions in PyTorch's order and by name: what compiles here is the check, `tsc` runs it. */
import {
  abs, add, all, any, argmax, bmm, clamp, cumsum, div, eq, flatten, flip, gather, indexSelect, logsumexp, max, mean, min, mm, mul, multiply, narrow, norm, outer, permute, randint, randn,
  ravel, reshape, select, softmax, sort, split, squeeze, std, sub, sum, swapaxes, t, topk, transpose, tril, unsqueeze, var as variance, type Tensor, type ValuesAndIndices,
} from 'flambeau'; // prettier-ignore
import { has } from './support.ts';

export function calls(x: Tensor): void {
  const tensors: Tensor[] = [
    sum(x), sum(x, 1), sum(x, [0, 1], true), sum(x, { dim: 1, keepdim: true }), sum(x, 1, { dtype: 'float64' }), mean(x, [2, 3]), mean(x),
    all(x), any(x, 0), argmax(x, 1, true), logsumexp(x, 1), logsumexp(x, 1, true), std(x), std(x, 0, false), std(x, 1, { correction: 0 }),
    variance(x, [0, 1], false), variance(x, { correction: 0 }), max(x), max(x, x), max(x, 1, true)[0], max(x, { dim: 1 }).values, min(x, 1).indices,
    cumsum(x, 1), softmax(x, 1), clamp(x, 0, 1), clamp(x, { min: 0 }), norm(x), norm(x, 2, 1), permute(x, [1, 0]), reshape(x, [6]),
    ...split(x, 1, 1), squeeze(x), squeeze(x, 1), transpose(x, 0, 1), div(x, 2, { roundingMode: 'floor' }), add(x, x, { alpha: 2 }),
  ]; // prettier-ignore
  // as Python takes named tuples apart
  const [values, indices] = max(x, 1);
  const [, predicted] = x.max(1);
  tensors.push(values, indices, predicted, topk(x, 5)[1], ...x.sort(1));
  const pair: ValuesAndIndices = x.median(1);
  tensors.push(pair.values);

  // @ts-expect-error no such dimension
  sum(x, 'rows');
  // @ts-expect-error no such option
  mean(x, { keepDims: true });
  // @ts-expect-error one argument too many
  softmax(x, 1, 'float32', 3);
  // @ts-expect-error a tensor is needed
  max(3, 1);
  // @ts-expect-error no third place
  tensors.push(x.max(1)[2]);
}

/** They know the shapes of their results as the methods do, and what does not fit. */
export function shapes(): void {
  const x = randn(2, 3, 4);
  const m = randn(3, 5);
  has(add(x, 1)).shape<[2, 3, 4]>();
  has(add(x, randn(4), { alpha: 2 })).shape<[2, 3, 4]>();
  has(multiply(x, randn(3, 1))).shape<[2, 3, 4]>();
  has(mul(x, randn(4))).shape<[2, 3, 4]>();
  has(sub(1, x)).shape<[2, 3, 4]>();
  has(eq(x, randn(1, 4))).shape<[2, 3, 4]>();
  has(div(x, 2, { roundingMode: 'floor' })).shape<[2, 3, 4]>();
  has(abs(clamp(x, 0, 1))).shape<[2, 3, 4]>();
  has(sum(x)).shape<[]>();
  has(sum(x, 1)).shape<[2, 4]>();
  has(mean(x, [0, 2], true)).shape<[1, 3, 1]>();
  has(sum(x, { dim: -1, keepdim: true })).shape<[2, 3, 1]>();
  has(all(x, 0)).shape<[3, 4]>();
  has(argmax(x, 1)).shape<[2, 4]>();
  has(max(x)).shape<[]>();
  has(max(x, 2)[0]).shape<[2, 3]>();
  has(std(x, 0, { correction: 0 })).shape<[3, 4]>();
  has(softmax(x, 1)).shape<[2, 3, 4]>();
  has(cumsum(x, 1)).shape<[2, 3, 4]>();
  has(sort(x, 1).values).shape<[2, 3, 4]>();
  has(flatten(x, 1)).shape<[2, 12]>();
  has(ravel(x)).shape<[24]>();
  has(reshape(x, [6, -1])).shape<[6, 4]>();
  has(permute(x, [2, 0, 1])).shape<[4, 2, 3]>();
  has(transpose(x, 0, -1)).shape<[4, 3, 2]>();
  has(swapaxes(x, 1, 2)).shape<[2, 4, 3]>();
  has(x.swapdims(0, 1)).shape<[3, 2, 4]>();
  has(t(m)).shape<[5, 3]>();
  has(unsqueeze(m, 0)).shape<[1, 3, 5]>();
  has(squeeze(randn(1, 3, 1))).shape<[3]>();
  has(narrow(x, 1, 0, 2)).shape<[2, 2, 4]>();
  has(select(x, 0, 1)).shape<[3, 4]>();
  has(indexSelect(x, 1, randint(0, 3, [7]))).shape<[2, 7, 4]>();
  has(gather(m, 1, randint(0, 5, [3, 2]))).shape<[3, 2]>();
  has(mm(t(m), m)).shape<[5, 5]>();
  has(bmm(x, transpose(x, 1, 2))).shape<[2, 3, 3]>();
  has(x.bmm(randn(2, 4, 6))).shape<[2, 3, 6]>();
  has(outer(randn(2), randn(3))).shape<[2, 3]>();
  has(tril(flip(m, 0))).shape<[3, 5]>();

  // @ts-expect-error sizes 4 and 3
  add(x, randn(3));
  // @ts-expect-error no such dimension
  sum(x, 3);
  // @ts-expect-error 24 elements
  reshape(x, [5, -1]);
  // @ts-expect-error three dimensions
  permute(x, [0, 1]);
  // @ts-expect-error inner sizes 5 and 3
  mm(m, m);
  // @ts-expect-error inner sizes
  bmm(x, x);
  // @ts-expect-error no such dimension
  flatten(x, 3);
}
