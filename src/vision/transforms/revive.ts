/** How a transform is made again from its description, in another thread. */
import { kind, requireKind } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import * as augment from './augment.ts';
import * as policies from './auto-augment.ts';
import type { TransformDescription, TransformLike } from './base.ts';
import * as colour from './colour.ts';
import { Compose, RandomApply, RandomChoice, RandomOrder } from './compose.ts';
import * as detection from './detection.ts';
import * as geometry from './geometry.ts';
import { IdentityTransform, ModuleTransform } from './own.ts';
import * as tensors from './tensors.ts';
import * as warps from './warps.ts';

type Maker = (args: readonly never[]) => TransformLike;
type Class = new (...args: never[]) => TransformLike;

const revived = (args: readonly unknown[]): TransformLike[] => (args[0] as readonly TransformDescription[]).map(reviveTransform);

/** Those that hold others. */
const CONTAINERS: Readonly<Record<string, Maker>> = {
  Compose: (args) => new Compose(revived(args)),
  RandomApply: (args) => new RandomApply(revived(args), args[1]),
  RandomChoice: (args) => new RandomChoice(revived(args), args[1]),
  RandomOrder: (args) => new RandomOrder(revived(args)),
};

const { CutMix, MixUp, RandomErasing } = augment;
const { AugMix, AutoAugment, RandAugment, TrivialAugmentWide } = policies;
const { ColorJitter, Grayscale, RandomAdjustSharpness, RandomAutocontrast, RandomChannelPermutation, RandomEqualize, RandomGrayscale, RandomInvert, RandomPhotometricDistort, RandomPosterize, RandomSolarize, RGB } = colour; // prettier-ignore
const { ClampBoundingBoxes, ConvertBoundingBoxFormat, RandomIoUCrop, RandomResize, RandomShortestSize, RandomZoomOut, SanitizeBoundingBoxes, ScaleJitter } = detection; // prettier-ignore
const { CenterCrop, FiveCrop, Pad, RandomCrop, RandomHorizontalFlip, RandomResizedCrop, RandomVerticalFlip, Resize, TenCrop } = geometry;
const { ConvertImageDtype, GaussianBlur, GaussianNoise, Normalize, PILToTensor, ToDtype, ToImage, ToPILImage, ToPureTensor, ToTensor } =
  tensors;
const { ElasticTransform, RandomAffine, RandomPerspective, RandomRotation } = warps;

/** By name: a bundler may give classes other ones. */
const CLASSES: Readonly<Record<string, Class>> = {
  ...{
    CutMix,
    MixUp,
    RandomErasing,
    AugMix,
    AutoAugment,
    RandAugment,
    TrivialAugmentWide,
    Identity: IdentityTransform,
    ModuleTransform,
  },
  ...{
    ColorJitter,
    Grayscale,
    RandomAdjustSharpness,
    RandomAutocontrast,
    RandomChannelPermutation,
    RandomEqualize,
    RGB,
  },
  ...{ RandomGrayscale, RandomInvert, RandomPhotometricDistort, RandomPosterize, RandomSolarize },
  ...{ ClampBoundingBoxes, ConvertBoundingBoxFormat, RandomIoUCrop, RandomResize, RandomShortestSize, RandomZoomOut },
  ...{
    SanitizeBoundingBoxes,
    ScaleJitter,
    CenterCrop,
    FiveCrop,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    Resize,
    TenCrop,
  },
  ...{ RandomResizedCrop, RandomVerticalFlip, ElasticTransform, RandomAffine, RandomPerspective, RandomRotation },
  ...{ ConvertImageDtype, GaussianBlur, GaussianNoise, Normalize, PILToTensor, ToDtype, ToImage, ToPILImage },
  ...{ ToPureTensor, ToTensor },
};

const DESCRIPTION = kind('{ name, args }', (value) => {
  const { name, args } = (value ?? {}) as { readonly name?: unknown; readonly args?: unknown };
  return typeof name === 'string' && Array.isArray(args) && (!Object.hasOwn(CONTAINERS, name) || Array.isArray(args[0]));
});

/**
 * Makes a transform again from its description.
 *
 * @throws {@link ArgumentError} for a class that is not one of the library's
 */
export function reviveTransform(description: TransformDescription): TransformLike {
  requireKind('reviveTransform', 'the description', description, DESCRIPTION);
  const { name, args } = description;
  if (Object.hasOwn(CONTAINERS, name)) return CONTAINERS[name]!(args as readonly never[]);
  if (Object.hasOwn(CLASSES, name)) return new CLASSES[name]!(...(args as never[]));
  throw new ArgumentError(
    `DataLoader: the transform ${name} is not one of the library's, so a worker cannot make it; put it into a module of its own and write ` +
      'await fromModule(url, name), or use numWorkers: 0',
  );
}
