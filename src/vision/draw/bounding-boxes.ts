/** Boxes on pictures (torchvision: `utils.draw_bounding_boxes`). */
import { arrayOf, BOOL, kind, orNull, POSITIVE, TEXT } from '../../base/arguments.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { showShape } from '../../base/shape.ts';
import { readCall, signature } from '../../base/signature.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { fillRectangle, opaque, strokeRectangle, type Canvas } from './canvas.ts';
import { COLOURS, coloursFor, type Colours, type Rgb } from './colours.ts';
import { drawText, textBox } from './font.ts';
import { canvasOf, pictureOf, PIXELS, placesOf, requirePicture } from './picture.ts';
import { drawLine, fillPolygon } from './polygon.ts';

export interface DrawBoundingBoxesOptions {
  /** A text for each box, or null for none. */
  readonly labels?: readonly (string | null)[];
  /** Of outlines; default a palette. */
  readonly colors?: Colours;
  /** Cover boxes with their colour, 100 parts of 255. Default false. */
  readonly fill?: boolean;
  /** Of outlines, in pixels, inwards; default 1. */
  readonly width?: number;
  /** The height of a label's letters in pixels, to the next multiple of 10; default 10. */
  readonly fontSize?: number;
  /** Of texts; default as `colors`, with `fillLabels` black. */
  readonly labelColors?: Colours;
  /** Under texts, with `fillLabels`; default as `colors`. */
  readonly labelBackgroundColors?: Colours;
  /** Fill the ground under texts. Default false. */
  readonly fillLabels?: boolean;
}
interface All extends DrawBoundingBoxesOptions {
  readonly image: Tensor;
  readonly boxes: Tensor;
  readonly font?: undefined;
}

const TENSOR = kind('a tensor', isTensor);
const NO_FONT = kind(
  'left out (labels are drawn in a built-in font of dots; no font files are read)',
  (value) => value === undefined || value === null,
);
const DRAW = signature<All>(
  'drawBoundingBoxes',
  { image: TENSOR, boxes: TENSOR, labels: arrayOf(orNull(TEXT), 'strings or null'), colors: COLOURS, fill: BOOL, width: PIXELS, font: NO_FONT, fontSize: POSITIVE, labelColors: COLOURS, labelBackgroundColors: COLOURS, fillLabels: BOOL },
  { required: 2, example: "drawBoundingBoxes(image, boxes, { labels: ['cat'], colors: 'red' })" },
); // prettier-ignore

/**
 * Draws boxes on a picture, pixel for pixel as torchvision does. Labels are in a built-in font of 5×8 dots where torchvision has
 * Pillow's default font, so they look different and are about as large; other font files are not read.
 *
 * @param image - [3, H, W] or [1, H, W], uint8 or floats from 0 to 1
 * @param boxes - [N, 4] as left, top, right, bottom, or [N, 8] as the corners of boxes that stand askew (their first side is dashed)
 * @returns [3, H, W] of the picture's dtype; the picture itself where there are no boxes
 * @throws {@link ShapeError} for other shapes, {@link DTypeError} for other numbers
 * @throws {@link ArgumentError} for boxes whose right is left of their left, and another number of labels or too few colours
 * @example
 * ```ts
 * import { tensor, zeros } from 'flambeau';
 * import { drawBoundingBoxes } from 'flambeau/vision';
 *
 * const drawn = drawBoundingBoxes(zeros(3, 20, 30, { dtype: 'uint8' }), tensor([[2, 3, 20, 15]]), { colors: 'red' });
 * console.log(drawn.at(0, 3, 10).item(), drawn.at(0, 4, 10).item()); // 255 0
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.utils.draw_bounding_boxes.html
 */
