/**
 * Policies that apply some of a list of changes with random strength: AutoAugment, RandAugment, TrivialAugment, AugMix
 * (https://pytorch.org/vision/stable/transforms.html#auto-augmentation). They take samples with one picture.
 */
import { BOOL, COUNT, kind, NUMBER, oneOf, POSITIVE, requireKind, requireOptions, SIZE, wrongArgument, type OptionKinds } from '../../base/arguments.ts'; // prettier-ignore
import { ArgumentError } from '../../base/errors.ts';
import { pythonBool, pythonFloat } from '../../base/python-format.ts';
import { Image } from '../../io/image/image.ts';
import { fma32 } from '../../tensor/random/fused.ts';
import { WARP, type Fill } from '../functional/arguments.ts';
import type { Picture } from '../functional/colour.ts';
import * as colour from '../functional/colour.ts';
import { boundOf } from '../functional/colour-planes.ts';
import { planesOfTensor, tensorOfPlanes } from '../functional/planes.ts';
import { getSize } from '../functional/shape.ts';
import { pilToTensor, toPilImage } from '../functional/values.ts';
import { affine, rotate } from '../functional/warps.ts';
import { BoundingBoxes, Mask } from '../tv-tensors.ts';
import type { WarpInterpolation } from '../warp.ts';
import { shownFill, Transform } from './base.ts';
import { POLICIES, type PolicyName } from './auto-augment-policies.ts';
import { dirichlet } from './dirichlet.ts';
import { below, happensUpTo, within } from './random.ts';
import { chosen, FILL, fillFor, isPicture, leavesOf, withLeaves, type FillByKind } from './sample.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** Names of changes. */
export type ChangeName =
  | 'Identity'
  | 'ShearX'
  | 'ShearY'
  | 'TranslateX'
  | 'TranslateY'
  | 'Rotate'
  | 'Brightness'
  | 'Color'
  | 'Contrast'
  | 'Sharpness'
  | 'Posterize'
  | 'Solarize'
  | 'AutoContrast'
  | 'Equalize'
  | 'Invert';

/** Options of all policies. */
export interface AutoAugmentOptions {
  /** `'nearest'` by default, of {@link AugMix} `'bilinear'`. */
  readonly interpolation?: WarpInterpolation;
  /** Colour of what lies outside, default black. */
  readonly fill?: FillByKind;
}

const OPTIONS: OptionKinds<AutoAugmentOptions> = { interpolation: WARP, fill: FILL };

const NO_MOVE = [0, 0] as const;
const degrees = (tangent: number): number => Math.atan(tangent) * (180 / Math.PI);

/** A change of so much. */
function change<T extends Picture>(picture: T, name: ChangeName, magnitude: number, interpolation: WarpInterpolation, fill: Fill): T {
  const options = { interpolation, fill };
  switch (name) {
    case 'Identity':
      return picture;
    case 'ShearX':
      return affine(picture, 0, NO_MOVE, 1, [degrees(magnitude), 0], { ...options, center: NO_MOVE });
    case 'ShearY':
      return affine(picture, 0, NO_MOVE, 1, [0, degrees(magnitude)], { ...options, center: NO_MOVE });
    case 'TranslateX':
      return affine(picture, 0, [Math.trunc(magnitude), 0], 1, NO_MOVE, options);
    case 'TranslateY':
      return affine(picture, 0, [0, Math.trunc(magnitude)], 1, NO_MOVE, options);
    case 'Rotate':
      return rotate(picture, magnitude, options);
    case 'Brightness':
      return colour.adjustBrightness(picture, 1 + magnitude);
    case 'Color':
      return colour.adjustSaturation(picture, 1 + magnitude);
    case 'Contrast':
      return colour.adjustContrast(picture, 1 + magnitude);
    case 'Sharpness':
      return colour.adjustSharpness(picture, 1 + magnitude);
    case 'Posterize':
      return colour.posterize(picture, Math.trunc(magnitude));
    case 'Solarize':
      return colour.solarize(picture, (picture instanceof Image ? 255 : boundOf(picture.dtype)) * magnitude);
    case 'AutoContrast':
      return colour.autocontrast(picture);
    case 'Equalize':
      return colour.equalize(picture);
    case 'Invert':
      return colour.invert(picture);
  }
}

/** How strong a change is at each of `bins` steps, in a picture of a size; the sign may be drawn. Undefined: it has no strength. */
interface Strength {
  readonly isSigned: boolean;
  readonly at: (step: number, bins: number, height: number, width: number) => number;
}

