/** Transforms that move pixels: mirror, turn, resize, cut (https://pytorch.org/vision/stable/transforms.html). */
import {
  BOOL,
  either,
  kind,
  NUMBER,
  requireKind,
  requireOptions,
  STEP,
  type OptionKinds,
} from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { pythonBool, pythonFloat } from '../../base/python-format.ts';
import type { Image } from '../../io/image/image.ts';
import { centerCrop, crop, hflip, pad, PADDING, PADDING_MODE, vflip, type Padding, type PaddingMode } from '../crop.ts';
import { INTERPOLATION, resize, type Interpolation } from '../resize.ts';
import { FILL, fillColour, rotate, ROTATE_OPTIONS, type RotateOptions } from '../rotate.ts';
import { heightAndWidth, ImageTransform, list, requireProbability, tuple } from './base.ts';
import { below, happens, uniform } from './random.ts';

/**
 * Exchanges left and right with probability `p`.
 *
 * @throws {@link ArgumentError} unless 0 ≤ p ≤ 1
 * @example
 * ```ts
 * import { Image, RandomHorizontalFlip } from 'flambeau/vision';
 *
 * const flip = new RandomHorizontalFlip(1);
 * console.log(flip(new Image(2, 1, 1, new Uint8Array([1, 2]))).data); // Uint8Array(2) [ 2, 1 ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomHorizontalFlip.html
 */
export class RandomHorizontalFlip extends ImageTransform {
  readonly p: number;

  constructor(p = 0.5) {
    super(p);
    this.p = requireProbability('RandomHorizontalFlip', p);
  }

  override transform(image: Image): Image {
    return happens(this.p) ? hflip(image) : image;
  }

  protected override details(): string {
    return `p=${this.p}`;
  }
}

/**
 * Exchanges top and bottom with probability `p`.
 *
 * @throws {@link ArgumentError} unless 0 ≤ p ≤ 1
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomVerticalFlip.html
 */
export class RandomVerticalFlip extends ImageTransform {
  readonly p: number;

  constructor(p = 0.5) {
    super(p);
    this.p = requireProbability('RandomVerticalFlip', p);
  }

  override transform(image: Image): Image {
    return happens(this.p) ? vflip(image) : image;
  }

  protected override details(): string {
    return `p=${this.p}`;
  }
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
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomRotation.html
 */
export class RandomRotation extends ImageTransform {
  readonly degrees: readonly [number, number];
  readonly options: Required<Omit<RotateOptions, 'center'>> & Pick<RotateOptions, 'center'>;

  constructor(degrees: number | readonly [number, number], options: RotateOptions = {}) {
    super(degrees, options);
    requireKind('RandomRotation', 'degrees', degrees, DEGREES);
    const given = requireOptions<RotateOptions>('RandomRotation', options, ROTATE_OPTIONS, '{ expand: true }');
    this.degrees = typeof degrees === 'number' ? [-degrees, degrees] : [degrees[0], degrees[1]];
    const [from, to] = this.degrees;
    if (!Number.isFinite(to - from) || from > to) {
      throw new ArgumentError(
        `RandomRotation: expected degrees of at least 0 or a range [from, to], but got ${JSON.stringify(degrees)}`,
      );
    }
    const { interpolation = 'nearest', expand = false, center, fill = 0 } = given;
    fillColour('RandomRotation', fill, typeof fill === 'number' ? 1 : fill.length);
    this.options = { interpolation, expand, center, fill };
  }

  override transform(image: Image): Image {
    return rotate(image, uniform(...this.degrees), this.options);
  }

