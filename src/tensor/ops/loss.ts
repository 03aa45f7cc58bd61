/**
 * Losses: fused forward and reduction, and their gradients. Class targets are int64 with classes along dimension 1
 * (dimension 0 of an unbatched input); losses of pairs of tensors take equal shapes (callers broadcast beforehand).
 *
 * A target outside [0, C) that is not `ignoreIndex` ends the plan with an IndexError (`kernels/cpu/fault.ts`).
 *
 * Class-probability targets are not here: they are −Σ target·logSoftmax(x)·weight, composed by the caller.
 */
import { requireDType } from '../../base/dtype.ts';
import { ShapeError } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { say, WRONG_TARGET } from '../../base/sentences.ts';
import { sameDims, showShape, showSizes, type Dims } from '../../base/shape.ts';
import {
  classGeometry,
  nllGradParams,
  type ClassGeometry,
  type ClassLossParams,
  type NllGradParams,
  type PairLossParams,
  type Reduction,
} from '../../geometry/loss.ts';
import type { Tensor } from '../tensor.ts';
import { crossEntropyTwice, throughProbabilities } from './loss-twice.ts';
import type { GradientContext, OpRules } from './rule.ts';

export interface ClassLossAttrs {
  /** [logProbabilities, target, weight?] → [loss, totalWeight (scalar)] */
  nllLoss: ClassLossParams;
  /** [∂loss, target, totalWeight, weight?] → ∂logProbabilities */
  nllLossGrad: NllGradParams;
  /** [logits, target, weight?] → [loss, probabilities (shaped as logits), totalWeight (scalar)] */
  crossEntropy: ClassLossParams;
  /** [∂loss, probabilities, target, totalWeight, weight?] → ∂logits */
  crossEntropyGrad: ClassLossParams;
  /** [input, target] → loss */
}

export interface PairLossAttrs {
  mseLoss: PairLossParams;
  l1Loss: PairLossParams;
  smoothL1Loss: PairLossParams;
  huberLoss: PairLossParams;
  /** [probabilities, probabilities] → the binary cross-entropy */
  binaryCrossEntropy: PairLossParams;
  /** [logits, probabilities] → the binary cross-entropy */
  bceWithLogits: PairLossParams;
  /** [∂loss, input, target] → ∂input; for losses of the difference, ∂target is its negative */
  pairLossGrad: PairLossParams;
}

export interface LossAttrs extends ClassLossAttrs, PairLossAttrs {}

/** Checks log-probabilities or logits against targets and weights. */
function checkClasses(op: string, [x, target, weight]: readonly Layout[]): ClassGeometry {
  requireDType(op, 'input', x!.dtype, ['float32', 'float64']);
  requireDType(op, 'target (class indices)', target!.dtype, ['int64']);
  const { shape } = x!;
  if (shape.length === 0) throw new ShapeError(`${op}: expected an input of shape [C], [N, C] or [N, C, d1, …], but got a scalar`);
  const expected = shape.length === 1 ? [] : [shape[0]!, ...shape.slice(2)];
  if (!sameDims(target!.shape, expected)) {
    throw new ShapeError(
      `${say(WRONG_TARGET, op, showSizes(expected), showSizes(target!.shape))}; an input of ${showSizes(shape)} has its classes along ` +
        `dimension ${shape.length === 1 ? 0 : 1}`,
    );
  }
  const geometry = classGeometry(shape);
  if (weight !== undefined && !sameDims(weight.shape, [geometry.classes])) {
    throw new ShapeError(`${op}: expected one weight per class, shape [${geometry.classes}], but got ${showShape(weight.shape)}`);
  }
  if (weight !== undefined) requireDType(op, 'weight', weight.dtype, [x!.dtype]);
  return geometry;
}

const reduced = (x: Layout, shape: Dims, reduction: Reduction): Layout => layoutOf(x.dtype, reduction === 'none' ? shape : []);

