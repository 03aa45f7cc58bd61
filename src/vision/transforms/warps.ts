/** Transforms that turn, shear, tilt and bend (https://pytorch.org/vision/stable/transforms.html): images, tensors, masks and boxes. */
import { arrayOf, BOOL, either, FINITE, kind, NUMBER, requireKind, requireOptions, wrongArgument, type OptionKinds } from '../../base/arguments.ts'; // prettier-ignore
import { ArgumentError } from '../../base/errors.ts';
import { pythonBool, pythonFloat } from '../../base/python-format.ts';
import { Image } from '../../io/image/image.ts';
import { roundHalfEven } from '../../io/image/round.ts';
import { fillUniform } from '../../tensor/random/index.ts';
import { fromTypedArray } from '../../tensor/create.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { CENTER, imageColour, WARP } from '../functional/arguments.ts';
import { blurredFloats } from '../functional/blur.ts';
import { perspectiveCoefficients, type AffineArguments } from '../functional/matrices.ts';
import type { Visual } from '../functional/planes.ts';
import * as F from '../functional/warps.ts';
import type { WarpInterpolation } from '../warp.ts';
import { list, shownFill, tuple } from './base.ts';
import { uniform, within } from './random.ts';
import { FILL, fillFor, RandomTransform, SampleTransform, sizeOfSample, type FillByKind } from './sample.ts';

/** Options of transforms that look for pixels between pixels. */
export interface WarpTransformOptions {
  /** Default `'nearest'` for turning and shearing, `'bilinear'` for perspective and bending. */
  readonly interpolation?: WarpInterpolation;
  /** Colour of what lies outside, default black. */
  readonly fill?: FillByKind;
}

/** Options of {@link RandomRotation}. */
export interface RandomRotationOptions extends WarpTransformOptions {
  /** Make the result large enough for the whole turned picture. */
  readonly expand?: boolean;
  /** Point to turn around, [x, y] from the upper left corner; default the centre. */
  readonly center?: readonly [number, number] | undefined;
}

const WARP_OPTIONS: OptionKinds<WarpTransformOptions> = { interpolation: WARP, fill: FILL };
const ROTATION_OPTIONS: OptionKinds<RandomRotationOptions> = { ...WARP_OPTIONS, expand: BOOL, center: CENTER };
const DEGREES = either(
  NUMBER,
  kind('a range [from, to]', (value) => Array.isArray(value) && value.length === 2 && value.every(NUMBER.accepts)),
);

/** A range of degrees; one number means from -degrees to +degrees. */
function degreeRange(op: string, name: string, degrees: number | readonly [number, number]): readonly [number, number] {
  requireKind(op, name, degrees, DEGREES);
  const [from, to] = typeof degrees === 'number' ? [-degrees, degrees] : degrees;
  if (!Number.isFinite(to - from) || from > to)
    throw new ArgumentError(`${op}: expected ${name} of at least 0 or a range [from, to], but got ${JSON.stringify(degrees)}`);
  return [from, to];
}

const floats = (values: readonly number[]): string => list(values, pythonFloat);

/** A colour that no image has is refused when the transform is made. */
function requireColour(op: string, fill: FillByKind): void {
  if (typeof fill === 'number') imageColour(op, fill, new Image(1, 1, 1, new Uint8Array(1)));
}

/**
 * Turns by a random angle from a range of degrees; one number means from -degrees to +degrees.
 *
 * @throws {@link ArgumentError} for a negative or infinite number of degrees, or a range that is no range
 * @example
 * ```ts
 * import { RandomRotation } from 'flambeau/vision';
 *
 * console.log(String(new RandomRotation(10)));
 * // RandomRotation(degrees=[-10.0, 10.0], interpolation=nearest, expand=False, fill=0)
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomRotation.html
 */
export class RandomRotation extends SampleTransform<number> {
  readonly degrees: readonly [number, number];
  readonly options: Required<Omit<RandomRotationOptions, 'center'>> & Pick<RandomRotationOptions, 'center'>;