  protected override details(): string {
    const { interpolation, expand, center, fill } = this.options;
    const around = center === undefined ? '' : `, center=${tuple(center)}`;
    const colour = typeof fill === 'number' ? String(fill) : list(fill);
    const range = this.degrees.map(pythonFloat).join(', ');
    return `degrees=[${range}], interpolation=${interpolation}, expand=${pythonBool(expand)}${around}, fill=${colour}`;
  }
}

const SIZED = kind('an image, or its { width, height }', (value) => typeof value === 'object' && value !== null && STEP.accepts((value as { width?: unknown }).width) && STEP.accepts((value as { height?: unknown }).height)); // prettier-ignore
const DEGREES = either(NUMBER, kind('a range [from, to]', (value) => Array.isArray(value) && value.length === 2 && value.every(NUMBER.accepts))); // prettier-ignore
const RESIZE_OPTIONS: OptionKinds<ResizeOptions> = { interpolation: INTERPOLATION, maxSize: NUMBER };
const PAD_OPTIONS: OptionKinds<PadOptions> = { fill: FILL, paddingMode: PADDING_MODE };
const CROP_OPTIONS: OptionKinds<RandomCropOptions> = { ...PAD_OPTIONS, padding: PADDING, padIfNeeded: BOOL };

/** Options of {@link Resize}. */
export interface ResizeOptions {
  /** Default `'bilinear'`. Shrinking averages over what falls together (antialiasing), as PIL always does. */
  readonly interpolation?: Interpolation;
  /** Most pixels of the longer edge; only where the size is one number. */
  readonly maxSize?: number;
}

/**
 * Resizes to [height, width], or so that the shorter edge has `size` pixels.
 *
 * @throws {@link ArgumentError} for a size below 1, or a `maxSize` that is not above it; when it runs, for an image so long that its shorter
 * edge would have no pixel
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.Resize.html
 */
export class Resize extends ImageTransform {
  readonly size: number | readonly [number, number];
  readonly interpolation: Interpolation;
  readonly maxSize: number | undefined;

  constructor(size: number | readonly number[], options: ResizeOptions = {}) {
    super(size, options);
    const both = heightAndWidth('Resize', size);
    this.size = typeof size === 'number' || size.length === 1 ? both[0] : both;
    const given = requireOptions<ResizeOptions>('Resize', options, RESIZE_OPTIONS, "{ interpolation: 'bicubic' }");
    this.interpolation = given.interpolation ?? 'bilinear';
    this.maxSize = given.maxSize;
    if (this.maxSize === undefined) return;
    if (typeof this.size !== 'number' || !Number.isInteger(this.maxSize) || this.maxSize <= this.size) {
      throw new ArgumentError(
        `Resize: maxSize must be a whole number above a size that is one number, but got ${this.maxSize} with size ${JSON.stringify(size)}`,
      );
    }
  }

  override transform(image: Image): Image {
    const [height, width] = this.outputSize(image);
    return resize(image, width, height, this.interpolation);
  }

  /** Height and width that an image is resized to. */
  outputSize(image: { readonly width: number; readonly height: number }): readonly [number, number] {
    requireKind('Resize.outputSize', 'the image', image, SIZED);
    const { width, height } = image;
    if (typeof this.size !== 'number') return this.size;
    const [short, long] = width <= height ? [width, height] : [height, width];
    let newShort = this.size;
    let newLong = Math.trunc((this.size * long) / short);
    if (this.maxSize !== undefined && newLong > this.maxSize) {
      newShort = Math.trunc((this.maxSize * newShort) / newLong);
      if (newShort < 1) throw new ArgumentError(`Resize: of an image of ${width}x${height} pixels nothing would be left with a longer edge of ${this.maxSize}; raise maxSize, or give a height and width`); // prettier-ignore
      newLong = this.maxSize;
    }
    return width <= height ? [newLong, newShort] : [newShort, newLong];
  }

  protected override details(): string {
    const size = typeof this.size === 'number' ? String(this.size) : list(this.size);
    return `size=${size}, interpolation=${this.interpolation}, max_size=${this.maxSize ?? 'None'}, antialias=True`;
  }
}

/**
 * Cuts out the middle; an image that is smaller gets a black border.
 *
 * @throws {@link ArgumentError} for a size below 1
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.CenterCrop.html
 */
export class CenterCrop extends ImageTransform {
  readonly size: readonly [number, number];

