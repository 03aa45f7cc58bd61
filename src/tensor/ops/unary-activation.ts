/**
 * Activations (https://pytorch.org/docs/stable/nn.functional.html#non-linear-activation-functions) and their gradients,
 * each one kernel. Gradients take the incoming gradient and whatever PyTorch saves: the result (relu, sigmoid, tanh) or
 * the input (the others).
 */
import { requireDType } from '../../base/dtype.ts';
import { layoutOf } from '../../base/layout.ts';
import { hostMath } from '../../kernels/cpu/elementwise/expr.ts';
import { computeOf, type Compute } from '../../kernels/cpu/elementwise/memory.ts';
import type { Expr, Fn } from '../../kernels/cpu/ir.ts';
import { erfF32, erfF64, expF32, expm1F32, hoisted, log1pF32, sigmoidF32, tanhF32 } from '../../kernels/cpu/math.ts';
import type { Tensor } from '../tensor.ts';
import { elementwiseRule } from './elementwise.ts';
import type { Attrs, Gradient, GradientContext, OpRule, OpRules } from './rule.ts';
import { notBool, unaryRule } from './unary.ts';

export interface ActivationAttrs {
  /** max(x, 0); NaN stays */
  relu: Attrs;
  sigmoid: Attrs;
  tanh: Attrs;
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
  /** x where x > 0, else α·(eˣ - 1); scalars: [α] */
  elu: Attrs;
  /** [g, y] → g where y > 0 */
  reluGrad: Attrs;
  /** [g, y] → g·y·(1 - y) */
  sigmoidGrad: Attrs;
  /** [g, y] → g·(1 - y²) */
  tanhGrad: Attrs;
  /** [g, x]; scalars: [slope] */
  leakyReluGrad: Attrs;
  /** [g, x] */
  geluGrad: Attrs;
  /** [g, x] */
  siluGrad: Attrs;
  /** [g, x]; scalars: [β, threshold] */
  softplusGrad: Attrs;
  /** [g, x or y] → g where that is between the bounds; scalars: [least, most] */
  hardtanhGrad: Attrs;
  /** [g, x] */
  hardswishGrad: Attrs;
  /** [g, x]; scalars: [α] */
  eluGrad: Attrs;
}

const isDouble = (x: Expr): boolean => x.type === 'f64';
const num = (f: Fn, x: Expr, value: number): Expr => hoisted(f, x.type, value);

// One expression for both precisions: f64 expressions are scalars, f32 ones vectors.
const exp = (f: Fn, x: Expr): Expr => (isDouble(x) ? hostMath('exp', x) : expF32(f, x));
const log1p = (f: Fn, x: Expr): Expr => (isDouble(x) ? hostMath('log1p', x) : log1pF32(f, x));
const tanh = (f: Fn, x: Expr): Expr => (isDouble(x) ? hostMath('tanh', x) : tanhF32(f, x));
const expm1 = (f: Fn, x: Expr): Expr => (isDouble(x) ? hostMath('expm1', x) : expm1F32(f, x));
const erf = (f: Fn, x: Expr): Expr => (isDouble(x) ? erfF64(f, x) : erfF32(f, x));
function sigmoid(f: Fn, x: Expr): Expr {
  if (!isDouble(x)) return sigmoidF32(f, x);
  return num(f, x, 1).div(hostMath('exp', x.unary('neg')).add(1));
}

/** Φ(x), the normal distribution. */
const normalCdf = (f: Fn, x: Expr): Expr =>
  erf(f, x.mul(num(f, x, Math.SQRT1_2))).add(num(f, x, 1)).mul(num(f, x, 0.5)); // prettier-ignore

function softplus(f: Fn, x: Expr, beta: Expr, threshold: Expr): Expr {
  const scaled = f.let('scaled', x.mul(beta));
  const e = f.let('e', exp(f, scaled));
  return scaled.gt(threshold).select(x, f.let('curve', log1p(f, e).div(beta)));
}

/** min(max(x + 3, 0), 6) */
function hardGate(f: Fn, x: Expr): Expr {
  const [zero, six] = [num(f, x, 0), num(f, x, 6)];
  const moved = f.let('moved', x.add(num(f, x, 3)));
  return moved.lt(zero).select(zero, moved.gt(six).select(six, moved));
}

