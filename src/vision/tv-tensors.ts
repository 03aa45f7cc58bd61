/**
 * Tensors that know what they are: an image, boxes, a mask. Transforms of samples read from them what is to be done with each
 * (https://pytorch.org/vision/stable/tv_tensors.html). Operations on them give plain tensors, as in torchvision; transforms and functions
 * of `functional` keep the kind.
 */
import { kind, requireKind, requireOptions, STEP, type Kind, type OptionKinds } from '../base/arguments.ts';
import { DTypeError, ShapeError } from '../base/errors.ts';
import { pythonTuple } from '../base/python-format.ts';
import { showShape } from '../base/shape.ts';
import { asTensor, type Element } from '../tensor/create.ts';
import type { Nested } from '../tensor/nested.ts';
import { inspectSymbol, Tensor } from '../tensor/tensor.ts';

/**
 * How the numbers of a box are meant: its corners; its upper left corner, width and height; or its centre, width and height.
 */
export type BoundingBoxFormat = 'XYXY' | 'XYWH' | 'CXCYWH';

/**
 * What becomes of boxes that reach out of the picture: they are cut off (`'soft'` and `'hard'`, which differ for turned boxes only, in
 * torchvision), or stay as they are (`null`).
 */
export type ClampingMode = 'soft' | 'hard' | null;

const FORMATS = ['XYXY', 'XYWH', 'CXCYWH'] as const;
export const BOX_FORMAT: Kind = kind(
  "'XYXY', 'XYWH' or 'CXCYWH'",
  (value) => typeof value === 'string' && FORMATS.includes(value.toUpperCase() as BoundingBoxFormat),
);
const CLAMPING_MODE: Kind = kind("'soft', 'hard' or null", (value) => value === null || value === 'soft' || value === 'hard');
const CANVAS: Kind = kind('[height, width]', (value) => Array.isArray(value) && value.length === 2 && value.every(STEP.accepts));

/** A format as its name is written; torchvision takes small letters, too. */
export const formatNamed = (name: string): BoundingBoxFormat => name.toUpperCase() as BoundingBoxFormat;

/** What all kinds have in common. */
export abstract class TVTensor extends Tensor {
  constructor(data: Tensor | Nested<Element>) {
    const values = asTensor(data);
    super(values.storage, values.layout, values.offset);
  }

  /** The elements without what they are: torchvision's `as_subclass(torch.Tensor)`. They share their memory. */
  pure(): Tensor {
    return (this as Tensor).detach();
  }

  /** Its name, and what is printed behind the elements. */
  protected printed(): readonly [name: string, details?: string] {
    return [this.constructor.name];
  }

  override toString(): string {
    const [name, details] = this.printed();
    const indent = ' '.repeat(Math.max(name.length - 'tensor'.length, 0));
    const text = super.toString().replace(/^tensor\(/, `${name}(`);
    const lines =
      name.length < 'tensor'.length
        ? text.replaceAll(`\n${' '.repeat('tensor'.length - name.length)}`, '\n')
        : text.replaceAll('\n ', `\n${indent} `);
    return details === undefined ? lines : `${lines.slice(0, -1)}, ${details})`;
  }

  override [inspectSymbol](): string {
    return this.toString();
  }
}

/**
 * A picture as a tensor [..., channels, height, width]. A plain tensor is taken for one as well, unless there is a picture of another kind in
 * the sample.
 *
 * @example
 * ```ts
 * import { rand } from 'flambeau';
 * import { tvTensors } from 'flambeau/vision';
 *
 * console.log(new tvTensors.Image(rand(3, 8, 8)).shape); // [ 3, 8, 8 ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.tv_tensors.Image.html
 */
export class ImageTensor extends TVTensor {
  constructor(data: Tensor | Nested<Element>) {
    const values = asTensor(data);
    if (values.ndim < 2)
      throw new ShapeError(`Image: expected at least [height, width], but got shape ${showShape(values.shape as number[])}`);
    super(values.ndim === 2 ? values.unsqueeze(0) : values);
  }

