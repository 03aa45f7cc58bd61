/** Transforms of colours (https://pytorch.org/vision/stable/transforms.html): of images and tensors; masks and boxes stay as they are. */
import { FINITE, kind, NOT_NEGATIVE, requireKind, requireOptions, wrongArgument, type OptionKinds } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import * as F from '../functional/colour.ts';
import type { Picture } from '../functional/colour.ts';
import type { Visual } from '../functional/planes.ts';
import { RANGE, range } from './geometry.ts';
import { draw, happens, permutation, uniform } from './random.ts';
import { dimensionsOfSample, hasColours, RandomTransform, SampleTransform } from './sample.ts';

/** A transform of colours. */
abstract class ColourTransform<P = unknown> extends SampleTransform<P> {
  protected override takes(part: unknown): part is Visual {
    return hasColours(part);
  }
}

/** A transform of colours with probability `p`. */
abstract class RandomColourTransform<P = unknown> extends RandomTransform<P> {
  protected override takes(part: unknown): part is Visual {
    return hasColours(part);
  }

  protected override details(): string {
    return `p=${this.p}`;
  }
}

/**
 * Turns a picture into grey, with one channel or with three equal ones.
 *
 * @throws {@link ArgumentError} for another number of channels
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.Grayscale.html
 */
export class Grayscale extends ColourTransform {
  readonly numOutputChannels: 1 | 3;

  constructor(numOutputChannels: 1 | 3 = 1) {
    super(numOutputChannels);
    if (![1, 3].includes(numOutputChannels)) throw wrongArgument('Grayscale', 'the number of output channels', '1 or 3', numOutputChannels);
    this.numOutputChannels = numOutputChannels;
  }

  override transform(input: Picture): Picture {
    return F.rgbToGrayscale(input, { numOutputChannels: this.numOutputChannels });
  }

  protected override details(): string {
    return `num_output_channels=${this.numOutputChannels}`;
  }
}

/**
 * Turns a picture into grey with probability `p`, with as many channels as before.
 *
 * @throws {@link ArgumentError} unless 0 ≤ p ≤ 1
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomGrayscale.html
 */
export class RandomGrayscale extends RandomColourTransform<1 | 3> {
  constructor(p = 0.1) {
    super(p, p);
  }

  override makeParams(parts: readonly Visual[]): 1 | 3 {
    return dimensionsOfSample('RandomGrayscale', parts)[0] === 1 ? 1 : 3;
  }

  override transform(input: Picture, numOutputChannels: 1 | 3): Picture {
    return F.rgbToGrayscale(input, { numOutputChannels });
  }
}

/**
 * Gives a grey picture three equal channels; colours stay as they are.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RGB.html
 */
export class RGB extends ColourTransform {
  override transform(input: Picture): Picture {
    return F.grayscaleToRgb(input);
  }

  protected override details(): string {
    return '';
  }
}

/** Options of {@link ColorJitter}: a number means as much below and above 1 (0 of the hue), a range is taken as it is. */
export interface ColorJitterOptions {
  readonly brightness?: number | readonly [number, number];
  readonly contrast?: number | readonly [number, number];
  readonly saturation?: number | readonly [number, number];
  /** Of the colour wheel, up to 0.5. */
  readonly hue?: number | readonly [number, number];
}

type Range = readonly [number, number];

const JITTER = kind('a number of at least 0 or a range [from, to]', (value) => NOT_NEGATIVE.accepts(value) || RANGE.accepts(value));
const JITTER_OPTIONS: OptionKinds<ColorJitterOptions> = { brightness: JITTER, contrast: JITTER, saturation: JITTER, hue: JITTER };

/** The range of a factor; undefined where nothing would change. */
function factorRange(name: string, value: number | Range | undefined, centre: 0 | 1, bounds: Range): Range | undefined {
  if (value === undefined) return undefined;
  const isNumber = typeof value === 'number';
  const from = isNumber ? (centre === 1 ? Math.max(1 - value, 0) : -value) : value[0];
  const to = isNumber ? centre + value : value[1];
  if (!(bounds[0] <= from && from <= to && to <= bounds[1])) {
    throw new ArgumentError(`ColorJitter: expected ${name} from ${bounds[0]} to ${bounds[1]}, but got ${JSON.stringify(value)}`);
  }
  return from === centre && to === centre ? undefined : [from, to];
}

/** Factors, and the order in which they are applied. */
interface Factors {
  readonly order: readonly number[];
  readonly factors: readonly (number | undefined)[];
}

const ADJUST = [F.adjustBrightness, F.adjustContrast, F.adjustSaturation, F.adjustHue] as const;

