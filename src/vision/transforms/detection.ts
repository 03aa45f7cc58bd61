/** Transforms that detection is trained with (https://pytorch.org/vision/stable/transforms.html): other sizes and stretches, and boxes put right. */
import { arrayOf, BOOL, COUNT, either, FINITE, kind, NUMBER, requireKind, requireOptions, wrongArgument, type OptionKinds } from '../../base/arguments.ts'; // prettier-ignore
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { pythonBool, pythonFloat } from '../../base/python-format.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { cornersOf } from '../functional/boxes.ts';
import { clampBoundingBoxes, convertBoundingBoxFormat, MODE, rowsOf, SANITIZE_OPTIONS, type FormatName, type SanitizeOptions } from '../functional/detection.ts'; // prettier-ignore
import { sane } from '../functional/boxes.ts';
import { shapeOf, type Visual } from '../functional/planes.ts';
import * as F from '../functional/shape.ts';
import type { Interpolation } from '../resize.ts';
import { fromTypedArray } from '../../tensor/create.ts';
import { BOX_FORMAT, BoundingBoxes, isPureTensor, Mask, wrap, type ClampingMode } from '../tv-tensors.ts';
import { list, shownFill, Transform, tuple } from './base.ts';
import { RANGE, range, type Stretch } from './geometry.ts';
import { below, between, draw, within } from './random.ts';
import { FILL, fillFor, isPicture, leavesOf, RandomTransform, SampleTransform, sizeOfSample, withLeaves, type FillByKind } from './sample.ts'; // prettier-ignore

/** Options of {@link RandomZoomOut}. */
export interface RandomZoomOutOptions {
  /** Colour of what is added, default black. */
  readonly fill?: FillByKind;
  /** How many times as wide and high the result is, default [1, 4]. */
  readonly sideRange?: readonly [number, number];
  /** Probability, default 0.5. */
  readonly p?: number;
}

const P = kind('a number between 0 and 1', (value) => typeof value === 'number' && value >= 0 && value <= 1);
const SIDES = kind(
  'a range [from, to] from 1 on',
  (value) => RANGE.accepts(value) && (value as number[])[0]! >= 1 && (value as number[])[0]! <= (value as number[])[1]!,
);
const ZOOM_OPTIONS: OptionKinds<RandomZoomOutOptions> = { fill: FILL, sideRange: SIDES, p: P };
const f32 = Math.fround;

/**
 * Puts the picture at a random place of a larger one, with probability `p`.
 *
 * @throws {@link ArgumentError} for ranges that begin below 1
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomZoomOut.html
 */
export class RandomZoomOut extends RandomTransform<readonly [number, number, number, number]> {
  readonly fill: FillByKind;
  readonly sideRange: readonly [number, number];

  constructor(options: RandomZoomOutOptions = {}) {
    const given = requireOptions<RandomZoomOutOptions>('RandomZoomOut', options, ZOOM_OPTIONS, '{ fill: 0 }');
    super(given.p ?? 0.5, options);
    this.fill = given.fill ?? 0;
    this.sideRange = given.sideRange ?? [1, 4];
  }

  override makeParams(parts: readonly Visual[]): readonly [number, number, number, number] {
    const [height, width] = sizeOfSample('RandomZoomOut', parts);
    const times = between(...this.sideRange);
    const [wide, high] = [Math.trunc(f32(width * times)), Math.trunc(f32(height * times))];
    const [across, down] = [draw(), draw()];
    const left = Math.trunc(f32((wide - width) * across));
    const top = Math.trunc(f32((high - height) * down));
    return [left, top, wide - (left + width), high - (top + height)];
  }

  override transform(input: Visual, sides: readonly [number, number, number, number]): Visual {
    return F.pad(input, sides, { fill: fillFor(input, this.fill) });
  }

  protected override details(): string {
    return `p=${this.p}${shownFill(this.fill)}, side_range=${range(this.sideRange)}`;
  }
}

/** Options of {@link RandomIoUCrop}. */
export interface RandomIoUCropOptions {
  /** Smallest share of width and height, default 0.3. */
  readonly minScale?: number;
  /** Default 1. */
  readonly maxScale?: number;
  /** Smallest ratio of width to height, default 0.5. */
  readonly minAspectRatio?: number;
  /** Default 2. */
  readonly maxAspectRatio?: number;
  /** How much a box and the stretch must have in common, one of which is drawn; 1 and more leave the sample as it is. */
  readonly samplerOptions?: readonly number[];
  /** How often a stretch is looked for before another share is drawn, default 40. */
  readonly trials?: number;
}

