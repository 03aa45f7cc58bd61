/** Numbers of channels as torchvision's constructors round them, and what several of its models share. */
import * as nn from '../../nn/index.ts';
import { COUNT, isRecord, kind, NOT_NEGATIVE, NUMBER, PROBABILITY, type Kind, type OptionKinds } from '../../base/arguments.ts';

/** The multiple of `divisor` nearest to a number of channels, but not less than nine tenths of it. */
export function divisible(channels: number, divisor: number): number {
  const rounded = Math.max(divisor, Math.floor((channels + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * channels ? rounded + divisor : rounded;
}

/** As Python rounds: halves to the even number. */
export function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

/** Options of models whose normalisation may be another than their own, which checkpoints from elsewhere need. */
export interface NormOptions {
  /** What batch normalisation adds to variances. */
  readonly normEps?: number;
  /** The weight of a new batch in the running statistics. */
  readonly normMomentum?: number;
}

/** Of most classifiers. */
export interface ClassifierOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Probability of a feature being left out in training. */
  readonly dropout?: number;
}

export const CLASSIFIER_OPTIONS: OptionKinds<ClassifierOptions> = { numClasses: COUNT, dropout: PROBABILITY };
export const NORM_OPTIONS: OptionKinds<NormOptions> = { normEps: NOT_NEGATIVE, normMomentum: NUMBER };

/** A list, not empty, of objects that have all these fields as whole numbers ≥ 1. */
export const stagesOf = (...fields: readonly string[]): Kind =>
  kind(
    `an array, not empty, of objects with the whole numbers ${fields.join(', ')}`,
    (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((stage) => isRecord(stage) && fields.every((name) => COUNT.accepts(stage[name]))),
  );

interface Convolution {
  readonly stride?: number;
  readonly padding?: number;
  readonly groups?: number;
  readonly dilation?: number;
  readonly bias?: boolean;
}

/** A convolution with a square kernel, of sizes that types do not follow. */
export const conv2d = (input: number, output: number, kernel: number, options: Convolution = {}): nn.Conv2d =>
  new nn.Conv2d<number, number, number, number, number, number, number>(input, output, kernel, options);
