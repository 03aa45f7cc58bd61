/**
 * Updates of the optimizers beside SGD and Adam: one operation, `optimizerUpdate`, whose formula an algorithm's name chooses, so that
 * every one of them runs as one kernel over parameter and state, joins with others in compiled functions, and works on every device. The
 * arithmetic is that of PyTorch's torch.optim, operation by operation (https://pytorch.org/docs/stable/optim.html).
 *
 * What varies between steps are scalars of the call, combined in double precision by the optimizers (`src/optim`).
 */
import { requireFloating } from '../../base/dtype.ts';
import { DTypeError, ShapeError } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { sameDims, showShape } from '../../base/shape.ts';
import { remembered, type Attrs } from '../../geometry/attrs.ts';
import { computeOf } from '../../kernels/formula/elementwise.ts';
import type { Formula } from '../../kernels/formula/formula.ts';
import type { FormulaRules } from './rule.ts';

/** Ways to step, as bits of `UpdateParams.ways`; an algorithm looks at those that it has. */
export const WAY = {
  maximize: 1,
  /** Weight decay is added to the gradient … */
  decay: 2,
  /** … or shrinks the parameter. */
  decoupled: 4,
  /** RMSprop */
  momentum: 8,
  centered: 16,
} as const;

/** Made by {@link updateParams}. */
export interface UpdateParams extends Attrs {
  readonly algorithm: Algorithm;
  /** A sum of {@link WAY}. */
  readonly ways: number;
}

export interface OptimizerUpdateAttrs {
  /** Inputs [param, grad, ...state], outputs [param, ...state]. Scalars: those of the algorithm in {@link ALGORITHMS}. */
  optimizerUpdate: UpdateParams;
}

export function updateParams(algorithm: Algorithm, ways: number): UpdateParams {
  const table = known[algorithm];
  return (table[ways] ??= remembered('update', { key: `${algorithm} ${ways}`, algorithm, ways }));
}

interface Step {
  readonly ways: number;
  readonly param: Formula;
  /** As it was given. */
  readonly grad: Formula;
  readonly state: readonly Formula[];
  readonly scalars: readonly Formula[];
}

interface AlgorithmRule {
  /** What its scalars are called, in order. */
  readonly scalars: readonly string[];
  /** The new [param, ...state]. */
  readonly run: (step: Step) => Formula[];
}

const has = (ways: number, way: number): boolean => (ways & way) !== 0;

/** The gradient to descend, and the parameter, after weight decay. */
function decayed({ ways, param, grad }: Step, decay: Formula, shrink?: Formula): { p: Formula; g: Formula } {
  const ascent = has(ways, WAY.maximize) ? grad.neg() : grad;
  if (shrink !== undefined && has(ways, WAY.decoupled)) return { p: param.mul(shrink), g: ascent };
  return { p: param, g: has(ways, WAY.decay) ? param.fma(decay, ascent) : ascent };
}

/** torch.lerp: from `a` to `b`, by a weight that may be 1. */
const lerp = (a: Formula, b: Formula, weight: Formula): Formula => {
  const apart = b.sub(a);
  const rest = weight.neg().add(1);
  return weight.lt(0.5).select(apart.fma(weight, a), b.sub(apart.mul(rest)));
};

/** `average·decay + value²·(1 - decay)` */
const squares = (average: Formula, value: Formula, decay: Formula, rest: Formula): Formula =>
  value.mul(rest).fma(value, average.mul(decay));