const IOU_OPTIONS: OptionKinds<RandomIoUCropOptions> = {
  minScale: NUMBER,
  maxScale: NUMBER,
  minAspectRatio: NUMBER,
  maxAspectRatio: NUMBER,
  samplerOptions: arrayOf(NUMBER, 'numbers'),
  trials: COUNT,
};

/** A stretch, and which boxes have their centre in it. */
interface BoxedStretch extends Stretch {
  readonly isInside: Uint8Array;
}

/**
 * Cuts out a stretch that has enough in common with some box; boxes whose centre is not in it become empty ([0, 0, 0, 0]), for
 * {@link SanitizeBoundingBoxes} to take out.
 *
 * @throws {@link ArgumentError} when it runs on a sample without a picture or without boxes
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomIoUCrop.html
 */
export class RandomIoUCrop extends SampleTransform<BoxedStretch | undefined> {
  readonly options: Required<RandomIoUCropOptions>;

  constructor(options: RandomIoUCropOptions = {}) {
    super(options);
    const given = requireOptions<RandomIoUCropOptions>('RandomIoUCrop', options, IOU_OPTIONS, '{ trials: 40 }');
    this.options = { minScale: 0.3, maxScale: 1, minAspectRatio: 0.5, maxAspectRatio: 2, samplerOptions: [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1], trials: 40, ...given }; // prettier-ignore
    if (this.options.samplerOptions.length === 0) throw wrongArgument('RandomIoUCrop', 'samplerOptions', 'at least one number', []);
  }

  protected override check(leaves: readonly unknown[]): void {
    if (leaves.some((leaf) => leaf instanceof BoundingBoxes) && leaves.some(isPicture)) return;
    throw new ArgumentError('RandomIoUCrop: expected a sample with a picture and BoundingBoxes');
  }

  override makeParams(parts: readonly Visual[]): BoxedStretch | undefined {
    const [height, width] = sizeOfSample('RandomIoUCrop', parts);
    const boxes = parts.find((part) => part instanceof BoundingBoxes)!;
    const corners = cornersOf('RandomIoUCrop', boxes);
    for (;;) {
      const least = this.options.samplerOptions[below(this.options.samplerOptions.length)]!;
      if (least >= 1) return undefined;
      for (let trial = 0; trial < this.options.trials; trial++) {
        const found = this.#trial(height, width, corners, least);
        if (found !== undefined) return found;
      }
    }
  }

  #trial(height: number, width: number, corners: Float64Array, least: number): BoxedStretch | undefined {
    const { minScale, maxScale, minAspectRatio, maxAspectRatio } = this.options;
    const share = (): number => f32(f32(minScale) + f32(f32(maxScale - minScale) * draw()));
    const w = Math.trunc(f32(width * share()));
    const h = Math.trunc(f32(height * share()));
    const ratio = w / h;
    if (!(ratio >= minAspectRatio && ratio <= maxAspectRatio)) return undefined;
    const left = Math.trunc(f32((width - w) * draw()));
    const top = Math.trunc(f32((height - h) * draw()));
    if (w === 0 || h === 0) return undefined;
    const isInside = new Uint8Array(corners.length / 4);
    let best = -1;
    for (let i = 0; i < isInside.length; i++) {
      const [x1, y1, x2, y2] = [...corners.subarray(4 * i, 4 * i + 4)] as [number, number, number, number];
      const [cx, cy] = [0.5 * (x1 + x2), 0.5 * (y1 + y2)];
      if (!(left < cx && cx < left + w && top < cy && cy < top + h)) continue;
      isInside[i] = 1;
      best = Math.max(best, overlap([x1, y1, x2, y2], [left, top, left + w, top + h]));
    }
    return best < 0 || best < f32(least) ? undefined : { top, left, height: h, width: w, isInside };
  }

  override transform(input: Visual, params: BoxedStretch | undefined): Visual {
    if (params === undefined) return input;
    const { top, left, height, width, isInside } = params;
    const output = F.crop(input, top, left, height, width);
    if (!(output instanceof BoundingBoxes)) return output;
    const kept = (fromTypedArray(isInside, [isInside.length, 1]) as Tensor).to(output.dtype);
    return wrap(output.mul(kept), output);
  }

  protected override details(): string {
    const { minScale, maxScale, minAspectRatio, maxAspectRatio, samplerOptions, trials } = this.options;
    return (
      `min_scale=${pythonFloat(minScale)}, max_scale=${pythonFloat(maxScale)}, min_aspect_ratio=${pythonFloat(minAspectRatio)}, ` +
      `max_aspect_ratio=${pythonFloat(maxAspectRatio)}, options=${list(samplerOptions, pythonFloat)}, trials=${trials}`
    );
  }
}