type Space = readonly (readonly [ChangeName, Strength | undefined])[];

/** `torch.linspace`, in float32, which counts from both ends. */
function linear(step: number, bins: number, end: number, start = 0): number {
  const [first, last] = [Math.fround(start), Math.fround(end)];
  const by = Math.fround(Math.fround(last - first) / (bins - 1));
  return step < Math.floor(bins / 2) ? fma32(by, step, first) : fma32(-by, bins - step - 1, last);
}

const upTo = (end: number): Strength => ({ isSigned: true, at: (step, bins) => linear(step, bins, end) });
const SOLARIZE: Strength = { isSigned: false, at: (step, bins) => linear(step, bins, 0, 1) };

/** Bits that are left: from `most` down by `range`. */
function posterize(most: number, range: number): Strength {
  const at = (step: number, bins: number): number => {
    const value = Math.fround(most - Math.fround(step / Math.fround((bins - 1) / range)));
    const floor = Math.floor(value);
    return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
  };
  return { isSigned: false, at };
}

/** The spaces of the papers differ in how far they go. */
function space(shear: number, move: readonly [Strength, Strength], turn: number, colours: number, bits: Strength): Space {
  return [
    ['Identity', undefined],
    ['ShearX', upTo(shear)],
    ['ShearY', upTo(shear)],
    ['TranslateX', move[0]],
    ['TranslateY', move[1]],
    ['Rotate', upTo(turn)],
    ['Brightness', upTo(colours)],
    ['Color', upTo(colours)],
    ['Contrast', upTo(colours)],
    ['Sharpness', upTo(colours)],
    ['Posterize', bits],
    ['Solarize', SOLARIZE],
    ['AutoContrast', undefined],
    ['Equalize', undefined],
  ];
}

const share = (ofWidth: boolean, of: (size: number) => number): Strength => ({
  isSigned: true,
  at: (step, bins, height, width) => linear(step, bins, of(ofWidth ? width : height)),
});
const WIDE = [share(true, (size) => (150 / 331) * size), share(false, (size) => (150 / 331) * size)] as const;
const RAND = space(0.3, WIDE, 30, 0.9, posterize(8, 4));
const TRIVIAL = space(0.99, [upTo(32), upTo(32)], 135, 0.99, posterize(8, 6));
const AUTO: Space = [...RAND, ['Invert', undefined]];
const COLOURS: readonly ChangeName[] = ['Brightness', 'Color', 'Contrast', 'Sharpness'];
const mix = space(0.3, [share(true, (size) => size / 3), share(false, (size) => size / 3)], 30, 0.9, posterize(4, 4)).filter(
  ([name]) => name !== 'Identity',
);
const MIX_PARTIAL: Space = mix.filter(([name]) => !COLOURS.includes(name));
const MIX: Space = [...MIX_PARTIAL, ...mix.filter(([name]) => COLOURS.includes(name))];

/** What all policies have in common. */
abstract class Policy extends Transform<Image, Image> {
  readonly interpolation: WarpInterpolation;
  readonly fill: FillByKind;

  constructor({ interpolation = 'nearest', fill = null }: AutoAugmentOptions, ...args: readonly unknown[]) {
    super(...args);
    this.interpolation = interpolation;
    this.fill = fill;
  }

  /** The picture, changed. */
  protected abstract augment(picture: Picture): Picture;

  override forward(...inputs: readonly unknown[]): Image {
    const sample = inputs.length === 1 ? inputs[0] : inputs;
    const { name } = this.constructor;
    const leaves = leavesOf(name, sample);
    if (leaves.some((leaf) => leaf instanceof BoundingBoxes || leaf instanceof Mask))
      throw new ArgumentError(`${name}: does not take masks and boxes, which would not be moved alike`);
    const isChosen = chosen(leaves, isPicture);
    const found = isChosen.filter(Boolean).length;
    if (found !== 1) throw new ArgumentError(`${name}: expected one picture in the sample, but found ${found}`);
    const changed = leaves.map((leaf, i) => (isChosen[i] === true ? this.augment(leaf as Picture) : leaf));
    return (sample === leaves[0] ? changed[0] : withLeaves(sample, changed[Symbol.iterator]())) as Image;
  }

  /** A change whose strength is at a step that is known or drawn only now. */
  protected change<T extends Picture>(picture: T, [name, strength]: Space[number], bins: number, step: () => number): T {
    let magnitude = 0;
    if (strength !== undefined) {
      magnitude = strength.at(step(), bins, ...getSize(picture));
      if (strength.isSigned && happensUpTo(0.5)) magnitude *= -1;
    }
    return change(picture, name, magnitude, this.interpolation, fillFor(picture, this.fill));
  }

