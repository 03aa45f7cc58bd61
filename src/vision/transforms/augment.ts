/** Transforms that paint over and mix pictures (https://pytorch.org/vision/stable/transforms.html#augmentation-transforms). */
import { arrayOf, COUNT, either, kind, NUMBER, POSITIVE, requireOptions, wrongArgument, type OptionKinds } from '../../base/arguments.ts';
import { isFloating } from '../../base/dtype.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { pythonBool, pythonFloat } from '../../base/python-format.ts';
import { showShape } from '../../base/shape.ts';
import { Image } from '../../io/image/image.ts';
import { roundHalfEven } from '../../io/image/round.ts';
import { cat } from '../../tensor/functions.ts';
import { fromTypedArray } from '../../tensor/create.ts';
import { fillNormal } from '../../tensor/random/index.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { Picture } from '../functional/colour.ts';
import { numbersOf, planesOfTensor, shapeOf, tensorOfPlanes, type Visual } from '../functional/planes.ts';
import { erase } from '../functional/values.ts';
import { BoundingBoxes, Mask } from '../tv-tensors.ts';
import { list, Transform } from './base.ts';
import { defaultLabels } from './detection.ts';
import { beta } from './dirichlet.ts';
import { RANGE, range } from './geometry.ts';
import { below, uniform } from './random.ts';
import { chosen, dimensionsOfSample, hasColours, isPicture, leavesOf, RandomTransform, sizeOfSample, withLeaves } from './sample.ts';

/** Options of {@link RandomErasing}. */
export interface RandomErasingOptions {
  /** Probability, default 0.5. */
  readonly p?: number;
  /** Smallest and largest share of the area, default [0.02, 0.33]. */
  readonly scale?: readonly [number, number];
  /** Smallest and largest ratio of height to width, default [0.3, 3.3]. */
  readonly ratio?: readonly [number, number];
  /** What is painted: one value, one for each channel, or `'random'` for noise. Default 0. */
  readonly value?: number | readonly number[] | 'random';
}

const P = kind('a number between 0 and 1', (value) => typeof value === 'number' && value >= 0 && value <= 1);
const VALUE = either(
  NUMBER,
  arrayOf(NUMBER, 'numbers'),
  kind("'random'", (value) => value === 'random'),
);
const ERASING: OptionKinds<RandomErasingOptions> = { p: P, scale: RANGE, ratio: RANGE, value: VALUE };

/** A rectangle and what is painted there; undefined where none was found. */
interface Erasure {
  readonly place: readonly [top: number, left: number, height: number, width: number];
  readonly values: Tensor;
}

/**
 * Paints a random rectangle over, with probability `p`. Masks and boxes stay as they are.
 *
 * @throws {@link ArgumentError} for ranges that are none and probabilities outside of [0, 1]; when it runs, for values of other channels
 * @example
 * ```ts
 * import { RandomErasing } from 'flambeau/vision';
 *
 * console.log(String(new RandomErasing({ p: 0.25, value: 'random' })));
 * // RandomErasing(p=0.25, scale=(0.02, 0.33), ratio=(0.3, 3.3), inplace=False)
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomErasing.html
 */
export class RandomErasing extends RandomTransform<Erasure | undefined> {
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
  /** Null for noise. */
  readonly value: readonly number[] | null;

  constructor(options: RandomErasingOptions = {}) {
    const given = requireOptions<RandomErasingOptions>('RandomErasing', options, ERASING, '{ p: 0.5 }');
    super(given.p ?? 0.5, options);
    const { value = 0 } = given;
    this.scale = given.scale ?? [0.02, 0.33];
    this.ratio = given.ratio ?? [0.3, 3.3];
    this.value = value === 'random' ? null : typeof value === 'number' ? [value] : [...value];
    const [low, high] = this.scale;
    if (!(low >= 0 && low <= high && high <= 1)) throw wrongArgument('RandomErasing', 'scale', 'a range between 0 and 1', this.scale);
    if (!(this.ratio[0] > 0 && this.ratio[0] <= this.ratio[1]))
      throw wrongArgument('RandomErasing', 'ratio', 'a range above 0', this.ratio);
  }

  protected override takes(part: unknown): part is Visual {
    return hasColours(part);
  }

  override makeParams(parts: readonly Visual[]): Erasure | undefined {
    const [channels, height, width] = dimensionsOfSample('RandomErasing', parts);
    if (this.value !== null && this.value.length !== 1 && this.value.length !== channels) {
      throw new ArgumentError(
        `RandomErasing: expected one value, or ${channels} of them for a picture of ${channels} channels, but got ${this.value.length}`,
      );
    }
    const [low, high] = this.ratio.map((ratio) => Math.fround(Math.log(Math.fround(ratio)))) as [number, number];
    for (let trial = 0; trial < 10; trial++) {
      const area = height * width * uniform(...this.scale);
      const ratio = Math.fround(Math.exp(uniform(low, high)));
      const h = roundHalfEven(Math.sqrt(area * ratio));
      const w = roundHalfEven(Math.sqrt(area / ratio));
      if (h >= height || w >= width) continue;
      const values = this.#values(channels, h, w);
      const top = below(height - h + 1);
      return { place: [top, below(width - w + 1), h, w], values };
    }
    return undefined;
  }