type Box = readonly [number, number, number, number];

/** What two boxes have in common, as a share of what they cover together. */
function overlap(a: Box, b: Box): number {
  const width = Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), 0);
  const height = Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]), 0);
  const common = width * height;
  const area = (box: Box): number => (box[2] - box[0]) * (box[3] - box[1]);
  return f32(common / (area(a) + area(b) - common));
}

/** Options of transforms that resize. */
export interface ResizingOptions {
  readonly interpolation?: Interpolation;
  readonly antialias?: boolean;
}

const RESIZING: OptionKinds<ResizingOptions> = { interpolation: F.RESIZE_OPTIONS.interpolation, antialias: BOOL };

/** A transform that draws a size. */
abstract class RandomSize extends SampleTransform<F.TargetSize> {
  readonly interpolation: Interpolation;
  readonly antialias: boolean;

  constructor({ interpolation = 'bilinear', antialias = true }: ResizingOptions, ...args: readonly unknown[]) {
    super(...args);
    this.interpolation = interpolation;
    this.antialias = antialias;
  }

  override transform(input: Visual, size: F.TargetSize): Visual {
    return F.resize(input, size, { interpolation: this.interpolation, antialias: this.antialias });
  }

  protected override details(): string {
    return `interpolation=${this.interpolation}, antialias=${pythonBool(this.antialias)}`;
  }
}

/** Options of {@link ScaleJitter}. */
export interface ScaleJitterOptions extends ResizingOptions {
  /** How many times the target size, default [0.1, 2]. */
  readonly scaleRange?: readonly [number, number];
}

const PAIR = kind('two whole numbers of at least 1', (value) => Array.isArray(value) && value.length === 2 && value.every(COUNT.accepts));

/**
 * Resizes so that the picture fits a target size, times a random factor; the ratio of width to height stays.
 *
 * @throws {@link ArgumentError} for sizes below 1
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.ScaleJitter.html
 */
export class ScaleJitter extends RandomSize {
  readonly targetSize: readonly [number, number];
  readonly scaleRange: readonly [number, number];

  constructor(targetSize: readonly [number, number], options: ScaleJitterOptions = {}) {
    const given = requireOptions<ScaleJitterOptions>('ScaleJitter', options, { ...RESIZING, scaleRange: RANGE });
    super(given, targetSize, options);
    requireKind('ScaleJitter', 'the target size', targetSize, PAIR);
    this.targetSize = targetSize;
    this.scaleRange = given.scaleRange ?? [0.1, 2];
  }

  override makeParams(parts: readonly Visual[]): F.TargetSize {
    const [height, width] = sizeOfSample('ScaleJitter', parts);
    const scale = between(...this.scaleRange);
    const times = f32(f32(Math.min(this.targetSize[1] / height, this.targetSize[0] / width)) * scale);
    return [Math.trunc(f32(height * times)), Math.trunc(f32(width * times))];
  }

  protected override details(): string {
    return `target_size=${tuple(this.targetSize)}, scale_range=${range(this.scaleRange)}, ${super.details()}`;
  }
}

/** Options of {@link RandomShortestSize}. */
export interface RandomShortestSizeOptions extends ResizingOptions {
  /** Most pixels of the longer edge. */
  readonly maxSize?: number;
}

/**
 * Resizes so that the shorter edge has one of some sizes.
 *
 * @throws {@link ArgumentError} for sizes below 1, and none
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomShortestSize.html
 */
export class RandomShortestSize extends RandomSize {
  readonly minSize: readonly number[];
  readonly maxSize: number | undefined;

  constructor(minSize: number | readonly number[], options: RandomShortestSizeOptions = {}) {
    const given = requireOptions<RandomShortestSizeOptions>('RandomShortestSize', options, { ...RESIZING, maxSize: COUNT });
    super(given, minSize, options);
    requireKind('RandomShortestSize', 'minSize', minSize, either(COUNT, arrayOf(COUNT, 'whole numbers ≥ 1')));
    this.minSize = typeof minSize === 'number' ? [minSize] : [...minSize];
    if (this.minSize.length === 0) throw wrongArgument('RandomShortestSize', 'minSize', 'at least one number', minSize);
    this.maxSize = given.maxSize;
  }

