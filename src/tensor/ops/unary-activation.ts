/**
 * Activations (https://pytorch.org/docs/stable/nn.functional.html#non-linear-activation-functions) and their gradients,
 * each one kernel. Gradients take the incoming gradient and whatever PyTorch saves: the result (relu, sigmoid, tanh) or
 * the input (the others).
 */
import { requireFloating, type DType } from '../../base/dtype.ts';
import { layoutOf } from '../../base/layout.ts';
import type { Attrs } from '../../geometry/attrs.ts';
import { computeOf } from '../../kernels/formula/elementwise.ts';
import { constantOf, type Formula, type FormulaType } from '../../kernels/formula/formula.ts';
import type { Tensor } from '../tensor.ts';
import type { FormulaRule, FormulaRules, Gradient, GradientContext } from './rule.ts';
import { notBool, unaryRule } from './unary.ts';

export interface CoreActivationAttrs {
  /** max(x, 0); NaN stays */
  relu: Attrs;
  sigmoid: Attrs;
  tanh: Attrs;
  /** [g, y] → g where y > 0 */
  reluGrad: Attrs;
  /** [g, y] → g·y·(1 - y) */
  sigmoidGrad: Attrs;
  /** [g, y] → g·(1 - y²) */
  tanhGrad: Attrs;
  /** [g, x or y] → g where that is between the bounds; scalars: [least, most] */
  hardtanhGrad: Attrs;
}

/** Those that no method of tensors is made of. */
export interface MoreActivationAttrs {
  /** x where x > 0, else slope·x; scalars: [slope] */
  leakyRelu: Attrs;
  /** x·Φ(x), exact */
  gelu: Attrs;
  /** x·sigmoid(x) */
  silu: Attrs;
  /** ln(1 + e^(βx))/β, and x where βx > threshold; scalars: [β, threshold] */
  softplus: Attrs;
  /** x between two bounds; scalars: [least, most]. As `clamp`, but at the bounds nothing flows back. */
  hardtanh: Attrs;
  /** x·min(max(x + 3, 0), 6)/6 */
  hardswish: Attrs;
  /** s·x where x > 0, else s·α·(exp(i·x) - 1); scalars: [α, scale s, input's scale i]: ELU, SELU, CELU */
  elu: Attrs;
  /** [g, x]; scalars: [slope] */
  leakyReluGrad: Attrs;
  /** [g, x] */
  geluGrad: Attrs;
  /** [g, x] */
  siluGrad: Attrs;
  /** [g, x]; scalars: [β, threshold] */
  softplusGrad: Attrs;
  /** [g, x] */
  hardswishGrad: Attrs;
  /** [g, x]; scalars: as of elu */
  eluGrad: Attrs;
}

export interface ActivationAttrs extends CoreActivationAttrs, MoreActivationAttrs {}

/** The density of the normal distribution at 0. */
const DENSITY = 1 / Math.sqrt(2 * Math.PI);

/** Φ(x), the normal distribution. */
const normalCdf = (x: Formula): Formula => x.mul(Math.SQRT1_2).math('erf').add(1).mul(0.5);

function softplus(x: Formula, beta: Formula, threshold: Formula): Formula {
  const scaled = x.mul(beta);
  return scaled.gt(threshold).select(x, scaled.exp().math('log1p').div(beta));
}

/** min(max(x + 3, 0), 6) */
function hardGate(x: Formula): Formula {
  const moved = x.add(3);
  return moved.lt(0).select(0, moved.gt(6).select(6, moved));
}

/** A kernel of [g, saved] whose gradient for g is itself on the new gradient; that for `saved` is `second`. */
function gradRule(
  name: keyof ActivationAttrs,
  of: (g: Formula, saved: Formula, scalars: readonly Formula[]) => Formula,
  options: { readonly scalars?: number; readonly cost: number },
  second: ((h: Tensor, g: Tensor, saved: Tensor, ctx: GradientContext<Attrs>) => Tensor) | null,
): FormulaRule<Attrs> {
  return {
    gates: true,
    shape: ([g]) => [layoutOf(g!.dtype, g!.shape)],
    elementwise: (inputs, [out]) => {
      const { dtype } = out!;
      const as = computeOf(dtype);
      return {
        name,
        inputs: inputs.map((input) => ({ dtype: input.dtype, as })),
        outputs: [{ dtype, as }],
        scalars: Array<FormulaType>(options.scalars ?? 0).fill(as),
        results: ([g, saved], scalars) => [of(g!, saved!, scalars)],
        cost: options.cost,
      };
    },
    gradient: {
      name: `${name[0]!.toUpperCase()}${name.slice(1).replace(/Grad$/, '')}BackwardBackward0`,
      saves: { inputs: second === null ? [1] : [0, 1] },
      run: (ctx) => {
        const { grads, apply, input, attrs, scalars, needs } = ctx;
        const h = grads[0];
        if (h === undefined) return [undefined, undefined];
        return [
          needs(0) ? apply(name, [h, input(1)], attrs, scalars)[0] : undefined,
          needs(1) && second !== null ? second(h, input(0), input(1), ctx) : undefined,
        ];
      },
    },
  };
}

