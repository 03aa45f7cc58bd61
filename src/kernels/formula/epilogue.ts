/**
 * What a convolution does to its results before it writes them, so that no other kernel has to read them again, in this order:
 *
 * - `affine`: times a scale and plus a shift, of each output channel: batch normalisation with known statistics;
 * - `add`: plus what lies in another buffer of the same layout: a residual, another part of a gradient;
 * - `relu`; or `gate`, the gradient of a ReLU whose result lies in another buffer of the same layout: zero where that is not
 *   positive.
 *
 * The arithmetic is that of the operations `add`, `relu` and `reluGrad`, NaN included.
 */
import type { Formula } from './formula.ts';

export type Epilogue =
  | 'none'
  | 'relu'
  | 'gate'
  | 'add'
  | 'add+relu'
  | 'add+gate'
  | 'affine'
  | 'affine+relu'
  | 'affine+add'
  | 'affine+add+relu';

/** What goes with a result. */
export interface EpilogueParts {
  /** Of the result's channel. */
  readonly scale: Formula;
  readonly shift: Formula;
  readonly residual: Formula;
  readonly gate: Formula;
  readonly zero: Formula;
}

/** Whether an epilogue has a step. */
export const hasStep = (epilogue: Epilogue, step: 'affine' | 'add' | 'relu' | 'gate'): boolean =>
  epilogue.split('+').includes(step);

/** What becomes of a sum; it reads only the parts that the epilogue needs. */
export function finished(epilogue: Epilogue, sum: Formula, parts: EpilogueParts): Formula {
  const scaled = hasStep(epilogue, 'affine') ? sum.fma(parts.scale, parts.shift) : sum;
  const total = hasStep(epilogue, 'add') ? scaled.add(parts.residual) : scaled;
  if (hasStep(epilogue, 'relu')) return total.binary('pmax', parts.zero);
  return hasStep(epilogue, 'gate') ? parts.gate.le(parts.zero).select(parts.zero, total) : total;
}