  override makeParams(parts: readonly Visual[]): F.TargetSize {
    const [height, width] = sizeOfSample('RandomShortestSize', parts);
    const size = this.minSize[below(this.minSize.length)]!;
    const most = this.maxSize === undefined ? Infinity : this.maxSize / Math.max(height, width);
    const times = Math.min(size / Math.min(height, width), most);
    return [Math.trunc(height * times), Math.trunc(width * times)];
  }

  protected override details(): string {
    const most = this.maxSize === undefined ? '' : `max_size=${this.maxSize}, `;
    return `min_size=${list(this.minSize)}, ${most}${super.details()}`;
  }
}

/**
 * Resizes so that the shorter edge has from `minSize` to below `maxSize` pixels.
 *
 * @throws {@link ArgumentError} for sizes below 1, and a range that is none
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomResize.html
 */
export class RandomResize extends RandomSize {
  readonly minSize: number;
  readonly maxSize: number;

  constructor(minSize: number, maxSize: number, options: ResizingOptions = {}) {
    super(requireOptions<ResizingOptions>('RandomResize', options, RESIZING), minSize, maxSize, options);
    for (const size of [minSize, maxSize]) requireKind('RandomResize', 'minSize and maxSize', size, COUNT);
    if (minSize >= maxSize) throw new ArgumentError(`RandomResize: expected minSize below maxSize, but got ${minSize} and ${maxSize}`);
    this.minSize = minSize;
    this.maxSize = maxSize;
  }

  override makeParams(): F.TargetSize {
    return [within(this.minSize, this.maxSize)];
  }

  protected override details(): string {
    return `min_size=${this.minSize}, max_size=${this.maxSize}, ${super.details()}`;
  }
}

/** Boxes, which other parts of a sample are passed by. */
abstract class BoxTransform extends SampleTransform<unknown, BoundingBoxes, BoundingBoxes> {
  protected override takes(part: unknown): part is BoundingBoxes {
    return part instanceof BoundingBoxes;
  }
}

/**
 * Boxes in another format.
 *
 * @throws {@link ArgumentError} for a format that is none
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.ConvertBoundingBoxFormat.html
 */
export class ConvertBoundingBoxFormat extends BoxTransform {
  readonly format: FormatName;

  constructor(format: FormatName) {
    super(format);
    requireKind('ConvertBoundingBoxFormat', 'the format', format, BOX_FORMAT);
    this.format = format;
  }

  override transform(boxes: BoundingBoxes): BoundingBoxes {
    return convertBoundingBoxFormat(boxes, this.format);
  }

  protected override details(): string {
    return `format=${this.format}`;
  }
}

/**
 * Boxes cut off at the edges of their picture.
 *
 * @throws {@link ArgumentError} for a mode that is none
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.ClampBoundingBoxes.html
 */
export class ClampBoundingBoxes extends BoxTransform {
  readonly clampingMode: ClampingMode | 'auto';

  constructor(clampingMode: ClampingMode | 'auto' = 'auto') {
    super(clampingMode);
    requireKind('ClampBoundingBoxes', 'the mode', clampingMode, MODE);
    this.clampingMode = clampingMode;
  }

  override transform(boxes: BoundingBoxes): BoundingBoxes {
    return clampBoundingBoxes(boxes, this.clampingMode);
  }

  protected override details(): string {
    return this.clampingMode === null ? '' : `clamping_mode=${this.clampingMode}`;
  }
}

/** What finds the labels of a sample, one for each box: `'default'` looks for a key with «labels», null says that there are none. */
export type LabelsGetter = 'default' | null | ((sample: never) => Tensor | readonly Tensor[] | null);

/** Options of {@link SanitizeBoundingBoxes}. */
export interface SanitizeBoundingBoxesOptions extends SanitizeOptions {
  readonly labelsGetter?: LabelsGetter;
}

const GETTER = kind("'default', null or a function", (value) => value === null || value === 'default' || typeof value === 'function');
const LEAST = kind('a number of at least 1', (value) => FINITE.accepts(value) && (value as number) >= 1);

