/** Calls of tensors' functions in PyTorch's order and by name: what compiles here is the check, `tsc` runs it. */
import { add, all, any, argmax, clamp, cumsum, div, logsumexp, max, mean, min, norm, permute, reshape, softmax, split, squeeze, std, sum, topk, transpose, var as variance, type Tensor, type ValuesAndIndices } from 'flambeau'; // prettier-ignore

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