/**
 * Changes brightness, contrast, saturation and hue at random, in random order.
 *
 * @throws {@link ArgumentError} for ranges that leave what is possible
 * @example
 * ```ts
 * import { ColorJitter } from 'flambeau/vision';
 *
 * console.log(String(new ColorJitter({ brightness: 0.4, hue: 0.1 })));
 * // ColorJitter(brightness=(0.6, 1.4), hue=(-0.1, 0.1))
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.ColorJitter.html
 */
export class ColorJitter extends ColourTransform<Factors> {
  readonly brightness: Range | undefined;
  readonly contrast: Range | undefined;
  readonly saturation: Range | undefined;
  readonly hue: Range | undefined;

  constructor(options: ColorJitterOptions = {}) {
    super(options);
    const given = requireOptions<ColorJitterOptions>('ColorJitter', options, JITTER_OPTIONS, '{ brightness: 0.4 }');
    this.brightness = factorRange('brightness', given.brightness, 1, [0, Infinity]);
    this.contrast = factorRange('contrast', given.contrast, 1, [0, Infinity]);
    this.saturation = factorRange('saturation', given.saturation, 1, [0, Infinity]);
    this.hue = factorRange('hue', given.hue, 0, [-0.5, 0.5]);
  }

  override makeParams(): Factors {
    const order = permutation(4);
    const ranges = [this.brightness, this.contrast, this.saturation, this.hue];
    return { order, factors: ranges.map((among) => (among === undefined ? undefined : uniform(...among))) };
  }

  override transform(input: Picture, { order, factors }: Factors): Picture {
    let output = input;
    for (const which of order) {
      const factor = factors[which];
      if (factor !== undefined) output = ADJUST[which]!(output, factor);
    }
    return output;
  }

  protected override details(): string {
    const { brightness, contrast, saturation, hue } = this;
    const all = Object.entries({ brightness, contrast, saturation, hue });
    return all.flatMap(([name, among]) => (among === undefined ? [] : `${name}=${range(among)}`)).join(', ');
  }
}

/**
 * Puts the channels into a random order.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomChannelPermutation.html
 */
export class RandomChannelPermutation extends ColourTransform<readonly number[]> {
  override makeParams(parts: readonly Visual[]): readonly number[] {
    return permutation(dimensionsOfSample('RandomChannelPermutation', parts)[0]);
  }

  override transform(input: Picture, order: readonly number[]): Picture {
    return F.permuteChannels(input, order);
  }

  protected override details(): string {
    return '';
  }
}

/** Options of {@link RandomPhotometricDistort}: ranges of factors. */
export interface RandomPhotometricDistortOptions {
  readonly brightness?: Range;
  readonly contrast?: Range;
  readonly saturation?: Range;
  readonly hue?: Range;
  /** Probability of each change, default 0.5. */
  readonly p?: number;
}

const P = kind('a number between 0 and 1', (value) => typeof value === 'number' && value >= 0 && value <= 1);
const DISTORT_OPTIONS: OptionKinds<RandomPhotometricDistortOptions> = {
  brightness: RANGE,
  contrast: RANGE,
  saturation: RANGE,
  hue: RANGE,
  p: P,
};

/** What is changed, and how. */
interface Distortion {
  readonly brightness: number | undefined;
  readonly contrast: number | undefined;
  readonly saturation: number | undefined;
  readonly hue: number | undefined;
  readonly isContrastFirst: boolean;
  readonly order: readonly number[] | undefined;
}

/**
 * Changes colours as SSD's training does: brightness, contrast, saturation, hue and the order of channels, each with probability `p`.
 *
 * @throws {@link ArgumentError} for a probability outside of [0, 1] and ranges that are none
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomPhotometricDistort.html
 */
export class RandomPhotometricDistort extends ColourTransform<Distortion> {
  readonly options: Required<RandomPhotometricDistortOptions>;

  constructor(options: RandomPhotometricDistortOptions = {}) {
    super(options);
    const given = requireOptions<RandomPhotometricDistortOptions>('RandomPhotometricDistort', options, DISTORT_OPTIONS, '{ p: 0.5 }');
    this.options = { brightness: [0.875, 1.125], contrast: [0.5, 1.5], saturation: [0.5, 1.5], hue: [-0.05, 0.05], p: 0.5, ...given };
  }

