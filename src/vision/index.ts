/**
 * Images: reading, transforms and data sets, by torchvision's names (https://pytorch.org/vision/stable/). Runs in Node and in browsers,
 * where paths are not available but `File`, `Blob` and bytes are.
 */
import '../tensor/tensor.ts'; // registers the class

export { decodeImage, type DecodeOptions } from '../io/image/decode.ts';
export { encodeImage, type EncodeOptions } from '../io/image/encode.ts';
export { Image, type Channels, type ImageMode } from '../io/image/image.ts';
export type { FileSource } from '../io/archive/open-files.ts';
export * from './datasets/index.ts';
export * as datasets from './datasets/index.ts';
export { centerCrop, crop, hflip, pad, vflip, type Padding, type PaddingMode } from './crop.ts';
export { colorMap, type ColorMapName, type ColorMapOptions } from './colour-map.ts';
export * from './draw/index.ts';
export type { PixelMode } from './image-modes.ts';
export { fromPixels, fromPixelsAsync, type FromFileOptions, type FromPixelsOptions, type PictureSource } from './from-pixels.ts';
export { imageOf, makeGrid, type MakeGridOptions } from './make-grid.ts';
export * as models from './models/index.ts';
export * as ops from './ops/index.ts';
export type { Drawable, PixelSource } from './drawn-image.ts';
export { readImage, type ImageSource } from './read-image.ts';
export { resize, type Interpolation } from './resize.ts';
export { rotate, type RotateInterpolation, type RotateOptions } from './rotate.ts';
export * as functional from './functional/index.ts';
export { toPixels, type PixelCanvas, type PixelData } from './to-pixels.ts';
export * from './transforms/index.ts';
export * as transforms from './transforms/index.ts';
export {
  BoundingBoxes,
  ImageTensor,
  Mask,
  TVTensor,
  type BoundingBoxesOptions,
  type BoundingBoxFormat,
  type ClampingMode,
  type WrapOptions,
} from './tv-tensors.ts';
export * as tvTensors from './tv-tensors-public.ts';