export function drawBoundingBoxes(
  image: Tensor | All,
  boxes?: Tensor | DrawBoundingBoxesOptions,
  labels?: readonly (string | null)[] | DrawBoundingBoxesOptions,
  colors?: Colours | DrawBoundingBoxesOptions,
  fill?: boolean | DrawBoundingBoxesOptions,
  width?: number | DrawBoundingBoxesOptions,
  font?: undefined,
  fontSize?: number | DrawBoundingBoxesOptions,
  labelColors?: Colours | DrawBoundingBoxesOptions,
  labelBackgroundColors?: Colours | DrawBoundingBoxesOptions,
  fillLabels?: boolean | DrawBoundingBoxesOptions,
): Tensor;
export function drawBoundingBoxes(...args: readonly unknown[]): Tensor {
  const options = readCall(DRAW, args);
  const { image, boxes, labels } = options;
  requirePicture('drawBoundingBoxes', image, [1, 3]);
  const shape = boxes.layout.shape;
  if (shape.length !== 2 || (shape[1] !== 4 && shape[1] !== 8))
    throw new ShapeError(`drawBoundingBoxes: expected boxes [N, 4] or [N, 8], but got ${showShape(shape)}`);
  const count = shape[0]!;
  if (labels !== undefined && labels.length !== count)
    throw new ArgumentError(`drawBoundingBoxes: expected a label for each of ${count} boxes, but got ${labels.length}`);
  if (count === 0) return image;
  return withGradMode(false, () => {
    const canvas = canvasOf(image);
    drawAll(canvas, cornersOf(boxes), options);
    return pictureOf(canvas, image.dtype, image);
  });
}

function cornersOf(boxes: Tensor): number[][] {
  const places = placesOf('drawBoundingBoxes', boxes);
  const [count, corners] = boxes.shape as [number, number];
  return Array.from({ length: count }, (_, i) => {
    const box = places.slice(i * corners, (i + 1) * corners);
    if (corners === 4 && (box[0]! > box[2]! || box[1]! > box[3]!)) {
      throw new ArgumentError(
        `drawBoundingBoxes: expected boxes as left, top, right, bottom with left ≤ right and top ≤ bottom, but got [${box.join(', ')}]; ops.boxConvert(boxes, 'xywh', 'xyxy') makes them so`,
      );
    }
    return box;
  });
}

function drawAll(canvas: Canvas, boxes: readonly number[][], options: All): void {
  const { labels, fill = false, width = 1, fontSize = 10, fillLabels = false } = options;
  const colours = (given: Colours | undefined): Rgb[] => coloursFor('drawBoundingBoxes', boxes.length, given);
  const own = colours(options.colors);
  const texts = options.labelColors !== undefined || fillLabels ? colours(options.labelColors ?? 'black') : own;
  const grounds = options.labelBackgroundColors === undefined ? own : colours(options.labelBackgroundColors);
  const scale = Math.max(1, Math.round(fontSize / 10));
  boxes.forEach((box, i) => {
    if (box.length === 4) drawStraight(canvas, box, own[i]!, fill, width);
    else drawAskew(canvas, box, own[i]!, fill, width);
    const label = labels?.[i];
    if (label === undefined || label === null) return;
    const [x, y] = [box[0]! + width + 1, box[1]! + width + 1];
    if (fillLabels) {
      const [left, top, right, bottom] = textBox(label, x, y, scale);
      fillRectangle(canvas, [left - 1, top - 1, right, bottom], opaque(grounds[i]!));
    }
    drawText(canvas, label, x, y, scale, opaque(texts[i]!));
  });
}

/** How much of a filled box's colour covers the picture, of 255. */
const COVER = 100;

function drawStraight(canvas: Canvas, box: readonly number[], colour: Rgb, fill: boolean, width: number): void {
  if (fill) fillRectangle(canvas, box, { colour, alpha: COVER });
  strokeRectangle(canvas, box, width, opaque(colour));
}

function drawAskew(canvas: Canvas, box: readonly number[], colour: Rgb, fill: boolean, width: number): void {
  const at = (i: number): number => box[i % 8]!;
  dashed(canvas, box, width, colour);
  for (let i = 2; i < 8; i += 2) drawLine(canvas, at(i), at(i + 1), at(i + 2), at(i + 3), width, opaque(colour));
  if (fill) fillPolygon(canvas, box, { colour, alpha: COVER });
}

/** The first side, which shows where a box's top is: five pixels of line, five without. */
function dashed(canvas: Canvas, [x0, y0, x1, y1]: readonly number[], width: number, colour: Rgb): void {
  let [x, y, isOn] = [x0!, y0!, true];
  let left = Math.sqrt((x1! - x) ** 2 + (y1! - y) ** 2);
  while (left > 0) {
    const step = Math.min(left, 5);
    const angle = Math.atan2(y1! - y, x1! - x);
    const [toX, toY] = [x + Math.cos(angle) * step, y + Math.sin(angle) * step];
    if (isOn) drawLine(canvas, Math.trunc(x), Math.trunc(y), Math.trunc(toX), Math.trunc(toY), width, opaque(colour));
    [x, y, left, isOn] = [toX, toY, left - step, !isOn];
  }
}