  override makeParams(parts: readonly Visual[]): Distortion {
    const [channels] = dimensionsOfSample('RandomPhotometricDistort', parts);
    const { p } = this.options;
    const maybe = (among: Range): number | undefined => (happens(p) ? uniform(...among) : undefined);
    const brightness = maybe(this.options.brightness);
    const contrast = maybe(this.options.contrast);
    const saturation = maybe(this.options.saturation);
    const hue = maybe(this.options.hue);
    const isContrastFirst = draw() < 0.5;
    return { brightness, contrast, saturation, hue, isContrastFirst, order: happens(p) ? permutation(channels) : undefined };
  }

  override transform(input: Picture, params: Distortion): Picture {
    const { brightness, contrast, saturation, hue, isContrastFirst, order } = params;
    let output = input;
    if (brightness !== undefined) output = F.adjustBrightness(output, brightness);
    if (contrast !== undefined && isContrastFirst) output = F.adjustContrast(output, contrast);
    if (saturation !== undefined) output = F.adjustSaturation(output, saturation);
    if (hue !== undefined) output = F.adjustHue(output, hue);
    if (contrast !== undefined && !isContrastFirst) output = F.adjustContrast(output, contrast);
    return order === undefined ? output : F.permuteChannels(output, order);
  }

  protected override details(): string {
    const { brightness, contrast, hue, saturation, p } = this.options;
    return `brightness=${range(brightness)}, contrast=${range(contrast)}, hue=${range(hue)}, saturation=${range(saturation)}, p=${p}`;
  }
}

/**
 * Makes every value about as often as any other, with probability `p`.
 *
 * @throws {@link ArgumentError} unless 0 ≤ p ≤ 1
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomEqualize.html
 */
export class RandomEqualize extends RandomColourTransform {
  constructor(p = 0.5) {
    super(p, p);
  }

  override transform(input: Picture): Picture {
    return F.equalize(input);
  }
}

/**
 * Turns every value around, with probability `p`.
 *
 * @throws {@link ArgumentError} unless 0 ≤ p ≤ 1
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomInvert.html
 */
export class RandomInvert extends RandomColourTransform {
  constructor(p = 0.5) {
    super(p, p);
  }

  override transform(input: Picture): Picture {
    return F.invert(input);
  }
}

/**
 * Stretches the values of each channel over the whole range, with probability `p`.
 *
 * @throws {@link ArgumentError} unless 0 ≤ p ≤ 1
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomAutocontrast.html
 */
export class RandomAutocontrast extends RandomColourTransform {
  constructor(p = 0.5) {
    super(p, p);
  }

  override transform(input: Picture): Picture {
    return F.autocontrast(input);
  }
}

const BITS = kind('a whole number from 0 to 8', (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 8);

/**
 * Keeps only so many upper bits of the values, with probability `p`.
 *
 * @throws {@link ArgumentError} for other numbers of bits, and unless 0 ≤ p ≤ 1
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomPosterize.html
 */
export class RandomPosterize extends RandomColourTransform {
  readonly bits: number;

  constructor(bits: number, p = 0.5) {
    super(p, bits, p);
    requireKind('RandomPosterize', 'the bits', bits, BITS);
    this.bits = bits;
  }

  override transform(input: Picture): Picture {
    return F.posterize(input, this.bits);
  }

  protected override details(): string {
    return `p=${this.p}, bits=${this.bits}`;
  }
}

/**
 * Turns values from a threshold on around, with probability `p`.
 *
 * @throws {@link ArgumentError} unless the threshold is a number and 0 ≤ p ≤ 1
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomSolarize.html
 */
export class RandomSolarize extends RandomColourTransform {
  readonly threshold: number;

  constructor(threshold: number, p = 0.5) {
    super(p, threshold, p);
    requireKind('RandomSolarize', 'the threshold', threshold, FINITE);
    this.threshold = threshold;
  }

  override transform(input: Picture): Picture {
    return F.solarize(input, this.threshold);
  }

  protected override details(): string {
    return `p=${this.p}, threshold=${this.threshold}`;
  }
}

/**
 * Blurs with a factor below 1 or sharpens above, with probability `p`.
 *
 * @throws {@link ArgumentError} for a negative factor, and unless 0 ≤ p ≤ 1
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomAdjustSharpness.html
 */
export class RandomAdjustSharpness extends RandomColourTransform {
  readonly sharpnessFactor: number;

  constructor(sharpnessFactor: number, p = 0.5) {
    super(p, sharpnessFactor, p);
    requireKind('RandomAdjustSharpness', 'the factor', sharpnessFactor, NOT_NEGATIVE);
    this.sharpnessFactor = sharpnessFactor;
  }

  override transform(input: Picture): Picture {
    return F.adjustSharpness(input, this.sharpnessFactor);
  }

  protected override details(): string {
    return `p=${this.p}, sharpness_factor=${this.sharpnessFactor}`;
  }
}
