/**
 * The gradients of batch normalisation's gradients. They are written in operations that have gradients themselves, and begin with the input: mean
 * and variance are computed anew, so that every further derivative is right.
 *
 * With x̂ = (x − μ)·s, s = 1/√(var + ε), M values per channel, sums over a channel: ∂x = w·s·(g − Σg/M − x̂·Σ(g·x̂)/M), ∂w = Σ g·x̂, ∂b = Σ g.
 */
import type { BatchNormParams } from '../../geometry/norm.ts';
import type { Tensor } from '../tensor.ts';
import type { Gradient, GradientContext } from './rule.ts';

/** What both forms need: sums over channels, parameters laid along them, what came for ∂x, ∂w and ∂b. */
interface Channels {
  readonly sum: (t: Tensor) => Tensor;
  readonly along: (t: Tensor) => Tensor;
  readonly ofX: Tensor | undefined;
  readonly ofWeight: Tensor | undefined;
  readonly ofBias: Tensor | undefined;
  /** How many values a channel has. */
  readonly count: number;
}

function channelsOf({ grads, attrs, inputLayouts }: GradientContext<BatchNormParams>): Channels {
  const { shape, numel } = inputLayouts[1]!;
  const others = shape.map((_, i) => i).filter((i) => i !== 1);
  const each = shape.map((size, i) => (i === 1 ? size : 1));
  const along = (t: Tensor): Tensor => t.reshape(each);
  const laid = (t: Tensor | undefined): Tensor | undefined => t && along(t);
  return {
    sum: (t) => t.sum(others, { keepdim: true }),
    along,
    ofX: grads[0],
    ofWeight: attrs.weight ? laid(grads[1]) : undefined,
    ofBias: attrs.bias ? laid(grads[attrs.weight ? 2 : 1]) : undefined,
    count: numel / Math.max(shape[1]!, 1),
  };
}

/** The sum of those that are there. */
const total = (...terms: readonly (Tensor | undefined)[]): Tensor | undefined =>
  terms.reduce((sum, term) => (sum === undefined ? term : term === undefined ? sum : sum.add(term)), undefined);

/** [∂y, x, mean, invStd, weight?] → [∂x, ∂weight?, ∂bias?] */
export const batchNormTwice: Gradient<BatchNormParams> = {
  name: 'BatchNormBackwardBackward0',
  saves: { inputs: [0, 1, 4] },
  run: (ctx) => {
    const { input, attrs } = ctx;
    const { sum, along, ofX, ofWeight, ofBias, count } = channelsOf(ctx);
    const [g, x] = [input(0), input(1)];
    const mean = (t: Tensor): Tensor => sum(t).div(count);
    const weight = attrs.weight ? along(input(4)) : undefined;
    const centered = x.sub(mean(x));
    const scale = mean(centered.square()).add(attrs.eps).rsqrt();
    const unit = centered.mul(scale);
    /** The gradient of the normalisation without its weight: symmetric, so that it is its own transpose. */
    const back = (t: Tensor): Tensor => scale.mul(t.sub(mean(t)).sub(unit.mul(mean(t.mul(unit)))));
    const weighed = (t: Tensor): Tensor => (weight === undefined ? t : t.mul(weight));
    const ofG = total(ofX && weighed(back(ofX)), ofWeight?.mul(unit), ofBias);
    const throughWeight = ofWeight && back(g.mul(ofWeight));
    const throughX = ofX && weighed(throughUnit(ofX, g, { unit, scale, mean }));
    const ofWeights = weight && ofX && sum(ofX.mul(back(g))).reshape([-1]);
    return [ofG?.expand(g.layout.shape), total(throughX, throughWeight), undefined, undefined, ofWeights];
  },
};

interface Statistics {
  readonly unit: Tensor;
  readonly scale: Tensor;
  readonly mean: (t: Tensor) => Tensor;
}

/** ∂/∂x of Σ h·s·(g − ḡ − x̂·mean(g·x̂)), a bar for the mean: x comes in through s and through x̂. */
function throughUnit(h: Tensor, g: Tensor, { unit, scale, mean }: Statistics): Tensor {
  const gUnit = mean(g.mul(unit));
  const hUnit = mean(h.mul(unit));
  const inner = g.sub(mean(g)).sub(unit.mul(gUnit)); // ∂x / (w·s)
  const ofUnit = h.mul(gUnit).add(g.mul(hUnit)).neg(); // ∂/∂x̂, but for the factor s
  const through = ofUnit.sub(mean(ofUnit)).sub(unit.mul(mean(ofUnit.mul(unit))));
  return scale.square().mul(through.sub(unit.mul(mean(h.mul(inner)))));
}

/** [∂y, x, runningMean, runningVar, weight?] → [∂x, ∂weight?, ∂bias?]: the statistics are numbers. */
export const batchNormEvalTwice: Gradient<BatchNormParams> = {
  name: 'BatchNormBackwardBackward0',
  saves: { inputs: [0, 1, 2, 3, 4] },
  run: (ctx) => {
    const { input, attrs } = ctx;
    const { sum, along, ofX, ofWeight, ofBias } = channelsOf(ctx);
    const scale = along(input(3).add(attrs.eps).rsqrt());
    const unit = input(1)
      .sub(along(input(2)))
      .mul(scale);
    const weight = attrs.weight ? along(input(4)) : undefined;
    const g = input(0);
    const ofG = total(ofX && (weight === undefined ? ofX.mul(scale) : ofX.mul(scale.mul(weight))), ofWeight?.mul(unit), ofBias);
    const ofWeights = weight && ofX && sum(ofX.mul(g).mul(scale)).reshape([-1]);
    return [ofG?.expand(g.layout.shape), ofWeight && g.mul(ofWeight).mul(scale), undefined, undefined, ofWeights];
  },
};
