/** Points and what joins them on pictures (torchvision: `utils.draw_keypoints`). */
import { arrayOf, kind } from '../../base/arguments.ts';
import { IndexError, ShapeError } from '../../base/errors.ts';
import { showShape } from '../../base/shape.ts';
import { readCall, signature } from '../../base/signature.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { opaque, type Canvas } from './canvas.ts';
import { COLOUR, rgbOf, type Colour } from './colours.ts';
import { fillEllipse } from './ellipse.ts';
import { canvasOf, pictureOf, PIXELS, placesOf, requirePicture } from './picture.ts';
import { drawLine } from './polygon.ts';

export interface DrawKeypointsOptions {
  /** Pairs of points that a white line joins. */
  readonly connectivity?: readonly (readonly [number, number])[];
  /** Of points. Without a colour there are no points, only lines, as in torchvision. */
  readonly colors?: Colour;
  /** Of points, in pixels; default 2. */
  readonly radius?: number;
  /** Of lines; default 3. */
  readonly width?: number;
  /** [N, K] or [N, K, 1]: which points are there; a line needs both of its ends. */
  readonly visibility?: Tensor;
}
interface All extends DrawKeypointsOptions {
  readonly image: Tensor;
  readonly keypoints: Tensor;
}

const TENSOR = kind('a tensor', isTensor);
const PAIR = kind(
  'a pair of numbers of points',
  (value) => Array.isArray(value) && value.length === 2 && Number.isInteger(value[0]) && Number.isInteger(value[1]),
);
const DRAW = signature<All>(
  'drawKeypoints',
  { image: TENSOR, keypoints: TENSOR, connectivity: arrayOf(PAIR, 'pairs of numbers of points'), colors: COLOUR, radius: PIXELS, width: PIXELS, visibility: TENSOR },
  { required: 2, example: "drawKeypoints(image, keypoints, { colors: 'red', connectivity: [[0, 1]] })" },
); // prettier-ignore

/**
 * Draws points, and lines between them, pixel for pixel as torchvision does.
 *
 * @param image - [3, H, W], uint8 or floats from 0 to 1
 * @param keypoints - [N, K, 2]: x and y of the K points of each of N
 * @returns [3, H, W] of the picture's dtype
 * @throws {@link ShapeError} for other shapes, {@link DTypeError} for other numbers, {@link IndexError} for a pair that names a point that is not there
 * @example
 * ```ts
 * import { tensor, zeros } from 'flambeau';
 * import { drawKeypoints } from 'flambeau/vision';
 *
 * const drawn = drawKeypoints(zeros(3, 16, 16, { dtype: 'uint8' }), tensor([[[8, 8]]]), { colors: 'lime' });
 * console.log(drawn.at(1, 8, 6).item()); // 255
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.utils.draw_keypoints.html
 */
export function drawKeypoints(
  image: Tensor | All,
  keypoints?: Tensor,
  connectivity?: readonly (readonly [number, number])[] | DrawKeypointsOptions,
  colors?: Colour | DrawKeypointsOptions,
  radius?: number | DrawKeypointsOptions,
  width?: number | DrawKeypointsOptions,
  visibility?: Tensor | DrawKeypointsOptions,
): Tensor;
export function drawKeypoints(...args: readonly unknown[]): Tensor {
  const options = readCall(DRAW, args);
  const { image, keypoints, connectivity = [] } = options;
  requirePicture('drawKeypoints', image, [3]);
  const shape = keypoints.layout.shape;
  if (shape.length !== 3 || shape[2] !== 2) throw new ShapeError(`drawKeypoints: expected points [N, K, 2], but got ${showShape(shape)}`);
  for (const end of connectivity.flat()) {
    if (end < -shape[1]! || end >= shape[1]!)
      throw new IndexError(`drawKeypoints: expected pairs of points below ${shape[1]!}, but got ${end}`);
  }
  return withGradMode(false, () => {
    const places = placesOf('drawKeypoints', keypoints);
    const visible = visibilityOf(options.visibility, shape);
    const canvas = canvasOf(image);
    for (let i = 0; i < shape[0]!; i++) {
      const points = Array.from({ length: shape[1]! }, (_, k) => places.slice((i * shape[1]! + k) * 2).slice(0, 2));
      drawOne(canvas, points, visible?.[i], options);
    }
    return pictureOf(canvas, image.dtype, image);
  });
}

function visibilityOf(given: Tensor | undefined, points: readonly number[]): boolean[][] | undefined {
  if (given === undefined) return undefined;
  const visible = given.dim() === 3 && given.size(2) === 1 ? given.squeeze(2) : given;
  const shape = visible.layout.shape;
  if (shape.length !== 2 || shape[0] !== points[0] || shape[1] !== points[1]) {
    throw new ShapeError(
      `drawKeypoints: expected the visibility of each point, [${points[0]!}, ${points[1]!}], but got ${showShape(given.layout.shape)}`,
    );
  }
  return visible.detach().ne(0).tolist() as boolean[][];
}

function drawOne(canvas: Canvas, points: readonly number[][], visible: readonly boolean[] | undefined, options: All): void {
  const { connectivity = [], colors, radius = 2, width = 3 } = options;
  const isSeen = (i: number): boolean => visible?.at(i) !== false;
  points.forEach(([x, y], i) => {
    if (colors === undefined || !isSeen(i)) return;
    fillEllipse(canvas, [x! - radius, y! - radius, x! + radius, y! + radius], opaque(rgbOf(colors)));
  });
  for (const [from, to] of connectivity) {
    if (!isSeen(from) || !isSeen(to)) continue;
    const [[x0, y0], [x1, y1]] = [points.at(from)!, points.at(to)!];
    drawLine(canvas, x0!, y0!, x1!, y1!, width, opaque([255, 255, 255]));
  }
}
