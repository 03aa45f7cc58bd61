/** Launches of products of matrices, convolutions among them, and of what they do to their results. */
import { isActivation, showSteps, type FinishStep, type Lower } from '../../compiler/graph.ts';
import type { Value } from '../../compiler/lowering.ts';
import type { Epilogue } from '../../kernels/formula/epilogue.ts';
import type { ProductLaunches } from '../../kernels/wgsl/tile.ts';
import type { Values } from '../table.ts';
import type { GpuLowering } from './lowering.ts';

/** What is done to results before they are written, and what it reads besides them, in the order of its steps; residuals and gates are contiguous. */
export interface Finish {
  readonly kind: Epilogue;
  readonly operands: Values;
}

export const PLAIN: Finish = { kind: 'none', operands: [] };

/** A lowering that takes over what follows. */
export type LowerFinished<P> = (l: GpuLowering, inputs: Values, outputs: Values, p: P, finish: Finish) => void;

/** The lowering together with steps that follow, if they make one of these epilogues: their inputs come after its own. */
export const finishing =
  <P>(lower: LowerFinished<P>, kinds: readonly Epilogue[]) =>
  (steps: readonly FinishStep<GpuLowering>[], p: P): Lower<GpuLowering> | undefined => {
    const shown = showSteps(steps) || 'none';
    const kind = kinds.find((name) => name === shown);
    if (kind === undefined) return undefined;
    return (l, inputs, outputs) => {
      const operands: Value[] = [];
      let left = inputs;
      for (const step of steps.toReversed()) {
        const count = step === 'relu' || isActivation(step) ? 0 : typeof step === 'string' ? 1 : step.inputs;
        const own = left.slice(left.length - count);
        left = left.slice(0, left.length - count);
        if (typeof step === 'object' && 'table' in step) operands.unshift(step.table(l, own));
        else operands.unshift(...own);
      }
      lower(l, left, outputs, p, { kind, operands });
    };
  };

/** Adds the launches of a product; `others` are what its results are made with, the results last. */
export function launchProduct(l: GpuLowering, product: ProductLaunches, inputs: Values, others: Values): void {
  const { first, between, second } = product;
  if (second === undefined) {
    l.launch(first, [...inputs, ...others]);
    return;
  }
  const parts = l.temp('float32', [between]);
  l.launch(first, [...inputs, parts]);
  l.launch(second, [parts, ...others]);
}