  #values(channels: number, height: number, width: number): Tensor {
    if (this.value !== null) return fromTypedArray(Float32Array.from(this.value), [this.value.length, 1, 1]) as Tensor;
    const noise = new Float32Array(channels * height * width);
    fillNormal(noise);
    return fromTypedArray(noise, [channels, height, width]) as Tensor;
  }

  override transform(input: Picture, erasure: Erasure | undefined): Picture {
    return erasure === undefined ? input : erase(input, ...erasure.place, erasure.values);
  }

  protected override details(): string {
    const value = this.value === null ? '' : `, value=${list(this.value, pythonFloat)}`;
    return `p=${this.p}, scale=${range(this.scale)}, ratio=${range(this.ratio)}${value}, inplace=${pythonBool(false)}`;
  }
}

/** Options of {@link MixUp} and {@link CutMix}. */
export interface MixOptions {
  /** Parameter of the beta distribution that shares are drawn from, default 1: all shares alike. */
  readonly alpha?: number;
  /** Number of classes; needed unless the labels are probabilities already. */
  readonly numClasses?: number;
  /** Finds the labels in the sample; by default its second part, or what stands under a key with «labels». */
  readonly labelsGetter?: 'default' | ((sample: never) => Tensor);
}

const GETTER = kind("'default' or a function", (value) => value === 'default' || typeof value === 'function');
const MIX: OptionKinds<MixOptions> = { alpha: POSITIVE, numClasses: COUNT, labelsGetter: GETTER };

/** What mixes each picture of a batch with the one before it. */
abstract class BatchMix<P> extends Transform<readonly [Tensor, Tensor], [Tensor, Tensor]> {
  readonly options: MixOptions;
  readonly alpha: number;
  readonly numClasses: number | undefined;

  constructor(op: string, options: MixOptions) {
    super(options);
    this.options = requireOptions<MixOptions>(op, options, MIX, '{ numClasses: 10 }');
    this.alpha = this.options.alpha ?? 1;
    this.numClasses = this.options.numClasses;
  }

  /** What is drawn for a batch, and the share that pictures keep. */
  protected abstract draw(parts: readonly Visual[]): readonly [P, number];
  protected abstract mix(pictures: Tensor, params: P): Tensor;

  override forward(...inputs: readonly unknown[]): [Tensor, Tensor] {
    const { name } = this.constructor;
    const sample = inputs.length === 1 ? inputs[0] : inputs;
    const leaves = leavesOf(name, sample);
    if (leaves.some((leaf) => leaf instanceof Image || leaf instanceof BoundingBoxes || leaf instanceof Mask)) {
      throw new ArgumentError(`${name}: takes batches of tensors and their labels, not images, masks or boxes; put it behind the loader`);
    }
    const { labelsGetter = 'default' } = this.options;
    const labels: unknown = labelsGetter === 'default' ? defaultLabels(sample) : labelsGetter(sample as never);
    this.#requireLabels(name, labels);
    const isChosen = chosen(leaves, isPicture);
    const pictures = leaves.filter((_, i) => isChosen[i]) as Tensor[];
    const [params, share] = this.draw(pictures);
    const changed = leaves.map((leaf, i) => {
      if (leaf === labels) return this.#mixedLabels(labels, share);
      if (isChosen[i] !== true) return leaf;
      const batch = leaf as Tensor;
      if (batch.ndim !== 4 || shapeOf(batch)[0] !== shapeOf(labels)[0])
        throw new ShapeError(
          `${name}: expected a batch [${shapeOf(labels)[0]!}, channels, height, width], as many pictures as labels, but got shape ${showShape(batch.shape as number[])}`,
        );
      return this.mix(batch, params);
    });
    return withLeaves(sample, changed[Symbol.iterator]()) as [Tensor, Tensor];
  }

