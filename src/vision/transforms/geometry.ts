/** Transforms that mirror, resize and cut (https://pytorch.org/vision/stable/transforms.html): images, tensors, masks and boxes. */
import { arrayOf, BOOL, FINITE, kind, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { pythonBool } from '../../base/python-format.ts';
import type { Image } from '../../io/image/image.ts';
import { roundHalfEven } from '../../io/image/round.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { heightAndWidth, type Size } from '../functional/arguments.ts';
import { PADDING_MODE } from '../functional/arguments.ts';
import type { PaddingMode } from '../functional/copies.ts';
import type { Visual } from '../functional/planes.ts';
import * as F from '../functional/shape.ts';
import { PADDING, RESIZE_OPTIONS, resizedSize, sidesOf, type Padding, type ResizeFunctionOptions, type TargetSize } from '../functional/shape.ts'; // prettier-ignore
import type { Interpolation } from '../resize.ts';
import { BoundingBoxes, Mask } from '../tv-tensors.ts';
import { list, shownFill, Transform, tuple } from './base.ts';
import { below, uniform } from './random.ts';
import { chosen, FILL, fillFor, isPicture, leavesOf, RandomTransform, SampleTransform, sizeOfSample, withLeaves, type FillByKind } from './sample.ts'; // prettier-ignore

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
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomHorizontalFlip.html
 */
export class RandomHorizontalFlip extends RandomTransform {
  constructor(p = 0.5) {
    super(p, p);
  }

  override transform(input: Visual): Visual {
    return F.horizontalFlip(input);
  }

  protected override details(): string {
    return `p=${this.p}`;
  }
}

/**
 * Exchanges top and bottom with probability `p`.
 *
 * @throws {@link ArgumentError} unless 0 ≤ p ≤ 1
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomVerticalFlip.html
 */
export class RandomVerticalFlip extends RandomTransform {
  constructor(p = 0.5) {
    super(p, p);
  }

  override transform(input: Visual): Visual {
    return F.verticalFlip(input);
  }

  protected override details(): string {
    return `p=${this.p}`;
  }
}

/** Options of {@link Resize}. */
export type ResizeOptions = ResizeFunctionOptions;

const SIZED = kind('an image, or its { width, height }', (value) => {
  const { width, height } = (value ?? {}) as { readonly width?: unknown; readonly height?: unknown };
  return [width, height].every((size) => Number.isSafeInteger(size) && (size as number) >= 1);
});

/**
 * Resizes to [height, width], or so that the shorter edge has `size` pixels, or, with null, the longer one `maxSize`.
 *
 * @throws {@link ArgumentError} for a size below 1, or a `maxSize` that is not above it; when it runs, for an image so long that its shorter
 * edge would have no pixel
 * @example
 * ```ts
 * import { Image, Resize } from 'flambeau/vision';
 *
 * console.log(String(new Resize(10)(Image.filled(40, 20, 3)))); // Image(20x10, RGB)
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.Resize.html
 */
export class Resize extends SampleTransform {
  readonly size: number | readonly [number, number] | null;
  readonly interpolation: Interpolation;
  readonly maxSize: number | undefined;
  readonly antialias: boolean;

  constructor(size: TargetSize, options: ResizeOptions = {}) {
    super(size, options);
    const given = requireOptions<ResizeOptions>('Resize', options, RESIZE_OPTIONS, "{ interpolation: 'bicubic' }");
    resizedSize('Resize', [2 ** 20, 2 ** 20], size, given.maxSize);
    const both = size === null ? null : heightAndWidth('Resize', size);
    this.size = both !== null && (typeof size === 'number' || size!.length === 1) ? both[0] : both;
    this.interpolation = given.interpolation ?? 'bilinear';
    this.maxSize = given.maxSize;
    this.antialias = given.antialias ?? true;
  }

  override transform(input: Visual): Visual {
    const { size, interpolation, maxSize, antialias } = this;
    return F.resize(input, size, { interpolation, maxSize, antialias });
  }

  /** Height and width that an image is resized to. */
  outputSize(image: { readonly width: number; readonly height: number }): readonly [number, number] {
    requireKind('Resize.outputSize', 'the image', image, SIZED);
    return resizedSize('Resize', [image.height, image.width], this.size, this.maxSize);
  }

  protected override details(): string {
    const { size, maxSize } = this;
    const shown = size === null ? '' : `size=${list(typeof size === 'number' ? [size] : size)}, `;
    const most = maxSize === undefined ? '' : `max_size=${maxSize}, `;
    return `${shown}interpolation=${this.interpolation}, ${most}antialias=${pythonBool(this.antialias)}`;
  }
}

/**
 * Cuts out the middle; a picture that is smaller gets a black border.
 *
 * @throws {@link ArgumentError} for a size below 1
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.CenterCrop.html
 */
export class CenterCrop extends SampleTransform {
  readonly size: readonly [number, number];

  constructor(size: Size) {
    super(size);
    this.size = heightAndWidth('CenterCrop', size);
  }

  override transform(input: Visual): Visual {
    return F.centerCrop(input, this.size);
  }

  protected override details(): string {
    return `size=${tuple(this.size)}`;
  }
}

/** Options of {@link RandomResizedCrop}. */
export interface RandomResizedCropOptions {
  /** Smallest and largest share of the picture's area, default [0.08, 1]. */
  readonly scale?: readonly [number, number];
  /** Smallest and largest ratio of width to height, default [3 / 4, 4 / 3]. */
  readonly ratio?: readonly [number, number];
  readonly interpolation?: Interpolation;
  readonly antialias?: boolean;
}

export const RANGE = kind(
  'a range [from, to] of numbers',
  (value) => arrayOf(FINITE, '').accepts(value) && (value as readonly number[]).length === 2,
);
const CROP_RESIZE: OptionKinds<RandomResizedCropOptions> = {
  scale: RANGE,
  ratio: RANGE,
  interpolation: RESIZE_OPTIONS.interpolation,
  antialias: BOOL,
};

/** A stretch of a picture. */
export interface Stretch {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Cuts out a stretch of random size, shape and place, and resizes it: what photographs are trained with.
 *
 * @throws {@link ArgumentError} for sizes below 1 and ranges that are none
 * @example
 * ```ts
 * import { Image, RandomResizedCrop } from 'flambeau/vision';
 *
 * console.log(String(new RandomResizedCrop(224)(Image.filled(500, 375, 3)))); // Image(224x224, RGB)
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomResizedCrop.html
 */
export class RandomResizedCrop extends SampleTransform<Stretch> {
  readonly size: readonly [number, number];
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
  readonly interpolation: Interpolation;
  readonly antialias: boolean;

  constructor(size: Size, options: RandomResizedCropOptions = {}) {
    super(size, options);
    this.size = heightAndWidth('RandomResizedCrop', size);
    const given = requireOptions<RandomResizedCropOptions>('RandomResizedCrop', options, CROP_RESIZE, '{ scale: [0.5, 1] }');
    this.scale = given.scale ?? [0.08, 1];
    this.ratio = given.ratio ?? [3 / 4, 4 / 3];
    this.interpolation = given.interpolation ?? 'bilinear';
    this.antialias = given.antialias ?? true;
    if (!(this.scale[0] >= 0 && this.scale[0] <= this.scale[1] && this.ratio[0] > 0 && this.ratio[0] <= this.ratio[1])) {
      throw new ArgumentError(
        `RandomResizedCrop: expected scale and ratio to be ranges [from, to] above 0, but got scale=${list(this.scale)} and ratio=${list(this.ratio)}`,
      );
    }
  }

  override makeParams(parts: readonly Visual[]): Stretch {
    return this.stretchOf(...sizeOfSample('RandomResizedCrop', parts));
  }

  /** Draws a stretch of a picture of this size. @internal */
  stretchOf(height: number, width: number): Stretch {
    const [low, high] = this.ratio.map((ratio) => Math.fround(Math.log(Math.fround(ratio)))) as [number, number];
    for (let trial = 0; trial < 10; trial++) {
      const area = height * width * uniform(this.scale[0], this.scale[1]);
      const ratio = Math.fround(Math.exp(uniform(low, high)));
      const w = roundHalfEven(Math.sqrt(area * ratio));
      const h = roundHalfEven(Math.sqrt(area / ratio));
      if (w <= 0 || w > width || h <= 0 || h > height) continue;
      const top = below(height - h + 1);
      return { top, left: below(width - w + 1), height: h, width: w };
    }
    return this.#middle(height, width);
  }

  /** What is taken when no stretch fitted. */
  #middle(height: number, width: number): Stretch {
    const [least, most] = [Math.min(...this.ratio), Math.max(...this.ratio)];
    let [h, w] = [height, width];
    if (width / height < least) h = roundHalfEven(width / least);
    else if (width / height > most) w = roundHalfEven(height * most);
    return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w };
  }

  override transform(input: Visual, { top, left, height, width }: Stretch): Visual {
    const { interpolation, antialias } = this;
    return F.resizedCrop(input, top, left, height, width, this.size, { interpolation, antialias });
  }

  protected override details(): string {
    return `size=${tuple(this.size)}, scale=${range(this.scale)}, ratio=${range(this.ratio)}, interpolation=${this.interpolation}, antialias=${pythonBool(this.antialias)}`;
  }
}

/** A range of floats as Python prints it: `(0.08, 1.0)`. */
export const range = (values: readonly number[]): string =>
  tuple(values, (value) => (Number.isInteger(value) ? value.toFixed(1) : String(value)));

/** Cuts of a picture, in the place of the picture: what {@link FiveCrop} and {@link TenCrop} give. */
abstract class Crops<Out> extends Transform<Image, Out> {
  readonly size: readonly [number, number];

  constructor(op: string, size: Size, ...more: readonly unknown[]) {
    super(size, ...more);
    this.size = heightAndWidth(op, size);
  }

  abstract cut(picture: Image | Tensor): unknown;

  override forward(...inputs: readonly unknown[]): Out {
    const sample = inputs.length === 1 ? inputs[0] : inputs;
    const { name } = this.constructor;
    const leaves = leavesOf(name, sample);
    if (leaves.some((leaf) => leaf instanceof Mask || leaf instanceof BoundingBoxes)) {
      throw new ArgumentError(`${name}: does not take masks and boxes, of which there would be one for each crop`);
    }
    const isChosen = chosen(leaves, isPicture);
    if (!isChosen.includes(true)) throw new ArgumentError(`${name}: expected an Image or a tensor in the sample`);
    const cuts = leaves.map((leaf, i) => (isChosen[i] === true ? this.cut(leaf as Image) : leaf));
    return (leaves.length === 1 && sample === leaves[0] ? cuts[0] : withLeaves(sample, cuts[Symbol.iterator]())) as Out;
  }
}

/**
 * Five crops of a picture: the corners and the middle.
 *
 * @throws {@link ArgumentError} for a size below 1, and when the picture is smaller
 * @example
 * ```ts
 * import { FiveCrop, Image } from 'flambeau/vision';
 *
 * console.log(new FiveCrop(2)(Image.filled(4, 4, 1)).length); // 5
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.FiveCrop.html
 */
export class FiveCrop extends Crops<F.FiveOf<Image>> {
  constructor(size: Size) {
    super('FiveCrop', size);
  }

  override cut(picture: Image | Tensor): unknown {
    return F.fiveCrop(picture, this.size);
  }

  protected override details(): string {
    return `size=${tuple(this.size)}`;
  }
}

/**
 * Ten crops of a picture: the five of {@link FiveCrop} and those of its mirror image.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.TenCrop.html
 */
export class TenCrop extends Crops<[...F.FiveOf<Image>, ...F.FiveOf<Image>]> {
  readonly verticalFlip: boolean;

  constructor(size: Size, options: { readonly verticalFlip?: boolean } = {}) {
    super('TenCrop', size, options);
    this.verticalFlip = requireOptions<{ verticalFlip?: boolean }>('TenCrop', options, { verticalFlip: BOOL }).verticalFlip ?? false;
  }

  override cut(picture: Image | Tensor): unknown {
    return F.tenCrop(picture, this.size, { verticalFlip: this.verticalFlip });
  }

  protected override details(): string {
    return `size=${tuple(this.size)}, vertical_flip=${pythonBool(this.verticalFlip)}`;
  }
}

/** Options of {@link Pad}. */
export interface PadOptions {
  readonly fill?: FillByKind;
  readonly paddingMode?: PaddingMode;
}

/** Options of {@link RandomCrop}. */
export interface RandomCropOptions {
  /** A border to add first. */
  readonly padding?: Padding;
  /** Add a border where the picture is too small, instead of failing. */
  readonly padIfNeeded?: boolean;
  /** Colour of a constant border, default black. */
  readonly fill?: FillByKind;
  readonly paddingMode?: PaddingMode;
}

const PAD_OPTIONS: OptionKinds<PadOptions> = { fill: FILL, paddingMode: PADDING_MODE };
const CROP_OPTIONS: OptionKinds<RandomCropOptions> = { ...PAD_OPTIONS, padding: PADDING, padIfNeeded: BOOL };

/**
 * Adds a border.
 *
 * @throws {@link ArgumentError} for widths that are not whole or below 0
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.Pad.html
 */
export class Pad extends SampleTransform {
  readonly padding: Padding;
  readonly options: Required<PadOptions>;

  constructor(padding: Padding, options: PadOptions = {}) {
    super(padding, options);
    requireKind('Pad', 'padding', padding, PADDING);
    this.padding = padding;
    const { fill = 0, paddingMode = 'constant' } = requireOptions<PadOptions>('Pad', options, PAD_OPTIONS, '{ fill: 0 }');
    this.options = { fill, paddingMode };
  }

  override transform(input: Visual): Visual {
    const { fill, paddingMode } = this.options;
    return F.pad(input, this.padding, { fill: fillFor(input, fill), paddingMode });
  }

  protected override details(): string {
    const { fill, paddingMode } = this.options;
    const widths = typeof this.padding === 'number' ? String(this.padding) : list(this.padding);
    return `padding=${widths}${shownFill(fill)}, padding_mode=${paddingMode}`;
  }
}

/** A border, and the stretch to cut out of what is then there. */
interface BorderedStretch extends Stretch {
  readonly sides: readonly [number, number, number, number];
}

/**
 * Cuts out a stretch at a random place, of a picture with a border around it if asked for.
 *
 * @throws {@link ArgumentError} for a size below 1, and when a picture is smaller than the stretch
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomCrop.html
 */
export class RandomCrop extends SampleTransform<BorderedStretch> {
  readonly size: readonly [number, number];
  readonly options: RandomCropOptions;

  constructor(size: Size, options: RandomCropOptions = {}) {
    super(size, options);
    this.size = heightAndWidth('RandomCrop', size);
    this.options = requireOptions<RandomCropOptions>('RandomCrop', options, CROP_OPTIONS, '{ padding: 4 }');
  }

  override makeParams(parts: readonly Visual[]): BorderedStretch {
    const [height, width] = this.size;
    const { padding = 0, padIfNeeded = false } = this.options;
    const [oldHeight, oldWidth] = sizeOfSample('RandomCrop', parts);
    let [left, top, right, bottom] = sidesOf(padding);
    const missing = (has: number, wanted: number): number => (padIfNeeded ? Math.max(wanted - has, 0) : 0);
    const [taller, wider] = [missing(oldHeight + top + bottom, height), missing(oldWidth + left + right, width)];
    [left, top, right, bottom] = [left + wider, top + taller, right + wider, bottom + taller];
    const [down, across] = [oldHeight + top + bottom - height, oldWidth + left + right - width];
    if (down < 0 || across < 0) {
      throw new ArgumentError(
        `RandomCrop: cannot cut ${height}x${width} out of an image of ${height + down}x${width + across} (height x width); set padIfNeeded, or put Resize before it`,
      );
    }
    const row = down > 0 ? below(down + 1) : 0;
    return { sides: [left, top, right, bottom], top: row, left: across > 0 ? below(across + 1) : 0, height, width };
  }

  override transform(input: Visual, { sides, top, left, height, width }: BorderedStretch): Visual {
    const { fill = 0, paddingMode = 'constant' } = this.options;
    const needsBorder = sides.some((side) => side > 0);
    const large = needsBorder ? F.pad(input, sides, { fill: fillFor(input, fill), paddingMode }) : input;
    const [oldHeight, oldWidth] = F.getSize(large);
    return oldHeight === height && oldWidth === width ? large : F.crop(large, top, left, height, width);
  }

  protected override details(): string {
    const { padding = 0, padIfNeeded = false, fill = 0, paddingMode = 'constant' } = this.options;
    const [left, top, right, bottom] = sidesOf(padding);
    const border = padding === 0 ? '' : `padding=${list([left, right, top, bottom])}, `;
    return `size=${tuple(this.size)}, ${border}pad_if_needed=${pythonBool(padIfNeeded)}${shownFill(fill)}, padding_mode=${paddingMode}`;
  }
}
