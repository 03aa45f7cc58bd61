/**
 * Functions of pictures by torchvision's names (`torchvision.transforms.v2.functional`): what transforms do once what is random is drawn. They take
 * images, tensors [..., channels, height, width], masks and, where there are places to move, boxes, and give the same kind.
 */
export type { Fill, Size } from './arguments.ts';
export {
  adjustBrightness,
  adjustContrast,
  adjustGamma,
  adjustHue,
  adjustSaturation,
  adjustSharpness,
  autocontrast,
  equalize,
  grayscaleToRgb,
  invert,
  permuteChannels,
  posterize,
  rgbToGrayscale,
  rgbToGrayscale as toGrayscale,
  solarize,
  type Picture,
} from './colour.ts';
export { clampBoundingBoxes, convertBoundingBoxFormat, sanitizeBoundingBoxes } from './detection.ts';
export type { Point } from './matrices.ts';
export type { Visual } from './planes.ts';
export {
  centerCrop,
  crop,
  fiveCrop,
  getDimensions,
  getNumChannels,
  getSize,
  horizontalFlip,
  horizontalFlip as hflip,
  pad,
  resize,
  resizedCrop,
  tenCrop,
  verticalFlip,
  verticalFlip as vflip,
  type PadFunctionOptions,
  type ResizeFunctionOptions,
  type TargetSize,
} from './shape.ts';
export {
  convertImageDtype,
  erase,
  gaussianBlur,
  gaussianNoise,
  normalize,
  pilToTensor,
  toDtype,
  toImage,
  toPilImage,
  type GaussianNoiseOptions,
  type ToDtypeOptions,
} from './values.ts';
export {
  affine,
  elastic,
  elastic as elasticTransform,
  perspective,
  rotate,
  type AffineOptions,
  type PerspectivePoints,
  type RotateFunctionOptions,
  type WarpOptions,
} from './warps.ts';