  constructor(degrees: number | readonly [number, number], options: RandomRotationOptions = {}) {
    super(degrees, options);
    const given = requireOptions<RandomRotationOptions>('RandomRotation', options, ROTATION_OPTIONS, '{ expand: true }');
    this.degrees = degreeRange('RandomRotation', 'degrees', degrees);
    const { interpolation = 'nearest', expand = false, center, fill = 0 } = given;
    requireColour('RandomRotation', fill);
    this.options = { interpolation, expand, center, fill };
  }

  override makeParams(): number {
    return uniform(...this.degrees);
  }

  override transform(input: Visual, angle: number): Visual {
    return F.rotate(input, angle, { ...this.options, fill: fillFor(input, this.options.fill) });
  }

  protected override details(): string {
    const { interpolation, expand, center, fill } = this.options;
    const around = center === undefined ? '' : `, center=${list(center)}`;
    return `degrees=${floats(this.degrees)}, interpolation=${interpolation}, expand=${pythonBool(expand)}${shownFill(fill)}${around}`;
  }
}

/** Options of {@link RandomAffine}. */
export interface RandomAffineOptions extends WarpTransformOptions {
  /** Largest shares of width and height to move by, default none. */
  readonly translate?: readonly [number, number];
  /** Smallest and largest factor, default none. */
  readonly scale?: readonly [number, number];
  /** Degrees along x: up to so many either way, a range, or ranges along x and y [x from, x to, y from, y to]. Default none. */
  readonly shear?: number | readonly [number, number] | readonly [number, number, number, number];
  readonly center?: readonly [number, number] | undefined;
}

const SHARES = kind(
  'two numbers between 0 and 1',
  (value) => Array.isArray(value) && value.length === 2 && value.every((share) => share >= 0 && share <= 1),
);
const FACTORS = kind(
  'a range [from, to] of numbers above 0',
  (value) => Array.isArray(value) && value.length === 2 && value.every((factor) => Number.isFinite(factor) && factor > 0),
);
const SHEAR = either(
  FINITE,
  kind('2 or 4 numbers', (value) => arrayOf(FINITE, 'numbers').accepts(value) && [2, 4].includes((value as readonly number[]).length)),
);
const AFFINE_OPTIONS: OptionKinds<RandomAffineOptions> = {
  ...WARP_OPTIONS,
  translate: SHARES,
  scale: FACTORS,
  shear: SHEAR,
  center: CENTER,
};

/**
 * Turns, moves, scales and shears at random, around the centre.
 *
 * @param degrees - up to so many either way, or a range; 0 does not turn
 * @throws {@link ArgumentError} for ranges that are none
 * @example
 * ```ts
 * import { Image, RandomAffine } from 'flambeau/vision';
 *
 * const shake = new RandomAffine(10, { translate: [0.1, 0.1], scale: [0.9, 1.1] });
 * console.log(String(shake(Image.filled(32, 32, 3)))); // Image(32x32, RGB)
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomAffine.html
 */
export class RandomAffine extends SampleTransform<AffineArguments> {
  readonly degrees: readonly [number, number];
  readonly options: RandomAffineOptions;
  readonly shear: readonly number[] | undefined;

  constructor(degrees: number | readonly [number, number], options: RandomAffineOptions = {}) {
    super(degrees, options);
    this.degrees = degreeRange('RandomAffine', 'degrees', degrees);
    this.options = requireOptions<RandomAffineOptions>('RandomAffine', options, AFFINE_OPTIONS, '{ scale: [0.9, 1.1] }');
    const { shear } = this.options;
    this.shear = typeof shear === 'number' ? degreeRange('RandomAffine', 'shear', shear) : shear;
    requireColour('RandomAffine', this.options.fill ?? 0);
  }

  override makeParams(parts: readonly Visual[]): AffineArguments {
    const [height, width] = sizeOfSample('RandomAffine', parts);
    const { translate, scale } = this.options;
    const { shear } = this;
    const angle = uniform(...this.degrees);
    const by = (share: number, size: number): number => roundHalfEven(uniform(-share * size, share * size)) + 0;
    const right = translate === undefined ? 0 : by(translate[0], width);
    const down = translate === undefined ? 0 : by(translate[1], height);
    const factor = scale === undefined ? 1 : uniform(...scale);
    const across = shear === undefined ? 0 : uniform(shear[0]!, shear[1]!);
    const along = shear?.length === 4 ? uniform(shear[2]!, shear[3]!) : 0;
    return { angle, translate: [right, down], scale: factor, shear: [across, along] };
  }