const throughOutput = (name: string, grad: 'reluGrad' | 'sigmoidGrad' | 'tanhGrad' | 'hardtanhGrad'): Gradient<Attrs> => ({
  name,
  saves: { outputs: [0] },
  run: ({ grads: [g], apply, output, attrs, scalars }) => [g && apply(grad, [g, output(0)], attrs, scalars)[0]],
});

const throughInput = (
  name: string,
  grad: 'hardtanhGrad' | 'leakyReluGrad' | 'geluGrad' | 'siluGrad' | 'softplusGrad' | 'hardswishGrad',
): Gradient<Attrs> => ({
  name,
  saves: { inputs: [0] },
  run: ({ grads: [g], apply, input, attrs, scalars }) => [g && apply(grad, [g, input(0)], attrs, scalars)[0]],
});

/** A unary rule that operations before it may take over. */
const activation = (...args: Parameters<typeof unaryRule>): FormulaRule<Attrs> => ({
  ...unaryRule(...args),
  step: 'activation',
});

const floatOnly =
  (op: string) =>
  (dtype: DType): void =>
    requireFloating(op, 'input', dtype);

export const activationRules: FormulaRules<CoreActivationAttrs> = {
  relu: {
    step: 'relu',
    ...unaryRule(
      {
        name: 'relu',
        // "0 if x < 0, else x" rather than the larger: NaN stays, and it is one instruction
        of: (x) => x.binary('pmax', 0),
        cost: 0.1,
      },
      throughOutput('ReluBackward0', 'reluGrad'),
      notBool('relu', 'its elements are 0 or 1 already'),
    ),
  },
  sigmoid: unaryRule(
    { name: 'sigmoid', of: (x) => x.math('sigmoid'), floating: true, cost: 1.5 },
    throughOutput('SigmoidBackward0', 'sigmoidGrad'),
  ),
  tanh: unaryRule({ name: 'tanh', of: (x) => x.math('tanh'), floating: true, cost: 2 }, throughOutput('TanhBackward0', 'tanhGrad')),
  reluGrad: {
    step: 'gate',
    ...gradRule('reluGrad', (g, y) => y.le(0).select(0, g), { cost: 0.1 }, null),
  },
  sigmoidGrad: gradRule(
    'sigmoidGrad',
    (g, y) => g.mul(constantOf(y.type, 1).sub(y)).mul(y),
    { cost: 0.2 },
    (h, g, y) => h.mul(g).mul(y.mul(-2).add(1)),
  ),
  tanhGrad: gradRule(
    'tanhGrad',
    (g, y) => g.mul(constantOf(y.type, 1).sub(y.mul(y))),
    { cost: 0.2 },
    (h, g, y) => h.mul(g).mul(y).mul(-2),
  ),
  hardtanhGrad: gradRule(
    'hardtanhGrad',
    // Nothing flows through NaN, as in PyTorch's vectors; its scalar loops, for the last few elements, let it.
    (g, y, [least, most]) => y.gt(least!).select(y.lt(most!).select(g, 0), 0),
    { scalars: 2, cost: 0.2 },
    null,
  ),
};

