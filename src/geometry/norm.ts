/** The arguments of the normalisations, and where their optional inputs lie. */
import { ArgumentError } from '../base/errors.ts';
import { remembered, type Attrs } from './attrs.ts';

/** Which optional inputs are present, and ε. Made by {@link batchNormParams}. */
export interface BatchNormParams extends Attrs {
  readonly weight: boolean;
  readonly bias: boolean;
  /** Whether running mean and variance are inputs; always so in the evaluation form. */
  readonly running: boolean;
  readonly eps: number;
}

/**
 * Arguments of the batch normalisations; equal ones give the same object.
 * @throws ArgumentError for an ε that is negative or not a number
 */
export function batchNormParams(present: {
  readonly weight: boolean;
  readonly bias: boolean;
  readonly running: boolean;
  /** Default 1e-5. */
  readonly eps?: number;
}): BatchNormParams {
  const { weight, bias, running, eps = 1e-5 } = present;
  if (!(eps >= 0 && eps < Infinity)) {
    throw new ArgumentError(`batchNorm: expected eps to be a number of at least 0, but got ${eps}`);
  }
  const key = `${weight ? 'w' : ''}${bias ? 'b' : ''}${running ? 'r' : ''}${eps}`;
  return remembered('batchNorm', { key, weight, bias, running, eps });
}

/** Where the optional inputs of the forward forms lie; -1 where absent. */
export function batchNormInputs(p: BatchNormParams): { weight: number; bias: number; mean: number; variance: number } {
  const weight = p.weight ? 1 : -1;
  const bias = p.bias ? (p.weight ? 2 : 1) : -1;
  const first = 1 + Number(p.weight) + Number(p.bias);
  return { weight, bias, mean: p.running ? first : -1, variance: p.running ? first + 1 : -1 };
}

/** How elements are normalised in lines of equal length, and which scale and shift each has. Made by {@link lineNormParams}. */
export interface LineNormParams extends Attrs {
  /** Of lines, into which the elements are cut in order. */
  readonly length: number;
  /** After so many lines scales and shifts begin anew: 1 in layer normalisation. */
  readonly groups: number;
  /** So many elements side by side share a scale: 1 in layer normalisation. */
  readonly each: number;
  readonly weight: boolean;
  readonly bias: boolean;
  readonly eps: number;
}

/** Arguments of the normalisations along lines; equal ones give the same object. */
export function lineNormParams(given: Omit<LineNormParams, 'key'>): LineNormParams {
  const { length, groups, each, weight, bias, eps } = given;
  const key = `${length}/${groups}/${each}${weight ? 'w' : ''}${bias ? 'b' : ''}${eps}`;
  return remembered('lineNorm', { key, length, groups, each, weight, bias, eps });
}