  constructor(size: number | readonly number[]) {
    super(size);
    this.size = heightAndWidth('CenterCrop', size);
  }

  override transform(image: Image): Image {
    return centerCrop(image, ...this.size);
  }

  protected override details(): string {
    return `size=${tuple(this.size)}`;
  }
}

/** Options of {@link RandomCrop}. */
export interface RandomCropOptions {
  /** A border to add first. */
  readonly padding?: Padding;
  /** Add a border where the image is too small, instead of failing. */
  readonly padIfNeeded?: boolean;
  /** Colour of a constant border, default black. */
  readonly fill?: number | readonly number[];
  readonly paddingMode?: PaddingMode;
}

/**
 * Cuts out a stretch at a random place, of an image with a border around it if asked for.
 *
 * @throws {@link ArgumentError} for a size below 1, and when an image is smaller than the stretch
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomCrop.html
 */
export class RandomCrop extends ImageTransform {
  readonly size: readonly [number, number];
  readonly options: RandomCropOptions;

  constructor(size: number | readonly number[], options: RandomCropOptions = {}) {
    super(size, options);
    this.size = heightAndWidth('RandomCrop', size);
    this.options = requireOptions<RandomCropOptions>('RandomCrop', options, CROP_OPTIONS, '{ padding: 4 }');
  }

  override transform(image: Image): Image {
    const [height, width] = this.size;
    const padded = this.#pad(image);
    const down = padded.height - height;
    const right = padded.width - width;
    if (down < 0 || right < 0) {
      throw new ArgumentError(
        `RandomCrop: cannot cut ${height}x${width} out of an image of ${padded.height}x${padded.width} (height x width); ` +
          'set padIfNeeded, or put Resize before it',
      );
    }
    if (down === 0 && right === 0) return padded;
    const top = below(down + 1);
    return crop(padded, top, below(right + 1), height, width);
  }

  #pad(image: Image): Image {
    const { padding, padIfNeeded = false, fill = 0, paddingMode = 'constant' } = this.options;
    const [height, width] = this.size;
    let padded = padding === undefined ? image : pad(image, padding, fill, paddingMode);
    if (padIfNeeded && padded.width < width) padded = pad(padded, [width - padded.width, 0], fill, paddingMode);
    if (padIfNeeded && padded.height < height) padded = pad(padded, [0, height - padded.height], fill, paddingMode);
    return padded;
  }

  protected override details(): string {
    const { padding } = this.options;
    const border = padding === undefined ? 'None' : typeof padding === 'number' ? String(padding) : list(padding);
    return `size=${tuple(this.size)}, padding=${border}`;
  }
}

/** Options of {@link Pad}. */
export interface PadOptions {
  readonly fill?: number | readonly number[];
  readonly paddingMode?: PaddingMode;
}

/**
 * Adds a border.
 *
 * @throws {@link ArgumentError} when the image is transformed, for widths that are not whole or below 0
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.Pad.html
 */
export class Pad extends ImageTransform {
  readonly padding: Padding;
  readonly options: Required<PadOptions>;

  constructor(padding: Padding, options: PadOptions = {}) {
    super(padding, options);
    requireKind('Pad', 'padding', padding, PADDING);
    this.padding = padding;
    const { fill = 0, paddingMode = 'constant' } = requireOptions<PadOptions>(
      'Pad',
      options,
      PAD_OPTIONS,
      '{ fill: 0 }',
    );
    this.options = { fill, paddingMode };
  }

  override transform(image: Image): Image {
    return pad(image, this.padding, this.options.fill, this.options.paddingMode);
  }

  protected override details(): string {
    const { fill, paddingMode } = this.options;
    const widths = typeof this.padding === 'number' ? String(this.padding) : list(this.padding);
    return `padding=${widths}, fill=${typeof fill === 'number' ? fill : list(fill)}, padding_mode=${paddingMode}`;
  }
}