/** ∂/∂b of the binary cross-entropies: −a of a logit, ln(1 − a) − ln a of a probability. */
function bceTarget(g: Tensor, a: Tensor, { kind, reduction }: PairLossParams): Tensor {
  const least = (log: Tensor): Tensor => log.clamp({ min: -100 });
  const slope = kind === 'bceWithLogits' ? a.neg() : least(a.neg().log1p()).sub(least(a.log()));
  return reduction === 'mean' ? slope.mul(g).div(a.numel()) : slope.mul(g);
}

const PAIR_NAMES = {
  mse: 'MseLossBackwardBackward0',
  l1: 'L1LossBackwardBackward0',
  smoothL1: 'SmoothL1LossBackwardBackward0',
  huber: 'HuberLossBackwardBackward0',
  bce: 'BinaryCrossEntropyBackwardBackward0',
  bceWithLogits: 'BinaryCrossEntropyWithLogitsBackwardBackward0',
};

/** a·(1 − a), as the slope divides by it. */
const spreadOf = (a: Tensor): Tensor => a.rsub(1).mul(a).clamp({ min: 1e-12 });

/** How the slope of a loss of the difference d changes with d; of the binary cross-entropies, with the logits or probabilities. */
function curvature(a: Tensor, b: Tensor, { kind, beta }: PairLossParams): Tensor {
  if (kind === 'bceWithLogits') {
    const s = a.sigmoid();
    return s.mul(s.rsub(1));
  }
  if (kind === 'bce') {
    const spread = spreadOf(a);
    return spread.sub(a.sub(b).mul(a.mul(-2).add(1))).div(spread.square());
  }
  const flat = a.newZeros(a.layout.shape);
  if (kind === 'mse') return flat.add(2);
  if (kind === 'l1' || beta === 0) return flat;
  const inside = a.sub(b).abs().lt(beta).to(a.dtype);
  return kind === 'huber' ? inside : inside.div(beta);
}

/** The gradients of g · slope(a, b), where h flows back. */
function pairLossSecond({ grads: [h], apply, input, attrs, needs }: GradientContext<PairLossParams>): (Tensor | undefined)[] {
  if (h === undefined) return [];
  const [g, a, b] = [input(0), input(1), input(2)];
  const ofG = (): Tensor => {
    const slope = apply('pairLossGrad', [g.detach().onesLike(), a, b], attrs)[0]!.mul(h);
    return attrs.reduction === 'none' ? slope : slope.sum();
  };
  const scaled = attrs.reduction === 'mean' ? h.mul(g).div(a.numel()) : h.mul(g);
  const binary = attrs.kind === 'bceWithLogits' || attrs.kind === 'bce';
  const ofA = needs(1) || (needs(2) && !binary) ? scaled.mul(curvature(a, b, attrs)) : undefined;
  const ofB = (): Tensor => (attrs.kind === 'bce' ? scaled.div(spreadOf(a)) : binary ? scaled : ofA!).neg();
  return [needs(0) ? ofG() : undefined, needs(1) ? ofA : undefined, needs(2) ? ofB() : undefined];
}

const pairLoss = (name: string, op: string): OpRules<PairLossAttrs>['mseLoss'] => ({
  shape: ([a, b], { reduction }) => {
    requireDType(op, 'input', a!.dtype, ['float32', 'float64']);
    requireDType(op, 'target', b!.dtype, [a!.dtype]);
    if (!sameDims(a!.shape, b!.shape)) {
      throw new ShapeError(`${op}: expected input and target of one shape, but got ${showShape(a!.shape)} and ${showShape(b!.shape)}`);
    }
    return [reduced(a!, a!.shape, reduction)];
  },
  gradient: {
    name,
    saves: { inputs: [0, 1] },
    run: ({ grads: [g], apply, input, attrs, needs }) => {
      if (g === undefined) return [undefined, undefined];
      const binary = attrs.kind === 'bceWithLogits' || attrs.kind === 'bce';
      const ofInput = needs(0) || !binary ? apply('pairLossGrad', [g, input(0), input(1)], attrs)[0]! : undefined;
      if (!needs(1)) return [ofInput, undefined];
      return [needs(0) ? ofInput : undefined, ofInput !== undefined && !binary ? ofInput.neg() : bceTarget(g, input(0), attrs)];
    },
  },
});

