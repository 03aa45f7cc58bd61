/** How images become a network's input: the second tutorial's transforms, and resizing where that is needed. */
import { BOOL, COUNT, kind, NOT_NEGATIVE, requireKind, requireOptions, type OptionKinds } from '../base/arguments.ts';
import type { Image } from '../io/image/image.ts';
import type { Tensor } from '../tensor/tensor.ts';
import {
  CenterCrop,
  Compose,
  Normalize,
  RandomHorizontalFlip,
  RandomRotation,
  Resize,
  ToTensor,
  type Transform,
  type TransformLike,
} from '../vision/transforms/index.ts';
import type { ImageSpec } from './models.ts';

/** Random changes while training. */
export interface Augmentation {
  /** Exchange left and right in half of the images. */
  readonly flip: boolean;
  /** Turn by up to so many degrees either way; 0 for not at all. */
  readonly rotation: number;
}

const AUGMENTATION: OptionKinds<Augmentation> = { flip: BOOL, rotation: NOT_NEGATIVE };
const SIZES = kind('{ channels, height, width }', (value) => {
  const { channels, height, width } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return [channels, height, width].every(COUNT.accepts);
});

/** The second tutorial's. */
export const TUTORIAL_AUGMENTATION: Augmentation = { flip: true, rotation: 10 };

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Mean and standard deviation for each channel. */
export function normalizationOf({ channels, normalization = 'half' }: Pick<ImageSpec, 'channels' | 'normalization'>): {
  readonly mean: readonly number[];
  readonly std: readonly number[];
} {
  if (normalization === 'imagenet' && channels === 3) return IMAGENET;
  const half = new Array<number>(channels).fill(0.5);
  return { mean: half, std: half };
}

/**
 * From images with the right number of channels to float32 tensors [channels, height, width] with values from -1 to 1, or as ImageNet's weights expect. Images
 * of another size are scaled until their shorter edge fits, and cut to the middle; those that fit already pass unchanged.
 */
export function preprocess(
  spec: Pick<ImageSpec, 'channels' | 'height' | 'width' | 'normalization'>,
  augmentation?: Augmentation,
): Transform<Image, Tensor> {
  requireKind('preprocess', 'the size', spec, SIZES, 'write { channels: 3, height: 32, width: 32 }');
  if (augmentation !== undefined)
    requireOptions<Augmentation>('preprocess', augmentation, AUGMENTATION, '{ flip: true, rotation: 10 }');
  const { height, width } = spec;
  const { mean, std } = normalizationOf(spec);
  const steps: TransformLike[] = height === width ? [new Resize(height), new CenterCrop(height)] : [new Resize([height, width])]; // prettier-ignore
  if (augmentation?.flip === true) steps.push(new RandomHorizontalFlip());
  if (augmentation !== undefined && augmentation.rotation > 0) steps.push(new RandomRotation(augmentation.rotation));
  steps.push(new ToTensor(), new Normalize(mean, std));
  return new Compose(steps) as unknown as Transform<Image, Tensor>;
}