  #requireLabels(op: string, labels: unknown): asserts labels is Tensor {
    if (!(labels instanceof Tensor)) throw wrongArgument(op, 'the labels', 'a tensor', labels);
    const shape = labels.shape as readonly number[];
    if (shape.length !== 1 && shape.length !== 2)
      throw new ShapeError(`${op}: expected labels [n] or probabilities [n, classes], but got shape ${showShape(shape)}`);
    if (shape.length === 1 && this.numClasses === undefined)
      throw new ArgumentError(`${op}: labels that are numbers of classes need numClasses; write new ${op}({ numClasses: 10 })`);
    if (shape.length === 2 && this.numClasses !== undefined && shape[1] !== this.numClasses)
      throw new ShapeError(`${op}: expected labels of ${this.numClasses} classes, but got shape ${showShape(shape)}`);
  }

  #mixedLabels(labels: Tensor, share: number): Tensor {
    const known = labels.ndim === 1 ? this.#oneHot(labels) : isFloating(labels.dtype) ? labels : labels.to('float32');
    return previous(known)
      .mul(1 - share)
      .add(known.mul(share));
  }

  #oneHot(labels: Tensor): Tensor {
    const { name } = this.constructor;
    const classes = this.numClasses!;
    const numbers = numbersOf(name, labels);
    const out = new Float32Array(numbers.length * classes);
    numbers.forEach((label: number, i: number) => {
      if (!(Number.isInteger(label) && label >= 0 && label < classes))
        throw wrongArgument(name, 'the labels', `numbers from 0 to ${classes - 1}`, label);
      out[i * classes + label] = 1;
    });
    return fromTypedArray(out, [numbers.length, classes]) as Tensor;
  }

  protected override details(): string {
    const classes = this.numClasses === undefined ? '' : `, num_classes=${this.numClasses}`;
    return `alpha=${pythonFloat(this.alpha)}${classes}`;
  }
}

/** Each row's predecessor; the first one's is the last. */
function previous(x: Tensor): Tensor {
  const n = shapeOf(x)[0]!;
  return n < 2 ? x : cat([x.narrow(0, n - 1, 1), x.narrow(0, 0, n - 1)]);
}

/**
 * Mixes each picture of a batch with its predecessor, and their labels by the same shares.
 *
 * @throws {@link ArgumentError} without `numClasses` for labels that are numbers
 * @throws {@link ShapeError} for what is no batch
 * @example
 * ```ts
 * import { rand, tensor } from 'flambeau';
 * import { MixUp } from 'flambeau/vision';
 *
 * const mixUp = new MixUp({ numClasses: 10 });
 * const [images, labels] = mixUp(rand(2, 3, 8, 8), tensor([3, 7]));
 * console.log(images.shape, labels.shape); // [ 2, 3, 8, 8 ] [ 2, 10 ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.MixUp.html
 */
export class MixUp extends BatchMix<number> {
  constructor(options: MixOptions = {}) {
    super('MixUp', options);
  }

  protected override draw(): readonly [number, number] {
    const share = beta(this.alpha);
    return [share, share];
  }

  protected override mix(pictures: Tensor, share: number): Tensor {
    if (!isFloating(pictures.dtype))
      throw wrongArgument('MixUp', 'the pictures', 'floats', pictures, "put ToDtype('float32', { scale: true }) before it");
    return previous(pictures)
      .mul(1 - share)
      .add(pictures.mul(share));
  }
}

type Rectangle = readonly [x1: number, y1: number, x2: number, y2: number];

/**
 * Puts a stretch of each picture's predecessor into it, and mixes the labels by the stretch's share.
 *
 * @throws {@link ArgumentError} without `numClasses` for labels that are numbers
 * @throws {@link ShapeError} for what is no batch
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.CutMix.html
 */
export class CutMix extends BatchMix<Rectangle> {
  constructor(options: MixOptions = {}) {
    super('CutMix', options);
  }

  protected override draw(parts: readonly Visual[]): readonly [Rectangle, number] {
    const share = beta(this.alpha);
    const [height, width] = sizeOfSample('CutMix', parts);
    const [x, y] = [below(width), below(height)];
    const half = 0.5 * Math.sqrt(1 - share);
    const [across, down] = [Math.trunc(half * width), Math.trunc(half * height)];
    const box: Rectangle = [Math.max(x - across, 0), Math.max(y - down, 0), Math.min(x + across, width), Math.min(y + down, height)];
    return [box, 1 - ((box[2] - box[0]) * (box[3] - box[1])) / (width * height)];
  }

  protected override mix(pictures: Tensor, [x1, y1, x2, y2]: Rectangle): Tensor {
    const p = planesOfTensor('CutMix', pictures);
    const size = p.height * p.width;
    const each = p.outer / shapeOf(pictures)[0]!;
    const data = p.data.slice();
    for (let plane = 0; plane < p.outer; plane++) {
      const other = (plane - each + p.outer) % p.outer;
      for (let y = y1; y < y2; y++) {
        const row = y * p.width;
        data.set(p.data.subarray(other * size + row + x1, other * size + row + x2), plane * size + row + x1);
      }
    }
    return tensorOfPlanes({ ...p, data }, pictures);
  }
}