const ALGORITHMS = {
  nadam: {
    scalars: ['decay', 'shrink', 'rest1', 'beta2', 'rest2', 'bias2', 'eps', 'ofGrad', 'ofAverage'],
    run: (step) => {
      const [decay, shrink, rest1, beta2, rest2, bias2, eps, ofGrad, ofAverage] = step.scalars;
      const { p, g } = decayed(step, decay!, shrink);
      const m = lerp(step.state[0]!, g, rest1!);
      const v = squares(step.state[1]!, g, beta2!, rest2!);
      const scale = v.div(bias2!).sqrt().add(eps!);
      return [p.add(g.mul(ofGrad!).div(scale)).add(m.mul(ofAverage!).div(scale)), m, v];
    },
  },
  radam: {
    scalars: ['decay', 'shrink', 'rest1', 'beta2', 'rest2', 'bias1', 'lr', 'adaptive', 'root', 'eps', 'rectified'],
    run: (step) => {
      const [decay, shrink, rest1, beta2, rest2, bias1, lr, adaptive, root, eps, rectified] = step.scalars;
      const { p, g } = decayed(step, decay!, shrink);
      const m = lerp(step.state[0]!, g, rest1!);
      const v = squares(step.state[1]!, g, beta2!, rest2!);
      const plain = m.div(bias1!).mul(lr!);
      const scaled = plain.mul(root!.div(v.sqrt().add(eps!))).mul(rectified!);
      return [p.sub(adaptive!.gt(0).select(scaled, plain)), m, v];
    },
  },
  adamax: {
    scalars: ['decay', 'rest1', 'beta2', 'eps', 'minusStep'],
    run: (step) => {
      const [decay, rest1, beta2, eps, minusStep] = step.scalars;
      const { p, g } = decayed(step, decay!);
      const m = lerp(step.state[0]!, g, rest1!);
      const top = step.state[1]!.mul(beta2!).max(g.abs().add(eps!));
      return [p.add(m.mul(minusStep!).div(top)), m, top];
    },
  },
  adagrad: {
    scalars: ['decay', 'minusStep', 'eps'],
    run: (step) => {
      const [decay, minusStep, eps] = step.scalars;
      const { p, g } = decayed(step, decay!);
      const sum = g.fma(g, step.state[0]!);
      return [p.add(g.mul(minusStep!).div(sum.sqrt().add(eps!))), sum];
    },
  },
  adadelta: {
    scalars: ['decay', 'rho', 'rest', 'eps', 'minusLr'],
    run: (step) => {
      const [decay, rho, rest, eps, minusLr] = step.scalars;
      const { p, g } = decayed(step, decay!);
      const average = squares(step.state[0]!, g, rho!, rest!);
      const delta = step.state[1]!.add(eps!).sqrt().div(average.add(eps!).sqrt()).mul(g);
      return [delta.fma(minusLr!, p), average, squares(step.state[1]!, delta, rho!, rest!)];
    },
  },
  rmsprop: {
    scalars: ['decay', 'alpha', 'rest', 'eps', 'minusLr', 'momentum'],
    run: (step) => {
      const [decay, alpha, rest, eps, minusLr, momentum] = step.scalars;
      const { p, g } = decayed(step, decay!);
      const state = [...step.state];
      const average = squares(state.shift()!, g, alpha!, rest!);
      const buffer = has(step.ways, WAY.momentum) ? state.shift()! : undefined;
      const mean = has(step.ways, WAY.centered) ? lerp(state.shift()!, g, rest!) : undefined;
      const spread = mean === undefined ? average : mean.neg().fma(mean, average);
      const scale = spread.sqrt().add(eps!);
      const velocity = buffer?.mul(momentum!).add(g.div(scale));
      const next = velocity === undefined ? p.add(g.mul(minusLr!).div(scale)) : velocity.fma(minusLr!, p);
      return [next, average, velocity, mean].filter((result) => result !== undefined);
    },
  },
  rprop: {
    scalars: ['shrink', 'grow', 'least', 'most'],
    run: (step) => {
      const [shrink, grow, least, most] = step.scalars;
      const { p, g } = decayed(step, shrink!);
      const turn = g.mul(step.state[0]!);
      const turned = turn.lt(0);
      const factor = turned.select(shrink!, turn.gt(0).select(grow!, 1));
      const size = step.state[1]!.mul(factor).max(least!).min(most!);
      const kept = turned.select(0, g);
      const way = kept.gt(0).select(size.neg(), kept.lt(0).select(size, 0));
      return [p.add(way), kept, size];
    },
  },
  asgd: {
    scalars: ['decay', 'shrink', 'minusEta', 'mu'],
    run: (step) => {
      const [decay, shrink, minusEta, mu] = step.scalars;
      const { p, g } = decayed(step, decay!);
      const average = step.state[0]!;
      const next = g.fma(minusEta!, p.mul(shrink!));
      return [next, mu!.eq(1).select(next, average.add(next.sub(average).mul(mu!)))];
    },
  },
  /** A part of composed optimizers: param·shrink + grad·rate. */
  descend: {
    scalars: ['shrink', 'rate'],
    run: ({ param, grad, scalars }) => [grad.fma(scalars[1]!, param.mul(scalars[0]!))],
  },
  /** A part of composed optimizers: the way from param to grad. */
  lerp: {
    scalars: ['weight'],
    run: ({ param, grad, scalars }) => [lerp(param, grad, scalars[0]!)],
  },
  /** A part of Muon: grad in param's place, rounded as bfloat16 rounds. */
  bfloat16: {
    scalars: [],
    run: ({ grad }) => {
      const bits = grad.cast('f32').bits('i32');
      const even = bits.binary('shrU', 16).and(1).add(0x7fff);
      const rounded = bits.add(even).and(-0x10000).bits('f32').cast(grad.type);
      return [grad.unary('isfinite').select(rounded, grad)];
    },
  },
} as const satisfies Readonly<Record<string, AlgorithmRule>>;

export type Algorithm = keyof typeof ALGORITHMS;

const known = Object.fromEntries(Object.keys(ALGORITHMS).map((name) => [name, []])) as unknown as Record<Algorithm, UpdateParams[]>;

/** @throws DTypeError, ShapeError unless all are floating-point tensors of the parameter's dtype and shape */
function requireMatching(inputs: readonly Layout[]): void {
  const param = inputs[0]!;
  requireFloating('optimizerUpdate', 'parameter', param.dtype);
  for (const other of inputs.slice(1)) {
    if (other.dtype !== param.dtype) {
      throw new DTypeError(
        `optimizerUpdate: the parameter has dtype ${param.dtype}, but its gradient or state has ${other.dtype}; convert it with .to('${param.dtype}')`,
      );
    }
    if (!sameDims(other.shape, param.shape)) {
      throw new ShapeError(
        `optimizerUpdate: the parameter has shape ${showShape(param.shape)}, but its gradient or state has ${showShape(other.shape)}; they must be equal`,
      );
    }
  }
}

export const optimizerUpdateRules: FormulaRules<OptimizerUpdateAttrs> = {
  optimizerUpdate: {
    shape: (inputs) => {
      requireMatching(inputs);
      return inputs.slice(1).map((input) => layoutOf(input.dtype, input.shape));
    },
    elementwise: (inputs, outputs, { algorithm, ways, key }) => {
      const { dtype } = inputs[0]!;
      const as = computeOf(dtype);
      const rule: AlgorithmRule = ALGORITHMS[algorithm];
      return {
        name: `update ${key}`,
        inputs: inputs.map(() => ({ dtype, as })),
        outputs: outputs.map(() => ({ dtype, as })),
        scalars: rule.scalars.map(() => as),
        results: ([param, grad, ...state], scalars) => rule.run({ ways, param: param!, grad: grad!, state, scalars }),
        cost: inputs.length > 3 ? 2 : 0.2,
      };
    },
    gradient: null,
  },
};