export const classLossRules: OpRules<ClassLossAttrs> = {
  nllLoss: {
    shape: (inputs, { reduction }) => {
      checkClasses('nllLoss', inputs);
      return [reduced(inputs[0]!, inputs[1]!.shape, reduction), layoutOf(inputs[0]!.dtype, [])];
    },
    gradient: {
      name: 'NllLossBackward0',
      saves: { inputs: [1, 2], outputs: [1] },
      run: ({ grads: [g], apply, input, output, attrs, inputLayouts }) => {
        if (g === undefined) return [];
        const weight = attrs.weight ? [input(2)] : [];
        const params = nllGradParams(attrs, inputLayouts[0]!.shape);
        return [apply('nllLossGrad', [g, input(1), output(1), ...weight], params)[0]];
      },
    },
  },
  nllLossGrad: {
    shape: ([g], { shape }) => [layoutOf(g!.dtype, shape)],
    gradient: {
      name: 'NllLossBackwardBackward0',
      saves: { inputs: [1, 3] },
      // The gradient is linear in ∂loss as the loss is linear in its input: the same map transposed is the loss itself.
      run: ({ grads: [h], apply, input, attrs }) => {
        if (h === undefined) return [];
        const weight = attrs.loss.weight ? [input(3)] : [];
        return [apply('nllLoss', [h, input(1), ...weight], attrs.loss)[0]];
      },
    },
  },
  crossEntropy: {
    shape: (inputs, { reduction }) => {
      checkClasses('crossEntropy', inputs);
      const [x, target] = inputs as [Layout, Layout];
      return [reduced(x, target.shape, reduction), layoutOf(x.dtype, x.shape), layoutOf(x.dtype, [])];
    },
    gradient: {
      name: 'NllLossBackward0',
      saves: { inputs: [1, 2], outputs: [1, 2] },
      // The probabilities are nobody's result but the first gradient's, from which something flows back in second ones.
      run: ({ grads: [g, ofProbabilities], apply, input, output, attrs, inputLayouts }) => {
        const weight = attrs.weight ? [input(2)] : [];
        const first = g && apply('crossEntropyGrad', [g, output(1), input(1), output(2), ...weight], attrs)[0];
        const second = ofProbabilities && throughProbabilities(ofProbabilities, output(1), inputLayouts[0]!.shape.length);
        return [first === undefined ? second : second === undefined ? first : first.add(second)];
      },
    },
  },
  crossEntropyGrad: {
    shape: (inputs) => [layoutOf(inputs[1]!.dtype, inputs[1]!.shape)],
    gradient: crossEntropyTwice,
  },
};

export const pairLossRules: OpRules<PairLossAttrs> = {
  mseLoss: pairLoss('MseLossBackward0', 'mseLoss'),
  l1Loss: pairLoss('L1LossBackward0', 'l1Loss'),
  smoothL1Loss: pairLoss('SmoothL1LossBackward0', 'smoothL1Loss'),
  huberLoss: pairLoss('HuberLossBackward0', 'huberLoss'),
  binaryCrossEntropy: pairLoss('BinaryCrossEntropyBackward0', 'binaryCrossEntropy'),
  bceWithLogits: pairLoss('BinaryCrossEntropyWithLogitsBackward0', 'bceWithLogits'),
  pairLossGrad: {
    shape: (inputs) => [layoutOf(inputs[1]!.dtype, inputs[1]!.shape)],
    gradient: {
      name: (attrs) => PAIR_NAMES[attrs.kind],
      saves: { inputs: [0, 1, 2] },
      run: pairLossSecond,
    },
  },
};

export const lossRules: OpRules<LossAttrs> = Object.assign({}, classLossRules, pairLossRules);
