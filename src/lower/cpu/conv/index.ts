/**
 * The lowerings of convolution and its two gradients. Which algorithm serves is decided from shapes alone: one channel for each output
 * (`depthwise.ts`), products of wide vectors (`pixel-panels.ts`, `strips.ts`, `products.ts`, `weight-products.ts`), fewest multiplications (`winograd.ts`), products
 * along pixels (`pointwise.ts`), vectors along outputs (`pixels.ts`), vectors along rows (`rows.ts`).
 */
import { invariant } from '../../../base/errors.ts';
import { isActivation, showSteps, type FinishStep, type Lower, type Stage } from '../../../compiler/graph.ts';
import type { Value } from '../../../compiler/lowering.ts';
import type { CpuLowering } from '../lowering.ts';
import {
  forwardGeometry,
  inputGradGeometry,
  weightGradGeometry,
  type ConvInputGradParams,
  type ConvWeightGradParams,
} from '../../../geometry/conv-operations.ts';
import type { ConvGeometry, ConvParams } from '../../../geometry/conv.ts';
import { PAIRS } from '../../../geometry/pool.ts';
import { inVectors } from '../../../kernels/cpu/elementwise/lanes.ts';
import type { Epilogue } from '../../../kernels/formula/epilogue.ts';
import type { ConvAttrs, ConvWeightGradAttrs } from '../../../tensor/ops/conv.ts';
import type { OpLowerings, Values } from '../../table.ts';
import { intoDense } from '../copy.ts';
import { lowerMaxPool } from '../pool.ts';
import {
  forwardCorrelation,
  inputGradCorrelation,
  PLAIN,
  type Correlation,
  type Finish,
  type Lowered,
  type Operands,
} from './correlation.ts';
import { lowerDepthwise, lowerDepthwiseWeightGrad, suitsDepthwise } from './depthwise.ts';
import { lowerPixels } from './pixels.ts';
import { lowerPointwise } from './pointwise.ts';
import { lowerCorrelation } from './rows.ts';
import { isColumn, turned, turnedGeometry } from './turned.ts';
import { lowerWeightGrad } from './weight-grad.ts';
import { lowerWinogradWeightGrad } from './winograd-weight-grad.ts';
import { lowerWinograd } from './winograd.ts';

type Algorithm = (l: CpuLowering, c: Correlation, operands: Operands) => Lowered;
let lowerWide: Algorithm | undefined;

/** Algorithms of machines with wide vectors, for what they do better than all others (`../wide.ts`). */
export function provideCorrelation(algorithm: Algorithm): void {
  lowerWide = algorithm;
}

type WeightGrad = typeof lowerWinogradWeightGrad;
let lowerWideWeights: WeightGrad | undefined;

/** Another algorithm for gradients of weights, which comes before `weight-grad.ts` (`../wide.ts`). */
export function provideWeightGrad(algorithm: WeightGrad): void {
  lowerWideWeights = algorithm;
}

/** The first algorithm that takes the shape: one channel for each output, wide vectors, fewest multiplications, vectors along outputs, anything else. */
function lowerAny(l: CpuLowering, c: Correlation, operands: Operands): void {
  const alone = suitsDepthwise(l, operands.w) ? lowerDepthwise(l, c, operands) : undefined;
  const lowered =
    alone ??
    lowerWide?.(l, c, operands) ??
    lowerWinograd(l, c, operands) ??
    lowerPointwise(l, c, operands) ??
    lowerPixels(l, c, operands) ??
    lowerCorrelation(l, c, operands);
  if (lowered === 'cannot pool') lowerPoolApart(l, c, operands);
}

/** Pools in a kernel of its own what the algorithm for the shape does not pool itself. */
function lowerPoolApart(l: CpuLowering, c: Correlation, { y, finish, ...operands }: Operands): void {
  const { taps, ...others } = finish;
  invariant(taps !== undefined, 'a correlation without pooling is lowered');
  const results = l.temp(y.layout.dtype, [c.batch, y.layout.shape[1]!, c.rows.count, c.columns.count]);
  lowerAny(l, c, { ...operands, y: results, finish: others });
  lowerMaxPool(l, [results], [y, taps], PAIRS);
}

function lowerForward(l: CpuLowering, inputs: Values, outputs: Values, p: ConvParams, finish = PLAIN): void {
  const g = forwardGeometry(
    inputs.map((value) => value.layout),
    p,
  );
  const [x, w, bias] = inputs as [Value, Value, Value | undefined];
  const [y, taps] = outputs as [Value, Value | undefined];
  lowerTurned(l, g, forwardCorrelation, { x, w, bias, y, finish: { ...finish, taps } });
}

/** Images of one column as such of one row. */
export function lowerTurned(l: CpuLowering, g: ConvGeometry, of: typeof forwardCorrelation, operands: Operands): void {
  if (!isColumn(g) || operands.finish.taps !== undefined) {
    lowerAny(l, of(g, operands.w), operands);
    return;
  }
  const [x, w, y] = [operands.x, operands.w, operands.y].map(turned) as [Value, Value, Value];
  lowerAny(l, of(turnedGeometry(g), w), { ...operands, x, w, y });
}