/** A kernel of [g, saved] whose gradient for g is itself on the new gradient; that for `saved` is `second`. */
function gradRule(
  name: keyof ActivationAttrs,
  build: (f: Fn, g: Expr, saved: Expr, scalars: readonly Expr[]) => Expr,
  options: { readonly scalars?: number; readonly host?: boolean; readonly cost: number },
  second: ((h: Tensor, g: Tensor, saved: Tensor, ctx: GradientContext<Attrs>) => Tensor) | null,
): OpRule<Attrs> {
  return {
    shape: ([g]) => [layoutOf(g!.dtype, g!.shape)],
    ...elementwiseRule((inputs, [out]) => {
      const { dtype } = out!;
      const as = computeOf(dtype);
      return {
        name,
        inputs: inputs.map((input) => ({ dtype: input.dtype, as })),
        outputs: [{ dtype, as }],
        scalars: Array<Compute>(options.scalars ?? 0).fill(as),
        build: (f, [g, saved], scalars) => [build(f, g!, saved!, scalars)],
        scalarOnly: options.host === true && as === 'f64',
        cost: options.cost,
      };
    }),
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

const throughOutput = (
  name: string,
  grad: 'reluGrad' | 'sigmoidGrad' | 'tanhGrad' | 'hardtanhGrad',
): Gradient<Attrs> => ({
  name,
  saves: { outputs: [0] },
  run: ({ grads: [g], apply, output, attrs, scalars }) => [g && apply(grad, [g, output(0)], attrs, scalars)[0]],
});

const throughInput = (
  name: string,
  grad: 'hardtanhGrad' | 'leakyReluGrad' | 'geluGrad' | 'siluGrad' | 'softplusGrad' | 'hardswishGrad' | 'eluGrad',
): Gradient<Attrs> => ({
  name,
  saves: { inputs: [0] },
  run: ({ grads: [g], apply, input, attrs, scalars }) => [g && apply(grad, [g, input(0)], attrs, scalars)[0]],
});

const floatOnly = (op: string) => (dtype: Parameters<typeof requireDType>[2]): void =>
  requireDType(op, 'input', dtype, ['float32', 'float64']); // prettier-ignore

export const activationRules: OpRules<ActivationAttrs> = {
  relu: {
    step: 'relu',
    ...unaryRule(
      {
        name: 'relu',
        // "0 if x < 0, else x" rather than the larger: NaN stays, and it is one instruction
        build: (f, x) => (x.type.startsWith('i') ? x.lt(0).select(num(f, x, 0), x) : x.binary('pmax', num(f, x, 0))),
        cost: 0.1,
      },
      throughOutput('ReluBackward0', 'reluGrad'),
      notBool('relu', 'its elements are 0 or 1 already'),
    ),
  },
  sigmoid: unaryRule(
    { name: 'sigmoid', build: sigmoid, floating: true, scalarOnly: 'double', cost: 1.5 },
    throughOutput('SigmoidBackward0', 'sigmoidGrad'),
  ),
  tanh: unaryRule(
    { name: 'tanh', build: tanh, floating: true, scalarOnly: 'double', cost: 2 },
    throughOutput('TanhBackward0', 'tanhGrad'),
  ),
  leakyRelu: unaryRule(
    {
      name: 'leakyRelu',
      build: (f, x, [slope]) => x.gt(num(f, x, 0)).select(x, x.mul(slope!)),
      scalars: 1,
      cost: 0.2,
    },
    throughInput('LeakyReluBackward0', 'leakyReluGrad'),
    floatOnly('leakyRelu'),
  ),
  gelu: unaryRule(
    { name: 'gelu', build: (f, x) => x.mul(normalCdf(f, x)), scalarOnly: 'double', cost: 4 },
    throughInput('GeluBackward0', 'geluGrad'),
    floatOnly('gelu'),
  ),
  silu: unaryRule(
    { name: 'silu', build: (f, x) => x.mul(sigmoid(f, x)), scalarOnly: 'double', cost: 1.5 },
    throughInput('SiluBackward0', 'siluGrad'),
    floatOnly('silu'),
  ),
  softplus: unaryRule(
    {
      name: 'softplus',
      build: (f, x, [beta, threshold]) => softplus(f, x, beta!, threshold!),
      scalarOnly: 'double',
      scalars: 2,
      cost: 3,
    },
    throughInput('SoftplusBackward0', 'softplusGrad'),
    floatOnly('softplus'),
  ),
  hardtanh: unaryRule(
    {
      name: 'hardtanh',
      // Comparisons, not the smaller and the larger: NaN stays.
      build: (_, x, [least, most]) => x.lt(least!).select(least!, x.gt(most!).select(most!, x)),
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
  hardswish: unaryRule(
    { name: 'hardswish', build: (f, x) => x.mul(hardGate(f, x).div(num(f, x, 6))), cost: 0.3 },
    throughInput('HardswishBackward0', 'hardswishGrad'),
    floatOnly('hardswish'),
  ),
  elu: unaryRule(
    {
      name: 'elu',
      build: (f, x, [alpha]) => x.gt(num(f, x, 0)).select(x, f.let('curve', expm1(f, x).mul(alpha!))),
      scalarOnly: 'double',
      scalars: 1,
      cost: 1.5,
    },
    throughInput('EluBackward0', 'eluGrad'),
    floatOnly('elu'),
  ),
  reluGrad: {
    step: 'gate',
    ...gradRule('reluGrad', (f, g, y) => y.le(num(f, y, 0)).select(num(f, g, 0), g), { cost: 0.1 }, null),
  },
  sigmoidGrad: gradRule(
    'sigmoidGrad',
    (f, g, y) => g.mul(num(f, y, 1).sub(y)).mul(y),
    { cost: 0.2 },
    (h, g, y) => h.mul(g).mul(y.mul(-2).add(1)),
  ),
  tanhGrad: gradRule(
    'tanhGrad',
    (f, g, y) => g.mul(num(f, y, 1).sub(y.mul(y))),
    { cost: 0.2 },
    (h, g, y) => h.mul(g).mul(y).mul(-2),
  ),
  leakyReluGrad: gradRule(
    'leakyReluGrad',
    (f, g, x, [slope]) => x.gt(num(f, x, 0)).select(g, g.mul(slope!)),
    { scalars: 1, cost: 0.2 },
    null,
  ),
  // Φ(x) + x·φ(x), φ the density; its slope is φ(x)·(2 - x²)
  geluGrad: gradRule(
    'geluGrad',
    (f, g, x) => {
      const cdf = f.let('cdf', normalCdf(f, x));
      const density = exp(f, x.mul(x).mul(num(f, x, -0.5))).mul(num(f, x, 1 / Math.sqrt(2 * Math.PI)));
      return g.mul(cdf.add(x.mul(density)));
    },
    { host: true, cost: 5 },
    (h, g, x) => {
      const squared = x.square();
      const density = squared.mul(-0.5).exp().mul(1 / Math.sqrt(2 * Math.PI)); // prettier-ignore
      return h.mul(g).mul(density.mul(squared.neg().add(2)));
    },
  ),
  // s·(1 + x·(1 - s)), s = sigmoid(x); its slope is s·(1 - s)·(2 + x·(1 - 2s))
  siluGrad: gradRule(
    'siluGrad',
    (f, g, x) => {
      const s = f.let('s', sigmoid(f, x));
      const one = num(f, x, 1);
      return g.mul(s.mul(one.add(x.mul(one.sub(s)))));
    },
    { host: true, cost: 2 },
    (h, g, x) => {
      const s = x.sigmoid();
      const slope = s.mul(s.neg().add(1)).mul(x.mul(s.mul(-2).add(1)).add(2));
      return h.mul(g).mul(slope);
    },
  ),
  softplusGrad: gradRule(
    'softplusGrad',
    (f, g, x, [beta, threshold]) => {
      const scaled = f.let('scaled', x.mul(beta!));
      return scaled.gt(threshold!).select(g, f.let('curve', g.mul(sigmoid(f, scaled))));
    },
    { scalars: 2, host: true, cost: 2 },
    (h, g, x, { scalars: [beta, threshold] }) => {
      const s = x.mul(beta!).sigmoid();
      const slope = s.mul(s.neg().add(1)).mul(beta!);
      return h.mul(g).mul(slope).maskedFill(x.mul(beta!).gt(threshold!), 0);
    },
  ),
  hardtanhGrad: gradRule(
    'hardtanhGrad',
    // Nothing flows through NaN, as in PyTorch's vectors; its scalar loops, for the last few elements, let it.
    (f, g, y, [least, most]) => y.gt(least!).select(y.lt(most!).select(g, num(f, g, 0)), num(f, g, 0)),
    { scalars: 2, cost: 0.2 },
    null,
  ),
  // 0 up to -3, 1 from 3 on, x/3 + 1/2 between; its slope is 1/3 there
  hardswishGrad: gradRule(
    'hardswishGrad',
    (f, g, x) => {
      const between = g.mul(x.div(num(f, x, 3)).add(num(f, x, 0.5)));
      return x.le(num(f, x, -3)).select(num(f, g, 0), x.ge(num(f, x, 3)).select(g, between));
    },
    { cost: 0.3 },
    (h, g, x) => h.mul(g).mul(1 / 3).maskedFill(x.abs().ge(3), 0), // prettier-ignore
  ),
  // α·eˣ where x ≤ 0, which is its own slope there
  eluGrad: gradRule(
    'eluGrad',
    (f, g, x, [alpha]) => x.gt(num(f, x, 0)).select(g, f.let('curve', g.mul(alpha!).mul(exp(f, x)))),
    { scalars: 1, host: true, cost: 1.5 },
    (h, g, x, { scalars: [alpha] }) =>
      h
        .mul(g)
        .mul(x.clamp({ max: 0 }).exp())
        .mul(alpha!)
        .maskedFill(x.gt(0), 0),
  ),
};
