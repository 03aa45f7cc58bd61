/** Masks on pictures (torchvision: `utils.draw_segmentation_masks`). */
import { kind, PROBABILITY } from '../../base/arguments.ts';
import { isFloating } from '../../base/dtype.ts';
import { DTypeError, ShapeError } from '../../base/errors.ts';
import { showShape } from '../../base/shape.ts';
import { readCall, signature } from '../../base/signature.ts';
import { tensor } from '../../tensor/create.ts';
import { where } from '../../tensor/functions.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { COLOURS, coloursFor, type Colours } from './colours.ts';
import { requirePicture } from './picture.ts';

export interface DrawSegmentationMasksOptions {
  /** How much a mask covers, 0 to 1; default 0.8. */
  readonly alpha?: number;
  /** Of masks; default a palette. */
  readonly colors?: Colours;
}
interface All extends DrawSegmentationMasksOptions {
  readonly image: Tensor;
  readonly masks: Tensor;
}

const TENSOR = kind('a tensor', isTensor);
const DRAW = signature<All>(
  'drawSegmentationMasks',
  { image: TENSOR, masks: TENSOR, alpha: PROBABILITY, colors: COLOURS },
  { required: 2, example: "drawSegmentationMasks(image, masks, { alpha: 0.5, colors: ['red', 'blue'] })" },
);

/**
 * Colours what masks show, as torchvision does: where masks overlap the picture is darkened instead.
 *
 * @param image - [3, H, W], uint8 or floats from 0 to 1
 * @param masks - [N, H, W] or [H, W], bool
 * @returns [3, H, W] of the picture's dtype; the picture itself where there are no masks
 * @throws {@link ShapeError} for other shapes, {@link DTypeError} for other numbers, {@link ArgumentError} for too few colours
 * @example
 * ```ts
 * import { ones, zeros } from 'flambeau';
 * import { drawSegmentationMasks } from 'flambeau/vision';
 *
 * const drawn = drawSegmentationMasks(zeros(3, 4, 4, { dtype: 'uint8' }), ones(4, 4).gt(0), { colors: 'blue' });
 * console.log(drawn.at(2, 0, 0).item()); // 204
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.utils.draw_segmentation_masks.html
 */
export function drawSegmentationMasks(
  image: Tensor | All,
  masks?: Tensor,
  alpha?: number | DrawSegmentationMasksOptions,
  colors?: Colours | DrawSegmentationMasksOptions,
): Tensor;
export function drawSegmentationMasks(...args: readonly unknown[]): Tensor {
  const { image, masks, alpha = 0.8, colors } = readCall(DRAW, args);
  requirePicture('drawSegmentationMasks', image, [3]);
  if (masks.dtype !== 'bool')
    throw new DTypeError(`drawSegmentationMasks: expected masks of bool, but got ${masks.dtype}; write masks.gt(0.5)`);
  const [shape, [, height, width]] = [masks.layout.shape, image.layout.shape];
  if (shape.length < 2 || shape.length > 3 || shape.at(-2) !== height || shape.at(-1) !== width) {
    throw new ShapeError(
      `drawSegmentationMasks: expected masks [N, ${height!}, ${width!}] or [${height!}, ${width!}], as large as the picture, but got ${showShape(shape)}`,
    );
  }
  const all = shape.length === 2 ? masks.unsqueeze(0) : masks;
  const count = all.size(0);
  if (count === 0) return image;
  return withGradMode(false, () => {
    // The palette's numbers are float32 before they are the picture's.
    const share = (value: number): number => (colors === undefined ? Math.fround(value / 255) : value / 255);
    const isFloat = isFloating(image.dtype);
    let painted: Tensor = image.detach();
    coloursFor('drawSegmentationMasks', count, colors).forEach((rgb, i) => {
      const colour = tensor(
        rgb.map((value) => (isFloat ? share(value) : value)),
        { dtype: image.dtype, device: image.device },
      );
      painted = where(all.select(0, i), colour.reshape(3, 1, 1), painted);
    });
    painted = painted.maskedFill(all.to('int64').sum(0).gt(1), 0);
    return image
      .detach()
      .mul(1 - alpha)
      .add(painted.mul(alpha))
      .to(image.dtype);
  });
}
