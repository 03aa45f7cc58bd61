/** Functions of boxes, by torchvision's names: other formats, cut off at the picture's edges, without those that are no boxes. */
import { instanceOf, kind, NUMBER, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { fromTypedArray } from '../../tensor/create.ts';
import { BOX_FORMAT, BoundingBoxes, formatNamed, wrap, type BoundingBoxFormat, type ClampingMode } from '../tv-tensors.ts';
import { clamped, sane, withFormat } from './boxes.ts';

const BOXES = instanceOf('BoundingBoxes', BoundingBoxes);
export const MODE = kind("'soft', 'hard', 'auto' or null", (value) => value === null || ['soft', 'hard', 'auto'].includes(value as string));

/** A format by its name; small letters will do. */
export type FormatName = BoundingBoxFormat | Lowercase<BoundingBoxFormat>;

/**
 * The boxes in another format.
 *
 * @throws ArgumentError for a format that is none
 * @example
 * ```ts
 * import { BoundingBoxes, functional as F } from 'flambeau/vision';
 *
 * const boxes = new BoundingBoxes([[10, 20, 30, 60]], { format: 'XYXY', canvasSize: [100, 100] });
 * console.log(F.convertBoundingBoxFormat(boxes, 'CXCYWH').tolist()); // [ [ 20, 40, 20, 40 ] ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.convert_bounding_box_format.html
 */
export function convertBoundingBoxFormat(boxes: BoundingBoxes, format: FormatName): BoundingBoxes {
  requireKind('convertBoundingBoxFormat', 'the boxes', boxes, BOXES);
  requireKind('convertBoundingBoxFormat', 'the format', format, BOX_FORMAT);
  return withFormat(boxes, formatNamed(format));
}

/**
 * The boxes cut off at the edges of their picture; with null they stay, with `'auto'` as they say themselves.
 *
 * @throws ArgumentError for a mode that is none
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.clamp_bounding_boxes.html
 */
export function clampBoundingBoxes(boxes: BoundingBoxes, clampingMode: ClampingMode | 'auto' = 'auto'): BoundingBoxes {
  requireKind('clampBoundingBoxes', 'the boxes', boxes, BOXES);
  requireKind('clampBoundingBoxes', 'the mode', clampingMode, MODE);
  return clamped(boxes, clampingMode === 'auto' ? boxes.clampingMode : clampingMode);
}

/** Options of {@link sanitizeBoundingBoxes}. */
export interface SanitizeOptions {
  /** Smallest width and height, default 1. */
  readonly minSize?: number;
  /** Smallest area, default 1. */
  readonly minArea?: number;
}

export const SANITIZE_OPTIONS: OptionKinds<SanitizeOptions> = { minSize: NUMBER, minArea: NUMBER };

/** The rows of a tensor that `valid` names. */
export function rowsOf<T extends Tensor>(x: T, valid: Uint8Array): T {
  const kept = BigInt64Array.from(
    [...valid.keys()].filter((i) => valid[i] === 1),
    BigInt,
  );
  return wrap(x.indexSelect(0, fromTypedArray(kept)), x);
}

/**
 * The boxes that have a size and lie within their picture, and which those are, as bool.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.sanitize_bounding_boxes.html
 */
export function sanitizeBoundingBoxes(boxes: BoundingBoxes, options: SanitizeOptions = {}): [BoundingBoxes, Tensor] {
  requireKind('sanitizeBoundingBoxes', 'the boxes', boxes, BOXES);
  const { minSize = 1, minArea = 1 } = requireOptions<SanitizeOptions>(
    'sanitizeBoundingBoxes',
    options,
    SANITIZE_OPTIONS,
    '{ minSize: 1 }',
  );
  const valid = sane(boxes, minSize, minArea);
  return [rowsOf(boxes, valid), fromTypedArray(valid, [valid.length], 'bool') as Tensor];
}