function lowerBackward(l: CpuLowering, inputs: Values, outputs: Values, p: ConvInputGradParams, finish = PLAIN): void {
  const g = inputGradGeometry(
    inputs.map((value) => value.layout),
    p,
  );
  const [dy, w] = inputs as [Value, Value];
  lowerTurned(l, g, inputGradCorrelation, { x: dy, w, y: outputs[0]!, finish });
}

/** A lowering together with steps that follow, if they make one of these epilogues: their inputs come after its own. */
const finishing =
  <P>(
    lower: (l: CpuLowering, inputs: Values, outputs: Values, p: P, finish: Finish) => void,
    kinds: readonly Epilogue[],
    pooled: readonly Epilogue[] = [],
  ) =>
  (steps: readonly FinishStep<CpuLowering>[], p: P): Lower<CpuLowering> | undefined => {
    const pools = steps.at(-1) === 'pool';
    const own = pools ? steps.slice(0, -1) : steps;
    // An activation where a ReLU may be.
    const like = showSteps(own.map((step, i) => (isActivation(step) && i === own.length - 1 ? 'relu' : step)));
    if (!own.every((step) => !isActivation(step) || inVectors(step.of))) return undefined;
    if (!(pools ? pooled : kinds).some((name) => name === (like || 'none'))) return undefined;
    return (l, inputs, outputs) => {
      const { left, finish } = finishOf(l, steps, inputs);
      lower(l, left, outputs, p, finish);
    };
  };

/** What steps do with results, and the operation's own inputs: those of the steps come after them. */
export function finishOf(l: CpuLowering, steps: readonly FinishStep<CpuLowering>[], inputs: Values): { left: Values; finish: Finish } {
  const operands: { [K in 'gate' | 'residual' | 'affine']?: Value } = {};
  let left = inputs;
  for (const step of steps.toReversed()) {
    const count = step === 'relu' || step === 'pool' || isActivation(step) ? 0 : typeof step === 'string' ? 1 : step.inputs;
    const own = left.slice(left.length - count);
    left = left.slice(0, left.length - count);
    if (isActivation(step)) continue;
    if (typeof step !== 'string') operands.affine = step.table(l, own);
    else if (count > 0) operands[step === 'add' ? 'residual' : 'gate'] = own[0]!;
  }
  return { left, finish: { kind: kindOf(steps), ...operands } };
}

const kindOf = (steps: readonly FinishStep<CpuLowering>[]): Epilogue =>
  (showSteps(steps.at(-1) === 'pool' ? steps.slice(0, -1) : steps) || 'none') as Epilogue;

type StageOf = (steps: readonly FinishStep<CpuLowering>[], p: ConvParams) => Stage<CpuLowering>;
let stageOf: StageOf | undefined;

/** Convolutions that are lowered together with the ones behind them (`../wide.ts`). */
export function provideStages(of: StageOf): void {
  stageOf = of;
}

function lowerBothWeights(l: CpuLowering, inputs: Values, outputs: Values, p: ConvWeightGradParams): void {
  const g = weightGradGeometry(
    inputs.map((value) => value.layout),
    p,
  );
  const [dy, x] = inputs as [Value, Value];
  const [dw, db] = outputs as [Value, Value | undefined];
  if (isColumn(g)) {
    intoDense(l, turned(dw), (dense) => lowerWeights(l, turnedGeometry(g), turned(dy), turned(x), dense, db));
  } else {
    lowerWeights(l, g, dy, x, dw, db);
  }
}

function lowerWeights(l: CpuLowering, g: ConvGeometry, dy: Value, x: Value, dw: Value, db: Value | undefined): void {
  if (lowerDepthwiseWeightGrad(l, g, dy, x, dw, db)) return;
  if (lowerWinogradWeightGrad(l, g, dy, x, dw, db) || lowerWideWeights?.(l, g, dy, x, dw, db)) return;
  lowerWeightGrad(l, g, dy, x, dw, db);
}

export const convLowerings: OpLowerings<ConvAttrs, CpuLowering> = {
  conv2d: {
    lower: lowerForward,
    finish: finishing(
      lowerForward,
      ['relu', 'add', 'add+relu', 'affine', 'affine+relu', 'affine+add', 'affine+add+relu'],
      ['none', 'relu', 'affine', 'affine+relu'],
    ),
    stage: (steps, p) => stageOf?.(steps, p),
  },
  conv2dInputGrad: {
    lower: lowerBackward,
    finish: finishing(lowerBackward, ['gate', 'add', 'add+gate']),
  },
};

/** Apart, since it is half of all code for convolutions, and only training needs it. */
export const convWeightGradLowerings: OpLowerings<ConvWeightGradAttrs, CpuLowering> = {
  conv2dWeightGrad: { lower: lowerBothWeights },
};