export const moreActivationRules: FormulaRules<MoreActivationAttrs> = {
  leakyRelu: activation(
    {
      name: 'leakyRelu',
      of: (x, [slope]) => x.gt(0).select(x, x.mul(slope!)),
      scalars: 1,
      cost: 0.2,
    },
    throughInput('LeakyReluBackward0', 'leakyReluGrad'),
    floatOnly('leakyRelu'),
  ),
  gelu: unaryRule({ name: 'gelu', of: (x) => x.mul(normalCdf(x)), cost: 4 }, throughInput('GeluBackward0', 'geluGrad'), floatOnly('gelu')),
  silu: activation(
    { name: 'silu', of: (x) => x.mul(x.math('sigmoid')), cost: 1.5 },
    throughInput('SiluBackward0', 'siluGrad'),
    floatOnly('silu'),
  ),
  softplus: unaryRule(
    {
      name: 'softplus',
      of: (x, [beta, threshold]) => softplus(x, beta!, threshold!),
      scalars: 2,
      cost: 3,
    },
    throughInput('SoftplusBackward0', 'softplusGrad'),
    floatOnly('softplus'),
  ),
  hardtanh: activation(
    {
      name: 'hardtanh',
      // Comparisons, not the smaller and the larger: NaN stays.
      of: (x, [least, most]) => x.lt(least!).select(least!, x.gt(most!).select(most!, x)),
      scalars: 2,
      cost: 0.2,
    },
    // Through the input, so that the result may be changed in place, as PyTorch's may.
    {
      ...throughInput('HardtanhBackward0', 'hardtanhGrad'),
      inPlace: throughOutput('HardtanhBackward0', 'hardtanhGrad'),
    },
    notBool('hardtanh', "convert it with .to('float32')"),
  ),
  hardswish: activation(
    { name: 'hardswish', of: (x) => x.mul(hardGate(x).div(6)), cost: 0.3 },
    throughInput('HardswishBackward0', 'hardswishGrad'),
    floatOnly('hardswish'),
  ),
  elu: unaryRule(
    {
      name: 'elu',
      of: (x, [alpha, scale, inputScale]) => x.gt(0).select(x.mul(scale!), x.mul(inputScale!).math('expm1').mul(alpha!.mul(scale!))),
      scalars: 3,
      cost: 1.5,
    },
    {
      name: 'EluBackward0',
      saves: { inputs: [0] },
      run: ({ grads: [g], apply, input, attrs, scalars: [alpha, scale, inputScale] }) => {
        if (g === undefined) return [];
        // PyTorch's gradient of CELU divides by α in float32, whatever the dtype.
        const inner = inputScale === 1 ? 1 : 1 / Math.fround(alpha!);
        return [apply('eluGrad', [g, input(0)], attrs, [alpha!, scale!, inner])[0]];
      },
    },
    floatOnly('elu'),
  ),
  leakyReluGrad: gradRule('leakyReluGrad', (g, x, [slope]) => x.gt(0).select(g, g.mul(slope!)), { scalars: 1, cost: 0.2 }, null),
  // Φ(x) + x·φ(x), φ the density; its slope is φ(x)·(2 - x²)
  geluGrad: gradRule(
    'geluGrad',
    (g, x) => {
      const density = x.mul(x).mul(-0.5).exp().mul(DENSITY);
      return g.mul(normalCdf(x).add(x.mul(density)));
    },
    { cost: 5 },
    (h, g, x) => {
      const squared = x.square();
      const density = squared.mul(-0.5).exp().mul(DENSITY);
      return h.mul(g).mul(density.mul(squared.neg().add(2)));
    },
  ),
  // s·(1 + x·(1 - s)), s = sigmoid(x); its slope is s·(1 - s)·(2 + x·(1 - 2s))
  siluGrad: gradRule(
    'siluGrad',
    (g, x) => {
      const s = x.math('sigmoid');
      const one = constantOf(x.type, 1);
      return g.mul(s.mul(one.add(x.mul(one.sub(s)))));
    },
    { cost: 2 },
    (h, g, x) => {
      const s = x.sigmoid();
      const slope = s.mul(s.neg().add(1)).mul(x.mul(s.mul(-2).add(1)).add(2));
      return h.mul(g).mul(slope);
    },
  ),
  softplusGrad: gradRule(
    'softplusGrad',
    (g, x, [beta, threshold]) => {
      const scaled = x.mul(beta!);
      return scaled.gt(threshold!).select(g, g.mul(scaled.math('sigmoid')));
    },
    { scalars: 2, cost: 2 },
    (h, g, x, { scalars: [beta, threshold] }) => {
      const s = x.mul(beta!).sigmoid();
      const slope = s.mul(s.neg().add(1)).mul(beta!);
      return h.mul(g).mul(slope).maskedFill(x.mul(beta!).gt(threshold!), 0);
    },
  ),
  // 0 up to -3, 1 from 3 on, x/3 + 1/2 between; its slope is 1/3 there
  hardswishGrad: gradRule(
    'hardswishGrad',
    (g, x) => x.le(-3).select(0, x.ge(3).select(g, g.mul(x.div(3).add(0.5)))),
    { cost: 0.3 },
    (h, g, x) =>
      h
        .mul(g)
        .mul(1 / 3)
        .maskedFill(x.abs().ge(3), 0),
  ),
  // s·α·i·exp(i·x) where x ≤ 0, whose slope is i times that
  eluGrad: gradRule(
    'eluGrad',
    (g, x, [alpha, scale, inputScale]) =>
      x.gt(0).select(g.mul(scale!), g.mul(inputScale!).mul(alpha!.mul(scale!)).mul(x.mul(inputScale!).exp())),
    { scalars: 3, cost: 1.5 },
    (h, g, x, { scalars: [alpha, scale, inputScale] }) =>
      h
        .mul(g)
        .mul(x.clamp({ max: 0 }).mul(inputScale!).exp())
        .mul(alpha! * scale! * inputScale! * inputScale!)
        .maskedFill(x.gt(0), 0),
  ),
};