/**
 * Takes out boxes without a size and such that reach out of the picture, with their masks and labels.
 *
 * @throws {@link ArgumentError} for sizes below 1; when it runs, where there are no boxes or no labels
 * @example
 * ```ts
 * import { tensor } from 'flambeau';
 * import { BoundingBoxes, Image, SanitizeBoundingBoxes } from 'flambeau/vision';
 *
 * const boxes = new BoundingBoxes([[0, 0, 9, 9], [5, 5, 5, 5]], { format: 'XYXY', canvasSize: [10, 10] });
 * const sample = { image: Image.filled(10, 10, 3), boxes, labels: tensor([7, 8]) };
 * console.log(new SanitizeBoundingBoxes()(sample).labels.tolist()); // [ 7 ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.SanitizeBoundingBoxes.html
 */
export class SanitizeBoundingBoxes extends Transform<BoundingBoxes, BoundingBoxes> {
  readonly options: Required<SanitizeBoundingBoxesOptions>;

  constructor(options: SanitizeBoundingBoxesOptions = {}) {
    super(options);
    const given = requireOptions<SanitizeBoundingBoxesOptions>('SanitizeBoundingBoxes', options, {
      ...SANITIZE_OPTIONS,
      labelsGetter: GETTER,
    });
    this.options = {
      minSize: given.minSize ?? 1,
      minArea: given.minArea ?? 1,
      labelsGetter: given.labelsGetter === undefined ? 'default' : given.labelsGetter,
    };
    requireKind('SanitizeBoundingBoxes', 'minSize', this.options.minSize, LEAST);
    requireKind('SanitizeBoundingBoxes', 'minArea', this.options.minArea, LEAST);
  }

  override forward(...inputs: readonly unknown[]): BoundingBoxes {
    const sample = inputs.length === 1 ? inputs[0] : inputs;
    const leaves = leavesOf('SanitizeBoundingBoxes', sample);
    const boxes = leaves.find((leaf) => leaf instanceof BoundingBoxes);
    if (boxes === undefined) throw new ArgumentError('SanitizeBoundingBoxes: expected BoundingBoxes in the sample');
    const labels = this.#labels(sample);
    const n = shapeOf(boxes)[0]!;
    const other = labels.find((label) => shapeOf(label)[0] !== n);
    if (other !== undefined) throw new ShapeError(`SanitizeBoundingBoxes: there are ${n} boxes, but ${shapeOf(other)[0]!} labels`);
    const valid = sane(boxes, this.options.minSize, this.options.minArea);
    const changed = leaves.map((leaf) => {
      const hasRows = leaf instanceof BoundingBoxes || (leaf instanceof Mask && shapeOf(leaf)[0] === n) || labels.includes(leaf as Tensor);
      return hasRows ? rowsOf(leaf as Tensor, valid) : leaf;
    });
    return (sample === boxes ? changed[0] : withLeaves(sample, changed[Symbol.iterator]())) as BoundingBoxes;
  }

  #labels(sample: unknown): readonly Tensor[] {
    const { labelsGetter } = this.options;
    if (labelsGetter === null) return [];
    const found: unknown = labelsGetter === 'default' ? defaultLabels(sample) : labelsGetter(sample as never);
    const labels: readonly unknown[] = found === null ? [] : Array.isArray(found) ? found : [found];
    const wrong = labels.findIndex((label) => !(label instanceof Tensor));
    if (wrong !== -1) throw wrongArgument('SanitizeBoundingBoxes', 'the labels', 'a tensor', labels[wrong]);
    return labels as readonly Tensor[];
  }

  protected override details(): string {
    const { minSize, minArea, labelsGetter } = this.options;
    const getter = labelsGetter === 'default' ? ', labels_getter=default' : '';
    return `min_size=${pythonFloat(minSize)}, min_area=${pythonFloat(minArea)}${getter}`;
  }
}

/**
 * The labels of a sample: its second part, or what that or the sample itself has under a key like «labels».
 * @throws ArgumentError where there are none
 */
export function defaultLabels(sample: unknown): Tensor {
  const part: unknown = Array.isArray(sample) ? sample[1] : sample;
  if (isPureTensor(part)) return part;
  const isRecord = typeof part === 'object' && part !== null && !(part instanceof Tensor);
  const keys = isRecord ? Object.keys(part) : [];
  const key = keys.find((name) => name.toLowerCase() === 'labels') ?? keys.find((name) => name.toLowerCase().includes('label'));
  if (key !== undefined) return (part as Readonly<Record<string, Tensor>>)[key]!;
  throw new ArgumentError(
    'SanitizeBoundingBoxes: there are no labels in the sample: neither a second part nor a key «labels»; write labelsGetter: (sample) => …, or labelsGetter: null if there are none',
  );
}
