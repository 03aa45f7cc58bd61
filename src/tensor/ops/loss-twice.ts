/** The gradient of the cross-entropy's gradient, in operations that have gradients themselves. */
import type { ClassLossParams } from '../../geometry/loss.ts';
import type { Tensor } from '../tensor.ts';
import type { Gradient } from './rule.ts';

/** What flows into logits through their probabilities p = softmax(x): p·(h − Σ h·p). */
export function throughProbabilities(h: Tensor, p: Tensor, rank: number): Tensor {
  const dim = rank === 1 ? 0 : 1;
  return p.mul(h.sub(h.mul(p).sum([dim], { keepdim: true })));
}

/**
 * [∂loss, probabilities, target, totalWeight, weight?] → ∂logits. The map is linear in ∂loss, and a·p − b in the probabilities p, where a and
 * b know targets, weights and smoothing: so it is asked for what it makes of ones and zeros.
 */
export const crossEntropyTwice: Gradient<ClassLossParams> = {
  name: 'NllLossBackwardBackward0',
  saves: { inputs: [0, 1, 2, 3, 4] },
  run: ({ grads: [h], apply, input, attrs, needs }) => {
    if (h === undefined) return [];
    const [g, p] = [input(0), input(1)];
    const rest = [input(2), input(3), ...(attrs.weight ? [input(4)] : [])];
    const at = (of: Tensor, probabilities: Tensor): Tensor => apply('crossEntropyGrad', [of, probabilities, ...rest], attrs)[0]!;
    const zeros = p.mul(0);
    const factor = (): Tensor => at(g, zeros.add(1)).sub(at(g, zeros));
    return [needs(0) ? intoLoss(h.mul(at(g.onesLike(), p)), g, p.ndim === 1 ? 0 : 1) : undefined, needs(1) ? h.mul(factor()) : undefined];
  },
};

/** Summed up as the loss was: over all, or over the classes. */
const intoLoss = (t: Tensor, g: Tensor, dim: number): Tensor => (g.ndim === 0 ? t.sum() : t.sum([dim]));