  override transform(input: Visual, { angle, translate, scale, shear }: AffineArguments): Visual {
    const { interpolation = 'nearest', fill = 0, center } = this.options;
    return F.affine(input, angle, translate, scale, shear, { interpolation, fill: fillFor(input, fill), center });
  }

  protected override details(): string {
    const { translate, scale, interpolation = 'nearest', fill = 0, center } = this.options;
    const moved = translate === undefined ? '' : `, translate=${tuple(translate)}`;
    const scaled = scale === undefined ? '' : `, scale=${tuple(scale)}`;
    const sheared = this.shear === undefined ? '' : `, shear=${floats(this.shear)}`;
    const around = center === undefined ? '' : `, center=${list(center)}`;
    return `degrees=${floats(this.degrees)}${moved}${scaled}${sheared}, interpolation=${interpolation}${shownFill(fill)}${around}`;
  }
}

/** Options of {@link RandomPerspective}. */
export interface RandomPerspectiveOptions extends WarpTransformOptions {
  /** How far the corners may go: 0 not at all, 1 to the centre. Default 0.5. */
  readonly distortionScale?: number;
  /** Probability, default 0.5. */
  readonly p?: number;
}

const SHARE = kind('a number between 0 and 1', (value) => typeof value === 'number' && value >= 0 && value <= 1);
const PERSPECTIVE_OPTIONS: OptionKinds<RandomPerspectiveOptions> = {
  ...WARP_OPTIONS,
  distortionScale: SHARE,
  p: SHARE,
};

/**
 * Tilts the picture at random, with probability `p`: each corner moves towards the centre.
 *
 * @throws {@link ArgumentError} for a scale or a probability outside of [0, 1]
 * @example
 * ```ts
 * import { RandomPerspective } from 'flambeau/vision';
 *
 * console.log(String(new RandomPerspective({ distortionScale: 0.3 })));
 * // RandomPerspective(p=0.5, distortion_scale=0.3, interpolation=bilinear, fill=0)
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomPerspective.html
 */
export class RandomPerspective extends RandomTransform<readonly number[]> {
  readonly options: RandomPerspectiveOptions;
  readonly distortionScale: number;

  constructor(options: RandomPerspectiveOptions = {}) {
    const given = requireOptions<RandomPerspectiveOptions>('RandomPerspective', options, PERSPECTIVE_OPTIONS, '{ p: 0.5 }');
    super(given.p ?? 0.5, options);
    this.options = given;
    this.distortionScale = given.distortionScale ?? 0.5;
    requireColour('RandomPerspective', given.fill ?? 0);
  }

  override makeParams(parts: readonly Visual[]): readonly number[] {
    const [height, width] = sizeOfSample('RandomPerspective', parts);
    const down = Math.trunc(this.distortionScale * Math.floor(height / 2)) + 1;
    const across = Math.trunc(this.distortionScale * Math.floor(width / 2)) + 1;
    const left = (): number => within(0, across);
    const right = (): number => within(width - across, width);
    const top = (): number => within(0, down);
    const bottom = (): number => within(height - down, height);
    const end = [
      [left(), top()],
      [right(), top()],
      [right(), bottom()],
      [left(), bottom()],
    ] as const;
    const start = [
      [0, 0],
      [width - 1, 0],
      [width - 1, height - 1],
      [0, height - 1],
    ] as const;
    return perspectiveCoefficients(start, end);
  }

  override transform(input: Visual, coefficients: readonly number[]): Visual {
    const { interpolation = 'bilinear', fill = 0 } = this.options;
    return F.perspective(input, null, null, { coefficients, interpolation, fill: fillFor(input, fill) });
  }

  protected override details(): string {
    const { interpolation = 'bilinear', fill = 0 } = this.options;
    return `p=${this.p}, distortion_scale=${this.distortionScale}, interpolation=${interpolation}${shownFill(fill)}`;
  }
}