  protected shown(): string {
    return `interpolation=${this.interpolation}${shownFill(this.fill)}`;
  }
}

/**
 * The policies that were learned for ImageNet, CIFAR-10 and SVHN: one of 25 pairs of changes.
 *
 * @throws {@link ArgumentError} for another policy
 * @example
 * ```ts
 * import { AutoAugment } from 'flambeau/vision';
 *
 * console.log(String(new AutoAugment('cifar10')));
 * // AutoAugment(interpolation=nearest, policy=AutoAugmentPolicy.CIFAR10)
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.AutoAugment.html
 */
export class AutoAugment extends Policy {
  readonly policy: PolicyName;

  constructor(policy: PolicyName = 'imagenet', options: AutoAugmentOptions = {}) {
    super(requireOptions<AutoAugmentOptions>('AutoAugment', options, OPTIONS), policy, options);
    requireKind('AutoAugment', 'the policy', policy, oneOf('imagenet', 'cifar10', 'svhn'));
    this.policy = policy;
  }

  protected override augment(picture: Picture): Picture {
    const pairs = POLICIES[this.policy];
    let output = picture;
    for (const [name, probability, step] of pairs[below(pairs.length)]!) {
      if (!happensUpTo(probability)) continue;
      output = this.change(
        output,
        AUTO.find(([known]) => known === name)!,
        10,
        () => step!,
      );
    }
    return output;
  }

  protected override details(): string {
    return `${this.shown()}, policy=AutoAugmentPolicy.${this.policy.toUpperCase()}`;
  }
}

/** Options of {@link RandAugment}. */
export interface RandAugmentOptions extends AutoAugmentOptions {
  /** Changes one after the other, default 2. */
  readonly numOps?: number;
  /** Their strength: a step of those that there are, default 9. */
  readonly magnitude?: number;
  /** How many steps of strength there are, default 31. */
  readonly numMagnitudeBins?: number;
}

const RAND_OPTIONS: OptionKinds<RandAugmentOptions> = { ...OPTIONS, numOps: SIZE, magnitude: SIZE, numMagnitudeBins: COUNT };

/**
 * Some changes of a fixed strength, drawn from 14.
 *
 * @throws {@link ArgumentError} for a strength beyond its steps
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandAugment.html
 */
export class RandAugment extends Policy {
  readonly numOps: number;
  readonly magnitude: number;
  readonly numMagnitudeBins: number;

  constructor(options: RandAugmentOptions = {}) {
    const given = requireOptions<RandAugmentOptions>('RandAugment', options, RAND_OPTIONS, '{ numOps: 2 }');
    super(given, options);
    this.numOps = given.numOps ?? 2;
    this.magnitude = given.magnitude ?? 9;
    this.numMagnitudeBins = given.numMagnitudeBins ?? 31;
    if (this.magnitude >= this.numMagnitudeBins)
      throw wrongArgument('RandAugment', 'magnitude', `below numMagnitudeBins, ${this.numMagnitudeBins}`, this.magnitude);
  }

  protected override augment(picture: Picture): Picture {
    let output = picture;
    for (let i = 0; i < this.numOps; i++) {
      output = this.change(output, RAND[below(RAND.length)]!, this.numMagnitudeBins, () => this.magnitude);
    }
    return output;
  }

  protected override details(): string {
    return `${this.shown()}, num_ops=${this.numOps}, magnitude=${this.magnitude}, num_magnitude_bins=${this.numMagnitudeBins}`;
  }
}

/** Options of {@link TrivialAugmentWide}. */
export interface TrivialAugmentWideOptions extends AutoAugmentOptions {
  /** How many steps of strength there are, default 31. */
  readonly numMagnitudeBins?: number;
}

/**
 * One change of any strength, drawn from 14: nothing to choose.
 *
 * @throws {@link ArgumentError} for less than one step
 * @example
 * ```ts
 * import { Image, TrivialAugmentWide } from 'flambeau/vision';
 *
 * console.log(String(new TrivialAugmentWide()(Image.filled(32, 32, 3)))); // Image(32x32, RGB)
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.TrivialAugmentWide.html
 */
export class TrivialAugmentWide extends Policy {
  readonly numMagnitudeBins: number;

  constructor(options: TrivialAugmentWideOptions = {}) {
    const given = requireOptions<TrivialAugmentWideOptions>('TrivialAugmentWide', options, { ...OPTIONS, numMagnitudeBins: COUNT });
    super(given, options);
    this.numMagnitudeBins = given.numMagnitudeBins ?? 31;
  }

