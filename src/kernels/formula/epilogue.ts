/**
 * What a convolution does to its results before it writes them, so that no other kernel has to read them again, in this order:
 *
 * - `affine`: times a scale and plus a shift, of each output channel: batch normalisation with known statistics;
 * - `add`: plus what lies in another buffer of the same layout: a residual, another part of a gradient;
 * - `relu`, or another activation by its name; or `gate`, the gradient of a ReLU whose result lies in another buffer of the same layout: zero where that is not
 *   positive.
 *
 * The arithmetic is that of the operations `add`, `relu` and `reluGrad`, NaN included.
 */
import type { Formula } from './formula.ts';

/** A function of single elements that follows an operation. Its name tells it from all others, numbers in it included. */
export interface Activation {
  readonly name: `act ${string}`;
  readonly of: (x: Formula) => Formula;
}

/** What the gradient of an activation makes of the gradient that arrives and of the activation's input or result. */
export interface Gate {
  readonly name: string;
  readonly of: (grad: Formula, saved: Formula) => Formula;
}

/** Activations of epilogues: kernels are known by texts. */
const activations = new Map<string, Activation>();

/** The same activation; from now on epilogues may have it. */
export function known(activation: Activation): Activation {
  activations.set(activation.name, activation);
  return activation;
}

/** The activation that ends an epilogue, if one does. */
export const activationIn = (epilogue: string): Activation | undefined => activations.get(epilogue.slice(epilogue.lastIndexOf('+') + 1));

export type Epilogue =
  | `${'' | 'add+' | 'affine+' | 'affine+add+'}act ${string}`
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
export const hasStep = (epilogue: Epilogue, step: 'affine' | 'add' | 'relu' | 'gate'): boolean => epilogue.split('+').includes(step);

/** What becomes of a sum; it reads only the parts that the epilogue needs. */
export function finished(epilogue: Epilogue, sum: Formula, parts: EpilogueParts): Formula {
  const scaled = hasStep(epilogue, 'affine') ? sum.fma(parts.scale, parts.shift) : sum;
  const total = hasStep(epilogue, 'add') ? scaled.add(parts.residual) : scaled;
  if (hasStep(epilogue, 'relu')) return total.binary('pmax', parts.zero);
  const activation = activationIn(epilogue);
  if (activation !== undefined) return activation.of(total);
  return hasStep(epilogue, 'gate') ? parts.gate.le(parts.zero).select(parts.zero, total) : total;
}