/** Options of {@link ElasticTransform}. */
export interface ElasticTransformOptions extends WarpTransformOptions {
  /** How strongly pixels move, one number or for x and y. Default 50. */
  readonly alpha?: number | readonly [number, number];
  /** How smoothly neighbours move alike, one number or for x and y. Default 5. */
  readonly sigma?: number | readonly [number, number];
}

const STRENGTH = either(
  FINITE,
  kind('two numbers', (value) => Array.isArray(value) && value.length === 2 && value.every(FINITE.accepts)),
);
const ELASTIC_OPTIONS: OptionKinds<ElasticTransformOptions> = { ...WARP_OPTIONS, alpha: STRENGTH, sigma: STRENGTH };
const both = (value: number | readonly [number, number]): readonly [number, number] => (typeof value === 'number' ? [value, value] : value);

/**
 * Bends the picture like cloth: every pixel moves a little, neighbours in much the same way.
 *
 * @throws {@link ArgumentError} for a negative sigma
 * @example
 * ```ts
 * import { ElasticTransform } from 'flambeau/vision';
 *
 * console.log(String(new ElasticTransform({ alpha: 30 })));
 * // ElasticTransform(alpha=[30.0, 30.0], sigma=[5.0, 5.0], interpolation=bilinear, fill=0)
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.ElasticTransform.html
 */
export class ElasticTransform extends SampleTransform<Tensor> {
  readonly options: ElasticTransformOptions;
  readonly alpha: readonly [number, number];
  readonly sigma: readonly [number, number];

  constructor(options: ElasticTransformOptions = {}) {
    super(options);
    this.options = requireOptions<ElasticTransformOptions>('ElasticTransform', options, ELASTIC_OPTIONS, '{ alpha: 50 }');
    this.alpha = both(this.options.alpha ?? 50);
    this.sigma = both(this.options.sigma ?? 5);
    const isNone = this.sigma.every((sigma) => sigma === 0);
    if (!isNone && !this.sigma.every((sigma) => sigma > 0))
      throw wrongArgument('ElasticTransform', 'sigma', 'above 0, or 0 for both directions', this.sigma);
    requireColour('ElasticTransform', this.options.fill ?? 0);
  }

  override makeParams(parts: readonly Visual[]): Tensor {
    const [height, width] = sizeOfSample('ElasticTransform', parts);
    const x = this.#moves(0, height, width, width);
    const y = this.#moves(1, height, width, height);
    const moves = new Float32Array(2 * height * width);
    for (let i = 0; i < x.length; i++) {
      moves[2 * i] = x[i]!;
      moves[2 * i + 1] = y[i]!;
    }
    return fromTypedArray(moves, [1, height, width, 2]) as Tensor;
  }

  /** Random numbers from -1 to 1, smoothed, and as large as alpha says. */
  #moves(axis: 0 | 1, height: number, width: number, size: number): Float32Array {
    const noise = new Float32Array(height * width);
    fillUniform(noise);
    for (let i = 0; i < noise.length; i++) noise[i] = Math.fround(noise[i]! * 2) - 1;
    const reach = Math.trunc(8 * this.sigma[axis] + 1);
    const kernel = reach % 2 === 0 ? reach + 1 : reach;
    const isSmooth = this.sigma[axis] > 0;
    const smooth = isSmooth ? blurredFloats('ElasticTransform', noise, height, width, [kernel, kernel], this.sigma) : noise;
    return smooth.map((value) => Math.fround(value * this.alpha[axis]) / size);
  }

  override transform(input: Visual, displacement: Tensor): Visual {
    const { interpolation = 'bilinear', fill = 0 } = this.options;
    return F.elastic(input, displacement, { interpolation, fill: fillFor(input, fill) });
  }

  protected override details(): string {
    const { interpolation = 'bilinear', fill = 0 } = this.options;
    return `alpha=${floats(this.alpha)}, sigma=${floats(this.sigma)}, interpolation=${interpolation}${shownFill(fill)}`;
  }
}
