/**
 * Losses of two numbers a and b: of the difference d = a − b the square, the size, and the two that are quadratic near 0
 * (https://pytorch.org/docs/stable/generated/torch.nn.SmoothL1Loss.html, HuberLoss); and the binary cross-entropies of the logit a,
 * or the probability a, and the probability b.
 */
import type { PairLossKind } from '../../geometry/loss.ts';
import { constantOf, type Formula } from './formula.ts';

export interface Pair {
  readonly a: Formula;
  readonly b: Formula;
  /** Where smoothL1 and huber bend. */
  readonly beta: Formula;
}

export function pairLoss(kind: PairLossKind, { a, b, beta }: Pair): Formula {
  if (kind === 'bceWithLogits') {
    // −b·ln σ(a) − (1 − b)·ln(1 − σ(a)) = max(a, 0) − a·b + ln(1 + exp(−|a|)), where nothing overflows
    return a.max(0).sub(a.mul(b)).add(a.abs().neg().exp().math('log1p'));
  }
  if (kind === 'bce') {
    const [yes, no] = [a.math('log'), a.neg().math('log1p')].map((log) => log.lt(-100).select(-100, log));
    return b.sub(1).mul(no!).sub(b.mul(yes!));
  }
  const difference = a.sub(b);
  if (kind === 'mse') return difference.mul(difference);
  const size = difference.abs();
  if (kind === 'l1') return size;
  const square = size.mul(size).mul(0.5);
  const linear = size.sub(beta.mul(0.5));
  return kind === 'smoothL1' ? size.lt(beta).select(square.div(beta), linear) : size.lt(beta).select(square, linear.mul(beta));
}

/** ∂loss/∂a times g; of the square, half of it. */
export function pairSlope(kind: PairLossKind, { a, b, beta }: Pair, g: Formula): Formula {
  if (kind === 'bceWithLogits') return a.math('sigmoid').sub(b).mul(g);
  const difference = a.sub(b);
  if (kind === 'bce') {
    const spread = constantOf(a.type, 1).sub(a).mul(a);
    return g.mul(difference).div(spread.lt(1e-12).select(1e-12, spread));
  }
  if (kind === 'mse') return difference.mul(g);
  const zero = constantOf(a.type, 0);
  const inner = kind === 'l1' ? zero : kind === 'smoothL1' ? difference.mul(g).div(beta) : difference.mul(g);
  const outer = kind === 'huber' ? g.mul(beta) : g;
  const above = kind === 'l1' ? difference.gt(zero) : difference.ge(beta);
  const below = kind === 'l1' ? difference.lt(zero) : difference.le(beta.neg());
  return above.select(outer, below.select(outer.neg(), inner));
}