  protected override augment(picture: Picture): Picture {
    const which = TRIVIAL[below(TRIVIAL.length)]!;
    return this.change(picture, which, this.numMagnitudeBins, () => below(this.numMagnitudeBins));
  }

  protected override details(): string {
    return `${this.shown()}, num_magnitude_bins=${this.numMagnitudeBins}`;
  }
}

/** Options of {@link AugMix}. */
export interface AugMixOptions extends AutoAugmentOptions {
  /** Largest strength, 1 to 10, default 3. */
  readonly severity?: number;
  /** Chains of changes that are mixed, default 3. */
  readonly mixtureWidth?: number;
  /** Changes in a chain; by default 1 to 3 are drawn. */
  readonly chainDepth?: number;
  /** Parameter of the distributions that shares are drawn from, default 1. */
  readonly alpha?: number;
  /** Change colours, too, default true. */
  readonly allOps?: boolean;
}

const SEVERITY = kind('a whole number from 1 to 10', (value) => COUNT.accepts(value) && (value as number) <= 10);
const AUG_MIX: OptionKinds<AugMixOptions> = {
  ...OPTIONS,
  severity: SEVERITY,
  mixtureWidth: COUNT,
  chainDepth: NUMBER,
  alpha: POSITIVE,
  allOps: BOOL,
};
const PARAMETER_MAX = 10;

/**
 * Mixes the picture with chains of changes of it.
 *
 * @throws {@link ArgumentError} for a severity outside of 1 to 10
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.AugMix.html
 */
export class AugMix extends Policy {
  readonly severity: number;
  readonly mixtureWidth: number;
  readonly chainDepth: number;
  readonly alpha: number;
  readonly allOps: boolean;

  constructor(options: AugMixOptions = {}) {
    const given = requireOptions<AugMixOptions>('AugMix', options, AUG_MIX, '{ severity: 3 }');
    super({ ...given, interpolation: given.interpolation ?? 'bilinear' }, options);
    this.severity = given.severity ?? 3;
    this.mixtureWidth = given.mixtureWidth ?? 3;
    this.chainDepth = given.chainDepth ?? -1;
    this.alpha = given.alpha ?? 1;
    this.allOps = given.allOps ?? true;
  }

  protected override augment(picture: Picture): Picture {
    if (!(picture instanceof Image)) return this.#mixed(picture);
    return toPilImage(this.#mixed(pilToTensor(picture)));
  }

  #mixed(picture: Tensor): Tensor {
    const p = planesOfTensor('AugMix', picture);
    const pictures = picture.ndim < 4 ? 1 : (picture.shape as readonly number[]).slice(0, -3).reduce((n, size) => n * size, 1);
    const size = p.data.length / pictures;
    const own = Array.from({ length: pictures }, () => dirichlet([this.alpha, this.alpha]));
    const shares = own.map(([, rest]) =>
      dirichlet(new Array<number>(this.mixtureWidth).fill(this.alpha)).map((part) => Math.fround(part * rest!)),
    );
    const sum = Float32Array.from(p.data as ArrayLike<number>, (value, i) => value * own[Math.floor(i / size)]![0]!);
    for (let chain = 0; chain < this.mixtureWidth; chain++) {
      const changed = planesOfTensor('AugMix', this.#chain(picture)).data;
      for (let i = 0; i < sum.length; i++) sum[i]! += Math.fround(changed[i]! * shares[Math.floor(i / size)]![chain]!);
    }
    const data = p.data.slice();
    const isFloat = data instanceof Float32Array || picture.dtype === 'float64';
    for (let i = 0; i < data.length; i++) data[i] = isFloat ? sum[i]! : Math.trunc(sum[i]!);
    return tensorOfPlanes({ ...p, data }, picture);
  }

  #chain(picture: Tensor): Tensor {
    const among = this.allOps ? MIX : MIX_PARTIAL;
    const depth = this.chainDepth > 0 ? this.chainDepth : within(1, 4);
    let output = picture;
    for (let i = 0; i < depth; i++) {
      output = this.change(output, among[below(among.length)]!, PARAMETER_MAX, () => below(this.severity));
    }
    return output;
  }

  protected override details(): string {
    const { severity, mixtureWidth, chainDepth, alpha, allOps } = this;
    return `${this.shown()}, severity=${severity}, mixture_width=${mixtureWidth}, chain_depth=${chainDepth}, alpha=${pythonFloat(alpha)}, all_ops=${pythonBool(allOps)}`;
  }
}
