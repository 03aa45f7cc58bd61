/** The transforms, by torchvision's names. */
export { ImageTransform, Transform, type Call, type Transformed, type TransformDescription, type TransformLike } from './base.ts';
export { CutMix, MixUp, RandomErasing, type MixOptions, type RandomErasingOptions } from './augment.ts';
export {
  AugMix,
  AutoAugment,
  RandAugment,
  TrivialAugmentWide,
  type AugMixOptions,
  type AutoAugmentOptions,
  type RandAugmentOptions,
  type TrivialAugmentWideOptions,
} from './auto-augment.ts';
export type { PolicyName } from './auto-augment-policies.ts';
export {
  ColorJitter,
  Grayscale,
  RandomAdjustSharpness,
  RandomAutocontrast,
  RandomChannelPermutation,
  RandomEqualize,
  RandomGrayscale,
  RandomInvert,
  RandomPhotometricDistort,
  RandomPosterize,
  RandomSolarize,
  RGB,
  type ColorJitterOptions,
  type RandomPhotometricDistortOptions,
} from './colour.ts';
export { Compose, RandomApply, RandomChoice, RandomOrder, type RandomChoiceOptions } from './compose.ts';
export {
  ClampBoundingBoxes,
  ConvertBoundingBoxFormat,
  RandomIoUCrop,
  RandomResize,
  RandomShortestSize,
  RandomZoomOut,
  SanitizeBoundingBoxes,
  ScaleJitter,
  type LabelsGetter,
  type RandomIoUCropOptions,
  type RandomShortestSizeOptions,
  type RandomZoomOutOptions,
  type ResizingOptions,
  type SanitizeBoundingBoxesOptions,
  type ScaleJitterOptions,
} from './detection.ts';
export {
  CenterCrop,
  FiveCrop,
  Pad,
  RandomCrop,
  RandomHorizontalFlip,
  RandomResizedCrop,
  RandomVerticalFlip,
  Resize,
  TenCrop,
  type PadOptions,
  type RandomCropOptions,
  type RandomResizedCropOptions,
  type ResizeOptions,
} from './geometry.ts';
export { fromModule, IdentityTransform as Identity, Lambda, ModuleTransform, type PartKind } from './own.ts';
export { reviveTransform } from './revive.ts';
export { RandomTransform, SampleTransform, type FillByKind, type FillTable } from './sample.ts';
export {
  ConvertImageDtype,
  GaussianBlur,
  GaussianNoise,
  LinearTransformation,
  Normalize,
  PILToTensor,
  ToDtype,
  ToImage,
  ToPILImage,
  ToPureTensor,
  ToTensor,
  type DTypeTable,
} from './tensors.ts';
export {
  ElasticTransform,
  RandomAffine,
  RandomPerspective,
  RandomRotation,
  type ElasticTransformOptions,
  type RandomAffineOptions,
  type RandomPerspectiveOptions,
  type RandomRotationOptions,
  type WarpTransformOptions,
} from './warps.ts';