  protected override printed(): readonly [name: string, details?: string] {
    return ['Image', ''];
  }
}

/**
 * Which class each pixel is of, or which pixels an object covers: [height, width] or [objects, height, width]. Geometric transforms take the
 * nearest pixel, and leave the values alone.
 *
 * @example
 * ```ts
 * import { Mask, RandomHorizontalFlip } from 'flambeau/vision';
 *
 * console.log(new RandomHorizontalFlip(1)(new Mask([[0, 0, 1]])).tolist()); // [ [ 1, 0, 0 ] ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.tv_tensors.Mask.html
 */
export class Mask extends TVTensor {
  constructor(data: Tensor | Nested<Element>) {
    const values = asTensor(data);
    if (values.ndim < 2)
      throw new ShapeError(
        `Mask: expected [height, width] or [objects, height, width], but got shape ${showShape(values.shape as number[])}`,
      );
    super(values);
  }
}

/** Options of {@link BoundingBoxes}. */
export interface BoundingBoxesOptions {
  readonly format: BoundingBoxFormat | Lowercase<BoundingBoxFormat>;
  /** Height and width of the picture that the boxes are in. */
  readonly canvasSize: readonly [number, number];
  /** Default `'soft'`. */
  readonly clampingMode?: ClampingMode;
}

const BOXES_OPTIONS: OptionKinds<BoundingBoxesOptions> = { format: BOX_FORMAT, canvasSize: CANVAS, clampingMode: CLAMPING_MODE };

/**
 * Boxes in a picture, [boxes, 4].
 *
 * @throws {@link ShapeError} for another shape
 * @throws {@link DTypeError} for dtypes that are no numbers
 * @throws ArgumentError for a format or size that is none; turned boxes (torchvision's `XYWHR` and the like) are not there
 * @example
 * ```ts
 * import { BoundingBoxes, RandomHorizontalFlip } from 'flambeau/vision';
 *
 * const boxes = new BoundingBoxes([[0, 0, 10, 20]], { format: 'XYXY', canvasSize: [100, 200] });
 * console.log(new RandomHorizontalFlip(1)(boxes).tolist()); // [ [ 190, 0, 200, 20 ] ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.tv_tensors.BoundingBoxes.html
 */
export class BoundingBoxes extends TVTensor {
  readonly format: BoundingBoxFormat;
  readonly canvasSize: readonly [number, number];
  readonly clampingMode: ClampingMode;

  constructor(data: Tensor | Nested<Element>, options: BoundingBoxesOptions) {
    const given = requireOptions<BoundingBoxesOptions>(
      'BoundingBoxes',
      options,
      BOXES_OPTIONS,
      "{ format: 'XYXY', canvasSize: [height, width] }",
    );
    requireKind('BoundingBoxes', 'format', given.format, BOX_FORMAT);
    requireKind('BoundingBoxes', 'canvasSize', given.canvasSize, CANVAS);
    const values = asTensor(data);
    const boxes = values.ndim === 1 ? values.reshape(-1, 4) : values;
    if (boxes.ndim !== 2 || (boxes.shape as number[])[1] !== 4)
      throw new ShapeError(
        `BoundingBoxes: expected [boxes, 4], but got shape ${showShape(values.shape as number[])}; for none write zeros(0, 4)`,
      );
    if (boxes.dtype === 'bool') throw new DTypeError('BoundingBoxes: expected numbers, but got dtype bool');
    super(boxes);
    this.format = formatNamed(given.format);
    this.canvasSize = [given.canvasSize[0], given.canvasSize[1]];
    this.clampingMode = given.clampingMode === undefined ? 'soft' : given.clampingMode;
  }

  protected override printed(): readonly [name: string, details?: string] {
    const mode = this.clampingMode ?? 'None';
    const details = `format=BoundingBoxFormat.${this.format}, canvas_size=${pythonTuple(this.canvasSize)}, clamping_mode=${mode}`;
    return ['BoundingBoxes', details];
  }
}

/** What {@link wrap} may change of boxes. */
export interface WrapOptions {
  readonly format?: BoundingBoxFormat;
  readonly canvasSize?: readonly [number, number];
  readonly clampingMode?: ClampingMode;
}

const WRAP_OPTIONS: OptionKinds<WrapOptions> = { format: BOX_FORMAT, canvasSize: CANVAS, clampingMode: CLAMPING_MODE };

/**
 * A tensor as the same kind as another: of boxes with their format and size, unless said otherwise.
 *
 * @example
 * ```ts
 * import { BoundingBoxes, tvTensors } from 'flambeau/vision';
 *
 * const boxes = new BoundingBoxes([[0, 0, 10, 20]], { format: 'XYXY', canvasSize: [100, 200] });
 * console.log(tvTensors.wrap(boxes.mul(2), boxes, { canvasSize: [200, 400] }).canvasSize); // [ 200, 400 ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.tv_tensors.wrap.html
 */
export function wrap<T extends Tensor>(tensor: Tensor, like: T, options: WrapOptions = {}): T {
  requireKind('wrap', 'the tensor', tensor, TENSOR);
  requireKind('wrap', 'like', like, TENSOR);
  const given = requireOptions<WrapOptions>('wrap', options, WRAP_OPTIONS, '{ canvasSize: [height, width] }');
  return wrapped(tensor, like, given) as T;
}

const TENSOR = kind('a tensor', (value) => value instanceof Tensor);

function wrapped(tensor: Tensor, like: Tensor, given: WrapOptions): Tensor {
  if (like instanceof BoundingBoxes) {
    const { format, canvasSize } = like;
    const clampingMode = given.clampingMode === undefined ? like.clampingMode : given.clampingMode;
    return new BoundingBoxes(tensor, { format, canvasSize, ...given, clampingMode });
  }
  if (like instanceof Mask) return new Mask(tensor);
  return like instanceof ImageTensor ? new ImageTensor(tensor) : tensor;
}

/** Whether it is a tensor and nothing more: what torchvision calls a pure one. */
export const isPureTensor = (value: unknown): value is Tensor => value instanceof Tensor && !(value instanceof TVTensor);
